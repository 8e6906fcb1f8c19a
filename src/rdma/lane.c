/* SPDX-License-Identifier: BSD-2-Clause */
/* Completion queue, shared receive queue and registrations of one worker on one device. */
#include "rdma/lane.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/log.h"

enum { ACK_BATCH = 64, RECV_MIN = 4 };

static int fail(const struct lane *lane, const char *what)
{
	int err = errno ? errno : EIO;

	log_err("%s: cannot %s: %s%s", lane->rnic->name, what, strerror(err),
		err == ENOMEM ? " (is the locked-memory limit high enough? see ulimit -l)" : "");
	return -err;
}

static int make_cq(struct lane *lane, int comp_vector)
{
	int flags;

	lane->comp = ibv_create_comp_channel(lane->rnic->ctx);
	if (!lane->comp)
		return fail(lane, "create a completion channel");
	flags = fcntl(lane->comp->fd, F_GETFL);
	if (flags < 0 || fcntl(lane->comp->fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return fail(lane, "make the completion channel non-blocking");
	lane->cq = ibv_create_cq(lane->rnic->ctx, (int)lane->cq_depth, lane, lane->comp,
				 comp_vector % lane->rnic->n_comp_vectors);
	return lane->cq ? 0 : fail(lane, "create a completion queue");
}

/* What a device says it can do may still be too much for its memory: try less. */
static int make_srq(struct lane *lane)
{
	struct ibv_srq_init_attr attr = { .attr = { .max_sge = 1 } };

	if (!lane->rnic->has_srq)
		return 0;
	for (; lane->max_recv >= RECV_MIN; lane->max_recv /= 2) {
		attr.attr.max_wr = lane->max_recv;
		lane->srq = ibv_create_srq(lane->rnic->pd, &attr);
		if (lane->srq)
			return 0;
	}
	return fail(lane, "create a shared receive queue");
}

struct ibv_mr *lane_register(struct lane *lane, void *mem, size_t len, int access)
{
	struct ibv_mr *mr = ibv_reg_mr(lane->rnic->pd, mem, len, access);

	if (!mr)
		fail(lane, "register memory");
	return mr;
}

/* Half of the CQ is for sends, so that many channels may be flushed at once. */
static void take_depths(struct lane *lane, uint32_t max_recv, uint32_t n_send)
{
	uint64_t want = (uint64_t)max_recv + n_send;

	lane->cq_depth = (uint32_t)MIN(want, (uint64_t)lane->rnic->max_cqe);
	lane->max_recv = MIN(max_recv, lane->cq_depth / 2);
	if (lane->rnic->has_srq)
		lane->max_recv = MIN(lane->max_recv, lane->rnic->max_srq_wr);
}

int lane_new(struct rnic *rnic, void *data, size_t data_len, uint32_t max_recv, uint32_t n_send,
	     int comp_vector, struct lane **out)
{
	struct lane *lane = calloc(1, sizeof(*lane));
	int ret;

	if (!lane)
		return -ENOMEM;
	lane->rnic = rnic;
	take_depths(lane, max_recv, n_send);
	ret = make_cq(lane, comp_vector);
	if (!ret)
		ret = make_srq(lane);
	if (!ret) {
		lane->data_mr = lane_register(lane, data, data_len, rnic_sink_access(rnic));
		ret = lane->data_mr ? 0 : -ENOMEM;
	}
	if (ret) {
		lane_free(lane);
		return ret;
	}
	*out = lane;
	return 0;
}

void lane_free_srq(struct lane *lane)
{
	if (lane->srq && ibv_destroy_srq(lane->srq))
		log_warn("%s: cannot destroy the shared receive queue", lane->rnic->name);
	lane->srq = NULL;
}

void lane_free(struct lane *lane)
{
	if (!lane)
		return;
	lane_free_srq(lane);
	if (lane->cq) {
		ibv_ack_cq_events(lane->cq, lane->unacked);
		if (ibv_destroy_cq(lane->cq))
			log_warn("%s: cannot destroy a completion queue", lane->rnic->name);
	}
	if (lane->comp)
		ibv_destroy_comp_channel(lane->comp);
	if (lane->data_mr)
		ibv_dereg_mr(lane->data_mr);
	free(lane);
}

int lane_arm(struct lane *lane)
{
	return -ibv_req_notify_cq(lane->cq, 0);
}

void lane_take_events(struct lane *lane)
{
	struct ibv_cq *cq;
	void *ctx;

	while (!ibv_get_cq_event(lane->comp, &cq, &ctx))
		if (++lane->unacked == ACK_BATCH) {
			ibv_ack_cq_events(lane->cq, lane->unacked);
			lane->unacked = 0;
		}
}
