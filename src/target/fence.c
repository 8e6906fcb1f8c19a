/* SPDX-License-Identifier: BSD-2-Clause */
/* Fences around given-up writes, see fence.h. */
#include "target/fence.h"

#include "store/store.h"

void fence_set_init(struct fence_set *set)
{
	pthread_mutex_init(&set->lock, NULL);
	LIST_INIT(&set->list);
	set->n = 0;
}

void fence_set_fini(struct fence_set *set)
{
	pthread_mutex_destroy(&set->lock);
}

void fence_raise(struct fence_set *set, struct fence *fence, const struct store_io *io)
{
	pthread_mutex_lock(&set->lock);
	fence->io = io;
	fence->owner = NULL;
	LIST_INSERT_HEAD(&set->list, fence, link);
	set->n++;
	pthread_mutex_unlock(&set->lock);
}

bool fence_lower(struct fence_set *set, struct fence *fence)
{
	if (!fence->io)
		return false;
	pthread_mutex_lock(&set->lock);
	fence->io = NULL;
	LIST_REMOVE(fence, link);
	set->n--;
	pthread_mutex_unlock(&set->lock);
	return true;
}

bool fence_overlap(const struct store_io *a, const struct store_io *b)
{
	return a->store == b->store && a->off < b->off + b->len && b->off < a->off + a->len;
}

bool fence_meets(struct fence_set *set, const struct store_io *io)
{
	const struct fence *f;
	bool met = false;

	if (!store_io_changes(io))
		return false;
	pthread_mutex_lock(&set->lock);
	LIST_FOREACH(f, &set->list, link)
		met |= f->owner != io && fence_overlap(f->io, io);
	pthread_mutex_unlock(&set->lock);
	return met;
}

bool fence_try_lock(struct fence_set *set, struct fence *fence, const struct store_io *range,
		    const struct store_io *owner)
{
	const struct fence *f;
	bool met = false;

	pthread_mutex_lock(&set->lock);
	LIST_FOREACH(f, &set->list, link)
		met |= fence_overlap(f->io, range);
	if (!met) {
		fence->io = range;
		fence->owner = owner;
		LIST_INSERT_HEAD(&set->list, fence, link);
		set->n++;
	}
	pthread_mutex_unlock(&set->lock);
	return !met;
}
