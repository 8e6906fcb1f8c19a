/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scenarios: what is to happen is written down; in which order everything in between happens is
 * the seed's. The model and the invariants watch as they do in random schedules.
 */
#include "drive.h"

#include <string.h>

#include "base/compiler.h"
#include "disk.h"
#include "host.h"
#include "sim.h"
#include "target/worker.h"
#include "world.h"

/* ---- what scenarios have in common ---- */

static struct {
	bool writes; /* with the store until release() */
	bool reads;
	bool recall; /* they give way to an abort */
	unsigned int firm; /* ... but for so many that come first */
} hold;

static void plan(struct disk_io *d)
{
	bool held = d->io->op == STORE_WRITE ? hold.writes : d->io->op == STORE_READ && hold.reads;

	if (d->due == 0)
		d->recallable = hold.recall && (hold.firm == 0 || hold.firm-- == 0);
	if (d->due == NEVER && !held)
		d->due = sim.now;
	else if (d->due == 0)
		d->due = held ? NEVER : sim.now + between(0, 50 * USEC);
}

static void release(void)
{
	hold.writes = hold.reads = false;
	disk_plan_again();
}

static struct world_conf conf(void)
{
	return (struct world_conf){
		.profile = "hca",
		.workers = 2,
		.req_lim = 16,
		.srq_size = 256,
		.sq_size = 32,
		.segment_size = 16384,
		.max_rdma = 4096,
		.max_channels = 3,
	};
}

static void begin(const struct world_conf *wc)
{
	memset(&hold, 0, sizeof(hold));
	disk_plan = plan;
	world_start(wc);
}

