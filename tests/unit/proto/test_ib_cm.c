/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The passive CM: a rig that plays the initiator and the owner of connections, the life of a
 * connection, every message in every state, and what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/be.h"
#include "base/compiler.h"
#include "proto/ib_cm.h"

enum {
	SERVICE = 0x13f1388,
	CA = 0xfffe0002,
	OUR_CA = 0xfffe0001,
	PEER_ID = 0xf793bdd1,
	PEER_QPN = 0x12,
	OUR_QPN = 0x34,
	N_CONNS = 8,
	T20_MS = 4295, /* 4.096 µs · 2^20, rounded up */
	T19_MS = 2148,
	MRA_MS = 68720,
};

static struct ibcm cm;
static struct ibcm_conn conns[N_CONNS];
static struct ibcm_out out;
static uint64_t now;
static const uint8_t gids[2][16] = { { 0xfe, 0x80, [15] = 1 }, { 0xfe, 0x80, [15] = 9 } };
static const uint16_t pkeys[] = { 0xffff, 0, 0x0001 };
static const uint64_t services[] = { SERVICE };
static const struct ibcm_port port = { OUR_CA, gids, ARRAY_SIZE(gids), pkeys, ARRAY_SIZE(pkeys) };
static const struct mad_addr peer = { .lid = 2, .qpn = 1, .sl = 3, .path_bits = 1 };

static int setup(void **state)
{
	memset(conns, 0, sizeof(conns));
	ibcm_init(&cm, conns, N_CONNS, 0x12340000);
	cm.services = services;
	cm.n_services = ARRAY_SIZE(services);
	now = 1000;
	out.n = 0;
	return 0;
}

/* ---- the initiator ---- */

static struct cm_msg req_msg(uint32_t id, uint32_t qpn)
{
	return (struct cm_msg){
		.tid = 0x100000000 + id,
		.attr = CM_REQ,
		.req = { .local_id = id,
			 .service_id = SERVICE,
			 .ca_guid = CA,
			 .qpn = qpn,
			 .responder_resources = 4,
			 .remote_timeout = 20,
			 .local_timeout = 20,
			 .retry_count = 7,
			 .rnr_retry = 7,
			 .pkey = 0xffff,
			 .mtu = 5,
			 .max_cm_retries = 2,
			 .primary = { .local_lid = 2,
				      .remote_lid = 1,
				      .subnet_local = true,
				      .ack_timeout = 19,
				      .remote_gid = { 0xfe, 0x80, [15] = 1 } } },
	};
}

static void recv(const struct cm_msg *msg)
{
	uint8_t mad[MAD_LEN];

	cm_msg_build(mad, msg);
	ibcm_recv(&cm, now, &port, &peer, mad, MAD_LEN, &out);
	assert_in_range(out.n, 0, IBCM_MAX_ACTIONS);
}

static struct cm_msg sent(unsigned int i)
{
	struct cm_msg msg;

	assert_true(i < out.n);
	assert_int_equal(out.action[i].type, IBCM_SEND);
	assert_int_equal(cm_msg_parse(out.action[i].mad, MAD_LEN, &msg), MAD_OK);
	assert_int_equal(out.action[i].to.lid, 2);
	assert_int_equal(out.action[i].to.qpn, 1);
	return msg;
}

/* The only action is to send a message of this kind. */
static struct cm_msg sent_only(enum cm_attr attr)
{
	struct cm_msg msg = sent(0);

	assert_int_equal(out.n, 1);
	assert_int_equal(msg.attr, attr);
	return msg;
}

static void ended_only(const struct ibcm_conn *c, enum ibcm_end why)
{
	assert_int_equal(out.n, 1);
	assert_int_equal(out.action[0].type, IBCM_ENDED);
	assert_ptr_equal(out.action[0].conn, c);
	assert_int_equal(out.action[0].why, why);
}

static void rejected(uint32_t id, uint16_t reason)
{
	struct cm_msg msg = sent_only(CM_REJ);

	assert_int_equal(msg.rej.remote_id, id);
	assert_int_equal(msg.rej.reason, reason);
}

/* ---- connections in each state ---- */

static struct ibcm_conn *request(uint32_t id, uint32_t qpn)
{
	struct cm_msg msg = req_msg(id, qpn);
	struct ibcm_conn *c;

	recv(&msg);
	assert_int_equal(out.n, 1);
	assert_int_equal(out.action[0].type, IBCM_REQUEST);
	c = out.action[0].conn;
	assert_int_equal(c->state, IBCM_REQ_RCVD);
	assert_int_equal(out.req.local_id, id);
	return c;
}

