/*
 * simfab-bench: the bare exchange of one SRP read, without SRP.  The initiator SENDs 64
 * bytes, the target answers with an RDMA WRITE of the data and a SEND of 36 bytes; both
 * poll busily.  By default both processes are made here; -s and -c start one of them.
 *
 * Besides the rate it prints what does not depend on the machine's speed: polls and
 * fabric packets per exchange, voluntary context switches.
 */
#include "util.h"
#include "../simfab_test.h"

#include <dlfcn.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define REQ_BYTES 64
#define RSP_BYTES 36
#define BATCH	  32
/* A receive comes back with the completion of its answer, which the next request may
 * overtake: twice the depth, and one for the goodbye, or requests meet no receive. */
#define SLOTS (2 * opt.depth + 1)

struct request { /* first bytes of the 64 */
	uint64_t addr;
	uint32_t rkey, tag;
};

static struct {
	unsigned int depth;
	uint32_t size;
	uint64_t count;
	double seconds;
	const char *addr;
	uint16_t port;
} opt = { .depth = 32, .size = 4096, .count = 0, .seconds = 3, .addr = "127.0.0.1" };

struct side {
	struct rdma_event_channel *ch;
	struct rdma_cm_id *id;
	struct ibv_cq *cq;
	struct ibv_srq *srq;
	struct ibv_mr *req_mr, *rsp_mr, *data_mr;
	uint8_t *req, *rsp, *data;
	uint64_t polls, done;
};

static uint8_t *region(struct ibv_pd *pd, size_t len, int access, struct ibv_mr **mr)
{
	uint8_t *p = NULL;

	if (posix_memalign((void **)&p, 4096, len))
		die("posix_memalign");
	memset(p, 0, len);
	*mr = ibv_reg_mr(pd, p, len, access);
	if (!*mr)
		die("ibv_reg_mr");
	return p;
}

static void set_up(struct side *s, bool target)
{
	struct ibv_pd *pd = s->id->pd;
	struct ibv_srq_init_attr sa = { .attr = { .max_wr = SLOTS, .max_sge = 1 } };
	struct ibv_qp_init_attr qa = { .qp_type = IBV_QPT_RC };
	int rw = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE;

	s->cq = ibv_create_cq(s->id->verbs, (int)(6 * opt.depth), NULL, NULL, 0);
	if (!s->cq)
		die("ibv_create_cq");
	if (target)
		s->srq = ibv_create_srq(pd, &sa);
	qa.send_cq = qa.recv_cq = s->cq;
	qa.srq = s->srq;
	qa.cap = (struct ibv_qp_cap){ .max_send_wr = 4 * opt.depth,
				      .max_send_sge = 1,
				      .max_recv_wr = 2 * opt.depth,
				      .max_recv_sge = 1 };
	if (rdma_create_qp(s->id, pd, &qa))
		die("rdma_create_qp");
	s->req = region(pd, (size_t)SLOTS * REQ_BYTES, IBV_ACCESS_LOCAL_WRITE, &s->req_mr);
	s->rsp = region(pd, (size_t)SLOTS * RSP_BYTES, IBV_ACCESS_LOCAL_WRITE, &s->rsp_mr);
	s->data = region(pd, (size_t)SLOTS * opt.size, rw, &s->data_mr);
}

static void tear_down(struct side *s)
{
	rdma_destroy_qp(s->id);
	if (s->srq)
		ibv_destroy_srq(s->srq);
	ibv_destroy_cq(s->cq);
	ibv_dereg_mr(s->req_mr);
	ibv_dereg_mr(s->rsp_mr);
	ibv_dereg_mr(s->data_mr);
	free(s->req);
	free(s->rsp);
	free(s->data);
	rdma_destroy_id(s->id);
	rdma_destroy_event_channel(s->ch);
}

/* ---- target ---- */
static void target_recv(struct side *s, uint64_t slot)
{
	struct ibv_sge g = { .addr = (uintptr_t)s->req + slot * REQ_BYTES,
			     .length = REQ_BYTES,
			     .lkey = s->req_mr->lkey };
	struct ibv_recv_wr wr = { .wr_id = slot, .sg_list = &g, .num_sge = 1 }, *bad;

	if (ibv_post_srq_recv(s->srq, &wr, &bad))
		die("ibv_post_srq_recv");
}

