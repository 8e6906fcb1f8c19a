/* SPDX-License-Identifier: BSD-2-Clause */
/* The macros that C17 lacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"

static void min_and_max_choose(void **state)
{
	assert_int_equal(MIN(1, 2), 1);
	assert_int_equal(MIN(2, 1), 1);
	assert_int_equal(MAX(1, 2), 2);
	assert_int_equal(MAX(2, 1), 2);
	assert_int_equal(MIN(-1, 1), -1);
	assert_true(MAX(UINT64_MAX, 1ull) == UINT64_MAX);
}

static void min_and_max_evaluate_once(void **state)
{
	int a = 0, b = 10;

	assert_int_equal(MIN(a++, b++), 0);
	assert_int_equal(MAX(a++, b++), 11);
	assert_int_equal(a, 2);
	assert_int_equal(b, 12);
}

static void min_and_max_nest(void **state)
{
	int x = 3; /* names of the caller are not captured */

	assert_int_equal(MIN(x, MAX(MIN(5, 1), MIN(x, 2))), 2);
	assert_int_equal(MAX(MAX(1, x), MAX(2, MIN(4, 9))), 4);
}

struct outer {
	int before;
	int member;
};

static void container_of_finds_the_outer_object(void **state)
{
	struct outer outer;

	assert_ptr_equal(container_of(&outer.member, struct outer, member), &outer);
}

static void array_size_counts_elements(void **state)
{
	assert_int_equal(ARRAY_SIZE(((const struct outer[7]){ { 0 } })), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(min_and_max_choose),
		cmocka_unit_test(min_and_max_evaluate_once),
		cmocka_unit_test(min_and_max_nest),
		cmocka_unit_test(container_of_finds_the_outer_object),
		cmocka_unit_test(array_size_counts_elements),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
