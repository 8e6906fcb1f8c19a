/* SPDX-License-Identifier: BSD-2-Clause */
/* What scenarios are written with. */
#ifndef SCHEDULE_SCENARIO_H
#define SCHEDULE_SCENARIO_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd.h"
#include "drive.h"
#include "world.h"

/* Requests that come to the store, from sc_begin() on. */
extern struct sc_hold {
	bool writes; /* stay there until sc_release() */
	bool reads;
	bool recall;	   /* give way to an abort */
	unsigned int firm; /* ... but for so many that come first */
} sc_hold;

void sc_release(void);

/* Step until the condition holds. */
#define UNTIL(cond)                                                               \
	do {                                                                      \
		uint64_t end_ = sim.now + 200 * SEC;                              \
                                                                                  \
		while (!(cond))                                                   \
			require(sim.now < end_ && world_step(), "never: " #cond); \
	} while (0)

/* Two workers, and little of everything. */
struct world_conf sc_conf(void);
void sc_begin(const struct world_conf *wc);
/* Step for so long (ns); everything that can happen without being released does. */
void sc_pass(uint64_t ns);
/* Step until nothing happens any more, and look whether all is given back. */
void sc_rest(void);

/* Logged in, with the unit attentions of a new nexus taken. */
struct chan *sc_log_in(unsigned int host, uint8_t action);
/* The tag; on disk 0. */
uint64_t sc_start(struct chan *ch, enum cmd_kind kind, uint32_t lba, uint32_t n,
		  enum cmd_format format);
/* ... to its end, with status GOOD. */
void sc_do_rw(struct chan *ch, enum cmd_kind kind, uint32_t lba, uint32_t n,
	      enum cmd_format format);
struct cmd *sc_cmd_of(uint64_t tag);
/* The tag of the ABORT TASK. */
uint64_t sc_abort_task(struct chan *ch, uint64_t tag);

/* Scenarios of scenario_abort.c. */
void abort_in_store(void);
void abort_streaming(void);
void abort_recalls(void);
void abort_recalls_a_part(void);
void abort_reading(void);
void abort_in_table(void);
void abort_in_rdma(void);
void abort_waiting_for_buffer(void);
void abort_fenced(void);
void abort_responding(void);
void abort_parked(void);

#endif
