/* SPDX-License-Identifier: BSD-2-Clause */
/* The window of commands in flight. One slot = one request and its buffer, for the whole run. */
#include "srpio/flow.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "srpio/scsi_io.h"

enum { RETRY_MS = 10, MAX_RETRIES = 3000, PROGRESS_MS = 200 };

static void flow_fail(struct flow *flow, int rc)
{
	if (!flow->rc)
		flow->rc = rc;
	flow->ended = true;
}

static void slot_failed(struct flow_slot *slot, int rc)
{
	struct flow *flow = slot->flow;
	char text[160];

	if (!flow->rc)
		snprintf(flow->error, sizeof(flow->error),
			 "%s of %u blocks at LBA %" PRIu64 " %s", slot->write ? "write" : "read",
			 slot->blocks, slot->lba, scsi_io_text(&slot->req, text, sizeof(text)));
	slot->state = FLOW_IDLE;
	flow->n_busy--;
	flow_fail(flow, rc);
}

static void slot_submit(struct flow_slot *slot)
{
	struct flow *flow = slot->flow;
	struct srpi_channel *ch = srpi_channel_live(flow->session, slot->index);
	int rc = ch ? srpi_submit(ch, &slot->req) : -ENOTCONN;

	slot->state = FLOW_OUT;
	if (rc) {
		slot->req.error = rc;
		slot_failed(slot, rc);
	}
}

static void slot_prepare(struct flow_slot *slot)
{
	struct flow *flow = slot->flow;
	struct srpi_data data = { &flow->mem, slot->off, slot->blocks * flow->block_size };
	struct srpi_request *req = &slot->req;

	req->cdb_len = scsi_io_rw_cdb(req->cdb, slot->write, slot->lba, slot->blocks, slot->fua);
	req->out = slot->write ? data : (struct srpi_data){ 0 };
	req->in = slot->write ? (struct srpi_data){ 0 } : data;
}

static void slot_start(struct flow_slot *slot)
{
	struct flow *flow = slot->flow;
	int rc;

	if (flow->stop && *flow->stop)
		flow_fail(flow, -ECANCELED);
	if (flow->ended)
		return;
	rc = flow->next(flow, slot);
	if (rc <= 0) {
		flow->ended = true;
		if (rc < 0)
			flow_fail(flow, rc);
		return;
	}
	slot->seq = flow->next_seq++;
	slot->retries = 0;
	slot_prepare(slot);
	flow->n_busy++;
	slot_submit(slot);
}

static void start_idle(struct flow *flow)
{
	for (uint32_t i = 0; i < flow->n_slots && !flow->ended; i++)
		if (flow->slots[i].state == FLOW_IDLE)
			slot_start(&flow->slots[i]);
}

static void slot_deliver(struct flow_slot *slot)
{
	struct flow *flow = slot->flow;
	int rc;

	flow->ios++;
	flow->reads += !slot->write;
	flow->bytes += (uint64_t)slot->blocks * flow->block_size;
	if (flow->hist)
		hist_add(flow->hist, slot->req.latency_ns);
	rc = flow->done && !flow->rc ? flow->done(flow, slot) : 0;
	if (rc)
		flow_fail(flow, rc);
	flow->done_seq++;
	flow->n_busy--;
	slot->state = FLOW_IDLE;
	if (!flow->lockstep)
		slot_start(slot);
	else if (flow->n_busy == 0)
		start_idle(flow);
}

static void deliver_in_order(struct flow *flow)
{
	uint32_t i = 0;

	while (i < flow->n_slots) {
		struct flow_slot *slot = &flow->slots[i];

		if (slot->state == FLOW_READY && slot->seq == flow->done_seq) {
			slot_deliver(slot);
			i = 0;
		} else {
			i++;
		}
	}
}

/* A command that failed for good leaves a gap: what waits behind it will never be delivered. */
static void drop_ready(struct flow *flow)
{
	uint32_t i;

	for (i = 0; i < flow->n_slots; i++) {
		if (flow->slots[i].state != FLOW_READY)
			continue;
		flow->slots[i].state = FLOW_IDLE;
		flow->n_busy--;
	}
}

static bool wants_retry(struct flow_slot *slot)
{
	return scsi_io_retry(&slot->req) && slot->retries++ < MAX_RETRIES;
}

static void slot_done(struct srpi_request *req)
{
	struct flow_slot *slot = req->ctx;
	struct flow *flow = slot->flow;

	if (wants_retry(slot)) {
		flow->retries++;
		flow->n_retry++;
		slot->state = FLOW_RETRY;
	} else if (req->error || req->status) {
		slot_failed(slot, req->error ? req->error : -EPROTO);
	} else if (flow->in_order) {
		slot->state = FLOW_READY;
		deliver_in_order(flow);
	} else {
		slot_deliver(slot);
	}
}

static void retry_all(struct flow *flow)
{
	uint32_t i;

	for (i = 0; i < flow->n_slots && flow->n_retry; i++) {
		if (flow->slots[i].state != FLOW_RETRY)
			continue;
		flow->n_retry--;
		slot_submit(&flow->slots[i]);
	}
}

static int flow_init(struct flow *flow)
{
	uint32_t i;
	int rc;

	flow->n_slots = flow->depth * MAX(1u, srpi_live_count(flow->session));
	flow->slots = calloc(flow->n_slots, sizeof(*flow->slots));
	if (!flow->slots)
		return -ENOMEM;
	rc = srpi_mem_alloc(flow->session, &flow->mem, (size_t)flow->n_slots * flow->bs);
	if (rc) {
		snprintf(flow->error, sizeof(flow->error), "%.250s", srpi_error(flow->session));
		return rc;
	}
	for (i = 0; i < flow->n_slots; i++) {
		struct flow_slot *slot = &flow->slots[i];

		slot->flow = flow;
		slot->index = i;
		slot->off = (size_t)i * flow->bs;
		slot->buf = flow->mem.addr + slot->off;
		memcpy(slot->req.lun, flow->lun, 8);
		slot->req.done = slot_done;
		slot->req.ctx = slot;
	}
	return 0;
}

static void flow_loop(struct flow *flow)
{
	uint64_t report = srpi_now(flow->session), retry = report;

	while (flow->n_busy) {
		uint64_t now;

		srpi_poll(flow->session, flow->n_retry ? RETRY_MS : PROGRESS_MS);
		now = srpi_now(flow->session);
		if (flow->n_retry && now >= retry) {
			retry_all(flow);
			retry = now + RETRY_MS * NSEC_PER_MSEC;
		}
		if (flow->rc)
			drop_ready(flow);
		if (flow->progress && now >= report) {
			flow->progress(flow);
			report = now + PROGRESS_MS * NSEC_PER_MSEC;
		}
	}
}

int flow_run(struct flow *flow)
{
	uint64_t start;
	int rc = flow_init(flow);

	if (!rc) {
		srpi_poll(flow->session, 0);
		start = srpi_now(flow->session);
		start_idle(flow);
		flow_loop(flow);
		flow->ns = srpi_now(flow->session) - start;
		rc = flow->rc;
	}
	srpi_mem_free(&flow->mem);
	free(flow->slots);
	flow->slots = NULL;
	return rc;
}
