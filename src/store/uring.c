/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The io_uring engine: one ring, made and used by one thread. Prepares each request as soon as the
 * ring has room, hands a whole pass to the kernel with one io_uring_enter, and looks for results in
 * memory before it asks the kernel. What may block in the kernel (fallocate, fsync, buffered
 * writes) io_uring gives to threads of its own, so the worker never waits. Knows nothing of files'
 * features or of errors worth retrying: that is fdio.
 */
#include "store/uring.h"

#include <errno.h>
#include <liburing.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/log.h"
#include "store/fdio.h"
#include "store/jobs.h"
#include "store/types.h"

/* The kernel's ABI, for headers older than the kernel that will run this. */
#ifndef IORING_SETUP_SUBMIT_ALL
#define IORING_SETUP_SUBMIT_ALL (1U << 7)
#endif
#ifndef IORING_SETUP_COOP_TASKRUN
#define IORING_SETUP_COOP_TASKRUN (1U << 8)
#endif
#ifndef IORING_SETUP_TASKRUN_FLAG
#define IORING_SETUP_TASKRUN_FLAG (1U << 9)
#endif
#ifndef IORING_SETUP_SINGLE_ISSUER
#define IORING_SETUP_SINGLE_ISSUER (1U << 12)
#endif
#ifndef IORING_SETUP_DEFER_TASKRUN
#define IORING_SETUP_DEFER_TASKRUN (1U << 13)
#endif
#ifndef IORING_SQ_TASKRUN
#define IORING_SQ_TASKRUN (1U << 2)
#endif

enum {
	DEPTH_MAX = 32768,    /* the kernel's limit of submission entries */
	REGIONS_MAX = 1024,   /* registered buffers of a region */
	REGION_LEN = 1 << 30, /* bytes; the kernel's limit of one registered buffer */
};

#define COOP_FLAGS (IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG)

static const struct {
	unsigned int flags;
	const char *what;
} setups[URING_N_SETUPS] = {
	[URING_DEFER] = { COOP_FLAGS | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
			  "single issuer, deferred completions" },
	[URING_SINGLE] = { COOP_FLAGS | IORING_SETUP_SINGLE_ISSUER,
			   "single issuer, cooperative completions" },
	[URING_COOP] = { COOP_FLAGS, "cooperative completions" },
	[URING_SUBMIT_ALL] = { IORING_SETUP_SUBMIT_ALL, "interrupting completions" },
	[URING_PLAIN] = { 0, "interrupting completions, submission stops at an error" },
};

struct uring {
	struct engine engine;
	struct io_uring ring;
	enum uring_setup setup;
	unsigned int depth;
	unsigned int in_ring; /* prepared and not yet reaped; <= depth, so the CQ never overflows */
	unsigned int n_cancels; /* cancellations likewise: the CQ has two entries per SQ entry */
	bool armed;           /* wake_fd is wanted: engine_arm() was called, no reap since */
	uint8_t *region;      /* n_regions registered buffers of REGION_LEN, the last one shorter */
	size_t region_len;
	unsigned int n_regions;
	int *files; /* descriptor registered per slot, -1 = none; NULL if there is no table */
	unsigned int n_fixed_buf, n_fixed_file;
};

static struct uring *to_uring(struct engine *engine)
{
	return container_of(engine, struct uring, engine);
}

/* Index of the registered buffer that wholly holds the range, or -1. */
static int fixed_buf(const struct uring *u, const void *buf, uint64_t len)
{
	uintptr_t at = (uintptr_t)buf - (uintptr_t)u->region; /* huge if buf lies before it */

	if (!u->n_regions || at >= u->region_len || len > u->region_len - at ||
	    at / REGION_LEN != (at + len - 1) / REGION_LEN)
		return -1;
	return (int)(at / REGION_LEN);
}

static bool is_registered(const struct uring *u, const struct store *store)
{
	return u->files && store->fixed_file >= 0 && u->files[store->fixed_file] == store->fd;
}

