/* Checks of the faults themselves, both ends in this process: what simfab does when told. */
#include "faults.h"

#include "../simfab_test.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char purpose[] = "Check the faults of the simulated fabric";
const struct check *const groups[] = { fault_checks, fault_cm_checks, removal_checks, NULL };
char fault_answer[4096];

/* What never comes is given up soon, but not before what does come on a busy machine. */
__attribute__((constructor)) static void shorten(void)
{
	setenv("SIMFAB_CM_TIMEOUT_MS", "1500", 1);
}

int fault(const char *text)
{
	static int (*put)(const char *, char *, size_t);

	if (!put)
		*(void **)&put = dlsym(RTLD_DEFAULT, "simfab_fault");
	if (!put)
		die("no simulated fabric here");
	return put(text, fault_answer, sizeof(fault_answer));
}

static struct simfab_counters counters(void)
{
	static int (*get)(struct ibv_context *, struct simfab_counters *);
	struct simfab_counters c;

	*(void **)&get = dlsym(RTLD_DEFAULT, "simfab_device_counters");
	get(conf.ctx, &c);
	return c;
}

static bool done(struct pair *p)
{
	return fault("clear") == 1 && pair_close(p);
}

/* ---- grammar ---- */
static enum verdict wrong_statements(void)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{ "explode", "no action \"explode\", expected drop" },
		{ "drop kind=rtx", "no kind \"rtx\", expected send" },
		{ "drop kind=", "kind= is empty" },
		{ "drop n=0", "n=0: expected the number of an occasion" },
		{ "drop n=5-3", "n=5-3: expected" },
		{ "drop p=2", "p=2: expected a chance" },
		{ "drop by=1ms", "by= does not go with drop" },
		{ "drop sometimes", "\"sometimes\" is no KEY=VALUE" },
		{ "drop kinds=rtu", "no key \"kinds\"" },
		{ "drop kind=completion", "completions cannot be dropped" },
		{ "delay kind=ack", "delay needs by=" },
		{ "delay by=5", "by=5: expected a time" },
		{ "delay by=5ms..1ms", "by=5ms..1ms: expected" },
		{ "stall for=1", "for=1: expected a time such as" },
		{ "mute", "mute needs kind=" },
		{ "fail-post errno=EPIPE", "no errno \"EPIPE\", expected ENOMEM" },
		{ "kill-qp kind=recv", "say n= too" },
		{ "port-down device=4", "device=4: expected a number from 0 to 3" },
		{ "stall; explode", "no action" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK(fault(bad[i].text) == -1);
		if (!strstr(fault_answer, bad[i].says))
			return failed_at(__FILE__, __LINE__, fault_answer);
	}
	/* of wrong text nothing is taken */
	CHECK(fault("list") == 1 && !*fault_answer);
	return PASS;
}

static enum verdict statements_find_their_process(void)
{
	char mine[128];

	CHECK(fault("nobody: stall # and more; of it") == 0);
	CHECK(fault("# only a remark\n\n ;") == 0);
	snprintf(mine, sizeof(mine), "%s: mute kind=port; nobody: stall\n%d: mute kind=port",
		 program_invocation_short_name, (int)getpid());
	CHECK(fault(mine) == 2);
	CHECK(fault("list") == 1 && strstr(fault_answer, "mute kind=port: acting, seen 0, hit 0"));
	CHECK(fault("clear; list") == 2 && !*fault_answer);
	return PASS;
}

/* ---- packets ---- */
static bool exchange(struct pair *p, uint64_t id)
{
	return !do_recv(&p->b, id, 4096) &&
	       !do_send(&p->a, id, IBV_WR_SEND, 64, IBV_SEND_SIGNALED) &&
	       expect_wc(p->a.scq, id, IBV_WC_SUCCESS) && expect_wc(p->b.rcq, id, IBV_WC_SUCCESS);
}

static enum verdict lossy(const char *text)
{
	struct simfab_counters before = counters(), after;
	struct pair p;

