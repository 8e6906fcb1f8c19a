/* SPDX-License-Identifier: BSD-2-Clause */
/* The login decision: reasons and their precedence, limits at their edges, what is granted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "proto/login.h"

/* A login that is accepted; each test changes what it is about. */
struct login {
	struct srp_login_req req;
	struct login_limits limits;
	struct login_facts facts;
};

static struct login good_login(void)
{
	return (struct login){
		.req = {
			.tag = 0x1122334455667788,
			.req_it_iu_len = 8260,
			.req_buf_fmt = SRP_BUF_FMT_DIRECT | SRP_BUF_FMT_INDIRECT,
		},
		.limits = {
			.max_req_size = 8276,
			.max_rsp_size = 512,
			.max_channels = 8,
			.req_lim = 128,
			.min_req_lim = 4,
		},
		.facts = { .target_known = true, .admitted = true, .free_receives = 1000 },
	};
}

static struct login_result decide(const struct login *login)
{
	struct login_result result;

	memset(&result, 0xaa, sizeof(result));
	login_decide(&login->req, &login->limits, &login->facts, &result);
	return result;
}

static void assert_accepted(const struct login *login, struct login_result *result)
{
	*result = decide(login);
	if (result->reject)
		fail_msg("rejected: %s", result->why ? result->why : "no reason");
	assert_null(result->why);
}

static void assert_rejected(const struct login *login, uint32_t reason)
{
	struct login_result result = decide(login);

	assert_int_equal(result.reject, reason);
	assert_non_null(result.why);
	assert_true(strlen(result.why) > 0);
	assert_false(result.end_others);
	assert_int_equal(result.imm_data_offset, 0);
	assert_int_equal(result.rsp.req_lim_delta, 0);
	assert_int_equal(result.rsp.max_ti_iu_len, 0);
}

/* ---- reasons ---- */

static void no_resources(struct login *l)
{
	l->facts.out_of_resources = true;
}

static void unknown_target(struct login *l)
{
	l->facts.target_known = false;
}

static void not_admitted(struct login *l)
{
	l->facts.admitted = false;
}

static void iu_too_large(struct login *l)
{
	l->req.req_it_iu_len = l->limits.max_req_size + 1;
}

static void iu_too_small(struct login *l)
{
	l->req.req_it_iu_len = 63;
}

static void unknown_format(struct login *l)
{
	l->req.req_buf_fmt |= 0x0008;
}

static void unknown_action(struct login *l)
{
	l->req.req_flags = (uint8_t)((l->req.req_flags & ~SRP_MULTICHAN_MASK) | 2);
}

static void channel_limit(struct login *l)
{
	l->req.req_flags =
		(uint8_t)((l->req.req_flags & ~SRP_MULTICHAN_MASK) | SRP_MULTICHAN_MULTI);
	l->facts.n_channels = l->limits.max_channels;
}

static void no_receives(struct login *l)
{
	l->facts.free_receives = l->limits.min_req_lim - 1;
}

/* In the order in which they win. */
static const struct {
	void (*spoil)(struct login *login);
	uint32_t reason;
	const char *why; /* a part of it */
} faults[] = {
	{ no_resources, SRP_REJ_INSUFFICIENT_RESOURCES, "resources" },
	{ unknown_target, SRP_REJ_UNABLE_ASSOCIATE, "target port id" },
	{ not_admitted, SRP_REJ_UNABLE_ASSOCIATE, "admits" },
	{ iu_too_large, SRP_REJ_REQ_IT_IU_LENGTH_TOO_LARGE, "larger" },
	{ iu_too_small, SRP_REJ_REQ_IT_IU_LENGTH_TOO_LARGE, "below 64" },
	{ unknown_format, SRP_REJ_UNSUPPORTED_DESCRIPTOR_FMT, "buffer formats" },
	{ unknown_action, SRP_REJ_MULTI_CHANNEL_UNSUPPORTED, "action" },
	{ channel_limit, SRP_REJ_CHANNEL_LIMIT_REACHED, "max_channels" },
	{ no_receives, SRP_REJ_INSUFFICIENT_RESOURCES, "receives" },
};

static void good_login_is_accepted(void **state)
{
	struct login login = good_login();
	struct login_result result;

	assert_accepted(&login, &result);
}

static void every_fault_has_its_reason(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		struct login login = good_login();

		faults[i].spoil(&login);
		assert_rejected(&login, faults[i].reason);
		assert_non_null(strstr(decide(&login).why, faults[i].why));
	}
}

