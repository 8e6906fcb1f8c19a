/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a caller's request to its done callback: slots and tags, waiting for credit, timeouts.
 * A command that times out is aborted, and given back only when the target has answered
 * ABORT TASK or the connection is gone: until then the target may still move data.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "srpio/iu.h"
#include "srpio/priv.h"

#define TAG_TMF 0x80000000u

static struct srpi_request *task_cmd(struct srpi_task *task)
{
	return container_of(task, struct srpi_request, task);
}

static struct srpi_tmf *task_tmf(struct srpi_task *task)
{
	return container_of(task, struct srpi_tmf, task);
}

static void task_init(struct srpi_task *task, enum task_kind kind, struct srpi_channel *ch,
		      uint32_t timeout_ms)
{
	struct srpi_session *s = ch->session;

	if (!s->in_poll)
		session_clock(s);
	memset(task, 0, sizeof(*task));
	task->kind = kind;
	task->channel = ch;
	task->start_ns = s->now_ns;
	task->deadline_ns = s->now_ns + timeout_ms * NSEC_PER_MSEC;
}

static void slot_take(struct srpi_channel *ch, struct srpi_task *task)
{
	task->slot = ch->free_slots[--ch->n_free];
	ch->slots[task->slot] = task;
	task->tag = (uint64_t)++ch->generation << 32 | ch->index << 16 | task->slot;
	if (task->kind == TASK_TMF) {
		task->tag |= TAG_TMF;
		return;
	}
	ch->n_cmds++;
	if (task_cmd(task)->own_tag) {
		task->tag = task_cmd(task)->tag;
		ch->n_own_tags++;
	}
}

static void slot_give(struct srpi_task *task)
{
	struct srpi_channel *ch = task->channel;

	ch->slots[task->slot] = NULL;
	ch->free_slots[ch->n_free++] = (uint16_t)task->slot;
	if (task->kind == TASK_TMF)
		return;
	ch->n_cmds--;
	if (task_cmd(task)->own_tag)
		ch->n_own_tags--;
}

struct srpi_task *task_find(struct srpi_channel *ch, uint64_t tag)
{
	uint32_t i = (uint32_t)(tag & 0xffff);

	if (i < ch->n_slots && ch->slots[i] && ch->slots[i]->tag == tag)
		return ch->slots[i];
	for (i = 0; ch->n_own_tags && i < ch->n_slots; i++)
		if (ch->slots[i] && ch->slots[i]->tag == tag)
			return ch->slots[i];
	return NULL;
}

/* Back to the caller, from whatever state. */
static void task_finish(struct srpi_task *task, int error)
{
	struct srpi_channel *ch = task->channel;

	if (task->state == TASK_WAITING)
		TAILQ_REMOVE(task->kind == TASK_TMF ? &ch->waiting_tmf : &ch->waiting, task, link);
	else
		slot_give(task);
	task->state = TASK_IDLE;
	if (task->kind == TASK_TMF) {
		task_tmf(task)->error = error;
		task_tmf(task)->done(task_tmf(task));
		return;
	}
	task_cmd(task)->error = error;
	task_cmd(task)->latency_ns = ch->session->now_ns - task->start_ns;
	task_cmd(task)->done(task_cmd(task));
}

static void cmd_response(struct srpi_request *req, const struct srp_rsp *rsp)
{
	req->status = rsp->status;
	req->flags = rsp->flags;
	req->out_resid = rsp->data_out_res_cnt;
	req->in_resid = rsp->data_in_res_cnt;
	req->sense_len = MIN(rsp->sense_len, (uint32_t)SRPI_SENSE_MAX);
	if (req->sense_len)
		memcpy(req->sense, rsp->sense, req->sense_len);
}

void task_response(struct srpi_task *task, const struct srp_rsp *rsp)
{
	if (task->kind == TASK_TMF) {
		task_tmf(task)->has_code = rsp->has_rsp_code;
		task_tmf(task)->code = rsp->rsp_code;
		task_tmf(task)->status = rsp->status;
	} else {
		cmd_response(task_cmd(task), rsp);
	}
}

void task_complete(struct srpi_task *task, int error)
{
	if (task->state != TASK_ABORTING)
		task_finish(task, error);
}

static void iu_data_set(struct iu_data *to, struct srpi_channel *ch, const struct srpi_data *from,
			uint32_t slot, uint32_t which)
{
	size_t table = (size_t)ch->session->params.layout.sg * SRP_DIRECT_DESC_LEN;

	if (!from->mem || !from->len)
		return;
	to->bytes = from->mem->addr + from->off;
	to->va = (uintptr_t)to->bytes;
	to->rkey = from->mem->mr->rkey;
	to->len = from->len;
	to->table = ch->tables.addr + (slot * 2 + which) * table;
	to->table_va = (uintptr_t)to->table;
	to->table_rkey = ch->tables.mr->rkey;
}

