/* SPDX-License-Identifier: BSD-2-Clause */
/* REPORT LUNS, REPORT SUPPORTED OPERATION CODES and TASK MANAGEMENT FUNCTIONS, READ CAPACITY. */
#include <string.h>

#include "rig.h"

/* ---- REPORT LUNS ---- */

static void report_luns(struct rig *rig, uint8_t select, uint32_t alloc, uint32_t in_len)
{
	rig_cdb(rig, 0xa0, 0, select, 0, 0, 0);
	be32_put(rig->cdb + 6, alloc);
	rig_run_in(rig, in_len);
}

/* A nexus with n LUNs, step apart, all on the same logical unit. */
static void map_luns(struct rig *rig, uint32_t n, uint32_t step)
{
	struct scsi_lun_mapping *map = calloc(n + 1, sizeof(*map));

	for (uint32_t i = 0; i < n; i++) {
		map[i].lun = (uint16_t)(i * step);
		map[i].lu = rig->lu;
	}
	scsi_nexus_fini(&rig->nexus);
	assert_int_equal(scsi_nexus_init(&rig->nexus, map, n), 0);
	rig->itl = n ? scsi_nexus_lookup(&rig->nexus, (const uint8_t[8]){ 0 }) : NULL;
	free(map);
}

static void expect_luns(uint32_t n, uint32_t step)
{
	struct rig rig;
	uint32_t len = 8 + 8 * n;

	rig_init(&rig, NULL);
	map_luns(&rig, n, step);
	report_luns(&rig, 0, len + 100, len + 100);
	assert_good(&rig);
	assert_int_equal(rig.cmd.data_len, len);
	assert_int_equal(be32_get(rig.in), 8 * n);
	assert_int_equal(be32_get(rig.in + 4), 0);
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *lun = rig.in + 8 + 8 * (size_t)i;

		assert_int_equal(be16_get(lun), i * step < 256 ? i * step : 0x4000 + i * step);
		assert_int_equal(scsi_lun_decode(lun), i * step);
		assert_non_null(scsi_nexus_lookup(&rig.nexus, lun));
	}
	rig_fini(&rig);
}

static void lun_counts(void **state)
{
	expect_luns(0, 1);
	expect_luns(1, 1);
	expect_luns(2, 255);
	expect_luns(256, 1);
	expect_luns(300, 1);
	expect_luns(300, 54);
	expect_luns(SCSI_MAX_LUNS, 2);
}

static void lun_list_is_cut(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	map_luns(&rig, 300, 1);
	report_luns(&rig, 0, 16, 2408);
	assert_good(&rig);
	assert_int_equal(rig.cmd.data_len, 16);
	assert_int_equal(be32_get(rig.in), 2400); /* tells the full length */
	report_luns(&rig, 0, UINT32_MAX, 2408);
	assert_int_equal(rig.cmd.data_len, 2408);
	report_luns(&rig, 0, UINT32_MAX, 10);
	assert_int_equal(rig.cmd.data_len, 10);
	assert_int_equal(rig.cmd.xfer_len, 2408);
	rig_fini(&rig);
}

static void lun_list_needs_16_bytes(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	for (uint32_t alloc = 0; alloc < 16; alloc++) {
		report_luns(&rig, 0, alloc, 256);
		assert_bad_cdb(&rig, 6, -1);
	}
	rig_fini(&rig);
}

static void select_report(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	report_luns(&rig, 1, 256, 256); /* the well known one */
	assert_good(&rig);
	assert_int_equal(rig.cmd.data_len, 16);
	assert_int_equal(be32_get(rig.in), 8);
	assert_memory_equal(rig.in + 8, "\xc1\x01\0\0\0\0\0", 8);
	report_luns(&rig, 2, 256, 256);
	assert_int_equal(be32_get(rig.in), 16);
	assert_memory_equal(rig.in + 16, "\xc1\x01\0\0\0\0\0", 8);
	for (unsigned int select = 3; select < 256; select++) {
		report_luns(&rig, (uint8_t)select, 256, 256);
		assert_bad_cdb(&rig, 2, -1);
	}
	rig_fini(&rig);
}

