/* SPDX-License-Identifier: BSD-2-Clause */
/* Fixed object pools, see pool.h. */
#include "base/pool.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int pool_init(struct pool *pool, uint32_t n, size_t size)
{
	assert(size >= sizeof(struct pool_obj) && n < POOL_MAX);
	memset(pool, 0, sizeof(*pool));
	pool->size = (size + 63) & ~(size_t)63;
	pool->base = aligned_alloc(64, pool->size * (n ? n : 1));
	pool->free = calloc(n ? n : 1, sizeof(*pool->free));
	if (!pool->base || !pool->free) {
		pool_fini(pool);
		return -ENOMEM;
	}
	memset(pool->base, 0, pool->size * n);
	pool->n = n;
	pool->n_free = n;
	for (uint32_t i = 0; i < n; i++) {
		((struct pool_obj *)pool_at(pool, i))->index = i;
		pool->free[i] = n - 1 - i;
	}
	return 0;
}

void pool_fini(struct pool *pool)
{
	free(pool->base);
	free(pool->free);
	memset(pool, 0, sizeof(*pool));
}