static void accept_it(struct ibcm_conn *c)
{
	struct cm_rep rep = { .qpn = OUR_QPN, .starting_psn = 7, .initiator_depth = 4 };

	rep.private_data[0] = 0xc0;
	assert_true(ibcm_accept(&cm, now, c, &rep, &out));
	assert_int_equal(c->state, IBCM_REP_SENT);
}

static void rtu(const struct ibcm_conn *c)
{
	struct cm_msg msg = { .attr = CM_RTU, .rtu = { c->remote_id, c->local_id } };

	recv(&msg);
}

static void mra_rep(const struct ibcm_conn *c, enum cm_which which)
{
	struct cm_msg msg = { .attr = CM_MRA, .mra = { c->remote_id, c->local_id, which, 22 } };

	recv(&msg);
}

static void dreq(const struct ibcm_conn *c)
{
	struct cm_msg msg = { .tid = 0x77,
			      .attr = CM_DREQ,
			      .dreq = { c->remote_id, c->local_id, OUR_QPN, { 0 } } };

	recv(&msg);
}

static void drep(const struct ibcm_conn *c)
{
	struct cm_msg msg = { .attr = CM_DREP, .drep = { c->remote_id, c->local_id } };

	recv(&msg);
}

static void rej(const struct ibcm_conn *c)
{
	struct cm_msg msg = { .attr = CM_REJ,
			      .rej = { .local_id = c->remote_id,
				       .remote_id = c->local_id,
				       .rejected = CM_WHICH_REP,
				       .reason = CM_REJ_CONSUMER } };

	recv(&msg);
}

/* The next deadline comes, and is handled. */
static void wait_for_timer(void)
{
	assert_true(ibcm_deadline(&cm) != UINT64_MAX);
	assert_true(ibcm_deadline(&cm) > now);
	now = ibcm_deadline(&cm) - 1;
	assert_false(ibcm_timer(&cm, now, &out));
	now++;
	assert_true(ibcm_timer(&cm, now, &out));
}

static struct ibcm_conn *conn_in(enum ibcm_state state)
{
	struct ibcm_conn *c = request(PEER_ID, PEER_QPN);

	switch (state) {
	case IBCM_FREE:
		ibcm_reject(&cm, now, c, CM_REJ_CONSUMER, "", 0, &out);
		break;
	case IBCM_REQ_RCVD:
		break;
	case IBCM_MRA_REQ_SENT:
		wait_for_timer();
		break;
	case IBCM_REP_SENT:
		accept_it(c);
		break;
	case IBCM_MRA_REP_RCVD:
		accept_it(c);
		mra_rep(c, CM_WHICH_REP);
		break;
	case IBCM_ESTABLISHED:
		accept_it(c);
		rtu(c);
		break;
	case IBCM_DREQ_SENT:
		accept_it(c);
		rtu(c);
		ibcm_disconnect(&cm, now, c, &out);
		break;
	case IBCM_TIMEWAIT:
		accept_it(c);
		rtu(c);
		dreq(c);
		break;
	}
	assert_int_equal(c->state, state);
	out.n = 0;
	return c;
}

static void all_free(void)
{
	for (size_t i = 0; i < N_CONNS; i++)
		assert_int_equal(conns[i].state, IBCM_FREE);
	assert_true(ibcm_deadline(&cm) == UINT64_MAX);
}

/* ---- the usual life ---- */

static void test_life(void **state)
{
	struct ibcm_conn *c = request(PEER_ID, PEER_QPN);
	struct cm_msg msg;

	assert_int_equal(out.req.primary.local_lid, 2);
	accept_it(c);
	msg = sent_only(CM_REP);
	assert_true(msg.tid == 0x100000000 + PEER_ID);
	assert_int_equal(msg.rep.remote_id, PEER_ID);
	assert_int_equal(msg.rep.local_id, c->local_id);
	assert_int_not_equal(c->local_id, 0);
	assert_true(msg.rep.ca_guid == OUR_CA);
	assert_int_equal(msg.rep.qpn, OUR_QPN);
	assert_int_equal(msg.rep.private_data[0], 0xc0);
	rtu(c);
	assert_int_equal(out.n, 1);
	assert_int_equal(out.action[0].type, IBCM_CONNECTED);
	assert_ptr_equal(out.action[0].conn, c);
	assert_true(ibcm_deadline(&cm) == UINT64_MAX);
	dreq(c);
	assert_int_equal(out.n, 2);
	msg = sent(0);
	assert_int_equal(msg.attr, CM_DREP);
	assert_true(msg.tid == 0x77);
	assert_int_equal(msg.drep.local_id, c->local_id);
	assert_int_equal(msg.drep.remote_id, PEER_ID);
	assert_int_equal(out.action[1].type, IBCM_ENDED);
	assert_int_equal(out.action[1].why, IBCM_END_DISCONNECTED);
	assert_int_equal(c->state, IBCM_TIMEWAIT);
	ibcm_release(&cm, now, c, &out);
	assert_int_equal(out.n, 0);
	wait_for_timer();
	assert_int_equal(out.n, 0);
	all_free();
}

