/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the commands that fill a logical unit (erase_cdb.c) and the work (erase.c). */
#ifndef SRPTD_SCSI_ERASE_CDB_H
#define SRPTD_SCSI_ERASE_CDB_H

#include "scsi/erase.h"

/*
 * For SCSI_CALL: cmd->abort becomes whose commands have to end, then comes erase_go(). 0, -EBUSY: another job
 * runs, or -errno.
 */
int erase_begin(struct scsi_cmd *cmd, const struct erase_job *job);
void erase_go(struct scsi_cmd *cmd);
/* May sleep long. 0 or -errno of the store. Then, or instead of it, erase_leave(): the command has done with it. */
int erase_wait(struct scsi_cmd *cmd);
void erase_leave(struct scsi_cmd *cmd);
/* May sleep. 0 or -errno. */
int erase_exit_failure(struct scsi_lu *lu);

#endif
