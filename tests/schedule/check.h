/* SPDX-License-Identifier: BSD-2-Clause */
/* What must hold of the target: looked at from inside, after every step. */
#ifndef SCHEDULE_CHECK_H
#define SCHEDULE_CHECK_H

struct server;

void check_reset(void);
/* Credits are covered by receives; nobody was told "receiver not ready"; no end takes too long. */
void check_step(struct server *server);
/* With nothing under way, channels or not: nothing is held, nobody waits. */
void check_rest(struct server *server);
/* Without channels: no promise is left, every receive is accounted for. */
void check_empty(struct server *server);

#endif
