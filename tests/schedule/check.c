/* SPDX-License-Identifier: BSD-2-Clause */
/* Invariants of the target, see check.h. */
#include "check.h"

#include <string.h>

#include "disk.h"
#include "sim.h"
#include "simfab_step.h"
#include "simfab_test.h"
#include "target/server.h"
#include "world.h"

enum {
	CHANNELS = 4096,  /* of one run, by QP number */
	CONNECT_S = 61,   /* the CM gives up after 60 s */
	END_S = 9,        /* 3 s for commands to end, 2 s for flushes, 2 s for the last receive */
	TMF_S = 6,        /* 5 s until the channel is closed instead */
	TASKS = 8192,     /* of a worker */
};

/* Since when a channel is in a state that has a bound; 0: it is not. */
static struct {
	uint64_t connecting, ending;
} since[CHANNELS];

/* Task management by task: which request, since when. */
static struct {
	uint64_t seq, from;
} tmfs[MAX_WORKERS][TASKS];

void check_reset(void)
{
	memset(since, 0, sizeof(since));
	memset(tmfs, 0, sizeof(tmfs));
}

static void bound(uint64_t *from, bool on, uint64_t seconds, const struct channel *ch,
		  const char *what)
{
	if (!on)
		*from = 0;
	else if (!*from)
		*from = sim.now;
	else
		require(sim.now - *from < seconds * SEC, "QP %u: %s for %llu s", ch->qpn, what,
			(unsigned long long)((sim.now - *from) / SEC));
}

static void check_tmf(const struct channel *ch, const struct task *t)
{
	unsigned int w = ch->worker->index, i = t->obj.index % TASKS;

	if (tmfs[w][i].seq != t->seq || !tmfs[w][i].from) {
		tmfs[w][i].seq = t->seq;
		tmfs[w][i].from = sim.now;
	}
	require(sim.now - tmfs[w][i].from < TMF_S * SEC,
		"QP %u: task management takes more than %d s", ch->qpn, TMF_S);
}

/* Rule 7. */
static void check_bounds(struct channel *ch)
{
	uint32_t i = ch->qpn % CHANNELS;
	const struct task *t;

	bound(&since[i].connecting, ch->accepted && !ch->established && !ch->closing, CONNECT_S,
	      ch, "waiting for the connection");
	bound(&since[i].ending, (ch->closing || ch->state > CH_LIVE) && !ch->drained, END_S, ch,
	      "ending");
	if (ch->state > CH_LIVE)
		return;
	LIST_FOREACH(t, &ch->tasks, link)
		if (t->kind == TASK_TSK_MGMT && t->state == TASK_TMF)
			check_tmf(ch, t);
}

/* What initiators may send to this channel that has not arrived yet. */
static uint32_t outstanding(const struct channel *ch)
{
	uint32_t arrived = simfab_cq_receives(ch->wlane->lane->cq, ch->qp.ibv) + ch->n_parked;

	if (ch->state > CH_LIVE || !ch->qp.ibv || ch->closing)
		return 0;
	return ch->req_lim > (int32_t)arrived ? (uint32_t)ch->req_lim - arrived : 0;
}

/* Rule 3: Σ credits granted ≤ receives posted, less those that reposts may batch. */
static void check_lane(struct wlane *wl)
{
	struct channel *ch;
	uint32_t sum = 0, posted;

	LIST_FOREACH(ch, &wl->worker->channels, link) {
		if (ch->wlane != wl || !ch->qp.ibv)
			continue;
		sum += outstanding(ch);
		if (wl->lane->srq || ch->state > CH_LIVE)
			continue;
		posted = simfab_qp_posted(ch->qp.ibv);
		require(posted >= outstanding(ch), "QP %u: %u credits are out, %u receives posted",
			ch->qpn, outstanding(ch), posted);
	}
	if (!wl->lane->srq || wl->lane->rnic->lost)
		return;
	posted = simfab_srq_posted(wl->lane->srq) + wl->n_repost;
	require(sum == 0 || posted >= sum + wl->reserve,
		"worker %u: %u credits are out, %u receives posted, with the reserve of %u",
		wl->worker->index, sum, posted, wl->reserve);
}

