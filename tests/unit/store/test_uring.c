/* SPDX-License-Identifier: BSD-2-Clause */
/* The io_uring engine: system calls per pass, more requests than room, continuing short reads. */
#include "test_pipe.h"

enum { PASS = 32, MANY = 10000, SHALLOW = 8 };

static struct store_io ios[MANY];
static unsigned int n_done;

static void note(struct store_io *io)
{
	assert_int_equal(io->res, 0);
	io->done = NULL; /* a second completion would crash */
	n_done++;
}

static void submit_read(struct engine *engine, unsigned int i, struct store *store, uint64_t off,
			uint64_t len, void *buf)
{
	ios[i] = (struct store_io){ .store = store, .op = STORE_READ, .off = off, .len = len,
				    .buf = buf, .done = note };
	store_submit(engine, &ios[i]);
}

static void one_enter_per_pass(void **state)
{
	const enum uring_setup *setup = *state;
	struct engine *engine = ring_new(*setup, PASS);
	struct pipe_store ps;
	uint8_t buf[PASS] = { 0 }, data[PASS];
	uint64_t before;

	pipe_open(&ps);
	pattern_fill(data, 0, PASS, 3);
	pipe_feed(&ps, data, PASS);
	n_done = 0;
	before = engine->n_syscalls;
	engine_flush(engine);
	assert_int_equal(engine_reap(engine), 0);
	assert_int_equal(engine->n_syscalls, before); /* nothing queued, no call */
	for (unsigned int i = 0; i < PASS; i++)
		submit_read(engine, i, &ps.store, i, 1, &buf[i]);
	assert_int_equal(engine->n_syscalls, before);
	engine_flush(engine);
	assert_int_equal(engine->n_syscalls, before + 1);
	assert_int_equal(n_done, 0);
	assert_int_equal(engine_reap(engine), PASS);
	assert_int_equal(engine->n_syscalls, before + 1); /* the results lay ready */
	assert_int_equal(n_done, PASS);
	assert_int_equal(engine->n_submitted, PASS);
	assert_memory_equal(buf, data, PASS);
	pipe_close(&ps);
	engine_free(engine);
}

/* While nothing completes, looking costs no call. */
static void idle_reap_is_free(void **state)
{
	const enum uring_setup *setup = *state;
	struct engine *engine = ring_new(*setup, SHALLOW);
	struct pipe_store ps;
	uint64_t before;
	uint8_t c = 0;

	pipe_open(&ps);
	n_done = 0;
	submit_read(engine, 0, &ps.store, 0, 1, &c);
	engine_flush(engine);
	before = engine->n_syscalls;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(engine_reap(engine), 0);
	engine_flush(engine);
	assert_int_equal(engine->n_syscalls, before);
	pipe_feed(&ps, "x", 1);
	drain(engine);
	assert_int_equal(c, 'x');
	pipe_close(&ps);
	engine_free(engine);
}

static void more_than_the_ring_holds(void **state)
{
	const enum uring_setup *setup = *state;
	struct engine *engine = ring_new(*setup, SHALLOW);
	uint8_t *data = buf_new(MANY * 512), *in = buf_new(MANY * 512);
	struct store_conf conf = { .type = "file", .size = MANY * 512, .block_size = 512 };
	struct store *store;
	char path[256];

	tmp_path(path, sizeof(path));
	conf.path = path;
	store = must_open(&conf);
	pattern_fill(data, 0, MANY * 512, 7);
	assert_int_equal(run(engine, store, STORE_WRITE, 0, MANY * 512, data, 0), 0);
	assert_int_equal(engine_register_store(engine, store), 0);
	n_done = 0;
	for (unsigned int i = 0; i < MANY; i++)
		submit_read(engine, i, store, i * 512, 512, in + i * 512);
	assert_int_equal(engine->inflight, MANY);
	assert_false(engine_arm(engine));
	drain(engine);
	assert_int_equal(n_done, MANY);
	assert_memory_equal(in, data, MANY * 512);
	assert_int_equal(engine_unregister_store(engine, store), 0);
	engine_free(engine);
	store_close(store);
	unlink(path);
	free(in);
	free(data);
}

static unsigned int n_queued(const struct engine *engine)
{
	const struct store_io *io;
	unsigned int n = 0;

	STAILQ_FOREACH (io, &engine->queued, link)
		n++;
	return n;
}

/* Never more in the kernel than the depth, so its completion ring cannot overflow. */
static void depth_is_kept(void **state)
{
	const enum uring_setup *setup = *state;
	struct engine *engine = ring_new(*setup, SHALLOW);
	struct pipe_store ps;
	uint8_t buf[PASS] = { 0 };

	pipe_open(&ps);
	n_done = 0;
	for (unsigned int i = 0; i < PASS; i++)
		submit_read(engine, i, &ps.store, i, 1, &buf[i]);
	for (int i = 0; i < 3; i++) {
		engine_flush(engine);
		assert_int_equal(n_queued(engine), PASS - SHALLOW);
	}
	for (int i = 0; i < PASS; i++)
		pipe_feed(&ps, "x", 1);
	drain(engine);
	assert_int_equal(n_done, PASS);
	pipe_close(&ps);
	engine_free(engine);
}

