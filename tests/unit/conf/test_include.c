/* SPDX-License-Identifier: BSD-2-Clause */
/* include_dir: order, one name space, every message with its own file. */
#include "conf_test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void put(const char *name, const char *text)
{
	test_write(name, text, strlen(text));
}

static void clear(void)
{
	static const char *const names[] = { "10-a.conf", "20-b.conf", "B.conf", ".hidden.conf",
					     "30-c.conf~" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(test_path(names[i]));
}

static int each(void **state)
{
	clear();
	return 0;
}

#define MAIN(more) "include_dir = \".\";\nrdma_cm_port = 1;\n" more

static void joined_in_order(void **state)
{
	struct conf *conf;

	put("20-b.conf", "luns = ( { name = \"b\"; path = \"/b\"; } );\n");
	put("10-a.conf", "\nluns = ( { name = \"a\"; path = \"/a\"; } );\n"
			 "targets = ( { name = \"t\"; groups = ( { name = \"g\";\n"
			 "initiators = [ \"192.0.2.7\" ]; luns = ( { lun = 0; use = \"b\" },\n"
			 "{ lun = 1; use = \"m\" }, { lun = 2; use = \"a\" },\n"
			 "{ lun = 3; use = \"B\"; } ); } ); } );\n");
	put("B.conf", "luns = ( { name = \"B\"; path = \"/B\"; } );\n");
	put(".hidden.conf", "nonsense");
	put("30-c.conf~", "nonsense");
	conf = test_good(MAIN("luns = ( { name = \"m\"; path = \"/m\"; } );\n"), "");
	assert_int_equal(conf->n_files, 4);
	assert_int_equal(conf->n_luns, 4);
	assert_string_equal(conf->luns[0].name, "m");
	assert_string_equal(conf->luns[1].name, "a");
	assert_string_equal(conf->luns[2].name, "b");
	assert_string_equal(conf->luns[3].name, "B");
	assert_ptr_equal(conf->luns[0].file, conf->files[0]);
	assert_ptr_equal(conf->luns[1].file, conf->files[1]);
	assert_int_equal(conf->luns[1].line, 2);
	assert_int_equal(conf->targets[0].groups[0].maps[0].lun_index, 2);
	assert_int_equal(conf->targets[0].groups[0].maps[1].lun_index, 0);
	assert_int_equal(conf->targets[0].listens[0].port, 1);
	conf_free(conf);
}

static void own_files_in_messages(void **state)
{
	put("10-a.conf", "luns = ( { name = \"m\"; path = \"/m\"; },\n"
			 "{ name = \"x\"; path = \"x\"; } );\n"
			 "targets = ( { nam = \"t\"; } );\n");
	put("20-b.conf", "workers = 2;\ninclude_dir = \"/etc\";\n"
			 "lun = ();\ntargets = ( { name = \"t\"; } );\n");
	test_bad(MAIN("luns = (\n{ name = \"m\";\n path = \"/m\"; } );\n"
		      "targets = (\n{ name = \"t\"; } );\n"),
		 "F:4: note: luns[0]: \"m\" is mapped by no group: nobody will see it\n"
		 "F:7: note: targets[0]: target \"t\" has no groups: everybody is refused\n"
		 "D/./10-a.conf:1: luns[0].name: \"m\", expected another than at F:4\n"
		 "D/./10-a.conf:1: luns[0].path: \"/m\", expected another than at F:5\n"
		 "D/./10-a.conf:2: luns[1].path: \"x\", expected an absolute path\n"
		 "D/./10-a.conf:3: targets[0].nam: unknown key, did you mean `name'?\n"
		 "D/./10-a.conf:3: targets[0].name: missing, expected 1 … 63 letters, digits and "
		 ". _ : + @ -, beginning with a letter or digit\n"
		 "D/./20-b.conf:1: workers: not allowed in an included file, expected luns and "
		 "targets only\n"
		 "D/./20-b.conf:2: include_dir: not allowed in an included file, expected luns and "
		 "targets only\n"
		 "D/./20-b.conf:3: lun: unknown key, did you mean `luns'?\n"
		 "D/./20-b.conf:4: note: targets[0]: target \"t\" has no groups: everybody is refused\n"
		 "D/./20-b.conf:4: targets[0].name: \"t\", expected another than at F:7\n");
}

/* What a broken file might have held is not complained about. */
static void broken_file(void **state)
{
	put("10-a.conf", "luns = ( { name = \"a\"; path = \"/a\"; },\n );\n");
	test_bad(MAIN("luns = ( { name = \"m\"; path = \"/m\"; } );\n"
		      "targets = ( { name = \"t\"; groups = ( { name = \"g\";\n"
		      "initiators = [ \"192.0.2.7/33\" ]; luns = ( { lun = 0; use = \"a\" } ); } ); } );\n"),
		 "F:5: targets[0].groups[0].initiators[0]: \"192.0.2.7/33\", expected a prefix "
		 "length of 0 … 32\n"
		 "D/./10-a.conf:2: syntax error: trailing commas are not allowed\n");
}

static void no_directory(void **state)
{
	test_bad("workers = 1;\ninclude_dir = \"/nothing/here\";\n",
		 "F:2: include_dir: \"/nothing/here\" cannot be read (No such file or directory), "
		 "expected a directory\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(joined_in_order, each),
		cmocka_unit_test_setup(own_files_in_messages, each),
		cmocka_unit_test_setup(broken_file, each),
		cmocka_unit_test_setup(no_directory, each),
	};

	return cmocka_run_group_tests(tests, test_setup, test_teardown);
}
