/* RDMA/CM: QPs of one's own, the end of connections, addresses, channels. */
#include "conform_cm.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- queue pairs that the id does not know ---- */
static struct ibv_qp *own_qp(struct cm_end *e)
{
	struct ibv_qp_init_attr a = {
		.qp_type = IBV_QPT_RC,
		.cap = { .max_send_wr = 4, .max_recv_wr = 4, .max_send_sge = 1, .max_recv_sge = 1 }
	};

	e->cq = ibv_create_cq(e->id->verbs, 16, NULL, NULL, 0);
	a.send_cq = a.recv_cq = e->cq;
	return ibv_create_qp(e->id->pd, &a);
}

static bool own_step(struct cm_end *e, struct ibv_qp *qp, enum ibv_qp_state s)
{
	struct ibv_qp_attr a = { .qp_state = s };
	int mask;

	if (rdma_init_qp_attr(e->id, &a, &mask) || a.qp_state != s)
		return false;
	/* what old kernels add on InfiniBand, and refuse then */
	return !ibv_modify_qp(qp, &a, mask & ~0x00e00000);
}

static bool empty_message(struct ibv_qp *from, struct ibv_cq *scq)
{
	struct ibv_send_wr wr = { .wr_id = 1,
				  .opcode = IBV_WR_SEND,
				  .send_flags = IBV_SEND_SIGNALED },
			   *bad;

	return !ibv_post_send(from, &wr, &bad) && expect_wc(scq, 1, IBV_WC_SUCCESS);
}

static bool empty_receive(struct ibv_qp *qp, uint64_t id)
{
	struct ibv_recv_wr wr = { .wr_id = id }, *bad;

	return !ibv_post_recv(qp, &wr, &bad);
}

static enum verdict own_queue_pairs(void)
{
	struct rdma_conn_param p = { .responder_resources = 1,
				     .initiator_depth = 1,
				     .retry_count = 7,
				     .rnr_retry_count = 7 };
	struct ibv_qp *qa, *qb;
	struct cm_pair c;
	struct got g;

	CHECK(cm_open(&c));
	qa = own_qp(&c.a);
	CHECK(qa && own_step(&c.a, qa, IBV_QPS_INIT));
	p.qp_num = qa->qp_num;
	CHECK(!rdma_connect(c.a.id, &p));
	CHECK(cm_expect(c.b.ch, RDMA_CM_EVENT_CONNECT_REQUEST, &g));
	c.b.id = g.id;
	CHECK(conf.iwarp || g.p.qp_num == qa->qp_num);
	qb = own_qp(&c.b);
	CHECK(qb && own_step(&c.b, qb, IBV_QPS_INIT) && empty_receive(qb, 2));
	CHECK(own_step(&c.b, qb, IBV_QPS_RTR) && own_step(&c.b, qb, IBV_QPS_RTS));
	p.qp_num = qb->qp_num;
	CHECK(!rdma_accept(c.b.id, &p));
	/* no QP on the id: the application answers the REP itself */
	CHECK(cm_expect(c.a.ch, RDMA_CM_EVENT_CONNECT_RESPONSE, &g));
	CHECK(own_step(&c.a, qa, IBV_QPS_RTR) && own_step(&c.a, qa, IBV_QPS_RTS));
	CHECK(!rdma_establish(c.a.id));
	CHECK(cm_expect(c.b.ch, RDMA_CM_EVENT_ESTABLISHED, &g));
	CHECK(empty_message(qa, c.a.cq) && expect_wc(c.b.cq, 2, IBV_WC_SUCCESS));
	/* disconnecting leaves QPs alone that the id does not know */
	CHECK(!rdma_disconnect(c.a.id));
	CHECK(cm_expect(c.b.ch, RDMA_CM_EVENT_DISCONNECTED, &g));
	CHECK(qa->state == IBV_QPS_RTS && qb->state == IBV_QPS_RTS);
	CHECK(!ibv_destroy_qp(qa) && !ibv_destroy_qp(qb));
	CHECK(cm_close(&c));
	return PASS;
}

