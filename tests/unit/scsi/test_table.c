/* SPDX-License-Identifier: BSD-2-Clause */
/* What holds for every entry of the opcode table, and the checks in their order. */
#include <string.h>

#include "rig.h"

struct each {
	struct rig *rig;
	unsigned int n;
	unsigned int last;
};

/* A logical unit that serves everything. */
static const struct rig_conf full = {
	.features = STORE_F_ATOMIC | STORE_F_UNMAP | STORE_F_UNMAP_ZEROES | STORE_F_WRITE_CACHE,
	.thin = true,
	.removable = true,
	.alua = true,
	.keeps = true,
	.erases = true,
	.all_types = true,
	.atomic_min = 512,
	.atomic_max = 65536,
};

/* Something that the handler takes: a mode page that exists, a unit that stays started. */
static void any_valid_cdb(struct rig *rig, const struct scsi_op *op, uint64_t len)
{
	rig_cdb_op(rig, op, 0, len);
	if (op->opcode == 0x1a || op->opcode == 0x5a)
		rig->cdb[2] = 0x3f;
	if (op->opcode == 0x1b)
		rig->cdb[4] = 0x01;
	if (op->run == mmc_get_event)
		rig->cdb[1] = 0x01; /* polled */
	if (op->run == spc_read_buffer)
		rig->cdb[1] = 0x0b;
	if (op->run == spc_mode_select) { /* a header alone */
		rig->cdb[1] = 0x10;
		rig_put_field(rig->cdb, op->len, op->cdb_len == 6 ? 4 : 8);
	}
	if (op->run == spc_write_buffer)
		rig->cdb[1] = 0x0a;
	if (op->run == spc_send_diagnostic)
		rig->cdb[1] = 0x10;
	if (op->run == spc_set_timestamp)
		rig_put_field(rig->cdb, op->len, 12);
	if (op->run == spc_extended_copy)
		rig_put_field(rig->cdb, op->len, MAX(len, (uint64_t)16));
	if (op->run == spc_pr_out) {
		rig->cdb[2] = 0x01;
		rig_put_field(rig->cdb, op->len, MAX(len, (uint64_t)24));
	}
}

static void for_each_op(bool (*fn)(const struct scsi_op *op, void *arg),
			const struct rig_conf *conf)
{
	struct rig rig;
	struct each each = { .rig = &rig };

	rig_init(&rig, conf);
	scsi_op_each(fn, &each);
	assert_in_range(each.n, 31, 256);
	rig_fini(&rig);
}

static bool is_consistent(const struct scsi_op *op, void *arg)
{
	struct each *each = arg;
	unsigned int key = op->opcode * 256u + (op->sa == SCSI_NO_SA ? 0 : (unsigned int)op->sa);

	assert_true(!each->n++ || key > each->last);
	each->last = key;
	assert_non_null(op->name);
	assert_non_null(op->run);
	assert_int_equal(op->usage[0], op->opcode);
	if (scsi_op_is_long(op))
		assert_int_equal(op->usage[9], op->sa);
	else if (op->sa != SCSI_NO_SA)
		assert_int_equal(op->usage[1] & 0x1f, op->sa);
	for (unsigned int i = op->cdb_len; i < 16; i++)
		assert_int_equal(op->usage[i], 0xff);
	assert_int_equal(op->usage[scsi_op_is_long(op) ? 1 : op->cdb_len - 1] & 0x04, 0); /* NACA: NORMACA is 0 */
	assert_true(op->timeout > 0);
	assert_int_equal(!!(op->flags & OP_LBA), op->unit == SCSI_UNIT_BLOCKS);
	if (op->protect != SCSI_PROTECT_NONE)
		assert_int_equal(op->usage[scsi_op_options(op)] & 0xe0, 0);
	if (op->flags & OP_WRITES)
		assert_int_equal(op->resv, SCSI_RESV_WRITE);
	rig_cdb_op(each->rig, op, 0, 0);
	assert_ptr_equal(scsi_op_find(each->rig->cdb), op);
	return true;
}

static void table_is_consistent(void **state)
{
	for_each_op(is_consistent, &full);
}

