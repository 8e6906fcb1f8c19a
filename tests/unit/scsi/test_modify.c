/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * XDWRITEREAD, ORWRITE, COMPARE AND WRITE: data of both directions, residuals, locks and faults; and
 * long CDBs.
 */
#include <errno.h>
#include <string.h>

#include "rig.h"

enum { BS = 512 };

static uint8_t *pattern(size_t len)
{
	uint8_t *data = malloc(len);

	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)(i * 13 + 5);
	return data;
}

static void xdwriteread(struct rig *rig, bool is_long, uint8_t options, uint64_t lba, uint32_t n)
{
	const struct scsi_op *op = is_long ? scsi_op_lookup(SCSI_VARIABLE, 7) : rig_op(0x53);

	rig_cdb_op(rig, op, lba, n);
	rig->cdb[scsi_op_options(op)] = options;
}

/* Data-in is old XOR new; the medium has the new data, or with DISABLE WRITE the old. */
static void expect_xor(bool is_long, uint8_t options, uint32_t n, const char *trace)
{
	struct rig rig;
	uint8_t *new = pattern((size_t)n * BS);
	uint8_t *old = malloc((size_t)n * BS);

	rig_init(&rig, NULL);
	memcpy(old, rig.medium + 3 * BS, (size_t)n * BS);
	xdwriteread(&rig, is_long, options, 3, n);
	rig.in_len = rig.out_len = n * BS;
	rig.out = new;
	rig_run(&rig);
	assert_good(&rig);
	assert_trace(&rig, trace);
	assert_int_equal(rig.cmd.dir, SCSI_DIR_BIDI);
	assert_int_equal(rig.cmd.xfer_len, n * BS);
	assert_int_equal(rig.cmd.data_len, n * BS);
	assert_int_equal(rig.cmd.in_xfer_len, n * BS);
	assert_int_equal(rig.cmd.in_data_len, n * BS);
	assert_memory_equal(rig.medium + 3 * BS, options & 0x04 ? old : new, (size_t)n * BS);
	for (uint32_t i = 0; i < n * BS; i++)
		assert_int_equal(rig.in[i], old[i] ^ new[i]);
	rig_fini(&rig);
	free(old);
	free(new);
}

static void xor_simple(void **state)
{
	for (unsigned int is_long = 0; is_long < 2; is_long++) {
		expect_xor(is_long, 0x00, 1, "BLDRWS");
		expect_xor(is_long, 0x18, 2, "BLDRW!S");
		expect_xor(is_long, 0x04, 2, "BLDRS");
		expect_xor(is_long, 0x00, 64, "BLDRWS");
		expect_xor(is_long, 0x00, 65, "BLDRWSDRWS");
	}
}

static void xor_residuals(void **state)
{
	struct rig rig;
	uint8_t *new = pattern(4 * BS);

	rig_init(&rig, NULL);
	xdwriteread(&rig, false, 0, 0, 2);
	rig.out = new;
	rig.out_len = 4 * BS; /* too much of one, too little of the other */
	rig.in_len = 100;
	rig_run(&rig);
	assert_good(&rig);
	assert_int_equal(rig.cmd.data_len, 2 * BS);
	assert_int_equal(rig.cmd.xfer_len, 2 * BS);
	assert_int_equal(rig.cmd.in_data_len, 100);
	assert_int_equal(rig.cmd.in_xfer_len, 2 * BS);
	assert_memory_equal(rig.medium, new, 2 * BS);

	rig.out_len = BS; /* one block of two: that one is done */
	rig.in_len = 4 * BS;
	rig_run(&rig);
	assert_good(&rig);
	assert_int_equal(rig.cmd.data_len, BS);
	assert_int_equal(rig.cmd.in_data_len, BS);
	assert_int_equal(rig.cmd.in_xfer_len, 2 * BS);

	rig.in_len = 0; /* nowhere to put the result */
	rig_run(&rig);
	assert_good(&rig);
	assert_trace(&rig, "BLDRW");

	rig.out_len = BS + 1;
	rig_run(&rig);
	assert_sense(&rig, SENSE_INVALID_FIELD_IN_COMMAND_IU);
	rig_run_none(&rig);
	assert_good(&rig);
	assert_trace(&rig, "");
	assert_int_equal(rig.cmd.xfer_len, 2 * BS);
	xdwriteread(&rig, false, 0, 5, 0);
	rig_run_none(&rig);
	assert_good(&rig);
	rig_fini(&rig);
	free(new);
}

