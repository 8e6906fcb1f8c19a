/*
 * ibv_modify_qp: which transitions are legal, and with which attributes.
 *
 * Knows: the RC rows of IBA table 91 as the Linux core keeps them, value limits.
 * Does not know: what happens in a state afterwards.
 */
#include "simfab.h"

#include <errno.h>

#define M_INIT (IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_ACCESS_FLAGS)
#define M_RTR                                                            \
	(IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN | \
	 IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER)
#define M_RTS                                                                   \
	(IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY | IBV_QP_SQ_PSN | \
	 IBV_QP_MAX_QP_RD_ATOMIC)
#define M_LIVE                                                                             \
	(IBV_QP_CUR_STATE | IBV_QP_ACCESS_FLAGS | IBV_QP_MIN_RNR_TIMER | IBV_QP_ALT_PATH | \
	 IBV_QP_PATH_MIG_STATE)

static const struct transition {
	enum ibv_qp_state from, to;
	int required, optional;
} transitions[] = {
	{ IBV_QPS_RESET, IBV_QPS_RESET, 0, 0 },
	{ IBV_QPS_RESET, IBV_QPS_INIT, M_INIT, 0 },
	{ IBV_QPS_RESET, IBV_QPS_ERR, 0, 0 },
	{ IBV_QPS_INIT, IBV_QPS_RESET, 0, 0 },
	{ IBV_QPS_INIT, IBV_QPS_INIT, 0, M_INIT },
	{ IBV_QPS_INIT, IBV_QPS_RTR, M_RTR,
	  IBV_QP_ALT_PATH | IBV_QP_ACCESS_FLAGS | IBV_QP_PKEY_INDEX },
	{ IBV_QPS_INIT, IBV_QPS_ERR, 0, 0 },
	{ IBV_QPS_RTR, IBV_QPS_RESET, 0, 0 },
	{ IBV_QPS_RTR, IBV_QPS_RTS, M_RTS, M_LIVE },
	{ IBV_QPS_RTR, IBV_QPS_ERR, 0, 0 },
	{ IBV_QPS_RTS, IBV_QPS_RESET, 0, 0 },
	{ IBV_QPS_RTS, IBV_QPS_RTS, 0, M_LIVE },
	{ IBV_QPS_RTS, IBV_QPS_SQD, 0, IBV_QP_EN_SQD_ASYNC_NOTIFY },
	{ IBV_QPS_RTS, IBV_QPS_ERR, 0, 0 },
	{ IBV_QPS_SQD, IBV_QPS_RESET, 0, 0 },
	{ IBV_QPS_SQD, IBV_QPS_RTS, 0, M_LIVE },
	{ IBV_QPS_SQD, IBV_QPS_SQD, 0,
	  M_LIVE | IBV_QP_PORT | IBV_QP_PKEY_INDEX | IBV_QP_AV | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT |
		  IBV_QP_RNR_RETRY | IBV_QP_MAX_QP_RD_ATOMIC | IBV_QP_MAX_DEST_RD_ATOMIC },
	{ IBV_QPS_SQD, IBV_QPS_ERR, 0, 0 },
	{ IBV_QPS_ERR, IBV_QPS_RESET, 0, 0 },
	{ IBV_QPS_ERR, IBV_QPS_ERR, 0, 0 },
};

static const struct transition *find(enum ibv_qp_state from, enum ibv_qp_state to)
{
	for (size_t i = 0; i < sizeof(transitions) / sizeof(transitions[0]); i++)
		if (transitions[i].from == from && transitions[i].to == to)
			return &transitions[i];
	return NULL;
}

static bool masks_ok(const struct sf_qp *qp, const struct transition *t, int mask)
{
	mask &= ~IBV_QP_STATE;
	if (qp->ctx->dev->prof->iwarp) /* the RNIC's CM sets what RC spells out */
		return true;
	return (mask & t->required) == t->required && !(mask & ~(t->required | t->optional));
}

static bool av_ok(const struct sf_qp *qp, const struct ibv_ah_attr *ah)
{
	if (qp->ctx->dev->prof->iwarp)
		return true;
	if (qp->ctx->dev->prof->ib)
		return (ah->is_global || ah->dlid) && ah->grh.sgid_index == 0 &&
		       ah->port_num == SF_PORT;
	/* Ethernet: there is no address without a GRH */
	return ah->is_global && ah->grh.sgid_index < SF_GIDS && ah->port_num == SF_PORT;
}

