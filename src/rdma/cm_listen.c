/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Listeners of librdmacm, see cm.h: on IP addresses (RoCE, iWARP, IPoIB) and, by AF_IB, on service
 * ids of all InfiniBand ports.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <infiniband/ib.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/log.h"
#include "rdma/cm.h"

enum { BACKLOG = 128 };

/* ---- IP ---- */

static int fill_sockaddr(const char *address, int family, uint16_t port,
			 struct sockaddr_storage *out)
{
	struct addrinfo hints = { .ai_family = family,
				  .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE };
	struct addrinfo *ai;
	char service[8];

	snprintf(service, sizeof(service), "%u", port);
	if (getaddrinfo(address, service, &hints, &ai))
		return -EINVAL;
	memcpy(out, ai->ai_addr, ai->ai_addrlen);
	freeaddrinfo(ai);
	return 0;
}

static int listen_one(struct cm_listener *l, const char *address, int family,
		      struct rdma_cm_id **out)
{
	struct sockaddr_storage ss = { 0 };
	struct rdma_cm_id *id;
	int on = 1;
	int err;

	if (fill_sockaddr(address, family, l->port, &ss))
		return -EINVAL;
	if (rdma_create_id(l->cm->events, &id, l, RDMA_PS_TCP))
		return -errno;
	if (ss.ss_family == AF_INET6)
		rdma_set_option(id, RDMA_OPTION_ID, RDMA_OPTION_ID_AFONLY, &on, sizeof(on));
	if (rdma_bind_addr(id, (struct sockaddr *)&ss) || rdma_listen(id, BACKLOG)) {
		err = errno;
		rdma_destroy_id(id);
		return -err;
	}
	*out = id;
	return 0;
}

static bool family_absent(int ret)
{
	return ret == -EAFNOSUPPORT;
}

/* The kernel says EADDRNOTAVAIL where a wildcard meets a port that another address has. */
static const char *listen_hint(int ret)
{
	switch (ret) {
	case -ENODEV:
		return " (no RDMA device has this address)";
	case -EADDRINUSE:
	case -EADDRNOTAVAIL:
		return " (the port is in use)";
	}
	return "";
}

/*
 * Both families are two ids: on one dual-stack id some iWARP drivers refuse IPv4 peers. A host that
 * lacks one family is fine.
 */
static int listen_all(struct cm_listener *l)
{
	int ret6 = listen_one(l, "::", AF_INET6, &l->id[0]);
	int ret4 = listen_one(l, "0.0.0.0", AF_INET, &l->id[1]);

	snprintf(l->name, sizeof(l->name), "port %u", l->port);
	if (ret6 && !family_absent(ret6))
		return ret6;
	if (ret4 && !family_absent(ret4))
		return ret4;
	return ret6 ? ret4 : 0;
}

static int listen_on(struct cm_listener *l, const char *address)
{
	snprintf(l->name, sizeof(l->name), strchr(address, ':') ? "[%s]:%u" : "%s:%u", address,
		 l->port);
	return listen_one(l, address, AF_UNSPEC, &l->id[0]);
}

static struct cm_listener *listener_new(struct cm *cm, void *context)
{
	struct cm_listener *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->cm = cm;
	l->context = context;
	LIST_INSERT_HEAD(&cm->listeners, l, link);
	return l;
}

int cm_listen(struct cm *cm, const char *address, uint16_t port, void *context,
	      struct cm_listener **out)
{
	struct cm_listener *l = listener_new(cm, context);
	int ret;

	if (!l)
		return -ENOMEM;
	l->port = port;
	ret = address ? listen_on(l, address) : listen_all(l);
	if (ret) {
		log_err("cannot listen on %s: %s%s", l->name, strerror(-ret), listen_hint(ret));
		cm_listener_free(l);
		return ret;
	}
	*out = l;
	return 0;
}

/* ---- native InfiniBand ---- */

/*
 * The kernel hands native logins to listeners of the host's own network namespace only, and rejects
 * them silently for any other: there an AF_IB listener would just look as if it worked. This file
 * exists nowhere else, and reading it needs no privilege.
 */
