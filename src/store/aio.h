/* SPDX-License-Identifier: BSD-2-Clause */
/* The libaio engine; see engine_new(). Inside the store room and its tests only. */
#ifndef SRPTD_STORE_AIO_H
#define SRPTD_STORE_AIO_H

#include <stddef.h>

struct engine;

int aio_new(unsigned int depth, struct engine **out, char *err, size_t err_len);

#endif
