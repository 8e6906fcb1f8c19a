/* SPDX-License-Identifier: BSD-2-Clause */
/* The CM's messages against bytes written out by hand from the layouts of IBA 12.6 to 12.11. */
#include <string.h>

#include "base/compiler.h"
#include "wire/cm_mad.h"
#include "wire_test.h"

/* A MAD with its header; bytes of the message follow by poke(). */
static void start(uint8_t mad[MAD_LEN], uint8_t attr)
{
	static const uint8_t hdr[MAD_HDR_LEN] = { 1,	7,    2,    3,	  0,	0,    0,    0,
						  0x00, 0x00, 0x00, 0x03, 0xd1, 0xbd, 0x93, 0xf7 };

	memset(mad, 0, MAD_LEN);
	memcpy(mad, hdr, sizeof(hdr));
	mad[17] = attr;
}

static void poke(uint8_t mad[MAD_LEN], size_t at, const char *bytes, size_t n)
{
	memcpy(mad + MAD_HDR_LEN + at, bytes, n);
}
#define POKE(mad, at, str) poke(mad, at, str, sizeof(str) - 1)

static void rebuilt_equal(const struct cm_msg *msg, const uint8_t mad[MAD_LEN])
{
	uint8_t again[MAD_LEN];

	memset(again, 0x5a, sizeof(again));
	cm_msg_build(again, msg);
	assert_memory_equal(again, mad, MAD_LEN);
}

static void golden_req(uint8_t mad[MAD_LEN])
{
	start(mad, 0x10);
	POKE(mad, 0, "\xf7\x93\xbd\xd1");
	POKE(mad, 8, "\x00\x00\x00\x00\x01\x3f\x13\x88\x00\x00\x00\xff\xfe\x00\x00\x02");
	POKE(mad, 32, "\x00\x00\x12\x04");
	POKE(mad, 43, "\xa1\x12\x34\x56\xa7\x80\x01\x57\xf8"); /* 20, RC, flow; PSN; 20, 7; … */
	POKE(mad, 52, "\x00\x02\x00\x01");
	POKE(mad, 56, "\xfe\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xfe\x00\x00\x02");
	POKE(mad, 72, "\xfe\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xfe\x00\x00\x01");
	POKE(mad, 88, "\xab\xcd\xe0\x0c\x11\x40\x28\x98");
	POKE(mad, 140, "\x00\x00\x00\x00\x00\x00\x00\x00login");
}

static void test_req(void **state)
{
	uint8_t mad[MAD_LEN];
	struct cm_msg m;

	golden_req(mad);
	assert_int_equal(cm_msg_parse(mad, MAD_LEN, &m), MAD_OK);
	assert_int_equal(m.attr, CM_REQ);
	assert_true(m.tid == 0x00000003d1bd93f7);
	assert_int_equal(m.req.local_id, 0xf793bdd1);
	assert_true(m.req.service_id == 0x13f1388 && m.req.ca_guid == 0xfffe000002);
	assert_int_equal(m.req.qpn, 0x12);
	assert_int_equal(m.req.responder_resources, 4);
	assert_int_equal(m.req.initiator_depth, 0);
	assert_int_equal(m.req.remote_timeout, 20);
	assert_int_equal(m.req.transport, CM_TRANSPORT_RC);
	assert_true(m.req.flow_control);
	assert_int_equal(m.req.starting_psn, 0x123456);
	assert_int_equal(m.req.local_timeout, 20);
	assert_int_equal(m.req.retry_count, 7);
	assert_int_equal(m.req.pkey, 0x8001);
	assert_int_equal(m.req.mtu, 5);
	assert_false(m.req.rdc);
	assert_int_equal(m.req.rnr_retry, 7);
	assert_int_equal(m.req.max_cm_retries, 15);
	assert_true(m.req.srq);
	assert_int_equal(m.req.ext_transport, 0);
	assert_int_equal(m.req.primary.local_lid, 2);
	assert_int_equal(m.req.primary.remote_lid, 1);
	assert_int_equal(m.req.primary.local_gid[15], 2);
	assert_int_equal(m.req.primary.remote_gid[15], 1);
	assert_int_equal(m.req.primary.flow_label, 0xabcde);
	assert_int_equal(m.req.primary.rate, 12);
	assert_int_equal(m.req.primary.tclass, 0x11);
	assert_int_equal(m.req.primary.hop_limit, 0x40);
	assert_int_equal(m.req.primary.sl, 2);
	assert_true(m.req.primary.subnet_local);
	assert_int_equal(m.req.primary.ack_timeout, 19);
	assert_int_equal(m.req.alternate.local_lid, 0);
	assert_memory_equal(m.req.private_data + 8, "login", 5);
	rebuilt_equal(&m, mad);
}

