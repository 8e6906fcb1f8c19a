/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clients of the control socket. Each has one request at a time: nothing more is read before its
 * answer is gone, so that no client can make srptd hold more than one line and one answer.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "ctl/listen.h"
#include "ctl/methods.h"
#include "target/server.h"

enum {
	MAX_CLIENTS = 16,
	LINE_LEN = 64 << 10,
	WORKER_S = 5,  /* for workers to answer */
	READER_S = 10, /* for a client to take its answer */
};

struct client {
	int fd; /* -1 = free */
	struct ucred peer;
	char *in;
	size_t n_in;
	char *out;
	size_t n_out, sent;
	struct rpc_request req; /* root NULL = none waits */
	uint64_t survey;	/* ... for this one */
	uint64_t deadline;	/* ns, while something is to be answered or taken */
	uint64_t last;		/* ns, of its latest request */
	bool bye;		/* no more after this answer */
};

struct ctl {
	struct ctl_env *env;
	int epoll;
	int listen;
	char *path; /* to be removed; NULL = not ours */
	struct client clients[MAX_CLIENTS];
};

/* ---- clients ---- */

static void watch(struct ctl *ctl, struct client *c)
{
	struct epoll_event ev = { .data.ptr = c };

	if (c->out)
		ev.events = EPOLLOUT;
	else if (!c->req.root)
		ev.events = EPOLLIN;
	epoll_ctl(ctl->epoll, EPOLL_CTL_MOD, c->fd, &ev);
}

static void drop(struct client *c)
{
	close(c->fd); /* leaves the epoll set */
	json_decref(c->req.root);
	free(c->in);
	free(c->out);
	*c = (struct client){ .fd = -1 };
}

/* Write what can be written; false = the client is gone. */
static bool send_out(struct client *c)
{
	ssize_t n = send(c->fd, c->out + c->sent, c->n_out - c->sent, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return false;
	if (n > 0) {
		c->sent += (size_t)n;
		c->deadline = clock_now_ns() + READER_S * NSEC_PER_SEC;
	}
	if (c->sent < c->n_out)
		return true;
	free(c->out);
	c->out = NULL;
	return !c->bye;
}

/* line is taken; NULL = there is no answer to be given. */
static bool answer(struct client *c, char *line)
{
	if (!line)
		return !c->bye;
	c->out = line;
	c->n_out = strlen(line);
	c->sent = 0;
	c->deadline = clock_now_ns() + READER_S * NSEC_PER_SEC;
	return send_out(c);
}

static bool run(struct ctl *ctl, struct client *c)
{
	if (c->req.method->changes)
		log_info("control: %s, by uid %u, pid %d", c->req.method->name, c->peer.uid,
			 c->peer.pid);
	return answer(c, rpc_run(&c->req, ctl->env));
}

static bool take_line(struct ctl *ctl, struct client *c, size_t len)
{
	char *text;

	c->last = clock_now_ns();
	if (rpc_parse(ctl_methods, ctl_n_methods, c->in, len, &c->req, &text))
		return answer(c, text);
	if (!c->req.method->survey)
		return run(ctl, c);
	c->survey = server_survey(ctl->env->server);
	c->deadline = c->last + WORKER_S * NSEC_PER_SEC;
	return true;
}

/* Requests that are complete, one after the other; false = the client is gone. */
static bool take_lines(struct ctl *ctl, struct client *c)
{
	char *end;

	while (!c->out && !c->req.root && (end = memchr(c->in, '\n', c->n_in))) {
		size_t len = (size_t)(end - c->in);

		if (!take_line(ctl, c, len))
			return false;
		c->n_in -= len + 1;
		memmove(c->in, end + 1, c->n_in);
	}
	if (c->n_in < LINE_LEN || c->out || c->req.root)
		return true;
	c->bye = true;
	log_peer(LOG_LVL_WARN, "control: uid %u, pid %d sent a line of more than %d bytes",
		 c->peer.uid, c->peer.pid, LINE_LEN);
	return answer(c, rpc_fail(&c->req, RPC_PARSE_ERROR, "the line is too long"));
}

static bool read_in(struct ctl *ctl, struct client *c)
{
	ssize_t n = recv(c->fd, c->in + c->n_in, LINE_LEN - c->n_in, 0);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	c->n_in += (size_t)n;
	return n > 0 && take_lines(ctl, c);
}

static void client_event(struct ctl *ctl, struct client *c, uint32_t events)
{
	bool stays = true;

	if (events & EPOLLIN)
		stays = read_in(ctl, c);
	else if (events & EPOLLOUT)
		stays = send_out(c) && take_lines(ctl, c);
	else if (events & (EPOLLERR | EPOLLHUP))
		stays = false;
	if (stays)
		watch(ctl, c);
	else
		drop(c);
}

/* What is due by surveys and by time. */
static void client_tick(struct ctl *ctl, struct client *c, uint64_t now)
{
	bool stays = true;

	if (c->req.root && ctl->env->server->n_surveyed >= c->survey)
		stays = run(ctl, c) && take_lines(ctl, c);
	else if (c->req.root && now > c->deadline)
		stays = answer(c, rpc_fail(&c->req, RPC_STUCK, "a worker does not answer")) &&
			take_lines(ctl, c);
	else if (c->out && now > c->deadline)
		stays = false;
	else
		return;
	if (stays)
		watch(ctl, c);
	else
		drop(c);
}

/* ---- new ones ---- */

/* A free place, or that of the client that has been silent for longest. */
static struct client *place(struct ctl *ctl)
{
	struct client *oldest = NULL;

	for (size_t i = 0; i < MAX_CLIENTS; i++) {
		struct client *c = &ctl->clients[i];

		if (c->fd < 0)
			return c;
		if (!c->out && !c->req.root && (!oldest || c->last < oldest->last))
			oldest = c;
	}
	if (oldest)
		drop(oldest);
	return oldest;
}

static void greet(struct ctl *ctl, int fd)
{
	struct client *c = place(ctl);
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
	socklen_t len = sizeof(c->peer);
	char *in = c ? malloc(LINE_LEN) : NULL;

	if (!in || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c->peer, &len) ||
	    epoll_ctl(ctl->epoll, EPOLL_CTL_ADD, fd, &ev)) {
		log_peer(LOG_LVL_WARN, "control: too many clients");
		free(in);
		close(fd);
		return;
	}
	c->fd = fd;
	c->in = in;
	c->last = clock_now_ns();
}

