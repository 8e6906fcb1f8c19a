/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The objects of a worker: one pinned thread with one lane per RDMA device, one store engine, one
 * pool of data buffers, and its channels for life. Everything here belongs to the worker's thread
 * unless a field says otherwise; other threads speak to it through the mailbox.
 */
#ifndef SRPTD_TARGET_WORKER_H
#define SRPTD_TARGET_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <time.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/pool.h"
#include "base/timer.h"
#include "rdma/lane.h"
#include "rdma/post.h"
#include "rdma/qp.h"
#include "scsi/scsi.h"
#include "store/store.h"
#include "target/fence.h"
#include "target/mailbox.h"
#include "target/meter.h"
#include "target/offload.h"
#include "target/report.h"
#include "target/share.h"
#include "wire/srp.h"

struct server;
struct session;
struct worker;
struct channel;
struct task;
struct tmf;
struct range_lock;
struct lock_part;

/* Kinds of wr_id, see pool_handle(). The low 16 bits of a send's are those of sq_head. */
enum wr_kind { WR_RX = 1, WR_TASK, WR_SEG, WR_LOGOUT, WR_DRAIN };

/* Which pool a segment's handle means: the top bit of the index. */
#define SEG_SMALL_BIT (1ull << 39)

enum {
	MAX_LANES = 32, /* of a worker, on all devices */
	POLL_BATCH = 32,
	SEGS_PER_TASK = 4,  /* segments of one command in flight */
	RX_CHUNK = 256,     /* receives made together */
	RX_BATCH = 16,      /* receives reposted together */
	RX_RESERVE = 32,    /* of an SRQ: never promised to an initiator, so that reposts can batch */
	RX_PER_CHANNEL = 3, /* for IUs that cost no credit: CRED_RSP, AER_RSP, I_LOGOUT */
	RSP_BUF_LEN = 1024, /* largest response IU */
	SQ_LEAST = 16,      /* entries of a send queue */
	TAG_SLOTS = 64,
	SMALL_BUF = 8192,   /* data buffers come in two sizes: this and the configured segment */
};

/* ---- receives ---- */

/* A receive buffer: posted, or owned by what arrived in it. */
struct rx {
	STAILQ_ENTRY(rx) link;
	uint8_t *buf;
	struct channel *owner; /* without SRQ: on this channel's QP; NULL = on none */
	uint32_t lkey;
	uint32_t index;
	uint32_t len; /* received bytes */
};

STAILQ_HEAD(rx_list, rx);

/* Receive buffers come in chunks, made by the control thread as logins need them. */
struct rx_chunk {
	struct wlane *wlane;
	void *mem;
	size_t mem_len;
	struct ibv_mr *mr;
	uint32_t n;
	struct msg msg; /* to the worker: post them */
	struct rx rx[RX_CHUNK];
};

/* A worker's lane with its receive buffers and its channels by QP number. */
struct wlane {
	LIST_ENTRY(wlane) link;  /* control thread: worker->all_lanes */
	struct worker *worker;
	struct lane *lane;
	uint64_t comp_v_mask;    /* of the targets whose channels it takes */
	bool leaving;            /* control thread: its device is gone */
	bool dead;               /* its completion channel reports nothing but errors */
	struct rx_chunk **chunk; /* by rx index / RX_CHUNK; an entry is set before its rx are posted */
	uint32_t rx_len;         /* bytes of a receive buffer */
	uint32_t n_rx;           /* control thread: receives in all chunks */
	uint32_t n_known;        /* ... whose chunk has come to the worker */
	uint32_t promised;       /* control thread: Σ over channels of request limit + RX_PER_CHANNEL */
	uint32_t cq_free;        /* control thread: completions not yet promised to a send queue */
	uint32_t reserve;        /* receives that are not promised */
	uint32_t batch;          /* receives reposted together, less than the reserve */
	struct rx *repost[RX_BATCH];
	uint32_t n_repost;
	struct rx_list spare;    /* not posted: without SRQ on no QP, with it refused by the device */
	struct channel **hash;   /* by QP number, open addressing, hash_mask + 1 slots */
	uint32_t hash_mask;
	struct msg add_msg;   /* control → worker */
	struct msg leave_msg; /* control → worker → control: its device is gone */
};

