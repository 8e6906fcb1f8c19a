/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Third party copies: what a nexus has running, and the moving of ranges piece by piece. A piece is
 * copied by the kernel where the stores are files, else read into the command's buffer and written
 * from it; either way the worker only waits, and an abort finds one piece under way at most. Before
 * each piece it is asked again whether the nexus may still do this.
 * Knows neither segment descriptors nor tokens.
 */
#include <errno.h>
#include <stdlib.h>

#include "scsi/copy.h"
#include "scsi/erase.h"

/* ---- slots ---- */

struct copy_slots *copy_slots_new(void)
{
	struct copy_slots *slots = calloc(1, sizeof(*slots));

	if (slots)
		pthread_mutex_init(&slots->lock, NULL);
	return slots;
}

void copy_slots_free(struct copy_slots *slots)
{
	if (!slots)
		return;
	pthread_mutex_destroy(&slots->lock);
	free(slots);
}

static bool is_of_tokens(const struct copy_slot *slot)
{
	return slot->action >= 0x10;
}

struct copy_slot *copy_find(struct copy_slots *slots, const struct scsi_itl *itl, uint32_t list_id,
			    bool of_tokens)
{
	for (unsigned int i = 0; i < COPY_SLOTS; i++) {
		struct copy_slot *slot = &slots->slot[i];

		if (slot->state != COPY_FREE && slot->lun == itl->lun && slot->list_id == list_id &&
		    is_of_tokens(slot) == of_tokens)
			return slot;
	}
	return NULL;
}

/* A free one, else the one that ended longest ago, else NULL. */
static struct copy_slot *oldest(struct copy_slots *slots)
{
	struct copy_slot *best = NULL;

	for (unsigned int i = 0; i < COPY_SLOTS; i++) {
		struct copy_slot *slot = &slots->slot[i];

		if (slot->state == COPY_FREE)
			return slot;
		if (slot->state == COPY_ENDED && (!best || slot->seq < best->seq))
			best = slot;
	}
	return best;
}

bool copy_take_slot(struct scsi_cmd *cmd, uint32_t list_id)
{
	struct copy_slots *slots = cmd->nexus->copies;
	struct copy_slot *slot;

	pthread_mutex_lock(&slots->lock);
	slot = list_id == COPY_NO_ID && cmd->op->sa < 0x10
		       ? NULL
		       : copy_find(slots, cmd->itl, list_id, cmd->op->sa >= 0x10);
	if (slot && slot->state == COPY_RUNS) {
		pthread_mutex_unlock(&slots->lock);
		scsi_fail(cmd, SENSE_COPY_IN_PROGRESS);
		return false;
	}
	if (!slot)
		slot = oldest(slots);
	if (slot) {
		memset(slot, 0, sizeof(*slot));
		slot->state = COPY_RUNS;
		slot->lun = cmd->itl->lun;
		slot->action = (uint8_t)cmd->op->sa;
		slot->list_id = list_id;
		slot->seq = slots->seq++;
	}
	pthread_mutex_unlock(&slots->lock);
	if (!slot)
		cmd->status = SCSI_TASK_SET_FULL; /* MAXIMUM CONCURRENT COPIES */
	cmd->copy = slot;
	return slot;
}

static void end_slot(struct scsi_cmd *cmd, enum copy_state state)
{
	struct copy_slots *slots = cmd->nexus->copies;
	struct copy_slot *slot = cmd->copy;

	if (slot->uses)
		copy_token_put(slot->uses);
	pthread_mutex_lock(&slots->lock);
	slot->uses = NULL;
	slot->n_parties = 0;
	slot->state = state;
	slot->status = cmd->status;
	slot->sense_len = cmd->status == SCSI_CHECK_CONDITION ? cmd->sense_len : 0;
	memcpy(slot->sense, cmd->sense, slot->sense_len);
	pthread_mutex_unlock(&slots->lock);
	cmd->copy = NULL;
}

enum scsi_next copy_end(struct scsi_cmd *cmd, enum scsi_next next)
{
	if (cmd->copy)
		end_slot(cmd, COPY_ENDED);
	return next;
}

/* Nobody is told how an aborted command ended. */
void scsi_give_up(struct scsi_cmd *cmd)
{
	if (cmd->copy)
		end_slot(cmd, COPY_FREE);
	if (cmd->erase)
		erase_give_up(cmd);
}

void copy_add_party(struct scsi_cmd *cmd, struct scsi_itl *itl)
{
	struct copy_slot *slot = cmd->copy;

	slot->parties[slot->n_parties++] = itl;
}

bool scsi_copies_with(const struct scsi_cmd *cmd, const struct scsi_lu *lu)
{
	for (unsigned int i = 0; cmd->copy && i < cmd->copy->n_parties; i++)
		if (cmd->copy->parties[i]->lu == lu)
			return true;
	return false;
}

void scsi_cmd_mark(const struct scsi_cmd *cmd)
{
	scsi_itl_mark(cmd->itl);
	for (unsigned int i = 0; cmd->copy && i < cmd->copy->n_parties; i++)
		scsi_itl_mark(cmd->copy->parties[i]);
}

