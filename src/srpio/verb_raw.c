/* SPDX-License-Identifier: BSD-2-Clause */
/* srpio raw: any CDB, and what the target says to it, untouched. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/be.h"
#include "scsi/scsi.h"
#include "srpio/tool.h"

enum { OUT_MAX = 16 << 20 };

struct raw_job {
	struct srpi_request req;
	struct srpi_mem in, out;
	uint8_t *file; /* data-out as read */
	size_t file_len;
};

static int append_hex(struct srpi_request *req, const char *text)
{
	int n = opts_hex(text, req->cdb + req->cdb_len, SRPI_CDB_MAX - req->cdb_len);

	if (n > 0)
		req->cdb_len = (uint16_t)(req->cdb_len + n);
	return n < 0 ? n : 0;
}

static int raw_cdb(const struct opts *opts, struct srpi_request *req)
{
	int i;

	for (i = 0; i < opts->n_rest; i++)
		if (append_hex(req, opts->rest[i]))
			return tool_fail(opts, EXIT_USAGE, "CDB '%s': expected hex bytes, %d at most",
					 opts->rest[i], SRPI_CDB_MAX);
	if (!req->cdb_len)
		return tool_fail(opts, EXIT_USAGE, "the CDB is missing");
	if (!opts->additional)
		return EXIT_OK;
	req->cdb_len = MAX(req->cdb_len, (uint16_t)16);
	if (append_hex(req, opts->additional))
		return tool_fail(opts, EXIT_USAGE, "--additional '%s': expected hex bytes",
				 opts->additional);
	return EXIT_OK;
}

static int raw_tag(const struct opts *opts, struct srpi_request *req)
{
	uint8_t tag[8];

	if (!opts->tag)
		return EXIT_OK;
	if (!srpi_hex_parse(opts->tag, tag, sizeof(tag)))
		return tool_fail(opts, EXIT_USAGE, "--tag '%s': expected up to 16 hex digits",
				 opts->tag);
	memcpy(&req->tag, tag, sizeof(tag));
	req->own_tag = true;
	return EXIT_OK;
}

static int read_file(const char *path, uint8_t *buf, size_t max, size_t *len)
{
	int fd = !strcmp(path, "-") ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;

	if (fd < 0)
		return -errno;
	for (*len = 0; n > 0 && *len < max; *len += (size_t)MAX(n, (ssize_t)0))
		n = read(fd, buf + *len, max - *len);
	if (n > 0)
		n = read(fd, &(char){ 0 }, 1) > 0 ? -1 : 0;
	if (fd != STDIN_FILENO)
		close(fd);
	return n < 0 ? -EFBIG : 0;
}

static int raw_input(const struct opts *opts, struct raw_job *job)
{
	uint32_t max = opts->out_len ? opts->out_len : OUT_MAX;
	int rc;

	if (!opts->out_file)
		return EXIT_OK;
	job->file = malloc(max);
	if (!job->file)
		return tool_fail(opts, EXIT_USAGE, "out of memory");
	rc = read_file(opts->out_file, job->file, max, &job->file_len);
	if (rc == -EFBIG)
		return tool_fail(opts, EXIT_USAGE, "%s: more than %u bytes, or unreadable",
				 opts->out_file, max);
	if (rc)
		return tool_fail(opts, EXIT_USAGE, "%s: %s", opts->out_file, strerror(-rc));
	return EXIT_OK;
}

static int raw_buffers(const struct opts *opts, struct tool_conn *conn, struct raw_job *job)
{
	uint32_t out_len = opts->out_len ? opts->out_len : (uint32_t)job->file_len;
	int rc = 0;

	if (opts->in_len)
		rc = srpi_mem_alloc(conn->session, &job->in, opts->in_len);
	if (!rc && out_len)
		rc = srpi_mem_alloc(conn->session, &job->out, out_len);
	if (rc)
		return tool_fail(opts, EXIT_CONNECT, "%s", srpi_error(conn->session));
	if (job->file_len)
		memcpy(job->out.addr, job->file, job->file_len);
	job->req.in = (struct srpi_data){ &job->in, 0, opts->in_len };
	job->req.out = (struct srpi_data){ &job->out, 0, out_len };
	return EXIT_OK;
}

