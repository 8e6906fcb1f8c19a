/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stores that are SCSI devices, on a kernel that is made up: what is opened and what is refused, SG_IO
 * of both versions, and commands that hang. /dev/null stands for the character device.
 */
#include <fcntl.h>
#include <linux/bsg.h>
#include <linux/fs.h>
#include <pthread.h>
#include <scsi/sg.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "store/sg.h"
#include "store_test.h"

static char sys_dir[128], node[160];
static bool may = true;

/* What the kernel saw last, and how it answers. */
static struct {
	uint8_t cdb[16], cdb_len;
	uint32_t len, timeout_ms;
	int dir;
	const void *buf;
	unsigned int n;
	int error;
	uint32_t status, host, sense_len;
	int resid;
	pthread_mutex_t hold; /* commands wait for it */
} kernel = { .hold = PTHREAD_MUTEX_INITIALIZER };

static void saw(const void *cdb, uint8_t cdb_len, uint32_t len, int dir, const void *buf, uint32_t ms)
{
	pthread_mutex_lock(&kernel.hold);
	memcpy(kernel.cdb, cdb, MIN(cdb_len, (uint8_t)16));
	kernel.cdb_len = cdb_len;
	kernel.len = len;
	kernel.dir = dir;
	kernel.buf = buf;
	kernel.timeout_ms = ms;
	kernel.n++;
	pthread_mutex_unlock(&kernel.hold);
}

static void answer_v3(struct sg_io_hdr *hdr)
{
	assert_int_equal(hdr->interface_id, 'S');
	saw(hdr->cmdp, hdr->cmd_len, hdr->dxfer_len, hdr->dxfer_direction, hdr->dxferp, hdr->timeout);
	hdr->status = (uint8_t)kernel.status;
	hdr->host_status = (uint16_t)kernel.host;
	hdr->sb_len_wr = (uint8_t)kernel.sense_len;
	hdr->resid = kernel.resid;
	memset(hdr->sbp, 0x77, MIN(kernel.sense_len, (uint32_t)hdr->mx_sb_len));
}

static void answer_v4(struct sg_io_v4 *hdr)
{
	bool in = hdr->din_xfer_len;

	assert_int_equal(hdr->guard, 'Q');
	saw((void *)(uintptr_t)hdr->request, (uint8_t)hdr->request_len,
	    in ? hdr->din_xfer_len : hdr->dout_xfer_len,
	    in ? SG_DXFER_FROM_DEV : hdr->dout_xfer_len ? SG_DXFER_TO_DEV : SG_DXFER_NONE,
	    (void *)(uintptr_t)(in ? hdr->din_xferp : hdr->dout_xferp), hdr->timeout);
	hdr->device_status = kernel.status;
	hdr->transport_status = kernel.host;
	hdr->response_len = kernel.sense_len;
	*(in ? &hdr->din_resid : &hdr->dout_resid) = kernel.resid;
	memset((void *)(uintptr_t)hdr->response, 0x77, MIN(kernel.sense_len, hdr->max_response_len));
}

static int fake_ioctl(int fd, unsigned long request, void *arg)
{
	if (request == BLKSECTGET || request == SG_GET_RESERVED_SIZE)
		*(int *)arg = 512 << 10;
	if (request != SG_IO)
		return 0;
	if (kernel.error) {
		errno = kernel.error;
		return -1;
	}
	if (*(int *)arg == 'S')
		answer_v3(arg);
	else
		answer_v4(arg);
	return 0;
}

static bool fake_may(void)
{
	return may;
}

/* The folder that /sys/dev/char has for the device; driver NULL = not there. */
static void make_node(const char *driver)
{
	char path[256], to[64];
	struct stat st;

	assert_int_equal(stat("/dev/null", &st), 0);
	tmp_path(sys_dir, sizeof(sys_dir));
	assert_int_equal(mkdir(sys_dir, 0700), 0);
	snprintf(node, sizeof(node), "%s/%u:%u", sys_dir, major(st.st_rdev), minor(st.st_rdev));
	assert_int_equal(mkdir(node, 0700), 0);
	snprintf(path, sizeof(path), "%s/device", node);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/device/vendor", node);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	snprintf(path, sizeof(path), "%s/subsystem", node);
	snprintf(to, sizeof(to), "../../class/%s", driver ? driver : "mem");
	assert_int_equal(symlink(to, path), 0);
	sg_layer = (struct sg_layer){ .sys = sys_dir, .ioctl = fake_ioctl, .may = fake_may };
	may = true;
	kernel.error = 0;
	kernel.status = kernel.host = kernel.sense_len = kernel.n = 0;
	kernel.resid = 0;
}

