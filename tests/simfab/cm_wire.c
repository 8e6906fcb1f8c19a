/*
 * CM messages: sent, received, timed out; and what becomes of connections when the
 * peer's process ends.
 *
 * Knows: the passive and active state machines of IBA 12.9 as far as librdmacm shows
 * them.
 * Does not know: queue pairs; those move when the application gets an event.
 */
#include "cm.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static uint64_t env_ms(const char *name, uint64_t ms)
{
	const char *s = getenv(name);

	return (s && *s ? strtoull(s, NULL, 10) : ms) * 1000000u;
}

/* ---- sending ---- */
static uint32_t msg_size(const struct cm_msg *m)
{
	return (uint32_t)(offsetof(struct cm_msg, data) + m->len);
}

/* The messages of a CM go through the port like all others. */
static bool unplugged(const struct cm_id *id)
{
	return id->v.verbs && dev_silent(sf_container(id->v.verbs, struct sf_ctx, v)->dev);
}

void cm_send(struct cm_id *id, enum cm_type type, struct cm_msg *m)
{
	m->type = (uint8_t)type;
	m->local_id = id->handle;
	m->remote_id = id->remote;
	if (id->link && !id->link->dead && !unplugged(id))
		wire_send_cm(id->link, m, msg_size(m));
}

void cm_send_rej(struct cm_id *id, uint16_t reason, const void *data, uint8_t len)
{
	struct cm_msg m = { .reason = reason, .len = len };

	if (len)
		memcpy(m.data, data, len);
	cm_send(id, CM_REJ, &m);
}

/* To somebody we keep no id for. */
static void reply(struct sf_link *l, enum cm_type type, const struct cm_msg *to, uint16_t reason)
{
	struct cm_msg m = { .type = (uint8_t)type,
			    .reason = reason,
			    .local_id = to->remote_id,
			    .remote_id = to->local_id };

	wire_send_cm(l, &m, msg_size(&m));
}

/* ---- time ---- */
static void timed_out(struct sf_timer *t)
{
	struct cm_id *id = sf_container(t, struct cm_id, timer);

	switch (id->state) {
	case CM_ADDR_QUERY:
	case CM_ROUTE_QUERY:
		cm_resolved(id);
		break;
	case CM_REQ_SENT:
	case CM_REP_SENT:
		cm_send_rej(id, CM_REJ_TIMEOUT, NULL, 0);
		id->state = CM_DEAD;
		cm_event_simple(id, RDMA_CM_EVENT_UNREACHABLE, -ETIMEDOUT);
		break;
	case CM_DREQ_SENT:
		if (!id->told_disconnected)
			cm_event_simple(id, RDMA_CM_EVENT_DISCONNECTED, -ETIMEDOUT);
		id->told_disconnected = true;
		cm_timewait(id);
		break;
	case CM_TIMEWAIT:
		id->state = CM_DEAD;
		cm_event_simple(id, RDMA_CM_EVENT_TIMEWAIT_EXIT, 0);
		break;
	default:
		break;
	}
}

void cm_timer_init(struct cm_id *id)
{
	list_init(&id->timer.node);
	id->timer.fire = timed_out;
}

void cm_timeout_arm(struct cm_id *id)
{
	timer_set(&id->timer, env_ms("SIMFAB_CM_TIMEOUT_MS", 60000));
}

void cm_timewait(struct cm_id *id)
{
	id->state = CM_TIMEWAIT;
	timer_set(&id->timer, env_ms("SIMFAB_TIMEWAIT_MS", 200));
}

/* ---- receiving ---- */
static void disconnected(struct cm_id *id)
{
	if (!id->told_disconnected)
		cm_event_simple(id, RDMA_CM_EVENT_DISCONNECTED, 0);
	id->told_disconnected = true;
}

static struct cm_id *child_of(struct cm_id *listener, struct sf_link *l, const struct cm_msg *m)
{
	struct cm_id *id = cm_new(listener->v.channel, listener->v.context, listener->v.ps);

	if (!id)
		return NULL;
	id->v.route.addr.src_storage = m->dst;
	id->v.route.addr.dst_storage = m->src;
	if (cm_set_device(id, node_device_of((const struct sockaddr *)&m->dst))) {
		list_del(&id->node);
		cm_free(id);
		return NULL;
	}
	cm_fill_gids(id);
	id->state = CM_REQ_RCVD;
	id->link = l;
	l->refs++;
	id->remote = m->local_id;
	id->remote_qpn = m->qpn;
	id->remote_psn = m->psn;
	id->responder_resources = m->initiator_depth;
	id->initiator_depth = m->responder_resources;
	id->retry_count = m->retry_count;
	id->rnr_retry_count = m->rnr_retry_count;
	return id;
}

static bool port_of_request_down(const struct cm_msg *m)
{
	const struct sf_dev *dev = dev_get(node_device_of((const struct sockaddr *)&m->dst));

	return dev && dev_silent(dev);
}

