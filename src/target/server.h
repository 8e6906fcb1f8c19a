/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole target: stores, logical units, targets, workers, listeners, and the control loop that
 * does everything slow. Everything here is the control thread's.
 */
#ifndef SRPTD_TARGET_SERVER_H
#define SRPTD_TARGET_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/login.h"
#include "rdma/cm.h"
#include "rdma/rnic.h"
#include "scsi/scsi.h"
#include "target/mailbox.h"
#include "target/session.h"
#include "target/worker.h"

struct conf;
struct conf_group;
struct conf_lun;
struct mgmt;

enum {
	MAX_RNICS = 8,
	LOGIN_REASONS = SRP_REJ_CHANNEL_LIMIT_REACHED - SRP_REJ_UNABLE_ESTABLISH + 1
};

/* A logical unit that is no longer configured: freed when nobody can hold it any more. */
struct retired {
	SLIST_ENTRY(retired) link;
	struct scsi_lu *lu;
	struct store *store;
	struct retired_msg *msgs; /* one for each worker, whose engine gives the store back */
	unsigned int left;        /* workers that have not */
	bool leaving;
};

struct portal_target {
	struct target *target;
	union ibv_gid gid; /* native InfiniBand: of the one port that leads to it; zero = any */
};

/* A listener and the targets that may be logged in to through it. */
struct portal {
	struct cm_listener *cm;
	char *address; /* IP; NULL = all */
	uint16_t port;
	uint64_t service_id; /* native InfiniBand; 0 = IP */
	bool wanted;         /* the configuration names it */
	struct portal_target *targets;
	size_t n_targets;
};

struct server {
	struct store **stores;
	struct scsi_lu **lus;
	size_t n_lus; /* stores and lus have the same indices */
	struct target *targets;
	size_t n_targets;
	struct portal *portals;
	size_t n_portals;

	struct worker *workers;
	unsigned int n_workers;
	unsigned int next_worker;
	unsigned int next_vector;
	char *engine;

	struct cm cm;
	struct mgmt *mgmt; /* NULL: no native portals */
	struct mailbox mail;
	struct rnic *rnics[MAX_RNICS];
	unsigned int n_rnics;

	struct login_limits limits;
	uint32_t max_rdma;
	uint32_t sq_size;
	uint32_t srq_size;
	uint32_t n_channels;
	uint64_t next_size_check; /* ns */
	SLIST_HEAD(, qos) qos;
	uint64_t qos_balanced;    /* ns */
	SLIST_HEAD(, retired) retired;
	bool reaping;             /* retired itls or logical units are to be freed */
	uint64_t reap_survey;     /* ... after this survey */
	uint64_t reap_ns;         /* ... which is begun then; 0 = it has been */
	uint32_t n_sessions;      /* that there have been */
	uint64_t n_refused[LOGIN_REASONS]; /* logins, by reason */
	uint64_t n_surveys;       /* begun */
	uint64_t n_surveyed;      /* answered by every worker */
	unsigned int survey_left; /* workers that have not answered the one under way */
	bool survey_again;
	bool started; /* it has been ready: files that it made stay */
	bool stopping;
	bool draining; /* no new logins, see server_drain() */
	uint64_t retry_ns; /* when to try listeners that are down again */
	struct fence_set fences; /* any worker */
	struct offload offload;
	struct scsi_pr_keeper *keeper; /* of persistent reservations; NULL = none */
	struct scsi_access_hook *access_hook; /* NULL = none */
};

/*
 * Make a server from a checked configuration: opens stores, makes workers; no thread runs and
 * nobody can connect yet. 0, or -errno after log lines that name the configuration's places.
 */
int server_new(const struct conf *conf, struct server **out);
/* Start the workers' threads, then the listeners. 0 or -errno after a log line. */
int server_start(struct server *server);
/*
 * The second half of it alone, for a program that steps the workers itself: each has been given its
 * engine by worker_use_engine(), and worker_detach() is called before server_free().
 */
int server_listen(struct server *server);
/*
 * Handle what has happened; wait up to timeout_ms (-1 = for ever) for it. extra_fd (-1 = none) ends
 * the wait too; returns true if it is readable.
 */
bool server_step(struct server *server, int extra_fd, int timeout_ms);
/*
 * Refuse new logins and log every channel out, commands first; server_n_channels() falls to zero
 * within seconds while server_step() is being called.
 */
