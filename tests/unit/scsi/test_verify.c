/* SPDX-License-Identifier: BSD-2-Clause */
/* VERIFY with every BYTCHK, and WRITE AND VERIFY. */
#include <errno.h>
#include <string.h>

#include "rig.h"

static const uint8_t verifies[] = { 0x2f, 0xaf, 0x8f };
static const uint8_t write_verifies[] = { 0x2e, 0xae, 0x8e };

enum { NONE = 0 << 1, ALL = 1 << 1, RESERVED = 2 << 1, ONE = 3 << 1 };

static uint8_t data[256 * 512];

static void verify(struct rig *rig, uint8_t opcode, uint8_t bytchk, uint32_t lba, uint32_t n,
		   uint32_t out_len)
{
	rig_cdb_op(rig, rig_op(opcode), lba, n);
	rig->cdb[1] |= bytchk;
	rig_run_out(rig, data, out_len);
}

static void medium_only(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(verifies); i++) {
		verify(&rig, verifies[i], NONE, 10, 3, 0);
		assert_good(&rig);
		assert_trace(&rig, "BR");
		assert_int_equal(rig.cmd.dir, SCSI_DIR_NONE);
		assert_int_equal(rig.cmd.xfer_len, 0);
		verify(&rig, verifies[i], NONE, 0, 200, 0); /* 100 KiB in 32 KiB steps */
		assert_trace(&rig, "BRRRR");
		verify(&rig, verifies[i], ALL, 0, 0, 0);
		assert_good(&rig);
		assert_trace(&rig, "");
	}
	rig_fini(&rig);
}

static void compare_equal(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(verifies); i++) {
		memcpy(data, rig.medium + 10 * 512, sizeof(data));
		verify(&rig, verifies[i], ALL, 10, 3, 3 * 512);
		assert_good(&rig);
		assert_trace(&rig, "BDR");
		assert_int_equal(rig.cmd.dir, SCSI_DIR_OUT);
		assert_int_equal(rig.cmd.xfer_len, 3 * 512);
		assert_int_equal(rig.cmd.data_len, 3 * 512);
		verify(&rig, verifies[i], ALL, 10, 150, 150 * 512);
		assert_good(&rig);
		assert_trace(&rig, "BDRDRDR");
		assert_int_equal(rig.cmd.data_len, 150 * 512);
	}
	rig_fini(&rig);
}

/* INFORMATION is the offset of the first difference, wherever it lies. */
static void compare_miscompare(void **state)
{
	static const uint32_t offsets[] = { 0, 1, 511, 512, 32767, 32768, 65535, 65536, 76799 };
	struct rig rig;

	rig_init(&rig, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		memcpy(data, rig.medium, sizeof(data));
		data[offsets[i]] ^= 0x80;
		data[76799] ^= 0x01; /* a second, later one changes nothing */
		verify(&rig, 0x2f, ALL, 0, 150, 150 * 512);
		assert_info(&rig, SENSE_MISCOMPARE, offsets[i]);
	}
	rig_fini(&rig);
}

static void compare_with_short_buffer(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	memcpy(data, rig.medium, sizeof(data));
	data[700] ^= 1;
	verify(&rig, 0x2f, ALL, 0, 2, 600); /* over: what there is, to the byte */
	assert_good(&rig);
	assert_int_equal(rig.cmd.xfer_len, 1024);
	assert_int_equal(rig.cmd.data_len, 600);
	verify(&rig, 0x2f, ALL, 0, 2, 701);
	assert_info(&rig, SENSE_MISCOMPARE, 700);
	verify(&rig, 0x2f, ALL, 0, 1, sizeof(data)); /* under */
	assert_good(&rig);
	assert_int_equal(rig.cmd.data_len, 512);
	verify(&rig, 0x2f, ALL, 0, 1, 0);
	assert_good(&rig);
	assert_int_equal(rig.cmd.xfer_len, 512);
	rig_fini(&rig);
}

static void compare_one_block(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	memset(rig.medium, 0x5a, 300 * 512);
	memset(data, 0x5a, 512);
	for (size_t i = 0; i < ARRAY_SIZE(verifies); i++) {
		verify(&rig, verifies[i], ONE, 0, 150, 512);
		assert_good(&rig);
		assert_trace(&rig, "BDRRR");
		assert_int_equal(rig.cmd.xfer_len, 512);
		assert_int_equal(rig.cmd.data_len, 512);
	}
	rig.medium[70 * 512 + 3] = 0;
	verify(&rig, 0x2f, ONE, 0, 150, 512);
	assert_info(&rig, SENSE_MISCOMPARE, 70 * 512 + 3);
	verify(&rig, 0x2f, ONE, 0, 1, 511);
	assert_sense(&rig, SENSE_INVALID_FIELD_IN_COMMAND_IU);
	verify(&rig, 0x2f, ONE, 0, 0, 0);
	assert_good(&rig);
	rig_fini(&rig);
}

