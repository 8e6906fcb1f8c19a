/* SPDX-License-Identifier: BSD-2-Clause */
/* srptctl: asks and changes a running srptd by its control socket. One table of verbs. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/compiler.h"
#include "srptctl/client.h"
#include "srptctl/config.h"
#include "srptctl/edit.h"
#include "srptctl/import.h"
#include "srptctl/show.h"
#include "srptctl/top.h"
#include "version.h"

struct verb {
	const char *name;
	const char *args;
	const char *help;
	const char *method;
	/* The words after the verb as parameters; NULL with a sentence in err. No function: no
	 * words. */
	json_t *(*params)(int n, char **words, char *err, size_t err_len);
	void (*show)(const json_t *result);
	/* Instead of all that: the exit status. */
	int (*run)(int n, char **words, const char *socket);
	int (*live)(const struct watch *w);
	const char *options; /* of its own, by their letters in struct cli */
};

/* What options say. Those of single verbs are noted in `given`. */
struct cli {
	struct watch watch; /* path, json; i: interval, n: count */
	bool repeat;	    /* w */
	bool openmetrics;   /* o */
	char given[8];
};

/* ---- what a person says ---- */

static json_t *log_params(int n, char **words, char *err, size_t err_len)
{
	json_t *params = json_object();

	for (int i = 0; i < n; i += 2) {
		if (i + 1 < n && (!strcmp(words[i], "level") || !strcmp(words[i], "on") ||
				  !strcmp(words[i], "off"))) {
			json_object_set_new(params, words[i], json_string(words[i + 1]));
			continue;
		}
		snprintf(err, err_len, "log: expected level LEVEL, on CLASS,… or off CLASS,…");
		json_decref(params);
		return NULL;
	}
	return params;
}

static json_t *initiator_params(int n, char **words, char *err, size_t err_len)
{
	if (n == 1)
		return json_pack("{s:s}", "initiator", words[0]);
	snprintf(err, err_len, "explain: expected an address, a GID, a port GUID or a port id");
	return NULL;
}

static json_t *drain_params(int n, char **words, char *err, size_t err_len)
{
	if (n == 0 || (n == 1 && (!strcmp(words[0], "on") || !strcmp(words[0], "off"))))
		return json_pack("{s:b}", "on", n == 0 || !strcmp(words[0], "on"));
	snprintf(err, err_len, "drain: expected nothing, or off");
	return NULL;
}

static json_t *session_params(int n, char **words, char *err, size_t err_len)
{
	if (n == 1)
		return json_pack("{s:s}", "session", words[0]);
	snprintf(err, err_len, "logout: expected one session");
	return NULL;
}

static int completion(int n, char **words, const char *socket);

