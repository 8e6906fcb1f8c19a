/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a drive for discs tells beside what disks tell (MMC-6): its features, its disc, the one track on
 * it. The disc is an image of 2048-byte sectors: one finished session with one data track. Knows
 * nothing of audio, of writing, or of how a disc comes into the drive (unit.c has load and eject).
 */
#include "scsi/internal.h"

enum {
	PROFILE_CD = 0x0008,
	PROFILE_DVD = 0x0010,
	CD_BLOCKS = 100 * 60 * 75, /* more than any CD holds: then it is a DVD */
	LEAD_IN = 150,	     /* frames before LBA 0, in MSF addresses */
	DATA_TRACK = 0x14,   /* ADR 1, CONTROL: data, uninterrupted */
	LEAD_OUT = 0xaa,
};

static bool has_disc(const struct scsi_lu *lu)
{
	return !atomic_load(&lu->ejected);
}

static uint16_t current_profile(const struct scsi_lu *lu)
{
	if (!has_disc(lu))
		return 0;
	return scsi_n_blocks(lu) > CD_BLOCKS ? PROFILE_DVD : PROFILE_CD;
}

static uint32_t n_blocks(const struct scsi_lu *lu)
{
	return (uint32_t)MIN(scsi_n_blocks(lu), (uint64_t)UINT32_MAX);
}

/* ---- GET CONFIGURATION (MMC-6 6.5) ---- */

struct feature {
	uint16_t code;
	uint8_t flags; /* VERSION, PERSISTENT, CURRENT */
	uint8_t len;
	uint8_t data[8];
};

enum { PERSISTENT = 0x02, CURRENT = 0x01, OF_DISC = 0x80 /* CURRENT if there is a disc */ };

/* Ascending, as they are given. */
static const struct feature features[] = {
	{ 0x0000, PERSISTENT | CURRENT, 8, { 0, PROFILE_DVD, 0, 0, 0, PROFILE_CD, 0, 0 } },
	{ 0x0001, 0x08 | PERSISTENT | CURRENT, 8, { 0, 0, 0, 1, 0x01 } }, /* Core: SCSI family, DBE */
	{ 0x0003, PERSISTENT | CURRENT, 4, { 0x39 } }, /* Removable Medium: tray, load, eject, lock */
	{ 0x0010, OF_DISC, 8, { 0, 0, 0x08, 0, 0, 1, 0, 0 } }, /* Random Readable: 2048 bytes, one block */
	{ 0x001e, OF_DISC, 4, { 0 } },                  /* CD Read */
	{ 0x001f, OF_DISC, 4, { 0 } },                  /* DVD Read */
	{ 0x0105, PERSISTENT | CURRENT, 0, { 0 } },     /* Timeout */
};

static bool is_current(const struct scsi_lu *lu, const struct feature *f)
{
	uint16_t profile = current_profile(lu);

	if (f->code == 0x001e)
		return profile == PROFILE_CD;
	if (f->code == 0x001f)
		return profile == PROFILE_DVD;
	return f->flags & CURRENT || (f->flags & OF_DISC && profile);
}

static size_t put_feature(const struct scsi_lu *lu, const struct feature *f, uint8_t *out)
{
	uint16_t profile = current_profile(lu);

	be16_put(out, f->code);
	out[2] = (uint8_t)((f->flags & 0x3e) | (is_current(lu, f) ? CURRENT : 0));
	out[3] = f->len;
	memcpy(out + 4, f->data, f->len);
	for (size_t i = 0; !f->code && i < f->len; i += 4) /* the profile list says which is current */
		out[4 + i + 2] = profile == be16_get(out + 4 + i);
	return 4u + f->len;
}

/* RT 0: all from the starting number on; 1: those that are current; 2: this one. */
static bool is_wanted(const struct scsi_cmd *cmd, const struct feature *f)
{
	uint16_t from = be16_get(cmd->cdb + 2);

	switch (cmd->cdb[1] & 0x03) {
	case 0:
		return f->code >= from;
	case 1:
		return f->code >= from && is_current(cmd->itl->lu, f);
	}
	return f->code == from;
}

