/*
 * The inside of the RDMA/CM part: ids, their states, the messages between two CMs.
 * Shared by cm*.c only.
 */
#ifndef SIMFAB_CM_H
#define SIMFAB_CM_H

#include "simfab.h"

#include <errno.h>

#define CM_REQ_DATA   92 /* IBA 12.6.5 */
#define CM_IP_HEADER  36 /* IBA A11: the first bytes of it on IP addresses */
#define CM_REP_DATA   196
#define CM_REJ_DATA   148
#define CM_IWARP_DATA 512
#define CM_ARI_DATA   72

/* Bits that old kernels set in the mask for RTR of an InfiniBand port, where they are illegal. */
#define CM_ROCE_ATTR_MASK 0x00e00000

enum cm_reason { /* IBA 12.6.7.2 */
	CM_REJ_TIMEOUT = 4,
	CM_REJ_INVALID_SERVICE = 8,
	CM_REJ_CONSUMER = 28,
};

enum cm_type {
	CM_REQ,
	CM_REP,
	CM_RTU,
	CM_REJ,
	CM_DREQ,
	CM_DREP
};

struct cm_msg {
	uint8_t type;
	uint8_t responder_resources, initiator_depth;
	uint8_t retry_count, rnr_retry_count, flow_control, srq;
	uint8_t pad;
	uint16_t reason; /* REJ */
	uint16_t ps;	 /* REQ */
	uint16_t len;	 /* private data bytes that count */
	uint16_t pad2;
	uint32_t local_id, remote_id; /* as the sender of the message sees them */
	uint32_t listener;	      /* REQ */
	uint32_t qpn, psn;
	struct sockaddr_storage src, dst; /* REQ */
	uint8_t data[CM_IWARP_DATA];
};

enum cm_state {
	CM_IDLE,
	CM_BOUND,
	CM_ADDR_QUERY, /* the answer is on its way */
	CM_ADDR_RESOLVED,
	CM_ROUTE_QUERY,
	CM_ROUTE_RESOLVED,
	CM_LISTEN,
	CM_REQ_SENT,
	CM_REQ_RCVD,
	CM_REP_SENT,
	CM_REP_RCVD, /* active, the RTU waits for the application */
	CM_ESTABLISHED,
	CM_DREQ_SENT,
	CM_DREQ_RCVD,
	CM_TIMEWAIT,
	CM_DEAD, /* rejected, timed out, or over */
};

struct cm_chan {
	struct rdma_event_channel v;
	struct sf_evq evq;
};

struct cm_id {
	struct rdma_cm_id v;
	struct sf_list node;	 /* on cm.ids */
	uint32_t handle, remote; /* communication ids */
	enum cm_state state;
	struct sf_link *link;
	struct sf_port port;
	bool sync; /* made without a channel: calls wait */
	bool told_disconnected, device_bound;
	int backlog;
	uint8_t ack_timeout; /* RDMA_OPTION_ID_ACK_TIMEOUT, 0: default */

	/* the connection, in our view */
	uint32_t psn, remote_psn, remote_qpn;
	uint8_t responder_resources, initiator_depth;
	uint8_t retry_count, rnr_retry_count;

	struct sf_timer timer;
	int resolve_status;		  /* what the address query will answer */
	struct ibv_qp_init_attr *qp_init; /* rdma_create_ep, passive */

	pthread_mutex_t mut;
	pthread_cond_t cond;
	uint32_t reported, completed; /* events got, events acknowledged */
};

struct cm_event {
	struct sf_ev ev;
	struct rdma_cm_event v;
	struct cm_id *owner; /* whose destruction waits for the ack */
	struct cm_id *child; /* CONNECT_REQUEST: the new id */
	uint8_t data[CM_IWARP_DATA];
};

/* Everything below is called with fab.lock held unless it says otherwise. */

static inline struct cm_id *cm_of(struct rdma_cm_id *id)
{
	return sf_container(id, struct cm_id, v);
}

static inline struct cm_chan *chan_of(struct rdma_event_channel *ch)
{
	return sf_container(ch, struct cm_chan, v);
}

static inline int cm_err(int e)
{
	errno = e;
	return -1;
}

/* InfiniBand's own CM: all of the private data is the application's. */
static inline bool cm_native(const struct cm_id *id)
{
	return id->v.ps == RDMA_PS_IB;
}

static inline bool cm_ib(const struct cm_id *id)
{
	return sf_container(id->v.verbs, struct sf_ctx, v)->dev->prof->ib;
}

static inline bool cm_iwarp(const struct cm_id *id)
{
	return id->v.verbs && id->v.verbs->device->transport_type == IBV_TRANSPORT_IWARP;
}

/* cm.c */
struct cm_id *cm_new(struct rdma_event_channel *ch, void *context, enum rdma_port_space ps);
void cm_free(struct cm_id *id);
void cm_abandon(struct cm_id *id);
struct cm_id *cm_find(uint32_t handle);
void cm_each(void (*fn)(struct cm_id *id, void *arg), void *arg);
int cm_set_device(struct cm_id *id, int dev);
int cm_destroy_now(struct cm_id *id); /* takes the lock itself */

/* cm_wire.c */
void cm_send(struct cm_id *id, enum cm_type type, struct cm_msg *m);
void cm_send_rej(struct cm_id *id, uint16_t reason, const void *data, uint8_t len);
void cm_timeout_arm(struct cm_id *id);
void cm_timewait(struct cm_id *id);
void cm_timer_init(struct cm_id *id);

/* cm_event.c */
struct cm_event *cm_event_new(struct cm_id *id, enum rdma_cm_event_type type, int status);
void cm_event_push(struct cm_id *id, struct cm_event *e);
void cm_event_simple(struct cm_id *id, enum rdma_cm_event_type type, int status);
void cm_event_data(struct cm_event *e, const struct cm_msg *m, uint16_t area, uint16_t skip,
		   bool exact);
void cm_events_drop(struct cm_id *id);
int cm_wait(struct cm_id *id); /* without the lock */

/* cm_qp.c: without the lock */
int cm_qp_rtr(struct cm_id *id);
int cm_qp_rts(struct cm_id *id);
int cm_qp_err(struct cm_id *id);

/* cm_addr.c */
int cm_bind(struct cm_id *id, const struct sockaddr *addr);
void cm_resolved(struct cm_id *id);
void cm_fill_gids(struct cm_id *id);

#endif
