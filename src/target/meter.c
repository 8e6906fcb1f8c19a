/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading meters, see meter.h. Counting is the workers': task.c. */
#include "target/meter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

uint64_t lat_below(unsigned int bucket)
{
	unsigned int shift = bucket < 2 * LAT_STEPS ? 0 : bucket / LAT_STEPS - 1;
	uint64_t v = bucket - shift * LAT_STEPS + 1;

	return v << shift << LAT_UNIT_BITS;
}

uint64_t lat_count(const uint64_t lat[LAT_BUCKETS])
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < LAT_BUCKETS; i++)
		n += lat[i];
	return n;
}

uint64_t lat_quantile(const uint64_t lat[LAT_BUCKETS], double part)
{
	uint64_t n = lat_count(lat), seen = 0;
	uint64_t want = (uint64_t)ceil((double)n * part);
	unsigned int i = 0;

	if (!n)
		return 0;
	for (seen = lat[0]; seen < want || seen == 0; seen += lat[i])
		i++;
	return lat_below(i);
}

struct meter *meters_new(size_t n)
{
	size_t len = (n ? n : 1) * sizeof(struct meter);
	struct meter *meters = aligned_alloc(_Alignof(struct meter), len);

	if (meters)
		memset(meters, 0, len);
	return meters;
}

static uint64_t get(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

void lat_sum(uint64_t sum[LAT_BUCKETS], const uint64_t lat[LAT_BUCKETS])
{
	for (unsigned int i = 0; i < LAT_BUCKETS; i++)
		sum[i] += get(&lat[i]);
}

void meter_sum(struct meter *sum, const struct meter *meter)
{
	/* ends first: what is seen to have ended is seen to have started */
	sum->errors += get(&meter->errors);
	sum->aborted += get(&meter->aborted);
	for (unsigned int i = 0; i < METER_KINDS; i++) {
		sum->side[i].bytes += get(&meter->side[i].bytes);
		sum->side[i].ns += get(&meter->side[i].ns);
		lat_sum(sum->side[i].lat, meter->side[i].lat);
	}
	sum->started += get(&meter->started);
}

uint64_t meter_in_flight(const struct meter *sum)
{
	uint64_t ended = sum->aborted;

	for (unsigned int i = 0; i < METER_KINDS; i++)
		ended += lat_count(sum->side[i].lat);
	return sum->started > ended ? sum->started - ended : 0;
}
