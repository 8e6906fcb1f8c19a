/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Captures: SRP information units as they come and go, written to a pcapng file for wireshark
 * (packaging/wireshark/srp.lua). Workers put them into rings of their own, a thread of the capture
 * writes the file: a worker never waits. Costs one load and test per unit while there is none.
 *
 * A packet is a header of CAPTURE_HEAD_LEN bytes, all numbers big-endian, and the unit: version
 * (1), kind, 2 bytes of zero, number of the session (4; 0 = there is none yet), queue pair (4),
 * port ids of initiator and target (16 each).
 */
#ifndef SRPTD_TARGET_CAPTURE_H
#define SRPTD_TARGET_CAPTURE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct acl_identity;
struct capture;
struct channel;
struct server;

enum {
	CAPTURE_HEAD_LEN = 44,
	CAPTURE_SNAP_MAX = 65536
};

enum capture_kind {
	CAPTURE_IU,
	CAPTURE_LOGIN_RDMA, /* a login request in its RDMA/CM form, without a leading opcode */
};

struct capture_conf {
	const char *path;    /* must not exist */
	const char *session; /* number, or pattern as in groups; NULL = all */
	uint64_t max_size;   /* bytes of the file; more is dropped */
	uint32_t snap_len;   /* bytes of a unit, up to CAPTURE_SNAP_MAX */
};

struct capture_report {
	uint64_t packets; /* seen */
	uint64_t dropped; /* ... but not written: the file or a ring was full */
	uint64_t bytes;	  /* of the file */
	bool full;
	int error; /* -errno of a write */
};

/* Control thread: one at a time. 0, or -errno with a sentence in err. */
int capture_start(struct server *server, const struct capture_conf *conf, char *err,
		  size_t err_len);
/* Its state, and the path of its file; false = there is none. */
bool capture_report(const struct server *server, struct capture_report *out, const char **path);
/* End it, when all that was taken is in the file; false = there was none. */
bool capture_stop(struct server *server, struct capture_report *out);

extern struct capture *_Atomic capture_running;

#define capture_on() unlikely(atomic_load_explicit(&capture_running, memory_order_relaxed) != NULL)

/* Worker of the channel: a unit came, or goes. Behind capture_on(). */
void capture_iu(struct channel *ch, bool outbound, const void *iu, size_t len);
/* Control thread: parts of a login. ch is NULL before there is one. */
void capture_login(struct server *server, const struct channel *ch, const struct acl_identity *id,
		   enum capture_kind kind, bool outbound, const void *data, size_t len);

#endif
