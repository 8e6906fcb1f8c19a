/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The passive CM driven by a script of random events: messages with any ids (often right ones),
 * time passing, and an owner that accepts, rejects, disconnects and releases. The owner hears of
 * each connection as promised, and when both sides let go everything becomes free again.
 */
#include "fuzz.h"

#include <string.h>

#include "base/compiler.h"
#include "proto/ib_cm.h"

enum {
	N_CONNS = 5,
	SERVICE = 7
};

/* What the owner believes of a connection. */
enum belief {
	NOT_MINE,
	DECIDING,
	ACCEPTED,
	CONNECTED,
	OVER
};

struct rig {
	struct ibcm cm;
	struct ibcm_conn conns[N_CONNS];
	enum belief belief[N_CONNS];
	struct ibcm_out out;
	uint64_t now;
	const uint8_t *script;
	size_t left;
};

static const uint8_t gid[1][16] = { { 0xfe, 0x80 } };
static const uint16_t pkey[] = { 0xffff };
static const uint64_t service[] = { SERVICE };
static const struct ibcm_port port = { 1, gid, 1, pkey, 1 };
static const struct class_port_info elsewhere = { .redirect_lid = 9 };

static uint8_t next(struct rig *r)
{
	if (r->left == 0)
		return 0;
	r->left--;
	return *r->script++;
}

static void check_send(const struct ibcm_action *a)
{
	struct cm_msg msg;

	must(cm_msg_parse(a->mad, MAD_LEN, &msg) == MAD_OK);
	must(msg.attr != CM_REQ && msg.attr != CM_RTU && msg.attr != CM_LAP);
}

static void take(struct rig *r)
{
	must(r->out.n <= IBCM_MAX_ACTIONS);
	for (unsigned int i = 0; i < r->out.n; i++) {
		struct ibcm_action *a = &r->out.action[i];
		enum belief *b = a->conn ? &r->belief[a->conn - r->conns] : NULL;

		switch (a->type) {
		case IBCM_SEND:
			check_send(a);
			break;
		case IBCM_REQUEST:
			must(*b == NOT_MINE && !r->cm.redirect);
			must(r->out.req.service_id == SERVICE);
			*b = DECIDING;
			break;
		case IBCM_CONNECTED:
			must(*b == ACCEPTED);
			*b = CONNECTED;
			break;
		case IBCM_ENDED:
			must(*b != NOT_MINE && *b != OVER);
			*b = OVER;
			break;
		}
	}
}

/* A number that is small and so often meets another, or one of a connection. */
static uint32_t some_id(struct rig *r)
{
	uint8_t b = next(r);

	return b & 0x80 ? r->conns[b % N_CONNS].local_id : b & 3;
}

static void send_req(struct rig *r, struct cm_msg *m)
{
	uint8_t odd = next(r);

	m->req = (struct cm_req){ .local_id = next(r) & 3,
				  .service_id = odd & 1 ? SERVICE + 1 : SERVICE,
				  .ca_guid = next(r) & 1,
				  .qpn = next(r) & 3,
				  .remote_timeout = next(r) & 31,
				  .local_timeout = next(r) & 31,
				  .pkey = odd & 2 ? 1 : 0xffff,
				  .mtu = odd & 4 ? 0 : 4,
				  .transport = odd & 8 ? 1 : 0,
				  .max_cm_retries = next(r) & 3,
				  .primary = { .ack_timeout = next(r) & 31,
					       .remote_gid = { 0xfe, odd & 16 ? 0 : 0x80 } } };
}

static void send_msg(struct rig *r)
{
	struct cm_msg m = { .attr = (enum cm_attr)(CM_REQ + next(r) % 11) };
	struct mad_addr from = { .lid = 2, .qpn = 1 };
	uint8_t mad[MAD_LEN];

	if (m.attr == CM_REQ) {
		send_req(r, &m);
	} else { /* all others begin with both ids */
		m.rtu.local_id = next(r) & 3;
		m.rtu.remote_id = some_id(r);
	}
	if (m.attr == CM_DREQ)
		m.dreq.remote_qpn = next(r) & 1;
	if (m.attr == CM_MRA)
		m.mra.mraed = next(r) & 3;
	if (m.attr == CM_REJ)
		m.rej.reason = next(r) & 31;
	if (m.attr == CM_REJ)
		m.rej.ari_len = next(r) & 15;
	cm_msg_build(mad, &m);
	if (next(r) == 1)
		mad[next(r) % MAD_HDR_LEN] ^= next(r);
	ibcm_recv(&r->cm, r->now, &port, &from, mad, MAD_LEN, &r->out);
	take(r);
}

static void pass_time(struct rig *r)
{
	uint64_t next_at = ibcm_deadline(&r->cm);
	unsigned int n = 0;

	r->now += next(r);
	if (next(r) & 1 && next_at != UINT64_MAX)
		r->now = MAX(r->now, next_at);
	while (ibcm_timer(&r->cm, r->now, &r->out)) {
		must(++n <= 3 * N_CONNS); /* nothing is due again at once for ever */
		take(r);
	}
	must(ibcm_deadline(&r->cm) > r->now);
}

static void release(struct rig *r, size_t i)
{
	ibcm_release(&r->cm, r->now, &r->conns[i], &r->out);
	r->belief[i] = NOT_MINE;
	take(r);
}

static void own(struct rig *r)
{
	size_t i = next(r) % N_CONNS;
	struct cm_rep rep = { .qpn = next(r) & 1 };

	if (r->belief[i] == NOT_MINE)
		return;
	switch (next(r) % 5) {
	case 0:
		if (r->belief[i] != DECIDING && r->belief[i] != OVER)
			break;
		if (ibcm_accept(&r->cm, r->now, &r->conns[i], &rep, &r->out))
			r->belief[i] = ACCEPTED;
		else
			must(r->out.n == 0 && r->belief[i] == OVER);
		take(r);
		break;
	case 1:
		ibcm_reject(&r->cm, r->now, &r->conns[i], CM_REJ_CONSUMER, "x", 1, &r->out);
		r->belief[i] = NOT_MINE;
		take(r);
		break;
	case 2:
		ibcm_disconnect(&r->cm, r->now, &r->conns[i], &r->out);
		r->belief[i] = OVER;
		take(r);
		break;
	case 3:
		ibcm_comm_est(&r->cm, &r->conns[i], &r->out);
		take(r);
		break;
	case 4:
		release(r, i);
		break;
	}
}

/* Both sides let go; nothing may be left after a while. */
static void settle(struct rig *r)
{
	for (size_t i = 0; i < N_CONNS; i++)
		if (r->belief[i] != NOT_MINE)
			release(r, i);
	for (unsigned int n = 0; ibcm_deadline(&r->cm) != UINT64_MAX; n++) {
		must(n < 100 * N_CONNS);
		r->now = MAX(r->now, ibcm_deadline(&r->cm));
		must(ibcm_timer(&r->cm, r->now, &r->out));
		take(r);
	}
	for (size_t i = 0; i < N_CONNS; i++)
		must(r->conns[i].state == IBCM_FREE && !r->conns[i].owned);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rig r = { .script = data, .left = size };

	ibcm_init(&r.cm, r.conns, N_CONNS, (uint32_t)next(&r) << 24);
	r.cm.services = service;
	r.cm.n_services = 1;
	while (r.left)
		switch (next(&r) & 3) {
		case 0:
		case 1:
			send_msg(&r);
			break;
		case 2:
			own(&r);
			break;
		case 3:
			pass_time(&r);
			r.cm.redirect = next(&r) < 8 ? &elsewhere : NULL;
			break;
		}
	settle(&r);
	return 0;
}
