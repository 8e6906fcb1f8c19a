/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections by librdmacm: listeners on IP addresses and the events of their connections, turned
 * into calls of a table of functions. Knows addresses and private data, not what they mean.
 */
#ifndef SRPTD_RDMA_CM_H
#define SRPTD_RDMA_CM_H

#include <rdma/rdma_cma.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct cm;

struct cm_listener {
	LIST_ENTRY(cm_listener) link; /* cm->listeners */
	struct cm *cm;
	struct rdma_cm_id *id[2]; /* IPv6-only and IPv4 when no address was given */
	char name[64];            /* "[::]:5000 and 0.0.0.0:5000" */
	uint16_t port;
	void *context;            /* the owner's */
};

/* A connection request as the passive side sees it. Pointers are valid during the call only. */
struct cm_request {
	struct cm_listener *listener;
	struct rdma_cm_id *id;
	const void *data; /* private data without rdma_cm's own header */
	size_t len;
	uint8_t initiator_depth; /* RDMA READs that the peer can serve */
	char peer[64];           /* "192.0.2.7" or "fe80::1%eth0" */
};

enum cm_end {
	CM_END_DISCONNECTED,
	CM_END_FAILED, /* the connection never came up */
	CM_END_DEVICE_REMOVED,
};

struct cm_ops {
	/* Answer with cm_accept() or cm_reject(); true = accepted, the id is now the callee's. */
	bool (*request)(void *owner, const struct cm_request *req);
	/* id->context is what was set at the request. */
	void (*established)(void *owner, struct rdma_cm_id *id);
	void (*ended)(void *owner, struct rdma_cm_id *id, enum cm_end how);
};

struct cm {
	struct rdma_event_channel *events;
	const struct cm_ops *ops;
	void *owner;
	LIST_HEAD(, cm_listener) listeners;
};

/* 0 or -errno after a log line that says what to do (no RDMA device, module missing). */
int cm_init(struct cm *cm, const struct cm_ops *ops, void *owner);
void cm_fini(struct cm *cm);
int cm_fd(const struct cm *cm);
/* Handle every event that is waiting; never blocks. */
void cm_handle_events(struct cm *cm);

/*
 * Listen on an address literal, or on all addresses of both families when address is NULL. 0, or
 * -errno after a log line.
 */
int cm_listen(struct cm *cm, const char *address, uint16_t port, void *context,
	      struct cm_listener **out);
void cm_listener_free(struct cm_listener *listener);

/* 0 or -errno. */
int cm_accept(struct rdma_cm_id *id, uint32_t qp_num, uint8_t rd_atomic, bool srq, const void *data,
	      uint8_t len);
void cm_reject(struct rdma_cm_id *id, const void *data, uint8_t len);

#endif
