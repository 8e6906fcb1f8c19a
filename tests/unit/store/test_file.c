/* SPDX-License-Identifier: BSD-2-Clause */
/* A file store: opening, every operation against a model on each engine, errors of the kernel. */
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "test_loop.h"

static char path[256], err[512];
static struct engine *engine;

static int setup(void **state)
{
	tmp_path(path, sizeof(path));
	engine = engine_under_test(32);
	return 0;
}

static int teardown(void **state)
{
	engine_free(engine);
	unlink(path);
	return 0;
}

static struct store_conf file_conf(uint64_t size)
{
	return (struct store_conf){ .type = "file", .path = path, .size = size, .block_size = 512 };
}

static void refuse(const struct store_conf *conf, int want, const char *words)
{
	struct store *store;

	err[0] = '\0';
	assert_int_equal(store_open(conf, &store, err, sizeof(err)), want);
	if (!strstr(err, words) || !strstr(err, conf->path))
		fail_msg("\"%s\" lacks \"%s\" or the path", err, words);
}

/* ---- opening ---- */

static void creates(void **state)
{
	struct store_conf conf = file_conf((1 << 20) + 100);
	struct store *store = must_open(&conf);
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, (1 << 20) + 100);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(store->size, 1 << 20);
	assert_int_equal(store->features, STORE_F_WRITE_CACHE);
	assert_string_equal(store->name, path);
	assert_true(store->fixed_file >= 0);
	store_close(store);
	conf.size = 1 << 30; /* an existing file keeps its size */
	store = must_open(&conf);
	assert_int_equal(store->size, 1 << 20);
	store_close(store);
}

static void refusals(void **state)
{
	struct store_conf conf = file_conf(0);

	refuse(&conf, -ENOENT, "No such file");
	conf.size = 100;
	refuse(&conf, -EINVAL, "less than one block");
	assert_int_not_equal(access(path, F_OK), 0);
	conf.size = UINT64_MAX;
	refuse(&conf, -EINVAL, "too large");
	assert_int_not_equal(access(path, F_OK), 0);
	conf = file_conf(1 << 20);
	conf.read_only = true;
	refuse(&conf, -ENOENT, "No such file");
	conf.path = "/tmp";
	refuse(&conf, -EISDIR, "a directory");
	conf.path = "/dev/zero";
	refuse(&conf, -ENOTSUP, "a character device");
	assert_int_equal(mkfifo(path, 0600), 0);
	conf.path = path;
	refuse(&conf, -ENOTSUP, "a pipe");
	unlink(path);
	close(open(path, O_CREAT | O_RDWR, 0600));
	refuse(&conf, -EINVAL, "less than one block");
}

static void no_direct_io(void **state)
{
	struct store_conf conf = { .type = "file", .path = "/sys/kernel/uevent_seqnum",
				   .block_size = 512, .direct = true, .read_only = true };

	if (access(conf.path, R_OK))
		skip(); /* no sysfs: no file that surely lacks O_DIRECT */
	refuse(&conf, -EINVAL, "O_DIRECT");
}

/* What could not be made whole is not left behind. */
static void failed_creation_leaves_nothing(void **state)
{
	struct store_conf conf = file_conf(1 << 20);
	struct rlimit old, cut;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	cut = old;
	cut.rlim_cur = 8192;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &cut), 0);
	refuse(&conf, -EFBIG, "cannot set its size");
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_not_equal(access(path, F_OK), 0);
}

static void slots_are_given_back(void **state)
{
	struct store_conf conf = file_conf(1 << 20), other = conf;
	struct store *store = must_open(&conf), *second;
	char path2[256];

	tmp_path(path2, sizeof(path2));
	other.path = path2;
	for (int i = 0; i < 3000; i++) {
		second = must_open(&other);
		assert_true(second->fixed_file >= 0);
		assert_int_not_equal(second->fixed_file, store->fixed_file);
		store_close(second);
	}
	store_close(store);
	unlink(path2);
}

