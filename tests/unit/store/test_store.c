/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every store has in common (opening, checks, completion order), on the null store and on
 * files under an engine of the test's own, which completes requests when and as the test says.
 */
#include <fcntl.h>

#include "store/fdio.h"
#include "store_test.h"

/* Runs a call on its file with read and write, at most `max` bytes at once, newest first. */
struct test_engine {
	struct engine engine;
	size_t max;
	unsigned int n_calls;
};

static void te_queue(struct engine *engine, struct store_io *io)
{
	STAILQ_INSERT_HEAD(&engine->queued, io, link);
}

static void te_flush(struct engine *engine)
{
}

static int64_t te_call(struct test_engine *te, struct store_io *io)
{
	struct fdio_call call;
	int64_t res = 0;

	te->n_calls++;
	fdio_next(io, &call);
	if (call.step == FDIO_READ)
		res = pread(io->store->fd, call.buf, MIN(call.len, te->max), (off_t)call.off);
	else if (call.step == FDIO_WRITE || call.step == FDIO_ZERO_WRITE)
		res = pwrite(io->store->fd, call.buf, MIN(call.len, te->max), (off_t)call.off);
	else if (call.step != FDIO_SYNC)
		return -EOPNOTSUPP;
	return res < 0 ? -errno : res;
}

static unsigned int te_reap(struct engine *engine)
{
	struct test_engine *te = container_of(engine, struct test_engine, engine);
	struct store_io *io;
	unsigned int n = 0;

	while ((io = STAILQ_FIRST(&engine->queued))) {
		STAILQ_REMOVE_HEAD(&engine->queued, link);
		while (!fdio_result(io, te_call(te, io)))
			;
		engine_complete(engine, io, io->res);
		n++;
	}
	return n;
}

static void te_fini(struct engine *engine)
{
}

static const struct engine_ops te_ops = {
	.name = "test",
	.fini = te_fini,
	.queue_fd = te_queue,
	.flush = te_flush,
	.reap = te_reap,
};

static struct test_engine te;
static struct engine *const engine = &te.engine;

static int setup(void **state)
{
	engine_init(&te.engine, &te_ops);
	te.max = SIZE_MAX;
	te.n_calls = 0;
	return 0;
}

static const struct store_conf null_conf = { .type = "null", .size = 1 << 20, .block_size = 512 };

static void refuse(const struct store_conf *conf, int want, const char *words)
{
	struct store *store = (struct store *)&te;
	char err[256] = "";

	assert_int_equal(store_open(conf, &store, err, sizeof(err)), want);
	assert_null(store);
	if (!strstr(err, words))
		fail_msg("\"%s\" lacks \"%s\"", err, words);
}

static void bad_conf(void **state)
{
	struct store_conf conf = null_conf;

	conf.type = "tape";
	refuse(&conf, -EINVAL, "tape");
	conf.type = NULL;
	refuse(&conf, -EINVAL, "type");
	conf = null_conf;
	conf.block_size = 520;
	refuse(&conf, -EINVAL, "520");
	conf.block_size = 0;
	refuse(&conf, -EINVAL, "block size");
	conf = null_conf;
	conf.size = 511;
	refuse(&conf, -EINVAL, "511");
	conf.size = UINT64_MAX;
	refuse(&conf, -EFBIG, "too large");
	conf = null_conf;
	conf.type = "file";
	refuse(&conf, -EINVAL, "path");
	store_close(NULL);
}

static void size_rounds_down(void **state)
{
	struct store_conf conf = null_conf;
	struct store *store;

	conf.size = 4096 * 7 + 4095;
	conf.block_size = 4096;
	store = must_open(&conf);
	assert_int_equal(store->size, 4096 * 7);
	store_close(store);
}

