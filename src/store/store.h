/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where blocks live. A store is one backing file, device or memory, shared by all workers; an
 * engine is one worker's way to run requests (io_uring, libaio). Offsets and lengths are in bytes; a
 * store knows nothing of SCSI or SRP.
 *
 * Life of a request: the caller fills struct store_io and calls store_submit(); the engine collects
 * what was submitted in a pass and hands it to the kernel in engine_flush(); engine_reap() calls
 * io->done() for what has completed. done() is never called from inside store_submit().
 */
#ifndef SRPTD_STORE_STORE_H
#define SRPTD_STORE_STORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/timer.h"

enum store_op {
	STORE_READ,
	STORE_WRITE,
	STORE_FLUSH, /* everything acknowledged before is on stable storage; off and len ignored */
	STORE_UNMAP, /* deallocate; reads zeroes afterwards when STORE_F_UNMAP_ZEROES */
	STORE_ZERO,  /* reads zeroes afterwards; STORE_IO_MAY_UNMAP lets it deallocate */
	STORE_COPY,  /* write what `from` has at from_off; -EOPNOTSUPP: has to go through a buffer */
	STORE_CALL,  /* run call(): it may sleep, and changes nothing; off and len ignored */
	STORE_SCSI,  /* a command for a SCSI device, see struct store_scsi; off and len: what it touches */
};

/* Does it change what blocks hold, or may hold? */
static inline bool store_op_changes(enum store_op op)
{
	return op != STORE_READ && op != STORE_FLUSH && op != STORE_CALL;
}

enum {
	STORE_IO_FUA = 1 << 0,       /* write or zero: on stable storage before done() */
	STORE_IO_MAY_UNMAP = 1 << 1, /* zero: deallocating is welcome */
	/*
	 * write: all of it or nothing after a power cut. len is a power of two, atomic_min to atomic_max,
	 * and off a multiple of it; -EINVAL otherwise
	 */
	STORE_IO_ATOMIC = 1 << 2,
	STORE_IO_PURE = 1 << 3, /* SCSI: changes nothing that another command depends on */
};

enum store_scsi_dir { STORE_SCSI_NONE, STORE_SCSI_IN, STORE_SCSI_OUT };

enum { STORE_SCSI_CDB = 32, STORE_SCSI_SENSE = 96 };

/* A command for the device behind a store of type "passthrough"; the store does not look into it. */
struct store_scsi {
	/* set by the submitter */
	uint8_t cdb[STORE_SCSI_CDB];
	uint8_t cdb_len;
	uint8_t dir;      /* enum store_scsi_dir */
	uint32_t len;     /* bytes of data, at most the store's max_transfer */
	uint32_t timeout; /* seconds */

	/* what the device answered, if the result is 0 */
	uint8_t status;
	uint8_t sense_len;
	uint8_t sense[STORE_SCSI_SENSE];
	uint32_t moved; /* bytes of len */
};

enum { STORE_BUF_ALIGN = 4096 };

/* Where a request is, as far as taking it back is concerned. */
enum store_io_at {
	STORE_AT_NONE,   /* finished, or with a store that finishes at once */
	STORE_AT_HELD,   /* a fault holds it and would give it back */
	STORE_AT_QUEUED, /* inside the engine */
	STORE_AT_JOBS,   /* waits for a thread, or a thread has it */
	STORE_AT_KERNEL, /* a call runs, or is about to */
};

struct store;
struct engine;

struct store_io {
	/* set by the submitter; unchanged by the store */
	struct store *store;
	enum store_op op;
	uint32_t flags;
	uint64_t off;
	uint64_t len;
	/*
	 * READ, WRITE: len bytes; inside the engine's registered region = no page pinning. A store
	 * opened with `direct` needs it aligned to STORE_BUF_ALIGN.
	 */
	void *buf;
	struct store *from; /* COPY: another store or the same, range checked as that of `store` */
	uint64_t from_off;
	int (*call)(struct store_io *io); /* CALL: 0 or -errno; runs in a thread of jobs.h */
	/*
	 * SCSI: data to or from buf. res tells whether the device answered at all: -ENODEV is gone,
	 * -ETIMEDOUT did not answer in time, -EAGAIN could not take it now, -EIO the transport failed.
	 */
	struct store_scsi *scsi;
	void (*done)(struct store_io *io);

	/* set by the store before done() */
	int res; /* 0 or -errno; short transfers are continued inside the store */

	/* private to the engine that runs the request */
	struct engine *engine;
	uint64_t progress; /* bytes done so far */
	uint8_t step;      /* enum fdio_step: the call that is running or comes next */
	uint8_t tries;     /* calls since the last progress */
	uint8_t at;        /* enum store_io_at */
	STAILQ_ENTRY(store_io) link;
};

