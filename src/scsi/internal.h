/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the device server: what one command is (struct scsi_op), the services that handlers use,
 * and the handlers themselves. A command is one entry of the table in optable.c and one handler;
 * core.c does every check that the entry describes before the handler runs.
 */
#ifndef SRPTD_SCSI_INTERNAL_H
#define SRPTD_SCSI_INTERNAL_H

#include "base/be.h"
#include "base/compiler.h"
#include "scsi/scsi.h"
#include "scsi/sense.h"

/* ---- the table ---- */

/*
 * Bits of a CDB field, ready for one unaligned 64-bit load inside the CDB: load at byte `load`, shift
 * left to drop what precedes, right to drop what follows.
 */
struct scsi_field {
	uint8_t load;
	uint8_t left;
	uint8_t right;
};

static inline uint64_t scsi_field_get(struct scsi_field field, const uint8_t *cdb)
{
	return be64_get(cdb + field.load) << field.left >> field.right;
}

/* The byte that FIELD POINTER names: the first of the field (SPC-4 4.5.2.4.2). */
static inline unsigned int scsi_field_byte(struct scsi_field field)
{
	return field.load + field.left / 8u;
}

/* What the length field of the CDB counts. */
enum scsi_unit {
	SCSI_UNIT_NONE,   /* there is none */
	SCSI_UNIT_BLOCKS, /* logical blocks */
	SCSI_UNIT_ALLOC,  /* ALLOCATION LENGTH, bytes */
	SCSI_UNIT_PARAM,  /* PARAMETER LIST LENGTH, bytes */
};

/* The three bits on top of byte 1 that ask for protection information. */
enum scsi_protect {
	SCSI_PROTECT_NONE,
	SCSI_PROTECT_RD,
	SCSI_PROTECT_WR,
	SCSI_PROTECT_VR,
};

/* How a reservation held by another nexus bears on the command (SPC-4 5.13, SBC-3 4.17). */
enum scsi_resv {
	SCSI_RESV_ALLOWED,    /* always runs */
	SCSI_RESV_READ,       /* runs under write exclusive, conflicts with exclusive access */
	SCSI_RESV_WRITE,      /* conflicts with both */
	SCSI_RESV_START_STOP, /* starting runs, anything else conflicts */
	SCSI_RESV_PREVENT,    /* allowing removal runs, preventing it conflicts */
};

enum {
	OP_LBA = 1 << 0,          /* lba and len name a range of blocks: checked against the size */
	OP_LIMIT = 1 << 1,        /* MAXIMUM TRANSFER LENGTH of Block Limits applies */
	OP_ZERO_IS_256 = 1 << 2,  /* 6-byte CDBs */
	OP_FUA = 1 << 3,          /* bit 3 of byte 1 is FUA */
	OP_WRITES = 1 << 4,       /* changes the medium */
	OP_MEDIUM = 1 << 5,       /* not while stopped or without medium */
	OP_UA_EXEMPT = 1 << 6,    /* runs with a unit attention pending (SAM-5 5.14) */
	OP_ANY_LUN = 1 << 7,      /* answers for a LUN that is not mapped (SPC-4, SAM-5 5.11) */
	OP_LUN0 = 1 << 8,         /* ... for LUN 0 only */
	OP_DATA_IN = 1 << 9,      /* the handler fills a zeroed buffer of SCSI_DATA_IN_LEN bytes */
	OP_PARAM = 1 << 10,       /* the handler finds the parameter list in the buffer */
	OP_IF_REMOVABLE = 1 << 11, /* unknown to a logical unit that is not */
	OP_IF_THIN = 1 << 12,
	OP_IF_ATOMIC = 1 << 20, /* where the store promises it */
	OP_IF_RUNNER = 1 << 17, /* where a thread can do the work */
	OP_IF_KEPT = 1 << 16,   /* where what it sets can be kept over a restart */
	OP_IF_ALUA = 1 << 14,
	OP_IF_EXPLICIT = 1 << 15, /* where an initiator may change states of access */
	OP_IF_CDROM = 1 << 22,  /* of drives for discs */
	OP_PASS_PURE = 1 << 21, /* of a device's own: changes nothing that others depend on */
	OP_RESERVE_EXEMPT = 1 << 13, /* runs although another nexus has sent RESERVE (SPC-2 5.5.1) */
};

