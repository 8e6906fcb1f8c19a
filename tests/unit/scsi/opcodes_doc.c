/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes docs/opcodes.md from the command table, or compares it: opcodes-doc >docs/opcodes.md,
 * opcodes-doc FILE.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scsi/internal.h"

static const char *const head =
	"# Commands\n"
	"\n"
	"What the device server knows, from the table in `src/scsi/optable*.c`; this page is "
	"written by\n"
	"`opcodes-doc` (`tests/unit/scsi/opcodes_doc.c`), a unit test compares it. An initiator "
	"gets the same by\n"
	"REPORT SUPPORTED OPERATION CODES.\n"
	"\n"
	"- *bits that may be set*: CDB usage data; any other bit is refused with INVALID FIELD IN "
	"CDB.\n"
	"- *data*: in, out or both; of so many blocks, or an allocation length or parameter list "
	"length.\n"
	"- *reserved*: what becomes of it while another nexus holds a reservation: it *runs*, it "
	"runs as a *read*\n"
	"  (refused under exclusive access), it is refused as a *write*, or depends on what it "
	"asks for.\n"
	"- *needs*: `medium` = refused while stopped, ejected or being erased; `unprotected` = "
	"refused where\n"
	"  writing is not allowed; others = only known to a logical unit that has it.\n"
	"\n"
	"| code | command | CDB | bits that may be set | data | reserved | needs | time-out |\n"
	"|---|---|---|---|---|---|---|---|\n";

static const char *data_of(const struct scsi_op *op)
{
	static const char *const dirs[] = { "–", "in", "out", "both" };
	static const char *const units[] = { "", ", blocks", ", allocation length",
					     ", list length" };
	static char text[32];

	snprintf(text, sizeof(text), "%s%s", dirs[op->dir],
		 op->dir == SCSI_DIR_NONE ? "" : units[op->unit]);
	return text;
}

static const char *resv_of(const struct scsi_op *op)
{
	static const char *const names[] = { "runs", "read", "write", "starting runs",
					     "allowing runs" };

	return names[op->resv];
}

static void put_needs(FILE *out, const struct scsi_op *op)
{
	static const struct {
		uint32_t flag;
		const char *name;
	} needs[] = {
		{ OP_MEDIUM, "medium" },
		{ OP_WRITES, "unprotected" },
		{ OP_IF_REMOVABLE, "removable" },
		{ OP_IF_THIN, "thin provisioning" },
		{ OP_IF_ATOMIC, "atomic writes" },
		{ OP_IF_ALUA, "`alua`" },
		{ OP_IF_EXPLICIT, "`alua_explicit`" },
		{ OP_IF_KEPT, "`state_dir`" },
		{ OP_IF_CDROM, "type `cdrom`" },
	};
	const char *comma = "";

	for (size_t i = 0; i < ARRAY_SIZE(needs); i++) {
		if (!(op->flags & needs[i].flag))
			continue;
		fprintf(out, "%s%s", comma, needs[i].name);
		comma = ", ";
	}
}

static bool put_row(const struct scsi_op *op, void *arg)
{
	FILE *out = arg;

	fprintf(out, "| %02X", op->opcode);
	if (op->sa != SCSI_NO_SA)
		fprintf(out, "/%02X", op->sa);
	fprintf(out, " | %s | %u | `", op->name, op->cdb_len);
	for (unsigned int i = 0; i < op->cdb_len; i++)
		fprintf(out, "%s%02x", i ? " " : "", scsi_op_usage(op, i));
	fprintf(out, "` | %s | %s | ", data_of(op), resv_of(op));
	put_needs(out, op);
	fprintf(out, " | %u s |\n", op->timeout);
	return true;
}

static void put_page(FILE *out)
{
	fputs(head, out);
	scsi_op_each(put_row, out);
}

static bool is_the_same(const char *path, const char *text, size_t len)
{
	FILE *f = fopen(path, "r");
	char *have = malloc(len + 1);
	size_t n = f && have ? fread(have, 1, len + 1, f) : 0;
	bool same = n == len && !memcmp(have, text, len);

	if (f)
		fclose(f);
	free(have);
	return same;
}

int main(int argc, char **argv)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = argc > 1 ? open_memstream(&text, &len) : stdout;
	bool same;

	if (!out)
		return 2;
	put_page(out);
	fclose(out);
	if (argc <= 1)
		return 0;
	same = is_the_same(argv[1], text, len);
	free(text);
	if (!same)
		fprintf(stderr, "%s is stale: opcodes-doc >docs/opcodes.md writes it anew\n",
			argv[1]);
	return same ? 0 : 1;
}
