/* SPDX-License-Identifier: BSD-2-Clause */
/* Helpers of the wire tests, see wire_test.h. */
#include "wire_test.h"

const uint8_t iu_tag[8] = { 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88 };
const uint8_t iu_lun[8] = LUN1;
const struct srp_cmd_limits iu_limits = { .imm_data_offset = 68, .max_table = 65536 };

void iu_cmd(struct iu *iu, uint8_t fmt_out, uint8_t fmt_in, uint8_t add_cdb)
{
	memset(iu->b, 0, sizeof(iu->b));
	iu->b[0] = SRP_CMD;
	iu->b[1] = IU_SOL_NOT;
	iu->b[5] = (uint8_t)(fmt_out << 4 | fmt_in);
	memcpy(iu->b + 8, iu_tag, 8);
	memcpy(iu->b + 20, iu_lun, 8);
	iu->b[29] = IU_TASK_ATTR;
	iu->b[31] = add_cdb;
	iu->len = 48u + (add_cdb & 0xfcu);
	for (size_t i = 32; i < iu->len; i++)
		iu->b[i] = (uint8_t)(i - 31);
}

void iu_word(struct iu *iu, uint32_t word)
{
	be32_put(iu->b + iu->len, word);
	iu->len += 4;
}

void iu_direct(struct iu *iu, uint64_t va, uint32_t rkey, uint32_t len)
{
	be64_put(iu->b + iu->len, va);
	iu->len += 8;
	iu_word(iu, rkey);
	iu_word(iu, len);
}

void iu_indirect(struct iu *iu, uint32_t table_bytes, uint32_t total, uint32_t k, uint32_t each)
{
	iu_direct(iu, 0xabc000, 0x99, table_bytes);
	iu_word(iu, total);
	for (uint32_t i = 0; i < k; i++)
		iu_direct(iu, 0x1000ull * (i + 1), 0x77, each);
}

void iu_fill(struct iu *iu, size_t up_to)
{
	while (iu->len < up_to)
		iu->b[iu->len++] = 0xa5;
}

void iu_count_out(struct iu *iu, uint8_t k)
{
	iu->b[6] = k;
}

void iu_count_in(struct iu *iu, uint8_t k)
{
	iu->b[7] = k;
}

void *exact_copy(const void *bytes, size_t len)
{
	void *copy = malloc(len);

	assert_true(copy || len == 0);
	if (len)
		memcpy(copy, bytes, len);
	return copy;
}

static enum srp_err parse_exact(const uint8_t *bytes, size_t len,
				const struct srp_cmd_limits *limits, struct srp_cmd *cmd)
{
	void *copy = exact_copy(bytes, len);
	enum srp_err err;

	memset(cmd, 0xaa, sizeof(*cmd));
	err = srp_cmd_parse(copy, len, limits, cmd);
	free(copy);
	return err;
}

enum srp_err iu_parse(const struct iu *iu, const struct srp_cmd_limits *limits, struct srp_cmd *cmd)
{
	return parse_exact(iu->b, iu->len, limits, cmd);
}

enum srp_err iu_parse_cut(const struct iu *iu, size_t len, struct srp_cmd *cmd)
{
	assert_true(len <= iu->len);
	return parse_exact(iu->b, len, &iu_limits, cmd);
}

uint64_t tag_of(const uint8_t bytes[8])
{
	uint64_t tag;

	memcpy(&tag, bytes, sizeof(tag));
	return tag;
}

void assert_absent(const struct srp_data *data)
{
	assert_int_equal(data->fmt, SRP_FMT_NONE);
	assert_int_equal(data->len, 0);
	assert_int_equal(data->n_inline, 0);
	assert_int_equal(data->n_total, 0);
}

void assert_desc_at(const struct iu *iu, uint32_t off, uint64_t va, uint32_t rkey, uint32_t len)
{
	struct srp_desc desc;

	assert_true((size_t)off + SRP_DIRECT_DESC_LEN <= iu->len);
	desc = srp_desc_load(iu->b + off);
	assert_int_equal(desc.va, va);
	assert_int_equal(desc.rkey, rkey);
	assert_int_equal(desc.len, len);
}

uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}
