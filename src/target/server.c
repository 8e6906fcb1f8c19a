/* SPDX-License-Identifier: BSD-2-Clause */
/* The control loop, and the start and stop of everything. */
#include "target/hook.h"
#include "target/server.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/be.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/log.h"
#include "conf/conf.h"
#include "target/capture.h"
#include "target/mgmt.h"
#include "target/qos.h"

/*
 * Commands under way in a worker; more wait in their receives. Beyond the receives of a small
 * queue, because a task outlives its receive until its response is out.
 */
enum { TASKS_MAX = 4096, TASKS_EXTRA = 1024 };

enum { SIZE_CHECK_S = 2 }; /* between looks for new sizes of files and devices */
enum { RETRY_S = 5 }; /* between attempts to set a listener up */

/* ---- workers ---- */

struct start {
	struct worker *worker;
	sem_t done;
	int ret;
};

static void pin(struct worker *w)
{
	cpu_set_t set;
	int ret;

	if (w->cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(w->cpu, &set);
	ret = pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	if (ret)
		log_warn("worker %u: cannot run on CPU %d only: %s", w->index, w->cpu,
			 strerror(ret));
	w->may_spin = true;
}

static void *worker_main(void *arg)
{
	struct start *start = arg;
	struct worker *w = start->worker;
	struct server *server = w->server;
	char name[16];
	int ret;

	snprintf(name, sizeof(name), "srptd-w%u", w->index);
	pthread_setname_np(pthread_self(), name);
	pin(w);
	ret = worker_attach(w, server->engine, server->stores, server->n_lus);
	start->ret = ret;
	sem_post(&start->done);
	if (!ret)
		worker_run(w);
	worker_detach(w, server->stores, server->n_lus);
	return NULL;
}

/* Signals are the control thread's. */
static int start_worker(struct worker *w)
{
	struct start start = { .worker = w };
	sigset_t all, old;
	int ret;

	sem_init(&start.done, 0, 0);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = pthread_create(&w->thread, NULL, worker_main, &start);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!ret) {
		while (sem_wait(&start.done) && errno == EINTR)
			;
		w->running = !start.ret;
		ret = -start.ret;
		if (ret)
			pthread_join(w->thread, NULL);
	}
	sem_destroy(&start.done);
	return -ret;
}

static void nothing(struct msg *msg)
{
}

static void stop_worker(struct worker *w)
{
	struct msg wake;

	if (!w->running)
		return;
	w->stop = true;
	mailbox_post(&w->mail, &wake, nothing);
	pthread_join(w->thread, NULL);
	w->running = false;
	log_dbg(LOGC_RDMA,
		"worker %u: %llu commands, %llu passes, %llu sleeps, %llu work requests in %llu "
		"posts, %llu receive posts, %llu bytes in, %llu bytes out, "
		"%llu copies",
		w->index, (unsigned long long)w->stats.commands, (unsigned long long)w->stats.passes,
		(unsigned long long)w->stats.sleeps, (unsigned long long)w->stats.wrs,
		(unsigned long long)w->stats.post_send, (unsigned long long)w->stats.post_recv,
		(unsigned long long)w->stats.bytes_in, (unsigned long long)w->stats.bytes_out,
		(unsigned long long)w->stats.copies);
}

static int make_workers(struct server *server, const struct conf *conf)
{
	server->workers = calloc(conf->workers, sizeof(*server->workers));
	if (!server->workers)
		return -ENOMEM;
	for (uint32_t i = 0; i < conf->workers; i++) {
		struct worker_conf wc = {
			.index = i,
			.cpu = conf->n_cpus ? conf->cpus[i % conf->n_cpus] : -1,
			.engine = conf->engine,
			.pool_size = conf->pool_size,
			.segment_size = conf->segment_size,
			.n_tasks = MIN(conf->srpt_srq_size, (uint32_t)TASKS_MAX) + TASKS_EXTRA,
			.poll_us = conf->poll_us,
			.rdma_timeout = conf->rdma_timeout,
		};
		int ret = worker_init(&server->workers[i], server, &wc);

		if (ret) {
			log_err("worker %u: cannot allocate its buffers: %s", i, strerror(-ret));
			return ret;
		}
		server->n_workers++;
	}
	return 0;
}

