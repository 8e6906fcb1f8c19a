/* SPDX-License-Identifier: BSD-2-Clause */
/* Sense data in both formats, in words, and names. */
#include <string.h>

#include "rig.h"

static const struct scsi_sense rich = {
	.code = SENSE_INVALID_FIELD_IN_CDB,
	.has_info = true,
	.info = 0x11223344,
	.has_field = true,
	.field_in_cdb = true,
	.field_byte = 0x0102,
	.field_bit = 5,
};

static void fixed_format(void **state)
{
	uint8_t buf[SENSE_FIXED_LEN];

	assert_int_equal(scsi_sense_fixed(&rich, buf), 18);
	assert_memory_equal(buf, "\xf0\x00\x05\x11\x22\x33\x44\x0a\0\0\0\0\x24\x00\x00\xcd\x01\x02",
			    18);
}

static void fixed_format_without_extras(void **state)
{
	const struct scsi_sense sense = { .code = SENSE_MISCOMPARE };
	uint8_t buf[SENSE_FIXED_LEN];

	scsi_sense_fixed(&sense, buf);
	assert_memory_equal(buf, "\x70\x00\x0e\0\0\0\0\x0a\0\0\0\0\x1d\0\0\0\0\0", 18);
}

static void fixed_format_large_information(void **state)
{
	struct scsi_sense sense = { .code = SENSE_READ_ERROR, .has_info = true };
	uint8_t buf[SENSE_FIXED_LEN];

	sense.info = UINT32_MAX;
	scsi_sense_fixed(&sense, buf);
	assert_memory_equal(buf, "\xf0\x00\x03\xff\xff\xff\xff", 7);
	sense.info++;
	scsi_sense_fixed(&sense, buf);
	assert_memory_equal(buf, "\x70\x00\x03\x00\x00\x00\x00", 7);
}

static void descriptor_format(void **state)
{
	uint8_t buf[SENSE_DESC_MAX];

	assert_int_equal(scsi_sense_desc(&rich, buf), 28);
	assert_memory_equal(buf, "\x72\x05\x24\x00\0\0\0\x14", 8);
	assert_memory_equal(buf + 8, "\x00\x0a\x80\x00\0\0\0\0\x11\x22\x33\x44", 12);
	assert_memory_equal(buf + 20, "\x02\x06\x00\x00\xcd\x01\x02\x00", 8);
}

static void field_without_bit_in_parameters(void **state)
{
	const struct scsi_sense sense = {
		.code = SENSE_INVALID_FIELD_IN_PARAMETERS,
		.has_field = true,
		.field_byte = 7,
		.field_bit = -1,
	};
	uint8_t buf[SENSE_DESC_MAX];

	assert_int_equal(scsi_sense_desc(&sense, buf), 16);
	assert_memory_equal(buf + 8, "\x02\x06\x00\x00\x80\x00\x07\x00", 8);
}

static void expect_text(const void *sense, size_t len, const char *text)
{
	char buf[128];

	assert_string_equal(scsi_sense_text(sense, len, buf, sizeof(buf)), text);
}

static void texts(void **state)
{
	uint8_t buf[SENSE_DESC_MAX];

	scsi_sense_fixed(&rich, buf);
	expect_text(buf, 18, "ILLEGAL REQUEST: INVALID FIELD IN CDB (5/24/00)");
	expect_text(buf, 13, "ILLEGAL REQUEST: NO ADDITIONAL SENSE INFORMATION (5/00/00)");
	expect_text(buf, 2, "NO SENSE: NO ADDITIONAL SENSE INFORMATION (0/00/00)");
	expect_text(buf, 0, "no sense data");
	scsi_sense_desc(&rich, buf);
	expect_text(buf, 28, "ILLEGAL REQUEST: INVALID FIELD IN CDB (5/24/00)");
	expect_text(buf, 4, "ILLEGAL REQUEST: INVALID FIELD IN CDB (5/24/00)");
	expect_text("\x72\x0b\x99\x01", 4,
		    "ABORTED COMMAND: unknown additional sense code (b/99/01)");
	expect_text("\x73\x03\x0c\x00", 4, "deferred MEDIUM ERROR: WRITE ERROR (3/0c/00)");
	expect_text("\x00\x00\x00\x00", 4, "no sense data");
}

