/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A store in a regular file, through the page cache or with O_DIRECT. Opens, creates and claims the
 * file and learns what its file system can do; requests then go to the engine as they are, fdio
 * says which calls they become. Block devices are for block.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/log.h"
#include "store/claim.h"
#include "store/fd.h"
#include "store/fdio.h"
#include "store/types.h"

enum {
	CREATE_MODE = 0600,
	PHYS_BLOCK_MAX = 65536, /* larger st_blksize is a transfer hint of network file systems */
};

static const char *type_name(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFCHR:
		return "a character device";
	case S_IFDIR:
		return "a directory";
	case S_IFIFO:
		return "a pipe";
	case S_IFSOCK:
		return "a socket";
	}
	return "something else";
}

static int check_type(const char *path, const struct stat *st, char *err, size_t err_len)
{
	if (S_ISREG(st->st_mode))
		return 0;
	snprintf(err, err_len, "%s: is %s; regular files and block devices can be served", path,
		 type_name(st->st_mode));
	return S_ISDIR(st->st_mode) ? -EISDIR : -ENOTSUP;
}

/* In /dev a missing name is a device that is not there, not a file to be made. */
static bool is_device_path(const char *path)
{
	return !strncmp(path, "/dev/", 5) && strncmp(path, "/dev/shm/", 9);
}

/* Nothing shall be created with a size that store_open() would then refuse. */
static int check_new_file(const struct store_conf *conf, char *err, size_t err_len)
{
	if (is_device_path(conf->path)) {
		snprintf(err, err_len, "%s: there is no such device", conf->path);
		return -ENOENT;
	}
	if (conf->size >= conf->block_size && conf->size <= INT64_MAX)
		return 0;
	snprintf(err, err_len, "%s: not created: a size of %llu bytes is %s", conf->path,
		 (unsigned long long)conf->size,
		 conf->size > INT64_MAX ? "too large" : "less than one block");
	return -EINVAL;
}

/*
 * Open the file, or create it empty. O_DIRECT is switched on later: an open() that refuses it may
 * have created the file all the same.
 */
static int open_or_create(const struct store_conf *conf, bool *created, char *err, size_t err_len)
{
	int flags = O_CLOEXEC | O_NOCTTY | (conf->read_only ? O_RDONLY : O_RDWR);
	struct stat st;
	int fd, rc;

	*created = false;
	if (!stat(conf->path, &st)) {
		/* Before open(): opening a device or a pipe can have effects of its own. */
		rc = check_type(conf->path, &st, err, err_len);
		if (rc)
			return rc;
	} else if (errno == ENOENT && conf->size && !conf->read_only) {
		rc = check_new_file(conf, err, err_len);
		if (rc)
			return rc;
		flags |= O_CREAT | O_EXCL;
		*created = true;
	}
	fd = open(conf->path, flags, CREATE_MODE);
	if (fd < 0)
		return fd_error(conf->path, *created ? "cannot create" : "cannot open", err,
				  err_len);
	return fd;
}

static int file_size(struct store *store, uint64_t *size)
{
	struct stat st;

	if (fstat(store->fd, &st))
		return -errno;
	*size = (uint64_t)st.st_size;
	return 0;
}

/* Set the size of a new file and take the size of any. */
static int take_size(struct store *store, uint64_t new_size, struct stat *st, char *err,
		     size_t err_len)
{
	int rc;

	if (new_size && ftruncate(store->fd, (off_t)new_size))
		return fd_error(store->name, "cannot set its size", err, err_len);
	if (fstat(store->fd, st))
		return fd_error(store->name, "cannot get its size", err, err_len);
	rc = check_type(store->name, st, err, err_len);
	if (rc)
		return rc;
	store->size = (uint64_t)st->st_size;
	return 0;
}

/* Can the file system punch holes? Tries one beyond the end of the file, where it has no effect. */
static bool can_punch(const struct store *store, const struct stat *st)
{
	off_t unit = MAX((off_t)st->st_blksize, (off_t)store->block_size);
	off_t end;

	if (__builtin_add_overflow(st->st_size, unit, &end)) {
		errno = EFBIG;
		return false;
	}
	end -= end % unit;
	return !fallocate(store->fd, fdio_fallocate_mode(FDIO_PUNCH), end, unit);
}

static void learn(struct store *store, const struct store_conf *conf, const struct stat *st)
{
	uint32_t fs_block = (uint32_t)st->st_blksize;

	if (fs_block <= PHYS_BLOCK_MAX && !(fs_block & (fs_block - 1)))
		store->phys_block = MAX(fs_block, store->block_size);
	if (!conf->write_through && !conf->nv_cache)
		store->features |= STORE_F_WRITE_CACHE;
	if (!conf->thin || conf->read_only)
		return;
	if (!can_punch(store, st)) {
		log_info("%s: not thin: its file system punches no holes (%s)", store->name,
			 strerror(errno));
		return;
	}
	store->features |= STORE_F_UNMAP | STORE_F_UNMAP_ZEROES | STORE_F_THIN;
	store->unmap_granularity = store->phys_block;
}

static int file_open(struct store *store, const struct store_conf *conf, char *err, size_t err_len)
{
	struct stat st;
	bool created;
	int rc;

	if (!conf->path) {
		snprintf(err, err_len, "a store of type \"file\" needs a path");
		return -EINVAL;
	}
	rc = open_or_create(conf, &created, err, err_len);
	if (rc < 0)
		return rc;
	store->fd = rc;
	rc = claim_take(store->fd, store->name, conf, err, err_len);
	if (rc)
		goto close_fd;
	rc = take_size(store, created ? conf->size : 0, &st, err, err_len);
	if (rc)
		goto remove_new;
	if (conf->direct)
		rc = fd_set_direct(store, err, err_len);
	if (rc)
		goto remove_new;
	learn(store, conf, &st);
	if (!conf->read_only)
		fd_learn_atomic(store);
	store->created = created;
	return 0;

remove_new: /* only under the claim: nobody else can have begun to use it */
	if (created)
		unlink(conf->path);
close_fd:
	close(store->fd);
	return rc;
}

/* The offset that lseek() leaves behind is nobody's: every transfer names its own. */
static int file_extent(struct store *store, uint64_t off, uint64_t len, uint64_t *extent_len,
		       bool *mapped)
{
	off_t end = lseek(store->fd, (off_t)off, SEEK_DATA);

	if (end < 0 && errno != ENXIO)
		return -errno;
	*mapped = end >= 0 && (uint64_t)end == off;
	if (*mapped)
		end = lseek(store->fd, (off_t)off, SEEK_HOLE);
	if (*mapped && end < 0)
		return -errno;
	*extent_len = end < 0 ? len : MIN((uint64_t)end - off, len); /* < 0: a hole up to the end */
	return 0;
}

static int file_space(struct store *store, uint64_t *used, uint64_t *available)
{
	struct statvfs fs;
	struct stat st;

	if (fstat(store->fd, &st) || fstatvfs(store->fd, &fs))
		return -errno;
	*used = (uint64_t)st.st_blocks * 512;
	*available = (uint64_t)fs.f_bavail * fs.f_frsize;
	return 0;
}

const struct store_ops file_store_ops = {
	.type = "file",
	.open = file_open,
	.close = fd_close,
	.size = file_size,
	.extent = file_extent,
	.space = file_space,
	.submit = fd_submit,
};
