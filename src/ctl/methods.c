/* SPDX-License-Identifier: BSD-2-Clause */
/* The one table of methods, and those that do more than show something. */
#include "ctl/methods.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "conf/acl.h"
#include "conf/conf.h"
#include "target/server.h"

/* Takes the result. */
static int give(struct rpc_call *call, json_t *result)
{
	call->result = result;
	return result ? 0 : -ENOMEM;
}

static int get_version(struct rpc_call *call)
{
	const struct ctl_env *env = call->env;

	return give(call, json_pack("{s:s}", "version", env->version));
}

static json_t *describe(const struct rpc_method *m)
{
	json_t *params = json_object();

	for (size_t i = 0; i < RPC_MAX_PARAMS && m->params[i].name; i++)
		json_object_set_new(params, m->params[i].name,
				    json_string(m->params[i].required ? "required" : "optional"));
	return json_pack("{s:s, s:s, s:b, s:o}", "name", m->name, "help", m->help, "changes",
			 m->changes, "params", params);
}

static int get_help(struct rpc_call *call)
{
	json_t *list = json_array();

	for (size_t i = 0; i < ctl_n_methods; i++)
		json_array_append_new(list, describe(&ctl_methods[i]));
	return give(call, list);
}

static int get_login_info(struct rpc_call *call)
{
	const struct ctl_env *env = call->env;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	int ret = out ? env->login_info(env->conf, out) : -ENOMEM;

	if (out)
		fclose(out);
	if (!ret)
		ret = give(call, json_pack("{s:s}", "text", text));
	free(text);
	return ret;
}

/* ---- the configuration ---- */

/* Lines of a callback: the result, or the reason for a refusal. */
static int give_lines(struct rpc_call *call, int (*fn)(void *arg, FILE *says))
{
	const struct ctl_env *env = call->env;
	char *text = NULL;
	size_t len = 0;
	FILE *says = open_memstream(&text, &len);
	int ret = says ? fn(env->arg, says) : -ENOMEM;

	if (says)
		fclose(says);
	if (ret)
		snprintf(call->err, sizeof(call->err), "%s", text ? text : "out of memory");
	else
		ret = give(call, json_pack("{s:s}", "text", text));
	free(text);
	return ret;
}

static int reload(struct rpc_call *call)
{
	const struct ctl_env *env = call->env;

	return give_lines(call, env->reload);
}

static int diff(struct rpc_call *call)
{
	const struct ctl_env *env = call->env;

	return give_lines(call, env->diff);
}

/* What is served as a file of its own; where it comes from, unless from the command line. */
static int show_config(struct rpc_call *call)
{
	const struct ctl_env *env = call->env;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	int ret = -ENOMEM;

	if (out) {
		conf_write(env->conf, out);
		ret = fclose(out) ? -ENOMEM : 0;
	}
	if (!ret)
		ret = give(call, json_pack("{s:s?, s:s}", "file",
					   *env->conf->file == '/' ? env->conf->file : NULL,
					   "text", text));
	free(text);
	return ret;
}

/* ---- log ---- */

static int set_level(struct rpc_call *call, const char *name)
{
	enum log_level level;

	if (!name)
		return 0;
	if (log_level_find(name, &level)) {
		snprintf(call->err, sizeof(call->err),
			 "level \"%.32s\": expected error, warning or info", name);
		return -EINVAL;
	}
	log_set_level(level);
	return 0;
}

static int set_classes(struct rpc_call *call, const char *list, bool on)
{
	char bad[32];

	if (!list ||
	    !(on ? log_enable(list, bad, sizeof(bad)) : log_disable(list, bad, sizeof(bad))))
		return 0;
	snprintf(call->err, sizeof(call->err), "no class \"%s\", expected some of %s, or all", bad,
		 log_class_list());
	return -EINVAL;
}

static int set_log(struct rpc_call *call)
{
	char classes[128];
	int ret = set_level(call, rpc_text(call, "level"));

	if (!ret)
		ret = set_classes(call, rpc_text(call, "on"), true);
	if (!ret)
		ret = set_classes(call, rpc_text(call, "off"), false);
	if (ret)
		return ret;
	log_enabled(classes, sizeof(classes));
	return give(call, json_pack("{s:s, s:s, s:s}", "level", log_level_name(), "classes",
				    classes, "known", log_class_list()));
}