/* ---- data buffers ---- */

/* A segment or a task waiting: for room in the send queue, or for a fence to fall. */
enum sender_kind { SENDER_TASK, SENDER_SEG };

struct sender {
	STAILQ_ENTRY(sender) link;
	enum sender_kind kind;
};

STAILQ_HEAD(sender_list, sender);

/* A position in a command's descriptor table. */
struct desc_pos {
	uint32_t index;
	uint32_t off; /* bytes into that descriptor */
};

enum seg_state {
	SEG_IDLE,   /* holds data of its task, nothing outstanding */
	SEG_QUEUED, /* waits for room in the send queue */
	SEG_RDMA,   /* its last work request is to complete */
	SEG_STORE,  /* its store_io is to complete */
	SEG_FENCED, /* waits until an older write to its range has returned */
	SEG_HELD,   /* RDMA WRITEs posted; retired with the response that follows them */
};

/*
 * A data buffer and the piece of a command's data that it carries at present. It goes back to the
 * pool only in states IDLE and HELD.
 */
struct seg {
	struct pool_obj obj;
	struct sender sender;
	LIST_ENTRY(seg) link; /* task->segs */
	struct store_io io;
	struct fence fence;
	struct task *task;
	uint8_t *buf;
	enum seg_state state;
	bool small;
	bool fetch;           /* RDMA READ, else RDMA WRITE */
	bool last;            /* the response follows at once */
	uint32_t len;
	uint32_t moved;       /* bytes of len for which RDMA has been queued */
	uint32_t n_reads;     /* RDMA READs of the running batch */
	uint32_t tick;        /* worker's tick when its RDMA began */
	uint16_t sq_mark;     /* low bits of the channel's sq_head at its last work request */
	uint64_t off;         /* in the command's data */
	struct desc_pos pos;  /* where the next RDMA begins */
	uint64_t remote_va;   /* of the last one, for the watchdog's word: the IU may be gone by then */
	uint32_t rkey;
};

/* ---- tasks ---- */

/* What a task waits for. */
enum task_state {
	TASK_NEW,         /* being decoded */
	TASK_NEED_BUFFER, /* in the worker's FIFO for a data buffer */
	TASK_TABLE,       /* RDMA READ of a descriptor table in the initiator's memory */
	TASK_FETCHING,    /* RDMA READ of parameter data */
	TASK_SENDING,     /* RDMA WRITE of a piece of data-in, more of the command follows */
	TASK_EXECUTING,   /* the store, for one request */
	TASK_FENCED,      /* an older write to its range to return */
	TASK_HELD,        /* its turn: a limit of LUN or group is reached */
	TASK_LOCKING,     /* older changes of the range that it locks to return */
	TASK_SLOW,        /* a call that may sleep, on another thread */
	TASK_STREAMING,   /* segments moving between store and initiator */
	TASK_RESPONDING,  /* the response (and all RDMA before it) to complete */
	TASK_TMF,         /* task management, or PREEMPT AND ABORT: the affected tasks to end */
};

/* A unit attention to be reported without being asked. */
struct aer_event {
	uint16_t lun;
	uint8_t ua; /* enum scsi_ua */
};

enum task_kind {
	TASK_CMD,      /* SRP_CMD: iu, scsi */
	TASK_TSK_MGMT, /* SRP_TSK_MGMT: tm */
	TASK_CRED_REQ, /* our own SRP_CRED_REQ */
	TASK_AER_REQ,  /* our own SRP_AER_REQ: aer */
};

