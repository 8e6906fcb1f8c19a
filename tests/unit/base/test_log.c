/* SPDX-License-Identifier: BSD-2-Clause */
/* Log lines as the journal reads them: classes, levels, the limit on lines that peers provoke. */
#include "log_test.h"

#include <time.h>

static uint64_t virtual_now;
static unsigned int wall_clock_asked;

int __wrap_clock_gettime(clockid_t id, struct timespec *ts);

int __wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	wall_clock_asked++;
	ts->tv_sec = 0;
	ts->tv_nsec = 0;
	return 0;
}

static uint64_t virtual_clock(void)
{
	return virtual_now;
}

static int set_up(void **state)
{
	static const struct clock_source source = { .now_ns = virtual_clock };

	clock_source = &source;
	virtual_now = 1000 * NSEC_PER_SEC;
	wall_clock_asked = 0;
	log_classes = 0;
	log_set_level(LOG_LVL_INFO);
	forget_lines();
	return 0;
}

/* ---- classes ---- */

static int enable(const char *list)
{
	char bad[64];

	return log_enable(list, bad, sizeof(bad));
}

static void classes_are_parsed_from_a_list(void **state)
{
	static const struct {
		const char *list;
		uint32_t classes;
	} rows[] = {
		{ "", 0 },
		{ "login", 1u << LOGC_LOGIN },
		{ "iu", 1u << LOGC_IU },
		{ "conf", 1u << LOGC_CONF },
		{ "login,iu", 1u << LOGC_LOGIN | 1u << LOGC_IU },
		{ "tmf,scsi,tmf", 1u << LOGC_TMF | 1u << LOGC_SCSI },
		{ "rdma,", 1u << LOGC_RDMA },
		{ ",store,,credit", 1u << LOGC_STORE | 1u << LOGC_CREDIT },
		{ "all", (1u << LOGC_COUNT) - 1 },
		{ "cm,all", (1u << LOGC_COUNT) - 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		log_classes = 0;
		assert_int_equal(enable(rows[i].list), 0);
		assert_int_equal(log_classes, rows[i].classes);
	}
}

static void classes_add_up(void **state)
{
	assert_int_equal(enable("login"), 0);
	assert_int_equal(enable("iu"), 0);
	assert_int_equal(log_classes, 1u << LOGC_LOGIN | 1u << LOGC_IU);
	assert_true(log_on(LOGC_IU));
	assert_false(log_on(LOGC_CM));
}

static void unknown_class_is_named(void **state)
{
	static const struct {
		const char *list, *bad;
	} rows[] = {
		{ "bogus", "bogus" },	    { "login,bogus,iu", "bogus" },
		{ "log", "log" },	    { "logins", "logins" },
		{ "LOGIN", "LOGIN" },	    { " login", " login" },
		{ "login iu", "login iu" }, { "al", "al" },
		{ "alle", "alle" },	    { "iu,all,x", "x" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char bad[64] = "";

		assert_int_equal(log_enable(rows[i].list, bad, sizeof(bad)), -EINVAL);
		assert_string_equal(bad, rows[i].bad);
	}
}

static void unknown_class_is_cut_to_its_buffer(void **state)
{
	char bad[5] = { 'x', 'x', 'x', 'x', '#' };

	assert_int_equal(log_enable("abcdefgh,login", bad, 4), -EINVAL);
	assert_string_equal(bad, "abc");
	assert_int_equal(bad[4], '#');
}

static void class_list_has_every_class(void **state)
{
	const char *list = log_class_list();
	int commas = 0;

	assert_int_equal(enable(list), 0);
	assert_int_equal(log_classes, (1u << LOGC_COUNT) - 1);
	for (const char *p = list; *p; p++)
		commas += *p == ',';
	assert_int_equal(commas, LOGC_COUNT - 1);
	assert_ptr_equal(log_class_list(), list);
}

static void debug_lines_need_their_class(void **state)
{
	log_dbg(LOGC_SCSI, "not this");
	assert_int_equal(n_writes, 0);
	assert_int_equal(enable("scsi"), 0);
	log_dbg(LOGC_SCSI, "but %s", "this");
	log_dbg(LOGC_IU, "not that");
	assert_string_equal(caught, "<7>but this\n");
}

/* ---- lines ---- */

static void journal_lines_carry_their_priority(void **state)
{
	log_err("a %d", 1);
	log_warn("b");
	log_info("c");
	assert_string_equal(caught, "<3>a 1\n<4>b\n<6>c\n");
	assert_int_equal(n_writes, 3);
}

static void lines_above_the_level_are_held_back(void **state)
{
	log_set_level(LOG_LVL_WARN);
	log_info("c");
	log_warn("b");
	log_set_level(LOG_LVL_ERR);
	log_warn("b");
	log_err("a");
	assert_string_equal(caught, "<4>b\n<3>a\n");
}

static void long_lines_are_cut_and_still_end(void **state)
{
	static char text[5000];

	for (size_t len = 2030; len <= 2060; len++) {
		memset(text, 'x', len);
		text[len] = '\0';
		forget_lines();
		log_info("%s", text);
		assert_int_equal(n_writes, 1);
		assert_int_equal(strlen(caught), MIN(len + 4, (size_t)2047));
	}
	memset(text, 'x', sizeof(text) - 1);
	log_info("%s", text);
	assert_int_equal(caught[strlen(caught) - 2], 'x');
}

/* ---- the limit ---- */

static void provoke(struct log_limit *limit, int times)
{
	for (int i = 0; i < times; i++)
		log_limited(limit, LOG_LVL_WARN, "peer says %d", i);
}

static void burst_passes_and_the_rest_is_dropped(void **state)
{
	struct log_limit limit = { 0 };

	provoke(&limit, LOG_BURST);
	assert_int_equal(n_writes, LOG_BURST);
	provoke(&limit, 1000);
	assert_int_equal(n_writes, LOG_BURST);
	assert_int_equal(limit.dropped, 1000);
}

static void dropped_lines_are_counted_with_the_next_that_passes(void **state)
{
	struct log_limit limit = { 0 };

	provoke(&limit, LOG_BURST + 17);
	virtual_now += LOG_INTERVAL_S * NSEC_PER_SEC;
	forget_lines();
	provoke(&limit, 1);
	assert_string_equal(caught, "<4>(17 similar lines dropped)\n<4>peer says 0\n");
	forget_lines();
	provoke(&limit, 1);
	assert_string_equal(caught, "<4>peer says 0\n"); /* said once */
}

static void every_interval_has_a_burst_of_its_own(void **state)
{
	struct log_limit limit = { 0 };

	for (int i = 0; i < 5; i++) {
		forget_lines();
		provoke(&limit, 100);
		assert_int_equal(n_writes, LOG_BURST + (i > 0)); /* and the count of the dropped */
		virtual_now += LOG_INTERVAL_S * NSEC_PER_SEC;
	}
}

static void nothing_dropped_is_not_mentioned(void **state)
{
	struct log_limit limit = { 0 };

	for (int i = 0; i < 5; i++) {
		provoke(&limit, LOG_BURST);
		virtual_now += LOG_INTERVAL_S * NSEC_PER_SEC;
	}
	assert_int_equal(n_writes, 5 * LOG_BURST);
	assert_null(strstr(caught, "dropped"));
}

static void limit_also_starts_at_time_zero(void **state)
{
	struct log_limit limit = { 0 };

	virtual_now = 0;
	provoke(&limit, LOG_BURST + 1);
	assert_int_equal(n_writes, LOG_BURST);
	assert_int_equal(limit.dropped, 1);
}

static void lines_above_the_level_use_up_no_burst(void **state)
{
	struct log_limit limit = { 0 };

	log_set_level(LOG_LVL_ERR);
	provoke(&limit, 100);
	assert_int_equal(n_writes, 0);
	assert_int_equal(limit.count + limit.dropped, 0);
}

static void call_site(int i)
{
	log_peer(LOG_LVL_INFO, "here %d", i);
}

static void other_call_site(void)
{
	log_peer(LOG_LVL_INFO, "there");
}

static void every_call_site_has_its_own_limit(void **state)
{
	for (int i = 0; i < 50; i++)
		call_site(i);
	assert_int_equal(n_writes, LOG_BURST);
	other_call_site();
	assert_int_equal(n_writes, LOG_BURST + 1);
}

/* Only clock_source decides: seconds of waiting change nothing, and no other clock is asked. */
static void limit_knows_no_wall_time(void **state)
{
	struct log_limit limit = { 0 };

	provoke(&limit, LOG_BURST + 5);
	virtual_now += LOG_INTERVAL_S * NSEC_PER_SEC;
	provoke(&limit, LOG_BURST + 5);
	assert_int_equal(wall_clock_asked, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(classes_are_parsed_from_a_list, set_up),
		cmocka_unit_test_setup(classes_add_up, set_up),
		cmocka_unit_test_setup(unknown_class_is_named, set_up),
		cmocka_unit_test_setup(unknown_class_is_cut_to_its_buffer, set_up),
		cmocka_unit_test_setup(class_list_has_every_class, set_up),
		cmocka_unit_test_setup(debug_lines_need_their_class, set_up),
		cmocka_unit_test_setup(journal_lines_carry_their_priority, set_up),
		cmocka_unit_test_setup(lines_above_the_level_are_held_back, set_up),
		cmocka_unit_test_setup(long_lines_are_cut_and_still_end, set_up),
		cmocka_unit_test_setup(burst_passes_and_the_rest_is_dropped, set_up),
		cmocka_unit_test_setup(dropped_lines_are_counted_with_the_next_that_passes, set_up),
		cmocka_unit_test_setup(every_interval_has_a_burst_of_its_own, set_up),
		cmocka_unit_test_setup(nothing_dropped_is_not_mentioned, set_up),
		cmocka_unit_test_setup(limit_also_starts_at_time_zero, set_up),
		cmocka_unit_test_setup(lines_above_the_level_use_up_no_burst, set_up),
		cmocka_unit_test_setup(every_call_site_has_its_own_limit, set_up),
		cmocka_unit_test_setup(limit_knows_no_wall_time, set_up),
	};

	setenv("JOURNAL_STREAM", "8:1", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