static void on_req(struct sf_link *l, const struct cm_msg *m)
{
	struct cm_id *listener = cm_find(m->listener), *id;
	struct cm_event *e;

	/* a packet of a partition that the port is no member of is lost (IBA 10.9.4) */
	if (!dev_pkey_takes(sa_pkey((const struct sockaddr *)&m->dst)))
		return;
	if (!listener || listener->state != CM_LISTEN) {
		reply(l, CM_REJ, m, CM_REJ_INVALID_SERVICE);
		return;
	}
	id = listener->backlog ? child_of(listener, l, m) : NULL;
	e = id ? cm_event_new(listener, RDMA_CM_EVENT_CONNECT_REQUEST, 0) : NULL;
	if (!e) {
		reply(l, CM_REJ, m, CM_REJ_CONSUMER);
		return;
	}
	listener->backlog--;
	e->child = id;
	cm_event_data(e, m, CM_REQ_DATA, cm_native(id) ? 0 : CM_IP_HEADER, cm_iwarp(id));
	cm_event_push(listener, e);
}

static void on_rep(struct cm_id *id, const struct cm_msg *m)
{
	struct cm_event *e;

	if (id->state != CM_REQ_SENT)
		return;
	timer_cancel(&id->timer);
	id->state = CM_REP_RCVD;
	id->remote = m->local_id;
	id->remote_qpn = m->qpn;
	id->remote_psn = m->psn;
	id->responder_resources = m->initiator_depth;
	id->initiator_depth = m->responder_resources;
	id->rnr_retry_count = m->rnr_retry_count;
	e = cm_event_new(id, RDMA_CM_EVENT_CONNECT_RESPONSE, 0);
	cm_event_data(e, m, CM_REP_DATA, 0, cm_iwarp(id));
	cm_event_push(id, e);
}

static void on_rtu(struct cm_id *id)
{
	if (id->state != CM_REP_SENT)
		return;
	timer_cancel(&id->timer);
	id->state = CM_ESTABLISHED;
	cm_event_simple(id, RDMA_CM_EVENT_ESTABLISHED, 0);
}

static void rejected(struct cm_id *id, const struct cm_msg *m)
{
	struct cm_event *e;

	timer_cancel(&id->timer);
	id->state = CM_DEAD;
	e = cm_event_new(id, RDMA_CM_EVENT_REJECTED, cm_iwarp(id) ? -ECONNREFUSED : m->reason);
	cm_event_data(e, m, CM_REJ_DATA, 0, cm_iwarp(id));
	cm_event_push(id, e);
}

static void on_rej(struct cm_id *id, const struct cm_msg *m)
{
	if (id->state == CM_REQ_SENT || id->state == CM_REQ_RCVD || id->state == CM_REP_SENT ||
	    id->state == CM_REP_RCVD || id->state == CM_ESTABLISHED)
		rejected(id, m); /* ESTABLISHED: our RTU never came */
	else if (id->state == CM_DREQ_SENT)
		cm_timewait(id);
}

static void on_dreq(struct cm_id *id)
{
	struct cm_msg m = { 0 };

	switch (id->state) {
	case CM_REP_SENT:
	case CM_REP_RCVD:
	case CM_ESTABLISHED:
		timer_cancel(&id->timer);
		id->state = CM_DREQ_RCVD;
		disconnected(id);
		break;
	case CM_DREQ_SENT: /* both at once */
		cm_send(id, CM_DREP, &m);
		disconnected(id);
		break;
	case CM_TIMEWAIT:
		cm_send(id, CM_DREP, &m);
		break;
	default:
		break;
	}
}

static void on_drep(struct cm_id *id)
{
	if (id->state != CM_DREQ_SENT)
		return;
	disconnected(id);
	cm_timewait(id);
}

void cm_deliver(struct sf_link *l, const struct sf_pkt *p, const uint8_t *data)
{
	struct cm_msg m = { 0 };
	struct cm_id *id;

	memcpy(&m, data, p->len < sizeof(m) ? p->len : sizeof(m));
	if (m.type == CM_REQ) {
		if (!port_of_request_down(&m))
			on_req(l, &m);
		return;
	}
	id = cm_find(m.remote_id);
	if (id && unplugged(id))
		return;
	if (!id || (id->state != CM_REQ_SENT && id->remote != m.local_id)) {
		if (m.type == CM_DREQ) /* stateless, so that the peer can finish */
			reply(l, CM_DREP, &m, 0);
		return;
	}
	switch ((enum cm_type)m.type) {
	case CM_REQ:
		break;
	case CM_REP:
		on_rep(id, &m);
		break;
	case CM_RTU:
		on_rtu(id);
		break;
	case CM_REJ:
		on_rej(id, &m);
		break;
	case CM_DREQ:
		on_dreq(id);
		break;
	case CM_DREP:
		on_drep(id);
		break;
	}
}

/*
 * The peer's process ended.  Its kernel would have destroyed its ids, and so sent what
 * their states call for; play those messages.
 */
static void peer_ended(struct cm_id *id, void *link)
{
	struct cm_msg m = { .reason = CM_REJ_CONSUMER };

	if (id->link != link)
		return;
	switch (id->state) {
	case CM_REQ_RCVD:
		m.reason = CM_REJ_TIMEOUT;
		rejected(id, &m);
		break;
	case CM_REQ_SENT:
	case CM_REP_SENT:
	case CM_REP_RCVD:
		rejected(id, &m);
		break;
	case CM_ESTABLISHED:
		on_dreq(id);
		break;
	case CM_DREQ_SENT:
		on_drep(id);
		break;
	default:
		break;
	}
}

void cm_link_dead(struct sf_link *l)
{
	cm_each(peer_ended, l);
}
