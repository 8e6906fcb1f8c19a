/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections in the control thread: a connection request becomes a channel of a session, and a
 * channel that its worker has drained is taken apart.
 */
#include "target/server.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/be.h"
#include "base/compiler.h"
#include "base/log.h"
#include "target/capture.h"

enum {
	INLINE_WANTED = 64, /* a GOOD response has 36 bytes */
	RD_ATOMIC_MAX = 8, /* half of the smallest send queue */
	SQ_SHARE = 512,     /* a CQ of n entries serves n / SQ_SHARE full send queues ... */
	SQ_LEAST_SHARES = 4, /* ... or this many, before later ones get less */
};

/* A login on its way through the checks. */
struct login {
	struct server *server;
	const struct cm_request *cm;
	struct portal *portal;
	struct srp_login_req req;
	struct acl_identity id;
	char gid[INET6_ADDRSTRLEN]; /* of id */
	struct target *target;
	const struct group *group;
	struct session *old; /* this nexus's present session */
	struct rnic *rnic;
	struct wlane *wlane;
	uint32_t free_receives; /* of the lane */
	struct login_result result;
};

/* ---- looking things up ---- */

static bool all_zero(const uint8_t id[16])
{
	static const uint8_t zero[16];

	return memcmp(id, zero, 16) == 0;
}

/* Revision 10 of the standard has the two halves of the id the other way round. */
static bool port_id_equal(const uint8_t a[16], const uint8_t b[16])
{
	return memcmp(a, b, 16) == 0 ||
	       (memcmp(a, b + 8, 8) == 0 && memcmp(a + 8, b, 8) == 0);
}

/* Is the target to be had through the port at which the request came? */
static bool leads_to(const struct portal_target *pt, const union ibv_gid *local)
{
	return all_zero(pt->gid.raw) || memcmp(&pt->gid, local, sizeof(*local)) == 0;
}

/*
 * Zeroes mean the only target of the listener (there), for initiators that were given an address
 * alone.
 */
static struct target *find_target(const struct portal *portal, const union ibv_gid *local,
				  const uint8_t id[16])
{
	struct target *only = NULL;

	for (size_t i = 0; i < portal->n_targets; i++) {
		const struct portal_target *pt = &portal->targets[i];

		if (!leads_to(pt, local) ||
		    (!all_zero(id) && !port_id_equal(pt->target->port_id, id)))
			continue;
		if (!all_zero(id))
			return pt->target;
		if (only && only != pt->target)
			return NULL;
		only = pt->target;
	}
	return only;
}

/* ---- the decision ---- */

/*
 * Addresses of RDMA/CM are the fabric's word on IP networks; on InfiniBand it is the GID, whose lower
 * half is the port's GUID (IBA 4.1.1).
 */
static void describe_peer(struct login *l)
{
	const struct cm_request *req = l->cm;
	struct acl_identity *id = &l->id;

	*id = (struct acl_identity){ .ip = req->native ? NULL : req->peer, .pkey = req->pkey };
	memcpy(id->initiator_port_id, l->req.initiator_port_id, 16);
	if (inet_ntop(AF_INET6, req->gid.raw, l->gid, sizeof(l->gid)))
		id->gid = l->gid;
	if (!req->conn->infiniband)
		return;
	id->port_guid = be64toh(req->gid.global.interface_id);
	id->target_port_guid = be64toh(req->local_gid.global.interface_id);
}

static void look_up(struct login *l)
{
	l->target = find_target(l->portal, &l->cm->local_gid, l->req.target_port_id);
	if (!l->target)
		return;
	describe_peer(l);
	l->group = target_admit(l->target, &l->id);
	if (!l->group)
		return;
	l->old = target_session(l->target, l->group, l->req.initiator_port_id);
	l->rnic = server_rnic(l->server, l->cm->conn->verbs);
	if (l->rnic)
		l->wlane = server_place(l->server, l->rnic, l->target->comp_v_mask,
					&l->free_receives);
}

static void decide(struct login *l)
{
	struct login_facts facts = {
		.target_known = l->target != NULL,
		.admitted = l->group != NULL,
		.out_of_resources = l->server->stopping || l->server->draining ||
				    (l->group && !l->wlane),
		.n_channels = l->old ? session_n_live(l->old) : 0,
		.free_receives = l->free_receives,
	};

	if (l->wlane) {
		facts.all_receives = l->wlane->lane->max_recv;
		facts.left_receives = wlane_left_rx(l->wlane);
		facts.held = l->old ? session_receives(l->old, l->wlane) : 0;
	}

	login_decide(&l->req, &l->server->limits, &facts, &l->result);
}