static void ranges(void **state)
{
	struct store *store = must_open(&null_conf);
	const uint64_t size = store->size;
	uint8_t buf[1024];

	assert_int_equal(run(engine, store, STORE_READ, 0, 1024, buf, 0), 0);
	assert_int_equal(run(engine, store, STORE_READ, size - 1024, 1024, buf, 0), 0);
	assert_int_equal(run(engine, store, STORE_READ, size, 0, buf, 0), 0);
	assert_int_equal(run(engine, store, STORE_READ, size - 512, 1024, buf, 0), -EINVAL);
	assert_int_equal(run(engine, store, STORE_READ, size, 1, buf, 0), -EINVAL);
	assert_int_equal(run(engine, store, STORE_WRITE, size + 1, 0, buf, 0), -EINVAL);
	assert_int_equal(run(engine, store, STORE_UNMAP, UINT64_MAX, 2, NULL, 0), -EINVAL);
	assert_int_equal(run(engine, store, STORE_ZERO, 2, UINT64_MAX, NULL, 0), -EINVAL);
	assert_int_equal(run(engine, store, STORE_ZERO, UINT64_MAX - 511, 512, NULL, 0), -EINVAL);
	assert_int_equal(run(engine, store, STORE_FLUSH, UINT64_MAX, 99, NULL, 0), 0);
	store_close(store);
}

static void read_only(void **state)
{
	struct store_conf conf = null_conf;
	struct store *store;
	uint8_t buf[512];

	conf.read_only = true;
	store = must_open(&conf);
	assert_true(store->features & STORE_F_READ_ONLY);
	assert_int_equal(run(engine, store, STORE_READ, 0, 512, buf, 0), 0);
	assert_int_equal(run(engine, store, STORE_FLUSH, 0, 0, NULL, 0), 0);
	assert_int_equal(run(engine, store, STORE_WRITE, 0, 512, buf, 0), -EROFS);
	assert_int_equal(run(engine, store, STORE_UNMAP, 0, 512, NULL, 0), -EROFS);
	assert_int_equal(run(engine, store, STORE_ZERO, 0, 512, NULL, 0), -EROFS);
	store_close(store);
}

static void null_store(void **state)
{
	struct store_conf conf = null_conf;
	struct store *store = must_open(&conf);
	uint8_t buf[512], kept[512], zero[512] = { 0 };

	memset(buf, 0x5a, sizeof(buf));
	memcpy(kept, buf, sizeof(buf));
	assert_int_equal(store->features, 0);
	assert_int_equal(store->fixed_file, -1);
	assert_int_equal(run(engine, store, STORE_WRITE, 0, 512, buf, STORE_IO_FUA), 0);
	assert_int_equal(run(engine, store, STORE_READ, 0, 512, buf, 0), 0);
	assert_memory_equal(buf, kept, sizeof(buf));
	assert_int_equal(run(engine, store, STORE_UNMAP, 0, 512, NULL, 0), 0);
	store_close(store);

	conf.read_zero = true;
	conf.thin = true;
	store = must_open(&conf);
	assert_int_equal(store->features, STORE_F_UNMAP | STORE_F_UNMAP_ZEROES | STORE_F_THIN);
	assert_int_equal(run(engine, store, STORE_READ, 0, 512, buf, 0), 0);
	assert_memory_equal(buf, zero, sizeof(buf));
	store_close(store);
	assert_int_equal(engine->n_syscalls, 0);
}

/* ---- completion ---- */

static unsigned int order[8], n_done;
static struct store_io ios[8];

static void note(struct store_io *io)
{
	order[n_done++] = (unsigned int)(io - ios);
}

static void never_from_submit(void **state)
{
	struct store *store = must_open(&null_conf);

	n_done = 0;
	ios[0] = (struct store_io){ .store = store, .op = STORE_FLUSH, .done = note };
	ios[1] = (struct store_io){ .store = store, .op = STORE_READ, .off = UINT64_MAX, .len = 1,
				    .done = note };
	store_submit(engine, &ios[0]);
	store_submit(engine, &ios[1]);
	assert_int_equal(n_done, 0);
	assert_int_equal(engine->inflight, 2);
	assert_int_equal(engine->n_submitted, 2);
	assert_false(engine_arm(engine));
	engine_flush(engine);
	assert_int_equal(n_done, 0);
	assert_int_equal(engine_reap(engine), 2);
	assert_int_equal(n_done, 2);
	assert_int_equal(engine->inflight, 0);
	assert_int_equal(engine_reap(engine), 0);
	assert_true(engine_arm(engine));
	assert_int_equal(engine_wait_fd(engine), -1);
	store_close(store);
}

