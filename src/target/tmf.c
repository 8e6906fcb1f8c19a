/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Task management (SAM-5 clause 7). A request is put to every worker; each aborts its tasks that
 * match and says when none of them is left. The response goes out after the last worker's word, so
 * no RDMA and no write of an affected task can follow it (rule 4).
 */
#include "target/worker.h"

#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/log.h"
#include "target/server.h"
#include "target/session.h"

enum { TM_WAIT_S = 5 };

/* One per task management request; lives until every worker has answered. */
struct tmf_part {
	struct msg msg;
	LIST_ENTRY(tmf_part) link; /* worker->tmfs */
	struct tmf *tmf;
	struct worker *worker;
	uint64_t seq;    /* tasks that arrived earlier are affected */
	uint32_t n_left; /* ... of which so many have not ended */
};

struct tmf {
	struct msg done_msg;
	struct timer timer;        /* TM_WAIT_S, in the requester's worker */
	uint8_t function;
	uint64_t task_tag;
	struct scsi_nexus *nexus;
	struct scsi_abort *abort; /* PREEMPT AND ABORT: the nexuses; NULL = by function */
	struct scsi_lu *lu;
	struct task *task;         /* the request itself; cannot end before tmf_done() */
	bool told;                 /* LUN RESET: of the unit attention */
	_Atomic uint32_t n_left;   /* parts not yet finished */
	_Atomic uint32_t n_found;  /* tasks affected */
	struct tmf_part part[];
};

static bool names_nexus(const struct scsi_abort *abort, const struct scsi_nexus *nexus)
{
	for (size_t i = 0; i < abort->n; i++)
		if (abort->nexus[i] == nexus)
			return true;
	return false;
}

/*
 * A copy from or to the logical unit that was sent to another one: its writes have to end too before
 * a preemption or a reset is answered. A copy that takes up the logical unit only later finds the
 * reservation; it is told from the others by its number.
 */
static bool is_copy_with(const struct tmf *tmf, const struct task *t, uint64_t before)
{
	if (t->state == TASK_RESPONDING || !t->third_seq || t->third_seq >= before)
		return false;
	return (tmf->abort || tmf->function == SRP_LUN_RESET) && scsi_copies_with(&t->scsi, tmf->lu);
}

static bool matches(const struct tmf *tmf, const struct task *t, uint64_t before)
{
	if (!pool_in_use(&t->obj) || t->kind != TASK_CMD || t->seq >= before || t == tmf->task)
		return false;
	if (!t->scsi.itl)
		return false;
	if (t->scsi.itl->lu != tmf->lu && !is_copy_with(tmf, t, before))
		return false;
	if (tmf->abort) /* of two that end each other's commands, neither waits for the other */
		return names_nexus(tmf->abort, t->ch->nexus) &&
		       !(tmf->abort->tells && scsi_may_abort(&t->scsi));
	switch ((enum srp_tm_function)tmf->function) {
	case SRP_ABORT_TASK:
		return t->ch->nexus == tmf->nexus && t->iu.tag == tmf->task_tag;
	case SRP_ABORT_TASK_SET:
		return t->ch->nexus == tmf->nexus;
	case SRP_CLEAR_TASK_SET:
	case SRP_LUN_RESET:
		return true;
	case SRP_CLEAR_ACA:
		return false;
	}
	return false;
}

/* Of the command for ABORT TASK, of the request itself for the other functions. */
static unsigned long long tag_of(const struct tmf *tmf)
{
	if (tmf->abort)
		return be64toh(tmf->task->iu.tag);
	return be64toh(tmf->function == SRP_ABORT_TASK ? tmf->task_tag : tmf->task->tm.tag);
}

static void finish(struct task *t, uint8_t code)
{
	t->tm_code = code;
	task_respond(t);
}

/* SAM-5 6.3.3: every nexus, once. */
static void tell_of_reset(struct tmf *tmf)
{
	if (!tmf->abort && tmf->function == SRP_LUN_RESET && !tmf->told)
		scsi_lu_reset(tmf->lu);
	tmf->told = true;
}

