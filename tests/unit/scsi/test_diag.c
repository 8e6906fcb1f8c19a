/* SPDX-License-Identifier: BSD-2-Clause */
/* SEND DIAGNOSTIC, RECEIVE DIAGNOSTIC RESULTS, WRITE BUFFER and READ BUFFER. */
#include <errno.h>
#include <string.h>

#include "rig.h"

enum {
	PF = 0x10,
	SELFTEST = 0x04
};

static void send(struct rig *rig, uint8_t flags, const void *list, uint16_t len)
{
	rig_cdb(rig, 0x1d, flags, 0, (uint8_t)(len >> 8), (uint8_t)len, 0);
	rig_run_out(rig, list, len);
}

static void self_test(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	for (uint8_t off = 0; off < 4; off++) { /* DEVOFFL, UNITOFFL */
		send(&rig, SELFTEST | PF | off, NULL, 0);
		assert_good(&rig);
		assert_trace(&rig, "BR");
	}
	rig.fail_step = 1;
	rig.fail_res = -EIO;
	send(&rig, SELFTEST, NULL, 0);
	assert_sense(&rig, SENSE_SELF_TEST_FAILED);
	rig.fail_step = 0;
	send(&rig, SELFTEST, "\0\0\0\0", 4);
	assert_bad_cdb(&rig, 3, -1);
	for (uint8_t code = 1; code < 8; code++) { /* SELF-TEST CODE */
		send(&rig, (uint8_t)(code << 5), NULL, 0);
		assert_bad_cdb(&rig, 1, code & 4 ? 7 : code & 2 ? 6 : 5);
	}
	atomic_store(&rig.lu->stopped, SCSI_POWER_STOPPED);
	send(&rig, SELFTEST, NULL, 0);
	assert_sense(&rig, SENSE_NEEDS_START);
	send(&rig, 0, NULL, 0);
	assert_good(&rig);
	rig_fini(&rig);
}

static void pages(void **state)
{
	static const uint8_t list[4];
	static const uint8_t unknown[4] = { 0x40 };
	static const uint8_t longer[8] = { 0, 0, 0, 4 };
	struct rig rig;

	rig_init(&rig, NULL);
	send(&rig, PF, list, 4);
	assert_good(&rig);
	send(&rig, 0, list, 4);
	assert_bad_cdb(&rig, 1, 4);
	send(&rig, PF, unknown, 4);
	assert_field(&rig, SENSE_INVALID_FIELD_IN_PARAMETERS, 0, -1);
	send(&rig, PF, longer, 8);
	assert_field(&rig, SENSE_INVALID_FIELD_IN_PARAMETERS, 2, -1);
	for (uint16_t len = 1; len < 4; len++) {
		send(&rig, PF, list, len);
		assert_sense(&rig, SENSE_PARAMETER_LIST_LENGTH);
	}
	for (uint8_t pcv = 0; pcv < 2; pcv++) {
		rig_cdb(&rig, 0x1c, pcv, 0, 1, 0, 0);
		rig_run_in(&rig, 256);
		assert_good(&rig);
		assert_int_equal(rig.cmd.data_len, 5);
		assert_memory_equal(rig.in, "\0\0\0\1\0", 5);
		rig.cdb[2] = 0x40;
		rig_run_in(&rig, 256);
		assert_bad_cdb(&rig, 2, -1);
	}
	rig_fini(&rig);
}

/* ---- buffers ---- */

static void buffer(struct rig *rig, uint8_t opcode, uint8_t mode, uint32_t len)
{
	rig_cdb(rig, opcode, mode, 0, 0, 0, 0, (uint8_t)(len >> 16), (uint8_t)(len >> 8),
		(uint8_t)len, 0);
}

static void descriptors(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	buffer(&rig, 0x3c, 0x0b, 255);
	rig_run_in(&rig, 255);
	assert_good(&rig);
	assert_int_equal(rig.cmd.data_len, 4);
	assert_memory_equal(rig.in, "\x01\x00\x10\x00", 4);
	for (unsigned int id = 0; id < 256; id++) {
		buffer(&rig, 0x3c, 0x03, 255);
		rig.cdb[2] = (uint8_t)id;
		rig_run_in(&rig, 255);
		assert_int_equal(rig.cmd.data_len, 4);
		assert_memory_equal(rig.in, "\0\0\0\0", 4);
	}
	rig_fini(&rig);
}

static void unknown_modes(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	for (uint8_t mode = 0; mode < 0x20; mode++) {
		buffer(&rig, 0x3b, mode, 0);
		rig_run_none(&rig);
		if (mode == 0x0a)
			assert_good(&rig);
		else
			assert_bad_cdb(&rig, 1, 4);
		buffer(&rig, 0x3c, mode, 4);
		rig_run_in(&rig, 4);
		if (mode != 0x03 && mode != 0x0a && mode != 0x0b)
			assert_bad_cdb(&rig, 1, 4);
	}
	rig_fini(&rig);
}

/* What was written last, for each nexus its own. */
static void echo(void **state)
{
	static uint8_t data[SCSI_ECHO_LEN + 1];
	struct scsi_nexus other = { .rel_target_port = 1 };
	struct rig rig;
	struct scsi_itl *mine;

	rig_init(&rig, NULL);
	mine = rig.itl;
	rig_add_nexus(&rig, &other, 0);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 11 + 3);
	buffer(&rig, 0x3c, 0x0a, SCSI_ECHO_LEN);
	rig_run_in(&rig, SCSI_ECHO_LEN);
	assert_sense(&rig, SENSE_COMMAND_SEQUENCE);
	for (uint32_t len = SCSI_ECHO_LEN; len; len /= 2) {
		buffer(&rig, 0x3b, 0x0a, len);
		rig_run_out(&rig, data, len);
		assert_good(&rig);
		assert_trace(&rig, "DC");
		buffer(&rig, 0x3c, 0x0a, SCSI_ECHO_LEN);
		rig_run_in(&rig, SCSI_ECHO_LEN);
		assert_good(&rig);
		assert_int_equal(rig.cmd.data_len, len);
		assert_memory_equal(rig.in, data, len);
	}
	rig.itl = scsi_nexus_lookup(&other, (const uint8_t[8]){ 0 });
	rig.as = &other;
	atomic_store(&rig.itl->ua, 0);
	rig_run_in(&rig, SCSI_ECHO_LEN);
	assert_sense(&rig, SENSE_COMMAND_SEQUENCE);
	rig.itl = mine;
	rig.as = NULL;
	buffer(&rig, 0x3b, 0x0a, SCSI_ECHO_LEN + 1);
	rig_run_out(&rig, data, SCSI_ECHO_LEN + 1);
	assert_bad_cdb(&rig, 6, -1);
	buffer(&rig, 0x3b, 0x0a, 16);
	rig_run_out(&rig, data, 15); /* less than the CDB says */
	assert_sense(&rig, SENSE_PARAMETER_LIST_LENGTH);
	scsi_nexus_fini(&other);
	rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(self_test),   cmocka_unit_test(pages),
		cmocka_unit_test(descriptors), cmocka_unit_test(unknown_modes),
		cmocka_unit_test(echo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
