/* SPDX-License-Identifier: BSD-2-Clause */
/* SRP_CMD: the fixed part, the additional CDB, the formats, the order of two directions. */
#include "wire_test.h"

static void byte_len_is_at_least_48(void **state)
{
	struct srp_cmd cmd;
	struct iu iu;

	iu_cmd(&iu, SRP_FMT_NONE, SRP_FMT_NONE, 0);
	for (size_t len = 0; len < 48; len++)
		assert_int_equal(iu_parse_cut(&iu, len, &cmd), SRP_ERR_SHORT);
	assert_int_equal(iu_parse_cut(&iu, 48, &cmd), SRP_OK);
	assert_absent(&cmd.out);
	assert_absent(&cmd.in);
}

static void another_opcode_is_no_command(void **state)
{
	struct srp_cmd cmd;
	struct iu iu;

	iu_cmd(&iu, SRP_FMT_NONE, SRP_FMT_NONE, 0);
	for (int opcode = 0; opcode < 256; opcode++) {
		iu.b[0] = (uint8_t)opcode;
		assert_int_equal(iu_parse(&iu, &iu_limits, &cmd),
				 opcode == SRP_CMD ? SRP_OK : SRP_ERR_OPCODE);
	}
}

static void fixed_part_is_taken_as_received(void **state)
{
	struct srp_cmd cmd;
	struct iu iu;

	iu_cmd(&iu, SRP_FMT_NONE, SRP_FMT_NONE, 0);
	assert_int_equal(iu_parse(&iu, &iu_limits, &cmd), SRP_OK);
	assert_memory_equal(&cmd.tag, iu_tag, 8);
	assert_memory_equal(cmd.lun, iu_lun, 8);
	assert_int_equal(cmd.sol_not, IU_SOL_NOT);
	assert_int_equal(cmd.task_attr, SRP_ORDERED);
	assert_int_equal(cmd.cdb_off, 32);
	assert_int_equal(cmd.cdb_len, 16);
}

static void task_attribute_is_three_bits(void **state)
{
	struct srp_cmd cmd;
	struct iu iu;

	iu_cmd(&iu, SRP_FMT_NONE, SRP_FMT_NONE, 0);
	for (int attr = 0; attr < 256; attr++) {
		iu.b[29] = (uint8_t)attr;
		assert_int_equal(iu_parse(&iu, &iu_limits, &cmd), SRP_OK);
		assert_int_equal(cmd.task_attr, attr & 7);
	}
}

static void reserved_bytes_are_ignored(void **state)
{
	static const uint8_t reserved[] = { 2, 3, 4, 16, 17, 18, 19, 28, 30 };
	struct srp_cmd cmd;
	struct iu iu;

	iu_cmd(&iu, SRP_FMT_NONE, SRP_FMT_DIRECT, 0);
	iu_direct(&iu, 0x1000, 1, 512);
	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
		iu.b[reserved[i]] = 0xff;
	iu_count_out(&iu, 255); /* counts belong to indirect tables only */
	iu_count_in(&iu, 255);
	assert_int_equal(iu_parse(&iu, &iu_limits, &cmd), SRP_OK);
	assert_absent(&cmd.out);
	assert_int_equal(cmd.in.len, 512);
	assert_int_equal(cmd.in.n_inline, 1);
}

static void additional_cdb_lies_within_byte_len(void **state)
{
	struct srp_cmd cmd;
	struct iu iu;

	for (size_t n = 4; n <= 252; n += 4) {
		iu_cmd(&iu, SRP_FMT_NONE, SRP_FMT_NONE, (uint8_t)n);
		for (size_t len = 48; len < 48 + n; len++)
			assert_int_equal(iu_parse_cut(&iu, len, &cmd), SRP_ERR_ADD_CDB);
		assert_int_equal(iu_parse_cut(&iu, 48 + n, &cmd), SRP_OK);
	}
}

static void add_cdb_len_low_bits_are_ignored(void **state)
{
	struct srp_cmd cmd;
	struct iu iu;

	for (int field = 0; field < 256; field++) {
		iu_cmd(&iu, SRP_FMT_NONE, SRP_FMT_NONE, (uint8_t)field);
		assert_int_equal(iu_parse(&iu, &iu_limits, &cmd), SRP_OK);
		assert_int_equal(cmd.cdb_len, 16 + (field & ~3));
	}
}

static void add_cdb_goes_up_to_252_bytes(void **state)
{
	struct srp_cmd cmd;
	struct iu iu;

	iu_cmd(&iu, SRP_FMT_NONE, SRP_FMT_DIRECT, 255);
	iu_direct(&iu, 0x123456789abcdef0, 0xdeadbeef, 4096);
	assert_int_equal(iu_parse(&iu, &iu_limits, &cmd), SRP_OK);
	assert_int_equal(cmd.cdb_off, 32);
	assert_int_equal(cmd.cdb_len, 16 + SRP_MAX_ADD_CDB);
	assert_int_equal(iu.b[cmd.cdb_off + cmd.cdb_len - 1], 268 & 0xff);
	assert_int_equal(cmd.in.desc_off, 48 + 252);
	assert_desc_at(&iu, cmd.in.desc_off, 0x123456789abcdef0, 0xdeadbeef, 4096);
}

