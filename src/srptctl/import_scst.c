/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scst.conf(5): sections in braces and attributes, one a line. First a tree, then what of it srptd
 * has: device handlers, targets of ib_srpt with their groups, ALUA. Knows how SCST names disks, so
 * that initiators find them again.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "srptctl/import.h"

enum {
	MAX_DEPTH = 16
};

/* ---- the tree ---- */

struct node {
	char *key;   /* first word of the line */
	char *value; /* the rest, unquoted, "" = nothing */
	int line;
	struct node *list;
	size_t n;
};

static void node_free(struct node *node)
{
	for (size_t i = 0; i < node->n; i++)
		node_free(&node->list[i]);
	free(node->list);
	free(node->key);
	free(node->value);
}

/* Cut a comment, which a hash sign starts that has no backslash before it, and white space. */
static char *trim(char *line)
{
	char *out = line, *in = line, *end;

	for (; *in && *in != '#'; in++) {
		if (*in == '\\' && in[1] == '#')
			in++;
		*out++ = *in;
	}
	*out = '\0';
	while (isspace((unsigned char)*line))
		line++;
	for (end = line + strlen(line); end > line && isspace((unsigned char)end[-1]);)
		*--end = '\0';
	return line;
}

/* "…" without its quotes, and those within without their backslashes. */
static char *unquote(char *text)
{
	size_t len = strlen(text), n = 0;

	if (len < 2 || text[0] != '"' || text[len - 1] != '"')
		return text;
	for (size_t i = 1; i + 1 < len; i++)
		if (text[i] != '\\' || text[i + 1] != '"')
			text[n++] = text[i];
	text[n] = '\0';
	return text;
}

static struct node *add_line(struct node *parent, char *text, int line)
{
	struct node *node = imp_grow(&parent->list, &parent->n, sizeof(*node));
	size_t n = strcspn(text, " \t");
	char *rest = text + n;

	while (isspace((unsigned char)*rest))
		rest++;
	text[n] = '\0';
	node->key = imp_dup(text);
	node->value = imp_dup(unquote(rest));
	node->line = line;
	return node;
}

static bool bad(const struct imp *imp, int line, const char *what)
{
	fprintf(stderr, "srptctl: %s:%d: %s\n", imp->file, line, what);
	return false;
}

/* A line without its comment, into the section that is open. */
static bool parse_line(struct imp *imp, struct node **open, int *depth, char *text, int line)
{
	size_t len = strlen(text);
	struct node *node;

	if (!len)
		return true;
	if (strcmp(text, "}") == 0)
		return --*depth >= 0 || bad(imp, line, "a } too many");
	if (text[len - 1] != '{') {
		add_line(open[*depth], text, line);
		return true;
	}
	text[len - 1] = '\0';
	text = trim(text);
	if (!*text || *depth + 1 >= MAX_DEPTH)
		return bad(imp, line, "a section without a name, or too deep");
	node = add_line(open[*depth], text, line);
	open[++*depth] = node;
	return true;
}

static bool parse(struct imp *imp, FILE *f, struct node *root)
{
	struct node *open[MAX_DEPTH] = { root };
	char *line = NULL;
	size_t cap = 0;
	int depth = 0, n = 0;
	bool good = true;

	while (good && getline(&line, &cap, f) >= 0)
		good = parse_line(imp, open, &depth, trim(line), ++n);
	free(line);
	return good && (!depth || bad(imp, open[depth]->line, "a section that does not end"));
}

static const struct node *find(const struct node *node, const char *key)
{
	for (size_t i = 0; i < node->n; i++)
		if (strcmp(node->list[i].key, key) == 0)
			return &node->list[i];
	return NULL;
}

static const char *get(const struct node *node, const char *key)
{
	const struct node *found = find(node, key);

	return found ? found->value : NULL;
}

