/* SPDX-License-Identifier: BSD-2-Clause */
/* Logarithmic buckets: the highest HIST_STEP_BITS + 1 bits of a value choose its bucket. */
#include "srpio/hist.h"

#include <math.h>
#include <string.h>

void hist_init(struct hist *hist)
{
	memset(hist, 0, sizeof(*hist));
	hist->min = UINT64_MAX;
}

static unsigned int bucket_of(uint64_t value)
{
	unsigned int shift;

	if (value < 2 * HIST_STEPS)
		return (unsigned int)value;
	shift = 63 - (unsigned int)__builtin_clzll(value) - HIST_STEP_BITS;
	return shift * HIST_STEPS + (unsigned int)(value >> shift);
}

/* The largest value that falls into the bucket. */
static uint64_t bucket_top(unsigned int bucket)
{
	unsigned int shift;

	if (bucket < 2 * HIST_STEPS)
		return bucket;
	shift = bucket / HIST_STEPS - 1;
	return (((uint64_t)(bucket % HIST_STEPS) + HIST_STEPS + 1) << shift) - 1;
}

void hist_add(struct hist *hist, uint64_t value)
{
	hist->bucket[bucket_of(value)]++;
	hist->count++;
	hist->sum += value;
	if (value < hist->min)
		hist->min = value;
	if (value > hist->max)
		hist->max = value;
}

double hist_mean(const struct hist *hist)
{
	return hist->count ? (double)(hist->sum / hist->count) : 0;
}

uint64_t hist_percentile(const struct hist *hist, double percent)
{
	uint64_t seen = 0, want = (uint64_t)ceil((double)hist->count * percent / 100);
	unsigned int i;

	if (!hist->count)
		return 0;
	if (want == 0)
		want = 1;
	for (i = 0; i < HIST_BUCKETS; i++) {
		seen += hist->bucket[i];
		if (seen >= want)
			return bucket_top(i) < hist->max ? bucket_top(i) : hist->max;
	}
	return hist->max;
}
