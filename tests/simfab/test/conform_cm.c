/* RDMA/CM: the handshake, its private data, parameters and refusals. */
#include "conform_cm.h"

#include <arpa/inet.h>
#include <stdlib.h>

bool cm_next(struct rdma_event_channel *ch, struct got *g)
{
	struct rdma_cm_event *e;

	memset(g, 0, sizeof(*g));
	seen("event: none");
	if (!readable(ch->fd, 30000) || rdma_get_cm_event(ch, &e))
		return false;
	seen("event %s, status %d", rdma_event_str(e->event), e->status);
	g->type = e->event;
	g->status = e->status;
	g->id = e->id;
	g->listener = e->listen_id;
	g->p = e->param.conn;
	if (e->param.conn.private_data)
		memcpy(g->data, e->param.conn.private_data, e->param.conn.private_data_len);
	rdma_ack_cm_event(e);
	return true;
}

bool cm_expect(struct rdma_event_channel *ch, enum rdma_cm_event_type type, struct got *g)
{
	struct got local;

	return cm_next(ch, g ? g : &local) && (g ? g : &local)->type == type;
}

bool all_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

bool cm_open(struct cm_pair *c)
{
	memset(c, 0, sizeof(*c));
	c->a.ch = rdma_create_event_channel();
	c->b.ch = rdma_create_event_channel();
	if (!c->a.ch || !c->b.ch)
		return false;
	c->listener = listen_on(c->b.ch, conf.addr, 0);
	c->port = port_of(c->listener);
	c->a.id = resolve(c->a.ch, NULL, conf.addr, c->port);
	return true;
}

bool cm_make_qp(struct cm_end *e)
{
	struct ibv_qp_init_attr a = {
		.qp_type = IBV_QPT_RC,
		.cap = { .max_send_wr = 4, .max_recv_wr = 4, .max_send_sge = 1, .max_recv_sge = 1 }
	};

	e->cq = ibv_create_cq(e->id->verbs, 16, NULL, NULL, 0);
	a.send_cq = a.recv_cq = e->cq;
	return e->cq && !rdma_create_qp(e->id, NULL, &a);
}

bool cm_request(struct cm_pair *c, const void *data, uint8_t len, struct got *req)
{
	struct rdma_conn_param p = { .private_data = data,
				     .private_data_len = len,
				     .responder_resources = 1,
				     .initiator_depth = 1,
				     .retry_count = 5,
				     .rnr_retry_count = 6 };

	if (rdma_connect(c->a.id, &p) || !cm_expect(c->b.ch, RDMA_CM_EVENT_CONNECT_REQUEST, req))
		return false;
	c->b.id = req->id;
	return true;
}

bool cm_establish(struct cm_pair *c)
{
	struct got g;

	return cm_open(c) && cm_make_qp(&c->a) && cm_request(c, NULL, 0, &g) && cm_make_qp(&c->b) &&
	       !rdma_accept(c->b.id, NULL) && cm_expect(c->a.ch, RDMA_CM_EVENT_ESTABLISHED, &g) &&
	       cm_expect(c->b.ch, RDMA_CM_EVENT_ESTABLISHED, &g);
}

static bool end_close(struct cm_end *e)
{
	int rc = 0;

	if (e->id && e->id->qp)
		rdma_destroy_qp(e->id);
	if (e->cq)
		rc |= ibv_destroy_cq(e->cq);
	if (e->id)
		rc |= rdma_destroy_id(e->id);
	return !rc;
}

bool cm_close(struct cm_pair *c)
{
	bool ok = end_close(&c->a);

	ok = end_close(&c->b) && ok;
	if (c->listener)
		ok = !rdma_destroy_id(c->listener) && ok;
	rdma_destroy_event_channel(c->a.ch);
	rdma_destroy_event_channel(c->b.ch);
	return ok;
}

/* ---- private data ---- */
static enum verdict request_data(void)
{
	uint8_t data[56];
	struct cm_pair c;
	struct got g;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(200 - i);
	CHECK(cm_open(&c) && cm_make_qp(&c.a));
	CHECK(cm_request(&c, data, 20, &g));
	CHECK(!memcmp(g.data, data, 20));
	if (conf.iwarp)
		CHECK(g.p.private_data_len == 20);
	else /* always the whole area, zero padded */
		CHECK(g.p.private_data_len == 56 && all_zero(g.data + 20, 36));
	CHECK(cm_close(&c));
	CHECK(cm_open(&c) && cm_make_qp(&c.a));
	CHECK(cm_request(&c, data, 56, &g));
	CHECK(g.p.private_data_len == 56 && !memcmp(g.data, data, 56));
	CHECK(cm_close(&c));
	return PASS;
}

