/* SPDX-License-Identifier: BSD-2-Clause */
/* The checker must name each kind of damage, and find it wherever it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "srpio/pattern.h"

enum { BLOCK = 512 };

static const struct pattern_id id = { .seed = 7, .lba = 1000, .sequence = 3 };

static enum pattern_verdict check(const uint8_t *b, struct pattern_result *result)
{
	char text[128];

	pattern_check(b, BLOCK, &id, result);
	assert_true(strlen(pattern_text(result, &id, text, sizeof(text))) > 5);
	return result->verdict;
}

static void test_right(void **state)
{
	struct pattern_result r;
	uint8_t b[4096];
	size_t len;

	for (len = 64; len <= sizeof(b); len *= 2) {
		pattern_fill(b, len, &id);
		assert_int_equal(pattern_check(b, len, &id, &r), PATTERN_OK);
	}
}

static void check_other(const struct pattern_id *other, enum pattern_verdict want)
{
	struct pattern_result r;
	uint8_t b[BLOCK];

	pattern_fill(b, BLOCK, other);
	assert_int_equal(check(b, &r), want);
	assert_memory_equal(&r.found, other, sizeof(*other));
}

static void test_wrong_lba(void **state)
{
	check_other(&(struct pattern_id){ 7, 1001, 3 }, PATTERN_LBA);
	check_other(&(struct pattern_id){ 7, 1000 + (1ull << 32), 3 }, PATTERN_LBA);
}

static void test_stale_sequence(void **state)
{
	check_other(&(struct pattern_id){ 7, 1000, 2 }, PATTERN_SEQUENCE);
}

static void test_other_seed(void **state)
{
	check_other(&(struct pattern_id){ 8, 1000, 3 }, PATTERN_SEED);
}

static void test_every_bit(void **state)
{
	struct pattern_result r;
	uint8_t b[BLOCK];
	size_t bit;

	pattern_fill(b, BLOCK, &id);
	for (bit = 0; bit < BLOCK * 8; bit++) {
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(check(b, &r), PATTERN_BITS);
		assert_int_equal(r.bits, 1);
		assert_int_equal(r.first_bad, bit / 8);
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(check(b, &r), PATTERN_OK);
}

static void test_zeros(void **state)
{
	struct pattern_result r;
	uint8_t b[BLOCK] = { 0 };

	assert_int_equal(check(b, &r), PATTERN_ZEROS);
}

/* The front of the new block, the rest of the old one: half a write. */
static void test_torn(void **state)
{
	const struct pattern_id old = { 7, 1000, 2 };
	struct pattern_result r;
	uint8_t b[BLOCK], o[BLOCK];

	pattern_fill(b, BLOCK, &id);
	pattern_fill(o, BLOCK, &old);
	memcpy(b + 256, o + 256, 256);
	assert_int_equal(check(b, &r), PATTERN_TORN);
	assert_in_range(r.first_bad, 256, 263);
	memset(b + 256, 0, 256);
	assert_int_equal(check(b, &r), PATTERN_TORN);
}

static void test_garbage(void **state)
{
	struct pattern_result r;
	uint8_t b[BLOCK];

	memset(b, 0xee, BLOCK);
	assert_int_equal(check(b, &r), PATTERN_GARBAGE);
}

/* A header alone does not make a block: its fill must belong to it. */
static void test_forged_header(void **state)
{
	const struct pattern_id other = { 7, 1001, 3 };
	struct pattern_result r;
	uint8_t b[BLOCK], o[BLOCK];

	pattern_fill(b, BLOCK, &id);
	pattern_fill(o, BLOCK, &other);
	memcpy(b, o, 32);
	assert_int_not_equal(check(b, &r), PATTERN_OK);
	assert_int_not_equal(r.verdict, PATTERN_LBA);
}

static void test_blocks_differ(void **state)
{
	const struct pattern_id next = { 7, 1001, 3 };
	uint8_t a[BLOCK], b[BLOCK];
	size_t i, equal = 0;

	pattern_fill(a, BLOCK, &id);
	pattern_fill(b, BLOCK, &next);
	for (i = 32; i < BLOCK; i += 8)
		equal += !memcmp(a + i, b + i, 8);
	assert_int_equal(equal, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right),	       cmocka_unit_test(test_wrong_lba),
		cmocka_unit_test(test_stale_sequence), cmocka_unit_test(test_other_seed),
		cmocka_unit_test(test_every_bit),      cmocka_unit_test(test_zeros),
		cmocka_unit_test(test_torn),	       cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_forged_header),  cmocka_unit_test(test_blocks_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
