/*
 * Runs the checks of groups[], each in a process of its own with the device opened anew, so
 * that none suffers from what another left behind, and counts.
 */
#include "conform.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct conf conf = { .gid_index = -1, .addr = "127.0.0.1" };

#define CHECK_S 120 /* a check that takes longer hangs */

static char reason[384], last_seen[96];

static struct result { /* of a check, in memory that its process shares with us */
	enum verdict verdict;
	char kind[16];
	char reason[384];
} * result;

enum verdict failed_at(const char *file, int line, const char *what)
{
	const char *base = strrchr(file, '/');

	snprintf(reason, sizeof(reason), "%s:%d: %.220s%s%s", base ? base + 1 : file, line, what,
		 *last_seen ? ", last " : "", last_seen);
	return FAIL;
}

/* What came last, for the reason of a failure. */
void seen(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(last_seen, sizeof(last_seen), fmt, ap);
	va_end(ap);
}

enum verdict skipped(const char *why)
{
	snprintf(reason, sizeof(reason), "%s", why);
	return SKIP;
}

/* The context that ids have: what both are used with must be made of it. */
static struct ibv_context *open_named(const char *name)
{
	struct ibv_context **list = rdma_get_devices(NULL), *ctx = NULL;

	for (int i = 0; list && list[i] && !ctx; i++)
		if (!name || !strcmp(name, ibv_get_device_name(list[i]->device)))
			ctx = list[i];
	if (list)
		rdma_free_devices(list);
	if (!ctx)
		die(name ? name : "no RDMA device");
	return ctx;
}

/* The simulation says it in its firmware's version, the kernel in a device's name. */
static void set_kind(void)
{
	const char *name = ibv_get_device_name(conf.ctx->device);

	if (!strncmp(conf.dev.fw_ver, "simfab-", 7))
		snprintf(conf.kind, sizeof(conf.kind), "%.15s", conf.dev.fw_ver);
	else
		snprintf(conf.kind, sizeof(conf.kind), "%.*s", (int)strcspn(name, "0123456789"),
			 name);
}

static void open_device(const char *name)
{
	int flags;

	conf.ctx = open_named(name);
	if (ibv_query_device(conf.ctx, &conf.dev) || ibv_query_port(conf.ctx, 1, &conf.port))
		die("ibv_query_device");
	set_kind();
	conf.iwarp = conf.ctx->device->transport_type == IBV_TRANSPORT_IWARP;
	if (conf.gid_index < 0)
		conf.gid_index = 0;
	flags = fcntl(conf.ctx->async_fd, F_GETFL);
	fcntl(conf.ctx->async_fd, F_SETFL, flags | O_NONBLOCK);
}

static bool wanted(const char *name, char **names, int n)
{
	for (int i = 0; i < n; i++)
		if (!strncmp(name, names[i], strlen(names[i])))
			return true;
	return !n;
}

static void list_all(void)
{
	for (const struct check *const *g = groups; *g; g++)
		for (const struct check *c = *g; c->name; c++)
			puts(c->name);
}

static const struct deviation *deviation_of(const char *check)
{
	const struct deviation *d = deviations;

	while (d->kind && (strcmp(d->kind, result->kind) || strcmp(d->check, check)))
		d++;
	return d->kind ? d : NULL;
}

/* A check of its own: a device that deviates must do so as it is known to. */
static enum verdict judge(const struct check *c, enum verdict v)
{
	const struct deviation *d = deviation_of(c->name);
	char *why = result->reason, what[256];

	if (!d || v == SKIP)
		return v;
	if (v == FAIL && strstr(why, d->failing)) {
		snprintf(why, sizeof(result->reason), "deviates: %s", d->reason);
		return PASS;
	}
	snprintf(what, sizeof(what), "%.255s", v == PASS ? "it holds" : why);
	snprintf(why, sizeof(result->reason), "%s; known not to hold here: %.60s", what,
		 d->failing);
	return FAIL;
}

static void in_child(const struct check *c, const char *device)
{
	alarm(CHECK_S);
	open_device(device);
	drain_async();
	memcpy(result->kind, conf.kind, sizeof(conf.kind));
	result->verdict = c->run();
	memcpy(result->reason, reason, sizeof(reason));
	drain_async();
	exit(0);
}

static enum verdict run_one(const struct check *c, const char *device)
{
	int status = 0;
	pid_t pid;

	fflush(NULL);
	*result = (struct result){ .verdict = FAIL };
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid)
		in_child(c, device);
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return result->verdict;
	if (WIFSIGNALED(status))
		snprintf(result->reason, sizeof(reason), "killed by signal %d (%s)",
			 WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(result->reason, sizeof(reason), "ended with status %d",
			 WEXITSTATUS(status));
	return FAIL;
}

static int run_all(const char *device, char **names, int n)
{
	static const char *const words[] = { "ok  ", "FAIL", "skip" };
	int count[3] = { 0 };

	for (const struct check *const *g = groups; *g; g++) {
		for (const struct check *c = *g; c->name; c++) {
			enum verdict v;

			if (!wanted(c->name, names, n))
				continue;
			v = judge(c, run_one(c, device));
			count[v]++;
			printf("%s %s%s%s\n", words[v], c->name, result->reason[0] ? ": " : "",
			       result->reason);
		}
	}
	printf("%d passed, %d failed, %d skipped\n", count[PASS], count[FAIL], count[SKIP]);
	return count[FAIL] || !count[PASS] ? 1 : 0;
}

static void usage(void)
{
	printf("usage: %s [-d DEVICE] [-g GID_INDEX] [-a ADDRESS] [--list] [NAME...]\n"
	       "%s, one line each. NAME: checks whose names\n"
	       "begin so. ADDRESS: of this host, on the device (default 127.0.0.1).\n",
	       program_invocation_short_name, purpose);
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "list", no_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *device = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "d:g:a:h", longs, NULL)) != -1) {
		switch (c) {
		case 'd':
			device = optarg;
			break;
		case 'g':
			conf.gid_index = atoi(optarg);
			break;
		case 'a':
			conf.addr = optarg;
			break;
		case 'l':
			list_all();
			return 0;
		case 'h':
			usage();
			return 0;
		default:
			usage();
			return 2;
		}
	}
	result = mmap(NULL, sizeof(*result), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (result == MAP_FAILED)
		die("mmap");
	return run_all(device, argv + optind, argc - optind);
}
