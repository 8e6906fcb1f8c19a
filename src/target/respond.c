/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a channel says: responses with their credits and residuals, and the target's own requests
 * SRP_CRED_REQ and SRP_AER_REQ. Knows how a task is answered, not what it did.
 */
#include "target/worker.h"

#include <string.h>

#include "base/compiler.h"
#include "base/log.h"
#include "target/capture.h"
#include "target/session.h"

/* SRP r16a 6.9: residual counts of both directions. */
static void fill_residuals(const struct task *t, struct srp_rsp *rsp)
{
	const struct scsi_cmd *s = &t->scsi;
	bool out = s->dir == SCSI_DIR_OUT || s->dir == SCSI_DIR_BIDI;
	uint64_t out_want = out ? s->xfer_len : 0;
	uint32_t out_done = out ? s->data_len : 0;
	uint64_t in_want = s->dir == SCSI_DIR_IN ? s->xfer_len : s->in_xfer_len;
	uint32_t in_done = s->dir == SCSI_DIR_IN ? s->data_len : s->in_data_len;

	if (out_want > t->iu.out.len) {
		rsp->flags |= SRP_DOOVER;
		rsp->data_out_res_cnt = (uint32_t)MIN(out_want - t->iu.out.len,
						      (uint64_t)UINT32_MAX);
	} else if (out_done < t->iu.out.len) {
		rsp->flags |= SRP_DOUNDER;
		rsp->data_out_res_cnt = t->iu.out.len - out_done;
	}
	if (in_want > t->iu.in.len) {
		rsp->flags |= SRP_DIOVER;
		rsp->data_in_res_cnt = (uint32_t)MIN(in_want - t->iu.in.len, (uint64_t)UINT32_MAX);
	} else if (in_done < t->iu.in.len) {
		rsp->flags |= SRP_DIUNDER;
		rsp->data_in_res_cnt = t->iu.in.len - in_done;
	}
}

static void log_status(const struct task *t)
{
	const struct scsi_cmd *s = &t->scsi;
	char text[160];

	log_dbg(LOGC_SCSI, "%s: %s on LUN %d: %s %s", t->ch->name, scsi_opcode_name(s->cdb),
		scsi_lun_decode(s->lun), scsi_status_name(s->status),
		s->sense_len ? scsi_sense_text(s->sense, s->sense_len, text, sizeof(text)) : "");
}

static void fill_command(const struct task *t, struct srp_rsp *rsp)
{
	const struct scsi_cmd *s = &t->scsi;

	if (log_on(LOGC_SCSI) && s->status != SCSI_GOOD)
		log_status(t);
	rsp->tag = t->iu.tag;
	rsp->status = s->status;
	rsp->sense = s->sense;
	rsp->sense_len = s->sense_len;
	fill_residuals(t, rsp);
	if (t->iu.sol_not & (s->status == SCSI_GOOD ? SRP_SCSOLNT : SRP_UCSOLNT))
		rsp->sol_not = SRP_SOLNT;
}

static int32_t take_credits(struct channel *ch)
{
	int32_t n = ch->credit_pending;

	ch->req_lim += n;
	ch->credit_pending = 0;
	return n;
}

static size_t build_cred_req(struct task *t, bool *solicited)
{
	*solicited = t->ch->login_flags & SRP_CRSOLNT;
	srp_cred_req_build(t->rsp, 0, take_credits(t->ch), *solicited ? SRP_SOLNT : 0);
	return SRP_CRED_REQ_LEN;
}

/* SRP r16a 6.12: the unit attention as sense data, and whatever credits are due. */
static size_t build_aer_req(struct task *t, bool *solicited)
{
	uint32_t sense = scsi_ua_sense((enum scsi_ua)t->aer.ua);
	struct srp_aer_req aer = {
		.lun = t->aer.lun,
		.sense = { 0x70, [2] = (uint8_t)(sense >> 16), [7] = 10,
			   [12] = (uint8_t)(sense >> 8), [13] = (uint8_t)sense },
		.sense_len = MIN(18u, t->ch->max_rsp_len - SRP_AER_REQ_LEN),
	};

	*solicited = t->ch->login_flags & SRP_AESOLNT;
	aer.sol_not = *solicited ? SRP_SOLNT : 0;
	aer.req_lim_delta = take_credits(t->ch);
	return srp_aer_req_build(t->rsp, &aer);
}

static void fill_tmf(const struct task *t, struct srp_rsp *rsp)
{
	bool good = t->tm_code == SRP_RSP_COMPLETE;

	rsp->tag = t->tm.tag;
	rsp->has_rsp_code = true;
	rsp->rsp_code = t->tm_code;
	if (t->tm.sol_not & (good ? SRP_SCSOLNT : SRP_UCSOLNT))
		rsp->sol_not = SRP_SOLNT;
}

/* The receive goes back first: the response returns its credit (rule 3). */
static inline int32_t take_credit_of(struct task *t)
{
	task_give_back_rx(t);
	t->ch->credit_pending++;
	return take_credits(t->ch);
}