static bool values_ok(const struct sf_qp *qp, const struct ibv_qp_attr *a, int mask)
{
	unsigned int rd = (unsigned int)qp->ctx->dev->prof->rd_atom;
	uint16_t pkeys[SF_PKEYS];

	if ((mask & IBV_QP_PORT) && a->port_num != SF_PORT)
		return false;
	if ((mask & IBV_QP_PKEY_INDEX) && a->pkey_index >= dev_pkeys(pkeys))
		return false;
	if ((mask & IBV_QP_AV) && !av_ok(qp, &a->ah_attr))
		return false;
	if ((mask & IBV_QP_PATH_MTU) && (a->path_mtu < IBV_MTU_256 || a->path_mtu > IBV_MTU_4096))
		return false;
	if ((mask & IBV_QP_MAX_QP_RD_ATOMIC) && a->max_rd_atomic > rd)
		return false;
	if ((mask & IBV_QP_MAX_DEST_RD_ATOMIC) && a->max_dest_rd_atomic > rd)
		return false;
	if ((mask & IBV_QP_MIN_RNR_TIMER) && a->min_rnr_timer > 31)
		return false;
	if ((mask & IBV_QP_TIMEOUT) && a->timeout > 31)
		return false;
	if ((mask & IBV_QP_RETRY_CNT) && a->retry_cnt > 7)
		return false;
	return !(mask & IBV_QP_RNR_RETRY) || a->rnr_retry <= 7;
}

#define COPY(flag, field)                     \
	do {                                  \
		if (mask & (flag))            \
			to->field = a->field; \
	} while (0)

static void copy_attr(struct ibv_qp_attr *to, const struct ibv_qp_attr *a, int mask)
{
	COPY(IBV_QP_ACCESS_FLAGS, qp_access_flags);
	COPY(IBV_QP_PKEY_INDEX, pkey_index);
	COPY(IBV_QP_PORT, port_num);
	COPY(IBV_QP_AV, ah_attr);
	COPY(IBV_QP_PATH_MTU, path_mtu);
	COPY(IBV_QP_TIMEOUT, timeout);
	COPY(IBV_QP_RETRY_CNT, retry_cnt);
	COPY(IBV_QP_RNR_RETRY, rnr_retry);
	COPY(IBV_QP_RQ_PSN, rq_psn);
	COPY(IBV_QP_SQ_PSN, sq_psn);
	COPY(IBV_QP_MAX_QP_RD_ATOMIC, max_rd_atomic);
	COPY(IBV_QP_MAX_DEST_RD_ATOMIC, max_dest_rd_atomic);
	COPY(IBV_QP_MIN_RNR_TIMER, min_rnr_timer);
	COPY(IBV_QP_DEST_QPN, dest_qp_num);
	COPY(IBV_QP_EN_SQD_ASYNC_NOTIFY, en_sqd_async_notify);
	to->rq_psn &= SF_PSN_MASK;
	to->sq_psn &= SF_PSN_MASK;
}

static void connect_qp(struct sf_qp *qp)
{
	qp->rx_psn = qp->attr.rq_psn;
	if (!qp->link)
		qp->link = link_get(qp->attr.dest_qp_num >> SF_QPN_BITS);
}

static void enter(struct sf_qp *qp, enum ibv_qp_state from, enum ibv_qp_state to)
{
	switch (to) {
	case IBV_QPS_RESET:
		qp_reset_queues(qp);
		qp->attr = (struct ibv_qp_attr){ 0 };
		break;
	case IBV_QPS_RTR:
		connect_qp(qp);
		break;
	case IBV_QPS_RTS:
		if (from == IBV_QPS_RTR)
			req_start(qp);
		break;
	case IBV_QPS_SQD:
		qp->sq_drained_told = false;
		break;
	case IBV_QPS_ERR:
		if (from == IBV_QPS_RESET)
			qp->v.state = IBV_QPS_INIT; /* let the change be seen */
		qp_enter_error(qp);
		break;
	case IBV_QPS_INIT:
	case IBV_QPS_SQE:
	case IBV_QPS_UNKNOWN:
		break;
	}
	qp->v.state = to;
	if (to == IBV_QPS_RTS || to == IBV_QPS_SQD)
		qp_mark_ready(qp);
}

static bool step_ok(const struct sf_qp *qp, enum ibv_qp_state from, enum ibv_qp_state to, int mask)
{
	const struct transition *t = find(from, to);

	/* An RNIC goes from INIT to RTS in one step when its CM connects. */
	if (!t && qp->ctx->dev->prof->iwarp)
		return from == IBV_QPS_INIT && to == IBV_QPS_RTS;
	return t && masks_ok(qp, t, mask);
}

int qp_modify(struct ibv_qp *v, struct ibv_qp_attr *a, int mask)
{
	struct sf_qp *qp = sf_container(v, struct sf_qp, v);
	enum ibv_qp_state from = v->state;
	enum ibv_qp_state to = mask & IBV_QP_STATE ? a->qp_state : from;

	if ((mask & IBV_QP_CUR_STATE) && a->cur_qp_state != from)
		return EINVAL;
	if (!step_ok(qp, from, to, mask) || !values_ok(qp, a, mask))
		return EINVAL;
	copy_attr(&qp->attr, a, mask);
	if (to != from || to == IBV_QPS_RESET)
		enter(qp, from, to);
	return 0;
}

SF_EXPORT int ibv_modify_qp(struct ibv_qp *v, struct ibv_qp_attr *attr, int mask)
{
	int rc = EIO;

	fab_lock();
	if (!dev_dead(v->context))
		rc = qp_modify(v, attr, mask);
	if (!rc && !step_on())
		fabric_poll();
	fab_unlock();
	return rc;
}