static void prep_transfer(struct uring *u, struct io_uring_sqe *sqe, const struct fdio_call *call,
			  int fd)
{
	/* the kernel takes an atomic write from plain memory only */
	int index = call->atomic ? -1 : fixed_buf(u, call->buf, call->len);
	bool is_read = call->step == FDIO_READ;
	int op = is_read ? IORING_OP_READ : IORING_OP_WRITE;

	if (index >= 0)
		op = is_read ? IORING_OP_READ_FIXED : IORING_OP_WRITE_FIXED;
	io_uring_prep_rw(op, sqe, fd, call->buf, (unsigned int)call->len, call->off);
	if (index >= 0) {
		sqe->buf_index = (uint16_t)index;
		u->n_fixed_buf++;
	}
	if (call->dsync)
		sqe->rw_flags = RWF_DSYNC;
	if (unlikely(call->atomic))
		sqe->rw_flags |= RWF_ATOMIC;
	/* Without this some file systems write back inside io_uring_enter. */
	if (call->may_block)
		sqe->flags |= IOSQE_ASYNC;
}

/*
 * user_data is the request itself: it stays until done() by contract, every entry gives exactly one
 * completion, and the next entry of a request is prepared only after that. So there is no
 * completion that could meet a request it does not belong to.
 */
static void prep(struct uring *u, struct io_uring_sqe *sqe, struct store_io *io,
		 const struct fdio_call *call)
{
	bool fixed = is_registered(u, io->store);
	int fd = fixed ? io->store->fixed_file : io->store->fd;

	switch (call->step) {
	case FDIO_READ:
	case FDIO_WRITE:
	case FDIO_ZERO_WRITE:
		prep_transfer(u, sqe, call, fd);
		break;
	case FDIO_PUNCH:
	case FDIO_ZERO_RANGE:
		io_uring_prep_fallocate(sqe, fd, fdio_fallocate_mode(call->step), (off_t)call->off,
					(off_t)call->len);
		break;
	case FDIO_DISCARD:
	case FDIO_ZERO_OUT:
	case FDIO_COPY:
		break; /* no opcode: never comes here */
	case FDIO_SYNC:
		io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
		break;
	}
	if (fixed) {
		sqe->flags |= IOSQE_FIXED_FILE;
		u->n_fixed_file++;
	}
	io_uring_sqe_set_data(sqe, io);
	io->at = STORE_AT_KERNEL;
}

/* Move requests from the queue to the submission ring while there is room. */
static void fill(struct uring *u)
{
	struct io_uring_sqe *sqe;
	struct fdio_call call;
	struct store_io *io;

	while (u->in_ring < u->depth && (io = STAILQ_FIRST(&u->engine.queued))) {
		fdio_next(io, &call);
		sqe = fdio_needs_thread(call.step) ? NULL : io_uring_get_sqe(&u->ring);
		if (!sqe && !fdio_needs_thread(call.step))
			return;
		STAILQ_REMOVE_HEAD(&u->engine.queued, link);
		if (!sqe) {
			jobs_submit(io);
			continue;
		}
		prep(u, sqe, io, &call);
		u->in_ring++;
	}
}

/* One io_uring_enter: submits all that is prepared, runs completions that wait to be run. */
static void enter(struct uring *u)
{
	int rc;

	u->engine.n_syscalls++;
	rc = io_uring_submit_and_get_events(&u->ring);
	/* Entries not taken stay in the ring and go with the next enter: none is lost. */
	if (unlikely(rc < 0 && rc != -EAGAIN && rc != -EBUSY && rc != -EINTR))
		log_peer(LOG_LVL_ERR, "io_uring_enter: %s", strerror(-rc));
}

static void uring_queue_fd(struct engine *engine, struct store_io *io)
{
	io->at = STORE_AT_QUEUED;
	STAILQ_INSERT_TAIL(&engine->queued, io, link);
	fill(to_uring(engine));
}

/*
 * Entries run in their order, so a request that is prepared at the same address later is not met by
 * this one. user_data 0: its result is of no use, the request's own says what became of it.
 */
static void uring_cancel(struct engine *engine, struct store_io *io)
{
	struct uring *u = to_uring(engine);
	struct io_uring_sqe *sqe = u->n_cancels < u->depth ? io_uring_get_sqe(&u->ring) : NULL;

	if (!sqe)
		return;
	io_uring_prep_cancel(sqe, io, 0);
	io_uring_sqe_set_data(sqe, NULL);
	u->n_cancels++;
	engine->inflight++;
}

static void uring_flush(struct engine *engine)
{
	struct uring *u = to_uring(engine);

	fill(u);
	if (io_uring_sq_ready(&u->ring))
		enter(u);
}