/* ---- sessions ---- */

/* Its number, or a pattern as groups have them: GUIDs and port ids may have no letter in them, too. */
static bool is_meant(const struct session *s, const char *who)
{
	size_t len = strlen(who);

	if (len > 0 && len < 16 && strspn(who, "0123456789") == len)
		return s->number == strtoul(who, NULL, 10);
	return acl_match(who, &s->id);
}

static int logout(struct rpc_call *call)
{
	const struct ctl_env *env = call->env;
	const char *who = rpc_text(call, "session");
	struct session *s;
	struct channel *ch;
	int n = 0;

	for (size_t i = 0; i < env->server->n_targets; i++)
		LIST_FOREACH (s, &env->server->targets[i].sessions, link) {
			if (!is_meant(s, who))
				continue;
			n++;
			LIST_FOREACH (ch, &s->channels, session_link)
				server_channel_logout(ch);
		}
	if (!n) {
		snprintf(call->err, sizeof(call->err),
			 "%.128s: no such session, expected a number or an identity that sessions "
			 "shows",
			 who);
		return -ENOENT;
	}
	return give(call, json_pack("{s:i}", "sessions", n));
}

static void add_finding(void *to, const char *level, const char *what, const char *mend)
{
	json_array_append_new(to, json_pack("{s:s, s:s, s:s}", "level", level, "what", what, "mend",
					    mend));
}

static int doctor(struct rpc_call *call)
{
	const struct ctl_env *env = call->env;

	call->result = json_array();
	if (call->result)
		env->doctor(env->arg, add_finding, call->result);
	return call->result ? 0 : -ENOMEM;
}

static int drain(struct rpc_call *call)
{
	const struct ctl_env *env = call->env;
	bool on = json_is_true(json_object_get(call->params, "on"));

	server_drain(env->server, on);
	log_info(on ? "draining: every initiator is logged out, new logins are refused"
		    : "no longer draining: logins are accepted");
	return give(call, json_pack("{s:b, s:i}", "draining", on, "channels",
				    (int)server_n_channels(env->server)));
}

/* ---- the table ---- */

