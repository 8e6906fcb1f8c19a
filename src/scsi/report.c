/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * REPORT LUNS (SPC-4 6.33), REPORT SUPPORTED OPERATION CODES (6.35) and REPORT SUPPORTED TASK
 * MANAGEMENT FUNCTIONS (6.36). Reports only what this nexus was granted and this logical unit
 * serves.
 */
#include "scsi/internal.h"

/* ---- REPORT LUNS ---- */

enum { SELECT_ADDRESSED = 0, SELECT_WELL_KNOWN = 1, SELECT_ALL = 2 };
enum { WELL_KNOWN_LUN = 0xc101 }; /* of REPORT LUNS, the only one */

/* SAM-5 4.7: peripheral device addressing below 256, flat space addressing from there on. */
static void put_lun(uint8_t *out, uint16_t lun)
{
	be16_put(out, lun < 256 ? lun : (uint16_t)(0x4000 | lun));
}

/* The map may have grown since the buffer was asked for. */
static uint32_t put_luns(const struct scsi_nexus *nexus, uint8_t *out, uint32_t max)
{
	uint32_t n = 0;

	for (unsigned int lun = 0; lun <= SCSI_MAX_LUN && n < max; lun++) {
		struct scsi_itl *_Atomic *chunk = nexus->chunk[lun / SCSI_LUN_CHUNK];

		if (!chunk)
			lun |= SCSI_LUN_CHUNK - 1;
		else if (chunk[lun % SCSI_LUN_CHUNK])
			put_lun(out + 8 * (size_t)n++, (uint16_t)lun);
	}
	return n;
}

/* The inventory is being reported, so its change needs no reporting (SPC-4 6.33, SAM-5 5.14). */
static void clear_luns_changed(const struct scsi_nexus *nexus)
{
	for (unsigned int i = 0; i < SCSI_LUN_CHUNKS; i++) {
		for (unsigned int j = 0; nexus->chunk[i] && j < SCSI_LUN_CHUNK; j++) {
			struct scsi_itl *itl = nexus->chunk[i][j];

			if (itl)
				atomic_fetch_and(&itl->ua, ~(1u << SCSI_UA_LUNS_CHANGED));
		}
	}
}

static enum scsi_next fill_luns(struct scsi_cmd *cmd, int res)
{
	uint32_t n = 0;

	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_READ, res, SCSI_NO_LBA);
	memset(cmd->buf, 0, cmd->need);
	clear_luns_changed(cmd->nexus);
	if (cmd->cdb[2] != SELECT_WELL_KNOWN)
		n = put_luns(cmd->nexus, cmd->buf + 8, cmd->need / 8 - 2);
	if (cmd->cdb[2] != SELECT_ADDRESSED)
		be16_put(cmd->buf + 8 + 8 * (size_t)n++, WELL_KNOWN_LUN);
	be32_put(cmd->buf, 8 * n);
	return scsi_data_in(cmd, 8 + 8 * (uint64_t)n);
}

enum scsi_next spc_report_luns(struct scsi_cmd *cmd)
{
	if (cmd->cdb[2] > SELECT_ALL)
		return scsi_bad_cdb(cmd, 2, -1);
	if (cmd->nblk < 16)
		return scsi_bad_cdb(cmd, 6, -1);
	return scsi_need_buf(cmd, 16 + 8 * cmd->nexus->n_luns, fill_luns);
}

/* ---- REPORT SUPPORTED OPERATION CODES ---- */

enum { REPORT_ALL = 0, REPORT_OPCODE = 1, REPORT_ACTION = 2, REPORT_EITHER = 3 };
enum { SUPPORT_NONE = 1, SUPPORT_STANDARD = 3 };

/* Command timeouts descriptor (SPC-4 6.35.4): no nominal time, a recommended one in seconds. */
static size_t put_timeouts(uint8_t *out, const struct scsi_op *op)
{
	be16_put(out, 0x0a);
	be32_put(out + 8, op->timeout);
	return 12;
}

