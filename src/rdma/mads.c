/* SPDX-License-Identifier: BSD-2-Clause */
/* Management datagrams by libibumad, see mads.h. */
#include "rdma/mads.h"

#include <endian.h>
#include <errno.h>
#include <infiniband/umad.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/log.h"

enum {
	RING_LEN = 512,
	WAIT_MS = 200, /* a receiving thread looks whether it is to stop */
	CM_METHOD = 3,
	GET_METHOD = 1,
	SET_METHOD = 2,
	NODE_TYPE_CA = 1,
	PORT_ACTIVE = 4,
};

/* What a receiving thread hands on. */
struct mads_in {
	struct mad_addr addr;
	int agent; /* libibumad's id */
	int status;
	uint8_t mad[MAD_LEN];
};

/* A packet of libibumad: its header, of a length known at run time only, and the MAD. */
struct packet {
	_Alignas(8) uint8_t bytes[sizeof(struct ib_user_mad) + MAD_LEN];
};

/* ---- receiving ---- */

static void take_addr(const struct mads_port *port, const struct ib_mad_addr *from,
		      struct mad_addr *to)
{
	*to = (struct mad_addr){
		.port = (uint32_t)(port - port->mads->port),
		.lid = be16toh(from->lid),
		.sl = from->sl,
		.path_bits = from->path_bits,
		.qpn = be32toh(from->qpn),
		.pkey_index = from->pkey_index,
		.grh = from->grh_present,
		.gid_index = from->gid_index,
		.hop_limit = from->hop_limit,
		.tclass = from->traffic_class,
		.flow_label = be32toh(from->flow_label),
	};
	memcpy(to->gid, from->gid, sizeof(to->gid));
}

/* MADs are unreliable datagrams: one that finds no room is lost, and its sender tries again. */
static void push(struct mads_port *port, int agent, struct packet *p)
{
	struct mads *mads = port->mads;
	uint64_t one = 1;
	struct mads_in *in;

	pthread_mutex_lock(&mads->lock);
	if (mads->count == RING_LEN) {
		mads->dropped++;
	} else {
		in = &mads->ring[(mads->head + mads->count++) % RING_LEN];
		take_addr(port, umad_get_mad_addr(p->bytes), &in->addr);
		in->agent = agent;
		in->status = umad_status(p->bytes);
		memcpy(in->mad, umad_get_mad(p->bytes), MAD_LEN);
		if (write(mads->fd, &one, sizeof(one)) < 0) {
			/* at its maximum: it is readable all the same */
		}
	}
	pthread_mutex_unlock(&mads->lock);
}

/* An answer longer than a MAD is to nobody's question here; it must be fetched to be rid of it. */
static void discard_long(struct mads_port *port, int len)
{
	void *buf = len > 0 ? calloc(1, umad_size() + (size_t)len) : NULL;

	if (buf)
		umad_recv(port->fd, buf, &len, 0);
	free(buf);
}

static void *receive_main(void *arg)
{
	struct mads_port *port = arg;
	struct packet p;

	pthread_setname_np(pthread_self(), "srptd-mad");
	while (!port->mads->stop) {
		int len = MAD_LEN;
		int ret = umad_recv(port->fd, p.bytes, &len, WAIT_MS);

		if (ret >= 0 && len == MAD_LEN)
			push(port, ret, &p);
		else if (ret == -ENOSPC)
			discard_long(port, len);
		else if (ret == -EIO || ret == -ENODEV || ret == -EBADF)
			break;
	}
	port->dead = true;
	return NULL;
}

static int start_thread(struct mads_port *port)
{
	sigset_t all, old;
	int ret;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = pthread_create(&port->thread, NULL, receive_main, port);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	port->running = ret == 0;
	return -ret;
}

static bool pop(struct mads *mads, struct mads_in *out)
{
	bool some;
	uint64_t count;

	pthread_mutex_lock(&mads->lock);
	some = mads->count > 0;
	if (some) {
		*out = mads->ring[mads->head];
		mads->head = (mads->head + 1) % RING_LEN;
		mads->count--;
	} else if (read(mads->fd, &count, sizeof(count)) < 0) {
		/* nothing was announced */
	}
	pthread_mutex_unlock(&mads->lock);
	return some;
}

