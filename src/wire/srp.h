/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SRP information units: bytes to structs and back (SRP r16a clause 6). Pure functions of a buffer
 * and its received length; nothing is read past that length, nothing is kept, nothing is logged.
 * What a target must still decide (limits, rights, LUNs) is not known here.
 */
#ifndef SRPTD_WIRE_SRP_H
#define SRPTD_WIRE_SRP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/be.h"
#include "srptd/srp.h"

/* Why an IU was refused. Names: srp_err_name(). */
enum srp_err {
	SRP_OK,
	SRP_ERR_SHORT,        /* shorter than its fixed part */
	SRP_ERR_OPCODE,       /* not the operation code that was asked for */
	SRP_ERR_ADD_CDB,      /* additional CDB beyond the received bytes */
	SRP_ERR_FORMAT,       /* descriptor format unknown, or not allowed in this direction */
	SRP_ERR_DESC,         /* descriptors beyond the received bytes */
	SRP_ERR_TABLE_LEN,    /* indirect table length is no multiple of 16 */
	SRP_ERR_TABLE_COUNT,  /* table shorter than the entries given in the IU */
	SRP_ERR_TABLE_LIMIT,  /* table longer than the caller's limit */
	SRP_ERR_TABLE_SUM,    /* descriptors cover fewer bytes than the total length */
	SRP_ERR_IMM_REFUSED,  /* immediate data without permission from login */
	SRP_ERR_IMM_OFFSET,   /* immediate data would overlap the command */
	SRP_ERR_IMM_LEN,      /* immediate data beyond the received bytes */
};

/*
 * One direction's data buffer. A table is complete in the IU when n_inline == n_total; otherwise
 * the n_total entries must be fetched from the initiator's memory at table_va.
 */
struct srp_data {
	enum srp_desc_fmt fmt;
	uint32_t len;        /* bytes that the initiator's buffer holds */
	uint32_t desc_off;   /* offset in the IU of the inline descriptors (direct: of the only one) */
	uint32_t n_inline;
	uint32_t n_total;
	uint64_t table_va;
	uint32_t table_rkey;
	uint32_t imm_off;    /* immediate: offset of the payload in the IU */
};

/* Bytes of a table that must be fetched; 0 when there is none, or it is complete in the IU. */
static inline uint32_t srp_table_to_fetch(const struct srp_data *d)
{
	return d->fmt == SRP_FMT_INDIRECT && d->n_total > d->n_inline ?
		       d->n_total * SRP_DIRECT_DESC_LEN : 0;
}

struct srp_desc {
	uint64_t va;
	uint32_t rkey;
	uint32_t len;
};

struct srp_cmd {
	uint64_t tag;       /* the eight bytes as they lie in memory: compare and copy only */
	uint8_t sol_not;
	uint8_t task_attr;  /* enum srp_task_attr, three bits as received */
	uint8_t lun[8];
	uint32_t cdb_off;   /* offset in the IU; the 16 bytes and the additional ones are contiguous */
	uint32_t cdb_len;
	uint32_t fetch_len; /* bytes of both directions' tables that are to be fetched */
	struct srp_data out;
	struct srp_data in;
};

/* What was agreed at login and this receiver's own bounds. */
struct srp_cmd_limits {
	uint32_t imm_data_offset; /* 0 = immediate data not granted */
	uint32_t max_table;       /* entries of an indirect table */
};

/*
 * Parse an SRP_CMD of len received bytes. On an error other than SHORT and OPCODE, tag, sol_not,
 * lun, task_attr and cdb are valid so that the command can be answered.
 */
enum srp_err srp_cmd_parse(const void *iu, size_t len, const struct srp_cmd_limits *limits,
			   struct srp_cmd *out);

/* Load the descriptor at a table position; the caller has checked the bounds. */
static inline struct srp_desc srp_desc_load(const void *p)
{
	const uint8_t *b = (const uint8_t *)p;

	return (struct srp_desc){
		.va = be64_get(b),
		.rkey = be32_get(b + 8),
		.len = be32_get(b + 12),
	};
}

void srp_desc_store(void *p, const struct srp_desc *desc);
/* Σ lengths of n descriptors, in 64 bits. */
uint64_t srp_desc_sum(const void *table, uint32_t n);

struct srp_tsk_mgmt {
	uint64_t tag;
	uint64_t task_tag;
	uint8_t sol_not;
	uint8_t function; /* enum srp_tm_function, as received */
	uint8_t lun[8];
};

enum srp_err srp_tsk_mgmt_parse(const void *iu, size_t len, struct srp_tsk_mgmt *out);

struct srp_login_req {
	uint64_t tag;
	uint32_t req_it_iu_len;
	uint16_t req_buf_fmt;
	uint8_t req_flags;
	uint16_t imm_data_offset;
	uint8_t initiator_port_id[16];
	uint8_t target_port_id[16];
};

