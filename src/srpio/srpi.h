/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An SRP initiator over libibverbs and librdmacm, for programs and tests. One thread owns a session
 * and calls srpi_poll(); nothing here locks. Every request belongs to the caller, who gets it back
 * through its done callback exactly once, whatever happens to the connection.
 *
 * Errors are negative errno values; a sentence for people stands in srpi_error(). Nothing is
 * allocated after a channel is open. Knows SRP r16a as far as an initiator needs it; what a CDB
 * means is the caller's business, except for the helpers of srpio/scsi_io.h.
 */
#ifndef SRPTD_SRPIO_SRPI_H
#define SRPTD_SRPIO_SRPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "srpio/addr.h"
#include "wire/srp.h"

struct ibv_mr;
struct srpi_channel;
struct srpi_session;

enum {
	SRPI_CDB_MAX = 16 + SRP_MAX_ADD_CDB,
	SRPI_SENSE_MAX = 252,
	SRPI_MAX_CHANNELS = 64,
	SRPI_MAX_QUEUE = 4096,
	SRPI_MAX_INLINE_SG = 255,
	SRPI_MAX_SG = 4096,
	SRPI_RX_LEN = 4096, /* longest target-to-initiator IU that can be received */
	SRPI_LOGIN_DATA_MAX = 196,
};

/* How a data buffer is described to the target. */
enum srpi_desc {
	SRPI_DESC_DIRECT,   /* one direct descriptor */
	SRPI_DESC_INDIRECT, /* a table, complete in the IU */
	SRPI_DESC_PARTIAL,  /* a table of which the IU holds less than all */
};

struct srpi_layout {
	enum srpi_desc desc;
	uint32_t sg;  /* descriptors of an indirect table, 1…SRPI_MAX_SG */
	bool odd;     /* cut at odd addresses instead of 512-byte boundaries */
};

/* Called from srpi_poll(); may submit, must not poll or free the session. All may be NULL. */
struct srpi_hooks {
	/* every IU received, before it is interpreted; iu is valid during the call only */
	void (*iu)(void *ctx, struct srpi_channel *channel, const void *iu, size_t len);
	/* something odd that the target did and that fails no request */
	void (*note)(void *ctx, struct srpi_channel *channel, const char *text);
	void *ctx;
};

struct srpi_params {
	struct srpi_addr addr;
	uint8_t initiator_id[16]; /* all zero: made from addr.initiator_ext and the local port GUID */
	uint32_t channels;        /* 1…SRPI_MAX_CHANNELS; the first logs in SINGLE, the others MULTI */
	uint32_t queue_size;      /* commands in flight per channel, 1…SRPI_MAX_QUEUE */
	uint32_t sg_inline;       /* descriptors that an IU has room for, 1…255 */
	struct srpi_layout layout;
	bool imm;                 /* ask for immediate data */
	uint16_t imm_offset;
	uint32_t imm_max;         /* longest immediate payload, bytes */
	uint32_t add_cdb_max;     /* additional CDB bytes that an IU has room for */
	uint32_t it_iu_len;       /* 0 = as long as the other fields need */
	uint32_t timeout_ms;      /* of a command, unless the request says otherwise */
	uint32_t connect_timeout_ms;
	struct srpi_hooks hooks;
};

/* Defaults as ib_srp has them: one channel, queue 64, 12 entries, immediate data up to 8 KiB. */
void srpi_params_init(struct srpi_params *params);
/* Take over the options that the address carried. */
void srpi_params_from_addr(struct srpi_params *params, const struct srpi_addr *addr);

enum srpi_outcome {
	SRPI_LOGIN_PENDING,
	SRPI_LOGIN_ACCEPTED,
	SRPI_LOGIN_REJECTED, /* the target answered with SRP_LOGIN_REJ */
	SRPI_LOGIN_FAILED,   /* no SRP answer: nobody listens, no route, timeout, nonsense */
};

/* What became of one channel's login. */
struct srpi_login {
	enum srpi_outcome outcome;
	struct srp_login_rsp rsp; /* accepted */
	struct srp_login_rej rej; /* rejected */
	uint8_t data[SRPI_LOGIN_DATA_MAX]; /* private data of the answer as received */
	size_t data_len;
	uint32_t it_iu_len; /* as asked for */
	uint8_t initiator_id[16];
	char text[192]; /* failure in words */
};

/*
 * A session without channels. NULL with errno set and a sentence in err if the host cannot be
 * resolved or there is no RDMA.
 */
struct srpi_session *srpi_session_new(const struct srpi_params *params, char *err, size_t err_len);
/*
 * Log in params.channels times. 0 if the first channel is live; later ones may have failed, see
 * srpi_channel_login(). -ECONNREFUSED: rejected with SRP_LOGIN_REJ; another errno: not connected.
 */
int srpi_session_connect(struct srpi_session *session);
/* Disconnects; requests still out are failed with -ECONNRESET first. NULL is allowed. */
void srpi_session_free(struct srpi_session *session);

/*
 * One more channel with a proper SRP_LOGIN_REQ: flags hold the multi-channel action. Blocks, and
 * serves the other channels meanwhile. *out is set whenever the attempt got as far as having a
 * login result, even if it failed.
 */
int srpi_channel_open(struct srpi_session *session, uint8_t flags, struct srpi_channel **out);
/* The same with these bytes as private data of the connection request, whatever they are. */
int srpi_login_raw(struct srpi_session *session, const void *data, size_t len,
		   struct srpi_channel **out);

