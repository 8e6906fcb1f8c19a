/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stores of every type: opening by type, the checks that every request gets, slots for registered
 * files. Knows neither what a store is made of nor how an engine runs requests.
 */
#include "store/store.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compiler.h"
#include "store/jobs.h"
#include "store/types.h"

static const struct store_ops *const store_types[] = { &file_store_ops, &null_store_ops,
						       &memory_store_ops, &passthrough_store_ops };

static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER;
static bool slots[FIXED_FILES];

static int slot_get(void)
{
	int slot = -1;

	pthread_mutex_lock(&slots_lock);
	for (int i = 0; i < FIXED_FILES; i++) {
		if (slots[i])
			continue;
		slots[i] = true;
		slot = i;
		break;
	}
	pthread_mutex_unlock(&slots_lock);
	return slot;
}

static void slot_put(int slot)
{
	if (slot < 0)
		return;
	pthread_mutex_lock(&slots_lock);
	slots[slot] = false;
	pthread_mutex_unlock(&slots_lock);
}

static const struct store_ops *find_type(const char *type)
{
	for (size_t i = 0; type && i < ARRAY_SIZE(store_types); i++)
		if (!strcmp(type, store_types[i]->type))
			return store_types[i];
	return NULL;
}

/* A path may be that of a device. */
static const struct store_ops *choose(const struct store_conf *conf)
{
	const struct store_ops *ops = find_type(conf->type);
	struct stat st;

	if (ops == &file_store_ops && conf->path && !stat(conf->path, &st) && S_ISBLK(st.st_mode))
		return &block_store_ops;
	return ops;
}

static bool is_block_size(uint32_t size)
{
	return size >= 512 && !(size & (size - 1));
}

static struct store *store_alloc(const struct store_conf *conf, const struct store_ops *ops)
{
	struct store *store = calloc(1, sizeof(*store));

	if (!store)
		return NULL;
	store->name = strdup(conf->path ? conf->path : ops->type);
	if (!store->name) {
		free(store);
		return NULL;
	}
	store->ops = ops;
	store->features = conf->read_only ? STORE_F_READ_ONLY : 0;
	store->block_size = conf->block_size;
	store->phys_block = conf->block_size;
	store->fd = -1;
	store->fixed_file = -1;
	store->claims[0] = store->claims[1] = -1;
	store->write_through = conf->write_through;
	store->nv_cache = conf->nv_cache;
	return store;
}

static void store_free(struct store *store)
{
	free(store->name);
	free(store);
}

/* Whole blocks only, at least one, and every byte offset fits off_t. */
static int settle_size(struct store *store, char *err, size_t err_len)
{
	uint64_t size = store->size - store->size % store->block_size;

	if (!size) {
		snprintf(err, err_len, "%s: its size of %llu bytes is less than one block of %u",
			 store->name, (unsigned long long)store->size, store->block_size);
		return -EINVAL;
	}
	if (size > INT64_MAX) {
		snprintf(err, err_len, "%s: its size of %llu bytes is too large", store->name,
			 (unsigned long long)size);
		return -EFBIG;
	}
	store->size = size;
	return 0;
}

int store_open(const struct store_conf *conf, struct store **out, char *err, size_t err_len)
{
	const struct store_ops *ops = choose(conf);
	struct store *store;
	int rc;

	*out = NULL;
	if (!ops) {
		snprintf(err, err_len, "unknown store type \"%s\"", conf->type ? conf->type : "");
		return -EINVAL;
	}
	if (!is_block_size(conf->block_size)) {
		snprintf(err, err_len, "%s: block size %u is not a power of two of 512 or more",
			 conf->path ? conf->path : ops->type, conf->block_size);
		return -EINVAL;
	}
	store = store_alloc(conf, ops);
	if (!store) {
		snprintf(err, err_len, "out of memory");
		return -ENOMEM;
	}
	rc = ops->open(store, conf, err, err_len);
	if (rc)
		goto free_store;
	rc = settle_size(store, err, err_len);
	if (rc)
		goto close_store;
	if (conf->n_faults)
		rc = fault_attach(store, conf, err, err_len);
	if (rc)
		goto close_store;
	if (store->fd >= 0 && !conf->serving && !store->max_transfer)
		store->fixed_file = slot_get();
	*out = store;
	return 0;

close_store:
	ops->close(store);
free_store:
	store_free(store);
	return rc;
}

