/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread for what may sleep (rule 11): a worker hands it a call, and gets a message when the call
 * has returned. Calls run one after the other, in order.
 */
#ifndef SRPTD_TARGET_OFFLOAD_H
#define SRPTD_TARGET_OFFLOAD_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "target/mailbox.h"

struct offload_job {
	STAILQ_ENTRY(offload_job) link;
	int (*call)(void *arg);
	void *arg;
	int res;              /* what it returned, when done() runs */
	struct mailbox *mail; /* of the worker that asked */
	struct msg msg;
	void (*done)(struct msg *msg);
};

struct offload {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	STAILQ_HEAD(, offload_job) jobs;
	pthread_t thread;
	bool running;
	bool stop;
};

void offload_init(struct offload *off);
/* 0 or -errno. */
int offload_start(struct offload *off);
/* Runs what was handed over before, then ends the thread. */
void offload_fini(struct offload *off);
/* Any thread; the job's fields but res, link and msg are set, and it stays until done() runs. */
void offload_post(struct offload *off, struct offload_job *job);

#endif
