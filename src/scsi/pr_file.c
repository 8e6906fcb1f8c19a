/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What outlives a restart, one file for each logical unit and kind: persistent reservations (APTPL),
 * saved mode pages, identifying information, what is being erased. May sleep. How files are replaced, state_file.c knows.
 *
 * Reservations, big-endian: magic (8), length of what follows up to the checksum (4), version (2), type
 * (1), aptpl (1), number of registrations (4), then for each: initiator port (16), key (8), relative
 * target port (2), all_ports (1), holder (1); then a CRC-32 (IEEE 802.3) of all before it (4).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "scsi/erase.h"
#include "scsi/pr.h"
#include "scsi/state_file.h"

enum { HEAD_LEN = 20, REG_LEN = 28, CRC_LEN = 4, VERSION = 1 };

static const uint8_t magic[8] = "SRPTD-PR";

struct pr_files {
	struct scsi_pr_keeper keeper;
	char dir[];
};

/* ---- image ---- */

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
	be32_put(p, state_crc(image, (size_t)(p - image)));
	return (size_t)(p + CRC_LEN - image);
}

static bool is_whole(const uint8_t *image, size_t len)
{
	return len >= HEAD_LEN + CRC_LEN && !memcmp(image, magic, sizeof(magic)) &&
	       be32_get(image + 8) == len - 12 - CRC_LEN &&
	       be32_get(image + len - CRC_LEN) == state_crc(image, len - CRC_LEN);
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

/* Without APTPL there is nothing to come back: no file. */
static int save(struct scsi_pr_keeper *keeper, const struct scsi_lu *lu, const struct pr_state *pr)
{
	struct pr_files *files = container_of(keeper, struct pr_files, keeper);
	char name[STATE_NAME_MAX];
	uint8_t *image;
	int res;

	state_name(name, "pr", lu);
	if (!pr->aptpl)
		return state_remove(files->dir, name);
	image = malloc(PR_IMAGE_MAX);
	if (!image)
		return -ENOMEM;
	res = state_replace(files->dir, name, image, pr_encode(pr, image));
	free(image);
	return res;
}

/* Bytes of the image, or as the keeper's load functions. */
static ssize_t load_image(const struct pr_files *files, const char *name, uint8_t *image, size_t max,
			  char *err, size_t err_len)
{
	ssize_t len = state_read(files->dir, name, image, max);

	if (len < 0 && len != -ENOENT)
		snprintf(err, err_len, "%s/%s: %s", files->dir, name, strerror((int)-len));
	return len;
}

static int damaged(const struct pr_files *files, const char *name, const char *what, char *err,
		   size_t err_len)
{
	snprintf(err, err_len, "%s/%s: these %s are damaged; move the file away to start without any",
		 files->dir, name, what);
	return -EBADMSG;
}

static int load(struct scsi_pr_keeper *keeper, const struct scsi_lu *lu, struct pr_state *pr,
		char *err, size_t err_len)
{
	struct pr_files *files = container_of(keeper, struct pr_files, keeper);
	uint8_t *image = malloc(PR_IMAGE_MAX + 1);
	char name[STATE_NAME_MAX];
	ssize_t len;

	if (!image) {
		snprintf(err, err_len, "out of memory");
		return -ENOMEM;
	}
	state_name(name, "pr", lu);
	len = load_image(files, name, image, PR_IMAGE_MAX + 1, err, err_len);
	if (len >= 0)
		len = pr_decode(image, (size_t)len, pr) ?
			      0 :
			      damaged(files, name, "persistent reservations", err, err_len);
	free(image);
	return (int)len;
}

/* Magic and version in front, the checksum of all before it at the end; long enough for them. */
static bool is_intact(const uint8_t *image, size_t len, const uint8_t magic_of[8])
{
	return !memcmp(image, magic_of, 8) && be16_get(image + 8) == VERSION &&
	       be32_get(image + len - CRC_LEN) == state_crc(image, len - CRC_LEN);
}

/* ---- saved mode pages: magic (8), version (2), SCSI_MODE_* (4), CRC-32 (4) ---- */

enum { MODE_IMAGE_LEN = 18 };

static const uint8_t mode_magic[8] = "SRPTD-MP";

static int save_mode(struct scsi_pr_keeper *keeper, const struct scsi_lu *lu, uint32_t mode)
{
	struct pr_files *files = container_of(keeper, struct pr_files, keeper);
	uint8_t image[MODE_IMAGE_LEN];
	char name[STATE_NAME_MAX];

	memcpy(image, mode_magic, sizeof(mode_magic));
	be16_put(image + 8, VERSION);
	be32_put(image + 10, mode);
	be32_put(image + 14, state_crc(image, 14));
	state_name(name, "mode", lu);
	return state_replace(files->dir, name, image, sizeof(image));
}

static int load_mode(struct scsi_pr_keeper *keeper, const struct scsi_lu *lu, uint32_t *mode,
		     char *err, size_t err_len)
{
	struct pr_files *files = container_of(keeper, struct pr_files, keeper);
	uint8_t image[MODE_IMAGE_LEN + 1];
	char name[STATE_NAME_MAX];
	ssize_t len;

	state_name(name, "mode", lu);
	len = load_image(files, name, image, sizeof(image), err, err_len);
	if (len < 0)
		return (int)len;
	if (len != MODE_IMAGE_LEN || !is_intact(image, (size_t)len, mode_magic))
		return damaged(files, name, "saved mode pages", err, err_len);
	*mode = be32_get(image + 10);
	return 0;
}

/* ---- identifying information: magic (8), version (2), lengths (2, 2), bytes, text, CRC-32 (4) ---- */

enum { IDENT_HEAD_LEN = 14, IDENT_IMAGE_MAX = IDENT_HEAD_LEN + SCSI_IDENT_MAX + SCSI_IDENT_TEXT_MAX + CRC_LEN };

static const uint8_t ident_magic[8] = "SRPTD-ID";

static int save_ident(struct scsi_pr_keeper *keeper, const struct scsi_lu *lu,
		      const struct scsi_ident *ident)
{
	struct pr_files *files = container_of(keeper, struct pr_files, keeper);
	size_t len = (size_t)IDENT_HEAD_LEN + ident->len + ident->text_len;
	uint8_t image[IDENT_IMAGE_MAX];
	char name[STATE_NAME_MAX];

	state_name(name, "id", lu);
	if (len == IDENT_HEAD_LEN)
		return state_remove(files->dir, name);
	memcpy(image, ident_magic, sizeof(ident_magic));
	be16_put(image + 8, VERSION);
	be16_put(image + 10, ident->len);
	be16_put(image + 12, ident->text_len);
	memcpy(image + IDENT_HEAD_LEN, ident->bytes, ident->len);
	memcpy(image + IDENT_HEAD_LEN + ident->len, ident->text, ident->text_len);
	be32_put(image + len, state_crc(image, len));
	return state_replace(files->dir, name, image, len + CRC_LEN);
}

static bool decode_ident(const uint8_t *image, size_t len, struct scsi_ident *ident)
{
	if (len < IDENT_HEAD_LEN + CRC_LEN || !is_intact(image, len, ident_magic))
		return false;
	ident->len = be16_get(image + 10);
	ident->text_len = be16_get(image + 12);
	if (ident->len > SCSI_IDENT_MAX || ident->text_len > SCSI_IDENT_TEXT_MAX ||
	    len != (size_t)IDENT_HEAD_LEN + ident->len + ident->text_len + CRC_LEN)
		return false;
	memcpy(ident->bytes, image + IDENT_HEAD_LEN, ident->len);
	memcpy(ident->text, image + IDENT_HEAD_LEN + ident->len, ident->text_len);
	return true;
}

static int load_ident(struct scsi_pr_keeper *keeper, const struct scsi_lu *lu,
		      struct scsi_ident *ident, char *err, size_t err_len)
{
	struct pr_files *files = container_of(keeper, struct pr_files, keeper);
	uint8_t image[IDENT_IMAGE_MAX + 1];
	char name[STATE_NAME_MAX];
	ssize_t len;

	state_name(name, "id", lu);
	len = load_image(files, name, image, sizeof(image), err, err_len);
	if (len < 0)
		return (int)len;
	if (!decode_ident(image, (size_t)len, ident))
		return damaged(files, name, "identifying information", err, err_len);
	return 0;
}

/*
 * ---- FORMAT UNIT and SANITIZE: magic (8), version (2), kind, failed, may_exit, invert, n_passes (1 each),
 * length of the pattern (2), pattern, CRC-32 (4) ----
 */

enum { ERASE_HEAD_LEN = 17, ERASE_IMAGE_MAX = ERASE_HEAD_LEN + ERASE_PATTERN_MAX + CRC_LEN };

static const uint8_t erase_magic[8] = "SRPTD-ER";

static int save_erase(struct scsi_pr_keeper *keeper, const struct scsi_lu *lu,
		      const struct erase_job *job)
{
	struct pr_files *files = container_of(keeper, struct pr_files, keeper);
	size_t len = (size_t)ERASE_HEAD_LEN + job->pattern_len;
	uint8_t image[ERASE_IMAGE_MAX];
	char name[STATE_NAME_MAX];

	state_name(name, "erase", lu);
	if (job->kind == ERASE_NONE)
		return state_remove(files->dir, name);
	memcpy(image, erase_magic, sizeof(erase_magic));
	be16_put(image + 8, VERSION);
	image[10] = job->kind;
	image[11] = job->failed;
	image[12] = job->may_exit;
	image[13] = job->invert;
	image[14] = job->n_passes;
	be16_put(image + 15, job->pattern_len);
	memcpy(image + ERASE_HEAD_LEN, job->pattern, job->pattern_len);
	be32_put(image + len, state_crc(image, len));
	return state_replace(files->dir, name, image, len + CRC_LEN);
}

static bool decode_erase(const uint8_t *image, size_t len, struct erase_job *job)
{
	if (len < ERASE_HEAD_LEN + CRC_LEN || !is_intact(image, len, erase_magic))
		return false;
	job->kind = image[10];
	job->failed = image[11];
	job->may_exit = image[12];
	job->invert = image[13];
	job->n_passes = image[14];
	job->pattern_len = be16_get(image + 15);
	if ((job->kind != ERASE_FORMAT && job->kind != ERASE_SANITIZE) ||
	    job->pattern_len > ERASE_PATTERN_MAX || !job->n_passes != !job->pattern_len ||
	    len != (size_t)ERASE_HEAD_LEN + job->pattern_len + CRC_LEN)
		return false;
	memcpy(job->pattern, image + ERASE_HEAD_LEN, job->pattern_len);
	return true;
}

static int load_erase(struct scsi_pr_keeper *keeper, const struct scsi_lu *lu, struct erase_job *job,
		      char *err, size_t err_len)
{
	struct pr_files *files = container_of(keeper, struct pr_files, keeper);
	uint8_t image[ERASE_IMAGE_MAX + 1];
	char name[STATE_NAME_MAX];
	ssize_t len;

	state_name(name, "erase", lu);
	len = load_image(files, name, image, sizeof(image), err, err_len);
	if (len < 0)
		return (int)len;
	if (!decode_erase(image, (size_t)len, job))
		return damaged(files, name, "notes on what is being erased", err, err_len);
	return 0;
}

struct scsi_pr_keeper *scsi_pr_files_new(const char *dir)
{
	size_t len = strlen(dir) + 1;
	struct pr_files *files = malloc(sizeof(*files) + len);

	if (!files)
		return NULL;
	files->keeper.load = load;
	files->keeper.save = save;
	files->keeper.load_mode = load_mode;
	files->keeper.save_mode = save_mode;
	files->keeper.load_ident = load_ident;
	files->keeper.save_ident = save_ident;
	files->keeper.load_erase = load_erase;
	files->keeper.save_erase = save_erase;
	memcpy(files->dir, dir, len);
	return &files->keeper;
}

void scsi_pr_files_free(struct scsi_pr_keeper *keeper)
{
	if (keeper)
		free(container_of(keeper, struct pr_files, keeper));
}

static int keep_pr(struct scsi_lu *lu, struct scsi_pr_keeper *keeper, char *err, size_t err_len)
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
		return res == -ENOENT ? 0 : res;
	}
	pthread_mutex_lock(&lu->lock);
	free(lu->pr);
	lu->pr = pr;
	pr_refresh(lu);
	pthread_mutex_unlock(&lu->lock);
	return 0;
}

