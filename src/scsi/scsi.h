/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device server (SAM-5, SPC-4, SBC-3). It decides what a command means and what it needs; it
 * moves no data and runs no I/O itself. The caller drives a command with scsi_start() and
 * scsi_resume() and does what enum scsi_next asks for in between.
 *
 * Who may call: one command belongs to one thread at a time. Logical units and nexuses are shared
 * between threads as written at their fields.
 */
#ifndef SRPTD_SCSI_SCSI_H
#define SRPTD_SCSI_SCSI_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/be.h"
#include "base/compiler.h"
#include "store/store.h"

enum scsi_status {
	SCSI_GOOD = 0x00,
	SCSI_CHECK_CONDITION = 0x02,
	SCSI_CONDITION_MET = 0x04,
	SCSI_BUSY = 0x08,
	SCSI_RESERVATION_CONFLICT = 0x18,
	SCSI_TASK_SET_FULL = 0x28,
	SCSI_ACA_ACTIVE = 0x30,
	SCSI_TASK_ABORTED = 0x40,
};

enum scsi_dir { SCSI_DIR_NONE, SCSI_DIR_IN, SCSI_DIR_OUT, SCSI_DIR_BIDI };

enum { SCSI_SENSE_MAX = 96, SCSI_CDB_MAX = 16 + 252, SCSI_MAX_LUN = 16383 };

/* Unit attentions, in the order in which they are reported; one bit each in scsi_itl.ua. */
enum scsi_ua {
	SCSI_UA_POWER_ON,         /* 29/00 */
	SCSI_UA_RESET,            /* 29/02 SCSI bus reset; LUN reset reports 29/03 */
	SCSI_UA_DEVICE_RESET,     /* 29/03 bus device reset function occurred */
	SCSI_UA_NEXUS_LOSS,       /* 29/07 */
	SCSI_UA_MEDIUM_CHANGED,   /* 28/00 medium may have changed: loaded again after an eject */
	SCSI_UA_CLEARED,          /* 2F/00 commands cleared by another initiator */
	SCSI_UA_CLEARED_BY_SERVER, /* 2F/02 */
	SCSI_UA_MODE_CHANGED,     /* 2A/01 */
	SCSI_UA_LOG_CHANGED,      /* 2A/02 log parameters */
	SCSI_UA_RESERVATIONS_PREEMPTED, /* 2A/03 */
	SCSI_UA_RESERVATIONS_RELEASED,  /* 2A/04 */
	SCSI_UA_REGISTRATIONS_PREEMPTED, /* 2A/05 */
	SCSI_UA_ACCESS_STATE_CHANGED,   /* 2A/06 asymmetric access state */
	SCSI_UA_CAPACITY_CHANGED, /* 2A/09 */
	SCSI_UA_TIMESTAMP_CHANGED, /* 2A/10 */
	SCSI_UA_INQUIRY_CHANGED,  /* 3F/03 */
	SCSI_UA_IDENTIFIER_CHANGED, /* 3F/05 device identifier */
	SCSI_UA_LUNS_CHANGED,     /* 3F/0E */
	SCSI_UA_COUNT
};

/* What a person may set for a logical unit; strings may be NULL or empty for defaults. */
struct scsi_lu_conf {
	const char *name;     /* unique; default product id and T10 id come from it */
	const char *vendor;   /* 8 characters at most */
	const char *product;  /* 16 */
	const char *revision; /* 4 */
	const char *serial;   /* VPD 80h; 36 at most */
	uint64_t naa;         /* VPD 83h NAA; 0 = NAA 3 (locally assigned) hashed from serial/name */
	uint64_t naa_low;     /* the other half of one of 16 bytes, which begins with 6 */
	uint64_t eui64;       /* 0 = no EUI-64 designator */
	uint32_t block_size;  /* 512, 1024, 2048 or 4096 */
	uint8_t lb_per_pb_exp; /* 0xff = derive from the store */
	bool rotational;
	bool removable;
	bool read_only;
	bool thin;
	bool cdrom;           /* a drive for discs: removable, read-only, 2048-byte blocks */
	bool empty;           /* ... without a disc: what the store has is none */
	uint32_t opt_transfer; /* bytes; 0 = 512 KiB */
	uint32_t buf_len;      /* bytes of the largest buffer that a command gets; 0 = SCSI_BUF_LEN */
};

