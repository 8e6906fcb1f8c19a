/* SPDX-License-Identifier: BSD-2-Clause */
/* Checks of the global keys, and what the other checks share. */
#include "conf/check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/compiler.h"
#include "conf/size.h"

static const char *text_or_empty(const char *text)
{
	return text ? text : "";
}

int claim_cmp(const void *pa, const void *pb)
{
	const struct claim *a = pa, *b = pb;
	int text = strcmp(text_or_empty(a->text), text_or_empty(b->text));

	if (text)
		return text;
	if (a->a != b->a)
		return a->a < b->a ? -1 : 1;
	if (a->b != b->b)
		return a->b < b->b ? -1 : 1;
	return 0;
}

static int claim_index_cmp(const void *pa, const void *pb)
{
	const struct claim *a = pa, *b = pb;
	int order = claim_cmp(pa, pb);

	return order ? order : (a->index > b->index) - (a->index < b->index);
}

void claims_check(struct claim *claims, size_t n,
		  void (*report)(void *arg, const struct claim *first, const struct claim *second),
		  void *arg)
{
	size_t first = 0;

	if (n)
		qsort(claims, n, sizeof(*claims), claim_index_cmp);
	for (size_t i = 1; i < n; i++) {
		if (claim_cmp(&claims[first], &claims[i]) == 0)
			report(arg, &claims[first], &claims[i]);
		else
			first = i;
	}
}

void check_lun_path(const struct conf *conf, size_t i, char path[CHECK_PATH_LEN])
{
	size_t first = i;

	while (first > 0 && conf->luns[first - 1].file == conf->luns[i].file)
		first--;
	snprintf(path, CHECK_PATH_LEN, "luns[%zu]", i - first);
}

void check_target_path(const struct conf *conf, size_t i, char path[CHECK_PATH_LEN])
{
	size_t first = i;

	while (first > 0 && conf->targets[first - 1].file == conf->targets[i].file)
		first--;
	snprintf(path, CHECK_PATH_LEN, "targets[%zu]", i - first);
}

uint32_t check_default_workers(const struct conf *conf)
{
	enum { MOST = 4 };
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	if (conf->n_cpus)
		return (uint32_t)conf->n_cpus;
	return online < 1 ? 1 : (uint32_t)MIN(online, (long)MOST);
}

static void report_cpu(void *arg, const struct claim *first, const struct claim *second)
{
	struct check *check = arg;
	char key[CHECK_PATH_LEN];

	snprintf(key, sizeof(key), "cpus[%zu]", second->index);
	msgs_error(check->msgs, check->conf->files[0], 0, key, "%d, expected each CPU once",
		   check->conf->cpus[first->index]);
}

static void check_cpus(struct check *check)
{
	struct conf *conf = check->conf;
	struct claim *claims = calloc(conf->n_cpus + 1, sizeof(*claims));

	if (!claims) {
		check->msgs->oom = true;
		return;
	}
	for (size_t i = 0; i < conf->n_cpus; i++)
		claims[i] = (struct claim){ .a = (uint64_t)conf->cpus[i], .index = i };
	claims_check(claims, conf->n_cpus, report_cpu, check);
	free(claims);
	if (!conf->workers)
		conf->workers = check_default_workers(conf);
	if (conf->n_cpus && conf->workers > conf->n_cpus)
		msgs_note(check->msgs, conf->files[0], 0, "workers",
			  "%u on %zu cpus: some will share one", conf->workers, conf->n_cpus);
}

static void check_pool(struct check *check)
{
	enum { LEAST = 2 };
	const struct conf *conf = check->conf;
	char pool[SIZE_TEXT_LEN], least[SIZE_TEXT_LEN];

	if (conf->pool_size / LEAST >= conf->segment_size)
		return;
	size_text(conf->pool_size, pool);
	size_text((uint64_t)LEAST * conf->segment_size, least);
	msgs_error(check->msgs, conf->files[0], 0, "pool_size",
		   "\"%s\", expected %d times segment_size or more: \"%s\"", pool, LEAST, least);
}

static void check_limits(struct check *check)
{
	const struct conf *conf = check->conf;

	if (conf->req_lim > conf->srpt_srq_size)
		msgs_error(check->msgs, conf->files[0], 0, "req_lim",
			   "%u, expected srpt_srq_size (%u) or less", conf->req_lim,
			   conf->srpt_srq_size);
	if (conf->ib_redirect && conf->cm && strcmp(conf->cm, "umad") != 0)
		msgs_note(check->msgs, conf->files[0], 0, "ib_redirect",
			  "without effect: only cm = \"umad\" can redirect");
}

static void check_empty(struct check *check)
{
	if (check->complete && !check->conf->n_targets)
		msgs_note(check->msgs, check->conf->files[0], 0, "targets",
			  "there are none: nobody can log in");
}

void conf_check(struct conf *conf, struct msgs *msgs, bool complete)
{
	struct check check = { .conf = conf, .msgs = msgs, .complete = complete };

	check.ident_error = ident_init(&check.ident);
	check.by_name = calloc(conf->n_luns + 1, sizeof(*check.by_name));
	check.used = calloc(conf->n_luns + 1, sizeof(*check.used));
	if (!check.by_name || !check.used) {
		msgs->oom = true;
	} else {
		check_empty(&check);
		check_cpus(&check);
		check_pool(&check);
		check_limits(&check);
		check_luns(&check);
		check_targets(&check);
		check_lun_use(&check);
	}
	free(check.by_name);
	free(check.used);
}
