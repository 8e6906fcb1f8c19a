/* SPDX-License-Identifier: BSD-2-Clause */
/* Device management, subnet administration and ClassPortInfo against bytes written out by hand. */
#include <string.h>

#include "base/be.h"
#include "base/compiler.h"
#include "wire/dm_mad.h"
#include "wire/sa_mad.h"
#include "wire_test.h"

static void test_class_port_info(void **state)
{
	static const uint8_t bytes[MAD_CLASS_PORT_INFO_LEN] = {
		1,    2,    0x01, 0x02, 0,    0,    0,	  0x14, /* resp_time 20 */
		0xfe, 0x80, 0,	  0,	0,    0,    0,	  0,	0,    0, 0, 0,
		0,    0,    0,	  9,	0x11, 0x3a, 0xbc, 0xde, /* tclass, sl 3, flow 0xabcde */
		0,    5,    0x80, 1,	0,    0,    0,	  1,	0x80, 1, 0, 0,
	};
	struct class_port_info info;
	uint8_t again[MAD_CLASS_PORT_INFO_LEN];

	class_port_info_parse(bytes, &info);
	assert_int_equal(info.class_version, 2);
	assert_int_equal(info.cap_mask, 0x102);
	assert_int_equal(info.resp_time, 20);
	assert_int_equal(info.redirect_gid[15], 9);
	assert_int_equal(info.redirect_tclass, 0x11);
	assert_int_equal(info.redirect_sl, 3);
	assert_int_equal(info.redirect_flow, 0xabcde);
	assert_int_equal(info.redirect_lid, 5);
	assert_int_equal(info.redirect_pkey, 0x8001);
	assert_int_equal(info.redirect_qpn, 1);
	assert_int_equal(info.redirect_qkey, 0x80010000);
	memset(again, 0x5a, sizeof(again));
	class_port_info_build(again, &info);
	assert_memory_equal(again, bytes, sizeof(bytes));
}

static void test_io_unit_info(void **state)
{
	struct dm_io_unit_info info = { .change_id = 0x1234, .max_controllers = 16 }, back;
	uint8_t data[DM_DATA_LEN];

	memset(info.slots, DM_SLOT_NONE, sizeof(info.slots));
	info.slots[0] = DM_SLOT_PRESENT;
	info.slots[1] = DM_SLOT_EMPTY;
	info.slots[2] = DM_SLOT_PRESENT;
	memset(data, 0x5a, sizeof(data));
	dm_io_unit_info_build(data, &info);
	assert_memory_equal(data, "\x12\x34\x10\x00\x10\x1f\xff", 7);
	assert_int_equal(data[131], 0xff);
	assert_int_equal(data[132], 0);
	dm_io_unit_info_parse(data, &back);
	assert_int_equal(back.change_id, 0x1234);
	assert_memory_equal(back.slots, info.slots, sizeof(back.slots));
}

static void test_profile(void **state)
{
	static const uint8_t bytes[72] = {
		2,    0,    0,	  0,	0xca, 0xfe, 0, 1, 0x00, 0x02, 0xc9, 0,	 0,   0,
		0x10, 0x03, 0,	  7,	0,    0,    0, 1, 2,	0,    0,    0,	 0,   8,
		1,    0,    0x60, 0x9e, 1,    8,    0, 1, 0,	0,    0,    0,	 0,   128,
		0,    4,    0,	  0,	0x20, 0x54, 0, 1, 0,	0,    0x2b, 0,	 3,   0,
		0,    0,    0,	  0,	0,    0,    0, 0, 's',	'r',  'p',  't', 'd',
	};
	struct dm_ioc_profile p;
	uint8_t data[DM_DATA_LEN] = { 0 }, again[DM_DATA_LEN];

	memcpy(data, bytes, sizeof(bytes));
	dm_ioc_profile_parse(data, &p);
	assert_true(p.ioc_guid == 0x02000000cafe0001);
	assert_int_equal(p.vendor_id, 0x2c9);
	assert_int_equal(p.device_id, 0x1003);
	assert_int_equal(p.device_version, 7);
	assert_int_equal(p.subsystem_vendor_id, 0x102);
	assert_int_equal(p.subsystem_id, 8);
	assert_int_equal(p.io_class, DM_IO_CLASS_SRP);
	assert_int_equal(p.io_subclass, DM_IO_SUBCLASS_SRP);
	assert_int_equal(p.protocol, DM_PROTOCOL_SRP);
	assert_int_equal(p.protocol_version, 1);
	assert_int_equal(p.send_queue_depth, 128);
	assert_int_equal(p.rdma_read_depth, 4);
	assert_int_equal(p.send_size, 8276);
	assert_int_equal(p.rdma_size, 65536);
	assert_int_equal(p.op_cap_mask, DM_OP_SRP_TARGET);
	assert_int_equal(p.n_services, 3);
	assert_string_equal(p.id_string, "srptd");
	memset(again, 0x5a, sizeof(again));
	dm_ioc_profile_build(again, &p);
	assert_memory_equal(again, data, sizeof(data));
}