static void reject(const struct login *l, uint32_t reason, const char *why)
{
	struct srp_login_rej rej = {
		.tag = l->req.tag,
		.reason = reason,
		.buf_fmt = SRP_BUF_FMT_DIRECT | SRP_BUF_FMT_INDIRECT,
	};
	uint8_t data[SRP_LOGIN_REJ_LEN];

	log_peer(LOG_LVL_WARN,
		 "login refused: initiator %s (port id 0x%016llx%016llx) to target id "
		 "%016llx:%016llx on %s: %s (%s, %#010x)",
		 l->cm->peer, (unsigned long long)be64_get(l->req.initiator_port_id),
		 (unsigned long long)be64_get(l->req.initiator_port_id + 8),
		 (unsigned long long)be64_get(l->req.target_port_id),
		 (unsigned long long)be64_get(l->req.target_port_id + 8),
		 l->cm->listener->name, why, srp_rej_name(reason), reason);
	l->server->n_refused[MIN(reason - SRP_REJ_UNABLE_ESTABLISH, LOGIN_REASONS - 1u)]++;
	srp_login_rej_build(data, &rej);
	capture_login(l->server, NULL, &l->id, CAPTURE_IU, true, data, sizeof(data));
	l->cm->conn->ops->reject(l->cm->conn, data, sizeof(data));
}

/* ---- a new channel ---- */

/* The nexus's session: the present one, or a new one that replaces it. */
static struct session *take_session(struct login *l)
{
	struct session *old = l->old;
	struct session *s;
	struct channel *ch;

	if (old && !l->result.end_others && session_n_live(old) > 0)
		return old;
	s = session_new(l->server, l->target, l->group, l->cm->peer, &l->id);
	if (!s || !old)
		return s;
	old->ending = true;
	old->successor = s;
	s->predecessor = old;
	LIST_FOREACH(ch, &old->channels, session_link)
		server_channel_close(ch);
	return s;
}

/*
 * A flushed QP completes every request that it holds, and a CQ that overflows takes all its
 * channels down: a send queue is only as deep as the CQ has room for. When room gets scarce, later
 * channels get less.
 */
static uint32_t sq_depth_for(const struct login *l)
{
	uint32_t left = l->wlane->cq_free;
	uint32_t shares = MAX(l->wlane->lane->cq_depth / SQ_SHARE, (uint32_t)SQ_LEAST_SHARES);

	return MIN(MIN(l->server->sq_size, MAX(left / shares, (uint32_t)SQ_LEAST)), left);
}

static int make_qp(const struct login *l, struct channel *ch)
{
	struct qp_params params = {
		.sq_depth = sq_depth_for(l),
		.recv_depth = ch->promised,
		.inline_len = INLINE_WANTED,
		.rd_atomic = MIN(MIN(MAX(l->cm->initiator_depth, 1u), l->rnic->max_rd_atom),
				 (uint32_t)RD_ATOMIC_MAX),
		.context = ch,
	};

	if (params.sq_depth < SQ_LEAST) {
		log_peer(LOG_LVL_WARN, "%s: the completion queue of worker %u has no room for more "
			 "channels", l->rnic->name, l->wlane->worker->index);
		return -ENOBUFS;
	}
	return qp_new(l->wlane->lane, l->cm->conn, &params, &ch->qp);
}

static struct channel *make_channel(struct login *l)
{
	struct channel *ch = calloc(1, sizeof(*ch));

	if (!ch)
		return NULL;
	ch->worker = l->wlane->worker;
	ch->wlane = l->wlane;
	ch->data_lkey = l->wlane->lane->data_mr->lkey;
	ch->login_rsp = l->result.rsp;
	ch->req_lim = l->result.rsp.req_lim_delta;
	ch->promised = (uint32_t)ch->req_lim + RX_PER_CHANNEL;
	ch->limits.imm_data_offset = l->result.imm_data_offset;
	ch->limits.max_table = l->wlane->worker->segment_size / SRP_DIRECT_DESC_LEN;
	ch->login_flags = l->req.req_flags;
	ch->max_rsp_len = l->result.rsp.max_ti_iu_len;
	ch->max_rdma = (uint32_t)MIN((uint64_t)l->server->max_rdma, l->rnic->max_msg);
	if (make_qp(l, ch)) {
		free(ch);
		return NULL;
	}
	ch->qpn = ch->qp.ibv->qp_num;
	/*
	 * On iWARP a completion means that TCP has the data, which it may still send from our buffer.
	 * siw copies what is signalled; the buffer of an unsignalled WRITE would change under it.
	 */
	ch->signal_all = l->rnic->iwarp;
	/*
	 * One entry is kept for the drain request, one for T_LOGOUT; and where READs complete late,
	 * theirs may still be in use when later ones are free.
	 */
	ch->sq_room = ch->qp.sq_depth - 2 - (l->rnic->iwarp ? ch->qp.rd_atomic : 0);
	ch->heard = !l->rnic->iwarp;
	channel_init(ch);
	snprintf(ch->name, sizeof(ch->name), "%s → %s (QP %u)", l->cm->peer, l->target->name,
		 ch->qpn);
	return ch;
}

