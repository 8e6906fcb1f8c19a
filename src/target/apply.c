/* SPDX-License-Identifier: BSD-2-Clause */
/* A checked configuration becomes stores, logical units, targets and portals; and back to nothing. */
#include "target/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/be.h"
#include "base/log.h"
#include "conf/conf.h"
#include "target/hook.h"

enum { CDROM_BLOCK = 2048 };

/* Borrows the texts; the caller frees the array. NULL = out of memory. */
static struct store_fault_conf *make_faults(const struct conf_lun *l)
{
	struct store_fault_conf *faults = calloc(l->n_faults + 1, sizeof(*faults));

	for (size_t i = 0; faults && i < l->n_faults; i++) {
		const struct conf_fault *f = &l->faults[i];

		faults[i] = (struct store_fault_conf){
			.op = f->op,
			.error = f->error,
			.from = f->from,
			.to = f->to,
			.torn = f->torn,
			.kill = f->kill,
			.delay_ms = f->delay_ms,
			.cancel = f->cancel,
			.rate = f->rate,
			.seed = f->seed,
			.after = f->after,
			.count = f->count,
			.after_ms = f->after_ms,
			.for_ms = f->for_ms,
		};
	}
	return faults;
}

static int open_store(const struct store_conf *conf, const struct conf_lun *l, struct store **out,
		      char *err, size_t err_len)
{
	struct store_fault_conf *faults = make_faults(l);
	struct store_conf sc = *conf;
	int ret;

	if (!faults) {
		snprintf(err, err_len, "out of memory");
		return -ENOMEM;
	}
	sc.faults = faults;
	sc.n_faults = l->n_faults;
	ret = store_open(&sc, out, err, err_len);
	free(faults);
	return ret;
}

/* What systemd's sandbox forbids looks like a fault of the file system. */
static void hint_at_sandbox(const struct conf_lun *l)
{
	const char *slash = strrchr(l->path, '/');

	if (!getenv("INVOCATION_ID"))
		return;
	if (strncmp(l->path, "/dev/", 5) == 0)
		log_err("LUN \"%s\": the service's user has to have access to %s: see its group and mode",
			l->name, l->path);
	else
		log_err("LUN \"%s\": the service's user has to have access to the file, and its sandbox "
			"has to allow the directory: systemctl edit srptd, \"[Service]\", "
			"\"ReadWritePaths=%.*s\"",
			l->name, (int)(slash - l->path), l->path);
}

static const struct conf_access *access_of(const struct conf_lun *l, uint16_t group)
{
	for (size_t i = 0; i < l->n_alua; i++)
		if (l->alua[i].group == group)
			return &l->alua[i];
	return NULL;
}

/* Groups that were set before and are not in the list are active again. */
int server_set_access(struct scsi_lu *lu, const struct conf_lun *l)
{
	const struct scsi_port_group *group;
	int ret = 0;

	STAILQ_FOREACH (group, &lu->groups, link)
		if (!access_of(l, group->id))
			ret = scsi_lu_set_access(lu, group->id, SCSI_ACTIVE_OPTIMIZED, false);
	for (size_t i = 0; i < l->n_alua && !ret; i++)
		ret = scsi_lu_set_access(lu, l->alua[i].group, access_state(l->alua[i].state),
					 l->alua[i].preferred);
	return ret;
}

static void *runner_open(void)
{
	return store_sync_new();
}

static int runner_run(void *context, const struct store_io *io)
{
	return store_sync_run(context, io);
}

static void runner_close(void *context)
{
	store_sync_free(context);
}

static const struct scsi_runner runner = { runner_open, runner_run, runner_close };

int server_open_lun(struct server *server, const struct conf *conf, size_t i, struct store **store,
		    struct scsi_lu **lu)
{
	const struct conf_lun *l = &conf->luns[i];
	bool cdrom = strcmp(l->type, "cdrom") == 0, empty = cdrom && !l->path;
	struct store_conf sc = {
		.type = empty ? "null" : cdrom ? "file" : l->type,
		.path = l->path,
		.size = empty ? CDROM_BLOCK : l->size,
		.block_size = cdrom ? CDROM_BLOCK : l->block_size,
		.direct = l->o_direct,
		.read_only = l->read_only || cdrom,
		.write_through = l->write_through,
		.nv_cache = l->nv_cache,
		.thin = l->thin,
		.read_zero = l->read_zero,
		.hugepages = l->hugepages,
		.serving = server->started,
	};
	struct scsi_lu_conf lc = {
		.name = l->name,
		.vendor = l->vendor,
		.product = l->product,
		.revision = l->revision,
		.serial = l->serial,
		.naa = l->naa[0],
		.naa_low = l->naa[1],
		.eui64 = l->eui64,
		.block_size = sc.block_size,
		.cdrom = cdrom,
		.empty = empty,
		.lb_per_pb_exp = l->lb_per_pb_exp,
		.rotational = l->rotational,
		.removable = l->removable,
		.read_only = l->read_only,
		.thin = l->thin,
		.opt_transfer = l->opt_transfer,
		.buf_len = conf->segment_size,
	};
	char err[512];
	int ret = open_store(&sc, l, store, err, sizeof(err));

