/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A lane is one worker's share of one device: a completion queue with its channel, a shared
 * receive queue, and the registrations of the worker's memory. Made and freed by the control
 * thread, used by the worker in between.
 */
#ifndef SRPTD_RDMA_LANE_H
#define SRPTD_RDMA_LANE_H

#include <infiniband/verbs.h>
#include <stdbool.h>
#include <stdint.h>

#include "rdma/rnic.h"

/* Contiguous memory of the worker to be registered. */
struct lane_memory {
	void *data; /* data buffers */
	size_t data_len;
	void *msg; /* receive buffers and responses */
	size_t msg_len;
};

struct lane {
	struct rnic *rnic;
	struct ibv_comp_channel *comp;
	struct ibv_cq *cq;
	struct ibv_srq *srq; /* NULL: the device has none, receives are posted per QP */
	struct ibv_mr *data_mr;
	struct ibv_mr *msg_mr;
	uint32_t n_recv;     /* receives that the SRQ holds */
	uint32_t cq_depth;
	unsigned int unacked; /* completion events not yet acknowledged */
};

/*
 * Make a lane whose SRQ holds up to n_recv receives and whose CQ takes n_cqe completions; both are
 * cut to what the device has. 0, or -errno after saying in the log what failed.
 */
int lane_new(struct rnic *rnic, const struct lane_memory *mem, uint32_t n_recv, uint32_t n_cqe,
	     int comp_vector, struct lane **out);
/* No QP may be left on it. */
void lane_free(struct lane *lane);

/* Arm the CQ for the next completion; poll once more before sleeping. 0 or -errno. */
int lane_arm(struct lane *lane);
/* Take one completion event if there is one. Returns whether there was. */
bool lane_take_event(struct lane *lane);

#endif
