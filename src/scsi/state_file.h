/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small files in a directory, each replaced as a whole: written anew beside the old one, synchronised, and
 * put in its place by a rename, so that a crash leaves either the old content or the new one. All of them
 * may sleep.
 */
#ifndef SRPTD_SCSI_STATE_FILE_H
#define SRPTD_SCSI_STATE_FILE_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct scsi_lu;

enum { STATE_NAME_MAX = NAME_MAX + 1 };

/*
 * "kind-" and the name of the logical unit, that no other one has: letters, digits, "-" and "_" stand for
 * themselves, every other byte is % and two digits.
 */
void state_name(char name[STATE_NAME_MAX], const char *kind, const struct scsi_lu *lu);
/* In stable storage on return. 0 or -errno. */
int state_replace(const char *dir, const char *name, const uint8_t *image, size_t len);
/* No file is no error. */
int state_remove(const char *dir, const char *name);
/* At most max bytes, how many, or -errno. */
ssize_t state_read(const char *dir, const char *name, uint8_t *image, size_t max);
/* CRC-32 (IEEE 802.3). */
uint32_t state_crc(const uint8_t *data, size_t len);

#endif
