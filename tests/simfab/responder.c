/*
 * The responder half of an RC queue pair: takes requests in PSN order, refuses what
 * it must, acknowledges (IBA 9.7.5).
 *
 * Knows: receives, rkeys, QP access flags, READ resources.
 * Does not know: who sent a request, beyond its QPN.
 */
#include "fault.h"

#include <string.h>

#define POISON 0x7f

static const struct sf_pd *pd_of(const struct sf_qp *qp)
{
	return sf_container(qp->v.pd, struct sf_pd, v);
}

/* Receives of an SRQ are checked against its PD (IBA 10.2.9.1). */
static const struct sf_pd *recv_pd_of(const struct sf_qp *qp)
{
	return sf_container(qp->v.srq ? qp->v.srq->pd : qp->v.pd, struct sf_pd, v);
}

static struct sf_srq *srq_of(const struct sf_qp *qp)
{
	return qp->v.srq ? sf_container(qp->v.srq, struct sf_srq, v) : NULL;
}

/* Scatter @len bytes at offset @off of a list; false if a key does not allow it. */
bool sge_copy_in(const struct sf_pd *pd, const struct ibv_sge *sge, int n, uint32_t off,
		 const uint8_t *from, uint32_t len)
{
	for (int i = 0; i < n && len; i++) {
		const struct ibv_sge *s = &sge[i];
		const struct sf_mr *mr;
		uint32_t k;

		if (off >= s->length) {
			off -= s->length;
			continue;
		}
		k = s->length - off < len ? s->length - off : len;
		mr = mr_lkey(pd, s->lkey, s->addr + off, k, IBV_ACCESS_LOCAL_WRITE);
		if (!mr)
			return false;
		memcpy(mr_ptr(mr, s->addr + off), from, k);
		from += k;
		len -= k;
		off = 0;
	}
	return true;
}

static uint64_t sge_length(const struct sf_rwqe *w)
{
	uint64_t len = 0;

	for (int i = 0; i < w->num_sge; i++)
		len += w->sge[i].length;
	return len;
}

/* ---- completion ---- */
void qp_complete_recv(struct sf_qp *qp, enum ibv_wc_status status, struct ibv_wc *wc,
		      bool solicited)
{
	struct sf_cqe c = { .qp = qp, .srq = srq_of(qp) };

	if (status == IBV_WC_SUCCESS) {
		fault_completed(qp, FK_RQ);
		c.wc = *wc;
	} else {
		c.wc.opcode = (enum ibv_wc_opcode)POISON;
		c.wc.vendor_err = POISON;
	}
	c.wc.wr_id = qp->rx_wqe.wr_id;
	c.wc.status = status;
	c.wc.qp_num = qp->v.qp_num;
	c.wc.src_qp = qp->attr.dest_qp_num;
	qp->rx_busy = false;
	if (!cq_add(sf_container(qp->v.recv_cq, struct sf_cq, v), &c,
		    solicited || status != IBV_WC_SUCCESS))
		qp->fatal = true;
}

void resp_flush(struct sf_qp *qp)
{
	if (qp->unflushed)
		return;
	if (qp->rx_busy)
		qp_complete_recv(qp, IBV_WC_WR_FLUSH_ERR, NULL, false);
	while (!qp->v.srq && rq_take(&qp->rq, &qp->rx_wqe))
		qp_complete_recv(qp, IBV_WC_WR_FLUSH_ERR, NULL, false);
	qp->rx_off = 0;
	if (!qp->nak_due)
		qp->rd_head = qp->rd_tail;
}

static bool take_receive(struct sf_qp *qp)
{
	struct sf_srq *srq = srq_of(qp);

	if (!qp->rx_busy)
		qp->rx_busy = srq ? srq_take(srq, &qp->rx_wqe) : rq_take(&qp->rq, &qp->rx_wqe);
	return qp->rx_busy;
}

/* ---- refusals ---- */
static void send_nak(struct sf_qp *qp, enum sf_nak code, uint32_t psn)
{
	qp->nak = (struct sf_pkt){ .nak = (uint8_t)code,
				   .psn = psn,
				   .rnr_timer = qp->attr.min_rnr_timer };
	qp->nak_due = true;
	qp_mark_ready(qp);
}

/* A fault of the request: the QP breaks, the requester learns why. */
static void refuse(struct sf_qp *qp, enum sf_nak code, uint32_t psn)
{
	qp->cnt.access_errors += code == SF_NAK_ACCESS;
	send_nak(qp, code, psn);
	async_raise(qp->ctx, code == SF_NAK_ACCESS ? IBV_EVENT_QP_ACCESS_ERR : IBV_EVENT_QP_REQ_ERR,
		    &qp->v);
	qp_enter_error(qp);
}

