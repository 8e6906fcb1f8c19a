/* SPDX-License-Identifier: BSD-2-Clause */
/* Logical units: what a type needs, what must be unique, the serial number nobody gave. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "conf/check.h"
#include "conf/size.h"

/* A list element that was no group. */
static bool is_empty(const struct conf_lun *lun)
{
	return lun->line == 0;
}

static void lun_error(struct check *check, size_t i, const char *key, const char *fmt, ...)
	printf_like(4, 5);

static void lun_error(struct check *check, size_t i, const char *key, const char *fmt, ...)
{
	const struct conf_lun *lun = &check->conf->luns[i];
	char path[CHECK_PATH_LEN], text[512];
	size_t used;
	va_list ap;

	check_lun_path(check->conf, i, path);
	used = strlen(path);
	snprintf(path + used, sizeof(path) - used, ".%s", key);
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	msgs_error(check->msgs, lun->file, lun->line, path, "%s", text);
}

/* A device has properties of its own. */
static void check_passthrough(struct check *check, size_t i)
{
	const struct conf_lun *lun = &check->conf->luns[i];
	const struct {
		const char *key;
		bool given;
	} own[] = {
		{ "size", lun->size },
		{ "o_direct", lun->o_direct },
		{ "write_through", lun->write_through },
		{ "nv_cache", lun->nv_cache },
		{ "rotational", lun->rotational },
		{ "removable", lun->removable },
		{ "thin_provisioned", lun->thin },
		{ "t10_vend_id", lun->vendor },
		{ "prod_id", lun->product },
		{ "prod_rev_lvl", lun->revision },
		{ "naa_id", lun->naa[0] },
		{ "eui64_id", lun->eui64 },
	};

	for (size_t n = 0; n < ARRAY_SIZE(own); n++)
		if (own[n].given)
			lun_error(check, i, own[n].key,
				  "given, expected none: a device passed through has its own");
	if (!lun->path)
		lun_error(check, i, "path", "missing, expected an absolute path");
}

/* What nobody can write has no cache; 512 is what no block_size at all gives. */
static void check_cdrom(struct check *check, size_t i)
{
	struct conf_lun *lun = &check->conf->luns[i];
	const struct {
		const char *key;
		bool given;
	} none[] = {
		{ "size", lun->size },
		{ "write_through", lun->write_through },
		{ "nv_cache", lun->nv_cache },
		{ "thin_provisioned", lun->thin },
	};

	for (size_t n = 0; n < ARRAY_SIZE(none); n++)
		if (none[n].given)
			lun_error(check, i, none[n].key, "given, expected none: a disc is only read");
	if (lun->block_size != 512 && lun->block_size != 2048)
		lun_error(check, i, "block_size", "%u, expected 2048 for type \"cdrom\"",
			  lun->block_size);
}

static void check_type(struct check *check, size_t i)
{
	const struct conf_lun *lun = &check->conf->luns[i];

	if (!lun->type)
		return;
	if (lun->hugepages && strcmp(lun->type, "memory") != 0)
		lun_error(check, i, "hugepages", "true, expected false for type \"%s\"",
			  lun->type);
	if (strcmp(lun->type, "cdrom") == 0) {
		check_cdrom(check, i);
		return;
	}
	if (strcmp(lun->type, "passthrough") == 0) {
		check_passthrough(check, i);
		return;
	}
	if (strcmp(lun->type, "file") == 0) {
		if (!lun->path)
			lun_error(check, i, "path", "missing, expected an absolute path");
		return;
	}
	if (!lun->size)
		lun_error(check, i, "size",
			  "missing, expected a size for type \"%s\", such as \"10G\"", lun->type);
	if (lun->path)
		lun_error(check, i, "path", "\"%s\", expected none for type \"%s\"", lun->path,
			  lun->type);
}

static void check_multiple(struct check *check, size_t i, const char *key, uint64_t value)
{
	uint32_t block = check->conf->luns[i].block_size;
	char text[SIZE_TEXT_LEN];

	if (!block || value % block == 0)
		return;
	size_text(value, text);
	lun_error(check, i, key, "\"%s\", expected a multiple of block_size (%u)", text, block);
}

static void check_cache(struct check *check, size_t i)
{
	const struct conf_lun *lun = &check->conf->luns[i];

	if (lun->nv_cache && lun->write_through)
		lun_error(check, i, "nv_cache", "true, expected false together with write_through");
}

static void fault_error(struct check *check, size_t i, size_t n, const char *key, const char *text)
{
	char path[CHECK_PATH_LEN];

	snprintf(path, sizeof(path), "fault[%zu].%s", n, key);
	lun_error(check, i, path, "%s", text);
}

static void check_faults(struct check *check, size_t i)
{
	const struct conf_lun *lun = &check->conf->luns[i];

	for (size_t n = 0; n < lun->n_faults; n++) {
		const struct conf_fault *f = &lun->faults[n];
		bool ends = f->error || f->kill;
		bool writes = f->op && (!strcmp(f->op, "any") || !strcmp(f->op, "write"));

		if (!f->line)
			continue;
		if (!ends && !f->delay_ms)
			fault_error(check, i, n, "error", "missing, expected error, kill or delay_ms");
		if (f->to && f->to <= f->from)
			fault_error(check, i, n, "to", "expected more than from");
		if (f->torn && (!ends || !writes))
			fault_error(check, i, n, "torn", "expected a write with error or kill");
		if (f->cancel && !f->delay_ms)
			fault_error(check, i, n, "cancel", "true, expected false without delay_ms");
		if (f->error && f->kill)
			fault_error(check, i, n, "kill", "true, expected false together with error");
	}
}

static bool is_set_before(const struct conf_lun *lun, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (lun->alua[i].group == lun->alua[n].group)
			return true;
	return false;
}

