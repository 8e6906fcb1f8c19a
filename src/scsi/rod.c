/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tokens (SBC-3 4.28, POPULATE TOKEN 5.15, WRITE USING TOKEN 5.46): a host gets a token for ranges
 * of one logical unit and has it written elsewhere. There are no snapshots, so tokens are of the
 * type point in time, change vulnerable: the first write to one of its blocks revokes a token. A
 * write that is under way when the token is made counts as before or after it, block by block.
 *
 * A token is good for who knows its 512 bytes, of which 320 bits are random, and to whom the
 * logical unit that it was made of is mapped; reservations and the like hold as for a READ. There
 * is also the well-known token of zeroes.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "scsi/copy.h"

enum {
	ROD_ZERO = 0xffff0001,
	ROD_CHANGE_VULNERABLE = 0x00800001,
	ROD_ANY_POINT_IN_TIME = 0x0080ffff,
	TOKEN_LENGTH_FIELD = COPY_TOKEN_LEN - 8,
	CREATOR_AT = 16, /* in a token: CSCD descriptor */
	BYTES_AT = 56,	 /* low half of the number of bytes */
	SECRET_AT = 128,
	SECRET_LEN = 32,
};

enum {
	POPULATE_HEAD = 16,
	WRITE_HEAD = 536,
	TOKEN_AT = 16
};
enum {
	RTV = 0x02,
	DEL_TKN = 0x02
};

struct copy_range {
	uint64_t lba, nblk;
};

struct copy_token {
	LIST_ENTRY(copy_token) link; /* lu->tokens */
	struct scsi_lu *lu;
	_Atomic bool revoked;
	bool dropped;			 /* lu->lock: out of the list, goes with the last user */
	unsigned int users;		 /* lu->lock */
	uint64_t timeout_ns, expires_ns; /* lu->lock */
	uint64_t n_blocks;
	uint32_t n_ranges;
	struct copy_range range[COPY_MAX_RANGES];
	uint8_t bytes[COPY_TOKEN_LEN];
};

/* ---- tokens of a logical unit; lu->lock held unless said otherwise ---- */

static void revoke(struct copy_token *token)
{
	if (!atomic_exchange(&token->revoked, true))
		token->lu->n_tokens--;
}

static void drop(struct copy_token *token)
{
	revoke(token);
	if (!token->dropped)
		LIST_REMOVE(token, link);
	token->dropped = true;
	if (!token->users)
		free(token);
}

static bool is_expired(const struct copy_token *token)
{
	return !token->users && clock_now_ns() >= token->expires_ns;
}

static unsigned int drop_expired(struct scsi_lu *lu)
{
	struct copy_token *token, *next;
	unsigned int n = 0;

	for (token = LIST_FIRST(&lu->tokens); token; token = next) {
		next = LIST_NEXT(token, link);
		if (is_expired(token))
			drop(token);
		else
			n++;
	}
	return n;
}

static bool holds(const struct copy_token *token, uint64_t lba, uint64_t nblk)
{
	for (uint32_t i = 0; i < token->n_ranges; i++) {
		const struct copy_range *r = &token->range[i];

		if (nblk == UINT64_MAX || (lba < r->lba + r->nblk && r->lba < lba + nblk))
			return true;
	}
	return false;
}

/* Takes the lock. */
void scsi_tokens_revoke(struct scsi_lu *lu, uint64_t lba, uint64_t nblk)
{
	struct copy_token *token;

	if (!atomic_load(&lu->n_tokens))
		return;
	pthread_mutex_lock(&lu->lock);
	drop_expired(lu);
	LIST_FOREACH (token, &lu->tokens, link)
		if (holds(token, lba, nblk))
			revoke(token);
	pthread_mutex_unlock(&lu->lock);
}

/* Nobody uses the logical unit any more. */
void scsi_tokens_free(struct scsi_lu *lu)
{
	while (!LIST_EMPTY(&lu->tokens))
		drop(LIST_FIRST(&lu->tokens));
}

/* Takes the lock. */
void copy_token_put(struct copy_token *token)
{
	struct scsi_lu *lu = token->lu;

	pthread_mutex_lock(&lu->lock);
	token->expires_ns = clock_now_ns() + token->timeout_ns;
	if (!--token->users && token->dropped)
		free(token);
	pthread_mutex_unlock(&lu->lock);
}

bool copy_token_is_revoked(const struct copy_token *token)
{
	return atomic_load(&token->revoked);
}

