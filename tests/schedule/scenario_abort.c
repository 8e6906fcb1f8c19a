/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ABORT TASK at each state of a task. That the command does nothing more once the abort is answered
 * is the model's to see.
 */
#include "scenario.h"

#include "base/compiler.h"
#include "disk.h"
#include "host.h"
#include "sim.h"
#include "target/worker.h"
#include "world.h"

static void abort_and_end(struct chan *ch, uint64_t tag, enum task_state state, bool must_wait)
{
	uint64_t tm;

	UNTIL(world_task_state(tag) == (int)state);
	tm = sc_abort_task(ch, tag);
	sc_pass(SEC);
	require(!must_wait || answer_of(tm) < 0, "the abort is answered too early");
	net_delay = NULL;
	sc_release();
	UNTIL(answer_of(tm) == SRP_RSP_COMPLETE);
	sc_rest();
	sc_do_rw(ch, CMD_WRITE, 0, 8, FMT_DIRECT);
	sc_do_rw(ch, CMD_READ, 0, 8, FMT_DIRECT);
	sc_rest();
	world_end();
}

void abort_in_store(void)
{
	struct world_conf wc = sc_conf();
	struct chan *ch;

	sc_begin(&wc);
	ch = sc_log_in(0, SRP_MULTICHAN_SINGLE);
	sc_hold.writes = true;
	abort_and_end(ch, sc_start(ch, CMD_WRITE, 0, 2, FMT_IMMEDIATE), TASK_EXECUTING, true);
}

void abort_streaming(void)
{
	struct world_conf wc = sc_conf();
	struct chan *ch;
	uint64_t tag;

	sc_begin(&wc);
	ch = sc_log_in(0, SRP_MULTICHAN_SINGLE);
	sc_hold.writes = true;
	tag = sc_start(ch, CMD_WRITE, 0, 64, FMT_INDIRECT);
	UNTIL(disk_n_waiting() > 0);
	abort_and_end(ch, tag, TASK_STREAMING, true);
}

/* The abort gets them back: it is answered while the store is as stuck as before. */
void abort_recalls(void)
{
	struct world_conf wc = sc_conf();
	struct chan *ch;
	uint64_t tag;

	sc_begin(&wc);
	ch = sc_log_in(0, SRP_MULTICHAN_SINGLE);
	sc_hold.writes = sc_hold.recall = true;
	tag = sc_start(ch, CMD_WRITE, 0, 64, FMT_INDIRECT);
	UNTIL(disk_n_waiting() > 0);
	tag = sc_abort_task(ch, tag);
	UNTIL(answer_of(tag) == SRP_RSP_COMPLETE);
	for (uint32_t lba = 0; lba < 64; lba++)
		require(disk_stamp(0, lba) == 0, "block %u of a recalled write is written", lba);
	sc_release();
	sc_do_rw(ch, CMD_WRITE, 0, 8, FMT_DIRECT);
	sc_rest();
	world_end();
}

/* One segment is beyond recall: the abort waits for it. */
void abort_recalls_a_part(void)
{
	struct world_conf wc = sc_conf();
	struct chan *ch;
	uint64_t tag;

	sc_begin(&wc);
	ch = sc_log_in(0, SRP_MULTICHAN_SINGLE);
	sc_hold.writes = sc_hold.recall = true;
	sc_hold.firm = 1;
	tag = sc_start(ch, CMD_WRITE, 0, 64, FMT_INDIRECT);
	UNTIL(disk_n_waiting() > 1);
	tag = sc_abort_task(ch, tag);
	UNTIL(disk_n_waiting() == 1);
	sc_pass(SEC);
	require(answer_of(tag) < 0, "the abort is answered, but a write is with the store");
	sc_release();
	UNTIL(answer_of(tag) == SRP_RSP_COMPLETE);
	sc_rest();
	world_end();
}

void abort_reading(void)
{
	struct world_conf wc = sc_conf();
	struct chan *ch;

	sc_begin(&wc);
	ch = sc_log_in(0, SRP_MULTICHAN_SINGLE);
	sc_hold.reads = true;
	abort_and_end(ch, sc_start(ch, CMD_READ, 0, 64, FMT_INDIRECT), TASK_STREAMING, true);
}

