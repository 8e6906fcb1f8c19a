/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The claim on a file or device for as long as its open file description lives (architecture rule
 * 10), and who stands in its way. Inside the store room only.
 */
#ifndef SRPTD_STORE_CLAIM_H
#define SRPTD_STORE_CLAIM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "store/store.h"

/*
 * Lock an open file: shared for a read-only store, exclusive otherwise. 0, or -errno with a
 * sentence that names the holder. Waits up to CLAIM_WAIT_S while the last I/O of a process that has
 * ended keeps the file, and says so in the log; not while others are served.
 */
int claim_take(int fd, const char *path, const struct store_conf *conf, char *err, size_t err_len);
/*
 * Open a block device that nobody else has claimed, by whatever node: no mounted file system, no
 * swap, no device on top, no other store. Returns the descriptor, else as claim_take(). To be
 * locked too: the lock is what stands between readers and a writer.
 */
int claim_open_block(const struct store_conf *conf, char *err, size_t err_len);

enum {
	CLAIM_WAIT_S = 60
};

/* ---- holder.c ---- */

enum holder_kind {
	HOLDER_LOCKED_WRITE, /* has a lock that keeps readers out */
	HOLDER_LOCKED,	     /* has any lock */
	HOLDER_OPENED,	     /* has it open: whether exclusively cannot be seen */
};

/*
 * Say in err which process holds the file or device so. False: none that can be seen; one that is
 * ending is not counted.
 */
bool holder_say_process(const struct stat *file, const char *path, enum holder_kind kind, char *err,
			size_t err_len);
/* Say in err what the kernel itself does with the block device: a mount, a device on top. */
bool holder_say_kernel(const struct stat *device, const char *path, char *err, size_t err_len);

#endif