static int cmd_build(struct srpi_channel *ch, struct srpi_request *req, uint8_t *buf)
{
	const struct srpi_params *p = &ch->session->params;
	struct iu_cmd cmd = {
		.tag = req->task.tag,
		.task_attr = req->task_attr,
		.lun = req->lun,
		.cdb = req->cdb,
		.cdb_len = req->cdb_len,
		.layout = req->layout ? req->layout : &p->layout,
		.sg_inline = p->sg_inline,
		.imm_max = ch->imm ? p->imm_max : 0,
		.imm_offset = p->imm_offset,
	};

	iu_data_set(&cmd.out, ch, &req->out, req->task.slot, 0);
	iu_data_set(&cmd.in, ch, &req->in, req->task.slot, 1);
	return iu_cmd_build(buf, ch->max_iu, &cmd);
}

/* -EAGAIN: has to wait. Other errors are final. */
static int cmd_send(struct srpi_channel *ch, struct srpi_request *req)
{
	uint8_t *buf = channel_tx_buf(ch, SRPI_TX_RESERVE);
	int rc;

	if (!buf || !ch->n_free || ch->n_cmds + SRPI_TMF_SLOTS >= ch->n_slots)
		return -EAGAIN;
	if (!srpi_credit_take_cmd(&ch->credit))
		return -EAGAIN;
	slot_take(ch, &req->task);
	rc = cmd_build(ch, req, buf);
	if (rc > 0)
		rc = channel_tx_post(ch, (size_t)rc);
	if (rc < 0) {
		slot_give(&req->task);
		srpi_credit_add(&ch->credit, 1);
		return rc;
	}
	req->task.state = TASK_SENT;
	return 0;
}

static int tmf_send(struct srpi_channel *ch, struct srpi_tmf *tmf)
{
	struct srp_tsk_mgmt tm = { .task_tag = tmf->task_tag, .function = tmf->function };
	uint8_t *buf = channel_tx_buf(ch, 0);
	int rc;

	if (!buf || !ch->n_free || !srpi_credit_take_tmf(&ch->credit))
		return -EAGAIN;
	slot_take(ch, &tmf->task);
	tm.tag = tmf->task.tag;
	memcpy(tm.lun, tmf->lun, 8);
	srp_tsk_mgmt_build(buf, &tm);
	rc = channel_tx_post(ch, SRP_TSK_MGMT_LEN);
	if (rc < 0) {
		slot_give(&tmf->task);
		srpi_credit_add(&ch->credit, 1);
		return rc;
	}
	tmf->task.state = TASK_SENT;
	return 0;
}

static int task_wait(struct task_queue *queue, struct srpi_task *task)
{
	task->state = TASK_WAITING;
	task->channel->session->stats.credit_waits++;
	TAILQ_INSERT_TAIL(queue, task, link);
	return 0;
}

static bool request_valid(const struct srpi_channel *ch, const struct srpi_request *req)
{
	const struct srpi_layout *layout = req->layout;

	if (req->cdb_len == 0 || req->cdb_len > SRPI_CDB_MAX)
		return false;
	return !layout || (layout->sg >= 1 && layout->sg <= ch->session->params.layout.sg);
}

int srpi_submit(struct srpi_channel *ch, struct srpi_request *req)
{
	int rc;

	if (ch->state != CHANNEL_LIVE)
		return -ENOTCONN;
	if (!request_valid(ch, req))
		return -EINVAL;
	if (req->cdb_len < 16)
		memset(req->cdb + req->cdb_len, 0, 16 - req->cdb_len);
	task_init(&req->task, TASK_CMD, ch,
		  req->timeout_ms ? req->timeout_ms : ch->session->params.timeout_ms);
	req->error = 0;
	req->status = req->flags = 0;
	req->out_resid = req->in_resid = req->sense_len = 0;
	rc = TAILQ_EMPTY(&ch->waiting) ? cmd_send(ch, req) : -EAGAIN;
	return rc == -EAGAIN ? task_wait(&ch->waiting, &req->task) : rc;
}

int srpi_submit_tmf(struct srpi_channel *ch, struct srpi_tmf *tmf)
{
	int rc;

	if (ch->state != CHANNEL_LIVE)
		return -ENOTCONN;
	task_init(&tmf->task, TASK_TMF, ch,
		  tmf->timeout_ms ? tmf->timeout_ms : SRPI_TMF_TIMEOUT_MS);
	tmf->error = 0;
	tmf->has_code = false;
	tmf->code = tmf->status = 0;
	rc = TAILQ_EMPTY(&ch->waiting_tmf) ? tmf_send(ch, tmf) : -EAGAIN;
	return rc == -EAGAIN ? task_wait(&ch->waiting_tmf, &tmf->task) : rc;
}

static int task_send(struct srpi_channel *ch, struct srpi_task *task)
{
	return task->kind == TASK_TMF ? tmf_send(ch, task_tmf(task)) :
					cmd_send(ch, task_cmd(task));
}

