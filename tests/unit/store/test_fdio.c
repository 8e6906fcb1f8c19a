/* SPDX-License-Identifier: BSD-2-Clause */
/* fdio: which call follows which result. No file, no engine: the test plays the kernel. */
#include <linux/falloc.h>

#include "store/fdio.h"
#include "store_test.h"

static struct store store;
static struct store_io io;
static struct fdio_call call;
static uint8_t buf[64 * 1024];

static void begin(enum store_op op, uint64_t len, uint32_t flags)
{
	memset(&io, 0, sizeof(io));
	io.store = &store;
	io.op = op;
	io.flags = flags;
	io.off = 1 << 20;
	io.len = len;
	io.buf = buf;
	io.from = &store;
	fdio_start(&io);
	fdio_next(&io, &call);
}

/* The kernel's answer; true = the request has ended. */
static bool answer(int64_t res)
{
	bool ended = fdio_result(&io, res);

	if (!ended)
		fdio_next(&io, &call);
	return ended;
}

static int reset(void **state)
{
	memset(&store, 0, sizeof(store));
	store.block_size = 512;
	return 0;
}

static void whole_transfer(void **state)
{
	begin(STORE_READ, 8192, 0);
	assert_int_equal(call.step, FDIO_READ);
	assert_ptr_equal(call.buf, buf);
	assert_int_equal(call.off, 1 << 20);
	assert_int_equal(call.len, 8192);
	assert_false(call.dsync);
	assert_false(call.may_block);
	assert_true(answer(8192));
	assert_int_equal(io.res, 0);
	assert_int_equal(io.progress, 8192);
}

static void short_transfer_goes_on(void **state)
{
	begin(STORE_WRITE, 8192, 0);
	assert_false(answer(1536));
	assert_int_equal(call.step, FDIO_WRITE);
	assert_ptr_equal(call.buf, buf + 1536);
	assert_int_equal(call.off, (1 << 20) + 1536);
	assert_int_equal(call.len, 8192 - 1536);
	/* not at a block's end: the begun block again */
	assert_false(answer(1000));
	assert_ptr_equal(call.buf, buf + 1536 + 512);
	assert_int_equal(call.len, 8192 - 1536 - 512);
	assert_true(answer((int64_t)call.len));
	assert_int_equal(io.res, 0);
}

/* A part of an atomic write is none: it never goes on. */
static void atomic_is_one_call(void **state)
{
	begin(STORE_WRITE, 8192, STORE_IO_ATOMIC | STORE_IO_FUA);
	assert_true(call.atomic && call.dsync);
	assert_true(answer(4096));
	assert_int_equal(io.res, -EIO);
	begin(STORE_WRITE, 8192, STORE_IO_ATOMIC);
	assert_true(answer(8192));
	assert_int_equal(io.res, 0);
}

static void copy_or_not(void **state)
{
	struct store from = { .fd = 7 };

	begin(STORE_COPY, 8192, STORE_IO_FUA);
	io.from = &from;
	io.from_off = 100 * 512;
	fdio_next(&io, &call);
	assert_int_equal(call.step, FDIO_COPY);
	assert_int_equal(call.from_fd, 7);
	assert_false(answer(1000));
	assert_int_equal(call.from_off, 100 * 512 + 1000);
	assert_int_equal(call.off, (1 << 20) + 1000);
	assert_false(answer(7192));
	assert_int_equal(call.step, FDIO_SYNC);
	assert_true(answer(0));
	assert_int_equal(io.res, 0);
	begin(STORE_COPY, 8192, 0);
	assert_true(answer(-EXDEV)); /* nothing of it is done: a buffer will do */
	assert_int_equal(io.res, -EOPNOTSUPP);
	begin(STORE_COPY, 8192, 0);
	assert_false(answer(4096));
	assert_true(answer(-EXDEV));
	assert_int_equal(io.res, -EXDEV);
	begin(STORE_COPY, 8192, 0);
	assert_true(answer(-ENOSPC));
	assert_int_equal(io.res, -ENOSPC);
}

static void error_after_a_part(void **state)
{
	begin(STORE_WRITE, 8192, 0);
	assert_false(answer(4096));
	assert_true(answer(-ENOSPC));
	assert_int_equal(io.res, -ENOSPC);
}

