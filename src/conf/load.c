/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files: reading them, parsing them, joining those of include_dir to the main one. The trees live
 * until the end of the load, so that every message can say the line of its key.
 */
#include <dirent.h>
#include <errno.h>
#include <libconfig.h>
#include <stdlib.h>
#include <string.h>

#include "conf/check.h"
#include "conf/conf.h"
#include "conf/keys.h"
#include "conf/lex.h"
#include "conf/msgs.h"
#include "conf/walk.h"

struct source {
	const char *file; /* in conf.files */
	config_t tree;
};

struct load {
	struct conf *conf;
	struct msgs msgs;
	struct source *sources; /* those that could be parsed */
	size_t n_sources;
	bool complete; /* every file could be parsed */
};

/* The whole file as a string, the caller's. -EILSEQ: it has a NUL byte. */
static int read_text(const char *file, char **out)
{
	size_t cap = 0;
	ssize_t n;
	int ret = 0;
	FILE *f = fopen(file, "re");

	if (!f)
		return -errno;
	*out = NULL;
	errno = 0;
	n = getdelim(out, &cap, '\0', f);
	if (n < 0 && !feof(f))
		ret = errno ? -errno : -EIO;
	else if (n > 0 && (*out)[n - 1] == '\0')
		ret = -EILSEQ;
	else if (n < 0 && *out)
		**out = '\0'; /* empty; getdelim() has allocated all the same */
	else if (!*out)
		ret = -ENOMEM;
	fclose(f);
	if (ret) {
		free(*out);
		*out = NULL;
	}
	return ret;
}

/* Remember the name for as long as conf lives. */
static const char *add_file(struct load *load, const char *file)
{
	struct conf *conf = load->conf;
	char **grown = reallocarray(conf->files, conf->n_files + 1, sizeof(*grown));

	if (grown) {
		conf->files = grown;
		grown[conf->n_files] = strdup(file);
		if (grown[conf->n_files])
			return grown[conf->n_files++];
	}
	load->msgs.oom = true;
	return NULL;
}

static config_t *add_source(struct load *load, const char *file)
{
	struct source *grown =
		reallocarray(load->sources, load->n_sources + 1, sizeof(*load->sources));
	config_t *tree;

	if (!grown) {
		load->msgs.oom = true;
		return NULL;
	}
	load->sources = grown;
	grown[load->n_sources].file = file;
	tree = &grown[load->n_sources++].tree;
	config_init(tree);
	return tree;
}

static void syntax_error(struct load *load, const config_t *tree, const char *file,
			 const char *text)
{
	int line = config_error_line(tree);
	const char *hint = NULL;

	if (strcmp(config_error_text(tree), "syntax error") == 0)
		hint = lex_hint(text, line);
	msgs_error(&load->msgs, file, line, "", "%s%s%s", config_error_text(tree), hint ? ": " : "",
		   hint ? hint : "");
}

/* Up to a stray string the text may have an error of its own: then that is the one to name. */
static void parse_error(struct load *load, const config_t *tree, const char *file, const char *text,
			int stray_line)
{
	if (stray_line && (config_error_type(tree) == CONFIG_ERR_NONE ||
			   config_error_line(tree) >= stray_line))
		msgs_error(&load->msgs, file, stray_line, "",
			   "syntax error: a string is out of place, expected = or a comma before it");
	else
		syntax_error(load, tree, file, text);
}

/* The text with 64-bit integers, without a stray string and what is behind it. */
static char *text_to_parse(const char *text, int *stray_line)
{
	const char *stray = lex_stray_string(text, stray_line);
	char *cut, *promoted;

	if (!stray) {
		*stray_line = 0;
		return lex_promote(text);
	}
	cut = strndup(text, (size_t)(stray - text));
	promoted = cut ? lex_promote(cut) : NULL;
	free(cut);
	return promoted;
}

