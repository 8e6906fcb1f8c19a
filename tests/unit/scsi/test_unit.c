/* SPDX-License-Identifier: BSD-2-Clause */
/* TEST UNIT READY, START STOP UNIT, PREVENT ALLOW MEDIUM REMOVAL, REQUEST SENSE. */
#include <errno.h>
#include <string.h>

#include "rig.h"

enum { START = 1, LOEJ = 2, NO_FLUSH = 4 };

static void start_stop(struct rig *rig, uint8_t immed, uint8_t how)
{
	rig_cdb(rig, 0x1b, immed, 0, 0, how, 0);
	rig_run_none(rig);
}

static void test_ready(struct rig *rig)
{
	rig_cdb(rig, 0x00);
	rig_run_none(rig);
}

static void prevent(struct rig *rig, bool on)
{
	rig_cdb(rig, 0x1e, 0, 0, 0, on, 0);
	rig_run_none(rig);
	assert_good(rig);
}

static void stop_and_start(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	for (uint8_t immed = 0; immed < 2; immed++) {
		start_stop(&rig, immed, 0);
		assert_good(&rig);
		assert_trace(&rig, "F");
		test_ready(&rig);
		assert_sense(&rig, SENSE_NEEDS_START);
		start_stop(&rig, immed, START);
		assert_good(&rig);
		assert_trace(&rig, "");
		test_ready(&rig);
		assert_good(&rig);
	}
	start_stop(&rig, 0, NO_FLUSH);
	assert_good(&rig);
	assert_trace(&rig, "");
	test_ready(&rig);
	assert_sense(&rig, SENSE_NEEDS_START);
	rig_fini(&rig);
}

/* Data that could not be flushed: the unit stays started. */
static void stop_waits_for_flush(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	rig.fail_step = 1;
	rig.fail_res = -EIO;
	start_stop(&rig, 0, 0);
	assert_sense(&rig, SENSE_WRITE_ERROR);
	test_ready(&rig);
	assert_good(&rig);
	rig_fini(&rig);
}

static void power_conditions(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	for (unsigned int pc = 1; pc < 16; pc++) {
		bool known = pc <= 3 || pc == 7;

		rig_cdb(&rig, 0x1b, 0, 0, 0, (uint8_t)(pc << 4 | LOEJ), 0); /* LOEJ is ignored */
		rig_run_none(&rig);
		if (known)
			assert_good(&rig);
		else
			assert_bad_cdb(&rig, 4, 7);
		assert_trace(&rig, pc == 2 || pc == 3 ? "F" : "");
		test_ready(&rig);
		assert_good(&rig);
	}
	rig_fini(&rig);
}

static uint32_t requested_sense(struct rig *rig)
{
	rig_cdb(rig, 0x03, 0, 0, 0, 252, 0);
	rig_run_in(rig, 252);
	assert_good(rig);
	return (uint32_t)rig->in[2] << 16 | be16_get(rig->in + 12);
}

/* Told by REQUEST SENSE until a command needs blocks; stopped is something else. */
static void low_power_conditions(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	for (unsigned int pc = 2; pc <= 3; pc++) {
		start_stop(&rig, 0, (uint8_t)(pc << 4 | NO_FLUSH));
		assert_good(&rig);
		assert_trace(&rig, "");
		test_ready(&rig);
		assert_int_equal(requested_sense(&rig), pc == 2 ? SENSE_IDLE : SENSE_STANDBY_CONDITION);
		rig_cdb(&rig, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0);
		assert_int_equal(rig_run_in(&rig, 512), SCSI_GOOD);
		assert_int_equal(requested_sense(&rig), SENSE_NONE);
	}
	start_stop(&rig, 0, 3 << 4);
	start_stop(&rig, 0, 1 << 4);
	assert_int_equal(requested_sense(&rig), SENSE_NONE);
	start_stop(&rig, 0, 0);
	assert_int_equal(requested_sense(&rig), SENSE_NEEDS_START);
	rig_cdb(&rig, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0);
	rig_run_in(&rig, 512);
	assert_sense(&rig, SENSE_NEEDS_START);
	start_stop(&rig, 0, 1 << 4); /* ACTIVE starts */
	test_ready(&rig);
	assert_good(&rig);
	rig.fail_step = 1; /* what cannot be flushed stays awake */
	rig.fail_res = -EIO;
	start_stop(&rig, 0, 2 << 4);
	assert_sense(&rig, SENSE_WRITE_ERROR);
	assert_int_equal(requested_sense(&rig), SENSE_NONE);
	rig_fini(&rig);
}

