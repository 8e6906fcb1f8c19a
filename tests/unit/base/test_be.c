/* SPDX-License-Identifier: BSD-2-Clause */
/* Big-endian loads and stores. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/be.h"
#include "base/compiler.h"

static const uint8_t bytes[8] = { 0x81, 0x92, 0xa3, 0xb4, 0xc5, 0xd6, 0xe7, 0xf8 };

static void loads_take_the_high_byte_first(void **state)
{
	assert_int_equal(be16_get(bytes), 0x8192);
	assert_int_equal(be24_get(bytes), 0x8192a3);
	assert_int_equal(be32_get(bytes), 0x8192a3b4);
	assert_int_equal(be64_get(bytes), 0x8192a3b4c5d6e7f8);
}

static void stores_put_the_high_byte_first(void **state)
{
	uint8_t buf[8];

	be16_put(buf, 0x8192);
	assert_memory_equal(buf, bytes, 2);
	be24_put(buf, 0x8192a3);
	assert_memory_equal(buf, bytes, 3);
	be32_put(buf, 0x8192a3b4);
	assert_memory_equal(buf, bytes, 4);
	be64_put(buf, 0x8192a3b4c5d6e7f8);
	assert_memory_equal(buf, bytes, 8);
}

static void store_of_24_bits_drops_the_highest_byte(void **state)
{
	uint8_t buf[4] = { 0, 0, 0, 0x5a };

	be24_put(buf, 0xff8192a3);
	assert_memory_equal(buf, bytes, 3);
	assert_int_equal(buf[3], 0x5a);
}

/* A buffer of exactly the size, at every alignment: a sanitizer sees a byte too many. */
static void neither_touches_bytes_behind_at_any_alignment(void **state)
{
	for (size_t at = 0; at < 8; at++)
		for (size_t size = 2; size <= 8; size += size == 2 || size == 3 ? 1 : 4) {
			uint8_t *buf = calloc(1, at + size);

			assert_non_null(buf);
			switch (size) {
			case 2:
				be16_put(buf + at, 0x8192);
				assert_int_equal(be16_get(buf + at), 0x8192);
				break;
			case 3:
				be24_put(buf + at, 0x8192a3);
				assert_int_equal(be24_get(buf + at), 0x8192a3);
				break;
			case 4:
				be32_put(buf + at, 0x8192a3b4);
				assert_int_equal(be32_get(buf + at), 0x8192a3b4);
				break;
			case 8:
				be64_put(buf + at, 0x8192a3b4c5d6e7f8);
				assert_int_equal(be64_get(buf + at), 0x8192a3b4c5d6e7f8);
				break;
			}
			assert_memory_equal(buf + at, bytes, size);
			free(buf);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads_take_the_high_byte_first),
		cmocka_unit_test(stores_put_the_high_byte_first),
		cmocka_unit_test(store_of_24_bits_drops_the_highest_byte),
		cmocka_unit_test(neither_touches_bytes_behind_at_any_alignment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
