/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers of srptd for a person. */
#include "srptctl/show.h"

#include <stdio.h>
#include <time.h>

#include "base/compiler.h"
#include "srptctl/table.h"
#include "version.h"

#define TABLE(columns, rows) table_print(stdout, columns, ARRAY_SIZE(columns), rows)

void show_status(const json_t *r)
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
	if (json_is_true(json_object_get(r, "draining")))
		puts("draining: logins are refused until srptctl drain off");
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

void show_sessions(const json_t *r)
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

void show_luns(const json_t *r)
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

static const char *const sides[] = { "read", "write", "other" };

/* The numbers of a LUN's sides beside its own: "read_commands" and so on. */
static void flatten(json_t *lun)
{
	char name[64];
	const char *key;
	json_t *value;

	for (size_t i = 0; i < ARRAY_SIZE(sides); i++)
		json_object_foreach(json_object_get(lun, sides[i]), key, value)
		{
			snprintf(name, sizeof(name), "%s_%s", sides[i], key);
			json_object_set(lun, name, value);
		}
}

static void show_lun_stats(const json_t *rows)
{
	static const struct column luns[] = {
		{ "LUN", "name", COL_TEXT },
		{ "READS", "read_commands", COL_NUMBER },
		{ "WRITES", "write_commands", COL_NUMBER },
		{ "OTHER", "other_commands", COL_NUMBER },
		{ "READ", "read_bytes", COL_BYTES },
		{ "WRITTEN", "write_bytes", COL_BYTES },
		{ "IN FLIGHT", "in_flight", COL_NUMBER },
		{ "ERRORS", "errors", COL_NUMBER },
		{ "ABORTED", "aborted", COL_NUMBER },
		{ "READ p50", "read_p50_ns", COL_TIME },
		{ "p99", "read_p99_ns", COL_TIME },
		{ "WRITE p50", "write_p50_ns", COL_TIME },
		{ "p99", "write_p99_ns", COL_TIME },
	};
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) flatten(row);
	TABLE(luns, rows);
}

void show_stats(const json_t *r)
{
	static const struct column workers[] = {
		{ "WORKER", "worker", COL_NUMBER },
		{ "COMMANDS", "commands", COL_NUMBER },
		{ "READ", "bytes_read", COL_BYTES },
		{ "WRITTEN", "bytes_written", COL_BYTES },
		{ "TASKS", "tasks", COL_NUMBER },
		{ "ENGINE", "engine_depth", COL_NUMBER },
		{ "SMALL", "small_buffers", COL_NUMBER },
		{ "LARGE", "large_buffers", COL_NUMBER },
		{ "WAITING", "waiting_sessions", COL_NUMBER },
		{ "PASSES", "passes", COL_NUMBER },
		{ "SLEEPS", "sleeps", COL_NUMBER },
		{ "POLLS", "cq_polls", COL_NUMBER },
		{ "POSTS", "send_posts", COL_NUMBER },
		{ "WRS", "work_requests", COL_NUMBER },
	};
	static const struct column limits[] = {
		{ "LIMIT", "name", COL_TEXT },	       { "IOPS", "iops", COL_NUMBER },
		{ "BYTES/s", "bandwidth", COL_BYTES }, { "BURST ms", "burst_ms", COL_NUMBER },
		{ "COMMANDS", "commands", COL_NUMBER }, { "DELAYED", "delayed", COL_NUMBER },
	};
	static const struct column sessions[] = {
		{ "SESSION", "id", COL_NUMBER },      { "INITIATOR", "initiator", COL_TEXT },
		{ "COMMANDS", "commands", COL_NUMBER }, { "READ", "bytes_read", COL_BYTES },
		{ "WRITTEN", "bytes_written", COL_BYTES }, { "IN FLIGHT", "in_flight", COL_NUMBER },
		{ "CREDITS", "credits", COL_NUMBER }, { "ERRORS", "errors", COL_NUMBER },
		{ "p50", "p50_ns", COL_TIME },	      { "p99", "p99_ns", COL_TIME },
		{ "p99.9", "p999_ns", COL_TIME },
	};

	TABLE(workers, json_object_get(r, "workers"));
	putchar('\n');
	show_lun_stats(json_object_get(r, "luns"));
	putchar('\n');
	TABLE(sessions, json_object_get(r, "sessions"));
	if (json_array_size(json_object_get(r, "limits"))) {
		putchar('\n');
		TABLE(limits, json_object_get(r, "limits"));
	}
}

