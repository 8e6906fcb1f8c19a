/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Range locks: a command such as COMPARE AND WRITE reads blocks and writes what depends on them, and
 * no other change of those blocks may come in between, whichever worker makes it.
 *
 * The owner of a lock is one task. It is taken in two steps:
 *   1. A fence is raised over the range that lets only the owner's requests pass. From here on no
 *      change of the range begins; who wants one waits at the fence, as does a second lock.
 *   2. Every worker is asked, by mailbox, for changes that had begun: it counts those with the store
 *      (of aborted commands too) and answers when the last of them has returned.
 * The lock is given back when the command's last step is done, and the fence falls.
 *
 * As long as nobody holds or wants a lock, a write asks one word (the number of fences) and a
 * completion whether its worker's list of questions is empty. Reads are not held up.
 */
#include "target/worker.h"

#include <errno.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "target/server.h"

struct lock_part {
	struct msg msg;
	LIST_ENTRY(lock_part) link; /* worker->drains */
	struct range_lock *lock;
	struct worker *worker;
	uint32_t n_left; /* changes that have not returned */
};

struct range_lock {
	struct task *task;
	struct store_io range;
	struct fence fence;
	struct msg got_msg;
	_Atomic uint32_t n_left; /* workers that have not answered */
	struct lock_part part[];
};

static bool is_change_of(const struct range_lock *lock, const struct store_io *io)
{
	return store_io_changes(io) && fence_overlap(&lock->range, io);
}

/* Owner's worker: the last change of others has returned. */
static void lock_got(struct msg *msg)
{
	struct task *t = container_of(msg, struct range_lock, got_msg)->task;

	t->in_io = false;
	if (t->aborted)
		task_check_end(t);
	else
		task_run(t, scsi_resume(&t->scsi, 0));
}

static void part_done(struct lock_part *part)
{
	struct range_lock *lock = part->lock;

	if (atomic_fetch_sub(&lock->n_left, 1) == 1)
		mailbox_post(&lock->task->ch->worker->mail, &lock->got_msg, lock_got);
}

static uint32_t count_segs(const struct range_lock *lock, const struct pool *segs)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < segs->n; i++) {
		const struct seg *seg = pool_at(segs, i);

		n += pool_in_use(&seg->obj) && seg->state == SEG_STORE && is_change_of(lock, &seg->io);
	}
	return n;
}

static uint32_t count_changes(const struct range_lock *lock, const struct worker *w)
{
	uint32_t n = count_segs(lock, &w->segs_large) + count_segs(lock, &w->segs_small);

	for (uint32_t i = 0; i < w->tasks.n; i++) {
		const struct task *t = pool_at(&w->tasks, i);

		n += pool_in_use(&t->obj) && t->kind == TASK_CMD && t->in_io &&
		     t->state == TASK_EXECUTING && is_change_of(lock, &t->io);
	}
	return n;
}

static void part_run(struct msg *msg)
{
	struct lock_part *part = container_of(msg, struct lock_part, msg);

	part->n_left = count_changes(part->lock, part->worker);
	if (part->n_left)
		LIST_INSERT_HEAD(&part->worker->drains, part, link);
	else
		part_done(part);
}

void lock_io_done(struct worker *w, const struct store_io *io)
{
	struct lock_part *part, *next;

	for (part = LIST_FIRST(&w->drains); part; part = next) {
		next = LIST_NEXT(part, link);
		if (!is_change_of(part->lock, io) || --part->n_left)
			continue;
		LIST_REMOVE(part, link);
		part_done(part);
	}
}

/* The range is fenced: ask the workers, or wait until what closes a part of it has gone. */
void lock_try(struct task *t)
{
	struct server *server = t->ch->worker->server;
	struct range_lock *lock = t->lock;

	if (!fence_try_lock(server_fences(server), &lock->fence, &lock->range, &t->io)) {
		t->state = TASK_FENCED;
		t->sender.kind = SENDER_TASK;
		STAILQ_INSERT_TAIL(&t->ch->worker->fence_wait, &t->sender, link);
		return;
	}
	t->state = TASK_LOCKING;
	t->in_io = true;
	for (unsigned int i = 0; i < server_n_workers(server); i++)
		mailbox_post(&lock->part[i].worker->mail, &lock->part[i].msg, part_run);
}

/* Take the range that the device server asked for, then resume the command. */
void lock_take(struct task *t)
{
	struct server *server = t->ch->worker->server;
	unsigned int n = server_n_workers(server);
	struct range_lock *lock = calloc(1, sizeof(*lock) + n * sizeof(lock->part[0]));

	if (!lock) {
		task_run(t, scsi_resume(&t->scsi, -ENOMEM));
		return;
	}
	lock->task = t;
	lock->n_left = n;
	lock->range.store = t->scsi.itl->lu->store;
	lock->range.op = STORE_WRITE;
	lock->range.off = t->scsi.io.off;
	lock->range.len = t->scsi.io.len;
	for (unsigned int i = 0; i < n; i++) {
		lock->part[i].lock = lock;
		lock->part[i].worker = server_worker(server, i);
	}
	t->lock = lock;
	lock_try(t);
}

bool lock_is_held(const struct task *t)
{
	return t->lock && t->lock->fence.io;
}

/* Nothing of the command is with the store, and no worker has a question about the lock. */
void lock_give(struct task *t)
{
	struct server *server = t->ch->worker->server;

	if (fence_lower(server_fences(server), &t->lock->fence))
		server_fence_fell(server);
	free(t->lock);
	t->lock = NULL;
}
