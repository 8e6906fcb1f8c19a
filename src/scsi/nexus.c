/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * I_T nexuses: LUN maps, LUN decoding (SAM-5 4.7) and unit attentions (SAM-5 5.14). Does not know
 * who decided what a nexus may see.
 */
#include <errno.h>
#include <stdlib.h>

#include "scsi/pr.h"

/* In the order of enum scsi_ua. */
static const enum scsi_sense_code ua_codes[SCSI_UA_COUNT] = {
	[SCSI_UA_POWER_ON] = SENSE_UA_POWER_ON,
	[SCSI_UA_RESET] = SENSE_UA_RESET,
	[SCSI_UA_DEVICE_RESET] = SENSE_UA_DEVICE_RESET,
	[SCSI_UA_NEXUS_LOSS] = SENSE_UA_NEXUS_LOSS,
	[SCSI_UA_MEDIUM_CHANGED] = SENSE_UA_MEDIUM_CHANGED,
	[SCSI_UA_CLEARED] = SENSE_UA_CLEARED,
	[SCSI_UA_CLEARED_BY_SERVER] = SENSE_UA_CLEARED_BY_SERVER,
	[SCSI_UA_MODE_CHANGED] = SENSE_UA_MODE_CHANGED,
	[SCSI_UA_LOG_CHANGED] = SENSE_UA_LOG_CHANGED,
	[SCSI_UA_RESERVATIONS_PREEMPTED] = SENSE_UA_RESERVATIONS_PREEMPTED,
	[SCSI_UA_RESERVATIONS_RELEASED] = SENSE_UA_RESERVATIONS_RELEASED,
	[SCSI_UA_REGISTRATIONS_PREEMPTED] = SENSE_UA_REGISTRATIONS_PREEMPTED,
	[SCSI_UA_ACCESS_STATE_CHANGED] = SENSE_UA_ACCESS_STATE_CHANGED,
	[SCSI_UA_CAPACITY_CHANGED] = SENSE_UA_CAPACITY_CHANGED,
	[SCSI_UA_TIMESTAMP_CHANGED] = SENSE_UA_TIMESTAMP_CHANGED,
	[SCSI_UA_IDENTIFIER_CHANGED] = SENSE_UA_IDENTIFIER_CHANGED,
	[SCSI_UA_INQUIRY_CHANGED] = SENSE_UA_INQUIRY_CHANGED,
	[SCSI_UA_LUNS_CHANGED] = SENSE_UA_LUNS_CHANGED,
};

/* ---- LUNs ---- */

int scsi_lun_decode(const uint8_t lun[8])
{
	static const uint8_t lower_levels[6];

	if (memcmp(lun + 2, lower_levels, sizeof(lower_levels)))
		return -1;
	switch (lun[0] >> 6) {
	case 0: /* peripheral device addressing, BUS IDENTIFIER 0 */
		return lun[0] ? -1 : lun[1];
	case 1: /* flat space addressing */
		return (lun[0] & 0x3f) << 8 | lun[1];
	case 2: /* logical unit addressing: TARGET and BUS NUMBER 0 */
		return lun[0] & 0x3f || lun[1] & 0xe0 ? -1 : lun[1];
	}
	return -1; /* extended addressing: well known logical units have no number */
}

bool scsi_lun_is_report_luns(const uint8_t lun[8])
{
	static const uint8_t report_luns[8] = { 0xc1, 0x01 };

	return memcmp(lun, report_luns, sizeof(report_luns)) == 0;
}

/* ---- map ---- */

/* An itl that is in no map yet, and room for it there. */
int scsi_itl_new(struct scsi_nexus *nexus, const struct scsi_lun_mapping *map, struct scsi_itl **out)
{
	struct scsi_itl *_Atomic *_Atomic *chunk;
	struct scsi_itl *itl;

	if (map->lun > SCSI_MAX_LUN)
		return -EINVAL;
	chunk = &nexus->chunk[map->lun / SCSI_LUN_CHUNK];
	if (!*chunk)
		*chunk = calloc(SCSI_LUN_CHUNK, sizeof(**chunk));
	itl = *chunk ? calloc(1, sizeof(*itl)) : NULL;
	if (!itl)
		return -ENOMEM;
	itl->lun = map->lun;
	itl->lu = map->lu;
	itl->nexus = nexus;
	atomic_init(&itl->read_only, map->read_only || map->lu->read_only);
	atomic_init(&itl->ua, 1u << SCSI_UA_POWER_ON);
	*out = itl;
	return 0;
}

