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

/* ---- one command, for pass_blocks.c ---- */

void pass_set_cdb(struct store_scsi *pass, const void *cdb, size_t len);
/* Send cmd->pass with len bytes of cmd->buf (enum store_scsi_dir), then call step. */
enum scsi_next pass_submit(struct scsi_cmd *cmd, uint8_t dir, uint32_t len,
			   enum scsi_next (*step)(struct scsi_cmd *cmd, int res));
/* End as the device has answered, or as an errno of the store says why it has not. */
enum scsi_next pass_answered(struct scsi_cmd *cmd);
enum scsi_next pass_no_answer(struct scsi_cmd *cmd, int res);
/* Is it a READ or WRITE of at least one block? Run it, with blocks of bs bytes. */
bool pass_has_blocks(const uint8_t *cdb);
enum scsi_next pass_blocks(struct scsi_cmd *cmd, uint32_t bs);

#endif
