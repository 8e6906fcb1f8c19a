/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Captures, see capture.h. Each worker and the control thread have a ring with one writer and one
 * reader. The end of a capture waits for whoever is putting something into his ring (worker
 * ->capturing), which never takes longer than a copy.
 */
#include "target/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/be.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/pcapng.h"
#include "conf/acl.h"
#include "target/server.h"

enum {
	RING_LEN = 1 << 20, /* a power of two */
	DRAIN_MS = 20,
	PACKET_MAX = CAPTURE_HEAD_LEN + CAPTURE_SNAP_MAX,
	BLOCK_MAX = PACKET_MAX + PCAPNG_PACKET_OVERHEAD,
};

/* Before each packet in a ring. */
struct entry {
	uint64_t ns;
	uint32_t len; /* of head and unit, as taken */
	uint32_t orig_len;
	bool outbound;
};

struct ring {
	_Atomic uint64_t head; /* written by who puts */
	_Atomic uint64_t packets, dropped;
	_Atomic uint64_t tail __attribute__((aligned(64))); /* written by who takes */
	uint8_t *buf;
};

struct capture {
	char *path;
	char *session;
	unsigned long number; /* session, if it is one; 0 = it is a pattern */
	uint64_t max_size;
	uint32_t snap_len;
	int fd;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool stopping; /* lock */
	_Atomic uint64_t bytes;
	_Atomic uint64_t unwritten;
	_Atomic int error;
	_Atomic bool full;
	size_t n_rings; /* of the workers, then the control thread's */
	struct ring rings[];
};

struct capture *_Atomic capture_running;

/* ---- rings ---- */

static void ring_copy_in(struct ring *r, uint64_t at, const void *data, size_t len)
{
	size_t off = at & (RING_LEN - 1), first = MIN(len, RING_LEN - off);

	memcpy(r->buf + off, data, first);
	memcpy(r->buf, (const uint8_t *)data + first, len - first);
}

static void ring_copy_out(const struct ring *r, uint64_t at, void *data, size_t len)
{
	size_t off = at & (RING_LEN - 1), first = MIN(len, RING_LEN - off);

	memcpy(data, r->buf + off, first);
	memcpy((uint8_t *)data + first, r->buf, len - first);
}

static void ring_put(struct ring *r, const struct entry *e, const uint8_t *head, const void *iu)
{
	uint64_t at = atomic_load_explicit(&r->head, memory_order_relaxed);
	uint64_t left = RING_LEN - (at - atomic_load(&r->tail));

	atomic_fetch_add_explicit(&r->packets, 1, memory_order_relaxed);
	if (left < sizeof(*e) + e->len) {
		atomic_fetch_add_explicit(&r->dropped, 1, memory_order_relaxed);
		return;
	}
	ring_copy_in(r, at, e, sizeof(*e));
	ring_copy_in(r, at + sizeof(*e), head, CAPTURE_HEAD_LEN);
	ring_copy_in(r, at + sizeof(*e) + CAPTURE_HEAD_LEN, iu, e->len - CAPTURE_HEAD_LEN);
	atomic_store(&r->head, at + sizeof(*e) + e->len);
}

/* The oldest packet's entry; false = there is none. */
static bool ring_peek(const struct ring *r, struct entry *e)
{
	uint64_t at = atomic_load_explicit(&r->tail, memory_order_relaxed);

	if (at == atomic_load(&r->head))
		return false;
	ring_copy_out(r, at, e, sizeof(*e));
	return true;
}

/* Take the packet that was peeked at. */
static void ring_take(struct ring *r, const struct entry *e, uint8_t *packet)
{
	uint64_t at = atomic_load_explicit(&r->tail, memory_order_relaxed) + sizeof(*e);

	ring_copy_out(r, at, packet, e->len);
	atomic_store(&r->tail, at + e->len);
}

/* ---- taking ---- */

static bool is_wanted(const struct capture *c, const struct session *s,
		      const struct acl_identity *id)
{
	if (!c->session)
		return true;
	if (c->number)
		return s && s->number == c->number;
	return id && acl_match(c->session, id);
}

