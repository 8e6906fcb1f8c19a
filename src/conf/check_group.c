/* SPDX-License-Identifier: BSD-2-Clause */
/* Groups of a target: who is admitted, and which LUN each mapping means. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "conf/acl.h"
#include "conf/check.h"

/* One group under check, and where it is. */
struct place {
	struct check *check;
	const struct conf_target *target;
	struct conf_group *group;
	char path[CHECK_PATH_LEN]; /* "targets[0].groups[1]" */
};

static void place_key(const struct place *place, char key[2 * CHECK_PATH_LEN], const char *fmt, ...)
	printf_like(3, 4);

static void place_key(const struct place *place, char key[2 * CHECK_PATH_LEN], const char *fmt, ...)
{
	size_t used = (size_t)snprintf(key, 2 * CHECK_PATH_LEN, "%s.", place->path);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(key + used, 2 * CHECK_PATH_LEN - used, fmt, ap);
	va_end(ap);
}

/* ---- initiators ---- */

/* "*" and no exclusion beside it. */
static bool admits_all(const struct conf_group *group)
{
	bool any = false;

	for (size_t i = 0; i < group->n_initiators; i++) {
		if (group->initiators[i][0] == '!')
			return false;
		any |= acl_is_any(group->initiators[i]);
	}
	return any;
}

static bool admits_some(const struct conf_group *group)
{
	for (size_t i = 0; i < group->n_initiators; i++)
		if (group->initiators[i][0] != '!')
			return true;
	return false;
}

static const char *group_name(const struct conf_group *group)
{
	return group->name ? group->name : "?";
}

static void check_initiators(struct place *place)
{
	const struct conf_group *group = place->group;
	char key[2 * CHECK_PATH_LEN];

	place_key(place, key, "initiators");
	for (size_t i = 0; i < group->n_initiators; i++) {
		if (!acl_is_any(group->initiators[i]))
			continue;
		msgs_note(place->check->msgs, place->target->file, group->line, key,
			  "group \"%s\" admits anyone%s", group_name(group),
			  admits_all(group) ? "" : " but those excluded with !");
		return;
	}
	if (!admits_some(group))
		msgs_note(place->check->msgs, place->target->file, group->line, key,
			  "group \"%s\" admits nobody: %s", group_name(group),
			  group->n_initiators ? "it only excludes" : "it is empty");
}

/* ---- mappings ---- */

static void resolve(struct place *place, size_t i)
{
	struct conf_mapping *map = &place->group->maps[i];
	struct check *check = place->check;
	struct claim wanted = { .text = map->use };
	struct claim *found = NULL;
	char key[2 * CHECK_PATH_LEN];

	if (!map->use)
		return;
	if (check->n_by_name)
		found = bsearch(&wanted, check->by_name, check->n_by_name, sizeof(wanted),
				claim_cmp);
	if (found) {
		map->lun_index = found->index;
		check->used[found->index] = true;
	} else if (check->complete) {
		place_key(place, key, "luns[%zu].use", i);
		msgs_error(check->msgs, place->target->file, map->line, key,
			   "\"%s\", expected the name of one of luns", map->use);
	}
}

static void report_lun(void *arg, const struct claim *first, const struct claim *second)
{
	struct place *place = arg;
	const struct conf_mapping *maps = place->group->maps;
	const char *file = place->target->file;
	struct msgs *msgs = place->check->msgs;
	char key[2 * CHECK_PATH_LEN], key_first[2 * CHECK_PATH_LEN];

	place_key(place, key, "luns[%zu].lun", second->index);
	place_key(place, key_first, "luns[%zu].lun", first->index);
	msgs_error(msgs, file, maps[second->index].line, key,
		   "%u, expected a number not used in line %d", maps[second->index].lun,
		   msgs_line(msgs, file, key_first, maps[first->index].line));
}

