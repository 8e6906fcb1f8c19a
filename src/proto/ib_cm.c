/* SPDX-License-Identifier: BSD-2-Clause */
/* The passive CM's decisions, see ib_cm.h. Clauses are those of IBA 1.2.1 volume 1. */
#include <string.h>

#include "base/be.h"
#include "base/compiler.h"
#include "proto/ib_cm_priv.h"

enum {
	PKEY_BASE = 0x7fff,
	LID_PERMISSIVE = 0xffff,
	MTU_256 = 1,
	MTU_4096 = 5,
};

/* ---- REQ ---- */

static bool gid_is_ours(const struct ibcm_port *port, const uint8_t gid[16])
{
	for (size_t i = 0; i < port->n_gids; i++)
		if (memcmp(port->gids[i], gid, 16) == 0)
			return true;
	return false;
}

static bool pkey_is_ours(const struct ibcm_port *port, uint16_t pkey)
{
	for (size_t i = 0; i < port->n_pkeys; i++)
		if (port->pkeys[i] && (port->pkeys[i] & PKEY_BASE) == (pkey & PKEY_BASE))
			return true;
	return false;
}

static bool is_listened(const struct ibcm *cm, uint64_t service_id)
{
	for (size_t i = 0; i < cm->n_services; i++)
		if (cm->services[i] == service_id)
			return true;
	return false;
}

/* Whether a request may be put before the owner. What can be told of it is filled into rej. */
static uint16_t check_req(const struct ibcm *cm, const struct ibcm_port *port,
			  const struct cm_req *req, struct cm_rej *rej)
{
	if (!is_listened(cm, req->service_id))
		return CM_REJ_INVALID_SERVICE_ID;
	if (req->transport != CM_TRANSPORT_RC)
		return CM_REJ_INVALID_TRANSPORT;
	if (!gid_is_ours(port, req->primary.remote_gid)) {
		if (port->n_gids) {
			memcpy(rej->ari, port->gids[0], 16);
			rej->ari_len = 16;
		}
		return CM_REJ_PRIMARY_GID;
	}
	if (!pkey_is_ours(port, req->pkey)) /* IBA has no reason of its own for this */
		return CM_REJ_UNSUPPORTED;
	if (req->mtu < MTU_256 || req->mtu > MTU_4096) {
		rej->ari[0] = MTU_4096 << 4;
		rej->ari_len = 1;
		return CM_REJ_MTU;
	}
	if (cm->redirect) {
		class_port_info_build(rej->ari, cm->redirect);
		rej->ari_len = CM_ARI_LEN;
		return CM_REJ_REDIRECT;
	}
	return 0;
}

/* 12.9.8.3.1: the same request again. */
static void duplicate_req(const struct ibcm *cm, struct ibcm_conn *conn,
			  const struct mad_addr *from, const struct cm_msg *msg,
			  struct ibcm_out *out)
{
	struct cm_rej rej = { .remote_id = msg->req.local_id, .reason = CM_REJ_STALE };

	switch (conn->state) {
	case IBCM_MRA_REQ_SENT:
		conn_resend(out, conn);
		break;
	case IBCM_TIMEWAIT:
		out_rej(out, from, msg->tid, &rej);
		break;
	case IBCM_FREE:
	case IBCM_REQ_RCVD: /* an answer is on its way */
	case IBCM_REP_SENT: /* REP is repeated by time */
	case IBCM_MRA_REP_RCVD:
	case IBCM_ESTABLISHED:
	case IBCM_DREQ_SENT:
		break;
	}
}

/*
 * 12.9.8.3.1: the peer's queue pair belongs to a connection already. The peer is told, and the old
 * connection, which it has lost, ends.
 */
static void stale_req(const struct ibcm *cm, uint64_t now_ms, struct ibcm_conn *old,
		      const struct mad_addr *from, const struct cm_msg *msg, struct ibcm_out *out)
{
	struct cm_rej rej = { .remote_id = msg->req.local_id, .reason = CM_REJ_STALE };

	out_rej(out, from, msg->tid, &rej);
	if (old->state == IBCM_TIMEWAIT || old->state == IBCM_DREQ_SENT)
		return;
	conn_send_dreq(now_ms, old, out);
	conn_end(out, old, IBCM_END_STALE);
}

