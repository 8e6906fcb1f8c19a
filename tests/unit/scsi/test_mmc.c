/* SPDX-License-Identifier: BSD-2-Clause */
/* A drive for discs: what it tells of itself and of the disc, load and eject, another disc. */
#include <string.h>

#include "rig.h"

static void setup(struct rig *rig)
{
	rig_init(rig, &(struct rig_conf){ .cdrom = true });
}

static void is_a_drive(void **state)
{
	struct rig rig;

	setup(&rig);
	rig_cdb(&rig, 0x12, 0, 0, 0, 96);
	assert_int_equal(rig_run_in(&rig, 96), SCSI_GOOD);
	assert_int_equal(rig.in[0], 0x05);
	assert_int_equal(rig.in[1], 0x80);
	rig_cdb(&rig, 0x25);
	assert_int_equal(rig_run_in(&rig, 8), SCSI_GOOD);
	assert_int_equal(be32_get(rig.in), RIG_BLOCKS - 1);
	assert_int_equal(be32_get(rig.in + 4), 2048);
	rig_cdb(&rig, 0x28, 0, 0, 0, 0, 1, 0, 0, 2);
	assert_int_equal(rig_run_in(&rig, 4096), SCSI_GOOD);
	assert_memory_equal(rig.in, rig.medium + 2048, 4096);
	rig_fini(&rig);
}

/* Nothing writes, and disks know none of its commands. */
static void has_its_own_commands(void **state)
{
	static const uint8_t writes[] = { 0x0a, 0x2a, 0x8a, 0x2e, 0x41, 0x42, 0x89 };
	static const uint8_t own[] = { 0x43, 0x46, 0x4a, 0x51, 0x52 };
	static const uint8_t out[2048];
	struct rig rig, disk;

	setup(&rig);
	rig_init(&disk, NULL);
	for (size_t i = 0; i < sizeof(writes); i++) {
		rig_cdb(&rig, writes[i]);
		rig_run_out(&rig, out, sizeof(out));
		assert_sense(&rig, SENSE_INVALID_OPCODE);
	}
	for (size_t i = 0; i < sizeof(own); i++) {
		rig_cdb(&disk, own[i], 0, 0, 0, 0x10, 0, 0, 0, 64);
		rig_run_in(&disk, 64);
		assert_sense(&disk, SENSE_INVALID_OPCODE);
	}
	rig_cdb(&rig, 0x12, 1, 0x00, 0, 64);
	assert_int_equal(rig_run_in(&rig, 64), SCSI_GOOD);
	for (int i = 0; i < rig.in[3]; i++)
		assert_true(rig.in[4 + i] < 0xb0); /* pages of SBC */
	rig_cdb(&rig, 0x12, 1, 0xb0, 0, 64);
	rig_run_in(&rig, 64);
	assert_sense(&rig, SENSE_INVALID_FIELD_IN_CDB);
	rig_fini(&rig);
	rig_fini(&disk);
}

static void tells_its_table_of_contents(void **state)
{
	struct rig rig;

	setup(&rig);
	rig_cdb(&rig, 0x43, 0, 0, 0, 0, 0, 0, 0, 64);
	assert_int_equal(rig_run_in(&rig, 64), SCSI_GOOD);
	assert_int_equal(rig.cmd.data_len, 20);
	assert_memory_equal(rig.in, ((uint8_t[]){ 0, 18, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0, 0, 0x14, 0xaa, 0,
						  0, 0, 4, 0 }), 20);
	rig_cdb(&rig, 0x43, 2, 0, 0, 0, 0, 0xaa, 0, 64);
	assert_int_equal(rig_run_in(&rig, 64), SCSI_GOOD);
	/* 1024 + 150 frames: 15 seconds, 49 frames */
	assert_memory_equal(rig.in, ((uint8_t[]){ 0, 10, 1, 1, 0, 0x14, 0xaa, 0, 0, 0, 15, 49 }), 12);
	for (int old = 0; old < 2; old++) {
		rig_cdb(&rig, 0x43, 0, (uint8_t)!old, 0, 0, 0, 0, 0, 64, old ? 0x40 : 0);
		assert_int_equal(rig_run_in(&rig, 64), SCSI_GOOD);
		assert_memory_equal(rig.in, ((uint8_t[]){ 0, 10, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0 }), 12);
	}
	rig_cdb(&rig, 0x43, 0, 2, 0, 0, 0, 0, 0, 64);
	assert_int_equal(rig_run_in(&rig, 64), SCSI_GOOD);
	assert_int_equal(rig.cmd.data_len, 4 + 4 * 11);
	assert_memory_equal(rig.in + 4 + 22, ((uint8_t[]){ 1, 0x14, 0, 0xa2, 0, 0, 0, 0, 0, 15, 49 }), 11);
	assert_memory_equal(rig.in + 4 + 33, ((uint8_t[]){ 1, 0x14, 0, 1, 0, 0, 0, 0, 0, 2, 0 }), 11);
	rig_cdb(&rig, 0x43, 0, 0, 0, 0, 0, 2, 0, 64);
	rig_run_in(&rig, 64);
	assert_field(&rig, SENSE_INVALID_FIELD_IN_CDB, 6, -1);
	rig_cdb(&rig, 0x43, 0, 4, 0, 0, 0, 0, 0, 64);
	rig_run_in(&rig, 64);
	assert_field(&rig, SENSE_INVALID_FIELD_IN_CDB, 2, 3);
	rig_fini(&rig);
}

