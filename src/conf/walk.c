/* SPDX-License-Identifier: BSD-2-Clause */
/* The groups of the tree: every key of theirs is known, and every required one is there. */
#include "conf/walk.h"

#include <stdio.h>
#include <string.h>

static size_t path_append(const config_setting_t *setting, char *path, size_t used)
{
	const config_setting_t *parent = config_setting_parent(setting);
	size_t left;

	if (!parent)
		return used;
	used = path_append(parent, path, used);
	left = WALK_PATH_LEN - used;
	if (setting->name)
		used += (size_t)snprintf(path + used, left, "%s%s", used ? "." : "", setting->name);
	else
		used += (size_t)snprintf(path + used, left, "[%d]", config_setting_index(setting));
	return used < WALK_PATH_LEN ? used : WALK_PATH_LEN - 1;
}

void walk_path(const config_setting_t *setting, char path[WALK_PATH_LEN])
{
	path[0] = '\0';
	path_append(setting, path, 0);
}

static void list_keys(const struct key_table *table, char *buf, size_t len)
{
	size_t used = 0;

	for (size_t i = 0; i < table->n_keys && used < len; i++)
		used += (size_t)snprintf(buf + used, len - used, "%s%s", i ? ", " : "",
					 table->keys[i].name);
}

static void unknown_key(struct walk *walk, const struct key_table *table,
			const config_setting_t *setting)
{
	const struct key *guess = key_guess(table, setting->name);
	int line = (int)config_setting_source_line(setting);
	char path[WALK_PATH_LEN], names[512];

	walk_path(setting, path);
	if (guess) {
		msgs_error(walk->msgs, walk->file, line, path,
			   "unknown key, did you mean `%s'?", guess->name);
	} else if (table == &conf_include_table && key_find(&conf_table, setting->name)) {
		msgs_error(walk->msgs, walk->file, line, path,
			   "not allowed in an included file, expected luns and targets only");
	} else {
		list_keys(table, names, sizeof(names));
		msgs_error(walk->msgs, walk->file, line, path, "unknown key, expected one of %s",
			   names);
	}
}

static void missing_key(struct walk *walk, const struct key *key, const config_setting_t *group)
{
	char path[WALK_PATH_LEN], full[WALK_PATH_LEN + 32], text[KEY_EXPECTED_LEN];
	char err[KEY_EXPECTED_LEN];

	walk_path(group, path);
	snprintf(full, sizeof(full), "%s%s%s", path, *path ? "." : "", key->name);
	if (key->type == KEY_TEXT && key->check && key->check("", err, sizeof(err)) < 0)
		snprintf(text, sizeof(text), "%s", err);
	else
		key_expected(key, text, sizeof(text));
	msgs_error(walk->msgs, walk->file, (int)config_setting_source_line(group), full,
		   "missing, expected %s", text);
}

void walk_group(struct walk *walk, const struct key_table *table, config_setting_t *group,
		void *base)
{
	int n = config_setting_length(group);

	memset(base, 0, table->size);
	if (!key_defaults(table, base))
		walk->msgs->oom = true;
	if (table->line >= 0)
		*(int *)((char *)base + table->line) = (int)config_setting_source_line(group);
	for (int i = 0; i < n; i++) {
		config_setting_t *setting = config_setting_get_elem(group, (unsigned int)i);
		const struct key *key = key_find(table, setting->name);

		if (key)
			value_set(walk, key, setting, base);
		else
			unknown_key(walk, table, setting);
	}
	for (size_t i = 0; i < table->n_keys; i++)
		if (table->keys[i].required &&
		    !config_setting_get_member(group, table->keys[i].name))
			missing_key(walk, &table->keys[i], group);
}
