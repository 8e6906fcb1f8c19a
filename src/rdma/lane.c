/* SPDX-License-Identifier: BSD-2-Clause */
/* Completion queue, shared receive queue and registrations of one worker on one device. */
#include "rdma/lane.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/log.h"

enum { ACK_BATCH = 64 };

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

static int make_srq(struct lane *lane)
{
	struct ibv_srq_init_attr attr = { .attr = { .max_wr = lane->n_recv, .max_sge = 1 } };

	if (!lane->rnic->has_srq)
		return 0;
	lane->srq = ibv_create_srq(lane->rnic->pd, &attr);
	return lane->srq ? 0 : fail(lane, "create a shared receive queue");
}

static int register_memory(struct lane *lane, const struct lane_memory *mem)
{
	int access = rnic_mr_access(lane->rnic);

	lane->data_mr = ibv_reg_mr(lane->rnic->pd, mem->data, mem->data_len, access);
	if (!lane->data_mr)
		return fail(lane, "register the data buffers");
	lane->msg_mr = ibv_reg_mr(lane->rnic->pd, mem->msg, mem->msg_len, access);
	return lane->msg_mr ? 0 : fail(lane, "register the receive buffers");
}

int lane_new(struct rnic *rnic, const struct lane_memory *mem, uint32_t n_recv, uint32_t n_cqe,
	     int comp_vector, struct lane **out)
{
	struct lane *lane = calloc(1, sizeof(*lane));
	int ret;

	if (!lane)
		return -ENOMEM;
	lane->rnic = rnic;
	lane->n_recv = rnic->has_srq ? MIN(n_recv, rnic->max_srq_wr) : n_recv;
	lane->cq_depth = MIN(n_cqe, rnic->max_cqe);
	ret = make_cq(lane, comp_vector);
	if (!ret)
		ret = make_srq(lane);
	if (!ret)
		ret = register_memory(lane, mem);
	if (ret) {
		lane_free(lane);
		return ret;
	}
	*out = lane;
	return 0;
}

void lane_free(struct lane *lane)
{
	if (!lane)
		return;
	if (lane->srq && ibv_destroy_srq(lane->srq))
		log_warn("%s: cannot destroy the shared receive queue", lane->rnic->name);
	if (lane->cq) {
		ibv_ack_cq_events(lane->cq, lane->unacked);
		if (ibv_destroy_cq(lane->cq))
			log_warn("%s: cannot destroy a completion queue", lane->rnic->name);
	}
	if (lane->comp)
		ibv_destroy_comp_channel(lane->comp);
	if (lane->data_mr)
		ibv_dereg_mr(lane->data_mr);
	if (lane->msg_mr)
		ibv_dereg_mr(lane->msg_mr);
	free(lane);
}

int lane_arm(struct lane *lane)
{
	return -ibv_req_notify_cq(lane->cq, 0);
}

bool lane_take_event(struct lane *lane)
{
	struct ibv_cq *cq;
	void *ctx;

	if (ibv_get_cq_event(lane->comp, &cq, &ctx))
		return false;
	if (++lane->unacked == ACK_BATCH) {
		ibv_ack_cq_events(lane->cq, lane->unacked);
		lane->unacked = 0;
	}
	return true;
}