static void tells_its_features(void **state)
{
	struct rig rig;
	uint32_t all;

	setup(&rig);
	rig_cdb(&rig, 0x46, 0, 0, 0, 0, 0, 0, 1, 0);
	assert_int_equal(rig_run_in(&rig, 256), SCSI_GOOD);
	all = be32_get(rig.in);
	assert_int_equal(rig.cmd.data_len, all + 4);
	assert_int_equal(be16_get(rig.in + 6), 0x0008); /* 2 MiB: a CD */
	assert_memory_equal(rig.in + 8, ((uint8_t[]){ 0, 0, 3, 8, 0, 0x10, 0, 0, 0, 0x08, 1, 0 }), 12);
	rig_cdb(&rig, 0x46, 1, 0, 0, 0, 0, 0, 1, 0);
	assert_int_equal(rig_run_in(&rig, 256), SCSI_GOOD);
	assert_int_equal(be32_get(rig.in), all - 8); /* not DVD Read */
	rig_cdb(&rig, 0x46, 2, 0, 3, 0, 0, 0, 1, 0);
	assert_int_equal(rig_run_in(&rig, 256), SCSI_GOOD);
	assert_int_equal(be32_get(rig.in), 12);
	assert_int_equal(be16_get(rig.in + 8), 0x0003);
	rig_cdb(&rig, 0x46, 3, 0, 0, 0, 0, 0, 1, 0);
	rig_run_in(&rig, 256);
	assert_field(&rig, SENSE_INVALID_FIELD_IN_CDB, 1, 1);
	for (uint32_t len = 0; len < 20; len++) {
		rig_cdb(&rig, 0x46, 0, 0, 0, 0, 0, 0, 0, (uint8_t)len);
		assert_int_equal(rig_run_in(&rig, 64), SCSI_GOOD);
		assert_int_equal(rig.cmd.data_len, len);
	}
	rig_fini(&rig);
}

static void tells_disc_and_track(void **state)
{
	struct rig rig;

	setup(&rig);
	rig_cdb(&rig, 0x51, 0, 0, 0, 0, 0, 0, 0, 64);
	assert_int_equal(rig_run_in(&rig, 64), SCSI_GOOD);
	assert_int_equal(rig.cmd.data_len, 34);
	assert_memory_equal(rig.in, ((uint8_t[]){ 0, 32, 0x0e, 1, 1, 1, 1, 0x20 }), 8);
	rig_cdb(&rig, 0x52, 1, 0, 0, 0, 1, 0, 0, 64);
	assert_int_equal(rig_run_in(&rig, 64), SCSI_GOOD);
	assert_int_equal(rig.cmd.data_len, 36);
	assert_int_equal(be32_get(rig.in + 24), RIG_BLOCKS);
	rig_cdb(&rig, 0x52, 1, 0, 0, 0, 2, 0, 0, 64);
	rig_run_in(&rig, 64);
	assert_sense(&rig, SENSE_INVALID_FIELD_IN_CDB);
	rig_cdb(&rig, 0x52, 0, 0, 0, 4, 0, 0, 0, 64);
	rig_run_in(&rig, 64);
	assert_sense(&rig, SENSE_LBA_OUT_OF_RANGE);
	rig_cdb(&rig, 0x5a, 8, 0x2a, 0, 0, 0, 0, 0, 64);
	assert_int_equal(rig_run_in(&rig, 64), SCSI_GOOD);
	assert_int_equal(rig.in[8], 0x2a);
	assert_int_equal(rig.in[8 + 6] & 0xe9, 0x29); /* tray, eject, lock */
	rig_fini(&rig);
}

static uint8_t event(struct rig *rig, uint8_t *status)
{
	rig_cdb(rig, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8);
	assert_int_equal(rig_run_in(rig, 8), SCSI_GOOD);
	assert_int_equal(rig->cmd.data_len, 8);
	assert_int_equal(rig->in[2], 4);
	*status = rig->in[5];
	return rig->in[4];
}

