/*
 * The fabric under one stepping thread: no engine thread, no progress but what the caller asks
 * for, and the caller's clock. For programs that are linked with the fabric (the library
 * simfab_step) and hold every end of every connection themselves.
 *
 * Packets wait in flows: one per direction of a connection for data, one per sending id for CM
 * messages. Within a flow they keep their order, between flows the caller chooses.
 */
#ifndef SIMFAB_STEP_H
#define SIMFAB_STEP_H

#include <stdbool.h>
#include <stdint.h>
#include <rdma/rdma_cma.h>

enum simfab_msg { /* what a packet is */
	SIMFAB_SEND,
	SIMFAB_WRITE,
	SIMFAB_READ,
	SIMFAB_READ_RESP,
	SIMFAB_ACK,
	SIMFAB_NAK,
	SIMFAB_CM_REQ,
	SIMFAB_CM_REP,
	SIMFAB_CM_RTU,
	SIMFAB_CM_REJ,
	SIMFAB_CM_DREQ,
	SIMFAB_CM_DREP,
};

struct simfab_flow { /* the oldest packet of a flow */
	enum simfab_msg msg;
	uint32_t src, dst; /* QP numbers; of CM messages the ids' handles */
	uint32_t len;	   /* payload bytes */
	uint32_t waiting;  /* packets in the flow */
	uint64_t due;	   /* ns; it may be delivered from then on */
};

struct simfab_stepping {
	uint64_t (*now_ns)(void);
	/* For every packet sent: ns until it may be delivered, SIMFAB_LOST to lose it. */
	uint64_t (*delay)(const struct simfab_flow *packet);
};

#define SIMFAB_LOST UINT64_MAX

/* Before any other call, once; @how stays. */
void simfab_step_start(const struct simfab_stepping *how);
/*
 * With no object of the application left: devices are whole, the first has the limits of the
 * profile, the others those of "hca" or "siw"; numbers, and the chance of faults, begin again, so
 * that equal calls have equal results.  0, or -1 for an unknown profile.
 */
int simfab_step_restart(const char *profile, uint64_t seed);

/* Flows whose oldest packet is due: at most @max to @out, in the order of their first packets. */
unsigned int simfab_step_flows(struct simfab_flow *out, unsigned int max);
/* Deliver, or lose, the oldest packet of the n-th of these. */
void simfab_step_deliver(unsigned int n);
void simfab_step_lose(unsigned int n);
/* Queue pairs that have something to send; let the n-th of them send what it may. */
unsigned int simfab_step_ready(void);
void simfab_step_send(unsigned int n);
/* When the next timer, the next packet is due, ns; UINT64_MAX if there is none. */
uint64_t simfab_step_next_timer(void);
uint64_t simfab_step_next_packet(void);
/* Run the timers that are due. */
void simfab_step_timers(void);

/* What exists: for finding out what was left. */
struct simfab_census {
	unsigned int qps, mrs, ids, packets;
};
void simfab_step_census(struct simfab_census *out);
/* Receives posted and not yet consumed. */
uint32_t simfab_srq_posted(const struct ibv_srq *srq);
uint32_t simfab_qp_posted(const struct ibv_qp *qp);
/* Completions that nobody has polled yet; receives of them, of @qp alone unless NULL. */
uint32_t simfab_cq_count(struct ibv_cq *cq);
uint32_t simfab_cq_receives(struct ibv_cq *cq, const struct ibv_qp *qp);
/* Is an event waiting: what poll() on the descriptor would say. */
bool simfab_cm_pending(struct rdma_event_channel *channel);
bool simfab_async_pending(struct ibv_context *ctx);
bool simfab_comp_pending(struct ibv_comp_channel *channel);
/* The id as flows of CM messages name it. */
uint32_t simfab_cm_handle(struct rdma_cm_id *id);
/* The device finds something wrong with a queue pair: error state, QP_FATAL. */
void simfab_qp_fatal(struct ibv_qp *qp);

#endif
