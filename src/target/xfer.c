/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Data between the initiator's memory, data buffers and the store: segments of bounded size, RDMA
 * by descriptors, and the waiting for room in the send queue and for RDMA READ slots. Memory per
 * command is bounded by SEGS_PER_TASK buffers whatever the peer asks for.
 */
#include "target/seg.h"

#include <string.h>

#include "base/compiler.h"
#include "base/log.h"

static void seg_ready(struct seg *seg);
static void stream_store_done(struct store_io *io);

/* ---- buffers ---- */

/*
 * A buffer for up to len bytes (less when len exceeds a segment), or NULL. keep_one leaves the
 * last large buffer to others: what holds a buffer while it asks for another must say so, or two
 * such tasks could wait for each other.
 */
struct seg *xfer_get_seg(struct task *t, uint32_t len, bool keep_one)
{
	return seg_get(t, len, keep_one);
}

void xfer_put_seg(struct task *t, struct seg *seg)
{
	seg_put(t, seg);
}

/* ---- descriptors ---- */

/* Of fetched tables that of data-out comes first. */
void xfer_use_table(struct task *t, const struct srp_data *data)
{
	t->n_desc = data->n_total;
	t->pos = (struct desc_pos){ 0, 0 };
	if (likely(srp_table_to_fetch(data) == 0))
		t->table = t->rx->buf + data->desc_off;
	else
		t->table = t->table_seg->buf +
			   (data == &t->iu.in ? srp_table_to_fetch(&t->iu.out) : 0);
}

static struct srp_desc desc_at(const struct task *t, uint32_t index)
{
	return srp_desc_load(t->table + (size_t)index * SRP_DIRECT_DESC_LEN);
}

static void pos_advance(const struct task *t, struct desc_pos *pos, uint64_t bytes)
{
	while (pos->index < t->n_desc) {
		uint32_t left = desc_at(t, pos->index).len - pos->off;

		if (bytes < left) {
			pos->off += (uint32_t)bytes;
			return;
		}
		bytes -= left;
		pos->index++;
		pos->off = 0;
		if (bytes == 0)
			return;
	}
}

/* ---- RDMA ---- */

static uint64_t seg_handle(const struct seg *seg)
{
	/* the pool is told by the top bit of the index */
	return pool_handle(WR_SEG, &seg->obj) | (seg->small ? SEG_SMALL_BIT : 0);
}

/*
 * On iWARP a peer can write to the sinks of its RDMA READs at any time, so a fetched table may
 * have changed since it was checked.
 */
static void table_changed(struct seg *seg)
{
	seg->len = seg->moved;
	channel_drain(seg->task->ch, "a descriptor table changed after it was fetched");
}

/* One work request for the next piece. */
static HOT void emit_one(struct seg *seg, enum ibv_wr_opcode opcode)
{
	struct task *t = seg->task;
	struct ibv_send_wr *wr;
	struct srp_desc d;
	uint32_t len;

	if (unlikely(seg->pos.index >= t->n_desc)) {
		table_changed(seg);
		return;
	}
	d = desc_at(t, seg->pos.index);
	if (unlikely(seg->pos.off > d.len)) {
		table_changed(seg);
		return;
	}
	len = MIN(MIN(d.len - seg->pos.off, seg->len - seg->moved), t->ch->max_rdma);
	if (len > 0) {
		wr = channel_wr(t->ch, opcode, seg_handle(seg), seg->buf + seg->moved, len);
		seg->remote_va = wr->wr.rdma.remote_addr = d.va + seg->pos.off;
		seg->rkey = wr->wr.rdma.rkey = d.rkey;
		if (unlikely(t->ch->signal_all))
			wr->send_flags |= IBV_SEND_SIGNALED;
		seg->moved += len;
		seg->sq_mark = (uint16_t)t->ch->sq_head;
		seg_count_bytes(t->ch, seg->fetch, len);
	}
	seg->pos.off += len;
	if (seg->pos.off == d.len) {
		seg->pos.index++;
		seg->pos.off = 0;
	}
}

