/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MODE SELECT (SPC-4 6.9, 6.10): the parameter list is checked as a whole before anything changes. With
 * SP the values are kept in stable storage before they count; what the cache holds is on the medium
 * before GOOD if it is switched off, or the medium write protected. Which bits there are, mode.c knows.
 */
#include "scsi/mode.h"

enum { CDB_PF = 0x10, CDB_SP = 0x01 };

/* A parameter list and how far it is read. */
struct list {
	const uint8_t *data;
	uint32_t len;
	uint32_t pos;
};

/* The checks return false when they have ended the command. */
static bool bad_field(struct scsi_cmd *cmd, uint32_t byte, int bit)
{
	scsi_fail_field(cmd, SENSE_INVALID_FIELD_IN_PARAMETERS, byte, bit);
	return false;
}

static bool truncated(struct scsi_cmd *cmd)
{
	scsi_fail(cmd, SENSE_PARAMETER_LIST_LENGTH);
	return false;
}

/* ---- block descriptor ---- */

/* Neither the number nor the length of blocks can be changed (SBC-3 6.5.2). */
static bool check_desc(struct scsi_cmd *cmd, struct list *list, uint32_t desc_len, bool is_long)
{
	const struct scsi_lu *lu = cmd->itl->lu;
	const uint8_t *desc = list->data + list->pos;
	uint64_t all = is_long ? UINT64_MAX : UINT32_MAX;
	uint64_t n_blocks, block_len;

	if (!desc_len)
		return true;
	if (desc_len > list->len - list->pos)
		return truncated(cmd);
	n_blocks = is_long ? be64_get(desc) : be32_get(desc);
	block_len = is_long ? be32_get(desc + 12) : be32_get(desc + 4) & 0xffffff;
	if (n_blocks && n_blocks != all && n_blocks != scsi_n_blocks(lu))
		return bad_field(cmd, list->pos, -1);
	if (block_len != scsi_block_len(lu))
		return bad_field(cmd, list->pos + (is_long ? 12 : 5), -1);
	list->pos += desc_len;
	return true;
}

/* Header of four or eight bytes, and the block descriptor behind it. */
static bool check_head(struct scsi_cmd *cmd, struct list *list)
{
	bool is_ten = cmd->op->cdb_len == 10;
	bool is_long = false;
	uint32_t desc_len;

	list->pos = is_ten ? 8 : 4;
	if (list->len < list->pos)
		return truncated(cmd);
	if (list->data[is_ten ? 2 : 1]) /* MEDIUM TYPE */
		return bad_field(cmd, is_ten ? 2 : 1, -1);
	if (is_ten)
		is_long = list->data[4] & 0x01;
	desc_len = is_ten ? be16_get(list->data + 6) : list->data[3];
	if (desc_len && desc_len != (is_long ? 16 : 8))
		return bad_field(cmd, is_ten ? 6 : 3, -1);
	return check_desc(cmd, list, desc_len, is_long);
}

/* ---- pages ---- */

/* Bits that differ from what they are must be changeable (SPC-4 6.9). */
static bool check_body(struct scsi_cmd *cmd, const struct list *list, const struct mode_page *page,
		       uint32_t mode)
{
	const struct scsi_lu *lu = cmd->itl->lu;
	uint8_t current[MODE_BODY_MAX], changeable[MODE_BODY_MAX];

	mode_body(lu, page, mode, current);
	mode_changeable_body(lu, page, changeable);
	for (uint32_t i = 0; i < page->len; i++) {
		unsigned int bad = (current[i] ^ list->data[list->pos + i]) & ~changeable[i] & 0xffu;

		if (bad)
			return bad_field(cmd, list->pos + i, 31 - __builtin_clz(bad));
	}
	return true;
}

