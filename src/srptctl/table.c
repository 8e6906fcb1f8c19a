/* SPDX-License-Identifier: BSD-2-Clause */
/* Columns as wide as they have to be, see table.h. */
#include "srptctl/table.h"

#include <string.h>

enum {
	CELL_LEN = 512,
	MAX_COLUMNS = 16
};

/* "4.0G": three digits and the power of 1024. */
static void bytes_text(char *buf, size_t len, json_int_t bytes)
{
	static const char units[] = " KMGTPE";
	double value = (double)bytes;
	int unit = 0;

	while (value >= 1024 && unit < 6) {
		value /= 1024;
		unit++;
	}
	if (unit)
		snprintf(buf, len, value < 9.95 ? "%.1f%c" : "%.0f%c", value, units[unit]);
	else
		snprintf(buf, len, "%lld", (long long)bytes);
}

/* "1.5ms": at least two digits. */
static void time_text(char *buf, size_t len, json_int_t ns)
{
	static const char *const units[] = { "us", "ms", "s" };
	double value = (double)ns / 1000;
	int unit = 0;

	while (value >= 1000 && unit < 2) {
		value /= 1000;
		unit++;
	}
	if (ns)
		snprintf(buf, len, value < 9.95 ? "%.1f%s" : "%.0f%s", value, units[unit]);
	else
		snprintf(buf, len, "-");
}

/* A terminal shows no control characters of others. */
static void plain(char *buf)
{
	for (; *buf; buf++)
		if ((unsigned char)*buf < 0x20 || *buf == 0x7f)
			*buf = '?';
}

static void cell(char *buf, const struct column *c, const json_t *row)
{
	const json_t *value = json_object_get(row, c->key);

	if (json_is_boolean(value))
		snprintf(buf, CELL_LEN, "%s", json_is_true(value) ? "yes" : "no");
	else if (json_is_integer(value) && c->kind == COL_YES)
		snprintf(buf, CELL_LEN, "%s", json_integer_value(value) ? "yes" : "no");
	else if (json_is_integer(value) && c->kind == COL_BYTES)
		bytes_text(buf, CELL_LEN, json_integer_value(value));
	else if (json_is_integer(value) && c->kind == COL_TIME)
		time_text(buf, CELL_LEN, json_integer_value(value));
	else if (json_is_integer(value) && c->kind == COL_PKEY)
		snprintf(buf, CELL_LEN, json_integer_value(value) ? "%04llx" : "-",
			 (unsigned long long)json_integer_value(value));
	else if (json_is_integer(value))
		snprintf(buf, CELL_LEN, "%lld", (long long)json_integer_value(value));
	else
		snprintf(buf, CELL_LEN, "%s",
			 json_is_string(value) ? json_string_value(value) : "-");
	plain(buf);
}

static void put(FILE *out, const char *text, const struct column *c, size_t width, int last)
{
	int right = c->kind == COL_NUMBER || c->kind == COL_BYTES || c->kind == COL_TIME;

	fprintf(out, "%*s%s",
		right  ? (int)width
		: last ? 0
		       : -(int)width,
		text, last ? "\n" : "  ");
}

void table_print(FILE *out, const struct column *columns, size_t n, const json_t *rows)
{
	size_t width[MAX_COLUMNS], i;
	char buf[CELL_LEN];
	const json_t *row;

	if (!json_array_size(rows)) {
		fputs("none\n", out);
		return;
	}
	for (size_t k = 0; k < n; k++) {
		width[k] = strlen(columns[k].title);
		json_array_foreach(rows, i, row)
		{
			cell(buf, &columns[k], row);
			width[k] = strlen(buf) > width[k] ? strlen(buf) : width[k];
		}
	}
	for (size_t k = 0; k < n; k++)
		put(out, columns[k].title, &columns[k], width[k], k + 1 == n);
	json_array_foreach(rows, i, row) for (size_t k = 0; k < n; k++)
	{
		cell(buf, &columns[k], row);
		put(out, buf, &columns[k], width[k], k + 1 == n);
	}
}
