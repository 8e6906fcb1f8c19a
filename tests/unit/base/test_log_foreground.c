/* SPDX-License-Identifier: BSD-2-Clause */
/* Log lines as a person reads them in the foreground. */
#include "log_test.h"

#include <ctype.h>

/* "HH:MM:SS.mmm " at the start; returns what follows. */
static const char *skip_time(const char *line)
{
	static const char shape[] = "dd:dd:dd.ddd ";

	for (size_t i = 0; shape[i]; i++)
		assert_true(shape[i] == 'd' ? isdigit((unsigned char)line[i])
					    : line[i] == shape[i]);
	return line + strlen(shape);
}

static int set_up(void **state)
{
	forget_lines();
	return 0;
}

static void errors_and_warnings_say_so(void **state)
{
	log_err("a");
	assert_string_equal(skip_time(caught), "error: a\n");
	forget_lines();
	log_warn("b");
	assert_string_equal(skip_time(caught), "warning: b\n");
}

static void information_has_no_word(void **state)
{
	log_info("c %d", 3);
	assert_string_equal(skip_time(caught), "c 3\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(errors_and_warnings_say_so, set_up),
		cmocka_unit_test_setup(information_has_no_word, set_up),
	};

	unsetenv("JOURNAL_STREAM");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
