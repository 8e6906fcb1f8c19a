/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client of InfiniBand management at one local port: asks the subnet administrator, and device
 * management agents, and waits for the answers. Knows nothing of SRP.
 */
#ifndef SRPTD_SRPIO_MAD_H
#define SRPTD_SRPIO_MAD_H

#include <infiniband/umad.h>
#include <stdbool.h>
#include <stdint.h>

#include "wire/dm_mad.h"
#include "wire/sa_mad.h"

enum {
	MAD_WINDOW = 32
}; /* requests under way at a time */

struct mad_port {
	char device[UMAD_CA_NAME_LEN];
	int num;
	int fd;
	int sa_agent, dm_agent;
	umad_port_t info;
	uint16_t default_pkey; /* index of the partition in which the administrator is reached */
	int timeout_ms;
	uint32_t tid;
	void *packet; /* that came last */
	size_t packet_len;
};

/* Call fn for every local InfiniBand port, of the device only if that is not NULL. The count. */
int mad_each_port(const char *device, void (*fn)(const umad_port_t *info, void *arg), void *arg);

/* 0 or -errno. */
int mad_open(struct mad_port *port, const umad_port_t *info, int timeout_ms);
void mad_close(struct mad_port *port);

/*
 * Ask the subnet administrator. 0 with the records in *out, which last until the next call (none is
 * no error), or -errno: -ETIMEDOUT, -EPROTO with the status in out->status.
 */
int mad_sa(struct mad_port *port, struct sa_request *req, struct sa_answer *out);

/* A device management agent and the partition in which it is asked. */
struct mad_peer {
	uint16_t lid;
	uint16_t pkey_index;
};

/*
 * Ask a device management agent. The attribute's data, which lasts until the next call, or NULL:
 * *status is the agent's, or MAD_STATUS_BUSY if there was no answer.
 */
const uint8_t *mad_dm(struct mad_port *port, const struct mad_peer *peer, uint16_t attr,
		      uint32_t mod, uint16_t *status);

/*
 * Ask all of them for their IOUnitInfo, many at a time; found() is called for each that answers
 * well. It may not ask anything.
 */
void mad_dm_units(struct mad_port *port, const struct mad_peer *peers, size_t n,
		  void (*found)(size_t peer, const struct dm_io_unit_info *unit, void *arg),
		  void *arg);

#endif