/* The page at list->pos: its header, moved over, and the page; *page NULL: it is not one of ours. */
static bool check_page_head(struct scsi_cmd *cmd, struct list *list, const struct mode_page **page)
{
	const uint8_t *head = list->data + list->pos;
	bool has_subpage = head[0] & 0x40; /* SPF */
	uint32_t head_len = has_subpage ? 4 : 2;

	if (list->len - list->pos < head_len)
		return truncated(cmd);
	if (head[0] & 0x80) /* PS is reserved here */
		return bad_field(cmd, list->pos, 7);
	*page = mode_find(cmd->itl->lu, head[0] & 0x3f, has_subpage ? head[1] : 0);
	if (!*page || !(*page)->subpage != !has_subpage)
		return bad_field(cmd, list->pos, 5);
	if ((has_subpage ? be16_get(head + 2) : head[1]) != (*page)->len)
		return bad_field(cmd, list->pos + (has_subpage ? 2 : 1), -1);
	list->pos += head_len;
	if (list->len - list->pos < (*page)->len)
		return truncated(cmd);
	return true;
}

/* All pages: *mask becomes the SCSI_MODE_* that are in them, *bits their values. */
static bool check_pages(struct scsi_cmd *cmd, struct list *list, uint32_t *mask, uint32_t *bits)
{
	uint32_t mode = atomic_load(&cmd->itl->lu->mode);
	const struct mode_page *page;

	while (list->pos < list->len) {
		if (!check_page_head(cmd, list, &page) || !check_body(cmd, list, page, mode))
			return false;
		*mask |= mode_take_bits(page, list->data + list->pos, bits);
		list->pos += page->len;
	}
	return true;
}

/* ---- changing; the bits stand in cmd->lba, which they are in cmd->total ---- */

static enum scsi_next flushed(struct scsi_cmd *cmd, int res)
{
	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_FLUSH, res, SCSI_NO_LBA);
	return scsi_good(cmd);
}

static enum scsi_next change(struct scsi_cmd *cmd)
{
	struct scsi_lu *lu = cmd->itl->lu;
	uint32_t before, after;

	pthread_mutex_lock(&lu->lock);
	before = atomic_load(&lu->mode);
	scsi_mode_set(lu, (uint32_t)cmd->total, (uint32_t)cmd->lba);
	after = atomic_load(&lu->mode);
	pthread_mutex_unlock(&lu->lock);
	if (before != after)
		scsi_ua_set_others(lu, cmd->nexus, SCSI_UA_MODE_CHANGED);
	if (before & ~after & SCSI_MODE_WCE || after & ~before & SCSI_MODE_SWP)
		return scsi_store(cmd, STORE_FLUSH, 0, 0, NULL, flushed);
	return scsi_good(cmd);
}

/* Every saveable page is saved as it then is (SPC-4 6.9); such calls run one at a time. */
static int save(struct scsi_cmd *cmd)
{
	struct scsi_lu *lu = cmd->itl->lu;
	uint32_t mask = (uint32_t)cmd->total;
	uint32_t mode = (atomic_load(&lu->mode) & ~mask) | ((uint32_t)cmd->lba & mask);
	int res = lu->keeper->save_mode(lu->keeper, lu, mode);

	if (res)
		return res;
	pthread_mutex_lock(&lu->lock);
	lu->mode_saved = mode;
	pthread_mutex_unlock(&lu->lock);
	return 0;
}

static enum scsi_next saved(struct scsi_cmd *cmd, int res)
{
	return res ? scsi_fail(cmd, SENSE_INTERNAL_FAILURE) : change(cmd);
}

/* An empty list changes nothing, and is no error. */
enum scsi_next spc_mode_select(struct scsi_cmd *cmd)
{
	struct list list = { .data = cmd->buf, .len = cmd->data_len };
	bool saves = cmd->cdb[1] & CDB_SP;
	uint32_t mask = 0, bits = 0;

	if (atomic_load(&cmd->itl->lu->stopped) == SCSI_POWER_ERASING)
		return scsi_fail(cmd, scsi_not_ready(cmd->itl->lu));
	if (saves && !cmd->itl->lu->keeper)
		return scsi_bad_cdb(cmd, 1, 0);
	if (!cmd->nblk)
		return scsi_good(cmd);
	if (!(cmd->cdb[1] & CDB_PF)) /* a format that only vendors know */
		return scsi_bad_cdb(cmd, 1, 4);
	if (!check_head(cmd, &list) || !check_pages(cmd, &list, &mask, &bits))
		return SCSI_COMPLETE;
	cmd->lba = bits;
	cmd->total = mask;
	return saves ? scsi_call(cmd, save, saved) : change(cmd);
}
