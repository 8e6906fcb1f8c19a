/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A caller of the device server for tests: one logical unit on memory, one nexus, and a driver that
 * does what enum scsi_next asks for, checks every request against the contract of scsi.h, and
 * writes down the steps as a string.
 */
#ifndef TESTS_SCSI_RIG_H
#define TESTS_SCSI_RIG_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "scsi/erase.h"

enum { RIG_BLOCKS = 1024, RIG_TRACE = 1024 };

struct rig_conf {
	uint32_t block_size; /* 0 = 512 */
	uint32_t features;   /* STORE_F_* */
	uint32_t granularity;
	uint32_t atomic_min, atomic_max;
	uint64_t n_blocks;   /* 0 = RIG_BLOCKS; no medium behind more than RIG_BLOCKS */
	bool removable;
	bool read_only;
	bool thin;
	bool rotational;
	bool erases;         /* FORMAT UNIT and SANITIZE: a thread writes to the rig's medium */
	bool keeps;          /* what is saved; in memory, for as long as the rig */
	bool alua;           /* explicit, no hook; target port group 1 beside the rig's */
	uint64_t eui64;
	bool cdrom, empty;
	bool all_types;      /* a disk that knows the commands of other device types too */
	uint16_t lun;
	const struct store_ops *device; /* the store is a SCSI device: its scsi() answers */
	uint32_t max_transfer; /* of that device, bytes */
};

struct rig {
	struct store store;
	struct scsi_lu *lu;
	struct scsi_nexus nexus;
	struct scsi_itl *itl;
	struct scsi_nexus *as; /* whose commands these are; NULL = nexus above */
	uint32_t bs;
	struct rig *peer; /* its store takes part: third party copies; it has no nexus of its own */
	bool can_copy;   /* STORE_COPY works */
	uint8_t *medium; /* NULL when the size is only pretended */

	/* the command */
	uint8_t cdb[SCSI_CDB_LONG];
	uint16_t cdb_len;    /* SCSI_CDB_LONG unless a test says otherwise */
	const uint8_t *out;  /* data-out, exactly out_len bytes */
	uint32_t out_len;
	uint32_t in_len;
	uint8_t lun[8];      /* without itl */
	struct scsi_pr_keeper keeper; /* that finds nothing, and takes all unless save_res says otherwise */
	int save_res;
	struct erase_job kept_erase;
	int fail_step;       /* store or stream step that fails, from 1; 0 = none */
	int fail_res;
	uint64_t fail_done;  /* stream.done then */
	int buf_step;        /* buffer, data-out or lock step, from 1, that is answered with -ENOMEM */

	struct scsi_cmd cmd;
	uint8_t *in;         /* data-in received, in_len bytes, the rest 0xEE */
	/*
	 * Steps: B buffer, D data-out, S data-in sent, L lock, C call that may sleep, A abort, R W F U Z read, write, flush, unmap, zero on the store (z:
	 * may unmap), X a command for a device, x a pure one, K copy, in lower case if it has to go by buffers; r w stream. An exclamation mark follows what carries FUA.
	 */
	char trace[RIG_TRACE];
	uint64_t lock_off;   /* the range that the command locked */
	uint64_t lock_len;
	const struct scsi_nexus *aborted[4];
	size_t n_aborted;
	int n_store;
	int n_buf;
	/* of the thread that erases: the store op, from 1, at which it fails; ... at which it waits for `gate` */
	int erase_fail_step, erase_wait_step;
	int erase_fail_res; /* 0 = -EIO */
	_Atomic int erase_steps;
	_Atomic bool gate;
};

void rig_init(struct rig *rig, const struct rig_conf *conf);
void rig_fini(struct rig *rig);

/* Another nexus on the same logical unit. */
void rig_add_nexus(struct rig *rig, struct scsi_nexus *nexus, uint16_t lun);

/* Put the CDB, zero-padded. */
#define rig_cdb(rig, ...)                                                                          \
	rig_cdb_bytes(rig, (const uint8_t[]){ __VA_ARGS__ },                                       \
		      sizeof((const uint8_t[]){ __VA_ARGS__ }))
void rig_cdb_bytes(struct rig *rig, const uint8_t *bytes, size_t n);
/* CDB of a table entry with LBA and length in place. */
void rig_cdb_op(struct rig *rig, const struct scsi_op *op, uint64_t lba, uint64_t len);
void rig_put_field(uint8_t *cdb, struct scsi_field field, uint64_t value);

/* Run the CDB with the buffers set in the rig; returns the status. */
uint8_t rig_run(struct rig *rig);
/* ... with data-in of len bytes, with data-out, without data. */
uint8_t rig_run_in(struct rig *rig, uint32_t len);
uint8_t rig_run_out(struct rig *rig, const void *out, uint32_t len);
uint8_t rig_run_none(struct rig *rig);

/* Expect CHECK CONDITION with this code in fixed format. */
#define assert_sense(rig, code)                                                                    \
	do {                                                                                       \
		assert_int_equal((rig)->cmd.status, SCSI_CHECK_CONDITION);                         \
		assert_int_equal(rig_code(rig), code);                                             \
	} while (0)
/* ... and field pointer; bit -1: BPV is 0. */
#define assert_field(rig, code, byte, bit)                                                         \
	do {                                                                                       \
		assert_sense(rig, code);                                                           \
		assert_int_equal((rig)->cmd.sense[15],                                             \
				 0x80 | ((code) == SENSE_INVALID_FIELD_IN_CDB ? 0x40 : 0) |        \
					 ((bit) < 0 ? 0 : 0x08 | (bit)));                          \
		assert_int_equal(be16_get((rig)->cmd.sense + 16), byte);                           \
	} while (0)
#define assert_bad_cdb(rig, byte, bit) assert_field(rig, SENSE_INVALID_FIELD_IN_CDB, byte, bit)
#define assert_info(rig, code, info)                                                               \
	do {                                                                                       \
		assert_sense(rig, code);                                                           \
		assert_int_equal((rig)->cmd.sense[0], 0xf0);                                       \
		assert_int_equal(be32_get((rig)->cmd.sense + 3), info);                            \
	} while (0)
#define assert_good(rig)                                                                           \
	do {                                                                                       \
		assert_int_equal((rig)->cmd.status, SCSI_GOOD);                                    \
		assert_int_equal((rig)->cmd.sense_len, 0);                                         \
	} while (0)
#define assert_trace(rig, steps) assert_string_equal((rig)->trace, steps)

uint32_t rig_code(const struct rig *rig);

/* The entry of an opcode without service actions. */
static inline const struct scsi_op *rig_op(uint8_t opcode)
{
	return &scsi_ops[opcode];
}

#endif
