/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The SCSI RDMA Protocol on the wire: operation codes, codes of fields, and the byte layout of
 * every information unit (IU), ANSI T10 SRP r16a and the SRP-2 additions that Linux uses
 * (immediate data). All multi-byte fields are big-endian and appear as byte arrays, so that the
 * structs have no alignment and document the layout only. Tags are opaque: echo them byte by
 * byte.
 *
 * For any program that speaks SRP; this header knows nothing of srptd.
 */
#ifndef SRPTD_SRP_H
#define SRPTD_SRP_H

#include <assert.h>
#include <stdint.h>

/* Operation code, byte 0 of every IU (SRP r16a 6.1). */
enum srp_opcode {
	SRP_LOGIN_REQ = 0x00,
	SRP_TSK_MGMT = 0x01,
	SRP_CMD = 0x02,
	SRP_I_LOGOUT = 0x03,
	SRP_CRED_RSP = 0x41,
	SRP_AER_RSP = 0x42,
	SRP_T_LOGOUT = 0x80,
	SRP_CRED_REQ = 0x81,
	SRP_AER_REQ = 0x82,
	SRP_LOGIN_RSP = 0xc0,
	SRP_RSP = 0xc1,
	SRP_LOGIN_REJ = 0xc2,
};

/* Data buffer descriptor formats: a nibble of SRP_CMD byte 5 (data-out high, data-in low). */
enum srp_desc_fmt {
	SRP_FMT_NONE = 0,
	SRP_FMT_DIRECT = 1,
	SRP_FMT_INDIRECT = 2,
	SRP_FMT_IMMEDIATE = 3, /* SRP-2; data-out only, after IMMED_SUPP at login */
};

/* LOGIN_REQ required and LOGIN_RSP/REJ supported buffer formats. */
enum {
	SRP_BUF_FMT_DIRECT = 0x0002,
	SRP_BUF_FMT_INDIRECT = 0x0004,
};

/* LOGIN_REQ flags. */
enum {
	SRP_MULTICHAN_MASK = 0x03,
	SRP_MULTICHAN_SINGLE = 0x00, /* ends the other channels of this I_T nexus */
	SRP_MULTICHAN_MULTI = 0x01,  /* one more independent channel */
	SRP_LOSOLNT = 0x10,          /* wants solicited notification for T_LOGOUT */
	SRP_CRSOLNT = 0x20,          /* ... for CRED_REQ */
	SRP_AESOLNT = 0x40,          /* ... for AER_REQ */
	SRP_IMMED_REQUESTED = 0x80,
};

/* LOGIN_RSP flags. */
enum {
	SRP_MULTICHAN_NO_CHAN = 0x00,
	SRP_MULTICHAN_TERMINATED = 0x01,
	SRP_MULTICHAN_MAINTAINED = 0x02,
	SRP_SOLNTSUP = 0x10,
	SRP_IMMED_SUPP = 0x80,
};

/* LOGIN_REJ reasons. */
enum srp_login_rej_reason {
	SRP_REJ_UNABLE_ESTABLISH = 0x00010000,
	SRP_REJ_INSUFFICIENT_RESOURCES = 0x00010001,
	SRP_REJ_REQ_IT_IU_LENGTH_TOO_LARGE = 0x00010002,
	SRP_REJ_UNABLE_ASSOCIATE = 0x00010003,
	SRP_REJ_UNSUPPORTED_DESCRIPTOR_FMT = 0x00010004,
	SRP_REJ_MULTI_CHANNEL_UNSUPPORTED = 0x00010005,
	SRP_REJ_CHANNEL_LIMIT_REACHED = 0x00010006,
};

/* T_LOGOUT reasons on which all sources agree. */
enum srp_t_logout_reason {
	SRP_T_LOGOUT_NONE = 0,
	SRP_T_LOGOUT_INACTIVE = 1,
	SRP_T_LOGOUT_INVALID_IU = 2,
	SRP_T_LOGOUT_SPURIOUS_RSP = 3,
	SRP_T_LOGOUT_MULTI_CHANNEL = 4,
};

/* sol_not of requests (SCSOLNT/UCSOLNT) and of responses (SOLNT). */
enum {
	SRP_SOLNT = 0x01,
	SRP_SCSOLNT = 0x02,
	SRP_UCSOLNT = 0x04,
};

