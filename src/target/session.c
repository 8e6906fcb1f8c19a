/* SPDX-License-Identifier: BSD-2-Clause */
/* Sessions and who may have one, see session.h. */
#include "target/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target/worker.h"

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

struct session *session_new(struct target *target, const struct group *group, const char *peer,
			    const uint8_t initiator_port_id[16])
{
	struct session *s = calloc(1, sizeof(*s));
	int ret;

	if (!s)
		return NULL;
	s->target = target;
	s->group = group;
	LIST_INIT(&s->channels);
	snprintf(s->nexus.initiator, sizeof(s->nexus.initiator), "%s", peer);
	snprintf(s->nexus.target, sizeof(s->nexus.target), "%s", target->name);
	memcpy(s->nexus.initiator_port_id, initiator_port_id, 16);
	memcpy(s->nexus.target_port_id, target->port_id, 16);
	s->nexus.rel_target_port = target->rel_target_port;
	ret = scsi_nexus_init(&s->nexus, group->map, group->n_map);
	if (ret) {
		free(s);
		errno = -ret;
		return NULL;
	}
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
