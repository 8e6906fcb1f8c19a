/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every part of a simulated run shares: the virtual clock, the seeded generator, the trace,
 * and the way to say that a rule was broken. Knows nothing of SRP.
 */
#ifndef SCHEDULE_SIM_H
#define SCHEDULE_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/compiler.h"

#define NEVER UINT64_MAX
#define USEC  NSEC_PER_USEC
#define MSEC  NSEC_PER_MSEC
#define SEC   NSEC_PER_SEC

struct sim {
	uint64_t now;  /* ns */
	uint64_t step; /* choices made by the scheduler */
	uint64_t seq;  /* events: order within a step, too */
	uint64_t seed;
	uint64_t rng;
	uint64_t hash; /* of the whole trace */
	bool verbose;
	const char *scenario; /* NULL: a random schedule */
};

extern struct sim sim;

/* Start over: clock, generator and trace as the seed has them. */
void sim_reset(uint64_t seed);

/* A number below n (n > 0), one of [lo, hi], true in so many of 100 cases. */
uint32_t pick(uint32_t n);
uint64_t between(uint64_t lo, uint64_t hi);
bool chance(uint32_t percent);

/* The next number in the order of events. */
static inline uint64_t tick(void)
{
	return ++sim.seq;
}

/* A line of the trace. No pointer, key or address may be in it: they differ between runs. */
void say(const char *fmt, ...) printf_like(1, 2);
/* A rule is broken: tell which, the seed, and the last lines of the trace; the process ends. */
_Noreturn void broken(const char *fmt, ...) printf_like(1, 2);

#define require(cond, ...)                                                                         \
	do {                                                                                       \
		if (unlikely(!(cond)))                                                             \
			broken(__VA_ARGS__);                                                       \
	} while (0)

#endif