void mads_handle(struct mads *mads)
{
	struct mads_in in;

	/* as many as the ring holds: who floods us does not keep us here */
	for (unsigned int i = 0; i < RING_LEN && pop(mads, &in); i++) {
		const struct mads_port *port = &mads->port[in.addr.port];
		int agent = 0;

		while (agent < MADS_N_AGENTS && port->agent[agent] != in.agent)
			agent++;
		if (agent == MADS_N_AGENTS)
			continue;
		if (!in.status)
			mads->ops->received(mads->owner, (enum mads_agent)agent, &in.addr, in.mad,
					    MAD_LEN);
		else if (in.status == ETIMEDOUT)
			mads->ops->timed_out(mads->owner, (enum mads_agent)agent, &in.addr, in.mad);
	}
}

/* ---- sending ---- */

int mads_send(struct mads *mads, enum mads_agent agent, const struct mad_addr *to,
	      const uint8_t mad[MAD_LEN], int timeout_ms, int retries)
{
	struct mads_port *port = &mads->port[to->port];
	struct packet p = { { 0 } };
	struct ib_mad_addr *addr = umad_get_mad_addr(p.bytes);
	int ret;

	if (port->fd < 0 || port->dead || port->agent[agent] < 0)
		return -ENODEV;
	umad_set_addr(p.bytes, to->lid, (int)to->qpn, to->sl, (int)MAD_QKEY);
	umad_set_pkey(p.bytes, to->pkey_index);
	addr->path_bits = to->path_bits;
	if (to->grh) { /* umad_set_grh() of rdma-core 44 forgets the index */
		addr->grh_present = 1;
		addr->gid_index = to->gid_index;
		addr->hop_limit = to->hop_limit;
		addr->traffic_class = to->tclass;
		addr->flow_label = htobe32(to->flow_label);
		memcpy(addr->gid, to->gid, sizeof(addr->gid));
	}
	memcpy(umad_get_mad(p.bytes), mad, MAD_LEN);
	ret = umad_send(port->fd, port->agent[agent], p.bytes, MAD_LEN, timeout_ms, retries);
	if (ret < 0)
		log_dbg(LOGC_CM, "%s port %d: cannot send a MAD to LID %u: %s", port->device,
			port->num, to->lid, strerror(errno));
	return ret < 0 ? -errno : 0;
}

/* ---- ports ---- */

static void take_gids(struct mads_port *port)
{
	port->n_gids = 1;
	if (!port->verbs)
		return;
	for (int i = 1; i < MADS_MAX_GIDS; i++) {
		union ibv_gid gid;

		if (ibv_query_gid(port->verbs, (uint8_t)port->num, i, &gid))
			break;
		if (gid.global.interface_id)
			memcpy(port->gids[port->n_gids++], gid.raw, 16);
	}
}

static void take_info(struct mads_port *port, const umad_port_t *info)
{
	port->active = info->state == PORT_ACTIVE;
	port->lid = (uint16_t)info->base_lid;
	port->sm_lid = (uint16_t)info->sm_lid;
	port->sm_sl = (uint8_t)info->sm_sl;
	port->cap_mask = be32toh(info->capmask);
	port->port_guid = be64toh(info->port_guid);
	memcpy(port->gids[0], &info->gid_prefix, 8);
	memcpy(port->gids[0] + 8, &info->port_guid, 8);
	port->n_pkeys = MIN((size_t)info->pkeys_size, (size_t)MADS_MAX_PKEYS);
	for (size_t i = 0; i < port->n_pkeys; i++)
		port->pkeys[i] = info->pkeys[i];
	take_gids(port);
	port->refreshed_ns = clock_now_ns();
}