static void test_we_disconnect(void **state)
{
	struct ibcm_conn *c = conn_in(IBCM_ESTABLISHED);
	struct cm_msg msg;

	ibcm_disconnect(&cm, now, c, &out);
	msg = sent_only(CM_DREQ);
	assert_int_equal(msg.dreq.remote_qpn, PEER_QPN);
	assert_int_equal(msg.dreq.remote_id, PEER_ID);
	ibcm_release(&cm, now, c, &out); /* goes on by itself */
	assert_int_equal(out.n, 0);
	wait_for_timer();
	sent_only(CM_DREQ);
	wait_for_timer();
	sent_only(CM_DREQ);
	drep(c);
	assert_int_equal(out.n, 0);
	assert_int_equal(c->state, IBCM_TIMEWAIT);
	wait_for_timer();
	all_free();
}

static void test_dreq_unanswered(void **state)
{
	struct ibcm_conn *c = conn_in(IBCM_DREQ_SENT);

	for (unsigned int i = 0; i < 2; i++) {
		wait_for_timer();
		sent_only(CM_DREQ);
	}
	wait_for_timer();
	assert_int_equal(out.n, 0);
	assert_int_equal(c->state, IBCM_TIMEWAIT);
}

static void test_crossing_dreqs(void **state)
{
	struct ibcm_conn *c = conn_in(IBCM_DREQ_SENT);

	dreq(c);
	sent_only(CM_DREP); /* no end: the owner began it */
	assert_int_equal(c->state, IBCM_TIMEWAIT);
	drep(c);
	assert_int_equal(out.n, 0);
}

static void test_release_established(void **state)
{
	struct ibcm_conn *c = conn_in(IBCM_ESTABLISHED);

	ibcm_release(&cm, now, c, &out);
	sent_only(CM_DREQ);
	dreq(c);
	sent_only(CM_DREP);
}

static void test_release_undecided(void **state)
{
	struct ibcm_conn *c = conn_in(IBCM_REQ_RCVD);

	ibcm_release(&cm, now, c, &out);
	rejected(PEER_ID, CM_REJ_CONSUMER);
	all_free();
}

/* ---- time ---- */

static void test_rep_repeated(void **state)
{
	struct ibcm_conn *c = request(PEER_ID, PEER_QPN);
	uint8_t first[MAD_LEN];
	struct cm_msg msg;

	accept_it(c);
	memcpy(first, out.action[0].mad, MAD_LEN);
	for (unsigned int i = 0; i < 2; i++) {
		uint64_t before = now;

		wait_for_timer();
		assert_int_equal(now - before, T20_MS);
		sent_only(CM_REP);
		assert_memory_equal(out.action[0].mad, first, MAD_LEN);
	}
	wait_for_timer();
	assert_int_equal(out.n, 2);
	msg = sent(0);
	assert_int_equal(msg.attr, CM_REJ);
	assert_int_equal(msg.rej.reason, CM_REJ_TIMEOUT);
	assert_int_equal(msg.rej.ari_len, 8);
	assert_true(be64_get(msg.rej.ari) == OUR_CA);
	assert_int_equal(out.action[1].type, IBCM_ENDED);
	assert_int_equal(out.action[1].why, IBCM_END_TIMEOUT);
	assert_int_equal(c->state, IBCM_TIMEWAIT);
	assert_true(c->deadline_ms == now + T19_MS);
}

static void test_slow_owner(void **state)
{
	struct ibcm_conn *c = request(PEER_ID, PEER_QPN);
	struct cm_msg req = req_msg(PEER_ID, PEER_QPN), msg;
	uint64_t before = now;

	wait_for_timer();
	assert_true(now - before < T20_MS); /* before the initiator repeats itself */
	msg = sent_only(CM_MRA);
	assert_int_equal(msg.mra.mraed, CM_WHICH_REQ);
	assert_int_equal(msg.mra.service_timeout, 24);
	recv(&req);
	sent_only(CM_MRA);
	accept_it(c);
	sent_only(CM_REP);
}

static void test_owner_never_decides(void **state)
{
	struct ibcm_conn *c = conn_in(IBCM_MRA_REQ_SENT);
	struct cm_rep rep = { 0 };
	uint64_t before = now;

	wait_for_timer();
	assert_int_equal(now - before, MRA_MS);
	assert_int_equal(out.n, 2);
	assert_int_equal(out.action[1].type, IBCM_ENDED);
	assert_int_equal(out.action[1].why, IBCM_END_TIMEOUT);
	assert_false(ibcm_accept(&cm, now, c, &rep, &out));
	assert_int_equal(out.n, 0);
}

