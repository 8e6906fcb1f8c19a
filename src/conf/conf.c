/* SPDX-License-Identifier: BSD-2-Clause */
/* A configuration as a whole: made without a file, and freed. */
#include "conf/conf.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "conf/check.h"
#include "conf/ident.h"
#include "conf/keys.h"

void conf_free(struct conf *conf)
{
	if (!conf)
		return;
	key_free(&conf_table, conf);
	for (size_t i = 0; i < conf->n_files; i++)
		free(conf->files[i]);
	free(conf->files);
	free(conf->file);
	free(conf);
}

enum { NAME_LEN = 64 };

/* The last component of a path in the characters that names may have. */
static void name_from_path(const char *path, char name[NAME_LEN])
{
	const char *slash = strrchr(path, '/');
	size_t n = 0;

	path = slash ? slash + 1 : path;
	while (*path && !isalnum((unsigned char)*path))
		path++;
	for (; *path && n < NAME_LEN - 1; path++)
		name[n++] = isalnum((unsigned char)*path) || strchr("._:+@-", *path) ? *path : '_';
	name[n] = '\0';
	if (!n)
		strcpy(name, "lun0");
}

static void *new_one(const struct key_table *parent, const char *list)
{
	const struct key_table *table = key_find(parent, list)->table;
	void *one = calloc(1, table->size);

	if (one && !key_defaults(table, one)) {
		key_free(table, one);
		free(one);
		one = NULL;
	}
	return one;
}

static bool fill_lun(struct conf *conf, const struct ident *ident, const char *name,
		     const char *path, uint64_t size)
{
	struct conf_lun *lun = new_one(&conf_table, "luns");
	char serial[IDENT_SERIAL_LEN];

	if (!lun)
		return false;
	conf->luns = lun;
	conf->n_luns = 1;
	ident_serial(ident, name, serial);
	lun->name = strdup(name);
	lun->path = strdup(path);
	lun->serial = strdup(serial);
	lun->size = size;
	lun->file = conf->files[0];
	return lun->name && lun->path && lun->serial;
}

static bool fill_group(struct conf_target *target, const char *lun_name)
{
	const struct key_table *targets = key_find(&conf_table, "targets")->table;
	const struct key_table *groups = key_find(targets, "groups")->table;
	struct conf_group *group = new_one(targets, "groups");

	if (!group)
		return false;
	target->groups = group;
	target->n_groups = 1;
	group->name = strdup("all");
	group->initiators = calloc(1, sizeof(*group->initiators));
	group->maps = new_one(groups, "luns");
	if (!group->maps)
		return false;
	group->n_maps = 1;
	group->maps[0].lun = 0;
	group->maps[0].use = strdup(lun_name);
	if (!group->initiators)
		return false;
	group->n_initiators = 1;
	group->initiators[0] = strdup("*");
	return group->name && group->initiators[0] && group->maps[0].use;
}

static bool fill_target(struct conf *conf, const struct ident *ident, const char *name,
			uint16_t port)
{
	struct conf_target *target = new_one(&conf_table, "targets");

	if (!target)
		return false;
	conf->targets = target;
	conf->n_targets = 1;
	target->name = strdup(name);
	target->id_ext = ident_target(ident, name);
	target->ioc_guid = target->id_ext;
	target->rel_target_port = 1;
	target->rdma_cm_port = port;
	target->file = conf->files[0];
	return target->name && check_implied_listens(target, port, CONF_IB_SERVICE_ID, NULL) &&
	       fill_group(target, name);
}

static bool fill_files(struct conf *conf)
{
	conf->file = strdup("(command line)");
	conf->files = calloc(1, sizeof(*conf->files));
	if (!conf->file || !conf->files)
		return false;
	conf->n_files = 1;
	conf->files[0] = strdup(conf->file);
	return conf->files[0] != NULL;
}

struct conf *conf_for_path(const char *path, uint64_t size, uint16_t port)
{
	struct conf *conf = calloc(1, sizeof(*conf));
	struct ident ident;
	char name[NAME_LEN];

	if (!conf)
		return NULL;
	ident_init(&ident); /* no machine id: the key is all zero */
	name_from_path(path, name);
	if (!key_defaults(&conf_table, conf) || !fill_files(conf) ||
	    !fill_lun(conf, &ident, name, path, size) || !fill_target(conf, &ident, name, port)) {
		conf_free(conf);
		return NULL;
	}
	conf->workers = check_default_workers(conf);
	return conf;
}