/* 12.7.11: permissive LIDs stand for those that the MAD itself came with. */
static void resolve_path(struct cm_path *path, const struct mad_addr *from)
{
	if (path->subnet_local)
		return;
	if (path->local_lid == LID_PERMISSIVE) {
		path->local_lid = from->lid;
		path->sl = from->sl;
	}
	if (path->remote_lid == LID_PERMISSIVE)
		path->remote_lid = from->path_bits;
}

static void fill(struct ibcm_conn *conn, uint64_t now_ms, const struct ibcm_port *port,
		 const struct mad_addr *from, const struct cm_msg *msg)
{
	const struct cm_req *req = &msg->req;

	conn->owned = true;
	conn->our_guid = port->ca_guid;
	conn->remote_id = req->local_id;
	conn->ca_guid = req->ca_guid;
	conn->remote_qpn = req->qpn;
	conn->tid = msg->tid;
	conn->peer = *from;
	conn->wait_ms = conn_bounded_ms(req->local_timeout);
	conn->timewait_ms = conn_bounded_ms(req->primary.ack_timeout);
	conn->max_retries = req->max_cm_retries;
	/* the MRA must reach the peer before it gives up waiting */
	conn_enter(conn, IBCM_REQ_RCVD, now_ms + MAX(conn_bounded_ms(req->remote_timeout) / 2, 1u));
}

static void recv_req(struct ibcm *cm, uint64_t now_ms, const struct ibcm_port *port,
		     const struct mad_addr *from, const struct cm_msg *msg, struct ibcm_out *out)
{
	const struct cm_req *req = &msg->req;
	struct ibcm_conn *conn = conn_by_remote_id(cm, req->ca_guid, req->local_id);
	struct cm_rej rej = { .remote_id = req->local_id };

	if (conn) {
		duplicate_req(cm, conn, from, msg, out);
		return;
	}
	conn = conn_by_remote_qpn(cm, req->ca_guid, req->qpn);
	if (conn) {
		stale_req(cm, now_ms, conn, from, msg, out);
		return;
	}
	rej.reason = check_req(cm, port, req, &rej);
	if (!rej.reason) {
		conn = conn_take(cm);
		rej.reason = conn ? 0 : CM_REJ_NO_RESOURCES;
	}
	if (rej.reason) {
		out_rej(out, from, msg->tid, &rej);
		return;
	}
	fill(conn, now_ms, port, from, msg);
	out->req = *req;
	resolve_path(&out->req.primary, from);
	out_add(out, IBCM_REQUEST, conn);
}

/* ---- the other messages ---- */

static void connected(struct ibcm_conn *conn, struct ibcm_out *out)
{
	if (conn->state != IBCM_REP_SENT && conn->state != IBCM_MRA_REP_RCVD)
		return;
	conn_enter(conn, IBCM_ESTABLISHED, UINT64_MAX);
	if (conn->owned)
		out_add(out, IBCM_CONNECTED, conn);
}

/* 12.9.8.4: patience for the service time and one more round trip. */
static void recv_mra(uint64_t now_ms, struct ibcm_conn *conn, const struct cm_mra *mra)
{
	if (conn->state == IBCM_REP_SENT && mra->mraed == CM_WHICH_REP)
		conn_enter(conn, IBCM_MRA_REP_RCVD,
			   now_ms + conn_timeout_ms(mra->service_timeout) + conn->wait_ms);
}

static void recv_dreq(const struct ibcm *cm, uint64_t now_ms, const struct mad_addr *from,
		      const struct cm_msg *msg, struct ibcm_out *out)
{
	const struct cm_dreq *dreq = &msg->dreq;
	struct ibcm_conn *conn = conn_by_ids(cm, dreq->remote_id, dreq->local_id);

	if (conn && conn->local_qpn != dreq->remote_qpn)
		return;
	/* an unknown connection is answered too: its peer only wants to be rid of it (12.9.8.3) */
	conn_send_drep(out, from, msg->tid, dreq);
	if (!conn)
		return;
	switch (conn->state) {
	case IBCM_REP_SENT:
	case IBCM_MRA_REP_RCVD:
	case IBCM_ESTABLISHED:
		conn_enter_timewait(conn, now_ms);
		conn_end(out, conn, IBCM_END_DISCONNECTED);
		break;
	case IBCM_DREQ_SENT: /* both at once: the peer's DREP would say nothing new */
		conn_enter_timewait(conn, now_ms);
		break;
	case IBCM_FREE:
	case IBCM_REQ_RCVD:
	case IBCM_MRA_REQ_SENT:
	case IBCM_TIMEWAIT:
		break;
	}
}

