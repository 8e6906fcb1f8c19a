/*
 * Time: the one clock of the fabric and the timers that hang on it.
 *
 * Knows: nanoseconds since some start.
 * Does not know: who sleeps until a deadline (engine.c asks for the next one).
 */
#include "simfab.h"

#include <time.h>

uint64_t fab_now(void)
{
	struct timespec ts;

	if (step_on())
		return step_now();
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void timer_set(struct sf_timer *t, uint64_t delay_ns)
{
	t->deadline = fab_now() + delay_ns;
	if (!t->active) {
		t->active = true;
		list_add_tail(&fab.timers, &t->node);
	}
	if (t->deadline < fab.next_deadline)
		fab.next_deadline = t->deadline;
	if (t->deadline < fab.sleep_until)
		engine_wake();
}

void timer_cancel(struct sf_timer *t)
{
	if (!t->active)
		return;
	t->active = false;
	list_del(&t->node);
}

/* next_deadline may lie before the earliest timer (one was cancelled), never behind. */
void timers_run(void)
{
	struct sf_list due;
	uint64_t now;

	if (fab.next_deadline == SF_NEVER)
		return;
	now = fab_now();
	if (now < fab.next_deadline)
		return;
	list_init(&due);
	fab.next_deadline = SF_NEVER;
	list_for_each_safe (pos, tmp, &fab.timers) {
		struct sf_timer *t = sf_container(pos, struct sf_timer, node);

		if (t->deadline <= now) {
			list_del(pos);
			list_add_tail(&due, pos);
		} else if (t->deadline < fab.next_deadline) {
			fab.next_deadline = t->deadline;
		}
	}
	while (!list_empty(&due)) {
		struct sf_timer *t = sf_container(due.next, struct sf_timer, node);

		timer_cancel(t);
		t->fire(t);
	}
}