/* A message that overtakes the RTU: COMM_EST on the QP, ESTABLISHED by rdma_notify. */
static enum verdict notify_establishes(void)
{
	struct rdma_conn_param p = { .retry_count = 7, .rnr_retry_count = 7 };
	struct ibv_qp *qa;
	struct cm_pair c;
	struct got g;

	if (conf.iwarp)
		return skipped("iWARP has no RTU");
	CHECK(cm_open(&c));
	qa = own_qp(&c.a);
	CHECK(qa && own_step(&c.a, qa, IBV_QPS_INIT));
	p.qp_num = qa->qp_num;
	CHECK(!rdma_connect(c.a.id, &p));
	CHECK(cm_expect(c.b.ch, RDMA_CM_EVENT_CONNECT_REQUEST, &g));
	c.b.id = g.id;
	CHECK(cm_make_qp(&c.b) && empty_receive(c.b.id->qp, 2));
	CHECK(!rdma_accept(c.b.id, &p));
	CHECK(cm_expect(c.a.ch, RDMA_CM_EVENT_CONNECT_RESPONSE, &g));
	CHECK(own_step(&c.a, qa, IBV_QPS_RTR) && own_step(&c.a, qa, IBV_QPS_RTS));
	CHECK(empty_message(qa, c.a.cq) && expect_wc(c.b.cq, 2, IBV_WC_SUCCESS));
	CHECK(!readable(c.b.ch->fd, 0)); /* no RTU yet */
	CHECK(!rdma_notify(c.b.id, IBV_EVENT_COMM_EST));
	CHECK(cm_expect(c.b.ch, RDMA_CM_EVENT_ESTABLISHED, &g));
	CHECK(!rdma_establish(c.a.id)); /* the late RTU does no harm */
	CHECK(!readable(c.b.ch->fd, 0));
	CHECK(!ibv_destroy_qp(qa));
	CHECK(cm_close(&c));
	return PASS;
}

/* ---- the end ---- */
static enum verdict disconnect_both_sides(void)
{
	struct cm_pair c;
	struct got g;

	CHECK(cm_establish(&c));
	CHECK(empty_receive(c.a.id->qp, 3));
	CHECK(!rdma_disconnect(c.a.id));
	CHECK(c.a.id->qp->state == IBV_QPS_ERR);
	CHECK(expect_wc(c.a.cq, 3, IBV_WC_WR_FLUSH_ERR));
	CHECK(cm_expect(c.b.ch, RDMA_CM_EVENT_DISCONNECTED, &g));
	CHECK(!rdma_disconnect(c.b.id));
	CHECK(c.b.id->qp->state == IBV_QPS_ERR);
	CHECK(cm_expect(c.a.ch, RDMA_CM_EVENT_DISCONNECTED, &g));
	if (!conf.iwarp) {
		CHECK(cm_expect(c.a.ch, RDMA_CM_EVENT_TIMEWAIT_EXIT, &g));
		CHECK(cm_expect(c.b.ch, RDMA_CM_EVENT_TIMEWAIT_EXIT, &g));
	}
	CHECK(cm_close(&c));
	return PASS;
}

static enum verdict disconnect_at_once(void)
{
	struct cm_pair c;
	struct got g;

	CHECK(cm_establish(&c));
	CHECK(!rdma_disconnect(c.a.id) && !rdma_disconnect(c.b.id));
	CHECK(cm_expect(c.a.ch, RDMA_CM_EVENT_DISCONNECTED, &g));
	CHECK(cm_expect(c.b.ch, RDMA_CM_EVENT_DISCONNECTED, &g));
	CHECK(cm_close(&c));
	return PASS;
}

static enum verdict destroy_disconnects(void)
{
	struct cm_pair c;
	struct got g;

