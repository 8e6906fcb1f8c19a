/* SPDX-License-Identifier: BSD-2-Clause */
/* Derived ids: the hash, the machine id, and that what is derived never changes. */
#include "conf_test.h"

#include <errno.h>
#include <string.h>

#include "base/compiler.h"
#include "conf/ident.h"

/* The reference vectors of SipHash-2-4: key 00…0f, message 00, 01, 02 … of n bytes. */
static void siphash(void **state)
{
	static const struct {
		size_t n;
		uint64_t hash;
	} rows[] = {
		{ 0, 0x726fdb47dd0e0e31 },
		{ 1, 0x74f839c593dc67fd },
		{ 7, 0xab0200f58b01d137 },
		{ 8, 0x93f5f5799a932462 },
		{ 15, 0xa129ca6149be45e5 },
	};
	uint8_t bytes[16];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(ident_siphash(bytes, bytes, rows[i].n), rows[i].hash);
}

/* What is derived is on initiators' disks and in their maps: these numbers may never change. */
static void stable(void **state)
{
	char serial[IDENT_SERIAL_LEN];
	struct ident ident;

	assert_int_equal(ident_init(&ident), 0);
	for (size_t i = 0; i < sizeof(ident.key); i++)
		assert_int_equal(ident.key[i], i);
	assert_int_equal(ident_target(&ident, "disk1"), 0x068285d14835fb05);
	ident_serial(&ident, "db0", serial);
	assert_string_equal(serial, "058a5cff02ffcf14");
}

static void locally_administered(void **state)
{
	struct ident ident;
	char name[32];

	ident_init(&ident);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "target%d", i);
		assert_int_equal(ident_target(&ident, name) >> 56 & 3, 2);
	}
}

static void kernel_names(void **state)
{
	static const struct {
		const char *name;
		uint64_t id; /* 0 = none */
	} rows[] = {
		{ "0002:c903:0005:f34a", 0x0002c9030005f34a },
		{ "0002:C903:0005:F34A", 0x0002c9030005f34a },
		{ "fe80:0000:0000:0000:0002:c903:0005:f34b", 0x0002c9030005f34b },
		{ "fe80::2:c903:5:f34b", 0x0002c9030005f34b },
		{ "0000:0000:0000:0000", 0 },
		{ "ib_srpt_target_0", 0 },
		{ "0002c9030005f34a", 0 },
		{ "2:c903:5:f34a", 0 },
		{ "0002:c903:0005:f34", 0 },
		{ "0002:c903:0005f34a0", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t id = 0;

		if (ident_from_name(rows[i].name, &id) != (rows[i].id != 0) || id != rows[i].id)
			fail_msg("%s", rows[i].name);
	}
}

static void no_machine_id(void **state)
{
	static const struct {
		const char *text;
		int ret;
	} rows[] = {
		{ "", -ENODATA },
		{ "uninitialized\n", -ENODATA },
		{ "000102030405060708090a0b0c0d0e0\n", -ENODATA },
		{ "000102030405060708090a0b0c0d0e0f0\n", -ENODATA },
		{ "00000000000000000000000000000000\n", -ENODATA },
		{ "000102030405060708090a0b0c0d0e0f", 0 },
		{ "000102030405060708090A0B0C0D0E0F\n", 0 },
	};
	const char *saved = ident_machine_id_file;
	struct ident ident;
	char path[128];

	strcpy(path, test_path("id"));
	ident_machine_id_file = path;
	assert_int_equal(ident_init(&ident), -ENOENT);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		test_write("id", rows[i].text, strlen(rows[i].text));
		assert_int_equal(ident_init(&ident), rows[i].ret);
	}
	ident_machine_id_file = saved;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(siphash),
		cmocka_unit_test(stable),
		cmocka_unit_test(locally_administered),
		cmocka_unit_test(kernel_names),
		cmocka_unit_test(no_machine_id),
	};

	return cmocka_run_group_tests(tests, test_setup, test_teardown);
}