static bool admit(struct login *l)
{
	struct channel *ch = make_channel(l);
	struct session *s = ch ? take_session(l) : NULL;

	if (!s) {
		if (ch)
			qp_destroy(&ch->qp);
		free(ch);
		reject(l, SRP_REJ_INSUFFICIENT_RESOURCES, "no queue pair or memory to be had");
		return false;
	}
	ch->session = s;
	ch->nexus = &s->nexus;
	ch->share = &s->shares[ch->worker->index];
	ch->conn = l->cm->conn;
	ch->conn->context = ch;
	l->wlane->promised += ch->promised;
	l->wlane->cq_free -= ch->qp.sq_depth;
	l->rnic->n_channels++;
	l->server->n_channels++;
	LIST_INSERT_HEAD(&s->channels, ch, session_link);
	mailbox_post(&ch->worker->mail, &ch->add_msg, channel_msg_add);
	return true;
}

static bool on_request(void *owner, const struct cm_request *req)
{
	struct login l = { .server = owner, .cm = req, .portal = req->listener->context };
	enum srp_err err = req->native ? srp_login_req_parse(req->data, req->len, &l.req)
				       : srp_login_req_rdma_parse(req->data, req->len, &l.req);

	if (err) {
		capture_login(l.server, NULL, &l.id, req->native ? CAPTURE_IU : CAPTURE_LOGIN_RDMA,
			      false, req->data, req->len);
		reject(&l, SRP_REJ_UNABLE_ESTABLISH, srp_err_name(err));
		return false;
	}
	log_dbg(LOGC_LOGIN, "login request from %s: IU length %u, flags %#04x, formats %#06x",
		req->peer, l.req.req_it_iu_len, l.req.req_flags, l.req.req_buf_fmt);
	look_up(&l);
	capture_login(l.server, NULL, &l.id, req->native ? CAPTURE_IU : CAPTURE_LOGIN_RDMA, false,
		      req->data, req->native ? SRP_LOGIN_REQ_LEN : SRP_LOGIN_REQ_RDMA_LEN);
	decide(&l);
	if (l.result.reject) {
		reject(&l, l.result.reject, l.result.why);
		return false;
	}
	return admit(&l);
}

/* ---- states of a connection ---- */

/* Something happened between the login's acceptance and the connection's. */
static void refuse_late(struct channel *ch)
{
	struct srp_login_rej rej = {
		.tag = ch->login_rsp.tag,
		.reason = SRP_REJ_INSUFFICIENT_RESOURCES,
		.buf_fmt = SRP_BUF_FMT_DIRECT | SRP_BUF_FMT_INDIRECT,
	};
	uint8_t data[SRP_LOGIN_REJ_LEN];

	srp_login_rej_build(data, &rej);
	ch->conn->ops->reject(ch->conn, data, sizeof(data));
	server_channel_close(ch);
}

/* The worker knows the channel: now the initiator may send. */
void server_msg_ready(struct msg *msg)
{
	struct channel *ch = container_of(msg, struct channel, ready_msg);
	uint8_t data[SRP_LOGIN_RSP_LEN];
	struct cm_accept accept = {
		.qp_num = ch->qpn,
		.rd_atomic = (uint8_t)ch->qp.rd_atomic,
		.srq = ch->wlane->lane->srq != NULL,
		.data = data,
		.len = sizeof(data),
	};
	int ret;

	if (ch->closing || ch->worker->server->stopping || ch->worker->server->draining) {
		refuse_late(ch);
		return;
	}
	srp_login_rsp_build(data, &ch->login_rsp);
	capture_login(ch->worker->server, ch, &ch->session->id, CAPTURE_IU, true, data, sizeof(data));
	ret = ch->conn->ops->accept(ch->conn, &accept);
	if (ret) {
		log_warn("%s: cannot accept the connection: %s", ch->name, strerror(-ret));
		server_channel_close(ch);
		return;
	}
	ch->accepted = true;
	ch->since = time(NULL);
	log_info("%s: login accepted: request limit %d, %u LUN(s), worker %u%s", ch->name,
		 ch->login_rsp.req_lim_delta, ch->nexus->n_luns, ch->worker->index,
		 ch->limits.imm_data_offset ? ", immediate data" : "");
}

/*
 * Commands run when the connection stands and every session that this one replaces can do no more
 * than finish fenced writes.
 */
