/* SPDX-License-Identifier: BSD-2-Clause */
/* Option table and the parsers for the few kinds of values there are. */
#include "srpio/opts.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"

enum opt_kind {
	KIND_FLAG,
	KIND_TEXT,
	KIND_U32,
	KIND_U64,
	KIND_SIZE32, /* bytes with k, m, g */
	KIND_SIZE64,
	KIND_SECONDS, /* to ms */
	KIND_MSEC,
	KIND_NAME,   /* index into a list of names, plus first */
};

struct opt_def {
	const char *name;
	enum opt_kind kind;
	unsigned int verbs;
	size_t field;
	uint64_t min, max;
	const char *const *names;
	int first; /* value of names[0] */
	ptrdiff_t given; /* bool to set too, or 0 */
	const char *arg;
	const char *help;
};

enum { LONG_OPTION = 256 }; /* clear of the characters that getopt returns */

#define F(field) offsetof(struct opts, field)

static const char *const by_names[] = { "both", "dm", "record", NULL };
static const char *const switch_names[] = { "on", "off", NULL };
static const char *const desc_names[] = { "direct", "indirect", "indirect-partial", NULL };
static const char *const verify_names[] = { "both", "write", "read", NULL };
static const char *const bench_names[] = { "randread", "randwrite", "randrw", "read",
					   "write",    "rw",	    NULL };
static const char *const attr_names[] = { "simple", "head", "ordered", "aca", NULL };
static const char *const tmf_names[] = { "lun-reset", "abort",	   "abort-set",
					 "clear-set", "clear-aca", NULL };

