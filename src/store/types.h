/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the store room only: the kinds of stores and engines, and what they share. */
#ifndef SRPTD_STORE_TYPES_H
#define SRPTD_STORE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/store.h"

/* Slots of an engine's table of registered files; stores beyond use their plain descriptor. */
enum { FIXED_FILES = 1024 };

extern const struct store_ops file_store_ops;
extern const struct store_ops block_store_ops;
extern const struct store_ops null_store_ops;
extern const struct store_ops memory_store_ops;
extern const struct store_ops passthrough_store_ops;

/*
 * Put faults between an open store and its submit. 0, or -errno with a sentence; the log says that
 * the store has them.
 */
int fault_attach(struct store *store, const struct store_conf *conf, char *err, size_t err_len);
/* Complete a request that a fault holds with -ECANCELED. */
void fault_cancel(struct store_io *io);

#endif