	CHECK(cm_establish(&c));
	rdma_destroy_qp(c.a.id);
	CHECK(!ibv_destroy_cq(c.a.cq));
	c.a.cq = NULL;
	CHECK(!rdma_destroy_id(c.a.id));
	c.a.id = NULL;
	CHECK(cm_expect(c.b.ch, RDMA_CM_EVENT_DISCONNECTED, &g));
	CHECK(g.id == c.b.id && g.status == 0);
	CHECK(cm_close(&c));
	return PASS;
}

struct late_ack {
	struct rdma_cm_event *e;
	_Atomic bool acked;
};

static void *ack_later(void *arg)
{
	struct late_ack *l = arg;

	for (int i = 0; i < 1000; i++)
		sched_yield();
	atomic_store(&l->acked, true);
	rdma_ack_cm_event(l->e);
	return NULL;
}

static enum verdict destroy_waits_for_ack(void)
{
	struct late_ack l = { 0 };
	struct cm_pair c;
	pthread_t t;
	struct got g;

	CHECK(cm_establish(&c));
	CHECK(!rdma_disconnect(c.b.id));
	CHECK(readable(c.a.ch->fd, 10000) && !rdma_get_cm_event(c.a.ch, &l.e));
	CHECK(l.e->event == RDMA_CM_EVENT_DISCONNECTED);
	rdma_destroy_qp(c.a.id);
	CHECK(!pthread_create(&t, NULL, ack_later, &l));
	CHECK(!rdma_destroy_id(c.a.id));
	CHECK(atomic_load(&l.acked));
	c.a.id = NULL;
	pthread_join(t, NULL);
	CHECK(cm_expect(c.b.ch, RDMA_CM_EVENT_DISCONNECTED, &g));
	CHECK(cm_close(&c));
	return PASS;
}

/* ---- addresses ---- */
static struct rdma_cm_id *bound(struct rdma_event_channel *ch, const char *addr, uint16_t port,
				int afonly)
{
	struct sockaddr_storage at;
	struct rdma_cm_id *id;

	parse_addr(addr, port, &at);
	if (rdma_create_id(ch, &id, NULL, RDMA_PS_TCP))
		return NULL;
	if ((afonly &&
	     rdma_set_option(id, RDMA_OPTION_ID, RDMA_OPTION_ID_AFONLY, &afonly, sizeof(afonly))) ||
	    rdma_bind_addr(id, (struct sockaddr *)&at)) {
		int e = errno;

		rdma_destroy_id(id);
		errno = e;
		return NULL;
	}
	return id;
}

static enum verdict port_in_use(void)
{
	struct rdma_event_channel *ch = rdma_create_event_channel();
	struct rdma_cm_id *a = bound(ch, conf.addr, 0, 0), *b;

	CHECK(a && port_of(a));
	errno = 0;
	CHECK(!bound(ch, conf.addr, port_of(a), 0) && errno == EADDRINUSE);
	CHECK(!bound(ch, "0.0.0.0", port_of(a), 0) && errno == EADDRNOTAVAIL);
	CHECK(a->verbs); /* a real address binds the device too */
	b = bound(ch, conf.addr, 0, 0);
	CHECK(b && port_of(b) != port_of(a));
	CHECK(!rdma_destroy_id(a) && !rdma_destroy_id(b));
	rdma_destroy_event_channel(ch);
	return PASS;
}

static enum verdict wildcards_of_both_families(void)
{
	struct rdma_event_channel *ch = rdma_create_event_channel();
	struct rdma_cm_id *v6 = bound(ch, "::", 0, 1), *v4;

	if (!v6)
		return skipped("no IPv6 here");
	CHECK(!v6->verbs); /* a wildcard binds none */
	v4 = bound(ch, "0.0.0.0", port_of(v6), 0);
	CHECK(v4 && !rdma_listen(v6, 4) && !rdma_listen(v4, 4));
	CHECK(!rdma_destroy_id(v4) && !rdma_destroy_id(v6));
	v6 = bound(ch, "::", 0, 0); /* without AFONLY it takes IPv4 as well */
	CHECK(v6 && !bound(ch, "0.0.0.0", port_of(v6), 0) && errno == EADDRNOTAVAIL);
	CHECK(!rdma_destroy_id(v6));
	rdma_destroy_event_channel(ch);
	return PASS;
}