/* LBA and length fields lie inside the CDB, in bits that the usage data says are used. */
static bool has_fields_in_usage(const struct scsi_op *op, void *arg)
{
	struct each *each = arg;
	uint8_t cdb[SCSI_CDB_LONG] = { 0 };

	each->n++;
	if (op->flags & OP_LBA)
		rig_put_field(cdb, op->lba, UINT64_MAX);
	if (op->unit != SCSI_UNIT_NONE)
		rig_put_field(cdb, op->len, UINT64_MAX);
	for (unsigned int i = 0; i < op->cdb_len; i++)
		assert_int_equal(cdb[i] & ~scsi_op_usage(op, i), 0);
	for (unsigned int i = op->cdb_len; i < sizeof(cdb); i++)
		assert_int_equal(cdb[i], 0);
	return true;
}

static void fields_are_in_usage(void **state)
{
	for_each_op(has_fields_in_usage, &full);
}

static bool is_action(const struct scsi_op *op, unsigned int byte, int bit)
{
	if (scsi_op_is_long(op))
		return byte >= 7 && byte <= 9;
	return op->sa != SCSI_NO_SA && byte == 1 && bit < 5;
}

/* Each bit that is 0 in the usage data is refused and pointed to. */
static bool refuses_unused_bits(const struct scsi_op *op, void *arg)
{
	struct each *each = arg;
	struct rig *rig = each->rig;

	each->n++;
	for (unsigned int i = 1; i < op->cdb_len; i++) {
		for (int bit = 0; bit < 8; bit++) {
			bool is_protect = i == scsi_op_options(op) && bit > 4 &&
					  op->protect != SCSI_PROTECT_NONE;

			if (scsi_op_usage(op, i) & 1 << bit || is_action(op, i, bit))
				continue;
			rig_cdb_op(rig, op, 0, 0);
			rig->cdb[i] |= (uint8_t)(1 << bit);
			rig_run_in(rig, 512);
			assert_bad_cdb(rig, i, is_protect ? 7 : bit);
			assert_trace(rig, "");
			assert_int_equal(rig->cmd.xfer_len, 0);
		}
	}
	return true;
}

static void unused_bits_are_refused(void **state)
{
	for_each_op(refuses_unused_bits, &full);
}

/* Bytes beyond the CDB length are padding of the IU. */
static void padding_is_ignored(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	rig_cdb(&rig, 0x00);
	memset(rig.cdb + 6, 0xff, sizeof(rig.cdb) - 6);
	assert_int_equal(rig_run_none(&rig), SCSI_GOOD);
	rig_fini(&rig);
}

static bool refuses_short_cdb(const struct scsi_op *op, void *arg)
{
	struct each *each = arg;

	each->n++;
	rig_cdb_op(each->rig, op, 0, 0);
	each->rig->cdb_len = op->cdb_len - 1u;
	rig_run_none(each->rig);
	each->rig->cdb_len = sizeof(each->rig->cdb);
	assert_sense(each->rig, SENSE_INVALID_FIELD_IN_CDB);
	return true;
}

static void short_cdbs_are_refused(void **state)
{
	for_each_op(refuses_short_cdb, &full);
}

/* Without a copy of the identifier there is nothing to tell. */
static bool asks_about_a_copy(const struct scsi_op *op)
{
	return op->run == spc_copy_status || op->run == spc_rod_information;
}

/* ---- allocation lengths ---- */

static bool honours_allocation_length(const struct scsi_op *op, void *arg)
{
	struct each *each = arg;
	struct rig *rig = each->rig;
	uint32_t low = op->opcode == 0xa0 ? 16 : 0;
	uint64_t full_len;

	each->n++;
	if (op->unit != SCSI_UNIT_ALLOC || asks_about_a_copy(op))
		return true;
	any_valid_cdb(rig, op, 255);
	rig_run_in(rig, 255);
	assert_good(rig);
	full_len = rig->cmd.xfer_len;
	assert_true(full_len > 0);
	for (uint32_t alloc = low; alloc < (op->len.right == 56 ? 256 : 300); alloc++) {
		rig_put_field(rig->cdb, op->len, alloc);
		rig_run_in(rig, 300);
		assert_good(rig);
		if (alloc < 256 || full_len < 255)
			assert_int_equal(rig->cmd.xfer_len, MIN((uint64_t)alloc, full_len));
		assert_int_equal(rig->cmd.data_len, rig->cmd.xfer_len);
		for (uint32_t i = rig->cmd.data_len; i < 300; i++)
			assert_int_equal(rig->in[i], 0xee);
	}
	return true;
}

