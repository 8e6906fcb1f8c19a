/* SPDX-License-Identifier: BSD-2-Clause */
/* READ and WRITE of all sizes, residuals, FUA, limits, SYNCHRONIZE CACHE, errors of the store. */
#include <errno.h>
#include <string.h>

#include "rig.h"

static const uint8_t reads[] = { 0x08, 0x28, 0xa8, 0x88 };
static const uint8_t writes[] = { 0x0a, 0x2a, 0xaa, 0x8a };

enum { FUA = 0x08, DPO = 0x10 };

static void fill(uint8_t *data, size_t len, uint8_t seed)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)(i * 3 + seed);
}

static void read_simple(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(reads); i++) {
		for (uint32_t n = 1; n < 256; n++) {
			uint64_t lba = RIG_BLOCKS - n;

			rig_cdb_op(&rig, rig_op(reads[i]), lba, n);
			rig_run_in(&rig, n * 512);
			assert_good(&rig);
			assert_trace(&rig, "r");
			assert_int_equal(rig.cmd.dir, SCSI_DIR_IN);
			assert_int_equal(rig.cmd.xfer_len, n * 512);
			assert_int_equal(rig.cmd.data_len, n * 512);
			assert_memory_equal(rig.in, rig.medium + lba * 512, n * 512);
		}
	}
	rig_fini(&rig);
}

static void write_simple(void **state)
{
	struct rig rig;
	uint8_t data[8 * 512];

	rig_init(&rig, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(writes); i++) {
		fill(data, sizeof(data), (uint8_t)(i + 1));
		rig_cdb_op(&rig, rig_op(writes[i]), RIG_BLOCKS - 8, 8);
		rig_run_out(&rig, data, sizeof(data));
		assert_good(&rig);
		assert_trace(&rig, "w");
		assert_int_equal(rig.cmd.dir, SCSI_DIR_OUT);
		assert_int_equal(rig.cmd.xfer_len, sizeof(data));
		assert_int_equal(rig.cmd.data_len, sizeof(data));
		assert_memory_equal(rig.medium + (RIG_BLOCKS - 8) * 512, data, sizeof(data));
	}
	rig_fini(&rig);
}

static void block_sizes(void **state)
{
	static const uint32_t sizes[] = { 512, 1024, 2048, 4096 };
	struct rig rig;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		rig_init(&rig, &(struct rig_conf){ .block_size = sizes[i] });
		rig_cdb_op(&rig, rig_op(0x28), 3, 2);
		rig_run_in(&rig, 2 * sizes[i]);
		assert_good(&rig);
		assert_int_equal(rig.cmd.stream.off, 3 * sizes[i]);
		assert_int_equal(rig.cmd.data_len, 2 * sizes[i]);
		rig_fini(&rig);
	}
}

static void zero_blocks(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	for (size_t i = 1; i < ARRAY_SIZE(reads); i++) {
		const struct scsi_op *ops[] = { rig_op(reads[i]), rig_op(writes[i]) };

		for (size_t j = 0; j < 2; j++) {
			rig_cdb_op(&rig, ops[j], RIG_BLOCKS, 0);
			rig_run_none(&rig);
			assert_good(&rig);
			assert_trace(&rig, "");
			assert_int_equal(rig.cmd.xfer_len, 0);
			rig_cdb_op(&rig, ops[j], RIG_BLOCKS + 1, 0);
			rig_run_none(&rig);
			assert_sense(&rig, SENSE_LBA_OUT_OF_RANGE);
		}
	}
	rig_fini(&rig);
}

/* SBC-3 5.8: TRANSFER LENGTH 0 of the 6-byte CDBs is 256. */
static void zero_is_256(void **state)
{
	static uint8_t data[256 * 512];
	struct rig rig;

	rig_init(&rig, NULL);
	rig_cdb_op(&rig, rig_op(0x08), RIG_BLOCKS - 256, 0);
	rig_run_in(&rig, sizeof(data));
	assert_good(&rig);
	assert_int_equal(rig.cmd.data_len, sizeof(data));
	rig_cdb_op(&rig, rig_op(0x08), RIG_BLOCKS - 255, 0);
	rig_run_in(&rig, sizeof(data));
	assert_sense(&rig, SENSE_LBA_OUT_OF_RANGE);
	rig_cdb_op(&rig, rig_op(0x0a), 0, 0);
	rig_run_out(&rig, data, sizeof(data));
	assert_good(&rig);
	assert_int_equal(rig.cmd.data_len, sizeof(data));
	rig_fini(&rig);
}

