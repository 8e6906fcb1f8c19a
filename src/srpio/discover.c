/* SPDX-License-Identifier: BSD-2-Clause */
/* SRP targets on InfiniBand, see discover.h. */
#include "srpio/discover.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/be.h"
#include "base/compiler.h"
#include "srpio/mad.h"

enum {
	MAX_PEERS = 65536,
	PKEY_BASE = 0x7fff
};

/* A port of the subnet in a partition that we share with it. */
struct peer {
	struct mad_peer mad;
	uint16_t pkey;
	uint8_t gid[16];
	bool answers;
	struct dm_io_unit_info unit;
};

struct walk {
	struct discovery *d;
	struct mad_port port;
	struct peer *peers;
	size_t n_peers, max_peers;
	bool oom;
};

/* Make room for one more. NULL = out of memory. */
static void *more(struct walk *w, void *array, size_t n, size_t *max, size_t size)
{
	void *grown = array;

	if (n == *max) {
		*max = *max ? *max * 2 : 64;
		grown = reallocarray(array, *max, size);
		w->oom = w->oom || !grown;
	}
	return grown;
}

/* ---- results ---- */

static bool known(const struct discovery *d, const struct found_target *t)
{
	for (size_t i = 0; i < d->n_targets; i++) {
		const struct found_target *o = &d->targets[i];

		if (o->id_ext == t->id_ext && o->ioc_guid == t->ioc_guid &&
		    o->service_id == t->service_id &&
		    (o->pkey & PKEY_BASE) == (t->pkey & PKEY_BASE) &&
		    memcmp(o->dgid, t->dgid, 16) == 0 && o->port == t->port &&
		    strcmp(o->device, t->device) == 0)
			return true;
	}
	return false;
}

static void add_target(struct walk *w, const struct found_target *t)
{
	struct discovery *d = w->d;
	struct found_target *grown;

	if (known(d, t))
		return;
	grown = more(w, d->targets, d->n_targets, &d->max_targets, sizeof(*t));
	if (!grown)
		return;
	d->targets = grown;
	d->targets[d->n_targets] = *t;
	memcpy(d->targets[d->n_targets].device, w->port.device, sizeof(t->device));
	d->targets[d->n_targets++].port = w->port.num;
}

static void failed(struct walk *w, const char *what, int ret)
{
	snprintf(w->d->err, sizeof(w->d->err), "%s port %d: %s: %s", w->port.device, w->port.num,
		 what, strerror(-ret));
}

/* ---- who is there ---- */

/* The path to a port in one of our partitions: there is none if it is not in it. */
static bool find_path(struct walk *w, uint16_t lid, uint16_t pkey, struct sa_path_record *path)
{
	struct sa_path_record want = {
		.dlid = lid, .slid = (uint16_t)w->port.info.base_lid, .numb_path = 1, .pkey = pkey
	};
	struct sa_request req = { .method = MAD_GET,
				  .attr = SA_PATH_RECORD,
				  .comp_mask = SA_PATH_DLID | SA_PATH_SLID | SA_PATH_NUMB_PATH |
					       SA_PATH_PKEY };
	struct sa_answer answer;

	sa_path_record_build(req.data, &want);
	if (mad_sa(&w->port, &req, &answer) || answer.n_records == 0)
		return false;
	sa_path_record_parse(answer.records, path);
	return true;
}

static void add_peers(struct walk *w, uint16_t lid)
{
	for (unsigned int i = 0; i < w->port.info.pkeys_size && w->n_peers < MAX_PEERS; i++) {
		uint16_t pkey = w->port.info.pkeys[i];
		struct sa_path_record path;
		struct peer *grown;

		if (!pkey || !find_path(w, lid, pkey, &path))
			continue;
		grown = more(w, w->peers, w->n_peers, &w->max_peers, sizeof(*grown));
		if (!grown)
			return;
		w->peers = grown;
		w->peers[w->n_peers] = (struct peer){ .mad = { lid, (uint16_t)i }, .pkey = pkey };
		memcpy(w->peers[w->n_peers++].gid, path.dgid, 16);
	}
}

/* Copies the LIDs, because the answer does not outlive the next question. */
static int list_nodes(struct walk *w, uint16_t **lids, size_t *n)
{
	struct sa_request req = { .method = MAD_GET_TABLE, .attr = SA_NODE_RECORD };
	struct sa_answer answer;
	int ret = mad_sa(&w->port, &req, &answer);

	*n = 0;
	*lids = ret ? NULL : calloc(answer.n_records + 1, sizeof(**lids));
	for (size_t i = 0; *lids && i < answer.n_records; i++) {
		struct sa_node_record node;

		sa_node_record_parse(answer.records + i * answer.record_len, &node);
		if (node.node_type == SA_NODE_TYPE_CA && node.lid)
			(*lids)[(*n)++] = node.lid;
	}
	return ret || *lids ? ret : -ENOMEM;
}

/* ---- what they offer ---- */

static void unit_found(size_t i, const struct dm_io_unit_info *unit, void *arg)
{
	struct walk *w = arg;

	w->peers[i].answers = true;
	w->peers[i].unit = *unit;
}