/* The native form (64 bytes in the REQ of InfiniBand CM) and the RDMA/CM form (56 bytes). */
enum srp_err srp_login_req_parse(const void *data, size_t len, struct srp_login_req *out);
enum srp_err srp_login_req_rdma_parse(const void *data, size_t len, struct srp_login_req *out);
void srp_login_req_build(uint8_t out[SRP_LOGIN_REQ_LEN], const struct srp_login_req *req);
void srp_login_req_rdma_build(uint8_t out[SRP_LOGIN_REQ_RDMA_LEN], const struct srp_login_req *req);

struct srp_login_rsp {
	uint64_t tag;
	int32_t req_lim_delta;
	uint32_t max_it_iu_len;
	uint32_t max_ti_iu_len;
	uint16_t buf_fmt;
	uint8_t rsp_flags;
};

void srp_login_rsp_build(uint8_t out[SRP_LOGIN_RSP_LEN], const struct srp_login_rsp *rsp);
enum srp_err srp_login_rsp_parse(const void *data, size_t len, struct srp_login_rsp *out);

struct srp_login_rej {
	uint64_t tag;
	uint32_t reason; /* enum srp_login_rej_reason */
	uint16_t buf_fmt;
};

void srp_login_rej_build(uint8_t out[SRP_LOGIN_REJ_LEN], const struct srp_login_rej *rej);
enum srp_err srp_login_rej_parse(const void *data, size_t len, struct srp_login_rej *out);

struct srp_rsp {
	uint64_t tag;
	int32_t req_lim_delta;
	uint8_t sol_not;
	uint8_t flags; /* SRP_DOOVER…; RSPVALID and SNSVALID are set by the builder */
	uint8_t status;
	uint32_t data_out_res_cnt;
	uint32_t data_in_res_cnt;
	const uint8_t *sense; /* parse: points into the IU */
	uint32_t sense_len;
	bool has_rsp_code;    /* four bytes of response data: task management */
	uint8_t rsp_code;     /* enum srp_rsp_code */
};

/*
 * Build an SRP_RSP of at most max_len bytes (≥ 40); sense data is cut to fit. Every byte of the
 * result is written. Returns its length.
 */
size_t srp_rsp_build(uint8_t *out, size_t max_len, const struct srp_rsp *rsp);
/* The same for a command that ended with GOOD and all of its data: SRP_RSP_LEN bytes. */
static inline size_t srp_rsp_build_good(uint8_t *out, uint64_t tag, int32_t req_lim_delta)
{
	be32_put(out, (uint32_t)SRP_RSP << 24);
	be32_put(out + offsetof(struct srp_wire_rsp, req_lim_delta), (uint32_t)req_lim_delta);
	memcpy(out + offsetof(struct srp_wire_rsp, tag), &tag, sizeof(tag));
	memset(out + offsetof(struct srp_wire_rsp, reserved2), 0,
	       SRP_RSP_LEN - offsetof(struct srp_wire_rsp, reserved2));
	return SRP_RSP_LEN;
}

enum srp_err srp_rsp_parse(const void *iu, size_t len, struct srp_rsp *out);

void srp_cmd_hdr_build(uint8_t out[SRP_CMD_LEN], const struct srp_cmd *cmd, const uint8_t *cdb);
void srp_tsk_mgmt_build(uint8_t out[SRP_TSK_MGMT_LEN], const struct srp_tsk_mgmt *tm);
void srp_i_logout_build(uint8_t out[SRP_I_LOGOUT_LEN], uint64_t tag);
void srp_t_logout_build(uint8_t out[SRP_T_LOGOUT_LEN], uint64_t tag, uint32_t reason,
			uint8_t sol_not);
void srp_cred_req_build(uint8_t out[SRP_CRED_REQ_LEN], uint64_t tag, int32_t delta,
			uint8_t sol_not);

enum { SRP_AER_SENSE = 18 };

struct srp_aer_req {
	uint16_t lun; /* 0 … 16383 */
	int32_t req_lim_delta;
	uint8_t sol_not;
	uint32_t sense_len; /* at most SRP_AER_SENSE */
	uint8_t sense[SRP_AER_SENSE];
};

/* Returns the length of the IU, at most SRP_AER_REQ_LEN + SRP_AER_SENSE. */
size_t srp_aer_req_build(uint8_t *out, const struct srp_aer_req *req);
/* CRED_RSP and AER_RSP differ in the operation code only. */
void srp_small_rsp_build(uint8_t out[SRP_CRED_RSP_LEN], uint8_t opcode, uint64_t tag);

/* Names for logs, never NULL: "SRP_CMD", "ABORT TASK", "unable to associate…", "table sum". */
const char *srp_opcode_name(uint8_t opcode);
const char *srp_tm_name(uint8_t function);
const char *srp_rej_name(uint32_t reason);
const char *srp_err_name(enum srp_err err);

/*
 * One IU with its field names as a single line of text for `-d iu`, cut to buf_len. Any bytes are
 * allowed. Returns buf.
 */
const char *srp_iu_text(const void *iu, size_t len, char *buf, size_t buf_len);

#endif
