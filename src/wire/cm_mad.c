/* SPDX-License-Identifier: BSD-2-Clause */
/* Layouts of the CM's messages, see cm_mad.h. Positions are relative to the MAD's data. */
#include "wire/cm_mad.h"

#include <string.h>

#include "base/compiler.h"
#include "wire/field.h"

#define F(name, byte, first, n) FIELD(struct cm_msg, name, byte, first, n)

#define PATH(p, at)                                                                   \
	F(p.local_lid, at, 0, 16), F(p.remote_lid, (at) + 2, 0, 16),                  \
		F(p.local_gid, (at) + 4, 0, 128), F(p.remote_gid, (at) + 20, 0, 128), \
		F(p.flow_label, (at) + 36, 0, 20), F(p.rate, (at) + 39, 2, 6),        \
		F(p.tclass, (at) + 40, 0, 8), F(p.hop_limit, (at) + 41, 0, 8),        \
		F(p.sl, (at) + 42, 0, 4), F(p.subnet_local, (at) + 42, 4, 1),         \
		F(p.ack_timeout, (at) + 43, 0, 5)

/* IBA 12.6.5 */
static const struct field req[] = {
	F(req.local_id, 0, 0, 32),
	F(req.service_id, 8, 0, 64),
	F(req.ca_guid, 16, 0, 64),
	F(req.qkey, 28, 0, 32),
	F(req.qpn, 32, 0, 24),
	F(req.responder_resources, 35, 0, 8),
	F(req.eecn, 36, 0, 24),
	F(req.initiator_depth, 39, 0, 8),
	F(req.remote_eecn, 40, 0, 24),
	F(req.remote_timeout, 43, 0, 5),
	F(req.transport, 43, 5, 2),
	F(req.flow_control, 43, 7, 1),
	F(req.starting_psn, 44, 0, 24),
	F(req.local_timeout, 47, 0, 5),
	F(req.retry_count, 47, 5, 3),
	F(req.pkey, 48, 0, 16),
	F(req.mtu, 50, 0, 4),
	F(req.rdc, 50, 4, 1),
	F(req.rnr_retry, 50, 5, 3),
	F(req.max_cm_retries, 51, 0, 4),
	F(req.srq, 51, 4, 1),
	F(req.ext_transport, 51, 5, 3),
	PATH(req.primary, 52),
	PATH(req.alternate, 96),
	F(req.private_data, 140, 0, CM_REQ_PRIVATE_LEN * 8),
};

/* IBA 12.6.8 */
static const struct field rep[] = {
	F(rep.local_id, 0, 0, 32),
	F(rep.remote_id, 4, 0, 32),
	F(rep.qkey, 8, 0, 32),
	F(rep.qpn, 12, 0, 24),
	F(rep.eecn, 16, 0, 24),
	F(rep.starting_psn, 20, 0, 24),
	F(rep.responder_resources, 24, 0, 8),
	F(rep.initiator_depth, 25, 0, 8),
	F(rep.target_ack_delay, 26, 0, 5),
	F(rep.failover, 26, 5, 2),
	F(rep.flow_control, 26, 7, 1),
	F(rep.rnr_retry, 27, 0, 3),
	F(rep.srq, 27, 3, 1),
	F(rep.ca_guid, 28, 0, 64),
	F(rep.private_data, 36, 0, CM_REP_PRIVATE_LEN * 8),
};

static const struct field rtu[] = {
	/* IBA 12.6.9 */
	F(rtu.local_id, 0, 0, 32),
	F(rtu.remote_id, 4, 0, 32),
};

static const struct field rej[] = {
	/* IBA 12.6.7 */
	F(rej.local_id, 0, 0, 32),
	F(rej.remote_id, 4, 0, 32),
	F(rej.rejected, 8, 0, 2),
	F(rej.ari_len, 9, 0, 7),
	F(rej.reason, 10, 0, 16),
	F(rej.ari, 12, 0, CM_ARI_LEN * 8),
	F(rej.private_data, 84, 0, CM_REJ_PRIVATE_LEN * 8),
};

static const struct field mra[] = {
	/* IBA 12.6.6 */
	F(mra.local_id, 0, 0, 32),
	F(mra.remote_id, 4, 0, 32),
	F(mra.mraed, 8, 0, 2),
	F(mra.service_timeout, 9, 0, 5),
};

static const struct field dreq[] = {
	/* IBA 12.6.10 */
	F(dreq.local_id, 0, 0, 32),
	F(dreq.remote_id, 4, 0, 32),
	F(dreq.remote_qpn, 8, 0, 24),
	F(dreq.private_data, 12, 0, CM_DREQ_PRIVATE_LEN * 8),
};

static const struct field drep[] = {
	/* IBA 12.6.11 */
	F(drep.local_id, 0, 0, 32),
	F(drep.remote_id, 4, 0, 32),
};

static const struct field lap[] = {
	/* IBA 12.8.1 */
	F(lap.local_id, 0, 0, 32),
	F(lap.remote_id, 4, 0, 32),
	F(lap.remote_qpn, 12, 0, 24),
};

static const struct field apr[] = {
	/* IBA 12.8.2 */
	F(apr.local_id, 0, 0, 32),
	F(apr.remote_id, 4, 0, 32),
	F(apr.status, 9, 0, 8),
};

