/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A channel in its worker: IUs in, credits, the send list, and the end. Whatever happens, the end
 * is: QP to error, a last work request behind everything else, the last receive seen; then the
 * control thread takes the connection apart. The channel itself goes when the store has returned
 * every request of its tasks; until then their writes are fenced.
 */
#include "target/worker.h"

#include <stdlib.h>
#include <string.h>

#include "base/be.h"
#include "base/compiler.h"
#include "base/log.h"
#include "target/capture.h"
#include "target/server.h"
#include "target/session.h"

enum {
	LOGOUT_WAIT_S = 3, /* running commands may end before T_LOGOUT */
	DRAIN_WAIT_S = 2,  /* LAST_WQE_REACHED may never come from some devices */
};

void channel_init(struct channel *ch)
{
	ch->state = CH_CONNECTING;
	ch->rd_free = ch->qp.rd_atomic;
	LIST_INIT(&ch->tasks);
	STAILQ_INIT(&ch->responding);
	STAILQ_INIT(&ch->parked);
	STAILQ_INIT(&ch->send_wait);
	STAILQ_INIT(&ch->read_wait);
}

__attribute__((cold)) void channel_log_iu(const struct channel *ch, const char *arrow,
					   const void *iu, size_t len)
{
	char text[1024];

	log_dbg(LOGC_IU, "%s: %s %s", ch->name, arrow, srp_iu_text(iu, len, text, sizeof(text)));
}

/* ---- sending ---- */

void channel_mark_dirty(struct channel *ch)
{
	ch->dirty = true;
	TAILQ_INSERT_TAIL(&ch->worker->dirty, ch, dirty_link);
}

/* Post what the pass collected; the last request is signalled, so that everything is retired. */
void channel_post(struct channel *ch)
{
	int ret;

	ch->dirty = false;
	if (channel_ending(ch))
		ch->wrs = (struct wr_list){ 0 };
	if (!ch->wrs.head)
		return;
	ch->wrs.tail->send_flags |= IBV_SEND_SIGNALED;
	ch->worker->stats.post_send++;
	ret = wr_post(ch->qp.ibv, &ch->wrs);
	if (unlikely(ret)) {
		log_peer(LOG_LVL_WARN, "%s: cannot post work requests: %s", ch->name, strerror(ret));
		channel_drain(ch, "work requests were refused");
	}
}

/* ---- receiving ---- */

static void invalid_iu(struct channel *ch, struct rx *rx, const char *why, uint32_t reason)
{
	log_peer(LOG_LVL_WARN, "%s: %s of %u bytes %s: closing the channel", ch->name,
		 rx->len ? srp_opcode_name(rx->buf[0]) : "message", rx->len, why);
	wlane_rx_release(ch->wlane, ch, rx);
	channel_logout(ch, reason);
}

/* The initiator answers our SRP_CRED_REQ. */
static void cred_rsp(struct channel *ch, struct rx *rx)
{
	wlane_rx_release(ch->wlane, ch, rx);
	ch->cred_req_out = false;
	task_return_credits(ch);
}

static void aer_rsp(struct channel *ch, struct rx *rx)
{
	wlane_rx_release(ch->wlane, ch, rx);
	ch->aer_out = false;
	task_report_event(ch);
}

/* Requests that cost a credit. */
static HOT void request_iu(struct channel *ch, struct rx *rx)
{
	if (unlikely(--ch->req_lim < 0)) {
		log_peer(LOG_LVL_WARN, "%s: overran its request limit: closing the channel",
			 ch->name);
		wlane_rx_release(ch->wlane, ch, rx);
		channel_logout(ch, SRP_T_LOGOUT_NONE);
	} else if (unlikely(!task_start(ch, rx))) {
		ch->req_lim++;
		ch->n_parked++;
		STAILQ_INSERT_HEAD(&ch->parked, rx, link);
		ch->worker->starved = true;
	}
}