/* NULL: not to be parsed, and why is in the messages. Valid until the next one is parsed. */
static config_t *parse_text(struct load *load, const char *file, const char *text)
{
	size_t errors = load->msgs.n_errors;
	int stray_line;
	char *promoted;
	config_t *tree;

	lex_check(text, file, &load->msgs);
	if (load->msgs.n_errors > errors)
		return NULL;
	promoted = text_to_parse(text, &stray_line);
	tree = add_source(load, file);
	if (!promoted || !tree) {
		load->msgs.oom = true;
		free(promoted);
		return NULL;
	}
	if (!config_read_string(tree, promoted) || stray_line) {
		parse_error(load, tree, file, text, stray_line);
		config_destroy(tree);
		load->n_sources--;
		tree = NULL;
	}
	free(promoted);
	return tree;
}

static int parse_file(struct load *load, const char *file, config_t **tree)
{
	char *text;
	int ret = read_text(file, &text);

	*tree = NULL;
	if (ret == -EILSEQ) {
		msgs_error(&load->msgs, file, 0, "", "has a NUL byte, expected text");
		return ret;
	}
	if (ret) {
		msgs_error(&load->msgs, file, 0, "", "cannot be read: %s", strerror(-ret));
		return ret;
	}
	*tree = parse_text(load, file, text);
	free(text);
	return 0;
}

/* ---- from trees to conf ---- */

/* The list with more behind it, or NULL; the elements of `more` are moved, the array is not. */
static void *append(void *list, size_t n, const void *more, size_t n_more, size_t size)
{
	char *grown = reallocarray(list, n + n_more, size);

	if (grown)
		memcpy(grown + n * size, more, n_more * size);
	return grown;
}

static void join_luns(struct load *load, struct conf *part)
{
	struct conf *conf = load->conf;
	struct conf_lun *grown;

	if (!part->n_luns)
		return;
	grown = append(conf->luns, conf->n_luns, part->luns, part->n_luns, sizeof(*grown));
	if (!grown) {
		load->msgs.oom = true;
		return;
	}
	conf->luns = grown;
	conf->n_luns += part->n_luns;
	part->n_luns = 0;
}

static void join_targets(struct load *load, struct conf *part)
{
	struct conf *conf = load->conf;
	struct conf_target *grown;

	if (!part->n_targets)
		return;
	grown = append(conf->targets, conf->n_targets, part->targets, part->n_targets,
		       sizeof(*grown));
	if (!grown) {
		load->msgs.oom = true;
		return;
	}
	conf->targets = grown;
	conf->n_targets += part->n_targets;
	part->n_targets = 0;
}

static void set_file(struct conf *conf, const char *file)
{
	for (size_t i = 0; i < conf->n_luns; i++)
		conf->luns[i].file = file;
	for (size_t i = 0; i < conf->n_targets; i++)
		conf->targets[i].file = file;
}

static void walk_tree(struct load *load, const struct key_table *table, config_t *tree,
		      const char *file, struct conf *out)
{
	struct walk walk = { .msgs = &load->msgs, .file = file };

	walk_group(&walk, table, config_root_setting(tree), out);
	set_file(out, file);
}

/* The walk starts from a cleared struct: what it does not fill is carried over. */
static void take_main(struct load *load, config_t *tree)
{
	struct conf *conf = load->conf;
	struct conf parsed;

	walk_tree(load, &conf_table, tree, conf->files[0], &parsed);
	parsed.file = conf->file;
	parsed.files = conf->files;
	parsed.n_files = conf->n_files;
	*conf = parsed;
}

static void include_file(struct load *load, const char *path)
{
	const char *file = add_file(load, path);
	config_t *tree = NULL;
	struct conf part;

	if (!file)
		return;
	parse_file(load, file, &tree);
	if (!tree) {
		load->complete = false;
		return;
	}
	walk_tree(load, &conf_include_table, tree, file, &part);
	join_luns(load, &part);
	join_targets(load, &part);
	key_free(&conf_include_table, &part);
}

/* ---- include_dir ---- */

static int is_conf_file(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return entry->d_name[0] != '.' && strcmp(dot ? dot : "", ".conf") == 0;
}

