/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A worker's lanes: receive buffers, their reposting, and channels by QP number. Made by the
 * control thread before the worker sees them.
 */
#include "target/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/compiler.h"
#include "base/log.h"

enum { HASH_SLOTS = 8192 };

static int alloc_rx(struct wlane *wl, uint32_t n_rx, uint32_t rx_len)
{
	wl->rx_mem_len = (size_t)n_rx * rx_len;
	wl->rx_mem = mmap(NULL, wl->rx_mem_len, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (wl->rx_mem == MAP_FAILED) {
		wl->rx_mem = NULL;
		return -ENOMEM;
	}
	wl->rx = calloc(n_rx, sizeof(*wl->rx));
	wl->hash = calloc(HASH_SLOTS, sizeof(struct channel *));
	if (!wl->rx || !wl->hash)
		return -ENOMEM;
	wl->hash_mask = HASH_SLOTS - 1;
	wl->n_rx = n_rx;
	for (uint32_t i = 0; i < n_rx; i++) {
		wl->rx[i].buf = (uint8_t *)wl->rx_mem + (size_t)i * rx_len;
		wl->rx[i].len = rx_len;
		wl->rx[i].lane = wl;
		wl->rx[i].index = i;
	}
	return 0;
}

static void fill_recv(const struct wlane *wl, const struct rx *rx, struct ibv_recv_wr *wr,
		      struct ibv_sge *sge)
{
	*sge = (struct ibv_sge){
		.addr = (uintptr_t)rx->buf,
		.length = (uint32_t)(wl->rx_mem_len / wl->n_rx),
		.lkey = wl->lane->msg_mr->lkey,
	};
	*wr = (struct ibv_recv_wr){
		.wr_id = (uint64_t)WR_RX << 60 | (uint64_t)rx->index << 16,
		.sg_list = sge,
		.num_sge = 1,
	};
}

void wlane_rx_flush(struct wlane *wl)
{
	struct ibv_recv_wr wr[RX_BATCH];
	struct ibv_sge sge[RX_BATCH];
	struct ibv_recv_wr *bad;
	uint32_t n = wl->n_repost;

	if (n == 0)
		return;
	for (uint32_t i = 0; i < n; i++) {
		fill_recv(wl, wl->repost[i], &wr[i], &sge[i]);
		wr[i].next = i + 1 < n ? &wr[i + 1] : NULL;
	}
	wl->n_repost = 0;
	wl->worker->stats.post_recv++;
	if (ibv_post_srq_recv(wl->lane->srq, wr, &bad))
		log_peer(LOG_LVL_ERR, "%s: cannot post receives: %s", wl->lane->rnic->name,
			 strerror(errno));
}

/* Without an SRQ a channel that ends leaves its receives to the next one. */
static void release_own(struct wlane *wl, struct channel *ch, struct rx *rx)
{
	struct ibv_recv_wr wr, *bad;
	struct ibv_sge sge;

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
	ch->n_rx_own++;
}

void wlane_rx_release(struct wlane *wl, struct channel *ch, struct rx *rx)
{
	if (unlikely(!wl->lane->srq)) {
		release_own(wl, ch, rx);
		return;
	}
	wl->repost[wl->n_repost++] = rx;
	if (wl->n_repost == RX_BATCH)
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

static void post_all(struct wlane *wl)
{
	for (uint32_t i = 0; i < wl->n_rx; i++) {
		if (!wl->lane->srq)
			STAILQ_INSERT_TAIL(&wl->spare, &wl->rx[i], link);
		else
			wlane_rx_release(wl, NULL, &wl->rx[i]);
	}
	wlane_rx_flush(wl);
}

int wlane_new(struct worker *w, struct rnic *rnic, uint32_t n_rx, uint32_t rx_len,
	      struct wlane **out)
{
	struct wlane *wl = calloc(1, sizeof(*wl));
	uint32_t n = rnic->has_srq ? MIN(n_rx, rnic->max_srq_wr) : n_rx;
	struct lane_memory mem;
	int ret;

	if (!wl)
		return -ENOMEM;
	wl->worker = w;
	STAILQ_INIT(&wl->spare);
	ret = alloc_rx(wl, n, rx_len);
	mem = (struct lane_memory){ w->data_mem, w->data_mem_len, wl->rx_mem, wl->rx_mem_len };
	/* room for every receive, and for the send queues of many channels flushed at once */
	if (!ret)
		ret = lane_new(rnic, &mem, n, 8 * n, (int)w->index, &wl->lane);
	if (ret) {
		wlane_free(wl);
		return ret;
	}
	post_all(wl);
	*out = wl;
	return 0;
}

void wlane_free(struct wlane *wl)
{
	if (!wl)
		return;
	lane_free(wl->lane);
	free(wl->rx);
	free(wl->hash);
	if (wl->rx_mem)
		munmap(wl->rx_mem, wl->rx_mem_len);
	free(wl);
}

static uint32_t hash_slot(const struct wlane *wl, uint32_t qpn)
{
	return qpn * 2654435761u >> 16 & wl->hash_mask;
}

void wlane_hash_add(struct wlane *wl, struct channel *ch)
{
	uint32_t i = hash_slot(wl, ch->qp.ibv->qp_num);

	while (wl->hash[i])
		i = (i + 1) & wl->hash_mask;
	wl->hash[i] = ch;
}

struct channel *wlane_hash_find(const struct wlane *wl, uint32_t qpn)
{
	uint32_t i = hash_slot(wl, qpn);

	while (wl->hash[i] && wl->hash[i]->qp.ibv->qp_num != qpn)
		i = (i + 1) & wl->hash_mask;
	return wl->hash[i];
}

/* Later entries of the same run move up, so that no search stops at the gap. */
void wlane_hash_del(struct wlane *wl, struct channel *ch)
{
	uint32_t i = hash_slot(wl, ch->qp.ibv->qp_num);
	uint32_t gap, home;

	while (wl->hash[i] != ch)
		i = (i + 1) & wl->hash_mask;
	gap = i;
	for (i = (i + 1) & wl->hash_mask; wl->hash[i]; i = (i + 1) & wl->hash_mask) {
		home = hash_slot(wl, wl->hash[i]->qp.ibv->qp_num);
		if (((i - home) & wl->hash_mask) < ((i - gap) & wl->hash_mask))
			continue;
		wl->hash[gap] = wl->hash[i];
		gap = i;
	}
	wl->hash[gap] = NULL;
}
