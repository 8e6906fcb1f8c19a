/* What the test programs share: addresses, a connection over RDMA/CM, waiting. */
#ifndef SIMFAB_TEST_UTIL_H
#define SIMFAB_TEST_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <infiniband/verbs.h>
#include <rdma/rdma_cma.h>

struct sockaddr_storage;

void die(const char *what) __attribute__((noreturn));
void parse_addr(const char *host, uint16_t port, struct sockaddr_storage *out);

/* The next event of a channel, which must be of @type; copied and acknowledged. */
struct rdma_cm_event *expect_event(struct rdma_event_channel *ch, enum rdma_cm_event_type type);

/* An id whose route to @addr is resolved; from @src if not NULL. */
struct rdma_cm_id *resolve(struct rdma_event_channel *ch, const char *src, const char *addr,
			   uint16_t port);
struct rdma_cm_id *listen_on(struct rdma_event_channel *ch, const char *addr, uint16_t port);
uint16_t port_of(struct rdma_cm_id *id);

#endif
