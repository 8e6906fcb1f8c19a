/* SPDX-License-Identifier: BSD-2-Clause */
/* SRP_CMD: header, additional CDB, data-out area, data-in area, in this order (SRP r16a 6.8). */
#include "srpio/iu.h"

#include <errno.h>
#include <string.h>

#include "base/be.h"
#include "base/compiler.h"

enum { SECTOR = 512 };

uint32_t iu_cut(uint32_t len, uint32_t n, uint32_t i, bool odd)
{
	uint32_t base = len / n;
	uint32_t at = (uint32_t)((uint64_t)len * i / n);

	if (i == 0 || i >= n)
		return i == 0 ? 0 : len;
	if (odd)
		return at + (uint32_t)((uint64_t)i * 37 % base);
	return base >= SECTOR ? at & ~(uint32_t)(SECTOR - 1) : at;
}

uint32_t iu_desc_count(uint32_t len, const struct srpi_layout *layout)
{
	return MAX(1u, MIN(layout->sg, len));
}

static uint32_t inline_count(const struct iu_cmd *cmd, uint32_t n)
{
	switch (cmd->layout->desc) {
	case SRPI_DESC_DIRECT:
		return 0;
	case SRPI_DESC_INDIRECT:
		return n;
	case SRPI_DESC_PARTIAL:
		return MIN(cmd->sg_inline, n - 1);
	}
	return 0;
}

static void table_fill(const struct iu_cmd *cmd, const struct iu_data *data, uint32_t n)
{
	uint32_t i, at = 0;

	for (i = 0; i < n; i++) {
		uint32_t end = iu_cut(data->len, n, i + 1, cmd->layout->odd);
		struct srp_desc desc = { data->va + at, data->rkey, end - at };

		srp_desc_store(data->table + (size_t)i * SRP_DIRECT_DESC_LEN, &desc);
		at = end;
	}
}

static int put_direct(uint8_t *iu, size_t off, size_t max, const struct iu_data *data)
{
	struct srp_desc desc = { data->va, data->rkey, data->len };

	if (off + SRP_DIRECT_DESC_LEN > max)
		return -EMSGSIZE;
	srp_desc_store(iu + off, &desc);
	return SRP_DIRECT_DESC_LEN;
}

static int put_indirect(uint8_t *iu, size_t off, size_t max, const struct iu_cmd *cmd,
			const struct iu_data *data, uint32_t *n_inline)
{
	uint32_t n = iu_desc_count(data->len, cmd->layout), k = inline_count(cmd, n);
	struct srp_desc table = { data->table_va, data->table_rkey, n * SRP_DIRECT_DESC_LEN };
	size_t len = SRP_INDIRECT_HDR_LEN + (size_t)k * SRP_DIRECT_DESC_LEN;

	if (k > SRPI_MAX_INLINE_SG || off + len > max)
		return -EMSGSIZE;
	table_fill(cmd, data, n);
	srp_desc_store(iu + off, &table);
	be32_put(iu + off + SRP_DIRECT_DESC_LEN, data->len);
	memcpy(iu + off + SRP_INDIRECT_HDR_LEN, data->table, (size_t)k * SRP_DIRECT_DESC_LEN);
	*n_inline = k;
	return (int)len;
}

/* Length word right after the CDB, payload at the offset announced at login. */
static int put_immediate(uint8_t *iu, size_t off, const struct iu_cmd *cmd)
{
	be32_put(iu + off, cmd->out.len);
	memset(iu + off + 4, 0, cmd->imm_offset - off - 4);
	memcpy(iu + cmd->imm_offset, cmd->out.bytes, cmd->out.len);
	return (int)(cmd->imm_offset + cmd->out.len - off);
}

static bool fits_immediate(const struct iu_cmd *cmd, size_t off, size_t max)
{
	return cmd->imm_max && cmd->out.len && !cmd->in.len && cmd->out.len <= cmd->imm_max &&
	       off + 4 <= cmd->imm_offset && (size_t)cmd->imm_offset + cmd->out.len <= max;
}

static int put_data(uint8_t *iu, size_t off, size_t max, const struct iu_cmd *cmd,
		    const struct iu_data *data, struct srp_data *hdr)
{
	if (data->len == 0)
		return 0;
	if (data == &cmd->out && fits_immediate(cmd, off, max)) {
		hdr->fmt = SRP_FMT_IMMEDIATE;
		return put_immediate(iu, off, cmd);
	}
	if (cmd->layout->desc == SRPI_DESC_DIRECT) {
		hdr->fmt = SRP_FMT_DIRECT;
		return put_direct(iu, off, max, data);
	}
	hdr->fmt = SRP_FMT_INDIRECT;
	return put_indirect(iu, off, max, cmd, data, &hdr->n_inline);
}

int iu_cmd_build(uint8_t *iu, size_t max_len, const struct iu_cmd *cmd)
{
	uint32_t extra = cmd->cdb_len > 16 ? (cmd->cdb_len - 16 + 3) & ~3u : 0;
	struct srp_cmd hdr = { .tag = cmd->tag,
			       .task_attr = cmd->task_attr,
			       .cdb_len = 16 + extra };
	size_t off = SRP_CMD_LEN + extra;
	int rc;

	if (off > max_len)
		return -EMSGSIZE;
	memcpy(hdr.lun, cmd->lun, 8);
	if (extra) {
		memset(iu + SRP_CMD_LEN, 0, extra);
		memcpy(iu + SRP_CMD_LEN, cmd->cdb + 16, cmd->cdb_len - 16);
	}
	rc = put_data(iu, off, max_len, cmd, &cmd->out, &hdr.out);
	if (rc < 0)
		return rc;
	off += (size_t)rc;
	rc = put_data(iu, off, max_len, cmd, &cmd->in, &hdr.in);
	if (rc < 0)
		return rc;
	srp_cmd_hdr_build(iu, &hdr, cmd->cdb);
	return (int)(off + (size_t)rc);
}
