/* SPDX-License-Identifier: BSD-2-Clause */
/* Initiator patterns: which are well formed, what they match, how a group adds them up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/compiler.h"
#include "conf/acl.h"

/* An InfiniBand initiator, one over RoCE with IPv4, one with IPv6, and one nothing is known of. */
static const struct acl_identity ib = {
	.ip = "",
	.gid = "fe80::2:c903:a3:4271",
	.initiator_port_id = { 0, 0, 0, 0, 0, 0, 0, 1, 0x00, 0x02, 0xc9, 0x03, 0, 0xa3, 0x42, 0x71 },
	.port_guid = 0x0002c90300a34271,
	.pkey = 0x8001,
};
/* A limited member with the ids of SRP r10 (GUID first), and the port through which it came. */
static const struct acl_identity r10 = {
	.gid = "fe80::2:c903:a3:4271",
	.initiator_port_id = { 0, 2, 0xc9, 3, 0, 0xa3, 0x42, 0x71, 0, 0, 0, 0, 0, 0, 0, 5 },
	.port_guid = 0x0002c90300a34271,
	.target_port_guid = 0x0002c90300b00001,
	.pkey = 0x0001,
};
static const struct acl_identity roce = {
	.ip = "192.0.2.7",
	.gid = "::ffff:192.0.2.7",
	.initiator_port_id = { 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0xe4, 0x1d, 0x2d, 3, 0, 0xe6, 0xd5,
			       0xc1 },
	.pkey = 0xffff,
};
static const struct acl_identity v6 = { .ip = "fe80:0000:0000:0000:0000:0000:0000:0001%eth0" };
static const struct acl_identity none;

struct row {
	const char *pattern;
	const struct acl_identity *id;
	bool match;
};

static const struct row rows[] = {
	/* anyone */
	{ "*", &ib, true },
	{ "*", &none, true },
	{ "**", &none, true },
	{ "?*", &none, false },
	{ "!*", &ib, true },
	/* addresses, in every spelling */
	{ "192.0.2.7", &roce, true },
	{ "192.0.2.8", &roce, false },
	{ "192.0.2.7", &ib, false },
	{ "!192.0.2.7", &roce, true },
	{ "::ffff:192.0.2.7", &roce, true },
	{ "::ffff:c000:0207", &roce, true },
	{ "fe80::1", &v6, true },
	{ "FE80::0:1", &v6, true },
	{ "fe80:0000:0000:0000:0000:0000:0000:0001", &v6, true },
	{ "fe80::2", &v6, false },
	{ "fe80::1%eth0", &v6, false },
	/* GIDs */
	{ "fe80::2:c903:a3:4271", &ib, true },
	{ "fe80:0000:0000:0000:0002:c903:00a3:4271", &ib, true },
	{ "FE80::0002:C903:00A3:4271", &ib, true },
	{ "fe80::2:c903:a3:4272", &ib, false },
	{ "fe80::2:c903:a3:4271", &none, false },
	/* nets */
	{ "192.0.2.0/24", &roce, true },
	{ "192.0.2.7/32", &roce, true },
	{ "192.0.2.6/32", &roce, false },
	{ "192.0.2.0/29", &roce, true },
	{ "192.0.2.8/29", &roce, false },
	{ "192.0.3.0/24", &roce, false },
	{ "0.0.0.0/0", &roce, true },
	{ "0.0.0.0/0", &v6, false },
	{ "0.0.0.0/0", &ib, false },
	{ "0.0.0.0/0", &none, false },
	{ "::/0", &v6, true },
	{ "::/0", &ib, true },
	{ "::/0", &roce, false },
	{ "::ffff:192.0.2.0/120", &roce, true },
	{ "fe80::/10", &v6, true },
	{ "fe80::/10", &ib, true },
	{ "fe80::1/128", &v6, true },
	{ "fd00::/8", &v6, false },
	{ "192.0.2.7/24", &roce, false }, /* host bits: malformed */
	/* port GUIDs */
	{ "0002:c903:00a3:4271", &ib, true },
	{ "0002:C903:00A3:4271", &ib, true },
	{ "0x0002c90300a34271", &ib, true },
	{ "0X0002C90300A34271", &ib, true },
	{ "0002c90300a34271", &ib, true },
	{ "0002:c903:00a3:4272", &ib, false },
	{ "0000:0000:0000:0000", &none, false },
	/* initiator port ids */
	{ "0x00000000000000010002c90300a34271", &ib, true },
	{ "00000000000000010002c90300a34271", &ib, true },
	{ "0X00000000000000010002C90300A34271", &ib, true },
	{ "0x00000000000000020002c90300a34271", &ib, false },
	{ "0x00000000000000000000000000000000", &none, false },
	/* either order of the halves */
	{ "0x0002c90300a342710000000000000005", &r10, true },
	{ "0x00000000000000050002c90300a34271", &r10, true },
	{ "00000000000000050002c90300a34271", &r10, true },
	{ "0x0002c90300a342710000000000000001", &ib, true },
	{ "0x00000000000000060002c90300a34271", &r10, false },
	/* the kernel targets' session name with the target port's GUID */
	{ "0x0002c90300b000010000000000000005", &r10, true },
	{ "0x0002c90300b000010002c90300a34271", &r10, false },
	{ "0x0002c90300b000010002c90300a34271", &ib, false },
	{ "0x00000000000000000002c90300a34271", &ib, false },
	/* partitions: membership is of no account */
	{ "pkey:8001", &r10, true },
	{ "pkey:0001", &r10, true },
	{ "pkey:7fff", &r10, false },
	{ "pkey:8001", &ib, true },
	{ "pkey:0x8001", &ib, true },
	{ "PKEY:1", &ib, true },
	{ "pkey:8002", &ib, false },
	{ "pkey:7fff", &roce, true },
	{ "pkey:ffff", &none, false },
	/* wildcards */
	{ "192.0.2.*", &roce, true },
	{ "192.0.2.?", &roce, true },
	{ "192.0.2.??", &roce, false },
	{ "192.*.7", &roce, true },
	{ "192.*.8", &roce, false },
	{ "*.2.7", &roce, true },
	{ "fe80:*", &ib, true },
	{ "FE80:*", &ib, true },
	{ "fe80::*:4271", &ib, true },
	{ "fe80:0000:0000:0000:0002:c903:*", &ib, true },
	{ "fe80::2:c903:*", &ib, true },
	{ "fe80:*", &v6, true },
	{ "fe80:0000:*:0001", &v6, true },
	{ "0002:c903:*", &ib, true },
	{ "????:c903:00a3:427?", &ib, true },
	{ "*:*", &roce, true }, /* its GID */
	{ "*:*", &none, false },
	{ "0x00000000000000010002c903*", &ib, true },
	{ "0x*", &ib, true },
	{ "0x*", &none, false },
	{ "0x0002c903*", &ib, false }, /* 0x with wildcards is of initiator port ids only */
	/* what an initiator says of itself must not pass for an address */
	{ "fe80*", &roce, false },
	{ "*e6d5c1", &roce, false },
	{ "fe80::/10", &roce, false },
	/* malformed */
	{ "", &ib, false },
	{ "host-a", &ib, false },
};

