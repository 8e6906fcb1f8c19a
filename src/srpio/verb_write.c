/* SPDX-License-Identifier: BSD-2-Clause */
/* srpio write: a file or standard input to blocks; ends with SYNCHRONIZE CACHE. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "srpio/tool.h"

enum { DEPTH = 8 };

struct write_job {
	const struct opts *opts;
	struct tool_range range;
	uint64_t at; /* blocks taken from the input */
	int fd;
	bool eof;
};

static ssize_t read_full(int fd, uint8_t *p, size_t len)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = read(fd, p + got, len - got);

		if (n < 0 && errno == EINTR && !tool_stop)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

static int flow_error(struct flow *flow, int rc, const char *text)
{
	snprintf(flow->error, sizeof(flow->error), "%s", text);
	return rc;
}

/* What comes after the last block that may be written must be nothing. */
static int range_full(struct flow *flow, struct write_job *job)
{
	uint8_t byte;

	if (!job->opts->count_given && read_full(job->fd, &byte, 1) > 0)
		return flow_error(flow, -ENOSPC, "the input is longer than the device");
	return 0;
}

static int input_ended(struct flow *flow, struct write_job *job)
{
	if (job->opts->count_given && job->at < job->range.count)
		return flow_error(flow, -ENODATA, "the input is shorter than --count");
	return 0;
}

static int pad(struct flow *flow, struct write_job *job, uint8_t *buf, size_t *len)
{
	size_t over = *len % flow->block_size;

	if (!over)
		return 0;
	if (!job->opts->pad)
		return flow_error(flow, -EINVAL, "the input ends within a block; --pad fills it up");
	memset(buf + *len, 0, flow->block_size - over);
	*len += flow->block_size - over;
	return 0;
}

static int write_next(struct flow *flow, struct flow_slot *slot)
{
	struct write_job *job = flow->ctx;
	uint64_t left = job->range.count - job->at;
	size_t want = (size_t)MIN((uint64_t)job->range.blocks, left) * flow->block_size, len;
	ssize_t got;

	if (!left)
		return range_full(flow, job);
	got = job->eof ? 0 : read_full(job->fd, slot->buf, want);
	if (got < 0)
		return flow_error(flow, (int)got, "cannot read the input");
	job->eof = (size_t)got < want;
	len = (size_t)got;
	if (!len)
		return input_ended(flow, job);
	if (pad(flow, job, slot->buf, &len))
		return -EINVAL;
	slot->write = true;
	slot->fua = job->opts->fua;
	slot->lba = job->range.lba + job->at;
	slot->blocks = (uint32_t)(len / flow->block_size);
	job->at += slot->blocks;
	return 1;
}

/* A file that cannot fit is refused before the first block is written. */
static int check_size(const struct opts *opts, const struct write_job *job, uint64_t *total)
{
	uint64_t room = job->range.count * job->range.cap.block_size;
	struct stat st;

	*total = room;
	if (fstat(job->fd, &st) || !S_ISREG(st.st_mode))
		return EXIT_OK;
	*total = MIN((uint64_t)st.st_size, room);
	if (!opts->count_given && (uint64_t)st.st_size > room)
		return tool_fail(opts, EXIT_USAGE,
				 "the input has %" PRIu64 " bytes, the device only %" PRIu64
				 " from LBA %" PRIu64 " on",
				 (uint64_t)st.st_size, room, job->range.lba);
	if (st.st_size % job->range.cap.block_size && !opts->pad && !opts->count_given)
		return tool_fail(opts, EXIT_USAGE,
				 "the input is no multiple of the block size %u; --pad fills it up",
				 job->range.cap.block_size);
	return EXIT_OK;
}

static void report(const struct opts *opts, const struct flow *flow)
{
	json_t *root = json_object();
	char size[32];

	json_object_set_new(root, "bytes", json_integer((json_int_t)flow->bytes));
	tool_rates(root, flow);
	tool_print_line(opts, root, "written %" PRIu64 " bytes (%s), %.1f MB/s", flow->bytes,
			tool_bytes(flow->bytes, size, sizeof(size)),
			(double)flow->bytes * 1e3 / (double)MAX(flow->ns, (uint64_t)1));
}

static int write_run(const struct opts *opts, struct tool_conn *conn, struct write_job *job)
{
	struct flow flow;
	uint64_t total;
	int rc = tool_range(opts, conn, 0, &job->range);

	if (!rc)
		rc = check_size(opts, job, &total);
	if (rc)
		return rc;
	tool_flow(opts, conn, &job->range, DEPTH, &flow);
	flow.next = write_next;
	flow.ctx = job;
	tool_progress_start(opts, &flow, total);
	rc = tool_run(opts, &flow);
	if (!rc && scsi_io_sync(&conn->io))
		rc = tool_fail(opts, EXIT_TARGET, "data written, but %s", conn->io.error);
	if (!rc)
		report(opts, &flow);
	return rc;
}

int verb_write(const struct opts *opts)
{
	bool from_stdin = !opts->in || !strcmp(opts->in, "-");
	struct write_job job = { .opts = opts, .fd = STDIN_FILENO };
	struct tool_conn conn;
	int rc;

	if (!from_stdin)
		job.fd = open(opts->in, O_RDONLY | O_CLOEXEC);
	if (job.fd < 0)
		return tool_fail(opts, EXIT_USAGE, "%s: %s", opts->in, strerror(errno));
	rc = tool_connect(opts, &conn);
	if (!rc) {
		rc = write_run(opts, &conn, &job);
		tool_close(&conn);
	}
	if (!from_stdin)
		close(job.fd);
	return rc;
}
