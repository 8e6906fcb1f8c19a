/* SPDX-License-Identifier: BSD-2-Clause */
/* The timer heap against a plain list of deadlines. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/timer.h"

enum {
	N = 200
};

/* One timer and what the model knows of it. */
struct alarm {
	struct timer timer;
	bool armed;
	uint64_t deadline;
	unsigned int fired;
};

static struct timer_heap heap;
static struct alarm alarms[N];
static uint64_t last_fired; /* deadlines come in order */
static bool realloc_fails;

void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);

void *__wrap_realloc(void *p, size_t size)
{
	return realloc_fails ? NULL : __real_realloc(p, size);
}

static void alarm_fires(struct timer *timer)
{
	struct alarm *alarm = container_of(timer, struct alarm, timer);

	assert_true(alarm->armed);
	assert_int_equal(timer->index, 0);
	assert_true(alarm->deadline >= last_fired);
	last_fired = alarm->deadline;
	alarm->armed = false;
	alarm->fired++;
}

static int set_up(void **state)
{
	memset(alarms, 0, sizeof(alarms));
	for (size_t i = 0; i < N; i++)
		alarms[i].timer.fire = alarm_fires;
	last_fired = 0;
	realloc_fails = false;
	timer_heap_init(&heap);
	return 0;
}

static int tear_down(void **state)
{
	timer_heap_fini(&heap);
	return 0;
}

static void arm(struct alarm *alarm, uint64_t deadline)
{
	assert_int_equal(timer_arm(&heap, &alarm->timer, deadline), 0);
	alarm->armed = true;
	alarm->deadline = deadline;
}

static void cancel(struct alarm *alarm)
{
	timer_cancel(&heap, &alarm->timer);
	alarm->armed = false;
}

static void run(uint64_t now)
{
	last_fired = 0;
	timer_run(&heap, now);
	for (size_t i = 0; i < N; i++)
		assert_false(alarms[i].armed && alarms[i].deadline <= now);
}

static void assert_model_agrees(void)
{
	uint64_t next = UINT64_MAX;
	size_t n = 0;

	for (size_t i = 0; i < N; i++) {
		assert_int_equal(alarms[i].timer.index != 0, alarms[i].armed);
		if (!alarms[i].armed)
			continue;
		n++;
		next = MIN(next, alarms[i].deadline);
	}
	assert_int_equal(heap.n, n);
	assert_int_equal(timer_next(&heap), next);
}

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void random_arm_move_cancel_and_run_agree_with_a_list(void **state)
{
	uint64_t seed = 0x5eed, now = 0;
	unsigned int fired = 0;

	for (int step = 0; step < 30000; step++) {
		struct alarm *alarm = &alarms[next_random(&seed) % N];

		switch (next_random(&seed) % 8) {
		case 0 ... 4: /* also moves, forwards and back; few values, so many are equal */
			arm(alarm, now + 1 + next_random(&seed) % 64);
			break;
		case 5 ... 6:
			cancel(alarm);
			break;
		case 7:
			now += next_random(&seed) % 4;
			run(now);
			break;
		}
		assert_model_agrees();
	}
	run(UINT64_MAX);
	assert_model_agrees();
	for (size_t i = 0; i < N; i++)
		fired += alarms[i].fired;
	assert_true(fired > 1000);
}

static void empty_heap_has_no_deadline(void **state)
{
	assert_true(timer_next(&heap) == UINT64_MAX);
	timer_run(&heap, UINT64_MAX);
	timer_cancel(&heap, &alarms[0].timer);
	assert_true(timer_next(&heap) == UINT64_MAX);
}

static void fires_at_the_deadline_and_not_before(void **state)
{
	arm(&alarms[0], 1000);
	run(999);
	assert_int_equal(alarms[0].fired, 0);
	run(1000);
	assert_int_equal(alarms[0].fired, 1);
	run(UINT64_MAX);
	assert_int_equal(alarms[0].fired, 1);
}

static void fires_in_the_order_of_deadlines(void **state)
{
	for (size_t i = 0; i < N; i++)
		arm(&alarms[i], 1 + (i * 7919) % N);
	run(UINT64_MAX);
	for (size_t i = 0; i < N; i++)
		assert_int_equal(alarms[i].fired, 1);
}

