/* SPDX-License-Identifier: BSD-2-Clause */
/* LOG SENSE and LOG SELECT: pages, parameter pointers, counters and their reset. */
#include <errno.h>
#include <string.h>

#include "pr_lab.h"

static int space_res;

static int some_space(struct store *store, uint64_t *used, uint64_t *available)
{
	*used = (UINT64_C(5) << 20) + 4096;
	*available = UINT64_C(1) << 60;
	return space_res;
}

static const struct store_ops spacious = { .type = "spacious", .space = some_space };
static const struct rig_conf thin = { .features = STORE_F_UNMAP | STORE_F_UNMAP_ZEROES,
				      .thin = true };

static void log_sense(struct rig *rig, uint8_t page, uint8_t subpage, uint16_t from, uint16_t alloc)
{
	rig_cdb(rig, 0x4d, 0, page, subpage, 0, 0, 0, 0, 0, 0);
	be16_put(rig->cdb + 5, from);
	be16_put(rig->cdb + 7, alloc);
	rig_run_in(rig, 1024);
}

static void log_select(struct rig *rig, uint8_t flags, uint8_t page, const void *list, uint16_t len)
{
	rig_cdb(rig, 0x4c, flags, page, 0, 0, 0, 0, 0, 0, 0);
	be16_put(rig->cdb + 7, len);
	rig_run_out(rig, list, len);
}

static void expect_page(const struct rig *rig, const void *bytes, size_t len)
{
	assert_good(rig);
	assert_int_equal(rig->cmd.data_len, len);
	assert_memory_equal(rig->in, bytes, len);
}

static void lists_of_pages(void **state)
{
	struct rig rig;

	rig_init(&rig, &thin);
	rig.store.ops = &spacious;
	log_sense(&rig, 0x00, 0, 0, 255);
	expect_page(&rig, "\x00\x00\x00\x04\x00\x0c\x19\x2f", 8);
	log_sense(&rig, 0x40, 0xff, 0, 255); /* whatever PAGE CONTROL */
	expect_page(&rig, "\x40\xff\x00\x0a\x00\x00\x00\xff\x0c\x00\x19\x00\x2f\x00", 14);
	rig_fini(&rig);
	rig_init(&rig, NULL);
	rig.store.ops = &spacious;
	log_sense(&rig, 0x00, 0, 0, 255);
	expect_page(&rig, "\x00\x00\x00\x03\x00\x19\x2f", 7);
	log_sense(&rig, 0x0c, 0, 0, 255);
	assert_bad_cdb(&rig, 2, 5);
	rig_fini(&rig);
}

/* A file system of a thin store that tells nothing: there is no such page. */
static void no_space_no_page(void **state)
{
	struct rig rig;

	rig_init(&rig, &thin);
	log_sense(&rig, 0x0c, 0, 0, 255);
	assert_bad_cdb(&rig, 2, 5);
	rig_fini(&rig);
}

static void unknown_pages(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	for (uint8_t page = 0; page < 0x40; page++) {
		bool known = page == 0x00 || page == 0x19 || page == 0x2f;

		log_sense(&rig, page, 0, 0, 255);
		if (known)
			assert_good(&rig);
		else
			assert_bad_cdb(&rig, 2, 5);
		log_sense(&rig, page, 0x01, 0, 255);
		assert_bad_cdb(&rig, known ? 3 : 2, known ? -1 : 5);
	}
	rig_cdb(&rig, 0x4d, 0x01, 0x19, 0, 0, 0, 0, 0, 255, 0); /* SP */
	rig_run_in(&rig, 255);
	assert_bad_cdb(&rig, 1, 0);
	rig_fini(&rig);
}

static void provisioning(void **state)
{
	struct rig rig;

	rig_init(&rig, &thin);
	rig.store.ops = &spacious;
	log_sense(&rig, 0x0c, 0, 0, 255);
	assert_trace(&rig, "BC");
	expect_page(&rig,
		    "\x8c\x00\x00\x18"
		    "\x00\x01\x03\x08\xff\xff\xff\xff\x02\x00\x00\x00"
		    "\x00\x02\x03\x08\x00\x00\x00\x05\x01\x00\x00\x00",
		    28);
	log_sense(&rig, 0x0c, 0, 2, 255); /* from a parameter on */
	expect_page(&rig, "\x8c\x00\x00\x0c\x00\x02\x03\x08\x00\x00\x00\x05\x01\x00\x00\x00", 16);
	log_sense(&rig, 0x0c, 0, 3, 255);
	assert_bad_cdb(&rig, 5, -1);
	space_res = -EIO;
	log_sense(&rig, 0x0c, 0, 0, 255);
	space_res = 0;
	assert_sense(&rig, SENSE_READ_ERROR);
	rig_fini(&rig);
}

static void exceptions(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	log_sense(&rig, 0x2f, 0, 0, 255);
	expect_page(&rig, "\xaf\x00\x00\x08\x00\x00\x03\x04\x00\x00\xff\x00", 12);
	log_sense(&rig, 0x2f, 0, 1, 255);
	assert_bad_cdb(&rig, 5, -1);
	rig_fini(&rig);
}

