/*
 * libibumad: ports, agents, sending and receiving of management datagrams.
 *
 * Knows: the calls of libibumad, and how MADs travel: an open port is a datagram socket in the net
 * directory, named by its LID. Who registers for requests holds a lock file of LID and class, as
 * only one agent of a kernel may.
 * Does not know: what is in a MAD beyond its common header; the subnet administrator is in sa.c.
 *
 * As with the kernel, the upper half of a request's transaction id becomes the agent's, answers
 * find their agent by it, and only while the request waits.
 */
#include "umad.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "node.h"

#define CLASS_SA   3
#define CLASS_CM   7
#define RESPONSE   0x80
#define METHOD_GET 1
#define METHOD_SET 2
#define PENDING	   64

enum hdr { MGMT_CLASS = 1, CLASS_VERSION, METHOD, STATUS, TID = 8 };

struct agent {
	bool used;
	uint8_t mgmt_class, version;
	uint64_t methods[2];
	uint32_t hi_tid;
	int lock_fd; /* -1: takes no requests */
};

struct pending { /* a request that waits for its answer */
	bool used;
	int agent;
	uint64_t deadline;
	int timeout_ms, retries;
	struct ib_mad_addr addr;
	uint32_t len;
	uint8_t mad[MAD_LEN];
};

struct port {
	int fd; /* 0: free */
	struct sf_dev *dev;
	uint16_t lid;
	char name[64];
	pthread_mutex_t lock;
	struct agent agents[UMAD_CA_MAX_AGENTS];
	struct pending pending[PENDING];
};

static struct port ports[UMAD_MAX_PORTS];
static pthread_mutex_t ports_lock = PTHREAD_MUTEX_INITIALIZER;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* ---- chance: SIMFAB_MAD="loss=PERMILLE,dup=PERMILLE,seed=N" ---- */
static struct {
	pthread_once_t once;
	pthread_mutex_t lock;
	unsigned int loss, dup;
	uint64_t state;
} chance = { .once = PTHREAD_ONCE_INIT, .lock = PTHREAD_MUTEX_INITIALIZER };

static void chance_init(void)
{
	const char *s = getenv("SIMFAB_MAD");
	unsigned long long seed = 1;

	if (s && *s &&
	    sscanf(s, "loss=%u,dup=%u,seed=%llu", &chance.loss, &chance.dup, &seed) != 3) {
		fprintf(stderr, "simfab: SIMFAB_MAD: %s: expected loss=N,dup=N,seed=N\n", s);
		exit(2);
	}
	chance.state = seed * 0x9e3779b97f4a7c15u | 1;
}

static bool chance_of(unsigned int permille)
{
	bool yes;

	pthread_mutex_lock(&chance.lock);
	chance.state ^= chance.state << 13;
	chance.state ^= chance.state >> 7;
	chance.state ^= chance.state << 17;
	yes = chance.state % 1000 < permille;
	pthread_mutex_unlock(&chance.lock);
	return yes;
}

/* ---- packets ---- */
static struct port *port_of(int portid)
{
	struct port *found = NULL;

	pthread_mutex_lock(&ports_lock);
	for (size_t i = 0; i < UMAD_MAX_PORTS && portid > 0; i++)
		if (ports[i].fd == portid)
			found = &ports[i];
	pthread_mutex_unlock(&ports_lock);
	return found;
}

static void path_of(struct sockaddr_un *un, const char *name)
{
	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	snprintf(un->sun_path, sizeof(un->sun_path), "/proc/self/fd/%d/%.60s", node_dir(), name);
}

static void put_on_wire(struct port *port, const char *name, const struct mad_packet *p)
{
	size_t len = offsetof(struct mad_packet, mad) + p->len;
	struct sockaddr_un un;

	path_of(&un, name);
	/* who does not read loses, as QP1 does when its receive queue is empty */
	if (sendto(port->fd, p, len, MSG_DONTWAIT, (struct sockaddr *)&un, sizeof(un)) < 0 &&
	    errno == ECONNREFUSED)
		unlinkat(node_dir(), name, 0);
}

static void transmit(struct port *port, const char *name, const struct mad_packet *p)
{
	if (chance_of(chance.loss))
		return;
	put_on_wire(port, name, p);
	if (chance_of(chance.dup))
		put_on_wire(port, name, p);
}

