/* SPDX-License-Identifier: BSD-2-Clause */
/* srpio reset: one task management function. */
#include <errno.h>
#include <string.h>

#include "srpio/tool.h"

static const uint8_t functions[] = {
	[TMF_LUN_RESET] = SRP_LUN_RESET,
	[TMF_ABORT] = SRP_ABORT_TASK,
	[TMF_ABORT_SET] = SRP_ABORT_TASK_SET,
	[TMF_CLEAR_SET] = SRP_CLEAR_TASK_SET,
	[TMF_CLEAR_ACA] = SRP_CLEAR_ACA,
};

static const char *code_name(const struct srpi_tmf *tmf)
{
	if (!tmf->has_code)
		return "no response code";
	switch (tmf->code) {
	case SRP_RSP_COMPLETE:
		return "function complete";
	case SRP_RSP_FIELDS_INVALID:
		return "request fields invalid";
	case SRP_RSP_TM_UNSUPPORTED:
		return "function not supported";
	case SRP_RSP_TM_FAILED:
		return "function failed";
	}
	return "unknown response code";
}

static int report(const struct opts *opts, const struct srpi_tmf *tmf)
{
	bool good = tmf->has_code && tmf->code == SRP_RSP_COMPLETE;
	json_t *root = json_object();

	json_object_set_new(root, "function", json_string(srp_tm_name(tmf->function)));
	json_object_set_new(root, "result", json_string(code_name(tmf)));
	if (tmf->has_code)
		json_object_set_new(root, "code", json_integer(tmf->code));
	tool_print_line(opts, root, "%s: %s", srp_tm_name(tmf->function), code_name(tmf));
	return good ? EXIT_OK : EXIT_TARGET;
}

static int reset_run(const struct opts *opts, struct tool_conn *conn, struct srpi_tmf *tmf)
{
	struct srpi_channel *ch = srpi_channel_live(conn->session, 0);
	int rc;

	memcpy(tmf->lun, conn->io.lun, 8);
	if (opts->timeout_ms)
		tmf->timeout_ms = opts->timeout_ms;
	rc = ch ? srpi_exec_tmf(ch, tmf) : -ENOTCONN;
	if (rc == -ETIMEDOUT)
		return tool_fail(opts, EXIT_TARGET, "%s: no answer", srp_tm_name(tmf->function));
	if (rc)
		return tool_fail(opts, EXIT_TARGET, "%s: %s", srp_tm_name(tmf->function),
				 srpi_error(conn->session));
	return report(opts, tmf);
}

int verb_reset(const struct opts *opts)
{
	struct srpi_tmf tmf = { .function = functions[opts->function] };
	struct tool_conn conn;
	uint8_t tag[8];
	int rc;

	if (opts->function == TMF_ABORT && !opts->tag)
		return tool_fail(opts, EXIT_USAGE, "--function abort needs --tag");
	if (opts->tag && !srpi_hex_parse(opts->tag, tag, sizeof(tag)))
		return tool_fail(opts, EXIT_USAGE, "--tag '%s': expected up to 16 hex digits",
				 opts->tag);
	if (opts->tag)
		memcpy(&tmf.task_tag, tag, sizeof(tag));
	rc = tool_connect(opts, &conn);
	if (rc)
		return rc;
	rc = reset_run(opts, &conn, &tmf);
	tool_close(&conn);
	return rc;
}