/* ---- range descriptors ---- */

static struct copy_range load_range(const uint8_t *desc)
{
	return (struct copy_range){ be64_get(desc), be32_get(desc + 8) };
}

static bool meets_earlier(const uint8_t *descs, unsigned int i)
{
	const struct copy_range b = load_range(descs + i * COPY_RANGE_LEN);

	for (unsigned int j = 0; j < i; j++) {
		const struct copy_range a = load_range(descs + j * COPY_RANGE_LEN);

		if (a.lba < b.lba + b.nblk && b.lba < a.lba + a.nblk)
			return true;
	}
	return false;
}

/* Length fields of a list that has its ranges from `head` on; the number of ranges, or -1. */
static int count_ranges(struct scsi_cmd *cmd, unsigned int head)
{
	uint32_t list_len = be16_get(cmd->buf) + 2u;
	uint32_t len = be16_get(cmd->buf + head - 2);

	if (list_len > cmd->nblk || head + len > list_len)
		copy_end(cmd, scsi_fail(cmd, SENSE_PARAMETER_LIST_LENGTH));
	else if (len < COPY_RANGE_LEN)
		copy_bad_list(cmd, head - 2);
	else if (len / COPY_RANGE_LEN > COPY_MAX_RANGES)
		copy_end(cmd, scsi_fail(cmd, SENSE_TOO_MANY_SEGMENTS));
	else
		return (int)(len / COPY_RANGE_LEN);
	return -1;
}

/* Inside the logical unit, apart from each other, together no more than allowed; sum in blocks. */
static bool check_ranges(struct scsi_cmd *cmd, unsigned int head, unsigned int n, uint64_t *sum)
{
	const struct scsi_lu *lu = cmd->itl->lu;
	const uint8_t *descs = cmd->buf + head;

	*sum = 0;
	for (unsigned int i = 0; i < n; i++) {
		const struct copy_range r = load_range(descs + i * COPY_RANGE_LEN);
		unsigned int at = head + i * COPY_RANGE_LEN;

		*sum += r.nblk;
		if (!scsi_in_range(lu, r.lba, r.nblk)) {
			copy_end(cmd, scsi_fail(cmd, SENSE_LBA_OUT_OF_RANGE));
			return false;
		}
		if (meets_earlier(descs, i) ||
		    *sum > (uint64_t)COPY_MAX_TOKEN_LEN >> lu->block_shift) {
			copy_bad_list(cmd, at);
			return false;
		}
	}
	return true;
}

/* ---- POPULATE TOKEN ---- */

static void put_token(struct copy_token *token)
{
	uint8_t *out = token->bytes;

	be32_put(out, ROD_CHANGE_VULNERABLE);
	be16_put(out + 6, TOKEN_LENGTH_FIELD);
	clock_random(out + 8, 8); /* COPY MANAGER ROD TOKEN IDENTIFIER */
	copy_put_cscd(out + CREATOR_AT, token->lu);
	be64_put(out + BYTES_AT, token->n_blocks << token->lu->block_shift);
	clock_random(out + SECRET_AT, SECRET_LEN);
}

static struct copy_token *token_new(const struct scsi_cmd *cmd, unsigned int n, uint64_t n_blocks,
				    uint32_t timeout)
{
	struct copy_token *token = calloc(1, sizeof(*token));

	if (!token)
		return NULL;
	token->lu = cmd->itl->lu;
	token->n_blocks = n_blocks;
	token->n_ranges = n;
	token->timeout_ns = timeout * NSEC_PER_SEC;
	token->expires_ns = clock_now_ns() + token->timeout_ns;
	for (unsigned int i = 0; i < n; i++)
		token->range[i] = load_range(cmd->buf + POPULATE_HEAD + i * COPY_RANGE_LEN);
	put_token(token);
	return token;
}

/* False: there are too many. */
static bool token_add(struct copy_token *token)
{
	struct scsi_lu *lu = token->lu;
	bool fits;

	pthread_mutex_lock(&lu->lock);
	fits = drop_expired(lu) < COPY_MAX_TOKENS;
	if (fits) {
		LIST_INSERT_HEAD(&lu->tokens, token, link);
		lu->n_tokens++;
	}
	pthread_mutex_unlock(&lu->lock);
	return fits;
}

