/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connecting a channel with librdmacm: address, route, queue pair, SRP_LOGIN_REQ as private data
 * (56 bytes by RDMA/CM, 64 natively), and what the answers mean. One handler per event.
 */
#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/be.h"
#include "srpio/priv.h"

enum {
	RESOLVE_MS = 5000,
	MAX_RD_ATOMIC = 16,      /* RDMA READs of the target that we serve at a time */
	CM_REJ_CONSUMER = 28,    /* IBA 12.6.7.2: consumer defined, private data follows */
	CM_REJ_NO_SERVICE = 8,
	CM_REJ_STALE = 10,
};

static void login_failed(struct srpi_channel *ch, enum srpi_outcome outcome, const char *text)
{
	ch->login.outcome = outcome;
	snprintf(ch->login.text, sizeof(ch->login.text), "%s", text);
	ch->state = CHANNEL_CLOSED;
	session_error(ch->session, -ECONNREFUSED, "channel %u: %s", ch->index, text);
}

void cm_login_failed(struct srpi_channel *ch, const char *fmt, ...)
{
	char text[192];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	login_failed(ch, SRPI_LOGIN_FAILED, text);
}

int cm_start(struct srpi_channel *ch)
{
	struct srpi_session *s = ch->session;
	bool ib = s->params.addr.ib;
	struct sockaddr *src = s->src ? s->src->ai_addr : NULL;
	struct sockaddr *dst = ib ? (struct sockaddr *)&s->ib_dst : s->addr->ai_addr;

	if (ib && s->ib_src.sib_family)
		src = (struct sockaddr *)&s->ib_src;
	if (rdma_create_id(s->cm, &ch->id, ch, ib ? RDMA_PS_IB : RDMA_PS_TCP)) {
		cm_login_failed(ch, "rdma_create_id: %s", strerror(errno));
		return -errno;
	}
	if (rdma_resolve_addr(ch->id, src, dst, RESOLVE_MS)) {
		cm_login_failed(ch, "no RDMA device leads to %s: %s", s->params.addr.host,
				strerror(errno));
		return -errno;
	}
	return 0;
}

static void on_addr_resolved(struct srpi_channel *ch, const struct rdma_cm_event *ev)
{
	if (rdma_resolve_route(ch->id, RESOLVE_MS))
		cm_login_failed(ch, "rdma_resolve_route: %s", strerror(errno));
}

/* "srpio" and 24 bits of the process id: does not collide with the kernel's initiator. */
static uint64_t own_initiator_ext(void)
{
	return 0x737270696f000000ull | ((uint64_t)getpid() & 0xffffff);
}

/* SRP r16a A.1: extension and GUID of the local port; r10 has them the other way round. */
static void initiator_id(const struct srpi_channel *ch, uint8_t id[16])
{
	static const uint8_t none[16];
	const struct srpi_params *p = &ch->session->params;
	const union ibv_gid *sgid = &ch->id->route.addr.addr.ibaddr.sgid;
	bool swap = p->addr.rev10;

	if (memcmp(p->initiator_id, none, sizeof(none))) {
		memcpy(id, p->initiator_id, 16);
		return;
	}
	be64_put(id + (swap ? 8 : 0), p->addr.has_initiator_ext ? p->addr.initiator_ext :
								  own_initiator_ext());
	memcpy(id + (swap ? 0 : 8), sgid->raw + 8, 8);
}

void login_request_build(struct srpi_channel *ch)
{
	const struct srpi_params *p = &ch->session->params;
	struct srp_login_req req = {
		.tag = ch->index,
		.req_it_iu_len = ch->login.it_iu_len,
		.req_buf_fmt = SRP_BUF_FMT_DIRECT | SRP_BUF_FMT_INDIRECT,
		.req_flags = ch->flags,
	};

	if (p->imm) {
		req.req_flags |= SRP_IMMED_REQUESTED;
		req.imm_data_offset = p->imm_offset;
	}
	initiator_id(ch, req.initiator_port_id);
	memcpy(ch->login.initiator_id, req.initiator_port_id, 16);
	memcpy(req.target_port_id, p->addr.target_port_id, 16);
	if (p->addr.ib) {
		srp_login_req_build(ch->request, &req);
		ch->request_len = SRP_LOGIN_REQ_LEN;
	} else {
		srp_login_req_rdma_build(ch->request, &req);
		ch->request_len = SRP_LOGIN_REQ_RDMA_LEN;
	}
}

