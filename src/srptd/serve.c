/* SPDX-License-Identifier: BSD-2-Clause */
/* Signals, the control socket and the server in one loop, see serve.h. */
#include "srptd/serve.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "ctl/ctl.h"
#include "ctl/http.h"
#include "srptd/daemon.h"
#include "srptd/doctor.h"
#include "srptd/login_info.h"
#include "srptd/notify.h"
#include "target/server.h"
#include "version.h"

enum {
	STOP_LOGOUT_S = 5, /* for commands and logouts, then connections are cut */
	STOP_KILL_S = 5,   /* for the last of them to be gone */
	STATUS_S = 5,	   /* between looks at what the service manager is told */
};

struct loop {
	struct conf *conf;
	bool from_file;
	struct server *server;
	struct ctl *ctl; /* NULL: no control socket */
	struct ctl_http *http; /* NULL: no metrics by HTTP */
	struct ctl_env env;
	uint64_t watchdog_ns;  /* the longest between two signs of life; 0 = none are wanted */
	uint64_t next_beat_ns; /* when the workers are asked again */
	uint64_t beat;	       /* ... by this survey; 0 = they have answered */
	uint64_t next_status_ns;
	uint32_t said_sessions; /* in the status */
	int epoll;		/* signals and the control socket */
	int signals;
};

static int block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* ---- reload ---- */

/* What a diff says goes to whom it may concern. */
struct listener {
	FILE *says;
	unsigned int n_restart;
	unsigned int n;
};

static void hear(void *arg, enum conf_effect effect, const char *text)
{
	struct listener *to = arg;

	to->n++;
	to->n_restart += effect == CONF_RESTART;
	fprintf(to->says, "%s%s\n", text, effect == CONF_RESTART ? " (needs a restart)" : "");
}

/* The file as it is now, and how it differs; *new is the caller's unless it is NULL. */
static int compare(struct loop *l, FILE *says, struct conf **new, struct listener *to)
{
	int ret;

	*new = NULL;
	*to = (struct listener){ .says = says };
	if (!l->from_file) {
		fputs("there is no configuration file: srptd was started with --lun\n", says);
		return -ENOENT;
	}
	ret = conf_load(l->conf->file, new, says);
	if (!ret)
		conf_diff(l->conf, *new, hear, to);
	if (!ret && !to->n)
		fputs("nothing is different\n", says);
	return ret;
}

static int diff(void *arg, FILE *says)
{
	struct conf *new;
	struct listener to;
	int ret = compare(arg, says, &new, &to);

	conf_free(new);
	return ret;
}

static int take(struct loop *l, struct conf *new, const struct listener *to, FILE *says)
{
	int ret;

	if (to->n_restart) {
		fputs("nothing was changed\n", says);
		return -EBUSY;
	}
	ret = server_reload(l->server, l->conf, new);
	if (ret) {
		fputs("nothing was changed; the log says why\n", says);
		return ret;
	}
	conf_free(l->conf);
	l->conf = new;
	l->env.conf = new;
	return 0;
}

/* By the control socket, not by the file: it lasts until the next reload, unless it is saved. */
static int edit(void *arg, const struct conf_edit *what, FILE *says)
{
	struct loop *l = arg;
	struct conf *new;
	struct listener to = { .says = says };
	int ret = conf_edit(l->conf, what, &new, says);

	if (ret)
		return ret;
	conf_diff(l->conf, new, hear, &to);
	ret = take(l, new, &to, says);
	if (ret)
		conf_free(new);
	else if (l->from_file)
		fputs("until the next reload: keep it by srptctl config save\n", says);
	return ret;
}

static int reload(void *arg, FILE *says)
{
	struct loop *l = arg;
	struct conf *new;
	struct listener to;
	int ret;

	notify_reloading();
	ret = compare(l, says, &new, &to);
	if (!ret)
		ret = take(l, new, &to, says);
	if (ret)
		conf_free(new);
	if (ret)
		log_err("reload of %s refused: serving what was served before", l->conf->file);
	else
		log_info("reload of %s: %u difference(s)", l->conf->file, to.n);
	notify_ready(ret ? "serving; the last reload was refused" : "serving");
	return ret;
}

static void examine(void *arg, ctl_finding *say, void *to)
{
	const struct loop *l = arg;

	doctor(l->conf, say, to);
}

/* By signal: what there is to say goes to the log. */
static void reload_by_signal(struct loop *l)
{
	char *text = NULL, *line, *rest;
	size_t len = 0;
	FILE *says = open_memstream(&text, &len);
	int ret;

	if (!says)
		return;
	ret = reload(l, says);
	fclose(says);
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		log_line(ret ? LOG_LVL_ERR : LOG_LVL_INFO, "reload: %s", line);
	free(text);
}

/* True if the signal means stop. */
static bool handle_signal(struct loop *l)
{
	struct signalfd_siginfo info;

	if (read(l->signals, &info, sizeof(info)) != sizeof(info))
		return false;
	if (info.ssi_signo == SIGHUP) {
		reload_by_signal(l);
		return false;
	}
	log_info("%s: logging initiators out", strsignal((int)info.ssi_signo));
	return true;
}

/* ---- the control socket ---- */

/* systemd tells its directory (RuntimeDirectory=) where the configuration names no path. */
static const char *control_path(const struct conf *conf, const char *given, char *buf, size_t len)
{
	const char *dir = getenv("RUNTIME_DIRECTORY");

	if (given)
		return given;
	if (conf->control_socket || !dir)
		return conf->control_socket;
	snprintf(buf, len, "%.*s/control.sock", (int)strcspn(dir, ":"), dir);
	return buf;
}

