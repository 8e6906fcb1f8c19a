/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ORWRITE and XDWRITEREAD (SBC-3): the medium's old data and data-out make what is written or sent
 * back, chunk by chunk, while the blocks are locked against every other change. The command buffer
 * is split: data-out in the lower half, what the medium holds in the upper one.
 */
#include "scsi/internal.h"

enum { HALF = SCSI_BUF_LEN / 2 };
enum { DISABLE_WRITE = 0x04 };

static enum scsi_next next_chunk(struct scsi_cmd *cmd);

static uint64_t medium_off(const struct scsi_cmd *cmd)
{
	return (cmd->lba << cmd->itl->lu->block_shift) + cmd->done;
}

static enum scsi_next failed(struct scsi_cmd *cmd, enum store_op op, int res)
{
	return scsi_fail_store(cmd, op, res, cmd->lba + (cmd->done >> cmd->itl->lu->block_shift));
}

static bool is_xor(const struct scsi_cmd *cmd)
{
	return cmd->op->dir == SCSI_DIR_BIDI;
}

static enum scsi_next chunk_done(struct scsi_cmd *cmd, int res)
{
	cmd->done += cmd->chunk;
	return next_chunk(cmd);
}

/* Old data XOR new data goes to the initiator, as far as its buffer reaches. */
static enum scsi_next send_xor(struct scsi_cmd *cmd)
{
	uint32_t len = (uint32_t)MIN((uint64_t)cmd->chunk,
				     cmd->in_len - MIN((uint64_t)cmd->in_len, cmd->done));

	if (!len)
		return chunk_done(cmd, 0);
	for (uint32_t i = 0; i < cmd->chunk; i++)
		cmd->buf[i] ^= cmd->buf[HALF + i];
	cmd->in_data_len += len;
	return scsi_send(cmd, (uint32_t)cmd->done, len, chunk_done);
}

static enum scsi_next chunk_written(struct scsi_cmd *cmd, int res)
{
	if (unlikely(res))
		return failed(cmd, STORE_WRITE, res);
	return is_xor(cmd) ? send_xor(cmd) : chunk_done(cmd, 0);
}

static enum scsi_next chunk_read(struct scsi_cmd *cmd, int res)
{
	enum scsi_next next;

	if (unlikely(res))
		return failed(cmd, STORE_READ, res);
	if (is_xor(cmd) && scsi_options(cmd) & DISABLE_WRITE)
		return send_xor(cmd);
	for (uint32_t i = 0; !is_xor(cmd) && i < cmd->chunk; i++)
		cmd->buf[i] |= cmd->buf[HALF + i];
	next = scsi_store(cmd, STORE_WRITE, medium_off(cmd), cmd->chunk, cmd->buf, chunk_written);
	cmd->io.flags = sbc_write_flags(cmd);
	return next;
}

static enum scsi_next chunk_fetched(struct scsi_cmd *cmd, int res)
{
	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_WRITE, res, SCSI_NO_LBA);
	cmd->data_len += cmd->chunk;
	return scsi_store(cmd, STORE_READ, medium_off(cmd), cmd->chunk, cmd->buf + HALF,
			  chunk_read);
}

static enum scsi_next next_chunk(struct scsi_cmd *cmd)
{
	if (cmd->done == cmd->total)
		return scsi_good(cmd);
	cmd->chunk = (uint32_t)MIN(cmd->total - cmd->done, (uint64_t)HALF);
	return scsi_need_data(cmd, (uint32_t)cmd->done, cmd->chunk, chunk_fetched);
}

static enum scsi_next locked(struct scsi_cmd *cmd, int res)
{
	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_WRITE, res, SCSI_NO_LBA);
	return next_chunk(cmd);
}

static enum scsi_next got_buf(struct scsi_cmd *cmd, int res)
{
	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_READ, res, SCSI_NO_LBA);
	return scsi_lock(cmd, medium_off(cmd), cmd->total, locked);
}

/* As many blocks as there is data-out for. */
enum scsi_next sbc_orwrite(struct scsi_cmd *cmd)
{
	cmd->xfer_len = cmd->nblk << cmd->itl->lu->block_shift;
	cmd->done = 0;
	cmd->total = MIN(cmd->xfer_len, (uint64_t)cmd->out_len);
	if (cmd->total & (scsi_block_len(cmd->itl->lu) - 1))
		return scsi_fail(cmd, SENSE_INVALID_FIELD_IN_COMMAND_IU);
	if (!cmd->total)
		return scsi_good(cmd);
	return scsi_need_buf(cmd, SCSI_BUF_LEN, got_buf);
}

/* The data-in buffer may end anywhere: what does not fit is a residual. */
enum scsi_next sbc_xdwriteread(struct scsi_cmd *cmd)
{
	cmd->in_xfer_len = cmd->nblk << cmd->itl->lu->block_shift;
	return sbc_orwrite(cmd);
}
