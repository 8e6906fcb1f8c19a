/*
 * The requester half of an RC queue pair: executes send work requests, waits for
 * acknowledgements, repeats, gives up (IBA 9.7).
 *
 * Knows: PSNs, READ depth, fences, retry and RNR timers.
 * Does not know: how packets travel.
 *
 * The send queue is [una, head): [una, nxt) was sent and is not acknowledged.
 * PSN of entry i = sq_psn + i.
 */
#include "fault.h"

#include <errno.h>
#include <string.h>

#define DEAD_TIMEOUT_NS 1000000u /* retry timers run fast once the peer died */
#define POISON		0x7f	 /* fields a failed completion leaves undefined */

/* IBA table 45, in units of 10 microseconds; code 0 is 655.36 ms. */
static const uint32_t rnr_table[32] = {
	65536, 1,    2,	   3,	 4,    6,     8,     12,    16,	   24,	  32,
	48,    64,   96,   128,	 192,  256,   384,   512,   768,   1024,  1536,
	2048,  3072, 4096, 6144, 8192, 12288, 16384, 24576, 32768, 49152,
};

static struct sf_swqe *wqe_at(const struct sf_qp *qp, uint32_t i)
{
	return &qp->sq[i & qp->sq_mask];
}

static uint32_t psn_of(const struct sf_qp *qp, uint32_t i)
{
	return (qp->attr.sq_psn + i) & SF_PSN_MASK;
}

static const struct sf_pd *pd_of(const struct sf_qp *qp)
{
	return sf_container(qp->v.pd, struct sf_pd, v);
}

static enum ibv_wc_opcode wc_opcode(enum ibv_wr_opcode op)
{
	if (op == IBV_WR_RDMA_READ)
		return IBV_WC_RDMA_READ;
	if (op == IBV_WR_RDMA_WRITE || op == IBV_WR_RDMA_WRITE_WITH_IMM)
		return IBV_WC_RDMA_WRITE;
	return IBV_WC_SEND;
}

/* ---- completion ---- */
static void complete(struct sf_qp *qp, enum ibv_wc_status status)
{
	struct sf_swqe *w = wqe_at(qp, qp->sq_una++);
	struct sf_cqe c = { .qp = qp, .release = ++qp->sq_release };

	if (status == IBV_WC_SUCCESS)
		fault_completed(qp, FK_SQ);
	if (status == IBV_WC_SUCCESS && !(w->flags & IBV_SEND_SIGNALED))
		return;
	qp->sq_release = 0;
	c.wc.wr_id = w->wr_id;
	c.wc.status = status;
	c.wc.qp_num = qp->v.qp_num;
	if (status == IBV_WC_SUCCESS) {
		c.wc.opcode = wc_opcode(w->opcode);
		c.wc.byte_len = w->total;
	} else {
		c.wc.opcode = (enum ibv_wc_opcode)POISON;
		c.wc.vendor_err = POISON;
	}
	if (!cq_add(sf_container(qp->v.send_cq, struct sf_cq, v), &c, status != IBV_WC_SUCCESS))
		qp->fatal = true;
}

static void fail(struct sf_qp *qp, enum ibv_wc_status status)
{
	complete(qp, status);
	qp_enter_error(qp);
}

void req_flush(struct sf_qp *qp)
{
	timer_cancel(&qp->ack_timer);
	timer_cancel(&qp->rnr_timer);
	while (qp->sq_una != qp->sq_head && !qp->unflushed)
		complete(qp, IBV_WC_WR_FLUSH_ERR);
	qp->sq_nxt = qp->sq_head;
	qp->nxt_off = 0;
	qp->rd_out = 0;
	qp->rnr_wait = false;
}

/* ---- timers ---- */
static bool outstanding(const struct sf_qp *qp)
{
	return qp->sq_una != qp->sq_nxt || qp->nxt_off;
}

/* 4.096 us * 2^timeout; 0 waits for ever (IBA 9.7.6.1.3). */
static uint64_t ack_interval(const struct sf_qp *qp)
{
	uint64_t ns = 4096ull << qp->attr.timeout;

	if (qp->link && qp->link->dead && ns > DEAD_TIMEOUT_NS)
		return DEAD_TIMEOUT_NS;
	return ns;
}

/* The timer belongs to the oldest message: later ones do not push it on. */
static void watch(struct sf_qp *qp, bool was_idle)
{
	if (!qp->attr.timeout || !outstanding(qp))
		return;
	if (qp->ack_timer.active) {
		qp->progress |= was_idle;
		return;
	}
	qp->progress = false;
	timer_set(&qp->ack_timer, ack_interval(qp));
}

