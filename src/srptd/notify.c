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
