/*
 * The fabric under one stepping thread, see simfab_step.h.
 *
 * Knows: packets on their way, in flows.
 * Does not know: why the caller chooses as it does.
 */
#include "simfab_step.h"

#include <stdlib.h>
#include <string.h>

#include "cm.h"
#include "fault.h"

struct packet {
	struct sf_list node;
	struct sf_link *link;
	struct simfab_flow head;
	alignas(64) struct sf_pkt pkt; /* its payload follows */
};

struct flow {
	struct sf_list node;
	struct sf_list packets;
	uint32_t src, dst;
	uint32_t n;
	bool cm;
};

static struct {
	const struct simfab_stepping *how;
	struct sf_list flows; /* none is empty */
	unsigned int packets;
} step;

bool step_on(void)
{
	return step.how != NULL;
}

uint64_t step_now(void)
{
	return step.how->now_ns();
}

SF_EXPORT void simfab_step_start(const struct simfab_stepping *how)
{
	step.how = how;
	list_init(&step.flows);
}

/* ---- packets ---- */
static enum simfab_msg msg_of(const struct sf_pkt *p)
{
	static const enum simfab_msg data[] = {
		[SF_PKT_SEND] = SIMFAB_SEND,
		[SF_PKT_WRITE] = SIMFAB_WRITE,
		[SF_PKT_READ] = SIMFAB_READ,
		[SF_PKT_READ_RESP] = SIMFAB_READ_RESP,
		[SF_PKT_ACK] = SIMFAB_ACK,
		[SF_PKT_NAK] = SIMFAB_NAK,
	};
	const struct cm_msg *m = (const void *)(p + 1);

	return p->type == SF_PKT_CM ? (enum simfab_msg)(SIMFAB_CM_REQ + m->type) : data[p->type];
}

static void describe(struct packet *k)
{
	const struct sf_pkt *p = &k->pkt;
	const struct cm_msg *m = (const void *)(p + 1);
	bool is_cm = p->type == SF_PKT_CM;

	k->head = (struct simfab_flow){
		.msg = msg_of(p),
		.src = is_cm ? m->local_id : p->src_qpn,
		.dst = is_cm ? m->remote_id : p->dst_qpn,
		.len = p->len,
	};
}

/* A CM id has one flow, although it learns only from an answer whom it speaks to. */
static struct flow *flow_of(const struct packet *k)
{
	bool is_cm = k->pkt.type == SF_PKT_CM;
	struct flow *f;

	list_for_each (pos, &step.flows) {
		f = sf_container(pos, struct flow, node);
		if (f->cm == is_cm && f->src == k->head.src && (is_cm || f->dst == k->head.dst))
			return f;
	}
	f = calloc(1, sizeof(*f));
	if (!f)
		abort();
	f->cm = is_cm;
	f->src = k->head.src;
	f->dst = k->head.dst;
	list_init(&f->packets);
	list_add_tail(&step.flows, &f->node);
	return f;
}

/* Instead of the ring: the place it was built in is free again. */
void step_hold(struct sf_link *l, const struct sf_pkt *p)
{
	struct packet *k;
	struct flow *f;
	uint64_t delay;

	if (p->type == SF_PKT_PAD)
		return;
	k = aligned_alloc(64, (sizeof(*k) + p->len + 63) & ~(size_t)63);
	if (!k)
		abort();
	memset(k, 0, sizeof(*k));
	memcpy(&k->pkt, p, sizeof(*p) + p->len);
	k->link = l;
	describe(k);
	delay = step.how->delay(&k->head);
	if (delay == SIMFAB_LOST) {
		free(k);
		return;
	}
	k->head.due = step_now() + delay;
	f = flow_of(k);
	f->n++;
	list_add_tail(&f->packets, &k->node);
	step.packets++;
}

static struct packet *oldest(const struct flow *f)
{
	return sf_container(f->packets.next, struct packet, node);
}

static struct packet *take(struct flow *f)
{
	struct packet *k = oldest(f);

	list_del(&k->node);
	step.packets--;
	if (!--f->n) {
		list_del(&f->node);
		free(f);
	}
	return k;
}

/* The n-th flow with a packet that is due. */
static struct flow *due_flow(unsigned int n)
{
	uint64_t now = step_now();

	list_for_each (pos, &step.flows) {
		struct flow *f = sf_container(pos, struct flow, node);

		if (oldest(f)->head.due <= now && !n--)
			return f;
	}
	return NULL;
}

SF_EXPORT unsigned int simfab_step_flows(struct simfab_flow *out, unsigned int max)
{
	uint64_t now = step_now();
	unsigned int n = 0;

	list_for_each (pos, &step.flows) {
		struct flow *f = sf_container(pos, struct flow, node);

		if (n == max)
			break;
		if (oldest(f)->head.due > now)
			continue;
		out[n] = oldest(f)->head;
		out[n++].waiting = f->n;
	}
	return n;
}