static void take(struct uring *u, const struct io_uring_cqe *cqe, unsigned int *n)
{
	struct store_io *io = io_uring_cqe_get_data(cqe);

	if (unlikely(!io)) {
		u->n_cancels--;
		u->engine.inflight--;
		return;
	}
	u->in_ring--;
	if (!fdio_result(io, cqe->res)) {
		io->at = STORE_AT_QUEUED;
		STAILQ_INSERT_TAIL(&u->engine.queued, io, link);
		return;
	}
	engine_complete(&u->engine, io, io->res);
	(*n)++;
}

/* Results that lie in the completion ring; no system call. */
static unsigned int take_ready(struct uring *u, unsigned int *n)
{
	struct io_uring_cqe *cqe;
	unsigned int head, seen = 0;

	io_uring_for_each_cqe (&u->ring, head, cqe) {
		take(u, cqe, n);
		seen++;
	}
	io_uring_cq_advance(&u->ring, seen);
	return seen;
}

/* Does the kernel hold results that only an enter brings into the ring? */
static bool has_deferred(const struct uring *u)
{
	return IO_URING_READ_ONCE(*u->ring.sq.kflags) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW);
}

static unsigned int uring_reap(struct engine *engine)
{
	struct uring *u = to_uring(engine);
	unsigned int n = 0;

	if (u->armed) {
		io_uring_cq_eventfd_toggle(&u->ring, false);
		u->armed = false;
	}
	if ((u->in_ring || u->n_cancels) && !take_ready(u, &n) && has_deferred(u)) {
		enter(u);
		take_ready(u, &n);
	}
	/* Unfinished requests go on now: the caller might sleep after this. */
	if (unlikely(!STAILQ_EMPTY(&engine->queued)))
		uring_flush(engine);
	return n;
}

/*
 * With deferred completions the kernel signals the event descriptor when work appears on an empty
 * list, and only then. So: allow signals, then let one enter empty the list. Work that came before
 * the enter is found in the ring, later work signals. (Reading the ring's flags instead would need
 * an order of kernel stores and loads that only x86 promises.) Every other ring's signals are always
 * allowed.
 */
static bool uring_arm(struct engine *engine)
{
	struct uring *u = to_uring(engine);

	if (io_uring_sq_ready(&u->ring) || io_uring_cq_ready(&u->ring) || has_deferred(u))
		return false;
	if (u->setup == URING_DEFER) {
		io_uring_cq_eventfd_toggle(&u->ring, true);
		u->armed = true;
		if (u->in_ring || u->n_cancels)
			enter(u);
	}
	return !io_uring_cq_ready(&u->ring) && !has_deferred(u);
}

static int uring_register_region(struct engine *engine, void *base, size_t len)
{
	struct uring *u = to_uring(engine);
	size_t n = (len - 1) / REGION_LEN + 1;
	struct iovec *iov;
	int rc;

	if (u->n_regions || n > REGIONS_MAX)
		return -EINVAL;
	iov = calloc(n, sizeof(*iov));
	if (!iov)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		iov[i].iov_base = (uint8_t *)base + i * REGION_LEN;
		iov[i].iov_len = MIN(len - i * REGION_LEN, (size_t)REGION_LEN);
	}
	rc = io_uring_register_buffers(&u->ring, iov, (unsigned int)n);
	free(iov);
	if (rc) {
		log_info("io_uring: buffers of %zu MiB are not registered (%s)%s", len >> 20,
			 strerror(-rc), rc == -ENOMEM ? "; raise RLIMIT_MEMLOCK" : "");
		return 0;
	}
	u->region = base;
	u->region_len = len;
	u->n_regions = (unsigned int)n;
	return 0;
}

static int uring_register_file(struct engine *engine, int index, int fd)
{
	struct uring *u = to_uring(engine);
	int rc;

	if (index >= FIXED_FILES)
		return -EINVAL;
	if (!u->files)
		return 0;
	rc = io_uring_register_files_update(&u->ring, (unsigned int)index, &fd, 1);
	if (rc < 0 && fd < 0)
		return rc; /* the ring still holds the file, and so its claim */
	if (rc < 0)
		log_info("io_uring: file is not registered (%s)", strerror(-rc));
	u->files[index] = rc < 0 ? -1 : fd;
	return 0;
}

