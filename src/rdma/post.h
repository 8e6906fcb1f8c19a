/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Work requests are collected through a worker's pass and posted with one call per queue pair:
 * wr_arena holds the requests until they are posted, wr_list is one queue pair's chain.
 */
#ifndef SRPTD_RDMA_POST_H
#define SRPTD_RDMA_POST_H

#include <infiniband/verbs.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WR_ARENA_LEN = 512 };

struct wr_slot {
	struct ibv_send_wr wr;
	struct ibv_sge sge;
};

/* One per worker; emptied when every list was posted. wr_arena_init() fills what never changes. */
struct wr_arena {
	struct wr_slot slot[WR_ARENA_LEN];
	struct wr_slot *next; /* the first that is free */
};

struct wr_list {
	struct ibv_send_wr *head;
	struct ibv_send_wr *tail;
};

void wr_arena_init(struct wr_arena *arena);

static inline bool wr_arena_full(const struct wr_arena *arena)
{
	return arena->next == arena->slot + WR_ARENA_LEN;
}

static inline void wr_arena_empty(struct wr_arena *arena)
{
	arena->next = arena->slot;
}

/* Append a request with one SGE. The caller has checked for room. */
static inline struct ibv_send_wr *wr_append(struct wr_arena *arena, struct wr_list *list,
					    enum ibv_wr_opcode opcode, uint64_t wr_id, void *addr,
					    uint32_t len, uint32_t lkey)
{
	struct wr_slot *s = arena->next++;

	s->sge.addr = (uintptr_t)addr;
	s->sge.length = len;
	s->sge.lkey = lkey;
	s->wr.wr_id = wr_id;
	s->wr.opcode = opcode;
	s->wr.send_flags = 0;
	if (list->tail)
		list->tail->next = &s->wr;
	else
		list->head = &s->wr;
	list->tail = &s->wr;
	return &s->wr;
}

/*
 * Post the whole list with one call and empty it. 0, or an errno value: then some requests at the
 * end of the list were not posted.
 */
int wr_post(struct ibv_qp *qp, struct wr_list *list);

#endif