static void allocation_lengths(void **state)
{
	for_each_op(honours_allocation_length, &full);
}

/* Less room than allocation length: cut, and xfer_len still tells what there was. */
static bool honours_in_len(const struct scsi_op *op, void *arg)
{
	struct each *each = arg;
	struct rig *rig = each->rig;

	each->n++;
	if (op->dir != SCSI_DIR_IN || op->flags & OP_LBA || asks_about_a_copy(op))
		return true;
	any_valid_cdb(rig, op, 200);
	for (uint32_t room = 0; room < 8; room++) {
		rig_run_in(rig, room);
		assert_good(rig);
		assert_int_equal(rig->cmd.data_len, MIN(room, rig->cmd.xfer_len));
		assert_true(rig->cmd.xfer_len >= 4);
	}
	return true;
}

static void data_in_fits_the_buffer(void **state)
{
	for_each_op(honours_in_len, &full);
}

/* A step that gets no buffer ends the command with BUSY, whichever it is. */
static bool is_busy_without_buffer(const struct scsi_op *op, void *arg)
{
	struct each *each = arg;
	struct rig *rig = each->rig;
	static const uint8_t ones[1024] = { 0, 6, 0, 0, 0, 0, 0, 1, [512] = 1 };
	static const uint8_t mode_header[1024];
	int n;

	each->n++;
	if (op->run == sbc_populate_token || op->run == sbc_write_token || op->run == sbc_sanitize)
		return true; /* need a list of their own: test_rod.c, test_erase.c */
	any_valid_cdb(rig, op, op->unit == SCSI_UNIT_PARAM ? 8 : 1);
	if (op->opcode == 0xa0)
		rig_put_field(rig->cdb, op->len, 16);
	if (op->run == sbc_verify || op->run == sbc_write_verify)
		rig->cdb[scsi_op_options(op)] = 0x02;
	rig->in_len = op->run == sbc_read ? 100 : 512;
	rig->out = op->run == spc_mode_select || op->run == spc_log_select ? mode_header : ones;
	rig->out_len = op->run == sbc_compare_write ? 1024 : 512;
	rig->buf_step = 0;
	memcpy(rig->medium, ones, 512);
	rig_run(rig);
	if (!asks_about_a_copy(op))
		assert_int_equal(rig->cmd.sense_len, 0);
	n = rig->n_buf;
	for (int i = 1; i <= n; i++) {
		rig->buf_step = i;
		memcpy(rig->medium, ones, 512);
		rig_run(rig);
		assert_int_equal(rig->cmd.status, SCSI_BUSY);
		assert_int_equal(rig->n_buf, i);
	}
	rig->buf_step = 0;
	return true;
}

static void busy_without_buffer(void **state)
{
	for_each_op(is_busy_without_buffer, &full);
}

/* ---- order of checks ---- */

static bool always_conflicts(const struct scsi_cmd *cmd)
{
	return cmd->op->resv != SCSI_RESV_ALLOWED;
}

