/* SPDX-License-Identifier: BSD-2-Clause */
/* CDBs as SPC-4 and SBC-3 lay them out. */
#include "srpio/scsi_io.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/be.h"
#include "base/compiler.h"
#include "scsi/scsi.h"

enum {
	OP_INQUIRY = 0x12,
	OP_READ_CAPACITY_10 = 0x25,
	OP_READ_10 = 0x28,
	OP_WRITE_10 = 0x2a,
	OP_SYNCHRONIZE_CACHE_10 = 0x35,
	OP_READ_16 = 0x88,
	OP_WRITE_16 = 0x8a,
	OP_SERVICE_ACTION_IN = 0x9e,
	SA_READ_CAPACITY_16 = 0x10,
	OP_REPORT_LUNS = 0xa0,
	FUA_BIT = 0x08,
	RETRIES = 16,
	KEY_ILLEGAL_REQUEST = 5,
	KEY_UNIT_ATTENTION = 6,
};

int scsi_io_init(struct scsi_io *io, struct srpi_session *s, const uint8_t lun[8])
{
	int rc;

	memset(io, 0, sizeof(*io));
	io->session = s;
	memcpy(io->lun, lun, 8);
	rc = srpi_mem_alloc(s, &io->mem, SCSI_IO_BUF);
	if (rc)
		snprintf(io->error, sizeof(io->error), "%.250s", srpi_error(s));
	return rc;
}

void scsi_io_fini(struct scsi_io *io)
{
	srpi_mem_free(&io->mem);
}

/* SPC-4 4.5: response codes 72h and 73h are descriptor format, with the key in byte 1. */
static int sense_key(const struct srpi_request *req)
{
	if (req->sense_len < 3)
		return -1;
	return (req->sense[0] & 0x7f) >= 0x72 ? req->sense[1] & 0xf : req->sense[2] & 0xf;
}

bool scsi_io_retry(const struct srpi_request *req)
{
	if (req->error)
		return false;
	if (req->status == SCSI_BUSY || req->status == SCSI_TASK_SET_FULL)
		return true;
	return req->status == SCSI_CHECK_CONDITION && sense_key(req) == KEY_UNIT_ATTENTION;
}

const char *scsi_io_text(const struct srpi_request *req, char *buf, size_t len)
{
	char sense[160];

	if (req->error == -ETIMEDOUT)
		snprintf(buf, len, "timed out and was aborted");
	else if ((req->error == -ECONNRESET || req->error == -ENOTCONN) && req->task.channel)
		snprintf(buf, len, "failed: %s", srpi_error(srpi_channel_session(req->task.channel)));
	else if (req->error == -EMSGSIZE)
		snprintf(buf, len, "does not fit into one information unit");
	else if (req->error)
		snprintf(buf, len, "failed: %s", strerror(-req->error));
	else if (req->sense_len)
		snprintf(buf, len, "%s: %s", scsi_status_name(req->status),
			 scsi_sense_text(req->sense, req->sense_len, sense, sizeof(sense)));
	else
		snprintf(buf, len, "%s", scsi_status_name(req->status));
	return buf;
}

static int exec_once(struct scsi_io *io, uint32_t in_len)
{
	struct srpi_channel *ch = srpi_channel_live(io->session, 0);
	struct srpi_request *req = &io->req;
	int rc;

	if (!ch)
		return -ENOTCONN;
	memset(io->mem.addr, 0, in_len);
	rc = srpi_exec(ch, req);
	if (rc)
		req->error = rc;
	io->got = req->flags & SRP_DIUNDER && req->in_resid <= in_len ? in_len - req->in_resid :
									in_len;
	return rc;
}

int scsi_io_in(struct scsi_io *io, const uint8_t *cdb, size_t cdb_len, uint32_t in_len)
{
	struct srpi_request *req = &io->req;
	char text[224];
	int rc, tries = 0;

	memset(req, 0, sizeof(*req));
	memcpy(req->lun, io->lun, 8);
	memcpy(req->cdb, cdb, cdb_len);
	req->cdb_len = (uint16_t)cdb_len;
	req->in = (struct srpi_data){ .mem = &io->mem, .len = in_len };
	do {
		rc = exec_once(io, in_len);
	} while (!rc && scsi_io_retry(req) && ++tries < RETRIES);
	if (!rc && req->status != SCSI_GOOD)
		rc = -EPROTO;
	if (rc == -ENOTCONN)
		snprintf(io->error, sizeof(io->error), "%.250s", srpi_error(io->session));
	else if (rc)
		snprintf(io->error, sizeof(io->error), "%s %s", scsi_opcode_name(req->cdb),
			 scsi_io_text(req, text, sizeof(text)));
	return rc;
}

