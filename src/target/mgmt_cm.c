/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections by our own connection manager over umad: carries out the actions of proto/ib_cm.h
 * and looks like librdmacm's connections to the rest of the target.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/log.h"
#include "conf/conf.h"
#include "target/mgmt.h"
#include "target/server.h"

enum {
	MAX_CONNS = 4096,
	RNR_RETRY_FOREVER = 7,
	FAILOVER_UNSUPPORTED = 1,
	PKEY_BASE = 0x7fff,
	PSN_MASK = 0xffffff,
};

struct umad_conn {
	struct cm_conn base;
	struct mgmt *mgmt;
	struct ibcm_conn *ibcm;
	unsigned int port;
	struct cm_req req; /* without its private data, which is the login's */
	uint32_t psn;	   /* at which the peer's requests to us begin */
};

static uint64_t now_ms(void)
{
	return clock_now_ns() / NSEC_PER_MSEC;
}

static struct umad_conn *conn_of(struct cm_conn *base)
{
	return container_of(base, struct umad_conn, base);
}

static const struct mads_port *port_of(const struct umad_conn *c)
{
	return &c->mgmt->mads.port[c->port];
}

/* ---- actions ---- */

static void request(struct mgmt *mgmt, struct ibcm_conn *ibcm, const struct cm_req *req);

static void ended(const struct ibcm_action *a)
{
	struct umad_conn *c = a->conn->context;
	const struct cm_ops *ops = c->mgmt->server->cm.ops;

	ops->ended(c->mgmt->server, &c->base,
		   a->why == IBCM_END_DISCONNECTED || a->why == IBCM_END_STALE ? CM_END_DISCONNECTED
									       : CM_END_FAILED);
}

static void carry_out(struct mgmt *mgmt, const struct ibcm_out *out)
{
	for (unsigned int i = 0; i < out->n; i++) {
		const struct ibcm_action *a = &out->action[i];
		struct umad_conn *c = a->conn ? a->conn->context : NULL;

		switch (a->type) {
		case IBCM_SEND:
			mads_send(&mgmt->mads, MADS_CM, &a->to, a->mad, 0, 0);
			break;
		case IBCM_REQUEST:
			request(mgmt, a->conn, &out->req);
			break;
		case IBCM_CONNECTED:
			if (c)
				mgmt->server->cm.ops->established(mgmt->server, &c->base);
			break;
		case IBCM_ENDED:
			if (c)
				ended(a);
			break;
		}
	}
}

/* ---- operations of a connection ---- */

static int gid_index(struct ibv_context *verbs, uint8_t port, const uint8_t gid[16])
{
	union ibv_gid entry;

	for (int i = 0; !ibv_query_gid(verbs, port, i, &entry); i++)
		if (memcmp(entry.raw, gid, 16) == 0)
			return i;
	return -1;
}

/* IBA 12.7: GRH only where the path crosses a router. */
static int fill_address(const struct umad_conn *c, struct ibv_ah_attr *ah)
{
	const struct cm_path *path = &c->req.primary;
	int index;

	*ah = (struct ibv_ah_attr){
		.dlid = path->local_lid,
		.sl = path->sl,
		.src_path_bits = (uint8_t)((path->remote_lid - port_of(c)->lid) & 0x7f),
		.static_rate = path->rate,
		.port_num = c->base.port_num,
	};
	if (path->hop_limit <= 1)
		return 0;
	index = gid_index(c->base.verbs, c->base.port_num, path->remote_gid);
	if (index < 0)
		return -EADDRNOTAVAIL;
	ah->is_global = 1;
	memcpy(ah->grh.dgid.raw, path->local_gid, 16);
	ah->grh.sgid_index = (uint8_t)index;
	ah->grh.flow_label = path->flow_label;
	ah->grh.hop_limit = path->hop_limit;
	ah->grh.traffic_class = path->tclass;
	return 0;
}

