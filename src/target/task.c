/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a command: from its IU through the device server to its response. An abort only
 * marks a task; the task ends at its next step, when nothing of it is outstanding.
 */
#include "target/worker.h"

#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/log.h"
#include "target/qos.h"
#include "target/seg.h"
#include "target/server.h"
#include "target/session.h"

const char *task_state_name(enum task_state state)
{
	static const char *const names[] = {
		[TASK_NEW] = "new",
		[TASK_NEED_BUFFER] = "waiting for a buffer",
		[TASK_TABLE] = "fetching a descriptor table",
		[TASK_FETCHING] = "fetching data",
		[TASK_SENDING] = "sending data",
		[TASK_EXECUTING] = "in the store",
		[TASK_FENCED] = "waiting for an older write to return",
		[TASK_HELD] = "held by a limit",
		[TASK_LOCKING] = "waiting for older writes to the range that it locks",
		[TASK_SLOW] = "in a call that may sleep",
		[TASK_STREAMING] = "transferring",
		[TASK_RESPONDING] = "responding",
		[TASK_TMF] = "task management",
	};

	return names[state];
}

/* ---- start ---- */

static HOT struct task *get(struct channel *ch, struct rx *rx, enum task_kind kind)
{
	struct worker *w = ch->worker;
	struct task *t;

	if (unlikely(kind == TASK_CMD && !share_allows(w, ch->share->n_tasks, w->tasks.n_free)))
		return NULL;
	t = pool_get(&w->tasks);
	if (unlikely(!t))
		return NULL;
	ch->share->n_tasks++;
	t->ch = ch;
	t->rx = rx;
	t->seq = w->task_seq++;
	t->kind = kind;
	memset(&t->state, 0, offsetof(struct task, tick) - offsetof(struct task, state));
	LIST_INSERT_HEAD(&ch->tasks, t, link);
	return t;
}

static uint64_t now_ns(struct worker *w)
{
	if (!w->now)
		w->now = clock_now_ns();
	return w->now;
}

struct task *task_get(struct channel *ch, struct rx *rx, enum task_kind kind)
{
	return get(ch, rx, kind);
}

static HOT void scsi_prepare(struct task *t)
{
	struct scsi_cmd *s = &t->scsi;

	s->nexus = t->ch->nexus;
	memcpy(s->lun, t->iu.lun, sizeof(s->lun));
	s->itl = scsi_nexus_lookup(t->ch->nexus, t->iu.lun);
	t->meter = likely(s->itl) ? &s->itl->lu->meters[t->ch->worker->index]
				  : &t->ch->worker->no_lun;
	s->cdb = t->rx->buf + t->iu.cdb_off;
	s->cdb_len = (uint16_t)t->iu.cdb_len;
	s->out_len = t->iu.out.len;
	s->in_len = t->iu.in.len;
	s->buf = NULL;
	s->op = NULL;
	s->copy = NULL;
	s->erase = NULL;
}

static void refuse(struct task *t, uint8_t key, uint8_t asc, uint8_t ascq)
{
	const uint8_t sense[18] = { 0x70, [2] = key, [7] = 10, [12] = asc, [13] = ascq };

	t->scsi.dir = SCSI_DIR_NONE;
	t->scsi.xfer_len = 0;
	t->scsi.data_len = 0;
	t->scsi.in_xfer_len = 0;
	t->scsi.in_data_len = 0;
	t->scsi.status = SCSI_CHECK_CONDITION;
	t->scsi.sense_len = sizeof(sense);
	memcpy(t->scsi.sense, sense, sizeof(sense));
	task_respond(t);
}

/* INVALID FIELD IN COMMAND INFORMATION UNIT (SPC-4 D.2). */
static void refuse_iu(struct task *t, enum srp_err err)
{
	log_peer(LOG_LVL_WARN, "%s: SRP_CMD refused: %s", t->ch->name, srp_err_name(err));
	refuse(t, 0x05, 0x0e, 0x03);
}

static unsigned int tag_slot(uint64_t tag)
{
	return (unsigned int)(tag * 0x9e3779b97f4a7c15u >> 58);
}

static struct task *tag_find(struct channel *ch, unsigned int slot, uint64_t tag)
{
	struct task *t;

	LIST_FOREACH(t, &ch->tags[slot], tag_link)
		if (t->iu.tag == tag)
			return t;
	return NULL;
}

/* OVERLAPPED COMMANDS ATTEMPTED (SAM-5 5.11): the older command is aborted, this one refused. */
static void refuse_overlap(struct task *t, struct task *older)
{
	log_peer(LOG_LVL_WARN, "%s: tag %#llx used for two commands at a time; the older, on LUN %d, "
		 "aborted while %s", t->ch->name, (unsigned long long)be64toh(t->iu.tag),
		 scsi_lun_decode(older->iu.lun), task_state_name(older->state));
	task_abort(older);
	refuse(t, 0x0b, 0x4e, 0x00);
}

