/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PERSISTENT RESERVE OUT (SPC-4 6.16): each action works on a copy of the state. The copy takes the
 * place of the state when the action is done and, with APTPL, the copy is in safe keeping. Runs on a
 * thread that may sleep.
 */
#include <errno.h>
#include <stdlib.h>

#include "scsi/pr.h"

enum { REGISTER, RESERVE, RELEASE, CLEAR, PREEMPT, PREEMPT_AND_ABORT, REGISTER_AND_IGNORE,
       REGISTER_AND_MOVE };
enum { BASIC_LEN = 24, SPEC_I_PT = 0x08, ALL_TG_PT = 0x04, APTPL = 0x01 };
enum { MOVE_UNREG = 0x02, MOVE_APTPL = 0x01 };

/* An action under way. */
struct pr_job {
	struct scsi_cmd *cmd;
	struct pr_state *pr;   /* the copy */
	struct pr_reg *own;    /* registration of the nexus that asks, in the copy; NULL = none */
	uint64_t key;          /* RESERVATION KEY */
	uint64_t action_key;   /* SERVICE ACTION RESERVATION KEY */
	bool changed;
	enum scsi_ua lost;     /* for nexuses that lose their registration; or SCSI_UA_COUNT */
	enum scsi_ua kept;     /* for others that keep it */
	struct scsi_abort *abort;
};

static enum scsi_next reservation_conflict(struct scsi_cmd *cmd)
{
	cmd->status = SCSI_RESERVATION_CONFLICT;
	return SCSI_COMPLETE;
}

static enum scsi_next bad_param(struct scsi_cmd *cmd, unsigned int byte, int bit)
{
	return scsi_fail_field(cmd, SENSE_INVALID_FIELD_IN_PARAMETERS, byte, bit);
}

static enum scsi_next done(struct pr_job *job)
{
	job->changed = true;
	job->pr->generation++;
	return scsi_good(job->cmd);
}

/* RESERVE and RELEASE are not counted (SPC-4 6.15.2). */
static enum scsi_next done_uncounted(struct pr_job *job)
{
	job->changed = true;
	return scsi_good(job->cmd);
}

/* ---- changes of the copy ---- */

static void set_holders(struct pr_state *pr, const struct pr_reg *own, enum pr_type type)
{
	pr->type = type;
	for (uint32_t i = 0; i < pr->n; i++)
		pr->reg[i].holder = type != PR_NONE &&
				    (pr_is_all_registrants(type) || &pr->reg[i] == own);
}

static void drop(struct pr_job *job, struct pr_reg *reg)
{
	struct pr_state *pr = job->pr;
	size_t after = (size_t)(&pr->reg[pr->n] - (reg + 1));

	memmove(reg, reg + 1, after * sizeof(*reg));
	pr->n--;
	job->own = pr_find_nexus(pr, job->cmd->nexus);
}

static bool add(struct pr_job *job, const uint8_t initiator[16], uint16_t port, bool all_ports)
{
	struct pr_state *pr = job->pr;
	struct pr_reg *reg;

	if (pr->n == PR_MAX_REGS)
		return false;
	reg = &pr->reg[pr->n++];
	*reg = (struct pr_reg){
		.port = port,
		.all_ports = all_ports,
		.key = job->action_key,
		.holder = pr_is_all_registrants(pr->type),
	};
	memcpy(reg->initiator, initiator, sizeof(reg->initiator));
	job->own = pr_find_nexus(pr, job->cmd->nexus);
	return true;
}

static void release(struct pr_job *job)
{
	if (pr_is_registrants(job->pr->type)) /* SPC-4 5.13.11.2.2 */
		job->kept = SCSI_UA_RESERVATIONS_RELEASED;
	set_holders(job->pr, NULL, PR_NONE);
}

/* ---- REGISTER ---- */

static enum scsi_next no_resources(struct scsi_cmd *cmd)
{
	return scsi_fail(cmd, SENSE_REGISTRATION_RESOURCES);
}

/* On this target port, or with ALL_TG_PT on every one of the logical unit's. */
static enum scsi_next add_ports(struct pr_job *job, const uint8_t initiator[16], bool all)
{
	struct scsi_lu *lu = job->cmd->itl->lu;
	uint16_t own = job->cmd->nexus->rel_target_port;

	if (!pr_find(job->pr, initiator, own) && !add(job, initiator, own, all))
		return no_resources(job->cmd);
	for (unsigned int i = 0; all && i < scsi_lu_n_ports(lu); i++) {
		uint16_t port = scsi_lu_port(lu, i);

		if (!pr_find(job->pr, initiator, port) && !add(job, initiator, port, all))
			return no_resources(job->cmd);
	}
	return scsi_good(job->cmd);
}