/* A peer that gave up before it saw our id says which connection by its CA GUID (12.6.7.2). */
static struct ibcm_conn *find_rejected(const struct ibcm *cm, const struct cm_rej *rej)
{
	if (rej->reason == CM_REJ_TIMEOUT && rej->ari_len >= 8)
		return conn_by_remote_id(cm, be64_get(rej->ari), rej->local_id);
	return conn_by_ids(cm, rej->remote_id, rej->local_id);
}

static void recv_rej(const struct ibcm *cm, uint64_t now_ms, const struct cm_rej *rej,
		     struct ibcm_out *out)
{
	struct ibcm_conn *conn = find_rejected(cm, rej);

	if (!conn)
		return;
	switch (conn->state) {
	case IBCM_REQ_RCVD:
	case IBCM_MRA_REQ_SENT:
		conn_end(out, conn, IBCM_END_REJECTED);
		conn_enter_free(conn);
		break;
	case IBCM_REP_SENT:
	case IBCM_MRA_REP_RCVD:
		conn_end(out, conn, IBCM_END_REJECTED);
		conn_enter_timewait(conn, now_ms);
		break;
	case IBCM_DREQ_SENT:
		conn_enter_timewait(conn, now_ms);
		break;
	case IBCM_FREE:
	case IBCM_ESTABLISHED: /* a REJ of LAP, which we never send */
	case IBCM_TIMEWAIT:
		break;
	}
}

/* No path migration (12.8): ours has no alternate path. */
static void recv_lap(const struct ibcm *cm, const struct mad_addr *from, const struct cm_msg *msg,
		     struct ibcm_out *out)
{
	const struct cm_lap *lap = &msg->lap;
	struct cm_msg apr = { .tid = msg->tid,
			      .attr = CM_APR,
			      .apr = { .local_id = lap->remote_id,
				       .remote_id = lap->local_id,
				       .status = conn_by_ids(cm, lap->remote_id, lap->local_id)
							 ? CM_AP_NOT_SUPPORTED
							 : CM_AP_INVALID_COMM_ID } };

	out_send(out, NULL, from, &apr);
}

/* No datagram service at any service id (12.11). */
static void recv_sidr_req(const struct mad_addr *from, const struct cm_msg *msg,
			  struct ibcm_out *out)
{
	struct cm_msg rep = { .tid = msg->tid,
			      .attr = CM_SIDR_REP,
			      .sidr_rep = { .request_id = msg->sidr_req.request_id,
					    .status = CM_SIDR_UNSUPPORTED,
					    .service_id = msg->sidr_req.service_id } };

	out_send(out, NULL, from, &rep);
}

static void recv_msg(struct ibcm *cm, uint64_t now_ms, const struct ibcm_port *port,
		     const struct mad_addr *from, const struct cm_msg *msg, struct ibcm_out *out)
{
	struct ibcm_conn *conn;

	switch (msg->attr) {
	case CM_REQ:
		recv_req(cm, now_ms, port, from, msg, out);
		break;
	case CM_RTU:
		conn = conn_by_ids(cm, msg->rtu.remote_id, msg->rtu.local_id);
		if (conn)
			connected(conn, out);
		break;
	case CM_MRA:
		conn = conn_by_ids(cm, msg->mra.remote_id, msg->mra.local_id);
		if (conn)
			recv_mra(now_ms, conn, &msg->mra);
		break;
	case CM_REJ:
		recv_rej(cm, now_ms, &msg->rej, out);
		break;
	case CM_DREQ:
		recv_dreq(cm, now_ms, from, msg, out);
		break;
	case CM_DREP:
		conn = conn_by_ids(cm, msg->drep.remote_id, msg->drep.local_id);
		if (conn && conn->state == IBCM_DREQ_SENT)
			conn_enter_timewait(conn, now_ms);
		break;
	case CM_LAP:
		recv_lap(cm, from, msg, out);
		break;
	case CM_SIDR_REQ:
		recv_sidr_req(from, msg, out);
		break;
	case CM_REP: /* answers to what a passive side never sends */
	case CM_APR:
	case CM_SIDR_REP:
		break;
	}
}

