/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the medium is like: GET LBA STATUS (SBC-3 5.4) from what the store tells of its holes, and READ
 * DEFECT DATA (SBC-3 5.9, 5.10), whose lists are empty: a store hides its defects.
 */
#include "scsi/internal.h"

/* ---- GET LBA STATUS ---- */

enum { STATUS_HEADER_LEN = 8, STATUS_DESC_LEN = 16, STATUS_MAX_DESCS = 255 };
enum { MAPPED = 0, DEALLOCATED = 1 };

/* Descriptors that the allocation length has room for; one at least, which is then cut. */
static uint32_t max_descs(const struct scsi_cmd *cmd)
{
	uint64_t room = MAX(cmd->nblk, (uint64_t)(STATUS_HEADER_LEN + STATUS_DESC_LEN));

	return (uint32_t)MIN((room - STATUS_HEADER_LEN) / STATUS_DESC_LEN,
			     (uint64_t)STATUS_MAX_DESCS);
}

/*
 * Blocks from lba on that are alike, at most what a descriptor can count. A block of which a part is
 * allocated is mapped. 0 or -errno.
 */
static int find_extent(const struct scsi_lu *lu, uint64_t lba, uint32_t *n, uint8_t *status)
{
	uint64_t left = scsi_n_blocks(lu) - lba;
	uint64_t most = MIN(left, (uint64_t)UINT32_MAX);
	const struct store_ops *ops = lu->store->ops;
	uint64_t len = most << lu->block_shift;
	bool is_mapped = true;
	int res = 0;

	if (lu->thin && ops && ops->extent)
		res = ops->extent(lu->store, lba << lu->block_shift, len, &len, &is_mapped);
	if (res)
		return res;
	is_mapped |= len < scsi_block_len(lu);
	if (is_mapped)
		len += scsi_block_len(lu) - 1;
	*n = (uint32_t)MIN(len >> lu->block_shift, most);
	*status = is_mapped ? MAPPED : DEALLOCATED;
	return 0;
}

/* Fills the descriptors behind the header; how many is left in cmd->index. May sleep. */
static int find_extents(struct scsi_cmd *cmd)
{
	const struct scsi_lu *lu = cmd->itl->lu;
	uint8_t *desc = cmd->buf + STATUS_HEADER_LEN;
	uint32_t max = max_descs(cmd);
	int res = 0;

	while (!res && cmd->index < max && cmd->lba < scsi_n_blocks(lu)) {
		uint32_t n = 0;

		res = find_extent(lu, cmd->lba, &n, &desc[12]);
		be64_put(desc, cmd->lba);
		be32_put(desc + 8, n);
		cmd->lba += n;
		desc += STATUS_DESC_LEN;
		cmd->index++;
	}
	return res;
}

static enum scsi_next found_extents(struct scsi_cmd *cmd, int res)
{
	uint32_t len = cmd->index * STATUS_DESC_LEN;

	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_READ, res, cmd->lba);
	be32_put(cmd->buf, len + STATUS_HEADER_LEN - 4);
	return scsi_data_in(cmd, STATUS_HEADER_LEN + len);
}

enum scsi_next sbc_get_lba_status(struct scsi_cmd *cmd)
{
	cmd->lba = be64_get(cmd->cdb + 2);
	cmd->index = 0;
	if (cmd->lba >= scsi_n_blocks(cmd->itl->lu))
		return scsi_fail(cmd, SENSE_LBA_OUT_OF_RANGE);
	return scsi_call_store(cmd, find_extents, found_extents);
}

/* ---- READ DEFECT DATA ---- */

/* DEFECT LIST FORMAT: short block, extended..., long block, bytes from index, physical sector. */
static bool is_defect_format(uint8_t format)
{
	return format == 0 || format == 3 || format == 4 || format == 5;
}

/* In the order of the ten-byte form: PLIST, GLIST and format in one byte. */
enum scsi_next sbc_read_defects(struct scsi_cmd *cmd)
{
	bool is_ten = cmd->op->cdb_len == 10;
	unsigned int at = is_ten ? 2 : 1;
	uint8_t what = cmd->cdb[at] & 0x1f;

	if (!is_defect_format(what & 0x07))
		return scsi_bad_cdb(cmd, at, 2);
	cmd->buf[1] = what;
	return scsi_data_in(cmd, is_ten ? 4 : 8);
}
