/* SPDX-License-Identifier: BSD-2-Clause */
/* The golden vectors both ways, and each of them cut to every shorter length. */
#include "wire_test.h"

static const uint8_t initiator_id[16] = { 0,	0,    0,    0,	  0,	0,    0,    0,
					  0x00, 0x02, 0xc9, 0x03, 0x00, 0xa3, 0x42, 0x71 };
static const uint8_t target_id[16] = { 0x02, 0x00, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0x01,
				       0x02, 0x00, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0x01 };
static const uint8_t lun1[8] = LUN1;
static const uint8_t tag5[8] = { 0x05 };
static const uint8_t tag_tm[8] = { 0, 0, 0, 0x80 };

static void assert_golden(const uint8_t *built, size_t len, enum golden_id id)
{
	assert_int_equal(len, golden[id].len);
	assert_memory_equal(built, golden[id].bytes, len);
}

static void *golden_copy(enum golden_id id)
{
	return exact_copy(golden[id].bytes, golden[id].len);
}

/* ---- parse: fields ---- */

static void assert_login_req(const struct srp_login_req *req, uint8_t flags)
{
	assert_int_equal(req->tag, 0);
	assert_int_equal(req->req_it_iu_len, 0x2044);
	assert_int_equal(req->req_buf_fmt, SRP_BUF_FMT_DIRECT | SRP_BUF_FMT_INDIRECT);
	assert_int_equal(req->req_flags, flags);
	assert_int_equal(req->imm_data_offset, 68);
	assert_memory_equal(req->initiator_port_id, initiator_id, 16);
	assert_memory_equal(req->target_port_id, target_id, 16);
}

static void v1_login_req_is_parsed(void **state)
{
	struct srp_login_req req;
	void *iu = golden_copy(V1_LOGIN_REQ);

	assert_int_equal(srp_login_req_parse(iu, 64, &req), SRP_OK);
	assert_login_req(&req, SRP_IMMED_REQUESTED);
	free(iu);
}

static void v2_login_req_rdma_is_parsed(void **state)
{
	struct srp_login_req req;
	void *iu = golden_copy(V2_LOGIN_REQ_RDMA);

	assert_int_equal(srp_login_req_rdma_parse(iu, 56, &req), SRP_OK);
	assert_login_req(&req, SRP_IMMED_REQUESTED | SRP_MULTICHAN_MULTI);
	free(iu);
}

static void v3_login_rsp_is_parsed(void **state)
{
	struct srp_login_rsp rsp;
	void *iu = golden_copy(V3_LOGIN_RSP);

	assert_int_equal(srp_login_rsp_parse(iu, 52, &rsp), SRP_OK);
	assert_int_equal(rsp.tag, 0);
	assert_int_equal(rsp.req_lim_delta, 64);
	assert_int_equal(rsp.max_it_iu_len, 0x2054);
	assert_int_equal(rsp.max_ti_iu_len, 512);
	assert_int_equal(rsp.buf_fmt, SRP_BUF_FMT_DIRECT | SRP_BUF_FMT_INDIRECT);
	assert_int_equal(rsp.rsp_flags, SRP_IMMED_SUPP);
	free(iu);
}

static void v4_login_rej_is_parsed(void **state)
{
	struct srp_login_rej rej;
	void *iu = golden_copy(V4_LOGIN_REJ);

	assert_int_equal(srp_login_rej_parse(iu, 32, &rej), SRP_OK);
	assert_int_equal(rej.tag, 0);
	assert_int_equal(rej.reason, SRP_REJ_UNABLE_ASSOCIATE);
	assert_int_equal(rej.buf_fmt, SRP_BUF_FMT_DIRECT | SRP_BUF_FMT_INDIRECT);
	free(iu);
}

