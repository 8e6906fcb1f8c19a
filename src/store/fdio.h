/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A request as a row of calls on a file descriptor: which call comes next, and what its result
 * means. Continues short transfers, retries, falls back from zeroing to writing zeroes, adds the
 * sync that FUA needs. Pure: makes no call, knows no engine; every engine runs requests by it.
 *
 *	fdio_start(io);
 *	do {
 *		fdio_next(io, &call);
 *		res = bytes moved, 0 or -errno of `call`;
 *	} while (!fdio_result(io, res));
 *	engine_complete(engine, io, io->res);
 */
#ifndef SRPTD_STORE_FDIO_H
#define SRPTD_STORE_FDIO_H

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

#ifndef RWF_ATOMIC
#define RWF_ATOMIC 0x00000040 /* Linux 6.11 */
#endif

enum fdio_step {
	FDIO_READ,       /* pread */
	FDIO_WRITE,      /* pwrite from the submitter's buffer */
	FDIO_ZERO_WRITE, /* pwrite from a buffer of zeroes */
	FDIO_PUNCH,      /* fallocate, punch a hole */
	FDIO_ZERO_RANGE, /* fallocate, zero the range */
	FDIO_DISCARD,    /* ioctl BLKDISCARD */
	FDIO_ZERO_OUT,   /* ioctl BLKZEROOUT */
	FDIO_COPY,       /* copy_file_range */
	FDIO_SYNC,       /* fdatasync */
};

struct fdio_call {
	enum fdio_step step;
	void *buf;      /* reads and writes */
	uint64_t off;   /* bytes */
	uint64_t len;   /* bytes; reads and writes fit 32 bit */
	int from_fd;    /* copies */
	uint64_t from_off;
	bool dsync;     /* RWF_DSYNC: data on stable storage before the call returns */
	bool atomic;    /* RWF_ATOMIC */
	bool may_block; /* would block a caller that issues it inline */
};

/* No engine has an operation for it: a thread makes the call. */
static inline bool fdio_needs_thread(enum fdio_step step)
{
	return step == FDIO_DISCARD || step == FDIO_ZERO_OUT || step == FDIO_COPY;
}

/* Flags of fallocate(2) for FDIO_PUNCH and FDIO_ZERO_RANGE. */
int fdio_fallocate_mode(enum fdio_step step);

void fdio_start(struct store_io *io);
void fdio_next(const struct store_io *io, struct fdio_call *call);
/* Take the result of the call fdio_next() described. True: finished, io->res is set. */
bool fdio_result(struct store_io *io, int64_t res);

#endif
