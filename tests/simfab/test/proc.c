/*
 * What concerns processes: death, idleness, leaks, neighbours; and the hooks of
 * simfab_test.h.  The peer is forked before the library is first used.
 */
#include "../simfab_test.h"
#include "util.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ADDR "127.0.0.1"
#define NEED(cond)                                                                           \
	do {                                                                                 \
		if (!(cond)) {                                                               \
			fprintf(stderr, "%s:%d: %s (errno %s)\n", __FILE__, __LINE__, #cond, \
				strerror(errno));                                            \
			exit(1);                                                             \
		}                                                                            \
	} while (0)

struct conn {
	struct rdma_event_channel *ch;
	struct rdma_cm_id *id, *listener;
	struct ibv_cq *cq;
	struct ibv_comp_channel *cc;
	struct ibv_mr *mr;
	uint8_t buf[4096];
};

static struct conn *conn_new(void)
{
	struct conn *c = calloc(1, sizeof(*c));

	NEED(c && (c->ch = rdma_create_event_channel()));
	return c;
}

static void make_qp(struct conn *c)
{
	struct ibv_qp_init_attr a = { .qp_type = IBV_QPT_RC,
				      .cap = { .max_send_wr = 16,
					       .max_recv_wr = 16,
					       .max_send_sge = 1,
					       .max_recv_sge = 1 } };

	NEED(c->cc = ibv_create_comp_channel(c->id->verbs));
	NEED(c->cq = ibv_create_cq(c->id->verbs, 64, NULL, c->cc, 0));
	a.send_cq = a.recv_cq = c->cq;
	NEED(!rdma_create_qp(c->id, NULL, &a));
	NEED(c->mr = ibv_reg_mr(c->id->pd, c->buf, sizeof(c->buf),
				IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE));
}

static void conn_free(struct conn *c)
{
	if (c->mr)
		NEED(!ibv_dereg_mr(c->mr));
	if (c->id && c->id->qp)
		rdma_destroy_qp(c->id);
	if (c->cq)
		NEED(!ibv_destroy_cq(c->cq));
	if (c->cc)
		NEED(!ibv_destroy_comp_channel(c->cc));
	if (c->id)
		NEED(!rdma_destroy_id(c->id));
	if (c->listener)
		NEED(!rdma_destroy_id(c->listener));
	rdma_destroy_event_channel(c->ch);
	free(c);
}

static void post_recv(struct conn *c, uint64_t id)
{
	struct ibv_sge s = { .addr = (uintptr_t)c->buf, .length = 64, .lkey = c->mr->lkey };
	struct ibv_recv_wr wr = { .wr_id = id, .sg_list = &s, .num_sge = 1 }, *bad;

	NEED(!ibv_post_recv(c->id->qp, &wr, &bad));
}

static void post_send(struct conn *c, uint64_t id)
{
	struct ibv_sge s = { .addr = (uintptr_t)c->buf, .length = 64, .lkey = c->mr->lkey };
	struct ibv_send_wr wr = { .wr_id = id,
				  .sg_list = &s,
				  .num_sge = 1,
				  .opcode = IBV_WR_SEND,
				  .send_flags = IBV_SEND_SIGNALED },
			   *bad;

	NEED(!ibv_post_send(c->id->qp, &wr, &bad));
}

static enum ibv_wc_status wait_wc(struct conn *c, uint64_t id)
{
	time_t until = time(NULL) + 20;
	struct ibv_wc wc;
	int n = 0;

	while (!n && time(NULL) < until)
		n = ibv_poll_cq(c->cq, 1, &wc);
	NEED(n == 1);
	NEED(wc.wr_id == id);
	return wc.status;
}

/* ---- the peer process ---- */
struct peer {
	pid_t pid;
	int to, from; /* pipes */
	uint16_t port;
};

static void say(int fd, uint16_t v)
{
	NEED(write(fd, &v, sizeof(v)) == sizeof(v));
}

static uint16_t hear(int fd)
{
	uint16_t v;

	if (read(fd, &v, sizeof(v)) != sizeof(v))
		exit(0); /* the other end is gone: so are we */
	return v;
}

static struct peer spawn(void (*run)(int in, int out))
{
	int in[2], out[2];
	struct peer p;

	NEED(!pipe2(in, O_CLOEXEC) && !pipe2(out, O_CLOEXEC));
	p.pid = fork();
	NEED(p.pid >= 0);
	if (!p.pid) {
		close(in[1]);
		close(out[0]);
		run(in[0], out[1]);
		exit(0);
	}
	close(in[0]);
	close(out[1]);
	p.to = in[1];
	p.from = out[0];
	p.port = hear(p.from);
	return p;
}

static void finish(struct peer *p)
{
	int status;

	close(p->to);
	NEED(waitpid(p->pid, &status, 0) == p->pid);
	close(p->from);
	NEED(WIFEXITED(status) && !WEXITSTATUS(status));
}

