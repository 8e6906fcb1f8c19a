/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Persistent reservations that outlive a restart (APTPL), one file for each logical unit: written
 * anew beside the old one, synchronised, and put in its place by a rename, so that a crash leaves
 * either the old state or the new one. May sleep.
 *
 * The file, big-endian: magic (8), length of what follows up to the checksum (4), version (2), type
 * (1), aptpl (1), number of registrations (4), then for each: initiator port (16), key (8), relative
 * target port (2), all_ports (1), holder (1); then a CRC-32 (IEEE 802.3) of all before it (4).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scsi/pr.h"

enum { HEAD_LEN = 20, REG_LEN = 28, CRC_LEN = 4, VERSION = 1 };

static const uint8_t magic[8] = "SRPTD-PR";

struct pr_files {
	struct scsi_pr_keeper keeper;
	char dir[];
};

/* ---- image ---- */

static uint32_t crc32(const uint8_t *data, size_t len)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

size_t pr_encode(const struct pr_state *pr, uint8_t *image)
{
	uint8_t *p = image + HEAD_LEN;

	memcpy(image, magic, sizeof(magic));
	be32_put(image + 8, HEAD_LEN - 12 + pr->n * REG_LEN);
	be16_put(image + 12, VERSION);
	image[14] = (uint8_t)pr->type;
	image[15] = pr->aptpl;
	be32_put(image + 16, pr->n);
	for (uint32_t i = 0; i < pr->n; i++, p += REG_LEN) {
		const struct pr_reg *reg = &pr->reg[i];

		memcpy(p, reg->initiator, 16);
		be64_put(p + 16, reg->key);
		be16_put(p + 24, reg->port);
		p[26] = reg->all_ports;
		p[27] = reg->holder;
	}
	be32_put(p, crc32(image, (size_t)(p - image)));
	return (size_t)(p + CRC_LEN - image);
}

static bool is_whole(const uint8_t *image, size_t len)
{
	return len >= HEAD_LEN + CRC_LEN && !memcmp(image, magic, sizeof(magic)) &&
	       be32_get(image + 8) == len - 12 - CRC_LEN &&
	       be32_get(image + len - CRC_LEN) == crc32(image, len - CRC_LEN);
}

bool pr_decode(const uint8_t *image, size_t len, struct pr_state *pr)
{
	const uint8_t *p = image + HEAD_LEN;

	if (!is_whole(image, len) || be16_get(image + 12) != VERSION)
		return false;
	pr->type = image[14];
	pr->aptpl = image[15];
	pr->n = be32_get(image + 16);
	if (pr->n > PR_MAX_REGS || len != HEAD_LEN + (size_t)pr->n * REG_LEN + CRC_LEN ||
	    (pr->type != PR_NONE && !pr_is_type((uint8_t)pr->type)))
		return false;
	for (uint32_t i = 0; i < pr->n; i++, p += REG_LEN) {
		struct pr_reg *reg = &pr->reg[i];

		memcpy(reg->initiator, p, 16);
		reg->key = be64_get(p + 16);
		reg->port = be16_get(p + 24);
		reg->all_ports = p[26];
		reg->holder = p[27];
	}
	return pr->type == PR_NONE || pr_holder(pr);
}

/* ---- file ---- */

/*
 * A name that no other logical unit has: letters, digits, "-" and "_" stand for themselves, every
 * other byte is % and two digits.
 */
static void file_name(const struct scsi_lu *lu, char name[NAME_MAX + 1])
{
	char *p = name + sprintf(name, "pr-");

	for (const char *c = lu->name; *c; c++) {
		bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
			     (*c >= '0' && *c <= '9') || *c == '-' || *c == '_';

		p += sprintf(p, plain ? "%c" : "%%%02X", (uint8_t)*c);
	}
}

static int write_all(int fd, const uint8_t *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static int write_new(int dir, const char *name, const uint8_t *image, size_t len)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	int res;

	if (fd < 0)
		return -errno;
	res = write_all(fd, image, len);
	if (!res && fsync(fd))
		res = -errno;
	if (close(fd) && !res)
		res = -errno;
	return res;
}

