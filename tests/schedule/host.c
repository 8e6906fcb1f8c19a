/* SPDX-License-Identifier: BSD-2-Clause */
/* Channels of the initiators: connection, receives, answers; see host.h. Commands: cmd.c. */
#include "host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/be.h"
#include "cmd.h"
#include "model.h"
#include "sim.h"
#include "simfab_step.h"
#include "wire/srp.h"

struct host hosts[N_HOSTS];
struct cmd_list all_cmds = TAILQ_HEAD_INITIALIZER(all_cmds);

static struct {
	uint16_t port;
	unsigned int serial;
} net;

void hosts_reset(uint16_t port)
{
	net.port = port;
	net.serial = 0;
	answers_reset();
	memset(hosts, 0, sizeof(hosts));
	for (unsigned int i = 0; i < N_HOSTS; i++) {
		hosts[i].index = i;
		hosts[i].port_id[15] = (uint8_t)(i + 1);
	}
}

int host_place(const struct host *h)
{
	for (int i = 0; i < HOST_CHANNELS; i++)
		if (!h->chan[i])
			return i;
	return -1;
}

struct chan *chan_by_handle(uint32_t handle)
{
	for (unsigned int i = 0; i < N_HOSTS; i++)
		for (unsigned int k = 0; k < HOST_CHANNELS; k++)
			if (hosts[i].chan[k] && hosts[i].chan[k]->handle == handle)
				return hosts[i].chan[k];
	return NULL;
}

bool host_logging_in(const struct host *h)
{
	for (unsigned int i = 0; i < HOST_CHANNELS; i++)
		if (h->chan[i] && h->chan[i]->state < CHAN_LIVE)
			return true;
	return false;
}

static void set_state(struct chan *ch, enum chan_state state)
{
	ch->state = state;
	ch->since = sim.now;
}

/* ---- memory and receives ---- */

static void post_receive(struct chan *ch, uint32_t i)
{
	struct ibv_sge sge = {
		.addr = (uintptr_t)ch->mem + RX_OFF + i * RX_LEN,
		.length = RX_LEN,
		.lkey = ch->mr->lkey,
	};
	struct ibv_recv_wr wr = { .wr_id = WR_RECV | i, .sg_list = &sge, .num_sge = 1 }, *bad;

	if (ch->starved)
		ch->rx_free[ch->rx_missing++] = i;
	else
		require(!ibv_post_recv(ch->id->qp, &wr, &bad), "initiator: a receive is refused");
}

void chan_starve(struct chan *ch, bool on)
{
	say("c%u: %s to give receives", ch->serial, on ? "stops" : "goes on");
	ch->starved = on;
	while (!on && ch->rx_missing > 0)
		post_receive(ch, ch->rx_free[--ch->rx_missing]);
}

static void make_memory(struct chan *ch)
{
	void *mem = mmap(NULL, MEM_LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	require(mem != MAP_FAILED, "initiator: no memory");
	ch->mem = mem;
	ch->mr = ibv_reg_mr(ch->id->pd, mem, MEM_LEN,
			    IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE |
				    IBV_ACCESS_REMOTE_READ);
	require(ch->mr, "initiator: memory is not registered: %s", strerror(errno));
}

static void make_qp(struct chan *ch)
{
	struct ibv_qp_init_attr attr = {
		.qp_type = IBV_QPT_RC,
		.cap = { .max_send_wr = N_TX + 16, .max_recv_wr = N_RX, .max_send_sge = 1,
			 .max_recv_sge = 1 },
	};

	make_memory(ch);
	ch->cq = ibv_create_cq(ch->id->verbs, N_TX + 16 + N_RX, ch, NULL, 0);
	attr.send_cq = attr.recv_cq = ch->cq;
	require(ch->cq && !rdma_create_qp(ch->id, ch->id->pd, &attr), "initiator: no queue pair: %s",
		strerror(errno));
	ch->qpn = ch->id->qp->qp_num;
	for (uint32_t i = 0; i < N_RX; i++)
		post_receive(ch, i);
}

/* ---- login ---- */

static void send_login(struct chan *ch)
{
	struct srp_login_req req = {
		.tag = ch->serial,
		.req_it_iu_len = IU_LEN,
		.req_buf_fmt = SRP_BUF_FMT_DIRECT | SRP_BUF_FMT_INDIRECT,
		.req_flags = ch->action | SRP_IMMED_REQUESTED,
		.imm_data_offset = IMM_OFFSET,
	};
	uint8_t data[SRP_LOGIN_REQ_RDMA_LEN];
	struct rdma_conn_param param = {
		.private_data = data,
		.private_data_len = sizeof(data),
		.responder_resources = 4,
		.initiator_depth = 1,
		.retry_count = 7,
		.rnr_retry_count = 7,
	};

	memcpy(req.initiator_port_id, ch->host->port_id, 16);
	srp_login_req_rdma_build(data, &req);
	make_qp(ch);
	ch->login_sent = tick();
	require(!rdma_connect(ch->id, &param), "initiator: cannot connect: %s", strerror(errno));
	set_state(ch, CHAN_CONNECTING);
}

struct chan *chan_new(struct host *h, uint8_t action)
{
	struct sockaddr_in src = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000002) };
	struct sockaddr_in dst = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(0x7f000001),
		.sin_port = htons(net.port),
	};
	struct chan *ch = calloc(1, sizeof(*ch));
	int place = host_place(h);

	require(ch && place >= 0, "no place for a channel");
	ch->host = h;
	ch->serial = ++net.serial;
	ch->action = action;
	h->chan[place] = ch;
	ch->events = rdma_create_event_channel();
	require(ch->events && !fcntl(ch->events->fd, F_SETFL, O_NONBLOCK) &&
			!rdma_create_id(ch->events, &ch->id, ch, RDMA_PS_TCP) &&
			!rdma_resolve_addr(ch->id, (struct sockaddr *)&src,
					   (struct sockaddr *)&dst, 1000),
		"initiator: no connection id: %s", strerror(errno));
	ch->handle = simfab_cm_handle(ch->id);
	set_state(ch, CHAN_RESOLVING);
	say("c%u: host %u begins to log in (%s)", ch->serial, h->index,
	    action == SRP_MULTICHAN_SINGLE ? "single" : "multi");
	return ch;
}

