/*
 * rdma_getaddrinfo and the calls that are made of other calls (endpoints).
 *
 * Knows: the names of addresses.
 * Does not know: anything an application could not do itself.
 */
#include "cm.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>

static int copy_sa(struct sockaddr **to, socklen_t *len, const struct sockaddr *from, socklen_t n)
{
	*to = calloc(1, sizeof(struct sockaddr_storage));
	if (!*to)
		return -1;
	memcpy(*to, from, n);
	*len = n;
	return 0;
}

static int lookup(const char *node, const char *service, const struct rdma_addrinfo *hints,
		  struct addrinfo **ai)
{
	struct addrinfo h = { .ai_socktype = SOCK_STREAM };

	if (hints) {
		h.ai_family = hints->ai_family;
		h.ai_flags = (hints->ai_flags & RAI_PASSIVE ? AI_PASSIVE : 0) |
			     (hints->ai_flags & RAI_NUMERICHOST ? AI_NUMERICHOST : 0);
	}
	return getaddrinfo(node, service, &h, ai);
}

static int fill(struct rdma_addrinfo *r, const struct addrinfo *ai,
		const struct rdma_addrinfo *hints)
{
	bool passive = hints && (hints->ai_flags & RAI_PASSIVE);

	r->ai_flags = hints ? hints->ai_flags : 0;
	r->ai_family = ai->ai_family;
	r->ai_port_space = hints && hints->ai_port_space ? hints->ai_port_space : RDMA_PS_TCP;
	r->ai_qp_type = hints && hints->ai_qp_type ? hints->ai_qp_type : IBV_QPT_RC;
	if (passive)
		return copy_sa(&r->ai_src_addr, &r->ai_src_len, ai->ai_addr, ai->ai_addrlen);
	if (copy_sa(&r->ai_dst_addr, &r->ai_dst_len, ai->ai_addr, ai->ai_addrlen))
		return -1;
	if (hints && hints->ai_src_len)
		return copy_sa(&r->ai_src_addr, &r->ai_src_len, hints->ai_src_addr,
			       hints->ai_src_len);
	return 0;
}

SF_EXPORT void rdma_freeaddrinfo(struct rdma_addrinfo *r)
{
	while (r) {
		struct rdma_addrinfo *next = r->ai_next;

		free(r->ai_src_addr);
		free(r->ai_dst_addr);
		free(r);
		r = next;
	}
}

SF_EXPORT int rdma_getaddrinfo(const char *node, const char *service,
			       const struct rdma_addrinfo *hints, struct rdma_addrinfo **res)
{
	struct addrinfo *ai = NULL;
	struct rdma_addrinfo *r;
	int rc;

	if (!service && !node && !hints)
		return cm_err(EINVAL);
	rc = lookup(node, service, hints, &ai);
	if (rc) {
		errno = ENODATA;
		return rc;
	}
	r = calloc(1, sizeof(*r));
	if (!r || fill(r, ai, hints)) {
		rdma_freeaddrinfo(r);
		freeaddrinfo(ai);
		return cm_err(ENOMEM);
	}
	freeaddrinfo(ai);
	*res = r;
	return 0;
}

/* ---- endpoints ---- */
static int passive_ep(struct rdma_cm_id *id, struct rdma_addrinfo *res, struct ibv_pd *pd,
		      struct ibv_qp_init_attr *attr)
{
	if (rdma_bind_addr(id, res->ai_src_addr))
		return -1;
	if (pd)
		id->pd = pd;
	if (!attr)
		return 0;
	cm_of(id)->qp_init = malloc(sizeof(*attr));
	if (!cm_of(id)->qp_init)
		return cm_err(ENOMEM);
	*cm_of(id)->qp_init = *attr;
	cm_of(id)->qp_init->qp_type = (enum ibv_qp_type)res->ai_qp_type;
	return 0;
}

static int active_ep(struct rdma_cm_id *id, struct rdma_addrinfo *res, struct ibv_pd *pd,
		     struct ibv_qp_init_attr *attr)
{
	if (rdma_resolve_addr(id, res->ai_src_addr, res->ai_dst_addr, 2000) ||
	    rdma_resolve_route(id, 2000))
		return -1;
	if (!attr)
		return 0;
	attr->qp_type = (enum ibv_qp_type)res->ai_qp_type;
	return rdma_create_qp(id, pd, attr);
}

SF_EXPORT int rdma_create_ep(struct rdma_cm_id **out, struct rdma_addrinfo *res, struct ibv_pd *pd,
			     struct ibv_qp_init_attr *attr)
{
	struct rdma_cm_id *id;
	int rc;

	if (rdma_create_id(NULL, &id, NULL, (enum rdma_port_space)res->ai_port_space))
		return -1;
	rc = res->ai_flags & RAI_PASSIVE ? passive_ep(id, res, pd, attr)
					 : active_ep(id, res, pd, attr);
	if (rc) {
		rdma_destroy_ep(id);
		return -1;
	}
	*out = id;
	return 0;
}

SF_EXPORT void rdma_destroy_ep(struct rdma_cm_id *id)
{
	if (id->qp)
		rdma_destroy_qp(id);
	if (id->srq)
		rdma_destroy_srq(id);
	rdma_destroy_id(id);
}

static int request_of(struct rdma_cm_event *e)
{
	if (e->event == RDMA_CM_EVENT_REJECTED)
		return ECONNREFUSED;
	if (e->status)
		return e->status < 0 ? -e->status : e->status;
	return e->event == RDMA_CM_EVENT_CONNECT_REQUEST ? 0 : EINVAL;
}

SF_EXPORT int rdma_get_request(struct rdma_cm_id *listen, struct rdma_cm_id **id)
{
	struct cm_id *l = cm_of(listen);
	struct ibv_qp_init_attr attr;
	struct rdma_cm_event *event;
	int rc;

	if (!l->sync)
		return cm_err(EINVAL);
	if (listen->event) {
		rdma_ack_cm_event(listen->event);
		listen->event = NULL;
	}
	if (rdma_get_cm_event(listen->channel, &event))
		return -1;
	rc = request_of(event);
	if (!rc && l->qp_init) {
		attr = *l->qp_init;
		rc = rdma_create_qp(event->id, listen->pd, &attr) ? errno : 0;
	}
	if (rc) {
		listen->event = event;
		return cm_err(rc);
	}
	*id = event->id;
	(*id)->event = event;
	return 0;
}
