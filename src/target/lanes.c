/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A worker's lanes: receive buffers, their reposting, and channels by QP number. Lanes and buffers
 * are made by the control thread before the worker sees them.
 */
#include "target/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/compiler.h"
#include "base/log.h"

enum {
	HASH_SLOTS = 32768, /* more than the channels that 65535 receives allow */
	SENDS_PER_RX = 3, /* room in the CQ */
	/* ib_srp puts immediate data 68 bytes into the IU: then it lies on a page for direct I/O */
	RX_OFFSET = 4096 - 68,
};

static void fill_recv(const struct wlane *wl, const struct rx *rx, struct ibv_recv_wr *wr,
		      struct ibv_sge *sge)
{
	*sge = (struct ibv_sge){
		.addr = (uintptr_t)rx->buf,
		.length = wl->rx_len,
		.lkey = rx->lkey,
	};
	*wr = (struct ibv_recv_wr){
		.wr_id = (uint64_t)WR_RX << 60 | (uint64_t)rx->index << 16,
		.sg_list = sge,
		.num_sge = 1,
	};
}

/* The device takes no more: what it refused is posted with the next receive that comes back. */
static void keep_refused(struct wlane *wl, const struct ibv_recv_wr *bad, int err)
{
	log_peer(LOG_LVL_ERR, "%s: cannot post receives: %s", wl->lane->rnic->name, strerror(err));
	for (; bad; bad = bad->next)
		STAILQ_INSERT_TAIL(&wl->spare, wlane_rx(wl, pool_handle_index(bad->wr_id)), link);
}

void wlane_rx_flush(struct wlane *wl)
{
	struct ibv_recv_wr wr[RX_BATCH];
	struct ibv_sge sge[RX_BATCH];
	struct ibv_recv_wr *bad;
	uint32_t n = wl->n_repost;
	int ret;

	if (n == 0)
		return;
	for (uint32_t i = 0; i < n; i++) {
		fill_recv(wl, wl->repost[i], &wr[i], &sge[i]);
		wr[i].next = i + 1 < n ? &wr[i + 1] : NULL;
	}
	wl->n_repost = 0;
	wl->worker->stats.post_recv++;
	ret = ibv_post_srq_recv(wl->lane->srq, wr, &bad);
	if (unlikely(ret))
		keep_refused(wl, bad, ret);
}

/* Without an SRQ a channel that ends leaves its receives to the next one. */
static void release_own(struct wlane *wl, struct channel *ch, struct rx *rx)
{
	struct ibv_recv_wr wr, *bad;
	struct ibv_sge sge;

	rx->owner = NULL;
	if (channel_ending(ch)) {
		STAILQ_INSERT_TAIL(&wl->spare, rx, link);
		return;
	}
	fill_recv(wl, rx, &wr, &sge);
	wl->worker->stats.post_recv++;
	if (ibv_post_recv(ch->qp.ibv, &wr, &bad)) {
		STAILQ_INSERT_TAIL(&wl->spare, rx, link);
		channel_drain(ch, "cannot post a receive");
		return;
	}
	rx->owner = ch;
	ch->n_rx_own++;
}

void wlane_rx_release(struct wlane *wl, struct channel *ch, struct rx *rx)
{
	if (unlikely(!wl->lane->srq)) {
		release_own(wl, ch, rx);
		return;
	}
	wl->repost[wl->n_repost++] = rx;
	if (unlikely(!STAILQ_EMPTY(&wl->spare)) && wl->n_repost < wl->batch) {
		wl->repost[wl->n_repost++] = STAILQ_FIRST(&wl->spare);
		STAILQ_REMOVE_HEAD(&wl->spare, link);
	}
	if (wl->n_repost >= wl->batch)
		wlane_rx_flush(wl);
}

/* Without an SRQ: give a new channel its receives. 0 or -ENOBUFS. */
int wlane_post_own(struct wlane *wl, struct channel *ch)
{
	if (wl->lane->srq)
		return 0;
	for (uint32_t i = 0; i < ch->promised; i++) {
		struct rx *rx = STAILQ_FIRST(&wl->spare);

		if (!rx)
			return -ENOBUFS;
		STAILQ_REMOVE_HEAD(&wl->spare, link);
		release_own(wl, ch, rx);
	}
	return channel_ending(ch) ? -EIO : 0;
}

void wlane_take_back(struct wlane *wl, struct channel *ch)
{
	if (wl->lane->srq)
		return;
	for (uint32_t i = 0; i < wl->n_known; i++) {
		struct rx *rx = wlane_rx(wl, i);

		if (rx->owner != ch)
			continue;
		rx->owner = NULL;
		STAILQ_INSERT_TAIL(&wl->spare, rx, link);
	}
}

/* ---- making receives: control thread ---- */

/* From one buffer to the next: immediate data of Linux starts on a page, see RX_OFFSET. */
static size_t rx_stride(uint32_t rx_len)
{
	return ((size_t)RX_OFFSET + rx_len + 4095) & ~(size_t)4095;
}

static void chunk_free(struct rx_chunk *c)
{
	if (c->mr)
		ibv_dereg_mr(c->mr);
	if (c->mem)
		munmap(c->mem, c->mem_len);
	free(c);
}

static struct rx_chunk *chunk_new(struct wlane *wl, uint32_t n)
{
	size_t stride = rx_stride(wl->rx_len);
	struct rx_chunk *c = calloc(1, sizeof(*c));
	void *mem;