enum { SCSI_TYPE_DISK = 0x00, SCSI_TYPE_CDROM = 0x05 };
enum { SCSI_NO_SA = -1, SCSI_N_ACTIONS = 32 };

/* Variable length CDBs (SPC-4 4.2.3): all that are known here have 32 bytes. */
enum { SCSI_VARIABLE = 0x7f, SCSI_CDB_LONG = 32, SCSI_ADDITIONAL_LEN = SCSI_CDB_LONG - 8 };

struct scsi_op {
	const char *name; /* NULL: no such command */
	enum scsi_next (*run)(struct scsi_cmd *cmd);
	union {
		/* Instead of a command of its own: row of 32 by service action. */
		const struct scsi_op *actions;
		/* A command of 32 bytes: usage data of bytes 16 to 31. */
		const uint8_t *tail;
	};
	/*
	 * CDB usage data as REPORT SUPPORTED OPERATION CODES gives it: a bit that is 0 here has to
	 * be 0 in the CDB. Bytes from cdb_len on are FFh: not looked at.
	 */
	uint8_t usage[16];
	uint32_t flags;   /* OP_* */
	uint8_t opcode;
	int8_t sa; /* or SCSI_NO_SA */
	uint8_t cdb_len;
	struct scsi_field lba;
	struct scsi_field len;
	uint16_t timeout; /* recommended, seconds */
	enum scsi_dir dir : 8;
	enum scsi_unit unit : 8;
	enum scsi_protect protect : 8;
	enum scsi_resv resv : 8;
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct scsi_op) == 64, "a command is one cache line");

extern const struct scsi_op scsi_ops[256];

/* The entry for an operation code and, where it has any, a service action; or NULL. */
const struct scsi_op *scsi_op_lookup(uint8_t opcode, uint16_t sa);

/* The entry for a CDB of at least 16 bytes, or NULL. */
static inline const struct scsi_op *scsi_op_find(const uint8_t *cdb)
{
	const struct scsi_op *op = &scsi_ops[cdb[0]];

	if (likely(op->run))
		return op;
	if (cdb[0] == SCSI_VARIABLE)
		return scsi_op_lookup(cdb[0], be16_get(cdb + 8));
	return scsi_op_lookup(cdb[0], cdb[1] & (SCSI_N_ACTIONS - 1));
}

static inline bool scsi_op_is_long(const struct scsi_op *op)
{
	return op->opcode == SCSI_VARIABLE;
}

static inline uint8_t scsi_op_usage(const struct scsi_op *op, unsigned int byte)
{
	return byte < 16 ? op->usage[byte] : op->tail[byte - 16];
}

/* The byte with the protection bits, DPO, FUA, BYTCHK, UNMAP...: in long CDBs it is moved. */
static inline unsigned int scsi_op_options(const struct scsi_op *op)
{
	return unlikely(scsi_op_is_long(op)) ? 10 : 1;
}

/* Call fn for every command in order of opcode and service action, until it returns false. */
void scsi_op_each(bool (*fn)(const struct scsi_op *op, void *arg), void *arg);

static inline bool scsi_op_served(const struct scsi_op *op, const struct scsi_lu *lu)
{
	return !(op->flags & lu->lacks);
}

/* ---- limits: here in bytes unless said otherwise, below in blocks ---- */

enum {
	SCSI_DATA_IN_LEN = 4096,              /* fits every answer but REPORT LUNS */
	SCSI_MAX_TRANSFER = 8 << 20,
	SCSI_MAX_WRITE_SAME = 256 << 20,
	SCSI_MAX_UNMAP = 256 << 20,           /* sum over the descriptors of one UNMAP */
	SCSI_MAX_UNMAP_DESCS = 256,           /* descriptors */
	SCSI_MAX_COMPARE_WRITE = 255,         /* blocks */
	SCSI_THRESHOLD_SHIFT = 20,            /* a threshold set has 1 MiB, whatever its blocks */
};

static inline uint32_t scsi_max_unmap(const struct scsi_lu *lu)
{
	return (uint32_t)SCSI_MAX_UNMAP >> lu->block_shift;
}

