/* SPDX-License-Identifier: BSD-2-Clause */
/* An engine for a thread that has nothing else to do than wait for one request after the other. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/log.h"
#include "store/store.h"

struct store_sync {
	struct engine *engine;
	bool done;
};

struct waited {
	struct store_io io;
	struct store_sync *sync;
};

struct store_sync *store_sync_new(void)
{
	struct store_sync *sync = calloc(1, sizeof(*sync));
	char err[256];
	int res;

	if (!sync)
		return NULL;
	res = engine_new("auto", 1, &sync->engine, err, sizeof(err));
	if (!res)
		return sync;
	log_err("%s", err);
	free(sync);
	errno = -res;
	return NULL;
}

static void note_done(struct store_io *io)
{
	container_of(io, struct waited, io)->sync->done = true;
}

/* Until something is to be reaped, at most as long as a held request is held. */
static void sleep_on(struct engine *engine)
{
	struct pollfd fd = { .fd = engine_wait_fd(engine), .events = POLLIN };
	uint64_t now = clock_now_ns(), deadline = engine_deadline(engine);
	int ms = 1000;

	if (deadline <= now)
		return;
	if (deadline - now < 1000 * NSEC_PER_MSEC)
		ms = (int)((deadline - now) / NSEC_PER_MSEC) + 1;
	if (engine_arm(engine))
		poll(&fd, 1, ms);
}

int store_sync_run(struct store_sync *sync, const struct store_io *io)
{
	struct waited waited = { .io = *io, .sync = sync };

	waited.io.done = note_done;
	sync->done = false;
	store_submit(sync->engine, &waited.io);
	engine_flush(sync->engine);
	while (!engine_reap(sync->engine) || !sync->done) {
		engine_flush(sync->engine);
		if (!sync->done)
			sleep_on(sync->engine);
	}
	return waited.io.res;
}

void store_sync_free(struct store_sync *sync)
{
	engine_free(sync->engine);
	free(sync);
}
