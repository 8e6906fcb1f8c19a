/* SPDX-License-Identifier: BSD-2-Clause */
/* FORMAT UNIT and SANITIZE: lists, what the medium holds then, what is served meanwhile, restarts.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rig.h"

enum {
	OVERWRITE = 0x01,
	BLOCK_ERASE = 0x02,
	EXIT = 0x1f,
	IMMED = 0x80,
	AUSE = 0x20
};
enum {
	FMTDATA = 0x10,
	LONGLIST = 0x20,
	FOV = 0x80,
	IP = 0x08,
	F_IMMED = 0x02
};

static const struct rig_conf erasing = { .erases = true, .keeps = true };

static void format(struct rig *rig, uint8_t flags, const void *list, uint32_t len)
{
	rig_cdb(rig, 0x04, flags);
	rig_run_out(rig, list, len);
}

static void sanitize(struct rig *rig, uint8_t how, const void *list, uint8_t len)
{
	rig_cdb(rig, 0x48, how, 0, 0, 0, 0, 0, 0, len, 0);
	rig_run_out(rig, list, len);
}

static uint32_t ready(struct rig *rig)
{
	rig_cdb(rig, 0x00);
	return rig_run_none(rig) == SCSI_GOOD ? SENSE_NONE : rig_code(rig);
}

/* Until what runs in the background is over. */
static uint32_t wait_over(struct rig *rig)
{
	uint32_t code;

	while ((code = ready(rig)) == SENSE_FORMATTING || code == SENSE_SANITIZING)
		usleep(1000);
	return code;
}

static void expect_medium(const struct rig *rig, const uint8_t *pattern, size_t len, uint8_t flip)
{
	for (size_t i = 0; i < RIG_BLOCKS * rig->bs; i++)
		assert_int_equal(rig->medium[i], pattern[i % rig->bs % len] ^ flip);
}

static void format_zeroes(void **state)
{
	struct rig rig;

	rig_init(&rig, &erasing);
	format(&rig, 0, NULL, 0);
	assert_good(&rig);
	assert_trace(&rig, "BCAC");
	assert_int_equal(rig.n_aborted,
			 1); /* the command itself is not one of them: the target knows */
	assert_int_equal(rig.kept_erase.kind, ERASE_NONE);
	expect_medium(&rig, (const uint8_t[]){ 0 }, 1, 0);
	assert_int_equal(ready(&rig), SENSE_NONE);
	memset(rig.medium, 1, RIG_BLOCKS * rig.bs);
	format(&rig, FMTDATA, "\0\0\0\0", 4);
	assert_good(&rig);
	assert_int_equal(rig.cmd.xfer_len, 4);
	expect_medium(&rig, (const uint8_t[]){ 0 }, 1, 0);
	format(&rig, FMTDATA | LONGLIST, "\0\0\0\0\0\0\0\0", 8);
	assert_good(&rig);
	rig_fini(&rig);
}

static void format_with_a_pattern(void **state)
{
	static const uint8_t list[] = { 0, FOV | IP, 0, 0, 0, 1, 0, 3, 'a', 'b', 'c', 0xff };
	uint8_t longer[16] = { 0, FOV | IP, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 'x' };
	struct rig rig;

	rig_init(&rig, &erasing);
	format(&rig, FMTDATA, list, sizeof(list));
	assert_good(&rig);
	assert_int_equal(rig.cmd.xfer_len, 11);
	expect_medium(&rig, list + 8, 3, 0);
	for (uint32_t len = 1; len < 11; len++) {
		format(&rig, FMTDATA, list, len);
		assert_sense(&rig, SENSE_PARAMETER_LIST_LENGTH);
	}
	format(&rig, FMTDATA | LONGLIST, longer, sizeof(longer));
	assert_good(&rig);
	expect_medium(&rig, (const uint8_t[]){ 'x' }, 1, 0);
	rig_fini(&rig);
}

