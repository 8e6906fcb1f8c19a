/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A store on a block device (a loop device): geometry, what unmapping promises, the claim, changes
 * of size. What requests do to the data is tested with that of files.
 */
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "base/log.h"
#include "test_loop.h"

enum {
	SIZE = 4 << 20
};

static char err[512];
static struct loop loop;
static struct engine *engine;
static uint8_t *buf;

static int setup(void **state)
{
	log_set_level(LOG_LVL_ERR);
	engine = engine_under_test(16);
	buf = buf_new(65536);
	loop.fd = -1;
	return 0;
}

static int teardown(void **state)
{
	loop_free(&loop);
	engine_free(engine);
	free(buf);
	return 0;
}

static void need_loop(unsigned int block_size)
{
	if (!loop_new(&loop, SIZE, block_size))
		skip();
}

static struct store_conf block_conf(void)
{
	return (struct store_conf){ .type = "file", .path = loop.dev, .block_size = 512 };
}

static void refuse(const struct store_conf *conf, int want, const char *words)
{
	struct store *store;

	err[0] = '\0';
	assert_int_equal(store_open(conf, &store, err, sizeof(err)), want);
	if (!strstr(err, words) || !strstr(err, conf->path))
		fail_msg("\"%s\" lacks \"%s\" or the path", err, words);
}

static void geometry(void **state)
{
	struct store_conf conf;
	struct store *store;

	need_loop(4096);
	conf = block_conf();
	refuse(&conf, -EINVAL, "has blocks of 4096 bytes; block_size 512");
	conf.block_size = 4096;
	store = must_open(&conf);
	assert_true(store->is_block);
	assert_int_equal(store->size, SIZE);
	assert_int_equal(store->phys_block, 4096);
	assert_true(store->features & STORE_F_WRITE_CACHE);
	assert_false(store->features & (STORE_F_UNMAP | STORE_F_THIN | STORE_F_READ_ONLY));
	store_close(store);
}

static void no_such_device(void **state)
{
	struct store_conf conf = block_conf();

	conf.path = "/dev/srptd-no-such-device";
	conf.size = 1 << 20;
	refuse(&conf, -ENOENT, "no such device");
	assert_int_not_equal(access(conf.path, F_OK), 0);
}

/* Zeroes that are promised are there, whether by zeroing or by discard. */
static void unmap(void **state)
{
	static const uint8_t zeroes[65536];
	struct store_conf conf;
	struct store *store;
	struct stat before, after;

	need_loop(512);
	conf = block_conf();
	conf.thin = true;
	store = must_open(&conf);
	assert_true(store->features & STORE_F_UNMAP);
	assert_int_equal(!!(store->features & STORE_F_UNMAP_ZEROES), !store->unmap_discards);
	assert_true(store->unmap_granularity >= 512);
	for (int discards = 0; discards < 2; discards++) {
		/* a loop device punches holes for both */
		store->unmap_discards = discards;
		assert_int_equal(run(engine, store, STORE_WRITE, 0, 65536, buf, STORE_IO_FUA), 0);
		assert_int_equal(run(engine, store, STORE_FLUSH, 0, 0, NULL, 0), 0);
		assert_int_equal(fstat(loop.file_fd, &before), 0);
		assert_int_equal(run(engine, store, STORE_UNMAP, 0, 65536, NULL, 0), 0);
		assert_int_equal(fstat(loop.file_fd, &after), 0);
		assert_true(after.st_blocks < before.st_blocks);
		assert_int_equal(run(engine, store, STORE_READ, 0, 65536, buf, 0), 0);
		assert_memory_equal(buf, zeroes, 65536);
		memset(buf, 0xee, 65536);
	}
	store_close(store);
	conf.read_only = true;
	store = must_open(&conf);
	assert_false(store->features & STORE_F_UNMAP);
	store_close(store);
}

/* ---- the claim ---- */

