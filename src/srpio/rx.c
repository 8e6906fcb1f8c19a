/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Completions of one channel and the IUs that arrive on it. A receive buffer is posted again before
 * the credits of its IU are used, so the target never finds fewer receives than it may send.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/be.h"
#include "scsi/scsi.h"
#include "srpio/priv.h"

/* What an IU asks for, acted upon after its buffer has been given back. */
struct rx {
	int32_t delta;
	struct srpi_task *task;
	uint8_t answer; /* operation code of the response to send, 0 = none */
	uint64_t tag;
};

static void note(struct srpi_channel *ch, const char *text)
{
	const struct srpi_hooks *hooks = &ch->session->params.hooks;

	if (hooks->note)
		hooks->note(hooks->ctx, ch, text);
}

static void rx_rsp(struct srpi_channel *ch, const uint8_t *iu, size_t len, struct rx *rx)
{
	struct srpi_stats *stats = &ch->session->stats;
	struct srp_rsp rsp;
	enum srp_err err = srp_rsp_parse(iu, len, &rsp);
	char text[64];

	if (err != SRP_OK) {
		channel_fail(ch, "the target sent a malformed SRP_RSP: %s", srp_err_name(err));
		return;
	}
	stats->responses++;
	rx->delta = rsp.req_lim_delta;
	rx->task = task_find(ch, rsp.tag);
	if (rx->task) {
		task_response(rx->task, &rsp);
		return;
	}
	stats->unknown_tags++;
	snprintf(text, sizeof(text), "response with unknown tag 0x%016llx",
		 (unsigned long long)rsp.tag);
	note(ch, text);
}

static void rx_cred_req(struct srpi_channel *ch, const uint8_t *iu, size_t len, struct rx *rx)
{
	ch->session->stats.cred_reqs++;
	rx->delta = (int32_t)be32_get(iu + offsetof(struct srp_wire_cred_req, req_lim_delta));
	memcpy(&rx->tag, iu + offsetof(struct srp_wire_cred_req, tag), sizeof(rx->tag));
	rx->answer = SRP_CRED_RSP;
}

static void note_event(struct srpi_channel *ch, const uint8_t *iu, size_t len)
{
	uint32_t sense_len = be32_get(iu + offsetof(struct srp_wire_aer_req, sense_data_len));
	char sense[96] = "no sense data", text[160];

	sense_len = (uint32_t)MIN((size_t)sense_len, len - SRP_AER_REQ_LEN);
	if (sense_len)
		scsi_sense_text(iu + SRP_AER_REQ_LEN, sense_len, sense, sizeof(sense));
	snprintf(text, sizeof(text), "asynchronous event report of LUN %d: %s",
		 scsi_lun_decode(iu + offsetof(struct srp_wire_aer_req, lun)), sense);
	note(ch, text);
}

static void rx_aer_req(struct srpi_channel *ch, const uint8_t *iu, size_t len, struct rx *rx)
{
	ch->session->stats.aer_reqs++;
	rx->delta = (int32_t)be32_get(iu + offsetof(struct srp_wire_aer_req, req_lim_delta));
	memcpy(&rx->tag, iu + offsetof(struct srp_wire_aer_req, tag), sizeof(rx->tag));
	rx->answer = SRP_AER_RSP;
	note_event(ch, iu, len);
}

static const char *logout_reason(uint32_t reason)
{
	static const char *const names[] = {
		[SRP_T_LOGOUT_NONE] = "no reason given",
		[SRP_T_LOGOUT_INACTIVE] = "inactive channel",
		[SRP_T_LOGOUT_INVALID_IU] = "invalid IU",
		[SRP_T_LOGOUT_SPURIOUS_RSP] = "response without request",
		[SRP_T_LOGOUT_MULTI_CHANNEL] = "multi-channel action of another login",
	};

	return reason < ARRAY_SIZE(names) ? names[reason] : "unknown reason";
}