static void parse_golden_cmd(enum golden_id id, struct srp_cmd *cmd)
{
	void *iu = golden_copy(id);

	memset(cmd, 0xaa, sizeof(*cmd));
	assert_int_equal(srp_cmd_parse(iu, golden[id].len, &iu_limits, cmd), SRP_OK);
	free(iu);
	assert_int_equal(cmd->tag, tag_of(tag5));
	assert_int_equal(cmd->sol_not, 0);
	assert_int_equal(cmd->task_attr, SRP_SIMPLE);
	assert_memory_equal(cmd->lun, lun1, 8);
	assert_int_equal(cmd->cdb_off, 32);
	assert_int_equal(cmd->cdb_len, 16);
}

static void assert_golden_desc(enum golden_id id, uint32_t off, struct srp_desc expected)
{
	struct srp_desc desc = srp_desc_load(golden[id].bytes + off);

	assert_int_equal(desc.va, expected.va);
	assert_int_equal(desc.rkey, expected.rkey);
	assert_int_equal(desc.len, expected.len);
}

static void v5_direct_is_parsed(void **state)
{
	struct srp_cmd cmd;

	parse_golden_cmd(V5_CMD_DIRECT, &cmd);
	assert_absent(&cmd.out);
	assert_int_equal(cmd.in.fmt, SRP_FMT_DIRECT);
	assert_int_equal(cmd.in.len, 4096);
	assert_int_equal(cmd.in.n_inline, 1);
	assert_int_equal(cmd.in.n_total, 1);
	assert_int_equal(cmd.in.desc_off, 48);
	assert_golden_desc(V5_CMD_DIRECT, 48, (struct srp_desc){ 0x7f0012340000, 0x1122, 4096 });
}

static void v6_complete_table_is_parsed(void **state)
{
	struct srp_cmd cmd;

	parse_golden_cmd(V6_CMD_INDIRECT, &cmd);
	assert_absent(&cmd.in);
	assert_int_equal(cmd.out.fmt, SRP_FMT_INDIRECT);
	assert_int_equal(cmd.out.len, 4096);
	assert_int_equal(cmd.out.n_inline, 2);
	assert_int_equal(cmd.out.n_total, 2);
	assert_int_equal(cmd.out.desc_off, 68);
	assert_golden_desc(V6_CMD_INDIRECT, 68, (struct srp_desc){ 0x1000, 0x77, 0x400 });
	assert_golden_desc(V6_CMD_INDIRECT, 84, (struct srp_desc){ 0x9000, 0x78, 0xc00 });
}

static void v7_partial_table_is_parsed(void **state)
{
	struct srp_cmd cmd;

	parse_golden_cmd(V7_CMD_PARTIAL, &cmd);
	assert_absent(&cmd.in);
	assert_int_equal(cmd.out.fmt, SRP_FMT_INDIRECT);
	assert_int_equal(cmd.out.len, 0x28000);
	assert_int_equal(cmd.out.n_inline, 12);
	assert_int_equal(cmd.out.n_total, 40);
	assert_int_equal(cmd.out.table_va, 0xabc000);
	assert_int_equal(cmd.out.table_rkey, 0x99);
	assert_int_equal(cmd.out.desc_off, 68);
	assert_golden_desc(V7_CMD_PARTIAL, 68 + 11 * 16, (struct srp_desc){ 0x1000, 0x77, 4096 });
}

static void v8_immediate_is_parsed(void **state)
{
	struct srp_cmd cmd;

	parse_golden_cmd(V8_CMD_IMMEDIATE, &cmd);
	assert_absent(&cmd.in);
	assert_int_equal(cmd.out.fmt, SRP_FMT_IMMEDIATE);
	assert_int_equal(cmd.out.len, 512);
	assert_int_equal(cmd.out.imm_off, 68);
	assert_int_equal(cmd.out.n_inline, 0);
	assert_int_equal(cmd.out.n_total, 0);
}

