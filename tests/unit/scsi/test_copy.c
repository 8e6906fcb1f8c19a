/* SPDX-License-Identifier: BSD-2-Clause */
/* EXTENDED COPY(LID1), what is told about copies, and task management's view of them. */
#include <errno.h>

#include "copy_lab.h"

enum {
	ID = 0x17
};

static void add_cscd(struct lab *lab, const struct scsi_lu *lu)
{
	copy_put_cscd(lab->list + lab->len, lu);
	lab->len += COPY_CSCD_LEN;
	be16_put(lab->list + 2, (uint16_t)(be16_get(lab->list + 2) + COPY_CSCD_LEN));
}

static uint8_t *add_segment(struct lab *lab, uint16_t from, uint64_t from_lba, uint16_t to,
			    uint64_t to_lba, uint16_t n)
{
	uint8_t *segment = lab->list + lab->len;

	segment[0] = 0x02;
	be16_put(segment + 2, 24);
	be16_put(segment + 4, from);
	be16_put(segment + 6, to);
	be16_put(segment + 10, n);
	be64_put(segment + 12, from_lba);
	be64_put(segment + 20, to_lba);
	lab->len += COPY_SEGMENT_LEN;
	be32_put(lab->list + 8, be32_get(lab->list + 8) + COPY_SEGMENT_LEN);
	return segment;
}

/* A list without segments that names the rig's and the peer's logical units. */
static void begin(struct lab *lab)
{
	memset(lab->list, 0, sizeof(lab->list));
	lab->list[0] = ID;
	lab->len = 16;
	add_cscd(lab, lab->rig.lu);
	add_cscd(lab, lab->peer.lu);
}

static uint8_t copy(struct lab *lab)
{
	rig_cdb(&lab->rig, 0x83, 0);
	be32_put(lab->rig.cdb + 10, lab->len);
	return rig_run_out(&lab->rig, lab->list, lab->len);
}

static void ask(struct lab *lab, uint8_t action, uint8_t list_id)
{
	rig_cdb(&lab->rig, 0x84, action, list_id);
	be32_put(lab->rig.cdb + 10, 4096);
	rig_run_in(&lab->rig, 4096);
}

static void expect_status(struct lab *lab, uint8_t status, uint16_t segments, uint32_t bytes)
{
	ask(lab, 0, ID);
	assert_good(&lab->rig);
	assert_int_equal(be32_get(lab->rig.in), 8);
	assert_int_equal(lab->rig.in[4], status);
	assert_int_equal(be16_get(lab->rig.in + 5), segments);
	assert_int_equal(lab->rig.in[7], 0);
	assert_int_equal(be32_get(lab->rig.in + 8), bytes);
}

/* COPY ABORTED or the like: code and byte of the parameter list; sense data may be longer than 18.
 */
static void expect_code(struct lab *lab, uint32_t code, unsigned int byte)
{
	const uint8_t *sense = lab->rig.cmd.sense;

	assert_int_equal(lab->rig.cmd.status, SCSI_CHECK_CONDITION);
	assert_int_equal((uint32_t)sense[2] << 16 | be16_get(sense + 12), code);
	assert_int_equal(sense[15], 0x80);
	assert_int_equal(be16_get(sense + 16), byte);
}

static void expect_nothing_moved(struct lab *lab)
{
	assert_null(strpbrk(lab->rig.trace, "RWFUZzKk"));
}

static void through_the_buffer(void **state)
{
	struct lab lab;

	lab_setup(&lab, 512);
	begin(&lab);
	add_segment(&lab, 0, 3, 1, 100, 113); /* one full piece and a block */
	assert_int_equal(copy(&lab), SCSI_GOOD);
	assert_trace(&lab.rig, "BDkRWRW");
	assert_memory_equal(lab.peer.medium + 100 * 512, lab.rig.medium + 3 * 512, 113 * 512);
	assert_int_equal(lab.peer.medium[99 * 512], 0x33);
	assert_int_equal(lab.peer.medium[213 * 512], 0x33);
	expect_status(&lab, 1, 1, 113 * 512);
	lab_fini(&lab);
}

