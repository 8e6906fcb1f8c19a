/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What scenarios are written with: holding requests in the store, waiting for a condition, logging
 * in, commands with their answers.
 */
#include "scenario.h"

#include <string.h>

#include "disk.h"
#include "host.h"
#include "sim.h"
#include "world.h"

struct sc_hold sc_hold;

static void plan(struct disk_io *d)
{
	enum store_op op = d->io->op;
	bool held = op == STORE_WRITE ? sc_hold.writes : op == STORE_READ && sc_hold.reads;

	if (d->due == 0)
		d->recallable = sc_hold.recall && (sc_hold.firm == 0 || sc_hold.firm-- == 0);
	if (d->due == NEVER && !held)
		d->due = sim.now;
	else if (d->due == 0)
		d->due = held ? NEVER : sim.now + between(0, 50 * USEC);
}

void sc_release(void)
{
	sc_hold.writes = sc_hold.reads = false;
	disk_plan_again();
}

struct world_conf sc_conf(void)
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

void sc_begin(const struct world_conf *wc)
{
	memset(&sc_hold, 0, sizeof(sc_hold));
	disk_plan = plan;
	world_start(wc);
}

/* Step for so long; everything that can happen without being released does. */
void sc_pass(uint64_t ns)
{
	uint64_t end = sim.now + ns;

	while (sim.now < end && world_step())
		;
}

void sc_rest(void)
{
	while (world_step())
		;
	world_check_rest();
}

/* Logged in, with the unit attentions of a new nexus taken. */
struct chan *sc_log_in(unsigned int host, uint8_t action)
{
	struct chan *ch = chan_new(&hosts[host], action);

	UNTIL(ch->state == CHAN_LIVE);
	for (unsigned int disk = 0; disk < N_DISKS; disk++) {
		uint64_t tag = chan_simple(ch, CMD_READY, disk)->tag;

		UNTIL(answer_of(tag) >= 0);
	}
	return ch;
}

uint64_t sc_start(struct chan *ch, enum cmd_kind kind, uint32_t lba, uint32_t n,
		  enum cmd_format format)
{
	return chan_rw(ch, kind, 0, lba, n, format)->tag;
}

void sc_do_rw(struct chan *ch, enum cmd_kind kind, uint32_t lba, uint32_t n, enum cmd_format format)
{
	uint64_t tag = sc_start(ch, kind, lba, n, format);

	UNTIL(answer_of(tag) == 0);
}

struct cmd *sc_cmd_of(uint64_t tag)
{
	struct cmd *c;

	TAILQ_FOREACH (c, &all_cmds, link)
		if (c->tag == tag)
			return c;
	broken("the command is over already");
}

uint64_t sc_abort_task(struct chan *ch, uint64_t tag)
{
	return chan_tmf(ch, SRP_ABORT_TASK, 0, sc_cmd_of(tag))->tag;
}
