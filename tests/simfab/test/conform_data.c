/* Messages and one-sided operations that succeed: every byte where it belongs. */
#include "conform.h"

#include <pthread.h>
#include <stdlib.h>

static void pattern(uint8_t *p, size_t n, unsigned int seed)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(i * 7 + i / 251 + seed);
}

static enum verdict send_receive(void)
{
	struct ibv_wc wc;
	struct pair p;

	CHECK(pair_open(&p, NULL));
	pattern(p.a.buf, 1000, 1);
	CHECK(!do_recv(&p.b, 7, 4096));
	CHECK(!do_send(&p.a, 8, IBV_WR_SEND, 1000, IBV_SEND_SIGNALED));
	CHECK(next_wc(p.a.scq, &wc) && wc.status == IBV_WC_SUCCESS && wc.wr_id == 8);
	CHECK(wc.opcode == IBV_WC_SEND && wc.qp_num == p.a.qp->qp_num);
	CHECK(next_wc(p.b.rcq, &wc) && wc.status == IBV_WC_SUCCESS && wc.wr_id == 7);
	CHECK(wc.opcode == IBV_WC_RECV && wc.byte_len == 1000 && !(wc.wc_flags & IBV_WC_WITH_IMM));
	CHECK(wc.qp_num == p.b.qp->qp_num);
	CHECK(!memcmp(p.a.buf, p.b.buf, 1000) && !p.b.buf[1000]);
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict send_with_immediate(void)
{
	struct ibv_wc wc;
	struct pair p;

	if (conf.iwarp)
		return skipped("iWARP has no immediate data");
	CHECK(pair_open(&p, NULL));
	CHECK(!do_recv(&p.b, 1, 64));
	CHECK(!do_send(&p.a, 1, IBV_WR_SEND_WITH_IMM, 0, IBV_SEND_SIGNALED));
	CHECK(expect_wc(p.a.scq, 1, IBV_WC_SUCCESS));
	CHECK(next_wc(p.b.rcq, &wc) && wc.status == IBV_WC_SUCCESS && wc.byte_len == 0);
	CHECK((wc.wc_flags & IBV_WC_WITH_IMM) && wc.imm_data == 0x12345678);
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict messages_keep_order(void)
{
	struct pair p;

	CHECK(pair_open(&p, NULL));
	CHECK(!do_recvs(&p.b, 0, 16, 64));
	for (uint64_t i = 0; i < 16; i++)
		CHECK(!do_send(&p.a, i, IBV_WR_SEND, 64, IBV_SEND_SIGNALED));
	for (uint64_t i = 0; i < 16; i++) {
		CHECK(expect_wc(p.a.scq, i, IBV_WC_SUCCESS));
		CHECK(expect_wc(p.b.rcq, i, IBV_WC_SUCCESS));
	}
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict rdma_write(void)
{
	struct pair p;

	CHECK(pair_open(&p, NULL));
	pattern(p.a.buf, 5000, 2);
	CHECK(!do_rdma(&p.a, 1, IBV_WR_RDMA_WRITE, 5000, (uintptr_t)p.b.buf + 100, p.b.mr->rkey));
	CHECK(expect_wc(p.a.scq, 1, IBV_WC_SUCCESS));
	CHECK(!memcmp(p.a.buf, p.b.buf + 100, 5000) && !p.b.buf[99] && !p.b.buf[5100]);
	CHECK(cq_quiet(p.b.rcq));
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict rdma_write_with_immediate(void)
{
	struct ibv_wc wc;
	struct pair p;

	if (conf.iwarp)
		return skipped("iWARP has no immediate data");
	CHECK(pair_open(&p, NULL));
	pattern(p.a.buf, 100, 3);
	CHECK(!do_recv(&p.b, 9, 0));
	CHECK(!do_rdma(&p.a, 1, IBV_WR_RDMA_WRITE_WITH_IMM, 100, (uintptr_t)p.b.buf, p.b.mr->rkey));
	CHECK(expect_wc(p.a.scq, 1, IBV_WC_SUCCESS));
	CHECK(next_wc(p.b.rcq, &wc) && wc.wr_id == 9 && wc.status == IBV_WC_SUCCESS);
	CHECK(wc.opcode == IBV_WC_RECV_RDMA_WITH_IMM && wc.byte_len == 100);
	CHECK((wc.wc_flags & IBV_WC_WITH_IMM) && wc.imm_data == 0x12345678);
	CHECK(!memcmp(p.a.buf, p.b.buf, 100));
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict rdma_read(void)
{
	struct ibv_wc wc;
	struct pair p;

	CHECK(pair_open(&p, NULL));
	pattern(p.b.buf, 40000, 4);
	CHECK(!do_rdma(&p.a, 1, IBV_WR_RDMA_READ, 40000 - 3, (uintptr_t)p.b.buf + 3, p.b.mr->rkey));
	CHECK(next_wc(p.a.scq, &wc) && wc.status == IBV_WC_SUCCESS);
	CHECK(wc.opcode == IBV_WC_RDMA_READ);
	CHECK(!memcmp(p.a.buf, p.b.buf + 3, 40000 - 3));
	CHECK(pair_close(&p));
	return PASS;
}

/* Much more than any ring or MTU, in every operation. */
static enum verdict large_transfers(void)
{
	const uint32_t len = (4 << 20) + 12345;
	struct pair p;

	CHECK(pair_open(&p, &(struct pair_cfg){ .len = len }));
	pattern(p.a.buf, len, 5);
	CHECK(!do_rdma(&p.a, 1, IBV_WR_RDMA_WRITE, len, (uintptr_t)p.b.buf, p.b.mr->rkey));
	CHECK(expect_wc(p.a.scq, 1, IBV_WC_SUCCESS));
	CHECK(!memcmp(p.a.buf, p.b.buf, len));
	pattern(p.b.buf, len, 6);
	CHECK(!do_rdma(&p.a, 2, IBV_WR_RDMA_READ, len, (uintptr_t)p.b.buf, p.b.mr->rkey));
	CHECK(expect_wc(p.a.scq, 2, IBV_WC_SUCCESS));
	CHECK(!memcmp(p.a.buf, p.b.buf, len));
	pattern(p.a.buf, len, 7);
	CHECK(!do_recv(&p.b, 3, len));
	CHECK(!do_send(&p.a, 3, IBV_WR_SEND, len, IBV_SEND_SIGNALED));
	CHECK(expect_wc(p.b.rcq, 3, IBV_WC_SUCCESS));
	CHECK(!memcmp(p.a.buf, p.b.buf, len));
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict both_directions_at_once(void)
{
	const uint32_t len = 2 << 20;
	struct pair p;

	CHECK(pair_open(&p, &(struct pair_cfg){ .len = 2 * len }));
	pattern(p.a.buf, len, 8);
	pattern(p.b.buf, len, 9);
	for (uint64_t i = 0; i < 8; i++) {
		CHECK(!do_rdma(&p.a, i, IBV_WR_RDMA_WRITE, len, (uintptr_t)p.b.buf + len,
			       p.b.mr->rkey));
		CHECK(!do_rdma(&p.b, i, IBV_WR_RDMA_WRITE, len, (uintptr_t)p.a.buf + len,
			       p.a.mr->rkey));
	}
	for (uint64_t i = 0; i < 8; i++) {
		CHECK(expect_wc(p.a.scq, i, IBV_WC_SUCCESS));
		CHECK(expect_wc(p.b.scq, i, IBV_WC_SUCCESS));
	}
	CHECK(!memcmp(p.a.buf, p.b.buf + len, len) && !memcmp(p.b.buf, p.a.buf + len, len));
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict gather_and_scatter(void)
{
	struct ibv_sge out[2], in[2];
	struct ibv_send_wr wr = { .wr_id = 1,
				  .sg_list = out,
				  .num_sge = 2,
				  .opcode = IBV_WR_SEND,
				  .send_flags = IBV_SEND_SIGNALED };
	struct ibv_recv_wr rwr = { .wr_id = 1, .sg_list = in, .num_sge = 2 }, *bad;
	struct pair p;

	CHECK(pair_open(&p, &(struct pair_cfg){ .sge = 2 }));
	pattern(p.a.buf, 4096, 10);
	out[0] = sge_of(&p.a, 1000, 11);
	out[1] = sge_of(&p.a, 0, 89);
	in[0] = sge_of(&p.b, 5, 60);
	in[1] = sge_of(&p.b, 500, 100);
	CHECK(!ibv_post_recv(p.b.qp, &rwr, &bad));
	CHECK(!post_wr(&p.a, &wr));
	CHECK(expect_wc(p.b.rcq, 1, IBV_WC_SUCCESS));
	CHECK(!memcmp(p.b.buf + 5, p.a.buf + 1000, 11));
	CHECK(!memcmp(p.b.buf + 16, p.a.buf, 49) && !memcmp(p.b.buf + 500, p.a.buf + 49, 40));
	CHECK(!p.b.buf[540] && !p.b.buf[65]);
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict zero_length_needs_no_key(void)
{
	struct pair p;

	CHECK(pair_open(&p, NULL));
	CHECK(!do_rdma(&p.a, 1, IBV_WR_RDMA_WRITE, 0, 0, 0));
	CHECK(expect_wc(p.a.scq, 1, IBV_WC_SUCCESS));
	CHECK(!do_recv(&p.b, 2, 0));
	CHECK(!do_send(&p.a, 2, IBV_WR_SEND, 0, IBV_SEND_SIGNALED));
	CHECK(expect_wc(p.b.rcq, 2, IBV_WC_SUCCESS));
	CHECK(pair_close(&p));
	return PASS;
}

/* Inline data is taken at post time, from memory that need not be registered. */
static enum verdict inline_data(void)
{
	char text[32] = "taken when posted";
	struct ibv_sge s = { .addr = (uintptr_t)text, .length = 18 };
	struct ibv_send_wr wr = { .wr_id = 1,
				  .sg_list = &s,
				  .num_sge = 1,
				  .opcode = IBV_WR_SEND,
				  .send_flags = IBV_SEND_SIGNALED | IBV_SEND_INLINE };
	struct pair p;

	if (!pair_open(&p, &(struct pair_cfg){ .inl = 32 })) {
		pair_close(&p);
		return skipped("the device has no inline data");
	}
	CHECK(!do_recv(&p.b, 1, 64));
	CHECK(!post_wr(&p.a, &wr));
	memset(text, 'x', sizeof(text));
	CHECK(expect_wc(p.b.rcq, 1, IBV_WC_SUCCESS));
	CHECK(!strcmp((char *)p.b.buf, "taken when posted"));
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict inline_limit(void)
{
	struct pair p;

	CHECK(pair_open(&p, NULL));
	CHECK(do_send(&p.a, 1, IBV_WR_SEND, p.a.cap.max_inline_data + 1,
		      IBV_SEND_SIGNALED | IBV_SEND_INLINE) != 0);
	CHECK(pair_close(&p));
	return PASS;
}

/* What was written before a SEND is there when the SEND has arrived. */
static enum verdict write_before_send(void)
{
	struct pair p;

	CHECK(pair_open(&p, NULL));
	for (uint64_t i = 1; i < 200; i++) {
		memset(p.a.buf, (int)i, 8192);
		CHECK(!do_recv(&p.b, i, 64));
		CHECK(!do_rdma(&p.a, i, IBV_WR_RDMA_WRITE, 8192, (uintptr_t)p.b.buf, p.b.mr->rkey));
		CHECK(!do_send(&p.a, i, IBV_WR_SEND, 0, IBV_SEND_SIGNALED));
		CHECK(expect_wc(p.b.rcq, i, IBV_WC_SUCCESS));
		CHECK(p.b.buf[0] == (uint8_t)i && p.b.buf[8191] == (uint8_t)i);
		CHECK(expect_wc(p.a.scq, i, IBV_WC_SUCCESS));
		CHECK(expect_wc(p.a.scq, i, IBV_WC_SUCCESS));
	}
	CHECK(pair_close(&p));
	return PASS;
}

/* A fenced SEND carries what the READ before it brought. */
static enum verdict fence(void)
{
	struct ibv_send_wr send = { .wr_id = 2,
				    .num_sge = 1,
				    .opcode = IBV_WR_SEND,
				    .send_flags = IBV_SEND_SIGNALED | IBV_SEND_FENCE };
	struct ibv_send_wr read = {
		.wr_id = 1, .num_sge = 1, .opcode = IBV_WR_RDMA_READ, .next = &send
	};
	struct ibv_sge s, into;
	struct ibv_recv_wr rwr = { .wr_id = 3, .sg_list = &into, .num_sge = 1 }, *bad;
	struct pair p;

	CHECK(pair_open(&p, NULL));
	pattern(p.b.buf, 30000, 11);
	s = sge_of(&p.a, 0, 30000);
	into = sge_of(&p.b, 32768, 30000);
	read.sg_list = send.sg_list = &s;
	read.wr.rdma.remote_addr = (uintptr_t)p.b.buf;
	read.wr.rdma.rkey = p.b.mr->rkey;
	CHECK(!ibv_post_recv(p.b.qp, &rwr, &bad));
	CHECK(!post_wr(&p.a, &read));
	CHECK(expect_wc(p.a.scq, 2, IBV_WC_SUCCESS) && expect_wc(p.b.rcq, 3, IBV_WC_SUCCESS));
	CHECK(!memcmp(p.b.buf + 32768, p.b.buf, 30000));
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict iova(void)
{
	struct ibv_mr *mr;
	struct pair p;

	CHECK(pair_open(&p, NULL));
	mr = ibv_reg_mr_iova(p.b.pd, p.b.buf, 8192, 0x1000,
			     IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE);
	CHECK(mr);
	pattern(p.a.buf, 100, 12);
	CHECK(!do_rdma(&p.a, 1, IBV_WR_RDMA_WRITE, 100, 0x1000 + 50, mr->rkey));
	CHECK(expect_wc(p.a.scq, 1, IBV_WC_SUCCESS));
	CHECK(!memcmp(p.b.buf + 50, p.a.buf, 100));
	CHECK(!ibv_dereg_mr(mr));
	CHECK(pair_close(&p));
	return PASS;
}

/* Threads with queue pairs of their own, all polling at once. */
static void *exchange_many(void *arg)
{
	uintptr_t failed = 1;
	struct pair p;

	(void)arg;
	if (!pair_open(&p, NULL))
		return (void *)failed;
	failed = 0;
	for (uint64_t i = 1; i <= 2000 && !failed; i++) {
		memset(p.a.buf, (int)i, 4096);
		failed = do_recv(&p.b, i, 64) ||
			 do_rdma(&p.a, i, IBV_WR_RDMA_WRITE, 4096, (uintptr_t)p.b.buf,
				 p.b.mr->rkey) ||
			 do_send(&p.a, i, IBV_WR_SEND, 0, 0) ||
			 !expect_wc(p.b.rcq, i, IBV_WC_SUCCESS) || p.b.buf[4095] != (uint8_t)i ||
			 !expect_wc(p.a.scq, i, IBV_WC_SUCCESS);
	}
	return (void *)(pair_close(&p) ? failed : 1);
}

static enum verdict many_threads(void)
{
	pthread_t t[4];
	void *failed;

	for (int i = 0; i < 4; i++)
		CHECK(!pthread_create(&t[i], NULL, exchange_many, NULL));
	for (int i = 0; i < 4; i++)
		CHECK(!pthread_join(t[i], &failed) && !failed);
	return PASS;
}

const struct check data_checks[] = {
	{ "data.send-receive", send_receive },
	{ "data.send-with-immediate", send_with_immediate },
	{ "data.messages-keep-order", messages_keep_order },
	{ "data.rdma-write", rdma_write },
	{ "data.rdma-write-with-immediate", rdma_write_with_immediate },
	{ "data.rdma-read", rdma_read },
	{ "data.large-transfers", large_transfers },
	{ "data.both-directions-at-once", both_directions_at_once },
	{ "data.gather-and-scatter", gather_and_scatter },
	{ "data.zero-length-needs-no-key", zero_length_needs_no_key },
	{ "data.inline", inline_data },
	{ "data.inline-limit", inline_limit },
	{ "data.write-before-send", write_before_send },
	{ "data.fence", fence },
	{ "data.iova", iova },
	{ "data.many-threads", many_threads },
	{ 0 },
};
