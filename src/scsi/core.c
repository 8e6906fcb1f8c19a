/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Start and resume of commands: the checks in their order, then the handler. What a command is
 * comes from the table; what it does, from its handler. Moves no data.
 *
 * The order (SAM-5 5.3, SPC-4): LUN mapped, operation code, CDB length, reserved and unsupported
 * bits, reservation conflict, unit attention, not ready, write protection, block range, length
 * limits. Lengths against the initiator's buffer are the handler's: residuals are no error.
 */
#include "scsi/internal.h"

static enum scsi_next run_buf(struct scsi_cmd *cmd, int res)
{
	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_READ, res, SCSI_NO_LBA);
	memset(cmd->buf, 0, SCSI_DATA_IN_LEN);
	return cmd->op->run(cmd);
}

static enum scsi_next run_param(struct scsi_cmd *cmd, int res)
{
	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_WRITE, res, SCSI_NO_LBA);
	cmd->data_len = cmd->need;
	return cmd->op->run(cmd);
}

/* Parameter lists are at most 65535 bytes: 16-bit lengths (SCSI_BUF_LEN holds them). */
static enum scsi_next fetch_param(struct scsi_cmd *cmd)
{
	uint32_t len;

	cmd->xfer_len = cmd->nblk;
	len = (uint32_t)MIN(cmd->nblk, (uint64_t)cmd->out_len);
	if (!len)
		return cmd->op->run(cmd);
	return scsi_need_data(cmd, 0, MIN(len, (uint32_t)SCSI_BUF_LEN), run_param);
}

static enum scsi_next dispatch(struct scsi_cmd *cmd)
{
	const struct scsi_op *op = cmd->op;

	if (op->flags & OP_DATA_IN)
		return scsi_need_buf(cmd, SCSI_DATA_IN_LEN, run_buf);
	if (op->flags & OP_PARAM)
		return fetch_param(cmd);
	return op->run(cmd);
}

/* Points to the first bit that should have been 0; for PROTECT fields to their first bit. */
static COLD enum scsi_next bad_bits(struct scsi_cmd *cmd, const struct scsi_op *op)
{
	unsigned int byte = 0;
	unsigned int bad;

	while (!(bad = cmd->cdb[byte] & ~scsi_op_usage(op, byte) & 0xffu))
		byte++;
	if (op->protect != SCSI_PROTECT_NONE && byte == scsi_op_options(op) && bad & 0xe0)
		return scsi_bad_cdb(cmd, byte, 7);
	return scsi_bad_cdb(cmd, byte, 31 - __builtin_clz(bad));
}

/* What the table says of a long CDB beyond its 16th byte, and of its length (SPC-4 4.2.3). */
static bool has_bad_tail(const uint8_t *cdb, const struct scsi_op *op)
{
	for (unsigned int i = 16; i < op->cdb_len; i++)
		if (cdb[i] & ~scsi_op_usage(op, i))
			return true;
	return false;
}

static inline bool has_bad_bits(const uint8_t *cdb, const struct scsi_op *op)
{
	uint64_t bits[2];
	uint64_t used[2];

	memcpy(bits, cdb, sizeof(bits));
	memcpy(used, op->usage, sizeof(used));
	return (bits[0] & ~used[0]) | (bits[1] & ~used[1]);
}

/* SPC-4: an unknown service action of a known operation code is a bad field, not a bad opcode. */
static COLD enum scsi_next unknown_op(struct scsi_cmd *cmd)
{
	if (cmd->itl && cmd->itl->lu->pass)
		return scsi_fail(cmd, SENSE_INVALID_OPCODE);
	if (cmd->cdb[0] == SCSI_VARIABLE)
		return scsi_bad_cdb(cmd, 8, -1);
	if (!scsi_ops[cmd->cdb[0]].run && scsi_ops[cmd->cdb[0]].actions)
		return scsi_bad_cdb(cmd, 1, 4);
	return scsi_fail(cmd, SENSE_INVALID_OPCODE);
}

