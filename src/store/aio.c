/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The libaio engine, for kernels and containers without io_uring. Linux AIO is asynchronous for
 * direct I/O only, and even there io_submit() sleeps where a file system has to allocate: so every
 * transfer goes with RWF_NOWAIT, and what the kernel cannot do at once is for the threads of
 * jobs.h. So are all buffered I/O, and writes to regular files: io_submit() waits for a file system
 * that is frozen, whatever its flags. Knows nothing of files' features: that is fdio.
 */
#include "store/aio.h"

#include <errno.h>
#include <libaio.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

#include "base/compiler.h"
#include "base/log.h"
#include "store/fdio.h"
#include "store/jobs.h"
#include "store/store.h"

enum {
	DEPTH_MAX = 32768, /* of fs.aio-max-nr, which is 65536 for the whole machine */
	REAP_MAX = 64,	   /* completions per system call */
};

struct aio {
	struct engine engine;
	io_context_t ctx;
	unsigned int in_kernel;
	unsigned int n_batch, n_free;
	struct iocb *iocbs;
	struct iocb **batch; /* prepared, not yet submitted, oldest first */
	struct iocb **free;
	bool no_fdsync; /* learned: this kernel syncs no file asynchronously (before 4.18) */
};

static struct aio *to_aio(struct engine *engine)
{
	return container_of(engine, struct aio, engine);
}

/* Would io_submit() sleep with this call? */
static bool is_for_jobs(const struct aio *a, const struct store *store,
			const struct fdio_call *call)
{
	switch (call->step) {
	case FDIO_WRITE:
	case FDIO_ZERO_WRITE:
		if (!store->is_block)
			return true;
		/* fall through */
	case FDIO_READ:
		return !store->direct ||
		       atomic_load_explicit(&store->no_nowait, memory_order_relaxed);
	case FDIO_SYNC:
		return a->no_fdsync;
	case FDIO_PUNCH:
	case FDIO_ZERO_RANGE:
	case FDIO_DISCARD:
	case FDIO_ZERO_OUT:
	case FDIO_COPY:
		return true;
	}
	__builtin_unreachable();
}

static void prep(struct aio *a, struct store_io *io, const struct fdio_call *call)
{
	struct iocb *iocb = a->free[--a->n_free];
	int fd = io->store->fd;

	if (call->step == FDIO_SYNC)
		io_prep_fdsync(iocb, fd);
	else if (call->step == FDIO_READ)
		io_prep_pread(iocb, fd, call->buf, call->len, (long long)call->off);
	else
		io_prep_pwrite(iocb, fd, call->buf, call->len, (long long)call->off);
	if (call->step != FDIO_SYNC)
		iocb->aio_rw_flags = RWF_NOWAIT | (call->dsync ? RWF_DSYNC : 0) |
				     (call->atomic ? RWF_ATOMIC : 0);
	iocb->data = io;
	io_set_eventfd(iocb, a->engine.wake_fd);
	a->batch[a->n_batch++] = iocb;
	io->at = STORE_AT_KERNEL;
}

static void fill(struct aio *a)
{
	struct fdio_call call;
	struct store_io *io;

	while (a->n_free && (io = STAILQ_FIRST(&a->engine.queued))) {
		STAILQ_REMOVE_HEAD(&a->engine.queued, link);
		fdio_next(io, &call);
		if (is_for_jobs(a, io->store, &call))
			jobs_submit(io);
		else
			prep(a, io, &call);
	}
}

static void aio_queue_fd(struct engine *engine, struct store_io *io)
{
	io->at = STORE_AT_QUEUED;
	STAILQ_INSERT_TAIL(&engine->queued, io, link);
}

/* Could the kernel not do it asynchronously? Learns what it never can. */
static bool would_block(struct aio *a, const struct iocb *iocb, int64_t res)
{
	struct store_io *io = iocb->data;

	if (iocb->aio_lio_opcode == IO_CMD_FDSYNC && res == -EINVAL)
		return a->no_fdsync = true;
	if (!(iocb->aio_rw_flags & RWF_NOWAIT) || (res != -EAGAIN && res != -EOPNOTSUPP))
		return false;
	if (res == -EOPNOTSUPP)
		atomic_store_explicit(&io->store->no_nowait, true, memory_order_relaxed);
	return true;
}

