/* SPDX-License-Identifier: BSD-2-Clause */
/* See fdio.h. */
#include "store/fdio.h"

#include <errno.h>
#include <linux/falloc.h>
#include <stdatomic.h>

#include "base/compiler.h"

enum {
	CALL_MAX = 1 << 30,      /* bytes per call; the kernel moves less than 2 GiB at once */
	ZERO_CHUNK = 256 * 1024, /* bytes per write of zeroes */
	TRIES_MAX = 100,         /* calls without progress before an error is believed */
};

/* Never written: all its pages are the kernel's one page of zeroes. */
static uint8_t zeroes[ZERO_CHUNK] __attribute__((aligned(STORE_BUF_ALIGN)));

/* Must the request's effect be on stable storage before done()? */
static bool is_durable(const struct store_io *io)
{
	const struct store *store = io->store;

	if (store->nv_cache || io->op == STORE_READ || io->op == STORE_FLUSH)
		return false;
	return store->write_through || (io->flags & STORE_IO_FUA);
}

static enum fdio_step zero_step(const struct store_io *io)
{
	if ((io->flags & STORE_IO_MAY_UNMAP) && (io->store->features & STORE_F_UNMAP_ZEROES))
		return FDIO_PUNCH;
	if (io->store->is_block)
		return FDIO_ZERO_OUT;
	if (atomic_load_explicit(&io->store->zero_by_write, memory_order_relaxed))
		return FDIO_ZERO_WRITE;
	return FDIO_ZERO_RANGE;
}

static enum fdio_step first_step(const struct store_io *io)
{
	switch (io->op) {
	case STORE_READ:
		return FDIO_READ;
	case STORE_WRITE:
		return FDIO_WRITE;
	case STORE_FLUSH:
		return FDIO_SYNC;
	case STORE_UNMAP:
		return io->store->unmap_discards ? FDIO_DISCARD : FDIO_PUNCH;
	case STORE_ZERO:
		return zero_step(io);
	case STORE_SCSI: /* not for a descriptor of blocks: refused before */
	case STORE_COPY:
		return FDIO_COPY;
	case STORE_CALL: /* does not come here */
		break;
	}
	__builtin_unreachable();
}

int fdio_fallocate_mode(enum fdio_step step)
{
	/* The size is fixed: nobody may extend the file, not even by a rounding of the range. */
	return FALLOC_FL_KEEP_SIZE |
	       (step == FDIO_PUNCH ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE);
}

void fdio_start(struct store_io *io)
{
	io->progress = 0;
	io->tries = 0;
	io->step = (uint8_t)first_step(io);
}

void fdio_next(const struct store_io *io, struct fdio_call *call)
{
	uint64_t left = io->len - io->progress;

	call->step = io->step;
	call->off = io->off + io->progress;
	call->len = MIN(left, (uint64_t)CALL_MAX);
	call->buf = NULL;
	call->dsync = false;
	call->atomic = false;
	call->may_block = false;
	switch (call->step) {
	case FDIO_READ:
		call->buf = (uint8_t *)io->buf + io->progress;
		break;
	case FDIO_WRITE:
		call->buf = (uint8_t *)io->buf + io->progress;
		call->dsync = is_durable(io);
		call->atomic = io->flags & STORE_IO_ATOMIC;
		/* Through the page cache the writeback is waited for inside the call. */
		call->may_block = call->dsync && !io->store->direct;
		break;
	case FDIO_ZERO_WRITE:
		call->buf = zeroes;
		call->len = MIN(left, (uint64_t)ZERO_CHUNK);
		call->dsync = is_durable(io);
		call->may_block = call->dsync && !io->store->direct;
		break;
	case FDIO_PUNCH:
	case FDIO_ZERO_RANGE:
	case FDIO_DISCARD:
	case FDIO_ZERO_OUT:
		call->may_block = true;
		break;
	case FDIO_COPY:
		call->from_fd = io->from->fd;
		call->from_off = io->from_off + io->progress;
		call->may_block = true;
		break;
	case FDIO_SYNC:
		/*
		 * Only data and what is needed to find it again: the size never changes, and
		 * nobody depends on the file's times.
		 */
		call->off = 0;
		call->len = 0;
		call->may_block = true;
		break;
	}
}