/* ---- REPORT SUPPORTED OPERATION CODES ---- */

static void report_ops(struct rig *rig, uint8_t options, uint8_t opcode, uint16_t sa)
{
	rig_cdb(rig, 0xa3, 0x0c, options, opcode, (uint8_t)(sa >> 8), (uint8_t)sa, 0, 0, 0x10, 0);
	rig_run_in(rig, 4096);
}

static const struct rig_conf full = {
	.features = STORE_F_UNMAP | STORE_F_ATOMIC,
	.thin = true,
	.removable = true,
	.alua = true,
	.keeps = true,
	.erases = true,
	.all_types = true,
	.atomic_min = 512,
	.atomic_max = 65536,
};

static bool count_op(const struct scsi_op *op, void *arg)
{
	++*(unsigned int *)arg;
	return true;
}

static void expect_all(struct rig *rig, bool timeouts, unsigned int n)
{
	size_t size = timeouts ? 20 : 8;

	report_ops(rig, timeouts ? 0x80 : 0x00, 0, 0);
	assert_good(rig);
	assert_int_equal(be32_get(rig->in), n * size);
	assert_int_equal(rig->cmd.data_len, 4 + n * size);
	for (unsigned int i = 0; i < n; i++) {
		const uint8_t *d = rig->in + 4 + i * size;
		const struct scsi_op *op = scsi_op_lookup(d[0], d[3]);

		assert_non_null(op);
		assert_int_equal(d[5], (op->sa != SCSI_NO_SA) | (timeouts ? 2 : 0));
		assert_int_equal(be16_get(d + 6), op->cdb_len);
		if (timeouts) {
			assert_int_equal(be16_get(d + 8), 10);
			assert_int_equal(be32_get(d + 16), op->timeout);
		}
	}
}

static void all_opcodes(void **state)
{
	struct rig rig;
	unsigned int n = 0;

	scsi_op_each(count_op, &n);
	rig_init(&rig, &full);
	expect_all(&rig, false, n);
	expect_all(&rig, true, n);
	rig_fini(&rig);
	rig_init(&rig, NULL); /* without UNMAP, PREVENT ALLOW MEDIUM REMOVAL, target port groups, WRITE ATOMIC, SET IDENTIFYING INFORMATION, FORMAT UNIT, SANITIZE, five of drives for discs */
	expect_all(&rig, false, n - 15);
	rig_fini(&rig);
}

static bool reports_one(const struct scsi_op *op, void *arg)
{
	struct rig *rig = arg;
	bool has_sa = op->sa != SCSI_NO_SA;
	uint16_t sa = has_sa ? (uint16_t)op->sa : 0;

	report_ops(rig, has_sa ? 1 : 2, op->opcode, sa);
	assert_bad_cdb(rig, 3, -1);
	for (unsigned int either = 0; either < 2; either++) {
		report_ops(rig, either ? 3 : has_sa ? 2 : 1, op->opcode, sa);
		assert_good(rig);
		assert_int_equal(rig->in[1], 3);
		assert_int_equal(be16_get(rig->in + 2), op->cdb_len);
		for (unsigned int i = 0; i < op->cdb_len; i++)
			assert_int_equal(rig->in[4 + i], scsi_op_usage(op, i));
		assert_int_equal(rig->cmd.data_len, 4 + op->cdb_len);
	}
	report_ops(rig, has_sa ? 0x82 : 0x81, op->opcode, sa);
	assert_int_equal(rig->in[1], 0x83);
	assert_int_equal(rig->cmd.data_len, 4 + op->cdb_len + 12);
	assert_int_equal(be16_get(rig->in + 4 + op->cdb_len), 10);
	return true;
}

static void one_opcode(void **state)
{
	struct rig rig;

	rig_init(&rig, &full);
	scsi_op_each(reports_one, &rig);
	rig_fini(&rig);
}

static void expect_unsupported(struct rig *rig, uint8_t options, uint8_t opcode, uint16_t sa)
{
	report_ops(rig, options, opcode, sa);
	assert_good(rig);
	assert_int_equal(rig->cmd.data_len, 4);
	assert_memory_equal(rig->in, "\x00\x01\x00\x00", 4);
}

