/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A logical unit that is a device of its own: commands go through as they are, answers come back with
 * status, sense data and residual of the device. In front of it stays what the device cannot do for
 * several nexuses: REPORT LUNS, reservations, unit attentions, prevention of removal, task management.
 * Refused is what would let the device reach others by itself: third party copies.
 * What is known of a command's meaning: in which class it is, and how READ and WRITE of blocks are
 * split. Knows nothing of SG_IO.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "scsi/pass.h"

enum { DISK = 0x00, TAPE = 0x01, MULTIMEDIA = 0x05, OPTICAL = 0x07, ZONED = 0x14 };
enum { QUICK = 60, SLOW = 900, MOTION = 1800, WHOLE = 14400 }; /* seconds */
enum { INQUIRY_LEN = 252 };

/* What other nexuses notice of a command. */
enum pass_class {
	PASS_CHANGE,  /* all that is not listed below */
	PASS_QUERY,   /* asks for state */
	PASS_READ,    /* reads the medium */
	PASS_MOTION,  /* moves the medium, or what is cached */
	PASS_REFUSED, /* the device would act on others, or speak of ports that it does not have here */
	PASS_FRONT,   /* the device server's own */
};

static const uint8_t classes[256] = {
	[0x00] = PASS_QUERY,   [0x01] = PASS_MOTION,  [0x03] = PASS_QUERY,   [0x05] = PASS_QUERY,
	[0x07] = PASS_MOTION,  [0x08] = PASS_READ,    [0x0f] = PASS_READ,    [0x11] = PASS_MOTION,
	[0x12] = PASS_QUERY,   [0x13] = PASS_READ,    [0x16] = PASS_FRONT,   [0x17] = PASS_FRONT,
	[0x18] = PASS_REFUSED, [0x1a] = PASS_QUERY,   [0x1b] = PASS_MOTION,  [0x1c] = PASS_QUERY,
	[0x1e] = PASS_MOTION,  [0x23] = PASS_QUERY,   [0x25] = PASS_QUERY,   [0x28] = PASS_READ,
	[0x2b] = PASS_MOTION,  [0x2f] = PASS_READ,    [0x34] = PASS_READ,    [0x35] = PASS_MOTION,
	[0x37] = PASS_QUERY,   [0x39] = PASS_REFUSED, [0x3a] = PASS_REFUSED, [0x3c] = PASS_QUERY,
	[0x3e] = PASS_READ,    [0x42] = PASS_QUERY,   [0x43] = PASS_QUERY,   [0x44] = PASS_QUERY,
	[0x46] = PASS_QUERY,   [0x4a] = PASS_QUERY,   [0x4d] = PASS_QUERY,   [0x51] = PASS_QUERY,
	[0x52] = PASS_QUERY,   [0x56] = PASS_FRONT,   [0x57] = PASS_FRONT,   [0x5a] = PASS_QUERY,
	[0x5c] = PASS_QUERY,   [0x5e] = PASS_FRONT,   [0x5f] = PASS_FRONT,   [0x81] = PASS_READ,
	[0x83] = PASS_REFUSED, [0x84] = PASS_REFUSED, [0x86] = PASS_REFUSED, [0x87] = PASS_REFUSED,
	[0x88] = PASS_READ,    [0x8c] = PASS_QUERY,   [0x8f] = PASS_READ,    [0x90] = PASS_READ,
	[0x91] = PASS_MOTION,  [0x92] = PASS_MOTION,  [0x9e] = PASS_QUERY,   [0xa0] = PASS_FRONT,
	[0xa2] = PASS_QUERY,   [0xa3] = PASS_QUERY,   [0xa4] = PASS_REFUSED, [0xa8] = PASS_READ,
	[0xac] = PASS_QUERY,   [0xad] = PASS_QUERY,   [0xaf] = PASS_READ,    [0xb7] = PASS_QUERY,
	[0xb8] = PASS_QUERY,   [0xb9] = PASS_READ,    [0xbd] = PASS_QUERY,   [0xbe] = PASS_READ,
};

