/* SPDX-License-Identifier: BSD-2-Clause */
/* Persistent reservations with APTPL: what outlives a restart, faults, damaged files, names. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pr_lab.h"

struct home {
	char dir[64];
	struct scsi_pr_keeper *keeper;
	char err[256];
};

static void home_make(struct home *home)
{
	strcpy(home->dir, "/tmp/test_pr_XXXXXX");
	assert_non_null(mkdtemp(home->dir));
	home->keeper = scsi_pr_files_new(home->dir);
}

static void home_path(const struct home *home, char *path, size_t len)
{
	snprintf(path, len, "%s/pr-disk", home->dir);
}

static void home_remove(struct home *home)
{
	char path[128];

	home_path(home, path, sizeof(path));
	unlink(path);
	strcat(path, ".new");
	unlink(path);
	assert_int_equal(rmdir(home->dir), 0);
	scsi_pr_files_free(home->keeper);
}

static int keep(struct lab *lab, struct home *home)
{
	return scsi_lu_keep(lab->rig.lu, home->keeper, home->err, sizeof(home->err));
}

static void state_outlives_a_restart(void **state)
{
	struct home home;
	struct lab lab;

	home_make(&home);
	setup(&lab);
	assert_int_equal(keep(&lab, &home), 0);
	pr_in(&lab, 2);
	assert_int_equal(lab.rig.in[2], 0x1d);
	assert_int_equal(pr_out_flags(&lab, A, REGISTER, 0, 0, KEY_A, 0x01), SCSI_GOOD);
	assert_int_equal(pr_out_flags(&lab, B, REGISTER, 0, 0, KEY_B, 0x05), SCSI_GOOD);
	assert_int_equal(pr_out(&lab, A, RESERVE, EA_RO, KEY_A, 0), SCSI_GOOD);
	pr_in(&lab, 2);
	assert_int_equal(lab.rig.in[3], 0x81);
	teardown(&lab);

	setup(&lab);
	assert_int_equal(keep(&lab, &home), 0);
	expect_keys(&lab, 0, (const uint64_t[]){ KEY_A, KEY_B, KEY_B, KEY_B }, 4);
	expect_reservation(&lab, EA_RO, KEY_A);
	assert_int_equal(try_command(&lab, C, rig_op(0x2a)), SCSI_RESERVATION_CONFLICT);
	assert_int_equal(try_command(&lab, A, rig_op(0x2a)), SCSI_GOOD);
	/* APTPL 0: no more */
	assert_int_equal(pr_out(&lab, A, REGISTER, 0, KEY_A, KEY_A), SCSI_GOOD);
	teardown(&lab);

	setup(&lab);
	assert_int_equal(keep(&lab, &home), 0);
	expect_keys(&lab, 0, NULL, 0);
	teardown(&lab);
	home_remove(&home);
}

/* A state that cannot be kept is not taken. */
static void what_cannot_be_kept_is_refused(void **state)
{
	struct home home;
	struct lab lab;
	char path[128];

	home_make(&home);
	setup(&lab);
	assert_int_equal(keep(&lab, &home), 0);
	snprintf(path, sizeof(path), "%s/pr-disk.new", home.dir);
	assert_int_equal(mkdir(path, 0700), 0);
	pr_out_flags(&lab, A, REGISTER, 0, 0, KEY_A, 0x01);
	assert_sense(&lab.rig, SENSE_INTERNAL_FAILURE);
	expect_keys(&lab, 0, NULL, 0);
	rmdir(path);
	assert_int_equal(pr_out_flags(&lab, A, REGISTER, 0, 0, KEY_A, 0x01), SCSI_GOOD);
	teardown(&lab);
	home_remove(&home);
}

static size_t read_whole(const char *path, uint8_t *data, size_t max)
{
	FILE *f = fopen(path, "r");
	size_t n;

	assert_non_null(f);
	n = fread(data, 1, max, f);
	fclose(f);
	return n;
}

static void write_whole(const char *path, const uint8_t *data, size_t len)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	fclose(f);
}

/* Every byte changed, every length cut: named, refused. A half-written new file is passed over. */
static void damaged_files_are_refused(void **state)
{
	uint8_t image[512];
	struct home home;
	struct lab lab;
	char path[128], half[140];
	size_t len;

	home_make(&home);
	home_path(&home, path, sizeof(path));
	setup(&lab);
	assert_int_equal(keep(&lab, &home), 0);
	assert_int_equal(pr_out_flags(&lab, A, REGISTER, 0, 0, KEY_A, 0x01), SCSI_GOOD);
	assert_int_equal(pr_out(&lab, A, RESERVE, WE, KEY_A, 0), SCSI_GOOD);
	len = read_whole(path, image, sizeof(image));
	for (size_t i = 0; i < len; i++) {
		image[i] ^= 0x10;
		write_whole(path, image, len);
		image[i] ^= 0x10;
		assert_int_equal(keep(&lab, &home), -EBADMSG);
		assert_non_null(strstr(home.err, path));
		write_whole(path, image, i);
		assert_int_equal(keep(&lab, &home), -EBADMSG);
	}
	write_whole(path, image, len);
	snprintf(half, sizeof(half), "%s.new", path);
	write_whole(half, image, len / 2);
	assert_int_equal(keep(&lab, &home), 0);
	expect_reservation(&lab, WE, KEY_A);
	teardown(&lab);
	home_remove(&home);
}

/* Not only names that a person would choose. */
static void file_names_do_not_collide(void **state)
{
	static const char *const names[] = { "a", "A", "a.new", "a%2Enew", "a/b", "a:b", "..", "." };
	struct home home;
	char path[160];
	char name[80];

	home_make(&home);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct scsi_lu lu = { 0 };
		struct pr_state pr = { .aptpl = true, .n = 1, .reg = { { .key = i + 1 } } };

		strcpy(lu.name, names[i]);
		assert_int_equal(home.keeper->save(home.keeper, &lu, &pr), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct scsi_lu lu = { 0 };
		struct pr_state pr = { 0 };
		char *p = name + sprintf(name, "pr-");

		strcpy(lu.name, names[i]);
		assert_int_equal(home.keeper->load(home.keeper, &lu, &pr, home.err,
						   sizeof(home.err)), 0);
		assert_int_equal(pr.reg[0].key, i + 1);
		for (const char *c = names[i]; *c; c++)
			p += sprintf(p, strchr("./:%", *c) ? "%%%02X" : "%c", *c);
		snprintf(path, sizeof(path), "%s/%s", home.dir, name);
		assert_int_equal(unlink(path), 0);
	}
	home_remove(&home);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(state_outlives_a_restart),
		cmocka_unit_test(what_cannot_be_kept_is_refused),
		cmocka_unit_test(damaged_files_are_refused),
		cmocka_unit_test(file_names_do_not_collide),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