struct op_list {
	const struct scsi_lu *lu;
	bool timeouts;
	uint8_t *pos;
};

static bool put_command(const struct scsi_op *op, void *arg)
{
	struct op_list *list = arg;
	uint8_t *out = list->pos;

	if (!scsi_op_served(op, list->lu))
		return true;
	out[0] = op->opcode;
	if (op->sa != SCSI_NO_SA) {
		be16_put(out + 2, (uint16_t)op->sa);
		out[5] |= 0x01; /* SERVACTV */
	}
	be16_put(out + 6, op->cdb_len);
	list->pos += 8;
	if (list->timeouts) {
		out[5] |= 0x02; /* CTDP */
		list->pos += put_timeouts(list->pos, op);
	}
	return true;
}

static enum scsi_next report_all(struct scsi_cmd *cmd, bool timeouts)
{
	struct op_list list = {
		.lu = cmd->itl->lu,
		.timeouts = timeouts,
		.pos = cmd->buf + 4,
	};

	scsi_op_each(put_command, &list);
	be32_put(cmd->buf, (uint32_t)(list.pos - cmd->buf - 4));
	return scsi_data_in(cmd, (uint64_t)(list.pos - cmd->buf));
}

static enum scsi_next report_one(struct scsi_cmd *cmd, const struct scsi_op *op, bool timeouts)
{
	uint8_t *buf = cmd->buf;
	size_t len = 4;

	if (!op || !scsi_op_served(op, cmd->itl->lu)) {
		buf[1] = SUPPORT_NONE;
		return scsi_data_in(cmd, len);
	}
	buf[1] = SUPPORT_STANDARD;
	be16_put(buf + 2, op->cdb_len);
	for (unsigned int i = 0; i < op->cdb_len; i++)
		buf[len++] = scsi_op_usage(op, i);
	if (timeouts) {
		buf[1] |= 0x80; /* CTDP */
		len += put_timeouts(buf + len, op);
	}
	return scsi_data_in(cmd, len);
}

/* The entry for REQUESTED OPERATION CODE and REQUESTED SERVICE ACTION, or NULL. */
static const struct scsi_op *requested_op(const struct scsi_cmd *cmd)
{
	return scsi_op_lookup(cmd->cdb[3], be16_get(cmd->cdb + 4));
}

enum scsi_next spc_report_opcodes(struct scsi_cmd *cmd)
{
	bool timeouts = cmd->cdb[2] & 0x80;
	bool is_known = scsi_ops[cmd->cdb[3]].run;
	bool has_actions = !is_known && scsi_ops[cmd->cdb[3]].actions;

	switch (cmd->cdb[2] & 0x07) {
	case REPORT_ALL:
		return report_all(cmd, timeouts);
	case REPORT_OPCODE:
		if (has_actions)
			return scsi_bad_cdb(cmd, 3, -1);
		return report_one(cmd, requested_op(cmd), timeouts);
	case REPORT_ACTION:
		if (is_known)
			return scsi_bad_cdb(cmd, 3, -1);
		return report_one(cmd, requested_op(cmd), timeouts);
	case REPORT_EITHER: /* SPC-4 table 290: service action 0 stands for "has none" */
		if (!has_actions && be16_get(cmd->cdb + 4))
			return report_one(cmd, NULL, timeouts);
		return report_one(cmd, requested_op(cmd), timeouts);
	}
	return scsi_bad_cdb(cmd, 2, 2);
}

/* ABORT TASK, ABORT TASK SET, CLEAR TASK SET, LOGICAL UNIT RESET: what SRP can ask for. */
enum scsi_next spc_report_tmf(struct scsi_cmd *cmd)
{
	bool extended = cmd->cdb[2] & 0x80; /* REPD */

	cmd->buf[0] = 0xd8;
	if (!extended)
		return scsi_data_in(cmd, 4);
	cmd->buf[3] = 0x0c;
	return scsi_data_in(cmd, 16);
}
