/* SPDX-License-Identifier: BSD-2-Clause */
/* srptd.conf(5) holds what conf_describe() makes of the tables. */
#include "conf_test.h"

#include <stdlib.h>
#include <string.h>

/* Print what belongs there, so that it can be taken over: test_conf_manual --print. */
static int print_manual(void)
{
	conf_describe(stdout);
	return 0;
}

static void up_to_date(void **state)
{
	char *manual = test_read(CONF_MANUAL);
	char *tables = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&tables, &size);

	assert_non_null(f);
	conf_describe(f);
	fclose(f);
	if (!strstr(manual, tables))
		fail_msg("the tables in srptd.conf.5.scd are not those of keys.c: "
			 "see test_conf_manual --print");
	free(tables);
	free(manual);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(up_to_date),
	};

	if (argc > 1 && strcmp(argv[1], "--print") == 0)
		return print_manual();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
