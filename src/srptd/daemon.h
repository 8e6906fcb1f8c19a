/* SPDX-License-Identifier: BSD-2-Clause */
/* Going into the background such that the caller learns whether the start succeeded. */
#ifndef SRPTD_SRPTD_DAEMON_H
#define SRPTD_SRPTD_DAEMON_H

/*
 * Fork; the parent waits for daemon_started() in the child and exits 0, or 1 if the child dies
 * first. Returns in the child: 0, or -errno if nothing was forked. No thread may exist yet.
 */
int daemon_start(void);
/* Let the parent exit and give up the terminal. */
void daemon_started(void);

#endif