static bool foreign_namespace(void)
{
	return access("/proc/sys/net/core", F_OK) == 0 &&
	       access("/proc/sys/net/core/netdev_budget", F_OK) != 0;
}

static int try_ib(struct cm_listener *l)
{
	struct sockaddr_ib sib = {
		.sib_family = AF_IB,
		.sib_pkey = htobe16(0xffff),
		.sib_sid = htobe64(l->service_id),
		.sib_sid_mask = htobe64(UINT64_MAX),
	};
	struct rdma_cm_id *id;

	if (rdma_create_id(l->cm->events, &id, l, RDMA_PS_IB))
		return -errno;
	if (rdma_bind_addr(id, (struct sockaddr *)&sib) || rdma_listen(id, BACKLOG)) {
		int err = errno;

		rdma_destroy_id(id);
		return -err;
	}
	l->id[0] = id;
	return 0;
}

static const char *ib_hint(int ret)
{
	switch (ret) {
	case -EXDEV:
		return "this is not the host's network namespace, and the kernel rejects every "
		       "native login there; start srptd in the host's (a container: with the host's "
		       "network)";
	case -EACCES:
	case -EPERM:
		return "a port below 1024 needs CAP_NET_BIND_SERVICE";
	case -ENODEV:
		return "there is no RDMA device yet";
	case -EADDRINUSE:
	case -EADDRNOTAVAIL:
		return "another program listens on this service id";
	case -EINVAL:
	case -EAFNOSUPPORT:
		return "no AF_IB in librdmacm or the kernel; was the module rdma_ucm loaded when "
		       "srptd started?";
	}
	return strerror(-ret);
}

/* What try_ib() says that will not change while this process runs. */
static bool for_ever(int ret)
{
	return ret == -EXDEV || ret == -EACCES || ret == -EPERM;
}

static void log_refusal(const struct cm_listener *l, int ret, bool wanted)
{
	log_line(wanted ? LOG_LVL_WARN : LOG_LVL_INFO, "not listening on %s: %s%s", l->name,
		 ib_hint(ret), for_ever(ret) ? "" : "; trying again");
}

int cm_listen_ib(struct cm *cm, uint64_t service_id, bool wanted, void *context,
		 struct cm_listener **out)
{
	struct cm_listener *l = listener_new(cm, context);
	int ret;

	if (!l)
		return -ENOMEM;
	l->service_id = service_id;
	snprintf(l->name, sizeof(l->name), "InfiniBand service id %016" PRIx64, service_id);
	ret = foreign_namespace() ? -EXDEV : try_ib(l);
	if (ret)
		log_refusal(l, ret, wanted);
	if (for_ever(ret)) {
		cm_listener_free(l);
		return ret;
	}
	l->down = ret != 0;
	*out = l;
	return 0;
}

bool cm_is_waiting(const struct cm *cm)
{
	const struct cm_listener *l;

	LIST_FOREACH(l, &cm->listeners, link)
		if (l->down)
			return true;
	return false;
}

void cm_retry(struct cm *cm)
{
	struct cm_listener *l;

	LIST_FOREACH(l, &cm->listeners, link)
		if (l->down && !try_ib(l)) {
			l->down = false;
			log_info("listening on %s", l->name);
		}
}

/* ---- the end of a listener ---- */

void cm_listener_free(struct cm_listener *listener)
{
	if (!listener)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(listener->id); i++)
		if (listener->id[i])
			rdma_destroy_id(listener->id[i]);
	LIST_REMOVE(listener, link);
	free(listener);
}

/* A listener on an address of a device that goes: it can only be given up. */
bool cm_listener_removed(struct cm *cm, const struct rdma_cm_id *id)
{
	struct cm_listener *l;

	LIST_FOREACH(l, &cm->listeners, link)
		for (size_t i = 0; i < ARRAY_SIZE(l->id); i++)
			if (l->id[i] == id) {
				log_warn("%s: its RDMA device is being removed; not listening there "
					 "any more", l->name);
				l->id[i] = NULL;
				return true;
			}
	return false;
}
