/* SPDX-License-Identifier: BSD-2-Clause */
/* One question to srptd and its answer. */
#ifndef SRPTD_SRPTCTL_CLIENT_H
#define SRPTD_SRPTCTL_CLIENT_H

#include <jansson.h>
#include <stddef.h>

enum {
	EXIT_OK = 0,
	EXIT_REFUSED = 1,
	EXIT_USAGE = 2,
	EXIT_UNREACHABLE = 3
};

/* Connect to a control socket: a descriptor, or -errno. */
int client_connect(const char *path);
/*
 * Ask (params is taken, NULL = none). EXIT_OK with the result in *result, the caller's; otherwise
 * another exit status with a sentence in err.
 */
int client_ask(int fd, const char *method, json_t *params, json_t **result, char *err,
	       size_t err_len);

/* The same by path; what went wrong is said on stderr. */
int client_get(const char *method, json_t *params, const char *path, json_t **result);

#endif
