/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a device management MAD, to an agent with controllers some of which are hidden from
 * the asker: an answer is one, has only what the asker may see, and the client's parsers stand it.
 */
#include "fuzz.h"

#include <string.h>

#include "base/compiler.h"
#include "proto/dm_agent.h"

enum {
	HIDDEN_ID = 0x666,
	SEEN_ID = 0x111,
	N_OFFERS = 6
};

static const struct dm_offer offers[N_OFFERS] = {
	{ { "SRP.T10:0000000000000001", SEEN_ID }, NULL },
	{ { "SRP.T10:0000000000000002", HIDDEN_ID }, NULL },
	{ { "SRP.T10:0000000000000003", SEEN_ID }, NULL },
	{ { "SRP.T10:0000000000000004", SEEN_ID }, NULL },
	{ { "SRP.T10:0000000000000005", SEEN_ID }, NULL },
	{ { "SRP.T10:0000000000000006", SEEN_ID }, NULL },
};
static const struct dm_ioc iocs[] = {
	{ .profile = { .ioc_guid = 1 }, offers, N_OFFERS },
	{ .profile = { .ioc_guid = 2 }, offers + 1, 1 }, /* nothing that is seen */
	{ .profile = { .ioc_guid = 3 }, offers, 1 },
};

static bool visible(const struct dm_offer *offer, const struct dm_asker *asker)
{
	return offer->service.id != HIDDEN_ID;
}

static void check_services(const uint8_t *data)
{
	struct dm_service s;
	uint64_t ext;

	for (unsigned int i = 0; i < DM_SERVICES_PER_MAD; i++) {
		dm_service_parse(data, i, &s);
		must(s.id == 0 || s.id == SEEN_ID);
		must((s.id == 0) == (dm_srp_name_parse(s.name, &ext) != 0));
	}
}

static void check_data(uint16_t attr, const uint8_t *data)
{
	struct dm_io_unit_info unit;
	struct dm_ioc_profile profile;

	switch (attr) {
	case DM_IO_UNIT_INFO:
		dm_io_unit_info_parse(data, &unit);
		must(unit.slots[0] == DM_SLOT_PRESENT && unit.slots[1] == DM_SLOT_EMPTY);
		must(unit.slots[2] == DM_SLOT_PRESENT && unit.max_controllers == DM_MIN_SLOTS);
		break;
	case DM_IOC_PROFILE:
		dm_ioc_profile_parse(data, &profile);
		must(profile.ioc_guid == 1 || profile.ioc_guid == 3);
		must(profile.n_services == (profile.ioc_guid == 1 ? N_OFFERS - 1 : 1));
		break;
	case DM_SERVICE_ENTRIES:
		check_services(data);
		break;
	default:
		must(attr == MAD_ATTR_CLASS_PORT_INFO);
	}
}

static void check_answer(const uint8_t *mad, const uint8_t *answer)
{
	struct mad_hdr in, out;
	const uint8_t *data;
	uint16_t status;

	must(!mad_hdr_parse(mad, MAD_LEN, &in) && !mad_hdr_parse(answer, MAD_LEN, &out));
	must(in.mgmt_class == MAD_CLASS_DM && out.method == (in.method | MAD_RESPONSE));
	must(in.tid == out.tid && in.attr_id == out.attr_id && in.attr_mod == out.attr_mod);
	data = dm_answer_parse(answer, MAD_LEN, in.attr_id, &status);
	must(!data == (status != MAD_STATUS_OK));
	if (data)
		check_data(in.attr_id, data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct dm_table table = { 1, iocs, ARRAY_SIZE(iocs), visible };
	const struct dm_asker asker = { 0 };
	uint8_t *mad = malloc(size), answer[MAD_LEN];
	uint16_t status;

	must(mad || !size);
	if (size)
		memcpy(mad, data, size);
	if (dm_agent_answer(&table, &asker, mad, size, answer))
		check_answer(mad, answer);
	dm_answer_parse(mad, size, DM_IOC_PROFILE, &status);
	free(mad);
	return 0;
}
