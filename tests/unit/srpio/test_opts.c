/* SPDX-License-Identifier: BSD-2-Clause */
/* Options: values, ranges, which verb has which, and what they become for the library. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/compiler.h"
#include "srpio/opts.h"

enum { MAX_ARGS = 32 };

static char line_buf[512], err[256];
static char *args[MAX_ARGS + 1];

/* The words of a line, which must outlive the options that point into it. */
static int parse(enum verb_bit verb, const char *line, struct opts *opts)
{
	char *word, *save = NULL;
	int n = 0;

	snprintf(line_buf, sizeof(line_buf), "verb %s", line);
	for (word = strtok_r(line_buf, " ", &save); word && n < MAX_ARGS;
	     word = strtok_r(NULL, " ", &save))
		args[n++] = word;
	args[n] = NULL;
	err[0] = '\0';
	return opts_parse(opts, verb, n, args, err, sizeof(err));
}

static void parse_good(enum verb_bit verb, const char *line, struct opts *opts)
{
	if (parse(verb, line, opts))
		fail_msg("%s: %s", line, err);
}

static void test_values(void **state)
{
	struct opts o;

	parse_good(VERB_BENCH,
		   "srp://h/1 --bs 128k --depth 32 --channels 4 --rw randrw --mix 30 "
		   "--duration 1.5 --count 0x10 --json",
		   &o);
	assert_string_equal(o.addr.host, "h");
	assert_int_equal(o.bs, 131072);
	assert_int_equal(o.depth, 32);
	assert_int_equal(o.channels, 4);
	assert_int_equal(o.bench_mode, BENCH_RANDRW);
	assert_int_equal(o.mix, 30);
	assert_int_equal(o.duration_ms, 1500);
	assert_int_equal(o.count, 16);
	assert_true(o.count_given);
	assert_true(o.json);
}

static void test_defaults(void **state)
{
	struct srpi_params p;
	struct opts o;

	parse_good(VERB_VERIFY, "srp://h/1", &o);
	assert_false(o.count_given);
	assert_int_equal(o.passes, 1);
	assert_int_equal(o.verify_mode, VERIFY_BOTH);
	assert_int_equal(opts_params(&o, &p, err, sizeof(err)), 0);
	assert_true(p.imm);
	assert_int_equal(p.layout.desc, SRPI_DESC_DIRECT);
	assert_int_equal(p.queue_size, 64);
	assert_int_equal(p.timeout_ms, 30000);
}

static void test_target_between_options(void **state)
{
	struct opts o;

	parse_good(VERB_READ, "--lba 5 srp://h/1 --out x", &o);
	assert_int_equal(o.lba, 5);
	assert_string_equal(o.out, "x");
}

static void test_raw_words(void **state)
{
	struct opts o;

	parse_good(VERB_RAW, "srp://h/1 12 00 --in-len 36 00 0024 00", &o);
	assert_int_equal(o.n_rest, 5);
	assert_string_equal(o.rest[0], "12");
	assert_string_equal(o.rest[4], "00");
	assert_int_equal(o.in_len, 36);
}

static const struct {
	enum verb_bit verb;
	const char *line, *message;
} bads[] = {
	{ VERB_READ, "", "target is missing" },
	{ VERB_READ, "nowhere", "is none of srp://" },
	{ VERB_READ, "srp://h/1 extra", "unexpected argument 'extra'" },
	{ VERB_READ, "srp://h/1 --frob", "unknown option --frob" },
	{ VERB_READ, "srp://h/1 --passes 2", "unknown option --passes" },
	{ VERB_LOGIN, "srp://h/1 --bs 4k", "unknown option --bs" },
	{ VERB_READ, "srp://h/1 --lba", "--lba needs a value" },
	{ VERB_READ, "srp://h/1 --lba x", "--lba 'x'" },
	{ VERB_READ, "srp://h/1 --lba -1", "--lba '-1'" },
	{ VERB_READ, "srp://h/1 --count 0", "out of range" },
	{ VERB_READ, "srp://h/1 --bs 4q", "--bs '4q'" },
	{ VERB_READ, "srp://h/1 --bs 1g", "out of range" },
	{ VERB_READ, "srp://h/1 --bs 99999999999999999999", "--bs" },
	{ VERB_READ, "srp://h/1 --bs 18446744073709551615k", "--bs" },
	{ VERB_READ, "srp://h/1 --channels 0", "out of range" },
	{ VERB_READ, "srp://h/1 --channels 65", "out of range" },
	{ VERB_READ, "srp://h/1 --timeout nan", "--timeout" },
	{ VERB_READ, "srp://h/1 --timeout 0", "out of range" },
	{ VERB_BENCH, "srp://h/1 --rw sideways", "randread|randwrite" },
	{ VERB_BENCH, "srp://h/1 --mix 101", "out of range" },
	{ VERB_RESET, "srp://h/1 --function reboot", "lun-reset" },
	{ VERB_READ, "srp://h/1 --imm maybe", "on|off" },
};

