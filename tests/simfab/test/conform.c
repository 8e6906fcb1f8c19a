/* Chooses the device, runs the checks of groups[], counts. */
#include "conform.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct conf conf = { .gid_index = -1, .addr = "127.0.0.1" };

static char reason[256];

enum verdict failed_at(const char *file, int line, const char *what)
{
	const char *base = strrchr(file, '/');

	snprintf(reason, sizeof(reason), "%s:%d: %s", base ? base + 1 : file, line, what);
	return FAIL;
}

enum verdict skipped(const char *why)
{
	snprintf(reason, sizeof(reason), "%s", why);
	return SKIP;
}

static struct ibv_context *open_named(const char *name)
{
	struct ibv_device **list = ibv_get_device_list(NULL);
	struct ibv_context *ctx = NULL;

	for (int i = 0; list && list[i] && !ctx; i++)
		if (!name || !strcmp(name, ibv_get_device_name(list[i])))
			ctx = ibv_open_device(list[i]);
	if (list)
		ibv_free_device_list(list);
	if (!ctx)
		die(name ? name : "no RDMA device");
	return ctx;
}

static void open_device(const char *name)
{
	int flags;

	conf.ctx = open_named(name);
	if (ibv_query_device(conf.ctx, &conf.dev) || ibv_query_port(conf.ctx, 1, &conf.port))
		die("ibv_query_device");
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

static int run_all(char **names, int n)
{
	static const char *const words[] = { "ok  ", "FAIL", "skip" };
	int count[3] = { 0 };

	for (const struct check *const *g = groups; *g; g++) {
		for (const struct check *c = *g; c->name; c++) {
			enum verdict v;

			if (!wanted(c->name, names, n))
				continue;
			reason[0] = 0;
			drain_async();
			v = c->run();
			count[v]++;
			printf("%s %s%s%s\n", words[v], c->name, reason[0] ? ": " : "", reason);
			fflush(stdout);
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
	int c, rc;

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
	open_device(device);
	rc = run_all(argv + optind, argc - optind);
	drain_async();
	ibv_close_device(conf.ctx);
	return rc;
}