static void expect_counts(struct rig *rig, uint64_t reads, uint64_t writes, uint64_t received,
			  uint64_t transmitted)
{
	log_sense(rig, 0x19, 0, 0, 255);
	assert_good(rig);
	assert_int_equal(rig->cmd.data_len, 4 + 4 + 64);
	assert_memory_equal(rig->in, "\x99\x00\x00\x44\x00\x01\x03\x40", 8);
	assert_int_equal(be64_get(rig->in + 8), reads);
	assert_int_equal(be64_get(rig->in + 16), writes);
	assert_int_equal(be64_get(rig->in + 24), received);
	assert_int_equal(be64_get(rig->in + 32), transmitted);
	for (unsigned int i = 40; i < 72; i++)
		assert_int_equal(rig->in[i], 0);
}

static void move(struct rig *rig, uint8_t opcode, uint8_t n)
{
	static const uint8_t data[8 * 512];

	rig_cdb(rig, opcode, 0, 0, 0, 0, 0, 0, 0, n, 0);
	rig->in_len = opcode == 0x28 ? n * 512 : 0;
	rig->out = data;
	rig->out_len = opcode == 0x28 ? 0 : n * 512;
	rig_run(rig);
}

/* Of every nexus, also of those that are gone, and of commands that ended well. */
static void statistics(void **state)
{
	struct lab lab;
	struct rig *rig = &lab.rig;

	setup(&lab);
	expect_counts(rig, 0, 0, 0, 0);
	move(rig, 0x28, 3);
	move(rig, 0x28, 1);
	move(rig, 0x2a, 5);
	move(rig, 0x2e, 2); /* WRITE AND VERIFY */
	expect_counts(rig, 2, 2, 7, 4);
	rig->fail_step = 1;
	rig->fail_res = -EIO;
	move(rig, 0x28, 8);
	rig->fail_step = 0;
	expect_counts(rig, 2, 2, 7, 4);
	atomic_store(&lab.itl[A]->ua, 0);
	atomic_store(&lab.itl[A]->stats.n_reads, 10);
	atomic_store(&lab.itl[A]->stats.blocks_read, 100);
	expect_counts(rig, 12, 2, 7, 104);
	scsi_nexus_fini(&lab.nexus[A]);
	expect_counts(rig, 12, 2, 7, 104);
	join(&lab, A);
	teardown(&lab);
}

static void reset(void **state)
{
	struct lab lab;
	struct rig *rig = &lab.rig;

	setup(&lab);
	move(rig, 0x28, 3);
	log_select(rig, 0x02, 0x2f, NULL, 0); /* nothing to reset there */
	assert_good(rig);
	expect_counts(rig, 1, 0, 0, 3);
	for (unsigned int i = 0; i < N; i++)
		expect_ua(&lab, i, SCSI_UA_COUNT);
	log_select(rig, 0x02, 0x00, NULL, 0);
	assert_good(rig);
	expect_counts(rig, 0, 0, 0, 0);
	for (unsigned int i = 0; i < N; i++)
		expect_ua(&lab, i, SCSI_UA_LOG_CHANGED);
	assert_int_equal(atomic_load(&rig->itl->ua), 0);
	move(rig, 0x28, 3);
	log_select(rig, 0, 0x59, NULL, 0); /* current cumulative values: nothing */
	assert_good(rig);
	expect_counts(rig, 1, 0, 0, 3);
	log_select(rig, 0, 0xd9, NULL, 0); /* default cumulative values */
	assert_good(rig);
	expect_counts(rig, 0, 0, 0, 0);
	for (unsigned int pcr = 0; pcr < 2; pcr++) {
		log_select(rig, (uint8_t)(pcr << 1), 0x01, NULL, 0);
		assert_bad_cdb(rig, 2, 5);
	}
	teardown(&lab);
}

static void lists_of_parameters(void **state)
{
	static const uint8_t empty[8] = { 0x2f, 0, 0, 0, 0x19 };
	static const uint8_t value[12] = { 0x2f, 0, 0, 8, 0, 0, 3, 4 };
	static const uint8_t unknown[4] = { 0x01 };
	struct rig rig;

	rig_init(&rig, NULL);
	log_select(&rig, 0, 0, empty, sizeof(empty));
	assert_good(&rig);
	for (uint8_t len = 1; len < sizeof(empty); len++) {
		log_select(&rig, 0, 0, empty, len);
		if (len == 4)
			assert_good(&rig);
		else
			assert_sense(&rig, SENSE_PARAMETER_LIST_LENGTH);
	}
	log_select(&rig, 0, 0, value, sizeof(value));
	assert_field(&rig, SENSE_INVALID_FIELD_IN_PARAMETERS, 4, -1);
	log_select(&rig, 0, 0, unknown, sizeof(unknown));
	assert_field(&rig, SENSE_INVALID_FIELD_IN_PARAMETERS, 0, 5);
	log_select(&rig, 0x02, 0, empty, 4); /* PCR and a list */
	assert_bad_cdb(&rig, 1, 1);
	log_select(&rig, 0, 0x19, empty, 4); /* a page in the CDB and a list */
	assert_bad_cdb(&rig, 2, -1);
	rig_cdb(&rig, 0x4c, 0, 0, 0, 0, 0, 0, 0, 8, 0);
	rig_run_out(&rig, empty, 4); /* less than the CDB says */
	assert_sense(&rig, SENSE_PARAMETER_LIST_LENGTH);
	rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_of_pages), cmocka_unit_test(no_space_no_page),
		cmocka_unit_test(unknown_pages),  cmocka_unit_test(provisioning),
		cmocka_unit_test(exceptions),	  cmocka_unit_test(statistics),
		cmocka_unit_test(reset),	  cmocka_unit_test(lists_of_parameters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
