/* SPDX-License-Identifier: BSD-2-Clause */
/* INQUIRY data in words (SPC-4 6.4.2, 7.8; SBC-3 6.6): one decoder per page, in a table. */
#include <string.h>

#include "base/be.h"
#include "srpio/tool.h"

static const char *name_of(const char *const *names, size_t n, unsigned int i)
{
	return i < n && names[i] ? names[i] : "reserved";
}

#define NAME(names, i) name_of(names, ARRAY_SIZE(names), i)

static void put_int(json_t *obj, const char *key, uint64_t v)
{
	json_object_set_new(obj, key, json_integer((json_int_t)v));
}

static void put_bool(json_t *obj, const char *key, bool v)
{
	json_object_set_new(obj, key, json_boolean(v));
}

static void put_text(json_t *obj, const char *key, const char *v)
{
	json_object_set_new(obj, key, json_string(v));
}

static json_t *version_descriptors(const uint8_t *d, size_t len)
{
	json_t *list = json_array();
	size_t off;

	for (off = 58; off + 2 <= len && off < 74; off += 2)
		if (be16_get(d + off))
			json_array_append_new(list, tool_hex(d + off, 2));
	return list;
}

void vpd_standard(json_t *obj, const uint8_t *d, size_t len)
{
	static const char *const qualifiers[] = { "connected", "not connected", NULL,
						  "not supported" };
	static const char *const types[] = { "disk", "tape", [3] = "processor", [5] = "CD/DVD",
					     [12] = "storage array", [13] = "enclosure",
					     [0x1e] = "well known LU", [0x1f] = "none" };

	if (len < 36) {
		json_object_set_new(obj, "data", tool_hex(d, len));
		return;
	}
	put_text(obj, "qualifier", NAME(qualifiers, d[0] >> 5));
	put_text(obj, "device_type", NAME(types, d[0] & 0x1fu));
	put_bool(obj, "removable", d[1] & 0x80);
	put_int(obj, "version", d[2]);
	put_bool(obj, "hisup", d[3] & 0x10);
	put_int(obj, "tpgs", d[5] >> 4 & 3);
	put_bool(obj, "third_party_copy", d[5] & 8);
	put_bool(obj, "multi_port", d[6] & 0x10);
	put_bool(obj, "command_queuing", d[7] & 2);
	json_object_set_new(obj, "vendor", tool_ascii(d + 8, 8));
	json_object_set_new(obj, "product", tool_ascii(d + 16, 16));
	json_object_set_new(obj, "revision", tool_ascii(d + 32, 4));
	json_object_set_new(obj, "version_descriptors", version_descriptors(d, len));
}

static void page_00(json_t *obj, const uint8_t *d, size_t len)
{
	json_t *list = json_array();
	size_t i;

	for (i = 4; i < len; i++)
		json_array_append_new(list, tool_hex(d + i, 1));
	json_object_set_new(obj, "supported_pages", list);
}

static void page_80(json_t *obj, const uint8_t *d, size_t len)
{
	json_object_set_new(obj, "serial", tool_ascii(d + 4, len - 4));
}

static bool textual(const uint8_t *d)
{
	unsigned int set = d[0] & 0xf;

	return set == 2 || set == 3;
}

/* SPC-4 7.8.6.2: types whose identifier is a number in its last two bytes. */
static bool numeric(unsigned int type, size_t len)
{
	return type >= 4 && type <= 6 && len == 4;
}

static json_t *designator(const uint8_t *d, size_t len)
{
	static const char *const types[] = { "vendor specific", "T10 vendor id", "EUI-64", "NAA",
					     "relative target port", "target port group",
					     "logical unit group", "MD5", "SCSI name" };
	static const char *const associations[] = { "logical unit", "target port",
						    "target device" };
	json_t *obj = json_object();
	unsigned int type = d[1] & 0xf;

	put_text(obj, "type", NAME(types, type));
	put_text(obj, "association", NAME(associations, d[1] >> 4 & 3u));
	if (d[1] & 0x80)
		put_int(obj, "protocol", d[0] >> 4);
	if (textual(d))
		json_object_set_new(obj, "id", tool_ascii(d + 4, len));
	else if (numeric(type, len))
		put_int(obj, "id", be16_get(d + 6));
	else
		json_object_set_new(obj, "id", tool_hex(d + 4, len));
	return obj;
}

