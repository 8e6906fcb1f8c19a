/* SPDX-License-Identifier: BSD-2-Clause */
/* RDMA devices and their limits, see rnic.h. */
#include "rdma/rnic.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/log.h"

/*
 * Receives in a shared queue that are worth having: a smaller one serves a few channels badly, where
 * a queue of their own serves each one well.
 */
enum { SRQ_LEAST = 256 };

/* The largest message of any port: ports of one device do not differ in practice. */
static uint64_t query_max_msg(struct ibv_context *ctx)
{
	struct ibv_port_attr port;

	if (ibv_query_port(ctx, 1, &port) || port.max_msg_sz == 0)
		return 1u << 30;
	return port.max_msg_sz;
}

static void take_limits(struct rnic *rnic, const struct ibv_device_attr *attr)
{
	rnic->iwarp = rnic->ctx->device->transport_type == IBV_TRANSPORT_IWARP;
	rnic->has_srq = attr->max_srq > 0 && attr->max_srq_wr >= SRQ_LEAST;
	rnic->max_qp_wr = (uint32_t)attr->max_qp_wr;
	rnic->max_srq_wr = (uint32_t)attr->max_srq_wr;
	rnic->max_cqe = (uint32_t)attr->max_cqe;
	rnic->max_rd_atom = (uint32_t)MAX(attr->max_qp_init_rd_atom, 1);
	rnic->max_msg = query_max_msg(rnic->ctx);
	rnic->n_comp_vectors = MAX(rnic->ctx->num_comp_vectors, 1);
}

int rnic_new(struct ibv_context *ctx, struct rnic **out)
{
	const char *name = ibv_get_device_name(ctx->device);
	struct ibv_device_attr attr;
	struct rnic *rnic = calloc(1, sizeof(*rnic));
	int ret;

	if (!rnic)
		return -ENOMEM;
	rnic->ctx = ctx;
	snprintf(rnic->name, sizeof(rnic->name), "%s", name);
	ret = ibv_query_device(ctx, &attr);
	if (ret) {
		log_err("%s: cannot query the device: %s", name, strerror(ret));
		free(rnic);
		return -ret;
	}
	take_limits(rnic, &attr);
	rnic->pd = ibv_alloc_pd(ctx);
	if (!rnic->pd) {
		ret = errno;
		log_err("%s: cannot allocate a protection domain: %s", name, strerror(ret));
		free(rnic);
		return -ret;
	}
	*out = rnic;
	return 0;
}

void rnic_free(struct rnic *rnic)
{
	int ret;

	if (!rnic)
		return;
	ret = ibv_dealloc_pd(rnic->pd);
	if (ret)
		log_warn("%s: cannot free the protection domain: %s", rnic->name, strerror(ret));
	free(rnic);
}

int rnic_sink_access(const struct rnic *rnic)
{
	return IBV_ACCESS_LOCAL_WRITE | (rnic->iwarp ? IBV_ACCESS_REMOTE_WRITE : 0);
}