/* A TransportID of SRP: format 0, protocol 4h, 24 bytes (SPC-4 7.6.4.5). */
static bool is_transport_id(const uint8_t *id)
{
	return id[0] == 0x04;
}

/* SPEC_I_PT: other initiator ports are registered with the same key. */
static enum scsi_next add_listed(struct pr_job *job)
{
	struct scsi_cmd *cmd = job->cmd;
	const uint8_t *list = cmd->buf + BASIC_LEN + 4;
	uint32_t len;

	if (cmd->data_len < BASIC_LEN + 4)
		return scsi_fail(cmd, SENSE_PARAMETER_LIST_LENGTH);
	len = be32_get(cmd->buf + BASIC_LEN);
	if (len % PR_TRANSPORT_ID_LEN || len != cmd->data_len - BASIC_LEN - 4)
		return bad_param(cmd, BASIC_LEN, -1);
	for (uint32_t at = 0; at < len; at += PR_TRANSPORT_ID_LEN) {
		const uint8_t *id = list + at;

		if (!is_transport_id(id) ||
		    pr_find(job->pr, id + 8, cmd->nexus->rel_target_port))
			return bad_param(cmd, BASIC_LEN + 4 + at, -1);
		add_ports(job, id + 8, cmd->buf[20] & ALL_TG_PT);
		if (cmd->status != SCSI_GOOD)
			return SCSI_COMPLETE;
	}
	return scsi_good(cmd);
}

static enum scsi_next register_new(struct pr_job *job)
{
	struct scsi_cmd *cmd = job->cmd;

	if (!job->action_key)
		return cmd->buf[20] & SPEC_I_PT ? bad_param(cmd, 8, -1) : scsi_good(cmd);
	add_ports(job, cmd->nexus->initiator_port_id, cmd->buf[20] & ALL_TG_PT);
	if (cmd->status == SCSI_GOOD && cmd->buf[20] & SPEC_I_PT)
		add_listed(job);
	return cmd->status == SCSI_GOOD ? done(job) : SCSI_COMPLETE;
}

/* SPC-4 5.13.11.3: of an all registrants reservation only the last registrant takes it along. */
static enum scsi_next unregister(struct pr_job *job)
{
	struct pr_state *pr = job->pr;

	if (job->own->holder && (!pr_is_all_registrants(pr->type) || pr->n == 1))
		release(job);
	drop(job, job->own);
	return done(job);
}

static enum scsi_next do_register(struct pr_job *job)
{
	struct scsi_cmd *cmd = job->cmd;
	bool ignore = (cmd->cdb[1] & 0x1f) == REGISTER_AND_IGNORE;

	if (cmd->buf[20] & SPEC_I_PT && (ignore || job->own))
		return bad_param(cmd, 20, 3);
	if (!ignore && job->key != (job->own ? job->own->key : 0))
		return reservation_conflict(cmd);
	job->pr->aptpl = cmd->buf[20] & APTPL;
	if (!job->own)
		return register_new(job);
	if (!job->action_key)
		return unregister(job);
	job->own->key = job->action_key;
	return done(job);
}

/* ---- RESERVE, RELEASE, CLEAR ---- */

static enum pr_type cdb_type(const struct scsi_cmd *cmd)
{
	return cmd->cdb[2] & 0x0f;
}

static enum scsi_next do_reserve(struct pr_job *job)
{
	struct pr_state *pr = job->pr;
	enum pr_type type = cdb_type(job->cmd);

	if (pr->type == PR_NONE) {
		set_holders(pr, job->own, type);
		return done_uncounted(job);
	}
	if (pr->type == type && job->own->holder)
		return scsi_good(job->cmd);
	return reservation_conflict(job->cmd);
}

static enum scsi_next do_release(struct pr_job *job)
{
	struct pr_state *pr = job->pr;

	if (pr->type == PR_NONE || !job->own->holder)
		return scsi_good(job->cmd);
	if (pr->type != cdb_type(job->cmd))
		return scsi_fail(job->cmd, SENSE_INVALID_RELEASE);
	release(job);
	return done_uncounted(job);
}

static enum scsi_next do_clear(struct pr_job *job)
{
	set_holders(job->pr, NULL, PR_NONE);
	job->pr->n = 0;
	job->lost = SCSI_UA_RESERVATIONS_PREEMPTED;
	return done(job);
}

/* ---- PREEMPT ---- */

/* Is this a registration that the key names? Key 0 names all, where it may. */
static bool is_named(const struct pr_reg *reg, uint64_t key)
{
	return !key || reg->key == key;
}

static unsigned int drop_named(struct pr_job *job)
{
	struct pr_state *pr = job->pr;
	unsigned int n = 0;

	for (uint32_t i = pr->n; i-- > 0;) {
		if (!is_named(&pr->reg[i], job->action_key))
			continue;
		n++;
		if (&pr->reg[i] != job->own)
			drop(job, &pr->reg[i]);
	}
	return n;
}

