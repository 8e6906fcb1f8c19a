/* SPDX-License-Identifier: BSD-2-Clause */
/* Making the control socket, see listen.h. Knows nothing of who connects. */
#include "ctl/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	BACKLOG = 16
};

static bool somebody_listens(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool yes = fd >= 0 &&
		   (!connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) || errno == EAGAIN);

	if (fd >= 0)
		close(fd);
	return yes;
}

/* A socket that is left from a daemon that died is in nobody's way; anything else stays. */
static int clear_path(const struct sockaddr_un *addr)
{
	struct stat st;

	if (lstat(addr->sun_path, &st))
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	if (somebody_listens(addr))
		return -EADDRINUSE;
	return unlink(addr->sun_path) ? -errno : 0;
}

static int give_to_group(const char *path, const char *name)
{
	const struct group *group = name ? getgrnam(name) : NULL;

	if (!name)
		return 0;
	if (!group)
		return -ENOENT;
	return chown(path, (uid_t)-1, group->gr_gid) ? -errno : 0;
}

/* Nobody can connect before mode and group are right: it does not listen before. */
static int make_socket(const struct ctl_socket *where, int *fd, char **path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int ret;

	if (strlen(where->path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, where->path);
	ret = clear_path(&addr);
	if (ret)
		return ret;
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*fd < 0 || bind(*fd, (struct sockaddr *)&addr, sizeof(addr)))
		return -errno;
	*path = strdup(where->path);
	if (!*path || chmod(where->path, where->mode))
		return -errno;
	ret = give_to_group(where->path, where->group);
	if (!ret && listen(*fd, BACKLOG))
		ret = -errno;
	return ret;
}

int ctl_listen(const struct ctl_socket *where, int *fd, char **path)
{
	if (where->fd < 0)
		return make_socket(where, fd, path);
	*fd = where->fd;
	return fcntl(*fd, F_SETFL, O_NONBLOCK) ? -errno : 0;
}
