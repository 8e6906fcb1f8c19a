/* SPDX-License-Identifier: BSD-2-Clause */
/* A store in memory: every operation against a model, pages that are given back, huge pages. */
#include <sys/mman.h>

#include "store_test.h"

enum {
	SIZE = 4 << 20,
	IO_MAX = 1 << 20,
	BLOCK = 512
};

static struct engine *engine;

static int setup(void **state)
{
	engine = engine_under_test(16);
	return 0;
}

static int teardown(void **state)
{
	engine_free(engine);
	return 0;
}

static struct store_conf memory_conf(void)
{
	return (struct store_conf){ .type = "memory", .size = SIZE, .block_size = BLOCK };
}

static uint32_t rnd(uint64_t *random, uint32_t below)
{
	*random = *random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(*random >> 33) % below;
}

static void all_operations(void **state)
{
	const bool *thin = *state;
	struct store_conf conf = memory_conf();
	uint8_t *want = calloc(1, SIZE), *buf = buf_new(IO_MAX);
	uint64_t random = 7;
	struct store *store;

	engine = engine_under_test(16);
	conf.thin = *thin;
	store = must_open(&conf);
	for (int i = 0; i < 500; i++) {
		uint64_t len = (uint64_t)(rnd(&random, IO_MAX / BLOCK) + 1) * BLOCK;
		uint64_t off = (uint64_t)rnd(&random, (uint32_t)((SIZE - len) / BLOCK) + 1) * BLOCK;
		uint32_t flags = rnd(&random, 2) ? STORE_IO_MAY_UNMAP : 0;

		switch (rnd(&random, 5)) {
		case 0:
			assert_int_equal(run(engine, store, STORE_UNMAP, off, len, NULL, 0), 0);
			if (*thin)
				memset(want + off, 0, len);
			break;
		case 1:
			assert_int_equal(run(engine, store, STORE_ZERO, off, len, NULL, flags), 0);
			memset(want + off, 0, len);
			break;
		case 2:
			assert_int_equal(run(engine, store, STORE_FLUSH, 0, 0, NULL, 0), 0);
			break;
		case 3:
			pattern_fill(buf, off, len, random);
			memcpy(want + off, buf, len);
			assert_int_equal(run(engine, store, STORE_WRITE, off, len, buf, 0), 0);
			break;
		default:
			assert_int_equal(run(engine, store, STORE_READ, off, len, buf, 0), 0);
			assert_memory_equal(buf, want + off, len);
			break;
		}
	}
	assert_memory_equal(store->memory, want, SIZE);
	store_close(store);
	engine_free(engine);
	free(buf);
	free(want);
}

/* Pages of the store that take memory. */
static size_t n_resident(const struct store *store)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), n = store->memory_len / page, in = 0;
	uint8_t *vec = calloc(1, n);

	assert_int_equal(mincore(store->memory, store->memory_len, vec), 0);
	for (size_t i = 0; i < n; i++)
		in += vec[i] & 1;
	free(vec);
	return in;
}

static void unmap_gives_back(void **state)
{
	struct store_conf conf = memory_conf();
	uint8_t *buf = buf_new(SIZE);
	struct store *store;
	size_t full;

	conf.thin = true;
	store = must_open(&conf);
	assert_int_equal(store->features, STORE_F_UNMAP | STORE_F_UNMAP_ZEROES | STORE_F_THIN);
	assert_int_equal(n_resident(store), 0);
	assert_int_equal(run(engine, store, STORE_WRITE, 0, SIZE, buf, 0), 0);
	full = n_resident(store);
	assert_true(full > 0);
	assert_int_equal(run(engine, store, STORE_UNMAP, BLOCK, SIZE - 2 * BLOCK, NULL, 0), 0);
	assert_true(n_resident(store) <= 2);
	assert_int_equal(((uint8_t *)store->memory)[BLOCK - 1], 0xee);
	assert_int_equal(((uint8_t *)store->memory)[BLOCK], 0);
	store_close(store);
	free(buf);
}

static void refusals(void **state)
{
	struct store_conf conf = memory_conf();
	struct store *store;
	char err[256];

	conf.size = 1ull << 62;
	assert_int_equal(store_open(&conf, &store, err, sizeof(err)), -ENOMEM);
	assert_non_null(strstr(err, "cannot have"));
	conf.hugepages = true;
	assert_int_equal(store_open(&conf, &store, err, sizeof(err)), -ENOMEM);
	assert_non_null(strstr(err, "vm.nr_hugepages"));
	conf.size = UINT64_MAX;
	assert_int_equal(store_open(&conf, &store, err, sizeof(err)), -EFBIG);
}

static void read_only(void **state)
{
	struct store_conf conf = memory_conf();
	struct store *store;
	uint8_t buf[BLOCK] = { 1 };

	conf.read_only = true;
	store = must_open(&conf);
	assert_int_equal(run(engine, store, STORE_WRITE, 0, BLOCK, buf, 0), -EROFS);
	assert_int_equal(run(engine, store, STORE_READ, 0, BLOCK, buf, 0), 0);
	assert_int_equal(buf[0], 0);
	store_close(store);
}

int main(void)
{
	static bool thick = false, thin = true;
	const struct CMUnitTest tests[] = {
		{ .name = "all_operations: thick",
		  .test_func = all_operations,
		  .initial_state = &thick },
		{ .name = "all_operations: thin",
		  .test_func = all_operations,
		  .initial_state = &thin },
		cmocka_unit_test_setup_teardown(unmap_gives_back, setup, teardown),
		cmocka_unit_test_setup_teardown(refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(read_only, setup, teardown),
	};

	return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
