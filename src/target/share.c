/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who gets the next data buffer, see struct share. Within a session tasks are served in order; a task
 * that wants a descriptor table leaves one buffer to others and may be overtaken.
 */
#include "target/worker.h"

#include <string.h>

#include "base/compiler.h"

void share_init(struct share *sh)
{
	STAILQ_INIT(&sh->buf_wait);
}

void share_join(struct worker *w, struct share *sh)
{
	if (sh->n_channels++ == 0)
		w->n_shares++;
}

static void stop_waiting(struct worker *w, struct share *sh)
{
	TAILQ_REMOVE(&w->hungry, sh, link);
	w->n_hungry--;
	sh->waiting = false;
}

void share_leave(struct worker *w, struct share *sh)
{
	if (--sh->n_channels > 0)
		return;
	w->n_shares--;
	if (sh->waiting)
		stop_waiting(w, sh);
}

/*
 * In order, but for who holds a buffer already, with a descriptor table: those before it may not
 * get one until that is given back.
 */
static void line_up(struct share *sh, struct task *t)
{
	struct task *before = NULL, *next;

	if (likely(!t->table_seg)) {
		STAILQ_INSERT_TAIL(&sh->buf_wait, t, wait);
		return;
	}
	STAILQ_FOREACH(next, &sh->buf_wait, wait) {
		if (!next->table_seg)
			break;
		before = next;
	}
	if (before)
		STAILQ_INSERT_AFTER(&sh->buf_wait, before, t, wait);
	else
		STAILQ_INSERT_HEAD(&sh->buf_wait, t, wait);
}

void share_wait(struct task *t)
{
	struct worker *w = t->ch->worker;
	struct share *sh = t->ch->share;

	line_up(sh, t);
	w->buf_short |= w->segs_large.n_free == 0;
	if (sh->waiting)
		return;
	sh->waiting = true;
	TAILQ_INSERT_TAIL(&w->hungry, sh, link);
	w->n_hungry++;
}

/* One task of the session. The share may be gone afterwards. */
static bool serve_one(struct share *sh)
{
	struct task *t;

	STAILQ_FOREACH(t, &sh->buf_wait, wait) {
		struct seg *seg = xfer_get_seg(t, t->want, t->want_for == TASK_TABLE);

		if (seg) {
			STAILQ_REMOVE(&sh->buf_wait, t, task, wait);
			task_got_buffer(t, seg);
			return true;
		}
		if (t->want_for != TASK_TABLE)
			return false;
	}
	return false;
}

void share_serve(struct worker *w)
{
	uint32_t misses = 0;

	while (misses < w->n_hungry) {
		struct share *sh = TAILQ_FIRST(&w->hungry);

		if (STAILQ_EMPTY(&sh->buf_wait)) {
			stop_waiting(w, sh);
			continue;
		}
		TAILQ_REMOVE(&w->hungry, sh, link);
		TAILQ_INSERT_TAIL(&w->hungry, sh, link);
		if (serve_one(sh))
			misses = 0;
		else
			misses++;
	}
	w->buf_short = w->n_hungry > 0 && w->segs_large.n_free == 0;
}