uint32_t srpi_channel_count(const struct srpi_session *session); /* tried, live or not */
uint32_t srpi_live_count(const struct srpi_session *session);
struct srpi_channel *srpi_channel_at(struct srpi_session *session, uint32_t index);
/* The nth live channel, counted modulo their number; NULL if none is. */
struct srpi_channel *srpi_channel_live(struct srpi_session *session, uint32_t n);
bool srpi_channel_is_live(const struct srpi_channel *channel);
uint32_t srpi_channel_index(const struct srpi_channel *channel);
struct srpi_session *srpi_channel_session(const struct srpi_channel *channel);
const struct srpi_login *srpi_channel_login(const struct srpi_channel *channel);
/* Present request limit, and how long an IU may be. */
int32_t srpi_channel_credits(const struct srpi_channel *channel);
uint32_t srpi_channel_max_iu(const struct srpi_channel *channel);
/* Why the last call failed or the last channel died; never NULL. */
const char *srpi_error(const struct srpi_session *session);
const struct srpi_params *srpi_session_params(const struct srpi_session *session);

struct srpi_stats {
	uint64_t responses;
	uint64_t unknown_tags;
	uint64_t cred_reqs;
	uint64_t aer_reqs;
	uint64_t credit_waits; /* requests that had to wait for credit or a send slot */
	uint64_t timeouts;
};

const struct srpi_stats *srpi_session_stats(const struct srpi_session *session);
/* CLOCK_MONOTONIC in ns as of the present pass of srpi_poll(); costs nothing. */
uint64_t srpi_now(const struct srpi_session *session);

/* Memory that the target may read and write by RDMA. */
struct srpi_mem {
	uint8_t *addr;
	size_t len;
	struct ibv_mr *mr;
};

/* Needs a channel that got as far as its queue pair. Zero-filled, page-aligned. */
int srpi_mem_alloc(struct srpi_session *session, struct srpi_mem *mem, size_t len);
void srpi_mem_free(struct srpi_mem *mem);

/* The part that commands and task management functions have in common. Private. */
struct srpi_task {
	uint8_t kind;
	uint8_t state;
	uint32_t slot;
	uint64_t tag;
	uint64_t start_ns;
	uint64_t deadline_ns;
	struct srpi_channel *channel;
	TAILQ_ENTRY(srpi_task) link;
};

struct srpi_tmf {
	/* set by the caller */
	uint8_t function; /* enum srp_tm_function, or anything */
	uint8_t lun[8];
	uint64_t task_tag;
	uint32_t timeout_ms; /* 0 = 5 s */
	void (*done)(struct srpi_tmf *tmf);
	void *ctx;

	/* result */
	int error;        /* 0 = answered */
	bool has_code;
	uint8_t code;     /* enum srp_rsp_code */
	uint8_t status;

	struct srpi_task task;
};

/* A part of registered memory. mem NULL or len 0: no data in this direction. */
struct srpi_data {
	const struct srpi_mem *mem;
	size_t off;
	uint32_t len;
};

struct srpi_request {
	/* set by the caller, kept until done */
	uint8_t lun[8];
	uint8_t cdb[SRPI_CDB_MAX];
	uint16_t cdb_len; /* up to 16: padded; above: the rest is additional CDB in words of 4 */
	uint8_t task_attr;
	bool own_tag;     /* send this tag instead of one of the library's */
	uint64_t tag;
	struct srpi_data out;
	struct srpi_data in;
	const struct srpi_layout *layout; /* NULL = that of the session, whose sg is the most */
	uint32_t timeout_ms;              /* 0 = that of the session */
	void (*done)(struct srpi_request *req);
	void *ctx;

	/*
	 * Result. error: 0 = the target answered; -ETIMEDOUT: aborted after timeout_ms;
	 * -ECONNRESET: the channel died; -EMSGSIZE: does not fit into an IU.
	 */
	int error;
	uint8_t status;
	uint8_t flags;    /* SRP_RSP: SRP_DOOVER … */
	uint32_t out_resid;
	uint32_t in_resid;
	uint32_t sense_len;
	uint8_t sense[SRPI_SENSE_MAX];
	uint64_t latency_ns; /* from the pass that submitted to the pass that completed */

	struct srpi_task task;
	struct srpi_tmf abort;
};

/*
 * Send, or queue until credit allows. 0, or an error and done is not called: -ENOTCONN,
 * -EMSGSIZE. Commands leave one credit to task management (SRP r16a 5.6 and ib_srp do so).
 */
int srpi_submit(struct srpi_channel *channel, struct srpi_request *req);
int srpi_submit_tmf(struct srpi_channel *channel, struct srpi_tmf *tmf);

/* Submit and poll until done; the result's error. done and ctx are overwritten. */
int srpi_exec(struct srpi_channel *channel, struct srpi_request *req);
int srpi_exec_tmf(struct srpi_channel *channel, struct srpi_tmf *tmf);

/*
 * One pass: completions, connection events, timeouts; sleeps up to timeout_ms (-1: until something
 * happens) if there is nothing to do. Returns the number of events served, 0 after a timeout or
 * signal, -ENOTCONN if no channel is open, or another -errno; no request is out then.
 */
int srpi_poll(struct srpi_session *session, int timeout_ms);

/*
 * Any bytes as one message, at most as long as a send buffer; takes no credit and expects no
 * answer. -EAGAIN: no send slot now.
 */
int srpi_send_iu(struct srpi_channel *channel, const void *iu, size_t len);
/* End one channel; its requests fail with -ECONNRESET. */
void srpi_channel_close(struct srpi_channel *channel);

#endif