/* Commands that may take longer than a transfer, with the classes of how long. */
static const struct {
	uint8_t opcode;
	uint16_t timeout;
} patient[] = {
	{ 0x04, WHOLE },  /* FORMAT UNIT, FORMAT MEDIUM */
	{ 0x19, WHOLE },  /* ERASE */
	{ 0x48, WHOLE },  /* SANITIZE */
	{ 0x93, WHOLE },  /* WRITE SAME, ERASE(16) */
	{ 0xa1, WHOLE },  /* BLANK */
	{ 0x01, MOTION }, /* REWIND */
	{ 0x07, MOTION }, /* INITIALIZE ELEMENT STATUS */
	{ 0x10, MOTION }, /* WRITE FILEMARKS */
	{ 0x11, MOTION }, /* SPACE */
	{ 0x1b, MOTION }, /* LOAD UNLOAD, START STOP UNIT */
	{ 0x2b, MOTION }, /* LOCATE */
	{ 0x35, MOTION }, /* SYNCHRONIZE CACHE */
	{ 0x37, MOTION }, /* INITIALIZE ELEMENT STATUS WITH RANGE */
	{ 0x80, MOTION }, /* WRITE FILEMARKS(16) */
	{ 0x91, MOTION }, /* SPACE(16), SYNCHRONIZE CACHE(16) */
	{ 0x92, MOTION }, /* LOCATE(16) */
	{ 0xa5, MOTION }, /* MOVE MEDIUM */
	{ 0xa6, MOTION }, /* EXCHANGE MEDIUM */
	{ 0xe7, MOTION }, /* INITIALIZE ELEMENT STATUS WITH RANGE, as older changers have it */
};

static bool is_block_type(uint8_t type)
{
	return type == DISK || type == MULTIMEDIA || type == OPTICAL || type == ZONED;
}

/* ---- a command for the device ---- */

void pass_set_cdb(struct store_scsi *pass, const void *cdb, size_t len)
{
	memset(pass->cdb, 0, sizeof(pass->cdb));
	memcpy(pass->cdb, cdb, len);
	pass->cdb_len = (uint8_t)len;
}

/* SPC-4 4.2.5.1: the group code says how long it is; vendor specific ones are as long as 10 bytes. */
static unsigned int cdb_len_of(uint8_t opcode)
{
	static const uint8_t by_group[] = { 6, 10, 10, 10, 16, 12, 10, 10 };

	return opcode == SCSI_VARIABLE ? SCSI_CDB_LONG : by_group[opcode >> 5];
}

/* Nothing that the device leaves out may come from another initiator's data. */
enum scsi_next pass_submit(struct scsi_cmd *cmd, uint8_t dir, uint32_t len,
			   enum scsi_next (*step)(struct scsi_cmd *cmd, int res))
{
	bool reads = cmd->op->flags & OP_PASS_PURE;

	cmd->pass.dir = len ? dir : STORE_SCSI_NONE;
	cmd->pass.len = len;
	cmd->pass.timeout = cmd->op->timeout;
	if (dir == STORE_SCSI_IN && len)
		memset(cmd->buf, 0, len);
	cmd->io.store = cmd->itl->lu->store;
	cmd->io.op = STORE_SCSI;
	cmd->io.flags = reads ? STORE_IO_PURE : 0;
	cmd->io.off = 0;
	cmd->io.len = UINT64_MAX;
	cmd->io.buf = cmd->buf;
	cmd->io.scsi = &cmd->pass;
	cmd->step = step;
	return SCSI_STORE;
}

/* ---- its answer ---- */

enum scsi_next pass_no_answer(struct scsi_cmd *cmd, int res)
{
	switch (res) {
	case -EAGAIN:
	case -EBUSY:
	case -ENOMEM:
		cmd->status = SCSI_BUSY;
		return SCSI_COMPLETE;
	case -EINVAL: /* the kernel takes no such command: longer than its queue allows */
		return scsi_fail(cmd, SENSE_INVALID_FIELD_IN_CDB);
	case -ETIMEDOUT:
		return scsi_fail(cmd, SENSE_COMMUNICATION_TIMEOUT);
	}
	return scsi_fail(cmd, SENSE_COMMUNICATION_FAILURE);
}

/* SPC-4 4.5: sense key << 16 | ASC << 8 | ASCQ of either format; 0 = none. */
static uint32_t sense_code(const struct store_scsi *pass)
{
	bool descriptor = pass->sense[0] & 0x02;
	const uint8_t *s = pass->sense;

	if (pass->status != SCSI_CHECK_CONDITION || pass->sense_len < (descriptor ? 4 : 14))
		return 0;
	return descriptor ? (s[1] & 0x0fu) << 16 | be16_get(s + 2) :
			    (s[2] & 0x0fu) << 16 | be16_get(s + 12);
}

