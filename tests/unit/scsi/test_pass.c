/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Logical units that are devices themselves: what goes to the device as it is, what is cut into
 * pieces, what stays in front, and what becomes of its answers. The device is a few lines here.
 */
#include <errno.h>
#include <string.h>

#include "rig.h"
#include "scsi/pass.h"

enum { MAX_LEN = 128 << 10, BS = 512, CDBS = 32, DISK = 0, TAPE = 1, CHANGER = 8 };

/* What the device was told, and what it is to answer next. */
static struct {
	uint8_t type;
	uint8_t cdb[CDBS][STORE_SCSI_CDB];
	uint8_t cdb_len[CDBS];
	uint32_t timeout, len;
	uint8_t dir;
	unsigned int n;
	int res;
	uint8_t status, sense[18];
	uint32_t resid;
	unsigned int fail_at; /* command from 1 to which status and sense belong; 0 = all */
	uint8_t medium[1 << 20];
} dev;

static void put_inquiry(uint8_t *data)
{
	memset(data, 0, 96);
	data[0] = dev.type;
	data[1] = 0x80;
	data[3] = 0x22; /* NORMACA */
	data[4] = 91;
	data[5] = 0x99; /* SCCS, TPGS, 3PC, PROTECT */
	memcpy(data + 8, "ACME    ROADRUNNER TRAP 1.0 ", 28);
}

/* A designator of the logical unit and one of a port that nobody here can reach. */
static void put_device_id(uint8_t *data)
{
	const uint8_t page[] = { dev.type, 0x83, 0, 20, 1, 3, 0, 8, 0x51, 2, 3, 4, 5, 6, 7, 8,
				 1, 0x94, 0, 4, 0, 0, 0, 9 };

	memcpy(data, page, sizeof(page));
}

static uint32_t transfer(const uint8_t *cdb, uint8_t *buf, uint32_t len)
{
	uint64_t lba = cdb[0] >= 0x80 ? be64_get(cdb + 2) : be32_get(cdb + 2);

	if (lba * BS + len > sizeof(dev.medium))
		return 0;
	if (cdb[0] & 0x02)
		memcpy(dev.medium + lba * BS, buf, len);
	else
		memcpy(buf, dev.medium + lba * BS, len);
	return len;
}

static uint32_t answer(const uint8_t *cdb, uint8_t *buf, uint32_t len)
{
	uint8_t data[256] = { 0 };
	uint32_t n = 0;

	switch (cdb[0]) {
	case 0x12:
		n = !(cdb[1] & 1) ? 96 : cdb[2] == 0x83 ? 24 : 8;
		if (!(cdb[1] & 1))
			put_inquiry(data);
		else if (cdb[2] == 0x83)
			put_device_id(data);
		else
			memcpy(data, (uint8_t[]){ dev.type, 0, 0, 4, 0x00, 0x80, 0x83, 0x8f }, 8);
		break;
	case 0x25:
		be32_put(data, sizeof(dev.medium) / BS - 1);
		be32_put(data + 4, BS);
		n = 8;
		break;
	case 0x05:
		memcpy(data, (uint8_t[]){ 0, 0xff, 0xff, 0xff, 0, 1 }, 6);
		n = 6;
		break;
	case 0x28:
	case 0x2a:
	case 0x88:
	case 0x8a:
		return transfer(cdb, buf, len);
	default:
		return len;
	}
	memcpy(buf, data, MIN(n, len));
	return MIN(n, len);
}

static int device_scsi(struct store *store, struct store_scsi *cmd, void *buf)
{
	assert_true(dev.n < CDBS);
	memcpy(dev.cdb[dev.n], cmd->cdb, sizeof(cmd->cdb));
	dev.cdb_len[dev.n++] = cmd->cdb_len;
	dev.timeout = cmd->timeout;
	dev.len = cmd->len;
	dev.dir = cmd->dir;
	cmd->status = 0;
	cmd->sense_len = 0;
	if (dev.res)
		return dev.res;
	cmd->moved = answer(cmd->cdb, buf, cmd->len);
	if (dev.fail_at && dev.fail_at != dev.n)
		return 0;
	cmd->status = dev.status;
	if (dev.status == SCSI_CHECK_CONDITION) {
		cmd->sense_len = sizeof(dev.sense);
		memcpy(cmd->sense, dev.sense, sizeof(dev.sense));
	}
	cmd->moved -= MIN(dev.resid, cmd->moved);
	return 0;
}

