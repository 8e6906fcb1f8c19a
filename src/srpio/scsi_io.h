/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The few SCSI commands that a tool needs before it can do anything: INQUIRY, REPORT LUNS, READ
 * CAPACITY, and CDBs for reading and writing. One command at a time; unit attentions are taken
 * and the command repeated.
 */
#ifndef SRPTD_SRPIO_SCSI_IO_H
#define SRPTD_SRPIO_SCSI_IO_H

#include "srpio/srpi.h"

enum { SCSI_IO_BUF = 65536 };

struct scsi_io {
	struct srpi_session *session;
	uint8_t lun[8];
	struct srpi_mem mem; /* data-in of the last command */
	struct srpi_request req;
	uint32_t got;        /* bytes of data-in that arrived */
	char error[256];     /* why the last call failed */
};

struct scsi_capacity {
	uint64_t blocks;
	uint32_t block_size;
	uint8_t lb_per_pb_exp;
	bool thin;
};

/* 0 or -errno. */
int scsi_io_init(struct scsi_io *io, struct srpi_session *session, const uint8_t lun[8]);
void scsi_io_fini(struct scsi_io *io);

/*
 * Run a command with data-in, or none if in_len is 0, on the first live channel. 0: status GOOD; -EPROTO: another status, in
 * io->req; another errno: not answered. A sentence is in io->error then.
 */
int scsi_io_in(struct scsi_io *io, const uint8_t *cdb, size_t cdb_len, uint32_t in_len);

/* TEST UNIT READY until no unit attention is left. Other answers are no errors here. */
int scsi_io_clear_ua(struct scsi_io *io);
int scsi_io_sync(struct scsi_io *io); /* SYNCHRONIZE CACHE (10) of the whole medium */
int scsi_io_inquiry(struct scsi_io *io, bool vpd, uint8_t page);
int scsi_io_report_luns(struct scsi_io *io);
/* READ CAPACITY (16), or (10) where that is unknown. Refuses a block size of 0. */
int scsi_io_capacity(struct scsi_io *io, struct scsi_capacity *capacity);

/* READ or WRITE, (10) if lba and blocks fit, else (16). Returns the CDB's length. */
uint16_t scsi_io_rw_cdb(uint8_t *cdb, bool write, uint64_t lba, uint32_t blocks, bool fua);

/* Is the finished command to be repeated: unit attention, BUSY, TASK SET FULL? */
bool scsi_io_retry(const struct srpi_request *req);
/* "CHECK CONDITION: ILLEGAL REQUEST: …", "timed out and was aborted" … Returns buf. */
const char *scsi_io_text(const struct srpi_request *req, char *buf, size_t buf_len);

#endif