/* Task attributes, SRP_CMD byte 29, low three bits. */
enum srp_task_attr {
	SRP_SIMPLE = 0,
	SRP_HEAD_OF_QUEUE = 1,
	SRP_ORDERED = 2,
	SRP_ACA = 4,
};

/* Task management functions. */
enum srp_tm_function {
	SRP_ABORT_TASK = 0x01,
	SRP_ABORT_TASK_SET = 0x02,
	SRP_CLEAR_TASK_SET = 0x04,
	SRP_LUN_RESET = 0x08,
	SRP_CLEAR_ACA = 0x40,
};

/* Response codes in the response data of an SRP_RSP to SRP_TSK_MGMT. */
enum srp_rsp_code {
	SRP_RSP_COMPLETE = 0,
	SRP_RSP_FIELDS_INVALID = 2,
	SRP_RSP_TM_UNSUPPORTED = 4,
	SRP_RSP_TM_FAILED = 5,
};

/* SRP_RSP flags. */
enum {
	SRP_RSPVALID = 0x01,
	SRP_SNSVALID = 0x02,
	SRP_DOOVER = 0x04,
	SRP_DOUNDER = 0x08,
	SRP_DIOVER = 0x10,
	SRP_DIUNDER = 0x20,
};

struct srp_wire_direct_desc {
	uint8_t va[8];
	uint8_t rkey[4];
	uint8_t len[4];
};

struct srp_wire_indirect_hdr {
	struct srp_wire_direct_desc table;
	uint8_t len[4];
};

/* Native InfiniBand form: the first 64 bytes of the CM REQ private data. */
struct srp_wire_login_req {
	uint8_t opcode;
	uint8_t reserved1[7];
	uint8_t tag[8];
	uint8_t req_it_iu_len[4];
	uint8_t reserved2[4];
	uint8_t req_buf_fmt[2];
	uint8_t req_flags;
	uint8_t reserved3;
	uint8_t imm_data_offset[2];
	uint8_t reserved4[2];
	uint8_t initiator_port_id[16];
	uint8_t target_port_id[16];
};

/* RDMA/CM form: 56 bytes, because rdma_cm takes 36 of the 92 for its own header. */
struct srp_wire_login_req_rdma {
	uint8_t tag[8];
	uint8_t req_buf_fmt[2];
	uint8_t req_flags;
	uint8_t opcode;
	uint8_t req_it_iu_len[4];
	uint8_t initiator_port_id[16];
	uint8_t target_port_id[16];
	uint8_t imm_data_offset[2];
	uint8_t reserved[6];
};

struct srp_wire_login_rsp {
	uint8_t opcode;
	uint8_t reserved1[3];
	uint8_t req_lim_delta[4];
	uint8_t tag[8];
	uint8_t max_it_iu_len[4];
	uint8_t max_ti_iu_len[4];
	uint8_t buf_fmt[2];
	uint8_t rsp_flags;
	uint8_t reserved2[25];
};

struct srp_wire_login_rej {
	uint8_t opcode;
	uint8_t reserved1[3];
	uint8_t reason[4];
	uint8_t tag[8];
	uint8_t reserved2[8];
	uint8_t buf_fmt[2];
	uint8_t reserved3[6];
};

struct srp_wire_i_logout {
	uint8_t opcode;
	uint8_t reserved[7];
	uint8_t tag[8];
};

struct srp_wire_t_logout {
	uint8_t opcode;
	uint8_t sol_not;
	uint8_t reserved[2];
	uint8_t reason[4];
	uint8_t tag[8];
};

/* Followed by the additional CDB, the data-out descriptors and the data-in descriptors. */
struct srp_wire_cmd {
	uint8_t opcode;
	uint8_t sol_not;
	uint8_t reserved1[3];
	uint8_t buf_fmt;
	uint8_t data_out_desc_cnt;
	uint8_t data_in_desc_cnt;
	uint8_t tag[8];
	uint8_t reserved2[4];
	uint8_t lun[8];
	uint8_t reserved3;
	uint8_t task_attr;
	uint8_t reserved4;
	uint8_t add_cdb_len; /* bytes of additional CDB = value & ~3 */
	uint8_t cdb[16];
};

