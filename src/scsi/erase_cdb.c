/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FORMAT UNIT (SBC-3 5.2) and SANITIZE (5.18): from CDB and parameter list to a job. There are no
 * defect lists, no protection information, no other block length. With IMMED the status comes as
 * soon as the job is kept and nothing of older commands can happen any more.
 */
#include "scsi/erase_cdb.h"

#include <errno.h>

/* ---- the same for both; the job is in the command's buffer ---- */

static struct erase_job *job_of(struct scsi_cmd *cmd)
{
	return (struct erase_job *)cmd->buf;
}

static bool is_immed(const struct scsi_cmd *cmd)
{
	return cmd->total;
}

static enum scsi_next erased(struct scsi_cmd *cmd, int res)
{
	erase_leave(cmd);
	if (!res)
		return scsi_good(cmd);
	return scsi_fail(cmd, job_of(cmd)->kind == ERASE_SANITIZE ? SENSE_SANITIZE_FAILED
								  : SENSE_FORMAT_FAILED);
}

static enum scsi_next ended_others(struct scsi_cmd *cmd, int res)
{
	erase_go(cmd);
	if (is_immed(cmd)) {
		erase_leave(cmd);
		return scsi_good(cmd);
	}
	return scsi_call_store(cmd, erase_wait, erased);
}

static int begin(struct scsi_cmd *cmd)
{
	return erase_begin(cmd, job_of(cmd));
}

static enum scsi_next begun(struct scsi_cmd *cmd, int res)
{
	if (!res) {
		cmd->step = ended_others;
		return SCSI_ABORT;
	}
	if (res == -EBUSY)
		return scsi_fail(cmd, scsi_not_ready(cmd->itl->lu));
	if (res == -EIO) /* of the state's file, not of the store */
		return scsi_fail(cmd, SENSE_INTERNAL_FAILURE);
	return scsi_fail_store(cmd, STORE_WRITE, res, SCSI_NO_LBA);
}

static enum scsi_next start(struct scsi_cmd *cmd, const struct erase_job *job, bool immed)
{
	cmd->total = immed;
	*job_of(cmd) = *job;
	return scsi_call(cmd, begin, begun);
}

static enum scsi_next bad_field(struct scsi_cmd *cmd, unsigned int byte, int bit)
{
	return scsi_fail_field(cmd, SENSE_INVALID_FIELD_IN_PARAMETERS, byte, bit);
}

/* ---- FORMAT UNIT ---- */

enum {
	CDB_LONGLIST = 0x20,
	CDB_FMTDATA = 0x10,
	CDB_DEFECT_BITS = 0x0f
};
enum {
	FOV = 0x80,
	IP = 0x08,
	IMMED = 0x02,
	NEEDS_FOV = 0x78,
	OBSOLETE = 0x05
};
enum {
	IP_HEAD_LEN = 4,
	IP_DEFAULT = 0,
	IP_REPEAT = 1
};

/* Initialization pattern descriptor (SBC-3 5.2.2.3). False: the command has ended. */
static bool take_pattern(struct scsi_cmd *cmd, uint32_t at, struct erase_job *job)
{
	const uint8_t *desc = cmd->buf + at;
	uint32_t len;

	if (cmd->data_len < at + IP_HEAD_LEN) {
		scsi_fail(cmd, SENSE_PARAMETER_LIST_LENGTH);
		return false;
	}
	len = be16_get(desc + 2);
	if (desc[0] & 0xc0 || desc[1] > IP_REPEAT) {
		bad_field(cmd, desc[0] & 0xc0 ? at : at + 1, -1);
	} else if ((desc[1] == IP_DEFAULT) != !len || len > scsi_block_len(cmd->itl->lu)) {
		bad_field(cmd, at + 2, -1);
	} else if (cmd->data_len < at + IP_HEAD_LEN + len) {
		scsi_fail(cmd, SENSE_PARAMETER_LIST_LENGTH);
	} else {
		job->n_passes = len ? 1 : 0;
		job->pattern_len = (uint16_t)len;
		memcpy(job->pattern, desc + IP_HEAD_LEN, len);
		cmd->xfer_len = at + IP_HEAD_LEN + len;
		return true;
	}
	return false;
}