void scsi_itl_publish(struct scsi_itl *itl)
{
	struct scsi_nexus *nexus = itl->nexus;

	pthread_mutex_lock(&itl->lu->lock);
	LIST_INSERT_HEAD(&itl->lu->itls, itl, lu_link);
	pr_refresh_itl(itl);
	scsi_itl_refresh_access(itl);
	pthread_mutex_unlock(&itl->lu->lock);
	nexus->chunk[itl->lun / SCSI_LUN_CHUNK][itl->lun % SCSI_LUN_CHUNK] = itl;
	nexus->n_luns++;
}

static int map_one(struct scsi_nexus *nexus, const struct scsi_lun_mapping *map)
{
	struct scsi_itl *itl;
	int res = map->lun <= SCSI_MAX_LUN && scsi_itl_at(nexus, map->lun) ? -EEXIST : 0;

	if (!res)
		res = scsi_itl_new(nexus, map, &itl);
	if (!res)
		scsi_itl_publish(itl);
	return res;
}

void scsi_itl_free(struct scsi_itl *itl)
{
	if (!itl)
		return;
	pthread_mutex_lock(&itl->lu->lock);
	LIST_REMOVE(itl, lu_link);
	scsi_itl_release(itl); /* SPC-2 7.21.1: loss of the nexus ends it */
	scsi_stats_add(&itl->lu->gone, &itl->stats);
	pthread_mutex_unlock(&itl->lu->lock);
	free(itl->echo);
	free(itl);
}

int scsi_nexus_init(struct scsi_nexus *nexus, const struct scsi_lun_mapping *map, size_t n)
{
	int res = n > SCSI_MAX_LUNS ? -E2BIG : 0;

	nexus->copies = copy_slots_new();
	if (!nexus->copies)
		res = -ENOMEM;
	for (size_t i = 0; !res && i < n; i++)
		res = map_one(nexus, &map[i]);
	if (res)
		scsi_nexus_fini(nexus);
	return res;
}

void scsi_nexus_fini(struct scsi_nexus *nexus)
{
	struct scsi_itl *itl;

	while ((itl = SLIST_FIRST(&nexus->retired))) {
		SLIST_REMOVE_HEAD(&nexus->retired, link);
		scsi_itl_free(itl);
	}
	for (unsigned int i = 0; i < SCSI_LUN_CHUNKS; i++) {
		for (unsigned int j = 0; nexus->chunk[i] && j < SCSI_LUN_CHUNK; j++)
			scsi_itl_free(nexus->chunk[i][j]);
		free(nexus->chunk[i]);
		nexus->chunk[i] = NULL;
	}
	nexus->n_luns = 0;
	copy_slots_free(nexus->copies);
	nexus->copies = NULL;
}

/* ---- unit attentions ---- */

/* SBC-3 5.13: prevention ends with power on, resets and loss of the nexus. */
static bool ends_prevention(enum scsi_ua ua)
{
	return ua == SCSI_UA_POWER_ON || ua == SCSI_UA_RESET || ua == SCSI_UA_DEVICE_RESET ||
	       ua == SCSI_UA_NEXUS_LOSS;
}

void scsi_ua_set(struct scsi_itl *itl, enum scsi_ua ua)
{
	if (ends_prevention(ua))
		atomic_store(&itl->prevent, false);
	atomic_fetch_or(&itl->ua, 1u << ua);
	if (itl->nexus->ua_raised)
		itl->nexus->ua_raised(itl, ua);
}

uint32_t scsi_ua_sense(enum scsi_ua ua)
{
	return ua_codes[ua];
}

void scsi_ua_set_others(struct scsi_lu *lu, const struct scsi_nexus *except, enum scsi_ua ua)
{
	struct scsi_itl *itl;

	pthread_mutex_lock(&lu->lock);
	LIST_FOREACH(itl, &lu->itls, lu_link)
		if (itl->nexus != except)
			scsi_ua_set(itl, ua);
	pthread_mutex_unlock(&lu->lock);
}

void scsi_lu_reset(struct scsi_lu *lu)
{
	struct scsi_itl *reserved;

	pthread_mutex_lock(&lu->lock);
	reserved = atomic_load(&lu->reserved);
	if (reserved)
		scsi_itl_release(reserved);
	scsi_mode_set(lu, UINT32_MAX, lu->mode_saved);
	pthread_mutex_unlock(&lu->lock);
	scsi_ua_set_others(lu, NULL, SCSI_UA_DEVICE_RESET);
}

/* Of two commands that see the same bit, one takes it. */
enum scsi_sense_code scsi_ua_take(struct scsi_itl *itl)
{
	uint32_t pending = atomic_load(&itl->ua);

	while (pending) {
		unsigned int ua = (unsigned int)__builtin_ctz(pending);

		if (atomic_fetch_and(&itl->ua, ~(1u << ua)) & 1u << ua)
			return ua_codes[ua];
		pending = atomic_load(&itl->ua);
	}
	return SENSE_NONE;
}
