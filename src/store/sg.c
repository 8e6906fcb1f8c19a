/* SPDX-License-Identifier: BSD-2-Clause */
/* See sg.h. */
#include "store/sg.h"

#include <errno.h>
#include <linux/bsg.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <scsi/sg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/compiler.h"

enum { MS = 1000, RESERVE_MAX = 16 << 20 };

static int real_ioctl(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg);
}

static bool has_rawio(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	return !syscall(SYS_capget, &head, data) &&
	       data[CAP_TO_INDEX(CAP_SYS_RAWIO)].effective & CAP_TO_MASK(CAP_SYS_RAWIO);
}

struct sg_layer sg_layer = {
	.sys = "/sys/dev/char",
	.ioctl = real_ioctl,
	.may = has_rawio,
};

/* How a command ended as the kernel's SCSI layer says it: both versions have these. */
struct ending {
	uint32_t status, host, sense_len;
	int64_t resid;
};

/* The host byte (DID_*, scsi_status.h of the kernel) of a command that the device did not answer. */
static int host_error(uint32_t host)
{
	switch (host) {
	case 0x00: /* OK */
		return 0;
	case 0x01: /* NO_CONNECT */
	case 0x04: /* BAD_TARGET */
	case 0x0f: /* TRANSPORT_FAILFAST */
		return -ENODEV;
	case 0x03: /* TIME_OUT */
	case 0x05: /* ABORT */
		return -ETIMEDOUT;
	case 0x02: /* BUS_BUSY */
	case 0x08: /* RESET */
	case 0x0b: /* SOFT_ERROR */
	case 0x0c: /* IMM_RETRY */
	case 0x0d: /* REQUEUE */
	case 0x0e: /* TRANSPORT_DISRUPTED */
		return -EAGAIN;
	}
	return -EIO;
}

/* A residual that cannot be is a driver's fault: nothing counts as moved then. */
static int take(struct store_scsi *cmd, const struct ending *end)
{
	bool answered = end->status || end->sense_len;

	cmd->status = (uint8_t)(end->status & 0x7e);
	cmd->sense_len = (uint8_t)MIN(end->sense_len, (uint32_t)STORE_SCSI_SENSE);
	cmd->moved = end->resid < 0 ? cmd->len :
				      cmd->len - (uint32_t)MIN(end->resid, (int64_t)cmd->len);
	return answered ? 0 : host_error(end->host);
}

static int run_v3(int fd, struct store_scsi *cmd, void *buf)
{
	static const int dirs[] = { [STORE_SCSI_NONE] = SG_DXFER_NONE,
				    [STORE_SCSI_IN] = SG_DXFER_FROM_DEV,
				    [STORE_SCSI_OUT] = SG_DXFER_TO_DEV };
	struct sg_io_hdr hdr = {
		.interface_id = 'S',
		.dxfer_direction = dirs[cmd->dir],
		.cmd_len = cmd->cdb_len,
		.mx_sb_len = sizeof(cmd->sense),
		.dxfer_len = cmd->len,
		.dxferp = buf,
		.cmdp = cmd->cdb,
		.sbp = cmd->sense,
		.timeout = cmd->timeout * MS,
	};

	if (sg_layer.ioctl(fd, SG_IO, &hdr))
		return -errno;
	return take(cmd, &(struct ending){ hdr.status, hdr.host_status, hdr.sb_len_wr, hdr.resid });
}

static int run_v4(int fd, struct store_scsi *cmd, void *buf)
{
	struct sg_io_v4 hdr = {
		.guard = 'Q',
		.protocol = BSG_PROTOCOL_SCSI,
		.subprotocol = BSG_SUB_PROTOCOL_SCSI_CMD,
		.request_len = cmd->cdb_len,
		.request = (uintptr_t)cmd->cdb,
		.max_response_len = sizeof(cmd->sense),
		.response = (uintptr_t)cmd->sense,
		.timeout = cmd->timeout * MS,
	};
	bool in = cmd->dir == STORE_SCSI_IN;

	if (in) {
		hdr.din_xfer_len = cmd->len;
		hdr.din_xferp = (uintptr_t)buf;
	} else if (cmd->dir == STORE_SCSI_OUT) {
		hdr.dout_xfer_len = cmd->len;
		hdr.dout_xferp = (uintptr_t)buf;
	}
	if (sg_layer.ioctl(fd, SG_IO, &hdr))
		return -errno;
	return take(cmd, &(struct ending){ hdr.device_status, hdr.transport_status, hdr.response_len,
					   in ? hdr.din_resid : hdr.dout_resid });
}

int sg_run(int fd, bool v4, struct store_scsi *cmd, void *buf)
{
	cmd->status = cmd->sense_len = 0;
	cmd->moved = 0;
	return v4 ? run_v4(fd, cmd, buf) : run_v3(fd, cmd, buf);
}

/* bsg has no call for it, but cuts a reserved size to what the queue can take. */
int64_t sg_max_transfer(int fd, bool v4)
{
	int bytes = RESERVE_MAX;

	if (v4 && sg_layer.ioctl(fd, SG_SET_RESERVED_SIZE, &bytes))
		return -errno;
	if (sg_layer.ioctl(fd, v4 ? SG_GET_RESERVED_SIZE : BLKSECTGET, &bytes))
		return -errno;
	return bytes > 0 ? bytes : -EINVAL;
}
