/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libconfig's tokens, read once more beside libconfig 1.5: it cuts integers to 32 bits without a
 * word and says no more of a syntax error than its line. Knows tokens, no grammar and no keys.
 */
#ifndef SRPTD_CONF_LEX_H
#define SRPTD_CONF_LEX_H

#include "conf/msgs.h"

/*
 * The same text with L after every integer, so that libconfig reads all of them in 64 bits; one
 * that does not fit 64 bits becomes INT64_MAX. Lines stay what they were. NULL = out of memory;
 * the caller frees it.
 */
char *lex_promote(const char *text);

/*
 * What libconfig would accept and the reader could not mean: @include, an endless comment, brackets
 * in more than LEX_DEPTH levels.
 */
enum { LEX_DEPTH = 32 };
void lex_check(const char *text, const char *file, struct msgs *msgs);

/*
 * The first string where none can be, and its line; NULL = there is none. libconfig 1.5 leaks a
 * string on which a syntax error falls, so it is not to see it. For texts that lex_check() passed.
 */
const char *lex_stray_string(const char *text, int *line);

/* What a syntax error on that line probably is ("trailing commas are not allowed"), or NULL. */
const char *lex_hint(const char *text, int line);

#endif
