/* SPDX-License-Identifier: BSD-2-Clause */
/* The device management agent: every attribute and modifier, who sees what, and silence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/be.h"
#include "base/compiler.h"
#include "proto/dm_agent.h"

static const struct dm_offer first[] = {
	{ { "SRP.T10:0000000000000001", 0x101 }, NULL },
	{ { "SRP.T10:0000000000000002", 0x102 }, NULL },
	{ { "SRP.T10:0000000000000003", 0x103 }, NULL },
	{ { "SRP.T10:0000000000000004", 0x104 }, NULL },
	{ { "SRP.T10:0000000000000005", 0x105 }, NULL },
};
static const struct dm_offer second[] = { { { "SRP.T10:0000000000000009", 0x109 }, NULL } };
static const struct dm_ioc iocs[] = {
	{ .profile = { .ioc_guid = 0x11, .id_string = "one" }, first, ARRAY_SIZE(first) },
	{ .profile = { .ioc_guid = 0x22, .n_services = 77 }, second, ARRAY_SIZE(second) },
};

/* The asker of partition 1 may use odd services, that of partition 2 none but 0x109. */
static bool visible(const struct dm_offer *offer, const struct dm_asker *asker)
{
	if (asker->pkey == 1)
		return offer->service.id & 1;
	return asker->pkey != 2 || offer->service.id == 0x109;
}

static const struct dm_table table = { 0x1234, iocs, ARRAY_SIZE(iocs), visible };
static struct dm_asker asker;
static uint8_t answer[MAD_LEN];
static const uint8_t *const data = answer + DM_DATA;

static int setup(void **state)
{
	asker = (struct dm_asker){ .pkey = 0x7fff };
	return 0;
}

/* The status of the answer. */
static uint16_t ask(uint8_t method, uint16_t attr, uint32_t mod)
{
	uint8_t mad[MAD_LEN];

	dm_request_build(mad, 0x0102030405060708, method, attr, mod);
	memset(answer, 0x5a, sizeof(answer));
	assert_true(dm_agent_answer(&table, &asker, mad, MAD_LEN, answer));
	assert_int_equal(answer[3], method | 0x80);
	assert_memory_equal(answer + 8, mad + 8, 16); /* TID, attribute, modifier */
	for (size_t i = MAD_HDR_LEN; i < DM_DATA; i++)
		assert_int_equal(answer[i], 0);
	return be16_get(answer + 4);
}

static void data_is_zero(void)
{
	for (size_t i = 0; i < DM_DATA_LEN; i++)
		assert_int_equal(data[i], 0);
}

static uint16_t get(uint16_t attr, uint32_t mod)
{
	uint16_t status = ask(MAD_GET, attr, mod);

	if (status)
		data_is_zero();
	return status;
}

static void test_class_port_info(void **state)
{
	struct class_port_info info;

	assert_int_equal(get(MAD_ATTR_CLASS_PORT_INFO, 0), 0);
	class_port_info_parse(data, &info);
	assert_int_equal(info.base_version, 1);
	assert_int_equal(info.class_version, 1);
	assert_int_equal(info.resp_time, 20);
	assert_int_equal(get(MAD_ATTR_CLASS_PORT_INFO, 1), MAD_STATUS_BAD_FIELD);
}

static void test_io_unit_info(void **state)
{
	struct dm_io_unit_info info;

	assert_int_equal(get(DM_IO_UNIT_INFO, 0), 0);
	dm_io_unit_info_parse(data, &info);
	assert_int_equal(info.change_id, 0x1234);
	assert_int_equal(info.max_controllers, 16);
	assert_int_equal(info.slots[0], DM_SLOT_PRESENT);
	assert_int_equal(info.slots[1], DM_SLOT_PRESENT);
	assert_int_equal(info.slots[2], DM_SLOT_EMPTY);
	assert_int_equal(info.slots[15], DM_SLOT_EMPTY);
	assert_int_equal(info.slots[16], DM_SLOT_NONE);
	assert_int_equal(info.slots[255], DM_SLOT_NONE);
	assert_int_equal(get(DM_IO_UNIT_INFO, 1), MAD_STATUS_BAD_FIELD);
}

