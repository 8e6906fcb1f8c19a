/* SPDX-License-Identifier: BSD-2-Clause */
/* Indirect descriptor tables: their length, counts, limit and sum. */
#include "wire_test.h"

/* A data-out table of k inline entries of `each` bytes. */
static enum srp_err table(uint32_t table_bytes, uint32_t total, uint8_t k, uint32_t each,
			  struct srp_cmd *cmd)
{
	struct iu iu;

	iu_cmd(&iu, SRP_FMT_INDIRECT, SRP_FMT_NONE, 0);
	iu_count_out(&iu, k);
	iu_indirect(&iu, table_bytes, total, k, each);
	return iu_parse(&iu, &iu_limits, cmd);
}

static void indirect_needs_20_and_16_k_bytes(void **state)
{
	struct srp_cmd cmd;
	struct iu iu;

	for (uint32_t k = 0; k <= 255; k++) {
		iu_cmd(&iu, SRP_FMT_INDIRECT, SRP_FMT_NONE, 0);
		iu_count_out(&iu, (uint8_t)k);
		iu_indirect(&iu, 16 * (k + 1), 512, k, 512);
		for (size_t len = 48; len < iu.len; len++)
			assert_int_equal(iu_parse_cut(&iu, len, &cmd), SRP_ERR_DESC);
		assert_int_equal(iu_parse(&iu, &iu_limits, &cmd), SRP_OK);
		assert_int_equal(iu.len, 48 + 20 + 16 * k);
		assert_int_equal(cmd.out.desc_off, 68);
		assert_int_equal(cmd.out.n_inline, k);
		assert_int_equal(cmd.out.n_total, k + 1);
	}
}

static void indirect_follows_the_additional_cdb(void **state)
{
	struct srp_cmd cmd;
	struct iu iu;

	for (size_t n = 0; n <= 252; n += 4) {
		iu_cmd(&iu, SRP_FMT_NONE, SRP_FMT_INDIRECT, (uint8_t)n);
		iu_count_in(&iu, 3);
		iu_indirect(&iu, 48, 3, 3, 1);
		assert_int_equal(iu_parse_cut(&iu, iu.len - 1, &cmd), SRP_ERR_DESC);
		assert_int_equal(iu_parse(&iu, &iu_limits, &cmd), SRP_OK);
		assert_int_equal(cmd.in.desc_off, 48 + n + 20);
		assert_desc_at(&iu, cmd.in.desc_off + 32, 0x3000, 0x77, 1);
	}
}

static void table_length_is_a_multiple_of_16(void **state)
{
	struct srp_cmd cmd;

	for (uint32_t bytes = 32; bytes < 32 + 48; bytes++)
		assert_int_equal(table(bytes, 1024, 2, 512, &cmd),
				 bytes % 16 ? SRP_ERR_TABLE_LEN : SRP_OK);
	assert_int_equal(table(UINT32_MAX, 1024, 2, 512, &cmd), SRP_ERR_TABLE_LEN);
	assert_int_equal(table(1, 0, 0, 0, &cmd), SRP_ERR_TABLE_LEN);
	assert_int_equal(table(15, 0, 0, 0, &cmd), SRP_ERR_TABLE_LEN);
}

static void table_holds_at_least_the_inline_entries(void **state)
{
	struct srp_cmd cmd;

	for (uint32_t n = 0; n < 12; n++)
		assert_int_equal(table(16 * n, 512, 12, 512, &cmd), SRP_ERR_TABLE_COUNT);
	assert_int_equal(table(16 * 12, 512, 12, 512, &cmd), SRP_OK);
	assert_int_equal(table(16 * 254, 0, 255, 0, &cmd), SRP_ERR_TABLE_COUNT);
	assert_int_equal(table(16 * 255, 0, 255, 0, &cmd), SRP_OK);
}

static void table_is_not_longer_than_the_limit(void **state)
{
	struct srp_cmd cmd;

	assert_int_equal(table(16u * 65536, 1 << 20, 2, 512, &cmd), SRP_OK);
	assert_int_equal(cmd.out.n_total, 65536);
	assert_int_equal(table(16u * 65537, 1 << 20, 2, 512, &cmd), SRP_ERR_TABLE_LIMIT);
	assert_int_equal(table(0xfffffff0, 1 << 20, 2, 512, &cmd), SRP_ERR_TABLE_LIMIT);
}

static void limit_is_the_callers(void **state)
{
	struct srp_cmd_limits limits = { .max_table = 3 };
	struct srp_cmd cmd;
	struct iu iu;

	for (uint32_t k = 1; k <= 5; k++) {
		iu_cmd(&iu, SRP_FMT_NONE, SRP_FMT_INDIRECT, 0);
		iu_count_in(&iu, (uint8_t)k);
		iu_indirect(&iu, 16 * k, 512, k, 512);
		assert_int_equal(iu_parse(&iu, &limits, &cmd),
				 k <= 3 ? SRP_OK : SRP_ERR_TABLE_LIMIT);
	}
}

static void empty_table_of_no_bytes_is_none(void **state)
{
	struct srp_cmd cmd;

	assert_int_equal(table(0, 0, 0, 0, &cmd), SRP_OK);
	assert_absent(&cmd.out);
	assert_absent(&cmd.in);
}

static void empty_table_still_takes_its_20_bytes(void **state)
{
	struct srp_cmd cmd;
	struct iu iu;

	iu_cmd(&iu, SRP_FMT_INDIRECT, SRP_FMT_DIRECT, 0);
	iu_indirect(&iu, 0, 0, 0, 0);
	iu_direct(&iu, 0xdd000, 0x55, 100);
	assert_int_equal(iu_parse(&iu, &iu_limits, &cmd), SRP_OK);
	assert_absent(&cmd.out);
	assert_int_equal(cmd.in.fmt, SRP_FMT_DIRECT);
	assert_int_equal(cmd.in.desc_off, 68);
	assert_int_equal(cmd.in.len, 100);
}

