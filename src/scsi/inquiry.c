/* SPDX-License-Identifier: BSD-2-Clause */
/* INQUIRY (SPC-4 6.6): the standard data. Vital product data pages are in vpd.c. */
#include "scsi/internal.h"

enum {
	NO_DEVICE = 0x7f, /* qualifier 011b, type 1Fh: nothing can be here */
	WELL_KNOWN = 0x1e,
	STANDARD_LEN = 96,
};

/* Version descriptors, no specific draft claimed (SPC-4 table 151). */
static const uint16_t versions[] = {
	0x00a0, /* SAM-5 */
	0x0080, /* SAM-4 */
	0x0940, /* SRP */
	0x0460, /* SPC-4 */
	0x04c0, /* SBC-3 */
};

/* ASCII fields are left-aligned and padded with spaces (SPC-4 4.3.1). */
static void put_text(uint8_t *field, size_t len, const char *text)
{
	size_t n = strnlen(text, len);

	memset(field, ' ', len);
	memcpy(field, text, n);
}

uint8_t scsi_device_type(const struct scsi_cmd *cmd)
{
	if (cmd->itl)
		return cmd->itl->lu->device_type;
	return scsi_lun_is_report_luns(cmd->lun) ? WELL_KNOWN : NO_DEVICE;
}

static enum scsi_next standard(struct scsi_cmd *cmd)
{
	const struct scsi_lu *lu = cmd->itl ? cmd->itl->lu : NULL;
	uint8_t *data = cmd->buf;

	data[0] = scsi_device_type(cmd);
	data[1] = lu && lu->removable ? 0x80 : 0;
	data[2] = 0x06; /* SPC-4 */
	data[3] = 0x02; /* response data format */
	data[4] = STANDARD_LEN - 5;
	data[5] = lu ? 0x08 | lu->tpgs : 0; /* 3PC, TPGS */
	data[6] = 0x10; /* MULTIP */
	data[7] = 0x02; /* CMDQUE */
	put_text(data + 8, 8, lu ? lu->vendor : "");
	put_text(data + 16, 16, lu ? lu->product : "");
	put_text(data + 32, 4, lu ? lu->revision : "");
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++)
		be16_put(data + 58 + 2 * i, versions[i]);
	return scsi_data_in(cmd, STANDARD_LEN);
}

enum scsi_next spc_inquiry(struct scsi_cmd *cmd)
{
	if (cmd->cdb[1] & 0x01)
		return scsi_vpd(cmd, cmd->cdb[2]);
	if (cmd->cdb[2])
		return scsi_bad_cdb(cmd, 2, -1);
	return standard(cmd);
}