static void target_answer(struct side *s, uint64_t slot)
{
	const struct request *r = (const void *)(s->req + slot * REQ_BYTES);
	struct ibv_sge data = { .addr = (uintptr_t)s->data + slot * opt.size,
				.length = opt.size,
				.lkey = s->data_mr->lkey };
	struct ibv_sge rsp = { .addr = (uintptr_t)s->rsp + slot * RSP_BYTES,
			       .length = RSP_BYTES,
			       .lkey = s->rsp_mr->lkey };
	struct ibv_send_wr send = { .wr_id = slot,
				    .sg_list = &rsp,
				    .num_sge = 1,
				    .opcode = IBV_WR_SEND,
				    .send_flags = IBV_SEND_SIGNALED };
	struct ibv_send_wr write = { .next = &send,
				     .sg_list = &data,
				     .num_sge = 1,
				     .opcode = IBV_WR_RDMA_WRITE,
				     .wr.rdma = { .remote_addr = r->addr, .rkey = r->rkey } };
	struct ibv_send_wr *bad;

	memcpy(s->rsp + slot * RSP_BYTES, &r->tag, sizeof(r->tag));
	memcpy(s->data + slot * opt.size, &r->tag, sizeof(r->tag));
	if (ibv_post_send(s->id->qp, &write, &bad))
		die("ibv_post_send");
}

static void target_loop(struct side *s)
{
	struct ibv_wc wc[BATCH];
	int n = 0;

	while (n >= 0) {
		n = ibv_poll_cq(s->cq, BATCH, wc);
		for (int i = 0; i < n; i++) {
			if (wc[i].status != IBV_WC_SUCCESS)
				return;
			if (wc[i].opcode != IBV_WC_RECV)
				target_recv(s, wc[i].wr_id);
			else if (wc[i].byte_len)
				target_answer(s, wc[i].wr_id);
			else
				return;
		}
		s->polls++;
	}
}

static void run_target(int port_fd)
{
	struct side s = { .ch = rdma_create_event_channel() };
	struct rdma_cm_id *listener;

	if (!s.ch)
		die("rdma_create_event_channel");
	listener = listen_on(s.ch, opt.addr, opt.port);
	opt.port = port_of(listener);
	if (port_fd >= 0 && write(port_fd, &opt.port, sizeof(opt.port)) != sizeof(opt.port))
		die("write");
	if (port_fd < 0)
		printf("port %u\n", opt.port);
	s.id = expect_event(s.ch, RDMA_CM_EVENT_CONNECT_REQUEST)->id;
	set_up(&s, true);
	for (uint64_t i = 0; i < SLOTS; i++)
		target_recv(&s, i);
	if (rdma_accept(s.id, NULL))
		die("rdma_accept");
	expect_event(s.ch, RDMA_CM_EVENT_ESTABLISHED);
	target_loop(&s);
	expect_event(s.ch, RDMA_CM_EVENT_DISCONNECTED);
	rdma_disconnect(s.id);
	rdma_destroy_id(listener);
	tear_down(&s);
}

/* ---- initiator ---- */
static void initiator_recv(struct side *s, uint64_t slot)
{
	struct ibv_sge g = { .addr = (uintptr_t)s->rsp + slot * RSP_BYTES,
			     .length = RSP_BYTES,
			     .lkey = s->rsp_mr->lkey };
	struct ibv_recv_wr wr = { .wr_id = slot, .sg_list = &g, .num_sge = 1 }, *bad;

	if (ibv_post_recv(s->id->qp, &wr, &bad))
		die("ibv_post_recv");
}