/*
 * The device knows one nexus and tells its unit attentions once. The nexus whose command met one gets
 * it as it is; the others get what corresponds to it.
 */
static void share_attention(const struct scsi_cmd *cmd)
{
	struct scsi_lu *lu = cmd->itl->lu;
	uint32_t code = sense_code(&cmd->pass);

	switch (code >> 8) {
	case 0x0628:
		scsi_ua_set_others(lu, cmd->nexus, SCSI_UA_MEDIUM_CHANGED);
		break;
	case 0x0629:
		scsi_ua_set_others(lu, cmd->nexus, SCSI_UA_RESET);
		break;
	case 0x062a:
		scsi_ua_set_others(lu, cmd->nexus,
				   (code & 0xff) == 0x09 ? SCSI_UA_CAPACITY_CHANGED :
							   SCSI_UA_MODE_CHANGED);
		break;
	case 0x063f:
		scsi_ua_set_others(lu, cmd->nexus, SCSI_UA_INQUIRY_CHANGED);
		break;
	}
}

enum scsi_next pass_answered(struct scsi_cmd *cmd)
{
	cmd->status = cmd->pass.status;
	cmd->sense_len = cmd->pass.sense_len;
	memcpy(cmd->sense, cmd->pass.sense, cmd->sense_len);
	if (unlikely(cmd->status == SCSI_CHECK_CONDITION))
		share_attention(cmd);
	return SCSI_COMPLETE;
}

/* MODE SENSE: the medium is write protected for a nexus that may not write. */
static void protect(const struct scsi_cmd *cmd, size_t at)
{
	if (atomic_load(&cmd->itl->read_only) && cmd->pass.moved > at)
		cmd->buf[at] |= 0x80;
}

/* READ BLOCK LIMITS (SSC-4 7.3): a block passes through one buffer. */
static void limit_blocks(const struct scsi_cmd *cmd)
{
	uint32_t max = cmd->itl->lu->pass->max_len;

	if (cmd->cdb[1] & 0x01 || cmd->pass.moved < 6)
		return;
	if (!be24_get(cmd->buf + 1) || be24_get(cmd->buf + 1) > max)
		be24_put(cmd->buf + 1, MIN(max, 0xffffffu));
}

/* What a device says of itself that matters here, or is not so in front of it. */
static void look_at_data(struct scsi_cmd *cmd)
{
	struct scsi_pass *pass = cmd->itl->lu->pass;

	if (cmd->pass.status != SCSI_GOOD)
		return;
	switch (cmd->cdb[0]) {
	case 0x05:
		if (pass->type == TAPE)
			limit_blocks(cmd);
		break;
	case 0x15:
	case 0x55: /* MODE SELECT */
		scsi_ua_set_others(cmd->itl->lu, cmd->nexus, SCSI_UA_MODE_CHANGED);
		break;
	case 0x1a:
		protect(cmd, 2);
		break;
	case 0x5a:
		protect(cmd, 3);
		break;
	case 0x25:
		if (cmd->pass.moved >= 8)
			atomic_store(&pass->block, be32_get(cmd->buf + 4));
		break;
	}
}

static enum scsi_next passed(struct scsi_cmd *cmd, int res)
{
	if (unlikely(res))
		return pass_no_answer(cmd, res);
	look_at_data(cmd);
	cmd->data_len = cmd->pass.moved;
	cmd->xfer_len = cmd->pass.moved;
	return pass_answered(cmd);
}

static enum scsi_next pass_data(struct scsi_cmd *cmd, int res)
{
	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_READ, res, SCSI_NO_LBA);
	return pass_submit(cmd, cmd->dir == SCSI_DIR_IN ? STORE_SCSI_IN : STORE_SCSI_OUT, cmd->need, passed);
}

/*
 * What is longer than one buffer: of an answer the first part is given, its length is in the answer
 * itself. Data of the medium cannot be cut.
 */
static enum scsi_next too_long(struct scsi_cmd *cmd)
{
	log_peer(LOG_LVL_WARN, "%s: %s of %u bytes is refused: larger than segment_size or than what the "
		 "device takes at a time (%u)", cmd->itl->lu->name, scsi_opcode_name(cmd->cdb),
		 MAX(cmd->in_len, cmd->out_len), cmd->itl->lu->pass->max_len);
	return scsi_fail(cmd, SENSE_INVALID_FIELD_IN_CDB);
}

