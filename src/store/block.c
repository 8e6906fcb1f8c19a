/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A store on a block device. Claims it and learns its geometry, and what unmapping gives: zeroes
 * where the kernel says that zeroing deallocates, nothing certain where it can only discard.
 * Requests then go to the engine as they are, fdio says which calls they become.
 */
#include <errno.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/log.h"
#include "store/claim.h"
#include "store/fd.h"
#include "store/types.h"

/* A line of the device's queue directory; a partition's is that of its disk. "" if there is none.
 */
static void queue_text(dev_t device, const char *name, char *text, size_t len)
{
	static const char *const dirs[] = { "queue", "../queue" };
	char path[256];
	FILE *f = NULL;

	for (size_t i = 0; !f && i < ARRAY_SIZE(dirs); i++) {
		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s/%s", major(device),
			 minor(device), dirs[i], name);
		f = fopen(path, "re");
	}
	if (!f || !fgets(text, (int)len, f))
		text[0] = '\0';
	if (f)
		fclose(f);
}

static uint64_t queue_number(dev_t device, const char *name)
{
	unsigned long long value;
	char text[32];

	queue_text(device, name, text, sizeof(text));
	return sscanf(text, "%llu", &value) == 1 ? value : 0;
}

static int block_size(struct store *store, uint64_t *size)
{
	return ioctl(store->fd, BLKGETSIZE64, size) ? -errno : 0;
}

static int take_geometry(struct store *store, char *err, size_t err_len)
{
	unsigned int phys = 0, opt = 0;
	unsigned short rotational = 0;
	int logical = 0;
	uint64_t size;

	if (ioctl(store->fd, BLKSSZGET, &logical) || ioctl(store->fd, BLKPBSZGET, &phys) ||
	    ioctl(store->fd, BLKIOOPT, &opt) || ioctl(store->fd, BLKGETSIZE64, &size))
		return fd_error(store->name, "cannot get its geometry", err, err_len);
	if (logical <= 0 || store->block_size % (unsigned int)logical) {
		snprintf(err, err_len, "%s: has blocks of %d bytes; block_size %u is no multiple",
			 store->name, logical, store->block_size);
		return -EINVAL;
	}
	if (phys > store->block_size && !(phys & (phys - 1)))
		store->phys_block = phys;
	store->opt_io = opt;
	store->size = size;
	if (!ioctl(store->fd, BLKROTATIONAL, &rotational) && rotational)
		store->features |= STORE_F_ROTATIONAL;
	return 0;
}

/* The page cache is volatile in any case, the device's own cache where the kernel flushes it. */
static bool has_volatile_cache(const struct store *store, dev_t device)
{
	char text[32];

	if (!store->direct)
		return true;
	queue_text(device, "write_cache", text, sizeof(text));
	return strncmp(text, "write through", 13);
}

static void learn_unmap(struct store *store, dev_t device)
{
	uint64_t granularity = queue_number(device, "discard_granularity");

	if (queue_number(device, "write_zeroes_unmap_max_hw_bytes")) /* since 6.17 */
		store->features |= STORE_F_UNMAP_ZEROES;
	else if (queue_number(device, "discard_max_bytes"))
		store->unmap_discards = true;
	else {
		log_info("%s: not thin: the device has no discard", store->name);
		return;
	}
	store->features |= STORE_F_UNMAP | STORE_F_THIN;
	store->unmap_granularity =
		(uint32_t)MAX(MIN(granularity, (uint64_t)1 << 30), (uint64_t)store->block_size);
}

static int prepare(struct store *store, const struct store_conf *conf, char *err, size_t err_len)
{
	struct stat st;
	int rc;

	if (fstat(store->fd, &st) || !S_ISBLK(st.st_mode)) {
		snprintf(err, err_len, "%s: is no block device any more", store->name);
		return -ENOTBLK;
	}
	rc = claim_take(store->fd, store->name, conf, err, err_len);
	if (!rc)
		rc = take_geometry(store, err, err_len);
	if (!rc && conf->direct)
		rc = fd_set_direct(store, err, err_len);
	if (rc)
		return rc;
	store->is_block = true;
	if (!conf->write_through && !conf->nv_cache && has_volatile_cache(store, st.st_rdev))
		store->features |= STORE_F_WRITE_CACHE;
	if (conf->thin && !conf->read_only)
		learn_unmap(store, st.st_rdev);
	if (!conf->read_only)
		fd_learn_atomic(store);
	return 0;
}

static int block_open(struct store *store, const struct store_conf *conf, char *err, size_t err_len)
{
	int rc = claim_open_block(conf, err, err_len);

	if (rc < 0)
		return rc;
	store->fd = rc;
	rc = prepare(store, conf, err, err_len);
	if (rc)
		close(store->fd);
	return rc;
}

const struct store_ops block_store_ops = {
	.type = "block",
	.open = block_open,
	.close = fd_close,
	.size = block_size,
	.submit = fd_submit,
};