STAILQ_HEAD(store_io_list, store_io);

/* May it change what other requests see? Such a request has to wait at fences. */
static inline bool store_io_changes(const struct store_io *io)
{
	return store_op_changes(io->op) && !(io->op == STORE_SCSI && io->flags & STORE_IO_PURE);
}

/* Features, fixed while the store is open. */
enum {
	STORE_F_READ_ONLY = 1 << 0,
	STORE_F_UNMAP = 1 << 1,        /* STORE_UNMAP does something */
	STORE_F_UNMAP_ZEROES = 1 << 2, /* ... and unmapped ranges read as zeroes */
	STORE_F_WRITE_CACHE = 1 << 3,  /* a plain write may be lost by a power cut until FLUSH */
	STORE_F_ROTATIONAL = 1 << 4,
	STORE_F_THIN = 1 << 5,
	STORE_F_ATOMIC = 1 << 6,       /* writes with STORE_IO_ATOMIC, see atomic_min */
};

/*
 * What goes wrong on purpose. A rule is for requests of its kind that touch [from, to); inside its
 * time window they are counted, `after` of them pass, then `rate` percent of them are struck, `count`
 * times at most. The first rule that strikes a request counts.
 */
struct store_fault_conf {
	const char *op;    /* "any", "read", "write", "flush", "unmap", "zero" */
	const char *error; /* "EIO", ...; NULL: runs as usual (after delay_ms) */
	uint64_t from, to; /* bytes; to 0 = the end. A flush touches everything */
	uint64_t torn; /* bytes of a failing write that reach stable storage first; whole blocks */
	bool kill;     /* SIGKILL to this process instead of an error */
	uint32_t delay_ms; /* hold it so long before anything of it happens */
	bool cancel;       /* ... and until then store_cancel() takes it back */
	uint32_t rate;     /* 1 ... 100, chosen by seed and count alone */
	uint32_t seed;
	uint32_t after, count;     /* count 0 = no limit */
	uint32_t after_ms, for_ms; /* the window, from store_open(); for_ms 0 = no end */
};

struct store_conf {
	const char *type; /* "file", "null", "memory", "passthrough" */
	const char *path; /* file: a regular file or a block device; passthrough: a node of sg or bsg */
	/* null, memory: bytes; file: create with this size if absent, 0 = must exist */
	uint64_t size;
	uint32_t block_size; /* logical block, bytes; I/O is a multiple of it (O_DIRECT alignment) */
	bool direct;        /* O_DIRECT */
	bool read_only;
	bool write_through; /* every write as with STORE_IO_FUA */
	bool nv_cache;      /* flush and FUA are no-ops: the cache below is non-volatile */
	bool thin;          /* allow punching holes */
	bool read_zero;     /* null: reads give zeroes instead of whatever is in the buffer */
	bool hugepages;     /* memory: of huge pages only */
	/*
	 * Others are served already: do not wait for a claim, and leave the engines' tables of
	 * registered files alone.
	 */
	bool serving;
	const struct store_fault_conf *faults; /* n_faults of them */
	size_t n_faults;
};

struct store_ops;

/* Requests of a store that wait for a thread; jobs.c has the lock. */
struct store_jobs {
	struct store_io_list waiting; /* valid if n_waiting */
	unsigned int n_waiting, n_running;
	bool in_line;
	TAILQ_ENTRY(store) link;
};

struct store {
	const struct store_ops *ops;
	char *name;              /* for the log: path or "null" */
	_Atomic uint64_t size;   /* bytes */
	uint32_t features;       /* STORE_F_* */
	uint32_t block_size;     /* as configured */
	uint32_t phys_block;     /* bytes; the unit that is written without read-modify-write */
	uint32_t opt_io;         /* bytes, 0 = no preference */
	uint32_t atomic_min, atomic_max; /* bytes, powers of two; 0 unless STORE_F_ATOMIC */
	uint32_t unmap_granularity; /* bytes, 0 unless STORE_F_UNMAP */
	int fd;                  /* -1 if none */
	int fixed_file;          /* index in every engine's table of registered files, or -1 */
	bool write_through;
	bool nv_cache;
	bool created; /* by store_open(); what store_discard() removes */
	bool direct;                /* fd has O_DIRECT */
	bool is_block;              /* fd is a block device */
	bool unmap_discards;        /* unmapped by BLKDISCARD, which promises nothing of reads */
	bool read_zero;             /* null: see struct store_conf */
	uint32_t max_transfer;      /* passthrough: bytes of one command; else 0 */
	bool sg_v4;                 /* passthrough: fd takes version 4 of SG_IO */
	int claims[2];              /* passthrough: descriptors that only keep others off */
	atomic_flag gone;           /* passthrough: the log says so already */
	_Atomic bool zero_by_write; /* learned: the file system cannot zero a range by itself */
	_Atomic bool no_nowait;     /* learned: its I/O cannot be asked not to sleep */
	void *memory;               /* memory: where the blocks are */
	size_t memory_len;
	struct store_jobs jobs;
	struct faults *faults;      /* NULL if there are none */
};

