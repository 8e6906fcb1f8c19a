/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parsers of SRP information units. Every length is compared with the received length in 64 bits
 * before a byte is read.
 */
#include "wire/srp.h"

#include <string.h>

#include "base/be.h"
#include "base/compiler.h"

#define OFF(type, field) offsetof(struct srp_wire_##type, field)

static uint64_t tag_load(const uint8_t *p)
{
	uint64_t tag;

	memcpy(&tag, p, sizeof(tag));
	return tag;
}

static enum srp_err check_fixed(const uint8_t *iu, size_t len, size_t fixed, uint8_t opcode)
{
	if (len < fixed)
		return SRP_ERR_SHORT;
	return iu[0] == opcode ? SRP_OK : SRP_ERR_OPCODE;
}

uint64_t srp_desc_sum(const void *table, uint32_t n)
{
	const uint8_t *p = table;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++, p += SRP_DIRECT_DESC_LEN)
		sum += be32_get(p + 12);
	return sum;
}

/* Where descriptors are read from, and how far. */
struct cursor {
	const uint8_t *iu;
	size_t len;
	size_t off;
	const struct srp_cmd_limits *limits;
};

static bool fits(const struct cursor *c, uint64_t bytes)
{
	return (uint64_t)c->off + bytes <= c->len;
}

static HOT enum srp_err parse_direct(struct cursor *c, struct srp_data *out)
{
	if (unlikely(!fits(c, SRP_DIRECT_DESC_LEN)))
		return SRP_ERR_DESC;
	out->fmt = SRP_FMT_DIRECT;
	out->desc_off = (uint32_t)c->off;
	out->len = be32_get(c->iu + c->off + 12);
	out->n_inline = 1;
	out->n_total = 1;
	c->off += SRP_DIRECT_DESC_LEN;
	return SRP_OK;
}

static enum srp_err check_table(const struct cursor *c, const struct srp_data *d, uint32_t bytes)
{
	if (bytes % SRP_DIRECT_DESC_LEN)
		return SRP_ERR_TABLE_LEN;
	if (d->n_total < d->n_inline)
		return SRP_ERR_TABLE_COUNT;
	if (d->n_total > c->limits->max_table)
		return SRP_ERR_TABLE_LIMIT;
	if (d->n_total == d->n_inline && srp_desc_sum(c->iu + d->desc_off, d->n_inline) < d->len)
		return SRP_ERR_TABLE_SUM;
	return SRP_OK;
}

static enum srp_err parse_indirect(struct cursor *c, uint8_t count, struct srp_data *out)
{
	const uint8_t *p = c->iu + c->off;
	uint64_t size = SRP_INDIRECT_HDR_LEN + (uint64_t)count * SRP_DIRECT_DESC_LEN;
	struct srp_desc table;
	enum srp_err err;

	if (!fits(c, size))
		return SRP_ERR_DESC;
	table = srp_desc_load(p);
	out->len = be32_get(p + SRP_DIRECT_DESC_LEN);
	out->desc_off = (uint32_t)c->off + SRP_INDIRECT_HDR_LEN;
	out->n_inline = count;
	out->n_total = table.len / SRP_DIRECT_DESC_LEN;
	out->table_va = table.va;
	out->table_rkey = table.rkey;
	c->off += (size_t)size;
	err = check_table(c, out, table.len);
	if (!err)
		out->fmt = out->n_total ? SRP_FMT_INDIRECT : SRP_FMT_NONE;
	return err;
}

static HOT enum srp_err parse_immediate(struct cursor *c, struct srp_data *out)
{
	uint32_t start = c->limits->imm_data_offset;
	uint32_t bytes;

	if (unlikely(start == 0))
		return SRP_ERR_IMM_REFUSED;
	if (unlikely(!fits(c, 4)))
		return SRP_ERR_DESC;
	bytes = be32_get(c->iu + c->off);
	c->off += 4;
	if (unlikely(start < c->off))
		return SRP_ERR_IMM_OFFSET;
	if (unlikely((uint64_t)start + bytes > c->len))
		return SRP_ERR_IMM_LEN;
	out->fmt = SRP_FMT_IMMEDIATE;
	out->len = bytes;
	out->imm_off = start;
	return SRP_OK;
}

