/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Subnet administration as its client sees it (IBA 15.2): requests, answers of one or many records,
 * and the records that a target and its discovery need. Segments of a long answer are put
 * together below this (by the kernel's MAD layer); here an answer is one buffer.
 */
#ifndef SRPTD_WIRE_SA_MAD_H
#define SRPTD_WIRE_SA_MAD_H

#include <stddef.h>
#include <stdint.h>

#include "wire/mad.h"

enum {
	SA_CLASS_VERSION = 2,
	SA_DATA = 56, /* offset of the records in the MAD */
	SA_DATA_LEN = MAD_LEN - SA_DATA,
};

enum sa_attr {
	SA_NODE_RECORD = 0x0011,
	SA_PORT_INFO_RECORD = 0x0012,
	SA_SERVICE_RECORD = 0x0031,
	SA_PATH_RECORD = 0x0035,
};

enum {
	SA_STATUS_NO_RECORDS = 0x0300
}; /* IBA table 198 */

struct sa_request {
	uint64_t tid;
	uint8_t method; /* enum mad_method */
	uint16_t attr;
	uint32_t attr_mod;
	uint64_t comp_mask; /* which fields of data count */
	uint8_t data[SA_DATA_LEN];
};

void sa_request_build(uint8_t out[MAD_LEN], const struct sa_request *req);

struct sa_answer {
	uint64_t tid;
	uint16_t attr;
	uint16_t status;	/* enum mad_status or 0x0100… of SA; not 0: no records */
	const uint8_t *records; /* in the buffer that was parsed */
	size_t record_len;	/* from one record to the next */
	size_t n_records;
};

/* A Get's answer has one record whatever its attribute offset says. MAD_OK, or what is wrong. */
enum mad_err sa_answer_parse(const void *mad, size_t len, struct sa_answer *out);

struct sa_node_record {
	uint16_t lid;
	uint8_t node_type; /* 1 CA, 2 switch, 3 router */
	uint64_t node_guid;
	uint64_t port_guid;
	char description[64];
};
enum {
	SA_NODE_RECORD_LEN = 108,
	SA_NODE_TYPE_CA = 1
};
void sa_node_record_parse(const uint8_t *rec, struct sa_node_record *out);
void sa_node_record_build(uint8_t *rec, const struct sa_node_record *in);

struct sa_port_info_record {
	uint16_t lid;
	uint8_t port;
	uint64_t gid_prefix;
	uint16_t base_lid;
	uint16_t sm_lid;
	uint32_t cap_mask;
	uint8_t local_port;
	uint8_t state; /* 4 = active */
};
enum {
	SA_PORT_INFO_RECORD_LEN = 68
};
#define SA_CAP_IS_DM (1u << 19) /* PortInfo.CapabilityMask.IsDeviceManagementSupported */
void sa_port_info_record_parse(const uint8_t *rec, struct sa_port_info_record *out);
void sa_port_info_record_build(uint8_t *rec, const struct sa_port_info_record *in);

struct sa_path_record {
	uint64_t service_id;
	uint8_t dgid[16];
	uint8_t sgid[16];
	uint16_t dlid;
	uint16_t slid;
	uint32_t flow_label;
	uint8_t hop_limit;
	uint8_t tclass;
	uint8_t numb_path;
	uint16_t pkey;
	uint8_t sl;
	uint8_t mtu;
	uint8_t rate;
	uint8_t packet_life;
};
enum {
	SA_PATH_RECORD_LEN = 64,
	SA_PATH_DGID = 1 << 2,
	SA_PATH_SGID = 1 << 3,
	SA_PATH_DLID = 1 << 4,
	SA_PATH_SLID = 1 << 5,
	SA_PATH_NUMB_PATH = 1 << 12,
	SA_PATH_PKEY = 1 << 13,
};
void sa_path_record_parse(const uint8_t *rec, struct sa_path_record *out);
void sa_path_record_build(uint8_t *rec, const struct sa_path_record *in);

struct sa_service_record {
	uint64_t id;
	uint8_t gid[16];
	uint16_t pkey;
	uint32_t lease_s; /* 0xffffffff = for ever */
	uint8_t key[16];
	char name[64];
	uint8_t data8[16];
	uint64_t data64[2];
};
enum {
	SA_SERVICE_RECORD_LEN = 176,
	SA_SERVICE_ID = 1 << 0,
	SA_SERVICE_GID = 1 << 1,
	SA_SERVICE_PKEY = 1 << 2,
	SA_SERVICE_LEASE = 1 << 4,
	SA_SERVICE_KEY = 1 << 5,
	SA_SERVICE_NAME = 1 << 6,
	SA_SERVICE_DATA8 = 0xffff << 7,
};
#define SA_SERVICE_DATA64 (3ull << 35)
void sa_service_record_parse(const uint8_t *rec, struct sa_service_record *out);
void sa_service_record_build(uint8_t *rec, const struct sa_service_record *in);

#endif