static void signal_tail(struct channel *ch)
{
	ch->wrs.tail->send_flags |= IBV_SEND_SIGNALED;
}

/* The last request of the segment, if it is not yet posted. */
static void seg_signal(struct seg *seg)
{
	struct channel *ch = seg->task->ch;

	if (ch->wrs.tail && seg->sq_mark == (uint16_t)ch->sq_head)
		signal_tail(ch);
}

/* RDMA READs as far as slots go; the rest follows when these are done. */
static bool emit_reads(struct seg *seg)
{
	struct channel *ch = seg->task->ch;

	seg->n_reads = 0;
	while (seg->moved < seg->len && ch->rd_free > 0 && channel_sq_free(ch) > 0) {
		uint32_t before = seg->moved;

		emit_one(seg, IBV_WR_RDMA_READ);
		if (seg->moved != before) {
			ch->rd_free--;
			seg->n_reads++;
		}
	}
	if (seg->n_reads == 0)
		return channel_ending(ch);
	signal_tail(ch);
	seg->tick = ch->worker->tick;
	seg_busy(seg, SEG_RDMA);
	return true;
}

/* RDMA WRITEs as far as the send queue goes; true when all are queued. */
static HOT bool emit_writes(struct seg *seg)
{
	struct channel *ch = seg->task->ch;

	while (seg->moved < seg->len) {
		if (channel_sq_free(ch) == 0) {
			/* if it goes no further, this completion says when its buffer is free */
			if (seg->moved > 0)
				seg_signal(seg);
			return false;
		}
		emit_one(seg, IBV_WR_RDMA_WRITE);
	}
	if (seg->last) {
		seg_settle(seg, SEG_HELD);
	} else {
		seg_signal(seg);
		seg->tick = ch->worker->tick;
		seg_busy(seg, SEG_RDMA);
	}
	return true;
}

static void queue_sender(struct sender_list *list, struct seg *seg)
{
	seg->sender.kind = SENDER_SEG;
	STAILQ_INSERT_TAIL(list, &seg->sender, link);
	seg_busy(seg, SEG_QUEUED);
}

static void start_reads(struct seg *seg)
{
	struct channel *ch = seg->task->ch;

	if (!STAILQ_EMPTY(&ch->read_wait) || !emit_reads(seg))
		queue_sender(&ch->read_wait, seg);
}

static HOT void start_writes(struct seg *seg)
{
	struct channel *ch = seg->task->ch;

	if (!STAILQ_EMPTY(&ch->send_wait) || !emit_writes(seg))
		queue_sender(&ch->send_wait, seg);
}

/*
 * A queued segment of an aborted task is dropped instead of sent; what was sent of it already has
 * to complete.
 */
static bool drop_aborted(struct seg *seg)
{
	struct task *t = seg->task;
	bool posted = !seg->fetch && seg->moved > 0;

	if (!t->aborted)
		return false;
	if (posted && (int16_t)((uint16_t)t->ch->sq_done - seg->sq_mark) < 0) {
		seg->state = SEG_RDMA;
		return true;
	}
	seg_settle(seg, SEG_IDLE);
	task_check_end(t);
	return true;
}

static bool kick_sender(struct sender *s)
{
	struct seg *seg = container_of(s, struct seg, sender);

	if (s->kind == SENDER_TASK) {
		task_emit_response(container_of(s, struct task, sender));
		return true;
	}
	return drop_aborted(seg) || emit_writes(seg);
}

void xfer_kick(struct channel *ch)
{
	struct sender *s;

	while ((s = STAILQ_FIRST(&ch->send_wait)) && channel_sq_free(ch) > 0) {
		STAILQ_REMOVE_HEAD(&ch->send_wait, link);
		if (!kick_sender(s)) {
			STAILQ_INSERT_HEAD(&ch->send_wait, s, link);
			break;
		}
	}
	while ((s = STAILQ_FIRST(&ch->read_wait)) && ch->rd_free > 0 && channel_sq_free(ch) > 0) {
		struct seg *seg = container_of(s, struct seg, sender);

		STAILQ_REMOVE_HEAD(&ch->read_wait, link);
		if (!drop_aborted(seg))
			emit_reads(seg);
	}
}