struct task {
	struct pool_obj obj;
	LIST_ENTRY(task) link;         /* channel->tasks */
	LIST_ENTRY(task) tag_link;     /* channel->tags */
	STAILQ_ENTRY(task) wait;       /* share->buf_wait, or channel->responding */
	struct channel *ch;
	struct rx *rx;                 /* the IU; NULL once its receive was given back */
	uint64_t seq;                  /* order of arrival in the worker */
	uint64_t since;                /* ns, when it came */
	struct meter *meter;           /* of its logical unit, for this worker */
	enum task_kind kind;

	/* zero at first, see task_get() */
	enum task_state state;
	bool aborted;                  /* ends at its next step, without a response */
	bool in_io;                    /* io below is with the store, or other threads are asked */
	bool streamed;                 /* data went by segments, not by scsi.buf */
	uint8_t n_busy;                /* segments queued, in RDMA or with the store */
	uint8_t n_store;               /* ... with the store */
	uint8_t tm_code;               /* enum srp_rsp_code of a finished TMF */
	int error;                     /* first -errno of a stream */
	uint64_t third_seq;            /* when it began to copy between other LUs; 0 = not */
	struct seg *buf_seg;           /* scsi.buf */
	struct seg *table_seg;
	struct range_lock *lock;       /* held or wanted by the command, see lock.c */
	LIST_HEAD(, seg) segs;
	uint64_t next;                 /* stream: first byte not yet in a segment */

	uint32_t tick;                 /* worker's tick when the response was posted */
	uint16_t sq_mark;              /* low bits of the channel's sq_head at the response */
	uint32_t n_desc;
	const uint8_t *table;          /* descriptors of the direction in use */
	struct desc_pos pos;           /* stream: where the next segment begins */
	uint64_t error_off;            /* ... and where in the data its error happened */
	struct sender sender;
	uint32_t want;                 /* NEED_BUFFER: bytes */
	enum task_state want_for;      /* NEED_BUFFER: state that goes on with the buffer */
	uint8_t *rsp;                  /* RSP_BUF_LEN bytes of registered memory, fixed */
	union {
		struct srp_cmd iu;
		struct srp_tsk_mgmt tm;
		struct aer_event aer;
	};
	struct scsi_cmd scsi;
	struct store_io io;
	struct fence fence;
	struct offload_job slow;
	struct timer hold;             /* armed while HELD */
};

/* ---- channels ---- */

/* States only ever grow. */
enum channel_state {
	CH_CONNECTING,   /* IUs are parked until the connection is established */
	CH_LIVE,
	CH_LOGGING_OUT,  /* no new commands; T_LOGOUT goes out when the running ones have ended */
	CH_DRAINING,     /* QP in error; waiting for flushes, the store and the last receive */
	CH_DISCONNECTED, /* QP gone; tasks whose store requests have not returned may be left */
};

struct channel {
	struct worker *worker;
	struct wlane *wlane;
	struct session *session;       /* counted reference, control thread */
	struct scsi_nexus *nexus;
	struct share *share;
	struct qp qp;
	uint32_t qpn;
	uint32_t data_lkey;            /* of the worker's memory on this device */
	enum channel_state state;
	char name[160];                /* "initiator → target qpn" for the log */

	/* agreed at login */
	struct srp_cmd_limits limits;
	uint8_t login_flags;           /* SRP_LOSOLNT, SRP_CRSOLNT */
	uint32_t max_rsp_len;
	uint32_t max_rdma;             /* bytes in one RDMA */
	uint32_t n_rx_own;             /* without SRQ: receives on this QP */

	/* credits (SRP r16a 5.2): what the initiator may still send; below zero it overran */
	int32_t req_lim;
	int32_t credit_pending;        /* returned with the next response */
	bool cred_req_out;             /* an SRP_CRED_REQ is not yet answered: one at a time */
	bool aer_out;                  /* the same for SRP_AER_REQ */
	bool heard;                    /* the target may speak: not iWARP, or the initiator has */
	bool aer_posted;               /* control thread: aer_msg is on its way */