static void initiator_send(struct side *s, uint64_t slot, uint32_t tag)
{
	struct request *r = (void *)(s->req + slot * REQ_BYTES);
	struct ibv_sge g = { .addr = (uintptr_t)r, .length = REQ_BYTES, .lkey = s->req_mr->lkey };
	struct ibv_send_wr wr = { .wr_id = slot,
				  .sg_list = &g,
				  .num_sge = 1,
				  .opcode = IBV_WR_SEND },
			   *bad;

	r->addr = (uintptr_t)s->data + slot * opt.size;
	r->rkey = s->data_mr->rkey;
	r->tag = tag;
	if (opt.depth < 4 || tag % (opt.depth / 2) == 0)
		wr.send_flags = IBV_SEND_SIGNALED;
	if (ibv_post_send(s->id->qp, &wr, &bad))
		die("ibv_post_send");
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

static bool enough(const struct side *s, double until)
{
	if (opt.count)
		return s->done >= opt.count;
	return !(s->polls & 1023) && now() > until;
}

static void handle_wc(struct side *s, const struct ibv_wc *wc)
{
	uint32_t got, data;
	uint64_t slot;

	if (wc->status != IBV_WC_SUCCESS) {
		fprintf(stderr, "completion: %s\n", ibv_wc_status_str(wc->status));
		exit(1);
	}
	if (wc->opcode != IBV_WC_RECV)
		return;
	memcpy(&got, s->rsp + wc->wr_id * RSP_BYTES, sizeof(got));
	slot = got % opt.depth;
	memcpy(&data, s->data + slot * opt.size, sizeof(data));
	if (data != got) {
		fprintf(stderr, "exchange %u: wrong data\n", got);
		exit(1);
	}
	s->done++;
	initiator_recv(s, wc->wr_id);
	initiator_send(s, slot, got + opt.depth);
}

static void initiator_loop(struct side *s)
{
	double until = now() + opt.seconds;
	struct ibv_wc wc[BATCH];
	int n;

	for (uint32_t i = 0; i < opt.depth; i++)
		initiator_send(s, i, i);
	while (!enough(s, until)) {
		n = ibv_poll_cq(s->cq, BATCH, wc);
		for (int i = 0; i < n; i++)
			handle_wc(s, &wc[i]);
		s->polls++;
	}
}

/* An empty message tells the target that it was the last; in flight ones are dropped. */
static void say_goodbye(struct side *s)
{
	struct ibv_send_wr wr = { .wr_id = UINT64_MAX,
				  .opcode = IBV_WR_SEND,
				  .send_flags = IBV_SEND_SIGNALED },
			   *bad;
	struct ibv_wc wc = { 0 };

	if (ibv_post_send(s->id->qp, &wr, &bad))
		die("ibv_post_send");
	while (wc.wr_id != UINT64_MAX)
		if (ibv_poll_cq(s->cq, 1, &wc) < 0)
			die("ibv_poll_cq");
}

static void report(const struct side *s, double took)
{
	int (*counters)(struct ibv_context *, struct simfab_counters *) =
		(int (*)(struct ibv_context *, struct simfab_counters *))(
			uintptr_t)dlsym(RTLD_DEFAULT, "simfab_device_counters");
	struct simfab_counters c = { 0 };
	struct rusage ru;
	double n = (double)s->done;

	getrusage(RUSAGE_SELF, &ru);
	printf("exchanges %llu in %.2f s: %.0f/s, depth %u, %u bytes\n",
	       (unsigned long long)s->done, took, n / took, opt.depth, opt.size);
	printf("per exchange: %.2f polls", (double)s->polls / n);
	if (counters && !counters(s->id->verbs, &c))
		printf(", %.2f packets sent, %.2f received; %llu RNR NAKs, %llu timeouts",
		       (double)c.tx_packets / n, (double)c.rx_packets / n,
		       (unsigned long long)c.rnr_nak_rcvd, (unsigned long long)c.timeouts);
	printf("; context switches %ld voluntary, %ld forced\n", ru.ru_nvcsw, ru.ru_nivcsw);
}

static void run_initiator(void)
{
	struct side s = { .ch = rdma_create_event_channel() };
	struct rdma_conn_param p = { .retry_count = 7, .rnr_retry_count = 7 };
	double start;

	if (!s.ch)
		die("rdma_create_event_channel");
	s.id = resolve(s.ch, NULL, opt.addr, opt.port);
	set_up(&s, false);
	for (uint64_t i = 0; i < opt.depth; i++)
		initiator_recv(&s, i);
	if (rdma_connect(s.id, &p))
		die("rdma_connect");
	expect_event(s.ch, RDMA_CM_EVENT_ESTABLISHED);
	start = now();
	initiator_loop(&s);
	report(&s, now() - start);
	say_goodbye(&s);
	rdma_disconnect(s.id);
	expect_event(s.ch, RDMA_CM_EVENT_DISCONNECTED);
	tear_down(&s);
}

static int run_both(void)
{
	int fd[2], status;
	pid_t pid;

	if (pipe(fd))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		run_target(fd[1]);
		exit(0);
	}
	if (read(fd[0], &opt.port, sizeof(opt.port)) != sizeof(opt.port))
		die("target");
	run_initiator();
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static void usage(void)
{
	puts("usage: simfab-run simfab-bench [-s | -c ADDR] [-p PORT] [-d DEPTH] [-b BYTES]\n"
	     "                               [-n COUNT | -t SECONDS]\n"
	     "Rate of bare SRP read exchanges between two busy-polling processes.\n"
	     "Without -s (target) or -c (initiator) it starts both.");
}

int main(int argc, char **argv)
{
	bool server = false, client = false;
	int c;

	while ((c = getopt(argc, argv, "sc:p:d:b:n:t:h")) != -1) {
		switch (c) {
		case 's':
			server = true;
			break;
		case 'c':
			client = true;
			opt.addr = optarg;
			break;
		case 'p':
			opt.port = (uint16_t)atoi(optarg);
			break;
		case 'd':
			opt.depth = (unsigned int)atoi(optarg);
			break;
		case 'b':
			opt.size = (uint32_t)atoi(optarg);
			break;
		case 'n':
			opt.count = strtoull(optarg, NULL, 10);
			break;
		case 't':
			opt.seconds = atof(optarg);
			break;
		case 'h':
			usage();
			return 0;
		default:
			usage();
			return 2;
		}
	}
	if (!opt.depth || opt.size < 4)
		return 2;
	if (server)
		run_target(-1);
	else if (client)
		run_initiator();
	else
		return run_both();
	return 0;
}