static uint64_t real_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static void take(struct capture *c, struct ring *ring, const struct channel *ch,
		 enum capture_kind kind, bool outbound, const void *iu, size_t len)
{
	const struct session *s = ch ? ch->session : NULL;
	uint8_t head[CAPTURE_HEAD_LEN] = { 1, (uint8_t)kind };
	struct entry e = {
		.ns = real_ns(),
		.len = CAPTURE_HEAD_LEN + (uint32_t)MIN(len, (size_t)c->snap_len),
		.orig_len = CAPTURE_HEAD_LEN + (uint32_t)len,
		.outbound = outbound,
	};

	be32_put(head + 4, s ? s->number : 0);
	be32_put(head + 8, ch ? ch->qpn : 0);
	if (s) {
		memcpy(head + 12, s->nexus.initiator_port_id, 16);
		memcpy(head + 28, s->nexus.target_port_id, 16);
	}
	ring_put(ring, &e, head, iu);
}

__attribute__((cold)) void capture_iu(struct channel *ch, bool outbound, const void *iu, size_t len)
{
	struct worker *w = ch->worker;
	struct capture *c;

	atomic_store(&w->capturing, true);
	c = atomic_load(&capture_running);
	if (c && w->index + 1 < c->n_rings && is_wanted(c, ch->session, &ch->session->id))
		take(c, &c->rings[w->index], ch, CAPTURE_IU, outbound, iu, len);
	atomic_store(&w->capturing, false);
}

void capture_login(struct server *server, const struct channel *ch, const struct acl_identity *id,
		   enum capture_kind kind, bool outbound, const void *data, size_t len)
{
	struct capture *c = atomic_load(&capture_running);

	if (c && is_wanted(c, ch ? ch->session : NULL, id))
		take(c, &c->rings[c->n_rings - 1], ch, kind, outbound, data, len);
}

/* ---- writing ---- */

static void write_block(struct capture *c, const uint8_t *block, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (done < len && !c->error) {
		n = write(c->fd, block + done, len - done);
		if (n < 0 && errno != EINTR)
			c->error = -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	c->bytes += done;
}

static void write_packet(struct capture *c, const struct entry *e, const uint8_t *packet,
			 uint8_t *block)
{
	size_t len =
		pcapng_packet(block, BLOCK_MAX, e->ns, e->outbound, packet, e->len, e->orig_len);

	if (c->bytes + len > c->max_size)
		c->full = true;
	if (c->full || c->error)
		c->unwritten++;
	else
		write_block(c, block, len);
}

/* The ring with the oldest packet of all, or NULL. */
static struct ring *find_oldest(struct capture *c, struct entry *oldest)
{
	struct ring *found = NULL;
	struct entry e;

	for (size_t i = 0; i < c->n_rings; i++)
		if (ring_peek(&c->rings[i], &e) && (!found || e.ns < oldest->ns)) {
			found = &c->rings[i];
			*oldest = e;
		}
	return found;
}

static void drain(struct capture *c, uint8_t *packet, uint8_t *block)
{
	struct entry e;
	struct ring *r;

	while ((r = find_oldest(c, &e))) {
		ring_take(r, &e, packet);
		write_packet(c, &e, packet, block);
	}
}

/* True when the capture is to end. */
static bool doze(struct capture *c)
{
	struct timespec until;
	bool stopping;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += DRAIN_MS * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&c->lock);
	if (!c->stopping)
		pthread_cond_timedwait(&c->cond, &c->lock, &until);
	stopping = c->stopping;
	pthread_mutex_unlock(&c->lock);
	return stopping;
}

static void report(const struct capture *c, struct capture_report *out)
{
	*out = (struct capture_report){
		.dropped = c->unwritten, .bytes = c->bytes, .full = c->full, .error = c->error
	};
	for (size_t i = 0; i < c->n_rings; i++) {
		out->packets += c->rings[i].packets;
		out->dropped += c->rings[i].dropped;
	}
}

/* A file that is full has its end all the same: a few bytes above its limit. */
static void write_end(struct capture *c, uint8_t *block)
{
	struct capture_report r;

	report(c, &r);
	write_block(c, block, pcapng_statistics(block, BLOCK_MAX, real_ns(), r.packets, r.dropped));
}

