/* SPDX-License-Identifier: BSD-2-Clause */
/* Sizes and 64-bit ids between text and number; conf_parse_size() is in conf.h. */
#ifndef SRPTD_CONF_SIZE_H
#define SRPTD_CONF_SIZE_H

#include <stddef.h>
#include <stdint.h>

enum { SIZE_TEXT_LEN = 32 };

/* The shortest text that conf_parse_size() reads back as this number: 1048576 → "1M". */
void size_text(uint64_t size, char out[SIZE_TEXT_LEN]);

/*
 * "0x" and 1 to 16 hex digits, 16 hex digits without it, or four groups of four digits with colons.
 * 0 or -EINVAL; zero is a number like any other here.
 */
int id64_parse(const char *text, uint64_t *out);

#endif