static void features(void **state)
{
	struct store_conf conf = file_conf(1 << 20);
	struct store *store;

	conf.write_through = true;
	store = must_open(&conf);
	assert_false(store->features & STORE_F_WRITE_CACHE);
	store_close(store);
	conf.write_through = false;
	conf.nv_cache = true;
	store = must_open(&conf);
	assert_false(store->features & STORE_F_WRITE_CACHE);
	assert_int_equal(run(engine, store, STORE_FLUSH, 0, 0, NULL, 0), 0);
	assert_int_equal(engine->n_syscalls, 0);
	store_close(store);
}

/* ---- operations against a model ---- */

struct variant {
	const char *name;
	enum uring_setup setup;
	bool direct, registered, thin, write_through;
	bool loop; /* on a block device */
};

enum { MODEL_SIZE = 2 << 20, IO_MAX = 96 * 1024 };

struct model {
	uint8_t *want;
	uint8_t *region; /* one buffer in it */
	uint32_t unit;   /* offsets and lengths are multiples of it, bytes */
	uint64_t random;
};

static uint32_t rnd(struct model *m, uint32_t below)
{
	m->random = m->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(m->random >> 33) % below;
}

static void model_step(struct model *m, struct store *store)
{
	uint64_t len = (uint64_t)(rnd(m, IO_MAX / m->unit) + 1) * m->unit;
	uint64_t off = (uint64_t)rnd(m, (uint32_t)((MODEL_SIZE - len) / m->unit) + 1) * m->unit;
	uint32_t flags = rnd(m, 4) ? 0 : STORE_IO_FUA;

	switch (rnd(m, 8)) {
	case 0:
		assert_int_equal(run(engine, store, STORE_FLUSH, 0, 0, NULL, 0), 0);
		break;
	case 1:
		assert_int_equal(run(engine, store, STORE_UNMAP, off, len, NULL, 0), 0);
		if (store->features & STORE_F_UNMAP) /* loop devices too punch holes */
			memset(m->want + off, 0, len);
		break;
	case 2:
		flags |= rnd(m, 2) ? STORE_IO_MAY_UNMAP : 0;
		assert_int_equal(run(engine, store, STORE_ZERO, off, len, NULL, flags), 0);
		memset(m->want + off, 0, len);
		break;
	case 3:
	case 4:
	case 5:
		pattern_fill(m->region, off, len, m->random);
		memcpy(m->want + off, m->region, len);
		assert_int_equal(run(engine, store, STORE_WRITE, off, len, m->region, flags), 0);
		break;
	default:
		assert_int_equal(run(engine, store, STORE_READ, off, len, m->region, 0), 0);
		assert_memory_equal(m->region, m->want + off, len);
		break;
	}
}

static void check_all(struct model *m, struct store *store)
{
	for (uint64_t off = 0; off < MODEL_SIZE; off += 65536) {
		assert_int_equal(run(engine, store, STORE_READ, off, 65536, m->region, 0), 0);
		assert_memory_equal(m->region, m->want + off, 65536);
	}
}

static struct loop loop;

static bool lacks_direct(const char *why)
{
	return strstr(why, "O_DIRECT") || strstr(why, "direct I/O");
}

static struct store *open_variant(const struct variant *v)
{
	struct store_conf conf = file_conf(MODEL_SIZE);
	struct store *store;

	if (v->loop) {
		if (!loop_new(&loop, MODEL_SIZE, 512))
			return NULL;
		conf.path = loop.dev;
	}
	conf.direct = v->direct;
	conf.thin = v->thin;
	conf.write_through = v->write_through;
	if (!store_open(&conf, &store, err, sizeof(err)))
		return store;
	if (!v->direct || !lacks_direct(err))
		fail_msg("%s", err);
	print_message("skipped: %s\n", err);
	return NULL;
}

static void check_facts(const struct variant *v)
{
	struct uring_facts facts;

	uring_facts(engine, &facts);
	if (facts.has_files)
		assert_int_equal(!!facts.n_fixed_file, v->registered);
	if (facts.n_regions)
		assert_int_equal(!!facts.n_fixed_buf, v->registered);
}