static HOT void handle_iu(struct channel *ch, struct rx *rx)
{
	uint8_t opcode = rx->len ? rx->buf[0] : 0xff;

	if (log_on(LOGC_IU))
		channel_log_iu(ch, "→", rx->buf, rx->len);
	if (unlikely(!ch->heard)) {
		ch->heard = true;
		task_report_event(ch);
	}
	switch (opcode) {
	case SRP_CMD:
		if (unlikely(rx->len < SRP_CMD_LEN))
			break;
		request_iu(ch, rx);
		return;
	case SRP_TSK_MGMT:
		if (rx->len < SRP_TSK_MGMT_LEN)
			break;
		request_iu(ch, rx);
		return;
	case SRP_I_LOGOUT:
		log_info("%s: the initiator logs out", ch->name);
		wlane_rx_release(ch->wlane, ch, rx);
		channel_drain(ch, NULL);
		return;
	case SRP_CRED_RSP:
	case SRP_AER_RSP:
		if (rx->len < SRP_CRED_RSP_LEN)
			break;
		if (opcode == SRP_CRED_RSP && ch->cred_req_out)
			cred_rsp(ch, rx);
		else if (opcode == SRP_AER_RSP && ch->aer_out)
			aer_rsp(ch, rx);
		else
			invalid_iu(ch, rx, "answers no request of ours", SRP_T_LOGOUT_SPURIOUS_RSP);
		return;
	}
	invalid_iu(ch, rx, "is no valid request", SRP_T_LOGOUT_INVALID_IU);
}

/*
 * The initiator sends after its RTU, but that may come later, or never. Devices tell of a message that
 * overtakes it only if the QP is still in RTR (IBV_EVENT_COMM_EST).
 */
static void tell_arrived(struct channel *ch)
{
	if (ch->arrived_posted)
		return;
	ch->arrived_posted = true;
	mailbox_post(server_mailbox(ch->worker->server), &ch->arrived_msg, server_msg_arrived);
}

/* Parked IUs have not paid their credit yet, but there cannot be more of them than credits. */
static void park(struct channel *ch, struct rx *rx)
{
	if (ch->n_parked == ch->promised) {
		log_peer(LOG_LVL_WARN, "%s: overran its request limit", ch->name);
		wlane_rx_release(ch->wlane, ch, rx);
		channel_drain(ch, "too many IUs before their turn");
		return;
	}
	ch->n_parked++;
	STAILQ_INSERT_TAIL(&ch->parked, rx, link);
	if (ch->state == CH_CONNECTING)
		tell_arrived(ch);
}

void channel_rx(struct channel *ch, struct rx *rx)
{
	if (capture_on())
		capture_iu(ch, false, rx->buf, rx->len);
	if (unlikely(ch->state > CH_LIVE))
		wlane_rx_release(ch->wlane, ch, rx);
	else if (unlikely(ch->state == CH_CONNECTING || ch->n_parked > 0))
		park(ch, rx);
	else
		handle_iu(ch, rx);
}

/* Go on with parked IUs, in order, until one finds no task again. */
void channel_unpark(struct channel *ch)
{
	struct rx *rx;

	while (ch->state == CH_LIVE && ch->worker->tasks.n_free > 0 &&
	       (rx = STAILQ_FIRST(&ch->parked))) {
		uint32_t n = --ch->n_parked;

		STAILQ_REMOVE_HEAD(&ch->parked, link);
		handle_iu(ch, rx);
		if (ch->n_parked > n)
			break; /* it is back: its session has its share of tasks */
	}
	if (ch->state == CH_LIVE && ch->n_parked > 0)
		ch->worker->starved = true;
	task_return_credits(ch);
	task_report_event(ch);
}

/* Take parked commands out that match; their credits go back with the next response. */
uint32_t channel_abort_parked(struct channel *ch, const struct tmf *tmf)
{
	struct rx *rx, *next;
	uint32_t n = 0;

	for (rx = STAILQ_FIRST(&ch->parked); rx; rx = next) {
		next = STAILQ_NEXT(rx, link);
		if (!tmf_matches_iu(tmf, ch, rx))
			continue;
		STAILQ_REMOVE(&ch->parked, rx, rx, link);
		ch->n_parked--;
		ch->req_lim--;
		ch->credit_pending++;
		log_peer(LOG_LVL_INFO, "%s: %s on LUN %d: command with tag %#llx aborted while not "
			 "yet started", ch->name, tmf_name(tmf),
			 scsi_lun_decode(rx->buf + offsetof(struct srp_wire_cmd, lun)),
			 (unsigned long long)be64_get(rx->buf + offsetof(struct srp_wire_cmd, tag)));
		wlane_rx_release(ch->wlane, ch, rx);
		n++;
	}
	return n;
}

