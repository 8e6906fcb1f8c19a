/* SPDX-License-Identifier: BSD-2-Clause */
/* RESERVE and RELEASE: alone, beside persistent reservations, and how they end. */
#include <string.h>

#include "pr_lab.h"

static uint8_t simple(struct lab *lab, unsigned int who, uint8_t opcode)
{
	rig_cdb(&lab->rig, opcode);
	return run(lab, who, NULL, 0);
}

static void reserve_and_release(void **state)
{
	struct lab lab;

	setup(&lab);
	for (unsigned int i = 0; i < 2; i++) {
		uint8_t reserve = i ? 0x56 : 0x16;

		assert_int_equal(simple(&lab, A, reserve), SCSI_GOOD);
		assert_int_equal(simple(&lab, A, reserve), SCSI_GOOD);
		assert_int_equal(simple(&lab, B, reserve), SCSI_RESERVATION_CONFLICT);
		assert_int_equal(simple(&lab, B, 0x00), SCSI_RESERVATION_CONFLICT);
		assert_int_equal(try_command(&lab, B, rig_op(0x28)), SCSI_RESERVATION_CONFLICT);
		assert_int_equal(try_command(&lab, A, rig_op(0x2a)), SCSI_GOOD);
		assert_int_equal(try_command(&lab, B, rig_op(0x12)), SCSI_GOOD);
		assert_int_equal(try_command(&lab, B, rig_op(0x25)), SCSI_GOOD);
		assert_int_equal(pr_out(&lab, B, REGISTER, 0, 0, 1), SCSI_RESERVATION_CONFLICT);
		assert_int_equal(pr_out(&lab, A, REGISTER, 0, 0, 1), SCSI_RESERVATION_CONFLICT);
		assert_int_equal(simple(&lab, B, reserve + 1), SCSI_GOOD); /* not its own */
		assert_int_equal(simple(&lab, B, 0x00), SCSI_RESERVATION_CONFLICT);
		assert_int_equal(simple(&lab, A, reserve + 1), SCSI_GOOD);
		assert_int_equal(simple(&lab, B, 0x00), SCSI_GOOD);
	}
	teardown(&lab);
}

static void reserve_beside_persistent_ones(void **state)
{
	struct lab lab;

	setup(&lab);
	assert_int_equal(pr_out(&lab, A, REGISTER, 0, 0, KEY_A), SCSI_GOOD);
	assert_int_equal(simple(&lab, A, 0x16), SCSI_GOOD); /* CRH: without effect */
	assert_null(atomic_load(&lab.rig.lu->reserved));
	assert_int_equal(simple(&lab, B, 0x16), SCSI_RESERVATION_CONFLICT);
	teardown(&lab);
}

static void reserve_ends_with_its_nexus_and_with_a_reset(void **state)
{
	struct lab lab;

	setup(&lab);
	assert_int_equal(simple(&lab, A, 0x16), SCSI_GOOD);
	scsi_nexus_fini(&lab.nexus[A]);
	assert_int_equal(simple(&lab, B, 0x00), SCSI_GOOD);
	join(&lab, A);
	assert_int_equal(simple(&lab, A, 0x16), SCSI_GOOD);
	scsi_lu_reset(lab.rig.lu);
	for (unsigned int i = 0; i < N; i++)
		expect_ua(&lab, i, SCSI_UA_DEVICE_RESET);
	assert_int_equal(simple(&lab, B, 0x00), SCSI_GOOD);
	teardown(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reserve_and_release),
		cmocka_unit_test(reserve_beside_persistent_ones),
		cmocka_unit_test(reserve_ends_with_its_nexus_and_with_a_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