static void end_of_file_is_an_error(void **state)
{
	begin(STORE_READ, 8192, 0);
	assert_false(answer(4096));
	assert_true(answer(0));
	assert_int_equal(io.res, -EIO);
}

/* Calls until the request gives up on `res`. */
static unsigned int tries_of(int64_t res)
{
	unsigned int n = 1;

	while (!answer(res)) {
		n++;
		assert_true(n < 1000);
	}
	return n;
}

static void retries_are_bounded(void **state)
{
	begin(STORE_READ, 8192, 0);
	assert_true(tries_of(-EAGAIN) > 2);
	assert_int_equal(io.res, -EAGAIN);
	begin(STORE_READ, 8192, 0);
	assert_true(tries_of(-EINTR) > 2);
	assert_int_equal(io.res, -EINTR);
	begin(STORE_READ, 8192, 0); /* never a whole block */
	tries_of(100);
	assert_int_equal(io.res, -EIO);
}

static void progress_renews_the_tries(void **state)
{
	begin(STORE_READ, sizeof(buf), 0);
	for (size_t i = 0; i < sizeof(buf) / 512 - 1; i++) {
		for (int k = 0; k < 50; k++)
			assert_false(answer(-EAGAIN));
		assert_false(answer(512));
	}
	assert_true(answer(512));
	assert_int_equal(io.res, 0);
}

static void large_calls_are_cut(void **state)
{
	uint64_t left = (5ULL << 30) + 512;
	unsigned int n = 0;

	begin(STORE_UNMAP, left, 0);
	do {
		assert_int_equal(call.step, FDIO_PUNCH);
		assert_true(call.len && call.len <= 1 << 30);
		assert_int_equal(call.off, (1 << 20) + (5ULL << 30) + 512 - left);
		left -= call.len;
		n++;
	} while (!answer(0));
	assert_int_equal(left, 0);
	assert_int_equal(n, 6);
	begin(STORE_READ, 5ULL << 30, 0);
	assert_true(call.len <= 1 << 30);
}

static void fua(void **state)
{
	begin(STORE_WRITE, 512, STORE_IO_FUA);
	assert_true(call.dsync);
	assert_true(call.may_block);
	begin(STORE_READ, 512, STORE_IO_FUA);
	assert_false(call.dsync);
	store.direct = true;
	begin(STORE_WRITE, 512, STORE_IO_FUA);
	assert_true(call.dsync);
	assert_false(call.may_block);
	store.write_through = true;
	begin(STORE_WRITE, 512, 0);
	assert_true(call.dsync);
	store.nv_cache = true;
	begin(STORE_WRITE, 512, STORE_IO_FUA);
	assert_false(call.dsync);
}

static void flush_is_a_data_sync(void **state)
{
	begin(STORE_FLUSH, 0, 0);
	assert_int_equal(call.step, FDIO_SYNC);
	assert_true(answer(0));
	assert_int_equal(io.res, 0);
	begin(STORE_FLUSH, 0, 0);
	assert_true(answer(-EIO));
	assert_int_equal(io.res, -EIO);
}

static void zero_with_fua_syncs(void **state)
{
	begin(STORE_ZERO, 8192, STORE_IO_FUA);
	assert_int_equal(call.step, FDIO_ZERO_RANGE);
	assert_false(answer(0));
	assert_int_equal(call.step, FDIO_SYNC);
	assert_true(answer(0));
	assert_int_equal(io.res, 0);
	begin(STORE_ZERO, 8192, 0);
	assert_true(answer(0));
}

static void zero_may_unmap(void **state)
{
	begin(STORE_ZERO, 8192, STORE_IO_MAY_UNMAP);
	assert_int_equal(call.step, FDIO_ZERO_RANGE); /* a store that is not thin */
	store.features = STORE_F_UNMAP; /* what reads after an unmap is not known */
	begin(STORE_ZERO, 8192, STORE_IO_MAY_UNMAP);
	assert_int_equal(call.step, FDIO_ZERO_RANGE);
	store.features |= STORE_F_UNMAP_ZEROES;
	begin(STORE_ZERO, 8192, STORE_IO_MAY_UNMAP);
	assert_int_equal(call.step, FDIO_PUNCH);
	begin(STORE_ZERO, 8192, 0);
	assert_int_equal(call.step, FDIO_ZERO_RANGE);
}

