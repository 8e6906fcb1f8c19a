/* SPDX-License-Identifier: BSD-2-Clause */
/* One request at a time goes from libmicrohttpd's thread to the control thread and back, see
 * http.h. */
#include "ctl/http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#ifdef HAVE_MICROHTTPD
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/be.h"
#include "base/compiler.h"
#include "conf/conf.h"
#include "ctl/methods.h"
#include "target/server.h"

enum {
	ANSWER_S = 5, /* for the workers to tell what they know */
	IDLE_S = 10,  /* for a client to ask */
	MAX_CLIENTS = 8,
};

enum state {
	IDLE,
	WANTED,	 /* the HTTP thread waits */
	ASKED,	 /* ... and the workers are asked */
	WRITTEN, /* ... and the text is there */
};

struct ctl_http {
	const struct ctl_env *env;
	struct MHD_Daemon *daemon;
	int event;
	uint64_t survey; /* control thread */
	pthread_mutex_t lock;
	pthread_cond_t cond;
	/* under the lock */
	enum state state;
	bool stopping;
	char *text;
	size_t len;
};

/* ---- the HTTP thread ---- */

/* The text, the caller's; NULL = none came in time. */
static char *obtain(struct ctl_http *http, size_t *len)
{
	struct timespec until;
	char *text;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += ANSWER_S;
	pthread_mutex_lock(&http->lock);
	http->state = WANTED;
	eventfd_write(http->event, 1);
	while (http->state != WRITTEN && !http->stopping &&
	       pthread_cond_timedwait(&http->cond, &http->lock, &until) == 0)
		;
	text = http->text;
	*len = http->len;
	http->text = NULL;
	http->state = IDLE;
	pthread_mutex_unlock(&http->lock);
	return text;
}

static enum MHD_Result answer(struct MHD_Connection *to, unsigned int code, const char *type,
			      char *text, size_t len, enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(len, text, mode);
	enum MHD_Result ret = MHD_NO;

	if (response && MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type))
		ret = MHD_queue_response(to, code, response);
	if (response)
		MHD_destroy_response(response);
	return ret;
}

static enum MHD_Result say(struct MHD_Connection *to, unsigned int code, const char *text)
{
	return answer(to, code, "text/plain; charset=utf-8", (char *)text, strlen(text),
		      MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *from, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_len, void **context)
{
	size_t len;
	char *text;

	if (*upload_len) {
		*upload_len = 0; /* thrown away */
		return MHD_YES;
	}
	if (!*context) {
		*context = arg; /* headers only: answered when called again */
		return MHD_YES;
	}
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return say(from, MHD_HTTP_METHOD_NOT_ALLOWED, "GET /metrics\n");
	if (strcmp(url, "/metrics") != 0)
		return say(from, MHD_HTTP_NOT_FOUND, "srptd: see /metrics\n");
	text = obtain(arg, &len);
	if (!text)
		return say(from, MHD_HTTP_SERVICE_UNAVAILABLE, "a worker does not answer\n");
	return answer(from, MHD_HTTP_OK,
		      "application/openmetrics-text; version=1.0.0; charset=utf-8", text, len,
		      MHD_RESPMEM_MUST_FREE);
}

/* ---- the control thread ---- */

static void write_text(struct ctl_http *http)
{
	FILE *out;

	free(http->text);
	http->text = NULL;
	out = open_memstream(&http->text, &http->len);
	if (!out)
		return;
	ctl_write_metrics(http->env, out);
	if (fclose(out)) {
		free(http->text);
		http->text = NULL;
	}
}

void ctl_http_step(struct ctl_http *http)
{
	struct server *server = http->env->server;
	eventfd_t n;

	pthread_mutex_lock(&http->lock);
	if (http->state == WANTED) {
		eventfd_read(http->event, &n);
		http->survey = server_survey(server);
		http->state = ASKED;
	} else if (http->state == ASKED && server->n_surveyed >= http->survey) {
		write_text(http);
		http->state = WRITTEN;
		pthread_cond_signal(&http->cond);
	}
	pthread_mutex_unlock(&http->lock);
}

static bool is_loopback(const struct sockaddr_storage *addr)
{
	const struct in_addr *v4 = &((const struct sockaddr_in *)addr)->sin_addr;
	const struct in6_addr *v6 = &((const struct sockaddr_in6 *)addr)->sin6_addr;

	return addr->ss_family == AF_INET ? ntohl(v4->s_addr) >> 24 == IN_LOOPBACKNET
					  : IN6_IS_ADDR_LOOPBACK(v6);
}

static int listen_on(struct ctl_http *http, const char *where)
{
	struct sockaddr_storage addr;
	unsigned int flags = MHD_USE_INTERNAL_POLLING_THREAD;

	if (conf_parse_endpoint(where, &addr))
		return -EINVAL;
	if (addr.ss_family == AF_INET6)
		flags |= MHD_USE_IPv6;
	if (!is_loopback(&addr))
		log_warn("metrics: whoever reaches %s may read them", where);
	errno = 0;
	http->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, http,
					MHD_OPTION_SOCK_ADDR, &addr, MHD_OPTION_CONNECTION_LIMIT,
					(unsigned int)MAX_CLIENTS, MHD_OPTION_CONNECTION_TIMEOUT,
					(unsigned int)IDLE_S, MHD_OPTION_END);
	if (http->daemon)
		return 0;
	return errno ? -errno : -EIO;
}

int ctl_http_new(const struct ctl_env *env, const char *where, struct ctl_http **out)
{
	struct ctl_http *http = calloc(1, sizeof(*http));
	int ret;

	if (!http)
		return -ENOMEM;
	http->env = env;
	pthread_mutex_init(&http->lock, NULL);
	pthread_cond_init(&http->cond, NULL);
	http->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	ret = http->event < 0 ? -errno : listen_on(http, where);
	if (ret) {
		log_err("metrics: cannot listen on %s: %s", where, strerror(-ret));
		ctl_http_free(http);
		return ret;
	}
	log_info("metrics on http://%s/metrics", where);
	*out = http;
	return 0;
}

void ctl_http_free(struct ctl_http *http)
{
	if (!http)
		return;
	pthread_mutex_lock(&http->lock);
	http->stopping = true;
	pthread_cond_signal(&http->cond);
	pthread_mutex_unlock(&http->lock);
	if (http->daemon)
		MHD_stop_daemon(http->daemon);
	if (http->event >= 0)
		close(http->event);
	pthread_cond_destroy(&http->cond);
	pthread_mutex_destroy(&http->lock);
	free(http->text);
	free(http);
}

int ctl_http_fd(const struct ctl_http *http)
{
	return http->event;
}

#else

int ctl_http_new(const struct ctl_env *env, const char *where, struct ctl_http **out)
{
	log_err("metrics: this srptd was built without libmicrohttpd: take the key out, and use "
		"srptctl stats --openmetrics");
	return -ENOSYS;
}

void ctl_http_free(struct ctl_http *http)
{
}

int ctl_http_fd(const struct ctl_http *http)
{
	return -1;
}

void ctl_http_step(struct ctl_http *http)
{
}

#endif
