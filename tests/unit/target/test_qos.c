/* SPDX-License-Identifier: BSD-2-Clause */
/* Limits against a clock of the test's own: how many commands begin in a time, alone and in turns.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/clock.h"
#include "target/qos.h"

enum {
	MAX_DEPTH = 64
};

/* A worker that has always `depth` commands under way: how many begin before `end`. */
struct load {
	size_t worker;
	unsigned int depth;
	uint64_t bytes;
	uint64_t began[MAX_DEPTH]; /* when each place's command begins; it takes no time then */
	uint64_t n;
};

static void step(struct qos *q, struct load *l, uint64_t now)
{
	for (unsigned int i = 0; i < l->depth; i++)
		while (l->began[i] <= now) {
			uint64_t start = qos_start(q, l->worker, now, l->bytes);

			l->n += start <= now;
			l->began[i] = start <= now ? now + NSEC_PER_MSEC / 10 : start;
			if (start > now)
				l->n++; /* it will begin then */
		}
}

/* Run loads for some seconds, balanced as the server does it. */
static void run(struct qos *q, struct load *loads, size_t n, uint64_t *now, unsigned int seconds)
{
	uint64_t end = *now + seconds * NSEC_PER_SEC, balanced = *now;

	for (; *now < end; *now += NSEC_PER_MSEC / 10) {
		for (size_t i = 0; i < n; i++)
			step(q, &loads[i], *now);
		if (*now - balanced >= QOS_BALANCE_MS * NSEC_PER_MSEC) {
			qos_balance(q, *now - balanced);
			balanced = *now;
		}
	}
}

static void test_iops_of_one_worker(void **state)
{
	struct qos *q = qos_new("x", 1);
	struct load l = { .depth = 8, .bytes = 4096 };
	uint64_t now = NSEC_PER_SEC;

	qos_set(q, &(struct qos_rate){ .iops = 1000, .burst_ms = 0 });
	run(q, &l, 1, &now, 10);
	assert_in_range(l.n, 9990, 10010);
	qos_free(q);
}

static void test_bandwidth(void **state)
{
	struct qos *q = qos_new("x", 1);
	struct load l = { .depth = 4, .bytes = 1 << 20 };
	uint64_t now = NSEC_PER_SEC;

	qos_set(q, &(struct qos_rate){ .bytes = 100 << 20 });
	run(q, &l, 1, &now, 10);
	assert_in_range(l.n, 996, 1005);
	qos_free(q);
}

/* The tighter of the two counts. */
static void test_both(void **state)
{
	struct qos *q = qos_new("x", 1);
	struct load l = { .depth = 4, .bytes = 1 << 20 };
	uint64_t now = NSEC_PER_SEC;

	qos_set(q, &(struct qos_rate){ .iops = 50, .bytes = 100 << 20 });
	run(q, &l, 1, &now, 10);
	assert_in_range(l.n, 496, 505);
	qos_free(q);
}

/* After a rest `burst` worth of the rate passes at once, no more. */
static void test_burst(void **state)
{
	struct qos *q = qos_new("x", 1);
	uint64_t now = 100 * NSEC_PER_SEC;
	unsigned int n = 0;

	qos_set(q, &(struct qos_rate){ .iops = 1000, .burst_ms = 100 });
	while (qos_start(q, 0, now, 0) == now)
		n++;
	assert_in_range(n, 100, 101);
	assert_int_equal(q->bucket[0].delayed, 1);
	qos_free(q);
}

static void test_no_limit(void **state)
{
	struct qos *q = qos_new("x", 1);

	for (int i = 0; i < 1000; i++)
		assert_int_equal(qos_start(q, 0, 5, 1 << 20), 5);
	qos_free(q);
}

/* Two workers with the same load get the same, and together the rate. */
static void test_equal_shares(void **state)
{
	struct qos *q = qos_new("x", 2);
	struct load l[2] = { { .depth = 8 }, { .worker = 1, .depth = 8 } };
	uint64_t now = NSEC_PER_SEC;

	qos_set(q, &(struct qos_rate){ .iops = 1000 });
	run(q, l, 2, &now, 10);
	assert_in_range(l[0].n + l[1].n, 9900, 10050);
	assert_in_range(l[0].n, 4900, 5100);
	qos_free(q);
}

/* A worker alone gets nearly all of it; when another comes, both have the same again. */
static void test_shares_follow_the_load(void **state)
{
	struct qos *q = qos_new("x", 4);
	struct load l[2] = { { .depth = 8 }, { .worker = 3, .depth = 8 } };
	uint64_t now = NSEC_PER_SEC;

	qos_set(q, &(struct qos_rate){ .iops = 1000 });
	run(q, l, 1, &now, 2);
	l[0].n = 0;
	run(q, l, 1, &now, 10);
	assert_in_range(l[0].n, 9200, 10050);
	run(q, l, 2, &now, 2);
	l[0].n = l[1].n = 0;
	run(q, l, 2, &now, 10);
	assert_in_range(l[0].n + l[1].n, 9200, 10050);
	assert_in_range(l[1].n * 100 / l[0].n, 95, 105);
	qos_free(q);
}

/* Who asks for little is not held up by who asks for all. */
static void test_a_small_load_is_not_delayed(void **state)
{
	struct qos *q = qos_new("x", 2);
	struct load big = { .depth = 16 };
	uint64_t now = NSEC_PER_SEC, before;

	qos_set(q, &(struct qos_rate){ .iops = 1000, .burst_ms = 50 });
	for (int i = 0; i < 40; i++) { /* 20 commands per second */
		if (i == 20)
			before = q->bucket[1].delayed;
		assert_true(qos_start(q, 1, now, 0) <= now + 60 * NSEC_PER_MSEC);
		run(q, &big, 1, &now, 1);
	}
	assert_int_equal(q->bucket[1].delayed, before);
	assert_true(big.n > 36000);
	qos_free(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_iops_of_one_worker),
		cmocka_unit_test(test_bandwidth),
		cmocka_unit_test(test_both),
		cmocka_unit_test(test_burst),
		cmocka_unit_test(test_no_limit),
		cmocka_unit_test(test_equal_shares),
		cmocka_unit_test(test_shares_follow_the_load),
		cmocka_unit_test(test_a_small_load_is_not_delayed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