static const struct field sidr_req[] = {
	/* IBA 12.11.1 */
	F(sidr_req.request_id, 0, 0, 32),
	F(sidr_req.pkey, 4, 0, 16),
	F(sidr_req.service_id, 8, 0, 64),
};

static const struct field sidr_rep[] = {
	/* IBA 12.11.2 */
	F(sidr_rep.request_id, 0, 0, 32),  F(sidr_rep.status, 4, 0, 8), F(sidr_rep.qpn, 8, 0, 24),
	F(sidr_rep.service_id, 12, 0, 64), F(sidr_rep.qkey, 20, 0, 32),
};

#define LAYOUT(attr, table, text) [(attr)-CM_REQ] = { table, ARRAY_SIZE(table), text }
static const struct {
	const struct field *fields;
	size_t n;
	const char *name;
} layouts[] = {
	LAYOUT(CM_REQ, req, "REQ"),
	LAYOUT(CM_MRA, mra, "MRA"),
	LAYOUT(CM_REJ, rej, "REJ"),
	LAYOUT(CM_REP, rep, "REP"),
	LAYOUT(CM_RTU, rtu, "RTU"),
	LAYOUT(CM_DREQ, dreq, "DREQ"),
	LAYOUT(CM_DREP, drep, "DREP"),
	LAYOUT(CM_SIDR_REQ, sidr_req, "SIDR_REQ"),
	LAYOUT(CM_SIDR_REP, sidr_rep, "SIDR_REP"),
	LAYOUT(CM_LAP, lap, "LAP"),
	LAYOUT(CM_APR, apr, "APR"),
};

static bool attr_known(uint16_t attr)
{
	return attr >= CM_REQ && (size_t)(attr - CM_REQ) < ARRAY_SIZE(layouts);
}

/* All private data fields are in the table, so a MAD must be there in full length. */
enum mad_err cm_msg_parse(const void *mad, size_t len, struct cm_msg *out)
{
	const uint8_t *p = mad;
	struct mad_hdr hdr;

	if (len < MAD_LEN || mad_hdr_parse(mad, len, &hdr))
		return MAD_ERR_SHORT;
	if (hdr.base_version != MAD_BASE_VERSION)
		return MAD_ERR_BASE_VERSION;
	if (hdr.mgmt_class != MAD_CLASS_CM)
		return MAD_ERR_CLASS;
	if (hdr.method != MAD_SEND)
		return MAD_ERR_METHOD;
	if (!attr_known(hdr.attr_id))
		return MAD_ERR_ATTRIBUTE;
	memset(out, 0, sizeof(*out));
	out->tid = hdr.tid;
	out->attr = (enum cm_attr)hdr.attr_id;
	fields_get(layouts[hdr.attr_id - CM_REQ].fields, layouts[hdr.attr_id - CM_REQ].n,
		   p + MAD_HDR_LEN, out);
	return hdr.class_version == CM_CLASS_VERSION ? MAD_OK : MAD_ERR_CLASS_VERSION;
}

void cm_msg_build(uint8_t out[MAD_LEN], const struct cm_msg *msg)
{
	struct mad_hdr hdr = {
		.base_version = MAD_BASE_VERSION,
		.mgmt_class = MAD_CLASS_CM,
		.class_version = CM_CLASS_VERSION,
		.method = MAD_SEND,
		.tid = msg->tid,
		.attr_id = (uint16_t)msg->attr,
	};

	memset(out, 0, MAD_LEN);
	mad_hdr_build(out, &hdr);
	fields_put(layouts[msg->attr - CM_REQ].fields, layouts[msg->attr - CM_REQ].n,
		   out + MAD_HDR_LEN, msg);
}

const char *cm_attr_name(uint16_t attr)
{
	return attr_known(attr) ? layouts[attr - CM_REQ].name : "unknown message";
}

const char *cm_rej_reason_name(uint16_t reason)
{
	static const char *const names[] = {
		[CM_REJ_NO_QP] = "no queue pair available",
		[CM_REJ_NO_EEC] = "no end-to-end context available",
		[CM_REJ_NO_RESOURCES] = "no resources available",
		[CM_REJ_TIMEOUT] = "timeout",
		[CM_REJ_UNSUPPORTED] = "unsupported request",
		[CM_REJ_INVALID_COMM_ID] = "invalid communication id",
		[CM_REJ_INVALID_COMM_INSTANCE] = "invalid communication instance",
		[CM_REJ_INVALID_SERVICE_ID] = "invalid service id",
		[CM_REJ_INVALID_TRANSPORT] = "invalid transport service type",
		[CM_REJ_STALE] = "stale connection",
		[CM_REJ_PRIMARY_GID] = "primary path: remote GID rejected",
		[CM_REJ_PRIMARY_LID] = "primary path: remote LID rejected",
		[CM_REJ_REDIRECT] = "port and CM redirection",
		[CM_REJ_MTU] = "invalid path MTU",
		[CM_REJ_CONSUMER] = "consumer reject",
		[CM_REJ_DUPLICATE_COMM_ID] = "duplicate local communication id",
		[CM_REJ_CLASS_VERSION] = "invalid class version",
	};

	return reason < ARRAY_SIZE(names) && names[reason] ? names[reason] : "other reason";
}
