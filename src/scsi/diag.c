/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the way to a logical unit: SEND DIAGNOSTIC and RECEIVE DIAGNOSTIC RESULTS
 * (SPC-4 6.42, 6.32) with the default self-test and the list of pages; the echo buffer of WRITE
 * BUFFER and READ BUFFER (6.49, 6.18), one for each nexus. There is no microcode to be written, and
 * no other buffer.
 */
#include <errno.h>
#include <stdlib.h>

#include "scsi/internal.h"

/* ---- SEND DIAGNOSTIC ---- */

enum {
	CDB_PF = 0x10,
	CDB_SELFTEST = 0x04,
	PAGE_HEAD_LEN = 4
};

static enum scsi_next tested(struct scsi_cmd *cmd, int res)
{
	return res ? scsi_fail(cmd, SENSE_SELF_TEST_FAILED) : scsi_good(cmd);
}

static enum scsi_next test(struct scsi_cmd *cmd, int res)
{
	uint32_t block = scsi_block_len(cmd->itl->lu);

	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_READ, res, SCSI_NO_LBA);
	return scsi_store(cmd, STORE_READ, scsi_last_lba(cmd->itl->lu) << cmd->itl->lu->block_shift,
			  block, cmd->buf, tested);
}

/* The default self-test: the last block can be read. It needs what commands on blocks need. */
static enum scsi_next self_test(struct scsi_cmd *cmd)
{
	enum scsi_sense_code code = scsi_not_ready(cmd->itl->lu);

	if (cmd->nblk)
		return scsi_bad_cdb(cmd, 3, -1);
	if (code != SENSE_NONE)
		return scsi_fail(cmd, code);
	return scsi_need_buf(cmd, scsi_block_len(cmd->itl->lu), test);
}

/* The only page has no parameters: it asks for the list of pages. */
static enum scsi_next take_page(struct scsi_cmd *cmd)
{
	if (cmd->data_len < PAGE_HEAD_LEN || cmd->data_len < cmd->nblk)
		return scsi_fail(cmd, SENSE_PARAMETER_LIST_LENGTH);
	if (cmd->buf[0])
		return scsi_fail_field(cmd, SENSE_INVALID_FIELD_IN_PARAMETERS, 0, -1);
	if (be16_get(cmd->buf + 2))
		return scsi_fail_field(cmd, SENSE_INVALID_FIELD_IN_PARAMETERS, 2, -1);
	return scsi_good(cmd);
}

enum scsi_next spc_send_diagnostic(struct scsi_cmd *cmd)
{
	if (cmd->cdb[1] & CDB_SELFTEST)
		return self_test(cmd);
	if (!cmd->nblk)
		return scsi_good(cmd);
	if (!(cmd->cdb[1] & CDB_PF)) /* a format that only vendors know */
		return scsi_bad_cdb(cmd, 1, 4);
	return take_page(cmd);
}

/* Whether asked for by code or as the answer to SEND DIAGNOSTIC, there is one page. */
enum scsi_next spc_receive_diagnostic(struct scsi_cmd *cmd)
{
	if (cmd->cdb[2])
		return scsi_bad_cdb(cmd, 2, -1);
	be16_put(cmd->buf + 2, 1); /* PAGE LENGTH; then the page's own code, 00h */
	return scsi_data_in(cmd, PAGE_HEAD_LEN + 1);
}

/* ---- buffers ---- */

enum {
	MODE_DESCRIPTOR = 0x03,
	MODE_ECHO = 0x0a,
	MODE_ECHO_DESCRIPTOR = 0x0b
};

static int keep_echo(struct scsi_cmd *cmd)
{
	struct scsi_itl *itl = cmd->itl;
	uint8_t *echo = malloc(SCSI_ECHO_LEN);
	uint8_t *old;

	if (!echo)
		return -ENOMEM;
	memcpy(echo, cmd->buf, cmd->data_len);
	pthread_mutex_lock(&itl->lu->lock);
	old = itl->echo;
	itl->echo = echo;
	itl->echo_len = cmd->data_len;
	pthread_mutex_unlock(&itl->lu->lock);
	free(old);
	return 0;
}

static enum scsi_next kept_echo(struct scsi_cmd *cmd, int res)
{
	return res ? scsi_fail_store(cmd, STORE_WRITE, res, SCSI_NO_LBA) : scsi_good(cmd);
}

enum scsi_next spc_write_buffer(struct scsi_cmd *cmd)
{
	if (cmd->cdb[1] != MODE_ECHO)
		return scsi_bad_cdb(
			cmd, 1, cmd->cdb[1] & 0xe0 && (cmd->cdb[1] & 0x1f) == MODE_ECHO ? 7 : 4);
	if (cmd->nblk > SCSI_ECHO_LEN)
		return scsi_bad_cdb(cmd, 6, -1);
	if (!cmd->nblk)
		return scsi_good(cmd);
	if (cmd->data_len < cmd->nblk)
		return scsi_fail(cmd, SENSE_PARAMETER_LIST_LENGTH);
	return scsi_call(cmd, keep_echo, kept_echo);
}

/* As many bytes as were written last; before that, COMMAND SEQUENCE ERROR (SPC-4 6.18.9). */
static enum scsi_next give_echo(struct scsi_cmd *cmd)
{
	struct scsi_itl *itl = cmd->itl;
	uint32_t len = 0;

	pthread_mutex_lock(&itl->lu->lock);
	if (itl->echo) {
		len = itl->echo_len;
		memcpy(cmd->buf, itl->echo, len);
	}
	pthread_mutex_unlock(&itl->lu->lock);
	return len ? scsi_data_in(cmd, len) : scsi_fail(cmd, SENSE_COMMAND_SEQUENCE);
}

enum scsi_next spc_read_buffer(struct scsi_cmd *cmd)
{
	switch (cmd->cdb[1]) {
	case MODE_DESCRIPTOR: /* of a buffer that is not there: all zero (SPC-4 6.18.5) */
		return scsi_data_in(cmd, 4);
	case MODE_ECHO:
		return give_echo(cmd);
	case MODE_ECHO_DESCRIPTOR:
		cmd->buf[0] = 0x01; /* EBOS: what another nexus writes is not read here */
		be16_put(cmd->buf + 2, SCSI_ECHO_LEN);
		return scsi_data_in(cmd, 4);
	}
	return scsi_bad_cdb(cmd, 1, 4);
}
