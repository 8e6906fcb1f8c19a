/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as an IU: every parser, the text, and what a parser accepts must lie within the
 * received bytes and survive being built and parsed again.
 */
#include "fuzz.h"

#include <string.h>

#include "wire/srp.h"

enum {
	MAX_TABLE = 4096
};

/* A heap buffer of exactly len bytes, so that a byte read behind it is seen. */
static uint8_t *exact_copy(const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len);

	must(copy || len == 0);
	if (len)
		memcpy(copy, bytes, len);
	return copy;
}

static void check_data(const uint8_t *iu, size_t len, const struct srp_cmd *cmd,
		       const struct srp_data *d, const struct srp_cmd_limits *limits)
{
	uint64_t begin = d->desc_off, end = begin + (uint64_t)d->n_inline * SRP_DIRECT_DESC_LEN;

	switch (d->fmt) {
	case SRP_FMT_NONE:
		must(d->len == 0 && d->n_total == 0);
		return;
	case SRP_FMT_IMMEDIATE:
		must(limits->imm_data_offset && d->imm_off == limits->imm_data_offset);
		must(d->imm_off >= cmd->cdb_off + cmd->cdb_len + 4);
		must((uint64_t)d->imm_off + d->len <= len);
		return;
	case SRP_FMT_DIRECT:
		must(d->n_inline == 1 && d->n_total == 1);
		break;
	case SRP_FMT_INDIRECT:
		must(d->n_total > 0 && d->n_inline <= d->n_total && d->n_total <= MAX_TABLE);
		break;
	}
	must(begin >= cmd->cdb_off + cmd->cdb_len && end <= len);
	if (d->n_inline == d->n_total)
		must(srp_desc_sum(iu + begin, d->n_inline) >= d->len);
}

static void fuzz_cmd(const uint8_t *iu, size_t len, uint8_t imm_offset)
{
	const struct srp_cmd_limits limits = { imm_offset, MAX_TABLE };
	struct srp_cmd cmd;
	enum srp_err err = srp_cmd_parse(iu, len, &limits, &cmd);

	must(srp_err_name(err));
	if (err == SRP_ERR_SHORT || err == SRP_ERR_OPCODE)
		return;
	must(cmd.cdb_len >= 16 && (uint64_t)cmd.cdb_off + cmd.cdb_len <= len);
	must(cmd.task_attr <= 7);
	must(memcmp(&cmd.tag, iu + 8, 8) == 0);
	check_data(iu, len, &cmd, &cmd.out, &limits);
	check_data(iu, len, &cmd, &cmd.in, &limits);
	must(cmd.in.fmt != SRP_FMT_IMMEDIATE);
	if (err)
		must(cmd.out.fmt == SRP_FMT_NONE && cmd.in.fmt == SRP_FMT_NONE);
}

/* What was parsed, built again for a response size and parsed once more. */
static void fuzz_rsp(const uint8_t *iu, size_t len, size_t max_len)
{
	struct srp_rsp rsp, back;
	uint8_t *out;
	size_t n;

	if (srp_rsp_parse(iu, len, &rsp))
		return;
	must(!rsp.sense_len || (rsp.sense >= iu + 36 && rsp.sense + rsp.sense_len <= iu + len));
	must(!rsp.has_rsp_code || len >= 40);
	out = malloc(max_len);
	must(out);
	n = srp_rsp_build(out, max_len, &rsp);
	must(n >= 36 && n <= max_len);
	must(srp_rsp_parse(out, n, &back) == SRP_OK);
	must(back.tag == rsp.tag && back.status == rsp.status);
	must(back.req_lim_delta == rsp.req_lim_delta);
	must(back.has_rsp_code == rsp.has_rsp_code && back.rsp_code == rsp.rsp_code);
	must(back.sense_len <= rsp.sense_len);
	must(!back.sense_len || memcmp(back.sense, rsp.sense, back.sense_len) == 0);
	free(out);
}

static void fuzz_fixed(const uint8_t *iu, size_t len)
{
	struct srp_tsk_mgmt tm, tm_back;
	struct srp_login_rsp rsp;
	struct srp_login_rej rej;
	struct srp_login_req req;
	uint8_t out[64];

	if (!srp_tsk_mgmt_parse(iu, len, &tm)) {
		srp_tsk_mgmt_build(out, &tm);
		must(srp_tsk_mgmt_parse(out, SRP_TSK_MGMT_LEN, &tm_back) == SRP_OK);
		must(tm.task_tag == tm_back.task_tag && tm.function == tm_back.function);
		must(srp_tm_name(tm.function));
	}
	if (!srp_login_rej_parse(iu, len, &rej))
		must(srp_rej_name(rej.reason));
	srp_login_rsp_parse(iu, len, &rsp);
	srp_login_req_parse(iu, len, &req);
	srp_login_req_rdma_parse(iu, len, &req);
}

static void fuzz_text(const uint8_t *iu, size_t len, size_t size)
{
	char *text = malloc(size);

	must(text);
	must(srp_iu_text(iu, len, text, size) == text);
	must(memchr(text, '\0', size));
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len;
	uint8_t *iu;

	if (size < WIRE_IN_IU)
		return 0;
	len = size - WIRE_IN_IU;
	iu = exact_copy(data + WIRE_IN_IU, len);
	fuzz_cmd(iu, len, data[WIRE_IN_IMM_OFFSET]);
	fuzz_rsp(iu, len, 40u + data[WIRE_IN_SIZE]);
	fuzz_fixed(iu, len);
	fuzz_text(iu, len, 1u + data[WIRE_IN_SIZE] * 4u);
	free(iu);
	return 0;
}
