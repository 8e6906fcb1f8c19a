/*
 * The subnet administrator of a net: answers from the net directory what is asked of it.
 *
 * Knows: NodeRecord, PortInfoRecord, PathRecord, ServiceRecord (with its lease), ClassPortInfo; a
 * file of service records that the processes of a net share.
 * Does not know: how MADs travel; partitions of other nodes, which it takes to be the asker's.
 */
#include "umad.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "node.h"

#define GET	  0x01
#define SET	  0x02
#define GET_TABLE 0x12
#define DELETE	  0x15

#define DATA 56 /* of a record in the MAD */

#define STATUS_BAD_ATTRIBUTE 0x000c
#define STATUS_NO_RECORDS    0x0300
#define STATUS_TOO_MANY	     0x0400

#define SERVICE_LEN 176
#define SERVICES    512

struct query {
	uint8_t method;
	uint64_t mask;
	uint32_t mod;
	uint8_t data[200];
	uint16_t pkey; /* the asker's */
	struct net_port ports[NET_PORTS];
	unsigned int n_ports;
	uint8_t *out; /* records */
	unsigned int n;
};

static uint64_t guid_of(const struct net_port *p)
{
	return be64toh(p->gid.global.interface_id);
}

/* ---- records of ports ---- */
static void node_records(struct query *q)
{
	for (unsigned int i = 0; i < q->n_ports; i++) {
		uint8_t *o = q->out + (size_t)q->n * 112;

		if (q->mask & 1 && get16(q->data) != q->ports[i].lid)
			continue;
		memset(o, 0, 112);
		put16(o, q->ports[i].lid);
		o[4] = o[5] = o[6] = o[7] = 1; /* versions, CA, one port */
		put64(o + 8, guid_of(&q->ports[i]));
		put64(o + 16, guid_of(&q->ports[i]));
		put64(o + 24, guid_of(&q->ports[i]));
		put16(o + 32, SF_PKEYS);
		o[40] = SF_PORT;
		snprintf((char *)o + 44, 64, "simfab LID %u", q->ports[i].lid);
		q->n++;
	}
}

/* Nobody's IsDeviceManagementSupported is known: it is no part of the net directory. */
static void port_info_records(struct query *q)
{
	for (unsigned int i = 0; i < q->n_ports; i++) {
		uint8_t *o = q->out + (size_t)q->n * 72;

		if (q->mask & 1 && get16(q->data) != q->ports[i].lid)
			continue;
		if (q->mask & 1 << 7)
			continue;
		memset(o, 0, 72);
		put16(o, q->ports[i].lid);
		o[2] = SF_PORT;
		memcpy(o + 12, q->ports[i].gid.raw, 8);
		put16(o + 20, q->ports[i].lid);
		put16(o + 22, SM_LID);
		o[32] = SF_PORT;
		o[36] = 4; /* active */
		q->n++;
	}
}

static const struct net_port *find(const struct query *q, bool by_gid, size_t gid_at, bool by_lid,
				   size_t lid_at)
{
	for (unsigned int i = 0; i < q->n_ports; i++)
		if ((by_gid && !memcmp(q->data + gid_at, q->ports[i].gid.raw, 16)) ||
		    (by_lid && get16(q->data + lid_at) == q->ports[i].lid))
			return &q->ports[i];
	return NULL;
}

static void path_record(struct query *q)
{
	const struct net_port *dst = find(q, q->mask & 1 << 2, 8, q->mask & 1 << 4, 40);
	const struct net_port *src = find(q, q->mask & 1 << 3, 24, q->mask & 1 << 5, 42);
	uint16_t pkey = q->mask & 1 << 13 ? get16(q->data + 50) : q->pkey;
	uint8_t *o = q->out;

	if (!dst || !src || dev_pkey_index(pkey) < 0)
		return;
	memset(o, 0, 64);
	memcpy(o + 8, dst->gid.raw, 16);
	memcpy(o + 24, src->gid.raw, 16);
	put16(o + 40, dst->lid);
	put16(o + 42, src->lid);
	o[49] = 0x80 | 1;
	put16(o + 50, pkey);
	o[54] = 2 << 6 | 5;
	o[55] = 2 << 6 | 16;
	o[56] = 2 << 6 | 14;
	q->n = 1;
}

/* ---- service records ---- */
struct service {
	uint64_t until; /* seconds of the host's clock; 0: free */
	uint8_t rec[SERVICE_LEN];
};

