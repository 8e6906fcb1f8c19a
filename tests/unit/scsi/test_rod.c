/* SPDX-License-Identifier: BSD-2-Clause */
/* POPULATE TOKEN, WRITE USING TOKEN, RECEIVE ROD TOKEN INFORMATION. */
#include "base/clock.h"
#include "copy_lab.h"

enum {
	ID = 0x01020304
};

static uint64_t now;

static uint64_t fake_now(void)
{
	return now;
}

static void fake_random(void *buf, size_t len)
{
	static uint8_t n;

	memset(buf, ++n, len);
}

static const struct clock_source fake = { .now_ns = fake_now, .random = fake_random };

static void add_range(struct lab *lab, unsigned int head, uint64_t lba, uint32_t n)
{
	if (lab->len < head)
		lab->len = head;
	be64_put(lab->list + lab->len, lba);
	be32_put(lab->list + lab->len + 8, n);
	lab->len += 16;
	be16_put(lab->list, (uint16_t)(lab->len - 2));
	be16_put(lab->list + head - 2, (uint16_t)(lab->len - head));
}

static uint8_t send(struct lab *lab, uint8_t action)
{
	rig_cdb(&lab->rig, 0x83, action);
	be32_put(lab->rig.cdb + 6, ID);
	be32_put(lab->rig.cdb + 10, lab->len);
	return rig_run_out(&lab->rig, lab->list, lab->len);
}

static void fresh(struct lab *lab)
{
	memset(lab->list, 0, sizeof(lab->list));
	lab->len = 0;
}

static void information(struct lab *lab)
{
	rig_cdb(&lab->rig, 0x84, 7, ID >> 24, ID >> 16 & 0xff, ID >> 8 & 0xff, ID & 0xff);
	be32_put(lab->rig.cdb + 10, 4096);
	rig_run_in(&lab->rig, 4096);
}

/* A token of blocks 10 to 17 and 40 to 43 of the rig's logical unit. */
static void make_token(struct lab *lab, uint8_t token[512], uint32_t timeout)
{
	fresh(lab);
	be32_put(lab->list + 4, timeout);
	add_range(lab, 16, 10, 8);
	add_range(lab, 16, 40, 4);
	send(lab, 0x10);
	assert_good(&lab->rig);
	information(lab);
	assert_good(&lab->rig);
	assert_int_equal(lab->rig.in[4], 0x10);
	assert_int_equal(lab->rig.in[5], 0x01);
	assert_int_equal(lab->rig.in[15], 0xf1);
	assert_int_equal(be64_get(lab->rig.in + 16), 12);
	assert_int_equal(be32_get(lab->rig.in), 32 + 514);
	assert_int_equal(be32_get(lab->rig.in + 32), 514);
	memcpy(token, lab->rig.in + 38, 512);
	assert_int_equal(be32_get(token), 0x00800001);
	assert_int_equal(be16_get(token + 6), 0x01f8);
	assert_int_equal(be64_get(token + 56), 12 * 512);
}

static void use_token(struct lab *lab, const uint8_t token[512], uint64_t offset, uint64_t lba,
		      uint32_t n)
{
	fresh(lab);
	be64_put(lab->list + 8, offset);
	memcpy(lab->list + 16, token, 512);
	add_range(lab, 536, lba, n);
	send(lab, 0x11);
}

static void setup(struct lab *lab)
{
	now = 1000 * NSEC_PER_SEC;
	clock_source = &fake;
	lab_setup(lab, 512);
}

static void to_itself_and_to_another(void **state)
{
	uint8_t token[512];
	struct lab lab;

	setup(&lab);
	make_token(&lab, token, 0);
	use_token(&lab, token, 0, 500, 12);
	assert_good(&lab.rig);
	assert_memory_equal(lab.rig.medium + 500 * 512, lab.rig.medium + 10 * 512, 8 * 512);
	assert_memory_equal(lab.rig.medium + 508 * 512, lab.rig.medium + 40 * 512, 4 * 512);
	information(&lab);
	assert_int_equal(lab.rig.in[4], 0x11);
	assert_int_equal(lab.rig.in[5], 0x01);
	assert_int_equal(be64_get(lab.rig.in + 16), 12);
	assert_int_equal(be32_get(lab.rig.in + 32), 0);
	/* from the third block on, into two ranges */
	fresh(&lab);
	be64_put(lab.list + 8, 2);
	memcpy(lab.list + 16, token, 512);
	add_range(&lab, 536, 700, 1);
	add_range(&lab, 536, 600, 0);
	add_range(&lab, 536, 710, 6);
	lab.rig.itl = lab.rig.nexus.chunk[0][1];
	send(&lab, 0x11);
	assert_good(&lab.rig);
	assert_memory_equal(lab.peer.medium + 700 * 512, lab.rig.medium + 12 * 512, 512);
	assert_memory_equal(lab.peer.medium + 710 * 512, lab.rig.medium + 13 * 512, 5 * 512);
	assert_memory_equal(lab.peer.medium + 715 * 512, lab.rig.medium + 40 * 512, 512);
	assert_int_equal(lab.peer.medium[716 * 512], 0x33);
	lab_fini(&lab);
}

