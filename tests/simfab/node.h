/* What node.c and port.c share: the records of the net directory. */
#ifndef SIMFAB_NODE_H
#define SIMFAB_NODE_H

#include "simfab.h"

#define NODE_ADDRS 4

struct node_info {
	uint64_t nonce; /* tells this process from the next one in its slot */
	uint64_t host;	/* processes of one SIMFAB_IP share a port space; 0: unset */
	uint32_t naddr;
	struct sockaddr_storage addr[NODE_ADDRS];
};

int node_dir(void);
const struct node_info *node_self(void);
bool node_alive(unsigned int slot, uint64_t nonce);
uint64_t node_owner_of(const struct sockaddr *sa);
int node_read(unsigned int slot, struct node_info *info);
bool sa_same_host(const struct sockaddr *a, const struct sockaddr *b);

#endif