/* ---- parameter list ---- */

enum scsi_next copy_fetch(struct scsi_cmd *cmd, uint32_t least, uint32_t most,
			  enum scsi_next (*got_buf)(struct scsi_cmd *cmd, int res))
{
	cmd->xfer_len = cmd->nblk;
	if (!cmd->nblk)
		return scsi_good(cmd);
	if (cmd->nblk < least || cmd->nblk > most || cmd->out_len < cmd->nblk)
		return scsi_fail(cmd, SENSE_PARAMETER_LIST_LENGTH);
	return scsi_need_buf(cmd, SCSI_BUF_LEN, got_buf);
}

/* ---- designators ---- */

enum {
	TYPE_EUI64 = 2,
	TYPE_NAA = 3,
};

/* Code set binary, associated with the logical unit, 16 bytes of room (SPC-4 6.4.5.2). */
static bool names_lu(const uint8_t *designator, const struct scsi_lu *lu)
{
	uint8_t naa[16];

	if ((designator[0] & 0x0f) != 1 || designator[1] & 0x30)
		return false;
	switch (designator[1] & 0x0f) {
	case TYPE_NAA:
		return designator[3] == scsi_naa_put(lu, naa) &&
		       memcmp(designator + 4, naa, designator[3]) == 0;
	case TYPE_EUI64:
		return designator[3] == 8 && lu->eui64 && be64_get(designator + 4) == lu->eui64;
	}
	return false;
}

/* A logical unit may be mapped twice; of two that differ in rights the lower LUN counts. */
struct scsi_itl *copy_find_designator(const struct scsi_nexus *nexus, const uint8_t *designator)
{
	for (unsigned int lun = 0; lun <= SCSI_MAX_LUN; lun++) {
		struct scsi_itl *itl = scsi_itl_at(nexus, lun);

		if (itl && !itl->lu->pass && names_lu(designator, itl->lu))
			return itl;
	}
	return NULL;
}

void copy_put_cscd(uint8_t *out, const struct scsi_lu *lu)
{
	out[0] = 0xe4;
	out[4] = 1; /* binary */
	out[5] = TYPE_NAA;
	out[7] = (uint8_t)scsi_naa_put(lu, out + 8);
	be24_put(out + 29, scsi_block_len(lu));
}

/* ---- ends with an error ---- */

/*
 * COPY ABORTED with status and sense data of the logical unit that said no, and a pointer to the
 * range's descriptor (SPC-4 6.4.4). Sense data in descriptor format has only the latter.
 */
static enum scsi_next failed_at(struct scsi_cmd *cmd, bool source)
{
	struct scsi_cmd theirs = { .status = cmd->status, .sense_len = cmd->sense_len };
	uint8_t *area = cmd->sense + SENSE_FIXED_LEN;

	if (theirs.status != SCSI_CHECK_CONDITION)
		theirs.sense_len = 0;
	memcpy(theirs.sense, cmd->sense, theirs.sense_len);
	scsi_fail_field(cmd, SENSE_THIRD_PARTY_FAILURE, copy_job(cmd)->segment_at, -1);
	if ((cmd->sense[0] & 0x7f) != 0x70)
		return copy_end(cmd, SCSI_COMPLETE);
	cmd->sense[source ? 8 : 9] = SENSE_FIXED_LEN;
	area[0] = theirs.status;
	memcpy(area + 1, theirs.sense, theirs.sense_len);
	cmd->sense_len = (uint8_t)(SENSE_FIXED_LEN + 1 + theirs.sense_len);
	cmd->sense[7] = (uint8_t)(cmd->sense_len - 8);
	return copy_end(cmd, SCSI_COMPLETE);
}

static enum scsi_next store_failed(struct scsi_cmd *cmd, enum store_op op, int res)
{
	const struct copy_job *job = copy_job(cmd);
	bool source = op == STORE_READ;
	const struct scsi_lu *lu = source ? job->src->lu : job->dst->lu;

	scsi_fail_store(cmd, op, res, (source ? job->src_off : job->dst_off) >> lu->block_shift);
	return failed_at(cmd, source);
}

/* What the nexus would be answered if it sent a command of this kind itself; GOOD: it may. */
static bool refuses(struct scsi_cmd *cmd, struct scsi_itl *itl, bool writes)
{
	struct scsi_cmd own = {
		.nexus = cmd->nexus,
		.itl = itl,
		.op = &scsi_ops[writes ? 0x8a : 0x88],
	};

	cmd->status = SCSI_GOOD;
	if (scsi_conflicts(&own))
		cmd->status = SCSI_RESERVATION_CONFLICT;
	else if (scsi_no_access(itl, own.op) != SENSE_NONE)
		scsi_fail(cmd, scsi_no_access(itl, own.op));
	else if (atomic_load(&itl->retired))
		scsi_fail(cmd, SENSE_LUN_NOT_SUPPORTED);
	else if (scsi_not_ready(itl->lu) != SENSE_NONE)
		scsi_fail(cmd, scsi_not_ready(itl->lu));
	else if (writes && itl->read_only)
		scsi_fail(cmd, SENSE_WRITE_PROTECTED);
	else if (writes && scsi_mode_is(itl->lu, SCSI_MODE_SWP))
		scsi_fail(cmd, SENSE_SOFTWARE_WRITE_PROTECTED);
	return cmd->status != SCSI_GOOD;
}

