/* SPDX-License-Identifier: BSD-2-Clause */
/* Fences: which requests meet one, and when it is gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/store.h"
#include "target/fence.h"

static struct fence_set set;
static struct store store_a, store_b;

static int setup(void **state)
{
	fence_set_init(&set);
	return 0;
}

static int teardown(void **state)
{
	fence_set_fini(&set);
	return 0;
}

static struct store_io request(struct store *store, enum store_op op, uint64_t off, uint64_t len)
{
	return (struct store_io){ .store = store, .op = op, .off = off, .len = len };
}

static bool blocks(struct store *store, enum store_op op, uint64_t off, uint64_t len)
{
	struct store_io io = request(store, op, off, len);

	return fence_blocks(&set, &io);
}

static void without_fences_nothing_is_blocked(void **state)
{
	assert_false(blocks(&store_a, STORE_WRITE, 0, UINT64_MAX / 2));
}

static void a_fence_blocks_writes_that_touch_its_range(void **state)
{
	struct store_io old = request(&store_a, STORE_WRITE, 4096, 8192);
	struct fence fence = { 0 };

	fence_raise(&set, &fence, &old);
	assert_true(blocks(&store_a, STORE_WRITE, 4096, 8192));
	assert_true(blocks(&store_a, STORE_WRITE, 0, 4097));
	assert_true(blocks(&store_a, STORE_WRITE, 12287, 512));
	assert_true(blocks(&store_a, STORE_UNMAP, 0, 1 << 20));
	assert_true(blocks(&store_a, STORE_ZERO, 8192, 512));
	assert_false(blocks(&store_a, STORE_WRITE, 0, 4096));
	assert_false(blocks(&store_a, STORE_WRITE, 12288, 512));
	assert_true(fence_lower(&set, &fence));
}

static void reads_flushes_and_other_stores_pass(void **state)
{
	struct store_io old = request(&store_a, STORE_ZERO, 0, 1 << 20);
	struct fence fence = { 0 };

	fence_raise(&set, &fence, &old);
	assert_false(blocks(&store_a, STORE_READ, 0, 512));
	assert_false(blocks(&store_a, STORE_FLUSH, 0, 0));
	assert_false(blocks(&store_b, STORE_WRITE, 0, 512));
	assert_true(fence_lower(&set, &fence));
}

static void each_of_several_fences_counts_until_it_falls(void **state)
{
	struct store_io one = request(&store_a, STORE_WRITE, 0, 4096);
	struct store_io two = request(&store_a, STORE_WRITE, 2048, 4096);
	struct fence fence[2] = { 0 };

	fence_raise(&set, &fence[0], &one);
	fence_raise(&set, &fence[1], &two);
	assert_true(fence_lower(&set, &fence[0]));
	assert_false(blocks(&store_a, STORE_WRITE, 0, 2048));
	assert_true(blocks(&store_a, STORE_WRITE, 2048, 512));
	assert_true(fence_lower(&set, &fence[1]));
	assert_false(blocks(&store_a, STORE_WRITE, 2048, 512));
}

static void lowering_what_is_not_raised_says_so(void **state)
{
	struct fence fence = { 0 };

	assert_false(fence_lower(&set, &fence));
}

static void a_lock_lets_its_owner_pass_and_no_other(void **state)
{
	struct store_io range = request(&store_a, STORE_WRITE, 4096, 4096);
	struct store_io own = request(&store_a, STORE_WRITE, 4096, 512);
	struct store_io other = own;
	struct fence fence = { 0 };

	assert_true(fence_try_lock(&set, &fence, &range, &own));
	assert_false(fence_blocks(&set, &own));
	assert_true(fence_blocks(&set, &other));
	other.off = 8192;
	assert_false(fence_blocks(&set, &other));
	assert_true(fence_lower(&set, &fence));
	other.off = 4096;
	assert_false(fence_blocks(&set, &other));
}

static void what_is_closed_cannot_be_locked(void **state)
{
	struct store_io old = request(&store_a, STORE_WRITE, 0, 4096);
	struct store_io range = request(&store_a, STORE_WRITE, 2048, 4096);
	struct store_io beyond = request(&store_a, STORE_WRITE, 6144, 4096);
	struct store_io own = range;
	struct fence fence[3] = { 0 };

	fence_raise(&set, &fence[0], &old);
	assert_false(fence_try_lock(&set, &fence[1], &range, &own));
	assert_null(fence[1].io);
	assert_true(fence_lower(&set, &fence[0]));
	assert_true(fence_try_lock(&set, &fence[1], &range, &own));
	assert_false(fence_try_lock(&set, &fence[0], &range, &own));
	assert_true(fence_try_lock(&set, &fence[2], &beyond, &own));
	assert_true(fence_lower(&set, &fence[1]));
	assert_true(fence_lower(&set, &fence[2]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(without_fences_nothing_is_blocked, setup, teardown),
		cmocka_unit_test_setup_teardown(a_fence_blocks_writes_that_touch_its_range, setup,
						teardown),
		cmocka_unit_test_setup_teardown(reads_flushes_and_other_stores_pass, setup,
						teardown),
		cmocka_unit_test_setup_teardown(each_of_several_fences_counts_until_it_falls, setup,
						teardown),
		cmocka_unit_test_setup_teardown(lowering_what_is_not_raised_says_so, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_lock_lets_its_owner_pass_and_no_other, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_is_closed_cannot_be_locked, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