static void empty_table_holds_no_bytes(void **state)
{
	struct srp_cmd cmd;

	assert_int_equal(table(0, 1, 0, 0, &cmd), SRP_ERR_TABLE_SUM);
	assert_int_equal(table(0, UINT32_MAX, 0, 0, &cmd), SRP_ERR_TABLE_SUM);
}

static void table_without_inline_entries_is_fetched(void **state)
{
	struct srp_cmd cmd;

	assert_int_equal(table(640, 1 << 20, 0, 0, &cmd), SRP_OK);
	assert_int_equal(cmd.out.fmt, SRP_FMT_INDIRECT);
	assert_int_equal(cmd.out.n_inline, 0);
	assert_int_equal(cmd.out.n_total, 40);
	assert_int_equal(cmd.out.table_va, 0xabc000);
	assert_int_equal(cmd.out.table_rkey, 0x99);
	assert_int_equal(cmd.out.len, 1 << 20);
}

static void sum_is_at_least_the_length(void **state)
{
	struct srp_cmd cmd;

	assert_int_equal(table(64, 4 * 512 + 1, 4, 512, &cmd), SRP_ERR_TABLE_SUM);
	assert_int_equal(table(64, 4 * 512, 4, 512, &cmd), SRP_OK);
	assert_int_equal(cmd.out.len, 4 * 512);
	assert_int_equal(table(64, 4 * 512 - 1, 4, 512, &cmd), SRP_OK);
	assert_int_equal(cmd.out.len, 4 * 512 - 1);
	assert_int_equal(table(64, 0, 4, 512, &cmd), SRP_OK);
	assert_int_equal(cmd.out.len, 0);
}

/* In 32 bits these sums are 0, 0xfffffffe, 0xffffff01: all less than the length. */
static void sum_does_not_wrap_at_32_bits(void **state)
{
	struct srp_cmd cmd;

	assert_int_equal(table(32, UINT32_MAX, 2, 0x80000000, &cmd), SRP_OK);
	assert_int_equal(cmd.out.len, UINT32_MAX);
	assert_int_equal(table(32, UINT32_MAX, 2, UINT32_MAX, &cmd), SRP_OK);
	assert_int_equal(table(16 * 255, UINT32_MAX, 255, UINT32_MAX, &cmd), SRP_OK);
	assert_int_equal(table(32, UINT32_MAX, 2, 0x7fffffff, &cmd), SRP_ERR_TABLE_SUM);
	assert_int_equal(table(16, UINT32_MAX, 1, UINT32_MAX - 1, &cmd), SRP_ERR_TABLE_SUM);
	assert_int_equal(table(16, UINT32_MAX, 1, UINT32_MAX, &cmd), SRP_OK);
}

/* The rest of the table is not known yet: whoever fetches it adds up. */
static void sum_of_a_partial_table_is_not_judged(void **state)
{
	struct srp_cmd cmd;

	assert_int_equal(table(16 * 3, UINT32_MAX, 2, 1, &cmd), SRP_OK);
	assert_int_equal(cmd.out.len, UINT32_MAX);
	assert_int_equal(cmd.out.n_inline, 2);
	assert_int_equal(cmd.out.n_total, 3);
}

static void desc_sum_has_64_bits(void **state)
{
	uint8_t *bytes = calloc(1000, 16);

	assert_non_null(bytes);
	for (uint32_t i = 0; i < 1000; i++)
		srp_desc_store(bytes + 16 * i, &(struct srp_desc){ 0, 0, UINT32_MAX });
	assert_int_equal(srp_desc_sum(bytes, 0), 0);
	assert_int_equal(srp_desc_sum(bytes, 1), UINT32_MAX);
	assert_int_equal(srp_desc_sum(bytes, 1000), 1000ull * UINT32_MAX);
	free(bytes);
}

static void desc_survives_store_and_load_at_any_alignment(void **state)
{
	const struct srp_desc desc = { 0x0123456789abcdef, 0xfedcba98, 0x76543210 };
	const uint8_t wire[16] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
				   0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10 };
	uint8_t buf[32];

	for (size_t at = 0; at < 16; at++) {
		struct srp_desc back;

		srp_desc_store(buf + at, &desc);
		assert_memory_equal(buf + at, wire, 16);
		back = srp_desc_load(buf + at);
		assert_int_equal(back.va, desc.va);
		assert_int_equal(back.rkey, desc.rkey);
		assert_int_equal(back.len, desc.len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(indirect_needs_20_and_16_k_bytes),
		cmocka_unit_test(indirect_follows_the_additional_cdb),
		cmocka_unit_test(table_length_is_a_multiple_of_16),
		cmocka_unit_test(table_holds_at_least_the_inline_entries),
		cmocka_unit_test(table_is_not_longer_than_the_limit),
		cmocka_unit_test(limit_is_the_callers),
		cmocka_unit_test(empty_table_of_no_bytes_is_none),
		cmocka_unit_test(empty_table_still_takes_its_20_bytes),
		cmocka_unit_test(empty_table_holds_no_bytes),
		cmocka_unit_test(table_without_inline_entries_is_fetched),
		cmocka_unit_test(sum_is_at_least_the_length),
		cmocka_unit_test(sum_does_not_wrap_at_32_bits),
		cmocka_unit_test(sum_of_a_partial_table_is_not_judged),
		cmocka_unit_test(desc_sum_has_64_bits),
		cmocka_unit_test(desc_survives_store_and_load_at_any_alignment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
