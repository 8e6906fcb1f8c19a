/* SPDX-License-Identifier: BSD-2-Clause */
/* Builders of SRP information units. Reserved bytes are zero; no byte is left unwritten. */
#include "wire/srp.h"

#include <string.h>

#include "base/be.h"

#define OFF(type, field) offsetof(struct srp_wire_##type, field)

static void tag_store(uint8_t *p, uint64_t tag)
{
	memcpy(p, &tag, sizeof(tag));
}

void srp_desc_store(void *p, const struct srp_desc *desc)
{
	uint8_t *b = p;

	be64_put(b, desc->va);
	be32_put(b + 8, desc->rkey);
	be32_put(b + 12, desc->len);
}

void srp_login_req_build(uint8_t out[SRP_LOGIN_REQ_LEN], const struct srp_login_req *req)
{
	memset(out, 0, SRP_LOGIN_REQ_LEN);
	out[0] = SRP_LOGIN_REQ;
	tag_store(out + OFF(login_req, tag), req->tag);
	be32_put(out + OFF(login_req, req_it_iu_len), req->req_it_iu_len);
	be16_put(out + OFF(login_req, req_buf_fmt), req->req_buf_fmt);
	out[OFF(login_req, req_flags)] = req->req_flags;
	be16_put(out + OFF(login_req, imm_data_offset), req->imm_data_offset);
	memcpy(out + OFF(login_req, initiator_port_id), req->initiator_port_id, 16);
	memcpy(out + OFF(login_req, target_port_id), req->target_port_id, 16);
}

void srp_login_req_rdma_build(uint8_t out[SRP_LOGIN_REQ_RDMA_LEN], const struct srp_login_req *req)
{
	memset(out, 0, SRP_LOGIN_REQ_RDMA_LEN);
	tag_store(out + OFF(login_req_rdma, tag), req->tag);
	be16_put(out + OFF(login_req_rdma, req_buf_fmt), req->req_buf_fmt);
	out[OFF(login_req_rdma, req_flags)] = req->req_flags;
	out[OFF(login_req_rdma, opcode)] = SRP_LOGIN_REQ;
	be32_put(out + OFF(login_req_rdma, req_it_iu_len), req->req_it_iu_len);
	memcpy(out + OFF(login_req_rdma, initiator_port_id), req->initiator_port_id, 16);
	memcpy(out + OFF(login_req_rdma, target_port_id), req->target_port_id, 16);
	be16_put(out + OFF(login_req_rdma, imm_data_offset), req->imm_data_offset);
}

void srp_login_rsp_build(uint8_t out[SRP_LOGIN_RSP_LEN], const struct srp_login_rsp *rsp)
{
	memset(out, 0, SRP_LOGIN_RSP_LEN);
	out[0] = SRP_LOGIN_RSP;
	be32_put(out + OFF(login_rsp, req_lim_delta), (uint32_t)rsp->req_lim_delta);
	tag_store(out + OFF(login_rsp, tag), rsp->tag);
	be32_put(out + OFF(login_rsp, max_it_iu_len), rsp->max_it_iu_len);
	be32_put(out + OFF(login_rsp, max_ti_iu_len), rsp->max_ti_iu_len);
	be16_put(out + OFF(login_rsp, buf_fmt), rsp->buf_fmt);
	out[OFF(login_rsp, rsp_flags)] = rsp->rsp_flags;
}

void srp_login_rej_build(uint8_t out[SRP_LOGIN_REJ_LEN], const struct srp_login_rej *rej)
{
	memset(out, 0, SRP_LOGIN_REJ_LEN);
	out[0] = SRP_LOGIN_REJ;
	be32_put(out + OFF(login_rej, reason), rej->reason);
	tag_store(out + OFF(login_rej, tag), rej->tag);
	be16_put(out + OFF(login_rej, buf_fmt), rej->buf_fmt);
}

static size_t append_rsp_code(uint8_t *out, size_t off, uint8_t code)
{
	be32_put(out + OFF(rsp, resp_data_len), 4);
	out[OFF(rsp, flags)] |= SRP_RSPVALID;
	be32_put(out + off, code);
	return off + 4;
}

static size_t append_sense(uint8_t *out, size_t off, size_t max_len, const struct srp_rsp *rsp)
{
	size_t len = rsp->sense_len;

	if (len > max_len - off)
		len = max_len - off;
	if (len == 0)
		return off;
	be32_put(out + OFF(rsp, sense_data_len), (uint32_t)len);
	out[OFF(rsp, flags)] |= SRP_SNSVALID;
	memcpy(out + off, rsp->sense, len);
	return off + len;
}

