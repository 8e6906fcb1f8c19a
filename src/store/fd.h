/* SPDX-License-Identifier: BSD-2-Clause */
/* What stores on a descriptor share: regular files and block devices. Inside the store room only.
 */
#ifndef SRPTD_STORE_FD_H
#define SRPTD_STORE_FD_H

#include <stddef.h>
#include <stdint.h>

#include "store/store.h"

/* errno as -errno, with "PATH: WHAT: why" in err. */
int fd_error(const char *path, const char *what, char *err, size_t err_len);
/* Switch O_DIRECT on; refused when the file system or device cannot, or needs larger blocks. */
int fd_set_direct(struct store *store, char *err, size_t err_len);
/* Does the kernel promise writes that a power cut does not tear (RWF_ATOMIC), of which sizes? */
void fd_learn_atomic(struct store *store);
void fd_close(struct store *store);
void fd_submit(struct store *store, struct engine *engine, struct store_io *io);

#endif
