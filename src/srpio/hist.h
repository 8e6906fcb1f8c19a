/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A histogram of 64-bit values in logarithmic buckets of 32 steps per power of two: a percentile is
 * exact below 64 and at most 1/32 too high above. Fixed size, no allocation.
 */
#ifndef SRPTD_SRPIO_HIST_H
#define SRPTD_SRPIO_HIST_H

#include <stdint.h>

enum { HIST_STEP_BITS = 5, HIST_STEPS = 1 << HIST_STEP_BITS, HIST_BUCKETS = 60 * HIST_STEPS };

struct hist {
	uint64_t count;
	uint64_t min;
	uint64_t max;
	long double sum;
	uint64_t bucket[HIST_BUCKETS];
};

void hist_init(struct hist *hist);
void hist_add(struct hist *hist, uint64_t value);
double hist_mean(const struct hist *hist);
/* The value that at least percent % of all values do not exceed; 0 if there are none. */
uint64_t hist_percentile(const struct hist *hist, double percent);

#endif