/* clang-format off */
static const struct opt_def table[] = {
	{ "lun", KIND_TEXT, VERB_ALL & ~(VERB_LOGIN | VERB_RAW_IU), F(lun), .arg = "LUN",
	  .help = "logical unit, instead of the one in the address" },
	{ "in", KIND_TEXT, VERB_WRITE, F(in), .arg = "FILE", .help = "data to write, - = stdin" },
	{ "out", KIND_TEXT, VERB_READ, F(out), .arg = "FILE", .help = "where to, - = stdout" },
	{ "lba", KIND_U64, VERB_IO, F(lba), 0, UINT64_MAX, .given = F(lba_given), .arg = "N",
	  .help = "first block (0)" },
	{ "count", KIND_U64, VERB_IO, F(count), 1, UINT64_MAX, .given = F(count_given), .arg = "N",
	  .help = "blocks; bench: commands" },
	{ "bs", KIND_SIZE64, VERB_IO, F(bs), 64, 16 << 20, .arg = "SIZE",
	  .help = "bytes per command, with k or m" },
	{ "depth", KIND_U32, VERB_IO, F(depth), 1, SRPI_MAX_QUEUE, .arg = "N",
	  .help = "commands in flight per channel" },
	{ "fua", KIND_FLAG, VERB_WRITE | VERB_VERIFY | VERB_BENCH, F(fua),
	  .help = "force unit access on writes" },
	{ "pad", KIND_FLAG, VERB_WRITE, F(pad), .help = "fill the last block up with zeros" },
	{ "seed", KIND_U64, VERB_VERIFY | VERB_BENCH, F(seed), 0, UINT64_MAX, .arg = "N",
	  .help = "of the pattern or of the random addresses (1)" },
	{ "sequence", KIND_U64, VERB_VERIFY, F(sequence), 0, UINT64_MAX, .arg = "N",
	  .help = "stamp of the first pass (0)" },
	{ "passes", KIND_U32, VERB_VERIFY | VERB_LOGIN, F(passes), 1, UINT32_MAX, .arg = "N",
	  .help = "how often (1)" },
	{ "mode", KIND_NAME, VERB_VERIFY, F(verify_mode), .names = verify_names,
	  .arg = "write|read|both", .help = "what to do (both)" },
	{ "rw", KIND_NAME, VERB_BENCH, F(bench_mode), .names = bench_names,
	  .arg = "randread|randwrite|randrw|read|write|rw", .help = "access (randread)" },
	{ "mix", KIND_U32, VERB_BENCH, F(mix), 0, 100, .arg = "PERCENT",
	  .help = "reads in randrw and rw (70)" },
	{ "lockstep", KIND_FLAG, VERB_BENCH, F(lockstep),
	  .help = "the next --depth commands when the last ones have all ended" },
	{ "duration", KIND_SECONDS, VERB_BENCH, F(duration_ms), 1, UINT32_MAX, .arg = "SECONDS",
	  .help = "how long (10, or until --count)" },
	{ "page", KIND_TEXT, VERB_INQUIRY, F(page), .arg = "HEX|all",
	  .help = "vital product data page" },
	{ "hex", KIND_FLAG, VERB_INQUIRY, F(hex), .help = "bytes instead of meaning" },
	{ "in-len", KIND_SIZE32, VERB_RAW, F(in_len), 1, 16 << 20, .arg = "SIZE",
	  .help = "data-in buffer" },
	{ "out-len", KIND_SIZE32, VERB_RAW, F(out_len), 1, 16 << 20, .arg = "SIZE",
	  .help = "data-out buffer (length of --out-file); beyond the file zeros" },
	{ "out-file", KIND_TEXT, VERB_RAW, F(out_file), .arg = "FILE",
	  .help = "data-out, - = stdin" },
	{ "save", KIND_TEXT, VERB_RAW, F(save), .arg = "FILE", .help = "data-in to a file" },
	{ "additional", KIND_TEXT, VERB_RAW, F(additional), .arg = "HEX",
	  .help = "additional CDB bytes after the first 16" },
	{ "attr", KIND_NAME, VERB_RAW, F(attr), .names = attr_names,
	  .arg = "simple|head|ordered|aca", .help = "task attribute" },
	{ "keep-ua", KIND_FLAG, VERB_RAW, F(keep_ua),
	  .help = "do not take unit attentions off first" },
	{ "tag", KIND_TEXT, VERB_RAW | VERB_RESET, F(tag), .arg = "HEX",
	  .help = "8-byte tag to send; reset: of the task to abort" },
	{ "function", KIND_NAME, VERB_RESET, F(function), .names = tmf_names,
	  .arg = "abort|abort-set|clear-set|lun-reset|clear-aca", .help = "(lun-reset)" },
	{ "hex", KIND_TEXT, VERB_RAW_IU, F(iu_hex), .arg = "HEX", .help = "the IU" },
	{ "expect-timeout", KIND_MSEC, VERB_RAW_IU, F(expect_ms), 1, 3600000, .arg = "MS",
	  .help = "how long to wait for an answer (1000)" },

	{ "device", KIND_TEXT, VERB_DISCOVER, F(device), .arg = "NAME",
	  .help = "local RDMA device to ask through (all)" },
	{ "by", KIND_NAME, VERB_DISCOVER, F(discover_by), .names = by_names,
	  .arg = "both|dm|record",
	  .help = "ask the ports (dm), or the subnet administrator's service records (both)" },

	{ "channels", KIND_U32, VERB_ALL, F(channels), 1, SRPI_MAX_CHANNELS, .arg = "N",
	  .help = "RDMA channels, the first SINGLE, the others MULTI (1)" },
	{ "queue-size", KIND_U32, VERB_ALL, F(queue), 1, SRPI_MAX_QUEUE, .arg = "N",
	  .help = "commands a channel has room for (64, or --depth)" },
	{ "desc", KIND_NAME, VERB_ALL, F(desc), .names = desc_names, .first = DESC_DIRECT,
	  .arg = "direct|indirect|indirect-partial", .help = "descriptors of data buffers" },
	{ "sg", KIND_U32, VERB_ALL, F(sg), 1, SRPI_MAX_SG, .arg = "N",
	  .help = "descriptors per buffer (indirect: 8)" },
	{ "sg-odd", KIND_FLAG, VERB_ALL, F(sg_odd), .help = "cut at odd addresses" },
	{ "sg-inline", KIND_U32, VERB_ALL, F(sg_inline), 1, SRPI_MAX_INLINE_SG, .arg = "N",
	  .help = "descriptors an IU has room for (12)" },
	{ "imm", KIND_NAME, VERB_ALL, F(imm), .names = switch_names, .first = SWITCH_ON,
	  .arg = "on|off", .help = "immediate data (on, but off with --desc)" },
	{ "imm-offset", KIND_U32, VERB_ALL, F(imm_offset), 0, UINT16_MAX, .arg = "N",
	  .help = "where it starts in the IU (68)" },
	{ "imm-max", KIND_SIZE32, VERB_ALL, F(imm_max), 1, 1 << 20, .arg = "SIZE",
	  .help = "its longest payload (8k)" },
	{ "it-iu-len", KIND_U32, VERB_ALL, F(it_iu_len), 1, 1 << 21, .arg = "N",
	  .help = "IU length to ask for at login (as needed)" },
	{ "initiator-id", KIND_TEXT, VERB_ALL, F(initiator_id), .arg = "HEX",
	  .help = "128-bit initiator port id (from process and port)" },
	{ "src", KIND_TEXT, VERB_ALL, F(src), .arg = "ADDRESS", .help = "local address" },
	{ "timeout", KIND_SECONDS, VERB_ALL | VERB_DISCOVER, F(timeout_ms), 1, UINT32_MAX,
	  .arg = "SECONDS", .help = "per command, then it is aborted (30); discover: per request (1)" },
	{ "connect-timeout", KIND_SECONDS, VERB_ALL, F(connect_timeout_ms), 1, UINT32_MAX,
	  .arg = "SECONDS", .help = "per channel (10)" },
	{ "json", KIND_FLAG, VERB_ALL | VERB_DISCOVER, F(json), .help = "result as JSON" },
	{ "quiet", KIND_FLAG, VERB_ALL | VERB_DISCOVER, F(quiet), .help = "no progress, no notes" },
	{ "help", KIND_FLAG, VERB_ALL | VERB_DISCOVER, F(help), .help = "this text" },
};
/* clang-format on */

