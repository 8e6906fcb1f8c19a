/*
 * The inside of libsimfab: every structure and every call that crosses a file.
 *
 * Knows: all objects of the simulated HCA and who may touch them.
 * Does not know: anything of the programs that run on it.
 *
 * Locking: fab.lock guards everything except the entries of a CQ (cq->lock) and
 * the queues of delivered events (evq->lock).  Order: fab.lock, cq->lock, evq->lock.
 */
#ifndef SIMFAB_H
#define SIMFAB_H

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <infiniband/ib.h>
#include <infiniband/verbs.h>
#include <rdma/rdma_cma.h>
#include <rdma/rdma_verbs.h>

#undef ibv_reg_mr
#undef ibv_reg_mr_iova
#undef ibv_query_port

#include "simfab_test.h"

#define SF_EXPORT			__attribute__((visibility("default")))
#define sf_container(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define SF_MAX_DEVICES 4
#define SF_PORT	       1 /* the only port of a device */
#define SF_GIDS	       4 /* fe80 v1, fe80 v2, IPv4 v1, IPv4 v2 */
#define SF_PKEYS       8 /* entries of an InfiniBand port's P_Key table, at most */
#define SF_PSN_MASK    0xffffffu
#define SF_MAX_MSG     (1u << 30)
#define SF_FRAG	       16384u /* most payload one packet carries */
#define SF_QPN_BITS    14     /* QPN = slot of the process, then index */
#define SF_QPS	       (1u << SF_QPN_BITS)
#define SF_SLOTS       (1u << (24 - SF_QPN_BITS))
#define SF_NEVER       UINT64_MAX

/* ---- lists ---- */
struct sf_list {
	struct sf_list *next, *prev;
};

static inline void list_init(struct sf_list *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct sf_list *l)
{
	return l->next == l;
}

static inline void list_add_tail(struct sf_list *head, struct sf_list *n)
{
	n->prev = head->prev;
	n->next = head;
	head->prev->next = n;
	head->prev = n;
}

static inline void list_del(struct sf_list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}

#define list_for_each(pos, head) \
	for (struct sf_list *pos = (head)->next; pos != (head); pos = pos->next)
#define list_for_each_safe(pos, tmp, head)                                        \
	for (struct sf_list *pos = (head)->next, *tmp = pos->next; pos != (head); \
	     pos = tmp, tmp = pos->next)

/* ---- profile.c ---- */
struct sf_profile {
	const char *name;
	int max_sge, max_sge_rd, max_srq_sge;
	int max_qp_wr, max_srq, max_srq_wr, max_cqe;
	int rd_atom, max_inline;
	bool iwarp; /* transport and CM of an RNIC */
	bool ib;    /* InfiniBand link layer */
	bool srq_resize;
};

const struct sf_profile *profile_get(void);
const struct sf_profile *profile_find(const char *name);
int profile_devices(void);

/* ---- event.c: a queue of events behind a pollable descriptor ---- */
struct sf_ev {
	struct sf_list node;
};

struct sf_evq {
	int fd;
	pthread_mutex_t lock;
	struct sf_list items;
};

int evq_init(struct sf_evq *q);
void evq_fini(struct sf_evq *q);
void evq_push(struct sf_evq *q, struct sf_ev *ev);
struct sf_ev *evq_pop(struct sf_evq *q, void (*got)(struct sf_ev *ev));
void evq_take(struct sf_evq *q, struct sf_list *out, bool (*match)(struct sf_ev *, void *),
	      void *arg);

/* ---- timer.c ---- */
struct sf_timer {
	struct sf_list node;
	uint64_t deadline;
	bool active;
	void (*fire)(struct sf_timer *t);
};

uint64_t fab_now(void);
void timer_set(struct sf_timer *t, uint64_t delay_ns);
void timer_cancel(struct sf_timer *t);
void timers_run(void);

