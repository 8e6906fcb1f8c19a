/* Pairs on iWARP: connected by RDMA/CM, there is no other way. */
#include "conform_cm.h"

static bool make_qp(struct end *e, struct cm_end *c, const struct pair_cfg *cfg)
{
	struct ibv_qp_init_attr a;

	end_qp_attr(e, cfg, &a);
	if (rdma_create_qp(c->id, e->pd, &a))
		return false;
	e->qp = c->id->qp;
	e->cap = a.cap;
	return true;
}

/* RDMA/CM allows everything when it connects. */
static bool restrict_access(struct end *e, const struct pair_cfg *cfg)
{
	struct ibv_qp_attr access = { .qp_access_flags = (unsigned int)cfg->qp_access };

	return !ibv_modify_qp(e->qp, &access, IBV_QP_ACCESS_FLAGS);
}

bool iwarp_connect(struct pair *p)
{
	struct rdma_conn_param param = { .responder_resources = (uint8_t)p->cfg.rd_dest,
					 .initiator_depth = (uint8_t)p->cfg.rd_init };
	struct cm_pair *c = &p->cm;
	struct got g;

	if (!cm_open(c) || !make_qp(&p->a, &c->a, &p->cfg) || rdma_connect(c->a.id, &param) ||
	    !cm_expect(c->b.ch, RDMA_CM_EVENT_CONNECT_REQUEST, &g))
		return false;
	c->b.id = g.id;
	return make_qp(&p->b, &c->b, &p->cfg) && !rdma_accept(c->b.id, &param) &&
	       cm_expect(c->a.ch, RDMA_CM_EVENT_ESTABLISHED, &g) &&
	       cm_expect(c->b.ch, RDMA_CM_EVENT_ESTABLISHED, &g) &&
	       restrict_access(&p->a, &p->cfg) && restrict_access(&p->b, &p->cfg);
}

/* The queue pairs are gone already. */
void iwarp_close(struct pair *p)
{
	if (p->cm.a.id)
		p->cm.a.id->qp = NULL;
	if (p->cm.b.id)
		p->cm.b.id->qp = NULL;
	cm_close(&p->cm);
}
