/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UNMAP and WRITE SAME (SBC-3 5.28, 5.44 ff.): many blocks from little data. Blocks that are to
 * read as zero become STORE_ZERO or STORE_UNMAP; how the store does that is its own.
 */
#include "scsi/internal.h"

/* ---- UNMAP ---- */

enum { UNMAP_HEADER_LEN = 8, UNMAP_DESC_LEN = 16 };

static const uint8_t *unmap_desc(const struct scsi_cmd *cmd, uint32_t i)
{
	return cmd->buf + UNMAP_HEADER_LEN + (size_t)i * UNMAP_DESC_LEN;
}

static enum scsi_next unmap_next(struct scsi_cmd *cmd);

static enum scsi_next unmapped(struct scsi_cmd *cmd, int res)
{
	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_UNMAP, res,
				       be64_get(unmap_desc(cmd, cmd->index)));
	cmd->index++;
	return unmap_next(cmd);
}

/* From descriptor index to the last, skipping those of no blocks (SBC-3 5.28.2: no error). */
static enum scsi_next unmap_next(struct scsi_cmd *cmd)
{
	uint8_t shift = cmd->itl->lu->block_shift;

	for (; cmd->index < cmd->total; cmd->index++) {
		const uint8_t *desc = unmap_desc(cmd, cmd->index);
		uint64_t nblk = be32_get(desc + 8);

		if (nblk)
			return scsi_store(cmd, STORE_UNMAP, be64_get(desc) << shift, nblk << shift,
					  NULL, unmapped);
	}
	return scsi_good(cmd);
}

/* Limits and ranges of all descriptors, before any of them is acted on. */
static enum scsi_next unmap_checked(struct scsi_cmd *cmd)
{
	const struct scsi_lu *lu = cmd->itl->lu;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < cmd->total; i++) {
		const uint8_t *desc = unmap_desc(cmd, i);
		uint32_t nblk = be32_get(desc + 8);

		if (!scsi_in_range(lu, be64_get(desc), nblk))
			return scsi_fail(cmd, SENSE_LBA_OUT_OF_RANGE);
		sum += nblk;
		if (sum > scsi_max_unmap(lu))
			return scsi_fail_field(cmd, SENSE_INVALID_FIELD_IN_PARAMETERS,
					       (unsigned int)(desc + 8 - cmd->buf), -1);
	}
	cmd->index = 0;
	return unmap_next(cmd);
}

/*
 * The parameter list has data_len bytes. A list of length 0 is no error; a part of a descriptor at
 * the end is ignored (SBC-3 5.28.2); lengths that point beyond what came are refused.
 */
enum scsi_next sbc_unmap(struct scsi_cmd *cmd)
{
	uint32_t list_len; /* header and what UNMAP DATA LENGTH counts */
	uint32_t descs_len;

	if (!cmd->nblk)
		return scsi_good(cmd);
	if (cmd->data_len < UNMAP_HEADER_LEN)
		return scsi_fail(cmd, SENSE_PARAMETER_LIST_LENGTH);
	list_len = be16_get(cmd->buf) + 2u;
	descs_len = be16_get(cmd->buf + 2);
	if (list_len > cmd->data_len)
		return scsi_fail(cmd, SENSE_PARAMETER_LIST_LENGTH);
	if (UNMAP_HEADER_LEN + descs_len > list_len)
		return scsi_fail_field(cmd, SENSE_INVALID_FIELD_IN_PARAMETERS, 0, -1);
	cmd->total = descs_len / UNMAP_DESC_LEN;
	if (cmd->total > SCSI_MAX_UNMAP_DESCS)
		return scsi_fail_field(cmd, SENSE_INVALID_FIELD_IN_PARAMETERS, 2, -1);
	return unmap_checked(cmd);
}

/* ---- WRITE SAME ---- */

enum { CDB_UNMAP = 0x08, CDB_NDOB = 0x01 };

static uint64_t same_off(const struct scsi_cmd *cmd)
{
	return (cmd->lba << cmd->itl->lu->block_shift) + cmd->done;
}