static void full_width_addresses(void **state)
{
	struct rig rig;

	rig_init(&rig, &(struct rig_conf){ .n_blocks = UINT64_C(1) << 50 });
	rig_cdb_op(&rig, rig_op(0x88), (UINT64_C(1) << 50) - 1, 1);
	rig_run_in(&rig, 512);
	assert_good(&rig);
	assert_int_equal(rig.cmd.stream.off, ((UINT64_C(1) << 50) - 1) * 512);
	rig_cdb(&rig, 0x08, 0x1f, 0xff, 0xff, 1, 0);
	rig_run_in(&rig, 512);
	assert_int_equal(rig.cmd.stream.off, UINT64_C(0x1fffff) * 512);
	rig_cdb(&rig, 0xa8, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1);
	rig_run_in(&rig, 512);
	assert_int_equal(rig.cmd.stream.off, UINT64_C(0xffffffff) * 512);
	rig_fini(&rig);
}

/* MAXIMUM TRANSFER LENGTH of Block Limits. */
static void max_transfer(void **state)
{
	static const uint8_t ops[] = { 0x28, 0x2a, 0x2e, 0x2f, 0xa8, 0xaa,
				       0xae, 0xaf, 0x88, 0x8a, 0x8e, 0x8f };
	struct rig rig;
	uint32_t max;

	rig_init(&rig, &(struct rig_conf){ .n_blocks = UINT64_C(1) << 40 });
	max = rig.lu->max_transfer_blocks;
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		const struct scsi_op *op = rig_op(ops[i]);

		rig_cdb_op(&rig, op, 0, max + 1);
		rig_run_none(&rig);
		assert_bad_cdb(&rig, scsi_field_byte(op->len), -1);
	}
	rig_cdb_op(&rig, rig_op(0x28), 0, max);
	rig_run_in(&rig, max * 512);
	assert_good(&rig);
	rig_fini(&rig);
}

static void protect_bits(void **state)
{
	static const uint8_t ops[] = { 0x28, 0x2a, 0x2e, 0x2f, 0x41, 0xa8, 0xaa,
				       0xae, 0xaf, 0x88, 0x8a, 0x8e, 0x8f, 0x93 };
	struct rig rig;

	rig_init(&rig, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		for (uint8_t protect = 1; protect < 8; protect++) {
			rig_cdb_op(&rig, rig_op(ops[i]), 0, 1);
			rig.cdb[1] |= (uint8_t)(protect << 5);
			rig_run_in(&rig, 512);
			assert_bad_cdb(&rig, 1, 7);
		}
	}
	rig_fini(&rig);
}

/* ---- DPO and FUA ---- */

static void run_flags(struct rig *rig, uint8_t opcode, uint8_t flags)
{
	uint8_t data[512] = { 0 };

	rig_cdb_op(rig, rig_op(opcode), 0, 1);
	rig->cdb[1] |= flags;
	rig->in_len = rig_op(opcode)->dir == SCSI_DIR_IN ? 512 : 0;
	rig->out_len = 512;
	rig->out = data;
	rig_run(rig);
	assert_good(rig);
}

static void dpo_fua(void **state)
{
	struct rig rig;

	rig_init(&rig, &(struct rig_conf){ .features = STORE_F_WRITE_CACHE });
	for (size_t i = 1; i < ARRAY_SIZE(reads); i++) {
		run_flags(&rig, reads[i], DPO);
		assert_trace(&rig, "r");
		run_flags(&rig, reads[i], FUA);
		assert_trace(&rig, "Fr!");
		run_flags(&rig, reads[i], FUA | DPO);
		assert_trace(&rig, "Fr!");
		run_flags(&rig, writes[i], DPO);
		assert_trace(&rig, "w");
		run_flags(&rig, writes[i], FUA);
		assert_trace(&rig, "w!");
		run_flags(&rig, writes[i], FUA | DPO);
		assert_trace(&rig, "w!");
	}
	rig_fini(&rig);
}

static void fua_without_cache(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	run_flags(&rig, 0x28, FUA);
	assert_trace(&rig, "r!");
	rig_fini(&rig);
}

/* In READ(6) and WRITE(6) these bits belong to the LBA. */
static void six_byte_cdbs_have_no_fua(void **state)
{
	struct rig rig;

	rig_init(&rig, &(struct rig_conf){ .features = STORE_F_WRITE_CACHE,
					   .n_blocks = 0x200000 });
	run_flags(&rig, 0x08, FUA | DPO);
	assert_trace(&rig, "r");
	assert_int_equal(rig.cmd.stream.off, UINT64_C(0x180000) * 512);
	run_flags(&rig, 0x0a, FUA);
	assert_trace(&rig, "w");
	rig_fini(&rig);
}

/* ---- residuals ---- */

