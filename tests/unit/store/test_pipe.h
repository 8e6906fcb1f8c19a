/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A store that reads from a pipe: its requests run through the real engine, yet the test decides
 * when they complete and how short.
 */
#ifndef SRPTD_TESTS_STORE_PIPE_H
#define SRPTD_TESTS_STORE_PIPE_H

#include "store/fdio.h"
#include "store_test.h"

static inline void pipe_submit(struct store *store, struct engine *engine, struct store_io *io)
{
	fdio_start(io);
	engine->ops->queue_fd(engine, io);
}

struct pipe_store {
	struct store store;
	int feed; /* write what shall be read here */
};

static inline void pipe_open(struct pipe_store *ps)
{
	static const struct store_ops ops = { .type = "pipe", .submit = pipe_submit };
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	memset(ps, 0, sizeof(*ps));
	ps->store.ops = &ops;
	ps->store.size = 1 << 20;
	ps->store.block_size = 512;
	ps->store.fd = fds[0];
	ps->store.fixed_file = -1;
	ps->feed = fds[1];
}

static inline void pipe_close(struct pipe_store *ps)
{
	close(ps->store.fd);
	close(ps->feed);
}

static inline void pipe_feed(struct pipe_store *ps, const void *data, size_t len)
{
	assert_int_equal(write(ps->feed, data, len), len);
}

#endif
