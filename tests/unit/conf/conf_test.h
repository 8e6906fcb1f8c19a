/* SPDX-License-Identifier: BSD-2-Clause */
/* Loading configurations from strings. Every message names the file as F and a directory as D. */
#ifndef SRPTD_TESTS_CONF_TEST_H
#define SRPTD_TESTS_CONF_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "conf/conf.h"

/* A directory of its own with a machine id in it; cmocka group fixtures. */
int test_setup(void **state);
int test_teardown(void **state);

/* Path of a file of that directory; valid until the next call. */
const char *test_path(const char *name);
void test_write(const char *name, const char *text, size_t len);

/*
 * Load text as the file "F". *out is NULL unless 0 is returned; messages (NULL allowed) is the
 * caller's to free.
 */
int test_load(const char *text, struct conf **out, char **messages);

/* Load, expect success and exactly these messages. */
struct conf *test_good(const char *text, const char *messages);
/* Load, expect -EINVAL and exactly these messages. */
void test_bad(const char *text, const char *messages);

/* A whole file, the caller's to free. */
char *test_read(const char *path);

#endif