static void fixed_medium_cannot_be_ejected(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	start_stop(&rig, 0, LOEJ);
	assert_bad_cdb(&rig, 4, 1);
	start_stop(&rig, 0, LOEJ | START);
	assert_bad_cdb(&rig, 4, 1);
	rig_fini(&rig);
}

static void eject_and_load(void **state)
{
	struct rig rig;
	struct scsi_nexus other = { .rel_target_port = 1 };

	rig_init(&rig, &(struct rig_conf){ .removable = true });
	rig_add_nexus(&rig, &other, 1);
	atomic_store(&other.chunk[0][1]->ua, 0);
	start_stop(&rig, 0, LOEJ);
	assert_good(&rig);
	assert_trace(&rig, "F");
	test_ready(&rig);
	assert_sense(&rig, SENSE_NO_MEDIUM);
	start_stop(&rig, 0, START); /* nothing there to start */
	assert_sense(&rig, SENSE_NO_MEDIUM);
	assert_int_equal(atomic_load(&other.chunk[0][1]->ua), 0);
	start_stop(&rig, 0, LOEJ | START);
	assert_good(&rig);
	test_ready(&rig);
	assert_good(&rig);
	assert_int_equal(atomic_load(&other.chunk[0][1]->ua), 1 << SCSI_UA_MEDIUM_CHANGED);
	scsi_nexus_fini(&other);
	rig_fini(&rig);
}

static void prevention(void **state)
{
	struct rig rig;

	rig_init(&rig, &(struct rig_conf){ .removable = true });
	prevent(&rig, true);
	start_stop(&rig, 0, LOEJ);
	assert_sense(&rig, SENSE_REMOVAL_PREVENTED);
	test_ready(&rig);
	assert_good(&rig);
	start_stop(&rig, 0, 0); /* stopping is no removal */
	assert_good(&rig);
	start_stop(&rig, 0, START);
	prevent(&rig, false);
	start_stop(&rig, 0, LOEJ);
	assert_good(&rig);
	rig_cdb(&rig, 0x1e, 0, 0, 0, 2, 0);
	rig_run_none(&rig);
	assert_bad_cdb(&rig, 4, 1);
	rig_fini(&rig);
}

/* Each nexus counts; its end, or a reset, ends its prevention. */
static void prevention_ends(void **state)
{
	struct rig rig;
	struct scsi_nexus other = { .rel_target_port = 1 };

	rig_init(&rig, &(struct rig_conf){ .removable = true });
	rig_add_nexus(&rig, &other, 1);
	atomic_store(&other.chunk[0][1]->prevent, true);
	start_stop(&rig, 0, LOEJ);
	assert_sense(&rig, SENSE_REMOVAL_PREVENTED);
	scsi_nexus_fini(&other);
	prevent(&rig, true);
	scsi_ua_set_others(rig.lu, NULL, SCSI_UA_CAPACITY_CHANGED);
	atomic_store(&rig.itl->ua, 0);
	start_stop(&rig, 0, LOEJ);
	assert_sense(&rig, SENSE_REMOVAL_PREVENTED);
	scsi_ua_set_others(rig.lu, NULL, SCSI_UA_DEVICE_RESET);
	atomic_store(&rig.itl->ua, 0);
	start_stop(&rig, 0, LOEJ);
	assert_good(&rig);
	rig_fini(&rig);
}

static void request_sense_tells_why(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	start_stop(&rig, 0, 0);
	rig_cdb(&rig, 0x03, 0, 0, 0, 18, 0);
	rig_run_in(&rig, 18);
	assert_good(&rig);
	assert_int_equal(rig.in[2], 2);
	assert_int_equal(be16_get(rig.in + 12), 0x0402);
	rig_run_in(&rig, 18); /* a state, not an event: still there */
	assert_int_equal(rig.in[2], 2);
	rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stop_and_start),
		cmocka_unit_test(stop_waits_for_flush),
		cmocka_unit_test(power_conditions),
		cmocka_unit_test(low_power_conditions),
		cmocka_unit_test(fixed_medium_cannot_be_ejected),
		cmocka_unit_test(eject_and_load),
		cmocka_unit_test(prevention),
		cmocka_unit_test(prevention_ends),
		cmocka_unit_test(request_sense_tells_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