/* A fault of the receive: it completes in error and the QP breaks. */
static void receive_fault(struct sf_qp *qp, enum ibv_wc_status status, enum sf_nak code,
			  uint32_t psn)
{
	send_nak(qp, code, psn);
	qp_complete_recv(qp, status, NULL, true);
	qp_enter_error(qp);
}

static void not_ready(struct sf_qp *qp, uint32_t psn)
{
	qp->cnt.rnr_nak_sent++;
	qp->rx_rnr = true;
	qp->rx_off = 0;
	send_nak(qp, SF_NAK_RNR, psn);
}

/* ---- requests ---- */
static void executed(struct sf_qp *qp, const struct sf_pkt *p)
{
	qp->rx_off = 0;
	qp->rx_psn = (qp->rx_psn + 1) & SF_PSN_MASK;
	if (p->flags & SF_F_ACKREQ) {
		qp->ack_due = true;
		qp->ack_psn = p->psn;
		qp_mark_ready(qp);
	}
}

static void received(struct sf_qp *qp, const struct sf_pkt *p, enum ibv_wc_opcode op)
{
	struct ibv_wc wc = { .opcode = op, .byte_len = p->total };

	if (p->flags & SF_F_IMM) {
		wc.wc_flags = IBV_WC_WITH_IMM;
		wc.imm_data = p->imm;
	}
	qp_complete_recv(qp, IBV_WC_SUCCESS, &wc, p->flags & SF_F_SOLICITED);
}

static void do_send(struct sf_qp *qp, const struct sf_pkt *p, const uint8_t *data)
{
	if (!p->off) {
		if (!take_receive(qp)) {
			not_ready(qp, p->psn);
			return;
		}
		if (p->total > sge_length(&qp->rx_wqe)) {
			receive_fault(qp, IBV_WC_LOC_LEN_ERR, SF_NAK_INV_REQ, p->psn);
			return;
		}
	}
	if (!sge_copy_in(recv_pd_of(qp), qp->rx_wqe.sge, qp->rx_wqe.num_sge, p->off, data,
			 p->len)) {
		receive_fault(qp, IBV_WC_LOC_PROT_ERR, SF_NAK_OP, p->psn);
		return;
	}
	qp->rx_off += p->len;
	if (qp->rx_off != p->total)
		return;
	received(qp, p, IBV_WC_RECV);
	executed(qp, p);
}

static void do_write(struct sf_qp *qp, const struct sf_pkt *p, const uint8_t *data)
{
	const struct sf_mr *mr = NULL;

	if (!(qp->attr.qp_access_flags & IBV_ACCESS_REMOTE_WRITE)) {
		refuse(qp, SF_NAK_INV_REQ, p->psn);
		return;
	}
	if (p->total) { /* IBA 9.7.5.1.4: nothing to check on a write of nothing */
		mr = mr_rkey(pd_of(qp), p->rkey, p->raddr, p->total, IBV_ACCESS_REMOTE_WRITE);
		if (!mr) {
			refuse(qp, SF_NAK_ACCESS, p->psn);
			return;
		}
	}
	if (p->len)
		memcpy(mr_ptr(mr, p->raddr + p->off), data, p->len);
	qp->rx_off += p->len;
	if (qp->rx_off != p->total)
		return;
	if (p->flags & SF_F_IMM) {
		if (!take_receive(qp)) {
			not_ready(qp, p->psn);
			return;
		}
		received(qp, p, IBV_WC_RECV_RDMA_WITH_IMM);
	}
	executed(qp, p);
}

static bool queue_read(struct sf_qp *qp, const struct sf_pkt *p)
{
	uint32_t max = (uint32_t)qp->ctx->dev->prof->rd_atom;

	if (qp->rd_head - qp->rd_tail >= qp->attr.max_dest_rd_atomic)
		return false;
	qp->reads[qp->rd_head++ % max] = (struct sf_read){
		.psn = p->psn,
		.rkey = p->rkey,
		.len = p->total,
		.raddr = p->raddr,
	};
	qp_mark_ready(qp);
	return true;
}

static void do_read(struct sf_qp *qp, const struct sf_pkt *p)
{
	if (!(qp->attr.qp_access_flags & IBV_ACCESS_REMOTE_READ)) {
		refuse(qp, SF_NAK_INV_REQ, p->psn);
		return;
	}
	if (p->total && !mr_rkey(pd_of(qp), p->rkey, p->raddr, p->total, IBV_ACCESS_REMOTE_READ)) {
		refuse(qp, SF_NAK_ACCESS, p->psn);
		return;
	}
	if (!queue_read(qp, p)) { /* IBA 9.7.4.1.2: more READs than agreed */
		refuse(qp, SF_NAK_INV_REQ, p->psn);
		return;
	}
	qp->rx_psn = (qp->rx_psn + 1) & SF_PSN_MASK;
}

