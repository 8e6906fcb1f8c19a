/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SRP targets on InfiniBand: found by asking the device management agent of every port in the
 * subnet, whether or not the port says that it has one, and by service records.
 */
#ifndef SRPTD_SRPIO_DISCOVER_H
#define SRPTD_SRPIO_DISCOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct found_target {
	char device[20]; /* ours, through which it was found */
	int port;
	uint64_t id_ext;
	uint64_t ioc_guid;
	uint64_t service_id;
	uint8_t dgid[16];
	uint16_t lid;
	uint16_t pkey;
	uint16_t io_class;
	char name[65]; /* of the I/O controller; empty if it is known by its service record only */
	bool by_record;
};

struct discovery {
	const char *device; /* NULL = all */
	int timeout_ms;	    /* of one request */
	bool dm, records;   /* which ways to go */

	struct found_target *targets;
	size_t n_targets, max_targets;
	int n_ports;   /* local InfiniBand ports */
	char err[160]; /* of the last port that could not be asked, "" = none */
};

/* Ports that fail are told in err. */
void discover(struct discovery *d);
void discover_free(struct discovery *d);

#endif
