/* SPDX-License-Identifier: BSD-2-Clause */
/* Binary heap of timers, see timer.h. */
#include "base/timer.h"

#include <errno.h>
#include <stdlib.h>

void timer_heap_init(struct timer_heap *heap)
{
	heap->slot = NULL;
	heap->n = 0;
	heap->cap = 0;
}

void timer_heap_fini(struct timer_heap *heap)
{
	for (size_t i = 0; i < heap->n; i++)
		heap->slot[i]->index = 0;
	free(heap->slot);
	timer_heap_init(heap);
}

static void place(struct timer_heap *heap, size_t i, struct timer *timer)
{
	heap->slot[i] = timer;
	timer->index = i + 1;
}

static void sift_up(struct timer_heap *heap, size_t i)
{
	struct timer *timer = heap->slot[i];

	while (i > 0 && heap->slot[(i - 1) / 2]->deadline_ns > timer->deadline_ns) {
		place(heap, i, heap->slot[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	place(heap, i, timer);
}

static void sift_down(struct timer_heap *heap, size_t i)
{
	struct timer *timer = heap->slot[i];

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= heap->n)
			break;
		if (child + 1 < heap->n &&
		    heap->slot[child + 1]->deadline_ns < heap->slot[child]->deadline_ns)
			child++;
		if (heap->slot[child]->deadline_ns >= timer->deadline_ns)
			break;
		place(heap, i, heap->slot[child]);
		i = child;
	}
	place(heap, i, timer);
}

static int grow(struct timer_heap *heap)
{
	size_t cap = heap->cap ? heap->cap * 2 : 16;
	struct timer **slot = realloc(heap->slot, cap * sizeof(struct timer *));

	if (!slot)
		return -ENOMEM;
	heap->slot = slot;
	heap->cap = cap;
	return 0;
}

int timer_arm(struct timer_heap *heap, struct timer *timer, uint64_t deadline_ns)
{
	int ret;

	timer_cancel(heap, timer);
	if (heap->n == heap->cap) {
		ret = grow(heap);
		if (ret)
			return ret;
	}
	timer->deadline_ns = deadline_ns;
	place(heap, heap->n++, timer);
	sift_up(heap, heap->n - 1);
	return 0;
}

void timer_cancel(struct timer_heap *heap, struct timer *timer)
{
	size_t i = timer->index - 1;
	struct timer *last;

	if (timer->index == 0)
		return;
	timer->index = 0;
	last = heap->slot[--heap->n];
	if (last == timer)
		return;
	place(heap, i, last);
	sift_up(heap, i);
	sift_down(heap, last->index - 1);
}

uint64_t timer_next(const struct timer_heap *heap)
{
	return heap->n ? heap->slot[0]->deadline_ns : UINT64_MAX;
}

unsigned int timer_run(struct timer_heap *heap, uint64_t now_ns)
{
	unsigned int n = 0;

	while (heap->n && heap->slot[0]->deadline_ns <= now_ns) {
		struct timer *timer = heap->slot[0];

		timer_cancel(heap, timer);
		timer->fire(timer);
		n++;
	}
	return n;
}