static void remove_node(void)
{
	char command[300];

	snprintf(command, sizeof(command), "rm -rf '%s'", sys_dir);
	assert_int_equal(system(command), 0);
}

static const struct store_conf conf = { .type = "passthrough", .path = "/dev/null", .block_size = 512 };

static void must_refuse(const struct store_conf *c, int error, const char *why)
{
	struct store *store;
	char err[512] = "";

	assert_int_equal(store_open(c, &store, err, sizeof(err)), error);
	if (!strstr(err, why))
		fail_msg("\"%s\" does not say \"%s\"", err, why);
}

/* ---- open ---- */

static void says_what_is_missing(void **state)
{
	const struct store_conf file = { .type = "passthrough", .path = "/etc/passwd", .block_size = 512 };

	make_node("scsi_generic");
	may = false;
	must_refuse(&conf, -EPERM, "CAP_SYS_RAWIO; as a service: install the drop-in "
		    "srptd-passthrough.conf");
	may = true;
	must_refuse(&file, -ENOTSUP, "expected /dev/sg* or /dev/bsg/*");
	remove_node();
	make_node(NULL);
	must_refuse(&conf, -ENOTSUP, "expected /dev/sg* or /dev/bsg/*");
	remove_node();
}

static void claims_the_device_once(void **state)
{
	struct store *store;

	make_node("scsi_generic");
	store = must_open(&conf);
	must_refuse(&conf, -EBUSY, "already in use");
	store_close(store);
	store_close(must_open(&conf));
	remove_node();
}

/* ---- commands ---- */

static void io_done(struct store_io *io)
{
}

static struct store_io run_one(struct engine *engine, struct store *store, struct store_scsi *cmd, void *buf)
{
	struct store_io io = { .store = store, .op = STORE_SCSI, .len = UINT64_MAX, .scsi = cmd,
			       .buf = buf, .done = io_done };

	store_submit(engine, &io);
	drain(engine);
	return io;
}

static void with_version(const char *driver)
{
	struct engine *engine = engine_under_test(8);
	struct store_scsi cmd = { .cdb = { 0x28, 1, 2, 3 }, .cdb_len = 10, .dir = STORE_SCSI_IN,
				  .len = 4096, .timeout = 77 };
	struct store *store;
	void *buf = buf_new(4096);

	make_node(driver);
	store = must_open(&conf);
	assert_int_equal(store->max_transfer, 512 << 10);
	kernel.resid = 96;
	assert_int_equal(run_one(engine, store, &cmd, buf).res, 0);
	assert_memory_equal(kernel.cdb, cmd.cdb, 10);
	assert_int_equal(kernel.cdb_len, 10);
	assert_int_equal(kernel.dir, SG_DXFER_FROM_DEV);
	assert_ptr_equal(kernel.buf, buf);
	assert_int_equal(kernel.timeout_ms, 77000);
	assert_int_equal(cmd.moved, 4000);
	cmd.dir = STORE_SCSI_OUT;
	kernel.status = 2;
	kernel.sense_len = 18;
	kernel.host = 7; /* what the device said counts more */
	kernel.resid = 5000;
	assert_int_equal(run_one(engine, store, &cmd, buf).res, 0);
	assert_int_equal(kernel.dir, SG_DXFER_TO_DEV);
	assert_int_equal(cmd.status, 2);
	assert_int_equal(cmd.sense_len, 18);
	assert_int_equal(cmd.sense[17], 0x77);
	assert_int_equal(cmd.moved, 0);
	cmd.dir = STORE_SCSI_NONE;
	cmd.len = 0;
	kernel.status = kernel.sense_len = kernel.host = 0;
	kernel.resid = 0;
	assert_int_equal(run_one(engine, store, &cmd, NULL).res, 0);
	assert_int_equal(kernel.dir, SG_DXFER_NONE);
	store_close(store);
	engine_free(engine);
	free(buf);
	remove_node();
}

