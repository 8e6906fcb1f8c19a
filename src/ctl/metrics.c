/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counters as OpenMetrics 1.0 text. Knows what is counted, not who asks for it. A family is written
 * in one piece, as the format wants it, so every family goes over the list of what has it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "ctl/methods.h"
#include "target/server.h"

#define C(f) offsetof(struct worker_report, f)

static void head(FILE *out, const char *name, const char *type, const char *unit, const char *help)
{
	fprintf(out, "# TYPE srptd_%s %s\n", name, type);
	if (unit)
		fprintf(out, "# UNIT srptd_%s %s\n", name, unit);
	fprintf(out, "# HELP srptd_%s %s\n", name, help);
}

/* A label's value: \, " and line feeds are escaped. */
static void put_label(FILE *out, const char *name, const char *value)
{
	fprintf(out, "%s=\"", name);
	for (; *value; value++) {
		if (*value == '\\' || *value == '"')
			putc('\\', out);
		if (*value == '\n')
			fputs("\\n", out);
		else
			putc(*value, out);
	}
	putc('"', out);
}

/* ---- workers ---- */

static const struct family {
	const char *name, *unit, *help;
	size_t offset;
	bool gauge; /* uint32_t, else a uint64_t that only grows */
} worker_families[] = {
	{ "commands", NULL, "SRP commands taken.", C(stats.commands), false },
	{ "responses", NULL, "Responses sent.", C(stats.responses), false },
	{ "rdma_written_bytes", "bytes", "Moved to initiators by RDMA WRITE.", C(stats.bytes_in),
	  false },
	{ "rdma_read_bytes", "bytes", "Taken from initiators by RDMA READ and as immediate data.",
	  C(stats.bytes_out), false },
	{ "passes", NULL, "Turns of the polling loop.", C(stats.passes), false },
	{ "sleeps", NULL, "Times that there was nothing to poll for.", C(stats.sleeps), false },
	{ "cq_polls", NULL, "Polls of completion queues.", C(stats.cq_polls), false },
	{ "cq_empty_polls", NULL, "Polls that found nothing.", C(stats.cq_empty), false },
	{ "completions", NULL, "Completions taken.", C(stats.completions), false },
	{ "send_doorbells", NULL, "Lists of work requests posted.", C(stats.post_send), false },
	{ "receive_doorbells", NULL, "Lists of receives posted.", C(stats.post_recv), false },
	{ "work_requests", NULL, "Work requests posted.", C(stats.wrs), false },
	{ "copies", NULL, "Immediate data copied because the store wants it aligned.",
	  C(stats.copies), false },
	{ "engine_depth", NULL, "Requests with the store engine.", C(engine_depth), true },
	{ "tasks", NULL, "Commands under way.", C(n_tasks), true },
	{ "max_tasks", NULL, "Commands that fit.", C(max_tasks), true },
	{ "small_buffers", NULL, "Small data buffers in use.", C(n_small), true },
	{ "max_small_buffers", NULL, "Small data buffers that there are.", C(max_small), true },
	{ "large_buffers", NULL, "Large data buffers in use.", C(n_large), true },
	{ "max_large_buffers", NULL, "Large data buffers that there are.", C(max_large), true },
	{ "waiting_sessions", NULL, "Sessions that wait for data buffers.", C(n_hungry), true },
};

static void put_worker(FILE *out, const struct family *f, const struct worker *w)
{
	const char *at = (const char *)&w->report + f->offset;
	uint64_t value = f->gauge ? *(const uint32_t *)at : *(const uint64_t *)at;

	fprintf(out, "srptd_worker_%s%s{worker=\"%u\"} %" PRIu64 "\n", f->name,
		f->gauge ? "" : "_total", w->index, value);
}

static void put_workers(FILE *out, const struct server *server)
{
	char name[64];

	for (size_t i = 0; i < ARRAY_SIZE(worker_families); i++) {
		const struct family *f = &worker_families[i];

		snprintf(name, sizeof(name), "worker_%s", f->name);
		head(out, name, f->gauge ? "gauge" : "counter", f->unit, f->help);
		for (unsigned int k = 0; k < server->n_workers; k++)
			put_worker(out, f, &server->workers[k]);
	}
}

/* ---- logical units ---- */

static const char *const kinds[METER_KINDS] = { "read", "write", "other" };

enum {
	LE_FIRST = 1,
	LE_LAST = LAT_BUCKETS / LAT_STEPS - 1
}; /* upper ends: powers of two */