	/* send queue: sequence numbers of work requests, and what waits for room */
	struct wr_list wrs;
	bool dirty;
	TAILQ_ENTRY(channel) dirty_link;
	uint32_t sq_room;              /* entries that commands may use */
	uint32_t sq_head;              /* queued */
	uint32_t sq_done;              /* known complete */
	uint32_t rd_free;              /* RDMA READs that may still be issued */
	bool signal_all;               /* iWARP: every RDMA request is signalled, see connect.c */
	struct sender_list send_wait;
	struct sender_list read_wait;

	LIST_HEAD(, task) tasks;
	LIST_HEAD(, task) tags[TAG_SLOTS]; /* commands by tag */
	STAILQ_HEAD(, task) responding; /* in the order of their sends */
	struct rx_list parked;         /* IUs that came too early, or found no task */
	uint32_t n_parked;
	LIST_ENTRY(channel) link;      /* worker->channels */

	/* the end */
	struct timer timer;            /* bounds each step of the end */
	struct channel_stats stats;
	uint32_t logout_reason;
	bool logout_sent;
	bool drain_posted;
	bool killing;
	bool flushed;                  /* every request completed: no RDMA can follow */
	bool last_wqe;
	bool arrived_posted;
	bool ended;

	/* control thread */
	struct cm_conn *conn;
	LIST_ENTRY(channel) session_link;
	struct srp_login_rsp login_rsp;
	uint32_t promised;             /* receives taken from the lane's budget */
	struct channel_report answer;  /* to the running survey */
	struct channel_report seen;    /* control thread: of the latest survey */
	time_t since;                  /* when it was accepted */
	bool accepted;
	bool established;
	bool started;
	bool closing;
	bool drained;
	bool logout_posted;
	bool last_wqe_posted;

	struct msg add_msg, ready_msg; /* control → worker → control, before accepting */
	struct msg arrived_msg;        /* worker → control: an IU came, so the initiator is connected */
	struct msg start_msg;          /* control → worker: established */
	struct msg close_msg;          /* control → worker: the connection is gone or must go */
	struct msg logout_msg;         /* control → worker: finish, say T_LOGOUT, go */
	struct msg last_wqe_msg;       /* control → worker */
	struct msg fatal_msg;          /* worker → control: stop the QP and disconnect */
	struct msg kill_msg;           /* worker → control → worker: destroy a QP that does not flush */
	struct msg drained_msg;        /* worker → control: no RDMA, no receive; writes are fenced */
	struct msg ended_msg;          /* worker → control: no task either */
	struct msg aer_msg;            /* control → worker → control: events are to be reported */
	struct msg free_msg;           /* control → worker → control: no message is on its way */
};

/* ---- the worker ---- */

struct worker {
	struct server *server;
	unsigned int index;
	int cpu; /* -1 = not pinned */
	pthread_t thread;
	bool running;
	_Atomic bool stop;
	struct mailbox mail;
	struct engine *engine;
	struct fence_set *fences;
	struct timer_heap timers;
	struct wlane *lanes[MAX_LANES];
	unsigned int n_lanes;
	LIST_HEAD(, wlane) all_lanes; /* control thread's own record */
	unsigned int n_all_lanes;

	void *data_mem; /* data buffers, then response buffers */
	size_t data_mem_len;
	struct pool segs_large;
	struct pool segs_small;
	uint32_t segment_size;
	struct pool tasks;
	uint64_t task_seq;
	TAILQ_HEAD(, share) hungry; /* sessions that wait for data buffers, in turn */
	uint32_t n_hungry;
	uint32_t n_shares;          /* sessions with channels here */
	bool buf_short;             /* whoever waits does so because there is no buffer */
	struct sender_list fence_wait;
	struct msg fence_msg;         /* any thread → this worker: a fence fell */
	_Atomic bool fence_posted;
	_Atomic bool qos_posted;
	struct msg qos_msg;           /* control thread → this worker: limits have changed */
	_Atomic bool capturing; /* an IU is being put into a capture */
	bool starved; /* some channel parked an IU because no task was free */