static uint64_t now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec;
}

static bool same_rid(const uint8_t *a, const uint8_t *b)
{
	return !memcmp(a, b, 26); /* service id, GID, P_Key: IBA 15.2.5.14 */
}

static bool service_matches(const struct query *q, const uint8_t *rec)
{
	static const struct {
		uint64_t bit;
		uint8_t at, len;
	} fields[] = { { 1, 0, 8 }, { 2, 8, 16 }, { 4, 24, 2 }, { 1 << 6, 48, 64 } };

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (q->mask & fields[i].bit &&
		    memcmp(q->data + fields[i].at, rec + fields[i].at, fields[i].len))
			return false;
	return true;
}

static void give(struct query *q, const uint8_t *rec)
{
	memcpy(q->out + (size_t)q->n++ * SERVICE_LEN, rec, SERVICE_LEN);
}

static void store(struct query *q, struct service *s)
{
	uint32_t lease = get32(q->data + 28);

	s->until = lease == UINT32_MAX ? UINT64_MAX : now_s() + lease;
	memcpy(s->rec, q->data, SERVICE_LEN);
	give(q, s->rec);
}

static void use_services(struct query *q, struct service *all)
{
	struct service *slot = NULL;

	for (size_t i = 0; i < SERVICES; i++) {
		struct service *s = &all[i];

		if (s->until && s->until < now_s())
			s->until = 0;
		if (!s->until || same_rid(s->rec, q->data))
			slot = !slot || s->until ? s : slot;
		if (!s->until || q->method == SET || q->n >= MAD_MAX / SERVICE_LEN - 1)
			continue;
		if (service_matches(q, s->rec)) {
			give(q, s->rec);
			if (q->method == DELETE)
				s->until = 0;
		}
	}
	if (q->method == SET && slot)
		store(q, slot);
}

static void service_records(struct query *q)
{
	static struct service all[SERVICES];
	int fd = openat(node_dir(), "sa.services", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

	if (fd < 0 || flock(fd, LOCK_EX)) {
		if (fd >= 0)
			close(fd);
		return;
	}
	pthread_mutex_lock(&lock);
	memset(all, 0, sizeof(all));
	if (pread(fd, all, sizeof(all), 0) >= 0) {
		use_services(q, all);
		if (pwrite(fd, all, sizeof(all), 0) < 0)
			perror("simfab: sa.services");
	}
	pthread_mutex_unlock(&lock);
	close(fd);
}

static void class_port_info(struct query *q)
{
	memset(q->out, 0, 72);
	q->out[0] = 1;
	q->out[1] = 2;
	q->out[7] = 18;
	q->n = 1;
}

bool sa_answer(struct mad_packet *p)
{
	static const struct {
		uint16_t attr;
		uint8_t size; /* in units of eight bytes */
		void (*fn)(struct query *q);
	} attrs[] = {
		{ 0x01, 9, class_port_info }, { 0x11, 14, node_records },
		{ 0x12, 9, port_info_records }, { 0x31, 22, service_records },
		{ 0x35, 8, path_record },
	};
	struct query q = { .method = p->mad[3], .mask = get64(p->mad + 48),
			   .mod = get32(p->mad + 20), .pkey = p->pkey, .out = p->mad + DATA };
	uint16_t status = STATUS_BAD_ATTRIBUTE, size = 0;

	if (q.method & 0x80)
		return false;
	memcpy(q.data, p->mad + DATA, sizeof(q.data));
	q.n_ports = net_ports(q.ports);
	for (size_t i = 0; i < sizeof(attrs) / sizeof(attrs[0]); i++)
		if (attrs[i].attr == get16(p->mad + 16)) {
			attrs[i].fn(&q);
			size = attrs[i].size;
			status = 0;
		}
	if (!status && q.method != GET_TABLE && q.n != 1)
		status = q.n ? STATUS_TOO_MANY : STATUS_NO_RECORDS;
	p->mad[3] |= 0x80;
	put16(p->mad + 4, status);
	put16(p->mad + 44, q.n ? size : 0);
	p->slid = SM_LID;
	p->len = q.method == GET_TABLE ? DATA + q.n * size * 8u : MAD_LEN;
	if (p->len < MAD_LEN && q.method != GET_TABLE)
		p->len = MAD_LEN;
	return true;
}
