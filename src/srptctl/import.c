/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * "srptctl import": an srptd.conf from the configuration of SCST (scst.conf) or of the kernel's own
 * target (targetcli's saveconfig.json), with module parameters from files of modprobe.d. What
 * cannot be carried over is said on stderr and in comments. Knows neither format.
 */
#include "srptctl/import.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "srptctl/client.h"
#include "srptctl/config.h"

enum {
	NAME_LEN = 63,
	LUN_MAX = 16383
};

/* ---- memory and text ---- */

static void *must(void *p)
{
	if (p)
		return p;
	fputs("srptctl: out of memory\n", stderr);
	exit(EXIT_REFUSED);
}

char *imp_dup(const char *text)
{
	return must(strdup(text));
}

void *imp_grow(void *list_ptr, size_t *n, size_t size)
{
	void **list = list_ptr;
	char *last;

	*list = must(reallocarray(*list, *n + 1, size));
	last = (char *)*list + *n * size;
	memset(last, 0, size);
	(*n)++;
	return last;
}

static const char *text_get(const struct imp_text *text)
{
	return text->buf ? text->buf : "";
}

void imp_put(struct imp_text *text, const char *fmt, ...)
{
	char *more = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&more, fmt, ap);
	va_end(ap);
	must(n < 0 ? NULL : more);
	text->buf = must(realloc(text->buf, text->len + (size_t)n + 1));
	memcpy(text->buf + text->len, more, (size_t)n + 1);
	text->len += (size_t)n;
	free(more);
}

static void put_quoted(struct imp_text *out, const char *text, size_t max)
{
	imp_put(out, "\"");
	for (; *text && max; text++, max--)
		imp_put(out, "%s%c", *text == '"' || *text == '\\' ? "\\" : "",
			*text >= 0x20 && *text <= 0x7e ? *text : '_');
	imp_put(out, "\"");
}

void imp_put_text(struct imp_text *keys, const char *name, const char *text, size_t max)
{
	imp_put(keys, "%s = ", name);
	put_quoted(keys, text, max);
	imp_put(keys, ";\n");
}

