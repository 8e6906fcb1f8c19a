/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MODE SENSE (SPC-4 6.11, 7.5; SBC-3 6.5): a table of mode pages. Nothing can be changed or saved:
 * changeable values are all zero, current values are the defaults.
 */
#include "scsi/internal.h"

enum { ALL_PAGES = 0x3f, ALL_SUBPAGES = 0xff };
enum page_control { PC_CURRENT, PC_CHANGEABLE, PC_DEFAULT, PC_SAVED };

/* One page; body is what follows PAGE LENGTH, zeroed. */
struct mode_page {
	uint8_t page;
	uint8_t subpage;
	uint8_t len;
	void (*values)(const struct scsi_lu *lu, uint8_t *body); /* NULL: all zero */
};

/* WCE tells the truth about the store: rule for FUA and SYNCHRONIZE CACHE. */
static void caching(const struct scsi_lu *lu, uint8_t *body)
{
	body[0] = scsi_has_feature(lu, STORE_F_WRITE_CACHE) ? 0x04 : 0;
}

/* TST 0: one task set for all nexuses; QAM 1: unrestricted reordering; D_SENSE 0; TAS 0. */
static void control(const struct scsi_lu *lu, uint8_t *body)
{
	body[1] = 0x10;
}

/* DEXCPT: informational exceptions are off. */
static void informational_exceptions(const struct scsi_lu *lu, uint8_t *body)
{
	body[0] = 0x08;
}

static const struct mode_page pages[] = {
	{ 0x01, 0x00, 10, NULL }, /* Read-Write Error Recovery */
	{ 0x02, 0x00, 14, NULL }, /* Disconnect-Reconnect */
	{ 0x08, 0x00, 18, caching },
	{ 0x0a, 0x00, 10, control },
	{ 0x0a, 0x01, 28, NULL }, /* Control Extension */
	{ 0x1c, 0x00, 10, informational_exceptions },
};

static size_t put_page(const struct scsi_lu *lu, const struct mode_page *page,
		       enum page_control pc, uint8_t *out)
{
	size_t head = page->subpage ? 4 : 2;

	out[0] = page->page;
	if (page->subpage) { /* SPF, 16-bit length */
		out[0] |= 0x40;
		out[1] = page->subpage;
		be16_put(out + 2, page->len);
	} else {
		out[1] = page->len;
	}
	if (page->values && pc != PC_CHANGEABLE)
		page->values(lu, out + head);
	return head + page->len;
}

/* All pages that the CDB names, one after the other; 0 if there is none. */
static size_t put_pages(const struct scsi_cmd *cmd, uint8_t *out)
{
	uint8_t code = cmd->cdb[2] & 0x3f;
	uint8_t subpage = cmd->cdb[3];
	enum page_control pc = cmd->cdb[2] >> 6;
	size_t len = 0;

	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		if (code != ALL_PAGES && code != pages[i].page)
			continue;
		if (subpage != ALL_SUBPAGES && subpage != pages[i].subpage)
			continue;
		len += put_page(cmd->itl->lu, &pages[i], pc, out + len);
	}
	return len;
}

/* SBC-3 6.5.2: short form, the count saturates. */
static size_t put_short_block_desc(const struct scsi_lu *lu, uint8_t *out)
{
	uint64_t n = scsi_n_blocks(lu);

	be32_put(out, n > UINT32_MAX ? UINT32_MAX : (uint32_t)n);
	be24_put(out + 5, scsi_block_len(lu));
	return 8;
}

static size_t put_long_block_desc(const struct scsi_lu *lu, uint8_t *out)
{
	be64_put(out, scsi_n_blocks(lu));
	be32_put(out + 12, scsi_block_len(lu));
	return 16;
}

/* Device-specific parameter: WP, DPOFUA. */
static uint8_t device_specific(const struct scsi_itl *itl)
{
	return (uint8_t)((itl->read_only ? 0x80 : 0) | 0x10);
}

static bool is_known_page(uint8_t code)
{
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++)
		if (pages[i].page == code)
			return true;
	return code == ALL_PAGES;
}

/* What is wrong with the page asked for; called when no page was found or may be given. */
static enum scsi_next refuse_page(struct scsi_cmd *cmd)
{
	if (!is_known_page(cmd->cdb[2] & 0x3f))
		return scsi_bad_cdb(cmd, 2, 5);
	return scsi_bad_cdb(cmd, 3, -1);
}

static bool asks_saved(const struct scsi_cmd *cmd)
{
	return cmd->cdb[2] >> 6 == PC_SAVED;
}

/* With all pages, SUBPAGE CODE is 00h or FFh (SPC-4 table 190). */
static bool is_reserved_subpage(const struct scsi_cmd *cmd)
{
	return (cmd->cdb[2] & 0x3f) == ALL_PAGES && cmd->cdb[3] != 0 &&
	       cmd->cdb[3] != ALL_SUBPAGES;
}

enum scsi_next spc_mode_sense6(struct scsi_cmd *cmd)
{
	uint8_t *buf = cmd->buf;
	size_t desc_len = 0;
	size_t page_len;
	size_t len;

	if (asks_saved(cmd))
		return scsi_fail(cmd, SENSE_SAVING_NOT_SUPPORTED);
	if (!(cmd->cdb[1] & 0x08))
		desc_len = put_short_block_desc(cmd->itl->lu, buf + 4);
	page_len = put_pages(cmd, buf + 4 + desc_len);
	if (!page_len || is_reserved_subpage(cmd))
		return refuse_page(cmd);
	len = 4 + desc_len + page_len;
	buf[0] = (uint8_t)(len - 1);
	buf[2] = device_specific(cmd->itl);
	buf[3] = (uint8_t)desc_len;
	return scsi_data_in(cmd, len);
}

static size_t put_block_desc10(const struct scsi_cmd *cmd, uint8_t *buf)
{
	const struct scsi_lu *lu = cmd->itl->lu;

	if (cmd->cdb[1] & 0x08) /* DBD */
		return 0;
	if (!(cmd->cdb[1] & 0x10)) /* LLBAA */
		return put_short_block_desc(lu, buf + 8);
	buf[4] = 0x01; /* LONGLBA */
	return put_long_block_desc(lu, buf + 8);
}

enum scsi_next spc_mode_sense10(struct scsi_cmd *cmd)
{
	uint8_t *buf = cmd->buf;
	size_t desc_len;
	size_t page_len;
	size_t len;

	if (asks_saved(cmd))
		return scsi_fail(cmd, SENSE_SAVING_NOT_SUPPORTED);
	desc_len = put_block_desc10(cmd, buf);
	page_len = put_pages(cmd, buf + 8 + desc_len);
	if (!page_len || is_reserved_subpage(cmd))
		return refuse_page(cmd);
	len = 8 + desc_len + page_len;
	be16_put(buf, (uint16_t)(len - 2));
	buf[3] = device_specific(cmd->itl);
	be16_put(buf + 6, (uint16_t)desc_len);
	return scsi_data_in(cmd, len);
}
