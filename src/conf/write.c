/* SPDX-License-Identifier: BSD-2-Clause */
/* A configuration as text, made from the tables of its keys; see conf_write(). */
#include "conf/write.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "conf/size.h"

static const void *at(const void *base, size_t offset)
{
	return (const char *)base + offset;
}

static uint64_t get_uint(const struct key *key, const void *base)
{
	const void *field = at(base, key->offset);

	switch (key->width) {
	case 1:
		return *(const uint8_t *)field;
	case 2:
		return *(const uint16_t *)field;
	case 4:
		return *(const uint32_t *)field;
	default:
		return *(const uint64_t *)field;
	}
}

static size_t get_count(const struct key *key, const void *base)
{
	return *(const size_t *)at(base, key->count_offset);
}

static const char *get_text(const struct key *key, const void *base)
{
	return *(char *const *)at(base, key->offset);
}

static void put_text(FILE *out, const char *text)
{
	putc('"', out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putc('\\', out);
		putc(*text, out);
	}
	putc('"', out);
}

static void put_size(FILE *out, uint64_t size)
{
	char text[SIZE_TEXT_LEN];

	size_text(size, text);
	fprintf(out, "\"%s\"", text);
}

static void put_naa(FILE *out, const uint64_t naa[2])
{
	fprintf(out, "\"%016" PRIx64, naa[0]);
	if (naa[0] >> 60 == 6)
		fprintf(out, "%016" PRIx64, naa[1]);
	putc('"', out);
}

static void put_uints(FILE *out, const struct key *key, const void *base)
{
	const int *list = *(int *const *)at(base, key->offset);

	fputs("[ ", out);
	for (size_t i = 0; i < get_count(key, base); i++)
		fprintf(out, "%s%d", i ? ", " : "", list[i]);
	fputs(" ]", out);
}

static void put_texts(FILE *out, const struct key *key, const void *base)
{
	char *const *list = *(char **const *)at(base, key->offset);

	fputs("[ ", out);
	for (size_t i = 0; i < get_count(key, base); i++) {
		fputs(i ? ", " : "", out);
		put_text(out, list[i]);
	}
	fputs(" ]", out);
}

/* ---- lists of groups ---- */

/* Listeners that nobody asked for come back by themselves. */
static bool is_implied(const struct key *key, const void *element)
{
	return strcmp(key->name, "listen") == 0 && ((const struct conf_listen *)element)->implied;
}

static const void *element(const struct key *key, const void *base, size_t i)
{
	return *(char *const *)at(base, key->offset) + i * key->table->size;
}

static size_t n_written(const struct key *key, const void *base)
{
	size_t n = 0;

	for (size_t i = 0; i < get_count(key, base); i++)
		n += !is_implied(key, element(key, base, i));
	return n;
}

static char *value_text(const struct key *key, const void *base)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	write_value(f, key, base, 0);
	fclose(f);
	return text;
}

static bool same_value(const struct key *key, const void *a, const void *b)
{
	char *text_a = value_text(key, a), *text_b = value_text(key, b);
	bool same = text_a && text_b && strcmp(text_a, text_b) == 0;

	free(text_a);
	free(text_b);
	return same;
}

bool write_equal(const struct key_table *table, const void *a, const void *b, const char *but)
{
	for (size_t i = 0; i < table->n_keys; i++)
		if ((!but || strcmp(table->keys[i].name, but) != 0) &&
		    !same_value(&table->keys[i], a, b))
			return false;
	return true;
}

/* Nothing to be written: nothing was given, or what comes by itself. */
static bool is_default(const struct key_table *table, const struct key *key, const void *base)
{
	void *fresh;
	bool same;

	if (key->required)
		return false;
	if (key->type == KEY_TABLE)
		return n_written(key, base) == 0;
	fresh = calloc(1, table->size);
	same = fresh && key_defaults(table, fresh) && same_value(key, fresh, base);
	if (fresh)
		key_free(table, fresh);
	free(fresh);
	return same;
}

static void put_indent(FILE *out, int indent)
{
	fprintf(out, "%*s", indent, "");
}

void write_key(FILE *out, const struct key_table *table, const struct key *key, const void *base,
	       int indent)
{
	if (is_default(table, key, base))
		return;
	put_indent(out, indent);
	fprintf(out, "%s = ", key->name);
	write_value(out, key, base, indent);
	fputs(";\n", out);
}

static void put_keys(FILE *out, const struct key_table *table, const void *base, int indent)
{
	for (size_t i = 0; i < table->n_keys; i++)
		write_key(out, table, &table->keys[i], base, indent);
}

static void put_table(FILE *out, const struct key *key, const void *base, int indent)
{
	bool first = true;

	fputs("(", out);
	for (size_t i = 0; i < get_count(key, base); i++) {
		if (is_implied(key, element(key, base, i)))
			continue;
		fputs(first ? "\n" : ",\n", out);
		first = false;
		put_indent(out, indent + 2);
		fputs("{\n", out);
		put_keys(out, key->table, element(key, base, i), indent + 4);
		put_indent(out, indent + 2);
		fputs("}", out);
	}
	fputs(" )", out);
}

void write_value(FILE *out, const struct key *key, const void *base, int indent)
{
	switch (key->type) {
	case KEY_BOOL:
		fputs(*(const bool *)at(base, key->offset) ? "true" : "false", out);
		return;
	case KEY_UINT:
		fprintf(out, "%" PRIu64, get_uint(key, base));
		return;
	case KEY_SIZE:
	case KEY_BYTES:
		put_size(out, get_uint(key, base));
		return;
	case KEY_ID64:
		fprintf(out, "\"%016" PRIx64 "\"", get_uint(key, base));
		return;
	case KEY_NAA:
		put_naa(out, at(base, key->offset));
		return;
	case KEY_TEXT:
	case KEY_CHOICE:
		put_text(out, get_text(key, base) ? get_text(key, base) : "");
		return;
	case KEY_UINTS:
		put_uints(out, key, base);
		return;
	case KEY_TEXTS:
		put_texts(out, key, base);
		return;
	case KEY_TABLE:
		put_table(out, key, base, indent);
		return;
	}
}

void conf_write(const struct conf *conf, FILE *out)
{
	for (size_t i = 0; i < conf_table.n_keys; i++) {
		const struct key *key = &conf_table.keys[i];

		/* its files are in here */
		if (strcmp(key->name, "include_dir") == 0 || is_default(&conf_table, key, conf))
			continue;
		fprintf(out, "%s = ", key->name);
		write_value(out, key, conf, 0);
		fputs(";\n", out);
	}
}
