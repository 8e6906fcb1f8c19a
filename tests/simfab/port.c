/*
 * CM ports: who has bound which address and port in this net, and who listens.
 *
 * Knows: one file of fixed records, changed under its lock.
 * Does not know: what a listener does with a connection (cm_conn.c).
 */
#include "node.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define EPHEMERAL_FIRST 32768u
#define EPHEMERAL_COUNT 28232u

enum {
	REC_AFONLY = 1,
	REC_REUSE = 2,
	REC_LISTEN = 4
};

struct record {
	uint64_t nonce, host;
	uint32_t slot; /* 0: free */
	uint32_t handle;
	uint16_t ps, port;
	uint8_t flags, pad[3];
	struct sockaddr_storage addr;
};

static int ports_open(int how)
{
	int fd = openat(node_dir(), "ports", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return -1;
	while (flock(fd, how))
		if (errno != EINTR) {
			close(fd);
			return -1;
		}
	return fd;
}

static bool rec_read(int fd, uint32_t i, struct record *r)
{
	return pread(fd, r, sizeof(*r), (off_t)i * (off_t)sizeof(*r)) == (ssize_t)sizeof(*r);
}

static int rec_write(int fd, uint32_t i, const struct record *r)
{
	return pwrite(fd, r, sizeof(*r), (off_t)i * (off_t)sizeof(*r)) == (ssize_t)sizeof(*r) ? 0
											      : -1;
}

static const struct sockaddr *rec_sa(const struct record *r)
{
	return (const struct sockaddr *)&r->addr;
}

/* Do two bindings of one port want the same packets. */
static bool overlap(const struct record *a, const struct record *b)
{
	if (a->addr.ss_family == b->addr.ss_family)
		return sa_any(rec_sa(a)) || sa_any(rec_sa(b)) || sa_same_host(rec_sa(a), rec_sa(b));
	if (a->addr.ss_family == AF_INET6)
		return sa_any(rec_sa(a)) && !(a->flags & REC_AFONLY);
	return sa_any(rec_sa(b)) && !(b->flags & REC_AFONLY);
}

static bool conflict(const struct record *have, const struct record *want)
{
	if (!have->slot || have->ps != want->ps || have->port != want->port ||
	    have->host != want->host || !overlap(have, want))
		return false;
	return !(have->flags & want->flags & REC_REUSE);
}

/* In the words of Linux: "in use" is for two equal addresses only. */
static int taken(const struct record *have, const struct record *want)
{
	return sa_any(rec_sa(have)) || sa_any(rec_sa(want)) ? EADDRNOTAVAIL : EADDRINUSE;
}

/* Find a free record; *slot_free is where to write.  An errno if @want is taken. */
static int rec_place(int fd, const struct record *want, uint32_t *slot_free)
{
	struct record r;
	uint32_t i;

	*slot_free = UINT32_MAX;
	for (i = 0; rec_read(fd, i, &r); i++) {
		if (conflict(&r, want) && node_alive(r.slot, r.nonce))
			return taken(&r, want);
		if (!r.slot && *slot_free == UINT32_MAX)
			*slot_free = i;
	}
	if (*slot_free == UINT32_MAX)
		*slot_free = i;
	return 0;
}

/* Records of dead processes would pile up: free them when a new one is wanted. */
static void sweep(int fd)
{
	struct record r;

	for (uint32_t i = 0; rec_read(fd, i, &r); i++) {
		if (!r.slot || node_alive(r.slot, r.nonce))
			continue;
		memset(&r, 0, sizeof(r));
		rec_write(fd, i, &r);
	}
}

static int place_ephemeral(int fd, struct record *want, uint32_t *where)
{
	uint32_t start = (uint32_t)(fab_now() / 1000);
	int rc = EADDRNOTAVAIL;

	for (uint32_t i = 0; rc && i < 256; i++) {
		want->port = (uint16_t)(EPHEMERAL_FIRST + (start + i * 7919) % EPHEMERAL_COUNT);
		rc = rec_place(fd, want, where);
	}
	return rc;
}

/* 0 or an errno.  Port 0 in @p->addr picks one. */
int node_port_claim(struct sf_port *p, uint32_t handle)
{
	struct record want = { .nonce = node_self()->nonce,
			       .host = node_self()->host,
			       .slot = fab.slot,
			       .handle = handle,
			       .ps = p->ps,
			       .port = sa_port((struct sockaddr *)&p->addr),
			       .addr = p->addr };
	uint32_t where;
	int fd = ports_open(LOCK_EX), rc;

	if (fd < 0)
		return errno;
	want.flags = (uint8_t)((p->afonly ? REC_AFONLY : 0) | (p->reuse ? REC_REUSE : 0));
	sweep(fd);
	rc = want.port ? rec_place(fd, &want, &where) : place_ephemeral(fd, &want, &where);
	if (!rc && rec_write(fd, where, &want))
		rc = errno;
	close(fd);
	if (rc)
		return rc;
	p->record = where + 1;
	p->port = want.port;
	sa_set_port((struct sockaddr *)&p->addr, want.port);
	return 0;
}

int node_port_listen(struct sf_port *p, uint32_t handle)
{
	int fd = ports_open(LOCK_EX);
	struct record r;
	int rc = 0;

	if (fd < 0)
		return errno;
	if (rec_read(fd, p->record - 1, &r)) {
		r.flags |= REC_LISTEN;
		r.handle = handle;
		rc = rec_write(fd, p->record - 1, &r) ? errno : 0;
	}
	close(fd);
	p->listening = !rc;
	return rc;
}

void node_port_release(struct sf_port *p)
{
	struct record r = { 0 };
	int fd;

	if (!p->record)
		return;
	fd = ports_open(LOCK_EX);
	if (fd < 0)
		return;
	rec_write(fd, p->record - 1, &r);
	close(fd);
	p->record = 0;
}

/* How well a listener fits: 0 not at all; the address itself beats a wildcard. */
static int fit(const struct record *r, uint16_t ps, const struct sockaddr *dst, uint64_t owner,
	       bool local)
{
	const struct sockaddr *have = rec_sa(r);
	int score;

	if (!r->slot || !(r->flags & REC_LISTEN) || r->ps != ps || r->port != sa_port(dst))
		return 0;
	if (!sa_any(have)) {
		score = sa_same_host(have, dst) ? 8 : 0;
	} else if (have->sa_family == dst->sa_family) {
		score = 4;
	} else {
		score = have->sa_family == AF_INET6 && !(r->flags & REC_AFONLY) ? 2 : 0;
	}
	if (!score || (r->host != owner && !local))
		return 0;
	return score + (r->host == owner);
}

int node_port_lookup(uint16_t ps, const struct sockaddr *dst, unsigned int *slot, uint32_t *handle)
{
	uint64_t owner = node_owner_of(dst);
	bool local = !node_addr_local(dst);
	struct record r;
	int best = 0, fd = ports_open(LOCK_SH);

	if (fd < 0)
		return -1;
	for (uint32_t i = 0; rec_read(fd, i, &r); i++) {
		int score = fit(&r, ps, dst, owner, local);

		if (score <= best || !node_alive(r.slot, r.nonce))
			continue;
		best = score;
		*slot = r.slot;
		*handle = r.handle;
	}
	close(fd);
	return best ? 0 : -1;
}