static void matches(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (acl_match(rows[i].pattern, rows[i].id) != rows[i].match)
			fail_msg("row %zu: \"%s\" %s", i, rows[i].pattern,
				 rows[i].match ? "does not match" : "matches");
}

#define FORMS                                                                                      \
	"an IP address, a net, a GID, a port GUID, an initiator port id, pkey:XXXX, or one of "    \
	"them with * and ?"

static const struct {
	const char *pattern;
	const char *expected; /* NULL = well formed */
} checks[] = {
	{ "*", NULL },
	{ "!*", NULL },
	{ "192.0.2.7", NULL },
	{ "!192.0.2.0/24", NULL },
	{ "fd00::/8", NULL },
	{ "0002:c903:*", NULL },
	{ "pkey:ffff", NULL },
	{ "", FORMS },
	{ "!", FORMS },
	{ "!!192.0.2.7", FORMS },
	{ " 192.0.2.7", FORMS },
	{ "192.0.2.7 ", FORMS },
	{ "192.0.2", FORMS },
	{ "192.0.2.256", FORMS },
	{ "192.0.2.1192.0.2.2", FORMS },
	{ "fe80:::1", FORMS },
	{ "fe80::1%eth0", FORMS },
	{ "host-a", FORMS },
	{ "host*", FORMS },
	{ "iqn.2001-04.com.example:*", FORMS },
	{ "0x12", FORMS },
	{ "0x0002c90300a3427", FORMS },
	{ "0x0002:c903:00a3:4271", FORMS },
	{ "0002c90300a3427g", FORMS },
	{ "192.0.2.0/33", "a prefix length of 0 … 32" },
	{ "fd00::/129", "a prefix length of 0 … 128" },
	{ "192.0.2.0/", "a prefix length of 0 … 32" },
	{ "192.0.2.0/-1", "a prefix length of 0 … 32" },
	{ "192.0.2.0/ 8", "a prefix length of 0 … 32" },
	{ "192.0.2.0/2 4", "a prefix length of 0 … 32" },
	{ "192.0.2.0/99999999999999999999", "a prefix length of 0 … 32" },
	{ "/24", "an IP address before the /" },
	{ "any/24", "an IP address before the /" },
	{ "192.0.2.7/24", "a net without host bits: \"192.0.2.0/24\"" },
	{ "fd00::1/8", "a net without host bits: \"fd00::/8\"" },
	{ "192.0.*/24", "a net without * and ?" },
	{ "pkey:", "pkey: and one to four hex digits, not all zero" },
	{ "pkey:8000", "pkey: and one to four hex digits, not all zero" },
	{ "pkey:12345", "pkey: and one to four hex digits, not all zero" },
	{ "pkey:*", "pkey: and one to four hex digits, not all zero" },
	{ "11111111111111111111111111111111111111111111111111111111111111111111111111111111*",
	  FORMS },
	{ "1111111111111111111111111111111111111111111111111111111111111111/24", FORMS },
};

