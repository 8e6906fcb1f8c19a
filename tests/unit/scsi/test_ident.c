/* SPDX-License-Identifier: BSD-2-Clause */
/* Identifying information and its file; timestamps. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "pr_lab.h"

enum {
	BYTES = 0x00,
	TEXT = 0x02,
	TYPES = 0x7f
};

static void report(struct rig *rig, uint8_t type)
{
	rig_cdb(rig, 0xa3, 0x05, 0, 0, 0, 0, 0, 0, 2, 0, (uint8_t)(type << 1), 0);
	rig_run_in(rig, 512);
}

static void set(struct rig *rig, uint8_t type, const void *info, uint32_t len)
{
	rig_cdb(rig, 0xa4, 0x06, 0, 0, 0, 0, 0, 0, 0, 0, (uint8_t)(type << 1), 0);
	be32_put(rig->cdb + 6, len);
	rig_run_out(rig, info, len);
}

static void expect(struct rig *rig, uint8_t type, const void *info, uint16_t len)
{
	report(rig, type);
	assert_good(rig);
	assert_int_equal(rig->cmd.data_len, 4 + len);
	assert_int_equal(be32_get(rig->in), len);
	assert_memory_equal(rig->in + 4, info, len);
}

static const struct rig_conf keeping = { .keeps = true };

static void types(void **state)
{
	struct rig rig;

	rig_init(&rig, &keeping);
	expect(&rig, TYPES, "\x00\x00\x00\x40\x04\x00\x01\x00", 8);
	for (uint8_t type = 0; type < 0x7f; type++) {
		report(&rig, type);
		if (type == BYTES || type == TEXT)
			expect(&rig, type, "", 0);
		else
			assert_bad_cdb(&rig, 10, 7);
		set(&rig, type, NULL, 0);
		if (type == BYTES || type == TEXT)
			assert_good(&rig);
		else
			assert_bad_cdb(&rig, 10, 7);
	}
	set(&rig, TYPES, NULL, 0);
	assert_bad_cdb(&rig, 10, 7);
	rig_fini(&rig);
}

static void set_and_report(void **state)
{
	uint8_t info[257];
	struct rig rig;

	memset(info, 'x', sizeof(info));
	rig_init(&rig, &keeping);
	set(&rig, BYTES, info, SCSI_IDENT_MAX);
	assert_good(&rig);
	assert_trace(&rig, "DC");
	expect(&rig, BYTES, info, SCSI_IDENT_MAX);
	expect(&rig, TEXT, "", 0);
	set(&rig, BYTES, info, SCSI_IDENT_MAX + 1);
	assert_bad_cdb(&rig, 6, -1);
	set(&rig, TEXT, "rack 7", 7);
	assert_good(&rig);
	expect(&rig, TEXT, "rack 7", 7);
	set(&rig, TEXT, "rack 7", 6); /* no end */
	assert_field(&rig, SENSE_INVALID_FIELD_IN_PARAMETERS, 0, -1);
	set(&rig, TEXT, "rack\0 7", 8); /* an end too many */
	assert_field(&rig, SENSE_INVALID_FIELD_IN_PARAMETERS, 0, -1);
	set(&rig, TEXT, info, sizeof(info));
	assert_bad_cdb(&rig, 6, -1);
	expect(&rig, BYTES, info, SCSI_IDENT_MAX);
	set(&rig, BYTES, NULL, 0);
	assert_good(&rig);
	expect(&rig, BYTES, "", 0);
	rig.save_res = -EIO; /* what cannot be kept does not count */
	set(&rig, TEXT, "rack 8", 7);
	assert_sense(&rig, SENSE_INTERNAL_FAILURE);
	expect(&rig, TEXT, "rack 7", 7);
	rig_fini(&rig);
}

/* Without a place to keep it, it can be asked for, not set. */
static void nothing_keeps(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	expect(&rig, BYTES, "", 0);
	set(&rig, BYTES, "1", 1);
	assert_bad_cdb(&rig, 1, 4);
	rig_fini(&rig);
}

/* ---- the file ---- */

struct home {
	char dir[64], path[192], err[256];
	struct scsi_pr_keeper *keeper;
};

static void restart(struct home *home, struct rig *rig)
{
	rig_fini(rig);
	rig_init(rig, NULL);
	assert_int_equal(scsi_lu_keep(rig->lu, home->keeper, home->err, sizeof(home->err)), 0);
}

