/* SPDX-License-Identifier: BSD-2-Clause */
/* librdmacm: its events, and what it does with connections, see cm.h. Listeners: cm_listen.c. */
#include "rdma/cm.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <infiniband/ib.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/log.h"

enum { RNR_RETRY_FOREVER = 7 };

struct rdma_conn {
	struct cm_conn conn;
	struct rdma_cm_id *id;
};

int cm_init(struct cm *cm, const struct cm_ops *ops, void *owner)
{
	int flags;

	cm->ops = ops;
	cm->owner = owner;
	LIST_INIT(&cm->listeners);
	cm->events = rdma_create_event_channel();
	if (!cm->events) {
		int err = errno;

		log_err("cannot open the RDMA connection manager: %s%s", strerror(err),
			err == ENODEV || err == ENOENT
				? " (no RDMA device, or the module rdma_ucm is not loaded)"
				: "");
		return -err;
	}
	flags = fcntl(cm->events->fd, F_GETFL);
	if (flags < 0 || fcntl(cm->events->fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

void cm_fini(struct cm *cm)
{
	if (cm->events)
		rdma_destroy_event_channel(cm->events);
	cm->events = NULL;
}

bool cm_available(void)
{
	struct rdma_event_channel *events = rdma_create_event_channel();

	if (events)
		rdma_destroy_event_channel(events);
	return events != NULL;
}

bool cm_on_infiniband(const struct cm_listener *listener)
{
	for (size_t i = 0; i < ARRAY_SIZE(listener->id); i++) {
		const struct rdma_cm_id *id = listener->id[i];
		struct ibv_port_attr port;

		if (id && id->verbs && !ibv_query_port(id->verbs, id->port_num, &port) &&
		    port.link_layer == IBV_LINK_LAYER_INFINIBAND)
			return true;
	}
	return false;
}

int cm_fd(const struct cm *cm)
{
	return cm->events ? cm->events->fd : -1;
}

/* ---- what librdmacm does with a connection ---- */

static struct rdma_cm_id *id_of(struct cm_conn *conn)
{
	return container_of(conn, struct rdma_conn, conn)->id;
}

static int rdma_qp_attr(struct cm_conn *conn, struct ibv_qp_attr *attr, int *mask)
{
	errno = 0;
	if (rdma_init_qp_attr(id_of(conn), attr, mask))
		return errno ? -errno : -EIO;
	return 0;
}

static int conn_accept(struct cm_conn *conn, const struct cm_accept *accept)
{
	struct rdma_conn_param param = {
		.private_data = accept->data,
		.private_data_len = accept->len,
		.responder_resources = 0, /* the initiator never issues RDMA */
		.initiator_depth = accept->rd_atomic,
		.flow_control = 1,
		.rnr_retry_count = RNR_RETRY_FOREVER,
		.srq = accept->srq,
		.qp_num = accept->qp_num,
	};

	return rdma_accept(id_of(conn), &param) ? -errno : 0;
}

static void conn_reject(struct cm_conn *conn, const void *data, uint8_t len)
{
	if (rdma_reject(id_of(conn), data, len))
		log_dbg(LOGC_CM, "cm: reject failed: %s", strerror(errno));
}

static void conn_disconnect(struct cm_conn *conn)
{
	rdma_disconnect(id_of(conn));
}

static void conn_comm_est(struct cm_conn *conn)
{
	rdma_notify(id_of(conn), IBV_EVENT_COMM_EST);
}

static void conn_destroy(struct cm_conn *conn)
{
	rdma_destroy_id(id_of(conn));
	free(container_of(conn, struct rdma_conn, conn));
}

static const struct cm_conn_ops rdma_conn_ops = {
	.qp_attr = rdma_qp_attr,
	.accept = conn_accept,
	.reject = conn_reject,
	.disconnect = conn_disconnect,
	.comm_est = conn_comm_est,
	.destroy = conn_destroy,
};

static bool is_infiniband(const struct rdma_cm_id *id)
{
	struct ibv_port_attr port;

	return !ibv_query_port(id->verbs, id->port_num, &port) &&
	       port.link_layer == IBV_LINK_LAYER_INFINIBAND;
}

static struct rdma_conn *conn_new(struct rdma_cm_id *id)
{
	struct rdma_conn *rc = calloc(1, sizeof(*rc));

	id->context = rc;
	if (!rc)
		return NULL;
	rc->id = id;
	rc->conn.ops = &rdma_conn_ops;
	rc->conn.verbs = id->verbs;
	rc->conn.port_num = id->port_num;
	rc->conn.infiniband = is_infiniband(id);
	return rc;
}

/* ---- events ---- */

static void peer_name(struct rdma_cm_id *id, char *buf, size_t len)
{
	const struct sockaddr *sa = rdma_get_peer_addr(id);
	socklen_t sa_len = sa->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
						     : sizeof(struct sockaddr_in);

	if (sa->sa_family == AF_IB)
		inet_ntop(AF_INET6, &((const struct sockaddr_ib *)sa)->sib_addr, buf,
			  (socklen_t)len);
	else if (getnameinfo(sa, sa_len, buf, (socklen_t)len, NULL, 0, NI_NUMERICHOST))
		snprintf(buf, len, "unknown");
}

/* True if the id may be destroyed after its event was acknowledged. */
static bool handle_request(struct cm *cm, const struct rdma_cm_event *event)
{
	const struct rdma_ib_addr *ib = &event->id->route.addr.addr.ibaddr;
	struct rdma_conn *rc = conn_new(event->id);
	struct cm_request req = {
		.listener = event->listen_id->context,
		.data = event->param.conn.private_data,
		.len = event->param.conn.private_data_len,
		.initiator_depth = event->param.conn.initiator_depth,
		.gid = ib->dgid,
		.local_gid = ib->sgid,
		.pkey = be16toh(ib->pkey),
	};

	if (!rc)
		return true;
	req.conn = &rc->conn;
	req.native = req.listener->service_id != 0;
	peer_name(event->id, req.peer, sizeof(req.peer));
	if (cm->ops->request(cm->owner, &req))
		return false;
	event->id->context = NULL;
	free(rc);
	return true;
}

static void handle_end(struct cm *cm, const struct rdma_cm_event *event, enum cm_end how)
{
	struct rdma_conn *rc = event->id->context;

	if (rc)
		cm->ops->ended(cm->owner, &rc->conn, how);
}

/* True if the id may be destroyed after its event was acknowledged. */
static bool handle_event(struct cm *cm, const struct rdma_cm_event *event)
{
	log_dbg(LOGC_CM, "cm: %s, status %d", rdma_event_str(event->event), event->status);
	switch (event->event) {
	case RDMA_CM_EVENT_CONNECT_REQUEST:
		return handle_request(cm, event);
	case RDMA_CM_EVENT_ESTABLISHED:
		cm->ops->established(cm->owner, &((struct rdma_conn *)event->id->context)->conn);
		break;
	case RDMA_CM_EVENT_DISCONNECTED:
		handle_end(cm, event, CM_END_DISCONNECTED);
		break;
	case RDMA_CM_EVENT_CONNECT_ERROR:
	case RDMA_CM_EVENT_UNREACHABLE:
	case RDMA_CM_EVENT_REJECTED:
		handle_end(cm, event, CM_END_FAILED);
		break;
	case RDMA_CM_EVENT_DEVICE_REMOVAL:
		if (cm_listener_removed(cm, event->id))
			return true;
		handle_end(cm, event, CM_END_DEVICE_REMOVED);
		break;
	default: /* TIMEWAIT_EXIT and what only an active side sees */
		break;
	}
	return false;
}

void cm_handle_events(struct cm *cm)
{
	struct rdma_cm_event *event;

	while (!rdma_get_cm_event(cm->events, &event)) {
		struct rdma_cm_id *id = event->id;
		bool destroy = handle_event(cm, event);

		rdma_ack_cm_event(event);
		if (destroy)
			rdma_destroy_id(id);
	}
}
