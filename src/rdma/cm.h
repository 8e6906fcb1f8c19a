/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections, made by librdmacm or by a connection manager of our own: listeners, and the events of
 * connections turned into calls of a table of functions. Knows addresses and private data, not what
 * they mean.
 */
#ifndef SRPTD_RDMA_CM_H
#define SRPTD_RDMA_CM_H

#include <infiniband/verbs.h>
#include <rdma/rdma_cma.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct cm;
struct cm_conn;

struct cm_accept {
	uint32_t qp_num;
	uint8_t rd_atomic; /* RDMA READs that we may have outstanding */
	bool srq;
	const void *data; /* private data of the REP */
	uint8_t len;
};

/* What a connection manager does with a connection. */
struct cm_conn_ops {
	/* Attributes for attr->qp_state (INIT, RTR, RTS) and their mask. 0 or -errno. */
	int (*qp_attr)(struct cm_conn *conn, struct ibv_qp_attr *attr, int *mask);
	int (*accept)(struct cm_conn *conn, const struct cm_accept *accept); /* 0 or -errno */
	void (*reject)(struct cm_conn *conn, const void *data, uint8_t len);
	void (*disconnect)(struct cm_conn *conn);
	/* The QP has received something: the connection stands, even if no RTU came. */
	void (*comm_est)(struct cm_conn *conn);
	void (*destroy)(struct cm_conn *conn);
};

struct cm_conn {
	const struct cm_conn_ops *ops;
	struct ibv_context *verbs;
	void *context; /* of who has accepted the connection */
	uint8_t port_num;
	bool infiniband; /* link layer of the port */
};

struct cm_listener {
	LIST_ENTRY(cm_listener) link; /* cm->listeners */
	struct cm *cm;
	struct rdma_cm_id *id[2]; /* IPv6-only and IPv4 when no address was given */
	char name[64];            /* "port 5000", "[fd00::1]:5000", "InfiniBand service id …" */
	uint16_t port;            /* IP */
	uint64_t service_id;      /* native InfiniBand; 0 = IP */
	bool down;                /* could not be set up yet; cm_retry() */
	void *context;            /* the owner's */
};

/* A connection request as the passive side sees it. Pointers are valid during the call only. */
struct cm_request {
	struct cm_listener *listener;
	struct cm_conn *conn;
	const void *data; /* private data without rdma_cm's own header */
	size_t len;
	bool native;             /* private data of InfiniBand's own CM, not of RDMA/CM over IP */
	uint8_t initiator_depth; /* RDMA READs that the peer can serve */
	union ibv_gid gid;       /* the peer's */
	union ibv_gid local_gid;
	uint16_t pkey;           /* of the path; bit 15 tells full members */
	char peer[64];           /* "192.0.2.7", "fe80::1%eth0", or a GID */
};

enum cm_end {
	CM_END_DISCONNECTED,
	CM_END_FAILED, /* the connection never came up */
	CM_END_DEVICE_REMOVED,
};

struct cm_ops {
	/*
	 * Answer with accept or reject of the connection; true = it is now the callee's, who sets
	 * its context.
	 */
	bool (*request)(void *owner, const struct cm_request *req);
	void (*established)(void *owner, struct cm_conn *conn);
	void (*ended)(void *owner, struct cm_conn *conn, enum cm_end how);
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
/* Does this host have the kernel's RDMA/CM? */
bool cm_available(void);
/* -1 if cm_init() was not called. */
int cm_fd(const struct cm *cm);
/* Handle every event that is waiting; never blocks. */
void cm_handle_events(struct cm *cm);

/* ---- cm_listen.c ---- */

/*
 * Listen on an address literal, or on all addresses of both families when address is NULL. 0, or
 * -errno after a log line.
 */
int cm_listen(struct cm *cm, const char *address, uint16_t port, void *context,
	      struct cm_listener **out);

/*
 * Listen for native logins on all InfiniBand ports, those that come later included (AF_IB). The
 * service id is 0x013Fpppp, RDMA/CM's range for RDMA_PS_IB (IBA annex A11). 0, also when setting it
 * up fails in a way that can pass: then it is down and cm_retry() tries again. Otherwise -errno: it
 * will never be possible in this process. Either way a log line says why; a warning if the listener is one that somebody
 * has asked for.
 */
int cm_listen_ib(struct cm *cm, uint64_t service_id, bool wanted, void *context,
		 struct cm_listener **out);
/* True if a listener is down. */
bool cm_is_waiting(const struct cm *cm);
/* Try the listeners that are down again; call now and then while cm_is_waiting(). */
void cm_retry(struct cm *cm);

/* Is the listener's address one of an InfiniBand port (IPoIB)? */
bool cm_on_infiniband(const struct cm_listener *listener);
void cm_listener_free(struct cm_listener *listener);
/* True if the id is a listener's; the listener then no longer has it. */
bool cm_listener_removed(struct cm *cm, const struct rdma_cm_id *id);

#endif
