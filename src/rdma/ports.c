/* SPDX-License-Identifier: BSD-2-Clause */
/* Ports by verbs, see ports.h. */
#include "rdma/ports.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <infiniband/verbs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void take_pkeys(struct ibv_context *ctx, const struct ibv_port_attr *attr,
		       struct rdma_port *port)
{
	__be16 pkey;

	port->pkeys = calloc(attr->pkey_tbl_len + 1u, sizeof(*port->pkeys));
	for (int i = 0; port->pkeys && i < attr->pkey_tbl_len; i++)
		if (!ibv_query_pkey(ctx, port->port_num, i, &pkey) && (be16toh(pkey) & 0x7fff))
			port->pkeys[port->n_pkeys++] = be16toh(pkey);
}

static bool known_ip(const struct rdma_port *port, const char *ip)
{
	for (size_t i = 0; i < port->n_ips; i++)
		if (strcmp(port->ips[i], ip) == 0)
			return true;
	return false;
}

/* False also for an empty entry. */
static bool query_gid(struct ibv_context *ctx, uint8_t port_num, int index, struct in6_addr *out)
{
	union ibv_gid gid;

	if (ibv_query_gid(ctx, port_num, index, &gid))
		return false;
	memcpy(out, &gid, sizeof(*out));
	return !IN6_IS_ADDR_UNSPECIFIED(out);
}

/* RoCE has the addresses of the network device as GIDs (IBA A17.4.1); link-local ones say nothing. */
static void take_ips(struct ibv_context *ctx, const struct ibv_port_attr *attr,
		     struct rdma_port *port)
{
	struct in6_addr gid;
	char ip[64];

	port->ips = calloc((size_t)attr->gid_tbl_len + 1, sizeof(*port->ips));
	for (int i = 0; port->ips && i < attr->gid_tbl_len; i++) {
		if (!query_gid(ctx, port->port_num, i, &gid) || IN6_IS_ADDR_LINKLOCAL(&gid))
			continue;
		if (IN6_IS_ADDR_V4MAPPED(&gid))
			inet_ntop(AF_INET, &gid.s6_addr[12], ip, sizeof(ip));
		else
			inet_ntop(AF_INET6, &gid, ip, sizeof(ip));
		if (!known_ip(port, ip))
			memcpy(port->ips[port->n_ips++], ip, sizeof(ip));
	}
}

static void take_port(struct ibv_context *ctx, uint8_t num, struct rdma_port *port)
{
	struct ibv_port_attr attr;
	struct in6_addr gid;

	snprintf(port->device, sizeof(port->device), "%s", ibv_get_device_name(ctx->device));
	port->port_num = num;
	if (ibv_query_port(ctx, num, &attr))
		return;
	port->active = attr.state == IBV_PORT_ACTIVE;
	port->infiniband = attr.link_layer == IBV_LINK_LAYER_INFINIBAND;
	port->lid = attr.lid;
	port->device_management = attr.port_cap_flags & IBV_PORT_DEVICE_MGMT_SUP;
	port->mtu = 128u << attr.active_mtu;
	if (!port->infiniband) {
		if (ctx->device->transport_type == IBV_TRANSPORT_IB)
			take_ips(ctx, &attr, port);
		return;
	}
	if (query_gid(ctx, num, 0, &gid))
		memcpy(port->gid, &gid, sizeof(port->gid));
	take_pkeys(ctx, &attr, port);
}

static int take_device(struct ibv_device *device, struct rdma_port **ports, size_t *n)
{
	struct ibv_context *ctx = ibv_open_device(device);
	struct ibv_device_attr attr;
	struct rdma_port *more;

	if (!ctx)
		return 0; /* it has just gone, or is not ours to open */
	if (ibv_query_device(ctx, &attr))
		attr.phys_port_cnt = 0;
	more = realloc(*ports, (*n + attr.phys_port_cnt + 1u) * sizeof(*more));
	if (more) {
		*ports = more;
		memset(more + *n, 0, (attr.phys_port_cnt + 1u) * sizeof(*more));
		for (uint8_t i = 1; i <= attr.phys_port_cnt; i++)
			take_port(ctx, i, &more[(*n)++]);
	}
	ibv_close_device(ctx);
	return more ? 0 : -ENOMEM;
}

int rdma_ports_get(struct rdma_port **out, size_t *n)
{
	struct ibv_device **list = ibv_get_device_list(NULL);
	int ret = list || errno == ENOSYS ? 0 : -errno;

	*out = NULL;
	*n = 0;
	for (size_t i = 0; list && list[i] && !ret; i++)
		ret = take_device(list[i], out, n);
	if (list)
		ibv_free_device_list(list);
	if (ret) {
		rdma_ports_free(*out, *n);
		*out = NULL;
		*n = 0;
	}
	return ret;
}

void rdma_ports_free(struct rdma_port *ports, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(ports[i].pkeys);
		free(ports[i].ips);
	}
	free(ports);
}
