/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages to the service manager; without libsystemd or outside a service they do nothing. */
#ifndef SRPTD_SRPTD_NOTIFY_H
#define SRPTD_SRPTD_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/* True if the service manager waits for notify_ready(). */
bool notify_expected(void);
void notify_ready(const char *status);
/* What follows until notify_ready() is a reload. */
void notify_reloading(void);
void notify_stopping(void);
void notify_status(const char *status);
/* How often it wants a sign of life, ns; 0 = never. */
uint64_t notify_watchdog_ns(void);
void notify_alive(void);
/* A listening socket that it has made for us, which is the caller's; -1 = none. */
int notify_listen_fd(void);

#endif
