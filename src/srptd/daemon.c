/* SPDX-License-Identifier: BSD-2-Clause */
/* Going into the background, see daemon.h. */
#include "srptd/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static int started_fd = -1;

int daemon_start(void)
{
	char byte;
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid > 0) {
		close(fds[1]);
		exit(read(fds[0], &byte, 1) == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
	}
	close(fds[0]);
	started_fd = fds[1];
	setsid();
	return 0;
}

/* stderr stays with whoever started us, as the log goes there. */
void daemon_started(void)
{
	int null;

	if (started_fd < 0)
		return;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		close(null);
	}
	if (chdir("/"))
		_exit(EXIT_FAILURE);
	if (write(started_fd, "1", 1) != 1)
		_exit(EXIT_FAILURE);
	close(started_fd);
	started_fd = -1;
}
