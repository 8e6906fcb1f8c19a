/* SPDX-License-Identifier: BSD-2-Clause */
/* srpio bench: how many commands a second, and how long one takes. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "srpio/pattern.h"
#include "srpio/tool.h"

enum { DEPTH = 32, DEFAULT_BS = 4096, DEFAULT_MS = 10000 };

struct bench_job {
	const struct opts *opts;
	struct tool_range range;
	uint64_t units; /* places of bs bytes in the range */
	uint64_t at;
	uint64_t issued;
	uint64_t limit; /* commands, 0 = none */
	uint64_t start_ns, end_ns; /* end 0 = none */
	uint64_t random;
	struct hist hist;
};

static const struct bench_kind {
	const char *name;
	bool random;
	bool reads, writes;
} kinds[] = {
	[BENCH_RANDREAD] = { "randread", true, true, false },
	[BENCH_RANDWRITE] = { "randwrite", true, false, true },
	[BENCH_RANDRW] = { "randrw", true, true, true },
	[BENCH_READ] = { "read", false, true, false },
	[BENCH_WRITE] = { "write", false, false, true },
	[BENCH_RW] = { "rw", false, true, true },
};

/* splitmix64 */
static uint64_t next_random(struct bench_job *job)
{
	uint64_t x = job->random += 0x9e3779b97f4a7c15ull;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

static bool choose_write(struct bench_job *job, const struct bench_kind *kind)
{
	if (kind->reads && kind->writes)
		return next_random(job) % 100 >= job->opts->mix;
	return kind->writes;
}

static bool time_is_up(const struct flow *flow, const struct bench_job *job)
{
	if (tool_stop || (job->limit && job->issued >= job->limit))
		return true;
	return job->end_ns && srpi_now(flow->session) >= job->end_ns;
}

static void first_fill(struct flow *flow, struct flow_slot *slot)
{
	struct pattern_id id = { .seed = slot->index };

	if (flow->next_seq < flow->n_slots)
		pattern_fill(slot->buf, flow->bs, &id);
}

static int bench_next(struct flow *flow, struct flow_slot *slot)
{
	struct bench_job *job = flow->ctx;
	const struct bench_kind *kind = &kinds[job->opts->bench_mode];
	uint64_t unit;

	if (time_is_up(flow, job))
		return 0;
	unit = kind->random ? next_random(job) % job->units : job->at++ % job->units;
	slot->write = choose_write(job, kind);
	slot->fua = slot->write && job->opts->fua;
	slot->lba = job->range.lba + unit * job->range.blocks;
	slot->blocks = job->range.blocks;
	if (kind->writes)
		first_fill(flow, slot);
	job->issued++;
	return 1;
}

static double us(uint64_t ns)
{
	return (double)ns / 1000;
}

static json_t *latency(const struct hist *hist)
{
	json_t *obj = json_object();

	json_object_set_new(obj, "mean_us", json_real(hist_mean(hist) / 1000));
	json_object_set_new(obj, "p50_us", json_real(us(hist_percentile(hist, 50))));
	json_object_set_new(obj, "p99_us", json_real(us(hist_percentile(hist, 99))));
	json_object_set_new(obj, "p999_us", json_real(us(hist_percentile(hist, 99.9))));
	json_object_set_new(obj, "max_us", json_real(us(hist->max)));
	return obj;
}

static void report(struct bench_job *job, struct tool_conn *conn, const struct flow *flow)
{
	const struct hist *h = &job->hist;
	double s = (double)MAX(flow->ns, (uint64_t)1) / 1e9;
	uint32_t channels = srpi_live_count(conn->session);
	const char *name = kinds[job->opts->bench_mode].name;
	json_t *root = json_object();

	json_object_set_new(root, "rw", json_string(name));
	json_object_set_new(root, "bs", json_integer(flow->bs));
	json_object_set_new(root, "depth", json_integer(flow->depth));
	json_object_set_new(root, "channels", json_integer(channels));
	json_object_set_new(root, "commands", json_integer((json_int_t)flow->ios));
	json_object_set_new(root, "reads", json_integer((json_int_t)flow->reads));
	json_object_set_new(root, "retries", json_integer((json_int_t)flow->retries));
	tool_rates(root, flow);
	json_object_set_new(root, "latency", latency(h));
	tool_print_line(job->opts, root,
			"%s bs=%u depth=%u channels=%u: %.0f IOPS, %.1f MB/s, %" PRIu64
			" commands in %.2f s\n"
			"latency us: mean %.1f p50 %.1f p99 %.1f max %.1f",
			name, flow->bs, flow->depth, channels, (double)flow->ios / s,
			(double)flow->bytes / s / 1e6, flow->ios, s, hist_mean(h) / 1000,
			us(hist_percentile(h, 50)), us(hist_percentile(h, 99)), us(h->max));
}

static void set_limits(struct bench_job *job, struct srpi_session *s)
{
	const struct opts *opts = job->opts;
	uint32_t ms = opts->duration_ms;

	job->limit = opts->count_given ? opts->count : 0;
	if (!ms && !opts->count_given)
		ms = DEFAULT_MS;
	srpi_poll(s, 0);
	job->end_ns = ms ? srpi_now(s) + ms * NSEC_PER_MSEC : 0;
}

/* --count means commands here, so the range is the rest of the device. */
static int bench_range(const struct opts *opts, struct tool_conn *conn, struct bench_job *job)
{
	struct opts whole = *opts;
	int rc;

	whole.count_given = false;
	if (!whole.bs)
		whole.bs = DEFAULT_BS;
	rc = tool_range(&whole, conn, 0, &job->range);
	if (rc)
		return rc;
	job->units = job->range.count / job->range.blocks;
	if (!job->units)
		return tool_fail(opts, EXIT_USAGE, "the device is smaller than --bs");
	return EXIT_OK;
}

static int bench_run(struct tool_conn *conn, struct bench_job *job)
{
	struct flow flow;
	int rc = scsi_io_clear_ua(&conn->io);

	if (rc)
		return tool_fail(job->opts, EXIT_TARGET, "%s", conn->io.error);
	tool_flow(job->opts, conn, &job->range, DEPTH, &flow);
	flow.next = bench_next;
	flow.lockstep = job->opts->lockstep;
	flow.hist = &job->hist;
	flow.ctx = job;
	flow.stop = NULL; /* an interrupted run has a result too */
	set_limits(job, conn->session);
	rc = tool_run(job->opts, &flow);
	if (!rc)
		report(job, conn, &flow);
	return rc;
}

int verb_bench(const struct opts *opts)
{
	static struct bench_job job;
	struct opts own = *opts;
	struct tool_conn conn;
	int rc;

	if (!own.depth)
		own.depth = DEPTH;
	rc = tool_connect(&own, &conn);
	if (rc)
		return rc;
	memset(&job, 0, sizeof(job));
	job.opts = &own;
	job.random = opts->seed;
	hist_init(&job.hist);
	rc = bench_range(&own, &conn, &job);
	if (!rc)
		rc = bench_run(&conn, &job);
	tool_close(&conn);
	return rc;
}
