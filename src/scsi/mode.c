/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mode pages (SPC-4 7.5, SBC-3 6.5) and MODE SENSE (SPC-4 6.11): a table of pages, and a table of the
 * bits in them that can be changed (mode_select.c changes them).
 */
#include "scsi/mode.h"

enum { ALL_PAGES = 0x3f, ALL_SUBPAGES = 0xff, SAVEABLE = 0x80 };
enum page_control { PC_CURRENT, PC_CHANGEABLE, PC_DEFAULT, PC_SAVED };

/* ---- pages; the bits of mode_bits[] are put in later ---- */

/* Format Device: one track of everything; what it tells beside the block length is history. */
static void format_device(const struct scsi_lu *lu, uint8_t *body)
{
	be16_put(body + 8, 63); /* sectors per track */
	be16_put(body + 10, (uint16_t)scsi_block_len(lu));
	body[18] = (uint8_t)(0x40 | (lu->removable ? 0x20 : 0)); /* HSEC, RMB */
}

/* Rigid Disk Geometry: as many cylinders of 255 heads and 63 sectors as fit into the field. */
static void geometry(const struct scsi_lu *lu, uint8_t *body)
{
	uint64_t cylinders = scsi_n_blocks(lu) / (255 * 63);

	be24_put(body, (uint32_t)MIN(cylinders, UINT64_C(0xffffff)));
	body[3] = 255;
	be16_put(body + 18, lu->rotational ? 0 : 1); /* as VPD page B1h */
}

/* TST 0: one task set for all nexuses; QAM 1: unrestricted reordering; TAS 0. */
static void control(const struct scsi_lu *lu, uint8_t *body)
{
	body[1] = 0x10;
}

/* TCMOS: the host's clock sets the timestamp; SCSIP: SET TIMESTAMP goes before it. */
static void control_extension(const struct scsi_lu *lu, uint8_t *body)
{
	body[0] = 0x06;
}

/* DEXCPT: informational exceptions are off. */
static void informational_exceptions(const struct scsi_lu *lu, uint8_t *body)
{
	body[0] = 0x08;
}

/* What a drive for discs can do (MMC-3 5.5.10): reads CD and DVD-ROM; a tray that opens and locks. */
static void capabilities(const struct scsi_lu *lu, uint8_t *body)
{
	body[0] = 0x08; /* DVD-ROM */
	body[4] = 0x29; /* TRAY, EJECT, LOCK */
	be16_put(body + 6, 7056); /* kByte/s: 40 times a CD */
	be16_put(body + 12, 7056);
}

static const struct mode_page pages[] = {
	{ 0x01, 0x00, 10, NULL, 0 }, /* Read-Write Error Recovery */
	{ 0x02, 0x00, 14, NULL, 0 }, /* Disconnect-Reconnect */
	{ 0x03, 0x00, 22, format_device, OP_WRITES },
	{ 0x04, 0x00, 22, geometry, OP_WRITES },
	{ 0x08, 0x00, 18, NULL, 0 }, /* Caching */
	{ 0x0a, 0x00, 10, control, 0 },
	{ 0x0a, 0x01, 28, control_extension, 0 },
	{ 0x1c, 0x00, 10, informational_exceptions, 0 },
	{ 0x2a, 0x00, 20, capabilities, OP_IF_CDROM },
};

static bool has_page(const struct scsi_lu *lu, const struct mode_page *page)
{
	return !(page->lacks & lu->lacks);
}

/* ---- bits that can be changed ---- */

static const struct {
	uint32_t bit;
	uint8_t page;
	uint8_t byte; /* of the body */
	uint8_t mask;
} mode_bits[] = {
	{ SCSI_MODE_WCE, 0x08, 0, 0x04 },
	{ SCSI_MODE_D_SENSE, 0x0a, 0, 0x04 },
	{ SCSI_MODE_SWP, 0x0a, 2, 0x08 },
};

uint32_t scsi_mode_default(const struct scsi_lu *lu)
{
	return scsi_has_feature(lu, STORE_F_WRITE_CACHE) ? SCSI_MODE_WCE : 0;
}

/* A store without a volatile cache cannot be given one. */
uint32_t scsi_mode_changeable(const struct scsi_lu *lu)
{
	return scsi_mode_default(lu) | SCSI_MODE_D_SENSE | SCSI_MODE_SWP;
}

