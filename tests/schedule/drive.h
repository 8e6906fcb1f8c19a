/* SPDX-License-Identifier: BSD-2-Clause */
/* The drivers: random schedules, and scenarios that are written down. */
#ifndef SCHEDULE_DRIVE_H
#define SCHEDULE_DRIVE_H

#include <stddef.h>
#include <stdint.h>

void random_schedule(uint64_t seed);

struct scenario {
	const char *name;
	const char *what;
	void (*run)(void);
};

extern const struct scenario scenarios[];
extern const size_t n_scenarios;

/* The order of what happens is still the seed's. */
void scenario_run(const struct scenario *s, uint64_t seed);

#endif
