/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is told about third party copies: limits (RECEIVE COPY OPERATING PARAMETERS, SPC-4 6.26, and
 * the Third Party Copy VPD page, 7.8.17), and how a copy of this nexus and logical unit stands or
 * ended (RECEIVE COPY STATUS and its like). Runs no copy.
 */
#include "scsi/copy.h"

static const uint8_t descriptor_types[] = { 0x02, 0xe4 };

/* ---- limits ---- */

enum {
	DESCRIPTORS_MAX = COPY_LIST_MAX - 16
};

enum scsi_next spc_copy_parameters(struct scsi_cmd *cmd)
{
	uint8_t *buf = cmd->buf;
	const size_t len = 44 + sizeof(descriptor_types);

	be32_put(buf, (uint32_t)len - 4);
	buf[4] = 0x01; /* SNLID: an EXTENDED COPY needs no list identifier */
	be16_put(buf + 8, COPY_MAX_CSCDS);
	be16_put(buf + 10, COPY_MAX_SEGMENTS);
	be32_put(buf + 12, DESCRIPTORS_MAX);
	be32_put(buf + 16, COPY_MAX_SEGMENT_LEN);
	be16_put(buf + 34, COPY_SLOTS);	     /* TOTAL CONCURRENT COPIES of a nexus, */
	buf[36] = COPY_SLOTS;		     /* ... all with list identifiers */
	buf[37] = cmd->itl->lu->block_shift; /* DATA SEGMENT GRANULARITY, log 2 */
	buf[43] = sizeof(descriptor_types);
	memcpy(buf + 44, descriptor_types, sizeof(descriptor_types));
	return scsi_data_in(cmd, len);
}

/* ---- VPD 8Fh ---- */

/* Header of a third party copy descriptor whose len bytes follow; returns them. */
static uint8_t *descriptor(uint8_t **pos, uint16_t type, uint16_t len)
{
	uint8_t *body = *pos + 4;

	be16_put(*pos, type);
	be16_put(*pos + 2, len);
	*pos = body + len;
	return body;
}

static void rod_limits(const struct scsi_lu *lu, uint8_t **pos)
{
	uint8_t *body = descriptor(pos, 0x0000, 32);

	be16_put(body + 6, COPY_MAX_RANGES);
	be32_put(body + 8, COPY_TOKEN_TIMEOUT_MAX);
	be32_put(body + 12, COPY_TOKEN_TIMEOUT);
	be64_put(body + 16, COPY_MAX_TOKEN_LEN >> lu->block_shift);
	be64_put(body + 24, COPY_MAX_SEGMENT_LEN >> lu->block_shift); /* OPTIMAL TRANSFER COUNT */
}

struct commands {
	uint8_t *pos;
	uint8_t *head; /* of the operation code that is being listed */
};

static bool put_action(const struct scsi_op *op, void *arg)
{
	struct commands *list = arg;

	if (op->opcode != 0x83 && op->opcode != 0x84)
		return true;
	if (!list->head || list->head[0] != op->opcode) {
		list->head = list->pos;
		list->head[0] = op->opcode;
		list->pos += 2;
	}
	list->head[1]++;
	*list->pos++ = (uint8_t)op->sa;
	return true;
}

static void supported_commands(uint8_t **pos)
{
	uint8_t *body = *pos + 4;
	struct commands list = { .pos = body + 1 };
	size_t len;

	scsi_op_each(put_action, &list);
	len = (size_t)(list.pos - body);
	body[0] = (uint8_t)(len - 1);
	descriptor(pos, 0x0001, (uint16_t)((len + 3) & ~3u));
}

static void list_limits(uint8_t **pos)
{
	uint8_t *body = descriptor(pos, 0x0004, 28);

	be16_put(body + 4, COPY_MAX_CSCDS);
	be16_put(body + 6, COPY_MAX_SEGMENTS);
	be32_put(body + 8, DESCRIPTORS_MAX);
}

static void supported_descriptors(uint8_t **pos)
{
	uint8_t *body = descriptor(pos, 0x0008, 4);

	body[0] = sizeof(descriptor_types);
	memcpy(body + 1, descriptor_types, sizeof(descriptor_types));
}

/* FFFFh: the logical unit that the command goes to. */
static void supported_ids(uint8_t **pos)
{
	uint8_t *body = descriptor(pos, 0x000c, 4);

	be16_put(body, 2);
	be16_put(body + 2, 0xffff);
}

static void token_features(const struct scsi_lu *lu, uint8_t **pos)
{
	uint8_t *body = descriptor(pos, 0x0106, 44 + 48);
	uint8_t *block = body + 44;

	be32_put(body + 16, COPY_TOKEN_TIMEOUT_MAX); /* MAXIMUM TOKEN INACTIVITY TIMEOUT */
	be16_put(body + 42, 48);
	be16_put(block + 2, 44); /* for block devices; type 0, format 0 */
	be16_put(block + 6,
		 (uint16_t)(1u << lu->lb_per_pb_exp)); /* OPTIMAL BLOCK ROD LENGTH GRANULARITY */
	be64_put(block + 8, COPY_MAX_TOKEN_LEN);
	be64_put(block + 16, COPY_MAX_SEGMENT_LEN);
}

static void supported_rod_types(uint8_t **pos)
{
	uint8_t *body = descriptor(pos, 0x0108, 4 + 2 * 64);

	be16_put(body + 2, 2 * 64);
	be32_put(body + 4, 0x00800001);	 /* point in time copy, change vulnerable */
	body[4 + 4] = 0x03;		 /* TOKEN_IN, TOKEN_OUT */
	be32_put(body + 68, 0xffff0001); /* block device zero ROD token */
	body[68 + 4] = 0x02;		 /* TOKEN_IN */
}

