/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands and task management of the initiators, see host.h. */
#include "cmd.h"

#include <stdlib.h>
#include <string.h>

#include "base/be.h"
#include "model.h"
#include "sim.h"
#include "wire/srp.h"

static const char *const kind_names[] = {
	[CMD_READ] = "READ",     [CMD_WRITE] = "WRITE",     [CMD_SYNC] = "SYNCHRONIZE CACHE",
	[CMD_READY] = "TEST UNIT READY", [CMD_INQUIRY] = "INQUIRY", [CMD_MODE] = "MODE SELECT",
	[CMD_TMF] = "task management",
};

/* ---- sending ---- */

static uint8_t *tx_at(const struct chan *ch, unsigned int i)
{
	return ch->mem + TX_OFF + (size_t)i * IU_LEN;
}

static uint8_t *data_at(const struct chan *ch, unsigned int slot)
{
	return ch->mem + DATA_OFF + (size_t)slot * DATA_LEN;
}

/* The completion names the slot and, by a number of its own, the request. */
static uint64_t wr_id_of(unsigned int tx, uint32_t number)
{
	return (uint64_t)number << 8 | tx;
}

static void post(struct chan *ch, unsigned int tx, uint32_t len)
{
	struct ibv_sge sge = {
		.addr = (uintptr_t)tx_at(ch, tx),
		.length = len,
		.lkey = ch->mr->lkey,
	};
	struct ibv_send_wr wr = {
		.wr_id = wr_id_of(tx, ch->next_tag),
		.sg_list = &sge,
		.num_sge = 1,
		.opcode = IBV_WR_SEND,
		.send_flags = IBV_SEND_SIGNALED,
	}, *bad;

	if (ibv_post_send(ch->id->qp, &wr, &bad))
		say("c%u: a request is refused", ch->serial);
}

void chan_send_small(struct chan *ch, enum srp_opcode opcode, uint64_t tag)
{
	unsigned int tx = SLOTS + ch->misc_next++ % N_MISC;

	if (opcode == SRP_I_LOGOUT) {
		srp_i_logout_build(tx_at(ch, tx), tag);
		post(ch, tx, SRP_I_LOGOUT_LEN);
	} else {
		srp_small_rsp_build(tx_at(ch, tx), (uint8_t)opcode, tag);
		post(ch, tx, SRP_CRED_RSP_LEN);
	}
}

void chan_logout(struct chan *ch)
{
	say("c%u: SRP_I_LOGOUT", ch->serial);
	ch->logged_out = true;
	ch->state = CHAN_ENDED;
	ch->since = sim.now;
	chan_send_small(ch, SRP_I_LOGOUT, ch->serial);
}

void chan_add_credits(struct chan *ch, int32_t delta)
{
	ch->credits += delta;
	require(ch->credits <= ch->granted, "c%u: %d credits, %d were granted", ch->serial,
		ch->credits, ch->granted);
}

/* ---- commands as objects ---- */

unsigned int chan_n_open(const struct chan *ch)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < SLOTS; i++)
		n += ch->cmds[i] != NULL;
	return n;
}

static int free_slot(const struct chan *ch)
{
	for (int i = 0; i < SLOTS; i++)
		if (!ch->cmds[i])
			return i;
	return -1;
}

bool chan_may_send(const struct chan *ch, enum cmd_kind kind)
{
	return ch->state == CHAN_LIVE && ch->credits > (kind == CMD_TMF ? 0 : 1) &&
	       chan_n_open(ch) < (kind == CMD_TMF ? SLOTS : SLOTS - 2);
}

/* FNV-1a over words. */
static uint64_t hash_data(const struct cmd *c)
{
	const uint8_t *p = data_at(c->chan, c->slot);
	uint64_t h = 14695981039346656037u, word;

	for (unsigned int i = 0; i < DATA_LEN; i += sizeof(word)) {
		memcpy(&word, p + i, sizeof(word));
		h = (h ^ word) * 1099511628211u;
	}
	return h;
}

/*
 * After its end nothing may have come into its buffer; but what was on its way when the host itself
 * replaced the session, whose queue pair then broke, arrives.
 */
static void check_frozen(const struct cmd *c)
{
	if (c->chan && c->ended && c->kind == CMD_READ && c->chan->session == c->chan->host->session)
		require(hash_data(c) == c->frozen,
			"c%u: data of READ %#llx came after it was said to have ended",
			c->chan->serial, (unsigned long long)c->tag);
}

void cmd_free(struct cmd *c)
{
	check_frozen(c);
	if (c->chan)
		c->chan->cmds[c->slot] = NULL;
	TAILQ_REMOVE(&all_cmds, c, link);
	free(c);
}

