/* SPDX-License-Identifier: BSD-2-Clause */
/* The system's clocks and random generator. */
#include "base/clock.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

static uint64_t system_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static void system_random(void *buf, size_t len)
{
	uint8_t *p = buf;

	while (len > 0) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0)
			abort(); /* no entropy source at all: nothing we could do would be safe */
		p += n;
		len -= (size_t)n;
	}
}

static uint64_t system_wall_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / NSEC_PER_MSEC;
}

uint64_t clock_wall_ms(void)
{
	return clock_source->wall_ms ? clock_source->wall_ms() : system_wall_ms();
}

static const struct clock_source system_clock = {
	.now_ns = system_now_ns,
	.random = system_random,
};

const struct clock_source *clock_source = &system_clock;
