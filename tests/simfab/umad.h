/* What umad.c and sa.c share: a management datagram on its way, and the ports of the net. */
#ifndef SIMFAB_UMAD_H
#define SIMFAB_UMAD_H

#include "simfab.h"

#include <dirent.h>

#include <infiniband/umad.h>

#define SM_LID	   1 /* where subnet management is; no node has it */
#define MAD_LEN	   256
#define MAD_MAX	   32768 /* a table of the subnet administrator in one piece */
#define NET_PORTS  256

struct mad_packet {
	uint16_t slid;
	uint16_t pkey; /* as the sender's table has it */
	uint8_t sl;
	uint8_t pad[3];
	uint32_t len;
	uint8_t mad[MAD_MAX];
};

struct net_port {
	uint16_t lid;
	union ibv_gid gid;
};

/* The net's directory, to be closed; NULL = cannot be read. */
DIR *net_dir(void);

/* Every InfiniBand port of the net that has a living process, each once. */
unsigned int net_ports(struct net_port ports[NET_PORTS]);

/* The device of this name, or the first one; NULL = none. */
struct sf_dev *umad_dev(const char *name);

/* The subnet administrator: turns a request into its answer. False: silence. */
bool sa_answer(struct mad_packet *p);

static inline uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static inline uint64_t get64(const uint8_t *p)
{
	return (uint64_t)get32(p) << 32 | get32(p + 4);
}

static inline void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void put32(uint8_t *p, uint32_t v)
{
	put16(p, (uint16_t)(v >> 16));
	put16(p + 2, (uint16_t)v);
}

static inline void put64(uint8_t *p, uint64_t v)
{
	put32(p, (uint32_t)(v >> 32));
	put32(p + 4, (uint32_t)v);
}

#endif
