/* SPDX-License-Identifier: BSD-2-Clause */
/* srptd(8): options, signals, and the control loop from start to drain. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "conf/conf.h"
#include "srptd/daemon.h"
#include "srptd/login_info.h"
#include "srptd/notify.h"
#include "target/server.h"
#include "version.h"

enum {
	EXIT_USAGE = 2,
	DEFAULT_PORT = 5000,
	STOP_LOGOUT_S = 5, /* for commands and logouts, then connections are cut */
	STOP_KILL_S = 5,   /* for the last of them to be gone */
};

struct options {
	const char *conf_file;
	const char *lun;
	uint64_t lun_size;
	uint16_t port;
	bool foreground;
	bool check_only;
	bool login_info;
};

static void usage(FILE *out)
{
	fprintf(out,
		"Usage: srptd [OPTION]...\n"
		"Serve files and block devices to SRP initiators over RDMA.\n\n"
		"  -c, --config FILE     configuration (default %s)\n"
		"  -f, --foreground      stay in the foreground\n"
		"      --check-config    check the configuration and exit; needs no privilege\n"
		"      --login-info      print what initiators have to be told to log in, and exit\n"
		"      --lun PATH[,SIZE] serve one file to any initiator, without a configuration;\n"
		"                        with SIZE (\"10G\") it is created if it does not exist\n"
		"      --port PORT       RDMA/CM port for --lun (default %d)\n"
		"  -v, --verbose         say more: the same as -d login,scsi,tmf\n"
		"  -q, --quiet           warnings and errors only\n"
		"  -d, --debug CLASS,... debug messages: %s, or all\n"
		"  -V, --version\n"
		"  -h, --help\n",
		SRPTD_CONF_FILE, DEFAULT_PORT, log_class_list());
}

static int bad_usage(const char *what, const char *arg)
{
	fprintf(stderr, "srptd: %s%s%s\nTry 'srptd --help'.\n", what, arg ? ": " : "",
		arg ? arg : "");
	return EXIT_USAGE;
}

/* "PATH" or "PATH,SIZE". */
static int parse_lun(struct options *o, char *arg)
{
	char *comma = strrchr(arg, ',');

	o->lun = arg;
	if (!comma)
		return 0;
	*comma = '\0';
	return conf_parse_size(comma + 1, &o->lun_size) || o->lun_size == 0 ? -EINVAL : 0;
}

static int parse_port(struct options *o, const char *arg)
{
	char *end;
	unsigned long port = strtoul(arg, &end, 10);

	if (*end || end == arg || port == 0 || port > UINT16_MAX)
		return -EINVAL;
	o->port = (uint16_t)port;
	return 0;
}