	if (!c)
		return NULL;
	c->wlane = wl;
	c->n = n;
	c->mem_len = n * stride;
	mem = mmap(NULL, c->mem_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	c->mem = mem == MAP_FAILED ? NULL : mem;
	c->mr = c->mem ? lane_register(wl->lane, c->mem, c->mem_len, IBV_ACCESS_LOCAL_WRITE) : NULL;
	if (!c->mr) {
		chunk_free(c);
		return NULL;
	}
	for (uint32_t i = 0; i < n; i++) {
		c->rx[i].buf = (uint8_t *)c->mem + i * stride + RX_OFFSET;
		c->rx[i].lkey = c->mr->lkey;
		c->rx[i].index = wl->n_rx + i;
	}
	return c;
}

/* Worker: the first post of a chunk's receives. */
static void chunk_post(struct msg *msg)
{
	struct rx_chunk *c = container_of(msg, struct rx_chunk, msg);
	struct wlane *wl = c->wlane;

	wl->n_known += c->n;
	for (uint32_t i = 0; i < c->n; i++) {
		if (wl->lane->srq)
			wlane_rx_release(wl, NULL, &c->rx[i]);
		else
			STAILQ_INSERT_TAIL(&wl->spare, &c->rx[i], link);
	}
	if (wl->lane->srq)
		wlane_rx_flush(wl);
}

static uint32_t less_taken(const struct wlane *wl, uint32_t n)
{
	uint32_t taken = wl->promised + wl->reserve;

	return n > taken ? n - taken : 0;
}

uint32_t wlane_free_rx(const struct wlane *wl)
{
	return less_taken(wl, wl->n_rx);
}

uint32_t wlane_left_rx(const struct wlane *wl)
{
	return less_taken(wl, wl->lane->max_recv);
}

void wlane_grow(struct wlane *wl, uint32_t want)
{
	while (wlane_free_rx(wl) < want && wl->n_rx < wl->lane->max_recv) {
		uint32_t n = MIN((uint32_t)RX_CHUNK, wl->lane->max_recv - wl->n_rx);
		struct rx_chunk *c = chunk_new(wl, n);

		if (!c) {
			log_warn("worker %u: no memory for more than %u receives",
				 wl->worker->index, wl->n_rx);
			return;
		}
		wl->chunk[wl->n_rx / RX_CHUNK] = c;
		wl->n_rx += n;
		mailbox_post(&wl->worker->mail, &c->msg, chunk_post);
	}
}

int wlane_new(struct worker *w, struct rnic *rnic, uint32_t max_rx, uint32_t rx_len,
	      int comp_vector, struct wlane **out)
{
	struct wlane *wl = calloc(1, sizeof(*wl));
	int ret;

	if (!wl)
		return -ENOMEM;
	wl->worker = w;
	wl->rx_len = rx_len;
	wl->hash_mask = HASH_SLOTS - 1;
	STAILQ_INIT(&wl->spare);
	wl->hash = calloc(HASH_SLOTS, sizeof(struct channel *));
	wl->chunk = calloc(max_rx / RX_CHUNK + 1, sizeof(struct rx_chunk *));
	ret = wl->hash && wl->chunk ? 0 : -ENOMEM;
	if (!ret)
		ret = lane_new(rnic, w->data_mem, w->data_mem_len, max_rx, SENDS_PER_RX * max_rx,
			       comp_vector, &wl->lane);
	if (ret) {
		wlane_free(wl);
		return ret;
	}
	wl->cq_free = wl->lane->cq_depth - wl->lane->max_recv;
	wl->reserve = wl->lane->srq ? MIN((uint32_t)RX_RESERVE, wl->lane->max_recv / 16) : 0;
	wl->batch = MIN((uint32_t)RX_BATCH, wl->reserve / 2 + 1);
	*out = wl;
	return 0;
}

void wlane_free(struct wlane *wl)
{
	if (!wl)
		return;
	/* queues before the memory that they refer to */
	if (wl->lane && wl->lane->srq)
		lane_free_srq(wl->lane);
	for (uint32_t i = 0; i < wl->n_rx; i += RX_CHUNK)
		chunk_free(wl->chunk[i / RX_CHUNK]);
	lane_free(wl->lane);
	free(wl->chunk);
	free(wl->hash);
	free(wl);
}

/* ---- channels by QP number ---- */

static uint32_t hash_slot(const struct wlane *wl, uint32_t qpn)
{
	return qpn * 2654435761u >> 16 & wl->hash_mask;
}

void wlane_hash_add(struct wlane *wl, struct channel *ch)
{
	uint32_t i = hash_slot(wl, ch->qpn);

	while (wl->hash[i])
		i = (i + 1) & wl->hash_mask;
	wl->hash[i] = ch;
}

struct channel *wlane_hash_find(const struct wlane *wl, uint32_t qpn)
{
	uint32_t i = hash_slot(wl, qpn);

	while (wl->hash[i] && wl->hash[i]->qpn != qpn)
		i = (i + 1) & wl->hash_mask;
	return wl->hash[i];
}

/* Later entries of the same run move up, so that no search stops at the gap. */
void wlane_hash_del(struct wlane *wl, struct channel *ch)
{
	uint32_t i = hash_slot(wl, ch->qpn);
	uint32_t gap, home;

	while (wl->hash[i] != ch)
		i = (i + 1) & wl->hash_mask;
	gap = i;
	for (i = (i + 1) & wl->hash_mask; wl->hash[i]; i = (i + 1) & wl->hash_mask) {
		home = hash_slot(wl, wl->hash[i]->qpn);
		if (((i - home) & wl->hash_mask) < ((i - gap) & wl->hash_mask))
			continue;
		wl->hash[gap] = wl->hash[i];
		gap = i;
	}
	wl->hash[gap] = NULL;
}
