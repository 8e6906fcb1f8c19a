/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Targets, groups and sessions: what the control thread knows of who may see what. A session is an
 * I_T nexus with its channels; workers read its nexus, nothing else.
 */
#ifndef SRPTD_TARGET_SESSION_H
#define SRPTD_TARGET_SESSION_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "conf/acl.h"
#include "scsi/scsi.h"
#include "target/worker.h"

struct channel;
struct server;
struct wlane;

enum { SESSION_EVENTS = 32 };

struct group {
	char *name;
	char **initiators; /* patterns, conf/acl.h */
	size_t n_initiators;
	struct scsi_lun_mapping *map;
	size_t n_map;
};

struct target {
	char *name;
	uint8_t port_id[16]; /* id_ext ‖ ioc_guid */
	uint16_t rel_target_port;
	uint16_t port_group;
	uint64_t comp_v_mask; /* completion vectors of its channels; 0 = all */
	bool aer;             /* reports events by SRP_AER_REQ */
	struct group *groups;
	size_t n_groups;
	LIST_HEAD(, session) sessions;
};

struct session {
	LIST_ENTRY(session) link; /* target->sessions */
	struct target *target;
	const struct group *group; /* never NULL; one that nobody is in when it is not admitted any more */
	uint32_t number;        /* 1…, never used again */
	struct acl_identity id; /* by which it was admitted; its texts are the next two */
	char ip[64];
	char gid[64];
	struct scsi_nexus nexus;
	LIST_HEAD(, channel) channels;
	struct share *shares; /* by index of the worker, used by its thread */
	struct session *successor; /* replaces this one; its channels start when ours are drained */
	struct session *predecessor;
	bool ending; /* replaced: takes no more channels */

	/*
	 * Unit attentions to report by SRP_AER_REQ; any thread, under the lock. Beyond the queue's
	 * length they are not reported: the unit attention itself does not get lost.
	 */
	pthread_mutex_t event_lock;
	struct aer_event events[SESSION_EVENTS];
	uint32_t n_events;
	bool events_posted;
	bool unused; /* freed, but for events_msg that is on its way */
	struct msg events_msg; /* any thread → control */
	struct server *server;
};

/* The first group of the target that admits the initiator, or NULL. */
const struct group *target_admit(const struct target *target, const struct acl_identity *id);
/*
 * The live session of an initiator port, or NULL. An initiator says of itself which port id it has;
 * its group comes from what the fabric says. So a session is found only within the group: nobody
 * joins, or ends, the session of an initiator that another group admits.
 */
struct session *target_session(const struct target *target, const struct group *group,
			       const uint8_t initiator_port_id[16]);

/* The oldest event that is to be reported; false = there is none. Any thread. */
bool session_take_event(struct session *session, struct aer_event *event);

/* Make a session, a member of its target. NULL with errno set. */
struct session *session_new(struct server *server, struct target *target, const struct group *group,
			    const char *peer, const struct acl_identity *id);
/* No channel may be left. */
void session_free(struct session *session);
/* What session_free() could not do yet: events_msg has run. */
void session_dispose(struct session *session);
/* Channels that have not begun to close. */
uint32_t session_n_live(const struct session *session);
/* Receives of a lane that are promised to its channels. */
uint32_t session_receives(const struct session *session, const struct wlane *wl);
/* No channel can do more than finish fenced writes. */
bool session_drained(const struct session *session);

#endif