static const struct store_ops device_ops = { .type = "passthrough", .scsi = device_scsi };

static void setup(struct rig *rig, uint8_t type)
{
	memset(&dev, 0, sizeof(dev));
	dev.type = type;
	for (size_t i = 0; i < sizeof(dev.medium); i++)
		dev.medium[i] = (uint8_t)(i * 11 + i / BS);
	rig_init(rig, &(struct rig_conf){ .device = &device_ops, .max_transfer = MAX_LEN });
	dev.n = 0;
}

/* The commands that follow are those of another nexus; NULL: the rig's own. */
static void act_as(struct rig *rig, struct scsi_nexus *nexus)
{
	rig->as = nexus;
	rig->itl = (nexus ? nexus : &rig->nexus)->chunk[0][0];
}

static void check_condition(uint8_t key, uint8_t asc, uint8_t ascq)
{
	dev.status = SCSI_CHECK_CONDITION;
	memset(dev.sense, 0, sizeof(dev.sense));
	dev.sense[0] = 0x70;
	dev.sense[2] = key;
	dev.sense[7] = 10;
	dev.sense[12] = asc;
	dev.sense[13] = ascq;
}

/* ---- what it is ---- */

static void is_what_the_device_is(void **state)
{
	struct rig rig;

	setup(&rig, TAPE);
	rig_cdb(&rig, 0x12, 0, 0, 0, 96);
	assert_int_equal(rig_run_in(&rig, 96), SCSI_GOOD);
	assert_int_equal(rig.cmd.data_len, 96);
	assert_int_equal(rig.in[0], TAPE);
	assert_int_equal(rig.in[1], 0x80);
	assert_memory_equal(rig.in + 8, "ACME    ROADRUNNER TRAP 1.0 ", 28);
	assert_int_equal(rig.in[3], 0x02); /* no NORMACA */
	assert_int_equal(rig.in[5], 0);
	assert_int_equal(rig.in[6], 0x10);
	assert_int_equal(rig.in[7] & 0x02, 0x02);
	assert_string_equal(rig.lu->vendor, "ACME");
	rig_fini(&rig);
}

static void pages_have_our_port(void **state)
{
	struct rig rig;

	setup(&rig, DISK);
	rig_cdb(&rig, 0x12, 1, 0x83, 0, 0xff);
	assert_int_equal(rig_run_in(&rig, 255), SCSI_GOOD);
	assert_int_equal(be16_get(rig.in + 2), 12 + 8 + 8);
	assert_memory_equal(rig.in + 4, ((uint8_t[]){ 1, 3, 0, 8, 0x51, 2, 3, 4, 5, 6, 7, 8 }), 12);
	assert_memory_equal(rig.in + 16, ((uint8_t[]){ 0x41, 0x94, 0, 4, 0, 0, 1, 2 }), 8);
	assert_memory_equal(rig.in + 24, ((uint8_t[]){ 0x41, 0x95, 0, 4, 0, 0, 3, 4 }), 8);
	assert_int_equal(rig.cmd.data_len, 32);
	rig_cdb(&rig, 0x12, 1, 0x00, 0, 0xff);
	assert_int_equal(rig_run_in(&rig, 255), SCSI_GOOD);
	assert_memory_equal(rig.in, ((uint8_t[]){ 0, 0, 0, 3, 0x00, 0x80, 0x83 }), 7);
	assert_int_equal(rig.cmd.data_len, 7);
	rig_cdb(&rig, 0x12, 1, 0x8f, 0, 0xff);
	rig_run_in(&rig, 255);
	assert_sense(&rig, SENSE_INVALID_FIELD_IN_CDB);
	rig_fini(&rig);
}

static void refuses_what_does_not_answer(void **state)
{
	struct store store = { .ops = &device_ops, .name = (char[]){ "dead" }, .max_transfer = MAX_LEN,
			       .size = 1 << 20 };
	const struct scsi_lu_conf conf = { .name = "d", .block_size = 512, .lb_per_pb_exp = 0xff };
	char err[128] = "";

	memset(&dev, 0, sizeof(dev));
	dev.res = -ENODEV;
	assert_null(scsi_lu_new(&conf, &store, err, sizeof(err)));
	assert_int_equal(errno, ENODEV);
	assert_non_null(strstr(err, "does not answer INQUIRY"));
}

/* ---- commands as they are ---- */

