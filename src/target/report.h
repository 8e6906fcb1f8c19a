/* SPDX-License-Identifier: BSD-2-Clause */
/* What workers count, and what they say of themselves when they are asked (survey.c). */
#ifndef SRPTD_TARGET_REPORT_H
#define SRPTD_TARGET_REPORT_H

#include <stdint.h>

#include "target/meter.h"

struct channel_stats {
	uint64_t commands;
	uint64_t bytes_in;  /* RDMA WRITE: what the initiator has read */
	uint64_t bytes_out; /* RDMA READ and immediate: what it has written */
	uint64_t errors;    /* commands answered with a status other than GOOD */
	uint64_t ns;        /* Σ of the durations in lat */
	uint64_t lat[LAT_BUCKETS]; /* of all commands that were answered */
};

/* What a worker says of a channel when it is asked, see survey.c. */
struct channel_report {
	uint8_t state; /* enum channel_state */
	int32_t req_lim;
	uint32_t sq_used;
	uint32_t n_tasks;
	uint32_t n_parked;
	struct channel_stats stats;
};

struct worker_stats {
	uint64_t commands;
	uint64_t responses;
	uint64_t passes;
	uint64_t cq_polls;
	uint64_t cq_empty;    /* ... that found nothing */
	uint64_t completions;
	uint64_t sleeps;
	uint64_t post_send; /* calls */
	uint64_t post_recv; /* calls */
	uint64_t wrs;
	uint64_t bytes_in;  /* RDMA WRITE */
	uint64_t bytes_out; /* RDMA READ and immediate */
	uint64_t copies;    /* of immediate data on their way to the store */
};

/* What a worker says of itself when it is asked, see survey.c. */
struct worker_report {
	struct worker_stats stats;
	uint32_t n_tasks, max_tasks;
	uint32_t n_small, max_small; /* data buffers in use */
	uint32_t n_large, max_large;
	uint32_t n_hungry; /* sessions that wait for data buffers */
	uint32_t engine_depth; /* requests with the store engine */
};

#endif
