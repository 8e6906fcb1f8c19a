/* SPDX-License-Identifier: BSD-2-Clause */
/* Percentiles against exact ones, at most 1/32 too high. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "srpio/hist.h"

static struct hist h;

static void assert_close(uint64_t got, uint64_t exact)
{
	assert_true(got >= exact);
	assert_true(got <= exact + exact / 32);
}

static void test_empty(void **state)
{
	hist_init(&h);
	assert_int_equal(hist_percentile(&h, 50), 0);
	assert_true(hist_mean(&h) == 0);
}

static void test_small_exact(void **state)
{
	uint64_t v;

	hist_init(&h);
	for (v = 0; v < 64; v++)
		hist_add(&h, v);
	assert_int_equal(hist_percentile(&h, 50), 31);
	assert_int_equal(hist_percentile(&h, 100), 63);
	assert_int_equal(hist_percentile(&h, 0), 0);
	assert_true(hist_mean(&h) == 31.5);
}

static void test_uniform(void **state)
{
	uint64_t v;

	hist_init(&h);
	for (v = 1; v <= 1000000; v++)
		hist_add(&h, v);
	assert_close(hist_percentile(&h, 1), 10000);
	assert_close(hist_percentile(&h, 50), 500000);
	assert_close(hist_percentile(&h, 99), 990000);
	assert_close(hist_percentile(&h, 99.9), 999000);
	assert_int_equal(hist_percentile(&h, 100), 1000000);
	assert_int_equal(h.min, 1);
	assert_int_equal(h.max, 1000000);
}

static void test_tail(void **state)
{
	int i;

	hist_init(&h);
	for (i = 0; i < 99; i++)
		hist_add(&h, 100);
	hist_add(&h, 1000000);
	assert_close(hist_percentile(&h, 99), 100);
	assert_int_equal(hist_percentile(&h, 99.5), 1000000);
}

static void test_every_magnitude(void **state)
{
	unsigned int bit;

	for (bit = 0; bit < 64; bit++) {
		uint64_t v = 1ull << bit, edge[] = { v - 1, v, v + 1 };
		size_t i;

		for (i = 0; i < ARRAY_SIZE(edge); i++) {
			hist_init(&h);
			hist_add(&h, edge[i]);
			assert_int_equal(hist_percentile(&h, 50), edge[i]);
		}
	}
	hist_init(&h);
	hist_add(&h, UINT64_MAX);
	assert_int_equal(hist_percentile(&h, 50), UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),	cmocka_unit_test(test_small_exact),
		cmocka_unit_test(test_uniform), cmocka_unit_test(test_tail),
		cmocka_unit_test(test_every_magnitude),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
