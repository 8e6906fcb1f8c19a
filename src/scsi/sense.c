/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sense data: fixed and descriptor format (SPC-4 4.5), and how commands end with it. Knows what
 * an errno of the store means to an initiator; does not know why a command failed.
 */
#include <errno.h>

#include "scsi/internal.h"

enum {
	FIXED_CURRENT = 0x70,
	DESC_CURRENT = 0x72,
	VALID = 0x80,
	SKSV = 0x80,
	IN_CDB = 0x40,
	BIT_VALID = 0x08,
};

/* Sense key specific data for ILLEGAL REQUEST: field pointer (SPC-4 4.5.2.4.2). */
static void put_field(const struct scsi_sense *sense, uint8_t *sks)
{
	sks[0] = SKSV | (sense->field_in_cdb ? IN_CDB : 0);
	if (sense->field_bit >= 0)
		sks[0] |= (uint8_t)(BIT_VALID | sense->field_bit);
	be16_put(sks + 1, sense->field_byte);
}

/* ... for NOT READY: progress indication (SPC-4 4.5.2.4.4). */
static void put_progress(const struct scsi_sense *sense, uint8_t *sks)
{
	sks[0] = SKSV;
	be16_put(sks + 1, sense->progress);
}

size_t scsi_sense_fixed(const struct scsi_sense *sense, uint8_t *buf)
{
	memset(buf, 0, SENSE_FIXED_LEN);
	buf[0] = FIXED_CURRENT;
	buf[2] = (uint8_t)(sense->code >> 16);
	buf[7] = SENSE_FIXED_LEN - 8;
	buf[12] = (uint8_t)(sense->code >> 8);
	buf[13] = (uint8_t)sense->code;
	if (sense->has_info && sense->info <= UINT32_MAX) {
		buf[0] |= VALID;
		be32_put(buf + 3, (uint32_t)sense->info);
	}
	if (sense->has_field)
		put_field(sense, buf + 15);
	if (sense->has_progress)
		put_progress(sense, buf + 15);
	return SENSE_FIXED_LEN;
}

size_t scsi_sense_desc(const struct scsi_sense *sense, uint8_t *buf)
{
	size_t len = 8;

	memset(buf, 0, SENSE_DESC_MAX);
	buf[0] = DESC_CURRENT;
	buf[1] = (uint8_t)(sense->code >> 16);
	buf[2] = (uint8_t)(sense->code >> 8);
	buf[3] = (uint8_t)sense->code;
	if (sense->has_info) { /* SPC-4 4.5.2.2: type 00h */
		buf[len + 1] = 0x0a;
		buf[len + 2] = VALID;
		be64_put(buf + len + 4, sense->info);
		len += 12;
	}
	if (sense->has_field || sense->has_progress) { /* SPC-4 4.5.2.4: type 02h */
		buf[len] = 0x02;
		buf[len + 1] = 0x06;
		if (sense->has_field)
			put_field(sense, buf + len + 4);
		else
			put_progress(sense, buf + len + 4);
		len += 8;
	}
	buf[7] = (uint8_t)(len - 8);
	return len;
}

/* D_SENSE of the Control mode page chooses the format. */
static enum scsi_next check_condition(struct scsi_cmd *cmd, const struct scsi_sense *sense)
{
	cmd->status = SCSI_CHECK_CONDITION;
	if (cmd->itl && scsi_mode_is(cmd->itl->lu, SCSI_MODE_D_SENSE))
		cmd->sense_len = (uint8_t)scsi_sense_desc(sense, cmd->sense);
	else
		cmd->sense_len = (uint8_t)scsi_sense_fixed(sense, cmd->sense);
	return SCSI_COMPLETE;
}

struct scsi_sense scsi_sense_of(const struct scsi_lu *lu, enum scsi_sense_code code)
{
	struct scsi_sense sense = { .code = code };

	if (lu && (code == SENSE_FORMATTING || code == SENSE_SANITIZING)) {
		sense.has_progress = true;
		sense.progress = scsi_erase_progress(lu);
	}
	return sense;
}

enum scsi_next scsi_fail(struct scsi_cmd *cmd, enum scsi_sense_code code)
{
	struct scsi_sense sense = scsi_sense_of(cmd->itl ? cmd->itl->lu : NULL, code);

	return check_condition(cmd, &sense);
}

enum scsi_next scsi_fail_field(struct scsi_cmd *cmd, enum scsi_sense_code code, unsigned int byte,
			       int bit)
{
	return check_condition(cmd, &(struct scsi_sense){
					    .code = code,
					    .has_field = true,
					    .field_in_cdb = code == SENSE_INVALID_FIELD_IN_CDB,
					    .field_byte = (uint16_t)byte,
					    .field_bit = (int8_t)bit,
				    });
}

enum scsi_next scsi_fail_info(struct scsi_cmd *cmd, enum scsi_sense_code code, uint64_t info)
{
	return check_condition(
		cmd, &(struct scsi_sense){ .code = code, .has_info = true, .info = info });
}

static enum scsi_sense_code store_sense(enum store_op op, int res)
{
	switch (-res) {
	case EIO:
	case ENODATA: /* block layer: critical medium error */
	case EREMOTEIO:
		return op == STORE_READ ? SENSE_READ_ERROR : SENSE_WRITE_ERROR;
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return SENSE_SPACE_ALLOCATION_FAILED;
	case EROFS:
		return SENSE_WRITE_PROTECTED;
	}
	return SENSE_INTERNAL_FAILURE;
}

enum scsi_next scsi_fail_store(struct scsi_cmd *cmd, enum store_op op, int res, uint64_t lba)
{
	if (res == -ENOMEM || res == -EAGAIN) {
		cmd->status = SCSI_BUSY;
		return SCSI_COMPLETE;
	}
	if (lba == SCSI_NO_LBA)
		return scsi_fail(cmd, store_sense(op, res));
	return scsi_fail_info(cmd, store_sense(op, res), lba);
}
