/* Two connected queue pairs in one process, and what the checks do with them. */
#include "conform.h"

#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#define WAIT_S	   10
#define ALL_REMOTE (IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ)

static void defaults(struct pair_cfg *c)
{
	c->send_wr = c->send_wr ? c->send_wr : 16;
	c->recv_wr = c->recv_wr ? c->recv_wr : 16;
	c->sge = c->sge ? c->sge : 1;
	c->srq_wr = c->srq_wr ? c->srq_wr : 16;
	c->len = c->len ? c->len : 65536;
	c->mr_access = c->mr_access ? c->mr_access : IBV_ACCESS_LOCAL_WRITE | ALL_REMOTE;
	c->qp_access = c->qp_access == -1 ? 0 : c->qp_access ? c->qp_access : ALL_REMOTE;
	c->rnr_retry = c->rnr_retry == -1 ? 0 : c->rnr_retry ? c->rnr_retry : 7;
	c->rnr_timer = c->rnr_timer ? c->rnr_timer : 1;
	c->timeout = c->timeout ? c->timeout : 14;
	c->retry = c->retry ? c->retry : 7;
	c->rd_init = c->rd_init ? c->rd_init : 1;
	c->rd_dest = c->rd_dest ? c->rd_dest : 1;
	if (!c->cqe)
		c->cqe = conf.dev.max_cqe < 256 ? conf.dev.max_cqe : 256;
}

static bool end_queues(struct end *e, const struct pair_cfg *c)
{
	struct ibv_srq_init_attr s = { .attr = { .max_wr = c->srq_wr, .max_sge = 1 } };

	if (c->channel && !(e->ch = ibv_create_comp_channel(conf.ctx)))
		return false;
	e->scq = ibv_create_cq(conf.ctx, c->cqe, e, e->ch, 0);
	e->rcq = ibv_create_cq(conf.ctx, c->cqe, e, e->ch, 0);
	if (c->srq && !(e->srq = ibv_create_srq(e->pd, &s)))
		return false;
	return e->scq && e->rcq;
}

void end_qp_attr(const struct end *e, const struct pair_cfg *c, struct ibv_qp_init_attr *a)
{
	*a = (struct ibv_qp_init_attr){
		.send_cq = e->scq,
		.recv_cq = e->rcq,
		.srq = e->srq,
		.cap = { .max_send_wr = c->send_wr,
			 .max_recv_wr = c->recv_wr,
			 .max_send_sge = c->sge,
			 .max_recv_sge = c->sge,
			 .max_inline_data = c->inl },
		.qp_type = IBV_QPT_RC,
		.sq_sig_all = c->sig_all,
	};
}

static bool end_qp(struct end *e, const struct pair_cfg *c)
{
	struct ibv_qp_init_attr a;

	end_qp_attr(e, c, &a);
	e->qp = ibv_create_qp(e->pd, &a);
	e->cap = a.cap;
	return e->qp != NULL;
}

static bool end_open(struct end *e, const struct pair_cfg *c, uint32_t psn)
{
	memset(e, 0, sizeof(*e));
	e->len = c->len;
	e->psn = psn;
	e->pd = ibv_alloc_pd(conf.ctx);
	if (posix_memalign((void **)&e->buf, 4096, e->len) || !e->pd)
		return false;
	memset(e->buf, 0, e->len);
	e->mr = ibv_reg_mr(e->pd, e->buf, e->len, c->mr_access);
	return e->mr && end_queues(e, c);
}

bool pair_open(struct pair *p, const struct pair_cfg *cfg)
{
	memset(p, 0, sizeof(*p));
	if (cfg)
		p->cfg = *cfg;
	defaults(&p->cfg);
	if (!end_open(&p->a, &p->cfg, 0x123456) || !end_open(&p->b, &p->cfg, 0xfffffe))
		return false;
	if (conf.iwarp && !p->cfg.no_connect)
		return iwarp_connect(p);
	if (!end_qp(&p->a, &p->cfg) || !end_qp(&p->b, &p->cfg) || to_init(&p->a, &p->cfg) ||
	    to_init(&p->b, &p->cfg))
		return false;
	if (p->cfg.no_connect)
		return true;
	return !to_rtr(&p->a, &p->b, &p->cfg) && !to_rtr(&p->b, &p->a, &p->cfg) &&
	       !to_rts(&p->a, &p->cfg) && !to_rts(&p->b, &p->cfg);
}

