/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A store in a regular file, through the page cache or with O_DIRECT. Opens, creates and claims the
 * file and learns what its file system can do; requests then go to the engine as they are, fdio
 * says which calls they become. Block devices are refused: they need their own discard and size.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/log.h"
#include "store/fdio.h"
#include "store/types.h"

enum {
	CREATE_MODE = 0600,
	PHYS_BLOCK_MAX = 65536, /* larger st_blksize is a transfer hint of network file systems */
};

static const char *type_name(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFBLK:
		return "a block device";
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
	snprintf(err, err_len, "%s: is %s; a store of type \"file\" serves regular files only",
		 path, type_name(st->st_mode));
	return S_ISDIR(st->st_mode) ? -EISDIR : -ENOTSUP;
}

static int open_error(const char *path, const char *what, char *err, size_t err_len)
{
	int rc = -errno;

	snprintf(err, err_len, "%s: %s: %s", path, what, strerror(-rc));
	return rc;
}

/* Nothing shall be created with a size that store_open() would then refuse. */
static int check_new_size(const struct store_conf *conf, char *err, size_t err_len)
{
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
		rc = check_new_size(conf, err, err_len);
		if (rc)
			return rc;
		flags |= O_CREAT | O_EXCL;
		*created = true;
	}
	fd = open(conf->path, flags, CREATE_MODE);
	if (fd < 0)
		return open_error(conf->path, *created ? "cannot create" : "cannot open", err,
				  err_len);
	return fd;
}

/* Set the size of a new file and take the size of any. */
static int take_size(struct store *store, uint64_t new_size, struct stat *st, char *err,
		     size_t err_len)
{
	int rc;

	if (new_size && ftruncate(store->fd, (off_t)new_size))
		return open_error(store->name, "cannot set its size", err, err_len);
	if (fstat(store->fd, st))
		return open_error(store->name, "cannot get its size", err, err_len);
	rc = check_type(store->name, st, err, err_len);
	if (rc)
		return rc;
	store->size = (uint64_t)st->st_size;
	return 0;
}

/*
 * The smallest unit of direct I/O on the file, bytes; 0 = no direct I/O at all. Where the kernel
 * doesn't say (before 6.1, some file systems) one read of one block finds out.
 */
static uint32_t direct_unit(const struct store *store)
{
	uint32_t unit = store->block_size;
	size_t len = MAX(unit, (uint32_t)STORE_BUF_ALIGN);
	ssize_t got;
	void *buf;
#ifdef STATX_DIOALIGN
	struct statx sx;

	if (!statx(store->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &sx) &&
	    (sx.stx_mask & STATX_DIOALIGN))
		return sx.stx_dio_mem_align <= STORE_BUF_ALIGN ? sx.stx_dio_offset_align : 0;
#endif
	buf = aligned_alloc(STORE_BUF_ALIGN, len);
	if (!buf)
		return unit;
	got = pread(store->fd, buf, unit, 0);
	if (got < 0 && errno == EINVAL)
		unit = unit < STORE_BUF_ALIGN ? STORE_BUF_ALIGN : 0;
	free(buf);
	return unit;
}

static int set_direct(struct store *store, char *err, size_t err_len)
{
	int flags = fcntl(store->fd, F_GETFL);
	uint32_t unit = 0;

	if (flags >= 0 && !fcntl(store->fd, F_SETFL, flags | O_DIRECT))
		unit = direct_unit(store);
	if (!unit) {
		snprintf(err, err_len, "%s: its file system has no direct I/O (O_DIRECT)",
			 store->name);
		return -EINVAL;
	}
	if (store->block_size % unit) {
		snprintf(err, err_len,
			 "%s: direct I/O needs blocks of %u bytes or a multiple here, not %u",
			 store->name, unit, store->block_size);
		return -EINVAL;
	}
	store->direct = true;
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
	rc = claim_take(store->fd, store->name, conf->read_only, err, err_len);
	if (rc)
		goto close_fd;
	rc = take_size(store, created ? conf->size : 0, &st, err, err_len);
	if (rc)
		goto remove_new;
	if (conf->direct)
		rc = set_direct(store, err, err_len);
	if (rc)
		goto remove_new;
	learn(store, conf, &st);
	store->created = created;
	return 0;

remove_new: /* only under the claim: nobody else can have begun to use it */
	if (created)
		unlink(conf->path);
close_fd:
	close(store->fd);
	return rc;
}

static void file_close(struct store *store)
{
	close(store->fd);
}

static void file_submit(struct store *store, struct engine *engine, struct store_io *io)
{
	fdio_start(io);
	engine->ops->queue_fd(engine, io);
}

const struct store_ops file_store_ops = {
	.type = "file",
	.open = file_open,
	.close = file_close,
	.submit = file_submit,
};