/* Seen before: READs are answered again, of the rest only the end is told. */
static void duplicate(struct sf_qp *qp, const struct sf_pkt *p)
{
	qp->cnt.duplicates++;
	if (p->type == SF_PKT_READ) {
		queue_read(qp, p);
	} else if (p->flags & SF_F_ACKREQ) {
		qp->ack_due = true;
		qp->ack_psn = (qp->rx_psn - 1) & SF_PSN_MASK;
		qp_mark_ready(qp);
	}
}

static void gap(struct sf_qp *qp)
{
	if (qp->rx_gap || qp->rx_rnr)
		return;
	qp->rx_gap = true;
	qp->cnt.seq_nak_sent++;
	send_nak(qp, SF_NAK_SEQ, qp->rx_psn);
}

/* Is it the packet that must come next; a message may start again from its beginning. */
static bool in_sequence(struct sf_qp *qp, const struct sf_pkt *p)
{
	uint32_t ahead = psn_diff(p->psn, qp->rx_psn);

	if (ahead > SF_PSN_MASK / 2) {
		duplicate(qp, p);
		return false;
	}
	if (ahead || (p->off && p->off != qp->rx_off)) {
		gap(qp);
		return false;
	}
	if (!p->off) {
		qp->rx_off = 0;
		qp->rx_gap = qp->rx_rnr = false;
	}
	return true;
}

void resp_request(struct sf_qp *qp, const struct sf_pkt *p, const uint8_t *data)
{
	if (!in_sequence(qp, p))
		return;
	if (qp->v.state == IBV_QPS_RTR && !qp->comm_est) {
		qp->comm_est = true;
		async_raise(qp->ctx, IBV_EVENT_COMM_EST, &qp->v);
	}
	if (p->type == SF_PKT_SEND)
		do_send(qp, p, data);
	else if (p->type == SF_PKT_WRITE)
		do_write(qp, p, data);
	else
		do_read(qp, p);
}

/* ---- answers ---- */
static bool answer(struct sf_qp *qp, enum sf_pkt_type type, const struct sf_pkt *what)
{
	struct sf_pkt *p = wire_open(qp->link, (uint8_t)type, 0);

	if (!p)
		return false;
	p->dst_qpn = qp->attr.dest_qp_num;
	p->src_qpn = qp->v.qp_num;
	p->psn = what->psn;
	p->nak = what->nak;
	p->rnr_timer = what->rnr_timer;
	if (!dev_silent(qp->ctx->dev))
		wire_commit(qp->link, p);
	qp->cnt.tx_packets++;
	return true;
}

/* One fragment of the oldest READ.  false: the ring is full. */
static bool send_response(struct sf_qp *qp)
{
	struct sf_read *r = &qp->reads[qp->rd_tail % (uint32_t)qp->ctx->dev->prof->rd_atom];
	uint32_t len = r->len - r->off < SF_FRAG ? r->len - r->off : SF_FRAG;
	const struct sf_mr *mr = NULL;
	struct sf_pkt *p;

	if (len) {
		mr = mr_rkey(pd_of(qp), r->rkey, r->raddr + r->off, len, IBV_ACCESS_REMOTE_READ);
		if (!mr) { /* deregistered meanwhile */
			qp->rd_tail = qp->rd_head;
			refuse(qp, SF_NAK_ACCESS, r->psn);
			return true;
		}
	}
	p = wire_open(qp->link, SF_PKT_READ_RESP, len);
	if (!p)
		return false;
	p->dst_qpn = qp->attr.dest_qp_num;
	p->src_qpn = qp->v.qp_num;
	p->psn = r->psn;
	p->off = r->off;
	p->total = r->len;
	if (mr)
		memcpy(p + 1, mr_ptr(mr, r->raddr + r->off), len);
	if (!dev_silent(qp->ctx->dev))
		wire_commit(qp->link, p);
	qp->cnt.tx_packets++;
	qp->cnt.tx_bytes += len;
	r->off += len;
	if (r->off == r->len)
		qp->rd_tail++;
	return true;
}

/* READ responses first: an acknowledgement behind them would overtake them. */
bool resp_transmit(struct sf_qp *qp)
{
	struct sf_pkt ack = { .psn = qp->ack_psn };

	while (qp->rd_head != qp->rd_tail)
		if (!send_response(qp))
			return false;
	if (qp->ack_due) {
		if (!answer(qp, SF_PKT_ACK, &ack))
			return false;
		qp->ack_due = false;
	}
	if (qp->nak_due) {
		if (!answer(qp, SF_PKT_NAK, &qp->nak))
			return false;
		qp->nak_due = false;
	}
	return true;
}
