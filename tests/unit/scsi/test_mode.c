/* SPDX-License-Identifier: BSD-2-Clause */
/* MODE SENSE(6) and (10); what MODE SELECT does is in test_mode_select.c. */
#include <string.h>

#include "rig.h"

enum { DBD = 0x08, LLBAA = 0x10 };

static void sense6(struct rig *rig, uint8_t flags, uint8_t page, uint8_t subpage)
{
	rig_cdb(rig, 0x1a, flags, page, subpage, 255, 0);
	rig_run_in(rig, 255);
}

static void sense10(struct rig *rig, uint8_t flags, uint8_t page, uint8_t subpage)
{
	rig_cdb(rig, 0x5a, flags, page, subpage, 0, 0, 0, 0x01, 0x00, 0);
	rig_run_in(rig, 256);
}

static void header6(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	sense6(&rig, 0, 0x08, 0);
	assert_good(&rig);
	assert_int_equal(rig.cmd.data_len, 4 + 8 + 20);
	assert_memory_equal(rig.in, "\x1f\x00\x10\x08", 4);
	assert_memory_equal(rig.in + 4, "\x00\x00\x04\x00\x00\x00\x02\x00", 8);
	assert_memory_equal(rig.in + 12, "\x08\x12", 2);
	sense6(&rig, DBD, 0x08, 0);
	assert_int_equal(rig.cmd.data_len, 4 + 20);
	assert_memory_equal(rig.in, "\x17\x00\x10\x00\x08\x12", 6);
	rig_fini(&rig);
}

static void header10(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	sense10(&rig, 0, 0x08, 0);
	assert_int_equal(rig.cmd.data_len, 8 + 8 + 20);
	assert_memory_equal(rig.in, "\x00\x22\x00\x10\x00\x00\x00\x08", 8);
	sense10(&rig, LLBAA, 0x08, 0);
	assert_int_equal(rig.cmd.data_len, 8 + 16 + 20);
	assert_memory_equal(rig.in, "\x00\x2a\x00\x10\x01\x00\x00\x10", 8);
	assert_memory_equal(rig.in + 8, "\0\0\0\0\0\0\x04\0\0\0\0\0\0\0\x02\0", 16);
	sense10(&rig, LLBAA | DBD, 0x08, 0);
	assert_memory_equal(rig.in, "\x00\x1a\x00\x10\x00\x00\x00\x00\x08", 9);
	rig_fini(&rig);
}

static void large_disk_saturates(void **state)
{
	struct rig rig;

	rig_init(&rig, &(struct rig_conf){ .n_blocks = UINT64_C(1) << 33 });
	sense6(&rig, 0, 0x08, 0);
	assert_memory_equal(rig.in + 4, "\xff\xff\xff\xff\x00\x00\x02\x00", 8);
	sense10(&rig, LLBAA, 0x08, 0);
	assert_int_equal(be64_get(rig.in + 8), UINT64_C(1) << 33);
	rig_fini(&rig);
}

static void write_protect_bit(void **state)
{
	struct rig rig;

	rig_init(&rig, &(struct rig_conf){ .read_only = true });
	sense6(&rig, DBD, 0x08, 0);
	assert_int_equal(rig.in[2], 0x90);
	sense10(&rig, DBD, 0x08, 0);
	assert_int_equal(rig.in[3], 0x90);
	rig_fini(&rig);
}

/* WCE tells the truth about the store. */
static void write_cache_enable(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	sense6(&rig, DBD, 0x08, 0);
	assert_int_equal(rig.in[4 + 2], 0);
	rig_fini(&rig);
	rig_init(&rig, &(struct rig_conf){ .features = STORE_F_WRITE_CACHE });
	sense6(&rig, DBD, 0x08, 0); /* current */
	assert_int_equal(rig.in[4 + 2], 0x04);
	sense6(&rig, DBD, 0x88, 0); /* default */
	assert_int_equal(rig.in[4 + 2], 0x04);
	sense6(&rig, DBD, 0x48, 0); /* changeable */
	assert_int_equal(rig.in[4 + 2], 0x04);
	rig_fini(&rig);
}

struct page {
	uint8_t code, subpage;
	size_t len;
};

static const struct page all[] = {
	{ 0x01, 0, 12 }, { 0x02, 0, 16 }, { 0x03, 0, 24 }, { 0x04, 0, 24 },
	{ 0x08, 0, 20 }, { 0x0a, 0, 12 }, { 0x0a, 1, 32 }, { 0x1c, 0, 12 },
};