void ibcm_recv(struct ibcm *cm, uint64_t now_ms, const struct ibcm_port *port,
	       const struct mad_addr *from, const void *mad, size_t len, struct ibcm_out *out)
{
	struct cm_msg msg;
	enum mad_err err = cm_msg_parse(mad, len, &msg);

	out->n = 0;
	if (err == MAD_OK) {
		recv_msg(cm, now_ms, port, from, &msg, out);
	} else if (err == MAD_ERR_CLASS_VERSION && msg.attr == CM_REQ) {
		struct cm_rej rej = { .remote_id = msg.req.local_id,
				      .reason = CM_REJ_CLASS_VERSION,
				      .ari_len = 1,
				      .ari = { CM_CLASS_VERSION } };

		out_rej(out, from, msg.tid, &rej);
	}
	/* anything else has no answer in this class: silence */
}

/* ---- time ---- */

uint64_t ibcm_deadline(const struct ibcm *cm)
{
	uint64_t first = UINT64_MAX;

	for (size_t i = 0; i < cm->n_conns; i++)
		if (cm->conns[i].state != IBCM_FREE)
			first = MIN(first, cm->conns[i].deadline_ms);
	return first;
}

static void give_up(const struct ibcm *cm, uint64_t now_ms, struct ibcm_conn *conn,
		    enum cm_which what, struct ibcm_out *out)
{
	struct cm_rej rej = { .local_id = conn->local_id,
			      .remote_id = conn->remote_id,
			      .rejected = (uint8_t)what,
			      .ari_len = 8,
			      .reason = CM_REJ_TIMEOUT };

	be64_put(rej.ari, conn->our_guid); /* 12.6.7.2: who gave up waiting */
	out_rej(out, &conn->peer, conn->tid, &rej);
	conn_end(out, conn, IBCM_END_TIMEOUT);
	conn_enter_timewait(conn, now_ms);
}

static void expire(const struct ibcm *cm, uint64_t now_ms, struct ibcm_conn *conn,
		   struct ibcm_out *out)
{
	switch (conn->state) {
	case IBCM_REQ_RCVD:
		conn_send_mra(out, conn);
		conn_enter(conn, IBCM_MRA_REQ_SENT, now_ms + conn_timeout_ms(MRA_TIMEOUT));
		break;
	case IBCM_MRA_REQ_SENT:
		give_up(cm, now_ms, conn, CM_WHICH_REQ, out);
		break;
	case IBCM_REP_SENT:
	case IBCM_MRA_REP_RCVD:
		if (conn->retries == 0) {
			give_up(cm, now_ms, conn, CM_WHICH_OTHER, out);
			break;
		}
		conn->retries--;
		conn_resend(out, conn);
		conn_enter(conn, IBCM_REP_SENT, now_ms + conn->wait_ms);
		break;
	case IBCM_DREQ_SENT:
		if (conn->retries == 0) {
			conn_enter_timewait(conn, now_ms);
			break;
		}
		conn->retries--;
		conn_resend(out, conn);
		conn->deadline_ms = now_ms + conn->wait_ms;
		break;
	case IBCM_TIMEWAIT:
		conn_enter_free(conn);
		break;
	case IBCM_FREE:
	case IBCM_ESTABLISHED:
		break;
	}
}

bool ibcm_timer(struct ibcm *cm, uint64_t now_ms, struct ibcm_out *out)
{
	out->n = 0;
	for (size_t i = 0; i < cm->n_conns; i++) {
		struct ibcm_conn *c = &cm->conns[i];

		if (c->state != IBCM_FREE && c->deadline_ms <= now_ms) {
			expire(cm, now_ms, c, out);
			return true;
		}
	}
	return false;
}