static enum verdict request_data_limit(void)
{
	struct rdma_conn_param p = { .private_data_len = 57 };
	uint8_t data[57] = { 0 };
	struct cm_pair c;

	if (conf.iwarp)
		return skipped("iWARP has no such limit");
	CHECK(cm_open(&c) && cm_make_qp(&c.a));
	p.private_data = data;
	errno = 0;
	CHECK(rdma_connect(c.a.id, &p) == -1 && errno == EINVAL);
	CHECK(cm_close(&c));
	return PASS;
}

static enum verdict reply_data(void)
{
	struct rdma_conn_param p = { .private_data_len = 196, .rnr_retry_count = 7 };
	uint8_t data[196];
	struct cm_pair c;
	struct got g;

	memset(data, 0x5c, sizeof(data));
	p.private_data = data;
	CHECK(cm_open(&c) && cm_make_qp(&c.a) && cm_request(&c, NULL, 0, &g));
	CHECK(cm_make_qp(&c.b) && !rdma_accept(c.b.id, &p));
	CHECK(cm_expect(c.a.ch, RDMA_CM_EVENT_ESTABLISHED, &g));
	CHECK(g.p.private_data_len == 196 && !memcmp(g.data, data, 196));
	CHECK(cm_close(&c));

	p.private_data_len = 52;
	CHECK(cm_open(&c) && cm_make_qp(&c.a) && cm_request(&c, NULL, 0, &g));
	CHECK(cm_make_qp(&c.b) && !rdma_accept(c.b.id, &p));
	CHECK(cm_expect(c.a.ch, RDMA_CM_EVENT_ESTABLISHED, &g));
	CHECK(!memcmp(g.data, data, 52));
	CHECK(g.p.private_data_len == (conf.iwarp ? 52 : 196));
	CHECK(conf.iwarp || all_zero(g.data + 52, 144));
	CHECK(cm_close(&c));
	return PASS;
}

static enum verdict reply_data_limit(void)
{
	struct rdma_conn_param p = { .private_data_len = 197 };
	uint8_t data[197] = { 0 };
	struct cm_pair c;
	struct got g;

	if (conf.iwarp)
		return skipped("iWARP has no such limit");
	p.private_data = data;
	CHECK(cm_open(&c) && cm_make_qp(&c.a) && cm_request(&c, NULL, 0, &g));
	CHECK(cm_make_qp(&c.b));
	CHECK(rdma_accept(c.b.id, &p) == -1);
	CHECK(cm_close(&c));
	return PASS;
}

/* ---- refusals ---- */
/* IB and RoCE give the reason of the REJ, iWARP an errno. */
static bool rejected_by(int status, int why)
{
	if (conf.iwarp)
		return status == -ECONNREFUSED || status == -ECONNRESET;
	return status == why;
}

static enum verdict reject(const void *data, uint8_t len)
{
	struct cm_pair c;
	struct got g;

	CHECK(cm_open(&c) && cm_make_qp(&c.a) && cm_request(&c, NULL, 0, &g));
	CHECK(!rdma_reject(c.b.id, data, len));
	CHECK(cm_expect(c.a.ch, RDMA_CM_EVENT_REJECTED, &g));
	CHECK(rejected_by(g.status, 28));
	CHECK(!len || !memcmp(g.data, data, len));
	CHECK(g.p.private_data_len == (conf.iwarp ? len : 148));
	CHECK(all_zero(g.data + len, 148u - len));
	CHECK(c.a.id->qp->state == IBV_QPS_ERR);
	CHECK(cm_close(&c));
	return PASS;
}

static enum verdict reject_with_data(void)
{
	enum verdict v;
	uint8_t data[148];

	memset(data, 0xa7, sizeof(data));
	v = reject(data, 32);
	return v == PASS ? reject(data, 148) : v;
}

static enum verdict reject_without_data(void)
{
	return reject(NULL, 0);
}

static enum verdict no_listener(void)
{
	struct rdma_conn_param p = { 0 };
	struct cm_pair c;
	struct got g;

	CHECK(cm_open(&c) && cm_make_qp(&c.a));
	CHECK(!rdma_destroy_id(c.listener));
	c.listener = NULL;
	CHECK(!rdma_connect(c.a.id, &p));
	CHECK(cm_expect(c.a.ch, RDMA_CM_EVENT_REJECTED, &g));
	CHECK(rejected_by(g.status, 8));
	CHECK(cm_close(&c));
	return PASS;
}

static enum verdict destroyed_request_is_rejected(void)
{
	struct cm_pair c;
	struct got g;

	CHECK(cm_open(&c) && cm_make_qp(&c.a) && cm_request(&c, NULL, 0, &g));
	CHECK(!rdma_destroy_id(c.b.id));
	c.b.id = NULL;
	CHECK(cm_expect(c.a.ch, RDMA_CM_EVENT_REJECTED, &g));
	CHECK(rejected_by(g.status, 28));
	CHECK(cm_close(&c));
	return PASS;
}

