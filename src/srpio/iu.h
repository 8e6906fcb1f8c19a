/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Building an SRP_CMD with its data buffer descriptors (SRP r16a 6.8): cuts a buffer into
 * descriptors, writes the table, chooses between table and immediate data. Bytes only; knows no
 * verbs.
 */
#ifndef SRPTD_SRPIO_IU_H
#define SRPTD_SRPIO_IU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "srpio/srpi.h"

/* One direction. len 0: no data. */
struct iu_data {
	const uint8_t *bytes; /* for immediate data */
	uint64_t va;
	uint32_t rkey;
	uint32_t len;
	uint8_t *table;       /* room for layout.sg descriptors, at table_va for the target */
	uint64_t table_va;
	uint32_t table_rkey;
};

struct iu_cmd {
	uint64_t tag;
	uint8_t task_attr;
	const uint8_t *lun;
	const uint8_t *cdb; /* 16 bytes at least */
	uint32_t cdb_len;
	const struct srpi_layout *layout;
	uint32_t sg_inline;
	uint32_t imm_max;    /* 0 = immediate data not granted */
	uint32_t imm_offset;
	struct iu_data out;
	struct iu_data in;
};

/* The length of the IU, or -EMSGSIZE if it does not fit into max_len. */
int iu_cmd_build(uint8_t *iu, size_t max_len, const struct iu_cmd *cmd);

/* Where descriptor i of n begins in a buffer of len ≥ n bytes; iu_cut(n, n) is len. */
uint32_t iu_cut(uint32_t len, uint32_t n, uint32_t i, bool odd);
/* Descriptors that are really made: never more than bytes. */
uint32_t iu_desc_count(uint32_t len, const struct srpi_layout *layout);

#endif