static void kick_queue(struct srpi_channel *ch, struct task_queue *queue)
{
	struct srpi_task *task;

	while (ch->state == CHANNEL_LIVE && (task = TAILQ_FIRST(queue))) {
		int rc = task_send(ch, task);

		if (rc == -EAGAIN)
			return;
		if (rc == 0)
			TAILQ_REMOVE(queue, task, link);
		else
			task_finish(task, rc);
	}
}

void tasks_kick(struct srpi_channel *ch)
{
	kick_queue(ch, &ch->waiting_tmf);
	if (TAILQ_EMPTY(&ch->waiting_tmf))
		kick_queue(ch, &ch->waiting);
}

static void abort_done(struct srpi_tmf *tmf)
{
	task_finish(&((struct srpi_request *)tmf->ctx)->task, -ETIMEDOUT);
}

static void cmd_abort(struct srpi_request *req)
{
	struct srpi_tmf *tmf = &req->abort;
	int rc;

	memset(tmf, 0, sizeof(*tmf));
	tmf->function = SRP_ABORT_TASK;
	tmf->task_tag = req->task.tag;
	memcpy(tmf->lun, req->lun, 8);
	tmf->done = abort_done;
	tmf->ctx = req;
	req->task.state = TASK_ABORTING;
	rc = srpi_submit_tmf(req->task.channel, tmf);
	if (rc)
		channel_fail(req->task.channel, "cannot send ABORT TASK: %s", strerror(-rc));
	if (rc && req->task.state == TASK_ABORTING)
		task_finish(&req->task, -ETIMEDOUT);
}

static void task_timeout(struct srpi_task *task)
{
	task->channel->session->stats.timeouts++;
	if (task->kind == TASK_TMF && task_tmf(task)->done == abort_done)
		channel_fail(task->channel, "no answer to ABORT TASK within %u s",
			     SRPI_TMF_TIMEOUT_MS / 1000);
	else if (task->kind == TASK_TMF || task->state == TASK_WAITING)
		task_finish(task, -ETIMEDOUT);
	else
		cmd_abort(task_cmd(task));
}

static int expire_queue(struct srpi_channel *ch, struct task_queue *queue)
{
	uint64_t now = ch->session->now_ns;
	struct srpi_task *task, *next;
	int n = 0;

	for (task = TAILQ_FIRST(queue); task && ch->state == CHANNEL_LIVE; task = next) {
		next = TAILQ_NEXT(task, link);
		if (task->deadline_ns > now)
			continue;
		task_timeout(task);
		next = TAILQ_FIRST(queue);
		n++;
	}
	return n;
}

int tasks_check_timeouts(struct srpi_channel *ch)
{
	uint64_t now = ch->session->now_ns;
	uint32_t i;
	int n = 0;

	for (i = 0; i < ch->n_slots && ch->state == CHANNEL_LIVE; i++) {
		struct srpi_task *task = ch->slots[i];

		if (!task || task->deadline_ns > now || task->state != TASK_SENT)
			continue;
		task_timeout(task);
		n++;
	}
	n += expire_queue(ch, &ch->waiting_tmf);
	return n + expire_queue(ch, &ch->waiting);
}

/* What is ABORTING ends with its own task management function, which is here too. */
void tasks_fail_all(struct srpi_channel *ch)
{
	uint32_t i;

	for (i = 0; i < ch->n_slots; i++)
		if (ch->slots[i] && ch->slots[i]->state == TASK_SENT)
			task_finish(ch->slots[i], -ECONNRESET);
	while (!TAILQ_EMPTY(&ch->waiting_tmf))
		task_finish(TAILQ_FIRST(&ch->waiting_tmf), -ECONNRESET);
	while (!TAILQ_EMPTY(&ch->waiting))
		task_finish(TAILQ_FIRST(&ch->waiting), -ECONNRESET);
}

static void exec_done(struct srpi_request *req)
{
	*(bool *)req->ctx = true;
}

int srpi_exec(struct srpi_channel *ch, struct srpi_request *req)
{
	bool done = false;
	int rc;

	req->done = exec_done;
	req->ctx = &done;
	rc = srpi_submit(ch, req);
	if (rc)
		return rc;
	while (!done)
		srpi_poll(ch->session, -1);
	return req->error;
}

static void exec_tmf_done(struct srpi_tmf *tmf)
{
	*(bool *)tmf->ctx = true;
}

int srpi_exec_tmf(struct srpi_channel *ch, struct srpi_tmf *tmf)
{
	bool done = false;
	int rc;

	tmf->done = exec_tmf_done;
	tmf->ctx = &done;
	rc = srpi_submit_tmf(ch, tmf);
	if (rc)
		return rc;
	while (!done)
		srpi_poll(ch->session, -1);
	return tmf->error;
}