/* What a LUN without logical unit, or a well known one, answers to. */
static bool runs_unmapped(const struct scsi_cmd *cmd, const struct scsi_op *op, bool well_known)
{
	if (op->flags & OP_ANY_LUN)
		return true;
	if (well_known)
		return op->run == spc_report_luns || op->run == spc_test_unit_ready;
	return op->flags & OP_LUN0 && scsi_lun_decode(cmd->lun) == 0;
}

/* A LUN that is not mapped for this nexus (SAM-5 5.11), or the REPORT LUNS well known one. */
static COLD enum scsi_next start_unmapped(struct scsi_cmd *cmd, const struct scsi_op *op)
{
	bool well_known = scsi_lun_is_report_luns(cmd->lun);

	if (!op || !runs_unmapped(cmd, op, well_known))
		return scsi_fail(cmd, well_known ? SENSE_INVALID_OPCODE : SENSE_LUN_NOT_SUPPORTED);
	cmd->op = op;
	cmd->dir = op->dir;
	if (has_bad_bits(cmd->cdb, op))
		return bad_bits(cmd, op);
	cmd->nblk = scsi_field_get(op->len, cmd->cdb);
	return dispatch(cmd);
}

/* LBA and count; 64-bit safe: count ≤ size and lba ≤ size − count. */
static HOT bool load_range(struct scsi_cmd *cmd, const struct scsi_op *op)
{
	cmd->lba = scsi_field_get(op->lba, cmd->cdb);
	cmd->nblk = scsi_field_get(op->len, cmd->cdb);
	if (unlikely(op->flags & OP_ZERO_IS_256 && cmd->nblk == 0))
		cmd->nblk = 256;
	return scsi_in_range(cmd->itl->lu, cmd->lba, cmd->nblk);
}

/* Not stopped; a low power condition ends with a command that needs blocks. */
static COLD bool is_ready(struct scsi_lu *lu, const struct scsi_op *op)
{
	if (scsi_not_ready(lu) != SENSE_NONE)
		return false;
	if (op->flags & OP_LBA)
		scsi_wake(lu);
	return true;
}

/* Tokens of the blocks that the command may change no longer stand for what they were made of. */
static COLD void revoke_tokens(struct scsi_cmd *cmd)
{
	bool has_range = cmd->op->flags & OP_LBA && load_range(cmd, cmd->op);

	if (cmd->op->run == sbc_write_token)
		return; /* its ranges come later */
	scsi_tokens_revoke(cmd->itl->lu, has_range ? cmd->lba : 0,
			   has_range ? cmd->nblk : UINT64_MAX);
}

/* From readiness to the handler. */
static HOT enum scsi_next start_ready(struct scsi_cmd *cmd, const struct scsi_op *op)
{
	struct scsi_itl *itl = cmd->itl;
	struct scsi_lu *lu = itl->lu;

	if (op->flags & OP_MEDIUM &&
	    unlikely(atomic_load_explicit(&lu->stopped, memory_order_relaxed)) &&
	    !is_ready(lu, op))
		return scsi_fail(cmd, scsi_not_ready(lu));
	if (op->flags & OP_WRITES) {
		if (unlikely(itl->read_only))
			return scsi_fail(cmd, SENSE_WRITE_PROTECTED);
		if (unlikely(scsi_mode_is(lu, SCSI_MODE_SWP)))
			return scsi_fail(cmd, SENSE_SOFTWARE_WRITE_PROTECTED);
		if (unlikely(atomic_load_explicit(&lu->n_tokens, memory_order_relaxed)))
			revoke_tokens(cmd);
	}
	if (!(op->flags & OP_LBA)) {
		cmd->nblk = UINT32_MAX;
		if (op->unit != SCSI_UNIT_NONE)
			cmd->nblk = scsi_field_get(op->len, cmd->cdb);
		return dispatch(cmd);
	}
	if (unlikely(!load_range(cmd, op)))
		return scsi_fail(cmd, SENSE_LBA_OUT_OF_RANGE);
	if (op->flags & OP_LIMIT && unlikely(cmd->nblk > lu->max_transfer_blocks))
		return scsi_bad_cdb(cmd, scsi_field_byte(op->len), -1);
	return op->run(cmd);
}