static void general_copy(const struct scsi_lu *lu, uint8_t **pos)
{
	uint8_t *body = descriptor(pos, 0x8001, 32);

	be32_put(body, COPY_SLOTS);
	be32_put(body + 4, COPY_SLOTS);
	be32_put(body + 8, COPY_MAX_SEGMENT_LEN);
	body[12] = lu->block_shift;
}

size_t copy_vpd(const struct scsi_cmd *cmd, uint8_t *body)
{
	const struct scsi_lu *lu = cmd->itl->lu;
	uint8_t *pos = body;

	rod_limits(lu, &pos);
	supported_commands(&pos);
	list_limits(&pos);
	supported_descriptors(&pos);
	supported_ids(&pos);
	token_features(lu, &pos);
	supported_rod_types(&pos);
	general_copy(lu, &pos);
	return (size_t)(pos - body);
}

/* ---- how a copy stands ---- */

/* How a copy stood at one moment. */
struct report {
	enum copy_state state;
	uint8_t action, status, sense_len;
	uint8_t sense[SCSI_SENSE_MAX];
	uint32_t n_segments;
	uint64_t moved;
	bool has_token;
	uint8_t token[COPY_TOKEN_LEN];
};

static void fill_report(const struct copy_slot *slot, struct report *out)
{
	*out = (struct report){
		.state = slot->state,
		.action = slot->action,
		.n_segments = atomic_load(&slot->n_segments),
		.moved = atomic_load(&slot->moved),
	};
	if (slot->state == COPY_RUNS)
		return;
	out->status = slot->status;
	out->sense_len = slot->sense_len;
	memcpy(out->sense, slot->sense, slot->sense_len);
	out->has_token = slot->has_token;
	memcpy(out->token, slot->token, sizeof(out->token));
}

/* False: there is no copy of this identifier. */
static bool snapshot(const struct scsi_cmd *cmd, uint32_t list_id, bool of_tokens,
		     struct report *out)
{
	struct copy_slots *slots = cmd->nexus->copies;
	const struct copy_slot *slot;

	pthread_mutex_lock(&slots->lock);
	slot = copy_find(slots, cmd->itl, list_id, of_tokens);
	if (slot)
		fill_report(slot, out);
	pthread_mutex_unlock(&slots->lock);
	return slot;
}

/* COPY MANAGER STATUS: 0 in progress, 1 without errors, 2 with errors. */
static uint8_t copy_status(const struct report *slot)
{
	if (slot->state == COPY_RUNS)
		return 0;
	return slot->status == SCSI_GOOD ? 1 : 2;
}

enum scsi_next spc_copy_status(struct scsi_cmd *cmd)
{
	struct report slot;

	if (!snapshot(cmd, cmd->cdb[2], false, &slot))
		return scsi_bad_cdb(cmd, 2, -1);
	be32_put(cmd->buf, 8);
	cmd->buf[4] = copy_status(&slot);
	be16_put(cmd->buf + 5, (uint16_t)slot.n_segments);
	cmd->buf[7] = slot.moved > UINT32_MAX ? 1 : 0; /* TRANSFER COUNT UNITS: kibibytes, bytes */
	be32_put(cmd->buf + 8, (uint32_t)(slot.moved > UINT32_MAX ? slot.moved >> 10 : slot.moved));
	return scsi_data_in(cmd, 12);
}

/* No copy of this identifier, or none that failed: no details (SPC-4 6.24). */
enum scsi_next spc_copy_failure(struct scsi_cmd *cmd)
{
	struct report slot;

	if (!snapshot(cmd, cmd->cdb[2], false, &slot) || copy_status(&slot) != 2)
		return scsi_data_in(cmd, 4);
	be32_put(cmd->buf, 56u + slot.sense_len);
	cmd->buf[56] = slot.status;
	be16_put(cmd->buf + 58, slot.sense_len);
	memcpy(cmd->buf + 60, slot.sense, slot.sense_len);
	return scsi_data_in(cmd, 60u + slot.sense_len);
}

enum {
	OPERATION_FOREGROUND = 0x11,
	UNITS_BLOCKS = 0xf1,
	ROD_HEAD = 32
};

enum scsi_next spc_rod_information(struct scsi_cmd *cmd)
{
	uint8_t *buf = cmd->buf;
	struct report slot;
	uint8_t status;
	size_t len;

	if (!snapshot(cmd, be32_get(cmd->cdb + 2), true, &slot))
		return scsi_bad_cdb(cmd, 2, -1);
	status = copy_status(&slot);
	buf[4] = slot.action;
	buf[5] = status ? status : OPERATION_FOREGROUND;
	be16_put(buf + 6, 1); /* OPERATION COUNTER */
	buf[12] = slot.status;
	buf[13] = buf[14] = slot.sense_len;
	buf[15] = UNITS_BLOCKS;
	be64_put(buf + 16, slot.moved >> cmd->itl->lu->block_shift);
	be16_put(buf + 24, (uint16_t)slot.n_segments);
	memcpy(buf + ROD_HEAD, slot.sense, slot.sense_len);
	len = ROD_HEAD + slot.sense_len + 4u;
	if (slot.has_token) {
		be32_put(buf + len - 4, 2 + COPY_TOKEN_LEN);
		memcpy(buf + len + 2, slot.token, COPY_TOKEN_LEN);
		len += 2 + COPY_TOKEN_LEN;
	}
	be32_put(buf, (uint32_t)len - 4);
	return scsi_data_in(cmd, len);
}
