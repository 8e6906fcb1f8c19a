/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verbs objects of one channel and its two rings. The target does all RDMA, so only data
 * buffers and indirect tables carry REMOTE rights; the rings have none. Sends complete in order,
 * so only every fourth part of the ring asks for a completion.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "srpio/priv.h"

enum { WR_KIND_SHIFT = 32 };

int mem_register(struct ibv_pd *pd, struct srpi_mem *mem, size_t len, int access)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int rc;

	if (p == MAP_FAILED)
		return -ENOMEM;
	mem->mr = ibv_reg_mr(pd, p, len, access);
	if (!mem->mr) {
		rc = errno ? -errno : -ENOMEM;
		munmap(p, len);
		return rc;
	}
	mem->addr = p;
	mem->len = len;
	return 0;
}

int srpi_mem_alloc(struct srpi_session *s, struct srpi_mem *mem, size_t len)
{
	int rc;

	memset(mem, 0, sizeof(*mem));
	if (!s->pd)
		return session_error(s, -ENOTCONN, "no channel was ever connected");
	rc = mem_register(s->pd, mem, len,
			  IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ |
				  IBV_ACCESS_REMOTE_WRITE);
	if (rc)
		session_error(s, rc, "cannot register %zu bytes of memory: %s", len, strerror(-rc));
	return rc;
}

void srpi_mem_free(struct srpi_mem *mem)
{
	if (mem->mr)
		ibv_dereg_mr(mem->mr);
	if (mem->addr)
		munmap(mem->addr, mem->len);
	memset(mem, 0, sizeof(*mem));
}

static int session_verbs(struct srpi_session *s, struct ibv_context *verbs)
{
	if (s->verbs && s->verbs != verbs)
		return session_error(s, -EXDEV, "the route goes through another device than the "
						"session's first channel");
	if (s->verbs)
		return 0;
	s->pd = ibv_alloc_pd(verbs);
	if (!s->pd)
		return session_error(s, -errno, "ibv_alloc_pd: %s", strerror(errno));
	s->comp = ibv_create_comp_channel(verbs);
	if (!s->comp)
		return session_error(s, -errno, "ibv_create_comp_channel: %s", strerror(errno));
	s->verbs = verbs;
	return 0;
}

/* Answers to the target, which cost no credit. */
enum { TX_SPARE = 4 };

/* A power of two, so that positions may wrap. */
static uint32_t ring_size(uint32_t least)
{
	return 1u << (32 - __builtin_clz(least - 1));
}

static uint32_t tx_buf_len(const struct srpi_channel *ch)
{
	return (MAX(ch->login.it_iu_len, (uint32_t)SRPI_RX_LEN) + 63) & ~63u;
}

static void set_depths(struct srpi_channel *ch, uint32_t queue_size)
{
	ch->n_slots = queue_size + SRPI_TMF_SLOTS;
	ch->tx_n = ring_size(ch->n_slots + ch->n_slots / 4 + TX_SPARE);
	ch->rx_n = ch->n_slots + 2;
}

/* As many commands at a time as were asked for, or as the device's queues allow. */
static void fit_device(struct srpi_channel *ch)
{
	uint32_t queue_size = ch->session->params.queue_size;
	struct ibv_device_attr dev;

	set_depths(ch, queue_size);
	if (ibv_query_device(ch->id->verbs, &dev))
		return;
	while (queue_size > 1 && (ch->tx_n > (uint32_t)dev.max_qp_wr ||
				  ch->rx_n > (uint32_t)dev.max_qp_wr ||
				  ch->tx_n + ch->rx_n > (uint32_t)dev.max_cqe))
		set_depths(ch, --queue_size);
}

static int channel_alloc(struct srpi_channel *ch)
{
	uint32_t i;

	fit_device(ch);
	ch->tx_len = tx_buf_len(ch);
	ch->slots = calloc(ch->n_slots, sizeof(*ch->slots));
	ch->free_slots = calloc(ch->n_slots, sizeof(*ch->free_slots));
	if (!ch->slots || !ch->free_slots)
		return -ENOMEM;
	for (i = 0; i < ch->n_slots; i++)
		ch->free_slots[i] = (uint16_t)(ch->n_slots - 1 - i);
	ch->n_free = ch->n_slots;
	return 0;
}

static int channel_rings(struct srpi_channel *ch)
{
	struct ibv_pd *pd = ch->session->pd;
	size_t table = (size_t)ch->session->params.layout.sg * SRP_DIRECT_DESC_LEN;
	uint32_t i;
	int rc;

	rc = mem_register(pd, &ch->tx, (size_t)ch->tx_n * ch->tx_len, IBV_ACCESS_LOCAL_WRITE);
	if (!rc)
		rc = mem_register(pd, &ch->rx, (size_t)ch->rx_n * SRPI_RX_LEN,
				  IBV_ACCESS_LOCAL_WRITE);
	if (!rc)
		rc = mem_register(pd, &ch->tables, ch->n_slots * 2 * table,
				  IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ);
	for (i = 0; !rc && i < ch->rx_n; i++)
		rc = channel_repost(ch, i);
	return rc;
}

