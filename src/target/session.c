/* SPDX-License-Identifier: BSD-2-Clause */
/* Sessions and who may have one, see session.h. */
#include "target/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "target/qos.h"
#include "target/server.h"

const struct group *target_admit(const struct target *target, const struct acl_identity *id)
{
	for (size_t i = 0; i < target->n_groups; i++) {
		const struct group *g = &target->groups[i];

		if (acl_group_match(g->initiators, g->n_initiators, id))
			return g;
	}
	return NULL;
}

struct session *target_session(const struct target *target, const struct group *group,
			       const uint8_t initiator_port_id[16])
{
	struct session *s;

	LIST_FOREACH(s, &target->sessions, link)
		if (!s->ending && s->group == group &&
		    memcmp(s->nexus.initiator_port_id, initiator_port_id, 16) == 0)
			return s;
	return NULL;
}

/* The device server tells of a unit attention; LUs are locked. */
static void event_raised(struct scsi_itl *itl, enum scsi_ua ua)
{
	struct session *s = container_of(itl->nexus, struct session, nexus);

	pthread_mutex_lock(&s->event_lock);
	if (s->n_events < SESSION_EVENTS)
		s->events[s->n_events++] = (struct aer_event){ .lun = itl->lun, .ua = (uint8_t)ua };
	if (!s->events_posted)
		mailbox_post(server_mailbox(s->server), &s->events_msg, server_msg_events);
	s->events_posted = true;
	pthread_mutex_unlock(&s->event_lock);
}

bool session_take_event(struct session *session, struct aer_event *event)
{
	bool any;

	pthread_mutex_lock(&session->event_lock);
	any = session->n_events > 0;
	if (any) {
		*event = session->events[0];
		memmove(session->events, session->events + 1,
			--session->n_events * sizeof(session->events[0]));
	}
	pthread_mutex_unlock(&session->event_lock);
	return any;
}

/* The texts outlive the login. */
static void keep_identity(struct session *s, const struct acl_identity *id)
{
	s->id = *id;
	snprintf(s->ip, sizeof(s->ip), "%s", id->ip ? id->ip : "");
	snprintf(s->gid, sizeof(s->gid), "%s", id->gid ? id->gid : "");
	s->id.ip = s->ip;
	s->id.gid = s->gid;
}

struct session *session_new(struct server *server, struct target *target, const struct group *group,
			    const char *peer, const struct acl_identity *id)
{
	struct session *s = calloc(1, sizeof(*s));
	int ret;

	if (!s)
		return NULL;
	s->shares = calloc(server_n_workers(server), sizeof(*s->shares));
	for (unsigned int i = 0; s->shares && i < server_n_workers(server); i++)
		share_init(&s->shares[i]);
	s->server = server;
	s->target = target;
	s->group = group;
	keep_identity(s, id);
	s->number = server_next_session(server);
	pthread_mutex_init(&s->event_lock, NULL);
	LIST_INIT(&s->channels);
	snprintf(s->nexus.initiator, sizeof(s->nexus.initiator), "%s", peer);
	snprintf(s->nexus.target, sizeof(s->nexus.target), "%s", target->name);
	memcpy(s->nexus.initiator_port_id, id->initiator_port_id, 16);
	memcpy(s->nexus.target_port_id, target->port_id, 16);
	s->nexus.rel_target_port = target->rel_target_port;
	s->nexus.ua_raised = target->aer ? event_raised : NULL;
	s->nexus.target_port_group = target->port_group;
	ret = s->shares ? scsi_nexus_init(&s->nexus, group->map, group->n_map) : -ENOMEM;
	if (ret) {
		free(s->shares);
		free(s);
		errno = -ret;
		return NULL;
	}
	server_qos_session(server, s);
	LIST_INSERT_HEAD(&target->sessions, s, link);
	return s;
}

void session_free(struct session *session)
{
	/* who replaces us still has to wait for whom we wait for */
	if (session->successor)
		session->successor->predecessor = session->predecessor;
	if (session->predecessor)
		session->predecessor->successor = session->successor;
	LIST_REMOVE(session, link);
	scsi_nexus_fini(&session->nexus);
	session->unused = true;
	session_dispose(session);
}

void session_dispose(struct session *session)
{
	if (!session->unused || session->events_posted)
		return;
	free(session->shares);
	pthread_mutex_destroy(&session->event_lock);
	free(session);
}

uint32_t session_n_live(const struct session *session)
{
	const struct channel *ch;
	uint32_t n = 0;

	LIST_FOREACH(ch, &session->channels, session_link)
		n += !ch->closing;
	return n;
}

uint32_t session_receives(const struct session *session, const struct wlane *wl)
{
	const struct channel *ch;
	uint32_t n = 0;

	LIST_FOREACH(ch, &session->channels, session_link)
		n += ch->wlane == wl ? ch->promised : 0;
	return n;
}

bool session_drained(const struct session *session)
{
	const struct channel *ch;

	LIST_FOREACH(ch, &session->channels, session_link)
		if (!ch->drained)
			return false;
	return true;
}
