/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of SRP codes and a one-line rendering of any IU, for logs and tools. */
#include "wire/srp.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/be.h"
#include "base/compiler.h"

#define OFF(type, field) offsetof(struct srp_wire_##type, field)

struct code_name {
	uint32_t code;
	const char *name;
};

static const char *name_find(const struct code_name *table, size_t n, uint32_t code)
{
	for (size_t i = 0; i < n; i++)
		if (table[i].code == code)
			return table[i].name;
	return NULL;
}

const char *srp_opcode_name(uint8_t opcode)
{
	static const struct code_name names[] = {
		{ SRP_LOGIN_REQ, "SRP_LOGIN_REQ" }, { SRP_TSK_MGMT, "SRP_TSK_MGMT" },
		{ SRP_CMD, "SRP_CMD" },             { SRP_I_LOGOUT, "SRP_I_LOGOUT" },
		{ SRP_CRED_RSP, "SRP_CRED_RSP" },   { SRP_AER_RSP, "SRP_AER_RSP" },
		{ SRP_T_LOGOUT, "SRP_T_LOGOUT" },   { SRP_CRED_REQ, "SRP_CRED_REQ" },
		{ SRP_AER_REQ, "SRP_AER_REQ" },     { SRP_LOGIN_RSP, "SRP_LOGIN_RSP" },
		{ SRP_RSP, "SRP_RSP" },             { SRP_LOGIN_REJ, "SRP_LOGIN_REJ" },
	};
	const char *name = name_find(names, ARRAY_SIZE(names), opcode);

	return name ? name : "unknown IU";
}

const char *srp_tm_name(uint8_t function)
{
	static const struct code_name names[] = {
		{ SRP_ABORT_TASK, "ABORT TASK" },
		{ SRP_ABORT_TASK_SET, "ABORT TASK SET" },
		{ SRP_CLEAR_TASK_SET, "CLEAR TASK SET" },
		{ SRP_LUN_RESET, "LOGICAL UNIT RESET" },
		{ SRP_CLEAR_ACA, "CLEAR ACA" },
	};
	const char *name = name_find(names, ARRAY_SIZE(names), function);

	return name ? name : "unknown task management function";
}

const char *srp_rej_name(uint32_t reason)
{
	static const struct code_name names[] = {
		{ SRP_REJ_UNABLE_ESTABLISH, "unable to establish RDMA channel" },
		{ SRP_REJ_INSUFFICIENT_RESOURCES, "insufficient RDMA channel resources" },
		{ SRP_REJ_REQ_IT_IU_LENGTH_TOO_LARGE, "requested IU length too large" },
		{ SRP_REJ_UNABLE_ASSOCIATE,
		  "unable to associate RDMA channel with specified I_T nexus" },
		{ SRP_REJ_UNSUPPORTED_DESCRIPTOR_FMT, "unsupported data buffer descriptor format" },
		{ SRP_REJ_MULTI_CHANNEL_UNSUPPORTED, "multichannel not supported" },
		{ SRP_REJ_CHANNEL_LIMIT_REACHED, "RDMA channel limit reached for this I_T nexus" },
	};
	const char *name = name_find(names, ARRAY_SIZE(names), reason);

	return name ? name : "unknown reject reason";
}

const char *srp_err_name(enum srp_err err)
{
	static const char *const names[] = {
		[SRP_OK] = "no error",
		[SRP_ERR_SHORT] = "shorter than its fixed part",
		[SRP_ERR_OPCODE] = "unexpected operation code",
		[SRP_ERR_ADD_CDB] = "additional CDB beyond the received length",
		[SRP_ERR_FORMAT] = "unsupported data buffer descriptor format",
		[SRP_ERR_DESC] = "descriptors beyond the received length",
		[SRP_ERR_TABLE_LEN] = "indirect table length is no multiple of 16",
		[SRP_ERR_TABLE_COUNT] = "indirect table shorter than its inline part",
		[SRP_ERR_TABLE_LIMIT] = "indirect table too long",
		[SRP_ERR_TABLE_SUM] = "descriptors cover less than the total length",
		[SRP_ERR_IMM_REFUSED] = "immediate data was not granted at login",
		[SRP_ERR_IMM_OFFSET] = "immediate data overlaps the command",
		[SRP_ERR_IMM_LEN] = "immediate data beyond the received length",
	};

	return names[err];
}

/* A line of text that is cut, never overrun. */
struct text {
	char *buf;
	size_t size;
	size_t len;
};

static void add(struct text *t, const char *fmt, ...) printf_like(2, 3);

static void add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->len, t->size - t->len, fmt, ap);
	va_end(ap);
	t->len += (size_t)n;
	if (t->len >= t->size)
		t->len = t->size ? t->size - 1 : 0;
}

static void add_hex(struct text *t, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		add(t, "%02x", p[i]);
}

static void add_field(struct text *t, const char *name, const uint8_t *p, size_t n)
{
	add(t, " %s=", name);
	add_hex(t, p, n);
}

static void add_data(struct text *t, const uint8_t *iu, const char *name, const struct srp_data *d)
{
	static const char *const fmt[] = { "none", "direct", "indirect", "immediate" };

	if (d->fmt == SRP_FMT_NONE)
		return;
	add(t, " %s=%s,len=%u", name, fmt[d->fmt], d->len);
	if (d->fmt == SRP_FMT_IMMEDIATE) {
		add(t, ",at=%u", d->imm_off);
		return;
	}
	if (d->n_total > d->n_inline)
		add(t, ",table=%#llx/%#x[%u]", (unsigned long long)d->table_va, d->table_rkey,
		    d->n_total);
	for (uint32_t i = 0; i < d->n_inline && i < 4; i++) {
		struct srp_desc s = srp_desc_load(iu + d->desc_off + i * SRP_DIRECT_DESC_LEN);

		add(t, ",{%#llx/%#x+%u}", (unsigned long long)s.va, s.rkey, s.len);
	}
	if (d->n_inline > 4)
		add(t, ",… %u descriptors", d->n_inline);
}

