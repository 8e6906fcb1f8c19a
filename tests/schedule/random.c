/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random schedules: the seed chooses the target's configuration, how quick and how faulty store
 * and network are, and what the initiators do; world.c interleaves it.
 */
#include "drive.h"

#include "base/compiler.h"
#include "disk.h"
#include "host.h"
#include "sim.h"
#include "world.h"

enum {
	TIMEOUT_S = 25,      /* a host aborts what takes longer */
	TMF_TIMEOUT_S = 10,  /* ... and logs in again when that does not help */
	MAX_STEPS = 400000,
	REST_S = 600,
};

/* Per cent, chosen once for a schedule. */
static struct {
	uint32_t slow, stuck, error, early; /* store requests */
	uint32_t lag, loss, cm_lag, cm_loss; /* packets */
	uint32_t fault, tmf, act;           /* actions */
	uint32_t busy;                      /* ... rather than waiting */
	bool device_lost;
	unsigned int disks;
	uint32_t blocks;                    /* the part of a disk that is used */
	uint32_t length;                    /* blocks of a command, at most */
} mood;

static void choose_mood(void)
{
	static const uint32_t blocks[] = { 4, 16, DISK_BLOCKS };

	mood.slow = pick(3) * 15;
	mood.stuck = pick(4) * 3;
	mood.error = pick(3) * 4;
	mood.early = pick(3) * 40;
	mood.lag = pick(3) * 3;
	mood.loss = pick(8) == 0 ? 1 + pick(3) : 0;
	mood.cm_lag = pick(3) * 15;
	mood.cm_loss = pick(4) == 0 ? 8 : 0;
	mood.fault = pick(4) * 3;
	mood.tmf = pick(4) * 5;
	mood.act = 3 + pick(3) * 8;
	mood.busy = 40 + 20 * pick(3);
	mood.device_lost = chance(10);
	mood.disks = 1 + pick(N_DISKS);
	mood.blocks = blocks[pick(ARRAY_SIZE(blocks))];
	mood.length = MIN(chance(70) ? 8u : (uint32_t)MAX_BLOCKS, mood.blocks);
}

static struct world_conf choose_conf(void)
{
	static const char *const profiles[] = { "hca", "siw", "nosrq", "minimal" };

	return (struct world_conf){
		.profile = profiles[pick(ARRAY_SIZE(profiles))],
		.workers = 1 + pick(MAX_WORKERS),
		.req_lim = 2 + pick(20),
		.srq_size = 16u << pick(5),
		.sq_size = 16 + pick(3) * 24,
		.segment_size = chance(50) ? 16384 : 65536,
		.max_rdma = chance(50) ? 4096 : 1 << 20,
		.max_channels = 1 + pick(HOST_CHANNELS),
		.tasks = chance(20) ? 2 + pick(4) : 0,
		.buffers = chance(30) ? 2 + pick(3) : 0,
	};
}

/* ---- store and network ---- */

static void plan(struct disk_io *d)
{
	uint64_t t = between(0, 100 * USEC);

	if (chance(mood.slow))
		t = between(0, SEC);
	else if (chance(mood.stuck))
		t = between(SEC, chance(20) ? 120 * SEC : 20 * SEC);
	d->due = sim.now + t;
	d->recallable = chance(50);
	if (chance(mood.early))
		d->lands = between(sim.now, d->due);
	if (chance(mood.error)) {
		d->res = -5;
		d->n_land = d->n ? pick(d->n + 1) : 0;
	}
}

static uint64_t lose(const struct simfab_flow *packet)
{
	bool end = packet->msg == SIMFAB_CM_DREQ || packet->msg == SIMFAB_CM_REJ;
	struct chan *ch = end ? chan_by_handle(packet->dst) : NULL;

	if (ch)
		ch->half_open = true;
	return SIMFAB_LOST;
}

static uint64_t lag(const struct simfab_flow *packet)
{
	if (packet->msg < SIMFAB_CM_REQ)
		return chance(mood.loss) ? SIMFAB_LOST : chance(mood.lag) ? between(0, 5 * MSEC) : 0;
	if (chance(mood.cm_loss))
		return lose(packet);
	return chance(mood.cm_lag) ? between(0, 2 * SEC) : 0;
}

/* ---- what hosts do ---- */

static struct chan *any_chan(const struct host *h)
{
	unsigned int from = pick(HOST_CHANNELS);

	for (unsigned int i = 0; i < HOST_CHANNELS; i++) {
		struct chan *ch = h->chan[(from + i) % HOST_CHANNELS];

		if (ch && ch->state == CHAN_LIVE && !ch->mute)
			return ch;
	}
	return NULL;
}

static void log_in(struct host *h)
{
	if (host_logging_in(h) || host_place(h) < 0)
		return;
	chan_new(h, chance(any_chan(h) ? 75 : 20) ? SRP_MULTICHAN_MULTI : SRP_MULTICHAN_SINGLE);
}

static struct cmd *any_cmd(const struct host *h)
{
	struct cmd *c, *found = NULL;
	uint32_t n = 0;

	TAILQ_FOREACH(c, &all_cmds, link)
		if (c->host == h->index && c->chan && c->kind != CMD_TMF && pick(++n) == 0)
			found = c;
	return found;
}

static void manage_tasks(struct host *h, struct chan *ch)
{
	static const enum srp_tm_function functions[] = {
		SRP_ABORT_TASK, SRP_ABORT_TASK, SRP_ABORT_TASK_SET, SRP_CLEAR_TASK_SET,
		SRP_LUN_RESET,
	};
	enum srp_tm_function f = functions[pick(ARRAY_SIZE(functions))];
	struct cmd *victim = f == SRP_ABORT_TASK ? any_cmd(h) : NULL;

	if (!chan_may_send(ch, CMD_TMF) || (f == SRP_ABORT_TASK && !victim))
		return;
	chan_tmf(ch, f, victim ? victim->disk : pick(mood.disks), victim);
}

