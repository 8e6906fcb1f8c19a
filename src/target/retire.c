/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a reload has taken out of service goes when nobody can hold it any more: an itl when a
 * survey that began later has found no command of it, a logical unit when it has no itl, its store
 * when every worker's engine has given the descriptor back. A command that a store never returns
 * keeps its logical unit, and with it the claim on the store.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/log.h"
#include "target/server.h"

enum {
	REAP_MS = 100
}; /* between surveys */

struct retired_msg {
	struct msg msg;
	struct worker *worker;
	struct retired *retired;
};

struct retired *server_retired_new(const struct server *server, struct scsi_lu *lu,
				   struct store *store)
{
	struct retired *r = calloc(1, sizeof(*r));

	if (r)
		r->msgs = calloc(server->n_workers + 1, sizeof(*r->msgs));
	if (!r || !r->msgs) {
		free(r);
		return NULL;
	}
	r->lu = lu;
	r->store = store;
	return r;
}

static void free_one(struct retired *r)
{
	scsi_lu_free(r->lu);
	store_close(r->store);
	free(r->msgs);
	free(r);
}

void server_free_retired(struct server *server)
{
	struct retired *r;

	while ((r = SLIST_FIRST(&server->retired))) {
		SLIST_REMOVE_HEAD(&server->retired, link);
		free_one(r);
	}
}

static void msg_given_back(struct msg *msg)
{
	struct retired_msg *m = container_of(msg, struct retired_msg, msg);
	struct retired *r = m->retired;
	struct server *server = m->worker->server;

	if (--r->left)
		return;
	SLIST_REMOVE(&server->retired, r, retired, link);
	log_info("LUN \"%s\": removed", r->lu->name);
	free_one(r);
}

/* Worker: no request of the store is outstanding. */
static void msg_give_back(struct msg *msg)
{
	struct retired_msg *m = container_of(msg, struct retired_msg, msg);
	struct worker *w = m->worker;

	engine_unregister_store(w->engine, m->retired->store);
	mailbox_post(server_mailbox(w->server), msg, msg_given_back);
}

static bool is_used(struct scsi_lu *lu)
{
	bool used;

	pthread_mutex_lock(&lu->lock);
	used = !LIST_EMPTY(&lu->itls);
	pthread_mutex_unlock(&lu->lock);
	return used;
}

static void leave(struct server *server, struct retired *r)
{
	r->leaving = true;
	r->left = server->n_workers;
	for (unsigned int i = 0; i < server->n_workers; i++) {
		r->msgs[i].worker = &server->workers[i];
		r->msgs[i].retired = r;
		mailbox_post(&server->workers[i].mail, &r->msgs[i].msg, msg_give_back);
	}
}

/* How much has to wait for another survey. */
static unsigned int reap(struct server *server)
{
	unsigned int n = 0;
	struct session *s;
	struct retired *r;

	for (size_t i = 0; i < server->n_targets; i++)
		LIST_FOREACH(s, &server->targets[i].sessions, link)
			n += scsi_nexus_reap(&s->nexus);
	SLIST_FOREACH(r, &server->retired, link) {
		if (r->leaving)
			continue;
		if (is_used(r->lu))
			n++;
		else
			leave(server, r);
	}
	return n;
}

void server_reap_soon(struct server *server)
{
	server->reaping = true;
	server->reap_ns = 0;
	server->reap_survey = server_survey(server);
}

int server_reap(struct server *server, int timeout_ms)
{
	uint64_t now;

	if (!server->reaping)
		return timeout_ms;
	now = clock_now_ns();
	if (server->reap_ns && now >= server->reap_ns) {
		server_reap_soon(server);
	} else if (!server->reap_ns && server->n_surveyed >= server->reap_survey) {
		server->reaping = reap(server) > 0;
		server->reap_ns = now + (uint64_t)REAP_MS * 1000000;
	}
	return server->reaping && (timeout_ms < 0 || timeout_ms > REAP_MS) ? REAP_MS : timeout_ms;
}
