/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FORMAT UNIT and SANITIZE inside the device server: a job that fills a logical unit, and the thread that
 * does it. There is one job at a time; while it runs, or after it has failed, nothing that needs blocks is
 * served.
 */
#ifndef SRPTD_SCSI_ERASE_H
#define SRPTD_SCSI_ERASE_H

#include "scsi/internal.h"

enum erase_kind {
	ERASE_NONE,
	ERASE_FORMAT,
	ERASE_SANITIZE,
};

enum { ERASE_PATTERN_MAX = 4096 };

/* What is to be done; as it is kept over a restart. */
struct erase_job {
	uint8_t kind;     /* enum erase_kind */
	bool failed;      /* it was tried */
	bool may_exit;    /* AUSE: EXIT FAILURE MODE may follow */
	bool invert;      /* the pattern in every second pass */
	uint8_t n_passes; /* of the pattern; 0 = zeroes, by whatever means the store has */
	uint16_t pattern_len;
	uint8_t pattern[ERASE_PATTERN_MAX]; /* repeated in each block */
};

/* Start over a job that a restart has interrupted, or be as one that failed has left it; no command runs yet. */
int erase_restore(struct scsi_lu *lu, const struct erase_job *job);
/* Ends the thread; the job is not done then, and still kept. */
void erase_free(struct scsi_lu *lu);
/* The command that has asked for it ends without an answer: before the thread has begun, nothing happens. */
void erase_give_up(struct scsi_cmd *cmd);

#endif
