/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Queue pairs: made and moved through their states by us, not by librdmacm, so that access flags,
 * RNR timer and RDMA READ depth are ours.
 */
#ifndef SRPTD_RDMA_QP_H
#define SRPTD_RDMA_QP_H

#include <stdint.h>

#include "rdma/cm.h"
#include "rdma/lane.h"

struct qp_params {
	uint32_t sq_depth;   /* wanted; halved until the device agrees */
	uint32_t recv_depth; /* only used without an SRQ */
	uint32_t inline_len; /* wanted bytes of inline data; less is fine */
	uint32_t rd_atomic;  /* outstanding RDMA READs agreed with the peer */
	void *context;       /* for async events: ibv_qp.qp_context */
};

struct qp {
	struct ibv_qp *ibv;
	uint32_t sq_depth;
	uint32_t inline_len;
	uint32_t rd_atomic;
};

/*
 * Create a QP for a connection request and bring it to RTS (its address handle and peer). 0, or
 * -errno after a log line. On failure nothing is left.
 */
int qp_new(struct lane *lane, struct cm_conn *conn, const struct qp_params *params,
	   struct qp *out);
/* To the error state: everything outstanding is flushed. */
void qp_error(struct qp *qp);
void qp_destroy(struct qp *qp);

#endif
