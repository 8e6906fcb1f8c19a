/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses: what is understood, and what a person is told when it is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/be.h"
#include "base/compiler.h"
#include "srpio/addr.h"

struct good {
	const char *text, *host, *port, *src;
	uint64_t id_ext, ioc_guid; /* halves of the target port id in this order */
	uint64_t lun;
};

static const struct good goods[] = {
	{ "srp://node1", "node1", "5000", "", 0, 0, 0 },
	{ "srp://node1/", "node1", "5000", "", 0, 0, 0 },
	{ "srp://10.0.0.1:6000/3", "10.0.0.1", "6000", "", 0, 0, 0x0003000000000000 },
	{ "srp://[fe80::1%eth0]/255", "fe80::1%eth0", "5000", "", 0, 0, 0x00ff000000000000 },
	{ "srp://[::1]:70/256", "::1", "70", "", 0, 0, 0x4100000000000000 },
	{ "srp://h/0200aabbccddee01/0x2/16383", "h", "5000", "", 0x0200aabbccddee01, 2,
	  0x7fff000000000000 },
	{ "srp://h/1/2/", "h", "5000", "", 1, 2, 0 },
	{ "srp://h/0xc101000000000000", "h", "5000", "", 0, 0, 0xc101000000000000 },
	{ "id_ext=0200AABBCCDDEE01,ioc_guid=0200aabbccddee02,dest=10.1.1.1:5001", "10.1.1.1",
	  "5001", "", 0x0200aabbccddee01, 0x0200aabbccddee02, 0 },
	{ "dest=[2001:db8::1]:5001,src=[2001:db8::2]", "2001:db8::1", "5001", "2001:db8::2", 0, 0,
	  0 },
	{ "dest=h:1,src=192.0.2.1,max_sect=1024,tl_retry_count=2,comp_vector=0\n", "h", "1",
	  "192.0.2.1", 0, 0, 0 },
	{ "id_ext=1,ioc_guid=2,dest=h,io_class=ff00", "h", "5000", "", 2, 1, 0 },
	{ "id_ext=1,ioc_guid=2,dest=h,io_class=0100", "h", "5000", "", 1, 2, 0 },
};

static void test_good(void **state)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(goods); i++) {
		const struct good *g = &goods[i];
		struct srpi_addr a;
		char err[256] = "";

		if (srpi_addr_parse(g->text, &a, err, sizeof(err)))
			fail_msg("%s: %s", g->text, err);
		assert_string_equal(a.host, g->host);
		assert_string_equal(a.port, g->port);
		assert_string_equal(a.src, g->src);
		assert_int_equal(be64_get(a.target_port_id), g->id_ext);
		assert_int_equal(be64_get(a.target_port_id + 8), g->ioc_guid);
		assert_int_equal(be64_get(a.lun), g->lun);
	}
}

static const struct {
	const char *text, *message;
} bads[] = {
	{ "node1", "none of srp://" },
	{ "", "none of srp://" },
	{ "srp://", "host is missing" },
	{ "srp:///1", "host is missing" },
	{ "srp://:5000/1", "host is missing" },
	{ "srp://h:/1", "port ''" },
	{ "srp://h:0/1", "port '0'" },
	{ "srp://h:65536/1", "port '65536'" },
	{ "srp://h:5x/1", "port '5x'" },
	{ "srp://fe80::1/1", "brackets" },
	{ "srp://[fe80::1/1", "closing bracket" },
	{ "srp://[::1]x/1", "only :port" },
	{ "srp://h/16384", "LUN '16384'" },
	{ "srp://h/-1", "LUN '-1'" },
	{ "srp://h/0x123", "LUN" },
	{ "srp://h/1/2", "id_ext/ioc_guid/LUN" },
	{ "srp://h/1/2/3/4", "id_ext/ioc_guid/LUN" },
	{ "srp://h/g/2/3", "id_ext 'g'" },
	{ "srp://h/1/12345678901234567/3", "ioc_guid" },
	{ "id_ext=1,ioc_guid=2", "dest=host:port or dgid=GID is missing" },
	{ "id_ext=1,dest=h", "ioc_guid is missing" },
	{ "ioc_guid=1,dest=h", "id_ext is missing" },
	{ "dest=h,queue_size=0", "queue_size '0'" },
	{ "dest=h,cmd_sg_entries=256", "cmd_sg_entries '256'" },
	{ "dest=h,allow_ext_sg=2", "allow_ext_sg" },
	{ "dest=h,io_class=0200", "neither 0100 nor ff00" },
	{ "dest=h,frobnicate=1", "unknown option 'frobnicate'" },
	{ "dest=h,nonsense", "no name=value" },
	{ "dgid=fe800000000000000002c90300a34271,dest=h", "exclude each other" },
	{ "dgid=fe80::2:c903:a3:4271", "32 hex digits" },
	{ "dgid=fe80", "32 hex digits" },
	{ "dgid=fe800000000000000002c90300a34271,pkey=8000", "pkey '8000'" },
	{ "dgid=fe800000000000000002c90300a34271,pkey=12345", "pkey '12345'" },
	{ "dgid=fe800000000000000002c90300a34271,service_id=x", "service_id 'x'" },
	{ "ib://node1/0", "'node1' is no GID" },
	{ "ib://fe80::1/0", "brackets" },
	{ "ib://[192.0.2.1]/0", "no GID" },
	{ "ib://[fe80::1%0]/0", "pkey '0'" },
	{ "ib://[fe80::1]:/0", "service_id ''" },
};