static bool is_lun(const struct conf_mapping *map)
{
	enum { LAST = 16383 }; /* SAM-5 4.7: flat space addressing has 14 bits */

	return map->line && map->lun <= LAST;
}

static void check_maps(struct place *place)
{
	const struct conf_group *group = place->group;
	struct claim *claims = calloc(group->n_maps + 1, sizeof(*claims));
	char key[2 * CHECK_PATH_LEN];
	bool has_zero = false;
	size_t n = 0;

	if (!claims) {
		place->check->msgs->oom = true;
		return;
	}
	for (size_t i = 0; i < group->n_maps; i++) {
		resolve(place, i);
		if (!is_lun(&group->maps[i]))
			continue;
		claims[n++] = (struct claim){ .a = group->maps[i].lun, .index = i };
		has_zero |= group->maps[i].lun == 0;
	}
	claims_check(claims, n, report_lun, place);
	free(claims);
	if (has_zero)
		return;
	place_key(place, key, "luns");
	msgs_note(place->check->msgs, place->target->file, group->line, key,
		  "initiators of group \"%s\" will see no LUN 0, where some stop looking",
		  group_name(group));
}

/* ---- all groups of a target ---- */

static void report_name(void *arg, const struct claim *first, const struct claim *second)
{
	struct place *place = arg;
	const struct conf_group *groups = place->target->groups;
	const char *file = place->target->file;
	struct msgs *msgs = place->check->msgs;
	char path[CHECK_PATH_LEN], key[2 * CHECK_PATH_LEN], key_first[2 * CHECK_PATH_LEN];

	check_target_path(place->check->conf,
			  (size_t)(place->target - place->check->conf->targets), path);
	snprintf(key, sizeof(key), "%s.groups[%zu].name", path, second->index);
	snprintf(key_first, sizeof(key_first), "%s.groups[%zu].name", path, first->index);
	msgs_error(msgs, file, groups[second->index].line, key,
		   "\"%s\", expected a name not used in line %d", second->text,
		   msgs_line(msgs, file, key_first, groups[first->index].line));
}

static void check_names(struct place *place)
{
	const struct conf_target *target = place->target;
	struct claim *claims = calloc(target->n_groups + 1, sizeof(*claims));
	size_t n = 0;

	if (!claims) {
		place->check->msgs->oom = true;
		return;
	}
	for (size_t i = 0; i < target->n_groups; i++)
		if (target->groups[i].name)
			claims[n++] = (struct claim){ .text = target->groups[i].name, .index = i };
	claims_check(claims, n, report_name, place);
	free(claims);
}

static void check_reach(struct place *place, const struct conf_group **all)
{
	char key[2 * CHECK_PATH_LEN];

	if (*all) {
		place_key(place, key, "initiators");
		msgs_note(place->check->msgs, place->target->file, place->group->line, key,
			  "group \"%s\" is never reached: group \"%s\" before it admits anyone",
			  group_name(place->group), group_name(*all));
	} else if (admits_all(place->group)) {
		*all = place->group;
	}
}

void check_groups(struct check *check, size_t target)
{
	struct place place = { .check = check, .target = &check->conf->targets[target] };
	const struct conf_group *all = NULL;
	size_t used;

	for (size_t i = 0; i < place.target->n_groups; i++) {
		place.group = &place.target->groups[i];
		if (!place.group->line)
			continue;
		check_target_path(check->conf, target, place.path);
		used = strlen(place.path);
		snprintf(place.path + used, sizeof(place.path) - used, ".groups[%zu]", i);
		check_initiators(&place);
		check_reach(&place, &all);
		check_maps(&place);
	}
	check_names(&place);
	if (!place.target->n_groups) {
		check_target_path(check->conf, target, place.path);
		msgs_note(check->msgs, place.target->file, place.target->line, place.path,
			  "target \"%s\" has no groups: everybody is refused",
			  place.target->name ? place.target->name : "?");
	}
}
