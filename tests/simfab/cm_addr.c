/*
 * Addresses of RDMA/CM ids: binding, resolving, listening.
 *
 * Knows: which source goes with which destination, which device owns an address.
 * Does not know: connections.
 */
#include "cm.h"

#include <arpa/inet.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define RESOLVE_NS 1000000u /* an answer never comes within the call that asks */

void cm_fill_gids(struct cm_id *id)
{
	void (*to_gid)(const struct sockaddr *, union ibv_gid *) =
		cm_ib(id) && !cm_native(id) ? gid_of_addr : sa_to_gid;
	struct rdma_ib_addr *ib = &id->v.route.addr.addr.ibaddr;

	to_gid(&id->v.route.addr.src_addr, &ib->sgid);
	to_gid(&id->v.route.addr.dst_addr, &ib->dgid);
	ib->pkey = htons(sa_pkey(&id->v.route.addr.dst_addr));
}

/* AF_IB goes with RDMA_PS_IB, whose service ids are the kernel's to give out. */
static int check_ib(const struct cm_id *id, const struct sockaddr *addr)
{
	const struct sockaddr_ib *sib = (const struct sockaddr_ib *)(const void *)addr;
	uint64_t mask = be64toh(sib->sib_sid_mask);

	if ((addr->sa_family == AF_IB) != cm_native(id))
		return EINVAL;
	if (!cm_native(id))
		return 0;
	return (be64toh(sib->sib_sid) & mask) >> 16 == (RDMA_PS_IB & mask >> 16) ? 0
										  : EPROTONOSUPPORT;
}

/* 0 or an errno. */
int cm_bind(struct cm_id *id, const struct sockaddr *addr)
{
	bool any = sa_any(addr);
	int rc;

	if (id->state != CM_IDLE)
		return EINVAL;
	rc = check_ib(id, addr);
	if (rc)
		return rc;
	if (!any && node_addr_local(addr))
		return EADDRNOTAVAIL;
	memset(&id->port.addr, 0, sizeof(id->port.addr));
	memcpy(&id->port.addr, addr, sa_len(addr));
	id->port.ps = (uint16_t)id->v.ps;
	rc = node_port_claim(&id->port, id->handle);
	if (!rc && !any)
		rc = cm_set_device(id, node_device_of(addr));
	if (rc)
		return rc;
	id->device_bound = !any;
	id->state = CM_BOUND;
	id->v.route.addr.src_storage = id->port.addr;
	if (!any)
		cm_fill_gids(id);
	return 0;
}

SF_EXPORT int rdma_bind_addr(struct rdma_cm_id *v, struct sockaddr *addr)
{
	int rc;

	if (!sa_len(addr))
		return cm_err(EINVAL);
	fab_lock();
	rc = cm_bind(cm_of(v), addr);
	fab_unlock();
	return rc ? cm_err(rc) : 0;
}

static int bind_any(struct cm_id *id, int family)
{
	struct sockaddr_storage any = { .ss_family = (sa_family_t)family };

	return cm_bind(id, (struct sockaddr *)&any);
}

SF_EXPORT int rdma_listen(struct rdma_cm_id *v, int backlog)
{
	struct cm_id *id = cm_of(v);
	int rc = 0;

	fab_lock();
	if (id->state == CM_IDLE)
		rc = bind_any(id, AF_INET);
	if (!rc && id->state != CM_BOUND)
		rc = EINVAL;
	if (!rc)
		rc = node_port_listen(&id->port, id->handle);
	if (!rc) {
		id->backlog = backlog > 0 && backlog < 1024 ? backlog : 1024;
		id->state = CM_LISTEN;
	}
	fab_unlock();
	return rc ? cm_err(rc) : 0;
}

/* Choose source, port and device for a destination. */
static int route_to(struct cm_id *id, const struct sockaddr *src, const struct sockaddr *dst)
{
	struct sockaddr_storage from;
	uint16_t port = id->state == CM_BOUND ? id->port.port : 0;
	int rc = 0;

	if (id->state == CM_IDLE && src)
		rc = cm_bind(id, src);
	else if (id->state == CM_IDLE)
		rc = bind_any(id, dst->sa_family);
	if (rc)
		return rc;
	if (id->state != CM_BOUND)
		return EINVAL;
	if (id->port.addr.ss_family != dst->sa_family)
		return EINVAL;
	port = id->port.port;
	from = id->port.addr;
	if (sa_any((struct sockaddr *)&from))
		node_source(dst, &from);
	sa_set_port((struct sockaddr *)&from, port);
	id->v.route.addr.src_storage = from;
	memset(&id->v.route.addr.dst_storage, 0, sizeof(id->v.route.addr.dst_storage));
	memcpy(&id->v.route.addr.dst_storage, dst, sa_len(dst));
	return 0;
}