#define UNTIL(cond)                                                                                \
	do {                                                                                       \
		uint64_t end_ = sim.now + 200 * SEC;                                               \
                                                                                                   \
		while (!(cond))                                                                    \
			require(sim.now < end_ && world_step(), "never: " #cond);                  \
	} while (0)

/* Step for so long; everything that can happen without being released does. */
static void pass(uint64_t ns)
{
	uint64_t end = sim.now + ns;

	while (sim.now < end && world_step())
		;
}

static void rest(void)
{
	while (world_step())
		;
	world_check_rest();
}

/* Logged in, with the unit attentions of a new nexus taken. */
static struct chan *log_in(unsigned int host, uint8_t action)
{
	struct chan *ch = chan_new(&hosts[host], action);

	UNTIL(ch->state == CHAN_LIVE);
	for (unsigned int disk = 0; disk < N_DISKS; disk++) {
		uint64_t tag = chan_simple(ch, CMD_READY, disk)->tag;

		UNTIL(answer_of(tag) >= 0);
	}
	return ch;
}

static uint64_t start(struct chan *ch, enum cmd_kind kind, uint32_t lba, uint32_t n,
		      enum cmd_format format)
{
	return chan_rw(ch, kind, 0, lba, n, format)->tag;
}

static void do_rw(struct chan *ch, enum cmd_kind kind, uint32_t lba, uint32_t n,
		  enum cmd_format format)
{
	uint64_t tag = start(ch, kind, lba, n, format);

	UNTIL(answer_of(tag) == 0);
}

static struct cmd *cmd_of(uint64_t tag)
{
	struct cmd *c;

	TAILQ_FOREACH(c, &all_cmds, link)
		if (c->tag == tag)
			return c;
	broken("the command is over already");
}

static uint64_t abort_task(struct chan *ch, uint64_t tag)
{
	return chan_tmf(ch, SRP_ABORT_TASK, 0, cmd_of(tag))->tag;
}

/* ---- one nexus ---- */

static void login_io_logout(void)
{
	struct world_conf wc = conf();
	struct chan *ch;
	uint64_t tag;

	begin(&wc);
	ch = log_in(0, SRP_MULTICHAN_SINGLE);
	for (enum cmd_format f = FMT_DIRECT; f < N_FORMATS; f++) {
		do_rw(ch, CMD_WRITE, 8 * f, 7, f);
		do_rw(ch, CMD_READ, 8 * f, 8, f);
	}
	tag = chan_simple(ch, CMD_SYNC, 0)->tag;
	UNTIL(answer_of(tag) == 0);
	rest();
	chan_logout(ch);
	UNTIL(ch->disconnected);
	rest();
	require(world_n_channels() == 0, "the channel is left after SRP_I_LOGOUT");
	world_end();
}

static void partial_table(void)
{
	struct world_conf wc = conf();
	struct chan *ch;

	begin(&wc);
	ch = log_in(0, SRP_MULTICHAN_SINGLE);
	for (uint32_t n = 1; n <= MAX_BLOCKS; n += 19) {
		do_rw(ch, CMD_WRITE, 0, n, FMT_PARTIAL);
		do_rw(ch, CMD_READ, 0, n, FMT_PARTIAL);
	}
	rest();
	world_end();
}

static void two_channels(void)
{
	struct world_conf wc = conf();
	struct chan *a, *b;

	begin(&wc);
	a = log_in(0, SRP_MULTICHAN_SINGLE);
	b = log_in(0, SRP_MULTICHAN_MULTI);
	do_rw(a, CMD_WRITE, 0, 40, FMT_DIRECT);
	do_rw(b, CMD_READ, 0, 40, FMT_INDIRECT);
	start(a, CMD_WRITE, 0, 40, FMT_INDIRECT);
	chan_kill(a);
	do_rw(b, CMD_WRITE, 50, 4, FMT_DIRECT);
	chan_free(a);
	do_rw(b, CMD_READ, 50, 4, FMT_DIRECT);
	rest();
	require(world_n_channels() == 1, "%u channels are left of one", world_n_channels());
	world_end();
}

/* ---- abort at each state of a task ---- */

/* The abort is answered only after the command can do nothing more: that is the model's to see. */
static void abort_and_end(struct chan *ch, uint64_t tag, enum task_state state, bool must_wait)
{
	uint64_t tm;

	UNTIL(world_task_state(tag) == (int)state);
	tm = abort_task(ch, tag);
	pass(SEC);
	require(!must_wait || answer_of(tm) < 0, "the abort is answered too early");
	net_delay = NULL;
	release();
	UNTIL(answer_of(tm) == SRP_RSP_COMPLETE);
	rest();
	do_rw(ch, CMD_WRITE, 0, 8, FMT_DIRECT);
	do_rw(ch, CMD_READ, 0, 8, FMT_DIRECT);
	rest();
	world_end();
}

static void abort_in_store(void)
{
	struct world_conf wc = conf();
	struct chan *ch;

	begin(&wc);
	ch = log_in(0, SRP_MULTICHAN_SINGLE);
	hold.writes = true;
	abort_and_end(ch, start(ch, CMD_WRITE, 0, 2, FMT_IMMEDIATE), TASK_EXECUTING, true);
}

static void abort_streaming(void)
{
	struct world_conf wc = conf();
	struct chan *ch;
	uint64_t tag;

	begin(&wc);
	ch = log_in(0, SRP_MULTICHAN_SINGLE);
	hold.writes = true;
	tag = start(ch, CMD_WRITE, 0, 64, FMT_INDIRECT);
	UNTIL(disk_n_waiting() > 0);
	abort_and_end(ch, tag, TASK_STREAMING, true);
}

/* The abort gets them back: it is answered while the store is as stuck as before. */
static void abort_recalls(void)
{
	struct world_conf wc = conf();
	struct chan *ch;
	uint64_t tag;

	begin(&wc);
	ch = log_in(0, SRP_MULTICHAN_SINGLE);
	hold.writes = hold.recall = true;
	tag = start(ch, CMD_WRITE, 0, 64, FMT_INDIRECT);
	UNTIL(disk_n_waiting() > 0);
	tag = abort_task(ch, tag);
	UNTIL(answer_of(tag) == SRP_RSP_COMPLETE);
	for (uint32_t lba = 0; lba < 64; lba++)
		require(disk_stamp(0, lba) == 0, "block %u of a recalled write is written", lba);
	release();
	do_rw(ch, CMD_WRITE, 0, 8, FMT_DIRECT);
	rest();
	world_end();
}

/* One segment is beyond recall: the abort waits for it. */
static void abort_recalls_a_part(void)
{
	struct world_conf wc = conf();
	struct chan *ch;
	uint64_t tag;

	begin(&wc);
	ch = log_in(0, SRP_MULTICHAN_SINGLE);
	hold.writes = hold.recall = true;
	hold.firm = 1;
	tag = start(ch, CMD_WRITE, 0, 64, FMT_INDIRECT);
	UNTIL(disk_n_waiting() > 1);
	tag = abort_task(ch, tag);
	UNTIL(disk_n_waiting() == 1);
	pass(SEC);
	require(answer_of(tag) < 0, "the abort is answered, but a write is with the store");
	release();
	UNTIL(answer_of(tag) == SRP_RSP_COMPLETE);
	rest();
	world_end();
}

static void abort_reading(void)
{
	struct world_conf wc = conf();
	struct chan *ch;

	begin(&wc);
	ch = log_in(0, SRP_MULTICHAN_SINGLE);
	hold.reads = true;
	abort_and_end(ch, start(ch, CMD_READ, 0, 64, FMT_INDIRECT), TASK_STREAMING, true);
}

static uint64_t slow_read(const struct simfab_flow *packet)
{
	return packet->msg == SIMFAB_READ ? SEC + 500 * MSEC : 0;
}

static void abort_in_table(void)
{
	struct world_conf wc = conf();
	struct chan *ch;

	begin(&wc);
	ch = log_in(0, SRP_MULTICHAN_SINGLE);
	net_delay = slow_read;
	abort_and_end(ch, start(ch, CMD_WRITE, 0, 32, FMT_PARTIAL), TASK_TABLE, true);
}

static void abort_in_rdma(void)
{
	struct world_conf wc = conf();
	struct chan *ch;

	begin(&wc);
	ch = log_in(0, SRP_MULTICHAN_SINGLE);
	net_delay = slow_read;
	abort_and_end(ch, start(ch, CMD_WRITE, 0, 32, FMT_DIRECT), TASK_STREAMING, true);
}

static void abort_waiting_for_buffer(void)
{
	struct world_conf wc = conf();
	struct chan *ch;

	wc.buffers = 2;
	begin(&wc);
	ch = log_in(0, SRP_MULTICHAN_SINGLE);
	hold.reads = true;
	for (uint32_t i = 0; i < 4; i++)
		start(ch, CMD_READ, 32 * i, 32, FMT_DIRECT);
	abort_and_end(ch, start(ch, CMD_WRITE, 0, 32, FMT_DIRECT), TASK_NEED_BUFFER, false);
}

static void abort_fenced(void)
{
	struct world_conf wc = conf();
	struct chan *ch;
	uint64_t tag;

	begin(&wc);
	ch = log_in(0, SRP_MULTICHAN_SINGLE);
	hold.writes = true;
	tag = start(ch, CMD_WRITE, 0, 8, FMT_DIRECT);
	UNTIL(disk_n_waiting() == 1);
	chan_free(ch);
	ch = log_in(0, SRP_MULTICHAN_SINGLE);
	require(world_task_state(tag) >= 0, "the first write is over");
	abort_and_end(ch, start(ch, CMD_WRITE, 0, 2, FMT_IMMEDIATE), TASK_FENCED, false);
}

static uint64_t slow_response(const struct simfab_flow *packet)
{
	return packet->msg == SIMFAB_SEND && packet->len == SRP_RSP_LEN ? 200 * MSEC : 0;
}

static void abort_responding(void)
{
	struct world_conf wc = conf();
	struct chan *ch;

	begin(&wc);
	ch = log_in(0, SRP_MULTICHAN_SINGLE);
	net_delay = slow_response;
	abort_and_end(ch, start(ch, CMD_WRITE, 0, 8, FMT_DIRECT), TASK_RESPONDING, false);
}

/* ---- several nexuses ---- */

static void lun_reset_two_nexuses(void)
{
	struct world_conf wc = conf();
	uint64_t wa, wb, other, tm, after;
	struct chan *a, *b;

	begin(&wc);
	a = log_in(0, SRP_MULTICHAN_SINGLE);
	b = log_in(1, SRP_MULTICHAN_SINGLE);
	hold.writes = true;
	wa = start(a, CMD_WRITE, 0, 8, FMT_DIRECT);
	wb = start(b, CMD_WRITE, 0, 8, FMT_INDIRECT);
	other = chan_rw(b, CMD_WRITE, 1, 0, 8, FMT_DIRECT)->tag;
	UNTIL(disk_n_waiting() == 3);
	pass(MSEC);
	tm = chan_tmf(a, SRP_LUN_RESET, 0, NULL)->tag;
	pass(3 * SEC);
	require(answer_of(tm) < 0, "the reset is answered while writes are with the store");
	release();
	UNTIL(answer_of(tm) == SRP_RSP_COMPLETE && answer_of(other) == 0);
	after = start(b, CMD_READ, 0, 8, FMT_DIRECT);
	UNTIL(answer_of(after) == 2); /* DEVICE RESET OCCURRED */
	do_rw(b, CMD_READ, 0, 8, FMT_DIRECT);
	rest();
	require(answer_of(wa) < 0 && answer_of(wb) < 0, "a write is answered after the reset");
	world_end();
}

static void relogin_stuck_write(void)
{
	struct world_conf wc = conf();
	struct chan *old, *new;
	uint64_t b;

	begin(&wc);
	old = log_in(0, SRP_MULTICHAN_SINGLE);
	hold.writes = true;
	start(old, CMD_WRITE, 0, 8, FMT_DIRECT);
	UNTIL(disk_n_waiting() == 1);
	hold.writes = false;
	new = log_in(0, SRP_MULTICHAN_SINGLE);
	b = start(new, CMD_WRITE, 4, 8, FMT_DIRECT);
	do_rw(new, CMD_WRITE, 64, 8, FMT_DIRECT);
	pass(20 * SEC);
	require(answer_of(b) < 0, "the new write does not wait for the stuck one");
	release();
	UNTIL(answer_of(b) == 0);
	do_rw(new, CMD_READ, 0, 16, FMT_DIRECT);
	chan_free(old);
	rest();
	world_end();
}

static void tmf_timeout(void)
{
	struct world_conf wc = conf();
	struct chan *ch;
	uint64_t tag, b;

	begin(&wc);
	ch = log_in(0, SRP_MULTICHAN_SINGLE);
	hold.writes = true;
	tag = start(ch, CMD_WRITE, 0, 8, FMT_DIRECT);
	UNTIL(disk_n_waiting() == 1);
	hold.writes = false;
	tag = abort_task(ch, tag);
	UNTIL(ch->disconnected);
	require(answer_of(tag) < 0, "the abort is answered, but the write is stuck");
	chan_free(ch);
	ch = log_in(0, SRP_MULTICHAN_SINGLE);
	b = start(ch, CMD_WRITE, 0, 8, FMT_DIRECT);
	pass(40 * SEC);
	require(answer_of(b) < 0, "the new write does not wait for the stuck one");
	release();
	UNTIL(answer_of(b) == 0);
	rest();
	world_end();
}

/* ---- connections ---- */

static void kill_mid_stream(void)
{
	struct world_conf wc = conf();
	struct chan *ch;

	begin(&wc);
	ch = log_in(0, SRP_MULTICHAN_SINGLE);
	start(ch, CMD_WRITE, 0, MAX_BLOCKS, FMT_INDIRECT);
	start(ch, CMD_READ, 0, MAX_BLOCKS, FMT_INDIRECT);
	pass(between(0, 500 * USEC));
	chan_kill(ch);
	pass(between(0, MSEC));
	chan_free(ch);
	ch = log_in(0, SRP_MULTICHAN_SINGLE);
	do_rw(ch, CMD_WRITE, 0, MAX_BLOCKS, FMT_DIRECT);
	do_rw(ch, CMD_READ, 0, MAX_BLOCKS, FMT_DIRECT);
	rest();
	world_end();
}

static void stop_under_load(void)
{
	struct world_conf wc = conf();
	struct chan *ch[3];

	begin(&wc);
	ch[0] = log_in(0, SRP_MULTICHAN_SINGLE);
	ch[1] = log_in(0, SRP_MULTICHAN_MULTI);
	ch[2] = log_in(1, SRP_MULTICHAN_SINGLE);
	for (uint32_t i = 0; i < 6; i++)
		for (unsigned int k = 0; k < 3; k++)
			start(ch[k], pick(2) ? CMD_READ : CMD_WRITE, 8 * i, 16, FMT_INDIRECT);
	pass(between(0, MSEC));
	hold.writes = pick(2);
	pass(between(0, MSEC));
	world_stop();
	for (unsigned int k = 0; k < 3; k++)
		UNTIL(ch[k]->state == CHAN_ENDED);
	release();
	world_end();
}

static uint64_t rtu_lost(const struct simfab_flow *packet)
{
	return packet->msg == SIMFAB_CM_RTU ? SIMFAB_LOST : 0;
}

static uint64_t rtu_late(const struct simfab_flow *packet)
{
	return packet->msg == SIMFAB_CM_RTU ? 20 * SEC : 0;
}

/* An IU stands for the RTU. */
static void without_rtu(uint64_t (*delay)(const struct simfab_flow *packet))
{
	struct world_conf wc = conf();
	struct chan *ch;
	uint64_t before;

	begin(&wc);
	net_delay = delay;
	before = sim.now;
	ch = log_in(0, SRP_MULTICHAN_SINGLE);
	do_rw(ch, CMD_WRITE, 0, 8, FMT_DIRECT);
	require(sim.now - before < SEC, "the command waits for the RTU");
	rest();
	world_end();
}

static void rtu_is_lost(void)
{
	without_rtu(rtu_lost);
}

static void rtu_is_late(void)
{
	without_rtu(rtu_late);
}

static void rtu_never_idle(void)
{
	struct world_conf wc = conf();
	struct chan *ch;

	begin(&wc);
	net_delay = rtu_lost;
	ch = chan_new(&hosts[0], SRP_MULTICHAN_SINGLE);
	UNTIL(ch->state == CHAN_LIVE);
	UNTIL(world_n_channels() == 0);
	chan_free(ch);
	rest();
	world_end();
}

static void peer_vanishes(void)
{
	struct world_conf wc = conf();
	struct chan *ch;

	begin(&wc);
	ch = log_in(0, SRP_MULTICHAN_SINGLE);
	start(ch, CMD_READ, 0, MAX_BLOCKS, FMT_INDIRECT);
	pass(between(0, 300 * USEC));
	start(ch, CMD_WRITE, 0, MAX_BLOCKS, FMT_INDIRECT);
	pass(between(0, 300 * USEC));
	ch->mute = true;
	pass(100 * SEC);
	chan_free(ch);
	ch = log_in(0, SRP_MULTICHAN_SINGLE);
	do_rw(ch, CMD_WRITE, 0, 8, FMT_DIRECT);
	rest();
	require(world_n_channels() == 1, "the vanished peer's channel is left");
	world_end();
}

const struct scenario scenarios[] = {
	{ "login-io-logout", "every data format, then SRP_I_LOGOUT", login_io_logout },
	{ "partial-table", "descriptor tables in the initiator's memory", partial_table },
	{ "two-channels", "one of a nexus's channels breaks", two_channels },
	{ "abort-in-store", "ABORT TASK of a write from the receive buffer", abort_in_store },
	{ "abort-streaming", "... of segments that are with the store", abort_streaming },
	{ "abort-recalls", "... which gives them back", abort_recalls },
	{ "abort-recalls-part", "... which gives back all but the first", abort_recalls_a_part },
	{ "abort-reading", "... of a read, with the store", abort_reading },
	{ "abort-in-table", "... while its table is fetched", abort_in_table },
	{ "abort-in-rdma", "... while its data are fetched", abort_in_rdma },
	{ "abort-need-buffer", "... while it waits for a buffer", abort_waiting_for_buffer },
	{ "abort-fenced", "... while it waits for an older write", abort_fenced },
	{ "abort-responding", "... while its response is on the way", abort_responding },
	{ "lun-reset", "LOGICAL UNIT RESET with writes of two nexuses", lun_reset_two_nexuses },
	{ "relogin-stuck-write", "a new session's write waits for the old one's",
	  relogin_stuck_write },
	{ "tmf-timeout", "an abort that cannot be answered ends the channel", tmf_timeout },
	{ "kill-mid-stream", "the initiator's queue pair breaks under data", kill_mid_stream },
	{ "stop-under-load", "SIGTERM with commands on three channels", stop_under_load },
	{ "rtu-lost", "the first IU stands for a lost RTU", rtu_is_lost },
	{ "rtu-late", "... and for one that is late", rtu_is_late },
	{ "rtu-never", "neither RTU nor IU comes", rtu_never_idle },
	{ "peer-vanishes", "no packet comes or arrives any more", peer_vanishes },
};

const size_t n_scenarios = ARRAY_SIZE(scenarios);

void scenario_run(const struct scenario *s, uint64_t seed)
{
	sim_reset(seed);
	sim.scenario = s->name;
	net_delay = NULL;
	s->run();
	say("end");
}
