/* SPDX-License-Identifier: BSD-2-Clause */
/* srpio login: what the target answers to SRP_LOGIN_REQ, channel by channel. */
#include <string.h>

#include "srpio/tool.h"

static const char *multichannel(uint8_t flags)
{
	switch (flags & SRP_MULTICHAN_MASK) {
	case SRP_MULTICHAN_NO_CHAN:
		return "no other channel";
	case SRP_MULTICHAN_TERMINATED:
		return "other channels terminated";
	case SRP_MULTICHAN_MAINTAINED:
		return "other channels maintained";
	}
	return "unknown";
}

static void add_accepted(json_t *obj, const struct srpi_login *login)
{
	const struct srp_login_rsp *rsp = &login->rsp;

	json_object_set_new(obj, "request_limit", json_integer(rsp->req_lim_delta));
	json_object_set_new(obj, "requested_it_iu_len", json_integer(login->it_iu_len));
	json_object_set_new(obj, "max_it_iu_len", json_integer(rsp->max_it_iu_len));
	json_object_set_new(obj, "max_ti_iu_len", json_integer(rsp->max_ti_iu_len));
	json_object_set_new(obj, "direct_descriptors",
			    json_boolean(rsp->buf_fmt & SRP_BUF_FMT_DIRECT));
	json_object_set_new(obj, "indirect_descriptors",
			    json_boolean(rsp->buf_fmt & SRP_BUF_FMT_INDIRECT));
	json_object_set_new(obj, "immediate_data", json_boolean(rsp->rsp_flags & SRP_IMMED_SUPP));
	json_object_set_new(obj, "solicited_notification",
			    json_boolean(rsp->rsp_flags & SRP_SOLNTSUP));
	json_object_set_new(obj, "multichannel", json_string(multichannel(rsp->rsp_flags)));
}

static void add_rejected(json_t *obj, const struct srpi_login *login)
{
	char code[16];

	snprintf(code, sizeof(code), "0x%08x", login->rej.reason);
	json_object_set_new(obj, "reason", json_string(srp_rej_name(login->rej.reason)));
	json_object_set_new(obj, "reason_code", json_string(code));
}

static json_t *channel_result(struct srpi_channel *ch)
{
	const struct srpi_login *login = srpi_channel_login(ch);
	json_t *obj = json_object();

	json_object_set_new(obj, "channel", json_integer(srpi_channel_index(ch)));
	switch (login->outcome) {
	case SRPI_LOGIN_ACCEPTED:
		json_object_set_new(obj, "login", json_string("accepted"));
		add_accepted(obj, login);
		break;
	case SRPI_LOGIN_REJECTED:
		json_object_set_new(obj, "login", json_string("rejected"));
		add_rejected(obj, login);
		break;
	case SRPI_LOGIN_PENDING:
	case SRPI_LOGIN_FAILED:
		json_object_set_new(obj, "login", json_string("failed"));
		json_object_set_new(obj, "error", json_string(login->text));
		break;
	}
	return obj;
}

static enum tool_exit outcome_exit(enum srpi_outcome outcome)
{
	switch (outcome) {
	case SRPI_LOGIN_ACCEPTED:
		return EXIT_OK;
	case SRPI_LOGIN_REJECTED:
		return EXIT_TARGET;
	case SRPI_LOGIN_PENDING:
	case SRPI_LOGIN_FAILED:
		break;
	}
	return EXIT_CONNECT;
}

/* The worst outcome of the channels. */
static int judge(struct srpi_session *s)
{
	int code = EXIT_OK;

	for (uint32_t i = 0; i < srpi_channel_count(s); i++) {
		struct srpi_channel *ch = srpi_channel_at(s, i);

		code = MAX(code, (int)outcome_exit(srpi_channel_login(ch)->outcome));
	}
	return code;
}

static void report(const struct opts *opts, struct srpi_session *s)
{
	json_t *root = json_object(), *list = json_array();
	const struct srpi_login *first = srpi_channel_login(srpi_channel_at(s, 0));

	for (uint32_t i = 0; i < srpi_channel_count(s); i++)
		json_array_append_new(list, channel_result(srpi_channel_at(s, i)));
	json_object_set_new(root, "initiator_port_id", tool_hex(first->initiator_id, 16));
	json_object_set_new(root, "target_port_id", tool_hex(opts->addr.target_port_id, 16));
	json_object_set_new(root, "channels", list);
	tool_print(opts, root);
}

/* Log in and out; shows what came of it if that is wanted, or if it failed. */
static int login_once(const struct opts *opts, bool show)
{
	struct tool_conn conn;
	int rc = tool_session(opts, &conn, 0, NULL);

	if (rc)
		return rc;
	srpi_session_connect(conn.session);
	rc = judge(conn.session);
	if (rc || show)
		report(opts, conn.session);
	if (rc)
		fprintf(stderr, "srpio: %s %s %s: %s\n", opts->addr.host,
			opts->addr.ib ? "service id" : "port", opts->addr.port,
			srpi_error(conn.session));
	tool_close(&conn);
	return rc;
}

int verb_login(const struct opts *opts)
{
	uint32_t left = opts->passes;
	int rc;

	do
		rc = login_once(opts, left == 1);
	while (!rc && --left && !tool_stop);
	return rc;
}