static bool has_agent(uint16_t lid, uint8_t mgmt_class)
{
	char name[64];
	bool locked;
	int fd;

	snprintf(name, sizeof(name), "a.%u.%u", lid, mgmt_class);
	fd = openat(node_dir(), name, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return false;
	locked = flock(fd, LOCK_SH | LOCK_NB) != 0;
	close(fd);
	return locked;
}

/* A kernel says to a Get or Set that nobody has registered for: not supported. */
static bool answer_for_kernel(struct mad_packet *p, uint16_t dlid)
{
	struct net_port list[NET_PORTS];
	unsigned int n = net_ports(list);

	if (p->mad[METHOD] != METHOD_GET && p->mad[METHOD] != METHOD_SET)
		return false;
	for (unsigned int i = 0; i < n; i++) {
		if (list[i].lid != dlid)
			continue;
		p->mad[METHOD] |= RESPONSE;
		put16(p->mad + STATUS, 0x000c);
		p->slid = dlid;
		return true;
	}
	return false;
}

static void send_to_lid(struct port *port, uint16_t dlid, const struct mad_packet *p)
{
	struct dirent *e;
	DIR *d = net_dir();
	unsigned int lid;

	while (d && (e = readdir(d)))
		if (sscanf(e->d_name, "m.%u.", &lid) == 1 && lid == dlid)
			transmit(port, e->d_name, p);
	if (d)
		closedir(d);
}

static void route(struct port *port, const struct ib_mad_addr *addr, const void *mad, uint32_t len)
{
	struct mad_packet p = { .slid = port->lid, .sl = addr->sl, .len = len };
	uint16_t dlid = be16toh(addr->lid), table[SF_PKEYS];
	int n = dev_pkeys(table);

	if (dev_silent(port->dev))
		return;
	p.pkey = table[addr->pkey_index < n ? addr->pkey_index : 0];
	memcpy(p.mad, mad, len);
	if (p.mad[MGMT_CLASS] == CLASS_SA && dlid == SM_LID) {
		if (!chance_of(chance.loss) && sa_answer(&p))
			transmit(port, port->name, &p);
	} else if (!(p.mad[METHOD] & RESPONSE) && !has_agent(dlid, p.mad[MGMT_CLASS])) {
		if (answer_for_kernel(&p, dlid))
			transmit(port, port->name, &p);
	} else {
		send_to_lid(port, dlid, &p);
	}
}

/* ---- agents ---- */
SF_EXPORT int umad_register(int portid, int mgmt_class, int mgmt_version, uint8_t rmpp_version,
			    long method_mask[16 / sizeof(long)])
{
	struct port *port = port_of(portid);
	struct agent a = { .used = true, .lock_fd = -1 };
	char name[64];

	(void)rmpp_version;
	if (!port)
		return -EINVAL;
	a.mgmt_class = (uint8_t)mgmt_class;
	a.version = (uint8_t)mgmt_version;
	if (getrandom(&a.hi_tid, sizeof(a.hi_tid), 0) < 0)
		return -EIO;
	if (method_mask) {
		memcpy(a.methods, method_mask, sizeof(a.methods));
		/* ib_cm has the class wherever the kernel has RDMA/CM */
		if (mgmt_class == CLASS_CM && cm_present())
			return -EINVAL;
		snprintf(name, sizeof(name), "a.%u.%d", port->lid, mgmt_class);
		a.lock_fd = openat(node_dir(), name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (a.lock_fd < 0 || flock(a.lock_fd, LOCK_EX | LOCK_NB)) {
			if (a.lock_fd >= 0)
				close(a.lock_fd);
			return -EINVAL;
		}
	}
	for (int i = 0; i < UMAD_CA_MAX_AGENTS; i++)
		if (!port->agents[i].used) {
			port->agents[i] = a;
			return i;
		}
	if (a.lock_fd >= 0)
		close(a.lock_fd);
	return -ENOMEM;
}

static void drop_agent(struct agent *a)
{
	if (a->used && a->lock_fd >= 0)
		close(a->lock_fd);
	a->used = false;
}

SF_EXPORT int umad_unregister(int portid, int agentid)
{
	struct port *port = port_of(portid);

	if (!port || agentid < 0 || agentid >= UMAD_CA_MAX_AGENTS || !port->agents[agentid].used)
		return -EINVAL;
	drop_agent(&port->agents[agentid]);
	return 0;
}

/* ---- sending ---- */
static int add_pending(struct port *port, int agent, const struct ib_user_mad *u, uint32_t len,
		       int timeout_ms, int retries)
{
	struct pending *free_one = NULL;

	for (size_t i = 0; i < PENDING; i++) {
		struct pending *q = &port->pending[i];

		if (!q->used)
			free_one = q;
		else if (!memcmp(q->mad + TID, u->data + TID, 8) && q->addr.lid == u->addr.lid &&
			 q->mad[MGMT_CLASS] == u->data[MGMT_CLASS])
			return EINVAL; /* told apart by these (ib_mad) */
	}
	if (!free_one)
		return EAGAIN;
	*free_one = (struct pending){
		.used = true,
		.agent = agent,
		.deadline = now_ns() + (uint64_t)timeout_ms * 1000000u,
		.timeout_ms = timeout_ms,
		.retries = retries,
		.addr = u->addr,
		.len = len,
	};
	memcpy(free_one->mad, u->data, len);
	return 0;
}

SF_EXPORT int umad_send(int portid, int agentid, void *umad, int length, int timeout_ms,
			int retries)
{
	struct port *port = port_of(portid);
	struct ib_user_mad *u = umad;
	int err = 0;

	pthread_once(&chance.once, chance_init);
	errno = EINVAL;
	if (!port || agentid < 0 || agentid >= UMAD_CA_MAX_AGENTS ||
	    !port->agents[agentid].used || length != MAD_LEN)
		return -EINVAL;
	if (!(u->data[METHOD] & RESPONSE))
		put32(u->data + TID, port->agents[agentid].hi_tid);
	pthread_mutex_lock(&port->lock);
	if (timeout_ms)
		err = add_pending(port, agentid, u, (uint32_t)length, timeout_ms, retries);
	if (!err)
		route(port, &u->addr, u->data, (uint32_t)length);
	pthread_mutex_unlock(&port->lock);
	errno = err;
	return -err;
}

/* ---- receiving ---- */

/* The answer to a request of ours: its agent, or -1. */
static int take_answer(struct port *port, const struct mad_packet *p)
{
	for (size_t i = 0; i < PENDING; i++) {
		struct pending *q = &port->pending[i];

		if (q->used && !memcmp(q->mad + TID, p->mad + TID, 8) &&
		    q->mad[MGMT_CLASS] == p->mad[MGMT_CLASS]) {
			q->used = false;
			return q->agent;
		}
	}
	return -1;
}

static int find_agent(struct port *port, const struct mad_packet *p)
{
	unsigned int method = p->mad[METHOD];

	if (method & RESPONSE)
		return take_answer(port, p);
	for (int i = 0; i < UMAD_CA_MAX_AGENTS; i++) {
		const struct agent *a = &port->agents[i];

		if (a->used && a->mgmt_class == p->mad[MGMT_CLASS] &&
		    a->version == p->mad[CLASS_VERSION] && a->methods[method / 64] >> method % 64 & 1)
			return i;
	}
	return -1;
}

static void fill(struct ib_user_mad *u, int agent, uint32_t status, const struct ib_mad_addr *addr,
		 const void *mad, uint32_t len)
{
	memset(u, 0, sizeof(*u));
	u->agent_id = (uint32_t)agent;
	u->status = status;
	u->length = (uint32_t)sizeof(*u) + len;
	u->addr = *addr;
	memcpy(u->data, mad, len);
}

/* A packet that waits: the agent it is for, or -errno. */
static int take_packet(struct port *port, struct ib_user_mad *u, int *length)
{
	static _Thread_local struct mad_packet p;
	ssize_t n = recv(port->fd, &p, sizeof(p), MSG_DONTWAIT | MSG_PEEK);
	struct ib_mad_addr addr = { .qpn = htobe32(1) };
	int agent, pkey;

	if (n < 0)
		return -errno;
	if ((int)p.len > *length) {
		*length = (int)p.len;
		return -ENOSPC;
	}
	recv(port->fd, &p, sizeof(p), MSG_DONTWAIT);
	pkey = dev_pkey_index(p.pkey);
	agent = pkey < 0 || !dev_pkey_takes(p.pkey) ? -1 : find_agent(port, &p);
	if (agent < 0 || dev_silent(port->dev))
		return -EAGAIN;
	addr.lid = htobe16(p.slid);
	addr.sl = p.sl;
	addr.pkey_index = (uint16_t)pkey;
	fill(u, agent, 0, &addr, p.mad, p.len);
	*length = (int)p.len;
	return agent;
}

/* Repeat requests that have waited long enough; give one back that has waited too long. */
static int take_timeout(struct port *port, struct ib_user_mad *u, int *length)
{
	for (size_t i = 0; i < PENDING; i++) {
		struct pending *q = &port->pending[i];

		if (!q->used || q->deadline > now_ns())
			continue;
		if (q->retries-- > 0) {
			q->deadline = now_ns() + (uint64_t)q->timeout_ms * 1000000u;
			route(port, &q->addr, q->mad, q->len);
			continue;
		}
		q->used = false;
		fill(u, q->agent, ETIMEDOUT, &q->addr, q->mad, q->len);
		*length = (int)q->len;
		return q->agent;
	}
	return -EAGAIN;
}

/* How long to sleep before something is due, at most timeout_ms (-1: for ever). */
static int sleep_ms(const struct port *port, int timeout_ms)
{
	uint64_t now = now_ns();

	for (size_t i = 0; i < PENDING; i++) {
		const struct pending *q = &port->pending[i];
		int left = q->deadline > now ? (int)((q->deadline - now) / 1000000u) + 1 : 0;

		if (q->used && (timeout_ms < 0 || left < timeout_ms))
			timeout_ms = left;
	}
	return timeout_ms;
}

static int recv_once(struct port *port, struct ib_user_mad *u, int *length, int *wait_ms)
{
	int ret;

	pthread_mutex_lock(&port->lock);
	ret = take_packet(port, u, length);
	if (ret == -EAGAIN)
		ret = take_timeout(port, u, length);
	*wait_ms = sleep_ms(port, *wait_ms);
	pthread_mutex_unlock(&port->lock);
	return ret;
}

SF_EXPORT int umad_recv(int portid, void *umad, int *length, int timeout_ms)
{
	struct port *port = port_of(portid);
	uint64_t end = now_ns() + (uint64_t)(timeout_ms < 0 ? 0 : timeout_ms) * 1000000u;

	while (port && !port->dev->removed) {
		uint64_t now = now_ns();
		int left = timeout_ms < 0 ? -1 : now < end ? (int)((end - now) / 1000000u) + 1 : 0;
		struct pollfd pfd = { .fd = port->fd, .events = POLLIN };
		int ret = recv_once(port, umad, length, &left);

		if (ret != -EAGAIN) {
			errno = ret < 0 ? -ret : 0;
			return ret;
		}
		if (timeout_ms >= 0 && now >= end) {
			errno = timeout_ms ? ETIMEDOUT : EWOULDBLOCK;
			return -errno;
		}
		poll(&pfd, 1, left);
	}
	errno = port ? EIO : EINVAL;
	return -errno;
}

SF_EXPORT int umad_poll(int portid, int timeout_ms)
{
	struct port *port = port_of(portid);
	struct pollfd pfd = { .fd = port ? port->fd : -1, .events = POLLIN };

	if (!port)
		return -EINVAL;
	return poll(&pfd, 1, timeout_ms) > 0 ? 0 : -ETIMEDOUT;
}

SF_EXPORT int umad_get_fd(int portid)
{
	struct port *port = port_of(portid);

	return port ? port->fd : -EINVAL;
}

/* ---- ports ---- */
SF_EXPORT int umad_init(void)
{
	return 0;
}

SF_EXPORT int umad_done(void)
{
	return 0;
}

static int bind_port(struct port *port)
{
	static _Atomic unsigned int next;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un un;

	if (fd < 0)
		return -errno;
	snprintf(port->name, sizeof(port->name), "m.%u.%d.%u", port->lid, (int)getpid(), next++);
	path_of(&un, port->name);
	unlinkat(node_dir(), port->name, 0);
	if (bind(fd, (struct sockaddr *)&un, sizeof(un))) {
		close(fd);
		return -errno;
	}
	port->fd = fd;
	return fd;
}

SF_EXPORT int umad_open_port(const char *ca_name, int portnum)
{
	struct sf_dev *dev = umad_dev(ca_name);
	union ibv_gid gid;
	int ret = -EMFILE;

	if (!dev || portnum < 0 || portnum > SF_PORT || !dev->prof->ib)
		return -ENODEV;
	if (fab_start())
		return -EIO;
	dev_gid(dev->index, 0, &gid);
	pthread_mutex_lock(&ports_lock);
	for (size_t i = 0; i < UMAD_MAX_PORTS; i++)
		if (!ports[i].fd) {
			ports[i] = (struct port){ .dev = dev, .lid = gid_lid(&gid) };
			pthread_mutex_init(&ports[i].lock, NULL);
			ret = bind_port(&ports[i]);
			break;
		}
	pthread_mutex_unlock(&ports_lock);
	return ret;
}

SF_EXPORT int umad_close_port(int portid)
{
	struct port *port = port_of(portid);

	if (!port)
		return -EINVAL;
	for (int i = 0; i < UMAD_CA_MAX_AGENTS; i++)
		drop_agent(&port->agents[i]);
	unlinkat(node_dir(), port->name, 0);
	close(port->fd);
	pthread_mutex_destroy(&port->lock);
	pthread_mutex_lock(&ports_lock);
	port->fd = 0;
	pthread_mutex_unlock(&ports_lock);
	return 0;
}
