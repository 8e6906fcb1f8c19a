/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the wire room share: IUs put together field by field, so that they can be
 * wrong, and parses from a heap buffer of exactly the received length, so that a sanitizer sees
 * every byte read past it.
 */
#ifndef SRPTD_TESTS_WIRE_TEST_H
#define SRPTD_TESTS_WIRE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/be.h"
#include "base/compiler.h"
#include "wire/srp.h"

#include "golden.h"

#define LUN1                                 \
	{                                    \
		0x00, 0x01, 0, 0, 0, 0, 0, 0 \
	}

struct iu {
	size_t len;
	uint8_t b[9216];
};

/* What iu_cmd() puts into every command. */
extern const uint8_t iu_tag[8];
extern const uint8_t iu_lun[8];
enum {
	IU_SOL_NOT = SRP_UCSOLNT,
	IU_TASK_ATTR = SRP_ORDERED
};

/* Immediate data granted at 68, tables up to 65536 entries. */
extern const struct srp_cmd_limits iu_limits;

/*
 * An SRP_CMD without descriptors yet. add_cdb is the raw field; the additional CDB follows the
 * fixed part. Byte i of the CDB is i + 1.
 */
void iu_cmd(struct iu *iu, uint8_t fmt_out, uint8_t fmt_in, uint8_t add_cdb);
/* Append. */
void iu_direct(struct iu *iu, uint64_t va, uint32_t rkey, uint32_t len);
/* Table at va 0xabc000, rkey 0x99; k inline entries of `each` bytes at 0x1000 · (i + 1). */
void iu_indirect(struct iu *iu, uint32_t table_bytes, uint32_t total, uint32_t k, uint32_t each);
void iu_word(struct iu *iu, uint32_t word);
void iu_fill(struct iu *iu, size_t up_to);
/* Set the descriptor count of a direction. */
void iu_count_out(struct iu *iu, uint8_t k);
void iu_count_in(struct iu *iu, uint8_t k);

/* The first len bytes in a heap buffer of that size; free() it. */
void *exact_copy(const void *bytes, size_t len);
enum srp_err iu_parse(const struct iu *iu, const struct srp_cmd_limits *limits,
		      struct srp_cmd *cmd);
/* As if only len bytes had been received. */
enum srp_err iu_parse_cut(const struct iu *iu, size_t len, struct srp_cmd *cmd);

/* The eight bytes of a tag as the structs hold them. */
uint64_t tag_of(const uint8_t bytes[8]);

void assert_absent(const struct srp_data *data);
void assert_desc_at(const struct iu *iu, uint32_t off, uint64_t va, uint32_t rkey, uint32_t len);

/* A fixed sequence of numbers (xorshift64); any seed but 0. */
uint64_t next_random(uint64_t *state);

#endif
