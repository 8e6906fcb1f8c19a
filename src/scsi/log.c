/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LOG SENSE and LOG SELECT (SPC-4 6.7, 6.8, 7.3; SBC-3 6.4): a table of pages. Every parameter is a
 * binary list that cannot be set, so PAGE CONTROL makes no difference; what counts can be set to
 * zero. There is no page that needs a temperature.
 */
#include "scsi/internal.h"

enum {
	DISABLE_SAVE = 0x80,
	SUBPAGE_FORMAT = 0x40,
	ALL_SUBPAGES = 0xff
};
enum {
	PARAM_HEAD_LEN = 4,
	BINARY_LIST = 0x03
};

/* Parameters from a code on, one after the other. */
struct params {
	struct scsi_cmd *cmd;
	uint16_t from;
	uint16_t last; /* the largest code that there is */
	uint8_t *pos;
};

struct log_page {
	uint8_t code;
	uint8_t subpage;
	uint32_t needs; /* OP_*: only where the logical unit has that */
	void (*put)(struct params *params);
};

/* Header of a parameter; returns where its len bytes go, zeroed, NULL if it was not asked for. */
static uint8_t *put_param(struct params *params, uint16_t code, uint8_t len)
{
	uint8_t *head = params->pos;

	params->last = code;
	if (code < params->from)
		return NULL;
	be16_put(head, code);
	head[2] = BINARY_LIST;
	head[3] = len;
	params->pos += PARAM_HEAD_LEN + len;
	return head + PARAM_HEAD_LEN;
}

/* ---- 0Ch, Logical Block Provisioning: counts of threshold sets, from the file system ---- */

enum {
	AVAILABLE = 0x0001,
	USED = 0x0002
};
enum {
	SCOPE_DEDICATED = 1,
	SCOPE_SHARED = 2
};

static void put_resource(struct params *params, uint16_t code, uint64_t bytes, uint8_t scope)
{
	uint64_t n = bytes >> SCSI_THRESHOLD_SHIFT;
	uint8_t *body = put_param(params, code, 8);

	if (!body)
		return;
	be32_put(body, (uint32_t)MIN(n, (uint64_t)UINT32_MAX));
	body[4] = scope;
}

/* read_space() has left the bytes in cmd->done and cmd->total. */
static void provisioning(struct params *params)
{
	put_resource(params, AVAILABLE, params->cmd->total, SCOPE_SHARED);
	put_resource(params, USED, params->cmd->done, SCOPE_DEDICATED);
}

static int read_space(struct scsi_cmd *cmd)
{
	struct store *store = cmd->itl->lu->store;

	return store->ops->space(store, &cmd->done, &cmd->total);
}

/* ---- 19h, General Statistics and Performance; no times are taken, so intervals are 0 ---- */

void scsi_stats_add(struct scsi_stats *sum, const struct scsi_stats *more)
{
	sum->n_reads += more->n_reads;
	sum->n_writes += more->n_writes;
	sum->blocks_read += more->blocks_read;
	sum->blocks_written += more->blocks_written;
}

/* Of all nexuses, since the counters were last reset; lu->lock held. */
static void sum_up(const struct scsi_lu *lu, struct scsi_stats *sum)
{
	const struct scsi_itl *itl;

	scsi_stats_add(sum, &lu->gone);
	LIST_FOREACH (itl, &lu->itls, lu_link)
		scsi_stats_add(sum, &itl->stats);
}

static void statistics(struct params *params)
{
	struct scsi_lu *lu = params->cmd->itl->lu;
	uint8_t *body = put_param(params, 0x0001, 64);
	struct scsi_stats sum = { 0 };

	if (!body)
		return;
	pthread_mutex_lock(&lu->lock);
	sum_up(lu, &sum);
	pthread_mutex_unlock(&lu->lock);
	be64_put(body, sum.n_reads);
	be64_put(body + 8, sum.n_writes);
	be64_put(body + 16, sum.blocks_written); /* received */
	be64_put(body + 24, sum.blocks_read);	 /* transmitted */
}

/* Counters go on while this runs: what they count in between is kept or lost, never wrapped. */
static void reset_statistics(struct scsi_lu *lu)
{
	struct scsi_itl *itl;

	pthread_mutex_lock(&lu->lock);
	lu->gone = (struct scsi_stats){ 0 };
	LIST_FOREACH (itl, &lu->itls, lu_link) {
		atomic_store(&itl->stats.n_reads, 0);
		atomic_store(&itl->stats.n_writes, 0);
		atomic_store(&itl->stats.blocks_read, 0);
		atomic_store(&itl->stats.blocks_written, 0);
	}
	pthread_mutex_unlock(&lu->lock);
}

/* ---- 2Fh, Informational Exceptions: none, no temperature ---- */

static void exceptions(struct params *params)
{
	uint8_t *body = put_param(params, 0x0000, 4);

	if (body)
		body[2] = 0xff;
}

/* ---- pages ---- */

static void supported_pages(struct params *params);
static void supported_subpages(struct params *params);

/* In ascending order: the lists of pages give them so. */
static const struct log_page pages[] = {
	{ 0x00, 0x00, 0, supported_pages },
	{ 0x00, ALL_SUBPAGES, 0, supported_subpages },
	{ 0x0c, 0x00, OP_IF_THIN, provisioning },
	{ 0x19, 0x00, 0, statistics },
	{ 0x2f, 0x00, 0, exceptions },
};

