/* SPDX-License-Identifier: BSD-2-Clause */
/* srpio raw-iu: any bytes as one message after a proper login, and all that comes back. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "srpio/tool.h"

enum { IU_MAX = 8192, LINGER_MS = 100 };

struct raw_iu {
	const struct opts *opts;
	json_t *answers;
	bool logout;
};

static void on_iu(void *ctx, struct srpi_channel *ch, const void *iu, size_t len)
{
	struct raw_iu *job = ctx;
	char text[512];

	srp_iu_text(iu, len, text, sizeof(text));
	if (len && *(const uint8_t *)iu == SRP_T_LOGOUT)
		job->logout = true;
	if (!job->opts->json)
		printf("%s\n", text);
	json_array_append_new(job->answers, json_string(text));
}

static void no_note(void *ctx, struct srpi_channel *ch, const char *text)
{
}

/* Until the time is up, or an answer has come and nothing more follows it. */
static void wait_for_answers(struct raw_iu *job, struct srpi_session *s)
{
	uint64_t end = srpi_now(s) + job->opts->expect_ms * NSEC_PER_MSEC;
	bool seen = false;

	while (srpi_live_count(s) && srpi_now(s) < end && !tool_stop) {
		srpi_poll(s, (int)MIN((end - srpi_now(s)) / NSEC_PER_MSEC + 1, 1000ull));
		if (seen || !json_array_size(job->answers))
			continue;
		seen = true;
		end = MIN(end, srpi_now(s) + LINGER_MS * NSEC_PER_MSEC);
	}
}

static int report(struct raw_iu *job, struct srpi_session *s)
{
	bool ended = !srpi_live_count(s);
	json_t *root;

	if (job->opts->json) {
		root = json_object();
		json_object_set(root, "received", job->answers);
		json_object_set_new(root, "disconnected", json_boolean(ended));
		if (ended)
			json_object_set_new(root, "reason", json_string(srpi_error(s)));
		tool_print(job->opts, root);
	} else if (ended) {
		printf("disconnected: %s\n", srpi_error(s));
	} else if (!json_array_size(job->answers)) {
		printf("no answer within %u ms\n", job->opts->expect_ms);
	}
	return ended || job->logout ? EXIT_TARGET : EXIT_OK;
}

static int send_and_wait(struct raw_iu *job, struct srpi_session *s, const uint8_t *iu, size_t len)
{
	int rc;

	srpi_poll(s, 0);
	rc = srpi_send_iu(srpi_channel_at(s, 0), iu, len);
	if (rc)
		return tool_fail(job->opts, EXIT_TARGET, "cannot send: %s", strerror(-rc));
	wait_for_answers(job, s);
	return report(job, s);
}

int verb_raw_iu(const struct opts *opts)
{
	struct raw_iu job = { .opts = opts };
	struct srpi_hooks hooks = { .iu = on_iu, .note = no_note, .ctx = &job };
	struct tool_conn conn;
	uint8_t iu[IU_MAX];
	int rc, len = opts->iu_hex ? opts_hex(opts->iu_hex, iu, sizeof(iu)) : -EINVAL;

	if (len < 0)
		return tool_fail(opts, EXIT_USAGE, "--hex must be the IU in hex bytes, %d at most",
				 IU_MAX);
	job.answers = json_array();
	rc = tool_session(opts, &conn, 0, &hooks);
	if (!rc)
		rc = tool_login(opts, &conn);
	if (!rc)
		rc = send_and_wait(&job, conn.session, iu, (size_t)len);
	tool_close(&conn);
	json_decref(job.answers);
	return rc;
}