/* A command that cannot simply run. */
static COLD void start_other(struct task *t, enum srp_err err, struct task *older)
{
	if (err)
		refuse_iu(t, err);
	else if (older && !older->aborted && older->state != TASK_RESPONDING)
		refuse_overlap(t, older);
	else if (t->iu.fetch_len > t->ch->limits.max_table * SRP_DIRECT_DESC_LEN)
		refuse_iu(t, SRP_ERR_TABLE_LIMIT);
	else if (t->iu.fetch_len > 0)
		task_need_buffer(t, t->iu.fetch_len, TASK_TABLE);
	else
		task_run(t, scsi_start(&t->scsi));
}

static inline bool is_limited(const struct task *t)
{
	const struct qos *of_lu = atomic_load_explicit(&t->scsi.itl->lu->qos, memory_order_relaxed);

	return of_lu || atomic_load_explicit(&t->ch->nexus->qos, memory_order_relaxed);
}

static HOT void command_start(struct task *t)
{
	struct channel *ch = t->ch;
	enum srp_err err = srp_cmd_parse(t->rx->buf, t->rx->len, &ch->limits, &t->iu);
	unsigned int slot = tag_slot(t->iu.tag);
	struct task *older = tag_find(ch, slot, t->iu.tag);
	enum scsi_next next;

	ch->worker->stats.commands++;
	ch->stats.commands++;
	scsi_prepare(t);
	t->since = now_ns(ch->worker);
	meter_add(&t->meter->started, 1);
	LIST_INSERT_HEAD(&ch->tags[slot], t, tag_link);
	if (unlikely(err || older || t->iu.fetch_len)) {
		start_other(t, err, older);
		return;
	}
	next = scsi_start(&t->scsi);
	if (likely(next == SCSI_STREAM && !is_limited(t)))
		xfer_stream_start(t);
	else
		task_run(t, next);
}

static bool covers_its_data(struct task *t, const struct srp_data *d)
{
	if (srp_table_to_fetch(d) == 0)
		return true;
	xfer_use_table(t, d);
	return srp_desc_sum(t->table, d->n_total) >= d->len;
}

/* A descriptor table is here; after the last one the check that could not be made on the IU. */
void task_table_ready(struct task *t)
{
	if (t->table_seg->len < t->iu.fetch_len)
		xfer_fetch_table(t, t->table_seg);
	else if (!covers_its_data(t, &t->iu.out) || !covers_its_data(t, &t->iu.in))
		refuse_iu(t, SRP_ERR_TABLE_SUM);
	else
		task_run(t, scsi_start(&t->scsi));
}

/* Take an SRP_CMD or SRP_TSK_MGMT; false when no task is free. */
bool task_start(struct channel *ch, struct rx *rx)
{
	enum task_kind kind = likely(rx->buf[0] == SRP_CMD) ? TASK_CMD : TASK_TSK_MGMT;
	struct task *t = get(ch, rx, kind);

	if (unlikely(!t))
		return false;
	if (likely(kind == TASK_CMD))
		command_start(t);
	else
		tmf_start(t);
	return true;
}

/* ---- what the device server asks for ---- */

static void store_done(struct store_io *io)
{
	struct task *t = container_of(io, struct task, io);

	t->in_io = false;
	worker_io_done(t->ch->worker, &t->fence, io);
	if (t->aborted)
		task_check_end(t);
	else
		task_run(t, scsi_resume(&t->scsi, io->res));
}

static void submit(struct task *t)
{
	t->sender.kind = SENDER_TASK;
	t->in_io = worker_submit(t->ch->worker, &t->io, &t->sender);
	t->state = t->in_io ? TASK_EXECUTING : TASK_FENCED;
}

void task_fence_fell(struct task *t)
{
	if (unlikely(t->lock && !lock_is_held(t)))
		lock_try(t);
	else
		submit(t);
}

static void immediate_done(struct store_io *io)
{
	struct task *t = container_of(io, struct task, io);

	t->scsi.stream.done = io->res ? 0 : io->len;
	store_done(io);
}

/*
 * Write a stream's immediate data from where it lies, the receive buffer. False if the store needs
 * it aligned and it is not.
 */
bool task_store_immediate(struct task *t)
{
	const struct scsi_cmd *s = &t->scsi;
	uint8_t *data = t->rx->buf + t->iu.out.imm_off;

	if (s->itl->lu->store->direct && (uintptr_t)data % STORE_BUF_ALIGN)
		return false;
	t->io.store = s->itl->lu->store;
	t->io.op = s->stream.op;
	t->io.flags = s->stream.flags;
	t->io.off = s->stream.off;
	t->io.len = s->stream.len;
	t->io.buf = data;
	t->io.done = immediate_done;
	submit(t);
	return true;
}

