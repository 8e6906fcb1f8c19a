/* SPDX-License-Identifier: BSD-2-Clause */
/* srptctl: asks and changes a running srptd by its control socket. One table of verbs. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/compiler.h"
#include "srptctl/client.h"
#include "srptctl/config.h"
#include "srptctl/edit.h"
#include "srptctl/table.h"
#include "version.h"

#define TABLE(columns, rows) table_print(stdout, columns, ARRAY_SIZE(columns), rows)

struct verb {
	const char *name;
	const char *args;
	const char *help;
	const char *method;
	/* The words after the verb as parameters; NULL with a sentence in err. No function: no
	 * words. */
	json_t *(*params)(int n, char **words, char *err, size_t err_len);
	void (*show)(const json_t *result);
	/* Instead of all that: the exit status. */
	int (*run)(int n, char **words, const char *socket);
};

/* ---- what a person sees ---- */

static void show_status(const json_t *r)
{
	static const struct column targets[] = {
		{ "TARGET", "name", COL_TEXT },
		{ "ID_EXT", "id_ext", COL_TEXT },
		{ "IOC_GUID", "ioc_guid", COL_TEXT },
	};
	static const struct column listeners[] = {
		{ "LISTENER", "name", COL_TEXT },
		{ "UP", "up", COL_YES },
	};
	time_t since = (time_t)json_integer_value(json_object_get(r, "since"));
	char text[64];
	struct tm tm;

	strftime(text, sizeof(text), "%F %T", localtime_r(&since, &tm));
	printf("srptd %s, pid %lld, since %s\n", json_string_value(json_object_get(r, "version")),
	       (long long)json_integer_value(json_object_get(r, "pid")), text);
	printf("configuration %s\n", json_string_value(json_object_get(r, "configuration")));
	printf("%lld LUN(s), %lld session(s), %lld channel(s), %lld worker(s)\n\n",
	       (long long)json_integer_value(json_object_get(r, "luns")),
	       (long long)json_integer_value(json_object_get(r, "sessions")),
	       (long long)json_integer_value(json_object_get(r, "channels")),
	       (long long)json_integer_value(json_object_get(r, "workers")));
	TABLE(targets, json_object_get(r, "targets"));
	putchar('\n');
	TABLE(listeners, json_object_get(r, "listeners"));
}

/* The objects of a list inside each row, with the row's own value of `key` in them. */
static json_t *inner(const json_t *rows, const char *list, const char *key, const char *as)
{
	json_t *all = json_array(), *row, *one;
	size_t i, j;

	json_array_foreach(rows, i, row) json_array_foreach(json_object_get(row, list), j, one)
	{
		json_object_set(one, as, json_object_get(row, key));
		json_array_append(all, one);
	}
	return all;
}

static void show_sessions(const json_t *r)
{
	static const struct column sessions[] = {
		{ "ID", "id", COL_NUMBER },	    { "TARGET", "target", COL_TEXT },
		{ "GROUP", "group", COL_TEXT },	    { "INITIATOR", "initiator", COL_TEXT },
		{ "GID", "gid", COL_TEXT },	    { "P_KEY", "pkey", COL_PKEY },
		{ "PORT ID", "port_id", COL_TEXT }, { "LUNS", "luns", COL_NUMBER },
	};
	static const struct column channels[] = {
		{ "SESSION", "session", COL_NUMBER }, { "QPN", "qpn", COL_NUMBER },
		{ "DEVICE", "device", COL_TEXT },     { "WORKER", "worker", COL_NUMBER },
		{ "STATE", "state", COL_TEXT },	      { "CREDITS", "credits", COL_NUMBER },
		{ "TASKS", "tasks", COL_NUMBER },     { "COMMANDS", "commands", COL_NUMBER },
		{ "READ", "bytes_read", COL_BYTES },  { "WRITTEN", "bytes_written", COL_BYTES },
	};
	json_t *all = inner(r, "channels", "id", "session");

	TABLE(sessions, r);
	if (json_array_size(all)) {
		putchar('\n');
		TABLE(channels, all);
	}
	json_decref(all);
}

static void show_luns(const json_t *r)
{
	static const struct column luns[] = {
		{ "NAME", "name", COL_TEXT },		{ "TYPE", "type", COL_TEXT },
		{ "SIZE", "size", COL_BYTES },		{ "BLOCK", "block_size", COL_NUMBER },
		{ "READ-ONLY", "read_only", COL_YES },	{ "RESERVED", "reserved", COL_YES },
		{ "SESSIONS", "sessions", COL_NUMBER }, { "SERIAL", "serial", COL_TEXT },
		{ "PATH", "path", COL_TEXT },
	};
	static const struct column mappings[] = {
		{ "NAME", "use", COL_TEXT },	       { "TARGET", "target", COL_TEXT },
		{ "GROUP", "group", COL_TEXT },	       { "LUN", "lun", COL_NUMBER },
		{ "READ-ONLY", "read_only", COL_YES },
	};
	json_t *all = inner(r, "mappings", "name", "use");

	TABLE(luns, r);
	if (json_array_size(all)) {
		putchar('\n');
		TABLE(mappings, all);
	}
	json_decref(all);
}