static void take_service(struct walk *w, const struct peer *p, const struct dm_ioc_profile *ioc,
			 const struct dm_service *service)
{
	struct found_target t = { .ioc_guid = ioc->ioc_guid,
				  .service_id = service->id,
				  .lid = p->mad.lid,
				  .pkey = p->pkey,
				  .io_class = ioc->io_class };

	if (dm_srp_name_parse(service->name, &t.id_ext))
		return;
	memcpy(t.dgid, p->gid, 16);
	memcpy(t.name, ioc->id_string, sizeof(ioc->id_string));
	add_target(w, &t);
}

static void ask_services(struct walk *w, const struct peer *p, uint32_t slot,
			 const struct dm_ioc_profile *ioc)
{
	for (uint32_t begin = 0; begin < ioc->n_services; begin += DM_SERVICES_PER_MAD) {
		uint32_t end = MIN(begin + DM_SERVICES_PER_MAD, (uint32_t)ioc->n_services) - 1;
		uint16_t status;
		const uint8_t *data = mad_dm(&w->port, &p->mad, DM_SERVICE_ENTRIES,
					     slot << 16 | end << 8 | begin, &status);

		for (uint32_t i = begin; data && i <= end; i++) {
			struct dm_service service;

			dm_service_parse(data, i - begin, &service);
			take_service(w, p, ioc, &service);
		}
	}
}

static void ask_controllers(struct walk *w, const struct peer *p)
{
	for (uint32_t slot = 1; slot <= p->unit.max_controllers; slot++) {
		struct dm_ioc_profile ioc;
		const uint8_t *data;
		uint16_t status;

		if (p->unit.slots[slot - 1] != DM_SLOT_PRESENT)
			continue;
		data = mad_dm(&w->port, &p->mad, DM_IOC_PROFILE, slot, &status);
		if (!data)
			continue;
		dm_ioc_profile_parse(data, &ioc);
		ask_services(w, p, slot, &ioc);
	}
}

static void by_device_management(struct walk *w)
{
	struct mad_peer *list;
	uint16_t *lids;
	size_t n;
	int ret = list_nodes(w, &lids, &n);

	if (ret) {
		failed(w, "asking the subnet administrator for its nodes", ret);
		return;
	}
	for (size_t i = 0; i < n; i++)
		add_peers(w, lids[i]);
	free(lids);
	list = calloc(w->n_peers + 1, sizeof(*list));
	if (!list) {
		w->oom = true;
		return;
	}
	for (size_t i = 0; i < w->n_peers; i++)
		list[i] = w->peers[i].mad;
	mad_dm_units(&w->port, list, w->n_peers, unit_found, w);
	free(list);
	for (size_t i = 0; i < w->n_peers; i++)
		if (w->peers[i].answers)
			ask_controllers(w, &w->peers[i]);
}

/* ---- service records ---- */

static bool in_partition(const struct mad_port *port, uint16_t pkey)
{
	for (unsigned int i = 0; i < port->info.pkeys_size; i++)
		if (port->info.pkeys[i] && !((port->info.pkeys[i] ^ pkey) & PKEY_BASE))
			return true;
	return false;
}

/* Already known from the port itself, which says more: all targets of the service id. */
static bool covered(const struct discovery *d, const struct sa_service_record *rec)
{
	for (size_t i = 0; i < d->n_targets; i++)
		if (!d->targets[i].by_record && d->targets[i].service_id == rec->id &&
		    memcmp(d->targets[i].dgid, rec->gid, 16) == 0)
			return true;
	return false;
}

static void take_record(struct walk *w, const struct sa_service_record *rec)
{
	struct found_target t = { .ioc_guid = rec->data64[0],
				  .service_id = rec->id,
				  .pkey = rec->pkey,
				  .io_class = DM_IO_CLASS_SRP,
				  .by_record = true };

	if (dm_srp_name_parse(rec->name, &t.id_ext) || !in_partition(&w->port, rec->pkey) ||
	    covered(w->d, rec))
		return;
	memcpy(t.dgid, rec->gid, 16);
	add_target(w, &t);
}

static void by_records(struct walk *w)
{
	struct sa_request req = { .method = MAD_GET_TABLE, .attr = SA_SERVICE_RECORD };
	struct sa_answer answer;
	int ret = mad_sa(&w->port, &req, &answer);

	if (ret) {
		failed(w, "asking the subnet administrator for service records", ret);
		return;
	}
	for (size_t i = 0; i < answer.n_records; i++) {
		struct sa_service_record rec;

		sa_service_record_parse(answer.records + i * answer.record_len, &rec);
		take_record(w, &rec);
	}
}

static void at_port(const umad_port_t *info, void *arg)
{
	struct walk w = { .d = arg };
	int ret = mad_open(&w.port, info, w.d->timeout_ms);

	if (ret) {
		failed(&w, "cannot be opened for management", ret);
		return;
	}
	if (w.d->dm)
		by_device_management(&w);
	if (w.d->records)
		by_records(&w);
	if (w.oom)
		failed(&w, "asking", -ENOMEM);
	free(w.peers);
	mad_close(&w.port);
}

void discover(struct discovery *d)
{
	d->n_ports = mad_each_port(d->device, at_port, d);
}

void discover_free(struct discovery *d)
{
	free(d->targets);
	d->targets = NULL;
}