static int slow_call(void *arg)
{
	struct scsi_cmd *cmd = arg;

	return cmd->call(cmd);
}

static void slow_done(struct msg *msg)
{
	struct task *t = container_of(container_of(msg, struct offload_job, msg), struct task, slow);

	t->in_io = false;
	if (t->aborted) {
		free(t->scsi.abort);
		task_check_end(t);
	} else {
		task_run(t, scsi_resume(&t->scsi, t->slow.res));
	}
}

static void run_slow(struct task *t)
{
	t->state = TASK_SLOW;
	t->in_io = true;
	t->slow.call = slow_call;
	t->slow.arg = &t->scsi;
	t->slow.mail = &t->ch->worker->mail;
	t->slow.done = slow_done;
	offload_post(server_offload(t->ch->worker->server), &t->slow);
}

static int call_of_store(struct store_io *io)
{
	struct task *t = container_of(io, struct task, io);

	return t->scsi.call(&t->scsi);
}

static void run_on_store(struct task *t)
{
	t->io.store = t->scsi.itl->lu->store;
	t->io.op = STORE_CALL;
	t->io.flags = 0;
	t->io.off = 0;
	t->io.len = 0;
	t->io.call = call_of_store;
	t->io.done = store_done;
	submit(t);
}

static void run_store(struct task *t)
{
	const struct scsi_cmd *s = &t->scsi;

	if (unlikely(s->copy) && !t->third_seq)
		t->third_seq = t->ch->worker->task_seq++;
	t->io.store = s->io.store;
	t->io.op = s->io.op;
	t->io.flags = s->io.flags;
	t->io.off = s->io.off;
	t->io.len = s->io.len;
	t->io.buf = s->io.buf;
	t->io.from = s->io.from;
	t->io.from_off = s->io.from_off;
	t->io.scsi = s->io.scsi;
	t->io.done = store_done;
	submit(t);
}

/*
 * Bring the parameter data that the device server wants into scsi.buf. It never wants more than
 * the initiator's buffer holds.
 */
static void run_fetch(struct task *t)
{
	struct scsi_cmd *s = &t->scsi;
	uint64_t off = s->data_off;
	uint32_t len = (uint32_t)MIN((uint64_t)s->need, s->out_len - MIN(off, (uint64_t)s->out_len));

	memset(s->buf + len, 0, s->need - len);
	if (t->iu.out.fmt == SRP_FMT_IMMEDIATE || len == 0) {
		if (len > 0)
			memcpy(s->buf, t->rx->buf + t->iu.out.imm_off + off, len);
		task_run(t, scsi_resume(s, 0));
		return;
	}
	t->state = TASK_FETCHING;
	xfer_use_table(t, &t->iu.out);
	xfer_fetch(t, t->buf_seg, off, len);
}

/* Send a piece of data-in out of scsi.buf; the command goes on. */
static void run_send(struct task *t)
{
	t->state = TASK_SENDING;
	t->streamed = true;
	xfer_use_table(t, &t->iu.in);
	xfer_send_piece(t, t->buf_seg, t->scsi.data_off, t->scsi.need);
}

/* All data-in of commands without a stream lies in scsi.buf. */
static void complete(struct task *t)
{
	struct scsi_cmd *s = &t->scsi;

	if (unlikely(t->lock))
		lock_give(t);
	if (s->dir == SCSI_DIR_IN && s->data_len > 0 && !t->streamed && t->buf_seg) {
		if (t->iu.in.fmt == SRP_FMT_NONE)
			s->data_len = 0;
		else
			xfer_use_table(t, &t->iu.in);
		if (s->data_len)
			xfer_send_last(t, t->buf_seg, s->data_len);
	}
	task_respond(t);
}

void task_run(struct task *t, enum scsi_next next)
{
	switch (next) {
	case SCSI_COMPLETE:
		complete(t);
		return;
	case SCSI_NEED_BUF:
	case SCSI_NEED_DATA_OUT:
		if (!t->buf_seg)
			task_need_buffer(t, t->scsi.need,
					 next == SCSI_NEED_BUF ? TASK_EXECUTING : TASK_FETCHING);
		else if (next == SCSI_NEED_BUF)
			task_run(t, scsi_resume(&t->scsi, 0));
		else
			run_fetch(t);
		return;
	case SCSI_SEND_DATA_IN:
		run_send(t);
		return;
	case SCSI_CALL:
		run_slow(t);
		return;
	case SCSI_CALL_STORE:
		run_on_store(t);
		return;
	case SCSI_ABORT:
		tmf_preempt(t);
		return;
	case SCSI_LOCK:
		lock_take(t);
		return;
	case SCSI_STORE:
		run_store(t);
		return;
	case SCSI_STREAM:
		if (unlikely(is_limited(t)) && !qos_admit(t))
			return;
		xfer_stream_start(t);
		return;
	}
}