enum scsi_next mmc_get_configuration(struct scsi_cmd *cmd)
{
	size_t len = 8;

	if ((cmd->cdb[1] & 0x03) == 3)
		return scsi_bad_cdb(cmd, 1, 1);
	for (size_t i = 0; i < ARRAY_SIZE(features); i++)
		if (is_wanted(cmd, &features[i]))
			len += put_feature(cmd->itl->lu, &features[i], cmd->buf + len);
	be32_put(cmd->buf, (uint32_t)len - 4);
	be16_put(cmd->buf + 6, current_profile(cmd->itl->lu));
	return scsi_data_in(cmd, len);
}

/* ---- GET EVENT STATUS NOTIFICATION (MMC-6 6.6) ---- */

enum { CLASS_MEDIA = 4, MEDIA_EVENTS = 1 << CLASS_MEDIA, NO_EVENT_CLASS = 0x80 };
enum { NEW_MEDIA = 2, MEDIA_REMOVAL = 3 };

/*
 * Polled only. What happened to the disc is what a unit attention has to tell this nexus; the unit
 * attention stays, for a command that looks at the disc.
 */
enum scsi_next mmc_get_event(struct scsi_cmd *cmd)
{
	bool changed = atomic_load(&cmd->itl->ua) & 1u << SCSI_UA_MEDIUM_CHANGED;
	bool present = has_disc(cmd->itl->lu);
	uint8_t *buf = cmd->buf;

	if (!(cmd->cdb[1] & 0x01))
		return scsi_bad_cdb(cmd, 1, 0);
	buf[3] = MEDIA_EVENTS;
	if (!(cmd->cdb[4] & MEDIA_EVENTS)) {
		be16_put(buf, 2);
		buf[2] = NO_EVENT_CLASS;
		return scsi_data_in(cmd, 4);
	}
	be16_put(buf, 6);
	buf[2] = CLASS_MEDIA;
	buf[4] = !changed ? 0 : present ? NEW_MEDIA : MEDIA_REMOVAL;
	buf[5] = present ? 0x02 : 0x01; /* MEDIA PRESENT; DOOR OR TRAY OPEN */
	return scsi_data_in(cmd, 8);
}

/* ---- READ TOC/PMA/ATIP (MMC-6 6.25) ---- */

/* Minutes, seconds, frames of 1/75 s; what does not fit is the last that does. */
static void put_address(uint8_t *out, uint32_t lba, bool msf)
{
	uint32_t frames = (uint32_t)MIN((uint64_t)lba + LEAD_IN, UINT64_C(255) * 60 * 75 + 59 * 75 + 74);

	if (!msf) {
		be32_put(out, lba);
		return;
	}
	out[0] = 0;
	out[1] = (uint8_t)(frames / 75 / 60);
	out[2] = (uint8_t)(frames / 75 % 60);
	out[3] = (uint8_t)(frames % 75);
}

static size_t put_track(uint8_t *out, uint8_t track, uint32_t lba, bool msf)
{
	out[1] = DATA_TRACK;
	out[2] = track;
	put_address(out + 4, lba, msf);
	return 8;
}

/* Format 0: the track and the lead-out, from a track number on. */
static enum scsi_next toc(struct scsi_cmd *cmd, bool msf)
{
	uint8_t *buf = cmd->buf, from = cmd->cdb[6];
	size_t len = 4;

	if (from > 1 && from != LEAD_OUT)
		return scsi_bad_cdb(cmd, 6, -1);
	if (from != LEAD_OUT)
		len += put_track(buf + len, 1, 0, msf);
	len += put_track(buf + len, LEAD_OUT, n_blocks(cmd->itl->lu), msf);
	be16_put(buf, (uint16_t)(len - 2));
	buf[2] = buf[3] = 1; /* first and last track */
	return scsi_data_in(cmd, len);
}

