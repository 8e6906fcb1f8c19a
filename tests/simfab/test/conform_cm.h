/* The CM checks' two ends: an event channel each, an active and a passive id. */
#ifndef CONFORM_CM_H
#define CONFORM_CM_H

#include "conform.h"

/* An event, copied with its private data, acknowledged. */
struct got {
	enum rdma_cm_event_type type;
	int status;
	struct rdma_cm_id *id, *listener;
	struct rdma_conn_param p;
	uint8_t data[256];
};

bool cm_next(struct rdma_event_channel *ch, struct got *g);
bool cm_expect(struct rdma_event_channel *ch, enum rdma_cm_event_type type, struct got *g);

bool cm_open(struct cm_pair *c); /* listener, and an id with a route to it */
bool cm_make_qp(struct cm_end *e);
bool cm_request(struct cm_pair *c, const void *data, uint8_t len, struct got *req);
bool cm_establish(struct cm_pair *c); /* from nothing to ESTABLISHED on both sides */
bool cm_close(struct cm_pair *c);
bool all_zero(const uint8_t *p, size_t n);

#endif
