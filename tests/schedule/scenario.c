/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scenarios: what is to happen is written down; in which order everything in between happens is
 * the seed's. The model and the invariants watch as they do in random schedules.
 */
#include "scenario.h"

#include "base/compiler.h"
#include "disk.h"
#include "host.h"
#include "sim.h"
#include "target/worker.h"
#include "world.h"

/* ---- one nexus ---- */

static void login_io_logout(void)
{
	struct world_conf wc = sc_conf();
	struct chan *ch;
	uint64_t tag;

	sc_begin(&wc);
	ch = sc_log_in(0, SRP_MULTICHAN_SINGLE);
	for (enum cmd_format f = FMT_DIRECT; f < N_FORMATS; f++) {
		sc_do_rw(ch, CMD_WRITE, 8 * f, 7, f);
		sc_do_rw(ch, CMD_READ, 8 * f, 8, f);
	}
	tag = chan_simple(ch, CMD_SYNC, 0)->tag;
	UNTIL(answer_of(tag) == 0);
	sc_rest();
	chan_logout(ch);
	UNTIL(ch->disconnected);
	sc_rest();
	require(world_n_channels() == 0, "the channel is left after SRP_I_LOGOUT");
	world_end();
}

static void partial_table(void)
{
	struct world_conf wc = sc_conf();
	struct chan *ch;

	sc_begin(&wc);
	ch = sc_log_in(0, SRP_MULTICHAN_SINGLE);
	for (uint32_t n = 1; n <= MAX_BLOCKS; n += 19) {
		sc_do_rw(ch, CMD_WRITE, 0, n, FMT_PARTIAL);
		sc_do_rw(ch, CMD_READ, 0, n, FMT_PARTIAL);
	}
	sc_rest();
	world_end();
}

static void two_channels(void)
{
	struct world_conf wc = sc_conf();
	struct chan *a, *b;

	sc_begin(&wc);
	a = sc_log_in(0, SRP_MULTICHAN_SINGLE);
	b = sc_log_in(0, SRP_MULTICHAN_MULTI);
	sc_do_rw(a, CMD_WRITE, 0, 40, FMT_DIRECT);
	sc_do_rw(b, CMD_READ, 0, 40, FMT_INDIRECT);
	sc_start(a, CMD_WRITE, 0, 40, FMT_INDIRECT);
	chan_kill(a);
	sc_do_rw(b, CMD_WRITE, 50, 4, FMT_DIRECT);
	chan_free(a);
	sc_do_rw(b, CMD_READ, 50, 4, FMT_DIRECT);
	sc_rest();
	require(world_n_channels() == 1, "%u channels are left of one", world_n_channels());
	world_end();
}

/* ---- several nexuses ---- */

static void lun_reset_two_nexuses(void)
{
	struct world_conf wc = sc_conf();
	uint64_t wa, wb, other, tm, after;
	struct chan *a, *b;

	sc_begin(&wc);
	a = sc_log_in(0, SRP_MULTICHAN_SINGLE);
	b = sc_log_in(1, SRP_MULTICHAN_SINGLE);
	sc_hold.writes = true;
	wa = sc_start(a, CMD_WRITE, 0, 8, FMT_DIRECT);
	wb = sc_start(b, CMD_WRITE, 0, 8, FMT_INDIRECT);
	other = chan_rw(b, CMD_WRITE, 1, 0, 8, FMT_DIRECT)->tag;
	UNTIL(disk_n_waiting() == 3);
	sc_pass(MSEC);
	tm = chan_tmf(a, SRP_LUN_RESET, 0, NULL)->tag;
	sc_pass(3 * SEC);
	require(answer_of(tm) < 0, "the reset is answered while writes are with the store");
	sc_release();
	UNTIL(answer_of(tm) == SRP_RSP_COMPLETE && answer_of(other) == 0);
	after = sc_start(b, CMD_READ, 0, 8, FMT_DIRECT);
	UNTIL(answer_of(after) == 2); /* DEVICE RESET OCCURRED */
	sc_do_rw(b, CMD_READ, 0, 8, FMT_DIRECT);
	sc_rest();
	require(answer_of(wa) < 0 && answer_of(wb) < 0, "a write is answered after the reset");
	world_end();
}

static void relogin_stuck_write(void)
{
	struct world_conf wc = sc_conf();
	struct chan *old, *new;
	uint64_t b;

	sc_begin(&wc);
	old = sc_log_in(0, SRP_MULTICHAN_SINGLE);
	sc_hold.writes = true;
	sc_start(old, CMD_WRITE, 0, 8, FMT_DIRECT);
	UNTIL(disk_n_waiting() == 1);
	sc_hold.writes = false;
	new = sc_log_in(0, SRP_MULTICHAN_SINGLE);
	b = sc_start(new, CMD_WRITE, 4, 8, FMT_DIRECT);
	sc_do_rw(new, CMD_WRITE, 64, 8, FMT_DIRECT);
	sc_pass(20 * SEC);
	require(answer_of(b) < 0, "the new write does not wait for the stuck one");
	sc_release();
	UNTIL(answer_of(b) == 0);
	sc_do_rw(new, CMD_READ, 0, 16, FMT_DIRECT);
	chan_free(old);
	sc_rest();
	world_end();
}