static void read_residuals(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	rig_cdb_op(&rig, rig_op(0x28), 4, 2);
	rig_run_in(&rig, 10000); /* under */
	assert_good(&rig);
	assert_int_equal(rig.cmd.xfer_len, 1024);
	assert_int_equal(rig.cmd.data_len, 1024);
	assert_int_equal(rig.in[1024], 0xee);
	rig_run_in(&rig, 512); /* over */
	assert_good(&rig);
	assert_int_equal(rig.cmd.xfer_len, 1024);
	assert_int_equal(rig.cmd.data_len, 512);
	rig_run_in(&rig, 0); /* no buffer at all */
	assert_good(&rig);
	assert_trace(&rig, "");
	assert_int_equal(rig.cmd.xfer_len, 1024);
	assert_int_equal(rig.cmd.data_len, 0);
	rig_fini(&rig);
}

/* Buffers that end inside a block. */
static void read_into_odd_buffers(void **state)
{
	static const uint32_t rooms[] = { 1, 200, 511, 513, 1000, 65535 };
	struct rig rig;

	rig_init(&rig, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(rooms); i++) {
		rig_cdb_op(&rig, rig_op(0x28), 4, 128);
		rig_run_in(&rig, rooms[i]);
		assert_good(&rig);
		assert_trace(&rig, "BR");
		assert_int_equal(rig.cmd.xfer_len, 128 * 512);
		assert_int_equal(rig.cmd.data_len, rooms[i]);
		assert_memory_equal(rig.in, rig.medium + 4 * 512, rooms[i]);
	}
	rig_cdb_op(&rig, rig_op(0x28), 0, 256);
	rig_run_in(&rig, 65537);
	assert_sense(&rig, SENSE_INVALID_FIELD_IN_COMMAND_IU);
	assert_int_equal(rig.cmd.xfer_len, 256 * 512);
	rig_fini(&rig);
}

static void write_residuals(void **state)
{
	struct rig rig;
	uint8_t data[10000];
	uint8_t after[512];

	rig_init(&rig, NULL);
	fill(data, sizeof(data), 9);
	memcpy(after, rig.medium + 5 * 512, sizeof(after));
	rig_cdb_op(&rig, rig_op(0x2a), 4, 1);
	rig_run_out(&rig, data, sizeof(data)); /* under: one block only */
	assert_good(&rig);
	assert_int_equal(rig.cmd.xfer_len, 512);
	assert_int_equal(rig.cmd.data_len, 512);
	assert_memory_equal(rig.medium + 4 * 512, data, 512);
	assert_memory_equal(rig.medium + 5 * 512, after, 512);
	rig_cdb_op(&rig, rig_op(0x2a), 4, 2);
	rig_run_out(&rig, data + 512, 512); /* over: what there is */
	assert_good(&rig);
	assert_int_equal(rig.cmd.xfer_len, 1024);
	assert_int_equal(rig.cmd.data_len, 512);
	assert_memory_equal(rig.medium + 4 * 512, data + 512, 512);
	assert_memory_equal(rig.medium + 5 * 512, after, 512);
	rig_run_none(&rig);
	assert_good(&rig);
	assert_trace(&rig, "");
	assert_int_equal(rig.cmd.xfer_len, 1024);
	rig_run_out(&rig, data, 700); /* part of a block is never written */
	assert_sense(&rig, SENSE_INVALID_FIELD_IN_COMMAND_IU);
	assert_trace(&rig, "");
	assert_int_equal(rig.cmd.xfer_len, 1024);
	assert_int_equal(rig.cmd.data_len, 0);
	rig_fini(&rig);
}

/* The other direction's buffer does not count. */
static void wrong_direction(void **state)
{
	struct rig rig;
	uint8_t data[512];

	rig_init(&rig, NULL);
	rig_cdb_op(&rig, rig_op(0x28), 0, 1);
	rig_run_out(&rig, data, sizeof(data));
	assert_good(&rig);
	assert_trace(&rig, "");
	rig_cdb_op(&rig, rig_op(0x2a), 0, 1);
	rig_run_in(&rig, 512);
	assert_good(&rig);
	assert_trace(&rig, "");
	rig_fini(&rig);
}

/* ---- errors of the store ---- */

struct failure {
	int res;
	uint32_t read_code; /* 0: BUSY */
	uint32_t write_code;
};

static const struct failure failures[] = {
	{ -EIO, SENSE_READ_ERROR, SENSE_WRITE_ERROR },
	{ -ENOSPC, SENSE_SPACE_ALLOCATION_FAILED, SENSE_SPACE_ALLOCATION_FAILED },
	{ -EROFS, SENSE_WRITE_PROTECTED, SENSE_WRITE_PROTECTED },
	{ -EINVAL, SENSE_INTERNAL_FAILURE, SENSE_INTERNAL_FAILURE },
	{ -EBADF, SENSE_INTERNAL_FAILURE, SENSE_INTERNAL_FAILURE },
	{ -ENOMEM, 0, 0 },
	{ -EAGAIN, 0, 0 },
};