static void test_mra_of_rep(void **state)
{
	struct ibcm_conn *c = conn_in(IBCM_REP_SENT);
	uint64_t before = now;

	mra_rep(c, CM_WHICH_REQ);
	assert_int_equal(c->state, IBCM_REP_SENT);
	mra_rep(c, CM_WHICH_REP);
	assert_int_equal(c->state, IBCM_MRA_REP_RCVD);
	assert_true(c->deadline_ms > before + T20_MS + 17000);
	before = c->deadline_ms;
	now++;
	mra_rep(c, CM_WHICH_REP); /* once only */
	assert_true(c->deadline_ms == before);
	wait_for_timer();
	sent_only(CM_REP);
	assert_int_equal(c->state, IBCM_REP_SENT);
}

/* A peer that names 2^31 · 4.096 µs does not keep a connection for hours. */
static void test_timeouts_bounded(void **state)
{
	struct cm_msg msg = req_msg(PEER_ID, PEER_QPN);

	msg.req.local_timeout = msg.req.remote_timeout = 31;
	msg.req.primary.ack_timeout = 31;
	recv(&msg);
	assert_true(out.action[0].conn->wait_ms < 9000);
	assert_true(out.action[0].conn->timewait_ms < 9000);
	assert_true(ibcm_deadline(&cm) - now < 9000);
	setup(NULL);
	msg.req.local_timeout = msg.req.remote_timeout = 0;
	msg.req.primary.ack_timeout = 0;
	recv(&msg);
	assert_int_equal(out.action[0].conn->wait_ms, 1);
	assert_true(ibcm_deadline(&cm) > now);
}

/* ---- every message in every state ---- */

enum what {
	NOTHING,
	SENDS,
	CONNECTS,
	ENDS,
	SENDS_AND_ENDS
};

struct cell {
	enum what what;
	enum cm_attr attr;
	enum ibcm_state next;
};

static void check_cell(const struct ibcm_conn *c, struct cell cell)
{
	switch (cell.what) {
	case NOTHING:
		assert_int_equal(out.n, 0);
		break;
	case SENDS:
		sent_only(cell.attr);
		break;
	case CONNECTS:
		assert_int_equal(out.n, 1);
		assert_int_equal(out.action[0].type, IBCM_CONNECTED);
		break;
	case ENDS:
		assert_int_equal(out.n, 1);
		assert_int_equal(out.action[0].type, IBCM_ENDED);
		break;
	case SENDS_AND_ENDS:
		assert_int_equal(out.n, 2);
		assert_int_equal(sent(0).attr, cell.attr);
		assert_int_equal(out.action[1].type, IBCM_ENDED);
		break;
	}
	assert_int_equal(c->state, cell.next);
}

static void send_duplicate(const struct ibcm_conn *c)
{
	struct cm_msg msg = req_msg(c->remote_id, PEER_QPN);

	recv(&msg);
}

static void send_mra(const struct ibcm_conn *c)
{
	mra_rep(c, CM_WHICH_REP);
}

static void send_lap(const struct ibcm_conn *c)
{
	struct cm_msg msg = { .attr = CM_LAP, .lap = { c->remote_id, c->local_id, OUR_QPN } };

	recv(&msg);
}

static void send_rep(const struct ibcm_conn *c)
{
	struct cm_msg msg = { .attr = CM_REP,
			      .rep = { .local_id = c->remote_id, .remote_id = c->local_id } };

	recv(&msg);
}

static void comm_est(const struct ibcm_conn *c)
{
	ibcm_comm_est(&cm, (struct ibcm_conn *)c, &out);
}

