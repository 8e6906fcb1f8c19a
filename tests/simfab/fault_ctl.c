/*
 * The control socket: a datagram to c.SLOT in the net directory carries statements of
 * faults, the answer goes back to where it came from (simfab-fault is a client).
 *
 * Knows: the socket.
 * Does not know: what the statements mean.
 */
#include "fault.h"

#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "node.h"

static void ctl_name(char *name, size_t size)
{
	snprintf(name, size, "c.%u", fab.slot);
}

int fault_ctl_open(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	char name[32];

	ctl_name(name, sizeof(name));
	unlinkat(node_dir(), name, 0);
	/* names of sockets are short, the way to the directory need not be */
	snprintf(un.sun_path, sizeof(un.sun_path), "/proc/self/fd/%d/%s", node_dir(), name);
	fab.ctl_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fab.ctl_fd >= 0 && !bind(fab.ctl_fd, (struct sockaddr *)&un, sizeof(un)))
		return 0;
	fprintf(stderr, "simfab: cannot make the control socket: %m\n");
	return -1;
}

void fault_ctl_close(void)
{
	char name[32];

	ctl_name(name, sizeof(name));
	unlinkat(node_dir(), name, 0);
	close(fab.ctl_fd);
}

void fault_ctl_readable(void)
{
	struct sockaddr_un from;
	socklen_t len = sizeof(from);
	char text[4096], answer[16384], reply[16384 + 32];
	ssize_t n;
	int k;

	n = recvfrom(fab.ctl_fd, text, sizeof(text) - 1, 0, (struct sockaddr *)&from, &len);
	if (n < 0)
		return;
	text[n] = 0;
	k = fault_apply(text, answer, sizeof(answer));
	if (k < 0)
		snprintf(reply, sizeof(reply), "error\n%s\n", answer);
	else
		snprintf(reply, sizeof(reply), "ok %d\n%s", k, answer);
	n = sendto(fab.ctl_fd, reply, strlen(reply), MSG_DONTWAIT, (struct sockaddr *)&from, len);
	(void)n;
}
