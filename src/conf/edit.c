/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One change to a configuration. The result is written and read again, so that it meets every check
 * that a file meets, and has what is derived.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "conf/keys.h"
#include "conf/write.h"

static const char text_name[] = "(edited)";

/* ---- lists ---- */

/* Room for one more, zeroed with its defaults; NULL = out of memory. */
static void *grow(void *list, size_t *n, const struct key_table *table)
{
	char *grown = realloc(*(void **)list, (*n + 1) * table->size);
	void *element;

	if (!grown)
		return NULL;
	*(void **)list = grown;
	element = grown + *n * table->size;
	memset(element, 0, table->size);
	++*n;
	return key_defaults(table, element) ? element : NULL;
}

static void cut(void *list, size_t *n, size_t i, const struct key_table *table)
{
	char *element = (char *)list + i * table->size;

	key_free(table, element);
	memmove(element, element + table->size, (--*n - i) * table->size);
}

static const struct key_table *target_table(void)
{
	return key_find(&conf_table, "targets")->table;
}

static const struct key_table *group_table(void)
{
	return key_find(target_table(), "groups")->table;
}

static struct conf_target *find_target(struct conf *conf, const char *name, FILE *errs)
{
	for (size_t i = 0; i < conf->n_targets; i++)
		if (strcmp(conf->targets[i].name, name) == 0)
			return &conf->targets[i];
	fprintf(errs, "target \"%s\": there is none\n", name);
	return NULL;
}

static struct conf_group *find_group(struct conf *conf, const struct conf_edit *edit, FILE *errs)
{
	struct conf_target *t = find_target(conf, edit->target, errs);

	if (!t)
		return NULL;
	for (size_t i = 0; i < t->n_groups; i++)
		if (strcmp(t->groups[i].name, edit->group) == 0)
			return &t->groups[i];
	fprintf(errs, "group \"%s\" of target \"%s\": there is none\n", edit->group, edit->target);
	return NULL;
}

/* ---- LUNs ---- */

bool conf_lun_key_is_text(const char *name)
{
	const struct key *key = key_find(key_find(&conf_table, "luns")->table, name);

	return !key || key->type == KEY_SIZE || key->type == KEY_ID64 || key->type == KEY_NAA || key->type == KEY_TEXT ||
	       key->type == KEY_CHOICE;
}

static int lun_add(struct conf *conf, const struct conf_edit *edit, FILE *errs)
{
	const struct key_table *table = key_find(&conf_table, "luns")->table;
	struct conf *part = NULL;
	struct conf_lun *lun;
	char *text;
	int ret;

	if (asprintf(&text, "luns = ( { name = \"%s\"; %s } );", edit->name, edit->keys) < 0)
		return -ENOMEM;
	ret = conf_load_text(text_name, text, &part, errs);
	free(text);
	if (ret)
		return ret;
	lun = part->n_luns == 1 ? grow(&conf->luns, &conf->n_luns, table) : NULL;
	if (lun) {
		key_free(table, lun);
		*lun = part->luns[0];
		part->n_luns = 0;
	}
	conf_free(part);
	return lun ? 0 : -EINVAL;
}

static bool is_named(const struct conf_edit *edit, const char *key)
{
	for (size_t i = 0; i < edit->n_patterns; i++)
		if (strcmp(edit->patterns[i], key) == 0)
			return true;
	return false;
}

/* A LUN as text, but for the keys that the edit names, which follow. */
static char *lun_text(const struct conf_lun *lun, const struct conf_edit *edit)
{
	const struct key_table *table = key_find(&conf_table, "luns")->table;
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	fputs("luns = ( { ", f);
	for (size_t i = 0; i < table->n_keys; i++)
		if (!is_named(edit, table->keys[i].name))
			write_key(f, table, &table->keys[i], lun, 0);
	fprintf(f, "%s } );", edit->keys);
	if (!fclose(f))
		return text;
	free(text);
	return NULL;
}

