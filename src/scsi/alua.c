/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asymmetric logical unit access (SPC-4 5.15): the states of a logical unit's target port groups,
 * what runs in them, REPORT TARGET PORT GROUPS (6.37) and SET TARGET PORT GROUPS (6.45). A state
 * belongs to one logical unit and one group. Does not know why somebody wants another.
 *
 * The check of a command asks one byte of its itl, 0 while its group is active.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scsi/internal.h"

static bool is_active(uint8_t state)
{
	return state == SCSI_ACTIVE_OPTIMIZED || state == SCSI_ACTIVE_NONOPTIMIZED;
}

/* ---- groups; lu->lock held ---- */

static struct scsi_port_group *find_group(const struct scsi_lu *lu, uint16_t id)
{
	struct scsi_port_group *group;

	STAILQ_FOREACH (group, &lu->groups, link)
		if (group->id == id)
			return group;
	return NULL;
}

static struct scsi_port_group *get_group(struct scsi_lu *lu, uint16_t id)
{
	struct scsi_port_group *group = find_group(lu, id);

	if (group)
		return group;
	group = calloc(1, sizeof(*group));
	if (!group)
		return NULL;
	group->id = id;
	STAILQ_INSERT_TAIL(&lu->groups, group, link);
	return group;
}

void scsi_itl_refresh_access(struct scsi_itl *itl)
{
	const struct scsi_port_group *group = find_group(itl->lu, itl->nexus->target_port_group);

	atomic_store(&itl->access, group && !is_active(group->state) ? group->state : 0);
}

static void tell(struct scsi_lu *lu, const struct scsi_nexus *except)
{
	struct scsi_itl *itl;

	LIST_FOREACH (itl, &lu->itls, lu_link) {
		scsi_itl_refresh_access(itl);
		if (itl->nexus != except)
			scsi_ua_set(itl, SCSI_UA_ACCESS_STATE_CHANGED);
	}
}

/* ---- for the owner of the logical unit ---- */

int scsi_lu_set_access(struct scsi_lu *lu, uint16_t id, enum scsi_access state, bool preferred)
{
	struct scsi_port_group *group;

	pthread_mutex_lock(&lu->lock);
	group = get_group(lu, id);
	if (group && (group->state != state || group->preferred != preferred)) {
		group->state = (uint8_t)state;
		group->preferred = preferred;
		group->cause = SCSI_ACCESS_BY_TARGET;
		tell(lu, NULL);
	}
	pthread_mutex_unlock(&lu->lock);
	return group ? 0 : -ENOMEM;
}

int scsi_lu_know_group(struct scsi_lu *lu, uint16_t id)
{
	return get_group(lu, id) ? 0 : -ENOMEM;
}

void scsi_lu_use_alua(struct scsi_lu *lu, bool is_explicit, struct scsi_access_hook *hook)
{
	lu->tpgs = is_explicit ? 0x30 : 0x10;
	lu->lacks &= ~(uint32_t)(is_explicit ? OP_IF_ALUA | OP_IF_EXPLICIT : OP_IF_ALUA);
	lu->access_hook = hook;
}

void scsi_lu_free_groups(struct scsi_lu *lu)
{
	struct scsi_port_group *group;

	while ((group = STAILQ_FIRST(&lu->groups))) {
		STAILQ_REMOVE_HEAD(&lu->groups, link);
		free(group);
	}
}

/* ---- what runs ---- */

/* Operation codes, with any service action (SPC-4 5.15.2.4.4 ff.). */
static const uint8_t in_standby[] = {
	0x03, 0x12, 0x15, 0x16, 0x17, 0x1a, 0x1c, 0x1d, 0x25, 0x3b, 0x3c, 0x4c,
	0x4d, 0x55, 0x56, 0x57, 0x5a, 0x5e, 0x5f, 0x9e, 0xa0, 0xa3, 0xa4,
};
static const uint8_t in_others[] = { 0x03, 0x12, 0x25, 0x3b, 0x3c, 0x9e, 0xa0, 0xa3, 0xa4 };

static bool runs(const struct scsi_op *op, uint8_t state)
{
	if (op->opcode == 0x9e && op->run != sbc_read_capacity16)
		return false;
	if (op->opcode == 0xa4 && state == SCSI_TRANSITIONING)
		return false;
	if (state == SCSI_STANDBY)
		return memchr(in_standby, op->opcode, sizeof(in_standby));
	return memchr(in_others, op->opcode, sizeof(in_others));
}

enum scsi_sense_code scsi_no_access(const struct scsi_itl *itl, const struct scsi_op *op)
{
	uint8_t state = atomic_load(&itl->access);

	if (!state || runs(op, state))
		return SENSE_NONE;
	if (state == SCSI_STANDBY)
		return SENSE_STANDBY;
	return state == SCSI_TRANSITIONING ? SENSE_ACCESS_TRANSITION : SENSE_UNAVAILABLE;
}

/* ---- REPORT TARGET PORT GROUPS ---- */

enum {
	SUPPORTED_STATES = 0xcf
}; /* T_SUP, O_SUP, U_SUP, S_SUP, AN_SUP, AO_SUP */
enum {
	GROUP_HEAD = 8,
	PORT_LEN = 4,
	EXTENDED = 0x20,
	LEN_MAX = SCSI_BUF_LEN - 16
};

