/* SPDX-License-Identifier: BSD-2-Clause */
/* From options to a connected session, a range of blocks and a flow over them. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "srpio/tool.h"

enum { DEFAULT_BS = 65536, BAR_WIDTH = 30 };

static void print_note(void *ctx, struct srpi_channel *ch, const char *text)
{
	fprintf(stderr, "srpio: channel %u: %s\n", srpi_channel_index(ch), text);
}

int tool_session(const struct opts *opts, struct tool_conn *conn, uint32_t add_cdb_max,
		 const struct srpi_hooks *hooks)
{
	struct srpi_params params;
	char err[256];

	memset(conn, 0, sizeof(*conn));
	if (opts_params(opts, &params, err, sizeof(err)))
		return tool_fail(opts, EXIT_USAGE, "%s", err);
	params.add_cdb_max = MAX(params.add_cdb_max, add_cdb_max);
	if (hooks)
		params.hooks = *hooks;
	if (!opts->quiet && !params.hooks.note)
		params.hooks.note = print_note;
	conn->session = srpi_session_new(&params, err, sizeof(err));
	if (!conn->session)
		return tool_fail(opts, errno == EINVAL ? EXIT_USAGE : EXIT_CONNECT, "%s", err);
	return EXIT_OK;
}

/* Later channels may fail: ib_srp goes on with fewer, and so do we, but say so. */
static void tell_missing(const struct opts *opts, struct srpi_session *s)
{
	uint32_t i;

	for (i = 1; !opts->quiet && i < srpi_channel_count(s); i++) {
		struct srpi_channel *ch = srpi_channel_at(s, i);

		if (!srpi_channel_is_live(ch))
			fprintf(stderr, "srpio: goes on without channel %u: %s\n", i,
				srpi_channel_login(ch)->text);
	}
}

int tool_login(const struct opts *opts, struct tool_conn *conn)
{
	int rc = srpi_session_connect(conn->session);

	if (rc)
		return tool_fail(opts, rc == -ECONNREFUSED ? EXIT_TARGET : EXIT_CONNECT,
				 "%s %s %s: %s", opts->addr.host,
				 opts->addr.ib ? "service id" : "port", opts->addr.port,
				 srpi_error(conn->session));
	tell_missing(opts, conn->session);
	return EXIT_OK;
}

static int connect_lun(const struct opts *opts, struct tool_conn *conn)
{
	uint8_t lun[8];
	char err[128];
	int rc;

	if (opts_lun(opts, lun, err, sizeof(err)))
		return tool_fail(opts, EXIT_USAGE, "%s", err);
	rc = tool_session(opts, conn, 0, NULL);
	if (!rc)
		rc = tool_login(opts, conn);
	if (!rc && scsi_io_init(&conn->io, conn->session, lun))
		rc = tool_fail(opts, EXIT_CONNECT, "%s", conn->io.error);
	return rc;
}

int tool_connect(const struct opts *opts, struct tool_conn *conn)
{
	int rc;

	memset(conn, 0, sizeof(*conn));
	rc = connect_lun(opts, conn);
	if (rc)
		tool_close(conn);
	return rc;
}

void tool_close(struct tool_conn *conn)
{
	scsi_io_fini(&conn->io);
	srpi_session_free(conn->session);
	conn->session = NULL;
}

static int range_bs(const struct opts *opts, struct tool_range *r)
{
	uint64_t bs = opts->bs ? opts->bs : MAX((uint32_t)DEFAULT_BS, r->cap.block_size);

	if (bs % r->cap.block_size)
		return tool_fail(opts, EXIT_USAGE, "--bs %" PRIu64 " is no multiple of the block size %u",
				 bs, r->cap.block_size);
	r->bs = (uint32_t)bs;
	r->blocks = r->bs / r->cap.block_size;
	return EXIT_OK;
}

int tool_range(const struct opts *opts, struct tool_conn *conn, uint64_t limit,
	       struct tool_range *r)
{
	uint64_t left;

	if (scsi_io_capacity(&conn->io, &r->cap))
		return tool_fail(opts, EXIT_TARGET, "%s", conn->io.error);
	r->lba = opts->lba;
	if (r->lba >= r->cap.blocks)
		return tool_fail(opts, EXIT_USAGE, "--lba %" PRIu64 " is beyond the last block %" PRIu64,
				 r->lba, r->cap.blocks - 1);
	left = r->cap.blocks - r->lba;
	r->count = opts->count_given ? opts->count : limit && limit < left ? limit : left;
	if (r->count > left)
		return tool_fail(opts, EXIT_USAGE,
				 "--count %" PRIu64 " reaches beyond the last block %" PRIu64,
				 r->count, r->cap.blocks - 1);
	return range_bs(opts, r);
}

void tool_flow(const struct opts *opts, struct tool_conn *conn, const struct tool_range *r,
	       uint32_t depth, struct flow *flow)
{
	memset(flow, 0, sizeof(*flow));
	flow->session = conn->session;
	memcpy(flow->lun, conn->io.lun, 8);
	flow->block_size = r->cap.block_size;
	flow->bs = r->bs;
	flow->depth = opts->depth ? opts->depth : depth;
	flow->stop = &tool_stop;
}

static uint64_t progress_total;

static void progress_bar(struct flow *flow)
{
	double part = progress_total ? (double)flow->bytes / (double)progress_total : 0;
	char done[32], total[32], bar[BAR_WIDTH + 1];
	int i, full = (int)(part * BAR_WIDTH);

	for (i = 0; i < BAR_WIDTH; i++)
		bar[i] = i < full ? '#' : '.';
	bar[BAR_WIDTH] = '\0';
	fprintf(stderr, "\r[%s] %3.0f %%  %s of %s ", bar, part * 100,
		tool_bytes(flow->bytes, done, sizeof(done)),
		tool_bytes(progress_total, total, sizeof(total)));
}

void tool_progress_start(const struct opts *opts, struct flow *flow, uint64_t total)
{
	if (opts->quiet || !isatty(STDERR_FILENO))
		return;
	progress_total = total;
	flow->progress = progress_bar;
}

int tool_run(const struct opts *opts, struct flow *flow)
{
	int rc = flow_run(flow);

	if (flow->progress)
		fprintf(stderr, "\r%*s\r", BAR_WIDTH + 48, "");
	if (rc == -ECANCELED)
		return tool_fail(opts, EXIT_TARGET, "interrupted after %" PRIu64 " bytes",
				 flow->bytes);
	if (rc)
		return tool_fail(opts, EXIT_TARGET, "%s",
				 flow->error[0] ? flow->error : strerror(-rc));
	return EXIT_OK;
}