static void by_the_kernel(void **state)
{
	struct lab lab;

	lab_setup(&lab, 512);
	lab.rig.can_copy = true;
	begin(&lab);
	add_segment(&lab, 0, 0, 1, 1, 1000);
	add_segment(&lab, 1, 1, 0xffff, 1000, 24); /* FFFFh: the logical unit addressed */
	add_segment(&lab, 0, 0, 0, 500, 0);	   /* no blocks: nothing to do */
	assert_int_equal(copy(&lab), SCSI_GOOD);
	assert_trace(&lab.rig, "BDKK");
	assert_memory_equal(lab.peer.medium + 512, lab.rig.medium, 1000 * 512);
	assert_memory_equal(lab.rig.medium + 1000 * 512, lab.rig.medium, 24 * 512);
	expect_status(&lab, 1, 3, 1024 * 512);
	lab_fini(&lab);
}

/* Files that overlap never go to the kernel. */
static void overlapping(void **state)
{
	struct lab lab;

	lab_setup(&lab, 512);
	lab.rig.can_copy = true;
	begin(&lab);
	add_segment(&lab, 0, 10, 0, 9, 10);
	assert_int_equal(copy(&lab), SCSI_GOOD);
	assert_trace(&lab.rig, "BDRW");
	begin(&lab);
	add_segment(&lab, 0, 10, 0, 20, 10);
	assert_int_equal(copy(&lab), SCSI_GOOD);
	assert_trace(&lab.rig, "BDK");
	lab_fini(&lab);
}

static void block_sizes_differ(void **state)
{
	struct lab lab;

	lab_setup(&lab, 4096);
	begin(&lab);
	add_segment(&lab, 0, 8, 1, 2, 16);	    /* counted at the source */
	add_segment(&lab, 0, 0, 1, 7, 1)[1] = 0x02; /* DC: at the destination */
	assert_int_equal(copy(&lab), SCSI_GOOD);
	assert_memory_equal(lab.peer.medium + 2 * 4096, lab.rig.medium + 8 * 512, 8192);
	assert_memory_equal(lab.peer.medium + 7 * 4096, lab.rig.medium, 4096);
	begin(&lab);
	add_segment(&lab, 0, 8, 1, 2, 15);
	copy(&lab);
	expect_code(&lab, SENSE_INEXACT_SEGMENT, 16 + 64);
	expect_nothing_moved(&lab);
	lab_fini(&lab);
}

/* Another nexus's logical unit is answered as one that does not exist, and nothing is read. */
static void only_own_logical_units(void **state)
{
	struct lab lab;

	lab_setup(&lab, 512);
	for (int source = 0; source < 2; source++) {
		begin(&lab);
		add_segment(&lab, 0, 0, 1, 0, 8);
		copy_put_cscd(lab.list + 16 + (source ? 0 : 32), lab.stranger.lu);
		copy(&lab);
		expect_code(&lab, SENSE_COPY_TARGET_UNREACHABLE, source ? 16 : 48);
		expect_nothing_moved(&lab);
		be64_put(lab.list + 16 + (source ? 8 : 40), 0x3000000000000001);
		copy(&lab);
		expect_code(&lab, SENSE_COPY_TARGET_UNREACHABLE, source ? 16 : 48);
		expect_nothing_moved(&lab);
	}
	expect_status(&lab, 2, 0, 0);
	lab_fini(&lab);
}

static bool conflicts(const struct scsi_cmd *cmd)
{
	return cmd->op->resv == SCSI_RESV_WRITE;
}

static bool conflicts_always(const struct scsi_cmd *cmd)
{
	return true;
}

/* Byte 8 or 9 of sense data points to status and sense data of who refused. */
static void expect_refused(struct lab *lab, bool source, uint8_t status)
{
	const uint8_t *sense = lab->rig.cmd.sense;

	copy(lab);
	expect_code(lab, SENSE_THIRD_PARTY_FAILURE, 16 + 64);
	assert_int_equal(sense[8], source ? 18 : 0);
	assert_int_equal(sense[9], source ? 0 : 18);
	assert_int_equal(sense[18], status);
	assert_int_equal(sense[7], lab->rig.cmd.sense_len - 8);
	expect_nothing_moved(lab);
}

