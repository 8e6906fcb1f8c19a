/*
 * Connecting and disconnecting: the calls of both sides.
 *
 * Knows: parameters, private data limits, which state allows which call.
 * Does not know: what travels (cm_wire.c).
 */
#include "cm.h"

#include <arpa/inet.h>
#include <endian.h>
#include <string.h>

static uint8_t device_rd_atom(const struct cm_id *id)
{
	int n = sf_container(id->v.verbs, struct sf_ctx, v)->dev->prof->rd_atom;

	return (uint8_t)(n > 255 ? 255 : n);
}

/* librdmacm's own check, before the kernel is asked. */
static int param_check(const struct cm_id *id, const struct rdma_conn_param *p)
{
	uint8_t max;

	if (!id->v.verbs || (!id->v.qp && !p))
		return EINVAL;
	if (!p)
		return 0;
	max = device_rd_atom(id);
	if (p->responder_resources != RDMA_MAX_RESP_RES && p->responder_resources > max)
		return EINVAL;
	return p->initiator_depth != RDMA_MAX_INIT_DEPTH && p->initiator_depth > max ? EINVAL : 0;
}

static void fill_params(struct cm_id *id, struct cm_msg *m, const struct rdma_conn_param *p)
{
	m->responder_resources = id->responder_resources;
	m->initiator_depth = id->initiator_depth;
	m->retry_count = p ? p->retry_count & 7 : 7;
	m->rnr_retry_count = p ? (p->rnr_retry_count > 7 ? 7 : p->rnr_retry_count) : 7;
	m->flow_control = p ? p->flow_control : 0;
	m->psn = id->psn;
	m->qpn = id->v.qp ? id->v.qp->qp_num : p->qp_num;
	m->srq = id->v.qp ? id->v.qp->srq != NULL : p->srq;
}

/* ---- active side ---- */
/* IBA A11.3: the header that IP addresses put before the private data of a REQ. */
static void ip_header(const struct cm_id *id, uint8_t *h)
{
	const struct sockaddr *src = &id->v.route.addr.src_addr;
	bool v6 = src->sa_family == AF_INET6;
	uint16_t port = htons(sa_port(src));
	union ibv_gid s, d;

	sa_to_gid(src, &s);
	sa_to_gid(&id->v.route.addr.dst_addr, &d);
	if (!v6) {
		memset(s.raw, 0, 12);
		memset(d.raw, 0, 12);
	}
	h[1] = v6 ? 0x60 : 0x40;
	memcpy(h + 2, &port, 2);
	memcpy(h + 4, s.raw, 16);
	memcpy(h + 20, d.raw, 16);
}

static int req_data(const struct cm_id *id, struct cm_msg *m, const struct rdma_conn_param *p)
{
	uint16_t head = cm_iwarp(id) || cm_native(id) ? 0 : CM_IP_HEADER;
	uint16_t room = cm_iwarp(id) ? CM_IWARP_DATA : CM_REQ_DATA;
	uint16_t len = p && p->private_data ? p->private_data_len : 0;

	if (len > room - head)
		return EINVAL;
	if (head)
		ip_header(id, m->data);
	if (len)
		memcpy(m->data + head, p->private_data, len);
	m->len = (uint16_t)(head + len);
	return 0;
}

static void take_active(struct cm_id *id, const struct rdma_conn_param *p)
{
	uint8_t max = device_rd_atom(id);

	id->responder_resources =
		p && p->responder_resources != RDMA_MAX_RESP_RES ? p->responder_resources : max;
	id->initiator_depth =
		p && p->initiator_depth != RDMA_MAX_INIT_DEPTH ? p->initiator_depth : max;
	id->retry_count = p ? p->retry_count & 7 : 7;
	id->rnr_retry_count = 7; /* the REP will tell */
}