void server_fence_fell(struct server *server)
{
	for (unsigned int i = 0; i < server->n_workers; i++) {
		struct worker *w = &server->workers[i];

		if (!atomic_exchange(&w->fence_posted, true))
			mailbox_post(&w->mail, &w->fence_msg, worker_msg_fence_fell);
	}
}

/* ---- the server ---- */

static void take_limits(struct server *server, const struct conf *conf)
{
	server->limits = (struct login_limits){
		.max_req_size = conf->srp_max_req_size,
		.max_rsp_size = MIN(conf->srp_max_rsp_size, (uint32_t)RSP_BUF_LEN),
		.max_channels = conf->max_channels,
		.req_lim = conf->req_lim,
		.min_req_lim = 2, /* one command beside task management */
	};
	server->max_rdma = conf->srp_max_rdma_size;
	server->sq_size = conf->srpt_sq_size;
	server->srq_size = conf->srpt_srq_size;
}

int server_new(const struct conf *conf, struct server **out)
{
	struct server *server = calloc(1, sizeof(*server));
	int ret;

	if (!server)
		return -ENOMEM;
	server->mail.fd = -1;
	fence_set_init(&server->fences);
	offload_init(&server->offload);
	take_limits(server, conf);
	server->engine = strdup(conf->engine);
	ret = server->engine ? mailbox_init(&server->mail) : -ENOMEM;
	if (!ret)
		ret = server_apply(server, conf);
	if (!ret)
		ret = mgmt_new(server, conf, &server->mgmt);
	if (!ret)
		ret = make_workers(server, conf);
	if (!ret)
		ret = server_qos_prepare(server, conf);
	if (ret) {
		server_free(server);
		return ret;
	}
	server_qos_apply(server, conf);
	*out = server;
	return 0;
}

/* What an initiator has to be told: ib_srp's and srpio's words for the target. */
static void log_portal(const struct portal *p)
{
	char where[96];

	log_info("listening on %s (%s)", p->cm->name, p->service_id ? "native logins" : "RDMA/CM");
	if (p->service_id)
		snprintf(where, sizeof(where), "dgid=GID,pkey=ffff,service_id=%016" PRIx64,
			 p->service_id);
	else
		snprintf(where, sizeof(where), "dest=%s:%u", p->address ? p->address : "ADDRESS",
			 p->port);
	for (size_t i = 0; i < p->n_targets; i++) {
		const struct target *t = p->targets[i].target;

		log_info("  target %s: id_ext=%016" PRIx64 ",ioc_guid=%016" PRIx64 ",%s", t->name,
			 be64_get(t->port_id), be64_get(t->port_id + 8), where);
	}
}

/* The listener's targets can be logged in to some other way, too. */
static bool dispensable(const struct server *server, const struct portal *portal)
{
	for (size_t i = 0; i < server->n_portals; i++)
		if (&server->portals[i] != portal && server->portals[i].cm)
			return true;
	return false;
}

/* A port's connections are either the kernel's or ours. */
static int check_clash(const struct server *server, const struct portal *p)
{
	if (!server->mgmt || !server->mgmt->umad_cm || !cm_on_infiniband(p->cm))
		return 0;
	log_err("%s: an InfiniBand port cannot have an IP listener and cm = \"umad\": "
		"use cm = \"af_ib\", or listen elsewhere", p->cm->name);
	return -EINVAL;
}

static int listen_native(struct server *server, struct portal *p)
{
	if (server->mgmt->umad_cm)
		return mgmt_listen(server->mgmt, p);
	return cm_listen_ib(&server->cm, p->service_id, p->wanted, p, &p->cm);
}