/* ---- wire.c: packets and the rings they travel in ---- */
enum sf_pkt_type {
	SF_PKT_PAD, /* fills the end of a ring */
	SF_PKT_SEND,
	SF_PKT_WRITE,
	SF_PKT_READ,
	SF_PKT_READ_RESP,
	SF_PKT_ACK, /* cumulative: every PSN up to psn */
	SF_PKT_NAK,
	SF_PKT_CM,
};

enum sf_pkt_flags {
	SF_F_IMM = 1,
	SF_F_SOLICITED = 2,
	SF_F_ACKREQ = 4,
};

enum sf_nak { /* IBA 9.7.5.2.8, AETH syndromes */
	SF_NAK_SEQ,
	SF_NAK_INV_REQ,
	SF_NAK_ACCESS,
	SF_NAK_OP,
	SF_NAK_RNR,
};

/* One PSN numbers one message here; fragments are told apart by their offset. */
struct sf_pkt {
	uint32_t size; /* of the record, header included: a multiple of 64 */
	uint8_t type, flags;
	uint8_t nak, rnr_timer;
	uint32_t dst_qpn, src_qpn;
	uint32_t psn;
	uint32_t len, off, total;
	uint64_t raddr;
	uint32_t rkey, imm;
	uint8_t pad[12];
};

_Static_assert(sizeof(struct sf_pkt) == 64, "a packet header is one cache line");

#define SF_RING_BYTES (512u * 1024)

struct sf_ring {
	alignas(64) _Atomic uint64_t head;    /* written by the producer */
	alignas(64) _Atomic uint64_t tail;    /* written by the consumer */
	alignas(64) _Atomic uint32_t asleep;  /* consumer sleeps: ring its bell */
	alignas(64) _Atomic uint32_t starved; /* producer waits for space */
	alignas(64) _Atomic uint32_t held;    /* a fault keeps the consumer from it */
	alignas(64) uint8_t data[SF_RING_BYTES];
};

struct sf_shm {
	struct sf_ring ring[2];
};

struct sf_link {
	struct sf_list node;
	int fd;	    /* -1: both ends are this process */
	bool ready; /* greeting exchanged, rings mapped */
	bool dead, dirty;
	unsigned int slot; /* of the peer */
	unsigned int refs; /* QPs and CM ids that name it */
	struct sf_shm *shm;
	struct sf_ring *tx, *rx;
	uint64_t tx_head, tx_tail;
	uint64_t rx_tail, rx_head;
	struct sf_list cmq; /* CM packets that found the ring full */
	struct sf_timer hold; /* a fault: until then nothing is taken from rx */
	bool held_once;	      /* the packet that comes next has waited already */
};

struct sf_qp;
struct sf_pkt *wire_open(struct sf_link *l, uint8_t type, uint32_t len);
void wire_commit(struct sf_link *l, struct sf_pkt *p);
void wire_deliver(struct sf_link *l, const struct sf_pkt *p);
bool wire_poll(struct sf_link *l, unsigned int budget);
bool wire_pending(struct sf_link *l);
void wire_doorbells(void);
void wire_drain(struct sf_link *l);
void wire_stall(bool on);
void wire_let_go(void);
void wire_send_cm(struct sf_link *l, const void *msg, uint32_t len);
void wire_flush_cm(struct sf_link *l, bool drop);

/* ---- link.c, node.c: processes find each other ---- */
struct sf_link *link_get(unsigned int slot);
void link_put(struct sf_link *l);
void link_bell(struct sf_link *l);
void link_accept(int listen_fd);
void link_readable(struct sf_link *l);
void links_reap(void);
void link_fini_all(void);

struct sf_port {	   /* a claimed CM port: one record of the net */
	uint32_t record;   /* index + 1, 0 if none */
	uint16_t ps, port; /* host order */
	bool afonly, reuse, listening;
	struct sockaddr_storage addr;
};