static void tmf_timeout(void)
{
	struct world_conf wc = sc_conf();
	struct chan *ch;
	uint64_t tag, b;

	sc_begin(&wc);
	ch = sc_log_in(0, SRP_MULTICHAN_SINGLE);
	sc_hold.writes = true;
	tag = sc_start(ch, CMD_WRITE, 0, 8, FMT_DIRECT);
	UNTIL(disk_n_waiting() == 1);
	sc_hold.writes = false;
	tag = sc_abort_task(ch, tag);
	UNTIL(ch->disconnected);
	require(answer_of(tag) < 0, "the abort is answered, but the write is stuck");
	chan_free(ch);
	ch = sc_log_in(0, SRP_MULTICHAN_SINGLE);
	b = sc_start(ch, CMD_WRITE, 0, 8, FMT_DIRECT);
	sc_pass(40 * SEC);
	require(answer_of(b) < 0, "the new write does not wait for the stuck one");
	sc_release();
	UNTIL(answer_of(b) == 0);
	sc_rest();
	world_end();
}

/* ---- connections ---- */

static void kill_mid_stream(void)
{
	struct world_conf wc = sc_conf();
	struct chan *ch;

	sc_begin(&wc);
	ch = sc_log_in(0, SRP_MULTICHAN_SINGLE);
	sc_start(ch, CMD_WRITE, 0, MAX_BLOCKS, FMT_INDIRECT);
	sc_start(ch, CMD_READ, 0, MAX_BLOCKS, FMT_INDIRECT);
	sc_pass(between(0, 500 * USEC));
	chan_kill(ch);
	sc_pass(between(0, MSEC));
	chan_free(ch);
	ch = sc_log_in(0, SRP_MULTICHAN_SINGLE);
	sc_do_rw(ch, CMD_WRITE, 0, MAX_BLOCKS, FMT_DIRECT);
	sc_do_rw(ch, CMD_READ, 0, MAX_BLOCKS, FMT_DIRECT);
	sc_rest();
	world_end();
}

static void stop_under_load(void)
{
	struct world_conf wc = sc_conf();
	struct chan *ch[3];

	sc_begin(&wc);
	ch[0] = sc_log_in(0, SRP_MULTICHAN_SINGLE);
	ch[1] = sc_log_in(0, SRP_MULTICHAN_MULTI);
	ch[2] = sc_log_in(1, SRP_MULTICHAN_SINGLE);
	for (uint32_t i = 0; i < 6; i++)
		for (unsigned int k = 0; k < 3; k++)
			sc_start(ch[k], pick(2) ? CMD_READ : CMD_WRITE, 8 * i, 16, FMT_INDIRECT);
	sc_pass(between(0, MSEC));
	sc_hold.writes = pick(2);
	sc_pass(between(0, MSEC));
	world_stop();
	for (unsigned int k = 0; k < 3; k++)
		UNTIL(ch[k]->state == CHAN_ENDED);
	sc_release();
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
	struct world_conf wc = sc_conf();
	struct chan *ch;
	uint64_t before;

	sc_begin(&wc);
	net_delay = delay;
	before = sim.now;
	ch = sc_log_in(0, SRP_MULTICHAN_SINGLE);
	sc_do_rw(ch, CMD_WRITE, 0, 8, FMT_DIRECT);
	require(sim.now - before < SEC, "the command waits for the RTU");
	sc_rest();
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
	struct world_conf wc = sc_conf();
	struct chan *ch;

	sc_begin(&wc);
	net_delay = rtu_lost;
	ch = chan_new(&hosts[0], SRP_MULTICHAN_SINGLE);
	UNTIL(ch->state == CHAN_LIVE);
	UNTIL(world_n_channels() == 0);
	chan_free(ch);
	sc_rest();
	world_end();
}

static void peer_vanishes(void)
{
	struct world_conf wc = sc_conf();
	struct chan *ch;

	sc_begin(&wc);
	ch = sc_log_in(0, SRP_MULTICHAN_SINGLE);
	sc_start(ch, CMD_READ, 0, MAX_BLOCKS, FMT_INDIRECT);
	sc_pass(between(0, 300 * USEC));
	sc_start(ch, CMD_WRITE, 0, MAX_BLOCKS, FMT_INDIRECT);
	sc_pass(between(0, 300 * USEC));
	ch->mute = true;
	sc_pass(100 * SEC);
	chan_free(ch);
	ch = sc_log_in(0, SRP_MULTICHAN_SINGLE);
	sc_do_rw(ch, CMD_WRITE, 0, 8, FMT_DIRECT);
	sc_rest();
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
	{ "abort-parked", "... before it has a task", abort_parked },
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