const char *tmf_name(const struct tmf *tmf)
{
	return tmf->abort ? "PREEMPT AND ABORT" : srp_tm_name(tmf->function);
}

static void complete(struct tmf *tmf)
{
	if (tmf->abort)
		task_run(tmf->task, scsi_resume(&tmf->task->scsi, 0));
	else
		finish(tmf->task, SRP_RSP_COMPLETE);
}

/* Requester's worker: every worker has answered. */
static void tmf_done(struct msg *msg)
{
	struct tmf *tmf = container_of(msg, struct tmf, done_msg);
	struct task *t = tmf->task;

	timer_cancel(&t->ch->worker->timers, &tmf->timer);
	log_peer(LOG_LVL_INFO, "%s: %s on LUN %d, tag %#llx: done, %u command(s) affected",
		 t->ch->name, tmf_name(tmf), (int)t->scsi.itl->lun, tag_of(tmf), tmf->n_found);
	tell_of_reset(tmf);
	t->in_io = false;
	if (t->aborted)
		task_check_end(t);
	else
		complete(tmf);
	free(tmf->abort);
	free(tmf);
}

/*
 * The initiator gives up about now, and a write that is stuck in the store cannot be recalled: the
 * channel goes, the write stays fenced.
 */
static void tmf_timeout(struct timer *timer)
{
	struct tmf *tmf = container_of(timer, struct tmf, timer);

	log_warn("%s: %s on LUN %d, tag %#llx: commands are still with the store after %d s",
		 tmf->task->ch->name, tmf_name(tmf), (int)tmf->task->scsi.itl->lun, tag_of(tmf),
		 TM_WAIT_S);
	tell_of_reset(tmf);
	channel_drain(tmf->task->ch, "a task management function cannot be completed in time");
}

static void part_done(struct tmf_part *part)
{
	struct tmf *tmf = part->tmf;

	if (atomic_fetch_sub(&tmf->n_left, 1) == 1)
		mailbox_post(&tmf->task->ch->worker->mail, &tmf->done_msg, tmf_done);
}

/* One task less, or the walk over them is over. The last one may free the part at once. */
static void part_put(struct tmf_part *part)
{
	if (--part->n_left > 0)
		return;
	LIST_REMOVE(part, link);
	part_done(part);
}

void tmf_task_ended(struct worker *w, const struct task *t)
{
	struct tmf_part *part, *next;

	for (part = LIST_FIRST(&w->tmfs); part; part = next) {
		next = LIST_NEXT(part, link);
		if (matches(part->tmf, t, part->seq))
			part_put(part);
	}
}

/* Does a command that has not become a task yet match? */
bool tmf_matches_iu(const struct tmf *tmf, const struct channel *ch, const struct rx *rx)
{
	const struct srp_wire_cmd *cmd = (const struct srp_wire_cmd *)rx->buf;
	const struct scsi_itl *itl;

	if (rx->len < SRP_CMD_LEN || cmd->opcode != SRP_CMD)
		return false;
	itl = scsi_nexus_lookup(ch->nexus, cmd->lun);
	if (!itl || itl->lu != tmf->lu)
		return false;
	if (tmf->abort)
		return names_nexus(tmf->abort, ch->nexus);
	if (tmf->function == SRP_ABORT_TASK)
		return ch->nexus == tmf->nexus && memcmp(cmd->tag, &tmf->task_tag, 8) == 0;
	return tmf->function != SRP_ABORT_TASK_SET || ch->nexus == tmf->nexus;
}

static void count_tasks(struct tmf_part *part)
{
	const struct pool *tasks = &part->worker->tasks;

	for (uint32_t i = 0; i < tasks->n; i++)
		part->n_left += matches(part->tmf, pool_at(tasks, i), part->seq);
}

static void abort_one(const struct tmf *tmf, struct task *t)
{
	log_peer(LOG_LVL_INFO, "%s: %s on LUN %d: command with tag %#llx aborted while %s",
		 t->ch->name, tmf_name(tmf), scsi_lun_decode(t->iu.lun),
		 (unsigned long long)be64toh(t->iu.tag), task_state_name(t->state));
	task_abort(t);
}

