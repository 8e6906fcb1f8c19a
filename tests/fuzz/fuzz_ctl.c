/* SPDX-License-Identifier: BSD-2-Clause */
/* Any line at the control socket: one answer that is a JSON-RPC object on one line, or none. */
#include <string.h>

#include "ctl/rpc.h"
#include "fuzz.h"

static int echo(struct rpc_call *call)
{
	must(json_is_object(call->params));
	must(json_is_string(json_object_get(call->params, "text")));
	call->result = json_deep_copy(call->params);
	return 0;
}

static int refuse(struct rpc_call *call)
{
	const char *text = rpc_text(call, "text");

	snprintf(call->err, sizeof(call->err), "%.17s", text ? text : "");
	return -1;
}

static const struct rpc_method methods[] = {
	{ .name = "echo",
	  .params = { { "text", JSON_STRING, true },
		      { "n", JSON_INTEGER, false },
		      { "flag", JSON_TRUE, false },
		      { "list", JSON_ARRAY, false } },
	  .run = echo },
	{ .name = "refuse", .params = { { "text", JSON_STRING, false } }, .run = refuse },
};

static void check_answer(char *answer)
{
	json_t *obj;
	char *end;

	if (!answer)
		return;
	end = strchr(answer, '\n');
	must(end && !end[1]);
	obj = json_loads(answer, 0, NULL);
	must(obj && json_object_get(obj, "id"));
	must(!json_object_get(obj, "result") == !!json_object_get(obj, "error"));
	json_decref(obj);
	free(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rpc_request req;
	char *answer;

	if (rpc_parse(methods, 2, (const char *)data, size, &req, &answer) == 0)
		answer = rpc_run(&req, NULL);
	check_answer(answer);
	return 0;
}
