/* SPDX-License-Identifier: BSD-2-Clause */
/* What conf_write() makes of a configuration loads to the same; conf_diff() sees what is not. */
#include "conf_test.h"

#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"

static void note(void *arg, enum conf_effect effect, const char *text)
{
	FILE *f = arg;

	fprintf(f, "%s%s\n", effect == CONF_RESTART ? "! " : "", text);
}

static char *diff_text(const struct conf *a, const struct conf *b)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	conf_diff(a, b, note, f);
	fclose(f);
	return text;
}

static char *written(const struct conf *conf)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	conf_write(conf, f);
	fclose(f);
	return text;
}

static struct conf *load(const char *text)
{
	struct conf *conf;
	char *messages;

	if (test_load(text, &conf, &messages))
		fail_msg("%s\n%s", messages, text);
	free(messages);
	return conf;
}

static void round_trip(const char *text)
{
	struct conf *first = load(text), *second;
	char *once = written(first), *twice, *diff;

	second = load(once);
	twice = written(second);
	diff = diff_text(first, second);
	assert_string_equal(diff, "");
	assert_string_equal(once, twice);
	free(diff);
	free(once);
	free(twice);
	conf_free(first);
	conf_free(second);
}

static void sample(void **state)
{
	char *text = test_read(CONF_SAMPLE);

	round_trip(text);
	free(text);
}

/* ---- random configurations ---- */

static unsigned int pick(unsigned int *seed, unsigned int n)
{
	*seed = *seed * 1103515245 + 12345;
	return (*seed >> 16) % n;
}

static const char *one_of(unsigned int *seed, const char *const *list, unsigned int n)
{
	return list[pick(seed, n)];
}

static void random_lun(FILE *f, unsigned int *seed, unsigned int i)
{
	static const char *const more[] = {
		"",
		"read_only = true; ",
		"thin_provisioned = true; ",
		"prod_id = \"S \\\"%\\\\\"; ",
		"block_size = 4096; ",
		"lb_per_pb_exp = 0; ",
		"opt_trans_len = \"1M\"; ",
		"rotational = true; removable = true; ",
		"prod_id = \"a b\"; ",
		"fault = ( { op = \"write\"; rate = 7; kill = true; }, { error = \"EIO\"; } ); ",
	};

	fprintf(f, "%s { name = \"l%u\"; ", i ? "," : "", i);
	if (pick(seed, 2))
		fprintf(f, "path = \"/srv/%u x\"; ", i);
	else
		fprintf(f, "type = \"%s\"; size = \"%uM\"; ", pick(seed, 2) ? "null" : "memory",
			1 + pick(seed, 2000));
	fputs(one_of(seed, more, ARRAY_SIZE(more)), f);
	if (pick(seed, 3) == 0)
		fprintf(f, pick(seed, 2) ? "naa_id = \"3%015x\"; " : "naa_id = \"6%031x\"; ", i + 1);
	fputs("}\n", f);
}

static void random_group(FILE *f, unsigned int *seed, unsigned int i, unsigned int n_luns)
{
	static const char *const patterns[] = {
		"\"192.0.2.1\"",
		"\"*\"",
		"\"!fe80::1\", \"fe80::*\"",
		"\"10.0.0.0/8\", \"0x*\"",
	};

	fprintf(f, "%s { name = \"g%u\"; initiators = [ %s ]; luns = (", i ? "," : "", i,
		one_of(seed, patterns, ARRAY_SIZE(patterns)));
	for (unsigned int k = 0; k < n_luns; k++)
		fprintf(f, "%s { lun = %u; use = \"l%u\"; read_only = %s; }", k ? "," : "", k * 7,
			pick(seed, n_luns), pick(seed, 2) ? "true" : "false");
	fputs("); }\n", f);
}

static void random_target(FILE *f, unsigned int *seed, unsigned int i, unsigned int n_luns)
{
	static const char *const listens[] = {
		"",
		"rdma_cm_port = 7777; ",
		"ib_service_id = \"00000000013f0777\"; ",
		"listen = ( { address = \"192.0.2.9\"; rdma_cm_port = 1; }, { type = \"ib\"; } ); ",
	};
	unsigned int n = pick(seed, 4);

	fprintf(f, "%s { name = \"t%u\"; %s%s groups = (", i ? "," : "", i,
		one_of(seed, listens, ARRAY_SIZE(listens)), pick(seed, 2) ? "aer = true;" : "");
	for (unsigned int k = 0; k < n; k++)
		random_group(f, seed, k, n_luns);
	fputs("); }\n", f);
}