static void outlives_a_restart(void **state)
{
	struct home home = { .dir = "/tmp/test_ident_XXXXXX" };
	uint8_t image[64];
	struct rig rig;
	size_t len;
	FILE *f;

	assert_non_null(mkdtemp(home.dir));
	home.keeper = scsi_pr_files_new(home.dir);
	rig_init(&rig, NULL);
	snprintf(home.path, sizeof(home.path), "%s/id-%s", home.dir, rig.lu->name);
	restart(&home, &rig);
	set(&rig, BYTES, "\0\1\2", 3);
	assert_good(&rig);
	set(&rig, TEXT, "here", 5);
	assert_good(&rig);
	restart(&home, &rig);
	expect(&rig, BYTES, "\0\1\2", 3);
	expect(&rig, TEXT, "here", 5);

	/* any byte changed, any other length: named, and not believed */
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
	set(&rig, BYTES, NULL, 0);
	set(&rig, TEXT, NULL, 0);
	assert_good(&rig);
	restart(&home, &rig);
	expect(&rig, TEXT, "", 0);
	rig_fini(&rig);
	assert_int_equal(rmdir(home.dir), 0);
	scsi_pr_files_free(home.keeper);
}

static void others_are_told(void **state)
{
	struct lab lab;

	setup(&lab);
	rig_cdb(&lab.rig, 0xa4, 0x0f, 0, 0, 0, 0, 0, 0, 0, 12, 0, 0);
	rig_run_out(&lab.rig, "\0\0\0\0\0\0\0\0\0\0\0\0", 12);
	assert_good(&lab.rig);
	for (unsigned int i = 0; i < N; i++)
		expect_ua(&lab, i, SCSI_UA_TIMESTAMP_CHANGED);
	assert_int_equal(atomic_load(&lab.rig.itl->ua), 0);
	teardown(&lab);
}

/* ---- time ---- */

static uint64_t wall;

static uint64_t fake_wall(void)
{
	return wall;
}

static uint64_t reported_time(struct rig *rig, uint8_t origin)
{
	rig_cdb(rig, 0xa3, 0x0f, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0);
	rig_run_in(rig, 256);
	assert_good(rig);
	assert_int_equal(rig->cmd.data_len, 12);
	assert_int_equal(be16_get(rig->in), 10);
	assert_int_equal(rig->in[2], origin);
	assert_int_equal(be16_get(rig->in + 10), 0);
	return (uint64_t)be16_get(rig->in + 4) << 32 | be32_get(rig->in + 6);
}

static void set_time(struct rig *rig, uint64_t ms, uint8_t len)
{
	uint8_t list[12] = { 0 };

	be16_put(list + 4, (uint16_t)(ms >> 32));
	be32_put(list + 6, (uint32_t)ms);
	rig_cdb(rig, 0xa4, 0x0f, 0, 0, 0, 0, 0, 0, 0, len, 0, 0);
	rig_run_out(rig, list, len);
}

static void timestamps(void **state)
{
	const struct clock_source *saved = clock_source;
	struct clock_source fake = *clock_source;
	struct rig rig;

	fake.wall_ms = fake_wall;
	clock_source = &fake;
	wall = 0x123456789abc;
	rig_init(&rig, NULL);
	assert_int_equal(reported_time(&rig, 3), wall);
	set_time(&rig, 0, 0); /* sets nothing */
	assert_good(&rig);
	assert_int_equal(reported_time(&rig, 3), wall);
	for (uint8_t len = 1; len < 12; len++) {
		set_time(&rig, 5, len);
		assert_sense(&rig, SENSE_PARAMETER_LIST_LENGTH);
	}
	set_time(&rig, 5000, 12);
	assert_good(&rig);
	wall += 7;
	assert_int_equal(reported_time(&rig, 2), 5007);
	set_time(&rig, 0xfffffffffffe, 12);
	wall += 3; /* wraps at 48 bits */
	assert_int_equal(reported_time(&rig, 2), 1);
	rig_fini(&rig);
	clock_source = saved;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types),	   cmocka_unit_test(set_and_report),
		cmocka_unit_test(nothing_keeps),   cmocka_unit_test(outlives_a_restart),
		cmocka_unit_test(others_are_told), cmocka_unit_test(timestamps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
