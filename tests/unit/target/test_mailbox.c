/* SPDX-License-Identifier: BSD-2-Clause */
/* Mailboxes: order, and a descriptor that is readable exactly while something waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>

#include "base/compiler.h"
#include "target/mailbox.h"

enum { N = 20000 };

struct numbered {
	struct msg msg;
	int number;
};

static struct mailbox box;
static struct numbered msgs[N];
static int n_run;
static int out_of_order;

static void note(struct msg *msg)
{
	out_of_order += container_of(msg, struct numbered, msg)->number != n_run++;
}

static bool readable(void)
{
	struct pollfd p = { .fd = box.fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static int setup(void **state)
{
	n_run = 0;
	out_of_order = 0;
	for (int i = 0; i < N; i++)
		msgs[i].number = i;
	return mailbox_init(&box);
}

static int teardown(void **state)
{
	mailbox_fini(&box);
	return 0;
}

static void messages_run_in_the_order_of_posting(void **state)
{
	for (int i = 0; i < 10; i++)
		mailbox_post(&box, &msgs[i].msg, note);
	assert_true(mailbox_full(&box));
	assert_true(readable());
	mailbox_run(&box);
	assert_int_equal(n_run, 10);
	assert_int_equal(out_of_order, 0);
	assert_false(mailbox_full(&box));
	assert_false(readable());
}

static void post_again(struct msg *msg)
{
	mailbox_post(&box, &msgs[0].msg, note);
}

static void what_a_message_posts_runs_the_next_time(void **state)
{
	mailbox_post(&box, &msgs[1].msg, post_again);
	mailbox_run(&box);
	assert_int_equal(n_run, 0);
	assert_true(mailbox_full(&box));
	mailbox_run(&box);
	assert_int_equal(n_run, 1);
}

static void *poster(void *arg)
{
	for (int i = 0; i < N; i++)
		mailbox_post(&box, &msgs[i].msg, note);
	return NULL;
}

/* The receiver asks the flag, as a polling worker does, and never sleeps. */
static void nothing_is_left_behind_when_flag_and_descriptor_race(void **state)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, poster, NULL), 0);
	while (n_run < N)
		if (mailbox_full(&box)) {
			mailbox_run(&box);
			if (!mailbox_full(&box) && readable() && !mailbox_full(&box))
				fail_msg("the descriptor is readable and nothing waits");
		}
	pthread_join(thread, NULL);
	assert_int_equal(out_of_order, 0);
	assert_false(readable());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(messages_run_in_the_order_of_posting, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_a_message_posts_runs_the_next_time, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			nothing_is_left_behind_when_flag_and_descriptor_race, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