static void wrong_format_lists(void **state)
{
	static const struct {
		uint8_t cdb;
		uint8_t list[12];
		unsigned int byte;
		int bit;
	} wrong[] = {
		{ FMTDATA, { 1 }, 0, 2 },	 /* protection information */
		{ FMTDATA, { 0, 0x40 }, 1, -1 }, /* DPRY without FOV */
		{ FMTDATA, { 0, IP }, 1, -1 },
		{ FMTDATA, { 0, FOV | 0x04 }, 1, -1 },
		{ FMTDATA, { 0, 0, 0, 8 }, 2, -1 }, /* a defect list */
		{ FMTDATA | LONGLIST, { 0, 0, 0, 0, 0, 0, 0, 8 }, 4, -1 },
		{ FMTDATA | LONGLIST, { 0, 0, 0, 1 }, 3, -1 },
		{ FMTDATA, { 0, FOV | IP, 0, 0, 0x40 }, 4, -1 },       /* IP MODIFIER */
		{ FMTDATA, { 0, FOV | IP, 0, 0, 0, 2 }, 5, -1 },       /* pattern type */
		{ FMTDATA, { 0, FOV | IP, 0, 0, 0, 1, 0, 0 }, 6, -1 }, /* no pattern */
		{ FMTDATA, { 0, FOV | IP, 0, 0, 0, 0, 0, 1 }, 6, -1 },
		{ FMTDATA, { 0, FOV | IP, 0, 0, 0, 1, 2, 1 }, 6, -1 }, /* longer than a block */
	};
	struct rig rig;

	rig_init(&rig, &erasing);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		format(&rig, wrong[i].cdb, wrong[i].list, 12);
		assert_field(&rig, SENSE_INVALID_FIELD_IN_PARAMETERS, wrong[i].byte, wrong[i].bit);
	}
	format(&rig, LONGLIST, NULL, 0);
	assert_bad_cdb(&rig, 1, 5);
	format(&rig, 0x08, NULL, 0); /* CMPLST without a list */
	assert_bad_cdb(&rig, 1, 3);
	format(&rig, FMTDATA, NULL, 0);
	assert_sense(&rig, SENSE_PARAMETER_LIST_LENGTH);
	assert_int_equal(rig.erase_steps, 0);
	rig_fini(&rig);
}

/* ---- meanwhile ---- */

static void expect_progress(struct rig *rig, uint32_t code, uint16_t progress)
{
	rig_cdb(rig, 0x03, 0, 0, 0, 252, 0);
	rig_run_in(rig, 252);
	assert_good(rig);
	assert_int_equal((uint32_t)rig->in[2] << 16 | be16_get(rig->in + 12), code);
	assert_int_equal(rig->in[15], 0x80);
	assert_int_equal(be16_get(rig->in + 16), progress);
	rig_cdb(rig, 0x03, 1, 0, 0, 252, 0); /* the same as descriptors */
	rig_run_in(rig, 252);
	assert_memory_equal(rig->in + 8, "\x02\x06\x00\x00\x80", 5);
	assert_int_equal(be16_get(rig->in + 13), progress);
	rig_cdb(rig, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0);
	rig_run_in(rig, 512);
	assert_sense(rig, code);
	assert_int_equal(rig->cmd.sense[15], 0x80);
	assert_int_equal(be16_get(rig->cmd.sense + 16), progress);
}

