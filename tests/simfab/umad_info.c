/*
 * libibumad: what it says of adapters and ports, which ports the net has, and the fields of a packet in memory.
 *
 * Does not know: agents and how MADs travel (umad.c).
 */
#include "umad.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node.h"

/* ---- ports of the net ---- */
static void add_port(struct net_port *list, unsigned int *n, const struct sockaddr *sa)
{
	struct net_port p;

	gid_of_addr(sa, &p.gid);
	p.lid = gid_lid(&p.gid);
	for (unsigned int i = 0; i < *n; i++)
		if (list[i].lid == p.lid)
			return;
	if (*n < NET_PORTS)
		list[(*n)++] = p;
}

static void add_node(struct net_port *list, unsigned int *n, unsigned int slot)
{
	struct sockaddr_storage sa;
	struct node_info info;

	if (slot == fab.slot) {
		for (int i = 0; i < profile_devices(); i++) {
			node_device_addr(i, &sa);
			add_port(list, n, (struct sockaddr *)&sa);
		}
		return;
	}
	if (node_read(slot, &info) || !node_alive(slot, info.nonce))
		return;
	for (uint32_t i = 0; i < info.naddr && i < NODE_ADDRS; i++)
		if (info.addr[i].ss_family == AF_INET)
			add_port(list, n, (struct sockaddr *)&info.addr[i]);
}

DIR *net_dir(void)
{
	int fd = openat(node_dir(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d && fd >= 0)
		close(fd);
	return d;
}

unsigned int net_ports(struct net_port list[NET_PORTS])
{
	unsigned int n = 0, slot;
	struct dirent *e;
	DIR *d = net_dir();

	while (d && (e = readdir(d)))
		if (sscanf(e->d_name, "n.%u", &slot) == 1)
			add_node(list, &n, slot);
	if (d)
		closedir(d);
	return n;
}

/* ---- adapters and ports ---- */
struct sf_dev *umad_dev(const char *name)
{
	for (int i = 0; i < SF_MAX_DEVICES; i++) {
		struct sf_dev *d = dev_get(i);

		if (d && !d->removed && (!name || !strcmp(d->v.name, name)))
			return d;
	}
	return NULL;
}

SF_EXPORT int umad_get_cas_names(char cas[][UMAD_CA_NAME_LEN], int max)
{
	int n = 0;

	for (int i = 0; i < SF_MAX_DEVICES && n < max; i++) {
		struct sf_dev *d = dev_get(i);

		if (d && !d->removed && !d->prof->iwarp)
			snprintf(cas[n++], UMAD_CA_NAME_LEN, "%.19s", d->v.name);
	}
	return n;
}

/* IsDeviceManagementSupported is for tests to set; IsCommunicationManagementSupported is ib_cm's. */
static uint32_t cap_mask(void)
{
	const char *dm = getenv("SIMFAB_IS_DM");

	return (dm && *dm == '1' ? 1u << 19 : 0) | (cm_present() ? 1u << 16 : 0);
}

static int fill_port(struct sf_dev *dev, umad_port_t *p)
{
	uint16_t table[SF_PKEYS];
	int n = dev_pkeys(table);
	union ibv_gid gid;

	if (fab_start())
		return -EIO;
	dev_gid(dev->index, 0, &gid);
	*p = (umad_port_t){
		.portnum = SF_PORT,
		.base_lid = dev->prof->ib ? gid_lid(&gid) : 0,
		.sm_lid = dev->prof->ib ? SM_LID : 0,
		.state = dev->port_down ? 1 : 4,
		.phys_state = dev->port_down ? 3 : 5,
		.rate = 100,
		.capmask = htobe32(cap_mask()),
		.gid_prefix = gid.global.subnet_prefix,
		.port_guid = gid.global.interface_id,
		.pkeys_size = (unsigned int)n,
		.pkeys = malloc(sizeof(table)),
	};
	if (!p->pkeys)
		return -ENOMEM;
	memcpy(p->pkeys, table, sizeof(table));
	snprintf(p->ca_name, sizeof(p->ca_name), "%.19s", dev->v.name);
	strcpy(p->link_layer, dev->prof->ib ? "InfiniBand" : "Ethernet");
	return 0;
}

SF_EXPORT int umad_get_port(const char *ca_name, int portnum, umad_port_t *port)
{
	struct sf_dev *dev = umad_dev(ca_name);

	if (!dev || portnum < 0 || portnum > SF_PORT)
		return -ENODEV;
	return fill_port(dev, port);
}

SF_EXPORT int umad_release_port(umad_port_t *port)
{
	free(port->pkeys);
	port->pkeys = NULL;
	return 0;
}

SF_EXPORT int umad_get_ca(const char *ca_name, umad_ca_t *ca)
{
	struct sf_dev *dev = umad_dev(ca_name);
	umad_port_t *p;

	if (!dev)
		return -ENODEV;
	p = calloc(1, sizeof(*p));
	if (!p || fill_port(dev, p)) {
		free(p);
		return -ENOMEM;
	}
	*ca = (umad_ca_t){ .node_type = 1, .numports = 1, .node_guid = p->port_guid,
			   .system_guid = p->port_guid };
	snprintf(ca->ca_name, sizeof(ca->ca_name), "%.19s", dev->v.name);
	ca->ports[SF_PORT] = p;
	return 0;
}

SF_EXPORT int umad_release_ca(umad_ca_t *ca)
{
	if (ca->ports[SF_PORT])
		umad_release_port(ca->ports[SF_PORT]);
	free(ca->ports[SF_PORT]);
	ca->ports[SF_PORT] = NULL;
	return 0;
}

/* ---- packets in memory ---- */
SF_EXPORT size_t umad_size(void)
{
	return sizeof(struct ib_user_mad);
}

SF_EXPORT void *umad_get_mad(void *umad)
{
	return ((struct ib_user_mad *)umad)->data;
}

SF_EXPORT int umad_status(void *umad)
{
	return (int)((struct ib_user_mad *)umad)->status;
}

SF_EXPORT ib_mad_addr_t *umad_get_mad_addr(void *umad)
{
	return &((struct ib_user_mad *)umad)->addr;
}

SF_EXPORT int umad_set_addr(void *umad, int dlid, int dqp, int sl, int qkey)
{
	struct ib_mad_addr *a = umad_get_mad_addr(umad);

	a->lid = htobe16((uint16_t)dlid);
	a->qpn = htobe32((uint32_t)dqp);
	a->sl = (uint8_t)sl;
	a->qkey = htobe32((uint32_t)qkey);
	return 0;
}

SF_EXPORT int umad_set_pkey(void *umad, int pkey_index)
{
	umad_get_mad_addr(umad)->pkey_index = (uint16_t)pkey_index;
	return 0;
}

SF_EXPORT int umad_get_pkey(void *umad)
{
	return umad_get_mad_addr(umad)->pkey_index;
}
