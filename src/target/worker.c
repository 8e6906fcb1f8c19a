/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The worker's pass: completions in, the store's turn, responses out; and its sleep when nothing
 * happens. One system call for the store per pass, one doorbell per queue pair.
 */
#include "target/worker.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/compiler.h"
#include "base/log.h"
#include "target/server.h"

enum {
	TIMER_PASSES = 64,   /* busy passes between looks at the clock */
	LOGOUT_IUS = 2 * (SRP_T_LOGOUT_MULTI_CHANNEL + 1), /* each reason, plain and solicited */
	SPIN_MIN_NS = 2000,
	ENGINE_DEPTH = 512,
};

/* ---- memory ---- */

static uint32_t n_small_for(uint64_t pool_size)
{
	return (uint32_t)MAX(pool_size / 8 / SMALL_BUF, (uint64_t)4);
}

static uint32_t n_large_for(uint64_t pool_size, uint32_t segment_size)
{
	return (uint32_t)MAX((pool_size - pool_size / 8) / segment_size, (uint64_t)2);
}

static void carve_segs(struct pool *pool, uint8_t **mem, uint32_t len, bool small)
{
	for (uint32_t i = 0; i < pool->n; i++, *mem += len) {
		struct seg *seg = pool_at(pool, i);

		seg->buf = *mem;
		seg->small = small;
	}
}

/* Data buffers first (page-aligned for direct I/O), then responses, then the logout IUs. */
static int alloc_data(struct worker *w, const struct worker_conf *conf)
{
	uint32_t n_large = n_large_for(conf->pool_size, conf->segment_size);
	uint32_t n_small = n_small_for(conf->pool_size);
	uint8_t *mem;

	w->segment_size = conf->segment_size;
	w->rdma_timeout = conf->rdma_timeout;
	if (pool_init(&w->segs_large, n_large, sizeof(struct seg)) ||
	    pool_init(&w->segs_small, n_small, sizeof(struct seg)) ||
	    pool_init(&w->tasks, conf->n_tasks, sizeof(struct task)))
		return -ENOMEM;
	w->data_mem_len = (size_t)n_large * conf->segment_size + (size_t)n_small * SMALL_BUF +
			  (size_t)conf->n_tasks * RSP_BUF_LEN + LOGOUT_IUS * SRP_T_LOGOUT_LEN;
	mem = mmap(NULL, w->data_mem_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		   0);
	if (mem == MAP_FAILED)
		return -ENOMEM;
	w->data_mem = mem;
	madvise(mem, w->data_mem_len, MADV_HUGEPAGE);
	carve_segs(&w->segs_large, &mem, conf->segment_size, false);
	carve_segs(&w->segs_small, &mem, SMALL_BUF, true);
	for (uint32_t i = 0; i < w->tasks.n; i++, mem += RSP_BUF_LEN)
		((struct task *)pool_at(&w->tasks, i))->rsp = mem;
	for (uint32_t i = 0; i < LOGOUT_IUS; i++)
		srp_t_logout_build(mem + i * SRP_T_LOGOUT_LEN, 0, i / 2,
				   i % 2 ? SRP_SOLNT : 0);
	return 0;
}

uint8_t *worker_logout_iu(struct worker *w, uint32_t reason, bool solicited)
{
	uint8_t *end = (uint8_t *)w->data_mem + w->data_mem_len;

	return end - (LOGOUT_IUS - 2 * reason - solicited) * SRP_T_LOGOUT_LEN;
}

static bool several_cpus(void)
{
	cpu_set_t set;

	return !sched_getaffinity(0, sizeof(set), &set) && CPU_COUNT(&set) > 1;
}

int worker_init(struct worker *w, struct server *server, const struct worker_conf *conf)
{
	int ret;

	memset(w, 0, sizeof(*w));
	w->server = server;
	w->fences = server_fences(server);
	w->index = conf->index;
	w->cpu = conf->cpu;
	w->may_spin = several_cpus();
	w->spin_max_ns = conf->poll_us * NSEC_PER_USEC;
	w->mail.fd = -1;
	timer_heap_init(&w->timers);
	wr_arena_init(&w->arena);
	TAILQ_INIT(&w->hungry);
	STAILQ_INIT(&w->fence_wait);
	LIST_INIT(&w->all_lanes);
	LIST_INIT(&w->channels);
	TAILQ_INIT(&w->dirty);
	LIST_INIT(&w->tmfs);
	LIST_INIT(&w->drains);
	ret = mailbox_init(&w->mail);
	if (!ret)
		ret = alloc_data(w, conf);
	if (ret)
		worker_fini(w);
	return ret;
}