static void passes_as_it_is(void **state)
{
	static const uint8_t out[24] = { 1, 2, 3 };
	struct rig rig;

	setup(&rig, CHANGER);
	rig_cdb(&rig, 0xa5, 0, 0, 1, 0, 2, 0, 3, 0, 0, 0x40);
	assert_int_equal(rig_run_none(&rig), SCSI_GOOD);
	assert_string_equal(rig.trace, "X");
	assert_int_equal(dev.cdb_len[0], 12);
	assert_memory_equal(dev.cdb[0], rig.cdb, 12);
	assert_int_equal(dev.dir, STORE_SCSI_NONE);
	assert_true(dev.timeout >= 600);
	rig_cdb(&rig, 0xb8, 0x10, 0, 0, 0, 9, 0, 0, 4, 0);
	assert_int_equal(rig_run_in(&rig, 1024), SCSI_GOOD);
	assert_string_equal(rig.trace, "Bx");
	assert_int_equal(rig.cmd.data_len, 1024);
	rig_cdb(&rig, 0x1d, 0x10, 0, 0, 24);
	assert_int_equal(rig_run_out(&rig, out, sizeof(out)), SCSI_GOOD);
	assert_string_equal(rig.trace, "DX");
	assert_int_equal(dev.dir, STORE_SCSI_OUT);
	assert_int_equal(dev.len, 24);
	rig_fini(&rig);
}

static void gives_residuals_and_sense(void **state)
{
	struct rig rig;

	setup(&rig, TAPE);
	check_condition(0x20, 0, 0); /* ILI */
	dev.sense[0] |= 0x80;
	be32_put(dev.sense + 3, 512);
	dev.resid = 512;
	rig_cdb(&rig, 0x08, 0, 0, 4, 0);
	assert_int_equal(rig_run_in(&rig, 1024), SCSI_CHECK_CONDITION);
	assert_int_equal(rig.cmd.data_len, 512);
	assert_int_equal(rig.cmd.xfer_len, 512);
	assert_int_equal(rig.cmd.sense_len, sizeof(dev.sense));
	assert_memory_equal(rig.cmd.sense, dev.sense, sizeof(dev.sense));
	dev.status = SCSI_TASK_SET_FULL;
	assert_int_equal(rig_run_in(&rig, 1024), SCSI_TASK_SET_FULL);
	rig_fini(&rig);
}

/* Bytes that the device does not send may not be another initiator's. */
static void leaves_nothing_behind(void **state)
{
	struct rig rig;

	setup(&rig, TAPE);
	rig_cdb(&rig, 0x4d, 0, 0x40, 0, 0, 0, 0, 2, 0);
	assert_int_equal(rig_run_in(&rig, 512), SCSI_GOOD);
	for (int i = 0; i < 512; i++)
		assert_int_equal(rig.in[i], 0);
	rig_fini(&rig);
}

static void limits_a_command_to_a_buffer(void **state)
{
	static uint8_t block[MAX_LEN + BS];
	struct rig rig;

	setup(&rig, TAPE);
	rig_cdb(&rig, 0x0a, 0, 2, 0, 0);
	assert_int_equal(rig_run_out(&rig, block, MAX_LEN), SCSI_GOOD);
	assert_int_equal(dev.len, MAX_LEN);
	rig_cdb(&rig, 0x0a, 0, 2, 2, 0);
	rig_run_out(&rig, block, MAX_LEN + BS);
	assert_sense(&rig, SENSE_INVALID_FIELD_IN_CDB);
	rig_cdb(&rig, 0x08, 0, 2, 2, 0);
	rig_run_in(&rig, MAX_LEN + BS);
	assert_sense(&rig, SENSE_INVALID_FIELD_IN_CDB);
	assert_int_equal(dev.n, 1);
	rig_cdb(&rig, 0x05);
	assert_int_equal(rig_run_in(&rig, 6), SCSI_GOOD);
	assert_int_equal(be24_get(rig.in + 1), MAX_LEN);
	rig_fini(&rig);
}

static void both_directions_are_refused(void **state)
{
	static const uint8_t out[512];
	struct rig rig;

	setup(&rig, DISK);
	rig_cdb(&rig, 0x53, 0, 0, 0, 0, 0, 0, 0, 1);
	rig.in_len = 512;
	rig.out = out;
	rig.out_len = 512;
	rig_run(&rig);
	assert_sense(&rig, SENSE_INVALID_FIELD_IN_COMMAND_IU);
	assert_int_equal(dev.n, 0);
	rig_fini(&rig);
}

