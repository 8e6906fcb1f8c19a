/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines to requests to answers. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "ctl/rpc.h"

static int n_runs;

static int echo(struct rpc_call *call)
{
	n_runs++;
	call->result = json_deep_copy(call->params);
	return 0;
}

static int refuse(struct rpc_call *call)
{
	snprintf(call->err, sizeof(call->err), "not today");
	return -EPERM;
}

static int done(struct rpc_call *call)
{
	return 0;
}

static const struct rpc_method methods[] = {
	{ .name = "echo",
	  .params = { { "text", JSON_STRING, true },
		      { "n", JSON_INTEGER, false },
		      { "flag", JSON_TRUE, false } },
	  .run = echo },
	{ .name = "refuse", .run = refuse },
	{ .name = "done", .run = done },
};

/* The answer to a line; what it was given is freed. */
static char *answer_to(const char *line)
{
	struct rpc_request req;
	char *answer;

	if (rpc_parse(methods, 3, line, strlen(line), &req, &answer))
		return answer;
	return rpc_run(&req, NULL);
}

static void assert_answer(const char *line, const char *want)
{
	char *got = answer_to(line);

	assert_non_null(got);
	assert_string_equal(got, want);
	free(got);
}

static void assert_code(const char *line, int code)
{
	char *got = answer_to(line);
	json_t *obj = json_loads(got, 0, NULL);
	json_t *found = json_object_get(json_object_get(obj, "error"), "code");

	assert_int_equal(json_integer_value(found), code);
	assert_null(json_object_get(obj, "result"));
	json_decref(obj);
	free(got);
}

#define REQ(rest) "{\"jsonrpc\":\"2.0\",\"id\":7," rest "}"

static void answers(void **state)
{
	assert_answer(REQ("\"method\":\"echo\",\"params\":{\"text\":\"a\",\"n\":3,\"flag\":false}"),
		      "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"text\":\"a\",\"n\":3,"
		      "\"flag\":false}}\n");
	assert_answer(REQ("\"method\":\"done\""),
		      "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":true}\n");
	assert_answer(REQ("\"method\":\"refuse\",\"params\":{}"),
		      "{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":-32000,"
		      "\"message\":\"not today\"}}\n");
	assert_answer("{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"done\"}",
		      "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"result\":true}\n");
}

static void a_notification_runs_without_an_answer(void **state)
{
	n_runs = 0;
	assert_null(
		answer_to("{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"params\":{\"text\":\"\"}}"));
	assert_int_equal(n_runs, 1);
}

static void bad_lines(void **state)
{
	n_runs = 0;
	assert_code("", RPC_PARSE_ERROR);
	assert_code("{", RPC_PARSE_ERROR);
	assert_code("{} x", RPC_PARSE_ERROR);
	assert_code("{\"a\":\"\xff\"}", RPC_PARSE_ERROR);
	assert_code("{\"id\":1,\"id\":2}", RPC_PARSE_ERROR);
	assert_code("{}", RPC_INVALID_REQUEST);
	assert_code("[1]", RPC_INVALID_REQUEST);
	assert_code("{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"done\"}", RPC_INVALID_REQUEST);
	assert_code("{\"jsonrpc\":\"2.0\",\"id\":[],\"method\":\"done\"}", RPC_INVALID_REQUEST);
	assert_code(REQ("\"method\":1"), RPC_INVALID_REQUEST);
	assert_code(REQ("\"method\":\"nothing\""), RPC_NO_METHOD);
	assert_code(REQ("\"method\":\"echo\""), RPC_BAD_PARAMS);
	assert_code(REQ("\"method\":\"echo\",\"params\":[]"), RPC_BAD_PARAMS);
	assert_code(REQ("\"method\":\"echo\",\"params\":{\"text\":1}"), RPC_BAD_PARAMS);
	assert_code(REQ("\"method\":\"echo\",\"params\":{\"text\":\"\",\"n\":1.5}"),
		    RPC_BAD_PARAMS);
	assert_code(REQ("\"method\":\"echo\",\"params\":{\"text\":\"\",\"flag\":1}"),
		    RPC_BAD_PARAMS);
	assert_code(REQ("\"method\":\"echo\",\"params\":{\"text\":\"\",\"more\":1}"),
		    RPC_BAD_PARAMS);
	assert_int_equal(n_runs, 0);
}

/* A name that is cut inside a character is no UTF-8 any more: there is an answer all the same. */
static void cut_names(void **state)
{
	char line[256];

	snprintf(line, sizeof(line), REQ("\"method\":\"%s\""),
		 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\xc3\xa4");
	assert_code(line, RPC_NO_METHOD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(a_notification_runs_without_an_answer),
		cmocka_unit_test(bad_lines),
		cmocka_unit_test(cut_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
