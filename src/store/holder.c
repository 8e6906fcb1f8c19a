/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who is in the way of a claim, from what /proc and /sys show: a process with a lock on the file, a
 * process that has the device open, a mount, a device on top. Knows nothing of claiming.
 */
#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "store/claim.h"

enum {
	PF_EXITING = 0x4,
	LINE_LEN = 1024
};

/* ---- processes ---- */

static FILE *open_proc(const char *pid, const char *file)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/proc/%s/%s", pid, file);
	return fopen(path, "re");
}

/* Is it killed or exiting? Then all that it still holds is its last I/O. */
static bool is_ending(const char *pid)
{
	unsigned long long flags = 0, pending = 0, value;
	char line[LINE_LEN], *end;
	FILE *f = open_proc(pid, "stat");

	if (f && fgets(line, sizeof(line), f) && (end = strrchr(line, ')')))
		sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %llu", &flags);
	if (f)
		fclose(f);
	f = open_proc(pid, "status");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "SigPnd: %llx", &value) == 1 ||
		    sscanf(line, "ShdPnd: %llx", &value) == 1)
			pending |= value;
	if (f)
		fclose(f);
	return (flags & PF_EXITING) || (pending & 1ull << (SIGKILL - 1));
}

/* Does this fdinfo file show a lock of the kind that F_OFD_SETLK yields to? */
static bool shows_lock(const char *pid, const char *fd, bool write_only)
{
	char name[300], line[LINE_LEN];
	bool found = false;
	FILE *f;

	snprintf(name, sizeof(name), "fdinfo/%s", fd);
	f = open_proc(pid, name);
	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f))
		found = !strncmp(line, "lock:", 5) &&
			(strstr(line, "OFDLCK") || strstr(line, "POSIX")) &&
			(!write_only || strstr(line, "WRITE"));
	fclose(f);
	return found;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	if (S_ISBLK(a->st_mode) && S_ISBLK(b->st_mode))
		return a->st_rdev == b->st_rdev; /* by whatever node */
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

static bool is_holder(const char *pid, const struct stat *file, enum holder_kind kind)
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
		    fstatat(dirfd(dir), entry->d_name, &st, 0) || !is_same(&st, file))
			continue;
		found = kind == HOLDER_OPENED ||
			shows_lock(pid, entry->d_name, kind == HOLDER_LOCKED_WRITE);
	}
	closedir(dir);
	return found && !is_ending(pid);
}

/* 0 = none seen. This process only if there is no other. */
static pid_t find_process(const struct stat *file, enum holder_kind kind)
{
	struct dirent *entry;
	pid_t pid = 0;
	DIR *dir = opendir("/proc");

	while (dir && (!pid || pid == getpid()) && (entry = readdir(dir)))
		if (isdigit((unsigned char)entry->d_name[0]) &&
		    is_holder(entry->d_name, file, kind))
			pid = (pid_t)strtol(entry->d_name, NULL, 10);
	if (dir)
		closedir(dir);
	return pid;
}

static void say_process(pid_t pid, const char *path, char *err, size_t err_len)
{
	char number[32], comm[64] = "another process";
	FILE *f;

	if (pid == getpid()) {
		snprintf(err, err_len, "%s: already in use by another LUN of this process", path);
		return;
	}
	snprintf(number, sizeof(number), "%ld", (long)pid);
	f = open_proc(number, "comm");
	if (f) {
		if (fgets(comm, sizeof(comm), f))
			comm[strcspn(comm, "\n")] = '\0';
		fclose(f);
	}
	snprintf(err, err_len, "%s: already in use by %s (pid %ld)", path, comm, (long)pid);
}

/* ---- what the kernel does with a block device ---- */

/* The directory of a device in /sys; false if there is none. */
static bool sys_dir(unsigned int major, unsigned int minor, char dir[PATH_MAX])
{
	char link[64];

	snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", major, minor);
	return realpath(link, dir);
}

/* Is a the device b, or a partition of it? */
static bool is_on(const char *a, const char *b)
{
	size_t n = strlen(b);

	return !strncmp(a, b, n) && (a[n] == '\0' || a[n] == '/');
}

/* mountinfo: id, parent, major:minor, root, mount point, ... */
static bool say_mount(const struct stat *device, const char *path, char *err, size_t err_len)
{
	char line[LINE_LEN], at[LINE_LEN], dir[PATH_MAX], whole[PATH_MAX];
	unsigned int maj, min;
	bool found = false;
	FILE *f = open_proc("self", "mountinfo");

	if (!sys_dir(major(device->st_rdev), minor(device->st_rdev), whole))
		whole[0] = '\0';
	while (f && !found && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*d %*d %u:%u %*s %1023s", &maj, &min, at) != 3)
			continue;
		found = makedev(maj, min) == device->st_rdev ||
			(*whole && sys_dir(maj, min, dir) && is_on(dir, whole));
	}
	if (f)
		fclose(f);
	if (found)
		snprintf(err, err_len, "%s: already in use: mounted on %s", path, at);
	return found;
}

/* A device mapper table, RAID and the like. */
static bool say_device_on_top(const struct stat *device, const char *path, char *err,
			      size_t err_len)
{
	char sys[PATH_MAX], dir[PATH_MAX + 16];
	struct dirent *entry;
	bool found = false;
	DIR *d;

	if (!sys_dir(major(device->st_rdev), minor(device->st_rdev), sys))
		return false;
	snprintf(dir, sizeof(dir), "%s/holders", sys);
	d = opendir(dir);
	while (d && !found && (entry = readdir(d))) {
		if (entry->d_name[0] == '.')
			continue;
		found = true;
		snprintf(err, err_len, "%s: already in use by the device %s", path, entry->d_name);
	}
	if (d)
		closedir(d);
	return found;
}

bool holder_say_process(const struct stat *file, const char *path, enum holder_kind kind, char *err,
			size_t err_len)
{
	pid_t pid = find_process(file, kind);

	if (pid)
		say_process(pid, path, err, err_len);
	return pid;
}

bool holder_say_kernel(const struct stat *device, const char *path, char *err, size_t err_len)
{
	return say_mount(device, path, err, err_len) ||
	       say_device_on_top(device, path, err, err_len);
}
