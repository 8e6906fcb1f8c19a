/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An RDMA device as the target uses it: the verbs context that librdmacm opened, one protection
 * domain, and the limits that matter. Used by the control thread; the limits never change after
 * rnic_new().
 */
#ifndef SRPTD_RDMA_RNIC_H
#define SRPTD_RDMA_RNIC_H

#include <infiniband/verbs.h>
#include <stdbool.h>
#include <stdint.h>

struct rnic {
	struct ibv_context *ctx; /* librdmacm's: not closed by us */
	struct ibv_pd *pd;
	char name[64];
	bool iwarp;
	bool has_srq; /* and one that is worth using */
	uint32_t max_qp_wr;
	uint32_t max_srq_wr;
	uint32_t max_cqe;
	uint32_t max_rd_atom;  /* RDMA READs we may have outstanding per QP */
	uint64_t max_msg;      /* bytes in one RDMA transfer */
	int n_comp_vectors;
	bool lost; /* removed or dead: nothing more is to be had from it */
	uint32_t n_channels; /* the caller's count of users */
};

/* 0, or -errno after saying in the log what failed. */
int rnic_new(struct ibv_context *ctx, struct rnic **out);
/* No object on the protection domain may be left. */
void rnic_free(struct rnic *rnic);

/*
 * Access flags for the sink of RDMA READs: local writing only (rule 2: the initiator gets no RDMA
 * access). iWARP is the exception that the standard forces: the sink is written by tagged messages
 * of the peer, so the region must allow remote writes there (RFC 5040).
 */
int rnic_sink_access(const struct rnic *rnic);

#endif
