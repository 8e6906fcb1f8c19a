/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Engines of every kind: choosing one, and the list on which all completions meet, whoever found
 * them. Assumes nothing of io_uring: a test may stand an engine of its own here and complete
 * requests in any order it likes.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/log.h"
#include "store/aio.h"
#include "store/jobs.h"
#include "store/types.h"
#include "store/uring.h"

/* "auto" takes the first that works. */
static const struct engine_kind {
	const char *name;
	int (*make)(unsigned int depth, struct engine **out, char *err, size_t err_len);
} engine_kinds[] = {
	{ "io_uring", uring_new },
	{ "libaio", aio_new },
};

/* Once for all workers. */
static void log_fallback(const char *why, const char *kind)
{
	static atomic_flag said = ATOMIC_FLAG_INIT;

	if (!atomic_flag_test_and_set(&said))
		log_warn("%s: using %s", why, kind);
}

static int make_any(unsigned int depth, struct engine **out, char *err, size_t err_len)
{
	char why[256] = "";
	int rc = 0;

	for (size_t i = 0; i < ARRAY_SIZE(engine_kinds); i++) {
		rc = engine_kinds[i].make(depth, out, err, err_len);
		if (!rc && i)
			log_fallback(why, engine_kinds[i].name);
		if (!rc)
			return 0;
		snprintf(why, sizeof(why), "%s", err);
	}
	return rc;
}

int engine_new(const char *kind, unsigned int depth, struct engine **out, char *err, size_t err_len)
{
	*out = NULL;
	if (!depth) {
		snprintf(err, err_len, "an engine needs a depth of 1 or more");
		return -EINVAL;
	}
	if (!strcmp(kind, "auto"))
		return make_any(depth, out, err, err_len);
	for (size_t i = 0; i < ARRAY_SIZE(engine_kinds); i++)
		if (!strcmp(kind, engine_kinds[i].name))
			return engine_kinds[i].make(depth, out, err, err_len);
	snprintf(err, err_len, "unknown engine \"%s\"", kind);
	return -EINVAL;
}

void engine_init(struct engine *engine, const struct engine_ops *ops)
{
	memset(engine, 0, sizeof(*engine));
	engine->ops = ops;
	STAILQ_INIT(&engine->completed);
	STAILQ_INIT(&engine->queued);
	timer_heap_init(&engine->delayed);
	atomic_init(&engine->posted, NULL);
	engine->wake_fd = -1;
}

int engine_open(struct engine *engine)
{
	int rc;

	engine->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (engine->wake_fd < 0)
		return -errno;
	rc = jobs_get();
	if (rc) {
		close(engine->wake_fd);
		engine->wake_fd = -1;
	}
	return rc;
}

void engine_close(struct engine *engine)
{
	if (engine->wake_fd < 0)
		return;
	jobs_put();
	close(engine->wake_fd);
	engine->wake_fd = -1;
}

void engine_free(struct engine *engine)
{
	if (!engine)
		return;
	engine_close(engine);
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

/* What other threads have finished, oldest first. */
static void take_posted(struct engine *engine)
{
	struct store_io *io = atomic_exchange(&engine->posted, NULL);
	struct store_io *next, *oldest = NULL;

	for (; io; io = next) {
		next = STAILQ_NEXT(io, link);
		STAILQ_NEXT(io, link) = oldest;
		oldest = io;
	}
	for (io = oldest; io; io = next) {
		next = STAILQ_NEXT(io, link);
		engine_complete(engine, io, io->res);
	}
}

static inline bool has_posted(struct engine *engine)
{
	return unlikely(atomic_load_explicit(&engine->posted, memory_order_relaxed));
}

unsigned int engine_reap(struct engine *engine)
{
	struct store_io_list done = STAILQ_HEAD_INITIALIZER(done);
	struct store_io *io;
	unsigned int n = 0;

	if (unlikely(timer_next(&engine->delayed) != UINT64_MAX))
		timer_run(&engine->delayed, clock_now_ns());
	if (has_posted(engine))
		take_posted(engine);
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
	return engine->wake_fd;
}

uint64_t engine_deadline(const struct engine *engine)
{
	return timer_next(&engine->delayed);
}

/*
 * Forget old signals first: who posts behind that signals anew, and what was posted before is seen
 * below.
 */
static void empty_wake_fd(const struct engine *engine)
{
	uint64_t count;

	if (read(engine->wake_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		log_peer(LOG_LVL_ERR, "%s: event descriptor: %s", engine->ops->name,
			 strerror(errno));
}

bool engine_arm(struct engine *engine)
{
	if (!STAILQ_EMPTY(&engine->completed) || !STAILQ_EMPTY(&engine->queued))
		return false;
	if (engine->wake_fd >= 0)
		empty_wake_fd(engine);
	if (atomic_load(&engine->posted))
		return false;
	return (engine->ops->arm ? engine->ops->arm(engine) : true) &&
	       STAILQ_EMPTY(&engine->completed);
}

void engine_post(struct engine *engine, struct store_io *io)
{
	const uint64_t one = 1;
	struct store_io *next = atomic_load(&engine->posted);

	do
		STAILQ_NEXT(io, link) = next;
	while (!atomic_compare_exchange_weak(&engine->posted, &next, io));
	/* The first has signalled for all that come before the worker looks. */
	if (!next && write(engine->wake_fd, &one, sizeof(one)) < 0)
		log_peer(LOG_LVL_ERR, "%s: event descriptor: %s", engine->ops->name,
			 strerror(errno));
}

void engine_complete(struct engine *engine, struct store_io *io, int res)
{
	io->res = res;
	io->at = STORE_AT_NONE;
	STAILQ_INSERT_TAIL(&engine->completed, io, link);
}

static bool is_untouched(const struct store_io *io)
{
	return !io->progress && !io->tries;
}

void store_cancel(struct store_io *io)
{
	struct engine *engine = io->engine;

	switch ((enum store_io_at)io->at) {
	case STORE_AT_NONE:
		return;
	case STORE_AT_HELD:
		fault_cancel(io);
		return;
	case STORE_AT_QUEUED:
		if (!is_untouched(io))
			return;
		STAILQ_REMOVE(&engine->queued, io, store_io, link);
		engine_complete(engine, io, -ECANCELED);
		return;
	case STORE_AT_JOBS:
		if (jobs_cancel(io))
			engine_complete(engine, io, -ECANCELED);
		return;
	case STORE_AT_KERNEL:
		if (engine->ops->cancel && is_untouched(io))
			engine->ops->cancel(engine, io);
		return;
	}
}