/* Bytewise, whatever the locale: the order of LUNs and targets must be the same everywhere. */
static int entry_cmp(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* A relative directory starts from that of the main file. NULL = out of memory. */
static char *include_path(const struct conf *conf)
{
	const char *slash = strrchr(conf->file, '/');
	char *path = NULL;
	int n;

	if (conf->include_dir[0] == '/' || !slash)
		return strdup(conf->include_dir);
	n = asprintf(&path, "%.*s/%s", (int)(slash - conf->file), conf->file, conf->include_dir);
	return n < 0 ? NULL : path;
}

static void include_entry(struct load *load, const char *dir, const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%s", dir, name) < 0) {
		load->msgs.oom = true;
		return;
	}
	include_file(load, path);
	free(path);
}

static void include_all(struct load *load)
{
	struct conf *conf = load->conf;
	struct dirent **entries;
	char *dir;
	int n;

	if (!conf->include_dir)
		return;
	dir = include_path(conf);
	if (!dir) {
		load->msgs.oom = true;
		return;
	}
	n = scandir(dir, &entries, is_conf_file, entry_cmp);
	if (n < 0) {
		load->complete = false;
		msgs_error(&load->msgs, conf->files[0], 0, "include_dir",
			   "\"%s\" cannot be read (%s), expected a directory", dir,
			   strerror(errno));
	}
	for (int i = 0; i < n; i++) {
		include_entry(load, dir, entries[i]->d_name);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	free(dir);
}

/* ---- the whole ---- */

/* msgs.find_line: libconfig wants a dot before the index too. */
static int find_line(void *arg, const char *file, const char *key)
{
	struct load *load = arg;
	char path[2 * WALK_PATH_LEN];
	const config_setting_t *setting;
	size_t n = 0;

	for (; *key && n < sizeof(path) - 2; key++) {
		if (*key == '[')
			path[n++] = '.';
		path[n++] = *key;
	}
	path[n] = '\0';
	for (size_t i = 0; i < load->n_sources; i++) {
		if (load->sources[i].file != file)
			continue;
		setting = config_lookup(&load->sources[i].tree, path);
		return setting ? (int)config_setting_source_line(setting) : 0;
	}
	return 0;
}

/* text: what the file says; NULL = read it. */
static int load_all(struct load *load, const char *file, const char *text)
{
	const char *main_file = add_file(load, file);
	config_t *tree;
	int ret = -EINVAL;

	load->conf->file = strdup(file);
	if (!main_file || !load->conf->file)
		return -ENOMEM;
	if (text)
		tree = parse_text(load, main_file, text);
	else
		ret = parse_file(load, main_file, &tree);
	if (!tree)
		return ret ? ret : -EINVAL;
	load->msgs.find_line = find_line;
	load->msgs.find_arg = load;
	take_main(load, tree);
	include_all(load);
	conf_check(load->conf, &load->msgs, load->complete);
	return load->msgs.n_errors ? -EINVAL : 0;
}

static int load_conf(const char *file, const char *text, struct conf **out, FILE *errs)
{
	struct load load = { .conf = calloc(1, sizeof(*load.conf)), .complete = true };
	int ret;

	*out = NULL;
	if (!load.conf)
		return -ENOMEM;
	ret = load_all(&load, file, text);
	if (load.msgs.oom)
		ret = -ENOMEM;
	msgs_print(&load.msgs, load.conf->files, load.conf->n_files, errs);
	msgs_fini(&load.msgs);
	for (size_t i = 0; i < load.n_sources; i++)
		config_destroy(&load.sources[i].tree);
	free(load.sources);
	if (ret) {
		conf_free(load.conf);
		return ret;
	}
	*out = load.conf;
	return 0;
}

int conf_load(const char *file, struct conf **out, FILE *errs)
{
	return load_conf(file, NULL, out, errs);
}

int conf_load_text(const char *name, const char *text, struct conf **out, FILE *errs)
{
	return load_conf(name, text, out, errs);
}