void scsi_mode_set(struct scsi_lu *lu, uint32_t mask, uint32_t bits)
{
	uint32_t mode = (atomic_load(&lu->mode) & ~mask) | (bits & mask);
	bool through = scsi_mode_default(lu) & ~mode & SCSI_MODE_WCE;

	atomic_store(&lu->mode, mode);
	atomic_store(&lu->write_flags, through ? STORE_IO_FUA : 0);
}

static void put_bits(const struct mode_page *page, uint32_t mode, uint8_t *body)
{
	for (size_t i = 0; !page->subpage && i < ARRAY_SIZE(mode_bits); i++)
		if (mode_bits[i].page == page->page && mode & mode_bits[i].bit)
			body[mode_bits[i].byte] |= mode_bits[i].mask;
}

uint32_t mode_take_bits(const struct mode_page *page, const uint8_t *body, uint32_t *bits)
{
	uint32_t mask = 0;

	for (size_t i = 0; !page->subpage && i < ARRAY_SIZE(mode_bits); i++) {
		if (mode_bits[i].page != page->page)
			continue;
		mask |= mode_bits[i].bit;
		*bits &= ~mode_bits[i].bit;
		if (body[mode_bits[i].byte] & mode_bits[i].mask)
			*bits |= mode_bits[i].bit;
	}
	return mask;
}

const struct mode_page *mode_find(const struct scsi_lu *lu, uint8_t code, uint8_t subpage)
{
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++)
		if (pages[i].page == code && pages[i].subpage == subpage && has_page(lu, &pages[i]))
			return &pages[i];
	return NULL;
}

void mode_body(const struct scsi_lu *lu, const struct mode_page *page, uint32_t mode, uint8_t *body)
{
	memset(body, 0, page->len);
	if (page->values)
		page->values(lu, body);
	put_bits(page, mode, body);
}

void mode_changeable_body(const struct scsi_lu *lu, const struct mode_page *page, uint8_t *body)
{
	memset(body, 0, page->len);
	put_bits(page, scsi_mode_changeable(lu), body);
}

/* ---- MODE SENSE ---- */

static bool is_saveable(const struct scsi_lu *lu, const struct mode_page *page)
{
	uint32_t none = 0;
	uint8_t body[MODE_BODY_MAX] = { 0 };

	return lu->keeper && mode_take_bits(page, body, &none);
}

/* SCSI_MODE_* for a page control. */
static uint32_t mode_values(struct scsi_lu *lu, enum page_control pc)
{
	uint32_t mode;

	if (pc == PC_DEFAULT)
		return scsi_mode_default(lu);
	pthread_mutex_lock(&lu->lock);
	mode = pc == PC_SAVED ? lu->mode_saved : atomic_load(&lu->mode);
	pthread_mutex_unlock(&lu->lock);
	return mode;
}

static size_t put_page(struct scsi_lu *lu, const struct mode_page *page, enum page_control pc,
		       uint8_t *out)
{
	size_t head = page->subpage ? 4 : 2;

	out[0] = page->page | (is_saveable(lu, page) ? SAVEABLE : 0);
	if (page->subpage) { /* SPF, 16-bit length */
		out[0] |= 0x40;
		out[1] = page->subpage;
		be16_put(out + 2, page->len);
	} else {
		out[1] = page->len;
	}
	if (pc == PC_CHANGEABLE)
		mode_changeable_body(lu, page, out + head);
	else
		mode_body(lu, page, mode_values(lu, pc), out + head);
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
		if (!has_page(cmd->itl->lu, &pages[i]) ||
		    (code != ALL_PAGES && code != pages[i].page))
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
	bool protected = itl->read_only || scsi_mode_is(itl->lu, SCSI_MODE_SWP);

	return (uint8_t)((protected ? 0x80 : 0) | 0x10);
}

static bool is_known_page(const struct scsi_lu *lu, uint8_t code)
{
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++)
		if (pages[i].page == code && has_page(lu, &pages[i]))
			return true;
	return code == ALL_PAGES;
}

/* What is wrong with the page asked for; called when no page was found or may be given. */
static enum scsi_next refuse_page(struct scsi_cmd *cmd)
{
	if (!is_known_page(cmd->itl->lu, cmd->cdb[2] & 0x3f))
		return scsi_bad_cdb(cmd, 2, 5);
	return scsi_bad_cdb(cmd, 3, -1);
}

static bool asks_saved_in_vain(const struct scsi_cmd *cmd)
{
	return cmd->cdb[2] >> 6 == PC_SAVED && !cmd->itl->lu->keeper;
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

	if (asks_saved_in_vain(cmd))
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

	if (asks_saved_in_vain(cmd))
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
