/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Management datagrams by libibumad: the InfiniBand ports of this host, our agents there, sending,
 * and receiving. Each port has a thread that does nothing but wait for MADs; they are handled by
 * the thread that owns `struct mads`. Knows management classes only as numbers to register.
 */
#ifndef SRPTD_RDMA_MADS_H
#define SRPTD_RDMA_MADS_H

#include <infiniband/verbs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/mad.h"

enum {
	MADS_MAX_PORTS = 16,
	MADS_MAX_PKEYS = 128,
	MADS_MAX_GIDS = 32,
	MADS_NAME_LEN = 20
};

/* Our agents at a port. */
enum mads_agent {
	MADS_DM, /* answers device management requests */
	MADS_CM, /* takes all messages of the communication manager */
	MADS_SA, /* asks the subnet administrator */
	MADS_N_AGENTS
};

struct mads;

struct mads_port {
	struct mads *mads;
	char device[MADS_NAME_LEN];
	int num;
	int fd;			  /* libibumad's number of the open port; -1 = gone */
	int agent[MADS_N_AGENTS]; /* -1 = not registered */
	pthread_t thread;
	bool running;
	bool told;	   /* that it cannot be opened: once is enough */
	_Atomic bool dead; /* its thread has given up: the device is gone */

	/* what the subnet manager may change; see mads_refresh() */
	uint64_t refreshed_ns;
	bool active;
	uint16_t lid;
	uint16_t sm_lid;
	uint8_t sm_sl;
	uint32_t cap_mask;
	uint64_t port_guid;
	uint8_t gids[MADS_MAX_GIDS][16]; /* the first from libibumad, the others by verbs if open */
	size_t n_gids;
	uint16_t pkeys[MADS_MAX_PKEYS];
	size_t n_pkeys;

	struct ibv_context *verbs; /* NULL until mads_verbs(); shared by the ports of a device */
};

struct mads_ops {
	/* A MAD came in for an agent. */
	void (*received)(void *owner, enum mads_agent agent, const struct mad_addr *from,
			 const uint8_t *mad, size_t len);
	/* A request that was sent with a timeout has not been answered. */
	void (*timed_out)(void *owner, enum mads_agent agent, const struct mad_addr *to,
			  const uint8_t *mad);
	/* A port was found and its agents are there; its index is that of mad_addr.port. */
	void (*port_up)(void *owner, unsigned int port);
	/* A port is gone, or closed by mads_stop(). */
	void (*port_down)(void *owner, unsigned int port);
};

struct mads_in;

/* A device opened for verbs. Stays open until mads_stop(): others may have objects of it. */
struct mads_device {
	char name[MADS_NAME_LEN]; /* empty: the device is gone */
	struct ibv_context *verbs;
};

struct mads {
	const struct mads_ops *ops;
	void *owner;
	bool want[MADS_N_AGENTS];
	struct mads_port port[MADS_MAX_PORTS]; /* a port keeps its place */
	unsigned int n_ports;
	struct mads_device device[MADS_MAX_PORTS];
	unsigned int n_devices;
	pthread_mutex_t lock; /* guards the ring */
	struct mads_in *ring;
	unsigned int head, count;
	uint64_t dropped;
	int fd; /* eventfd: readable while something is in the ring, -1 before mads_start() */
	_Atomic bool stop;
};

/*
 * Open every InfiniBand port, those of mads_rescan() included. 0, also with no port at all, or
 * -errno.
 */
int mads_start(struct mads *mads, const struct mads_ops *ops, void *owner,
	       const bool want[MADS_N_AGENTS]);
/* Look for new ports, and give up those that are gone. Call now and then. */
void mads_rescan(struct mads *mads);
/* Handle every MAD that is waiting; never blocks. */
void mads_handle(struct mads *mads);
void mads_stop(struct mads *mads);

/*
 * Send to an address at a port. With a timeout (ms) it is a request: repeated `retries` times, and
 * timed_out() is called if no answer came. 0 or -errno.
 */
int mads_send(struct mads *mads, enum mads_agent agent, const struct mad_addr *to,
	      const uint8_t mad[MAD_LEN], int timeout_ms, int retries);

/* Ask the driver for LIDs, P_Keys and GIDs again, at most once a second. */
void mads_refresh(struct mads_port *port);
/* The port's device opened for verbs, or NULL after a log line. Closed by mads_stop(). */
struct ibv_context *mads_verbs(struct mads_port *port);
/* The P_Key that a MAD came in with, 0 if the index is none. */
uint16_t mads_pkey(const struct mads_port *port, uint16_t index);

/* PortInfo.CapabilityMask.IsDeviceManagementSupported (IBA 14.2.5.6) */
#define MADS_CAP_IS_DM (1u << 19)

#endif
