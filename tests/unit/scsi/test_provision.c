/* SPDX-License-Identifier: BSD-2-Clause */
/* UNMAP parameter lists, well formed and not, and WRITE SAME in all its variants. */
#include <errno.h>
#include <string.h>

#include "rig.h"

static const struct rig_conf thin = { .features = STORE_F_UNMAP, .thin = true };
static const struct rig_conf thin_zeroes = {
	.features = STORE_F_UNMAP | STORE_F_UNMAP_ZEROES,
	.thin = true,
};

/* ---- UNMAP ---- */

struct list {
	uint8_t bytes[8 + 16 * 300];
	uint32_t len;
};

static void list_init(struct list *list)
{
	memset(list, 0, sizeof(*list));
	list->len = 8;
	be16_put(list->bytes, 6);
}

static void list_add(struct list *list, uint64_t lba, uint32_t n)
{
	be64_put(list->bytes + list->len, lba);
	be32_put(list->bytes + list->len + 8, n);
	list->len += 16;
	be16_put(list->bytes, (uint16_t)(list->len - 2));
	be16_put(list->bytes + 2, (uint16_t)(list->len - 8));
}

/* Parameter list length as in the CDB; out_len bytes really there. */
static void unmap(struct rig *rig, const struct list *list, uint32_t cdb_len, uint32_t out_len)
{
	uint8_t *out = malloc(out_len + 1u);

	memcpy(out, list->bytes, out_len);
	rig_cdb_op(rig, rig_op(0x42), 0, cdb_len);
	rig_run_out(rig, out, out_len);
	free(out);
}

static void unmap_simple(void **state)
{
	struct rig rig;
	struct list list;
	uint8_t before[512];

	rig_init(&rig, &thin);
	memcpy(before, rig.medium + 4 * 512, sizeof(before));
	list_init(&list);
	list_add(&list, 5, 10);
	list_add(&list, 100, 0); /* no blocks: no error, nothing to do */
	list_add(&list, RIG_BLOCKS - 1, 1);
	unmap(&rig, &list, list.len, list.len);
	assert_good(&rig);
	assert_trace(&rig, "DUU");
	assert_int_equal(rig.cmd.xfer_len, list.len);
	assert_int_equal(rig.cmd.data_len, list.len);
	assert_memory_equal(rig.medium + 4 * 512, before, sizeof(before));
	assert_int_equal(rig.medium[5 * 512], 0);
	assert_int_equal(rig.medium[15 * 512 - 1], 0);
	assert_int_equal(rig.medium[RIG_BLOCKS * 512 - 1], 0);
	rig_fini(&rig);
}

static void unmap_nothing(void **state)
{
	struct rig rig;
	struct list list;

	rig_init(&rig, &thin);
	list_init(&list);
	unmap(&rig, &list, 0, 0);
	assert_good(&rig);
	assert_trace(&rig, "");
	unmap(&rig, &list, 0, 8);
	assert_good(&rig);
	unmap(&rig, &list, 8, 8); /* header alone */
	assert_good(&rig);
	assert_trace(&rig, "D");
	rig_fini(&rig);
}

static void unmap_short_lists(void **state)
{
	struct rig rig;
	struct list list;

	rig_init(&rig, &thin);
	list_init(&list);
	list_add(&list, 0, 1);
	list_add(&list, 8, 1);
	for (uint32_t len = 1; len < list.len; len++) {
		unmap(&rig, &list, len, list.len); /* PARAMETER LIST LENGTH cuts */
		assert_sense(&rig, SENSE_PARAMETER_LIST_LENGTH);
		assert_trace(&rig, "D");
		unmap(&rig, &list, list.len, len); /* the data-out buffer cuts */
		assert_sense(&rig, SENSE_PARAMETER_LIST_LENGTH);
		assert_int_equal(rig.cmd.xfer_len, list.len);
	}
	unmap(&rig, &list, list.len, 0);
	assert_sense(&rig, SENSE_PARAMETER_LIST_LENGTH);
	assert_trace(&rig, "");
	rig_fini(&rig);
}

