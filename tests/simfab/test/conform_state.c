/* Queue pair states: legal transitions, required attributes, what each state takes. */
#include "conform.h"

static int set_state(struct end *e, enum ibv_qp_state s)
{
	struct ibv_qp_attr a = { .qp_state = s };

	return ibv_modify_qp(e->qp, &a, IBV_QP_STATE);
}

static enum verdict init_needs_attributes(void)
{
	static const int all[] = { IBV_QP_PKEY_INDEX, IBV_QP_PORT, IBV_QP_ACCESS_FLAGS };
	struct ibv_qp_attr a = { .qp_state = IBV_QPS_INIT, .port_num = 1 };
	int mask = IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_ACCESS_FLAGS;
	struct pair p;

	if (conf.iwarp)
		return skipped("an RNIC's CM sets these");
	CHECK(pair_open(&p, &(struct pair_cfg){ .no_connect = true }));
	CHECK(!set_state(&p.a, IBV_QPS_RESET));
	for (size_t i = 0; i < 3; i++)
		CHECK(ibv_modify_qp(p.a.qp, &a, mask & ~all[i]) == EINVAL);
	CHECK(ibv_modify_qp(p.a.qp, &a, mask) == 0);
	CHECK(state_of(&p.a) == IBV_QPS_INIT);
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict rtr_needs_attributes(void)
{
	struct ibv_qp_attr a;
	struct pair p;
	int mask;

	if (conf.iwarp)
		return skipped("an RNIC's CM sets these");
	CHECK(pair_open(&p, &(struct pair_cfg){ .no_connect = true }));
	rtr_attr(&p.a, &p.b, &p.cfg, &a, &mask);
	for (int bit = 1; bit <= mask; bit <<= 1)
		if ((mask & bit) && bit != IBV_QP_STATE)
			CHECK(ibv_modify_qp(p.a.qp, &a, mask & ~bit) == EINVAL);
	CHECK(state_of(&p.a) == IBV_QPS_INIT);
	CHECK(ibv_modify_qp(p.a.qp, &a, mask) == 0);
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict rts_needs_attributes(void)
{
	struct ibv_qp_attr a;
	struct pair p;
	int mask;

	if (conf.iwarp)
		return skipped("an RNIC's CM sets these");
	CHECK(pair_open(&p, &(struct pair_cfg){ .no_connect = true }));
	CHECK(!to_rtr(&p.a, &p.b, &p.cfg));
	rts_attr(&p.a, &p.cfg, &a, &mask);
	for (int bit = 1; bit <= mask; bit <<= 1)
		if ((mask & bit) && bit != IBV_QP_STATE)
			CHECK(ibv_modify_qp(p.a.qp, &a, mask & ~bit) == EINVAL);
	CHECK(state_of(&p.a) == IBV_QPS_RTR);
	CHECK(ibv_modify_qp(p.a.qp, &a, mask) == 0);
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict extra_attribute_refused(void)
{
	struct ibv_qp_attr a;
	struct pair p;
	int mask;

	if (conf.iwarp)
		return skipped("an RNIC's CM sets these");
	CHECK(pair_open(&p, &(struct pair_cfg){ .no_connect = true }));
	rtr_attr(&p.a, &p.b, &p.cfg, &a, &mask);
	CHECK(ibv_modify_qp(p.a.qp, &a, mask | IBV_QP_SQ_PSN) == EINVAL);
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict no_shortcuts(void)
{
	struct pair p;

	CHECK(pair_open(&p, &(struct pair_cfg){ .no_connect = true }));
	if (!conf.iwarp)
		CHECK(to_rts(&p.a, &p.cfg) == EINVAL);
	CHECK(!set_state(&p.a, IBV_QPS_RESET));
	CHECK(to_rtr(&p.a, &p.b, &p.cfg) == EINVAL);
	CHECK(to_rts(&p.a, &p.cfg) == EINVAL);
	CHECK(state_of(&p.a) == IBV_QPS_RESET);
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict error_is_left_by_reset_only(void)
{
	struct pair p;

	CHECK(pair_open(&p, NULL));
	CHECK(!to_err(&p.a));
	CHECK(to_rts(&p.a, &p.cfg) == EINVAL);
	CHECK(to_init(&p.a, &p.cfg) == EINVAL);
	CHECK(!to_err(&p.a));
	CHECK(!set_state(&p.a, IBV_QPS_RESET));
	CHECK(!to_init(&p.a, &p.cfg));
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict values_are_checked(void)
{
	struct ibv_qp_attr a;
	struct pair p;
	int mask;

	CHECK(pair_open(&p, &(struct pair_cfg){ .no_connect = true }));
	rtr_attr(&p.a, &p.b, &p.cfg, &a, &mask);
	if (conf.dev.max_qp_rd_atom < 255) {
		a.max_dest_rd_atomic = (uint8_t)(conf.dev.max_qp_rd_atom + 1);
		CHECK(ibv_modify_qp(p.a.qp, &a, mask) != 0);
	}
	rtr_attr(&p.a, &p.b, &p.cfg, &a, &mask);
	if (conf.port.link_layer == IBV_LINK_LAYER_ETHERNET && !conf.iwarp) {
		a.ah_attr.is_global = 0;
		CHECK(ibv_modify_qp(p.a.qp, &a, mask) != 0);
	}
	CHECK(state_of(&p.a) == IBV_QPS_INIT);
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict query_tells(void)
{
	struct ibv_qp_init_attr i;
	struct ibv_qp_attr a;
	struct pair p;

	CHECK(pair_open(&p, &(struct pair_cfg){ .rd_init = 1, .timeout = 13 }));
	CHECK(!ibv_query_qp(p.a.qp, &a, IBV_QP_STATE | IBV_QP_DEST_QPN | IBV_QP_TIMEOUT, &i));
	CHECK(a.qp_state == IBV_QPS_RTS);
	if (!conf.iwarp) {
		CHECK(a.dest_qp_num == p.b.qp->qp_num);
		CHECK(a.timeout == 13 && a.max_rd_atomic == 1);
	}
	CHECK(a.cap.max_send_wr >= 16 && i.send_cq == p.a.scq);
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict send_needs_rts(void)
{
	struct ibv_send_wr second = { .wr_id = 2, .opcode = IBV_WR_SEND }, *bad = NULL;
	struct ibv_send_wr first = { .wr_id = 1, .opcode = IBV_WR_SEND, .next = &second };
	struct pair p;

	CHECK(pair_open(&p, &(struct pair_cfg){ .no_connect = true }));
	CHECK(ibv_post_send(p.a.qp, &first, &bad) != 0 && bad == &first);
	CHECK(!to_rtr(&p.a, &p.b, &p.cfg));
	bad = NULL;
	CHECK(ibv_post_send(p.a.qp, &first, &bad) != 0 && bad == &first);
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict receive_needs_init(void)
{
	struct pair p;

	CHECK(pair_open(&p, &(struct pair_cfg){ .no_connect = true }));
	CHECK(!do_recv(&p.a, 1, 64));
	CHECK(!set_state(&p.a, IBV_QPS_RESET));
	CHECK(do_recv(&p.a, 1, 64) != 0);
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict reset_forgets(void)
{
	struct pair p;

	CHECK(pair_open(&p, NULL));
	CHECK(!do_recvs(&p.b, 1, 4, 64));
	CHECK(!do_send(&p.a, 1, IBV_WR_SEND, 64, IBV_SEND_SIGNALED));
	CHECK(expect_wc(p.a.scq, 1, IBV_WC_SUCCESS));
	/* the receive completed too, but nobody has polled it */
	CHECK(!set_state(&p.b, IBV_QPS_RESET));
	CHECK(cq_quiet(p.b.rcq));
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict drained_queue_holds_sends(void)
{
	struct ibv_qp_attr a = { .qp_state = IBV_QPS_SQD, .en_sqd_async_notify = 1 };
	struct pair p;

	CHECK(pair_open(&p, NULL));
	if (ibv_modify_qp(p.a.qp, &a, IBV_QP_STATE | IBV_QP_EN_SQD_ASYNC_NOTIFY)) {
		CHECK(pair_close(&p));
		return skipped("the device has no SQD state");
	}
	CHECK(expect_async(IBV_EVENT_SQ_DRAINED, p.a.qp));
	CHECK(!do_recv(&p.b, 1, 64));
	CHECK(!do_send(&p.a, 1, IBV_WR_SEND, 64, IBV_SEND_SIGNALED));
	CHECK(cq_quiet(p.a.scq));
	CHECK(!set_state(&p.a, IBV_QPS_RTS));
	CHECK(expect_wc(p.a.scq, 1, IBV_WC_SUCCESS));
	CHECK(pair_close(&p));
	return PASS;
}

const struct check state_checks[] = {
	{ "state.init-needs-attributes", init_needs_attributes },
	{ "state.rtr-needs-attributes", rtr_needs_attributes },
	{ "state.rts-needs-attributes", rts_needs_attributes },
	{ "state.extra-attribute-refused", extra_attribute_refused },
	{ "state.no-shortcuts", no_shortcuts },
	{ "state.error-is-left-by-reset-only", error_is_left_by_reset_only },
	{ "state.values-are-checked", values_are_checked },
	{ "state.query-tells", query_tells },
	{ "state.send-needs-rts", send_needs_rts },
	{ "state.receive-needs-init", receive_needs_init },
	{ "state.reset-forgets", reset_forgets },
	{ "state.drained-queue-holds-sends", drained_queue_holds_sends },
	{ 0 },
};
