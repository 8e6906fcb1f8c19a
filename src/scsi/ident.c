/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an application client may write on a logical unit: identifying information
 * (SPC-4 6.31, 6.43), which is kept over restarts, and the time (6.37, 6.45), which is the host's
 * until somebody sets it.
 */
#include "base/clock.h"
#include "scsi/internal.h"

/* ---- identifying information ---- */

enum {
	TYPE_BYTES = 0x00,
	TYPE_TEXT = 0x02,
	TYPE_SUPPORTED = 0x7f
};

static uint8_t info_type(const struct scsi_cmd *cmd)
{
	return cmd->cdb[10] >> 1;
}

static size_t put_info(const struct scsi_cmd *cmd, uint8_t *out)
{
	struct scsi_lu *lu = cmd->itl->lu;
	bool is_text = info_type(cmd) == TYPE_TEXT;
	size_t len;

	pthread_mutex_lock(&lu->lock);
	len = is_text ? lu->ident.text_len : lu->ident.len;
	memcpy(out, is_text ? lu->ident.text : lu->ident.bytes, len);
	pthread_mutex_unlock(&lu->lock);
	return len;
}

/* Descriptors of the types: what each may hold (SPC-4 6.31.3). */
static size_t put_types(const struct scsi_cmd *cmd, uint8_t *out)
{
	out[0] = TYPE_BYTES << 1;
	be16_put(out + 2, SCSI_IDENT_MAX);
	out[4] = TYPE_TEXT << 1;
	be16_put(out + 6, SCSI_IDENT_TEXT_MAX);
	return 8;
}

enum scsi_next spc_report_ident(struct scsi_cmd *cmd)
{
	uint8_t *body = cmd->buf + 4;
	size_t len;

	switch (info_type(cmd)) {
	case TYPE_BYTES:
	case TYPE_TEXT:
		len = put_info(cmd, body);
		break;
	case TYPE_SUPPORTED:
		len = put_types(cmd, body);
		break;
	default:
		return scsi_bad_cdb(cmd, 10, 7);
	}
	be16_put(cmd->buf + 2, (uint16_t)len);
	return scsi_data_in(cmd, 4 + len);
}

/* Such calls run one at a time. */
static int keep_info(struct scsi_cmd *cmd)
{
	struct scsi_lu *lu = cmd->itl->lu;
	struct scsi_ident ident = lu->ident;
	bool is_text = info_type(cmd) == TYPE_TEXT;
	int res;

	if (cmd->data_len) /* else there is no buffer */
		memcpy(is_text ? ident.text : ident.bytes, cmd->buf, cmd->data_len);
	*(is_text ? &ident.text_len : &ident.len) = (uint16_t)cmd->data_len;
	res = lu->keeper->save_ident(lu->keeper, lu, &ident);
	if (res)
		return res;
	pthread_mutex_lock(&lu->lock);
	lu->ident = ident;
	pthread_mutex_unlock(&lu->lock);
	return 0;
}

static enum scsi_next kept_info(struct scsi_cmd *cmd, int res)
{
	if (res)
		return scsi_fail(cmd, SENSE_INTERNAL_FAILURE);
	scsi_ua_set_others(cmd->itl->lu, cmd->nexus, SCSI_UA_IDENTIFIER_CHANGED);
	return scsi_good(cmd);
}

/* Text ends with its first zero (SPC-4 6.43). An empty list removes what there was. */
static bool is_text(const uint8_t *data, size_t len)
{
	return !len || memchr(data, 0, len) == data + len - 1;
}

enum scsi_next spc_set_ident(struct scsi_cmd *cmd)
{
	uint8_t type = info_type(cmd);

	if (type != TYPE_BYTES && type != TYPE_TEXT)
		return scsi_bad_cdb(cmd, 10, 7);
	if (cmd->nblk > (type == TYPE_TEXT ? (uint64_t)SCSI_IDENT_TEXT_MAX : SCSI_IDENT_MAX))
		return scsi_bad_cdb(cmd, 6, -1);
	if (cmd->data_len < cmd->nblk)
		return scsi_fail(cmd, SENSE_PARAMETER_LIST_LENGTH);
	if (type == TYPE_TEXT && !is_text(cmd->buf, cmd->data_len))
		return scsi_fail_field(cmd, SENSE_INVALID_FIELD_IN_PARAMETERS, 0, -1);
	return scsi_call(cmd, keep_info, kept_info);
}

/* ---- time ---- */

enum {
	TIME_LEN = 12,
	BY_COMMAND = 2,
	BY_HOST = 3
};

static void put_time(uint8_t *out, uint64_t ms)
{
	be16_put(out, (uint16_t)(ms >> 32));
	be32_put(out + 2, (uint32_t)ms);
}

enum scsi_next spc_report_timestamp(struct scsi_cmd *cmd)
{
	const struct scsi_lu *lu = cmd->itl->lu;

	be16_put(cmd->buf, TIME_LEN - 2);
	cmd->buf[2] = atomic_load(&lu->time_is_set) ? BY_COMMAND : BY_HOST;
	put_time(cmd->buf + 4, clock_wall_ms() + (uint64_t)atomic_load(&lu->time_offset));
	return scsi_data_in(cmd, TIME_LEN);
}

/* Lost with a restart, as with power (SPC-4 5.2). Empty: nothing is set, no error. */
enum scsi_next spc_set_timestamp(struct scsi_cmd *cmd)
{
	struct scsi_lu *lu = cmd->itl->lu;
	uint64_t ms;

	if (!cmd->nblk)
		return scsi_good(cmd);
	if (cmd->data_len < TIME_LEN)
		return scsi_fail(cmd, SENSE_PARAMETER_LIST_LENGTH);
	ms = (uint64_t)be16_get(cmd->buf + 4) << 32 | be32_get(cmd->buf + 6);
	atomic_store(&lu->time_offset, (int64_t)(ms - clock_wall_ms()));
	atomic_store(&lu->time_is_set, true);
	scsi_ua_set_others(lu, cmd->nexus, SCSI_UA_TIMESTAMP_CHANGED);
	return scsi_good(cmd);
}