static size_t build_rsp(struct task *t, bool *solicited)
{
	struct srp_rsp rsp = { 0 };

	if (t->kind == TASK_CMD)
		fill_command(t, &rsp);
	else
		fill_tmf(t, &rsp);
	rsp.req_lim_delta = take_credit_of(t);
	*solicited = rsp.sol_not;
	return srp_rsp_build(t->rsp, t->ch->max_rsp_len, &rsp);
}

static HOT struct ibv_send_wr *send_iu(struct task *t, size_t len)
{
	struct channel *ch = t->ch;
	struct ibv_send_wr *wr = channel_wr(ch, IBV_WR_SEND, (uint64_t)WR_TASK << 60, t->rsp,
					    (uint32_t)len);

	if (log_on(LOGC_IU))
		channel_log_iu(ch, "←", t->rsp, len);
	if (capture_on())
		capture_iu(ch, true, t->rsp, len);
	if (len <= ch->qp.inline_len)
		wr->send_flags = IBV_SEND_INLINE;
	t->tick = ch->worker->tick;
	t->sq_mark = (uint16_t)ch->sq_head;
	ch->worker->stats.responses++;
	STAILQ_INSERT_TAIL(&ch->responding, t, wait);
	return wr;
}

/* GOOD, all data moved, and nobody wants to be woken: only tag and credits are to be told. */
static inline bool is_plain(const struct task *t)
{
	const struct scsi_cmd *s = &t->scsi;
	uint32_t asked = t->iu.out.len + t->iu.in.len;

	return t->kind == TASK_CMD && s->status == SCSI_GOOD && s->dir != SCSI_DIR_BIDI &&
	       s->data_len == asked && s->xfer_len == asked && !t->iu.sol_not &&
	       (s->dir == SCSI_DIR_IN ? t->iu.out.len : t->iu.in.len) == 0;
}

static void emit_other(struct task *t)
{
	bool solicited;
	size_t len;

	if (t->kind <= TASK_TSK_MGMT)
		len = build_rsp(t, &solicited);
	else if (t->kind == TASK_CRED_REQ)
		len = build_cred_req(t, &solicited);
	else
		len = build_aer_req(t, &solicited);
	if (solicited)
		send_iu(t, len)->send_flags |= IBV_SEND_SOLICITED;
	else
		send_iu(t, len);
}

static HOT void emit(struct task *t)
{
	if (likely(is_plain(t)))
		send_iu(t, srp_rsp_build_good(t->rsp, t->iu.tag, take_credit_of(t)));
	else
		emit_other(t);
}

void task_emit_response(struct task *t)
{
	emit(t);
}

/* Everything decided: answer as soon as the send queue has room. */
void task_respond(struct task *t)
{
	struct channel *ch = t->ch;

	t->state = TASK_RESPONDING;
	if (unlikely(channel_ending(ch))) {
		t->aborted = true;
		task_check_end(t);
	} else if (likely(STAILQ_EMPTY(&ch->send_wait) && channel_sq_free(ch) > 0)) {
		emit(t);
	} else {
		t->sender.kind = SENDER_TASK;
		STAILQ_INSERT_TAIL(&ch->send_wait, &t->sender, link);
	}
}

/*
 * The work request with this low part of sq_head is complete, and with it all before: responses
 * among them are out.
 */
void task_retire(struct channel *ch, uint16_t sq_mark)
{
	struct task *t;

	channel_sq_advance(ch, sq_mark);
	while ((t = STAILQ_FIRST(&ch->responding)) && (int16_t)(sq_mark - t->sq_mark) >= 0) {
		STAILQ_REMOVE_HEAD(&ch->responding, wait);
		task_end(t);
	}
}

/* ---- the target's own requests ---- */

/* One at a time, and not while a response can carry the credits (SRP r16a 6.10). */
void task_return_credits(struct channel *ch)
{
	struct task *t;

	if (ch->state != CH_LIVE || ch->cred_req_out || ch->credit_pending == 0 ||
	    !LIST_EMPTY(&ch->tasks))
		return;
	t = task_get(ch, NULL, TASK_CRED_REQ);
	if (!t) {
		ch->worker->starved = true; /* again when a task is free */
		return;
	}
	log_dbg(LOGC_CREDIT, "%s: returning %d credit(s) by SRP_CRED_REQ", ch->name,
		ch->credit_pending);
	ch->cred_req_out = true;
	task_respond(t);
}

/*
 * The next asynchronous event report of the session (SRP r16a 6.12), one at a time. On iWARP the
 * initiator speaks first (RFC 5044 7.1).
 */
void task_report_event(struct channel *ch)
{
	struct task *t;

	if (ch->state != CH_LIVE || ch->aer_out || !ch->heard)
		return;
	t = task_get(ch, NULL, TASK_AER_REQ);
	if (!t) {
		ch->worker->starved = true;
		return;
	}
	if (!session_take_event(ch->session, &t->aer)) {
		task_end(t);
		return;
	}
	log_dbg(LOGC_SCSI, "%s: reporting a unit attention of LUN %u by SRP_AER_REQ", ch->name,
		t->aer.lun);
	ch->aer_out = true;
	task_respond(t);
}