int node_init(void);
void node_fini(void);
void node_forget(void);
int node_connect(unsigned int slot);
int node_addr_local(const struct sockaddr *sa);
int node_addr_known(const struct sockaddr *sa);
void node_source(const struct sockaddr *dst, struct sockaddr_storage *src);
int node_device_of(const struct sockaddr *sa);
void node_device_addr(int dev, struct sockaddr_storage *sa);
int node_port_claim(struct sf_port *p, uint32_t handle);
int node_port_listen(struct sf_port *p, uint32_t handle);
void node_port_release(struct sf_port *p);
int node_port_lookup(uint16_t ps, const struct sockaddr *dst, unsigned int *slot, uint32_t *handle);
bool sa_any(const struct sockaddr *sa);
socklen_t sa_len(const struct sockaddr *sa);
uint16_t sa_port(const struct sockaddr *sa);
void sa_set_port(struct sockaddr *sa, uint16_t port);
void sa_to_gid(const struct sockaddr *sa, union ibv_gid *gid);
uint16_t sa_pkey(const struct sockaddr *sa);

/* ---- device.c ---- */
struct sf_dev {
	struct ibv_device v;
	const struct sf_profile *prof;
	int index;
	bool port_down;
	_Atomic bool removed; /* or failed: what needs the device says EIO */
	struct simfab_counters cnt;
};

struct sf_ctx {
	struct ibv_context v;
	struct sf_list node;
	struct sf_dev *dev;
	struct sf_evq async;
};

struct sf_dev *dev_get(int index);
uint64_t dev_guid(int index);
void dev_gid(int index, int gid_index, union ibv_gid *gid);
/* InfiniBand ports: every node sees them the same way. */
uint16_t gid_lid(const union ibv_gid *gid);
void gid_of_addr(const struct sockaddr *sa, union ibv_gid *gid);
bool gid_to_addr(const union ibv_gid *gid, struct sockaddr_storage *sa);
int dev_pkeys(uint16_t table[SF_PKEYS]);	  /* how many */
int dev_pkey_index(uint16_t pkey);		  /* of this partition; -1: none */
bool dev_pkey_takes(uint16_t pkey);		  /* a packet with it */
struct ibv_context *dev_open(struct sf_dev *dev);
void dev_print_counters(void);
static inline bool dev_silent(const struct sf_dev *dev)
{
	return dev->port_down || dev->removed;
}
static inline bool dev_dead(const struct ibv_context *v)
{
	return ((const struct sf_ctx *)(const void *)v)->dev->removed;
}
void dev_restart(const struct sf_profile *prof);

/* ---- async.c ---- */
void async_raise(struct sf_ctx *ctx, enum ibv_event_type type, void *element);
void async_forget(struct sf_ctx *ctx, void *element);
void async_wait_acked(pthread_mutex_t *m, pthread_cond_t *c, const uint32_t *reported,
		      const uint32_t *completed);

/* ---- mr.c ---- */
struct sf_pd {
	struct ibv_pd v;
	unsigned int users;
};

struct sf_mr {
	struct ibv_mr v;
	uint64_t iova;
	unsigned int access;
};

struct sf_mr *mr_lkey(const struct sf_pd *pd, uint32_t lkey, uint64_t addr, uint64_t len,
		      unsigned int need);
struct sf_mr *mr_rkey(const struct sf_pd *pd, uint32_t rkey, uint64_t addr, uint64_t len,
		      unsigned int need);
unsigned int mr_count(void);
static inline uint8_t *mr_ptr(const struct sf_mr *mr, uint64_t addr)
{
	return (uint8_t *)mr->v.addr + (addr - mr->iova);
}

/* ---- cq.c ---- */
struct sf_srq;

struct sf_channel {
	struct ibv_comp_channel v;
	struct sf_evq evq;
};

enum sf_arm {
	SF_ARM_NONE,
	SF_ARM_SOLICITED,
	SF_ARM_ALL
};

struct sf_cqe {
	struct ibv_wc wc;
	struct sf_qp *qp;
	struct sf_srq *srq; /* receive taken from there */
	uint32_t release;   /* send queue entries that its poll frees */
};