	LIST_HEAD(, channel) channels;
	TAILQ_HEAD(, channel) dirty;
	LIST_HEAD(, tmf_part) tmfs;
	LIST_HEAD(, lock_part) drains; /* locks that wait for changes of ours to return */
	struct wr_arena arena;
	uint64_t now;                  /* ns, read once in a pass or before it; 0 = to be read */
	struct worker_stats stats;
	struct meter no_lun;           /* for commands to LUNs that there are not */
	struct worker_report answer;  /* to the running survey */
	struct worker_report report;  /* control thread: of the latest survey */
	struct msg survey_msg;        /* control → worker → control */
	struct timer tick_timer;      /* armed while there are channels */
	uint32_t tick;                /* seconds, for the watchdog */
	uint32_t rdma_timeout;        /* ticks that RDMA, and a response, may take */

	/* idle */
	bool may_spin;
	uint64_t spin_ns;
	uint64_t spin_max_ns;
	uint64_t idle_since; /* 0 = busy */
};

struct worker_conf {
	unsigned int index;
	int cpu;
	const char *engine;
	uint64_t pool_size;
	uint32_t segment_size;
	uint32_t n_tasks;
	uint32_t poll_us;
	uint32_t rdma_timeout; /* seconds */
};

/* worker.c */
int worker_init(struct worker *w, struct server *server, const struct worker_conf *conf);
void worker_fini(struct worker *w);
/* Called in the worker's thread before the first pass: the store engine belongs to it. */
int worker_attach(struct worker *w, const char *engine, struct store *const *stores, size_t n);
/* The same with an engine of the caller's, which is the worker's from then on. */
void worker_use_engine(struct worker *w, struct engine *engine, struct store *const *stores,
		       size_t n);
void worker_detach(struct worker *w, struct store *const *stores, size_t n);
/* One pass; true if anything happened. Never blocks. */
bool worker_pass(struct worker *w);
/* A channel came: the watchdog runs while there are any. */
void worker_start_watch(struct worker *w);
/* Sleep until something happens or a timer is due, after passes that found nothing. */
void worker_idle(struct worker *w);
/*
 * Its two halves. Due timers, then one last pass with everything armed that can wake the worker;
 * true if it may sleep.
 */
bool worker_may_sleep(struct worker *w, uint64_t now);
/* Wait for at most a time (NULL = for ever); true if something came. */
bool worker_sleep(struct worker *w, const struct timespec *timeout);
/* The loop: pass and idle until told to stop. */
void worker_run(struct worker *w);
/* Post the work requests that were collected in this pass. */
void worker_flush(struct worker *w);
/* Handle the completions that are in the lane's CQ, but not for ever if more keep coming. */
void worker_poll_lane(struct wlane *wl);
/* An SRP_T_LOGOUT IU in registered memory, valid for the life of the worker. */
uint8_t *worker_logout_iu(struct worker *w, uint32_t reason, bool solicited);

/* Submit a store request, or wait for the fences that it meets: then s is in fence_wait. */
static HOT bool worker_submit(struct worker *w, struct store_io *io, struct sender *s)
{
	if (fence_blocks(w->fences, io)) {
		STAILQ_INSERT_TAIL(&w->fence_wait, s, link);
		return false;
	}
	store_submit(w->engine, io);
	return true;
}

void worker_msg_fence_fell(struct msg *msg);
/*
 * A request of an aborted command is with the store: take it back if it can be, and let nothing
 * overtake it until done() is called in either case.
 */
void worker_recall(struct worker *w, struct fence *fence, struct store_io *io);
/* ... with a fence around it, or a range lock that waits for it. */
void worker_fence_done(struct worker *w, struct fence *fence, const struct store_io *io);
/* A request came back from the store. */
static inline void worker_io_done(struct worker *w, struct fence *fence, const struct store_io *io)
{
	if (unlikely(fence->io || !LIST_EMPTY(&w->drains)))
		worker_fence_done(w, fence, io);
}


