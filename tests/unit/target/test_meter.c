/* SPDX-License-Identifier: BSD-2-Clause */
/* Histograms of durations: buckets join without gaps, quantiles are near, sums lose nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "target/meter.h"

static void test_buckets_join(void **state)
{
	assert_int_equal(lat_bucket(0), 0);
	for (unsigned int i = 0; i + 1 < LAT_BUCKETS; i++) {
		assert_int_equal(lat_bucket(lat_below(i) - 1), i);
		assert_int_equal(lat_bucket(lat_below(i)), i + 1);
	}
	assert_int_equal(lat_bucket(UINT64_MAX), LAT_BUCKETS - 1);
	assert_true(lat_below(LAT_BUCKETS - 1) > 60ull * 1000000000);
}

/* Above the first buckets no upper end is more than a quarter above what lies in the bucket. */
static void test_width(void **state)
{
	for (unsigned int i = LAT_STEPS; i < LAT_BUCKETS; i++)
		assert_true(lat_below(i) * 4 <= lat_below(i - 1) * 5);
}

static void test_quantile(void **state)
{
	uint64_t lat[LAT_BUCKETS] = { 0 };

	assert_int_equal(lat_quantile(lat, 0.5), 0);
	for (uint64_t us = 1; us <= 1000; us++)
		lat[lat_bucket(us * 1000)]++;
	assert_int_equal(lat_count(lat), 1000);
	assert_in_range(lat_quantile(lat, 0.5), 500000, 625000);
	assert_in_range(lat_quantile(lat, 0.99), 990000, 1237500);
	assert_in_range(lat_quantile(lat, 1), 1000000, 1250000);
	assert_in_range(lat_quantile(lat, 0), 1000, 1280);
}

static void test_sum(void **state)
{
	struct meter *m = meters_new(2), sum = { 0 };

	for (int i = 0; i < 2; i++) {
		meter_add(&m[i].started, 5);
		meter_add(&m[i].aborted, 1);
		meter_add(&m[i].side[METER_READ].lat[7], 2);
		meter_add(&m[i].side[METER_OTHER].lat[9], 1);
		meter_add(&m[i].side[METER_READ].bytes, 4096);
		meter_sum(&sum, &m[i]);
	}
	assert_int_equal(sum.started, 10);
	assert_int_equal(sum.side[METER_READ].bytes, 8192);
	assert_int_equal(lat_count(sum.side[METER_READ].lat), 4);
	assert_int_equal(meter_in_flight(&sum), 2);
	sum.started = 3; /* an end was seen before its start */
	assert_int_equal(meter_in_flight(&sum), 0);
	assert_int_equal((uintptr_t)&m[1] % 64, 0);
	free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buckets_join),
		cmocka_unit_test(test_width),
		cmocka_unit_test(test_quantile),
		cmocka_unit_test(test_sum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
