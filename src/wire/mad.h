/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * InfiniBand management datagrams (IBA 13.4.3): the common header, and ClassPortInfo, which every
 * class has (13.4.8.1). Pure functions of a buffer and its received length.
 */
#ifndef SRPTD_WIRE_MAD_H
#define SRPTD_WIRE_MAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MAD_LEN = 256,
	MAD_HDR_LEN = 24,
	MAD_BASE_VERSION = 1,
	MAD_CLASS_PORT_INFO_LEN = 72,
};

#define MAD_QKEY 0x80010000u /* well-known Q_Key of the general services interface, QP1 */

enum mad_class {
	MAD_CLASS_SA = 0x03, /* subnet administration, class version 2 */
	MAD_CLASS_DM = 0x06, /* device management, class version 1 */
	MAD_CLASS_CM = 0x07, /* communication management, class version 2 */
};

enum mad_method {
	MAD_GET = 0x01,
	MAD_SET = 0x02,
	MAD_SEND = 0x03,
	MAD_GET_TABLE = 0x12,
	MAD_DELETE = 0x15,
	MAD_RESPONSE = 0x80, /* added to the method that is answered */
};

/* Common status, bits 2…4 (IBA 13.4.7); class-specific codes start at 0x0100. */
enum mad_status {
	MAD_STATUS_OK = 0,
	MAD_STATUS_BUSY = 0x0001,
	MAD_STATUS_REDIRECT = 0x0002,
	MAD_STATUS_BAD_VERSION = 0x0004,
	MAD_STATUS_BAD_METHOD = 0x0008,
	MAD_STATUS_BAD_ATTRIBUTE = 0x000c, /* method and attribute do not go together */
	MAD_STATUS_BAD_FIELD = 0x001c,
};

enum {
	MAD_ATTR_CLASS_PORT_INFO = 0x0001
};

/*
 * The other end of a MAD: where it came from, and so where its answer goes. Host byte order. Flat
 * numbers, so that whoever carries MADs can fill it in.
 */
struct mad_addr {
	uint32_t port; /* index of our port, the carrier's numbering */
	uint16_t lid;
	uint8_t sl;
	uint8_t path_bits;
	uint32_t qpn;
	uint16_t pkey_index;
	bool grh; /* what follows counts */
	uint8_t gid[16];
	uint8_t gid_index;
	uint8_t hop_limit;
	uint8_t tclass;
	uint32_t flow_label;
};

/* Why a MAD was not understood. Names: mad_err_name(). */
enum mad_err {
	MAD_OK,
	MAD_ERR_SHORT,
	MAD_ERR_BASE_VERSION,
	MAD_ERR_CLASS,
	MAD_ERR_CLASS_VERSION,
	MAD_ERR_METHOD,
	MAD_ERR_ATTRIBUTE,
};

struct mad_hdr {
	uint8_t base_version;
	uint8_t mgmt_class;
	uint8_t class_version;
	uint8_t method;
	uint16_t status;
	uint16_t class_specific;
	uint64_t tid;
	uint16_t attr_id;
	uint32_t attr_mod;
};

/* Only the length is checked: the versions are the caller's to answer. */
enum mad_err mad_hdr_parse(const void *mad, size_t len, struct mad_hdr *out);
void mad_hdr_build(uint8_t out[MAD_HDR_LEN], const struct mad_hdr *hdr);

struct class_port_info {
	uint8_t base_version;
	uint8_t class_version;
	uint16_t cap_mask;
	uint32_t cap_mask2;
	uint8_t resp_time; /* 4.096 µs · 2^n until an answer must have come */
	uint8_t redirect_gid[16];
	uint8_t redirect_tclass;
	uint8_t redirect_sl;
	uint32_t redirect_flow;
	uint16_t redirect_lid;
	uint16_t redirect_pkey;
	uint32_t redirect_qpn;
	uint32_t redirect_qkey;
};

/* The trap fields stay zero. */
void class_port_info_build(uint8_t out[MAD_CLASS_PORT_INFO_LEN],
			   const struct class_port_info *info);
void class_port_info_parse(const uint8_t in[MAD_CLASS_PORT_INFO_LEN], struct class_port_info *out);

/* Never NULL. */
const char *mad_err_name(enum mad_err err);

#endif
