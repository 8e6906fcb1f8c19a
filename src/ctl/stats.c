/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters of workers, logical units and sessions as JSON. Changes nothing. */
#include <errno.h>

#include "base/clock.h"
#include "ctl/methods.h"
#include "target/qos.h"
#include "target/server.h"

static json_t *show_worker(const struct worker *w)
{
	const struct worker_report *r = &w->report;
	const struct worker_stats *s = &r->stats;

	return json_pack("{s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I,"
			 " s:I, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i}",
			 "worker", (int)w->index, "cpu", w->cpu, "commands",
			 (json_int_t)s->commands, "responses", (json_int_t)s->responses,
			 "bytes_read", (json_int_t)s->bytes_in, "bytes_written",
			 (json_int_t)s->bytes_out, "passes", (json_int_t)s->passes, "sleeps",
			 (json_int_t)s->sleeps, "cq_polls", (json_int_t)s->cq_polls,
			 "cq_empty_polls", (json_int_t)s->cq_empty, "completions",
			 (json_int_t)s->completions, "send_posts", (json_int_t)s->post_send,
			 "receive_posts", (json_int_t)s->post_recv, "work_requests",
			 (json_int_t)s->wrs, "copies", (json_int_t)s->copies, "engine_depth",
			 (int)r->engine_depth, "tasks", (int)r->n_tasks, "max_tasks",
			 (int)r->max_tasks, "small_buffers", (int)r->n_small, "max_small_buffers",
			 (int)r->max_small, "large_buffers", (int)r->n_large, "max_large_buffers",
			 (int)r->max_large, "waiting_sessions", (int)r->n_hungry);
}

/* Buckets that are not empty, each as [upper end in ns, how many]. */
static json_t *show_lat(const uint64_t lat[LAT_BUCKETS])
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < LAT_BUCKETS && list; i++)
		if (lat[i] &&
		    json_array_append_new(list, json_pack("[I, I]", (json_int_t)lat_below(i),
							  (json_int_t)lat[i]))) {
			json_decref(list);
			list = NULL;
		}
	return list;
}

/* Takes obj; NULL if that is NULL. */
static json_t *add_durations(json_t *obj, const uint64_t lat[LAT_BUCKETS], uint64_t ns)
{
	json_t *more = json_pack("{s:I, s:I, s:I, s:I, s:o}", "ns", (json_int_t)ns, "p50_ns",
				 (json_int_t)lat_quantile(lat, 0.5), "p99_ns",
				 (json_int_t)lat_quantile(lat, 0.99), "p999_ns",
				 (json_int_t)lat_quantile(lat, 0.999), "latency", show_lat(lat));

	if (obj && more && !json_object_update(obj, more)) {
		json_decref(more);
		return obj;
	}
	json_decref(obj);
	json_decref(more);
	return NULL;
}

static json_t *show_side(const struct meter_side *s, uint8_t block_shift)
{
	json_t *obj =
		json_pack("{s:I, s:I, s:I}", "commands", (json_int_t)lat_count(s->lat), "bytes",
			  (json_int_t)s->bytes, "blocks", (json_int_t)(s->bytes >> block_shift));

	return add_durations(obj, s->lat, s->ns);
}

static json_t *show_lun(const struct server *server, const struct scsi_lu *lu)
{
	struct meter sum = { 0 };

	for (unsigned int i = 0; i < server->n_workers; i++)
		meter_sum(&sum, &lu->meters[i]);
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "name", lu->name, "commands",
			 (json_int_t)sum.started, "in_flight", (json_int_t)meter_in_flight(&sum),
			 "errors", (json_int_t)sum.errors, "aborted", (json_int_t)sum.aborted,
			 "read", show_side(&sum.side[METER_READ], lu->block_shift), "write",
			 show_side(&sum.side[METER_WRITE], lu->block_shift), "other",
			 show_side(&sum.side[METER_OTHER], lu->block_shift));
}

static json_t *show_session(const struct session *s)
{
	struct channel_stats sum = { 0 };
	const struct channel *ch;
	json_int_t n_tasks = 0, credits = 0;
	int n = 0;

	LIST_FOREACH (ch, &s->channels, session_link) {
		const struct channel_report *r = &ch->seen;

		n++;
		n_tasks += r->n_tasks;
		credits += r->req_lim;
		sum.commands += r->stats.commands;
		sum.bytes_in += r->stats.bytes_in;
		sum.bytes_out += r->stats.bytes_out;
		sum.errors += r->stats.errors;
		sum.ns += r->stats.ns;
		lat_sum(sum.lat, r->stats.lat);
	}
	return add_durations(json_pack("{s:i, s:s, s:s, s:i, s:I, s:I, s:I, s:I, s:I, s:I}", "id",
				       (int)s->number, "target", s->target->name, "initiator",
				       s->nexus.initiator, "channels", n, "commands",
				       (json_int_t)sum.commands, "in_flight", n_tasks, "errors",
				       (json_int_t)sum.errors, "credits", credits, "bytes_read",
				       (json_int_t)sum.bytes_in, "bytes_written",
				       (json_int_t)sum.bytes_out),
			     sum.lat, sum.ns);
}

static json_t *show_limit(const struct qos *q)
{
	json_int_t commands = 0, delayed = 0;

	for (size_t i = 0; i < q->n; i++) {
		commands += (json_int_t)atomic_load(&q->bucket[i].commands);
		delayed += (json_int_t)atomic_load(&q->bucket[i].delayed);
	}
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "name", q->name, "iops",
			 (json_int_t)atomic_load(&q->iops), "bandwidth",
			 (json_int_t)atomic_load(&q->bytes), "burst_ms",
			 (json_int_t)(atomic_load(&q->burst_ns) / NSEC_PER_MSEC), "commands", commands,
			 "delayed", delayed);
}

/* Takes the element; *ret tells of an error here or before. */
static void append(json_t *list, json_t *element, int *ret)
{
	*ret |= json_array_append_new(list, element);
}

int ctl_stats(struct rpc_call *call)
{
	const struct server *server = ((const struct ctl_env *)call->env)->server;
	json_t *workers = json_array(), *luns = json_array(), *sessions = json_array();
	json_t *limits = json_array();
	const struct qos *q;
	const struct session *s;
	int ret = 0;

	for (unsigned int i = 0; i < server->n_workers; i++)
		append(workers, show_worker(&server->workers[i]), &ret);
	for (size_t i = 0; i < server->n_lus; i++)
		append(luns, show_lun(server, server->lus[i]), &ret);
	for (size_t i = 0; i < server->n_targets; i++)
		LIST_FOREACH (s, &server->targets[i].sessions, link)
			append(sessions, show_session(s), &ret);
	SLIST_FOREACH(q, &server->qos, link)
		append(limits, show_limit(q), &ret);
	call->result = json_pack("{s:o, s:o, s:o, s:o}", "workers", workers, "luns", luns,
				 "sessions", sessions, "limits", limits);
	return ret || !call->result ? -ENOMEM : 0;
}