static int channel_qp(struct srpi_channel *ch)
{
	struct ibv_qp_init_attr attr = {
		.qp_type = IBV_QPT_RC,
		.cap = { .max_send_wr = ch->tx_n,
			 .max_recv_wr = ch->rx_n,
			 .max_send_sge = 1,
			 .max_recv_sge = 1 },
	};

	ch->cq = ibv_create_cq(ch->id->verbs, (int)(ch->tx_n + ch->rx_n), ch, ch->session->comp, 0);
	if (!ch->cq)
		return session_error(ch->session, -errno, "ibv_create_cq (%u entries): %s",
				     ch->tx_n + ch->rx_n, strerror(errno));
	attr.send_cq = ch->cq;
	attr.recv_cq = ch->cq;
	if (rdma_create_qp(ch->id, ch->session->pd, &attr))
		return session_error(ch->session, -errno, "rdma_create_qp: %s", strerror(errno));
	return 0;
}

int channel_create(struct srpi_channel *ch)
{
	int rc = session_verbs(ch->session, ch->id->verbs);

	if (!rc)
		rc = channel_alloc(ch);
	if (!rc)
		rc = channel_qp(ch);
	if (!rc) {
		rc = channel_rings(ch);
		if (rc)
			session_error(ch->session, rc, "cannot register the rings: %s",
				      strerror(-rc));
	}
	return rc;
}

void channel_destroy(struct srpi_channel *ch)
{
	if (ch->id && ch->id->qp)
		rdma_destroy_qp(ch->id);
	if (ch->id)
		rdma_destroy_id(ch->id);
	if (ch->cq)
		ibv_destroy_cq(ch->cq);
	srpi_mem_free(&ch->tx);
	srpi_mem_free(&ch->rx);
	srpi_mem_free(&ch->tables);
	free(ch->slots);
	free(ch->free_slots);
	free(ch);
}

int channel_repost(struct srpi_channel *ch, uint32_t index)
{
	struct ibv_sge sge = { .addr = (uintptr_t)ch->rx.addr + (uintptr_t)index * SRPI_RX_LEN,
			       .length = SRPI_RX_LEN,
			       .lkey = ch->rx.mr->lkey };
	struct ibv_recv_wr wr = { .wr_id = 1ull << WR_KIND_SHIFT | index,
				  .sg_list = &sge,
				  .num_sge = 1 };
	struct ibv_recv_wr *bad;

	return -ibv_post_recv(ch->id->qp, &wr, &bad);
}

uint8_t *channel_tx_buf(struct srpi_channel *ch, uint32_t reserve)
{
	if (ch->tx_head - ch->tx_tail + reserve >= ch->tx_n)
		return NULL;
	return ch->tx.addr + (size_t)(ch->tx_head % ch->tx_n) * ch->tx_len;
}

int channel_tx_post(struct srpi_channel *ch, size_t len)
{
	struct ibv_sge sge = { .addr = (uintptr_t)channel_tx_buf(ch, 0),
			       .length = (uint32_t)len,
			       .lkey = ch->tx.mr->lkey };
	struct ibv_send_wr wr = { .wr_id = ch->tx_head,
				  .sg_list = &sge,
				  .num_sge = 1,
				  .opcode = IBV_WR_SEND };
	struct ibv_send_wr *bad;
	int rc;

	if (++ch->tx_unsignalled >= ch->tx_n / 4) {
		wr.send_flags = IBV_SEND_SIGNALED;
		ch->tx_unsignalled = 0;
	}
	rc = ibv_post_send(ch->id->qp, &wr, &bad);
	if (!rc)
		ch->tx_head++;
	return -rc;
}

/* seq is the low half of the wr_id of a send that has completed, and all before it have. */
void channel_tx_done(struct srpi_channel *ch, uint32_t seq)
{
	ch->tx_tail = seq + 1;
}

void channel_fail(struct srpi_channel *ch, const char *fmt, ...)
{
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_ERR };
	char why[192];
	va_list ap;

	if (ch->state == CHANNEL_CLOSED)
		return;
	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	session_error(ch->session, -ECONNRESET, "channel %u: %s", ch->index, why);
	ch->state = CHANNEL_CLOSED;
	if (ch->id->qp) {
		ibv_modify_qp(ch->id->qp, &attr, IBV_QP_STATE);
		rdma_disconnect(ch->id);
	}
	tasks_fail_all(ch);
}

void srpi_channel_close(struct srpi_channel *ch)
{
	channel_fail(ch, "closed");
}

int srpi_send_iu(struct srpi_channel *ch, const void *iu, size_t len)
{
	uint8_t *buf;

	if (ch->state != CHANNEL_LIVE)
		return -ENOTCONN;
	if (len > ch->tx_len)
		return -EMSGSIZE;
	buf = channel_tx_buf(ch, 0);
	if (!buf)
		return -EAGAIN;
	memcpy(buf, iu, len);
	return channel_tx_post(ch, len);
}