static inline uint32_t scsi_max_write_same(const struct scsi_lu *lu)
{
	return (uint32_t)SCSI_MAX_WRITE_SAME >> lu->block_shift;
}

/* The most that one buffer holds; 0 if the store promises nothing. */
static inline uint32_t scsi_max_atomic(const struct scsi_lu *lu)
{
	return MIN(lu->store->atomic_max, (uint32_t)SCSI_BUF_LEN) >> lu->block_shift;
}

/* ---- ends and steps of commands ---- */

static inline uint8_t scsi_options(const struct scsi_cmd *cmd)
{
	return cmd->cdb[scsi_op_options(cmd->op)];
}

static inline enum scsi_next scsi_good(struct scsi_cmd *cmd)
{
	cmd->status = SCSI_GOOD;
	return SCSI_COMPLETE;
}

/* CHECK CONDITION with this sense key and additional sense code. */
enum scsi_next scsi_fail(struct scsi_cmd *cmd, enum scsi_sense_code code);
/* Sense data of this code as it is about the logical unit (may be NULL): with progress. */
struct scsi_sense scsi_sense_of(const struct scsi_lu *lu, enum scsi_sense_code code);
/* ... and FIELD POINTER; bit -1: the whole byte. INVALID FIELD IN CDB points into the CDB. */
enum scsi_next scsi_fail_field(struct scsi_cmd *cmd, enum scsi_sense_code code, unsigned int byte,
			       int bit);
/* ... and INFORMATION. */
enum scsi_next scsi_fail_info(struct scsi_cmd *cmd, enum scsi_sense_code code, uint64_t info);
/* What an errno (negative) of the store means; lba: of the first block not done, or SCSI_NO_LBA. */
#define SCSI_NO_LBA UINT64_MAX
enum scsi_next scsi_fail_store(struct scsi_cmd *cmd, enum store_op op, int res, uint64_t lba);

static inline enum scsi_next scsi_bad_cdb(struct scsi_cmd *cmd, unsigned int byte, int bit)
{
	return scsi_fail_field(cmd, SENSE_INVALID_FIELD_IN_CDB, byte, bit);
}

/* INVALID FIELD IN CDB that points into the options. */
static inline enum scsi_next scsi_bad_option(struct scsi_cmd *cmd, int bit)
{
	return scsi_bad_cdb(cmd, scsi_op_options(cmd->op), bit);
}

static inline enum scsi_next scsi_need_buf(struct scsi_cmd *cmd, uint32_t need,
					   enum scsi_next (*step)(struct scsi_cmd *cmd, int res))
{
	cmd->need = need;
	cmd->step = step;
	return SCSI_NEED_BUF;
}

static inline enum scsi_next scsi_need_data(struct scsi_cmd *cmd, uint32_t off, uint32_t need,
					    enum scsi_next (*step)(struct scsi_cmd *cmd, int res))
{
	cmd->data_off = off;
	cmd->need = need;
	cmd->step = step;
	return SCSI_NEED_DATA_OUT;
}

/* Send len bytes of buf as data-in bytes from off on. */
static inline enum scsi_next scsi_send(struct scsi_cmd *cmd, uint32_t off, uint32_t len,
				       enum scsi_next (*step)(struct scsi_cmd *cmd, int res))
{
	cmd->data_off = off;
	cmd->need = len;
	cmd->step = step;
	return SCSI_SEND_DATA_IN;
}

/* Run something that may sleep, away from the worker. */
static inline enum scsi_next scsi_call(struct scsi_cmd *cmd, int (*call)(struct scsi_cmd *cmd),
				       enum scsi_next (*step)(struct scsi_cmd *cmd, int res))
{
	cmd->call = call;
	cmd->abort = NULL;
	cmd->step = step;
	return SCSI_CALL;
}

/* ... that asks nobody but the store. */
static inline enum scsi_next scsi_call_store(struct scsi_cmd *cmd, int (*call)(struct scsi_cmd *cmd),
					     enum scsi_next (*step)(struct scsi_cmd *cmd, int res))
{
	scsi_call(cmd, call, step);
	cmd->given_up = false;
	return SCSI_CALL_STORE;
}

