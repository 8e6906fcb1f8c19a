/* SPDX-License-Identifier: BSD-2-Clause */
/* GET LBA STATUS over a store with holes, and READ DEFECT DATA. */
#include <errno.h>
#include <string.h>

#include "rig.h"

static int extent_res;

/* Mapped and unmapped in turn, 4 blocks of 512 bytes each, the first mapped. */
static int striped(struct store *store, uint64_t off, uint64_t len, uint64_t *extent_len, bool *mapped)
{
	uint64_t left = 2048 - off % 2048;

	*mapped = off / 2048 % 2 == 0;
	*extent_len = MIN(left, len);
	return extent_res;
}

static const struct store_ops striped_ops = { .type = "striped", .extent = striped };
static const struct rig_conf thin = { .features = STORE_F_UNMAP | STORE_F_UNMAP_ZEROES, .thin = true };

static void get(struct rig *rig, uint64_t lba, uint32_t alloc)
{
	rig_cdb(rig, 0x9e, 0x12);
	be64_put(rig->cdb + 2, lba);
	be32_put(rig->cdb + 10, alloc);
	rig_run_in(rig, 8192);
}

static void expect(const struct rig *rig, unsigned int i, uint64_t lba, uint32_t n, uint8_t status)
{
	const uint8_t *desc = rig->in + 8 + 16 * i;

	assert_int_equal(be64_get(desc), lba);
	assert_int_equal(be32_get(desc + 8), n);
	assert_int_equal(desc[12], status);
}

static void holes_are_told(void **state)
{
	struct rig rig;

	rig_init(&rig, &thin);
	rig.store.ops = &striped_ops;
	get(&rig, 1, 8 + 3 * 16);
	assert_good(&rig);
	assert_trace(&rig, "BC");
	assert_int_equal(be32_get(rig.in), 4 + 3 * 16);
	expect(&rig, 0, 1, 3, 0);
	expect(&rig, 1, 4, 4, 1);
	expect(&rig, 2, 8, 4, 0);
	get(&rig, RIG_BLOCKS - 1, 8192); /* the last block */
	assert_int_equal(be32_get(rig.in), 4 + 16);
	expect(&rig, 0, RIG_BLOCKS - 1, 1, 1);
	get(&rig, 0, 8192); /* as many as there is room for */
	assert_int_equal(be32_get(rig.in), 4 + 255 * 16);
	for (uint32_t alloc = 0; alloc < 24; alloc++) {
		get(&rig, 0, alloc);
		assert_good(&rig);
		assert_int_equal(rig.cmd.data_len, alloc);
	}
	rig_fini(&rig);
}

static void beyond_the_end(void **state)
{
	struct rig rig;

	rig_init(&rig, &thin);
	get(&rig, RIG_BLOCKS, 24);
	assert_sense(&rig, SENSE_LBA_OUT_OF_RANGE);
	get(&rig, UINT64_MAX, 24);
	assert_sense(&rig, SENSE_LBA_OUT_OF_RANGE);
	rig_fini(&rig);
}

/* Block length 4096 above holes of 2048 bytes: what is allocated in part is mapped. */
static void parts_of_blocks_are_mapped(void **state)
{
	struct rig_conf conf = thin;
	struct rig rig;

	conf.block_size = 4096;
	rig_init(&rig, &conf);
	rig.store.ops = &striped_ops;
	get(&rig, 0, 8 + 2 * 16);
	expect(&rig, 0, 0, 1, 0);
	expect(&rig, 1, 1, 1, 0);
	rig_fini(&rig);
}

static void without_holes_all_is_mapped(void **state)
{
	struct rig rig;

	rig_init(&rig, &(struct rig_conf){ .n_blocks = UINT64_C(1) << 33 });
	rig.store.ops = &striped_ops;
	get(&rig, 5, 24);
	expect(&rig, 0, 5, UINT32_MAX, 0);
	rig_fini(&rig);
}

static void store_fails(void **state)
{
	struct rig rig;

	rig_init(&rig, &thin);
	rig.store.ops = &striped_ops;
	extent_res = -EIO;
	get(&rig, 3, 24);
	extent_res = 0;
	assert_info(&rig, SENSE_READ_ERROR, 3);
	rig_fini(&rig);
}

static void defect_lists_are_empty(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	for (uint8_t format = 0; format < 8; format++) {
		bool known = format == 0 || (format >= 3 && format <= 5);

		rig_cdb(&rig, 0x37, 0, 0x18 | format, 0, 0, 0, 0, 0, 255, 0);
		rig_run_in(&rig, 255);
		if (!known) {
			assert_bad_cdb(&rig, 2, 2);
			continue;
		}
		assert_int_equal(rig.cmd.data_len, 4);
		assert_memory_equal(rig.in, ((uint8_t[]){ 0, 0x18 | format, 0, 0 }), 4);
		rig_cdb(&rig, 0xb7, 0x08 | format, 0, 0, 0, 0, 0, 0, 0, 255, 0, 0);
		rig_run_in(&rig, 255);
		assert_int_equal(rig.cmd.data_len, 8);
		assert_memory_equal(rig.in, ((uint8_t[]){ 0, 0x08 | format, 0, 0, 0, 0, 0, 0 }), 8);
	}
	rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holes_are_told),
		cmocka_unit_test(beyond_the_end),
		cmocka_unit_test(parts_of_blocks_are_mapped),
		cmocka_unit_test(without_holes_all_is_mapped),
		cmocka_unit_test(store_fails),
		cmocka_unit_test(defect_lists_are_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
