/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A store in anonymous memory: gone with the process, and taken from the machine as it is written.
 * Reads and writes are copies in the worker; zeroing or giving back more than INLINE_MAX takes long
 * enough to be for a thread.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/compiler.h"
#include "store/jobs.h"
#include "store/types.h"

enum {
	INLINE_MAX = 256 * 1024,
	HUGE_PAGE = 2 << 20
};

static int memory_open(struct store *store, const struct store_conf *conf, char *err,
		       size_t err_len)
{
	uint64_t page = conf->hugepages ? HUGE_PAGE : (uint64_t)sysconf(_SC_PAGESIZE);
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | (conf->hugepages ? MAP_HUGETLB : MAP_NORESERVE);
	void *mem;

	if (conf->size > INT64_MAX) {
		snprintf(err, err_len, "memory: a size of %llu bytes is too large",
			 (unsigned long long)conf->size);
		return -EFBIG;
	}
	store->memory_len = MAX((conf->size + page - 1) / page * page, page);
	mem = mmap(NULL, store->memory_len, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (mem == MAP_FAILED) {
		snprintf(err, err_len, "memory: cannot have %zu MiB%s: %s", store->memory_len >> 20,
			 conf->hugepages ? " of huge pages (see sysctl vm.nr_hugepages)" : "",
			 strerror(errno));
		return -ENOMEM;
	}
	store->memory = mem;
	store->size = conf->size;
	store->phys_block = MAX(conf->block_size, 4096u);
	if (conf->thin && !conf->read_only) {
		store->features |= STORE_F_UNMAP | STORE_F_UNMAP_ZEROES | STORE_F_THIN;
		store->unmap_granularity = (uint32_t)page;
	}
	return 0;
}

static void memory_close(struct store *store)
{
	munmap(store->memory, store->memory_len);
}

/* Zero the range: whole pages are given back, and read as zeroes. */
static int memory_zero(struct store *store, struct store_io *io)
{
	uint64_t page = store->unmap_granularity;
	uint8_t *at = (uint8_t *)store->memory + io->off, *end = at + io->len;
	uint8_t *first = at, *last = at;

	if (page && (io->op == STORE_UNMAP || (io->flags & STORE_IO_MAY_UNMAP))) {
		first = (uint8_t *)store->memory + (io->off + page - 1) / page * page;
		last = (uint8_t *)store->memory + (io->off + io->len) / page * page;
	}
	if (first >= last || madvise(first, (size_t)(last - first), MADV_DONTNEED))
		first = last = at;
	memset(at, 0, (size_t)(first - at));
	memset(last, 0, (size_t)(end - last));
	return 0;
}

static void memory_submit(struct store *store, struct engine *engine, struct store_io *io)
{
	uint8_t *at = (uint8_t *)store->memory + io->off;

	switch (io->op) {
	case STORE_READ:
		memcpy(io->buf, at, io->len);
		break;
	case STORE_WRITE:
		memcpy(at, io->buf, io->len);
		break;
	case STORE_FLUSH:
	case STORE_COPY: /* refused before: it has no file */
	case STORE_CALL: /* does not come here */
	case STORE_SCSI: /* and is no device */
		break;
	case STORE_UNMAP:
	case STORE_ZERO:
		if (io->len > INLINE_MAX) {
			jobs_submit(io);
			return;
		}
		memory_zero(store, io);
		break;
	}
	engine_complete(engine, io, 0);
}

const struct store_ops memory_store_ops = {
	.type = "memory",
	.open = memory_open,
	.close = memory_close,
	.run = memory_zero,
	.submit = memory_submit,
};
