/* SPDX-License-Identifier: BSD-2-Clause */
/* Posting of collected work requests, see post.h. */
#include "rdma/post.h"

int wr_post(struct ibv_qp *qp, struct wr_list *list)
{
	struct ibv_send_wr *bad;
	int ret = ibv_post_send(qp, list->head, &bad);

	list->head = NULL;
	list->tail = NULL;
	return ret;
}