static enum srp_err parse_data(struct cursor *c, uint8_t fmt, uint8_t count, bool data_out,
			       struct srp_data *out)
{
	switch (fmt) {
	case SRP_FMT_NONE:
		return SRP_OK;
	case SRP_FMT_DIRECT:
		return parse_direct(c, out);
	case SRP_FMT_INDIRECT:
		return parse_indirect(c, count, out);
	case SRP_FMT_IMMEDIATE:
		return data_out ? parse_immediate(c, out) : SRP_ERR_FORMAT;
	}
	return SRP_ERR_FORMAT;
}

/* A direction that failed to parse counts as absent. */
static enum srp_err parse_both(struct cursor c, struct srp_cmd *out)
{
	const uint8_t *iu = c.iu;
	uint8_t fmt = iu[OFF(cmd, buf_fmt)];
	enum srp_err err;

	err = parse_data(&c, fmt >> 4, iu[OFF(cmd, data_out_desc_cnt)], true, &out->out);
	if (!err)
		err = parse_data(&c, fmt & 0xf, iu[OFF(cmd, data_in_desc_cnt)], false, &out->in);
	if (err) {
		out->out = (struct srp_data){ 0 };
		out->in = (struct srp_data){ 0 };
	}
	out->fetch_len = srp_table_to_fetch(&out->out) + srp_table_to_fetch(&out->in);
	return err;
}

/* The forms that most commands have are parsed without a call. */
static HOT enum srp_err parse_buffers(struct cursor c, struct srp_cmd *out)
{
	switch (c.iu[OFF(cmd, buf_fmt)]) {
	case SRP_FMT_DIRECT:
		return parse_direct(&c, &out->in);
	case SRP_FMT_DIRECT << 4:
		return parse_direct(&c, &out->out);
	case SRP_FMT_IMMEDIATE << 4:
		return parse_immediate(&c, &out->out);
	}
	return parse_both(c, out);
}

enum srp_err srp_cmd_parse(const void *buf, size_t len, const struct srp_cmd_limits *limits,
			   struct srp_cmd *out)
{
	const uint8_t *iu = buf;
	size_t add_cdb;
	enum srp_err err = check_fixed(iu, len, SRP_CMD_LEN, SRP_CMD);

	if (unlikely(err))
		return err;
	out->tag = tag_load(iu + OFF(cmd, tag));
	out->sol_not = iu[OFF(cmd, sol_not)];
	out->task_attr = iu[OFF(cmd, task_attr)] & 7;
	memcpy(out->lun, iu + OFF(cmd, lun), sizeof(out->lun));
	out->cdb_off = OFF(cmd, cdb);
	out->cdb_len = 16;
	out->fetch_len = 0;
	out->out = (struct srp_data){ 0 };
	out->in = (struct srp_data){ 0 };
	add_cdb = iu[OFF(cmd, add_cdb_len)] & ~3u;
	if (unlikely(SRP_CMD_LEN + add_cdb > len))
		return SRP_ERR_ADD_CDB;
	out->cdb_len += (uint32_t)add_cdb;
	return parse_buffers((struct cursor){ iu, len, SRP_CMD_LEN + add_cdb, limits }, out);
}

enum srp_err srp_tsk_mgmt_parse(const void *buf, size_t len, struct srp_tsk_mgmt *out)
{
	const uint8_t *iu = buf;
	enum srp_err err = check_fixed(iu, len, SRP_TSK_MGMT_LEN, SRP_TSK_MGMT);

	if (err)
		return err;
	out->tag = tag_load(iu + OFF(tsk_mgmt, tag));
	out->task_tag = tag_load(iu + OFF(tsk_mgmt, task_tag));
	out->sol_not = iu[OFF(tsk_mgmt, sol_not)];
	out->function = iu[OFF(tsk_mgmt, function)];
	memcpy(out->lun, iu + OFF(tsk_mgmt, lun), sizeof(out->lun));
	return SRP_OK;
}

enum srp_err srp_login_req_parse(const void *data, size_t len, struct srp_login_req *out)
{
	const uint8_t *p = data;
	enum srp_err err = check_fixed(p, len, SRP_LOGIN_REQ_LEN, SRP_LOGIN_REQ);

