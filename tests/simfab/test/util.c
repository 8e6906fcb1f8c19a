/* What the test programs share; see util.h. */
#include "util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

void parse_addr(const char *host, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in *a = (void *)out;
	struct sockaddr_in6 *b = (void *)out;

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, host, &a->sin_addr) == 1) {
		a->sin_family = AF_INET;
		a->sin_port = htons(port);
	} else if (inet_pton(AF_INET6, host, &b->sin6_addr) == 1) {
		b->sin6_family = AF_INET6;
		b->sin6_port = htons(port);
	} else {
		fprintf(stderr, "%s: not an address\n", host);
		exit(1);
	}
}

struct rdma_cm_event *expect_event(struct rdma_event_channel *ch, enum rdma_cm_event_type type)
{
	static struct rdma_cm_event copy;
	static uint8_t data[256];
	struct rdma_cm_event *e;

	if (rdma_get_cm_event(ch, &e))
		die("rdma_get_cm_event");
	if (e->event != type) {
		fprintf(stderr, "%s (status %d) instead of %s\n", rdma_event_str(e->event),
			e->status, rdma_event_str(type));
		exit(1);
	}
	copy = *e;
	if (e->param.conn.private_data) {
		memcpy(data, e->param.conn.private_data, e->param.conn.private_data_len);
		copy.param.conn.private_data = data;
	}
	rdma_ack_cm_event(e);
	return &copy;
}

struct rdma_cm_id *resolve(struct rdma_event_channel *ch, const char *src, const char *addr,
			   uint16_t port)
{
	struct sockaddr_storage from, to;
	struct rdma_cm_id *id;

	parse_addr(addr, port, &to);
	if (src)
		parse_addr(src, 0, &from);
	if (rdma_create_id(ch, &id, NULL, RDMA_PS_TCP))
		die("rdma_create_id");
	if (rdma_resolve_addr(id, src ? (struct sockaddr *)&from : NULL, (struct sockaddr *)&to,
			      2000))
		die("rdma_resolve_addr");
	expect_event(ch, RDMA_CM_EVENT_ADDR_RESOLVED);
	if (rdma_resolve_route(id, 2000))
		die("rdma_resolve_route");
	expect_event(ch, RDMA_CM_EVENT_ROUTE_RESOLVED);
	return id;
}

struct rdma_cm_id *listen_on(struct rdma_event_channel *ch, const char *addr, uint16_t port)
{
	struct sockaddr_storage at;
	struct rdma_cm_id *id;

	parse_addr(addr, port, &at);
	if (rdma_create_id(ch, &id, NULL, RDMA_PS_TCP))
		die("rdma_create_id");
	if (rdma_bind_addr(id, (struct sockaddr *)&at) || rdma_listen(id, 16))
		die("rdma_listen");
	return id;
}

uint16_t port_of(struct rdma_cm_id *id)
{
	return ntohs(rdma_get_src_port(id));
}