/* ---- blocks in pieces ---- */

static void reads_in_pieces(void **state)
{
	struct rig rig;

	setup(&rig, DISK);
	rig_cdb(&rig, 0x28, 0x08, 0, 0, 0, 3, 0x11, 2, 88, 0);
	assert_int_equal(rig_run_in(&rig, 600 * BS), SCSI_GOOD);
	assert_memory_equal(rig.in, dev.medium + 3 * BS, 600 * BS);
	assert_string_equal(rig.trace, "BxSBxSBxS");
	assert_int_equal(dev.n, 3);
	assert_memory_equal(dev.cdb[0], ((uint8_t[]){ 0x28, 8, 0, 0, 0, 3, 0x11, 1, 0, 0 }), 10);
	assert_memory_equal(dev.cdb[1], ((uint8_t[]){ 0x28, 8, 0, 0, 1, 3, 0x11, 1, 0, 0 }), 10);
	assert_memory_equal(dev.cdb[2], ((uint8_t[]){ 0x28, 8, 0, 0, 2, 3, 0x11, 0, 88, 0 }), 10);
	assert_int_equal(rig.cmd.data_len, 600 * BS);
	assert_int_equal(rig.cmd.xfer_len, 600 * BS);
	rig_fini(&rig);
}

static void writes_in_pieces(void **state)
{
	static uint8_t out[600 * BS];
	struct rig rig;

	setup(&rig, DISK);
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 5 + i / BS);
	rig_cdb(&rig, 0x8a, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 2, 88);
	assert_int_equal(rig_run_out(&rig, out, sizeof(out)), SCSI_GOOD);
	assert_memory_equal(dev.medium + 7 * BS, out, sizeof(out));
	assert_string_equal(rig.trace, "DXDXDX");
	assert_int_equal(rig.cmd.data_len, sizeof(out));
	assert_int_equal(rig.cmd.io.off, (7 + 512) * BS);
	assert_int_equal(rig.cmd.io.len, 88 * BS);
	rig_fini(&rig);
}

/* Beyond 32 bits of LBA the pieces need 16 bytes, whatever the CDB had. */
static void pieces_hold_large_addresses(void **state)
{
	struct rig rig;

	setup(&rig, DISK);
	rig_cdb(&rig, 0xa8, 0, 0xff, 0xff, 0xff, 0xf0, 0, 0, 2, 0);
	rig_run_in(&rig, 512 * BS);
	assert_int_equal(dev.cdb[0][0], 0x88);
	assert_int_equal(be64_get(dev.cdb[0] + 2), 0xfffffff0);
	assert_int_equal(be32_get(dev.cdb[0] + 10), 256);
	assert_int_equal(dev.cdb_len[0], 16);
	rig_fini(&rig);
}

static void stops_at_the_piece_that_fails(void **state)
{
	struct rig rig;

	setup(&rig, DISK);
	check_condition(0x03, 0x11, 0x00);
	dev.fail_at = 2;
	dev.resid = 100 * BS;
	rig_cdb(&rig, 0x28, 0, 0, 0, 0, 0, 0, 2, 88, 0);
	assert_int_equal(rig_run_in(&rig, 600 * BS), SCSI_CHECK_CONDITION);
	assert_int_equal(dev.n, 2);
	assert_int_equal(rig.cmd.data_len, (256 + 156) * BS);
	assert_memory_equal(rig.in, dev.medium, rig.cmd.data_len);
	assert_memory_equal(rig.cmd.sense, dev.sense, sizeof(dev.sense));
	rig_fini(&rig);
}

static void small_buffers_get_whole_blocks(void **state)
{
	struct rig rig;

	setup(&rig, DISK);
	rig_cdb(&rig, 0x28, 0, 0, 0, 0, 0, 0, 0, 4, 0);
	assert_int_equal(rig_run_in(&rig, 2 * BS), SCSI_GOOD);
	assert_int_equal(be16_get(dev.cdb[0] + 7), 2);
	assert_int_equal(rig.cmd.data_len, 2 * BS);
	assert_int_equal(rig.cmd.xfer_len, 4 * BS);
	rig_run_in(&rig, 700);
	assert_sense(&rig, SENSE_INVALID_FIELD_IN_COMMAND_IU);
	rig_fini(&rig);
}

/* ---- the front ---- */