static void v9_good_response_is_parsed(void **state)
{
	struct srp_rsp rsp;
	void *iu = golden_copy(V9_RSP_GOOD);

	assert_int_equal(srp_rsp_parse(iu, 36, &rsp), SRP_OK);
	assert_int_equal(rsp.tag, tag_of(tag5));
	assert_int_equal(rsp.req_lim_delta, 1);
	assert_int_equal(rsp.sol_not, 0);
	assert_int_equal(rsp.flags, 0);
	assert_int_equal(rsp.status, 0);
	assert_int_equal(rsp.data_out_res_cnt, 0);
	assert_int_equal(rsp.data_in_res_cnt, 0);
	assert_int_equal(rsp.sense_len, 0);
	assert_null(rsp.sense);
	assert_false(rsp.has_rsp_code);
	free(iu);
}

static void v10_sense_and_residual_are_parsed(void **state)
{
	struct srp_rsp rsp;
	uint8_t *iu = golden_copy(V10_RSP_SENSE);

	assert_int_equal(srp_rsp_parse(iu, 54, &rsp), SRP_OK);
	assert_int_equal(rsp.tag, tag_of(tag5));
	assert_int_equal(rsp.flags, SRP_SNSVALID | SRP_DIUNDER);
	assert_int_equal(rsp.status, 0x02);
	assert_int_equal(rsp.data_out_res_cnt, 0);
	assert_int_equal(rsp.data_in_res_cnt, 36);
	assert_int_equal(rsp.sense_len, 18);
	assert_ptr_equal(rsp.sense, iu + 36);
	assert_int_equal(rsp.sense[2], 0x05);
	assert_int_equal(rsp.sense[12], 0x25);
	assert_false(rsp.has_rsp_code);
	free(iu);
}

static void v11_tsk_mgmt_is_parsed(void **state)
{
	struct srp_tsk_mgmt tm;
	void *iu = golden_copy(V11_TSK_MGMT);

	assert_int_equal(srp_tsk_mgmt_parse(iu, 48, &tm), SRP_OK);
	assert_int_equal(tm.tag, tag_of(tag_tm));
	assert_int_equal(tm.task_tag, tag_of(tag5));
	assert_int_equal(tm.sol_not, 0);
	assert_int_equal(tm.function, SRP_ABORT_TASK);
	assert_memory_equal(tm.lun, lun1, 8);
	free(iu);
}

static void v12_tm_response_is_parsed(void **state)
{
	struct srp_rsp rsp;
	void *iu = golden_copy(V12_RSP_TM);

	assert_int_equal(srp_rsp_parse(iu, 40, &rsp), SRP_OK);
	assert_int_equal(rsp.tag, tag_of(tag_tm));
	assert_int_equal(rsp.flags, SRP_RSPVALID);
	assert_true(rsp.has_rsp_code);
	assert_int_equal(rsp.rsp_code, SRP_RSP_COMPLETE);
	assert_int_equal(rsp.sense_len, 0);
	free(iu);
}

/* ---- build: bytes ---- */

static struct srp_login_req login_req(uint8_t flags)
{
	struct srp_login_req req = {
		.req_it_iu_len = 0x2044,
		.req_buf_fmt = SRP_BUF_FMT_DIRECT | SRP_BUF_FMT_INDIRECT,
		.req_flags = flags,
		.imm_data_offset = 68,
	};

	memcpy(req.initiator_port_id, initiator_id, 16);
	memcpy(req.target_port_id, target_id, 16);
	return req;
}

static void v1_login_req_is_built(void **state)
{
	struct srp_login_req req = login_req(SRP_IMMED_REQUESTED);
	uint8_t iu[SRP_LOGIN_REQ_LEN];

	memset(iu, 0xaa, sizeof(iu));
	srp_login_req_build(iu, &req);
	assert_golden(iu, sizeof(iu), V1_LOGIN_REQ);
}

static void v2_login_req_rdma_is_built(void **state)
{
	struct srp_login_req req = login_req(SRP_IMMED_REQUESTED | SRP_MULTICHAN_MULTI);
	uint8_t iu[SRP_LOGIN_REQ_RDMA_LEN];

	memset(iu, 0xaa, sizeof(iu));
	srp_login_req_rdma_build(iu, &req);
	assert_golden(iu, sizeof(iu), V2_LOGIN_REQ_RDMA);
}

