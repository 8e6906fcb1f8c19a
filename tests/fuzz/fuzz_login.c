/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any private data of a CM request, to a target in any condition: the login is accepted or
 * rejected, never both, and what is granted lies within the target's own limits.
 */
#include "fuzz.h"

#include <string.h>

#include "base/compiler.h"
#include "proto/login.h"

static struct login_limits limits_of(const uint8_t *in)
{
	return (struct login_limits){
		.max_req_size = in[LOGIN_IN_MAX_REQ] * 64u,
		.max_rsp_size = 40u + in[LOGIN_IN_MAX_RSP] * 4u,
		.max_channels = in[LOGIN_IN_CHANNELS] & 15,
		.req_lim = MAX(in[LOGIN_IN_REQ_LIM], in[LOGIN_IN_MIN_REQ_LIM]),
		.min_req_lim = in[LOGIN_IN_MIN_REQ_LIM],
	};
}

static struct login_facts facts_of(const uint8_t *in)
{
	return (struct login_facts){
		.target_known = !(in[LOGIN_IN_BITS] & LOGIN_BIT_UNKNOWN_TARGET),
		.admitted = !(in[LOGIN_IN_BITS] & LOGIN_BIT_NOT_ADMITTED),
		.out_of_resources = in[LOGIN_IN_BITS] & LOGIN_BIT_NO_RESOURCES,
		.n_channels = in[LOGIN_IN_CHANNELS] >> 4,
		.free_receives = in[LOGIN_IN_FREE],
	};
}

static void check_reject(const struct login_result *r, uint64_t tag)
{
	const struct srp_login_rej rej = { tag, r->reject, 0x0006 };
	struct srp_login_rej back;
	uint8_t iu[SRP_LOGIN_REJ_LEN];

	must(r->why && r->why[0]);
	must(r->reject >= SRP_REJ_UNABLE_ESTABLISH && r->reject <= SRP_REJ_CHANNEL_LIMIT_REACHED);
	must(!r->end_others && !r->imm_data_offset && !r->rsp.req_lim_delta);
	srp_login_rej_build(iu, &rej);
	must(srp_login_rej_parse(iu, sizeof(iu), &back) == SRP_OK);
	must(back.reason == r->reject && back.tag == tag);
}

static void check_grant(const struct login_result *r, const struct srp_login_req *req,
			const struct login_limits *limits, const struct login_facts *facts)
{
	bool single = (req->req_flags & SRP_MULTICHAN_MASK) == SRP_MULTICHAN_SINGLE;

	must(facts->target_known && facts->admitted && !facts->out_of_resources);
	must(single || facts->n_channels < limits->max_channels);
	must(req->req_it_iu_len >= SRP_MIN_IU_LEN && req->req_it_iu_len <= limits->max_req_size);
	must(!r->why && r->end_others == single);
	must(r->rsp.tag == req->tag);
	must(r->rsp.max_it_iu_len >= req->req_it_iu_len);
	must(r->rsp.max_ti_iu_len >= 40 && r->rsp.max_ti_iu_len <= limits->max_rsp_size);
	must(r->rsp.req_lim_delta >= (int32_t)limits->min_req_lim);
	must(r->rsp.req_lim_delta <= (int32_t)facts->free_receives);
	must(!r->imm_data_offset == !(r->rsp.rsp_flags & SRP_IMMED_SUPP));
	if (r->imm_data_offset)
		must(req->req_flags & SRP_IMMED_REQUESTED &&
		     r->imm_data_offset == req->imm_data_offset &&
		     r->imm_data_offset >= SRP_CMD_LEN + 4 &&
		     r->imm_data_offset <= req->req_it_iu_len);
}

static void check_answer(const struct srp_login_rsp *rsp)
{
	struct srp_login_rsp back;
	uint8_t iu[SRP_LOGIN_RSP_LEN];

	srp_login_rsp_build(iu, rsp);
	must(srp_login_rsp_parse(iu, sizeof(iu), &back) == SRP_OK);
	must(back.tag == rsp->tag && back.req_lim_delta == rsp->req_lim_delta);
	must(back.max_it_iu_len == rsp->max_it_iu_len && back.rsp_flags == rsp->rsp_flags);
}

static enum srp_err parse(bool rdma_form, const uint8_t *data, size_t len,
			  struct srp_login_req *req)
{
	uint8_t *copy = malloc(len);
	enum srp_err err;

	must(copy || len == 0);
	if (len)
		memcpy(copy, data, len);
	err = rdma_form ? srp_login_req_rdma_parse(copy, len, req)
			: srp_login_req_parse(copy, len, req);
	free(copy);
	return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct login_limits limits;
	struct login_facts facts;
	struct srp_login_req req;
	struct login_result r;

	if (size < LOGIN_IN_DATA)
		return 0;
	if (parse(data[LOGIN_IN_BITS] & LOGIN_BIT_RDMA_FORM, data + LOGIN_IN_DATA,
		  size - LOGIN_IN_DATA, &req))
		return 0;
	limits = limits_of(data);
	facts = facts_of(data);
	memset(&r, 0xaa, sizeof(r));
	login_decide(&req, &limits, &facts, &r);
	if (r.reject) {
		check_reject(&r, req.tag);
	} else {
		check_grant(&r, &req, &limits, &facts);
		check_answer(&r.rsp);
	}
	return 0;
}