static void all_operations(void **state)
{
	const struct variant *v = *state;
	struct model m = { .unit = v->direct || v->loop ? 512 : 1, .random = 42 };
	const char *kind = getenv("SRPTD_TEST_ENGINE");
	bool is_uring = !kind || strcmp(kind, "libaio");
	struct store *store;

	if (!is_uring && v->setup != URING_DEFER)
		skip(); /* a way to set a ring up */
	tmp_path(path, sizeof(path));
	store = open_variant(v);
	if (!store)
		skip();
	engine = is_uring ? ring_new(v->setup, 32) : engine_under_test(32);
	m.want = calloc(1, MODEL_SIZE);
	m.region = buf_new(IO_MAX);
	if (v->registered) {
		assert_int_equal(engine_register_region(engine, m.region, IO_MAX), 0);
		assert_int_equal(engine_register_store(engine, store), 0);
	}
	for (int i = 0; i < 400; i++)
		model_step(&m, store);
	check_all(&m, store);
	if (is_uring)
		check_facts(v);
	assert_int_equal(engine_unregister_store(engine, store), 0);
	engine_free(engine);
	store_close(store);
	free(m.region);
	free(m.want);
	if (v->loop)
		loop_free(&loop);
	unlink(path);
}

static void unmap_frees_blocks(void **state)
{
	struct store_conf conf = file_conf(1 << 20);
	uint8_t *buf = buf_new(1 << 20);
	struct store *store;
	struct stat before, after;

	conf.thin = true;
	store = must_open(&conf);
	if (fallocate(store->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096)) {
		assert_false(store->features & STORE_F_UNMAP);
		store_close(store);
		free(buf);
		skip(); /* no holes on this file system */
	}
	assert_int_equal(store->features & (STORE_F_UNMAP | STORE_F_UNMAP_ZEROES | STORE_F_THIN),
			 STORE_F_UNMAP | STORE_F_UNMAP_ZEROES | STORE_F_THIN);
	assert_true(store->unmap_granularity >= 512);
	assert_int_equal(run(engine, store, STORE_WRITE, 0, 1 << 20, buf, STORE_IO_FUA), 0);
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(run(engine, store, STORE_UNMAP, 0, 1 << 20, NULL, 0), 0);
	assert_int_equal(stat(path, &after), 0);
	assert_true(after.st_blocks < before.st_blocks);
	assert_int_equal(after.st_size, before.st_size);
	store_close(store);
	free(buf);
}

