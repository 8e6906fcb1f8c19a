/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line of srpio: one table says which option exists for which verb, what it takes and
 * where it goes. Knows nothing of what the verbs do with it.
 */
#ifndef SRPTD_SRPIO_OPTS_H
#define SRPTD_SRPIO_OPTS_H

#include <stdio.h>

#include "srpio/srpi.h"

/* Verbs as bits, for the table of options. */
enum verb_bit {
	VERB_LOGIN = 1 << 0,
	VERB_INQUIRY = 1 << 1,
	VERB_LUNS = 1 << 2,
	VERB_READ = 1 << 3,
	VERB_WRITE = 1 << 4,
	VERB_VERIFY = 1 << 5,
	VERB_BENCH = 1 << 6,
	VERB_RAW = 1 << 7,
	VERB_RAW_IU = 1 << 8,
	VERB_RESET = 1 << 9,
	VERB_ALL = (1 << 10) - 1, /* those that have a target */
	VERB_DISCOVER = 1 << 10,
	VERB_IO = VERB_READ | VERB_WRITE | VERB_VERIFY | VERB_BENCH,
};

enum discover_by { DISCOVER_BOTH, DISCOVER_DM, DISCOVER_RECORD };
enum opt_switch { SWITCH_UNSET, SWITCH_ON, SWITCH_OFF };
enum opt_desc { DESC_UNSET, DESC_DIRECT, DESC_INDIRECT, DESC_PARTIAL };
enum verify_mode { VERIFY_BOTH, VERIFY_WRITE, VERIFY_READ };
enum bench_mode { BENCH_RANDREAD, BENCH_RANDWRITE, BENCH_RANDRW, BENCH_READ, BENCH_WRITE, BENCH_RW };
enum { ATTR_SIMPLE, ATTR_HEAD, ATTR_ORDERED, ATTR_ACA };
enum { TMF_LUN_RESET, TMF_ABORT, TMF_ABORT_SET, TMF_CLEAR_SET, TMF_CLEAR_ACA };

struct opts {
	struct srpi_addr addr;
	const char *const *rest; /* positional arguments after the target */
	int n_rest;

	bool help, json, quiet;
	const char *lun;
	const char *src;
	const char *initiator_id;
	uint32_t channels, queue, depth, sg, sg_inline;
	bool sg_odd;
	int desc; /* enum opt_desc */
	int imm;  /* enum opt_switch */
	uint32_t imm_offset, imm_max, it_iu_len;
	uint32_t timeout_ms, connect_timeout_ms;

	bool lba_given, count_given;
	uint64_t lba, count;
	uint64_t bs;
	bool fua, pad;
	const char *in, *out;
	uint64_t seed, sequence;
	uint32_t passes;
	int verify_mode, bench_mode;
	uint32_t mix; /* percent of reads */
	bool lockstep;
	uint32_t duration_ms;

	const char *page;
	bool hex;
	uint32_t in_len, out_len;
	const char *out_file, *save, *additional;
	int attr;
	bool keep_ua;
	const char *tag;
	int function;
	const char *iu_hex;
	uint32_t expect_ms;

	const char *device;
	int discover_by;
};

/*
 * Parse what follows the verb. 0, or -EINVAL with a sentence in err. With --help nothing else is
 * checked.
 */
int opts_parse(struct opts *opts, enum verb_bit verb, int argc, char *const argv[], char *err,
	       size_t err_len);
/* One line per option of the verb. */
void opts_help(FILE *to, enum verb_bit verb);
/* What the options mean for the library. 0, or -EINVAL with a sentence in err. */
int opts_params(const struct opts *opts, struct srpi_params *params, char *err, size_t err_len);
/* The LUN of the address, or --lun, or 0. */
int opts_lun(const struct opts *opts, uint8_t lun[8], char *err, size_t err_len);
/* Hex digits with optional blanks between bytes, "12 00 0024". The number of bytes, or -EINVAL. */
int opts_hex(const char *text, uint8_t *out, size_t max);

#endif