struct meter;
struct qos;
struct scsi_nexus;
struct scsi_cmd;
struct scsi_lu;
struct scsi_ident;
struct erase;
struct erase_job;
struct pr_state;
struct copy_slot;
struct copy_slots;
struct copy_token;
struct scsi_pass;

/*
 * Where persistent reservations with APTPL and saved mode pages are kept. All functions may sleep; they
 * are never called on a worker.
 */
struct scsi_pr_keeper {
	/* Fill the zeroed state. 0; -ENOENT = none is kept; -errno with a sentence in err. */
	int (*load)(struct scsi_pr_keeper *keeper, const struct scsi_lu *lu, struct pr_state *pr,
		    char *err, size_t err_len);
	/* Keep the state, or nothing if APTPL is off: in stable storage on return. 0 or -errno. */
	int (*save)(struct scsi_pr_keeper *keeper, const struct scsi_lu *lu,
		    const struct pr_state *pr);
	/* The same for SCSI_MODE_* as MODE SELECT saved them. */
	int (*load_mode)(struct scsi_pr_keeper *keeper, const struct scsi_lu *lu, uint32_t *mode,
			 char *err, size_t err_len);
	int (*save_mode)(struct scsi_pr_keeper *keeper, const struct scsi_lu *lu, uint32_t mode);
	/* ... and for identifying information. */
	int (*load_ident)(struct scsi_pr_keeper *keeper, const struct scsi_lu *lu,
			  struct scsi_ident *ident, char *err, size_t err_len);
	int (*save_ident)(struct scsi_pr_keeper *keeper, const struct scsi_lu *lu,
			  const struct scsi_ident *ident);
	/* ... and for FORMAT UNIT or SANITIZE that is not done, of no kind if there is none. */
	int (*load_erase)(struct scsi_pr_keeper *keeper, const struct scsi_lu *lu,
			  struct erase_job *job, char *err, size_t err_len);
	int (*save_erase)(struct scsi_pr_keeper *keeper, const struct scsi_lu *lu,
			  const struct erase_job *job);
};

/* What MODE SELECT can change: bits of mode pages. */
enum {
	SCSI_MODE_WCE = 1 << 0,     /* Caching: GOOD may come before the data is on the medium */
	SCSI_MODE_D_SENSE = 1 << 1, /* Control: sense data in descriptor format */
	SCSI_MODE_SWP = 1 << 2,     /* Control: software write protect */
};

/* Files in a directory that exists; NULL when out of memory. No logical unit may use it when freed. */
struct scsi_pr_keeper *scsi_pr_files_new(const char *dir);
void scsi_pr_files_free(struct scsi_pr_keeper *keeper);

/* Access to a logical unit through a target port group (SPC-4 5.15.2.4). */
enum scsi_access {
	SCSI_ACTIVE_OPTIMIZED = 0x0,
	SCSI_ACTIVE_NONOPTIMIZED = 0x1,
	SCSI_STANDBY = 0x2,
	SCSI_UNAVAILABLE = 0x3,
	SCSI_OFFLINE = 0xe,
	SCSI_TRANSITIONING = 0xf,
};

enum { SCSI_ACCESS_BY_COMMAND = 1, SCSI_ACCESS_BY_TARGET = 2 }; /* STATUS CODE */

/* Stays until the logical unit goes. */
struct scsi_port_group {
	STAILQ_ENTRY(scsi_port_group) link;
	uint16_t id;
	/* lu->lock */
	uint8_t state; /* enum scsi_access */
	uint8_t cause;
	bool preferred;
};

/* Who has to agree to SET TARGET PORT GROUPS. */
struct scsi_access_hook {
	/* 0, or -errno: the state stays. May sleep; never called on a worker. */
	int (*run)(struct scsi_access_hook *hook, const struct scsi_lu *lu, uint16_t group,
		   enum scsi_access from, enum scsi_access to);
};