static enum scsi_next populate(struct scsi_cmd *cmd, unsigned int n, uint64_t n_blocks)
{
	uint32_t timeout = be32_get(cmd->buf + 4);
	struct copy_token *token =
		token_new(cmd, n, n_blocks, timeout ? timeout : COPY_TOKEN_TIMEOUT);

	if (token) /* once it is in the list it can be gone at any time */
		memcpy(cmd->copy->token, token->bytes, sizeof(token->bytes));
	if (!token || !token_add(token)) {
		free(token);
		return copy_end(cmd, scsi_fail(cmd, SENSE_TOKEN_RESOURCES));
	}
	cmd->copy->has_token = true;
	cmd->copy->moved = n_blocks << cmd->itl->lu->block_shift;
	return copy_end(cmd, scsi_good(cmd));
}

static bool is_rod_type_known(const struct scsi_cmd *cmd)
{
	uint32_t type = be32_get(cmd->buf + 8);

	return !(cmd->buf[2] & RTV) || type == ROD_CHANGE_VULNERABLE ||
	       type == ROD_ANY_POINT_IN_TIME;
}

static bool begin(struct scsi_cmd *cmd, int res)
{
	if (unlikely(res)) {
		scsi_fail_store(cmd, STORE_WRITE, res, SCSI_NO_LBA);
		return false;
	}
	cmd->data_len = cmd->need;
	return copy_take_slot(cmd, be32_get(cmd->cdb + 6));
}

static enum scsi_next got_populate_list(struct scsi_cmd *cmd, int res)
{
	uint64_t n_blocks;
	int n;

	if (!begin(cmd, res))
		return SCSI_COMPLETE;
	n = count_ranges(cmd, POPULATE_HEAD);
	if (n < 0)
		return SCSI_COMPLETE;
	if (be32_get(cmd->buf + 4) > COPY_TOKEN_TIMEOUT_MAX)
		return copy_bad_list(cmd, 4);
	if (!is_rod_type_known(cmd))
		return copy_bad_list(cmd, 8);
	if (!check_ranges(cmd, POPULATE_HEAD, (unsigned int)n, &n_blocks))
		return SCSI_COMPLETE;
	return populate(cmd, (unsigned int)n, n_blocks);
}

static enum scsi_next got_populate_buf(struct scsi_cmd *cmd, int res)
{
	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_WRITE, res, SCSI_NO_LBA);
	return scsi_need_data(cmd, 0, (uint32_t)cmd->nblk, got_populate_list);
}

enum scsi_next sbc_populate_token(struct scsi_cmd *cmd)
{
	return copy_fetch(cmd, POPULATE_HEAD, COPY_JOB_AT, got_populate_buf);
}

/* ---- WRITE USING TOKEN ---- */

/* Is it the token with this identifier, if whole, and good? Takes it, or says what is wrong. */
static enum scsi_sense_code hold(struct copy_token *token, const uint8_t *bytes)
{
	if (memcmp(token->bytes, bytes, COPY_TOKEN_LEN))
		return SENSE_TOKEN_CORRUPT;
	if (copy_token_is_revoked(token))
		return SENSE_TOKEN_REVOKED;
	if (is_expired(token))
		return SENSE_TOKEN_EXPIRED;
	token->users++;
	return SENSE_NONE;
}

static enum scsi_sense_code find_token(struct scsi_cmd *cmd, struct scsi_itl *from)
{
	const uint8_t *bytes = cmd->buf + TOKEN_AT;
	enum scsi_sense_code code = SENSE_TOKEN_UNKNOWN;
	struct copy_token *token;

	pthread_mutex_lock(&from->lu->lock);
	LIST_FOREACH (token, &from->lu->tokens, link) {
		if (memcmp(token->bytes + 8, bytes + 8, 8))
			continue;
		code = hold(token, bytes);
		if (code == SENSE_NONE)
			cmd->copy->uses = token;
		break;
	}
	pthread_mutex_unlock(&from->lu->lock);
	return code;
}

/* Everything that a token can be, but no other nexus's. */
static enum scsi_sense_code take_token(struct scsi_cmd *cmd)
{
	const uint8_t *bytes = cmd->buf + TOKEN_AT;
	struct copy_job *job = copy_job(cmd);
	uint32_t type = be32_get(bytes);

