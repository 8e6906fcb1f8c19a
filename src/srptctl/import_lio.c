/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * targetcli's saveconfig.json(5): storage objects, and targets of the fabric srpt with their ACLs.
 * Knows how the kernel's target names disks, so that initiators find them again.
 */
#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "srptctl/import.h"

enum {
	PATH_LEN = 512
};

static const char *get_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* Numbers and truth, also as text: attributes are "1" in old files. */
static uint64_t get_number(const json_t *object, const char *key, uint64_t otherwise)
{
	const json_t *value = json_object_get(object, key);

	if (json_is_integer(value))
		return (uint64_t)json_integer_value(value);
	if (json_is_boolean(value))
		return json_is_true(value);
	if (json_is_string(value) && *json_string_value(value))
		return strtoull(json_string_value(value), NULL, 0);
	return otherwise;
}

/* ---- storage objects ---- */

static const struct plugin {
	const char *name, *model; /* what INQUIRY says without an alias */
	enum {
		FILEIO,
		BLOCK,
		RAMDISK,
		PASSTHROUGH
	} kind;
} plugins[] = {
	{ "fileio", "FILEIO", FILEIO },
	{ "block", "IBLOCK", BLOCK },
	{ "ramdisk", "RAMDISK-MCP", RAMDISK },
	{ "pscsi", NULL, PASSTHROUGH },
};

/* The kernel's NAA designator: its company id, then 25 digits of the serial number. */
static void put_naa(struct imp_lun *lun, const char *wwn)
{
	char naa[33] = "6001405";
	size_t n = strlen(naa);

	for (; *wwn && n < 32; wwn++)
		if (isxdigit((unsigned char)*wwn))
			naa[n++] = *wwn;
	while (n < 32)
		naa[n++] = '0';
	naa[n] = '\0';
	imp_put_text(&lun->keys, "naa_id", naa, 32);
}

static void put_identity(struct imp *imp, struct imp_lun *lun, const json_t *object,
			 const struct plugin *plugin)
{
	const json_t *attributes = json_object_get(object, "attributes");
	const char *wwn = get_text(object, "wwn"), *name = get_text(object, "name");

	imp_put_text(&lun->keys, "t10_vend_id", "LIO-ORG", 8);
	imp_put_text(&lun->keys, "prod_id",
		     get_number(attributes, "emulate_model_alias", 0) ? name : plugin->model, 16);
	if (!*wwn) {
		imp_lost(imp, 0, "%s: it has no wwn, so it gets an identity of its own here",
			 lun->origin);
		return;
	}
	if (strlen(wwn) > 36)
		imp_lost(imp, 0, "%s: its wwn is cut to 36 characters", lun->origin);
	imp_put_text(&lun->keys, "usn", wwn, 36);
	put_naa(lun, wwn);
}

static void put_attributes(struct imp *imp, struct imp_lun *lun, const json_t *a)
{
	uint64_t block_size = get_number(a, "block_size", 512);

	if (block_size != 512)
		imp_put(&lun->keys, "block_size = %" PRIu64 ";\n", block_size);
	if (get_number(a, "emulate_tpu", 0) || get_number(a, "emulate_tpws", 0))
		imp_put(&lun->keys, "thin_provisioned = true;\n");
	if (!get_number(a, "is_nonrot", 1))
		imp_put(&lun->keys, "rotational = true;\n");
	if (get_number(a, "pi_prot_type", 0))
		imp_lost(imp, 0, "%s: protection information (pi_prot_type)", lun->origin);
}

static void put_store(struct imp_lun *lun, const json_t *object, const struct plugin *plugin)
{
	const char *dev = get_text(object, "dev");
	uint64_t size = get_number(object, "size", 0) & ~UINT64_C(4095);
	bool null = get_number(object, "nullio", 0) != 0;

	if (plugin->kind == RAMDISK)
		imp_put(&lun->keys, "type = \"%s\";\n", null ? "null" : "memory");
	else
		imp_put_text(&lun->keys, "path", dev, 4095);
	if (size && plugin->kind != BLOCK && strncmp(dev, "/dev/", 5) != 0)
		imp_put(&lun->keys, "size = \"%" PRIu64 "\";\n", size);
	if (plugin->kind == BLOCK)
		imp_put(&lun->keys, "o_direct = true;\n");
	if (plugin->kind == FILEIO && !get_number(object, "write_back", 1))
		imp_put(&lun->keys, "write_through = true;\n");
	if (get_number(object, "readonly", 0))
		imp_put(&lun->keys, "read_only = true;\n");
}

static void import_object(struct imp *imp, const json_t *object)
{
	const char *name = get_text(object, "name"), *kind = get_text(object, "plugin");
	const struct plugin *plugin = NULL;
	char origin[PATH_LEN];
	struct imp_lun *lun;

	snprintf(origin, sizeof(origin), "/backstores/%s/%s", kind, name);
	for (size_t i = 0; i < ARRAY_SIZE(plugins); i++)
		if (strcmp(plugins[i].name, kind) == 0)
			plugin = &plugins[i];
	if (!plugin) {
		imp_lost(imp, 0, "%s: not carried over", origin);
		return;
	}
	if (plugin->kind == PASSTHROUGH && strncmp(get_text(object, "dev"), "/dev/sg", 7) != 0) {
		imp_lost(imp, 0,
			 "%s: %s: a LUN of type passthrough with its node of sg serves it, see lsscsi -g",
			 origin, get_text(object, "dev"));
		return;
	}
	lun = imp_lun_new(imp, name);
	free(lun->origin);
	lun->origin = imp_dup(origin);
	if (plugin->kind == PASSTHROUGH) {
		/* all that INQUIRY says comes from the device */
		imp_put(&lun->keys, "type = \"passthrough\";\n");
		imp_put_text(&lun->keys, "path", get_text(object, "dev"), 4095);
		return;
	}
	put_store(lun, object, plugin);
	put_attributes(imp, lun, json_object_get(object, "attributes"));
	put_identity(imp, lun, object, plugin);
	if (json_array_size(json_object_get(object, "alua_tpgs")) > 1)
		imp_lost(imp, 0, "%s: its ALUA groups; see alua in srptd.conf(5)", origin);
}

