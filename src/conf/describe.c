/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables as the body of a manual page, in scdoc markup. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "conf/conf.h"
#include "conf/keys.h"

/* Paragraph of words, broken at WIDTH columns, each line after a tab if indented. */
static void put_paragraph(FILE *out, const char *text, bool indented)
{
	enum { WIDTH = 92 };
	size_t column = 0, n;

	while (*text) {
		text += strspn(text, " ");
		n = strcspn(text, " ");
		if (column && column + 1 + n > WIDTH) {
			putc('\n', out);
			column = 0;
		}
		if (column == 0)
			fprintf(out, "%s%.*s", indented ? "\t" : "", (int)n, text);
		else
			fprintf(out, " %.*s", (int)n, text);
		column += n + (column > 0);
		text += n;
	}
	fputs("\n\n", out);
}

/* Plain text: what scdoc would take for markup is escaped. */
static void put_plain(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (strchr("*_\\", *text))
			putc('\\', out);
		putc(*text, out);
	}
}

static const char *type_text(const struct key *key)
{
	switch (key->type) {
	case KEY_BOOL:
	case KEY_CHOICE:
		return "";
	case KEY_UINT:
		return "integer, ";
	case KEY_SIZE:
		return "size, ";
	case KEY_BYTES:
		return "bytes, ";
	case KEY_UINTS:
		return "integers in brackets, each ";
	case KEY_TEXT:
		return "string, ";
	case KEY_ID64:
	case KEY_NAA:
	case KEY_TEXTS:
	case KEY_TABLE:
		return "";
	}
	return "";
}

static void put_default(FILE *out, const struct key *key)
{
	bool quoted = key->type == KEY_SIZE || key->type == KEY_CHOICE ||
		      (key->type == KEY_BYTES && key->def && strpbrk(key->def, "KMG"));

	if (key->required)
		fputs("; required", out);
	else if (key->def)
		fprintf(out, quoted ? "; default \"%s\"" : "; default %s", key->def);
	else if (key->default_text)
		fprintf(out, "; default: %s", key->default_text);
}

static void put_key(FILE *out, const struct key *key)
{
	char expected[KEY_EXPECTED_LEN], err[KEY_EXPECTED_LEN];
	const char *range = key_expected(key, expected, sizeof(expected));

	if (key->type == KEY_TEXT && key->check && key->check("", err, sizeof(err)) < 0)
		range = err;
	fprintf(out, "*%s*\n\t%s", key->name, type_text(key));
	put_plain(out, range);
	put_default(out, key);
	fputs("\n\n", out);
	put_paragraph(out, key->help, true);
}

void conf_describe(FILE *out)
{
	for (size_t i = 0; i < conf_n_tables; i++) {
		const struct key_table *table = conf_tables[i];

		fputs("# ", out);
		for (const char *p = table->title; *p; p++)
			putc(toupper((unsigned char)*p), out);
		fputs("\n\n", out);
		if (table->intro)
			put_paragraph(out, table->intro, false);
		for (size_t k = 0; k < table->n_keys; k++)
			put_key(out, &table->keys[k]);
	}
}