	CHECK(pair_open(&p, &(struct pair_cfg){ .timeout = 8 }));
	FAULT(text);
	for (uint64_t i = 0; i < 200; i++) {
		memset(p.a.buf, (int)i, 4096);
		CHECK(exchange(&p, i) && p.b.buf[0] == (uint8_t)i);
	}
	/* a READ that was repeated may still be answered when it is complete: write no more */
	for (size_t i = 4096; i < p.b.len; i++)
		p.b.buf[i] = (uint8_t)(i * 7);
	for (uint64_t i = 0; i < 20; i++) {
		CHECK(!do_rdma(&p.a, i, IBV_WR_RDMA_READ, 60000, (uintptr_t)p.b.buf + 4096 + i,
			       p.b.mr->rkey));
		CHECK(expect_wc(p.a.scq, i, IBV_WC_SUCCESS));
		CHECK(!memcmp(p.a.buf, p.b.buf + 4096 + i, 60000));
	}
	CHECK(done(&p));
	after = counters();
	CHECK(after.timeouts + after.seq_nak_rcvd > before.timeouts + before.seq_nak_rcvd);
	return PASS;
}

static enum verdict loss_is_repaired(void)
{
	CHECK(fault("seed=7") == 1);
	return lossy("drop kind=data p=0.02");
}

static enum verdict loss_on_arrival_is_repaired(void)
{
	CHECK(fault("seed=8") == 1);
	return lossy("drop-in kind=data p=0.02");
}

static enum verdict lost_acknowledgements_are_fatal(void)
{
	struct pair p;

	CHECK(pair_open(&p, &(struct pair_cfg){ .timeout = 1, .retry = 1 }));
	FAULT("drop kind=ack");
	CHECK(!do_recv(&p.b, 1, 64));
	CHECK(!do_send(&p.a, 1, IBV_WR_SEND, 64, IBV_SEND_SIGNALED));
	CHECK(expect_wc(p.b.rcq, 1, IBV_WC_SUCCESS)); /* it did arrive */
	CHECK(expect_wc(p.a.scq, 1, IBV_WC_RETRY_EXC_ERR));
	CHECK(done(&p));
	return PASS;
}

/* The READ waits, and what was posted behind it does not pass. */
static enum verdict delay_keeps_order(void)
{
	struct pair p;

	CHECK(pair_open(&p, &(struct pair_cfg){ .timeout = 20 }));
	FAULT("delay kind=read-resp by=20ms n=1");
	CHECK(!do_recv(&p.b, 2, 64));
	CHECK(!do_rdma(&p.a, 1, IBV_WR_RDMA_READ, 64, (uintptr_t)p.b.buf, p.b.mr->rkey));
	CHECK(!do_send(&p.a, 2, IBV_WR_SEND, 64, IBV_SEND_SIGNALED));
	CHECK(expect_wc(p.a.scq, 1, IBV_WC_SUCCESS) && expect_wc(p.a.scq, 2, IBV_WC_SUCCESS));
	CHECK(fault("list") == 1 && strstr(fault_answer, "hit 1"));
	CHECK(done(&p));
	return PASS;
}

static enum verdict delayed_completions(void)
{
	struct pair p;

	CHECK(pair_open(&p, &(struct pair_cfg){ .channel = true }));
	CHECK(!ibv_req_notify_cq(p.a.scq, 0));
	FAULT("delay kind=completion by=1000s");
	CHECK(!do_recvs(&p.b, 1, 2, 64));
	CHECK(!do_send(&p.a, 1, IBV_WR_SEND, 64, IBV_SEND_SIGNALED));
	CHECK(!do_send(&p.a, 2, IBV_WR_SEND, 64, IBV_SEND_SIGNALED));
	do {
		CHECK(cq_quiet(p.b.rcq) && fault("list") == 1);
	} while (!strstr(fault_answer, "seen 4"));
	CHECK(cq_quiet(p.a.scq) && !readable(p.a.ch->fd, 0));
	FAULT("clear");
	CHECK(readable(p.a.ch->fd, 30000));
	CHECK(expect_wc(p.a.scq, 1, IBV_WC_SUCCESS) && expect_wc(p.a.scq, 2, IBV_WC_SUCCESS));
	CHECK(expect_wc(p.b.rcq, 1, IBV_WC_SUCCESS) && expect_wc(p.b.rcq, 2, IBV_WC_SUCCESS));
	CHECK(done(&p));
	return PASS;
}

