/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looks at srptd in intervals, see top.h. srptd counts from its start; rates and percentiles are
 * made here from the difference of two looks.
 */
#include "srptctl/top.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/compiler.h"
#include "srptctl/client.h"
#include "srptctl/table.h"

/* ---- looks ---- */

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void pause_for(double seconds)
{
	struct timespec ts = { .tv_sec = (time_t)seconds };

	ts.tv_nsec = (long)((seconds - (double)ts.tv_sec) * 1e9);
	nanosleep(&ts, NULL);
}

/* A terminal is wiped before each look; elsewhere a blank line parts them. */
static void begin_look(long look)
{
	if (isatty(STDOUT_FILENO))
		fputs("\033[H\033[J", stdout);
	else if (look)
		putchar('\n');
}

static void put_json(const json_t *value)
{
	json_dumpf(value, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
	putchar('\n');
}

int watch_run(const struct watch *w, const char *method, void (*show)(const json_t *result))
{
	for (long look = 0; !w->count || look < w->count; look++) {
		json_t *result = NULL;
		int code;

		if (look)
			pause_for(w->interval);
		code = client_get(method, NULL, w->path, &result);
		if (code)
			return code;
		if (w->json) {
			put_json(result);
		} else {
			begin_look(look);
			show(result);
		}
		json_decref(result);
		if (fflush(stdout))
			return EXIT_REFUSED;
	}
	return EXIT_OK;
}

/* ---- differences ---- */

static json_int_t number(const json_t *obj, const char *key)
{
	return json_integer_value(json_object_get(obj, key));
}

/* What came since; all of it if srptd or what it counts began anew. */
static json_int_t since(const json_t *new, const json_t *old, const char *key)
{
	json_int_t a = number(old, key), b = number(new, key);

	return b >= a ? b - a : b;
}

/* The element of a list whose key says the same, or NULL. */
static const json_t *find_same(const json_t *list, const json_t *one, const char *key)
{
	const json_t *other;
	size_t i;

	json_array_foreach(list, i, other) if (json_equal(json_object_get(other, key),
							  json_object_get(one, key))) return other;
	return NULL;
}

/* How many fell below `end` but not into an earlier bucket. */
static json_int_t bucket(const json_t *lat, json_int_t end)
{
	const json_t *pair;
	size_t i;

	json_array_foreach(lat, i,
			   pair) if (json_integer_value(json_array_get(pair, 0)) ==
				     end) return json_integer_value(json_array_get(pair, 1));
	return 0;
}

/* ns that a part of what came since did not exceed; 0 if nothing came. */
static json_int_t quantile(const json_t *new, const json_t *old, double part)
{
	const json_t *was = json_object_get(old, "latency"), *pair;
	json_int_t total = 0, seen = 0, end = 0;
	size_t i;

	for (int round = 0; round < 2; round++)
		json_array_foreach(json_object_get(new, "latency"), i, pair)
		{
			json_int_t n = json_integer_value(json_array_get(pair, 1));

			end = json_integer_value(json_array_get(pair, 0));
			n -= MIN(bucket(was, end), n);
			if (!round)
				total += n;
			else if ((double)(seen += n) >= ceil((double)total * part) && seen)
				return end;
		}
	return total ? end : 0;
}

static json_int_t rate(json_int_t n, double seconds)
{
	return (json_int_t)((double)n / seconds + 0.5);
}

static json_t *lun_row(const json_t *new, const json_t *old, double s)
{
	const json_t *r = json_object_get(new, "read"), *w = json_object_get(new, "write");
	const json_t *was_r = json_object_get(old, "read"), *was_w = json_object_get(old, "write");
	json_int_t reads = since(r, was_r, "commands"), writes = since(w, was_w, "commands");

	return json_pack("{s:O, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
			 "name", json_object_get(new, "name"), "reads", reads, "writes", writes,
			 "read_iops", rate(reads, s), "write_iops", rate(writes, s), "read_bytes_s",
			 rate(since(r, was_r, "bytes"), s), "write_bytes_s",
			 rate(since(w, was_w, "bytes"), s), "in_flight", number(new, "in_flight"),
			 "errors", since(new, old, "errors"), "read_p50_ns",
			 quantile(r, was_r, 0.5), "read_p99_ns", quantile(r, was_r, 0.99),
			 "write_p50_ns", quantile(w, was_w, 0.5), "write_p99_ns",
			 quantile(w, was_w, 0.99));
}

static json_t *session_row(const json_t *new, const json_t *old, double s)
{
	json_int_t commands = since(new, old, "commands");

	return json_pack("{s:O, s:O, s:O, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "id",
			 json_object_get(new, "id"), "initiator", json_object_get(new, "initiator"),
			 "target", json_object_get(new, "target"), "commands", commands, "iops",
			 rate(commands, s), "read_bytes_s", rate(since(new, old, "bytes_read"), s),
			 "write_bytes_s", rate(since(new, old, "bytes_written"), s), "in_flight",
			 number(new, "in_flight"), "p50_ns", quantile(new, old, 0.5), "p99_ns",
			 quantile(new, old, 0.99), "p999_ns", quantile(new, old, 0.999));
}

static json_t *rows(const json_t *new, const json_t *old, const char *list, const char *key,
		    json_t *(*row)(const json_t *new, const json_t *old, double s), double s)
{
	json_t *all = json_array();
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(new, list), i, one) json_array_append_new(
		all, row(one, find_same(json_object_get(old, list), one, key), s));
	return all;
}

