/*
 * Packets and rings.  wire_commit() is the only place where a packet is sent,
 * wire_deliver() the only place where one arrives: faults of packets are there.
 *
 * Knows: the layout of the shared rings, who must be woken.
 * Does not know: what a packet means (requester.c, responder.c, cm.c).
 */
#include "fault.h"

#include <stdlib.h>
#include <string.h>

#define RING_MASK (SF_RING_BYTES - 1)

static uint32_t record_size(uint32_t len)
{
	return (uint32_t)sizeof(struct sf_pkt) + ((len + 63) & ~63u);
}

static struct sf_pkt *ring_at(struct sf_ring *r, uint64_t pos)
{
	return (struct sf_pkt *)(void *)(r->data + (pos & RING_MASK));
}

/* Bytes to skip so that a record of @size does not wrap. */
static uint32_t ring_gap(uint64_t pos, uint32_t size)
{
	uint32_t left = SF_RING_BYTES - (uint32_t)(pos & RING_MASK);

	return left < size ? left : 0;
}

static bool ring_room(struct sf_link *l, uint32_t need)
{
	if (SF_RING_BYTES - (l->tx_head - l->tx_tail) >= need)
		return true;
	l->tx_tail = atomic_load_explicit(&l->tx->tail, memory_order_acquire);
	if (SF_RING_BYTES - (l->tx_head - l->tx_tail) >= need)
		return true;
	atomic_store(&l->tx->starved, 1);
	l->tx_tail = atomic_load(&l->tx->tail);
	return SF_RING_BYTES - (l->tx_head - l->tx_tail) >= need;
}

/* Packets to nobody are built in the void: the sender cannot tell. */
static struct sf_pkt *wire_void(void)
{
	static alignas(64) uint8_t scratch[sizeof(struct sf_pkt) + SF_FRAG];

	return (struct sf_pkt *)(void *)scratch;
}

/* NULL: the ring is full, come again when the link is polled. */
struct sf_pkt *wire_open(struct sf_link *l, uint8_t type, uint32_t len)
{
	uint32_t size = record_size(len), gap;
	struct sf_pkt *p;

	if (fab.stalled)
		return NULL;
	if (!l || l->dead) {
		p = wire_void();
	} else {
		gap = ring_gap(l->tx_head, size);
		if (!ring_room(l, size + gap))
			return NULL;
		if (gap) {
			p = ring_at(l->tx, l->tx_head);
			p->size = gap;
			p->type = SF_PKT_PAD;
			l->tx_head += gap;
		}
		p = ring_at(l->tx, l->tx_head);
	}
	memset(p, 0, sizeof(*p));
	p->size = size;
	p->type = type;
	p->len = len;
	return p;
}

void wire_commit(struct sf_link *l, struct sf_pkt *p)
{
	if (!l || l->dead || fault_drops(p, false))
		return;
	if (step_on()) {
		step_hold(l, p);
		return;
	}
	l->tx_head += p->size;
	atomic_store_explicit(&l->tx->head, l->tx_head, memory_order_release);
	l->dirty = true;
	fab.dirty = true;
}

static void to_qp(struct sf_link *l, const struct sf_pkt *p)
{
	const uint8_t *data = (const uint8_t *)(p + 1);
	struct sf_qp *qp = qp_find(p->dst_qpn);
	struct sf_dev *dev = qp ? qp->ctx->dev : dev_get(0);

	(void)l;
	if (!qp || dev_silent(dev) || qp->v.state < IBV_QPS_RTR || qp->v.state == IBV_QPS_ERR ||
	    qp->attr.dest_qp_num != p->src_qpn) {
		if (dev)
			dev->cnt.dropped++;
		return;
	}
	qp->cnt.rx_packets++;
	qp->cnt.rx_bytes += p->len;
	switch ((enum sf_pkt_type)p->type) {
	case SF_PKT_SEND:
	case SF_PKT_WRITE:
	case SF_PKT_READ:
		resp_request(qp, p, data);
		break;
	case SF_PKT_READ_RESP:
		req_read_resp(qp, p, data);
		break;
	case SF_PKT_ACK:
		req_ack(qp, p);
		break;
	case SF_PKT_NAK:
		req_nak(qp, p);
		break;
	case SF_PKT_PAD:
	case SF_PKT_CM:
		break;
	}
	qp_check_fatal(qp);
}

void wire_deliver(struct sf_link *l, const struct sf_pkt *p)
{
	if (fault_drops(p, true))
		return;
	if (p->type == SF_PKT_CM)
		cm_deliver(l, p, (const uint8_t *)(p + 1));
	else if (p->type != SF_PKT_PAD)
		to_qp(l, p);
}

/* ---- rings at rest: the work of a fault ---- */
static bool held(const struct sf_link *l)
{
	return fab.stalled || l->hold.active;
}

