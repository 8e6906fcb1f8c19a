/* SPDX-License-Identifier: BSD-2-Clause */
/* States of access by name, and the program that is asked before an initiator changes one. */
#ifndef SRPTD_TARGET_HOOK_H
#define SRPTD_TARGET_HOOK_H

#include "scsi/scsi.h"

const char *access_name(enum scsi_access state);
/* Of a name that the configuration allows. */
enum scsi_access access_state(const char *name);

/* NULL = out of memory. No logical unit may use it when freed; NULL is allowed then. */
struct scsi_access_hook *hook_new(const char *program);
void hook_free(struct scsi_access_hook *hook);

#endif