static enum scsi_next pass_whole(struct scsi_cmd *cmd)
{
	uint32_t max = cmd->itl->lu->pass->max_len;

	pass_set_cdb(&cmd->pass, cmd->cdb, MIN(cmd->op->cdb_len, (uint32_t)cmd->cdb_len));
	if (cmd->out_len > max || (cmd->in_len > max && !(cmd->op->flags & OP_PASS_PURE)))
		return too_long(cmd);
	if (cmd->dir == SCSI_DIR_OUT)
		return scsi_need_data(cmd, 0, cmd->out_len, pass_data);
	if (cmd->dir == SCSI_DIR_IN)
		return scsi_need_buf(cmd, MIN(cmd->in_len, max), pass_data);
	return pass_submit(cmd, STORE_SCSI_NONE, 0, passed);
}

static enum scsi_next pass_run(struct scsi_cmd *cmd)
{
	const struct scsi_pass *pass = cmd->itl->lu->pass;
	uint32_t bs = atomic_load(&pass->block);

	if (cmd->in_len && cmd->out_len)
		return scsi_fail(cmd, SENSE_INVALID_FIELD_IN_COMMAND_IU);
	cmd->dir = cmd->out_len ? SCSI_DIR_OUT : cmd->in_len ? SCSI_DIR_IN : SCSI_DIR_NONE;
	/* an empty READ or WRITE, and one of a medium whose blocks are not known, is the device's */
	if (is_block_type(pass->type) && bs && bs <= pass->max_len && cmd->dir != SCSI_DIR_NONE &&
	    pass_has_blocks(cmd->cdb))
		return pass_blocks(cmd, bs);
	return pass_whole(cmd);
}

/* ---- INQUIRY ---- */

enum { VPD_PAGES = 0x00, VPD_DEVICE_ID = 0x83, VPD_COPY = 0x8f };

/* What is true of this target port and not of the one that the device has. */
static void fix_standard(const struct scsi_cmd *cmd)
{
	uint8_t *data = cmd->buf;

	data[0] &= 0x1f; /* it is connected */
	data[3] &= (uint8_t)~0x20; /* NORMACA */
	data[5] = 0; /* SCCS, ACC, TPGS, 3PC, PROTECT */
	data[6] = (data[6] & 0x40) | 0x10; /* ENCSERV; MULTIP */
	data[7] |= 0x02; /* CMDQUE */
}

/* The device's pages but that of third party copies. */
static size_t fix_pages(uint8_t *data, size_t len)
{
	size_t n = MIN(be16_get(data + 2), (uint16_t)(len - 4)), kept = 0;

	for (size_t i = 0; i < n; i++)
		if (data[4 + i] != VPD_COPY)
			data[4 + kept++] = data[4 + i];
	be16_put(data + 2, (uint16_t)kept);
	return 4 + kept;
}

/* Designators of the logical unit are the device's, those of the port are ours. */
static size_t fix_device_id(const struct scsi_cmd *cmd, size_t len)
{
	uint8_t *data = cmd->buf, *end = data + MIN(len, 4u + be16_get(data + 2)), *out = data + 4;
	uint8_t *next;

	for (uint8_t *d = data + 4; d + 4 <= end && d + 4 + d[3] <= end; d = next) {
		next = d + 4 + d[3];
		if (d[1] & 0x30)
			continue;
		memmove(out, d, (size_t)(next - d));
		out += next - d;
	}
	out = scsi_put_port_ids(cmd->nexus, out);
	be16_put(data + 2, (uint16_t)(out - data - 4));
	return (size_t)(out - data);
}

static enum scsi_next inquired(struct scsi_cmd *cmd, int res)
{
	uint32_t len = cmd->pass.moved;

	if (unlikely(res))
		return pass_no_answer(cmd, res);
	if (cmd->pass.status != SCSI_GOOD || len < 8)
		return pass_answered(cmd);
	if (!(cmd->cdb[1] & 0x01))
		fix_standard(cmd);
	else if (cmd->cdb[2] == VPD_PAGES)
		len = (uint32_t)fix_pages(cmd->buf, len);
	else if (cmd->cdb[2] == VPD_DEVICE_ID)
		len = (uint32_t)fix_device_id(cmd, len);
	return scsi_data_in(cmd, len);
}