/* survey.c */
void worker_msg_survey(struct msg *msg);

/* lanes.c */
int wlane_new(struct worker *w, struct rnic *rnic, uint32_t max_rx, uint32_t rx_len,
	      int comp_vector, struct wlane **out);
/* Control thread: make receives until `want` are not promised, as far as the limits go. */
void wlane_grow(struct wlane *wl, uint32_t want);
/* Control thread: receives that can still be promised. */
uint32_t wlane_free_rx(const struct wlane *wl);
/* ... and that could be if they were made. */
uint32_t wlane_left_rx(const struct wlane *wl);
static inline struct rx *wlane_rx(const struct wlane *wl, uint32_t index)
{
	return &wl->chunk[index / RX_CHUNK]->rx[index % RX_CHUNK];
}

void wlane_free(struct wlane *wl);
/* Give a receive back: reposted soon, and before more than RX_RESERVE are missing. */
void wlane_rx_release(struct wlane *wl, struct channel *ch, struct rx *rx);
void wlane_rx_flush(struct wlane *wl);
static inline void task_give_back_rx(struct task *t)
{
	struct rx *rx = t->rx;

	t->rx = NULL;
	wlane_rx_release(t->ch->wlane, t->ch, rx);
}

void wlane_hash_add(struct wlane *wl, struct channel *ch);
void wlane_hash_del(struct wlane *wl, struct channel *ch);
struct channel *wlane_hash_find(const struct wlane *wl, uint32_t qpn);
int wlane_post_own(struct wlane *wl, struct channel *ch);
/* Without an SRQ: the QP is gone or flushed, what was posted on it is free again. */
void wlane_take_back(struct wlane *wl, struct channel *ch);

/* channel.c */
void channel_init(struct channel *ch);
void channel_log_iu(const struct channel *ch, const char *arrow, const void *iu, size_t len);
void channel_rx(struct channel *ch, struct rx *rx);
void channel_unpark(struct channel *ch);
uint32_t channel_abort_parked(struct channel *ch, const struct tmf *tmf);
void channel_drain(struct channel *ch, const char *why);
void channel_logout(struct channel *ch, uint32_t reason);
void channel_check_end(struct channel *ch);
void channel_mark_dirty(struct channel *ch);
void channel_post(struct channel *ch);
void channel_logout_sent(struct channel *ch);
void channel_flush_done(struct channel *ch);
void channel_send_ended(struct channel *ch, uint16_t sq_mark);
/* Once a second: has RDMA been under way for too long? */
void channel_watch(struct channel *ch);
/* messages from the control thread */
void channel_msg_add(struct msg *msg);
void channel_msg_start(struct msg *msg);
void channel_msg_close(struct msg *msg);
void channel_msg_logout(struct msg *msg);
void channel_msg_last_wqe(struct msg *msg);
void channel_msg_killed(struct msg *msg);
void channel_msg_aer(struct msg *msg);
void channel_msg_free(struct msg *msg);

static inline bool channel_ending(const struct channel *ch)
{
	return ch->state >= CH_DRAINING;
}

static inline uint32_t channel_sq_free(const struct channel *ch)
{
	return ch->sq_room - (ch->sq_head - ch->sq_done);
}

/*
 * The request with this low part of sq_head is complete, and with it all before; but on iWARP an
 * RDMA READ may complete later than what was posted after it.
 */
static inline void channel_sq_advance(struct channel *ch, uint16_t sq_mark)
{
	int16_t ahead = (int16_t)(sq_mark - (uint16_t)ch->sq_done);

	if (ahead > 0)
		ch->sq_done += (uint32_t)ahead;
}

