/*
 * Queue pairs as objects: creation, query, the way into ERR, destruction.
 *
 * Knows: what a QP owns and refers to.
 * Does not know: legal transitions (qp_state.c), messages (requester.c, responder.c).
 */
#include "fault.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct sf_qp *qp_of(struct ibv_qp *v)
{
	return sf_container(v, struct sf_qp, v);
}

static struct sf_cq *cq_of(struct ibv_cq *v)
{
	return sf_container(v, struct sf_cq, v);
}

static struct sf_srq *srq_of(struct ibv_srq *v)
{
	return sf_container(v, struct sf_srq, v);
}

struct sf_qp *qp_find(uint32_t qpn)
{
	return qpn >> SF_QPN_BITS == fab.slot ? fab.qps[qpn & (SF_QPS - 1)] : NULL;
}

/* Numbers go round, so that a late packet rarely meets a new QP. */
static int qp_number(struct sf_qp *qp)
{
	for (uint32_t n = 0; n < SF_QPS; n++) {
		uint32_t i = (fab.qp_next + n) & (SF_QPS - 1);

		if (fab.qps[i])
			continue;
		fab.qps[i] = qp;
		fab.qp_next = i + 1;
		qp->nth = ++fab.qps_made;
		qp->v.qp_num = fab.slot << SF_QPN_BITS | i;
		return 0;
	}
	return ENOMEM;
}

static int init_check(const struct ibv_pd *pd, const struct ibv_qp_init_attr *a)
{
	const struct sf_profile *p = sf_container(pd->context, struct sf_ctx, v)->dev->prof;
	const struct ibv_qp_cap *c = &a->cap;

	if (dev_dead(pd->context))
		return EIO;
	if (a->qp_type != IBV_QPT_RC)
		return EOPNOTSUPP;
	if (!a->send_cq || !a->recv_cq || a->send_cq->context != pd->context ||
	    a->recv_cq->context != pd->context)
		return EINVAL;
	if (a->srq && a->srq->context != pd->context)
		return EINVAL;
	if (c->max_send_wr > (uint32_t)p->max_qp_wr || c->max_send_sge > (uint32_t)p->max_sge ||
	    c->max_inline_data > (uint32_t)p->max_inline)
		return EINVAL;
	if (!a->srq &&
	    (c->max_recv_wr > (uint32_t)p->max_qp_wr || c->max_recv_sge > (uint32_t)p->max_sge))
		return EINVAL;
	return 0;
}

static int sq_alloc(struct sf_qp *qp, const struct ibv_qp_cap *c)
{
	size_t size = 1, sge = c->max_send_sge ? c->max_send_sge : 1;

	while (size < c->max_send_wr)
		size *= 2;
	qp->sq_mask = (uint32_t)size - 1;
	qp->sq = calloc(size, sizeof(*qp->sq));
	qp->sq_sges = calloc(size * sge, sizeof(*qp->sq_sges));
	qp->sq_inline = c->max_inline_data ? calloc(size, c->max_inline_data) : NULL;
	if (!qp->sq || !qp->sq_sges || (c->max_inline_data && !qp->sq_inline))
		return ENOMEM;
	for (size_t i = 0; i < size; i++) {
		qp->sq[i].sge = qp->sq_sges + i * sge;
		qp->sq[i].inl = qp->sq_inline ? qp->sq_inline + i * c->max_inline_data : NULL;
	}
	return 0;
}

static int qp_alloc(struct sf_qp *qp, const struct ibv_qp_init_attr *a)
{
	uint32_t sges = a->srq ? srq_of(a->srq)->rq.max_sge : a->cap.max_recv_sge;
	uint32_t wrs = a->srq ? 0 : a->cap.max_recv_wr;

	qp->rx_sges = calloc(sges ? sges : 1, sizeof(*qp->rx_sges));
	qp->reads = calloc((size_t)qp->ctx->dev->prof->rd_atom, sizeof(*qp->reads));
	qp->rx_wqe.sge = qp->rx_sges;
	if (!qp->rx_sges || !qp->reads || sq_alloc(qp, &a->cap))
		return ENOMEM;
	return rq_init(&qp->rq, wrs, a->srq ? 0 : a->cap.max_recv_sge);
}

