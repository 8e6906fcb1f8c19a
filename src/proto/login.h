/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The login decision (SRP r16a 5.1, 6.2): a login request and what the target knows about it in,
 * an SRP_LOGIN_RSP or SRP_LOGIN_REJ out. No I/O, no clock, no memory.
 */
#ifndef SRPTD_PROTO_LOGIN_H
#define SRPTD_PROTO_LOGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/srp.h"

/* This target's own bounds. */
struct login_limits {
	uint32_t max_req_size;  /* largest IU that a receive buffer holds */
	uint32_t max_rsp_size;  /* largest IU sent */
	uint32_t max_channels;  /* per I_T nexus */
	uint32_t req_lim;       /* request limit to grant */
	uint32_t min_req_lim;   /* refuse rather than grant less */
};

/* What the caller has looked up. */
struct login_facts {
	bool target_known;       /* the target port id names a target of this listener */
	bool admitted;           /* a group of that target admits the initiator */
	bool out_of_resources;   /* stopping, or no QP can be had */
	uint32_t n_channels;     /* of this I_T nexus at present */
	uint32_t free_receives;  /* not yet promised to a channel, less this channel's own reserve */
	uint32_t all_receives;   /* that the queues have room for ... */
	uint32_t left_receives;  /* ... not yet promised, made or not */
	uint32_t held;           /* ... promised to this I_T nexus */
};

struct login_result {
	uint32_t reject;          /* enum srp_login_rej_reason, 0 = accepted */
	const char *why;          /* for the log, when rejected; static text */
	bool end_others;          /* SINGLE: the nexus's other channels must end */
	uint32_t imm_data_offset; /* 0 = immediate data not granted */
	struct srp_login_rsp rsp;
};

void login_decide(const struct srp_login_req *req, const struct login_limits *limits,
		  const struct login_facts *facts, struct login_result *out);

#endif
