/*
 * Completion queues and completion channels.
 *
 * Knows: entries, arming, overrun, and that polling a completion is what frees the
 * queue entries behind it.
 * Does not know: how work requests come to complete.
 */
#include "fault.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define YIELD_EVERY 256u

struct comp_item {
	struct sf_ev ev;
	struct sf_cq *cq;
};

static struct sf_cq *cq_of(struct ibv_cq *v)
{
	return sf_container(v, struct sf_cq, v);
}

static struct sf_channel *channel_of(struct ibv_comp_channel *v)
{
	return sf_container(v, struct sf_channel, v);
}

static struct sf_ctx *ctx_of(struct ibv_context *v)
{
	return sf_container(v, struct sf_ctx, v);
}

/* ---- channels ---- */
SF_EXPORT struct ibv_comp_channel *ibv_create_comp_channel(struct ibv_context *context)
{
	struct sf_channel *ch = calloc(1, sizeof(*ch));

	if (!ch)
		return NULL;
	if (evq_init(&ch->evq)) {
		free(ch);
		return NULL;
	}
	ch->v.context = context;
	ch->v.fd = ch->evq.fd;
	return &ch->v;
}

SF_EXPORT int ibv_destroy_comp_channel(struct ibv_comp_channel *v)
{
	struct sf_channel *ch = channel_of(v);
	bool busy;

	pthread_mutex_lock(&v->context->mutex);
	busy = v->refcnt != 0;
	pthread_mutex_unlock(&v->context->mutex);
	if (busy)
		return EBUSY;
	evq_fini(&ch->evq);
	free(ch);
	return 0;
}

static void comp_got(struct sf_ev *ev)
{
	struct sf_cq *cq = sf_container(ev, struct comp_item, ev)->cq;

	__atomic_fetch_add(&cq->comp_reported, 1, __ATOMIC_RELEASE);
}

SF_EXPORT int ibv_get_cq_event(struct ibv_comp_channel *channel, struct ibv_cq **cq,
			       void **cq_context)
{
	struct sf_ev *ev = evq_pop(&channel_of(channel)->evq, comp_got);

	if (!ev)
		return -1;
	*cq = &sf_container(ev, struct comp_item, ev)->cq->v;
	*cq_context = (*cq)->cq_context;
	free(sf_container(ev, struct comp_item, ev));
	return 0;
}

SF_EXPORT void ibv_ack_cq_events(struct ibv_cq *cq, unsigned int nevents)
{
	pthread_mutex_lock(&cq->mutex);
	cq->comp_events_completed += nevents;
	pthread_cond_signal(&cq->cond);
	pthread_mutex_unlock(&cq->mutex);
}

static bool comp_about(struct sf_ev *ev, void *cq)
{
	return sf_container(ev, struct comp_item, ev)->cq == cq;
}

/* ---- creation ---- */
static void channel_ref(struct ibv_comp_channel *ch, int n)
{
	if (!ch)
		return;
	pthread_mutex_lock(&ch->context->mutex);
	ch->refcnt += n;
	pthread_mutex_unlock(&ch->context->mutex);
}

SF_EXPORT struct ibv_cq *ibv_create_cq(struct ibv_context *context, int cqe, void *cq_context,
				       struct ibv_comp_channel *channel, int comp_vector)
{
	struct sf_cq *cq;

	if (dev_dead(context)) {
		errno = EIO;
		return NULL;
	}
	if (cqe < 1 || cqe > ctx_of(context)->dev->prof->max_cqe || comp_vector < 0 ||
	    comp_vector >= context->num_comp_vectors) {
		errno = EINVAL;
		return NULL;
	}
	cq = calloc(1, sizeof(*cq));
	if (!cq)
		return NULL;
	cq->size = (uint32_t)cqe;
	cq->ring = calloc(cq->size, sizeof(*cq->ring));
	if (!cq->ring) {
		free(cq);
		return NULL;
	}
	cq->v.context = context;
	cq->v.channel = channel;
	cq->v.cq_context = cq_context;
	cq->v.cqe = cqe;
	pthread_mutex_init(&cq->v.mutex, NULL);
	pthread_cond_init(&cq->v.cond, NULL);
	pthread_mutex_init(&cq->lock, NULL);
	channel_ref(channel, 1);
	return &cq->v;
}