static int open_control(struct loop *l, const char *given)
{
	char buf[108];
	struct ctl_socket where = {
		.path = control_path(l->conf, given, buf, sizeof(buf)),
		.mode = (mode_t)strtoul(l->conf->control_mode, NULL, 8),
		.group = l->conf->control_group,
		.fd = notify_listen_fd(),
	};
	struct epoll_event ev = { .events = EPOLLIN };
	int ret;

	l->env = (struct ctl_env){
		.server = l->server,
		.conf = l->conf,
		.version = SRPTD_VERSION,
		.since = time(NULL),
		.login_info = login_info,
		.reload = reload,
		.diff = diff,
		.edit = edit,
		.doctor = examine,
		.arg = l,
	};
	if (!where.path && where.fd < 0)
		return 0;
	if (!where.path)
		where.path = "of the service manager";
	ret = ctl_new(&l->env, &where, &l->ctl);
	if (!ret && epoll_ctl(l->epoll, EPOLL_CTL_ADD, ctl_fd(l->ctl), &ev))
		ret = -errno;
	return ret;
}

/* ---- start, loop, stop ---- */

/* Step until no channel is left, at most for some seconds. */
static void step_until_empty(struct server *server, int seconds)
{
	uint64_t end = clock_now_ns() + (uint64_t)seconds * NSEC_PER_SEC;

	while (server_n_channels(server) > 0 && clock_now_ns() < end)
		server_step(server, -1, 100);
}

static void stop(struct server *server)
{
	notify_stopping();
	server_stop(server);
	step_until_empty(server, STOP_LOGOUT_S);
	server_kill(server);
	step_until_empty(server, STOP_KILL_S);
	if (server_n_channels(server) > 0) {
		/* their memory may still be in use by the device: leave it to the kernel */
		log_warn("%u channel(s) did not end; exiting all the same",
			 server_n_channels(server));
		_exit(EXIT_FAILURE);
	}
}

/* ---- signs of life ---- */

/* The service manager hears from us when every worker has answered. */
static void beat(struct loop *l, uint64_t now)
{
	if (!l->watchdog_ns)
		return;
	if (l->beat && l->server->n_surveyed >= l->beat) {
		notify_alive();
		l->beat = 0;
	}
	if (!l->beat && now >= l->next_beat_ns) {
		l->beat = server_survey(l->server);
		l->next_beat_ns = now + l->watchdog_ns / 3;
	}
}

static void say_status(struct loop *l, uint64_t now)
{
	char text[96];

	if (now < l->next_status_ns)
		return;
	l->next_status_ns = now + STATUS_S * NSEC_PER_SEC;
	if (l->said_sessions == server_n_sessions(l->server))
		return;
	l->said_sessions = server_n_sessions(l->server);
	snprintf(text, sizeof(text), "serving %zu LUN(s), %u session(s)", l->server->n_lus,
		 l->said_sessions);
	notify_status(text);
}

/* How long the loop may sleep. */
static int beat_ms(const struct loop *l)
{
	return l->watchdog_ns ? (int)(l->watchdog_ns / 6 / 1000000) : -1;
}

static void run(struct loop *l)
{
	bool stops = false;

	while (!stops) {
		uint64_t now;

		server_step(l->server, l->epoll, beat_ms(l));
		now = clock_now_ns();
		beat(l, now);
		say_status(l, now);
		if (l->ctl)
			ctl_step(l->ctl);
		if (l->http)
			ctl_http_step(l->http);
		stops = handle_signal(l);
	}
}

static int open_metrics(struct loop *l)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int ret;

	if (!l->conf->metrics)
		return 0;
	ret = ctl_http_new(&l->env, l->conf->metrics, &l->http);
	if (!ret && epoll_ctl(l->epoll, EPOLL_CTL_ADD, ctl_http_fd(l->http), &ev))
		ret = -errno;
	return ret;
}

static int start(struct loop *l, const char *control)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int ret;

	l->signals = block_signals();
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->signals < 0 || l->epoll < 0 || epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->signals, &ev)) {
		ret = -errno;
		log_err("cannot start: %s", strerror(-ret));
		return ret;
	}
	l->watchdog_ns = notify_watchdog_ns();
	ret = server_new(l->conf, &l->server);
	if (!ret)
		ret = server_start(l->server);
	if (!ret)
		ret = open_control(l, control);
	return ret ? ret : open_metrics(l);
}

int serve(struct conf *conf, bool from_file, const char *control)
{
	struct loop l = { .conf = conf, .from_file = from_file, .epoll = -1, .signals = -1 };
	int ret = start(&l, control);

	if (!ret) {
		log_info("srptd %s: %zu LUN(s), %zu target(s), %u worker(s): ready", SRPTD_VERSION,
			 conf->n_luns, conf->n_targets, conf->workers);
		notify_ready("serving");
		daemon_started();
		run(&l);
		stop(l.server);
	}
	ctl_http_free(l.http);
	ctl_free(l.ctl);
	server_free(l.server);
	conf_free(l.conf);
	if (l.epoll >= 0)
		close(l.epoll);
	if (l.signals >= 0)
		close(l.signals);
	if (!ret)
		log_info("stopped");
	return ret;
}
