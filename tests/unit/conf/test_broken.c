/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes may be in a file: the sample cut after every byte, and with every byte changed, loads
 * or fails, says why when it fails, and (under the sanitizers) leaks and overruns nothing.
 */
#include "conf_test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void load_any(const char *text)
{
	struct conf *conf;
	char *messages;
	int ret = test_load(text, &conf, &messages);

	if (ret) {
		assert_int_equal(ret, -EINVAL);
		assert_null(conf);
		assert_true(strlen(messages) > 0);
		assert_null(strstr(messages, "(null)"));
	}
	conf_free(conf);
	free(messages);
}

static void truncated(void **state)
{
	char *text = test_read(CONF_SAMPLE);

	for (size_t n = strlen(text); n-- > 0;) {
		text[n] = '\0';
		load_any(text);
	}
	free(text);
}

static void changed(void **state)
{
	static const char bytes[] = "\"{}()[];,=0\\\n\xff";
	char *text = test_read(CONF_SAMPLE);
	size_t len = strlen(text);

	for (size_t n = 0; n < len; n++) {
		char saved = text[n];

		text[n] = bytes[n % (sizeof(bytes) - 1)];
		load_any(text);
		text[n] = saved;
	}
	free(text);
}

static void deep(void **state)
{
	enum { DEPTH = 20000 };
	char *text = malloc(2 * DEPTH + 8);

	assert_non_null(text);
	strcpy(text, "luns=");
	memset(text + 5, '(', DEPTH);
	text[5 + DEPTH] = '\0';
	load_any(text);
	memset(text + 5 + DEPTH, ')', DEPTH);
	text[5 + 2 * DEPTH] = '\0';
	load_any(text);
	free(text);
}

static void long_names(void **state)
{
	char name[3000], text[10000];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	snprintf(text, sizeof(text), "%s = 1; luns = ( { name = \"%s\"; %s = ( 1, 2 ); } );", name,
		 name, name);
	load_any(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(truncated),
		cmocka_unit_test(changed),
		cmocka_unit_test(deep),
		cmocka_unit_test(long_names),
	};

	return cmocka_run_group_tests(tests, test_setup, test_teardown);
}
