/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Targets: ids and relative port identifiers. Their groups are in check_group.c, their listeners in
 * check_listen.c.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "conf/check.h"

void check_target_key(const struct conf *conf, size_t i, const char *key, char path[CHECK_PATH_LEN])
{
	size_t used;

	check_target_path(conf, i, path);
	used = strlen(path);
	snprintf(path + used, CHECK_PATH_LEN - used, ".%s", key);
}

/* Where an earlier target says the same. */
static int target_line(const struct check *check, size_t i, const char *key)
{
	const struct conf_target *target = &check->conf->targets[i];
	char path[CHECK_PATH_LEN];

	check_target_key(check->conf, i, key, path);
	return msgs_line(check->msgs, target->file, path, target->line);
}

static void derive_id(struct check *check, size_t i, const char *key, uint64_t *id)
{
	const struct conf_target *target = &check->conf->targets[i];
	char path[CHECK_PATH_LEN];

	if (*id || !target->name || ident_from_name(target->name, id))
		return;
	if (!check->ident_error) {
		*id = ident_target(&check->ident, target->name);
		return;
	}
	check_target_key(check->conf, i, key, path);
	msgs_error(check->msgs, target->file, target->line, path,
		   "missing and not to be derived from %s (%s), expected 16 hex digits as a string",
		   ident_machine_id_file, strerror(-check->ident_error));
}

/* ib_srp's Topspin workarounds reverse ids and swallow rejects for these two vendor prefixes. */
static void check_oui(struct check *check, size_t i)
{
	const struct conf_target *target = &check->conf->targets[i];
	uint64_t oui = target->ioc_guid >> 40;
	char path[CHECK_PATH_LEN];

	if (oui != 0x0005ad && oui != 0x001b0d)
		return;
	check_target_key(check->conf, i, "ioc_guid", path);
	msgs_error(check->msgs, target->file, target->line, path,
		   "0x%016" PRIx64 ", expected one that does not begin with 0005ad or 001b0d",
		   target->ioc_guid);
}

/* ---- what only one target may have ---- */

static void report_name(void *arg, const struct claim *first, const struct claim *second)
{
	struct check *check = arg;
	const struct conf_target *targets = check->conf->targets;
	char path[CHECK_PATH_LEN];

	check_target_key(check->conf, second->index, "name", path);
	msgs_error(check->msgs, targets[second->index].file, targets[second->index].line, path,
		   "\"%s\", expected another than at %s:%d", second->text,
		   targets[first->index].file, target_line(check, first->index, "name"));
}

/* Equal names have been reported; the ids derived from them are equal too. */
static bool both_derived(const struct check *check, const struct conf_target *a,
			 const struct conf_target *b)
{
	uint64_t id;

	if (!a->name || !b->name || strcmp(a->name, b->name) != 0)
		return false;
	if (!ident_from_name(a->name, &id))
		id = ident_target(&check->ident, a->name);
	return a->id_ext == id && a->ioc_guid == id;
}

static void report_ids(void *arg, const struct claim *first, const struct claim *second)
{
	struct check *check = arg;
	const struct conf_target *targets = check->conf->targets;
	char path[CHECK_PATH_LEN];

	if (both_derived(check, &targets[first->index], &targets[second->index]))
		return;
	check_target_key(check->conf, second->index, "ioc_guid", path);
	msgs_error(check->msgs, targets[second->index].file, targets[second->index].line, path,
		   "id_ext 0x%016" PRIx64 " and ioc_guid 0x%016" PRIx64
		   ", expected a pair other than at %s:%d",
		   second->a, second->b, targets[first->index].file,
		   target_line(check, first->index, "ioc_guid"));
}

static void report_rel(void *arg, const struct claim *first, const struct claim *second)
{
	struct check *check = arg;
	const struct conf_target *targets = check->conf->targets;
	char path[CHECK_PATH_LEN];

	check_target_key(check->conf, second->index, "rel_tgt_id", path);
	msgs_error(check->msgs, targets[second->index].file, targets[second->index].line, path,
		   "%" PRIu64 ", expected another than at %s:%d", second->a,
		   targets[first->index].file, target_line(check, first->index, "rel_tgt_id"));
}

static struct claim claim_name(const struct conf_target *target)
{
	return (struct claim){ .text = target->name };
}

static struct claim claim_ids(const struct conf_target *target)
{
	if (!target->id_ext || !target->ioc_guid)
		return (struct claim){ 0 };
	return (struct claim){ .a = target->id_ext, .b = target->ioc_guid };
}

static struct claim claim_rel(const struct conf_target *target)
{
	return (struct claim){ .a = target->rel_target_port };
}

static void check_unique(struct check *check, struct claim (*claim)(const struct conf_target *),
			 void (*report)(void *arg, const struct claim *first,
					const struct claim *second))
{
	const struct conf *conf = check->conf;
	struct claim *claims = calloc(conf->n_targets + 1, sizeof(*claims));
	size_t n = 0;

	if (!claims) {
		check->msgs->oom = true;
		return;
	}
	for (size_t i = 0; i < conf->n_targets; i++) {
		claims[n] = claim(&conf->targets[i]);
		claims[n].index = i;
		n += claims[n].text || claims[n].a;
	}
	claims_check(claims, n, report, check);
	free(claims);
}

/* Relative target port identifiers: the lowest free for those that have none (SPC-4 3.1.121). */
static void number_targets(struct check *check)
{
	enum { LAST = 65535 };
	struct conf *conf = check->conf;
	bool *taken = calloc(LAST + 1, sizeof(*taken));
	uint32_t next = 1;

	if (!taken) {
		check->msgs->oom = true;
		return;
	}
	for (size_t i = 0; i < conf->n_targets; i++)
		taken[conf->targets[i].rel_target_port] = true;
	for (size_t i = 0; i < conf->n_targets; i++) {
		if (conf->targets[i].rel_target_port)
			continue;
		while (next <= LAST && taken[next])
			next++;
		if (next > LAST) {
			msgs_error(check->msgs, conf->targets[i].file, conf->targets[i].line, "",
				   "too many targets, expected %d at most", LAST);
			break;
		}
		conf->targets[i].rel_target_port = (uint16_t)next++;
	}
	free(taken);
}

void check_targets(struct check *check)
{
	for (size_t i = 0; i < check->conf->n_targets; i++) {
		struct conf_target *target = &check->conf->targets[i];

		if (!target->line)
			continue;
		derive_id(check, i, "id_ext", &target->id_ext);
		derive_id(check, i, "ioc_guid", &target->ioc_guid);
		check_oui(check, i);
		check_listens(check, i);
		check_groups(check, i);
	}
	check_unique(check, claim_name, report_name);
	check_unique(check, claim_ids, report_ids);
	check_unique(check, claim_rel, report_rel);
	number_targets(check);
}