/* Parameter list header, short or long (SBC-3 5.2.2.2). */
static enum scsi_next format_with(struct scsi_cmd *cmd, int res)
{
	bool is_long = cmd->cdb[1] & CDB_LONGLIST;
	struct erase_job job = { .kind = ERASE_FORMAT };
	const uint8_t *head = cmd->buf;
	uint32_t len = is_long ? 8 : 4;

	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_WRITE, res, SCSI_NO_LBA);
	cmd->data_len = cmd->need;
	cmd->xfer_len = len;
	if (cmd->data_len < len)
		return scsi_fail(cmd, SENSE_PARAMETER_LIST_LENGTH);
	if (head[0] & 0x07)
		return bad_field(cmd, 0, 2);
	if (head[1] & OBSOLETE || (!(head[1] & FOV) && head[1] & NEEDS_FOV))
		return bad_field(cmd, 1, -1);
	if (is_long && head[3])
		return bad_field(cmd, 3, -1);
	if (is_long ? be32_get(head + 4) : be16_get(head + 2))
		return bad_field(cmd, is_long ? 4 : 2, -1);
	if (head[1] & IP && !take_pattern(cmd, len, &job))
		return SCSI_COMPLETE;
	return start(cmd, &job, head[1] & IMMED);
}

static enum scsi_next format_plain(struct scsi_cmd *cmd, int res)
{
	const struct erase_job job = { .kind = ERASE_FORMAT };

	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_WRITE, res, SCSI_NO_LBA);
	return start(cmd, &job, false);
}

static enum scsi_next format_room(struct scsi_cmd *cmd, int res)
{
	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_WRITE, res, SCSI_NO_LBA);
	return scsi_need_data(cmd, 0, cmd->chunk, format_with);
}

/* The list says itself how long it is: a buffer of any length may come. It is at most what is
 * fetched here. */
enum scsi_next sbc_format_unit(struct scsi_cmd *cmd)
{
	enum scsi_sense_code code = scsi_not_ready(cmd->itl->lu);

	if (code != SENSE_NONE && code != SENSE_FORMAT_CORRUPTED)
		return scsi_fail(cmd, code);
	cmd->chunk = MIN(cmd->out_len, (uint32_t)sizeof(struct erase_job));
	if (!(cmd->cdb[1] & CDB_FMTDATA)) {
		if (cmd->cdb[1] & (CDB_LONGLIST | CDB_DEFECT_BITS))
			return scsi_bad_cdb(cmd, 1, cmd->cdb[1] & CDB_LONGLIST ? 5 : 3);
		cmd->dir = SCSI_DIR_NONE;
		return scsi_need_buf(cmd, sizeof(struct erase_job), format_plain);
	}
	if (!cmd->chunk)
		return scsi_fail(cmd, SENSE_PARAMETER_LIST_LENGTH);
	return scsi_need_buf(cmd, sizeof(struct erase_job), format_room);
}

/* ---- SANITIZE ---- */

enum {
	CDB_IMMED = 0x80,
	CDB_AUSE = 0x20
};
enum {
	OVERWRITE = 0x01,
	BLOCK_ERASE = 0x02,
	EXIT_FAILURE_MODE = 0x1f
};
enum {
	LIST_HEAD_LEN = 4,
	INVERT = 0x80
};

/* OVERWRITE: how often, with what (SBC-3 5.18.2). TEST makes no difference to a store. */
static bool take_overwrite(struct scsi_cmd *cmd, struct erase_job *job)
{
	const uint8_t *list = cmd->buf;
	uint32_t len;

	if (cmd->data_len <= LIST_HEAD_LEN || cmd->data_len < cmd->nblk) {
		scsi_fail(cmd, SENSE_PARAMETER_LIST_LENGTH);
		return false;
	}
	len = be16_get(list + 2);
	if (!(list[0] & 0x1f)) {
		bad_field(cmd, 0, 4);
		return false;
	}
	if (!len || len > scsi_block_len(cmd->itl->lu) || LIST_HEAD_LEN + len > cmd->data_len) {
		bad_field(cmd, 2, -1);
		return false;
	}
	job->n_passes = list[0] & 0x1f;
	job->invert = list[0] & INVERT;
	job->pattern_len = (uint16_t)len;
	memcpy(job->pattern, list + LIST_HEAD_LEN, len);
	return true;
}