/* Bits that cannot be changed now, because the store is another one, have their default value. */
static int keep_mode(struct scsi_lu *lu, struct scsi_pr_keeper *keeper, char *err, size_t err_len)
{
	uint32_t can = scsi_mode_changeable(lu);
	uint32_t mode;
	int res = keeper->load_mode(keeper, lu, &mode, err, err_len);

	if (res)
		return res == -ENOENT ? 0 : res;
	pthread_mutex_lock(&lu->lock);
	lu->mode_saved = (mode & can) | (scsi_mode_default(lu) & ~can);
	scsi_mode_set(lu, UINT32_MAX, lu->mode_saved);
	pthread_mutex_unlock(&lu->lock);
	return 0;
}

static int keep_ident(struct scsi_lu *lu, struct scsi_pr_keeper *keeper, char *err, size_t err_len)
{
	struct scsi_ident ident = { 0 };
	int res = keeper->load_ident(keeper, lu, &ident, err, err_len);

	if (res)
		return res == -ENOENT ? 0 : res;
	pthread_mutex_lock(&lu->lock);
	lu->ident = ident;
	pthread_mutex_unlock(&lu->lock);
	return 0;
}

static int keep_erase(struct scsi_lu *lu, struct scsi_pr_keeper *keeper, char *err, size_t err_len)
{
	struct erase_job job = { 0 };
	int res = keeper->load_erase(keeper, lu, &job, err, err_len);

	if (res)
		return res == -ENOENT ? 0 : res;
	res = erase_restore(lu, &job);
	if (res)
		snprintf(err, err_len, "what was being erased cannot go on: %s", strerror(-res));
	return res;
}

int scsi_lu_keep(struct scsi_lu *lu, struct scsi_pr_keeper *keeper, char *err, size_t err_len)
{
	int res = keep_pr(lu, keeper, err, err_len);

	if (!res)
		res = keep_mode(lu, keeper, err, err_len);
	if (!res)
		res = keep_ident(lu, keeper, err, err_len);
	if (res)
		return res;
	lu->keeper = keeper;
	lu->lacks &= ~(uint32_t)OP_IF_KEPT;
	/* last: its thread uses what is set above */
	return keep_erase(lu, keeper, err, err_len);
}