static uint64_t get_number(const struct node *node, const char *key, uint64_t otherwise)
{
	const char *text = get(node, key);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

/* ---- devices ---- */

/* Attributes of a device that are keys here; NULL as ours: nothing depends on it. */
static const struct attribute {
	const char *theirs, *ours;
	enum {
		AS_IS,
		IF_TRUE,
		BYTES,
		DIGITS,
		TEXT,
		NOTHING
	} how;
	size_t max; /* of a text */
} attributes[] = {
	{ "blocksize", "block_size", AS_IS, 0 },
	{ "nv_cache", "nv_cache", IF_TRUE, 0 },
	{ "o_direct", "o_direct", IF_TRUE, 0 },
	{ "read_only", "read_only", IF_TRUE, 0 },
	{ "write_through", "write_through", IF_TRUE, 0 },
	{ "removable", "removable", IF_TRUE, 0 },
	{ "rotational", "rotational", IF_TRUE, 0 },
	{ "thin_provisioned", "thin_provisioned", IF_TRUE, 0 },
	{ "expl_alua", "alua_explicit", IF_TRUE, 0 },
	{ "opt_trans_len", "opt_trans_len", BYTES, 0 },
	{ "prod_id", "prod_id", TEXT, 16 },
	{ "prod_rev_lvl", "prod_rev_lvl", TEXT, 4 },
	{ "naa_id", "naa_id", DIGITS, 0 },
	{ "t10_vend_id", NULL, NOTHING, 0 },
	{ "eui64_id", NULL, NOTHING, 0 },
	{ "usn", NULL, NOTHING, 0 },
	{ "t10_dev_id", NULL, NOTHING, 0 },
	{ "filename", NULL, NOTHING, 0 },
	{ "size", NULL, NOTHING, 0 },
	{ "size_mb", NULL, NOTHING, 0 },
	{ "lb_per_pb_exp", NULL, NOTHING, 0 },
	{ "dummy", NULL, NOTHING, 0 },
	{ "async", NULL, NOTHING, 0 },
	{ "zero_copy", NULL, NOTHING, 0 },
	{ "threads_num", NULL, NOTHING, 0 },
	{ "threads_pool_type", NULL, NOTHING, 0 },
	{ "numa_node_id", NULL, NOTHING, 0 },
	{ "resync_size", NULL, NOTHING, 0 },
	{ "sync", NULL, NOTHING, 0 },
	{ "max_tgt_dev_commands", NULL, NOTHING, 0 },
};

static const char *hex_of(const char *value)
{
	return strncmp(value, "0x", 2) == 0 ? value + 2 : value;
}

static void put_attribute(struct imp *imp, struct imp_lun *lun, const struct node *node)
{
	const struct attribute *a = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(attributes) && !a; i++)
		if (strcmp(attributes[i].theirs, node->key) == 0)
			a = &attributes[i];
	if (!a) {
		imp_lost(imp, node->line, "%s %s of %s: nothing here is like it", node->key,
			 node->value, lun->origin);
		return;
	}
	switch (a->how) {
	case AS_IS:
		imp_put(&lun->keys, "%s = %llu;\n", a->ours, strtoull(node->value, NULL, 0));
		return;
	case IF_TRUE:
		if (strtoull(node->value, NULL, 0))
			imp_put(&lun->keys, "%s = true;\n", a->ours);
		return;
	case BYTES:
		imp_put(&lun->keys, "%s = \"%llu\";\n", a->ours, strtoull(node->value, NULL, 0));
		return;
	case DIGITS:
		imp_put_text(&lun->keys, a->ours, hex_of(node->value), 32);
		return;
	case TEXT:
		imp_put_text(&lun->keys, a->ours, node->value, a->max);
		return;
	case NOTHING:
		return;
	}
}

/* CRC-32C without the usual inversions, as SCST makes the number of a device from its name and a 0.
 */
