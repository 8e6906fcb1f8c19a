/* SPDX-License-Identifier: BSD-2-Clause */
/* Immediate data (SRP-2): permission, offset, length. */
#include "wire_test.h"

/* `received` bytes of a command whose length word says `len`, parsed with a granted offset. */
static enum srp_err immediate(uint32_t offset, uint32_t len, uint8_t add_cdb, size_t received,
			      struct srp_cmd *cmd)
{
	const struct srp_cmd_limits limits = { .imm_data_offset = offset, .max_table = 16 };
	struct iu iu;

	iu_cmd(&iu, SRP_FMT_IMMEDIATE, SRP_FMT_NONE, add_cdb);
	iu_word(&iu, len);
	iu_fill(&iu, received);
	iu.len = received;
	return iu_parse(&iu, &limits, cmd);
}

static void immediate_is_refused_without_grant(void **state)
{
	struct srp_cmd cmd;

	assert_int_equal(immediate(0, 512, 0, 580, &cmd), SRP_ERR_IMM_REFUSED);
	assert_int_equal(immediate(0, 0, 0, 52, &cmd), SRP_ERR_IMM_REFUSED);
	assert_absent(&cmd.out);
}

static void immediate_needs_its_length_word(void **state)
{
	struct srp_cmd cmd;

	for (uint32_t n = 0; n <= 16; n += 4) {
		for (size_t cut = 1; cut <= 4; cut++)
			assert_int_equal(immediate(68, 0, (uint8_t)n, 52 + n - cut, &cmd),
					 SRP_ERR_DESC);
		assert_int_equal(immediate(68, 0, (uint8_t)n, 68, &cmd), SRP_OK);
	}
}

static void immediate_starts_at_the_granted_offset(void **state)
{
	struct srp_cmd cmd;

	assert_int_equal(immediate(68, 512, 0, 580, &cmd), SRP_OK);
	assert_int_equal(cmd.out.fmt, SRP_FMT_IMMEDIATE);
	assert_int_equal(cmd.out.imm_off, 68);
	assert_int_equal(cmd.out.len, 512);
	assert_int_equal(immediate(128, 512, 0, 640, &cmd), SRP_OK);
	assert_int_equal(cmd.out.imm_off, 128);
	assert_absent(&cmd.in);
}

static void immediate_offset_is_behind_the_length_word(void **state)
{
	struct srp_cmd cmd;

	for (uint32_t n = 0; n <= 252; n += 4) {
		for (uint32_t offset = 1; offset < 48 + n + 4; offset++)
			assert_int_equal(immediate(offset, 0, (uint8_t)n, 600, &cmd),
					 SRP_ERR_IMM_OFFSET);
		assert_int_equal(immediate(48 + n + 4, 0, (uint8_t)n, 600, &cmd), SRP_OK);
		assert_int_equal(cmd.out.imm_off, 48 + n + 4);
	}
}

static void immediate_of_ib_srp_takes_16_additional_cdb_bytes_and_no_more(void **state)
{
	struct srp_cmd cmd;

	assert_int_equal(immediate(68, 512, 16, 580, &cmd), SRP_OK);
	assert_int_equal(immediate(68, 512, 20, 580, &cmd), SRP_ERR_IMM_OFFSET);
}

static void immediate_of_0_bytes_ends_at_the_offset(void **state)
{
	struct srp_cmd cmd;

	assert_int_equal(immediate(68, 0, 0, 68, &cmd), SRP_OK);
	assert_int_equal(cmd.out.fmt, SRP_FMT_IMMEDIATE);
	assert_int_equal(cmd.out.len, 0);
	assert_int_equal(immediate(68, 0, 0, 67, &cmd), SRP_ERR_IMM_LEN);
}

static void immediate_of_1_byte_lies_within_byte_len(void **state)
{
	struct srp_cmd cmd;

	assert_int_equal(immediate(68, 1, 0, 69, &cmd), SRP_OK);
	assert_int_equal(cmd.out.len, 1);
	assert_int_equal(immediate(68, 1, 0, 68, &cmd), SRP_ERR_IMM_LEN);
}

