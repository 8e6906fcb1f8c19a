/* SPDX-License-Identifier: BSD-2-Clause */
/* The stepping of everything, see world.h. */
#include "world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "conf/conf.h"
#include "disk.h"
#include "host.h"
#include "model.h"
#include "sim.h"
#include "simfab_test.h"
#include "target/server.h"

enum {
	PORT = 5000,
	MAX_CHOICES = 512,
	MAX_FLOWS = 64,
	STEP_NS = 20000, /* at most, from one step to the next */
	KILL_S = 5,      /* from the stop to the end of what is left, as in the daemon */
	STOP_S = 400,    /* longer than any store request is stuck */
	POOLS = 3,
};

struct world world;
uint64_t (*net_delay)(const struct simfab_flow *packet);

static char dir[64];
static struct simfab_census at_start;
static bool asleep[MAX_WORKERS];
static struct {
	void **obj;
	uint32_t n;
	struct pool *pool;
} held[MAX_WORKERS][POOLS];

/* ---- life of the process ---- */

static bool is_mute(const struct simfab_flow *f)
{
	bool cm = f->msg >= SIMFAB_CM_REQ;

	for (unsigned int i = 0; i < N_HOSTS; i++)
		for (unsigned int k = 0; k < HOST_CHANNELS; k++) {
			const struct chan *ch = hosts[i].chan[k];
			uint32_t name = !ch ? 0 : cm ? ch->handle : ch->qpn;

			if (ch && ch->mute && name && (f->src == name || f->dst == name))
				return true;
		}
	return false;
}

static uint64_t delay(const struct simfab_flow *packet)
{
	if (is_mute(packet))
		return SIMFAB_LOST;
	return net_delay ? net_delay(packet) : 0;
}

static uint64_t fabric_now(void)
{
	return sim.now;
}

static void remove_dir(void)
{
	char cmd[96];

	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	if (system(cmd))
		fprintf(stderr, "cannot remove %s\n", dir);
}

void world_prepare(void)
{
	static const struct simfab_stepping how = { .now_ns = fabric_now, .delay = delay };
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof(dir), "%.40s/schedule.XXXXXX", tmp ? tmp : "/tmp");
	require(mkdtemp(dir), "cannot make a directory in %s: %s", tmp ? tmp : "/tmp",
		strerror(errno));
	atexit(remove_dir);
	setenv("SIMFAB_NET", dir, 1);
	setenv("SIMFAB_DEVICES", "2", 1); /* the target's, and the initiators' */
	unsetenv("SIMFAB_IP");
	simfab_step_start(&how);
}

/* ---- the target ---- */

/* One listener, for RDMA/CM on an address: native logins would want threads. */
static void listen_on_ip(struct conf_target *t)
{
	for (size_t i = 0; i < t->n_listens;) {
		struct conf_listen *l = &t->listens[i];

		free(l->address);
		l->address = NULL;
		if (!l->ib) {
			i++;
			continue;
		}
		free(l->type);
		*l = t->listens[--t->n_listens];
	}
	require(t->n_listens == 1, "%zu listeners", t->n_listens);
	t->listens[0].address = strdup("127.0.0.1");
}

static struct conf *make_conf(const struct world_conf *wc)
{
	struct conf *conf = NULL, *more;
	char path[96];

