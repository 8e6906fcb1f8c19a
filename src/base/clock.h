/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time and randomness come through these functions only, so that a test can put a virtual
 * clock and a seeded generator in their place.
 */
#ifndef SRPTD_BASE_CLOCK_H
#define SRPTD_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

struct clock_source {
	uint64_t (*now_ns)(void); /* monotonic */
	void (*random)(void *buf, size_t len);
	uint64_t (*wall_ms)(void); /* since 1970, as the host knows it; NULL: not replaced */
};

/* The system's clock and getrandom(2) unless replaced before threads start. */
extern const struct clock_source *clock_source;

static inline uint64_t clock_now_ns(void)
{
	return clock_source->now_ns();
}

static inline void clock_random(void *buf, size_t len)
{
	clock_source->random(buf, len);
}

uint64_t clock_wall_ms(void);

#define NSEC_PER_SEC  1000000000ull
#define NSEC_PER_MSEC 1000000ull
#define NSEC_PER_USEC 1000ull

#endif
