/* SPDX-License-Identifier: BSD-2-Clause */
/* Changes of LUNs and groups while srptd runs: parameters to edits. What they mean is
 * conf/edit.c's. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/conf.h"
#include "ctl/methods.h"
#include "target/server.h"

enum {
	MAX_PATTERNS = 256
};

/* Every text of the array, which the parameters own; -EINVAL = something is none, or too many. */
static int take_patterns(struct rpc_call *call, const char *patterns[MAX_PATTERNS], size_t *n)
{
	const json_t *list = json_object_get(call->params, "patterns"), *one;
	size_t i;

	if (!list)
		list = json_object_get(call->params, "names");

	*n = json_array_size(list);
	json_array_foreach(list, i, one)
	{
		if (i >= MAX_PATTERNS || !json_is_string(one)) {
			snprintf(call->err, sizeof(call->err),
				 "expected an array of %d strings or fewer", MAX_PATTERNS);
			return -EINVAL;
		}
		patterns[i] = json_string_value(one);
	}
	return 0;
}

static int take_lun(struct rpc_call *call, uint16_t *lun)
{
	const json_t *value = json_object_get(call->params, "lun");
	json_int_t n = json_integer_value(value);

	*lun = (uint16_t)n;
	if (!value || (n >= 0 && n <= UINT16_MAX))
		return 0;
	snprintf(call->err, sizeof(call->err), "lun: expected 0 … 16383");
	return -EINVAL;
}

static int run(struct rpc_call *call, const struct conf_edit *edit)
{
	const struct ctl_env *env = call->env;
	char *text = NULL;
	size_t len = 0;
	FILE *says = open_memstream(&text, &len);
	int ret = says ? env->edit(env->arg, edit, says) : -ENOMEM;

	if (says)
		fclose(says);
	if (ret) {
		snprintf(call->err, sizeof(call->err), "%s", text ? text : "out of memory");
	} else {
		call->result = json_pack("{s:s}", "text", text);
		ret = call->result ? 0 : -ENOMEM;
	}
	free(text);
	return ret;
}

static int edit(struct rpc_call *call, enum conf_edit_kind kind)
{
	const char *patterns[MAX_PATTERNS];
	struct conf_edit e = {
		.kind = kind,
		.name = rpc_text(call, "name"),
		.target = rpc_text(call, "target"),
		.group = rpc_text(call, "group"),
		.keys = rpc_text(call, "keys"),
		.read_only = json_is_true(json_object_get(call->params, "read_only")),
		.patterns = patterns,
	};
	int ret = take_patterns(call, patterns, &e.n_patterns);

	if (!ret)
		ret = take_lun(call, &e.lun);
	return ret ? ret : run(call, &e);
}

int ctl_edit_lun_add(struct rpc_call *call)
{
	return edit(call, CONF_LUN_ADD);
}

int ctl_edit_lun_remove(struct rpc_call *call)
{
	return edit(call, CONF_LUN_REMOVE);
}

int ctl_edit_lun_map(struct rpc_call *call)
{
	return edit(call, CONF_LUN_MAP);
}

int ctl_edit_lun_unmap(struct rpc_call *call)
{
	return edit(call, CONF_LUN_UNMAP);
}

int ctl_edit_group_add(struct rpc_call *call)
{
	return edit(call, CONF_GROUP_ADD);
}

int ctl_edit_group_remove(struct rpc_call *call)
{
	return edit(call, CONF_GROUP_REMOVE);
}

int ctl_edit_group_allow(struct rpc_call *call)
{
	return edit(call, CONF_GROUP_ALLOW);
}

int ctl_edit_group_forbid(struct rpc_call *call)
{
	return edit(call, CONF_GROUP_FORBID);
}

int ctl_edit_lun_set(struct rpc_call *call)
{
	return edit(call, CONF_LUN_SET);
}

int ctl_edit_group_set(struct rpc_call *call)
{
	return edit(call, CONF_GROUP_SET);
}

/* ---- size ---- */

static struct store *find_store(const struct server *server, const char *name)
{
	for (size_t i = 0; i < server->n_lus; i++)
		if (strcmp(server->lus[i]->name, name) == 0)
			return server->stores[i];
	return NULL;
}

/* The server's own look for new sizes finds it, and tells initiators. */
int ctl_lun_resize(struct rpc_call *call)
{
	const struct ctl_env *env = call->env;
	const char *name = rpc_text(call, "name"), *text = rpc_text(call, "size");
	struct store *store = find_store(env->server, name);
	const char *why = NULL;
	uint64_t size;
	int ret = -EINVAL;

	if (!store)
		why = "there is no such LUN";
	else if (store->fd < 0 || store->is_block || store->features & STORE_F_READ_ONLY)
		why = "only files that may be written are resized here; devices by their own means";
	else if (conf_parse_size(text, &size) || size % store->block_size)
		why = "expected a size such as \"10G\", a multiple of the block";
	else if (size < atomic_load(&store->size))
		why = "it would lose data: a LUN only grows";
	else if (ftruncate(store->fd, (off_t)size))
		why = strerror(errno);
	else
		ret = 0;
	if (ret)
		snprintf(call->err, sizeof(call->err), "LUN \"%.128s\": %s", name, why);
	else
		server_check_sizes(env->server);
	return ret;
}
