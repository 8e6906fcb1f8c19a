/* SPDX-License-Identifier: BSD-2-Clause */
/* srpio: an SRP initiator for the command line. One table of verbs; each has a file of its own. */
#include <stdlib.h>
#include <string.h>

#include "srpio/tool.h"

static const struct verb {
	const char *name;
	int (*fn)(const struct opts *opts);
	enum verb_bit bit;
	const char *args;
	const char *help;
} verbs[] = {
	{ "discover", verb_discover, VERB_DISCOVER, "", "find SRP targets on InfiniBand" },
	{ "login", verb_login, VERB_LOGIN, "", "log in and show what the target grants" },
	{ "inquiry", verb_inquiry, VERB_INQUIRY, "", "who a logical unit is" },
	{ "luns", verb_luns, VERB_LUNS, "", "list logical units with name and size" },
	{ "read", verb_read, VERB_READ, "", "blocks to a file or to standard output" },
	{ "write", verb_write, VERB_WRITE, "", "a file or standard input to blocks" },
	{ "verify", verb_verify, VERB_VERIFY, "", "write stamped blocks and prove each one" },
	{ "bench", verb_bench, VERB_BENCH, "", "measure IOPS, throughput and latency" },
	{ "raw", verb_raw, VERB_RAW, " CDB…", "any CDB, given in hex" },
	{ "raw-iu", verb_raw_iu, VERB_RAW_IU, "", "any information unit, given in hex" },
	{ "reset", verb_reset, VERB_RESET, "", "a task management function" },
};

static void usage(FILE *to)
{
	size_t i;

	fprintf(to, "usage: srpio VERB TARGET [options]\n\n");
	for (i = 0; i < ARRAY_SIZE(verbs); i++)
		fprintf(to, "  %-10s %s\n", verbs[i].name, verbs[i].help);
	fprintf(to, "\nTARGET is srp://host[:port]/[id_ext/ioc_guid/]LUN, natively on InfiniBand\n"
		    "ib://[GID[%%pkey]][:service_id]/[id_ext/ioc_guid/]LUN, or a string for ib_srp's "
		    "add_target.\nsrpio VERB --help lists the options.\n");
}

static int verb_help(const struct verb *verb)
{
	printf("usage: srpio %s%s%s [options]\n%s\n\n", verb->name,
	       verb->bit == VERB_DISCOVER ? "" : " TARGET", verb->args, verb->help);
	opts_help(stdout, verb->bit);
	return EXIT_OK;
}

static void on_signal(int sig)
{
	tool_stop = 1;
}

/* The second signal ends the program the usual way. */
static void catch_signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int run(const struct verb *verb, int argc, char *argv[])
{
	struct opts opts;
	char err[256];

	if (opts_parse(&opts, verb->bit, argc, argv, err, sizeof(err)))
		return tool_fail(&opts, EXIT_USAGE, "%s", err);
	if (opts.help)
		return verb_help(verb);
	catch_signals();
	return verb->fn(&opts);
}

int main(int argc, char *argv[])
{
	size_t i;

	if (argc >= 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		usage(stdout);
		return EXIT_OK;
	}
	for (i = 0; argc >= 2 && i < ARRAY_SIZE(verbs); i++)
		if (!strcmp(argv[1], verbs[i].name))
			return run(&verbs[i], argc - 1, argv + 1);
	if (argc >= 2)
		fprintf(stderr, "srpio: unknown verb '%s'\n", argv[1]);
	usage(stderr);
	return EXIT_USAGE;
}
