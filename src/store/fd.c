/* SPDX-License-Identifier: BSD-2-Clause */
/* See fd.h. */
#include "store/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compiler.h"
#include "store/fdio.h"

int fd_error(const char *path, const char *what, char *err, size_t err_len)
{
	int rc = -errno;

	snprintf(err, err_len, "%s: %s: %s", path, what, strerror(-rc));
	return rc;
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

int fd_set_direct(struct store *store, char *err, size_t err_len)
{
	int flags = fcntl(store->fd, F_GETFL);
	uint32_t unit = 0;

	if (flags >= 0 && !fcntl(store->fd, F_SETFL, flags | O_DIRECT))
		unit = direct_unit(store);
	if (!unit) {
		snprintf(err, err_len, "%s: no direct I/O (O_DIRECT) here", store->name);
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

/* struct statx as Linux 6.11 fills it, and what asks for that: Debian's headers are older. */
enum { STATX_ATOMIC = 0x10000, ATOMIC_ATTRIBUTE = 0x400000, ATOMIC_MIN_AT = 168, ATOMIC_MAX_AT = 172 };

static uint32_t statx_word(const struct statx *sx, size_t at)
{
	uint32_t word;

	memcpy(&word, (const char *)sx + at, sizeof(word));
	return word;
}

void fd_learn_atomic(struct store *store)
{
	struct statx sx = { 0 };
	uint32_t min, max;

	if (!store->direct || statx(store->fd, "", AT_EMPTY_PATH, STATX_ATOMIC, &sx) ||
	    !(sx.stx_mask & STATX_ATOMIC) || !(sx.stx_attributes & ATOMIC_ATTRIBUTE))
		return;
	min = MAX(statx_word(&sx, ATOMIC_MIN_AT), store->block_size);
	max = statx_word(&sx, ATOMIC_MAX_AT);
	if (max < min || min & (min - 1) || max & (max - 1))
		return;
	store->features |= STORE_F_ATOMIC;
	store->atomic_min = min;
	store->atomic_max = max;
}

void fd_close(struct store *store)
{
	close(store->fd);
}

void fd_submit(struct store *store, struct engine *engine, struct store_io *io)
{
	fdio_start(io);
	engine->ops->queue_fd(engine, io);
}
