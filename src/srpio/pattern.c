/* SPDX-License-Identifier: BSD-2-Clause */
/* Stamped blocks: making them, and finding out what is wrong with one. */
#include "srpio/pattern.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/be.h"

enum { HDR_MAGIC = 0, HDR_SEED = 8, HDR_LBA = 16, HDR_SEQ = 24, HDR_LEN = 32, FEW_BITS = 64 };

#define MAGIC 0x737270696f764659ull /* "srpiovFY" */

static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

static uint64_t fill_start(const struct pattern_id *id)
{
	return mix(mix(mix(id->seed + 1) ^ id->lba) ^ id->sequence);
}

static uint64_t fill_word(uint64_t start, size_t off)
{
	return mix(start + off * 0x9e3779b97f4a7c15ull);
}

void pattern_fill(void *block, size_t len, const struct pattern_id *id)
{
	uint8_t *b = block;
	uint64_t start = fill_start(id);
	size_t off;

	be64_put(b + HDR_MAGIC, MAGIC);
	be64_put(b + HDR_SEED, id->seed);
	be64_put(b + HDR_LBA, id->lba);
	be64_put(b + HDR_SEQ, id->sequence);
	for (off = HDR_LEN; off < len; off += 8)
		be64_put(b + off, fill_word(start, off));
}

static uint64_t want_word(const struct pattern_id *id, uint64_t start, size_t off)
{
	switch (off) {
	case HDR_MAGIC:
		return MAGIC;
	case HDR_SEED:
		return id->seed;
	case HDR_LBA:
		return id->lba;
	case HDR_SEQ:
		return id->sequence;
	}
	return fill_word(start, off);
}

struct diff {
	uint64_t bits;
	size_t first; /* first wrong byte */
	size_t wrong_words;
	size_t first_word;
};

static void compare(const uint8_t *b, size_t len, const struct pattern_id *id, struct diff *diff)
{
	uint64_t start = fill_start(id);
	size_t off;

	memset(diff, 0, sizeof(*diff));
	for (off = 0; off < len; off += 8) {
		uint64_t x = be64_get(b + off) ^ want_word(id, start, off);

		if (!x)
			continue;
		if (!diff->wrong_words++) {
			diff->first_word = off;
			diff->first = off + (size_t)__builtin_clzll(x) / 8;
		}
		diff->bits += (uint64_t)__builtin_popcountll(x);
	}
}

static bool all_zero(const uint8_t *b, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (b[i])
			return false;
	return true;
}

/* Whole under the id in its own header? Then say in which field that id is another one. */
static bool intact_other(const uint8_t *b, size_t len, const struct pattern_id *want,
			 struct pattern_result *result)
{
	struct pattern_id *found = &result->found;
	struct diff diff;

	if (be64_get(b + HDR_MAGIC) != MAGIC)
		return false;
	compare(b, len, found, &diff);
	if (diff.bits)
		return false;
	if (found->seed != want->seed)
		result->verdict = PATTERN_SEED;
	else if (found->lba != want->lba)
		result->verdict = PATTERN_LBA;
	else
		result->verdict = PATTERN_SEQUENCE;
	return true;
}

enum pattern_verdict pattern_check(const void *block, size_t len, const struct pattern_id *id,
				   struct pattern_result *result)
{
	const uint8_t *b = block;
	struct diff diff;

	compare(b, len, id, &diff);
	memset(result, 0, sizeof(*result));
	if (!diff.bits)
		return PATTERN_OK;
	result->first_bad = diff.first;
	result->bits = diff.bits;
	result->found.seed = be64_get(b + HDR_SEED);
	result->found.lba = be64_get(b + HDR_LBA);
	result->found.sequence = be64_get(b + HDR_SEQ);
	if (all_zero(b, len))
		result->verdict = PATTERN_ZEROS;
	else if (intact_other(b, len, id, result))
		return result->verdict;
	else if (diff.bits <= FEW_BITS && diff.wrong_words < len / 16)
		result->verdict = PATTERN_BITS;
	else if (diff.first_word >= HDR_LEN)
		result->verdict = PATTERN_TORN;
	else
		result->verdict = PATTERN_GARBAGE;
	return result->verdict;
}

const char *pattern_text(const struct pattern_result *r, const struct pattern_id *want, char *buf,
			 size_t n)
{
	switch (r->verdict) {
	case PATTERN_OK:
		snprintf(buf, n, "is right");
		break;
	case PATTERN_ZEROS:
		snprintf(buf, n, "is all zeros");
		break;
	case PATTERN_SEED:
		snprintf(buf, n, "was written with seed %" PRIu64 " instead of %" PRIu64,
			 r->found.seed, want->seed);
		break;
	case PATTERN_LBA:
		snprintf(buf, n, "holds LBA %" PRIu64 " instead of %" PRIu64, r->found.lba,
			 want->lba);
		break;
	case PATTERN_SEQUENCE:
		snprintf(buf, n, "holds sequence %" PRIu64 " instead of %" PRIu64,
			 r->found.sequence, want->sequence);
		break;
	case PATTERN_BITS:
		snprintf(buf, n, "has %" PRIu64 " wrong bits, the first in byte %zu", r->bits,
			 r->first_bad);
		break;
	case PATTERN_TORN:
		snprintf(buf, n, "is torn: wrong from byte %zu on", r->first_bad);
		break;
	case PATTERN_GARBAGE:
		snprintf(buf, n, "holds something else from byte %zu on", r->first_bad);
		break;
	}
	return buf;
}