static int end_close(struct end *e)
{
	int rc = 0;

	if (e->srq)
		rc |= ibv_destroy_srq(e->srq);
	if (e->scq)
		rc |= ibv_destroy_cq(e->scq);
	if (e->rcq)
		rc |= ibv_destroy_cq(e->rcq);
	if (e->ch)
		rc |= ibv_destroy_comp_channel(e->ch);
	if (e->mr)
		rc |= ibv_dereg_mr(e->mr);
	if (e->pd)
		rc |= ibv_dealloc_pd(e->pd);
	free(e->buf);
	return rc;
}

bool pair_close(struct pair *p)
{
	int rc = 0;

	drain_async();
	if (p->a.qp)
		rc |= ibv_destroy_qp(p->a.qp);
	if (p->b.qp)
		rc |= ibv_destroy_qp(p->b.qp);
	if (p->cm.a.ch)
		iwarp_close(p);
	rc |= end_close(&p->a);
	return !(rc | end_close(&p->b));
}

/* ---- states ---- */
int to_init(struct end *e, const struct pair_cfg *cfg)
{
	struct ibv_qp_attr a = { .qp_state = IBV_QPS_INIT,
				 .port_num = 1,
				 .qp_access_flags = (unsigned int)cfg->qp_access };

	return ibv_modify_qp(e->qp, &a,
			     IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_ACCESS_FLAGS);
}

void rtr_attr(const struct end *e, const struct end *peer, const struct pair_cfg *cfg,
	      struct ibv_qp_attr *a, int *mask)
{
	(void)e;
	*a = (struct ibv_qp_attr){ .qp_state = IBV_QPS_RTR,
				   .path_mtu = IBV_MTU_1024,
				   .dest_qp_num = peer->qp->qp_num,
				   .rq_psn = peer->psn,
				   .max_dest_rd_atomic = (uint8_t)cfg->rd_dest,
				   .min_rnr_timer = (uint8_t)cfg->rnr_timer };
	a->ah_attr.port_num = 1;
	a->ah_attr.dlid = conf.port.lid;
	a->ah_attr.is_global = conf.port.link_layer == IBV_LINK_LAYER_ETHERNET;
	a->ah_attr.grh.sgid_index = (uint8_t)conf.gid_index;
	a->ah_attr.grh.hop_limit = 64;
	ibv_query_gid(conf.ctx, 1, conf.gid_index, &a->ah_attr.grh.dgid);
	*mask = IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN |
		IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER;
}

void rts_attr(const struct end *e, const struct pair_cfg *cfg, struct ibv_qp_attr *a, int *mask)
{
	*a = (struct ibv_qp_attr){ .qp_state = IBV_QPS_RTS,
				   .sq_psn = e->psn,
				   .timeout = (uint8_t)cfg->timeout,
				   .retry_cnt = (uint8_t)cfg->retry,
				   .rnr_retry = (uint8_t)cfg->rnr_retry,
				   .max_rd_atomic = (uint8_t)cfg->rd_init };
	*mask = IBV_QP_STATE | IBV_QP_SQ_PSN | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT |
		IBV_QP_RNR_RETRY | IBV_QP_MAX_QP_RD_ATOMIC;
}

int to_rtr(struct end *e, const struct end *peer, const struct pair_cfg *cfg)
{
	struct ibv_qp_attr a;
	int mask;

	rtr_attr(e, peer, cfg, &a, &mask);
	return ibv_modify_qp(e->qp, &a, mask);
}

int to_rts(struct end *e, const struct pair_cfg *cfg)
{
	struct ibv_qp_attr a;
	int mask;

	rts_attr(e, cfg, &a, &mask);
	return ibv_modify_qp(e->qp, &a, mask);
}

int to_err(struct end *e)
{
	struct ibv_qp_attr a = { .qp_state = IBV_QPS_ERR };

	return ibv_modify_qp(e->qp, &a, IBV_QP_STATE);
}

enum ibv_qp_state query_state(struct ibv_qp *qp)
{
	struct ibv_qp_init_attr i;
	struct ibv_qp_attr a;

	return ibv_query_qp(qp, &a, IBV_QP_STATE, &i) ? IBV_QPS_UNKNOWN : a.qp_state;
}

enum ibv_qp_state state_of(struct end *e)
{
	return query_state(e->qp);
}