/* Bring bytes [off, off + len) of the data-out buffer into the segment. */
void xfer_fetch(struct task *t, struct seg *seg, uint64_t off, uint32_t len)
{
	seg_prepare(seg, true, off, len);
	pos_advance(t, &seg->pos, off);
	start_reads(seg);
}

/*
 * Bring the next whole descriptor table into the segment, behind what it has already. The table's
 * own descriptor in the IU is the only one of this transfer.
 */
void xfer_fetch_table(struct task *t, struct seg *seg)
{
	uint32_t have = t->table_seg ? seg->len : 0;
	const struct srp_data *d = have < srp_table_to_fetch(&t->iu.out) ? &t->iu.out : &t->iu.in;

	t->table = t->rx->buf + d->desc_off - SRP_INDIRECT_HDR_LEN;
	t->n_desc = 1;
	t->table_seg = seg;
	seg_prepare(seg, true, 0, have + srp_table_to_fetch(d));
	seg->moved = have;
	start_reads(seg);
}

void xfer_send_piece(struct task *t, struct seg *seg, uint64_t off, uint32_t len)
{
	seg_prepare(seg, false, off, len);
	pos_advance(t, &seg->pos, off);
	seg->last = false;
	start_writes(seg);
}

/* Send len bytes of the segment as the command's data-in; the response follows. */
void xfer_send_last(struct task *t, struct seg *seg, uint32_t len)
{
	seg_prepare(seg, false, 0, len);
	seg->last = true;
	start_writes(seg);
}

/* A work request of a segment completed; only the last one matters. */
void xfer_seg_done(struct seg *seg, uint16_t sq_mark)
{
	struct task *t = seg->task;
	struct channel *ch = t->ch;

	if (sq_mark != seg->sq_mark)
		return;
	if (seg->fetch) {
		ch->rd_free += seg->n_reads;
		seg->n_reads = 0;
	}
	if (seg->state == SEG_RDMA) {
		if (seg->fetch && seg->moved < seg->len && !t->aborted)
			queue_sender(&ch->read_wait, seg);
		else
			seg_ready(seg);
	}
}

/* The channel's QP is flushed: RDMA of the task can no longer happen. */
void xfer_flushed(struct task *t)
{
	struct seg *seg;

	LIST_FOREACH(seg, &t->segs, link)
		if (seg->state != SEG_STORE)
			seg_settle(seg, SEG_IDLE);
}

/*
 * The task is aborted: what waits at a fence gives up, what is with the store is called back, and
 * fenced itself if it changes the medium.
 */
void xfer_aborted(struct task *t)
{
	struct worker *w = t->ch->worker;
	struct seg *seg;

	LIST_FOREACH(seg, &t->segs, link) {
		if (seg->state == SEG_STORE) {
			worker_recall(w, &seg->fence, &seg->io);
		} else if (seg->state == SEG_FENCED) {
			STAILQ_REMOVE(&w->fence_wait, &seg->sender, sender, link);
			seg_settle(seg, SEG_IDLE);
		}
	}
}

/* ---- streams ---- */

static HOT void stream_finish(struct task *t)
{
	enum scsi_next next;

	t->scsi.stream.done = t->error ? t->error_off : t->scsi.stream.len;
	next = scsi_resume(&t->scsi, t->error);
	if (likely(next == SCSI_COMPLETE && !t->lock))
		task_respond(t);
	else
		task_run(t, next);
}

static void stream_error(struct task *t, const struct seg *seg, int err)
{
	if (!t->error || seg->off < t->error_off) {
		t->error = err;
		t->error_off = seg->off;
	}
	t->next = t->scsi.stream.len; /* start nothing more */
}