static void kill_peer(struct peer *p)
{
	NEED(!kill(p->pid, SIGKILL) && waitpid(p->pid, NULL, 0) == p->pid);
	close(p->to);
	close(p->from);
}

static void accept_one(struct conn *c)
{
	c->id = expect_event(c->ch, RDMA_CM_EVENT_CONNECT_REQUEST)->id;
	make_qp(c);
	post_recv(c, 1);
	NEED(!rdma_accept(c->id, NULL));
	expect_event(c->ch, RDMA_CM_EVENT_ESTABLISHED);
}

static void target_one(int in, int out)
{
	struct conn *c = conn_new();

	c->listener = listen_on(c->ch, ADDR, 0);
	say(out, port_of(c->listener));
	accept_one(c);
	say(out, 1);
	hear(in);
}

static void target_silent(int in, int out)
{
	struct conn *c = conn_new();

	c->listener = listen_on(c->ch, ADDR, 0);
	say(out, port_of(c->listener));
	c->id = expect_event(c->ch, RDMA_CM_EVENT_CONNECT_REQUEST)->id;
	say(out, 1);
	hear(in);
}

static void start_connect(struct conn *c, uint16_t port)
{
	struct rdma_conn_param p = { .retry_count = 7, .rnr_retry_count = 7 };

	c->id = resolve(c->ch, NULL, ADDR, port);
	make_qp(c);
	NEED(!rdma_connect(c->id, &p));
}

/* ---- cases ---- */
static void kill_connected(void)
{
	struct peer p = spawn(target_one);
	struct conn *c = conn_new();

	start_connect(c, p.port);
	expect_event(c->ch, RDMA_CM_EVENT_ESTABLISHED);
	hear(p.from);
	post_send(c, 1);
	NEED(wait_wc(c, 1) == IBV_WC_SUCCESS);
	post_send(c, 2); /* meets no receive: outstanding while the peer dies */
	post_send(c, 3);
	kill_peer(&p);
	expect_event(c->ch, RDMA_CM_EVENT_DISCONNECTED);
	NEED(wait_wc(c, 2) == IBV_WC_RETRY_EXC_ERR);
	NEED(wait_wc(c, 3) == IBV_WC_WR_FLUSH_ERR);
	NEED(!rdma_disconnect(c->id));
	conn_free(c);
}

static void post_after_death(void)
{
	struct peer p = spawn(target_one);
	struct conn *c = conn_new();

	start_connect(c, p.port);
	expect_event(c->ch, RDMA_CM_EVENT_ESTABLISHED);
	kill_peer(&p);
	expect_event(c->ch, RDMA_CM_EVENT_DISCONNECTED);
	post_send(c, 2);
	NEED(wait_wc(c, 2) == IBV_WC_RETRY_EXC_ERR);
	conn_free(c);
}

static void kill_before_accept(void)
{
	struct peer p = spawn(target_silent);
	struct conn *c = conn_new();

	start_connect(c, p.port);
	hear(p.from);
	kill_peer(&p);
	NEED(expect_event(c->ch, RDMA_CM_EVENT_REJECTED)->status == 28);
	conn_free(c);
	/* and now nobody listens */
	c = conn_new();
	start_connect(c, p.port);
	NEED(expect_event(c->ch, RDMA_CM_EVENT_REJECTED)->status == 8);
	conn_free(c);
}

/* Nobody answers the request: the CM gives up. */
static void unreachable(void)
{
	struct peer p;
	struct conn *c;

	setenv("SIMFAB_CM_TIMEOUT_MS", "50", 1);
	p = spawn(target_silent);
	c = conn_new();
	start_connect(c, p.port);
	NEED(expect_event(c->ch, RDMA_CM_EVENT_UNREACHABLE)->status == -ETIMEDOUT);
	conn_free(c);
	finish(&p);
}

/* The place of a dead process is taken: the new one must not be taken for the old. */
static void successor(void)
{
	struct peer p = spawn(target_one), q;
	struct conn *c = conn_new(), *d;

	start_connect(c, p.port);
	expect_event(c->ch, RDMA_CM_EVENT_ESTABLISHED);
	hear(p.from);
	kill_peer(&p);
	expect_event(c->ch, RDMA_CM_EVENT_DISCONNECTED);
	q = spawn(target_one);
	d = conn_new();
	start_connect(d, q.port);
	expect_event(d->ch, RDMA_CM_EVENT_ESTABLISHED);
	hear(q.from);
	post_send(c, 1);
	NEED(wait_wc(c, 1) == IBV_WC_RETRY_EXC_ERR);
	post_send(d, 2);
	NEED(wait_wc(d, 2) == IBV_WC_SUCCESS);
	conn_free(c);
	conn_free(d);
	finish(&q);
}

