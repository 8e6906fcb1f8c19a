/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the log tests share: write(2) to stderr is caught (link with --wrap=write). The prefix of
 * lines is chosen once per process, so journal and foreground are two programs.
 */
#ifndef SRPTD_TESTS_LOG_TEST_H
#define SRPTD_TESTS_LOG_TEST_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/log.h"

static char caught[65536];
static unsigned int n_writes;

ssize_t __real_write(int fd, const void *buf, size_t len);
ssize_t __wrap_write(int fd, const void *buf, size_t len);

/* Every write is one whole line. */
ssize_t __wrap_write(int fd, const void *buf, size_t len)
{
	size_t have = strlen(caught);

	if (fd != STDERR_FILENO)
		return __real_write(fd, buf, len);
	assert_true(len > 0 && have + len < sizeof(caught));
	assert_ptr_equal(memchr(buf, '\n', len), (const char *)buf + len - 1);
	memcpy(caught + have, buf, len);
	caught[have + len] = '\0';
	n_writes++;
	return (ssize_t)len;
}

static inline void forget_lines(void)
{
	caught[0] = '\0';
	n_writes = 0;
}

#endif