static void accept_all(struct ctl *ctl)
{
	int fd;

	for (int i = 0; i < MAX_CLIENTS; i++) {
		fd = accept4(ctl->listen, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		greet(ctl, fd);
	}
}

void ctl_step(struct ctl *ctl)
{
	struct epoll_event ev[MAX_CLIENTS + 1];
	int n = epoll_wait(ctl->epoll, ev, MAX_CLIENTS + 1, 0);
	bool knocks = false;
	uint64_t now;

	for (int i = 0; i < n; i++) {
		if (ev[i].data.ptr)
			client_event(ctl, ev[i].data.ptr, ev[i].events);
		else
			knocks = true;
	}
	now = clock_now_ns();
	for (size_t i = 0; i < MAX_CLIENTS; i++)
		if (ctl->clients[i].fd >= 0)
			client_tick(ctl, &ctl->clients[i], now);
	if (knocks)
		accept_all(ctl);
}

/* ---- start and end ---- */

int ctl_new(struct ctl_env *env, const struct ctl_socket *where, struct ctl **out)
{
	struct ctl *ctl = calloc(1, sizeof(*ctl));
	struct epoll_event ev = { .events = EPOLLIN };
	int ret;

	if (!ctl)
		return -ENOMEM;
	ctl->env = env;
	ctl->listen = -1;
	for (size_t i = 0; i < MAX_CLIENTS; i++)
		ctl->clients[i].fd = -1;
	ctl->epoll = epoll_create1(EPOLL_CLOEXEC);
	ret = ctl->epoll < 0 ? -errno : ctl_listen(where, &ctl->listen, &ctl->path);
	if (!ret && epoll_ctl(ctl->epoll, EPOLL_CTL_ADD, ctl->listen, &ev))
		ret = -errno;
	if (ret) {
		log_err("control socket %s: %s", where->path,
			ret == -EADDRINUSE ? "another srptd serves it"
			: ret == -EEXIST   ? "something else is there, expected a socket or nothing"
			: ret == -ENOENT   ? "no such directory or group"
					   : strerror(-ret));
		ctl_free(ctl);
		return ret;
	}
	*out = ctl;
	return 0;
}

void ctl_free(struct ctl *ctl)
{
	if (!ctl)
		return;
	for (size_t i = 0; i < MAX_CLIENTS; i++)
		if (ctl->clients[i].fd >= 0)
			drop(&ctl->clients[i]);
	if (ctl->path)
		unlink(ctl->path);
	free(ctl->path);
	if (ctl->listen >= 0)
		close(ctl->listen);
	if (ctl->epoll >= 0)
		close(ctl->epoll);
	free(ctl);
}

int ctl_fd(const struct ctl *ctl)
{
	return ctl->epoll;
}
