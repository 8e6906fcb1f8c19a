/* SPDX-License-Identifier: BSD-2-Clause */
/* librdmacm listeners and events, see cm.h. */
#include "rdma/cm.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/log.h"

enum { BACKLOG = 128, RNR_RETRY_FOREVER = 7 };

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

int cm_fd(const struct cm *cm)
{
	return cm->events->fd;
}

static void peer_name(struct rdma_cm_id *id, char *buf, size_t len)
{
	const struct sockaddr *sa = rdma_get_peer_addr(id);
	socklen_t sa_len = sa->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
						     : sizeof(struct sockaddr_in);

	if (getnameinfo(sa, sa_len, buf, (socklen_t)len, NULL, 0, NI_NUMERICHOST))
		snprintf(buf, len, "unknown");
}

/* True if the id may be destroyed after its event was acknowledged. */
static bool handle_request(struct cm *cm, const struct rdma_cm_event *event)
{
	struct cm_request req = {
		.listener = event->listen_id->context,
		.id = event->id,
		.data = event->param.conn.private_data,
		.len = event->param.conn.private_data_len,
		.initiator_depth = event->param.conn.initiator_depth,
	};

	event->id->context = NULL;
	peer_name(event->id, req.peer, sizeof(req.peer));
	return !cm->ops->request(cm->owner, &req);
}

/* A listener on an address of a device that goes: it can only be given up. */
static bool listener_removed(struct cm *cm, const struct rdma_cm_id *id)
{
	struct cm_listener *l;

	LIST_FOREACH(l, &cm->listeners, link)
		for (size_t i = 0; i < ARRAY_SIZE(l->id); i++)
			if (l->id[i] == id) {
				log_warn("%s: its RDMA device is being removed; not listening there "
					 "any more", l->name);
				l->id[i] = NULL;
				return true;
			}
	return false;
}

/* True if the id may be destroyed after its event was acknowledged. */
static bool handle_event(struct cm *cm, const struct rdma_cm_event *event)
{
	struct rdma_cm_id *id = event->id;

	log_dbg(LOGC_CM, "cm: %s, status %d", rdma_event_str(event->event), event->status);
	switch (event->event) {
	case RDMA_CM_EVENT_CONNECT_REQUEST:
		return handle_request(cm, event);
	case RDMA_CM_EVENT_ESTABLISHED:
		cm->ops->established(cm->owner, id);
		break;
	case RDMA_CM_EVENT_DISCONNECTED:
		cm->ops->ended(cm->owner, id, CM_END_DISCONNECTED);
		break;
	case RDMA_CM_EVENT_CONNECT_ERROR:
	case RDMA_CM_EVENT_UNREACHABLE:
	case RDMA_CM_EVENT_REJECTED:
		cm->ops->ended(cm->owner, id, CM_END_FAILED);
		break;
	case RDMA_CM_EVENT_DEVICE_REMOVAL:
		if (listener_removed(cm, id))
			return true;
		cm->ops->ended(cm->owner, id, CM_END_DEVICE_REMOVED);
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

static int fill_sockaddr(const char *address, int family, uint16_t port,
			 struct sockaddr_storage *out)
{
	struct addrinfo hints = { .ai_family = family,
				  .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE };
	struct addrinfo *ai;
	char service[8];

	snprintf(service, sizeof(service), "%u", port);
	if (getaddrinfo(address, service, &hints, &ai))
		return -EINVAL;
	memcpy(out, ai->ai_addr, ai->ai_addrlen);
	freeaddrinfo(ai);
	return 0;
}

static int listen_one(struct cm_listener *l, const char *address, int family,
		      struct rdma_cm_id **out)
{
	struct sockaddr_storage ss = { 0 };
	struct rdma_cm_id *id;
	int on = 1;
	int err;

	if (fill_sockaddr(address, family, l->port, &ss))
		return -EINVAL;
	if (rdma_create_id(l->cm->events, &id, l, RDMA_PS_TCP))
		return -errno;
	if (ss.ss_family == AF_INET6)
		rdma_set_option(id, RDMA_OPTION_ID, RDMA_OPTION_ID_AFONLY, &on, sizeof(on));
	if (rdma_bind_addr(id, (struct sockaddr *)&ss) || rdma_listen(id, BACKLOG)) {
		err = errno;
		rdma_destroy_id(id);
		return -err;
	}
	*out = id;
	return 0;
}

static bool family_absent(int ret)
{
	return ret == -EAFNOSUPPORT;
}

/* The kernel says EADDRNOTAVAIL where a wildcard meets a port that another address has. */
static const char *listen_hint(int ret)
{
	switch (ret) {
	case -ENODEV:
		return " (no RDMA device has this address)";
	case -EADDRINUSE:
	case -EADDRNOTAVAIL:
		return " (the port is in use)";
	}
	return "";
}

/*
 * Both families are two ids: on one dual-stack id some iWARP drivers refuse IPv4 peers. A host that
 * lacks one family is fine.
 */
static int listen_all(struct cm_listener *l)
{
	int ret6 = listen_one(l, "::", AF_INET6, &l->id[0]);
	int ret4 = listen_one(l, "0.0.0.0", AF_INET, &l->id[1]);

	snprintf(l->name, sizeof(l->name), "port %u", l->port);
	if (ret6 && !family_absent(ret6))
		return ret6;
	if (ret4 && !family_absent(ret4))
		return ret4;
	return ret6 ? ret4 : 0;
}

static int listen_on(struct cm_listener *l, const char *address)
{
	snprintf(l->name, sizeof(l->name), strchr(address, ':') ? "[%s]:%u" : "%s:%u", address,
		 l->port);
	return listen_one(l, address, AF_UNSPEC, &l->id[0]);
}

int cm_listen(struct cm *cm, const char *address, uint16_t port, void *context,
	      struct cm_listener **out)
{
	struct cm_listener *l = calloc(1, sizeof(*l));
	int ret;

	if (!l)
		return -ENOMEM;
	l->cm = cm;
	l->port = port;
	l->context = context;
	LIST_INSERT_HEAD(&cm->listeners, l, link);
	ret = address ? listen_on(l, address) : listen_all(l);
	if (ret) {
		log_err("cannot listen on %s: %s%s", l->name, strerror(-ret), listen_hint(ret));
		cm_listener_free(l);
		return ret;
	}
	*out = l;
	return 0;
}

void cm_listener_free(struct cm_listener *listener)
{
	if (!listener)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(listener->id); i++)
		if (listener->id[i])
			rdma_destroy_id(listener->id[i]);
	LIST_REMOVE(listener, link);
	free(listener);
}

int cm_accept(struct rdma_cm_id *id, uint32_t qp_num, uint8_t rd_atomic, bool srq, const void *data,
	      uint8_t len)
{
	struct rdma_conn_param param = {
		.private_data = data,
		.private_data_len = len,
		.responder_resources = 0, /* the initiator never issues RDMA */
		.initiator_depth = rd_atomic,
		.flow_control = 1,
		.rnr_retry_count = RNR_RETRY_FOREVER,
		.srq = srq,
		.qp_num = qp_num,
	};

	return rdma_accept(id, &param) ? -errno : 0;
}

void cm_reject(struct rdma_cm_id *id, const void *data, uint8_t len)
{
	if (rdma_reject(id, data, len))
		log_dbg(LOGC_CM, "cm: reject failed: %s", strerror(errno));
}