struct sf_cq {
	struct ibv_cq v;
	pthread_mutex_t lock;
	struct sf_cqe *ring;
	uint32_t size, head;
	_Atomic uint32_t count; /* those that can be polled */
	uint32_t held;		/* behind them: a fault delays these */
	struct sf_timer hold;
	bool held_solicited;
	enum sf_arm armed;
	bool overrun;
	unsigned int users;
	uint32_t comp_reported, async_reported;
};

bool cq_add(struct sf_cq *cq, const struct sf_cqe *cqe, bool solicited);
void cq_purge(struct sf_cq *cq, struct sf_qp *qp);
int cq_poll(struct ibv_cq *cq, int n, struct ibv_wc *wc);
void cq_let_go(void);
int cq_req_notify(struct ibv_cq *cq, int solicited_only);

/* ---- srq.c, qp.c ---- */
struct sf_rwqe {
	uint64_t wr_id;
	int num_sge;
	struct ibv_sge *sge;
};

struct sf_rq { /* a receive queue, of a QP or of an SRQ */
	struct sf_rwqe *wqe;
	struct ibv_sge *sges;
	uint32_t max_wr, max_sge, mask;
	uint32_t head, tail;	/* posted, consumed */
	_Atomic uint32_t freed; /* completions polled */
};

int rq_init(struct sf_rq *rq, uint32_t max_wr, uint32_t max_sge);
void rq_fini(struct sf_rq *rq);
int rq_post(struct sf_rq *rq, const struct ibv_recv_wr *wr);
uint32_t rq_count(const struct sf_rq *rq);
bool rq_take(struct sf_rq *rq, struct sf_rwqe *out);

struct sf_srq {
	struct ibv_srq v;
	struct sf_rq rq;
	uint32_t limit;
	unsigned int users;
	uint32_t events_reported;
};

bool srq_take(struct sf_srq *srq, struct sf_rwqe *out);
int srq_post_recv(struct ibv_srq *srq, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad);

struct sf_swqe {
	uint64_t wr_id, raddr;
	uint32_t total, rkey, imm;
	enum ibv_wr_opcode opcode;
	unsigned int flags;
	int num_sge;
	bool ackreq;
	enum ibv_wc_status status; /* local error found at execution */
	struct ibv_sge *sge;
	uint8_t *inl;
};

struct sf_read { /* a READ being answered */
	uint32_t psn, rkey, len, off;
	uint64_t raddr;
};

struct sf_qp {
	struct ibv_qp v;
	struct ibv_qp_init_attr init;
	struct ibv_qp_attr attr;
	struct sf_ctx *ctx;
	struct sf_list ready; /* on fab.ready while it has something to send */
	struct sf_link *link;
	uint64_t tx_pos; /* ring position behind its last packet */
	uint32_t events_reported;
	uint32_t nth;	/* of those this process made, from 1 */
	bool fatal;	/* lost a completion: becomes ERR */
	bool unflushed; /* a fault: in ERR, but what was posted does not complete */
	struct simfab_counters cnt;

	/* requester: una <= nxt <= head, free running */
	struct sf_swqe *sq;
	struct ibv_sge *sq_sges;
	uint8_t *sq_inline;
	uint32_t sq_mask, sq_head, sq_una, sq_nxt, nxt_off;
	_Atomic uint32_t sq_freed;
	uint32_t sq_release; /* finished, not yet freed by a completion */
	uint32_t rd_out, rd_off;
	unsigned int retry_left, rnr_left;
	bool rnr_wait, progress, sq_stop, sq_drained_told;
	struct sf_timer ack_timer, rnr_timer;

	/* responder */
	struct sf_rq rq;
	struct sf_rwqe rx_wqe;
	struct ibv_sge *rx_sges;
	bool rx_busy; /* rx_wqe is being filled */
	bool rx_gap, rx_rnr, comm_est;
	uint32_t rx_psn, rx_off;
	bool ack_due, nak_due;
	uint32_t ack_psn;
	struct sf_pkt nak;
	struct sf_read *reads;
	uint32_t rd_head, rd_tail;
};