static int rd_atomic(struct ibv_context *verbs)
{
	struct ibv_device_attr attr;

	if (ibv_query_device(verbs, &attr))
		return 1;
	return MIN(attr.max_qp_rd_atom, (int)MAX_RD_ATOMIC);
}

static void on_route_resolved(struct srpi_channel *ch, const struct rdma_cm_event *ev)
{
	struct rdma_conn_param param = { .private_data = ch->request,
					 .retry_count = 7,
					 .rnr_retry_count = 7,
					 .flow_control = 1 };

	if (channel_create(ch)) {
		cm_login_failed(ch, "%s", ch->session->error);
		return;
	}
	if (!ch->raw_request)
		login_request_build(ch);
	param.private_data_len = (uint8_t)ch->request_len;
	param.responder_resources = (uint8_t)rd_atomic(ch->id->verbs);
	if (ch->session->params.addr.tl_retry_count)
		param.retry_count = (uint8_t)ch->session->params.addr.tl_retry_count;
	ch->state = CHANNEL_CONNECTING;
	if (rdma_connect(ch->id, &param))
		cm_login_failed(ch, "rdma_connect: %s", strerror(errno));
}

static void keep_private_data(struct srpi_channel *ch, const struct rdma_cm_event *ev)
{
	struct srpi_login *login = &ch->login;

	login->data_len = MIN((size_t)ev->param.conn.private_data_len, sizeof(login->data));
	if (login->data_len)
		memcpy(login->data, ev->param.conn.private_data, login->data_len);
}

/* Fields that no target may get wrong; ib_srp would trust them (SRP r16a 6.3). */
static const char *login_rsp_problem(const struct srpi_channel *ch)
{
	const struct srp_login_rsp *rsp = &ch->login.rsp;

	if (rsp->max_ti_iu_len < SRP_RSP_LEN || rsp->max_ti_iu_len > SRPI_RX_LEN)
		return "announces responses of unusable length";
	if (!ch->raw_request && rsp->max_it_iu_len < ch->login.it_iu_len)
		return "accepts only shorter IUs than were asked for";
	return NULL;
}

static void login_accepted(struct srpi_channel *ch)
{
	const struct srp_login_rsp *rsp = &ch->login.rsp;

	ch->login.outcome = SRPI_LOGIN_ACCEPTED;
	ch->state = CHANNEL_LIVE;
	ch->imm = ch->session->params.imm && (rsp->rsp_flags & SRP_IMMED_SUPP);
	ch->max_iu = MIN(rsp->max_it_iu_len, ch->login.it_iu_len);
	srpi_credit_init(&ch->credit, rsp->req_lim_delta);
}

static void on_established(struct srpi_channel *ch, const struct rdma_cm_event *ev)
{
	struct srpi_login *login = &ch->login;
	enum srp_err err;
	const char *problem;

	keep_private_data(ch, ev);
	err = srp_login_rsp_parse(login->data, login->data_len, &login->rsp);
	if (err != SRP_OK) {
		cm_login_failed(ch, "connected, but the answer is no SRP_LOGIN_RSP: %s",
				srp_err_name(err));
		rdma_disconnect(ch->id);
		return;
	}
	problem = login_rsp_problem(ch);
	if (problem) {
		cm_login_failed(ch, "the target %s", problem);
		rdma_disconnect(ch->id);
		return;
	}
	login_accepted(ch);
}

