/* SPDX-License-Identifier: BSD-2-Clause */
/* "127.0.0.1:9777" and "[::1]:9777". */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"

static int parse_port(const char *text, in_port_t *port)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*end || *text < '0' || *text > '9' || value == 0 || value > UINT16_MAX)
		return -EINVAL;
	*port = htons((uint16_t)value);
	return 0;
}

int conf_parse_endpoint(const char *text, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
	const char *colon = strrchr(text, ':');
	bool brackets = *text == '[';
	char host[INET6_ADDRSTRLEN + 2];
	size_t len = colon ? (size_t)(colon - text) : 0;

	if (!len || len >= sizeof(host) || (brackets && colon[-1] != ']'))
		return -EINVAL;
	snprintf(host, sizeof(host), "%.*s", (int)(brackets ? len - 2 : len),
		 text + (brackets ? 1 : 0));
	memset(out, 0, sizeof(*out));
	out->ss_family = brackets ? AF_INET6 : AF_INET;
	if (inet_pton(out->ss_family, host, brackets ? (void *)&v6->sin6_addr : &v4->sin_addr) != 1)
		return -EINVAL;
	return parse_port(colon + 1, brackets ? &v6->sin6_port : &v4->sin_port);
}
