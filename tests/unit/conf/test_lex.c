/* SPDX-License-Identifier: BSD-2-Clause */
/* The second reading of libconfig's tokens: exact integers and hints. */
#include "conf_test.h"

#include <stdlib.h>

#include "base/compiler.h"
#include "conf/lex.h"

static void promotion(void **state)
{
	static const struct {
		const char *text, *promoted;
	} rows[] = {
		{ "", "" },
		{ "a = 1;", "a = 1L;" },
		{ "a=-1;b=+2;c=0x1F;d=0X1f;", "a=-1L;b=+2L;c=0x1FL;d=0X1fL;" },
		{ "a = 1L; b = 2LL; c = 0x3L;", "a = 1L; b = 2LL; c = 0x3L;" },
		{ "a=[1,2,\n3]", "a=[1L,2L,\n3L]" },
		{ "a = 1.5; b = .5; c = 5.; d = 1e5; e = -1E-5; f = 1.5e+3;",
		  "a = 1.5; b = .5; c = 5.; d = 1e5; e = -1E-5; f = 1.5e+3;" },
		{ "a1 = true; b-2 = 3; *4 = 5", "a1 = true; b-2 = 3L; *4 = 5L" },
		{ "a = \"1 2\\\" 3\" 4; b = \"\\\\\" 5", "a = \"1 2\\\" 3\" 4L; b = \"\\\\\" 5L" },
		{ "# 1\n// 2\n/* 3 \" */ 4 / 5", "# 1\n// 2\n/* 3 \" */ 4L / 5L" },
		{ "a = \"unclosed 1", "a = \"unclosed 1" },
		{ "/* unclosed 1", "/* unclosed 1" },
		{ "a = \"#\" 1", "a = \"#\" 1L" },
		{ "a = 9223372036854775807", "a = 9223372036854775807L" },
		{ "a = 9223372036854775808", "a = 9223372036854775807L" },
		{ "a = 0xffffffffffffffffL", "a = 9223372036854775807L" },
		{ "a = 0x10000000000000001", "a = 9223372036854775807L" },
		{ "a = 0x", "a = 0Lx" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *promoted = lex_promote(rows[i].text);

		assert_string_equal(promoted, rows[i].promoted);
		free(promoted);
	}
}

static const char comma[] = "trailing commas are not allowed";
static const char missing[] = "a comma is missing between the elements of the list";
static const char open_end[] = "the file ends too early: a bracket is not closed";

static void hints(void **state)
{
	static const struct {
		const char *text;
		int line;
		const char *hint;
	} rows[] = {
		{ "a = ( 1, );", 1, comma },
		{ "a = [ 1,\n];", 2, comma },
		{ "a = [ 1, # why\n\n  ];", 3, comma },
		{ "a = [ 1, ];\nb = ;", 2, NULL },
		{ "a = [ \",\" ];", 1, NULL },
		{ "a = { b = 1, }; c = ;", 1, NULL },
		{ "a = ( {} {} );", 1, missing },
		{ "a = (\n{}\n{}\n);", 3, missing },
		{ "a = ( { b = 1;", 1, open_end },
		{ "a = ( { b = 1; } );\nc = ;", 2, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *hint = lex_hint(rows[i].text, rows[i].line);

		if (hint != rows[i].hint && (!hint || !rows[i].hint))
			fail_msg("row %zu: %s", i, hint ? hint : "no hint");
		if (hint)
			assert_string_equal(hint, rows[i].hint);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(promotion),
		cmocka_unit_test(hints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