/* Keep others from changing len bytes of the store from off on, until the command completes. */
static inline enum scsi_next scsi_lock(struct scsi_cmd *cmd, uint64_t off, uint64_t len,
				       enum scsi_next (*step)(struct scsi_cmd *cmd, int res))
{
	cmd->io.off = off;
	cmd->io.len = len;
	cmd->step = step;
	return SCSI_LOCK;
}

/* Run an operation on the store; off and len in bytes, buf inside cmd->buf or NULL. */
enum scsi_next scsi_store(struct scsi_cmd *cmd, enum store_op op, uint64_t off, uint64_t len,
			  void *buf, enum scsi_next (*step)(struct scsi_cmd *cmd, int res));

/* The full data-in of len bytes lies in cmd->buf: cut to allocation length and buffer, GOOD. */
enum scsi_next scsi_data_in(struct scsi_cmd *cmd, uint64_t len);

static inline uint32_t scsi_block_len(const struct scsi_lu *lu)
{
	return 1u << lu->block_shift;
}

static inline uint64_t scsi_n_blocks(const struct scsi_lu *lu)
{
	return atomic_load_explicit(&lu->n_blocks, memory_order_relaxed);
}

/* Of an LU that shrank to nothing: 0, so that no LBA wraps. */
static inline uint64_t scsi_last_lba(const struct scsi_lu *lu)
{
	uint64_t n = scsi_n_blocks(lu);

	return n ? n - 1 : 0;
}

/* Is [lba, lba + nblk) inside the logical unit? Safe for every 64-bit value. */
static inline bool scsi_in_range(const struct scsi_lu *lu, uint64_t lba, uint64_t nblk)
{
	uint64_t size = scsi_n_blocks(lu);

	return nblk <= size && lba <= size - nblk;
}

static inline bool scsi_has_feature(const struct scsi_lu *lu, uint32_t feature)
{
	return lu->store->features & feature;
}

static inline bool scsi_mode_is(const struct scsi_lu *lu, uint32_t bit)
{
	return atomic_load_explicit(&lu->mode, memory_order_relaxed) & bit;
}

/* STORE_IO_* that every change of the medium has to carry. */
static inline uint32_t scsi_write_flags(const struct scsi_lu *lu)
{
	return atomic_load_explicit(&lu->write_flags, memory_order_relaxed);
}

/* Unmapped blocks are known to read as zeroes (LBPRZ). */
static inline bool scsi_unmap_zeroes(const struct scsi_lu *lu)
{
	return lu->thin && scsi_has_feature(lu, STORE_F_UNMAP_ZEROES);
}

/* Unit attention to report first, now taken off the list; SENSE_NONE if there is none. */
enum scsi_sense_code scsi_ua_take(struct scsi_itl *itl);

/* nexus.c: itls outside of a map, for remap.c. Those of scsi_itl_new() are freed by free(). */
int scsi_itl_new(struct scsi_nexus *nexus, const struct scsi_lun_mapping *map, struct scsi_itl **out);
void scsi_itl_publish(struct scsi_itl *itl);
void scsi_itl_free(struct scsi_itl *itl);

/* lu.c: relative target port identifiers of the ports through which it can be reached. */
unsigned int scsi_lu_n_ports(struct scsi_lu *lu);
uint16_t scsi_lu_port(struct scsi_lu *lu, unsigned int i);
/* End what RESERVE did for this nexus; lu->lock held. */
void scsi_itl_release(struct scsi_itl *itl);

/* mode.c: SCSI_MODE_* of a new logical unit, and those that can be changed. */
uint32_t scsi_mode_default(const struct scsi_lu *lu);
uint32_t scsi_mode_changeable(const struct scsi_lu *lu);
/* Give the bits of mask these values; lu->lock held. Writes that begin from now on obey them. */
void scsi_mode_set(struct scsi_lu *lu, uint32_t mask, uint32_t bits);

/* Does any nexus prevent the removal of the medium? */
bool scsi_removal_prevented(struct scsi_lu *lu);
/*
 * The row of a command for a logical unit that is a device itself; own: that of the table. NULL: refused.
 */
