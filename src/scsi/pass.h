/* SPDX-License-Identifier: BSD-2-Clause */
/* Logical units that are devices of their own, see pass.c; inside the device server only. */
#ifndef SRPTD_SCSI_PASS_H
#define SRPTD_SCSI_PASS_H

#include "scsi/internal.h"

/* Fixed while the logical unit is there, but for `block`. */
struct scsi_pass {
	uint8_t type;             /* PERIPHERAL DEVICE TYPE */
	uint32_t max_len;         /* bytes of one command to the device */
	_Atomic uint32_t block;   /* bytes of a logical block; 0 = has none, or they are not known */
	struct scsi_op ops[256];
};

/* Learn what the device is. May sleep. 0, or -errno with a sentence. */
int pass_init(struct scsi_lu *lu, uint32_t buf_len, char *err, size_t err_len);
void pass_fini(struct scsi_lu *lu);

#endif
