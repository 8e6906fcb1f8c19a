/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of the command table (optable.c) for third party copies. */
#include "scsi/optable.h"

/* ALLOCATION LENGTH or PARAMETER LIST LENGTH in bytes 10 to 13, a list identifier before it. */
#define CDB_COPY(opcode, action, b2, b3to5, b6to9, group)                                      \
	CDB16(opcode, action, b2, b3to5, b3to5, b3to5, b6to9, b6to9, b6to9, b6to9, 0xff, 0xff, \
	      0xff, 0xff, group, 0x00)

const struct scsi_op scsi_third_party_copy_out[SCSI_N_ACTIONS] = {
	[0x00] = {
		.name = "EXTENDED COPY(LID1)",
		.opcode = 0x83, .sa = 0x00, .cdb_len = 16, .dir = SCSI_DIR_OUT,
		.len = LEN_10_4, .unit = SCSI_UNIT_PARAM,
		.resv = SCSI_RESV_WRITE, .timeout = 600,
		.usage = CDB_COPY(0x83, 0x00, 0x00, 0x00, 0x00, 0x00),
		.run = spc_extended_copy,
	},
	[0x10] = {
		.name = "POPULATE TOKEN",
		.opcode = 0x83, .sa = 0x10, .cdb_len = 16, .dir = SCSI_DIR_OUT,
		.len = LEN_10_4, .unit = SCSI_UNIT_PARAM,
		.resv = SCSI_RESV_READ, .timeout = 60,
		.flags = OP_MEDIUM,
		.usage = CDB_COPY(0x83, 0x10, 0x00, 0x00, 0xff, 0x1f),
		.run = sbc_populate_token,
	},
	[0x11] = {
		.name = "WRITE USING TOKEN",
		.opcode = 0x83, .sa = 0x11, .cdb_len = 16, .dir = SCSI_DIR_OUT,
		.len = LEN_10_4, .unit = SCSI_UNIT_PARAM,
		.resv = SCSI_RESV_WRITE, .timeout = 600,
		.flags = OP_MEDIUM | OP_WRITES,
		.usage = CDB_COPY(0x83, 0x11, 0x00, 0x00, 0xff, 0x1f),
		.run = sbc_write_token,
	},
};

const struct scsi_op scsi_third_party_copy_in[SCSI_N_ACTIONS] = {
	[0x00] = {
		.name = "RECEIVE COPY STATUS(LID1)",
		.opcode = 0x84, .sa = 0x00, .cdb_len = 16, .dir = SCSI_DIR_IN,
		.len = LEN_10_4, .unit = SCSI_UNIT_ALLOC,
		.resv = SCSI_RESV_WRITE, .timeout = 10,
		.flags = OP_DATA_IN,
		.usage = CDB_COPY(0x84, 0x00, 0xff, 0x00, 0x00, 0x00),
		.run = spc_copy_status,
	},
	[0x03] = {
		.name = "RECEIVE COPY OPERATING PARAMETERS",
		.opcode = 0x84, .sa = 0x03, .cdb_len = 16, .dir = SCSI_DIR_IN,
		.len = LEN_10_4, .unit = SCSI_UNIT_ALLOC,
		.resv = SCSI_RESV_WRITE, .timeout = 10,
		.flags = OP_DATA_IN,
		.usage = CDB_COPY(0x84, 0x03, 0x00, 0x00, 0x00, 0x00),
		.run = spc_copy_parameters,
	},
	[0x04] = {
		.name = "RECEIVE COPY FAILURE DETAILS(LID1)",
		.opcode = 0x84, .sa = 0x04, .cdb_len = 16, .dir = SCSI_DIR_IN,
		.len = LEN_10_4, .unit = SCSI_UNIT_ALLOC,
		.resv = SCSI_RESV_WRITE, .timeout = 10,
		.flags = OP_DATA_IN,
		.usage = CDB_COPY(0x84, 0x04, 0xff, 0x00, 0x00, 0x00),
		.run = spc_copy_failure,
	},
	[0x07] = {
		.name = "RECEIVE ROD TOKEN INFORMATION",
		.opcode = 0x84, .sa = 0x07, .cdb_len = 16, .dir = SCSI_DIR_IN,
		.len = LEN_10_4, .unit = SCSI_UNIT_ALLOC,
		.resv = SCSI_RESV_WRITE, .timeout = 10,
		.flags = OP_DATA_IN,
		.usage = CDB_COPY(0x84, 0x07, 0xff, 0xff, 0x00, 0x00),
		.run = spc_rod_information,
	},
};