static void drop_parked(struct channel *ch)
{
	struct rx *rx;

	ch->n_parked = 0;
	while ((rx = STAILQ_FIRST(&ch->parked))) {
		STAILQ_REMOVE_HEAD(&ch->parked, link);
		wlane_rx_release(ch->wlane, ch, rx);
	}
}

/* ---- the end ---- */

static void set_timer(struct channel *ch, unsigned int seconds)
{
	if (timer_arm(&ch->worker->timers, &ch->timer, clock_now_ns() + seconds * NSEC_PER_SEC))
		log_err("%s: no memory for a timer", ch->name);
}

static void logout_timeout(struct timer *timer)
{
	struct channel *ch = container_of(timer, struct channel, timer);

	channel_drain(ch, "commands or the logout message did not end in time");
}

/* Say T_LOGOUT when the running commands have ended, then close. */
void channel_logout(struct channel *ch, uint32_t reason)
{
	if (ch->state >= CH_LOGGING_OUT)
		return;
	ch->state = CH_LOGGING_OUT;
	ch->logout_reason = reason;
	ch->timer.fire = logout_timeout;
	set_timer(ch, LOGOUT_WAIT_S);
	drop_parked(ch);
	channel_check_end(ch);
}

static void send_logout(struct channel *ch)
{
	bool solicited = ch->login_flags & SRP_LOSOLNT;
	uint8_t *iu = worker_logout_iu(ch->worker, ch->logout_reason, solicited);
	struct ibv_send_wr *wr;

	if (capture_on())
		capture_iu(ch, true, iu, SRP_T_LOGOUT_LEN);
	ch->logout_sent = true;
	wr = channel_wr(ch, IBV_WR_SEND, (uint64_t)WR_LOGOUT << 60, iu, SRP_T_LOGOUT_LEN);
	wr->send_flags |= IBV_SEND_SIGNALED | (solicited ? IBV_SEND_SOLICITED : 0);
}

void channel_logout_sent(struct channel *ch)
{
	channel_drain(ch, NULL);
}

/*
 * A request behind all others: when it completes or is flushed, nothing before it can still run. It
 * goes out before the control thread puts the QP to error, because some devices take nothing then. False if it
 * is refused: then only the end of the QP says that nothing runs.
 */
static bool post_drain(struct channel *ch)
{
	struct ibv_send_wr wr = {
		.wr_id = (uint64_t)WR_DRAIN << 60,
		.opcode = IBV_WR_RDMA_WRITE,
		.send_flags = IBV_SEND_SIGNALED,
	};
	struct ibv_send_wr *bad;

	if (ch->wrs.head && wr_post(ch->qp.ibv, &ch->wrs))
		return false;
	return ibv_post_send(ch->qp.ibv, &wr, &bad) == 0;
}

/*
 * Without its QP the device cannot touch the channel's memory, whatever it failed to report.
 * Destroying one may sleep in the driver: the control thread's.
 */
static void kill_qp(struct channel *ch)
{
	if (ch->killing)
		return;
	ch->killing = true;
	log_dbg(LOGC_RDMA, "%s: the queue pair is not flushed: destroying it", ch->name);
	mailbox_post(server_mailbox(ch->worker->server), &ch->kill_msg, server_msg_kill);
}

static void drain_timeout(struct timer *timer)
{
	struct channel *ch = container_of(timer, struct channel, timer);

	if (!ch->flushed) {
		kill_qp(ch);
		return;
	}
	log_dbg(LOGC_RDMA, "%s: no LAST_WQE_REACHED, going on without", ch->name);
	ch->last_wqe = true;
	channel_check_end(ch);
}

