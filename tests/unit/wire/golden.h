/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Golden information units, byte for byte as ib_srp and a target exchange them. Nothing here is
 * computed by the code under test.
 */
#ifndef SRPTD_TESTS_GOLDEN_H
#define SRPTD_TESTS_GOLDEN_H

#include <stddef.h>
#include <stdint.h>

/* In the order of the array golden[]. */
enum golden_id {
	V1_LOGIN_REQ,	   /* channel 0, immediate data at 68 */
	V2_LOGIN_REQ_RDMA, /* one more channel (MULTI) */
	V3_LOGIN_RSP,	   /* limit 64, immediate data granted */
	V4_LOGIN_REJ,	   /* unable to associate */
	V5_CMD_DIRECT,	   /* READ(10) LBA 8 × 8 blocks */
	V6_CMD_INDIRECT,   /* WRITE(10), both entries of the table inline */
	V7_CMD_PARTIAL,	   /* WRITE(10), 12 of 40 entries inline */
	V8_CMD_IMMEDIATE,  /* WRITE(10), 512 bytes at 68 */
	V9_RSP_GOOD,
	V10_RSP_SENSE, /* CHECK CONDITION 05/25/00, data-in underflow of 36 */
	V11_TSK_MGMT,  /* ABORT TASK */
	V12_RSP_TM,    /* task management function complete */
	V13_CRED_REQ,  /* +3 */
	GOLDEN_COUNT
};

struct golden {
	const char *name; /* as a file name */
	const uint8_t *bytes;
	size_t len;
};

extern const struct golden golden[GOLDEN_COUNT];

#endif