/* ---- waiting for a buffer ---- */

void task_wait_buffer(struct task *t, uint32_t len, enum task_state want_for)
{
	t->want = len;
	t->want_for = want_for;
	t->state = TASK_NEED_BUFFER;
	share_wait(t);
}

void task_need_buffer(struct task *t, uint32_t len, enum task_state want_for)
{
	struct seg *seg = NULL;

	if (share_may_pass(t->ch->worker, t->ch->share))
		seg = xfer_get_seg(t, len, want_for == TASK_TABLE);
	if (!seg) {
		task_wait_buffer(t, len, want_for);
		return;
	}
	t->want_for = want_for;
	task_got_buffer(t, seg);
}

void task_got_buffer(struct task *t, struct seg *seg)
{
	t->state = t->want_for;
	if (t->want_for == TASK_TABLE) {
		xfer_fetch_table(t, seg);
	} else if (t->want_for == TASK_STREAMING) {
		xfer_stream_go(t, seg);
	} else {
		t->buf_seg = seg;
		t->scsi.buf = seg->buf;
		if (t->want_for == TASK_FETCHING)
			run_fetch(t);
		else
			task_run(t, scsi_resume(&t->scsi, 0));
	}
}

/* ---- the end ---- */

static HOT void count(struct task *t)
{
	const struct scsi_cmd *s = &t->scsi;
	enum meter_kind kind = !t->streamed			   ? METER_OTHER
			       : s->stream.op == STORE_READ ? METER_READ
							    : METER_WRITE;
	uint64_t ns = now_ns(t->ch->worker) - t->since;
	unsigned int bucket = lat_bucket(ns);
	struct meter_side *side = &t->meter->side[kind];
	struct channel_stats *stats = &t->ch->stats;

	if (unlikely(t->aborted)) {
		meter_add(&t->meter->aborted, 1);
		return;
	}
	meter_add(&side->lat[bucket], 1);
	meter_add(&side->ns, ns);
	if (t->streamed)
		meter_add(&side->bytes, s->data_len);
	stats->lat[bucket]++;
	stats->ns += ns;
	if (unlikely(s->status != SCSI_GOOD)) {
		meter_add(&t->meter->errors, 1);
		stats->errors++;
	}
}

void task_end(struct task *t)
{
	struct channel *ch = t->ch;
	struct worker *w = ch->worker;
	struct seg *seg;

	while ((seg = LIST_FIRST(&t->segs)))
		seg_put(t, seg);
	if (unlikely(t->lock))
		lock_give(t);
	if (t->rx) {
		/* no response goes out: the next one returns this credit as well */
		task_give_back_rx(t);
		ch->credit_pending++;
	}
	LIST_REMOVE(t, link);
	if (likely(t->kind == TASK_CMD)) {
		LIST_REMOVE(t, tag_link);
		count(t);
	}
	if (unlikely(!LIST_EMPTY(&w->tmfs)))
		tmf_task_ended(w, t);
	if (unlikely(t->aborted) && t->kind == TASK_CMD)
		scsi_give_up(&t->scsi);
	pool_put(&w->tasks, t);
	ch->share->n_tasks--;
	if (unlikely(ch->credit_pending))
		task_return_credits(ch);
	if (unlikely(ch->state > CH_LIVE))
		channel_check_end(ch);
}

void task_check_end(struct task *t)
{
	/* what was posted on a QP in error may still be read by the device until it is flushed */
	bool quiet = channel_ending(t->ch) ? t->ch->flushed : t->state != TASK_RESPONDING;

	if (t->aborted && quiet && t->n_busy == 0 && !t->in_io)
		task_end(t);
}

static void recall(struct task *t)
{
	if (t->io.op == STORE_CALL)
		atomic_store(&t->scsi.given_up, true);
	worker_recall(t->ch->worker, &t->fence, &t->io);
}

void task_abort(struct task *t)
{
	struct worker *w = t->ch->worker;

	if (t->aborted)
		return;
	if (t->state == TASK_RESPONDING && !channel_ending(t->ch))
		return; /* its response is on the way */
	t->aborted = true;
	if (t->state == TASK_NEED_BUFFER)
		STAILQ_REMOVE(&t->ch->share->buf_wait, t, task, wait);
	else if (t->state == TASK_HELD)
		qos_give_up(t);
	else if (t->state == TASK_FENCED)
		STAILQ_REMOVE(&w->fence_wait, &t->sender, sender, link);
	else if (t->in_io && t->state == TASK_EXECUTING)
		recall(t);
	xfer_aborted(t);
	task_check_end(t);
}
