/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * READ and WRITE of a device that is passed through, in pieces that one buffer and the device can take.
 * Knows the CDBs of these commands and nothing else of devices.
 */
#include "scsi/pass.h"

struct block_cdb {
	uint64_t lba;
	uint64_t nblk;
	uint8_t options, group;
};

/* READ and WRITE (6), (10), (12), (16): all of a row of operation codes 20h apart. */
static bool parse_block(const uint8_t *cdb, struct block_cdb *out)
{
	*out = (struct block_cdb){ .options = cdb[1] };
	switch (cdb[0]) {
	case 0x08:
	case 0x0a:
		out->lba = be24_get(cdb + 1) & 0x1fffff;
		out->nblk = cdb[4] ? cdb[4] : 256;
		out->options = 0;
		return true;
	case 0x28:
	case 0x2a:
		out->lba = be32_get(cdb + 2);
		out->nblk = be16_get(cdb + 7);
		out->group = cdb[6];
		return true;
	case 0xa8:
	case 0xaa:
		out->lba = be32_get(cdb + 2);
		out->nblk = be32_get(cdb + 6);
		out->group = cdb[10];
		return true;
	case 0x88:
	case 0x8a:
		out->lba = be64_get(cdb + 2);
		out->nblk = be32_get(cdb + 10);
		out->group = cdb[14];
		return true;
	}
	return false;
}

/* The next piece: in the shortest form that holds its blocks. */
static void piece_cdb(struct scsi_cmd *cmd, const struct block_cdb *block, uint64_t lba, uint32_t nblk)
{
	uint8_t writes = cmd->dir == SCSI_DIR_OUT ? 0x02 : 0;
	uint8_t cdb[16] = { 0 };

	cdb[1] = block->options;
	if (lba + nblk <= UINT32_MAX && nblk <= UINT16_MAX) {
		cdb[0] = 0x28 | writes;
		be32_put(cdb + 2, (uint32_t)lba);
		cdb[6] = block->group;
		be16_put(cdb + 7, (uint16_t)nblk);
		pass_set_cdb(&cmd->pass, cdb, 10);
		return;
	}
	cdb[0] = 0x88 | writes;
	be64_put(cdb + 2, lba);
	be32_put(cdb + 10, nblk);
	cdb[14] = block->group;
	pass_set_cdb(&cmd->pass, cdb, 16);
}

static enum scsi_next next_piece(struct scsi_cmd *cmd);

/* Of the piece that the device has answered; one that did not move all of its data is the last. */
static bool more_pieces(const struct scsi_cmd *cmd)
{
	return cmd->pass.status == SCSI_GOOD && cmd->pass.moved == cmd->chunk &&
	       cmd->done + cmd->chunk < cmd->total;
}

static enum scsi_next piece_moved(struct scsi_cmd *cmd, int res)
{
	bool more = more_pieces(cmd);

	cmd->done += cmd->pass.moved;
	cmd->data_len = (uint32_t)cmd->done;
	return more ? next_piece(cmd) : pass_answered(cmd);
}

/* Data of a single piece goes with the response. */
static enum scsi_next piece_done(struct scsi_cmd *cmd, int res)
{
	if (unlikely(res)) {
		cmd->data_len = (uint32_t)cmd->done;
		return pass_no_answer(cmd, res);
	}
	if (cmd->dir == SCSI_DIR_IN && cmd->pass.moved && (cmd->done || more_pieces(cmd)))
		return scsi_send(cmd, (uint32_t)cmd->done, cmd->pass.moved, piece_moved);
	return piece_moved(cmd, 0);
}

/*
 * The range that an aborted piece keeps closed; the whole device if the numbers are beyond all bounds:
 * it refuses them itself.
 */
static void set_range(struct scsi_cmd *cmd, uint64_t lba, uint32_t block)
{
	uint64_t off;

	if (__builtin_mul_overflow(lba, (uint64_t)block, &off) || off > INT64_MAX)
		return;
	cmd->io.off = off;
	cmd->io.len = cmd->chunk;
}

static enum scsi_next piece_ready(struct scsi_cmd *cmd, int res)
{
	uint32_t bs = cmd->index;
	enum scsi_next next;

	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_READ, res, SCSI_NO_LBA);
	next = pass_submit(cmd, cmd->dir == SCSI_DIR_IN ? STORE_SCSI_IN : STORE_SCSI_OUT, cmd->chunk,
		      piece_done);
	set_range(cmd, cmd->lba + cmd->done / bs, bs);
	return next;
}

static enum scsi_next next_piece(struct scsi_cmd *cmd)
{
	uint32_t bs = cmd->index, max = cmd->itl->lu->pass->max_len / bs * bs;
	struct block_cdb block;

	parse_block(cmd->cdb, &block);
	cmd->chunk = (uint32_t)MIN(cmd->total - cmd->done, (uint64_t)max);
	if (cmd->chunk == block.nblk * bs)
		pass_set_cdb(&cmd->pass, cmd->cdb, cmd->op->cdb_len);
	else
		piece_cdb(cmd, &block, cmd->lba + cmd->done / bs, cmd->chunk / bs);
	if (cmd->dir == SCSI_DIR_OUT)
		return scsi_need_data(cmd, (uint32_t)cmd->done, cmd->chunk, piece_ready);
	/* the first piece sets the size of the buffer */
	return scsi_need_buf(cmd, cmd->done ? 1 : cmd->chunk, piece_ready);
}

bool pass_has_blocks(const uint8_t *cdb)
{
	struct block_cdb block;

	return parse_block(cdb, &block) && block.nblk;
}

/* The initiator's buffer may hold less than the CDB asks for, but whole blocks. */
enum scsi_next pass_blocks(struct scsi_cmd *cmd, uint32_t bs)
{
	uint32_t len = MAX(cmd->in_len, cmd->out_len);
	struct block_cdb block;

	parse_block(cmd->cdb, &block);
	cmd->xfer_len = block.nblk * bs;
	cmd->total = MIN(cmd->xfer_len, (uint64_t)len);
	cmd->done = 0;
	cmd->lba = block.lba;
	cmd->index = bs;
	if (cmd->total % bs)
		return scsi_fail(cmd, SENSE_INVALID_FIELD_IN_COMMAND_IU);
	return next_piece(cmd);
}
