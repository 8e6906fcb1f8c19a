/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The limits of a server: which LUN and session has which, and the tasks that they hold. A limit
 * stays until the end once it was made, so that workers may use what they found.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "conf/conf.h"
#include "target/qos.h"
#include "target/server.h"

enum {
	NAME_LEN = 160
};

/* ---- control thread ---- */

static const char *lun_name(char buf[NAME_LEN], const char *lun)
{
	snprintf(buf, NAME_LEN, "LUN %s", lun);
	return buf;
}

static const char *group_name(char buf[NAME_LEN], const char *target, const char *group)
{
	snprintf(buf, NAME_LEN, "group %s of %s", group, target);
	return buf;
}

static struct qos *find(const struct server *server, const char *name)
{
	struct qos *qos;

	SLIST_FOREACH (qos, &server->qos, link)
		if (strcmp(qos->name, name) == 0)
			return qos;
	return NULL;
}

static bool is_limit(const struct conf_qos *c)
{
	return c->iops || c->bandwidth;
}

static int need(struct server *server, const char *name, const struct conf_qos *c, size_t n)
{
	struct qos *qos;

	if (!is_limit(c) || find(server, name))
		return 0;
	qos = qos_new(name, n);
	if (!qos)
		return -ENOMEM;
	SLIST_INSERT_HEAD(&server->qos, qos, link);
	return 0;
}

int server_qos_prepare(struct server *server, const struct conf *conf)
{
	char name[NAME_LEN];
	int ret = 0;

	for (size_t i = 0; i < conf->n_luns; i++)
		ret |= need(server, lun_name(name, conf->luns[i].name), &conf->luns[i].qos,
			    conf->workers);
	for (size_t i = 0; i < conf->n_targets; i++)
		for (size_t k = 0; k < conf->targets[i].n_groups; k++)
			ret |= need(server,
				    group_name(name, conf->targets[i].name,
					       conf->targets[i].groups[k].name),
				    &conf->targets[i].groups[k].qos, conf->workers);
	return ret ? -ENOMEM : 0;
}

static void set(const struct server *server, const char *name, const struct conf_qos *c)
{
	struct qos *qos = find(server, name);

	if (qos)
		qos_set(qos, &(struct qos_rate){ c->iops, c->bandwidth, c->burst_ms });
}

void server_qos_session(struct server *server, struct session *session)
{
	char name[NAME_LEN];

	session->nexus.qos =
		find(server, group_name(name, session->target->name, session->group->name));
}

/* Tasks that are held have been counted by what was valid: their buckets begin anew. */
static void clear_buckets(struct task *t)
{
	struct qos *const all[] = { t->scsi.itl->lu->qos, t->ch->nexus->qos };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i]) {
			struct qos_bucket *b = &all[i]->bucket[t->ch->worker->index];

			b->io_tat = 0;
			b->bytes_tat = 0;
		}
}

static void try_again(struct task *t)
{
	qos_give_up(t);
	if (qos_admit(t))
		xfer_stream_start(t);
}

static void each_held(struct worker *w, void (*fn)(struct task *t))
{
	for (uint32_t i = 0; i < w->tasks.n; i++) {
		struct task *t = pool_at(&w->tasks, i);

		if (pool_in_use(&t->obj) && t->hold.index)
			fn(t);
	}
}

static void msg_changed(struct msg *msg)
{
	struct worker *w = container_of(msg, struct worker, qos_msg);

	atomic_store(&w->qos_posted, false);
	each_held(w, clear_buckets);
	each_held(w, try_again);
}

void server_qos_apply(struct server *server, const struct conf *conf)
{
	struct session *s;
	char name[NAME_LEN];
	struct qos *qos;

	if (SLIST_EMPTY(&server->qos))
		return;
	SLIST_FOREACH (qos, &server->qos, link)
		qos_set(qos, &(struct qos_rate){ 0 });
	for (size_t i = 0; i < conf->n_luns; i++) {
		set(server, lun_name(name, conf->luns[i].name), &conf->luns[i].qos);
		server->lus[i]->qos = find(server, lun_name(name, conf->luns[i].name));
	}
	for (size_t i = 0; i < conf->n_targets; i++)
		for (size_t k = 0; k < conf->targets[i].n_groups; k++)
			set(server,
			    group_name(name, conf->targets[i].name,
				       conf->targets[i].groups[k].name),
			    &conf->targets[i].groups[k].qos);
	for (size_t i = 0; i < server->n_targets; i++)
		LIST_FOREACH (s, &server->targets[i].sessions, link)
			server_qos_session(server, s);
	for (unsigned int i = 0; i < server->n_workers; i++)
		if (!atomic_exchange(&server->workers[i].qos_posted, true))
			mailbox_post(&server->workers[i].mail, &server->workers[i].qos_msg,
				     msg_changed);
}

int server_qos_step(struct server *server, int timeout_ms)
{
	uint64_t now;
	struct qos *qos;

	if (SLIST_EMPTY(&server->qos) || server->n_workers < 2)
		return timeout_ms;
	now = clock_now_ns();
	if (now - server->qos_balanced >= QOS_BALANCE_MS * NSEC_PER_MSEC) {
		SLIST_FOREACH (qos, &server->qos, link)
			qos_balance(qos, now - server->qos_balanced);
		server->qos_balanced = now;
	}
	return timeout_ms < 0 ? QOS_BALANCE_MS : MIN(timeout_ms, (int)QOS_BALANCE_MS);
}

void server_qos_free(struct server *server)
{
	struct qos *qos;

	while ((qos = SLIST_FIRST(&server->qos))) {
		SLIST_REMOVE_HEAD(&server->qos, link);
		qos_free(qos);
	}
}

/* ---- worker ---- */

static void begin(struct timer *timer)
{
	xfer_stream_start(container_of(timer, struct task, hold));
}

bool qos_admit(struct task *t)
{
	struct worker *w = t->ch->worker;
	struct qos *of_lu = t->scsi.itl->lu->qos, *of_group = t->ch->nexus->qos;
	uint64_t now = clock_now_ns(), start = now, len = t->scsi.stream.len;

	if (of_lu)
		start = qos_start(of_lu, w->index, now, len);
	if (of_group)
		start = MAX(start, qos_start(of_group, w->index, now, len));
	if (start == now)
		return true;
	t->state = TASK_HELD;
	t->hold.fire = begin;
	return timer_arm(&w->timers, &t->hold, start) != 0; /* without memory it is not held */
}

void qos_give_up(struct task *t)
{
	timer_cancel(&t->ch->worker->timers, &t->hold);
}