static enum verdict stalled_fabric_goes_on(void)
{
	struct pair p;

	CHECK(pair_open(&p, &(struct pair_cfg){ .timeout = 1, .retry = 1 }));
	CHECK(!do_recv(&p.b, 1, 64));
	FAULT("stall");
	CHECK(!do_send(&p.a, 1, IBV_WR_SEND, 64, IBV_SEND_SIGNALED));
	for (int i = 0; i < 100000; i++)
		CHECK(cq_quiet(p.a.scq) && cq_quiet(p.b.rcq));
	FAULT("clear");
	CHECK(expect_wc(p.a.scq, 1, IBV_WC_SUCCESS) && expect_wc(p.b.rcq, 1, IBV_WC_SUCCESS));
	FAULT("stall for=20ms");
	CHECK(exchange(&p, 2));
	CHECK(done(&p));
	return PASS;
}

static enum verdict port_comes_back(void)
{
	struct ibv_port_attr a;
	struct pair p;

	CHECK(pair_open(&p, &(struct pair_cfg){ .timeout = 12 }));
	FAULT("port-down for=50ms");
	CHECK(expect_async(IBV_EVENT_PORT_ERR, NULL));
	CHECK(exchange(&p, 1));
	CHECK(expect_async(IBV_EVENT_PORT_ACTIVE, NULL));
	CHECK(!ibv_query_port(conf.ctx, 1, &a) && a.state == IBV_PORT_ACTIVE);
	CHECK(done(&p));
	return PASS;
}

/* ---- posts ---- */
static enum verdict nth_send_post_fails(void)
{
	struct ibv_send_wr wr[4] = { 0 }, *bad = NULL;
	struct pair p;

	CHECK(pair_open(&p, NULL));
	for (int i = 0; i < 4; i++) {
		wr[i].wr_id = (uint64_t)i;
		wr[i].opcode = IBV_WR_SEND;
		wr[i].send_flags = IBV_SEND_SIGNALED;
		wr[i].next = i < 3 ? &wr[i + 1] : NULL;
	}
	FAULT("fail-post kind=send n=3");
	CHECK(!do_recvs(&p.b, 0, 8, 64));
	CHECK(ibv_post_send(p.a.qp, wr, &bad) == ENOMEM && bad == &wr[2]);
	CHECK(!ibv_post_send(p.a.qp, bad, &bad)); /* what is left goes through */
	for (uint64_t i = 0; i < 4; i++)
		CHECK(expect_wc(p.a.scq, i, IBV_WC_SUCCESS));
	CHECK(done(&p));
	return PASS;
}

static enum verdict nth_receive_post_fails(void)
{
	struct pair p;

	CHECK(pair_open(&p, NULL));
	FAULT("fail-post kind=recv n=2- errno=EIO");
	CHECK(!do_recv(&p.b, 0, 64) && do_recv(&p.b, 1, 64) == EIO && do_recv(&p.b, 1, 64) == EIO);
	FAULT("clear");
	CHECK(!do_recv(&p.b, 1, 64));
	CHECK(done(&p));
	if (!conf.dev.max_srq)
		return PASS;
	CHECK(pair_open(&p, &(struct pair_cfg){ .srq = true }));
	FAULT("fail-post kind=srq n=2");
	CHECK(!do_recv(&p.b, 0, 64) && do_recv(&p.b, 1, 64) == ENOMEM && !do_recv(&p.b, 1, 64));
	CHECK(done(&p));
	return PASS;
}

/* ---- queue pairs ---- */
static enum verdict killed_after_completions(void)
{
	struct pair p;