/* What the earlier channels of this host have left open will never be answered. */
static void replaces_others(struct chan *ch)
{
	struct cmd *c;

	TAILQ_FOREACH(c, &all_cmds, link) {
		if (c->host != ch->host->index || c->chan == ch)
			continue;
		if (c->chan && (c->chan->state < CHAN_LIVE || c->chan->ready_since > ch->login_sent))
			continue;
		c->excused = true;
		if (c->write && !c->ended)
			model_close(c->write, MODEL_GIVEN_UP);
	}
}

static void accepted(struct chan *ch, const struct rdma_cm_event *e)
{
	struct srp_login_rsp rsp;

	require(!srp_login_rsp_parse(e->param.conn.private_data, e->param.conn.private_data_len,
				     &rsp),
		"c%u: the login response does not parse", ch->serial);
	require(rsp.tag == ch->serial, "c%u: the login response has a foreign tag", ch->serial);
	require(rsp.req_lim_delta >= 2, "c%u: a request limit of %d", ch->serial,
		rsp.req_lim_delta);
	ch->credits = ch->granted = rsp.req_lim_delta;
	ch->immediate = rsp.rsp_flags & SRP_IMMED_SUPP;
	set_state(ch, CHAN_LIVE);
	if (!(rsp.rsp_flags & SRP_MULTICHAN_MAINTAINED))
		ch->host->session++;
	ch->session = ch->host->session;
	say("c%u: logged in, request limit %d", ch->serial, ch->granted);
	if (ch->action == SRP_MULTICHAN_SINGLE)
		replaces_others(ch);
	ch->ready_since = tick();
}

static void ended(struct chan *ch, const char *why)
{
	say("c%u: %s", ch->serial, why);
	set_state(ch, CHAN_ENDED);
}

/* ---- connection events ---- */

static void handle_event(struct chan *ch, const struct rdma_cm_event *e)
{
	switch (e->event) {
	case RDMA_CM_EVENT_ADDR_RESOLVED:
		require(!rdma_resolve_route(ch->id, 1000), "initiator: no route");
		break;
	case RDMA_CM_EVENT_ROUTE_RESOLVED:
		send_login(ch);
		break;
	case RDMA_CM_EVENT_ESTABLISHED:
		accepted(ch, e);
		break;
	case RDMA_CM_EVENT_DISCONNECTED:
		ch->disconnected = true;
		ended(ch, "disconnected");
		rdma_disconnect(ch->id);
		break;
	case RDMA_CM_EVENT_TIMEWAIT_EXIT:
		break;
	default:
		ended(ch, rdma_event_str(e->event));
	}
}

bool chan_has_event(const struct chan *ch)
{
	return simfab_cm_pending(ch->events);
}

void chan_event(struct chan *ch)
{
	struct rdma_cm_event *e;

	if (rdma_get_cm_event(ch->events, &e))
		return;
	say("c%u: %s", ch->serial, rdma_event_str(e->event));
	handle_event(ch, e);
	rdma_ack_cm_event(e);
}

/* ---- completions ---- */

