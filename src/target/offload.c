/* SPDX-License-Identifier: BSD-2-Clause */
/* A thread for what may sleep, see offload.h. */
#include "target/offload.h"

static struct offload_job *next_job(struct offload *off)
{
	struct offload_job *job;

	pthread_mutex_lock(&off->lock);
	while (!(job = STAILQ_FIRST(&off->jobs)) && !off->stop)
		pthread_cond_wait(&off->wake, &off->lock);
	if (job)
		STAILQ_REMOVE_HEAD(&off->jobs, link);
	pthread_mutex_unlock(&off->lock);
	return job;
}

static void *offload_main(void *arg)
{
	struct offload *off = arg;
	struct offload_job *job;

	pthread_setname_np(pthread_self(), "srptd-slow");
	while ((job = next_job(off))) {
		job->res = job->call(job->arg);
		mailbox_post(job->mail, &job->msg, job->done);
	}
	return NULL;
}

void offload_init(struct offload *off)
{
	pthread_mutex_init(&off->lock, NULL);
	pthread_cond_init(&off->wake, NULL);
	STAILQ_INIT(&off->jobs);
	off->running = false;
	off->stop = false;
}

int offload_start(struct offload *off)
{
	int res = -pthread_create(&off->thread, NULL, offload_main, off);

	off->running = !res;
	return res;
}

void offload_fini(struct offload *off)
{
	pthread_mutex_lock(&off->lock);
	off->stop = true;
	pthread_cond_signal(&off->wake);
	pthread_mutex_unlock(&off->lock);
	if (off->running)
		pthread_join(off->thread, NULL);
	pthread_cond_destroy(&off->wake);
	pthread_mutex_destroy(&off->lock);
}

void offload_post(struct offload *off, struct offload_job *job)
{
	pthread_mutex_lock(&off->lock);
	STAILQ_INSERT_TAIL(&off->jobs, job, link);
	pthread_cond_signal(&off->wake);
	pthread_mutex_unlock(&off->lock);
}