static enum verdict destroyed_listener_rejects(void)
{
	struct rdma_conn_param p = { 0 };
	struct cm_pair c;
	struct got g;

	CHECK(cm_open(&c) && cm_make_qp(&c.a));
	CHECK(!rdma_connect(c.a.id, &p));
	CHECK(readable(c.b.ch->fd, 10000));
	CHECK(!rdma_destroy_id(c.listener));
	c.listener = NULL;
	CHECK(!readable(c.b.ch->fd, 0));
	CHECK(cm_expect(c.a.ch, RDMA_CM_EVENT_REJECTED, &g));
	CHECK(cm_close(&c));
	return PASS;
}

/* ---- parameters ---- */
static enum verdict parameters_are_turned_round(void)
{
	struct rdma_conn_param p = { .responder_resources = 1,
				     .initiator_depth = 0,
				     .retry_count = 5,
				     .rnr_retry_count = 6,
				     .srq = 1,
				     .qp_num = 0x1234,
				     .flow_control = 1 };
	struct cm_pair c;
	struct got g;

	if (conf.iwarp)
		return skipped("an RNIC wants a queue pair to connect");
	CHECK(cm_open(&c));
	CHECK(!rdma_connect(c.a.id, &p));
	CHECK(cm_expect(c.b.ch, RDMA_CM_EVENT_CONNECT_REQUEST, &g));
	c.b.id = g.id;
	CHECK(g.listener == c.listener && g.status == 0);
	CHECK(g.p.initiator_depth == 1 && g.p.responder_resources == 0);
	CHECK(g.p.retry_count == 5 && g.p.rnr_retry_count == 6);
	CHECK(g.p.srq == 1 && g.p.qp_num == 0x1234);
	CHECK(cm_close(&c));
	return PASS;
}

static enum verdict ids_are_filled(void)
{
	struct sockaddr_storage want;
	struct cm_pair c;
	struct got g;

	parse_addr(conf.addr, 0, &want);
	CHECK(cm_open(&c));
	CHECK(c.a.id->verbs && c.a.id->port_num == 1 && c.a.id->pd);
	CHECK(cm_make_qp(&c.a) && cm_request(&c, NULL, 0, &g));
	CHECK(c.b.id->verbs && c.b.id->port_num == 1 && c.b.id->pd);
	CHECK(c.b.id->channel == c.b.ch);
	CHECK(rdma_get_peer_addr(c.b.id)->sa_family == want.ss_family);
	CHECK(rdma_get_dst_port(c.b.id) == rdma_get_src_port(c.a.id));
	CHECK(rdma_get_src_port(c.b.id) == htons(c.port) && rdma_get_src_port(c.a.id));
	CHECK(cm_close(&c));
	return PASS;
}

static enum verdict qp_states_follow(void)
{
	struct cm_pair c;
	struct got g;

	CHECK(cm_open(&c) && cm_make_qp(&c.a));
	CHECK(c.a.id->qp->state == IBV_QPS_INIT);
	CHECK(cm_request(&c, NULL, 0, &g) && cm_make_qp(&c.b));
	CHECK(c.b.id->qp->state == IBV_QPS_INIT);
	CHECK(!rdma_accept(c.b.id, NULL));
	CHECK(conf.iwarp || c.b.id->qp->state == IBV_QPS_RTS); /* an RNIC moves it by itself */
	CHECK(cm_expect(c.a.ch, RDMA_CM_EVENT_ESTABLISHED, &g));
	CHECK(conf.iwarp || c.a.id->qp->state == IBV_QPS_RTS);
	CHECK(cm_expect(c.b.ch, RDMA_CM_EVENT_ESTABLISHED, &g));
	CHECK(query_state(c.a.id->qp) == IBV_QPS_RTS && query_state(c.b.id->qp) == IBV_QPS_RTS);
	CHECK(cm_close(&c));
	return PASS;
}

const struct check cm_checks[] = {
	{ "cm.request-data", request_data },
	{ "cm.request-data-limit", request_data_limit },
	{ "cm.reply-data", reply_data },
	{ "cm.reply-data-limit", reply_data_limit },
	{ "cm.reject-with-data", reject_with_data },
	{ "cm.reject-without-data", reject_without_data },
	{ "cm.no-listener", no_listener },
	{ "cm.destroyed-request-is-rejected", destroyed_request_is_rejected },
	{ "cm.destroyed-listener-rejects", destroyed_listener_rejects },
	{ "cm.parameters-are-turned-round", parameters_are_turned_round },
	{ "cm.ids-are-filled", ids_are_filled },
	{ "cm.qp-states-follow", qp_states_follow },
	{ 0 },
};
