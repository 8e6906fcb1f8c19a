/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Vital product data pages (SPC-4 7.8, SBC-3 6.6): a table of page codes and builders. Every value
 * that another room enforces comes from the same limits as the checks.
 */
#include <inttypes.h>
#include <stdio.h>

#include "scsi/internal.h"

/* Writes what follows the four header bytes; returns its length. The buffer is zeroed. */
struct vpd_page {
	uint8_t code;
	size_t (*build)(const struct scsi_cmd *cmd, uint8_t *body);
};

static size_t supported_pages(const struct scsi_cmd *cmd, uint8_t *body);

static size_t unit_serial(const struct scsi_cmd *cmd, uint8_t *body)
{
	const char *serial = cmd->itl->lu->serial;
	size_t len = strlen(serial);

	memcpy(body, serial, len);
	return len;
}

/* ---- 83h, Device Identification: designators one after the other ---- */

enum { CODE_BINARY = 1, CODE_ASCII = 2, CODE_UTF8 = 3 };
enum { ASSOC_PORT = 0x10, PIV = 0x80, PROTOCOL_SRP = 0x40 };
enum {
	DESIGNATOR_T10 = 0x1,
	DESIGNATOR_EUI64 = 0x2,
	DESIGNATOR_NAA = 0x3,
	DESIGNATOR_REL_PORT = 0x4,
	DESIGNATOR_PORT_GROUP = 0x5,
	DESIGNATOR_SCSI_NAME = 0x8,
};

/* Header of a designator; returns where its len bytes of identifier go. */
static uint8_t *designator(uint8_t **pos, uint8_t code_set, uint8_t type, uint8_t len)
{
	uint8_t *head = *pos;

	head[0] = code_set;
	head[1] = type;
	head[3] = len;
	*pos = head + 4 + len;
	return head + 4;
}

/* Vendor, then what is unique under it: name and serial number. */
static void t10_id(const struct scsi_lu *lu, uint8_t **pos)
{
	char id[8 + sizeof(lu->name) + 1 + sizeof(lu->serial)];
	int len = snprintf(id, sizeof(id), "%-8s%s-%s", lu->vendor, lu->name, lu->serial);

	memcpy(designator(pos, CODE_ASCII, DESIGNATOR_T10, (uint8_t)len), id, (size_t)len);
}

/* "eui." or "naa." and hexadecimal digits, ended by at least one zero, a multiple of 4. */
static void scsi_name(const struct scsi_lu *lu, uint8_t **pos)
{
	bool longer = !lu->eui64 && scsi_naa_len(lu) == 16;
	uint8_t len = longer ? 40 : 24;
	char name[40] = { 0 };
	int n = snprintf(name, sizeof(name), "%s.%016" PRIX64, lu->eui64 ? "eui" : "naa",
			 lu->eui64 ? lu->eui64 : lu->naa);

	if (longer)
		snprintf(name + n, sizeof(name) - (size_t)n, "%016" PRIX64, lu->naa_low);
	memcpy(designator(pos, CODE_UTF8, DESIGNATOR_SCSI_NAME, len), name, len);
}

static void port_id(uint8_t **pos, uint8_t type, uint16_t value)
{
	uint8_t *id = designator(pos, PROTOCOL_SRP | CODE_BINARY, PIV | ASSOC_PORT | type, 4);

	be16_put(id + 2, value);
}

uint8_t *scsi_put_port_ids(const struct scsi_nexus *nexus, uint8_t *pos)
{
	port_id(&pos, DESIGNATOR_REL_PORT, nexus->rel_target_port);
	port_id(&pos, DESIGNATOR_PORT_GROUP, nexus->target_port_group);
	return pos;
}

static size_t device_id(const struct scsi_cmd *cmd, uint8_t *body)
{
	const struct scsi_lu *lu = cmd->itl->lu;
	uint8_t *pos = body;

	t10_id(lu, &pos);
	scsi_naa_put(lu, designator(&pos, CODE_BINARY, DESIGNATOR_NAA, (uint8_t)scsi_naa_len(lu)));
	if (lu->eui64)
		be64_put(designator(&pos, CODE_BINARY, DESIGNATOR_EUI64, 8), lu->eui64);
	scsi_name(lu, &pos);
	return (size_t)(scsi_put_port_ids(cmd->nexus, pos) - body);
}

/* ---- 86h, Extended INQUIRY Data; bytes are counted from the body ---- */

static size_t extended_inquiry(const struct scsi_cmd *cmd, uint8_t *body)
{
	body[1] = 0x07; /* HEADSUP, ORDSUP, SIMPSUP */
	body[2] = scsi_has_feature(cmd->itl->lu, STORE_F_WRITE_CACHE) ? 0x01 : 0; /* V_SUP */
	body[3] = 0x01; /* LUICLR */
	body[9] = SCSI_SENSE_MAX;
	return 0x3c;
}

/* ---- 87h, Mode Page Policy: every page is one for all nexuses ---- */

static size_t mode_page_policy(const struct scsi_cmd *cmd, uint8_t *body)
{
	body[0] = 0x3f; /* all pages, all subpages; MLUS 0, shared */
	body[1] = 0xff;
	return 4;
}

/* ---- 88h, SCSI Ports ---- */

enum { PORT_HEAD_LEN = 12, PORT_ID_LEN = 16, SCSI_PORT_LEN = PORT_HEAD_LEN + 4 + PORT_ID_LEN };