static void reserved_bytchk(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(verifies); i++) {
		verify(&rig, verifies[i], RESERVED, 0, 1, 512);
		assert_bad_cdb(&rig, 1, 2);
		verify(&rig, write_verifies[i], RESERVED, 0, 1, 512);
		assert_bad_cdb(&rig, 1, 2);
		verify(&rig, write_verifies[i], ONE, 0, 1, 512);
		assert_bad_cdb(&rig, 1, 2);
		assert_trace(&rig, "");
	}
	rig_fini(&rig);
}

static void verify_read_error(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	rig.fail_step = 2;
	rig.fail_res = -EIO;
	verify(&rig, 0x2f, NONE, 10, 100, 0);
	assert_info(&rig, SENSE_READ_ERROR, 10 + 64);
	rig_fini(&rig);
}

static void write_and_verify(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(write_verifies); i++) {
		memset(data, (int)(0x10 + i), sizeof(data));
		verify(&rig, write_verifies[i], NONE, 5, 2, 1024);
		assert_good(&rig);
		assert_trace(&rig, "w!BR");
		assert_int_equal(rig.cmd.dir, SCSI_DIR_OUT);
		assert_int_equal(rig.cmd.data_len, 1024);
		assert_memory_equal(rig.medium + 5 * 512, data, 1024);
		verify(&rig, write_verifies[i], ALL, 5, 70, 70 * 512);
		assert_good(&rig);
		assert_trace(&rig, "w!BDRDR");
		assert_int_equal(rig.cmd.data_len, 70 * 512);
	}
	verify(&rig, 0x2e, NONE, 5, 2, 512); /* over */
	assert_good(&rig);
	assert_int_equal(rig.cmd.xfer_len, 1024);
	assert_int_equal(rig.cmd.data_len, 512);
	verify(&rig, 0x2e, NONE, 5, 2, 513);
	assert_sense(&rig, SENSE_INVALID_FIELD_IN_COMMAND_IU);
	verify(&rig, 0x2e, NONE, 5, 2, 0);
	assert_good(&rig);
	assert_trace(&rig, "");
	rig_fini(&rig);
}

static void write_and_verify_errors(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	rig.fail_res = -EIO;
	rig.fail_step = 1;
	rig.fail_done = 512;
	verify(&rig, 0x2e, NONE, 5, 2, 1024);
	assert_info(&rig, SENSE_WRITE_ERROR, 6);
	assert_int_equal(rig.cmd.data_len, 512);
	rig.fail_step = 2;
	verify(&rig, 0x2e, NONE, 5, 2, 1024);
	assert_info(&rig, SENSE_READ_ERROR, 5);
	rig_fini(&rig);
}

/* ---- PRE-FETCH ---- */

static void prefetch(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	for (unsigned int i = 0; i < 2; i++) {
		const struct scsi_op *op = rig_op(i ? 0x90 : 0x34);

		rig_cdb_op(&rig, op, 5, 129);
		assert_int_equal(rig_run_none(&rig), SCSI_CONDITION_MET);
		assert_trace(&rig, "BRR");
		rig.cdb[1] = 0x02;
		assert_int_equal(rig_run_none(&rig), SCSI_CONDITION_MET);
		rig_cdb_op(&rig, op, RIG_BLOCKS - 3, 0); /* to the last block */
		assert_int_equal(rig_run_none(&rig), SCSI_CONDITION_MET);
		assert_trace(&rig, "BR");
		assert_int_equal(rig.cmd.io.len, 3 * 512);
		rig_cdb_op(&rig, op, RIG_BLOCKS, 0);
		assert_int_equal(rig_run_none(&rig), SCSI_GOOD);
	}
	rig.fail_step = 2;
	rig.fail_res = -EIO;
	rig_cdb_op(&rig, rig_op(0x34), 5, 129);
	rig_run_none(&rig);
	assert_info(&rig, SENSE_READ_ERROR, 5 + 128);
	rig.fail_step = 0;
	rig.store.direct = true; /* no cache */
	assert_int_equal(rig_run_none(&rig), SCSI_GOOD);
	assert_trace(&rig, "");
	rig_fini(&rig);
	rig_init(&rig, &(struct rig_conf){ .n_blocks = 1 << 20 });
	rig_cdb_op(&rig, rig_op(0x34), 0, 0); /* more than may be asked for */
	assert_int_equal(rig_run_none(&rig), SCSI_GOOD);
	assert_trace(&rig, "");
	rig_cdb_op(&rig, rig_op(0x34), 0, 16385);
	rig_run_none(&rig);
	assert_bad_cdb(&rig, 7, -1);
	rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(medium_only),
		cmocka_unit_test(compare_equal),
		cmocka_unit_test(compare_miscompare),
		cmocka_unit_test(compare_with_short_buffer),
		cmocka_unit_test(compare_one_block),
		cmocka_unit_test(reserved_bytchk),
		cmocka_unit_test(verify_read_error),
		cmocka_unit_test(write_and_verify),
		cmocka_unit_test(write_and_verify_errors),
		cmocka_unit_test(prefetch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
