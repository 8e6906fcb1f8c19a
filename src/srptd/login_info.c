/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * srptd --login-info: strings for ib_srp's add_target, for srp_daemon.conf, and for srpio. Made from a
 * configuration and the ports of this host; asks no running srptd.
 */
#include "srptd/login_info.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

#include "rdma/ports.h"

struct info {
	const struct rdma_port *ports;
	size_t n_ports;
	FILE *out;
};

static void put_ip(const struct info *info, const struct conf_target *t, const char *address,
		   uint16_t port)
{
	const char *left = strchr(address, ':') ? "[" : "", *right = *left ? "]" : "";

	fprintf(info->out,
		"    ib_srp  id_ext=%016" PRIx64 ",ioc_guid=%016" PRIx64 ",dest=%s%s%s:%u\n"
		"    srpio   srp://%s%s%s:%u/%016" PRIx64 "/%016" PRIx64 "/0\n",
		t->id_ext, t->ioc_guid, left, address, right, port, left, address, right, port,
		t->id_ext, t->ioc_guid);
}

/* The addresses of RoCE ports show in verbs, those of iWARP and IPoIB do not. */
static void put_all_ips(const struct info *info, const struct conf_target *t, uint16_t port)
{
	size_t n = 0;

	for (size_t i = 0; i < info->n_ports; i++)
		for (size_t j = 0; j < info->ports[i].n_ips; j++) {
			const struct rdma_port *p = &info->ports[i];

			fprintf(info->out, "   %s port %u%s\n", p->device, p->port_num,
				p->active ? "" : " (down)");
			put_ip(info, t, p->ips[j], port);
			n++;
		}
	if (!n)
		put_ip(info, t, "ADDRESS", port);
}

static void put_gid(const struct info *info, const struct conf_target *t, const struct rdma_port *p,
		    uint64_t service_id, uint16_t pkey)
{
	char gid[INET6_ADDRSTRLEN];

	fprintf(info->out, "    ib_srp  id_ext=%016" PRIx64 ",ioc_guid=%016" PRIx64 ",dgid=",
		t->id_ext, t->ioc_guid);
	for (size_t i = 0; i < sizeof(p->gid); i++)
		fprintf(info->out, "%02x", p->gid[i]);
	inet_ntop(AF_INET6, p->gid, gid, sizeof(gid));
	fprintf(info->out,
		",pkey=%04x,service_id=%016" PRIx64 "\n"
		"    srpio   ib://[%s%%%04x]:%016" PRIx64 "/%016" PRIx64 "/%016" PRIx64 "/0\n",
		pkey, service_id, gid, pkey, service_id, t->id_ext, t->ioc_guid);
}

static bool leads_to(const struct conf_listen *listen, const struct rdma_port *p)
{
	struct in6_addr gid;

	return !listen->address || (inet_pton(AF_INET6, listen->address, &gid) == 1 &&
				    memcmp(&gid, p->gid, sizeof(gid)) == 0);
}

static void put_ib(const struct info *info, const struct conf_target *t,
		   const struct conf_listen *listen)
{
	size_t n = 0;

	for (size_t i = 0; i < info->n_ports; i++) {
		const struct rdma_port *p = &info->ports[i];

		if (!p->infiniband || !leads_to(listen, p))
			continue;
		fprintf(info->out, "   %s port %u, LID %u%s\n", p->device, p->port_num, p->lid,
			p->active ? "" : " (down)");
		for (size_t j = 0; j < p->n_pkeys; j++)
			put_gid(info, t, p, listen->service_id, p->pkeys[j]);
		n++;
	}
	if (n)
		fprintf(info->out,
			"   /etc/srp_daemon.conf\n"
			"    a       id_ext=%016" PRIx64 ",ioc_guid=%016" PRIx64 "\n",
			t->id_ext, t->ioc_guid);
	else
		fprintf(info->out, "   no InfiniBand port on this host%s%s\n",
			listen->address ? " has the GID " : "",
			listen->address ? listen->address : "");
}

static void put_listen(const struct info *info, const struct conf_target *t,
		       const struct conf_listen *listen)
{
	if (listen->ib) {
		fprintf(info->out, "  InfiniBand, service id %016" PRIx64 "\n", listen->service_id);
		put_ib(info, t, listen);
	} else {
		fprintf(info->out, "  RDMA/CM, port %u\n", listen->port);
		if (listen->address)
			put_ip(info, t, listen->address, listen->port);
		else
			put_all_ips(info, t, listen->port);
	}
}

int login_info(const struct conf *conf, FILE *out)
{
	struct rdma_port *ports;
	struct info info = { .out = out };
	int ret = rdma_ports_get(&ports, &info.n_ports);

	if (ret)
		return ret;
	info.ports = ports;
	for (size_t i = 0; i < conf->n_targets; i++) {
		const struct conf_target *t = &conf->targets[i];

		fprintf(out, "target %s\n", t->name);
		for (size_t j = 0; j < t->n_listens; j++)
			put_listen(&info, t, &t->listens[j]);
	}
	rdma_ports_free(ports, info.n_ports);
	return 0;
}