static void short_read_goes_on(void **state)
{
	const enum uring_setup *setup = *state;
	struct engine *engine = ring_new(*setup, SHALLOW);
	struct pipe_store ps;
	uint8_t data[4096], buf[4096] = { 0 };

	pipe_open(&ps);
	pattern_fill(data, 0, sizeof(data), 5);
	pipe_feed(&ps, data, 1024);
	n_done = 0;
	submit_read(engine, 0, &ps.store, 0, sizeof(buf), buf);
	engine_flush(engine);
	assert_int_equal(engine_reap(engine), 0); /* 1024 bytes came, the rest is asked for */
	assert_int_equal(ios[0].progress, 1024);
	assert_true(engine_arm(engine)); /* already, without a flush: one may sleep now */
	pipe_feed(&ps, data + 1024, sizeof(data) - 1024);
	while (!engine_reap(engine))
		engine_sleep(engine);
	assert_int_equal(n_done, 1);
	assert_memory_equal(buf, data, sizeof(data));
	pipe_close(&ps);
	engine_free(engine);
}

static void end_in_the_middle(void **state)
{
	struct engine *engine = ring_new(URING_DEFER, SHALLOW);
	struct pipe_store ps;
	uint8_t buf[4096] = { 0 };

	pipe_open(&ps);
	pipe_feed(&ps, buf, 1024);
	close(ps.feed);
	assert_int_equal(run(engine, &ps.store, STORE_READ, 0, sizeof(buf), buf, 0), -EIO);
	ps.feed = -1;
	pipe_close(&ps);
	engine_free(engine);
}

/* The region's edges: a buffer that leaves it must not be taken for registered. */
static void region_edges(void **state)
{
	struct engine *engine = ring_new(URING_DEFER, SHALLOW);
	uint8_t *mem = buf_new(3 * 65536), *region = mem + 65536;
	struct store_conf conf = { .type = "file", .size = 1 << 20, .block_size = 512 };
	struct uring_facts facts;
	struct store *store;
	char path[256];

	tmp_path(path, sizeof(path));
	conf.path = path;
	store = must_open(&conf);
	assert_int_equal(engine_register_region(engine, region, 65536), 0);
	assert_int_equal(engine_register_region(engine, region, 65536), -EINVAL);
	uring_facts(engine, &facts);
	assert_int_equal(facts.n_regions, 1);
	assert_int_equal(run(engine, store, STORE_READ, 0, 65536, region, 0), 0);
	assert_int_equal(run(engine, store, STORE_READ, 0, 1, region + 65535, 0), 0);
	uring_facts(engine, &facts);
	assert_int_equal(facts.n_fixed_buf, 2);
	assert_int_equal(run(engine, store, STORE_READ, 0, 65537, region, 0), 0);
	assert_int_equal(run(engine, store, STORE_READ, 0, 1, region + 65536, 0), 0);
	assert_int_equal(run(engine, store, STORE_READ, 0, 512, region + 66048, 0), 0);
	assert_int_equal(run(engine, store, STORE_READ, 0, 512, region - 512, 0), 0);
	assert_int_equal(run(engine, store, STORE_READ, 0, 512, region - 1, 0), 0);
	uring_facts(engine, &facts);
	assert_int_equal(facts.n_fixed_buf, 2);
	engine_free(engine);
	store_close(store);
	unlink(path);
	free(mem);
}

static void by_name(void **state)
{
	struct engine *engine;
	char err[256] = "";

	assert_int_equal(engine_new("io_uring", 100000, &engine, err, sizeof(err)), 0);
	engine_free(engine);
	assert_int_equal(engine_new("auto", 1, &engine, err, sizeof(err)), 0);
	assert_string_equal(engine->ops->name, "io_uring");
	engine_free(engine);
}

static enum uring_setup each[] = { URING_DEFER, URING_SINGLE, URING_COOP, URING_SUBMIT_ALL,
				   URING_PLAIN };

#define WITH(fn, i)                                                                                \
	{                                                                                          \
		.name = #fn " " #i, .test_func = fn, .initial_state = &each[i]                     \
	}
#define WITH_EACH(fn) WITH(fn, 0), WITH(fn, 1), WITH(fn, 2), WITH(fn, 3), WITH(fn, 4)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_EACH(one_enter_per_pass),
		WITH_EACH(idle_reap_is_free),
		WITH_EACH(more_than_the_ring_holds),
		WITH_EACH(depth_is_kept),
		WITH_EACH(short_read_goes_on),
		cmocka_unit_test(end_in_the_middle),
		cmocka_unit_test(region_edges),
		cmocka_unit_test(by_name),
	};

	return cmocka_run_group_tests_name("uring", tests, NULL, NULL);
}