static const struct verb verbs[] = {
	{ .name = "status",
	  .args = "",
	  .help = "the daemon at a glance",
	  .method = "status",
	  .show = show_status },
	{ .name = "sessions",
	  .args = "",
	  .help = "who is logged in, channel by channel",
	  .method = "sessions",
	  .show = show_sessions,
	  .options = "win" },
	{ .name = "top",
	  .args = "",
	  .help = "rates and durations of LUNs and sessions, again and again",
	  .live = top_run,
	  .options = "in" },
	{ .name = "luns",
	  .args = "",
	  .help = "logical units and who may see them",
	  .method = "luns",
	  .show = show_luns },
	{ .name = "stats",
	  .args = "",
	  .help = "counters and durations of workers, LUNs and sessions",
	  .method = "stats",
	  .show = show_stats,
	  .options = "o" },
	{ .name = "login-info",
	  .args = "",
	  .help = "what initiators have to be told",
	  .method = "login-info",
	  .show = show_text },
	{ .name = "lun add",
	  .args = "NAME KEY=VALUE…",
	  .help = "serve one more LUN",
	  .method = "lun-add",
	  .params = lun_add_params,
	  .show = show_text },
	{ .name = "lun remove",
	  .args = "NAME",
	  .help = "one that no group maps",
	  .method = "lun-remove",
	  .params = lun_remove_params,
	  .show = show_text },
	{ .name = "lun map",
	  .args = "TARGET GROUP LUN NAME [ro]",
	  .help = "let a group see it",
	  .method = "lun-map",
	  .params = lun_map_params,
	  .show = show_text },
	{ .name = "lun unmap",
	  .args = "TARGET GROUP LUN",
	  .help = "the opposite",
	  .method = "lun-unmap",
	  .params = lun_unmap_params,
	  .show = show_text },
	{ .name = "lun resize",
	  .args = "NAME SIZE",
	  .help = "let its file grow",
	  .method = "lun-resize",
	  .params = lun_resize_params,
	  .show = show_done },
	{ .name = "lun set",
	  .args = "NAME KEY=VALUE…",
	  .help = "other limits or states of access, at once",
	  .method = "lun-set",
	  .params = lun_set_params,
	  .show = show_text },
	{ .name = "group set",
	  .args = "TARGET GROUP KEY=VALUE…",
	  .help = "other limits, at once",
	  .method = "group-set",
	  .params = group_set_params,
	  .show = show_text },
	{ .name = "group add",
	  .args = "TARGET GROUP PATTERN…",
	  .help = "admit initiators",
	  .method = "group-add",
	  .params = group_patterns_params,
	  .show = show_text },
	{ .name = "group remove",
	  .args = "TARGET GROUP",
	  .help = "its sessions end",
	  .method = "group-remove",
	  .params = group_params,
	  .show = show_text },
	{ .name = "group allow",
	  .args = "TARGET GROUP PATTERN…",
	  .help = "admit more",
	  .method = "group-allow",
	  .params = group_patterns_params,
	  .show = show_text },
	{ .name = "group forbid",
	  .args = "TARGET GROUP PATTERN…",
	  .help = "take patterns out",
	  .method = "group-forbid",
	  .params = group_patterns_params,
	  .show = show_text },
	{ .name = "capture start",
	  .args = "FILE [session=SESSION] [size=SIZE] [snap=BYTES]",
	  .help = "write IUs to a pcapng file",
	  .method = "capture-start",
	  .params = capture_params,
	  .show = show_capture },
	{ .name = "capture stop",
	  .args = "",
	  .help = "finish that file",
	  .method = "capture-stop",
	  .show = show_capture },
	{ .name = "capture status",
	  .args = "",
	  .help = "of the capture that runs",
	  .method = "capture-status",
	  .show = show_capture },
	{ .name = "log",
	  .args = "[level LEVEL] [on CLASS,…] [off CLASS,…]",
	  .help = "show or set what is logged",
	  .method = "log",
	  .params = log_params,
	  .show = show_log },
	{ .name = "logout",
	  .args = "SESSION",
	  .help = "end a session; the initiator may log in again",
	  .method = "logout",
	  .params = session_params,
	  .show = show_logout },
	{ .name = "reload",
	  .args = "",
	  .help = "serve what the configuration file says now, or nothing of it",
	  .method = "reload",
	  .show = show_text },
	{ .name = "config check",
	  .args = "[FILE]",
	  .help = "check a configuration; needs no srptd",
	  .run = config_check },
	{ .name = "config diff",
	  .args = "",
	  .help = "what a reload would change",
	  .method = "config-diff",
	  .show = show_text },
	{ .name = "config show",
	  .args = "",
	  .help = "what is served, as a file",
	  .method = "config-show",
	  .show = show_text },
	{ .name = "config save",
	  .args = "[FILE]",
	  .help = "keep what is served in the configuration file",
	  .run = config_save },
	{ .name = "import",
	  .args = "FILE…",
	  .help = "an srptd.conf from scst.conf or targetcli's saveconfig.json",
	  .run = import_run },
	{ .name = "explain",
	  .args = "INITIATOR",
	  .help = "which LUNs it may see, and why",
	  .method = "explain",
	  .params = initiator_params,
	  .show = show_explain },
	{ .name = "doctor",
	  .args = "",
	  .help = "what is in the way of serving, and what mends it",
	  .method = "doctor",
	  .show = show_doctor },
	{ .name = "drain",
	  .args = "[off]",
	  .help = "log everybody out and refuse logins until drain off",
	  .method = "drain",
	  .params = drain_params,
	  .show = show_drain },
	{ .name = "completion",
	  .args = "",
	  .help = "a completion script for bash",
	  .run = completion },
	{ .name = "version",
	  .args = "",
	  .help = "of srptctl and of the daemon",
	  .method = "version",
	  .show = show_version },
};

/* Verbs come from the table, names of LUNs from the daemon. */
static int completion(int n, char **words, const char *socket)
{
	if (n)
		return bad_usage("unexpected argument", words[0]);
	puts("# bash completion of srptctl(8), made by srptctl completion");
	puts("_srptctl() {");
	puts("	local cur=${COMP_WORDS[COMP_CWORD]} line=\"${COMP_WORDS[*]:1:COMP_CWORD-1}\"");
	puts("	local verbs='' verb");
	puts("	while read -r verb; do");
	puts("		case $verb in \"${line:+$line }\"*)");
	puts("			verb=${verb#\"${line:+$line }\"} verbs+=\" ${verb%% *}\" ;;");
	puts("		esac");
	puts("	done <<'END'");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		puts(verbs[i].name);
	puts("END");
	puts("	case $line in");
	puts("	'lun remove' | 'lun resize' | 'lun set')");
	puts("		verbs=$(srptctl luns 2>/dev/null | awk 'NR == 1 { next } !NF { exit } { "
	     "print $1 }') ;;");
	puts("	logout)");
	puts("		verbs=$(srptctl sessions 2>/dev/null | awk 'NR == 1 { next } !NF { exit } "
	     "{ print $1 }') ;;");
	puts("	esac");
	puts("	mapfile -t COMPREPLY < <(compgen -W \"$verbs --json --socket --help\" -- "
	     "\"$cur\")");
	puts("}");
	puts("complete -o default -F _srptctl srptctl");
	return EXIT_OK;
}