/* Voluntary context switches of a thread; of the main one and the library's only. */
static long switches_of(pid_t pid, const char *tid)
{
	static const char key[] = "voluntary_ctxt_switches:";
	char path[300], line[200];
	bool ours = atoi(tid) == pid;
	long n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%s/status", pid, tid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f)) {
		ours |= !strcmp(line, "Name:\tsimfab\n");
		if (!strncmp(line, key, strlen(key)))
			n = atol(line + strlen(key));
	}
	if (f)
		fclose(f);
	return ours ? n : 0; /* a sanitizer has threads of its own */
}

static long wakeups(pid_t pid)
{
	struct dirent *e;
	char path[64];
	long sum = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	NEED(d = opendir(path));
	while ((e = readdir(d)))
		if (e->d_name[0] != '.')
			sum += switches_of(pid, e->d_name);
	closedir(d);
	return sum;
}

/* Connected, armed, receives posted, and nothing to do: no thread wakes. */
static void idle(void)
{
	struct peer p = spawn(target_one);
	struct conn *c = conn_new();
	long mine, theirs;

	start_connect(c, p.port);
	expect_event(c->ch, RDMA_CM_EVENT_ESTABLISHED);
	hear(p.from);
	post_recv(c, 1);
	NEED(!ibv_req_notify_cq(c->cq, 0));
	post_send(c, 2);
	NEED(wait_wc(c, 2) == IBV_WC_SUCCESS);
	/* timers of what just happened may still run out: RoCE's take two seconds */
	sleep(3);
	mine = wakeups(getpid());
	theirs = wakeups(p.pid);
	sleep(2);
	mine = wakeups(getpid()) - mine;
	theirs = wakeups(p.pid) - theirs;
	printf("wake-ups in 2 s: %ld here, %ld in the peer\n", mine, theirs);
	NEED(mine <= 3 && theirs <= 2); /* one is our own sleep */
	conn_free(c);
	finish(&p);
}

static void target_many(int in, int out)
{
	struct conn *c = conn_new();
	struct rdma_cm_id *listener;

	(void)in;
	listener = listen_on(c->ch, ADDR, 0);
	say(out, port_of(listener));
	for (;;) {
		struct rdma_cm_event *e;
		struct conn *k;

		NEED(!rdma_get_cm_event(c->ch, &e));
		if (e->event == RDMA_CM_EVENT_CONNECT_REQUEST) {
			k = conn_new();
			k->id = e->id;
			rdma_ack_cm_event(e);
			NEED(!rdma_migrate_id(k->id, k->ch));
			make_qp(k);
			NEED(!rdma_accept(k->id, NULL));
			expect_event(k->ch, RDMA_CM_EVENT_ESTABLISHED);
			expect_event(k->ch, RDMA_CM_EVENT_DISCONNECTED);
			NEED(!rdma_disconnect(k->id));
			conn_free(k);
			say(out, 1);
		} else {
			rdma_ack_cm_event(e);
		}
	}
}

