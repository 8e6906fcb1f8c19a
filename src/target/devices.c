/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RDMA devices in the control thread: their lanes in the workers, the choice of a lane for a new
 * channel, asynchronous events, and the end of a device. Knows nothing of logins.
 */
#include "target/server.h"

#include <errno.h>
#include <string.h>

#include "base/compiler.h"
#include "base/log.h"

/* Receives that are worth a lane of their own. */
enum { LANE_LEAST = 4 };

struct rnic *server_rnic(struct server *server, struct ibv_context *ctx)
{
	struct rnic *rnic;

	for (unsigned int i = 0; i < server->n_rnics; i++)
		if (server->rnics[i]->ctx == ctx)
			return server->rnics[i]->lost ? NULL : server->rnics[i];
	if (server->n_rnics == MAX_RNICS || rnic_new(ctx, &rnic))
		return NULL;
	log_info("%s: serving%s", rnic->name,
		 rnic->has_srq ? "" : " (no shared receive queue that is worth using)");
	server->rnics[server->n_rnics++] = rnic;
	return rnic;
}

/* ---- lanes ---- */

static void lane_add(struct msg *msg)
{
	struct wlane *wl = container_of(msg, struct wlane, add_msg);

	wl->worker->lanes[wl->worker->n_lanes++] = wl;
}

/* Completion vectors of the mask in turn; a mask that meets none of the device's means all. */
static int comp_vector(const struct rnic *rnic, uint64_t mask, unsigned int turn)
{
	unsigned int n = (unsigned int)rnic->n_comp_vectors;

	if (n < 64)
		mask &= (UINT64_C(1) << n) - 1;
	if (!mask)
		return (int)(turn % n);
	for (turn %= (unsigned int)__builtin_popcountll(mask); turn > 0; turn--)
		mask &= mask - 1;
	return __builtin_ctzll(mask);
}

static struct wlane *make_lane(struct server *server, struct worker *w, struct rnic *rnic,
			       uint64_t comp_v_mask, uint32_t max_rx)
{
	int vector = comp_vector(rnic, comp_v_mask, server->next_vector++);
	struct wlane *wl;

	if (wlane_new(w, rnic, max_rx, server->limits.max_req_size, vector, &wl))
		return NULL;
	wl->comp_v_mask = comp_v_mask;
	LIST_INSERT_HEAD(&w->all_lanes, wl, link);
	w->n_all_lanes++;
	log_dbg(LOGC_RDMA, "%s: worker %u: completion vector %d, %u completions, %u receives at most",
		rnic->name, w->index, vector, wl->lane->cq_depth, wl->lane->max_recv);
	mailbox_post(&w->mail, &wl->add_msg, lane_add);
	return wl;
}

/* What a channel may be granted by this lane, after making more receives if need be. */
static uint32_t free_receives(const struct server *server, struct wlane *wl)
{
	uint32_t n;

	if (wl->cq_free < SQ_LEAST)
		return 0;
	wlane_grow(wl, server->limits.req_lim + RX_PER_CHANNEL);
	n = wlane_free_rx(wl);
	if (!wl->lane->srq)
		n = MIN(n, wl->lane->rnic->max_qp_wr);
	return n > RX_PER_CHANNEL ? n - RX_PER_CHANNEL : 0;
}

/*
 * A worker's lane on the device that can grant most. When the queues of a device are too small for
 * what the configuration allows, another lane takes the rest.
 */
static struct wlane *best_lane(struct server *server, struct worker *w, struct rnic *rnic,
			       uint64_t comp_v_mask, uint32_t *n_free)
{
	struct wlane *wl, *best = NULL;
	uint32_t n, budget = server->srq_size;

	*n_free = 0;
	LIST_FOREACH(wl, &w->all_lanes, link) {
		if (wl->lane->rnic != rnic || wl->comp_v_mask != comp_v_mask)
			continue;
		budget -= MIN(budget, wl->lane->max_recv);
		n = free_receives(server, wl);
		if (!best || n > *n_free) {
			best = wl;
			*n_free = n;
		}
	}
	if ((best && *n_free >= server->limits.req_lim) || budget < LANE_LEAST ||
	    w->n_all_lanes == MAX_LANES)
		return best;
	wl = make_lane(server, w, rnic, comp_v_mask, budget);
	n = wl ? free_receives(server, wl) : 0;
	if (!wl || (best && n <= *n_free))
		return best;
	*n_free = n;
	return wl;
}

