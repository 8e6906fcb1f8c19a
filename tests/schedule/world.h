/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything in one process: target, fabric, store, initiators, each moved by one step at a time.
 * Knows how each is stepped and what must hold of the target after each step; what the initiators
 * do is the driver's choice.
 */
#ifndef SCHEDULE_WORLD_H
#define SCHEDULE_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "simfab_step.h"

struct server;

struct world_conf {
	const char *profile; /* of the simulated devices */
	uint32_t workers;    /* 1…MAX_WORKERS */
	uint32_t req_lim;
	uint32_t srq_size;
	uint32_t sq_size;
	uint32_t segment_size;
	uint32_t max_rdma;
	uint32_t max_channels;
	/* what is left of each worker's pools; 0: all */
	uint32_t tasks, buffers;
};

struct world {
	struct world_conf conf;
	struct server *server;
	bool stopping, killed;
	uint64_t stopped; /* ns */
};

extern struct world world;

/* Decides how long a packet is on its way: ns, or SIMFAB_LOST. */
extern uint64_t (*net_delay)(const struct simfab_flow *packet);

/* Once per process: a directory for the net and for the files. */
void world_prepare(void);
/* A new target that listens. */
void world_start(const struct world_conf *conf);
/*
 * One step of somebody who can move, chosen at random; with nobody, the clock goes on to when
 * somebody can. False: there is nothing that could ever happen.
 */
bool world_step(void);
/* Nobody can move before the clock goes on. */
bool world_idle(void);
/* Step until nothing moves, at most until a time (ns). */
void world_run(uint64_t until);
/* As the daemon does on SIGTERM. */
void world_stop(void);
/* At rest: everything of the target's is back where it was. */
void world_check_rest(void);
/* Stop if that was not done, wait for the end of every channel, check, take everything apart. */
void world_end(void);

/* What the target's task with this tag waits for (enum task_state); -1: there is none. */
int world_task_state(uint64_t tag);

struct pool;
/* Objects of a worker's pool that are withheld from it, to make it scarce. */
uint32_t world_held(unsigned int worker, const struct pool *pool);

/* Faults of the target's side. */
unsigned int world_n_channels(void);
/* Commands that wait for a task. */
unsigned int world_n_parked(void);
void world_break_qp(unsigned int n);
/* The device is gone for the rest of the run. */
void world_lose_device(void);

#endif