static uint8_t *put_ports(const struct scsi_lu *lu, struct scsi_port_group *group, uint8_t *out)
{
	uint8_t *head = out;

	out += GROUP_HEAD;
	for (unsigned int i = 0; i < lu->n_ports && head[7] < 0xff; i++) {
		if (lu->ports[i].group != group->id)
			continue;
		be16_put(out + 2, lu->ports[i].rel_target_port);
		out += PORT_LEN;
		head[7]++;
	}
	if (!head[7]) /* configured, but nothing maps it */
		return head;
	head[0] = (uint8_t)(group->preferred << 7 | group->state);
	head[1] = SUPPORTED_STATES;
	be16_put(head + 2, group->id);
	head[5] = group->cause;
	return out;
}

static enum scsi_next fill_groups(struct scsi_cmd *cmd, int res)
{
	struct scsi_lu *lu = cmd->itl->lu;
	uint8_t *pos = cmd->buf + (cmd->cdb[1] & EXTENDED ? 8 : 4);
	struct scsi_port_group *group;

	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_READ, res, SCSI_NO_LBA);
	memset(cmd->buf, 0, cmd->need);
	pthread_mutex_lock(&lu->lock);
	STAILQ_FOREACH (group, &lu->groups, link)
		if (pos + GROUP_HEAD + 0xff * PORT_LEN <= cmd->buf + SCSI_BUF_LEN)
			pos = put_ports(lu, group, pos);
	pthread_mutex_unlock(&lu->lock);
	be32_put(cmd->buf, (uint32_t)(pos - cmd->buf - 4));
	if (cmd->cdb[1] & EXTENDED)
		cmd->buf[4] = 0x10; /* format 1; IMPLICIT TRANSITION TIME not told */
	return scsi_data_in(cmd, (uint64_t)(pos - cmd->buf));
}

enum scsi_next spc_report_port_groups(struct scsi_cmd *cmd)
{
	return scsi_need_buf(cmd, SCSI_BUF_LEN, fill_groups);
}

/* ---- SET TARGET PORT GROUPS ---- */

enum {
	SET_HEAD = 4,
	SET_LEN = 4
};

/* Ask the hook about one group; calls run one after the other. */
static int set_one(struct scsi_cmd *cmd, const uint8_t *desc)
{
	struct scsi_lu *lu = cmd->itl->lu;
	uint8_t state = desc[0] & 0x0f, old;
	struct scsi_port_group *group;
	int res = 0;

	pthread_mutex_lock(&lu->lock);
	group = find_group(lu, be16_get(desc + 2)); /* groups stay */
	old = group->state;
	if (lu->access_hook && old != state) {
		group->state = SCSI_TRANSITIONING;
		tell(lu, cmd->nexus);
		pthread_mutex_unlock(&lu->lock);
		res = lu->access_hook->run(lu->access_hook, lu, group->id, old, state);
		pthread_mutex_lock(&lu->lock);
		if (group->state != SCSI_TRANSITIONING) { /* the configuration has changed it */
			pthread_mutex_unlock(&lu->lock);
			return -EBUSY;
		}
	}
	if (!res)
		group->cause = SCSI_ACCESS_BY_COMMAND;
	group->state = res ? old : state;
	if (old != state)
		tell(lu, cmd->nexus);
	pthread_mutex_unlock(&lu->lock);
	return res;
}

static unsigned int n_descs(const struct scsi_cmd *cmd)
{
	return (cmd->data_len - SET_HEAD) / SET_LEN;
}

static int set_all(struct scsi_cmd *cmd)
{
	int res = 0;

	for (unsigned int i = 0; i < n_descs(cmd) && !res; i++)
		res = set_one(cmd, cmd->buf + SET_HEAD + i * SET_LEN);
	return res;
}

static enum scsi_next set(struct scsi_cmd *cmd, int res)
{
	return res ? scsi_fail(cmd, SENSE_SET_PORT_GROUPS_FAILED) : scsi_good(cmd);
}

/* OFFLINE and TRANSITIONING cannot be asked for (SPC-4 table 323). */
static bool is_settable(struct scsi_lu *lu, const uint8_t *desc)
{
	bool known;

	pthread_mutex_lock(&lu->lock);
	known = find_group(lu, be16_get(desc + 2));
	pthread_mutex_unlock(&lu->lock);
	return known && (desc[0] & 0x0f) <= SCSI_UNAVAILABLE;
}

/* Is the group of a descriptor named by an earlier one? No list is longer than there are groups. */
static bool is_repeated(const struct scsi_cmd *cmd, unsigned int i)
{
	const uint8_t *desc = cmd->buf + SET_HEAD;

	for (unsigned int k = 0; k < i; k++)
		if (!memcmp(desc + k * SET_LEN + 2, desc + i * SET_LEN + 2, 2))
			return true;
	return false;
}

enum scsi_next spc_set_port_groups(struct scsi_cmd *cmd)
{
	if (!cmd->nblk)
		return scsi_good(cmd);
	if (cmd->nblk < SET_HEAD || cmd->data_len < cmd->nblk || cmd->nblk % SET_LEN)
		return scsi_fail(cmd, SENSE_PARAMETER_LIST_LENGTH);
	for (unsigned int i = 0; i < n_descs(cmd); i++) {
		unsigned int at = SET_HEAD + i * SET_LEN;

		if (!is_settable(cmd->itl->lu, cmd->buf + at) || is_repeated(cmd, i))
			return scsi_fail_field(cmd, SENSE_INVALID_FIELD_IN_PARAMETERS, at, -1);
	}
	return scsi_call(cmd, set_all, set);
}
