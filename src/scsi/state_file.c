/* SPDX-License-Identifier: BSD-2-Clause */
/* See state_file.h. Knows nothing of what is in the files. */
#include "scsi/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scsi/scsi.h"

uint32_t state_crc(const uint8_t *data, size_t len)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

void state_name(char name[STATE_NAME_MAX], const char *kind, const struct scsi_lu *lu)
{
	char *p = name + sprintf(name, "%s-", kind);

	for (const char *c = lu->name; *c; c++) {
		bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
			     (*c >= '0' && *c <= '9') || *c == '-' || *c == '_';

		p += sprintf(p, plain ? "%c" : "%%%02X", (uint8_t)*c);
	}
}

static int write_all(int fd, const uint8_t *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static int write_new(int dir, const char *name, const uint8_t *image, size_t len)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	int res;

	if (fd < 0)
		return -errno;
	res = write_all(fd, image, len);
	if (!res && fsync(fd))
		res = -errno;
	if (close(fd) && !res)
		res = -errno;
	return res;
}

static int open_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int state_replace(const char *dir, const char *name, const uint8_t *image, size_t len)
{
	int fd = open_dir(dir);
	char new[STATE_NAME_MAX];
	int res;

	if (fd < 0)
		return fd;
	snprintf(new, sizeof(new), "%.240s.new", name);
	res = write_new(fd, new, image, len);
	if (!res && (renameat(fd, new, fd, name) || fsync(fd)))
		res = -errno;
	close(fd);
	return res;
}

int state_remove(const char *dir, const char *name)
{
	int fd = open_dir(dir);
	int res = 0;

	if (fd < 0)
		return fd;
	if (unlinkat(fd, name, 0) && errno != ENOENT)
		res = -errno;
	if (!res && fsync(fd))
		res = -errno;
	close(fd);
	return res;
}

ssize_t state_read(const char *dir, const char *name, uint8_t *image, size_t max)
{
	char path[PATH_MAX];
	size_t len = 0;
	ssize_t n = 1;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (n > 0 && len < max) {
		n = read(fd, image + len, max - len);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			len += (size_t)n;
	}
	if (n < 0)
		n = -errno;
	close(fd);
	return n < 0 ? n : (ssize_t)len;
}