static void read_only_file(void **state)
{
	struct store_conf conf = file_conf(1 << 20);
	uint8_t *buf = buf_new(512);
	struct store *store = must_open(&conf);

	assert_int_equal(run(engine, store, STORE_WRITE, 0, 512, buf, 0), 0);
	store_close(store);
	conf.read_only = true;
	conf.thin = true;
	store = must_open(&conf);
	assert_int_equal(fcntl(store->fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_int_equal(run(engine, store, STORE_READ, 0, 512, buf, 0), 0);
	assert_int_equal(buf[0], 0xee);
	assert_int_equal(run(engine, store, STORE_WRITE, 0, 512, buf, 0), -EROFS);
	assert_int_equal(run(engine, store, STORE_UNMAP, 0, 512, NULL, 0), -EROFS);
	assert_int_equal(run(engine, store, STORE_FLUSH, 0, 0, NULL, 0), 0);
	store_close(store);
	free(buf);
}

/* ---- stable storage ---- */

#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif

/* Pages of the file that are not on the disk yet; -1 = the kernel (before 6.5) can't say. */
static int64_t n_unwritten(const struct store *store)
{
	struct {
		uint64_t off, len;
	} range = { 0, 0 }; /* all of it */
	struct {
		uint64_t cached, dirty, writeback, evicted, recently_evicted;
	} stat = { 0 };

	if (syscall(SYS_cachestat, store->fd, &range, &stat, 0))
		return -1;
	return (int64_t)(stat.dirty + stat.writeback);
}

static void reaches_the_disk(void **state)
{
	struct store_conf conf = file_conf(1 << 20);
	struct store *store = must_open(&conf);
	uint8_t *buf = buf_new(65536);

	/* A plain write leaves pages unwritten, or this file system can't show the difference. */
	assert_int_equal(run(engine, store, STORE_WRITE, 0, 65536, buf, 0), 0);
	if (n_unwritten(store) <= 0 || (fsync(store->fd), n_unwritten(store) != 0)) {
		store_close(store);
		free(buf);
		print_message("skipped: unwritten pages cannot be counted here\n");
		skip();
	}
	assert_int_equal(run(engine, store, STORE_WRITE, 0, 65536, buf, STORE_IO_FUA), 0);
	assert_int_equal(n_unwritten(store), 0);
	assert_int_equal(run(engine, store, STORE_WRITE, 65536, 65536, buf, 0), 0);
	assert_int_equal(run(engine, store, STORE_FLUSH, 0, 0, NULL, 0), 0);
	assert_int_equal(n_unwritten(store), 0);
	store_close(store);
	conf.write_through = true;
	store = must_open(&conf);
	assert_int_equal(run(engine, store, STORE_WRITE, 0, 65536, buf, 0), 0);
	assert_int_equal(n_unwritten(store), 0);
	assert_int_equal(run(engine, store, STORE_ZERO, 512, 65536, NULL, 0), 0);
	assert_int_equal(n_unwritten(store), 0);
	store->zero_by_write = true;
	assert_int_equal(run(engine, store, STORE_ZERO, 512, 65536, NULL, 0), 0);
	assert_int_equal(n_unwritten(store), 0);
	store_close(store);
	free(buf);
}

/* ---- errors of the kernel ---- */

static void truncated_underneath(void **state)
{
	struct store_conf conf = file_conf(1 << 20);
	struct store *store = must_open(&conf);
	uint8_t *buf = buf_new(8192);

	assert_int_equal(truncate(path, 4096), 0);
	assert_int_equal(run(engine, store, STORE_READ, 0, 4096, buf, 0), 0);
	assert_int_equal(run(engine, store, STORE_READ, 0, 8192, buf, 0), -EIO);
	assert_int_equal(run(engine, store, STORE_READ, 65536, 512, buf, 0), -EIO);
	store_close(store);
	free(buf);
}

/* A write across the process's file size limit: the kernel writes a part, then says why not. */
static void file_size_limit(void **state)
{
	struct store_conf conf = file_conf(1 << 20);
	struct store *store = must_open(&conf);
	uint8_t *buf = buf_new(16384);
	struct rlimit old, cut;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	cut = old;
	cut.rlim_cur = 8192;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &cut), 0);
	assert_int_equal(run(engine, store, STORE_WRITE, 0, 8192, buf, 0), 0);
	assert_int_equal(run(engine, store, STORE_WRITE, 4096, 16384, buf, 0), -EFBIG);
	setrlimit(RLIMIT_FSIZE, &old);
	store_close(store);
	free(buf);
}

/* A small tmpfs of our own, seen by this process only. False: not permitted here. */
static bool mount_tmpfs(const char *dir)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return false;
	return !mkdir(dir, 0700) && !mount("none", dir, "tmpfs", 0, "size=1m");
}

static void no_space(void **state)
{
	char dir[256], file[300];
	struct store_conf conf = file_conf(4 << 20);
	uint8_t *buf = buf_new(2 << 20);
	struct store *store;

	tmp_path(dir, sizeof(dir));
	if (!mount_tmpfs(dir)) {
		rmdir(dir);
		free(buf);
		print_message("skipped: mounting a tmpfs needs CAP_SYS_ADMIN\n");
		skip();
	}
	snprintf(file, sizeof(file), "%s/f", dir);
	conf.path = file;
	conf.thin = true;
	store = must_open(&conf);
	assert_int_equal(run(engine, store, STORE_WRITE, 0, 2 << 20, buf, 0), -ENOSPC);
	assert_int_equal(run(engine, store, STORE_ZERO, 0, 4 << 20, NULL, 0), -ENOSPC);
	assert_int_equal(run(engine, store, STORE_UNMAP, 0, 4 << 20, NULL, 0), 0);
	assert_int_equal(run(engine, store, STORE_WRITE, 0, 512 << 10, buf, 0), 0);
	store_close(store);
	free(buf);
	assert_int_equal(umount(dir), 0);
	rmdir(dir);
}

