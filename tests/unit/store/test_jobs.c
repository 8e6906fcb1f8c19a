/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads for blocking calls, with stores whose calls block as long as the test says: bounds, the
 * service of others, sleep and waking; and taking requests back, wherever they are.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "base/log.h"
#include "store/jobs.h"
#include "test_pipe.h"

enum {
	MANY = 3 * JOBS_PER_STORE
};

/* A store that blocks until its gate opens. */
struct gate_store {
	struct store store;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool open;
	unsigned int inside, most, passed;
};

static int gate_run(struct store *store, struct store_io *io)
{
	struct gate_store *g = container_of(store, struct gate_store, store);

	pthread_mutex_lock(&g->lock);
	if (++g->inside > g->most)
		g->most = g->inside;
	pthread_cond_broadcast(&g->changed);
	while (!g->open)
		pthread_cond_wait(&g->changed, &g->lock);
	g->inside--;
	g->passed++;
	pthread_mutex_unlock(&g->lock);
	return (int)io->off;
}

static void gate_submit(struct store *store, struct engine *engine, struct store_io *io)
{
	jobs_submit(io);
}

static const struct store_ops gate_ops = { .type = "gate", .submit = gate_submit, .run = gate_run };

static void gate_init(struct gate_store *g, bool open)
{
	memset(g, 0, sizeof(*g));
	g->store.ops = &gate_ops;
	g->store.name = (char *)"gate";
	g->store.size = 1 << 20;
	g->store.block_size = 512;
	g->store.fd = g->store.fixed_file = -1;
	g->open = open;
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->changed, NULL);
}

static void gate_open(struct gate_store *g)
{
	pthread_mutex_lock(&g->lock);
	g->open = true;
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
}

/* Until n threads stand before the gate. */
static void gate_wait(struct gate_store *g, unsigned int n)
{
	pthread_mutex_lock(&g->lock);
	while (g->inside < n)
		pthread_cond_wait(&g->changed, &g->lock);
	pthread_mutex_unlock(&g->lock);
}

static void submit_many(struct engine *engine, struct gate_store *g, struct store_io ios[MANY])
{
	for (int i = 0; i < MANY; i++) {
		ios[i] = (struct store_io){ .store = &g->store,
					    .op = STORE_ZERO,
					    .len = 512,
					    .done = done_nothing,
					    .res = 4711 };
		store_submit(engine, &ios[i]);
	}
}

static unsigned int n_done;

static void count_done(struct store_io *io)
{
	n_done++;
}

static void one_store_leaves_threads_to_others(void **state)
{
	struct engine *engine = engine_under_test(4);
	struct store_io ios[MANY];
	struct gate_store stuck, other;

	gate_init(&stuck, false);
	gate_init(&other, true);
	submit_many(engine, &stuck, ios);
	gate_wait(&stuck, JOBS_PER_STORE);
	for (int i = 0; i < 100; i++) {
		struct store_io io = {
			.store = &other.store, .op = STORE_FLUSH, .done = count_done, .res = 4711
		};

		n_done = 0;
		store_submit(engine, &io);
		while (!n_done)
			if (!engine_reap(engine))
				engine_sleep(engine);
		assert_int_equal(io.res, 0);
	}
	assert_int_equal(engine->inflight, MANY);
	gate_open(&stuck);
	drain(engine);
	assert_int_equal(stuck.most, JOBS_PER_STORE);
	assert_int_equal(stuck.passed, MANY);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(ios[i].res, 0);
	engine_free(engine);
}

struct worker {
	pthread_t thread;
	struct gate_store *g;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	struct engine *engine = engine_under_test(4);
	struct store_io ios[MANY];

	for (int round = 0; round < 50; round++) {
		submit_many(engine, w->g, ios);
		drain(engine);
	}
	engine_free(engine);
	return NULL;
}

