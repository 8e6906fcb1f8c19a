/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From one configuration to the next while initiators are served. Everything that can fail comes
 * first and is invisible; then LUN maps, groups and logical units change in one step of the control
 * thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "conf/conf.h"
#include "target/qos.h"
#include "target/server.h"

/* What becomes of a session. */
struct plan {
	struct session *session;
	const struct group *group; /* among the new ones; NULL = it ends */
	const struct group *other; /* ... because this one admits it now; NULL = none does */
	struct scsi_remap *remap;
};

struct reload {
	struct server *server;
	const struct conf *old, *new;
	struct store **stores; /* in the order of new->luns, like lus */
	struct scsi_lu **lus;
	bool *fresh;	       /* opened by us */
	struct group **groups; /* by index of the server's targets */
	size_t *n_groups;
	struct retired **retired;
	size_t n_retired;
	struct plan *plans;
	size_t n_plans;
};

/* Whom the group of a session that ends admits: nobody. */
static const struct group nobody = { .name = (char *)"(none)" };

static const struct conf_lun *find_lun(const struct conf *conf, const char *name, size_t *index)
{
	for (size_t i = 0; i < conf->n_luns; i++)
		if (strcmp(conf->luns[i].name, name) == 0) {
			*index = i;
			return &conf->luns[i];
		}
	return NULL;
}

/* ---- logical units ---- */

/* The same store cannot be opened twice, so it cannot be replaced by itself. */
static int check_path(const struct reload *r, const struct conf_lun *lun)
{
	size_t at;
	const struct conf_lun *old = find_lun(r->old, lun->name, &at);

	if (!old || !old->path || !lun->path || strcmp(old->path, lun->path) != 0)
		return 0;
	log_err("%s:%d: LUN \"%s\": its keys cannot change while it serves %s: take it out of the "
		"configuration, reload, and put it back",
		lun->file, lun->line, lun->name, lun->path);
	return -EBUSY;
}

static int take_lun(struct reload *r, size_t i)
{
	const struct conf_lun *lun = &r->new->luns[i];
	size_t at;
	const struct conf_lun *old = find_lun(r->old, lun->name, &at);
	int ret;

	if (old && conf_lun_equal_but_live(old, lun)) {
		r->stores[i] = r->server->stores[at];
		r->lus[i] = r->server->lus[at];
		return 0;
	}
	ret = check_path(r, lun);
	if (ret)
		return ret;
	r->fresh[i] = true;
	return server_open_lun(r->server, r->new, i, &r->stores[i], &r->lus[i]);
}

static int take_luns(struct reload *r)
{
	size_t n = r->new->n_luns;
	int ret = 0;

	r->stores = calloc(n + 1, sizeof(*r->stores));
	r->lus = calloc(n + 1, sizeof(*r->lus));
	r->fresh = calloc(n + 1, sizeof(*r->fresh));
	if (!r->stores || !r->lus || !r->fresh)
		return -ENOMEM;
	for (size_t i = 0; i < n && !ret; i++)
		ret = take_lun(r, i);
	return ret;
}

static bool is_kept(const struct reload *r, const struct scsi_lu *lu)
{
	for (size_t i = 0; i < r->new->n_luns; i++)
		if (r->lus[i] == lu)
			return true;
	return false;
}

static int retire_luns(struct reload *r)
{
	const struct server *server = r->server;

	r->retired = calloc(server->n_lus + 1, sizeof(struct retired *));
	if (!r->retired)
		return -ENOMEM;
	for (size_t i = 0; i < server->n_lus; i++) {
		if (is_kept(r, server->lus[i]))
			continue;
		r->retired[r->n_retired] =
			server_retired_new(server, server->lus[i], server->stores[i]);
		if (!r->retired[r->n_retired++])
			return -ENOMEM;
	}
	return 0;
}

/* ---- groups ---- */

static int make_groups(struct reload *r, size_t i)
{
	const struct conf_target *ct = NULL;
	int ret = 0;

	for (size_t k = 0; k < r->new->n_targets && !ct; k++)
		if (strcmp(r->new->targets[k].name, r->server->targets[i].name) == 0)
			ct = &r->new->targets[k];
	if (!ct)
		return -EINVAL;
	r->groups[i] = calloc(ct->n_groups + 1, sizeof(struct group));
	if (!r->groups[i])
		return -ENOMEM;
	for (; r->n_groups[i] < ct->n_groups && !ret; r->n_groups[i]++)
		ret = server_make_group(r->lus, &ct->groups[r->n_groups[i]],
					&r->groups[i][r->n_groups[i]]);
	return ret;
}

static int make_all_groups(struct reload *r)
{
	int ret = 0;

	r->groups = calloc(r->server->n_targets + 1, sizeof(struct group *));
	r->n_groups = calloc(r->server->n_targets + 1, sizeof(*r->n_groups));
	if (!r->groups || !r->n_groups)
		return -ENOMEM;
	for (size_t i = 0; i < r->server->n_targets && !ret; i++)
		ret = make_groups(r, i);
	return ret;
}

static int add_ports(const struct reload *r)
{
	int ret = 0;

	for (size_t i = 0; i < r->server->n_targets && !ret; i++)
		ret = server_add_ports(&r->server->targets[i], r->groups[i], r->n_groups[i]);
	return ret;
}

