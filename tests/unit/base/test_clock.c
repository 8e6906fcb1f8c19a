/* SPDX-License-Identifier: BSD-2-Clause */
/* The clock and the random generator, and how they are replaced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"

static uint64_t fake_now(void)
{
	return 42;
}

static void fake_random(void *buf, size_t len)
{
	memset(buf, 0x5a, len);
}

static void system_clock_does_not_go_back(void **state)
{
	uint64_t last = clock_now_ns();

	assert_true(last > 0);
	for (int i = 0; i < 1000; i++) {
		uint64_t now = clock_now_ns();

		assert_true(now >= last);
		last = now;
	}
}

static void system_random_fills_the_whole_buffer_and_no_more(void **state)
{
	uint8_t buf[1024 + 1];
	uint8_t seen[1024] = { 0 };

	buf[1024] = 0x5a;
	for (int round = 0; round < 16; round++) {
		memset(buf, 0, 1024);
		clock_random(buf, 1024);
		for (size_t i = 0; i < 1024; i++)
			seen[i] |= buf[i];
	}
	for (size_t i = 0; i < 1024; i++)
		assert_true(seen[i] != 0); /* wrong once in 2^118 runs */
	assert_int_equal(buf[1024], 0x5a);
}

static void both_can_be_replaced(void **state)
{
	static const struct clock_source fake = { .now_ns = fake_now, .random = fake_random };
	const struct clock_source *saved = clock_source;
	uint8_t buf[3] = { 0 };

	clock_source = &fake;
	clock_random(buf, 2);
	assert_int_equal(clock_now_ns(), 42);
	assert_memory_equal(buf, "\x5a\x5a\0", 3);
	clock_source = saved;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(system_clock_does_not_go_back),
		cmocka_unit_test(system_random_fills_the_whole_buffer_and_no_more),
		cmocka_unit_test(both_can_be_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