void server_stop(struct server *server);
/*
 * For maintenance: refuse new logins as long as it is on, and log every channel out when it is
 * switched on. Initiators are told that resources are short, so that they try again.
 */
void server_drain(struct server *server, bool on);
/* Close what is left at once. */
void server_kill(struct server *server);
uint32_t server_n_channels(const struct server *server);
/* Look for new sizes of files and devices now, and tell initiators. */
void server_check_sizes(struct server *server);
/* Sessions that stand. */
uint32_t server_n_sessions(const struct server *server);
void server_free(struct server *server);

/* devices.c */
/* The device of a verbs context; NULL if it is lost, or cannot be used (logged). */
struct rnic *server_rnic(struct server *server, struct ibv_context *ctx);
/*
 * The lane for a new channel of a target with this comp_v_mask, and how many receives it can
 * promise to it. NULL if no lane can be had.
 */
struct wlane *server_place(struct server *server, struct rnic *rnic, uint64_t comp_v_mask,
			   uint32_t *n_free);
void server_async_events(struct server *server, struct rnic *rnic);
/* The device is gone: its channels end. */
void server_rnic_lost(struct server *server, struct rnic *rnic);
/* Free lost devices on which nothing is left. */
void server_reap_rnics(struct server *server);

/* connect.c: connection requests and the control thread's side of channels */
extern const struct cm_ops server_cm_ops;
/* Call fn for every channel that is not yet drained. */
void server_each_channel(struct server *server, void (*fn)(struct channel *ch));
void server_channel_close(struct channel *ch);
void server_channel_logout(struct channel *ch);
void server_msg_ready(struct msg *msg);
void server_msg_arrived(struct msg *msg);
void server_msg_fatal(struct msg *msg);
void server_msg_kill(struct msg *msg);
/* A session has events to report. */
void server_msg_events(struct msg *msg);
void server_msg_aer_done(struct msg *msg);
void server_msg_drained(struct msg *msg);
void server_msg_ended(struct msg *msg);
void server_msg_free(struct msg *msg);

/* survey.c */
/*
 * Ask every worker what it is doing; the number of the survey. When n_surveyed has reached it, the
 * reports are in worker->report and channel->seen. One that is asked while another is under way
 * begins after it.
 */
uint64_t server_survey(struct server *server);
void server_msg_surveyed(struct msg *msg);

/* apply.c */
int server_apply(struct server *server, const struct conf *conf);
/* Open LUN i of a configuration. On failure after a log line; what is set then is to be freed. */
int server_open_lun(struct server *server, const struct conf *conf, size_t i, struct store **store,
		    struct scsi_lu **lu);
/* Fill a zeroed group; lus: in the order of the configuration's. 0 or -ENOMEM. */
int server_make_group(struct scsi_lu *const *lus, const struct conf_group *cg, struct group *g);
/* States of access as configured. 0 or -ENOMEM. */
int server_set_access(struct scsi_lu *lu, const struct conf_lun *l);
/* A target is one target port. */
int server_add_ports(const struct target *t, const struct group *groups, size_t n_groups);
void server_free_groups(struct group *groups, size_t n);
void server_unapply(struct server *server);

/* reload.c */
/*
 * Serve another configuration, which differs from the present one in LUNs and groups only
 * (conf_diff()): wholly, or not at all with -errno after a log line. Nothing of either is kept.
 */
int server_reload(struct server *server, const struct conf *old, const struct conf *new);
/* retire.c */
/* NULL = out of memory. */
struct retired *server_retired_new(const struct server *server, struct scsi_lu *lu,
				   struct store *store);
/* To be called when something has been retired. */
void server_reap_soon(struct server *server);
/* Free what is retired and no longer used; how long the control loop may sleep. */
int server_reap(struct server *server, int timeout_ms);
/* At the end: no worker runs any more. */
void server_free_retired(struct server *server);

/* Any thread: wake every worker that may have something waiting for a fence. */
void server_fence_fell(struct server *server);

static inline struct fence_set *server_fences(struct server *server)
{
	return &server->fences;
}

static inline struct offload *server_offload(struct server *server)
{
	return &server->offload;
}

static inline struct mailbox *server_mailbox(struct server *server)
{
	return &server->mail;
}

static inline uint32_t server_next_session(struct server *server)
{
	return ++server->n_sessions;
}

static inline unsigned int server_n_workers(const struct server *server)
{
	return server->n_workers;
}

static inline struct worker *server_worker(struct server *server, unsigned int i)
{
	return &server->workers[i];
}

#endif