static int printf_like(3, 4) bad(char *err, size_t err_len, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, err_len, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static bool parse_u64(const char *text, char **end, uint64_t *out)
{
	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	*out = strtoull(text, end, 0);
	return !errno;
}

static bool value_number(const char *text, uint64_t *out)
{
	char *end;

	return parse_u64(text, &end, out) && !*end;
}

static bool value_size(const char *text, uint64_t *out)
{
	static const char units[] = "kmgt";
	const char *unit;
	char *end;
	unsigned int shift;

	if (!parse_u64(text, &end, out))
		return false;
	if (!*end)
		return true;
	unit = strchr(units, tolower((unsigned char)*end));
	if (!unit || end[1])
		return false;
	shift = 10 * (unsigned int)(unit - units + 1);
	if (*out > UINT64_MAX >> shift)
		return false;
	*out <<= shift;
	return true;
}

static bool value_seconds(const char *text, uint64_t *out)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end || !isfinite(v) || v < 0 || v > 4e6)
		return false;
	*out = (uint64_t)(v * 1000 + 0.5);
	return true;
}

static bool value_name(const struct opt_def *def, const char *text, uint64_t *out)
{
	int i;

	for (i = 0; def->names[i]; i++) {
		if (strcmp(text, def->names[i]))
			continue;
		*out = (uint64_t)(def->first + i);
		return true;
	}
	return false;
}

static bool value_parse(const struct opt_def *def, const char *text, uint64_t *out)
{
	switch (def->kind) {
	case KIND_FLAG:
	case KIND_TEXT:
		return true;
	case KIND_U32:
	case KIND_U64:
	case KIND_MSEC:
		return value_number(text, out);
	case KIND_SIZE32:
	case KIND_SIZE64:
		return value_size(text, out);
	case KIND_SECONDS:
		return value_seconds(text, out);
	case KIND_NAME:
		return value_name(def, text, out);
	}
	return false;
}