/* One histogram: cumulative counts at every power of two from 1 µs on. */
static void put_lat(FILE *out, const char *name, const char *labels,
		    const uint64_t lat[LAT_BUCKETS], uint64_t ns)
{
	uint64_t n = 0;
	unsigned int bucket = 0;

	for (unsigned int i = LE_FIRST; i <= LE_LAST; i++) {
		for (; bucket < i * LAT_STEPS; bucket++)
			n += lat[bucket];
		fprintf(out, "srptd_%s_bucket{%s,le=\"%.9g\"} %" PRIu64 "\n", name, labels,
			(double)lat_below(bucket - 1) / 1e9, n);
	}
	for (; bucket < LAT_BUCKETS; bucket++)
		n += lat[bucket];
	fprintf(out, "srptd_%s_bucket{%s,le=\"+Inf\"} %" PRIu64 "\n", name, labels, n);
	fprintf(out, "srptd_%s_count{%s} %" PRIu64 "\nsrptd_%s_sum{%s} %.9f\n", name, labels, n,
		name, labels, (double)ns / 1e9);
}

static void lun_count(FILE *out, const char *name, const struct scsi_lu *lu, const char *kind,
		      uint64_t value)
{
	fprintf(out, "srptd_lun_%s{", name);
	put_label(out, "lun", lu->name);
	if (kind)
		fprintf(out, ",op=\"%s\"", kind);
	fprintf(out, "} %" PRIu64 "\n", value);
}

static void lun_latency(FILE *out, const struct scsi_lu *lu, const struct meter *m)
{
	char labels[128];

	for (unsigned int k = 0; k < METER_KINDS; k++) {
		snprintf(labels, sizeof(labels), "lun=\"%s\",op=\"%s\"", lu->name, kinds[k]);
		put_lat(out, "lun_latency_seconds", labels, m->side[k].lat, m->side[k].ns);
	}
}

static void put_luns(FILE *out, const struct server *server, const struct meter *sums)
{
	struct scsi_lu *const *lus = server->lus;
	size_t n = server->n_lus;

	head(out, "lun_commands", "counter", NULL, "Commands answered, by what they did.");
	for (size_t i = 0; i < n; i++)
		for (unsigned int k = 0; k < METER_KINDS; k++)
			lun_count(out, "commands_total", lus[i], kinds[k],
				  lat_count(sums[i].side[k].lat));
	head(out, "lun_bytes", "counter", "bytes", "Blocks moved, in bytes.");
	for (size_t i = 0; i < n; i++)
		for (unsigned int k = 0; k < METER_OTHER; k++)
			lun_count(out, "bytes_total", lus[i], kinds[k], sums[i].side[k].bytes);
	head(out, "lun_errors", "counter", NULL,
	     "Commands answered with a status other than GOOD.");
	for (size_t i = 0; i < n; i++)
		lun_count(out, "errors_total", lus[i], NULL, sums[i].errors);
	head(out, "lun_aborted", "counter", NULL, "Commands that ended without an answer.");
	for (size_t i = 0; i < n; i++)
		lun_count(out, "aborted_total", lus[i], NULL, sums[i].aborted);
	head(out, "lun_in_flight", "gauge", NULL, "Commands under way.");
	for (size_t i = 0; i < n; i++)
		lun_count(out, "in_flight", lus[i], NULL, meter_in_flight(&sums[i]));
	head(out, "lun_size_bytes", "gauge", "bytes", "Capacity.");
	for (size_t i = 0; i < n; i++)
		lun_count(out, "size_bytes", lus[i], NULL,
			  atomic_load(&lus[i]->n_blocks) << lus[i]->block_shift);
	head(out, "lun_latency_seconds", "histogram", "seconds",
	     "From the arrival of a request to the completion of its response.");
	for (size_t i = 0; i < n; i++)
		lun_latency(out, lus[i], &sums[i]);
}

static void put_all_luns(FILE *out, const struct server *server)
{
	struct meter *sums = meters_new(server->n_lus);

	for (size_t i = 0; sums && i < server->n_lus; i++)
		for (unsigned int k = 0; k < server->n_workers; k++)
			meter_sum(&sums[i], &server->lus[i]->meters[k]);
	if (sums)
		put_luns(out, server, sums);
	free(sums);
}

/* ---- channels ---- */

static void channel_line(FILE *out, const char *name, const struct channel *ch, int64_t value)
{
	const struct session *s = ch->session;

	fprintf(out, "srptd_channel_%s{session=\"%u\",qpn=\"%u\",", name, s->number, ch->qpn);
	put_label(out, "target", s->target->name);
	putc(',', out);
	put_label(out, "initiator", s->nexus.initiator);
	fprintf(out, "} %" PRId64 "\n", value);
}

enum channel_number {
	CHANNEL_COMMANDS,
	CHANNEL_ERRORS,
	CHANNEL_READ,
	CHANNEL_WRITTEN,
	CHANNEL_CREDITS,
	CHANNEL_TASKS,
	CHANNEL_SENDS,
	CHANNEL_STATE,
	CHANNEL_NUMBERS
};