static void test_alternate_path(void **state)
{
	uint8_t mad[MAD_LEN];
	struct cm_msg m;

	golden_req(mad);
	POKE(mad, 96, "\x00\x0a\x00\x0b");
	POKE(mad, 132, "\x12\x34\x50\x3f\x22\x01\xf0\xf8");
	assert_int_equal(cm_msg_parse(mad, MAD_LEN, &m), MAD_OK);
	assert_int_equal(m.req.alternate.local_lid, 10);
	assert_int_equal(m.req.alternate.remote_lid, 11);
	assert_int_equal(m.req.alternate.flow_label, 0x12345);
	assert_int_equal(m.req.alternate.rate, 63);
	assert_int_equal(m.req.alternate.tclass, 0x22);
	assert_int_equal(m.req.alternate.hop_limit, 1);
	assert_int_equal(m.req.alternate.sl, 15);
	assert_false(m.req.alternate.subnet_local);
	assert_int_equal(m.req.alternate.ack_timeout, 31);
	rebuilt_equal(&m, mad);
}

static void test_rep(void **state)
{
	uint8_t mad[MAD_LEN];
	struct cm_msg m;

	start(mad, 0x13);
	POKE(mad, 0, "\x5a\x5a\x00\x01\xf7\x93\xbd\xd1");
	POKE(mad, 12, "\x00\x00\x13");
	POKE(mad, 20, "\x65\x43\x21");
	POKE(mad, 24, "\x01\x04\x7b\xf0\x00\x00\x00\xff\xfe\x00\x00\x01\xc0");
	assert_int_equal(cm_msg_parse(mad, MAD_LEN, &m), MAD_OK);
	assert_int_equal(m.rep.local_id, 0x5a5a0001);
	assert_int_equal(m.rep.remote_id, 0xf793bdd1);
	assert_int_equal(m.rep.qpn, 0x13);
	assert_int_equal(m.rep.starting_psn, 0x654321);
	assert_int_equal(m.rep.responder_resources, 1);
	assert_int_equal(m.rep.initiator_depth, 4);
	assert_int_equal(m.rep.target_ack_delay, 15);
	assert_int_equal(m.rep.failover, 1);
	assert_true(m.rep.flow_control);
	assert_int_equal(m.rep.rnr_retry, 7);
	assert_true(m.rep.srq);
	assert_true(m.rep.ca_guid == 0xfffe000001);
	assert_int_equal(m.rep.private_data[0], 0xc0);
	rebuilt_equal(&m, mad);
}

static void test_rej(void **state)
{
	uint8_t mad[MAD_LEN];
	struct cm_msg m;

	start(mad, 0x12);
	POKE(mad, 0, "\x5a\x5a\x00\x01\xf7\x93\xbd\xd1\x40\x90\x00\x18");
	POKE(mad, 12, "ari");
	POKE(mad, 84, "\xc2");
	assert_int_equal(cm_msg_parse(mad, MAD_LEN, &m), MAD_OK);
	assert_int_equal(m.rej.rejected, CM_WHICH_REP);
	assert_int_equal(m.rej.ari_len, 72);
	assert_int_equal(m.rej.reason, CM_REJ_REDIRECT);
	assert_memory_equal(m.rej.ari, "ari", 3);
	assert_int_equal(m.rej.private_data[0], 0xc2);
	rebuilt_equal(&m, mad);
}

