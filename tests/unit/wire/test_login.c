/* SPDX-License-Identifier: BSD-2-Clause */
/* Login IUs: both forms of the request, the response, the reject. */
#include "wire_test.h"

/* Every byte of every field different. */
static struct srp_login_req distinct_req(void)
{
	struct srp_login_req req = {
		.tag = tag_of(iu_tag),
		.req_it_iu_len = 0xa1a2a3a4,
		.req_buf_fmt = 0xb1b2,
		.req_flags = 0xc1,
		.imm_data_offset = 0xd1d2,
	};

	for (uint8_t i = 0; i < 16; i++) {
		req.initiator_port_id[i] = (uint8_t)(0x20 + i);
		req.target_port_id[i] = (uint8_t)(0x40 + i);
	}
	return req;
}

static void assert_req_equal(const struct srp_login_req *a, const struct srp_login_req *b)
{
	assert_int_equal(a->tag, b->tag);
	assert_int_equal(a->req_it_iu_len, b->req_it_iu_len);
	assert_int_equal(a->req_buf_fmt, b->req_buf_fmt);
	assert_int_equal(a->req_flags, b->req_flags);
	assert_int_equal(a->imm_data_offset, b->imm_data_offset);
	assert_memory_equal(a->initiator_port_id, b->initiator_port_id, 16);
	assert_memory_equal(a->target_port_id, b->target_port_id, 16);
}

static void native_form_has_its_own_layout(void **state)
{
	struct srp_login_req req = distinct_req(), back;
	uint8_t iu[64];

	srp_login_req_build(iu, &req);
	assert_int_equal(iu[0], 0x00);
	assert_memory_equal(iu + 8, iu_tag, 8);
	assert_int_equal(be32_get(iu + 16), 0xa1a2a3a4);
	assert_int_equal(be16_get(iu + 24), 0xb1b2);
	assert_int_equal(iu[26], 0xc1);
	assert_int_equal(be16_get(iu + 28), 0xd1d2);
	assert_memory_equal(iu + 32, req.initiator_port_id, 16);
	assert_memory_equal(iu + 48, req.target_port_id, 16);
	assert_int_equal(srp_login_req_parse(iu, 64, &back), SRP_OK);
	assert_req_equal(&req, &back);
}

static void rdma_form_has_its_own_layout(void **state)
{
	struct srp_login_req req = distinct_req(), back;
	uint8_t iu[56];

	srp_login_req_rdma_build(iu, &req);
	assert_memory_equal(iu, iu_tag, 8);
	assert_int_equal(be16_get(iu + 8), 0xb1b2);
	assert_int_equal(iu[10], 0xc1);
	assert_int_equal(iu[11], 0x00);
	assert_int_equal(be32_get(iu + 12), 0xa1a2a3a4);
	assert_memory_equal(iu + 16, req.initiator_port_id, 16);
	assert_memory_equal(iu + 32, req.target_port_id, 16);
	assert_int_equal(be16_get(iu + 48), 0xd1d2);
	assert_int_equal(srp_login_req_rdma_parse(iu, 56, &back), SRP_OK);
	assert_req_equal(&req, &back);
}

/* Private data of the CM comes padded to its full area. */
static void both_forms_allow_padding_behind(void **state)
{
	struct srp_login_req req = distinct_req(), back;
	uint8_t iu[92] = { 0 };

	srp_login_req_build(iu, &req);
	assert_int_equal(srp_login_req_parse(iu, 92, &back), SRP_OK);
	assert_req_equal(&req, &back);
	memset(iu, 0, sizeof(iu));
	srp_login_req_rdma_build(iu, &req);
	assert_int_equal(srp_login_req_rdma_parse(iu, 92, &back), SRP_OK);
	assert_req_equal(&req, &back);
}