/* The result of an entry, from its event or from io_submit(). True: the request is finished. */
static bool take(struct aio *a, struct iocb *iocb, int64_t res)
{
	struct store_io *io = iocb->data;

	a->free[a->n_free++] = iocb;
	if (would_block(a, iocb, res)) {
		jobs_submit(io);
		return false;
	}
	if (!fdio_result(io, res)) {
		aio_queue_fd(&a->engine, io);
		return false;
	}
	engine_complete(&a->engine, io, io->res);
	return true;
}

static void drop_from_batch(struct aio *a, unsigned int n)
{
	a->n_batch -= n;
	memmove(a->batch, a->batch + n, a->n_batch * sizeof(struct iocb *));
}

static void submit(struct aio *a)
{
	struct iocb *refused;
	int rc;

	while (a->n_batch) {
		a->engine.n_syscalls++;
		rc = io_submit(a->ctx, (long)a->n_batch, a->batch);
		if (rc == -EAGAIN || rc == -EINTR)
			return; /* no room in the kernel: with the next flush */
		if (rc > 0) {
			a->in_kernel += (unsigned int)rc;
			drop_from_batch(a, (unsigned int)rc);
		} else {
			refused = a->batch[0];
			drop_from_batch(a, 1);
			take(a, refused, rc ? rc : -EIO);
		}
	}
}

static void aio_flush(struct engine *engine)
{
	struct aio *a = to_aio(engine);

	fill(a);
	if (a->n_batch)
		submit(a);
}

/* libaio looks into the ring first, and makes no system call when it is empty. */
static unsigned int take_ready(struct aio *a, unsigned int *n)
{
	struct timespec at_once = { 0 };
	struct io_event events[REAP_MAX];
	int rc;

	if (!a->in_kernel)
		return 0;
	rc = io_getevents(a->ctx, 0, REAP_MAX, events, &at_once);
	if (rc <= 0)
		return 0;
	a->engine.n_syscalls++;
	a->in_kernel -= (unsigned int)rc;
	for (int i = 0; i < rc; i++)
		*n += take(a, events[i].obj, (long)events[i].res);
	return (unsigned int)rc;
}

static unsigned int aio_reap(struct engine *engine)
{
	unsigned int n = 0;

	take_ready(to_aio(engine), &n);
	/* Unfinished requests go on now: the caller might sleep after this. */
	if (unlikely(!STAILQ_EMPTY(&engine->queued)))
		aio_flush(engine);
	return n;
}

static bool aio_arm(struct engine *engine)
{
	struct aio *a = to_aio(engine);
	unsigned int n = 0;

	return !a->n_batch && !take_ready(a, &n);
}

static void aio_fini(struct engine *engine)
{
	struct aio *a = to_aio(engine);

	if (a->ctx)
		io_destroy(a->ctx);
	free(a->iocbs);
	free(a->batch);
	free(a->free);
	free(a);
}

static const struct engine_ops aio_ops = {
	.name = "libaio",
	.fini = aio_fini,
	.queue_fd = aio_queue_fd,
	.flush = aio_flush,
	.reap = aio_reap,
	.arm = aio_arm,
};

static struct aio *alloc(unsigned int depth)
{
	struct aio *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	engine_init(&a->engine, &aio_ops);
	a->iocbs = calloc(depth, sizeof(struct iocb));
	a->batch = calloc(depth, sizeof(struct iocb *));
	a->free = calloc(depth, sizeof(struct iocb *));
	if (!a->iocbs || !a->batch || !a->free) {
		aio_fini(&a->engine);
		return NULL;
	}
	for (; a->n_free < depth; a->n_free++)
		a->free[a->n_free] = &a->iocbs[a->n_free];
	return a;
}

int aio_new(unsigned int depth, struct engine **out, char *err, size_t err_len)
{
	struct aio *a;
	int rc;

	*out = NULL;
	depth = MIN(depth, (unsigned int)DEPTH_MAX);
	a = alloc(depth);
	if (!a) {
		snprintf(err, err_len, "out of memory");
		return -ENOMEM;
	}
	rc = io_setup((int)depth, &a->ctx);
	if (!rc)
		rc = engine_open(&a->engine);
	if (rc) {
		snprintf(err, err_len, "libaio: %s%s", strerror(-rc),
			 rc == -EAGAIN ? "; raise sysctl fs.aio-max-nr" : "");
		aio_fini(&a->engine);
		return rc;
	}
	*out = &a->engine;
	return 0;
}
