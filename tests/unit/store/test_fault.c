/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Faults on purpose: which requests a rule strikes, what becomes of them and of the medium. Time is
 * the test's own, so nothing here waits.
 */
#include <fcntl.h>
#include <sys/wait.h>

#include "base/log.h"
#include "store_test.h"

enum {
	SIZE = 64 * 1024,
	BLOCK = 512
};

static uint64_t now_ns = 1;

static uint64_t test_now(void)
{
	return now_ns;
}

static const struct clock_source test_clock = { .now_ns = test_now };
static const struct clock_source *real_clock;

static char path[256];
static struct engine *engine;
static uint8_t *buf;

static int setup(void **state)
{
	static const uint8_t old[SIZE];
	int fd;

	log_set_level(LOG_LVL_ERR);
	tmp_path(path, sizeof(path));
	fd = open(path, O_CREAT | O_RDWR | O_TRUNC, 0600);
	assert_true(fd >= 0 && write(fd, old, SIZE) == SIZE);
	close(fd);
	engine = engine_under_test(32);
	buf = buf_new(SIZE);
	real_clock = clock_source;
	clock_source = &test_clock;
	return 0;
}

static int teardown(void **state)
{
	clock_source = real_clock;
	engine_free(engine);
	free(buf);
	unlink(path);
	return 0;
}

static struct store *open_with(const struct store_fault_conf *faults, size_t n)
{
	struct store_conf conf = {
		.type = "file",
		.path = path,
		.block_size = BLOCK,
		.thin = true,
		.faults = faults,
		.n_faults = n,
	};

	return must_open(&conf);
}

/* How many bytes of the file are no zeroes, from its beginning; they must end there. */
static size_t written(void)
{
	static uint8_t now[SIZE];
	size_t n = 0;
	int fd = open(path, O_RDONLY);

	assert_int_equal(pread(fd, now, SIZE, 0), SIZE);
	close(fd);
	while (n < SIZE && now[n] == 0xee)
		n++;
	for (size_t i = n; i < SIZE; i++)
		assert_int_equal(now[i], 0);
	return n;
}

static void error_in_a_range(void **state)
{
	const struct store_fault_conf fault = {
		.op = "write",
		.error = "ENOSPC",
		.from = 4096,
		.to = 8192,
		.rate = 100,
	};
	struct store *store = open_with(&fault, 1);

	assert_int_equal(run(engine, store, STORE_WRITE, 4096 - BLOCK, BLOCK, buf, 0), 0);
	assert_int_equal(run(engine, store, STORE_WRITE, 8192, BLOCK, buf, 0), 0);
	assert_int_equal(run(engine, store, STORE_WRITE, 4096 - BLOCK, 2 * BLOCK, buf, 0), -ENOSPC);
	assert_int_equal(run(engine, store, STORE_WRITE, 8192 - BLOCK, BLOCK, buf, 0), -ENOSPC);
	assert_int_equal(run(engine, store, STORE_READ, 4096, BLOCK, buf, 0), 0);
	assert_int_equal(buf[0], 0);
	store_close(store);
}

static void every_operation(void **state)
{
	static const char *const names[] = { "read", "write", "flush", "unmap", "zero" };
	static const enum store_op ops[] = { STORE_READ, STORE_WRITE, STORE_FLUSH, STORE_UNMAP,
					     STORE_ZERO };

	for (size_t i = 0; i <= ARRAY_SIZE(names); i++) {
		const struct store_fault_conf fault = {
			.op = i < ARRAY_SIZE(names) ? names[i] : "any",
			.error = "EIO",
			.rate = 100,
		};
		struct store *store = open_with(&fault, 1);

		for (size_t k = 0; k < ARRAY_SIZE(ops); k++)
			assert_int_equal(run(engine, store, ops[k], 0, BLOCK, buf, 0),
					 k == i || i == ARRAY_SIZE(names) ? -EIO : 0);
		store_close(store);
	}
}

