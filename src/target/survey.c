/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Surveys: every worker is asked by mailbox for what it knows of itself and its channels. When all
 * have answered, the control thread takes the answers over, so that it may read them at any time. A
 * worker that answers is alive.
 */
#include "target/server.h"

static void report_channel(struct channel *ch)
{
	const struct task *t;
	uint32_t n_tasks = 0;

	LIST_FOREACH(t, &ch->tasks, link)
		n_tasks++;
	ch->answer = (struct channel_report){
		.state = (uint8_t)ch->state,
		.req_lim = ch->req_lim,
		.sq_used = ch->sq_head - ch->sq_done,
		.n_tasks = n_tasks,
		.n_parked = ch->n_parked,
		.stats = ch->stats,
	};
}

/* Also tasks of channels that have ended but for what is still with the store. */
static void mark_in_use(struct worker *w)
{
	for (uint32_t i = 0; i < w->tasks.n; i++) {
		const struct task *t = pool_at(&w->tasks, i);

		if (!pool_in_use(&t->obj))
			continue;
		if (t->kind == TASK_CMD)
			scsi_cmd_mark(&t->scsi);
		else if (t->kind == TASK_TSK_MGMT)
			scsi_itl_mark(t->scsi.itl);
	}
}

void worker_msg_survey(struct msg *msg)
{
	struct worker *w = container_of(msg, struct worker, survey_msg);
	struct channel *ch;

	LIST_FOREACH(ch, &w->channels, link)
		report_channel(ch);
	mark_in_use(w);
	w->answer = (struct worker_report){
		.stats = w->stats,
		.n_tasks = w->tasks.n - w->tasks.n_free,
		.max_tasks = w->tasks.n,
		.n_small = w->segs_small.n - w->segs_small.n_free,
		.max_small = w->segs_small.n,
		.n_large = w->segs_large.n - w->segs_large.n_free,
		.max_large = w->segs_large.n,
		.n_hungry = w->n_hungry,
		.engine_depth = w->engine->inflight,
	};
	mailbox_post(server_mailbox(w->server), &w->survey_msg, server_msg_surveyed);
}

static void begin(struct server *server)
{
	server->n_surveys++;
	server->survey_left = server->n_workers;
	for (unsigned int i = 0; i < server->n_workers; i++)
		mailbox_post(&server->workers[i].mail, &server->workers[i].survey_msg,
			     worker_msg_survey);
}

uint64_t server_survey(struct server *server)
{
	if (server->survey_left) {
		server->survey_again = true;
		return server->n_surveys + 1;
	}
	begin(server);
	return server->n_surveys;
}

static void take_channel(struct channel *ch)
{
	ch->seen = ch->answer;
}

static void take_answers(struct server *server)
{
	for (unsigned int i = 0; i < server->n_workers; i++)
		server->workers[i].report = server->workers[i].answer;
	server_each_channel(server, take_channel);
}

void server_msg_surveyed(struct msg *msg)
{
	struct server *server = container_of(msg, struct worker, survey_msg)->server;

	if (--server->survey_left)
		return;
	take_answers(server);
	server->n_surveyed = server->n_surveys;
	if (server->survey_again)
		begin(server);
	server->survey_again = false;
}
