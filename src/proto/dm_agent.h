/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device management agent (IBA 16.3) as a function: a request, a table of I/O controllers, and
 * who asks, in; a response or silence out. Knows nothing of targets, ports or how MADs travel.
 */
#ifndef SRPTD_PROTO_DM_AGENT_H
#define SRPTD_PROTO_DM_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/dm_mad.h"

/* Whoever sent a request. */
struct dm_asker {
	uint16_t pkey;	    /* of the partition that the request came in on; 0 = unknown */
	const uint8_t *gid; /* 16 bytes, NULL = unknown */
};

struct dm_offer {
	struct dm_service service;
	void *context; /* the table's owner's, for visible() */
};

struct dm_ioc {
	struct dm_ioc_profile profile; /* n_services is filled in by the agent */
	const struct dm_offer *offers;
	size_t n_offers;
};

/*
 * Slot n of the I/O unit is iocs[n - 1]. A controller none of whose services is visible to the
 * asker does not exist for it; slots do not move because of that.
 */
struct dm_table {
	uint16_t change_id; /* the owner adds 1 with every change */
	const struct dm_ioc *iocs;
	size_t n_iocs; /* at most DM_MAX_SLOTS */
	bool (*visible)(const struct dm_offer *offer,
			const struct dm_asker *asker); /* NULL = all */
};

enum {
	DM_MIN_SLOTS = 16
}; /* announced even if there are fewer controllers */

/* True: `out` has the response, for the address that the request came from. */
bool dm_agent_answer(const struct dm_table *table, const struct dm_asker *asker, const void *mad,
		     size_t len, uint8_t out[MAD_LEN]);

#endif
