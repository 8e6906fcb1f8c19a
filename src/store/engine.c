/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Engines of every kind: choosing one, and the list on which all completions meet, whoever found
 * them. Assumes nothing of io_uring: a test may stand an engine of its own here and complete
 * requests in any order it likes.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "store/store.h"
#include "store/uring.h"

/* "auto" takes the first that works. */
static const struct engine_kind {
	const char *name;
	int (*make)(unsigned int depth, struct engine **out, char *err, size_t err_len);
} engine_kinds[] = {
	{ "io_uring", uring_new },
};

int engine_new(const char *kind, unsigned int depth, struct engine **out, char *err, size_t err_len)
{
	bool any = !strcmp(kind, "auto");
	int rc = 0;

	*out = NULL;
	if (!depth) {
		snprintf(err, err_len, "an engine needs a depth of 1 or more");
		return -EINVAL;
	}
	for (size_t i = 0; i < ARRAY_SIZE(engine_kinds); i++) {
		if (!any && strcmp(kind, engine_kinds[i].name))
			continue;
		rc = engine_kinds[i].make(depth, out, err, err_len);
		if (!rc || !any)
			return rc;
	}
	if (!rc) {
		snprintf(err, err_len, "unknown engine \"%s\"", kind);
		rc = -EINVAL;
	}
	return rc;
}

void engine_init(struct engine *engine, const struct engine_ops *ops)
{
	memset(engine, 0, sizeof(*engine));
	engine->ops = ops;
	STAILQ_INIT(&engine->completed);
	STAILQ_INIT(&engine->queued);
	timer_heap_init(&engine->delayed);
}

void engine_free(struct engine *engine)
{
	if (!engine)
		return;
	timer_heap_fini(&engine->delayed);
	engine->ops->fini(engine);
}

int engine_register_region(struct engine *engine, void *base, size_t len)
{
	if (!base || !len)
		return -EINVAL;
	if (!engine->ops->register_region)
		return 0;
	return engine->ops->register_region(engine, base, len);
}

static int set_file(struct engine *engine, const struct store *store, int fd)
{
	if (store->fixed_file < 0 || !engine->ops->register_file)
		return 0;
	return engine->ops->register_file(engine, store->fixed_file, fd);
}

int engine_register_store(struct engine *engine, struct store *store)
{
	return set_file(engine, store, store->fd);
}

int engine_unregister_store(struct engine *engine, struct store *store)
{
	return set_file(engine, store, -1);
}

void engine_flush(struct engine *engine)
{
	engine->ops->flush(engine);
}

unsigned int engine_reap(struct engine *engine)
{
	struct store_io_list done = STAILQ_HEAD_INITIALIZER(done);
	struct store_io *io;
	unsigned int n = 0;

	if (unlikely(timer_next(&engine->delayed) != UINT64_MAX))
		timer_run(&engine->delayed, clock_now_ns());
	engine->ops->reap(engine);
	/* What done() submits and is complete at once waits for the next reap: no endless loop. */
	STAILQ_CONCAT(&done, &engine->completed);
	while ((io = STAILQ_FIRST(&done))) {
		STAILQ_REMOVE_HEAD(&done, link);
		engine->inflight--;
		n++;
		io->done(io);
	}
	return n;
}

int engine_wait_fd(struct engine *engine)
{
	return engine->ops->wait_fd ? engine->ops->wait_fd(engine) : -1;
}

uint64_t engine_deadline(const struct engine *engine)
{
	return timer_next(&engine->delayed);
}

bool engine_arm(struct engine *engine)
{
	if (!STAILQ_EMPTY(&engine->completed) || !STAILQ_EMPTY(&engine->queued))
		return false;
	return engine->ops->arm ? engine->ops->arm(engine) : true;
}

void engine_complete(struct engine *engine, struct store_io *io, int res)
{
	io->res = res;
	STAILQ_INSERT_TAIL(&engine->completed, io, link);
}
