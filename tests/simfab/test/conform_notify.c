/* Completion channels, async events, and destroying what has unacknowledged events. */
#include "conform.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

static bool take_event(struct end *e, struct ibv_cq *want)
{
	struct ibv_cq *cq;
	void *ctx;

	if (!readable(e->ch->fd, 10000) || ibv_get_cq_event(e->ch, &cq, &ctx))
		return false;
	ibv_ack_cq_events(cq, 1);
	return cq == want && ctx == e;
}

static bool exchange(struct pair *p, uint64_t id, unsigned int flags)
{
	return !do_recv(&p->b, id, 64) &&
	       !do_send(&p->a, id, IBV_WR_SEND, 64, IBV_SEND_SIGNALED | flags) &&
	       expect_wc(p->a.scq, id, IBV_WC_SUCCESS);
}

static enum verdict armed_for_all(void)
{
	struct pair p;

	CHECK(pair_open(&p, &(struct pair_cfg){ .channel = true }));
	CHECK(exchange(&p, 1, 0));
	CHECK(!readable(p.b.ch->fd, 0)); /* not armed */
	CHECK(expect_wc(p.b.rcq, 1, IBV_WC_SUCCESS));
	CHECK(!ibv_req_notify_cq(p.b.rcq, 0));
	CHECK(!readable(p.b.ch->fd, 0));
	CHECK(exchange(&p, 2, 0));
	CHECK(take_event(&p.b, p.b.rcq));
	CHECK(exchange(&p, 3, 0)); /* one event per arming */
	CHECK(!readable(p.b.ch->fd, 0));
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict armed_for_solicited(void)
{
	struct pair p;

	CHECK(pair_open(&p, &(struct pair_cfg){ .channel = true }));
	CHECK(!ibv_req_notify_cq(p.b.rcq, 1));
	CHECK(exchange(&p, 1, 0));
	CHECK(expect_wc(p.b.rcq, 1, IBV_WC_SUCCESS));
	CHECK(!readable(p.b.ch->fd, 0));
	CHECK(exchange(&p, 2, IBV_SEND_SOLICITED));
	CHECK(take_event(&p.b, p.b.rcq));
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict errors_are_solicited(void)
{
	struct pair p;

	CHECK(pair_open(&p, &(struct pair_cfg){ .channel = true }));
	CHECK(!do_recv(&p.b, 1, 64));
	CHECK(!ibv_req_notify_cq(p.b.rcq, 1));
	CHECK(!to_err(&p.b));
	CHECK(take_event(&p.b, p.b.rcq));
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict non_blocking_channel(void)
{
	struct ibv_cq *cq;
	struct pair p;
	void *ctx;

	CHECK(pair_open(&p, &(struct pair_cfg){ .channel = true }));
	CHECK(!fcntl(p.b.ch->fd, F_SETFL, fcntl(p.b.ch->fd, F_GETFL) | O_NONBLOCK));
	errno = 0;
	CHECK(ibv_get_cq_event(p.b.ch, &cq, &ctx) && errno == EAGAIN);
	CHECK(pair_close(&p));
	return PASS;
}

/* A process that only sleeps on the channel gets its completions all the same. */
static enum verdict sleeping_receiver(void)
{
	struct pair p;

	CHECK(pair_open(&p, &(struct pair_cfg){ .channel = true }));
	for (uint64_t i = 0; i < 50; i++) {
		CHECK(!ibv_req_notify_cq(p.b.rcq, 0));
		CHECK(!do_recv(&p.b, i, 64));
		CHECK(!do_send(&p.a, i, IBV_WR_SEND, 64, 0 == i % 8 ? IBV_SEND_SIGNALED : 0));
		CHECK(take_event(&p.b, p.b.rcq));
		CHECK(expect_wc(p.b.rcq, i, IBV_WC_SUCCESS));
		if (i % 8 == 0)
			CHECK(expect_wc(p.a.scq, i, IBV_WC_SUCCESS));
	}
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict channel_in_use(void)
{
	struct pair p;

	CHECK(pair_open(&p, &(struct pair_cfg){ .channel = true }));
	CHECK(ibv_destroy_comp_channel(p.a.ch) == EBUSY);
	CHECK(pair_close(&p));
	return PASS;
}

/* Destruction waits for acknowledgements: the flag must be set before it returns. */
struct late_ack {
	struct ibv_cq *cq;
	struct ibv_async_event *event;
	_Atomic bool acked;
};

static void *ack_later(void *arg)
{
	struct late_ack *l = arg;

	for (int i = 0; i < 1000; i++)
		sched_yield();
	atomic_store(&l->acked, true);
	if (l->cq)
		ibv_ack_cq_events(l->cq, 1);
	else
		ibv_ack_async_event(l->event);
	return NULL;
}

static enum verdict destroy_cq_waits_for_ack(void)
{
	struct late_ack l = { 0 };
	struct ibv_cq *cq;
	pthread_t t;
	struct pair p;
	void *ctx;

	CHECK(pair_open(&p, &(struct pair_cfg){ .channel = true }));
	CHECK(!ibv_req_notify_cq(p.b.rcq, 0));
	CHECK(exchange(&p, 1, 0));
	CHECK(readable(p.b.ch->fd, 10000) && !ibv_get_cq_event(p.b.ch, &cq, &ctx));
	CHECK(!ibv_destroy_qp(p.b.qp));
	p.b.qp = NULL;
	l.cq = cq;
	CHECK(!pthread_create(&t, NULL, ack_later, &l));
	CHECK(!ibv_destroy_cq(p.b.rcq));
	CHECK(atomic_load(&l.acked));
	p.b.rcq = NULL;
	pthread_join(t, NULL);
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict destroy_qp_waits_for_ack(void)
{
	struct late_ack l = { 0 };
	struct ibv_async_event e;
	pthread_t t;
	struct pair p;

	if (!conf.dev.max_srq)
		return skipped("the device has no SRQ");
	CHECK(pair_open(&p, &(struct pair_cfg){ .srq = true }));
	CHECK(!to_err(&p.b));
	CHECK(readable(conf.ctx->async_fd, 10000) && !ibv_get_async_event(conf.ctx, &e));
	CHECK(e.event_type == IBV_EVENT_QP_LAST_WQE_REACHED && e.element.qp == p.b.qp);
	l.event = &e;
	CHECK(!pthread_create(&t, NULL, ack_later, &l));
	CHECK(!ibv_destroy_qp(p.b.qp));
	CHECK(atomic_load(&l.acked));
	p.b.qp = NULL;
	pthread_join(t, NULL);
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict unread_events_go_with_their_object(void)
{
	struct pair p;

	if (!conf.dev.max_srq)
		return skipped("the device has no SRQ");
	CHECK(pair_open(&p, &(struct pair_cfg){ .srq = true }));
	CHECK(!to_err(&p.b));
	CHECK(readable(conf.ctx->async_fd, 10000));
	CHECK(!ibv_destroy_qp(p.b.qp));
	p.b.qp = NULL;
	CHECK(!readable(conf.ctx->async_fd, 0));
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict communication_established(void)
{
	struct pair p;

	if (conf.iwarp)
		return skipped("iWARP has no state between connected and not");
	CHECK(pair_open(&p, &(struct pair_cfg){ .no_connect = true }));
	CHECK(!to_rtr(&p.a, &p.b, &p.cfg) && !to_rtr(&p.b, &p.a, &p.cfg));
	CHECK(!to_rts(&p.a, &p.cfg));
	CHECK(!do_recv(&p.b, 1, 64));
	CHECK(!do_send(&p.a, 1, IBV_WR_SEND, 64, IBV_SEND_SIGNALED));
	CHECK(expect_wc(p.b.rcq, 1, IBV_WC_SUCCESS));
	CHECK(expect_async(IBV_EVENT_COMM_EST, p.b.qp));
	CHECK(pair_close(&p));
	return PASS;
}

const struct check notify_checks[] = {
	{ "notify.armed-for-all", armed_for_all },
	{ "notify.armed-for-solicited", armed_for_solicited },
	{ "notify.errors-are-solicited", errors_are_solicited },
	{ "notify.non-blocking-channel", non_blocking_channel },
	{ "notify.sleeping-receiver", sleeping_receiver },
	{ "notify.channel-in-use", channel_in_use },
	{ "notify.destroy-cq-waits-for-ack", destroy_cq_waits_for_ack },
	{ "notify.destroy-qp-waits-for-ack", destroy_qp_waits_for_ack },
	{ "notify.unread-events-go-with-their-object", unread_events_go_with_their_object },
	{ "notify.communication-established", communication_established },
	{ 0 },
};
