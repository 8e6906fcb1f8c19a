/* SPDX-License-Identifier: BSD-2-Clause */
/* Queue pair creation and state transitions, see qp.h. */
#include "rdma/qp.h"

#include <errno.h>
#include <string.h>

#include "base/compiler.h"
#include "base/log.h"

enum {
	SQ_MIN = 16,
	RNR_TIMER = 12, /* 0.64 ms; the CM's 0 would mean 655 ms of stall (IBA 9.7.5.2.8) */
	/* old kernels return these RoCE address bits for InfiniBand ports, and refuse them then */
	ROCE_ATTR_MASK = 0x00e00000,
};

/* A device may refuse inline data or a deep send queue only at creation: try less. */
static struct ibv_qp *create(struct lane *lane, const struct qp_params *p, struct qp *out)
{
	uint32_t depth = MIN(p->sq_depth, lane->rnic->max_qp_wr);
	uint32_t inline_len = p->inline_len;

	while (depth >= SQ_MIN) {
		struct ibv_qp_init_attr attr = {
			.qp_context = p->context,
			.send_cq = lane->cq,
			.recv_cq = lane->cq,
			.srq = lane->srq,
			.qp_type = IBV_QPT_RC,
			.cap = { .max_send_wr = depth,
				 .max_recv_wr = lane->srq ? 0 : p->recv_depth,
				 .max_send_sge = 1,
				 .max_recv_sge = 1,
				 .max_inline_data = inline_len },
		};
		struct ibv_qp *ibv = ibv_create_qp(lane->rnic->pd, &attr);

		if (ibv) {
			out->sq_depth = depth;
			out->inline_len = attr.cap.max_inline_data;
			return ibv;
		}
		if (inline_len)
			inline_len = 0;
		else
			depth /= 2;
	}
	return NULL;
}

static int move(struct cm_conn *conn, struct qp *qp, enum ibv_qp_state state)
{
	struct ibv_qp_attr attr = { .qp_state = state };
	int mask;
	int ret = conn->ops->qp_attr(conn, &attr, &mask);

	if (ret)
		return -ret;
	if (state == IBV_QPS_RTR && conn->infiniband)
		mask &= ~ROCE_ATTR_MASK;
	if (mask & IBV_QP_ACCESS_FLAGS)
		attr.qp_access_flags = 0; /* rule 2: only the target issues RDMA */
	if (mask & IBV_QP_MIN_RNR_TIMER)
		attr.min_rnr_timer = RNR_TIMER;
	if (mask & IBV_QP_MAX_QP_RD_ATOMIC)
		attr.max_rd_atomic = (uint8_t)qp->rd_atomic;
	return ibv_modify_qp(qp->ibv, &attr, mask);
}

int qp_new(struct lane *lane, struct cm_conn *conn, const struct qp_params *params, struct qp *out)
{
	static const enum ibv_qp_state path[] = { IBV_QPS_INIT, IBV_QPS_RTR, IBV_QPS_RTS };

	out->rd_atomic = params->rd_atomic;
	out->ibv = create(lane, params, out);
	if (!out->ibv) {
		int err = errno ? errno : EIO;

		log_err("%s: cannot create a queue pair: %s", lane->rnic->name, strerror(err));
		return -err;
	}
	for (size_t i = 0; i < ARRAY_SIZE(path); i++) {
		int err = move(conn, out, path[i]);

		if (err) {
			log_err("%s: cannot move a queue pair to state %d: %s", lane->rnic->name,
				path[i], strerror(err));
			qp_destroy(out);
			return -err;
		}
	}
	return 0;
}

void qp_error(struct qp *qp)
{
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_ERR };

	if (qp->ibv)
		ibv_modify_qp(qp->ibv, &attr, IBV_QP_STATE);
}

void qp_destroy(struct qp *qp)
{
	int ret;

	if (!qp->ibv)
		return;
	ret = ibv_destroy_qp(qp->ibv);
	if (ret)
		log_warn("cannot destroy a queue pair: %s", strerror(ret));
	qp->ibv = NULL;
}