SF_EXPORT int ibv_resize_cq(struct ibv_cq *v, int cqe)
{
	struct sf_cq *cq = cq_of(v);
	struct sf_cqe *ring;
	uint32_t n;

	if (dev_dead(v->context))
		return EIO;
	if (cqe < 1 || cqe > ctx_of(v->context)->dev->prof->max_cqe)
		return EINVAL;
	ring = calloc((size_t)cqe, sizeof(*ring));
	if (!ring)
		return ENOMEM;
	pthread_mutex_lock(&cq->lock);
	n = cq->count + cq->held;
	if (n > (uint32_t)cqe) {
		pthread_mutex_unlock(&cq->lock);
		free(ring);
		return EINVAL;
	}
	for (uint32_t i = 0; i < n; i++)
		ring[i] = cq->ring[(cq->head + i) % cq->size];
	free(cq->ring);
	cq->ring = ring;
	cq->size = (uint32_t)cqe;
	cq->head = 0;
	v->cqe = cqe;
	pthread_mutex_unlock(&cq->lock);
	return 0;
}

static void cq_drop_events(struct sf_cq *cq)
{
	struct sf_list out;

	async_forget(ctx_of(cq->v.context), cq);
	list_init(&out);
	if (cq->v.channel)
		evq_take(&channel_of(cq->v.channel)->evq, &out, comp_about, cq);
	list_for_each_safe (pos, tmp, &out)
		free(sf_container(sf_container(pos, struct sf_ev, node), struct comp_item, ev));
}

SF_EXPORT int ibv_destroy_cq(struct ibv_cq *v)
{
	struct sf_cq *cq = cq_of(v);
	bool busy;

	fab_lock();
	busy = cq->users != 0;
	if (!busy)
		timer_cancel(&cq->hold);
	fab_unlock();
	if (busy)
		return EBUSY;
	cq_drop_events(cq);
	async_wait_acked(&v->mutex, &v->cond, &cq->comp_reported, &v->comp_events_completed);
	async_wait_acked(&v->mutex, &v->cond, &cq->async_reported, &v->async_events_completed);
	channel_ref(v->channel, -1);
	pthread_mutex_destroy(&v->mutex);
	pthread_cond_destroy(&v->cond);
	pthread_mutex_destroy(&cq->lock);
	free(cq->ring);
	free(cq);
	return 0;
}

/* ---- completions ---- */
static void cq_event(struct sf_cq *cq)
{
	struct comp_item *it;

	cq->armed = SF_ARM_NONE;
	if (!cq->v.channel)
		return;
	it = calloc(1, sizeof(*it));
	if (!it)
		return;
	it->cq = cq;
	evq_push(&channel_of(cq->v.channel)->evq, &it->ev);
}

/* ---- completions that a fault delays; what is behind them waits too ---- */
static void hold_over(struct sf_timer *t)
{
	struct sf_cq *cq = sf_container(t, struct sf_cq, hold);

	pthread_mutex_lock(&cq->lock);
	cq->count += cq->held;
	if (cq->held &&
	    (cq->armed == SF_ARM_ALL || (cq->armed == SF_ARM_SOLICITED && cq->held_solicited)))
		cq_event(cq);
	cq->held = 0;
	cq->held_solicited = false;
	pthread_mutex_unlock(&cq->lock);
}

/* The fault is over: nothing waits any longer. */
void cq_let_go(void)
{
	list_for_each_safe (pos, tmp, &fab.timers) {
		struct sf_timer *t = sf_container(pos, struct sf_timer, node);

		if (t->fire != hold_over)
			continue;
		timer_cancel(t);
		hold_over(t);
	}
}

/* Is the newest entry one that must wait; with cq->lock. */
static bool hold(struct sf_cq *cq, const struct sf_qp *qp, bool solicited)
{
	uint64_t ns = fault_delays_completion(qp);

	if (!ns && !cq->held)
		return false;
	if (!cq->held) {
		cq->hold.fire = hold_over;
		timer_set(&cq->hold, ns);
	}
	cq->held++;
	cq->held_solicited |= solicited;
	return true;
}