void mads_refresh(struct mads_port *port)
{
	umad_port_t info;

	if (port->refreshed_ns && clock_now_ns() - port->refreshed_ns < NSEC_PER_SEC)
		return;
	memset(&info, 0, sizeof(info));
	if (umad_get_port(port->device, port->num, &info) < 0)
		return;
	take_info(port, &info);
	umad_release_port(&info);
}

uint16_t mads_pkey(const struct mads_port *port, uint16_t index)
{
	return index < port->n_pkeys ? port->pkeys[index] : 0;
}

static struct ibv_context *open_device(const char *name)
{
	struct ibv_device **list = ibv_get_device_list(NULL);
	struct ibv_context *ctx = NULL;

	for (size_t i = 0; list && list[i] && !ctx; i++)
		if (strcmp(ibv_get_device_name(list[i]), name) == 0)
			ctx = ibv_open_device(list[i]);
	if (!ctx)
		log_warn("%s: cannot be opened for verbs: %s", name, strerror(errno));
	if (list)
		ibv_free_device_list(list);
	return ctx;
}

struct ibv_context *mads_verbs(struct mads_port *port)
{
	struct mads *mads = port->mads;
	struct mads_device *dev = &mads->device[mads->n_devices];

	for (unsigned int i = 0; i < mads->n_devices && !port->verbs; i++)
		if (strcmp(mads->device[i].name, port->device) == 0)
			port->verbs = mads->device[i].verbs;
	if (port->verbs || mads->n_devices == MADS_MAX_PORTS)
		return port->verbs;
	port->verbs = open_device(port->device);
	if (port->verbs) {
		memcpy(dev->name, port->device, sizeof(dev->name));
		dev->verbs = port->verbs;
		mads->n_devices++;
		take_gids(port);
	}
	return port->verbs;
}

/* Who has the class that we cannot have. */
static void refused(const struct mads_port *port, enum mads_agent agent)
{
	static const char *const text[] = {
		[MADS_DM] = "device management is taken, by the module ib_srpt (LIO or SCST) or "
			    "another target: initiators that ask this port do not find us",
		[MADS_CM] = "connections are the module ib_cm's: unload it, with rdma_cm and all "
			    "that use it, or say cm = \"af_ib\"",
		[MADS_SA] = "the subnet administrator cannot be asked",
	};

	log_warn("%s port %d: %s", port->device, port->num, text[agent]);
}

static void register_agents(struct mads_port *port)
{
	static const struct {
		uint8_t class, version;
		unsigned long methods; /* bit per method of requests that we take */
	} agents[] = {
		[MADS_DM] = { MAD_CLASS_DM, 1, 1ul << GET_METHOD | 1ul << SET_METHOD },
		[MADS_CM] = { MAD_CLASS_CM, 2, 1ul << CM_METHOD },
		[MADS_SA] = { MAD_CLASS_SA, 2, 0 },
	};

	for (int i = 0; i < MADS_N_AGENTS; i++) {
		long mask[16 / sizeof(long)] = { (long)agents[i].methods };

		port->agent[i] = -1;
		if (!port->mads->want[i])
			continue;
		port->agent[i] = umad_register(port->fd, agents[i].class, agents[i].version, 0,
					       agents[i].methods ? mask : NULL);
		if (port->agent[i] < 0)
			refused(port, (enum mads_agent)i);
	}
}

static void close_port(struct mads_port *port)
{
	if (port->running) {
		pthread_join(port->thread, NULL);
		port->mads->ops->port_down(port->mads->owner,
					   (unsigned int)(port - port->mads->port));
	}
	port->running = false;
	if (port->fd >= 0)
		umad_close_port(port->fd);
	port->fd = -1;
	port->verbs = NULL;
}

/* A device of the same name is another one when it comes. */
static void forget_device(struct mads *mads, const char *name)
{
	for (unsigned int i = 0; i < mads->n_devices; i++)
		if (strcmp(mads->device[i].name, name) == 0)
			mads->device[i].name[0] = '\0';
}

