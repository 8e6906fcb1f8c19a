/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a MAD of the communication manager or of subnet administration: what a parser takes
 * survives being built and parsed again, and records lie within the received bytes.
 */
#include "fuzz.h"

#include <string.h>

#include "wire/cm_mad.h"
#include "wire/sa_mad.h"

static void fuzz_cm(const uint8_t *mad, size_t len)
{
	struct cm_msg msg, back;
	uint8_t again[MAD_LEN], twice[MAD_LEN];
	enum mad_err err = cm_msg_parse(mad, len, &msg);

	must(mad_err_name(err));
	if (err != MAD_OK && err != MAD_ERR_CLASS_VERSION)
		return;
	must(len >= MAD_LEN && cm_attr_name((uint16_t)msg.attr));
	cm_msg_build(again, &msg);
	must(cm_msg_parse(again, MAD_LEN, &back) == MAD_OK);
	must(back.attr == msg.attr && back.tid == msg.tid);
	cm_msg_build(twice, &back);
	must(memcmp(again, twice, MAD_LEN) == 0);
	if (msg.attr == CM_REJ)
		must(cm_rej_reason_name(msg.rej.reason));
}

static void fuzz_record(const struct sa_answer *a, const uint8_t *rec)
{
	struct sa_node_record node;
	struct sa_port_info_record info;
	struct sa_path_record path;
	struct sa_service_record service;

	switch (a->attr) {
	case SA_NODE_RECORD:
		sa_node_record_parse(rec, &node);
		break;
	case SA_PORT_INFO_RECORD:
		sa_port_info_record_parse(rec, &info);
		break;
	case SA_PATH_RECORD:
		sa_path_record_parse(rec, &path);
		break;
	case SA_SERVICE_RECORD:
		sa_service_record_parse(rec, &service);
		break;
	}
}

static void fuzz_sa(const uint8_t *mad, size_t len)
{
	struct sa_answer a;

	if (sa_answer_parse(mad, len, &a))
		return;
	must(!a.status || !a.n_records);
	for (size_t i = 0; i < a.n_records; i++)
		fuzz_record(&a, a.records + i * a.record_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *mad = malloc(size);

	must(mad || !size);
	if (size)
		memcpy(mad, data, size);
	fuzz_cm(mad, size);
	fuzz_sa(mad, size);
	free(mad);
	return 0;
}
