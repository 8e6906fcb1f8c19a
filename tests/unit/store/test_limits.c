/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the kernel refuses to register files or buffers, I/O goes on without. */
#include <sys/resource.h>
#include <sys/wait.h>

#include "store_test.h"

enum { NOBODY = 65534, LEN = 4 << 20, RING_MEM = 256 << 10 };

static char path[256];

static int setup(void **state)
{
	tmp_path(path, sizeof(path));
	return 0;
}

static int teardown(void **state)
{
	unlink(path);
	return 0;
}

/* What the child does: a write and a read back, with all registered that may be. */
static int child(struct store *store, bool want_files, bool want_region)
{
	struct engine *engine;
	struct uring_facts facts;
	uint8_t *region = aligned_alloc(STORE_BUF_ALIGN, LEN);
	char err[256];

	if (!region || engine_new("auto", 8, &engine, err, sizeof(err)))
		return 1;
	if (engine_register_region(engine, region, LEN) || engine_register_store(engine, store))
		return 2;
	uring_facts(engine, &facts);
	if (facts.has_files != want_files || !!facts.n_regions != want_region)
		return 3;
	pattern_fill(region, 0, LEN, 9);
	if (run(engine, store, STORE_WRITE, 0, LEN, region, 0))
		return 4;
	memset(region, 0, LEN);
	if (run(engine, store, STORE_READ, 0, LEN, region, 0))
		return 5;
	for (size_t i = 0; i < LEN; i++) {
		uint8_t want;

		pattern_fill(&want, i, 1, 9);
		if (region[i] != want)
			return 6;
	}
	engine_free(engine);
	free(region);
	return 0;
}

/* Run child() in a process of its own that may lock no memory, or open few files. */
static void in_child(int resource, rlim_t limit, bool want_files, bool want_region)
{
	struct store_conf conf = { .type = "file", .path = path, .size = LEN,
				   .block_size = 512 };
	struct store *store = must_open(&conf);
	struct rlimit rl = { limit, limit };
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		if (setrlimit(resource, &rl))
			_exit(10);
		/* root may lock as much as it likes */
		if (!geteuid() && (setresgid(NOBODY, NOBODY, NOBODY) ||
				   setresuid(NOBODY, NOBODY, NOBODY)))
			_exit(11);
		_exit(child(store, want_files, want_region));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	store_close(store);
}

/* Room to lock the rings, which some kernels count, but not the buffers. */
static void little_locked_memory(void **state)
{
	in_child(RLIMIT_MEMLOCK, RING_MEM, true, false);
}

static void few_files(void **state)
{
	in_child(RLIMIT_NOFILE, 64, false, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(little_locked_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(few_files, setup, teardown),
	};

	return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
