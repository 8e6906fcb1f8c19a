/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EXTENDED COPY(LID1) (SPC-4 6.4): its parameter list. CSCD descriptors are of type E4h
 * (identification) and name logical units of the nexus that asks; segment descriptors are of type
 * 02h (block to block). All of them are checked before anything is read.
 */
#include "scsi/copy.h"

enum {
	HEAD_LEN = 16,
	CSCD_IDENTIFICATION = 0xe4,
	SEGMENT_BLOCK = 0x02,
	DISK = 0x00
};
enum {
	LIST_ID_VALID = 0,
	LIST_ID_DISCARD = 2,
	LIST_ID_NONE = 3
}; /* LIST ID USAGE */
enum {
	CSCD_SELF = 0xffff
};

struct list {
	uint32_t n_cscds, n_segments;
	uint32_t cscds_len;
};

static unsigned int cscd_at(unsigned int i)
{
	return HEAD_LEN + i * COPY_CSCD_LEN;
}

static unsigned int segment_at(const struct copy_job *job, unsigned int i)
{
	return cscd_at(job->n_cscds) + i * COPY_SEGMENT_LEN;
}

/* ---- the head ---- */

/* COPY ABORTED does not fit here: nothing has begun. Returns SENSE_NONE or what is wrong. */
static enum scsi_sense_code read_head(const struct scsi_cmd *cmd, struct list *list)
{
	const uint8_t *head = cmd->buf;
	uint64_t segments_len = be32_get(head + 8);

	list->cscds_len = be16_get(head + 2);
	if (list->cscds_len > COPY_MAX_CSCDS * COPY_CSCD_LEN)
		return SENSE_TOO_MANY_CSCDS;
	if (segments_len > COPY_MAX_SEGMENTS * COPY_SEGMENT_LEN)
		return SENSE_TOO_MANY_SEGMENTS;
	if (be32_get(head + 12)) /* MAXIMUM INLINE DATA LENGTH is 0 */
		return SENSE_INLINE_DATA_LENGTH;
	if (list->cscds_len % COPY_CSCD_LEN || segments_len % COPY_SEGMENT_LEN ||
	    HEAD_LEN + list->cscds_len + segments_len > cmd->nblk)
		return SENSE_PARAMETER_LIST_LENGTH;
	list->n_cscds = list->cscds_len / COPY_CSCD_LEN;
	list->n_segments = (uint32_t)segments_len / COPY_SEGMENT_LEN;
	return SENSE_NONE;
}

/* LIST ID USAGE 11b: the identifier is 0, and nobody can ask for the copy (SPC-4 table 106). */
static bool take_list_id(struct scsi_cmd *cmd)
{
	uint8_t usage = cmd->buf[1] >> 3 & 0x03;

	if (usage == LIST_ID_NONE ? cmd->buf[0] != 0
				  : usage != LIST_ID_VALID && usage != LIST_ID_DISCARD) {
		scsi_fail_field(cmd, SENSE_INVALID_FIELD_IN_PARAMETERS,
				usage == LIST_ID_NONE ? 0 : 1, usage == LIST_ID_NONE ? -1 : 4);
		return false;
	}
	return copy_take_slot(cmd, usage == LIST_ID_NONE ? COPY_NO_ID : cmd->buf[0]);
}

/* ---- descriptors ---- */

static enum scsi_next bad_segment(struct scsi_cmd *cmd, enum scsi_sense_code code, unsigned int at)
{
	return copy_end(cmd, scsi_fail_field(cmd, code, at, -1));
}

/*
 * A descriptor that names none of the nexus's logical units gets the same answer, whether there is
 * such a one for others or not.
 */
static bool take_cscd(struct scsi_cmd *cmd, unsigned int i)
{
	struct copy_job *job = copy_job(cmd);
	const uint8_t *cscd = cmd->buf + cscd_at(i);
	struct scsi_itl *itl;
	uint32_t block;

	if (cscd[0] != CSCD_IDENTIFICATION || cscd[1] & 0xc0) {
		bad_segment(cmd, SENSE_CSCD_TYPE, cscd_at(i));
		return false;
	}
	if (cscd[1] & 0x20) /* NUL: a place without device */
		return true;
	itl = copy_find_designator(cmd->nexus, cscd + 4);
	if (!itl || (cscd[1] & 0x1f) != DISK) {
		bad_segment(cmd, SENSE_COPY_TARGET_UNREACHABLE, cscd_at(i));
		return false;
	}
	block = be24_get(cscd + 29);
	if (block && block != scsi_block_len(itl->lu)) {
		copy_bad_list(cmd, cscd_at(i) + 29);
		return false;
	}
	job->cscd[i] = itl;
	copy_add_party(cmd, itl);
	return true;
}

