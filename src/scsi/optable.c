/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every command that the device server knows, one entry each. Checks, REPORT SUPPORTED OPERATION
 * CODES and the documentation of opcodes all come from here; nothing else lists commands.
 */
#include "scsi/internal.h"

/*
 * n bits after the first `skip` bits of byte `first`; the load never passes the last byte that any
 * CDB has.
 */
#define LOAD(first, max) ((first) > (max) ? (max) : (first))
#define FIELD_IN(first, skip, n, max)                                                              \
	{                                                                                          \
		.load = (uint8_t)LOAD(first, max),                                                 \
		.left = (uint8_t)(8 * ((first) - LOAD(first, max)) + (skip)), .right = 64 - (n),   \
	}
#define FIELD(first, skip, n) FIELD_IN(first, skip, n, 16 - 8)
#define FIELD_LONG(first, n)  FIELD_IN(first, 0, n, SCSI_CDB_LONG - 8)

#define LBA_6  FIELD(1, 3, 21)
#define LBA_10 FIELD(2, 0, 32)
#define LBA_16 FIELD(2, 0, 64)

#define LEN_3_2  FIELD(3, 0, 16)
#define LEN_4_1  FIELD(4, 0, 8)
#define LEN_6_4  FIELD(6, 0, 32)
#define LEN_7_2  FIELD(7, 0, 16)
#define LEN_10_4 FIELD(10, 0, 32)
#define LEN_13_1 FIELD(13, 0, 8)

#define LBA_32 FIELD_LONG(12, 64)
#define LEN_32 FIELD_LONG(28, 32)

/* Usage data of a CDB length; what SRP carries beyond it is ignored. */
#define ANY4       0xff, 0xff, 0xff, 0xff
#define CDB6(...)  { __VA_ARGS__, ANY4, ANY4, 0xff, 0xff }
#define CDB10(...) { __VA_ARGS__, ANY4, 0xff, 0xff }
#define CDB12(...) { __VA_ARGS__, ANY4 }
#define CDB16(...) { __VA_ARGS__ }

static const struct scsi_op service_action_in_16[SCSI_N_ACTIONS] = {
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
};