const struct scsi_op *pass_op(const struct scsi_lu *lu, const uint8_t *cdb, const struct scsi_op *own);
/* Designators of the target port for VPD page 83h; returns where the next one goes. */
uint8_t *scsi_put_port_ids(const struct scsi_nexus *nexus, uint8_t *pos);
/* Not ready, for which reason; SENSE_NONE = ready. */
enum scsi_sense_code scsi_not_ready(struct scsi_lu *lu);
/* The same while FORMAT UNIT or SANITIZE has the logical unit, and how far it is, of FFFFh. */
enum scsi_sense_code scsi_erase_sense(struct scsi_lu *lu);
uint16_t scsi_erase_progress(const struct scsi_lu *lu);
/* A command that accesses blocks ends a low power condition. */
void scsi_wake(struct scsi_lu *lu);

/* log.c: add what `more` counts. */
void scsi_stats_add(struct scsi_stats *sum, const struct scsi_stats *more);
static inline void scsi_count_read(struct scsi_cmd *cmd, uint64_t len)
{
	struct scsi_stats *stats = &cmd->itl->stats;

	atomic_fetch_add_explicit(&stats->n_reads, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&stats->blocks_read, len >> cmd->itl->lu->block_shift,
				  memory_order_relaxed);
}

static inline void scsi_count_write(struct scsi_cmd *cmd, uint64_t len)
{
	struct scsi_stats *stats = &cmd->itl->stats;

	atomic_fetch_add_explicit(&stats->n_writes, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&stats->blocks_written, len >> cmd->itl->lu->block_shift,
				  memory_order_relaxed);
}

/* PERIPHERAL QUALIFIER and DEVICE TYPE of what the command's LUN names. */
uint8_t scsi_device_type(const struct scsi_cmd *cmd);
/* Why the command does not run in its target port group's state, or SENSE_NONE. */
enum scsi_sense_code scsi_no_access(const struct scsi_itl *itl, const struct scsi_op *op);
/* Bring itl->access up to date; lu->lock held. */
void scsi_itl_refresh_access(struct scsi_itl *itl);
/* The group is one of the logical unit's, active unless it was set otherwise; lu->lock held. */
int scsi_lu_know_group(struct scsi_lu *lu, uint16_t id);
void scsi_lu_free_groups(struct scsi_lu *lu);
/* Would the command meet a reservation of another nexus? */
bool scsi_conflicts(const struct scsi_cmd *cmd);
/* Blocks [lba, lba + nblk) are about to be changed; nblk UINT64_MAX: any. */
void scsi_tokens_revoke(struct scsi_lu *lu, uint64_t lba, uint64_t nblk);
void scsi_tokens_free(struct scsi_lu *lu);
/* State of a nexus's third party copies; NULL = out of memory. */
struct copy_slots *copy_slots_new(void);
void copy_slots_free(struct copy_slots *slots);
/* Third Party Copy page: what follows the four header bytes. */
size_t copy_vpd(const struct scsi_cmd *cmd, uint8_t *body);

/* ---- handlers, called after all checks of core.c ---- */

