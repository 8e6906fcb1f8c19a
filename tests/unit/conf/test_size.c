/* SPDX-License-Identifier: BSD-2-Clause */
/* Sizes and 64-bit ids in text. */
#include "conf_test.h"

#include <errno.h>
#include <string.h>

#include "base/compiler.h"
#include "conf/size.h"

static void sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t size;
	} rows[] = {
		{ "0", 0 },
		{ "512", 512 },
		{ "0512", 512 },
		{ "512B", 512 },
		{ "64K", 65536 },
		{ "64k", 65536 },
		{ "64KB", 65536 },
		{ "64KiB", 65536 },
		{ "1M", 1 << 20 },
		{ "10G", 10ull << 30 },
		{ "10GiB", 10ull << 30 },
		{ "2T", 2ull << 40 },
		{ "3P", 3ull << 50 },
		{ "15E", 15ull << 60 },
		{ "18446744073709551615", UINT64_MAX },
		{ "18014398509481983K", 18014398509481983ull << 10 },
	};
	uint64_t size;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(conf_parse_size(rows[i].text, &size), 0);
		assert_int_equal(size, rows[i].size);
	}
}

static void no_sizes(void **state)
{
	static const char *const rows[] = {
		"",	"K",	 "-1",	   "+1",   " 1",  "1 ",	 "1 K", "1.5G", "0x10",
		"1Ki",	"1KK",	 "1kb",	   "1GBs", "1iB", "5s",	 "1e3", "1,000", "16E",
		"18446744073709551616", "18014398509481984K", "99999999999999999999999",
	};
	uint64_t size = 7;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (conf_parse_size(rows[i], &size) != -EINVAL)
			fail_msg("\"%s\" is taken for a size", rows[i]);
	assert_int_equal(size, 7);
}

static void round_trip(void **state)
{
	static const struct {
		uint64_t size;
		const char *text;
	} rows[] = {
		{ 0, "0" },	       { 1, "1" },	      { 1023, "1023" },
		{ 1024, "1K" },	       { 1025, "1025" },      { 1536 << 10, "1536K" },
		{ 1ull << 60, "1E" }, { UINT64_MAX, "18446744073709551615" },
	};
	char text[SIZE_TEXT_LEN];
	uint64_t size;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_text(rows[i].size, text);
		assert_string_equal(text, rows[i].text);
		assert_int_equal(conf_parse_size(text, &size), 0);
		assert_int_equal(size, rows[i].size);
	}
}

static void ids(void **state)
{
	static const char *const bad[] = {
		"", "0x", "0x00002c90300a342711", "2c90300a34271", "0002:c903:00a3:427g",
		"0002:c903:00a3-4271", "0002c90300a34271 ", "-x0002c90300a3427", "0x-1",
	};
	uint64_t id;

	assert_int_equal(id64_parse("0x0002c90300a34271", &id), 0);
	assert_int_equal(id, 0x0002c90300a34271);
	assert_int_equal(id64_parse("0X2C90300A34271", &id), 0);
	assert_int_equal(id, 0x0002c90300a34271);
	assert_int_equal(id64_parse("ffffffffffffffff", &id), 0);
	assert_int_equal(id, UINT64_MAX);
	assert_int_equal(id64_parse("0002:c903:00A3:4271", &id), 0);
	assert_int_equal(id, 0x0002c90300a34271);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (id64_parse(bad[i], &id) != -EINVAL)
			fail_msg("\"%s\" is taken for an id", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(no_sizes),
		cmocka_unit_test(round_trip),
		cmocka_unit_test(ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