static void usage(FILE *out)
{
	fprintf(out, "usage: srptctl [-s SOCKET] [--json] [VERB]\n"
		     "Ask and change a running srptd.\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		fprintf(out, "  %-14s%s%s%s\n", verbs[i].name, verbs[i].help,
			*verbs[i].args ? ": " : "", verbs[i].args);
	fprintf(out,
		"\n  -s, --socket PATH  (%s, or $SRPTD_SOCKET)\n"
		"  -j, --json         answers as JSON\n"
		"  -w, --watch        sessions: look again and again\n"
		"  -i, --interval SEC sessions --watch, top: between looks (2)\n"
		"  -n, --count COUNT  sessions --watch, top: looks (until interrupted)\n"
		"      --openmetrics  stats: as a Prometheus server reads it\n"
		"  -V, --version\n"
		"  -h, --help\n"
		"\nWithout a verb: status. Exit status: 0 done, 1 refused, 2 wrong usage, 3 no "
		"srptd.\n",
		SRPTD_SOCKET);
}

static const struct verb openmetrics = { .method = "metrics", .show = show_text };

static int ask(const struct verb *verb, json_t *params, const char *path, bool json)
{
	json_t *result = NULL;
	int code = client_get(verb->method, params, path, &result);

	if (code)
		return code;
	if (json)
		json_dumpf(result, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
	else
		verb->show(result);
	if (json)
		putchar('\n');
	json_decref(result);
	return fflush(stdout) ? EXIT_REFUSED : EXIT_OK;
}

/* How many words the verb's name takes of these; 0 = it is not meant. */
static int words_of(const struct verb *verb, int n, char **words)
{
	const char *space = strchr(verb->name, ' ');
	size_t len = space ? (size_t)(space - verb->name) : strlen(verb->name);

	if (strlen(words[0]) != len || strncmp(words[0], verb->name, len) != 0)
		return 0;
	if (!space)
		return 1;
	return n > 1 && strcmp(words[1], space + 1) == 0 ? 2 : 0;
}

static int run_verb(const struct verb *verb, int n, char **words, const struct cli *cli)
{
	const char *path = cli->watch.path, *bad = cli->given + strspn(cli->given, verb->options ?: "");
	char err[256] = "";
	json_t *params = NULL;

	if (*bad)
		return bad_usage("this verb has no such option", (char[]){ '-', *bad, '\0' });
	if (verb->run)
		return verb->run(n, words, path);
	if (!verb->params && n)
		return bad_usage("unexpected argument", words[0]);
	if (verb->params) {
		params = verb->params(n, words, err, sizeof(err));
		if (!params)
			return bad_usage(*err ? err : "arguments are not UTF-8", "");
	}
	if (verb->live)
		return verb->live(&cli->watch);
	if (cli->repeat)
		return watch_run(&cli->watch, verb->method, verb->show);
	if (cli->openmetrics)
		return ask(&openmetrics, NULL, path, cli->watch.json);
	return ask(verb, params, path, cli->watch.json);
}

static int run(int n, char **words, const struct cli *cli)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		int taken = words_of(&verbs[i], n, words);

		if (taken)
			return run_verb(&verbs[i], n - taken, words + taken, cli);
	}
	return bad_usage("unknown verb", words[0]);
}

/* 0, or an exit status. */
static int take_option(struct cli *cli, int opt)
{
	size_t n = strlen(cli->given);
	char *end = (char *)"";

	switch (opt) {
	case 's':
		cli->watch.path = optarg;
		return 0;
	case 'j':
		cli->watch.json = true;
		return 0;
	case 'w':
		cli->repeat = true;
		break;
	case 'o':
		cli->openmetrics = true;
		break;
	case 'i':
		cli->watch.interval = strtod(optarg, &end);
		if (*end || !(cli->watch.interval >= 0.1 && cli->watch.interval <= 86400))
			return bad_usage("interval: expected 0.1 … 86400 seconds", "");
		break;
	case 'n':
		cli->watch.count = strtol(optarg, &end, 10);
		if (*end || cli->watch.count < 1)
			return bad_usage("count: expected a number from 1 on", "");
		break;
	default:
		return bad_usage("unusable option", "");
	}
	if (!strchr(cli->given, opt))
		cli->given[n] = (char)opt;
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ "watch", no_argument, NULL, 'w' },
		{ "interval", required_argument, NULL, 'i' },
		{ "count", required_argument, NULL, 'n' },
		{ "openmetrics", no_argument, NULL, 'o' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	static char *status[] = { (char *)"status", NULL };
	const char *path = getenv("SRPTD_SOCKET");
	struct cli cli = { .watch = { .path = path ? path : SRPTD_SOCKET, .interval = 2 } };
	int opt, ret = 0;

	while (!ret && (opt = getopt_long(argc, argv, "s:jwi:n:Vh", options, NULL)) != -1) {
		if (opt == 'V') {
			printf("srptctl %s\n", SRPTD_VERSION);
			return EXIT_OK;
		}
		if (opt == 'h') {
			usage(stdout);
			return EXIT_OK;
		}
		ret = take_option(&cli, opt);
	}
	if (ret)
		return ret;
	argv += optind;
	argc -= optind;
	if (!argc)
		argv = status;
	return run(argc ? argc : 1, argv, &cli);
}
