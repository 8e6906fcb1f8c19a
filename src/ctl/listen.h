/* SPDX-License-Identifier: BSD-2-Clause */
/* The listening end of the control socket. */
#ifndef SRPTD_CTL_LISTEN_H
#define SRPTD_CTL_LISTEN_H

#include "ctl/ctl.h"

/*
 * 0, or -errno: -EADDRINUSE another daemon listens there, -EEXIST something else is there. In both
 * cases *fd is to be closed unless it is -1, and *path to be removed and freed unless it is NULL.
 */
int ctl_listen(const struct ctl_socket *where, int *fd, char **path);

#endif