static void v3_login_rsp_is_built(void **state)
{
	const struct srp_login_rsp rsp = {
		.req_lim_delta = 64,
		.max_it_iu_len = 0x2054,
		.max_ti_iu_len = 512,
		.buf_fmt = SRP_BUF_FMT_DIRECT | SRP_BUF_FMT_INDIRECT,
		.rsp_flags = SRP_IMMED_SUPP,
	};
	uint8_t iu[SRP_LOGIN_RSP_LEN];

	memset(iu, 0xaa, sizeof(iu));
	srp_login_rsp_build(iu, &rsp);
	assert_golden(iu, sizeof(iu), V3_LOGIN_RSP);
}

static void v4_login_rej_is_built(void **state)
{
	const struct srp_login_rej rej = {
		.reason = SRP_REJ_UNABLE_ASSOCIATE,
		.buf_fmt = SRP_BUF_FMT_DIRECT | SRP_BUF_FMT_INDIRECT,
	};
	uint8_t iu[SRP_LOGIN_REJ_LEN];

	memset(iu, 0xaa, sizeof(iu));
	srp_login_rej_build(iu, &rej);
	assert_golden(iu, sizeof(iu), V4_LOGIN_REJ);
}

/* The fixed part with the CDB of the vector; the caller appends the descriptors. */
static void start_cmd(struct iu *iu, enum golden_id id, struct srp_data out, struct srp_data in)
{
	struct srp_cmd cmd = { .tag = tag_of(tag5), .cdb_len = 16, .out = out, .in = in };

	memcpy(cmd.lun, lun1, 8);
	memset(iu->b, 0xaa, sizeof(iu->b));
	srp_cmd_hdr_build(iu->b, &cmd, golden[id].bytes + 32);
	iu->len = SRP_CMD_LEN;
}

static void append_desc(struct iu *iu, struct srp_desc desc)
{
	srp_desc_store(iu->b + iu->len, &desc);
	iu->len += SRP_DIRECT_DESC_LEN;
}

static void v5_direct_is_built(void **state)
{
	struct iu iu;

	start_cmd(&iu, V5_CMD_DIRECT, (struct srp_data){ 0 },
		  (struct srp_data){ .fmt = SRP_FMT_DIRECT, .n_inline = 1 });
	append_desc(&iu, (struct srp_desc){ 0x7f0012340000, 0x1122, 4096 });
	assert_golden(iu.b, iu.len, V5_CMD_DIRECT);
}

static void v6_complete_table_is_built(void **state)
{
	struct iu iu;

	start_cmd(&iu, V6_CMD_INDIRECT, (struct srp_data){ .fmt = SRP_FMT_INDIRECT, .n_inline = 2 },
		  (struct srp_data){ 0 });
	append_desc(&iu, (struct srp_desc){ 0xabc000, 0x99, 32 });
	iu_word(&iu, 4096);
	append_desc(&iu, (struct srp_desc){ 0x1000, 0x77, 0x400 });
	append_desc(&iu, (struct srp_desc){ 0x9000, 0x78, 0xc00 });
	assert_golden(iu.b, iu.len, V6_CMD_INDIRECT);
}

static void v7_partial_table_is_built(void **state)
{
	struct iu iu;

	start_cmd(&iu, V7_CMD_PARTIAL,
		  (struct srp_data){ .fmt = SRP_FMT_INDIRECT, .n_inline = 12, .n_total = 40 },
		  (struct srp_data){ 0 });
	append_desc(&iu, (struct srp_desc){ 0xabc000, 0x99, 640 });
	iu_word(&iu, 0x28000);
	for (int i = 0; i < 12; i++)
		append_desc(&iu, (struct srp_desc){ 0x1000, 0x77, 4096 });
	assert_golden(iu.b, iu.len, V7_CMD_PARTIAL);
}