static void rights_of_the_nexus(void **state)
{
	struct lab lab;

	lab_setup(&lab, 512);
	begin(&lab);
	add_segment(&lab, 0, 0, 1, 0, 8);
	lab_map(&lab, true);
	expect_refused(&lab, false, SCSI_CHECK_CONDITION);
	assert_int_equal(be16_get(lab.rig.cmd.sense + 19 + 12), 0x2700);
	lab_map(&lab, false);
	atomic_store(&lab.peer.lu->conflict, conflicts);
	expect_refused(&lab, false, SCSI_RESERVATION_CONFLICT);
	atomic_store(&lab.peer.lu->conflict, NULL);
	atomic_store(&lab.peer.lu->stopped, true);
	expect_refused(&lab, false, SCSI_CHECK_CONDITION);
	begin(&lab);
	add_segment(&lab, 1, 0, 0, 0, 8);
	expect_refused(&lab, true, SCSI_CHECK_CONDITION);
	atomic_store(&lab.peer.lu->stopped, false);
	atomic_store(&lab.peer.lu->conflict, conflicts_always);
	expect_refused(&lab, true, SCSI_RESERVATION_CONFLICT);
	atomic_store(&lab.peer.lu->conflict, conflicts); /* reading is allowed */
	assert_int_equal(copy(&lab), SCSI_GOOD);
	lab_fini(&lab);
}

/* Through a group that is not active, a copy does no more than a command would. */
static void states_of_access(void **state)
{
	static const struct {
		enum scsi_access access;
		uint16_t asc;
	} cases[] = {
		{ SCSI_STANDBY, 0x040b },
		{ SCSI_UNAVAILABLE, 0x040c },
		{ SCSI_OFFLINE, 0x040c },
		{ SCSI_TRANSITIONING, 0x040a },
	};
	struct lab lab;

	lab_setup(&lab, 512);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (int source = 0; source < 2; source++) {
			begin(&lab);
			add_segment(&lab, source ? 1 : 0, 0, source ? 0 : 1, 0, 8);
			assert_int_equal(scsi_lu_set_access(lab.peer.lu, lab.rig.nexus.target_port_group,
							    cases[i].access, false),
					 0);
			expect_refused(&lab, source, SCSI_CHECK_CONDITION);
			assert_int_equal(be16_get(lab.rig.cmd.sense + 19 + 12), cases[i].asc);
		}
	}
	assert_int_equal(scsi_lu_set_access(lab.peer.lu, lab.rig.nexus.target_port_group,
					    SCSI_ACTIVE_NONOPTIMIZED, false),
			 0);
	assert_int_equal(copy(&lab), SCSI_GOOD);
	lab_fini(&lab);
}

/* With D_SENSE the same code and field pointer come as descriptors, without the other's sense data. */
static void aborted_in_descriptor_format(void **state)
{
	struct lab lab;
	const uint8_t *sense = lab.rig.cmd.sense;

	lab_setup(&lab, 512);
	begin(&lab);
	add_segment(&lab, 0, 0, 1, 0, 8);
	lab_map(&lab, true);
	pthread_mutex_lock(&lab.rig.lu->lock);
	scsi_mode_set(lab.rig.lu, SCSI_MODE_D_SENSE, SCSI_MODE_D_SENSE);
	pthread_mutex_unlock(&lab.rig.lu->lock);
	assert_int_equal(copy(&lab), SCSI_CHECK_CONDITION);
	assert_memory_equal(sense, "\x72\x0a\x0d\x01\x00\x00\x00", 7);
	assert_int_equal(sense[7], lab.rig.cmd.sense_len - 8);
	assert_memory_equal(sense + 8, "\x02\x06\x00\x00\x80", 5);
	assert_int_equal(be16_get(sense + 13), 16 + 64);
	expect_nothing_moved(&lab);
	lab_fini(&lab);
}

/* Errors of the stores; RECEIVE COPY FAILURE DETAILS repeats them. */
static void store_errors(void **state)
{
	struct lab lab;
	uint8_t sense[SCSI_SENSE_MAX];
	uint32_t len;

	lab_setup(&lab, 512);
	begin(&lab);
	add_segment(&lab, 0, 0, 1, 0, 8);
	add_segment(&lab, 0, 8, 1, 8, 224);
	for (int step = 5; step <= 6;
	     step++) { /* kRW kRWRW: the second segment's first read, write */
		lab.rig.fail_step = step;
		lab.rig.fail_res = -EIO;
		copy(&lab);
		expect_code(&lab, SENSE_THIRD_PARTY_FAILURE, 16 + 64 + 28);
		assert_int_equal(lab.rig.cmd.sense[step == 5 ? 8 : 9], 18);
		assert_int_equal(be16_get(lab.rig.cmd.sense + 19 + 12),
				 step == 5 ? 0x1100 : 0x0c00);
		assert_int_equal(be32_get(lab.rig.cmd.sense + 19 + 3), 8);
		len = lab.rig.cmd.sense_len;
		memcpy(sense, lab.rig.cmd.sense, len);
		lab.rig.fail_step = 0;
		expect_status(&lab, 2, 1, 8 * 512);
		ask(&lab, 4, ID);
		assert_good(&lab.rig);
		assert_int_equal(be32_get(lab.rig.in), 56 + len);
		assert_int_equal(lab.rig.in[56], SCSI_CHECK_CONDITION);
		assert_int_equal(be16_get(lab.rig.in + 58), len);
		assert_memory_equal(lab.rig.in + 60, sense, len);
	}
	lab_fini(&lab);
}

