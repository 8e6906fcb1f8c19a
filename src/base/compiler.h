/* SPDX-License-Identifier: BSD-2-Clause */
/* Attributes and small macros that C17 lacks. */
#ifndef SRPTD_BASE_COMPILER_H
#define SRPTD_BASE_COMPILER_H

#include <stddef.h>

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* Of static functions: on the way of every command, and on the way of hardly any. */
#define HOT  inline __attribute__((always_inline))
#define COLD __attribute__((noinline, cold))

#define ARRAY_SIZE(a)    (sizeof(a) / sizeof((a)[0]))
#define printf_like(f, a) __attribute__((format(printf, f, a)))

#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))

#define MINMAX_(op, a, b, x, y)                                                                    \
	__extension__({                                                                            \
		__typeof__(a) x = (a);                                                             \
		__typeof__(b) y = (b);                                                             \
		x op y ? x : y;                                                                    \
	})
#define MINMAX__(op, a, b, n)  MINMAX_(op, a, b, x_##n, y_##n)
#define MINMAX___(op, a, b, n) MINMAX__(op, a, b, n)

/* Each argument is evaluated once; nesting is fine. */
#define MIN(a, b) MINMAX___(<, a, b, __COUNTER__)
#define MAX(a, b) MINMAX___(>, a, b, __COUNTER__)

#endif