struct store_ops {
	const char *type;
	int (*open)(struct store *store, const struct store_conf *conf, char *err, size_t err_len);
	void (*close)(struct store *store);
	/* Bytes that are there now, 0 or -errno. NULL: the size never changes. */
	int (*size)(struct store *store, uint64_t *size);
	/* Start a checked request on the engine; completes later through engine_complete(). */
	void (*submit)(struct store *store, struct engine *engine, struct store_io *io);
	/*
	 * Bytes from off on, 1 to len of them, that are alike: allocated or not. 0 or -errno. NULL: all
	 * are. May sleep, so not on a worker; the range is inside the store.
	 */
	int (*extent)(struct store *store, uint64_t off, uint64_t len, uint64_t *extent_len,
		      bool *mapped);
	/*
	 * Bytes that blocks take up, and that others can still take up. 0 or -errno. NULL: not known. May
	 * sleep, so not on a worker.
	 */
	int (*space)(struct store *store, uint64_t *used, uint64_t *available);
	/* Run a command on the device in the caller's thread, as long as it takes; see struct store_io. */
	int (*scsi)(struct store *store, struct store_scsi *cmd, void *buf);
	/* What a thread of jobs.h does for a request; 0 or -errno. NULL: the calls of fdio.h. */
	int (*run)(struct store *store, struct store_io *io);
};

/*
 * Open a store; *out is the caller's, to be given to store_close(). On failure returns -errno and a
 * sentence for a person in err ("/srv/a.img: already in use by qemu (pid 77)"). A size that is not
 * a multiple of the block rounds down. May sleep: up to 5 s while the last I/O of a dead
 * predecessor ends. Any thread.
 */
int store_open(const struct store_conf *conf, struct store **out, char *err, size_t err_len);
/*
 * No request may be outstanding, and every engine that registered the store has unregistered it:
 * a registered descriptor keeps the claim on the file. NULL is allowed.
 */
void store_close(struct store *store);
/* As store_close(), and a file that store_open() has created goes again: nobody was served yet. */
void store_discard(struct store *store);

/*
 * Look whether a file or device has another size now, and take it over; true if so. A size of less
 * than one block is not taken over: everything fails then. Requests that run meanwhile see either.
 * Any thread but a worker's: the kernel may have to ask a server.
 */
bool store_check_size(struct store *store);

/* Run a command on a SCSI device and wait for it, as long as that takes; no worker may. */
static inline int store_scsi_now(struct store *store, struct store_scsi *cmd, void *buf)
{
	return store->ops->scsi(store, cmd, buf);
}

/*
 * Run a request; io must stay until done(). A COPY is what the kernel does without a buffer, between
 * regular files; after -EOPNOTSUPP nothing of it has been done. Range errors complete with -EINVAL, never go below;
 * changes on a read-only store with -EROFS; UNMAP without STORE_F_UNMAP does nothing and succeeds.
 * Errors of the kernel pass through (-ENOSPC, -EIO, ...). A file that somebody truncated below the
 * store's size reads -EIO there: zeroes would be data that nobody wrote.
 */
void store_submit(struct engine *engine, struct store_io *io);

/*
 * Take a request back, for a command that was aborted: best effort. If nothing of it has been done
 * yet and nobody has begun (it waits in the engine, for a thread, in the kernel's queue, or is held by
 * a fault with `cancel`), it completes with -ECANCELED, by done() at a later reap, and the medium is as it was. In
 * every other case it goes on as if this had not been called, and its own result says what became of
 * it. So whoever calls it waits for done() all the same, and knows by io->res alone whether anything
 * may have been written. The worker's thread only; the request must be submitted and done() not yet
 * called. Calling it again is allowed and useless.
 */
void store_cancel(struct store_io *io);

/*
 * For a thread that waits: one request after the other, each for as long as it takes. store_sync_new() gives
 * NULL and errno; run() returns the result, 0 or -errno, of what io asks for; its done() is not called. Any
 * thread but a worker's, one at a time.
 */
struct store_sync;
struct store_sync *store_sync_new(void);
int store_sync_run(struct store_sync *sync, const struct store_io *io);
void store_sync_free(struct store_sync *sync);

/* ---- engine: one per worker, used by that worker's thread only ---- */