static void random_conf(FILE *f, unsigned int seed)
{
	static const char *const top[] = {
		"",
		"workers = 3; req_lim = 99;\n",
		"cpus = [ 1, 2 ]; pool_size = \"3M\";\n",
		"srp_max_req_size = 10000; control_mode = \"0600\"; state_dir = \"/x\";\n",
	};
	unsigned int n_luns = 1 + pick(&seed, 5), n_targets = pick(&seed, 4);

	fputs(one_of(&seed, top, ARRAY_SIZE(top)), f);
	fputs("rdma_cm_port = 5000;\nluns = (", f);
	for (unsigned int i = 0; i < n_luns; i++)
		random_lun(f, &seed, i);
	fputs(");\ntargets = (", f);
	for (unsigned int i = 0; i < n_targets; i++)
		random_target(f, &seed, i, n_luns);
	fputs(");\n", f);
}

static void many(void **state)
{
	for (unsigned int seed = 1; seed <= 300; seed++) {
		char *text = NULL;
		size_t len = 0;
		FILE *f = open_memstream(&text, &len);

		random_conf(f, seed);
		fclose(f);
		round_trip(text);
		free(text);
	}
}

/* ---- differences ---- */

#define HEAD                                                                                   \
	"rdma_cm_port = 1; luns = ( { name = \"a\"; path = \"/a\"; }, { name = \"b\"; path = " \
	"\"/b\"; } );"
#define GROUP(name, who, luns) \
	"{ name = \"" name "\"; initiators = [ \"" who "\" ]; luns = ( " luns " ); }"
#define TARGET(keys, groups) "targets = ( { name = \"t\"; " keys " groups = ( " groups " ); } );"
#define G		     GROUP("g", "192.0.2.1", "{ lun = 0; use = \"a\"; }")
#define H		     GROUP("h", "192.0.2.2", "{ lun = 0; use = \"b\"; }")

static const struct {
	const char *old, *new, *diff;
} diffs[] = {
	{ HEAD TARGET("", G), "workers = 77;" HEAD TARGET("", G), "! workers: changed\n" },
	{ HEAD TARGET("", G), HEAD TARGET("", G "," H), "target \"t\", group \"h\": added\n" },
	{ HEAD TARGET("", G "," H), HEAD TARGET("", H "," G),
	  "target \"t\": order of the groups changed\n" },
	{ HEAD TARGET("", G), HEAD TARGET("aer = true;", H),
	  "! target \"t\": a key other than groups changed\n"
	  "target \"t\", group \"g\": removed\ntarget \"t\", group \"h\": added\n" },
	{ HEAD TARGET("", G), HEAD TARGET("", GROUP("g", "192.0.2.9", "{ lun = 0; use = \"a\"; }")),
	  "target \"t\", group \"g\": initiators changed\n" },
	{ HEAD TARGET("", G), HEAD TARGET("", GROUP("g", "192.0.2.1", "{ lun = 0; use = \"b\"; }")),
	  "target \"t\", group \"g\": LUN map changed\n" },
	{ HEAD TARGET("", G), HEAD, "! target \"t\": removed\n" },
	{ HEAD,
	  "rdma_cm_port = 1; luns = ( { name = \"a\"; path = \"/c\"; }, { name = \"d\"; path = "
	  "\"/d\"; } );",
	  "LUN \"b\": removed\nLUN \"a\": changed\nLUN \"d\": added\n" },
};

static void differences(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(diffs); i++) {
		struct conf *a = load(diffs[i].old), *b = load(diffs[i].new);
		char *text = diff_text(a, b);

		assert_string_equal(text, diffs[i].diff);
		free(text);
		conf_free(a);
		conf_free(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sample),
		cmocka_unit_test(many),
		cmocka_unit_test(differences),
	};

	return cmocka_run_group_tests(tests, test_setup, test_teardown);
}