/* Does the key name who holds the reservation (SPC-4 5.13.11.2.4)? */
static bool takes_reservation(const struct pr_job *job)
{
	struct pr_reg *holder = pr_holder(job->pr);

	if (job->pr->type == PR_NONE)
		return false;
	if (pr_is_all_registrants(job->pr->type))
		return !job->action_key;
	return holder && job->action_key == holder->key;
}

static enum scsi_next do_preempt(struct pr_job *job)
{
	enum pr_type old = job->pr->type;
	bool takes = takes_reservation(job);

	if (!job->action_key && !takes)
		return bad_param(job->cmd, 8, -1);
	if (!drop_named(job))
		return reservation_conflict(job->cmd);
	job->lost = SCSI_UA_REGISTRATIONS_PREEMPTED;
	if (takes) {
		set_holders(job->pr, job->own, cdb_type(job->cmd));
		if (old != job->pr->type)
			job->kept = SCSI_UA_RESERVATIONS_RELEASED;
	}
	return done(job);
}

/* ---- REGISTER AND MOVE ---- */

static bool is_known_port(struct scsi_lu *lu, uint16_t port)
{
	for (unsigned int i = 0; i < scsi_lu_n_ports(lu); i++)
		if (scsi_lu_port(lu, i) == port)
			return true;
	return false;
}

/* The parameter list, which has a form of its own (SPC-4 6.16.4). */
static enum scsi_next check_move(struct pr_job *job)
{
	struct scsi_cmd *cmd = job->cmd;
	const uint8_t *buf = cmd->buf;

	if (cmd->data_len != BASIC_LEN + PR_TRANSPORT_ID_LEN)
		return scsi_fail(cmd, SENSE_PARAMETER_LIST_LENGTH);
	if (be32_get(buf + 20) != PR_TRANSPORT_ID_LEN)
		return bad_param(cmd, 20, -1);
	if (!job->action_key)
		return bad_param(cmd, 8, -1);
	if (!is_known_port(cmd->itl->lu, be16_get(buf + 18)))
		return bad_param(cmd, 18, -1);
	if (!is_transport_id(buf + 24))
		return bad_param(cmd, 24, -1);
	if (be16_get(buf + 18) == cmd->nexus->rel_target_port &&
	    !memcmp(buf + 32, cmd->nexus->initiator_port_id, 16))
		return bad_param(cmd, 24, -1);
	return scsi_good(cmd);
}

static enum scsi_next do_move(struct pr_job *job)
{
	struct scsi_cmd *cmd = job->cmd;
	struct pr_state *pr = job->pr;
	uint16_t port = be16_get(cmd->buf + 18);
	struct pr_reg *to;

	if (pr->type == PR_NONE || pr_is_all_registrants(pr->type) || !job->own->holder)
		return reservation_conflict(cmd);
	check_move(job);
	if (cmd->status != SCSI_GOOD)
		return SCSI_COMPLETE;
	to = pr_find(pr, cmd->buf + 32, port);
	if (!to && !add(job, cmd->buf + 32, port, false))
		return no_resources(cmd);
	to = pr_find(pr, cmd->buf + 32, port);
	to->key = job->action_key;
	set_holders(pr, to, pr->type);
	pr->aptpl = cmd->buf[17] & MOVE_APTPL;
	if (cmd->buf[17] & MOVE_UNREG)
		drop(job, job->own);
	return done(job);
}

/* ---- the frame ---- */

static enum scsi_next act(struct pr_job *job)
{
	struct scsi_cmd *cmd = job->cmd;
	uint8_t action = cmd->cdb[1] & 0x1f;

	if (atomic_load(&cmd->itl->lu->reserved)) /* SPC-2 5.5.1: not beside RESERVE */
		return reservation_conflict(cmd);
	if (action == REGISTER || action == REGISTER_AND_IGNORE)
		return do_register(job);
	if (!job->own || job->key != job->own->key)
		return reservation_conflict(cmd);
	switch (action) {
	case RESERVE:
		return do_reserve(job);
	case RELEASE:
		return do_release(job);
	case CLEAR:
		return do_clear(job);
	case PREEMPT:
	case PREEMPT_AND_ABORT:
		return do_preempt(job);
	}
	return do_move(job);
}

/* With the old state still in place: who is told what, whose commands are aborted; lu->lock held. */
static void tell_others(struct pr_job *job)
{
	struct scsi_lu *lu = job->cmd->itl->lu;
	struct scsi_itl *itl;

	LIST_FOREACH(itl, &lu->itls, lu_link) {
		bool was = pr_find_nexus(lu->pr, itl->nexus);
		bool is = pr_find_nexus(job->pr, itl->nexus);
		enum scsi_ua ua = is ? job->kept : job->lost;

		if (!was || itl->nexus == job->cmd->nexus)
			continue;
		if (ua != SCSI_UA_COUNT)
			scsi_ua_set(itl, ua);
		if (!is && job->abort)
			job->abort->nexus[job->abort->n++] = itl->nexus;
	}
}