/* Two faults at once: the first of the list is told, so that nothing leaks before the ACL. */
static void first_fault_wins(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
		for (size_t j = i + 1; j < ARRAY_SIZE(faults); j++) {
			struct login login = good_login();

			faults[j].spoil(&login);
			faults[i].spoil(&login); /* last, because two may use the same field */
			assert_rejected(&login, faults[i].reason);
			assert_non_null(strstr(decide(&login).why, faults[i].why));
		}
}

/* ---- limits at their edges ---- */

static void req_it_iu_len_is_between_64_and_the_limit(void **state)
{
	static const struct {
		uint32_t len, reason;
	} rows[] = {
		{ 0, SRP_REJ_REQ_IT_IU_LENGTH_TOO_LARGE },
		{ 63, SRP_REJ_REQ_IT_IU_LENGTH_TOO_LARGE },
		{ 64, 0 },
		{ 80, 0 },
		{ 276, 0 },
		{ 580, 0 },
		{ 8275, 0 },
		{ 8276, 0 },
		{ 8277, SRP_REJ_REQ_IT_IU_LENGTH_TOO_LARGE },
		{ 0x80000000, SRP_REJ_REQ_IT_IU_LENGTH_TOO_LARGE },
		{ UINT32_MAX, SRP_REJ_REQ_IT_IU_LENGTH_TOO_LARGE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct login login = good_login();

		login.req.req_it_iu_len = rows[i].len;
		assert_int_equal(decide(&login).reject, rows[i].reason);
	}
}

static void formats_in_both_byte_orders_are_known(void **state)
{
	static const uint16_t known[] = { 0x0000, 0x0002, 0x0004, 0x0006, 0x0200, 0x0400, 0x0600 };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		struct login login = good_login();
		struct login_result result;

		login.req.req_buf_fmt = known[i];
		assert_accepted(&login, &result);
	}
}

static void unknown_format_bits_are_refused(void **state)
{
	for (int bit = 0; bit < 16; bit++) {
		struct login login = good_login();
		uint32_t expected = 0x0606 & 1 << bit ? 0 : SRP_REJ_UNSUPPORTED_DESCRIPTOR_FMT;

		login.req.req_buf_fmt = (uint16_t)(1 << bit);
		assert_int_equal(decide(&login).reject, expected);
		login.req.req_buf_fmt = (uint16_t)(1 << bit | 0x0006);
		assert_int_equal(decide(&login).reject, expected);
	}
}

/* iPXE: 80-byte IUs and the format field byte-swapped. */
static void ipxe_is_accepted(void **state)
{
	struct login login = good_login();
	struct login_result result;

	login.req.req_it_iu_len = 80;
	login.req.req_buf_fmt = 0x0200;
	assert_accepted(&login, &result);
	assert_int_equal(result.rsp.max_ti_iu_len, 80);
	assert_int_equal(result.rsp.buf_fmt, 0x0006);
}

/* ---- channels ---- */

