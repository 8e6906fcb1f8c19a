/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The claim on a file: an open file description lock on the very descriptor that the I/O uses; on a
 * block device also the kernel's exclusive opening, which holds for all its nodes. Both hold
 * against other processes and against a second store of this one, and the kernel ends them with the
 * last reference to the description, I/O in flight included: no successor writes before its
 * predecessor's last write has ended.
 */
#include "store/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

enum {
	PAUSE_MS = 100,
	LASTING_TRIES = 30
};

struct attempt {
	int fd; /* lock this; -1 = open path exclusively */
	const char *path;
	bool read_only;
	bool patient; /* wait for who has ended */
};

static int lock(int fd, bool for_read)
{
	struct flock lk = {
		.l_type = for_read ? F_RDLCK : F_WRLCK,
		.l_whence = SEEK_SET, /* from 0 to whatever the end becomes */
	};

	return fcntl(fd, F_OFD_SETLK, &lk) ? -errno : 0;
}

static int open_exclusively(const char *path, bool read_only)
{
	int fd = open(path, O_EXCL | O_CLOEXEC | (read_only ? O_RDONLY : O_RDWR));

	return fd < 0 ? -errno : fd;
}

/* A descriptor or 0, or -errno; the claim is another's if -EBUSY. */
static int try(const struct attempt *attempt)
{
	int rc;

	if (attempt->fd < 0)
		return open_exclusively(attempt->path, attempt->read_only);
	rc = lock(attempt->fd, attempt->read_only);
	return rc == -EAGAIN || rc == -EACCES ? -EBUSY : rc;
}

/*
 * A process that merely has the device open (a scan for labels, say) need not be in the way: it is
 * blamed only if that lasts.
 */
static bool say_holder(const struct attempt *attempt, bool lasts, char *err, size_t err_len)
{
	const char *path = attempt->path;
	struct stat st;

	if (attempt->fd >= 0)
		return !fstat(attempt->fd, &st) &&
		       holder_say_process(&st, path,
					  attempt->read_only ? HOLDER_LOCKED_WRITE : HOLDER_LOCKED,
					  err, err_len);
	return !stat(path, &st) &&
	       (holder_say_kernel(&st, path, err, err_len) ||
		holder_say_process(&st, path, HOLDER_LOCKED, err, err_len) ||
		(lasts && holder_say_process(&st, path, HOLDER_OPENED, err, err_len)));
}

/* Try until it succeeds, somebody is seen in the way, or time is up. */
static int insist(const struct attempt *attempt, char *err, size_t err_len)
{
	const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };
	const char *path = attempt->path;
	int rc;

	for (int i = 0; i <= (attempt->patient ? CLAIM_WAIT_S * 1000 / PAUSE_MS : 0); i++) {
		rc = try(attempt);
		if (rc >= 0 && i)
			log_info("%s: the last I/O of its previous user has ended", path);
		if (rc != -EBUSY)
			return rc;
		if (say_holder(attempt, i > LASTING_TRIES, err, err_len))
			return -EBUSY;
		/* Nobody has it open, still it is taken: I/O of a process that has ended. */
		if (!attempt->patient)
			break;
		if (!i)
			log_info("%s: waiting for the last I/O of its previous user", path);
		nanosleep(&pause, NULL);
	}
	snprintf(err, err_len, "%s: already in use by a process that cannot be seen from here",
		 path);
	return -EBUSY;
}

int claim_take(int fd, const char *path, const struct store_conf *conf, char *err, size_t err_len)
{
	const struct attempt attempt = {
		.fd = fd,
		.path = path,
		.read_only = conf->read_only,
		.patient = !conf->serving,
	};
	int rc = insist(&attempt, err, err_len);

	if (rc < 0 && rc != -EBUSY)
		snprintf(err, err_len, "%s: cannot be claimed by a file lock: %s", path,
			 strerror(-rc));
	return rc;
}

int claim_open_block(const struct store_conf *conf, char *err, size_t err_len)
{
	const char *path = conf->path;
	const struct attempt attempt = {
		.fd = -1,
		.path = path,
		.read_only = conf->read_only,
		.patient = !conf->serving,
	};
	int rc = insist(&attempt, err, err_len);

	if (rc >= 0 && conf->read_only) {
		/* Nobody has it exclusively, and neither do we: other readers may come. */
		close(rc);
		rc = open(path, O_RDONLY | O_CLOEXEC);
		rc = rc < 0 ? -errno : rc;
	}
	if (rc < 0 && rc != -EBUSY)
		snprintf(err, err_len, "%s: cannot open: %s", path, strerror(-rc));
	return rc;
}