bool store_check_size(struct store *store)
{
	uint64_t old = atomic_load(&store->size), size;

	if (!store->ops->size || store->ops->size(store, &size))
		return false;
	size -= size % store->block_size;
	if (!size || size > INT64_MAX || size == old)
		return false;
	atomic_store(&store->size, size);
	return true;
}

void store_discard(struct store *store)
{
	/* only under the claim: nobody else can have begun to use it */
	if (store && store->created)
		unlink(store->name);
	store_close(store);
}

void store_close(struct store *store)
{
	if (!store)
		return;
	slot_put(store->fixed_file);
	store->ops->close(store);
	store_free(store);
}

/* A fault has to meet every read and write. */
static bool is_plain_file(const struct store *store)
{
	return store->fd >= 0 && !store->is_block && !store->faults && !store->ops->run;
}

/* Can the kernel copy so, and are all bytes there? */
static int check_copy(const struct store_io *io)
{
	uint64_t size = atomic_load_explicit(&io->from->size, memory_order_relaxed);

	if (io->from_off > size || io->len > size - io->from_off)
		return -EINVAL;
	return is_plain_file(io->store) && is_plain_file(io->from) ? 0 : -EOPNOTSUPP;
}

static bool is_atomic_size(const struct store *store, const struct store_io *io)
{
	return store->features & STORE_F_ATOMIC && io->len >= store->atomic_min &&
	       io->len <= store->atomic_max && !(io->len & (io->len - 1)) &&
	       !(io->off & (io->len - 1));
}

/* 0, or why the request can't run, as -errno. */
static int check(const struct store *store, const struct store_io *io)
{
	uint64_t size = atomic_load_explicit(&store->size, memory_order_relaxed);

	if (io->op == STORE_FLUSH || io->op == STORE_CALL)
		return 0;
	if (unlikely(io->op == STORE_SCSI))
		return store->ops->scsi ? 0 : -EOPNOTSUPP;
	if (io->off > size || io->len > size - io->off)
		return -EINVAL;
	if (io->op != STORE_READ && (store->features & STORE_F_READ_ONLY))
		return -EROFS;
	if (unlikely(io->flags & STORE_IO_ATOMIC) && !is_atomic_size(store, io))
		return -EINVAL;
	return unlikely(io->op == STORE_COPY) ? check_copy(io) : 0;
}

/* Is there nothing to do? */
static bool is_empty(const struct store *store, const struct store_io *io)
{
	if (io->op == STORE_FLUSH)
		return store->nv_cache || (store->features & STORE_F_READ_ONLY);
	if (io->op == STORE_UNMAP && !(store->features & STORE_F_UNMAP))
		return true;
	return !io->len && io->op != STORE_CALL && io->op != STORE_SCSI;
}

static void submit_call(struct store_io *io)
{
	io->tries = 0;
	jobs_submit(io);
}

/* What is neither a plain read nor a plain write, and what cannot run. */
static COLD void submit_other(struct store *store, struct engine *engine, struct store_io *io)
{
	int rc = check(store, io);

	if (rc)
		engine_complete(engine, io, rc);
	else if (is_empty(store, io))
		engine_complete(engine, io, 0);
	else if (io->op == STORE_CALL)
		submit_call(io);
	else
		store->ops->submit(store, engine, io);
}

static inline bool is_plain(const struct store *store, const struct store_io *io)
{
	uint64_t size = atomic_load_explicit(&store->size, memory_order_relaxed);

	return io->len && io->off <= size && io->len <= size - io->off &&
	       !(io->flags & STORE_IO_ATOMIC) &&
	       (io->op == STORE_READ ||
		(io->op == STORE_WRITE && !(store->features & STORE_F_READ_ONLY)));
}

void store_submit(struct engine *engine, struct store_io *io)
{
	struct store *store = io->store;

	io->engine = engine;
	io->progress = 0;
	io->at = STORE_AT_NONE;
	engine->inflight++;
	engine->n_submitted++;
	if (likely(is_plain(store, io)))
		store->ops->submit(store, engine, io);
	else
		submit_other(store, engine, io);
}