static void try_start(struct channel *ch)
{
	const struct session *old;

	if (!ch->established || ch->started || ch->closing)
		return;
	for (old = ch->session->predecessor; old; old = old->predecessor)
		if (!session_drained(old))
			return;
	ch->started = true;
	mailbox_post(&ch->worker->mail, &ch->start_msg, channel_msg_start);
}

static void on_established(void *owner, struct cm_conn *conn)
{
	struct channel *ch = conn->context;

	ch->established = true;
	try_start(ch);
}

static void on_ended(void *owner, struct cm_conn *conn, enum cm_end how)
{
	static const char *const text[] = {
		[CM_END_DISCONNECTED] = "disconnected",
		[CM_END_FAILED] = "the connection did not come up",
		[CM_END_DEVICE_REMOVED] = "the RDMA device is being removed",
	};
	struct channel *ch = conn->context;

	if (!ch->closing)
		log_info("%s: %s", ch->name, text[how]);
	server_channel_close(ch);
}

const struct cm_ops server_cm_ops = {
	.request = on_request,
	.established = on_established,
	.ended = on_ended,
};

/* ---- asynchronous event reports ---- */

/* Ask a channel that can speak to report what there is; the others are asked when it ends. */
static void report_events(struct session *s)
{
	struct channel *ch;
	bool any;

	pthread_mutex_lock(&s->event_lock);
	any = s->n_events > 0;
	pthread_mutex_unlock(&s->event_lock);
	if (!any)
		return;
	LIST_FOREACH(ch, &s->channels, session_link)
		if (ch->started && !ch->closing) {
			if (!ch->aer_posted)
				mailbox_post(&ch->worker->mail, &ch->aer_msg, channel_msg_aer);
			ch->aer_posted = true;
			return;
		}
}

void server_msg_events(struct msg *msg)
{
	struct session *s = container_of(msg, struct session, events_msg);

	pthread_mutex_lock(&s->event_lock);
	s->events_posted = false;
	pthread_mutex_unlock(&s->event_lock);
	if (s->unused)
		session_dispose(s);
	else
		report_events(s);
}

void server_msg_aer_done(struct msg *msg)
{
	container_of(msg, struct channel, aer_msg)->aer_posted = false;
}

/* ---- the end ---- */

void server_channel_close(struct channel *ch)
{
	if (ch->closing)
		return;
	ch->closing = true;
	if (ch->accepted)
		ch->conn->ops->disconnect(ch->conn);
	mailbox_post(&ch->worker->mail, &ch->close_msg, channel_msg_close);
}

void server_channel_logout(struct channel *ch)
{
	if (ch->closing || ch->logout_posted)
		return;
	ch->logout_posted = true;
	mailbox_post(&ch->worker->mail, &ch->logout_msg, channel_msg_logout);
}

/* The worker uses the QP no more; what may sleep in the driver is done here. */
void server_msg_arrived(struct msg *msg)
{
	struct channel *ch = container_of(msg, struct channel, arrived_msg);

	if (ch->conn && ch->accepted && !ch->established)
		ch->conn->ops->comm_est(ch->conn);
}

void server_msg_fatal(struct msg *msg)
{
	struct channel *ch = container_of(msg, struct channel, fatal_msg);

	qp_error(&ch->qp);
	server_channel_close(ch);
}

void server_msg_kill(struct msg *msg)
{
	struct channel *ch = container_of(msg, struct channel, kill_msg);

	qp_destroy(&ch->qp);
	mailbox_post(&ch->worker->mail, &ch->kill_msg, channel_msg_killed);
}

static void start_successors(struct session *s)
{
	struct channel *ch;

	while ((s = s->successor))
		LIST_FOREACH(ch, &s->channels, session_link)
			try_start(ch);
}

void server_msg_drained(struct msg *msg)
{
	struct channel *ch = container_of(msg, struct channel, drained_msg);

	qp_destroy(&ch->qp);
	ch->conn->ops->destroy(ch->conn);
	ch->conn = NULL;
	ch->wlane->cq_free += ch->qp.sq_depth;
	ch->drained = true;
	log_dbg(LOGC_CM, "%s: disconnected", ch->name);
	start_successors(ch->session);
	report_events(ch->session);
}

void server_msg_ended(struct msg *msg)
{
	struct channel *ch = container_of(msg, struct channel, ended_msg);

	log_info("%s: channel ended", ch->name);
	ch->wlane->promised -= ch->promised;
	LIST_REMOVE(ch, session_link);
	if (LIST_EMPTY(&ch->session->channels))
		session_free(ch->session);
	mailbox_post(&ch->worker->mail, &ch->free_msg, channel_msg_free);
}

void server_msg_free(struct msg *msg)
{
	struct channel *ch = container_of(msg, struct channel, free_msg);

	ch->worker->server->n_channels--;
	ch->wlane->lane->rnic->n_channels--;
	free(ch);
}
