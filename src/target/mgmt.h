/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * InfiniBand management of the control thread: what comes and goes as MADs is handed to the
 * connection manager over umad (mgmt_cm.c), and to the advertising of targets (advertise.c).
 */
#ifndef SRPTD_TARGET_MGMT_H
#define SRPTD_TARGET_MGMT_H

#include "proto/dm_agent.h"
#include "proto/ib_cm.h"
#include "rdma/cm.h"
#include "rdma/mads.h"

struct server;
struct conf;
struct portal;

/* A service record to be kept at the subnet administrator. */
struct sa_lease {
	unsigned int port;
	uint16_t pkey;
	const struct dm_offer *offer;
	uint64_t ioc_guid;
	uint64_t next_ns; /* when to set it (again) */
	bool held;	  /* the administrator has it, as far as we know */
};

struct mgmt {
	struct server *server;
	struct mads mads;
	uint64_t rescan_ns;

	/* mgmt_cm.c; no connections: af_ib */
	bool umad_cm;
	struct ibcm cm;
	struct ibcm_conn *conns;
	uint64_t *services;
	struct class_port_info redirect;

	/* advertise.c */
	struct dm_table table;
	struct dm_ioc *iocs;
	struct dm_offer *offers; /* of all controllers */
	bool dm_wanted;
	bool lease_wanted;
	uint32_t lease_s;
	struct sa_lease *leases;
	size_t n_leases, max_leases;
	unsigned int n_waiting; /* withdrawals without an answer yet */
};

/*
 * Make what server->portals and the configuration ask for; nothing is opened. *out stays NULL if
 * there is no native portal, or nothing to do for them. 0 or -errno after a log line.
 */
int mgmt_new(struct server *server, const struct conf *conf, struct mgmt **out);
/* Open the ports. 0 or -errno after a log line. */
int mgmt_start(struct mgmt *mgmt);
/* Readable when mgmt_step() has work; -1 before mgmt_start(). */
int mgmt_fd(const struct mgmt *mgmt);
/* How long the control loop may sleep, at most timeout_ms (-1 = for ever). */
int mgmt_timeout(const struct mgmt *mgmt, int timeout_ms);
void mgmt_step(struct mgmt *mgmt);
/* New requests are refused, service records withdrawn; connections go on. */
void mgmt_stop(struct mgmt *mgmt);
/* Queue pairs of its connections are gone. */
void mgmt_free(struct mgmt *mgmt);

/* ---- mgmt_cm.c ---- */
int mgmt_cm_new(struct mgmt *mgmt, const struct conf *conf);
void mgmt_cm_free(struct mgmt *mgmt);
/* Take the requests of a portal by this connection manager. 0 or -errno. */
int mgmt_listen(struct mgmt *mgmt, struct portal *portal);
void mgmt_unlisten(struct mgmt *mgmt);
void mgmt_cm_received(struct mgmt *mgmt, const struct mad_addr *from, const uint8_t *mad,
		      size_t len);
void mgmt_cm_timers(struct mgmt *mgmt);
/* The connections that came through a port end. */
void mgmt_cm_port_down(struct mgmt *mgmt, unsigned int port);

/* ---- advertise.c ---- */
int advertise_new(struct mgmt *mgmt, const struct conf *conf);
void advertise_free(struct mgmt *mgmt);
void advertise_port_up(struct mgmt *mgmt, unsigned int port);
void advertise_port_down(struct mgmt *mgmt, unsigned int port);
void advertise_dm_received(struct mgmt *mgmt, const struct mad_addr *from, const uint8_t *mad,
			   size_t len);
/* An answer of the subnet administrator, or NULL for none, to a request of ours. */
void advertise_sa_answer(struct mgmt *mgmt, uint64_t tid, uint16_t status, bool answered);
uint64_t advertise_deadline_ns(const struct mgmt *mgmt);
void advertise_step(struct mgmt *mgmt);
void advertise_withdraw(struct mgmt *mgmt);

#endif