static void test_profile(void **state)
{
	struct dm_ioc_profile p;

	assert_int_equal(get(DM_IOC_PROFILE, 1), 0);
	dm_ioc_profile_parse(data, &p);
	assert_true(p.ioc_guid == 0x11 && p.n_services == 5);
	assert_string_equal(p.id_string, "one");
	assert_int_equal(get(DM_IOC_PROFILE, 2), 0);
	dm_ioc_profile_parse(data, &p);
	assert_true(p.ioc_guid == 0x22 && p.n_services == 1);
}

/* Every slot and a few values beyond. */
static void test_slots(void **state)
{
	for (uint32_t slot = 0; slot < 0x10010; slot++) {
		uint16_t want = slot == 0 || slot > 16 ? MAD_STATUS_BAD_FIELD
				: slot > 2	       ? DM_STATUS_NO_IOC
						       : MAD_STATUS_OK;

		assert_int_equal(get(DM_IOC_PROFILE, slot), want);
		if (slot < 0x10000)
			assert_int_equal(get(DM_SERVICE_ENTRIES, slot << 16), want);
	}
}

/* Every range of the controller with five entries. */
static void test_ranges(void **state)
{
	for (uint32_t begin = 0; begin < 256; begin++)
		for (uint32_t end = 0; end < 256; end++) {
			bool good = begin <= end && end < 5 && end - begin < 4;
			uint16_t status = get(DM_SERVICE_ENTRIES, 1u << 16 | end << 8 | begin);

			assert_int_equal(status, good ? 0 : MAD_STATUS_BAD_FIELD);
			for (uint32_t i = 0; good && i < 4; i++) {
				struct dm_service s;

				dm_service_parse(data, i, &s);
				assert_true(s.id == (i <= end - begin ? 0x101 + begin + i : 0));
			}
		}
}

static void test_entry_bytes(void **state)
{
	assert_int_equal(get(DM_SERVICE_ENTRIES, 2u << 16), 0);
	assert_string_equal((const char *)data, "SRP.T10:0000000000000009");
	assert_true(be64_get(data + 40) == 0x109);
}

static void test_hidden(void **state)
{
	struct dm_io_unit_info info;
	struct dm_ioc_profile p;
	struct dm_service s;

	asker.pkey = 2;
	assert_int_equal(get(DM_IO_UNIT_INFO, 0), 0);
	dm_io_unit_info_parse(data, &info);
	assert_int_equal(info.slots[0], DM_SLOT_EMPTY);
	assert_int_equal(info.slots[1], DM_SLOT_PRESENT); /* where it is for everyone */
	assert_int_equal(get(DM_IOC_PROFILE, 1), DM_STATUS_NO_IOC);
	assert_int_equal(get(DM_SERVICE_ENTRIES, 1u << 16), DM_STATUS_NO_IOC);
	assert_int_equal(get(DM_IOC_PROFILE, 2), 0);

	asker.pkey = 1;
	assert_int_equal(get(DM_IOC_PROFILE, 1), 0);
	dm_ioc_profile_parse(data, &p);
	assert_int_equal(p.n_services, 3);
	assert_int_equal(get(DM_SERVICE_ENTRIES, 1u << 16 | 2 << 8), 0);
	dm_service_parse(data, 1, &s);
	assert_true(s.id == 0x103);
	assert_int_equal(get(DM_SERVICE_ENTRIES, 1u << 16 | 3 << 8), MAD_STATUS_BAD_FIELD);
}

static void test_other_attributes(void **state)
{
	for (uint32_t attr = 0; attr < 0x10000; attr++)
		if (attr != MAD_ATTR_CLASS_PORT_INFO &&
		    (attr < DM_IO_UNIT_INFO || attr > DM_SERVICE_ENTRIES))
			assert_int_equal(get((uint16_t)attr, 0), MAD_STATUS_BAD_ATTRIBUTE);
}