int scsi_io_clear_ua(struct scsi_io *io)
{
	static const uint8_t test_unit_ready[6];
	int rc = scsi_io_in(io, test_unit_ready, sizeof(test_unit_ready), 0);

	return rc == -EPROTO ? 0 : rc;
}

int scsi_io_sync(struct scsi_io *io)
{
	static const uint8_t cdb[10] = { OP_SYNCHRONIZE_CACHE_10 };

	return scsi_io_in(io, cdb, sizeof(cdb), 0);
}

int scsi_io_inquiry(struct scsi_io *io, bool vpd, uint8_t page)
{
	uint8_t cdb[6] = { OP_INQUIRY, vpd, page, 0, 0, 0 };
	uint32_t len = vpd ? 4096 : 255;

	be16_put(cdb + 3, (uint16_t)len);
	return scsi_io_in(io, cdb, sizeof(cdb), len);
}

int scsi_io_report_luns(struct scsi_io *io)
{
	uint8_t cdb[12] = { OP_REPORT_LUNS };

	be32_put(cdb + 6, SCSI_IO_BUF);
	return scsi_io_in(io, cdb, sizeof(cdb), SCSI_IO_BUF);
}

static int capacity_10(struct scsi_io *io, struct scsi_capacity *out)
{
	uint8_t cdb[10] = { OP_READ_CAPACITY_10 };
	int rc = scsi_io_in(io, cdb, sizeof(cdb), 8);

	if (rc)
		return rc;
	out->blocks = (uint64_t)be32_get(io->mem.addr) + 1;
	out->block_size = be32_get(io->mem.addr + 4);
	return 0;
}

static int capacity_16(struct scsi_io *io, struct scsi_capacity *out)
{
	uint8_t cdb[16] = { OP_SERVICE_ACTION_IN, SA_READ_CAPACITY_16 };
	int rc;

	be32_put(cdb + 10, 32);
	rc = scsi_io_in(io, cdb, sizeof(cdb), 32);
	if (rc)
		return rc;
	out->blocks = be64_get(io->mem.addr) + 1;
	out->block_size = be32_get(io->mem.addr + 8);
	out->lb_per_pb_exp = io->mem.addr[13] & 0xf;
	out->thin = io->mem.addr[14] & 0x80;
	return 0;
}

int scsi_io_capacity(struct scsi_io *io, struct scsi_capacity *out)
{
	int rc;

	memset(out, 0, sizeof(*out));
	rc = capacity_16(io, out);
	if (rc == -EPROTO && sense_key(&io->req) == KEY_ILLEGAL_REQUEST &&
	    io->req.sense_len > 12 && io->req.sense[12] == 0x20)
		rc = capacity_10(io, out);
	if (!rc && (out->block_size < 64 || out->block_size > SCSI_IO_BUF ||
		    out->block_size % 8)) {
		snprintf(io->error, sizeof(io->error), "the target reports blocks of %u bytes",
			 out->block_size);
		rc = -EPROTO;
	}
	return rc;
}

uint16_t scsi_io_rw_cdb(uint8_t *cdb, bool write, uint64_t lba, uint32_t blocks, bool fua)
{
	memset(cdb, 0, 16);
	cdb[1] = fua ? FUA_BIT : 0;
	if (lba <= UINT32_MAX && blocks <= UINT16_MAX) {
		cdb[0] = write ? OP_WRITE_10 : OP_READ_10;
		be32_put(cdb + 2, (uint32_t)lba);
		be16_put(cdb + 7, (uint16_t)blocks);
		return 10;
	}
	cdb[0] = write ? OP_WRITE_16 : OP_READ_16;
	be64_put(cdb + 2, lba);
	be32_put(cdb + 10, blocks);
	return 16;
}
