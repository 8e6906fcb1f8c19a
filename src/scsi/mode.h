/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the device server: what MODE SELECT has to know of mode pages. */
#ifndef SRPTD_SCSI_MODE_H
#define SRPTD_SCSI_MODE_H

#include "scsi/internal.h"

enum { MODE_BODY_MAX = 28 };

/* One page; its body is what follows PAGE LENGTH. */
struct mode_page {
	uint8_t page;
	uint8_t subpage;
	uint8_t len;                                             /* of the body */
	void (*values)(const struct scsi_lu *lu, uint8_t *body); /* NULL: all zero */
	uint32_t lacks; /* OP_IF_*: not for logical units that lack one of these */
};

/* NULL: there is none. */
const struct mode_page *mode_find(const struct scsi_lu *lu, uint8_t code, uint8_t subpage);
/* Write page->len bytes: the values that it has with these SCSI_MODE_*, ones where it can change. */
void mode_body(const struct scsi_lu *lu, const struct mode_page *page, uint32_t mode, uint8_t *body);
void mode_changeable_body(const struct scsi_lu *lu, const struct mode_page *page, uint8_t *body);
/* Take the SCSI_MODE_* of this page from its body into bits; returns which they are. */
uint32_t mode_take_bits(const struct mode_page *page, const uint8_t *body, uint32_t *bits);

#endif