/* Append a work request to the channel's list for this pass; there is room in the send queue. */
static inline struct ibv_send_wr *channel_wr(struct channel *ch, enum ibv_wr_opcode opcode,
					     uint64_t wr_id, void *addr, uint32_t len)
{
	struct worker *w = ch->worker;

	if (unlikely(wr_arena_full(&w->arena)))
		worker_flush(w);
	if (!ch->dirty)
		channel_mark_dirty(ch);
	ch->sq_head++;
	w->stats.wrs++;
	return wr_append(&w->arena, &ch->wrs, opcode, wr_id | (uint16_t)ch->sq_head, addr, len,
			 ch->data_lkey);
}

/* share.c */
/* May this session take one more of a pool, of which it holds some? The first it always may. */
static inline bool share_allows(const struct worker *w, uint32_t held, uint32_t n_free)
{
	return likely(w->n_shares < 2) || held == 0 || held + 2 < 2 * n_free;
}

/* May the session's next segment go past those who wait? */
static inline bool share_may_pass(const struct worker *w, const struct share *sh)
{
	return likely(w->n_hungry == 0) || (!w->buf_short && STAILQ_EMPTY(&sh->buf_wait));
}

/* task.c */
/* NULL: none is free. */
struct task *task_get(struct channel *ch, struct rx *rx, enum task_kind kind);
bool task_start(struct channel *ch, struct rx *rx);
void task_run(struct task *t, enum scsi_next next);
void task_got_buffer(struct task *t, struct seg *seg);
void task_wait_buffer(struct task *t, uint32_t len, enum task_state want_for);
void task_need_buffer(struct task *t, uint32_t len, enum task_state want_for);
void task_table_ready(struct task *t);
void task_abort(struct task *t);
void task_fence_fell(struct task *t);
bool task_store_immediate(struct task *t);
/* End an aborted or finished task if nothing of it is outstanding. */
void task_check_end(struct task *t);
void task_end(struct task *t);
const char *task_state_name(enum task_state state);

/* respond.c */
void task_respond(struct task *t);
void task_emit_response(struct task *t);
void task_retire(struct channel *ch, uint16_t sq_mark);
/* Return credits that no response is going to carry (SRP r16a 6.10). */
void task_return_credits(struct channel *ch);
void task_report_event(struct channel *ch);

/* xfer.c */
struct seg *xfer_get_seg(struct task *t, uint32_t len, bool keep_one);
void xfer_put_seg(struct task *t, struct seg *seg);
void xfer_use_table(struct task *t, const struct srp_data *data);
void xfer_fetch_table(struct task *t, struct seg *seg);
void xfer_fetch(struct task *t, struct seg *seg, uint64_t off, uint32_t len);
/* Send len bytes of the segment as bytes from off on of the command's data-in. */
void xfer_send_piece(struct task *t, struct seg *seg, uint64_t off, uint32_t len);
void xfer_send_last(struct task *t, struct seg *seg, uint32_t len);
void xfer_stream_start(struct task *t);
void xfer_stream_go(struct task *t, struct seg *seg);
void xfer_seg_done(struct seg *seg, uint16_t sq_mark);
void xfer_kick(struct channel *ch);
void xfer_flushed(struct task *t);
void xfer_aborted(struct task *t);
void xfer_fence_fell(struct seg *seg);

/* lock.c */
void lock_take(struct task *t);
void lock_try(struct task *t);
bool lock_is_held(const struct task *t);
void lock_give(struct task *t);
void lock_io_done(struct worker *w, const struct store_io *io);

/* tmf.c */
void tmf_start(struct task *t);
/* End the commands that a PREEMPT AND ABORT names, then resume it. */
void tmf_preempt(struct task *t);
/* A task is about to be given back while requests are under way. */
void tmf_task_ended(struct worker *w, const struct task *t);
const char *tmf_name(const struct tmf *tmf);
bool tmf_matches_iu(const struct tmf *tmf, const struct channel *ch, const struct rx *rx);

#endif