static void show_stats(const json_t *r)
{
	static const struct column workers[] = {
		{ "WORKER", "worker", COL_NUMBER },
		{ "COMMANDS", "commands", COL_NUMBER },
		{ "READ", "bytes_read", COL_BYTES },
		{ "WRITTEN", "bytes_written", COL_BYTES },
		{ "TASKS", "tasks", COL_NUMBER },
		{ "SMALL", "small_buffers", COL_NUMBER },
		{ "LARGE", "large_buffers", COL_NUMBER },
		{ "WAITING", "waiting_sessions", COL_NUMBER },
		{ "PASSES", "passes", COL_NUMBER },
		{ "SLEEPS", "sleeps", COL_NUMBER },
		{ "POSTS", "send_posts", COL_NUMBER },
		{ "WRS", "work_requests", COL_NUMBER },
	};

	TABLE(workers, r);
}

static void show_text(const json_t *r)
{
	fputs(json_string_value(json_object_get(r, "text")), stdout);
}

static void show_done(const json_t *r)
{
	puts("done");
}

static void show_log(const json_t *r)
{
	printf("level %s\nclasses %s\n", json_string_value(json_object_get(r, "level")),
	       json_string_value(json_object_get(r, "classes")));
}

static void show_logout(const json_t *r)
{
	printf("%lld session(s) are being logged out\n",
	       (long long)json_integer_value(json_object_get(r, "sessions")));
}

static void show_version(const json_t *r)
{
	printf("srptctl %s, srptd %s\n", SRPTD_VERSION,
	       json_string_value(json_object_get(r, "version")));
}

/* ---- what a person says ---- */

static json_t *log_params(int n, char **words, char *err, size_t err_len)
{
	json_t *params = json_object();

	for (int i = 0; i < n; i += 2) {
		if (i + 1 < n && (!strcmp(words[i], "level") || !strcmp(words[i], "on") ||
				  !strcmp(words[i], "off"))) {
			json_object_set_new(params, words[i], json_string(words[i + 1]));
			continue;
		}
		snprintf(err, err_len, "log: expected level LEVEL, on CLASS,… or off CLASS,…");
		json_decref(params);
		return NULL;
	}
	return params;
}

static json_t *session_params(int n, char **words, char *err, size_t err_len)
{
	if (n == 1)
		return json_pack("{s:s}", "session", words[0]);
	snprintf(err, err_len, "logout: expected one session");
	return NULL;
}

static const struct verb verbs[] = {
	{ .name = "status",
	  .args = "",
	  .help = "the daemon at a glance",
	  .method = "status",
	  .show = show_status },
	{ .name = "sessions",
	  .args = "",
	  .help = "who is logged in, channel by channel",
	  .method = "sessions",
	  .show = show_sessions },
	{ .name = "luns",
	  .args = "",
	  .help = "logical units and who may see them",
	  .method = "luns",
	  .show = show_luns },
	{ .name = "stats",
	  .args = "",
	  .help = "counters of the workers",
	  .method = "stats",
	  .show = show_stats },
	{ .name = "login-info",
	  .args = "",
	  .help = "what initiators have to be told",
	  .method = "login-info",
	  .show = show_text },
	{ .name = "lun add",
	  .args = "NAME KEY=VALUE…",
	  .help = "serve one more LUN",
	  .method = "lun-add",
	  .params = lun_add_params,
	  .show = show_text },
	{ .name = "lun remove",
	  .args = "NAME",
	  .help = "one that no group maps",
	  .method = "lun-remove",
	  .params = lun_remove_params,
	  .show = show_text },
	{ .name = "lun map",
	  .args = "TARGET GROUP LUN NAME [ro]",
	  .help = "let a group see it",
	  .method = "lun-map",
	  .params = lun_map_params,
	  .show = show_text },
	{ .name = "lun unmap",
	  .args = "TARGET GROUP LUN",
	  .help = "the opposite",
	  .method = "lun-unmap",
	  .params = lun_unmap_params,
	  .show = show_text },
	{ .name = "lun resize",
	  .args = "NAME SIZE",
	  .help = "let its file grow",
	  .method = "lun-resize",
	  .params = lun_resize_params,
	  .show = show_done },
	{ .name = "group add",
	  .args = "TARGET GROUP PATTERN…",
	  .help = "admit initiators",
	  .method = "group-add",
	  .params = group_patterns_params,
	  .show = show_text },
	{ .name = "group remove",
	  .args = "TARGET GROUP",
	  .help = "its sessions end",
	  .method = "group-remove",
	  .params = group_params,
	  .show = show_text },
	{ .name = "group allow",
	  .args = "TARGET GROUP PATTERN…",
	  .help = "admit more",
	  .method = "group-allow",
	  .params = group_patterns_params,
	  .show = show_text },
	{ .name = "group forbid",
	  .args = "TARGET GROUP PATTERN…",
	  .help = "take patterns out",
	  .method = "group-forbid",
	  .params = group_patterns_params,
	  .show = show_text },
	{ .name = "log",
	  .args = "[level LEVEL] [on CLASS,…] [off CLASS,…]",
	  .help = "show or set what is logged",
	  .method = "log",
	  .params = log_params,
	  .show = show_log },
	{ .name = "logout",
	  .args = "SESSION",
	  .help = "end a session; the initiator may log in again",
	  .method = "logout",
	  .params = session_params,
	  .show = show_logout },
	{ .name = "reload",
	  .args = "",
	  .help = "serve what the configuration file says now, or nothing of it",
	  .method = "reload",
	  .show = show_text },
	{ .name = "config check",
	  .args = "[FILE]",
	  .help = "check a configuration; needs no srptd",
	  .run = config_check },
	{ .name = "config diff",
	  .args = "",
	  .help = "what a reload would change",
	  .method = "config-diff",
	  .show = show_text },
	{ .name = "config show",
	  .args = "",
	  .help = "what is served, as a file",
	  .method = "config-show",
	  .show = show_text },
	{ .name = "config save",
	  .args = "[FILE]",
	  .help = "keep what is served in the configuration file",
	  .run = config_save },
	{ .name = "version",
	  .args = "",
	  .help = "of srptctl and of the daemon",
	  .method = "version",
	  .show = show_version },
};