	if (!ret) {
		*lu = scsi_lu_new(&lc, *store, err, sizeof(err));
		ret = *lu ? 0 : -errno;
	}
	if (!ret) {
		(*lu)->meters = meters_new(conf->workers);
		ret = (*lu)->meters ? 0 : -ENOMEM;
	}
	if (!ret && l->n_alua) {
		scsi_lu_use_alua(*lu, l->alua_explicit, server->access_hook);
		ret = server_set_access(*lu, l);
	}
	if (!ret)
		scsi_lu_use_runner(*lu, &runner);
	if (!ret && server->keeper)
		ret = scsi_lu_keep(*lu, server->keeper, err, sizeof(err));
	if (ret)
		log_err("%s:%d: LUN \"%s\": %s", conf->file, l->line, l->name, err);
	if (l->path && strcmp(l->type, "passthrough") != 0 &&
	    (ret == -EROFS || ret == -EACCES || ret == -EPERM))
		hint_at_sandbox(l);
	return ret;
}

/* systemd tells its directory (StateDirectory=) where the configuration names none. */
static int make_keeper(struct server *server, const struct conf *conf)
{
	const char *dir = conf->state_dir ? conf->state_dir : getenv("STATE_DIRECTORY");

	if (!dir)
		return 0;
	server->keeper = scsi_pr_files_new(dir);
	return server->keeper ? 0 : -ENOMEM;
}

static int open_luns(struct server *server, const struct conf *conf)
{
	int ret = 0;

	server->stores = calloc(conf->n_luns + 1, sizeof(struct store *));
	server->lus = calloc(conf->n_luns + 1, sizeof(struct scsi_lu *));
	if (!server->stores || !server->lus)
		return -ENOMEM;
	ret = make_keeper(server, conf);
	if (!ret && conf->alua_hook) {
		server->access_hook = hook_new(conf->alua_hook);
		ret = server->access_hook ? 0 : -ENOMEM;
	}
	for (size_t i = 0; i < conf->n_luns && !ret; i++) {
		server->n_lus = i + 1;
		ret = server_open_lun(server, conf, i, &server->stores[i], &server->lus[i]);
	}
	return ret;
}

int server_make_group(struct scsi_lu *const *lus, const struct conf_group *cg, struct group *g)
{
	g->name = strdup(cg->name);
	g->initiators = calloc(cg->n_initiators + 1, sizeof(char *));
	g->map = calloc(cg->n_maps + 1, sizeof(*g->map));
	if (!g->name || !g->initiators || !g->map)
		return -ENOMEM;
	for (; g->n_initiators < cg->n_initiators; g->n_initiators++) {
		g->initiators[g->n_initiators] = strdup(cg->initiators[g->n_initiators]);
		if (!g->initiators[g->n_initiators])
			return -ENOMEM;
	}
	for (; g->n_map < cg->n_maps; g->n_map++) {
		const struct conf_mapping *m = &cg->maps[g->n_map];

		g->map[g->n_map] = (struct scsi_lun_mapping){
			.lun = m->lun,
			.lu = lus[m->lun_index],
			.read_only = m->read_only,
		};
	}
	return 0;
}

int server_add_ports(const struct target *t, const struct group *groups, size_t n_groups)
{
	struct scsi_port port = { .rel_target_port = t->rel_target_port, .group = t->port_group };

	memcpy(port.id, t->port_id, sizeof(port.id));
	for (size_t i = 0; i < n_groups; i++)
		for (size_t j = 0; j < groups[i].n_map; j++)
			if (scsi_lu_add_port(groups[i].map[j].lu, &port))
				return -ENOMEM;
	return 0;
}