static void after_and_count(void **state)
{
	const struct store_fault_conf fault = {
		.op = "read",
		.error = "EIO",
		.rate = 100,
		.after = 2,
		.count = 3,
	};
	static const int want[] = { 0, 0, -EIO, -EIO, -EIO, 0, 0 };
	struct store *store = open_with(&fault, 1);

	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		assert_int_equal(run(engine, store, STORE_READ, 0, BLOCK, buf, 0), want[i]);
	store_close(store);
}

static void time_window(void **state)
{
	const struct store_fault_conf fault = {
		.op = "read",
		.error = "EIO",
		.rate = 100,
		.after_ms = 10,
		.for_ms = 5,
	};
	struct store *store = open_with(&fault, 1);

	for (int ms = 0; ms < 20; ms++) {
		assert_int_equal(run(engine, store, STORE_READ, 0, BLOCK, buf, 0),
				 ms >= 10 && ms < 15 ? -EIO : 0);
		now_ns += NSEC_PER_MSEC;
	}
	store_close(store);
}

static void draw_all(uint32_t seed, uint32_t rate, bool *struck, size_t n)
{
	const struct store_fault_conf fault = {
		.op = "read",
		.error = "EIO",
		.rate = rate,
		.seed = seed,
	};
	struct store *store = open_with(&fault, 1);

	for (size_t i = 0; i < n; i++)
		struck[i] = run(engine, store, STORE_READ, 0, BLOCK, buf, 0) == -EIO;
	store_close(store);
}

static void rate_follows_the_seed(void **state)
{
	enum {
		N = 1000
	};
	bool a[N], b[N], c[N];
	unsigned int n = 0;

	draw_all(5, 30, a, N);
	draw_all(5, 30, b, N);
	draw_all(6, 30, c, N);
	assert_memory_equal(a, b, sizeof(a));
	assert_memory_not_equal(a, c, sizeof(a));
	for (size_t i = 0; i < N; i++)
		n += a[i];
	assert_in_range(n, 240, 360);
}

static void first_rule_counts(void **state)
{
	const struct store_fault_conf faults[] = {
		{ .op = "read", .error = "EROFS", .rate = 100, .count = 1 },
		{ .op = "any", .error = "ENOMEM", .rate = 100 },
	};
	struct store *store = open_with(faults, 2);

	assert_int_equal(run(engine, store, STORE_READ, 0, BLOCK, buf, 0), -EROFS);
	assert_int_equal(run(engine, store, STORE_READ, 0, BLOCK, buf, 0), -ENOMEM);
	store_close(store);
}

/* Passes that find nothing; the request is not done after them. */
static void pass(const struct store_io *io, int n)
{
	while (n--) {
		engine_flush(engine);
		engine_reap(engine);
	}
	assert_int_equal(io->res, 4711);
}

/* A held write reaches the medium only at the end, and nothing behind it waits. */
static void delay_holds_before_the_medium(void **state)
{
	const struct store_fault_conf fault = {
		.op = "write",
		.rate = 100,
		.delay_ms = 20000,
		.count = 1,
	};
	struct store *store = open_with(&fault, 1);
	struct store_io io = {
		.store = store,
		.op = STORE_WRITE,
		.len = 8192,
		.buf = buf,
		.done = done_nothing,
		.res = 4711,
	};

	assert_true(engine_deadline(engine) == UINT64_MAX);
	store_submit(engine, &io);
	assert_true(engine_deadline(engine) == now_ns + 20000 * NSEC_PER_MSEC);
	pass(&io, 3);
	now_ns += 20000 * NSEC_PER_MSEC - 1;
	pass(&io, 3);
	assert_int_equal(written(), 0);
	now_ns++;
	drain(engine);
	assert_int_equal(io.res, 0);
	assert_int_equal(written(), 8192);
	assert_true(engine_deadline(engine) == UINT64_MAX);
	store_close(store);
}

