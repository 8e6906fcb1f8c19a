/*
 * Receive queues: the ring of posted receives, of a QP or shared (SRQ).
 *
 * Knows: depth and SGE limits; an entry is free again when its completion was polled.
 * Does not know: messages.
 */
#include "fault.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int rq_init(struct sf_rq *rq, uint32_t max_wr, uint32_t max_sge)
{
	uint32_t size = 1;

	while (size < max_wr)
		size *= 2;
	memset(rq, 0, sizeof(*rq));
	rq->max_wr = max_wr;
	rq->max_sge = max_sge;
	rq->mask = size - 1;
	rq->wqe = calloc(size, sizeof(*rq->wqe));
	rq->sges = calloc((size_t)size * (max_sge ? max_sge : 1), sizeof(*rq->sges));
	if (!rq->wqe || !rq->sges) {
		rq_fini(rq);
		return ENOMEM;
	}
	for (uint32_t i = 0; i < size; i++)
		rq->wqe[i].sge = rq->sges + (size_t)i * max_sge;
	return 0;
}

void rq_fini(struct sf_rq *rq)
{
	free(rq->wqe);
	free(rq->sges);
	rq->wqe = NULL;
	rq->sges = NULL;
}

uint32_t rq_count(const struct sf_rq *rq)
{
	return rq->head - rq->tail;
}

static uint32_t rq_used(struct sf_rq *rq)
{
	return rq->head - atomic_load_explicit(&rq->freed, memory_order_acquire);
}

int rq_post(struct sf_rq *rq, const struct ibv_recv_wr *wr)
{
	struct sf_rwqe *w;

	if (wr->num_sge < 0 || (uint32_t)wr->num_sge > rq->max_sge)
		return EINVAL;
	if (rq_used(rq) >= rq->max_wr)
		return ENOMEM;
	w = &rq->wqe[rq->head & rq->mask];
	w->wr_id = wr->wr_id;
	w->num_sge = wr->num_sge;
	if (wr->num_sge)
		memcpy(w->sge, wr->sg_list, (size_t)wr->num_sge * sizeof(*w->sge));
	rq->head++;
	return 0;
}

/* The oldest receive, its SGEs copied into @out->sge. */
bool rq_take(struct sf_rq *rq, struct sf_rwqe *out)
{
	const struct sf_rwqe *w = &rq->wqe[rq->tail & rq->mask];

	if (rq->tail == rq->head)
		return false;
	out->wr_id = w->wr_id;
	out->num_sge = w->num_sge;
	if (w->num_sge)
		memcpy(out->sge, w->sge, (size_t)w->num_sge * sizeof(*w->sge));
	rq->tail++;
	return true;
}

/* ---- shared receive queues ---- */
static struct sf_srq *srq_of(struct ibv_srq *v)
{
	return sf_container(v, struct sf_srq, v);
}

static struct sf_ctx *ctx_of(struct ibv_context *v)
{
	return sf_container(v, struct sf_ctx, v);
}

static int srq_check(const struct sf_profile *p, const struct ibv_srq_attr *a)
{
	if (!p->max_srq)
		return EOPNOTSUPP;
	if (!a->max_wr || a->max_wr > (uint32_t)p->max_srq_wr ||
	    a->max_sge > (uint32_t)p->max_srq_sge)
		return EINVAL;
	return 0;
}

SF_EXPORT struct ibv_srq *ibv_create_srq(struct ibv_pd *pd, struct ibv_srq_init_attr *init)
{
	int rc = dev_dead(pd->context)
			 ? EIO
			 : srq_check(ctx_of(pd->context)->dev->prof, &init->attr);
	struct sf_srq *srq = rc ? NULL : calloc(1, sizeof(*srq));

	if (!rc)
		rc = srq ? rq_init(&srq->rq, init->attr.max_wr, init->attr.max_sge) : ENOMEM;
	if (rc) {
		free(srq);
		errno = rc;
		return NULL;
	}
	srq->v.context = pd->context;
	srq->v.srq_context = init->srq_context;
	srq->v.pd = pd;
	pthread_mutex_init(&srq->v.mutex, NULL);
	pthread_cond_init(&srq->v.cond, NULL);
	fab_lock();
	sf_container(pd, struct sf_pd, v)->users++;
	fab_unlock();
	return &srq->v;
}

