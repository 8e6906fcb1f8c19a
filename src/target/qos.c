/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One limit: buckets and shares, see qos.h. A bucket is the virtual scheduling form of the generic
 * cell rate algorithm (ITU-T I.371): it knows only when the next command would be on time.
 */
#include "target/qos.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/compiler.h"

enum {
	FLOOR_PART = 16
}; /* of an equal share, that a worker without load keeps */

struct qos *qos_new(const char *name, size_t n_workers)
{
	size_t len = sizeof(struct qos) + n_workers * sizeof(struct qos_bucket);
	struct qos *qos;

	if (posix_memalign((void **)&qos, _Alignof(struct qos), len))
		return NULL;
	memset(qos, 0, len);
	qos->n = n_workers;
	qos->name = strdup(name);
	for (size_t i = 0; i < n_workers; i++)
		qos->bucket[i].share = (uint32_t)(QOS_WHOLE / n_workers);
	if (qos->name)
		return qos;
	qos_free(qos);
	return NULL;
}

void qos_free(struct qos *qos)
{
	free(qos->name);
	free(qos);
}

void qos_set(struct qos *qos, const struct qos_rate *rate)
{
	qos->iops = rate->iops;
	qos->bytes = rate->bytes;
	qos->burst_ns = rate->burst_ms * NSEC_PER_MSEC;
}

/* ---- worker ---- */

static void add(_Atomic uint64_t *counter, uint64_t n)
{
	uint64_t old = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, old + n, memory_order_relaxed);
}

/* What an amount costs at a rate per second, in ns; 0 = the rate is not limited. */
static double cost(uint64_t amount, uint64_t rate)
{
	return rate ? (double)amount * 1e9 / (double)rate : 0;
}

/* Count in one bucket; when the command is on time in it. */
static uint64_t charge(uint64_t *tat, uint64_t now, uint64_t burst, double ns)
{
	uint64_t start = *tat > now + burst ? *tat - burst : now;

	if (ns > 0)
		*tat = MAX(*tat, now) + (uint64_t)ns;
	else
		start = *tat = now;
	return start;
}

uint64_t qos_start(struct qos *qos, size_t worker, uint64_t now, uint64_t bytes)
{
	struct qos_bucket *b = &qos->bucket[worker];
	double part = (double)MAX(b->share, 1u) / QOS_WHOLE;
	double io = cost(1, qos->iops), data = cost(bytes, qos->bytes);
	uint64_t burst = qos->burst_ns;
	uint64_t by_io = charge(&b->io_tat, now, burst, io / part);
	uint64_t by_bytes = charge(&b->bytes_tat, now, burst, data / part);
	uint64_t start = MAX(by_io, by_bytes);

	add(&b->wanted, (uint64_t)MAX(io, data));
	add(&b->commands, 1);
	if (start > now)
		add(&b->delayed, 1);
	return start;
}

/* ---- control thread ---- */

/* Had commands to wait since the last time? And the part of the whole rate that was asked for. */
static bool is_hungry(struct qos_bucket *b, uint64_t elapsed_ns, double *part)
{
	uint64_t wanted = b->wanted, delayed = b->delayed;
	bool hungry = delayed != b->seen_delayed;

	*part = (double)(wanted - b->seen_wanted) / (double)elapsed_ns;
	b->seen_wanted = wanted;
	b->seen_delayed = delayed;
	return hungry;
}

/*
 * Who had nothing to wait for keeps what he used and a quarter more; the rest is shared alike by
 * those who had to wait, or by all.
 */
void qos_balance(struct qos *qos, uint64_t elapsed_ns)
{
	double least = 1.0 / (double)qos->n / FLOOR_PART, left = 1, part[QOS_MAX_WORKERS], all;
	size_t n_hungry = 0;
	bool hungry[QOS_MAX_WORKERS];

	for (size_t i = 0; i < qos->n; i++) {
		hungry[i] = is_hungry(&qos->bucket[i], elapsed_ns, &part[i]);
		part[i] = hungry[i] ? 0 : MIN(MAX(part[i] * 1.25, least), 1.0 / (double)qos->n);
		left -= part[i];
		n_hungry += hungry[i];
	}
	all = left / (double)(n_hungry ? n_hungry : qos->n);
	for (size_t i = 0; i < qos->n; i++)
		if (hungry[i] || !n_hungry)
			part[i] += all;
	for (size_t i = 0; i < qos->n; i++)
		qos->bucket[i].share = (uint32_t)(part[i] * QOS_WHOLE);
}
