/* SPDX-License-Identifier: BSD-2-Clause */
/* What becomes of a logical unit's settings: defaults, derived identifiers, refusals. */
#include <errno.h>
#include <string.h>

#include "rig.h"

static struct store store = { .size = 1 << 20, .phys_block = 4096 };

static const struct scsi_lu_conf base = {
	.name = "vol1",
	.block_size = 512,
	.lb_per_pb_exp = 0xff,
};

static struct scsi_lu *make(const struct scsi_lu_conf *conf)
{
	char err[256];
	struct scsi_lu *lu = scsi_lu_new(conf, &store, err, sizeof(err));

	assert_non_null(lu);
	return lu;
}

static void expect_refused(const struct scsi_lu_conf *conf, const char *why)
{
	char err[256] = "";

	errno = 0;
	assert_null(scsi_lu_new(conf, &store, err, sizeof(err)));
	assert_int_equal(errno, EINVAL);
	assert_non_null(strstr(err, why));
}

static void defaults(void **state)
{
	struct scsi_lu *lu = make(&base);

	assert_string_equal(lu->vendor, "SRPTD");
	assert_string_equal(lu->product, "vol1");
	assert_string_equal(lu->revision, "0001");
	assert_int_equal(strlen(lu->serial), 16);
	assert_int_equal(lu->naa >> 60, 3);
	assert_int_equal(lu->eui64, 0);
	assert_int_equal(lu->block_shift, 9);
	assert_int_equal(lu->lb_per_pb_exp, 3);
	assert_int_equal(lu->max_transfer_blocks, 16384);
	assert_int_equal(lu->opt_transfer_blocks, 1024);
	assert_int_equal(atomic_load(&lu->n_blocks), 2048);
	scsi_lu_free(lu);
	scsi_lu_free(NULL);
}

/* Fixed values: an upgrade must not change what initiators know disks by. */
static void identifiers_are_stable(void **state)
{
	struct scsi_lu *lu = make(&base);
	struct scsi_lu_conf conf = base;
	struct scsi_lu *other;

	assert_string_equal(lu->serial, "57da5ecb1c0b4f3d");
	assert_int_equal(lu->naa, UINT64_C(0x37830672a1db06fb));
	conf.name = "vol2";
	other = make(&conf);
	assert_string_not_equal(other->serial, lu->serial);
	assert_int_not_equal(other->naa, lu->naa);
	scsi_lu_free(other);
	conf.name = "renamed";
	conf.serial = lu->serial; /* the serial number alone decides */
	other = make(&conf);
	assert_int_equal(other->naa, lu->naa);
	scsi_lu_free(other);
	scsi_lu_free(lu);
}

static void given_values(void **state)
{
	struct scsi_lu_conf conf = base;
	struct scsi_lu *lu;

	conf.vendor = "ACME";
	conf.product = "0123456789abcdef";
	conf.revision = "1.2";
	conf.serial = "0123456789abcdef0123456789abcdef0123";
	conf.naa = UINT64_C(0x5000000000000001);
	conf.eui64 = 42;
	conf.lb_per_pb_exp = 0;
	conf.opt_transfer = 1 << 30;
	lu = make(&conf);
	assert_string_equal(lu->vendor, "ACME");
	assert_string_equal(lu->product, conf.product);
	assert_string_equal(lu->revision, "1.2");
	assert_string_equal(lu->serial, conf.serial);
	assert_int_equal(lu->naa, conf.naa);
	assert_int_equal(lu->eui64, 42);
	assert_int_equal(lu->lb_per_pb_exp, 0);
	assert_int_equal(lu->opt_transfer_blocks, lu->max_transfer_blocks);
	scsi_lu_free(lu);
}

static void long_name_is_cut_in_product_only(void **state)
{
	struct scsi_lu_conf conf = base;
	struct scsi_lu *lu;

	conf.name = "a-name-of-more-than-16-characters";
	conf.vendor = ""; /* as if not given */
	lu = make(&conf);
	assert_string_equal(lu->name, conf.name);
	assert_string_equal(lu->product, "a-name-of-more-t");
	assert_string_equal(lu->vendor, "SRPTD");
	scsi_lu_free(lu);
}

static void refusals(void **state)
{
	struct scsi_lu_conf conf = base;

	conf.name = NULL;
	expect_refused(&conf, "no name");
	conf.name = "";
	expect_refused(&conf, "no name");
	conf.name = "0123456789012345678901234567890123456789012345678901234567890123";
	expect_refused(&conf, "63 characters");
	conf = base;
	conf.vendor = "NINECHARS";
	expect_refused(&conf, "vol1: vendor \"NINECHARS\" has more than 8");
	conf = base;
	conf.product = "caf\xc3\xa9";
	expect_refused(&conf, "product has characters");
	conf = base;
	conf.revision = "12345";
	expect_refused(&conf, "revision");
	conf = base;
	conf.serial = "0123456789abcdef0123456789abcdef01234";
	expect_refused(&conf, "serial");
	conf = base;
	conf.block_size = 520;
	expect_refused(&conf, "520");
	conf = base;
	conf.lb_per_pb_exp = 16;
	expect_refused(&conf, "exponent 16");
	conf = base;
	conf.naa = UINT64_C(0x7000000000000001);
	expect_refused(&conf, "NAA 7000000000000001");
}

static void too_small(void **state)
{
	struct store tiny = { .size = 511 };
	char err[256];

	assert_null(scsi_lu_new(&base, &tiny, err, sizeof(err)));
	assert_non_null(strstr(err, "511 bytes"));
}

static void features_of_the_store(void **state)
{
	struct store ro = { .size = 4096, .features = STORE_F_READ_ONLY | STORE_F_ROTATIONAL };
	struct scsi_lu_conf conf = base;
	struct scsi_lu *lu;
	char err[256];

	conf.thin = true;
	lu = scsi_lu_new(&conf, &ro, err, sizeof(err));
	assert_non_null(lu);
	assert_true(lu->read_only);
	assert_true(lu->rotational);
	assert_false(lu->thin);
	scsi_lu_free(lu);
	ro.features = STORE_F_UNMAP; /* it could, but was not asked for */
	conf.thin = false;
	lu = scsi_lu_new(&conf, &ro, err, sizeof(err));
	assert_non_null(lu);
	assert_false(lu->thin);
	scsi_lu_free(lu);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(identifiers_are_stable),
		cmocka_unit_test(given_values),
		cmocka_unit_test(long_name_is_cut_in_product_only),
		cmocka_unit_test(refusals),
		cmocka_unit_test(too_small),
		cmocka_unit_test(features_of_the_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