static void test_methods(void **state)
{
	for (uint8_t method = 0; method < 0x80; method++) {
		uint16_t want = method == MAD_GET   ? MAD_STATUS_OK
				: method == MAD_SET ? MAD_STATUS_BAD_ATTRIBUTE
						    : MAD_STATUS_BAD_METHOD;

		assert_int_equal(ask(method, DM_IO_UNIT_INFO, 0), want);
		if (want)
			data_is_zero();
	}
}

static void test_versions(void **state)
{
	uint8_t mad[MAD_LEN];

	for (unsigned int at = 0; at <= 2; at += 2) {
		dm_request_build(mad, 1, MAD_GET, DM_IO_UNIT_INFO, 0);
		mad[at] = 2;
		assert_true(dm_agent_answer(&table, &asker, mad, MAD_LEN, answer));
		assert_int_equal(be16_get(answer + 4), MAD_STATUS_BAD_VERSION);
		assert_int_equal(answer[at], 1);
		data_is_zero();
	}
}

static void test_silence(void **state)
{
	uint8_t mad[MAD_LEN];

	dm_request_build(mad, 1, MAD_GET, DM_IO_UNIT_INFO, 0);
	for (size_t len = 0; len < MAD_LEN; len++)
		assert_false(dm_agent_answer(&table, &asker, mad, len, answer));
	mad[3] = 0x81;
	assert_false(dm_agent_answer(&table, &asker, mad, MAD_LEN, answer));
	mad[3] = MAD_GET, mad[1] = MAD_CLASS_CM;
	assert_false(dm_agent_answer(&table, &asker, mad, MAD_LEN, answer));
}

static void test_no_controllers(void **state)
{
	const struct dm_table empty = { .change_id = 9 };
	struct dm_io_unit_info info;
	uint8_t mad[MAD_LEN];

	dm_request_build(mad, 1, MAD_GET, DM_IO_UNIT_INFO, 0);
	assert_true(dm_agent_answer(&empty, &asker, mad, MAD_LEN, answer));
	dm_io_unit_info_parse(data, &info);
	assert_int_equal(info.change_id, 9);
	assert_int_equal(info.max_controllers, 16);
	assert_int_equal(info.slots[0], DM_SLOT_EMPTY);
}

static void test_many_controllers(void **state)
{
	static struct dm_ioc many[DM_MAX_SLOTS];
	const struct dm_table t = { 1, many, DM_MAX_SLOTS, NULL };
	struct dm_io_unit_info info;
	uint8_t mad[MAD_LEN];

	for (size_t i = 0; i < DM_MAX_SLOTS; i++)
		many[i] = (struct dm_ioc){ .offers = second, .n_offers = 1 };
	dm_request_build(mad, 1, MAD_GET, DM_IO_UNIT_INFO, 0);
	assert_true(dm_agent_answer(&t, &asker, mad, MAD_LEN, answer));
	dm_io_unit_info_parse(data, &info);
	assert_int_equal(info.max_controllers, 255);
	assert_int_equal(info.slots[254], DM_SLOT_PRESENT);
	assert_int_equal(info.slots[255], DM_SLOT_NONE);
	dm_request_build(mad, 1, MAD_GET, DM_IOC_PROFILE, 255);
	assert_true(dm_agent_answer(&t, &asker, mad, MAD_LEN, answer));
	assert_int_equal(be16_get(answer + 4), 0);
}

#define T(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_class_port_info),  T(test_io_unit_info),
		T(test_profile),	  T(test_slots),
		T(test_ranges),		  T(test_entry_bytes),
		T(test_hidden),		  T(test_other_attributes),
		T(test_methods),	  T(test_versions),
		T(test_silence),	  T(test_no_controllers),
		T(test_many_controllers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