static void abort_tasks(struct tmf_part *part)
{
	struct tmf *tmf = part->tmf;

	for (uint32_t i = 0; i < part->worker->tasks.n; i++) {
		struct task *t = pool_at(&part->worker->tasks, i);

		if (!matches(tmf, t, part->seq))
			continue;
		if (!tmf->abort && tmf->function == SRP_CLEAR_TASK_SET &&
		    t->ch->nexus != tmf->nexus)
			scsi_ua_set(t->scsi.itl, SCSI_UA_CLEARED);
		if (tmf->abort && tmf->abort->tells)
			scsi_ua_set(t->scsi.itl, SCSI_UA_CLEARED_BY_SERVER);
		abort_one(tmf, t);
	}
}

/* What lies in the completion queues came before the request as well. */
static void part_run(struct msg *msg)
{
	struct tmf_part *part = container_of(msg, struct tmf_part, msg);
	struct worker *w = part->worker;
	struct channel *ch;

	for (unsigned int i = 0; i < w->n_lanes; i++)
		worker_poll_lane(w->lanes[i]);
	LIST_FOREACH(ch, &w->channels, link)
		part->tmf->n_found += channel_abort_parked(ch, part->tmf);
	part->seq = w->task_seq;
	count_tasks(part);
	part->tmf->n_found += part->n_left;
	LIST_INSERT_HEAD(&w->tmfs, part, link);
	part->n_left++;
	abort_tasks(part);
	part_put(part);
}

/* Ask every worker. */
static void spread(struct task *t, struct tmf *tmf)
{
	struct worker *own = t->ch->worker;
	unsigned int n = server_n_workers(own->server);

	tmf->nexus = t->ch->nexus;
	tmf->lu = t->scsi.itl->lu;
	tmf->task = t;
	tmf->n_left = n;
	t->in_io = true;
	tmf->timer.fire = tmf_timeout;
	timer_arm(&own->timers, &tmf->timer, clock_now_ns() + TM_WAIT_S * NSEC_PER_SEC);
	for (unsigned int i = 0; i < n; i++) {
		tmf->part[i].tmf = tmf;
		tmf->part[i].worker = server_worker(own->server, i);
		mailbox_post(&tmf->part[i].worker->mail, &tmf->part[i].msg, part_run);
	}
}

static struct tmf *tmf_new(const struct task *t)
{
	unsigned int n = server_n_workers(t->ch->worker->server);

	return calloc(1, sizeof(struct tmf) + n * sizeof(struct tmf_part));
}

static void run_function(struct task *t)
{
	struct tmf *tmf = tmf_new(t);

	if (!tmf) {
		finish(t, SRP_RSP_TM_FAILED);
		return;
	}
	tmf->function = t->tm.function;
	tmf->task_tag = t->tm.task_tag;
	spread(t, tmf);
}

void tmf_preempt(struct task *t)
{
	struct tmf *tmf = tmf_new(t);

	if (!tmf) {
		/* the reservation is taken already: nothing but the end of the channel is right */
		free(t->scsi.abort);
		channel_drain(t->ch, "no memory to end the commands of preempted initiators");
		task_check_end(t);
		return;
	}
	t->state = TASK_TMF;
	tmf->abort = t->scsi.abort;
	spread(t, tmf);
}

/* Take an SRP_TSK_MGMT whose length was checked. */
void tmf_start(struct task *t)
{
	struct scsi_itl *itl;

	t->state = TASK_TMF;
	srp_tsk_mgmt_parse(t->rx->buf, t->rx->len, &t->tm);
	t->scsi.itl = itl = scsi_nexus_lookup(t->ch->nexus, t->tm.lun);
	switch (t->tm.function) {
	case SRP_ABORT_TASK:
	case SRP_ABORT_TASK_SET:
	case SRP_CLEAR_TASK_SET:
	case SRP_LUN_RESET:
		if (itl)
			run_function(t);
		else
			finish(t, SRP_RSP_TM_FAILED);
		return;
	default: /* CLEAR ACA too: no LU here ever has an ACA condition (NORMACA is 0) */
		finish(t, SRP_RSP_TM_UNSUPPORTED);
	}
}