void worker_fini(struct worker *w)
{
	struct wlane *wl;

	while ((wl = LIST_FIRST(&w->all_lanes))) {
		LIST_REMOVE(wl, link);
		wlane_free(wl);
	}
	if (w->data_mem)
		munmap(w->data_mem, w->data_mem_len);
	w->data_mem = NULL;
	pool_fini(&w->segs_large);
	pool_fini(&w->segs_small);
	pool_fini(&w->tasks);
	timer_heap_fini(&w->timers);
	mailbox_fini(&w->mail);
}

/* The engine belongs to the calling thread, from here to worker_detach(). */
int worker_attach(struct worker *w, const char *engine, struct store *const *stores, size_t n)
{
	char err[256];
	struct engine *made;
	int ret = engine_new(engine, ENGINE_DEPTH, &made, err, sizeof(err));

	if (ret) {
		log_err("worker %u: %s", w->index, err);
		return ret;
	}
	worker_use_engine(w, made, stores, n);
	return 0;
}

void worker_use_engine(struct worker *w, struct engine *engine, struct store *const *stores,
		       size_t n)
{
	w->engine = engine;
	engine_register_region(engine, w->data_mem, w->data_mem_len);
	for (size_t i = 0; i < n; i++)
		engine_register_store(engine, stores[i]);
}

void worker_detach(struct worker *w, struct store *const *stores, size_t n)
{
	if (!w->engine)
		return;
	for (size_t i = 0; i < n; i++)
		engine_unregister_store(w->engine, stores[i]);
	engine_free(w->engine);
	w->engine = NULL;
}

/* ---- fences ---- */

void worker_recall(struct worker *w, struct fence *fence, struct store_io *io)
{
	if (store_io_changes(io) && !fence->io)
		fence_raise(w->fences, fence, io);
	store_cancel(io);
}

void worker_fence_done(struct worker *w, struct fence *fence, const struct store_io *io)
{
	if (fence->io && fence_lower(w->fences, fence))
		server_fence_fell(w->server);
	if (!LIST_EMPTY(&w->drains))
		lock_io_done(w, io);
}

/* Who waited tries again, in order. */
void worker_msg_fence_fell(struct msg *msg)
{
	struct worker *w = container_of(msg, struct worker, fence_msg);
	struct sender_list list = STAILQ_HEAD_INITIALIZER(list);
	struct sender *s;

	atomic_store(&w->fence_posted, false);
	STAILQ_CONCAT(&list, &w->fence_wait);
	while ((s = STAILQ_FIRST(&list))) {
		STAILQ_REMOVE_HEAD(&list, link);
		if (s->kind == SENDER_TASK)
			task_fence_fell(container_of(s, struct task, sender));
		else
			xfer_fence_fell(container_of(s, struct seg, sender));
	}
}

/* ---- completions ---- */

static void rx_done(struct wlane *wl, const struct ibv_wc *wc)
{
	struct rx *rx = wlane_rx(wl, pool_handle_index(wc->wr_id));
	struct channel *ch = wlane_hash_find(wl, wc->qp_num);

	if (ch && rx->owner == ch)
		ch->n_rx_own--;
	rx->owner = NULL;
	if (unlikely(!ch)) {
		if (wl->lane->srq)
			wlane_rx_release(wl, NULL, rx);
		else
			STAILQ_INSERT_TAIL(&wl->spare, rx, link);
	} else if (unlikely(wc->status != IBV_WC_SUCCESS)) {
		channel_drain(ch, wc->status == IBV_WC_WR_FLUSH_ERR
					  ? NULL : ibv_wc_status_str(wc->status));
		wlane_rx_release(wl, ch, rx);
		channel_check_end(ch);
	} else {
		rx->len = wc->byte_len;
		channel_rx(ch, rx);
	}
}

static struct seg *seg_find(struct worker *w, uint64_t handle)
{
	return handle & SEG_SMALL_BIT ? pool_find(&w->segs_small, handle & ~SEG_SMALL_BIT)
				      : pool_find(&w->segs_large, handle);
}