static void check_rnr(const struct rnic *rnic)
{
	struct simfab_counters c;

	simfab_device_counters(rnic->ctx, &c);
	require(c.rnr_nak_sent == 0, "%s: %llu RNR NAKs were sent", rnic->name,
		(unsigned long long)c.rnr_nak_sent);
}

void check_step(struct server *server)
{
	for (unsigned int i = 0; i < server->n_workers; i++)
		for (unsigned int k = 0; k < server->workers[i].n_lanes; k++)
			check_lane(server->workers[i].lanes[k]);
	server_each_channel(server, check_bounds);
	if (sim.step % 64 == 0)
		for (unsigned int i = 0; i < server->n_rnics; i++)
			check_rnr(server->rnics[i]);
}

/* ---- at rest ---- */

static void check_channel_rest(const struct channel *ch)
{
	if (ch->state > CH_LIVE)
		return;
	require(LIST_EMPTY(&ch->tasks), "QP %u: tasks at rest", ch->qpn);
	require(STAILQ_EMPTY(&ch->send_wait) && STAILQ_EMPTY(&ch->read_wait),
		"QP %u: somebody waits for the send queue at rest", ch->qpn);
	require(ch->n_parked == 0 || ch->state == CH_CONNECTING, "QP %u: %u parked IUs at rest",
		ch->qpn, ch->n_parked);
	require(ch->sq_head == ch->sq_done, "QP %u: %u send queue entries in use at rest", ch->qpn,
		ch->sq_head - ch->sq_done);
	require(ch->rd_free == ch->qp.rd_atomic, "QP %u: READ slots in use at rest", ch->qpn);
}

static void check_pool(const struct worker *w, const struct pool *pool, uint32_t held,
		       const char *what)
{
	require(pool->n_free + held == pool->n, "worker %u: %u of %u %s are in use at rest",
		w->index, pool->n - pool->n_free - held, pool->n, what);
}

void check_rest(struct server *server)
{
	for (unsigned int i = 0; i < server->n_workers; i++) {
		struct worker *w = &server->workers[i];
		const struct channel *ch;

		check_pool(w, &w->tasks, world_held(w->index, &w->tasks), "tasks");
		check_pool(w, &w->segs_large, world_held(w->index, &w->segs_large), "buffers");
		check_pool(w, &w->segs_small, world_held(w->index, &w->segs_small),
			   "small buffers");
		require(w->n_hungry == 0 && STAILQ_EMPTY(&w->fence_wait) &&
				LIST_EMPTY(&w->tmfs) && TAILQ_EMPTY(&w->dirty),
			"worker %u: somebody waits at rest", w->index);
		require(w->engine->inflight == 0, "worker %u: store requests at rest", w->index);
		LIST_FOREACH(ch, &w->channels, link)
			check_channel_rest(ch);
	}
	require(server_fences(server)->n == 0, "a fence stands at rest");
}

static void check_lane_empty(const struct wlane *wl)
{
	uint32_t n = wl->n_repost;
	const struct rx *rx;

	require(wl->promised == 0, "worker %u: %u receives are promised to nobody",
		wl->worker->index, wl->promised);
	require(wl->cq_free == wl->lane->cq_depth - wl->lane->max_recv,
		"worker %u: completion queue entries are promised to nobody", wl->worker->index);
	STAILQ_FOREACH(rx, &wl->spare, link)
		n++;
	if (wl->lane->srq)
		n += simfab_srq_posted(wl->lane->srq);
	require(n == wl->n_rx, "worker %u: %u receives of %u are left", wl->worker->index, n,
		wl->n_rx);
}

void check_empty(struct server *server)
{
	check_rest(server);
	for (unsigned int i = 0; i < server->n_workers; i++) {
		const struct worker *w = &server->workers[i];

		require(LIST_EMPTY(&w->channels), "worker %u has channels", i);
		for (unsigned int k = 0; k < w->n_lanes; k++)
			check_lane_empty(w->lanes[k]);
	}
	for (size_t i = 0; i < server->n_targets; i++)
		require(LIST_EMPTY(&server->targets[i].sessions), "a session without channels");
}