/* ---- sessions ---- */

/* A session stays in its group, which is known by its name. */
static int plan_session(struct reload *r, size_t i, struct session *s, struct plan *p)
{
	const struct target now = { .groups = r->groups[i], .n_groups = r->n_groups[i] };
	const struct group *g = target_admit(&now, &s->id);

	p->session = s;
	if (g && strcmp(g->name, s->group->name) == 0)
		p->group = g;
	else
		p->other = g;
	return scsi_remap_new(&s->nexus, p->group ? g->map : NULL, p->group ? g->n_map : 0,
			      &p->remap);
}

static int plan_sessions(struct reload *r)
{
	struct server *server = r->server;
	struct session *s;
	size_t n = 0;
	int ret = 0;

	for (size_t i = 0; i < server->n_targets; i++)
		LIST_FOREACH(s, &server->targets[i].sessions, link)
			n++;
	r->plans = calloc(n + 1, sizeof(*r->plans));
	if (!r->plans)
		return -ENOMEM;
	for (size_t i = 0; i < server->n_targets; i++)
		LIST_FOREACH(s, &server->targets[i].sessions, link)
			if (!ret)
				ret = plan_session(r, i, s, &r->plans[r->n_plans++]);
	return ret;
}

static void end_session(const struct plan *p)
{
	const struct session *s = p->session;
	struct channel *ch;

	if (session_n_live(s) == 0)
		return;
	if (p->other)
		log_warn("%s: group \"%s\" of target %s admits it now instead of \"%s\": logging "
			 "it out, "
			 "it may log in again",
			 s->nexus.initiator, p->other->name, s->target->name, s->group->name);
	else
		log_warn("%s: no group of target %s admits it any more: logging it out",
			 s->nexus.initiator, s->target->name);
	LIST_FOREACH(ch, &s->channels, session_link)
		server_channel_logout(ch);
}

static void change_session(const struct plan *p)
{
	struct session *s = p->session;

	if (!p->group)
		end_session(p);
	s->group = p->group ? p->group : &nobody;
	if (scsi_remap_apply(p->remap) && p->group)
		log_info("%s: its LUN map has changed, %u LUN(s)", s->nexus.initiator,
			 (unsigned int)s->nexus.n_luns);
}

/* ---- the whole ---- */

static int prepare(struct reload *r)
{
	int ret = take_luns(r);

	if (!ret)
		ret = retire_luns(r);
	if (!ret)
		ret = make_all_groups(r);
	if (!ret)
		ret = plan_sessions(r);
	if (!ret)
		ret = server_qos_prepare(r->server, r->new);
	return ret ? ret : add_ports(r);
}

static void undo(struct reload *r)
{
	for (size_t i = 0; i < r->n_plans; i++)
		scsi_remap_free(r->plans[i].remap);
	for (size_t i = 0; r->groups && i < r->server->n_targets; i++)
		server_free_groups(r->groups[i], r->n_groups ? r->n_groups[i] : 0);
	for (size_t i = 0; i < r->n_retired; i++)
		if (r->retired[i])
			free(r->retired[i]->msgs);
	for (size_t i = 0; i < r->n_retired; i++)
		free(r->retired[i]);
	for (size_t i = 0; r->fresh && i < r->new->n_luns; i++)
		if (r->fresh[i]) {
			scsi_lu_free(r->lus[i]);
			store_discard(r->stores[i]);
		}
	free(r->stores);
	free(r->lus);
}

/* What initiators have set stays, unless the configuration says something new. */
static void change_access(const struct reload *r, size_t i)
{
	const struct conf_lun *lun = &r->new->luns[i];
	size_t at;

	if (r->fresh[i] || conf_lun_equal(find_lun(r->old, lun->name, &at), lun))
		return;
	if (server_set_access(r->lus[i], lun))
		log_err("LUN \"%s\": no memory for its states of access", lun->name);
}

static void commit(struct reload *r)
{
	struct server *server = r->server;

	for (size_t i = 0; i < r->n_plans; i++)
		change_session(&r->plans[i]);
	for (size_t i = 0; i < server->n_targets; i++) {
		struct target *t = &server->targets[i];

		server_free_groups(t->groups, t->n_groups);
		t->groups = r->groups[i];
		t->n_groups = r->n_groups[i];
	}
	for (size_t i = 0; i < r->n_retired; i++)
		SLIST_INSERT_HEAD(&server->retired, r->retired[i], link);
	for (size_t i = 0; i < r->new->n_luns; i++)
		change_access(r, i);
	free(server->stores);
	free(server->lus);
	server->stores = r->stores;
	server->lus = r->lus;
	server->n_lus = r->new->n_luns;
	server_qos_apply(server, r->new);
	server_reap_soon(server);
}

int server_reload(struct server *server, const struct conf *old, const struct conf *new)
{
	struct reload r = { .server = server, .old = old, .new = new };
	int ret = prepare(&r);

	if (ret)
		undo(&r);
	else
		commit(&r);
	if (ret == -ENOMEM)
		log_err("reload: out of memory");
	free(r.fresh);
	free(r.groups);
	free(r.n_groups);
	free(r.retired);
	free(r.plans);
	return ret;
}
