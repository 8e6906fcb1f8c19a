/* SPDX-License-Identifier: BSD-2-Clause */
/* Builders of fixed size: every byte written, none behind; the fields that no vector shows. */
#include "wire_test.h"

static void build_login_req(uint8_t *out)
{
	srp_login_req_build(out, &(struct srp_login_req){ .req_it_iu_len = 276 });
}

static void build_login_req_rdma(uint8_t *out)
{
	srp_login_req_rdma_build(out, &(struct srp_login_req){ .req_it_iu_len = 276 });
}

static void build_login_rsp(uint8_t *out)
{
	srp_login_rsp_build(out, &(struct srp_login_rsp){ .req_lim_delta = 64 });
}

static void build_login_rej(uint8_t *out)
{
	srp_login_rej_build(out, &(struct srp_login_rej){ .reason = SRP_REJ_UNABLE_ESTABLISH });
}

static void build_cmd_hdr(uint8_t *out)
{
	srp_cmd_hdr_build(out, &(struct srp_cmd){ .cdb_len = 16 }, (const uint8_t[16]){ 0x28 });
}

static void build_tsk_mgmt(uint8_t *out)
{
	srp_tsk_mgmt_build(out, &(struct srp_tsk_mgmt){ .function = SRP_LUN_RESET });
}

static void build_i_logout(uint8_t *out)
{
	srp_i_logout_build(out, 1);
}

static void build_t_logout(uint8_t *out)
{
	srp_t_logout_build(out, 1, SRP_T_LOGOUT_INVALID_IU, SRP_SOLNT);
}

static void build_cred_req(uint8_t *out)
{
	srp_cred_req_build(out, 1, 3, SRP_SOLNT);
}

static void build_cred_rsp(uint8_t *out)
{
	srp_small_rsp_build(out, SRP_CRED_RSP, 1);
}

static void no_byte_is_left_unwritten_and_none_written_behind(void **state)
{
	static const struct {
		void (*build)(uint8_t *out);
		size_t len;
	} rows[] = {
		{ build_login_req, 64 }, { build_login_req_rdma, 56 }, { build_login_rsp, 52 },
		{ build_login_rej, 32 }, { build_cmd_hdr, 48 },	       { build_tsk_mgmt, 48 },
		{ build_i_logout, 16 },	 { build_t_logout, 16 },       { build_cred_req, 16 },
		{ build_cred_rsp, 16 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t *exact = malloc(rows[i].len);
		uint8_t a[96], b[96];

		assert_non_null(exact);
		memset(a, 0xaa, sizeof(a));
		memset(b, 0x55, sizeof(b));
		rows[i].build(a);
		rows[i].build(b);
		rows[i].build(exact);
		assert_memory_equal(a, b, rows[i].len);
		assert_memory_equal(a, exact, rows[i].len);
		for (size_t j = rows[i].len; j < sizeof(a); j++)
			assert_true(a[j] == 0xaa && b[j] == 0x55);
		free(exact);
	}
}

static void t_logout_layout(void **state)
{
	uint8_t iu[16];

	srp_t_logout_build(iu, tag_of(iu_tag), SRP_T_LOGOUT_MULTI_CHANNEL, SRP_SOLNT);
	assert_int_equal(iu[0], 0x80);
	assert_int_equal(iu[1], SRP_SOLNT);
	assert_int_equal(be32_get(iu + 4), 4);
	assert_memory_equal(iu + 8, iu_tag, 8);
}

static void i_logout_layout(void **state)
{
	static const uint8_t expected[16] = { 0x03, 0,	  0,	0,    0,    0,	  0,	0,
					      0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88 };
	uint8_t iu[16];

	srp_i_logout_build(iu, tag_of(iu_tag));
	assert_memory_equal(iu, expected, 16);
}

static void cred_req_delta_may_be_negative(void **state)
{
	static const uint8_t expected[16] = { 0x81, 0x01, 0,	0,    0xff, 0xff, 0xff, 0xfe,
					      0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88 };
	uint8_t iu[16];

	srp_cred_req_build(iu, tag_of(iu_tag), -2, SRP_SOLNT);
	assert_memory_equal(iu, expected, 16);
}

static void cred_rsp_and_aer_rsp_differ_in_the_opcode_only(void **state)
{
	uint8_t cred[16], aer[16];

	srp_small_rsp_build(cred, SRP_CRED_RSP, tag_of(iu_tag));
	srp_small_rsp_build(aer, SRP_AER_RSP, tag_of(iu_tag));
	assert_int_equal(cred[0], 0x41);
	assert_int_equal(aer[0], 0x42);
	assert_memory_equal(cred + 1, aer + 1, 15);
	assert_memory_equal(cred + 8, iu_tag, 8);
}

static void tsk_mgmt_round_trip_for_every_function(void **state)
{
	static const uint8_t functions[] = { SRP_ABORT_TASK, SRP_ABORT_TASK_SET, SRP_CLEAR_TASK_SET,
					     SRP_LUN_RESET, SRP_CLEAR_ACA };

	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		const struct srp_tsk_mgmt tm = {
			.tag = tag_of(iu_tag),
			.task_tag = ~tag_of(iu_tag),
			.sol_not = SRP_SCSOLNT | SRP_UCSOLNT,
			.function = functions[i],
			.lun = LUN1,
		};
		struct srp_tsk_mgmt back;
		uint8_t iu[48];

		srp_tsk_mgmt_build(iu, &tm);
		assert_int_equal(iu[30], functions[i]);
		assert_int_equal(srp_tsk_mgmt_parse(iu, 48, &back), SRP_OK);
		assert_int_equal(back.tag, tm.tag);
		assert_int_equal(back.task_tag, tm.task_tag);
		assert_int_equal(back.sol_not, tm.sol_not);
		assert_int_equal(back.function, tm.function);
		assert_memory_equal(back.lun, tm.lun, 8);
	}
}

