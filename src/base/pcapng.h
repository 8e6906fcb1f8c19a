/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks of a pcapng file (draft-ietf-opsawg-pcapng) in the byte order of this host: a section with
 * one interface. Pure functions; each writes one block into buf and returns its length, or 0 when
 * the block does not fit: then nothing of buf is to be used.
 */
#ifndef SRPTD_BASE_PCAPNG_H
#define SRPTD_BASE_PCAPNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PCAPNG_LINK_USER0 = 147,
	PCAPNG_PACKET_OVERHEAD = 32 + 3 + 16
};

/* Section header; app: who writes it. */
size_t pcapng_section(uint8_t *buf, size_t size, const char *app);
/* Interface 0, timestamps in nanoseconds. */
size_t pcapng_interface(uint8_t *buf, size_t size, uint16_t link_type, uint32_t snap_len,
			const char *name);
/* One packet of interface 0: len bytes of orig_len, ns since 1970. */
size_t pcapng_packet(uint8_t *buf, size_t size, uint64_t ns, bool outbound, const void *data,
		     uint32_t len, uint32_t orig_len);
/* At the end: how many came, and how many of those are not in the file. */
size_t pcapng_statistics(uint8_t *buf, size_t size, uint64_t ns, uint64_t received,
			 uint64_t dropped);

#endif
