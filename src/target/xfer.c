/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Data between the initiator's memory, data buffers and the store: segments of bounded size, RDMA
 * by descriptors, and the waiting for room in the send queue and for RDMA READ slots. Memory per
 * command is bounded by SEGS_PER_TASK buffers whatever the peer asks for.
 */
#include "target/worker.h"

#include <string.h>

#include "base/compiler.h"
#include "base/log.h"

static void seg_ready(struct seg *seg);
static void stream_pump(struct task *t);

/* ---- buffers ---- */

/*
 * A buffer for up to len bytes (less when len exceeds a segment), or NULL. keep_one leaves the
 * last large buffer to others: what holds a buffer while it asks for another must say so, or two
 * such tasks could wait for each other.
 */
struct seg *xfer_get_seg(struct task *t, uint32_t len, bool keep_one)
{
	struct worker *w = t->ch->worker;
	struct share *sh = t->ch->share;
	/* nobody can help a task that holds one already by leaving it to others */
	bool must = t->table_seg;
	struct seg *seg = NULL;

	if (len <= SMALL_BUF && !keep_one &&
	    (must || share_allows(w, sh->n_small, w->segs_small.n_free)))
		seg = pool_get(&w->segs_small);
	if (!seg && w->segs_large.n_free > (keep_one ? 1u : 0u) &&
	    (must || share_allows(w, sh->n_large, w->segs_large.n_free)))
		seg = pool_get(&w->segs_large);
	if (!seg)
		return NULL;
	*(seg->small ? &sh->n_small : &sh->n_large) += 1;
	seg->task = t;
	seg->state = SEG_IDLE;
	seg->last = false;
	LIST_INSERT_HEAD(&t->segs, seg, link);
	return seg;
}

void xfer_put_seg(struct task *t, struct seg *seg)
{
	struct worker *w = t->ch->worker;

	LIST_REMOVE(seg, link);
	*(seg->small ? &t->ch->share->n_small : &t->ch->share->n_large) -= 1;
	pool_put(seg->small ? &w->segs_small : &w->segs_large, seg);
}

static void seg_busy(struct seg *seg, enum seg_state state)
{
	if (seg->state == SEG_IDLE)
		seg->task->n_busy++;
	seg->state = state;
}

/* Nothing of the segment is outstanding any more. */
static void seg_settle(struct seg *seg, enum seg_state state)
{
	if (seg->state != SEG_IDLE && seg->state != SEG_HELD)
		seg->task->n_busy--;
	seg->state = state;
}

/* ---- descriptors ---- */

static void count_bytes(struct channel *ch, bool out, uint64_t len)
{
	*(out ? &ch->worker->stats.bytes_out : &ch->worker->stats.bytes_in) += len;
	*(out ? &ch->stats.bytes_out : &ch->stats.bytes_in) += len;
}

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
static void emit_one(struct seg *seg, enum ibv_wr_opcode opcode)
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
		count_bytes(t->ch, seg->fetch, len);
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
	ch->unsignalled = 0;
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
static bool emit_writes(struct seg *seg)
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

static void start_writes(struct seg *seg)
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

static void seg_prepare(struct seg *seg, bool fetch, uint64_t off, uint32_t len)
{
	seg->fetch = fetch;
	seg->off = off;
	seg->len = len;
	seg->moved = 0;
	seg->pos = (struct desc_pos){ 0, 0 };
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

static void stream_finish(struct task *t)
{
	enum scsi_next next;

	t->scsi.stream.done = t->error ? t->error_off : t->scsi.stream.len;
	next = scsi_resume(&t->scsi, t->error);
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

static void stream_submit(struct seg *seg)
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

static void stream_store(struct seg *seg)
{
	struct task *t = seg->task;
	struct scsi_cmd *s = &t->scsi;

	seg->io.store = s->itl->lu->store;
	seg->io.op = s->stream.op;
	seg->io.flags = s->stream.flags;
	seg->io.off = s->stream.off + seg->off;
	seg->io.len = seg->len;
	seg->io.buf = seg->buf;
	seg->io.done = stream_store_done;
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
	stream_store(seg);
}

static void stream_piece(struct task *t, struct seg *seg)
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
		stream_store(seg);
	else
		start_reads(seg);
}

static uint32_t stream_want(const struct task *t)
{
	uint64_t left = t->scsi.stream.len - t->next;

	return (uint32_t)MIN(left, (uint64_t)t->ch->worker->segment_size);
}

/*
 * Start segments while there are bytes, buffers that nobody waits for, and room for this command.
 * With nothing under way it takes its place among those who wait.
 */
static void stream_pump(struct task *t)
{
	struct worker *w = t->ch->worker;

	while (t->next < t->scsi.stream.len && t->n_busy < SEGS_PER_TASK) {
		struct seg *seg = NULL;

		if (t->n_busy == 0) {
			task_need_buffer(t, stream_want(t), TASK_STREAMING);
			return;
		}
		if (share_may_pass(w, t->ch->share))
			seg = xfer_get_seg(t, stream_want(t), false);
		if (!seg)
			return;
		stream_piece(t, seg);
	}
}

/* The buffer that the stream asked for. */
void xfer_stream_go(struct task *t, struct seg *seg)
{
	stream_piece(t, seg);
	stream_pump(t);
}

void xfer_stream_start(struct task *t)
{
	const struct srp_data *d = t->scsi.stream.op == STORE_READ ? &t->iu.in : &t->iu.out;

	t->state = TASK_STREAMING;
	t->streamed = true;
	t->next = 0;
	t->error = 0;
	if (t->scsi.stream.len == 0) {
		stream_finish(t);
		return;
	}
	if (d->fmt == SRP_FMT_IMMEDIATE) {
		count_bytes(t->ch, true, t->scsi.stream.len);
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
		stream_store(seg);
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