	for (unsigned int i = N_DISKS; i-- > 0;) {
		snprintf(path, sizeof(path), "%s/disk%u", dir, i);
		more = conf_for_path(path, DISK_BLOCKS * BLOCK, PORT);
		require(more, "no configuration");
		if (conf) { /* one more LUN for the same target */
			more->luns = realloc(more->luns, 2 * sizeof(*more->luns));
			more->luns[1] = conf->luns[0];
			conf->n_luns = 0;
			more->n_luns = 2;
			more->targets[0].groups[0].maps =
				realloc(more->targets[0].groups[0].maps,
					2 * sizeof(*more->targets[0].groups[0].maps));
			more->targets[0].groups[0].maps[1] = conf->targets[0].groups[0].maps[0];
			more->targets[0].groups[0].maps[1].lun = 1;
			more->targets[0].groups[0].maps[1].lun_index = 1;
			conf->targets[0].groups[0].n_maps = 0;
			more->targets[0].groups[0].n_maps = 2;
			conf_free(conf);
		}
		conf = more;
	}
	listen_on_ip(&conf->targets[0]);
	conf->workers = wc->workers;
	conf->segment_size = wc->segment_size;
	conf->pool_size = 64 * wc->segment_size;
	conf->srp_max_req_size = IU_LEN;
	conf->srp_max_rdma_size = wc->max_rdma;
	conf->srpt_srq_size = wc->srq_size;
	conf->srpt_sq_size = wc->sq_size;
	conf->max_channels = wc->max_channels;
	conf->req_lim = wc->req_lim;
	conf->poll_us = 0;
	return conf;
}

/* Take objects out of a pool until `left` are there. */
static void hold(unsigned int worker, unsigned int i, struct pool *pool, uint32_t left)
{
	held[worker][i].pool = pool;
	held[worker][i].n = 0;
	held[worker][i].obj = NULL;
	if (!left || left >= pool->n)
		return;
	held[worker][i].obj = calloc(pool->n, sizeof(void *));
	while (pool->n_free > left)
		held[worker][i].obj[held[worker][i].n++] = pool_get(pool);
}

static void give_back(unsigned int worker)
{
	for (unsigned int i = 0; i < POOLS; i++) {
		for (uint32_t k = held[worker][i].n; k-- > 0;)
			pool_put(held[worker][i].pool, held[worker][i].obj[k]);
		free(held[worker][i].obj);
		held[worker][i].obj = NULL;
		held[worker][i].n = 0;
	}
}

uint32_t world_held(unsigned int worker, const struct pool *pool)
{
	for (unsigned int i = 0; i < POOLS; i++)
		if (held[worker][i].pool == pool)
			return held[worker][i].n;
	return 0;
}

void world_start(const struct world_conf *wc)
{
	struct conf *conf = make_conf(wc);

	world = (struct world){ .conf = *wc };
	require(!simfab_step_restart(wc->profile, sim.seed), "no profile %s", wc->profile);
	simfab_step_census(&at_start);
	check_reset();
	model_reset();
	hosts_reset(PORT);
	require(!server_new(conf, &world.server), "the target does not start");
	disk_reset(world.server->stores);
	for (unsigned int i = 0; i < world.server->n_workers; i++) {
		struct worker *w = &world.server->workers[i];

		worker_use_engine(w, disk_engine(i), world.server->stores, world.server->n_lus);
		w->may_spin = false;
		asleep[i] = false;
		hold(i, 0, &w->tasks, wc->tasks);
		hold(i, 1, &w->segs_large, wc->buffers);
		hold(i, 2, &w->segs_small, wc->buffers);
	}
	require(!server_listen(world.server), "the target does not listen");
	conf_free(conf);
}

/* ---- who can move ---- */

enum mover { FLOW, QP, TIMERS, WORKER, CONTROL, STORE, HOST_EVENT, HOST_COMPLETION };

struct choice {
	enum mover mover;
	unsigned int n;
	struct chan *chan;
};

static struct choice choices[MAX_CHOICES];
static unsigned int n_choices;
static struct simfab_flow flows[MAX_FLOWS];

static void add(enum mover mover, unsigned int n, struct chan *chan)
{
	if (n_choices < MAX_CHOICES)
		choices[n_choices++] = (struct choice){ mover, n, chan };
}

static void add_many(enum mover mover, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		add(mover, i, NULL);
}

/* Whether a descriptor is readable that would wake it is known without a system call. */
static bool worker_has_event(const struct worker *w)
{
	bool any = mailbox_full(&w->mail) || disk_returned(w->engine);

	for (unsigned int i = 0; i < w->n_lanes && !any; i++)
		any = simfab_comp_pending(w->lanes[i]->lane->comp);
	return any;
}

