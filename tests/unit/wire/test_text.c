/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of codes and the line of text that is made of any bytes. */
#include "wire_test.h"

#include <stdio.h>

static const uint8_t opcodes[] = { 0x00, 0x01, 0x02, 0x03, 0x41, 0x42,
				   0x80, 0x81, 0x82, 0xc0, 0xc1, 0xc2 };

/* Text into a heap buffer of exactly `size` bytes: terminated, and the start of the full line. */
static void assert_text_fits(const void *iu, size_t len, size_t size)
{
	static char full[65536];
	char *cut = malloc(size);

	assert_non_null(cut);
	memset(cut, 0xaa, size);
	assert_ptr_equal(srp_iu_text(iu, len, cut, size), cut);
	assert_non_null(memchr(cut, '\0', size));
	srp_iu_text(iu, len, full, sizeof(full));
	assert_int_equal(strlen(cut), MIN(strlen(full), size - 1));
	assert_memory_equal(cut, full, strlen(cut));
	free(cut);
}

static void text_of_random_bytes_fits_any_buffer(void **state)
{
	uint64_t seed = 0x5eed;

	for (size_t size = 1; size <= 300; size++)
		for (int round = 0; round < 24; round++) {
			size_t len = next_random(&seed) % 400;
			uint8_t *iu = malloc(len);

			assert_true(iu || len == 0);
			for (size_t i = 0; i < len; i++)
				iu[i] = (uint8_t)next_random(&seed);
			if (len && round % 2)
				iu[0] = opcodes[next_random(&seed) % ARRAY_SIZE(opcodes)];
			assert_text_fits(iu, len, size);
			free(iu);
		}
}

static void text_of_golden_ius_fits_any_buffer(void **state)
{
	for (size_t id = 0; id < GOLDEN_COUNT; id++)
		for (size_t size = 1; size <= 300; size++)
			assert_text_fits(golden[id].bytes, golden[id].len, size);
}

/* One or two bytes of a good IU changed: the parsers get far, and lengths lie. */
static void text_of_damaged_golden_ius_fits_any_buffer(void **state)
{
	uint64_t seed = 0xbadb17e5;

	for (size_t size = 1; size <= 300; size++)
		for (size_t id = 0; id < GOLDEN_COUNT; id++) {
			size_t len = golden[id].len - next_random(&seed) % 3;
			uint8_t *iu = exact_copy(golden[id].bytes, len);

			iu[1 + next_random(&seed) % 35 % (len - 1)] = (uint8_t)next_random(&seed);
			iu[1 + next_random(&seed) % (len - 1)] ^= 0x80;
			assert_text_fits(iu, len, size);
			free(iu);
		}
}

static void text_into_no_bytes_writes_nothing(void **state)
{
	char guard[3] = { 'a', 'b', 'c' };

	srp_iu_text(golden[V5_CMD_DIRECT].bytes, golden[V5_CMD_DIRECT].len, guard + 1, 0);
	srp_iu_text(NULL, 0, guard + 1, 0);
	assert_memory_equal(guard, "abc", 3);
}

static void assert_text_has(const void *iu, size_t len, const char *part)
{
	char text[4096];

	srp_iu_text(iu, len, text, sizeof(text));
	if (!strstr(text, part))
		fail_msg("\"%s\" lacks \"%s\"", text, part);
	assert_null(strchr(text, '\n'));
}

