/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON-RPC 2.0, one object per line: a line becomes a checked request, a request becomes an answer.
 * Knows nothing of sockets, nor of what the methods do.
 */
#ifndef SRPTD_CTL_RPC_H
#define SRPTD_CTL_RPC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum {
	RPC_PARSE_ERROR = -32700,
	RPC_INVALID_REQUEST = -32600,
	RPC_NO_METHOD = -32601,
	RPC_BAD_PARAMS = -32602,
	RPC_REFUSED = -32000, /* the method says why */
	RPC_STUCK = -32001,   /* no answer in time */
};

enum {
	RPC_MAX_PARAMS = 5,
	RPC_ERR_LEN = 8192
};

struct rpc_param {
	const char *name;
	json_type type; /* JSON_TRUE for a boolean */
	bool required;
};

struct rpc_call {
	void *env;
	const json_t *params; /* an object that fits the method's params */
	json_t *result;	      /* the method's, taken over; NULL = none */
	char err[RPC_ERR_LEN];
};

struct rpc_method {
	const char *name;
	const char *help;
	bool changes; /* something: who called is logged */
	bool survey;  /* wants fresh reports of the workers */
	struct rpc_param params[RPC_MAX_PARAMS];
	/* 0, or -errno with a sentence in call->err. */
	int (*run)(struct rpc_call *call);
};

struct rpc_request {
	const struct rpc_method *method;
	json_t *root;
};

/*
 * A line without its newline. 0 with *req to be given to rpc_run() or rpc_fail(); or -EINVAL with
 * the answer in *answer, the caller's, NULL when there is none to be given.
 */
int rpc_parse(const struct rpc_method *methods, size_t n, const char *line, size_t len,
	      struct rpc_request *req, char **answer);
/* The answer with its newline, the caller's; NULL when none is wanted. Frees what the request
 * holds. */
char *rpc_run(struct rpc_request *req, void *env);
char *rpc_fail(struct rpc_request *req, int code, const char *why);

/* A text parameter, or NULL. */
const char *rpc_text(const struct rpc_call *call, const char *name);

#endif
