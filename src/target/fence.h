/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fences around writes that were given up but may still land: the block range of an aborted
 * command's store request stays closed to other writes until that request has returned, so that no
 * old write ever lands over a newer acknowledged one (rule 4). A range lock (lock.c) is a fence that
 * lets its owner pass. One set for all workers; as long as it is empty, a write asks one word.
 */
#ifndef SRPTD_TARGET_FENCE_H
#define SRPTD_TARGET_FENCE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/compiler.h"

struct store_io;

struct fence {
	LIST_ENTRY(fence) link;
	const struct store_io *io;    /* NULL = down */
	const struct store_io *owner; /* a lock: the request that may pass */
};

struct fence_set {
	pthread_mutex_t lock;
	LIST_HEAD(, fence) list;
	_Atomic uint32_t n;
};

void fence_set_init(struct fence_set *set);
void fence_set_fini(struct fence_set *set);

/* Close the range of a request that changes the medium and is with the store. */
void fence_raise(struct fence_set *set, struct fence *fence, const struct store_io *io);
/*
 * Close a range to all requests but the owner's, unless a part of it is closed already: false then.
 */
bool fence_try_lock(struct fence_set *set, struct fence *fence, const struct store_io *range,
		    const struct store_io *owner);
/* The request has returned. True if there was a fence: those who wait may try again. */
bool fence_lower(struct fence_set *set, struct fence *fence);
bool fence_meets(struct fence_set *set, const struct store_io *io);

bool fence_overlap(const struct store_io *a, const struct store_io *b);

/* Does the request touch a fenced range? */
static inline bool fence_blocks(struct fence_set *set, const struct store_io *io)
{
	return unlikely(atomic_load_explicit(&set->n, memory_order_acquire)) &&
	       fence_meets(set, io);
}

#endif