SF_EXPORT void simfab_step_deliver(unsigned int n)
{
	struct flow *f = due_flow(n);
	struct packet *k;

	if (!f)
		return;
	k = take(f);
	fab_lock();
	wire_deliver(k->link, &k->pkt);
	fab_unlock();
	free(k);
}

SF_EXPORT void simfab_step_lose(unsigned int n)
{
	struct flow *f = due_flow(n);

	if (f)
		free(take(f));
}

/* ---- queue pairs and timers ---- */
SF_EXPORT unsigned int simfab_step_ready(void)
{
	unsigned int n = 0;

	if (fab.up)
		list_for_each (pos, &fab.ready)
			n++;
	return n;
}

SF_EXPORT void simfab_step_send(unsigned int n)
{
	list_for_each (pos, &fab.ready) {
		struct sf_qp *qp = sf_container(pos, struct sf_qp, ready);

		if (n--)
			continue;
		list_del(&qp->ready);
		fab_lock();
		if (!qp_service(qp))
			qp_mark_ready(qp);
		fab_unlock();
		return;
	}
}

SF_EXPORT uint64_t simfab_step_next_packet(void)
{
	uint64_t next = SF_NEVER;

	list_for_each (pos, &step.flows) {
		const struct packet *k = oldest(sf_container(pos, struct flow, node));

		if (k->head.due < next)
			next = k->head.due;
	}
	return next;
}

SF_EXPORT uint64_t simfab_step_next_timer(void)
{
	uint64_t next = SF_NEVER;

	if (fab.up)
		list_for_each (pos, &fab.timers) {
			const struct sf_timer *t = sf_container(pos, struct sf_timer, node);

			if (t->deadline < next)
				next = t->deadline;
		}
	return next;
}

SF_EXPORT void simfab_step_timers(void)
{
	if (!fab.up)
		return;
	fab_lock();
	timers_run();
	fab_unlock();
}

/* ---- between two runs ---- */
static unsigned int count_qps(void)
{
	unsigned int n = 0;

	for (uint32_t i = 0; i < SF_QPS; i++)
		n += fab.qps[i] != NULL;
	return n;
}

SF_EXPORT void simfab_step_census(struct simfab_census *out)
{
	*out = (struct simfab_census){
		.qps = count_qps(),
		.mrs = mr_count(),
		.ids = cm_count(),
		.packets = step.packets,
	};
}

SF_EXPORT int simfab_step_restart(const char *profile, uint64_t seed)
{
	const struct sf_profile *prof = profile_find(profile);

	if (!prof || fab_start() || cm_restart())
		return -1;
	while (!list_empty(&step.flows))
		free(take(sf_container(step.flows.next, struct flow, node)));
	dev_restart(prof);
	fault_reseed(seed);
	fab.qp_next = 0;
	fab.next_deadline = SF_NEVER;
	return 0;
}

/* ---- looking inside ---- */
SF_EXPORT uint32_t simfab_srq_posted(const struct ibv_srq *srq)
{
	return rq_count(&sf_container(srq, const struct sf_srq, v)->rq);
}

SF_EXPORT uint32_t simfab_qp_posted(const struct ibv_qp *qp)
{
	return rq_count(&sf_container(qp, const struct sf_qp, v)->rq);
}

SF_EXPORT uint32_t simfab_cq_count(struct ibv_cq *v)
{
	return sf_container(v, struct sf_cq, v)->count;
}

SF_EXPORT bool simfab_async_pending(struct ibv_context *v)
{
	return !list_empty(&sf_container(v, struct sf_ctx, v)->async.items);
}

SF_EXPORT bool simfab_comp_pending(struct ibv_comp_channel *v)
{
	return !list_empty(&sf_container(v, struct sf_channel, v)->evq.items);
}

SF_EXPORT uint32_t simfab_cm_handle(struct rdma_cm_id *id)
{
	return cm_of(id)->handle;
}

SF_EXPORT uint32_t simfab_cq_receives(struct ibv_cq *v, const struct ibv_qp *qp)
{
	const struct sf_cq *cq = sf_container(v, struct sf_cq, v);
	uint32_t n = 0;

	for (uint32_t i = 0; i < cq->count; i++) {
		const struct sf_cqe *c = &cq->ring[(cq->head + i) % cq->size];

		n += !c->release && (!qp || &c->qp->v == qp);
	}
	return n;
}

SF_EXPORT void simfab_qp_fatal(struct ibv_qp *v)
{
	struct sf_qp *qp = sf_container(v, struct sf_qp, v);

	fab_lock();
	if (v->state != IBV_QPS_ERR) {
		qp_enter_error(qp);
		async_raise(qp->ctx, IBV_EVENT_QP_FATAL, v);
	}
	fab_unlock();
}
