/*
 * The net as a directory: which processes take part, which addresses are theirs.
 *
 * Knows: slots (one locked file and one socket per process), addresses of this host.
 * Does not know: rings, packets.  CM ports are in port.c.
 *
 * A process holds the lock of its slot's file for life: the kernel drops it at death,
 * however that comes, so a free lock means a free slot.
 */
#include "simfab.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "node.h"

static struct {
	int dir;
	int slot_fd;
	struct node_info info;
} node = { .dir = -1, .slot_fd = -1 };

int node_dir(void)
{
	return node.dir;
}

const struct node_info *node_self(void)
{
	return &node.info;
}

/* ---- socket addresses ---- */
socklen_t sa_len(const struct sockaddr *sa)
{
	if (sa && sa->sa_family == AF_INET)
		return sizeof(struct sockaddr_in);
	if (sa && sa->sa_family == AF_INET6)
		return sizeof(struct sockaddr_in6);
	if (sa && sa->sa_family == AF_IB)
		return sizeof(struct sockaddr_ib);
	return 0;
}

static const struct sockaddr_in *v4(const struct sockaddr *sa)
{
	return (const struct sockaddr_in *)(const void *)sa;
}

static const struct sockaddr_in6 *v6(const struct sockaddr *sa)
{
	return (const struct sockaddr_in6 *)(const void *)sa;
}

static const struct sockaddr_ib *ib(const struct sockaddr *sa)
{
	return (const struct sockaddr_ib *)(const void *)sa;
}

bool sa_any(const struct sockaddr *sa)
{
	static const struct ib_addr any;

	if (sa->sa_family == AF_IB)
		return !memcmp(&ib(sa)->sib_addr, &any, sizeof(any));
	if (sa->sa_family == AF_INET)
		return v4(sa)->sin_addr.s_addr == htonl(INADDR_ANY);
	return IN6_IS_ADDR_UNSPECIFIED(&v6(sa)->sin6_addr);
}

/* The port of a service id of RDMA/CM is its lower half (IBA annex A11.2.1). */
uint16_t sa_port(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_IB)
		return (uint16_t)be64toh(ib(sa)->sib_sid);
	return ntohs(sa->sa_family == AF_INET ? v4(sa)->sin_port : v6(sa)->sin6_port);
}

void sa_set_port(struct sockaddr *sa, uint16_t port)
{
	if (sa->sa_family == AF_IB)
		((struct sockaddr_ib *)(void *)sa)->sib_sid =
			htobe64((uint64_t)RDMA_PS_IB << 16 | port);
	else if (sa->sa_family == AF_INET)
		((struct sockaddr_in *)(void *)sa)->sin_port = htons(port);
	else
		((struct sockaddr_in6 *)(void *)sa)->sin6_port = htons(port);
}