static void qp_free(struct sf_qp *qp)
{
	rq_fini(&qp->rq);
	free(qp->sq);
	free(qp->sq_sges);
	free(qp->sq_inline);
	free(qp->rx_sges);
	free(qp->reads);
	free(qp);
}

static void qp_users(struct sf_qp *qp, unsigned int n)
{
	sf_container(qp->v.pd, struct sf_pd, v)->users += n;
	cq_of(qp->v.send_cq)->users += n;
	cq_of(qp->v.recv_cq)->users += n;
	if (qp->v.srq)
		srq_of(qp->v.srq)->users += n;
}

static struct sf_qp *qp_new(struct ibv_pd *pd, struct ibv_qp_init_attr *a)
{
	struct sf_qp *qp = calloc(1, sizeof(*qp));

	if (!qp)
		return NULL;
	qp->ctx = sf_container(pd->context, struct sf_ctx, v);
	qp->init = *a;
	if (a->srq)
		qp->init.cap.max_recv_wr = qp->init.cap.max_recv_sge = 0;
	if (qp_alloc(qp, a)) {
		qp_free(qp);
		return NULL;
	}
	qp->v = (struct ibv_qp){ .context = pd->context,
				 .qp_context = a->qp_context,
				 .pd = pd,
				 .send_cq = a->send_cq,
				 .recv_cq = a->recv_cq,
				 .srq = a->srq,
				 .qp_type = a->qp_type,
				 .state = IBV_QPS_RESET };
	pthread_mutex_init(&qp->v.mutex, NULL);
	pthread_cond_init(&qp->v.cond, NULL);
	list_init(&qp->ready);
	req_init(qp);
	return qp;
}

SF_EXPORT struct ibv_qp *ibv_create_qp(struct ibv_pd *pd, struct ibv_qp_init_attr *a)
{
	int rc = init_check(pd, a);
	struct sf_qp *qp = rc ? NULL : qp_new(pd, a);

	if (!rc && !qp)
		rc = ENOMEM;
	if (!rc) {
		fab_lock();
		rc = qp_number(qp);
		if (!rc)
			qp_users(qp, 1);
		fab_unlock();
		if (rc)
			qp_free(qp);
	}
	if (rc) {
		errno = rc;
		return NULL;
	}
	qp->v.handle = qp->v.qp_num;
	a->cap = qp->init.cap;
	return &qp->v;
}

SF_EXPORT struct ibv_qp_ex *ibv_qp_to_qp_ex(struct ibv_qp *qp)
{
	(void)qp;
	return NULL;
}

SF_EXPORT int ibv_query_qp(struct ibv_qp *v, struct ibv_qp_attr *attr, int mask,
			   struct ibv_qp_init_attr *init)
{
	struct sf_qp *qp = qp_of(v);

	(void)mask;
	if (dev_dead(v->context))
		return EIO;
	fab_lock();
	*attr = qp->attr;
	attr->qp_state = attr->cur_qp_state = v->state;
	attr->cap = qp->init.cap;
	attr->sq_draining = v->state == IBV_QPS_SQD && qp->sq_una != qp->sq_nxt;
	*init = qp->init;
	fab_unlock();
	return 0;
}

/* ---- states ---- */
void qp_mark_ready(struct sf_qp *qp)
{
	if (list_empty(&qp->ready))
		list_add_tail(&fab.ready, &qp->ready);
}

/* Everything outstanding completes with a flush error, in order (IBA 10.3.1.7). */
void qp_enter_error(struct sf_qp *qp)
{
	if (qp->v.state == IBV_QPS_ERR || qp->v.state == IBV_QPS_RESET)
		return;
	qp->v.state = IBV_QPS_ERR;
	qp->unflushed = fault_keeps_flush(qp);
	req_flush(qp);
	resp_flush(qp);
	if (qp->v.srq)
		async_raise(qp->ctx, IBV_EVENT_QP_LAST_WQE_REACHED, &qp->v);
}

/* The fault that kept the flush back is over. */
void qp_flush_late(struct sf_qp *qp)
{
	if (!qp->unflushed)
		return;
	qp->unflushed = false;
	req_flush(qp);
	resp_flush(qp);
}