static void usage(FILE *out)
{
	fprintf(out, "usage: srptctl [-s SOCKET] [--json] [VERB]\n"
		     "Ask and change a running srptd.\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		fprintf(out, "  %-14s%s%s%s\n", verbs[i].name, verbs[i].help,
			*verbs[i].args ? ": " : "", verbs[i].args);
	fprintf(out,
		"\n  -s, --socket PATH  (%s, or $SRPTD_SOCKET)\n"
		"  -j, --json         answers as JSON\n"
		"  -V, --version\n"
		"  -h, --help\n"
		"\nWithout a verb: status. Exit status: 0 done, 1 refused, 2 wrong usage, 3 no "
		"srptd.\n",
		SRPTD_SOCKET);
}

static int ask(const struct verb *verb, json_t *params, const char *path, bool json)
{
	json_t *result = NULL;
	int code = client_get(verb->method, params, path, &result);

	if (code)
		return code;
	if (json)
		json_dumpf(result, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
	else
		verb->show(result);
	if (json)
		putchar('\n');
	json_decref(result);
	return fflush(stdout) ? EXIT_REFUSED : EXIT_OK;
}

/* How many words the verb's name takes of these; 0 = it is not meant. */
static int words_of(const struct verb *verb, int n, char **words)
{
	const char *space = strchr(verb->name, ' ');
	size_t len = space ? (size_t)(space - verb->name) : strlen(verb->name);

	if (strlen(words[0]) != len || strncmp(words[0], verb->name, len) != 0)
		return 0;
	if (!space)
		return 1;
	return n > 1 && strcmp(words[1], space + 1) == 0 ? 2 : 0;
}

static int run_verb(const struct verb *verb, int n, char **words, const char *path, bool json)
{
	char err[256] = "";
	json_t *params = NULL;

	if (verb->run)
		return verb->run(n, words, path);
	if (!verb->params && n)
		return bad_usage("unexpected argument", words[0]);
	if (verb->params) {
		params = verb->params(n, words, err, sizeof(err));
		if (!params)
			return bad_usage(*err ? err : "arguments are not UTF-8", "");
	}
	return ask(verb, params, path, json);
}

static int run(int n, char **words, const char *path, bool json)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		int taken = words_of(&verbs[i], n, words);

		if (taken)
			return run_verb(&verbs[i], n - taken, words + taken, path, json);
	}
	return bad_usage("unknown verb", words[0]);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	static char *status[] = { (char *)"status", NULL };
	const char *path = getenv("SRPTD_SOCKET");
	bool json = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "s:jVh", options, NULL)) != -1) {
		switch (opt) {
		case 's':
			path = optarg;
			break;
		case 'j':
			json = true;
			break;
		case 'V':
			printf("srptctl %s\n", SRPTD_VERSION);
			return EXIT_OK;
		case 'h':
			usage(stdout);
			return EXIT_OK;
		default:
			return bad_usage("unusable option", "");
		}
	}
	argv += optind;
	argc -= optind;
	if (!argc)
		argv = status;
	return run(argc ? argc : 1, argv, path ? path : SRPTD_SOCKET, json);
}
