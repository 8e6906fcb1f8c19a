/* SPDX-License-Identifier: BSD-2-Clause */
/* The ports of this host's RDMA devices, as an administrator has to name them to initiators. */
#ifndef SRPTD_RDMA_PORTS_H
#define SRPTD_RDMA_PORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rdma_port {
	char device[64];
	uint8_t port_num;
	bool infiniband; /* link layer */
	bool active;
	bool device_management; /* InfiniBand: IsDeviceManagementSupported */
	uint32_t mtu;           /* of its packets, bytes */
	uint16_t lid;    /* InfiniBand */
	uint8_t gid[16]; /* InfiniBand: the first of its table */
	uint16_t *pkeys; /* InfiniBand: without empty entries */
	size_t n_pkeys;
	char (*ips)[64]; /* otherwise: its IP addresses, as far as GIDs tell them (RoCE) */
	size_t n_ips;
};

/* All ports, the caller's to free with rdma_ports_free(); *n = 0 if there are none. 0 or -errno. */
int rdma_ports_get(struct rdma_port **out, size_t *n);
void rdma_ports_free(struct rdma_port *ports, size_t n);

#endif