static uint32_t crc32c_of_name(const char *name)
{
	uint32_t crc = 0;
	size_t len = strlen(name) + 1;

	for (size_t i = 0; i < len; i++) {
		crc ^= (uint8_t)name[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return crc;
}

/*
 * By what initiators know the disk: SCST makes a number of setup_id and name; it is the serial
 * number, it begins the T10 id, and the first eight characters of that are the EUI-64 where no
 * other id is given.
 */
static void put_identity(struct imp *imp, struct imp_lun *lun, const struct node *device,
			 uint64_t setup_id, const char *vendor)
{
	const char *t10 = get(device, "t10_dev_id"), *eui = get(device, "eui64_id");
	const char *usn = get(device, "usn");
	char number[17], id[9] = "";

	snprintf(number, sizeof(number), "%" PRIx64,
		 setup_id << 32 | crc32c_of_name(device->value));
	imp_put_text(&lun->keys, "t10_vend_id",
		     get(device, "t10_vend_id") ? get(device, "t10_vend_id") : vendor, 8);
	imp_put_text(&lun->keys, "usn", usn ? usn : number, 36);
	if (!get(device, "prod_id"))
		imp_put_text(&lun->keys, "prod_id", device->value, 16);
	if (eui && strlen(hex_of(eui)) != 16) {
		imp_lost(imp, device->line, "eui64_id %s of %s: only those of 8 bytes", eui,
			 lun->origin);
	} else if (eui) {
		imp_put_text(&lun->keys, "eui64_id", hex_of(eui), 16);
	} else if (!get(device, "naa_id")) {
		char full[64];

		snprintf(full, sizeof(full), "%s-%s", number, device->value);
		memcpy(id, t10 ? t10 : full, strnlen(t10 ? t10 : full, 8));
		imp_put(&lun->keys, "eui64_id = \"");
		for (size_t i = 0; i < 8; i++)
			imp_put(&lun->keys, "%02x", (unsigned int)(uint8_t)id[i]);
		imp_put(&lun->keys, "\";\n");
	}
}

static void put_size(struct imp_lun *lun, const struct node *device, const char *otherwise)
{
	uint64_t size = get_number(device, "size", get_number(device, "size_mb", 0) << 20);

	if (size)
		imp_put(&lun->keys, "size = \"%" PRIu64 "\";\n", size);
	else if (otherwise)
		imp_put(&lun->keys, "size = \"%s\";\n", otherwise);
}

static const struct handler {
	const char *name, *vendor;
	bool null, direct;
} handlers[] = {
	{ "vdisk_fileio", "SCST_FIO", false, false },
	{ "vdisk_blockio", "SCST_BIO", false, true },
	{ "vdisk_nullio", "SCST_FIO", true, false },
};

static void import_device(struct imp *imp, const struct handler *handler, const struct node *device,
			  uint64_t setup_id)
{
	const char *path = get(device, "filename");
	struct imp_lun *lun;

	if (!handler->null && !path) {
		imp_lost(imp, device->line, "%s: a device without filename", device->value);
		return;
	}
	lun = imp_lun_new(imp, device->value);
	if (handler->null)
		imp_put(&lun->keys, "type = \"null\";\n");
	else
		imp_put_text(&lun->keys, "path", path, 4095);
	/* a nullio disk has 2.5 TiB by itself, a file its own size */
	put_size(lun, device, handler->null ? "2560G" : NULL);
	if (handler->direct)
		imp_put(&lun->keys, "o_direct = true;\n");
	for (size_t i = 0; i < device->n; i++)
		if (!handler->direct || strcmp(device->list[i].key, "o_direct") != 0)
			put_attribute(imp, lun, &device->list[i]);
	if (!get_number(device, "lb_per_pb_exp", 1))
		imp_put(&lun->keys, "lb_per_pb_exp = 0;\n");
	put_identity(imp, lun, device, setup_id, handler->vendor);
}

/* A handler that passes SCSI devices through, or has no counterpart. */
static void lose_handler(struct imp *imp, const struct node *section)
{
	for (size_t i = 0; i < section->n; i++)
		if (strcmp(section->list[i].key, "DEVICE") == 0)
			imp_lost(imp, section->list[i].line, "DEVICE %s of %s: not carried over%s",
				 section->list[i].value, section->value,
				 strncmp(section->value, "dev_", 4) == 0 ?
					 "; a LUN of type passthrough with its node of sg serves it, "
					 "see lsscsi -g" :
					 "");
}

static void import_handler(struct imp *imp, const struct node *section, uint64_t setup_id)
{
	for (size_t k = 0; k < ARRAY_SIZE(handlers); k++) {
		if (strcmp(handlers[k].name, section->value) != 0)
			continue;
		for (size_t i = 0; i < section->n; i++) {
			const struct node *node = &section->list[i];

			if (strcmp(node->key, "DEVICE") == 0)
				import_device(imp, &handlers[k], node, setup_id);
		}
		return;
	}
	lose_handler(imp, section);
}

/* ---- targets ---- */

static void import_lun(struct imp *imp, struct imp_group *group, const struct node *node)
{
	char *device;
	unsigned long long lun = strtoull(node->value, &device, 0);

	while (isspace((unsigned char)*device))
		device++;
	if (device == node->value || !*device)
		imp_lost(imp, node->line, "LUN %s: expected a number and a device", node->value);
	else
		imp_map_new(imp, group, node->line, lun, device,
			    get_number(node, "read_only", 0) != 0);
}

static void import_group(struct imp *imp, struct imp_target *target, const struct node *section)
{
	struct imp_group *group = imp_group_new(target, section->value);

	for (size_t i = 0; i < section->n; i++) {
		const struct node *node = &section->list[i];

		if (strcmp(node->key, "LUN") == 0)
			import_lun(imp, group, node);
		else if (strcmp(node->key, "INITIATOR") == 0)
			imp_pattern_new(group, node->value);
		else if (strcmp(node->key, "black_hole") != 0 || strtoull(node->value, NULL, 0))
			imp_lost(imp, node->line, "%s %s of group %s: nothing here is like it",
				 node->key, node->value, group->name);
	}
}

/* The LUNs that stand in the target itself are for everyone whom no group names: a group that comes
 * last. */
static void import_default_group(struct imp *imp, struct imp_target *target,
				 const struct node *section)
{
	struct imp_group *group;

	if (!find(section, "LUN"))
		return;
	group = imp_group_new(target, "default");
	imp_pattern_new(group, "*");
	for (size_t i = 0; i < section->n; i++)
		if (strcmp(section->list[i].key, "LUN") == 0)
			import_lun(imp, group, &section->list[i]);
}

static void put_target_key(struct imp *imp, struct imp_target *target, const struct node *node)
{
	static const char *const nothing[] = {
		"enabled",	    "LUN",	"GROUP",	  "addr_method",
		"io_grouping_type", "cpu_mask", "per_portal_acl", "rel_tgt_id",
		"comp_v_mask"
	};

	if (strcmp(node->key, "rel_tgt_id") == 0 || strcmp(node->key, "comp_v_mask") == 0)
		imp_put(&target->keys, "%s = %llu;\n", node->key, strtoull(node->value, NULL, 0));
	for (size_t i = 0; i < ARRAY_SIZE(nothing); i++)
		if (strcmp(nothing[i], node->key) == 0)
			return;
	if (strcmp(node->key, "black_hole") != 0 || strtoull(node->value, NULL, 0))
		imp_lost(imp, node->line, "%s %s of target %s: nothing here is like it", node->key,
			 node->value, target->origin);
}

static void import_target(struct imp *imp, const struct node *section)
{
	struct imp_target *target;

	if (!get_number(section, "enabled", 1)) {
		imp_lost(imp, section->line, "target %s: it was not enabled", section->value);
		return;
	}
	target = imp_target_new(imp, section->value, section->value);
	for (size_t i = 0; i < section->n; i++)
		put_target_key(imp, target, &section->list[i]);
	for (size_t i = 0; i < section->n; i++)
		if (strcmp(section->list[i].key, "GROUP") == 0)
			import_group(imp, target, &section->list[i]);
	import_default_group(imp, target, section);
}

static void import_driver(struct imp *imp, const struct node *section)
{
	if (strcmp(section->value, "ib_srpt") != 0) {
		if (section->n)
			imp_lost(imp, section->line, "target driver %s: not SRP", section->value);
		return;
	}
	for (size_t i = 0; i < section->n; i++) {
		const struct node *node = &section->list[i];

		if (strcmp(node->key, "TARGET") == 0)
			import_target(imp, node);
		else if (strcmp(node->key, "enabled") != 0 &&
			 !imp_put_global(imp, node->line, node->key,
					 strtoull(node->value, NULL, 0)))
			imp_lost(imp, node->line, "%s %s: not a parameter that srptd has",
				 node->key, node->value);
	}
}

/* ---- ALUA ---- */

static struct imp_target *find_target(struct imp *imp, const char *origin)
{
	for (size_t i = 0; i < imp->n_targets; i++)
		if (strcmp(imp->targets[i].origin, origin) == 0)
			return &imp->targets[i];
	return NULL;
}

static void import_access(struct imp *imp, const struct node *devices, const struct node *group)
{
	unsigned int id = (unsigned int)get_number(group, "group_id", 0);
	const char *state = get(group, "state");

	for (size_t i = 0; i < group->n; i++) {
		struct imp_target *target = strcmp(group->list[i].key, "TARGET") == 0
						    ? find_target(imp, group->list[i].value)
						    : NULL;

		if (!target)
			continue; /* of another machine */
		if (target->port_group && target->port_group != id)
			imp_lost(imp, group->line, "target group %s: %s is in one already",
				 group->value, target->name);
		else
			target->port_group = id;
	}
	for (size_t i = 0; i < devices->n; i++) {
		struct imp_lun *lun = strcmp(devices->list[i].key, "DEVICE") == 0
					      ? imp_lun_find(imp, devices->list[i].value)
					      : NULL;

		if (!lun)
			continue;
		imp_put(&lun->alua, "%s{ group = %u; ", lun->alua.len ? ", " : "", id);
		imp_put(&lun->alua, "state = \"%s\";%s }", state ? state : "active",
			get_number(group, "preferred", 0) ? " preferred = true;" : "");
	}
}

static void import_device_group(struct imp *imp, const struct node *section)
{
	for (size_t i = 0; i < section->n; i++)
		if (strcmp(section->list[i].key, "TARGET_GROUP") == 0)
			import_access(imp, section, &section->list[i]);
}

/* ---- all ---- */

static void import_sections(struct imp *imp, const struct node *root)
{
	static const struct {
		const char *key;
		void (*take)(struct imp *imp, const struct node *section);
	} later[] = { { "TARGET_DRIVER", import_driver }, { "DEVICE_GROUP", import_device_group } };
	uint64_t setup_id = get_number(root, "setup_id", 0);

	for (size_t i = 0; i < root->n; i++) {
		const struct node *node = &root->list[i];

		if (strcmp(node->key, "HANDLER") == 0)
			import_handler(imp, node, setup_id);
		else if (!node->list && strcmp(node->key, "setup_id") != 0)
			imp_lost(imp, node->line, "%s %s: nothing here is like it", node->key,
				 node->value);
	}
	for (size_t k = 0; k < ARRAY_SIZE(later); k++)
		for (size_t i = 0; i < root->n; i++)
			if (strcmp(root->list[i].key, later[k].key) == 0)
				later[k].take(imp, &root->list[i]);
}

bool import_scst(struct imp *imp, FILE *f)
{
	struct node root = { 0 };
	bool good = parse(imp, f, &root);

	if (good && !find(&root, "HANDLER") && !find(&root, "TARGET_DRIVER"))
		good = bad(imp, 1,
			   "neither an scst.conf nor a saveconfig.json nor options of modprobe");
	if (good)
		import_sections(imp, &root);
	node_free(&root);
	return good;
}