/* P_Keys with the same lower bits are one partition; a full member's entry is the better one. */
static int pkey_index(const struct mads_port *port, uint16_t pkey)
{
	int found = -1;

	for (size_t i = 0; i < port->n_pkeys; i++) {
		if (!port->pkeys[i] || (port->pkeys[i] ^ pkey) & PKEY_BASE)
			continue;
		if (found < 0 || port->pkeys[i] > port->pkeys[found])
			found = (int)i;
	}
	return found;
}

static int attr_init(const struct umad_conn *c, struct ibv_qp_attr *attr, int *mask)
{
	int index = pkey_index(port_of(c), c->req.pkey);

	if (index < 0)
		return -EINVAL;
	attr->pkey_index = (uint16_t)index;
	attr->port_num = c->base.port_num;
	*mask = IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_ACCESS_FLAGS;
	return 0;
}

static int attr_rtr(const struct umad_conn *c, struct ibv_qp_attr *attr, int *mask)
{
	attr->path_mtu = (enum ibv_mtu)c->req.mtu;
	attr->dest_qp_num = c->req.qpn;
	attr->rq_psn = c->psn;
	attr->max_dest_rd_atomic = 0; /* the initiator never issues RDMA */
	*mask = IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN |
		IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER;
	return fill_address(c, &attr->ah_attr);
}

static int attr_rts(const struct umad_conn *c, struct ibv_qp_attr *attr, int *mask)
{
	attr->sq_psn = c->req.starting_psn;
	attr->timeout = c->req.primary.ack_timeout;
	attr->retry_cnt = c->req.retry_count;
	attr->rnr_retry = c->req.rnr_retry;
	*mask = IBV_QP_STATE | IBV_QP_SQ_PSN | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT |
		IBV_QP_RNR_RETRY | IBV_QP_MAX_QP_RD_ATOMIC;
	return 0;
}

static int op_qp_attr(struct cm_conn *base, struct ibv_qp_attr *attr, int *mask)
{
	const struct umad_conn *c = conn_of(base);

	switch (attr->qp_state) {
	case IBV_QPS_INIT:
		return attr_init(c, attr, mask);
	case IBV_QPS_RTR:
		return attr_rtr(c, attr, mask);
	case IBV_QPS_RTS:
		return attr_rts(c, attr, mask);
	default:
		return -EINVAL;
	}
}

static int op_accept(struct cm_conn *base, const struct cm_accept *accept)
{
	struct umad_conn *c = conn_of(base);
	struct ibv_device_attr dev;
	struct cm_rep rep = {
		.qpn = accept->qp_num,
		.starting_psn = c->psn,
		.initiator_depth = accept->rd_atomic,
		.failover = FAILOVER_UNSUPPORTED,
		.flow_control = true,
		.rnr_retry = RNR_RETRY_FOREVER,
		.srq = accept->srq,
	};
	struct ibcm_out out;

	if (!ibv_query_device(base->verbs, &dev))
		rep.target_ack_delay = dev.local_ca_ack_delay;
	memcpy(rep.private_data, accept->data, MIN(accept->len, sizeof(rep.private_data)));
	if (!ibcm_accept(&c->mgmt->cm, now_ms(), c->ibcm, &rep, &out))
		return -ECONNRESET;
	carry_out(c->mgmt, &out);
	return 0;
}

static void op_reject(struct cm_conn *base, const void *data, uint8_t len)
{
	struct umad_conn *c = conn_of(base);
	struct ibcm_out out;

	ibcm_reject(&c->mgmt->cm, now_ms(), c->ibcm, CM_REJ_CONSUMER, data, len, &out);
	carry_out(c->mgmt, &out);
}

static void op_disconnect(struct cm_conn *base)
{
	struct umad_conn *c = conn_of(base);
	struct ibcm_out out;

	ibcm_disconnect(&c->mgmt->cm, now_ms(), c->ibcm, &out);
	carry_out(c->mgmt, &out);
}

