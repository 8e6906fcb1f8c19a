/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Device management (IBA 16.3): I/O units, I/O controllers and their services as MADs. Which
 * controllers there are is not known here.
 */
#ifndef SRPTD_WIRE_DM_MAD_H
#define SRPTD_WIRE_DM_MAD_H

#include <stdint.h>

#include "wire/mad.h"

enum {
	DM_CLASS_VERSION = 1,
	DM_DATA = 64, /* offset of the attribute in the MAD */
	DM_DATA_LEN = MAD_LEN - DM_DATA,
	DM_MAX_SLOTS = 255,
	DM_SERVICES_PER_MAD = 4,
	DM_MAX_SERVICES = 255, /* num_svc_entries has eight bits */
};

enum dm_attr {
	DM_IO_UNIT_INFO = 0x0010,
	DM_IOC_PROFILE = 0x0011,     /* modifier: slot, 1… */
	DM_SERVICE_ENTRIES = 0x0012, /* modifier: slot << 16 | end << 8 | begin */
};

enum {
	DM_STATUS_NO_IOC = 0x0100
}; /* class specific: no controller in the slot */

/* A slot of IOUnitInfo's list. */
enum dm_slot {
	DM_SLOT_EMPTY = 0,
	DM_SLOT_PRESENT = 1,
	DM_SLOT_NONE = 0xf
};

struct dm_io_unit_info {
	uint16_t change_id;
	uint8_t max_controllers;
	uint8_t options;		 /* diagnostic device id, option ROM */
	uint8_t slots[DM_MAX_SLOTS + 1]; /* enum dm_slot; slot n is slots[n - 1] */
};

struct dm_ioc_profile {
	uint64_t ioc_guid;
	uint32_t vendor_id; /* 24 bits */
	uint32_t device_id;
	uint16_t device_version;
	uint32_t subsystem_vendor_id; /* 24 bits */
	uint32_t subsystem_id;
	uint16_t io_class;
	uint16_t io_subclass;
	uint16_t protocol;
	uint16_t protocol_version;
	uint16_t service_connections;
	uint16_t initiators_supported;
	uint16_t send_queue_depth;
	uint8_t rdma_read_depth;
	uint32_t send_size;
	uint32_t rdma_size;
	uint8_t op_cap_mask;
	uint8_t svc_cap_mask;
	uint8_t n_services;
	char id_string[64]; /* UTF-8, padded with NUL */
};

/* Operation capabilities of an SRP target: it takes and gives messages, reads and writes by RDMA.
 */
enum {
	DM_OP_SRP_TARGET = 0x2b
};

/* The profile of an SRP target (SRP r16a annex B). */
enum {
	DM_IO_CLASS_SRP = 0x0100,
	DM_IO_CLASS_SRP_REV10 = 0xff00,
	DM_IO_SUBCLASS_SRP = 0x609e,
	DM_PROTOCOL_SRP = 0x0108,
	DM_PROTOCOL_VERSION_SRP = 1,
};

struct dm_service {
	char name[40]; /* "SRP.T10:" and 16 hex digits, padded with NUL */
	uint64_t id;
};

void dm_io_unit_info_build(uint8_t data[DM_DATA_LEN], const struct dm_io_unit_info *info);
void dm_io_unit_info_parse(const uint8_t data[DM_DATA_LEN], struct dm_io_unit_info *out);
void dm_ioc_profile_build(uint8_t data[DM_DATA_LEN], const struct dm_ioc_profile *profile);
void dm_ioc_profile_parse(const uint8_t data[DM_DATA_LEN], struct dm_ioc_profile *out);
/* Entry i of a MAD, 0 to DM_SERVICES_PER_MAD - 1. */
void dm_service_build(uint8_t data[DM_DATA_LEN], unsigned int i, const struct dm_service *service);
void dm_service_parse(const uint8_t data[DM_DATA_LEN], unsigned int i, struct dm_service *out);

/* "SRP.T10:0123456789abcdef" for an id_ext, and back: -1 if it is not of this form. */
void dm_srp_name(uint64_t id_ext, char name[40]);
int dm_srp_name_parse(const char name[40], uint64_t *id_ext);

/* A request, and the answer to one: the header of the request with status and an empty body. */
void dm_request_build(uint8_t out[MAD_LEN], uint64_t tid, uint8_t method, uint16_t attr,
		      uint32_t mod);
/* The attribute's data of a good answer to attr, or NULL with its MAD status in *status. */
const uint8_t *dm_answer_parse(const void *mad, size_t len, uint16_t attr, uint16_t *status);

#endif
