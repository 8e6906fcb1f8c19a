/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocks of pcapng files: exact bytes, padding, and that nothing is written beyond the buffer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "base/pcapng.h"

static uint32_t at32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint16_t at16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static void frame(const uint8_t *buf, size_t len, uint32_t type)
{
	assert_int_equal(len % 4, 0);
	assert_int_equal(at32(buf), type);
	assert_int_equal(at32(buf + 4), len);
	assert_int_equal(at32(buf + len - 4), len);
}

static void test_section(void **state)
{
	uint8_t buf[64];
	size_t len = pcapng_section(buf, sizeof(buf), "srptd");

	assert_int_equal(len, 28 + 4 + 8 + 4);
	frame(buf, len, 0x0a0d0d0a);
	assert_int_equal(at32(buf + 8), 0x1a2b3c4d);
	assert_int_equal(at16(buf + 24), 4);
	assert_int_equal(at16(buf + 26), 5);
	assert_memory_equal(buf + 28, "srptd\0\0\0", 8);
}

static void test_interface(void **state)
{
	uint8_t buf[64];
	size_t len = pcapng_interface(buf, sizeof(buf), PCAPNG_LINK_USER0, 1068, "srptd");

	frame(buf, len, 1);
	assert_int_equal(at16(buf + 8), 147);
	assert_int_equal(at32(buf + 12), 1068);
	assert_int_equal(at16(buf + 28), 9); /* if_tsresol */
	assert_int_equal(buf[32], 9);
}

static void test_packet(void **state)
{
	uint8_t buf[128];
	size_t len = pcapng_packet(buf, sizeof(buf), 0x123456789abcdef0, true, "abcde", 5, 50);

	frame(buf, len, 6);
	assert_int_equal(at32(buf + 12), 0x12345678);
	assert_int_equal(at32(buf + 16), 0x9abcdef0);
	assert_int_equal(at32(buf + 20), 5);
	assert_int_equal(at32(buf + 24), 50);
	assert_memory_equal(buf + 28, "abcde\0\0\0", 8);
	assert_int_equal(at16(buf + 36), 2);
	assert_int_equal(at32(buf + 40), 2); /* outbound */
	assert_true(len <= 5 + PCAPNG_PACKET_OVERHEAD);
}

static void test_statistics(void **state)
{
	uint8_t buf[64];
	size_t len = pcapng_statistics(buf, sizeof(buf), 1, 1000, 7);

	frame(buf, len, 5);
	assert_int_equal(at16(buf + 20), 4);
	assert_int_equal(at32(buf + 24), 1000);
	assert_int_equal(at16(buf + 32), 5);
	assert_int_equal(at32(buf + 36), 7);
}

/* Each size that is too small gives 0 and leaves what is behind it alone. */
static void test_no_room(void **state)
{
	uint8_t buf[256];
	size_t whole = pcapng_packet(buf, sizeof(buf), 1, false, buf, 33, 33);

	for (size_t size = 0; size <= whole; size++) {
		size_t len;

		memset(buf, 0xee, sizeof(buf));
		len = pcapng_packet(buf, size, 1, false, buf + 200, 33, 33);
		assert_int_equal(len, size < whole ? 0 : whole);
		for (size_t i = size; i < sizeof(buf); i++)
			assert_int_equal(buf[i], 0xee);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_section), cmocka_unit_test(test_interface),
		cmocka_unit_test(test_packet),	cmocka_unit_test(test_statistics),
		cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