enum scsi_power {
	SCSI_POWER_ACTIVE = 0,
	SCSI_POWER_STOPPED,
	SCSI_POWER_IDLE,    /* a command that reads or writes ends it */
	SCSI_POWER_STANDBY, /* ... as well */
	SCSI_POWER_ERASING, /* FORMAT UNIT or SANITIZE runs, or has failed */
};

/* How a thread of the device server runs requests on a store, one after the other, for as long as each takes. */
struct scsi_runner {
	void *(*open)(void);       /* NULL: it cannot be had, errno says why */
	int (*run)(void *context, const struct store_io *io); /* done() is not called; 0 or -errno */
	void (*close)(void *context);
};

/* A target port through which a logical unit can be reached. */
struct scsi_port {
	uint16_t rel_target_port;
	uint16_t group;
	uint8_t id[16]; /* SRP target port identifier */
};

/* What READ and WRITE commands have moved, as far as they ended with GOOD. */
struct scsi_stats {
	_Atomic uint64_t n_reads, n_writes;
	_Atomic uint64_t blocks_read, blocks_written;
};

enum { SCSI_ECHO_LEN = 4096, SCSI_IDENT_MAX = 64, SCSI_IDENT_TEXT_MAX = 256 };

/* What SET IDENTIFYING INFORMATION has left: bytes, and UTF-8 with its ending zero. */
struct scsi_ident {
	uint16_t len, text_len;
	uint8_t bytes[SCSI_IDENT_MAX];
	uint8_t text[SCSI_IDENT_TEXT_MAX];
};

/*
 * One logical unit, seen alike through every target that maps it. Immutable after scsi_lu_new()
 * except for the fields whose comment says otherwise.
 */
struct scsi_lu {
	char name[64];
	char vendor[9];
	char product[17];
	char revision[5];
	char serial[40];
	uint64_t naa, naa_low; /* see scsi_naa_len() */
	uint64_t eui64;
	uint8_t device_type; /* PERIPHERAL DEVICE TYPE: 00h disk, 05h drive for discs, or a device's own */
	uint8_t block_shift;
	uint8_t lb_per_pb_exp;
	bool rotational;
	bool removable;
	bool cdrom;
	bool empty;
	bool read_only;
	bool thin;
	uint32_t opt_transfer_blocks;
	uint32_t max_transfer_blocks;
	struct store *store;           /* geometry and features; requests go out through scsi_cmd.io */
	_Atomic uint64_t n_blocks;     /* changes on resize */
	_Atomic uint8_t stopped;       /* START STOP UNIT: enum scsi_power, 0 if active */
	pthread_mutex_t lock;          /* itls and slow state */
	LIST_HEAD(, scsi_itl) itls;    /* every nexus that maps this LU */

	/*
	 * Says whether a command conflicts with a reservation (RESERVATION CONFLICT); NULL while
	 * nothing is reserved. Called on the thread of the command.
	 */
	bool (*_Atomic conflict)(const struct scsi_cmd *cmd);
	struct scsi_pr_keeper *keeper; /* NULL = neither APTPL nor saving of mode pages is supported */
	struct scsi_port *ports;       /* lock; there may come more, none goes */
	unsigned int n_ports;
	STAILQ_HEAD(scsi_port_group_list, scsi_port_group) groups; /* lock; they only ever come */
	struct scsi_access_hook *access_hook; /* NULL = nobody needs to be asked */
	struct qos *_Atomic qos;       /* the caller's, its limit; NULL = none */
	struct meter *meters;          /* the caller's, for what it counts; freed by free(3) */
	uint8_t tpgs;                  /* byte 5 of INQUIRY data; 0: states are not reported */