/* ---- top ---- */

static void show(const json_t *r)
{
	static const struct column luns[] = {
		{ "LUN", "name", COL_TEXT },
		{ "READS/s", "read_iops", COL_NUMBER },
		{ "WRITES/s", "write_iops", COL_NUMBER },
		{ "READ/s", "read_bytes_s", COL_BYTES },
		{ "WRITE/s", "write_bytes_s", COL_BYTES },
		{ "IN FLIGHT", "in_flight", COL_NUMBER },
		{ "ERRORS", "errors", COL_NUMBER },
		{ "READ p50", "read_p50_ns", COL_TIME },
		{ "p99", "read_p99_ns", COL_TIME },
		{ "WRITE p50", "write_p50_ns", COL_TIME },
		{ "p99", "write_p99_ns", COL_TIME },
	};
	static const struct column sessions[] = {
		{ "SESSION", "id", COL_NUMBER },
		{ "INITIATOR", "initiator", COL_TEXT },
		{ "TARGET", "target", COL_TEXT },
		{ "IOPS", "iops", COL_NUMBER },
		{ "READ/s", "read_bytes_s", COL_BYTES },
		{ "WRITE/s", "write_bytes_s", COL_BYTES },
		{ "IN FLIGHT", "in_flight", COL_NUMBER },
		{ "p50", "p50_ns", COL_TIME },
		{ "p99", "p99_ns", COL_TIME },
		{ "p99.9", "p999_ns", COL_TIME },
	};

	table_print(stdout, luns, ARRAY_SIZE(luns), json_object_get(r, "luns"));
	putchar('\n');
	table_print(stdout, sessions, ARRAY_SIZE(sessions), json_object_get(r, "sessions"));
}

static int look(const struct watch *w, json_t **sample, double *when)
{
	int code = client_get("stats", NULL, w->path, sample);

	*when = now();
	return code;
}

static void tell(const struct watch *w, const json_t *new, const json_t *old, double s, long n)
{
	json_t *r = json_pack("{s:f, s:o, s:o}", "seconds", s, "luns",
			      rows(new, old, "luns", "name", lun_row, s), "sessions",
			      rows(new, old, "sessions", "id", session_row, s));

	if (w->json)
		put_json(r);
	else
		begin_look(n);
	if (!w->json)
		show(r);
	json_decref(r);
}

int top_run(const struct watch *w)
{
	json_t *old = NULL, *new = NULL;
	double was, when;
	int code = look(w, &old, &was);

	for (long n = 0; !code && (!w->count || n < w->count); n++) {
		pause_for(w->interval);
		code = look(w, &new, &when);
		if (code)
			break;
		tell(w, new, old, when - was, n);
		json_decref(old);
		old = new;
		was = when;
		if (fflush(stdout))
			code = EXIT_REFUSED;
	}
	json_decref(old);
	return code;
}