static void send_failed(struct wlane *wl, const struct ibv_wc *wc)
{
	struct channel *ch = wlane_hash_find(wl, wc->qp_num);

	if (!ch)
		return;
	channel_drain(ch, wc->status == IBV_WC_WR_FLUSH_ERR ? "work requests were flushed"
							    : ibv_wc_status_str(wc->status));
	if (pool_handle_kind(wc->wr_id) == WR_DRAIN)
		channel_flush_done(ch);
	else
		channel_send_ended(ch, (uint16_t)wc->wr_id);
}

static void kick(struct channel *ch)
{
	if (!STAILQ_EMPTY(&ch->send_wait) || !STAILQ_EMPTY(&ch->read_wait))
		xfer_kick(ch);
}

/* What belongs to a QP that is gone, or an object that was given back since, is not found. */
static void task_sent(struct channel *ch, uint64_t wr_id)
{
	task_retire(ch, (uint16_t)wr_id);
	kick(ch);
}

static void seg_sent(struct channel *ch, uint64_t wr_id)
{
	struct seg *seg = seg_find(ch->worker, wr_id);

	if (likely(seg))
		xfer_seg_done(seg, (uint16_t)wr_id);
	task_retire(ch, (uint16_t)wr_id);
	kick(ch);
}

static void send_done(struct wlane *wl, const struct ibv_wc *wc)
{
	struct channel *ch = wlane_hash_find(wl, wc->qp_num);
	enum wr_kind kind = pool_handle_kind(wc->wr_id);

	if (unlikely(!ch))
		return;
	if (unlikely(channel_ending(ch)) && kind != WR_DRAIN) {
		channel_send_ended(ch, (uint16_t)wc->wr_id);
		return;
	}
	switch (kind) {
	case WR_TASK:
		task_sent(ch, wc->wr_id);
		break;
	case WR_SEG:
		seg_sent(ch, wc->wr_id);
		break;
	case WR_LOGOUT:
		channel_logout_sent(ch);
		break;
	case WR_DRAIN:
		channel_flush_done(ch);
		break;
	case WR_RX:
		break;
	}
}

static unsigned int poll_batch(struct wlane *wl)
{
	struct ibv_wc wc[POLL_BATCH];
	struct worker_stats *stats = &wl->worker->stats;
	int n = ibv_poll_cq(wl->lane->cq, POLL_BATCH, wc);

	stats->cq_polls++;
	if (n <= 0)
		stats->cq_empty++;
	else
		stats->completions += (unsigned int)n;
	for (int i = 0; i < n; i++) {
		if (pool_handle_kind(wc[i].wr_id) == WR_RX)
			rx_done(wl, &wc[i]);
		else if (likely(wc[i].status == IBV_WC_SUCCESS))
			send_done(wl, &wc[i]);
		else
			send_failed(wl, &wc[i]);
	}
	if (unlikely(n < 0))
		log_peer(LOG_LVL_ERR, "%s: polling the completion queue failed",
			 wl->lane->rnic->name);
	return n > 0 ? (unsigned int)n : 0;
}

void worker_poll_lane(struct wlane *wl)
{
	for (uint32_t n = 0; n <= wl->lane->cq_depth; n += POLL_BATCH)
		if (poll_batch(wl) == 0)
			return;
}

/* ---- the watchdog ---- */

static void tick(struct timer *timer)
{
	struct worker *w = container_of(timer, struct worker, tick_timer);
	struct channel *ch, *next;

	w->tick++;
	for (ch = LIST_FIRST(&w->channels); ch; ch = next) {
		next = LIST_NEXT(ch, link);
		channel_watch(ch);
	}
	if (!LIST_EMPTY(&w->channels))
		worker_start_watch(w);
}

void worker_start_watch(struct worker *w)
{
	w->tick_timer.fire = tick;
	if (w->tick_timer.index == 0 &&
	    timer_arm(&w->timers, &w->tick_timer, clock_now_ns() + NSEC_PER_SEC))
		log_err("worker %u: no memory for the watchdog's timer", w->index);
}

/* ---- the pass ---- */

void worker_flush(struct worker *w)
{
	struct channel *ch;

	while ((ch = TAILQ_FIRST(&w->dirty))) {
		TAILQ_REMOVE(&w->dirty, ch, dirty_link);
		channel_post(ch);
	}
	wr_arena_empty(&w->arena);
}