static void cred_req(struct chan *ch, const uint8_t *iu, uint32_t len)
{
	const struct srp_wire_cred_req *req = (const void *)iu;
	uint64_t tag;

	require(len == SRP_CRED_REQ_LEN, "c%u: SRP_CRED_REQ of %u bytes", ch->serial, len);
	memcpy(&tag, req->tag, sizeof(tag));
	chan_add_credits(ch, (int32_t)be32_get(req->req_lim_delta));
	say("c%u: SRP_CRED_REQ, %d credits", ch->serial, ch->credits);
	chan_send_small(ch, SRP_CRED_RSP, tag);
}

static void t_logout(struct chan *ch)
{
	struct cmd *c;

	ch->logged_out = true;
	ended(ch, "SRP_T_LOGOUT");
	/* it goes out when the last command has ended */
	TAILQ_FOREACH(c, &all_cmds, link)
		if (c->chan == ch)
			cmd_end(c);
}

static void received(struct chan *ch, uint32_t i, uint32_t len)
{
	const uint8_t *iu = ch->mem + RX_OFF + i * RX_LEN;

	require(len > 0, "c%u: an empty IU", ch->serial);
	switch (iu[0]) {
	case SRP_RSP:
		cmd_answered(ch, iu, len);
		break;
	case SRP_CRED_REQ:
		cred_req(ch, iu, len);
		break;
	case SRP_T_LOGOUT:
		t_logout(ch);
		break;
	default:
		broken("c%u: an IU with operation code %#x", ch->serial, iu[0]);
	}
	post_receive(ch, i);
}

bool chan_has_completion(const struct chan *ch)
{
	return ch->cq && simfab_cq_count(ch->cq) > 0;
}

void chan_completion(struct chan *ch)
{
	struct ibv_wc wc;

	if (ibv_poll_cq(ch->cq, 1, &wc) != 1)
		return;
	if (wc.status != IBV_WC_SUCCESS) {
		if (ch->state != CHAN_ENDED)
			ended(ch, ibv_wc_status_str(wc.status));
	} else if (wc.wr_id & WR_RECV) {
		received(ch, (uint32_t)wc.wr_id, wc.byte_len);
	} else {
		cmd_sent(ch, wc.wr_id);
	}
}

/* ---- the end ---- */

void chan_disconnect(struct chan *ch)
{
	say("c%u: disconnects", ch->serial);
	set_state(ch, CHAN_ENDED);
	rdma_disconnect(ch->id);
}

void chan_kill(struct chan *ch)
{
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_ERR };

	say("c%u: its queue pair breaks", ch->serial);
	set_state(ch, CHAN_ENDED);
	ibv_modify_qp(ch->id->qp, &attr, IBV_QP_STATE);
}

void chan_free(struct chan *ch)
{
	say("c%u: gone", ch->serial);
	cmds_orphan(ch);
	for (unsigned int i = 0; i < HOST_CHANNELS; i++)
		if (ch->host->chan[i] == ch)
			ch->host->chan[i] = NULL;
	if (ch->id->qp)
		rdma_destroy_qp(ch->id);
	if (ch->cq)
		ibv_destroy_cq(ch->cq);
	if (ch->mr)
		ibv_dereg_mr(ch->mr);
	if (ch->mem)
		munmap(ch->mem, MEM_LEN);
	rdma_destroy_id(ch->id);
	rdma_destroy_event_channel(ch->events);
	free(ch);
}

void hosts_free(void)
{
	struct cmd *c;

	for (unsigned int i = 0; i < N_HOSTS; i++)
		for (unsigned int k = 0; k < HOST_CHANNELS; k++)
			if (hosts[i].chan[k])
				chan_free(hosts[i].chan[k]);
	while ((c = TAILQ_FIRST(&all_cmds)))
		cmd_free(c);
}

void hosts_check_rest(void)
{
	struct cmd *c;

	for (unsigned int i = 0; i < N_HOSTS; i++)
		for (unsigned int k = 0; k < HOST_CHANNELS; k++)
			if (hosts[i].chan[k])
				chan_reap(hosts[i].chan[k], true);
	TAILQ_FOREACH(c, &all_cmds, link)
		require(!c->chan || c->chan->state != CHAN_LIVE || c->excused,
			"c%u: command %#llx is never answered", c->chan->serial,
			(unsigned long long)c->tag);
	for (unsigned int i = 0; i < N_HOSTS; i++)
		for (unsigned int k = 0; k < HOST_CHANNELS; k++) {
			const struct chan *ch = hosts[i].chan[k];

			if (!ch || ch->state != CHAN_LIVE || chan_n_open(ch) > 0)
				continue;
			require(ch->credits == ch->granted, "c%u: %d credits of %d are left at rest",
				ch->serial, ch->credits, ch->granted);
		}
}