static HOT void stream_submit(struct seg *seg)
{
	struct task *t = seg->task;

	seg_busy(seg, SEG_STORE);
	t->n_store++;
	seg->sender.kind = SENDER_SEG;
	if (likely(worker_submit(t->ch->worker, &seg->io, &seg->sender)))
		return;
	seg->state = SEG_FENCED;
	t->n_store--;
}

static HOT void stream_store(struct seg *seg, void (*done)(struct store_io *io))
{
	struct task *t = seg->task;
	struct scsi_cmd *s = &t->scsi;

	seg->io.store = s->itl->lu->store;
	seg->io.op = s->stream.op;
	seg->io.flags = s->stream.flags;
	seg->io.off = s->stream.off + seg->off;
	seg->io.len = seg->len;
	seg->io.buf = seg->buf;
	seg->io.done = done;
	stream_submit(seg);
}

void xfer_fence_fell(struct seg *seg)
{
	stream_submit(seg);
}

/* Immediate data lies in the receive buffer; here it is not aligned as the store needs it. */
static void stream_immediate(struct seg *seg)
{
	struct task *t = seg->task;

	t->ch->worker->stats.copies++;
	memcpy(seg->buf, t->rx->buf + t->iu.out.imm_off + seg->off, seg->len);
	stream_store(seg, stream_store_done);
}

static HOT void stream_piece(struct task *t, struct seg *seg)
{
	struct worker *w = t->ch->worker;
	uint32_t cap = seg->small ? SMALL_BUF : w->segment_size;
	uint32_t len = (uint32_t)MIN(t->scsi.stream.len - t->next, (uint64_t)cap);
	bool reading = t->scsi.stream.op == STORE_READ;

	seg_prepare(seg, !reading, t->next, len);
	t->next += len;
	if (!reading && t->iu.out.fmt == SRP_FMT_IMMEDIATE) {
		stream_immediate(seg);
		return;
	}
	seg->pos = t->pos;
	if (t->next < t->scsi.stream.len)
		pos_advance(t, &t->pos, len);
	if (reading)
		stream_store(seg, stream_store_done);
	else
		start_reads(seg);
}

static HOT uint32_t stream_want(const struct task *t)
{
	uint64_t left = t->scsi.stream.len - t->next;

	return (uint32_t)MIN(left, (uint64_t)t->ch->worker->segment_size);
}

/*
 * Start segments while there are bytes, buffers that nobody waits for, and room for this command.
 * With nothing under way it takes its place among those who wait.
 */
static HOT void stream_pump(struct task *t)
{
	struct worker *w = t->ch->worker;

	while (t->next < t->scsi.stream.len && t->n_busy < SEGS_PER_TASK) {
		struct seg *seg = NULL;

		if (share_may_pass(w, t->ch->share))
			seg = seg_get(t, stream_want(t), false);
		if (unlikely(!seg)) {
			if (t->n_busy == 0)
				task_wait_buffer(t, stream_want(t), TASK_STREAMING);
			return;
		}
		stream_piece(t, seg);
	}
}

static void stream_store_done(struct store_io *io)
{
	struct seg *seg = container_of(io, struct seg, io);
	struct task *t = seg->task;
	bool reading = t->scsi.stream.op == STORE_READ;
	bool end;

	t->n_store--;
	worker_io_done(t->ch->worker, &seg->fence, io);
	if (io->res)
		stream_error(t, seg, io->res);
	end = t->next == t->scsi.stream.len && t->n_store == 0;
	if (t->aborted || io->res || !reading) {
		seg_settle(seg, SEG_IDLE);
		xfer_put_seg(t, seg);
	} else {
		seg->last = end;
		seg->moved = 0;
		start_writes(seg);
	}
	if (t->aborted)
		task_check_end(t);
	else if (end && (reading || t->n_busy == 0))
		stream_finish(t);
	else
		stream_pump(t);
}

/* The buffer that the stream asked for. */
void xfer_stream_go(struct task *t, struct seg *seg)
{
	stream_piece(t, seg);
	stream_pump(t);
}