static void by_version_3(void **state)
{
	with_version("scsi_generic");
}

static void by_version_4(void **state)
{
	with_version("bsg");
}

static void tells_why_there_is_no_answer(void **state)
{
	static const struct {
		uint32_t host;
		int res;
	} ends[] = { { 1, -ENODEV }, { 3, -ETIMEDOUT }, { 2, -EAGAIN }, { 8, -EAGAIN }, { 7, -EIO },
		     { 0x0d, -EAGAIN }, { 0x99, -EIO } };
	struct engine *engine = engine_under_test(8);
	struct store_scsi cmd = { .cdb_len = 6, .timeout = 1 };
	struct store *store;

	make_node("scsi_generic");
	store = must_open(&conf);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		kernel.host = ends[i].host;
		assert_int_equal(run_one(engine, store, &cmd, NULL).res, ends[i].res);
	}
	kernel.error = ENXIO;
	assert_int_equal(run_one(engine, store, &cmd, NULL).res, -ENODEV);
	kernel.error = EINVAL;
	assert_int_equal(run_one(engine, store, &cmd, NULL).res, -EINVAL);
	store_close(store);
	engine_free(engine);
	remove_node();
}

/* It takes commands only, and no other store takes those. */
static void has_no_blocks(void **state)
{
	const struct store_conf memory = { .type = "memory", .size = 1 << 20, .block_size = 512 };
	struct engine *engine = engine_under_test(8);
	struct store_scsi cmd = { .cdb_len = 6 };
	struct store_io io = { .op = STORE_READ, .len = 512, .done = io_done, .buf = buf_new(512) };
	struct store *store, *other = must_open(&memory);

	make_node("scsi_generic");
	store = io.store = must_open(&conf);
	store_submit(engine, &io);
	drain(engine);
	assert_int_equal(io.res, -EOPNOTSUPP);
	assert_int_equal(run_one(engine, other, &cmd, NULL).res, -EOPNOTSUPP);
	assert_int_equal(kernel.n, 0);
	store_close(store);
	store_close(other);
	engine_free(engine);
	free(io.buf);
	remove_node();
}

/* A command that hangs holds up nobody: what has not begun is given back, the rest is waited for. */
static void hangs_alone(void **state)
{
	enum { N = 12 };
	struct engine *engine = engine_under_test(N);
	struct store_scsi cmd[N];
	struct store_io io[N];
	struct store *store;
	unsigned int n_back = 0;

	make_node("scsi_generic");
	store = must_open(&conf);
	pthread_mutex_lock(&kernel.hold);
	for (int i = 0; i < N; i++) {
		cmd[i] = (struct store_scsi){ .cdb_len = 6, .timeout = 1 };
		io[i] = (struct store_io){ .store = store, .op = STORE_SCSI, .len = UINT64_MAX,
					   .scsi = &cmd[i], .done = io_done, .res = 1 };
		store_submit(engine, &io[i]);
	}
	engine_flush(engine);
	for (int i = 0; i < N; i++)
		store_cancel(&io[i]);
	engine_reap(engine);
	for (int i = 0; i < N; i++)
		n_back += io[i].res == -ECANCELED;
	assert_true(n_back >= N - 8); /* JOBS_PER_STORE are in a thread at most */
	pthread_mutex_unlock(&kernel.hold);
	drain(engine);
	for (int i = 0; i < N; i++)
		assert_true(io[i].res == 0 || io[i].res == -ECANCELED);
	assert_int_equal(kernel.n, N - n_back);
	store_close(store);
	engine_free(engine);
	remove_node();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_is_missing),
		cmocka_unit_test(claims_the_device_once),
		cmocka_unit_test(by_version_3),
		cmocka_unit_test(by_version_4),
		cmocka_unit_test(tells_why_there_is_no_answer),
		cmocka_unit_test(has_no_blocks),
		cmocka_unit_test(hangs_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