/* IP first: native logins that are impossible here stop nothing as long as those work. */
static int start_portals(struct server *server, bool native)
{
	int ret = 0;

	for (size_t i = 0; i < server->n_portals && !ret; i++) {
		struct portal *p = &server->portals[i];

		if ((p->service_id != 0) != native)
			continue;
		ret = native ? listen_native(server, p)
			     : cm_listen(&server->cm, p->address, p->port, p, &p->cm);
		if (!ret && !native)
			ret = check_clash(server, p);
		if (!ret && !p->cm->down)
			log_portal(p);
		if (ret && native && dispensable(server, p))
			ret = 0;
	}
	return ret;
}

/* A host that has our own connection manager alone may be without the kernel's. */
static bool needs_rdma_cm(const struct server *server)
{
	for (size_t i = 0; i < server->n_portals; i++)
		if (!server->portals[i].service_id || !server->mgmt->umad_cm)
			return true;
	return false;
}

int server_listen(struct server *server)
{
	int ret = needs_rdma_cm(server) ? cm_init(&server->cm, &server_cm_ops, server) : 0;

	server->cm.ops = &server_cm_ops;
	if (!ret)
		ret = start_portals(server, false);
	if (!ret)
		ret = start_portals(server, true);
	if (!ret && server->mgmt)
		ret = mgmt_start(server->mgmt);
	server->started = !ret;
	return ret;
}

int server_start(struct server *server)
{
	int ret = offload_start(&server->offload);

	if (ret) {
		log_err("cannot start a thread: %s", strerror(-ret));
		return ret;
	}

	for (unsigned int i = 0; i < server->n_workers; i++) {
		ret = start_worker(&server->workers[i]);
		if (ret) {
			log_err("worker %u: cannot start: %s", i, strerror(-ret));
			return ret;
		}
	}
	return server_listen(server);
}

/* How long the control loop may sleep, with listeners that are to be tried again. */
static int retry_listeners(struct server *server, int timeout_ms)
{
	uint64_t now;

	if (server->stopping || !cm_is_waiting(&server->cm))
		return timeout_ms;
	now = clock_now_ns();
	if (now >= server->retry_ns) {
		if (server->retry_ns)
			cm_retry(&server->cm);
		server->retry_ns = now + (uint64_t)RETRY_S * NSEC_PER_SEC;
	}
	return timeout_ms < 0 ? RETRY_S * 1000 : MIN(timeout_ms, RETRY_S * 1000);
}

/* Async events are read until there are none: the descriptor must not block. */
static void nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0 && !(flags & O_NONBLOCK))
		fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

void server_check_sizes(struct server *server)
{
	for (size_t i = 0; i < server->n_lus; i++) {
		struct store *store = server->stores[i];

		if (!store_check_size(store))
			continue;
		log_info("%s: has %llu bytes now", store->name,
			 (unsigned long long)atomic_load(&store->size));
		scsi_lu_resize(server->lus[i], atomic_load(&store->size));
	}
}

/* Files and devices grow under us; none of them asks. Waits no longer than to the next look. */
static int watch_sizes(struct server *server, int timeout_ms)
{
	uint64_t now = clock_now_ns();

	if (now >= server->next_size_check) {
		server->next_size_check = now + SIZE_CHECK_S * NSEC_PER_SEC;
		server_check_sizes(server);
	}
	return timeout_ms >= 0 && timeout_ms < SIZE_CHECK_S * 1000 ? timeout_ms :
								     SIZE_CHECK_S * 1000;
}

