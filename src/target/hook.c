/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program that a high-availability manager wants to be asked by before a state of access
 * changes. Run on the thread for calls that may sleep; it has HOOK_SECONDS, then it is killed.
 */
#include "target/hook.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/log.h"

enum {
	HOOK_SECONDS = 10
};

struct hook {
	struct scsi_access_hook ops;
	char program[];
};

static const struct {
	enum scsi_access state;
	const char *name;
} states[] = {
	{ SCSI_ACTIVE_OPTIMIZED, "active" }, { SCSI_ACTIVE_NONOPTIMIZED, "nonoptimized" },
	{ SCSI_STANDBY, "standby" },	     { SCSI_UNAVAILABLE, "unavailable" },
	{ SCSI_OFFLINE, "offline" },	     { SCSI_TRANSITIONING, "transitioning" },
};

const char *access_name(enum scsi_access state)
{
	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		if (states[i].state == state)
			return states[i].name;
	return "unknown";
}

enum scsi_access access_state(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		if (strcmp(states[i].name, name) == 0)
			return states[i].state;
	return SCSI_ACTIVE_OPTIMIZED; /* the configuration was checked */
}

/* The exit status, or -ETIMEDOUT after it was killed. */
static int wait_for(pid_t pid)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd pfd = { .fd = pidfd, .events = POLLIN };
	bool ended = pidfd >= 0 && poll(&pfd, 1, HOOK_SECONDS * 1000) == 1;
	int status;

	if (pidfd >= 0)
		close(pidfd);
	if (!ended)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (!ended)
		return -ETIMEDOUT;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -ECHILD;
}

/* Of the daemon it has the environment, standard input, output and error. */
static int start(const struct hook *hook, char *const argv[], pid_t *pid)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int res = posix_spawnattr_init(&attr);

	if (res)
		return -res;
	res = posix_spawn_file_actions_init(&files);
	if (res)
		goto destroy_attr;
	posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	res = posix_spawn(pid, hook->program, &files, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&files);
destroy_attr:
	posix_spawnattr_destroy(&attr);
	return -res;
}

static int run(struct scsi_access_hook *ops, const struct scsi_lu *lu, uint16_t group,
	       enum scsi_access from, enum scsi_access to)
{
	const struct hook *hook = container_of(ops, struct hook, ops);
	char name[sizeof(lu->name)], number[8], was[16], will[16];
	char *const argv[] = { (char *)hook->program, name, number, was, will, NULL };
	pid_t pid;
	int res;

	snprintf(name, sizeof(name), "%s", lu->name);
	snprintf(number, sizeof(number), "%u", group);
	snprintf(was, sizeof(was), "%s", access_name(from));
	snprintf(will, sizeof(will), "%s", access_name(to));
	res = start(hook, argv, &pid);
	if (!res)
		res = wait_for(pid);
	if (!res)
		return 0;
	log_peer(LOG_LVL_WARN, "%s: LUN \"%s\", target port group %u stays %s, not %s: %s %d",
		 hook->program, name, group, was, will,
		 res > 0 ? "exit status" : "it did not end well: error", res > 0 ? res : -res);
	return res > 0 ? -EPERM : res;
}

struct scsi_access_hook *hook_new(const char *program)
{
	size_t len = strlen(program) + 1;
	struct hook *hook = calloc(1, sizeof(*hook) + len);

	if (!hook)
		return NULL;
	hook->ops.run = run;
	memcpy(hook->program, program, len);
	return &hook->ops;
}

void hook_free(struct scsi_access_hook *ops)
{
	if (ops)
		free(container_of(ops, struct hook, ops));
}
