/*
 * simfab-fault: hands statements of faults to the processes of a net, and waits until they
 * have taken effect.
 *
 * Knows: the control sockets of a net directory.
 * Does not know: the statements.
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MS 60000

static void usage(FILE *to)
{
	fputs("usage: simfab-fault [-n DIR] STATEMENT...\n"
	      "\n"
	      "Put faults into the running processes of a simulated fabric, as SIMFAB_FAULTS does\n"
	      "from their start. Returns when they have taken effect.\n"
	      "\n"
	      "  -n DIR      net directory (SIMFAB_NET; default: that of simfab-run)\n"
	      "  STATEMENT   [PROGRAM:|PID:] ACTION [KEY=VALUE]..., or list, clear, seed=N;\n"
	      "              without PROGRAM or PID for every process of the net\n"
	      "\n"
	      "Status 0: taken; 1: there was no process for it; 2: it is wrong.\n",
	      to);
}

static void enter_net(const char *net)
{
	const char *run = getenv("XDG_RUNTIME_DIR");
	char buf[4096];

	if (!net || !*net) {
		snprintf(buf, sizeof(buf), "%s/simfab-%u", run && *run ? run : "/tmp",
			 (unsigned int)getuid());
		net = buf;
	}
	if (chdir(net)) {
		fprintf(stderr, "simfab-fault: %s: %s\n", net, strerror(errno));
		exit(2);
	}
}

static char *join(char **words, int n)
{
	size_t len = 1;
	char *text;

	for (int i = 0; i < n; i++)
		len += strlen(words[i]) + 1;
	text = calloc(1, len);
	for (int i = 0; text && i < n; i++) {
		strcat(text, words[i]);
		strcat(text, "\n");
	}
	return text;
}

/* Statements that the process took, 0 if there is none, -1 if they are wrong. */
static int tell(const char *name, const char *text)
{
	struct sockaddr_un self = { .sun_family = AF_UNIX }, un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), n = 0;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char answer[20000];
	ssize_t len = -1;

	snprintf(un.sun_path, sizeof(un.sun_path), "%.100s", name);
	/* an address that the kernel makes up */
	if (bind(fd, (struct sockaddr *)&self, sizeof(self.sun_family)) ||
	    connect(fd, (struct sockaddr *)&un, sizeof(un)) ||
	    send(fd, text, strlen(text), 0) < 0) {
		close(fd);
		return 0; /* the process has ended */
	}
	if (poll(&p, 1, ANSWER_MS) == 1)
		len = recv(fd, answer, sizeof(answer) - 1, 0);
	close(fd);
	if (len < 0) {
		fprintf(stderr, "simfab-fault: %s does not answer\n", name);
		return 0;
	}
	answer[len] = 0;
	if (sscanf(answer, "ok %d", &n) == 1) {
		fputs(strchr(answer, '\n') + 1, stdout);
		return n;
	}
	fprintf(stderr, "simfab-fault: %s",
		strchr(answer, '\n') ? strchr(answer, '\n') + 1 : "?\n");
	return -1;
}

static int tell_all(const char *text)
{
	struct dirent *e;
	int taken = 0, n = 0;
	DIR *d = opendir(".");

	while (d && n >= 0 && (e = readdir(d))) {
		if (strncmp(e->d_name, "c.", 2))
			continue;
		n = tell(e->d_name, text);
		taken += n > 0 ? n : 0;
	}
	if (d)
		closedir(d);
	return n < 0 ? -1 : taken;
}

int main(int argc, char **argv)
{
	const char *net = getenv("SIMFAB_NET");
	char *text;
	int c, n;

	while ((c = getopt(argc, argv, "+n:h")) != -1) {
		if (c == 'h') {
			usage(stdout);
			return 0;
		}
		if (c != 'n') {
			usage(stderr);
			return 2;
		}
		net = optarg;
	}
	if (optind == argc) {
		usage(stderr);
		return 2;
	}
	enter_net(net);
	text = join(argv + optind, argc - optind);
	n = text ? tell_all(text) : -1;
	free(text);
	if (!n)
		fprintf(stderr, "simfab-fault: no process for it in this net\n");
	return n < 0 ? 2 : !n;
}
