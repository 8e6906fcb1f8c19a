/*
 * Devices and contexts: what ibv_query_* says.
 *
 * Knows: attributes, GID and P_Key tables.
 * Does not know: queue pairs.
 *
 * abi_compat stays NULL, so that the inline functions of verbs.h for extended verbs
 * fall back to the plain ones or fail with EOPNOTSUPP.
 */
#include "simfab.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GUID_BASE 0x0200534600000000u
static struct sf_dev devices[SF_MAX_DEVICES];
static pthread_once_t devices_once = PTHREAD_ONCE_INIT;

static void devices_init(void)
{
	for (int i = 0; i < SF_MAX_DEVICES; i++) {
		struct sf_dev *d = &devices[i];

		d->prof = profile_get();
		d->index = i;
		d->v.node_type = d->prof->iwarp ? IBV_NODE_RNIC : IBV_NODE_CA;
		d->v.transport_type = d->prof->iwarp ? IBV_TRANSPORT_IWARP : IBV_TRANSPORT_IB;
		snprintf(d->v.name, sizeof(d->v.name), "simfab%d", i);
		snprintf(d->v.dev_name, sizeof(d->v.dev_name), "uverbs_simfab%d", i);
		snprintf(d->v.dev_path, sizeof(d->v.dev_path), "/nonexistent/simfab%d", i);
		snprintf(d->v.ibdev_path, sizeof(d->v.ibdev_path), "/nonexistent/simfab%d", i);
	}
}

struct sf_dev *dev_get(int index)
{
	pthread_once(&devices_once, devices_init);
	return index < profile_devices() ? &devices[index] : NULL;
}

/*
 * Stepping: every device is whole again; the first has the limits of a profile, the others those of
 * an ample one of the same kind.
 */
void dev_restart(const struct sf_profile *prof)
{
	for (int i = 0; i < profile_devices(); i++) {
		struct sf_dev *d = dev_get(i);

		if (i > 0)
			prof = profile_find(prof->iwarp ? "siw" : "hca");
		d->prof = prof;
		d->v.node_type = prof->iwarp ? IBV_NODE_RNIC : IBV_NODE_CA;
		d->v.transport_type = prof->iwarp ? IBV_TRANSPORT_IWARP : IBV_TRANSPORT_IB;
		d->port_down = d->removed = false;
		memset(&d->cnt, 0, sizeof(d->cnt));
	}
	list_for_each (pos, &fab.contexts)
		async_forget(sf_container(pos, struct sf_ctx, node), NULL);
}

static struct sf_dev *dev_of(struct ibv_device *v)
{
	return sf_container(v, struct sf_dev, v);
}

static struct sf_ctx *ctx_of(struct ibv_context *v)
{
	return sf_container(v, struct sf_ctx, v);
}

/* Every process of a node sees the same device: the GUID follows the node's address. */
uint64_t dev_guid(int index)
{
	struct sockaddr_storage sa;
	union ibv_gid gid;
	uint32_t low;

	node_device_addr(index, &sa);
	sa_to_gid((struct sockaddr *)&sa, &gid);
	memcpy(&low, gid.raw + 12, sizeof(low));
	return GUID_BASE | be32toh(low);
}

/* ---- InfiniBand ports ---- */
/* The interface id of a GID is the port GUID, and that has the node's IPv4 address. */
void gid_of_addr(const struct sockaddr *sa, union ibv_gid *gid)
{
	uint32_t low;

	sa_to_gid(sa, gid);
	memcpy(&low, gid->raw + 12, sizeof(low));
	gid->global.subnet_prefix = htobe64(0xfe80000000000000u);
	gid->global.interface_id = htobe64(GUID_BASE | be32toh(low));
}

bool gid_to_addr(const union ibv_gid *gid, struct sockaddr_storage *sa)
{
	uint64_t guid = be64toh(gid->global.interface_id);
	struct sockaddr_in *in = (struct sockaddr_in *)(void *)sa;

	memset(sa, 0, sizeof(*sa));
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htobe32((uint32_t)guid);
	return be64toh(gid->global.subnet_prefix) == 0xfe80000000000000u &&
	       guid >> 32 == GUID_BASE >> 32;
}

/* Unicast LIDs end at BFFFh (IBA 4.1.3). */
uint16_t gid_lid(const union ibv_gid *gid)
{
	uint16_t lid = (uint16_t)(be64toh(gid->global.interface_id) & 0x3fff);

	return lid ? lid : 0x4000;
}

static uint16_t pkey_table[SF_PKEYS];
static int n_pkeys;
static pthread_once_t pkeys_once = PTHREAD_ONCE_INIT;

