/* SPDX-License-Identifier: BSD-2-Clause */
/* srpio read: blocks to a file or to standard output, in order, many commands at a time. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "srpio/tool.h"

enum { DEPTH = 8 };

struct read_job {
	struct tool_range range;
	uint64_t at; /* blocks asked for */
	int fd;
};

static int read_next(struct flow *flow, struct flow_slot *slot)
{
	struct read_job *job = flow->ctx;
	uint64_t left = job->range.count - job->at;

	if (!left)
		return 0;
	slot->lba = job->range.lba + job->at;
	slot->blocks = (uint32_t)MIN((uint64_t)job->range.blocks, left);
	job->at += slot->blocks;
	return 1;
}

static int write_all(int fd, const uint8_t *p, size_t len)
{
	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR && !tool_stop)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int read_done(struct flow *flow, struct flow_slot *slot)
{
	struct read_job *job = flow->ctx;
	int rc = write_all(job->fd, slot->buf, (size_t)slot->blocks * flow->block_size);

	if (rc)
		snprintf(flow->error, sizeof(flow->error), "writing the output: %s", strerror(-rc));
	return rc;
}

static bool to_stdout(const struct opts *opts)
{
	return !opts->out || !strcmp(opts->out, "-");
}

static void report(const struct opts *opts, const struct flow *flow)
{
	json_t *root = json_object();
	char size[32];

	if (to_stdout(opts)) {
		json_decref(root);
		return;
	}
	json_object_set_new(root, "bytes", json_integer((json_int_t)flow->bytes));
	tool_rates(root, flow);
	tool_print_line(opts, root, "read %" PRIu64 " bytes (%s), %.1f MB/s", flow->bytes,
			tool_bytes(flow->bytes, size, sizeof(size)),
			(double)flow->bytes * 1e3 / (double)MAX(flow->ns, (uint64_t)1));
}

static int read_run(const struct opts *opts, struct tool_conn *conn, struct read_job *job)
{
	struct flow flow;
	int rc = tool_range(opts, conn, 0, &job->range);

	if (rc)
		return rc;
	tool_flow(opts, conn, &job->range, DEPTH, &flow);
	flow.in_order = true;
	flow.next = read_next;
	flow.done = read_done;
	flow.ctx = job;
	tool_progress_start(opts, &flow, job->range.count * job->range.cap.block_size);
	rc = tool_run(opts, &flow);
	if (!rc)
		report(opts, &flow);
	return rc;
}

int verb_read(const struct opts *opts)
{
	struct read_job job = { .fd = STDOUT_FILENO };
	struct tool_conn conn;
	int rc;

	if (to_stdout(opts) && opts->json)
		return tool_fail(opts, EXIT_USAGE, "--json needs --out FILE");
	rc = tool_connect(opts, &conn);
	if (rc)
		return rc;
	if (!to_stdout(opts))
		job.fd = open(opts->out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	rc = job.fd < 0 ? tool_fail(opts, EXIT_USAGE, "%s: %s", opts->out, strerror(errno)) :
			  read_run(opts, &conn, &job);
	if (!to_stdout(opts) && job.fd >= 0 && close(job.fd) && !rc)
		rc = tool_fail(opts, EXIT_TARGET, "%s: %s", opts->out, strerror(errno));
	tool_close(&conn);
	return rc;
}