/* 0 or an errno; what the fabric answers comes later, as an event. */
static int resolve(struct cm_id *id, const struct sockaddr *src, const struct sockaddr *dst)
{
	int rc = route_to(id, src, dst);

	if (rc)
		return rc;
	if (cm_native(id) && (!profile_get()->ib || dev_pkey_index(sa_pkey(dst)) < 0))
		return ENODEV;
	if (node_addr_known(dst)) {
		id->resolve_status = -ETIMEDOUT;
	} else {
		id->resolve_status = -cm_set_device(id, node_device_of(&id->v.route.addr.src_addr));
		cm_fill_gids(id);
	}
	id->state = CM_ADDR_QUERY;
	timer_set(&id->timer, RESOLVE_NS);
	return 0;
}

SF_EXPORT int rdma_resolve_addr(struct rdma_cm_id *v, struct sockaddr *src, struct sockaddr *dst,
				int timeout_ms)
{
	int rc;

	(void)timeout_ms;
	if (!dst || !sa_len(dst) || (src && !sa_len(src)))
		return cm_err(EINVAL);
	fab_lock();
	rc = resolve(cm_of(v), src, dst);
	fab_unlock();
	return rc ? cm_err(rc) : cm_wait(cm_of(v));
}

static void fill_path(struct cm_id *id)
{
	struct ibv_sa_path_rec *p = calloc(1, sizeof(*p));

	if (!p)
		return;
	p->sgid = id->v.route.addr.addr.ibaddr.sgid;
	p->dgid = id->v.route.addr.addr.ibaddr.dgid;
	p->pkey = id->v.route.addr.addr.ibaddr.pkey;
	p->slid = htons(gid_lid(&p->sgid));
	p->dlid = htons(gid_lid(&p->dgid));
	p->reversible = 1;
	p->numb_path = 1;
	p->hop_limit = cm_ib(id) ? 0 : 64;
	p->mtu_selector = p->rate_selector = p->packet_life_time_selector = 2;
	p->mtu = IBV_MTU_4096;
	p->rate = IBV_RATE_100_GBPS;
	p->packet_life_time = 18;
	free(id->v.route.path_rec);
	id->v.route.path_rec = p;
	id->v.route.num_paths = 1;
}

/* The answer to a query has come. */
void cm_resolved(struct cm_id *id)
{
	if (id->state == CM_ROUTE_QUERY) {
		if (!cm_iwarp(id))
			fill_path(id);
		id->state = CM_ROUTE_RESOLVED;
		cm_event_simple(id, RDMA_CM_EVENT_ROUTE_RESOLVED, 0);
	} else if (id->resolve_status) {
		id->state = CM_BOUND;
		cm_event_simple(id, RDMA_CM_EVENT_ADDR_ERROR, id->resolve_status);
	} else {
		id->state = CM_ADDR_RESOLVED;
		cm_event_simple(id, RDMA_CM_EVENT_ADDR_RESOLVED, 0);
	}
}

SF_EXPORT int rdma_resolve_route(struct rdma_cm_id *v, int timeout_ms)
{
	struct cm_id *id = cm_of(v);
	int rc = 0;

	(void)timeout_ms;
	fab_lock();
	if (id->state != CM_ADDR_RESOLVED) {
		rc = EINVAL;
	} else {
		id->state = CM_ROUTE_QUERY;
		timer_set(&id->timer, RESOLVE_NS);
	}
	fab_unlock();
	return rc ? cm_err(rc) : cm_wait(id);
}

SF_EXPORT __be16 rdma_get_src_port(struct rdma_cm_id *v)
{
	return sa_len(&v->route.addr.src_addr) ? htons(sa_port(&v->route.addr.src_addr)) : 0;
}

SF_EXPORT __be16 rdma_get_dst_port(struct rdma_cm_id *v)
{
	return sa_len(&v->route.addr.dst_addr) ? htons(sa_port(&v->route.addr.dst_addr)) : 0;
}
