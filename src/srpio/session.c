/* SPDX-License-Identifier: BSD-2-Clause */
/* Sessions: parameters, resolving the host, opening channels one after the other, clean-up. */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <netdb.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "srpio/priv.h"

enum { IMM_LEN_WORD = 4, IB_SRP_ADD_CDB = 16, IB_SRP_MAX_IMM = 8192 };

int session_error(struct srpi_session *s, int rc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->error, sizeof(s->error), fmt, ap);
	va_end(ap);
	return rc ? rc : -EIO;
}

/* The real clock on purpose: a timeout must end even where a test steps the other one. */
void session_clock(struct srpi_session *s)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	s->now_ns = (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

void srpi_params_init(struct srpi_params *p)
{
	memset(p, 0, sizeof(*p));
	p->channels = 1;
	p->queue_size = 64;
	p->sg_inline = 12;
	p->layout.sg = 1;
	p->imm = true;
	p->imm_offset = SRP_CMD_LEN + IB_SRP_ADD_CDB + IMM_LEN_WORD;
	p->imm_max = IB_SRP_MAX_IMM;
	p->add_cdb_max = IB_SRP_ADD_CDB;
	p->timeout_ms = 30000;
	p->connect_timeout_ms = 10000;
}

void srpi_params_from_addr(struct srpi_params *p, const struct srpi_addr *addr)
{
	p->addr = *addr;
	if (addr->queue_size)
		p->queue_size = addr->queue_size;
	if (addr->cmd_sg_entries)
		p->sg_inline = addr->cmd_sg_entries;
	if (addr->ch_count)
		p->channels = addr->ch_count;
	if (addr->max_it_iu_size)
		p->it_iu_len = addr->max_it_iu_size;
}

/* As ib_srp computes it: room for the longest table, or for immediate data. */
static uint32_t it_iu_len(const struct srpi_params *p)
{
	uint32_t table = SRP_CMD_LEN + ((p->add_cdb_max + 3) & ~3u) + SRP_INDIRECT_HDR_LEN +
			 p->sg_inline * SRP_DIRECT_DESC_LEN;

	if (p->it_iu_len)
		return p->it_iu_len;
	return p->imm ? MAX(table, p->imm_offset + p->imm_max) : table;
}

static int params_check(const struct srpi_params *p)
{
	bool ok = p->channels >= 1 && p->channels <= SRPI_MAX_CHANNELS && p->queue_size >= 1 &&
		  p->queue_size <= SRPI_MAX_QUEUE && p->sg_inline >= 1 &&
		  p->sg_inline <= SRPI_MAX_INLINE_SG && p->layout.sg >= 1 &&
		  p->layout.sg <= SRPI_MAX_SG && p->imm_max <= 1u << 20 &&
		  p->it_iu_len <= 1u << 21 && p->add_cdb_max <= SRP_MAX_ADD_CDB;

	return ok ? 0 : -EINVAL;
}

static bool many_cpus(void)
{
	cpu_set_t set;

	return !sched_getaffinity(0, sizeof(set), &set) && CPU_COUNT(&set) > 1;
}

static int resolve(const char *host, const char *port, struct addrinfo **out, char *err,
		   size_t err_len)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	int rc = getaddrinfo(host, port, &hints, out);

	if (!rc)
		return 0;
	snprintf(err, err_len, "%s: %s", host, gai_strerror(rc));
	return -EHOSTUNREACH;
}

/* A destination without service id is a source. */
static struct sockaddr_ib ib_address(const uint8_t gid[16], uint16_t pkey, uint64_t service_id)
{
	struct sockaddr_ib sib = {
		.sib_family = AF_IB,
		.sib_pkey = htobe16(pkey),
		.sib_sid = htobe64(service_id),
		.sib_sid_mask = service_id ? htobe64(UINT64_MAX) : 0,
	};

	memcpy(&sib.sib_addr, gid, 16);
	return sib;
}

