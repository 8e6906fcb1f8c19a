/* SPDX-License-Identifier: BSD-2-Clause */
/* The request limit: who may spend the last credit, and deltas of every sign. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "srpio/credit.h"

static int spend_commands(struct srpi_credit *c)
{
	int n = 0;

	while (n < 1000 && srpi_credit_take_cmd(c))
		n++;
	return n;
}

static void test_last_one_is_for_tmf(void **state)
{
	struct srpi_credit c;

	srpi_credit_init(&c, 64);
	assert_int_equal(spend_commands(&c), 63);
	assert_true(srpi_credit_take_tmf(&c));
	assert_false(srpi_credit_take_tmf(&c));
	assert_int_equal(c.limit, 0);
}

static void test_limit_of_one_is_usable(void **state)
{
	struct srpi_credit c;

	srpi_credit_init(&c, 1);
	assert_int_equal(spend_commands(&c), 1);
	srpi_credit_add(&c, 1);
	assert_int_equal(spend_commands(&c), 1);
	srpi_credit_add(&c, 2);
	assert_int_equal(spend_commands(&c), 1);
}

static void test_zero_limit(void **state)
{
	struct srpi_credit c;

	srpi_credit_init(&c, 0);
	assert_int_equal(spend_commands(&c), 0);
	assert_false(srpi_credit_take_tmf(&c));
}

static void test_negative_delta_shrinks(void **state)
{
	struct srpi_credit c;

	srpi_credit_init(&c, 4);
	srpi_credit_add(&c, -6);
	assert_int_equal(c.limit, -2);
	assert_int_equal(spend_commands(&c), 0);
	srpi_credit_add(&c, 5);
	assert_int_equal(spend_commands(&c), 2);
}

static void test_saturates(void **state)
{
	struct srpi_credit c;

	srpi_credit_init(&c, INT32_MAX);
	srpi_credit_add(&c, INT32_MAX);
	assert_int_equal(c.limit, INT32_MAX);
	srpi_credit_add(&c, INT32_MIN);
	srpi_credit_add(&c, INT32_MIN);
	assert_int_equal(c.limit, INT32_MIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_last_one_is_for_tmf),
		cmocka_unit_test(test_limit_of_one_is_usable),
		cmocka_unit_test(test_zero_limit),
		cmocka_unit_test(test_negative_delta_shrinks),
		cmocka_unit_test(test_saturates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
