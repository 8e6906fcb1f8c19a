/* SPDX-License-Identifier: BSD-2-Clause */
/* The data model, see model.h. */
#include "model.h"

#include <stdlib.h>
#include <string.h>

#include "disk.h"
#include "sim.h"

enum { N_HOSTS = 2, MAX_WRITES = 4096, HISTORY = 64 };

struct write {
	uint32_t id;
	unsigned int host, disk;
	uint32_t lba, n;
	uint64_t issued, closed; /* events */
	enum model_end how;
};

/* What a block has shown, newest last. */
struct shown {
	uint64_t seq;
	uint32_t writer;
};

struct block {
	uint64_t floor[N_HOSTS]; /* per initiator: the latest issue of an acknowledged write */
	uint32_t n;
	struct shown shown[HISTORY];
};

static struct {
	struct write writes[MAX_WRITES]; /* by id; 0 is the zeroes at the beginning */
	uint32_t n;
	struct block blocks[N_DISKS][DISK_BLOCKS];
} model;

void model_reset(void)
{
	memset(&model, 0, sizeof(model));
	model.n = 1;
	model.writes[0].how = MODEL_GOOD;
	for (unsigned int d = 0; d < N_DISKS; d++)
		for (unsigned int i = 0; i < DISK_BLOCKS; i++)
			model.blocks[d][i].n = 1;
}

/* ---- writes ---- */

struct write *model_write(unsigned int host, unsigned int disk, uint32_t lba, uint32_t n)
{
	struct write *w = &model.writes[model.n];

	require(model.n < MAX_WRITES, "the schedule is too long for the model");
	*w = (struct write){
		.id = model.n++,
		.host = host,
		.disk = disk,
		.lba = lba,
		.n = n,
		.issued = tick(),
		.closed = NEVER,
	};
	return w;
}

uint64_t model_stamp(const struct write *w, uint32_t lba)
{
	return (uint64_t)w->id << 32 | (uint64_t)(w->disk + 1) << 16 | lba;
}

static const struct write *writer_of(uint64_t stamp, unsigned int disk, uint32_t lba)
{
	const struct write *w = &model.writes[stamp >> 32 < model.n ? stamp >> 32 : 0];

	if (stamp == 0)
		return &model.writes[0];
	require(stamp == model_stamp(w, lba) && w->disk == disk && lba >= w->lba &&
			lba < w->lba + w->n,
		"block %u of disk %u holds %#llx, which nobody wrote there", lba, disk,
		(unsigned long long)stamp);
	return w;
}

/* Was the one over, for the other's sender, when the other was sent? */
static bool before(const struct write *a, const struct write *b)
{
	return a->closed < b->issued && (a->how != MODEL_GIVEN_UP || a->host == b->host);
}

/*
 * The write is acknowledged: each block shows it, or something that was not over when it was sent.
 * That is both "what is acknowledged is there" and "no older write came after it".
 */
static void check_acknowledged(const struct write *w)
{
	for (uint32_t lba = w->lba; lba < w->lba + w->n; lba++) {
		const struct write *there = writer_of(disk_stamp(w->disk, lba), w->disk, lba);
		struct block *b = &model.blocks[w->disk][lba];

		require(there == w || !before(there, w),
			"write %u is acknowledged, but block %u of disk %u holds write %u, which was "
			"over before it was sent", w->id, lba, w->disk, there->id);
		b->floor[w->host] = MAX(b->floor[w->host], w->issued);
	}
}

void model_close(struct write *w, enum model_end how)
{
	if (w->closed == NEVER || how != MODEL_GIVEN_UP) {
		w->closed = MIN(w->closed, tick());
		w->how = how;
	}
	if (how == MODEL_GOOD)
		check_acknowledged(w);
}

void model_landed(unsigned int disk, uint32_t lba)
{
	const struct write *w = writer_of(disk_stamp(disk, lba), disk, lba);
	struct block *b = &model.blocks[disk][lba];

	require(w->closed == NEVER || w->how == MODEL_GIVEN_UP,
		"write %u lands on block %u of disk %u after it was %s", w->id, lba, disk,
		w->how == MODEL_GOOD ? "acknowledged" : "said to have ended");
	require(w->closed >= b->floor[w->host],
		"write %u of a session that was replaced lands on block %u of disk %u over a newer, "
		"acknowledged write", w->id, lba, disk);
	b->shown[b->n++ % HISTORY] = (struct shown){ .seq = tick(), .writer = w->id };
}

void model_read(unsigned int disk, uint32_t lba, const void *block, uint64_t since)
{
	const struct block *b = &model.blocks[disk][lba];
	const struct write *w;
	uint64_t stamp;

	require(stamp_whole(block, &stamp), "a read of block %u of disk %u is torn", lba, disk);
	w = writer_of(stamp, disk, lba);
	for (uint32_t i = b->n; i > 0 && i + HISTORY > b->n; i--) {
		const struct shown *s = &b->shown[(i - 1) % HISTORY];

		if (s->writer == w->id)
			return;
		require(s->seq > since,
			"a read of block %u of disk %u shows write %u, but the block held write %u "
			"when it was sent", lba, disk, w->id, s->writer);
	}
}
