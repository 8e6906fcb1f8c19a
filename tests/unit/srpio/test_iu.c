/* SPDX-License-Identifier: BSD-2-Clause */
/* SRP_CMD as built here must be what the codec of the target understands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "srpio/iu.h"

enum { IU_MAX = 8260, DATA = 65536, TABLE_MAX = 4096, VA = 0x10000 };

static uint8_t iu[IU_MAX], table[TABLE_MAX * SRP_DIRECT_DESC_LEN], bytes[DATA];
static const uint8_t lun[8] = { 0, 1 };
static const uint8_t cdb[SRPI_CDB_MAX] = { 0x2a, [16] = 0xaa, [19] = 0xbb };

static struct iu_cmd command(const struct srpi_layout *layout, uint32_t len)
{
	return (struct iu_cmd){
		.tag = 0x1122334455667788,
		.lun = lun,
		.cdb = cdb,
		.cdb_len = 10,
		.layout = layout,
		.sg_inline = 12,
		.imm_offset = 68,
		.out = { .bytes = bytes,
			 .va = VA,
			 .rkey = 0x55,
			 .len = len,
			 .table = table,
			 .table_va = 0xabc000,
			 .table_rkey = 0x99 },
	};
}

static struct srp_cmd parse(int len)
{
	const struct srp_cmd_limits limits = { .imm_data_offset = 68, .max_table = TABLE_MAX };
	struct srp_cmd cmd;

	assert_true(len > 0);
	assert_int_equal(srp_cmd_parse(iu, (size_t)len, &limits, &cmd), SRP_OK);
	assert_int_equal(cmd.tag, 0x1122334455667788);
	assert_memory_equal(cmd.lun, lun, 8);
	return cmd;
}

static void test_direct(void **state)
{
	const struct srpi_layout layout = { SRPI_DESC_DIRECT, 1, false };
	struct iu_cmd in = command(&layout, 4096);
	struct srp_cmd cmd = parse(iu_cmd_build(iu, IU_MAX, &in));
	struct srp_desc desc = srp_desc_load(iu + cmd.out.desc_off);

	assert_int_equal(cmd.out.fmt, SRP_FMT_DIRECT);
	assert_int_equal(cmd.in.fmt, SRP_FMT_NONE);
	assert_int_equal(desc.va, VA);
	assert_int_equal(desc.rkey, 0x55);
	assert_int_equal(desc.len, 4096);
}

/* Descriptors follow each other without gap or overlap and cover the buffer. */
static void check_table(const uint8_t *p, uint32_t n, uint32_t len)
{
	uint64_t at = VA;
	uint32_t i;

	for (i = 0; i < n; i++) {
		struct srp_desc desc = srp_desc_load(p + (size_t)i * SRP_DIRECT_DESC_LEN);

		assert_int_equal(desc.va, at);
		assert_true(desc.len > 0);
		at += desc.len;
	}
	assert_int_equal(at, VA + len);
}

static void check_indirect(uint32_t sg, bool odd, uint32_t len)
{
	const struct srpi_layout layout = { SRPI_DESC_INDIRECT, sg, odd };
	struct iu_cmd in = command(&layout, len);
	struct srp_cmd cmd = parse(iu_cmd_build(iu, IU_MAX, &in));
	uint32_t n = sg < len ? sg : len;

	assert_int_equal(cmd.out.fmt, SRP_FMT_INDIRECT);
	assert_int_equal(cmd.out.len, len);
	assert_int_equal(cmd.out.n_inline, n);
	assert_int_equal(cmd.out.n_total, n);
	check_table(iu + cmd.out.desc_off, n, len);
}

static void test_indirect(void **state)
{
	static const uint32_t lens[] = { 1, 3, 511, 512, 513, 4096, 10000, DATA };
	uint32_t sg;
	size_t i;

	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		for (sg = 1; sg <= 255; sg += 7) {
			check_indirect(sg, false, lens[i]);
			check_indirect(sg, true, lens[i]);
		}
	}
}

static void test_odd_cuts(void **state)
{
	uint32_t i, unaligned = 0;

	for (i = 1; i < 8; i++) {
		assert_int_equal(iu_cut(8192, 8, i, false) % 512, 0);
		unaligned += iu_cut(8192, 8, i, true) % 2;
	}
	assert_true(unaligned > 0);
}