static void direct_needs_16_bytes(void **state)
{
	struct srp_cmd cmd;
	struct iu iu;

	for (size_t n = 0; n <= 252; n += 4) {
		iu_cmd(&iu, SRP_FMT_DIRECT, SRP_FMT_NONE, (uint8_t)n);
		iu_direct(&iu, 0x1000, 0x77, 512);
		for (size_t cut = 1; cut <= 16; cut++)
			assert_int_equal(iu_parse_cut(&iu, iu.len - cut, &cmd), SRP_ERR_DESC);
		assert_int_equal(iu_parse(&iu, &iu_limits, &cmd), SRP_OK);
		assert_int_equal(cmd.out.desc_off, 48 + n);
	}
}

static void direct_of_no_bytes_is_a_buffer(void **state)
{
	struct srp_cmd cmd;
	struct iu iu;

	iu_cmd(&iu, SRP_FMT_NONE, SRP_FMT_DIRECT, 0);
	iu_direct(&iu, 0, 0, 0);
	assert_int_equal(iu_parse(&iu, &iu_limits, &cmd), SRP_OK);
	assert_int_equal(cmd.in.fmt, SRP_FMT_DIRECT);
	assert_int_equal(cmd.in.len, 0);
}

static void direct_length_has_32_bits(void **state)
{
	struct srp_cmd cmd;
	struct iu iu;

	iu_cmd(&iu, SRP_FMT_NONE, SRP_FMT_DIRECT, 0);
	iu_direct(&iu, UINT64_MAX, UINT32_MAX, UINT32_MAX);
	assert_int_equal(iu_parse(&iu, &iu_limits, &cmd), SRP_OK);
	assert_int_equal(cmd.in.len, UINT32_MAX);
	assert_desc_at(&iu, cmd.in.desc_off, UINT64_MAX, UINT32_MAX, UINT32_MAX);
}

static void unknown_format_nibbles_are_refused(void **state)
{
	struct srp_cmd cmd;
	struct iu iu;

	for (uint8_t fmt = 4; fmt <= 15; fmt++) {
		iu_cmd(&iu, fmt, SRP_FMT_NONE, 0);
		iu_fill(&iu, 600);
		assert_int_equal(iu_parse(&iu, &iu_limits, &cmd), SRP_ERR_FORMAT);
		iu_cmd(&iu, SRP_FMT_NONE, fmt, 0);
		iu_fill(&iu, 600);
		assert_int_equal(iu_parse(&iu, &iu_limits, &cmd), SRP_ERR_FORMAT);
	}
}

static void immediate_is_no_data_in_format(void **state)
{
	struct srp_cmd cmd;
	struct iu iu;

	iu_cmd(&iu, SRP_FMT_NONE, SRP_FMT_IMMEDIATE, 0);
	iu_word(&iu, 512);
	iu_fill(&iu, 580);
	assert_int_equal(iu_parse(&iu, &iu_limits, &cmd), SRP_ERR_FORMAT);
}

static void data_out_descriptors_come_first(void **state)
{
	struct srp_cmd cmd;
	struct iu iu;

	iu_cmd(&iu, SRP_FMT_INDIRECT, SRP_FMT_DIRECT, 16);
	iu_indirect(&iu, 32, 8192, 2, 4096);
	iu_direct(&iu, 0xdd000, 0x55, 100);
	iu_count_out(&iu, 2);
	assert_int_equal(iu_parse(&iu, &iu_limits, &cmd), SRP_OK);
	assert_int_equal(cmd.out.fmt, SRP_FMT_INDIRECT);
	assert_int_equal(cmd.out.len, 8192);
	assert_int_equal(cmd.out.desc_off, 48 + 16 + 20);
	assert_desc_at(&iu, cmd.out.desc_off + 16, 0x2000, 0x77, 4096);
	assert_int_equal(cmd.in.fmt, SRP_FMT_DIRECT);
	assert_int_equal(cmd.in.len, 100);
	assert_int_equal(cmd.in.desc_off, 48 + 16 + 20 + 32);
	assert_desc_at(&iu, cmd.in.desc_off, 0xdd000, 0x55, 100);
}