/*
 * The first look, on a clean stack: with nothing outstanding, or after the device took nothing
 * more, the drain request is not waited for. (siw never completes one that is posted after the
 * peer has disconnected.)
 */
static void drain_look(struct timer *timer)
{
	struct channel *ch = container_of(timer, struct channel, timer);

	ch->timer.fire = drain_timeout;
	set_timer(ch, DRAIN_WAIT_S);
	if (ch->sq_done == ch->sq_head && ch->rd_free == ch->qp.rd_atomic)
		channel_flush_done(ch);
	else if (!ch->drain_posted)
		kill_qp(ch);
}

/* A request of an ending channel completed or was flushed, and with it all before. */
void channel_send_ended(struct channel *ch, uint16_t sq_mark)
{
	channel_sq_advance(ch, sq_mark);
	if (ch->sq_done == ch->sq_head)
		channel_flush_done(ch);
}

static void abort_all(struct channel *ch)
{
	struct task *t = LIST_FIRST(&ch->tasks);

	while (t) {
		struct task *next = LIST_NEXT(t, link);

		log_dbg(LOGC_TMF, "%s: tag %#llx given up while %s", ch->name,
			(unsigned long long)be64toh(t->iu.tag), task_state_name(t->state));
		task_abort(t);
		t = next;
	}
}

/* Start the end of a channel at once; why is logged unless NULL. */
void channel_drain(struct channel *ch, const char *why)
{
	if (channel_ending(ch))
		return;
	if (why)
		log_warn("%s: closing the channel: %s", ch->name, why);
	ch->state = CH_DRAINING;
	drop_parked(ch);
	ch->drain_posted = post_drain(ch);
	abort_all(ch);
	ch->timer.fire = drain_look;
	set_timer(ch, 0);
	mailbox_post(server_mailbox(ch->worker->server), &ch->fatal_msg, server_msg_fatal);
}

void channel_flush_done(struct channel *ch)
{
	struct task *t, *next;

	if (ch->flushed)
		return;
	ch->flushed = true;
	STAILQ_INIT(&ch->send_wait);
	STAILQ_INIT(&ch->read_wait);
	STAILQ_INIT(&ch->responding);
	for (t = LIST_FIRST(&ch->tasks); t; t = next) {
		next = LIST_NEXT(t, link);
		xfer_flushed(t);
		t->aborted = true;
		task_check_end(t);
	}
	channel_check_end(ch);
}

static void disconnected(struct channel *ch)
{
	struct worker *w = ch->worker;

	ch->state = CH_DISCONNECTED;
	timer_cancel(&w->timers, &ch->timer);
	if (ch->dirty)
		TAILQ_REMOVE(&w->dirty, ch, dirty_link);
	ch->dirty = false;
	wlane_take_back(ch->wlane, ch);
	wlane_hash_del(ch->wlane, ch);
	LIST_REMOVE(ch, link);
	mailbox_post(server_mailbox(w->server), &ch->drained_msg, server_msg_drained);
}

static void ended(struct channel *ch)
{
	ch->ended = true;
	share_leave(ch->worker, ch->share);
	mailbox_post(server_mailbox(ch->worker->server), &ch->ended_msg, server_msg_ended);
}

void channel_check_end(struct channel *ch)
{
	bool receives_gone = ch->last_wqe || (!ch->wlane->lane->srq && ch->n_rx_own == 0);

	if (ch->state == CH_DRAINING && ch->flushed && receives_gone)
		disconnected(ch);
	if (!LIST_EMPTY(&ch->tasks))
		return;
	if (ch->state == CH_LOGGING_OUT && !ch->heard)
		channel_drain(ch, NULL); /* it is not our turn to speak */
	else if (ch->state == CH_LOGGING_OUT && !ch->logout_sent)
		send_logout(ch);
	else if (ch->state == CH_DISCONNECTED && !ch->ended)
		ended(ch);
}

/* ---- the watchdog ---- */

