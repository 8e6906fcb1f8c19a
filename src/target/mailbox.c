/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages between threads, see mailbox.h. */
#include "target/mailbox.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

int mailbox_init(struct mailbox *box)
{
	STAILQ_INIT(&box->list);
	box->full = false;
	box->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (box->fd < 0)
		return -errno;
	pthread_mutex_init(&box->lock, NULL);
	return 0;
}

void mailbox_fini(struct mailbox *box)
{
	if (box->fd < 0)
		return;
	close(box->fd);
	box->fd = -1;
	pthread_mutex_destroy(&box->lock);
}

void mailbox_post(struct mailbox *box, struct msg *msg, void (*run)(struct msg *msg))
{
	uint64_t one = 1;

	msg->run = run;
	/* the descriptor and `full` change together, or the receiver could never clear it */
	pthread_mutex_lock(&box->lock);
	STAILQ_INSERT_TAIL(&box->list, msg, link);
	if (!atomic_exchange(&box->full, true) && write(box->fd, &one, sizeof(one)) < 0) {
		/* the counter is at its maximum: it is readable all the same */
	}
	pthread_mutex_unlock(&box->lock);
}

void mailbox_run(struct mailbox *box)
{
	struct msg_list list = STAILQ_HEAD_INITIALIZER(list);
	uint64_t count;

	pthread_mutex_lock(&box->lock);
	if (read(box->fd, &count, sizeof(count)) < 0) {
		/* called without anything posted */
	}
	STAILQ_CONCAT(&list, &box->list);
	atomic_store(&box->full, false);
	pthread_mutex_unlock(&box->lock);
	while (!STAILQ_EMPTY(&list)) {
		struct msg *msg = STAILQ_FIRST(&list);

		STAILQ_REMOVE_HEAD(&list, link);
		msg->run(msg);
	}
}
