/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timers of one thread: a binary heap of embedded nodes. The owner asks for the next deadline,
 * sleeps as it likes, and runs what is due; no clock is read here.
 */
#ifndef SRPTD_BASE_TIMER_H
#define SRPTD_BASE_TIMER_H

#include <stddef.h>
#include <stdint.h>

struct timer {
	uint64_t deadline_ns;
	size_t index; /* position in the heap + 1; 0 = not armed */
	void (*fire)(struct timer *timer);
};

struct timer_heap {
	struct timer **slot;
	size_t n;
	size_t cap;
};

void timer_heap_init(struct timer_heap *heap);
/* Armed timers are forgotten. */
void timer_heap_fini(struct timer_heap *heap);

/* Arm, or move an armed timer. 0 or -ENOMEM (then it is not armed). */
int timer_arm(struct timer_heap *heap, struct timer *timer, uint64_t deadline_ns);
/* Disarm; harmless if it is not armed. */
void timer_cancel(struct timer_heap *heap, struct timer *timer);
/* Earliest deadline, or UINT64_MAX. */
uint64_t timer_next(const struct timer_heap *heap);
/*
 * Fire everything with deadline ≤ now; a fired timer is disarmed first and may be armed again.
 * Returns how many fired.
 */
unsigned int timer_run(struct timer_heap *heap, uint64_t now_ns);

#endif