	if (err)
		return err;
	out->tag = tag_load(p + OFF(login_req, tag));
	out->req_it_iu_len = be32_get(p + OFF(login_req, req_it_iu_len));
	out->req_buf_fmt = be16_get(p + OFF(login_req, req_buf_fmt));
	out->req_flags = p[OFF(login_req, req_flags)];
	out->imm_data_offset = be16_get(p + OFF(login_req, imm_data_offset));
	memcpy(out->initiator_port_id, p + OFF(login_req, initiator_port_id), 16);
	memcpy(out->target_port_id, p + OFF(login_req, target_port_id), 16);
	return SRP_OK;
}

enum srp_err srp_login_req_rdma_parse(const void *data, size_t len, struct srp_login_req *out)
{
	const uint8_t *p = data;

	if (len < SRP_LOGIN_REQ_RDMA_LEN)
		return SRP_ERR_SHORT;
	if (p[OFF(login_req_rdma, opcode)] != SRP_LOGIN_REQ)
		return SRP_ERR_OPCODE;
	out->tag = tag_load(p + OFF(login_req_rdma, tag));
	out->req_it_iu_len = be32_get(p + OFF(login_req_rdma, req_it_iu_len));
	out->req_buf_fmt = be16_get(p + OFF(login_req_rdma, req_buf_fmt));
	out->req_flags = p[OFF(login_req_rdma, req_flags)];
	out->imm_data_offset = be16_get(p + OFF(login_req_rdma, imm_data_offset));
	memcpy(out->initiator_port_id, p + OFF(login_req_rdma, initiator_port_id), 16);
	memcpy(out->target_port_id, p + OFF(login_req_rdma, target_port_id), 16);
	return SRP_OK;
}

enum srp_err srp_login_rsp_parse(const void *data, size_t len, struct srp_login_rsp *out)
{
	const uint8_t *p = data;
	enum srp_err err = check_fixed(p, len, SRP_LOGIN_RSP_LEN, SRP_LOGIN_RSP);

	if (err)
		return err;
	out->tag = tag_load(p + OFF(login_rsp, tag));
	out->req_lim_delta = (int32_t)be32_get(p + OFF(login_rsp, req_lim_delta));
	out->max_it_iu_len = be32_get(p + OFF(login_rsp, max_it_iu_len));
	out->max_ti_iu_len = be32_get(p + OFF(login_rsp, max_ti_iu_len));
	out->buf_fmt = be16_get(p + OFF(login_rsp, buf_fmt));
	out->rsp_flags = p[OFF(login_rsp, rsp_flags)];
	return SRP_OK;
}

enum srp_err srp_login_rej_parse(const void *data, size_t len, struct srp_login_rej *out)
{
	const uint8_t *p = data;
	enum srp_err err = check_fixed(p, len, SRP_LOGIN_REJ_LEN, SRP_LOGIN_REJ);

	if (err)
		return err;
	out->tag = tag_load(p + OFF(login_rej, tag));
	out->reason = be32_get(p + OFF(login_rej, reason));
	out->buf_fmt = be16_get(p + OFF(login_rej, buf_fmt));
	return SRP_OK;
}

enum srp_err srp_rsp_parse(const void *buf, size_t len, struct srp_rsp *out)
{
	const uint8_t *p = buf;
	uint32_t resp_len;
	enum srp_err err = check_fixed(p, len, SRP_RSP_LEN, SRP_RSP);

	if (err)
		return err;
	out->tag = tag_load(p + OFF(rsp, tag));
	out->req_lim_delta = (int32_t)be32_get(p + OFF(rsp, req_lim_delta));
	out->sol_not = p[OFF(rsp, sol_not)];
	out->flags = p[OFF(rsp, flags)];
	out->status = p[OFF(rsp, status)];
	out->data_out_res_cnt = be32_get(p + OFF(rsp, data_out_res_cnt));
	out->data_in_res_cnt = be32_get(p + OFF(rsp, data_in_res_cnt));
	resp_len = out->flags & SRP_RSPVALID ? be32_get(p + OFF(rsp, resp_data_len)) : 0;
	out->sense_len = out->flags & SRP_SNSVALID ? be32_get(p + OFF(rsp, sense_data_len)) : 0;
	if ((uint64_t)SRP_RSP_LEN + resp_len + out->sense_len > len)
		return SRP_ERR_DESC;
	out->has_rsp_code = resp_len >= 4;
	out->rsp_code = out->has_rsp_code ? p[SRP_RSP_LEN + 3] : 0;
	out->sense = out->sense_len ? p + SRP_RSP_LEN + resp_len : NULL;
	return SRP_OK;
}