static void others_overtake_what_is_held(void **state)
{
	const struct store_fault_conf fault = { .op = "flush", .rate = 100, .delay_ms = 1000 };
	struct store *store = open_with(&fault, 1);
	struct store_io flush = {
		.store = store,
		.op = STORE_FLUSH,
		.done = done_nothing,
		.res = 4711,
	};
	struct store_io io = {
		.store = store,
		.op = STORE_READ,
		.len = BLOCK,
		.buf = buf,
		.done = done_nothing,
		.res = 4711,
	};

	store_submit(engine, &flush);
	store_submit(engine, &io);
	while (engine->inflight > 1) {
		engine_flush(engine);
		engine_reap(engine);
	}
	assert_int_equal(io.res, 0);
	assert_int_equal(flush.res, 4711);
	now_ns += 1000 * NSEC_PER_MSEC;
	drain(engine);
	assert_int_equal(flush.res, 0);
	store_close(store);
}

static void delayed_error(void **state)
{
	const struct store_fault_conf fault = {
		.op = "write",
		.rate = 100,
		.delay_ms = 5,
		.error = "EIO",
	};
	struct store *store = open_with(&fault, 1);
	struct store_io io = {
		.store = store,
		.op = STORE_WRITE,
		.len = BLOCK,
		.buf = buf,
		.done = done_nothing,
		.res = 4711,
	};

	store_submit(engine, &io);
	pass(&io, 3);
	now_ns += 5 * NSEC_PER_MSEC;
	drain(engine);
	assert_int_equal(io.res, -EIO);
	assert_int_equal(written(), 0);
	store_close(store);
}

static void torn_write(void **state)
{
	static const struct {
		uint64_t torn, written;
	} rows[] = { { 1, 0 },	     { 511, 0 },     { 512, 512 },
		     { 1500, 1024 }, { 8192, 8192 }, { 1 << 20, 8192 } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct store_fault_conf fault = {
			.op = "any",
			.error = "EIO",
			.rate = 100,
			.torn = rows[i].torn,
		};
		struct store *store = open_with(&fault, 1);

		assert_int_equal(run(engine, store, STORE_WRITE, 0, 8192, buf, 0), -EIO);
		assert_int_equal(run(engine, store, STORE_ZERO, 0, 8192, NULL, 0), -EIO);
		store_close(store);
		assert_int_equal(written(), rows[i].written);
	}
}

static void torn_and_killed(void **state)
{
	const struct store_fault_conf fault = {
		.op = "write",
		.kill = true,
		.rate = 100,
		.torn = 4096,
		.after = 1,
	};
	pid_t pid;
	int status;

	/* An engine and its threads are their maker's: the child has its own. */
	engine_free(engine);
	engine = NULL;
	pid = fork();
	if (!pid) {
		struct engine *own = engine_under_test(8);
		struct store *store = open_with(&fault, 1);

		run(own, store, STORE_WRITE, SIZE - BLOCK, 0, buf, 0); /* no blocks: no request */
		run(own, store, STORE_WRITE, 0, BLOCK, buf, 0);
		run(own, store, STORE_WRITE, 0, 8192, buf, 0);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_int_equal(written(), 4096);
}

static void refuses_unknown_words(void **state)
{
	const struct store_fault_conf faults[] = {
		{ .op = "verify", .error = "EIO", .rate = 100 },
		{ .op = "read", .error = "EPERM", .rate = 100 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		struct store_conf conf = {
			.type = "null",
			.size = SIZE,
			.block_size = BLOCK,
			.faults = &faults[i],
			.n_faults = 1,
		};
		struct store *store;
		char err[256] = "";

		assert_int_equal(store_open(&conf, &store, err, sizeof(err)), -EINVAL);
		assert_null(store);
		assert_non_null(strstr(err, "fault 0: unknown"));
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(error_in_a_range),
		T(every_operation),
		T(after_and_count),
		T(time_window),
		T(rate_follows_the_seed),
		T(first_rule_counts),
		T(delay_holds_before_the_medium),
		T(others_overtake_what_is_held),
		T(delayed_error),
		T(torn_write),
		T(torn_and_killed),
		T(refuses_unknown_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