/* false: the CQ is overrun (IBA 10.2.4.1, 11.6.3.1) and the completion is lost. */
bool cq_add(struct sf_cq *cq, const struct sf_cqe *cqe, bool solicited)
{
	bool first = false;

	pthread_mutex_lock(&cq->lock);
	if (cq->overrun || cq->count + cq->held == cq->size) {
		first = !cq->overrun;
		cq->overrun = true;
		pthread_mutex_unlock(&cq->lock);
		if (first)
			async_raise(ctx_of(cq->v.context), IBV_EVENT_CQ_ERR, &cq->v);
		return false;
	}
	cq->ring[(cq->head + cq->count + cq->held) % cq->size] = *cqe;
	if (!hold(cq, cqe->qp, solicited)) {
		cq->count++;
		if (cq->armed == SF_ARM_ALL || (cq->armed == SF_ARM_SOLICITED && solicited))
			cq_event(cq);
	}
	pthread_mutex_unlock(&cq->lock);
	return true;
}

static void cqe_free(const struct sf_cqe *c)
{
	if (c->release)
		atomic_fetch_add_explicit(&c->qp->sq_freed, c->release, memory_order_release);
	else if (c->srq)
		atomic_fetch_add_explicit(&c->srq->rq.freed, 1, memory_order_release);
	else
		atomic_fetch_add_explicit(&c->qp->rq.freed, 1, memory_order_release);
}

/* Forget the completions of a QP that is destroyed or reset, as providers do. */
void cq_purge(struct sf_cq *cq, struct sf_qp *qp)
{
	uint32_t kept = 0, visible, total;

	pthread_mutex_lock(&cq->lock);
	visible = cq->count;
	total = visible + cq->held;
	for (uint32_t i = 0; i < total; i++) {
		struct sf_cqe *c = &cq->ring[(cq->head + i) % cq->size];

		if (c->qp == qp)
			cqe_free(c);
		else
			cq->ring[(cq->head + kept++) % cq->size] = *c;
		if (i + 1 == visible)
			cq->count = kept;
	}
	cq->held = kept - cq->count;
	pthread_mutex_unlock(&cq->lock);
}

static int cq_pop(struct sf_cq *cq, int n, struct ibv_wc *wc)
{
	int got = 0;

	if (!atomic_load_explicit(&cq->count, memory_order_relaxed))
		return 0;
	pthread_mutex_lock(&cq->lock);
	while (got < n && cq->count) {
		struct sf_cqe *c = &cq->ring[cq->head];

		wc[got++] = c->wc;
		cqe_free(c);
		cq->head = cq->head + 1 == cq->size ? 0 : cq->head + 1;
		cq->count--;
	}
	pthread_mutex_unlock(&cq->lock);
	return got;
}

/*
 * A thread that polls in vain gives way now and then: the peer it waits for may share
 * its CPU, and with a single CPU certainly does.
 */
static void polled_in_vain(void)
{
	static _Thread_local __attribute__((tls_model("initial-exec"))) unsigned int vain;

	if (fab.cpus == 1 || ++vain % YIELD_EVERY == 0)
		sched_yield();
}

/* Whoever polls moves the fabric, unless somebody else is doing that already. */
int cq_poll(struct ibv_cq *v, int n, struct ibv_wc *wc)
{
	struct sf_cq *cq = cq_of(v);
	int got = cq_pop(cq, n, wc);
	uint32_t polls = atomic_load_explicit(&fab.polls, memory_order_relaxed);

	atomic_store_explicit(&fab.polls, polls + 1, memory_order_relaxed);
	if (got || step_on())
		return got;
	if (fab_trylock()) {
		fabric_poll();
		fab_unlock();
	}
	got = cq_pop(cq, n, wc);
	if (!got)
		polled_in_vain();
	return got;
}

int cq_req_notify(struct ibv_cq *v, int solicited_only)
{
	struct sf_cq *cq = cq_of(v);

	pthread_mutex_lock(&cq->lock);
	if (!solicited_only)
		cq->armed = SF_ARM_ALL;
	else if (cq->armed == SF_ARM_NONE)
		cq->armed = SF_ARM_SOLICITED;
	pthread_mutex_unlock(&cq->lock);
	engine_notify_armed();
	return 0;
}