static uint32_t received(const struct srpi_request *req)
{
	if (req->flags & SRP_DIUNDER && req->in_resid <= req->in.len)
		return req->in.len - req->in_resid;
	return req->in.len;
}

static int save(const struct opts *opts, const uint8_t *data, size_t len)
{
	FILE *f = fopen(opts->save, "wb");
	bool ok = f && fwrite(data, 1, len, f) == len;

	if (f && fclose(f))
		ok = false;
	return ok ? EXIT_OK : tool_fail(opts, EXIT_USAGE, "%s: %s", opts->save, strerror(errno));
}

static int report(const struct opts *opts, const struct raw_job *job)
{
	const struct srpi_request *req = &job->req;
	bool good = !req->error &&
		    (req->status == SCSI_GOOD || req->status == SCSI_CONDITION_MET);
	uint32_t len = req->error || !req->in.len ? 0 : received(req);
	json_t *root = tool_outcome(req);
	int rc = good ? EXIT_OK : EXIT_TARGET;

	if (good && opts->save)
		rc = save(opts, job->in.addr, len);
	if (opts->json && good && len && !opts->save)
		json_object_set_new(root, "data", tool_hex(job->in.addr, len));
	tool_print(opts, root);
	if (!opts->json && good && !opts->save)
		tool_hexdump(job->in.addr, len);
	return rc;
}

static int raw_exec(const struct opts *opts, struct tool_conn *conn, struct raw_job *job)
{
	static const uint8_t attrs[] = { [ATTR_SIMPLE] = SRP_SIMPLE,
					 [ATTR_HEAD] = SRP_HEAD_OF_QUEUE,
					 [ATTR_ORDERED] = SRP_ORDERED,
					 [ATTR_ACA] = SRP_ACA };
	struct srpi_channel *ch;
	int rc;

	if (!opts->keep_ua && scsi_io_clear_ua(&conn->io))
		return tool_fail(opts, EXIT_TARGET, "%s", conn->io.error);
	job->req.task_attr = attrs[opts->attr];
	memcpy(job->req.lun, conn->io.lun, 8);
	ch = srpi_channel_live(conn->session, 0);
	rc = ch ? srpi_exec(ch, &job->req) : -ENOTCONN;
	if (rc)
		job->req.error = rc;
	return report(opts, job);
}

static int raw_connect(const struct opts *opts, struct tool_conn *conn, uint32_t add_cdb)
{
	uint8_t lun[8];
	char err[128];
	int rc;

	if (opts_lun(opts, lun, err, sizeof(err)))
		return tool_fail(opts, EXIT_USAGE, "%s", err);
	rc = tool_session(opts, conn, add_cdb, NULL);
	if (!rc)
		rc = tool_login(opts, conn);
	if (!rc && scsi_io_init(&conn->io, conn->session, lun))
		rc = tool_fail(opts, EXIT_CONNECT, "%s", conn->io.error);
	return rc;
}

int verb_raw(const struct opts *opts)
{
	struct tool_conn conn = { 0 };
	struct raw_job job = { 0 };
	int rc = raw_cdb(opts, &job.req);

	if (!rc)
		rc = raw_tag(opts, &job.req);
	if (!rc)
		rc = raw_input(opts, &job);
	if (!rc)
		rc = raw_connect(opts, &conn, job.req.cdb_len > 16 ? job.req.cdb_len - 16u : 0);
	if (!rc)
		rc = raw_buffers(opts, &conn, &job);
	if (!rc)
		rc = raw_exec(opts, &conn, &job);
	srpi_mem_free(&job.in);
	srpi_mem_free(&job.out);
	free(job.file);
	tool_close(&conn);
	return rc;
}