/* Without APTPL there is nothing to come back: no file. */
static int replace(int dir, const struct scsi_lu *lu, const struct pr_state *pr, uint8_t *image)
{
	char name[NAME_MAX + 1];
	char new[NAME_MAX + 1];
	int res;

	file_name(lu, name);
	snprintf(new, sizeof(new), "%.240s.new", name);
	if (pr->aptpl) {
		res = write_new(dir, new, image, pr_encode(pr, image));
		if (!res && renameat(dir, new, dir, name))
			res = -errno;
	} else {
		res = unlinkat(dir, name, 0) && errno != ENOENT ? -errno : 0;
	}
	return !res && fsync(dir) ? -errno : res;
}

static int open_dir(const struct pr_files *files)
{
	int fd = open(files->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int save(struct scsi_pr_keeper *keeper, const struct scsi_lu *lu, const struct pr_state *pr)
{
	struct pr_files *files = container_of(keeper, struct pr_files, keeper);
	uint8_t *image = malloc(PR_IMAGE_MAX);
	int dir = open_dir(files);
	int res = !image ? -ENOMEM : dir;

	if (image && dir >= 0)
		res = replace(dir, lu, pr, image);
	if (dir >= 0)
		close(dir);
	free(image);
	return res;
}

static ssize_t read_file(const char *path, uint8_t *image)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = 1;

	if (fd < 0)
		return -errno;
	while (n > 0 && len <= PR_IMAGE_MAX) {
		n = read(fd, image + len, PR_IMAGE_MAX + 1 - len);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			len += (size_t)n;
	}
	if (n < 0)
		n = -errno;
	close(fd);
	return n < 0 ? n : (ssize_t)len;
}

static int load(struct scsi_pr_keeper *keeper, const struct scsi_lu *lu, struct pr_state *pr,
		char *err, size_t err_len)
{
	struct pr_files *files = container_of(keeper, struct pr_files, keeper);
	uint8_t *image = malloc(PR_IMAGE_MAX + 1);
	char name[NAME_MAX + 1];
	char path[PATH_MAX];
	ssize_t len;
	int res = 0;

	if (!image) {
		snprintf(err, err_len, "out of memory");
		return -ENOMEM;
	}
	file_name(lu, name);
	snprintf(path, sizeof(path), "%s/%s", files->dir, name);
	len = read_file(path, image);
	if (len == -ENOENT) {
		res = -ENOENT;
	} else if (len < 0) {
		snprintf(err, err_len, "%s: %s", path, strerror((int)-len));
		res = (int)len;
	} else if (!pr_decode(image, (size_t)len, pr)) {
		snprintf(err, err_len,
			 "%s: these persistent reservations are damaged; move the file away to "
			 "start without any",
			 path);
		res = -EBADMSG;
	}
	free(image);
	return res;
}

struct scsi_pr_keeper *scsi_pr_files_new(const char *dir)
{
	size_t len = strlen(dir) + 1;
	struct pr_files *files = malloc(sizeof(*files) + len);

	if (!files)
		return NULL;
	files->keeper.load = load;
	files->keeper.save = save;
	memcpy(files->dir, dir, len);
	return &files->keeper;
}

void scsi_pr_files_free(struct scsi_pr_keeper *keeper)
{
	if (keeper)
		free(container_of(keeper, struct pr_files, keeper));
}

int scsi_lu_keep(struct scsi_lu *lu, struct scsi_pr_keeper *keeper, char *err, size_t err_len)
{
	struct pr_state *pr = calloc(1, sizeof(*pr));
	int res;

	if (!pr) {
		snprintf(err, err_len, "out of memory");
		return -ENOMEM;
	}
	res = keeper->load(keeper, lu, pr, err, err_len);
	if (res) {
		free(pr);
		lu->keeper = res == -ENOENT ? keeper : NULL;
		return res == -ENOENT ? 0 : res;
	}
	pthread_mutex_lock(&lu->lock);
	free(lu->pr);
	lu->pr = pr;
	lu->keeper = keeper;
	pr_refresh(lu);
	pthread_mutex_unlock(&lu->lock);
	return 0;
}
