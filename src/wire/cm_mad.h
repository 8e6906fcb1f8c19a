/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages of InfiniBand's communication manager (IBA 12.6 to 12.11): bytes of a MAD to structs and
 * back. Names are those of the sender: `local` is the sender's. Nothing is decided here but
 * whether the MAD is one of the eleven messages.
 */
#ifndef SRPTD_WIRE_CM_MAD_H
#define SRPTD_WIRE_CM_MAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/mad.h"

enum {
	CM_CLASS_VERSION = 2
};

enum cm_attr {
	CM_REQ = 0x0010,
	CM_MRA,
	CM_REJ,
	CM_REP,
	CM_RTU,
	CM_DREQ,
	CM_DREP,
	CM_SIDR_REQ,
	CM_SIDR_REP,
	CM_LAP,
	CM_APR,
};

/* Room for private data, and for the additional information of REJ, APR and SIDR_REP. */
enum {
	CM_REQ_PRIVATE_LEN = 92,
	CM_REP_PRIVATE_LEN = 196,
	CM_REJ_PRIVATE_LEN = 148,
	CM_DREQ_PRIVATE_LEN = 220,
	CM_ARI_LEN = 72,
};

/* IBA 12.6.7.2 */
enum cm_rej_reason {
	CM_REJ_NO_QP = 1,
	CM_REJ_NO_EEC = 2,
	CM_REJ_NO_RESOURCES = 3,
	CM_REJ_TIMEOUT = 4,
	CM_REJ_UNSUPPORTED = 5,
	CM_REJ_INVALID_COMM_ID = 6,
	CM_REJ_INVALID_COMM_INSTANCE = 7,
	CM_REJ_INVALID_SERVICE_ID = 8,
	CM_REJ_INVALID_TRANSPORT = 9,
	CM_REJ_STALE = 10,
	CM_REJ_PRIMARY_GID = 12,
	CM_REJ_PRIMARY_LID = 13,
	CM_REJ_REDIRECT = 24, /* port and CM: the ARI is a ClassPortInfo */
	CM_REJ_MTU = 26,
	CM_REJ_CONSUMER = 28,
	CM_REJ_DUPLICATE_COMM_ID = 30,
	CM_REJ_CLASS_VERSION = 31,
};

enum cm_which {
	CM_WHICH_REQ,
	CM_WHICH_REP,
	CM_WHICH_OTHER
}; /* message rejected or MRAed */

enum cm_transport {
	CM_TRANSPORT_RC,
	CM_TRANSPORT_UC,
	CM_TRANSPORT_RD,
	CM_TRANSPORT_EXT
};

struct cm_path {
	uint16_t local_lid;
	uint16_t remote_lid;
	uint8_t local_gid[16];
	uint8_t remote_gid[16];
	uint32_t flow_label;
	uint8_t rate;
	uint8_t tclass;
	uint8_t hop_limit;
	uint8_t sl;
	bool subnet_local;
	uint8_t ack_timeout; /* 4.096 µs · 2^n */
};

struct cm_req {
	uint32_t local_id;
	uint64_t service_id;
	uint64_t ca_guid;
	uint32_t qkey;
	uint32_t qpn;
	uint8_t responder_resources;
	uint32_t eecn;
	uint8_t initiator_depth;
	uint32_t remote_eecn;
	uint8_t remote_timeout; /* 4.096 µs · 2^n that the sender waits for an answer */
	uint8_t transport;	/* enum cm_transport */
	bool flow_control;
	uint32_t starting_psn;
	uint8_t local_timeout; /* within which the sender answers a REP */
	uint8_t retry_count;
	uint16_t pkey;
	uint8_t mtu; /* 1 = 256 … 5 = 4096 bytes */
	bool rdc;
	uint8_t rnr_retry;
	uint8_t max_cm_retries;
	bool srq;
	uint8_t ext_transport;
	struct cm_path primary;
	struct cm_path alternate; /* LIDs zero: none */
	uint8_t private_data[CM_REQ_PRIVATE_LEN];
};

struct cm_rep {
	uint32_t local_id;
	uint32_t remote_id;
	uint32_t qkey;
	uint32_t qpn;
	uint32_t eecn;
	uint32_t starting_psn;
	uint8_t responder_resources;
	uint8_t initiator_depth;
	uint8_t target_ack_delay;
	uint8_t failover; /* 0 accepted, 1 not supported, 2 rejected */
	bool flow_control;
	uint8_t rnr_retry;
	bool srq;
	uint64_t ca_guid;
	uint8_t private_data[CM_REP_PRIVATE_LEN];
};

struct cm_rtu {
	uint32_t local_id;
	uint32_t remote_id;
};

struct cm_rej {
	uint32_t local_id;
	uint32_t remote_id;
	uint8_t rejected; /* enum cm_which */
	uint8_t ari_len;
	uint16_t reason; /* enum cm_rej_reason, as received */
	uint8_t ari[CM_ARI_LEN];
	uint8_t private_data[CM_REJ_PRIVATE_LEN];
};

struct cm_mra {
	uint32_t local_id;
	uint32_t remote_id;
	uint8_t mraed; /* enum cm_which; OTHER is LAP */
	uint8_t service_timeout;
};

struct cm_dreq {
	uint32_t local_id;
	uint32_t remote_id;
	uint32_t remote_qpn;
	uint8_t private_data[CM_DREQ_PRIVATE_LEN];
};

struct cm_drep {
	uint32_t local_id;
	uint32_t remote_id;
};

struct cm_lap {
	uint32_t local_id;
	uint32_t remote_id;
	uint32_t remote_qpn;
};

enum cm_ap_status {
	CM_AP_LOADED,
	CM_AP_INVALID_COMM_ID,
	CM_AP_NOT_SUPPORTED
};

struct cm_apr {
	uint32_t local_id;
	uint32_t remote_id;
	uint8_t status; /* enum cm_ap_status */
};

struct cm_sidr_req {
	uint32_t request_id;
	uint16_t pkey;
	uint64_t service_id;
};

enum cm_sidr_status {
	CM_SIDR_VALID,
	CM_SIDR_UNSUPPORTED,
	CM_SIDR_REJECT
};

struct cm_sidr_rep {
	uint32_t request_id;
	uint8_t status; /* enum cm_sidr_status */
	uint32_t qpn;
	uint64_t service_id;
	uint32_t qkey;
};

struct cm_msg {
	uint64_t tid;
	enum cm_attr attr; /* says which member counts */
	union {
		struct cm_req req;
		struct cm_rep rep;
		struct cm_rtu rtu;
		struct cm_rej rej;
		struct cm_mra mra;
		struct cm_dreq dreq;
		struct cm_drep drep;
		struct cm_lap lap;
		struct cm_apr apr;
		struct cm_sidr_req sidr_req;
		struct cm_sidr_rep sidr_rep;
	};
};

/*
 * On MAD_ERR_CLASS_VERSION the message is parsed all the same, if it is long enough: a REQ has to
 * be rejected by its communication id.
 */
enum mad_err cm_msg_parse(const void *mad, size_t len, struct cm_msg *out);
/* Every byte of the MAD is written. */
void cm_msg_build(uint8_t out[MAD_LEN], const struct cm_msg *msg);

/* "REQ", "consumer reject": never NULL. */
const char *cm_attr_name(uint16_t attr);
const char *cm_rej_reason_name(uint16_t reason);

#endif
