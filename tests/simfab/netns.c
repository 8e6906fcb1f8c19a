/*
 * What a program asks to find out whether the kernel's connection manager hears it: the simulated one
 * does in every network namespace.
 *
 * Knows: one file that exists only in the host's.
 * Does not know: namespaces.
 */
#include "simfab.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

SF_EXPORT int access(const char *path, int mode)
{
	if (!strcmp(path, "/proc/sys/net/core/netdev_budget"))
		return 0;
	return (int)syscall(SYS_faccessat, AT_FDCWD, path, mode);
}