static void op_comm_est(struct cm_conn *base)
{
	struct umad_conn *c = conn_of(base);
	struct ibcm_out out;

	ibcm_comm_est(&c->mgmt->cm, c->ibcm, &out);
	carry_out(c->mgmt, &out);
}

static void op_destroy(struct cm_conn *base)
{
	struct umad_conn *c = conn_of(base);
	struct ibcm_out out;

	ibcm_release(&c->mgmt->cm, now_ms(), c->ibcm, &out);
	carry_out(c->mgmt, &out);
	free(c);
}

static const struct cm_conn_ops umad_ops = {
	.qp_attr = op_qp_attr,
	.accept = op_accept,
	.reject = op_reject,
	.disconnect = op_disconnect,
	.comm_est = op_comm_est,
	.destroy = op_destroy,
};

/* ---- requests ---- */

static struct cm_listener *find_listener(const struct mgmt *mgmt, uint64_t service_id)
{
	for (size_t i = 0; i < mgmt->server->n_portals; i++) {
		struct cm_listener *l = mgmt->server->portals[i].cm;

		if (l && l->service_id == service_id)
			return l;
	}
	return NULL;
}

static struct umad_conn *make_conn(struct mgmt *mgmt, struct ibcm_conn *ibcm,
				   const struct cm_req *req)
{
	struct umad_conn *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->mgmt = mgmt;
	c->ibcm = ibcm;
	c->port = ibcm->peer.port;
	c->req = *req;
	clock_random(&c->psn, sizeof(c->psn));
	c->psn &= PSN_MASK;
	c->base = (struct cm_conn){
		.ops = &umad_ops,
		.verbs = mads_verbs(&mgmt->mads.port[c->port]),
		.port_num = (uint8_t)mgmt->mads.port[c->port].num,
		.infiniband = true,
	};
	ibcm->context = c;
	if (c->base.verbs)
		return c;
	free(c);
	return NULL;
}

static void refuse(struct mgmt *mgmt, struct ibcm_conn *ibcm, uint16_t reason)
{
	struct ibcm_out out;

	ibcm->context = NULL;
	ibcm_reject(&mgmt->cm, now_ms(), ibcm, reason, "", 0, &out);
	carry_out(mgmt, &out);
}

static void request(struct mgmt *mgmt, struct ibcm_conn *ibcm, const struct cm_req *req)
{
	struct cm_listener *listener = find_listener(mgmt, req->service_id);
	struct umad_conn *c = listener ? make_conn(mgmt, ibcm, req) : NULL;
	struct cm_request cr;

	if (!c) {
		refuse(mgmt, ibcm, listener ? CM_REJ_NO_RESOURCES : CM_REJ_INVALID_SERVICE_ID);
		return;
	}
	cr = (struct cm_request){
		.listener = listener,
		.conn = &c->base,
		.data = req->private_data,
		.len = sizeof(req->private_data),
		.native = true,
		.initiator_depth = req->responder_resources,
		.pkey = req->pkey,
	};
	memcpy(cr.gid.raw, req->primary.local_gid, 16);
	memcpy(cr.local_gid.raw, req->primary.remote_gid, 16);
	inet_ntop(AF_INET6, cr.gid.raw, cr.peer, sizeof(cr.peer));
	if (!mgmt->server->cm.ops->request(mgmt->server, &cr))
		op_destroy(&c->base);
}

static void say(const struct mads_port *port, const struct mad_addr *from, const uint8_t *mad)
{
	struct mad_hdr hdr;

	mad_hdr_parse(mad, MAD_LEN, &hdr);
	log_dbg(LOGC_CM, "cm: %s from LID %u at %s port %d", cm_attr_name(hdr.attr_id), from->lid,
		port->device, port->num);
}

