/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any text as a configuration: it is refused with something said, or what is written of it loads to
 * the same. Texts that name other files are passed over.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"

static struct conf *load(const char *text, bool checked)
{
	char *said = NULL;
	size_t len = 0;
	FILE *errs = open_memstream(&said, &len);
	struct conf *conf = NULL;
	int ret = conf_load_text("fuzz", text, &conf, errs);

	fclose(errs);
	must((ret == 0) == (conf != NULL));
	must(conf || len);
	must(conf || !checked);
	free(said);
	return conf;
}

static void differs(void *arg, enum conf_effect effect, const char *text)
{
	must(!"what was written is not what was read");
}

static void round_trip(const struct conf *conf)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	struct conf *again;

	conf_write(conf, f);
	fclose(f);
	again = load(text, true);
	conf_diff(conf, again, differs, NULL);
	conf_free(again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct conf *conf = NULL;

	memcpy(text, data, size);
	text[size] = '\0';
	if (!strstr(text, "include"))
		conf = load(text, false);
	if (conf)
		round_trip(conf);
	conf_free(conf);
	free(text);
	return 0;
}
