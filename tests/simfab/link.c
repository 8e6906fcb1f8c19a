/*
 * Links: one per pair of processes, shared rings plus a unix socket that carries the
 * greeting, wakes a sleeping peer and, by hanging up, tells of its death.
 *
 * Knows: descriptors and mappings.
 * Does not know: how a process is found (node.c) or what the rings carry.
 */
#include "simfab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define HELLO_MAGIC 0x53464231u /* "SFB1" */

struct hello {
	uint32_t magic;
	uint32_t slot;
};

static struct sf_link *link_new(int fd)
{
	struct sf_link *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->fd = fd;
	list_init(&l->cmq);
	list_add_tail(&fab.links, &l->node);
	return l;
}

static void link_free(struct sf_link *l)
{
	timer_cancel(&l->hold);
	wire_flush_cm(l, true);
	list_del(&l->node);
	if (l->shm)
		munmap(l->shm, sizeof(*l->shm));
	if (l->fd >= 0)
		close(l->fd);
	free(l);
}

static struct sf_shm *shm_map(int memfd)
{
	void *m = mmap(NULL, sizeof(struct sf_shm), PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);

	return m == MAP_FAILED ? NULL : m;
}

static void link_up(struct sf_link *l, struct sf_shm *shm, int tx, unsigned int slot)
{
	l->shm = shm;
	l->tx = &shm->ring[tx];
	l->rx = &shm->ring[!tx];
	l->slot = slot;
	l->ready = true;
	/* until somebody looks at this link, its first packet rings */
	atomic_store(&l->rx->asleep, 1);
}

static int send_hello(int fd, int memfd)
{
	struct hello h = { .magic = HELLO_MAGIC, .slot = fab.slot };
	struct iovec iov = { .iov_base = &h, .iov_len = sizeof(h) };
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} u = { .buf = { 0 } };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = u.buf,
			    .msg_controllen = sizeof(u.buf) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &memfd, sizeof(int));
	return sendmsg(fd, &m, MSG_NOSIGNAL) == (ssize_t)sizeof(h) ? 0 : -1;
}

/* The memory of the greeting, or -1 with errno EAGAIN while it has not come. */
static int recv_hello(int fd, struct hello *h)
{
	struct iovec iov = { .iov_base = h, .iov_len = sizeof(*h) };
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} u;
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = u.buf,
			    .msg_controllen = sizeof(u.buf) };
	struct cmsghdr *c;
	ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int memfd;

	if (n < 0)
		return -1;
	c = CMSG_FIRSTHDR(&m);
	errno = EPROTO;
	if (n != (ssize_t)sizeof(*h) || h->magic != HELLO_MAGIC || !c || c->cmsg_type != SCM_RIGHTS)
		return -1;
	memcpy(&memfd, CMSG_DATA(c), sizeof(int));
	return memfd;
}

static struct sf_link *link_self(void)
{
	struct sf_shm *shm = mmap(NULL, sizeof(*shm), PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct sf_link *l;

	if (shm == MAP_FAILED)
		return NULL;
	l = link_new(-1);
	if (!l) {
		munmap(shm, sizeof(*shm));
		return NULL;
	}
	link_up(l, shm, 0, fab.slot);
	l->rx = l->tx;
	atomic_store(&l->rx->asleep, 1);
	return l;
}

static struct sf_link *link_connect(unsigned int slot)
{
	int fd = node_connect(slot), memfd;
	struct sf_shm *shm = NULL;
	struct sf_link *l;

	if (fd < 0)
		return NULL;
	memfd = memfd_create("simfab", MFD_CLOEXEC);
	if (memfd >= 0 && !ftruncate(memfd, sizeof(*shm)))
		shm = shm_map(memfd);
	if (shm && send_hello(fd, memfd)) {
		munmap(shm, sizeof(*shm));
		shm = NULL;
	}
	if (memfd >= 0)
		close(memfd);
	l = shm ? link_new(fd) : NULL;
	if (!l) {
		if (shm)
			munmap(shm, sizeof(*shm));
		close(fd);
		return NULL;
	}
	link_up(l, shm, 0, slot);
	engine_watch(fd, l);
	return l;
}

/* The link to a process, counted; NULL if there is no such process. */
struct sf_link *link_get(unsigned int slot)
{
	struct sf_link *l = NULL;

	list_for_each (pos, &fab.links) {
		struct sf_link *have = sf_container(pos, struct sf_link, node);

		if (have->ready && !have->dead && have->slot == slot) {
			l = have;
			break;
		}
	}
	if (!l)
		l = slot == fab.slot ? link_self() : link_connect(slot);
	if (l)
		l->refs++;
	return l;
}

void link_put(struct sf_link *l)
{
	if (l)
		l->refs--;
}

/* Free what died and is named no more; only between two polls. */
void links_reap(void)
{
	list_for_each_safe (pos, tmp, &fab.links) {
		struct sf_link *l = sf_container(pos, struct sf_link, node);

		if (l->dead && !l->refs)
			link_free(l);
	}
}

void link_bell(struct sf_link *l)
{
	ssize_t n;

	if (l->fd < 0) {
		engine_wake();
		return;
	}
	/* EAGAIN: there are unread rings already; EPIPE: the hang-up will be seen */
	n = send(l->fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)n;
}

void link_accept(int listen_fd)
{
	int fd;
	struct sf_link *l;

	while ((fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		l = link_new(fd);
		if (!l) {
			close(fd);
			return;
		}
		engine_watch(fd, l);
		link_readable(l);
	}
}

/* The peer is gone.  What it had sent before still counts. */
static void link_died(struct sf_link *l)
{
	wire_drain(l);
	l->dead = true;
	close(l->fd);
	l->fd = -1;
	if (l->ready) {
		qp_link_dead(l);
		cm_link_dead(l);
	}
}

static int greet(struct sf_link *l)
{
	struct hello h;
	struct sf_shm *shm;
	int memfd = recv_hello(l->fd, &h);

	if (memfd < 0)
		return errno == EAGAIN ? 0 : -1;
	shm = shm_map(memfd);
	close(memfd);
	if (!shm)
		return -1;
	link_up(l, shm, 1, h.slot);
	return 0;
}

/* A greeting, bells or a hang-up can be read. */
void link_readable(struct sf_link *l)
{
	char bells[64];
	ssize_t n;

	if (l->dead)
		return;
	if (!l->ready && greet(l)) {
		link_died(l);
		return;
	}
	if (!l->ready)
		return;
	do {
		n = recv(l->fd, bells, sizeof(bells), MSG_DONTWAIT);
	} while (n > 0);
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		link_died(l);
}

void link_fini_all(void)
{
	list_for_each (pos, &fab.links) {
		struct sf_link *l = sf_container(pos, struct sf_link, node);

		if (l->fd >= 0)
			close(l->fd);
		l->fd = -1;
	}
}
