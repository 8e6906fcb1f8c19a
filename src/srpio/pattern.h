/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks that prove where they came from. Every byte of a block follows from (seed, LBA, sequence):
 * a header that names them, then a pseudo-random fill made from them. So a block read back
 * tells not only that it is wrong but in which way.
 */
#ifndef SRPTD_SRPIO_PATTERN_H
#define SRPTD_SRPIO_PATTERN_H

#include <stddef.h>
#include <stdint.h>

struct pattern_id {
	uint64_t seed;
	uint64_t lba;
	uint64_t sequence;
};

enum pattern_verdict {
	PATTERN_OK,
	PATTERN_ZEROS,     /* the whole block is zero: never written, or unmapped */
	PATTERN_SEED,      /* an intact block of another run */
	PATTERN_LBA,       /* an intact block that belongs elsewhere */
	PATTERN_SEQUENCE,  /* an intact block of an older or newer pass: a lost or reordered write */
	PATTERN_BITS,      /* the right block with few bits flipped */
	PATTERN_TORN,      /* the right block up to a point, something else after it */
	PATTERN_GARBAGE,   /* nothing of the above */
};

struct pattern_result {
	enum pattern_verdict verdict;
	size_t first_bad;         /* offset of the first wrong byte */
	uint64_t bits;            /* how many bits differ */
	struct pattern_id found;  /* what an intact header says */
};

/* len is a multiple of 8 and at least 64 for both. */
void pattern_fill(void *block, size_t len, const struct pattern_id *id);
enum pattern_verdict pattern_check(const void *block, size_t len, const struct pattern_id *id,
				   struct pattern_result *result);
/* A sentence such as "holds LBA 17 instead of 16". Returns buf. */
const char *pattern_text(const struct pattern_result *result, const struct pattern_id *want,
			 char *buf, size_t buf_len);

#endif
