/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages between threads: a function to run in the receiver's thread. Messages are embedded in
 * their senders' objects, so that posting never fails; one message may be posted again only after
 * it ran.
 */
#ifndef SRPTD_TARGET_MAILBOX_H
#define SRPTD_TARGET_MAILBOX_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/queue.h>

struct msg {
	STAILQ_ENTRY(msg) link;
	void (*run)(struct msg *msg);
};

struct mailbox {
	pthread_mutex_t lock;
	STAILQ_HEAD(msg_list, msg) list;
	_Atomic bool full; /* asked by the receiver on every pass */
	int fd;            /* eventfd, readable while full */
};

/* 0 or -errno. */
int mailbox_init(struct mailbox *box);
void mailbox_fini(struct mailbox *box);
void mailbox_post(struct mailbox *box, struct msg *msg, void (*run)(struct msg *msg));
/* Run everything that was posted before the call. */
void mailbox_run(struct mailbox *box);

static inline bool mailbox_full(const struct mailbox *box)
{
	return atomic_load_explicit(&box->full, memory_order_relaxed);
}

#endif