static void unmap_inconsistent_lengths(void **state)
{
	struct rig rig;
	struct list list;

	rig_init(&rig, &thin);
	list_init(&list);
	list_add(&list, 0, 1);
	be16_put(list.bytes, 21); /* UNMAP DATA LENGTH ends inside the descriptors */
	unmap(&rig, &list, list.len, list.len);
	assert_field(&rig, SENSE_INVALID_FIELD_IN_PARAMETERS, 0, -1);
	be16_put(list.bytes, 22);
	be16_put(list.bytes + 2, 17); /* descriptors go beyond UNMAP DATA LENGTH */
	unmap(&rig, &list, list.len, list.len);
	assert_field(&rig, SENSE_INVALID_FIELD_IN_PARAMETERS, 0, -1);
	be16_put(list.bytes + 2, 16);
	be16_put(list.bytes, 23); /* UNMAP DATA LENGTH goes beyond the list */
	unmap(&rig, &list, list.len, list.len);
	assert_sense(&rig, SENSE_PARAMETER_LIST_LENGTH);
	be16_put(list.bytes, 0xffff);
	be16_put(list.bytes + 2, 0xffff);
	unmap(&rig, &list, list.len, list.len);
	assert_sense(&rig, SENSE_PARAMETER_LIST_LENGTH);
	assert_trace(&rig, "D");
	rig_fini(&rig);
}

/* SBC-3 5.28.2: what is left of an incomplete descriptor is ignored. */
static void unmap_incomplete_descriptor(void **state)
{
	struct rig rig;
	struct list list;

	rig_init(&rig, &thin);
	list_init(&list);
	list_add(&list, 0, 1);
	list_add(&list, UINT64_MAX, UINT32_MAX);
	be16_put(list.bytes + 2, 31);
	unmap(&rig, &list, list.len, list.len);
	assert_good(&rig);
	assert_trace(&rig, "DU");
	rig_fini(&rig);
}

/* A bad range anywhere: no range is unmapped. */
static void unmap_beyond_eol(void **state)
{
	static const struct {
		uint64_t lba;
		uint32_t n;
	} bad[] = {
		{ RIG_BLOCKS, 1 },	{ RIG_BLOCKS - 1, 2 }, { 0, RIG_BLOCKS + 1 },
		{ RIG_BLOCKS + 1, 0 },	{ UINT64_MAX, 1 },     { UINT64_MAX, UINT32_MAX },
		{ UINT64_MAX - 5, 6 },	{ UINT32_MAX, 1 },     { 1, UINT32_MAX },
	};
	struct rig rig;
	struct list list;

	rig_init(&rig, &thin);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		list_init(&list);
		list_add(&list, 0, 1);
		list_add(&list, bad[i].lba, bad[i].n);
		unmap(&rig, &list, list.len, list.len);
		assert_sense(&rig, SENSE_LBA_OUT_OF_RANGE);
		assert_trace(&rig, "D");
	}
	rig_fini(&rig);
}

static void unmap_limits(void **state)
{
	struct rig rig;
	struct list list;

	rig_init(&rig, &(struct rig_conf){ .features = STORE_F_UNMAP,
					   .thin = true,
					   .n_blocks = UINT64_C(1) << 32 });
	list_init(&list);
	for (uint32_t i = 0; i < 256; i++)
		list_add(&list, i, 1);
	unmap(&rig, &list, list.len, list.len);
	assert_good(&rig);
	list_add(&list, 256, 1);
	unmap(&rig, &list, list.len, list.len);
	assert_field(&rig, SENSE_INVALID_FIELD_IN_PARAMETERS, 2, -1);
	assert_trace(&rig, "D");
	list_init(&list);
	list_add(&list, 0, (256 << 20) / 512);
	unmap(&rig, &list, list.len, list.len);
	assert_good(&rig);
	list_add(&list, 0, 1);
	unmap(&rig, &list, list.len, list.len);
	assert_field(&rig, SENSE_INVALID_FIELD_IN_PARAMETERS, 8 + 16 + 8, -1);
	assert_trace(&rig, "D");
	rig_fini(&rig);
}

static void unmap_anchor_and_group(void **state)
{
	struct rig rig;
	struct list list;

	rig_init(&rig, &thin);
	list_init(&list);
	list_add(&list, 0, 1);
	rig_cdb(&rig, 0x42, 0x01, 0, 0, 0, 0, 0, 0, 24, 0);
	rig_run_out(&rig, list.bytes, list.len);
	assert_bad_cdb(&rig, 1, 0);
	rig_cdb(&rig, 0x42, 0, 0, 0, 0, 0, 0x1f, 0, 24, 0);
	rig_run_out(&rig, list.bytes, list.len);
	assert_good(&rig);
	rig_fini(&rig);
}

