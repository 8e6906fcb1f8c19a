/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Metrics by HTTP, for a Prometheus server: GET /metrics. libmicrohttpd's thread takes requests;
 * the control thread, which alone may look at the server, writes the answers.
 */
#ifndef SRPTD_CTL_HTTP_H
#define SRPTD_CTL_HTTP_H

#include "ctl/ctl.h"

struct ctl_http;

/*
 * Listen on "ADDRESS:PORT". 0, or -errno after a log line; -ENOSYS where srptd was built without
 * libmicrohttpd. env stays the caller's.
 */
int ctl_http_new(const struct ctl_env *env, const char *where, struct ctl_http **out);
/* NULL is no error. */
void ctl_http_free(struct ctl_http *http);
/* A descriptor that is readable when somebody asks. */
int ctl_http_fd(const struct ctl_http *http);
/* Control thread, after each step of the server. Never blocks. */
void ctl_http_step(struct ctl_http *http);

#endif
