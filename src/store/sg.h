/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SG_IO: one command through a generic SCSI descriptor of the kernel (version 3: sg, version 4: bsg),
 * and what its result means. Inside the store room only.
 */
#ifndef SRPTD_STORE_SG_H
#define SRPTD_STORE_SG_H

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

/* What the kernel is asked; a test may stand a device of its own here. */
struct sg_layer {
	const char *sys; /* where "MAJOR:MINOR" of a character device leads to its folder in sysfs */
	int (*ioctl)(int fd, unsigned long request, void *arg);
	bool (*may)(void); /* does this process have CAP_SYS_RAWIO? */
};

extern struct sg_layer sg_layer;

/* Run a command, as long as it takes; see struct store_io for the result. */
int sg_run(int fd, bool v4, struct store_scsi *cmd, void *buf);
/* Bytes that one command can transfer, or -errno. */
int64_t sg_max_transfer(int fd, bool v4);

#endif