bool server_step(struct server *server, int extra_fd, int timeout_ms)
{
	struct pollfd fds[MAX_RNICS + 4] = {
		{ .fd = extra_fd, .events = POLLIN },
		{ .fd = server->mail.fd, .events = POLLIN },
		{ .fd = cm_fd(&server->cm), .events = POLLIN },
		{ .fd = server->mgmt ? mgmt_fd(server->mgmt) : -1, .events = POLLIN },
	};
	unsigned int n_rnics;

	timeout_ms = watch_sizes(server, timeout_ms);
	timeout_ms = server_reap(server, timeout_ms);
	timeout_ms = retry_listeners(server, timeout_ms);
	timeout_ms = server_qos_step(server, timeout_ms);
	if (server->mgmt)
		timeout_ms = mgmt_timeout(server->mgmt, timeout_ms);
	server_reap_rnics(server);
	n_rnics = server->n_rnics;
	for (unsigned int i = 0; i < n_rnics; i++) {
		nonblock(server->rnics[i]->ctx->async_fd);
		fds[i + 4] = (struct pollfd){
			.fd = server->rnics[i]->lost ? -1 : server->rnics[i]->ctx->async_fd,
			.events = POLLIN,
		};
	}
	if (poll(fds, n_rnics + 4, timeout_ms) < 0)
		return false;
	if (fds[1].revents)
		mailbox_run(&server->mail);
	if (fds[2].revents)
		cm_handle_events(&server->cm);
	if (server->mgmt)
		mgmt_step(server->mgmt);
	for (unsigned int i = 0; i < n_rnics; i++) {
		if (fds[i + 4].revents & POLLIN)
			server_async_events(server, server->rnics[i]);
		else if (fds[i + 4].revents)
			server_rnic_lost(server, server->rnics[i]);
	}
	return fds[0].revents & POLLIN;
}

void server_each_channel(struct server *server, void (*fn)(struct channel *ch))
{
	struct session *s;
	struct channel *ch;

	for (size_t i = 0; i < server->n_targets; i++)
		LIST_FOREACH(s, &server->targets[i].sessions, link)
			LIST_FOREACH(ch, &s->channels, session_link)
				fn(ch);
}

void server_stop(struct server *server)
{
	server->stopping = true;
	if (server->mgmt)
		mgmt_stop(server->mgmt);
	for (size_t i = 0; i < server->n_portals; i++) {
		cm_listener_free(server->portals[i].cm);
		server->portals[i].cm = NULL;
	}
	server_each_channel(server, server_channel_logout);
}

void server_drain(struct server *server, bool on)
{
	server->draining = on;
	if (on)
		server_each_channel(server, server_channel_logout);
}

void server_kill(struct server *server)
{
	server_each_channel(server, server_channel_close);
}

uint32_t server_n_channels(const struct server *server)
{
	return server->n_channels;
}

uint32_t server_n_sessions(const struct server *server)
{
	const struct session *s;
	uint32_t n = 0;

	for (size_t i = 0; i < server->n_targets; i++)
		LIST_FOREACH(s, &server->targets[i].sessions, link)
			n += !s->ending;
	return n;
}

void server_free(struct server *server)
{
	if (!server)
		return;
	for (size_t i = 0; i < server->n_portals; i++)
		cm_listener_free(server->portals[i].cm);
	if (server->n_workers)
		capture_stop(server, &(struct capture_report){ 0 });
	for (unsigned int i = 0; i < server->n_workers; i++)
		stop_worker(&server->workers[i]);
	offload_fini(&server->offload);
	for (unsigned int i = 0; i < server->n_workers; i++)
		worker_fini(&server->workers[i]);
	free(server->workers);
	for (unsigned int i = 0; i < server->n_rnics; i++)
		rnic_free(server->rnics[i]);
	mgmt_free(server->mgmt);
	cm_fini(&server->cm);
	server_unapply(server);
	mailbox_fini(&server->mail);
	scsi_pr_files_free(server->keeper);
	hook_free(server->access_hook);
	fence_set_fini(&server->fences);
	server_qos_free(server);
	free(server->engine);
	free(server);
}
