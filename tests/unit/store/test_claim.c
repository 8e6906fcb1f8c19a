/* SPDX-License-Identifier: BSD-2-Clause */
/* The claim on a file: against this process, against others, and until when it lasts. */
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "store_test.h"

static char path[256], err[512];
static struct store_conf conf;

static int setup(void **state)
{
	tmp_path(path, sizeof(path));
	conf = (struct store_conf){ .type = "file", .path = path, .size = 1 << 20,
				    .block_size = 512 };
	return 0;
}

static int teardown(void **state)
{
	unlink(path);
	return 0;
}

static void refuse(const char *words)
{
	struct store *store;

	err[0] = '\0';
	assert_int_equal(store_open(&conf, &store, err, sizeof(err)), -EBUSY);
	if (!strstr(err, words) || !strstr(err, path))
		fail_msg("\"%s\" lacks \"%s\" or the path", err, words);
}

static void same_process(void **state)
{
	struct store *store = must_open(&conf);

	refuse("already in use by another LUN");
	conf.read_only = true;
	refuse("already in use by another LUN");
	store_close(store);
	store_close(must_open(&conf));
}

static void other_name_same_file(void **state)
{
	struct store *store = must_open(&conf);
	char other[300];

	snprintf(other, sizeof(other), "%s.link", path);
	assert_int_equal(symlink(path, other), 0);
	conf.path = other;
	refuse("already in use");
	unlink(other);
	store_close(store);
}

static void readers_share(void **state)
{
	struct store *one, *two;

	store_close(must_open(&conf));
	conf.read_only = true;
	one = must_open(&conf);
	two = must_open(&conf);
	conf.read_only = false;
	refuse("already in use by another LUN");
	store_close(one);
	refuse("already in use by another LUN");
	store_close(two);
	store_close(must_open(&conf));
}

/* A process that holds the file open until its end of the pipe is closed. */
static pid_t holder(int *stop)
{
	int ready[2], hold[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(hold), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct store *store;

		close(hold[1]);
		if (store_open(&conf, &store, err, sizeof(err)))
			_exit(1);
		if (write(ready[1], "r", 1) != 1 || read(hold[0], &c, 1) < 0)
			_exit(2);
		_exit(0);
	}
	close(ready[1]);
	close(hold[0]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	*stop = hold[1];
	return pid;
}

static void other_process(void **state)
{
	char who[64];
	int stop, status;
	pid_t pid = holder(&stop);

	snprintf(who, sizeof(who), "(pid %ld)", (long)pid);
	refuse(who);
	close(stop);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	store_close(must_open(&conf));
}

static void killed_holder_frees(void **state)
{
	int stop;
	pid_t pid = holder(&stop);

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(stop);
	store_close(must_open(&conf));
}

/* Somebody else's idea of a lock (POSIX) counts too, and nothing of ours is left behind. */
static void foreign_lock_keeps_the_file(void **state)
{
	struct flock lk = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open(path, O_RDWR | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_SETLK, &lk), 0);
	refuse("already in use");
	assert_int_equal(access(path, F_OK), 0);
	close(fd);
}

/* A registered descriptor keeps the claim: the engine must let go of it first. */
static void registered_file(void **state)
{
	struct engine *engine = ring_new(URING_DEFER, 8);
	struct store *store = must_open(&conf);

	assert_int_equal(engine_register_store(engine, store), 0);
	assert_int_equal(run(engine, store, STORE_FLUSH, 0, 0, NULL, 0), 0);
	assert_int_equal(engine_unregister_store(engine, store), 0);
	store_close(store);
	store = must_open(&conf);
	/* the slot is used again, by the new descriptor */
	assert_int_equal(engine_register_store(engine, store), 0);
	assert_int_equal(run(engine, store, STORE_FLUSH, 0, 0, NULL, 0), 0);
	engine_free(engine);
	store_close(store);
	store_close(must_open(&conf));
}

/*
 * The claim ends a moment after its holder can no longer be seen: opening waits for that. Who opens
 * is forked before there are threads, one of which could hold a lock of the allocator.
 */
static void waits_for_the_last_io(void **state)
{
	struct engine *engine;
	struct store *store;
	int go[2], status;
	char c = 0;
	pid_t pid;

	assert_int_equal(pipe(go), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		_exit(read(go[0], &c, 1) != 1 || store_open(&conf, &store, err, sizeof(err)));
	engine = ring_new(URING_DEFER, 8);
	store = must_open(&conf);
	assert_int_equal(engine_register_store(engine, store), 0);
	store_close(store); /* the ring alone holds the file now */
	assert_int_equal(write(go[1], &c, 1), 1);
	usleep(100000); /* most likely it has begun to wait; right either way */
	engine_free(engine);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(go[0]);
	close(go[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(same_process, setup, teardown),
		cmocka_unit_test_setup_teardown(other_name_same_file, setup, teardown),
		cmocka_unit_test_setup_teardown(readers_share, setup, teardown),
		cmocka_unit_test_setup_teardown(other_process, setup, teardown),
		cmocka_unit_test_setup_teardown(killed_holder_frees, setup, teardown),
		cmocka_unit_test_setup_teardown(foreign_lock_keeps_the_file, setup, teardown),
		cmocka_unit_test_setup_teardown(waits_for_the_last_io, setup, teardown),
		cmocka_unit_test_setup_teardown(registered_file, setup, teardown),
	};

	return cmocka_run_group_tests_name("claim", tests, NULL, NULL);
}
