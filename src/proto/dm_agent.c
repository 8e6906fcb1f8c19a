/* SPDX-License-Identifier: BSD-2-Clause */
/* The device management agent, see dm_agent.h. */
#include "proto/dm_agent.h"

#include <string.h>

#include "base/compiler.h"

enum {
	RESP_TIME = 20
}; /* 4.3 s, as kernel targets say */

struct query {
	const struct dm_table *table;
	const struct dm_asker *asker;
	uint32_t mod;
	uint8_t *data;
};

static size_t n_slots(const struct dm_table *table)
{
	return MAX(table->n_iocs, (size_t)DM_MIN_SLOTS);
}

static bool sees(const struct query *q, const struct dm_offer *offer)
{
	return !q->table->visible || q->table->visible(offer, q->asker);
}

/* The n-th service that the asker sees, or NULL. */
static const struct dm_offer *nth_offer(const struct query *q, const struct dm_ioc *ioc, size_t n)
{
	for (size_t i = 0; i < ioc->n_offers; i++)
		if (sees(q, &ioc->offers[i]) && n-- == 0)
			return &ioc->offers[i];
	return NULL;
}

static size_t count_offers(const struct query *q, const struct dm_ioc *ioc)
{
	size_t n = 0;

	for (size_t i = 0; i < ioc->n_offers && n < DM_MAX_SERVICES; i++)
		n += sees(q, &ioc->offers[i]);
	return n;
}

/* The controller of a slot, 1…, if the asker sees any of its services. */
static const struct dm_ioc *find_ioc(const struct query *q, uint32_t slot, uint16_t *status)
{
	const struct dm_ioc *ioc =
		slot && slot <= q->table->n_iocs ? &q->table->iocs[slot - 1] : NULL;

	if (slot == 0 || slot > n_slots(q->table))
		*status = MAD_STATUS_BAD_FIELD;
	else if (!ioc || !nth_offer(q, ioc, 0))
		*status = DM_STATUS_NO_IOC;
	else
		return ioc;
	return NULL;
}

static uint16_t class_port_info(const struct query *q)
{
	struct class_port_info info = { .base_version = MAD_BASE_VERSION,
					.class_version = DM_CLASS_VERSION,
					.resp_time = RESP_TIME };

	if (q->mod)
		return MAD_STATUS_BAD_FIELD;
	class_port_info_build(q->data, &info);
	return MAD_STATUS_OK;
}

static uint16_t io_unit_info(const struct query *q)
{
	struct dm_io_unit_info info = { .change_id = q->table->change_id,
					.max_controllers = (uint8_t)n_slots(q->table) };

	if (q->mod)
		return MAD_STATUS_BAD_FIELD;
	for (size_t i = 0; i < ARRAY_SIZE(info.slots); i++)
		info.slots[i] = i < n_slots(q->table) ? DM_SLOT_EMPTY : DM_SLOT_NONE;
	for (size_t i = 0; i < q->table->n_iocs; i++)
		if (nth_offer(q, &q->table->iocs[i], 0))
			info.slots[i] = DM_SLOT_PRESENT;
	dm_io_unit_info_build(q->data, &info);
	return MAD_STATUS_OK;
}

static uint16_t ioc_profile(const struct query *q)
{
	uint16_t status = MAD_STATUS_OK;
	const struct dm_ioc *ioc = find_ioc(q, q->mod, &status);
	struct dm_ioc_profile profile;

	if (!ioc)
		return status;
	profile = ioc->profile;
	profile.n_services = (uint8_t)count_offers(q, ioc);
	dm_ioc_profile_build(q->data, &profile);
	return MAD_STATUS_OK;
}

/* 16.3.3.5: at most four entries, from begin to end, all of which exist. */
static uint16_t service_entries(const struct query *q)
{
	uint32_t begin = q->mod & 0xff, end = q->mod >> 8 & 0xff;
	uint16_t status = MAD_STATUS_OK;
	const struct dm_ioc *ioc = find_ioc(q, q->mod >> 16, &status);

	if (!ioc)
		return status;
	if (begin > end || end - begin >= DM_SERVICES_PER_MAD || end >= count_offers(q, ioc))
		return MAD_STATUS_BAD_FIELD;
	for (uint32_t i = begin; i <= end; i++)
		dm_service_build(q->data, i - begin, &nth_offer(q, ioc, i)->service);
	return MAD_STATUS_OK;
}

static uint16_t get(const struct query *q, uint16_t attr)
{
	switch (attr) {
	case MAD_ATTR_CLASS_PORT_INFO:
		return class_port_info(q);
	case DM_IO_UNIT_INFO:
		return io_unit_info(q);
	case DM_IOC_PROFILE:
		return ioc_profile(q);
	case DM_SERVICE_ENTRIES:
		return service_entries(q);
	}
	return MAD_STATUS_BAD_ATTRIBUTE;
}

static uint16_t answer(const struct query *q, const struct mad_hdr *hdr)
{
	if (hdr->base_version != MAD_BASE_VERSION || hdr->class_version != DM_CLASS_VERSION)
		return MAD_STATUS_BAD_VERSION;
	switch (hdr->method) {
	case MAD_GET:
		return get(q, hdr->attr_id);
	case MAD_SET: /* nothing here can be changed from the fabric */
		return MAD_STATUS_BAD_ATTRIBUTE;
	}
	return MAD_STATUS_BAD_METHOD;
}

bool dm_agent_answer(const struct dm_table *table, const struct dm_asker *asker, const void *mad,
		     size_t len, uint8_t out[MAD_LEN])
{
	struct query q = { .table = table, .asker = asker, .data = out + DM_DATA };
	struct mad_hdr hdr;

	/* answers and other classes are nobody's request (13.4.5) */
	if (len < MAD_LEN || mad_hdr_parse(mad, len, &hdr) || hdr.mgmt_class != MAD_CLASS_DM ||
	    hdr.method & MAD_RESPONSE)
		return false;
	q.mod = hdr.attr_mod;
	memset(out, 0, MAD_LEN);
	hdr.status = answer(&q, &hdr);
	hdr.base_version = MAD_BASE_VERSION;
	hdr.class_version = DM_CLASS_VERSION;
	hdr.method |= MAD_RESPONSE;
	hdr.class_specific = 0;
	mad_hdr_build(out, &hdr);
	return true;
}