static void well_formed(void **state)
{
	char err[ACL_ERR_LEN];

	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		int ret = acl_check(checks[i].pattern, err, sizeof(err));

		if (ret != (checks[i].expected ? -EINVAL : 0))
			fail_msg("\"%s\": returned %d", checks[i].pattern, ret);
		if (ret)
			assert_string_equal(err, checks[i].expected);
	}
}

static void groups(void **state)
{
	char *net_but_one[] = { "192.0.2.0/24", "!192.0.2.7" };
	char *one_first[] = { "!192.0.2.7", "*" };
	char *others_excluded[] = { "!192.0.2.8", "192.0.2.0/24" };
	char *only_excludes[] = { "!192.0.2.8" };
	char *unreadable[] = { "*", "!host-a" };
	char *by_port_id[] = { "192.0.2.99", "00000000000000010002c90300a34271" };

	assert_false(acl_group_match(net_but_one, 2, &roce));
	assert_true(acl_group_match(net_but_one, 1, &roce));
	assert_false(acl_group_match(one_first, 2, &roce));
	assert_true(acl_group_match(one_first, 2, &ib));
	assert_true(acl_group_match(others_excluded, 2, &roce));
	assert_false(acl_group_match(only_excludes, 1, &roce));
	assert_false(acl_group_match(unreadable, 2, &roce));
	assert_true(acl_group_match(by_port_id, 2, &ib));
	assert_false(acl_group_match(by_port_id, 2, &roce));
	assert_false(acl_group_match(NULL, 0, &roce));
}

static void any(void **state)
{
	assert_true(acl_is_any("*"));
	assert_true(acl_is_any("***"));
	assert_false(acl_is_any(""));
	assert_false(acl_is_any("!*"));
	assert_false(acl_is_any("?*"));
}

/* A pattern of many stars must not take exponential time. */
static void stars(void **state)
{
	assert_false(acl_match("*0*0*0*0*0*0*0*0*0*0*0*0*0*0*0*0*0*0*0*0*0*0*0*0*0*0*0*0*0*0*9",
			       &v6));
}

/* Before an initiator has said who it is: only what can be told excludes it. */
static void may_match(void **state)
{
	static const struct {
		const char *pattern[2];
		uint16_t pkey;
		const char *gid;
		bool may;
	} cases[] = {
		{ { "*" }, 0x8001, NULL, true },
		{ { "pkey:8001" }, 0x8001, NULL, true },
		{ { "pkey:8001" }, 0x0001, NULL, true },
		{ { "pkey:8001" }, 0x8002, NULL, false },
		{ { "pkey:8001" }, 0, NULL, true },
		{ { "fe80::7" }, 0x8001, NULL, true },
		{ { "fe80::7" }, 0x8001, "fe80::7", true },
		{ { "fe80::7" }, 0x8001, "fe80::8", false },
		{ { "fe80:*" }, 0x8001, "fd00::8", false },
		{ { "0002:c903:00a3:4271" }, 0x8001, NULL, true },
		{ { "0x00000000000000000002c90300a34271" }, 0x8001, "fe80::8", true },
		{ { "0x0000*" }, 0x8001, "fe80::8", true },
		{ { "*", "!pkey:8001" }, 0x8001, NULL, false },
		{ { "*", "!fe80::7" }, 0x8001, NULL, true },
		{ { "*", "!fe80::7" }, 0x8001, "fe80::7", false },
		{ { "pkey:8002", "fe80::7" }, 0x8001, "fe80::7", true },
		{ { "pkey:8002", "!" }, 0x8002, NULL, false },
		{ { "nonsense::::" }, 0x8001, NULL, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct acl_identity id = { .pkey = cases[i].pkey, .gid = cases[i].gid };
		size_t n = cases[i].pattern[1] ? 2 : 1;

		if (acl_group_may_match((char *const *)cases[i].pattern, n, &id) != cases[i].may)
			fail_msg("row %zu: %s", i, cases[i].pattern[0]);
	}
	assert_false(acl_group_may_match(NULL, 0, &(struct acl_identity){ 0 }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches), cmocka_unit_test(well_formed),
		cmocka_unit_test(groups),  cmocka_unit_test(any),
		cmocka_unit_test(stars),   cmocka_unit_test(may_match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