	/* private to the device server */
	struct scsi_pass *pass;        /* NULL unless the store is a SCSI device itself */
	uint32_t lacks;                /* OP_* features that this LU does not have */
	_Atomic uint32_t mode;         /* SCSI_MODE_*, current values; changed under lock */
	uint32_t mode_saved;           /* saved or else default values; lock */
	_Atomic uint32_t write_flags;  /* STORE_IO_* of every change: those that WCE 0 asks for */
	const struct scsi_runner *runner; /* NULL: neither FORMAT UNIT nor SANITIZE is supported */
	struct erase *erase;           /* the last of them; changed by calls that run one at a time */
	_Atomic uint8_t erase_kind;    /* while stopped is SCSI_POWER_ERASING */
	_Atomic bool erase_failed;
	_Atomic bool erase_may_exit;
	_Atomic uint16_t erase_progress; /* of FFFFh */
	_Atomic bool ejected;          /* removable: no medium; set together with stopped */
	struct pr_state *pr;           /* lock; NULL = nobody ever registered */
	pthread_mutex_t pr_update;     /* one PERSISTENT RESERVE OUT at a time; taken before lock */
	_Atomic uint8_t pr_type;       /* of the persistent reservation, 0 = none */
	struct scsi_itl *_Atomic reserved; /* by RESERVE; changed under lock */
	struct scsi_stats gone;        /* statistics of nexuses that are no more, minus those reset; lock */
	struct scsi_ident ident;       /* lock */
	_Atomic int64_t time_offset;   /* milliseconds that SET TIMESTAMP put between us and the host */
	_Atomic bool time_is_set;
	LIST_HEAD(, copy_token) tokens; /* of its blocks; lock */
	_Atomic uint32_t n_tokens;     /* ... that a write would revoke */
};

/* Make a logical unit on an open store. Returns NULL with errno set and a sentence in err. */
struct scsi_lu *scsi_lu_new(const struct scsi_lu_conf *conf, struct store *store, char *err,
			    size_t err_len);
/* No itl may be left. Does not close the store. */
void scsi_lu_free(struct scsi_lu *lu);
/* Its NAA designator: 8 or 16 bytes, and their number. */
size_t scsi_naa_put(const struct scsi_lu *lu, uint8_t *out);
size_t scsi_naa_len(const struct scsi_lu *lu);

/* A target port maps the logical unit; once more is no error. 0 or -ENOMEM. */
int scsi_lu_add_port(struct scsi_lu *lu, const struct scsi_port *port);
/*
 * Report states of access, before the first command: the logical unit then knows REPORT TARGET PORT
 * GROUPS and, if explicit, SET TARGET PORT GROUPS.
 */
void scsi_lu_use_alua(struct scsi_lu *lu, bool is_explicit, struct scsi_access_hook *hook);
/* The logical unit then knows FORMAT UNIT and SANITIZE; before the first command. */
void scsi_lu_use_runner(struct scsi_lu *lu, const struct scsi_runner *runner);
/*
 * The state of access through a target port group, now and for the sessions to come: initiators are
 * told if it is another than before. 0 or -ENOMEM. Any thread.
 */
int scsi_lu_set_access(struct scsi_lu *lu, uint16_t group, enum scsi_access state, bool preferred);
/*
 * Keep reservations with APTPL, saved mode pages, identifying information and what is being erased, and
 * bring back what is kept. 0 or -errno with a sentence. May sleep; before the first command, after
 * scsi_lu_use_runner().
 */
int scsi_lu_keep(struct scsi_lu *lu, struct scsi_pr_keeper *keeper, char *err, size_t err_len);
/*
 * A logical unit reset has ended its tasks (SAM-5 6.3.3): RESERVE and prevention of medium removal
 * end, mode pages have their saved values again, every nexus is told. Any thread.
 */
void scsi_lu_reset(struct scsi_lu *lu);

/* One nexus's view of one logical unit. */
struct scsi_itl {
	uint16_t lun;
	_Atomic bool read_only;      /* this mapping, or the LU */
	_Atomic bool retired;        /* no longer in the map; commands that found it may still run */
	_Atomic bool busy;           /* retired: somebody has seen such a command, see remap.c */
	struct scsi_lu *lu;
	struct scsi_nexus *nexus;
	_Atomic uint32_t ua;         /* pending unit attentions, 1 << enum scsi_ua; any thread */
	_Atomic bool prevent;        /* this nexus prevents medium removal */
	_Atomic uint8_t access;      /* device server: enum scsi_access, 0 if active */
	_Atomic uint8_t pr;          /* device server: is it registered, does it hold a reservation */
	uint8_t *echo;               /* lu->lock; of WRITE BUFFER, NULL = never written */
	uint32_t echo_len;
	LIST_ENTRY(scsi_itl) lu_link; /* lu->lock */
	SLIST_ENTRY(scsi_itl) link;  /* nexus->retired, or struct scsi_remap */
	uint8_t pad[64];             /* what workers write to is not beside what they all read */
	struct scsi_stats stats;
};

