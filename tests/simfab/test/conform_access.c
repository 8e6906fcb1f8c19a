/* Refusals: keys, bounds, access flags, of both sides; and what breaks then. */
#include "conform.h"

#define LOCAL IBV_ACCESS_LOCAL_WRITE

/* A local fault of the sender: its request fails, its QP breaks, the peer sees nothing. */
static enum verdict local_fault(struct pair *p, struct ibv_sge *s, enum ibv_wr_opcode op)
{
	struct ibv_send_wr wr = { .wr_id = 5,
				  .sg_list = s,
				  .num_sge = 1,
				  .opcode = op,
				  .wr.rdma = { .remote_addr = (uintptr_t)p->b.buf,
					       .rkey = p->b.mr->rkey } };

	CHECK(!do_recv(&p->b, 1, 4096));
	CHECK(!post_wr(&p->a, &wr));
	CHECK(expect_wc(p->a.scq, 5, IBV_WC_LOC_PROT_ERR));
	CHECK(state_of(&p->a) == IBV_QPS_ERR);
	/* on iWARP a connection ends on both sides */
	CHECK(conf.iwarp || (cq_quiet(p->b.rcq) && state_of(&p->b) == IBV_QPS_RTS));
	CHECK(pair_close(p));
	return PASS;
}

static enum verdict unknown_lkey(void)
{
	struct ibv_sge s;
	struct pair p;

	CHECK(pair_open(&p, NULL));
	s = sge_of(&p.a, 0, 64);
	s.lkey ^= 0x5a5a5a00;
	return local_fault(&p, &s, IBV_WR_SEND);
}

static enum verdict lkey_of_other_pd(void)
{
	struct ibv_sge s;
	struct pair p;

	CHECK(pair_open(&p, NULL));
	s = sge_of(&p.b, 0, 64);
	return local_fault(&p, &s, IBV_WR_SEND);
}

static enum verdict local_bounds(void)
{
	struct ibv_sge s;
	struct pair p;

	CHECK(pair_open(&p, NULL));
	s = sge_of(&p.a, (uint32_t)p.a.len - 63, 64);
	return local_fault(&p, &s, IBV_WR_RDMA_WRITE);
}

static enum verdict read_sink_needs_local_write(void)
{
	struct ibv_sge s;
	struct pair p;

	CHECK(pair_open(&p, &(struct pair_cfg){ .mr_access = IBV_ACCESS_REMOTE_READ }));
	s = sge_of(&p.a, 0, 64);
	return local_fault(&p, &s, IBV_WR_RDMA_READ);
}

static enum verdict receive_needs_local_write(void)
{
	struct pair p;