/* The last RDMA of the segment is named: the first that did not complete is not known. */
static void rdma_stuck(struct channel *ch, const struct task *t, const struct seg *seg,
		       uint32_t since)
{
	log_err("%s: tag %#llx: %s of %u bytes at %#llx/%#x%s not completed after %u s", ch->name,
		(unsigned long long)be64toh(t->iu.tag), seg->fetch ? "RDMA READ" : "RDMA WRITE",
		seg->moved, (unsigned long long)seg->remote_va, seg->rkey,
		seg->state == SEG_RDMA ? "" : ", and the response,", ch->worker->tick - since);
	channel_drain(ch, "RDMA does not complete");
}

static void response_stuck(struct channel *ch, const struct task *t)
{
	const struct seg *seg = LIST_FIRST(&t->segs);

	if (seg && !seg->fetch && seg->moved > 0) {
		rdma_stuck(ch, t, seg, t->tick);
		return;
	}
	log_err("%s: tag %#llx: response not completed after %u s", ch->name,
		(unsigned long long)be64toh(t->iu.tag), ch->worker->tick - t->tick);
	channel_drain(ch, "a response does not complete");
}

static bool watch_task(struct channel *ch, const struct task *t)
{
	uint32_t now = ch->worker->tick, limit = ch->worker->rdma_timeout;
	const struct seg *seg;

	LIST_FOREACH(seg, &t->segs, link)
		if (seg->state == SEG_RDMA && now - seg->tick > limit) {
			rdma_stuck(ch, t, seg, seg->tick);
			return true;
		}
	if (t->state == TASK_RESPONDING && now - t->tick > limit && !t->rx) {
		response_stuck(ch, t);
		return true;
	}
	return false;
}

void channel_watch(struct channel *ch)
{
	const struct task *t;

	if (channel_ending(ch))
		return;
	LIST_FOREACH(t, &ch->tasks, link)
		if (watch_task(ch, t))
			return;
}

/* ---- messages from the control thread ---- */

void channel_msg_add(struct msg *msg)
{
	struct channel *ch = container_of(msg, struct channel, add_msg);
	struct worker *w = ch->worker;

	wlane_hash_add(ch->wlane, ch);
	LIST_INSERT_HEAD(&w->channels, ch, link);
	share_join(w, ch->share);
	worker_start_watch(w);
	if (wlane_post_own(ch->wlane, ch))
		channel_drain(ch, "no receives left");
	mailbox_post(server_mailbox(w->server), &ch->ready_msg, server_msg_ready);
}

void channel_msg_start(struct msg *msg)
{
	struct channel *ch = container_of(msg, struct channel, start_msg);

	if (ch->state != CH_CONNECTING)
		return;
	ch->state = CH_LIVE;
	channel_unpark(ch);
}

void channel_msg_close(struct msg *msg)
{
	channel_drain(container_of(msg, struct channel, close_msg), NULL);
}

void channel_msg_logout(struct msg *msg)
{
	struct channel *ch = container_of(msg, struct channel, logout_msg);

	if (ch->state == CH_CONNECTING)
		channel_drain(ch, NULL);
	else
		channel_logout(ch, SRP_T_LOGOUT_NONE);
}

void channel_msg_last_wqe(struct msg *msg)
{
	struct channel *ch = container_of(msg, struct channel, last_wqe_msg);

	ch->last_wqe = true;
	if (ch->state == CH_DRAINING) {
		worker_poll_lane(ch->wlane);
		channel_check_end(ch);
	} else {
		channel_drain(ch, "the queue pair went to the error state");
	}
}

/* The QP does not exist any more: nothing of it can run, and it holds no receive. */
void channel_msg_killed(struct msg *msg)
{
	struct channel *ch = container_of(msg, struct channel, kill_msg);

	ch->last_wqe = true;
	channel_flush_done(ch);
	channel_check_end(ch);
}

void channel_msg_aer(struct msg *msg)
{
	struct channel *ch = container_of(msg, struct channel, aer_msg);

	task_report_event(ch);
	mailbox_post(server_mailbox(ch->worker->server), msg, server_msg_aer_done);
}

/* The control thread posts nothing more about this channel, and everything before has run. */
void channel_msg_free(struct msg *msg)
{
	struct channel *ch = container_of(msg, struct channel, free_msg);

	mailbox_post(server_mailbox(ch->worker->server), &ch->free_msg, server_msg_free);
}
