/*
 * The conformance program: each semantic of verbs or RDMA/CM that the project relies on
 * is one named check.  Both ends live in this process; nothing here knows simfab, so it
 * runs on a kernel device as well.
 */
#ifndef CONFORM_H
#define CONFORM_H

#include "util.h"

#include <errno.h>
#include <string.h>

enum verdict {
	PASS,
	FAIL,
	SKIP
};

struct check {
	const char *name;
	enum verdict (*run)(void);
};

/* What the program checks; lists of checks, each ended by one without a name. */
extern const struct check *const groups[];
extern const char purpose[];

extern const struct check state_checks[], data_checks[], access_checks[], queue_checks[],
	srq_checks[], notify_checks[], retry_checks[], cm_checks[], cm_life_checks[];

extern struct conf {
	struct ibv_context *ctx;
	struct ibv_device_attr dev;
	struct ibv_port_attr port;
	int gid_index;
	bool iwarp;
	char kind[16]; /* what the device is: rxe, siw, simfab-hca … */
	const char *addr;
} conf;

/*
 * A device that does not do what the standard says, and that we cannot change: the check
 * must fail there, and in this way.
 */
struct deviation {
	const char *kind;    /* of the device */
	const char *check;   /* its name */
	const char *failing; /* part of the condition that does not hold */
	const char *reason;
};

extern const struct deviation deviations[]; /* ended by one without a kind */

enum verdict failed_at(const char *file, int line, const char *what);
enum verdict skipped(const char *why);
void seen(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define CHECK(cond)                                                  \
	do {                                                         \
		if (!(cond))                                         \
			return failed_at(__FILE__, __LINE__, #cond); \
	} while (0)

/* What two connected ends are made with; zero means the default. */
struct pair_cfg {
	uint32_t send_wr, recv_wr; /* 16 */
	uint32_t sge;		   /* 1 */
	uint32_t inl;		   /* 0 */
	int cqe;		   /* 256 */
	bool sig_all, srq, channel;
	uint32_t srq_wr;      /* 16 */
	int mr_access;	      /* everything */
	int qp_access;	      /* everything remote; -1: nothing */
	size_t len;	      /* 64 KiB */
	int rnr_retry;	      /* 7; -1: none */
	int rnr_timer;	      /* 1 = 10 us */
	int timeout, retry;   /* 14, 7 */
	int rd_init, rd_dest; /* 1 */
	bool no_connect;      /* leave the QPs in INIT */
};

struct end {
	struct ibv_pd *pd;
	struct ibv_comp_channel *ch;
	struct ibv_cq *scq, *rcq;
	struct ibv_srq *srq;
	struct ibv_qp *qp;
	uint8_t *buf;
	size_t len;
	struct ibv_mr *mr;
	struct ibv_qp_cap cap;
	uint32_t psn;
};

struct cm_end {
	struct rdma_event_channel *ch;
	struct rdma_cm_id *id;
	struct ibv_cq *cq;
};

struct cm_pair {
	struct cm_end a, b; /* active, passive */
	struct rdma_cm_id *listener;
	uint16_t port;
};

struct pair {
	struct pair_cfg cfg;
	struct end a, b;
	struct cm_pair cm; /* iWARP: what connects them */
};

/* iWARP knows no connection without RDMA/CM: make the queue pairs on ids, and connect. */
bool iwarp_connect(struct pair *p);
void iwarp_close(struct pair *p);
void end_qp_attr(const struct end *e, const struct pair_cfg *c, struct ibv_qp_init_attr *a);

bool pair_open(struct pair *p, const struct pair_cfg *cfg);
bool pair_close(struct pair *p);

int to_init(struct end *e, const struct pair_cfg *cfg);
int to_rtr(struct end *e, const struct end *peer, const struct pair_cfg *cfg);
int to_rts(struct end *e, const struct pair_cfg *cfg);
int to_err(struct end *e);
void rtr_attr(const struct end *e, const struct end *peer, const struct pair_cfg *cfg,
	      struct ibv_qp_attr *a, int *mask);
void rts_attr(const struct end *e, const struct pair_cfg *cfg, struct ibv_qp_attr *a, int *mask);
enum ibv_qp_state state_of(struct end *e);
enum ibv_qp_state query_state(struct ibv_qp *qp);
bool breaks(struct end *e);

/* One work request over the whole or a part of the buffer.  Return what the verb does. */
int do_send(struct end *e, uint64_t wr_id, enum ibv_wr_opcode op, uint32_t len, unsigned int flags);
int do_rdma(struct end *e, uint64_t wr_id, enum ibv_wr_opcode op, uint32_t len, uint64_t raddr,
	    uint32_t rkey);
int do_recv(struct end *e, uint64_t wr_id, uint32_t len);
int do_recvs(struct end *e, uint64_t first, int n, uint32_t len);
struct ibv_sge sge_of(const struct end *e, uint32_t off, uint32_t len);
int post_wr(struct end *e, struct ibv_send_wr *wr);

/* The next completion; false after ten seconds without one. */
bool next_wc(struct ibv_cq *cq, struct ibv_wc *wc);
bool expect_wc(struct ibv_cq *cq, uint64_t wr_id, enum ibv_wc_status status);
bool cq_quiet(struct ibv_cq *cq);

bool expect_async(enum ibv_event_type type, void *element);
void drain_async(void);
bool readable(int fd, int ms);

#endif
