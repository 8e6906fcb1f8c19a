/* SPDX-License-Identifier: BSD-2-Clause */
/* The fixture: a temporary directory, a fixed machine id, and messages without its name. */
#include "conf_test.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/ident.h"

static char dir[64];
static char machine_id[128];

const char *test_path(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

void test_write(const char *name, const char *text, size_t len)
{
	FILE *f = fopen(test_path(name), "we");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

int test_setup(void **state)
{
	static const char id[] = "000102030405060708090a0b0c0d0e0f\n";

	strcpy(dir, "/tmp/srptd-conf-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	test_write("machine-id", id, sizeof(id) - 1);
	strcpy(machine_id, test_path("machine-id"));
	ident_machine_id_file = machine_id;
	return 0;
}

int test_teardown(void **state)
{
	struct dirent *entry;
	DIR *d = opendir(dir);

	while (d && (entry = readdir(d)))
		unlink(test_path(entry->d_name));
	if (d)
		closedir(d);
	return rmdir(dir);
}

/* Every "<dir>/F" becomes "F", every other "<dir>" becomes "D". */
static char *without_dir(const char *text)
{
	size_t n = strlen(dir), len = 0;
	char *out = malloc(strlen(text) + 1);

	assert_non_null(out);
	while (*text) {
		if (strncmp(text, dir, n) != 0) {
			out[len++] = *text++;
		} else if (strncmp(text + n, "/F", 2) == 0) {
			text += n + 1;
		} else {
			out[len++] = 'D';
			text += n;
		}
	}
	out[len] = '\0';
	return out;
}

int test_load(const char *text, struct conf **out, char **messages)
{
	char *raw = NULL;
	size_t size = 0;
	FILE *errs = open_memstream(&raw, &size);
	int ret;

	assert_non_null(errs);
	test_write("F", text, strlen(text));
	*out = NULL;
	ret = conf_load(test_path("F"), out, errs);
	assert_int_equal(fclose(errs), 0);
	if (messages)
		*messages = without_dir(raw);
	free(raw);
	return ret;
}

struct conf *test_good(const char *text, const char *messages)
{
	struct conf *conf;
	char *got;
	int ret = test_load(text, &conf, &got);

	assert_string_equal(got, messages);
	assert_int_equal(ret, 0);
	assert_non_null(conf);
	free(got);
	return conf;
}

void test_bad(const char *text, const char *messages)
{
	struct conf *conf;
	char *got;
	int ret = test_load(text, &conf, &got);

	assert_string_equal(got, messages);
	assert_int_equal(ret, -EINVAL);
	assert_null(conf);
	free(got);
}

char *test_read(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t cap = 0;

	assert_non_null(f);
	assert_true(getdelim(&text, &cap, '\0', f) > 0);
	fclose(f);
	return text;
}