static void test_bad(void **state)
{
	struct opts o;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bads); i++) {
		if (parse(bads[i].verb, bads[i].line, &o) != -EINVAL)
			fail_msg("'%s' was accepted", bads[i].line);
		if (!strstr(err, bads[i].message))
			fail_msg("'%s': message '%s' lacks '%s'", bads[i].line, err,
				 bads[i].message);
	}
}

static void params_of(const char *line, struct srpi_params *p)
{
	struct opts o;

	parse_good(VERB_BENCH, line, &o);
	if (opts_params(&o, p, err, sizeof(err)))
		fail_msg("%s: %s", line, err);
}

static void test_layouts(void **state)
{
	struct srpi_params p;

	params_of("srp://h/1 --desc indirect", &p);
	assert_int_equal(p.layout.desc, SRPI_DESC_INDIRECT);
	assert_int_equal(p.layout.sg, 8);
	assert_false(p.imm);
	params_of("srp://h/1 --sg 200 --sg-odd", &p);
	assert_int_equal(p.layout.desc, SRPI_DESC_INDIRECT);
	assert_int_equal(p.sg_inline, 200);
	assert_true(p.layout.odd);
	params_of("srp://h/1 --desc indirect-partial --sg 1000 --imm on", &p);
	assert_int_equal(p.layout.desc, SRPI_DESC_PARTIAL);
	assert_int_equal(p.sg_inline, 12);
	assert_true(p.imm);
}

static void test_queue_follows_depth(void **state)
{
	struct srpi_params p;

	params_of("srp://h/1 --depth 200", &p);
	assert_int_equal(p.queue_size, 200);
	params_of("srp://h/1 --depth 200 --queue-size 16", &p);
	assert_int_equal(p.queue_size, 16);
	params_of("dest=h,queue_size=32,ch_count=3,cmd_sg_entries=64", &p);
	assert_int_equal(p.queue_size, 32);
	assert_int_equal(p.channels, 3);
	assert_int_equal(p.sg_inline, 64);
	params_of("dest=h,ch_count=3 --channels 2", &p);
	assert_int_equal(p.channels, 2);
}

static void test_bad_params(void **state)
{
	static const char *const lines[] = {
		"srp://h/1 --desc indirect --sg 256",
		"srp://h/1 --desc direct --sg 2",
		"srp://h/1 --initiator-id xyz",
		"srp://h/1 --initiator-id 123456789012345678901234567890123",
	};
	struct srpi_params p;
	struct opts o;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lines); i++) {
		parse_good(VERB_BENCH, lines[i], &o);
		assert_int_equal(opts_params(&o, &p, err, sizeof(err)), -EINVAL);
	}
}

static void test_lun(void **state)
{
	uint8_t lun[8];
	struct opts o;

	parse_good(VERB_READ, "dest=h --lun 300", &o);
	assert_int_equal(opts_lun(&o, lun, err, sizeof(err)), 0);
	assert_int_equal(lun[0], 0x41);
	assert_int_equal(lun[1], 0x2c);
	parse_good(VERB_READ, "dest=h --lun x", &o);
	assert_int_equal(opts_lun(&o, lun, err, sizeof(err)), -EINVAL);
}

static void test_hex(void **state)
{
	uint8_t b[4];

	assert_int_equal(opts_hex("12 00:0a,FF", b, sizeof(b)), 4);
	assert_int_equal(b[0], 0x12);
	assert_int_equal(b[3], 0xff);
	assert_int_equal(opts_hex("", b, sizeof(b)), 0);
	assert_int_equal(opts_hex("1", b, sizeof(b)), -EINVAL);
	assert_int_equal(opts_hex("1 2", b, sizeof(b)), -EINVAL);
	assert_int_equal(opts_hex("zz", b, sizeof(b)), -EINVAL);
	assert_int_equal(opts_hex("0011223344", b, sizeof(b)), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),	   cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_target_between_options),
		cmocka_unit_test(test_raw_words),  cmocka_unit_test(test_bad),
		cmocka_unit_test(test_layouts),	   cmocka_unit_test(test_queue_follows_depth),
		cmocka_unit_test(test_bad_params), cmocka_unit_test(test_lun),
		cmocka_unit_test(test_hex),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
