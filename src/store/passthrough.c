/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A store that is a SCSI device of this machine, as the kernel's generic drivers sg and bsg give it:
 * it takes commands instead of blocks. Opens and claims it; every command runs in a thread of jobs.h.
 * What a command means is for who sends it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/log.h"
#include "store/fd.h"
#include "store/jobs.h"
#include "store/sg.h"
#include "store/types.h"

#define NEEDS_DROP_IN                                                                              \
	"as a service: install the drop-in srptd-passthrough.conf, see PASSTHROUGH in srptd.conf(5)"

enum { MAX_TRANSFER = 16 << 20 };

struct place {
	char dir[PATH_MAX - 64]; /* of the character device in sysfs */
	bool v4;
};

/* ---- which device it is ---- */

static int no_device(const char *path, char *err, size_t err_len)
{
	snprintf(err, err_len, "%s: is no SCSI device that can be passed through; expected /dev/sg* or "
		 "/dev/bsg/*", path);
	return -ENOTSUP;
}

/* The driver of a character device is what its subsystem is called. */
static int find_place(const struct store *store, struct place *place, char *err, size_t err_len)
{
	char link[PATH_MAX], to[PATH_MAX];
	const char *name;
	struct stat st;
	ssize_t len;

	if (fstat(store->fd, &st) || !S_ISCHR(st.st_mode))
		return no_device(store->name, err, err_len);
	snprintf(place->dir, sizeof(place->dir), "%s/%u:%u", sg_layer.sys, major(st.st_rdev),
		 minor(st.st_rdev));
	snprintf(link, sizeof(link), "%s/subsystem", place->dir);
	len = readlink(link, to, sizeof(to) - 1);
	if (len < 0)
		return no_device(store->name, err, err_len);
	to[len] = '\0';
	name = strrchr(to, '/');
	name = name ? name + 1 : to;
	place->v4 = !strcmp(name, "bsg");
	return place->v4 || !strcmp(name, "scsi_generic") ? 0 : no_device(store->name, err, err_len);
}

/* ---- claims ---- */

/*
 * One store for a device, whichever of its nodes is opened: a lock on an attribute of the device
 * itself. Expanders and hosts have no such attribute: they are no logical units.
 */
static int claim_device(struct store *store, const struct place *place, char *err, size_t err_len)
{
	char path[PATH_MAX];
	int rc;

	snprintf(path, sizeof(path), "%s/device/vendor", place->dir);
	store->claims[0] = open(path, O_RDONLY | O_CLOEXEC);
	if (store->claims[0] < 0)
		return no_device(store->name, err, err_len);
	if (!flock(store->claims[0], LOCK_EX | LOCK_NB))
		return 0;
	rc = -errno;
	snprintf(err, err_len, "%s: %s", store->name,
		 rc == -EWOULDBLOCK ? "already in use by another srptd or another LUN" : strerror(-rc));
	return rc == -EWOULDBLOCK ? -EBUSY : rc;
}

/* Its disk, for as long as we live: nobody mounts it, and it is not mounted. */
static int claim_disk(struct store *store, const char *name, char *err, size_t err_len)
{
	char path[NAME_MAX + 8];

	snprintf(path, sizeof(path), "/dev/%s", name);
	store->claims[1] = open(path, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);
	if (store->claims[1] >= 0)
		return 0;
	if (errno == EBUSY) {
		snprintf(err, err_len, "%s: its disk %s is in use (mounted, or part of something)",
			 store->name, path);
		return -EBUSY;
	}
	if (errno != EACCES && errno != EPERM) {
		log_info("%s: %s cannot be kept from being mounted: %s", store->name, path,
			 strerror(errno));
		return 0;
	}
	return fd_error(path, "cannot be claimed; " NEEDS_DROP_IN, err, err_len);
}

static int claim_block(struct store *store, const struct place *place, char *err, size_t err_len)
{
	char path[PATH_MAX];
	const struct dirent *entry;
	int rc = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/device/block", place->dir);
	dir = opendir(path);
	if (!dir)
		return 0; /* a tape, a changer, or a disk without a driver */
	while ((entry = readdir(dir)) && store->claims[1] < 0 && !rc)
		if (entry->d_name[0] != '.')
			rc = claim_disk(store, entry->d_name, err, err_len);
	closedir(dir);
	return rc;
}

/* ---- open and close ---- */

static void passthrough_close(struct store *store)
{
	for (size_t i = 0; i < ARRAY_SIZE(store->claims); i++)
		if (store->claims[i] >= 0)
			close(store->claims[i]);
	close(store->fd);
}

static int learn(struct store *store, char *err, size_t err_len)
{
	int64_t max;

	max = sg_max_transfer(store->fd, store->sg_v4);
	if (max < 0) {
		errno = (int)-max;
		return fd_error(store->name, "does not tell what it can transfer", err, err_len);
	}
	store->max_transfer = (uint32_t)MIN(max, (int64_t)MAX_TRANSFER);
	store->size = INT64_MAX / STORE_BUF_ALIGN * STORE_BUF_ALIGN; /* it has no blocks of ours */
	return 0;
}

static int open_device(struct store *store, char *err, size_t err_len)
{
	struct stat st;

	if (!stat(store->name, &st) && !S_ISCHR(st.st_mode))
		return no_device(store->name, err, err_len);
	/* A tape drive waits for nothing: the device is only opened, not its medium. */
	store->fd = open(store->name, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (store->fd >= 0)
		return 0;
	return fd_error(store->name, errno == EACCES || errno == EPERM ?
			"cannot open; " NEEDS_DROP_IN : "cannot open", err, err_len);
}

static int passthrough_open(struct store *store, const struct store_conf *conf, char *err,
			    size_t err_len)
{
	struct place place;
	int rc;

	if (!conf->path) {
		snprintf(err, err_len, "a store of type \"passthrough\" needs a path");
		return -EINVAL;
	}
	if (!sg_layer.may()) {
		snprintf(err, err_len, "%s: needs the capability CAP_SYS_RAWIO; " NEEDS_DROP_IN,
			 conf->path);
		return -EPERM;
	}
	rc = open_device(store, err, err_len);
	if (rc)
		return rc;
	rc = find_place(store, &place, err, err_len);
	if (!rc)
		rc = claim_device(store, &place, err, err_len);
	if (!rc)
		rc = claim_block(store, &place, err, err_len);
	store->sg_v4 = !rc && place.v4;
	if (!rc)
		rc = learn(store, err, err_len);
	if (rc)
		passthrough_close(store);
	return rc;
}

/* ---- commands ---- */

/* Any thread; what is gone is said once. */
static int passthrough_scsi(struct store *store, struct store_scsi *cmd, void *buf)
{
	int rc = sg_run(store->fd, store->sg_v4, cmd, buf);

	if (rc == -ENXIO)
		rc = -ENODEV;
	if (rc == -ENODEV && !atomic_flag_test_and_set(&store->gone))
		log_warn("%s: the device is gone: its LUN answers nothing any more until it is removed "
			 "and added again", store->name);
	return rc;
}

static int passthrough_run(struct store *store, struct store_io *io)
{
	return store->ops->scsi(store, io->scsi, io->buf);
}

static void passthrough_submit(struct store *store, struct engine *engine, struct store_io *io)
{
	if (io->op == STORE_SCSI)
		jobs_submit(io);
	else
		engine_complete(engine, io, -EOPNOTSUPP);
}

const struct store_ops passthrough_store_ops = {
	.type = "passthrough",
	.open = passthrough_open,
	.close = passthrough_close,
	.submit = passthrough_submit,
	.scsi = passthrough_scsi,
	.run = passthrough_run,
};
