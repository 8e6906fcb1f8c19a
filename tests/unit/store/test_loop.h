/* SPDX-License-Identifier: BSD-2-Clause */
/* A block device for a test: a loop device over a scratch file. Needs root and a free one. */
#ifndef SRPTD_TESTS_TEST_LOOP_H
#define SRPTD_TESTS_TEST_LOOP_H

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>

#include "store_test.h"

struct loop {
	char file[256], dev[64];
	int file_fd, fd; /* fd: -1 = there is no device */
};

/* Take a free loop device; another process may be faster. */
static inline int loop_configure(struct loop *loop, unsigned int block_size)
{
	struct loop_config config = { .fd = (uint32_t)loop->file_fd, .block_size = block_size };
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int n, rc = -1;

	config.info.lo_flags = LO_FLAGS_AUTOCLEAR; /* gone with the last one that has it open */
	for (int i = 0; control >= 0 && rc && i < 100; i++) {
		n = ioctl(control, LOOP_CTL_GET_FREE);
		snprintf(loop->dev, sizeof(loop->dev), "/dev/loop%d", n);
		loop->fd = n < 0 ? -1 : open(loop->dev, O_RDWR | O_CLOEXEC);
		rc = loop->fd < 0 ? -1 : ioctl(loop->fd, LOOP_CONFIGURE, &config);
		if (rc && loop->fd >= 0)
			close(loop->fd);
		if (rc)
			usleep(10000);
	}
	if (control >= 0)
		close(control);
	return rc;
}

/* False, with a line that says why, when this process cannot make one. */
static inline bool loop_new(struct loop *loop, uint64_t size, unsigned int block_size)
{
	tmp_path(loop->file, sizeof(loop->file));
	loop->file_fd = open(loop->file, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	assert_true(loop->file_fd >= 0);
	assert_int_equal(ftruncate(loop->file_fd, (off_t)size), 0);
	if (!loop_configure(loop, block_size))
		return true;
	print_message("skipped: no loop device: needs root and a free one\n");
	close(loop->file_fd);
	unlink(loop->file);
	loop->fd = -1;
	return false;
}

static inline void loop_free(struct loop *loop)
{
	if (loop->fd < 0)
		return;
	close(loop->fd);
	close(loop->file_fd);
	unlink(loop->file);
	loop->fd = -1;
}

#endif
