/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fixed pools made once and never grown: objects of one size with generation-tagged handles, for
 * one thread. A handle names (kind, index, generation); after the object was put back the old
 * handle finds nothing.
 */
#ifndef SRPTD_BASE_POOL_H
#define SRPTD_BASE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* First member of every pooled object. */
struct pool_obj {
	uint32_t index;
	uint32_t generation; /* odd while in use */
};

struct pool {
	char *base;
	size_t size; /* of one object, a multiple of 64 */
	uint32_t *free;
	uint32_t n_free;
	uint32_t n;
};

/* n zeroed objects of size bytes, cache-line aligned. 0 or -ENOMEM. */
int pool_init(struct pool *pool, uint32_t n, size_t size);
void pool_fini(struct pool *pool);

/* An object, or NULL when all are in use. Its contents are as the last user left them. */
void *pool_get(struct pool *pool);
void pool_put(struct pool *pool, void *obj);

static inline void *pool_at(const struct pool *pool, uint32_t index)
{
	return pool->base + (size_t)index * pool->size;
}

/*
 * 64-bit handles for wr_id and user_data: kind in bits 56-63, generation in 24-55, index in 0-23.
 */
enum { POOL_MAX = 1 << 24 };

static inline uint64_t pool_handle(uint8_t kind, const struct pool_obj *obj)
{
	return (uint64_t)kind << 56 | (uint64_t)obj->generation << 24 | obj->index;
}

static inline uint8_t pool_handle_kind(uint64_t handle)
{
	return (uint8_t)(handle >> 56);
}

/* The object of a handle, or NULL if it was put back since. */
static inline void *pool_find(const struct pool *pool, uint64_t handle)
{
	uint32_t index = handle & (POOL_MAX - 1);
	struct pool_obj *obj;

	if (index >= pool->n)
		return NULL;
	obj = pool_at(pool, index);
	return obj->generation == (uint32_t)(handle >> 24) ? obj : NULL;
}

static inline bool pool_in_use(const struct pool_obj *obj)
{
	return obj->generation & 1;
}

#endif