static const struct family channel_families[CHANNEL_NUMBERS] = {
	[CHANNEL_COMMANDS] = { "commands", NULL, "Commands taken.", 0, false },
	[CHANNEL_ERRORS] = { "errors", NULL, "Commands answered with a status other than GOOD.", 0,
			     false },
	[CHANNEL_READ] = { "read_bytes", "bytes", "Read by the initiator.", 0, false },
	[CHANNEL_WRITTEN] = { "written_bytes", "bytes", "Written by the initiator.", 0, false },
	[CHANNEL_CREDITS] = { "credits", NULL, "Commands that the initiator may still send.", 0,
			      true },
	[CHANNEL_TASKS] = { "tasks", NULL, "Commands under way.", 0, true },
	[CHANNEL_SENDS] = { "send_queue_used", NULL, "Entries of the send queue in use.", 0, true },
	[CHANNEL_STATE] = { "state", NULL,
			    "0 connecting, 1 live, 2 logging out, 3 draining, 4 disconnected.", 0,
			    true },
};

static int64_t channel_number(const struct channel *ch, enum channel_number which)
{
	const struct channel_report *r = &ch->seen;
	const int64_t numbers[CHANNEL_NUMBERS] = {
		[CHANNEL_COMMANDS] = (int64_t)r->stats.commands,
		[CHANNEL_ERRORS] = (int64_t)r->stats.errors,
		[CHANNEL_READ] = (int64_t)r->stats.bytes_in,
		[CHANNEL_WRITTEN] = (int64_t)r->stats.bytes_out,
		[CHANNEL_CREDITS] = r->req_lim,
		[CHANNEL_TASKS] = r->n_tasks,
		[CHANNEL_SENDS] = r->sq_used,
		[CHANNEL_STATE] = r->state,
	};

	return numbers[which];
}

static void put_channels(FILE *out, const struct server *server, enum channel_number which)
{
	const struct family *f = &channel_families[which];
	const struct session *s;
	const struct channel *ch;
	char name[64];

	snprintf(name, sizeof(name), "channel_%s", f->name);
	head(out, name, f->gauge ? "gauge" : "counter", f->unit, f->help);
	snprintf(name, sizeof(name), "%s%s", f->name, f->gauge ? "" : "_total");
	for (size_t i = 0; i < server->n_targets; i++)
		LIST_FOREACH (s, &server->targets[i].sessions, link)
			LIST_FOREACH (ch, &s->channels, session_link)
				channel_line(out, name, ch, channel_number(ch, which));
}

/* ---- the whole ---- */

static void put_daemon(FILE *out, const struct ctl_env *env)
{
	const struct server *server = env->server;

	head(out, "build", "info", NULL, "The daemon.");
	fprintf(out, "srptd_build_info{version=\"%s\"} 1\n", env->version);
	head(out, "start_time_seconds", "gauge", "seconds", "When it began to serve.");
	fprintf(out, "srptd_start_time_seconds %lld\n", (long long)env->since);
	head(out, "sessions", "gauge", NULL, "Sessions that stand.");
	fprintf(out, "srptd_sessions %u\n", server_n_sessions(server));
	head(out, "channels", "gauge", NULL, "Channels that have not ended.");
	fprintf(out, "srptd_channels %u\n", server->n_channels);
	head(out, "logins", "counter", NULL, "Sessions that there have been.");
	fprintf(out, "srptd_logins_total %u\n", server->n_sessions);
	head(out, "refused_logins", "counter", NULL, "Logins refused, by reason.");
	for (unsigned int i = 0; i < ARRAY_SIZE(server->n_refused); i++)
		fprintf(out, "srptd_refused_logins_total{reason=\"0x%08x\"} %" PRIu64 "\n",
			0x00010000u + i, server->n_refused[i]);
	head(out, "draining", "gauge", NULL, "1 while logins are refused for maintenance.");
	fprintf(out, "srptd_draining %d\n", server->draining);
}

void ctl_write_metrics(const struct ctl_env *env, FILE *out)
{
	put_daemon(out, env);
	put_workers(out, env->server);
	put_all_luns(out, env->server);
	for (unsigned int i = 0; i < CHANNEL_NUMBERS; i++)
		put_channels(out, env->server, (enum channel_number)i);
	fputs("# EOF\n", out);
}

int ctl_metrics(struct rpc_call *call)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (out) {
		ctl_write_metrics(call->env, out);
		if (!fclose(out))
			call->result = json_pack("{s:s}", "text", text);
	}
	free(text);
	return call->result ? 0 : -ENOMEM;
}
