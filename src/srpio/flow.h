/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many reads and writes at a time: keeps depth × channels commands in flight, asks the caller for
 * the next one and hands over each finished one. Repeats what the target could not do just
 * then (unit attention, BUSY); stops at the first real error, after what was out has ended.
 */
#ifndef SRPTD_SRPIO_FLOW_H
#define SRPTD_SRPIO_FLOW_H

#include <signal.h>

#include "srpio/hist.h"
#include "srpio/srpi.h"

struct flow;

enum flow_state { FLOW_IDLE, FLOW_OUT, FLOW_RETRY, FLOW_READY };

struct flow_slot {
	struct flow *flow;
	struct srpi_request req;
	enum flow_state state;
	uint32_t index;
	uint32_t retries;
	size_t off;       /* of this slot's buffer in flow->mem */
	uint8_t *buf;     /* flow->bs bytes */
	uint64_t seq;     /* 0, 1, … in the order of next() */

	/* set by next() */
	bool write;
	bool fua;
	uint64_t lba;
	uint32_t blocks;
};

struct flow {
	/* set by the caller */
	struct srpi_session *session;
	uint8_t lun[8];
	uint32_t block_size;
	uint32_t bs;      /* largest transfer, bytes */
	uint32_t depth;   /* per channel */
	bool in_order;    /* done() in the order of next() */
	bool lockstep;    /* start the next ones when all have ended, not one for one */
	volatile sig_atomic_t *stop; /* may be NULL */
	/* 1: the slot is filled; 0: no more; negative: error, text in flow->error */
	int (*next)(struct flow *flow, struct flow_slot *slot);
	/* 0, or negative with a text in flow->error. May be NULL. */
	int (*done)(struct flow *flow, struct flow_slot *slot);
	void (*progress)(struct flow *flow); /* now and then; may be NULL */
	struct hist *hist;                   /* latencies in ns; may be NULL */
	void *ctx;

	/* result */
	uint64_t ios;
	uint64_t reads;
	uint64_t bytes;
	uint64_t retries;
	uint64_t ns;
	char error[256];

	struct srpi_mem mem;
	struct flow_slot *slots;
	uint32_t n_slots;
	uint32_t n_busy;
	uint32_t n_retry;
	uint64_t next_seq;
	uint64_t done_seq;
	bool ended;
	int rc;
};

/* 0, -ECANCELED after *stop, or another errno with a sentence in flow->error. */
int flow_run(struct flow *flow);

#endif
