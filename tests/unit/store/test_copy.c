/* SPDX-License-Identifier: BSD-2-Clause */
/* STORE_COPY: what the kernel copies between files, and what it leaves to a buffer. */
#include "store_test.h"

static int run_copy(struct engine *engine, struct store *to, uint64_t off, struct store *from,
		    uint64_t from_off, uint64_t len)
{
	struct store_io io = {
		.store = to,
		.op = STORE_COPY,
		.off = off,
		.len = len,
		.from = from,
		.from_off = from_off,
		.done = done_nothing,
		.res = 4711,
	};

	store_submit(engine, &io);
	drain(engine);
	return io.res;
}

/* Between two files and inside one; never what is not there, nor into what is read-only. */
static void copies(void **state)
{
	struct engine *engine = engine_under_test(32);
	char path[64], other[64];
	struct store_conf conf = {
		.type = "file", .path = path, .size = 4 << 20, .block_size = 512
	};
	struct store_conf memory = { .type = "memory", .size = 1 << 20, .block_size = 512 };
	uint8_t *buf = buf_new(1 << 20), *want = buf_new(1 << 20);
	struct store *a, *b, *m;

	tmp_path(path, sizeof(path));
	tmp_path(other, sizeof(other));
	a = must_open(&conf);
	conf.path = other;
	conf.write_through = true;
	b = must_open(&conf);
	m = must_open(&memory);
	pattern_fill(want, 0, 1 << 20, 1);
	assert_int_equal(run(engine, a, STORE_WRITE, 512, 1 << 20, want, 0), 0);
	assert_int_equal(run_copy(engine, b, 1 << 20, a, 512, 1 << 20), 0);
	assert_int_equal(run(engine, b, STORE_READ, 1 << 20, 1 << 20, buf, 0), 0);
	assert_memory_equal(buf, want, 1 << 20);
	assert_int_equal(run_copy(engine, a, 3 << 20, a, 512, 1 << 20), 0);
	assert_int_equal(run(engine, a, STORE_READ, 3 << 20, 1 << 20, buf, 0), 0);
	assert_memory_equal(buf, want, 1 << 20);
	assert_int_equal(run_copy(engine, a, 1024, a, 512, 1 << 20), -EOPNOTSUPP); /* overlap */
	assert_int_equal(run_copy(engine, b, 0, a, (4 << 20) - 512, 1024), -EINVAL);
	assert_int_equal(run_copy(engine, b, (4 << 20) - 512, a, 0, 1024), -EINVAL);
	assert_int_equal(run_copy(engine, b, 0, a, UINT64_MAX, 1024), -EINVAL);
	assert_int_equal(run_copy(engine, m, 0, a, 0, 1024), -EOPNOTSUPP);
	assert_int_equal(run_copy(engine, a, 0, m, 0, 1024), -EOPNOTSUPP);
	store_close(b);
	conf.read_only = true;
	b = must_open(&conf);
	assert_int_equal(run_copy(engine, b, 0, a, 0, 1024), -EROFS);
	assert_int_equal(run_copy(engine, a, 0, b, 1 << 20, 1024), 0);
	store_close(a);
	store_close(b);
	store_close(m);
	engine_free(engine);
	unlink(path);
	unlink(other);
	free(buf);
	free(want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies),
	};

	return cmocka_run_group_tests_name("copy", tests, NULL, NULL);
}