	if (type != ROD_ZERO && type != ROD_CHANGE_VULNERABLE)
		return SENSE_TOKEN_TYPE;
	if (be16_get(bytes + 6) != TOKEN_LENGTH_FIELD)
		return SENSE_TOKEN_LENGTH;
	if (type == ROD_ZERO)
		return SENSE_NONE;
	job->src = copy_find_designator(cmd->nexus, bytes + CREATOR_AT + 4);
	if (!job->src)
		return SENSE_TOKEN_UNKNOWN;
	copy_add_party(cmd, job->src);
	return find_token(cmd, job->src);
}

/* How far a copy goes from here until a range of the token ends. */
static uint64_t from_left(const struct copy_job *job, const struct copy_token *token,
			  uint64_t wanted, uint64_t *lba)
{
	const struct copy_range *r = &token->range[job->from_range];

	*lba = r->lba + job->from_done;
	return MIN(r->nblk - job->from_done, wanted);
}

static void skip_blocks(struct copy_job *job, const struct copy_token *token, uint64_t n)
{
	job->from_done += n;
	while (job->from_range < token->n_ranges &&
	       job->from_done >= token->range[job->from_range].nblk)
		job->from_done -= token->range[job->from_range++].nblk;
}

static void token_used(struct scsi_cmd *cmd)
{
	struct copy_token *token = cmd->copy->uses;

	if (!token || !copy_job(cmd)->delete_token)
		return;
	pthread_mutex_lock(&token->lu->lock);
	drop(token); /* freed by who uses it last */
	pthread_mutex_unlock(&token->lu->lock);
}

/* The next piece that is one range of the list and one of the token. */
static bool next_range(struct scsi_cmd *cmd)
{
	struct copy_job *job = copy_job(cmd);
	const struct copy_token *token = cmd->copy->uses;
	uint8_t shift = job->dst->lu->block_shift;
	struct copy_range to;
	uint64_t n, lba = 0;

	if (job->n_done == job->n_ranges) {
		token_used(cmd);
		return false;
	}
	to = load_range(cmd->buf + WRITE_HEAD + job->n_done * COPY_RANGE_LEN);
	n = to.nblk - job->to_done;
	if (token && n)
		n = from_left(job, token, n, &lba);
	job->segment_at = (uint16_t)(WRITE_HEAD + job->n_done * COPY_RANGE_LEN);
	job->src_off = lba << shift;
	job->dst_off = (to.lba + job->to_done) << shift;
	job->left = n << shift;
	job->to_done += n;
	if (token)
		skip_blocks(job, token, n);
	if (job->to_done == to.nblk) {
		job->to_done = 0;
		job->n_done++;
	}
	return true;
}

static enum scsi_next use_token(struct scsi_cmd *cmd, uint64_t n_blocks)
{
	struct copy_job *job = copy_job(cmd);
	const struct copy_token *token = cmd->copy->uses;
	uint64_t offset = be64_get(cmd->buf + 8);

	job->next_range = next_range;
	job->dst = cmd->itl;
	job->delete_token = cmd->buf[2] & DEL_TKN;
	if (!token)
		return copy_run(cmd);
	if (job->src->lu->block_shift != job->dst->lu->block_shift)
		return copy_bad_list(cmd, TOKEN_AT);
	if (offset > token->n_blocks || n_blocks > token->n_blocks - offset)
		return copy_bad_list(cmd, 8);
	skip_blocks(job, token, offset);
	return copy_run(cmd);
}

static enum scsi_next got_write_list(struct scsi_cmd *cmd, int res)
{
	struct copy_job *job = copy_job(cmd);
	enum scsi_sense_code code;
	uint64_t n_blocks;
	int n;

	if (!begin(cmd, res))
		return SCSI_COMPLETE;
	memset(job, 0, sizeof(*job));
	n = count_ranges(cmd, WRITE_HEAD);
	if (n < 0 || !check_ranges(cmd, WRITE_HEAD, (unsigned int)n, &n_blocks))
		return SCSI_COMPLETE;
	job->n_ranges = (uint32_t)n;
	code = take_token(cmd);
	if (code != SENSE_NONE)
		return copy_end(cmd, scsi_fail(cmd, code));
	return use_token(cmd, n_blocks);
}

static enum scsi_next got_write_buf(struct scsi_cmd *cmd, int res)
{
	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_WRITE, res, SCSI_NO_LBA);
	return scsi_need_data(cmd, 0, (uint32_t)cmd->nblk, got_write_list);
}

enum scsi_next sbc_write_token(struct scsi_cmd *cmd)
{
	return copy_fetch(cmd, WRITE_HEAD, COPY_JOB_AT, got_write_buf);
}