static void rx_t_logout(struct srpi_channel *ch, const uint8_t *iu, size_t len, struct rx *rx)
{
	uint32_t reason = be32_get(iu + offsetof(struct srp_wire_t_logout, reason));

	channel_fail(ch, "the target logged out: %s (%u)", logout_reason(reason), reason);
}

static const struct rx_op {
	uint8_t opcode;
	uint8_t min_len;
	void (*fn)(struct srpi_channel *ch, const uint8_t *iu, size_t len, struct rx *rx);
} rx_ops[] = {
	{ SRP_RSP, 0, rx_rsp },
	{ SRP_CRED_REQ, SRP_CRED_REQ_LEN, rx_cred_req },
	{ SRP_AER_REQ, SRP_AER_REQ_LEN, rx_aer_req },
	{ SRP_T_LOGOUT, SRP_T_LOGOUT_LEN, rx_t_logout },
};

static void rx_dispatch(struct srpi_channel *ch, const uint8_t *iu, size_t len, struct rx *rx)
{
	char text[96];
	size_t i;

	for (i = 0; len && i < ARRAY_SIZE(rx_ops); i++) {
		if (rx_ops[i].opcode != iu[0])
			continue;
		if (len >= rx_ops[i].min_len) {
			rx_ops[i].fn(ch, iu, len, rx);
			return;
		}
		break;
	}
	snprintf(text, sizeof(text), "unexpected IU: %s, %zu bytes",
		 len ? srp_opcode_name(iu[0]) : "empty", len);
	note(ch, text);
}

static void rx_act(struct srpi_channel *ch, const struct rx *rx)
{
	uint8_t rsp[SRP_CRED_RSP_LEN];

	srpi_credit_add(&ch->credit, rx->delta);
	if (rx->answer) {
		srp_small_rsp_build(rsp, rx->answer, rx->tag);
		if (srpi_send_iu(ch, rsp, sizeof(rsp)))
			note(ch, "no send buffer for the answer to the target's request");
	}
	if (rx->task)
		task_complete(rx->task, 0);
}

static void on_recv(struct srpi_channel *ch, uint32_t index, uint32_t len)
{
	const struct srpi_hooks *hooks = &ch->session->params.hooks;
	const uint8_t *iu = ch->rx.addr + (size_t)index * SRPI_RX_LEN;
	struct rx rx = { 0 };
	int rc;

	if (len > ch->login.rsp.max_ti_iu_len)
		note(ch, "IU longer than the target announced at login");
	if (hooks->iu)
		hooks->iu(hooks->ctx, ch, iu, len);
	rx_dispatch(ch, iu, len, &rx);
	if (ch->state != CHANNEL_LIVE)
		return;
	rc = channel_repost(ch, index);
	if (rc)
		channel_fail(ch, "ibv_post_recv: %s", strerror(-rc));
	else
		rx_act(ch, &rx);
}

static void on_completion(struct srpi_channel *ch, const struct ibv_wc *wc)
{
	if (wc->status == IBV_WC_WR_FLUSH_ERR)
		channel_fail(ch, "the connection is gone");
	else if (wc->status != IBV_WC_SUCCESS)
		channel_fail(ch, "%s: %s", wc->wr_id >> 32 ? "receive" : "send",
			     ibv_wc_status_str(wc->status));
	else if (wc->wr_id >> 32)
		on_recv(ch, (uint32_t)wc->wr_id, wc->byte_len);
	else
		channel_tx_done(ch, (uint32_t)wc->wr_id);
}

int channel_poll(struct srpi_channel *ch)
{
	struct ibv_wc wc[SRPI_POLL_BATCH];
	int i, n;

	if (ch->state != CHANNEL_LIVE)
		return 0;
	n = ibv_poll_cq(ch->cq, SRPI_POLL_BATCH, wc);
	if (n < 0)
		channel_fail(ch, "ibv_poll_cq failed");
	if (n <= 0)
		return 0;
	session_clock(ch->session);
	for (i = 0; i < n && ch->state == CHANNEL_LIVE; i++)
		on_completion(ch, &wc[i]);
	tasks_kick(ch);
	return n;
}