static int lun_set(struct conf *conf, const struct conf_edit *edit, FILE *errs)
{
	struct conf *part = NULL;
	struct conf_lun *lun = NULL;
	char *text;
	int ret;

	for (size_t i = 0; i < conf->n_luns && !lun; i++)
		if (strcmp(conf->luns[i].name, edit->name) == 0)
			lun = &conf->luns[i];
	if (!lun) {
		fprintf(errs, "LUN \"%s\": there is none\n", edit->name);
		return -ENOENT;
	}
	text = lun_text(lun, edit);
	ret = text ? conf_load_text(text_name, text, &part, errs) : -ENOMEM;
	free(text);
	if (ret)
		return ret;
	if (part->n_luns == 1) {
		struct conf_lun old = *lun;

		*lun = part->luns[0];
		part->luns[0] = old;
	}
	ret = part->n_luns == 1 ? 0 : -EINVAL;
	conf_free(part);
	return ret;
}

static int lun_remove(struct conf *conf, const struct conf_edit *edit, FILE *errs)
{
	for (size_t i = 0; i < conf->n_luns; i++)
		if (strcmp(conf->luns[i].name, edit->name) == 0) {
			cut(conf->luns, &conf->n_luns, i, key_find(&conf_table, "luns")->table);
			return 0;
		}
	fprintf(errs, "LUN \"%s\": there is none\n", edit->name);
	return -ENOENT;
}

static int lun_map(struct conf *conf, const struct conf_edit *edit, FILE *errs)
{
	const struct key_table *table = key_find(group_table(), "luns")->table;
	struct conf_group *g = find_group(conf, edit, errs);
	struct conf_mapping *m;

	if (!g)
		return -ENOENT;
	m = grow(&g->maps, &g->n_maps, table);
	if (!m)
		return -ENOMEM;
	m->lun = edit->lun;
	m->read_only = edit->read_only;
	free(m->use);
	m->use = strdup(edit->name);
	return m->use ? 0 : -ENOMEM;
}

static int lun_unmap(struct conf *conf, const struct conf_edit *edit, FILE *errs)
{
	struct conf_group *g = find_group(conf, edit, errs);

	for (size_t i = 0; g && i < g->n_maps; i++)
		if (g->maps[i].lun == edit->lun) {
			cut(g->maps, &g->n_maps, i, key_find(group_table(), "luns")->table);
			return 0;
		}
	if (g)
		fprintf(errs, "group \"%s\": it has no LUN %u\n", g->name, edit->lun);
	return -ENOENT;
}

/* ---- groups ---- */