static void xor_faults(void **state)
{
	static const enum scsi_sense_code codes[] = { SENSE_READ_ERROR, SENSE_WRITE_ERROR };
	struct rig rig;
	uint8_t *new = pattern(65 * BS);

	rig_init(&rig, NULL);
	rig.out = new;
	rig.in_len = rig.out_len = 65 * BS;
	rig.fail_res = -EIO;
	for (int step = 1; step <= 4; step++) {
		xdwriteread(&rig, true, 0, 7, 65);
		rig.fail_step = step;
		rig_run(&rig);
		assert_info(&rig, codes[(step - 1) % 2], step > 2 ? 7u + 64 : 7u);
		assert_int_equal(rig.cmd.in_data_len, step > 2 ? 64 * BS : 0);
	}
	rig.fail_step = 0;
	for (int step = 1; step <= 4; step++) {
		rig.buf_step = step;
		rig_run(&rig);
		assert_int_equal(rig.cmd.status, SCSI_BUSY);
	}
	rig_fini(&rig);
	free(new);
}

/* ---- ORWRITE ---- */

static void orwrite_ors(void **state)
{
	struct rig rig;
	uint8_t *new = pattern(65 * BS);
	uint8_t *old = malloc(65 * BS);

	rig_init(&rig, NULL);
	memcpy(old, rig.medium + BS, 65 * BS);
	rig_cdb_op(&rig, rig_op(0x8b), 1, 65);
	rig.cdb[1] = 0x08;
	rig_run_out(&rig, new, 65 * BS);
	assert_good(&rig);
	assert_trace(&rig, "BLDRW!DRW!");
	assert_int_equal(rig.lock_off, BS);
	assert_int_equal(rig.lock_len, 65 * BS);
	assert_int_equal(rig.cmd.data_len, 65 * BS);
	for (size_t i = 0; i < 65 * BS; i++)
		assert_int_equal(rig.medium[BS + i], old[i] | new[i]);
	rig_run_out(&rig, new, BS + 100);
	assert_sense(&rig, SENSE_INVALID_FIELD_IN_COMMAND_IU);
	rig_run_none(&rig);
	assert_good(&rig);
	assert_int_equal(rig.cmd.xfer_len, 65 * BS);
	rig_fini(&rig);
	free(old);
	free(new);
}

/* ---- COMPARE AND WRITE ---- */

/* Data-out: what the n blocks at lba hold, then a pattern. */
static uint8_t *caw_data(struct rig *rig, uint64_t lba, uint32_t n)
{
	size_t len = (size_t)n * rig->bs;
	uint8_t *out = pattern(2 * len);

	memcpy(out, rig->medium + lba * rig->bs, len);
	rig_cdb_op(rig, rig_op(0x89), lba, n);
	return out;
}

static void expect_caw(uint32_t block_size, uint32_t n, const char *trace)
{
	struct rig rig;
	uint8_t *out;
	size_t len = (size_t)n * block_size;

	rig_init(&rig, &(struct rig_conf){ .block_size = block_size });
	out = caw_data(&rig, 9, n);
	rig.cdb[1] = 0x18;
	rig_run_out(&rig, out, 2 * (uint32_t)len);
	assert_good(&rig);
	if (trace)
		assert_trace(&rig, trace);
	assert_int_equal(rig.cmd.data_len, 2 * len);
	assert_int_equal(rig.cmd.xfer_len, 2 * len);
	assert_int_equal(rig.lock_off, 9 * block_size);
	assert_int_equal(rig.lock_len, len);
	assert_memory_equal(rig.medium + 9 * block_size, out + len, len);
	rig_fini(&rig);
	free(out);
}

static void caw_simple(void **state)
{
	expect_caw(512, 1, "BLDRDW!");
	expect_caw(512, 65, "BLDRDRDW!DW!");
	expect_caw(512, 255, NULL);
	expect_caw(4096, 255, NULL);
}

/* One byte differs: it is named, and nothing is written. */
static void caw_mismatch(void **state)
{
	const size_t where[] = { 0, 1, 511, 512, 32767, 32768, 255 * BS - 1 };
	struct rig rig;
	uint8_t *out, *before = malloc(RIG_BLOCKS * BS);

	rig_init(&rig, NULL);
	memcpy(before, rig.medium, RIG_BLOCKS * BS);
	out = caw_data(&rig, 4, 255);
	for (size_t i = 0; i < ARRAY_SIZE(where); i++) {
		out[where[i]] ^= 1;
		rig_run_out(&rig, out, 2 * 255 * BS);
		out[where[i]] ^= 1;
		assert_info(&rig, SENSE_MISCOMPARE, where[i]);
		assert_null(strchr(rig.trace, 'W'));
		assert_memory_equal(rig.medium, before, RIG_BLOCKS * BS);
	}
	rig_fini(&rig);
	free(before);
	free(out);
}