static void unsupported_opcode(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	expect_unsupported(&rig, 1, 0xff, 0);
	expect_unsupported(&rig, 2, 0xff, 0);
	expect_unsupported(&rig, 1, 0x42, 0); /* UNMAP, not thin */
	expect_unsupported(&rig, 2, 0x9e, 0x13);
	expect_unsupported(&rig, 2, 0x9e, 0x0110);
	expect_unsupported(&rig, 3, 0x28, 0x01);
	for (unsigned int option = 4; option < 8; option++) {
		report_ops(&rig, (uint8_t)option, 0, 0);
		assert_bad_cdb(&rig, 2, 2);
	}
	rig_fini(&rig);
}

static void task_management(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	rig_cdb(&rig, 0xa3, 0x0d, 0, 0, 0, 0, 0, 0, 0x10, 0);
	rig_run_in(&rig, 4096);
	assert_int_equal(rig.cmd.data_len, 4);
	assert_memory_equal(rig.in, "\xd8\x00\x00\x00", 4);
	rig_cdb(&rig, 0xa3, 0x0d, 0x80, 0, 0, 0, 0, 0, 0x10, 0);
	rig_run_in(&rig, 4096);
	assert_int_equal(rig.cmd.data_len, 16);
	assert_memory_equal(rig.in, "\xd8\x00\x00\x0c", 4);
	rig_fini(&rig);
}

/* ---- READ CAPACITY ---- */

static void capacity(struct rig *rig, bool long_form)
{
	if (long_form)
		rig_cdb(rig, 0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32);
	else
		rig_cdb(rig, 0x25);
	rig_run_in(rig, 64);
	assert_good(rig);
	assert_int_equal(rig->cmd.data_len, long_form ? 32 : 8);
}

static void capacity_small(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	capacity(&rig, false);
	assert_memory_equal(rig.in, "\x00\x00\x03\xff\x00\x00\x02\x00", 8);
	capacity(&rig, true);
	assert_memory_equal(rig.in, "\0\0\0\0\0\0\x03\xff\0\0\x02\0\0\x03\0\0\0\0", 18);
	rig_fini(&rig);
}

static void capacity_edges(void **state)
{
	const uint64_t four_gi = UINT64_C(1) << 32;
	const uint64_t sizes[] = { 1, four_gi - 1, four_gi, four_gi + 1, UINT64_C(1) << 48 };
	struct rig rig;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		rig_init(&rig, &(struct rig_conf){ .n_blocks = sizes[i] });
		capacity(&rig, false);
		assert_int_equal(be32_get(rig.in), MIN(sizes[i] - 1, (uint64_t)UINT32_MAX));
		capacity(&rig, true);
		assert_int_equal(be64_get(rig.in), sizes[i] - 1);
		rig_fini(&rig);
	}
}

static void capacity_of_thin(void **state)
{
	struct rig rig;

	rig_init(&rig, &(struct rig_conf){ .thin = true, .features = STORE_F_UNMAP });
	capacity(&rig, true);
	assert_int_equal(rig.in[14], 0x80);
	rig_fini(&rig);
	rig_init(&rig, &(struct rig_conf){ .thin = true,
					   .block_size = 4096,
					   .features = STORE_F_UNMAP | STORE_F_UNMAP_ZEROES });
	capacity(&rig, true);
	assert_int_equal(rig.in[13], 0);
	assert_int_equal(rig.in[14], 0xc0);
	rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lun_counts),	     cmocka_unit_test(lun_list_is_cut),
		cmocka_unit_test(lun_list_needs_16_bytes), cmocka_unit_test(select_report),
		cmocka_unit_test(all_opcodes),	     cmocka_unit_test(one_opcode),
		cmocka_unit_test(unsupported_opcode), cmocka_unit_test(task_management),
		cmocka_unit_test(capacity_small),    cmocka_unit_test(capacity_edges),
		cmocka_unit_test(capacity_of_thin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
