/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What can be done with a table of keys and a struct alone: find, default, free. Knows no config
 * syntax and no key by name.
 */
#include "conf/keys.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "conf/conf.h"
#include "conf/size.h"

static void *at(void *base, size_t offset)
{
	return (char *)base + offset;
}

const struct key *key_find(const struct key_table *table, const char *name)
{
	for (size_t i = 0; i < table->n_keys; i++)
		if (strcmp(table->keys[i].name, name) == 0)
			return &table->keys[i];
	return NULL;
}

enum { WORD_MAX = 32 };

/*
 * Edit distance of two words: insertion, deletion, replacement, and the exchange of neighbours
 * (optimal string alignment); letter case is free. A long word is far from everything.
 */
static size_t distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	size_t d[WORD_MAX + 1][WORD_MAX + 1];

	if (n > WORD_MAX || m > WORD_MAX)
		return WORD_MAX;
	for (size_t i = 0; i <= n; i++)
		d[i][0] = i;
	for (size_t j = 0; j <= m; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= n; i++) {
		for (size_t j = 1; j <= m; j++) {
			int ca = tolower((unsigned char)a[i - 1]);
			int cb = tolower((unsigned char)b[j - 1]);
			size_t best = d[i - 1][j - 1] + (ca != cb);

			best = MIN(best, d[i - 1][j] + 1);
			best = MIN(best, d[i][j - 1] + 1);
			if (i > 1 && j > 1 && ca == tolower((unsigned char)b[j - 2]) &&
			    cb == tolower((unsigned char)a[i - 2]))
				best = MIN(best, d[i - 2][j - 2] + 1);
			d[i][j] = best;
		}
	}
	return d[n][m];
}

static bool is_aka(const struct key *key, const char *name)
{
	char word[WORD_MAX + 3];

	if (!key->aka || strlen(name) > WORD_MAX)
		return false;
	snprintf(word, sizeof(word), " %s ", name);
	return strcasestr(key->aka, word) != NULL;
}

const struct key *key_guess(const struct key_table *table, const char *name)
{
	size_t limit = MAX((size_t)1, strlen(name) / 3);
	const struct key *best = NULL;

	for (size_t i = 0; i < table->n_keys; i++) {
		size_t d = distance(name, table->keys[i].name);

		if (is_aka(&table->keys[i], name))
			return &table->keys[i];
		if (d <= limit) {
			limit = d - (d > 0);
			best = &table->keys[i];
		}
	}
	return best;
}

static void choices_text(const struct key *key, char *buf, size_t len)
{
	size_t used = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(key->choices) && key->choices[i] && used < len; i++)
		used += (size_t)snprintf(buf + used, len - used, "%s\"%s\"", i ? " or " : "",
					 key->choices[i]);
}

const char *key_expected(const struct key *key, char *buf, size_t len)
{
	char min[SIZE_TEXT_LEN], max[SIZE_TEXT_LEN];

	if (key->expected) {
		snprintf(buf, len, "%s", key->expected);
		return buf;
	}
	size_text(key->min, min);
	size_text(key->max, max);
	switch (key->type) {
	case KEY_BOOL:
		snprintf(buf, len, "true or false");
		break;
	case KEY_UINT:
	case KEY_UINTS:
		snprintf(buf, len, "%" PRIu64 " … %" PRIu64, key->min, key->max);
		break;
	case KEY_SIZE:
		snprintf(buf, len, "\"%s\" … \"%s\"", min, max);
		break;
	case KEY_BYTES:
		snprintf(buf, len, "%" PRIu64 " … %" PRIu64 " or a string such as \"%s\"", key->min,
			 key->max, key->max >= 1024 ? max : "512");
		break;
	case KEY_ID64:
		snprintf(buf, len, "16 hex digits, not all zero, as a string");
		break;
	case KEY_NAA:
		snprintf(buf, len, "16 hex digits beginning with 2, 3 or 5, or 32 beginning with 6 (NAA), as a string");
		break;
	case KEY_TEXT:
		snprintf(buf, len, "%" PRIu64 " … %" PRIu64 " characters", key->min, key->max);
		break;
	case KEY_CHOICE:
		choices_text(key, buf, len);
		break;
	case KEY_TEXTS:
		snprintf(buf, len, "strings in brackets: [ \"…\", \"…\" ]");
		break;
	case KEY_TABLE:
		snprintf(buf, len, "groups in parentheses: ( { … }, { … } )");
		break;
	}
	return buf;
}