/* libibumad returns EIO whatever open(2) said. */
static void cannot_open(struct mads_port *port, int err)
{
	port->fd = -1;
	if (!port->told)
		log_warn("%s port %d: cannot send management datagrams: %s%s", port->device,
			 port->num, strerror(err),
			 err == EACCES || err == EPERM ? " (may srptd open /dev/infiniband/umad*?)"
						       : "");
	port->told = true;
}

static void open_port(struct mads_port *port)
{
	port->refreshed_ns = 0;
	port->dead = false;
	errno = EIO;
	port->fd = umad_open_port(port->device, port->num);
	if (port->fd < 0) {
		cannot_open(port, errno);
		return;
	}
	port->told = false;
	register_agents(port);
	mads_refresh(port);
	if (start_thread(port)) {
		close_port(port);
		return;
	}
	port->mads->ops->port_up(port->mads->owner, (unsigned int)(port - port->mads->port));
}

static struct mads_port *find_port(struct mads *mads, const char *device, int num)
{
	for (unsigned int i = 0; i < mads->n_ports; i++)
		if (mads->port[i].num == num && strcmp(mads->port[i].device, device) == 0)
			return &mads->port[i];
	return NULL;
}

static void found_port(struct mads *mads, const umad_port_t *info)
{
	struct mads_port *port = find_port(mads, info->ca_name, info->portnum);

	if (port && port->fd >= 0)
		return;
	if (!port) {
		if (mads->n_ports == MADS_MAX_PORTS)
			return;
		port = &mads->port[mads->n_ports++];
		*port = (struct mads_port){ .mads = mads, .num = info->portnum };
		memcpy(port->device, info->ca_name, sizeof(port->device) - 1);
	}
	open_port(port);
}

static bool is_infiniband(const umad_port_t *info)
{
	return strcmp(info->link_layer, "InfiniBand") == 0 || strcmp(info->link_layer, "IB") == 0;
}

void mads_rescan(struct mads *mads)
{
	char names[UMAD_MAX_DEVICES][UMAD_CA_NAME_LEN];
	int n = umad_get_cas_names(names, UMAD_MAX_DEVICES);

	for (unsigned int i = 0; i < mads->n_ports; i++)
		if (mads->port[i].dead && mads->port[i].fd >= 0) {
			log_warn("%s port %d: gone", mads->port[i].device, mads->port[i].num);
			close_port(&mads->port[i]);
			forget_device(mads, mads->port[i].device);
		}
	for (int i = 0; i < n; i++) {
		umad_ca_t ca;

		memset(&ca, 0, sizeof(ca));
		if (umad_get_ca(names[i], &ca) < 0)
			continue;
		for (int k = 0; k < UMAD_CA_MAX_PORTS && ca.node_type == NODE_TYPE_CA; k++)
			if (ca.ports[k] && is_infiniband(ca.ports[k]))
				found_port(mads, ca.ports[k]);
		umad_release_ca(&ca);
	}
}

int mads_start(struct mads *mads, const struct mads_ops *ops, void *owner,
	       const bool want[MADS_N_AGENTS])
{
	mads->ops = ops;
	mads->owner = owner;
	mads->stop = false;
	memcpy(mads->want, want, sizeof(mads->want));
	mads->ring = calloc(RING_LEN, sizeof(*mads->ring));
	if (!mads->ring)
		return -ENOMEM;
	mads->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (mads->fd < 0) {
		free(mads->ring);
		return -errno;
	}
	pthread_mutex_init(&mads->lock, NULL);
	umad_init();
	mads_rescan(mads);
	return 0;
}

void mads_stop(struct mads *mads)
{
	if (mads->fd < 0)
		return;
	mads->stop = true;
	for (unsigned int i = 0; i < mads->n_ports; i++)
		close_port(&mads->port[i]);
	for (unsigned int i = 0; i < mads->n_devices; i++)
		ibv_close_device(mads->device[i].verbs);
	umad_done();
	close(mads->fd);
	mads->fd = -1;
	free(mads->ring);
	pthread_mutex_destroy(&mads->lock);
}
