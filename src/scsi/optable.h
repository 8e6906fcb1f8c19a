/* SPDX-License-Identifier: BSD-2-Clause */
/* What the rows of the command table are written with; for optable.c and optable_sa.c only. */
#ifndef SRPTD_SCSI_OPTABLE_H
#define SRPTD_SCSI_OPTABLE_H

#include "scsi/internal.h"

/*
 * n bits after the first `skip` bits of byte `first`; the load never passes the last byte that any
 * CDB has.
 */
#define LOAD(first, max) ((first) > (max) ? (max) : (first))
#define FIELD_IN(first, skip, n, max)                                                              \
	{                                                                                          \
		.load = (uint8_t)LOAD(first, max),                                                 \
		.left = (uint8_t)(8 * ((first) - LOAD(first, max)) + (skip)), .right = 64 - (n),   \
	}
#define FIELD(first, skip, n) FIELD_IN(first, skip, n, 16 - 8)
#define FIELD_LONG(first, n)  FIELD_IN(first, 0, n, SCSI_CDB_LONG - 8)

#define LBA_6  FIELD(1, 3, 21)
#define LBA_10 FIELD(2, 0, 32)
#define LBA_16 FIELD(2, 0, 64)

#define LEN_3_2  FIELD(3, 0, 16)
#define LEN_4_1  FIELD(4, 0, 8)
#define LEN_6_3  FIELD(6, 0, 24)
#define LEN_6_4  FIELD(6, 0, 32)
#define LEN_7_2  FIELD(7, 0, 16)
#define LEN_10_4 FIELD(10, 0, 32)
#define LEN_13_1 FIELD(13, 0, 8)

#define LBA_32 FIELD_LONG(12, 64)
#define LEN_32 FIELD_LONG(28, 32)

/* Usage data of a CDB length; what SRP carries beyond it is ignored. */
#define ANY4       0xff, 0xff, 0xff, 0xff
#define CDB6(...)  { __VA_ARGS__, ANY4, ANY4, 0xff, 0xff }
#define CDB10(...) { __VA_ARGS__, ANY4, 0xff, 0xff }
#define CDB12(...) { __VA_ARGS__, ANY4 }
#define CDB16(...) { __VA_ARGS__ }

/* Rows of operation codes that have service actions, by service action. */
extern const struct scsi_op scsi_service_action_in_16[SCSI_N_ACTIONS];
extern const struct scsi_op scsi_sanitize[SCSI_N_ACTIONS];
extern const struct scsi_op scsi_maintenance_in[SCSI_N_ACTIONS];
extern const struct scsi_op scsi_maintenance_out[SCSI_N_ACTIONS];
extern const struct scsi_op scsi_variable_length[SCSI_N_ACTIONS];
extern const struct scsi_op scsi_third_party_copy_out[SCSI_N_ACTIONS];
extern const struct scsi_op scsi_third_party_copy_in[SCSI_N_ACTIONS];
extern const struct scsi_op scsi_persistent_reserve_in[SCSI_N_ACTIONS];
extern const struct scsi_op scsi_persistent_reserve_out[SCSI_N_ACTIONS];

#endif