void key_put(const struct key *key, void *base, uint64_t value)
{
	uint8_t v8 = (uint8_t)value;
	uint16_t v16 = (uint16_t)value;
	uint32_t v32 = (uint32_t)value;
	void *field = at(base, key->offset);

	switch (key->width) {
	case 1:
		memcpy(field, &v8, sizeof(v8));
		break;
	case 2:
		memcpy(field, &v16, sizeof(v16));
		break;
	case 4:
		memcpy(field, &v32, sizeof(v32));
		break;
	case 8:
		memcpy(field, &value, sizeof(value));
		break;
	case 16:
		memcpy(field, (uint64_t[2]){ value }, 2 * sizeof(value));
		break;
	}
}

/* Fields are pointers of many types: copied bytewise, as one may. */
static void pointer_put(void *field, void *value)
{
	memcpy(field, &value, sizeof(value));
}

static void *pointer_get(const void *field)
{
	void *value;

	memcpy(&value, field, sizeof(value));
	return value;
}

static bool default_set(const struct key *key, void *base)
{
	char **text = at(base, key->offset);
	uint64_t value = key->unset;

	switch (key->type) {
	case KEY_BOOL:
		*(bool *)at(base, key->offset) = strcmp(key->def, "true") == 0;
		return true;
	case KEY_UINT:
	case KEY_SIZE:
	case KEY_BYTES:
	case KEY_ID64:
	case KEY_NAA:
		if (key->def)
			conf_parse_size(key->def, &value);
		key_put(key, base, value);
		return true;
	case KEY_TEXT:
	case KEY_CHOICE:
		*text = key->def ? strdup(key->def) : NULL;
		return *text || !key->def;
	case KEY_UINTS:
	case KEY_TEXTS:
	case KEY_TABLE:
		pointer_put(at(base, key->offset), NULL);
		*(size_t *)at(base, key->count_offset) = 0;
		return true;
	}
	return true;
}

bool key_defaults(const struct key_table *table, void *base)
{
	bool ok = true;

	for (size_t i = 0; i < table->n_keys; i++)
		ok &= default_set(&table->keys[i], base);
	return ok;
}

static void field_free(const struct key *key, void *base)
{
	void *field = at(base, key->offset), *held = NULL;
	size_t n = key->count_offset ? *(size_t *)at(base, key->count_offset) : 0;

	switch (key->type) {
	case KEY_BOOL:
	case KEY_UINT:
	case KEY_SIZE:
	case KEY_BYTES:
	case KEY_ID64:
	case KEY_NAA:
		return;
	case KEY_TEXTS:
		held = pointer_get(field);
		for (size_t i = 0; i < n; i++)
			free(((char **)held)[i]);
		break;
	case KEY_TABLE:
		held = pointer_get(field);
		for (size_t i = 0; i < n; i++)
			key_free(key->table, (char *)held + i * key->table->size);
		break;
	case KEY_UINTS:
	case KEY_TEXT:
	case KEY_CHOICE:
		held = pointer_get(field);
		break;
	}
	free(held);
	pointer_put(field, NULL);
	if (key->count_offset)
		*(size_t *)at(base, key->count_offset) = 0;
}

void key_free(const struct key_table *table, void *base)
{
	for (size_t i = 0; i < table->n_keys; i++)
		field_free(&table->keys[i], base);
}