void imp_lost(struct imp *imp, int line, const char *fmt, ...)
{
	char what[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	for (char *p = what; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	if (line)
		imp_put(&imp->lost, "%s:%d: %s\n", imp->file, line, what);
	else
		imp_put(&imp->lost, "%s: %s\n", imp->file, what);
}

/* ---- names ---- */

/* As srptd.conf(5) allows them. */
static void make_name(char out[NAME_LEN + 1], const char *text)
{
	size_t n = 0;

	if (!isalnum((unsigned char)*text))
		out[n++] = 'x';
	for (; *text && n < NAME_LEN; text++)
		out[n++] = isalnum((unsigned char)*text) || strchr("._:+@-", *text) ? *text : '_';
	out[n] = '\0';
}

/* The name at list[i].member, for every i < n. */
static bool is_taken(const void *list, size_t n, size_t size, size_t member, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		char *const *at = (char *const *)((const char *)list + i * size + member);

		if (*at && strcmp(*at, name) == 0)
			return true;
	}
	return false;
}

static char *unique_name(const void *list, size_t n, size_t size, size_t member, const char *text)
{
	char name[NAME_LEN + 1], base[NAME_LEN + 1];

	make_name(base, text);
	strcpy(name, base);
	for (unsigned int k = 2; is_taken(list, n, size, member, name); k++)
		snprintf(name, sizeof(name), "%.50s_%u", base, k);
	return imp_dup(name);
}

struct imp_lun *imp_lun_new(struct imp *imp, const char *origin)
{
	char *name = unique_name(imp->luns, imp->n_luns, sizeof(*imp->luns),
				 offsetof(struct imp_lun, name), origin);
	struct imp_lun *lun = imp_grow(&imp->luns, &imp->n_luns, sizeof(*lun));

	lun->origin = imp_dup(origin);
	lun->name = name;
	return lun;
}

struct imp_target *imp_target_new(struct imp *imp, const char *origin, const char *name)
{
	char *own = unique_name(imp->targets, imp->n_targets, sizeof(*imp->targets),
				offsetof(struct imp_target, name), name);
	struct imp_target *target = imp_grow(&imp->targets, &imp->n_targets, sizeof(*target));

	target->origin = imp_dup(origin);
	target->name = own;
	return target;
}

struct imp_group *imp_group_new(struct imp_target *target, const char *name)
{
	char *own = unique_name(target->groups, target->n_groups, sizeof(*target->groups),
				offsetof(struct imp_group, name), name);
	struct imp_group *group = imp_grow(&target->groups, &target->n_groups, sizeof(*group));

	group->name = own;
	return group;
}

void imp_pattern_new(struct imp_group *group, const char *pattern)
{
	char **at = imp_grow(&group->patterns, &group->n_patterns, sizeof(*at));

	*at = imp_dup(pattern);
}

struct imp_lun *imp_lun_find(struct imp *imp, const char *origin)
{
	for (size_t i = 0; i < imp->n_luns; i++)
		if (strcmp(imp->luns[i].origin, origin) == 0)
			return &imp->luns[i];
	return NULL;
}

void imp_map_new(struct imp *imp, struct imp_group *group, int line, uint64_t lun,
		 const char *origin, bool read_only)
{
	struct imp_lun *found = imp_lun_find(imp, origin);
	struct imp_map *map;

	if (!found || lun > LUN_MAX) {
		imp_lost(imp, line, "LUN %" PRIu64 " (%s) of group %s: %s", lun, origin,
			 group->name,
			 found ? "LUNs go to 16383" : "its device was not carried over");
		return;
	}
	for (size_t i = 0; i < group->n_maps; i++) {
		if (group->maps[i].lun != lun)
			continue;
		imp_lost(imp, line, "LUN %" PRIu64 " (%s) of group %s: the number is taken", lun,
			 origin, group->name);
		return;
	}
	map = imp_grow(&group->maps, &group->n_maps, sizeof(*map));
	map->lun = (unsigned int)lun;
	map->index = (size_t)(found - imp->luns);
	map->read_only = read_only;
	found->used = true;
}

/* ---- parameters that have the same name and unit there and here ---- */

static const struct shared {
	const char *theirs, *ours;
	uint64_t min, max;
} shared[] = {
	{ "rdma_cm_port", "rdma_cm_port", 1, 65535 },
	{ "srp_max_req_size", "srp_max_req_size", 8276, 256 << 10 },
	{ "srp_max_rsp_size", "srp_max_rsp_size", 40, 1024 },
	{ "srp_max_rdma_size", "srp_max_rdma_size", 256, 16 << 20 },
	{ "srpt_srq_size", "srpt_srq_size", 4, 65535 },
	{ "srpt_sq_size", "srpt_sq_size", 16, 65535 },
	{ "srp_sq_size", "srpt_sq_size", 16, 65535 },
};

bool imp_put_global(struct imp *imp, int line, const char *name, uint64_t value)
{
	char key[40], text[80];
	uint64_t kept;
	const char *there;

	for (size_t i = 0; i < ARRAY_SIZE(shared); i++) {
		if (strcmp(shared[i].theirs, name) != 0)
			continue;
		kept = MIN(MAX(value, shared[i].min), shared[i].max);
		if (!value && shared[i].min == 1)
			return true; /* none */
		snprintf(key, sizeof(key), "%s = ", shared[i].ours);
		snprintf(text, sizeof(text), "%s%" PRIu64 ";", key, kept);
		there = strstr(text_get(&imp->global), key);
		if (!there)
			imp_put(&imp->global, "%s\n", text);
		else if (strncmp(there, text, strlen(text)) != 0)
			imp_lost(imp, line, "%s %" PRIu64 ": one for all targets here, see above",
				 name, value);
		if (kept != value)
			imp_lost(imp, line, "%s %" PRIu64 ": became %" PRIu64, name, value, kept);
		return true;
	}
	return false;
}

/* What a parameter of the module ib_srpt has become. */
static const struct {
	const char *name, *says;
} others[] = {
	{ "one_target_per_port", NULL },
	{ "use_node_guid_in_target_name", NULL },
	{ "use_port_guid_in_session_name", NULL },
	{ "srpt_autodetect_cred_req", NULL },
	{ "use_srq", NULL },
	{ "trace_flag", "classes of the log are chosen at run time: srptctl log on CLASS" },
};

static void put_option(struct imp *imp, int line, const char *name, const char *value)
{
	uint64_t number = strtoull(value, NULL, 0);

	if (strcmp(name, "srpt_service_guid") == 0) {
		imp->service_guid = number;
		return;
	}
	if (imp_put_global(imp, line, name, number))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		if (strcmp(others[i].name, name) != 0)
			continue;
		if (others[i].says)
			imp_lost(imp, line, "%s: %s", name, others[i].says);
		return;
	}
	imp_lost(imp, line, "%s=%s: not a parameter that srptd has", name, value);
}

