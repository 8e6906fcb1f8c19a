/* SPDX-License-Identifier: BSD-2-Clause */
/* Standard INQUIRY data and vital product data pages, byte by byte. */
#include <string.h>

#include "rig.h"

static void inquire(struct rig *rig, bool evpd, uint8_t page)
{
	rig_cdb(rig, 0x12, evpd, page, 0x02, 0x00, 0);
	rig_run_in(rig, 512);
}

static void standard_data(void **state)
{
	static const uint16_t versions[] = { 0x00a0, 0x0080, 0x0940, 0x0460, 0x04c0, 0 };
	struct rig rig;

	rig_init(&rig, NULL);
	inquire(&rig, false, 0);
	assert_good(&rig);
	assert_trace(&rig, "B");
	assert_int_equal(rig.cmd.data_len, 96);
	assert_memory_equal(rig.in, "\x00\x00\x06\x02\x5b\x08\x10\x02", 8);
	assert_memory_equal(rig.in + 8, "SRPTD   disk            0001", 28);
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++)
		assert_int_equal(be16_get(rig.in + 58 + 2 * i), versions[i]);
	rig_fini(&rig);
}

static void removable_bit(void **state)
{
	struct rig rig;

	rig_init(&rig, &(struct rig_conf){ .removable = true });
	inquire(&rig, false, 0);
	assert_int_equal(rig.in[1], 0x80);
	rig_fini(&rig);
}

static void page_code_without_evpd(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	for (unsigned int page = 1; page < 256; page++) {
		inquire(&rig, false, (uint8_t)page);
		assert_bad_cdb(&rig, 2, -1);
	}
	rig_fini(&rig);
}

/* Page 00h lists exactly the pages that can be read, ascending, each with its own code. */
static void supported_pages(void **state)
{
	static const uint8_t expected[] = { 0x00, 0x80, 0x83, 0x86, 0x87, 0x88, 0x8f,
					    0xb0, 0xb1, 0xb2 };
	struct rig rig;

	rig_init(&rig, NULL);
	inquire(&rig, true, 0);
	assert_int_equal(be16_get(rig.in + 2), sizeof(expected));
	assert_memory_equal(rig.in + 4, expected, sizeof(expected));
	for (unsigned int page = 0; page < 256; page++) {
		inquire(&rig, true, (uint8_t)page);
		if (!memchr(expected, (int)page, sizeof(expected))) {
			assert_bad_cdb(&rig, 2, -1);
			continue;
		}
		assert_good(&rig);
		assert_int_equal(rig.in[0], 0);
		assert_int_equal(rig.in[1], page);
		assert_int_equal(rig.cmd.data_len, be16_get(rig.in + 2) + 4);
	}
	rig_fini(&rig);
}

static void mode_page_policy(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	inquire(&rig, true, 0x87);
	assert_int_equal(rig.cmd.data_len, 8);
	assert_memory_equal(rig.in, "\x00\x87\x00\x04\x3f\xff\x00\x00", 8);
	rig_fini(&rig);
}

/* In the order in which they came; no more than fit. */
static void scsi_ports(void **state)
{
	struct scsi_port port = { .group = 1 };
	struct rig rig;

	rig_init(&rig, NULL);
	inquire(&rig, true, 0x88);
	assert_int_equal(rig.cmd.data_len, 4);
	for (uint16_t i = 1; i <= 200; i++) {
		port.rel_target_port = i;
		memset(port.id, i, sizeof(port.id));
		assert_int_equal(scsi_lu_add_port(rig.lu, &port), 0);
		inquire(&rig, true, 0x88);
		assert_good(&rig);
		assert_int_equal(be16_get(rig.in + 2), 32 * MIN(i, 127));
		assert_memory_equal(rig.in + 4, "\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x14", 12);
		assert_memory_equal(rig.in + 16, "\x41\x92\x00\x10\x01\x01\x01\x01", 8);
		if (i > 1)
			assert_int_equal(be16_get(rig.in + 36 + 2), 2);
	}
	rig_fini(&rig);
}

