/* SPDX-License-Identifier: BSD-2-Clause */
/* srpio luns: REPORT LUNS, and of each logical unit who it is and how large. */
#include <inttypes.h>
#include <string.h>

#include "base/be.h"
#include "srpio/tool.h"

enum { MAX_LUNS = (SCSI_IO_BUF - 8) / 8 };

static void add_identity(json_t *obj, struct scsi_io *io)
{
	const uint8_t *d = io->mem.addr;

	if (scsi_io_inquiry(io, false, 0)) {
		json_object_set_new(obj, "error", json_string(io->error));
		return;
	}
	json_object_set_new(obj, "device_type", json_integer(d[0] & 0x1f));
	json_object_set_new(obj, "vendor", tool_ascii(d + 8, 8));
	json_object_set_new(obj, "product", tool_ascii(d + 16, 16));
	json_object_set_new(obj, "revision", tool_ascii(d + 32, 4));
}

static void add_capacity(json_t *obj, struct scsi_io *io)
{
	struct scsi_capacity cap;

	if (scsi_io_capacity(io, &cap)) {
		json_object_set_new(obj, "capacity_error", json_string(io->error));
		return;
	}
	json_object_set_new(obj, "blocks", json_integer((json_int_t)cap.blocks));
	json_object_set_new(obj, "block_size", json_integer(cap.block_size));
	json_object_set_new(obj, "bytes",
			    json_integer((json_int_t)(cap.blocks * cap.block_size)));
}

static json_t *describe(struct scsi_io *io, const uint8_t lun[8])
{
	json_t *obj = json_object();
	char text[32];

	memcpy(io->lun, lun, 8);
	json_object_set_new(obj, "lun", json_string(srpi_lun_text(lun, text, sizeof(text))));
	add_identity(obj, io);
	if (json_object_get(obj, "vendor") && io->mem.addr[0] == 0)
		add_capacity(obj, io);
	return obj;
}

static const char *text_of(const json_t *obj, const char *key)
{
	const char *s = json_string_value(json_object_get(obj, key));

	return s ? s : "-";
}

static void print_lun(const json_t *obj)
{
	uint64_t bytes = (uint64_t)json_integer_value(json_object_get(obj, "bytes"));
	const json_t *error = json_object_get(obj, "error");
	char size[32];

	if (error) {
		printf("LUN %s: %s\n", text_of(obj, "lun"), json_string_value(error));
		return;
	}
	printf("LUN %-5s %-8s %-16s %-4s", text_of(obj, "lun"), text_of(obj, "vendor"),
	       text_of(obj, "product"), text_of(obj, "revision"));
	if (json_object_get(obj, "bytes"))
		printf(" %s, blocks of %" JSON_INTEGER_FORMAT "\n",
		       tool_bytes(bytes, size, sizeof(size)),
		       json_integer_value(json_object_get(obj, "block_size")));
	else
		printf(" %s\n", text_of(obj, "capacity_error"));
}

static void print_all(const struct opts *opts, json_t *list)
{
	json_t *root, *v;
	size_t i;

	if (!opts->json) {
		json_array_foreach(list, i, v)
			print_lun(v);
		json_decref(list);
		return;
	}
	root = json_object();
	json_object_set_new(root, "luns", list);
	tool_print(opts, root);
}

static int list_luns(const struct opts *opts, struct scsi_io *io)
{
	static uint8_t luns[MAX_LUNS][8];
	json_t *list;
	size_t i, n;

	memset(io->lun, 0, 8); /* REPORT LUNS is answered at LUN 0 whether or not it exists */
	if (scsi_io_report_luns(io))
		return tool_fail(opts, EXIT_TARGET, "%s", io->error);
	n = MIN(be32_get(io->mem.addr) / 8, io->got < 8 ? 0 : (io->got - 8) / 8);
	memcpy(luns, io->mem.addr + 8, n * 8);
	list = json_array();
	for (i = 0; i < n; i++)
		json_array_append_new(list, describe(io, luns[i]));
	print_all(opts, list);
	return EXIT_OK;
}

int verb_luns(const struct opts *opts)
{
	struct tool_conn conn;
	int rc = tool_connect(opts, &conn);

	if (rc)
		return rc;
	rc = list_luns(opts, &conn.io);
	tool_close(&conn);
	return rc;
}
