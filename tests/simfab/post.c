/*
 * Posting work requests: what is refused at once, and where accepted ones queue.
 *
 * Knows: queue depth, SGE and inline limits, the states that take a post.
 * Does not know: execution; bad keys are found only there, as on hardware.
 */
#include "fault.h"

#include <errno.h>
#include <string.h>

static bool opcode_ok(const struct sf_qp *qp, enum ibv_wr_opcode op)
{
	if (op == IBV_WR_SEND_WITH_IMM || op == IBV_WR_RDMA_WRITE_WITH_IMM)
		return !qp->ctx->dev->prof->iwarp;
	return op == IBV_WR_SEND || op == IBV_WR_RDMA_WRITE || op == IBV_WR_RDMA_READ;
}

static int send_check(const struct sf_qp *qp, const struct ibv_send_wr *wr)
{
	uint64_t len = 0;

	if (!opcode_ok(qp, wr->opcode))
		return EINVAL;
	if (wr->num_sge < 0 || (uint32_t)wr->num_sge > qp->init.cap.max_send_sge)
		return EINVAL;
	if (wr->opcode == IBV_WR_RDMA_READ) {
		if (wr->send_flags & IBV_SEND_INLINE)
			return EINVAL;
		if (wr->num_sge > qp->ctx->dev->prof->max_sge_rd)
			return EINVAL;
	}
	for (int i = 0; i < wr->num_sge; i++)
		len += wr->sg_list[i].length;
	if ((wr->send_flags & IBV_SEND_INLINE) && len > qp->init.cap.max_inline_data)
		return EINVAL;
	if (qp->sq_head - atomic_load_explicit(&qp->sq_freed, memory_order_acquire) >=
	    qp->init.cap.max_send_wr)
		return ENOMEM;
	return 0;
}

static void copy_inline(struct sf_swqe *w, const struct ibv_send_wr *wr)
{
	uint32_t off = 0;

	for (int i = 0; i < wr->num_sge; i++) {
		memcpy(w->inl + off, (const void *)(uintptr_t)wr->sg_list[i].addr,
		       wr->sg_list[i].length);
		off += wr->sg_list[i].length;
	}
}

static void enqueue(struct sf_qp *qp, const struct ibv_send_wr *wr)
{
	struct sf_swqe *w = &qp->sq[qp->sq_head & qp->sq_mask];
	uint64_t len = 0;

	w->wr_id = wr->wr_id;
	w->opcode = wr->opcode;
	w->flags = wr->send_flags | (qp->init.sq_sig_all ? (unsigned int)IBV_SEND_SIGNALED : 0);
	w->imm = wr->imm_data;
	w->raddr = wr->wr.rdma.remote_addr;
	w->rkey = wr->wr.rdma.rkey;
	w->num_sge = wr->num_sge;
	w->status = IBV_WC_SUCCESS;
	w->ackreq = (w->flags & IBV_SEND_SIGNALED) || !wr->next;
	for (int i = 0; i < wr->num_sge; i++) {
		w->sge[i] = wr->sg_list[i];
		len += wr->sg_list[i].length;
	}
	w->total = len > SF_MAX_MSG ? UINT32_MAX : (uint32_t)len;
	if ((w->flags & IBV_SEND_INLINE) && len)
		copy_inline(w, wr);
	qp->sq_head++;
}

int post_send(struct ibv_qp *v, struct ibv_send_wr *wr, struct ibv_send_wr **bad)
{
	struct sf_qp *qp = sf_container(v, struct sf_qp, v);
	int rc = 0;

	fab_lock();
	for (; wr; wr = wr->next) {
		rc = v->state < IBV_QPS_RTS ? EINVAL : send_check(qp, wr);
		if (!rc)
			rc = fault_fails_post(FK_SQ, qp);
		if (rc) {
			*bad = wr;
			break;
		}
		enqueue(qp, wr);
	}
	if (v->state == IBV_QPS_ERR)
		req_flush(qp);
	else if (step_on() || !qp_service(qp))
		qp_mark_ready(qp);
	fab_unlock();
	return rc;
}

int post_recv(struct ibv_qp *v, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad)
{
	struct sf_qp *qp = sf_container(v, struct sf_qp, v);
	int rc = 0;

	fab_lock();
	for (; wr; wr = wr->next) {
		rc = fault_fails_post(FK_RQ, qp);
		if (!rc)
			rc = v->srq || v->state == IBV_QPS_RESET ? EINVAL : rq_post(&qp->rq, wr);
		if (rc) {
			*bad = wr;
			break;
		}
	}
	if (v->state == IBV_QPS_ERR)
		resp_flush(qp);
	fab_unlock();
	return rc;
}