static bool in_range(const struct opt_def *def, uint64_t v)
{
	return !def->max || (v >= def->min && v <= def->max);
}

static void value_store(const struct opt_def *def, struct opts *opts, const char *text, uint64_t v)
{
	void *field = (char *)opts + def->field;

	switch (def->kind) {
	case KIND_FLAG:
		*(bool *)field = true;
		break;
	case KIND_TEXT:
		*(const char **)field = text;
		break;
	case KIND_U64:
	case KIND_SIZE64:
		*(uint64_t *)field = v;
		break;
	case KIND_U32:
	case KIND_SIZE32:
	case KIND_SECONDS:
	case KIND_MSEC:
		*(uint32_t *)field = (uint32_t)v;
		break;
	case KIND_NAME:
		*(int *)field = (int)v;
		break;
	}
	if (def->given)
		*((bool *)opts + def->given) = true;
}

static int option_set(struct opts *opts, const struct opt_def *def, const char *text, char *err,
		      size_t err_len)
{
	uint64_t v = 0;

	if (!value_parse(def, text, &v))
		return bad(err, err_len, "--%s '%s': expected %s", def->name, text, def->arg);
	if (!in_range(def, v))
		return bad(err, err_len, "--%s '%s' is out of range", def->name, text);
	value_store(def, opts, text, v);
	return 0;
}

static const struct opt_def *option_of(const struct option *option)
{
	return &table[option->val - LONG_OPTION];
}

/* getopt's table of the options that this verb has. */
static void long_options(enum verb_bit verb, struct option *out)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		if (!(table[i].verbs & verb))
			continue;
		*out++ = (struct option){ .name = table[i].name,
					  .has_arg = table[i].kind == KIND_FLAG ?
							     no_argument :
							     required_argument,
					  .val = LONG_OPTION + (int)i };
	}
	*out = (struct option){ 0 };
}

static void defaults(struct opts *opts)
{
	memset(opts, 0, sizeof(*opts));
	opts->seed = 1;
	opts->passes = 1;
	opts->mix = 70;
	opts->expect_ms = 1000;
}

static int parse_options(struct opts *opts, enum verb_bit verb, int argc, char *const argv[],
			 char *err, size_t err_len)
{
	struct option longs[ARRAY_SIZE(table) + 1];
	int c, index, rc;

	long_options(verb, longs);
	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", longs, &index)) != -1) {
		if (c == ':')
			return bad(err, err_len, "%s needs a value", argv[optind - 1]);
		if (c == '?')
			return bad(err, err_len, "unknown option %s", argv[optind - 1]);
		rc = option_set(opts, option_of(&longs[index]), optarg, err, err_len);
		if (rc)
			return rc;
	}
	return 0;
}

int opts_parse(struct opts *opts, enum verb_bit verb, int argc, char *const argv[], char *err,
	       size_t err_len)
{
	bool extra = verb == VERB_RAW;
	int rc;

	defaults(opts);
	rc = parse_options(opts, verb, argc, argv, err, err_len);
	if (rc || opts->help)
		return rc;
	if (verb == VERB_DISCOVER)
		return optind < argc ? bad(err, err_len, "unexpected argument '%s'", argv[optind])
				     : 0;
	if (optind >= argc)
		return bad(err, err_len, "the target is missing");
	rc = srpi_addr_parse(argv[optind], &opts->addr, err, err_len);
	if (rc)
		return rc;
	opts->rest = (const char *const *)argv + optind + 1;
	opts->n_rest = argc - optind - 1;
	if (opts->n_rest && !extra)
		return bad(err, err_len, "unexpected argument '%s'", opts->rest[0]);
	return 0;
}

void opts_help(FILE *to, enum verb_bit verb)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		const struct opt_def *def = &table[i];
		char left[80];

		if (!(def->verbs & verb))
			continue;
		snprintf(left, sizeof(left), "--%s%s%s", def->name, def->arg ? " " : "",
			 def->arg ? def->arg : "");
		fprintf(to, "  %-28s %s\n", left, def->help);
	}
}

