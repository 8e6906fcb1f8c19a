/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * READ, WRITE, SYNCHRONIZE CACHE and READ CAPACITY (SBC-3 5). Ranges have been checked; here block
 * counts become bytes, and the initiator's buffer may be smaller than what the CDB asks for.
 */
#include "scsi/internal.h"

enum { CDB_FUA = 0x08 };

/* ---- READ CAPACITY ---- */

enum scsi_next sbc_read_capacity10(struct scsi_cmd *cmd)
{
	const struct scsi_lu *lu = cmd->itl->lu;
	uint64_t last = scsi_last_lba(lu);

	be32_put(cmd->buf, last > UINT32_MAX ? UINT32_MAX : (uint32_t)last);
	be32_put(cmd->buf + 4, scsi_block_len(lu));
	return scsi_data_in(cmd, 8);
}

enum scsi_next sbc_read_capacity16(struct scsi_cmd *cmd)
{
	const struct scsi_lu *lu = cmd->itl->lu;
	uint8_t *buf = cmd->buf;

	be64_put(buf, scsi_last_lba(lu));
	be32_put(buf + 8, scsi_block_len(lu));
	buf[13] = lu->lb_per_pb_exp;
	if (lu->thin)
		buf[14] = 0x80; /* LBPME */
	if (scsi_unmap_zeroes(lu))
		buf[14] |= 0x40; /* LBPRZ */
	return scsi_data_in(cmd, 32);
}

/* ---- READ and WRITE ---- */

static enum scsi_next streamed(struct scsi_cmd *cmd, int res)
{
	uint64_t len = cmd->stream.len;
	uint64_t done;

	if (likely(!res)) {
		cmd->data_len = (uint32_t)len;
		if (cmd->stream.op == STORE_READ)
			scsi_count_read(cmd, len);
		else
			scsi_count_write(cmd, len);
		return scsi_good(cmd);
	}
	done = MIN(cmd->stream.done, len);
	cmd->data_len = (uint32_t)done;
	return scsi_fail_store(cmd, cmd->stream.op, res,
			       cmd->lba + (done >> cmd->itl->lu->block_shift));
}

static inline enum scsi_next stream(struct scsi_cmd *cmd, enum store_op op, uint32_t flags,
				    uint64_t len,
				    enum scsi_next (*step)(struct scsi_cmd *cmd, int res))
{
	cmd->stream.op = op;
	cmd->stream.flags = flags;
	cmd->stream.off = cmd->lba << cmd->itl->lu->block_shift;
	cmd->stream.len = len;
	cmd->stream.done = 0;
	cmd->step = step;
	return SCSI_STREAM;
}

enum scsi_next sbc_stream(struct scsi_cmd *cmd, enum store_op op, uint32_t flags, uint64_t len,
			  enum scsi_next (*step)(struct scsi_cmd *cmd, int res))
{
	return stream(cmd, op, flags, len, step);
}

static inline uint32_t fua_flag(const struct scsi_cmd *cmd)
{
	return cmd->op->flags & OP_FUA && scsi_options(cmd) & CDB_FUA ? STORE_IO_FUA : 0;
}

static inline uint32_t write_flags(const struct scsi_cmd *cmd)
{
	return fua_flag(cmd) | scsi_write_flags(cmd->itl->lu);
}

uint32_t sbc_write_flags(const struct scsi_cmd *cmd)
{
	return write_flags(cmd);
}

static inline bool ends_in_block(const struct scsi_cmd *cmd, uint64_t len)
{
	return len & (scsi_block_len(cmd->itl->lu) - 1);
}

static enum scsi_next odd_read_done(struct scsi_cmd *cmd, int res)
{
	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_READ, res, cmd->lba);
	cmd->data_len = cmd->in_len;
	scsi_count_read(cmd, cmd->need);
	return scsi_good(cmd);
}

static enum scsi_next odd_read_start(struct scsi_cmd *cmd, int res)
{
	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_READ, res, SCSI_NO_LBA);
	return scsi_store(cmd, STORE_READ, cmd->lba << cmd->itl->lu->block_shift, cmd->need,
			  cmd->buf, odd_read_done);
}

/*
 * The initiator's buffer ends inside a block. Streams move whole blocks only; what fits the command
 * buffer is read there and cut. A larger one is refused: its length contradicts the CDB.
 */
static enum scsi_next odd_read(struct scsi_cmd *cmd)
{
	uint32_t block = scsi_block_len(cmd->itl->lu);

	if (cmd->in_len > SCSI_BUF_LEN)
		return scsi_fail(cmd, SENSE_INVALID_FIELD_IN_COMMAND_IU);
	return scsi_need_buf(cmd, (cmd->in_len + block - 1) & ~(block - 1), odd_read_start);
}

static inline enum scsi_next start_read(struct scsi_cmd *cmd, uint32_t flags)
{
	uint64_t len = MIN(cmd->xfer_len, (uint64_t)cmd->in_len);

	if (unlikely(ends_in_block(cmd, len)))
		return odd_read(cmd);
	if (unlikely(!len))
		return scsi_good(cmd);
	return stream(cmd, STORE_READ, flags, len, streamed);
}

static enum scsi_next flushed_for_read(struct scsi_cmd *cmd, int res)
{
	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_FLUSH, res, SCSI_NO_LBA);
	return start_read(cmd, STORE_IO_FUA);
}

/* SBC-3 4.15: with FUA the data comes from the medium, so what is cached goes there first. */
enum scsi_next sbc_read(struct scsi_cmd *cmd)
{
	struct scsi_lu *lu = cmd->itl->lu;
	uint32_t flags = fua_flag(cmd);

	cmd->xfer_len = cmd->nblk << lu->block_shift;
	if (unlikely(flags) && scsi_has_feature(lu, STORE_F_WRITE_CACHE))
		return scsi_store(cmd, STORE_FLUSH, 0, 0, NULL, flushed_for_read);
	return start_read(cmd, flags);
}

enum scsi_next sbc_write(struct scsi_cmd *cmd)
{
	uint64_t len;

	cmd->xfer_len = cmd->nblk << cmd->itl->lu->block_shift;
	len = MIN(cmd->xfer_len, (uint64_t)cmd->out_len);
	if (unlikely(ends_in_block(cmd, len))) /* part of a block cannot be written */
		return scsi_fail(cmd, SENSE_INVALID_FIELD_IN_COMMAND_IU);
	if (unlikely(!len))
		return scsi_good(cmd);
	return stream(cmd, STORE_WRITE, write_flags(cmd), len, streamed);
}

/* ---- SYNCHRONIZE CACHE ---- */

static enum scsi_next flushed(struct scsi_cmd *cmd, int res)
{
	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_FLUSH, res, SCSI_NO_LBA);
	return scsi_good(cmd);
}

/* SBC-3 5.22. The whole cache goes, whatever the range; GOOD comes after it even with IMMED. */
enum scsi_next sbc_sync_cache(struct scsi_cmd *cmd)
{
	return scsi_store(cmd, STORE_FLUSH, 0, 0, NULL, flushed);
}
