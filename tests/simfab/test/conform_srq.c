/* Shared receive queues. */
#include "conform.h"

#define NEED_SRQ()                                               \
	do {                                                     \
		if (!conf.dev.max_srq)                           \
			return skipped("the device has no SRQ"); \
	} while (0)

static enum verdict shared_by_queue_pairs(void)
{
	struct pair p, q;
	struct ibv_srq *own;

	NEED_SRQ();
	if (conf.iwarp)
		return skipped("two connections, one made by hand");
	CHECK(pair_open(&p, &(struct pair_cfg){ .srq = true }));
	CHECK(!do_recvs(&p.b, 0, 4, 64));
	/* b's other QP takes from the same SRQ: made by hand, connected to q.a */
	CHECK(pair_open(&q, &(struct pair_cfg){ .no_connect = true }));
	own = p.b.srq;
	CHECK(!ibv_destroy_qp(q.b.qp));
	{
		struct ibv_qp_init_attr a = { .send_cq = p.b.scq,
					      .recv_cq = p.b.rcq,
					      .srq = own,
					      .qp_type = IBV_QPT_RC,
					      .cap = { .max_send_wr = 4, .max_send_sge = 1 } };

		q.b.qp = ibv_create_qp(p.b.pd, &a);
	}
	CHECK(q.b.qp && !to_init(&q.b, &q.cfg));
	CHECK(!to_rtr(&q.b, &q.a, &q.cfg) && !to_rtr(&q.a, &q.b, &q.cfg));
	CHECK(!to_rts(&q.a, &q.cfg));
	CHECK(!do_send(&p.a, 1, IBV_WR_SEND, 64, IBV_SEND_SIGNALED));
	CHECK(expect_wc(p.a.scq, 1, IBV_WC_SUCCESS));
	CHECK(!do_send(&q.a, 2, IBV_WR_SEND, 64, IBV_SEND_SIGNALED));
	CHECK(expect_wc(q.a.scq, 2, IBV_WC_SUCCESS));
	CHECK(expect_wc(p.b.rcq, 0, IBV_WC_SUCCESS) && expect_wc(p.b.rcq, 1, IBV_WC_SUCCESS));
	CHECK(pair_close(&q));
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict depth(void)
{
	struct ibv_srq_attr a;
	struct pair p;

	NEED_SRQ();
	CHECK(pair_open(&p, &(struct pair_cfg){ .srq = true, .srq_wr = 4 }));
	CHECK(!ibv_query_srq(p.b.srq, &a) && a.max_wr >= 4);
	CHECK(!do_recvs(&p.b, 0, (int)a.max_wr, 64));
	CHECK(do_recv(&p.b, 99, 64) == ENOMEM);
	CHECK(!do_send(&p.a, 1, IBV_WR_SEND, 64, IBV_SEND_SIGNALED));
	CHECK(expect_wc(p.b.rcq, 0, IBV_WC_SUCCESS));
	CHECK(!do_recv(&p.b, 99, 64));
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict limit_event(void)
{
	struct ibv_srq_attr a = { .srq_limit = 3 };
	struct pair p;

	NEED_SRQ();
	CHECK(pair_open(&p, &(struct pair_cfg){ .srq = true }));
	CHECK(!do_recvs(&p.b, 0, 4, 64));
	CHECK(!ibv_modify_srq(p.b.srq, &a, IBV_SRQ_LIMIT));
	CHECK(!do_send(&p.a, 0, IBV_WR_SEND, 64, IBV_SEND_SIGNALED));
	CHECK(expect_wc(p.b.rcq, 0, IBV_WC_SUCCESS));
	CHECK(!readable(conf.ctx->async_fd, 0)); /* three are left */
	CHECK(!do_send(&p.a, 1, IBV_WR_SEND, 64, IBV_SEND_SIGNALED));
	CHECK(expect_async(IBV_EVENT_SRQ_LIMIT_REACHED, p.b.srq));
	/* once told, disarmed */
	CHECK(!ibv_query_srq(p.b.srq, &a) && a.srq_limit == 0);
	CHECK(!do_send(&p.a, 2, IBV_WR_SEND, 64, IBV_SEND_SIGNALED));
	CHECK(expect_wc(p.b.rcq, 1, IBV_WC_SUCCESS) && expect_wc(p.b.rcq, 2, IBV_WC_SUCCESS));
	CHECK(!readable(conf.ctx->async_fd, 0));
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict limit_within_depth(void)
{
	struct ibv_srq_attr a;
	struct pair p;

	NEED_SRQ();
	CHECK(pair_open(&p, &(struct pair_cfg){ .srq = true }));
	CHECK(!ibv_query_srq(p.b.srq, &a));
	a.srq_limit = a.max_wr + 1;
	CHECK(ibv_modify_srq(p.b.srq, &a, IBV_SRQ_LIMIT) != 0);
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict resize(void)
{
	struct ibv_srq_attr a = { .max_wr = 16 };
	struct pair p;

	NEED_SRQ();
	if (conf.dev.max_srq_wr <= 16)
		a.max_wr = (uint32_t)conf.dev.max_srq_wr;
	CHECK(pair_open(&p, &(struct pair_cfg){ .srq = true, .srq_wr = 4 }));
	CHECK(!do_recvs(&p.b, 0, 3, 64));
	if (ibv_modify_srq(p.b.srq, &a, IBV_SRQ_MAX_WR)) {
		CHECK(pair_close(&p));
		return skipped("the device cannot resize SRQs");
	}
	CHECK(!do_recvs(&p.b, 3, (int)a.max_wr - 3, 64));
	for (uint64_t i = 0; i < a.max_wr; i++) {
		CHECK(!do_send(&p.a, i, IBV_WR_SEND, 64, IBV_SEND_SIGNALED));
		CHECK(expect_wc(p.a.scq, i, IBV_WC_SUCCESS));
		CHECK(expect_wc(p.b.rcq, i, IBV_WC_SUCCESS));
	}
	CHECK(!do_recvs(&p.b, 0, 3, 64));
	a.max_wr = 2;
	CHECK(ibv_modify_srq(p.b.srq, &a, IBV_SRQ_MAX_WR) != 0);
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict qp_has_no_receives_of_its_own(void)
{
	struct ibv_recv_wr wr = { .wr_id = 1 }, *bad = NULL;
	struct pair p;

	NEED_SRQ();
	CHECK(pair_open(&p, &(struct pair_cfg){ .srq = true }));
	CHECK(ibv_post_recv(p.b.qp, &wr, &bad) != 0 && bad == &wr);
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict last_wqe_reached(void)
{
	struct pair p;

	NEED_SRQ();
	CHECK(pair_open(&p, &(struct pair_cfg){ .srq = true }));
	CHECK(!do_recvs(&p.b, 0, 4, 64));
	CHECK(!to_err(&p.b));
	CHECK(expect_async(IBV_EVENT_QP_LAST_WQE_REACHED, p.b.qp));
	CHECK(cq_quiet(p.b.rcq)); /* receives of an SRQ are not flushed */
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict in_use(void)
{
	struct pair p;

	NEED_SRQ();
	CHECK(pair_open(&p, &(struct pair_cfg){ .srq = true }));
	CHECK(ibv_destroy_srq(p.b.srq) == EBUSY);
	CHECK(pair_close(&p));
	return PASS;
}

const struct check srq_checks[] = {
	{ "srq.shared-by-queue-pairs", shared_by_queue_pairs },
	{ "srq.depth", depth },
	{ "srq.limit-event", limit_event },
	{ "srq.limit-within-depth", limit_within_depth },
	{ "srq.resize", resize },
	{ "srq.qp-has-no-receives-of-its-own", qp_has_no_receives_of_its_own },
	{ "srq.last-wqe-reached", last_wqe_reached },
	{ "srq.in-use", in_use },
	{ 0 },
};