static int count_fds(pid_t pid)
{
	char path[64];
	DIR *d;
	int n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	NEED(d = opendir(path));
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void one_cycle(struct peer *p)
{
	struct conn *c = conn_new();

	start_connect(c, p->port);
	expect_event(c->ch, RDMA_CM_EVENT_ESTABLISHED);
	NEED(!rdma_disconnect(c->id));
	expect_event(c->ch, RDMA_CM_EVENT_DISCONNECTED);
	conn_free(c);
	hear(p->from);
}

static void cycles(void)
{
	struct peer p = spawn(target_many);
	struct mallinfo2 before, after;
	int fds, their_fds;

	for (int i = 0; i < 20; i++)
		one_cycle(&p);
	fds = count_fds(getpid());
	their_fds = count_fds(p.pid);
	before = mallinfo2();
	for (int i = 0; i < 200; i++)
		one_cycle(&p);
	after = mallinfo2();
	printf("fds %d then %d, peer %d then %d; heap %zu then %zu\n", fds, count_fds(getpid()),
	       their_fds, count_fds(p.pid), before.uordblks, after.uordblks);
	NEED(count_fds(getpid()) == fds && count_fds(p.pid) == their_fds);
	/* sanitizers replace malloc and report nothing here: they look for leaks at exit */
	NEED(after.uordblks <= before.uordblks + 4096);
	kill_peer(&p);
}

/* Two nodes with the same port number in one net, told apart by their addresses. */
static void target_node(int in, int out, const char *ip, const char *answer)
{
	struct rdma_conn_param p = { .private_data = answer, .private_data_len = 8 };
	struct conn *c;

	setenv("SIMFAB_IP", ip, 1);
	c = conn_new();
	c->listener = listen_on(c->ch, "0.0.0.0", 4321);
	say(out, port_of(c->listener));
	c->id = expect_event(c->ch, RDMA_CM_EVENT_CONNECT_REQUEST)->id;
	make_qp(c);
	NEED(!rdma_accept(c->id, &p));
	expect_event(c->ch, RDMA_CM_EVENT_ESTABLISHED);
	hear(in);
}

static void node_one(int in, int out)
{
	target_node(in, out, "10.7.7.1", "node 1\0");
}

static void node_two(int in, int out)
{
	target_node(in, out, "10.7.7.2", "node 2\0");
}

static void nodes(void)
{
	struct peer p = spawn(node_one), q = spawn(node_two);
	const char *const ip[] = { "10.7.7.1", "10.7.7.2" };
	struct rdma_conn_param param = { .rnr_retry_count = 7 };
	struct rdma_cm_event *e;
	struct conn *c;

	for (int i = 0; i < 2; i++) {
		c = conn_new();
		c->id = resolve(c->ch, NULL, ip[i], 4321);
		make_qp(c);
		NEED(!rdma_connect(c->id, &param));
		e = expect_event(c->ch, RDMA_CM_EVENT_ESTABLISHED);
		NEED(!strcmp(e->param.conn.private_data, i ? "node 2" : "node 1"));
		conn_free(c);
	}
	finish(&q); /* the younger one holds the pipe of the elder */
	finish(&p);
}

/* ---- hooks ---- */
static void *hook(const char *name)
{
	void *p = dlsym(RTLD_DEFAULT, name);

	if (!p) {
		puts("no simulated fabric here");
		exit(77);
	}
	return p;
}

static void counters(void)
{
	int (*qp_counters)(struct ibv_qp *, struct simfab_counters *);
	struct peer p = spawn(target_one);
	struct conn *c = conn_new();
	struct simfab_counters n;

	*(void **)&qp_counters = hook("simfab_qp_counters");
	start_connect(c, p.port);
	expect_event(c->ch, RDMA_CM_EVENT_ESTABLISHED);
	hear(p.from);
	post_send(c, 1);
	NEED(wait_wc(c, 1) == IBV_WC_SUCCESS);
	NEED(!qp_counters(c->id->qp, &n));
	NEED(n.tx_packets == 1 && n.tx_bytes == 64 && !n.rnr_nak_rcvd);
	post_send(c, 2);
	do {
		NEED(!qp_counters(c->id->qp, &n));
		usleep(1000);
	} while (!n.rnr_nak_rcvd);
	NEED(n.tx_packets >= 2);
	conn_free(c);
	finish(&p);
}

static void expect_async(struct ibv_context *ctx, enum ibv_event_type type)
{
	struct ibv_async_event e;

	NEED(!ibv_get_async_event(ctx, &e) && e.event_type == type);
	ibv_ack_async_event(&e);
}

static void port_and_device(void)
{
	int (*set_port)(struct ibv_context *, bool), (*remove_device)(struct ibv_context *);
	struct peer p = spawn(target_one);
	struct conn *c = conn_new();
	struct ibv_port_attr a;

	*(void **)&set_port = hook("simfab_set_port");
	*(void **)&remove_device = hook("simfab_remove_device");
	start_connect(c, p.port);
	expect_event(c->ch, RDMA_CM_EVENT_ESTABLISHED);
	hear(p.from);
	NEED(!set_port(c->id->verbs, false));
	expect_async(c->id->verbs, IBV_EVENT_PORT_ERR);
	NEED(!ibv_query_port(c->id->verbs, 1, &a) && a.state == IBV_PORT_DOWN);
	post_send(c, 1); /* lost, repeated when the port is back */
	NEED(!set_port(c->id->verbs, true));
	expect_async(c->id->verbs, IBV_EVENT_PORT_ACTIVE);
	NEED(wait_wc(c, 1) == IBV_WC_SUCCESS);
	post_recv(c, 5);
	NEED(!remove_device(c->id->verbs));
	expect_async(c->id->verbs, IBV_EVENT_DEVICE_FATAL);
	expect_event(c->ch, RDMA_CM_EVENT_DEVICE_REMOVAL);
	NEED(wait_wc(c, 5) == IBV_WC_WR_FLUSH_ERR);
	conn_free(c);
	finish(&p);
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{ "kill-connected", kill_connected },
	{ "post-after-death", post_after_death },
	{ "kill-before-accept", kill_before_accept },
	{ "unreachable", unreachable },
	{ "successor", successor },
	{ "idle", idle },
	{ "cycles", cycles },
	{ "nodes", nodes },
	{ "counters", counters },
	{ "port-and-device", port_and_device },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (argc == 2 && !strcmp(argv[1], cases[i].name)) {
			cases[i].run();
			printf("ok %s\n", argv[1]);
			return 0;
		}
		if (argc != 2)
			puts(cases[i].name);
	}
	return 2;
}
