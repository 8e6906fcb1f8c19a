/* SPDX-License-Identifier: BSD-2-Clause */
/* LUN addressing, LUN maps, unmapped LUNs, unit attentions. */
#include <errno.h>
#include <string.h>

#include "rig.h"

struct form {
	uint8_t lun[8];
	int number;
};

static void addressing_forms(void **state)
{
	static const struct form forms[] = {
		{ { 0x00, 0x00 }, 0 },
		{ { 0x00, 0xff }, 255 },
		{ { 0x01, 0x00 }, -1 }, /* bus 1 */
		{ { 0x3f, 0x05 }, -1 },
		{ { 0x40, 0x00 }, 0 },
		{ { 0x40, 0x05 }, 5 },
		{ { 0x41, 0x00 }, 256 },
		{ { 0x7f, 0xff }, 16383 },
		{ { 0x80, 0x00 }, 0 },
		{ { 0x80, 0x1f }, 31 },
		{ { 0x80, 0x20 }, -1 }, /* bus 1 */
		{ { 0x81, 0x00 }, -1 }, /* target 1 */
		{ { 0xc1, 0x01 }, -1 }, /* REPORT LUNS well known logical unit */
		{ { 0xd2, 0x00, 0x00, 0x05 }, -1 },
		{ { 0xff, 0xff }, -1 },
		{ { 0x00, 0x05, 0x00, 0x01 }, -1 }, /* a second level */
		{ { 0x40, 0x05, 0, 0, 0, 0, 0, 0x01 }, -1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		assert_int_equal(scsi_lun_decode(forms[i].lun), forms[i].number);
}

static void lookup_finds_what_is_mapped(void **state)
{
	struct rig rig;

	rig_init(&rig, &(struct rig_conf){ .lun = 300 });
	assert_ptr_equal(scsi_nexus_lookup(&rig.nexus, (const uint8_t[8]){ 0x41, 0x2c }), rig.itl);
	assert_null(scsi_nexus_lookup(&rig.nexus, (const uint8_t[8]){ 0x41, 0x2d }));
	assert_null(scsi_nexus_lookup(&rig.nexus, (const uint8_t[8]){ 0x00, 0x2c }));
	assert_null(scsi_nexus_lookup(&rig.nexus, (const uint8_t[8]){ 0xc1, 0x01 }));
	rig_fini(&rig);
}

static void map_errors(void **state)
{
	static struct scsi_lun_mapping many[SCSI_MAX_LUNS + 1];
	struct rig rig;
	struct scsi_nexus nexus = { .rel_target_port = 1 };
	struct scsi_lun_mapping twice[2] = { { .lun = 7 }, { .lun = 7 } };
	struct scsi_lun_mapping large = { .lun = SCSI_MAX_LUN + 1 };

	rig_init(&rig, NULL);
	twice[0].lu = twice[1].lu = large.lu = rig.lu;
	assert_int_equal(scsi_nexus_init(&nexus, twice, 2), -EEXIST);
	assert_int_equal(nexus.n_luns, 0);
	assert_int_equal(scsi_nexus_init(&nexus, &large, 1), -EINVAL);
	assert_int_equal(scsi_nexus_init(&nexus, many, ARRAY_SIZE(many)), -E2BIG);
	assert_int_equal(scsi_nexus_init(&nexus, twice, 1), 0);
	assert_int_equal(nexus.n_luns, 1);
	assert_int_equal(atomic_load(&nexus.chunk[0][7]->ua), 1 << SCSI_UA_POWER_ON);
	scsi_nexus_fini(&nexus);
	rig_fini(&rig);
}

static void read_only_by_mapping(void **state)
{
	struct rig rig;
	struct scsi_nexus nexus = { .rel_target_port = 1 };
	struct scsi_lun_mapping map = { .lun = 0, .read_only = true };

	rig_init(&rig, NULL);
	map.lu = rig.lu;
	assert_int_equal(scsi_nexus_init(&nexus, &map, 1), 0);
	assert_true(nexus.chunk[0][0]->read_only);
	assert_false(rig.itl->read_only);
	scsi_nexus_fini(&nexus);
	rig_fini(&rig);
}

/* ---- LUNs that are not mapped ---- */

static uint8_t run_unmapped(struct rig *rig, uint16_t lun, uint32_t in_len)
{
	struct scsi_nexus empty = { .rel_target_port = 1 };
	struct scsi_itl *itl = rig->itl;
	struct scsi_nexus nexus = rig->nexus;
	struct scsi_lun_mapping map = { .lun = 5, .lu = rig->lu };

	/* the driver addresses LUN 0 when there is no itl */
	assert_int_equal(lun, 0);
	assert_int_equal(scsi_nexus_init(&empty, &map, 1), 0);
	rig->itl = NULL;
	rig->nexus = empty;
	rig_run_in(rig, in_len);
	scsi_nexus_fini(&rig->nexus);
	rig->nexus = nexus;
	rig->itl = itl;
	return rig->cmd.status;
}

static void inquiry_of_unmapped_lun(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	rig_cdb(&rig, 0x12, 0, 0, 0, 96, 0);
	run_unmapped(&rig, 0, 96);
	assert_good(&rig);
	assert_int_equal(rig.cmd.data_len, 96);
	assert_int_equal(rig.in[0], 0x7f);
	assert_memory_equal(rig.in + 8, "        ", 8);
	rig_cdb(&rig, 0x12, 1, 0, 0, 96, 0);
	run_unmapped(&rig, 0, 96);
	assert_good(&rig);
	assert_memory_equal(rig.in, "\x7f\x00\x00\x01\x00", 5);
	assert_int_equal(rig.cmd.data_len, 5);
	rig_cdb(&rig, 0x12, 1, 0x83, 0, 96, 0);
	run_unmapped(&rig, 0, 96);
	assert_bad_cdb(&rig, 2, -1);
	rig_cdb(&rig, 0x12, 1, 0xb0, 0, 96, 0);
	run_unmapped(&rig, 0, 96);
	assert_bad_cdb(&rig, 2, -1);
	rig_cdb(&rig, 0x12, 2, 0, 0, 96, 0);
	run_unmapped(&rig, 0, 96);
	assert_bad_cdb(&rig, 1, 1);
	rig_fini(&rig);
}

static void request_sense_of_unmapped_lun(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	rig_cdb(&rig, 0x03, 0, 0, 0, 252, 0);
	run_unmapped(&rig, 0, 252);
	assert_good(&rig);
	assert_int_equal(rig.cmd.data_len, 18);
	assert_int_equal(rig.in[2], 0x05);
	assert_int_equal(be16_get(rig.in + 12), 0x2500);
	rig_fini(&rig);
}

static void report_luns_at_lun_0(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	rig_cdb(&rig, 0xa0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0);
	run_unmapped(&rig, 0, 256);
	assert_good(&rig);
	assert_int_equal(rig.cmd.data_len, 16);
	assert_int_equal(rig.in[9], 5);
	rig_fini(&rig);
}

/* At another LUN it needs a logical unit (SAM-5 5.11). */
static void report_luns_elsewhere(void **state)
{
	struct rig rig;
	uint8_t cdb[16] = { 0xa0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0 };
	struct scsi_cmd cmd = { .lun = { 0, 9 }, .cdb = cdb, .cdb_len = 16, .in_len = 256 };

	rig_init(&rig, NULL);
	cmd.nexus = &rig.nexus;
	assert_int_equal(scsi_start(&cmd), SCSI_COMPLETE);
	assert_int_equal(cmd.status, SCSI_CHECK_CONDITION);
	assert_int_equal(be16_get(cmd.sense + 12), 0x2500);
	rig_fini(&rig);
}

static void other_commands_to_unmapped_lun(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	for (unsigned int i = 0; i < 256; i++) {
		if (i == 0x12 || i == 0x03 || i == 0xa0)
			continue;
		rig_cdb(&rig, (uint8_t)i);
		run_unmapped(&rig, 0, 96);
		assert_sense(&rig, SENSE_LUN_NOT_SUPPORTED);
		assert_int_equal(rig.cmd.xfer_len, 0);
		assert_int_equal(rig.cmd.dir, SCSI_DIR_NONE);
	}
	rig_fini(&rig);
}

/* ---- unit attentions ---- */

static const uint32_t ua_order[] = {
	SENSE_UA_POWER_ON,     SENSE_UA_RESET,		  SENSE_UA_DEVICE_RESET,
	SENSE_UA_NEXUS_LOSS,   SENSE_UA_MEDIUM_CHANGED,	  SENSE_UA_CLEARED,
	SENSE_UA_CLEARED_BY_SERVER,
	SENSE_UA_MODE_CHANGED, SENSE_UA_LOG_CHANGED, SENSE_UA_RESERVATIONS_PREEMPTED,
	SENSE_UA_RESERVATIONS_RELEASED, SENSE_UA_REGISTRATIONS_PREEMPTED,
	SENSE_UA_ACCESS_STATE_CHANGED, SENSE_UA_CAPACITY_CHANGED, SENSE_UA_TIMESTAMP_CHANGED,
	SENSE_UA_INQUIRY_CHANGED, SENSE_UA_IDENTIFIER_CHANGED,
	SENSE_UA_LUNS_CHANGED,
};

static void set_all(struct rig *rig)
{
	for (int ua = SCSI_UA_COUNT - 1; ua >= 0; ua--)
		scsi_ua_set(rig->itl, (enum scsi_ua)ua);
}

static void ua_come_in_order_once(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	set_all(&rig);
	rig_cdb(&rig, 0x00);
	assert_int_equal(ARRAY_SIZE(ua_order), SCSI_UA_COUNT);
	for (size_t i = 0; i < ARRAY_SIZE(ua_order); i++) {
		rig_run_none(&rig);
		assert_sense(&rig, ua_order[i]);
	}
	rig_run_none(&rig);
	assert_good(&rig);
	rig_fini(&rig);
}

static void ua_as_request_sense_data(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	set_all(&rig);
	for (size_t i = 0; i < ARRAY_SIZE(ua_order); i++) {
		bool desc = i % 2;

		rig_cdb(&rig, 0x03, desc, 0, 0, 252, 0);
		rig_run_in(&rig, 252);
		assert_good(&rig);
		assert_int_equal(rig.cmd.data_len, desc ? 8 : 18);
		assert_int_equal(rig.in[0], desc ? 0x72 : 0x70);
		assert_int_equal(rig.in[desc ? 1 : 2], 0x06);
		assert_int_equal(be16_get(rig.in + (desc ? 2 : 12)), ua_order[i] & 0xffff);
	}
	rig_cdb(&rig, 0x03, 0, 0, 0, 252, 0);
	rig_run_in(&rig, 252);
	assert_int_equal(rig.in[2], 0);
	assert_int_equal(be16_get(rig.in + 12), 0);
	rig_fini(&rig);
}

static void inquiry_keeps_ua(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	scsi_ua_set(rig.itl, SCSI_UA_POWER_ON);
	scsi_ua_set(rig.itl, SCSI_UA_LUNS_CHANGED);
	rig_cdb(&rig, 0x12, 0, 0, 0, 96, 0);
	rig_run_in(&rig, 96);
	assert_good(&rig);
	rig_cdb(&rig, 0xa0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0);
	rig_run_in(&rig, 256);
	assert_good(&rig);
	/* the inventory has been read: only its own attention is gone */
	assert_int_equal(atomic_load(&rig.itl->ua), 1 << SCSI_UA_POWER_ON);
	rig_cdb(&rig, 0x28, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	rig_run_none(&rig);
	assert_sense(&rig, SENSE_UA_POWER_ON);
	rig_fini(&rig);
}

static void ua_for_others(void **state)
{
	struct rig rig;
	struct scsi_nexus other = { .rel_target_port = 1 };

	rig_init(&rig, NULL);
	rig_add_nexus(&rig, &other, 3);
	atomic_store(&other.chunk[0][3]->ua, 0);
	scsi_ua_set_others(rig.lu, &rig.nexus, SCSI_UA_CLEARED);
	assert_int_equal(atomic_load(&rig.itl->ua), 0);
	assert_int_equal(atomic_load(&other.chunk[0][3]->ua), 1 << SCSI_UA_CLEARED);
	scsi_lu_resize(rig.lu, (RIG_BLOCKS + 1) * 512);
	assert_int_equal(atomic_load(&rig.itl->ua), 1 << SCSI_UA_CAPACITY_CHANGED);
	assert_int_equal(atomic_load(&other.chunk[0][3]->ua),
			 1 << SCSI_UA_CLEARED | 1 << SCSI_UA_CAPACITY_CHANGED);
	assert_int_equal(atomic_load(&rig.lu->n_blocks), RIG_BLOCKS + 1);
	atomic_store(&rig.itl->ua, 0);
	scsi_lu_resize(rig.lu, (RIG_BLOCKS + 1) * 512); /* nothing new */
	assert_int_equal(atomic_load(&rig.itl->ua), 0);
	scsi_nexus_fini(&other);
	rig_fini(&rig);
}

/* It has a device type of its own, and four commands; no unit attention and no reservation. */
static void well_known_lun(void **state)
{
	static const uint8_t others[] = { 0x28, 0x2a, 0x1a, 0x25, 0x5e, 0xa3 };
	struct rig rig;

	rig_init(&rig, NULL);
	rig.itl = NULL;
	rig.lun[0] = 0xc1;
	rig.lun[1] = 0x01;
	rig_cdb(&rig, 0x12, 0, 0, 0, 96);
	rig_run_in(&rig, 96);
	assert_good(&rig);
	assert_int_equal(rig.in[0], 0x1e);
	rig_cdb(&rig, 0x12, 1, 0, 0, 96);
	rig_run_in(&rig, 96);
	assert_good(&rig);
	assert_int_equal(rig.in[0], 0x1e);
	assert_int_equal(rig.cmd.data_len, 5);
	rig_cdb(&rig, 0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 64);
	rig_run_in(&rig, 64);
	assert_good(&rig);
	assert_int_equal(be32_get(rig.in), 8);
	rig_cdb(&rig, 0x03, 0, 0, 0, 18);
	rig_run_in(&rig, 18);
	assert_good(&rig);
	assert_int_equal(rig.in[2], 0);
	rig_cdb(&rig, 0x00);
	rig_run_none(&rig);
	assert_good(&rig);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		rig_cdb(&rig, others[i]);
		rig_run_none(&rig);
		assert_sense(&rig, SENSE_INVALID_OPCODE);
	}
	rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addressing_forms),
		cmocka_unit_test(well_known_lun),
		cmocka_unit_test(lookup_finds_what_is_mapped),
		cmocka_unit_test(map_errors),
		cmocka_unit_test(read_only_by_mapping),
		cmocka_unit_test(inquiry_of_unmapped_lun),
		cmocka_unit_test(request_sense_of_unmapped_lun),
		cmocka_unit_test(report_luns_at_lun_0),
		cmocka_unit_test(report_luns_elsewhere),
		cmocka_unit_test(other_commands_to_unmapped_lun),
		cmocka_unit_test(ua_come_in_order_once),
		cmocka_unit_test(ua_as_request_sense_data),
		cmocka_unit_test(inquiry_keeps_ua),
		cmocka_unit_test(ua_for_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
