/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An initiator's connection manager over umad, for tests of the target's: logs in and out over and
 * over, on a fabric that loses and repeats MADs.
 *
 *   umad-cycle DEVICE LID GID SERVICE_ID ID_EXT IOC_GUID CYCLES
 *
 * One cycle in four asks for a target that does not exist, and one loses its power and comes back
 * with the same queue pair. Prints how each ended; exit status 0 if all ended as they must.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <infiniband/umad.h>
#include <infiniband/verbs.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/be.h"
#include "wire/cm_mad.h"
#include "wire/srp.h"

enum {
	REPEAT_MS = 25, /* until a message is sent again */
	MAX_REPEATS = 400,
	MAX_STALE = 2000,
	TIMEOUT_67MS = 14,
	FIRST_ID = 0x100,
};

static struct {
	int fd, agent;
	umad_port_t info;
	uint16_t lid;
	uint8_t gid[16];
	uint64_t service_id;
	uint8_t target_id[16];
	uint32_t qpn;
	uint64_t guid;
	unsigned int accepted, refused, stale, ended_by_target, repeats;
} cm;

/* A connection as we see it. */
struct conn {
	uint32_t id, peer_id, qpn, peer_qpn;
	bool up;
};

static struct conn live; /* the present one: what comes for others is of the past */

static void die(const char *what)
{
	fprintf(stderr, "umad-cycle: %s\n", what);
	exit(1);
}

static void send_msg(const struct cm_msg *msg)
{
	static _Alignas(8) uint8_t packet[sizeof(struct ib_user_mad) + MAD_LEN];

	memset(packet, 0, sizeof(packet));
	umad_set_addr(packet, cm.lid, 1, 0, (int)MAD_QKEY);
	cm_msg_build(umad_get_mad(packet), msg);
	if (umad_send(cm.fd, cm.agent, packet, MAD_LEN, 0, 0) < 0)
		die("umad_send");
}

static bool receive(struct cm_msg *msg, int ms)
{
	static _Alignas(8) uint8_t packet[sizeof(struct ib_user_mad) + MAD_LEN];
	int len = MAD_LEN;

	return umad_recv(cm.fd, packet, &len, ms) >= 0 && !umad_status(packet) &&
	       cm_msg_parse(umad_get_mad(packet), (size_t)len, msg) == MAD_OK;
}

static void send_rtu(uint32_t ours, uint32_t theirs)
{
	struct cm_msg msg = { .attr = CM_RTU, .rtu = { ours, theirs } };

	send_msg(&msg);
}

/* What is answered whenever it comes (IBA 12.9.8.6): a REP again, a DREQ. */
static void serve(const struct cm_msg *msg)
{
	struct cm_msg drep = { .tid = msg->tid, .attr = CM_DREP };

	if (msg->attr == CM_REP && live.up && msg->rep.remote_id == live.id)
		send_rtu(live.id, live.peer_id);
	if (msg->attr != CM_DREQ)
		return;
	drep.drep.local_id = msg->dreq.remote_id;
	drep.drep.remote_id = msg->dreq.local_id;
	send_msg(&drep);
	cm.ended_by_target++;
}

static bool answers(const struct cm_msg *req, const struct cm_msg *msg)
{
	if (req->attr == CM_REQ)
		return (msg->attr == CM_REP && msg->rep.remote_id == req->req.local_id) ||
		       (msg->attr == CM_REJ && msg->rej.remote_id == req->req.local_id);
	return msg->attr == CM_DREP && msg->drep.remote_id == req->dreq.local_id;
}

/* Send until it is answered. */
static void ask(const struct cm_msg *req, struct cm_msg *answer)
{
	for (int i = 0; i < MAX_REPEATS; i++) {
		send_msg(req);
		cm.repeats += i > 0;
		while (receive(answer, REPEAT_MS)) {
			if (answers(req, answer))
				return;
			serve(answer);
		}
	}
	die("no answer");
}

static void build_req(struct cm_msg *msg, uint32_t id, uint32_t qpn, bool wrong_target)
{
	struct srp_login_req login = { .tag = id, .req_it_iu_len = 260, .req_buf_fmt = 6 };

	*msg = (struct cm_msg){
		.tid = id,
		.attr = CM_REQ,
		.req = { .local_id = id,
			 .service_id = cm.service_id,
			 .ca_guid = cm.guid,
			 .qpn = qpn,
			 .responder_resources = 4,
			 .remote_timeout = TIMEOUT_67MS,
			 .local_timeout = TIMEOUT_67MS,
			 .flow_control = true,
			 .starting_psn = id & 0xffffff,
			 .retry_count = 7,
			 .rnr_retry = 7,
			 .pkey = 0xffff,
			 .mtu = 4,
			 .max_cm_retries = 15,
			 .primary = { .remote_lid = cm.lid,
				      .subnet_local = true,
				      .ack_timeout = TIMEOUT_67MS,
				      .rate = 3 } },
	};
	msg->req.primary.local_lid = (uint16_t)cm.info.base_lid;
	memcpy(msg->req.primary.local_gid, &cm.info.gid_prefix, 8);
	memcpy(msg->req.primary.local_gid + 8, &cm.info.port_guid, 8);
	memcpy(msg->req.primary.remote_gid, cm.gid, 16);
	be64_put(login.initiator_port_id + 8, cm.guid);
	memcpy(login.target_port_id, cm.target_id, 16);
	login.target_port_id[0] ^= wrong_target;
	srp_login_req_build(msg->req.private_data, &login);
}

