/* SPDX-License-Identifier: BSD-2-Clause */
/* MODE SELECT(6) and (10): checks of the parameter list, what the values do, what is saved. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "pr_lab.h"

enum { PF = 0x10, SP = 0x01 };

static const uint8_t caching_on[24] = { [4] = 0x08, 0x12, 0x04 };
static const uint8_t caching_off[24] = { [4] = 0x08, 0x12, 0x00 };

static uint8_t select6(struct rig *rig, uint8_t flags, const void *list, uint8_t len)
{
	rig_cdb(rig, 0x15, flags, 0, 0, len, 0);
	return rig_run_out(rig, list, len);
}

static uint8_t select10(struct rig *rig, uint8_t flags, const void *list, uint8_t len)
{
	rig_cdb(rig, 0x55, flags, 0, 0, 0, 0, 0, 0, len, 0);
	return rig_run_out(rig, list, len);
}

/* The Control page with these first three body bytes. */
static uint8_t select_control(struct rig *rig, uint8_t flags, uint8_t b0, uint8_t b1, uint8_t b2)
{
	const uint8_t list[16] = { [4] = 0x0a, 0x0a, b0, b1, b2 };

	return select6(rig, flags, list, sizeof(list));
}

static uint8_t body_byte(struct rig *rig, uint8_t page, unsigned int i)
{
	rig_cdb(rig, 0x1a, 0x08, page, 0, 255, 0);
	rig_run_in(rig, 255);
	assert_good(rig);
	return rig->in[4 + 2 + i];
}

static const struct rig_conf cached = { .features = STORE_F_WRITE_CACHE | STORE_F_UNMAP |
						   STORE_F_UNMAP_ZEROES,
					.thin = true };

/* Switched off, what is cached goes to the medium, and every write from then on goes there. */
static void write_cache_off_means_through(void **state)
{
	uint8_t block[512] = { 1 };
	uint8_t unmap[24] = { 0, 22, 0, 16, [19] = 8 };
	struct rig rig;

	rig_init(&rig, &cached);
	assert_int_equal(select6(&rig, PF, caching_off, 24), SCSI_GOOD);
	assert_trace(&rig, "DF");
	assert_int_equal(body_byte(&rig, 0x08, 0), 0);
	assert_int_equal(body_byte(&rig, 0x88, 0), 0x04);
	rig_cdb(&rig, 0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0);
	rig_run_out(&rig, block, 512);
	assert_trace(&rig, "w!");
	rig_cdb(&rig, 0x41, 0, 0, 0, 0, 0, 0, 0, 1, 0);
	rig_run_out(&rig, block, 512);
	assert_trace(&rig, "BDW!");
	memset(block, 0, sizeof(block));
	rig_run_out(&rig, block, 512);
	assert_trace(&rig, "BDZ!");
	rig_cdb(&rig, 0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0);
	rig_run_out(&rig, unmap, 24);
	assert_trace(&rig, "DU!");
	assert_int_equal(select6(&rig, PF, caching_on, 24), SCSI_GOOD);
	assert_trace(&rig, "D");
	rig_cdb(&rig, 0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0);
	rig_run_out(&rig, block, 512);
	assert_trace(&rig, "w");
	rig_fini(&rig);
}

/* A store without a cache has none to switch on. */
static void no_cache_to_enable(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	assert_int_equal(select6(&rig, PF, caching_off, 24), SCSI_GOOD);
	select6(&rig, PF, caching_on, 24);
	assert_field(&rig, SENSE_INVALID_FIELD_IN_PARAMETERS, 6, 2);
	rig_fini(&rig);
}

static void software_write_protect(void **state)
{
	uint8_t block[512] = { 1 };
	struct rig rig;

	rig_init(&rig, &cached);
	assert_int_equal(select_control(&rig, PF, 0, 0x10, 0x08), SCSI_GOOD);
	assert_trace(&rig, "DF");
	rig_cdb(&rig, 0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0);
	rig_run_out(&rig, block, 512);
	assert_sense(&rig, SENSE_SOFTWARE_WRITE_PROTECTED);
	assert_trace(&rig, "");
	rig_cdb(&rig, 0x1a, 0x08, 0x0a, 0, 255, 0);
	rig_run_in(&rig, 255);
	assert_int_equal(rig.in[2] & 0x80, 0x80);
	assert_int_equal(select_control(&rig, PF, 0, 0x10, 0), SCSI_GOOD);
	rig_cdb(&rig, 0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0);
	assert_int_equal(rig_run_out(&rig, block, 512), SCSI_GOOD);
	rig_fini(&rig);
}

static void descriptor_sense(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	assert_int_equal(select_control(&rig, PF, 0x04, 0x10, 0), SCSI_GOOD);
	rig_cdb(&rig, 0xff);
	rig_run_none(&rig);
	assert_memory_equal(rig.cmd.sense, "\x72\x05\x20\x00", 4);
	rig_cdb(&rig, 0x28, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 1, 0);
	rig_run_in(&rig, 512);
	assert_memory_equal(rig.cmd.sense, "\x72\x05\x21\x00", 4);
	assert_int_equal(select_control(&rig, PF, 0, 0x10, 0), SCSI_GOOD);
	rig_cdb(&rig, 0xff);
	rig_run_none(&rig);
	assert_int_equal(rig.cmd.sense[0], 0x70);
	rig_fini(&rig);
}