static void unmap_error(void **state)
{
	struct rig rig;
	struct list list;

	rig_init(&rig, &thin);
	list_init(&list);
	list_add(&list, 3, 1);
	list_add(&list, 77, 1);
	rig.fail_step = 2;
	rig.fail_res = -EIO;
	unmap(&rig, &list, list.len, list.len);
	assert_info(&rig, SENSE_WRITE_ERROR, 77);
	rig_fini(&rig);
}

/* ---- WRITE SAME ---- */

enum { UNMAP = 0x08, ANCHOR = 0x10, NDOB = 0x01 };

static const uint8_t sames[] = { 0x41, 0x93 };

static void same(struct rig *rig, uint8_t opcode, uint8_t flags, uint64_t lba, uint32_t n,
		 uint8_t value)
{
	static uint8_t block[4096];

	memset(block, 0, sizeof(block));
	block[rig->bs - 1] = value;
	rig_cdb_op(rig, rig_op(opcode), lba, n);
	rig->cdb[1] |= flags;
	rig_run_out(rig, block, rig->bs);
}

static void expect_pattern(const struct rig *rig, uint64_t lba, uint32_t n, uint8_t value)
{
	for (uint64_t i = lba; i < lba + n; i++) {
		const uint8_t *block = rig->medium + i * rig->bs;

		assert_int_equal(block[0], 0);
		assert_int_equal(block[rig->bs - 1], value);
	}
}

static void same_pattern(void **state)
{
	struct rig rig;
	uint8_t edges[2];

	for (size_t i = 0; i < ARRAY_SIZE(sames); i++) {
		rig_init(&rig, NULL);
		edges[0] = rig.medium[3 * 512 - 1];
		edges[1] = rig.medium[303 * 512];
		same(&rig, sames[i], 0, 3, 1, 0xaa);
		assert_good(&rig);
		assert_trace(&rig, "BDW");
		assert_int_equal(rig.cmd.xfer_len, 512);
		assert_int_equal(rig.cmd.data_len, 512);
		same(&rig, sames[i], 0, 3, 300, 0xbb); /* 64 KiB, 64 KiB, the rest */
		assert_good(&rig);
		assert_trace(&rig, "BDWWW");
		expect_pattern(&rig, 3, 300, 0xbb);
		assert_int_equal(rig.medium[3 * 512 - 1], edges[0]);
		assert_int_equal(rig.medium[303 * 512], edges[1]);
		rig_fini(&rig);
	}
	rig_init(&rig, &(struct rig_conf){ .block_size = 4096 });
	same(&rig, 0x93, 0, 0, 33, 0xcc);
	assert_trace(&rig, "BDWWW");
	expect_pattern(&rig, 0, 33, 0xcc);
	rig_fini(&rig);
}

/* All bytes alike, but not zero. */
static void same_uniform(void **state)
{
	struct rig rig;
	uint8_t block[512];

	rig_init(&rig, &thin_zeroes);
	memset(block, 0x55, sizeof(block));
	rig_cdb_op(&rig, rig_op(0x41), 0, 2);
	rig.cdb[1] = UNMAP;
	rig_run_out(&rig, block, sizeof(block));
	assert_trace(&rig, "BDW");
	assert_memory_equal(rig.medium + 512, block, sizeof(block));
	rig_fini(&rig);
}

static void same_zeroes(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(sames); i++) {
		same(&rig, sames[i], 0, 10, 300, 0);
		assert_good(&rig);
		assert_trace(&rig, "BDZ");
		expect_pattern(&rig, 10, 300, 0);
	}
	rig_fini(&rig);
}

