/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Initiators that do one thing at a time: each call takes one event, polls one completion, or
 * starts one command. They check what an initiator can see, and tell the model what they know of
 * their writes. Know SRP and verbs; do not know the target's inside, nor why they are called.
 */
#ifndef SCHEDULE_HOST_H
#define SCHEDULE_HOST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <rdma/rdma_cma.h>

#include "srptd/srp.h"

enum {
	N_HOSTS = 2,
	HOST_CHANNELS = 3,     /* per host, at a time */
	SLOTS = 10,            /* commands per channel, task management included */
	MAX_BLOCKS = 96,       /* of one command */
	IU_LEN = 2048,         /* largest request */
	IMM_OFFSET = 68,
};

enum chan_state {
	CHAN_RESOLVING,
	CHAN_CONNECTING, /* the login request is out */
	CHAN_LIVE,
	CHAN_ENDED,      /* no request can be sent any more */
};

enum cmd_kind { CMD_READ, CMD_WRITE, CMD_SYNC, CMD_READY, CMD_INQUIRY, CMD_MODE, CMD_TMF };

/* How the data buffer is described. */
enum cmd_format { FMT_DIRECT, FMT_INDIRECT, FMT_PARTIAL, FMT_IMMEDIATE, N_FORMATS };

struct chan;

struct cmd {
	TAILQ_ENTRY(cmd) link; /* all that are not over */
	struct chan *chan;     /* NULL: it is gone */
	unsigned int host, session, slot;
	enum cmd_kind kind;
	uint64_t tag;
	unsigned int disk;
	uint32_t lba, n;
	struct write *write;
	uint64_t issued;       /* event */
	uint64_t arrived;      /* event at which that was known; NEVER: not yet */
	uint64_t since;        /* ns */
	uint64_t over;         /* ns: when it was told to have ended */
	bool excused;          /* task management may have ended it: no answer is due */
	bool ended;            /* ... and has: it can do nothing any more */
	bool silent;           /* ... nor be answered */
	bool abort_sent;
	uint64_t frozen;       /* hash of its buffer when it ended */
	/* task management */
	uint8_t function;
	uint64_t task_tag;
};

struct chan {
	struct host *host;
	unsigned int serial;
	enum chan_state state;
	uint8_t action;          /* SRP_MULTICHAN_* */
	unsigned int session;    /* of the host: an I_T nexus */
	bool disconnected;       /* the CM said so */
	bool logged_out;         /* T_LOGOUT came, or I_LOGOUT went */
	bool half_open;          /* what would have told of its end was lost */
	bool mute;               /* nothing it sends arrives, nothing reaches it */
	uint64_t login_sent;     /* event */
	uint64_t ready_since;    /* event */
	uint64_t since;          /* ns, of the present state */
	int32_t credits, granted;
	bool immediate;
	uint32_t next_tag;
	struct rdma_event_channel *events;
	struct rdma_cm_id *id;
	uint32_t handle;         /* of the id, as in simfab_flow */
	uint32_t qpn;
	struct ibv_cq *cq;
	struct ibv_mr *mr;
	uint8_t *mem;
	struct cmd *cmds[SLOTS];
	unsigned int rx_missing; /* receives not posted, because it is starved */
	unsigned int misc_next;
	uint32_t rx_free[32];
	bool starved;
};

struct host {
	unsigned int index;
	uint8_t port_id[16];
	unsigned int session; /* the latest */
	struct chan *chan[HOST_CHANNELS];
};

extern struct host hosts[N_HOSTS];
TAILQ_HEAD(cmd_list, cmd);
extern struct cmd_list all_cmds;

void hosts_reset(uint16_t port);
/* Everything goes at once, without a word. */
void hosts_free(void);

/* A free place on the host; -1: none. */
int host_place(const struct host *h);
/* NULL if there is none. */
struct chan *chan_by_handle(uint32_t handle);
/* Begin to log in. */
struct chan *chan_new(struct host *h, uint8_t action);
/* The host forgets the channel: its process ended, or it is done with it. */
void chan_free(struct chan *ch);
/* Is there something to do for the next two? */
bool chan_has_event(const struct chan *ch);
bool chan_has_completion(const struct chan *ch);
void chan_event(struct chan *ch);
void chan_completion(struct chan *ch);

/* Can a command be sent; task management may use the last credit. */
bool chan_may_send(const struct chan *ch, enum cmd_kind kind);
struct cmd *chan_rw(struct chan *ch, enum cmd_kind kind, unsigned int disk, uint32_t lba,
		    uint32_t n, enum cmd_format format);
struct cmd *chan_simple(struct chan *ch, enum cmd_kind kind, unsigned int disk);
/* victim: for ABORT TASK; may be of another channel of the host. */
struct cmd *chan_tmf(struct chan *ch, enum srp_tm_function function, unsigned int disk,
		     struct cmd *victim);
/* The SCSI status, or the response code of task management; -1: not answered. */
int answer_of(uint64_t tag);
void chan_logout(struct chan *ch);
void chan_disconnect(struct chan *ch);
/* The queue pair breaks. */
void chan_kill(struct chan *ch);
/* Stop, or go on, to give receives. */
void chan_starve(struct chan *ch, bool on);
unsigned int chan_n_open(const struct chan *ch);
/* Give up waiting for answers that cannot come; at rest, for those that do not come either. */
void chan_reap(struct chan *ch, bool at_rest);

/* Log in to one session after the other: is one of the host's channels at it? */
bool host_logging_in(const struct host *h);
/* With everything at rest: no answer is missing, no credit is lost. */
void hosts_check_rest(void);

#endif