/* Go back: everything from una on is sent again. */
static void rewind_sq(struct sf_qp *qp)
{
	qp->sq_nxt = qp->sq_una;
	qp->nxt_off = 0;
	qp->rd_out = 0;
	qp->rd_off = 0;
	qp->sq_stop = false;
}

/*
 * A peer whose engine has not come round to reading our packets is no silent HCA, and
 * neither is one whose answers lie unread in our own ring: such time is the simulator's,
 * not the fabric's, and does not count.
 */
static bool unread(const struct sf_qp *qp)
{
	struct sf_link *l = qp->link;

	if (!l || l->dead)
		return false;
	return wire_pending(l) ||
	       (!atomic_load_explicit(&l->tx->held, memory_order_relaxed) &&
		atomic_load_explicit(&l->tx->tail, memory_order_acquire) < qp->tx_pos);
}

static void ack_timeout(struct sf_timer *t)
{
	struct sf_qp *qp = sf_container(t, struct sf_qp, ack_timer);

	if (!outstanding(qp) || qp->rnr_wait)
		return;
	if (qp->progress || unread(qp) || fab.stalled) {
		qp->progress = false;
		timer_set(t, ack_interval(qp));
		return;
	}
	qp->cnt.timeouts++;
	if (!qp->retry_left) {
		fail(qp, IBV_WC_RETRY_EXC_ERR);
		return;
	}
	qp->retry_left--;
	if (!qp->link)
		qp->link = link_get(qp->attr.dest_qp_num >> SF_QPN_BITS);
	rewind_sq(qp);
	qp_mark_ready(qp);
	timer_set(t, ack_interval(qp));
}

static void rnr_over(struct sf_timer *t)
{
	struct sf_qp *qp = sf_container(t, struct sf_qp, rnr_timer);

	qp->rnr_wait = false;
	qp_mark_ready(qp);
}

void req_init(struct sf_qp *qp)
{
	list_init(&qp->ack_timer.node);
	list_init(&qp->rnr_timer.node);
	qp->ack_timer.fire = ack_timeout;
	qp->rnr_timer.fire = rnr_over;
}

void req_start(struct sf_qp *qp)
{
	qp->retry_left = qp->attr.retry_cnt;
	qp->rnr_left = qp->attr.rnr_retry;
}

void req_link_dead(struct sf_qp *qp)
{
	if (!qp->ack_timer.active)
		return;
	qp->progress = false;
	timer_set(&qp->ack_timer, ack_interval(qp));
}

/* ---- sending ---- */
static unsigned int local_need(const struct sf_qp *qp, const struct sf_swqe *w)
{
	if (w->opcode != IBV_WR_RDMA_READ)
		return 0;
	/* RFC 5040: the sink of an RDMA READ is tagged, the responder writes to it */
	return IBV_ACCESS_LOCAL_WRITE |
	       (qp->ctx->dev->prof->iwarp ? (unsigned int)IBV_ACCESS_REMOTE_WRITE : 0);
}

static enum ibv_wc_status local_check(const struct sf_qp *qp, const struct sf_swqe *w)
{
	unsigned int need = local_need(qp, w);

	if (w->total > SF_MAX_MSG)
		return IBV_WC_LOC_LEN_ERR;
	if (w->opcode == IBV_WR_RDMA_READ && !qp->attr.max_rd_atomic)
		return IBV_WC_LOC_QP_OP_ERR;
	if (w->flags & IBV_SEND_INLINE)
		return IBV_WC_SUCCESS;
	for (int i = 0; i < w->num_sge; i++) {
		const struct ibv_sge *s = &w->sge[i];

		if (s->length && !mr_lkey(pd_of(qp), s->lkey, s->addr, s->length, need))
			return IBV_WC_LOC_PROT_ERR;
	}
	return IBV_WC_SUCCESS;
}

/* May the message at nxt start now. */
static bool may_start(const struct sf_qp *qp, const struct sf_swqe *w)
{
	if (qp->v.state != IBV_QPS_RTS)
		return false;
	if ((w->flags & IBV_SEND_FENCE) && qp->rd_out)
		return false;
	return w->opcode != IBV_WR_RDMA_READ || !qp->attr.max_rd_atomic ||
	       qp->rd_out < qp->attr.max_rd_atomic;
}