static void unit_serial(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	inquire(&rig, true, 0x80);
	assert_int_equal(rig.cmd.data_len, 4 + 16);
	assert_memory_equal(rig.in + 4, rig.lu->serial, 16);
	rig_fini(&rig);
}

/* Walk the designators; returns the one of a type, or NULL. */
static const uint8_t *designator(const struct rig *rig, uint8_t type)
{
	const uint8_t *end = rig->in + rig->cmd.data_len;
	const uint8_t *found = NULL;
	const uint8_t *d = rig->in + 4;

	for (; d < end; d += 4 + d[3]) {
		assert_true(d + 4 <= end && d + 4 + d[3] <= end);
		if ((d[1] & 0x0f) == type)
			found = d;
	}
	assert_ptr_equal(d, end);
	return found;
}

static void device_identification(void **state)
{
	struct rig rig;
	const uint8_t *d;
	char text[64] = { 0 };

	rig_init(&rig, NULL);
	inquire(&rig, true, 0x83);
	d = designator(&rig, 1);
	assert_int_equal(d[0], 0x02);
	assert_int_equal(d[1], 0x01);
	memcpy(text, d + 4, d[3]);
	assert_memory_equal(text, "SRPTD   disk-", 13);
	assert_string_equal(text + 13, rig.lu->serial);
	d = designator(&rig, 3);
	assert_memory_equal(d, "\x01\x03\x00\x08", 4);
	assert_int_equal(be64_get(d + 4), rig.lu->naa);
	assert_int_equal(d[4] >> 4, 3);
	assert_null(designator(&rig, 2));
	d = designator(&rig, 4);
	assert_memory_equal(d, "\x41\x94\x00\x04\x00\x00\x01\x02", 8);
	d = designator(&rig, 5);
	assert_memory_equal(d, "\x41\x95\x00\x04\x00\x00\x03\x04", 8);
	d = designator(&rig, 8);
	assert_memory_equal(d, "\x03\x08\x00\x18", 4);
	assert_memory_equal(d + 4, "naa.3", 5);
	assert_int_equal(strlen((const char *)d + 4), 20);
	rig_fini(&rig);
}

/* NAA IEEE Registered Extended (SPC-4 7.8.6.6.5). */
static void naa_of_16_bytes(void **state)
{
	struct rig rig;
	const uint8_t *d;

	rig_init(&rig, NULL);
	rig.lu->naa = UINT64_C(0x6001405aabbccdde);
	rig.lu->naa_low = UINT64_C(0x0011223344556677);
	inquire(&rig, true, 0x83);
	d = designator(&rig, 3);
	assert_memory_equal(d, "\x01\x03\x00\x10", 4);
	assert_int_equal(be64_get(d + 4), rig.lu->naa);
	assert_int_equal(be64_get(d + 12), rig.lu->naa_low);
	d = designator(&rig, 8);
	assert_memory_equal(d, "\x03\x08\x00\x28", 4);
	assert_string_equal((const char *)d + 4, "naa.6001405AABBCCDDE0011223344556677");
	rig_fini(&rig);
}

static void eui64_designator(void **state)
{
	struct rig rig;
	const uint8_t *d;

	rig_init(&rig, &(struct rig_conf){ .eui64 = UINT64_C(0x0011223344556677) });
	inquire(&rig, true, 0x83);
	d = designator(&rig, 2);
	assert_memory_equal(d, "\x01\x02\x00\x08\x00\x11\x22\x33\x44\x55\x66\x77", 12);
	assert_string_equal((const char *)designator(&rig, 8) + 4, "eui.0011223344556677");
	rig_fini(&rig);
}

