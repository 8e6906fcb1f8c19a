/* SPDX-License-Identifier: BSD-2-Clause */
/* Captures of information units by the control socket: parameters and answers. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conf/conf.h"
#include "ctl/methods.h"
#include "target/capture.h"
#include "target/server.h"

enum {
	SNAP_DEFAULT = 1024,
	SNAP_LEAST = 64
};

#define SIZE_DEFAULT (100ull << 20)

static int show(struct rpc_call *call, const struct capture_report *r, const char *path)
{
	call->result = json_pack("{s:b, s:s?, s:I, s:I, s:I, s:b, s:s?}", "running", path != NULL,
				 "file", path, "packets", (json_int_t)r->packets, "dropped",
				 (json_int_t)r->dropped, "bytes", (json_int_t)r->bytes, "full",
				 r->full, "error", r->error ? strerror(-r->error) : NULL);
	return call->result ? 0 : -ENOMEM;
}

static int take_limits(struct rpc_call *call, struct capture_conf *conf)
{
	const json_t *snap = json_object_get(call->params, "snap");
	const char *size = rpc_text(call, "size");
	json_int_t n = snap ? json_integer_value(snap) : SNAP_DEFAULT;

	conf->snap_len = (uint32_t)n;
	conf->max_size = SIZE_DEFAULT;
	if (n < SNAP_LEAST || n > CAPTURE_SNAP_MAX)
		snprintf(call->err, sizeof(call->err), "snap: expected %d … %d", SNAP_LEAST,
			 CAPTURE_SNAP_MAX);
	else if (size && conf_parse_size(size, &conf->max_size))
		snprintf(call->err, sizeof(call->err), "size: expected a size such as \"100M\"");
	else
		return 0;
	return -EINVAL;
}

int ctl_capture_start(struct rpc_call *call)
{
	const struct ctl_env *env = call->env;
	struct capture_conf conf = { .path = rpc_text(call, "file"),
				     .session = rpc_text(call, "session") };
	struct capture_report r = { 0 };
	int ret = take_limits(call, &conf);

	if (!ret && *conf.path != '/') {
		snprintf(call->err, sizeof(call->err), "file: expected an absolute path");
		ret = -EINVAL;
	}
	if (!ret)
		ret = capture_start(env->server, &conf, call->err, sizeof(call->err));
	return ret ? ret : show(call, &r, conf.path);
}

int ctl_capture_stop(struct rpc_call *call)
{
	const struct ctl_env *env = call->env;
	struct capture_report r;

	if (capture_stop(env->server, &r))
		return show(call, &r, NULL);
	snprintf(call->err, sizeof(call->err), "no capture is running");
	return -ENOENT;
}

int ctl_capture_status(struct rpc_call *call)
{
	const struct ctl_env *env = call->env;
	struct capture_report r = { 0 };
	const char *path = NULL;

	capture_report(env->server, &r, &path);
	return show(call, &r, path);
}