size_t srp_rsp_build(uint8_t *out, size_t max_len, const struct srp_rsp *rsp)
{
	size_t len = SRP_RSP_LEN;

	memset(out, 0, SRP_RSP_LEN);
	out[0] = SRP_RSP;
	out[OFF(rsp, sol_not)] = rsp->sol_not;
	be32_put(out + OFF(rsp, req_lim_delta), (uint32_t)rsp->req_lim_delta);
	tag_store(out + OFF(rsp, tag), rsp->tag);
	out[OFF(rsp, flags)] = rsp->flags & (uint8_t)~(SRP_RSPVALID | SRP_SNSVALID);
	out[OFF(rsp, status)] = rsp->status;
	be32_put(out + OFF(rsp, data_out_res_cnt), rsp->data_out_res_cnt);
	be32_put(out + OFF(rsp, data_in_res_cnt), rsp->data_in_res_cnt);
	if (rsp->has_rsp_code)
		len = append_rsp_code(out, len, rsp->rsp_code);
	if (rsp->sense_len)
		len = append_sense(out, len, max_len, rsp);
	return len;
}

void srp_cmd_hdr_build(uint8_t out[SRP_CMD_LEN], const struct srp_cmd *cmd, const uint8_t *cdb)
{
	memset(out, 0, SRP_CMD_LEN);
	out[0] = SRP_CMD;
	out[OFF(cmd, sol_not)] = cmd->sol_not;
	out[OFF(cmd, buf_fmt)] = (uint8_t)(cmd->out.fmt << 4 | cmd->in.fmt);
	if (cmd->out.fmt == SRP_FMT_INDIRECT)
		out[OFF(cmd, data_out_desc_cnt)] = (uint8_t)cmd->out.n_inline;
	if (cmd->in.fmt == SRP_FMT_INDIRECT)
		out[OFF(cmd, data_in_desc_cnt)] = (uint8_t)cmd->in.n_inline;
	tag_store(out + OFF(cmd, tag), cmd->tag);
	memcpy(out + OFF(cmd, lun), cmd->lun, 8);
	out[OFF(cmd, task_attr)] = cmd->task_attr;
	out[OFF(cmd, add_cdb_len)] = (uint8_t)(cmd->cdb_len > 16 ? (cmd->cdb_len - 16) & ~3u : 0);
	memcpy(out + OFF(cmd, cdb), cdb, 16);
}

void srp_tsk_mgmt_build(uint8_t out[SRP_TSK_MGMT_LEN], const struct srp_tsk_mgmt *tm)
{
	memset(out, 0, SRP_TSK_MGMT_LEN);
	out[0] = SRP_TSK_MGMT;
	out[OFF(tsk_mgmt, sol_not)] = tm->sol_not;
	tag_store(out + OFF(tsk_mgmt, tag), tm->tag);
	memcpy(out + OFF(tsk_mgmt, lun), tm->lun, 8);
	out[OFF(tsk_mgmt, function)] = tm->function;
	tag_store(out + OFF(tsk_mgmt, task_tag), tm->task_tag);
}

void srp_i_logout_build(uint8_t out[SRP_I_LOGOUT_LEN], uint64_t tag)
{
	memset(out, 0, SRP_I_LOGOUT_LEN);
	out[0] = SRP_I_LOGOUT;
	tag_store(out + OFF(i_logout, tag), tag);
}

void srp_t_logout_build(uint8_t out[SRP_T_LOGOUT_LEN], uint64_t tag, uint32_t reason,
			uint8_t sol_not)
{
	memset(out, 0, SRP_T_LOGOUT_LEN);
	out[0] = SRP_T_LOGOUT;
	out[OFF(t_logout, sol_not)] = sol_not;
	be32_put(out + OFF(t_logout, reason), reason);
	tag_store(out + OFF(t_logout, tag), tag);
}

void srp_cred_req_build(uint8_t out[SRP_CRED_REQ_LEN], uint64_t tag, int32_t delta, uint8_t sol_not)
{
	memset(out, 0, SRP_CRED_REQ_LEN);
	out[0] = SRP_CRED_REQ;
	out[OFF(cred_req, sol_not)] = sol_not;
	be32_put(out + OFF(cred_req, req_lim_delta), (uint32_t)delta);
	tag_store(out + OFF(cred_req, tag), tag);
}

/* The LUN in peripheral device addressing where it fits, else in flat space (SAM-5 4.7). */
size_t srp_aer_req_build(uint8_t *out, const struct srp_aer_req *req)
{
	uint16_t lun = req->lun < 256 ? req->lun : (uint16_t)(0x4000 | req->lun);

	memset(out, 0, SRP_AER_REQ_LEN);
	out[0] = SRP_AER_REQ;
	out[OFF(aer_req, sol_not)] = req->sol_not;
	be32_put(out + OFF(aer_req, req_lim_delta), (uint32_t)req->req_lim_delta);
	be16_put(out + OFF(aer_req, lun), lun);
	be32_put(out + OFF(aer_req, sense_data_len), req->sense_len);
	memcpy(out + SRP_AER_REQ_LEN, req->sense, req->sense_len);
	return SRP_AER_REQ_LEN + req->sense_len;
}

void srp_small_rsp_build(uint8_t out[SRP_CRED_RSP_LEN], uint8_t opcode, uint64_t tag)
{
	memset(out, 0, SRP_CRED_RSP_LEN);
	out[0] = opcode;
	tag_store(out + OFF(cred_rsp, tag), tag);
}