	CHECK(pair_open(&p, NULL));
	CHECK(!do_recvs(&p.a, 100, 2, 64) && !do_recvs(&p.b, 0, 8, 64));
	FAULT("kill-qp kind=send n=3");
	for (uint64_t i = 0; i < 3; i++) {
		CHECK(!do_send(&p.a, i, IBV_WR_SEND, 64, IBV_SEND_SIGNALED));
		CHECK(expect_wc(p.a.scq, i, IBV_WC_SUCCESS));
	}
	CHECK(expect_async(IBV_EVENT_QP_FATAL, p.a.qp));
	CHECK(expect_wc(p.a.rcq, 100, IBV_WC_WR_FLUSH_ERR));
	CHECK(expect_wc(p.a.rcq, 101, IBV_WC_WR_FLUSH_ERR));
	CHECK(state_of(&p.a) == IBV_QPS_ERR && state_of(&p.b) == IBV_QPS_RTS);
	CHECK(done(&p));
	return PASS;
}

static enum verdict killed_now(void)
{
	struct pair p;

	CHECK(pair_open(&p, NULL));
	CHECK(!do_recv(&p.b, 1, 64));
	FAULT("kill-qp after=1ms");
	CHECK(expect_async(IBV_EVENT_QP_FATAL, NULL) && expect_async(IBV_EVENT_QP_FATAL, NULL));
	CHECK(expect_wc(p.b.rcq, 1, IBV_WC_WR_FLUSH_ERR));
	CHECK(state_of(&p.a) == IBV_QPS_ERR && state_of(&p.b) == IBV_QPS_ERR);
	CHECK(done(&p));
	return PASS;
}

static enum verdict flush_never_and_late(void)
{
	struct pair p;

	CHECK(pair_open(&p, NULL));
	FAULT("no-flush");
	CHECK(!do_recv(&p.a, 1, 64) && !do_send(&p.a, 2, IBV_WR_SEND, 64, 0));
	CHECK(!to_err(&p.a));
	CHECK(!do_send(&p.a, 3, IBV_WR_SEND, 64, 0));
	for (int i = 0; i < 10000; i++)
		CHECK(cq_quiet(p.a.rcq) && cq_quiet(p.a.scq));
	FAULT("clear");
	CHECK(expect_wc(p.a.scq, 2, IBV_WC_WR_FLUSH_ERR));
	CHECK(expect_wc(p.a.scq, 3, IBV_WC_WR_FLUSH_ERR));
	CHECK(expect_wc(p.a.rcq, 1, IBV_WC_WR_FLUSH_ERR));
	CHECK(pair_close(&p));
	return PASS;
}

static enum verdict last_wqe_is_muted(void)
{
	struct pair p;

	if (!conf.dev.max_srq)
		return skipped("the device has no SRQ");
	CHECK(pair_open(&p, &(struct pair_cfg){ .srq = true }));
	FAULT("mute kind=last-wqe,comm-est n=1");
	CHECK(!to_err(&p.b));
	CHECK(!readable(conf.ctx->async_fd, 0));
	CHECK(fault("list") == 1 && strstr(fault_answer, "hit 1"));
	CHECK(!to_err(&p.a) && expect_async(IBV_EVENT_QP_LAST_WQE_REACHED, p.a.qp));
	CHECK(done(&p));
	return PASS;
}

const struct check fault_checks[] = {
	{ "fault.wrong-statements", wrong_statements },
	{ "fault.statements-find-their-process", statements_find_their_process },
	{ "fault.loss-is-repaired", loss_is_repaired },
	{ "fault.loss-on-arrival-is-repaired", loss_on_arrival_is_repaired },
	{ "fault.lost-acknowledgements-are-fatal", lost_acknowledgements_are_fatal },
	{ "fault.delay-keeps-order", delay_keeps_order },
	{ "fault.delayed-completions", delayed_completions },
	{ "fault.stalled-fabric-goes-on", stalled_fabric_goes_on },
	{ "fault.port-comes-back", port_comes_back },
	{ "fault.nth-send-post-fails", nth_send_post_fails },
	{ "fault.nth-receive-post-fails", nth_receive_post_fails },
	{ "fault.killed-after-completions", killed_after_completions },
	{ "fault.killed-now", killed_now },
	{ "fault.flush-never-and-late", flush_never_and_late },
	{ "fault.last-wqe-is-muted", last_wqe_is_muted },
	{ 0 },
};
