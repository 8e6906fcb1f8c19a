/* SPDX-License-Identifier: BSD-2-Clause */
/* The wait descriptor: does it truly wake a worker that sleeps in poll or epoll? */
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include "test_pipe.h"

enum { ROUNDS = 50 };

static struct pipe_store ps;
static pid_t sleeper;

/* Is the thread asleep in the kernel? */
static bool is_asleep(pid_t tid)
{
	char path[64], line[256];
	const char *state = NULL;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%ld/stat", (long)tid);
	f = fopen(path, "r");
	if (!f)
		return false;
	if (fgets(line, sizeof(line), f))
		state = strrchr(line, ')');
	fclose(f);
	return state && state[2] == 'S';
}

static void *feed_when_asleep(void *arg)
{
	while (!is_asleep(sleeper))
		sched_yield();
	pipe_feed(&ps, "x", 1);
	return NULL;
}

static int wait_poll(int fd, int timeout)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, timeout);
}

static int wait_epoll(int fd, int timeout)
{
	struct epoll_event ev = { .events = EPOLLIN };

	return epoll_wait(fd, &ev, 1, timeout);
}

struct how {
	enum uring_setup setup;
	bool epoll;
};

/* Sleep until something can be reaped; EINTR is a wake-up that brings nothing. */
static void sleep_until(const struct how *how, struct engine *engine, int fd)
{
	int rc;

	while (engine_arm(engine)) {
		rc = how->epoll ? wait_epoll(fd, HANG_MS) : wait_poll(fd, HANG_MS);
		if (rc < 0 && errno == EINTR)
			continue;
		assert_int_equal(rc, 1);
		return;
	}
}

static void one_round(const struct how *how, struct engine *engine, int fd)
{
	uint8_t c = 0;
	struct store_io io = { .store = &ps.store, .op = STORE_READ, .len = 1, .buf = &c,
			       .done = done_nothing };
	pthread_t thread;

	store_submit(engine, &io);
	engine_flush(engine);
	assert_int_equal(engine_reap(engine), 0);
	assert_int_equal(pthread_create(&thread, NULL, feed_when_asleep, NULL), 0);
	while (!engine_reap(engine))
		sleep_until(how, engine, fd);
	assert_int_equal(c, 'x');
	pthread_join(thread, NULL);
}

static void wakes(void **state)
{
	const struct how *how = *state;
	struct engine *engine = ring_new(how->setup, 8);
	int fd = engine_wait_fd(engine);
	struct epoll_event ev = { .events = EPOLLIN };

	assert_true(fd >= 0);
	if (how->epoll) {
		fd = epoll_create1(EPOLL_CLOEXEC);
		assert_int_equal(epoll_ctl(fd, EPOLL_CTL_ADD, engine_wait_fd(engine), &ev), 0);
	}
	sleeper = (pid_t)syscall(SYS_gettid);
	pipe_open(&ps);
	for (int i = 0; i < ROUNDS; i++)
		one_round(how, engine, fd);
	/* armed and nothing to come: sleeping would last */
	assert_true(engine_arm(engine));
	assert_int_equal(how->epoll ? wait_epoll(fd, 0) : wait_poll(fd, 0), 0);
	pipe_close(&ps);
	if (how->epoll)
		close(fd);
	engine_free(engine);
}

/* Who never arms still wakes. */
static void wakes_unarmed(void **state)
{
	const struct how *how = *state;
	struct engine *engine = ring_new(how->setup, 8);
	uint8_t c = 0;
	struct store_io io = { .store = &ps.store, .op = STORE_READ, .len = 1, .buf = &c,
			       .done = done_nothing };
	pthread_t thread;
	int rc;

	sleeper = (pid_t)syscall(SYS_gettid);
	pipe_open(&ps);
	store_submit(engine, &io);
	engine_flush(engine);
	assert_int_equal(pthread_create(&thread, NULL, feed_when_asleep, NULL), 0);
	do
		rc = wait_poll(engine_wait_fd(engine), HANG_MS);
	while (rc < 0 && errno == EINTR);
	assert_int_equal(rc, 1);
	assert_int_equal(engine_reap(engine), 1);
	pthread_join(thread, NULL);
	pipe_close(&ps);
	engine_free(engine);
}

/* What the kernel's own threads complete (a sync of a file) wakes as well. */
static void wakes_after_sync(void **state)
{
	const struct how *how = *state;
	struct engine *engine = ring_new(how->setup, 8);
	struct store_conf conf = { .type = "file", .size = 1 << 20, .block_size = 512 };
	struct store *store;
	uint8_t *buf = buf_new(65536);
	char path[256];

	tmp_path(path, sizeof(path));
	conf.path = path;
	store = must_open(&conf);
	for (int i = 0; i < ROUNDS; i++) {
		assert_int_equal(run(engine, store, STORE_WRITE, 0, 65536, buf, 0), 0);
		assert_int_equal(run(engine, store, STORE_FLUSH, 0, 0, NULL, 0), 0);
	}
	engine_free(engine);
	store_close(store);
	unlink(path);
	free(buf);
}

/* A completion between the last look and arming must not be slept over. */
static void arm_sees_what_came_before(void **state)
{
	const struct how *how = *state;
	struct engine *engine = ring_new(how->setup, 8);
	uint8_t c = 0;
	struct store_io io = { .store = &ps.store, .op = STORE_READ, .len = 1, .buf = &c,
			       .done = done_nothing };

	pipe_open(&ps);
	for (int i = 0; i < 2; i++) { /* the second time the descriptor has been silenced */
		store_submit(engine, &io);
		engine_flush(engine);
		assert_int_equal(engine_reap(engine), 0);
		pipe_feed(&ps, "x", 1);
		assert_false(engine_arm(engine));
		assert_int_equal(engine_reap(engine), 1);
		assert_true(engine_arm(engine));
		assert_int_equal(engine_reap(engine), 0);
	}
	pipe_close(&ps);
	engine_free(engine);
}

static struct how each[] = {
	{ URING_DEFER, false },      { URING_DEFER, true },      { URING_SINGLE, true },
	{ URING_COOP, false },       { URING_COOP, true },       { URING_SUBMIT_ALL, true },
	{ URING_PLAIN, false },      { URING_PLAIN, true },
};

#define WITH(fn, i)                                                                                \
	{                                                                                          \
		.name = #fn " " #i, .test_func = fn, .initial_state = &each[i]                     \
	}
#define WITH_EACH(fn)                                                                              \
	WITH(fn, 0), WITH(fn, 1), WITH(fn, 2), WITH(fn, 3), WITH(fn, 4), WITH(fn, 5), WITH(fn, 6), \
		WITH(fn, 7)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_EACH(wakes),
		WITH_EACH(wakes_unarmed),
		WITH_EACH(wakes_after_sync),
		WITH_EACH(arm_sees_what_came_before),
	};

	return cmocka_run_group_tests_name("wait", tests, NULL, NULL);
}