static int make_target(struct server *server, const struct conf_target *ct, struct target *t)
{
	int ret = 0;

	LIST_INIT(&t->sessions);
	t->name = strdup(ct->name);
	t->groups = calloc(ct->n_groups + 1, sizeof(*t->groups));
	if (!t->name || !t->groups)
		return -ENOMEM;
	be64_put(t->port_id, ct->id_ext);
	be64_put(t->port_id + 8, ct->ioc_guid);
	t->rel_target_port = ct->rel_target_port;
	t->port_group = ct->port_group ? ct->port_group : ct->rel_target_port;
	t->comp_v_mask = ct->comp_v_mask;
	t->aer = ct->aer;
	for (; t->n_groups < ct->n_groups && !ret; t->n_groups++)
		ret = server_make_group(server->lus, &ct->groups[t->n_groups],
					&t->groups[t->n_groups]);
	return ret ? ret : server_add_ports(t, t->groups, t->n_groups);
}

static bool same_address(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* All InfiniBand ports are one listener: the address of an entry only says which of them counts. */
static bool is_portal_of(const struct portal *p, const struct conf_listen *listen)
{
	if (listen->ib)
		return p->service_id == listen->service_id;
	return !p->service_id && p->port == listen->port &&
	       same_address(p->address, listen->address);
}

/* Several targets may share a listener. */
static struct portal *get_portal(struct server *server, const struct conf_listen *listen, size_t n)
{
	struct portal *p;

	for (size_t i = 0; i < server->n_portals; i++)
		if (is_portal_of(&server->portals[i], listen))
			return &server->portals[i];
	p = &server->portals[server->n_portals];
	p->port = listen->port;
	p->service_id = listen->ib ? listen->service_id : 0;
	p->targets = calloc(n, sizeof(*p->targets));
	p->address = listen->address && !listen->ib ? strdup(listen->address) : NULL;
	if (!p->targets || (listen->address && !listen->ib && !p->address)) {
		free(p->targets);
		free(p->address);
		return NULL;
	}
	server->n_portals++;
	return p;
}

static int join_portal(struct server *server, const struct conf_listen *listen, size_t n,
		       struct target *target)
{
	struct portal *p = get_portal(server, listen, n);
	struct portal_target *pt;

	if (!p)
		return -ENOMEM;
	p->wanted |= !listen->implied;
	pt = &p->targets[p->n_targets++];
	pt->target = target;
	if (listen->ib && listen->address)
		inet_pton(AF_INET6, listen->address, pt->gid.raw);
	return 0;
}

static int make_portals(struct server *server, const struct conf *conf)
{
	size_t n = 0;
	int ret = 0;

	for (size_t i = 0; i < conf->n_targets; i++)
		n += conf->targets[i].n_listens;
	server->portals = calloc(n + 1, sizeof(*server->portals));
	if (!server->portals)
		return -ENOMEM;
	for (size_t i = 0; i < conf->n_targets; i++)
		for (size_t j = 0; j < conf->targets[i].n_listens && !ret; j++)
			ret = join_portal(server, &conf->targets[i].listens[j], n,
					  &server->targets[i]);
	return ret;
}

int server_apply(struct server *server, const struct conf *conf)
{
	int ret = open_luns(server, conf);

	if (ret)
		return ret;
	server->targets = calloc(conf->n_targets + 1, sizeof(*server->targets));
	if (!server->targets)
		return -ENOMEM;
	for (; server->n_targets < conf->n_targets && !ret; server->n_targets++)
		ret = make_target(server, &conf->targets[server->n_targets],
				  &server->targets[server->n_targets]);
	return ret ? ret : make_portals(server, conf);
}

void server_free_groups(struct group *groups, size_t n)
{
	for (size_t i = 0; groups && i < n; i++) {
		struct group *g = &groups[i];

		for (size_t j = 0; j < g->n_initiators; j++)
			free(g->initiators[j]);
		free(g->initiators);
		free(g->map);
		free(g->name);
	}
	free(groups);
}

static void free_target(struct target *t)
{
	server_free_groups(t->groups, t->n_groups);
	free(t->name);
}

void server_unapply(struct server *server)
{
	for (size_t i = 0; i < server->n_portals; i++) {
		free(server->portals[i].targets);
		free(server->portals[i].address);
	}
	free(server->portals);
	for (size_t i = 0; i < server->n_targets; i++)
		free_target(&server->targets[i]);
	free(server->targets);
	for (size_t i = 0; i < server->n_lus; i++) {
		if (server->lus[i])
			scsi_lu_free(server->lus[i]);
		if (server->started)
			store_close(server->stores[i]);
		else
			store_discard(server->stores[i]);
	}
	server_free_retired(server);
	free(server->lus);
	free(server->stores);
}
