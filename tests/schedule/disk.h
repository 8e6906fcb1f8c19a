/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A store engine whose requests land and return when the scheduler says so, in any order, and
 * fail if it wants. The blocks are in memory; the files behind the stores are only opened. Knows
 * nothing of who submits.
 */
#ifndef SCHEDULE_DISK_H
#define SCHEDULE_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "store/store.h"

enum {
	BLOCK = 512,
	DISK_BLOCKS = 128,
	N_DISKS = 2,
	MAX_WORKERS = 3,
};

/* A request that is with the store. */
struct disk_io {
	TAILQ_ENTRY(disk_io) link;
	struct store_io *io;
	unsigned int worker, disk;
	uint32_t lba, n;
	/* the plan */
	uint64_t lands; /* the medium changes, ns; NEVER: only when it returns */
	uint64_t due;   /* ns; NEVER: until disk_plan_again() */
	int res;        /* 0 or -errno */
	uint32_t n_land; /* blocks that change */
	bool landed;
	bool recallable; /* store_cancel() gets it back unless it has landed */
};

/* Decides what becomes of a request: called when it comes; fills the plan. */
extern void (*disk_plan)(struct disk_io *d);
/* Ask the plan again for everything that waits. */
void disk_plan_again(void);

/* Blocks of zeroes; stores[i] is disk i. */
void disk_reset(struct store *const *stores);
/*
 * The engine of a worker. It has no threads, which engine_free() would stop: so before that,
 * disk_engine_close().
 */
struct engine *disk_engine(unsigned int worker);
void disk_engine_close(struct engine *engine);

/* Has a request returned that was not reaped? */
bool disk_returned(struct engine *engine);
/* Steps that can be taken now; take the n-th of them. */
unsigned int disk_n_due(void);
void disk_step(unsigned int n);
/* When the next one is due, NEVER if none is planned. */
uint64_t disk_deadline(void);
unsigned int disk_n_waiting(void);
/* The oldest request that waits, or NULL. */
struct disk_io *disk_first(void);

/* The stamp of a block, and whether all of it carries it. */
uint64_t disk_stamp(unsigned int disk, uint32_t lba);
bool stamp_whole(const void *block, uint64_t *stamp);
void stamp_fill(void *block, uint64_t stamp);

#endif