static void serve_starved(struct worker *w)
{
	struct channel *ch, *next;

	w->starved = false;
	for (ch = LIST_FIRST(&w->channels); ch; ch = next) {
		next = LIST_NEXT(ch, link);
		channel_unpark(ch);
	}
}

bool worker_pass(struct worker *w)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < w->n_lanes; i++)
		n += poll_batch(w->lanes[i]);
	if (w->engine->inflight) {
		engine_flush(w->engine);
		n += engine_reap(w->engine);
	}
	if (unlikely(w->n_hungry))
		share_serve(w);
	if (unlikely(w->starved))
		serve_starved(w);
	if (!TAILQ_EMPTY(&w->dirty))
		worker_flush(w);
	if (unlikely(mailbox_full(&w->mail))) {
		mailbox_run(&w->mail);
		n++;
	}
	if (++w->stats.passes % TIMER_PASSES == 0)
		n += timer_run(&w->timers, clock_now_ns());
	if (n > 0)
		w->now = 0;
	return n > 0;
}

/* ---- idle ---- */

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* Spin for about as long as work has lately taken to arrive; true = go on polling. */
static bool still_spinning(struct worker *w, uint64_t now)
{
	if (!w->may_spin || w->spin_ns == 0)
		return false;
	if (w->idle_since == 0)
		w->idle_since = now;
	return now - w->idle_since < w->spin_ns;
}

/* A short sleep says that spinning a little longer would have met the work. */
static void adapt_spin(struct worker *w, uint64_t slept)
{
	if (slept < w->spin_max_ns)
		w->spin_ns = MIN(MAX(2 * slept, (uint64_t)SPIN_MIN_NS), w->spin_max_ns);
	else
		w->spin_ns = w->spin_ns / 2 < SPIN_MIN_NS ? 0 : w->spin_ns / 2;
}

bool worker_sleep(struct worker *w, const struct timespec *timeout)
{
	struct pollfd fds[MAX_LANES + 2] = {
		{ .fd = w->mail.fd, .events = POLLIN },
		{ .fd = engine_wait_fd(w->engine), .events = POLLIN },
	};
	int n;

	for (unsigned int i = 0; i < w->n_lanes; i++)
		fds[i + 2] = (struct pollfd){
			.fd = w->lanes[i]->dead ? -1 : w->lanes[i]->lane->comp->fd,
			.events = POLLIN,
		};
	w->stats.sleeps++;
	w->now = 0;
	n = ppoll(fds, w->n_lanes + 2, timeout, NULL);
	for (unsigned int i = 0; i < w->n_lanes; i++) {
		if (fds[i + 2].revents & POLLIN)
			lane_take_events(w->lanes[i]->lane);
		else if (fds[i + 2].revents)
			w->lanes[i]->dead = true;
	}
	return n > 0;
}

static void sleep_until(struct worker *w, uint64_t now)
{
	uint64_t deadline = MIN(timer_next(&w->timers), engine_deadline(w->engine));
	uint64_t wait = deadline > now ? deadline - now : 0;
	struct timespec ts = {
		.tv_sec = (time_t)(wait / NSEC_PER_SEC),
		.tv_nsec = (long)(wait % NSEC_PER_SEC),
	};

	worker_sleep(w, deadline == UINT64_MAX ? NULL : &ts);
}

bool worker_may_sleep(struct worker *w, uint64_t now)
{
	w->now = now;
	if (timer_run(&w->timers, now))
		return false; /* what they freed may be waited for */
	if (still_spinning(w, now)) {
		relax();
		return false;
	}
	for (unsigned int i = 0; i < w->n_lanes; i++)
		lane_arm(w->lanes[i]->lane);
	/* what came before raises no event */
	return !worker_pass(w) && engine_arm(w->engine);
}

void worker_idle(struct worker *w)
{
	uint64_t now = clock_now_ns();
	uint64_t woke;

	if (!worker_may_sleep(w, now))
		return;
	sleep_until(w, now);
	w->now = woke = clock_now_ns();
	adapt_spin(w, woke - now);
	w->idle_since = 0;
}

void worker_run(struct worker *w)
{
	while (!atomic_load_explicit(&w->stop, memory_order_relaxed)) {
		if (worker_pass(w))
			w->idle_since = 0;
		else
			worker_idle(w);
	}
}