/* tmpfs cannot zero a range: the store writes zeroes. */
static void zero_without_help(void **state)
{
	struct store_conf conf = file_conf(1 << 20);
	uint8_t *buf = buf_new(1 << 20), *want = buf_new(1 << 20);
	struct store *store;
	struct statfs fs;

	if (statfs("/dev/shm", &fs) || fs.f_type != TMPFS_MAGIC) {
		free(want);
		free(buf);
		skip();
	}
	snprintf(path, sizeof(path), "/dev/shm/srptd-store-%ld", (long)getpid());
	store = must_open(&conf);
	memset(want + 4096, 0, 700000);
	assert_int_equal(run(engine, store, STORE_WRITE, 0, 1 << 20, buf, 0), 0);
	assert_int_equal(run(engine, store, STORE_ZERO, 4096, 700000, NULL, STORE_IO_FUA), 0);
	assert_int_equal(run(engine, store, STORE_READ, 0, 1 << 20, buf, 0), 0);
	assert_memory_equal(buf, want, 1 << 20);
	assert_true(store->zero_by_write);
	store_close(store);
	free(want);
	free(buf);
}

#define OPERATIONS(n, ...)                                                                         \
	{                                                                                          \
		.name = "all_operations: " n, .test_func = all_operations,                         \
		.initial_state = &(struct variant){ .name = n, __VA_ARGS__ }                       \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(creates, setup, teardown),
		cmocka_unit_test_setup_teardown(refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(no_direct_io, setup, teardown),
		cmocka_unit_test_setup_teardown(failed_creation_leaves_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(slots_are_given_back, setup, teardown),
		cmocka_unit_test_setup_teardown(features, setup, teardown),
		OPERATIONS("page cache", .setup = URING_DEFER),
		OPERATIONS("page cache, registered, thin", .setup = URING_DEFER,
			   .registered = true, .thin = true),
		OPERATIONS("page cache, write-through", .write_through = true),
		OPERATIONS("direct", .direct = true),
		OPERATIONS("direct, registered, thin", .direct = true, .registered = true,
			   .thin = true),
		OPERATIONS("block device", .loop = true, .registered = true),
		OPERATIONS("block device, direct", .loop = true, .direct = true),
		OPERATIONS("block device, thin", .loop = true, .thin = true),
		OPERATIONS("block device, direct, thin, write-through", .loop = true,
			   .direct = true, .thin = true, .write_through = true),
		OPERATIONS("as on 6.0", .setup = URING_SINGLE, .registered = true),
		OPERATIONS("as on 6.0, direct", .setup = URING_SINGLE, .direct = true),
		OPERATIONS("as on 5.19", .setup = URING_COOP, .registered = true),
		OPERATIONS("as on 5.19, direct", .setup = URING_COOP, .direct = true),
		OPERATIONS("as on 5.18", .setup = URING_SUBMIT_ALL, .registered = true),
		OPERATIONS("as on 5.15", .setup = URING_PLAIN, .registered = true, .thin = true),
		OPERATIONS("as on 5.15, direct", .setup = URING_PLAIN, .direct = true),
		cmocka_unit_test_setup_teardown(unmap_frees_blocks, setup, teardown),
		cmocka_unit_test_setup_teardown(read_only_file, setup, teardown),
		cmocka_unit_test_setup_teardown(reaches_the_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(truncated_underneath, setup, teardown),
		cmocka_unit_test_setup_teardown(file_size_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(no_space, setup, teardown),
		cmocka_unit_test_setup_teardown(zero_without_help, setup, teardown),
	};

	return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