static void test_matrix(void **state)
{
	static const enum ibcm_state states[] = { IBCM_REQ_RCVD,    IBCM_MRA_REQ_SENT,
						  IBCM_REP_SENT,    IBCM_MRA_REP_RCVD,
						  IBCM_ESTABLISHED, IBCM_DREQ_SENT,
						  IBCM_TIMEWAIT };
#define STAY(s)               \
	{                     \
		NOTHING, 0, s \
	}
	static const struct {
		const char *name;
		void (*event)(const struct ibcm_conn *c);
		struct cell cells[ARRAY_SIZE(states)];
	} rows[] = {
		{ "REQ again",
		  send_duplicate,
		  { STAY(IBCM_REQ_RCVD),
		    { SENDS, CM_MRA, IBCM_MRA_REQ_SENT },
		    STAY(IBCM_REP_SENT),
		    STAY(IBCM_MRA_REP_RCVD),
		    STAY(IBCM_ESTABLISHED),
		    STAY(IBCM_DREQ_SENT),
		    { SENDS, CM_REJ, IBCM_TIMEWAIT } } },
		{ "RTU",
		  rtu,
		  { STAY(IBCM_REQ_RCVD),
		    STAY(IBCM_MRA_REQ_SENT),
		    { CONNECTS, 0, IBCM_ESTABLISHED },
		    { CONNECTS, 0, IBCM_ESTABLISHED },
		    STAY(IBCM_ESTABLISHED),
		    STAY(IBCM_DREQ_SENT),
		    STAY(IBCM_TIMEWAIT) } },
		{ "COMM_EST",
		  comm_est,
		  { STAY(IBCM_REQ_RCVD),
		    STAY(IBCM_MRA_REQ_SENT),
		    { CONNECTS, 0, IBCM_ESTABLISHED },
		    { CONNECTS, 0, IBCM_ESTABLISHED },
		    STAY(IBCM_ESTABLISHED),
		    STAY(IBCM_DREQ_SENT),
		    STAY(IBCM_TIMEWAIT) } },
		{ "MRA",
		  send_mra,
		  { STAY(IBCM_REQ_RCVD), STAY(IBCM_MRA_REQ_SENT), STAY(IBCM_MRA_REP_RCVD),
		    STAY(IBCM_MRA_REP_RCVD), STAY(IBCM_ESTABLISHED), STAY(IBCM_DREQ_SENT),
		    STAY(IBCM_TIMEWAIT) } },
		/* a DREQ before REP names a queue pair that the peer cannot know */
		{ "DREQ",
		  dreq,
		  { STAY(IBCM_REQ_RCVD),
		    STAY(IBCM_MRA_REQ_SENT),
		    { SENDS_AND_ENDS, CM_DREP, IBCM_TIMEWAIT },
		    { SENDS_AND_ENDS, CM_DREP, IBCM_TIMEWAIT },
		    { SENDS_AND_ENDS, CM_DREP, IBCM_TIMEWAIT },
		    { SENDS, CM_DREP, IBCM_TIMEWAIT },
		    { SENDS, CM_DREP, IBCM_TIMEWAIT } } },
		{ "DREP",
		  drep,
		  { STAY(IBCM_REQ_RCVD), STAY(IBCM_MRA_REQ_SENT), STAY(IBCM_REP_SENT),
		    STAY(IBCM_MRA_REP_RCVD), STAY(IBCM_ESTABLISHED), STAY(IBCM_TIMEWAIT),
		    STAY(IBCM_TIMEWAIT) } },
		{ "REJ",
		  rej,
		  { { ENDS, 0, IBCM_FREE },
		    { ENDS, 0, IBCM_FREE },
		    { ENDS, 0, IBCM_TIMEWAIT },
		    { ENDS, 0, IBCM_TIMEWAIT },
		    STAY(IBCM_ESTABLISHED),
		    STAY(IBCM_TIMEWAIT),
		    STAY(IBCM_TIMEWAIT) } },
		{ "LAP",
		  send_lap,
		  { { SENDS, CM_APR, IBCM_REQ_RCVD },
		    { SENDS, CM_APR, IBCM_MRA_REQ_SENT },
		    { SENDS, CM_APR, IBCM_REP_SENT },
		    { SENDS, CM_APR, IBCM_MRA_REP_RCVD },
		    { SENDS, CM_APR, IBCM_ESTABLISHED },
		    { SENDS, CM_APR, IBCM_DREQ_SENT },
		    { SENDS, CM_APR, IBCM_TIMEWAIT } } },
		{ "REP",
		  send_rep,
		  { STAY(IBCM_REQ_RCVD), STAY(IBCM_MRA_REQ_SENT), STAY(IBCM_REP_SENT),
		    STAY(IBCM_MRA_REP_RCVD), STAY(IBCM_ESTABLISHED), STAY(IBCM_DREQ_SENT),
		    STAY(IBCM_TIMEWAIT) } },
	};

	for (size_t r = 0; r < ARRAY_SIZE(rows); r++)
		for (size_t s = 0; s < ARRAY_SIZE(states); s++) {
			struct ibcm_conn *c;

			setup(NULL);
			c = conn_in(states[s]);
			if (out.n)
				fail_msg("%s", rows[r].name);
			rows[r].event(c);
			check_cell(c, rows[r].cells[s]);
		}
}

/* With wrong ids nothing happens to any connection. */
static void test_matrix_wrong_ids(void **state)
{
	struct ibcm_conn *c = conn_in(IBCM_REP_SENT);
	struct ibcm_conn wrong = *c;

	for (unsigned int i = 0; i < 3; i++) {
		wrong.local_id = i == 0 ? c->local_id ^ 0x10000 : i == 1 ? 0xffff : c->local_id;
		wrong.remote_id = i == 2 ? PEER_ID + 1 : PEER_ID;
		rtu(&wrong);
		assert_int_equal(out.n, 0);
		mra_rep(&wrong, CM_WHICH_REP);
		assert_int_equal(out.n, 0);
		rej(&wrong);
		assert_int_equal(out.n, 0);
		drep(&wrong);
		assert_int_equal(out.n, 0);
		dreq(&wrong);
		sent_only(CM_DREP); /* stateless: the peer wants to be rid of it */
		send_lap(&wrong);
		assert_int_equal(sent_only(CM_APR).apr.status, CM_AP_INVALID_COMM_ID);
	}
	assert_int_equal(c->state, IBCM_REP_SENT);
}

