/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of the store room share: scratch files, running requests, patterns. */
#ifndef SRPTD_TESTS_STORE_TEST_H
#define SRPTD_TESTS_STORE_TEST_H

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "store/store.h"
#include "store/uring.h"

enum { HANG_MS = 30000 }; /* a wake-up that takes longer is taken for lost */

static inline const char *tmp_dir(void)
{
	const char *dir = getenv("TMPDIR");

	return dir && *dir ? dir : "/tmp";
}

/* A path nobody uses; of its own per process and call. */
static inline void tmp_path(char *path, size_t len)
{
	static unsigned int n;

	snprintf(path, len, "%s/srptd-store-%ld-%u", tmp_dir(), (long)getpid(), n++);
}

static inline void *buf_new(size_t len)
{
	size_t whole = (len + STORE_BUF_ALIGN - 1) / STORE_BUF_ALIGN * STORE_BUF_ALIGN;
	void *buf = aligned_alloc(STORE_BUF_ALIGN, whole);

	assert_non_null(buf);
	memset(buf, 0xee, whole);
	return buf;
}

/* Bytes that say where they belong. */
static inline void pattern_fill(uint8_t *buf, uint64_t off, size_t len, uint64_t seed)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = (uint8_t)(((off + i) * 0x9e3779b97f4a7c15ULL + seed) >> 56);
}

static inline struct engine *ring_new(enum uring_setup setup, unsigned int depth)
{
	struct engine *engine;
	char err[256] = "";

	if (uring_new_from(setup, depth, &engine, err, sizeof(err)))
		fail_msg("%s", err);
	return engine;
}

/* The engine that this run of the tests is about. */
static inline struct engine *engine_under_test(unsigned int depth)
{
	const char *kind = getenv("SRPTD_TEST_ENGINE");
	struct engine *engine;
	char err[256] = "";

	if (engine_new(kind ? kind : "auto", depth, &engine, err, sizeof(err)))
		fail_msg("%s", err);
	return engine;
}

static inline struct store *must_open(const struct store_conf *conf)
{
	struct store *store;
	char err[512] = "";

	if (store_open(conf, &store, err, sizeof(err)))
		fail_msg("%s", err);
	return store;
}

/* Milliseconds until the engine wants to be looked at; HANG_MS if never. */
static inline int engine_wait_ms(const struct engine *engine)
{
	uint64_t deadline = engine_deadline(engine), now = clock_now_ns();

	if (deadline == UINT64_MAX)
		return HANG_MS;
	return deadline > now ? (int)((deadline - now) / NSEC_PER_MSEC) + 1 : 0;
}

/* Sleep until the engine has something, as a worker does. */
static inline void engine_sleep(struct engine *engine)
{
	struct pollfd pfd = { .fd = engine_wait_fd(engine), .events = POLLIN };
	int rc;

	if (!engine_arm(engine))
		return;
	do
		rc = poll(&pfd, 1, engine_wait_ms(engine));
	while (rc < 0 && errno == EINTR);
	if (!rc && engine_deadline(engine) == UINT64_MAX)
		fail_msg("nothing woke the sleeper");
}

/* Pass after pass until nothing is in flight. */
static inline void drain(struct engine *engine)
{
	while (engine->inflight) {
		engine_flush(engine);
		if (!engine_reap(engine) && engine->inflight)
			engine_sleep(engine);
	}
}

static inline void done_nothing(struct store_io *io)
{
}

/* One request from start to end; its result. */
static inline int run(struct engine *engine, struct store *store, enum store_op op, uint64_t off,
		      uint64_t len, void *buf, uint32_t flags)
{
	struct store_io io = {
		.store = store,
		.op = op,
		.flags = flags,
		.off = off,
		.len = len,
		.buf = buf,
		.done = done_nothing,
		.res = 4711,
	};

	store_submit(engine, &io);
	drain(engine);
	return io.res;
}

#endif