static void check_access(struct check *check, size_t i)
{
	const struct conf_lun *lun = &check->conf->luns[i];
	char key[64];

	for (size_t n = 0; n < lun->n_alua; n++) {
		if (!lun->alua[n].group || !is_set_before(lun, n))
			continue;
		snprintf(key, sizeof(key), "alua[%zu].group", n);
		lun_error(check, i, key, "%u, expected each group once", lun->alua[n].group);
	}
	if (lun->alua_explicit && !lun->n_alua)
		lun_error(check, i, "alua_explicit", "true, expected false without alua");
}

static void derive_serial(struct check *check, size_t i)
{
	struct conf_lun *lun = &check->conf->luns[i];
	char serial[IDENT_SERIAL_LEN];

	if (lun->serial || !lun->name)
		return;
	if (check->ident_error) {
		lun_error(check, i, "usn",
			  "missing and not to be derived from %s (%s), expected a serial number",
			  ident_machine_id_file, strerror(-check->ident_error));
		return;
	}
	ident_serial(&check->ident, lun->name, serial);
	lun->serial = strdup(serial);
	if (!lun->serial)
		check->msgs->oom = true;
}

/* ---- what only one LUN may have ---- */

struct unique {
	struct check *check;
	const char *key;
};

/* Equal names have been reported; the serial numbers derived from them are equal too. */
static bool both_derived(const struct check *check, const struct conf_lun *a,
			 const struct conf_lun *b)
{
	char serial[IDENT_SERIAL_LEN];

	if (!a->name || !b->name || strcmp(a->name, b->name) != 0)
		return false;
	ident_serial(&check->ident, a->name, serial);
	return strcmp(a->serial, serial) == 0;
}

static void report_taken(void *arg, const struct claim *first, const struct claim *second)
{
	struct unique *unique = arg;
	struct check *check = unique->check;
	const struct conf_lun *lun = &check->conf->luns[first->index];
	char path[CHECK_PATH_LEN], number[32];
	size_t used;

	if (strcmp(unique->key, "usn") == 0 &&
	    both_derived(check, lun, &check->conf->luns[second->index]))
		return;
	check_lun_path(check->conf, first->index, path);
	used = strlen(path);
	snprintf(path + used, sizeof(path) - used, ".%s", unique->key);
	snprintf(number, sizeof(number), "0x%016" PRIx64, second->a);
	lun_error(check, second->index, unique->key, "\"%s\", expected another than at %s:%d",
		  second->text ? second->text : number, lun->file,
		  msgs_line(check->msgs, lun->file, path, lun->line));
}

static void check_unique(struct check *check, const char *key,
			 struct claim (*claim)(const struct conf_lun *lun))
{
	struct unique unique = { .check = check, .key = key };
	const struct conf *conf = check->conf;
	struct claim *claims = calloc(conf->n_luns + 1, sizeof(*claims));
	size_t n = 0;

	if (!claims) {
		check->msgs->oom = true;
		return;
	}
	for (size_t i = 0; i < conf->n_luns; i++) {
		claims[n] = claim(&conf->luns[i]);
		claims[n].index = i;
		n += claims[n].text || claims[n].a;
	}
	claims_check(claims, n, report_taken, &unique);
	free(claims);
}

static struct claim claim_name(const struct conf_lun *lun)
{
	return (struct claim){ .text = lun->name };
}

static struct claim claim_serial(const struct conf_lun *lun)
{
	return (struct claim){ .text = lun->serial };
}

static struct claim claim_naa(const struct conf_lun *lun)
{
	return (struct claim){ .a = lun->naa[0], .b = lun->naa[1] };
}

static struct claim claim_eui64(const struct conf_lun *lun)
{
	return (struct claim){ .a = lun->eui64 };
}

static struct claim claim_writable_path(const struct conf_lun *lun)
{
	return (struct claim){ .text = lun->read_only ? NULL : lun->path };
}

/* For the mappings: every name once, the first LUN of that name. */
static void index_names(struct check *check)
{
	const struct conf *conf = check->conf;

	for (size_t i = 0; i < conf->n_luns; i++) {
		if (!conf->luns[i].name)
			continue;
		check->by_name[check->n_by_name] = claim_name(&conf->luns[i]);
		check->by_name[check->n_by_name++].index = i;
	}
	if (check->n_by_name)
		qsort(check->by_name, check->n_by_name, sizeof(*check->by_name), claim_cmp);
}

void check_luns(struct check *check)
{
	for (size_t i = 0; i < check->conf->n_luns; i++) {
		struct conf_lun *lun = &check->conf->luns[i];

		if (is_empty(lun))
			continue;
		check_type(check, i);
		check_multiple(check, i, "size", lun->size);
		check_multiple(check, i, "opt_trans_len", lun->opt_transfer);
		check_cache(check, i);
		check_faults(check, i);
		check_access(check, i);
		derive_serial(check, i);
	}
	check_unique(check, "name", claim_name);
	check_unique(check, "usn", claim_serial);
	check_unique(check, "naa_id", claim_naa);
	check_unique(check, "eui64_id", claim_eui64);
	check_unique(check, "path", claim_writable_path);
	index_names(check);
}

void check_lun_use(struct check *check)
{
	const struct conf *conf = check->conf;
	char path[CHECK_PATH_LEN];

	for (size_t i = 0; check->complete && i < conf->n_luns; i++) {
		const struct conf_lun *lun = &conf->luns[i];

		if (check->used[i] || !lun->name)
			continue;
		check_lun_path(conf, i, path);
		msgs_note(check->msgs, lun->file, lun->line, path,
			  "\"%s\" is mapped by no group: nobody will see it", lun->name);
	}
}