static void each_page_alone(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		sense10(&rig, DBD, all[i].code, all[i].subpage);
		assert_good(&rig);
		assert_int_equal(rig.cmd.data_len, 8 + all[i].len);
		assert_int_equal(rig.in[8], all[i].code | (all[i].subpage ? 0x40 : 0));
		if (all[i].subpage)
			assert_int_equal(be16_get(rig.in + 10), all[i].len - 4);
		else
			assert_int_equal(rig.in[9], all[i].len - 2);
	}
	rig_fini(&rig);
}

/* The pages of an answer, in order; subpages only if asked for. */
static void expect_pages(const struct rig *rig, bool subpages)
{
	size_t at = 8;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (all[i].subpage && !subpages)
			continue;
		assert_int_equal(rig->in[at] & 0x3f, all[i].code);
		at += all[i].len;
	}
	assert_int_equal(rig->cmd.data_len, at);
	assert_int_equal(be16_get(rig->in) + 2, at);
}

static void all_pages(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	sense10(&rig, DBD, 0x3f, 0x00);
	expect_pages(&rig, false);
	sense10(&rig, DBD, 0x3f, 0xff);
	expect_pages(&rig, true);
	sense10(&rig, DBD, 0x0a, 0xff);
	assert_int_equal(rig.cmd.data_len, 8 + 12 + 32);
	sense10(&rig, DBD, 0x08, 0xff);
	assert_int_equal(rig.cmd.data_len, 8 + 20);
	rig_fini(&rig);
}

/* Body bytes that can be changed, page by page. */
static void changeable_values(void **state)
{
	static const uint8_t control[10] = { 0x04, 0, 0x08 };
	static const uint8_t none[28];
	struct rig rig;

	rig_init(&rig, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		size_t head = all[i].subpage ? 4 : 2;
		bool is_control = all[i].code == 0x0a && !all[i].subpage;

		sense10(&rig, DBD, 0x40 | all[i].code, all[i].subpage);
		assert_good(&rig);
		assert_memory_equal(rig.in + 8 + head, is_control ? control : none,
				    all[i].len - head);
	}
	rig_fini(&rig);
}

/* Pages 03h and 04h tell the block length, and no more blocks than there are. */
static void geometry(void **state)
{
	struct rig rig;

	rig_init(&rig, &(struct rig_conf){ .block_size = 4096, .removable = true });
	sense10(&rig, DBD, 0x03, 0);
	assert_int_equal(be16_get(rig.in + 8 + 12), 4096);
	assert_int_equal(rig.in[8 + 20], 0x60);
	rig_fini(&rig);
	rig_init(&rig, &(struct rig_conf){ .n_blocks = 63 * 255 * 100 + 1 });
	sense10(&rig, DBD, 0x04, 0);
	assert_int_equal(be24_get(rig.in + 8 + 2), 100);
	assert_int_equal(rig.in[8 + 5], 255);
	assert_int_equal(be16_get(rig.in + 8 + 20), 1);
	rig_fini(&rig);
}

static void saved_values(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	sense6(&rig, 0, 0xc8, 0);
	assert_sense(&rig, SENSE_SAVING_NOT_SUPPORTED);
	sense10(&rig, 0, 0xff, 0);
	assert_sense(&rig, SENSE_SAVING_NOT_SUPPORTED);
	rig_fini(&rig);
}

static bool is_listed(unsigned int code, unsigned int subpage)
{
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i].code == code && (all[i].subpage == subpage || subpage == 0xff))
			return true;
	return code == 0x3f && (subpage == 0 || subpage == 0xff);
}

static void unknown_pages(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	for (unsigned int code = 0; code < 0x40; code++) {
		for (unsigned int subpage = 0; subpage < 256; subpage++) {
			bool has_code = is_listed(code, 0xff);

			sense6(&rig, 0, (uint8_t)code, (uint8_t)subpage);
			if (is_listed(code, subpage))
				assert_good(&rig);
			else
				assert_bad_cdb(&rig, has_code ? 3 : 2, has_code ? -1 : 5);
			sense10(&rig, 0, (uint8_t)code, (uint8_t)subpage);
			assert_int_equal(rig.cmd.status, is_listed(code, subpage) ?
								 SCSI_GOOD :
								 SCSI_CHECK_CONDITION);
		}
	}
	rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header6),
		cmocka_unit_test(header10),
		cmocka_unit_test(large_disk_saturates),
		cmocka_unit_test(write_protect_bit),
		cmocka_unit_test(write_cache_enable),
		cmocka_unit_test(each_page_alone),
		cmocka_unit_test(all_pages),
		cmocka_unit_test(changeable_values),
		cmocka_unit_test(geometry),
		cmocka_unit_test(saved_values),
		cmocka_unit_test(unknown_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
