/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of the command table (optable.c) whose commands are told apart by a service action. */
#include "scsi/optable.h"

const struct scsi_op scsi_service_action_in_16[SCSI_N_ACTIONS] = {
	[0x10] = {
		.name = "READ CAPACITY(16)",
		.opcode = 0x9e, .sa = 0x10, .cdb_len = 16, .dir = SCSI_DIR_IN,
		.len = LEN_10_4, .unit = SCSI_UNIT_ALLOC,
		.resv = SCSI_RESV_ALLOWED, .timeout = 10,
		.flags = OP_RESERVE_EXEMPT | OP_MEDIUM | OP_DATA_IN,
		.usage = CDB16(0x9e, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
			       0xff, 0xff, 0xff, 0xff, 0x00, 0x00),
		.run = sbc_read_capacity16,
	},
	[0x12] = {
		.name = "GET LBA STATUS",
		.opcode = 0x9e, .sa = 0x12, .cdb_len = 16, .dir = SCSI_DIR_IN,
		.len = LEN_10_4, .unit = SCSI_UNIT_ALLOC,
		.resv = SCSI_RESV_READ, .timeout = 30,
		.flags = OP_MEDIUM | OP_DATA_IN,
		.usage = CDB16(0x9e, 0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			       0xff, 0xff, 0xff, 0xff, 0x00, 0x00),
		.run = sbc_get_lba_status,
	},
};

const struct scsi_op scsi_sanitize[SCSI_N_ACTIONS] = {
	[0x01] = {
		.name = "SANITIZE, OVERWRITE",
		.opcode = 0x48, .sa = 0x01, .cdb_len = 10, .dir = SCSI_DIR_OUT,
		.len = LEN_7_2, .unit = SCSI_UNIT_PARAM,
		.resv = SCSI_RESV_WRITE, .timeout = 65535,
		.flags = OP_WRITES | OP_IF_RUNNER,
		.usage = CDB10(0x48, 0xa1, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0x00),
		.run = sbc_sanitize,
	},
	[0x02] = {
		.name = "SANITIZE, BLOCK ERASE",
		.opcode = 0x48, .sa = 0x02, .cdb_len = 10, .dir = SCSI_DIR_OUT,
		.len = LEN_7_2, .unit = SCSI_UNIT_PARAM,
		.resv = SCSI_RESV_WRITE, .timeout = 65535,
		.flags = OP_WRITES | OP_IF_RUNNER,
		.usage = CDB10(0x48, 0xa2, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0x00),
		.run = sbc_sanitize,
	},
	[0x1f] = {
		.name = "SANITIZE, EXIT FAILURE MODE",
		.opcode = 0x48, .sa = 0x1f, .cdb_len = 10, .dir = SCSI_DIR_OUT,
		.len = LEN_7_2, .unit = SCSI_UNIT_PARAM,
		.resv = SCSI_RESV_WRITE, .timeout = 65535,
		.flags = OP_WRITES | OP_IF_RUNNER,
		.usage = CDB10(0x48, 0xbf, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0x00),
		.run = sbc_sanitize,
	},
};

const struct scsi_op scsi_maintenance_in[SCSI_N_ACTIONS] = {
	[0x05] = {
		.name = "REPORT IDENTIFYING INFORMATION",
		.opcode = 0xa3, .sa = 0x05, .cdb_len = 12, .dir = SCSI_DIR_IN,
		.len = LEN_6_4, .unit = SCSI_UNIT_ALLOC,
		.resv = SCSI_RESV_ALLOWED, .timeout = 10,
		.flags = OP_DATA_IN,
		.usage = CDB12(0xa3, 0x05, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff,
			       0xfe, 0x00),
		.run = spc_report_ident,
	},
	[0x0a] = {
		.name = "REPORT TARGET PORT GROUPS",
		.opcode = 0xa3, .sa = 0x0a, .cdb_len = 12, .dir = SCSI_DIR_IN,
		.len = LEN_6_4, .unit = SCSI_UNIT_ALLOC,
		.resv = SCSI_RESV_ALLOWED, .timeout = 10,
		.flags = OP_IF_ALUA,
		.usage = CDB12(0xa3, 0x2a, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff,
			       0x00, 0x00),
		.run = spc_report_port_groups,
	},
	[0x0c] = {
		.name = "REPORT SUPPORTED OPERATION CODES",
		.opcode = 0xa3, .sa = 0x0c, .cdb_len = 12, .dir = SCSI_DIR_IN,
		.len = LEN_6_4, .unit = SCSI_UNIT_ALLOC,
		.resv = SCSI_RESV_ALLOWED, .timeout = 10,
		.flags = OP_DATA_IN,
		.usage = CDB12(0xa3, 0x0c, 0x87, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			       0x00, 0x00),
		.run = spc_report_opcodes,
	},
	[0x0d] = {
		.name = "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS",
		.opcode = 0xa3, .sa = 0x0d, .cdb_len = 12, .dir = SCSI_DIR_IN,
		.len = LEN_6_4, .unit = SCSI_UNIT_ALLOC,
		.resv = SCSI_RESV_ALLOWED, .timeout = 10,
		.flags = OP_DATA_IN,
		.usage = CDB12(0xa3, 0x0d, 0x80, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff,
			       0x00, 0x00),
		.run = spc_report_tmf,
	},
	[0x0f] = {
		.name = "REPORT TIMESTAMP",
		.opcode = 0xa3, .sa = 0x0f, .cdb_len = 12, .dir = SCSI_DIR_IN,
		.len = LEN_6_4, .unit = SCSI_UNIT_ALLOC,
		.resv = SCSI_RESV_ALLOWED, .timeout = 10,
		.flags = OP_DATA_IN,
		.usage = CDB12(0xa3, 0x0f, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff,
			       0x00, 0x00),
		.run = spc_report_timestamp,
	},
};