enum { OPT_CHECK = 256, OPT_LOGIN_INFO, OPT_LUN, OPT_PORT };

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "foreground", no_argument, NULL, 'f' },
	{ "check-config", no_argument, NULL, OPT_CHECK },
	{ "login-info", no_argument, NULL, OPT_LOGIN_INFO },
	{ "lun", required_argument, NULL, OPT_LUN },
	{ "port", required_argument, NULL, OPT_PORT },
	{ "verbose", no_argument, NULL, 'v' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "debug", required_argument, NULL, 'd' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* -1 = go on, else the exit status. */
static int parse_option(struct options *o, int opt)
{
	char bad[32];

	switch (opt) {
	case 'c':
		o->conf_file = optarg;
		return -1;
	case 'f':
		o->foreground = true;
		return -1;
	case OPT_CHECK:
		o->check_only = true;
		return -1;
	case OPT_LOGIN_INFO:
		o->login_info = true;
		return -1;
	case OPT_LUN:
		return parse_lun(o, optarg) ? bad_usage("bad size in --lun", optarg) : -1;
	case OPT_PORT:
		return parse_port(o, optarg) ? bad_usage("bad port", optarg) : -1;
	case 'v':
		log_enable("login,scsi,tmf", bad, sizeof(bad));
		return -1;
	case 'q':
		log_set_level(LOG_LVL_WARN);
		return -1;
	case 'd':
		return log_enable(optarg, bad, sizeof(bad)) ? bad_usage("no debug class", bad) : -1;
	case 'V':
		printf("srptd %s\n", SRPTD_VERSION);
		return EXIT_SUCCESS;
	case 'h':
		usage(stdout);
		return EXIT_SUCCESS;
	default:
		return bad_usage("unusable option", NULL);
	}
}

static int parse_options(struct options *o, int argc, char **argv)
{
	int opt;

	while ((opt = getopt_long(argc, argv, "c:fvqd:Vh", long_options, NULL)) != -1) {
		int ret = parse_option(o, opt);

		if (ret >= 0)
			return ret;
	}
	if (optind < argc)
		return bad_usage("unexpected argument", argv[optind]);
	return -1;
}

static struct conf *load(const struct options *o)
{
	struct conf *conf = NULL;

	if (o->lun) {
		conf = conf_for_path(o->lun, o->lun_size, o->port);
		if (!conf)
			log_err("out of memory");
		else
			log_warn("--lun: any initiator may log in on port %u and write to %s",
				 o->port, o->lun);
	} else {
		conf_load(o->conf_file, &conf, stderr);
	}
	return conf;
}

/* Registered memory is locked memory. */
static void raise_memlock(void)
{
	struct rlimit rl = { RLIM_INFINITY, RLIM_INFINITY };

	if (setrlimit(RLIMIT_MEMLOCK, &rl) && !getrlimit(RLIMIT_MEMLOCK, &rl) &&
	    rl.rlim_cur < rl.rlim_max) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_MEMLOCK, &rl);
	}
}

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

/* True if the signal means stop. */
static bool handle_signal(int fd)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return false;
	if (info.ssi_signo == SIGHUP) {
		log_warn("SIGHUP: reloading is not supported; restart srptd to change its "
			 "configuration");
		return false;
	}
	log_info("%s: logging initiators out", strsignal((int)info.ssi_signo));
	return true;
}

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

static int serve(const struct conf *conf, int signal_fd)
{
	struct server *server;
	int ret = server_new(conf, &server);

	if (ret)
		return EXIT_FAILURE;
	if (server_start(server)) {
		server_free(server);
		return EXIT_FAILURE;
	}
	log_info("srptd %s: %zu LUN(s), %zu target(s), %u worker(s): ready", SRPTD_VERSION,
		 conf->n_luns, conf->n_targets, conf->workers);
	notify_ready("serving");
	daemon_started();
	while (!server_step(server, signal_fd, -1) || !handle_signal(signal_fd))
		;
	stop(server);
	server_free(server);
	log_info("stopped");
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct options o = { .conf_file = SRPTD_CONF_FILE, .port = DEFAULT_PORT };
	int ret = parse_options(&o, argc, argv);
	struct conf *conf;
	int signal_fd;

	if (ret >= 0)
		return ret;
	conf = load(&o);
	if (!conf)
		return EXIT_FAILURE;
	if (o.check_only) {
		printf("%s: no errors\n", o.lun ? o.lun : o.conf_file);
		conf_free(conf);
		return EXIT_SUCCESS;
	}
	if (o.login_info) {
		ret = login_info(conf, stdout);
		if (ret)
			log_err("cannot look at the RDMA devices: %s", strerror(-ret));
		conf_free(conf);
		return ret ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	raise_memlock();
	signal_fd = block_signals();
	ret = signal_fd < 0 ? -errno : 0;
	if (!ret && !o.foreground && !notify_expected())
		ret = daemon_start();
	if (ret)
		log_err("cannot start: %s", strerror(-ret));
	ret = ret ? EXIT_FAILURE : serve(conf, signal_fd);
	conf_free(conf);
	return ret;
}
