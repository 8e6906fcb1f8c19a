/* SPDX-License-Identifier: BSD-2-Clause */
/* Management datagrams to whom they are meant for, see mgmt.h. */
#include "target/mgmt.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/log.h"
#include "conf/conf.h"
#include "target/server.h"
#include "wire/sa_mad.h"

enum {
	RESCAN_S = 5,
	WITHDRAW_MS = 1000, /* for the subnet administrator's answers at the end */
};

static uint64_t now_ms(void)
{
	return clock_now_ns() / NSEC_PER_MSEC;
}

static void received(void *owner, enum mads_agent agent, const struct mad_addr *from,
		     const uint8_t *mad, size_t len)
{
	struct mgmt *mgmt = owner;
	struct sa_answer answer;

	mads_refresh(&mgmt->mads.port[from->port]);
	switch (agent) {
	case MADS_CM:
		mgmt_cm_received(mgmt, from, mad, len);
		break;
	case MADS_DM:
		advertise_dm_received(mgmt, from, mad, len);
		break;
	case MADS_SA:
		if (!sa_answer_parse(mad, len, &answer))
			advertise_sa_answer(mgmt, answer.tid, answer.status, true);
		break;
	case MADS_N_AGENTS:
		break;
	}
}

static void timed_out(void *owner, enum mads_agent agent, const struct mad_addr *to,
		      const uint8_t *mad)
{
	struct mad_hdr hdr;

	if (agent == MADS_SA && !mad_hdr_parse(mad, MAD_LEN, &hdr))
		advertise_sa_answer(owner, hdr.tid, 0, false);
}

/* Nothing in user space can set the bit (PortInfo is the driver's): explain it once. */
static void explain_is_dm(const struct mads_port *port)
{
	if (port->agent[MADS_DM] >= 0 && !(port->cap_mask & MADS_CAP_IS_DM))
		log_info("%s port %d: IsDeviceManagementSupported is not set, so srp_daemon and "
			 "ibsrpdm pass it by; see DISCOVERY in srptd(8)",
			 port->device, port->num);
}

static void port_up(void *owner, unsigned int i)
{
	struct mgmt *mgmt = owner;
	const struct mads_port *port = &mgmt->mads.port[i];

	log_info("%s port %d: InfiniBand, LID %u, subnet manager at LID %u%s", port->device,
		 port->num, port->lid, port->sm_lid, port->active ? "" : ", not active yet");
	explain_is_dm(port);
	advertise_port_up(mgmt, i);
}

static void port_down(void *owner, unsigned int i)
{
	struct mgmt *mgmt = owner;

	advertise_port_down(mgmt, i);
	mgmt_cm_port_down(mgmt, i);
}

static const struct mads_ops mads_ops = {
	.received = received,
	.timed_out = timed_out,
	.port_up = port_up,
	.port_down = port_down,
};

static bool has_native_portal(const struct server *server)
{
	for (size_t i = 0; i < server->n_portals; i++)
		if (server->portals[i].service_id)
			return true;
	return false;
}

int mgmt_new(struct server *server, const struct conf *conf, struct mgmt **out)
{
	struct mgmt *mgmt;
	int ret;

	*out = NULL;
	if (!has_native_portal(server))
		return 0;
	mgmt = calloc(1, sizeof(*mgmt));
	if (!mgmt)
		return -ENOMEM;
	mgmt->server = server;
	mgmt->mads.fd = -1;
	ret = mgmt_cm_new(mgmt, conf);
	if (!ret)
		ret = advertise_new(mgmt, conf);
	if (ret) {
		mgmt_free(mgmt);
		return ret;
	}
	*out = mgmt;
	return 0;
}

int mgmt_start(struct mgmt *mgmt)
{
	const bool want[MADS_N_AGENTS] = {
		[MADS_DM] = mgmt->dm_wanted,
		[MADS_CM] = mgmt->umad_cm,
		[MADS_SA] = mgmt->lease_wanted,
	};
	int ret = mads_start(&mgmt->mads, &mads_ops, mgmt, want);

	if (ret)
		log_err("cannot start InfiniBand management: out of memory or descriptors");
	mgmt->rescan_ns = clock_now_ns() + RESCAN_S * NSEC_PER_SEC;
	return ret;
}

int mgmt_fd(const struct mgmt *mgmt)
{
	return mgmt->mads.fd;
}

int mgmt_timeout(const struct mgmt *mgmt, int timeout_ms)
{
	uint64_t now = clock_now_ns();
	uint64_t at = MIN(mgmt->rescan_ns, advertise_deadline_ns(mgmt));
	uint64_t cm = mgmt->umad_cm ? ibcm_deadline(&mgmt->cm) : UINT64_MAX;
	uint64_t wait;

	if (cm != UINT64_MAX)
		at = MIN(at, cm * NSEC_PER_MSEC);
	wait = at > now ? (at - now) / NSEC_PER_MSEC + 1 : 0;
	if (timeout_ms >= 0)
		wait = MIN(wait, (uint64_t)timeout_ms);
	return (int)MIN(wait, (uint64_t)RESCAN_S * 1000);
}

void mgmt_step(struct mgmt *mgmt)
{
	mads_handle(&mgmt->mads);
	mgmt_cm_timers(mgmt);
	advertise_step(mgmt);
	if (clock_now_ns() < mgmt->rescan_ns)
		return;
	mgmt->rescan_ns = clock_now_ns() + RESCAN_S * NSEC_PER_SEC;
	mads_rescan(&mgmt->mads);
}

void mgmt_stop(struct mgmt *mgmt)
{
	uint64_t end = now_ms() + WITHDRAW_MS;

	mgmt_unlisten(mgmt);
	if (mgmt->mads.fd < 0)
		return;
	advertise_withdraw(mgmt);
	while (mgmt->n_waiting && now_ms() < end) {
		struct pollfd pfd = { .fd = mgmt->mads.fd, .events = POLLIN };

		poll(&pfd, 1, (int)(end - now_ms()));
		mads_handle(&mgmt->mads);
	}
}

void mgmt_free(struct mgmt *mgmt)
{
	if (!mgmt)
		return;
	mads_stop(&mgmt->mads);
	mgmt_cm_free(mgmt);
	advertise_free(mgmt);
	free(mgmt);
}