static enum scsi_next pass_inquiry(struct scsi_cmd *cmd)
{
	/* old devices know one byte of ALLOCATION LENGTH; the room behind is for our designators */
	uint16_t len = cmd->nblk <= INQUIRY_LEN && cmd->cdb[2] != VPD_DEVICE_ID ? INQUIRY_LEN :
										    SCSI_DATA_IN_LEN / 2;
	uint8_t cdb[6] = { 0x12, cmd->cdb[1], cmd->cdb[2] };

	if (cmd->cdb[1] & 0x01 && cmd->cdb[2] == VPD_COPY)
		return scsi_bad_cdb(cmd, 2, -1);
	be16_put(cdb + 3, cmd->cdb[1] & 0x01 ? len : INQUIRY_LEN);
	pass_set_cdb(&cmd->pass, cdb, sizeof(cdb));
	return pass_submit(cmd, STORE_SCSI_IN, be16_get(cdb + 3), inquired);
}

/* ---- others of which the front knows something ---- */

static enum scsi_next sense_ready(struct scsi_cmd *cmd, int res)
{
	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_READ, res, SCSI_NO_LBA);
	memset(cmd->buf, 0, SCSI_DATA_IN_LEN);
	return spc_request_sense(cmd);
}

/* A unit attention that waits for this nexus comes before what the device has to say. */
static enum scsi_next pass_request_sense(struct scsi_cmd *cmd)
{
	if (!atomic_load(&cmd->itl->ua))
		return pass_run(cmd);
	cmd->dir = SCSI_DIR_IN;
	return scsi_need_buf(cmd, SCSI_DATA_IN_LEN, sense_ready);
}

/* The device is told of the first nexus that prevents removal and of the last one that allows it. */
static enum scsi_next pass_prevent(struct scsi_cmd *cmd)
{
	bool prevent = cmd->cdb[4] & 0x03;

	atomic_store(&cmd->itl->prevent, prevent);
	if (!prevent && scsi_removal_prevented(cmd->itl->lu))
		return scsi_good(cmd);
	return pass_run(cmd);
}

/* ---- the rows of the table, made for each device ---- */

static uint16_t timeout_of(uint8_t opcode, uint8_t type)
{
	for (size_t i = 0; i < ARRAY_SIZE(patient); i++)
		if (patient[i].opcode == opcode)
			return patient[i].timeout;
	return is_block_type(type) ? QUICK : SLOW;
}

/* Reservations: as the command's own row says, else by its class. */
static enum scsi_resv resv_of(uint8_t opcode, enum pass_class class)
{
	if (scsi_ops[opcode].run)
		return scsi_ops[opcode].resv;
	switch (class) {
	case PASS_QUERY:
		return SCSI_RESV_ALLOWED;
	case PASS_READ:
		return SCSI_RESV_READ;
	default:
		return SCSI_RESV_WRITE;
	}
}

/* All bits are the device's but NACA (SAM-5 5.2): it has no ACA for each nexus. */
static void allow_bits(struct scsi_op *row)
{
	static const uint8_t any[SCSI_CDB_LONG - 16] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
							 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	bool is_long = row->opcode == SCSI_VARIABLE;

	memset(row->usage, 0xff, sizeof(row->usage));
	row->usage[is_long ? 1 : row->cdb_len - 1] &= (uint8_t)~0x04;
	if (is_long)
		row->tail = any;
}

static void make_row(struct scsi_op *row, uint8_t opcode, uint8_t type)
{
	enum pass_class class = classes[opcode];
	bool pure = class == PASS_QUERY || (class == PASS_READ && is_block_type(type));

	*row = (struct scsi_op){
		.name = "a command of the device",
		.run = pass_run,
		.opcode = opcode,
		.sa = SCSI_NO_SA,
		.cdb_len = (uint8_t)cdb_len_of(opcode),
		.timeout = timeout_of(opcode, type),
		.resv = resv_of(opcode, class),
		.flags = (pure ? OP_PASS_PURE : 0) | (class == PASS_CHANGE ? OP_WRITES : 0),
	};
	allow_bits(row);
	if (opcode == 0x03) {
		row->run = pass_request_sense;
		row->flags |= OP_UA_EXEMPT;
		row->len = scsi_ops[opcode].len;
		row->unit = SCSI_UNIT_ALLOC;
	} else if (opcode == 0x12) {
		row->run = pass_inquiry;
		row->dir = SCSI_DIR_IN;
		row->flags |= OP_UA_EXEMPT | OP_DATA_IN;
		row->len = scsi_ops[opcode].len;
		row->unit = SCSI_UNIT_ALLOC;
	} else if (opcode == 0x1e) {
		row->run = pass_prevent;
	}
}

