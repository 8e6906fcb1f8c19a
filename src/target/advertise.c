/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How initiators find native targets on InfiniBand: the device management agent's table, and
 * service records at the subnet administrator, kept by lease and withdrawn at the end.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/be.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/log.h"
#include "conf/conf.h"
#include "target/mgmt.h"
#include "target/server.h"
#include "wire/sa_mad.h"

enum {
	SA_TIMEOUT_MS = 1000,
	SA_RETRIES = 3,
	SA_RETRY_S = 10,
	RDMA_READ_DEPTH = 8,
	MAX_RDMA_SIZE = 1 << 24, /* what kernel targets advertise at most */
};

/* Who asks, and at which of our ports. */
struct port_asker {
	struct dm_asker asker;
	const struct mads_port *port;
};

/* ---- the table of controllers ---- */

static bool port_leads_to(const struct portal_target *pt, const struct mads_port *port)
{
	static const uint8_t any[16];

	if (memcmp(pt->gid.raw, any, 16) == 0)
		return true;
	for (size_t i = 0; i < port->n_gids; i++)
		if (memcmp(pt->gid.raw, port->gids[i], 16) == 0)
			return true;
	return false;
}

/* Which port id it will say cannot be known yet; what can be known decides. */
static bool may_admit(const struct target *target, const struct dm_asker *asker)
{
	struct acl_identity id = { .pkey = asker->pkey };
	char gid[INET6_ADDRSTRLEN];

	if (asker->gid && inet_ntop(AF_INET6, asker->gid, gid, sizeof(gid))) {
		id.gid = gid;
		id.port_guid = be64_get(asker->gid + 8);
	}
	for (size_t i = 0; i < target->n_groups; i++)
		if (acl_group_may_match(target->groups[i].initiators,
					target->groups[i].n_initiators, &id))
			return true;
	return false;
}

static bool visible(const struct dm_offer *offer, const struct dm_asker *asker)
{
	const struct port_asker *who = container_of(asker, struct port_asker, asker);
	const struct portal_target *pt = offer->context;

	return port_leads_to(pt, who->port) && may_admit(pt->target, asker);
}

static uint64_t ioc_guid_of(const struct portal_target *pt)
{
	return be64_get(pt->target->port_id + 8);
}

static size_t count_offers(const struct server *server)
{
	size_t n = 0;

	for (size_t i = 0; i < server->n_portals; i++)
		if (server->portals[i].service_id)
			n += server->portals[i].n_targets;
	return n;
}

/* All services of one controller, one behind the other. Returns how many. */
static size_t add_offers(struct mgmt *mgmt, uint64_t ioc_guid, struct dm_offer *offers)
{
	const struct server *server = mgmt->server;
	size_t n = 0;

	for (size_t i = 0; i < server->n_portals; i++) {
		const struct portal *p = &server->portals[i];

		for (size_t k = 0; p->service_id && k < p->n_targets; k++) {
			struct portal_target *pt = &p->targets[k];

			if (ioc_guid_of(pt) != ioc_guid)
				continue;
			offers[n].service.id = p->service_id;
			dm_srp_name(be64_get(pt->target->port_id), offers[n].service.name);
			offers[n++].context = pt;
		}
	}
	return n;
}

static bool has_ioc(const struct mgmt *mgmt, uint64_t guid)
{
	for (size_t i = 0; i < mgmt->table.n_iocs; i++)
		if (mgmt->iocs[i].profile.ioc_guid == guid)
			return true;
	return false;
}

static void add_ioc(struct mgmt *mgmt, const struct conf *conf, const struct portal_target *pt,
		    struct dm_offer **next)
{
	struct dm_ioc *ioc = &mgmt->iocs[mgmt->table.n_iocs++];

	ioc->profile = (struct dm_ioc_profile){
		.ioc_guid = ioc_guid_of(pt),
		.io_class = DM_IO_CLASS_SRP,
		.io_subclass = DM_IO_SUBCLASS_SRP,
		.protocol = DM_PROTOCOL_SRP,
		.protocol_version = DM_PROTOCOL_VERSION_SRP,
		.send_queue_depth = (uint16_t)MIN(conf->req_lim, (uint32_t)UINT16_MAX),
		.rdma_read_depth = RDMA_READ_DEPTH,
		.send_size = conf->srp_max_req_size,
		.rdma_size = MIN(conf->srp_max_rdma_size, (uint32_t)MAX_RDMA_SIZE),
		.op_cap_mask = DM_OP_SRP_TARGET,
	};
	snprintf(ioc->profile.id_string, sizeof(ioc->profile.id_string), "%s", pt->target->name);
	ioc->offers = *next;
	ioc->n_offers = add_offers(mgmt, ioc->profile.ioc_guid, *next);
	*next += ioc->n_offers;
}

