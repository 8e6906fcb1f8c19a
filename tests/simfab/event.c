/*
 * A queue of events behind a descriptor an application can poll: completion
 * channels, async events and RDMA/CM event channels are all made of it.
 *
 * Knows: eventfd in semaphore mode, one token per queued event; whether a read blocks
 * is the application's choice through O_NONBLOCK.
 * Does not know: what the events say.
 */
#include "simfab.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

int evq_init(struct sf_evq *q)
{
	q->fd = eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC);
	if (q->fd < 0)
		return -1;
	pthread_mutex_init(&q->lock, NULL);
	list_init(&q->items);
	return 0;
}

void evq_fini(struct sf_evq *q)
{
	close(q->fd);
	q->fd = -1;
	pthread_mutex_destroy(&q->lock);
}

void evq_push(struct sf_evq *q, struct sf_ev *ev)
{
	uint64_t one = 1;
	ssize_t n;

	pthread_mutex_lock(&q->lock);
	list_add_tail(&q->items, &ev->node);
	n = write(q->fd, &one, sizeof(one));
	(void)n;
	pthread_mutex_unlock(&q->lock);
}

/* @got runs under the queue's lock: counting an event as reported is atomic with it. */
struct sf_ev *evq_pop(struct sf_evq *q, void (*got)(struct sf_ev *ev))
{
	struct sf_ev *ev = NULL;
	uint64_t token;

	while (!ev) {
		if (read(q->fd, &token, sizeof(token)) != sizeof(token))
			return NULL;
		pthread_mutex_lock(&q->lock);
		if (!list_empty(&q->items)) {
			ev = sf_container(q->items.next, struct sf_ev, node);
			list_del(&ev->node);
			if (got)
				got(ev);
		}
		pthread_mutex_unlock(&q->lock);
	}
	return ev;
}

/*
 * Move the events that match to @out.  Their tokens are taken back without blocking;
 * a token that a reader snatched first makes that reader look again.
 */
void evq_take(struct sf_evq *q, struct sf_list *out, bool (*match)(struct sf_ev *, void *),
	      void *arg)
{
	uint64_t token;
	struct iovec iov = { .iov_base = &token, .iov_len = sizeof(token) };
	ssize_t n;

	pthread_mutex_lock(&q->lock);
	list_for_each_safe (pos, tmp, &q->items) {
		if (!match(sf_container(pos, struct sf_ev, node), arg))
			continue;
		list_del(pos);
		list_add_tail(out, pos);
		n = preadv2(q->fd, &iov, 1, -1, RWF_NOWAIT);
		(void)n;
	}
	pthread_mutex_unlock(&q->lock);
}