/* Lines "options ib_srpt NAME=VALUE…" of modprobe.d(5). */
static void import_options(struct imp *imp, FILE *f)
{
	char line[4096], *word, *save, *equal;

	for (int n = 1; fgets(line, sizeof(line), f); n++) {
		word = strtok_r(line, " \t\n", &save);
		if (!word || strcmp(word, "options") != 0)
			continue;
		word = strtok_r(NULL, " \t\n", &save);
		if (!word || strcmp(word, "ib_srpt") != 0)
			continue;
		while ((word = strtok_r(NULL, " \t\n", &save))) {
			equal = strchr(word, '=');
			if (equal)
				*equal++ = '\0';
			put_option(imp, n, word, equal ? equal : "1");
		}
	}
}

/* ---- print ---- */

/* Each line of text with something before it. */
static void put_lines(struct imp_text *out, const char *before, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");

		imp_put(out, "%s%.*s\n", before, (int)n, text);
		text += n + (text[n] == '\n');
	}
}

static void print_lun(struct imp_text *out, const struct imp_lun *lun, bool first)
{
	imp_put(out, "%s  {\n    name = \"%s\";\n", first ? "" : ",\n", lun->name);
	put_lines(out, "    ", text_get(&lun->keys));
	if (lun->alua.len)
		imp_put(out, "    alua = ( %s );\n", lun->alua.buf);
	imp_put(out, "  }");
}

static void print_group(struct imp_text *out, const struct imp *imp, const struct imp_group *group,
			bool first)
{
	imp_put(out, "%s      {\n        name = \"%s\";\n        initiators = [ ",
		first ? "" : ",\n", group->name);
	for (size_t i = 0; i < group->n_patterns; i++) {
		imp_put(out, "%s", i ? ", " : "");
		put_quoted(out, group->patterns[i], SIZE_MAX);
	}
	imp_put(out, " ];\n        luns = (");
	for (size_t i = 0; i < group->n_maps; i++)
		imp_put(out, "%s\n          { lun = %u; use = \"%s\";%s }", i ? "," : "",
			group->maps[i].lun, imp->luns[group->maps[i].index].name,
			group->maps[i].read_only ? " read_only = true;" : "");
	imp_put(out, "%s);\n      }", group->n_maps ? "\n        " : " ");
}

static void print_target(struct imp_text *out, const struct imp *imp,
			 const struct imp_target *target, bool first)
{
	imp_put(out, "%s  {\n    name = \"%s\";\n", first ? "" : ",\n", target->name);
	if (imp->service_guid && first)
		imp_put(out,
			"    id_ext = \"%016" PRIx64 "\";\n    ioc_guid = \"%016" PRIx64 "\";\n",
			imp->service_guid, imp->service_guid);
	put_lines(out, "    ", text_get(&target->keys));
	if (target->port_group)
		imp_put(out, "    port_group = %u;\n", target->port_group);
	imp_put(out, "    groups = (\n");
	for (size_t i = 0; i < target->n_groups; i++)
		print_group(out, imp, &target->groups[i], !i);
	imp_put(out, "%s    );\n  }", target->n_groups ? "\n" : "");
}