const struct scsi_op scsi_maintenance_out[SCSI_N_ACTIONS] = {
	[0x06] = {
		.name = "SET IDENTIFYING INFORMATION",
		.opcode = 0xa4, .sa = 0x06, .cdb_len = 12, .dir = SCSI_DIR_OUT,
		.len = LEN_6_4, .unit = SCSI_UNIT_PARAM,
		.resv = SCSI_RESV_WRITE, .timeout = 30,
		.flags = OP_PARAM | OP_IF_KEPT,
		.usage = CDB12(0xa4, 0x06, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff,
			       0xfe, 0x00),
		.run = spc_set_ident,
	},
	[0x0a] = {
		.name = "SET TARGET PORT GROUPS",
		.opcode = 0xa4, .sa = 0x0a, .cdb_len = 12, .dir = SCSI_DIR_OUT,
		.len = LEN_6_4, .unit = SCSI_UNIT_PARAM,
		.resv = SCSI_RESV_WRITE, .timeout = 60,
		.flags = OP_PARAM | OP_IF_ALUA | OP_IF_EXPLICIT,
		.usage = CDB12(0xa4, 0x0a, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff,
			       0x00, 0x00),
		.run = spc_set_port_groups,
	},
	[0x0f] = {
		.name = "SET TIMESTAMP",
		.opcode = 0xa4, .sa = 0x0f, .cdb_len = 12, .dir = SCSI_DIR_OUT,
		.len = LEN_6_4, .unit = SCSI_UNIT_PARAM,
		.resv = SCSI_RESV_WRITE, .timeout = 10,
		.flags = OP_PARAM,
		.usage = CDB12(0xa4, 0x0f, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff,
			       0x00, 0x00),
		.run = spc_set_timestamp,
	},
};

/* Bytes 16 to 31 of long CDBs: LBA, reference and application tags (not looked at), length. */
static const uint8_t tail_tags[16] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
};
static const uint8_t tail_plain[16] = {
	0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff,
};

#define CDB32(action, options)                                                                     \
	{ SCSI_VARIABLE, 0x00, 0x00, 0x00, 0x00, 0x00, 0x1f, SCSI_ADDITIONAL_LEN,                  \
	  0x00, action, options, 0x00, ANY4 }

