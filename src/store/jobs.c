/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See jobs.h. Stores that have something to do and are not at their limit stand in a line and are
 * served in turn, one request each. A thread that takes a request and leaves nobody idle starts
 * another first: so a request never waits for a thread while one may still be made, and workers
 * make none.
 */
#include "store/jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/log.h"
#include "store/fdio.h"
#include "store/store.h"

TAILQ_HEAD(store_line, store);

static struct {
	pthread_mutex_t life; /* get and put, whole */
	pthread_mutex_t lock; /* all below, and the jobs of every store */
	pthread_cond_t work;
	struct store_line ready; /* stores with a request that may run now */
	unsigned int users, n_threads, n_idle;
	bool stop;
	pthread_t threads[JOBS_THREADS];
} pool = {
	.life = PTHREAD_MUTEX_INITIALIZER,
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.work = PTHREAD_COND_INITIALIZER,
	.ready = TAILQ_HEAD_INITIALIZER(pool.ready),
};

static int transfer(int fd, const struct fdio_call *call, int64_t *res)
{
	struct iovec iov = { call->buf, call->len };
	int flags = (call->dsync ? RWF_DSYNC : 0) | (call->atomic ? RWF_ATOMIC : 0);

	*res = call->step == FDIO_READ ? preadv2(fd, &iov, 1, (off_t)call->off, flags)
				       : pwritev2(fd, &iov, 1, (off_t)call->off, flags);
	return *res < 0;
}

static int copy(int fd, const struct fdio_call *call, int64_t *res)
{
	off_t from = (off_t)call->from_off, to = (off_t)call->off;

	*res = copy_file_range(call->from_fd, &from, fd, &to, call->len, 0);
	return *res < 0;
}

/* The call itself, as long as it takes. Bytes moved, 0 or -errno. */
static int64_t make_call(int fd, const struct fdio_call *call)
{
	uint64_t range[2] = { call->off, call->len };
	int64_t res = 0;
	int failed = 0;

	switch (call->step) {
	case FDIO_READ:
	case FDIO_WRITE:
	case FDIO_ZERO_WRITE:
		failed = transfer(fd, call, &res);
		break;
	case FDIO_PUNCH:
	case FDIO_ZERO_RANGE:
		failed = fallocate(fd, fdio_fallocate_mode(call->step), (off_t)call->off,
				   (off_t)call->len);
		break;
	case FDIO_DISCARD:
		failed = ioctl(fd, BLKDISCARD, range);
		break;
	case FDIO_ZERO_OUT:
		failed = ioctl(fd, BLKZEROOUT, range);
		break;
	case FDIO_COPY:
		failed = copy(fd, call, &res);
		break;
	case FDIO_SYNC:
		failed = fdatasync(fd);
		break;
	}
	return failed ? -errno : res;
}

static void run(struct store_io *io)
{
	struct store *store = io->store;
	struct fdio_call call;

	if (io->op == STORE_CALL) {
		io->res = io->call(io);
		return;
	}
	if (store->ops->run) {
		io->res = store->ops->run(store, io);
		return;
	}
	do
		fdio_next(io, &call);
	while (!fdio_result(io, make_call(store->fd, &call)));
}

/* ---- the line; with the lock held ---- */

/* Stand in line if there is something to run. */
static void line_up(struct store *store)
{
	struct store_jobs *jobs = &store->jobs;

	if (jobs->in_line || !jobs->n_waiting || jobs->n_running >= JOBS_PER_STORE)
		return;
	TAILQ_INSERT_TAIL(&pool.ready, store, jobs.link);
	jobs->in_line = true;
}

static struct store_io *take_first(void)
{
	struct store *store = TAILQ_FIRST(&pool.ready);
	struct store_jobs *jobs;
	struct store_io *io;

	if (!store)
		return NULL;
	jobs = &store->jobs;
	TAILQ_REMOVE(&pool.ready, store, jobs.link);
	jobs->in_line = false;
	io = STAILQ_FIRST(&jobs->waiting);
	STAILQ_REMOVE_HEAD(&jobs->waiting, link);
	jobs->n_waiting--;
	jobs->n_running++;
	line_up(store);
	return io;
}