static void v8_immediate_is_built(void **state)
{
	struct iu iu;

	start_cmd(&iu, V8_CMD_IMMEDIATE, (struct srp_data){ .fmt = SRP_FMT_IMMEDIATE },
		  (struct srp_data){ 0 });
	iu_word(&iu, 512);
	memset(iu.b + iu.len, 0, 68 - iu.len);
	iu.len = 68;
	iu_fill(&iu, 580);
	assert_golden(iu.b, iu.len, V8_CMD_IMMEDIATE);
}

static void v9_good_response_is_built(void **state)
{
	const struct srp_rsp rsp = { .tag = tag_of(tag5), .req_lim_delta = 1 };
	uint8_t iu[512];

	memset(iu, 0xaa, sizeof(iu));
	assert_golden(iu, srp_rsp_build(iu, sizeof(iu), &rsp), V9_RSP_GOOD);
}

static void v10_sense_and_residual_are_built(void **state)
{
	const uint8_t sense[18] = { 0x70, 0, 0x05, 0, 0, 0, 0, 0x0a, [12] = 0x25 };
	const struct srp_rsp rsp = {
		.tag = tag_of(tag5),
		.req_lim_delta = 1,
		.flags = SRP_DIUNDER,
		.status = 0x02,
		.data_in_res_cnt = 36,
		.sense = sense,
		.sense_len = sizeof(sense),
	};
	uint8_t iu[512];

	memset(iu, 0xaa, sizeof(iu));
	assert_golden(iu, srp_rsp_build(iu, sizeof(iu), &rsp), V10_RSP_SENSE);
}

static void v11_tsk_mgmt_is_built(void **state)
{
	const struct srp_tsk_mgmt tm = {
		.tag = tag_of(tag_tm),
		.task_tag = tag_of(tag5),
		.function = SRP_ABORT_TASK,
		.lun = LUN1,
	};
	uint8_t iu[SRP_TSK_MGMT_LEN];

	memset(iu, 0xaa, sizeof(iu));
	srp_tsk_mgmt_build(iu, &tm);
	assert_golden(iu, sizeof(iu), V11_TSK_MGMT);
}

static void v12_tm_response_is_built(void **state)
{
	const struct srp_rsp rsp = {
		.tag = tag_of(tag_tm),
		.req_lim_delta = 1,
		.has_rsp_code = true,
		.rsp_code = SRP_RSP_COMPLETE,
	};
	uint8_t iu[512];

	memset(iu, 0xaa, sizeof(iu));
	assert_golden(iu, srp_rsp_build(iu, sizeof(iu), &rsp), V12_RSP_TM);
}

static void v13_cred_req_is_built(void **state)
{
	const uint8_t tag[8] = { [7] = 0x42 };
	uint8_t iu[SRP_CRED_REQ_LEN];

	memset(iu, 0xaa, sizeof(iu));
	srp_cred_req_build(iu, tag_of(tag), 3, 0);
	assert_golden(iu, sizeof(iu), V13_CRED_REQ);
}

/* ---- cut to every length ---- */

/* What the parser of this kind of IU says when only len bytes came. */
static enum srp_err expected_when_cut(enum golden_id id, size_t len)
{
	static const size_t fixed[GOLDEN_COUNT] = { 64, 56, 52, 32, 48, 48, 48,
						    48, 36, 36, 48, 36, 16 };

	if (len < fixed[id])
		return SRP_ERR_SHORT;
	return id == V8_CMD_IMMEDIATE && len >= 52 ? SRP_ERR_IMM_LEN : SRP_ERR_DESC;
}

static enum srp_err parse_as(enum golden_id id, const void *iu, size_t len)
{
	struct srp_login_req req;
	struct srp_login_rsp login_rsp;
	struct srp_login_rej rej;
	struct srp_tsk_mgmt tm;
	struct srp_cmd cmd;
	struct srp_rsp rsp;