static void resubmit(struct store_io *io)
{
	n_done++;
	store_submit(io->engine, io);
}

static void reap_ends_when_done_submits(void **state)
{
	struct store *store = must_open(&null_conf);

	n_done = 0;
	ios[0] = (struct store_io){ .store = store, .op = STORE_FLUSH, .done = resubmit };
	store_submit(engine, &ios[0]);
	assert_int_equal(engine_reap(engine), 1);
	assert_int_equal(engine_reap(engine), 1);
	assert_int_equal(n_done, 2);
	ios[0].done = note;
	n_done = 0;
	assert_int_equal(engine_reap(engine), 1);
	assert_int_equal(engine->inflight, 0);
	store_close(store);
}

static struct store *file_new(char *path, size_t len)
{
	struct store_conf conf = { .type = "file", .path = path, .size = 1 << 20,
				   .block_size = 512 };

	tmp_path(path, len);
	return must_open(&conf);
}

static void engine_decides_the_order(void **state)
{
	char path[256];
	struct store *store = file_new(path, sizeof(path));
	uint8_t buf[8][512];

	n_done = 0;
	for (unsigned int i = 0; i < 8; i++) {
		ios[i] = (struct store_io){ .store = store, .op = STORE_READ, .off = i * 512,
					    .len = 512, .buf = buf[i], .done = note };
		store_submit(engine, &ios[i]);
	}
	engine_flush(engine);
	assert_int_equal(engine_reap(engine), 8);
	for (unsigned int i = 0; i < 8; i++)
		assert_int_equal(order[i], 7 - i);
	store_close(store);
	unlink(path);
}

static void short_calls_move_all(void **state)
{
	char path[256];
	struct store *store = file_new(path, sizeof(path));
	uint8_t *out = buf_new(100000), *in = buf_new(100000);

	te.max = 1537;
	pattern_fill(out, 512, 100000, 1);
	assert_int_equal(run(engine, store, STORE_WRITE, 512, 100000, out, 0), 0);
	assert_true(te.n_calls > 60);
	assert_int_equal(run(engine, store, STORE_READ, 512, 100000, in, 0), 0);
	assert_memory_equal(in, out, 100000);
	assert_int_equal(run(engine, store, STORE_ZERO, 512, 90000, NULL, 0), 0);
	memset(out, 0, 90000);
	assert_int_equal(run(engine, store, STORE_READ, 512, 100000, in, 0), 0);
	assert_memory_equal(in, out, 100000);
	free(in);
	free(out);
	store_close(store);
	unlink(path);
}

static void unknown_engine(void **state)
{
	struct engine *none = engine;
	char err[256] = "";

	assert_int_equal(engine_new("epoll", 8, &none, err, sizeof(err)), -EINVAL);
	assert_null(none);
	assert_non_null(strstr(err, "epoll"));
	assert_int_equal(engine_new("auto", 0, &none, err, sizeof(err)), -EINVAL);
	engine_free(NULL);
	assert_int_equal(engine_register_region(engine, NULL, 1), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(bad_conf, setup),
		cmocka_unit_test_setup(size_rounds_down, setup),
		cmocka_unit_test_setup(ranges, setup),
		cmocka_unit_test_setup(read_only, setup),
		cmocka_unit_test_setup(null_store, setup),
		cmocka_unit_test_setup(never_from_submit, setup),
		cmocka_unit_test_setup(reap_ends_when_done_submits, setup),
		cmocka_unit_test_setup(engine_decides_the_order, setup),
		cmocka_unit_test_setup(short_calls_move_all, setup),
		cmocka_unit_test_setup(unknown_engine, setup),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
