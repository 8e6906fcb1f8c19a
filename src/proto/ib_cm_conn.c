/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of connections and the messages that they send, see ib_cm.h. Decides nothing: ib_cm.c
 * does.
 */
#include <string.h>

#include "base/be.h"
#include "base/compiler.h"
#include "proto/ib_cm_priv.h"

enum {
	MAX_TIMEOUT = 21, /* 8.6 s: a connection ends in bounded time whatever its peer says */
	ID_INDEX_BITS = 16,
};

/* 4.096 µs · 2^n, in milliseconds rounded up to at least 1. */
uint32_t conn_timeout_ms(uint8_t n)
{
	n = MIN(n, (uint8_t)MRA_TIMEOUT);
	return n < 8 ? 1 : (uint32_t)((4096ull << n) / 1000000 + 1);
}

uint32_t conn_bounded_ms(uint8_t n)
{
	return conn_timeout_ms(MIN(n, (uint8_t)MAX_TIMEOUT));
}

/* ---- actions ---- */

struct ibcm_action *out_add(struct ibcm_out *out, enum ibcm_action_type type,
			    struct ibcm_conn *conn)
{
	struct ibcm_action *a = &out->action[out->n++];

	a->type = type;
	a->conn = conn;
	return a;
}

void out_send(struct ibcm_out *out, struct ibcm_conn *conn, const struct mad_addr *to,
	      const struct cm_msg *msg)
{
	struct ibcm_action *a = out_add(out, IBCM_SEND, conn);

	a->to = *to;
	cm_msg_build(a->mad, msg);
}

/* Send and keep it for retransmission. */
void conn_send_kept(struct ibcm_out *out, struct ibcm_conn *conn, const struct cm_msg *msg)
{
	out_send(out, conn, &conn->peer, msg);
	memcpy(conn->mad, out->action[out->n - 1].mad, MAD_LEN);
}

void conn_resend(struct ibcm_out *out, struct ibcm_conn *conn)
{
	struct ibcm_action *a = out_add(out, IBCM_SEND, conn);

	a->to = conn->peer;
	memcpy(a->mad, conn->mad, MAD_LEN);
}

void out_rej(struct ibcm_out *out, const struct mad_addr *to, uint64_t tid,
	     const struct cm_rej *rej)
{
	struct cm_msg msg = { .tid = tid, .attr = CM_REJ, .rej = *rej };

	out_send(out, NULL, to, &msg);
}

void conn_send_mra(struct ibcm_out *out, struct ibcm_conn *conn)
{
	struct cm_msg msg = { .tid = conn->tid,
			      .attr = CM_MRA,
			      .mra = { .local_id = conn->local_id,
				       .remote_id = conn->remote_id,
				       .mraed = CM_WHICH_REQ,
				       .service_timeout = MRA_TIMEOUT } };

	conn_send_kept(out, conn, &msg);
}

void conn_send_drep(struct ibcm_out *out, const struct mad_addr *to, uint64_t tid,
		    const struct cm_dreq *dreq)
{
	struct cm_msg msg = { .tid = tid,
			      .attr = CM_DREP,
			      .drep = { .local_id = dreq->remote_id,
					.remote_id = dreq->local_id } };

	out_send(out, NULL, to, &msg);
}

/* ---- the table of connections ---- */

void ibcm_init(struct ibcm *cm, struct ibcm_conn *conns, size_t n, uint32_t id_seed)
{
	*cm = (struct ibcm){
		.conns = conns,
		.n_conns = MIN(n, (size_t)1 << ID_INDEX_BITS),
		.next_id = id_seed,
	};
}

static struct ibcm_conn *by_local_id(const struct ibcm *cm, uint32_t id)
{
	size_t i = id & ((1u << ID_INDEX_BITS) - 1);

	if (i >= cm->n_conns || cm->conns[i].state == IBCM_FREE || cm->conns[i].local_id != id)
		return NULL;
	return &cm->conns[i];
}

/* Both ids, as every message but REQ has them. */
struct ibcm_conn *conn_by_ids(const struct ibcm *cm, uint32_t ours, uint32_t theirs)
{
	struct ibcm_conn *c = by_local_id(cm, ours);

	return c && c->remote_id == theirs ? c : NULL;
}

struct ibcm_conn *conn_by_remote_id(const struct ibcm *cm, uint64_t ca_guid, uint32_t id)
{
	for (size_t i = 0; i < cm->n_conns; i++) {
		struct ibcm_conn *c = &cm->conns[i];

		if (c->state != IBCM_FREE && c->remote_id == id && c->ca_guid == ca_guid)
			return c;
	}
	return NULL;
}

struct ibcm_conn *conn_by_remote_qpn(const struct ibcm *cm, uint64_t ca_guid, uint32_t qpn)
{
	for (size_t i = 0; i < cm->n_conns; i++) {
		struct ibcm_conn *c = &cm->conns[i];

		if (c->state != IBCM_FREE && c->remote_qpn == qpn && c->ca_guid == ca_guid)
			return c;
	}
	return NULL;
}

/* A free entry, or the one whose timewait is nearest its end and that nobody holds. */
struct ibcm_conn *conn_take(struct ibcm *cm)
{
	struct ibcm_conn *best = NULL;
	uint32_t i;

	for (size_t k = 0; k < cm->n_conns; k++) {
		struct ibcm_conn *c = &cm->conns[k];

		if (c->state == IBCM_FREE && !c->owned) {
			best = c;
			break;
		}
		if (c->state == IBCM_TIMEWAIT && !c->owned &&
		    (!best || c->deadline_ms < best->deadline_ms))
			best = c;
	}
	if (!best)
		return NULL;
	i = (uint32_t)(best - cm->conns);
	memset(best, 0, sizeof(*best));
	cm->next_id += 1u << ID_INDEX_BITS;
	best->local_id = (cm->next_id & ~((1u << ID_INDEX_BITS) - 1)) | i;
	if (best->local_id == 0) /* 12.6.5: zero stands for no id */
		best->local_id = 1u << (ID_INDEX_BITS + 1);
	return best;
}

void conn_enter(struct ibcm_conn *conn, enum ibcm_state state, uint64_t deadline_ms)
{
	conn->state = state;
	conn->deadline_ms = deadline_ms;
}

void conn_enter_timewait(struct ibcm_conn *conn, uint64_t now_ms)
{
	conn_enter(conn, IBCM_TIMEWAIT, now_ms + conn->timewait_ms);
}

/* Over without having stood: nothing of it can be under way. */
void conn_enter_free(struct ibcm_conn *conn)
{
	conn_enter(conn, IBCM_FREE, UINT64_MAX);
}

void conn_end(struct ibcm_out *out, struct ibcm_conn *conn, enum ibcm_end why)
{
	if (conn->owned)
		out_add(out, IBCM_ENDED, conn)->why = why;
}

void conn_send_dreq(uint64_t now_ms, struct ibcm_conn *conn, struct ibcm_out *out)
{
	struct cm_msg msg = { .tid = conn->local_id, /* an exchange of its own */
			      .attr = CM_DREQ,
			      .dreq = { .local_id = conn->local_id,
					.remote_id = conn->remote_id,
					.remote_qpn = conn->remote_qpn } };

	conn_send_kept(out, conn, &msg);
	conn->retries = conn->max_retries;
	conn_enter(conn, IBCM_DREQ_SENT, now_ms + conn->wait_ms);
}