	CHECK(pair_open(&p, &(struct pair_cfg){ .mr_access = IBV_ACCESS_REMOTE_READ }));
	CHECK(!do_recv(&p.b, 1, 4096));
	CHECK(!do_send(&p.a, 2, IBV_WR_SEND, 64, IBV_SEND_SIGNALED));
	CHECK(expect_wc(p.b.rcq, 1, IBV_WC_LOC_PROT_ERR));
	CHECK(expect_wc(p.a.scq, 2, conf.iwarp ? IBV_WC_SUCCESS : IBV_WC_REM_OP_ERR));
	CHECK(breaks(&p.a) && breaks(&p.b));
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict receive_too_short(void)
{
	struct pair p;

	CHECK(pair_open(&p, NULL));
	CHECK(!do_recvs(&p.b, 1, 2, 63));
	CHECK(!do_send(&p.a, 3, IBV_WR_SEND, 64, IBV_SEND_SIGNALED));
	CHECK(expect_wc(p.b.rcq, 1, IBV_WC_LOC_LEN_ERR));
	CHECK(expect_wc(p.b.rcq, 2, IBV_WC_WR_FLUSH_ERR));
	CHECK(expect_wc(p.a.scq, 3, conf.iwarp ? IBV_WC_SUCCESS : IBV_WC_REM_INV_REQ_ERR));
	CHECK(pair_close(&p));
	return PASS;
}

/*
 * iWARP has no acknowledgements: a SEND or WRITE is complete when TCP has it (RFC 5040,
 * 5.1), and what the peer finds wrong ends the connection; a READ is flushed then.
 */
static bool refused(enum ibv_wr_opcode op, enum ibv_wc_status status, bool flags)
{
	if (conf.iwarp)
		return op == IBV_WR_RDMA_READ
			       ? status == IBV_WC_WR_FLUSH_ERR || status == IBV_WC_REM_ACCESS_ERR
			       : status == IBV_WC_SUCCESS;
	/* a QP that does not allow the operation at all may call it an invalid request */
	return status == IBV_WC_REM_ACCESS_ERR || (flags && status == IBV_WC_REM_INV_REQ_ERR);
}

/* A remote fault: the requester learns why, both QPs break, not a byte is written. */
static enum verdict remote_fault(struct pair *p, enum ibv_wr_opcode op, uint64_t addr,
				 uint32_t rkey, bool flags)
{
	struct ibv_wc wc;

	memset(p->a.buf, 0xaa, 64);
	CHECK(!do_rdma(&p->a, 5, op, 64, addr, rkey));
	CHECK(next_wc(p->a.scq, &wc) && wc.wr_id == 5);
	CHECK(refused(op, wc.status, flags));
	CHECK(breaks(&p->a) && breaks(&p->b));
	for (size_t i = 0; i < p->b.len; i++)
		CHECK(p->b.buf[i] == 0);
	CHECK(pair_close(p));
	return PASS;
}

static enum verdict unknown_rkey(void)
{
	struct pair p;

	CHECK(pair_open(&p, NULL));
	return remote_fault(&p, IBV_WR_RDMA_WRITE, (uintptr_t)p.b.buf, p.b.mr->rkey ^ 0x5a5a5a00,
			    false);
}

static enum verdict rkey_of_other_pd(void)
{
	struct pair p;

	CHECK(pair_open(&p, NULL));
	return remote_fault(&p, IBV_WR_RDMA_READ, (uintptr_t)p.a.buf, p.a.mr->rkey, false);
}

static enum verdict remote_bounds_above(void)
{
	struct pair p;

	CHECK(pair_open(&p, NULL));
	return remote_fault(&p, IBV_WR_RDMA_WRITE, (uintptr_t)p.b.buf + p.b.len - 63, p.b.mr->rkey,
			    false);
}

static enum verdict remote_bounds_below(void)
{
	struct pair p;

	CHECK(pair_open(&p, NULL));
	return remote_fault(&p, IBV_WR_RDMA_READ, (uintptr_t)p.b.buf - 1, p.b.mr->rkey, false);
}

static enum verdict remote_address_wraps(void)
{
	struct pair p;

	CHECK(pair_open(&p, NULL));
	return remote_fault(&p, IBV_WR_RDMA_WRITE, UINT64_MAX - 10, p.b.mr->rkey, false);
}

static enum verdict write_needs_remote_write(void)
{
	struct pair p;

	CHECK(pair_open(&p, &(struct pair_cfg){ .mr_access = LOCAL | IBV_ACCESS_REMOTE_READ }));
	return remote_fault(&p, IBV_WR_RDMA_WRITE, (uintptr_t)p.b.buf, p.b.mr->rkey, false);
}

static enum verdict read_needs_remote_read(void)
{
	struct pair p;

	CHECK(pair_open(&p, &(struct pair_cfg){ .mr_access = LOCAL | IBV_ACCESS_REMOTE_WRITE }));
	return remote_fault(&p, IBV_WR_RDMA_READ, (uintptr_t)p.b.buf, p.b.mr->rkey, false);
}

static enum verdict qp_must_allow_write(void)
{
	struct pair p;

	CHECK(pair_open(&p, &(struct pair_cfg){ .qp_access = IBV_ACCESS_REMOTE_READ }));
	return remote_fault(&p, IBV_WR_RDMA_WRITE, (uintptr_t)p.b.buf, p.b.mr->rkey, true);
}

static enum verdict qp_must_allow_read(void)
{
	struct pair p;

