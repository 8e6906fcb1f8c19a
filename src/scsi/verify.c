/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VERIFY, WRITE AND VERIFY and PRE-FETCH (SBC-3): read the medium in chunks, and compare it with
 * the initiator's data-out when BYTCHK says so. The command buffer is split: data-out in the lower
 * half, medium in the upper one.
 */
#include "scsi/internal.h"

enum bytchk { BYTCHK_NONE = 0, BYTCHK_ALL = 1, BYTCHK_RESERVED = 2, BYTCHK_ONE = 3 };
enum { HALF = SCSI_BUF_LEN / 2 };

static enum scsi_next next_chunk(struct scsi_cmd *cmd);

static enum bytchk bytchk(const struct scsi_cmd *cmd)
{
	return scsi_options(cmd) >> 1 & 3;
}

static uint64_t medium_off(const struct scsi_cmd *cmd)
{
	return (cmd->lba << cmd->itl->lu->block_shift) + cmd->done;
}

static uint32_t whole_blocks(const struct scsi_cmd *cmd, uint32_t len)
{
	uint32_t mask = scsi_block_len(cmd->itl->lu) - 1;

	return (len + mask) & ~mask;
}

/* Where the chunk differs from data-out, bytes from the start of the chunk; chunk if nowhere. */
static uint32_t first_difference(const struct scsi_cmd *cmd)
{
	const uint8_t *medium = cmd->buf + HALF;
	uint32_t wrap = bytchk(cmd) == BYTCHK_ONE ? scsi_block_len(cmd->itl->lu) : HALF;
	uint32_t i = 0;

	while (i < cmd->chunk) {
		uint32_t len = MIN(wrap, cmd->chunk - i);

		if (memcmp(cmd->buf, medium + i, len)) {
			while (medium[i] == cmd->buf[i % wrap])
				i++;
			return i;
		}
		i += len;
	}
	return cmd->chunk;
}

static enum scsi_next medium_read(struct scsi_cmd *cmd, int res)
{
	uint32_t same;

	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_READ, res,
				       cmd->lba + (cmd->done >> cmd->itl->lu->block_shift));
	if (bytchk(cmd) != BYTCHK_NONE) {
		same = first_difference(cmd);
		if (same < cmd->chunk)
			return scsi_fail_info(cmd, SENSE_MISCOMPARE, cmd->done + same);
	}
	cmd->done += cmd->chunk;
	return next_chunk(cmd);
}

static enum scsi_next read_medium(struct scsi_cmd *cmd)
{
	return scsi_store(cmd, STORE_READ, medium_off(cmd), whole_blocks(cmd, cmd->chunk),
			  cmd->buf + HALF, medium_read);
}

static enum scsi_next got_data_out(struct scsi_cmd *cmd, int res)
{
	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_WRITE, res, SCSI_NO_LBA);
	cmd->data_len = MAX(cmd->data_len, cmd->data_off + cmd->need);
	return read_medium(cmd);
}

/* One block of data-out serves for all chunks with BYTCHK 11b: fetched before the first. */
static enum scsi_next next_chunk(struct scsi_cmd *cmd)
{
	if (cmd->done == cmd->total)
		return scsi_good(cmd);
	cmd->chunk = (uint32_t)MIN(cmd->total - cmd->done, (uint64_t)HALF);
	if (bytchk(cmd) == BYTCHK_ALL)
		return scsi_need_data(cmd, (uint32_t)cmd->done, cmd->chunk, got_data_out);
	if (bytchk(cmd) == BYTCHK_ONE && !cmd->done)
		return scsi_need_data(cmd, 0, scsi_block_len(cmd->itl->lu), got_data_out);
	return read_medium(cmd);
}

static enum scsi_next got_buf(struct scsi_cmd *cmd, int res)
{
	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_READ, res, SCSI_NO_LBA);
	return next_chunk(cmd);
}

/* Verify total bytes from the LBA on. */
static enum scsi_next start(struct scsi_cmd *cmd, uint64_t total)
{
	cmd->done = 0;
	cmd->total = total;
	if (!total)
		return scsi_good(cmd);
	return scsi_need_buf(cmd, SCSI_BUF_LEN, got_buf);
}