static void test_services(void **state)
{
	struct dm_service s = { .id = 0x13f1388 }, back;
	uint8_t data[DM_DATA_LEN] = { 0 };
	uint64_t ext;

	dm_srp_name(0x0123456789abcdef, s.name);
	dm_service_build(data, 3, &s);
	assert_memory_equal(data + 144, "SRP.T10:0123456789abcdef\0\0", 26);
	assert_int_equal(be64_get(data + 184), 0x13f1388);
	dm_service_parse(data, 3, &back);
	assert_true(back.id == s.id);
	assert_int_equal(dm_srp_name_parse(back.name, &ext), 0);
	assert_true(ext == 0x0123456789abcdef);
}

static void test_service_names(void **state)
{
	static const struct {
		const char name[40];
		int ret;
	} rows[] = {
		{ "SRP.T10:0123456789ABCDEF", 0 },   { "SRP.T10:0123456789abcde", -1 },
		{ "SRP.T10:0123456789abcdef0", -1 }, { "SRP.T10:0123456789abcdeg", -1 },
		{ "srp.T10:0123456789abcdef", -1 },  { "", -1 },
	};
	char full[40];
	uint64_t ext;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(dm_srp_name_parse(rows[i].name, &ext), rows[i].ret);
	memset(full, 'a', sizeof(full));
	memcpy(full, "SRP.T10:", 8);
	assert_int_equal(dm_srp_name_parse(full, &ext), -1);
}

static void test_dm_answer(void **state)
{
	uint8_t mad[MAD_LEN];
	uint16_t status;

	dm_request_build(mad, 0x42, MAD_GET, DM_IOC_PROFILE, 3);
	assert_memory_equal(mad, "\x01\x06\x01\x01\0\0\0\0\0\0\0\0\0\0\0\x42\0\x11\0\0\0\0\0\x03",
			    24);
	assert_null(dm_answer_parse(mad, MAD_LEN, DM_IOC_PROFILE, &status));
	mad[3] = 0x81;
	assert_ptr_equal(dm_answer_parse(mad, MAD_LEN, DM_IOC_PROFILE, &status), mad + DM_DATA);
	assert_null(dm_answer_parse(mad, MAD_LEN - 1, DM_IOC_PROFILE, &status));
	assert_null(dm_answer_parse(mad, MAD_LEN, DM_IO_UNIT_INFO, &status));
	mad[4] = 1;
	assert_null(dm_answer_parse(mad, MAD_LEN, DM_IOC_PROFILE, &status));
	assert_int_equal(status, DM_STATUS_NO_IOC);
}

static void test_sa_request(void **state)
{
	struct sa_request req = { .tid = 7,
				  .method = MAD_GET_TABLE,
				  .attr = SA_SERVICE_RECORD,
				  .attr_mod = 0x80000000,
				  .comp_mask = SA_SERVICE_NAME | SA_SERVICE_DATA64 };
	uint8_t mad[MAD_LEN];

	req.data[48] = 'S';
	sa_request_build(mad, &req);
	assert_memory_equal(mad, "\x01\x03\x02\x12\0\0\0\0\0\0\0\0\0\0\0\x07\0\x31\0\0\x80\0\0\0",
			    24);
	assert_memory_equal(mad + 48, "\0\0\0\x18\0\0\0\x40", 8);
	assert_int_equal(mad[56 + 48], 'S');
}

/* n records of len bytes, the last one cut to `last` bytes. */
static size_t table(uint8_t *mad, uint16_t attr, size_t n, size_t len, size_t last)
{
	memset(mad, 0, SA_DATA + n * len);
	memcpy(mad, "\x01\x03\x02\x92", 4);
	be16_put(mad + 16, attr);
	be16_put(mad + 44, (uint16_t)(len / 8));
	return SA_DATA + (n ? (n - 1) * len + last : 0);
}