static int session_ib(struct srpi_session *s, char *err, size_t err_len)
{
	const struct srpi_addr *a = &s->params.addr;
	uint8_t gid[16];

	s->ib_dst = ib_address(a->dgid, a->pkey, a->service_id);
	if (!a->src[0])
		return 0;
	if (inet_pton(AF_INET6, a->src, gid) != 1) {
		snprintf(err, err_len, "source '%s' is no GID", a->src);
		return -EINVAL;
	}
	s->ib_src = ib_address(gid, a->pkey, 0);
	return 0;
}

static int session_resolve(struct srpi_session *s, char *err, size_t err_len)
{
	const struct srpi_addr *a = &s->params.addr;
	int rc;

	if (a->ib)
		return session_ib(s, err, err_len);
	rc = resolve(a->host, a->port, &s->addrs, err, err_len);

	if (!rc && a->src[0])
		rc = resolve(a->src, NULL, &s->src, err, err_len);
	s->addr = s->addrs;
	return rc;
}

struct srpi_session *srpi_session_new(const struct srpi_params *params, char *err, size_t err_len)
{
	struct srpi_session *s = calloc(1, sizeof(*s));
	int rc = s ? params_check(params) : -ENOMEM;

	if (rc) {
		snprintf(err, err_len, "session parameters: %s", strerror(-rc));
		goto fail;
	}
	s->params = *params;
	s->spin = many_cpus();
	session_clock(s);
	rc = session_resolve(s, err, err_len);
	if (rc)
		goto fail;
	s->cm = rdma_create_event_channel();
	if (!s->cm) {
		rc = -errno;
		snprintf(err, err_len, "no RDMA connection manager on this host: %s",
			 strerror(errno));
		goto fail;
	}
	return s;
fail:
	srpi_session_free(s);
	errno = -rc;
	return NULL;
}

void srpi_session_free(struct srpi_session *s)
{
	uint32_t i;

	if (!s)
		return;
	for (i = 0; i < s->n_channels; i++)
		if (s->channels[i]->state == CHANNEL_LIVE)
			channel_fail(s->channels[i], "session ended");
	for (i = 0; i < s->n_channels; i++)
		channel_destroy(s->channels[i]);
	if (s->comp)
		ibv_destroy_comp_channel(s->comp);
	if (s->pd)
		ibv_dealloc_pd(s->pd);
	if (s->cm)
		rdma_destroy_event_channel(s->cm);
	if (s->addrs)
		freeaddrinfo(s->addrs);
	if (s->src)
		freeaddrinfo(s->src);
	free(s);
}

static struct srpi_channel *channel_new(struct srpi_session *s)
{
	struct srpi_channel *ch;

	if (s->n_channels == SRPI_MAX_CHANNELS)
		return NULL;
	ch = calloc(1, sizeof(*ch));
	if (!ch)
		return NULL;
	ch->session = s;
	ch->index = s->n_channels;
	ch->login.it_iu_len = it_iu_len(&s->params);
	TAILQ_INIT(&ch->waiting);
	TAILQ_INIT(&ch->waiting_tmf);
	s->channels[s->n_channels++] = ch;
	return ch;
}

static int channel_connect(struct srpi_session *s, struct srpi_channel *ch)
{
	uint64_t end;

	session_clock(s);
	end = s->now_ns + s->params.connect_timeout_ms * NSEC_PER_MSEC;
	if (cm_start(ch))
		return -EHOSTUNREACH;
	while (ch->state < CHANNEL_LIVE) {
		srpi_poll(s, SRPI_TICK_MS);
		if (ch->state < CHANNEL_LIVE && s->now_ns >= end)
			cm_login_failed(ch, "no answer within %u ms", s->params.connect_timeout_ms);
	}
	if (ch->login.outcome == SRPI_LOGIN_ACCEPTED)
		return 0;
	return ch->login.outcome == SRPI_LOGIN_REJECTED ? -ECONNREFUSED : -EHOSTUNREACH;
}