static void zeroes(void **state)
{
	uint8_t token[512] = { 0xff, 0xff, 0, 1, 0, 0, 0x01, 0xf8 };
	static const uint8_t zero[5 * 512];
	struct lab lab;

	setup(&lab);
	use_token(&lab, token, 0, 77, 5);
	assert_good(&lab.rig);
	assert_trace(&lab.rig, "BDz");
	assert_memory_equal(lab.rig.medium + 77 * 512, zero, sizeof(zero));
	lab_fini(&lab);
}

/* A write to the blocks of a token revokes it, one beside them does not. */
static void writes_revoke(void **state)
{
	static const struct {
		uint8_t opcode;
		uint64_t lba, n;
		bool revokes;
	} cases[] = {
		{ 0x8a, 9, 1, false },	{ 0x8a, 9, 2, true },  { 0x8a, 18, 22, false },
		{ 0x8a, 17, 1, true },	{ 0x8a, 43, 9, true }, { 0x8a, 44, 9, false },
		{ 0x88, 10, 8, false }, { 0x93, 41, 1, true }, { 0x2a, 0, 60, true },
	};
	static uint8_t data[60 * 512];
	uint8_t token[512];
	struct lab lab;

	setup(&lab);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		make_token(&lab, token, 0);
		rig_cdb_op(&lab.rig, rig_op(cases[i].opcode), cases[i].lba, cases[i].n);
		if (cases[i].opcode == 0x88)
			rig_run_in(&lab.rig, 8 * 512);
		else
			rig_run_out(&lab.rig, data, cases[i].opcode == 0x93 ? 512 : sizeof(data));
		assert_good(&lab.rig);
		use_token(&lab, token, 0, 500, 12);
		if (cases[i].revokes)
			assert_sense(&lab.rig, SENSE_TOKEN_REVOKED);
		else
			assert_good(&lab.rig);
	}
	/* by another's use that writes there */
	make_token(&lab, token, 0);
	use_token(&lab, token, 0, 12, 1);
	assert_sense(&lab.rig, SENSE_TOKEN_REVOKED);
	assert_null(strpbrk(lab.rig.trace, "WKk"));
	lab_fini(&lab);
}

static void lifetime(void **state)
{
	uint8_t token[512];
	struct lab lab;

	setup(&lab);
	make_token(&lab, token, 60);
	now += 59 * NSEC_PER_SEC;
	use_token(&lab, token, 0, 500, 1);
	assert_good(&lab.rig);
	now += 59 * NSEC_PER_SEC; /* counted from the last use */
	use_token(&lab, token, 0, 500, 1);
	assert_good(&lab.rig);
	now += 60 * NSEC_PER_SEC;
	use_token(&lab, token, 0, 500, 1);
	assert_sense(&lab.rig, SENSE_TOKEN_EXPIRED);
	make_token(&lab, token, 60);
	fresh(&lab);
	lab.list[2] = 0x02; /* DEL_TKN */
	memcpy(lab.list + 16, token, 512);
	add_range(&lab, 536, 500, 1);
	send(&lab, 0x11);
	assert_good(&lab.rig);
	use_token(&lab, token, 0, 500, 1);
	assert_sense(&lab.rig, SENSE_TOKEN_UNKNOWN);
	assert_int_equal(atomic_load(&lab.rig.lu->n_tokens), 0);
	lab_fini(&lab);
}

/* Each byte counts, and nothing is read for a token that is not whole. */
static void forged(void **state)
{
	uint8_t token[512];
	struct lab lab;

	setup(&lab);
	make_token(&lab, token, 0);
	for (unsigned int i = 0; i < 512; i++) {
		token[i] ^= 0x10;
		use_token(&lab, token, 0, 500, 1);
		assert_int_equal(lab.rig.cmd.status, SCSI_CHECK_CONDITION);
		assert_null(strpbrk(lab.rig.trace, "RWKkZz"));
		token[i] ^= 0x10;
	}
	use_token(&lab, token, 0, 500, 1);
	assert_good(&lab.rig);
	lab_fini(&lab);
}