static void test_sa_answer(void **state)
{
	uint8_t mad[1024];
	struct sa_answer a;
	size_t len = table(mad, SA_NODE_RECORD, 3, 112, 112);

	assert_int_equal(sa_answer_parse(mad, len, &a), MAD_OK);
	assert_int_equal(a.n_records, 3);
	assert_int_equal(a.record_len, 112);
	assert_ptr_equal(a.records, mad + 56);
	len = table(mad, SA_NODE_RECORD, 3, 112, 108);
	assert_int_equal(sa_answer_parse(mad, len, &a), MAD_OK);
	assert_int_equal(a.n_records, 3);
	assert_int_equal(sa_answer_parse(mad, len - 1, &a), MAD_OK);
	assert_int_equal(a.n_records, 2);
	len = table(mad, SA_NODE_RECORD, 0, 0, 0);
	assert_int_equal(sa_answer_parse(mad, len, &a), MAD_OK);
	assert_int_equal(a.n_records, 0);
	len = table(mad, SA_NODE_RECORD, 3, 104, 104); /* shorter than the record is */
	assert_int_equal(sa_answer_parse(mad, len, &a), MAD_OK);
	assert_int_equal(a.n_records, 0);
	mad[4] = 3;
	assert_int_equal(sa_answer_parse(mad, len, &a), MAD_OK);
	assert_int_equal(a.status, SA_STATUS_NO_RECORDS);
	assert_int_equal(a.n_records, 0);
	mad[3] = 0x12;
	assert_int_equal(sa_answer_parse(mad, len, &a), MAD_ERR_METHOD);
	mad[1] = 6;
	assert_int_equal(sa_answer_parse(mad, len, &a), MAD_ERR_CLASS);
	assert_int_equal(sa_answer_parse(mad, 55, &a), MAD_ERR_SHORT);
	table(mad, 0x99, 1, 112, 112);
	assert_int_equal(sa_answer_parse(mad, 256, &a), MAD_ERR_ATTRIBUTE);
	table(mad, SA_PATH_RECORD, 1, 0, 0); /* Get: the offset does not count */
	mad[3] = 0x81;
	assert_int_equal(sa_answer_parse(mad, 256, &a), MAD_OK);
	assert_int_equal(a.n_records, 1);
}

static void test_records(void **state)
{
	uint8_t rec[SA_SERVICE_RECORD_LEN] = { 0 }, again[SA_SERVICE_RECORD_LEN] = { 0 };
	struct sa_service_record s;
	struct sa_path_record p;
	struct sa_port_info_record i;
	struct sa_node_record n;

	memcpy(rec + 6, "\x13\x88\xfe\x80", 4);
	memcpy(rec + 24, "\x80\x01\0\0\0\0\x02\x58", 8);
	memcpy(rec + 48, "SRP.T10:", 8);
	rec[112] = 7, rec[167] = 8, rec[175] = 9, rec[47] = 5;
	sa_service_record_parse(rec, &s);
	assert_true(s.id == 0x1388 && s.gid[0] == 0xfe && s.pkey == 0x8001 && s.lease_s == 600);
	assert_string_equal(s.name, "SRP.T10:");
	assert_true(s.data8[0] == 7 && s.data64[0] == 8 && s.data64[1] == 9 && s.key[15] == 5);
	sa_service_record_build(again, &s);
	assert_memory_equal(rec, again, sizeof(rec));

	memset(rec, 0, sizeof(rec));
	memcpy(rec + 40, "\0\x01\0\x02\x0a\xbc\xde\x40\x11\x01\x80\x01\0\x03\x84\x8c\x92", 17);
	sa_path_record_parse(rec, &p);
	assert_true(p.dlid == 1 && p.slid == 2 && p.flow_label == 0xabcde && p.hop_limit == 64);
	assert_true(p.tclass == 0x11 && p.numb_path == 1 && p.pkey == 0x8001 && p.sl == 3);
	assert_true(p.mtu == 4 && p.rate == 12 && p.packet_life == 18);

	memset(rec, 0, sizeof(rec));
	memcpy(rec + 20, "\0\x03\0\x01\0\x09\0\0", 8);
	rec[1] = 3, rec[2] = 1, rec[32] = 1, rec[36] = 0x74;
	sa_port_info_record_parse(rec, &i);
	assert_true(i.lid == 3 && i.port == 1 && i.base_lid == 3 && i.sm_lid == 1);
	assert_true(i.cap_mask == 0x90000 && i.cap_mask & SA_CAP_IS_DM && i.state == 4);

	memset(rec, 0, sizeof(rec));
	rec[1] = 3, rec[6] = 1, rec[23] = 4, rec[31] = 5, rec[44] = 'n';
	sa_node_record_parse(rec, &n);
	assert_true(n.lid == 3 && n.node_type == SA_NODE_TYPE_CA);
	assert_true(n.node_guid == 4 && n.port_guid == 5);
	assert_string_equal(n.description, "n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_class_port_info), cmocka_unit_test(test_io_unit_info),
		cmocka_unit_test(test_profile),		cmocka_unit_test(test_services),
		cmocka_unit_test(test_service_names),	cmocka_unit_test(test_dm_answer),
		cmocka_unit_test(test_sa_request),	cmocka_unit_test(test_sa_answer),
		cmocka_unit_test(test_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
