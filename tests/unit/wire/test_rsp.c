/* SPDX-License-Identifier: BSD-2-Clause */
/* SRP_RSP: what is built for a response size, and what is believed of a received one. */
#include "wire_test.h"

enum {
	SENSE_MAX = 252,
	RSP_MAX = 36 + 4 + SENSE_MAX
};

static uint8_t sense[SENSE_MAX];

static struct srp_rsp full_rsp(void)
{
	for (size_t i = 0; i < SENSE_MAX; i++)
		sense[i] = (uint8_t)(i + 1);
	return (struct srp_rsp){
		.tag = tag_of(iu_tag),
		.req_lim_delta = -2,
		.sol_not = SRP_SOLNT,
		.flags = SRP_DIUNDER | SRP_DOOVER,
		.status = 0x02,
		.data_out_res_cnt = 0x01020304,
		.data_in_res_cnt = 0xfffefdfc,
		.sense = sense,
		.sense_len = SENSE_MAX,
		.has_rsp_code = true,
		.rsp_code = SRP_RSP_TM_FAILED,
	};
}

static void sense_is_cut_to_max_len(void **state)
{
	const struct srp_rsp rsp = full_rsp();

	for (size_t max_len = 40; max_len <= RSP_MAX + 8; max_len++) {
		uint8_t *out = malloc(max_len);
		size_t expected = MIN(max_len, (size_t)RSP_MAX);

		assert_non_null(out);
		assert_int_equal(srp_rsp_build(out, max_len, &rsp), expected);
		assert_int_equal(be32_get(out + 28), expected - 40);
		assert_memory_equal(out + 40, sense, expected - 40);
		assert_int_equal(!!(out[18] & SRP_SNSVALID), expected > 40);
		free(out);
	}
}

static void sense_is_cut_to_max_len_without_response_data(void **state)
{
	struct srp_rsp rsp = full_rsp();

	rsp.has_rsp_code = false;
	for (size_t max_len = 40; max_len <= RSP_MAX; max_len++) {
		uint8_t *out = malloc(max_len);
		size_t expected = MIN(max_len, (size_t)RSP_MAX - 4);

		assert_non_null(out);
		assert_int_equal(srp_rsp_build(out, max_len, &rsp), expected);
		assert_int_equal(be32_get(out + 28), expected - 36);
		assert_int_equal(be32_get(out + 32), 0);
		assert_memory_equal(out + 36, sense, expected - 36);
		free(out);
	}
}

static void response_data_comes_before_sense(void **state)
{
	struct srp_rsp rsp = full_rsp();
	uint8_t out[512];

	rsp.sense_len = 18;
	assert_int_equal(srp_rsp_build(out, sizeof(out), &rsp), 36 + 4 + 18);
	assert_int_equal(out[18], SRP_RSPVALID | SRP_SNSVALID | SRP_DIUNDER | SRP_DOOVER);
	assert_int_equal(be32_get(out + 32), 4);
	assert_int_equal(be32_get(out + 28), 18);
	assert_int_equal(be32_get(out + 36), SRP_RSP_TM_FAILED);
	assert_memory_equal(out + 40, sense, 18);
}

/* The validity flags follow the contents, whatever the caller has in flags. */
static void validity_flags_are_the_builders(void **state)
{
	struct srp_rsp rsp = { .flags = SRP_RSPVALID | SRP_SNSVALID | SRP_DOUNDER };
	uint8_t out[40];

	assert_int_equal(srp_rsp_build(out, sizeof(out), &rsp), 36);
	assert_int_equal(out[18], SRP_DOUNDER);
}

static void no_byte_is_left_unwritten_and_none_written_behind(void **state)
{
	struct srp_rsp rsp = full_rsp();
	uint8_t a[512], b[512];

	for (uint32_t n = 0; n <= SENSE_MAX; n++)
		for (int code = 0; code < 2; code++) {
			size_t len;

			rsp.sense_len = n;
			rsp.has_rsp_code = code;
			memset(a, 0xaa, sizeof(a));
			memset(b, 0x55, sizeof(b));
			len = srp_rsp_build(a, sizeof(a), &rsp);
			assert_int_equal(srp_rsp_build(b, sizeof(b), &rsp), len);
			assert_int_equal(len, 36 + 4 * (uint32_t)code + n);
			assert_memory_equal(a, b, len);
			for (size_t i = len; i < sizeof(a); i++)
				assert_true(a[i] == 0xaa && b[i] == 0x55);
		}
}

static void built_response_is_parsed_back(void **state)
{
	const struct srp_rsp rsp = full_rsp();
	uint8_t out[RSP_MAX];
	struct srp_rsp back;
	size_t len = srp_rsp_build(out, sizeof(out), &rsp);

	assert_int_equal(srp_rsp_parse(out, len, &back), SRP_OK);
	assert_int_equal(back.tag, rsp.tag);
	assert_int_equal(back.req_lim_delta, -2);
	assert_int_equal(back.sol_not, SRP_SOLNT);
	assert_int_equal(back.flags, rsp.flags | SRP_RSPVALID | SRP_SNSVALID);
	assert_int_equal(back.status, 0x02);
	assert_int_equal(back.data_out_res_cnt, rsp.data_out_res_cnt);
	assert_int_equal(back.data_in_res_cnt, rsp.data_in_res_cnt);
	assert_true(back.has_rsp_code);
	assert_int_equal(back.rsp_code, SRP_RSP_TM_FAILED);
	assert_int_equal(back.sense_len, SENSE_MAX);
	assert_memory_equal(back.sense, sense, SENSE_MAX);
}

/* ---- received responses ---- */

