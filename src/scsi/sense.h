/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sense data (SPC-4 4.5): codes that the device server reports, and their encoding in fixed and
 * descriptor format. Knows no command.
 */
#ifndef SRPTD_SCSI_SENSE_H
#define SRPTD_SCSI_SENSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sense key << 16 | additional sense code << 8 | qualifier. */
enum scsi_sense_code {
	SENSE_NONE = 0x000000,
	SENSE_NEEDS_START = 0x020402,
	SENSE_ACCESS_TRANSITION = 0x02040a,
	SENSE_STANDBY = 0x02040b,
	SENSE_UNAVAILABLE = 0x02040c,
	SENSE_NO_MEDIUM = 0x023a00,
	SENSE_WRITE_ERROR = 0x030c00,
	SENSE_READ_ERROR = 0x031100,
	SENSE_INTERNAL_FAILURE = 0x044400,
	SENSE_SET_PORT_GROUPS_FAILED = 0x04670a,
	SENSE_COPY_IN_PROGRESS = 0x050016, /* under the list identifier of a new one */
	SENSE_INVALID_FIELD_IN_COMMAND_IU = 0x050e03,
	SENSE_PARAMETER_LIST_LENGTH = 0x051a00,
	SENSE_INVALID_OPCODE = 0x052000,
	SENSE_LBA_OUT_OF_RANGE = 0x052100,
	SENSE_TOKEN_TYPE = 0x052301,
	SENSE_TOKEN_UNKNOWN = 0x052304,
	SENSE_TOKEN_CORRUPT = 0x052305,
	SENSE_TOKEN_REVOKED = 0x052306,
	SENSE_TOKEN_EXPIRED = 0x052307,
	SENSE_TOKEN_LENGTH = 0x05230a,
	SENSE_INVALID_FIELD_IN_CDB = 0x052400,
	SENSE_LUN_NOT_SUPPORTED = 0x052500,
	SENSE_INVALID_FIELD_IN_PARAMETERS = 0x052600,
	SENSE_INVALID_RELEASE = 0x052604,
	SENSE_TOO_MANY_CSCDS = 0x052606,
	SENSE_CSCD_TYPE = 0x052607,
	SENSE_TOO_MANY_SEGMENTS = 0x052608,
	SENSE_SEGMENT_TYPE = 0x052609,
	SENSE_INLINE_DATA_LENGTH = 0x05260b,
	SENSE_SAVING_NOT_SUPPORTED = 0x053900,
	SENSE_REMOVAL_PREVENTED = 0x055302,
	SENSE_REGISTRATION_RESOURCES = 0x055504,
	SENSE_TOKEN_RESOURCES = 0x05550d,
	SENSE_UA_MEDIUM_CHANGED = 0x062800,
	SENSE_UA_POWER_ON = 0x062900,
	SENSE_UA_RESET = 0x062902,
	SENSE_UA_DEVICE_RESET = 0x062903,
	SENSE_UA_NEXUS_LOSS = 0x062907,
	SENSE_UA_MODE_CHANGED = 0x062a01,
	SENSE_UA_RESERVATIONS_PREEMPTED = 0x062a03,
	SENSE_UA_RESERVATIONS_RELEASED = 0x062a04,
	SENSE_UA_REGISTRATIONS_PREEMPTED = 0x062a05,
	SENSE_UA_ACCESS_STATE_CHANGED = 0x062a06,
	SENSE_UA_CAPACITY_CHANGED = 0x062a09,
	SENSE_UA_CLEARED = 0x062f00,
	SENSE_UA_INQUIRY_CHANGED = 0x063f03,
	SENSE_UA_LUNS_CHANGED = 0x063f0e,
	SENSE_WRITE_PROTECTED = 0x072700,
	SENSE_SOFTWARE_WRITE_PROTECTED = 0x072702,
	SENSE_SPACE_ALLOCATION_FAILED = 0x072707,
	SENSE_THIRD_PARTY_FAILURE = 0x0a0d01,
	SENSE_COPY_TARGET_UNREACHABLE = 0x0a0d02,
	SENSE_INEXACT_SEGMENT = 0x0a260a,
	SENSE_MISCOMPARE = 0x0e1d00,
};

struct scsi_sense {
	enum scsi_sense_code code;
	bool has_info;
	uint64_t info;      /* INFORMATION */
	bool has_field;     /* ILLEGAL REQUEST: sense key specific */
	bool field_in_cdb;  /* else in the parameter list */
	uint16_t field_byte;
	int8_t field_bit;   /* -1: the whole byte */
};

enum { SENSE_FIXED_LEN = 18, SENSE_DESC_MAX = 8 + 12 + 8 };

/*
 * Encode; returns the length. The fixed format has 32 bits for INFORMATION: VALID stays 0 when it
 * does not fit. buf has SENSE_FIXED_LEN or SENSE_DESC_MAX bytes and is overwritten.
 */
size_t scsi_sense_fixed(const struct scsi_sense *sense, uint8_t *buf);
size_t scsi_sense_desc(const struct scsi_sense *sense, uint8_t *buf);

/* Standard text for an additional sense code (asc << 8 | ascq), or NULL. */
const char *scsi_asc_text(uint16_t asc);

#endif
