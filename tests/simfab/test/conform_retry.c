/* What RC repeats, and when it gives up.  No check looks at a clock. */
#include "conform.h"

static enum verdict rnr_gives_up(void)
{
	struct pair p;

	if (conf.iwarp)
		return skipped("on iWARP a message that meets no receive is fatal");
	CHECK(pair_open(&p, &(struct pair_cfg){ .rnr_retry = 2 }));
	CHECK(!do_recv(&p.b, 1, 64));
	CHECK(!do_send(&p.a, 1, IBV_WR_SEND, 64, IBV_SEND_SIGNALED));
	CHECK(!do_send(&p.a, 2, IBV_WR_SEND, 64, IBV_SEND_SIGNALED));
	CHECK(!do_send(&p.a, 3, IBV_WR_SEND, 64, IBV_SEND_SIGNALED));
	CHECK(expect_wc(p.a.scq, 1, IBV_WC_SUCCESS));
	CHECK(expect_wc(p.a.scq, 2, IBV_WC_RNR_RETRY_EXC_ERR));
	CHECK(expect_wc(p.a.scq, 3, IBV_WC_WR_FLUSH_ERR));
	CHECK(state_of(&p.b) == IBV_QPS_RTS); /* not the responder's fault */
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict rnr_without_retry(void)
{
	struct pair p;

	if (conf.iwarp)
		return skipped("on iWARP a message that meets no receive is fatal");
	CHECK(pair_open(&p, &(struct pair_cfg){ .rnr_retry = -1 }));
	CHECK(!do_send(&p.a, 1, IBV_WR_SEND, 64, IBV_SEND_SIGNALED));
	CHECK(expect_wc(p.a.scq, 1, IBV_WC_RNR_RETRY_EXC_ERR));
	CHECK(pair_close(&p));
	return PASS;
}

/* Seven means for ever: far more naks than seven, then the receive comes. */
static enum verdict rnr_for_ever(void)
{
	struct pair p;