static enum verdict wildcard_listener_serves(void)
{
	struct cm_pair c;
	struct got g;

	CHECK(cm_open(&c));
	CHECK(!rdma_destroy_id(c.listener) && !rdma_destroy_id(c.a.id));
	c.listener = listen_on(c.b.ch, "0.0.0.0", 0);
	c.a.id = resolve(c.a.ch, NULL, conf.addr, port_of(c.listener));
	CHECK(cm_make_qp(&c.a) && cm_request(&c, NULL, 0, &g));
	CHECK(c.b.id->verbs);
	CHECK(cm_close(&c));
	return PASS;
}

static enum verdict source_is_honoured(void)
{
	struct sockaddr_in *peer;
	struct cm_pair c;
	struct got g;

	if (strcmp(conf.addr, "127.0.0.1"))
		return skipped("needs a second address of the host");
	CHECK(cm_open(&c));
	CHECK(!rdma_destroy_id(c.a.id));
	c.a.id = resolve(c.a.ch, "127.0.0.77", conf.addr, c.port);
	CHECK(cm_make_qp(&c.a) && cm_request(&c, NULL, 0, &g));
	peer = (struct sockaddr_in *)(void *)rdma_get_peer_addr(c.b.id);
	CHECK(peer->sin_addr.s_addr == htonl(0x7f00004d));
	CHECK(cm_close(&c));
	return PASS;
}

static enum verdict unknown_address(void)
{
	struct rdma_event_channel *ch = rdma_create_event_channel();
	struct sockaddr_storage to;
	struct rdma_cm_id *id;
	struct got g;

	parse_addr("203.0.113.7", 5555, &to); /* TEST-NET-3: nobody's */
	CHECK(!rdma_create_id(ch, &id, NULL, RDMA_PS_TCP));
	/* the routing table may refuse it at once, or nobody answers */
	if (!rdma_resolve_addr(id, NULL, (struct sockaddr *)&to, 500))
		CHECK(cm_expect(ch, RDMA_CM_EVENT_ADDR_ERROR, &g) && g.status < 0);
	CHECK(!rdma_destroy_id(id));
	rdma_destroy_event_channel(ch);
	return PASS;
}

static enum verdict foreign_address_cannot_be_bound(void)
{
	struct rdma_event_channel *ch = rdma_create_event_channel();

	errno = 0;
	CHECK(!bound(ch, "203.0.113.7", 0, 0));
	CHECK(errno == EADDRNOTAVAIL || errno == ENODEV);
	rdma_destroy_event_channel(ch);
	return PASS;
}

static enum verdict calls_out_of_order(void)
{
	struct rdma_conn_param p = { 0 };
	struct cm_pair c;

	CHECK(cm_open(&c));
	CHECK(rdma_accept(c.a.id, &p) == -1);
	CHECK(rdma_reject(c.a.id, NULL, 0) == -1);
	CHECK(rdma_listen(c.a.id, 1) == -1);
	CHECK(rdma_resolve_route(c.a.id, 100) == -1);
	CHECK(rdma_notify(c.a.id, IBV_EVENT_COMM_EST) == -1);
	CHECK(cm_close(&c));
	return PASS;
}

/* ---- channels ---- */
static enum verdict non_blocking_channel(void)
{
	struct rdma_event_channel *ch = rdma_create_event_channel();
	struct rdma_cm_event *e;

	CHECK(!fcntl(ch->fd, F_SETFL, fcntl(ch->fd, F_GETFL) | O_NONBLOCK));
	errno = 0;
	CHECK(rdma_get_cm_event(ch, &e) == -1 && errno == EAGAIN);
	rdma_destroy_event_channel(ch);
	return PASS;
}

static enum verdict migration_takes_events_along(void)
{
	struct rdma_event_channel *other = rdma_create_event_channel();
	struct cm_pair c;
	struct got g;