/* Nobody listens: what the peer's CM would answer. */
static void no_listener(struct cm_id *id)
{
	struct cm_msg m = { .reason = CM_REJ_INVALID_SERVICE };
	struct cm_event *e =
		cm_event_new(id, RDMA_CM_EVENT_REJECTED, cm_iwarp(id) ? -ECONNREFUSED : m.reason);

	id->state = CM_DEAD;
	cm_event_data(e, &m, CM_REJ_DATA, 0, cm_iwarp(id));
	cm_event_push(id, e);
}

/* Nobody can listen on a service id outside of RDMA/CM's range. */
static bool listens(const struct sockaddr *dst)
{
	const struct sockaddr_ib *sib = (const struct sockaddr_ib *)(const void *)dst;

	return dst->sa_family != AF_IB || be64toh(sib->sib_sid) >> 16 == RDMA_PS_IB;
}

static int connect_id(struct cm_id *id, const struct rdma_conn_param *p)
{
	struct cm_msg m = { .ps = (uint16_t)id->v.ps };
	unsigned int slot;
	int rc;

	if (id->state != CM_ROUTE_RESOLVED)
		return EINVAL;
	rc = req_data(id, &m, p);
	if (rc)
		return rc;
	take_active(id, p);
	fill_params(id, &m, p);
	m.src = id->v.route.addr.src_storage;
	m.dst = id->v.route.addr.dst_storage;
	if (listens(&id->v.route.addr.dst_addr) && !node_port_lookup(m.ps, &id->v.route.addr.dst_addr, &slot, &m.listener))
		id->link = link_get(slot);
	if (!id->link) {
		no_listener(id);
		return 0;
	}
	id->state = CM_REQ_SENT;
	cm_send(id, CM_REQ, &m);
	cm_timeout_arm(id);
	return 0;
}

SF_EXPORT int rdma_connect(struct rdma_cm_id *v, struct rdma_conn_param *p)
{
	struct cm_id *id = cm_of(v);
	int rc = param_check(id, p);

	if (rc)
		return cm_err(rc);
	fab_lock();
	rc = connect_id(id, p);
	fab_unlock();
	return rc ? cm_err(rc) : cm_wait(id);
}

/* ---- passive side ---- */
static void take_passive(struct cm_id *id, const struct rdma_conn_param *p)
{
	uint8_t max = device_rd_atom(id);

	if (p && p->initiator_depth != RDMA_MAX_INIT_DEPTH)
		id->initiator_depth = p->initiator_depth;
	else if (id->initiator_depth > max)
		id->initiator_depth = max;
	if (p && p->responder_resources != RDMA_MAX_RESP_RES)
		id->responder_resources = p->responder_resources;
	else if (id->responder_resources > max)
		id->responder_resources = max;
}

static int accept_id(struct cm_id *id, const struct rdma_conn_param *p)
{
	struct cm_msg m = { 0 };
	uint16_t room = cm_iwarp(id) ? CM_IWARP_DATA : CM_REP_DATA;
	uint16_t len = p && p->private_data ? p->private_data_len : 0;

	if (id->state != CM_REQ_RCVD || len > room)
		return EINVAL;
	fill_params(id, &m, p);
	if (len)
		memcpy(m.data, p->private_data, len);
	m.len = len;
	id->state = CM_REP_SENT;
	cm_send(id, CM_REP, &m);
	cm_timeout_arm(id);
	return 0;
}

SF_EXPORT int rdma_accept(struct rdma_cm_id *v, struct rdma_conn_param *p)
{
	struct cm_id *id = cm_of(v);
	int rc = param_check(id, p);

	if (rc)
		return cm_err(rc);
	take_passive(id, p);
	if (cm_qp_rtr(id) || cm_qp_rts(id))
		return -1;
	fab_lock();
	rc = accept_id(id, p);
	fab_unlock();
	if (rc) {
		cm_qp_err(id);
		return cm_err(rc);
	}
	return cm_wait(id);
}