/* Of maintenance commands those that tell of task management and of target ports are not the device's. */
static bool is_front(const uint8_t *cdb)
{
	return classes[cdb[0]] == PASS_FRONT || (cdb[0] == 0xa3 && (cdb[1] & 0x1f) == 0x0d);
}

const struct scsi_op *pass_op(const struct scsi_lu *lu, const uint8_t *cdb, const struct scsi_op *own)
{
	if (is_front(cdb))
		return own;
	if (classes[cdb[0]] == PASS_REFUSED || (cdb[0] == 0xa3 && (cdb[1] & 0x1f) == 0x0a))
		return NULL;
	return &lu->pass->ops[cdb[0]];
}

/* ---- set-up: the caller may sleep ---- */

/* 0, also if the device answers CHECK CONDITION; -errno without an answer. */
static int ask(struct store *store, struct store_scsi *cmd, void *buf, uint32_t len)
{
	cmd->dir = len ? STORE_SCSI_IN : STORE_SCSI_NONE;
	cmd->len = len;
	cmd->timeout = QUICK;
	return store_scsi_now(store, cmd, buf);
}

static void copy_text(char *out, const uint8_t *field, size_t len)
{
	while (len && field[len - 1] <= ' ')
		len--;
	for (size_t i = 0; i < len; i++)
		out[i] = field[i] >= ' ' && field[i] <= '~' ? (char)field[i] : '?';
	out[len] = '\0';
}

static int inquire(struct scsi_lu *lu, char *err, size_t err_len)
{
	struct store_scsi cmd = { .cdb = { 0x12, [4] = 96 }, .cdb_len = 6 };
	uint8_t data[96] = { 0 };
	int res = ask(lu->store, &cmd, data, sizeof(data));

	if (res || cmd.status != SCSI_GOOD || cmd.moved < 36 || data[0] & 0xe0) {
		snprintf(err, err_len, "%s: does not answer INQUIRY: %s", lu->store->name,
			 res ? strerror(-res) : scsi_status_name(cmd.status));
		return res ? res : -EIO;
	}
	lu->device_type = data[0];
	lu->removable = data[1] & 0x80;
	copy_text(lu->vendor, data + 8, 8);
	copy_text(lu->product, data + 16, 16);
	copy_text(lu->revision, data + 32, 4);
	return 0;
}

/* Its size; and its unit attentions of before are nobody's. */
static void take_capacity(struct scsi_lu *lu)
{
	struct store_scsi ready = { .cdb_len = 6 };
	struct store_scsi short_form = { .cdb = { 0x25 }, .cdb_len = 10 };
	struct store_scsi long_form = { .cdb = { 0x9e, 0x10, [13] = 32 }, .cdb_len = 16 };
	uint8_t data[32] = { 0 };
	uint64_t last;

	for (int i = 0; i < 8 && !ask(lu->store, &ready, NULL, 0) && ready.status; i++)
		;
	atomic_store(&lu->n_blocks, 0);
	if (!is_block_type(lu->device_type) || ask(lu->store, &short_form, data, 8) ||
	    short_form.status || short_form.moved < 8)
		return;
	last = be32_get(data);
	atomic_store(&lu->pass->block, be32_get(data + 4));
	if (last == UINT32_MAX && !ask(lu->store, &long_form, data, sizeof(data)) &&
	    !long_form.status)
		last = be64_get(data);
	atomic_store(&lu->n_blocks, last + 1);
}

int pass_init(struct scsi_lu *lu, uint32_t buf_len, char *err, size_t err_len)
{
	int res = inquire(lu, err, err_len);

	if (res)
		return res;
	lu->pass = calloc(1, sizeof(*lu->pass));
	if (!lu->pass) {
		snprintf(err, err_len, "%s: out of memory", lu->name);
		return -ENOMEM;
	}
	lu->pass->type = lu->device_type;
	lu->pass->max_len = MIN(lu->store->max_transfer, MAX(buf_len, (uint32_t)SCSI_BUF_LEN));
	for (unsigned int i = 0; i < ARRAY_SIZE(lu->pass->ops); i++)
		make_row(&lu->pass->ops[i], (uint8_t)i, lu->pass->type);
	take_capacity(lu);
	return 0;
}

void pass_fini(struct scsi_lu *lu)
{
	free(lu->pass);
}
