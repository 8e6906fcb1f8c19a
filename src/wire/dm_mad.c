/* SPDX-License-Identifier: BSD-2-Clause */
/* Layouts of device management, see dm_mad.h. */
#include "wire/dm_mad.h"

#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "wire/field.h"

enum {
	SERVICE_LEN = 48,
	SLOTS_AT = 4
};

#define P(name, byte, n) FIELD_BYTES(struct dm_ioc_profile, name, byte, n)
static const struct field profile_fields[] = {
	/* IBA 16.3.3.4 */
	P(ioc_guid, 0, 8),
	P(vendor_id, 8, 3),
	P(device_id, 12, 4),
	P(device_version, 16, 2),
	P(subsystem_vendor_id, 20, 3),
	P(subsystem_id, 24, 4),
	P(io_class, 28, 2),
	P(io_subclass, 30, 2),
	P(protocol, 32, 2),
	P(protocol_version, 34, 2),
	P(service_connections, 36, 2),
	P(initiators_supported, 38, 2),
	P(send_queue_depth, 40, 2),
	P(rdma_read_depth, 43, 1),
	P(send_size, 44, 4),
	P(rdma_size, 48, 4),
	P(op_cap_mask, 52, 1),
	P(svc_cap_mask, 53, 1),
	P(n_services, 54, 1),
	P(id_string, 64, 64),
};

#define U(name, byte, n) FIELD_BYTES(struct dm_io_unit_info, name, byte, n)
static const struct field unit_fields[] = {
	/* IBA 16.3.3.3 */
	U(change_id, 0, 2),
	U(max_controllers, 2, 1),
	U(options, 3, 1),
};

#define S(name, byte, n) FIELD_BYTES(struct dm_service, name, byte, n)
static const struct field service_fields[] = { S(name, 0, 40), S(id, 40, 8) }; /* 16.3.3.5 */

void dm_io_unit_info_build(uint8_t data[DM_DATA_LEN], const struct dm_io_unit_info *info)
{
	memset(data, 0, DM_DATA_LEN);
	fields_put(unit_fields, ARRAY_SIZE(unit_fields), data, info);
	for (size_t i = 0; i < ARRAY_SIZE(info->slots); i++)
		data[SLOTS_AT + i / 2] |= (uint8_t)((info->slots[i] & 0xf) << (i % 2 ? 0 : 4));
}

void dm_io_unit_info_parse(const uint8_t data[DM_DATA_LEN], struct dm_io_unit_info *out)
{
	fields_get(unit_fields, ARRAY_SIZE(unit_fields), data, out);
	for (size_t i = 0; i < ARRAY_SIZE(out->slots); i++)
		out->slots[i] = data[SLOTS_AT + i / 2] >> (i % 2 ? 0 : 4) & 0xf;
}

void dm_ioc_profile_build(uint8_t data[DM_DATA_LEN], const struct dm_ioc_profile *profile)
{
	memset(data, 0, DM_DATA_LEN);
	fields_put(profile_fields, ARRAY_SIZE(profile_fields), data, profile);
}

void dm_ioc_profile_parse(const uint8_t data[DM_DATA_LEN], struct dm_ioc_profile *out)
{
	fields_get(profile_fields, ARRAY_SIZE(profile_fields), data, out);
}

void dm_service_build(uint8_t data[DM_DATA_LEN], unsigned int i, const struct dm_service *service)
{
	fields_put(service_fields, ARRAY_SIZE(service_fields), data + (size_t)i * SERVICE_LEN,
		   service);
}

void dm_service_parse(const uint8_t data[DM_DATA_LEN], unsigned int i, struct dm_service *out)
{
	fields_get(service_fields, ARRAY_SIZE(service_fields), data + (size_t)i * SERVICE_LEN, out);
}

static const char srp_prefix[] = "SRP.T10:";
enum {
	PREFIX_LEN = sizeof(srp_prefix) - 1,
	EXT_DIGITS = 16
};

void dm_srp_name(uint64_t id_ext, char name[40])
{
	memset(name, 0, 40);
	snprintf(name, 40, "%s%016llx", srp_prefix, (unsigned long long)id_ext);
}

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef0123456789ABCDEF";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)((at - digits) % 16) : -1;
}

int dm_srp_name_parse(const char name[40], uint64_t *id_ext)
{
	uint64_t v = 0;

	if (memcmp(name, srp_prefix, PREFIX_LEN) != 0 || name[PREFIX_LEN + EXT_DIGITS] != '\0')
		return -1;
	for (size_t i = PREFIX_LEN; i < PREFIX_LEN + EXT_DIGITS; i++) {
		int d = hex_digit(name[i]);

		if (d < 0)
			return -1;
		v = v << 4 | (uint64_t)d;
	}
	*id_ext = v;
	return 0;
}

void dm_request_build(uint8_t out[MAD_LEN], uint64_t tid, uint8_t method, uint16_t attr,
		      uint32_t mod)
{
	struct mad_hdr hdr = {
		.base_version = MAD_BASE_VERSION,
		.mgmt_class = MAD_CLASS_DM,
		.class_version = DM_CLASS_VERSION,
		.method = method,
		.tid = tid,
		.attr_id = attr,
		.attr_mod = mod,
	};

	memset(out, 0, MAD_LEN);
	mad_hdr_build(out, &hdr);
}

const uint8_t *dm_answer_parse(const void *mad, size_t len, uint16_t attr, uint16_t *status)
{
	struct mad_hdr hdr;

	*status = MAD_STATUS_BAD_FIELD;
	if (len < MAD_LEN || mad_hdr_parse(mad, len, &hdr))
		return NULL;
	if (hdr.mgmt_class != MAD_CLASS_DM || !(hdr.method & MAD_RESPONSE) || hdr.attr_id != attr)
		return NULL;
	*status = hdr.status;
	return hdr.status ? NULL : (const uint8_t *)mad + DM_DATA;
}
