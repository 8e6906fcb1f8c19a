/* SPDX-License-Identifier: BSD-2-Clause */
/* The login decision, see login.h. The first check that fails gives the reason. */
#include "proto/login.h"

#include "base/compiler.h"

/*
 * Formats that a login may require. iPXE sends the field byte-swapped (0x0200), so both orders of
 * direct and indirect are taken as known.
 */
enum { KNOWN_BUF_FMT = 0x0606 };

enum {
	IMM_MIN_OFFSET = SRP_CMD_LEN + 4, /* the command and the length word */
	FULL_RSP_FROM = 100,              /* boot ROMs announce less and get what they announce */
};

/* How receives are shared between hosts, see share(). */
enum {
	GOOD_GRANT = 64,    /* Linux initiators keep the depth that they get at login */
	LEAST_SHARES = 2,
	RECEIVES_A_SHARE = 128,
};

static uint32_t check(const struct srp_login_req *req, const struct login_limits *limits,
		      const struct login_facts *facts, const char **why)
{
	uint8_t action = req->req_flags & SRP_MULTICHAN_MASK;

	if (facts->out_of_resources) {
		*why = "the target is stopping or out of resources";
		return SRP_REJ_INSUFFICIENT_RESOURCES;
	}
	if (!facts->target_known) {
		*why = "no target with this target port id on this listener";
		return SRP_REJ_UNABLE_ASSOCIATE;
	}
	if (!facts->admitted) {
		*why = "no group of the target admits this initiator";
		return SRP_REJ_UNABLE_ASSOCIATE;
	}
	if (req->req_it_iu_len > limits->max_req_size) {
		*why = "requested IU length is larger than srp_max_req_size";
		return SRP_REJ_REQ_IT_IU_LENGTH_TOO_LARGE;
	}
	if (req->req_it_iu_len < SRP_MIN_IU_LEN) {
		*why = "requested IU length is below 64";
		return SRP_REJ_REQ_IT_IU_LENGTH_TOO_LARGE;
	}
	if (req->req_buf_fmt & ~KNOWN_BUF_FMT) {
		*why = "required buffer formats include an unknown one";
		return SRP_REJ_UNSUPPORTED_DESCRIPTOR_FMT;
	}
	if (action != SRP_MULTICHAN_SINGLE && action != SRP_MULTICHAN_MULTI) {
		*why = "unknown multi-channel action";
		return SRP_REJ_MULTI_CHANNEL_UNSUPPORTED;
	}
	if (action == SRP_MULTICHAN_MULTI && facts->n_channels >= limits->max_channels) {
		*why = "the I_T nexus has max_channels channels already";
		return SRP_REJ_CHANNEL_LIMIT_REACHED;
	}
	if (facts->free_receives < limits->min_req_lim) {
		*why = "all receives are promised to other channels (srpt_srq_size)";
		return SRP_REJ_INSUFFICIENT_RESOURCES;
	}
	return 0;
}

static uint8_t multichannel_result(const struct login_result *r, const struct login_facts *facts)
{
	if (facts->n_channels == 0)
		return SRP_MULTICHAN_NO_CHAN;
	return r->end_others ? SRP_MULTICHAN_TERMINATED : SRP_MULTICHAN_MAINTAINED;
}

/*
 * Everybody gets what he wants until a quarter of the receives is promised, then what makes a good
 * queue depth until two thirds are, then an equal part of the rest, so that there is always a rest.
 * A nexus with many channels takes no more than half of what the others leave.
 */
static uint32_t share(const struct login_limits *limits, const struct login_facts *facts)
{
	uint32_t left = facts->left_receives;
	uint32_t half = (left + facts->held) / 2;
	uint32_t n = limits->req_lim;

	if (left < facts->all_receives / 3)
		n = left / MAX(facts->all_receives / RECEIVES_A_SHARE, (uint32_t)LEAST_SHARES);
	if (left < facts->all_receives / 4 * 3)
		n = MIN(n, (uint32_t)GOOD_GRANT);
	if (facts->n_channels > 0)
		n = MIN(n, half > facts->held ? half - facts->held : 0);
	return MIN(MIN(MAX(n, limits->min_req_lim), limits->req_lim), facts->free_receives);
}

void login_decide(const struct srp_login_req *req, const struct login_limits *limits,
		  const struct login_facts *facts, struct login_result *out)
{
	bool imm = req->req_flags & SRP_IMMED_REQUESTED && req->imm_data_offset >= IMM_MIN_OFFSET &&
		   req->imm_data_offset <= req->req_it_iu_len;
	uint32_t small = req->req_it_iu_len;

	*out = (struct login_result){ 0 };
	out->reject = check(req, limits, facts, &out->why);
	if (out->reject)
		return;
	out->end_others = (req->req_flags & SRP_MULTICHAN_MASK) == SRP_MULTICHAN_SINGLE;
	out->imm_data_offset = imm ? req->imm_data_offset : 0;
	out->rsp = (struct srp_login_rsp){
		.tag = req->tag,
		.req_lim_delta = (int32_t)share(limits, facts),
		.max_it_iu_len = limits->max_req_size,
		.max_ti_iu_len = small < FULL_RSP_FROM ? MIN(small, limits->max_rsp_size)
						       : limits->max_rsp_size,
		.buf_fmt = SRP_BUF_FMT_DIRECT | SRP_BUF_FMT_INDIRECT,
		.rsp_flags = (uint8_t)(multichannel_result(out, facts) | SRP_SOLNTSUP |
				       (imm ? SRP_IMMED_SUPP : 0)),
	};
}