const struct scsi_op scsi_variable_length[SCSI_N_ACTIONS] = {
	[0x07] = {
		.name = "XDWRITEREAD(32)",
		.opcode = SCSI_VARIABLE, .sa = 0x07, .cdb_len = 32, .dir = SCSI_DIR_BIDI,
		.lba = LBA_32, .len = LEN_32, .unit = SCSI_UNIT_BLOCKS,
		.protect = SCSI_PROTECT_WR, .resv = SCSI_RESV_WRITE, .timeout = 60,
		.flags = OP_MEDIUM | OP_LBA | OP_LIMIT | OP_FUA | OP_WRITES,
		.usage = CDB32(0x07, 0x1c), .tail = tail_plain,
		.run = sbc_xdwriteread,
	},
	[0x09] = {
		.name = "READ(32)",
		.opcode = SCSI_VARIABLE, .sa = 0x09, .cdb_len = 32, .dir = SCSI_DIR_IN,
		.lba = LBA_32, .len = LEN_32, .unit = SCSI_UNIT_BLOCKS,
		.protect = SCSI_PROTECT_RD, .resv = SCSI_RESV_READ, .timeout = 60,
		.flags = OP_MEDIUM | OP_LBA | OP_LIMIT | OP_FUA,
		.usage = CDB32(0x09, 0x18), .tail = tail_tags,
		.run = sbc_read,
	},
	[0x0a] = {
		.name = "VERIFY(32)",
		.opcode = SCSI_VARIABLE, .sa = 0x0a, .cdb_len = 32, .dir = SCSI_DIR_OUT,
		.lba = LBA_32, .len = LEN_32, .unit = SCSI_UNIT_BLOCKS,
		.protect = SCSI_PROTECT_VR, .resv = SCSI_RESV_READ, .timeout = 60,
		.flags = OP_MEDIUM | OP_LBA | OP_LIMIT,
		.usage = CDB32(0x0a, 0x16), .tail = tail_tags,
		.run = sbc_verify,
	},
	[0x0b] = {
		.name = "WRITE(32)",
		.opcode = SCSI_VARIABLE, .sa = 0x0b, .cdb_len = 32, .dir = SCSI_DIR_OUT,
		.lba = LBA_32, .len = LEN_32, .unit = SCSI_UNIT_BLOCKS,
		.protect = SCSI_PROTECT_WR, .resv = SCSI_RESV_WRITE, .timeout = 60,
		.flags = OP_MEDIUM | OP_LBA | OP_LIMIT | OP_FUA | OP_WRITES,
		.usage = CDB32(0x0b, 0x18), .tail = tail_tags,
		.run = sbc_write,
	},
	[0x0c] = {
		.name = "WRITE AND VERIFY(32)",
		.opcode = SCSI_VARIABLE, .sa = 0x0c, .cdb_len = 32, .dir = SCSI_DIR_OUT,
		.lba = LBA_32, .len = LEN_32, .unit = SCSI_UNIT_BLOCKS,
		.protect = SCSI_PROTECT_WR, .resv = SCSI_RESV_WRITE, .timeout = 60,
		.flags = OP_MEDIUM | OP_LBA | OP_LIMIT | OP_WRITES,
		.usage = CDB32(0x0c, 0x16), .tail = tail_tags,
		.run = sbc_write_verify,
	},
	[0x0d] = {
		.name = "WRITE SAME(32)",
		.opcode = SCSI_VARIABLE, .sa = 0x0d, .cdb_len = 32, .dir = SCSI_DIR_OUT,
		.lba = LBA_32, .len = LEN_32, .unit = SCSI_UNIT_BLOCKS,
		.protect = SCSI_PROTECT_WR, .resv = SCSI_RESV_WRITE, .timeout = 120,
		.flags = OP_MEDIUM | OP_LBA | OP_WRITES,
		.usage = CDB32(0x0d, 0x09), .tail = tail_tags,
		.run = sbc_write_same,
	},
};

const struct scsi_op scsi_persistent_reserve_in[SCSI_N_ACTIONS] = {
	[0x00] = {
		.name = "PERSISTENT RESERVE IN, READ KEYS",
		.opcode = 0x5e, .sa = 0x00, .cdb_len = 10, .dir = SCSI_DIR_IN,
		.len = LEN_7_2, .unit = SCSI_UNIT_ALLOC,
		.resv = SCSI_RESV_ALLOWED, .timeout = 10,
		.usage = CDB10(0x5e, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0x00),
		.run = spc_pr_in,
	},
	[0x01] = {
		.name = "PERSISTENT RESERVE IN, READ RESERVATION",
		.opcode = 0x5e, .sa = 0x01, .cdb_len = 10, .dir = SCSI_DIR_IN,
		.len = LEN_7_2, .unit = SCSI_UNIT_ALLOC,
		.resv = SCSI_RESV_ALLOWED, .timeout = 10,
		.usage = CDB10(0x5e, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0x00),
		.run = spc_pr_in,
	},
	[0x02] = {
		.name = "PERSISTENT RESERVE IN, REPORT CAPABILITIES",
		.opcode = 0x5e, .sa = 0x02, .cdb_len = 10, .dir = SCSI_DIR_IN,
		.len = LEN_7_2, .unit = SCSI_UNIT_ALLOC,
		.resv = SCSI_RESV_ALLOWED, .timeout = 10,
		.usage = CDB10(0x5e, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0x00),
		.run = spc_pr_in,
	},
	[0x03] = {
		.name = "PERSISTENT RESERVE IN, READ FULL STATUS",
		.opcode = 0x5e, .sa = 0x03, .cdb_len = 10, .dir = SCSI_DIR_IN,
		.len = LEN_7_2, .unit = SCSI_UNIT_ALLOC,
		.resv = SCSI_RESV_ALLOWED, .timeout = 10,
		.usage = CDB10(0x5e, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0x00),
		.run = spc_pr_in,
	},
};