static void equal_deadlines_all_fire(void **state)
{
	for (size_t i = 0; i < N; i++)
		arm(&alarms[i], 5);
	run(5);
	for (size_t i = 0; i < N; i++)
		assert_int_equal(alarms[i].fired, 1);
}

static void moved_timer_fires_once_at_its_new_deadline(void **state)
{
	arm(&alarms[0], 10);
	arm(&alarms[1], 20);
	arm(&alarms[0], 30);
	assert_int_equal(timer_next(&heap), 20);
	run(20);
	assert_int_equal(alarms[0].fired, 0);
	arm(&alarms[0], 25);
	run(25);
	assert_int_equal(alarms[0].fired, 1);
	run(UINT64_MAX);
	assert_int_equal(alarms[0].fired, 1);
}

static void rearm_when_fired(struct timer *timer)
{
	struct alarm *alarm = container_of(timer, struct alarm, timer);

	alarm->fired++;
	assert_int_equal(timer_arm(&heap, timer, timer->deadline_ns + 10), 0);
}

static void fired_timer_may_be_armed_again(void **state)
{
	alarms[0].timer.fire = rearm_when_fired;
	assert_int_equal(timer_arm(&heap, &alarms[0].timer, 10), 0);
	timer_run(&heap, 10);
	assert_int_equal(alarms[0].fired, 1);
	assert_int_equal(timer_next(&heap), 20);
	timer_run(&heap, 45); /* 20, 30, 40 */
	assert_int_equal(alarms[0].fired, 4);
	assert_int_equal(timer_next(&heap), 50);
}

static void cancel_the_others_when_fired(struct timer *timer)
{
	container_of(timer, struct alarm, timer)->fired++;
	for (size_t i = 1; i < N; i++)
		cancel(&alarms[i]);
}

static void timer_cancelled_by_another_does_not_fire(void **state)
{
	alarms[0].timer.fire = cancel_the_others_when_fired;
	assert_int_equal(timer_arm(&heap, &alarms[0].timer, 1), 0);
	for (size_t i = 1; i < N; i++)
		arm(&alarms[i], 2);
	timer_run(&heap, 2);
	assert_int_equal(alarms[0].fired, 1);
	for (size_t i = 1; i < N; i++)
		assert_int_equal(alarms[i].fired, 0);
	assert_int_equal(heap.n, 0);
}

static void fini_disarms_and_the_heap_can_start_again(void **state)
{
	for (size_t i = 0; i < N; i++)
		arm(&alarms[i], i);
	timer_heap_fini(&heap);
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(alarms[i].timer.index, 0);
		alarms[i].armed = false;
	}
	timer_heap_init(&heap);
	arm(&alarms[3], 7);
	assert_model_agrees();
}

static void failing_growth_leaves_the_timer_unarmed(void **state)
{
	size_t full;

	realloc_fails = true;
	assert_int_equal(timer_arm(&heap, &alarms[0].timer, 1), -ENOMEM);
	assert_model_agrees();
	realloc_fails = false;
	arm(&alarms[0], 1);
	full = heap.cap;
	assert_true(full < N);
	for (size_t i = 1; i < full; i++)
		arm(&alarms[i], i + 1);
	realloc_fails = true;
	assert_int_equal(timer_arm(&heap, &alarms[full].timer, 1), -ENOMEM);
	assert_model_agrees();
	arm(&alarms[0], 500); /* moving needs no memory */
	assert_model_agrees();
	run(UINT64_MAX);
}

#define with_heap(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_heap(random_arm_move_cancel_and_run_agree_with_a_list),
		with_heap(empty_heap_has_no_deadline),
		with_heap(fires_at_the_deadline_and_not_before),
		with_heap(fires_in_the_order_of_deadlines),
		with_heap(equal_deadlines_all_fire),
		with_heap(moved_timer_fires_once_at_its_new_deadline),
		with_heap(fired_timer_may_be_armed_again),
		with_heap(timer_cancelled_by_another_does_not_fire),
		with_heap(fini_disarms_and_the_heap_can_start_again),
		with_heap(failing_growth_leaves_the_timer_unarmed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
