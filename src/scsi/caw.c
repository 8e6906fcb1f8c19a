/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * COMPARE AND WRITE (SBC-3 5.2): while its blocks are locked against every other change, all of them
 * are compared, then all of them are written. The data-out buffer holds what to compare with, then
 * what to write; it is fetched in chunks. The command buffer is split: data-out in the lower half,
 * what the medium holds in the upper one.
 */
#include "scsi/internal.h"

enum { HALF = SCSI_BUF_LEN / 2 };

static uint64_t medium_off(const struct scsi_cmd *cmd)
{
	return (cmd->lba << cmd->itl->lu->block_shift) + cmd->done;
}

static enum scsi_next failed(struct scsi_cmd *cmd, enum store_op op, int res)
{
	return scsi_fail_store(cmd, op, res, cmd->lba + (cmd->done >> cmd->itl->lu->block_shift));
}

/* The next chunk of one of the two halves of data-out. */
static enum scsi_next fetch(struct scsi_cmd *cmd, uint64_t half,
			    enum scsi_next (*step)(struct scsi_cmd *cmd, int res))
{
	cmd->chunk = (uint32_t)MIN(cmd->total - cmd->done, (uint64_t)HALF);
	return scsi_need_data(cmd, (uint32_t)(half + cmd->done), cmd->chunk, step);
}

/* ---- write ---- */

static enum scsi_next write_next(struct scsi_cmd *cmd);

static enum scsi_next written(struct scsi_cmd *cmd, int res)
{
	if (unlikely(res))
		return failed(cmd, STORE_WRITE, res);
	cmd->done += cmd->chunk;
	return write_next(cmd);
}

static enum scsi_next got_new(struct scsi_cmd *cmd, int res)
{
	enum scsi_next next;

	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_WRITE, res, SCSI_NO_LBA);
	cmd->data_len += cmd->chunk;
	next = scsi_store(cmd, STORE_WRITE, medium_off(cmd), cmd->chunk, cmd->buf, written);
	cmd->io.flags = sbc_write_flags(cmd);
	return next;
}

static enum scsi_next write_next(struct scsi_cmd *cmd)
{
	return cmd->done == cmd->total ? scsi_good(cmd) : fetch(cmd, cmd->total, got_new);
}

/* ---- compare ---- */

static enum scsi_next compare_next(struct scsi_cmd *cmd);

/* INFORMATION is the offset in data-out of the first byte that differs. */
static enum scsi_next compare(struct scsi_cmd *cmd, int res)
{
	uint32_t i = 0;

	if (unlikely(res))
		return failed(cmd, STORE_READ, res);
	if (memcmp(cmd->buf, cmd->buf + HALF, cmd->chunk)) {
		while (cmd->buf[i] == cmd->buf[HALF + i])
			i++;
		return scsi_fail_info(cmd, SENSE_MISCOMPARE, cmd->done + i);
	}
	cmd->done += cmd->chunk;
	return compare_next(cmd);
}

static enum scsi_next got_expected(struct scsi_cmd *cmd, int res)
{
	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_WRITE, res, SCSI_NO_LBA);
	cmd->data_len += cmd->chunk;
	return scsi_store(cmd, STORE_READ, medium_off(cmd), cmd->chunk, cmd->buf + HALF, compare);
}

static enum scsi_next compare_next(struct scsi_cmd *cmd)
{
	if (cmd->done < cmd->total)
		return fetch(cmd, 0, got_expected);
	cmd->done = 0;
	return write_next(cmd);
}

/* ---- start ---- */

static enum scsi_next locked(struct scsi_cmd *cmd, int res)
{
	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_WRITE, res, SCSI_NO_LBA);
	return compare_next(cmd);
}

static enum scsi_next got_buf(struct scsi_cmd *cmd, int res)
{
	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_READ, res, SCSI_NO_LBA);
	return scsi_lock(cmd, medium_off(cmd), cmd->total, locked);
}

/* Data-out for only a part of it would compare or write what nobody sent: refused. */
enum scsi_next sbc_compare_write(struct scsi_cmd *cmd)
{
	cmd->done = 0;
	cmd->total = cmd->nblk << cmd->itl->lu->block_shift;
	cmd->xfer_len = 2 * cmd->total;
	if (!cmd->total)
		return scsi_good(cmd);
	if (cmd->out_len < cmd->xfer_len)
		return scsi_fail(cmd, SENSE_INVALID_FIELD_IN_COMMAND_IU);
	return scsi_need_buf(cmd, SCSI_BUF_LEN, got_buf);
}