/* The reason of the REJ, 0 = accepted. */
static uint16_t connect_once(uint32_t id, uint32_t qpn, bool wrong_target, uint32_t *srp_reason)
{
	struct cm_msg req, answer;
	struct srp_login_rej rej = { 0 };

	build_req(&req, id, qpn, wrong_target);
	live = (struct conn){ .id = id, .qpn = qpn };
	ask(&req, &answer);
	if (answer.attr == CM_REJ) {
		srp_login_rej_parse(answer.rej.private_data, sizeof(answer.rej.private_data), &rej);
		*srp_reason = rej.reason;
		return answer.rej.reason;
	}
	if (answer.rep.private_data[0] != SRP_LOGIN_RSP || !answer.rep.qpn)
		die("a REP without SRP_LOGIN_RSP");
	live.peer_id = answer.rep.local_id;
	live.peer_qpn = answer.rep.qpn;
	live.up = true;
	send_rtu(id, live.peer_id);
	return 0;
}

static void disconnect(void)
{
	struct cm_msg req = { .tid = live.id,
			      .attr = CM_DREQ,
			      .dreq = { .local_id = live.id,
					.remote_id = live.peer_id,
					.remote_qpn = live.peer_qpn } };
	struct cm_msg answer;

	ask(&req, &answer);
	live.up = false;
}

/* Log in with a queue pair that the target may still have in use or in timewait. */
static void connect_until(uint32_t *id, uint32_t qpn)
{
	uint32_t srp_reason;

	for (int i = 0; i < MAX_STALE; i++) {
		uint16_t reason = connect_once((*id)++, qpn, false, &srp_reason);

		if (!reason) {
			cm.accepted++;
			return;
		}
		if (reason != CM_REJ_STALE)
			die(cm_rej_reason_name(reason));
		cm.stale++;
		for (struct cm_msg msg; receive(&msg, REPEAT_MS);)
			serve(&msg);
	}
	die("stale for ever");
}

static void cycle(unsigned int n, uint32_t *id)
{
	uint32_t qpn = cm.qpn + n % 64, srp_reason = 0;

	if (n % 4 == 1) {
		if (connect_once((*id)++, qpn, true, &srp_reason) != CM_REJ_CONSUMER ||
		    srp_reason != SRP_REJ_UNABLE_ASSOCIATE)
			die("a login to no target was not refused as such");
		cm.refused++;
		return;
	}
	connect_until(id, qpn);
	if (n % 4 == 3) {
		live.up = false; /* power is lost: nothing of the old connection is known */
		connect_until(id, qpn);
	}
	disconnect();
}

static void open_cm(const char *device)
{
	long mask[16 / sizeof(long)] = { 1 << MAD_SEND };
	struct ibv_device **list = ibv_get_device_list(NULL);
	struct ibv_context *ctx = NULL;
	struct ibv_qp_init_attr attr = { .qp_type = IBV_QPT_RC, .cap = { 1, 1, 1, 1, 0 } };
	static struct ibv_qp *qp; /* until the end, with all it stands on */
	struct ibv_pd *pd;

	for (size_t i = 0; list && list[i]; i++)
		if (!strcmp(ibv_get_device_name(list[i]), device))
			ctx = ibv_open_device(list[i]);
	pd = ctx ? ibv_alloc_pd(ctx) : NULL;
	if (pd) {
		attr.send_cq = attr.recv_cq = ibv_create_cq(ctx, 4, NULL, NULL, 0);
		qp = ibv_create_qp(pd, &attr);
	}
	if (!qp)
		die("no queue pair");
	ibv_free_device_list(list);
	cm.qpn = qp->qp_num; /* and numbers behind it: of a node that is there */
	umad_init();
	if (umad_get_port(device, 1, &cm.info) < 0)
		die("umad_get_port");
	cm.guid = be64toh(cm.info.port_guid);
	cm.fd = umad_open_port(device, 1);
	cm.agent = cm.fd < 0 ? -1 : umad_register(cm.fd, MAD_CLASS_CM, CM_CLASS_VERSION, 0, mask);
	if (cm.agent < 0)
		die("class 7 cannot be had");
}

int main(int argc, char **argv)
{
	uint32_t id = FIRST_ID;
	unsigned int n;

	if (argc != 8)
		die("usage: umad-cycle DEVICE LID GID SERVICE_ID ID_EXT IOC_GUID CYCLES");
	cm.lid = (uint16_t)atoi(argv[2]);
	if (inet_pton(AF_INET6, argv[3], cm.gid) != 1)
		die("bad GID");
	cm.service_id = strtoull(argv[4], NULL, 16);
	be64_put(cm.target_id, strtoull(argv[5], NULL, 16));
	be64_put(cm.target_id + 8, strtoull(argv[6], NULL, 16));
	n = (unsigned int)atoi(argv[7]);
	open_cm(argv[1]);
	for (unsigned int i = 0; i < n; i++)
		cycle(i, &id);
	printf("accepted=%u refused=%u stale=%u ended_by_target=%u repeats=%u\n", cm.accepted,
	       cm.refused, cm.stale, cm.ended_by_target, cm.repeats);
	return 0;
}
