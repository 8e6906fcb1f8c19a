/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the passive CM share. */
#ifndef SRPTD_PROTO_IB_CM_PRIV_H
#define SRPTD_PROTO_IB_CM_PRIV_H

#include "proto/ib_cm.h"

enum {
	MRA_TIMEOUT = 24
}; /* 69 s, for the owner's decision */

uint32_t conn_timeout_ms(uint8_t n);
uint32_t conn_bounded_ms(uint8_t n);
struct ibcm_action *out_add(struct ibcm_out *out, enum ibcm_action_type type,
			    struct ibcm_conn *conn);
void out_send(struct ibcm_out *out, struct ibcm_conn *conn, const struct mad_addr *to,
	      const struct cm_msg *msg);
void conn_send_kept(struct ibcm_out *out, struct ibcm_conn *conn, const struct cm_msg *msg);
void conn_resend(struct ibcm_out *out, struct ibcm_conn *conn);
void out_rej(struct ibcm_out *out, const struct mad_addr *to, uint64_t tid,
	     const struct cm_rej *rej);
void conn_send_mra(struct ibcm_out *out, struct ibcm_conn *conn);
void conn_send_drep(struct ibcm_out *out, const struct mad_addr *to, uint64_t tid,
		    const struct cm_dreq *dreq);
struct ibcm_conn *conn_by_ids(const struct ibcm *cm, uint32_t ours, uint32_t theirs);
struct ibcm_conn *conn_by_remote_id(const struct ibcm *cm, uint64_t ca_guid, uint32_t id);
struct ibcm_conn *conn_by_remote_qpn(const struct ibcm *cm, uint64_t ca_guid, uint32_t qpn);
struct ibcm_conn *conn_take(struct ibcm *cm);
void conn_enter(struct ibcm_conn *conn, enum ibcm_state state, uint64_t deadline_ms);
void conn_enter_timewait(struct ibcm_conn *conn, uint64_t now_ms);
void conn_enter_free(struct ibcm_conn *conn);
void conn_end(struct ibcm_out *out, struct ibcm_conn *conn, enum ibcm_end why);
void conn_send_dreq(uint64_t now_ms, struct ibcm_conn *conn, struct ibcm_out *out);

#endif