static struct scsi_itl *cscd_of(const struct scsi_cmd *cmd, uint16_t id)
{
	const struct copy_job *job = copy_job(cmd);

	if (id == CSCD_SELF)
		return cmd->itl;
	return id < job->n_cscds ? job->cscd[id] : NULL;
}

static void load_segment(struct scsi_cmd *cmd, unsigned int i)
{
	struct copy_job *job = copy_job(cmd);
	const uint8_t *segment = cmd->buf + segment_at(job, i);
	uint64_t n = be16_get(segment + 10);
	bool counts_destination = segment[1] & 0x02; /* DC */

	job->segment_at = (uint16_t)segment_at(job, i);
	job->src = cscd_of(cmd, be16_get(segment + 4));
	job->dst = cscd_of(cmd, be16_get(segment + 6));
	if (!job->src || !job->dst)
		return;
	job->src_off = be64_get(segment + 12) << job->src->lu->block_shift;
	job->dst_off = be64_get(segment + 20) << job->dst->lu->block_shift;
	job->left = n << (counts_destination ? job->dst : job->src)->lu->block_shift;
}

static bool in_range(const struct scsi_lu *lu, uint64_t lba, uint64_t len)
{
	return scsi_in_range(lu, lba, len >> lu->block_shift);
}

/* Whole blocks on both sides: what PAD and CAT would do with parts of blocks is not there. */
static bool check_segment(struct scsi_cmd *cmd, unsigned int i)
{
	struct copy_job *job = copy_job(cmd);
	unsigned int at = segment_at(job, i);
	const uint8_t *segment = cmd->buf + at;

	if (segment[0] != SEGMENT_BLOCK) {
		bad_segment(cmd, SENSE_SEGMENT_TYPE, at);
	} else if (be16_get(segment + 2) != COPY_SEGMENT_LEN - 4) {
		copy_bad_list(cmd, at + 2);
	} else {
		load_segment(cmd, i);
		if (!job->src || !job->dst)
			bad_segment(cmd, SENSE_COPY_TARGET_UNREACHABLE, at);
		else if (job->left > COPY_MAX_SEGMENT_LEN)
			copy_bad_list(cmd, at + 10);
		else if (job->left % scsi_block_len(job->src->lu) ||
			 job->left % scsi_block_len(job->dst->lu))
			bad_segment(cmd, SENSE_INEXACT_SEGMENT, at);
		else if (!in_range(job->src->lu, be64_get(segment + 12), job->left) ||
			 !in_range(job->dst->lu, be64_get(segment + 20), job->left))
			bad_segment(cmd, SENSE_LBA_OUT_OF_RANGE, at);
		else
			return true;
	}
	return false;
}

static bool next_segment(struct scsi_cmd *cmd)
{
	struct copy_job *job = copy_job(cmd);

	if (job->n_done == job->n_ranges)
		return false;
	load_segment(cmd, job->n_done++);
	return true;
}

/* ---- start ---- */

static enum scsi_next got_list(struct scsi_cmd *cmd, int res)
{
	struct copy_job *job = copy_job(cmd);
	enum scsi_sense_code code;
	struct list list;

	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_WRITE, res, SCSI_NO_LBA);
	cmd->data_len = cmd->need;
	code = read_head(cmd, &list);
	if (code != SENSE_NONE)
		return scsi_fail(cmd, code);
	if (!take_list_id(cmd))
		return SCSI_COMPLETE;
	memset(job, 0, sizeof(*job));
	job->next_range = next_segment;
	job->n_cscds = list.n_cscds;
	job->n_ranges = list.n_segments;
	for (unsigned int i = 0; i < list.n_cscds; i++)
		if (!take_cscd(cmd, i))
			return SCSI_COMPLETE;
	for (unsigned int i = 0; i < list.n_segments; i++)
		if (!check_segment(cmd, i))
			return SCSI_COMPLETE;
	return copy_run(cmd);
}

static enum scsi_next got_buf(struct scsi_cmd *cmd, int res)
{
	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_WRITE, res, SCSI_NO_LBA);
	return scsi_need_data(cmd, 0, (uint32_t)cmd->nblk, got_list);
}

enum scsi_next spc_extended_copy(struct scsi_cmd *cmd)
{
	return copy_fetch(cmd, HEAD_LEN, COPY_LIST_MAX, got_buf);
}