static void parse_pkeys(void)
{
	const char *s = getenv("SIMFAB_PKEYS");
	char *end;

	if (!s || !*s || !profile_get()->ib)
		s = "ffff";
	do {
		unsigned long v = strtoul(s, &end, 16);

		if (end == s || v > 0xffff || !(v & 0x7fff) || n_pkeys == SF_PKEYS) {
			fprintf(stderr, "simfab: SIMFAB_PKEYS: 1 to %d P_Keys\n", SF_PKEYS);
			exit(2);
		}
		pkey_table[n_pkeys++] = (uint16_t)v;
		s = end + 1;
	} while (*end == ',');
}

int dev_pkeys(uint16_t table[SF_PKEYS])
{
	pthread_once(&pkeys_once, parse_pkeys);
	memcpy(table, pkey_table, sizeof(pkey_table));
	return n_pkeys;
}

/* Full membership is preferred where the table has both. */
int dev_pkey_index(uint16_t pkey)
{
	uint16_t table[SF_PKEYS];
	int n = dev_pkeys(table), found = -1;

	for (int i = 0; i < n; i++) {
		if ((table[i] ^ pkey) & 0x7fff)
			continue;
		if (table[i] & 0x8000)
			return i;
		found = i;
	}
	return found;
}

/* Two limited members do not match (IBA 10.9.3). */
bool dev_pkey_takes(uint16_t pkey)
{
	uint16_t table[SF_PKEYS];
	int i = dev_pkey_index(pkey);

	dev_pkeys(table);
	return i >= 0 && (table[i] | pkey) & 0x8000;
}

SF_EXPORT struct ibv_device **ibv_get_device_list(int *num)
{
	int n = profile_devices();
	struct ibv_device **list = calloc((size_t)n + 1, sizeof(struct ibv_device *));

	if (!list)
		return NULL;
	for (int i = 0; i < n; i++)
		list[i] = &dev_get(i)->v;
	if (num)
		*num = n;
	return list;
}

SF_EXPORT void ibv_free_device_list(struct ibv_device **list)
{
	free(list);
}

SF_EXPORT const char *ibv_get_device_name(struct ibv_device *device)
{
	return device->name;
}

SF_EXPORT int ibv_get_device_index(struct ibv_device *device)
{
	return dev_of(device)->index + 1;
}

SF_EXPORT __be64 ibv_get_device_guid(struct ibv_device *device)
{
	return htobe64(dev_guid(dev_of(device)->index));
}

struct ibv_context *dev_open(struct sf_dev *dev)
{
	struct sf_ctx *ctx;

	if (fab_start())
		return NULL;
	ctx = calloc(1, sizeof(*ctx));
	if (!ctx || evq_init(&ctx->async)) {
		free(ctx);
		return NULL;
	}
	ctx->dev = dev;
	ctx->v.device = &dev->v;
	ctx->v.cmd_fd = -1;
	ctx->v.async_fd = ctx->async.fd;
	ctx->v.num_comp_vectors = 4;
	pthread_mutex_init(&ctx->v.mutex, NULL);
	ctx->v.ops.poll_cq = cq_poll;
	ctx->v.ops.req_notify_cq = cq_req_notify;
	ctx->v.ops.post_send = post_send;
	ctx->v.ops.post_recv = post_recv;
	ctx->v.ops.post_srq_recv = srq_post_recv;
	fab_lock();
	list_add_tail(&fab.contexts, &ctx->node);
	fab_unlock();
	return &ctx->v;
}

SF_EXPORT struct ibv_context *ibv_open_device(struct ibv_device *device)
{
	if (dev_of(device)->removed) {
		errno = ENODEV;
		return NULL;
	}
	return dev_open(dev_of(device));
}

/* As the kernel does, closing takes what is left out of service instead of refusing. */
SF_EXPORT int ibv_close_device(struct ibv_context *context)
{
	struct sf_ctx *ctx = ctx_of(context);

	fab_lock();
	for (uint32_t i = 0; i < SF_QPS; i++) {
		struct sf_qp *qp = fab.qps[i];

		if (qp && qp->ctx == ctx) {
			qp_reset_queues(qp);
			fab.qps[i] = NULL;
		}
	}
	list_del(&ctx->node);
	fab_unlock();
	async_forget(ctx, NULL);
	evq_fini(&ctx->async);
	pthread_mutex_destroy(&ctx->v.mutex);
	free(ctx);
	return 0;
}