enum { SCSI_MAX_LUNS = 8190 };
enum { SCSI_LUN_CHUNK = 256, SCSI_LUN_CHUNKS = (SCSI_MAX_LUN + 1) / SCSI_LUN_CHUNK };

/*
 * An I_T nexus as the device server sees it. Its LUN map changes by scsi_remap_apply() alone, in one
 * thread; any thread may look things up meanwhile.
 */
struct scsi_nexus {
	char initiator[64];           /* for the log */
	char target[64];
	uint8_t initiator_port_id[16];
	uint8_t target_port_id[16];
	uint16_t rel_target_port;     /* 1… */
	uint16_t target_port_group;
	/*
	 * Told of every unit attention that becomes pending for this nexus, by any thread and with
	 * lu->lock possibly held: it may set a flag or post a message. NULL = nobody listens.
	 */
	void (*ua_raised)(struct scsi_itl *itl, enum scsi_ua ua);
	struct scsi_itl *_Atomic *_Atomic chunk[SCSI_LUN_CHUNKS];
	_Atomic uint32_t n_luns;
	SLIST_HEAD(scsi_itl_list, scsi_itl) retired;
	struct qos *_Atomic qos;      /* the caller's, its limit; NULL = none */
	struct copy_slots *copies;    /* device server: its third party copies */
};

struct scsi_lun_mapping {
	uint16_t lun;
	struct scsi_lu *lu;
	bool read_only;
};

/*
 * Fill a zeroed nexus (names and ids set by the caller) with its LUN map; every itl starts with
 * SCSI_UA_POWER_ON pending. 0 or -ENOMEM / -EEXIST (LUN mapped twice) / -EINVAL (LUN too large) /
 * -E2BIG (more than SCSI_MAX_LUNS mappings: REPORT LUNS has to fit into one buffer). The nexus is
 * empty after an error.
 */
int scsi_nexus_init(struct scsi_nexus *nexus, const struct scsi_lun_mapping *map, size_t n);
/* No command of the nexus may exist. */
void scsi_nexus_fini(struct scsi_nexus *nexus);

struct scsi_remap;

/*
 * Prepare another LUN map for a nexus; everything that can fail is done here. 0 or as
 * scsi_nexus_init().
 */
int scsi_remap_new(struct scsi_nexus *nexus, const struct scsi_lun_mapping *map, size_t n,
		   struct scsi_remap **out);
/*
 * Make it the map, free the remap; true if anything is different. A LUN whose logical unit stays the
 * same keeps its itl. The others' are retired: new commands do not find them any more, and
 * scsi_nexus_reap() frees them. The nexus is told REPORTED LUNS DATA HAS CHANGED.
 */
bool scsi_remap_apply(struct scsi_remap *remap);
void scsi_remap_free(struct scsi_remap *remap);
/*
 * Free the retired itls that nobody has marked busy since the last call; how many are left. To be
 * called when every thread that runs commands has had the chance to mark.
 */
unsigned int scsi_nexus_reap(struct scsi_nexus *nexus);
/* For those threads, of a command that they run. */
static inline void scsi_itl_mark(struct scsi_itl *itl)
{
	if (itl && atomic_load(&itl->retired))
		atomic_store(&itl->busy, true);
}

/* Decode an 8-byte LUN to a number; -1 if the form names no LUN of ours (well-known LUNs too). */
int scsi_lun_decode(const uint8_t lun[8]);

static inline struct scsi_itl *scsi_itl_at(const struct scsi_nexus *nexus, unsigned int lun)
{
	struct scsi_itl *_Atomic *chunk = nexus->chunk[lun / SCSI_LUN_CHUNK];

	return chunk ? chunk[lun % SCSI_LUN_CHUNK] : NULL;
}

