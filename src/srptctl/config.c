/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration files: checking one, and keeping in one what srptd serves. They are the
 * administrator's: srptd itself, which has fewer rights, writes none.
 */
#include "srptctl/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/conf.h"
#include "srptctl/client.h"
#include "version.h"

int bad_usage(const char *what, const char *arg)
{
	fprintf(stderr, "srptctl: %s%s%s\nTry 'srptctl --help'.\n", what, *arg ? ": " : "", arg);
	return EXIT_USAGE;
}

int config_check(int n, char **words, const char *socket)
{
	const char *file = n ? words[0] : SRPTD_CONF_FILE;
	struct conf *conf;

	if (n > 1)
		return bad_usage("unexpected argument", words[1]);
	if (conf_load(file, &conf, stderr))
		return EXIT_REFUSED;
	conf_free(conf);
	printf("%s: no errors\n", file);
	return EXIT_OK;
}

/* Write, to stable storage, with the rights of the file that it is going to replace. */
static int write_file(const char *path, const char *text, const struct stat *like)
{
	FILE *f = fopen(path, "we");
	int ret = 0;

	if (!f)
		return -errno;
	if (like && (fchmod(fileno(f), like->st_mode & 07777) ||
		     fchown(fileno(f), like->st_uid, like->st_gid)))
		ret = -errno;
	if (fputs(text, f) < 0 || fflush(f) || fsync(fileno(f)))
		ret = -errno;
	if (fclose(f) && !ret)
		ret = -errno;
	return ret;
}

/* The old file stays as FILE.bak, a link is followed; at every moment there is a whole one under the name. */
static int replace(const char *name, const char *text)
{
	char *target = realpath(name, NULL);
	const char *file = target ? target : name;
	struct stat st;
	bool there = stat(file, &st) == 0;
	char *tmp = NULL, *bak = NULL;
	int ret = -ENOMEM;

	if (asprintf(&tmp, "%s.new", file) < 0)
		tmp = NULL;
	if (asprintf(&bak, "%s.bak", file) < 0)
		bak = NULL;
	if (tmp && bak)
		ret = write_file(tmp, text, there ? &st : NULL);
	if (!ret && there && ((unlink(bak) && errno != ENOENT) || link(file, bak)))
		ret = -errno;
	if (!ret && rename(tmp, file))
		ret = -errno;
	if (ret && tmp)
		unlink(tmp);
	free(tmp);
	free(bak);
	free(target);
	return ret;
}

int config_save(int n, char **words, const char *socket)
{
	json_t *result;
	const char *file, *text;
	int code, ret;

	if (n > 1)
		return bad_usage("unexpected argument", words[1]);
	code = client_get("config-show", NULL, socket, &result);
	if (code)
		return code;
	file = n ? words[0] : json_string_value(json_object_get(result, "file"));
	text = json_string_value(json_object_get(result, "text"));
	if (!file) {
		json_decref(result);
		return bad_usage("srptd was started without a file, expected FILE", "");
	}
	ret = text ? replace(file, text) : -EPROTO;
	if (ret)
		fprintf(stderr, "srptctl: %s: %s\n", file, strerror(-ret));
	else
		printf("%s: saved, without the comments of the old one, which is %s.bak\n", file,
		       file);
	json_decref(result);
	return ret ? EXIT_REFUSED : EXIT_OK;
}
