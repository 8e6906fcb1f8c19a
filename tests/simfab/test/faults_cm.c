/* Faults of connections, and the death of a device. */
#include "faults.h"

#include <stdlib.h>

/* ---- messages that do not come ---- */
static bool begin(struct cm_pair *c)
{
	return cm_open(c) && cm_make_qp(&c->a);
}

static bool done(struct cm_pair *c)
{
	return fault("clear") == 1 && cm_close(c);
}

static enum verdict request_never_comes(void)
{
	struct rdma_conn_param p = { .retry_count = 7, .rnr_retry_count = 7 };
	struct cm_pair c;
	struct got g;

	CHECK(begin(&c));
	FAULT("drop kind=req");
	CHECK(!rdma_connect(c.a.id, &p));
	CHECK(cm_expect(c.a.ch, RDMA_CM_EVENT_UNREACHABLE, &g) && g.status == -ETIMEDOUT);
	CHECK(!readable(c.b.ch->fd, 0));
	CHECK(done(&c));
	return PASS;
}

static enum verdict reply_never_comes(void)
{
	struct cm_pair c;
	struct got g;

	CHECK(begin(&c) && cm_request(&c, NULL, 0, &g) && cm_make_qp(&c.b));
	FAULT("drop kind=rep");
	CHECK(!rdma_accept(c.b.id, NULL));
	CHECK(cm_expect(c.a.ch, RDMA_CM_EVENT_UNREACHABLE, &g));
	CHECK(cm_next(c.b.ch, &g)); /* its own limit, or the peer's REJ */
	CHECK(g.type == RDMA_CM_EVENT_UNREACHABLE || g.type == RDMA_CM_EVENT_REJECTED);
	CHECK(done(&c));
	return PASS;
}

static enum verdict rtu_never_comes(void)
{
	struct cm_pair c;
	struct got g;

	if (conf.iwarp)
		return skipped("iWARP has no RTU");
	CHECK(begin(&c) && cm_request(&c, NULL, 0, &g) && cm_make_qp(&c.b));
	FAULT("drop-in kind=rtu");
	CHECK(!rdma_accept(c.b.id, NULL));
	CHECK(cm_expect(c.a.ch, RDMA_CM_EVENT_ESTABLISHED, &g));
	CHECK(cm_expect(c.b.ch, RDMA_CM_EVENT_UNREACHABLE, &g));
	CHECK(done(&c));
	return PASS;
}

static enum verdict nth_rejection_is_lost(void)
{
	struct rdma_conn_param p = { 0 };
	struct cm_pair c;
	struct got g;

	FAULT("drop kind=rej n=2");
	for (int i = 1; i <= 2; i++) {
		CHECK(begin(&c));
		CHECK(!rdma_connect(c.a.id, &p));
		CHECK(cm_expect(c.b.ch, RDMA_CM_EVENT_CONNECT_REQUEST, &g));
		c.b.id = g.id;
		CHECK(!rdma_reject(c.b.id, NULL, 0) && cm_next(c.a.ch, &g));
		CHECK(g.type == (i == 1 ? RDMA_CM_EVENT_REJECTED : RDMA_CM_EVENT_UNREACHABLE));
		CHECK(cm_close(&c));
	}
	FAULT("clear");
	return PASS;
}

static enum verdict disconnect_request_never_comes(void)
{
	struct cm_pair c;
	struct got g;

	CHECK(cm_establish(&c));
	FAULT("drop kind=dreq");
	CHECK(!rdma_disconnect(c.a.id));
	CHECK(cm_expect(c.a.ch, RDMA_CM_EVENT_DISCONNECTED, &g) && g.status == -ETIMEDOUT);
	CHECK(!readable(c.b.ch->fd, 0));
	CHECK(done(&c));
	return PASS;
}

static enum verdict disconnect_reply_never_comes(void)
{
	struct cm_pair c;
	struct got g;