void show_text(const json_t *r)
{
	fputs(json_string_value(json_object_get(r, "text")), stdout);
}

void show_done(const json_t *r)
{
	puts("done");
}

void show_log(const json_t *r)
{
	printf("level %s\nclasses %s\n", json_string_value(json_object_get(r, "level")),
	       json_string_value(json_object_get(r, "classes")));
}

void show_logout(const json_t *r)
{
	printf("%lld session(s) are being logged out\n",
	       (long long)json_integer_value(json_object_get(r, "sessions")));
}

void show_version(const json_t *r)
{
	printf("srptctl %s, srptd %s\n", SRPTD_VERSION,
	       json_string_value(json_object_get(r, "version")));
}

static void explain_group(const json_t *g)
{
	const char *pattern = json_string_value(json_object_get(g, "pattern"));
	const json_t *lun;
	size_t i;

	printf("  group %s: %s%s%s%s\n", json_string_value(json_object_get(g, "name")),
	       json_string_value(json_object_get(g, "result")), pattern ? " by \"" : "",
	       pattern ? pattern : "", pattern ? "\"" : "");
	json_array_foreach(json_object_get(g, "luns"), i, lun)
		printf("    LUN %lld: %s%s\n",
		       (long long)json_integer_value(json_object_get(lun, "lun")),
		       json_string_value(json_object_get(lun, "name")),
		       json_is_true(json_object_get(lun, "read_only")) ? ", read-only" : "");
}

void show_explain(const json_t *r)
{
	const json_t *t, *g;
	size_t i, k;

	printf("%s, as %s\n", json_string_value(json_object_get(r, "initiator")),
	       json_string_value(json_object_get(r, "as")));
	json_array_foreach(json_object_get(r, "targets"), i, t)
	{
		const char *name = json_string_value(json_object_get(t, "name"));

		printf("target %s%s\n", name,
		       json_is_null(json_object_get(t, "group")) ? ": its logins are refused" : "");
		json_array_foreach(json_object_get(t, "groups"), k, g) explain_group(g);
		if (json_is_null(json_object_get(t, "group")))
			printf("  to admit it: srptctl group allow %s GROUP PATTERN\n", name);
	}
}

void show_drain(const json_t *r)
{
	if (json_is_true(json_object_get(r, "draining")))
		printf("%lld channel(s) are being logged out; until srptctl drain off\n",
		       (long long)json_integer_value(json_object_get(r, "channels")));
	else
		puts("logins are accepted");
}

void show_doctor(const json_t *r)
{
	const json_t *one;
	size_t i;

	json_array_foreach(r, i, one)
	{
		const char *mend = json_string_value(json_object_get(one, "mend"));

		printf("%-8s %s\n", json_string_value(json_object_get(one, "level")),
		       json_string_value(json_object_get(one, "what")));
		if (mend && *mend)
			printf("%-8s → %s\n", "", mend);
	}
}

void show_capture(const json_t *r)
{
	const char *file = json_string_value(json_object_get(r, "file"));
	const char *error = json_string_value(json_object_get(r, "error"));

	if (file)
		printf("capturing into %s\n", file);
	else
		puts("no capture is running");
	printf("%lld packet(s), %lld not written, %lld bytes%s\n",
	       (long long)json_integer_value(json_object_get(r, "packets")),
	       (long long)json_integer_value(json_object_get(r, "dropped")),
	       (long long)json_integer_value(json_object_get(r, "bytes")),
	       json_is_true(json_object_get(r, "full")) ? ", full" : "");
	if (error)
		printf("the file could not be written: %s\n", error);
}