static void print_imp(struct imp_text *out, const struct imp *imp)
{
	bool first = true;

	imp_put(out, "# srptd.conf(5), made by srptctl import from %s\n", imp->first);
	if (imp->lost.len) {
		imp_put(out, "#\n# Not carried over:\n");
		put_lines(out, "#   ", imp->lost.buf);
	}
	imp_put(out, "\n%sluns = (\n", text_get(&imp->global));
	for (size_t i = 0; i < imp->n_luns; i++) {
		if (!imp->luns[i].used)
			continue;
		print_lun(out, &imp->luns[i], first);
		first = false;
	}
	imp_put(out, "\n);\n\ntargets = (\n");
	for (size_t i = 0; i < imp->n_targets; i++)
		print_target(out, imp, &imp->targets[i], !i);
	imp_put(out, "\n);\n");
}

/* ---- the verb ---- */

static void imp_free(struct imp *imp)
{
	for (size_t i = 0; i < imp->n_luns; i++) {
		free(imp->luns[i].origin);
		free(imp->luns[i].name);
		free(imp->luns[i].keys.buf);
		free(imp->luns[i].alua.buf);
	}
	for (size_t i = 0; i < imp->n_targets; i++) {
		struct imp_target *target = &imp->targets[i];

		for (size_t g = 0; g < target->n_groups; g++) {
			for (size_t p = 0; p < target->groups[g].n_patterns; p++)
				free(target->groups[g].patterns[p]);
			free(target->groups[g].patterns);
			free(target->groups[g].maps);
			free(target->groups[g].name);
		}
		free(target->groups);
		free(target->origin);
		free(target->name);
		free(target->keys.buf);
	}
	free(imp->luns);
	free(imp->targets);
	free(imp->global.buf);
	free(imp->lost.buf);
}

/* By the first character that says something. */
static bool is_json(FILE *f)
{
	int c;

	do
		c = getc(f);
	while (isspace(c));
	rewind(f);
	return c == '{';
}

static bool is_modprobe(FILE *f)
{
	char line[4096], *word, *save;
	bool is = false;

	while (!is && fgets(line, sizeof(line), f)) {
		word = strtok_r(line, " \t\n", &save);
		is = word && strcmp(word, "options") == 0;
	}
	rewind(f);
	return is;
}

static bool import_file(struct imp *imp, const char *file)
{
	FILE *f = fopen(file, "re");
	bool good = true;

	imp->file = file;
	imp->first = imp->first ? imp->first : file;
	if (!f) {
		fprintf(stderr, "srptctl: %s: %s\n", file, strerror(errno));
		return false;
	}
	if (is_json(f))
		good = import_lio(imp, f);
	else if (is_modprobe(f))
		import_options(imp, f);
	else
		good = import_scst(imp, f);
	fclose(f);
	return good;
}

static void look_over(struct imp *imp)
{
	for (size_t i = 0; i < imp->n_luns; i++)
		if (!imp->luns[i].used)
			imp_lost(imp, 0, "%s: no SRP initiator may see it, left out",
				 imp->luns[i].origin);
	if (imp->service_guid)
		for (size_t i = 1; i < imp->n_targets; i++)
			imp_lost(
				imp, 0,
				"srpt_service_guid for target %s: here each target has its own ids",
				imp->targets[i].name);
	else if (imp->n_targets)
		imp_lost(
			imp, 0,
			"ids of the targets: initiators that log in by a stored string need id_ext "
			"and ioc_guid set to those in it");
}

/* Print what was read; it has to pass the check that srptd makes. */
static int finish(struct imp *imp)
{
	struct imp_text text = { 0 };
	struct conf *conf = NULL;
	int ret;

	look_over(imp);
	print_imp(&text, imp);
	fputs(text_get(&imp->lost), stderr);
	ret = conf_load_text("the result", text_get(&text), &conf, stderr);
	fputs(text_get(&text), stdout);
	conf_free(conf);
	free(text.buf);
	return ret || fflush(stdout) ? EXIT_REFUSED : EXIT_OK;
}

int import_run(int n, char **words, const char *socket)
{
	struct imp imp = { 0 };
	int code = EXIT_REFUSED;

	if (!n)
		return bad_usage("expected scst.conf or saveconfig.json", "");
	for (int i = 0; i < n; i++)
		if (!import_file(&imp, words[i]))
			goto out;
	code = finish(&imp);
out:
	imp_free(&imp);
	return code;
}
