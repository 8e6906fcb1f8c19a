/* SPDX-License-Identifier: BSD-2-Clause */
/* Values as one writes them. */
#ifndef SRPTD_CONF_WRITE_H
#define SRPTD_CONF_WRITE_H

#include <stdio.h>

#include "conf/keys.h"

/* The value of a key, groups of a list by an indent deeper than this. */
void write_value(FILE *out, const struct key *key, const void *base, int indent);
/* "key = value;" on a line, or nothing where it has its default. */
void write_key(FILE *out, const struct key_table *table, const struct key *key, const void *base,
	       int indent);
/* Alike in every key of the table but one (NULL = in all)? */
bool write_equal(const struct key_table *table, const void *a, const void *b, const char *but);

#endif