static int add_patterns(struct conf_group *g, const struct conf_edit *edit)
{
	char **grown =
		reallocarray(g->initiators, g->n_initiators + edit->n_patterns + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	g->initiators = grown;
	for (size_t i = 0; i < edit->n_patterns; i++) {
		grown[g->n_initiators] = strdup(edit->patterns[i]);
		if (!grown[g->n_initiators++])
			return -ENOMEM;
	}
	return 0;
}

static int group_add(struct conf *conf, const struct conf_edit *edit, FILE *errs)
{
	struct conf_target *t = find_target(conf, edit->target, errs);
	struct conf_group *g;

	if (!t)
		return -ENOENT;
	g = grow(&t->groups, &t->n_groups, group_table());
	if (!g)
		return -ENOMEM;
	free(g->name);
	g->name = strdup(edit->group);
	return g->name ? add_patterns(g, edit) : -ENOMEM;
}

static int group_remove(struct conf *conf, const struct conf_edit *edit, FILE *errs)
{
	struct conf_group *g = find_group(conf, edit, errs);
	struct conf_target *t = g ? find_target(conf, edit->target, errs) : NULL;

	if (!t)
		return -ENOENT;
	cut(t->groups, &t->n_groups, (size_t)(g - t->groups), group_table());
	return 0;
}

static int group_allow(struct conf *conf, const struct conf_edit *edit, FILE *errs)
{
	struct conf_group *g = find_group(conf, edit, errs);

	return g ? add_patterns(g, edit) : -ENOENT;
}

static bool forbid(struct conf_group *g, const char *pattern)
{
	for (size_t i = 0; i < g->n_initiators; i++)
		if (strcmp(g->initiators[i], pattern) == 0) {
			free(g->initiators[i]);
			memmove(&g->initiators[i], &g->initiators[i + 1],
				(--g->n_initiators - i) * sizeof(*g->initiators));
			return true;
		}
	return false;
}

static int group_forbid(struct conf *conf, const struct conf_edit *edit, FILE *errs)
{
	struct conf_group *g = find_group(conf, edit, errs);

	for (size_t i = 0; g && i < edit->n_patterns; i++)
		if (!forbid(g, edit->patterns[i])) {
			fprintf(errs, "group \"%s\": it has no pattern \"%s\"\n", g->name,
				edit->patterns[i]);
			return -ENOENT;
		}
	return g ? 0 : -ENOENT;
}

/* Its limits, which are checked as those of a LUN are. */
static int group_set(struct conf *conf, const struct conf_edit *edit, FILE *errs)
{
	struct conf_group *g = find_group(conf, edit, errs);
	struct conf_qos now;
	struct conf *part = NULL;
	char *text;
	int ret;

	for (size_t i = 0; g && i < edit->n_patterns; i++)
		if (strncmp(edit->patterns[i], "qos_", 4) != 0) {
			fprintf(errs, "%s: expected one of qos_iops, qos_bandwidth, qos_burst_ms\n",
				edit->patterns[i]);
			return -EINVAL;
		}
	if (!g)
		return -ENOENT;
	if (asprintf(&text, "luns = ( { name = \"limits\"; type = \"null\"; size = \"1M\"; %s } );",
		     edit->keys) < 0)
		return -ENOMEM;
	ret = conf_load_text(text_name, text, &part, errs);
	free(text);
	if (ret)
		return ret;
	now = part->n_luns == 1 ? part->luns[0].qos : g->qos;
	if (is_named(edit, "qos_iops"))
		g->qos.iops = now.iops;
	if (is_named(edit, "qos_bandwidth"))
		g->qos.bandwidth = now.bandwidth;
	if (is_named(edit, "qos_burst_ms"))
		g->qos.burst_ms = now.burst_ms;
	conf_free(part);
	return 0;
}

/* ---- the whole ---- */

static int (*const edits[])(struct conf *conf, const struct conf_edit *edit, FILE *errs) = {
	[CONF_LUN_ADD] = lun_add,	  [CONF_LUN_REMOVE] = lun_remove,
	[CONF_LUN_MAP] = lun_map,	  [CONF_LUN_UNMAP] = lun_unmap,
	[CONF_GROUP_ADD] = group_add,	  [CONF_GROUP_REMOVE] = group_remove,
	[CONF_GROUP_ALLOW] = group_allow, [CONF_GROUP_FORBID] = group_forbid,
	[CONF_LUN_SET] = lun_set,	  [CONF_GROUP_SET] = group_set,
};

/* Written and read again. */
static int copy(const struct conf *conf, struct conf **out, FILE *errs)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int ret = -ENOMEM;

	*out = NULL;
	if (f) {
		conf_write(conf, f);
		ret = fclose(f) ? -ENOMEM : 0;
	}
	if (!ret)
		ret = conf_load_text(text_name, text, out, errs);
	free(text);
	return ret;
}

static int edit_copy(const struct conf *conf, const struct conf_edit *edit, struct conf **out,
		     FILE *errs)
{
	struct conf *draft;
	int ret = copy(conf, &draft, errs);

	*out = NULL;
	if (!ret)
		ret = edits[edit->kind](draft, edit, errs);
	if (!ret)
		ret = copy(draft, out, errs);
	if (!ret) {
		free((*out)->file);
		(*out)->file = strdup(conf->file);
		ret = (*out)->file ? 0 : -ENOMEM;
	}
	conf_free(draft);
	return ret;
}

/* Notes are for who writes a file: they are said only together with an error. */
int conf_edit(const struct conf *conf, const struct conf_edit *edit, struct conf **out, FILE *errs)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int ret = f ? edit_copy(conf, edit, out, f) : -ENOMEM;

	if (f)
		fclose(f);
	if (ret)
		fputs(f ? text : "out of memory\n", errs);
	if (ret && f) {
		conf_free(*out);
		*out = NULL;
	}
	free(text);
	return ret;
}