const struct rpc_method ctl_methods[] = {
	{ .name = "status", .help = "the daemon at a glance", .run = ctl_status },
	{ .name = "sessions", .help = "who is logged in", .survey = true, .run = ctl_sessions },
	{ .name = "luns", .help = "logical units and who may see them", .run = ctl_luns },
	{ .name = "stats",
	  .help = "counters and durations of workers, LUNs and sessions",
	  .survey = true,
	  .run = ctl_stats },
	{ .name = "metrics", .help = "the same as OpenMetrics text", .survey = true, .run = ctl_metrics },
	{ .name = "login-info", .help = "what initiators have to be told", .run = get_login_info },
	{ .name = "reload",
	  .help = "read the configuration file and serve what it says, wholly or not at all",
	  .changes = true,
	  .run = reload },
	{ .name = "config-diff", .help = "what a reload would change", .run = diff },
	{ .name = "config-show", .help = "what is served, as a file", .run = show_config },
	{ .name = "lun-add",
	  .help = "serve one more LUN; keys as in the configuration, each with a semicolon",
	  .changes = true,
	  .params = { { "name", JSON_STRING, true }, { "keys", JSON_STRING, true } },
	  .run = ctl_edit_lun_add },
	{ .name = "lun-remove",
	  .help = "a LUN that no group maps",
	  .changes = true,
	  .params = { { "name", JSON_STRING, true } },
	  .run = ctl_edit_lun_remove },
	{ .name = "lun-map",
	  .help = "let a group see a LUN",
	  .changes = true,
	  .params = { { "target", JSON_STRING, true },
		      { "group", JSON_STRING, true },
		      { "lun", JSON_INTEGER, true },
		      { "name", JSON_STRING, true },
		      { "read_only", JSON_TRUE, false } },
	  .run = ctl_edit_lun_map },
	{ .name = "lun-unmap",
	  .help = "the opposite",
	  .changes = true,
	  .params = { { "target", JSON_STRING, true },
		      { "group", JSON_STRING, true },
		      { "lun", JSON_INTEGER, true } },
	  .run = ctl_edit_lun_unmap },
	{ .name = "lun-resize",
	  .help = "let the file of a LUN grow",
	  .changes = true,
	  .params = { { "name", JSON_STRING, true }, { "size", JSON_STRING, true } },
	  .run = ctl_lun_resize },
	{ .name = "lun-set",
	  .help = "other values for keys of a LUN, named beside; limits and alua change at once",
	  .changes = true,
	  .params = { { "name", JSON_STRING, true },
		      { "keys", JSON_STRING, true },
		      { "names", JSON_ARRAY, true } },
	  .run = ctl_edit_lun_set },
	{ .name = "group-set",
	  .help = "other limits for a group, named beside",
	  .changes = true,
	  .params = { { "target", JSON_STRING, true },
		      { "group", JSON_STRING, true },
		      { "keys", JSON_STRING, true },
		      { "names", JSON_ARRAY, true } },
	  .run = ctl_edit_group_set },
	{ .name = "group-add",
	  .help = "a group, behind the others of its target",
	  .changes = true,
	  .params = { { "target", JSON_STRING, true },
		      { "group", JSON_STRING, true },
		      { "patterns", JSON_ARRAY, true } },
	  .run = ctl_edit_group_add },
	{ .name = "group-remove",
	  .help = "its sessions end",
	  .changes = true,
	  .params = { { "target", JSON_STRING, true }, { "group", JSON_STRING, true } },
	  .run = ctl_edit_group_remove },
	{ .name = "group-allow",
	  .help = "more patterns of initiators",
	  .changes = true,
	  .params = { { "target", JSON_STRING, true },
		      { "group", JSON_STRING, true },
		      { "patterns", JSON_ARRAY, true } },
	  .run = ctl_edit_group_allow },
	{ .name = "group-forbid",
	  .help = "take patterns out of a group",
	  .changes = true,
	  .params = { { "target", JSON_STRING, true },
		      { "group", JSON_STRING, true },
		      { "patterns", JSON_ARRAY, true } },
	  .run = ctl_edit_group_forbid },
	{ .name = "capture-start",
	  .help = "write the information units that come and go to a pcapng file",
	  .changes = true,
	  .params = { { "file", JSON_STRING, true },
		      { "session", JSON_STRING, false },
		      { "size", JSON_STRING, false },
		      { "snap", JSON_INTEGER, false } },
	  .run = ctl_capture_start },
	{ .name = "capture-stop",
	  .help = "finish that file",
	  .changes = true,
	  .run = ctl_capture_stop },
	{ .name = "capture-status", .help = "of the capture that runs", .run = ctl_capture_status },
	{ .name = "log",
	  .help = "show or set the level and the debug classes of the log",
	  .changes = true,
	  .params = { { "level", JSON_STRING, false },
		      { "on", JSON_STRING, false },
		      { "off", JSON_STRING, false } },
	  .run = set_log },
	{ .name = "logout",
	  .help = "end a session",
	  .changes = true,
	  .params = { { "session", JSON_STRING, true } },
	  .run = logout },
	{ .name = "doctor", .help = "what is in the way of serving", .run = doctor },
	{ .name = "drain",
	  .help = "on: log everybody out and refuse logins; off: accept them again",
	  .changes = true,
	  .params = { { "on", JSON_TRUE, true } },
	  .run = drain },
	{ .name = "explain",
	  .help = "what an initiator may see, and why: by address, GID, port GUID or port id",
	  .params = { { "initiator", JSON_STRING, true } },
	  .run = ctl_explain },
	{ .name = "version", .help = "of the daemon", .run = get_version },
	{ .name = "help", .help = "this table", .run = get_help },
};

const size_t ctl_n_methods = ARRAY_SIZE(ctl_methods);
