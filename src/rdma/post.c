/* SPDX-License-Identifier: BSD-2-Clause */
/* Posting of collected work requests, see post.h. */
#include "rdma/post.h"

uint32_t wr_post(struct ibv_qp *qp, struct wr_list *list)
{
	struct ibv_send_wr *bad = NULL;
	uint32_t left = 0;

	if (ibv_post_send(qp, list->head, &bad))
		for (struct ibv_send_wr *wr = bad; wr; wr = wr->next)
			left++;
	list->head = NULL;
	list->tail = NULL;
	list->n = 0;
	return left;
}
