/* SPDX-License-Identifier: BSD-2-Clause */
/* Segments on the way of every command: got, put back, and the count of those that are busy. */
#ifndef SRPTD_TARGET_SEG_H
#define SRPTD_TARGET_SEG_H

#include "base/compiler.h"
#include "target/worker.h"

/* See xfer_get_seg(). */
static HOT struct seg *seg_get(struct task *t, uint32_t len, bool keep_one)
{
	struct worker *w = t->ch->worker;
	struct share *sh = t->ch->share;
	/* nobody can help a task that holds one already by leaving it to others */
	bool must = t->table_seg;
	struct seg *seg = NULL;

	if (len <= SMALL_BUF && !keep_one &&
	    (must || share_allows(w, sh->n_small, w->segs_small.n_free)))
		seg = pool_get(&w->segs_small);
	if (seg) {
		sh->n_small++;
	} else if (w->segs_large.n_free > (keep_one ? 1u : 0u) &&
		   (must || share_allows(w, sh->n_large, w->segs_large.n_free))) {
		seg = pool_get(&w->segs_large);
		sh->n_large++;
	}
	if (!seg)
		return NULL;
	seg->task = t;
	seg->state = SEG_IDLE;
	seg->last = false;
	LIST_INSERT_HEAD(&t->segs, seg, link);
	return seg;
}

static HOT void seg_put(struct task *t, struct seg *seg)
{
	struct worker *w = t->ch->worker;

	LIST_REMOVE(seg, link);
	if (seg->small) {
		t->ch->share->n_small--;
		pool_put(&w->segs_small, seg);
	} else {
		t->ch->share->n_large--;
		pool_put(&w->segs_large, seg);
	}
}

static HOT void seg_busy(struct seg *seg, enum seg_state state)
{
	if (seg->state == SEG_IDLE)
		seg->task->n_busy++;
	seg->state = state;
}

/* Nothing of the segment is outstanding any more. */
static HOT void seg_settle(struct seg *seg, enum seg_state state)
{
	if (seg->state != SEG_IDLE && seg->state != SEG_HELD)
		seg->task->n_busy--;
	seg->state = state;
}

static HOT void seg_prepare(struct seg *seg, bool fetch, uint64_t off, uint32_t len)
{
	seg->fetch = fetch;
	seg->off = off;
	seg->len = len;
	seg->moved = 0;
	seg->pos = (struct desc_pos){ 0, 0 };
}

static HOT void seg_count_bytes(struct channel *ch, bool out, uint64_t len)
{
	*(out ? &ch->worker->stats.bytes_out : &ch->worker->stats.bytes_in) += len;
	*(out ? &ch->stats.bytes_out : &ch->stats.bytes_in) += len;
}

#endif