	CHECK(pair_open(&p, &(struct pair_cfg){ .qp_access = IBV_ACCESS_REMOTE_WRITE }));
	return remote_fault(&p, IBV_WR_RDMA_READ, (uintptr_t)p.b.buf, p.b.mr->rkey, true);
}

static enum verdict qp_without_remote_access(void)
{
	struct pair p;

	CHECK(pair_open(&p, &(struct pair_cfg){ .qp_access = -1 }));
	return remote_fault(&p, IBV_WR_RDMA_WRITE, (uintptr_t)p.b.buf, p.b.mr->rkey, true);
}

static enum verdict deregistered_rkey(void)
{
	uint32_t rkey;
	struct pair p;

	CHECK(pair_open(&p, NULL));
	rkey = p.b.mr->rkey;
	CHECK(!ibv_dereg_mr(p.b.mr));
	p.b.mr = ibv_reg_mr(p.b.pd, p.b.buf, p.b.len, LOCAL | IBV_ACCESS_REMOTE_WRITE);
	CHECK(p.b.mr && p.b.mr->rkey != rkey);
	return remote_fault(&p, IBV_WR_RDMA_WRITE, (uintptr_t)p.b.buf, rkey, false);
}

static enum verdict access_error_raises_event(void)
{
	struct pair p;

	CHECK(pair_open(&p, NULL));
	CHECK(!do_rdma(&p.a, 1, IBV_WR_RDMA_WRITE, 64, (uintptr_t)p.b.buf,
		       p.b.mr->rkey ^ 0x5a5a5a00));
	CHECK(expect_wc(p.a.scq, 1, conf.iwarp ? IBV_WC_SUCCESS : IBV_WC_REM_ACCESS_ERR));
	CHECK(expect_async(IBV_EVENT_QP_ACCESS_ERR, p.b.qp));
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict remote_write_needs_local_write(void)
{
	char page[4096];
	struct pair p;

	CHECK(pair_open(&p, NULL));
	errno = 0;
	CHECK(!ibv_reg_mr(p.a.pd, page, sizeof(page), IBV_ACCESS_REMOTE_WRITE));
	CHECK(errno == EINVAL);
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict unmapped_memory(void)
{
	struct pair p;

	CHECK(pair_open(&p, NULL));
	errno = 0;
	CHECK(!ibv_reg_mr(p.a.pd, (void *)4096, 4096, LOCAL));
	CHECK(errno == EFAULT);
	CHECK(pair_close(&p));
	return PASS;
}

const struct check access_checks[] = {
	{ "access.unknown-lkey", unknown_lkey },
	{ "access.lkey-of-other-pd", lkey_of_other_pd },
	{ "access.local-bounds", local_bounds },
	{ "access.read-sink-needs-local-write", read_sink_needs_local_write },
	{ "access.receive-needs-local-write", receive_needs_local_write },
	{ "access.receive-too-short", receive_too_short },
	{ "access.unknown-rkey", unknown_rkey },
	{ "access.rkey-of-other-pd", rkey_of_other_pd },
	{ "access.remote-bounds-above", remote_bounds_above },
	{ "access.remote-bounds-below", remote_bounds_below },
	{ "access.remote-address-wraps", remote_address_wraps },
	{ "access.write-needs-remote-write", write_needs_remote_write },
	{ "access.read-needs-remote-read", read_needs_remote_read },
	{ "access.qp-must-allow-write", qp_must_allow_write },
	{ "access.qp-must-allow-read", qp_must_allow_read },
	{ "access.qp-without-remote-access", qp_without_remote_access },
	{ "access.deregistered-rkey", deregistered_rkey },
	{ "access.error-raises-event", access_error_raises_event },
	{ "access.remote-write-needs-local-write", remote_write_needs_local_write },
	{ "access.unmapped-memory", unmapped_memory },
	{ 0 },
};
