/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the fuzz targets share: the layout of their input (the seeds are made to it) and a check
 * that does not vanish with NDEBUG.
 */
#ifndef SRPTD_TESTS_FUZZ_H
#define SRPTD_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* fuzz_wire: two bytes, then the IU as received. */
enum {
	WIRE_IN_IMM_OFFSET, /* as agreed at login; 0 = not granted */
	WIRE_IN_SIZE,	    /* of text and response buffers */
	WIRE_IN_IU
};

/* fuzz_login: seven bytes, then the private data of the CM request. */
enum {
	LOGIN_IN_BITS,	   /* LOGIN_BIT_… */
	LOGIN_IN_CHANNELS, /* n_channels in the high nibble, max_channels in the low one */
	LOGIN_IN_FREE,	   /* free_receives */
	LOGIN_IN_REQ_LIM,
	LOGIN_IN_MIN_REQ_LIM,
	LOGIN_IN_MAX_REQ, /* max_req_size, in units of 64 bytes */
	LOGIN_IN_MAX_RSP, /* max_rsp_size, in units of 4 bytes from 40 */
	LOGIN_IN_DATA
};

enum {
	LOGIN_BIT_RDMA_FORM = 1,
	LOGIN_BIT_UNKNOWN_TARGET = 2,
	LOGIN_BIT_NOT_ADMITTED = 4,
	LOGIN_BIT_NO_RESOURCES = 8,
};

#define must(cond)                                                                           \
	do {                                                                                 \
		if (!(cond)) {                                                               \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #cond); \
			abort();                                                             \
		}                                                                            \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