/*
 * What an engine implements. register_region, register_file and arm may be NULL: nothing to
 * register, nothing of its own to wait for. store/fdio.h turns a request into calls on its
 * descriptor.
 */
struct engine_ops {
	const char *name;
	void (*fini)(struct engine *engine); /* frees the engine itself */
	int (*register_region)(struct engine *engine, void *base, size_t len);
	int (*register_file)(struct engine *engine, int index, int fd); /* fd -1 = remove */
	/* Queue for the next flush: the operation on a file descriptor that io describes. */
	void (*queue_fd)(struct engine *engine, struct store_io *io);
	void (*flush)(struct engine *engine);
	/* Give what has completed to engine_complete(); returns how many. */
	unsigned int (*reap)(struct engine *engine);
	/*
	 * wake_fd has been emptied: see to it that the next completion makes it readable. False:
	 * there is something to reap or to flush.
	 */
	bool (*arm)(struct engine *engine);
	/*
	 * Ask the kernel to give a request back that it has (STORE_AT_KERNEL) and has not begun
	 * with; it then completes with -ECANCELED. NULL: this engine cannot.
	 */
	void (*cancel)(struct engine *engine, struct store_io *io);
};

struct engine {
	const struct engine_ops *ops;
	struct store_io_list completed; /* result known, done() not yet called; in that order */
	struct store_io_list queued;    /* waiting inside the engine for room, oldest first */
	struct timer_heap delayed;      /* requests that are held on purpose */
	_Atomic(struct store_io *) posted; /* finished by other threads, newest first */
	int wake_fd;                    /* eventfd: something is finished; -1 = none */
	unsigned int inflight;          /* submitted, done() not yet called; cancellations too */
	uint64_t n_submitted;
	uint64_t n_syscalls; /* io_uring_enter and its like */
};

/*
 * Make an engine of a kind ("auto", "io_uring", "libaio"); depth = the most requests in flight that
 * run without waiting inside the engine. "auto" takes the first of them that works, and says in
 * the log why not the one before. Returns -errno with a sentence in err. Called by the thread
 * that will use the engine, as are all functions below: io_uring binds the ring to its maker.
 */
int engine_new(const char *kind, unsigned int depth, struct engine **out, char *err,
	       size_t err_len);
/* No request may be in flight. NULL is allowed. */
void engine_free(struct engine *engine);
/* For implementations: an empty engine. */
void engine_init(struct engine *engine, const struct engine_ops *ops);
/*
 * For implementations that run requests in other threads too: makes wake_fd. 0 or -errno;
 * engine_free() undoes it, as does engine_close() where making the engine fails later.
 */
int engine_open(struct engine *engine);
void engine_close(struct engine *engine);
/*
 * The worker's buffer pool, once, before use: I/O inside it avoids page pinning. 0 or -errno; 0 too
 * when the kernel refuses (RLIMIT_MEMLOCK), I/O then goes unregistered and the log says so.
 */
int engine_register_region(struct engine *engine, void *base, size_t len);
/*
 * Add a store's descriptor to the registered files (store->fixed_file), or take it out again before
 * store_close(). 0 or -errno; 0 too when the kernel refuses, the plain descriptor is used then.
 */
int engine_register_store(struct engine *engine, struct store *store);
int engine_unregister_store(struct engine *engine, struct store *store);
/* Hand everything queued to the kernel: at most one system call, none when nothing is queued. */
void engine_flush(struct engine *engine);
/*
 * Call done() for what has completed; returns how many. At most one system call, and none when
 * results lie ready or nothing is in flight; one more when a short transfer has to go on.
 */
unsigned int engine_reap(struct engine *engine);
/* A descriptor that polls readable when engine_reap() has something; -1 if the engine has none. */
int engine_wait_fd(struct engine *engine);
/*
 * When, by clock_now_ns(), engine_reap() has something to do by itself; UINT64_MAX = never. Who
 * sleeps on the wait descriptor wakes up then.
 */
uint64_t engine_deadline(const struct engine *engine);
/*
 * Before sleeping on the wait descriptor. True: sleep; the next completion makes it readable (and
 * sleeping may end with EINTR). False: don't, there is something to reap or to flush. From the
 * first call on, the descriptor speaks only between engine_arm() and the next engine_reap(). Who
 * never calls it misses nothing, but finds the descriptor readable for ever.
 */
bool engine_arm(struct engine *engine);
/* As engine_complete() with io->res, from any thread: wakes a worker that sleeps. */
void engine_post(struct engine *engine, struct store_io *io);
/* For stores: finish io with res (0 or -errno) at the next reap. Worker's thread only. */
void engine_complete(struct engine *engine, struct store_io *io, int res);

#endif