static void test_small(void **state)
{
	uint8_t mad[MAD_LEN];
	struct cm_msg m;

	start(mad, 0x11);
	POKE(mad, 0, "\x00\x00\x00\x01\x00\x00\x00\x02\x80\xc0");
	assert_int_equal(cm_msg_parse(mad, MAD_LEN, &m), MAD_OK);
	assert_int_equal(m.mra.local_id, 1);
	assert_int_equal(m.mra.remote_id, 2);
	assert_int_equal(m.mra.mraed, CM_WHICH_OTHER);
	assert_int_equal(m.mra.service_timeout, 24);
	rebuilt_equal(&m, mad);

	start(mad, 0x15);
	POKE(mad, 0, "\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x12\x00\x80");
	assert_int_equal(cm_msg_parse(mad, MAD_LEN, &m), MAD_OK);
	assert_int_equal(m.dreq.remote_qpn, 0x12);
	assert_int_equal(m.dreq.private_data[0], 0x80);
	rebuilt_equal(&m, mad);

	start(mad, 0x19);
	POKE(mad, 0, "\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x12");
	assert_int_equal(cm_msg_parse(mad, MAD_LEN, &m), MAD_OK);
	assert_int_equal(m.lap.remote_qpn, 0x12);
	rebuilt_equal(&m, mad);

	start(mad, 0x1a);
	POKE(mad, 0, "\x00\x00\x00\x01\x00\x00\x00\x02\x00\x02");
	assert_int_equal(cm_msg_parse(mad, MAD_LEN, &m), MAD_OK);
	assert_int_equal(m.apr.status, CM_AP_NOT_SUPPORTED);
	rebuilt_equal(&m, mad);
}

static void test_sidr(void **state)
{
	uint8_t mad[MAD_LEN];
	struct cm_msg m;

	start(mad, 0x17);
	POKE(mad, 0, "\x00\x00\x00\x07\xff\xff\x00\x00\x00\x00\x00\x00\x01\x3f\x13\x88");
	assert_int_equal(cm_msg_parse(mad, MAD_LEN, &m), MAD_OK);
	assert_int_equal(m.sidr_req.request_id, 7);
	assert_int_equal(m.sidr_req.pkey, 0xffff);
	assert_true(m.sidr_req.service_id == 0x13f1388);
	rebuilt_equal(&m, mad);

	start(mad, 0x18);
	POKE(mad, 0, "\x00\x00\x00\x07\x01\x00\x00\x00\x00\x00\x09\x00");
	POKE(mad, 12, "\x00\x00\x00\x00\x01\x3f\x13\x88\x80\x01\x00\x00");
	assert_int_equal(cm_msg_parse(mad, MAD_LEN, &m), MAD_OK);
	assert_int_equal(m.sidr_rep.status, CM_SIDR_UNSUPPORTED);
	assert_int_equal(m.sidr_rep.qpn, 9);
	assert_true(m.sidr_rep.service_id == 0x13f1388);
	assert_int_equal(m.sidr_rep.qkey, 0x80010000);
	rebuilt_equal(&m, mad);
}

static void test_refused(void **state)
{
	uint8_t mad[MAD_LEN];
	struct cm_msg m;

	golden_req(mad);
	for (size_t len = 0; len < MAD_LEN; len++)
		assert_int_equal(cm_msg_parse(mad, len, &m), MAD_ERR_SHORT);
	mad[0] = 2;
	assert_int_equal(cm_msg_parse(mad, MAD_LEN, &m), MAD_ERR_BASE_VERSION);
	golden_req(mad);
	mad[1] = 6;
	assert_int_equal(cm_msg_parse(mad, MAD_LEN, &m), MAD_ERR_CLASS);
	golden_req(mad);
	mad[3] = 1;
	assert_int_equal(cm_msg_parse(mad, MAD_LEN, &m), MAD_ERR_METHOD);
	for (unsigned int attr = 0; attr < 256; attr++) {
		golden_req(mad);
		mad[17] = (uint8_t)attr;
		assert_int_equal(cm_msg_parse(mad, MAD_LEN, &m),
				 attr < 0x10 || attr > 0x1a ? MAD_ERR_ATTRIBUTE : MAD_OK);
	}
	golden_req(mad);
	mad[2] = 3;
	assert_int_equal(cm_msg_parse(mad, MAD_LEN, &m), MAD_ERR_CLASS_VERSION);
	assert_int_equal(m.req.local_id, 0xf793bdd1);
}

static void test_names(void **state)
{
	assert_string_equal(cm_attr_name(CM_APR), "APR");
	assert_string_equal(cm_attr_name(0x1b), "unknown message");
	assert_string_equal(cm_attr_name(0), "unknown message");
	assert_string_equal(cm_rej_reason_name(10), "stale connection");
	assert_string_equal(cm_rej_reason_name(11), "other reason");
	assert_string_equal(cm_rej_reason_name(0xffff), "other reason");
	assert_string_equal(mad_err_name(MAD_ERR_METHOD), "method that the class does not have");
	assert_string_equal(mad_err_name((enum mad_err)99), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_req),	cmocka_unit_test(test_alternate_path),
		cmocka_unit_test(test_rep),	cmocka_unit_test(test_rej),
		cmocka_unit_test(test_small),	cmocka_unit_test(test_sidr),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