static void command(struct chan *ch)
{
	static const enum cmd_kind simple[] = { CMD_SYNC, CMD_READY, CMD_INQUIRY, CMD_MODE };
	unsigned int disk = pick(mood.disks);
	uint32_t n = 1 + pick(mood.length);

	if (!chan_may_send(ch, CMD_READ))
		return;
	if (chance(15))
		chan_simple(ch, simple[pick(ARRAY_SIZE(simple))], disk);
	else
		chan_rw(ch, chance(60) ? CMD_WRITE : CMD_READ, disk, pick(mood.blocks - n + 1), n,
			(enum cmd_format)pick(N_FORMATS));
}

/* What dies with the device says nothing to its peers. */
static void lose_device(void)
{
	world_lose_device();
	for (unsigned int i = 0; i < N_HOSTS; i++)
		for (unsigned int k = 0; k < HOST_CHANNELS; k++)
			if (hosts[i].chan[k])
				hosts[i].chan[k]->half_open = true;
}

static void fault(struct host *h, struct chan *ch)
{
	switch (pick(9)) {
	case 0:
		chan_kill(ch);
		break;
	case 1:
		chan_disconnect(ch);
		break;
	case 2:
		chan_logout(ch);
		break;
	case 3:
		chan_free(ch);
		break;
	case 4:
		say("c%u: is cut off", ch->serial);
		ch->mute = true;
		ch->since = sim.now;
		break;
	case 5:
		chan_starve(ch, !ch->starved);
		break;
	case 6:
		if (mood.device_lost && chance(50))
			lose_device();
		else
			world_break_qp(pick(world_n_channels() + 1));
		break;
	default:
		log_in(h);
	}
}

static void act(void)
{
	struct host *h = &hosts[chance(70) ? 0 : 1];
	struct chan *ch = any_chan(h);

	if (!ch || chance(2))
		log_in(h);
	else if (chance(mood.fault))
		fault(h, ch);
	else if (chance(mood.tmf))
		manage_tasks(h, ch);
	else
		command(ch);
}

/* ---- what hosts must do now and then ---- */

static void abort_late(struct chan *ch)
{
	for (unsigned int i = 0; i < SLOTS; i++) {
		struct cmd *c = ch->cmds[i];
		uint64_t limit = c && c->kind == CMD_TMF ? TMF_TIMEOUT_S : TIMEOUT_S;

		if (!c || c->silent || sim.now - c->since < limit * SEC)
			continue;
		if (c->kind == CMD_TMF || c->abort_sent) {
			chan_disconnect(ch);
			return;
		}
		if (chan_may_send(ch, CMD_TMF))
			chan_tmf(ch, SRP_ABORT_TASK, c->disk, c);
	}
}

static void tidy(struct chan *ch)
{
	uint64_t age = sim.now - ch->since;

	chan_reap(ch, false);
	if (ch->starved && age > SEC && chance(5))
		chan_starve(ch, false);
	if (ch->mute ? age > 100 * SEC : ch->state == CHAN_ENDED && age > 10 * MSEC && chance(10))
		chan_free(ch);
	else if (ch->state == CHAN_LIVE && !ch->mute)
		abort_late(ch);
}

static void tidy_all(void)
{
	for (unsigned int i = 0; i < N_HOSTS; i++)
		for (unsigned int k = 0; k < HOST_CHANNELS; k++)
			if (hosts[i].chan[k])
				tidy(hosts[i].chan[k]);
}

/* ---- the schedule ---- */

static void step(void)
{
	require(sim.step < MAX_STEPS, "no end after %u steps", MAX_STEPS);
	if (sim.step % 16 == 0)
		tidy_all();
	world_step();
}

static void load(void)
{
	uint32_t actions = 10 + pick(140);
	uint64_t end = sim.now + 300 * SEC;

	while (actions > 0 && sim.now < end) {
		if (chance(mood.act) || (world_idle() && chance(mood.busy))) {
			act();
			actions--;
		}
		step();
	}
}

/* Nothing holds anybody up any more; what has begun goes on to its end. */
static void come_to_rest(void)
{
	uint64_t end = sim.now + REST_S * SEC;

	say("to rest");
	mood.cm_loss = 0;
	for (unsigned int i = 0; i < N_HOSTS; i++)
		for (unsigned int k = 0; k < HOST_CHANNELS; k++) {
			struct chan *ch = hosts[i].chan[k];

			if (ch && (ch->mute || ch->half_open))
				chan_free(ch);
			else if (ch && ch->starved)
				chan_starve(ch, false);
		}
	while (world_step()) {
		require(sim.step < MAX_STEPS, "no rest after %u steps", MAX_STEPS);
		require(sim.now < end, "no rest after %u s", REST_S);
	}
}

void random_schedule(uint64_t seed)
{
	struct world_conf conf;

	sim_reset(seed);
	sim.scenario = NULL;
	choose_mood();
	conf = choose_conf();
	say("%s, %u worker(s), request limit %u, segments of %u", conf.profile, conf.workers,
	    conf.req_lim, conf.segment_size);
	disk_plan = plan;
	net_delay = lag;
	world_start(&conf);
	load();
	if (chance(70)) {
		come_to_rest();
		world_check_rest();
		for (unsigned int i = pick(20); i > 0; i--) {
			act();
			step();
		}
	}
	world_end();
	say("end");
}