static void same_unmap(void **state)
{
	struct rig rig;

	for (size_t i = 0; i < ARRAY_SIZE(sames); i++) {
		rig_init(&rig, NULL); /* not thin: the bit is not supported */
		same(&rig, sames[i], UNMAP, 0, 1, 0);
		assert_bad_cdb(&rig, 1, 3);
		rig_fini(&rig);
		rig_init(&rig, &thin); /* unmapped blocks may hold anything: zero them */
		same(&rig, sames[i], UNMAP, 0, 8, 0);
		assert_trace(&rig, "BDz");
		same(&rig, sames[i], 0, 0, 8, 0);
		assert_trace(&rig, "BDZ");
		rig_fini(&rig);
		rig_init(&rig, &thin_zeroes);
		same(&rig, sames[i], UNMAP, 0, 8, 0);
		assert_trace(&rig, "BDU");
		same(&rig, sames[i], UNMAP, 0, 8, 0x77); /* not zeroes: written */
		assert_good(&rig);
		assert_trace(&rig, "BDW");
		expect_pattern(&rig, 0, 8, 0x77);
		same(&rig, sames[i], UNMAP | ANCHOR, 0, 1, 0);
		assert_bad_cdb(&rig, 1, 4);
		same(&rig, sames[i], ANCHOR, 0, 1, 0);
		assert_sense(&rig, SENSE_INVALID_FIELD_IN_CDB);
		rig_fini(&rig);
	}
}

static void same_without_data_out(void **state)
{
	struct rig rig;

	rig_init(&rig, &thin_zeroes);
	rig_cdb_op(&rig, rig_op(0x93), 4, 4);
	rig.cdb[1] = NDOB;
	rig_run_none(&rig);
	assert_good(&rig);
	assert_trace(&rig, "Z");
	assert_int_equal(rig.cmd.dir, SCSI_DIR_NONE);
	assert_int_equal(rig.cmd.xfer_len, 0);
	expect_pattern(&rig, 4, 4, 0);
	rig.cdb[1] = NDOB | UNMAP;
	rig_run_none(&rig);
	assert_trace(&rig, "U");
	rig_cdb_op(&rig, rig_op(0x41), 4, 4);
	rig.cdb[1] = NDOB; /* not in the 10-byte CDB */
	rig_run_none(&rig);
	assert_bad_cdb(&rig, 1, 0);
	rig_fini(&rig);
}

static void same_counts(void **state)
{
	struct rig rig;

	rig_init(&rig, &(struct rig_conf){ .n_blocks = UINT64_C(1) << 32 });
	for (size_t i = 0; i < ARRAY_SIZE(sames); i++) {
		same(&rig, sames[i], 0, 0, 0, 1); /* WSNZ */
		assert_bad_cdb(&rig, scsi_field_byte(rig_op(sames[i])->len), -1);
	}
	same(&rig, 0x93, 0, 0, (256 << 20) / 512, 0);
	assert_good(&rig);
	same(&rig, 0x93, 0, 0, (256 << 20) / 512 + 1, 0);
	assert_bad_cdb(&rig, 10, -1);
	rig_fini(&rig);
}

static void same_invalid_dataout_size(void **state)
{
	static const uint8_t block[1024];
	static const uint32_t lens[] = { 0, 1, 256, 511, 513, 1024 };
	struct rig rig;

	rig_init(&rig, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		rig_cdb_op(&rig, rig_op(0x41), 0, 1);
		rig_run_out(&rig, block, lens[i]);
		assert_sense(&rig, SENSE_INVALID_FIELD_IN_COMMAND_IU);
		assert_trace(&rig, "");
		assert_int_equal(rig.cmd.xfer_len, 512);
	}
	rig_fini(&rig);
}

static void same_errors(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	rig.fail_res = -ENOSPC;
	rig.fail_step = 2;
	same(&rig, 0x93, 0, 3, 300, 1);
	assert_info(&rig, SENSE_SPACE_ALLOCATION_FAILED, 3 + 128);
	rig.fail_res = -EIO;
	rig.fail_step = 1;
	same(&rig, 0x93, 0, 3, 300, 0);
	assert_info(&rig, SENSE_WRITE_ERROR, 3);
	rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unmap_simple),
		cmocka_unit_test(unmap_nothing),
		cmocka_unit_test(unmap_short_lists),
		cmocka_unit_test(unmap_inconsistent_lengths),
		cmocka_unit_test(unmap_incomplete_descriptor),
		cmocka_unit_test(unmap_beyond_eol),
		cmocka_unit_test(unmap_limits),
		cmocka_unit_test(unmap_anchor_and_group),
		cmocka_unit_test(unmap_error),
		cmocka_unit_test(same_pattern),
		cmocka_unit_test(same_uniform),
		cmocka_unit_test(same_zeroes),
		cmocka_unit_test(same_unmap),
		cmocka_unit_test(same_without_data_out),
		cmocka_unit_test(same_counts),
		cmocka_unit_test(same_invalid_dataout_size),
		cmocka_unit_test(same_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