/* ---- the commonest command: a read of one segment into one descriptor ---- */

/* May its data and its response be posted at once? */
static HOT bool is_clear(const struct task *t, const struct seg *seg)
{
	const struct channel *ch = t->ch;

	return !seg->io.res && !t->aborted && !channel_ending(ch) && !ch->signal_all &&
	       STAILQ_EMPTY(&ch->send_wait) && channel_sq_free(ch) >= 2 && seg->len <= ch->max_rdma;
}

static void single_done(struct store_io *io)
{
	struct seg *seg = container_of(io, struct seg, io);
	struct task *t = seg->task;
	struct channel *ch = t->ch;
	struct ibv_send_wr *wr;
	struct srp_desc d;

	if (unlikely(!is_clear(t, seg))) {
		stream_store_done(io);
		return;
	}
	worker_io_done(ch->worker, &seg->fence, io);
	t->n_store = 0;
	t->n_busy = 0;
	d = srp_desc_load(t->table);
	wr = channel_wr(ch, IBV_WR_RDMA_WRITE, (uint64_t)WR_TASK << 60, seg->buf, seg->len);
	seg->remote_va = wr->wr.rdma.remote_addr = d.va;
	seg->rkey = wr->wr.rdma.rkey = d.rkey;
	seg->moved = seg->len;
	seg->state = SEG_HELD;
	seg->last = true;
	seg->sq_mark = (uint16_t)ch->sq_head;
	seg_count_bytes(ch, false, seg->len);
	stream_finish(t);
}

/* False if it is another command, or has to wait for a buffer. */
static HOT bool single_start(struct task *t)
{
	struct worker *w = t->ch->worker;
	uint64_t len = t->scsi.stream.len;
	struct seg *seg;

	if (t->scsi.stream.op != STORE_READ || t->iu.in.fmt != SRP_FMT_DIRECT || !len ||
	    len > w->segment_size || !share_may_pass(w, t->ch->share))
		return false;
	seg = seg_get(t, (uint32_t)len, false);
	if (unlikely(!seg))
		return false;
	t->table = t->rx->buf + t->iu.in.desc_off;
	t->n_desc = 1;
	t->next = len;
	seg_prepare(seg, false, 0, (uint32_t)len);
	stream_store(seg, single_done);
	return true;
}

void xfer_stream_start(struct task *t)
{
	const struct srp_data *d = t->scsi.stream.op == STORE_READ ? &t->iu.in : &t->iu.out;

	t->state = TASK_STREAMING;
	t->streamed = true;
	if (likely(single_start(t)))
		return;
	t->next = 0;
	t->error = 0;
	if (t->scsi.stream.len == 0) {
		stream_finish(t);
		return;
	}
	if (d->fmt == SRP_FMT_IMMEDIATE) {
		seg_count_bytes(t->ch, true, t->scsi.stream.len);
		if (task_store_immediate(t))
			return;
	} else {
		xfer_use_table(t, d);
	}
	stream_pump(t);
}

/* The RDMA of a segment is complete. */
static void seg_ready(struct seg *seg)
{
	struct task *t = seg->task;

	if (t->aborted) {
		seg_settle(seg, SEG_IDLE);
		task_check_end(t);
		return;
	}
	if (seg->fetch && t->state == TASK_STREAMING && !t->error) {
		stream_store(seg, stream_store_done);
		return;
	}
	seg_settle(seg, SEG_IDLE);
	if (seg->fetch && t->state == TASK_STREAMING) {
		/* an earlier piece failed: this one is not written */
		xfer_put_seg(t, seg);
		if (t->n_busy == 0)
			stream_finish(t);
	} else if (seg == t->table_seg && t->state == TASK_TABLE) {
		task_table_ready(t);
	} else if (t->state == TASK_FETCHING || t->state == TASK_SENDING) {
		task_run(t, scsi_resume(&t->scsi, 0));
	} else {
		xfer_put_seg(t, seg);
		if (t->state == TASK_STREAMING)
			stream_pump(t);
	}
}
