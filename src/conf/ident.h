/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ids that nobody wrote down: a function of this machine and a name, so that two machines differ
 * and reboots, new HCAs and reordered files change nothing. Knows machine-id(5) and a hash.
 */
#ifndef SRPTD_CONF_IDENT_H
#define SRPTD_CONF_IDENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ident {
	uint8_t key[16]; /* the machine id's 16 bytes */
};

/* Where the machine id is; a variable so that tests can name another file. */
extern const char *ident_machine_id_file;

/* Read the machine id. 0, or -errno (-ENODATA: it holds none yet) with the key all zero. */
int ident_init(struct ident *ident);

/* SipHash-2-4 of len bytes under a 128-bit key. */
uint64_t ident_siphash(const uint8_t key[16], const void *data, size_t len);

/*
 * id_ext and ioc_guid of a target: SipHash of "target:" and its name, made a locally administered
 * unicast EUI-64 (so never one of a vendor's OUIs).
 */
uint64_t ident_target(const struct ident *ident, const char *name);

/*
 * Names as the kernel targets have them say the id: a GUID ("0002:c903:0005:f34a"), or a port's GID,
 * whose lower half is the port's GUID. False if the name is neither.
 */
bool ident_from_name(const char *name, uint64_t *id);

enum { IDENT_SERIAL_LEN = 17 };

/* Serial number of a LUN: 16 hex digits, the SipHash of "lun:" and its name. */
void ident_serial(const struct ident *ident, const char *name, char out[IDENT_SERIAL_LEN]);

#endif
