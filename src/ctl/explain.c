/* SPDX-License-Identifier: BSD-2-Clause */
/* What an initiator may see, and why: the decision of a login, pattern by pattern. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/be.h"
#include "conf/acl.h"
#include "ctl/methods.h"
#include "target/server.h"

/* Hex digits of a number of bytes, colons between them allowed; false = it is something else. */
static bool take_hex(const char *text, uint8_t *out, size_t n)
{
	char digits[33];
	size_t len = 0;

	for (; *text; text++) {
		if (*text == ':')
			continue;
		if (!isxdigit((unsigned char)*text) || len == 2 * n)
			return false;
		digits[len++] = *text;
	}
	for (size_t i = 0; i < n && len == 2 * n; i++) {
		const char byte[3] = { digits[2 * i], digits[2 * i + 1], '\0' };

		out[i] = (uint8_t)strtoul(byte, NULL, 16);
	}
	return len == 2 * n;
}

/* What a text can be of an initiator; the words for it, or NULL. */
static const char *identify(const char *text, struct acl_identity *id)
{
	struct in6_addr addr;
	uint8_t guid[8];

	*id = (struct acl_identity){ 0 };
	if (inet_pton(AF_INET, text, &addr) == 1) {
		id->ip = text;
		return "an address";
	}
	if (inet_pton(AF_INET6, text, &addr) == 1) {
		id->ip = text;
		id->gid = text;
		id->port_guid = be64_get(addr.s6_addr + 8);
		return "a GID or an address";
	}
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		return take_hex(text + 2, id->initiator_port_id, 16) ? "a port id" : NULL;
	if (!take_hex(text, guid, sizeof(guid)))
		return NULL;
	id->port_guid = be64_get(guid);
	return "a port GUID";
}

/* The pattern that decides, an exclusion first; NULL = none means it. */
static const char *deciding(const struct group *g, const struct acl_identity *id)
{
	const char *found = NULL;

	for (size_t i = 0; i < g->n_initiators; i++) {
		const char *pattern = g->initiators[i];

		if (!acl_match(pattern, id))
			continue;
		if (pattern[0] == '!')
			return pattern;
		if (!found)
			found = pattern;
	}
	return found;
}

static json_t *show_map(const struct group *g)
{
	json_t *list = json_array();

	for (size_t i = 0; i < g->n_map; i++)
		json_array_append_new(list,
				      json_pack("{s:i, s:s, s:b}", "lun", (int)g->map[i].lun,
						"name", g->map[i].lu->name, "read_only",
						g->map[i].read_only || g->map[i].lu->read_only));
	return list;
}

static json_t *show_group(const struct group *g, const struct acl_identity *id, bool first)
{
	const char *pattern = deciding(g, id);
	bool admits = acl_group_match(g->initiators, g->n_initiators, id);

	return json_pack("{s:s, s:s?, s:s, s:o}", "name", g->name, "pattern", pattern, "result",
			 !admits && pattern ? "excludes it"
			 : !admits	    ? "no pattern means it"
			 : first	    ? "admits it"
					    : "would admit it, but an earlier group does",
			 "luns", admits && first ? show_map(g) : json_array());
}

static json_t *show_target(const struct target *t, const struct acl_identity *id)
{
	const struct group *admitted = target_admit(t, id);
	json_t *groups = json_array();

	for (size_t i = 0; i < t->n_groups; i++)
		json_array_append_new(groups,
				      show_group(&t->groups[i], id, &t->groups[i] == admitted));
	return json_pack("{s:s, s:s?, s:o}", "name", t->name, "group",
			 admitted ? admitted->name : NULL, "groups", groups);
}

int ctl_explain(struct rpc_call *call)
{
	const struct ctl_env *env = call->env;
	const char *text = rpc_text(call, "initiator");
	struct acl_identity id;
	const char *what = identify(text, &id);
	json_t *targets;

	if (!what) {
		snprintf(call->err, sizeof(call->err),
			 "%.64s: expected an IP address, a GID, a port GUID (16 hex digits) or a "
			 "port id "
			 "(0x and 32 hex digits)",
			 text);
		return -EINVAL;
	}
	targets = json_array();
	for (size_t i = 0; i < env->server->n_targets; i++)
		json_array_append_new(targets, show_target(&env->server->targets[i], &id));
	call->result =
		json_pack("{s:s, s:s, s:o}", "initiator", text, "as", what, "targets", targets);
	return call->result ? 0 : -ENOMEM;
}