/* A completion was lost to a CQ overrun, or a fault wants it: the QP cannot go on. */
void qp_check_fatal(struct sf_qp *qp)
{
	if (!qp->fatal || qp->v.state == IBV_QPS_ERR)
		return;
	qp_enter_error(qp);
	async_raise(qp->ctx, IBV_EVENT_QP_FATAL, &qp->v);
}

/* Back to nothing: no completion tells of what was posted. */
void qp_reset_queues(struct sf_qp *qp)
{
	timer_cancel(&qp->ack_timer);
	timer_cancel(&qp->rnr_timer);
	list_del(&qp->ready);
	link_put(qp->link);
	qp->link = NULL;
	cq_purge(cq_of(qp->v.send_cq), qp);
	if (qp->v.recv_cq != qp->v.send_cq)
		cq_purge(cq_of(qp->v.recv_cq), qp);
	if (qp->rx_busy && qp->v.srq)
		atomic_fetch_add(&srq_of(qp->v.srq)->rq.freed, 1);
	qp->sq_head = qp->sq_una = qp->sq_nxt = qp->nxt_off = qp->sq_release = 0;
	atomic_store(&qp->sq_freed, 0);
	qp->rq.head = qp->rq.tail = 0;
	atomic_store(&qp->rq.freed, 0);
	qp->rd_out = qp->rd_off = qp->rd_head = qp->rd_tail = 0;
	qp->rnr_wait = qp->progress = qp->sq_stop = qp->fatal = qp->unflushed = false;
	qp->rx_busy = qp->rx_gap = qp->rx_rnr = qp->comm_est = qp->ack_due = qp->nak_due = false;
	qp->rx_off = 0;
}

void qp_link_dead(struct sf_link *l)
{
	for (uint32_t i = 0; i < SF_QPS; i++)
		if (fab.qps[i] && fab.qps[i]->link == l)
			req_link_dead(fab.qps[i]);
}

/*
 * What this QP has to send, answers first.  Answers outlive the QP's fall into ERR:
 * the NAK that explains it is still due.  false: the ring is full.
 */
bool qp_service(struct sf_qp *qp)
{
	bool done = resp_transmit(qp) && req_transmit(qp);

	if (qp->link && !qp->link->dead)
		qp->tx_pos = qp->link->tx_head;
	qp_check_fatal(qp);
	return done;
}

SF_EXPORT int ibv_destroy_qp(struct ibv_qp *v)
{
	struct sf_qp *qp = qp_of(v);
	uint64_t *sum = (uint64_t *)(void *)&qp->ctx->dev->cnt;
	const uint64_t *add = (const uint64_t *)(const void *)&qp->cnt;

	fab_lock();
	qp_reset_queues(qp);
	fab.qps[v->qp_num & (SF_QPS - 1)] = NULL;
	for (size_t k = 0; k < sizeof(qp->cnt) / sizeof(*sum); k++)
		sum[k] += add[k];
	qp_users(qp, -1u);
	fab_unlock();
	async_forget(qp->ctx, v);
	async_wait_acked(&v->mutex, &v->cond, &qp->events_reported, &v->events_completed);
	pthread_mutex_destroy(&v->mutex);
	pthread_cond_destroy(&v->cond);
	qp_free(qp);
	return 0;
}

SF_EXPORT int simfab_qp_counters(struct ibv_qp *v, struct simfab_counters *out)
{
	fab_lock();
	*out = qp_of(v)->cnt;
	fab_unlock();
	return 0;
}

/* ---- verbs that this device does not have ---- */
SF_EXPORT int ibv_attach_mcast(struct ibv_qp *qp, const union ibv_gid *gid, uint16_t lid)
{
	(void)qp, (void)gid, (void)lid;
	return EOPNOTSUPP;
}

SF_EXPORT int ibv_detach_mcast(struct ibv_qp *qp, const union ibv_gid *gid, uint16_t lid)
{
	(void)qp, (void)gid, (void)lid;
	return EOPNOTSUPP;
}

SF_EXPORT int ibv_set_ece(struct ibv_qp *qp, struct ibv_ece *ece)
{
	(void)qp, (void)ece;
	return EOPNOTSUPP;
}

SF_EXPORT int ibv_query_ece(struct ibv_qp *qp, struct ibv_ece *ece)
{
	(void)qp;
	memset(ece, 0, sizeof(*ece));
	return EOPNOTSUPP;
}