static void text_names_the_fields(void **state)
{
	static const struct {
		enum golden_id id;
		const char *part;
	} rows[] = {
		{ V1_LOGIN_REQ, "SRP_LOGIN_REQ" },
		{ V1_LOGIN_REQ, "req_it_iu_len=8260" },
		{ V1_LOGIN_REQ, "initiator=00000000000000000002c90300a34271" },
		{ V1_LOGIN_REQ, "target=0200aabbccddee010200aabbccddee01" },
		{ V3_LOGIN_RSP, "req_lim_delta=64" },
		{ V3_LOGIN_RSP, "max_ti_iu_len=512" },
		{ V4_LOGIN_REJ, "unable to associate" },
		{ V5_CMD_DIRECT, "SRP_CMD" },
		{ V5_CMD_DIRECT, "tag=0500000000000000" },
		{ V5_CMD_DIRECT, "lun=0001000000000000" },
		{ V5_CMD_DIRECT, "cdb=28000000000800000800000000000000" },
		{ V5_CMD_DIRECT, "in=direct,len=4096,{0x7f0012340000/0x1122+4096}" },
		{ V6_CMD_INDIRECT, "out=indirect,len=4096,{0x1000/0x77+1024},{0x9000/0x78+3072}" },
		{ V7_CMD_PARTIAL, "table=0xabc000/0x99[40]" },
		{ V7_CMD_PARTIAL, "12 descriptors" },
		{ V8_CMD_IMMEDIATE, "out=immediate,len=512,at=68" },
		{ V9_RSP_GOOD, "req_lim_delta=1" },
		{ V10_RSP_SENSE, "in_residual=36" },
		{ V10_RSP_SENSE, "sense=70000500" },
		{ V11_TSK_MGMT, "function=ABORT TASK" },
		{ V11_TSK_MGMT, "task_tag=0500000000000000" },
		{ V12_RSP_TM, "rsp_code=0" },
		{ V13_CRED_REQ, "SRP_CRED_REQ" },
		{ V13_CRED_REQ, "tag=0000000000000042 req_lim_delta=3" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_text_has(golden[rows[i].id].bytes, golden[rows[i].id].len, rows[i].part);
}

static void text_says_what_is_wrong_with_a_command(void **state)
{
	struct iu iu;

	iu_cmd(&iu, 9, SRP_FMT_NONE, 0);
	assert_text_has(iu.b, iu.len, srp_err_name(SRP_ERR_FORMAT));
	assert_text_has("", 0, "empty IU");
	assert_text_has("\x7f", 1, "unknown IU (0x7f) len=1");
}

static void every_defined_code_has_a_name_of_its_own(void **state)
{
	static const uint8_t functions[] = { 0x01, 0x02, 0x04, 0x08, 0x40 };

	for (size_t i = 0; i < ARRAY_SIZE(opcodes); i++)
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(srp_opcode_name(opcodes[i]),
						srp_opcode_name(opcodes[j]));
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++)
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(srp_tm_name(functions[i]),
						srp_tm_name(functions[j]));
	for (uint32_t i = 0; i <= 6; i++)
		for (uint32_t j = 0; j < i; j++)
			assert_string_not_equal(srp_rej_name(0x10000 + i),
						srp_rej_name(0x10000 + j));
	for (int i = SRP_OK; i <= SRP_ERR_IMM_LEN; i++)
		for (int j = SRP_OK; j < i; j++)
			assert_string_not_equal(srp_err_name((enum srp_err)i),
						srp_err_name((enum srp_err)j));
}

static void unknown_codes_are_called_unknown(void **state)
{
	int n = 0;

	for (int opcode = 0; opcode < 256; opcode++)
		n += strcmp(srp_opcode_name((uint8_t)opcode), "unknown IU") != 0;
	assert_int_equal(n, ARRAY_SIZE(opcodes));
	assert_non_null(strstr(srp_tm_name(0x03), "unknown"));
	assert_non_null(strstr(srp_rej_name(0), "unknown"));
	assert_non_null(strstr(srp_rej_name(0x00010007), "unknown"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_of_random_bytes_fits_any_buffer),
		cmocka_unit_test(text_of_golden_ius_fits_any_buffer),
		cmocka_unit_test(text_of_damaged_golden_ius_fits_any_buffer),
		cmocka_unit_test(text_into_no_bytes_writes_nothing),
		cmocka_unit_test(text_names_the_fields),
		cmocka_unit_test(text_says_what_is_wrong_with_a_command),
		cmocka_unit_test(every_defined_code_has_a_name_of_its_own),
		cmocka_unit_test(unknown_codes_are_called_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
