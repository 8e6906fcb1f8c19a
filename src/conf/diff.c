/* SPDX-License-Identifier: BSD-2-Clause */
/* What two configurations have not in common, and what that means for a daemon that runs. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "conf/conf.h"
#include "conf/write.h"

struct diff {
	void (*say)(void *arg, enum conf_effect effect, const char *text);
	void *arg;
};

enum {
	TEXT_LEN = 256
};

static void say(const struct diff *d, enum conf_effect effect, const char *fmt, ...)
	printf_like(3, 4);

static void say(const struct diff *d, enum conf_effect effect, const char *fmt, ...)
{
	char text[TEXT_LEN];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	d->say(d->arg, effect, text);
}

static const struct key_table *table_of(const struct key_table *table, const char *list)
{
	return key_find(table, list)->table;
}

/* ---- elements by their names, which stand first in all of them ---- */

static const void *find(const void *list, size_t n, size_t size, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		const void *element = (const char *)list + i * size;

		if (strcmp(*(char *const *)element, name) == 0)
			return element;
	}
	return NULL;
}

struct list {
	const struct key_table *table;
	const void *items;
	size_t n;
};

static const void *item(const struct list *list, size_t i)
{
	return (const char *)list->items + i * list->table->size;
}

static const char *name_of(const void *element)
{
	return *(char *const *)element;
}

/* Elements that went, came, or are in another order; where both have one, changed() looks on. */
static void diff_lists(const struct diff *d, const char *what, enum conf_effect effect,
		       const struct list *old, const struct list *new,
		       void (*changed)(const struct diff *d, const char *what, const void *old,
				       const void *new))
{
	for (size_t i = 0; i < old->n; i++)
		if (!find(new->items, new->n, new->table->size, name_of(item(old, i))))
			say(d, effect, "%s \"%s\": removed", what, name_of(item(old, i)));
	for (size_t i = 0; i < new->n; i++) {
		const char *name = name_of(item(new, i));
		const void *was = find(old->items, old->n, old->table->size, name);

		if (was)
			changed(d, what, was, item(new, i));
		else
			say(d, effect, "%s \"%s\": added", what, name);
	}
}

/* The same elements, but not in the same places. */
static bool reordered(const struct list *old, const struct list *new)
{
	bool moved = false;

	if (old->n != new->n)
		return false;
	for (size_t i = 0; i < old->n; i++) {
		const char *name = name_of(item(old, i));

		if (!find(new->items, new->n, new->table->size, name))
			return false;
		moved |= strcmp(name, name_of(item(new, i))) != 0;
	}
	return moved;
}

/* ---- luns ---- */

bool conf_lun_equal(const struct conf_lun *a, const struct conf_lun *b)
{
	return write_equal(table_of(&conf_table, "luns"), a, b, NULL);
}

bool conf_lun_equal_but_live(const struct conf_lun *a, const struct conf_lun *b)
{
	struct conf_lun like_a = *b;

	like_a.qos = a->qos;
	return !a->n_alua == !b->n_alua &&
	       write_equal(table_of(&conf_table, "luns"), a, &like_a, "alua");
}

static void diff_lun(const struct diff *d, const char *what, const void *old, const void *new)
{
	if (!conf_lun_equal(old, new))
		say(d, CONF_LIVE, "%s \"%s\": changed", what, name_of(new));
}

/* ---- targets ---- */

static void diff_group(const struct diff *d, const char *what, const void *old, const void *new)
{
	const struct key_table *table = table_of(table_of(&conf_table, "targets"), "groups");

	const struct conf_group *a = old;
	struct conf_group b = *(const struct conf_group *)new;

	if (a->qos.iops != b.qos.iops || a->qos.bandwidth != b.qos.bandwidth ||
	    a->qos.burst_ms != b.qos.burst_ms)
		say(d, CONF_LIVE, "%s \"%s\": limits changed", what, name_of(new));
	b.qos = a->qos;
	if (!write_equal(table, a, &b, "luns"))
		say(d, CONF_LIVE, "%s \"%s\": initiators changed", what, name_of(new));
	if (!write_equal(table, a, &b, "initiators"))
		say(d, CONF_LIVE, "%s \"%s\": LUN map changed", what, name_of(new));
}

static void diff_target(const struct diff *d, const char *what, const void *old, const void *new)
{
	const struct key_table *table = table_of(&conf_table, "targets");
	const struct conf_target *a = old, *b = new;
	struct list was = { table_of(table, "groups"), a->groups, a->n_groups };
	struct list now = { table_of(table, "groups"), b->groups, b->n_groups };
	char group[TEXT_LEN];

	if (!write_equal(table, a, b, "groups"))
		say(d, CONF_RESTART, "%s \"%s\": a key other than groups changed", what, b->name);
	snprintf(group, sizeof(group), "%s \"%s\", group", what, b->name);
	diff_lists(d, group, CONF_LIVE, &was, &now, diff_group);
	if (reordered(&was, &now))
		say(d, CONF_LIVE, "%s \"%s\": order of the groups changed", what, b->name);
}

/* ---- the whole ---- */

static void diff_key(const struct diff *d, const struct key *key, const struct conf *old,
		     const struct conf *new)
{
	const struct key_table one = { .keys = key, .n_keys = 1 };

	if (key->type != KEY_TABLE && strcmp(key->name, "include_dir") != 0 &&
	    !write_equal(&one, old, new, NULL))
		say(d, CONF_RESTART, "%s: changed", key->name);
}

void conf_diff(const struct conf *old, const struct conf *new,
	       void (*tell)(void *arg, enum conf_effect effect, const char *text), void *arg)
{
	const struct diff d = { .say = tell, .arg = arg };
	const struct list luns = { table_of(&conf_table, "luns"), old->luns, old->n_luns };
	const struct list new_luns = { luns.table, new->luns, new->n_luns };
	const struct list targets = { table_of(&conf_table, "targets"), old->targets,
				      old->n_targets };
	const struct list new_targets = { targets.table, new->targets, new->n_targets };

	for (size_t i = 0; i < conf_table.n_keys; i++)
		diff_key(&d, &conf_table.keys[i], old, new);
	diff_lists(&d, "LUN", CONF_LIVE, &luns, &new_luns, diff_lun);
	diff_lists(&d, "target", CONF_RESTART, &targets, &new_targets, diff_target);
}