static void page_83(json_t *obj, const uint8_t *d, size_t len)
{
	json_t *list = json_array();
	size_t off = 4;

	while (off + 4 <= len && off + 4 + d[off + 3] <= len) {
		json_array_append_new(list, designator(d + off, d[off + 3]));
		off += 4 + (size_t)d[off + 3];
	}
	json_object_set_new(obj, "designators", list);
}

static void page_86(json_t *obj, const uint8_t *d, size_t len)
{
	if (len < 8)
		return;
	put_bool(obj, "head_of_queue", d[5] & 1);
	put_bool(obj, "ordered", d[5] & 2);
	put_bool(obj, "simple", d[5] & 4);
	put_bool(obj, "write_uncorrectable", d[6] & 4);
	put_bool(obj, "nonvolatile_cache", d[6] & 2);
	put_bool(obj, "volatile_cache", d[6] & 1);
}

static void page_b0(json_t *obj, const uint8_t *d, size_t len)
{
	static const struct {
		const char *name;
		uint8_t off, size;
	} fields[] = {
		{ "max_compare_and_write", 5, 1 },
		{ "optimal_transfer_granularity", 6, 2 },
		{ "max_transfer_length", 8, 4 },
		{ "optimal_transfer_length", 12, 4 },
		{ "max_unmap_lba_count", 20, 4 },
		{ "max_unmap_descriptors", 24, 4 },
		{ "optimal_unmap_granularity", 28, 4 },
		{ "max_write_same_length", 36, 8 },
	};
	size_t i;

	if (len > 4)
		put_bool(obj, "write_same_nonzero_only", d[4] & 1);
	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		const uint8_t *p = d + fields[i].off;

		if ((size_t)fields[i].off + fields[i].size > len)
			return;
		put_int(obj, fields[i].name,
			fields[i].size == 1 ? *p :
			fields[i].size == 2 ? be16_get(p) :
			fields[i].size == 4 ? be32_get(p) :
					      be64_get(p));
	}
}

static void page_b1(json_t *obj, const uint8_t *d, size_t len)
{
	static const char *const forms[] = { "not reported", "5.25 inch", "3.5 inch",
					     "2.5 inch",     "1.8 inch",  "less than 1.8 inch" };
	uint16_t rate = len >= 8 ? be16_get(d + 4) : 0;

	put_text(obj, "medium", rate == 1 ? "solid state" : rate ? "rotating" : "not reported");
	if (rate > 1)
		put_int(obj, "rotation_rate", rate);
	if (len >= 8)
		put_text(obj, "form_factor", NAME(forms, d[7] & 0xfu));
}

static void page_b2(json_t *obj, const uint8_t *d, size_t len)
{
	static const char *const types[] = { "full or not reported", "resource", "thin" };

	if (len < 8)
		return;
	put_int(obj, "threshold_exponent", d[4]);
	put_bool(obj, "unmap", d[5] & 0x80);
	put_bool(obj, "write_same_16_unmap", d[5] & 0x40);
	put_bool(obj, "write_same_10_unmap", d[5] & 0x20);
	put_bool(obj, "unmapped_reads_zeros", d[5] & 4);
	put_bool(obj, "anchor", d[5] & 2);
	put_text(obj, "provisioning", NAME(types, d[6] & 7u));
}

static const struct vpd_op {
	uint8_t page;
	const char *name;
	void (*fn)(json_t *obj, const uint8_t *d, size_t len);
} pages[] = {
	{ 0x00, "supported pages", page_00 },
	{ 0x80, "unit serial number", page_80 },
	{ 0x83, "device identification", page_83 },
	{ 0x86, "extended inquiry", page_86 },
	{ 0xb0, "block limits", page_b0 },
	{ 0xb1, "block device characteristics", page_b1 },
	{ 0xb2, "logical block provisioning", page_b2 },
};

bool vpd_page(json_t *obj, uint8_t page, const uint8_t *d, size_t len)
{
	size_t i;

	if (len < 4)
		return false;
	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		if (pages[i].page != page)
			continue;
		put_text(obj, "name", pages[i].name);
		pages[i].fn(obj, d, len);
		return true;
	}
	return false;
}