/* A token of a logical unit that this nexus does not see is none. */
static void of_another_nexus(void **state)
{
	uint8_t token[512];
	struct lab lab;

	setup(&lab);
	make_token(&lab, token, 0);
	lab.rig.as = &lab.stranger.nexus;
	lab.rig.itl = lab.stranger.itl;
	lab.rig.peer = &lab.stranger;
	use_token(&lab, token, 0, 500, 1);
	assert_sense(&lab.rig, SENSE_TOKEN_UNKNOWN);
	assert_null(strpbrk(lab.rig.trace, "RWKkZz"));
	lab_fini(&lab);
}

static void bad_lists(void **state)
{
	uint8_t token[512];
	struct lab lab;

	setup(&lab);
	fresh(&lab);
	add_range(&lab, 16, 1020, 5);
	send(&lab, 0x10);
	assert_sense(&lab.rig, SENSE_LBA_OUT_OF_RANGE);
	fresh(&lab);
	add_range(&lab, 16, 10, 5);
	add_range(&lab, 16, 14, 1);
	send(&lab, 0x10);
	assert_field(&lab.rig, SENSE_INVALID_FIELD_IN_PARAMETERS, 32, -1);
	lab.list[8 + 24] = 0;
	be32_put(lab.list + 4, COPY_TOKEN_TIMEOUT_MAX + 1);
	send(&lab, 0x10);
	assert_field(&lab.rig, SENSE_INVALID_FIELD_IN_PARAMETERS, 4, -1);
	be32_put(lab.list + 4, 0);
	lab.list[2] = 0x02; /* RTV */
	be32_put(lab.list + 8, 0x00800002);
	send(&lab, 0x10);
	assert_field(&lab.rig, SENSE_INVALID_FIELD_IN_PARAMETERS, 8, -1);
	lab.list[15] = 15;
	send(&lab, 0x10);
	assert_field(&lab.rig, SENSE_INVALID_FIELD_IN_PARAMETERS, 14, -1);
	lab.list[15] = 48;
	send(&lab, 0x10);
	assert_sense(&lab.rig, SENSE_PARAMETER_LIST_LENGTH);
	fresh(&lab);
	for (unsigned int i = 0; i <= COPY_MAX_RANGES; i++)
		add_range(&lab, 16, i, 1);
	send(&lab, 0x10);
	assert_sense(&lab.rig, SENSE_TOO_MANY_SEGMENTS);
	make_token(&lab, token, 0);
	use_token(&lab, token, 5, 500, 8);
	assert_field(&lab.rig, SENSE_INVALID_FIELD_IN_PARAMETERS, 8, -1);
	use_token(&lab, token, UINT64_MAX, 500, 1);
	assert_field(&lab.rig, SENSE_INVALID_FIELD_IN_PARAMETERS, 8, -1);
	token[7] = 0;
	use_token(&lab, token, 0, 500, 1);
	assert_sense(&lab.rig, SENSE_TOKEN_LENGTH);
	token[3] = 2;
	use_token(&lab, token, 0, 500, 1);
	assert_sense(&lab.rig, SENSE_TOKEN_TYPE);
	information(&lab);
	assert_int_equal(lab.rig.in[5], 0x02);
	assert_int_equal(lab.rig.in[14], 18);
	assert_int_equal(be16_get(lab.rig.in + 32 + 12), 0x2301);
	lab_fini(&lab);
}

static void at_most_so_many(void **state)
{
	uint8_t token[512];
	struct lab lab;

	setup(&lab);
	for (unsigned int i = 0; i < COPY_MAX_TOKENS; i++)
		make_token(&lab, token, 60);
	fresh(&lab);
	add_range(&lab, 16, 0, 1);
	send(&lab, 0x10);
	assert_sense(&lab.rig, SENSE_TOKEN_RESOURCES);
	now += 60 * NSEC_PER_SEC;
	send(&lab, 0x10);
	assert_good(&lab.rig);
	assert_int_equal(atomic_load(&lab.rig.lu->n_tokens), 1);
	lab_fini(&lab);
}

static void busy_without_buffer(void **state)
{
	uint8_t token[512];
	struct lab lab;

	setup(&lab);
	make_token(&lab, token, 0);
	for (int step = 1; step <= 2; step++) {
		lab.rig.buf_step = step;
		send(&lab, 0x10);
		assert_int_equal(lab.rig.cmd.status, SCSI_BUSY);
		use_token(&lab, token, 0, 500, 1);
		assert_int_equal(lab.rig.cmd.status, SCSI_BUSY);
	}
	lab_fini(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(to_itself_and_to_another),
		cmocka_unit_test(zeroes),
		cmocka_unit_test(writes_revoke),
		cmocka_unit_test(lifetime),
		cmocka_unit_test(forged),
		cmocka_unit_test(of_another_nexus),
		cmocka_unit_test(bad_lists),
		cmocka_unit_test(at_most_so_many),
		cmocka_unit_test(busy_without_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