static void zero_falls_back_to_writes(void **state)
{
	uint64_t len = (1 << 20) + 512, at = 1 << 20;

	begin(STORE_ZERO, len, STORE_IO_FUA);
	assert_false(answer(-EOPNOTSUPP));
	do {
		assert_int_equal(call.step, FDIO_ZERO_WRITE);
		assert_int_equal(call.off, at);
		assert_true(call.len && call.len <= 256 * 1024);
		assert_true(call.dsync);
		for (size_t i = 0; i < call.len; i++)
			assert_int_equal(((uint8_t *)call.buf)[i], 0);
		at += call.len;
	} while (!answer((int64_t)call.len));
	assert_int_equal(at, (1 << 20) + len);
	assert_int_equal(io.res, 0);
	/* and the store remembers */
	begin(STORE_ZERO, len, 0);
	assert_int_equal(call.step, FDIO_ZERO_WRITE);
}

static void unmap_does_not_fall_back(void **state)
{
	begin(STORE_UNMAP, 8192, 0);
	assert_true(answer(-EOPNOTSUPP));
	assert_int_equal(io.res, -EOPNOTSUPP);
	assert_false(store.zero_by_write);
}

static void block_device(void **state)
{
	store.is_block = true;
	begin(STORE_ZERO, 8192, STORE_IO_MAY_UNMAP);
	assert_int_equal(call.step, FDIO_ZERO_OUT);
	assert_true(call.may_block && fdio_needs_thread(call.step));
	assert_true(answer(-EOPNOTSUPP));
	assert_int_equal(io.res, -EOPNOTSUPP);
	store.features = STORE_F_UNMAP | STORE_F_UNMAP_ZEROES;
	begin(STORE_UNMAP, 8192, 0);
	assert_int_equal(call.step, FDIO_PUNCH);
	begin(STORE_ZERO, 8192, STORE_IO_MAY_UNMAP | STORE_IO_FUA);
	assert_int_equal(call.step, FDIO_PUNCH);
	assert_false(answer(-EOPNOTSUPP));
	assert_int_equal(call.step, FDIO_ZERO_OUT);
	assert_int_equal(call.len, 8192);
	assert_false(answer(0));
	assert_int_equal(call.step, FDIO_SYNC);
	assert_true(answer(0));
	assert_int_equal(io.res, 0);
	store.features = STORE_F_UNMAP;
	store.unmap_discards = true;
	begin(STORE_UNMAP, 8192, 0);
	assert_int_equal(call.step, FDIO_DISCARD);
	assert_true(call.may_block && fdio_needs_thread(call.step));
	assert_true(answer(0));
}

static void allocation_never_grows_the_file(void **state)
{
	assert_int_equal(fdio_fallocate_mode(FDIO_PUNCH),
			 FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
	assert_int_equal(fdio_fallocate_mode(FDIO_ZERO_RANGE),
			 FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(whole_transfer, reset),
		cmocka_unit_test_setup(short_transfer_goes_on, reset),
		cmocka_unit_test_setup(atomic_is_one_call, reset),
		cmocka_unit_test_setup(copy_or_not, reset),
		cmocka_unit_test_setup(error_after_a_part, reset),
		cmocka_unit_test_setup(end_of_file_is_an_error, reset),
		cmocka_unit_test_setup(retries_are_bounded, reset),
		cmocka_unit_test_setup(progress_renews_the_tries, reset),
		cmocka_unit_test_setup(large_calls_are_cut, reset),
		cmocka_unit_test_setup(fua, reset),
		cmocka_unit_test_setup(flush_is_a_data_sync, reset),
		cmocka_unit_test_setup(zero_with_fua_syncs, reset),
		cmocka_unit_test_setup(zero_may_unmap, reset),
		cmocka_unit_test_setup(zero_falls_back_to_writes, reset),
		cmocka_unit_test_setup(unmap_does_not_fall_back, reset),
		cmocka_unit_test_setup(block_device, reset),
		cmocka_unit_test(allocation_never_grows_the_file),
	};

	return cmocka_run_group_tests_name("fdio", tests, NULL, NULL);
}