/*
 * The itl of an 8-byte LUN (SAM-5 4.7: peripheral, flat space or simple logical unit addressing),
 * or NULL: not mapped, or a form that names nothing. Constant time.
 */
static inline struct scsi_itl *scsi_nexus_lookup(const struct scsi_nexus *nexus,
						 const uint8_t lun[8])
{
	uint64_t field = be64_get(lun);
	int n = (int)(field >> 48);

	if (unlikely(field & ~(0xffull << 48))) /* not peripheral device addressing on bus 0 */
		n = scsi_lun_decode(lun);
	return n < 0 ? NULL : scsi_itl_at(nexus, (unsigned int)n);
}

/* The REPORT LUNS well known logical unit (SAM-5 4.7.7.5.1, SPC-4 clause 9); every nexus has it. */
bool scsi_lun_is_report_luns(const uint8_t lun[8]);

/*
 * Raise a unit attention for one nexus, or for every nexus of the LU but one (may be NULL). Those
 * of the resets and of nexus loss (29/xx) also end that nexus's prevention of medium removal.
 */
void scsi_ua_set(struct scsi_itl *itl, enum scsi_ua ua);
void scsi_ua_set_others(struct scsi_lu *lu, const struct scsi_nexus *except, enum scsi_ua ua);
/* What it reports: sense key << 16 | additional sense code << 8 | qualifier. */
uint32_t scsi_ua_sense(enum scsi_ua ua);
/* New size in bytes: CAPACITY DATA HAS CHANGED for all. */
void scsi_lu_resize(struct scsi_lu *lu, uint64_t size);

/* What the caller has to do next with a command. */
enum scsi_next {
	/* status (and sense) final; data_len bytes of data-in lie in buf, or went by SCSI_STREAM */
	SCSI_COMPLETE,
	/*
	 * give buf with at least need bytes (see SCSI_BUF_LEN), then resume with 0; a buffer once
	 * given stays for the command and no later step needs more. Here and at SCSI_NEED_DATA_OUT,
	 * resuming with -ENOMEM ends the command with BUSY
	 */
	SCSI_NEED_BUF,
	/* bring data-out bytes [data_off, data_off + need) into buf (allocate as above), resume 0 */
	SCSI_NEED_DATA_OUT,
	/*
	 * send buf[0, need) as data-in bytes [data_off, data_off + need), resume with 0 when buf may
	 * be overwritten; they lie inside the initiator's buffer
	 */
	SCSI_SEND_DATA_IN,
	/*
	 * close the bytes [io.off, io.off + io.len) of the LU's store to changes by other commands until
	 * this one completes, wait for those that have begun; resume with 0, or -ENOMEM
	 */
	SCSI_LOCK,
	/* run call(cmd) on a thread that may sleep, one call at a time; resume with what it returns */
	SCSI_CALL,
	/* the same on a thread of the LU's store, for what asks that alone: a store that hangs is waited for */
	SCSI_CALL_STORE,
	/*
	 * end the commands that the nexuses in `abort` have on this LU as task management would; resume
	 * with 0 when nothing of them can happen any more. `abort` is the caller's now, to be freed; so it
	 * is if the command is given up after SCSI_CALL
	 */
	SCSI_ABORT,
	/* run io as it is set, on the LU's store or another's (io.store), resume with its res */
	SCSI_STORE,
	/*
	 * move stream.len bytes between the store at stream.off and the initiator's buffer from its
	 * first byte, in any segmentation: stream.op READ or WRITE; resume with 0, or with -errno of
	 * the store and stream.done = bytes surely moved before the error
	 */
	SCSI_STREAM,
};

/* No handler ever needs more, but for devices of their own (buf_len); asked for by need. */
enum { SCSI_BUF_LEN = 65536 };

struct scsi_op;

struct scsi_abort {
	bool tells; /* those that lose commands: COMMANDS CLEARED BY DEVICE SERVER */
	size_t n;
	const struct scsi_nexus *nexus[];
};