SF_EXPORT int ibv_query_device(struct ibv_context *context, struct ibv_device_attr *a)
{
	const struct sf_dev *dev = ctx_of(context)->dev;
	const struct sf_profile *p = dev->prof;
	uint16_t pkeys[SF_PKEYS];

	if (dev_dead(context))
		return EIO;
	*a = (struct ibv_device_attr){
		.node_guid = htobe64(dev_guid(dev->index)),
		.sys_image_guid = htobe64(dev_guid(dev->index)),
		.max_mr_size = UINT64_MAX,
		.page_size_cap = 0xfffff000,
		.hw_ver = 1,
		.max_qp = SF_QPS - 1,
		.max_qp_wr = p->max_qp_wr,
		.device_cap_flags = IBV_DEVICE_PORT_ACTIVE_EVENT | IBV_DEVICE_SYS_IMAGE_GUID |
				    IBV_DEVICE_RC_RNR_NAK_GEN |
				    (p->srq_resize ? IBV_DEVICE_SRQ_RESIZE : 0u),
		.max_sge = p->max_sge,
		.max_sge_rd = p->max_sge_rd,
		.max_cq = 65536,
		.max_cqe = p->max_cqe,
		.max_mr = 524288,
		.max_pd = 32768,
		.max_qp_rd_atom = p->rd_atom,
		.max_qp_init_rd_atom = p->rd_atom,
		.max_res_rd_atom = p->rd_atom * (int)SF_QPS,
		.atomic_cap = IBV_ATOMIC_NONE,
		.max_ah = 65536,
		.max_srq = p->max_srq,
		.max_srq_wr = p->max_srq_wr,
		.max_srq_sge = p->max_srq_sge,
		.max_pkeys = (uint16_t)dev_pkeys(pkeys),
		.local_ca_ack_delay = 15,
		.phys_port_cnt = 1,
	};
	snprintf(a->fw_ver, sizeof(a->fw_ver), "simfab-%s", p->name);
	return 0;
}

static int gid_count(const struct sf_dev *dev)
{
	return dev->prof->iwarp || dev->prof->ib ? 1 : SF_GIDS;
}

/* verbs.h hands in a whole struct ibv_port_attr, already zeroed. */
SF_EXPORT int ibv_query_port(struct ibv_context *context, uint8_t port,
			     struct _compat_ibv_port_attr *out)
{
	const struct sf_dev *dev = ctx_of(context)->dev;
	struct ibv_port_attr *a = (struct ibv_port_attr *)(void *)out;

	uint16_t pkeys[SF_PKEYS];

	if (dev_dead(context))
		return EIO;
	if (port != SF_PORT)
		return EINVAL;
	memset(a, 0, offsetof(struct ibv_port_attr, port_cap_flags2));
	a->state = dev->port_down ? IBV_PORT_DOWN : IBV_PORT_ACTIVE;
	a->phys_state = dev->port_down ? 3 : 5;
	a->max_mtu = IBV_MTU_4096;
	a->active_mtu = dev->prof->iwarp ? IBV_MTU_1024 : IBV_MTU_4096;
	a->gid_tbl_len = gid_count(dev);
	a->port_cap_flags = IBV_PORT_CM_SUP | (dev->prof->ib ? 0 : IBV_PORT_IP_BASED_GIDS);
	a->max_msg_sz = SF_MAX_MSG;
	a->pkey_tbl_len = (uint16_t)dev_pkeys(pkeys);
	a->max_vl_num = 1;
	a->active_width = 2;
	a->active_speed = 32;
	a->link_layer = IBV_LINK_LAYER_ETHERNET;
	if (dev->prof->ib) {
		union ibv_gid gid;

		dev_gid(dev->index, 0, &gid);
		a->link_layer = IBV_LINK_LAYER_INFINIBAND;
		a->lid = gid_lid(&gid);
		a->sm_lid = 1;
		a->subnet_timeout = 18;
	}
	return 0;
}

void dev_gid(int index, int gid_index, union ibv_gid *gid)
{
	struct sockaddr_storage sa;

	if (gid_index >= 2) {
		node_device_addr(index, &sa);
		sa_to_gid((struct sockaddr *)&sa, gid);
		return;
	}
	gid->global.subnet_prefix = htobe64(0xfe80000000000000u);
	gid->global.interface_id = htobe64(dev_guid(index));
}

SF_EXPORT int ibv_query_gid(struct ibv_context *context, uint8_t port, int index,
			    union ibv_gid *gid)
{
	const struct sf_dev *dev = ctx_of(context)->dev;

	if (port != SF_PORT || index < 0 || index >= gid_count(dev)) {
		errno = EINVAL;
		return -1;
	}
	dev_gid(dev->index, index, gid);
	return 0;
}

static uint32_t gid_type(const struct sf_dev *dev, uint32_t index)
{
	if (dev->prof->iwarp || dev->prof->ib)
		return IBV_GID_TYPE_IB;
	return index & 1 ? IBV_GID_TYPE_ROCE_V2 : IBV_GID_TYPE_ROCE_V1;
}