enum scsi_next sbc_verify(struct scsi_cmd *cmd)
{
	uint64_t range = cmd->nblk << cmd->itl->lu->block_shift;
	uint32_t block = scsi_block_len(cmd->itl->lu);

	switch (bytchk(cmd)) {
	case BYTCHK_NONE:
		cmd->dir = SCSI_DIR_NONE;
		return start(cmd, range);
	case BYTCHK_ALL:
		cmd->xfer_len = range;
		return start(cmd, MIN(range, (uint64_t)cmd->out_len));
	case BYTCHK_ONE:
		cmd->xfer_len = range ? block : 0;
		if (range && cmd->out_len < block)
			return scsi_fail(cmd, SENSE_INVALID_FIELD_IN_COMMAND_IU);
		return start(cmd, range);
	case BYTCHK_RESERVED:
		break;
	}
	return scsi_bad_option(cmd, 2);
}

static enum scsi_next written(struct scsi_cmd *cmd, int res)
{
	uint64_t done = cmd->stream.len;

	if (unlikely(res)) {
		done = MIN(cmd->stream.done, done);
		cmd->data_len = (uint32_t)done;
		return scsi_fail_store(cmd, STORE_WRITE, res,
				       cmd->lba + (done >> cmd->itl->lu->block_shift));
	}
	cmd->data_len = (uint32_t)done;
	scsi_count_write(cmd, done);
	return start(cmd, done);
}

/* On the medium first, as with FUA, then read back; BYTCHK 01b fetches the data-out again. */
enum scsi_next sbc_write_verify(struct scsi_cmd *cmd)
{
	uint64_t len;

	if (bytchk(cmd) > BYTCHK_ALL)
		return scsi_bad_option(cmd, 2);
	cmd->xfer_len = cmd->nblk << cmd->itl->lu->block_shift;
	len = MIN(cmd->xfer_len, (uint64_t)cmd->out_len);
	if (len & (scsi_block_len(cmd->itl->lu) - 1))
		return scsi_fail(cmd, SENSE_INVALID_FIELD_IN_COMMAND_IU);
	if (!len)
		return scsi_good(cmd);
	return sbc_stream(cmd, STORE_WRITE, STORE_IO_FUA, len, written);
}

/* ---- PRE-FETCH ---- */

static enum scsi_next prefetch_next(struct scsi_cmd *cmd);

static enum scsi_next prefetched(struct scsi_cmd *cmd, int res)
{
	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_READ, res,
				       cmd->lba + (cmd->done >> cmd->itl->lu->block_shift));
	cmd->done += cmd->chunk;
	return prefetch_next(cmd);
}

static enum scsi_next prefetch_next(struct scsi_cmd *cmd)
{
	if (cmd->done == cmd->total) {
		cmd->status = SCSI_CONDITION_MET;
		return SCSI_COMPLETE;
	}
	cmd->chunk = (uint32_t)MIN(cmd->total - cmd->done, (uint64_t)SCSI_BUF_LEN);
	return scsi_store(cmd, STORE_READ, medium_off(cmd), cmd->chunk, cmd->buf, prefetched);
}

static enum scsi_next prefetch_start(struct scsi_cmd *cmd, int res)
{
	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_READ, res, SCSI_NO_LBA);
	return prefetch_next(cmd);
}

/*
 * SBC-3 5.7: reading brings the blocks into the cache below, CONDITION MET says that all of them are
 * there. GOOD where there is no cache, or more than MAXIMUM PREFETCH LENGTH up to the last block
 * (TRANSFER LENGTH 0). The status comes after the reading even with IMMED.
 */
enum scsi_next sbc_prefetch(struct scsi_cmd *cmd)
{
	const struct scsi_lu *lu = cmd->itl->lu;
	uint64_t nblk = cmd->nblk ? cmd->nblk : scsi_n_blocks(lu) - cmd->lba;

	if (lu->store->direct || nblk > lu->max_transfer_blocks)
		return scsi_good(cmd);
	cmd->done = 0;
	cmd->total = nblk << lu->block_shift;
	if (!cmd->total)
		return scsi_good(cmd);
	return scsi_need_buf(cmd, SCSI_BUF_LEN, prefetch_start);
}