static int channel_open(struct srpi_session *s, struct srpi_channel *ch, struct srpi_channel **out)
{
	if (!ch)
		return session_error(s, -ENOSPC, "a session has at most %d channels",
				     SRPI_MAX_CHANNELS);
	if (out)
		*out = ch;
	return channel_connect(s, ch);
}

int srpi_channel_open(struct srpi_session *s, uint8_t flags, struct srpi_channel **out)
{
	struct srpi_channel *ch = channel_new(s);

	if (ch)
		ch->flags = flags;
	return channel_open(s, ch, out);
}

int srpi_login_raw(struct srpi_session *s, const void *data, size_t len, struct srpi_channel **out)
{
	struct srpi_channel *ch;

	if (len > sizeof(ch->request) - 1)
		return session_error(s, -EMSGSIZE, "private data is limited to 255 bytes");
	ch = channel_new(s);
	if (ch) {
		ch->raw_request = true;
		ch->request_len = len;
		if (len)
			memcpy(ch->request, data, len);
	}
	return channel_open(s, ch, out);
}

/* The first channel tries every address of the host; what did not answer is forgotten. */
static int first_channel(struct srpi_session *s)
{
	int rc = srpi_channel_open(s, SRP_MULTICHAN_SINGLE, NULL);

	while (rc && rc != -ECONNREFUSED && s->addr && s->addr->ai_next) {
		s->addr = s->addr->ai_next;
		channel_destroy(s->channels[--s->n_channels]);
		rc = srpi_channel_open(s, SRP_MULTICHAN_SINGLE, NULL);
	}
	return rc;
}

int srpi_session_connect(struct srpi_session *s)
{
	uint32_t i;
	int rc = first_channel(s);

	for (i = 1; !rc && i < s->params.channels; i++)
		srpi_channel_open(s, SRP_MULTICHAN_MULTI, NULL);
	return rc;
}

uint32_t srpi_channel_count(const struct srpi_session *s)
{
	return s->n_channels;
}

uint32_t srpi_live_count(const struct srpi_session *s)
{
	uint32_t i, n = 0;

	for (i = 0; i < s->n_channels; i++)
		n += s->channels[i]->state == CHANNEL_LIVE;
	return n;
}

struct srpi_channel *srpi_channel_at(struct srpi_session *s, uint32_t index)
{
	return index < s->n_channels ? s->channels[index] : NULL;
}

struct srpi_channel *srpi_channel_live(struct srpi_session *s, uint32_t n)
{
	uint32_t i, live = srpi_live_count(s);

	if (!live)
		return NULL;
	n %= live;
	for (i = 0; i < s->n_channels; i++)
		if (s->channels[i]->state == CHANNEL_LIVE && n-- == 0)
			return s->channels[i];
	return NULL;
}

bool srpi_channel_is_live(const struct srpi_channel *ch)
{
	return ch->state == CHANNEL_LIVE;
}

uint32_t srpi_channel_index(const struct srpi_channel *ch)
{
	return ch->index;
}

const struct srpi_login *srpi_channel_login(const struct srpi_channel *ch)
{
	return &ch->login;
}

int32_t srpi_channel_credits(const struct srpi_channel *ch)
{
	return ch->credit.limit;
}

uint32_t srpi_channel_max_iu(const struct srpi_channel *ch)
{
	return ch->max_iu;
}

const char *srpi_error(const struct srpi_session *s)
{
	return s->error;
}

const struct srpi_params *srpi_session_params(const struct srpi_session *s)
{
	return &s->params;
}

const struct srpi_stats *srpi_session_stats(const struct srpi_session *s)
{
	return &s->stats;
}

uint64_t srpi_now(const struct srpi_session *s)
{
	return s->now_ns;
}

struct srpi_session *srpi_channel_session(const struct srpi_channel *ch)
{
	return ch->session;
}