static enum scsi_next sanitize(struct scsi_cmd *cmd, struct erase_job *job)
{
	job->kind = ERASE_SANITIZE;
	job->may_exit = cmd->cdb[1] & CDB_AUSE;
	return start(cmd, job, cmd->cdb[1] & CDB_IMMED);
}

static enum scsi_next overwrite(struct scsi_cmd *cmd, int res)
{
	struct erase_job job = { 0 };

	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_WRITE, res, SCSI_NO_LBA);
	cmd->data_len = cmd->need;
	return take_overwrite(cmd, &job) ? sanitize(cmd, &job) : SCSI_COMPLETE;
}

static enum scsi_next overwrite_room(struct scsi_cmd *cmd, int res)
{
	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_WRITE, res, SCSI_NO_LBA);
	return scsi_need_data(cmd, 0, cmd->chunk, overwrite);
}

static enum scsi_next block_erase(struct scsi_cmd *cmd, int res)
{
	struct erase_job job = { 0 };

	return unlikely(res) ? scsi_fail_store(cmd, STORE_WRITE, res, SCSI_NO_LBA)
			     : sanitize(cmd, &job);
}

static int exit_failure(struct scsi_cmd *cmd)
{
	return erase_exit_failure(cmd->itl->lu);
}

static enum scsi_next exited(struct scsi_cmd *cmd, int res)
{
	return res ? scsi_fail(cmd, SENSE_INTERNAL_FAILURE) : scsi_good(cmd);
}

/* Only out of a failure that AUSE has allowed to leave so (SBC-3 5.18.5). */
static enum scsi_next exit_failure_mode(struct scsi_cmd *cmd, enum scsi_sense_code code)
{
	if (code == SENSE_SANITIZE_FAILED && !cmd->itl->lu->erase_may_exit)
		return scsi_bad_cdb(cmd, 1, 4);
	if (code != SENSE_SANITIZE_FAILED)
		return scsi_good(cmd);
	return scsi_call(cmd, exit_failure, exited);
}

/* After one that failed, another one is the way out; one that failed without AUSE needs one
 * without. */
enum scsi_next sbc_sanitize(struct scsi_cmd *cmd)
{
	enum scsi_sense_code code = scsi_not_ready(cmd->itl->lu);
	uint8_t action = cmd->cdb[1] & 0x1f;

	if (code != SENSE_NONE && code != SENSE_SANITIZE_FAILED)
		return scsi_fail(cmd, code);
	if (action != OVERWRITE && cmd->nblk)
		return scsi_bad_cdb(cmd, 7, -1);
	if (action == EXIT_FAILURE_MODE)
		return exit_failure_mode(cmd, code);
	if (code != SENSE_NONE && cmd->cdb[1] & CDB_AUSE && !cmd->itl->lu->erase_may_exit)
		return scsi_bad_cdb(cmd, 1, 5);
	if (action == BLOCK_ERASE) {
		cmd->dir = SCSI_DIR_NONE;
		return scsi_need_buf(cmd, sizeof(struct erase_job), block_erase);
	}
	cmd->xfer_len = cmd->nblk;
	if (cmd->nblk <= LIST_HEAD_LEN ||
	    cmd->nblk > LIST_HEAD_LEN + (uint64_t)scsi_block_len(cmd->itl->lu))
		return scsi_bad_cdb(cmd, 7, -1);
	if (!cmd->out_len)
		return scsi_fail(cmd, SENSE_PARAMETER_LIST_LENGTH);
	cmd->chunk = (uint32_t)MIN(cmd->nblk, (uint64_t)cmd->out_len);
	return scsi_need_buf(cmd, sizeof(struct erase_job), overwrite_room);
}