	if (conf.iwarp)
		return skipped("on iWARP a message that meets no receive is fatal");
	CHECK(pair_open(&p, NULL));
	memset(p.a.buf, 0x77, 40000);
	CHECK(!do_send(&p.a, 1, IBV_WR_SEND, 40000, IBV_SEND_SIGNALED));
	CHECK(!do_send(&p.a, 2, IBV_WR_SEND, 64, IBV_SEND_SIGNALED));
	for (int i = 0; i < 100000; i++)
		CHECK(cq_quiet(p.a.scq));
	CHECK(!do_recvs(&p.b, 1, 2, 40000));
	CHECK(expect_wc(p.a.scq, 1, IBV_WC_SUCCESS) && expect_wc(p.a.scq, 2, IBV_WC_SUCCESS));
	CHECK(expect_wc(p.b.rcq, 1, IBV_WC_SUCCESS) && expect_wc(p.b.rcq, 2, IBV_WC_SUCCESS));
	CHECK(p.b.buf[39999] == 0x77);
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict rnr_of_write_with_immediate(void)
{
	struct pair p;

	if (conf.iwarp)
		return skipped("iWARP has no immediate data");
	CHECK(pair_open(&p, NULL));
	memset(p.a.buf, 0x55, 50000);
	CHECK(!do_rdma(&p.a, 1, IBV_WR_RDMA_WRITE_WITH_IMM, 50000, (uintptr_t)p.b.buf,
		       p.b.mr->rkey));
	for (int i = 0; i < 10000; i++)
		CHECK(cq_quiet(p.a.scq));
	CHECK(!do_recv(&p.b, 1, 0));
	CHECK(expect_wc(p.a.scq, 1, IBV_WC_SUCCESS) && expect_wc(p.b.rcq, 1, IBV_WC_SUCCESS));
	CHECK(p.b.buf[49999] == 0x55);
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict peer_gone(void)
{
	struct pair p;

	if (conf.iwarp)
		return skipped("iWARP retries inside TCP");
	CHECK(pair_open(&p, &(struct pair_cfg){ .timeout = 1, .retry = 1 }));
	CHECK(!ibv_destroy_qp(p.b.qp));
	p.b.qp = NULL;
	CHECK(!do_send(&p.a, 1, IBV_WR_SEND, 64, 0));
	CHECK(!do_send(&p.a, 2, IBV_WR_SEND, 64, 0));
	CHECK(expect_wc(p.a.scq, 1, IBV_WC_RETRY_EXC_ERR));
	CHECK(expect_wc(p.a.scq, 2, IBV_WC_WR_FLUSH_ERR));
	CHECK(state_of(&p.a) == IBV_QPS_ERR);
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict peer_in_error_is_silent(void)
{
	struct pair p;

	if (conf.iwarp)
		return skipped("iWARP retries inside TCP");
	CHECK(pair_open(&p, &(struct pair_cfg){ .timeout = 1, .retry = 1 }));
	CHECK(!to_err(&p.b));
	CHECK(!do_rdma(&p.a, 1, IBV_WR_RDMA_READ, 64, (uintptr_t)p.b.buf, p.b.mr->rkey));
	CHECK(expect_wc(p.a.scq, 1, IBV_WC_RETRY_EXC_ERR));
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict wrong_psn(void)
{
	struct pair p;

	if (conf.iwarp)
		return skipped("iWARP has no PSNs");
	CHECK(pair_open(&p, &(struct pair_cfg){ .no_connect = true, .timeout = 1, .retry = 1 }));
	CHECK(!to_rtr(&p.a, &p.b, &p.cfg) && !to_rtr(&p.b, &p.a, &p.cfg));
	p.a.psn += 1000;
	CHECK(!to_rts(&p.a, &p.cfg) && !to_rts(&p.b, &p.cfg));
	CHECK(!do_recv(&p.b, 1, 64));
	CHECK(!do_send(&p.a, 1, IBV_WR_SEND, 64, IBV_SEND_SIGNALED));
	CHECK(expect_wc(p.a.scq, 1, IBV_WC_RETRY_EXC_ERR));
	CHECK(cq_quiet(p.b.rcq));
	CHECK(pair_close(&p));
	return PASS;
}

/* A message sent before the peer was ready is repeated until it is. */
static enum verdict late_peer(void)
{
	struct pair p;

	if (conf.iwarp)
		return skipped("iWARP retries inside TCP");
	CHECK(pair_open(&p, &(struct pair_cfg){ .no_connect = true, .timeout = 8 }));
	CHECK(!to_rtr(&p.a, &p.b, &p.cfg) && !to_rts(&p.a, &p.cfg));
	CHECK(!do_recv(&p.b, 1, 64));
	CHECK(!do_send(&p.a, 1, IBV_WR_SEND, 64, IBV_SEND_SIGNALED));
	CHECK(cq_quiet(p.a.scq));
	CHECK(!to_rtr(&p.b, &p.a, &p.cfg) && !to_rts(&p.b, &p.cfg));
	CHECK(expect_wc(p.a.scq, 1, IBV_WC_SUCCESS) && expect_wc(p.b.rcq, 1, IBV_WC_SUCCESS));
	CHECK(pair_close(&p));
	return PASS;
}

/* More READs posted than may be outstanding: the initiator holds the rest back. */
static enum verdict read_depth_is_kept(void)
{
	struct pair p;

	CHECK(pair_open(&p, &(struct pair_cfg){ .rd_init = 1, .rd_dest = 1 }));
	for (uint64_t i = 0; i < 16; i++)
		CHECK(!do_rdma(&p.a, i, IBV_WR_RDMA_READ, 60000, (uintptr_t)p.b.buf, p.b.mr->rkey));
	for (uint64_t i = 0; i < 16; i++)
		CHECK(expect_wc(p.a.scq, i, IBV_WC_SUCCESS));
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict read_depth_is_enforced(void)
{
	const uint32_t len = 4 << 20;
	struct ibv_send_wr wr[4] = { 0 };
	struct ibv_sge s;
	struct ibv_wc wc;
	struct pair p;

	if (conf.iwarp || conf.dev.max_qp_rd_atom < 4)
		return skipped("the device has no READ depth to overrun");
	CHECK(pair_open(&p, &(struct pair_cfg){ .rd_init = 4, .rd_dest = 1, .len = len }));
	s = sge_of(&p.a, 0, len);
	/* one post: the requests are on the wire before the first answer can end */
	for (int i = 0; i < 4; i++) {
		wr[i] = (struct ibv_send_wr){ .wr_id = (uint64_t)i,
					      .sg_list = &s,
					      .num_sge = 1,
					      .opcode = IBV_WR_RDMA_READ,
					      .next = i < 3 ? &wr[i + 1] : NULL,
					      .send_flags = IBV_SEND_SIGNALED };
		wr[i].wr.rdma.remote_addr = (uintptr_t)p.b.buf;
		wr[i].wr.rdma.rkey = p.b.mr->rkey;
	}
	CHECK(!post_wr(&p.a, wr));
	do {
		CHECK(next_wc(p.a.scq, &wc));
	} while (wc.status == IBV_WC_SUCCESS && wc.wr_id < 3);
	CHECK(wc.status == IBV_WC_REM_INV_REQ_ERR);
	CHECK(pair_close(&p));
	return PASS;
}

const struct check retry_checks[] = {
	{ "retry.rnr-gives-up", rnr_gives_up },
	{ "retry.rnr-without-retry", rnr_without_retry },
	{ "retry.rnr-for-ever", rnr_for_ever },
	{ "retry.rnr-of-write-with-immediate", rnr_of_write_with_immediate },
	{ "retry.peer-gone", peer_gone },
	{ "retry.peer-in-error-is-silent", peer_in_error_is_silent },
	{ "retry.wrong-psn", wrong_psn },
	{ "retry.late-peer", late_peer },
	{ "retry.read-depth-is-kept", read_depth_is_kept },
	{ "retry.read-depth-is-enforced", read_depth_is_enforced },
	{ 0 },
};