SF_EXPORT int _ibv_query_gid_ex(struct ibv_context *context, uint32_t port, uint32_t index,
				struct ibv_gid_entry *entry, uint32_t flags, size_t size)
{
	const struct sf_dev *dev = ctx_of(context)->dev;
	struct ibv_gid_entry e = { .gid_index = index, .port_num = port, .ndev_ifindex = 1 };

	if (flags || size < sizeof(e))
		return EOPNOTSUPP;
	if (port != SF_PORT || index >= (uint32_t)gid_count(dev))
		return EINVAL;
	dev_gid(dev->index, (int)index, &e.gid);
	e.gid_type = gid_type(dev, index);
	memcpy(entry, &e, sizeof(e));
	return 0;
}

SF_EXPORT ssize_t _ibv_query_gid_table(struct ibv_context *context, struct ibv_gid_entry *entries,
				       size_t max, uint32_t flags, size_t size)
{
	size_t n = (size_t)gid_count(ctx_of(context)->dev);

	if (max < n)
		return -EINVAL;
	for (uint32_t i = 0; i < n; i++) {
		int rc = _ibv_query_gid_ex(context, SF_PORT, i, &entries[i], flags, size);

		if (rc)
			return -rc;
	}
	return (ssize_t)n;
}

/* Private to rdma-core, but perftest asks: 0 is IB or RoCE v1, 1 is RoCE v2. */
int ibv_query_gid_type(struct ibv_context *context, uint8_t port, unsigned int index,
		       unsigned int *type);

SF_EXPORT int ibv_query_gid_type(struct ibv_context *context, uint8_t port, unsigned int index,
				 unsigned int *type)
{
	const struct sf_dev *dev = ctx_of(context)->dev;

	if (port != SF_PORT || index >= (unsigned int)gid_count(dev)) {
		errno = EINVAL;
		return -1;
	}
	*type = gid_type(dev, index) == IBV_GID_TYPE_ROCE_V2;
	return 0;
}

SF_EXPORT int ibv_query_pkey(struct ibv_context *context, uint8_t port, int index, __be16 *pkey)
{
	uint16_t table[SF_PKEYS];

	(void)context;
	if (port != SF_PORT || index < 0 || index >= dev_pkeys(table)) {
		errno = EINVAL;
		return -1;
	}
	*pkey = htons(table[index]);
	return 0;
}

SF_EXPORT int ibv_get_pkey_index(struct ibv_context *context, uint8_t port, __be16 pkey)
{
	(void)context;
	uint16_t table[SF_PKEYS];
	int n = dev_pkeys(table);

	for (int i = 0; port == SF_PORT && i < n; i++)
		if (pkey == htons(table[i]))
			return i;
	errno = EINVAL;
	return -1;
}

/* ---- what would reach into the kernel ---- */
SF_EXPORT struct ibv_context *ibv_import_device(int cmd_fd)
{
	(void)cmd_fd;
	errno = EOPNOTSUPP;
	return NULL;
}

SF_EXPORT int ibv_resolve_eth_l2_from_gid(struct ibv_context *context, struct ibv_ah_attr *attr,
					  uint8_t eth_mac[ETHERNET_LL_SIZE], uint16_t *vid)
{
	(void)context, (void)attr, (void)eth_mac, (void)vid;
	return -EOPNOTSUPP;
}

SF_EXPORT int ibv_fork_init(void)
{
	return 0;
}

SF_EXPORT enum ibv_fork_status ibv_is_fork_initialized(void)
{
	return IBV_FORK_UNNEEDED;
}

SF_EXPORT int simfab_device_counters(struct ibv_context *context, struct simfab_counters *out)
{
	struct sf_dev *dev = ctx_of(context)->dev;
	uint64_t *sum = (uint64_t *)(void *)out;

	fab_lock();
	*out = dev->cnt;
	for (uint32_t i = 0; i < SF_QPS; i++) {
		struct sf_qp *qp = fab.qps[i];
		const uint64_t *add = qp ? (const uint64_t *)(const void *)&qp->cnt : NULL;

		for (size_t k = 0; add && qp->ctx->dev == dev && k < sizeof(*out) / 8; k++)
			sum[k] += add[k];
	}
	fab_unlock();
	return 0;
}

/* SIMFAB_COUNTERS: what the program's devices have seen, when it ends; its queue pairs are gone. */
void dev_print_counters(void)
{
	for (int i = 0; i < SF_MAX_DEVICES; i++) {
		const struct simfab_counters *c = &devices[i].cnt;

		if (c->tx_packets || c->rx_packets)
			fprintf(stderr, "simfab%d: %llu RNR NAKs sent, %llu received\n", i,
				(unsigned long long)c->rnr_nak_sent,
				(unsigned long long)c->rnr_nak_rcvd);
	}
}
