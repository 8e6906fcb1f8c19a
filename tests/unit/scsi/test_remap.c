/* SPDX-License-Identifier: BSD-2-Clause */
/* LUN maps that change while their nexus lives. */
#include <errno.h>
#include <string.h>

#include "rig.h"

static const uint8_t lun0[8] = { 0, 0 }, lun5[8] = { 0, 5 };

struct pair {
	struct rig a, b; /* two logical units; the nexus of a is used */
};

static void pair_init(struct pair *p)
{
	rig_init(&p->a, NULL);
	rig_init(&p->b, NULL);
	atomic_store(&p->a.itl->ua, 0);
}

static void pair_fini(struct pair *p)
{
	rig_fini(&p->a);
	rig_fini(&p->b);
}

static bool remap(struct pair *p, const struct scsi_lun_mapping *map, size_t n)
{
	struct scsi_remap *r;

	assert_int_equal(scsi_remap_new(&p->a.nexus, map, n, &r), 0);
	return scsi_remap_apply(r);
}

static void the_same_map_changes_nothing(void **state)
{
	struct pair p;
	struct scsi_itl *itl;

	pair_init(&p);
	itl = scsi_nexus_lookup(&p.a.nexus, lun0);
	assert_false(remap(&p, &(struct scsi_lun_mapping){ .lun = 0, .lu = p.a.lu }, 1));
	assert_ptr_equal(scsi_nexus_lookup(&p.a.nexus, lun0), itl);
	assert_int_equal(itl->ua, 0);
	pair_fini(&p);
}

static void a_lun_comes(void **state)
{
	struct pair p;
	struct scsi_lun_mapping map[2];
	struct scsi_itl *old, *fresh;

	pair_init(&p);
	map[0] = (struct scsi_lun_mapping){ .lun = 0, .lu = p.a.lu };
	map[1] = (struct scsi_lun_mapping){ .lun = 5, .lu = p.b.lu, .read_only = true };
	old = scsi_nexus_lookup(&p.a.nexus, lun0);
	assert_true(remap(&p, map, 2));
	assert_int_equal(p.a.nexus.n_luns, 2);
	assert_ptr_equal(scsi_nexus_lookup(&p.a.nexus, lun0), old);
	assert_int_equal(old->ua, 1u << SCSI_UA_LUNS_CHANGED);
	fresh = scsi_nexus_lookup(&p.a.nexus, lun5);
	assert_ptr_equal(fresh->lu, p.b.lu);
	assert_true(fresh->read_only);
	assert_int_equal(fresh->ua, 1u << SCSI_UA_POWER_ON | 1u << SCSI_UA_LUNS_CHANGED);
	assert_true(remap(&p, map, 1));
	assert_int_equal(scsi_nexus_reap(&p.a.nexus), 0);
	pair_fini(&p);
}

static void who_is_busy_stays_until_it_is_not(void **state)
{
	struct pair p;
	struct scsi_itl *old;

	pair_init(&p);
	old = scsi_nexus_lookup(&p.a.nexus, lun0);
	assert_true(remap(&p, &(struct scsi_lun_mapping){ .lun = 0, .lu = p.b.lu }, 1));
	assert_ptr_equal(scsi_nexus_lookup(&p.a.nexus, lun0)->lu, p.b.lu);
	scsi_itl_mark(scsi_nexus_lookup(&p.a.nexus, lun0)); /* in the map: not marked */
	scsi_itl_mark(old);
	assert_int_equal(scsi_nexus_reap(&p.a.nexus), 1);
	assert_ptr_equal(LIST_FIRST(&p.a.lu->itls), old);
	scsi_itl_mark(old);
	assert_int_equal(scsi_nexus_reap(&p.a.nexus), 1);
	assert_int_equal(scsi_nexus_reap(&p.a.nexus), 0);
	assert_true(LIST_EMPTY(&p.a.lu->itls));
	assert_true(remap(&p, NULL, 0)); /* b's is left to the end of the nexus */
	pair_fini(&p);
}

static void a_remap_that_is_given_up(void **state)
{
	struct pair p;
	struct scsi_remap *r;
	struct scsi_lun_mapping map = { .lun = 5 };

	pair_init(&p);
	map.lu = p.b.lu;
	assert_int_equal(scsi_remap_new(&p.a.nexus, &map, 1, &r), 0);
	scsi_remap_free(r);
	assert_int_equal(p.a.nexus.n_luns, 1);
	assert_null(scsi_nexus_lookup(&p.a.nexus, lun5));
	map.lun = SCSI_MAX_LUN + 1;
	assert_int_equal(scsi_remap_new(&p.a.nexus, &map, 1, &r), -EINVAL);
	pair_fini(&p);
}

static void read_only_is_told(void **state)
{
	struct pair p;
	struct scsi_itl *itl;

	pair_init(&p);
	itl = scsi_nexus_lookup(&p.a.nexus, lun0);
	assert_false(remap(&p, &(struct scsi_lun_mapping){ 0, p.a.lu, true }, 1));
	assert_true(itl->read_only);
	assert_int_equal(itl->ua, 1u << SCSI_UA_MODE_CHANGED);
	pair_fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_map_changes_nothing),
		cmocka_unit_test(a_lun_comes),
		cmocka_unit_test(who_is_busy_stays_until_it_is_not),
		cmocka_unit_test(a_remap_that_is_given_up),
		cmocka_unit_test(read_only_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