static void test_dreq_of_other_qp(void **state)
{
	struct ibcm_conn *c = conn_in(IBCM_ESTABLISHED);
	struct cm_msg msg = { .attr = CM_DREQ,
			      .dreq = { c->remote_id, c->local_id, OUR_QPN + 1, { 0 } } };

	recv(&msg);
	assert_int_equal(out.n, 0);
	assert_int_equal(c->state, IBCM_ESTABLISHED);
}

static void test_lap_known(void **state)
{
	struct ibcm_conn *c = conn_in(IBCM_ESTABLISHED);

	send_lap(c);
	assert_int_equal(sent_only(CM_APR).apr.status, CM_AP_NOT_SUPPORTED);
}

static void test_sidr(void **state)
{
	struct cm_msg msg = { .tid = 5,
			      .attr = CM_SIDR_REQ,
			      .sidr_req = { .request_id = 6, .service_id = SERVICE } };
	struct cm_msg rep;

	recv(&msg);
	rep = sent_only(CM_SIDR_REP);
	assert_int_equal(rep.sidr_rep.request_id, 6);
	assert_int_equal(rep.sidr_rep.status, CM_SIDR_UNSUPPORTED);
	assert_true(rep.sidr_rep.service_id == SERVICE && rep.tid == 5);
}

/* The initiator gave up before our REP reached it: it knows our id only if it saw an MRA. */
static void test_rej_timeout(void **state)
{
	struct ibcm_conn *c = conn_in(IBCM_REP_SENT);
	struct cm_msg msg = { .attr = CM_REJ,
			      .rej = { .local_id = PEER_ID,
				       .rejected = CM_WHICH_OTHER,
				       .ari_len = 8,
				       .reason = CM_REJ_TIMEOUT } };

	be64_put(msg.rej.ari, CA + 1);
	recv(&msg);
	assert_int_equal(out.n, 0);
	be64_put(msg.rej.ari, CA);
	recv(&msg);
	ended_only(c, IBCM_END_REJECTED);
}

/* ---- requests that are refused ---- */

static void test_refused_requests(void **state)
{
	struct cm_msg msg = req_msg(PEER_ID, PEER_QPN);

	msg.req.service_id++;
	recv(&msg);
	rejected(PEER_ID, CM_REJ_INVALID_SERVICE_ID);

	msg = req_msg(PEER_ID, PEER_QPN);
	msg.req.transport = CM_TRANSPORT_UC;
	recv(&msg);
	rejected(PEER_ID, CM_REJ_INVALID_TRANSPORT);

	msg = req_msg(PEER_ID, PEER_QPN);
	msg.req.primary.remote_gid[15] = 2;
	recv(&msg);
	rejected(PEER_ID, CM_REJ_PRIMARY_GID);
	assert_int_equal(sent(0).rej.ari_len, 16);
	assert_memory_equal(sent(0).rej.ari, gids[0], 16);

	msg = req_msg(PEER_ID, PEER_QPN);
	msg.req.pkey = 0x8002;
	recv(&msg);
	rejected(PEER_ID, CM_REJ_UNSUPPORTED);
	msg.req.pkey = 0; /* not the empty entry */
	recv(&msg);
	rejected(PEER_ID, CM_REJ_UNSUPPORTED);

	for (uint8_t mtu = 0; mtu < 16; mtu++) {
		setup(NULL);
		msg = req_msg(PEER_ID, PEER_QPN);
		msg.req.mtu = mtu;
		recv(&msg);
		if (mtu < 1 || mtu > 5)
			rejected(PEER_ID, CM_REJ_MTU);
		else
			assert_int_equal(out.action[0].type, IBCM_REQUEST);
	}
	setup(NULL);
	assert_true(ibcm_deadline(&cm) == UINT64_MAX);
}

static void test_membership_ignored(void **state)
{
	struct cm_msg msg = req_msg(PEER_ID, PEER_QPN);

	msg.req.pkey = 0x8001; /* the port is a limited member */
	recv(&msg);
	assert_int_equal(out.action[0].type, IBCM_REQUEST);
	setup(NULL);
	msg.req.pkey = 0x7fff;
	recv(&msg);
	assert_int_equal(out.action[0].type, IBCM_REQUEST);
}

