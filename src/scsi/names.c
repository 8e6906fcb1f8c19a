/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names for logs and tools: statuses, and operation codes including those that the device server
 * does not know but initiators send.
 */
#include "scsi/internal.h"

const char *scsi_status_name(uint8_t status)
{
	switch (status) {
	case SCSI_GOOD:
		return "GOOD";
	case SCSI_CHECK_CONDITION:
		return "CHECK CONDITION";
	case SCSI_CONDITION_MET:
		return "CONDITION MET";
	case SCSI_BUSY:
		return "BUSY";
	case SCSI_RESERVATION_CONFLICT:
		return "RESERVATION CONFLICT";
	case SCSI_TASK_SET_FULL:
		return "TASK SET FULL";
	case SCSI_ACA_ACTIVE:
		return "ACA ACTIVE";
	case SCSI_TASK_ABORTED:
		return "TASK ABORTED";
	}
	return "unknown status";
}

static const char *const other_names[256] = {
	[0x01] = "REZERO UNIT",
	[0x04] = "FORMAT UNIT",
	[0x07] = "REASSIGN BLOCKS",
	[0x0b] = "SEEK(6)",
	[0x1c] = "RECEIVE DIAGNOSTIC RESULTS",
	[0x1d] = "SEND DIAGNOSTIC",
	[0x2b] = "SEEK(10)",
	[0x3b] = "WRITE BUFFER",
	[0x3c] = "READ BUFFER",
	[0x3e] = "READ LONG(10)",
	[0x3f] = "WRITE LONG(10)",
	[0x43] = "READ TOC/PMA/ATIP",
	[0x48] = "SANITIZE",
	[0x4c] = "LOG SELECT",
	[0x4d] = "LOG SENSE",
	[0x51] = "XPWRITE(10)",
	[0x5e] = "PERSISTENT RESERVE IN",
	[0x5f] = "PERSISTENT RESERVE OUT",
	[0x7e] = "extended CDB",
	[0x7f] = "variable length CDB",
	[0x83] = "THIRD-PARTY COPY OUT",
	[0x84] = "THIRD-PARTY COPY IN",
	[0x85] = "ATA PASS-THROUGH(16)",
	[0x8c] = "READ ATTRIBUTE",
	[0x8d] = "WRITE ATTRIBUTE",
	[0x9b] = "READ BUFFER(16)",
	[0x9c] = "WRITE ATOMIC(16)",
	[0x9e] = "SERVICE ACTION IN(16)",
	[0x9f] = "SERVICE ACTION OUT(16)",
	[0xa1] = "ATA PASS-THROUGH(12)",
	[0xa2] = "SECURITY PROTOCOL IN",
	[0xa3] = "MAINTENANCE IN",
	[0xa4] = "MAINTENANCE OUT",
	[0xb5] = "SECURITY PROTOCOL OUT",
};

const char *scsi_opcode_name(const uint8_t *cdb)
{
	const struct scsi_op *op = scsi_op_find(cdb);

	if (op)
		return op->name;
	if (other_names[cdb[0]])
		return other_names[cdb[0]];
	return cdb[0] >= 0xc0 ? "vendor specific command" : "unknown command";
}