static void text_is_cut(void **state)
{
	char buf[8];

	assert_string_equal(scsi_sense_text((const uint8_t *)"\x72\x05\x24\x00", 4, buf, 8),
			    "ILLEGAL");
}

/* Every code that is reported here has a text. */
static void own_codes_have_texts(void **state)
{
	static const uint32_t codes[] = {
		SENSE_NEEDS_START, SENSE_NO_MEDIUM, SENSE_WRITE_ERROR, SENSE_READ_ERROR,
		SENSE_INTERNAL_FAILURE, SENSE_INVALID_FIELD_IN_COMMAND_IU,
		SENSE_PARAMETER_LIST_LENGTH, SENSE_INVALID_OPCODE, SENSE_LBA_OUT_OF_RANGE,
		SENSE_INVALID_FIELD_IN_CDB, SENSE_LUN_NOT_SUPPORTED,
		SENSE_INVALID_FIELD_IN_PARAMETERS, SENSE_SAVING_NOT_SUPPORTED,
		SENSE_REMOVAL_PREVENTED, SENSE_UA_MEDIUM_CHANGED, SENSE_UA_POWER_ON,
		SENSE_UA_RESET, SENSE_UA_DEVICE_RESET, SENSE_UA_NEXUS_LOSS, SENSE_UA_MODE_CHANGED,
		SENSE_UA_CAPACITY_CHANGED, SENSE_UA_CLEARED, SENSE_UA_INQUIRY_CHANGED,
		SENSE_UA_LUNS_CHANGED, SENSE_WRITE_PROTECTED, SENSE_SPACE_ALLOCATION_FAILED,
		SENSE_MISCOMPARE,
	};

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		assert_non_null(scsi_asc_text((uint16_t)codes[i]));
	assert_string_equal(scsi_asc_text(0x3f0e), "REPORTED LUNS DATA HAS CHANGED");
	assert_string_equal(scsi_asc_text(0x7400), "SECURITY ERROR");
	assert_string_equal(scsi_asc_text(0x0000), "NO ADDITIONAL SENSE INFORMATION");
	assert_null(scsi_asc_text(0xffff));
}

static void names(void **state)
{
	uint8_t cdb[16] = { 0 };

	for (unsigned int i = 0; i < 256; i++) {
		assert_non_null(scsi_status_name((uint8_t)i));
		for (unsigned int sa = 0; sa < 32; sa++) {
			cdb[0] = (uint8_t)i;
			cdb[1] = (uint8_t)sa;
			assert_non_null(scsi_opcode_name(cdb));
		}
	}
	assert_string_equal(scsi_opcode_name((const uint8_t[16]){ 0x28, 0 }), "READ(10)");
	assert_string_equal(scsi_opcode_name((const uint8_t[16]){ 0x9e, 0x10 }), "READ CAPACITY(16)");
	assert_string_equal(scsi_opcode_name((const uint8_t[16]){ 0x9e, 0x13 }),
			    "SERVICE ACTION IN(16)");
	assert_string_equal(scsi_opcode_name((const uint8_t[16]){ 0x5f, 0 }),
			    "PERSISTENT RESERVE OUT, REGISTER");
	assert_string_equal(scsi_status_name(SCSI_RESERVATION_CONFLICT), "RESERVATION CONFLICT");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fixed_format),
		cmocka_unit_test(fixed_format_without_extras),
		cmocka_unit_test(fixed_format_large_information),
		cmocka_unit_test(descriptor_format),
		cmocka_unit_test(field_without_bit_in_parameters),
		cmocka_unit_test(texts),
		cmocka_unit_test(text_is_cut),
		cmocka_unit_test(own_codes_have_texts),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