/* Engines come and go while others use the threads; for ThreadSanitizer most of all. */
static void several_engines(void **state)
{
	struct worker workers[4];
	struct gate_store g;

	gate_init(&g, true);
	for (int i = 0; i < 4; i++) {
		workers[i].g = &g;
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(workers[i].thread, NULL);
	assert_int_equal(g.passed, 4 * 50 * MANY);
}

/* ---- taking back ---- */

static void cancel_what_waits_for_a_thread(void **state)
{
	struct engine *engine = engine_under_test(4);
	struct store_io ios[MANY];
	struct gate_store g;

	gate_init(&g, false);
	submit_many(engine, &g, ios);
	gate_wait(&g, JOBS_PER_STORE);
	for (int i = 0; i < MANY; i++)
		store_cancel(&ios[i]);
	while (engine->inflight > JOBS_PER_STORE)
		engine_reap(engine);
	gate_open(&g);
	drain(engine);
	assert_int_equal(g.passed, JOBS_PER_STORE);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(ios[i].res, i < JOBS_PER_STORE ? 0 : -ECANCELED);
	engine_free(engine);
}

static void cancel_what_a_fault_holds(void **state)
{
	const struct store_fault_conf fault = { .op = "any", .rate = 100, .delay_ms = 3600000,
						  .cancel = true };
	struct store_conf conf = { .type = "memory",
				   .size = 1 << 20,
				   .block_size = 512,
				   .faults = &fault,
				   .n_faults = 1 };
	struct engine *engine = engine_under_test(4);
	struct store *store = must_open(&conf);
	uint8_t *buf = buf_new(512);
	struct store_io ios[3];

	for (int i = 0; i < 3; i++) {
		ios[i] = (struct store_io){ .store = store,
					    .op = STORE_WRITE,
					    .len = 512,
					    .buf = buf,
					    .done = done_nothing,
					    .res = 4711 };
		store_submit(engine, &ios[i]);
	}
	for (int i = 2; i >= 0; i--) {
		store_cancel(&ios[i]);
		store_cancel(&ios[i]);
		assert_int_equal(engine_reap(engine), 1);
		assert_int_equal(ios[i].res, -ECANCELED);
	}
	assert_true(engine_deadline(engine) == UINT64_MAX);
	assert_int_equal(((uint8_t *)store->memory)[0], 0);
	store_close(store);
	engine_free(engine);
	free(buf);
}

/* Requests that the kernel has but cannot begin with: reads of an empty pipe. */
static void cancel_in_the_kernel(void **state)
{
	enum {
		DEPTH = 4,
		N = 8
	};
	struct engine *engine = ring_new(URING_DEFER, DEPTH);
	struct store_io ios[N];
	struct pipe_store ps;
	uint8_t c[N];

	pipe_open(&ps);
	for (int i = 0; i < N; i++) {
		ios[i] = (struct store_io){ .store = &ps.store,
					    .op = STORE_READ,
					    .len = 1,
					    .buf = &c[i],
					    .done = done_nothing,
					    .res = 4711 };
		store_submit(engine, &ios[i]);
	}
	engine_flush(engine);
	/* the last ones wait inside the engine for room, the others in the kernel */
	for (int i = N - 1; i > 0; i--)
		store_cancel(&ios[i]);
	while (engine->inflight > 1) {
		engine_flush(engine);
		if (!engine_reap(engine) && engine->inflight > 1)
			engine_sleep(engine);
	}
	for (int i = 1; i < N; i++)
		assert_int_equal(ios[i].res, -ECANCELED);
	pipe_feed(&ps, "x", 1);
	drain(engine);
	assert_int_equal(ios[0].res, 0);
	assert_int_equal(c[0], 'x');
	/* nothing is left that would keep a worker from sleeping */
	assert_true(engine_arm(engine));
	pipe_close(&ps);
	engine_free(engine);
}

static void cancel_of_what_is_finished(void **state)
{
	struct store_conf conf = { .type = "memory", .size = 1 << 20, .block_size = 512 };
	struct engine *engine = engine_under_test(4);
	struct store *store = must_open(&conf);
	struct store_io io = {
		.store = store, .op = STORE_ZERO, .len = 512, .done = done_nothing, .res = 4711
	};

	store_submit(engine, &io);
	store_cancel(&io);
	drain(engine);
	assert_int_equal(io.res, 0);
	store_close(store);
	engine_free(engine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_store_leaves_threads_to_others),
		cmocka_unit_test(several_engines),
		cmocka_unit_test(cancel_what_waits_for_a_thread),
		cmocka_unit_test(cancel_what_a_fault_holds),
		cmocka_unit_test(cancel_in_the_kernel),
		cmocka_unit_test(cancel_of_what_is_finished),
	};

	log_set_level(LOG_LVL_ERR);
	return cmocka_run_group_tests_name("jobs", tests, NULL, NULL);
}