static void make_table(struct mgmt *mgmt, const struct conf *conf)
{
	const struct server *server = mgmt->server;
	struct dm_offer *next = mgmt->offers;

	clock_random(&mgmt->table.change_id, sizeof(mgmt->table.change_id));
	for (size_t i = 0; i < server->n_portals; i++) {
		const struct portal *p = &server->portals[i];

		for (size_t k = 0; p->service_id && k < p->n_targets; k++)
			if (mgmt->table.n_iocs < DM_MAX_SLOTS &&
			    !has_ioc(mgmt, ioc_guid_of(&p->targets[k])))
				add_ioc(mgmt, conf, &p->targets[k], &next);
	}
	mgmt->table.iocs = mgmt->iocs;
	mgmt->table.visible = visible;
}

int advertise_new(struct mgmt *mgmt, const struct conf *conf)
{
	size_t n = count_offers(mgmt->server);

	mgmt->lease_wanted = conf->service_record;
	mgmt->lease_s = conf->service_lease;
	if (!conf->device_management && !mgmt->lease_wanted)
		return 0;
	mgmt->iocs = calloc(n, sizeof(*mgmt->iocs));
	mgmt->offers = calloc(n, sizeof(*mgmt->offers));
	if (!mgmt->iocs || !mgmt->offers)
		return -ENOMEM;
	make_table(mgmt, conf);
	mgmt->dm_wanted = conf->device_management;
	return 0;
}

void advertise_free(struct mgmt *mgmt)
{
	free(mgmt->iocs);
	free(mgmt->offers);
	free(mgmt->leases);
}

void advertise_dm_received(struct mgmt *mgmt, const struct mad_addr *from, const uint8_t *mad,
			   size_t len)
{
	const struct mads_port *port = &mgmt->mads.port[from->port];
	const struct port_asker who = {
		.asker = { .pkey = mads_pkey(port, from->pkey_index),
			   .gid = from->grh ? from->gid : NULL },
		.port = port,
	};
	uint8_t answer[MAD_LEN];

	if (!dm_agent_answer(&mgmt->table, &who.asker, mad, len, answer))
		return;
	log_dbg(LOGC_CM, "device management: attribute %#06x asked by LID %u, status %#06x",
		be16_get(mad + 16), from->lid, be16_get(answer + 4));
	mads_send(&mgmt->mads, MADS_DM, from, answer, 0, 0);
}

/* ---- service records ---- */

/* The administrator knows a record by service id, GID and P_Key: one for all targets of an id. */
static bool has_lease(const struct mgmt *mgmt, unsigned int port, uint16_t pkey, uint64_t id)
{
	for (size_t i = 0; i < mgmt->n_leases; i++)
		if (mgmt->leases[i].port == port && mgmt->leases[i].pkey == pkey &&
		    mgmt->leases[i].offer->service.id == id)
			return true;
	return false;
}

static void add_lease(struct mgmt *mgmt, const struct sa_lease *lease)
{
	size_t max = mgmt->max_leases ? mgmt->max_leases * 2 : 16;
	struct sa_lease *more;

	if (mgmt->n_leases == mgmt->max_leases) {
		more = reallocarray(mgmt->leases, max, sizeof(*more));
		if (!more)
			return;
		mgmt->leases = more;
		mgmt->max_leases = max;
	}
	mgmt->leases[mgmt->n_leases++] = *lease;
}

static void add_leases(struct mgmt *mgmt, unsigned int port, const struct dm_ioc *ioc,
		       uint16_t pkey)
{
	const struct port_asker who = { .asker = { .pkey = pkey }, &mgmt->mads.port[port] };

	for (size_t i = 0; i < ioc->n_offers; i++) {
		const struct dm_offer *offer = &ioc->offers[i];
		const struct sa_lease lease = { .port = port,
						.pkey = pkey,
						.offer = offer,
						.ioc_guid = ioc->profile.ioc_guid };

		if (visible(offer, &who.asker) && !has_lease(mgmt, port, pkey, offer->service.id))
			add_lease(mgmt, &lease);
	}
}

void advertise_port_up(struct mgmt *mgmt, unsigned int port)
{
	const struct mads_port *mp = &mgmt->mads.port[port];

	if (!mgmt->lease_wanted || mp->agent[MADS_SA] < 0)
		return;
	for (size_t k = 0; k < mp->n_pkeys; k++)
		for (size_t i = 0; mp->pkeys[k] && i < mgmt->table.n_iocs; i++)
			add_leases(mgmt, port, &mgmt->iocs[i], mp->pkeys[k]);
}

