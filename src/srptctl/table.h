/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of JSON objects as columns for a person. */
#ifndef SRPTD_SRPTCTL_TABLE_H
#define SRPTD_SRPTCTL_TABLE_H

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

enum column_kind {
	COL_TEXT,
	COL_NUMBER,
	COL_BYTES,
	COL_YES,
	COL_PKEY,
	COL_TIME /* nanoseconds; 0 is "-" */
};

struct column {
	const char *title;
	const char *key; /* of the object; what it does not have is "-" */
	enum column_kind kind;
};

/* Titles and one line for each object of an array; "none" for an empty one. */
void table_print(FILE *out, const struct column *columns, size_t n, const json_t *rows);

#endif
