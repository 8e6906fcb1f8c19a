/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fixed pools made once and never grown: objects of one size with generation-tagged handles, for
 * one thread. A handle names (kind, index, generation); after the object was put back the old
 * handle finds nothing.
 */
#ifndef SRPTD_BASE_POOL_H
#define SRPTD_BASE_POOL_H

#include <assert.h>
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

static inline void *pool_at(const struct pool *pool, uint32_t index)
{
	return pool->base + (size_t)index * pool->size;
}

/*
 * 64-bit handles for wr_id and user_data: kind in bits 60-63, generation in 40-59, index in 16-39,
 * and 16 bits for the user's own purpose, which pool_find() does not look at.
 */
enum { POOL_MAX = 1 << 24 };

static inline uint64_t pool_handle(unsigned int kind, const struct pool_obj *obj)
{
	return (uint64_t)kind << 60 | (uint64_t)(obj->generation & 0xfffff) << 40 |
	       (uint64_t)obj->index << 16;
}

static inline unsigned int pool_handle_kind(uint64_t handle)
{
	return (unsigned int)(handle >> 60);
}

static inline uint32_t pool_handle_index(uint64_t handle)
{
	return (uint32_t)(handle >> 16) & (POOL_MAX - 1);
}

static inline bool pool_in_use(const struct pool_obj *obj)
{
	return obj->generation & 1;
}

/* An object, or NULL when all are in use. Its contents are as the last user left them. */
static inline void *pool_get(struct pool *pool)
{
	struct pool_obj *obj;

	if (pool->n_free == 0)
		return NULL;
	obj = pool_at(pool, pool->free[--pool->n_free]);
	obj->generation++;
	return obj;
}

static inline void pool_put(struct pool *pool, void *ptr)
{
	struct pool_obj *obj = ptr;

	assert(pool_in_use(obj));
	obj->generation++;
	pool->free[pool->n_free++] = obj->index;
}

/* The object of a handle, or NULL if it was put back since. */
static inline void *pool_find(const struct pool *pool, uint64_t handle)
{
	uint32_t index = pool_handle_index(handle);
	struct pool_obj *obj;

	if (index >= pool->n)
		return NULL;
	obj = pool_at(pool, index);
	return pool_in_use(obj) && ((obj->generation ^ handle >> 40) & 0xfffff) == 0 ? obj : NULL;
}

#endif