/* ---- the owner ---- */

static bool is_undecided(const struct ibcm_conn *conn)
{
	return conn->state == IBCM_REQ_RCVD || conn->state == IBCM_MRA_REQ_SENT;
}

bool ibcm_accept(struct ibcm *cm, uint64_t now_ms, struct ibcm_conn *conn, struct cm_rep *rep,
		 struct ibcm_out *out)
{
	struct cm_msg msg = { .tid = conn->tid, .attr = CM_REP };

	out->n = 0;
	if (!is_undecided(conn))
		return false;
	rep->local_id = conn->local_id;
	rep->remote_id = conn->remote_id;
	rep->ca_guid = conn->our_guid;
	conn->local_qpn = rep->qpn;
	msg.rep = *rep;
	conn_send_kept(out, conn, &msg);
	conn->retries = conn->max_retries;
	conn_enter(conn, IBCM_REP_SENT, now_ms + conn->wait_ms);
	return true;
}

static void reject(const struct ibcm *cm, uint64_t now_ms, struct ibcm_conn *conn, uint16_t reason,
		   const void *private_data, size_t len, struct ibcm_out *out)
{
	bool undecided = is_undecided(conn);
	struct cm_rej rej = { .local_id = conn->local_id,
			      .remote_id = conn->remote_id,
			      .rejected = undecided ? CM_WHICH_REQ : CM_WHICH_OTHER,
			      .reason = reason };

	memcpy(rej.private_data, private_data, MIN(len, sizeof(rej.private_data)));
	out_rej(out, &conn->peer, conn->tid, &rej);
	if (undecided)
		conn_enter_free(conn); /* a repeated REQ is decided again */
	else
		conn_enter_timewait(conn, now_ms);
}

void ibcm_reject(struct ibcm *cm, uint64_t now_ms, struct ibcm_conn *conn, uint16_t reason,
		 const void *private_data, size_t len, struct ibcm_out *out)
{
	out->n = 0;
	conn->owned = false;
	if (is_undecided(conn) || conn->state == IBCM_REP_SENT || conn->state == IBCM_MRA_REP_RCVD)
		reject(cm, now_ms, conn, reason, private_data, len, out);
	else if (conn->state == IBCM_ESTABLISHED)
		conn_send_dreq(now_ms, conn, out);
}

void ibcm_comm_est(struct ibcm *cm, struct ibcm_conn *conn, struct ibcm_out *out)
{
	out->n = 0;
	connected(conn, out);
}

void ibcm_disconnect(struct ibcm *cm, uint64_t now_ms, struct ibcm_conn *conn, struct ibcm_out *out)
{
	out->n = 0;
	switch (conn->state) {
	case IBCM_REQ_RCVD:
	case IBCM_MRA_REQ_SENT:
	case IBCM_REP_SENT:
	case IBCM_MRA_REP_RCVD:
		reject(cm, now_ms, conn, CM_REJ_CONSUMER, "", 0, out);
		break;
	case IBCM_ESTABLISHED:
		conn_send_dreq(now_ms, conn, out);
		break;
	case IBCM_FREE:
	case IBCM_DREQ_SENT:
	case IBCM_TIMEWAIT:
		break;
	}
}

void ibcm_release(struct ibcm *cm, uint64_t now_ms, struct ibcm_conn *conn, struct ibcm_out *out)
{
	ibcm_disconnect(cm, now_ms, conn, out);
	conn->owned = false;
	conn->context = NULL;
}

const char *ibcm_state_name(enum ibcm_state state)
{
	static const char *const names[] = {
		[IBCM_FREE] = "free",
		[IBCM_REQ_RCVD] = "REQ received",
		[IBCM_MRA_REQ_SENT] = "MRA sent",
		[IBCM_REP_SENT] = "REP sent",
		[IBCM_MRA_REP_RCVD] = "MRA received",
		[IBCM_ESTABLISHED] = "established",
		[IBCM_DREQ_SENT] = "DREQ sent",
		[IBCM_TIMEWAIT] = "timewait",
	};

	return (size_t)state < ARRAY_SIZE(names) ? names[state] : "unknown";
}