const struct scsi_op scsi_persistent_reserve_out[SCSI_N_ACTIONS] = {
	[0x00] = {
		.name = "PERSISTENT RESERVE OUT, REGISTER",
		.opcode = 0x5f, .sa = 0x00, .cdb_len = 10, .dir = SCSI_DIR_OUT,
		.len = FIELD(5, 0, 32), .unit = SCSI_UNIT_PARAM,
		.resv = SCSI_RESV_ALLOWED, .timeout = 30,
		.flags = OP_PARAM,
		.usage = CDB10(0x5f, 0x00, 0xff, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0x00),
		.run = spc_pr_out,
	},
	[0x01] = {
		.name = "PERSISTENT RESERVE OUT, RESERVE",
		.opcode = 0x5f, .sa = 0x01, .cdb_len = 10, .dir = SCSI_DIR_OUT,
		.len = FIELD(5, 0, 32), .unit = SCSI_UNIT_PARAM,
		.resv = SCSI_RESV_ALLOWED, .timeout = 30,
		.flags = OP_PARAM,
		.usage = CDB10(0x5f, 0x01, 0xff, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0x00),
		.run = spc_pr_out,
	},
	[0x02] = {
		.name = "PERSISTENT RESERVE OUT, RELEASE",
		.opcode = 0x5f, .sa = 0x02, .cdb_len = 10, .dir = SCSI_DIR_OUT,
		.len = FIELD(5, 0, 32), .unit = SCSI_UNIT_PARAM,
		.resv = SCSI_RESV_ALLOWED, .timeout = 30,
		.flags = OP_PARAM,
		.usage = CDB10(0x5f, 0x02, 0xff, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0x00),
		.run = spc_pr_out,
	},
	[0x03] = {
		.name = "PERSISTENT RESERVE OUT, CLEAR",
		.opcode = 0x5f, .sa = 0x03, .cdb_len = 10, .dir = SCSI_DIR_OUT,
		.len = FIELD(5, 0, 32), .unit = SCSI_UNIT_PARAM,
		.resv = SCSI_RESV_ALLOWED, .timeout = 30,
		.flags = OP_PARAM,
		.usage = CDB10(0x5f, 0x03, 0xff, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0x00),
		.run = spc_pr_out,
	},
	[0x04] = {
		.name = "PERSISTENT RESERVE OUT, PREEMPT",
		.opcode = 0x5f, .sa = 0x04, .cdb_len = 10, .dir = SCSI_DIR_OUT,
		.len = FIELD(5, 0, 32), .unit = SCSI_UNIT_PARAM,
		.resv = SCSI_RESV_ALLOWED, .timeout = 30,
		.flags = OP_PARAM,
		.usage = CDB10(0x5f, 0x04, 0xff, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0x00),
		.run = spc_pr_out,
	},
	[0x05] = {
		.name = "PERSISTENT RESERVE OUT, PREEMPT AND ABORT",
		.opcode = 0x5f, .sa = 0x05, .cdb_len = 10, .dir = SCSI_DIR_OUT,
		.len = FIELD(5, 0, 32), .unit = SCSI_UNIT_PARAM,
		.resv = SCSI_RESV_ALLOWED, .timeout = 30,
		.flags = OP_PARAM,
		.usage = CDB10(0x5f, 0x05, 0xff, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0x00),
		.run = spc_pr_out,
	},
	[0x06] = {
		.name = "PERSISTENT RESERVE OUT, REGISTER AND IGNORE EXISTING KEY",
		.opcode = 0x5f, .sa = 0x06, .cdb_len = 10, .dir = SCSI_DIR_OUT,
		.len = FIELD(5, 0, 32), .unit = SCSI_UNIT_PARAM,
		.resv = SCSI_RESV_ALLOWED, .timeout = 30,
		.flags = OP_PARAM,
		.usage = CDB10(0x5f, 0x06, 0xff, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0x00),
		.run = spc_pr_out,
	},
	[0x07] = {
		.name = "PERSISTENT RESERVE OUT, REGISTER AND MOVE",
		.opcode = 0x5f, .sa = 0x07, .cdb_len = 10, .dir = SCSI_DIR_OUT,
		.len = FIELD(5, 0, 32), .unit = SCSI_UNIT_PARAM,
		.resv = SCSI_RESV_ALLOWED, .timeout = 30,
		.flags = OP_PARAM,
		.usage = CDB10(0x5f, 0x07, 0xff, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0x00),
		.run = spc_pr_out,
	},
};
