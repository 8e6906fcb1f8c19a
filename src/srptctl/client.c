/* SPDX-License-Identifier: BSD-2-Clause */
/* JSON-RPC 2.0 over the control socket, see client.h. */
#include "srptctl/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* Longer than srptd lets anything wait. */
enum {
	ANSWER_S = 30,
	ANSWER_MAX = 64 << 20
};

int client_connect(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = ANSWER_S };
	int fd, ret;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		ret = -errno;
		close(fd);
		return ret;
	}
	return fd;
}

static int send_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EPIPE;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Up to the newline; *out is the caller's. */
static int recv_line(int fd, char **out)
{
	size_t len = 0, cap = 4096;
	char *buf = malloc(cap), *grown;
	ssize_t n;

	while (buf) {
		n = recv(fd, buf + len, cap - len - 1, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			free(buf);
			return n ? -errno : -ECONNRESET;
		}
		len += (size_t)n;
		if (buf[len - 1] == '\n') {
			buf[len] = '\0';
			*out = buf;
			return 0;
		}
		if (cap - len > 1)
			continue;
		grown = cap < ANSWER_MAX ? realloc(buf, cap * 2) : NULL;
		if (!grown)
			break;
		buf = grown;
		cap *= 2;
	}
	free(buf);
	return -ENOMEM;
}

static int exchange(int fd, json_t *request, json_t **answer)
{
	char *text = json_dumps(request, JSON_COMPACT), *line = NULL;
	int ret = text ? send_all(fd, text, strlen(text)) : -ENOMEM;

	free(text);
	if (!ret)
		ret = send_all(fd, "\n", 1);
	if (!ret)
		ret = recv_line(fd, &line);
	if (ret)
		return ret;
	*answer = json_loads(line, 0, NULL);
	free(line);
	return *answer ? 0 : -EPROTO;
}

int client_ask(int fd, const char *method, json_t *params, json_t **result, char *err,
	       size_t err_len)
{
	json_t *request = json_pack("{s:s, s:i, s:s, s:o}", "jsonrpc", "2.0", "id", 1, "method",
				    method, "params", params ? params : json_object());
	json_t *answer = NULL;
	const char *why = NULL;
	int ret = request ? exchange(fd, request, &answer) : -EINVAL;

	json_decref(request);
	if (ret) {
		snprintf(err, err_len, "no answer from srptd: %s",
			 ret == -EAGAIN ? "it takes too long" : strerror(-ret));
		return EXIT_UNREACHABLE;
	}
	*result = json_incref(json_object_get(answer, "result"));
	if (!*result) {
		json_unpack(answer, "{s:{s:s}}", "error", "message", &why);
		snprintf(err, err_len, "%s", why ? why : "srptd gave an answer without a result");
	}
	json_decref(answer);
	return *result ? EXIT_OK : EXIT_REFUSED;
}

int client_get(const char *method, json_t *params, const char *path, json_t **result)
{
	char err[8192];
	int fd = client_connect(path);
	int code;

	if (fd < 0) {
		json_decref(params);
		fprintf(stderr, "srptctl: no srptd at %s: %s\n", path, strerror(-fd));
		return EXIT_UNREACHABLE;
	}
	code = client_ask(fd, method, params, result, err, sizeof(err));
	close(fd);
	if (code)
		fprintf(stderr, "srptctl: %s%s", err, strchr(err, '\n') ? "" : "\n");
	return code;
}