/* Behind engine_post() nothing may be touched that the request's owner can free. */
static void give_back(struct store_io *io)
{
	io->store->jobs.n_running--;
	line_up(io->store);
	engine_post(io->engine, io);
}

/* ---- threads ---- */

static void *thread_main(void *arg);

/* With the lock held. The new thread counts as idle from now. */
static int start_thread(void)
{
	int rc = pthread_create(&pool.threads[pool.n_threads], NULL, thread_main, NULL);

	if (rc)
		return -rc;
	pthread_setname_np(pool.threads[pool.n_threads], "srptd-job");
	pool.n_threads++;
	pool.n_idle++;
	return 0;
}

static void keep_one_idle(void)
{
	int rc = pool.n_idle || pool.n_threads == JOBS_THREADS ? 0 : start_thread();

	if (rc)
		log_peer(LOG_LVL_ERR, "no further thread for blocking calls: error %d", -rc);
}

static void *thread_main(void *arg)
{
	struct store_io *io;
	sigset_t all;

	/* A command that a signal interrupts in sg goes on without anybody who waits for it. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	pthread_mutex_lock(&pool.lock);
	while (!pool.stop) {
		io = take_first();
		if (!io) {
			pthread_cond_wait(&pool.work, &pool.lock);
			continue;
		}
		pool.n_idle--;
		keep_one_idle();
		pthread_mutex_unlock(&pool.lock);
		run(io);
		pthread_mutex_lock(&pool.lock);
		pool.n_idle++;
		give_back(io);
	}
	pthread_mutex_unlock(&pool.lock);
	return NULL;
}

int jobs_get(void)
{
	int rc = 0;

	pthread_mutex_lock(&pool.life);
	pthread_mutex_lock(&pool.lock);
	if (!pool.users) {
		pool.stop = false;
		rc = start_thread();
	}
	pool.users += !rc;
	pthread_mutex_unlock(&pool.lock);
	pthread_mutex_unlock(&pool.life);
	return rc;
}

void jobs_put(void)
{
	unsigned int n = 0;

	pthread_mutex_lock(&pool.life);
	pthread_mutex_lock(&pool.lock);
	if (!--pool.users) {
		pool.stop = true;
		n = pool.n_threads;
		pthread_cond_broadcast(&pool.work);
	}
	pthread_mutex_unlock(&pool.lock);
	for (unsigned int i = 0; i < n; i++)
		pthread_join(pool.threads[i], NULL);
	if (n)
		pool.n_threads = pool.n_idle = 0;
	pthread_mutex_unlock(&pool.life);
}

/* ---- requests ---- */

void jobs_submit(struct store_io *io)
{
	struct store_jobs *jobs = &io->store->jobs;

	pthread_mutex_lock(&pool.lock);
	if (!jobs->n_waiting)
		STAILQ_INIT(&jobs->waiting);
	STAILQ_INSERT_TAIL(&jobs->waiting, io, link);
	jobs->n_waiting++;
	io->at = STORE_AT_JOBS;
	line_up(io->store);
	if (pool.n_idle)
		pthread_cond_signal(&pool.work);
	pthread_mutex_unlock(&pool.lock);
}

/* With the lock held. */
static bool is_waiting(const struct store_jobs *jobs, const struct store_io *io)
{
	const struct store_io *other;

	if (jobs->n_waiting)
		STAILQ_FOREACH (other, &jobs->waiting, link)
			if (other == io)
				return true;
	return false;
}

bool jobs_cancel(struct store_io *io)
{
	struct store *store = io->store;
	struct store_jobs *jobs = &store->jobs;
	bool taken;

	pthread_mutex_lock(&pool.lock);
	taken = is_waiting(jobs, io) && !io->progress && !io->tries;
	if (taken) {
		STAILQ_REMOVE(&jobs->waiting, io, store_io, link);
		jobs->n_waiting--;
	}
	if (!jobs->n_waiting && jobs->in_line) {
		TAILQ_REMOVE(&pool.ready, store, jobs.link);
		jobs->in_line = false;
	}
	pthread_mutex_unlock(&pool.lock);
	return taken;
}