/* An empty table of files. A ring works without: every call then looks its descriptor up. */
static void make_file_table(struct uring *u)
{
	int *files = malloc(FIXED_FILES * sizeof(*files));
	int rc = -ENOMEM;

	if (files) {
		memset(files, 0xff, FIXED_FILES * sizeof(*files)); /* all -1 */
		rc = io_uring_register_files(&u->ring, files, FIXED_FILES);
	}
	if (rc) {
		log_info("io_uring: files are not registered (%s)", strerror(-rc));
		free(files);
		return;
	}
	u->files = files;
}

static int make_ring(struct uring *u, enum uring_setup setup)
{
	int rc = io_uring_queue_init(u->depth, &u->ring, setups[setup].flags);

	if (rc)
		return rc;
	u->setup = setup;
	/*
	 * The ring's own descriptor does not poll readable while deferred completions wait (seen
	 * on 6.18: sleepers stay asleep), nor when another thread has finished something.
	 */
	rc = io_uring_register_eventfd(&u->ring, u->engine.wake_fd);
	if (rc) {
		io_uring_queue_exit(&u->ring);
		return rc;
	}
	io_uring_register_ring_fd(&u->ring); /* 5.18; only saves the kernel a look-up */
	make_file_table(u);
	return 0;
}

/* A kernel answers flags it doesn't know with EINVAL. */
static int make_best_ring(struct uring *u, enum uring_setup first)
{
	int rc = -EINVAL;

	for (int setup = (int)first; rc == -EINVAL && setup < URING_N_SETUPS; setup++)
		rc = make_ring(u, (enum uring_setup)setup);
	return rc;
}

static void uring_fini(struct engine *engine)
{
	struct uring *u = to_uring(engine);

	/* The kernel takes a ring down later, on its own; the files' claims shall end here. */
	if (u->files)
		io_uring_unregister_files(&u->ring);
	io_uring_queue_exit(&u->ring);
	free(u->files);
	free(u);
}

static const struct engine_ops uring_ops = {
	.name = "io_uring",
	.fini = uring_fini,
	.register_region = uring_register_region,
	.register_file = uring_register_file,
	.queue_fd = uring_queue_fd,
	.flush = uring_flush,
	.reap = uring_reap,
	.arm = uring_arm,
	.cancel = uring_cancel,
};

static void log_once(const struct uring *u)
{
	static atomic_flag said = ATOMIC_FLAG_INIT;

	if (!atomic_flag_test_and_set(&said))
		log_info("io_uring: %s, %s", setups[u->setup].what,
			 u->files ? "registered files" : "plain files");
}

static void say_why_not(int rc, char *err, size_t err_len)
{
	switch (-rc) {
	case ENOSYS:
		snprintf(err, err_len,
			 "this kernel has no io_uring (Linux 5.15 or newer is needed)");
		break;
	case EPERM:
		snprintf(err, err_len,
			 "io_uring is forbidden here (see sysctl kernel.io_uring_disabled, or the "
			 "container's seccomp profile)");
		break;
	case ENOMEM:
		snprintf(err, err_len, "io_uring: not enough memory (or RLIMIT_MEMLOCK too low)");
		break;
	default:
		snprintf(err, err_len, "io_uring: %s", strerror(-rc));
		break;
	}
}

int uring_new_from(enum uring_setup first, unsigned int depth, struct engine **out, char *err,
		   size_t err_len)
{
	struct uring *u = calloc(1, sizeof(*u));
	int rc;

	*out = NULL;
	if (!u) {
		snprintf(err, err_len, "out of memory");
		return -ENOMEM;
	}
	engine_init(&u->engine, &uring_ops);
	u->depth = MIN(depth, (unsigned int)DEPTH_MAX);
	rc = engine_open(&u->engine);
	if (!rc)
		rc = make_best_ring(u, first);
	if (rc) {
		say_why_not(rc, err, err_len);
		engine_close(&u->engine);
		free(u);
		return rc;
	}
	log_once(u);
	*out = &u->engine;
	return 0;
}

int uring_new(unsigned int depth, struct engine **out, char *err, size_t err_len)
{
	return uring_new_from(URING_DEFER, depth, out, err, err_len);
}

void uring_facts(const struct engine *engine, struct uring_facts *facts)
{
	const struct uring *u = container_of(engine, const struct uring, engine);

	facts->setup = u->setup;
	facts->n_regions = u->n_regions;
	facts->n_fixed_buf = u->n_fixed_buf;
	facts->n_fixed_file = u->n_fixed_file;
	facts->has_files = u->files;
}
