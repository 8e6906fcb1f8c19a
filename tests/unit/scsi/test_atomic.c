/* SPDX-License-Identifier: BSD-2-Clause */
/* WRITE ATOMIC(16) on a store that claims 4 KiB to 16 KiB. */
#include <string.h>

#include "rig.h"

static void setup(struct rig *rig)
{
	rig_init(rig, &(struct rig_conf){ .features = STORE_F_ATOMIC,
					  .atomic_min = 4096,
					  .atomic_max = 16384 });
}

static uint8_t write_atomic(struct rig *rig, uint64_t lba, uint64_t n, uint8_t options)
{
	static uint8_t data[65536];

	memset(data, 0x5a, sizeof(data));
	rig_cdb_op(rig, rig_op(0x9c), lba, n);
	rig->cdb[1] = options;
	return rig_run_out(rig, data, sizeof(data));
}

static void one_request(void **state)
{
	struct rig rig;

	setup(&rig);
	assert_int_equal(write_atomic(&rig, 32, 32, 0), SCSI_GOOD);
	assert_trace(&rig, "DW");
	assert_int_equal(rig.cmd.io.flags, STORE_IO_ATOMIC);
	assert_int_equal(rig.medium[32 * 512], 0x5a);
	assert_int_equal(rig.medium[64 * 512 - 1], 0x5a);
	assert_int_equal(rig.cmd.xfer_len, 32 * 512);
	assert_int_equal(write_atomic(&rig, 8, 8, 0x08), SCSI_GOOD);
	assert_trace(&rig, "DW!");
	assert_int_equal(write_atomic(&rig, 8, 0, 0), SCSI_GOOD);
	assert_trace(&rig, "");
	rig_fini(&rig);
}

static void what_could_tear_is_refused(void **state)
{
	static const uint64_t bad[][3] = {
		/* LBA, blocks, byte */
		{ 0, 64, 12 }, { 0, 4, 12 }, { 0, 24, 12 }, { 8, 16, 2 }, { 4, 8, 2 },
	};
	struct rig rig;

	setup(&rig);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		write_atomic(&rig, bad[i][0], bad[i][1], 0);
		assert_bad_cdb(&rig, bad[i][2], -1);
		assert_trace(&rig, "");
	}
	rig_cdb_op(&rig, rig_op(0x9c), 0, 8);
	rig_run_out(&rig, rig.medium, 8 * 512 - 1);
	assert_sense(&rig, SENSE_INVALID_FIELD_IN_COMMAND_IU);
	rig_fini(&rig);
}

static void limits(struct rig *rig, uint32_t max, uint32_t min)
{
	rig_cdb(rig, 0x12, 1, 0xb0, 0, 64);
	rig_run_in(rig, 64);
	assert_good(rig);
	assert_int_equal(be32_get(rig->in + 44), max);
	assert_int_equal(be32_get(rig->in + 48), min);
	assert_int_equal(be32_get(rig->in + 52), min);
	assert_int_equal(be64_get(rig->in + 56), 0);
}

static void claimed_only_where_it_holds(void **state)
{
	struct rig rig;

	setup(&rig);
	limits(&rig, 32, 8);
	rig_fini(&rig);
	rig_init(&rig, &(struct rig_conf){ .features = STORE_F_ATOMIC,
					   .atomic_min = 4096,
					   .atomic_max = 1 << 20 });
	limits(&rig, 128, 8);
	rig_fini(&rig);
	rig_init(&rig, NULL);
	limits(&rig, 0, 0);
	write_atomic(&rig, 0, 8, 0);
	assert_sense(&rig, SENSE_INVALID_OPCODE);
	rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_request),
		cmocka_unit_test(what_could_tear_is_refused),
		cmocka_unit_test(claimed_only_where_it_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
