/* SPDX-License-Identifier: BSD-2-Clause */
/* What srptd knows of itself as JSON. Changes nothing. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/be.h"
#include "conf/conf.h"
#include "ctl/methods.h"
#include "target/server.h"

static json_t *hex64(uint64_t value)
{
	char text[17];

	snprintf(text, sizeof(text), "%016" PRIx64, value);
	return json_string(text);
}

static json_t *show_naa(const struct scsi_lu *lu)
{
	char text[33];
	int n = snprintf(text, sizeof(text), "%016" PRIx64, lu->naa);

	if (scsi_naa_len(lu) == 16)
		snprintf(text + n, sizeof(text) - (size_t)n, "%016" PRIx64, lu->naa_low);
	return json_string(text);
}

static json_t *hex_port_id(const uint8_t id[16])
{
	char text[2 + 32 + 1];

	snprintf(text, sizeof(text), "0x%016" PRIx64 "%016" PRIx64, be64_get(id), be64_get(id + 8));
	return json_string(text);
}

/* Takes the result. */
static int give(struct rpc_call *call, json_t *result)
{
	call->result = result;
	return result ? 0 : -ENOMEM;
}

/* ---- sessions ---- */

static const char *state_name(const struct channel *ch)
{
	static const char *const names[] = {
		[CH_CONNECTING] = "connecting",	    [CH_LIVE] = "live",
		[CH_LOGGING_OUT] = "logging out",   [CH_DRAINING] = "draining",
		[CH_DISCONNECTED] = "disconnected",
	};

	return ch->closing && ch->seen.state < CH_DRAINING ? "closing" : names[ch->seen.state];
}

static json_t *show_channel(const struct channel *ch)
{
	const struct channel_report *r = &ch->seen;

	return json_pack("{s:I, s:s, s:i, s:s, s:i, s:i, s:i, s:i, s:i, s:I, s:I, s:I, s:I}", "qpn",
			 (json_int_t)ch->qpn, "device", ch->wlane->lane->rnic->name, "worker",
			 (int)ch->worker->index, "state", state_name(ch), "credits",
			 (int)r->req_lim, "tasks", (int)r->n_tasks, "parked", (int)r->n_parked,
			 "send_queue_used", (int)r->sq_used, "send_queue", (int)ch->qp.sq_depth,
			 "commands", (json_int_t)r->stats.commands, "bytes_read",
			 (json_int_t)r->stats.bytes_in, "bytes_written",
			 (json_int_t)r->stats.bytes_out, "since", (json_int_t)ch->since);
}

static json_t *show_channels(const struct session *s)
{
	json_t *list = json_array();
	const struct channel *ch;

	LIST_FOREACH(ch, &s->channels, session_link)
		if (json_array_append_new(list, show_channel(ch))) {
			json_decref(list);
			return NULL;
		}
	return list;
}

/* A text, or null where nothing is known. */
static json_t *known(const char *text)
{
	return text && *text ? json_string(text) : json_null();
}

static json_t *show_session(const struct session *s)
{
	return json_pack("{s:i, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:i, s:i, s:b, s:o}", "id",
			 (int)s->number, "target", s->target->name, "group", s->group->name,
			 "initiator", s->nexus.initiator, "ip", known(s->ip), "gid", known(s->gid),
			 "port_id", hex_port_id(s->nexus.initiator_port_id), "port_guid",
			 s->id.port_guid ? hex64(s->id.port_guid) : json_null(), "pkey",
			 (int)s->id.pkey, "luns", (int)s->nexus.n_luns, "ending", (int)s->ending,
			 "channels", show_channels(s));
}

int ctl_sessions(struct rpc_call *call)
{
	const struct ctl_env *env = call->env;
	const struct server *server = env->server;
	json_t *list = json_array();
	const struct session *s;
	int ret = 0;

	for (size_t i = 0; i < server->n_targets; i++)
		LIST_FOREACH(s, &server->targets[i].sessions, link)
			ret |= json_array_append_new(list, show_session(s));
	if (ret) {
		json_decref(list);
		list = NULL;
	}
	return give(call, list);
}

/* ---- logical units ---- */