static enum scsi_next same_write_next(struct scsi_cmd *cmd);

static enum scsi_next same_written(struct scsi_cmd *cmd, int res)
{
	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_WRITE, res,
				       cmd->lba + (cmd->done >> cmd->itl->lu->block_shift));
	cmd->done += cmd->chunk;
	return same_write_next(cmd);
}

/* The buffer is full of copies of the block. */
static enum scsi_next same_write_next(struct scsi_cmd *cmd)
{
	if (cmd->done == cmd->total)
		return scsi_good(cmd);
	cmd->chunk = (uint32_t)MIN(cmd->total - cmd->done, (uint64_t)SCSI_BUF_LEN);
	return scsi_store(cmd, STORE_WRITE, same_off(cmd), cmd->chunk, cmd->buf, same_written);
}

static enum scsi_next same_zeroed(struct scsi_cmd *cmd, int res)
{
	if (unlikely(res))
		return scsi_fail_store(cmd, cmd->io.op, res, cmd->lba);
	return scsi_good(cmd);
}

/* SBC-3 4.7.3.4.4: unmapping is right only if the blocks then read as the zeroes asked for. */
static enum scsi_next same_zero(struct scsi_cmd *cmd)
{
	bool unmap = scsi_options(cmd) & CDB_UNMAP;
	bool as_unmap = unmap && scsi_unmap_zeroes(cmd->itl->lu);
	enum scsi_next next = scsi_store(cmd, as_unmap ? STORE_UNMAP : STORE_ZERO, same_off(cmd),
					 cmd->total, NULL, same_zeroed);

	if (unmap && !as_unmap)
		cmd->io.flags |= STORE_IO_MAY_UNMAP;
	return next;
}

static bool is_zero(const uint8_t *data, size_t len)
{
	return data[0] == 0 && !memcmp(data, data + 1, len - 1);
}

static enum scsi_next same_got_block(struct scsi_cmd *cmd, int res)
{
	uint32_t block = scsi_block_len(cmd->itl->lu);
	uint32_t filled = block;

	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_WRITE, res, SCSI_NO_LBA);
	cmd->data_len = block;
	if (is_zero(cmd->buf, block))
		return same_zero(cmd);
	for (; filled < MIN(cmd->total, (uint64_t)SCSI_BUF_LEN); filled += block)
		memcpy(cmd->buf + filled, cmd->buf, block);
	return same_write_next(cmd);
}

static enum scsi_next same_got_buf(struct scsi_cmd *cmd, int res)
{
	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_WRITE, res, SCSI_NO_LBA);
	return scsi_need_data(cmd, 0, scsi_block_len(cmd->itl->lu), same_got_block);
}

static bool has_ndob(const struct scsi_cmd *cmd)
{
	return scsi_options(cmd) & CDB_NDOB; /* reserved, so 0, in WRITE SAME(10) */
}

enum scsi_next sbc_write_same(struct scsi_cmd *cmd)
{
	const struct scsi_lu *lu = cmd->itl->lu;
	uint32_t block = scsi_block_len(lu);

	/* WSNZ of Block Limits: 0 does not mean "to the end" */
	if (!cmd->nblk || cmd->nblk > scsi_max_write_same(lu))
		return scsi_bad_cdb(cmd, scsi_field_byte(cmd->op->len), -1);
	if (scsi_options(cmd) & CDB_UNMAP && !lu->thin)
		return scsi_bad_option(cmd, 3);
	cmd->done = 0;
	cmd->total = cmd->nblk << lu->block_shift;
	if (has_ndob(cmd)) {
		cmd->dir = SCSI_DIR_NONE;
		return same_zero(cmd);
	}
	cmd->xfer_len = block;
	if (cmd->out_len != block) /* exactly one block tells what to write */
		return scsi_fail(cmd, SENSE_INVALID_FIELD_IN_COMMAND_IU);
	return scsi_need_buf(cmd, (uint32_t)MIN(cmd->total, (uint64_t)SCSI_BUF_LEN), same_got_buf);
}
