/*
 * Queue pairs of RDMA/CM ids: made on an id, or made elsewhere and told to it.
 *
 * Knows: the attributes the kernel's CM gives for each state.
 * Does not know: when a connection forms.
 */
#include "cm.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

/* 4.096 us * 2^19 = 2.1 s: packet life time of RoCE (18) plus the CA's delay. */
#define ROCE_ACK_TIMEOUT 19

static bool connecting(const struct cm_id *id)
{
	return id->state >= CM_REQ_SENT && id->state <= CM_ESTABLISHED;
}

static void init_attr(const struct cm_id *id, struct ibv_qp_attr *a, int *mask)
{
	*mask = IBV_QP_STATE | IBV_QP_ACCESS_FLAGS | IBV_QP_PKEY_INDEX | IBV_QP_PORT;
	a->pkey_index = (uint16_t)dev_pkey_index(ntohs(id->v.route.addr.addr.ibaddr.pkey));
	a->port_num = id->v.port_num;
	a->qp_access_flags = 0;
	if (!connecting(id) && !cm_iwarp(id))
		return;
	a->qp_access_flags = IBV_ACCESS_REMOTE_WRITE;
	if (id->responder_resources || cm_iwarp(id))
		a->qp_access_flags |= IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_ATOMIC;
}

static void rtr_attr(const struct cm_id *id, struct ibv_qp_attr *a, int *mask)
{
	*mask = IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN |
		IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER;
	memset(&a->ah_attr, 0, sizeof(a->ah_attr));
	a->ah_attr.is_global = !cm_ib(id);
	a->ah_attr.dlid = cm_ib(id) ? gid_lid(&id->v.route.addr.addr.ibaddr.dgid) : 0;
	a->ah_attr.port_num = id->v.port_num;
	a->ah_attr.grh.dgid = id->v.route.addr.addr.ibaddr.dgid;
	a->ah_attr.grh.sgid_index = cm_iwarp(id) || cm_ib(id) ? 0 : 3;
	a->ah_attr.grh.hop_limit = 64;
	a->path_mtu = cm_iwarp(id) ? IBV_MTU_1024 : IBV_MTU_4096;
	a->dest_qp_num = id->remote_qpn;
	a->rq_psn = id->remote_psn;
	a->max_dest_rd_atomic = id->responder_resources;
	a->min_rnr_timer = 0;
	if (cm_ib(id))
		*mask |= CM_ROCE_ATTR_MASK;
}

static void rts_attr(const struct cm_id *id, struct ibv_qp_attr *a, int *mask)
{
	*mask = IBV_QP_STATE | IBV_QP_SQ_PSN | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT |
		IBV_QP_RNR_RETRY | IBV_QP_MAX_QP_RD_ATOMIC;
	a->sq_psn = id->psn;
	a->timeout = id->ack_timeout ? id->ack_timeout : ROCE_ACK_TIMEOUT;
	a->retry_cnt = id->retry_count;
	a->rnr_retry = id->rnr_retry_count;
	a->max_rd_atomic = id->initiator_depth;
}

static int state_attr(const struct cm_id *id, struct ibv_qp_attr *a, int *mask)
{
	if (!id->v.verbs)
		return EINVAL;
	if (a->qp_state == IBV_QPS_INIT) {
		init_attr(id, a, mask);
		return 0;
	}
	if (!connecting(id) || id->state == CM_REQ_SENT)
		return EINVAL;
	if (a->qp_state == IBV_QPS_RTR)
		rtr_attr(id, a, mask);
	else if (a->qp_state == IBV_QPS_RTS)
		rts_attr(id, a, mask);
	else
		return EINVAL;
	return 0;
}

SF_EXPORT int rdma_init_qp_attr(struct rdma_cm_id *v, struct ibv_qp_attr *attr, int *mask)
{
	struct ibv_qp_attr a = { .qp_state = attr->qp_state };
	int rc;

	fab_lock();
	rc = state_attr(cm_of(v), &a, mask);
	fab_unlock();
	if (rc)
		return cm_err(rc);
	*attr = a;
	return 0;
}

static int modify(struct cm_id *id, enum ibv_qp_state state)
{
	struct ibv_qp_attr a = { .qp_state = state };
	int mask, rc;

	if (rdma_init_qp_attr(&id->v, &a, &mask))
		return -1;
	rc = ibv_modify_qp(id->v.qp, &a, mask & ~CM_ROCE_ATTR_MASK);
	return rc ? cm_err(rc) : 0;
}

int cm_qp_rtr(struct cm_id *id)
{
	if (!id->v.qp)
		return 0;
	return modify(id, IBV_QPS_INIT) || modify(id, IBV_QPS_RTR) ? -1 : 0;
}

int cm_qp_rts(struct cm_id *id)
{
	return id->v.qp ? modify(id, IBV_QPS_RTS) : 0;
}

int cm_qp_err(struct cm_id *id)
{
	struct ibv_qp_attr a = { .qp_state = IBV_QPS_ERR };
	int rc = id->v.qp ? ibv_modify_qp(id->v.qp, &a, IBV_QP_STATE) : 0;

	return rc ? cm_err(rc) : 0;
}

