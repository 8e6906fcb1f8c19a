/* SPDX-License-Identifier: BSD-2-Clause */
/* Posting of collected work requests, see post.h. */
#include "rdma/post.h"

#include <string.h>

void wr_arena_init(struct wr_arena *arena)
{
	memset(arena, 0, sizeof(*arena));
	wr_arena_empty(arena);
	for (uint32_t i = 0; i < WR_ARENA_LEN; i++) {
		arena->slot[i].wr.sg_list = &arena->slot[i].sge;
		arena->slot[i].wr.num_sge = 1;
	}
}

int wr_post(struct ibv_qp *qp, struct wr_list *list)
{
	struct ibv_send_wr *bad;
	int ret;

	list->tail->next = NULL;
	ret = ibv_post_send(qp, list->head, &bad);

	list->head = NULL;
	list->tail = NULL;
	return ret;
}
