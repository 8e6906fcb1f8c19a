/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Changing the LUN map of a nexus while its commands run. A LUN that goes is taken out of the map
 * first; its itl stays until nobody can hold it any more. Does not know who decided it.
 */
#include <errno.h>
#include <stdlib.h>

#include "scsi/internal.h"

struct scsi_remap {
	struct scsi_nexus *nexus;
	struct scsi_lun_mapping *map;
	size_t n;
	struct scsi_itl_list fresh; /* itls of LUNs that come */
};

static bool stays(const struct scsi_itl *itl, const struct scsi_lun_mapping *map)
{
	return itl && itl->lu == map->lu;
}

/* The same drive, by its serial number: only what lies in it is another. */
static bool is_other_disc(const struct scsi_itl *itl, const struct scsi_lu *lu)
{
	return itl && itl->lu->device_type == SCSI_TYPE_CDROM && lu->device_type == SCSI_TYPE_CDROM &&
	       !strcmp(itl->lu->serial, lu->serial);
}

static int prepare(struct scsi_remap *remap, const struct scsi_lun_mapping *map)
{
	struct scsi_itl *itl;
	int res;

	if (map->lun <= SCSI_MAX_LUN && stays(scsi_itl_at(remap->nexus, map->lun), map))
		return 0;
	res = scsi_itl_new(remap->nexus, map, &itl);
	if (!res && is_other_disc(scsi_itl_at(remap->nexus, map->lun), map->lu))
		atomic_store(&itl->ua, 1u << SCSI_UA_MEDIUM_CHANGED);
	if (!res)
		SLIST_INSERT_HEAD(&remap->fresh, itl, link);
	return res;
}

int scsi_remap_new(struct scsi_nexus *nexus, const struct scsi_lun_mapping *map, size_t n,
		   struct scsi_remap **out)
{
	struct scsi_remap *remap = calloc(1, sizeof(*remap));
	int res = n > SCSI_MAX_LUNS ? -E2BIG : 0;

	if (remap)
		remap->map = calloc(n + 1, sizeof(*map));
	if (!remap || !remap->map) {
		free(remap);
		return -ENOMEM;
	}
	remap->nexus = nexus;
	SLIST_INIT(&remap->fresh);
	for (; !res && remap->n < n; remap->n++) {
		remap->map[remap->n] = map[remap->n];
		res = prepare(remap, &map[remap->n]);
	}
	if (res)
		scsi_remap_free(remap);
	else
		*out = remap;
	return res;
}

void scsi_remap_free(struct scsi_remap *remap)
{
	struct scsi_itl *itl;

	if (!remap)
		return;
	while ((itl = SLIST_FIRST(&remap->fresh))) {
		SLIST_REMOVE_HEAD(&remap->fresh, link);
		free(itl);
	}
	free(remap->map);
	free(remap);
}

static const struct scsi_lun_mapping *mapping_of(const struct scsi_remap *remap, unsigned int lun)
{
	for (size_t i = 0; i < remap->n; i++)
		if (remap->map[i].lun == lun)
			return &remap->map[i];
	return NULL;
}

static void retire(struct scsi_itl *itl)
{
	struct scsi_nexus *nexus = itl->nexus;

	nexus->chunk[itl->lun / SCSI_LUN_CHUNK][itl->lun % SCSI_LUN_CHUNK] = NULL;
	nexus->n_luns--;
	SLIST_INSERT_HEAD(&nexus->retired, itl, link);
	atomic_store(&itl->retired, true);
}

/* What a LUN that there is has to become; true if it is not as before. */
static bool change(const struct scsi_remap *remap, struct scsi_itl *itl)
{
	const struct scsi_lun_mapping *map = mapping_of(remap, itl->lun);
	bool read_only;

	if (!map || !stays(itl, map)) {
		retire(itl);
		return true;
	}
	read_only = map->read_only || itl->lu->read_only;
	if (atomic_exchange(&itl->read_only, read_only) == read_only)
		return false;
	scsi_ua_set(itl, SCSI_UA_MODE_CHANGED); /* WP of the mode parameter header */
	return false;
}

static void tell_all(const struct scsi_nexus *nexus)
{
	for (unsigned int lun = 0; lun <= SCSI_MAX_LUN; lun++) {
		struct scsi_itl *itl = scsi_itl_at(nexus, lun);

		if (itl)
			scsi_ua_set(itl, SCSI_UA_LUNS_CHANGED);
	}
}

bool scsi_remap_apply(struct scsi_remap *remap)
{
	struct scsi_nexus *nexus = remap->nexus;
	bool changed = !SLIST_EMPTY(&remap->fresh);
	struct scsi_itl *itl;

	for (unsigned int lun = 0; lun <= SCSI_MAX_LUN; lun++) {
		itl = scsi_itl_at(nexus, lun);
		if (itl)
			changed |= change(remap, itl);
	}
	while ((itl = SLIST_FIRST(&remap->fresh))) {
		SLIST_REMOVE_HEAD(&remap->fresh, link);
		scsi_itl_publish(itl);
	}
	if (changed)
		tell_all(nexus);
	scsi_remap_free(remap);
	return changed;
}

unsigned int scsi_nexus_reap(struct scsi_nexus *nexus)
{
	struct scsi_itl *itl = SLIST_FIRST(&nexus->retired), *next;
	unsigned int n = 0;

	for (; itl; itl = next) {
		next = SLIST_NEXT(itl, link);
		if (atomic_exchange(&itl->busy, false)) {
			n++;
			continue;
		}
		SLIST_REMOVE(&nexus->retired, itl, scsi_itl, link);
		scsi_itl_free(itl);
	}
	return n;
}