/* The wire has positive IB reasons; iWARP and an absent peer give -errno. */
static const char *reject_text(int status, char *buf, size_t len)
{
	if (status < 0)
		snprintf(buf, len, "connection refused: %s", strerror(-status));
	else if (status == CM_REJ_NO_SERVICE)
		snprintf(buf, len, "connection refused: nobody listens there");
	else if (status == CM_REJ_STALE)
		snprintf(buf, len, "connection refused: stale connection, try again");
	else if (status == CM_REJ_CONSUMER)
		snprintf(buf, len, "connection refused without SRP_LOGIN_REJ");
	else
		snprintf(buf, len, "connection refused, CM reason %d", status);
	return buf;
}

static void on_rejected(struct srpi_channel *ch, const struct rdma_cm_event *ev)
{
	struct srpi_login *login = &ch->login;
	char text[160];

	keep_private_data(ch, ev);
	if (srp_login_rej_parse(login->data, login->data_len, &login->rej) == SRP_OK) {
		snprintf(text, sizeof(text), "login rejected: %s (0x%08x)",
			 srp_rej_name(login->rej.reason), login->rej.reason);
		login_failed(ch, SRPI_LOGIN_REJECTED, text);
		return;
	}
	cm_login_failed(ch, "%s", reject_text(ev->status, text, sizeof(text)));
}

static void on_error(struct srpi_channel *ch, const struct rdma_cm_event *ev)
{
	int err = ev->status < 0 ? -ev->status : ev->status;

	cm_login_failed(ch, "%s: %s", rdma_event_str(ev->event), strerror(err));
}

static void on_disconnected(struct srpi_channel *ch, const struct rdma_cm_event *ev)
{
	if (ch->state == CHANNEL_LIVE) {
		/* what arrived before the disconnect, such as SRP_T_LOGOUT, says more */
		while (channel_poll(ch))
			;
		channel_fail(ch, "the target disconnected");
	} else if (ch->state != CHANNEL_CLOSED) {
		cm_login_failed(ch, "disconnected during login");
	}
}

static void on_removal(struct srpi_channel *ch, const struct rdma_cm_event *ev)
{
	if (ch->state == CHANNEL_LIVE)
		channel_fail(ch, "the local RDMA device was removed");
	else if (ch->state != CHANNEL_CLOSED)
		cm_login_failed(ch, "the local RDMA device was removed");
}

static const struct cm_op {
	enum rdma_cm_event_type event;
	bool connecting; /* meaningless once the channel is live or closed */
	void (*fn)(struct srpi_channel *ch, const struct rdma_cm_event *ev);
} cm_ops[] = {
	{ RDMA_CM_EVENT_ADDR_RESOLVED, true, on_addr_resolved },
	{ RDMA_CM_EVENT_ADDR_ERROR, true, on_error },
	{ RDMA_CM_EVENT_ROUTE_RESOLVED, true, on_route_resolved },
	{ RDMA_CM_EVENT_ROUTE_ERROR, true, on_error },
	{ RDMA_CM_EVENT_CONNECT_ERROR, true, on_error },
	{ RDMA_CM_EVENT_UNREACHABLE, true, on_error },
	{ RDMA_CM_EVENT_REJECTED, true, on_rejected },
	{ RDMA_CM_EVENT_ESTABLISHED, true, on_established },
	{ RDMA_CM_EVENT_DISCONNECTED, false, on_disconnected },
	{ RDMA_CM_EVENT_DEVICE_REMOVAL, false, on_removal },
};

static void cm_dispatch(struct srpi_channel *ch, const struct rdma_cm_event *ev)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cm_ops); i++) {
		if (cm_ops[i].event != ev->event)
			continue;
		if (!cm_ops[i].connecting || ch->state < CHANNEL_LIVE)
			cm_ops[i].fn(ch, ev);
		return;
	}
}

void cm_event(struct srpi_session *s)
{
	struct rdma_cm_event *ev;

	if (rdma_get_cm_event(s->cm, &ev))
		return;
	cm_dispatch(ev->id->context, ev);
	rdma_ack_cm_event(ev);
}