static void caw_lengths(void **state)
{
	struct rig rig;
	uint8_t *out;

	rig_init(&rig, NULL);
	out = caw_data(&rig, 0, 2);
	for (uint32_t len = 0; len < 4 * BS; len += 256) {
		rig_run_out(&rig, out, len);
		assert_sense(&rig, SENSE_INVALID_FIELD_IN_COMMAND_IU);
		assert_trace(&rig, "");
		assert_int_equal(rig.cmd.xfer_len, 4 * BS);
	}
	rig_cdb_op(&rig, rig_op(0x89), 5, 0);
	rig_run_none(&rig);
	assert_good(&rig);
	rig_fini(&rig);
	free(out);
}

static void caw_faults(void **state)
{
	struct rig rig;
	uint8_t *out;

	rig_init(&rig, NULL);
	out = caw_data(&rig, 7, 65);
	rig.fail_res = -EIO;
	for (int step = 1; step <= 4; step++) {
		rig.fail_step = step;
		rig_run_out(&rig, out, 130 * BS);
		assert_info(&rig, step <= 2 ? SENSE_READ_ERROR : SENSE_WRITE_ERROR,
			    step % 2 ? 7u : 7u + 64);
		memcpy(rig.medium + 7 * BS, out, 65 * BS);
	}
	rig_fini(&rig);
	free(out);
}

/* ---- variable length CDBs ---- */

static void additional_length_is_exact(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	for (unsigned int len = 0; len < 256; len++) {
		rig_cdb_op(&rig, scsi_op_lookup(SCSI_VARIABLE, 9), 0, 1);
		rig.cdb[7] = (uint8_t)len;
		rig_run_in(&rig, BS);
		if (len == 24)
			assert_good(&rig);
		else
			assert_bad_cdb(&rig, 7, -1);
	}
	rig_fini(&rig);
}

static void unknown_actions(void **state)
{
	const uint16_t actions[] = { 0, 8, 0x1f, 0x20, 0x109, 0xffff };
	struct rig rig;

	rig_init(&rig, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		rig_cdb(&rig, SCSI_VARIABLE, 0, 0, 0, 0, 0, 0, 24);
		be16_put(rig.cdb + 8, actions[i]);
		rig_run_none(&rig);
		assert_bad_cdb(&rig, 8, -1);
	}
	rig_fini(&rig);
}

/* Expected tags mean nothing without protection information (SBC-3 5.13). */
static void read_write_long(void **state)
{
	struct rig rig;
	uint8_t *new = pattern(BS);

	rig_init(&rig, NULL);
	rig_cdb_op(&rig, scsi_op_lookup(SCSI_VARIABLE, 0x0b), RIG_BLOCKS - 1, 1);
	memset(rig.cdb + 20, 0xa5, 8);
	rig.cdb[10] = 0x08;
	rig_run_out(&rig, new, BS);
	assert_good(&rig);
	assert_trace(&rig, "w!");
	rig_cdb_op(&rig, scsi_op_lookup(SCSI_VARIABLE, 0x09), RIG_BLOCKS - 1, 1);
	rig_run_in(&rig, BS);
	assert_good(&rig);
	assert_memory_equal(rig.in, new, BS);
	rig_cdb_op(&rig, scsi_op_lookup(SCSI_VARIABLE, 0x0a), RIG_BLOCKS - 1, 1);
	rig.cdb[10] = 0x02;
	rig_run_out(&rig, new, BS);
	assert_good(&rig);
	rig.cdb[10] = 0x04;
	rig_run_out(&rig, new, BS);
	assert_bad_cdb(&rig, 10, 2);
	rig_cdb_op(&rig, scsi_op_lookup(SCSI_VARIABLE, 0x0d), 0, 16);
	rig_run_out(&rig, new, BS);
	assert_good(&rig);
	assert_memory_equal(rig.medium + 15 * BS, new, BS);
	rig.cdb[10] = 0x01; /* NDOB */
	rig_run_none(&rig);
	assert_good(&rig);
	assert_trace(&rig, "Z");
	rig_cdb_op(&rig, scsi_op_lookup(SCSI_VARIABLE, 0x0c), 1, 1);
	rig.cdb[10] = 0x02;
	rig_run_out(&rig, new, BS);
	assert_good(&rig);
	rig_fini(&rig);
	free(new);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(xor_simple),	   cmocka_unit_test(xor_residuals),
		cmocka_unit_test(xor_faults),	   cmocka_unit_test(additional_length_is_exact),
		cmocka_unit_test(orwrite_ors),	   cmocka_unit_test(caw_simple),
		cmocka_unit_test(caw_mismatch),	   cmocka_unit_test(caw_lengths),
		cmocka_unit_test(caw_faults),
		cmocka_unit_test(unknown_actions), cmocka_unit_test(read_write_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
