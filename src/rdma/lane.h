/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A lane is one worker's share of one device: a completion queue with its channel, a shared
 * receive queue, and the registration of the worker's data memory. Made and freed by the control
 * thread, used by the worker in between.
 */
#ifndef SRPTD_RDMA_LANE_H
#define SRPTD_RDMA_LANE_H

#include <infiniband/verbs.h>
#include <stdbool.h>
#include <stdint.h>

#include "rdma/rnic.h"

struct lane {
	struct rnic *rnic;
	struct ibv_comp_channel *comp;
	struct ibv_cq *cq;
	struct ibv_srq *srq; /* NULL: the device has none, receives are posted per QP */
	struct ibv_mr *data_mr;
	uint32_t max_recv;   /* receives that the queues have room for */
	uint32_t cq_depth;
	unsigned int unacked; /* completion events not yet acknowledged */
};

/*
 * Make a lane with room for max_recv receives and for n_send sends that wait to be polled; both
 * are cut to what the device has. data is the worker's memory for data and responses. 0, or -errno
 * after saying in the log what failed.
 */
int lane_new(struct rnic *rnic, void *data, size_t data_len, uint32_t max_recv, uint32_t n_send,
	     int comp_vector, struct lane **out);
/* Register memory of the worker on the lane's device. NULL after a log line. */
struct ibv_mr *lane_register(struct lane *lane, void *mem, size_t len, int access);
/* No QP may be left on it. */
void lane_free(struct lane *lane);
/* The SRQ alone, before the memory of its receives is given up; lane_free() has to follow. */
void lane_free_srq(struct lane *lane);

/* Arm the CQ for the next completion; poll once more before sleeping. 0 or -errno. */
int lane_arm(struct lane *lane);
/* Take every completion event that is there. */
void lane_take_events(struct lane *lane);

#endif