static void test_owner_rejects(void **state)
{
	struct ibcm_conn *c = request(PEER_ID, PEER_QPN);
	struct cm_msg msg;

	ibcm_reject(&cm, now, c, CM_REJ_CONSUMER, "\xc2login", 6, &out);
	msg = sent_only(CM_REJ);
	assert_int_equal(msg.rej.reason, CM_REJ_CONSUMER);
	assert_int_equal(msg.rej.rejected, CM_WHICH_REQ);
	assert_memory_equal(msg.rej.private_data, "\xc2login", 7);
	all_free();
	request(PEER_ID, PEER_QPN); /* the REJ was lost: decided again */
}

static void test_owner_rejects_late(void **state)
{
	struct ibcm_conn *c = conn_in(IBCM_REP_SENT);

	ibcm_reject(&cm, now, c, CM_REJ_CONSUMER, "", 0, &out);
	assert_int_equal(sent_only(CM_REJ).rej.rejected, CM_WHICH_OTHER);
	assert_int_equal(c->state, IBCM_TIMEWAIT);
	setup(NULL);
	c = conn_in(IBCM_ESTABLISHED);
	ibcm_reject(&cm, now, c, CM_REJ_CONSUMER, "", 0, &out);
	sent_only(CM_DREQ);
}

static void test_redirect(void **state)
{
	const struct class_port_info info = { .base_version = 1, .redirect_lid = 9 };
	struct cm_msg msg = req_msg(PEER_ID, PEER_QPN);
	struct class_port_info back;

	cm.redirect = &info;
	recv(&msg);
	rejected(PEER_ID, CM_REJ_REDIRECT);
	assert_int_equal(sent(0).rej.ari_len, 72);
	class_port_info_parse(sent(0).rej.ari, &back);
	assert_int_equal(back.redirect_lid, 9);
	msg.req.service_id++; /* who does not listen does not redirect */
	recv(&msg);
	rejected(PEER_ID, CM_REJ_INVALID_SERVICE_ID);
	cm.redirect = NULL;
	request(PEER_ID, PEER_QPN);
}

static void test_class_version(void **state)
{
	struct cm_msg msg = req_msg(PEER_ID, PEER_QPN);
	uint8_t mad[MAD_LEN];

	cm_msg_build(mad, &msg);
	mad[2] = 3;
	ibcm_recv(&cm, now, &port, &peer, mad, MAD_LEN, &out);
	rejected(PEER_ID, CM_REJ_CLASS_VERSION);
	assert_int_equal(sent(0).rej.ari[0], 2);
	mad[17] = CM_RTU; /* other messages have no answer */
	ibcm_recv(&cm, now, &port, &peer, mad, MAD_LEN, &out);
	assert_int_equal(out.n, 0);
}

static void test_silence(void **state)
{
	struct cm_msg msg = req_msg(PEER_ID, PEER_QPN);
	uint8_t mad[MAD_LEN];

	cm_msg_build(mad, &msg);
	for (size_t len = 0; len < MAD_LEN; len++) {
		out.n = 9;
		ibcm_recv(&cm, now, &port, &peer, mad, len, &out);
		assert_int_equal(out.n, 0);
	}
	mad[17] = 0x1b;
	ibcm_recv(&cm, now, &port, &peer, mad, MAD_LEN, &out);
	assert_int_equal(out.n, 0);
	mad[17] = CM_REQ, mad[3] = MAD_GET;
	ibcm_recv(&cm, now, &port, &peer, mad, MAD_LEN, &out);
	assert_int_equal(out.n, 0);
	mad[3] = MAD_SEND, mad[1] = MAD_CLASS_DM;
	ibcm_recv(&cm, now, &port, &peer, mad, MAD_LEN, &out);
	assert_int_equal(out.n, 0);
	all_free();
}

/* ---- stale connections ---- */

/* The initiator lost power and comes back with the same queue pair number. */
static void test_stale(void **state)
{
	struct ibcm_conn *c = conn_in(IBCM_ESTABLISHED);
	struct cm_msg msg = req_msg(PEER_ID + 1, PEER_QPN);

	recv(&msg);
	assert_int_equal(out.n, 3);
	assert_int_equal(sent(0).attr, CM_REJ);
	assert_int_equal(sent(0).rej.reason, CM_REJ_STALE);
	assert_int_equal(sent(0).rej.remote_id, PEER_ID + 1);
	assert_int_equal(sent(1).attr, CM_DREQ);
	assert_int_equal(out.action[2].type, IBCM_ENDED);
	assert_int_equal(out.action[2].why, IBCM_END_STALE);
	assert_ptr_equal(out.action[2].conn, c);
	ibcm_release(&cm, now, c, &out);
	assert_int_equal(out.n, 0);
	recv(&msg); /* still in the way, and still being ended */
	rejected(PEER_ID + 1, CM_REJ_STALE);
	drep(c); /* the peer's CM knows nothing of it, and says so */
	recv(&msg);
	rejected(PEER_ID + 1, CM_REJ_STALE);
	wait_for_timer(); /* timewait is over: now it may */
	request(PEER_ID + 1, PEER_QPN);
}