void cmd_end(struct cmd *c)
{
	if (c->write)
		model_close(c->write, MODEL_ENDED);
	if (c->chan && !c->ended && c->kind == CMD_READ)
		c->frozen = hash_data(c);
	c->ended = c->excused = true;
	c->over = sim.now;
}

void chan_reap(struct chan *ch, bool at_rest)
{
	for (unsigned int i = 0; i < SLOTS; i++) {
		struct cmd *c = ch->cmds[i];

		if (c && c->ended && (at_rest || (c->silent && sim.now - c->over > SEC)))
			cmd_free(c);
	}
}

void cmds_orphan(struct chan *ch)
{
	struct cmd *c, *next;

	for (c = TAILQ_FIRST(&all_cmds); c; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->chan != ch)
			continue;
		check_frozen(c);
		c->chan = NULL;
		c->excused = true;
		/* what may still land, or end others, is kept in mind */
		if (c->kind != CMD_TMF && (!c->write || c->ended))
			cmd_free(c);
	}
}

static struct cmd *cmd_new(struct chan *ch, enum cmd_kind kind, unsigned int disk)
{
	struct cmd *c = calloc(1, sizeof(*c));
	int slot = free_slot(ch);

	require(c && slot >= 0, "no place for a command");
	c->chan = ch;
	c->host = ch->host->index;
	c->session = ch->session;
	c->slot = (unsigned int)slot;
	c->kind = kind;
	c->disk = disk;
	c->tag = htobe64((uint64_t)ch->serial << 32 | ++ch->next_tag);
	c->issued = tick();
	c->arrived = NEVER;
	c->since = sim.now;
	ch->cmds[slot] = c;
	ch->credits--;
	TAILQ_INSERT_TAIL(&all_cmds, c, link);
	return c;
}

/* ---- data descriptors ---- */

static void put_desc(const struct chan *ch, uint8_t *p, const uint8_t *at, uint32_t len)
{
	const struct srp_desc d = { .va = (uintptr_t)at, .rkey = ch->mr->rkey, .len = len };

	srp_desc_store(p, &d);
}

/* Cut the buffer in pieces, some of odd lengths. */
static uint32_t fill_table(const struct cmd *c, uint8_t *table, uint32_t len)
{
	const uint8_t *data = data_at(c->chan, c->slot);
	uint32_t want = 2 + pick(7), n = 0, off = 0;

	while (off < len) {
		uint32_t left = len - off;
		uint32_t piece = n + 1 == want ? left : 1 + pick(2 * left / (want - n));

		piece = MIN(piece, left);
		put_desc(c->chan, table + n * SRP_DIRECT_DESC_LEN, data + off, piece);
		off += piece;
		n++;
	}
	return n;
}

/* An indirect descriptor, of which `n_inline` entries are in the IU. Returns its bytes. */
static uint32_t put_indirect(const struct cmd *c, uint8_t *p, const uint8_t *table, uint32_t n,
			     uint32_t n_inline, uint32_t len)
{
	put_desc(c->chan, p, table, n * SRP_DIRECT_DESC_LEN);
	be32_put(p + SRP_DIRECT_DESC_LEN, len);
	memcpy(p + SRP_INDIRECT_HDR_LEN, table, (size_t)n_inline * SRP_DIRECT_DESC_LEN);
	return SRP_INDIRECT_HDR_LEN + n_inline * SRP_DIRECT_DESC_LEN;
}

/* The descriptor of one direction behind the header; returns its bytes. */
static uint32_t put_data(const struct cmd *c, struct srp_data *d, uint8_t *p, uint32_t len,
			 enum cmd_format format)
{
	uint8_t *table = c->chan->mem + TABLE_OFF + (size_t)c->slot * TABLE_LEN;
	uint8_t *iu = tx_at(c->chan, c->slot);
	uint32_t n;

	switch (format) {
	case FMT_DIRECT:
		d->fmt = SRP_FMT_DIRECT;
		put_desc(c->chan, p, data_at(c->chan, c->slot), len);
		return SRP_DIRECT_DESC_LEN;
	case FMT_INDIRECT:
	case FMT_PARTIAL:
		d->fmt = SRP_FMT_INDIRECT;
		n = fill_table(c, table, len);
		d->n_inline = format == FMT_PARTIAL ? pick(n) : n;
		return put_indirect(c, p, table, n, d->n_inline, len);
	case FMT_IMMEDIATE:
		d->fmt = SRP_FMT_IMMEDIATE;
		be32_put(p, len);
		memcpy(iu + IMM_OFFSET, data_at(c->chan, c->slot), len);
		return IMM_OFFSET - SRP_CMD_LEN + len;
	case N_FORMATS:
		break;
	}
	broken("no such format");
}