/* ---- creation ---- */
static void destroy_cqs(struct rdma_cm_id *v)
{
	if (v->recv_cq && v->recv_cq != v->send_cq)
		ibv_destroy_cq(v->recv_cq);
	if (v->send_cq)
		ibv_destroy_cq(v->send_cq);
	if (v->recv_cq_channel && v->recv_cq_channel != v->send_cq_channel)
		ibv_destroy_comp_channel(v->recv_cq_channel);
	if (v->send_cq_channel)
		ibv_destroy_comp_channel(v->send_cq_channel);
	v->recv_cq = v->send_cq = NULL;
	v->recv_cq_channel = v->send_cq_channel = NULL;
}

static int make_cq(struct rdma_cm_id *v, uint32_t size, struct ibv_comp_channel **ch,
		   struct ibv_cq **cq)
{
	if (!size || *cq)
		return 0;
	*ch = ibv_create_comp_channel(v->verbs);
	if (!*ch)
		return -1;
	*cq = ibv_create_cq(v->verbs, (int)size, v, *ch, 0);
	return *cq ? 0 : -1;
}

/* Without CQs of the caller the id brings its own. */
static int fill_cqs(struct rdma_cm_id *v, struct ibv_qp_init_attr *a)
{
	if ((v->recv_cq && a->recv_cq && v->recv_cq != a->recv_cq) ||
	    (v->send_cq && a->send_cq && v->send_cq != a->send_cq))
		return cm_err(EINVAL);
	if ((!a->recv_cq && make_cq(v, a->cap.max_recv_wr, &v->recv_cq_channel, &v->recv_cq)) ||
	    (!a->send_cq && make_cq(v, a->cap.max_send_wr, &v->send_cq_channel, &v->send_cq))) {
		destroy_cqs(v);
		return -1;
	}
	if (!a->recv_cq)
		a->recv_cq = v->recv_cq;
	if (!a->send_cq)
		a->send_cq = v->send_cq;
	if (v->srq && !a->srq)
		a->srq = v->srq;
	return 0;
}

static int to_init(struct rdma_cm_id *v, struct ibv_qp *qp)
{
	struct ibv_qp_attr a = { .qp_state = IBV_QPS_INIT };
	int mask, rc;

	if (rdma_init_qp_attr(v, &a, &mask))
		return -1;
	rc = ibv_modify_qp(qp, &a, mask);
	return rc ? cm_err(rc) : 0;
}

SF_EXPORT int rdma_create_qp(struct rdma_cm_id *v, struct ibv_pd *pd, struct ibv_qp_init_attr *a)
{
	struct ibv_qp *qp;

	if (v->qp || !v->verbs)
		return cm_err(EINVAL);
	if (!pd)
		pd = v->pd;
	else if (pd->context != v->verbs)
		return cm_err(EINVAL);
	if (fill_cqs(v, a))
		return -1;
	qp = ibv_create_qp(pd, a);
	if (!qp || to_init(v, qp)) {
		if (qp)
			ibv_destroy_qp(qp);
		destroy_cqs(v);
		return -1;
	}
	v->pd = pd;
	v->qp = qp;
	return 0;
}

SF_EXPORT int rdma_create_qp_ex(struct rdma_cm_id *v, struct ibv_qp_init_attr_ex *ex)
{
	struct ibv_pd *pd = ex->comp_mask & IBV_QP_INIT_ATTR_PD ? ex->pd : NULL;

	if (ex->comp_mask & ~(uint32_t)IBV_QP_INIT_ATTR_PD)
		return cm_err(EOPNOTSUPP);
	/* the plain attributes are the head of the extended ones */
	return rdma_create_qp(v, pd, (struct ibv_qp_init_attr *)(void *)ex);
}

SF_EXPORT void rdma_destroy_qp(struct rdma_cm_id *v)
{
	ibv_destroy_qp(v->qp);
	v->qp = NULL;
	destroy_cqs(v);
}

SF_EXPORT int rdma_create_srq(struct rdma_cm_id *v, struct ibv_pd *pd, struct ibv_srq_init_attr *a)
{
	struct ibv_srq *srq = ibv_create_srq(pd ? pd : v->pd, a);

	if (!srq)
		return -1;
	if (!v->pd)
		v->pd = pd;
	v->srq = srq;
	return 0;
}

SF_EXPORT int rdma_create_srq_ex(struct rdma_cm_id *v, struct ibv_srq_init_attr_ex *a)
{
	if (!(a->comp_mask & IBV_SRQ_INIT_ATTR_TYPE) || a->srq_type != IBV_SRQT_BASIC)
		return cm_err(EINVAL);
	return rdma_create_srq(v, a->comp_mask & IBV_SRQ_INIT_ATTR_PD ? a->pd : NULL,
			       (struct ibv_srq_init_attr *)(void *)a);
}

SF_EXPORT void rdma_destroy_srq(struct rdma_cm_id *v)
{
	ibv_destroy_srq(v->srq);
	v->srq = NULL;
	destroy_cqs(v);
}