/* RoCE: the GID of an IPv4 address is its IPv4-mapped IPv6 address (IBA A17.4.1). */
void sa_to_gid(const struct sockaddr *sa, union ibv_gid *gid)
{
	memset(gid, 0, sizeof(*gid));
	if (sa->sa_family == AF_INET) {
		gid->raw[10] = gid->raw[11] = 0xff;
		memcpy(gid->raw + 12, &v4(sa)->sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		memcpy(gid->raw, &v6(sa)->sin6_addr, 16);
	} else if (sa->sa_family == AF_IB) {
		memcpy(gid->raw, &ib(sa)->sib_addr, 16);
	}
}

uint16_t sa_pkey(const struct sockaddr *sa)
{
	return sa->sa_family == AF_IB ? be16toh(ib(sa)->sib_pkey) : 0xffff;
}

/* A GID stands for the IPv4 address of its port; where it is none of ours, for itself. */
static const struct sockaddr *by_ip(const struct sockaddr *sa, struct sockaddr_storage *buf)
{
	union ibv_gid gid;

	if (sa->sa_family != AF_IB)
		return sa;
	sa_to_gid(sa, &gid);
	return gid_to_addr(&gid, buf) ? (const struct sockaddr *)buf : sa;
}

/* ---- slots ---- */
static int slot_open(unsigned int slot)
{
	char name[32];

	snprintf(name, sizeof(name), "n.%u", slot);
	return openat(node.dir, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

static bool slot_claim(unsigned int slot)
{
	node.slot_fd = slot_open(slot);
	if (node.slot_fd < 0)
		return false;
	if (!flock(node.slot_fd, LOCK_EX | LOCK_NB))
		return true;
	close(node.slot_fd);
	node.slot_fd = -1;
	return false;
}

bool node_alive(unsigned int slot, uint64_t nonce)
{
	struct node_info info;
	bool dead;
	int fd;

	if (slot == fab.slot)
		return nonce == node.info.nonce;
	fd = slot_open(slot);
	if (fd < 0)
		return false;
	dead = !flock(fd, LOCK_SH | LOCK_NB) ||
	       pread(fd, &info, sizeof(info), 0) != (ssize_t)sizeof(info) || info.nonce != nonce;
	close(fd);
	return !dead;
}

/* Path names of sockets are short; the way to the directory need not be. */
static void sock_path(struct sockaddr_un *un, unsigned int slot)
{
	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	snprintf(un->sun_path, sizeof(un->sun_path), "/proc/self/fd/%d/s.%u", node.dir, slot);
}

static int sock_listen(unsigned int slot)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un un;
	char name[32];

	if (fd < 0)
		return -1;
	snprintf(name, sizeof(name), "s.%u", slot);
	unlinkat(node.dir, name, 0);
	sock_path(&un, slot);
	if (bind(fd, (struct sockaddr *)&un, sizeof(un)) || listen(fd, 1024)) {
		close(fd);
		return -1;
	}
	return fd;
}

int node_connect(unsigned int slot)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un un;

	if (fd < 0)
		return -1;
	sock_path(&un, slot);
	if (connect(fd, (struct sockaddr *)&un, sizeof(un))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* ---- the directory ---- */
static int make_dirs(const char *path)
{
	char buf[PATH_MAX];
	size_t n = strlen(path);

	if (n >= sizeof(buf))
		return -1;
	memcpy(buf, path, n + 1);
	for (char *p = buf + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = 0;
		mkdir(buf, 0700);
		*p = '/';
	}
	return mkdir(buf, 0700) && errno != EEXIST ? -1 : 0;
}

static int open_net(void)
{
	const char *net = getenv("SIMFAB_NET"), *run = getenv("XDG_RUNTIME_DIR");
	char buf[PATH_MAX];

	if (!net || !*net) {
		snprintf(buf, sizeof(buf), "%s/simfab-%u", run && *run ? run : "/tmp",
			 (unsigned int)getuid());
		net = buf;
	}
	node.dir = make_dirs(net) ? -1 : open(net, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	if (node.dir < 0)
		fprintf(stderr, "simfab: cannot use the net directory %s: %s\n", net,
			strerror(errno));
	return node.dir < 0 ? -1 : 0;
}

/* ---- addresses ---- */
static int parse_addr(const char *s, struct sockaddr_storage *out)
{
	struct sockaddr_in *a = (void *)out;
	struct sockaddr_in6 *b = (void *)out;

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, s, &a->sin_addr) == 1) {
		a->sin_family = AF_INET;
		return 0;
	}
	if (inet_pton(AF_INET6, s, &b->sin6_addr) == 1) {
		b->sin6_family = AF_INET6;
		return 0;
	}
	return -1;
}

static uint64_t hash(const char *s)
{
	uint64_t h = 14695981039346656037u;

	while (*s)
		h = (h ^ (uint8_t)*s++) * 1099511628211u;
	return h;
}

static pthread_once_t env_once = PTHREAD_ONCE_INIT;

/* SIMFAB_IP: addresses separated by commas, the n-th IPv4 one is that of device n. */
static void parse_ips(void)
{
	const char *env = getenv("SIMFAB_IP");
	char buf[512], *save, *tok;

	if (env && *env) {
		node.info.host = hash(env);
		snprintf(buf, sizeof(buf), "%s", env);
		for (tok = strtok_r(buf, ",", &save); tok && node.info.naddr < NODE_ADDRS;
		     tok = strtok_r(NULL, ",", &save)) {
			if (parse_addr(tok, &node.info.addr[node.info.naddr++])) {
				fprintf(stderr, "simfab: SIMFAB_IP: bad address %s\n", tok);
				exit(2);
			}
		}
	}
}

static void node_env(void)
{
	pthread_once(&env_once, parse_ips);
}

void node_device_addr(int dev, struct sockaddr_storage *sa)
{
	char buf[32];
	int n = 0;

	node_env();
	for (uint32_t i = 0; i < node.info.naddr; i++) {
		*sa = node.info.addr[i];
		if (sa->ss_family == AF_INET && n++ == dev)
			return;
	}
	snprintf(buf, sizeof(buf), "127.0.0.%d", 1 + dev);
	parse_addr(buf, sa);
}

bool sa_same_host(const struct sockaddr *a, const struct sockaddr *b)
{
	struct sockaddr_storage s, t;
	union ibv_gid x, y;

	sa_to_gid(by_ip(a, &s), &x);
	sa_to_gid(by_ip(b, &t), &y);
	return !memcmp(&x, &y, sizeof(x));
}

int node_device_of(const struct sockaddr *sa)
{
	struct sockaddr_storage own;

	for (int i = 0; i < profile_devices(); i++) {
		node_device_addr(i, &own);
		if (sa_same_host(sa, (struct sockaddr *)&own))
			return i;
	}
	return 0;
}

/* Is it an address of this process: its node's own, or any of the host's. */
int node_addr_local(const struct sockaddr *sa)
{
	struct sockaddr_storage ss, buf;
	int fd, rc;

	sa = by_ip(sa, &buf);
	if (sa->sa_family == AF_IB)
		return -1;
	for (uint32_t i = 0; i < node.info.naddr; i++)
		if (sa_same_host(sa, (struct sockaddr *)&node.info.addr[i]))
			return 0;
	fd = socket(sa->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	memcpy(&ss, sa, sa_len(sa));
	sa_set_port((struct sockaddr *)&ss, 0);
	rc = bind(fd, (struct sockaddr *)&ss, sa_len(sa));
	close(fd);
	return rc ? -1 : 0;
}

/* -1 with errno ENOENT behind the last slot ever used, ESRCH for a dead process. */
int node_read(unsigned int slot, struct node_info *info)
{
	char name[32];
	ssize_t n;
	int fd;

	snprintf(name, sizeof(name), "n.%u", slot);
	fd = openat(node.dir, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = pread(fd, info, sizeof(*info), 0);
	close(fd);
	if (n == (ssize_t)sizeof(*info) && node_alive(slot, info->nonce))
		return 0;
	errno = ESRCH;
	return -1;
}

uint64_t node_owner_of(const struct sockaddr *sa)
{
	struct node_info info;

	for (unsigned int slot = 1; slot < SF_SLOTS; slot++) {
		if (node_read(slot, &info)) {
			if (errno == ENOENT)
				break;
			continue;
		}
		for (uint32_t i = 0; i < info.naddr; i++)
			if (sa_same_host(sa, (struct sockaddr *)&info.addr[i]))
				return info.host;
	}
	return 0;
}

int node_addr_known(const struct sockaddr *sa)
{
	return node_addr_local(sa) && !node_owner_of(sa) ? -1 : 0;
}

/* The source the routing table would choose for @dst. */
void node_source(const struct sockaddr *dst, struct sockaddr_storage *src)
{
	struct sockaddr_ib *sib = (struct sockaddr_ib *)(void *)src;
	union ibv_gid gid;

	if (dst->sa_family == AF_IB) {
		dev_gid(0, 0, &gid);
		memset(src, 0, sizeof(*src));
		sib->sib_family = AF_IB;
		sib->sib_pkey = ib(dst)->sib_pkey;
		memcpy(&sib->sib_addr, gid.raw, sizeof(gid));
		return;
	}
	for (uint32_t i = 0; i < node.info.naddr; i++) {
		if (node.info.addr[i].ss_family == dst->sa_family) {
			*src = node.info.addr[i];
			return;
		}
	}
	memset(src, 0, sizeof(*src));
	if (dst->sa_family == AF_INET &&
	    (ntohl(v4(dst)->sin_addr.s_addr) >> 24 == 127 || node_addr_local(dst))) {
		node_device_addr(0, src);
	} else {
		memcpy(src, dst, sa_len(dst));
		sa_set_port((struct sockaddr *)src, 0);
	}
}

/* ---- life ---- */
int node_init(void)
{
	unsigned int slot;
	ssize_t n;

	node_env();
	node.info.nonce = fab_now() ^ ((uint64_t)getpid() << 40);
	if (open_net())
		return -1;
	for (slot = 1; slot < SF_SLOTS; slot++)
		if (slot_claim(slot))
			break;
	if (slot == SF_SLOTS) {
		fprintf(stderr, "simfab: no slot left in the net\n");
		return -1;
	}
	fab.slot = slot;
	n = pwrite(node.slot_fd, &node.info, sizeof(node.info), 0);
	fab.listen_fd = n == (ssize_t)sizeof(node.info) ? sock_listen(slot) : -1;
	if (fab.listen_fd < 0)
		fprintf(stderr, "simfab: cannot enter the net: %s\n", strerror(errno));
	return fab.listen_fd < 0 ? -1 : 0;
}

/* Leave the net at exit. */
void node_fini(void)
{
	char name[32];

	if (node.dir < 0)
		return;
	snprintf(name, sizeof(name), "s.%u", fab.slot);
	unlinkat(node.dir, name, 0);
}

/* In the child of a fork: the net belongs to the parent. */
void node_forget(void)
{
	if (node.dir >= 0)
		close(node.dir);
	if (node.slot_fd >= 0)
		close(node.slot_fd);
	node.dir = node.slot_fd = -1;
}