static bool worker_can_move(unsigned int i)
{
	static const struct timespec at_once;
	struct worker *w = &world.server->workers[i];

	if (!asleep[i])
		return true;
	if (MIN(timer_next(&w->timers), engine_deadline(w->engine)) <= sim.now)
		asleep[i] = false;
	else if (worker_has_event(w))
		asleep[i] = !worker_sleep(w, &at_once);
	return !asleep[i];
}

static bool control_can_move(void)
{
	const struct server *s = world.server;
	bool any = mailbox_full(&s->mail) || simfab_cm_pending(s->cm.events);

	for (unsigned int i = 0; i < s->n_rnics && !any; i++)
		any = !s->rnics[i]->lost && simfab_async_pending(s->rnics[i]->ctx);
	return any;
}

static void add_hosts(void)
{
	for (unsigned int i = 0; i < N_HOSTS; i++)
		for (unsigned int k = 0; k < HOST_CHANNELS; k++) {
			struct chan *ch = hosts[i].chan[k];

			if (!ch || ch->mute)
				continue;
			if (chan_has_event(ch))
				add(HOST_EVENT, 0, ch);
			if (chan_has_completion(ch))
				add(HOST_COMPLETION, 0, ch);
		}
}

static void collect(void)
{
	n_choices = 0;
	add_many(FLOW, simfab_step_flows(flows, MAX_FLOWS));
	add_many(QP, simfab_step_ready());
	add_many(STORE, disk_n_due());
	if (simfab_step_next_timer() <= sim.now)
		add(TIMERS, 0, NULL);
	for (unsigned int i = 0; i < world.server->n_workers; i++)
		if (worker_can_move(i))
			add(WORKER, i, NULL);
	if (control_can_move())
		add(CONTROL, 0, NULL);
	add_hosts();
}

/* ---- moving ---- */

static void move_worker(unsigned int i)
{
	struct worker *w = &world.server->workers[i];

	say("worker %u", i);
	if (!worker_pass(w))
		asleep[i] = worker_may_sleep(w, sim.now);
}

static const char *msg_name(enum simfab_msg msg)
{
	static const char *const names[] = {
		[SIMFAB_SEND] = "SEND",       [SIMFAB_WRITE] = "WRITE",
		[SIMFAB_READ] = "READ",       [SIMFAB_READ_RESP] = "READ response",
		[SIMFAB_ACK] = "ACK",         [SIMFAB_NAK] = "NAK",
		[SIMFAB_CM_REQ] = "REQ",      [SIMFAB_CM_REP] = "REP",
		[SIMFAB_CM_RTU] = "RTU",      [SIMFAB_CM_REJ] = "REJ",
		[SIMFAB_CM_DREQ] = "DREQ",    [SIMFAB_CM_DREP] = "DREP",
	};

	return names[msg];
}

static void move(const struct choice *c)
{
	switch (c->mover) {
	case FLOW:
		say("packet: %s %u to %u, %u bytes", msg_name(flows[c->n].msg),
		    flows[c->n].src & 0x3fff, flows[c->n].dst & 0x3fff, flows[c->n].len);
		simfab_step_deliver(c->n);
		break;
	case QP:
		say("queue pair %u of %u sends", c->n, simfab_step_ready());
		simfab_step_send(c->n);
		break;
	case TIMERS:
		say("timers");
		simfab_step_timers();
		break;
	case WORKER:
		move_worker(c->n);
		break;
	case CONTROL:
		say("control");
		server_step(world.server, -1, 0);
		break;
	case STORE:
		disk_step(c->n);
		break;
	case HOST_EVENT:
		chan_event(c->chan);
		break;
	case HOST_COMPLETION:
		chan_completion(c->chan);
		break;
	}
}

