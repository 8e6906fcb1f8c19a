/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * srpio verify: stamps every block with seed, LBA and sequence, reads all of them back and says of
 * each wrong one what is wrong with it.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "srpio/pattern.h"
#include "srpio/tool.h"

enum { DEPTH = 16, DEFAULT_COUNT = 16384, TOLD = 8 };

struct totals {
	uint64_t ios, bytes, ns;
};

struct verify_job {
	const struct opts *opts;
	struct tool_range range;
	bool write;
	uint64_t sequence;
	uint64_t at;
	uint64_t bad;
	struct totals written, read;
};

static void block_id(const struct verify_job *job, uint64_t lba, struct pattern_id *id)
{
	*id = (struct pattern_id){ job->opts->seed, lba, job->sequence };
}

static int verify_next(struct flow *flow, struct flow_slot *slot)
{
	struct verify_job *job = flow->ctx;
	uint64_t left = job->range.count - job->at;
	struct pattern_id id;
	uint32_t i;

	if (!left)
		return 0;
	slot->write = job->write;
	slot->fua = job->write && job->opts->fua;
	slot->lba = job->range.lba + job->at;
	slot->blocks = (uint32_t)MIN((uint64_t)job->range.blocks, left);
	job->at += slot->blocks;
	if (!job->write) {
		/* what the target does not deliver must not look like the last block read */
		memset(slot->buf, 0xee, (size_t)slot->blocks * flow->block_size);
		return 1;
	}
	for (i = 0; i < slot->blocks; i++) {
		block_id(job, slot->lba + i, &id);
		pattern_fill(slot->buf + (size_t)i * flow->block_size, flow->block_size, &id);
	}
	return 1;
}

static void tell(struct verify_job *job, uint64_t lba, const struct pattern_result *result,
		 const struct pattern_id *id)
{
	char text[128];

	if (job->bad++ < TOLD)
		fprintf(stderr, "srpio: block %" PRIu64 " %s\n", lba,
			pattern_text(result, id, text, sizeof(text)));
}

static int verify_done(struct flow *flow, struct flow_slot *slot)
{
	struct verify_job *job = flow->ctx;
	struct pattern_result result;
	struct pattern_id id;
	uint32_t i;

	if (slot->write)
		return 0;
	for (i = 0; i < slot->blocks; i++) {
		const uint8_t *block = slot->buf + (size_t)i * flow->block_size;

		block_id(job, slot->lba + i, &id);
		if (pattern_check(block, flow->block_size, &id, &result) != PATTERN_OK)
			tell(job, slot->lba + i, &result, &id);
	}
	return 0;
}

static int verify_half(struct tool_conn *conn, struct verify_job *job, bool write)
{
	struct totals *totals = write ? &job->written : &job->read;
	struct flow flow;
	int rc;

	tool_flow(job->opts, conn, &job->range, DEPTH, &flow);
	flow.next = verify_next;
	flow.done = verify_done;
	flow.ctx = job;
	job->write = write;
	job->at = 0;
	tool_progress_start(job->opts, &flow, job->range.count * job->range.cap.block_size);
	rc = tool_run(job->opts, &flow);
	totals->ios += flow.ios;
	totals->bytes += flow.bytes;
	totals->ns += flow.ns;
	return rc;
}

static int verify_passes(struct tool_conn *conn, struct verify_job *job)
{
	const struct opts *opts = job->opts;
	uint32_t pass;
	int rc = EXIT_OK;

	for (pass = 0; !rc && pass < opts->passes; pass++) {
		job->sequence = opts->sequence + pass;
		if (opts->verify_mode == VERIFY_READ)
			job->sequence = opts->sequence;
		else
			rc = verify_half(conn, job, true);
		if (!rc && opts->verify_mode != VERIFY_WRITE)
			rc = verify_half(conn, job, false);
	}
	return rc;
}

static double per_second(uint64_t n, uint64_t ns)
{
	return (double)n * 1e9 / (double)MAX(ns, (uint64_t)1);
}

static void add_totals(json_t *root, const char *key, const struct totals *t)
{
	json_t *obj;

	if (!t->ios)
		return;
	obj = json_object();
	json_object_set_new(obj, "iops", json_real(per_second(t->ios, t->ns)));
	json_object_set_new(obj, "mb_per_s", json_real(per_second(t->bytes, t->ns) / 1e6));
	json_object_set_new(root, key, obj);
}

static const char *totals_text(const char *what, const struct totals *t, char *buf, size_t len)
{
	buf[0] = '\0';
	if (t->ios)
		snprintf(buf, len, "; %s %.0f IOPS, %.1f MB/s", what, per_second(t->ios, t->ns),
			 per_second(t->bytes, t->ns) / 1e6);
	return buf;
}

static int report(struct verify_job *job)
{
	const struct opts *opts = job->opts;
	bool only_written = opts->verify_mode == VERIFY_WRITE;
	json_t *root;
	char w[80], r[80];

	if (job->bad)
		return tool_fail(opts, EXIT_TARGET, "%" PRIu64 " of %" PRIu64 " blocks are wrong",
				 job->bad, job->range.count * opts->passes);
	root = json_object();
	json_object_set_new(root, "result", json_string(only_written ? "written" : "verified"));
	json_object_set_new(root, "blocks", json_integer((json_int_t)job->range.count));
	json_object_set_new(root, "passes", json_integer(opts->passes));
	add_totals(root, "write", &job->written);
	add_totals(root, "read", &job->read);
	tool_print_line(opts, root, "%s %" PRIu64 " blocks, passes: %u%s%s",
			only_written ? "written" : "verified", job->range.count, opts->passes,
			totals_text("write", &job->written, w, sizeof(w)),
			totals_text("read", &job->read, r, sizeof(r)));
	return EXIT_OK;
}

int verb_verify(const struct opts *opts)
{
	struct verify_job job = { .opts = opts };
	struct tool_conn conn;
	int rc = tool_connect(opts, &conn);

	if (rc)
		return rc;
	rc = tool_range(opts, &conn, DEFAULT_COUNT, &job.range);
	if (!rc)
		rc = verify_passes(&conn, &job);
	if (!rc)
		rc = report(&job);
	tool_close(&conn);
	return rc;
}
