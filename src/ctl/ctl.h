/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control socket: a Unix stream socket on which an administrator's programs ask and change a
 * running srptd (docs/administration.md). Runs in the control thread; what workers know is asked by
 * surveys, so that no client can hold up a worker.
 */
#ifndef SRPTD_CTL_CTL_H
#define SRPTD_CTL_CTL_H

#include <stdio.h>
#include <sys/types.h>
#include <time.h>

struct conf;
struct conf_edit;
struct ctl;
struct server;

/* level: "ok", "note", "warning", "error"; mend: what to do, "" = nothing. */
typedef void ctl_finding(void *to, const char *level, const char *what, const char *mend);

/* What the methods work on. Stays the caller's until ctl_free(). */
struct ctl_env {
	struct server *server;
	const struct conf *conf;
	const char *version;
	time_t since; /* when it was ready */
	/* Write what initiators have to be told. 0 or -errno. */
	int (*login_info)(const struct conf *conf, FILE *out);
	/*
	 * Read the configuration file again and serve what it says, or say how it differs from what is
	 * served. Both write lines for a person: what is different, or what is wrong; 0 or -errno.
	 */
	int (*reload)(void *arg, FILE *says);
	int (*diff)(void *arg, FILE *says);
	/* Look at the host and the configuration for what is in the way of serving. */
	void (*doctor)(void *arg, ctl_finding *say, void *to);
	/* Serve the present configuration with a change, until it is reloaded from the file. */
	int (*edit)(void *arg, const struct conf_edit *edit, FILE *says);
	void *arg;
};

struct ctl_socket {
	const char *path;
	mode_t mode;
	const char *group; /* NULL = the process's */
	int fd;		   /* a listening socket that somebody made, taken over; -1 = make it */
};

/* 0, or -errno after a log line. */
int ctl_new(struct ctl_env *env, const struct ctl_socket *where, struct ctl **out);
/* Closes everything; the path of a socket that it made is removed. */
void ctl_free(struct ctl *ctl);
/* A descriptor that is readable when ctl_step() has something to do. */
int ctl_fd(const struct ctl *ctl);
/* After each step of the server: take requests, answer those whose survey is in. Never blocks. */
void ctl_step(struct ctl *ctl);

#endif