static void expect_failure(struct rig *rig, uint32_t code, uint64_t lba)
{
	if (!code) {
		assert_int_equal(rig->cmd.status, SCSI_BUSY);
		assert_int_equal(rig->cmd.sense_len, 0);
		return;
	}
	assert_info(rig, code, lba);
}

static void stream_errors(void **state)
{
	static const uint8_t data[8 * 512];
	struct rig rig;

	rig_init(&rig, NULL);
	rig.fail_step = 1;
	rig.fail_done = 3 * 512 + 100;
	for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
		rig.fail_res = failures[i].res;
		rig_cdb_op(&rig, rig_op(0x28), 100, 8);
		rig_run_in(&rig, sizeof(data));
		expect_failure(&rig, failures[i].read_code, 103);
		assert_int_equal(rig.cmd.data_len, 3 * 512 + 100);
		assert_int_equal(rig.cmd.xfer_len, 8 * 512);
		rig_cdb_op(&rig, rig_op(0x2a), 100, 8);
		rig_run_out(&rig, data, sizeof(data));
		expect_failure(&rig, failures[i].write_code, 103);
	}
	rig_fini(&rig);
}

/* The fixed format has no room for a larger LBA: VALID is 0. */
static void error_at_large_lba(void **state)
{
	struct rig rig;

	rig_init(&rig, &(struct rig_conf){ .n_blocks = UINT64_C(1) << 40 });
	rig.fail_step = 1;
	rig.fail_res = -EIO;
	rig_cdb_op(&rig, rig_op(0x88), UINT64_C(1) << 33, 1);
	rig_run_in(&rig, 512);
	assert_sense(&rig, SENSE_READ_ERROR);
	assert_int_equal(rig.cmd.sense[0], 0x70);
	rig_fini(&rig);
}

static void odd_read_error(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	rig.fail_step = 1;
	rig.fail_res = -EIO;
	rig_cdb_op(&rig, rig_op(0x28), 7, 1);
	rig_run_in(&rig, 100);
	assert_info(&rig, SENSE_READ_ERROR, 7);
	assert_int_equal(rig.cmd.data_len, 0);
	rig_fini(&rig);
}

static void fua_read_flush_error(void **state)
{
	struct rig rig;

	rig_init(&rig, &(struct rig_conf){ .features = STORE_F_WRITE_CACHE });
	rig.fail_step = 1;
	rig.fail_res = -EIO;
	rig_cdb(&rig, 0x28, FUA, 0, 0, 0, 0, 0, 0, 1, 0);
	rig_run_in(&rig, 512);
	assert_sense(&rig, SENSE_WRITE_ERROR);
	assert_trace(&rig, "F");
	rig_fini(&rig);
}

/* ---- SYNCHRONIZE CACHE ---- */

static void synchronize_cache(void **state)
{
	static const uint8_t ops[] = { 0x35, 0x91 };
	struct rig rig;

	rig_init(&rig, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		for (uint8_t flags = 0; flags < 8; flags += 2) {
			rig_cdb_op(&rig, rig_op(ops[i]), 0, 0); /* all of it */
			rig.cdb[1] = flags;
			rig_run_none(&rig);
			assert_good(&rig);
			assert_trace(&rig, "F");
		}
		rig_cdb_op(&rig, rig_op(ops[i]), RIG_BLOCKS - 1, 2);
		rig_run_none(&rig);
		assert_sense(&rig, SENSE_LBA_OUT_OF_RANGE);
		assert_trace(&rig, "");
	}
	rig.fail_step = 1;
	rig.fail_res = -EIO;
	rig_cdb_op(&rig, rig_op(0x35), 0, 0);
	rig_run_none(&rig);
	assert_sense(&rig, SENSE_WRITE_ERROR);
	assert_int_equal(rig.cmd.sense[0], 0x70); /* which block is not known */
	rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_simple),	       cmocka_unit_test(write_simple),
		cmocka_unit_test(block_sizes),	       cmocka_unit_test(zero_blocks),
		cmocka_unit_test(zero_is_256),	       cmocka_unit_test(full_width_addresses),
		cmocka_unit_test(max_transfer),	       cmocka_unit_test(protect_bits),
		cmocka_unit_test(dpo_fua),	       cmocka_unit_test(fua_without_cache),
		cmocka_unit_test(six_byte_cdbs_have_no_fua), cmocka_unit_test(read_residuals),
		cmocka_unit_test(read_into_odd_buffers), cmocka_unit_test(write_residuals),
		cmocka_unit_test(wrong_direction),     cmocka_unit_test(stream_errors),
		cmocka_unit_test(error_at_large_lba),  cmocka_unit_test(odd_read_error),
		cmocka_unit_test(fua_read_flush_error), cmocka_unit_test(synchronize_cache),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