void advertise_port_down(struct mgmt *mgmt, unsigned int port)
{
	size_t n = 0;

	for (size_t i = 0; i < mgmt->n_leases; i++)
		if (mgmt->leases[i].port != port)
			mgmt->leases[n++] = mgmt->leases[i];
	mgmt->n_leases = n;
}

/* The lower half of the transaction id is ours: method and index. */
static int send_record(struct mgmt *mgmt, size_t i, uint8_t method)
{
	const struct sa_lease *lease = &mgmt->leases[i];
	struct mads_port *port = &mgmt->mads.port[lease->port];
	struct sa_service_record rec = {
		.id = lease->offer->service.id,
		.pkey = lease->pkey,
		.lease_s = mgmt->lease_s,
		.data64 = { lease->ioc_guid },
	};
	struct sa_request req = {
		.tid = (uint64_t)method << 24 | i,
		.method = method,
		.attr = SA_SERVICE_RECORD,
		.comp_mask = SA_SERVICE_ID | SA_SERVICE_GID | SA_SERVICE_PKEY | SA_SERVICE_LEASE |
			     SA_SERVICE_NAME | SA_SERVICE_DATA64,
	};
	uint8_t mad[MAD_LEN];
	struct mad_addr to;

	mads_refresh(port);
	memcpy(rec.gid, port->gids[0], 16);
	memcpy(rec.name, lease->offer->service.name, sizeof(lease->offer->service.name));
	sa_service_record_build(req.data, &rec);
	sa_request_build(mad, &req);
	to = (struct mad_addr){
		.port = lease->port, .lid = port->sm_lid, .sl = port->sm_sl, .qpn = 1
	};
	if (!port->active || !port->sm_lid)
		return -ENETUNREACH;
	return mads_send(&mgmt->mads, MADS_SA, &to, mad, SA_TIMEOUT_MS, SA_RETRIES);
}

static void renew(struct mgmt *mgmt, size_t i)
{
	struct sa_lease *lease = &mgmt->leases[i];
	int ret = send_record(mgmt, i, MAD_SET);

	log_dbg(LOGC_CM, "service record %.40s: asked for %u s", lease->offer->service.name,
		mgmt->lease_s);
	lease->next_ns = clock_now_ns() + (ret ? SA_RETRY_S : mgmt->lease_s / 2) * NSEC_PER_SEC;
}

void advertise_sa_answer(struct mgmt *mgmt, uint64_t tid, uint16_t status, bool answered)
{
	size_t i = tid & 0xffffff;
	struct sa_lease *lease = i < mgmt->n_leases ? &mgmt->leases[i] : NULL;
	bool held = answered && !status;

	if ((tid >> 24 & 0xff) == MAD_DELETE) {
		if (mgmt->n_waiting)
			mgmt->n_waiting--;
		return;
	}
	if (!lease)
		return;
	if (held != lease->held || !held)
		log_peer(held ? LOG_LVL_INFO : LOG_LVL_WARN,
			 "%s port %d: service record %.40s in partition %#06x: %s",
			 mgmt->mads.port[lease->port].device, mgmt->mads.port[lease->port].num,
			 lease->offer->service.name, lease->pkey,
			 held	    ? "registered"
			 : answered ? "the subnet administrator refuses it"
				    : "no answer from the subnet administrator");
	lease->held = held;
	if (!held)
		lease->next_ns = clock_now_ns() + SA_RETRY_S * NSEC_PER_SEC;
}

uint64_t advertise_deadline_ns(const struct mgmt *mgmt)
{
	uint64_t first = UINT64_MAX;

	for (size_t i = 0; i < mgmt->n_leases; i++)
		first = MIN(first, mgmt->leases[i].next_ns);
	return first;
}

void advertise_step(struct mgmt *mgmt)
{
	uint64_t now = clock_now_ns();

	for (size_t i = 0; i < mgmt->n_leases; i++)
		if (mgmt->leases[i].next_ns <= now)
			renew(mgmt, i);
}

void advertise_withdraw(struct mgmt *mgmt)
{
	for (size_t i = 0; i < mgmt->n_leases; i++) {
		if (mgmt->leases[i].held && !send_record(mgmt, i, MAD_DELETE))
			mgmt->n_waiting++;
		mgmt->leases[i].next_ns = UINT64_MAX;
	}
}