/* The next worker in turn, or the first after it that can grant what is wanted. */
struct wlane *server_place(struct server *server, struct rnic *rnic, uint64_t comp_v_mask,
			   uint32_t *n_free)
{
	unsigned int first = server->next_worker++;
	struct wlane *best = NULL;

	*n_free = 0;
	for (unsigned int i = 0; i < server->n_workers; i++) {
		struct worker *w = &server->workers[(first + i) % server->n_workers];
		uint32_t n;
		struct wlane *wl = best_lane(server, w, rnic, comp_v_mask, &n);

		if (wl && (!best || n > *n_free)) {
			best = wl;
			*n_free = n;
		}
		if (*n_free >= server->limits.req_lim)
			break;
	}
	return best;
}

/* ---- the end of a device ---- */

/* Control thread: the worker does not know the lane any more. */
static void lane_gone(struct msg *msg)
{
	struct wlane *wl = container_of(msg, struct wlane, leave_msg);

	LIST_REMOVE(wl, link);
	wl->worker->n_all_lanes--;
	wlane_free(wl);
}

static void lane_leave(struct msg *msg)
{
	struct wlane *wl = container_of(msg, struct wlane, leave_msg);
	struct worker *w = wl->worker;
	unsigned int i = 0;

	while (w->lanes[i] != wl)
		i++;
	w->lanes[i] = w->lanes[--w->n_lanes];
	mailbox_post(server_mailbox(w->server), msg, lane_gone);
}

/* True when no worker has a lane on the device; otherwise they are asked, once, to let go. */
static bool lanes_gone(struct server *server, const struct rnic *rnic)
{
	struct wlane *wl;
	bool gone = true;

	for (unsigned int i = 0; i < server->n_workers; i++)
		LIST_FOREACH(wl, &server->workers[i].all_lanes, link) {
			if (wl->lane->rnic != rnic)
				continue;
			gone = false;
			if (!wl->leaving)
				mailbox_post(&wl->worker->mail, &wl->leave_msg, lane_leave);
			wl->leaving = true;
		}
	return gone;
}

void server_reap_rnics(struct server *server)
{
	for (unsigned int i = 0; i < server->n_rnics;) {
		struct rnic *rnic = server->rnics[i];

		if (!rnic->lost || rnic->n_channels > 0 || !lanes_gone(server, rnic)) {
			i++;
			continue;
		}
		log_info("%s: nothing is left on the device", rnic->name);
		rnic_free(rnic);
		server->rnics[i] = server->rnics[--server->n_rnics];
	}
}

/* ---- asynchronous events ---- */

static void qp_event(const struct ibv_async_event *event)
{
	struct channel *ch = event->element.qp->qp_context;

	switch (event->event_type) {
	case IBV_EVENT_COMM_EST:
		if (ch->conn)
			ch->conn->ops->comm_est(ch->conn);
		break;
	case IBV_EVENT_QP_LAST_WQE_REACHED:
		if (!ch->last_wqe_posted)
			mailbox_post(&ch->worker->mail, &ch->last_wqe_msg, channel_msg_last_wqe);
		ch->last_wqe_posted = true;
		break;
	default:
		log_warn("%s: %s", ch->name, ibv_event_type_str(event->event_type));
		server_channel_close(ch);
	}
}

static void close_if_lost(struct channel *ch)
{
	if (ch->wlane->lane->rnic->lost)
		server_channel_close(ch);
}

void server_rnic_lost(struct server *server, struct rnic *rnic)
{
	if (rnic->lost)
		return;
	rnic->lost = true;
	log_err("%s: the device is gone", rnic->name);
	server_each_channel(server, close_if_lost);
}

static void async_event(struct server *server, struct rnic *rnic,
			const struct ibv_async_event *event)
{
	switch (event->event_type) {
	case IBV_EVENT_COMM_EST:
	case IBV_EVENT_QP_LAST_WQE_REACHED:
	case IBV_EVENT_QP_FATAL:
	case IBV_EVENT_QP_REQ_ERR:
	case IBV_EVENT_QP_ACCESS_ERR:
		qp_event(event);
		break;
	case IBV_EVENT_CQ_ERR:
	case IBV_EVENT_SRQ_ERR:
	case IBV_EVENT_DEVICE_FATAL:
		server_rnic_lost(server, rnic);
		break;
	default:
		log_info("%s: %s", rnic->name, ibv_event_type_str(event->event_type));
	}
}

void server_async_events(struct server *server, struct rnic *rnic)
{
	struct ibv_async_event event;

	while (!ibv_get_async_event(rnic->ctx, &event)) {
		async_event(server, rnic, &event);
		ibv_ack_async_event(&event);
	}
}
