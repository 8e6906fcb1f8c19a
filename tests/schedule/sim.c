/* SPDX-License-Identifier: BSD-2-Clause */
/* Clock, generator and trace, see sim.h. */
#include "sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEPT = 60, LINE = 200 };

struct sim sim;

static char kept[KEPT][LINE];
static uint64_t n_lines;

/* splitmix64 */
static uint64_t next(void)
{
	uint64_t z = sim.rng += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

uint32_t pick(uint32_t n)
{
	return (uint32_t)((next() >> 32) * n >> 32);
}

uint64_t between(uint64_t lo, uint64_t hi)
{
	return lo + next() % (hi - lo + 1);
}

bool chance(uint32_t percent)
{
	return pick(100) < percent;
}

static uint64_t virtual_now(void)
{
	return sim.now;
}

static void virtual_random(void *buf, size_t len)
{
	uint8_t *p = buf;

	while (len--)
		*p++ = (uint8_t)next();
}

static const struct clock_source virtual_clock = {
	.now_ns = virtual_now,
	.random = virtual_random,
};

void sim_reset(uint64_t seed)
{
	sim.now = 1000 * SEC;
	sim.step = 0;
	sim.seq = 0;
	sim.seed = seed;
	sim.rng = seed * 0xd1342543de82ef95u + 1;
	sim.hash = 14695981039346656037u;
	n_lines = 0;
	clock_source = &virtual_clock;
}

/* FNV-1a */
static void hash_line(const char *line)
{
	for (; *line; line++)
		sim.hash = (sim.hash ^ (uint8_t)*line) * 1099511628211u;
	sim.hash = (sim.hash ^ '\n') * 1099511628211u;
}

void say(const char *fmt, ...)
{
	char *line = kept[n_lines++ % KEPT];
	uint64_t t = sim.now - 1000 * SEC;
	va_list ap;
	int n;

	n = snprintf(line, LINE, "%6llu %5llu.%06llu ", (unsigned long long)sim.step,
		     (unsigned long long)(t / SEC), (unsigned long long)(t % SEC / USEC));
	va_start(ap, fmt);
	vsnprintf(line + n, LINE - (size_t)n, fmt, ap);
	va_end(ap);
	hash_line(line);
	if (sim.verbose)
		fprintf(stderr, "%s\n", line);
}

void broken(const char *fmt, ...)
{
	uint64_t from = n_lines > KEPT ? n_lines - KEPT : 0;
	va_list ap;

	if (!sim.verbose)
		for (; from < n_lines; from++)
			fprintf(stderr, "%s\n", kept[from % KEPT]);
	fprintf(stderr, "BROKEN at step %llu: ", (unsigned long long)sim.step);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	if (sim.scenario)
		fprintf(stderr, "\nreplay: srptd-schedule --scenario %s --verbose --seed %llu\n",
			sim.scenario, (unsigned long long)sim.seed);
	else
		fprintf(stderr, "\nreplay: srptd-schedule --verbose --seed %llu\n",
			(unsigned long long)sim.seed);
	_exit(3);
}