static int add_mappings(json_t *list, const struct target *t, const struct scsi_lu *lu)
{
	int ret = 0;

	for (size_t i = 0; i < t->n_groups; i++)
		for (size_t j = 0; j < t->groups[i].n_map; j++) {
			const struct scsi_lun_mapping *m = &t->groups[i].map[j];

			if (m->lu == lu)
				ret |= json_array_append_new(
					list,
					json_pack("{s:s, s:s, s:i, s:b}", "target", t->name,
						  "group", t->groups[i].name, "lun", (int)m->lun,
						  "read_only", m->read_only || lu->read_only));
		}
	return ret;
}

static json_t *show_mappings(const struct server *server, const struct scsi_lu *lu)
{
	json_t *list = json_array();
	int ret = 0;

	for (size_t i = 0; i < server->n_targets; i++)
		ret |= add_mappings(list, &server->targets[i], lu);
	if (ret) {
		json_decref(list);
		list = NULL;
	}
	return list;
}

static int count_nexuses(struct scsi_lu *lu)
{
	const struct scsi_itl *itl;
	int n = 0;

	pthread_mutex_lock(&lu->lock);
	LIST_FOREACH(itl, &lu->itls, lu_link)
		n++;
	pthread_mutex_unlock(&lu->lock);
	return n;
}

static const char *type_of(const struct scsi_lu *lu, const struct store *store)
{
	return lu->cdrom ? "cdrom" : store->ops->type;
}

static json_t *show_lun(const struct server *server, struct scsi_lu *lu, const struct store *store)
{
	return json_pack("{s:s, s:s, s:s, s:I, s:I, s:i, s:b, s:b, s:s, s:o, s:b, s:b, s:i, s:o}",
			 "name", lu->name, "type", type_of(lu, store), "path", store->name, "size",
			 (json_int_t)atomic_load(&store->size), "blocks",
			 (json_int_t)atomic_load(&lu->n_blocks), "block_size",
			 (int)(1u << lu->block_shift), "read_only", lu->read_only, "thin", lu->thin,
			 "serial", lu->serial, "naa", show_naa(lu), "stopped",
			 atomic_load(&lu->stopped) == SCSI_POWER_STOPPED, "reserved",
			 (int)(atomic_load(&lu->conflict) != NULL), "sessions", count_nexuses(lu),
			 "mappings", show_mappings(server, lu));
}

int ctl_luns(struct rpc_call *call)
{
	const struct ctl_env *env = call->env;
	const struct server *server = env->server;
	json_t *list = json_array();
	int ret = 0;

	for (size_t i = 0; i < server->n_lus; i++)
		ret |= json_array_append_new(list,
					     show_lun(server, server->lus[i], server->stores[i]));
	if (ret) {
		json_decref(list);
		list = NULL;
	}
	return give(call, list);
}

/* ---- the daemon ---- */

static json_t *show_portals(const struct server *server)
{
	json_t *list = json_array();
	int ret = 0;

	for (size_t i = 0; i < server->n_portals; i++) {
		const struct cm_listener *cm = server->portals[i].cm;

		if (cm)
			ret |= json_array_append_new(list, json_pack("{s:s, s:b}", "name", cm->name,
								     "up", !cm->down));
	}
	if (ret) {
		json_decref(list);
		list = NULL;
	}
	return list;
}

static json_t *show_targets(const struct server *server)
{
	json_t *list = json_array();
	int ret = 0;

	for (size_t i = 0; i < server->n_targets; i++) {
		const struct target *t = &server->targets[i];

		ret |= json_array_append_new(list,
					     json_pack("{s:s, s:o, s:o}", "name", t->name, "id_ext",
						       hex64(be64_get(t->port_id)), "ioc_guid",
						       hex64(be64_get(t->port_id + 8))));
	}
	if (ret) {
		json_decref(list);
		list = NULL;
	}
	return list;
}

int ctl_status(struct rpc_call *call)
{
	const struct ctl_env *env = call->env;
	const struct server *server = env->server;

	return give(call,
		    json_pack("{s:s, s:i, s:s, s:I, s:i, s:i, s:i, s:i, s:b, s:o, s:o}", "version",
			      env->version, "pid", (int)getpid(), "configuration", env->conf->file,
			      "since", (json_int_t)env->since, "workers", (int)server->n_workers,
			      "luns", (int)server->n_lus, "sessions",
			      (int)server_n_sessions(server), "channels", (int)server->n_channels,
			      "draining", server->draining, "targets", show_targets(server),
			      "listeners", show_portals(server)));
}
