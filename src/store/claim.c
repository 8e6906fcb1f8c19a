/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The claim on a file: an open file description lock on the very descriptor that the I/O uses. It
 * holds against other processes and against a second store of this one, and the kernel ends it with
 * the last reference to the description, I/O in flight included: no successor writes before its
 * predecessor's last write has ended (architecture rule 10).
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "store/types.h"

enum { WAIT_MS = 50, WAIT_TRIES = 100 };

/* Does this fdinfo file show a lock of the kind that F_OFD_SETLK yields to? */
static bool shows_lock(const char *path, bool for_read)
{
	FILE *f = fopen(path, "re");
	char line[256];
	bool found = false;

	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f))
		found = !strncmp(line, "lock:", 5) &&
			(strstr(line, "OFDLCK") || strstr(line, "POSIX")) &&
			(!for_read || strstr(line, "WRITE"));
	fclose(f);
	return found;
}

/* Does the process have the file open with a lock in our way? */
static bool is_holder(const char *pid, const struct stat *file, bool for_read)
{
	char path[PATH_MAX];
	struct dirent *entry;
	struct stat st;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	dir = opendir(path);
	if (!dir)
		return false;
	while (!found && (entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0]) ||
		    fstatat(dirfd(dir), entry->d_name, &st, 0) || st.st_ino != file->st_ino ||
		    st.st_dev != file->st_dev)
			continue;
		snprintf(path, sizeof(path), "/proc/%s/fdinfo/%s", pid, entry->d_name);
		found = shows_lock(path, for_read);
	}
	closedir(dir);
	return found;
}

/* The process that holds a lock in our way, as far as we may look; 0 = none seen. */
static pid_t find_holder(int fd, bool for_read)
{
	struct dirent *entry;
	struct stat file;
	pid_t pid = 0;
	DIR *dir;

	if (fstat(fd, &file))
		return 0;
	dir = opendir("/proc");
	if (!dir)
		return 0;
	while (!pid && (entry = readdir(dir))) {
		if (isdigit((unsigned char)entry->d_name[0]) &&
		    is_holder(entry->d_name, &file, for_read))
			pid = (pid_t)strtol(entry->d_name, NULL, 10);
	}
	closedir(dir);
	return pid;
}

static void name_holder(pid_t pid, const char *path, char *err, size_t err_len)
{
	char file[64], comm[64] = "another process";
	FILE *f;

	if (pid == getpid()) {
		snprintf(err, err_len, "%s: already in use by another LUN of this process", path);
		return;
	}
	snprintf(file, sizeof(file), "/proc/%ld/comm", (long)pid);
	f = fopen(file, "re");
	if (f) {
		if (fgets(comm, sizeof(comm), f))
			comm[strcspn(comm, "\n")] = '\0';
		fclose(f);
	}
	snprintf(err, err_len, "%s: already in use by %s (pid %ld)", path, comm, (long)pid);
}

static int lock(int fd, bool for_read)
{
	struct flock lk = {
		.l_type = for_read ? F_RDLCK : F_WRLCK,
		.l_whence = SEEK_SET, /* from 0 to whatever the end becomes */
	};

	return fcntl(fd, F_OFD_SETLK, &lk) ? -errno : 0;
}

int claim_take(int fd, const char *path, bool read_only, char *err, size_t err_len)
{
	const struct timespec pause = { .tv_nsec = WAIT_MS * 1000000L };
	pid_t pid;
	int rc;

	for (int i = 0; i <= WAIT_TRIES; i++) {
		rc = lock(fd, read_only);
		if (!rc)
			return 0;
		if (rc != -EAGAIN && rc != -EACCES) {
			snprintf(err, err_len, "%s: cannot be claimed by a file lock: %s", path,
				 strerror(-rc));
			return rc;
		}
		pid = find_holder(fd, read_only);
		if (pid) {
			name_holder(pid, path, err, err_len);
			return -EBUSY;
		}
		/* Nobody has it open, still it is locked: I/O of a process that has ended. */
		if (!i)
			log_info("%s: waiting for the last I/O of its previous user", path);
		nanosleep(&pause, NULL);
	}
	snprintf(err, err_len, "%s: already in use by a process that cannot be seen from here",
		 path);
	return -EBUSY;
}