/* No initiator port is in a target port; its identifier is in the EUI-64-based 16 byte format. */
static void put_port(const struct scsi_port *port, uint8_t *out)
{
	uint8_t *pos = out + PORT_HEAD_LEN;

	be16_put(out + 2, port->rel_target_port);
	be16_put(out + 10, 4 + PORT_ID_LEN);
	memcpy(designator(&pos, PROTOCOL_SRP | CODE_BINARY, PIV | ASSOC_PORT | DESIGNATOR_EUI64, PORT_ID_LEN),
	       port->id, PORT_ID_LEN);
}

/* As many as the buffer holds: more than a hundred. */
static size_t scsi_ports(const struct scsi_cmd *cmd, uint8_t *body)
{
	struct scsi_lu *lu = cmd->itl->lu;
	size_t len = 0;

	pthread_mutex_lock(&lu->lock);
	for (unsigned int i = 0; i < lu->n_ports && len + SCSI_PORT_LEN <= SCSI_DATA_IN_LEN - 4; i++) {
		put_port(&lu->ports[i], body + len);
		len += SCSI_PORT_LEN;
	}
	pthread_mutex_unlock(&lu->lock);
	return len;
}

/* ---- B0h, Block Limits ---- */

static void unmap_limits(const struct scsi_lu *lu, uint8_t *body)
{
	uint32_t granularity = lu->store->unmap_granularity >> lu->block_shift;

	be32_put(body + 16, scsi_max_unmap(lu));
	be32_put(body + 20, SCSI_MAX_UNMAP_DESCS);
	if (!granularity)
		return;
	be32_put(body + 24, granularity);
	be32_put(body + 28, 0x80000000); /* UGAVALID, alignment 0 */
}

static size_t block_limits(const struct scsi_cmd *cmd, uint8_t *body)
{
	const struct scsi_lu *lu = cmd->itl->lu;

	body[0] = 0x01; /* WSNZ */
	body[1] = SCSI_MAX_COMPARE_WRITE;
	be16_put(body + 2, (uint16_t)(1u << lu->lb_per_pb_exp));
	be32_put(body + 4, lu->max_transfer_blocks);
	be32_put(body + 8, lu->opt_transfer_blocks);
	be32_put(body + 12, lu->max_transfer_blocks); /* of PRE-FETCH */
	if (lu->thin)
		unmap_limits(lu, body);
	be64_put(body + 32, scsi_max_write_same(lu));
	if (!(lu->lacks & OP_IF_ATOMIC)) {
		be32_put(body + 40, scsi_max_atomic(lu));
		be32_put(body + 44, lu->store->atomic_min >> lu->block_shift); /* alignment */
		be32_put(body + 48, lu->store->atomic_min >> lu->block_shift); /* granularity */
	}
	return 0x3c;
}

/* B1h: MEDIUM ROTATION RATE 1 = does not rotate, 0 = not reported (SBC-3 6.6.2). */
static size_t characteristics(const struct scsi_cmd *cmd, uint8_t *body)
{
	be16_put(body, cmd->itl->lu->rotational ? 0 : 1);
	return 0x3c;
}

/* B2h: LBPU, LBPWS, LBPWS10, LBPRZ and type thin (SBC-3 6.6.4). */
static size_t provisioning(const struct scsi_cmd *cmd, uint8_t *body)
{
	const struct scsi_lu *lu = cmd->itl->lu;

	if (lu->thin) {
		body[1] = 0xe0;
		body[2] = 0x02;
	}
	if (scsi_unmap_zeroes(lu))
		body[1] |= 0x04;
	return 4;
}

/* In ascending order: page 00h lists them so (SPC-4 7.8.15). */
static const struct vpd_page pages[] = {
	{ 0x00, supported_pages },
	{ 0x80, unit_serial },
	{ 0x83, device_id },
	{ 0x86, extended_inquiry },
	{ 0x87, mode_page_policy },
	{ 0x88, scsi_ports },
	{ 0x8f, copy_vpd },
	{ 0xb0, block_limits },
	{ 0xb1, characteristics },
	{ 0xb2, provisioning },
};

/*
 * A LUN without logical unit has page 00h alone. From B0h on the pages belong to a device type,
 * here that of disks.
 */
static bool has_page(const struct scsi_cmd *cmd, uint8_t code)
{
	if (!cmd->itl)
		return code == 0;
	return code < 0xb0 || cmd->itl->lu->device_type == SCSI_TYPE_DISK;
}

static size_t supported_pages(const struct scsi_cmd *cmd, uint8_t *body)
{
	size_t len = 0;

	for (size_t i = 0; i < ARRAY_SIZE(pages); i++)
		if (has_page(cmd, pages[i].code))
			body[len++] = pages[i].code;
	return len;
}

enum scsi_next scsi_vpd(struct scsi_cmd *cmd, uint8_t code)
{
	size_t len;

	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		if (pages[i].code != code || !has_page(cmd, code))
			continue;
		cmd->buf[0] = scsi_device_type(cmd);
		cmd->buf[1] = code;
		len = pages[i].build(cmd, cmd->buf + 4);
		be16_put(cmd->buf + 2, (uint16_t)len);
		return scsi_data_in(cmd, 4 + len);
	}
	return scsi_bad_cdb(cmd, 2, -1);
}