static void claimed_by_every_node(void **state)
{
	struct store_conf conf, other;
	struct store *store, *reader;
	struct stat st;
	char node[256];

	need_loop(512);
	conf = block_conf();
	store = must_open(&conf);
	refuse(&conf, -EBUSY, "already in use by another LUN");
	tmp_path(node, sizeof(node));
	assert_int_equal(stat(loop.dev, &st), 0);
	assert_int_equal(mknod(node, S_IFBLK | 0600, st.st_rdev), 0);
	other = conf;
	other.path = node;
	refuse(&other, -EBUSY, "already in use by another LUN");
	other.read_only = true;
	refuse(&other, -EBUSY, "already in use by another LUN");
	store_close(store);
	/* readers share, and keep writers out */
	conf.read_only = true;
	store = must_open(&conf);
	reader = must_open(&conf);
	conf.read_only = false;
	refuse(&conf, -EBUSY, "already in use by another LUN");
	store_close(reader);
	store_close(store);
	store_close(must_open(&conf));
	unlink(node);
}

static void claimed_by_another_process(void **state)
{
	struct store_conf conf;
	int ready[2], hold[2], status;
	char c, who[64];
	pid_t pid;

	need_loop(512);
	conf = block_conf();
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(hold), 0);
	pid = fork();
	if (!pid) {
		close(hold[1]);
		must_open(&conf);
		_exit(write(ready[1], "r", 1) != 1 || read(hold[0], &c, 1) < 0);
	}
	close(hold[0]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	snprintf(who, sizeof(who), "(pid %ld)", (long)pid);
	refuse(&conf, -EBUSY, who);
	assert_int_equal(kill(pid, SIGKILL), 0);
	/* not waited for: its exit may still be going on, and is waited for by the store */
	store_close(must_open(&conf));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(hold[1]);
	close(ready[0]);
	close(ready[1]);
}

static void mounted(void **state)
{
	struct store_conf conf;
	char dir[256], command[128];

	need_loop(512);
	conf = block_conf();
	snprintf(command, sizeof(command), "mkfs.ext4 -q %s >/dev/null 2>&1", loop.dev);
	if (system(command)) {
		print_message("skipped: no mkfs.ext4\n");
		skip();
	}
	tmp_path(dir, sizeof(dir));
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(mount(loop.dev, dir, "ext4", 0, NULL), 0);
	refuse(&conf, -EBUSY, "mounted on ");
	conf.read_only = true;
	refuse(&conf, -EBUSY, dir);
	assert_int_equal(umount(dir), 0);
	rmdir(dir);
	store_close(must_open(&conf));
}

/* ---- size ---- */

static void resize(off_t size)
{
	assert_int_equal(ftruncate(loop.file_fd, size), 0);
	assert_int_equal(ioctl(loop.fd, LOOP_SET_CAPACITY), 0);
}

static void grows_and_shrinks(void **state)
{
	for (int direct = 0; direct < 2; direct++) {
		struct store_conf conf;
		struct store *store;

		need_loop(512);
		conf = block_conf();
		conf.direct = direct;
		store = must_open(&conf);
		assert_false(store_check_size(store));
		resize(2 * SIZE);
		assert_true(store_check_size(store));
		assert_false(store_check_size(store));
		assert_int_equal(store->size, 2 * SIZE);
		assert_int_equal(run(engine, store, STORE_WRITE, 2 * SIZE - 512, 512, buf, 0), 0);
		resize(SIZE);
		assert_int_equal(run(engine, store, STORE_READ, SIZE, 4096, buf, 0), -EIO);
		assert_true(run(engine, store, STORE_WRITE, SIZE, 4096, buf, STORE_IO_FUA) < 0);
		assert_true(store_check_size(store));
		assert_int_equal(store->size, SIZE);
		assert_int_equal(run(engine, store, STORE_READ, SIZE, 4096, buf, 0), -EINVAL);
		assert_int_equal(run(engine, store, STORE_READ, SIZE - 512, 512, buf, 0), 0);
		resize(100);
		assert_false(store_check_size(store)); /* nothing left: everything fails */
		assert_int_equal(run(engine, store, STORE_READ, 0, 512, buf, 0), -EIO);
		store_close(store);
		loop_free(&loop);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(geometry),
		T(no_such_device),
		T(unmap),
		T(claimed_by_every_node),
		T(claimed_by_another_process),
		T(mounted),
		T(grows_and_shrinks),
	};

	return cmocka_run_group_tests_name("block", tests, NULL, NULL);
}