static void test_partial(void **state)
{
	const struct srpi_layout layout = { SRPI_DESC_PARTIAL, 40, false };
	struct iu_cmd in = command(&layout, DATA);
	struct srp_cmd cmd = parse(iu_cmd_build(iu, IU_MAX, &in));

	assert_int_equal(cmd.out.n_inline, 12);
	assert_int_equal(cmd.out.n_total, 40);
	assert_int_equal(cmd.out.table_va, 0xabc000);
	assert_int_equal(cmd.out.table_rkey, 0x99);
	check_table(table, 40, DATA);
	assert_memory_equal(iu + cmd.out.desc_off, table, 12 * SRP_DIRECT_DESC_LEN);
}

/* Even where all would fit, less than all is given inline. */
static void test_partial_is_partial(void **state)
{
	const struct srpi_layout layout = { SRPI_DESC_PARTIAL, 2, false };
	struct iu_cmd in = command(&layout, 4096);
	struct srp_cmd cmd = parse(iu_cmd_build(iu, IU_MAX, &in));

	assert_int_equal(cmd.out.n_inline, 1);
	assert_int_equal(cmd.out.n_total, 2);
}

static void test_immediate(void **state)
{
	const struct srpi_layout layout = { SRPI_DESC_DIRECT, 1, false };
	struct iu_cmd in = command(&layout, 512);
	struct srp_cmd cmd;

	in.imm_max = 8192;
	memset(bytes, 0xa5, 512);
	cmd = parse(iu_cmd_build(iu, IU_MAX, &in));
	assert_int_equal(cmd.out.fmt, SRP_FMT_IMMEDIATE);
	assert_int_equal(cmd.out.len, 512);
	assert_memory_equal(iu + cmd.out.imm_off, bytes, 512);
	in.out.len = 8193;
	assert_int_equal(parse(iu_cmd_build(iu, IU_MAX, &in)).out.fmt, SRP_FMT_DIRECT);
	in.out.len = 512;
	in.cdb_len = 36; /* the length word would lie beyond the offset */
	assert_int_equal(parse(iu_cmd_build(iu, IU_MAX, &in)).out.fmt, SRP_FMT_DIRECT);
}

static void test_both_directions(void **state)
{
	const struct srpi_layout layout = { SRPI_DESC_INDIRECT, 3, false };
	struct iu_cmd in = command(&layout, 4096);
	struct srp_cmd cmd;

	in.imm_max = 8192;
	in.in = in.out;
	in.in.len = 512;
	cmd = parse(iu_cmd_build(iu, IU_MAX, &in));
	assert_int_equal(cmd.out.fmt, SRP_FMT_INDIRECT);
	assert_int_equal(cmd.in.fmt, SRP_FMT_INDIRECT);
	assert_int_equal(cmd.in.len, 512);
	assert_true(cmd.in.desc_off > cmd.out.desc_off);
}

static void test_additional_cdb(void **state)
{
	const struct srpi_layout layout = { SRPI_DESC_DIRECT, 1, false };
	struct iu_cmd in = command(&layout, 512);
	struct srp_cmd cmd;

	in.cdb_len = 18;
	cmd = parse(iu_cmd_build(iu, IU_MAX, &in));
	assert_int_equal(cmd.cdb_len, 20);
	assert_int_equal(iu[cmd.cdb_off + 16], 0xaa);
	assert_int_equal(iu[cmd.cdb_off + 19], 0); /* beyond the CDB: padding, not memory */
}

static void test_too_small(void **state)
{
	const struct srpi_layout layout = { SRPI_DESC_INDIRECT, 12, false };
	struct iu_cmd in = command(&layout, 4096);

	assert_int_equal(iu_cmd_build(iu, 260, &in), 260);
	assert_int_equal(iu_cmd_build(iu, 259, &in), -EMSGSIZE);
	assert_int_equal(iu_cmd_build(iu, 47, &in), -EMSGSIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_direct),
		cmocka_unit_test(test_indirect),
		cmocka_unit_test(test_odd_cuts),
		cmocka_unit_test(test_partial),
		cmocka_unit_test(test_partial_is_partial),
		cmocka_unit_test(test_immediate),
		cmocka_unit_test(test_both_directions),
		cmocka_unit_test(test_additional_cdb),
		cmocka_unit_test(test_too_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
