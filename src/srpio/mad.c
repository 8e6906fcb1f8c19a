/* SPDX-License-Identifier: BSD-2-Clause */
/* A client of InfiniBand management, see mad.h. */
#include "srpio/mad.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"

enum {
	RETRIES = 2,
	MAX_ANSWER = 8 << 20, /* a table of the subnet administrator */
	FIRST_ANSWER = 64 << 10,
	PKEY_BASE = 0x7fff,
	SLACK_MS = 2000, /* libibumad gives up later than it was told */
};

int mad_each_port(const char *device, void (*fn)(const umad_port_t *info, void *arg), void *arg)
{
	char names[UMAD_MAX_DEVICES][UMAD_CA_NAME_LEN];
	int n, found = 0;

	umad_init();
	n = umad_get_cas_names(names, UMAD_MAX_DEVICES);
	for (int i = 0; i < n; i++) {
		umad_ca_t ca;

		memset(&ca, 0, sizeof(ca));
		if ((device && strcmp(device, names[i]) != 0) || umad_get_ca(names[i], &ca) < 0)
			continue;
		for (int k = 0; k < UMAD_CA_MAX_PORTS; k++) {
			if (!ca.ports[k] || strcmp(ca.ports[k]->link_layer, "InfiniBand") != 0)
				continue;
			found++;
			fn(ca.ports[k], arg);
		}
		umad_release_ca(&ca);
	}
	return found;
}

static uint16_t default_pkey(const umad_port_t *info)
{
	for (unsigned int i = 0; i < info->pkeys_size; i++)
		if ((info->pkeys[i] & PKEY_BASE) == PKEY_BASE)
			return (uint16_t)i;
	return 0;
}

int mad_open(struct mad_port *port, const umad_port_t *info, int timeout_ms)
{
	*port = (struct mad_port){ .num = info->portnum, .timeout_ms = timeout_ms };
	port->info = *info; /* its table of P_Keys is borrowed */
	memcpy(port->device, info->ca_name, sizeof(port->device));
	port->default_pkey = default_pkey(info);
	port->packet_len = FIRST_ANSWER;
	port->packet = calloc(1, umad_size() + port->packet_len);
	port->fd = port->packet ? umad_open_port(port->device, port->num) : -ENOMEM;
	if (port->fd < 0) {
		free(port->packet);
		return port->fd;
	}
	port->sa_agent = umad_register(port->fd, MAD_CLASS_SA, SA_CLASS_VERSION, 1, NULL);
	port->dm_agent = umad_register(port->fd, MAD_CLASS_DM, DM_CLASS_VERSION, 0, NULL);
	if (port->sa_agent >= 0 && port->dm_agent >= 0)
		return 0;
	mad_close(port);
	return -EIO;
}

void mad_close(struct mad_port *port)
{
	umad_close_port(port->fd);
	free(port->packet);
}

static int send_mad(struct mad_port *port, int agent, uint16_t lid, int sl, uint16_t pkey_index,
		    const uint8_t mad[MAD_LEN])
{
	memset(port->packet, 0, umad_size());
	umad_set_addr(port->packet, lid, 1, sl, (int)MAD_QKEY);
	umad_set_pkey(port->packet, pkey_index);
	memcpy(umad_get_mad(port->packet), mad, MAD_LEN);
	return umad_send(port->fd, agent, port->packet, MAD_LEN, port->timeout_ms, RETRIES) < 0
		       ? -EIO
		       : 0;
}

static int grow_packet(struct mad_port *port, int len)
{
	void *more;

	if (len <= (int)port->packet_len || len > MAX_ANSWER)
		return -EMSGSIZE;
	more = realloc(port->packet, umad_size() + (size_t)len);
	if (!more)
		return -ENOMEM;
	port->packet = more;
	port->packet_len = (size_t)len;
	return 0;
}