	CHECK(cm_establish(&c));
	FAULT("drop kind=drep");
	CHECK(!rdma_disconnect(c.a.id));
	CHECK(cm_expect(c.b.ch, RDMA_CM_EVENT_DISCONNECTED, &g) && !rdma_disconnect(c.b.id));
	CHECK(cm_expect(c.a.ch, RDMA_CM_EVENT_DISCONNECTED, &g) && g.status == -ETIMEDOUT);
	CHECK(done(&c));
	return PASS;
}

static enum verdict established_is_muted(void)
{
	struct cm_pair c;
	struct got g;

	CHECK(begin(&c) && cm_request(&c, NULL, 0, &g) && cm_make_qp(&c.b));
	/* the reply is the first such event, the passive side's the second */
	FAULT("mute kind=established,comm-est n=2-");
	CHECK(!rdma_accept(c.b.id, NULL));
	CHECK(cm_expect(c.a.ch, RDMA_CM_EVENT_ESTABLISHED, &g));
	do {
		CHECK(fault("list") == 1);
	} while (!strstr(fault_answer, "hit 1"));
	CHECK(!readable(c.b.ch->fd, 0));
	CHECK(!rdma_disconnect(c.a.id));
	CHECK(cm_expect(c.b.ch, RDMA_CM_EVENT_DISCONNECTED, &g));
	CHECK(done(&c));
	return PASS;
}

static enum verdict closed_port_stops_messages(void)
{
	struct rdma_conn_param p = { 0 };
	struct cm_pair c;
	struct got g;

	CHECK(begin(&c));
	FAULT("port-down");
	CHECK(!rdma_connect(c.a.id, &p));
	CHECK(cm_expect(c.a.ch, RDMA_CM_EVENT_UNREACHABLE, &g));
	CHECK(!readable(c.b.ch->fd, 0));
	CHECK(done(&c));
	return PASS;
}

const struct check fault_cm_checks[] = {
	{ "fault.request-never-comes", request_never_comes },
	{ "fault.reply-never-comes", reply_never_comes },
	{ "fault.rtu-never-comes", rtu_never_comes },
	{ "fault.nth-rejection-is-lost", nth_rejection_is_lost },
	{ "fault.disconnect-request-never-comes", disconnect_request_never_comes },
	{ "fault.disconnect-reply-never-comes", disconnect_reply_never_comes },
	{ "fault.established-is-muted", established_is_muted },
	{ "fault.closed-port-stops-messages", closed_port_stops_messages },
	{ 0 },
};

/* ---- the death of a device ---- */
static bool hears_removal(struct rdma_event_channel *ch, struct rdma_cm_id *id)
{
	struct got g;

	return cm_expect(ch, RDMA_CM_EVENT_DEVICE_REMOVAL, &g) && g.id == id;
}

static enum verdict all_hear(void)
{
	struct ibv_recv_wr rwr = { .wr_id = 7 }, *rbad;
	struct cm_pair c;

	CHECK(cm_establish(&c));
	CHECK(!ibv_post_recv(c.b.id->qp, &rwr, &rbad));
	FAULT("remove-device");
	CHECK(expect_async(IBV_EVENT_DEVICE_FATAL, NULL));
	CHECK(hears_removal(c.a.ch, c.a.id));
	/* the listener and the connection, in any order */
	CHECK(cm_expect(c.b.ch, RDMA_CM_EVENT_DEVICE_REMOVAL, NULL));
	CHECK(cm_expect(c.b.ch, RDMA_CM_EVENT_DEVICE_REMOVAL, NULL));
	CHECK(expect_wc(c.b.cq, 7, IBV_WC_WR_FLUSH_ERR));
	CHECK(cm_close(&c)); /* what is left can be destroyed */
	return PASS;
}

