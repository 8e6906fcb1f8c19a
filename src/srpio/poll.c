/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event loop of a session: completion queues first, then, with nothing to do, a short spin
 * (never on a single CPU), then sleep on the completion channel and the connection manager.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "srpio/priv.h"

enum { SPIN_PASSES = 64 };

static int pass(struct srpi_session *s)
{
	uint32_t i;
	int n = 0;

	for (i = 0; i < s->n_channels; i++)
		n += channel_poll(s->channels[i]);
	return n;
}

static bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

static int drain_cm(struct srpi_session *s)
{
	int n = 0;

	while (readable(s->cm->fd)) {
		cm_event(s);
		n++;
	}
	return n;
}

static void drain_comp(struct srpi_session *s)
{
	struct ibv_cq *cq;
	void *ctx;

	while (s->comp && readable(s->comp->fd)) {
		if (ibv_get_cq_event(s->comp, &cq, &ctx))
			return;
		ibv_ack_cq_events(cq, 1);
		((struct srpi_channel *)ctx)->armed = false;
	}
}

static void arm(struct srpi_session *s)
{
	uint32_t i;

	for (i = 0; i < s->n_channels; i++) {
		struct srpi_channel *ch = s->channels[i];

		if (ch->state == CHANNEL_LIVE && !ch->armed && !ibv_req_notify_cq(ch->cq, 0))
			ch->armed = true;
	}
}

static int spin(struct srpi_session *s)
{
	int i, n = 0;

	for (i = 0; s->spin && !n && i < SPIN_PASSES; i++)
		n = pass(s);
	return n;
}

static void fail_all(struct srpi_session *s, const char *why)
{
	uint32_t i;

	for (i = 0; i < s->n_channels; i++)
		channel_fail(s->channels[i], "%s", why);
}

/* Sleep once. Events served, 0 if it was for nothing, -EINTR after a signal. */
static int nap(struct srpi_session *s, int ms)
{
	struct pollfd fds[2] = { { .fd = s->cm->fd, .events = POLLIN },
				 { .fd = s->comp ? s->comp->fd : -1, .events = POLLIN } };
	int n, rc;

	arm(s);
	n = pass(s);
	if (n)
		return n;
	rc = poll(fds, 2, ms);
	session_clock(s);
	if (rc < 0) {
		rc = -errno;
		if (rc != -EINTR)
			fail_all(s, "poll failed");
		return rc;
	}
	if (fds[1].revents)
		drain_comp(s);
	n = pass(s);
	return fds[0].revents ? n + drain_cm(s) : n;
}

/* Now and then: timeouts, and connection events that a busy session would not see. */
static int tick(struct srpi_session *s)
{
	uint32_t i;
	int n;

	if (s->now_ns < s->tick_ns)
		return 0;
	s->tick_ns = s->now_ns + SRPI_TICK_MS * NSEC_PER_MSEC;
	n = drain_cm(s);
	for (i = 0; i < s->n_channels; i++) {
		n += tasks_check_timeouts(s->channels[i]);
		tasks_kick(s->channels[i]);
	}
	return n;
}

static bool any_open(const struct srpi_session *s)
{
	uint32_t i;

	for (i = 0; i < s->n_channels; i++)
		if (s->channels[i]->state != CHANNEL_CLOSED)
			return true;
	return false;
}

static int poll_until(struct srpi_session *s, int timeout_ms)
{
	uint64_t end = s->now_ns + (uint64_t)MAX(timeout_ms, 0) * NSEC_PER_MSEC;
	int n = pass(s) + tick(s);

	if (!n && timeout_ms)
		n = spin(s);
	while (!n && timeout_ms) {
		uint64_t left = end > s->now_ns ? (end - s->now_ns) / NSEC_PER_MSEC + 1 : 0;

		if (!any_open(s))
			return -ENOTCONN;
		n = nap(s, timeout_ms < 0 ? SRPI_TICK_MS : (int)MIN(left, SRPI_TICK_MS + 0ul));
		if (n < 0)
			return n == -EINTR ? 0 : n;
		n += tick(s);
		if (timeout_ms > 0 && s->now_ns >= end)
			break;
	}
	return n;
}

int srpi_poll(struct srpi_session *s, int timeout_ms)
{
	int n;

	session_clock(s);
	s->in_poll = true;
	n = poll_until(s, timeout_ms);
	s->in_poll = false;
	return n;
}