	switch (id) {
	case V1_LOGIN_REQ:
		return srp_login_req_parse(iu, len, &req);
	case V2_LOGIN_REQ_RDMA:
		return srp_login_req_rdma_parse(iu, len, &req);
	case V3_LOGIN_RSP:
		return srp_login_rsp_parse(iu, len, &login_rsp);
	case V4_LOGIN_REJ:
		return srp_login_rej_parse(iu, len, &rej);
	case V5_CMD_DIRECT:
	case V6_CMD_INDIRECT:
	case V7_CMD_PARTIAL:
	case V8_CMD_IMMEDIATE:
		return srp_cmd_parse(iu, len, &iu_limits, &cmd);
	case V9_RSP_GOOD:
	case V10_RSP_SENSE:
	case V12_RSP_TM:
		return srp_rsp_parse(iu, len, &rsp);
	case V11_TSK_MGMT:
		return srp_tsk_mgmt_parse(iu, len, &tm);
	case V13_CRED_REQ:
	case GOLDEN_COUNT:
		break;
	}
	return SRP_ERR_SHORT; /* no parser: only the text is made of it */
}

static void every_truncation_is_refused(void **state)
{
	for (size_t id = 0; id < GOLDEN_COUNT; id++)
		for (size_t len = 0; len < golden[id].len; len++) {
			void *iu = exact_copy(golden[id].bytes, len);
			enum srp_err err = parse_as((enum golden_id)id, iu, len);
			char text[300];

			if (id != V13_CRED_REQ && err != expected_when_cut((enum golden_id)id, len))
				fail_msg("%s cut to %zu: %s", golden[id].name, len,
					 srp_err_name(err));
			srp_iu_text(iu, len, text, sizeof(text));
			free(iu);
		}
}

/* No parser reads past the received length, whatever kind of IU it is given. */
static void no_parser_takes_another_kind_or_overreads(void **state)
{
	static const enum golden_id parsers[] = { V1_LOGIN_REQ,	 V3_LOGIN_RSP, V4_LOGIN_REJ,
						  V5_CMD_DIRECT, V9_RSP_GOOD,  V11_TSK_MGMT };

	for (size_t id = 0; id < GOLDEN_COUNT; id++)
		for (size_t len = 0; len <= golden[id].len; len++) {
			void *iu = exact_copy(golden[id].bytes, len);

			for (size_t i = 0; i < ARRAY_SIZE(parsers); i++) {
				enum srp_err err = parse_as(parsers[i], iu, len);

				if (golden[id].bytes[0] != golden[parsers[i]].bytes[0])
					assert_true(err == SRP_ERR_SHORT || err == SRP_ERR_OPCODE);
			}
			parse_as(V2_LOGIN_REQ_RDMA, iu, len);
			free(iu);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(v1_login_req_is_parsed),
		cmocka_unit_test(v2_login_req_rdma_is_parsed),
		cmocka_unit_test(v3_login_rsp_is_parsed),
		cmocka_unit_test(v4_login_rej_is_parsed),
		cmocka_unit_test(v5_direct_is_parsed),
		cmocka_unit_test(v6_complete_table_is_parsed),
		cmocka_unit_test(v7_partial_table_is_parsed),
		cmocka_unit_test(v8_immediate_is_parsed),
		cmocka_unit_test(v9_good_response_is_parsed),
		cmocka_unit_test(v10_sense_and_residual_are_parsed),
		cmocka_unit_test(v11_tsk_mgmt_is_parsed),
		cmocka_unit_test(v12_tm_response_is_parsed),
		cmocka_unit_test(v1_login_req_is_built),
		cmocka_unit_test(v2_login_req_rdma_is_built),
		cmocka_unit_test(v3_login_rsp_is_built),
		cmocka_unit_test(v4_login_rej_is_built),
		cmocka_unit_test(v5_direct_is_built),
		cmocka_unit_test(v6_complete_table_is_built),
		cmocka_unit_test(v7_partial_table_is_built),
		cmocka_unit_test(v8_immediate_is_built),
		cmocka_unit_test(v9_good_response_is_built),
		cmocka_unit_test(v10_sense_and_residual_are_built),
		cmocka_unit_test(v11_tsk_mgmt_is_built),
		cmocka_unit_test(v12_tm_response_is_built),
		cmocka_unit_test(v13_cred_req_is_built),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(no_parser_takes_another_kind_or_overreads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