/* An RNIC may be in iWARP's TERMINATE, which verbs call SQE, and stay there. */
static bool broken(struct end *e)
{
	enum ibv_qp_state s = state_of(e);

	return s == IBV_QPS_ERR || (conf.iwarp && s == IBV_QPS_SQE);
}

/* Until it has broken; that takes TCP a while on iWARP. */
bool breaks(struct end *e)
{
	time_t until = time(NULL) + WAIT_S;

	while (!broken(e) && time(NULL) < until)
		sched_yield();
	return broken(e);
}

/* ---- work requests ---- */
struct ibv_sge sge_of(const struct end *e, uint32_t off, uint32_t len)
{
	return (struct ibv_sge){ .addr = (uintptr_t)e->buf + off,
				 .length = len,
				 .lkey = e->mr->lkey };
}

int post_wr(struct end *e, struct ibv_send_wr *wr)
{
	struct ibv_send_wr *bad = NULL;
	int rc = ibv_post_send(e->qp, wr, &bad);

	return rc ? rc : bad ? -1 : 0;
}

int do_send(struct end *e, uint64_t wr_id, enum ibv_wr_opcode op, uint32_t len, unsigned int flags)
{
	struct ibv_sge s = sge_of(e, 0, len);
	struct ibv_send_wr wr = { .wr_id = wr_id,
				  .sg_list = &s,
				  .num_sge = len ? 1 : 0,
				  .opcode = op,
				  .send_flags = flags,
				  .imm_data = 0x12345678 };

	return post_wr(e, &wr);
}

int do_rdma(struct end *e, uint64_t wr_id, enum ibv_wr_opcode op, uint32_t len, uint64_t raddr,
	    uint32_t rkey)
{
	struct ibv_sge s = sge_of(e, 0, len);
	struct ibv_send_wr wr = { .wr_id = wr_id,
				  .sg_list = &s,
				  .num_sge = len ? 1 : 0,
				  .opcode = op,
				  .send_flags = IBV_SEND_SIGNALED,
				  .imm_data = 0x12345678,
				  .wr.rdma = { .remote_addr = raddr, .rkey = rkey } };

	return post_wr(e, &wr);
}

int do_recv(struct end *e, uint64_t wr_id, uint32_t len)
{
	struct ibv_sge s = sge_of(e, 0, len);
	struct ibv_recv_wr wr = { .wr_id = wr_id, .sg_list = &s, .num_sge = len ? 1 : 0 };
	struct ibv_recv_wr *bad = NULL;

	return e->srq ? ibv_post_srq_recv(e->srq, &wr, &bad) : ibv_post_recv(e->qp, &wr, &bad);
}

int do_recvs(struct end *e, uint64_t first, int n, uint32_t len)
{
	int rc = 0;

	for (int i = 0; i < n && !rc; i++)
		rc = do_recv(e, first + (uint64_t)i, len);
	return rc;
}

/* ---- waiting ---- */
bool next_wc(struct ibv_cq *cq, struct ibv_wc *wc)
{
	time_t until = time(NULL) + WAIT_S;
	int n;

	do {
		n = ibv_poll_cq(cq, 1, wc);
	} while (!n && time(NULL) < until);
	if (n == 1)
		seen("completion %llu: %s", (unsigned long long)wc->wr_id,
		     ibv_wc_status_str(wc->status));
	else
		seen("completion: none");
	return n == 1;
}

bool expect_wc(struct ibv_cq *cq, uint64_t wr_id, enum ibv_wc_status status)
{
	struct ibv_wc wc;

	return next_wc(cq, &wc) && wc.wr_id == wr_id && wc.status == status;
}

bool cq_quiet(struct ibv_cq *cq)
{
	struct ibv_wc wc;

	return ibv_poll_cq(cq, 1, &wc) == 0;
}

bool readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

/* The next event of that type; others are dropped. */
bool expect_async(enum ibv_event_type type, void *element)
{
	struct ibv_async_event e;

	while (readable(conf.ctx->async_fd, WAIT_S * 1000)) {
		if (ibv_get_async_event(conf.ctx, &e))
			continue;
		ibv_ack_async_event(&e);
		if (e.event_type == type && (!element || e.element.qp == element))
			return true;
	}
	return false;
}

void drain_async(void)
{
	struct ibv_async_event e;

	while (!ibv_get_async_event(conf.ctx, &e))
		ibv_ack_async_event(&e);
}