static void checks_come_in_order(void **state)
{
	struct rig rig;
	struct scsi_itl *itl;

	rig_init(&rig, &(struct rig_conf){ .read_only = true });
	itl = rig.itl;
	atomic_store(&rig.lu->conflict, always_conflicts);
	scsi_ua_set(itl, SCSI_UA_POWER_ON);
	atomic_store(&rig.lu->stopped, true);

	/* everything is wrong; then one fault after the other goes away */
	rig_cdb(&rig, 0xff);
	rig.itl = NULL;
	rig_run_none(&rig);
	assert_sense(&rig, SENSE_LUN_NOT_SUPPORTED);
	rig.itl = itl;
	rig_run_none(&rig);
	assert_sense(&rig, SENSE_INVALID_OPCODE);
	rig_cdb(&rig, 0x2a, 0x80, 0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff, 0);
	rig_run_none(&rig);
	assert_bad_cdb(&rig, 1, 7);
	rig.cdb[1] = 0;
	assert_int_equal(rig_run_none(&rig), SCSI_RESERVATION_CONFLICT);
	assert_int_equal(rig.cmd.sense_len, 0);
	atomic_store(&rig.lu->conflict, NULL);
	rig_run_none(&rig);
	assert_sense(&rig, SENSE_UA_POWER_ON);
	rig_run_none(&rig);
	assert_sense(&rig, SENSE_NEEDS_START);
	atomic_store(&rig.lu->stopped, false);
	rig_run_none(&rig);
	assert_sense(&rig, SENSE_WRITE_PROTECTED);
	itl->read_only = false;
	rig_run_none(&rig);
	assert_sense(&rig, SENSE_LBA_OUT_OF_RANGE);
	atomic_store(&rig.lu->n_blocks, UINT64_C(1) << 40);
	rig_run_none(&rig);
	assert_bad_cdb(&rig, 7, -1);
	be16_put(rig.cdb + 7, 1);
	rig_run_none(&rig);
	assert_good(&rig);
	assert_int_equal(rig.cmd.xfer_len, 512);
	rig_fini(&rig);
}

/* Reservation classes: commands that always run do not ask. */
static bool asks_about_reservations(const struct scsi_op *op, void *arg)
{
	struct each *each = arg;
	struct rig *rig = each->rig;

	each->n++;
	atomic_store(&rig->lu->conflict, always_conflicts);
	rig_cdb_op(rig, op, 0, 16);
	if (op->run == mmc_get_event)
		rig->cdb[1] = 0x01;
	rig_run_in(rig, 64);
	if (op->resv != SCSI_RESV_ALLOWED)
		assert_int_equal(rig->cmd.status, SCSI_RESERVATION_CONFLICT);
	else if (op->unit != SCSI_UNIT_PARAM)
		assert_good(rig);
	return true;
}

static void reservation_classes(void **state)
{
	for_each_op(asks_about_reservations, &full);
}

/* Every command that changes the medium is refused on a read-only one, no other is. */
static bool honours_write_protection(const struct scsi_op *op, void *arg)
{
	struct each *each = arg;
	struct rig *rig = each->rig;

	each->n++;
	any_valid_cdb(rig, op, 1);
	rig_run_none(rig);
	if (op->flags & OP_WRITES)
		assert_sense(rig, SENSE_WRITE_PROTECTED);
	else if (rig->cmd.status == SCSI_CHECK_CONDITION)
		assert_int_not_equal(rig_code(rig), SENSE_WRITE_PROTECTED);
	assert_null(strpbrk(rig->trace, "WUZzw"));
	return true;
}

static void write_protection(void **state)
{
	struct rig_conf conf = full;

	conf.read_only = true;
	for_each_op(honours_write_protection, &conf);
}

static bool honours_stopped(const struct scsi_op *op, void *arg)
{
	struct each *each = arg;
	struct rig *rig = each->rig;

	each->n++;
	any_valid_cdb(rig, op, 16);
	atomic_store(&rig->lu->stopped, true);
	rig_run_in(rig, 64);
	if (op->flags & OP_MEDIUM) {
		assert_sense(rig, SENSE_NEEDS_START);
		atomic_store(&rig->lu->ejected, true);
		rig_run_in(rig, 64);
		assert_sense(rig, SENSE_NO_MEDIUM);
		atomic_store(&rig->lu->ejected, false);
	} else if (op->run == sbc_format_unit || op->run == sbc_sanitize) {
		assert_sense(rig, SENSE_NEEDS_START); /* looks for itself */
	} else if (op->unit != SCSI_UNIT_PARAM && !asks_about_a_copy(op)) {
		assert_good(rig);
	}
	return true;
}

static void stopped_state(void **state)
{
	for_each_op(honours_stopped, &full);
}