static bool finish(struct store_io *io, int res)
{
	io->res = res;
	return true;
}

/* The same call again, unless that has led nowhere too often. */
static bool again(struct store_io *io, int err)
{
	if (++io->tries >= TRIES_MAX)
		return finish(io, err);
	return false;
}

static bool transfer_result(struct store_io *io, int64_t res)
{
	uint64_t left = io->len - io->progress;
	uint64_t block = io->store->block_size;
	uint64_t moved;

	if (res < 0)
		return finish(io, (int)res);
	if (!res) /* a read past a truncated end; a write never returns 0 */
		return finish(io, -EIO);
	if ((uint64_t)res >= left) {
		io->progress = io->len;
		return finish(io, 0);
	}
	if (io->flags & STORE_IO_ATOMIC) /* the kernel promised all or nothing */
		return finish(io, -EIO);
	/* Go on at a block boundary, the only place where direct I/O can begin. */
	moved = (uint64_t)res - (uint64_t)res % block;
	if (!moved)
		return again(io, -EIO);
	io->progress += moved;
	io->tries = 0;
	return false;
}

/* The range cannot be zeroed this way: is there another? */
static bool zero_otherwise(struct store_io *io)
{
	if (io->op != STORE_ZERO || io->step == FDIO_ZERO_OUT)
		return false;
	if (io->store->is_block) {
		io->step = FDIO_ZERO_OUT;
		return true;
	}
	atomic_store_explicit(&io->store->zero_by_write, true, memory_order_relaxed);
	io->step = FDIO_ZERO_WRITE;
	return true;
}

static bool allocate_result(struct store_io *io, int64_t res)
{
	if (res == -EOPNOTSUPP && zero_otherwise(io))
		return false;
	if (res < 0)
		return finish(io, (int)res);
	io->progress += MIN(io->len - io->progress, (uint64_t)CALL_MAX);
	io->tries = 0;
	if (io->progress < io->len)
		return false;
	if (!is_durable(io))
		return finish(io, 0);
	io->step = FDIO_SYNC; /* fallocate has no flag for it */
	return false;
}

/* Whatever the kernel has against it, before the first byte: a buffer can do the same. */
static bool copy_result(struct store_io *io, int64_t res)
{
	if (res < 0)
		return finish(io, io->progress || res == -EIO || res == -ENOSPC || res == -EDQUOT ?
					  (int)res :
					  -EOPNOTSUPP);
	if (!res) /* past a truncated end */
		return finish(io, -EIO);
	io->progress += MIN((uint64_t)res, io->len - io->progress);
	io->tries = 0;
	if (io->progress < io->len)
		return false;
	if (!is_durable(io))
		return finish(io, 0);
	io->step = FDIO_SYNC; /* copy_file_range has no flag for it */
	return false;
}

bool fdio_result(struct store_io *io, int64_t res)
{
	if (res == -EAGAIN || res == -EINTR)
		return again(io, (int)res);
	switch ((enum fdio_step)io->step) {
	case FDIO_READ:
	case FDIO_WRITE:
	case FDIO_ZERO_WRITE:
		return transfer_result(io, res);
	case FDIO_PUNCH:
	case FDIO_ZERO_RANGE:
	case FDIO_DISCARD:
	case FDIO_ZERO_OUT:
		return allocate_result(io, res);
	case FDIO_COPY:
		return copy_result(io, res);
	case FDIO_SYNC:
		return finish(io, res < 0 ? (int)res : 0);
	}
	__builtin_unreachable();
}