void mgmt_cm_received(struct mgmt *mgmt, const struct mad_addr *from, const uint8_t *mad,
		      size_t len)
{
	struct mads_port *mp = &mgmt->mads.port[from->port];
	struct ibv_context *verbs = mads_verbs(mp);
	const struct ibcm_port port = {
		.ca_guid = verbs ? be64toh(ibv_get_device_guid(verbs->device)) : mp->port_guid,
		.gids = (const uint8_t(*)[16])mp->gids,
		.n_gids = mp->n_gids,
		.pkeys = mp->pkeys,
		.n_pkeys = mp->n_pkeys,
	};
	struct ibcm_out out;

	if (log_on(LOGC_CM))
		say(mp, from, mad);
	ibcm_recv(&mgmt->cm, now_ms(), &port, from, mad, len, &out);
	carry_out(mgmt, &out);
}

void mgmt_cm_timers(struct mgmt *mgmt)
{
	struct ibcm_out out;

	while (mgmt->umad_cm && ibcm_timer(&mgmt->cm, now_ms(), &out))
		carry_out(mgmt, &out);
}

void mgmt_cm_port_down(struct mgmt *mgmt, unsigned int port)
{
	for (size_t i = 0; mgmt->umad_cm && i < MAX_CONNS; i++) {
		struct umad_conn *c = mgmt->conns[i].context;

		if (c && mgmt->conns[i].owned && c->port == port)
			mgmt->server->cm.ops->ended(mgmt->server, &c->base, CM_END_DEVICE_REMOVED);
	}
}

/* ---- start and stop ---- */

/* Where RDMA/CM is, the kernel's ib_cm is, and has every port. */
static bool use_umad(const struct conf *conf)
{
	if (strcmp(conf->cm, "auto") != 0)
		return strcmp(conf->cm, "umad") == 0;
	if (cm_available())
		return false;
	log_info("no RDMA/CM in the kernel: native logins are taken by umad");
	return true;
}

static void set_redirect(struct mgmt *mgmt, const char *gid)
{
	mgmt->redirect = (struct class_port_info){
		.base_version = MAD_BASE_VERSION,
		.class_version = CM_CLASS_VERSION,
		.redirect_qpn = 1,
		.redirect_qkey = MAD_QKEY,
		.redirect_pkey = 0xffff,
	};
	inet_pton(AF_INET6, gid, mgmt->redirect.redirect_gid);
	mgmt->cm.redirect = &mgmt->redirect;
	log_info("native logins are redirected to the port with GID %s", gid);
}

int mgmt_cm_new(struct mgmt *mgmt, const struct conf *conf)
{
	uint32_t seed;

	mgmt->umad_cm = use_umad(conf);
	if (!mgmt->umad_cm)
		return 0;
	mgmt->conns = calloc(MAX_CONNS, sizeof(*mgmt->conns));
	mgmt->services = calloc(mgmt->server->n_portals, sizeof(*mgmt->services));
	if (!mgmt->conns || !mgmt->services)
		return -ENOMEM;
	clock_random(&seed, sizeof(seed));
	ibcm_init(&mgmt->cm, mgmt->conns, MAX_CONNS, seed);
	mgmt->cm.services = mgmt->services;
	if (conf->ib_redirect)
		set_redirect(mgmt, conf->ib_redirect);
	return 0;
}

void mgmt_cm_free(struct mgmt *mgmt)
{
	free(mgmt->conns);
	free(mgmt->services);
}

int mgmt_listen(struct mgmt *mgmt, struct portal *portal)
{
	struct cm_listener *l = calloc(1, sizeof(*l));
	struct cm *cm = &mgmt->server->cm;

	if (!l)
		return -ENOMEM;
	l->cm = cm;
	l->service_id = portal->service_id;
	l->context = portal;
	snprintf(l->name, sizeof(l->name), "InfiniBand service id %016" PRIx64, portal->service_id);
	LIST_INSERT_HEAD(&cm->listeners, l, link);
	portal->cm = l;
	mgmt->services[mgmt->cm.n_services++] = portal->service_id;
	return 0;
}

void mgmt_unlisten(struct mgmt *mgmt)
{
	mgmt->cm.n_services = 0;
}