bool scsi_conflicts(const struct scsi_cmd *cmd)
{
	bool (*conflicts)(const struct scsi_cmd *cmd) = atomic_load(&cmd->itl->lu->conflict);

	return conflicts && conflicts(cmd);
}

/* Something is reserved, a unit attention is pending, or the target port group is not active. */
static COLD enum scsi_next start_attended(struct scsi_cmd *cmd)
{
	const struct scsi_op *op = cmd->op;
	enum scsi_sense_code code;

	if (scsi_conflicts(cmd)) {
		cmd->status = SCSI_RESERVATION_CONFLICT;
		return SCSI_COMPLETE;
	}
	if (!(op->flags & OP_UA_EXEMPT)) {
		code = scsi_ua_take(cmd->itl);
		if (code != SENSE_NONE)
			return scsi_fail(cmd, code);
	}
	code = scsi_no_access(cmd->itl, op);
	if (code != SENSE_NONE)
		return scsi_fail(cmd, code);
	return start_ready(cmd, op);
}

static inline bool needs_attention(const struct scsi_itl *itl)
{
	return atomic_load_explicit(&itl->lu->conflict, memory_order_relaxed) ||
	       atomic_load_explicit(&itl->ua, memory_order_relaxed) ||
	       atomic_load_explicit(&itl->access, memory_order_relaxed);
}

enum scsi_next scsi_start(struct scsi_cmd *cmd)
{
	const struct scsi_op *op = scsi_op_find(cmd->cdb);

	memset(&cmd->dir, 0, offsetof(struct scsi_cmd, sense) - offsetof(struct scsi_cmd, dir));
	if (unlikely(!cmd->itl))
		return start_unmapped(cmd, op);
	if (unlikely(cmd->itl->lu->pass))
		op = pass_op(cmd->itl->lu, cmd->cdb, op);
	if (unlikely(!op || !scsi_op_served(op, cmd->itl->lu)))
		return unknown_op(cmd);
	cmd->op = op;
	cmd->dir = op->dir;
	if (unlikely(cmd->cdb_len < op->cdb_len))
		return scsi_fail(cmd, SENSE_INVALID_FIELD_IN_CDB);
	if (unlikely(scsi_op_is_long(op)) && cmd->cdb[7] != SCSI_ADDITIONAL_LEN)
		return scsi_bad_cdb(cmd, 7, -1);
	if (unlikely(has_bad_bits(cmd->cdb, op)) || unlikely(has_bad_tail(cmd->cdb, op)))
		return bad_bits(cmd, op);
	if (unlikely(needs_attention(cmd->itl)))
		return start_attended(cmd);
	return start_ready(cmd, op);
}

bool scsi_may_abort(const struct scsi_cmd *cmd)
{
	const struct scsi_op *op = cmd->op;

	return op && (op->run == spc_pr_out || op->run == sbc_format_unit || op->run == sbc_sanitize);
}

enum scsi_next scsi_resume(struct scsi_cmd *cmd, int res)
{
	return cmd->step(cmd, res);
}

enum scsi_next scsi_store(struct scsi_cmd *cmd, enum store_op op, uint64_t off, uint64_t len,
			  void *buf, enum scsi_next (*step)(struct scsi_cmd *cmd, int res))
{
	cmd->io.store = cmd->itl->lu->store;
	cmd->io.op = op;
	cmd->io.flags = op == STORE_READ || op == STORE_FLUSH ? 0 : scsi_write_flags(cmd->itl->lu);
	cmd->io.off = off;
	cmd->io.len = len;
	cmd->io.buf = buf;
	cmd->step = step;
	return SCSI_STORE;
}

enum scsi_next scsi_data_in(struct scsi_cmd *cmd, uint64_t len)
{
	cmd->xfer_len = MIN(cmd->nblk, len);
	cmd->data_len = (uint32_t)MIN(cmd->xfer_len, (uint64_t)cmd->in_len);
	return scsi_good(cmd);
}