static void keeps_copies_and_ports_from_it(void **state)
{
	static const uint8_t refused[][2] = { { 0x83, 0 },    { 0x83, 0x10 }, { 0x84, 0 },
					      { 0x18, 0 },    { 0x3a, 0 },    { 0xa3, 0x0a },
					      { 0xa4, 0x0a }, { 0x86, 0 } };
	struct rig rig;

	setup(&rig, DISK);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		rig_cdb(&rig, refused[i][0], refused[i][1]);
		rig_run_none(&rig);
		assert_sense(&rig, SENSE_INVALID_OPCODE);
	}
	rig_cdb(&rig, 0x00, 0, 0, 0, 0, 0x04); /* NACA */
	rig_run_none(&rig);
	assert_sense(&rig, SENSE_INVALID_FIELD_IN_CDB);
	assert_int_equal(dev.n, 0);
	rig_fini(&rig);
}

static void reserves_by_itself(void **state)
{
	struct scsi_nexus other = { .rel_target_port = 2, .initiator_port_id = { 9 } };
	struct rig rig;

	setup(&rig, TAPE);
	rig_add_nexus(&rig, &other, 0);
	atomic_store(&other.chunk[0][0]->ua, 0);
	rig_cdb(&rig, 0x16);
	assert_int_equal(rig_run_none(&rig), SCSI_GOOD);
	rig_cdb(&rig, 0xa0, [9] = 16);
	assert_int_equal(rig_run_in(&rig, 16), SCSI_GOOD);
	assert_int_equal(dev.n, 0);
	act_as(&rig, &other);
	rig_cdb(&rig, 0x01);
	assert_int_equal(rig_run_none(&rig), SCSI_RESERVATION_CONFLICT);
	rig_cdb(&rig, 0x08, 0, 0, 2, 0);
	assert_int_equal(rig_run_in(&rig, 512), SCSI_RESERVATION_CONFLICT);
	assert_int_equal(dev.n, 0);
	rig_cdb(&rig, 0x12, 0, 0, 0, 96);
	assert_int_equal(rig_run_in(&rig, 96), SCSI_GOOD);
	act_as(&rig, NULL);
	rig_cdb(&rig, 0x01);
	assert_int_equal(rig_run_none(&rig), SCSI_GOOD);
	scsi_nexus_fini(&other);
	rig_fini(&rig);
}

static void tells_all_what_it_tells_one(void **state)
{
	struct scsi_nexus other = { .rel_target_port = 2, .initiator_port_id = { 9 } };
	struct rig rig;

	setup(&rig, TAPE);
	rig_add_nexus(&rig, &other, 0);
	atomic_store(&other.chunk[0][0]->ua, 0);
	check_condition(0x06, 0x28, 0x00);
	rig_cdb(&rig, 0x00);
	rig_run_none(&rig);
	assert_sense(&rig, 0x062800);
	assert_int_equal(atomic_load(&rig.itl->ua), 0);
	dev.status = SCSI_GOOD;
	act_as(&rig, &other);
	rig_run_none(&rig);
	assert_sense(&rig, 0x062800);
	assert_int_equal(rig_run_none(&rig), SCSI_GOOD);
	scsi_nexus_fini(&other);
	rig_fini(&rig);
}

static void prevents_removal_for_all(void **state)
{
	struct scsi_nexus other = { .rel_target_port = 2, .initiator_port_id = { 9 } };
	struct rig rig;

	setup(&rig, TAPE);
	rig_add_nexus(&rig, &other, 0);
	atomic_store(&other.chunk[0][0]->ua, 0);
	rig_cdb(&rig, 0x1e, 0, 0, 0, 1);
	assert_int_equal(rig_run_none(&rig), SCSI_GOOD);
	act_as(&rig, &other);
	assert_int_equal(rig_run_none(&rig), SCSI_GOOD);
	assert_int_equal(dev.n, 2);
	rig_cdb(&rig, 0x1e, 0, 0, 0, 0);
	assert_int_equal(rig_run_none(&rig), SCSI_GOOD);
	assert_int_equal(dev.n, 2);
	act_as(&rig, NULL);
	assert_int_equal(rig_run_none(&rig), SCSI_GOOD);
	assert_int_equal(dev.n, 3);
	scsi_nexus_fini(&other);
	rig_fini(&rig);
}

