/* SPDX-License-Identifier: BSD-2-Clause */
/* Object pools: handles that go stale, exhaustion, alignment, failing allocations. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/pool.h"

enum {
	KIND = 0xa,
	N = 37
};

struct thing {
	struct pool_obj obj;
	uint32_t payload[11];
};

/* The n-th allocation from now fails; 0 = none does. */
static unsigned int fail_at;

void *__real_aligned_alloc(size_t align, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

static bool fails_now(void)
{
	return fail_at && --fail_at == 0;
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
	return fails_now() ? NULL : __real_aligned_alloc(align, size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails_now() ? NULL : __real_calloc(n, size);
}

static int set_up(void **state)
{
	static struct pool pool;

	*state = &pool;
	return pool_init(&pool, N, sizeof(struct thing));
}

static int tear_down(void **state)
{
	pool_fini(*state);
	return 0;
}

static uint64_t handle_of(const struct thing *thing)
{
	return pool_handle(KIND, &thing->obj);
}

static void objects_are_zeroed_aligned_and_disjoint(void **state)
{
	static const size_t sizes[] = { sizeof(struct pool_obj), 9, 63, 64, 65, 127, 128, 1000 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct pool pool;

		assert_int_equal(pool_init(&pool, N, sizes[i]), 0);
		assert_int_equal(pool.size % 64, 0);
		for (uint32_t k = 0; k < N; k++) {
			char *p = pool_get(&pool);

			assert_non_null(p);
			assert_int_equal((uintptr_t)p % 64, 0);
			for (size_t at = sizeof(struct pool_obj); at < sizes[i]; at++)
				assert_int_equal(p[at], 0); /* nobody else wrote here */
			memset(p + sizeof(struct pool_obj), 0xff,
			       sizes[i] - sizeof(struct pool_obj));
		}
		pool_fini(&pool);
	}
}

static void empty_hand_when_all_are_in_use(void **state)
{
	struct pool *pool = *state;
	struct thing *all[N];

	for (uint32_t i = 0; i < N; i++) {
		all[i] = pool_get(pool);
		assert_non_null(all[i]);
		for (uint32_t j = 0; j < i; j++)
			assert_ptr_not_equal(all[i], all[j]);
	}
	assert_int_equal(pool->n_free, 0);
	assert_null(pool_get(pool));
	assert_null(pool_get(pool));
	pool_put(pool, all[5]);
	assert_ptr_equal(pool_get(pool), all[5]);
	assert_null(pool_get(pool));
}

static void pool_of_none_gives_none(void **state)
{
	struct pool pool;

	assert_int_equal(pool_init(&pool, 0, sizeof(struct thing)), 0);
	assert_null(pool_get(&pool));
	assert_null(pool_find(&pool, 0));
	pool_fini(&pool);
}

static void contents_stay_as_the_last_user_left_them(void **state)
{
	struct pool *pool = *state;
	struct thing *thing = pool_get(pool);
	uint32_t index = thing->obj.index;

	memset(thing->payload, 0x5a, sizeof(thing->payload));
	pool_put(pool, thing);
	assert_ptr_equal(pool_get(pool), thing);
	assert_int_equal(thing->payload[10], 0x5a5a5a5a);
	assert_int_equal(thing->obj.index, index);
}

static void handle_names_kind_generation_and_index(void **state)
{
	const struct pool_obj obj = { .index = 0x123456, .generation = 0x9abcdef };
	uint64_t handle = pool_handle(0xe, &obj);

	assert_int_equal(handle, 0xebcdef1234560000); /* the low 20 bits of the generation */
	assert_int_equal(pool_handle_kind(handle), 0xe);
	assert_int_equal(pool_handle_index(handle), 0x123456);
}

static void low_16_bits_are_the_users(void **state)
{
	struct pool *pool = *state;
	struct thing *thing = pool_get(pool);
	uint64_t handle = handle_of(thing);

	assert_int_equal(handle & 0xffff, 0);
	assert_ptr_equal(pool_find(pool, handle | 0xffff), thing);
	assert_int_equal(pool_handle_index(handle | 0xffff), thing->obj.index);
	assert_int_equal(pool_handle_kind(handle | 0xffff), KIND);
	pool_put(pool, thing);
	assert_null(pool_find(pool, handle | 0xffff));
}

static void live_handle_finds_its_object(void **state)
{
	struct pool *pool = *state;

	for (uint32_t i = 0; i < N; i++) {
		struct thing *thing = pool_get(pool);

		assert_true(pool_in_use(&thing->obj));
		assert_ptr_equal(pool_find(pool, handle_of(thing)), thing);
		assert_ptr_equal(pool_at(pool, thing->obj.index), thing);
	}
}

static void stale_handle_finds_nothing_after_put(void **state)
{
	struct pool *pool = *state;
	struct thing *thing = pool_get(pool);
	uint64_t handle = handle_of(thing);

	pool_put(pool, thing);
	assert_false(pool_in_use(&thing->obj));
	assert_null(pool_find(pool, handle));
}

static void stale_handle_finds_nothing_after_reuse(void **state)
{
	struct pool *pool = *state;
	struct thing *thing = pool_get(pool);
	uint64_t old[100];

	for (size_t i = 0; i < ARRAY_SIZE(old); i++) {
		old[i] = handle_of(thing);
		pool_put(pool, thing);
		assert_ptr_equal(pool_get(pool), thing);
		assert_ptr_equal(pool_find(pool, handle_of(thing)), thing);
		for (size_t j = 0; j <= i; j++)
			assert_null(pool_find(pool, old[j]));
	}
}

/* A wr_id of zero, or one made of an object that was not in use. */
static void handle_of_a_free_object_finds_nothing(void **state)
{
	struct pool *pool = *state;
	struct thing *thing = pool_at(pool, 7);

	assert_null(pool_find(pool, 0));
	assert_null(pool_find(pool, handle_of(thing)));
	thing = pool_get(pool);
	pool_put(pool, thing);
	assert_null(pool_find(pool, handle_of(thing)));
}

static void index_beyond_the_pool_finds_nothing(void **state)
{
	struct pool *pool = *state;
	struct thing *thing = pool_get(pool);
	struct pool_obj beyond = { .generation = thing->obj.generation };

	beyond.index = N;
	assert_null(pool_find(pool, pool_handle(KIND, &beyond)));
	beyond.index = POOL_MAX - 1;
	assert_null(pool_find(pool, pool_handle(KIND, &beyond)));
}

/* The 20 bits of a handle, and the 32 of the object. */
static void generation_wraps_without_reviving_handles(void **state)
{
	static const uint32_t last[] = { 0xfffff, UINT32_MAX };
	struct pool *pool = *state;
	struct thing *thing = pool_get(pool);

	for (size_t i = 0; i < ARRAY_SIZE(last); i++) {
		uint64_t handle;

		thing->obj.generation = last[i];
		handle = handle_of(thing);
		assert_ptr_equal(pool_find(pool, handle), thing);
		pool_put(pool, thing);
		assert_null(pool_find(pool, handle));
		assert_null(pool_find(pool, handle_of(thing)));
		assert_ptr_equal(pool_get(pool), thing);
		assert_true(pool_in_use(&thing->obj));
		assert_null(pool_find(pool, handle));
		assert_ptr_equal(pool_find(pool, handle_of(thing)), thing);
	}
}

/* Random gets and puts against a list of the live objects and the last handles of the dead. */
static void random_use_keeps_every_promise(void **state)
{
	struct pool *pool = *state;
	struct thing *live[N];
	uint64_t dead[N] = { 0 }, seed = 0x9e3779b97f4a7c15;
	uint32_t n = 0;

	for (int step = 0; step < 20000; step++) {
		seed = seed * 6364136223846793005 + 1442695040888963407;
		if (seed >> 63) {
			struct thing *thing = pool_get(pool);

			assert_int_equal(!thing, n == N);
			if (thing)
				live[n++] = thing;
		} else if (n > 0) {
			uint32_t i = (uint32_t)(seed >> 33) % n;

			dead[live[i]->obj.index] = handle_of(live[i]);
			pool_put(pool, live[i]);
			live[i] = live[--n];
		}
		assert_int_equal(pool->n_free, N - n);
		for (uint32_t i = 0; i < n; i++)
			assert_ptr_equal(pool_find(pool, handle_of(live[i])), live[i]);
		for (uint32_t i = 0; i < N; i++)
			assert_null(pool_find(pool, dead[i]));
	}
}

static void failing_allocation_is_enomem_and_leaks_nothing(void **state)
{
	struct pool pool;

	for (unsigned int nth = 1; nth <= 2; nth++) {
		fail_at = nth;
		assert_int_equal(pool_init(&pool, N, sizeof(struct thing)), -ENOMEM);
		assert_int_equal(fail_at, 0);
		pool_fini(&pool); /* harmless */
	}
}

#define with_pool(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_are_zeroed_aligned_and_disjoint),
		with_pool(empty_hand_when_all_are_in_use),
		cmocka_unit_test(pool_of_none_gives_none),
		with_pool(contents_stay_as_the_last_user_left_them),
		cmocka_unit_test(handle_names_kind_generation_and_index),
		with_pool(low_16_bits_are_the_users),
		with_pool(live_handle_finds_its_object),
		with_pool(stale_handle_finds_nothing_after_put),
		with_pool(stale_handle_finds_nothing_after_reuse),
		with_pool(handle_of_a_free_object_finds_nothing),
		with_pool(index_beyond_the_pool_finds_nothing),
		with_pool(generation_wraps_without_reviving_handles),
		with_pool(random_use_keeps_every_promise),
		cmocka_unit_test(failing_allocation_is_enomem_and_leaks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
