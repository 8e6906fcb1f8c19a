/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads for calls that may block and that an engine cannot make otherwise: ioctls of block
 * devices, buffered I/O without io_uring. There are JOBS_THREADS of them at most in the process,
 * and one store occupies JOBS_PER_STORE at most, so that a device that hangs leaves the others
 * served.
 */
#ifndef SRPTD_STORE_JOBS_H
#define SRPTD_STORE_JOBS_H

#include <stdbool.h>

struct store_io;

enum {
	JOBS_THREADS = 64,
	JOBS_PER_STORE = 8
};

/* Threads run from the first user to the last. 0 or -errno. */
int jobs_get(void);
/*
 * None of the user's requests may be with the threads; when it returns, no thread touches the
 * user's engine any more.
 */
void jobs_put(void);

/*
 * Run all calls of a started request (store/fdio.h), or the store's own `run`, in a thread; it
 * comes back by engine_post(). Never sleeps for longer than it takes to enter the request in a
 * list.
 */
void jobs_submit(struct store_io *io);
/* Take a request back that nobody has begun with. False: somebody has, or it is finished. */
bool jobs_cancel(struct store_io *io);

#endif