static void test_same_qpn_of_other_ca(void **state)
{
	struct cm_msg msg = req_msg(PEER_ID, PEER_QPN);

	conn_in(IBCM_ESTABLISHED);
	msg.req.ca_guid++;
	recv(&msg);
	assert_int_equal(out.action[0].type, IBCM_REQUEST);
}

static void test_duplicate_in_timewait(void **state)
{
	conn_in(IBCM_TIMEWAIT);
	send_duplicate(&(struct ibcm_conn){ .remote_id = PEER_ID });
	rejected(PEER_ID, CM_REJ_STALE);
}

/* ---- the table ---- */

static void test_table_full(void **state)
{
	struct ibcm_conn *c[N_CONNS];
	struct cm_msg msg = req_msg(PEER_ID, PEER_QPN);
	uint32_t old;

	for (uint32_t i = 0; i < N_CONNS; i++)
		c[i] = request(100 + i, 100 + i);
	recv(&msg);
	rejected(PEER_ID, CM_REJ_NO_RESOURCES);
	accept_it(c[3]);
	rtu(c[3]);
	dreq(c[3]);
	recv(&msg); /* its owner still holds it */
	rejected(PEER_ID, CM_REJ_NO_RESOURCES);
	old = c[3]->local_id;
	ibcm_release(&cm, now, c[3], &out);
	assert_ptr_equal(request(PEER_ID, PEER_QPN), c[3]); /* timewait yields when it must */
	assert_int_not_equal(c[3]->local_id, old);
}

/* What ended by itself stays the owner's until it lets go. */
static void test_freed_but_owned(void **state)
{
	struct ibcm_conn *c = conn_in(IBCM_REQ_RCVD);
	struct cm_rep rep = { 0 };

	rej(c);
	ended_only(c, IBCM_END_REJECTED);
	for (uint32_t i = 1; i < N_CONNS; i++)
		assert_ptr_not_equal(request(100 + i, 100 + i), c);
	assert_false(ibcm_accept(&cm, now, c, &rep, &out));
	ibcm_release(&cm, now, c, &out);
	assert_int_equal(out.n, 0);
	assert_ptr_equal(request(PEER_ID, PEER_QPN), c);
}

static void test_ids_never_zero(void **state)
{
	ibcm_init(&cm, conns, N_CONNS, 0xffff0000);
	cm.services = services;
	cm.n_services = 1;
	assert_int_not_equal(request(PEER_ID, PEER_QPN)->local_id, 0);
}

/* 12.7.11 */
static void test_permissive_lids(void **state)
{
	struct cm_msg msg = req_msg(PEER_ID, PEER_QPN);

	msg.req.primary.subnet_local = false;
	msg.req.primary.local_lid = msg.req.primary.remote_lid = 0xffff;
	recv(&msg);
	assert_int_equal(out.req.primary.local_lid, 2);
	assert_int_equal(out.req.primary.sl, 3);
	assert_int_equal(out.req.primary.remote_lid, 1);
	setup(NULL);
	msg.req.primary.subnet_local = true;
	recv(&msg);
	assert_int_equal(out.req.primary.local_lid, 0xffff);
}

static void test_state_names(void **state)
{
	assert_string_equal(ibcm_state_name(IBCM_TIMEWAIT), "timewait");
	assert_string_equal(ibcm_state_name((enum ibcm_state)99), "unknown");
}

#define T(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_life),
		T(test_we_disconnect),
		T(test_dreq_unanswered),
		T(test_crossing_dreqs),
		T(test_release_established),
		T(test_release_undecided),
		T(test_rep_repeated),
		T(test_slow_owner),
		T(test_owner_never_decides),
		T(test_mra_of_rep),
		T(test_timeouts_bounded),
		T(test_matrix),
		T(test_matrix_wrong_ids),
		T(test_dreq_of_other_qp),
		T(test_lap_known),
		T(test_sidr),
		T(test_rej_timeout),
		T(test_refused_requests),
		T(test_membership_ignored),
		T(test_owner_rejects),
		T(test_owner_rejects_late),
		T(test_redirect),
		T(test_class_version),
		T(test_silence),
		T(test_stale),
		T(test_same_qpn_of_other_ca),
		T(test_duplicate_in_timewait),
		T(test_table_full),
		T(test_freed_but_owned),
		T(test_ids_never_zero),
		T(test_permissive_lids),
		T(test_state_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