/* ---- pieces ---- */

static enum scsi_next next_piece(struct scsi_cmd *cmd);

static enum scsi_next piece_done(struct scsi_cmd *cmd)
{
	struct copy_job *job = copy_job(cmd);

	job->src_off += job->piece;
	job->dst_off += job->piece;
	job->left -= job->piece;
	cmd->copy->moved += job->piece;
	return next_piece(cmd);
}

static enum scsi_next written(struct scsi_cmd *cmd, int res)
{
	return unlikely(res) ? store_failed(cmd, cmd->io.op, res) : piece_done(cmd);
}

/* Run on the destination. */
static enum scsi_next change(struct scsi_cmd *cmd, enum store_op op, void *buf,
			     enum scsi_next (*step)(struct scsi_cmd *cmd, int res))
{
	struct copy_job *job = copy_job(cmd);

	scsi_store(cmd, op, job->dst_off, job->piece, buf, step);
	cmd->io.store = job->dst->lu->store;
	cmd->io.flags = scsi_write_flags(job->dst->lu);
	return SCSI_STORE;
}

static enum scsi_next got_piece(struct scsi_cmd *cmd, int res)
{
	struct copy_job *job = copy_job(cmd);

	if (unlikely(res))
		return store_failed(cmd, STORE_READ, res);
	if (refuses(cmd, job->dst, true))
		return failed_at(cmd, false);
	return change(cmd, STORE_WRITE, cmd->buf + COPY_DATA_AT, written);
}

static enum scsi_next by_buffer(struct scsi_cmd *cmd)
{
	struct copy_job *job = copy_job(cmd);

	job->by_buffer = true;
	job->piece = MIN(job->left, (uint64_t)COPY_PIECE);
	scsi_store(cmd, STORE_READ, job->src_off, job->piece, cmd->buf + COPY_DATA_AT, got_piece);
	cmd->io.store = job->src->lu->store;
	return SCSI_STORE;
}

static enum scsi_next offloaded(struct scsi_cmd *cmd, int res)
{
	if (res == -EOPNOTSUPP)
		return by_buffer(cmd);
	return written(cmd, res);
}

static enum scsi_next offload(struct scsi_cmd *cmd)
{
	struct copy_job *job = copy_job(cmd);

	job->piece = MIN(job->left, (uint64_t)COPY_OFFLOAD_PIECE);
	cmd->io.from = job->src->lu->store;
	cmd->io.from_off = job->src_off;
	return change(cmd, STORE_COPY, NULL, offloaded);
}

static enum scsi_next zero(struct scsi_cmd *cmd)
{
	struct copy_job *job = copy_job(cmd);
	enum scsi_next next;

	job->piece = MIN(job->left, (uint64_t)COPY_MAX_SEGMENT_LEN);
	next = change(cmd, STORE_ZERO, NULL, written);
	cmd->io.flags |= job->dst->lu->thin ? STORE_IO_MAY_UNMAP : 0;
	return next;
}

/* Files that overlap are copied through the buffer, in the order of their blocks. */
static bool overlaps(const struct copy_job *job)
{
	return job->src->lu == job->dst->lu && job->src_off < job->dst_off + job->left &&
	       job->dst_off < job->src_off + job->left;
}

static void begin_range(struct scsi_cmd *cmd)
{
	struct copy_job *job = copy_job(cmd);
	uint8_t shift = job->dst->lu->block_shift;

	job->by_buffer = job->src && overlaps(job);
	scsi_tokens_revoke(job->dst->lu, job->dst_off >> shift, job->left >> shift);
}

static bool is_revoked(const struct scsi_cmd *cmd)
{
	return cmd->copy->uses && copy_token_is_revoked(cmd->copy->uses);
}

static enum scsi_next next_piece(struct scsi_cmd *cmd)
{
	struct copy_job *job = copy_job(cmd);

	while (!job->left && !is_revoked(cmd)) {
		cmd->copy->n_segments = job->n_done;
		if (!job->next_range(cmd))
			return copy_end(cmd, scsi_good(cmd));
		if (job->left)
			begin_range(cmd);
	}
	if (is_revoked(cmd))
		return copy_end(cmd, scsi_fail(cmd, SENSE_TOKEN_REVOKED));
	if (job->src && refuses(cmd, job->src, false))
		return failed_at(cmd, true);
	if (refuses(cmd, job->dst, true))
		return failed_at(cmd, false);
	if (!job->src)
		return zero(cmd);
	return job->by_buffer ? by_buffer(cmd) : offload(cmd);
}

enum scsi_next copy_run(struct scsi_cmd *cmd)
{
	copy_job(cmd)->left = 0;
	return next_piece(cmd);
}