static void multichannel_action_and_existing_channels_give_the_result(void **state)
{
	static const struct {
		uint8_t action;
		uint32_t n_channels;
		uint8_t result;
		bool end_others;
	} rows[] = {
		{ SRP_MULTICHAN_SINGLE, 0, SRP_MULTICHAN_NO_CHAN, true },
		{ SRP_MULTICHAN_SINGLE, 1, SRP_MULTICHAN_TERMINATED, true },
		{ SRP_MULTICHAN_SINGLE, 7, SRP_MULTICHAN_TERMINATED, true },
		{ SRP_MULTICHAN_SINGLE, 8, SRP_MULTICHAN_TERMINATED, true },
		{ SRP_MULTICHAN_SINGLE, 9, SRP_MULTICHAN_TERMINATED, true },
		{ SRP_MULTICHAN_MULTI, 0, SRP_MULTICHAN_NO_CHAN, false },
		{ SRP_MULTICHAN_MULTI, 1, SRP_MULTICHAN_MAINTAINED, false },
		{ SRP_MULTICHAN_MULTI, 7, SRP_MULTICHAN_MAINTAINED, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct login login = good_login();
		struct login_result result;

		login.req.req_flags = rows[i].action;
		login.facts.n_channels = rows[i].n_channels;
		assert_accepted(&login, &result);
		assert_int_equal(result.rsp.rsp_flags & 0x03, rows[i].result);
		assert_int_equal(result.end_others, rows[i].end_others);
	}
}

static void channel_limit_is_for_multi_only(void **state)
{
	struct login login = good_login();

	login.req.req_flags = SRP_MULTICHAN_MULTI;
	login.facts.n_channels = 7;
	assert_int_equal(decide(&login).reject, 0);
	login.facts.n_channels = 8;
	assert_rejected(&login, SRP_REJ_CHANNEL_LIMIT_REACHED);
	login.facts.n_channels = 9;
	assert_rejected(&login, SRP_REJ_CHANNEL_LIMIT_REACHED);
	login.req.req_flags = SRP_MULTICHAN_SINGLE;
	assert_int_equal(decide(&login).reject, 0);
}

static void unknown_multichannel_actions_are_refused(void **state)
{
	for (int flags = 0; flags < 256; flags++) {
		struct login login = good_login();
		uint8_t action = flags & 3;

		login.req.req_flags = (uint8_t)flags;
		assert_int_equal(decide(&login).reject,
				 action < 2 ? 0 : SRP_REJ_MULTI_CHANNEL_UNSUPPORTED);
	}
}

/* ---- immediate data ---- */

static void immediate_data_is_granted_within_its_edges(void **state)
{
	static const struct {
		uint32_t it_len;
		uint16_t offset;
		bool granted;
	} rows[] = {
		{ 8260, 0, false },	 { 8260, 1, false },   { 8260, 47, false },
		{ 8260, 51, false },	 { 8260, 52, true },   { 8260, 68, true },
		{ 8260, 8259, true },	 { 8260, 8260, true }, { 8260, 8261, false },
		{ 64, 64, true },	 { 64, 65, false },    { 64, 68, false },
		{ 8260, 0xffff, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct login login = good_login();
		struct login_result result;

		login.req.req_it_iu_len = rows[i].it_len;
		login.req.req_flags = SRP_IMMED_REQUESTED;
		login.req.imm_data_offset = rows[i].offset;
		assert_accepted(&login, &result); /* a bad offset is no reason to refuse */
		assert_int_equal(!!(result.rsp.rsp_flags & SRP_IMMED_SUPP), rows[i].granted);
		assert_int_equal(result.imm_data_offset, rows[i].granted ? rows[i].offset : 0);
	}
}

static void immediate_data_is_not_granted_unasked(void **state)
{
	struct login login = good_login();
	struct login_result result;

	login.req.req_flags = (uint8_t) ~(SRP_IMMED_REQUESTED | SRP_MULTICHAN_MASK);
	login.req.imm_data_offset = 68;
	assert_accepted(&login, &result);
	assert_int_equal(result.rsp.rsp_flags & SRP_IMMED_SUPP, 0);
	assert_int_equal(result.imm_data_offset, 0);
}

/* ---- what is granted ---- */

static void max_ti_iu_len_follows_small_initiators(void **state)
{
	static const struct {
		uint32_t it_len, max_rsp_size, max_ti;
	} rows[] = {
		{ 64, 512, 64 },
		{ 80, 512, 80 },
		{ 99, 512, 99 },
		{ 100, 512, 512 },
		{ 101, 512, 512 },
		{ 276, 512, 512 },
		{ 8276, 512, 512 },
		/* a small srp_max_rsp_size bounds them all */
		{ 64, 80, 64 },
		{ 80, 80, 80 },
		{ 99, 80, 80 },
		{ 100, 80, 80 },
		{ 276, 80, 80 },
		{ 99, 98, 98 },
		{ 64, 64, 64 },
		{ 64, 40, 40 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct login login = good_login();
		struct login_result result;

		login.req.req_it_iu_len = rows[i].it_len;
		login.limits.max_rsp_size = rows[i].max_rsp_size;
		assert_accepted(&login, &result);
		assert_int_equal(result.rsp.max_ti_iu_len, rows[i].max_ti);
	}
}

static void request_limit_is_the_lesser_of_wanted_and_free(void **state)
{
	static const struct {
		uint32_t wanted, free, granted;
	} rows[] = {
		{ 128, 1000, 128 }, { 128, 129, 128 }, { 128, 128, 128 }, { 128, 127, 127 },
		{ 128, 5, 5 },	    { 128, 4, 4 },     { 4, 4, 4 },	  { 8, 1000, 8 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct login login = good_login();
		struct login_result result;

		login.limits.req_lim = rows[i].wanted;
		login.facts.free_receives = rows[i].free;
		assert_accepted(&login, &result);
		assert_int_equal(result.rsp.req_lim_delta, rows[i].granted);
	}
}

static void less_than_the_least_request_limit_is_refused(void **state)
{
	for (uint32_t n = 0; n < 4; n++) {
		struct login login = good_login();

		login.facts.free_receives = n;
		assert_rejected(&login, SRP_REJ_INSUFFICIENT_RESOURCES);
	}
}

static void response_says_what_the_target_takes(void **state)
{
	struct login login = good_login();
	struct login_result result;

	login.req.req_it_iu_len = 276;
	assert_accepted(&login, &result);
	assert_int_equal(result.rsp.tag, login.req.tag);
	assert_int_equal(result.rsp.max_it_iu_len, 8276);
	assert_int_equal(result.rsp.buf_fmt, SRP_BUF_FMT_DIRECT | SRP_BUF_FMT_INDIRECT);
	assert_int_equal(result.rsp.rsp_flags & ~0x03, SRP_SOLNTSUP);
}

/* ---- sharing of receives ---- */

/* Log in n hosts one after the other with c channels each; the least and the last grant. */
struct grants {
	uint32_t n; /* logins that were accepted */
	uint32_t least;
	uint32_t first;
};

static struct grants log_in(uint32_t all, uint32_t hosts, uint32_t channels)
{
	enum { EXTRA = 2 }; /* for IUs without a credit */
	struct login l = good_login();
	struct login_result result;
	struct grants g = { .least = UINT32_MAX };
	uint32_t left = all;

	l.limits.min_req_lim = 2;
	l.facts.all_receives = all;
	for (uint32_t h = 0; h < hosts; h++) {
		l.facts.held = 0;
		for (l.facts.n_channels = 0; l.facts.n_channels < channels; l.facts.n_channels++) {
			l.req.req_flags = l.facts.n_channels ? SRP_MULTICHAN_MULTI : 0;
			l.facts.left_receives = left;
			l.facts.free_receives = left > EXTRA ? left - EXTRA : 0;
			result = decide(&l);
			if (result.reject)
				return g;
			left -= (uint32_t)result.rsp.req_lim_delta + EXTRA;
			l.facts.held += (uint32_t)result.rsp.req_lim_delta + EXTRA;
			g.least = MIN(g.least, (uint32_t)result.rsp.req_lim_delta);
			if (!g.n++)
				g.first = (uint32_t)result.rsp.req_lim_delta;
		}
	}
	return g;
}

static void one_host_gets_what_it_wants(void **state)
{
	struct grants g = log_in(32768, 1, 8);

	assert_int_equal(g.n, 8);
	assert_int_equal(g.least, 128);
}

static void every_host_gets_a_good_depth(void **state)
{
	struct grants g = log_in(32768, 64, 4);

	assert_int_equal(g.n, 64 * 4);
	assert_int_equal(g.first, 128);
	assert_true(g.least >= 63); /* a depth of 62 and one for task management */
}

static void a_thousand_hosts_get_in(void **state)
{
	struct grants g = log_in(32768, 1024, 1);

	assert_int_equal(g.n, 1024);
}

static void a_greedy_host_leaves_something(void **state)
{
	struct login l = good_login();
	struct login_result result;

	l.limits.max_channels = 1024;
	l.facts.all_receives = 1024;
	l.facts.left_receives = l.facts.free_receives = 1024;
	for (l.facts.n_channels = 0; l.facts.n_channels < 40; l.facts.n_channels++) {
		l.req.req_flags = l.facts.n_channels ? SRP_MULTICHAN_MULTI : 0;
		assert_accepted(&l, &result);
		l.facts.left_receives -= (uint32_t)result.rsp.req_lim_delta;
		l.facts.free_receives = l.facts.left_receives;
		l.facts.held += (uint32_t)result.rsp.req_lim_delta;
	}
	l.facts.n_channels = l.facts.held = 0;
	l.req.req_flags = 0;
	assert_accepted(&l, &result);
	assert_true(result.rsp.req_lim_delta >= 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_login_is_accepted),
		cmocka_unit_test(every_fault_has_its_reason),
		cmocka_unit_test(first_fault_wins),
		cmocka_unit_test(req_it_iu_len_is_between_64_and_the_limit),
		cmocka_unit_test(formats_in_both_byte_orders_are_known),
		cmocka_unit_test(unknown_format_bits_are_refused),
		cmocka_unit_test(ipxe_is_accepted),
		cmocka_unit_test(multichannel_action_and_existing_channels_give_the_result),
		cmocka_unit_test(channel_limit_is_for_multi_only),
		cmocka_unit_test(unknown_multichannel_actions_are_refused),
		cmocka_unit_test(immediate_data_is_granted_within_its_edges),
		cmocka_unit_test(immediate_data_is_not_granted_unasked),
		cmocka_unit_test(max_ti_iu_len_follows_small_initiators),
		cmocka_unit_test(request_limit_is_the_lesser_of_wanted_and_free),
		cmocka_unit_test(less_than_the_least_request_limit_is_refused),
		cmocka_unit_test(response_says_what_the_target_takes),
		cmocka_unit_test(one_host_gets_what_it_wants),
		cmocka_unit_test(every_host_gets_a_good_depth),
		cmocka_unit_test(a_thousand_hosts_get_in),
		cmocka_unit_test(a_greedy_host_leaves_something),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