static uint64_t next_deadline(void)
{
	uint64_t next = MIN(simfab_step_next_timer(), simfab_step_next_packet());

	next = MIN(next, disk_deadline());
	for (unsigned int i = 0; i < world.server->n_workers; i++) {
		const struct worker *w = &world.server->workers[i];

		next = MIN(next, engine_deadline(w->engine));
		/* the watchdog looks once a second: for its sake alone no time needs to pass */
		if (w->timers.n > (w->tick_timer.index != 0))
			next = MIN(next, timer_next(&w->timers));
	}
	if (world.stopping && !world.killed)
		next = MIN(next, world.stopped + KILL_S * SEC);
	return next;
}

bool world_idle(void)
{
	collect();
	return n_choices == 0;
}

bool world_step(void)
{
	uint64_t next;

	sim.step++;
	if (world.stopping && !world.killed && sim.now >= world.stopped + KILL_S * SEC) {
		say("kill");
		world.killed = true;
		server_kill(world.server);
	}
	collect();
	if (n_choices > 0) {
		move(&choices[pick(n_choices)]);
		check_step(world.server);
		sim.now += pick(STEP_NS);
		return true;
	}
	next = next_deadline();
	if (next == NEVER)
		return false;
	sim.now = MAX(sim.now, next);
	return true;
}

void world_run(uint64_t until)
{
	while (sim.now < until && world_step())
		;
}

/* ---- the end ---- */

void world_stop(void)
{
	if (world.stopping)
		return;
	say("stop");
	world.stopping = true;
	world.stopped = sim.now;
	server_stop(world.server);
}

void world_check_rest(void)
{
	check_rest(world.server);
	hosts_check_rest();
}

static void check_census(void)
{
	struct simfab_census now;

	simfab_step_census(&now);
	require(now.qps == at_start.qps && now.mrs == at_start.mrs && now.ids == at_start.ids,
		"left over: %u queue pairs, %u registrations, %u connection ids",
		now.qps - at_start.qps, now.mrs - at_start.mrs, now.ids - at_start.ids);
}

void world_end(void)
{
	struct server *s = world.server;

	world_stop();
	while (server_n_channels(s) > 0) {
		require(sim.now < world.stopped + STOP_S * SEC && world_step(),
			"%u channel(s) do not end", server_n_channels(s));
	}
	hosts_free();
	world_run(sim.now + SEC);
	check_empty(s);
	for (unsigned int i = 0; i < s->n_workers; i++) {
		disk_engine_close(s->workers[i].engine);
		worker_detach(&s->workers[i], s->stores, s->n_lus);
		give_back(i);
	}
	server_free(s);
	world.server = NULL;
	check_census();
}

/* ---- looking inside, and faults ---- */

int world_task_state(uint64_t tag)
{
	for (unsigned int i = 0; i < world.server->n_workers; i++) {
		const struct pool *pool = &world.server->workers[i].tasks;

		for (uint32_t k = 0; k < pool->n; k++) {
			const struct task *t = pool_at(pool, k);

			if (pool_in_use(&t->obj) && t->ch && t->kind == TASK_CMD &&
			    t->iu.tag == tag)
				return t->state;
		}
	}
	return -1;
}

static unsigned int n_parked;

static void add_parked(struct channel *ch)
{
	n_parked += ch->n_parked;
}

unsigned int world_n_parked(void)
{
	n_parked = 0;
	server_each_channel(world.server, add_parked);
	return n_parked;
}

static struct channel *found;
static unsigned int countdown;

static void count_channel(struct channel *ch)
{
	if (!ch->drained && ch->qp.ibv && countdown-- == 0)
		found = ch;
}

unsigned int world_n_channels(void)
{
	return server_n_channels(world.server);
}

void world_break_qp(unsigned int n)
{
	found = NULL;
	countdown = n;
	server_each_channel(world.server, count_channel);
	if (!found)
		return;
	say("target: queue pair %u breaks", found->qpn & 0x3fff);
	simfab_qp_fatal(found->qp.ibv);
}

void world_lose_device(void)
{
	if (world.server->n_rnics == 0)
		return;
	say("target: the device is lost");
	simfab_remove_device(world.server->rnics[0]->ctx);
}