/* Other nexuses are told of a change, of nothing else; the one that made it is not. */
static void others_are_told(void **state)
{
	struct lab lab;

	setup(&lab);
	assert_int_equal(select_control(&lab.rig, PF, 0, 0x10, 0), SCSI_GOOD);
	for (unsigned int i = 0; i < N; i++)
		expect_ua(&lab, i, SCSI_UA_COUNT);
	assert_int_equal(select_control(&lab.rig, PF, 0x04, 0x10, 0), SCSI_GOOD);
	for (unsigned int i = 0; i < N; i++)
		expect_ua(&lab, i, SCSI_UA_MODE_CHANGED);
	assert_int_equal(atomic_load(&lab.rig.itl->ua), 0);
	teardown(&lab);
}

/* Every length: whole lists are taken, cut ones refused, and those change nothing. */
static void truncated_lists(void **state)
{
	uint8_t list6[4 + 8 + 20 + 12] = { [3] = 8, [10] = 2, [12] = 0x08, 0x12, [32] = 0x0a, 0x0a,
					   0x04, 0x10 };
	uint8_t list10[8 + 16 + 20 + 12] = { [4] = 1, [7] = 16, [22] = 2, [24] = 0x08, 0x12,
					     [44] = 0x0a, 0x0a, 0x04, 0x10 };
	struct rig rig;

	rig_init(&rig, &cached);
	for (uint8_t len = 0; len <= sizeof(list6); len++) {
		bool whole = !len || len == 4 + 8 || len == 4 + 8 + 20 || len == sizeof(list6);

		select6(&rig, PF, list6, len);
		if (whole)
			assert_good(&rig);
		else
			assert_sense(&rig, SENSE_PARAMETER_LIST_LENGTH);
		if (len < sizeof(list6))
			assert_int_equal(body_byte(&rig, 0x0a, 0), 0);
	}
	assert_int_equal(body_byte(&rig, 0x0a, 0), 0x04);
	rig_cdb(&rig, 0x55, PF, 0, 0, 0, 0, 0, 0, 4, 0);
	rig_run_out(&rig, list10, 2); /* less data than the CDB says */
	assert_int_equal(rig.cmd.sense[1], 0x05);
	assert_int_equal(be16_get(rig.cmd.sense + 2), 0x1a00);
	rig_fini(&rig);
	rig_init(&rig, &cached);
	for (uint8_t len = 0; len <= sizeof(list10); len++) {
		bool whole = !len || len == 8 + 16 || len == 8 + 16 + 20 || len == sizeof(list10);

		select10(&rig, PF, list10, len);
		assert_int_equal(rig.cmd.status, whole ? SCSI_GOOD : SCSI_CHECK_CONDITION);
		if (!whole)
			assert_int_equal(rig_code(&rig), SENSE_PARAMETER_LIST_LENGTH);
	}
	rig_fini(&rig);
}

/* One wrong byte in a list that is right. */
static void wrong_fields(void **state)
{
	static const struct {
		unsigned int at;
		uint8_t value;
		unsigned int byte;
		int bit;
	} wrong[] = {
		{ 1, 0x01, 1, -1 },   /* medium type */
		{ 3, 4, 3, -1 },      /* block descriptor of no known length */
		{ 7, 1, 4, -1 },      /* another number of blocks */
		{ 10, 4, 9, -1 },     /* another block length */
		{ 12, 0x88, 12, 7 },  /* PS */
		{ 12, 0x09, 12, 5 },  /* no such page */
		{ 12, 0x3f, 12, 5 },
		{ 12, 0x48, 12, 5 },  /* no such subpage */
		{ 13, 0x11, 13, -1 }, /* page length */
		{ 14, 0x01, 14, 0 },  /* RCD cannot be changed */
		{ 31, 0x80, 31, 7 },
	};
	struct rig rig;

	rig_init(&rig, &cached);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		uint8_t list[4 + 8 + 20] = { [3] = 8, [10] = 2, [12] = 0x08, 0x12 };

		list[wrong[i].at] = wrong[i].value;
		select6(&rig, PF, list, sizeof(list));
		assert_field(&rig, SENSE_INVALID_FIELD_IN_PARAMETERS, wrong[i].byte, wrong[i].bit);
	}
	assert_int_equal(body_byte(&rig, 0x08, 0), 0x04);
	rig_fini(&rig);
}

static void flags_of_the_cdb(void **state)
{
	struct rig rig;

	rig_init(&rig, &cached);
	select6(&rig, 0, caching_off, 24);
	assert_bad_cdb(&rig, 1, 4);
	select6(&rig, PF | SP, caching_off, 24);
	assert_bad_cdb(&rig, 1, 0);
	assert_int_equal(body_byte(&rig, 0x08, 0), 0x04);
	rig_fini(&rig);
}