static void immediate_of_max_bytes_lies_within_byte_len(void **state)
{
	struct srp_cmd cmd;

	assert_int_equal(immediate(68, 8192, 0, 68 + 8192, &cmd), SRP_OK);
	assert_int_equal(cmd.out.len, 8192);
	assert_int_equal(immediate(68, 8193, 0, 68 + 8192, &cmd), SRP_ERR_IMM_LEN);
	assert_int_equal(immediate(68, 8192, 0, 68 + 8191, &cmd), SRP_ERR_IMM_LEN);
	assert_int_equal(immediate(68, 8192, 0, 68 + 8193, &cmd), SRP_OK);
	assert_int_equal(cmd.out.len, 8192);
}

static void immediate_length_ffffffff_is_refused(void **state)
{
	struct srp_cmd cmd;

	assert_int_equal(immediate(68, UINT32_MAX, 0, 580, &cmd), SRP_ERR_IMM_LEN);
	assert_int_equal(immediate(52, UINT32_MAX, 0, 52, &cmd), SRP_ERR_IMM_LEN);
}

static void immediate_end_does_not_wrap_at_32_bits(void **state)
{
	struct srp_cmd cmd;

	/* offset + length is 0 in 32 bits */
	assert_int_equal(immediate(68, UINT32_MAX - 68 + 1, 0, 580, &cmd), SRP_ERR_IMM_LEN);
	assert_int_equal(immediate(52, UINT32_MAX - 52 + 1, 0, 580, &cmd), SRP_ERR_IMM_LEN);
	/* ... and 1 */
	assert_int_equal(immediate(68, UINT32_MAX - 68 + 2, 0, 580, &cmd), SRP_ERR_IMM_LEN);
	assert_int_equal(immediate(UINT32_MAX, 1, 0, 580, &cmd), SRP_ERR_IMM_LEN);
}

static void immediate_ignores_the_descriptor_count(void **state)
{
	struct srp_cmd cmd;
	struct iu iu;

	iu_cmd(&iu, SRP_FMT_IMMEDIATE, SRP_FMT_NONE, 0);
	iu_count_out(&iu, 255);
	iu_word(&iu, 512);
	iu_fill(&iu, 580);
	assert_int_equal(iu_parse(&iu, &iu_limits, &cmd), SRP_OK);
	assert_int_equal(cmd.out.len, 512);
	assert_int_equal(cmd.out.n_inline, 0);
	assert_int_equal(cmd.out.n_total, 0);
}

static void data_in_descriptors_follow_the_length_word(void **state)
{
	struct srp_cmd cmd;
	struct iu iu;

	iu_cmd(&iu, SRP_FMT_IMMEDIATE, SRP_FMT_DIRECT, 0);
	iu_word(&iu, 512);
	iu_direct(&iu, 0xdd000, 0x55, 100);
	iu_fill(&iu, 580);
	assert_int_equal(iu_parse(&iu, &iu_limits, &cmd), SRP_OK);
	assert_int_equal(cmd.out.fmt, SRP_FMT_IMMEDIATE);
	assert_int_equal(cmd.in.fmt, SRP_FMT_DIRECT);
	assert_int_equal(cmd.in.desc_off, 52);
	assert_desc_at(&iu, 52, 0xdd000, 0x55, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(immediate_is_refused_without_grant),
		cmocka_unit_test(immediate_needs_its_length_word),
		cmocka_unit_test(immediate_starts_at_the_granted_offset),
		cmocka_unit_test(immediate_offset_is_behind_the_length_word),
		cmocka_unit_test(immediate_of_ib_srp_takes_16_additional_cdb_bytes_and_no_more),
		cmocka_unit_test(immediate_of_0_bytes_ends_at_the_offset),
		cmocka_unit_test(immediate_of_1_byte_lies_within_byte_len),
		cmocka_unit_test(immediate_of_max_bytes_lies_within_byte_len),
		cmocka_unit_test(immediate_length_ffffffff_is_refused),
		cmocka_unit_test(immediate_end_does_not_wrap_at_32_bits),
		cmocka_unit_test(immediate_ignores_the_descriptor_count),
		cmocka_unit_test(data_in_descriptors_follow_the_length_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