struct sf_qp *qp_find(uint32_t qpn);
void qp_mark_ready(struct sf_qp *qp);
void qp_enter_error(struct sf_qp *qp);
void qp_check_fatal(struct sf_qp *qp);
void qp_flush_late(struct sf_qp *qp);
void qp_link_dead(struct sf_link *l);
void qp_reset_queues(struct sf_qp *qp);
bool qp_service(struct sf_qp *qp);
int qp_modify(struct ibv_qp *qp, struct ibv_qp_attr *attr, int mask);
void qp_complete_recv(struct sf_qp *qp, enum ibv_wc_status status, struct ibv_wc *wc,
		      bool solicited);
static inline uint32_t psn_diff(uint32_t a, uint32_t b)
{
	return (a - b) & SF_PSN_MASK;
}

/* ---- post.c, requester.c, responder.c ---- */
int post_send(struct ibv_qp *qp, struct ibv_send_wr *wr, struct ibv_send_wr **bad);
int post_recv(struct ibv_qp *qp, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad);
void req_init(struct sf_qp *qp);
void req_start(struct sf_qp *qp);
void req_flush(struct sf_qp *qp);
bool req_transmit(struct sf_qp *qp);
void req_ack(struct sf_qp *qp, const struct sf_pkt *p);
void req_nak(struct sf_qp *qp, const struct sf_pkt *p);
void req_read_resp(struct sf_qp *qp, const struct sf_pkt *p, const uint8_t *data);
void req_link_dead(struct sf_qp *qp);
void resp_request(struct sf_qp *qp, const struct sf_pkt *p, const uint8_t *data);
bool resp_transmit(struct sf_qp *qp);
void resp_flush(struct sf_qp *qp);
bool sge_copy_in(const struct sf_pd *pd, const struct ibv_sge *sge, int n, uint32_t off,
		 const uint8_t *from, uint32_t len);

/* ---- engine.c ---- */
struct sf_fabric {
	pthread_mutex_t lock;
	bool up;
	unsigned int slot; /* of this process in the net */
	int cpus;
	int epfd, wake_fd, listen_fd;
	pthread_t thread;
	bool stop;
	bool dirty;		  /* some link has unannounced packets */
	_Atomic uint32_t polls;	  /* calls of ibv_poll_cq */
	_Atomic uint32_t waiters; /* threads blocked on the lock */
	_Atomic bool hurry;	  /* an application means to sleep now */
	_Atomic bool supervising;
	struct sf_list links, ready, timers, contexts;
	uint64_t next_deadline, sleep_until;
	struct sf_qp *qps[SF_QPS];
	uint32_t qp_next, qps_made;
	uint32_t faults; /* actions that a rule waits to take (fault.h) */
	bool stalled;	 /* a fault: nothing goes in or out */
	int ctl_fd;
};

extern struct sf_fabric fab;

int fab_start(void);
void fab_lock(void);
bool fab_trylock(void);
void fab_unlock(void);
bool fabric_poll(void);
bool fabric_progress(void);
void engine_wake(void);
void engine_watch(int fd, void *tag);
void engine_notify_armed(void);

/* ---- step.c ---- */
bool step_on(void);
uint64_t step_now(void);
void step_hold(struct sf_link *l, const struct sf_pkt *p);

/* ---- cm*.c ---- */
bool cm_present(void);
unsigned int cm_count(void);
int cm_restart(void);
void cm_deliver(struct sf_link *l, const struct sf_pkt *p, const uint8_t *data);
void cm_link_dead(struct sf_link *l);
void cm_tell_removal(uint32_t handle);
uint32_t cm_next_on_device(const struct sf_dev *dev, uint32_t after);
void cm_forget(void);

#endif
