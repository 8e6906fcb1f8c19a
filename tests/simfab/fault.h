/*
 * Faults: what goes wrong, where, and when.  A rule waits for occasions (a packet, a post,
 * a completion, an event) or for a moment, and then acts.
 *
 * Everything is called with fab.lock held unless it says otherwise.
 */
#ifndef SIMFAB_FAULT_H
#define SIMFAB_FAULT_H

#include "simfab.h"

enum fault_action {
	FAULT_DROP,    /* what is sent */
	FAULT_DROP_IN, /* what arrives */
	FAULT_DELAY,
	FAULT_FAIL_POST,
	FAULT_KILL_QP,
	FAULT_NO_FLUSH,
	FAULT_MUTE,
	FAULT_PORT_DOWN,
	FAULT_STALL,
	FAULT_DEVICE_FATAL,
	FAULT_REMOVE_DEVICE,
	FAULT_ACTIONS
};

/* What a rule is about; which of them an action knows is in fault_parse.c. */
enum fault_kind {
	/* packets of queue pairs */
	FK_SEND,
	FK_WRITE,
	FK_READ,
	FK_READ_RESP,
	FK_ACK,
	FK_NAK,
	/* messages of connection managers */
	FK_REQ,
	FK_REP,
	FK_RTU,
	FK_REJ,
	FK_DREQ,
	FK_DREP,
	FK_COMPLETION,
	/* posted to; completed of */
	FK_SQ,
	FK_RQ,
	FK_SRQ,
	/* asynchronous events */
	FK_LAST_WQE,
	FK_COMM_EST,
	FK_QP_FATAL,
	FK_SRQ_LIMIT,
	FK_PORT,
	FK_FATAL,
	/* events of RDMA/CM */
	FK_ESTABLISHED,
	FK_DISCONNECTED,
	FK_TIMEWAIT,
	FK_REMOVAL,
	FK_KINDS
};

#define FK_BIT(k) (1u << (k))

struct fault {
	struct sf_list node;
	enum fault_action action;
	uint32_t id;
	uint32_t kinds;	       /* FK_BIT()s */
	uint32_t first, last;  /* the occasions it acts on, counted from 1 */
	uint32_t permille;     /* chance of acting on such an occasion */
	uint32_t qp;	       /* the n-th queue pair this process made; 0: all */
	int dev;	       /* index; -1: all */
	int err;	       /* fail-post: errno */
	uint64_t after, lasts; /* ns; SF_NEVER: for ever */
	uint64_t lo, hi;       /* ns: delay, or the time that dying takes */
	uint64_t start, end;   /* on the clock of the fabric */
	uint32_t seen, hits;
	bool acting; /* between start and end, of a rule that is about time */
	struct sf_timer timer;
	char *text;
};

/* fault_parse.c.  Without the lock.  The message is for a person. */
struct fault *fault_parse(const char *text, char *err, size_t size);
bool fault_timed(const struct fault *f);

/* fault.c */
struct fault *fault_match(enum fault_action action, enum fault_kind kind, const struct sf_qp *qp);
uint32_t fault_random(void);
void fault_reseed(uint64_t s);
uint64_t fault_between(uint64_t lo, uint64_t hi);
int fault_apply(const char *text, char *answer, size_t size);
void fault_from_environment(void); /* takes the lock itself */
void fault_forget(void);

/* fault_ctl.c: the socket by which others put faults into this process */
int fault_ctl_open(void);
void fault_ctl_close(void);
void fault_ctl_readable(void);

static inline bool fault_armed(enum fault_action action)
{
	return fab.faults >> action & 1;
}

/* ---- what the parts of the HCA ask ---- */
bool fault_drops(const struct sf_pkt *p, bool in);
uint64_t fault_delays(const struct sf_pkt *p);
uint64_t fault_delays_completion(const struct sf_qp *qp);
bool fault_mutes_async(enum ibv_event_type type);
bool fault_mutes_cm(enum rdma_cm_event_type type);
int fault_fails_post(enum fault_kind queue, const struct sf_qp *qp);
bool fault_keeps_flush(const struct sf_qp *qp);
void fault_completed(struct sf_qp *qp, enum fault_kind queue);

/* removal.c */
void dev_die(struct sf_dev *dev, bool removed, uint64_t over_ns);
void dev_set_port(struct sf_dev *dev, bool active);

#endif