/* Commands for features that the logical unit lacks do not exist. */
static void lacking_features(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	rig_cdb(&rig, 0x42);
	rig_run_none(&rig);
	assert_sense(&rig, SENSE_INVALID_OPCODE);
	rig_cdb(&rig, 0x1e);
	rig_run_none(&rig);
	assert_sense(&rig, SENSE_INVALID_OPCODE);
	rig_fini(&rig);
}

static void unknown_opcodes(void **state)
{
	struct rig rig;

	rig_init(&rig, &full);
	for (unsigned int i = 0; i < 256; i++) {
		if (scsi_ops[i].run || scsi_ops[i].actions)
			continue;
		rig_cdb(&rig, (uint8_t)i);
		rig_run_none(&rig);
		assert_sense(&rig, SENSE_INVALID_OPCODE);
	}
	rig_cdb(&rig, 0x9e, 0x13); /* REPORT REFERRALS */
	rig_run_none(&rig);
	assert_bad_cdb(&rig, 1, 4);
	rig_fini(&rig);
}

/* ---- ranges of every command with an LBA ---- */

static void expect_range(struct rig *rig, const struct scsi_op *op, uint64_t lba, uint64_t n)
{
	uint64_t size = atomic_load(&rig->lu->n_blocks);
	uint64_t lba_max = UINT64_MAX >> op->lba.right;
	uint64_t n_max = UINT64_MAX >> op->len.right;
	uint8_t block[512] = { 1 };
	bool inside;

	if (lba > lba_max || n > n_max)
		return;
	rig_cdb_op(rig, op, lba, n);
	if (op->flags & OP_ZERO_IS_256 && !n)
		n = 256;
	inside = n <= size && lba <= size - n;
	rig_run_out(rig, block, sizeof(block));
	if (inside && rig->cmd.status == SCSI_CHECK_CONDITION)
		assert_int_not_equal(rig_code(rig), SENSE_LBA_OUT_OF_RANGE);
	if (!inside) {
		assert_sense(rig, SENSE_LBA_OUT_OF_RANGE);
		assert_trace(rig, "");
	}
}

static bool checks_range(const struct scsi_op *op, void *arg)
{
	struct each *each = arg;
	uint64_t size = atomic_load(&each->rig->lu->n_blocks);
	const uint64_t lbas[] = { 0,	      1,	  size - 1,   size,	      size + 1,
				  0x1fffff,   0x7fffffff, 0x80000000, 0xfffffffe,     0xffffffff,
				  0x100000000, INT64_MAX, UINT64_MAX - 1, UINT64_MAX };
	const uint64_t counts[] = { 0, 1, 2, 255, 256, size - 1, size, size + 1, 0xffff,
				    0x7fffffff, 0xffffffff };

	each->n++;
	if (!(op->flags & OP_LBA))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(lbas); i++)
		for (size_t j = 0; j < ARRAY_SIZE(counts); j++)
			expect_range(each->rig, op, lbas[i], counts[j]);
	return true;
}

static void beyond_eol(void **state)
{
	for_each_op(checks_range, &full);
}

static bool stop_at_third(const struct scsi_op *op, void *arg)
{
	unsigned int *n = arg;

	return ++*n < 3;
}

static void each_can_stop(void **state)
{
	unsigned int n = 0;

	scsi_op_each(stop_at_third, &n);
	assert_int_equal(n, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_is_consistent),	   cmocka_unit_test(fields_are_in_usage),
		cmocka_unit_test(unused_bits_are_refused), cmocka_unit_test(padding_is_ignored),
		cmocka_unit_test(short_cdbs_are_refused),  cmocka_unit_test(allocation_lengths),
		cmocka_unit_test(data_in_fits_the_buffer), cmocka_unit_test(checks_come_in_order),
		cmocka_unit_test(reservation_classes),	   cmocka_unit_test(write_protection),
		cmocka_unit_test(stopped_state),	   cmocka_unit_test(lacking_features),
		cmocka_unit_test(unknown_opcodes),	   cmocka_unit_test(beyond_eol),
		cmocka_unit_test(each_can_stop),	   cmocka_unit_test(busy_without_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
