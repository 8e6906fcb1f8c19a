/* SPDX-License-Identifier: BSD-2-Clause */
/* sd_notify(3), when built with libsystemd. */
#include "srptd/notify.h"

#include <stdlib.h>
#include <time.h>

#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#else
static void sd_notify(int unset, const char *state)
{
}

static void sd_notifyf(int unset, const char *format, ...)
{
}

static int sd_watchdog_enabled(int unset, uint64_t *usec)
{
	return 0;
}

static int sd_listen_fds(int unset)
{
	return 0;
}

enum {
	SD_LISTEN_FDS_START = 3
};
#endif

bool notify_expected(void)
{
	return getenv("NOTIFY_SOCKET") != NULL;
}

void notify_ready(const char *status)
{
	sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void notify_reloading(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
		   (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
}

void notify_stopping(void)
{
	sd_notify(0, "STOPPING=1\nSTATUS=logging initiators out");
}

void notify_status(const char *status)
{
	sd_notifyf(0, "STATUS=%s", status);
}

uint64_t notify_watchdog_ns(void)
{
	uint64_t usec = 0;

	return sd_watchdog_enabled(0, &usec) > 0 ? usec * 1000 : 0;
}

void notify_alive(void)
{
	sd_notify(0, "WATCHDOG=1");
}

int notify_listen_fd(void)
{
	return sd_listen_fds(1) > 0 ? SD_LISTEN_FDS_START : -1;
}