static void no_details(void **state)
{
	struct lab lab;

	lab_setup(&lab, 512);
	ask(&lab, 0, ID);
	assert_bad_cdb(&lab.rig, 2, -1);
	ask(&lab, 4, ID);
	assert_good(&lab.rig);
	assert_int_equal(lab.rig.cmd.data_len, 4);
	assert_int_equal(be32_get(lab.rig.in), 0);
	begin(&lab);
	assert_int_equal(copy(&lab), SCSI_GOOD); /* nothing to copy is no error */
	expect_status(&lab, 1, 0, 0);
	ask(&lab, 4, ID);
	assert_int_equal(be32_get(lab.rig.in), 0);
	begin(&lab);
	lab.list[0] = 0;
	lab.list[1] = 0x18; /* LIST ID USAGE 11b */
	assert_int_equal(copy(&lab), SCSI_GOOD);
	lab.list[0] = 1;
	copy(&lab);
	assert_field(&lab.rig, SENSE_INVALID_FIELD_IN_PARAMETERS, 0, -1);
	lab.list[1] = 0x08;
	copy(&lab);
	assert_field(&lab.rig, SENSE_INVALID_FIELD_IN_PARAMETERS, 1, 4);
	lab_fini(&lab);
}

/* What is wrong in a list is found before the first block moves. */
static void bad_lists(void **state)
{
	static const struct {
		unsigned int byte; /* of the list, gets this value */
		uint8_t value;
		uint32_t code;
		unsigned int at; /* 0: no field pointer */
	} cases[] = {
		{ 3, 63, SENSE_PARAMETER_LIST_LENGTH, 0 },
		{ 3, 96, SENSE_PARAMETER_LIST_LENGTH, 0 },
		{ 2, 3, SENSE_TOO_MANY_CSCDS, 0 },
		{ 10, 8, SENSE_TOO_MANY_SEGMENTS, 0 },
		{ 8, 0xff, SENSE_TOO_MANY_SEGMENTS, 0 },
		{ 11, 27, SENSE_PARAMETER_LIST_LENGTH, 0 },
		{ 15, 1, SENSE_INLINE_DATA_LENGTH, 0 },
		{ 16, 0xe2, SENSE_CSCD_TYPE, 16 },
		{ 17, 0x40, SENSE_CSCD_TYPE, 16 },
		{ 17, 0x01, SENSE_COPY_TARGET_UNREACHABLE, 16 },
		{ 17, 0x20, SENSE_COPY_TARGET_UNREACHABLE, 80 }, /* NUL, and a segment uses it */
		{ 20, 2, SENSE_COPY_TARGET_UNREACHABLE, 16 },
		{ 21, 0x13, SENSE_COPY_TARGET_UNREACHABLE, 16 },
		{ 21, 0x01, SENSE_COPY_TARGET_UNREACHABLE, 16 },
		{ 23, 4, SENSE_COPY_TARGET_UNREACHABLE, 16 },
		{ 46, 4, SENSE_INVALID_FIELD_IN_PARAMETERS, 16 + 29 },
		{ 80, 0x00, SENSE_SEGMENT_TYPE, 80 },
		{ 83, 23, SENSE_INVALID_FIELD_IN_PARAMETERS, 82 },
		{ 85, 2, SENSE_COPY_TARGET_UNREACHABLE, 80 },
		{ 87, 2, SENSE_COPY_TARGET_UNREACHABLE, 80 },
		{ 92, 0xff, SENSE_LBA_OUT_OF_RANGE, 80 },
		{ 98, 0x04, SENSE_LBA_OUT_OF_RANGE, 80 },
		{ 107, 0xff, SENSE_NONE, 0 },
		{ 106, 0x04, SENSE_LBA_OUT_OF_RANGE, 80 },
	};
	struct lab lab;

	lab_setup(&lab, 512);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		begin(&lab);
		add_segment(&lab, 0, 0, 1, 0, 8);
		lab.list[cases[i].byte] = cases[i].value;
		copy(&lab);
		if (cases[i].code == SENSE_NONE) {
			assert_good(&lab.rig);
			continue;
		}
		expect_nothing_moved(&lab);
		if (cases[i].at)
			expect_code(&lab, cases[i].code, cases[i].at);
		else
			assert_sense(&lab.rig, cases[i].code);
	}
	for (lab.len = 1; lab.len < 16; lab.len++) {
		copy(&lab);
		assert_sense(&lab.rig, SENSE_PARAMETER_LIST_LENGTH);
	}
	lab_fini(&lab);
}