static int reject(struct rdma_cm_id *v, const void *data, uint8_t len, uint16_t reason)
{
	struct cm_id *id = cm_of(v);
	int rc = 0;

	if (!data)
		len = 0;
	fab_lock();
	if (id->state != CM_REQ_RCVD || len > CM_REJ_DATA) {
		rc = EINVAL;
	} else {
		cm_send_rej(id, reason, data, len);
		id->state = CM_DEAD;
	}
	fab_unlock();
	return rc ? cm_err(rc) : 0;
}

SF_EXPORT int rdma_reject(struct rdma_cm_id *v, const void *data, uint8_t len)
{
	return reject(v, data, len, CM_REJ_CONSUMER);
}

SF_EXPORT int rdma_reject_ece(struct rdma_cm_id *v, const void *data, uint8_t len)
{
	return reject(v, data, len, 35);
}

/* ---- both ---- */
/* A message came before the RTU: the connection is up all the same (IBA 12.9.7.2). */
SF_EXPORT int rdma_notify(struct rdma_cm_id *v, enum ibv_event_type event)
{
	struct cm_id *id = cm_of(v);
	int rc = 0;

	fab_lock();
	if (event != IBV_EVENT_COMM_EST) {
		rc = EINVAL;
	} else if (id->state == CM_REP_SENT) {
		timer_cancel(&id->timer);
		id->state = CM_ESTABLISHED;
		cm_event_simple(id, RDMA_CM_EVENT_ESTABLISHED, 0);
	} else if (id->state != CM_ESTABLISHED) {
		rc = EINVAL;
	}
	fab_unlock();
	return rc ? cm_err(rc) : 0;
}

static int disconnect(struct cm_id *id)
{
	struct cm_msg m = { 0 };

	switch (id->state) {
	case CM_REP_SENT:
	case CM_ESTABLISHED:
		cm_send(id, CM_DREQ, &m);
		id->state = CM_DREQ_SENT;
		cm_timeout_arm(id);
		return 0;
	case CM_DREQ_RCVD:
		cm_send(id, CM_DREP, &m);
		cm_timewait(id);
		return 0;
	case CM_DREQ_SENT:
	case CM_TIMEWAIT:
		return 0;
	default:
		return EINVAL;
	}
}

SF_EXPORT int rdma_disconnect(struct rdma_cm_id *v)
{
	struct cm_id *id = cm_of(v);
	bool was_told;
	int rc;

	if (!v->verbs)
		return cm_err(EINVAL);
	if (cm_qp_err(id))
		return -1;
	fab_lock();
	was_told = id->told_disconnected;
	rc = disconnect(id);
	fab_unlock();
	if (rc)
		return cm_err(rc);
	return was_told ? 0 : cm_wait(id);
}

/* ---- what there is not ---- */
SF_EXPORT int rdma_join_multicast(struct rdma_cm_id *id, struct sockaddr *addr, void *context)
{
	(void)id, (void)addr, (void)context;
	return cm_err(EOPNOTSUPP);
}

SF_EXPORT int rdma_join_multicast_ex(struct rdma_cm_id *id, struct rdma_cm_join_mc_attr_ex *attr,
				     void *context)
{
	(void)id, (void)attr, (void)context;
	return cm_err(EOPNOTSUPP);
}

SF_EXPORT int rdma_leave_multicast(struct rdma_cm_id *id, struct sockaddr *addr)
{
	(void)id, (void)addr;
	return cm_err(EOPNOTSUPP);
}

SF_EXPORT int rdma_set_local_ece(struct rdma_cm_id *id, struct ibv_ece *ece)
{
	(void)id, (void)ece;
	return cm_err(EOPNOTSUPP);
}

SF_EXPORT int rdma_get_remote_ece(struct rdma_cm_id *id, struct ibv_ece *ece)
{
	(void)id, (void)ece;
	return cm_err(EOPNOTSUPP);
}