/* `received` bytes that claim lengths; *back from a buffer of exactly that size. */
static enum srp_err parse_claim(uint8_t flags, uint32_t resp_len, uint32_t sense_len,
				size_t received, struct srp_rsp *back)
{
	uint8_t *iu = calloc(1, received);
	enum srp_err err;

	assert_non_null(iu);
	iu[0] = SRP_RSP;
	iu[18] = flags;
	be32_put(iu + 28, sense_len);
	be32_put(iu + 32, resp_len);
	for (size_t i = 36; i < received; i++)
		iu[i] = (uint8_t)i;
	err = srp_rsp_parse(iu, received, back);
	if (!err && back->sense_len) { /* the sense is inside, and where it should be */
		assert_ptr_equal(back->sense, iu + 36 + (flags & SRP_RSPVALID ? resp_len : 0));
		assert_true(back->sense + back->sense_len <= iu + received);
	}
	free(iu);
	return err;
}

static void sense_length_lies_within_byte_len(void **state)
{
	static const uint32_t lies[] = {
		19, 255, 0x10000, 0x7fffffff, UINT32_MAX - 36, UINT32_MAX - 35, UINT32_MAX
	};
	struct srp_rsp rsp;

	assert_int_equal(parse_claim(SRP_SNSVALID, 0, 18, 54, &rsp), SRP_OK);
	assert_int_equal(rsp.sense_len, 18);
	assert_int_equal(parse_claim(SRP_SNSVALID, 0, 18, 60, &rsp), SRP_OK);
	assert_int_equal(rsp.sense_len, 18);
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++)
		assert_int_equal(parse_claim(SRP_SNSVALID, 0, lies[i], 54, &rsp), SRP_ERR_DESC);
}

static void response_length_lies_within_byte_len(void **state)
{
	static const uint32_t lies[] = { 5, 255, 0x7fffffff, UINT32_MAX - 35, UINT32_MAX };
	struct srp_rsp rsp;

	assert_int_equal(parse_claim(SRP_RSPVALID, 4, 0, 40, &rsp), SRP_OK);
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++)
		assert_int_equal(parse_claim(SRP_RSPVALID, lies[i], 0, 40, &rsp), SRP_ERR_DESC);
}

/* Each length fits by itself, or the sum is small in 32 bits. */
static void sum_of_both_lengths_lies_within_byte_len(void **state)
{
	const uint8_t both = SRP_RSPVALID | SRP_SNSVALID;
	struct srp_rsp rsp;

	assert_int_equal(parse_claim(both, 4, 18, 58, &rsp), SRP_OK);
	assert_int_equal(parse_claim(both, 4, 19, 58, &rsp), SRP_ERR_DESC);
	assert_int_equal(parse_claim(both, 22, 22, 58, &rsp), SRP_ERR_DESC);
	assert_int_equal(parse_claim(both, UINT32_MAX, 1, 58, &rsp), SRP_ERR_DESC);
	assert_int_equal(parse_claim(both, 4, UINT32_MAX - 3, 58, &rsp), SRP_ERR_DESC);
	assert_int_equal(parse_claim(both, 0x80000000, 0x80000000, 58, &rsp), SRP_ERR_DESC);
}

static void lengths_without_their_flag_are_ignored(void **state)
{
	struct srp_rsp rsp;

	assert_int_equal(parse_claim(0, UINT32_MAX, UINT32_MAX, 36, &rsp), SRP_OK);
	assert_int_equal(rsp.sense_len, 0);
	assert_null(rsp.sense);
	assert_false(rsp.has_rsp_code);
	assert_int_equal(parse_claim(SRP_SNSVALID, UINT32_MAX, 18, 54, &rsp), SRP_OK);
	assert_int_equal(rsp.sense_len, 18);
	assert_int_equal(parse_claim(SRP_RSPVALID, 4, UINT32_MAX, 40, &rsp), SRP_OK);
	assert_true(rsp.has_rsp_code);
}

static void response_code_needs_4_bytes(void **state)
{
	struct srp_rsp rsp;

	for (uint32_t n = 0; n < 4; n++) {
		assert_int_equal(parse_claim(SRP_RSPVALID, n, 0, 36 + n, &rsp), SRP_OK);
		assert_false(rsp.has_rsp_code);
	}
	assert_int_equal(parse_claim(SRP_RSPVALID, 4, 0, 40, &rsp), SRP_OK);
	assert_true(rsp.has_rsp_code);
	assert_int_equal(rsp.rsp_code, 39);
	assert_int_equal(parse_claim(SRP_RSPVALID, 8, 0, 44, &rsp), SRP_OK);
	assert_int_equal(rsp.rsp_code, 39);
}

static void sense_follows_response_data_of_any_length(void **state)
{
	struct srp_rsp rsp;

	for (uint32_t n = 0; n <= 16; n++) {
		assert_int_equal(parse_claim(SRP_RSPVALID | SRP_SNSVALID, n, 18, 36 + n + 18, &rsp),
				 SRP_OK);
		assert_int_equal(rsp.sense_len, 18);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sense_is_cut_to_max_len),
		cmocka_unit_test(sense_is_cut_to_max_len_without_response_data),
		cmocka_unit_test(response_data_comes_before_sense),
		cmocka_unit_test(validity_flags_are_the_builders),
		cmocka_unit_test(no_byte_is_left_unwritten_and_none_written_behind),
		cmocka_unit_test(built_response_is_parsed_back),
		cmocka_unit_test(sense_length_lies_within_byte_len),
		cmocka_unit_test(response_length_lies_within_byte_len),
		cmocka_unit_test(sum_of_both_lengths_lies_within_byte_len),
		cmocka_unit_test(lengths_without_their_flag_are_ignored),
		cmocka_unit_test(response_code_needs_4_bytes),
		cmocka_unit_test(sense_follows_response_data_of_any_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