static void params_layout(const struct opts *opts, struct srpi_params *p)
{
	int desc = opts->desc;

	if (desc == DESC_UNSET)
		desc = opts->sg > 1 ? DESC_INDIRECT : DESC_DIRECT;
	p->layout.desc = (enum srpi_desc)(desc - DESC_DIRECT);
	p->layout.sg = opts->sg ? opts->sg : desc == DESC_DIRECT ? 1 : 8;
	p->layout.odd = opts->sg_odd;
	if (desc == DESC_INDIRECT && p->layout.sg > p->sg_inline)
		p->sg_inline = p->layout.sg;
}

static void params_imm(const struct opts *opts, struct srpi_params *p)
{
	bool chosen = opts->desc != DESC_UNSET || opts->sg;

	p->imm = opts->imm == SWITCH_UNSET ? !chosen : opts->imm == SWITCH_ON;
	if (opts->imm_offset)
		p->imm_offset = (uint16_t)opts->imm_offset;
	if (opts->imm_max)
		p->imm_max = opts->imm_max;
}

static void params_limits(const struct opts *opts, struct srpi_params *p)
{
	if (opts->channels)
		p->channels = opts->channels;
	if (opts->queue)
		p->queue_size = opts->queue;
	else if (opts->depth > p->queue_size)
		p->queue_size = opts->depth;
	if (opts->sg_inline)
		p->sg_inline = opts->sg_inline;
	if (opts->it_iu_len)
		p->it_iu_len = opts->it_iu_len;
	if (opts->timeout_ms)
		p->timeout_ms = opts->timeout_ms;
	if (opts->connect_timeout_ms)
		p->connect_timeout_ms = opts->connect_timeout_ms;
}

int opts_params(const struct opts *opts, struct srpi_params *p, char *err, size_t err_len)
{
	srpi_params_init(p);
	srpi_params_from_addr(p, &opts->addr);
	params_limits(opts, p);
	params_layout(opts, p);
	params_imm(opts, p);
	if (p->layout.desc == SRPI_DESC_INDIRECT && p->layout.sg > SRPI_MAX_INLINE_SG)
		return bad(err, err_len, "an IU holds at most %d descriptors; --desc "
					 "indirect-partial has more", SRPI_MAX_INLINE_SG);
	if (p->layout.desc == SRPI_DESC_DIRECT && p->layout.sg > 1)
		return bad(err, err_len, "--desc direct has one descriptor, not %u", p->layout.sg);
	if (opts->initiator_id && !srpi_hex_parse(opts->initiator_id, p->initiator_id, 16))
		return bad(err, err_len, "--initiator-id '%s': expected up to 32 hex digits",
			   opts->initiator_id);
	if (opts->src)
		snprintf(p->addr.src, sizeof(p->addr.src), "%s", opts->src);
	return 0;
}

int opts_lun(const struct opts *opts, uint8_t lun[8], char *err, size_t err_len)
{
	memcpy(lun, opts->addr.lun, 8);
	if (!opts->lun || srpi_lun_parse(opts->lun, lun))
		return 0;
	return bad(err, err_len, "--lun '%s' is no number up to 16383 and not 0x with 16 hex digits",
		   opts->lun);
}

static int nibble(char c)
{
	if (isdigit((unsigned char)c))
		return c - '0';
	return isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -1;
}

int opts_hex(const char *text, uint8_t *out, size_t max)
{
	size_t n = 0;

	for (;;) {
		int high, low;

		while (*text == ' ' || *text == ':' || *text == ',' || *text == '\n')
			text++;
		if (!*text)
			return (int)n;
		high = nibble(text[0]);
		low = high < 0 ? -1 : nibble(text[1]);
		if (low < 0 || n == max)
			return -EINVAL;
		out[n++] = (uint8_t)(high << 4 | low);
		text += 2;
	}
}