static void *run(void *arg)
{
	struct capture *c = arg;
	uint8_t *packet = malloc(PACKET_MAX), *block = malloc(BLOCK_MAX);

	if (!packet || !block) {
		c->error = -ENOMEM;
	} else {
		while (!doze(c))
			drain(c, packet, block);
		drain(c, packet, block);
		write_end(c, block);
	}
	free(packet);
	free(block);
	return NULL;
}

/* ---- start and end ---- */

static void free_capture(struct capture *c)
{
	for (size_t i = 0; i < c->n_rings; i++)
		free(c->rings[i].buf);
	if (c->fd >= 0)
		close(c->fd);
	pthread_cond_destroy(&c->cond);
	pthread_mutex_destroy(&c->lock);
	free(c->path);
	free(c->session);
	free(c);
}

static struct capture *new_capture(size_t n_rings, const struct capture_conf *conf)
{
	struct capture *c = NULL;
	size_t size = sizeof(*c) + n_rings * sizeof(struct ring);
	bool whole;

	if (posix_memalign((void **)&c, 64, size))
		return NULL;
	memset(c, 0, size);
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->cond, NULL);
	c->fd = -1;
	c->n_rings = n_rings;
	c->max_size = conf->max_size;
	c->snap_len = MIN(conf->snap_len, (uint32_t)CAPTURE_SNAP_MAX);
	c->path = strdup(conf->path);
	c->session = conf->session ? strdup(conf->session) : NULL;
	whole = c->path && (c->session || !conf->session);
	for (size_t i = 0; i < n_rings && whole; i++)
		whole = (c->rings[i].buf = malloc(RING_LEN)) != NULL;
	if (whole)
		return c;
	free_capture(c);
	return NULL;
}

/* The head of the file; what is wrong shows here, not later in a thread. */
static int begin_file(struct capture *c)
{
	uint8_t block[512];

	c->fd = open(c->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (c->fd < 0)
		return -errno;
	write_block(c, block, pcapng_section(block, sizeof(block), "srptd"));
	write_block(c, block,
		    pcapng_interface(block, sizeof(block), PCAPNG_LINK_USER0,
				     CAPTURE_HEAD_LEN + c->snap_len, "srptd"));
	return c->error;
}

static int begin(struct capture *c)
{
	int ret = begin_file(c);

	return ret ? ret : -pthread_create(&c->thread, NULL, run, c);
}

int capture_start(struct server *server, const struct capture_conf *conf, char *err, size_t err_len)
{
	const char *session = conf->session ?: "";
	bool is_number =
		*session && !session[strspn(session, "0123456789")] && strlen(session) < 16;
	struct capture *c;
	char why[128];
	int ret;

	if (atomic_load(&capture_running)) {
		snprintf(err, err_len, "one is running, into %s: srptctl capture stop",
			 atomic_load(&capture_running)->path);
		return -EBUSY;
	}
	if (*session && !is_number && acl_check(session, why, sizeof(why))) {
		snprintf(err, err_len, "session: expected a number or %s", why);
		return -EINVAL;
	}
	c = new_capture(server->n_workers + 1, conf);
	ret = c ? begin(c) : -ENOMEM;
	if (ret) {
		snprintf(err, err_len, "%.256s: %s%s", conf->path, strerror(-ret),
			 ret == -EROFS || ret == -EACCES ? ": srptd writes it, into a directory "
							   "that its user and sandbox allow"
							 : "");
		if (c)
			free_capture(c);
		return ret;
	}
	c->number = is_number ? strtoul(session, NULL, 10) : 0;
	atomic_store(&capture_running, c);
	return 0;
}

bool capture_report(const struct server *server, struct capture_report *out, const char **path)
{
	const struct capture *c = atomic_load(&capture_running);

	if (!c)
		return false;
	report(c, out);
	*path = c->path;
	return true;
}

bool capture_stop(struct server *server, struct capture_report *out)
{
	struct capture *c = atomic_exchange(&capture_running, NULL);

	if (!c)
		return false;
	for (unsigned int i = 0; i < server->n_workers; i++)
		while (atomic_load(&server->workers[i].capturing))
			sched_yield();
	pthread_mutex_lock(&c->lock);
	c->stopping = true;
	pthread_cond_signal(&c->cond);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->thread, NULL);
	report(c, out);
	free_capture(c);
	return true;
}