struct srp_wire_tsk_mgmt {
	uint8_t opcode;
	uint8_t sol_not;
	uint8_t reserved1[6];
	uint8_t tag[8];
	uint8_t reserved2[4];
	uint8_t lun[8];
	uint8_t reserved3[2];
	uint8_t function;
	uint8_t reserved4;
	uint8_t task_tag[8];
	uint8_t reserved5[8];
};

/* Followed by response data, then sense data. */
struct srp_wire_rsp {
	uint8_t opcode;
	uint8_t sol_not;
	uint8_t reserved1[2];
	uint8_t req_lim_delta[4];
	uint8_t tag[8];
	uint8_t reserved2[2];
	uint8_t flags;
	uint8_t status;
	uint8_t data_out_res_cnt[4];
	uint8_t data_in_res_cnt[4];
	uint8_t sense_data_len[4];
	uint8_t resp_data_len[4];
};

struct srp_wire_cred_req {
	uint8_t opcode;
	uint8_t sol_not;
	uint8_t reserved[2];
	uint8_t req_lim_delta[4];
	uint8_t tag[8];
};

/* SRP_CRED_RSP and SRP_AER_RSP. */
struct srp_wire_cred_rsp {
	uint8_t opcode;
	uint8_t reserved[7];
	uint8_t tag[8];
};

/* Followed by sense data. */
struct srp_wire_aer_req {
	uint8_t opcode;
	uint8_t sol_not;
	uint8_t reserved1[2];
	uint8_t req_lim_delta[4];
	uint8_t tag[8];
	uint8_t reserved2[4];
	uint8_t lun[8];
	uint8_t sense_data_len[4];
	uint8_t reserved3[4];
};

enum {
	SRP_DIRECT_DESC_LEN = 16,
	SRP_INDIRECT_HDR_LEN = 20,
	SRP_LOGIN_REQ_LEN = 64,
	SRP_LOGIN_REQ_RDMA_LEN = 56,
	SRP_LOGIN_RSP_LEN = 52,
	SRP_LOGIN_REJ_LEN = 32,
	SRP_I_LOGOUT_LEN = 16,
	SRP_T_LOGOUT_LEN = 16,
	SRP_CMD_LEN = 48,
	SRP_TSK_MGMT_LEN = 48,
	SRP_RSP_LEN = 36,
	SRP_CRED_REQ_LEN = 16,
	SRP_CRED_RSP_LEN = 16,
	SRP_AER_REQ_LEN = 36,
	SRP_AER_RSP_LEN = 16,
	SRP_MIN_IU_LEN = 64, /* the least req_it_iu_len a login may ask for */
	SRP_MAX_ADD_CDB = 252,
};

static_assert(sizeof(struct srp_wire_direct_desc) == SRP_DIRECT_DESC_LEN, "direct descriptor");
static_assert(sizeof(struct srp_wire_indirect_hdr) == SRP_INDIRECT_HDR_LEN, "indirect header");
static_assert(sizeof(struct srp_wire_login_req) == SRP_LOGIN_REQ_LEN, "LOGIN_REQ");
static_assert(sizeof(struct srp_wire_login_req_rdma) == SRP_LOGIN_REQ_RDMA_LEN, "LOGIN_REQ_RDMA");
static_assert(sizeof(struct srp_wire_login_rsp) == SRP_LOGIN_RSP_LEN, "LOGIN_RSP");
static_assert(sizeof(struct srp_wire_login_rej) == SRP_LOGIN_REJ_LEN, "LOGIN_REJ");
static_assert(sizeof(struct srp_wire_i_logout) == SRP_I_LOGOUT_LEN, "I_LOGOUT");
static_assert(sizeof(struct srp_wire_t_logout) == SRP_T_LOGOUT_LEN, "T_LOGOUT");
static_assert(sizeof(struct srp_wire_cmd) == SRP_CMD_LEN, "CMD");
static_assert(sizeof(struct srp_wire_tsk_mgmt) == SRP_TSK_MGMT_LEN, "TSK_MGMT");
static_assert(sizeof(struct srp_wire_rsp) == SRP_RSP_LEN, "RSP");
static_assert(sizeof(struct srp_wire_cred_req) == SRP_CRED_REQ_LEN, "CRED_REQ");
static_assert(sizeof(struct srp_wire_cred_rsp) == SRP_CRED_RSP_LEN, "CRED_RSP");
static_assert(sizeof(struct srp_wire_aer_req) == SRP_AER_REQ_LEN, "AER_REQ");

#endif