static const struct scsi_op maintenance_in[SCSI_N_ACTIONS] = {
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

static const struct scsi_op variable_length[SCSI_N_ACTIONS] = {
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

static const struct scsi_op persistent_reserve_in[SCSI_N_ACTIONS] = {
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

static const struct scsi_op persistent_reserve_out[SCSI_N_ACTIONS] = {
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

const struct scsi_op scsi_ops[256] = {
	[0x00] = {
		.name = "TEST UNIT READY",
		.opcode = 0x00, .sa = SCSI_NO_SA, .cdb_len = 6, .dir = SCSI_DIR_NONE,
		.resv = SCSI_RESV_ALLOWED, .timeout = 10,
		.flags = OP_MEDIUM,
		.usage = CDB6(0x00, 0x00, 0x00, 0x00, 0x00, 0x00),
		.run = spc_test_unit_ready,
	},
	[0x03] = {
		.name = "REQUEST SENSE",
		.opcode = 0x03, .sa = SCSI_NO_SA, .cdb_len = 6, .dir = SCSI_DIR_IN,
		.len = LEN_4_1, .unit = SCSI_UNIT_ALLOC,
		.resv = SCSI_RESV_ALLOWED, .timeout = 10,
		.flags = OP_UA_EXEMPT | OP_ANY_LUN | OP_DATA_IN,
		.usage = CDB6(0x03, 0x01, 0x00, 0x00, 0xff, 0x00),
		.run = spc_request_sense,
	},
	[0x08] = {
		.name = "READ(6)",
		.opcode = 0x08, .sa = SCSI_NO_SA, .cdb_len = 6, .dir = SCSI_DIR_IN,
		.lba = LBA_6, .len = LEN_4_1, .unit = SCSI_UNIT_BLOCKS,
		.resv = SCSI_RESV_READ, .timeout = 60,
		.flags = OP_MEDIUM | OP_LBA | OP_LIMIT | OP_ZERO_IS_256,
		.usage = CDB6(0x08, 0x1f, 0xff, 0xff, 0xff, 0x00),
		.run = sbc_read,
	},
	[0x0a] = {
		.name = "WRITE(6)",
		.opcode = 0x0a, .sa = SCSI_NO_SA, .cdb_len = 6, .dir = SCSI_DIR_OUT,
		.lba = LBA_6, .len = LEN_4_1, .unit = SCSI_UNIT_BLOCKS,
		.resv = SCSI_RESV_WRITE, .timeout = 60,
		.flags = OP_MEDIUM | OP_LBA | OP_LIMIT | OP_ZERO_IS_256 | OP_WRITES,
		.usage = CDB6(0x0a, 0x1f, 0xff, 0xff, 0xff, 0x00),
		.run = sbc_write,
	},
	[0x12] = {
		.name = "INQUIRY",
		.opcode = 0x12, .sa = SCSI_NO_SA, .cdb_len = 6, .dir = SCSI_DIR_IN,
		.len = LEN_3_2, .unit = SCSI_UNIT_ALLOC,
		.resv = SCSI_RESV_ALLOWED, .timeout = 10,
		.flags = OP_UA_EXEMPT | OP_ANY_LUN | OP_DATA_IN,
		.usage = CDB6(0x12, 0x01, 0xff, 0xff, 0xff, 0x00),
		.run = spc_inquiry,
	},
	[0x16] = {
		.name = "RESERVE(6)",
		.opcode = 0x16, .sa = SCSI_NO_SA, .cdb_len = 6, .dir = SCSI_DIR_NONE,
		.resv = SCSI_RESV_ALLOWED, .timeout = 10,
		.usage = CDB6(0x16, 0x00, 0x00, 0x00, 0x00, 0x00),
		.run = spc_reserve,
	},
	[0x17] = {
		.name = "RELEASE(6)",
		.opcode = 0x17, .sa = SCSI_NO_SA, .cdb_len = 6, .dir = SCSI_DIR_NONE,
		.resv = SCSI_RESV_ALLOWED, .timeout = 10,
		.flags = OP_RESERVE_EXEMPT,
		.usage = CDB6(0x17, 0x00, 0x00, 0x00, 0x00, 0x00),
		.run = spc_release,
	},
	[0x1a] = {
		.name = "MODE SENSE(6)",
		.opcode = 0x1a, .sa = SCSI_NO_SA, .cdb_len = 6, .dir = SCSI_DIR_IN,
		.len = LEN_4_1, .unit = SCSI_UNIT_ALLOC,
		.resv = SCSI_RESV_WRITE, .timeout = 10,
		.flags = OP_DATA_IN,
		.usage = CDB6(0x1a, 0x08, 0xff, 0xff, 0xff, 0x00),
		.run = spc_mode_sense6,
	},
	[0x1b] = {
		.name = "START STOP UNIT",
		.opcode = 0x1b, .sa = SCSI_NO_SA, .cdb_len = 6, .dir = SCSI_DIR_NONE,
		.resv = SCSI_RESV_START_STOP, .timeout = 60,
		.usage = CDB6(0x1b, 0x01, 0x00, 0x00, 0x07, 0x00),
		.run = sbc_start_stop,
	},
	[0x1e] = {
		.name = "PREVENT ALLOW MEDIUM REMOVAL",
		.opcode = 0x1e, .sa = SCSI_NO_SA, .cdb_len = 6, .dir = SCSI_DIR_NONE,
		.resv = SCSI_RESV_PREVENT, .timeout = 10,
		.flags = OP_IF_REMOVABLE,
		.usage = CDB6(0x1e, 0x00, 0x00, 0x00, 0x01, 0x00),
		.run = sbc_prevent_allow,
	},
	[0x25] = {
		.name = "READ CAPACITY(10)",
		.opcode = 0x25, .sa = SCSI_NO_SA, .cdb_len = 10, .dir = SCSI_DIR_IN,
		.resv = SCSI_RESV_ALLOWED, .timeout = 10,
		.flags = OP_RESERVE_EXEMPT | OP_MEDIUM | OP_DATA_IN,
		.usage = CDB10(0x25, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00),
		.run = sbc_read_capacity10,
	},
	[0x28] = {
		.name = "READ(10)",
		.opcode = 0x28, .sa = SCSI_NO_SA, .cdb_len = 10, .dir = SCSI_DIR_IN,
		.lba = LBA_10, .len = LEN_7_2, .unit = SCSI_UNIT_BLOCKS,
		.protect = SCSI_PROTECT_RD, .resv = SCSI_RESV_READ, .timeout = 60,
		.flags = OP_MEDIUM | OP_LBA | OP_LIMIT | OP_FUA,
		.usage = CDB10(0x28, 0x18, 0xff, 0xff, 0xff, 0xff, 0x1f, 0xff, 0xff, 0x00),
		.run = sbc_read,
	},
	[0x2a] = {
		.name = "WRITE(10)",
		.opcode = 0x2a, .sa = SCSI_NO_SA, .cdb_len = 10, .dir = SCSI_DIR_OUT,
		.lba = LBA_10, .len = LEN_7_2, .unit = SCSI_UNIT_BLOCKS,
		.protect = SCSI_PROTECT_WR, .resv = SCSI_RESV_WRITE, .timeout = 60,
		.flags = OP_MEDIUM | OP_LBA | OP_LIMIT | OP_FUA | OP_WRITES,
		.usage = CDB10(0x2a, 0x18, 0xff, 0xff, 0xff, 0xff, 0x1f, 0xff, 0xff, 0x00),
		.run = sbc_write,
	},
	[0x2e] = {
		.name = "WRITE AND VERIFY(10)",
		.opcode = 0x2e, .sa = SCSI_NO_SA, .cdb_len = 10, .dir = SCSI_DIR_OUT,
		.lba = LBA_10, .len = LEN_7_2, .unit = SCSI_UNIT_BLOCKS,
		.protect = SCSI_PROTECT_WR, .resv = SCSI_RESV_WRITE, .timeout = 60,
		.flags = OP_MEDIUM | OP_LBA | OP_LIMIT | OP_WRITES,
		.usage = CDB10(0x2e, 0x16, 0xff, 0xff, 0xff, 0xff, 0x1f, 0xff, 0xff, 0x00),
		.run = sbc_write_verify,
	},
	[0x2f] = {
		.name = "VERIFY(10)",
		.opcode = 0x2f, .sa = SCSI_NO_SA, .cdb_len = 10, .dir = SCSI_DIR_OUT,
		.lba = LBA_10, .len = LEN_7_2, .unit = SCSI_UNIT_BLOCKS,
		.protect = SCSI_PROTECT_VR, .resv = SCSI_RESV_READ, .timeout = 60,
		.flags = OP_MEDIUM | OP_LBA | OP_LIMIT,
		.usage = CDB10(0x2f, 0x16, 0xff, 0xff, 0xff, 0xff, 0x1f, 0xff, 0xff, 0x00),
		.run = sbc_verify,
	},
	[0x34] = {
		.name = "PRE-FETCH(10)",
		.opcode = 0x34, .sa = SCSI_NO_SA, .cdb_len = 10, .dir = SCSI_DIR_NONE,
		.lba = LBA_10, .len = LEN_7_2, .unit = SCSI_UNIT_BLOCKS,
		.resv = SCSI_RESV_READ, .timeout = 60,
		.flags = OP_MEDIUM | OP_LBA | OP_LIMIT,
		.usage = CDB10(0x34, 0x02, 0xff, 0xff, 0xff, 0xff, 0x1f, 0xff, 0xff, 0x00),
		.run = sbc_prefetch,
	},
	[0x35] = {
		.name = "SYNCHRONIZE CACHE(10)",
		.opcode = 0x35, .sa = SCSI_NO_SA, .cdb_len = 10, .dir = SCSI_DIR_NONE,
		.lba = LBA_10, .len = LEN_7_2, .unit = SCSI_UNIT_BLOCKS,
		.resv = SCSI_RESV_WRITE, .timeout = 120,
		.flags = OP_MEDIUM | OP_LBA,
		.usage = CDB10(0x35, 0x06, 0xff, 0xff, 0xff, 0xff, 0x1f, 0xff, 0xff, 0x00),
		.run = sbc_sync_cache,
	},
	[0x41] = {
		.name = "WRITE SAME(10)",
		.opcode = 0x41, .sa = SCSI_NO_SA, .cdb_len = 10, .dir = SCSI_DIR_OUT,
		.lba = LBA_10, .len = LEN_7_2, .unit = SCSI_UNIT_BLOCKS,
		.protect = SCSI_PROTECT_WR, .resv = SCSI_RESV_WRITE, .timeout = 120,
		.flags = OP_MEDIUM | OP_LBA | OP_WRITES,
		.usage = CDB10(0x41, 0x08, 0xff, 0xff, 0xff, 0xff, 0x1f, 0xff, 0xff, 0x00),
		.run = sbc_write_same,
	},
	[0x42] = {
		.name = "UNMAP",
		.opcode = 0x42, .sa = SCSI_NO_SA, .cdb_len = 10, .dir = SCSI_DIR_OUT,
		.len = LEN_7_2, .unit = SCSI_UNIT_PARAM,
		.resv = SCSI_RESV_WRITE, .timeout = 120,
		.flags = OP_MEDIUM | OP_WRITES | OP_PARAM | OP_IF_THIN,
		.usage = CDB10(0x42, 0x00, 0x00, 0x00, 0x00, 0x00, 0x1f, 0xff, 0xff, 0x00),
		.run = sbc_unmap,
	},
	[0x53] = {
		.name = "XDWRITEREAD(10)",
		.opcode = 0x53, .sa = SCSI_NO_SA, .cdb_len = 10, .dir = SCSI_DIR_BIDI,
		.lba = LBA_10, .len = LEN_7_2, .unit = SCSI_UNIT_BLOCKS,
		.protect = SCSI_PROTECT_WR, .resv = SCSI_RESV_WRITE, .timeout = 60,
		.flags = OP_MEDIUM | OP_LBA | OP_LIMIT | OP_FUA | OP_WRITES,
		.usage = CDB10(0x53, 0x1c, 0xff, 0xff, 0xff, 0xff, 0x1f, 0xff, 0xff, 0x00),
		.run = sbc_xdwriteread,
	},
	[0x56] = {
		.name = "RESERVE(10)",
		.opcode = 0x56, .sa = SCSI_NO_SA, .cdb_len = 10, .dir = SCSI_DIR_NONE,
		.resv = SCSI_RESV_ALLOWED, .timeout = 10,
		.usage = CDB10(0x56, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00),
		.run = spc_reserve,
	},
	[0x57] = {
		.name = "RELEASE(10)",
		.opcode = 0x57, .sa = SCSI_NO_SA, .cdb_len = 10, .dir = SCSI_DIR_NONE,
		.resv = SCSI_RESV_ALLOWED, .timeout = 10,
		.flags = OP_RESERVE_EXEMPT,
		.usage = CDB10(0x57, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00),
		.run = spc_release,
	},
	[0x5a] = {
		.name = "MODE SENSE(10)",
		.opcode = 0x5a, .sa = SCSI_NO_SA, .cdb_len = 10, .dir = SCSI_DIR_IN,
		.len = LEN_7_2, .unit = SCSI_UNIT_ALLOC,
		.resv = SCSI_RESV_WRITE, .timeout = 10,
		.flags = OP_DATA_IN,
		.usage = CDB10(0x5a, 0x18, 0xff, 0xff, 0x00, 0x00, 0x00, 0xff, 0xff, 0x00),
		.run = spc_mode_sense10,
	},
	[0x5e] = { .actions = persistent_reserve_in },
	[0x5f] = { .actions = persistent_reserve_out },
	[SCSI_VARIABLE] = { .actions = variable_length },
	[0x88] = {
		.name = "READ(16)",
		.opcode = 0x88, .sa = SCSI_NO_SA, .cdb_len = 16, .dir = SCSI_DIR_IN,
		.lba = LBA_16, .len = LEN_10_4, .unit = SCSI_UNIT_BLOCKS,
		.protect = SCSI_PROTECT_RD, .resv = SCSI_RESV_READ, .timeout = 60,
		.flags = OP_MEDIUM | OP_LBA | OP_LIMIT | OP_FUA,
		.usage = CDB16(0x88, 0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			       0xff, 0xff, 0xff, 0xff, 0x1f, 0x00),
		.run = sbc_read,
	},
	[0x89] = {
		.name = "COMPARE AND WRITE",
		.opcode = 0x89, .sa = SCSI_NO_SA, .cdb_len = 16, .dir = SCSI_DIR_OUT,
		.lba = LBA_16, .len = LEN_13_1, .unit = SCSI_UNIT_BLOCKS,
		.protect = SCSI_PROTECT_WR, .resv = SCSI_RESV_WRITE, .timeout = 60,
		.flags = OP_MEDIUM | OP_LBA | OP_FUA | OP_WRITES,
		.usage = CDB16(0x89, 0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			       0x00, 0x00, 0x00, 0xff, 0x1f, 0x00),
		.run = sbc_compare_write,
	},
	[0x8a] = {
		.name = "WRITE(16)",
		.opcode = 0x8a, .sa = SCSI_NO_SA, .cdb_len = 16, .dir = SCSI_DIR_OUT,
		.lba = LBA_16, .len = LEN_10_4, .unit = SCSI_UNIT_BLOCKS,
		.protect = SCSI_PROTECT_WR, .resv = SCSI_RESV_WRITE, .timeout = 60,
		.flags = OP_MEDIUM | OP_LBA | OP_LIMIT | OP_FUA | OP_WRITES,
		.usage = CDB16(0x8a, 0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			       0xff, 0xff, 0xff, 0xff, 0x1f, 0x00),
		.run = sbc_write,
	},
	[0x8b] = {
		.name = "ORWRITE(16)",
		.opcode = 0x8b, .sa = SCSI_NO_SA, .cdb_len = 16, .dir = SCSI_DIR_OUT,
		.lba = LBA_16, .len = LEN_10_4, .unit = SCSI_UNIT_BLOCKS,
		.protect = SCSI_PROTECT_WR, .resv = SCSI_RESV_WRITE, .timeout = 60,
		.flags = OP_MEDIUM | OP_LBA | OP_LIMIT | OP_FUA | OP_WRITES,
		.usage = CDB16(0x8b, 0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			       0xff, 0xff, 0xff, 0xff, 0x1f, 0x00),
		.run = sbc_orwrite,
	},
	[0x8e] = {
		.name = "WRITE AND VERIFY(16)",
		.opcode = 0x8e, .sa = SCSI_NO_SA, .cdb_len = 16, .dir = SCSI_DIR_OUT,
		.lba = LBA_16, .len = LEN_10_4, .unit = SCSI_UNIT_BLOCKS,
		.protect = SCSI_PROTECT_WR, .resv = SCSI_RESV_WRITE, .timeout = 60,
		.flags = OP_MEDIUM | OP_LBA | OP_LIMIT | OP_WRITES,
		.usage = CDB16(0x8e, 0x16, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			       0xff, 0xff, 0xff, 0xff, 0x1f, 0x00),
		.run = sbc_write_verify,
	},
	[0x8f] = {
		.name = "VERIFY(16)",
		.opcode = 0x8f, .sa = SCSI_NO_SA, .cdb_len = 16, .dir = SCSI_DIR_OUT,
		.lba = LBA_16, .len = LEN_10_4, .unit = SCSI_UNIT_BLOCKS,
		.protect = SCSI_PROTECT_VR, .resv = SCSI_RESV_READ, .timeout = 60,
		.flags = OP_MEDIUM | OP_LBA | OP_LIMIT,
		.usage = CDB16(0x8f, 0x16, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			       0xff, 0xff, 0xff, 0xff, 0x1f, 0x00),
		.run = sbc_verify,
	},
	[0x90] = {
		.name = "PRE-FETCH(16)",
		.opcode = 0x90, .sa = SCSI_NO_SA, .cdb_len = 16, .dir = SCSI_DIR_NONE,
		.lba = LBA_16, .len = LEN_10_4, .unit = SCSI_UNIT_BLOCKS,
		.resv = SCSI_RESV_READ, .timeout = 60,
		.flags = OP_MEDIUM | OP_LBA | OP_LIMIT,
		.usage = CDB16(0x90, 0x02, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			       0xff, 0xff, 0xff, 0xff, 0x1f, 0x00),
		.run = sbc_prefetch,
	},
	[0x91] = {
		.name = "SYNCHRONIZE CACHE(16)",
		.opcode = 0x91, .sa = SCSI_NO_SA, .cdb_len = 16, .dir = SCSI_DIR_NONE,
		.lba = LBA_16, .len = LEN_10_4, .unit = SCSI_UNIT_BLOCKS,
		.resv = SCSI_RESV_WRITE, .timeout = 120,
		.flags = OP_MEDIUM | OP_LBA,
		.usage = CDB16(0x91, 0x06, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			       0xff, 0xff, 0xff, 0xff, 0x1f, 0x00),
		.run = sbc_sync_cache,
	},
	[0x93] = {
		.name = "WRITE SAME(16)",
		.opcode = 0x93, .sa = SCSI_NO_SA, .cdb_len = 16, .dir = SCSI_DIR_OUT,
		.lba = LBA_16, .len = LEN_10_4, .unit = SCSI_UNIT_BLOCKS,
		.protect = SCSI_PROTECT_WR, .resv = SCSI_RESV_WRITE, .timeout = 120,
		.flags = OP_MEDIUM | OP_LBA | OP_WRITES,
		.usage = CDB16(0x93, 0x09, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			       0xff, 0xff, 0xff, 0xff, 0x1f, 0x00),
		.run = sbc_write_same,
	},
	[0x9e] = { .actions = service_action_in_16 },
	[0xa0] = {
		.name = "REPORT LUNS",
		.opcode = 0xa0, .sa = SCSI_NO_SA, .cdb_len = 12, .dir = SCSI_DIR_IN,
		.len = LEN_6_4, .unit = SCSI_UNIT_ALLOC,
		.resv = SCSI_RESV_ALLOWED, .timeout = 10,
		.flags = OP_UA_EXEMPT | OP_LUN0,
		.usage = CDB12(0xa0, 0x00, 0xff, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff,
			       0x00, 0x00),
		.run = spc_report_luns,
	},
	[0xa3] = { .actions = maintenance_in },
	[0xa8] = {
		.name = "READ(12)",
		.opcode = 0xa8, .sa = SCSI_NO_SA, .cdb_len = 12, .dir = SCSI_DIR_IN,
		.lba = LBA_10, .len = LEN_6_4, .unit = SCSI_UNIT_BLOCKS,
		.protect = SCSI_PROTECT_RD, .resv = SCSI_RESV_READ, .timeout = 60,
		.flags = OP_MEDIUM | OP_LBA | OP_LIMIT | OP_FUA,
		.usage = CDB12(0xa8, 0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			       0x1f, 0x00),
		.run = sbc_read,
	},
	[0xaa] = {
		.name = "WRITE(12)",
		.opcode = 0xaa, .sa = SCSI_NO_SA, .cdb_len = 12, .dir = SCSI_DIR_OUT,
		.lba = LBA_10, .len = LEN_6_4, .unit = SCSI_UNIT_BLOCKS,
		.protect = SCSI_PROTECT_WR, .resv = SCSI_RESV_WRITE, .timeout = 60,
		.flags = OP_MEDIUM | OP_LBA | OP_LIMIT | OP_FUA | OP_WRITES,
		.usage = CDB12(0xaa, 0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			       0x1f, 0x00),
		.run = sbc_write,
	},
	[0xae] = {
		.name = "WRITE AND VERIFY(12)",
		.opcode = 0xae, .sa = SCSI_NO_SA, .cdb_len = 12, .dir = SCSI_DIR_OUT,
		.lba = LBA_10, .len = LEN_6_4, .unit = SCSI_UNIT_BLOCKS,
		.protect = SCSI_PROTECT_WR, .resv = SCSI_RESV_WRITE, .timeout = 60,
		.flags = OP_MEDIUM | OP_LBA | OP_LIMIT | OP_WRITES,
		.usage = CDB12(0xae, 0x16, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			       0x1f, 0x00),
		.run = sbc_write_verify,
	},
	[0xaf] = {
		.name = "VERIFY(12)",
		.opcode = 0xaf, .sa = SCSI_NO_SA, .cdb_len = 12, .dir = SCSI_DIR_OUT,
		.lba = LBA_10, .len = LEN_6_4, .unit = SCSI_UNIT_BLOCKS,
		.protect = SCSI_PROTECT_VR, .resv = SCSI_RESV_READ, .timeout = 60,
		.flags = OP_MEDIUM | OP_LBA | OP_LIMIT,
		.usage = CDB12(0xaf, 0x16, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			       0x1f, 0x00),
		.run = sbc_verify,
	},
};

const struct scsi_op *scsi_op_lookup(uint8_t opcode, uint16_t sa)
{
	const struct scsi_op *op = &scsi_ops[opcode];

	if (op->run)
		return op;
	if (!op->actions || sa >= SCSI_N_ACTIONS)
		return NULL;
	return op->actions[sa].run ? &op->actions[sa] : NULL;
}

static bool each_action(const struct scsi_op *row, bool (*fn)(const struct scsi_op *op, void *arg),
			void *arg)
{
	for (unsigned int sa = 0; sa < SCSI_N_ACTIONS; sa++)
		if (row[sa].run && !fn(&row[sa], arg))
			return false;
	return true;
}

void scsi_op_each(bool (*fn)(const struct scsi_op *op, void *arg), void *arg)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(scsi_ops); i++) {
		const struct scsi_op *op = &scsi_ops[i];

		if (op->run ? !fn(op, arg) : op->actions && !each_action(op->actions, fn, arg))
			return;
	}
}