static void extended_inquiry(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	inquire(&rig, true, 0x86);
	assert_int_equal(rig.in[3], 0x3c);
	assert_memory_equal(rig.in + 4, "\x00\x07\x00\x01", 4);
	rig_fini(&rig);
	rig_init(&rig, &(struct rig_conf){ .features = STORE_F_WRITE_CACHE });
	inquire(&rig, true, 0x86);
	assert_int_equal(rig.in[6], 0x01);
	rig_fini(&rig);
}

static void block_limits(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	inquire(&rig, true, 0xb0);
	assert_int_equal(rig.cmd.data_len, 64);
	assert_int_equal(rig.in[4], 1);
	assert_int_equal(be16_get(rig.in + 6), 8);
	assert_int_equal(be32_get(rig.in + 8), (8 << 20) / 512);
	assert_int_equal(be32_get(rig.in + 12), (512 << 10) / 512);
	assert_int_equal(be32_get(rig.in + 20), 0);
	assert_int_equal(be32_get(rig.in + 24), 0);
	assert_int_equal(be32_get(rig.in + 32), 0);
	assert_int_equal(be64_get(rig.in + 36), (256 << 20) / 512);
	rig_fini(&rig);
}

static void block_limits_thin(void **state)
{
	struct rig rig;

	rig_init(&rig, &(struct rig_conf){ .thin = true,
					   .features = STORE_F_UNMAP,
					   .granularity = 4096,
					   .block_size = 1024 });
	inquire(&rig, true, 0xb0);
	assert_int_equal(be32_get(rig.in + 20), (256 << 20) / 1024);
	assert_int_equal(be32_get(rig.in + 24), 256);
	assert_int_equal(be32_get(rig.in + 28), 4);
	assert_int_equal(be32_get(rig.in + 32), 0x80000000);
	rig_fini(&rig);
}

static void characteristics(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	inquire(&rig, true, 0xb1);
	assert_int_equal(rig.cmd.data_len, 64);
	assert_int_equal(be16_get(rig.in + 4), 1);
	rig_fini(&rig);
	rig_init(&rig, &(struct rig_conf){ .rotational = true });
	inquire(&rig, true, 0xb1);
	assert_int_equal(be16_get(rig.in + 4), 0);
	rig_fini(&rig);
}

static void provisioning(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	inquire(&rig, true, 0xb2);
	assert_memory_equal(rig.in, "\x00\xb2\x00\x04\x00\x00\x00\x00", 8);
	rig_fini(&rig);
	rig_init(&rig, &(struct rig_conf){ .thin = true, .features = STORE_F_UNMAP });
	inquire(&rig, true, 0xb2);
	assert_memory_equal(rig.in + 4, "\x00\xe0\x02\x00", 4);
	rig_fini(&rig);
	rig_init(&rig, &(struct rig_conf){ .thin = true,
					   .features = STORE_F_UNMAP | STORE_F_UNMAP_ZEROES });
	inquire(&rig, true, 0xb2);
	assert_memory_equal(rig.in + 4, "\x00\xe4\x02\x00", 4);
	rig_fini(&rig);
}

/* thin was asked for, the store cannot: no promise is made. */
static void thin_needs_the_store(void **state)
{
	struct rig rig;

	rig_init(&rig, &(struct rig_conf){ .thin = true });
	inquire(&rig, true, 0xb2);
	assert_memory_equal(rig.in + 4, "\x00\x00\x00\x00", 4);
	rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(standard_data),
		cmocka_unit_test(removable_bit),
		cmocka_unit_test(page_code_without_evpd),
		cmocka_unit_test(supported_pages),
		cmocka_unit_test(mode_page_policy), cmocka_unit_test(scsi_ports),
		cmocka_unit_test(unit_serial),
		cmocka_unit_test(device_identification),
		cmocka_unit_test(naa_of_16_bytes),
		cmocka_unit_test(eui64_designator),
		cmocka_unit_test(extended_inquiry),
		cmocka_unit_test(block_limits),
		cmocka_unit_test(block_limits_thin),
		cmocka_unit_test(characteristics),
		cmocka_unit_test(provisioning),
		cmocka_unit_test(thin_needs_the_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