/* ---- targets ---- */

/* "ib." and 32 digits as a GID in full: "fe80:0000:…". */
static void gid_text(char out[40], const char *digits)
{
	for (size_t i = 0; i < 8; i++)
		snprintf(out + 5 * i, 6, "%.4s%s", digits + 4 * i, i < 7 ? ":" : "");
}

static bool is_ib_name(const char *wwn)
{
	return strncmp(wwn, "ib.", 3) == 0 && strlen(wwn) == 35 &&
	       strspn(wwn + 3, "0123456789abcdefABCDEF") == 32;
}

/* An ACL is called by the initiator's port identifier; where that begins like a GID it may be one.
 */
static void put_initiator(struct imp_group *group, const char *wwn)
{
	char text[40];

	if (!is_ib_name(wwn)) {
		imp_pattern_new(group, strncmp(wwn, "ib.", 3) == 0 ? wwn + 3 : wwn);
		return;
	}
	snprintf(text, sizeof(text), "0x%s", wwn + 3);
	imp_pattern_new(group, text);
	if (strncmp(wwn + 3, "fe80", 4) == 0) {
		gid_text(text, wwn + 3);
		imp_pattern_new(group, text);
	}
}

/* The storage object of a LUN of the target, or NULL. */
static const char *object_of(const json_t *tpg, uint64_t index)
{
	const json_t *lun;
	size_t i;

	json_array_foreach(json_object_get(tpg, "luns"), i, lun)
	{
		if (get_number(lun, "index", UINT64_MAX) == index)
			return get_text(lun, "storage_object");
	}
	return NULL;
}

static void import_acl(struct imp *imp, struct imp_target *target, const json_t *tpg,
		       const json_t *acl)
{
	struct imp_group *group = imp_group_new(target, get_text(acl, "node_wwn"));
	const json_t *map;
	size_t i;

	put_initiator(group, get_text(acl, "node_wwn"));
	json_array_foreach(json_object_get(acl, "mapped_luns"), i, map)
	{
		uint64_t lun = get_number(map, "index", UINT64_MAX);
		const char *object = object_of(tpg, get_number(map, "tpg_lun", UINT64_MAX));

		imp_map_new(imp, group, 0, lun, object ? object : "no LUN of the target",
			    get_number(map, "write_protect", 0) != 0);
	}
}

static void put_parameters(struct imp *imp, const json_t *tpg)
{
	const char *name;
	json_t *value;

	json_object_foreach(json_object_get(tpg, "attributes"), name, value)
	{
		if (!imp_put_global(imp, 0, name,
				    get_number(json_object_get(tpg, "attributes"), name, 0)) &&
		    strcmp(name, "use_srq") != 0)
			imp_lost(imp, 0, "attribute %s of a target: not a parameter that srptd has",
				 name);
	}
}

static void import_tpg(struct imp *imp, const char *wwn, const json_t *tpg)
{
	const json_t *acls = json_object_get(tpg, "node_acls"), *acl;
	struct imp_target *target;
	char name[40];
	size_t i;

	if (!get_number(tpg, "enable", 1)) {
		imp_lost(imp, 0, "target %s: it was not enabled", wwn);
		return;
	}
	if (is_ib_name(wwn))
		gid_text(name, wwn + 3);
	target = imp_target_new(imp, wwn, is_ib_name(wwn) ? name : wwn);
	put_parameters(imp, tpg);
	json_array_foreach(acls, i, acl) import_acl(imp, target, tpg, acl);
	if (!json_array_size(acls))
		imp_lost(imp, 0, "target %s: it has no ACL, nobody may log in", wwn);
}

static void import_target(struct imp *imp, const json_t *one)
{
	const json_t *tpg;
	size_t i;

	if (strcmp(get_text(one, "fabric"), "srpt") != 0) {
		imp_lost(imp, 0, "target %s of %s: not SRP", get_text(one, "wwn"),
			 get_text(one, "fabric"));
		return;
	}
	json_array_foreach(json_object_get(one, "tpgs"), i, tpg)
		import_tpg(imp, get_text(one, "wwn"), tpg);
}

bool import_lio(struct imp *imp, FILE *f)
{
	json_error_t error;
	json_t *root = json_loadf(f, 0, &error), *one;
	size_t i;

	if (!root || !json_is_array(json_object_get(root, "storage_objects"))) {
		fprintf(stderr, "srptctl: %s:%d: %s\n", imp->file, root ? 1 : error.line,
			root ? "no storage_objects: not a saveconfig.json" : error.text);
		json_decref(root);
		return false;
	}
	json_array_foreach(json_object_get(root, "storage_objects"), i, one)
		import_object(imp, one);
	json_array_foreach(json_object_get(root, "targets"), i, one) import_target(imp, one);
	json_decref(root);
	return true;
}
