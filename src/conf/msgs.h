/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is wrong with a configuration, collected so that all of it is said at once and in the order
 * of the files. Knows no keys and no grammar.
 */
#ifndef SRPTD_CONF_MSGS_H
#define SRPTD_CONF_MSGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/compiler.h"

struct msg;

struct msgs {
	struct msg *items;
	size_t n, cap;
	size_t n_errors;
	bool oom; /* something could not be kept: the caller fails with -ENOMEM */
	/* Optional: where a key stands, 0 = not there. Asked before a message is kept. */
	int (*find_line)(void *arg, const char *file, const char *key);
	void *find_arg;
};

/* The line of a key as find_line says, or else the one given. */
int msgs_line(const struct msgs *msgs, const char *file, const char *key, int line);

/*
 * file must outlive msgs. line is that of the group around the key, for a key that is not there;
 * 0 = the file as a whole. key may be "". A second error about the same key of the same file is
 * dropped: it would follow from the first; so is a note about a key that has an error, or whose
 * elements have.
 */
void msgs_error(struct msgs *msgs, const char *file, int line, const char *key, const char *fmt,
		...) printf_like(5, 6);
void msgs_note(struct msgs *msgs, const char *file, int line, const char *key, const char *fmt,
	       ...) printf_like(5, 6);

/* One line each, by file in the order of files[], then by line. */
void msgs_print(struct msgs *msgs, char *const *files, size_t n_files, FILE *out);
void msgs_fini(struct msgs *msgs);

#endif