	CHECK(cm_establish(&c));
	CHECK(!rdma_disconnect(c.b.id));
	CHECK(readable(c.a.ch->fd, 10000));
	CHECK(!rdma_migrate_id(c.a.id, other) && c.a.id->channel == other);
	CHECK(!readable(c.a.ch->fd, 0));
	CHECK(cm_expect(other, RDMA_CM_EVENT_DISCONNECTED, &g) && g.id == c.a.id);
	CHECK(cm_close(&c));
	rdma_destroy_event_channel(other);
	return PASS;
}

struct sync_client {
	uint16_t port;
	_Atomic int rc;
};

static void *sync_connect(void *arg)
{
	struct rdma_addrinfo hints = { .ai_port_space = RDMA_PS_TCP }, *res = NULL;
	struct ibv_qp_init_attr a = {
		.cap = { .max_send_wr = 2, .max_recv_wr = 2, .max_send_sge = 1, .max_recv_sge = 1 }
	};
	struct sync_client *s = arg;
	struct rdma_cm_id *id;
	char port[8];
	int rc;

	snprintf(port, sizeof(port), "%u", s->port);
	rc = rdma_getaddrinfo((char *)(uintptr_t)conf.addr, port, &hints, &res) ||
	     rdma_create_ep(&id, res, NULL, &a);
	if (!rc) {
		rc = rdma_connect(id, NULL);
		rdma_disconnect(id);
		rdma_destroy_ep(id);
	}
	if (res)
		rdma_freeaddrinfo(res);
	atomic_store(&s->rc, rc);
	return NULL;
}

static enum verdict synchronous_endpoints(void)
{
	struct ibv_qp_init_attr a = {
		.cap = { .max_send_wr = 2, .max_recv_wr = 2, .max_send_sge = 1, .max_recv_sge = 1 },
		.qp_type = IBV_QPT_RC
	};
	struct sync_client s = { .rc = -1 };
	struct rdma_cm_id *listener, *id;
	struct sockaddr_storage at;
	pthread_t t;

	parse_addr(conf.addr, 0, &at);
	CHECK(!rdma_create_id(NULL, &listener, NULL, RDMA_PS_TCP));
	CHECK(!rdma_bind_addr(listener, (struct sockaddr *)&at) && !rdma_listen(listener, 4));
	s.port = port_of(listener);
	CHECK(!pthread_create(&t, NULL, sync_connect, &s));
	CHECK(!rdma_get_request(listener, &id));
	CHECK(!rdma_create_qp(id, NULL, &a));
	CHECK(!rdma_accept(id, NULL));
	rdma_disconnect(id);
	pthread_join(t, NULL);
	CHECK(atomic_load(&s.rc) == 0);
	rdma_destroy_ep(id);
	CHECK(!rdma_destroy_id(listener));
	return PASS;
}

const struct check cm_life_checks[] = {
	{ "cm.own-queue-pairs", own_queue_pairs },
	{ "cm.notify-establishes", notify_establishes },
	{ "cm.disconnect-both-sides", disconnect_both_sides },
	{ "cm.disconnect-at-once", disconnect_at_once },
	{ "cm.destroy-disconnects", destroy_disconnects },
	{ "cm.destroy-waits-for-ack", destroy_waits_for_ack },
	{ "cm.port-in-use", port_in_use },
	{ "cm.wildcards-of-both-families", wildcards_of_both_families },
	{ "cm.wildcard-listener-serves", wildcard_listener_serves },
	{ "cm.source-is-honoured", source_is_honoured },
	{ "cm.unknown-address", unknown_address },
	{ "cm.foreign-address-cannot-be-bound", foreign_address_cannot_be_bound },
	{ "cm.calls-out-of-order", calls_out_of_order },
	{ "cm.non-blocking-channel", non_blocking_channel },
	{ "cm.migration-takes-events-along", migration_takes_events_along },
	{ "cm.synchronous-endpoints", synchronous_endpoints },
	{ 0 },
};
