/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Limits of commands and bytes per second, for a logical unit or a group. Each worker has a bucket
 * of its own with a share of the whole rate; the control thread gives more of it to workers whose
 * commands had to wait (qos_balance()). What moves blocks between initiator and store is counted,
 * when the data begins to move; a command that comes too early is held until its time.
 *
 * Accuracy: over any time t no more passes than rate × (t + burst), and one command per worker. A
 * worker that finds all of the load, or all of it anew, has its share after QOS_BALANCE_MS or two.
 */
#ifndef SRPTD_TARGET_QOS_H
#define SRPTD_TARGET_QOS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct conf;
struct scsi_lu;
struct server;
struct session;
struct task;

enum {
	QOS_BALANCE_MS = 250,
	QOS_WHOLE = 1 << 16,
	QOS_MAX_WORKERS = 256
};

struct qos_rate {
	uint32_t iops;	   /* 0 = not limited */
	uint64_t bytes;	   /* per second; 0 = not limited */
	uint32_t burst_ms; /* of the rate, that may be saved up */
};

/* One worker's. The worker writes, the control thread reads, but for the share. */
struct qos_bucket {
	uint64_t io_tat, bytes_tat; /* ns, when the next command would be on time without a burst */
	_Atomic uint64_t wanted;    /* ns at the whole rate, of all commands that came */
	_Atomic uint64_t commands;
	_Atomic uint64_t delayed;
	_Atomic uint32_t share;		    /* of QOS_WHOLE; control thread */
	uint64_t seen_wanted, seen_delayed; /* control thread: at the last balance */
} __attribute__((aligned(64)));

struct qos {
	SLIST_ENTRY(qos) link; /* control thread: server->qos */
	char *name;
	_Atomic uint32_t iops;
	_Atomic uint64_t bytes;
	_Atomic uint64_t burst_ns;
	size_t n;
	struct qos_bucket bucket[];
};

/* NULL = out of memory. Not limited at first. */
struct qos *qos_new(const char *name, size_t n_workers);
void qos_free(struct qos *qos);
void qos_set(struct qos *qos, const struct qos_rate *rate);
/* A worker's: when a command that moves these bytes may begin, now or later; it is counted. */
uint64_t qos_start(struct qos *qos, size_t worker, uint64_t now, uint64_t bytes);
/* Control thread: share the rate out anew after this time. */
void qos_balance(struct qos *qos, uint64_t elapsed_ns);

/* qos_server.c: the limits of a server */
/* Make what a configuration needs, invisibly. 0 or -ENOMEM. */
int server_qos_prepare(struct server *server, const struct conf *conf);
/* Its limits are those now; cannot fail after server_qos_prepare(). */
void server_qos_apply(struct server *server, const struct conf *conf);
/* A new session, or one whose group is another. */
void server_qos_session(struct server *server, struct session *session);
/* Balance what is due; how long the control loop may sleep. */
int server_qos_step(struct server *server, int timeout_ms);
void server_qos_free(struct server *server);

/* Worker: true = the data may move now, false = the task is held. */
bool qos_admit(struct task *t);
/* The task is aborted. */
void qos_give_up(struct task *t);

#endif
