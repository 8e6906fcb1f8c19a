/* SPDX-License-Identifier: BSD-2-Clause */
/* JSON-RPC 2.0, see rpc.h. */
#include "ctl/rpc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The text of an object with a newline; takes the object. */
static char *to_line(json_t *obj)
{
	char *text = obj ? json_dumps(obj, JSON_COMPACT) : NULL;
	size_t len = text ? strlen(text) : 0;
	char *line = text ? realloc(text, len + 2) : NULL;

	json_decref(obj);
	if (!line) {
		free(text);
		return NULL;
	}
	memcpy(line + len, "\n", 2);
	return line;
}

/* id NULL = it could not be told. */
static char *error_line(json_t *id, int code, const char *why)
{
	json_t *message = json_string(why); /* NULL: not UTF-8, as where a long word was cut */

	return to_line(json_pack("{s:s, s:O, s:{s:i, s:o}}", "jsonrpc", "2.0", "id",
				 id ? id : json_null(), "error", "code", code, "message",
				 message ? message : json_string("refused")));
}

static const struct rpc_method *find(const struct rpc_method *methods, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(methods[i].name, name) == 0)
			return &methods[i];
	return NULL;
}

static bool type_fits(json_type want, const json_t *value)
{
	return want == JSON_TRUE ? json_is_boolean(value) : json_typeof(value) == want;
}

static const struct rpc_param *param_find(const struct rpc_method *m, const char *name)
{
	for (size_t i = 0; i < RPC_MAX_PARAMS && m->params[i].name; i++)
		if (strcmp(m->params[i].name, name) == 0)
			return &m->params[i];
	return NULL;
}

static const char *type_name(json_type type)
{
	return type == JSON_STRING    ? "a string"
	       : type == JSON_INTEGER ? "an integer"
	       : type == JSON_ARRAY   ? "an array"
	       : type == JSON_OBJECT  ? "an object"
				      : "true or false";
}

/* 0, or -EINVAL with what is wrong. */
static int check_params(const struct rpc_method *m, json_t *params, char *err, size_t err_len)
{
	const struct rpc_param *p;
	const char *name;
	json_t *value;

	json_object_foreach(params, name, value)
	{
		p = param_find(m, name);
		if (!p || !type_fits(p->type, value)) {
			snprintf(err, err_len,
				 p ? "parameter %.64s: expected %s" : "%.64s: no such parameter",
				 name, p ? type_name(p->type) : "");
			return -EINVAL;
		}
	}
	for (size_t i = 0; i < RPC_MAX_PARAMS && m->params[i].name; i++)
		if (m->params[i].required && !json_object_get(params, m->params[i].name)) {
			snprintf(err, err_len, "parameter %s is missing", m->params[i].name);
			return -EINVAL;
		}
	return 0;
}

/* Take apart what is JSON; 0, or a code with the reason. */
static int check(const struct rpc_method *methods, size_t n, struct rpc_request *req, char *err,
		 size_t err_len)
{
	const char *version = NULL, *name = NULL;
	json_t *id = json_object_get(req->root, "id");
	json_t *params = json_object_get(req->root, "params");

	if (json_unpack(req->root, "{s:s, s:s}", "jsonrpc", &version, "method", &name) ||
	    strcmp(version, "2.0") != 0 ||
	    (id && !json_is_string(id) && !json_is_number(id) && !json_is_null(id))) {
		snprintf(err, err_len, "expected an object with jsonrpc \"2.0\", method, id");
		return RPC_INVALID_REQUEST;
	}
	req->method = find(methods, n, name);
	if (!req->method) {
		snprintf(err, err_len, "%.64s: no such method, see help", name);
		return RPC_NO_METHOD;
	}
	if (!params) {
		params = json_object();
		json_object_set_new(req->root, "params", params);
	}
	if (!json_is_object(params)) {
		snprintf(err, err_len, "params: expected an object");
		return RPC_BAD_PARAMS;
	}
	return check_params(req->method, params, err, err_len) ? RPC_BAD_PARAMS : 0;
}

int rpc_parse(const struct rpc_method *methods, size_t n, const char *line, size_t len,
	      struct rpc_request *req, char **answer)
{
	char err[256];
	json_error_t where;
	int code = RPC_PARSE_ERROR;

	*req = (struct rpc_request){ .root = json_loadb(line, len, JSON_REJECT_DUPLICATES,
							&where) };
	*answer = NULL;
	if (req->root)
		code = check(methods, n, req, err, sizeof(err));
	else
		snprintf(err, sizeof(err), "no JSON object: %.160s", where.text);
	if (!code)
		return 0;
	*answer = error_line(json_object_get(req->root, "id"), code, err);
	json_decref(req->root);
	req->root = NULL;
	return -EINVAL;
}

char *rpc_run(struct rpc_request *req, void *env)
{
	struct rpc_call call = { .env = env, .params = json_object_get(req->root, "params") };
	json_t *id = json_object_get(req->root, "id");
	char *line = NULL;
	int ret = req->method->run(&call);

	if (ret && !call.err[0])
		snprintf(call.err, sizeof(call.err), "%s", strerror(-ret));
	if (id && ret)
		line = error_line(id, RPC_REFUSED, call.err);
	else if (id)
		line = to_line(json_pack("{s:s, s:O, s:O}", "jsonrpc", "2.0", "id", id, "result",
					 call.result ? call.result : json_true()));
	json_decref(call.result);
	json_decref(req->root);
	req->root = NULL;
	return line;
}

char *rpc_fail(struct rpc_request *req, int code, const char *why)
{
	char *line = error_line(json_object_get(req->root, "id"), code, why);

	json_decref(req->root);
	req->root = NULL;
	return line;
}

const char *rpc_text(const struct rpc_call *call, const char *name)
{
	return json_string_value(json_object_get(call->params, name));
}