static void opcode_is_at_0_in_the_native_and_at_11_in_the_rdma_form(void **state)
{
	struct srp_login_req req = distinct_req(), back;
	uint8_t native[64], rdma[56];

	srp_login_req_build(native, &req);
	srp_login_req_rdma_build(rdma, &req);
	for (int opcode = 1; opcode < 256; opcode++) {
		native[0] = (uint8_t)opcode;
		rdma[11] = (uint8_t)opcode;
		assert_int_equal(srp_login_req_parse(native, 64, &back), SRP_ERR_OPCODE);
		assert_int_equal(srp_login_req_rdma_parse(rdma, 56, &back), SRP_ERR_OPCODE);
	}
}

static void login_rsp_round_trip(void **state)
{
	const struct srp_login_rsp rsp = {
		.tag = tag_of(iu_tag),
		.req_lim_delta = 128,
		.max_it_iu_len = 0xa1a2a3a4,
		.max_ti_iu_len = 0xb1b2b3b4,
		.buf_fmt = 0xc1c2,
		.rsp_flags = SRP_MULTICHAN_MAINTAINED | SRP_SOLNTSUP | SRP_IMMED_SUPP,
	};
	struct srp_login_rsp back;
	uint8_t iu[52];

	srp_login_rsp_build(iu, &rsp);
	assert_int_equal(iu[0], 0xc0);
	assert_int_equal(iu[26], 0x92);
	assert_memory_equal(iu + 8, iu_tag, 8);
	assert_int_equal(srp_login_rsp_parse(iu, 52, &back), SRP_OK);
	assert_int_equal(back.tag, rsp.tag);
	assert_int_equal(back.req_lim_delta, 128);
	assert_int_equal(back.max_it_iu_len, rsp.max_it_iu_len);
	assert_int_equal(back.max_ti_iu_len, rsp.max_ti_iu_len);
	assert_int_equal(back.buf_fmt, rsp.buf_fmt);
	assert_int_equal(back.rsp_flags, rsp.rsp_flags);
}

static void login_rej_round_trip_for_every_reason(void **state)
{
	for (uint32_t reason = SRP_REJ_UNABLE_ESTABLISH; reason <= SRP_REJ_CHANNEL_LIMIT_REACHED;
	     reason++) {
		const struct srp_login_rej rej = { tag_of(iu_tag), reason, 0x0006 };
		struct srp_login_rej back;
		uint8_t iu[32];

		srp_login_rej_build(iu, &rej);
		assert_int_equal(iu[0], 0xc2);
		assert_int_equal(be32_get(iu + 4), reason);
		assert_memory_equal(iu + 8, iu_tag, 8);
		assert_int_equal(be16_get(iu + 24), 0x0006);
		assert_int_equal(srp_login_rej_parse(iu, 32, &back), SRP_OK);
		assert_int_equal(back.tag, rej.tag);
		assert_int_equal(back.reason, reason);
		assert_int_equal(back.buf_fmt, 0x0006);
	}
}

static void answers_are_told_apart_by_opcode(void **state)
{
	const struct srp_login_rsp rsp = { 0 };
	const struct srp_login_rej rej = { 0 };
	struct srp_login_rsp rsp_back;
	struct srp_login_rej rej_back;
	uint8_t iu[52] = { 0 };

	srp_login_rsp_build(iu, &rsp);
	assert_int_equal(srp_login_rej_parse(iu, 52, &rej_back), SRP_ERR_OPCODE);
	srp_login_rej_build(iu, &rej);
	assert_int_equal(srp_login_rsp_parse(iu, 52, &rsp_back), SRP_ERR_OPCODE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(native_form_has_its_own_layout),
		cmocka_unit_test(rdma_form_has_its_own_layout),
		cmocka_unit_test(both_forms_allow_padding_behind),
		cmocka_unit_test(opcode_is_at_0_in_the_native_and_at_11_in_the_rdma_form),
		cmocka_unit_test(login_rsp_round_trip),
		cmocka_unit_test(login_rej_round_trip_for_every_reason),
		cmocka_unit_test(answers_are_told_apart_by_opcode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