enum scsi_next spc_test_unit_ready(struct scsi_cmd *cmd);   /* unit.c */
enum scsi_next spc_request_sense(struct scsi_cmd *cmd);
enum scsi_next sbc_start_stop(struct scsi_cmd *cmd);
enum scsi_next sbc_prevent_allow(struct scsi_cmd *cmd);
enum scsi_next spc_inquiry(struct scsi_cmd *cmd);           /* inquiry.c */
enum scsi_next scsi_vpd(struct scsi_cmd *cmd, uint8_t page); /* vpd.c */
enum scsi_next spc_mode_sense6(struct scsi_cmd *cmd);       /* mode.c */
enum scsi_next spc_mode_sense10(struct scsi_cmd *cmd);
enum scsi_next spc_mode_select(struct scsi_cmd *cmd);       /* mode_select.c */
enum scsi_next spc_log_sense(struct scsi_cmd *cmd);         /* log.c */
enum scsi_next spc_log_select(struct scsi_cmd *cmd);
enum scsi_next spc_send_diagnostic(struct scsi_cmd *cmd);   /* diag.c */
enum scsi_next spc_receive_diagnostic(struct scsi_cmd *cmd);
enum scsi_next spc_write_buffer(struct scsi_cmd *cmd);
enum scsi_next spc_read_buffer(struct scsi_cmd *cmd);
enum scsi_next spc_report_ident(struct scsi_cmd *cmd);      /* ident.c */
enum scsi_next spc_set_ident(struct scsi_cmd *cmd);
enum scsi_next spc_report_timestamp(struct scsi_cmd *cmd);
enum scsi_next spc_set_timestamp(struct scsi_cmd *cmd);
enum scsi_next sbc_format_unit(struct scsi_cmd *cmd);       /* erase_cdb.c */
enum scsi_next sbc_sanitize(struct scsi_cmd *cmd);
enum scsi_next sbc_get_lba_status(struct scsi_cmd *cmd);    /* lba_status.c */
enum scsi_next sbc_read_defects(struct scsi_cmd *cmd);
enum scsi_next mmc_read_toc(struct scsi_cmd *cmd);          /* mmc.c */
enum scsi_next mmc_get_configuration(struct scsi_cmd *cmd);
enum scsi_next mmc_get_event(struct scsi_cmd *cmd);
enum scsi_next mmc_read_disc_info(struct scsi_cmd *cmd);
enum scsi_next mmc_read_track_info(struct scsi_cmd *cmd);
enum scsi_next spc_report_luns(struct scsi_cmd *cmd);       /* report.c */
enum scsi_next spc_report_opcodes(struct scsi_cmd *cmd);
enum scsi_next spc_report_tmf(struct scsi_cmd *cmd);
enum scsi_next spc_reserve(struct scsi_cmd *cmd);           /* pr.c */
enum scsi_next spc_release(struct scsi_cmd *cmd);
enum scsi_next spc_pr_in(struct scsi_cmd *cmd);
enum scsi_next spc_pr_out(struct scsi_cmd *cmd);            /* pr_out.c */
enum scsi_next sbc_read_capacity10(struct scsi_cmd *cmd);   /* sbc.c */
enum scsi_next sbc_read_capacity16(struct scsi_cmd *cmd);
enum scsi_next sbc_read(struct scsi_cmd *cmd);
enum scsi_next sbc_write(struct scsi_cmd *cmd);
enum scsi_next sbc_sync_cache(struct scsi_cmd *cmd);
enum scsi_next sbc_verify(struct scsi_cmd *cmd);            /* verify.c */
enum scsi_next sbc_write_verify(struct scsi_cmd *cmd);
enum scsi_next sbc_xdwriteread(struct scsi_cmd *cmd);       /* modify.c */
enum scsi_next sbc_orwrite(struct scsi_cmd *cmd);
enum scsi_next sbc_compare_write(struct scsi_cmd *cmd);     /* caw.c */
enum scsi_next sbc_prefetch(struct scsi_cmd *cmd);          /* verify.c */
enum scsi_next sbc_unmap(struct scsi_cmd *cmd);             /* provision.c */
enum scsi_next sbc_write_same(struct scsi_cmd *cmd);
enum scsi_next sbc_write_atomic(struct scsi_cmd *cmd);      /* atomic.c */
enum scsi_next spc_report_port_groups(struct scsi_cmd *cmd); /* alua.c */
enum scsi_next spc_set_port_groups(struct scsi_cmd *cmd);
enum scsi_next spc_extended_copy(struct scsi_cmd *cmd);     /* xcopy.c */
enum scsi_next spc_copy_parameters(struct scsi_cmd *cmd);   /* copy_report.c */
enum scsi_next spc_copy_status(struct scsi_cmd *cmd);
enum scsi_next spc_copy_failure(struct scsi_cmd *cmd);
enum scsi_next spc_rod_information(struct scsi_cmd *cmd);
enum scsi_next sbc_populate_token(struct scsi_cmd *cmd);    /* rod.c */
enum scsi_next sbc_write_token(struct scsi_cmd *cmd);

/* STORE_IO_FUA if the command has that bit and it is set, or WCE is 0. */
uint32_t sbc_write_flags(const struct scsi_cmd *cmd);
/* Stream len bytes (whole blocks) at cmd->lba, then call step. */
enum scsi_next sbc_stream(struct scsi_cmd *cmd, enum store_op op, uint32_t flags, uint64_t len,
			  enum scsi_next (*step)(struct scsi_cmd *cmd, int res));

#endif
