/* Queues: depth, what frees an entry, flushing, overrun, order of destruction. */
#include "conform.h"

static enum verdict send_queue_depth(void)
{
	struct ibv_send_wr wr[3] = { 0 }, *bad = NULL;
	uint32_t depth, i;
	struct pair p;

	if (conf.iwarp)
		return skipped("iWARP completes what TCP has, whatever becomes of it");
	CHECK(pair_open(&p, &(struct pair_cfg){ .send_wr = 8 }));
	depth = p.a.cap.max_send_wr;
	/* no receives: nothing completes */
	for (i = 0; i < depth - 1; i++)
		CHECK(!do_send(&p.a, i, IBV_WR_SEND, 64, IBV_SEND_SIGNALED));
	for (i = 0; i < 3; i++) {
		wr[i].opcode = IBV_WR_SEND;
		wr[i].next = i < 2 ? &wr[i + 1] : NULL;
	}
	CHECK(ibv_post_send(p.a.qp, wr, &bad) == ENOMEM);
	CHECK(bad == &wr[1]);
	CHECK(pair_close(&p));
	return PASS;
}

/* An entry is free when a completion at or behind it has been polled, not before. */
static enum verdict polling_frees_entries(void)
{
	uint32_t depth;
	struct pair p;

	CHECK(pair_open(&p, &(struct pair_cfg){ .send_wr = 4 }));
	depth = p.a.cap.max_send_wr;
	CHECK(!do_recvs(&p.b, 0, 8, 64));
	for (uint32_t i = 0; i < depth; i++)
		CHECK(!do_send(&p.a, i, IBV_WR_SEND, 64, i == depth - 1 ? IBV_SEND_SIGNALED : 0));
	for (uint32_t i = 0; i < depth; i++)
		CHECK(expect_wc(p.b.rcq, i, IBV_WC_SUCCESS));
	CHECK(do_send(&p.a, 9, IBV_WR_SEND, 64, IBV_SEND_SIGNALED) == ENOMEM);
	CHECK(expect_wc(p.a.scq, depth - 1, IBV_WC_SUCCESS));
	for (uint32_t i = 0; i < depth; i++)
		CHECK(!do_send(&p.a, i, IBV_WR_SEND, 64, IBV_SEND_SIGNALED));
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict unsignalled_fill_the_queue(void)
{
	uint32_t depth;
	struct pair p;

	CHECK(pair_open(&p, &(struct pair_cfg){ .send_wr = 4 }));
	depth = p.a.cap.max_send_wr;
	CHECK(!do_recvs(&p.b, 0, 8, 64));
	for (uint32_t i = 0; i < depth; i++)
		CHECK(!do_send(&p.a, i, IBV_WR_SEND, 64, 0));
	for (uint32_t i = 0; i < depth; i++)
		CHECK(expect_wc(p.b.rcq, i, IBV_WC_SUCCESS));
	CHECK(cq_quiet(p.a.scq));
	CHECK(do_send(&p.a, 9, IBV_WR_SEND, 64, IBV_SEND_SIGNALED) == ENOMEM);
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict unsignalled_complete_silently(void)
{
	struct pair p;

	CHECK(pair_open(&p, NULL));
	CHECK(!do_recvs(&p.b, 0, 4, 64));
	CHECK(!do_send(&p.a, 1, IBV_WR_SEND, 64, 0));
	CHECK(!do_send(&p.a, 2, IBV_WR_SEND, 64, 0));
	CHECK(!do_send(&p.a, 3, IBV_WR_SEND, 64, IBV_SEND_SIGNALED));
	CHECK(expect_wc(p.a.scq, 3, IBV_WC_SUCCESS));
	CHECK(cq_quiet(p.a.scq));
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict signal_all(void)
{
	struct pair p;

	CHECK(pair_open(&p, &(struct pair_cfg){ .sig_all = true }));
	CHECK(!do_recvs(&p.b, 0, 4, 64));
	CHECK(!do_send(&p.a, 1, IBV_WR_SEND, 64, 0));
	CHECK(!do_send(&p.a, 2, IBV_WR_SEND, 64, 0));
	CHECK(expect_wc(p.a.scq, 1, IBV_WC_SUCCESS) && expect_wc(p.a.scq, 2, IBV_WC_SUCCESS));
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict receive_queue_depth(void)
{
	struct pair p;

	CHECK(pair_open(&p, &(struct pair_cfg){ .recv_wr = 4 }));
	CHECK(!do_recvs(&p.b, 0, (int)p.b.cap.max_recv_wr, 64));
	CHECK(do_recv(&p.b, 99, 64) == ENOMEM);
	CHECK(!do_send(&p.a, 1, IBV_WR_SEND, 64, IBV_SEND_SIGNALED));
	CHECK(expect_wc(p.b.rcq, 0, IBV_WC_SUCCESS));
	CHECK(!do_recv(&p.b, 99, 64));
	CHECK(do_recv(&p.b, 100, 64) == ENOMEM);
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict sge_limit(void)
{
	struct ibv_sge s[64];
	struct ibv_send_wr wr = { .sg_list = s, .opcode = IBV_WR_SEND };
	struct pair p;

	CHECK(pair_open(&p, NULL));
	if (p.a.cap.max_send_sge >= 64) {
		CHECK(pair_close(&p));
		return skipped("more SGEs than this check has");
	}
	for (int i = 0; i < 64; i++)
		s[i] = sge_of(&p.a, 0, 1);
	wr.num_sge = (int)p.a.cap.max_send_sge + 1;
	CHECK(post_wr(&p.a, &wr) != 0);
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict device_limits(void)
{
	struct ibv_qp_init_attr a = { .qp_type = IBV_QPT_RC };
	struct pair p;

	CHECK(pair_open(&p, NULL));
	a.send_cq = a.recv_cq = p.a.scq;
	a.cap = (struct ibv_qp_cap){ .max_send_wr = (uint32_t)conf.dev.max_qp_wr + 1,
				     .max_recv_wr = 1,
				     .max_send_sge = 1,
				     .max_recv_sge = 1 };
	CHECK(!ibv_create_qp(p.a.pd, &a));
	a.cap.max_send_wr = 1;
	a.cap.max_send_sge = (uint32_t)conf.dev.max_sge + 1;
	CHECK(!ibv_create_qp(p.a.pd, &a));
	CHECK(!ibv_create_cq(conf.ctx, conf.dev.max_cqe + 1, NULL, NULL, 0));
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict flush_keeps_order(void)
{
	struct pair p;

	CHECK(pair_open(&p, NULL));
	CHECK(!do_recvs(&p.a, 100, 5, 64));
	/* what is sent ends on iWARP, whatever becomes of it */
	for (uint64_t i = 0; i < 5 && !conf.iwarp; i++)
		/* unsignalled ones are told of too */
		CHECK(!do_send(&p.a, i, IBV_WR_SEND, 64, i & 1 ? IBV_SEND_SIGNALED : 0));
	CHECK(!to_err(&p.a));
	for (uint64_t i = 0; i < 5 && !conf.iwarp; i++)
		CHECK(expect_wc(p.a.scq, i, IBV_WC_WR_FLUSH_ERR));
	for (uint64_t i = 0; i < 5; i++)
		CHECK(expect_wc(p.a.rcq, 100 + i, IBV_WC_WR_FLUSH_ERR));
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict first_error_then_flush(void)
{
	struct pair p;

	if (conf.iwarp)
		return skipped("iWARP completes what TCP has, whatever becomes of it");
	CHECK(pair_open(&p, NULL));
	CHECK(!do_recvs(&p.a, 100, 2, 64));
	CHECK(!do_rdma(&p.a, 1, IBV_WR_RDMA_WRITE, 64, (uintptr_t)p.b.buf, p.b.mr->rkey));
	CHECK(!do_rdma(&p.a, 2, IBV_WR_RDMA_WRITE, 64, (uintptr_t)p.b.buf,
		       p.b.mr->rkey ^ 0x5a5a5a00));
	do_rdma(&p.a, 3, IBV_WR_RDMA_WRITE, 64, (uintptr_t)p.b.buf, p.b.mr->rkey);
	CHECK(expect_wc(p.a.scq, 1, IBV_WC_SUCCESS));
	CHECK(expect_wc(p.a.scq, 2, IBV_WC_REM_ACCESS_ERR));
	CHECK(expect_wc(p.a.scq, 3, IBV_WC_WR_FLUSH_ERR));
	CHECK(expect_wc(p.a.rcq, 100, IBV_WC_WR_FLUSH_ERR));
	CHECK(expect_wc(p.a.rcq, 101, IBV_WC_WR_FLUSH_ERR));
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict posts_after_error_flush(void)
{
	struct pair p;

	CHECK(pair_open(&p, NULL));
	CHECK(!to_err(&p.a));
	CHECK(!do_send(&p.a, 1, IBV_WR_SEND, 64, 0));
	CHECK(!do_recv(&p.a, 2, 64));
	CHECK(expect_wc(p.a.scq, 1, IBV_WC_WR_FLUSH_ERR));
	CHECK(expect_wc(p.a.rcq, 2, IBV_WC_WR_FLUSH_ERR));
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict cq_overrun(void)
{
	struct ibv_cq *cq;
	struct pair p;
	int n;

	CHECK(pair_open(&p, &(struct pair_cfg){ .cqe = 4 }));
	cq = p.b.rcq;
	n = cq->cqe + 1;
	if (n > 16) {
		CHECK(pair_close(&p));
		return skipped("the device rounds CQs up too far");
	}
	CHECK(!do_recvs(&p.b, 0, n, 64));
	for (int i = 0; i < n; i++)
		CHECK(!do_send(&p.a, (uint64_t)i, IBV_WR_SEND, 64, 0));
	CHECK(expect_async(IBV_EVENT_CQ_ERR, cq));
	CHECK(state_of(&p.b) == IBV_QPS_ERR); /* it lost a completion */
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict cq_resize(void)
{
	struct pair p;

	CHECK(pair_open(&p, &(struct pair_cfg){ .cqe = 4 }));
	CHECK(!do_recvs(&p.b, 0, 8, 64));
	CHECK(!do_send(&p.a, 0, IBV_WR_SEND, 64, IBV_SEND_SIGNALED));
	CHECK(expect_wc(p.a.scq, 0, IBV_WC_SUCCESS));
	if (ibv_resize_cq(p.b.rcq, 64)) {
		CHECK(pair_close(&p));
		return skipped("the device cannot resize CQs");
	}
	CHECK(p.b.rcq->cqe >= 64);
	for (uint64_t i = 1; i < 8; i++) {
		CHECK(!do_send(&p.a, i, IBV_WR_SEND, 64, IBV_SEND_SIGNALED));
		CHECK(expect_wc(p.a.scq, i, IBV_WC_SUCCESS));
	}
	for (uint64_t i = 0; i < 8; i++)
		CHECK(expect_wc(p.b.rcq, i, IBV_WC_SUCCESS));
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict destroying_qp_forgets_completions(void)
{
	struct pair p;

	CHECK(pair_open(&p, NULL));
	CHECK(!do_recv(&p.b, 1, 64));
	CHECK(!do_send(&p.a, 1, IBV_WR_SEND, 64, IBV_SEND_SIGNALED));
	CHECK(expect_wc(p.a.scq, 1, IBV_WC_SUCCESS));
	CHECK(!ibv_destroy_qp(p.b.qp));
	p.b.qp = NULL;
	CHECK(cq_quiet(p.b.rcq));
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict objects_in_use(void)
{
	struct pair p;

	CHECK(pair_open(&p, NULL));
	CHECK(ibv_dealloc_pd(p.a.pd) == EBUSY);
	CHECK(ibv_destroy_cq(p.a.scq) == EBUSY);
	CHECK(ibv_destroy_cq(p.a.rcq) == EBUSY);
	CHECK(pair_close(&p));
	return PASS;
}

const struct check queue_checks[] = {
	{ "queue.send-depth", send_queue_depth },
	{ "queue.polling-frees-entries", polling_frees_entries },
	{ "queue.unsignalled-fill-the-queue", unsignalled_fill_the_queue },
	{ "queue.unsignalled-complete-silently", unsignalled_complete_silently },
	{ "queue.signal-all", signal_all },
	{ "queue.receive-depth", receive_queue_depth },
	{ "queue.sge-limit", sge_limit },
	{ "queue.device-limits", device_limits },
	{ "queue.flush-keeps-order", flush_keeps_order },
	{ "queue.first-error-then-flush", first_error_then_flush },
	{ "queue.posts-after-error-flush", posts_after_error_flush },
	{ "queue.cq-overrun", cq_overrun },
	{ "queue.cq-resize", cq_resize },
	{ "queue.destroying-qp-forgets-completions", destroying_qp_forgets_completions },
	{ "queue.objects-in-use", objects_in_use },
	{ 0 },
};
