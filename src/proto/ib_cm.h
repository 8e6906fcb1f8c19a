/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The passive side of InfiniBand's communication manager (IBA 12.9) without input and output: an
 * event and the time go in, actions come out. Knows connections, retransmission, duplicates, stale
 * connections and timewait; does not know queue pairs, logins, or how MADs travel.
 *
 * Connections are matched by communication ids, never by transaction id: what carries the MADs may
 * rewrite the upper half of it.
 */
#ifndef SRPTD_PROTO_IB_CM_H
#define SRPTD_PROTO_IB_CM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/cm_mad.h"

enum ibcm_state {
	IBCM_FREE,
	IBCM_REQ_RCVD,	   /* the owner is deciding */
	IBCM_MRA_REQ_SENT, /* still deciding; the peer was asked for patience */
	IBCM_REP_SENT,
	IBCM_MRA_REP_RCVD, /* the peer asks for patience with its RTU */
	IBCM_ESTABLISHED,
	IBCM_DREQ_SENT,
	IBCM_TIMEWAIT, /* over, but late packets of it may still be about */
};

struct ibcm_conn {
	enum ibcm_state state;
	bool owned; /* the owner may still use the pointer */
	uint32_t local_id;
	uint32_t remote_id;
	uint64_t ca_guid; /* of the peer */
	uint64_t our_guid;
	uint32_t remote_qpn;
	uint32_t local_qpn;
	uint64_t tid;
	struct mad_addr peer;
	uint32_t wait_ms; /* for the answer to what was sent last */
	uint32_t timewait_ms;
	uint8_t max_retries;
	uint8_t retries;
	uint64_t deadline_ms; /* UINT64_MAX = none */
	uint8_t mad[MAD_LEN]; /* sent last, for retransmission */
	void *context;	      /* the owner's */
};

enum ibcm_end {
	IBCM_END_DISCONNECTED, /* the peer's DREQ */
	IBCM_END_REJECTED,     /* the peer's REJ before the connection stood */
	IBCM_END_TIMEOUT,      /* no RTU, or no decision of the owner */
	IBCM_END_STALE,	       /* the peer's queue pair asks for a new connection */
};

enum ibcm_action_type {
	IBCM_SEND,	/* mad to `to` */
	IBCM_REQUEST,	/* decide: ibcm_accept() or ibcm_reject(); out->req is the REQ */
	IBCM_CONNECTED, /* RTU, or first message on the queue pair */
	IBCM_ENDED,	/* without the owner's doing; ibcm_release() remains to be called */
};

struct ibcm_action {
	enum ibcm_action_type type;
	struct ibcm_conn *conn; /* NULL with IBCM_SEND that belongs to none */
	enum ibcm_end why;	/* IBCM_ENDED */
	struct mad_addr to;
	uint8_t mad[MAD_LEN];
};

/* Most that one event leads to: REJ and DREQ and the end of a stale connection. */
enum {
	IBCM_MAX_ACTIONS = 4
};

struct ibcm_out {
	unsigned int n;
	struct ibcm_action action[IBCM_MAX_ACTIONS];
	struct cm_req req; /* of IBCM_REQUEST, LIDs and SL as the path has them */
};

/* What a REQ may ask for at the port where it came in. */
struct ibcm_port {
	uint64_t ca_guid; /* of the device */
	const uint8_t (*gids)[16];
	size_t n_gids;
	const uint16_t *pkeys; /* with the membership bit; 0 = empty entry */
	size_t n_pkeys;
};

struct ibcm {
	struct ibcm_conn *conns; /* the caller's memory */
	size_t n_conns;
	uint32_t next_id;
	const uint64_t *services; /* service ids that are listened on, the caller's memory */
	size_t n_services;
	const struct class_port_info *redirect; /* NULL, or where new requests are sent to */
};

/* conns: n zeroed entries (at most 65536). id_seed: so that ids of an earlier life do not return.
 */
void ibcm_init(struct ibcm *cm, struct ibcm_conn *conns, size_t n, uint32_t id_seed);

/* A MAD of class 7 of len received bytes. */
void ibcm_recv(struct ibcm *cm, uint64_t now_ms, const struct ibcm_port *port,
	       const struct mad_addr *from, const void *mad, size_t len, struct ibcm_out *out);
/* The earliest deadline, UINT64_MAX if there is none. */
uint64_t ibcm_deadline(const struct ibcm *cm);
/* Handle one connection whose deadline has passed. False: there is none. */
bool ibcm_timer(struct ibcm *cm, uint64_t now_ms, struct ibcm_out *out);

/*
 * Accept a request: queue pair ready, parameters and private data in rep; ids and CA GUID are
 * filled in here. False, with nothing sent, if the request is over already.
 */
bool ibcm_accept(struct ibcm *cm, uint64_t now_ms, struct ibcm_conn *conn, struct cm_rep *rep,
		 struct ibcm_out *out);
/* Refuse a request, or give it up after REP. The connection is not the owner's any more. */
void ibcm_reject(struct ibcm *cm, uint64_t now_ms, struct ibcm_conn *conn, uint16_t reason,
		 const void *private_data, size_t len, struct ibcm_out *out);
/* The queue pair has received before an RTU did. */
void ibcm_comm_est(struct ibcm *cm, struct ibcm_conn *conn, struct ibcm_out *out);
/* Begin to disconnect, whatever the state. */
void ibcm_disconnect(struct ibcm *cm, uint64_t now_ms, struct ibcm_conn *conn,
		     struct ibcm_out *out);
/* The owner is done with the connection, which is disconnected if it still stands. */
void ibcm_release(struct ibcm *cm, uint64_t now_ms, struct ibcm_conn *conn, struct ibcm_out *out);

/* "REP sent": never NULL. */
const char *ibcm_state_name(enum ibcm_state state);

#endif
