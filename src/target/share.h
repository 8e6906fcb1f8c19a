/* SPDX-License-Identifier: BSD-2-Clause */
/* Fair shares of a worker's tasks and data buffers between sessions. */
#ifndef SRPTD_TARGET_SHARE_H
#define SRPTD_TARGET_SHARE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct task;
struct worker;

/*
 * What one session has of one worker. While a worker serves several sessions, none holds more of a
 * pool, beyond one, than twice what it leaves free: a host whose commands take long finds its own
 * commands waiting, not those of others. Waiting tasks are served session by session in turn.
 */
struct share {
	TAILQ_ENTRY(share) link;         /* worker->hungry, while waiting */
	STAILQ_HEAD(, task) buf_wait;    /* for a data buffer, in order */
	bool waiting;
	uint32_t n_channels;
	uint32_t n_tasks;
	uint32_t n_large, n_small;       /* data buffers */
};

void share_init(struct share *sh);
void share_join(struct worker *w, struct share *sh);
void share_leave(struct worker *w, struct share *sh);
/* The task waits for a data buffer behind the others of its session. */
void share_wait(struct task *t);
/* Hand freed buffers to those that wait. */
void share_serve(struct worker *w);

#endif