static void send_cmd(struct cmd *c, const uint8_t cdb[16], uint32_t len, enum cmd_format format)
{
	struct srp_cmd iu = { .tag = c->tag, .cdb_len = 16, .lun = { [1] = (uint8_t)c->disk } };
	bool out = c->kind == CMD_WRITE || c->kind == CMD_MODE;
	uint8_t *p = tx_at(c->chan, c->slot);
	uint32_t bytes = SRP_CMD_LEN;

	if (len)
		bytes += put_data(c, out ? &iu.out : &iu.in, p + bytes, len, format);
	srp_cmd_hdr_build(p, &iu, cdb);
	post(c->chan, c->slot, bytes);
}

/* ---- commands ---- */

enum { TM_FORGOTTEN = 30 }; /* s: after its channel went */

/* May task management end the command? */
static bool may_end(const struct cmd *tm, const struct cmd *c)
{
	if (c->kind == CMD_TMF || c->disk != tm->disk)
		return false;
	switch ((enum srp_tm_function)tm->function) {
	case SRP_ABORT_TASK:
		return c->host == tm->host && c->tag == tm->task_tag;
	case SRP_ABORT_TASK_SET:
		return c->host == tm->host;
	case SRP_CLEAR_TASK_SET:
	case SRP_LUN_RESET:
		return true;
	case SRP_CLEAR_ACA:
		return false;
	}
	return false;
}

/* Must it? Sessions that were replaced are other nexuses. */
static bool must_end(const struct cmd *tm, const struct cmd *c)
{
	bool nexus = tm->function == SRP_ABORT_TASK || tm->function == SRP_ABORT_TASK_SET;

	return may_end(tm, c) && (!nexus || c->session == tm->session);
}

static void excuse_new(struct cmd *c)
{
	const struct cmd *tm;

	TAILQ_FOREACH(tm, &all_cmds, link)
		if (tm->kind == CMD_TMF && may_end(tm, c) &&
		    (tm->chan || sim.now - tm->since < TM_FORGOTTEN * SEC))
			c->excused = true;
}

struct cmd *chan_rw(struct chan *ch, enum cmd_kind kind, unsigned int disk, uint32_t lba,
		    uint32_t n, enum cmd_format format)
{
	struct cmd *c = cmd_new(ch, kind, disk);
	uint8_t cdb[16] = { kind == CMD_READ ? 0x28 : 0x2a };
	uint8_t *data = data_at(ch, c->slot);

	if (format == FMT_IMMEDIATE && (kind == CMD_READ || !ch->immediate))
		format = FMT_DIRECT;
	if (format == FMT_IMMEDIATE)
		n = MIN(n, (uint32_t)(IU_LEN - IMM_OFFSET) / BLOCK);
	c->lba = lba;
	c->n = n;
	be32_put(cdb + 2, lba);
	be16_put(cdb + 7, (uint16_t)n);
	if (kind == CMD_WRITE) {
		c->write = model_write(ch->host->index, disk, lba, n);
		for (uint32_t i = 0; i < n; i++)
			stamp_fill(data + i * BLOCK, model_stamp(c->write, lba + i));
	}
	say("c%u: %s %#llx of %u+%u on LUN %u, format %d", ch->serial, kind_names[kind],
	    (unsigned long long)be64toh(c->tag), lba, n, disk, (int)format);
	excuse_new(c);
	send_cmd(c, cdb, n * BLOCK, format);
	return c;
}

struct cmd *chan_simple(struct chan *ch, enum cmd_kind kind, unsigned int disk)
{
	struct cmd *c = cmd_new(ch, kind, disk);
	uint8_t cdb[16] = { 0 };
	uint32_t len = 0;

	switch (kind) {
	case CMD_SYNC:
		cdb[0] = 0x35;
		break;
	case CMD_INQUIRY:
		cdb[0] = 0x12;
		cdb[4] = 96;
		len = 96;
		break;
	case CMD_MODE: /* SELECT(6) of a header alone */
		cdb[0] = 0x15;
		cdb[1] = 0x10;
		cdb[4] = 4;
		len = 4;
		memset(data_at(ch, c->slot), 0, 4);
		break;
	default:
		break;
	}
	say("c%u: %s %#llx on LUN %u", ch->serial, kind_names[kind],
	    (unsigned long long)be64toh(c->tag), disk);
	excuse_new(c);
	send_cmd(c, cdb, len, FMT_DIRECT);
	return c;
}

struct cmd *chan_tmf(struct chan *ch, enum srp_tm_function function, unsigned int disk,
		     struct cmd *victim)
{
	struct cmd *c = cmd_new(ch, CMD_TMF, disk), *other;
	struct srp_tsk_mgmt tm = {
		.tag = c->tag,
		.function = (uint8_t)function,
		.lun = { [1] = (uint8_t)disk },
	};