static void two_tables_use_their_own_counts(void **state)
{
	struct srp_cmd cmd;
	struct iu iu;

	iu_cmd(&iu, SRP_FMT_INDIRECT, SRP_FMT_INDIRECT, 0);
	iu_indirect(&iu, 16, 512, 1, 512);
	iu_indirect(&iu, 48, 3072, 3, 1024);
	iu_count_out(&iu, 1);
	iu_count_in(&iu, 3);
	assert_int_equal(iu_parse(&iu, &iu_limits, &cmd), SRP_OK);
	assert_int_equal(cmd.out.n_inline, 1);
	assert_int_equal(cmd.out.len, 512);
	assert_int_equal(cmd.in.n_inline, 3);
	assert_int_equal(cmd.in.len, 3072);
	assert_int_equal(cmd.in.desc_off, 48 + 36 + 20);
	for (size_t len = 48 + 36; len < iu.len; len++)
		assert_int_equal(iu_parse_cut(&iu, len, &cmd), SRP_ERR_DESC);
}

/* One row for every refusal of a command of 48 bytes or more. */
static const struct {
	enum srp_err err;
	uint8_t fmt_out, fmt_in, k, add_cdb;
	uint32_t words[9];
} refused[] = {
	{ SRP_ERR_FORMAT, 4, 0, 0, 0, { 0 } },
	{ SRP_ERR_FORMAT, 1, 3, 0, 0, { 0, 0, 0, 512 } },
	{ SRP_ERR_DESC, 1, 2, 0, 0, { 0, 0, 0, 512, 0 } },
	{ SRP_ERR_TABLE_LEN, 2, 0, 1, 0, { 0, 0, 0, 17, 1, 0, 0, 0, 1 } },
	{ SRP_ERR_TABLE_COUNT, 2, 0, 1, 0, { 0, 0, 0, 0, 1, 0, 0, 0, 1 } },
	{ SRP_ERR_TABLE_LIMIT, 2, 0, 1, 0, { 0, 0, 0, 16 << 17, 1, 0, 0, 0, 1 } },
	{ SRP_ERR_TABLE_SUM, 2, 0, 1, 0, { 0, 0, 0, 16, 2, 0, 0, 0, 1 } },
	{ SRP_ERR_IMM_OFFSET, 3, 0, 0, 20, { 0 } },
	{ SRP_ERR_IMM_LEN, 3, 0, 0, 0, { 512 } },
};

static void refused_commands_can_be_answered(void **state)
{
	struct srp_cmd cmd;
	struct iu iu;

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		iu_cmd(&iu, refused[i].fmt_out, refused[i].fmt_in, refused[i].add_cdb);
		iu_count_out(&iu, refused[i].k);
		for (size_t w = 0; w < ARRAY_SIZE(refused[i].words); w++)
			iu_word(&iu, refused[i].words[w]);
		if (refused[i].err == SRP_ERR_DESC)
			iu.len -= 4;
		assert_int_equal(iu_parse(&iu, &iu_limits, &cmd), refused[i].err);
		assert_memory_equal(&cmd.tag, iu_tag, 8);
		assert_memory_equal(cmd.lun, iu_lun, 8);
		assert_int_equal(cmd.sol_not, IU_SOL_NOT);
		assert_int_equal(cmd.task_attr, IU_TASK_ATTR);
		assert_int_equal(cmd.cdb_off, 32);
		assert_int_equal(cmd.cdb_len, 16u + refused[i].add_cdb);
		assert_absent(&cmd.out);
		assert_absent(&cmd.in);
	}
}

static void command_with_cut_additional_cdb_can_be_answered(void **state)
{
	struct srp_cmd cmd;
	struct iu iu;

	iu_cmd(&iu, SRP_FMT_DIRECT, SRP_FMT_DIRECT, 16);
	assert_int_equal(iu_parse_cut(&iu, 63, &cmd), SRP_ERR_ADD_CDB);
	assert_memory_equal(&cmd.tag, iu_tag, 8);
	assert_memory_equal(cmd.lun, iu_lun, 8);
	assert_int_equal(cmd.sol_not, IU_SOL_NOT);
	assert_int_equal(cmd.cdb_len, 16);
	assert_absent(&cmd.out);
	assert_absent(&cmd.in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(byte_len_is_at_least_48),
		cmocka_unit_test(another_opcode_is_no_command),
		cmocka_unit_test(fixed_part_is_taken_as_received),
		cmocka_unit_test(task_attribute_is_three_bits),
		cmocka_unit_test(reserved_bytes_are_ignored),
		cmocka_unit_test(additional_cdb_lies_within_byte_len),
		cmocka_unit_test(add_cdb_len_low_bits_are_ignored),
		cmocka_unit_test(add_cdb_goes_up_to_252_bytes),
		cmocka_unit_test(direct_needs_16_bytes),
		cmocka_unit_test(direct_of_no_bytes_is_a_buffer),
		cmocka_unit_test(direct_length_has_32_bits),
		cmocka_unit_test(unknown_format_nibbles_are_refused),
		cmocka_unit_test(immediate_is_no_data_in_format),
		cmocka_unit_test(data_out_descriptors_come_first),
		cmocka_unit_test(two_tables_use_their_own_counts),
		cmocka_unit_test(refused_commands_can_be_answered),
		cmocka_unit_test(command_with_cut_additional_cdb_can_be_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