static size_t count_itls(const struct scsi_lu *lu)
{
	const struct scsi_itl *itl;
	size_t n = 0;

	LIST_FOREACH(itl, &lu->itls, lu_link)
		n++;
	return n;
}

/* The copy becomes the state. */
static int install(struct pr_job *job)
{
	struct scsi_lu *lu = job->cmd->itl->lu;
	struct pr_state *old;

	pthread_mutex_lock(&lu->lock);
	if ((job->cmd->cdb[1] & 0x1f) == PREEMPT_AND_ABORT) {
		job->abort = calloc(1, sizeof(*job->abort) +
					       count_itls(lu) * sizeof(job->abort->nexus[0]));
		if (!job->abort) {
			pthread_mutex_unlock(&lu->lock);
			return -ENOMEM;
		}
	}
	tell_others(job);
	old = lu->pr;
	lu->pr = job->pr;
	job->pr = old;
	pr_refresh(lu);
	pthread_mutex_unlock(&lu->lock);
	job->cmd->abort = job->abort;
	return 0;
}

/* What has to outlive a restart is in its file before anybody is told. */
static int keep(const struct pr_job *job)
{
	const struct scsi_lu *lu = job->cmd->itl->lu;
	bool kept = lu->pr && lu->pr->aptpl;

	if (!lu->keeper || (!job->pr->aptpl && !kept))
		return 0;
	return lu->keeper->save(lu->keeper, lu, job->pr);
}

static int commit(struct pr_job *job)
{
	int res = keep(job);

	return res ? res : install(job);
}

static int run(struct scsi_cmd *cmd)
{
	struct scsi_lu *lu = cmd->itl->lu;
	struct pr_job job = {
		.cmd = cmd,
		.key = be64_get(cmd->buf),
		.action_key = be64_get(cmd->buf + 8),
		.lost = SCSI_UA_COUNT,
		.kept = SCSI_UA_COUNT,
	};
	int res = 0;

	job.pr = calloc(1, sizeof(*job.pr));
	if (!job.pr)
		return -ENOMEM;
	pthread_mutex_lock(&lu->pr_update);
	if (lu->pr)
		*job.pr = *lu->pr;
	job.own = pr_find_nexus(job.pr, cmd->nexus);
	act(&job);
	if (job.changed && cmd->status == SCSI_GOOD)
		res = commit(&job);
	pthread_mutex_unlock(&lu->pr_update);
	free(job.pr);
	return res;
}

static enum scsi_next aborted(struct scsi_cmd *cmd, int res)
{
	return SCSI_COMPLETE;
}

static enum scsi_next ran(struct scsi_cmd *cmd, int res)
{
	if (res == -ENOMEM)
		return scsi_fail_store(cmd, STORE_WRITE, res, SCSI_NO_LBA);
	if (res)
		return scsi_fail(cmd, SENSE_INTERNAL_FAILURE);
	if (!cmd->abort)
		return SCSI_COMPLETE;
	cmd->step = aborted;
	return SCSI_ABORT;
}

static bool has_type(uint8_t action)
{
	return action == RESERVE || action == RELEASE || action == PREEMPT ||
	       action == PREEMPT_AND_ABORT;
}

/* Lengths and fields that need no state. */
enum scsi_next spc_pr_out(struct scsi_cmd *cmd)
{
	uint8_t action = cmd->cdb[1] & 0x1f;
	bool is_register = action == REGISTER || action == REGISTER_AND_IGNORE;

	if (has_type(action) && cmd->cdb[2] >> 4) /* SCOPE: the logical unit only */
		return scsi_bad_cdb(cmd, 2, 7);
	if (has_type(action) && !pr_is_type(cmd->cdb[2] & 0x0f))
		return scsi_bad_cdb(cmd, 2, 3);
	if (cmd->nblk < BASIC_LEN || cmd->data_len < cmd->nblk)
		return scsi_fail(cmd, SENSE_PARAMETER_LIST_LENGTH);
	if (action != REGISTER_AND_MOVE && !(cmd->buf[20] & SPEC_I_PT) && cmd->nblk != BASIC_LEN)
		return scsi_fail(cmd, SENSE_PARAMETER_LIST_LENGTH);
	if (is_register && cmd->buf[20] & APTPL && !cmd->itl->lu->keeper)
		return bad_param(cmd, 20, 0);
	if (action == REGISTER_AND_MOVE && cmd->buf[17] & MOVE_APTPL && !cmd->itl->lu->keeper)
		return bad_param(cmd, 17, 0);
	return scsi_call(cmd, run, ran);
}
