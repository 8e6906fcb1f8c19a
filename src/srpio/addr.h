/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a target is: srp://host[:port]/[id_ext/ioc_guid/]LUN by RDMA/CM,
 * ib://[GID[%pkey]][:service_id]/[id_ext/ioc_guid/]LUN natively on InfiniBand, or the string that
 * ib_srp's add_target takes. Text to struct only; no name is resolved here.
 */
#ifndef SRPTD_SRPIO_ADDR_H
#define SRPTD_SRPIO_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct srpi_addr {
	char host[256];             /* or the GID as text */
	char port[20];              /* or the service id as text */
	char src[256];              /* local address (native: GID), empty = any */
	bool ib;                    /* native InfiniBand: dgid, service_id and pkey count */
	uint8_t dgid[16];
	uint64_t service_id;
	uint16_t pkey;
	uint8_t target_port_id[16]; /* all zero = the only target of the listener */
	bool rev10;                 /* io_class ff00: halves of both port ids swapped (SRP r10) */
	bool has_initiator_ext;
	uint64_t initiator_ext;
	bool has_lun;
	uint8_t lun[8];
	uint32_t queue_size;        /* options of add_target; 0 = not given */
	uint32_t cmd_sg_entries;
	uint32_t ch_count;
	uint32_t max_it_iu_size;
	uint32_t tl_retry_count;
};

/* 0, or -EINVAL with a sentence in err. *out is complete only on success. */
int srpi_addr_parse(const char *text, struct srpi_addr *out, char *err, size_t err_len);

/*
 * A LUN as text: 0…255 in peripheral, up to 16383 in flat space addressing (SAM-5 4.7), or 0x and
 * 16 hex digits for the eight bytes themselves. False if it is none of these.
 */
bool srpi_lun_parse(const char *text, uint8_t lun[8]);
void srpi_lun_from_number(uint16_t number, uint8_t lun[8]);
/* The reverse: a number, or 0x and 16 digits. Returns buf. */
const char *srpi_lun_text(const uint8_t lun[8], char *buf, size_t buf_len);

/* Exactly n bytes of hex digits, or 1…2n digits right-justified; an optional 0x. */
bool srpi_hex_parse(const char *text, uint8_t *out, size_t n);

#endif