static void refused_meanwhile(struct rig *rig, uint32_t code)
{
	static const uint8_t refused[][6] = {
		{ 0x00 },
		{ 0x1b, 0, 0, 0, 1 },
		{ 0x1b, 0, 0, 0, 0x30 },
		{ 0x15, 0x10, 0, 0, 4 },
		{ 0x1d, 0x04 },
		{ 0x04 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		rig_cdb_bytes(rig, refused[i], 6);
		rig_run_out(rig, "\0\0\0\0", 4);
		assert_sense(rig, code);
	}
	sanitize(rig, BLOCK_ERASE | IMMED, NULL, 0);
	assert_sense(rig, code);
	rig_cdb(rig, 0x12, 0, 0, 0, 36, 0);
	rig_run_in(rig, 36);
	assert_good(rig);
	rig_cdb(rig, 0x1a, 8, 0x3f, 0, 255, 0);
	rig_run_in(rig, 255);
	assert_good(rig);
}

static void in_the_background(void **state)
{
	struct rig rig;

	rig_init(&rig, &erasing);
	rig.erase_wait_step = 2; /* all blocks are done, the flush is not */
	sanitize(&rig, BLOCK_ERASE | IMMED, NULL, 0);
	assert_good(&rig);
	assert_trace(&rig, "BCA");
	while (rig.erase_steps < 2)
		usleep(1000);
	assert_int_equal(rig.kept_erase.kind, ERASE_SANITIZE);
	expect_progress(&rig, SENSE_SANITIZING, 0xffff);
	refused_meanwhile(&rig, SENSE_SANITIZING);
	scsi_lu_reset(rig.lu); /* goes on */
	scsi_ua_take(rig.itl);
	assert_int_equal(ready(&rig), SENSE_SANITIZING);
	rig.gate = true;
	assert_int_equal(wait_over(&rig), SENSE_NONE);
	assert_int_equal(rig.kept_erase.kind, ERASE_NONE);
	expect_medium(&rig, (const uint8_t[]){ 0 }, 1, 0);

	rig.gate = false;
	rig.erase_steps = 0;
	rig.erase_wait_step = 1;
	format(&rig, FMTDATA, "\0\x02\0\0", 4);
	assert_good(&rig);
	expect_progress(&rig, SENSE_FORMATTING, 0);
	refused_meanwhile(&rig, SENSE_FORMATTING);
	rig.gate = true;
	assert_int_equal(wait_over(&rig), SENSE_NONE);
	rig_fini(&rig);
}

/* ---- SANITIZE ---- */

static void overwrite(void **state)
{
	static const uint8_t once[] = { 1, 0, 0, 2, 0x5a, 0x11 };
	static const uint8_t twice[] = { 0x80 | 2, 0, 0, 2, 0x5a, 0x11 };
	static const uint8_t thrice[] = { 0x80 | 0x20 | 3, 0, 0, 2, 0x5a, 0x11 };
	struct rig rig;

	rig_init(&rig, &erasing);
	sanitize(&rig, OVERWRITE, once, sizeof(once));
	assert_good(&rig);
	assert_trace(&rig, "BDCAC");
	assert_int_equal(rig.erase_steps, 2);
	expect_medium(&rig, once + 4, 2, 0);
	sanitize(&rig, OVERWRITE, twice, sizeof(twice));
	assert_good(&rig);
	expect_medium(&rig, once + 4, 2, 0xff); /* complemented in the second pass */
	sanitize(&rig, OVERWRITE, thrice, sizeof(thrice));
	assert_good(&rig);
	expect_medium(&rig, once + 4, 2, 0);
	rig_fini(&rig);
}

static void wrong_sanitize_lists(void **state)
{
	uint8_t list[4 + 513] = { 1, 0, 2, 0 };
	struct rig rig;

	rig_init(&rig, &erasing);
	for (uint8_t len = 0; len <= 4; len++) {
		sanitize(&rig, OVERWRITE, list, len);
		assert_bad_cdb(&rig, 7, -1);
	}
	sanitize(&rig, BLOCK_ERASE, list, 4);
	assert_bad_cdb(&rig, 7, -1);
	sanitize(&rig, EXIT, list, 4);
	assert_bad_cdb(&rig, 7, -1);
	rig_cdb(&rig, 0x48, OVERWRITE, 0, 0, 0, 0, 0, 2, 5,
		0); /* more than a block and its header */
	rig_run_out(&rig, list, 517);
	assert_bad_cdb(&rig, 7, -1);
	sanitize(&rig, OVERWRITE, list, 100); /* less pattern than its length says */
	assert_field(&rig, SENSE_INVALID_FIELD_IN_PARAMETERS, 2, -1);
	be16_put(list + 2, 0);
	sanitize(&rig, OVERWRITE, list, 5);
	assert_field(&rig, SENSE_INVALID_FIELD_IN_PARAMETERS, 2, -1);
	be16_put(list + 2, 1);
	list[0] = 0x80; /* no pass */
	sanitize(&rig, OVERWRITE, list, 5);
	assert_field(&rig, SENSE_INVALID_FIELD_IN_PARAMETERS, 0, 4);
	rig_cdb(&rig, 0x48, OVERWRITE, 0, 0, 0, 0, 0, 0, 5, 0);
	rig_run_out(&rig, list, 4); /* less than the CDB says */
	assert_sense(&rig, SENSE_PARAMETER_LIST_LENGTH);
	assert_int_equal(rig.erase_steps, 0);
	sanitize(&rig, EXIT, NULL, 0); /* nothing has failed */
	assert_good(&rig);
	rig_fini(&rig);
}

static void fail_sanitize(struct rig *rig, uint8_t flags)
{
	rig->erase_steps = 0;
	rig->erase_fail_step = 1;
	sanitize(rig, BLOCK_ERASE | flags, NULL, 0);
	assert_sense(rig, SENSE_SANITIZE_FAILED);
	rig->erase_fail_step = 0;
	assert_int_equal(ready(rig), SENSE_SANITIZE_FAILED);
	assert_true(rig->kept_erase.failed);
}

/* Only another one leads out, or EXIT FAILURE MODE where AUSE allowed it. */
static void failure_mode(void **state)
{
	struct rig rig;

	rig_init(&rig, &erasing);
	fail_sanitize(&rig, 0);
	sanitize(&rig, EXIT, NULL, 0);
	assert_bad_cdb(&rig, 1, 4);
	sanitize(&rig, BLOCK_ERASE | AUSE, NULL, 0);
	assert_bad_cdb(&rig, 1, 5);
	format(&rig, 0, NULL, 0);
	assert_sense(&rig, SENSE_SANITIZE_FAILED);
	sanitize(&rig, BLOCK_ERASE, NULL, 0);
	assert_good(&rig);
	assert_int_equal(ready(&rig), SENSE_NONE);
	fail_sanitize(&rig, AUSE);
	rig.save_res = -EIO;
	sanitize(&rig, EXIT, NULL, 0); /* cannot be noted */
	assert_sense(&rig, SENSE_INTERNAL_FAILURE);
	rig.save_res = 0;
	sanitize(&rig, EXIT, NULL, 0);
	assert_good(&rig);
	assert_int_equal(ready(&rig), SENSE_NONE);
	assert_int_equal(rig.kept_erase.kind, ERASE_NONE);
	rig_fini(&rig);
}

static void failed_format(void **state)
{
	struct rig rig;

	rig_init(&rig, &erasing);
	rig.erase_fail_step = 2; /* the flush */
	format(&rig, 0, NULL, 0);
	assert_sense(&rig, SENSE_FORMAT_FAILED);
	assert_int_equal(ready(&rig), SENSE_FORMAT_CORRUPTED);
	rig.save_res = -EIO;
	sanitize(&rig, BLOCK_ERASE, NULL, 0);
	assert_sense(&rig, SENSE_FORMAT_CORRUPTED);
	rig.save_res = 0;
	format(&rig, 0, NULL, 0);
	assert_good(&rig);
	assert_int_equal(ready(&rig), SENSE_NONE);
	rig.save_res = -EIO; /* what cannot be kept is not begun */
	rig.erase_steps = 0;
	format(&rig, 0, NULL, 0);
	assert_sense(&rig, SENSE_INTERNAL_FAILURE);
	assert_int_equal(rig.erase_steps, 0);
	assert_int_equal(ready(&rig), SENSE_NONE);
	rig_fini(&rig);
}

/* The initiator is gone before older commands have ended: nothing is changed. */
static void called_off(void **state)
{
	struct rig rig;
	struct scsi_cmd *cmd = &rig.cmd;
	uint8_t first;

	rig_init(&rig, &erasing);
	first = rig.medium[5];
	memset(cmd, 0, sizeof(*cmd));
	rig_cdb(&rig, 0x48, BLOCK_ERASE | IMMED);
	cmd->nexus = &rig.nexus;
	cmd->itl = rig.itl;
	cmd->cdb = rig.cdb;
	cmd->cdb_len = SCSI_CDB_LONG;
	assert_int_equal(scsi_start(cmd), SCSI_NEED_BUF);
	cmd->buf = malloc(cmd->need);
	assert_int_equal(scsi_resume(cmd, 0), SCSI_CALL);
	assert_int_equal(scsi_resume(cmd, cmd->call(cmd)), SCSI_ABORT);
	free(cmd->abort);
	assert_true(scsi_may_abort(cmd));
	scsi_give_up(cmd);
	free(cmd->buf);
	assert_int_equal(wait_over(&rig), SENSE_NONE);
	assert_int_equal(rig.kept_erase.kind, ERASE_NONE);
	assert_int_equal(rig.erase_steps, 0);
	assert_int_equal(rig.medium[5], first);
	rig_fini(&rig);
}

/* ---- restarts ---- */

struct home {
	char dir[64], path[192], err[256];
	struct scsi_pr_keeper *keeper;
};

static const struct rig_conf plain = { .erases = true };

static void home_make(struct home *home, struct rig *rig)
{
	strcpy(home->dir, "/tmp/test_erase_XXXXXX");
	assert_non_null(mkdtemp(home->dir));
	home->keeper = scsi_pr_files_new(home->dir);
	rig_init(rig, &plain);
	snprintf(home->path, sizeof(home->path), "%s/erase-%s", home->dir, rig->lu->name);
	assert_int_equal(scsi_lu_keep(rig->lu, home->keeper, home->err, sizeof(home->err)), 0);
}

static void restart(struct home *home, struct rig *rig)
{
	rig_fini(rig);
	rig_init(rig, &plain);
	assert_int_equal(scsi_lu_keep(rig->lu, home->keeper, home->err, sizeof(home->err)), 0);
}

static void home_remove(struct home *home, struct rig *rig)
{
	rig_fini(rig);
	assert_int_equal(rmdir(home->dir), 0);
	scsi_pr_files_free(home->keeper);
}

static void begins_anew_after_a_restart(void **state)
{
	static const uint8_t list[] = { 3, 0, 0, 2, 0x5a, 0x11 };
	struct home home;
	struct rig rig;

	home_make(&home, &rig);
	rig.erase_fail_step = 3; /* the second pass: as when it is stopped there */
	rig.erase_fail_res = -ECANCELED;
	sanitize(&rig, OVERWRITE | IMMED, list, sizeof(list));
	assert_good(&rig);
	while (rig.erase_steps < 3)
		usleep(1000);
	assert_int_equal(ready(&rig), SENSE_SANITIZING);
	restart(&home, &rig);
	assert_int_equal(wait_over(&rig), SENSE_NONE);
	expect_medium(&rig, list + 4, 2, 0);
	assert_int_equal(rig.erase_steps, 6); /* all three, and their flushes */
	assert_int_not_equal(access(home.path, F_OK), 0);
	home_remove(&home, &rig);
}

static void a_failure_outlives_a_restart(void **state)
{
	uint8_t image[64];
	struct home home;
	struct rig rig;
	size_t len;
	FILE *f;

	home_make(&home, &rig);
	rig.erase_fail_step = 1;
	sanitize(&rig, BLOCK_ERASE | AUSE, NULL, 0);
	assert_sense(&rig, SENSE_SANITIZE_FAILED);
	restart(&home, &rig);
	assert_int_equal(rig.erase_steps, 0);
	assert_int_equal(ready(&rig), SENSE_SANITIZE_FAILED);

	f = fopen(home.path, "r");
	len = fread(image, 1, sizeof(image), f);
	fclose(f);
	for (size_t i = 0; i < 2 * len; i++) { /* any byte changed, any other length */
		f = fopen(home.path, "w");
		image[i % len] ^= i < len ? 0x10 : 0;
		fwrite(image, 1, i < len ? len : i - len, f);
		fclose(f);
		image[i % len] ^= i < len ? 0x10 : 0;
		assert_int_equal(scsi_lu_keep(rig.lu, home.keeper, home.err, sizeof(home.err)),
				 -EBADMSG);
		assert_non_null(strstr(home.err, home.path));
	}
	sanitize(&rig, EXIT, NULL, 0);
	assert_good(&rig);
	restart(&home, &rig);
	assert_int_equal(ready(&rig), SENSE_NONE);
	home_remove(&home, &rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(format_zeroes),
		cmocka_unit_test(format_with_a_pattern),
		cmocka_unit_test(wrong_format_lists),
		cmocka_unit_test(in_the_background),
		cmocka_unit_test(overwrite),
		cmocka_unit_test(wrong_sanitize_lists),
		cmocka_unit_test(failure_mode),
		cmocka_unit_test(failed_format),
		cmocka_unit_test(called_off),
		cmocka_unit_test(begins_anew_after_a_restart),
		cmocka_unit_test(a_failure_outlives_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