struct scsi_cmd {
	/* set by the caller before scsi_start() */
	struct scsi_nexus *nexus;
	uint8_t lun[8];
	struct scsi_itl *itl;    /* scsi_nexus_lookup(), may be NULL */
	const uint8_t *cdb;      /* stays valid until SCSI_COMPLETE */
	uint16_t cdb_len;        /* 16 or more: SRP always carries 16, plus additional bytes */
	uint32_t out_len;        /* data-out buffer of the initiator, bytes; 0 = none */
	uint32_t in_len;         /* data-in buffer, bytes; 0 = none */
	uint8_t *buf;            /* NULL until asked for; the caller frees it after completion */

	/* asked for */
	uint32_t need;
	uint32_t data_off;
	struct {
		struct store *store;
		enum store_op op;
		uint32_t flags;  /* STORE_IO_* */
		uint64_t off;
		uint64_t len;
		void *buf;
		struct store *from; /* STORE_COPY */
		uint64_t from_off;
		struct store_scsi *scsi; /* STORE_SCSI */
	} io;
	struct {
		enum store_op op; /* STORE_READ or STORE_WRITE */
		uint32_t flags;
		uint64_t off;
		uint64_t len;
		uint64_t done;
	} stream;

	int (*call)(struct scsi_cmd *cmd);
	_Atomic bool given_up; /* SCSI_CALL_STORE: set by the caller, nobody waits any more */
	struct scsi_abort *abort; /* NULL or made by call() */

	/* result */
	/* zero at first, see scsi_start() */
	enum scsi_dir dir;     /* direction that the CDB calls for */
	/*
	 * Bytes that the command calls for, before cutting to the initiator's buffer: residuals. With
	 * an ALLOCATION LENGTH: what there is to return, cut to it. 0 if the CDB was refused.
	 */
	uint64_t xfer_len;
	uint32_t data_len;     /* bytes really moved, or to be moved from buf for data-in */
	/* SCSI_DIR_BIDI: the same for data-in, sent piece by piece; those above are of data-out. */
	uint64_t in_xfer_len;
	uint32_t in_data_len;
	uint8_t status;        /* enum scsi_status */
	uint8_t sense_len;
	struct copy_slot *copy; /* device server: NULL unless it is a third party copy */
	struct erase *erase;    /* ... unless it waits for FORMAT UNIT or SANITIZE */

	uint8_t sense[SCSI_SENSE_MAX];

	/* private to the device server */
	const struct scsi_op *op;
	enum scsi_next (*step)(struct scsi_cmd *cmd, int res);
	uint64_t lba;
	uint64_t nblk;
	uint32_t index; /* handlers that loop: which range */
	uint32_t chunk; /* bytes in the step under way */
	uint64_t done;  /* bytes of total behind */
	uint64_t total;
	struct store_scsi pass; /* for the device that the logical unit is */
};

enum scsi_next scsi_start(struct scsi_cmd *cmd);
enum scsi_next scsi_resume(struct scsi_cmd *cmd, int res);
/*
 * A command that was started is given up: it will not be resumed, and nothing of it can happen any
 * more. It may have lost its buffer.
 */
void scsi_give_up(struct scsi_cmd *cmd);
/*
 * Does a started command read or write this logical unit besides the one that it was sent to? That
 * can change to true before a step, never back before the command's end.
 */
bool scsi_copies_with(const struct scsi_cmd *cmd, const struct scsi_lu *lu);
/* Is it a command that may ask for SCSI_ABORT? That does not change once it is started. */
bool scsi_may_abort(const struct scsi_cmd *cmd);
/* Mark the itls that it uses, see scsi_itl_mark(). */
void scsi_cmd_mark(const struct scsi_cmd *cmd);

/* Names for logs and tools, never NULL; of a CDB at least 16 bytes have to be readable. */
const char *scsi_status_name(uint8_t status);
const char *scsi_opcode_name(const uint8_t *cdb);
/* "ILLEGAL REQUEST: INVALID FIELD IN CDB (5/24/00)" from fixed or descriptor sense data. */
const char *scsi_sense_text(const uint8_t *sense, size_t len, char *buf, size_t buf_len);

#endif