/* The order of 16 ids, as a number. */
static uint64_t order_of_death(struct rdma_event_channel *ch, int n)
{
	uint64_t order = 0;
	struct got g;

	for (int i = 0; i < n; i++) {
		if (!cm_expect(ch, RDMA_CM_EVENT_DEVICE_REMOVAL, &g))
			return 0;
		order = order << 4 | (uintptr_t)g.id->context;
	}
	return order;
}

static enum verdict any_order(void)
{
	enum {
		N = 12
	};
	struct rdma_event_channel *ch = rdma_create_event_channel();
	struct rdma_cm_id *id[N];
	struct sockaddr_storage at;
	uint64_t order, sorted = 0;

	parse_addr(conf.addr, 0, &at);
	for (uintptr_t i = 0; i < N; i++) {
		CHECK(!rdma_create_id(ch, &id[i], (void *)(i + 1), RDMA_PS_TCP));
		CHECK(!rdma_bind_addr(id[i], (struct sockaddr *)&at));
		sorted = sorted << 4 | (i + 1);
	}
	CHECK(fault("seed=5; remove-device") == 2);
	order = order_of_death(ch, N);
	CHECK(order && order != sorted);
	for (int i = 0; i < N; i++)
		CHECK(!rdma_destroy_id(id[i]));
	rdma_destroy_event_channel(ch);
	return PASS;
}

static enum verdict over_time(void)
{
	struct pair p;

	CHECK(pair_open(&p, NULL));
	CHECK(!do_recv(&p.a, 1, 64) && !do_recv(&p.b, 2, 64));
	FAULT("device-fatal over=200ms");
	CHECK(expect_wc(p.a.rcq, 1, IBV_WC_WR_FLUSH_ERR) &&
	      expect_wc(p.b.rcq, 2, IBV_WC_WR_FLUSH_ERR));
	CHECK(expect_async(IBV_EVENT_DEVICE_FATAL, NULL));
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict refuses(void)
{
	struct ibv_qp_init_attr init;
	struct ibv_device_attr dev;
	struct ibv_port_attr port;
	struct ibv_qp_attr a;
	struct pair p;

	CHECK(pair_open(&p, NULL));
	FAULT("device-fatal");
	CHECK(ibv_query_device(conf.ctx, &dev) == EIO && ibv_query_port(conf.ctx, 1, &port) == EIO);
	CHECK(ibv_query_qp(p.a.qp, &a, IBV_QP_STATE, &init) == EIO && to_err(&p.a) == EIO);
	errno = 0;
	CHECK(!ibv_alloc_pd(conf.ctx) && errno == EIO);
	errno = 0;
	CHECK(!ibv_create_cq(conf.ctx, 1, NULL, NULL, 0) && errno == EIO);
	errno = 0;
	CHECK(!ibv_reg_mr(p.a.pd, p.a.buf, p.a.len, 0) && errno == EIO);
	init = (struct ibv_qp_init_attr){ .send_cq = p.a.scq,
					  .recv_cq = p.a.rcq,
					  .qp_type = IBV_QPT_RC };
	errno = 0;
	CHECK(!ibv_create_qp(p.a.pd, &init) && errno == EIO);
	CHECK(!ibv_open_device(conf.ctx->device));
	CHECK(pair_close(&p));
	return PASS;
}

/* Nothing leaves a dead device: not even the DREQ of an id that is destroyed. */
static enum verdict silent(void)
{
	struct cm_pair c;

	CHECK(cm_establish(&c));
	FAULT("device-fatal");
	rdma_destroy_qp(c.a.id);
	CHECK(!ibv_destroy_cq(c.a.cq));
	c.a.cq = NULL;
	CHECK(!rdma_destroy_id(c.a.id));
	c.a.id = NULL;
	CHECK(!readable(c.b.ch->fd, 200));
	CHECK(cm_close(&c));
	return PASS;
}

const struct check removal_checks[] = {
	{ "removal.all-hear", all_hear },   { "removal.any-order", any_order },
	{ "removal.over-time", over_time }, { "removal.refuses", refuses },
	{ "removal.silent", silent },	    { 0 },
};