static void segment_limit(void **state)
{
	struct lab lab;

	lab_setup(&lab, 4096);
	atomic_store(&lab.peer.lu->n_blocks, 1 << 20);
	begin(&lab);
	add_segment(&lab, 1, 0, 0, 0, (COPY_MAX_SEGMENT_LEN >> 12) + 1);
	copy(&lab);
	expect_code(&lab, SENSE_INVALID_FIELD_IN_PARAMETERS, 80 + 10);
	lab_fini(&lab);
}

static void limits_are_told(void **state)
{
	struct lab lab;

	lab_setup(&lab, 512);
	ask(&lab, 3, 0);
	assert_good(&lab.rig);
	assert_int_equal(be32_get(lab.rig.in), 42);
	assert_int_equal(lab.rig.in[4], 1);
	assert_int_equal(be16_get(lab.rig.in + 8), COPY_MAX_CSCDS);
	assert_int_equal(be16_get(lab.rig.in + 10), COPY_MAX_SEGMENTS);
	assert_int_equal(be32_get(lab.rig.in + 12), 16 * 32 + 64 * 28);
	assert_int_equal(be32_get(lab.rig.in + 16), COPY_MAX_SEGMENT_LEN);
	assert_int_equal(lab.rig.in[36], COPY_SLOTS);
	assert_int_equal(lab.rig.in[37], 9);
	assert_int_equal(lab.rig.in[43], 2);
	assert_int_equal(be16_get(lab.rig.in + 44), 0x02e4);
	lab_fini(&lab);
}

/* The third party copy page is a row of whole descriptors, and lists the commands of the table. */
static void vpd_page(void **state)
{
	static const uint16_t types[] = { 0x0000, 0x0001, 0x0004, 0x0008,
					  0x000c, 0x0106, 0x0108, 0x8001 };
	static const uint8_t commands[] = { 11,	  0x83, 3,    0x00, 0x10, 0x11,
					    0x84, 4,	0x00, 0x03, 0x04, 0x07 };
	struct lab lab;
	size_t at = 4;

	lab_setup(&lab, 512);
	rig_cdb(&lab.rig, 0x12, 1, 0x8f, 0x10, 0);
	rig_run_in(&lab.rig, 4096);
	assert_good(&lab.rig);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		const uint8_t *d = lab.rig.in + at;

		assert_int_equal(be16_get(d), types[i]);
		assert_int_equal(be16_get(d + 2) % 4, 0);
		if (types[i] == 0x0001)
			assert_memory_equal(d + 4, commands, sizeof(commands));
		at += 4u + be16_get(d + 2);
	}
	assert_int_equal(at, 4u + be16_get(lab.rig.in + 2));
	assert_int_equal(at, lab.rig.cmd.xfer_len);
	rig_cdb(&lab.rig, 0x12, 0, 0, 0, 96);
	rig_run_in(&lab.rig, 96);
	assert_int_equal(lab.rig.in[5] & 0x08, 0x08); /* 3PC */
	lab_fini(&lab);
}

/* ---- copies under way ---- */

/* A copy as a target drives it, up to its first request to a store. */
static enum scsi_next start_copy(struct lab *lab, struct scsi_cmd *cmd, uint8_t *cdb)
{
	enum scsi_next next;