	c->function = (uint8_t)function;
	if (victim) {
		c->task_tag = tm.task_tag = victim->tag;
		victim->abort_sent = true;
	}
	TAILQ_FOREACH(other, &all_cmds, link)
		if (may_end(c, other))
			other->excused = true;
	say("c%u: %s %#llx on LUN %u, task %#llx", ch->serial, srp_tm_name((uint8_t)function),
	    (unsigned long long)be64toh(c->tag), disk, (unsigned long long)be64toh(c->task_tag));
	srp_tsk_mgmt_build(tx_at(ch, c->slot), &tm);
	post(ch, c->slot, SRP_TSK_MGMT_LEN);
	return c;
}

/* ---- answers ---- */

enum { ANSWERS = 4096 };

static struct {
	uint64_t tag;
	int code;
} answers[ANSWERS];
static unsigned int n_answers;

void answers_reset(void)
{
	n_answers = 0;
}

int answer_of(uint64_t tag)
{
	for (unsigned int i = n_answers; i > 0 && i + ANSWERS > n_answers; i--)
		if (answers[(i - 1) % ANSWERS].tag == tag)
			return answers[(i - 1) % ANSWERS].code;
	return -1;
}

static void note_answer(uint64_t tag, int code)
{
	answers[n_answers % ANSWERS].tag = tag;
	answers[n_answers++ % ANSWERS].code = code;
}

void cmd_sent(struct chan *ch, uint64_t wr_id)
{
	unsigned int slot = (unsigned int)(wr_id & 0xff);
	struct cmd *c = slot < SLOTS ? ch->cmds[slot] : NULL;

	if (c && wr_id == wr_id_of(slot, (uint32_t)be64toh(c->tag)))
		c->arrived = tick();
}

static struct cmd *cmd_find(const struct chan *ch, uint64_t tag)
{
	for (unsigned int i = 0; i < SLOTS; i++)
		if (ch->cmds[i] && ch->cmds[i]->tag == tag)
			return ch->cmds[i];
	return NULL;
}

/*
 * Task management is complete: what it covers can do nothing any more. For sure that is what was
 * sent before it on its own channel, and what was known to have arrived on others.
 */
static void tmf_complete(const struct cmd *tm)
{
	struct cmd *c, *next;

	for (c = TAILQ_FIRST(&all_cmds); c; c = next) {
		bool own = c->chan == tm->chan;

		next = TAILQ_NEXT(c, link);
		if (!may_end(tm, c))
			continue;
		c->excused = true;
		if (!must_end(tm, c) || (own ? c->issued : c->arrived) > tm->issued)
			continue;
		cmd_end(c);
		if (!c->chan)
			cmd_free(c);
		else if (own)
			c->silent = true; /* an answer would have come before */
	}
}

static void check_read(const struct cmd *c)
{
	const uint8_t *data = data_at(c->chan, c->slot);

	for (uint32_t i = 0; i < c->n; i++)
		model_read(c->disk, c->lba + i, data + i * BLOCK, c->issued);
}

static void command_answered(struct cmd *c, const struct srp_rsp *rsp)
{
	bool good = rsp->status == 0;

	say("c%u: %s %#llx: status %#x, %d credits", c->chan->serial, kind_names[c->kind],
	    (unsigned long long)be64toh(c->tag), rsp->status, c->chan->credits);
	require(!c->silent, "c%u: %#llx is answered after task management has ended it",
		c->chan->serial, (unsigned long long)be64toh(c->tag));
	require(!rsp->has_rsp_code, "a command's response with a task management code");
	if (c->kind == CMD_READ && good)
		check_read(c);
	if (c->write)
		model_close(c->write, good ? MODEL_GOOD : MODEL_ENDED);
}

static void tmf_answered(struct cmd *c, const struct srp_rsp *rsp)
{
	say("c%u: %s %#llx: code %u, %d credits", c->chan->serial, srp_tm_name(c->function),
	    (unsigned long long)be64toh(c->tag), rsp->rsp_code, c->chan->credits);
	require(rsp->has_rsp_code, "a task management response without a code");
	require(rsp->rsp_code == SRP_RSP_COMPLETE, "%s is answered with code %u",
		srp_tm_name(c->function), rsp->rsp_code);
	tmf_complete(c);
}

void cmd_answered(struct chan *ch, const uint8_t *iu, uint32_t len)
{
	struct srp_rsp rsp;
	struct cmd *c;

	require(!srp_rsp_parse(iu, len, &rsp), "c%u: a response does not parse", ch->serial);
	chan_add_credits(ch, rsp.req_lim_delta);
	c = cmd_find(ch, rsp.tag);
	require(c, "c%u: a response to %#llx, which is not open", ch->serial,
		(unsigned long long)be64toh(rsp.tag));
	note_answer(rsp.tag, c->kind == CMD_TMF ? rsp.rsp_code : rsp.status);
	if (c->kind == CMD_TMF)
		tmf_answered(c, &rsp);
	else
		command_answered(c, &rsp);
	cmd_free(c);
}
