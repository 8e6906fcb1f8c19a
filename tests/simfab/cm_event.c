/*
 * RDMA/CM events: queued by the CM, got and acknowledged by the application.
 *
 * Knows: what librdmacm does when an event is *got*: it is then, not before, that an
 * active side moves its QP to RTS and answers REP with RTU.
 * Does not know: when events are due.
 */
#include "cm.h"
#include "fault.h"

#include <stdlib.h>
#include <string.h>

struct cm_event *cm_event_new(struct cm_id *id, enum rdma_cm_event_type type, int status)
{
	struct cm_event *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->owner = id;
	e->v.id = &id->v;
	e->v.event = type;
	e->v.status = status;
	return e;
}

void cm_event_push(struct cm_id *id, struct cm_event *e)
{
	if (e && fault_mutes_cm(e->v.event))
		free(e);
	else if (e)
		evq_push(&chan_of(id->v.channel)->evq, &e->ev);
}

void cm_event_simple(struct cm_id *id, enum rdma_cm_event_type type, int status)
{
	cm_event_push(id, cm_event_new(id, type, status));
}

/*
 * Connection parameters and private data of a message.  IB and RoCE deliver the whole
 * area of the MAD, zero padded; an RNIC delivers what was sent (@exact).
 */
void cm_event_data(struct cm_event *e, const struct cm_msg *m, uint16_t area, uint16_t skip,
		   bool exact)
{
	struct rdma_conn_param *p;
	uint16_t len = exact ? m->len : (uint16_t)(area - skip);

	if (!e)
		return;
	p = &e->v.param.conn;
	/* the sender's view turned into ours */
	p->responder_resources = m->initiator_depth;
	p->initiator_depth = m->responder_resources;
	p->flow_control = m->flow_control;
	p->retry_count = m->retry_count;
	p->rnr_retry_count = m->rnr_retry_count;
	p->srq = m->srq;
	p->qp_num = m->qpn;
	memcpy(e->data, m->data + (exact ? 0 : skip), len);
	p->private_data_len = (uint8_t)(len > UINT8_MAX ? UINT8_MAX : len);
	p->private_data = len ? e->data : NULL;
}

static bool of_id(struct sf_ev *ev, void *id)
{
	return sf_container(ev, struct cm_event, ev)->owner == id;
}

/* Undelivered events die with their id; requests nobody saw are rejected. */
void cm_events_drop(struct cm_id *id)
{
	struct sf_list out;

	list_init(&out);
	evq_take(&chan_of(id->v.channel)->evq, &out, of_id, id);
	list_for_each_safe (pos, tmp, &out) {
		struct cm_event *e =
			sf_container(sf_container(pos, struct sf_ev, node), struct cm_event, ev);

		if (e->child) {
			cm_abandon(e->child);
			cm_events_drop(e->child);
			cm_free(e->child);
		}
		free(e);
	}
}

static void got(struct sf_ev *ev)
{
	struct cm_event *e = sf_container(ev, struct cm_event, ev);

	__atomic_fetch_add(&e->owner->reported, 1, __ATOMIC_RELEASE);
}

static void ack(struct cm_event *e)
{
	struct cm_id *id = e->owner;

	free(e);
	pthread_mutex_lock(&id->mut);
	id->completed++;
	pthread_cond_signal(&id->cond);
	pthread_mutex_unlock(&id->mut);
}

SF_EXPORT int rdma_ack_cm_event(struct rdma_cm_event *event)
{
	if (!event)
		return cm_err(EINVAL);
	ack(sf_container(event, struct cm_event, v));
	return 0;
}

static int send_rtu(struct cm_id *id)
{
	struct cm_msg m = { 0 };
	int rc = 0;

	fab_lock();
	if (id->state == CM_REP_RCVD) {
		id->state = CM_ESTABLISHED;
		timer_cancel(&id->timer);
		cm_send(id, CM_RTU, &m);
	} else {
		rc = -EINVAL;
	}
	fab_unlock();
	return rc;
}

/* Without a QP on the id the application finishes the handshake itself. */
static void process_response(struct cm_event *e)
{
	struct cm_id *id = e->owner;

	if (!id->v.qp)
		return;
	e->v.status = cm_qp_rtr(id) || cm_qp_rts(id) ? -1 : send_rtu(id);
	if (e->v.status)
		cm_qp_err(id);
	e->v.event = e->v.status ? RDMA_CM_EVENT_CONNECT_ERROR : RDMA_CM_EVENT_ESTABLISHED;
}

static void process_request(struct cm_event *e)
{
	struct cm_id *listener = e->owner;

	fab_lock();
	listener->backlog++;
	fab_unlock();
	e->v.listen_id = &listener->v;
	e->v.id = &e->child->v;
	if (listener->sync)
		rdma_migrate_id(&e->child->v, NULL);
	e->child = NULL;
}

SF_EXPORT int rdma_get_cm_event(struct rdma_event_channel *ch, struct rdma_cm_event **out)
{
	struct sf_ev *ev;
	struct cm_event *e;

	if (!out)
		return cm_err(EINVAL);
	ev = evq_pop(&chan_of(ch)->evq, got);
	if (!ev)
		return -1;
	e = sf_container(ev, struct cm_event, ev);
	if (e->v.event == RDMA_CM_EVENT_CONNECT_REQUEST)
		process_request(e);
	else if (e->v.event == RDMA_CM_EVENT_CONNECT_RESPONSE)
		process_response(e);
	else if (e->v.event == RDMA_CM_EVENT_REJECTED)
		cm_qp_err(e->owner);
	*out = &e->v;
	return 0;
}

SF_EXPORT int rdma_establish(struct rdma_cm_id *v)
{
	int rc = v->qp ? -EINVAL : send_rtu(cm_of(v));

	return rc ? cm_err(-rc) : 0;
}

/* Synchronous ids wait for the outcome of what they just started. */
int cm_wait(struct cm_id *id)
{
	struct rdma_cm_event *e;

	if (!id->sync)
		return 0;
	if (id->v.event) {
		rdma_ack_cm_event(id->v.event);
		id->v.event = NULL;
	}
	if (rdma_get_cm_event(id->v.channel, &id->v.event))
		return -1;
	e = id->v.event;
	if (!e->status)
		return 0;
	if (e->event == RDMA_CM_EVENT_REJECTED)
		return cm_err(ECONNREFUSED);
	return cm_err(e->status < 0 ? -e->status : e->status);
}