/* The next packet, or request that timed out (*status is ETIMEDOUT then). Its length or -errno. */
static int next_packet(struct mad_port *port, int *status)
{
	int wait = port->timeout_ms * (RETRIES + 1) + SLACK_MS;
	int len, ret;

	for (;;) {
		len = (int)port->packet_len;
		ret = umad_recv(port->fd, port->packet, &len, wait);
		if (ret != -ENOSPC)
			break;
		ret = grow_packet(port, len);
		if (ret)
			return ret;
	}
	if (ret < 0)
		return ret;
	*status = umad_status(port->packet);
	return len;
}

/* The answer to the request with this transaction id. Its length or -errno. */
static int await(struct mad_port *port, uint32_t tid)
{
	for (;;) {
		struct mad_hdr hdr;
		int status, len = next_packet(port, &status);

		if (len < 0)
			return len;
		if (mad_hdr_parse(umad_get_mad(port->packet), (size_t)len, &hdr) ||
		    (uint32_t)hdr.tid != tid)
			continue;
		return status ? -status : len;
	}
}

int mad_sa(struct mad_port *port, struct sa_request *req, struct sa_answer *out)
{
	uint8_t mad[MAD_LEN];
	int len, ret;

	req->tid = ++port->tid;
	sa_request_build(mad, req);
	if (req->method == MAD_GET_TABLE) {
		mad[24] =
			1; /* RMPP version and type: data, as an answer in segments is asked for */
		mad[25] = 1;
	}
	ret = send_mad(port, port->sa_agent, (uint16_t)port->info.sm_lid, (int)port->info.sm_sl,
		       port->default_pkey, mad);
	len = ret ? ret : await(port, port->tid);
	if (len < 0)
		return len;
	if (sa_answer_parse(umad_get_mad(port->packet), (size_t)len, out) || out->attr != req->attr)
		return -EBADMSG;
	return out->status && out->status != SA_STATUS_NO_RECORDS ? -EPROTO : 0;
}

static int send_dm(struct mad_port *port, const struct mad_peer *peer, uint16_t attr, uint32_t mod)
{
	uint8_t mad[MAD_LEN];

	dm_request_build(mad, ++port->tid, MAD_GET, attr, mod);
	return send_mad(port, port->dm_agent, peer->lid, 0, peer->pkey_index, mad);
}

const uint8_t *mad_dm(struct mad_port *port, const struct mad_peer *peer, uint16_t attr,
		      uint32_t mod, uint16_t *status)
{
	int len = send_dm(port, peer, attr, mod) ? -EIO : await(port, port->tid);

	*status = MAD_STATUS_BUSY;
	if (len < 0)
		return NULL;
	return dm_answer_parse(umad_get_mad(port->packet), (size_t)len, attr, status);
}

void mad_dm_units(struct mad_port *port, const struct mad_peer *peers, size_t n,
		  void (*found)(size_t peer, const struct dm_io_unit_info *unit, void *arg),
		  void *arg)
{
	uint32_t first = port->tid + 1;
	size_t sent = 0, waiting = 0;

	while (sent < n || waiting) {
		struct dm_io_unit_info unit;
		struct mad_hdr hdr;
		const uint8_t *data;
		uint16_t mad_status;
		int status, len;

		while (sent < n && waiting < MAD_WINDOW)
			waiting += !send_dm(port, &peers[sent++], DM_IO_UNIT_INFO, 0);
		if (!waiting)
			continue;
		len = next_packet(port, &status);
		if (len < 0)
			return;
		if (mad_hdr_parse(umad_get_mad(port->packet), (size_t)len, &hdr) ||
		    (uint32_t)hdr.tid - first >= sent)
			continue;
		waiting--;
		data = status ? NULL
			      : dm_answer_parse(umad_get_mad(port->packet), (size_t)len,
						DM_IO_UNIT_INFO, &mad_status);
		if (!data)
			continue;
		dm_io_unit_info_parse(data, &unit);
		found((uint32_t)hdr.tid - first, &unit, arg);
	}
}