/* The file system of a thin store may not tell what is left. */
static bool has_page(const struct scsi_lu *lu, const struct log_page *page)
{
	const struct store_ops *ops = lu->store->ops;

	return !(page->needs & lu->lacks) && (page->put != provisioning || (ops && ops->space));
}

static void supported_pages(struct params *params)
{
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++)
		if (!pages[i].subpage && has_page(params->cmd->itl->lu, &pages[i]))
			*params->pos++ = pages[i].code;
}

static void supported_subpages(struct params *params)
{
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		if (!has_page(params->cmd->itl->lu, &pages[i]))
			continue;
		*params->pos++ = pages[i].code;
		*params->pos++ = pages[i].subpage;
	}
}

static const struct log_page *find_page(const struct scsi_lu *lu, uint8_t code, uint8_t subpage)
{
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++)
		if (pages[i].code == code && pages[i].subpage == subpage && has_page(lu, &pages[i]))
			return &pages[i];
	return NULL;
}

static bool knows_code(const struct scsi_lu *lu, uint8_t code)
{
	return find_page(lu, code, 0);
}

/* ---- LOG SENSE ---- */

static const struct log_page *asked_page(const struct scsi_cmd *cmd)
{
	return find_page(cmd->itl->lu, cmd->cdb[2] & 0x3f, cmd->cdb[3]);
}

static enum scsi_next no_page(struct scsi_cmd *cmd)
{
	return knows_code(cmd->itl->lu, cmd->cdb[2] & 0x3f) ? scsi_bad_cdb(cmd, 3, -1)
							    : scsi_bad_cdb(cmd, 2, 5);
}

/* A PARAMETER POINTER beyond the last parameter is an error (SPC-4 6.8). */
static enum scsi_next give_page(struct scsi_cmd *cmd, const struct log_page *page)
{
	struct params params = {
		.cmd = cmd,
		.from = be16_get(cmd->cdb + 5),
		.pos = cmd->buf + PARAM_HEAD_LEN,
	};

	page->put(&params);
	if (params.from > params.last)
		return scsi_bad_cdb(cmd, 5, -1);
	cmd->buf[0] = page->code;
	if (page->code)
		cmd->buf[0] |= DISABLE_SAVE;
	if (page->subpage)
		cmd->buf[0] |= SUBPAGE_FORMAT;
	cmd->buf[1] = page->subpage;
	be16_put(cmd->buf + 2, (uint16_t)(params.pos - cmd->buf - PARAM_HEAD_LEN));
	return scsi_data_in(cmd, (uint64_t)(params.pos - cmd->buf));
}

static enum scsi_next got_space(struct scsi_cmd *cmd, int res)
{
	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_READ, res, SCSI_NO_LBA);
	return give_page(cmd, asked_page(cmd));
}

enum scsi_next spc_log_sense(struct scsi_cmd *cmd)
{
	const struct log_page *page = asked_page(cmd);

	if (!page)
		return no_page(cmd);
	if (page->put == provisioning)
		return scsi_call_store(cmd, read_space, got_space);
	return give_page(cmd, page);
}

/* ---- LOG SELECT ---- */

enum {
	CDB_PCR = 0x02,
	DEFAULT_CUMULATIVE = 3
};

/* Page code 0 stands for all pages (SPC-4 6.7). */
static enum scsi_next reset(struct scsi_cmd *cmd)
{
	uint8_t code = cmd->cdb[2] & 0x3f;

	if (!asked_page(cmd))
		return no_page(cmd);
	if (code == 0x00 || code == 0x19) {
		reset_statistics(cmd->itl->lu);
		scsi_ua_set_others(cmd->itl->lu, cmd->nexus, SCSI_UA_LOG_CHANGED);
	}
	return scsi_good(cmd);
}

/* Pages without parameters pass; no parameter of ours can be given a value. */
static enum scsi_next check_list(struct scsi_cmd *cmd)
{
	uint32_t pos = 0;

	while (pos < cmd->data_len) {
		const uint8_t *head = cmd->buf + pos;

		if (cmd->data_len - pos < PARAM_HEAD_LEN)
			return scsi_fail(cmd, SENSE_PARAMETER_LIST_LENGTH);
		if (!find_page(cmd->itl->lu, head[0] & 0x3f,
			       head[0] & SUBPAGE_FORMAT ? head[1] : 0))
			return scsi_fail_field(cmd, SENSE_INVALID_FIELD_IN_PARAMETERS, pos, 5);
		if (be16_get(head + 2))
			return scsi_fail_field(cmd, SENSE_INVALID_FIELD_IN_PARAMETERS,
					       pos + PARAM_HEAD_LEN, -1);
		pos += PARAM_HEAD_LEN;
	}
	return scsi_good(cmd);
}

enum scsi_next spc_log_select(struct scsi_cmd *cmd)
{
	bool resets = cmd->cdb[1] & CDB_PCR;

	if (cmd->nblk && resets)
		return scsi_bad_cdb(cmd, 1, 1);
	if (cmd->nblk && (cmd->cdb[2] & 0x3f || cmd->cdb[3]))
		return scsi_bad_cdb(cmd, cmd->cdb[2] & 0x3f ? 2 : 3, -1);
	if (cmd->nblk)
		return cmd->data_len < cmd->nblk ? scsi_fail(cmd, SENSE_PARAMETER_LIST_LENGTH)
						 : check_list(cmd);
	if (resets || cmd->cdb[2] >> 6 == DEFAULT_CUMULATIVE)
		return reset(cmd);
	return asked_page(cmd) ? scsi_good(cmd) : no_page(cmd);
}