static void say_held(struct sf_link *l)
{
	if (l->ready)
		atomic_store_explicit(&l->rx->held, held(l), memory_order_relaxed);
}

static void hold_over(struct sf_timer *t)
{
	say_held(sf_container(t, struct sf_link, hold));
}

/* Must this packet wait; what is behind it waits too, so that nothing is overtaken. */
static bool must_wait(struct sf_link *l, const struct sf_pkt *p)
{
	uint64_t ns = l->held_once ? 0 : fault_delays(p);

	l->held_once = ns != 0;
	if (!ns)
		return false;
	l->hold.fire = hold_over;
	timer_set(&l->hold, ns);
	say_held(l);
	return true;
}

/* The HCA stops, or goes on: nothing is sent or taken, nothing is lost. */
void wire_stall(bool on)
{
	fab.stalled = on;
	list_for_each (pos, &fab.links)
		say_held(sf_container(pos, struct sf_link, node));
}

/* The fault that delayed packets is over. */
void wire_let_go(void)
{
	list_for_each (pos, &fab.links) {
		timer_cancel(&sf_container(pos, struct sf_link, node)->hold);
		say_held(sf_container(pos, struct sf_link, node));
	}
}

bool wire_pending(struct sf_link *l)
{
	return l->ready && !held(l) && atomic_load(&l->rx->head) != l->rx_tail;
}

/* Give the space back, and wake a producer that waits for it. */
static void ring_release(struct sf_link *l)
{
	atomic_store(&l->rx->tail, l->rx_tail);
	if (atomic_load(&l->rx->starved)) {
		atomic_store(&l->rx->starved, 0);
		l->dirty = true;
		fab.dirty = true;
	}
}

/* A CM message that found the ring full waits here, in order. */
struct held {
	struct sf_list node;
	uint32_t len;
	uint8_t msg[];
};

static bool send_cm(struct sf_link *l, const void *msg, uint32_t len)
{
	struct sf_pkt *p = wire_open(l, SF_PKT_CM, len);

	if (!p)
		return false;
	memcpy(p + 1, msg, len);
	wire_commit(l, p);
	return true;
}

void wire_send_cm(struct sf_link *l, const void *msg, uint32_t len)
{
	struct held *h;

	if (list_empty(&l->cmq) && send_cm(l, msg, len))
		return;
	h = malloc(sizeof(*h) + len);
	if (!h)
		return;
	h->len = len;
	memcpy(h->msg, msg, len);
	list_add_tail(&l->cmq, &h->node);
}

/* With @drop the messages are lost: nobody is left to read them. */
void wire_flush_cm(struct sf_link *l, bool drop)
{
	while (!list_empty(&l->cmq)) {
		struct held *h = sf_container(l->cmq.next, struct held, node);

		if (!drop && !send_cm(l, h->msg, h->len))
			return;
		list_del(&h->node);
		free(h);
	}
}

bool wire_poll(struct sf_link *l, unsigned int budget)
{
	unsigned int n = 0;

	if (!l->ready || held(l))
		return false;
	if (l->rx_head == l->rx_tail)
		l->rx_head = atomic_load_explicit(&l->rx->head, memory_order_acquire);
	while (l->rx_head != l->rx_tail && n++ < budget) {
		struct sf_pkt *p = ring_at(l->rx, l->rx_tail);
		uint32_t size = p->size;

		if (must_wait(l, p))
			break;
		wire_deliver(l, p);
		l->rx_tail += size;
		if (size > 4096)
			atomic_store_explicit(&l->rx->tail, l->rx_tail, memory_order_release);
	}
	if (n)
		ring_release(l);
	if (!list_empty(&l->cmq))
		wire_flush_cm(l, false);
	return n != 0;
}

/* The peer ended: take all that it had sent. */
void wire_drain(struct sf_link *l)
{
	bool stalled = fab.stalled;

	fab.stalled = false;
	timer_cancel(&l->hold);
	while (wire_poll(l, UINT32_MAX))
		timer_cancel(&l->hold);
	fab.stalled = stalled;
}

/*
 * Tell sleeping peers about packets, or about space, that they have not seen.  A peer
 * says that it sleeps and then looks at the ring; we write the ring and then look whether
 * it sleeps: sequential consistency lets one of the two see the other.
 */
void wire_doorbells(void)
{
	fab.dirty = false;
	list_for_each (pos, &fab.links) {
		struct sf_link *l = sf_container(pos, struct sf_link, node);

		if (!l->dirty)
			continue;
		l->dirty = false;
		if (l->dead)
			continue;
		atomic_store(&l->tx->head, l->tx_head);
		if (atomic_load(&l->tx->asleep) && atomic_exchange(&l->tx->asleep, 0))
			link_bell(l);
	}
}