static uint64_t slow_read(const struct simfab_flow *packet)
{
	return packet->msg == SIMFAB_READ ? SEC + 500 * MSEC : 0;
}

void abort_in_table(void)
{
	struct world_conf wc = sc_conf();
	struct chan *ch;

	sc_begin(&wc);
	ch = sc_log_in(0, SRP_MULTICHAN_SINGLE);
	net_delay = slow_read;
	abort_and_end(ch, sc_start(ch, CMD_WRITE, 0, 32, FMT_PARTIAL), TASK_TABLE, true);
}

void abort_in_rdma(void)
{
	struct world_conf wc = sc_conf();
	struct chan *ch;

	sc_begin(&wc);
	ch = sc_log_in(0, SRP_MULTICHAN_SINGLE);
	net_delay = slow_read;
	abort_and_end(ch, sc_start(ch, CMD_WRITE, 0, 32, FMT_DIRECT), TASK_STREAMING, true);
}

void abort_waiting_for_buffer(void)
{
	struct world_conf wc = sc_conf();
	struct chan *ch;

	wc.buffers = 2;
	sc_begin(&wc);
	ch = sc_log_in(0, SRP_MULTICHAN_SINGLE);
	sc_hold.reads = true;
	for (uint32_t i = 0; i < 4; i++)
		sc_start(ch, CMD_READ, 32 * i, 32, FMT_DIRECT);
	abort_and_end(ch, sc_start(ch, CMD_WRITE, 0, 32, FMT_DIRECT), TASK_NEED_BUFFER, false);
}

void abort_fenced(void)
{
	struct world_conf wc = sc_conf();
	struct chan *ch;
	uint64_t tag;

	sc_begin(&wc);
	ch = sc_log_in(0, SRP_MULTICHAN_SINGLE);
	sc_hold.writes = true;
	tag = sc_start(ch, CMD_WRITE, 0, 8, FMT_DIRECT);
	UNTIL(disk_n_waiting() == 1);
	chan_free(ch);
	ch = sc_log_in(0, SRP_MULTICHAN_SINGLE);
	require(world_task_state(tag) >= 0, "the first write is over");
	abort_and_end(ch, sc_start(ch, CMD_WRITE, 0, 2, FMT_IMMEDIATE), TASK_FENCED, false);
}

static uint64_t slow_response(const struct simfab_flow *packet)
{
	return packet->msg == SIMFAB_SEND && packet->len == SRP_RSP_LEN ? 200 * MSEC : 0;
}

void abort_responding(void)
{
	struct world_conf wc = sc_conf();
	struct chan *ch;

	sc_begin(&wc);
	ch = sc_log_in(0, SRP_MULTICHAN_SINGLE);
	net_delay = slow_response;
	abort_and_end(ch, sc_start(ch, CMD_WRITE, 0, 8, FMT_DIRECT), TASK_RESPONDING, false);
}

/*
 * On another worker than the abort, without a task: the only one is taken. Nothing of the command
 * has been done, so the abort waits for nothing.
 */
void abort_parked(void)
{
	struct world_conf wc = sc_conf();
	struct chan *a, *b;
	uint64_t first, second, tm;

	wc.tasks = 1;
	sc_begin(&wc);
	a = sc_log_in(0, SRP_MULTICHAN_SINGLE);
	b = sc_log_in(0, SRP_MULTICHAN_MULTI);
	sc_hold.writes = true;
	first = sc_start(a, CMD_WRITE, 0, 8, FMT_DIRECT);
	UNTIL(disk_n_waiting() == 1);
	second = sc_start(a, CMD_WRITE, 32, 8, FMT_DIRECT);
	UNTIL(world_n_parked() == 1);
	tm = sc_abort_task(b, second);
	UNTIL(answer_of(tm) == SRP_RSP_COMPLETE);
	require(world_n_parked() == 0, "the aborted command is still to come");
	sc_release();
	UNTIL(answer_of(first) == 0);
	sc_rest();
	require(disk_stamp(0, 32) == 0, "the aborted command is done");
	sc_do_rw(a, CMD_WRITE, 32, 8, FMT_DIRECT);
	sc_rest();
	world_end();
}
