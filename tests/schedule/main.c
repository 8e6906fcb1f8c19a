/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * srptd-schedule: the target, initiators and the fabric in one process, under one stepping thread
 * and a virtual clock. Runs scenarios and random schedules; the same seed gives the same trace.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "drive.h"
#include "sim.h"
#include "world.h"

enum { CHUNK = 250, SHOWN = 10 };

static struct {
	uint64_t seed, schedules;
	uint32_t seconds; /* of CPU time; 0: no limit */
	const char *scenario;
	bool verbose, twice, traces;
} opt = { .seed = 1 };

/* What a child tells its parent, whatever becomes of it. */
static struct {
	uint64_t seed;
	uint64_t steps, done;
} *shared;

static void usage(FILE *f)
{
	fprintf(f, "usage: srptd-schedule [OPTION]...\n"
		   "  --seed N         replay the schedule of this seed (with --scenario: that)\n"
		   "  --schedules N    run as many random schedules, from --seed on\n"
		   "  --seconds S      ... but stop after so much CPU time\n"
		   "  --scenario NAME  run a scenario; \"all\": each of them\n"
		   "  --twice          run everything twice and compare the traces\n"
		   "  --traces         print the hash of every trace\n"
		   "  --verbose        show the trace and the target's log\n"
		   "  --list           names of the scenarios\n");
}

static void list(void)
{
	for (size_t i = 0; i < n_scenarios; i++)
		printf("%-24s %s\n", scenarios[i].name, scenarios[i].what);
}

/* ---- one run ---- */

static void run_once(const struct scenario *s, uint64_t seed)
{
	if (s)
		scenario_run(s, seed);
	else
		random_schedule(seed);
}

static void run(const struct scenario *s, uint64_t seed)
{
	uint64_t hash;

	run_once(s, seed);
	shared->steps += sim.step;
	if (opt.traces)
		printf("trace of seed %llu: %016llx\n", (unsigned long long)seed,
		       (unsigned long long)sim.hash);
	if (!opt.twice)
		return;
	hash = sim.hash;
	run_once(s, seed);
	require(hash == sim.hash, "two runs differ: trace %016llx, then %016llx",
		(unsigned long long)hash, (unsigned long long)sim.hash);
}

/* ---- in a child: a crash is one failure, not the end ---- */

static uint32_t cpu_seconds(void)
{
	struct rusage self, children;

	getrusage(RUSAGE_SELF, &self);
	getrusage(RUSAGE_CHILDREN, &children);
	return (uint32_t)(self.ru_utime.tv_sec + self.ru_stime.tv_sec + children.ru_utime.tv_sec +
			  children.ru_stime.tv_sec);
}

/* Seeds [from, to); returns the first that failed, or `to`. */
static uint64_t run_chunk(const struct scenario *s, uint64_t from, uint64_t to)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		world_prepare();
		for (shared->seed = from; shared->seed < to; shared->seed++) {
			run(s, shared->seed);
			shared->done++;
		}
		exit(EXIT_SUCCESS);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0) {
		perror("srptd-schedule");
		exit(2);
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS)
		return to;
	if (WIFSIGNALED(status))
		fprintf(stderr, "killed by signal %d\n", WTERMSIG(status));
	return shared->seed < to ? shared->seed : from; /* after the last: a leak */
}

static unsigned int run_scenarios(void)
{
	unsigned int failed = 0, n = 0;

	for (size_t i = 0; i < n_scenarios; i++) {
		if (strcmp(opt.scenario, "all") && strcmp(opt.scenario, scenarios[i].name))
			continue;
		n++;
		if (run_chunk(&scenarios[i], opt.seed, opt.seed + MAX(opt.schedules, 1u)) !=
		    opt.seed + MAX(opt.schedules, 1u)) {
			printf("FAILED: scenario %s, seed %llu\n", scenarios[i].name,
			       (unsigned long long)shared->seed);
			failed++;
		}
	}
	if (n == 0) {
		fprintf(stderr, "no scenario \"%s\"; --list names them\n", opt.scenario);
		exit(2);
	}
	printf("%u scenario(s), %u failed\n", n, failed);
	return failed;
}

static unsigned int run_schedules(void)
{
	uint64_t seed = opt.seed, end = opt.seed + opt.schedules;
	unsigned int failed = 0;

	while (seed < end && failed < SHOWN && (!opt.seconds || cpu_seconds() < opt.seconds)) {
		uint64_t to = MIN(seed + CHUNK, end), stop = run_chunk(NULL, seed, to);

		if (stop < to) {
			printf("FAILED: seed %llu\n", (unsigned long long)stop);
			failed++;
			stop++;
		}
		seed = stop;
	}
	printf("%llu schedules from seed %llu, %llu steps, %u s of CPU, %u failed\n",
	       (unsigned long long)(seed - opt.seed), (unsigned long long)opt.seed,
	       (unsigned long long)shared->steps, cpu_seconds(), failed);
	return failed;
}

/* ---- options ---- */

enum {
	OPT_SEED = 1,
	OPT_SCHEDULES,
	OPT_SECONDS,
	OPT_SCENARIO,
	OPT_TWICE,
	OPT_TRACES,
	OPT_VERBOSE,
	OPT_LIST
};

static const struct option long_options[] = {
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "schedules", required_argument, NULL, OPT_SCHEDULES },
	{ "seconds", required_argument, NULL, OPT_SECONDS },
	{ "scenario", required_argument, NULL, OPT_SCENARIO },
	{ "twice", no_argument, NULL, OPT_TWICE },
	{ "traces", no_argument, NULL, OPT_TRACES },
	{ "verbose", no_argument, NULL, OPT_VERBOSE },
	{ "list", no_argument, NULL, OPT_LIST },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static void parse(int argc, char **argv)
{
	int o;

	while ((o = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (o) {
		case OPT_SEED:
			opt.seed = strtoull(optarg, NULL, 0);
			break;
		case OPT_SCHEDULES:
			opt.schedules = strtoull(optarg, NULL, 0);
			break;
		case OPT_SECONDS:
			opt.seconds = (uint32_t)strtoul(optarg, NULL, 0);
			break;
		case OPT_SCENARIO:
			opt.scenario = optarg;
			break;
		case OPT_TWICE:
			opt.twice = true;
			break;
		case OPT_TRACES:
			opt.traces = true;
			break;
		case OPT_VERBOSE:
			opt.verbose = true;
			break;
		case OPT_LIST:
			list();
			exit(EXIT_SUCCESS);
		case 'h':
			usage(stdout);
			exit(EXIT_SUCCESS);
		default:
			usage(stderr);
			exit(2);
		}
	}
}

/* The target's log is part of what --verbose shows; else its lines say what was meant to happen. */
static void set_log(void)
{
	char bad[32];

	sim.verbose = opt.verbose;
	log_set_level(opt.verbose ? LOG_LVL_INFO : 0);
	if (opt.verbose)
		log_enable("login,scsi,tmf,credit,rdma", bad, sizeof(bad));
}

int main(int argc, char **argv)
{
	parse(argc, argv);
	set_log();
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED) {
		perror("srptd-schedule");
		return 2;
	}
	if (opt.scenario)
		return run_scenarios() ? EXIT_FAILURE : EXIT_SUCCESS;
	opt.schedules = MAX(opt.schedules, 1u);
	return run_schedules() ? EXIT_FAILURE : EXIT_SUCCESS;
}
