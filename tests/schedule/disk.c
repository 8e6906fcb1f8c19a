/* SPDX-License-Identifier: BSD-2-Clause */
/* The stepped store engine, see disk.h. */
#include "disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "model.h"
#include "sim.h"

struct step_engine {
	struct engine engine;
	unsigned int worker;
	struct store_io_list done; /* returned, not yet reaped */
};

static struct {
	uint8_t data[N_DISKS][DISK_BLOCKS * BLOCK];
	struct store *const *stores;
	TAILQ_HEAD(, disk_io) waiting;
	unsigned int n;
} disk = { .waiting = TAILQ_HEAD_INITIALIZER(disk.waiting) };

void (*disk_plan)(struct disk_io *d);

void disk_reset(struct store *const *stores)
{
	memset(disk.data, 0, sizeof(disk.data));
	disk.stores = stores;
	require(disk.n == 0, "requests of the last run are left with the store");
}

/* ---- stamps ---- */

void stamp_fill(void *block, uint64_t stamp)
{
	uint8_t *p = block;

	for (unsigned int i = 0; i < BLOCK; i += sizeof(stamp))
		memcpy(p + i, &stamp, sizeof(stamp));
}

bool stamp_whole(const void *block, uint64_t *stamp)
{
	const uint8_t *p = block;

	memcpy(stamp, p, sizeof(*stamp));
	return memcmp(p, p + sizeof(*stamp), BLOCK - sizeof(*stamp)) == 0;
}

uint64_t disk_stamp(unsigned int d, uint32_t lba)
{
	uint64_t stamp;

	require(stamp_whole(disk.data[d] + lba * BLOCK, &stamp), "block %u of disk %u is torn", lba,
		d);
	return stamp;
}

/* ---- the medium ---- */

static void land(struct disk_io *d)
{
	const struct store_io *io = d->io;
	uint8_t *p = disk.data[d->disk] + io->off;
	uint32_t len = d->n_land * BLOCK;

	d->landed = true;
	if (io->op == STORE_READ) {
		memcpy(io->buf, p, len);
	} else if (io->op == STORE_WRITE) {
		memcpy(p, io->buf, len);
		for (uint32_t i = 0; i < d->n_land; i++)
			model_landed(d->disk, d->lba + i);
	}
}

static const char *op_name(enum store_op op)
{
	return op == STORE_READ ? "read" : op == STORE_WRITE ? "write" : "flush";
}

static void finish(struct disk_io *d)
{
	struct step_engine *e = (struct step_engine *)d->io->engine;
	uint64_t one = 1;

	if (!d->landed)
		land(d);
	say("store: %s of %u+%u on disk %u returns %d", op_name(d->io->op), d->lba, d->n, d->disk,
	    d->res);
	TAILQ_REMOVE(&disk.waiting, d, link);
	disk.n--;
	d->io->res = d->res;
	if (chance(30)) { /* as a thread of the store's would */
		engine_post(&e->engine, d->io);
	} else {
		STAILQ_INSERT_TAIL(&e->done, d->io, link);
		require(write(e->engine.wake_fd, &one, sizeof(one)) == sizeof(one), "eventfd");
	}
	free(d);
}

/* ---- steps ---- */

static uint64_t next_time(const struct disk_io *d)
{
	return d->landed || d->lands > d->due ? d->due : d->lands;
}

unsigned int disk_n_due(void)
{
	const struct disk_io *d;
	unsigned int n = 0;

	TAILQ_FOREACH(d, &disk.waiting, link)
		n += next_time(d) <= sim.now;
	return n;
}

void disk_step(unsigned int n)
{
	struct disk_io *d;

	TAILQ_FOREACH(d, &disk.waiting, link)
		if (next_time(d) <= sim.now && n-- == 0)
			break;
	if (!d)
		return;
	if (d->due <= sim.now) {
		finish(d);
		return;
	}
	say("store: %s of %u+%u on disk %u lands", op_name(d->io->op), d->lba, d->n, d->disk);
	land(d);
}

uint64_t disk_deadline(void)
{
	const struct disk_io *d;
	uint64_t next = NEVER;

	TAILQ_FOREACH(d, &disk.waiting, link)
		next = MIN(next, next_time(d));
	return next;
}

unsigned int disk_n_waiting(void)
{
	return disk.n;
}

struct disk_io *disk_first(void)
{
	return TAILQ_FIRST(&disk.waiting);
}

void disk_plan_again(void)
{
	struct disk_io *d;

	TAILQ_FOREACH(d, &disk.waiting, link)
		disk_plan(d);
}

/* ---- the engine ---- */

static unsigned int disk_of(const struct store *store)
{
	for (unsigned int i = 0; i < N_DISKS; i++)
		if (disk.stores[i] == store)
			return i;
	broken("a request for an unknown store");
}

static void queue_fd(struct engine *engine, struct store_io *io)
{
	struct step_engine *e = (struct step_engine *)engine;
	struct disk_io *d = calloc(1, sizeof(*d));

	if (!d)
		abort();
	d->io = io;
	d->worker = e->worker;
	d->disk = disk_of(io->store);
	if (io->op != STORE_FLUSH) {
		d->lba = (uint32_t)(io->off / BLOCK);
		d->n = (uint32_t)(io->len / BLOCK);
	}
	d->n_land = d->n;
	d->lands = NEVER;
	TAILQ_INSERT_TAIL(&disk.waiting, d, link);
	disk.n++;
	io->at = STORE_AT_KERNEL;
	say("store: %s of %u+%u on disk %u comes", op_name(io->op), d->lba, d->n, d->disk);
	disk_plan(d);
}

static void cancel(struct engine *engine, struct store_io *io)
{
	struct disk_io *d;

	TAILQ_FOREACH(d, &disk.waiting, link)
		if (d->io == io)
			break;
	if (!d || d->landed || !d->recallable)
		return;
	say("store: %s of %u+%u on disk %u is recalled", op_name(io->op), d->lba, d->n, d->disk);
	d->n_land = 0;
	d->landed = true;
	d->res = -ECANCELED;
	d->due = sim.now;
}

static void flush(struct engine *engine)
{
}

static unsigned int reap(struct engine *engine)
{
	struct step_engine *e = (struct step_engine *)engine;
	struct store_io *io;
	unsigned int n = 0;

	while ((io = STAILQ_FIRST(&e->done))) {
		STAILQ_REMOVE_HEAD(&e->done, link);
		engine_complete(engine, io, io->res);
		n++;
	}
	return n;
}

bool disk_returned(struct engine *engine)
{
	return !STAILQ_EMPTY(&((struct step_engine *)engine)->done) ||
	       atomic_load(&engine->posted);
}

static bool arm(struct engine *engine)
{
	return STAILQ_EMPTY(&((struct step_engine *)engine)->done);
}

static void fini(struct engine *engine)
{
	free(engine);
}

static const struct engine_ops step_ops = {
	.name = "step",
	.fini = fini,
	.queue_fd = queue_fd,
	.flush = flush,
	.reap = reap,
	.arm = arm,
	.cancel = cancel,
};

struct engine *disk_engine(unsigned int worker)
{
	struct step_engine *e = calloc(1, sizeof(*e));

	if (!e)
		abort();
	engine_init(&e->engine, &step_ops);
	e->worker = worker;
	e->engine.wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	require(e->engine.wake_fd >= 0, "no eventfd");
	STAILQ_INIT(&e->done);
	return &e->engine;
}

void disk_engine_close(struct engine *engine)
{
	close(engine->wake_fd);
	engine->wake_fd = -1;
}
