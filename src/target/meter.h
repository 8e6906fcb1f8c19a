/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What workers count of commands, by logical unit and by channel: numbers, bytes, how long they
 * took. One worker writes a meter, other threads may read it at any time: every number by itself is
 * right, a sum over several may be a command behind.
 */
#ifndef SRPTD_TARGET_METER_H
#define SRPTD_TARGET_METER_H

#include <stddef.h>
#include <stdint.h>

/*
 * A histogram of durations: 4 buckets for each power of two, from 256 ns to 64 s. A percentile is
 * at most a quarter too high.
 */
enum {
	LAT_UNIT_BITS = 8,
	LAT_STEP_BITS = 2,
	LAT_STEPS = 1 << LAT_STEP_BITS,
	LAT_BUCKETS = 112
};

/* Kinds of commands: those that move blocks to and from the initiator, and the others. */
enum meter_kind {
	METER_READ,
	METER_WRITE,
	METER_OTHER,
	METER_KINDS
};

struct meter_side {
	uint64_t bytes; /* of blocks */
	uint64_t ns;	/* Σ of the durations */
	uint64_t lat[LAT_BUCKETS];
};

/* From the arrival of the request to the completion of its response. */
struct meter {
	uint64_t started;
	uint64_t errors;  /* answered with a status other than GOOD */
	uint64_t aborted; /* not answered; in no histogram */
	struct meter_side side[METER_KINDS];
} __attribute__((aligned(64)));

/* The bucket of a duration in nanoseconds; the last one has no upper end. */
static inline unsigned int lat_bucket(uint64_t ns)
{
	uint64_t v = ns >> LAT_UNIT_BITS;
	unsigned int shift, bucket;

	if (v < 2 * LAT_STEPS)
		return (unsigned int)v;
	shift = 63 - (unsigned int)__builtin_clzll(v) - LAT_STEP_BITS;
	bucket = shift * LAT_STEPS + (unsigned int)(v >> shift);
	return bucket < LAT_BUCKETS ? bucket : LAT_BUCKETS - 1;
}

/* The owner's: others may be reading. */
static inline void meter_add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

/* Durations below this many nanoseconds lie in this bucket or an earlier one. */
uint64_t lat_below(unsigned int bucket);
/* The duration, in ns, that a part (0 … 1) of all does not exceed; 0 if there are none. */
uint64_t lat_quantile(const uint64_t lat[LAT_BUCKETS], double part);
/* How many lie in all buckets. */
uint64_t lat_count(const uint64_t lat[LAT_BUCKETS]);

/* One for each of n workers; NULL = out of memory. To be freed with free(3). */
struct meter *meters_new(size_t n);
/* Any thread: add one that may be written meanwhile to a sum. */
void meter_sum(struct meter *sum, const struct meter *meter);
void lat_sum(uint64_t sum[LAT_BUCKETS], const uint64_t lat[LAT_BUCKETS]);
/* Commands of a sum that have not ended. */
uint64_t meter_in_flight(const struct meter *sum);

#endif