/* IBA 10.2.9.3: one event, then the limit must be armed again. */
static void srq_check_limit(struct sf_srq *srq)
{
	if (!srq->limit || rq_count(&srq->rq) >= srq->limit)
		return;
	srq->limit = 0;
	async_raise(ctx_of(srq->v.context), IBV_EVENT_SRQ_LIMIT_REACHED, &srq->v);
}

static int srq_resize(struct sf_srq *srq, uint32_t max_wr)
{
	const struct sf_profile *p = ctx_of(srq->v.context)->dev->prof;
	struct sf_rq old = srq->rq, rq;
	struct sf_rwqe *w;
	int rc;

	if (!p->srq_resize || !max_wr || max_wr > (uint32_t)p->max_srq_wr ||
	    max_wr < rq_used(&srq->rq))
		return EINVAL;
	rc = rq_init(&rq, max_wr, old.max_sge);
	if (rc)
		return rc;
	/* entries keep their places in the free-running count */
	rq.head = old.head;
	rq.tail = old.tail;
	for (uint32_t i = old.tail; i != old.head; i++) {
		w = &rq.wqe[i & rq.mask];
		w->wr_id = old.wqe[i & old.mask].wr_id;
		w->num_sge = old.wqe[i & old.mask].num_sge;
		memcpy(w->sge, old.wqe[i & old.mask].sge, (size_t)w->num_sge * sizeof(*w->sge));
	}
	srq->rq.wqe = rq.wqe;
	srq->rq.sges = rq.sges;
	srq->rq.mask = rq.mask;
	srq->rq.max_wr = max_wr;
	rq_fini(&old);
	return 0;
}

SF_EXPORT int ibv_modify_srq(struct ibv_srq *v, struct ibv_srq_attr *attr, int mask)
{
	struct sf_srq *srq = srq_of(v);
	int rc = 0;

	if (dev_dead(v->context))
		return EIO;
	if (mask & ~(IBV_SRQ_MAX_WR | IBV_SRQ_LIMIT))
		return EINVAL;
	fab_lock();
	if ((mask & IBV_SRQ_LIMIT) &&
	    attr->srq_limit > (mask & IBV_SRQ_MAX_WR ? attr->max_wr : srq->rq.max_wr))
		rc = EINVAL;
	if (!rc && (mask & IBV_SRQ_MAX_WR))
		rc = srq_resize(srq, attr->max_wr);
	if (!rc && (mask & IBV_SRQ_LIMIT)) {
		srq->limit = attr->srq_limit;
		srq_check_limit(srq);
	}
	fab_unlock();
	return rc;
}

SF_EXPORT int ibv_query_srq(struct ibv_srq *v, struct ibv_srq_attr *attr)
{
	struct sf_srq *srq = srq_of(v);

	if (dev_dead(v->context))
		return EIO;
	fab_lock();
	attr->max_wr = srq->rq.max_wr;
	attr->max_sge = srq->rq.max_sge;
	attr->srq_limit = srq->limit;
	fab_unlock();
	return 0;
}

SF_EXPORT int ibv_destroy_srq(struct ibv_srq *v)
{
	struct sf_srq *srq = srq_of(v);
	bool busy;

	fab_lock();
	busy = srq->users != 0;
	if (!busy)
		sf_container(v->pd, struct sf_pd, v)->users--;
	fab_unlock();
	if (busy)
		return EBUSY;
	async_forget(ctx_of(v->context), v);
	async_wait_acked(&v->mutex, &v->cond, &srq->events_reported, &v->events_completed);
	pthread_mutex_destroy(&v->mutex);
	pthread_cond_destroy(&v->cond);
	rq_fini(&srq->rq);
	free(srq);
	return 0;
}

bool srq_take(struct sf_srq *srq, struct sf_rwqe *out)
{
	if (!rq_take(&srq->rq, out))
		return false;
	srq_check_limit(srq);
	return true;
}

int srq_post_recv(struct ibv_srq *v, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad)
{
	struct sf_srq *srq = srq_of(v);
	int rc = 0;

	fab_lock();
	for (; wr && !rc; wr = wr->next) {
		rc = fault_fails_post(FK_SRQ, NULL);
		if (!rc)
			rc = rq_post(&srq->rq, wr);
		if (rc)
			*bad = wr;
	}
	fab_unlock();
	return rc;
}
