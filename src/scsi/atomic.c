/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * WRITE ATOMIC(16) (SBC-4 5.51): blocks of which a power cut leaves all or none. They go to the
 * store in one request; the store's promise is the kernel's (RWF_ATOMIC). Block Limits tells sizes
 * in multiples of the smallest; the kernel wants powers of two at multiples of their size, so other
 * ones are refused. ATOMIC BOUNDARY is not there: more than one atomic unit in a command.
 */
#include "scsi/internal.h"

static enum scsi_next written(struct scsi_cmd *cmd, int res)
{
	return unlikely(res) ? scsi_fail_store(cmd, STORE_WRITE, res, cmd->lba) : scsi_good(cmd);
}

static enum scsi_next got_data(struct scsi_cmd *cmd, int res)
{
	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_WRITE, res, SCSI_NO_LBA);
	cmd->data_len = (uint32_t)cmd->total;
	scsi_store(cmd, STORE_WRITE, cmd->lba << cmd->itl->lu->block_shift, cmd->total, cmd->buf,
		   written);
	cmd->io.flags = STORE_IO_ATOMIC | sbc_write_flags(cmd);
	return SCSI_STORE;
}

enum scsi_next sbc_write_atomic(struct scsi_cmd *cmd)
{
	const struct scsi_lu *lu = cmd->itl->lu;
	uint64_t n = cmd->nblk;

	cmd->total = n << lu->block_shift;
	if (!n)
		return scsi_good(cmd);
	if (n > scsi_max_atomic(lu) || cmd->total < lu->store->atomic_min || n & (n - 1))
		return scsi_bad_cdb(cmd, scsi_field_byte(cmd->op->len), -1);
	if (cmd->lba & (n - 1))
		return scsi_bad_cdb(cmd, scsi_field_byte(cmd->op->lba), -1);
	cmd->xfer_len = cmd->total;
	if (cmd->out_len < cmd->xfer_len)
		return scsi_fail(cmd, SENSE_INVALID_FIELD_IN_COMMAND_IU);
	return scsi_need_data(cmd, 0, (uint32_t)cmd->total, got_data);
}