static bool gather(const struct sf_qp *qp, const struct sf_swqe *w, uint32_t off, uint8_t *to,
		   uint32_t len)
{
	if (w->flags & IBV_SEND_INLINE) {
		memcpy(to, w->inl + off, len);
		return true;
	}
	for (int i = 0; i < w->num_sge && len; i++) {
		const struct ibv_sge *s = &w->sge[i];
		const struct sf_mr *mr;
		uint32_t n;

		if (off >= s->length) {
			off -= s->length;
			continue;
		}
		n = s->length - off < len ? s->length - off : len;
		mr = mr_lkey(pd_of(qp), s->lkey, s->addr + off, n, 0);
		if (!mr)
			return false;
		memcpy(to, mr_ptr(mr, s->addr + off), n);
		to += n;
		len -= n;
		off = 0;
	}
	return true;
}

static void fill(const struct sf_qp *qp, const struct sf_swqe *w, struct sf_pkt *p)
{
	bool last = qp->nxt_off + p->len == w->total;

	p->dst_qpn = qp->attr.dest_qp_num;
	p->src_qpn = qp->v.qp_num;
	p->psn = psn_of(qp, qp->sq_nxt);
	p->total = w->total;
	p->off = qp->nxt_off;
	p->raddr = w->raddr;
	p->rkey = w->rkey;
	p->imm = w->imm;
	if (w->opcode == IBV_WR_SEND_WITH_IMM || w->opcode == IBV_WR_RDMA_WRITE_WITH_IMM)
		p->flags |= SF_F_IMM;
	if (w->flags & IBV_SEND_SOLICITED)
		p->flags |= SF_F_SOLICITED;
	if (last && w->ackreq)
		p->flags |= SF_F_ACKREQ;
}

enum sent {
	SENT,
	SENT_ALL,
	RING_FULL,
	BAD_KEY
};

static enum sent send_fragment(struct sf_qp *qp, const struct sf_swqe *w)
{
	bool read = w->opcode == IBV_WR_RDMA_READ;
	uint32_t len = read ? 0 : w->total - qp->nxt_off;
	enum sf_pkt_type type = read ? SF_PKT_READ
				: w->opcode == IBV_WR_SEND || w->opcode == IBV_WR_SEND_WITH_IMM
					? SF_PKT_SEND
					: SF_PKT_WRITE;
	struct sf_pkt *p;

	if (len > SF_FRAG)
		len = SF_FRAG;
	p = wire_open(qp->link, (uint8_t)type, len);
	if (!p)
		return RING_FULL;
	fill(qp, w, p);
	if (len && !gather(qp, w, qp->nxt_off, (uint8_t *)(p + 1), len))
		return BAD_KEY;
	if (!dev_silent(qp->ctx->dev))
		wire_commit(qp->link, p);
	qp->cnt.tx_packets++;
	qp->cnt.tx_bytes += len;
	qp->nxt_off += len;
	return read || qp->nxt_off == w->total ? SENT_ALL : SENT;
}

static void drained(struct sf_qp *qp)
{
	if (qp->v.state != IBV_QPS_SQD || qp->sq_drained_told || outstanding(qp))
		return;
	qp->sq_drained_told = true;
	if (qp->attr.en_sqd_async_notify)
		async_raise(qp->ctx, IBV_EVENT_SQ_DRAINED, &qp->v);
}

/* A local error counts when everything before it is done. */
static void stopped(struct sf_qp *qp)
{
	if (qp->sq_stop && qp->sq_una == qp->sq_nxt)
		fail(qp, wqe_at(qp, qp->sq_nxt)->status);
}

static enum sent send_message(struct sf_qp *qp, struct sf_swqe *w)
{
	enum sent s = SENT;

	if (!qp->nxt_off) {
		w->status = local_check(qp, w);
		if (w->status != IBV_WC_SUCCESS)
			return BAD_KEY;
	}
	while (s == SENT)
		s = send_fragment(qp, w);
	if (s == BAD_KEY)
		w->status = IBV_WC_LOC_PROT_ERR;
	return s;
}

/* Send what may be sent.  false: the ring is full. */
bool req_transmit(struct sf_qp *qp)
{
	bool was_idle = !outstanding(qp);
	enum sent s = SENT_ALL;

	if (qp->v.state != IBV_QPS_RTS && qp->v.state != IBV_QPS_SQD)
		return true;
	while (s == SENT_ALL && qp->sq_nxt != qp->sq_head && !qp->rnr_wait && !qp->sq_stop) {
		struct sf_swqe *w = wqe_at(qp, qp->sq_nxt);

		if (!qp->nxt_off && !may_start(qp, w))
			break;
		s = send_message(qp, w);
		if (s == SENT_ALL) {
			qp->sq_nxt++;
			qp->nxt_off = 0;
			qp->rd_out += w->opcode == IBV_WR_RDMA_READ;
		}
	}
	if (s == BAD_KEY) {
		qp->sq_stop = true;
		qp->nxt_off = 0;
	}
	stopped(qp);
	watch(qp, was_idle);
	drained(qp);
	return s != RING_FULL;
}

