/* SPDX-License-Identifier: BSD-2-Clause */
/* srpio inquiry: standard data or vital product data, decoded or as bytes. */
#include <string.h>

#include "base/be.h"
#include "srpio/tool.h"

static void show(const struct opts *opts, struct scsi_io *io, json_t *root, int page)
{
	const uint8_t *data = io->mem.addr;
	size_t len = io->got;

	if (page >= 0)
		len = MIN(len, (size_t)be16_get(data + 2) + 4);
	else
		len = MIN(len, (size_t)data[4] + 5);
	if (opts->hex && !opts->json) {
		tool_hexdump(data, len);
		return;
	}
	if (opts->hex || (page >= 0 && !vpd_page(root, (uint8_t)page, data, len)))
		json_object_set_new(root, "data", tool_hex(data, len));
	else if (page < 0)
		vpd_standard(root, data, len);
}

static int one_page(const struct opts *opts, struct tool_conn *conn, int page)
{
	json_t *root;

	if (scsi_io_inquiry(&conn->io, page >= 0, page >= 0 ? (uint8_t)page : 0))
		return tool_fail(opts, EXIT_TARGET, "%s", conn->io.error);
	root = json_object();
	if (page >= 0)
		json_object_set_new(root, "page", tool_hex(&(uint8_t){ (uint8_t)page }, 1));
	show(opts, &conn->io, root, page);
	if (opts->hex && !opts->json)
		json_decref(root);
	else
		tool_print(opts, root);
	return EXIT_OK;
}

/* Every page that page 00h lists. */
static int all_pages(const struct opts *opts, struct tool_conn *conn)
{
	json_t *root = json_object(), *list = json_array();
	uint8_t pages[256];
	size_t i, n;
	int rc = scsi_io_inquiry(&conn->io, true, 0);

	n = rc ? 0 : MIN(be16_get(conn->io.mem.addr + 2) + 0u, 255u);
	memcpy(pages, conn->io.mem.addr + 4, n);
	for (i = 0; !rc && i < n; i++) {
		json_t *obj = json_object();

		rc = scsi_io_inquiry(&conn->io, true, pages[i]);
		json_object_set_new(obj, "page", tool_hex(&pages[i], 1));
		if (!rc && (opts->json || !opts->hex))
			show(opts, &conn->io, obj, pages[i]);
		else if (!rc)
			tool_hexdump(conn->io.mem.addr, conn->io.got);
		json_array_append_new(list, obj);
	}
	json_object_set_new(root, "pages", list);
	if (rc || (opts->hex && !opts->json))
		json_decref(root);
	else
		tool_print(opts, root);
	return rc ? tool_fail(opts, EXIT_TARGET, "%s", conn->io.error) : EXIT_OK;
}

int verb_inquiry(const struct opts *opts)
{
	bool all = opts->page && !strcmp(opts->page, "all");
	struct tool_conn conn;
	uint8_t page = 0;
	int rc;

	if (opts->page && !all && !srpi_hex_parse(opts->page, &page, 1))
		return tool_fail(opts, EXIT_USAGE, "--page '%s': expected two hex digits or all",
				 opts->page);
	rc = tool_connect(opts, &conn);
	if (rc)
		return rc;
	rc = all ? all_pages(opts, &conn) : one_page(opts, &conn, opts->page ? page : -1);
	tool_close(&conn);
	return rc;
}