	memset(cmd, 0, sizeof(*cmd));
	memset(cdb, 0, 16);
	cdb[0] = 0x83;
	be32_put(cdb + 10, lab->len);
	cmd->nexus = &lab->rig.nexus;
	cmd->itl = lab->rig.itl;
	cmd->cdb = cdb;
	cmd->cdb_len = 16;
	cmd->out_len = lab->len;
	assert_int_equal(scsi_start(cmd), SCSI_NEED_BUF);
	cmd->buf = malloc(SCSI_BUF_LEN);
	assert_int_equal(scsi_resume(cmd, 0), SCSI_NEED_DATA_OUT);
	memcpy(cmd->buf, lab->list, lab->len);
	next = scsi_resume(cmd, 0);
	if (next == SCSI_COMPLETE)
		free(cmd->buf);
	return next;
}

static void give_up(struct scsi_cmd *cmd)
{
	scsi_give_up(cmd);
	free(cmd->buf);
}

static void under_way(void **state)
{
	struct scsi_cmd cmd[COPY_SLOTS + 1];
	uint8_t cdb[16];
	struct lab lab;

	lab_setup(&lab, 512);
	begin(&lab);
	add_segment(&lab, 0, 0, 1, 0, 8);
	assert_int_equal(start_copy(&lab, &cmd[0], cdb), SCSI_STORE);
	assert_true(scsi_copies_with(&cmd[0], lab.peer.lu));
	assert_false(scsi_copies_with(&cmd[0], lab.stranger.lu));
	assert_int_equal(cmd[0].io.op, STORE_COPY);
	expect_status(&lab, 0, 0, 0);
	/* the identifier is in use */
	assert_int_equal(start_copy(&lab, &cmd[1], cdb), SCSI_COMPLETE);
	assert_int_equal(be16_get(cmd[1].sense + 12), 0x0016);
	give_up(&cmd[0]);
	ask(&lab, 0, ID);
	assert_bad_cdb(&lab.rig, 2, -1);
	/* as many as are told, not one more; then there is room again */
	for (unsigned int i = 0; i < COPY_SLOTS; i++) {
		lab.list[0] = (uint8_t)i;
		assert_int_equal(start_copy(&lab, &cmd[i], cdb), SCSI_STORE);
	}
	lab.list[0] = COPY_SLOTS;
	assert_int_equal(start_copy(&lab, &cmd[COPY_SLOTS], cdb), SCSI_COMPLETE);
	assert_int_equal(cmd[COPY_SLOTS].status, SCSI_TASK_SET_FULL);
	for (unsigned int i = 0; i < COPY_SLOTS; i++)
		give_up(&cmd[i]);
	assert_int_equal(copy(&lab), SCSI_GOOD);
	lab_fini(&lab);
}

/* A reservation that comes while a piece is read keeps it from being written. */
static void reserved_in_between(void **state)
{
	struct scsi_cmd cmd;
	uint8_t cdb[16];
	struct lab lab;

	lab_setup(&lab, 512);
	begin(&lab);
	add_segment(&lab, 0, 0, 1, 0, 8);
	assert_int_equal(start_copy(&lab, &cmd, cdb), SCSI_STORE);
	assert_int_equal(scsi_resume(&cmd, -EOPNOTSUPP), SCSI_STORE);
	assert_int_equal(cmd.io.op, STORE_READ);
	atomic_store(&lab.peer.lu->conflict, conflicts);
	assert_int_equal(scsi_resume(&cmd, 0), SCSI_COMPLETE);
	assert_int_equal(be16_get(cmd.sense + 12), 0x0d01);
	assert_int_equal(cmd.sense[18], SCSI_RESERVATION_CONFLICT);
	free(cmd.buf);
	lab_fini(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(through_the_buffer),
		cmocka_unit_test(by_the_kernel),
		cmocka_unit_test(overlapping),
		cmocka_unit_test(block_sizes_differ),
		cmocka_unit_test(only_own_logical_units),
		cmocka_unit_test(rights_of_the_nexus),
		cmocka_unit_test(states_of_access),
		cmocka_unit_test(aborted_in_descriptor_format),
		cmocka_unit_test(store_errors),
		cmocka_unit_test(no_details),
		cmocka_unit_test(bad_lists),
		cmocka_unit_test(segment_limit),
		cmocka_unit_test(limits_are_told),
		cmocka_unit_test(vpd_page),
		cmocka_unit_test(under_way),
		cmocka_unit_test(reserved_in_between),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