/* ---- saved values ---- */

struct home {
	char dir[64];
	char path[192];
	struct scsi_pr_keeper *keeper;
	char err[256];
};

static void home_make(struct home *home, struct rig *rig)
{
	strcpy(home->dir, "/tmp/test_mode_XXXXXX");
	assert_non_null(mkdtemp(home->dir));
	home->keeper = scsi_pr_files_new(home->dir);
	snprintf(home->path, sizeof(home->path), "%s/mode-%s", home->dir, rig->lu->name);
}

static void home_remove(struct home *home)
{
	unlink(home->path);
	assert_int_equal(rmdir(home->dir), 0);
	scsi_pr_files_free(home->keeper);
}

static void again(struct home *home, struct rig *rig, const struct rig_conf *conf)
{
	rig_fini(rig);
	rig_init(rig, conf);
	assert_int_equal(scsi_lu_keep(rig->lu, home->keeper, home->err, sizeof(home->err)), 0);
}

static void saved_values_come_back(void **state)
{
	struct home home;
	struct rig rig;

	rig_init(&rig, &cached);
	home_make(&home, &rig);
	again(&home, &rig, &cached);
	rig_cdb(&rig, 0x1a, 0x08, 0xc8, 0, 255, 0);
	rig_run_in(&rig, 255);
	assert_int_equal(rig.in[4], 0x88); /* PS */
	assert_int_equal(rig.in[6], 0x04);
	assert_int_equal(select6(&rig, PF | SP, caching_off, 24), SCSI_GOOD);
	assert_trace(&rig, "DCF");
	assert_int_equal(body_byte(&rig, 0xc8, 0), 0);
	assert_int_equal(select_control(&rig, PF, 0x04, 0x10, 0), SCSI_GOOD); /* not saved */
	assert_int_equal(body_byte(&rig, 0xca, 0), 0);

	again(&home, &rig, &cached);
	assert_int_equal(body_byte(&rig, 0x08, 0), 0);
	assert_int_equal(body_byte(&rig, 0x88, 0), 0x04);
	assert_int_equal(body_byte(&rig, 0x0a, 0), 0);
	assert_int_equal(atomic_load(&rig.lu->write_flags), STORE_IO_FUA);
	assert_int_equal(select6(&rig, PF, caching_on, 24), SCSI_GOOD);
	scsi_lu_reset(rig.lu); /* back to what is saved */
	scsi_ua_take(rig.itl);
	assert_int_equal(body_byte(&rig, 0x08, 0), 0);
	again(&home, &rig, NULL); /* a store without a cache */
	assert_int_equal(body_byte(&rig, 0x08, 0), 0);
	assert_int_equal(atomic_load(&rig.lu->write_flags), 0);
	rig_fini(&rig);
	home_remove(&home);
}

/* What cannot be saved is not changed either. */
static void saving_fails(void **state)
{
	struct home home;
	struct rig rig;

	rig_init(&rig, &cached);
	home_make(&home, &rig);
	again(&home, &rig, &cached);
	assert_int_equal(rmdir(home.dir), 0);
	select6(&rig, PF | SP, caching_off, 24);
	assert_sense(&rig, SENSE_INTERNAL_FAILURE);
	assert_int_equal(body_byte(&rig, 0x08, 0), 0x04);
	rig_fini(&rig);
	scsi_pr_files_free(home.keeper);
}

/* A file with any byte changed, of any other length, is named and not believed. */
static void damaged_file(void **state)
{
	uint8_t image[64];
	struct home home;
	struct rig rig;
	size_t len;
	FILE *f;

	rig_init(&rig, &cached);
	home_make(&home, &rig);
	again(&home, &rig, &cached);
	assert_int_equal(select6(&rig, PF | SP, caching_off, 24), SCSI_GOOD);
	f = fopen(home.path, "r");
	len = fread(image, 1, sizeof(image), f);
	fclose(f);
	for (size_t i = 0; i < 2 * len; i++) {
		f = fopen(home.path, "w");
		image[i % len] ^= i < len ? 0x10 : 0;
		fwrite(image, 1, i < len ? len : i - len, f);
		fclose(f);
		image[i % len] ^= i < len ? 0x10 : 0;
		assert_int_equal(scsi_lu_keep(rig.lu, home.keeper, home.err, sizeof(home.err)),
				 -EBADMSG);
		assert_non_null(strstr(home.err, home.path));
	}
	rig_fini(&rig);
	home_remove(&home);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(write_cache_off_means_through),
		cmocka_unit_test(no_cache_to_enable),
		cmocka_unit_test(software_write_protect),
		cmocka_unit_test(descriptor_sense),
		cmocka_unit_test(others_are_told),
		cmocka_unit_test(truncated_lists),
		cmocka_unit_test(wrong_fields),
		cmocka_unit_test(flags_of_the_cdb),
		cmocka_unit_test(saved_values_come_back),
		cmocka_unit_test(saving_fails),
		cmocka_unit_test(damaged_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