static const struct {
	const char *text, *host, *port;
	uint64_t service_id;
	uint16_t pkey;
} natives[] = {
	{ "ib://[fe80::2:c903:a3:4271]/1/2/0", "fe80::2:c903:a3:4271", "00000000013f1388",
	  0x13f1388, 0xffff },
	{ "ib://[fe80:0:0:0:2:C903:A3:4271%8001]:13f1389/1/2/0", "fe80::2:c903:a3:4271",
	  "00000000013f1389", 0x13f1389, 0x8001 },
	{ "id_ext=1,ioc_guid=2,dgid=fe800000000000000002c90300a34271,pkey=0001,"
	  "service_id=0002c90300a34270,src=fe80",
	  "fe80::2:c903:a3:4271", "0002c90300a34270", 0x0002c90300a34270, 0x0001 },
};

static void test_native(void **state)
{
	static const uint8_t gid[16] = { 0xfe, 0x80, 0, 0,    0, 0,    0,    0,
					 0,    2,    0xc9, 3, 0, 0xa3, 0x42, 0x71 };

	for (size_t i = 0; i < ARRAY_SIZE(natives); i++) {
		struct srpi_addr a;
		char err[256] = "";

		if (srpi_addr_parse(natives[i].text, &a, err, sizeof(err)))
			fail_msg("%s: %s", natives[i].text, err);
		assert_true(a.ib);
		assert_memory_equal(a.dgid, gid, sizeof(gid));
		assert_string_equal(a.host, natives[i].host);
		assert_string_equal(a.port, natives[i].port);
		assert_int_equal(a.service_id, natives[i].service_id);
		assert_int_equal(a.pkey, natives[i].pkey);
		assert_int_equal(be64_get(a.target_port_id), 1);
		assert_int_equal(be64_get(a.target_port_id + 8), 2);
	}
}

static void test_bad(void **state)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bads); i++) {
		struct srpi_addr a;
		char err[256] = "";

		if (srpi_addr_parse(bads[i].text, &a, err, sizeof(err)) != -EINVAL)
			fail_msg("'%s' was accepted", bads[i].text);
		if (!strstr(err, bads[i].message))
			fail_msg("'%s': message '%s' lacks '%s'", bads[i].text, err,
				 bads[i].message);
	}
}

static void test_options(void **state)
{
	struct srpi_addr a;
	char err[256];

	assert_int_equal(srpi_addr_parse("dest=h,queue_size=128,cmd_sg_entries=255,ch_count=4,"
					 "max_it_iu_size=580,initiator_ext=abc,tl_retry_count=7",
					 &a, err, sizeof(err)),
			 0);
	assert_int_equal(a.queue_size, 128);
	assert_int_equal(a.cmd_sg_entries, 255);
	assert_int_equal(a.ch_count, 4);
	assert_int_equal(a.max_it_iu_size, 580);
	assert_int_equal(a.tl_retry_count, 7);
	assert_true(a.has_initiator_ext);
	assert_int_equal(a.initiator_ext, 0xabc);
}

static void test_too_long(void **state)
{
	struct srpi_addr a;
	char err[256], text[2000] = "srp://";

	memset(text + 6, 'a', 300);
	assert_int_equal(srpi_addr_parse(text, &a, err, sizeof(err)), -EINVAL);
	assert_non_null(strstr(err, "longer than 255"));
	memset(text + 6, 'a', 1900);
	assert_int_equal(srpi_addr_parse(text, &a, err, sizeof(err)), -EINVAL);
}

static void test_lun_text(void **state)
{
	static const char *const texts[] = { "0", "255", "256", "16383", "0xc101000000000000" };
	uint8_t lun[8];
	char buf[32];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_true(srpi_lun_parse(texts[i], lun));
		assert_string_equal(srpi_lun_text(lun, buf, sizeof(buf)), texts[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good), cmocka_unit_test(test_native),	 cmocka_unit_test(test_bad),
		cmocka_unit_test(test_options),	 cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_lun_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
