/* SPDX-License-Identifier: BSD-2-Clause */
/* Layouts of subnet administration, see sa_mad.h. */
#include "wire/sa_mad.h"

#include <stdbool.h>
#include <string.h>

#include "base/be.h"
#include "base/compiler.h"
#include "wire/field.h"

/* RMPP header and SA header (IBA 13.6.2, 15.2.1.1) */
enum {
	RMPP_VERSION = 24,
	RMPP_TYPE = 25,
	RMPP_FLAGS = 27,
	SA_ATTR_OFFSET = 44,
	SA_COMP_MASK = 48
};
enum {
	RMPP_ACTIVE = 1
};

void sa_request_build(uint8_t out[MAD_LEN], const struct sa_request *req)
{
	struct mad_hdr hdr = {
		.base_version = MAD_BASE_VERSION,
		.mgmt_class = MAD_CLASS_SA,
		.class_version = SA_CLASS_VERSION,
		.method = req->method,
		.tid = req->tid,
		.attr_id = req->attr,
		.attr_mod = req->attr_mod,
	};

	memset(out, 0, MAD_LEN);
	mad_hdr_build(out, &hdr);
	be64_put(out + SA_COMP_MASK, req->comp_mask);
	memcpy(out + SA_DATA, req->data, SA_DATA_LEN);
}

/*
 * The length of a record comes from the answer; one that its last record does not fill is as
 * short as the bytes that came.
 */
static size_t shortest(uint16_t attr)
{
	switch (attr) {
	case SA_NODE_RECORD:
		return SA_NODE_RECORD_LEN;
	case SA_PORT_INFO_RECORD:
		return SA_PORT_INFO_RECORD_LEN;
	case SA_PATH_RECORD:
		return SA_PATH_RECORD_LEN;
	case SA_SERVICE_RECORD:
		return SA_SERVICE_RECORD_LEN;
	case MAD_ATTR_CLASS_PORT_INFO:
		return MAD_CLASS_PORT_INFO_LEN;
	}
	return SIZE_MAX;
}

static void count_records(struct sa_answer *out, const uint8_t *mad, size_t len, bool table)
{
	size_t least = shortest(out->attr), left = len - SA_DATA;

	out->records = mad + SA_DATA;
	out->record_len = (size_t)be16_get(mad + SA_ATTR_OFFSET) * 8;
	if (!table) {
		out->n_records = left >= least;
		return;
	}
	if (out->record_len < least)
		return;
	out->n_records = left / out->record_len;
	if (left % out->record_len >= least)
		out->n_records++;
}

enum mad_err sa_answer_parse(const void *mad, size_t len, struct sa_answer *out)
{
	struct mad_hdr hdr;

	memset(out, 0, sizeof(*out));
	if (len < SA_DATA || mad_hdr_parse(mad, len, &hdr))
		return MAD_ERR_SHORT;
	if (hdr.mgmt_class != MAD_CLASS_SA)
		return MAD_ERR_CLASS;
	if (!(hdr.method & MAD_RESPONSE))
		return MAD_ERR_METHOD;
	if (shortest(hdr.attr_id) == SIZE_MAX)
		return MAD_ERR_ATTRIBUTE;
	out->tid = hdr.tid;
	out->attr = hdr.attr_id;
	out->status = hdr.status;
	if (hdr.status == MAD_STATUS_OK)
		count_records(out, mad, len, hdr.method == (MAD_GET_TABLE | MAD_RESPONSE));
	return MAD_OK;
}

#define N(name, byte, n) FIELD_BYTES(struct sa_node_record, name, byte, n)
static const struct field node_fields[] = {
	/* IBA 15.2.5.2, 14.2.5.3 */
	N(lid, 0, 2),	     N(node_type, 6, 1),     N(node_guid, 16, 8),
	N(port_guid, 24, 8), N(description, 44, 64),
};

#define P(name, byte, first, n) FIELD(struct sa_port_info_record, name, byte, first, n)
static const struct field port_fields[] = {
	/* IBA 15.2.5.3, 14.2.5.6 */
	P(lid, 0, 0, 16),	 P(port, 2, 0, 8),     P(gid_prefix, 12, 0, 64),
	P(base_lid, 20, 0, 16),	 P(sm_lid, 22, 0, 16), P(cap_mask, 24, 0, 32),
	P(local_port, 32, 0, 8), P(state, 36, 4, 4),
};

#define T(name, byte, first, n) FIELD(struct sa_path_record, name, byte, first, n)
static const struct field path_fields[] = {
	/* IBA 15.2.5.16 */
	T(service_id, 0, 0, 64), T(dgid, 8, 0, 128),	   T(sgid, 24, 0, 128),
	T(dlid, 40, 0, 16),	 T(slid, 42, 0, 16),	   T(flow_label, 44, 4, 20),
	T(hop_limit, 47, 0, 8),	 T(tclass, 48, 0, 8),	   T(numb_path, 49, 1, 7),
	T(pkey, 50, 0, 16),	 T(sl, 52, 12, 4),	   T(mtu, 54, 2, 6),
	T(rate, 55, 2, 6),	 T(packet_life, 56, 2, 6),
};

#define S(name, byte, n) FIELD_BYTES(struct sa_service_record, name, byte, n)
static const struct field service_fields[] = {
	/* IBA 15.2.5.14 */
	S(id, 0, 8),	   S(gid, 8, 16),	 S(pkey, 24, 2),
	S(lease_s, 28, 4), S(key, 32, 16),	 S(name, 48, 64),
	S(data8, 112, 16), S(data64[0], 160, 8), S(data64[1], 168, 8),
};

void sa_node_record_parse(const uint8_t *rec, struct sa_node_record *out)
{
	fields_get(node_fields, ARRAY_SIZE(node_fields), rec, out);
}

void sa_node_record_build(uint8_t *rec, const struct sa_node_record *in)
{
	fields_put(node_fields, ARRAY_SIZE(node_fields), rec, in);
}

void sa_port_info_record_parse(const uint8_t *rec, struct sa_port_info_record *out)
{
	fields_get(port_fields, ARRAY_SIZE(port_fields), rec, out);
}

void sa_port_info_record_build(uint8_t *rec, const struct sa_port_info_record *in)
{
	fields_put(port_fields, ARRAY_SIZE(port_fields), rec, in);
}

void sa_path_record_parse(const uint8_t *rec, struct sa_path_record *out)
{
	fields_get(path_fields, ARRAY_SIZE(path_fields), rec, out);
}

void sa_path_record_build(uint8_t *rec, const struct sa_path_record *in)
{
	fields_put(path_fields, ARRAY_SIZE(path_fields), rec, in);
}

void sa_service_record_parse(const uint8_t *rec, struct sa_service_record *out)
{
	fields_get(service_fields, ARRAY_SIZE(service_fields), rec, out);
}

void sa_service_record_build(uint8_t *rec, const struct sa_service_record *in)
{
	fields_put(service_fields, ARRAY_SIZE(service_fields), rec, in);
}