/* ---- answers ---- */
static void progressed(struct sf_qp *qp)
{
	qp->progress = true;
	qp->retry_left = qp->attr.retry_cnt;
	qp->rnr_left = qp->attr.rnr_retry;
	if (qp->sq_nxt != qp->sq_head || qp->sq_stop || qp->v.state == IBV_QPS_SQD)
		qp_mark_ready(qp);
}

/* Complete up to entry @end, which an answer acknowledges; stops at a READ. */
static void acknowledge(struct sf_qp *qp, uint32_t end)
{
	bool any = false;

	while (qp->sq_una != end && wqe_at(qp, qp->sq_una)->opcode != IBV_WR_RDMA_READ) {
		complete(qp, IBV_WC_SUCCESS);
		any = true;
	}
	if (any)
		progressed(qp);
}

/* The entry a PSN speaks of, if it was sent and is not finished. */
static bool entry_of(const struct sf_qp *qp, uint32_t psn, uint32_t *entry)
{
	uint32_t n = psn_diff(psn, psn_of(qp, qp->sq_una));

	*entry = qp->sq_una + n;
	return n < qp->sq_nxt - qp->sq_una + (qp->nxt_off != 0);
}

void req_ack(struct sf_qp *qp, const struct sf_pkt *p)
{
	uint32_t i;

	if (qp->v.state >= IBV_QPS_RTS && entry_of(qp, p->psn, &i) && i != qp->sq_nxt)
		acknowledge(qp, i + 1);
}

static void rnr_nak(struct sf_qp *qp, const struct sf_pkt *p)
{
	qp->cnt.rnr_nak_rcvd++;
	if (qp->attr.rnr_retry != 7) {
		if (!qp->rnr_left) {
			fail(qp, IBV_WC_RNR_RETRY_EXC_ERR);
			return;
		}
		qp->rnr_left--;
	}
	rewind_sq(qp);
	qp->rnr_wait = true;
	timer_set(&qp->rnr_timer, (uint64_t)rnr_table[p->rnr_timer & 31] * 10000u);
}

static void seq_nak(struct sf_qp *qp)
{
	qp->cnt.seq_nak_rcvd++;
	if (!qp->retry_left) {
		fail(qp, IBV_WC_RETRY_EXC_ERR);
		return;
	}
	qp->retry_left--;
	rewind_sq(qp);
	qp_mark_ready(qp);
}

void req_nak(struct sf_qp *qp, const struct sf_pkt *p)
{
	uint32_t i;

	if (qp->v.state < IBV_QPS_RTS || !entry_of(qp, p->psn, &i) || qp->rnr_wait)
		return;
	acknowledge(qp, i);
	if (qp->sq_una != i && p->nak != SF_NAK_RNR && p->nak != SF_NAK_SEQ)
		return; /* an unanswered READ comes first: its timer will tell */
	switch ((enum sf_nak)p->nak) {
	case SF_NAK_RNR:
		rnr_nak(qp, p);
		break;
	case SF_NAK_SEQ:
		seq_nak(qp);
		break;
	case SF_NAK_INV_REQ:
		fail(qp, IBV_WC_REM_INV_REQ_ERR);
		break;
	case SF_NAK_ACCESS:
		fail(qp, IBV_WC_REM_ACCESS_ERR);
		break;
	case SF_NAK_OP:
		fail(qp, IBV_WC_REM_OP_ERR);
		break;
	}
}

/* Responses come in order; each one acknowledges what was sent before its READ. */
void req_read_resp(struct sf_qp *qp, const struct sf_pkt *p, const uint8_t *data)
{
	struct sf_swqe *w;
	uint32_t i;

	if (qp->v.state < IBV_QPS_RTS || !entry_of(qp, p->psn, &i) || i == qp->sq_nxt)
		return;
	acknowledge(qp, i);
	w = wqe_at(qp, i);
	if (qp->sq_una != i || w->opcode != IBV_WR_RDMA_READ || p->off != qp->rd_off)
		return;
	if (!sge_copy_in(pd_of(qp), w->sge, w->num_sge, p->off, data, p->len)) {
		fail(qp, IBV_WC_LOC_PROT_ERR);
		return;
	}
	qp->progress = true;
	qp->rd_off += p->len;
	if (qp->rd_off != w->total)
		return;
	qp->rd_off = 0;
	qp->rd_out--;
	complete(qp, IBV_WC_SUCCESS);
	progressed(qp);
}
