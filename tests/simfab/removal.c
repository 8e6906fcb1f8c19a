/*
 * What befalls a device: its port goes down and up, it fails, it is removed.
 *
 * Knows: who is told, and that nobody may count on an order: the parts of a dying device
 * die in an order that the seed of the faults decides, at once or over some time.
 * Does not know: who wanted it.
 */
#include "fault.h"

#include <stdlib.h>

/* ---- port ---- */
static void tell_contexts(const struct sf_dev *dev, enum ibv_event_type type)
{
	list_for_each (pos, &fab.contexts) {
		struct sf_ctx *ctx = sf_container(pos, struct sf_ctx, node);

		if (ctx->dev == dev)
			async_raise(ctx, type, NULL);
	}
}

void dev_set_port(struct sf_dev *dev, bool active)
{
	if (dev->port_down == !active || dev->removed)
		return;
	dev->port_down = !active;
	tell_contexts(dev, active ? IBV_EVENT_PORT_ACTIVE : IBV_EVENT_PORT_ERR);
}

SF_EXPORT int simfab_set_port(struct ibv_context *context, bool active)
{
	fab_lock();
	dev_set_port(sf_container(context, struct sf_ctx, v)->dev, active);
	fab_unlock();
	return 0;
}

/* ---- death ---- */
enum part {
	PART_QP,  /* stops and is flushed */
	PART_CTX, /* hears DEVICE_FATAL */
	PART_ID,  /* hears DEVICE_REMOVAL */
};

struct step {
	enum part part;
	uint32_t number; /* QPN, or handle of the id */
	struct sf_ctx *ctx;
};

struct death {
	struct sf_timer timer;
	struct sf_dev *dev;
	uint64_t pause; /* ns, at most, between two steps */
	size_t n, next;
	struct step step[];
};

static bool ctx_lives(const struct sf_ctx *ctx)
{
	list_for_each (pos, &fab.contexts)
		if (sf_container(pos, struct sf_ctx, node) == ctx)
			return true;
	return false;
}

/* The application may have destroyed the part meanwhile. */
static void take(const struct step *s)
{
	struct sf_qp *qp;

	switch (s->part) {
	case PART_QP:
		qp = qp_find(s->number);
		if (qp)
			qp_enter_error(qp);
		break;
	case PART_CTX:
		if (ctx_lives(s->ctx))
			async_raise(s->ctx, IBV_EVENT_DEVICE_FATAL, NULL);
		break;
	case PART_ID:
		cm_tell_removal(s->number);
		break;
	}
}

static void steps(struct death *d)
{
	while (d->next < d->n) {
		take(&d->step[d->next++]);
		if (d->pause && d->next < d->n) {
			timer_set(&d->timer, fault_between(1, d->pause));
			return;
		}
	}
	free(d);
}

static void on_time(struct sf_timer *t)
{
	steps(sf_container(t, struct death, timer));
}

static struct death *add(struct death *d, struct step s)
{
	struct death *more = realloc(d, sizeof(*d) + (d->n + 1) * sizeof(s));

	if (!more)
		return d;
	more->step[more->n++] = s;
	return more;
}

static struct death *parts_of(struct death *d, bool removed)
{
	uint32_t handle = 0;

	for (uint32_t i = 0; i < SF_QPS; i++)
		if (fab.qps[i] && fab.qps[i]->ctx->dev == d->dev)
			d = add(d,
				(struct step){ .part = PART_QP, .number = fab.qps[i]->v.qp_num });
	list_for_each (pos, &fab.contexts) {
		struct sf_ctx *ctx = sf_container(pos, struct sf_ctx, node);

		if (ctx->dev == d->dev)
			d = add(d, (struct step){ .part = PART_CTX, .ctx = ctx });
	}
	while (removed && (handle = cm_next_on_device(d->dev, handle)))
		d = add(d, (struct step){ .part = PART_ID, .number = handle });
	return d;
}

static void shuffle(struct death *d)
{
	for (size_t i = d->n; i > 1; i--) {
		size_t j = fault_random() % i;
		struct step s = d->step[i - 1];

		d->step[i - 1] = d->step[j];
		d->step[j] = s;
	}
}

/*
 * The device neither sends nor receives from now on, and calls that need it fail with EIO.
 * Its parts learn of it within about @over_ns.  If @removed, so do the ids on it.
 */
void dev_die(struct sf_dev *dev, bool removed, uint64_t over_ns)
{
	struct death *d = dev->removed ? NULL : calloc(1, sizeof(*d));

	if (!d)
		return;
	dev->removed = true;
	d->dev = dev;
	d = parts_of(d, removed);
	shuffle(d);
	d->pause = d->n ? over_ns * 2 / d->n : 0;
	d->timer.fire = on_time;
	list_init(&d->timer.node);
	steps(d);
}

SF_EXPORT int simfab_remove_device(struct ibv_context *context)
{
	fab_lock();
	dev_die(sf_container(context, struct sf_ctx, v)->dev, true, 0);
	fab_unlock();
	return 0;
}
