/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the initiator library share. Not for users of the library. */
#ifndef SRPTD_SRPIO_PRIV_H
#define SRPTD_SRPIO_PRIV_H

#include <infiniband/ib.h>
#include <infiniband/verbs.h>
#include <rdma/rdma_cma.h>

#include "base/compiler.h"
#include "srpio/credit.h"
#include "srpio/srpi.h"

enum {
	SRPI_TMF_SLOTS = 8,      /* task management functions in flight per channel */
	SRPI_TX_RESERVE = 4,     /* send slots that commands leave to answers */
	SRPI_TICK_MS = 50,       /* how often timeouts are looked at */
	SRPI_TMF_TIMEOUT_MS = 5000, /* as SRP_ABORT_TIMEOUT_MS of ib_srp */
	SRPI_POLL_BATCH = 32,
};

enum task_kind { TASK_CMD, TASK_TMF };

enum task_state {
	TASK_IDLE,     /* the caller's */
	TASK_WAITING,  /* for credit, a slot, or a send buffer */
	TASK_SENT,     /* for its response */
	TASK_ABORTING, /* timed out: for the answer to ABORT TASK, nothing else ends it */
};

/* States only grow. */
enum channel_state {
	CHANNEL_RESOLVING,  /* address, then route */
	CHANNEL_CONNECTING, /* queue pair exists, login on its way */
	CHANNEL_LIVE,
	CHANNEL_CLOSED,     /* every request failed; verbs objects are kept until freed */
};

TAILQ_HEAD(task_queue, srpi_task);

struct srpi_channel {
	struct srpi_session *session;
	uint32_t index;
	enum channel_state state;
	struct rdma_cm_id *id;
	struct ibv_cq *cq;
	bool armed;
	struct srpi_login login;
	uint8_t request[256]; /* private data of the connection request */
	size_t request_len;
	bool raw_request;
	uint8_t flags;        /* multi-channel action */

	struct srpi_credit credit;
	uint32_t max_iu; /* longest IU that may be sent */
	bool imm;

	struct srpi_mem tx; /* ring of send buffers, in order of posting */
	uint32_t tx_n, tx_len, tx_head, tx_tail, tx_unsignalled;
	struct srpi_mem rx;
	uint32_t rx_n;
	struct srpi_mem tables; /* two indirect tables per slot: data-out, data-in */

	struct srpi_task **slots;
	uint16_t *free_slots;
	uint32_t n_slots, n_free, n_cmds;
	uint32_t n_own_tags;
	uint32_t generation;
	struct task_queue waiting;
	struct task_queue waiting_tmf;
};

struct srpi_session {
	struct srpi_params params;
	struct rdma_event_channel *cm;
	struct ibv_context *verbs;
	struct ibv_pd *pd;
	struct ibv_comp_channel *comp;
	struct addrinfo *addrs; /* all addresses of the host */
	struct addrinfo *addr;  /* the one in use */
	struct addrinfo *src;
	struct sockaddr_ib ib_dst, ib_src; /* native InfiniBand; no source: family 0 */
	struct srpi_channel *channels[SRPI_MAX_CHANNELS];
	uint32_t n_channels;
	bool spin;     /* more than one CPU */
	bool in_poll;
	uint64_t now_ns;
	uint64_t tick_ns; /* next look at the timeouts */
	struct srpi_stats stats;
	char error[256];
};

/* session.c */
int session_error(struct srpi_session *s, int rc, const char *fmt, ...) printf_like(3, 4);
void session_clock(struct srpi_session *s);

/* cm.c */
int cm_start(struct srpi_channel *ch);
/* One event off the event channel, which must be readable. */
void cm_event(struct srpi_session *s);
void cm_login_failed(struct srpi_channel *ch, const char *fmt, ...) printf_like(2, 3);
void login_request_build(struct srpi_channel *ch);

/* ring.c */
int channel_create(struct srpi_channel *ch);
void channel_destroy(struct srpi_channel *ch);
int channel_repost(struct srpi_channel *ch, uint32_t index);
/* A free send buffer of ch->tx_len bytes, or NULL; reserve slots are left alone. */
uint8_t *channel_tx_buf(struct srpi_channel *ch, uint32_t reserve);
/* Send the buffer that channel_tx_buf() gave. */
int channel_tx_post(struct srpi_channel *ch, size_t len);
void channel_tx_done(struct srpi_channel *ch, uint32_t seq);
/* Enter CLOSED: no more RDMA from the target, all requests failed. Idempotent. */
void channel_fail(struct srpi_channel *ch, const char *fmt, ...) printf_like(2, 3);
int mem_register(struct ibv_pd *pd, struct srpi_mem *mem, size_t len, int access);

/* request.c */
struct srpi_task *task_find(struct srpi_channel *ch, uint64_t tag);
/* A response arrived for the task: fill its result. Does not call done. */
void task_response(struct srpi_task *task, const struct srp_rsp *rsp);
/* Give the task back to the caller, unless it still waits for its abort. */
void task_complete(struct srpi_task *task, int error);
void tasks_fail_all(struct srpi_channel *ch);
/* Send what waits, as far as credit and buffers allow. */
void tasks_kick(struct srpi_channel *ch);
int tasks_check_timeouts(struct srpi_channel *ch);

/* rx.c */
int channel_poll(struct srpi_channel *ch);

#endif