static void read_only_lets_nothing_change(void **state)
{
	static const uint8_t out[512];
	struct rig rig;

	setup(&rig, TAPE);
	atomic_store(&rig.itl->read_only, true);
	rig_cdb(&rig, 0x0a, 0, 0, 2, 0);
	rig_run_out(&rig, out, sizeof(out));
	assert_sense(&rig, SENSE_WRITE_PROTECTED);
	rig_cdb(&rig, 0x19); /* ERASE */
	rig_run_none(&rig);
	assert_sense(&rig, SENSE_WRITE_PROTECTED);
	assert_int_equal(dev.n, 0);
	rig_cdb(&rig, 0x08, 0, 0, 2, 0);
	assert_int_equal(rig_run_in(&rig, 512), SCSI_GOOD);
	rig_cdb(&rig, 0x1a, 0, 0x3f, 0, 64);
	assert_int_equal(rig_run_in(&rig, 64), SCSI_GOOD);
	assert_int_equal(rig.in[2] & 0x80, 0x80);
	rig_fini(&rig);
}

static void request_sense_tells_the_front_first(void **state)
{
	struct rig rig;

	setup(&rig, DISK);
	atomic_store(&rig.itl->ua, 1u << SCSI_UA_POWER_ON);
	rig_cdb(&rig, 0x03, 0, 0, 0, 18);
	assert_int_equal(rig_run_in(&rig, 18), SCSI_GOOD);
	assert_int_equal(rig.in[2], 6);
	assert_int_equal(rig.in[12], 0x29);
	assert_int_equal(dev.n, 0);
	assert_int_equal(rig_run_in(&rig, 18), SCSI_GOOD);
	assert_int_equal(dev.n, 1);
	rig_fini(&rig);
}

/* ---- no answer ---- */

static void without_an_answer(void **state)
{
	static const struct {
		int res;
		uint8_t status;
		uint32_t code;
	} ends[] = {
		{ -ENODEV, SCSI_CHECK_CONDITION, 0x040800 },
		{ -EIO, SCSI_CHECK_CONDITION, 0x040800 },
		{ -ETIMEDOUT, SCSI_CHECK_CONDITION, 0x0b0801 },
		{ -EINVAL, SCSI_CHECK_CONDITION, 0x052400 },
		{ -EAGAIN, SCSI_BUSY, 0 },
		{ -ENOMEM, SCSI_BUSY, 0 },
	};
	struct rig rig;

	setup(&rig, DISK);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		dev.res = ends[i].res;
		rig_cdb(&rig, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0);
		assert_int_equal(rig_run_in(&rig, BS), ends[i].status);
		assert_int_equal(rig.cmd.data_len, 0);
		if (ends[i].code)
			assert_sense(&rig, ends[i].code);
		rig_cdb(&rig, 0x00);
		assert_int_equal(rig_run_none(&rig), ends[i].status);
	}
	rig_fini(&rig);
}

static void without_a_buffer(void **state)
{
	struct rig rig;

	setup(&rig, DISK);
	rig.buf_step = 1;
	rig_cdb(&rig, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0);
	assert_int_equal(rig_run_in(&rig, BS), SCSI_BUSY);
	rig.buf_step = 1;
	rig_cdb(&rig, 0x4d, 0, 0x40, 0, 0, 0, 0, 2, 0);
	assert_int_equal(rig_run_in(&rig, 512), SCSI_BUSY);
	assert_int_equal(dev.n, 0);
	rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_what_the_device_is),
		cmocka_unit_test(pages_have_our_port),
		cmocka_unit_test(refuses_what_does_not_answer),
		cmocka_unit_test(passes_as_it_is),
		cmocka_unit_test(gives_residuals_and_sense),
		cmocka_unit_test(leaves_nothing_behind),
		cmocka_unit_test(limits_a_command_to_a_buffer),
		cmocka_unit_test(both_directions_are_refused),
		cmocka_unit_test(reads_in_pieces),
		cmocka_unit_test(writes_in_pieces),
		cmocka_unit_test(pieces_hold_large_addresses),
		cmocka_unit_test(stops_at_the_piece_that_fails),
		cmocka_unit_test(small_buffers_get_whole_blocks),
		cmocka_unit_test(keeps_copies_and_ports_from_it),
		cmocka_unit_test(reserves_by_itself),
		cmocka_unit_test(tells_all_what_it_tells_one),
		cmocka_unit_test(prevents_removal_for_all),
		cmocka_unit_test(read_only_lets_nothing_change),
		cmocka_unit_test(request_sense_tells_the_front_first),
		cmocka_unit_test(without_an_answer),
		cmocka_unit_test(without_a_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