/* Format 1: first and last session, the first track of the last. */
static enum scsi_next sessions(struct scsi_cmd *cmd, bool msf)
{
	be16_put(cmd->buf, 10);
	cmd->buf[2] = cmd->buf[3] = 1;
	put_track(cmd->buf + 4, 1, 0, msf);
	return scsi_data_in(cmd, 12);
}

static size_t put_point(uint8_t *out, uint8_t point, uint8_t minute, uint32_t lba)
{
	out[0] = 1; /* session */
	out[1] = DATA_TRACK;
	out[3] = point;
	if (point == 0xa0 || point == 0xa1)
		out[8] = minute;
	else
		put_address(out + 7, lba, true); /* its first byte is 0, as ZERO is */
	return 11;
}

/* Format 2: the lead-in's points A0h first track, A1h last track, A2h lead-out, and the track. */
static enum scsi_next full_toc(struct scsi_cmd *cmd)
{
	uint8_t *buf = cmd->buf;
	size_t len = 4;

	if (cmd->cdb[6] > 1)
		return scsi_bad_cdb(cmd, 6, -1);
	len += put_point(buf + len, 0xa0, 1, 0);
	len += put_point(buf + len, 0xa1, 1, 0);
	len += put_point(buf + len, 0xa2, 0, n_blocks(cmd->itl->lu));
	len += put_point(buf + len, 0x01, 0, 0);
	be16_put(buf, (uint16_t)(len - 2));
	buf[2] = buf[3] = 1;
	return scsi_data_in(cmd, len);
}

/* FORMAT 0 in byte 2: older hosts have it in the two upper bits of the CONTROL byte (SFF-8020i). */
enum scsi_next mmc_read_toc(struct scsi_cmd *cmd)
{
	uint8_t format = cmd->cdb[2] & 0x0f;
	bool msf = cmd->cdb[1] & 0x02;

	switch (format ? format : cmd->cdb[9] >> 6) {
	case 0:
		return toc(cmd, msf);
	case 1:
		return sessions(cmd, msf);
	case 2:
		return full_toc(cmd);
	}
	return scsi_bad_cdb(cmd, 2, 3); /* PMA and ATIP are on discs that can be written */
}

/* ---- READ DISC INFORMATION and READ TRACK INFORMATION (MMC-6 6.21, 6.26) ---- */

enum scsi_next mmc_read_disc_info(struct scsi_cmd *cmd)
{
	uint8_t *buf = cmd->buf;

	if (cmd->cdb[1] & 0x07)
		return scsi_bad_cdb(cmd, 1, 2);
	be16_put(buf, 32);
	buf[2] = 0x0e; /* last session complete, disc complete */
	buf[3] = buf[4] = buf[5] = buf[6] = 1; /* first track, sessions, first and last track of the last */
	buf[7] = 0x20; /* URU: use is not restricted */
	memset(buf + 16, 0xff, 8); /* no further session: neither lead-in nor lead-out of one */
	return scsi_data_in(cmd, 34);
}

enum scsi_next mmc_read_track_info(struct scsi_cmd *cmd)
{
	uint8_t kind = cmd->cdb[1] & 0x03, *buf = cmd->buf;
	uint32_t number = be32_get(cmd->cdb + 2), n = n_blocks(cmd->itl->lu);

	if (kind == 3)
		return scsi_bad_cdb(cmd, 1, 1);
	if (kind == 0 ? number >= n : number != 1)
		return kind ? scsi_bad_cdb(cmd, 2, -1) : scsi_fail(cmd, SENSE_LBA_OUT_OF_RANGE);
	be16_put(buf, 34);
	buf[2] = buf[3] = 1; /* track, session */
	buf[5] = DATA_TRACK & 0x0f;
	buf[6] = 0x01; /* DATA MODE 1 */
	be32_put(buf + 24, n);
	return scsi_data_in(cmd, 36);
}
