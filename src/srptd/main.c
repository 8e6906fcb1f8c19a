/* SPDX-License-Identifier: BSD-2-Clause */
/* srptd(8): options, and what they ask for. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/log.h"
#include "conf/conf.h"
#include "srptd/daemon.h"
#include "srptd/doctor.h"
#include "srptd/login_info.h"
#include "srptd/notify.h"
#include "srptd/serve.h"
#include "version.h"

enum {
	EXIT_USAGE = 2,
	DEFAULT_PORT = 5000,
};

struct options {
	const char *conf_file;
	const char *lun;
	const char *control;
	uint64_t lun_size;
	uint16_t port;
	bool foreground;
	bool check_only;
	bool login_info;
	bool doctor;
};

static void usage(FILE *out)
{
	fprintf(out,
		"Usage: srptd [OPTION]...\n"
		"Serve files and block devices to SRP initiators over RDMA.\n\n"
		"  -c, --config FILE     configuration (default %s)\n"
		"  -f, --foreground      stay in the foreground\n"
		"      --check-config    check the configuration and exit; needs no privilege\n"
		"      --login-info      print what initiators have to be told to log in, and "
		"exit\n"
		"      --doctor          say what on this host is in the way of serving, and exit\n"
		"      --control PATH    control socket, see srptctl(8)\n"
		"      --lun PATH[,SIZE] serve one file to any initiator, without a "
		"configuration;\n"
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

enum {
	OPT_CHECK = 256,
	OPT_CONTROL,
	OPT_DOCTOR,
	OPT_LOGIN_INFO,
	OPT_LUN,
	OPT_PORT
};

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "foreground", no_argument, NULL, 'f' },
	{ "check-config", no_argument, NULL, OPT_CHECK },
	{ "control", required_argument, NULL, OPT_CONTROL },
	{ "doctor", no_argument, NULL, OPT_DOCTOR },
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
	case OPT_CONTROL:
		o->control = optarg;
		return -1;
	case OPT_DOCTOR:
		o->doctor = true;
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

/* A path that stays right when the working directory changes. */
static const char *absolute(const char *path)
{
	static char found[PATH_MAX];

	return realpath(path, found) ? found : path;
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
		conf_load(absolute(o->conf_file), &conf, stderr);
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

static void print_finding(void *to, const char *level, const char *what, const char *mend)
{
	int *errors = to;

	printf("%-8s %s\n", level, what);
	if (*mend)
		printf("%-8s → %s\n", "", mend);
	*errors += strcmp(level, "error") == 0;
}

/* What the options ask for instead of serving: the exit status, or -1. */
static int answer(const struct options *o, const struct conf *conf)
{
	int n_errors = 0, ret;

	if (o->check_only) {
		printf("%s: no errors\n", o->lun ? o->lun : o->conf_file);
		return EXIT_SUCCESS;
	}
	if (o->doctor) {
		doctor(conf, print_finding, &n_errors);
		return n_errors ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	if (!o->login_info)
		return -1;
	ret = login_info(conf, stdout);
	if (ret)
		log_err("cannot look at the RDMA devices: %s", strerror(-ret));
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct options o = { .conf_file = SRPTD_CONF_FILE, .port = DEFAULT_PORT };
	int ret = parse_options(&o, argc, argv);
	struct conf *conf;

	if (ret >= 0)
		return ret;
	conf = load(&o);
	if (!conf)
		return EXIT_FAILURE;
	ret = answer(&o, conf);
	if (ret >= 0) {
		conf_free(conf);
		return ret;
	}
	raise_memlock();
	ret = o.foreground || notify_expected() ? 0 : daemon_start();
	if (ret)
		log_err("cannot start: %s", strerror(-ret));
	if (ret) {
		conf_free(conf);
		return EXIT_FAILURE;
	}
	return serve(conf, !o.lun, o.control) ? EXIT_FAILURE : EXIT_SUCCESS;
}