/* Out and in again: no medium, then a change that the other nexus is told of. */
static void ejects_and_loads(void **state)
{
	struct scsi_nexus other = { .rel_target_port = 2, .initiator_port_id = { 9 } };
	struct rig rig;
	uint8_t status;

	setup(&rig);
	rig_add_nexus(&rig, &other, 0);
	atomic_store(&other.chunk[0][0]->ua, 0);
	assert_int_equal(event(&rig, &status), 0);
	assert_int_equal(status, 0x02);
	rig_cdb(&rig, 0x1e, 0, 0, 0, 1);
	assert_int_equal(rig_run_none(&rig), SCSI_GOOD);
	rig_cdb(&rig, 0x1b, 0, 0, 0, 2);
	rig_run_none(&rig);
	assert_sense(&rig, SENSE_REMOVAL_PREVENTED);
	rig_cdb(&rig, 0x1e);
	assert_int_equal(rig_run_none(&rig), SCSI_GOOD);
	rig_cdb(&rig, 0x1b, 0, 0, 0, 2);
	assert_int_equal(rig_run_none(&rig), SCSI_GOOD);
	assert_int_equal(event(&rig, &status), 0);
	assert_int_equal(status, 0x01);
	for (int i = 0; i < 3; i++) {
		rig_cdb(&rig, (uint8_t[]){ 0x00, 0x28, 0x43 }[i], 0, 0, 0, 0, 0, 0, 0, i == 1 ? 1 : 64);
		rig_run_in(&rig, 2048);
		assert_sense(&rig, SENSE_NO_MEDIUM);
	}
	rig_cdb(&rig, 0x46, 0, 0, 0, 0, 0, 0, 1, 0);
	assert_int_equal(rig_run_in(&rig, 256), SCSI_GOOD);
	assert_int_equal(be16_get(rig.in + 6), 0);
	rig_cdb(&rig, 0x1b, 0, 0, 0, 3);
	assert_int_equal(rig_run_none(&rig), SCSI_GOOD);
	rig.as = &other;
	rig.itl = other.chunk[0][0];
	assert_int_equal(event(&rig, &status), 2);
	assert_int_equal(status, 0x02);
	rig_cdb(&rig, 0x00);
	rig_run_none(&rig);
	assert_sense(&rig, SENSE_UA_MEDIUM_CHANGED);
	assert_int_equal(event(&rig, &status), 0);
	assert_int_equal(rig_run_none(&rig), SCSI_GOOD);
	rig_cdb(&rig, 0x4a, 0, 0, 0, 0x10, 0, 0, 0, 8);
	rig_run_in(&rig, 8);
	assert_field(&rig, SENSE_INVALID_FIELD_IN_CDB, 1, 0);
	rig.itl = rig.nexus.chunk[0][0];
	scsi_nexus_fini(&other);
	rig_fini(&rig);
}

/* A tray in which nothing lies stays so, however often it is closed. */
static void may_be_empty(void **state)
{
	struct rig rig;

	rig_init(&rig, &(struct rig_conf){ .cdrom = true, .empty = true });
	rig_cdb(&rig, 0x00);
	rig_run_none(&rig);
	assert_sense(&rig, SENSE_NO_MEDIUM);
	rig_cdb(&rig, 0x1b, 0, 0, 0, 3);
	rig_run_none(&rig);
	assert_sense(&rig, SENSE_NO_MEDIUM);
	rig_cdb(&rig, 0x00);
	rig_run_none(&rig);
	assert_sense(&rig, SENSE_NO_MEDIUM);
	rig_fini(&rig);
}

/* The administrator puts another disc in: its logical unit takes the place of the old one's. */
static void another_disc(void **state)
{
	struct rig rig, next;
	const struct scsi_lun_mapping map = { .lun = 0 };
	struct scsi_lun_mapping to = map;
	struct scsi_remap *remap;

	setup(&rig);
	setup(&next);
	to.lu = next.lu;
	assert_int_equal(scsi_remap_new(&rig.nexus, &to, 1, &remap), 0);
	assert_true(scsi_remap_apply(remap));
	assert_int_equal(scsi_nexus_reap(&rig.nexus), 0);
	rig.itl = rig.nexus.chunk[0][0];
	assert_ptr_equal(rig.itl->lu, next.lu);
	rig_cdb(&rig, 0x00);
	rig_run_none(&rig);
	assert_sense(&rig, SENSE_UA_MEDIUM_CHANGED);
	rig_fini(&rig);
	rig_fini(&next);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_a_drive),	      cmocka_unit_test(has_its_own_commands),
		cmocka_unit_test(tells_its_table_of_contents), cmocka_unit_test(tells_its_features),
		cmocka_unit_test(tells_disc_and_track), cmocka_unit_test(ejects_and_loads),
		cmocka_unit_test(may_be_empty),	      cmocka_unit_test(another_disc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
