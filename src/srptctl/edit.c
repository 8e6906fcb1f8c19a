/* SPDX-License-Identifier: BSD-2-Clause */
/* What a person says of LUNs and groups, see edit.h. */
#include "srptctl/edit.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conf/conf.h"

static json_t *expected(const char *what, char *err, size_t err_len)
{
	snprintf(err, err_len, "expected %s", what);
	return NULL;
}

static void put_quoted(FILE *out, const char *value)
{
	putc('"', out);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			putc('\\', out);
		putc(*value, out);
	}
	putc('"', out);
}

/* What is quoted already, lists, and what the key wants as it is, is; all else becomes a string. */
static bool is_plain(const char *key, const char *value)
{
	bool number = isdigit((unsigned char)*value) && !value[strspn(value, "0123456789abcdefABCDEFxL")];
	bool truth = !strcasecmp(value, "true") || !strcasecmp(value, "false");

	return *value && (strchr("\"[(", *value) ||
			  ((number || truth) && !conf_lun_key_is_text(key)));
}

/* KEY=VALUE as in the configuration; false = there is no =. */
static bool put_key(FILE *out, const char *word)
{
	const char *equal = strchr(word, '=');
	char key[64];

	if (!equal)
		return false;
	snprintf(key, sizeof(key), "%.*s", (int)(equal - word), word);
	fprintf(out, "%s = ", key);
	if (is_plain(key, equal + 1))
		fputs(equal + 1, out);
	else
		put_quoted(out, equal + 1);
	fputs("; ", out);
	return true;
}

/* KEY=VALUE words as text, and the keys' names; false = something is none. */
static bool take_keys(int n, char **words, char **keys, json_t *names)
{
	size_t len = 0;
	FILE *f = open_memstream(keys, &len);
	bool good = f && n > 0;

	for (int i = 0; i < n && good; i++) {
		good = put_key(f, words[i]);
		json_array_append_new(names, json_stringn(words[i], strcspn(words[i], "=")));
	}
	if (f)
		fclose(f);
	return good;
}

json_t *lun_add_params(int n, char **words, char *err, size_t err_len)
{
	json_t *names = json_array(), *params = NULL;
	char *keys = NULL;

	if (n > 1 && take_keys(n - 1, words + 1, &keys, names))
		params = json_pack("{s:s, s:s}", "name", words[0], "keys", keys);
	else
		expected("NAME KEY=VALUE…, as path=/srv/x size=10G", err, err_len);
	json_decref(names);
	free(keys);
	return params;
}

json_t *lun_set_params(int n, char **words, char *err, size_t err_len)
{
	json_t *names = json_array(), *params = NULL;
	char *keys = NULL;

	if (n > 1 && take_keys(n - 1, words + 1, &keys, names))
		params = json_pack("{s:s, s:s, s:O}", "name", words[0], "keys", keys, "names", names);
	else
		expected("NAME KEY=VALUE…, as qos_iops=500", err, err_len);
	json_decref(names);
	free(keys);
	return params;
}

json_t *group_set_params(int n, char **words, char *err, size_t err_len)
{
	json_t *names = json_array(), *params = NULL;
	char *keys = NULL;

	if (n > 2 && take_keys(n - 2, words + 2, &keys, names))
		params = json_pack("{s:s, s:s, s:s, s:O}", "target", words[0], "group", words[1],
				   "keys", keys, "names", names);
	else
		expected("TARGET GROUP KEY=VALUE…, as qos_bandwidth=200M", err, err_len);
	json_decref(names);
	free(keys);
	return params;
}

json_t *lun_remove_params(int n, char **words, char *err, size_t err_len)
{
	return n == 1 ? json_pack("{s:s}", "name", words[0])
		      : expected("the name of a LUN", err, err_len);
}

static bool is_lun(const char *word, int *lun)
{
	char *end;
	unsigned long value = strtoul(word, &end, 10);

	*lun = (int)value;
	return *word && !*end && value <= 16383;
}

json_t *lun_map_params(int n, char **words, char *err, size_t err_len)
{
	bool ro = n == 5 && strcmp(words[4], "ro") == 0;
	int lun;

	if ((n != 4 && !ro) || !is_lun(words[2], &lun))
		return expected("TARGET GROUP LUN NAME [ro]", err, err_len);
	return json_pack("{s:s, s:s, s:i, s:s, s:b}", "target", words[0], "group", words[1], "lun",
			 lun, "name", words[3], "read_only", ro);
}

json_t *lun_unmap_params(int n, char **words, char *err, size_t err_len)
{
	int lun;

	if (n != 3 || !is_lun(words[2], &lun))
		return expected("TARGET GROUP LUN", err, err_len);
	return json_pack("{s:s, s:s, s:i}", "target", words[0], "group", words[1], "lun", lun);
}

json_t *lun_resize_params(int n, char **words, char *err, size_t err_len)
{
	return n == 2 ? json_pack("{s:s, s:s}", "name", words[0], "size", words[1])
		      : expected("NAME SIZE", err, err_len);
}

/* The value of "NAME=VALUE", or NULL. */
static const char *value_of(const char *word, const char *name)
{
	size_t len = strlen(name);

	return strncmp(word, name, len) == 0 && word[len] == '=' ? word + len + 1 : NULL;
}

json_t *capture_params(int n, char **words, char *err, size_t err_len)
{
	json_t *params = n > 0 ? json_pack("{s:s}", "file", words[0]) : NULL;
	const char *value;
	char *end = (char *)"";

	for (int i = 1; i < n && params; i++) {
		if ((value = value_of(words[i], "session")))
			json_object_set_new(params, "session", json_string(value));
		else if ((value = value_of(words[i], "size")))
			json_object_set_new(params, "size", json_string(value));
		else if ((value = value_of(words[i], "snap")))
			json_object_set_new(params, "snap", json_integer(strtol(value, &end, 10)));
		else
			end = words[i];
		if (*end) {
			json_decref(params);
			params = NULL;
		}
	}
	return params ?: expected("FILE [session=SESSION] [size=SIZE] [snap=BYTES]", err, err_len);
}

json_t *group_params(int n, char **words, char *err, size_t err_len)
{
	return n == 2 ? json_pack("{s:s, s:s}", "target", words[0], "group", words[1])
		      : expected("TARGET GROUP", err, err_len);
}

json_t *group_patterns_params(int n, char **words, char *err, size_t err_len)
{
	json_t *list;

	if (n < 3)
		return expected("TARGET GROUP PATTERN…", err, err_len);
	list = json_array();
	for (int i = 2; i < n; i++)
		json_array_append_new(list, json_string(words[i]));
	return json_pack("{s:s, s:s, s:o}", "target", words[0], "group", words[1], "patterns",
			 list);
}