static void text_cmd(struct text *t, const uint8_t *iu, size_t len)
{
	/* an observer does not know what login granted: assume ib_srp's offset */
	static const struct srp_cmd_limits limits = { .imm_data_offset = 68, .max_table = 65536 };
	struct srp_cmd cmd;
	enum srp_err err = srp_cmd_parse(iu, len, &limits, &cmd);

	if (err == SRP_ERR_SHORT)
		return;
	add_field(t, "tag", iu + OFF(cmd, tag), 8);
	add_field(t, "lun", iu + OFF(cmd, lun), 8);
	add(t, " attr=%u", cmd.task_attr);
	add_field(t, "cdb", iu + cmd.cdb_off, cmd.cdb_len);
	add_data(t, iu, "out", &cmd.out);
	add_data(t, iu, "in", &cmd.in);
	if (err)
		add(t, " (%s)", srp_err_name(err));
}

static void text_tsk_mgmt(struct text *t, const uint8_t *iu, size_t len)
{
	struct srp_tsk_mgmt tm;

	if (srp_tsk_mgmt_parse(iu, len, &tm))
		return;
	add_field(t, "tag", iu + OFF(tsk_mgmt, tag), 8);
	add_field(t, "lun", iu + OFF(tsk_mgmt, lun), 8);
	add(t, " function=%s", srp_tm_name(tm.function));
	add_field(t, "task_tag", iu + OFF(tsk_mgmt, task_tag), 8);
}

static void text_rsp(struct text *t, const uint8_t *iu, size_t len)
{
	struct srp_rsp rsp;

	if (srp_rsp_parse(iu, len, &rsp))
		return;
	add_field(t, "tag", iu + OFF(rsp, tag), 8);
	add(t, " status=%#04x flags=%#04x req_lim_delta=%d", rsp.status, rsp.flags,
	    rsp.req_lim_delta);
	if (rsp.flags & (SRP_DOOVER | SRP_DOUNDER))
		add(t, " out_residual=%u", rsp.data_out_res_cnt);
	if (rsp.flags & (SRP_DIOVER | SRP_DIUNDER))
		add(t, " in_residual=%u", rsp.data_in_res_cnt);
	if (rsp.has_rsp_code)
		add(t, " rsp_code=%u", rsp.rsp_code);
	if (rsp.sense_len)
		add_field(t, "sense", rsp.sense, rsp.sense_len);
}

static void text_login_req(struct text *t, const uint8_t *iu, size_t len)
{
	struct srp_login_req req;

	if (srp_login_req_parse(iu, len, &req))
		return;
	add(t, " req_it_iu_len=%u buf_fmt=%#x flags=%#x imm_data_offset=%u", req.req_it_iu_len,
	    req.req_buf_fmt, req.req_flags, req.imm_data_offset);
	add_field(t, "initiator", req.initiator_port_id, 16);
	add_field(t, "target", req.target_port_id, 16);
}

static void text_login_rsp(struct text *t, const uint8_t *iu, size_t len)
{
	struct srp_login_rsp rsp;

	if (srp_login_rsp_parse(iu, len, &rsp))
		return;
	add(t, " req_lim_delta=%d max_it_iu_len=%u max_ti_iu_len=%u buf_fmt=%#x flags=%#x",
	    rsp.req_lim_delta, rsp.max_it_iu_len, rsp.max_ti_iu_len, rsp.buf_fmt, rsp.rsp_flags);
}

static void text_login_rej(struct text *t, const uint8_t *iu, size_t len)
{
	struct srp_login_rej rej;

	if (!srp_login_rej_parse(iu, len, &rej))
		add(t, " reason=%#010x (%s)", rej.reason, srp_rej_name(rej.reason));
}

/* The sixteen-byte IUs and AER_REQ: tag at 8, a number at 4. */
static void text_small(struct text *t, const uint8_t *iu, size_t len)
{
	if (len < 16)
		return;
	add_field(t, "tag", iu + 8, 8);
	if (iu[0] == SRP_CRED_REQ || iu[0] == SRP_AER_REQ)
		add(t, " req_lim_delta=%d", (int32_t)be32_get(iu + 4));
	if (iu[0] == SRP_T_LOGOUT)
		add(t, " reason=%u", be32_get(iu + 4));
}

const char *srp_iu_text(const void *buf, size_t len, char *out, size_t out_len)
{
	const uint8_t *iu = buf;
	struct text t = { out, out_len, 0 };

	if (len == 0) {
		add(&t, "empty IU");
		return out;
	}
	add(&t, "%s (%#04x) len=%zu", srp_opcode_name(iu[0]), iu[0], len);
	switch (iu[0]) {
	case SRP_CMD:
		text_cmd(&t, iu, len);
		break;
	case SRP_TSK_MGMT:
		text_tsk_mgmt(&t, iu, len);
		break;
	case SRP_RSP:
		text_rsp(&t, iu, len);
		break;
	case SRP_LOGIN_REQ:
		text_login_req(&t, iu, len);
		break;
	case SRP_LOGIN_RSP:
		text_login_rsp(&t, iu, len);
		break;
	case SRP_LOGIN_REJ:
		text_login_rej(&t, iu, len);
		break;
	default:
		text_small(&t, iu, len);
	}
	return out;
}