static void cmd_header_is_parsed_back(void **state)
{
	struct srp_cmd cmd = {
		.tag = tag_of(iu_tag),
		.sol_not = SRP_SCSOLNT,
		.task_attr = SRP_HEAD_OF_QUEUE,
		.lun = LUN1,
		.cdb_len = 32,
		.out = { .fmt = SRP_FMT_DIRECT, .n_inline = 1 },
		.in = { .fmt = SRP_FMT_INDIRECT, .n_inline = 2 },
	};
	const uint8_t cdb[16] = { 0x7f, 1, 2, 3, 4, 5, 6, 24, 8, 9, 10, 11, 12, 13, 14, 15 };
	struct srp_cmd back;
	struct iu iu;

	iu_cmd(&iu, 0, 0, 16); /* for the sixteen bytes behind the fixed part */
	srp_cmd_hdr_build(iu.b, &cmd, cdb);
	assert_int_equal(iu.b[6], 0); /* a direct buffer has no descriptor count */
	assert_int_equal(iu.b[7], 2);
	iu_direct(&iu, 0x1000, 1, 512);
	iu_indirect(&iu, 32, 1024, 2, 512);
	assert_int_equal(iu_parse(&iu, &iu_limits, &back), SRP_OK);
	assert_int_equal(back.tag, cmd.tag);
	assert_int_equal(back.sol_not, cmd.sol_not);
	assert_int_equal(back.task_attr, cmd.task_attr);
	assert_memory_equal(back.lun, cmd.lun, 8);
	assert_int_equal(back.cdb_len, 32);
	assert_memory_equal(iu.b + back.cdb_off, cdb, 16);
	assert_int_equal(back.out.fmt, SRP_FMT_DIRECT);
	assert_int_equal(back.in.fmt, SRP_FMT_INDIRECT);
	assert_int_equal(back.in.n_inline, 2);
}

static void cmd_header_carries_the_additional_cdb_length(void **state)
{
	static const uint32_t lens[] = { 6, 10, 12, 16, 20, 32, 260, 268 };

	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		const struct srp_cmd cmd = { .cdb_len = lens[i] };
		const uint8_t cdb[16] = { 0 };
		uint8_t iu[48];

		srp_cmd_hdr_build(iu, &cmd, cdb);
		assert_int_equal(iu[31], lens[i] > 16 ? lens[i] - 16 : 0);
	}
}

static void aer_req_layout(void **state)
{
	static const uint8_t head[36] = { 0x82, 1, [7] = 3, [20] = 0x41, 0x02, [31] = 18 };
	struct srp_aer_req req = { .lun = 0x102, .req_lim_delta = 3, .sol_not = 1,
				   .sense_len = SRP_AER_SENSE };
	uint8_t iu[SRP_AER_REQ_LEN + SRP_AER_SENSE];

	memset(req.sense, 0x5a, sizeof(req.sense));
	memset(iu, 0xee, sizeof(iu));
	assert_int_equal(srp_aer_req_build(iu, &req), sizeof(iu));
	assert_memory_equal(iu, head, sizeof(head));
	assert_memory_equal(iu + SRP_AER_REQ_LEN, req.sense, SRP_AER_SENSE);
	req.lun = 7;
	req.sense_len = 4;
	assert_int_equal(srp_aer_req_build(iu, &req), SRP_AER_REQ_LEN + 4);
	assert_int_equal(iu[20], 0);
	assert_int_equal(iu[21], 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_byte_is_left_unwritten_and_none_written_behind),
		cmocka_unit_test(t_logout_layout),
		cmocka_unit_test(i_logout_layout),
		cmocka_unit_test(cred_req_delta_may_be_negative),
		cmocka_unit_test(cred_rsp_and_aer_rsp_differ_in_the_opcode_only),
		cmocka_unit_test(aer_req_layout),
		cmocka_unit_test(tsk_mgmt_round_trip_for_every_function),
		cmocka_unit_test(cmd_header_is_parsed_back),
		cmocka_unit_test(cmd_header_carries_the_additional_cdb_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
