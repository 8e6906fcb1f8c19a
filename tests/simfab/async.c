/*
 * Asynchronous events: raised by the HCA, read from context->async_fd.
 *
 * Knows: that destroying an object waits for the acknowledgement of its events.
 * Does not know: when events are due.
 */
#include "fault.h"

#include <errno.h>
#include <stdlib.h>

struct async_item {
	struct sf_ev ev;
	struct ibv_async_event e;
};

static uint32_t *reported_of(struct ibv_async_event *e)
{
	switch (e->event_type) {
	case IBV_EVENT_CQ_ERR:
		return &sf_container(e->element.cq, struct sf_cq, v)->async_reported;
	case IBV_EVENT_QP_FATAL:
	case IBV_EVENT_QP_REQ_ERR:
	case IBV_EVENT_QP_ACCESS_ERR:
	case IBV_EVENT_COMM_EST:
	case IBV_EVENT_SQ_DRAINED:
	case IBV_EVENT_PATH_MIG:
	case IBV_EVENT_PATH_MIG_ERR:
	case IBV_EVENT_QP_LAST_WQE_REACHED:
		return &sf_container(e->element.qp, struct sf_qp, v)->events_reported;
	case IBV_EVENT_SRQ_ERR:
	case IBV_EVENT_SRQ_LIMIT_REACHED:
		return &sf_container(e->element.srq, struct sf_srq, v)->events_reported;
	default:
		return NULL;
	}
}

void async_raise(struct sf_ctx *ctx, enum ibv_event_type type, void *element)
{
	struct async_item *it = fault_mutes_async(type) ? NULL : calloc(1, sizeof(*it));

	if (!it)
		return;
	it->e.event_type = type;
	if (element)
		it->e.element.qp = element;
	else
		it->e.element.port_num = SF_PORT;
	evq_push(&ctx->async, &it->ev);
}

static void got(struct sf_ev *ev)
{
	uint32_t *n = reported_of(&sf_container(ev, struct async_item, ev)->e);

	if (n)
		__atomic_fetch_add(n, 1, __ATOMIC_RELEASE);
}

SF_EXPORT int ibv_get_async_event(struct ibv_context *context, struct ibv_async_event *event)
{
	struct sf_ctx *ctx = sf_container(context, struct sf_ctx, v);
	struct sf_ev *ev = evq_pop(&ctx->async, got);

	if (!ev)
		return -1;
	*event = sf_container(ev, struct async_item, ev)->e;
	free(sf_container(ev, struct async_item, ev));
	return 0;
}

static void acked(pthread_mutex_t *m, pthread_cond_t *c, uint32_t *completed)
{
	pthread_mutex_lock(m);
	++*completed;
	pthread_cond_signal(c);
	pthread_mutex_unlock(m);
}

SF_EXPORT void ibv_ack_async_event(struct ibv_async_event *e)
{
	struct ibv_cq *cq = e->element.cq;
	struct ibv_qp *qp = e->element.qp;
	struct ibv_srq *srq = e->element.srq;

	if (!reported_of(e))
		return;
	if (e->event_type == IBV_EVENT_CQ_ERR)
		acked(&cq->mutex, &cq->cond, &cq->async_events_completed);
	else if (e->event_type == IBV_EVENT_SRQ_ERR || e->event_type == IBV_EVENT_SRQ_LIMIT_REACHED)
		acked(&srq->mutex, &srq->cond, &srq->events_completed);
	else
		acked(&qp->mutex, &qp->cond, &qp->events_completed);
}

static bool about(struct sf_ev *ev, void *element)
{
	struct async_item *it = sf_container(ev, struct async_item, ev);

	return !element || (reported_of(&it->e) && it->e.element.qp == element);
}

/* Drop the undelivered events of an object; of all objects if NULL. */
void async_forget(struct sf_ctx *ctx, void *element)
{
	struct sf_list out;

	list_init(&out);
	evq_take(&ctx->async, &out, about, element);
	list_for_each_safe (pos, tmp, &out)
		free(sf_container(sf_container(pos, struct sf_ev, node), struct async_item, ev));
}

void async_wait_acked(pthread_mutex_t *m, pthread_cond_t *c, const uint32_t *reported,
		      const uint32_t *completed)
{
	pthread_mutex_lock(m);
	while (*completed != __atomic_load_n(reported, __ATOMIC_ACQUIRE))
		pthread_cond_wait(c, m);
	pthread_mutex_unlock(m);
}
