/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables of bit fields, see field.h. Slow and plain: management messages are rare. */
#include "wire/field.h"

#include <string.h>

enum {
	MAX_SCALAR = 64
};

static uint64_t bits_get(const uint8_t *msg, unsigned int bit, unsigned int width)
{
	uint64_t v = 0;

	for (unsigned int i = bit; i < bit + width; i++)
		v = v << 1 | (msg[i / 8] >> (7 - i % 8) & 1);
	return v;
}

static void bits_put(uint8_t *msg, unsigned int bit, unsigned int width, uint64_t v)
{
	for (unsigned int i = bit + width; i-- > bit; v >>= 1) {
		uint8_t mask = (uint8_t)(0x80 >> i % 8);

		if (v & 1)
			msg[i / 8] |= mask;
		else
			msg[i / 8] &= (uint8_t)~mask;
	}
}

static void member_store(void *member, unsigned int size, uint64_t v)
{
	uint8_t v8 = (uint8_t)v;
	uint16_t v16 = (uint16_t)v;
	uint32_t v32 = (uint32_t)v;

	switch (size) {
	case 1:
		memcpy(member, &v8, size);
		break;
	case 2:
		memcpy(member, &v16, size);
		break;
	case 4:
		memcpy(member, &v32, size);
		break;
	case 8:
		memcpy(member, &v, size);
		break;
	}
}

static uint64_t member_load(const void *member, unsigned int size)
{
	uint8_t v8;
	uint16_t v16;
	uint32_t v32;
	uint64_t v64;

	switch (size) {
	case 1:
		memcpy(&v8, member, size);
		return v8;
	case 2:
		memcpy(&v16, member, size);
		return v16;
	case 4:
		memcpy(&v32, member, size);
		return v32;
	case 8:
		memcpy(&v64, member, size);
		return v64;
	}
	return 0;
}

void fields_get(const struct field *fields, size_t n, const uint8_t *msg, void *out)
{
	for (const struct field *f = fields; f < fields + n; f++) {
		uint8_t *member = (uint8_t *)out + f->member;

		if (f->width > MAX_SCALAR)
			memcpy(member, msg + f->bit / 8, f->size);
		else
			member_store(member, f->size, bits_get(msg, f->bit, f->width));
	}
}

void fields_put(const struct field *fields, size_t n, uint8_t *msg, const void *in)
{
	for (const struct field *f = fields; f < fields + n; f++) {
		const uint8_t *member = (const uint8_t *)in + f->member;

		if (f->width > MAX_SCALAR)
			memcpy(msg + f->bit / 8, member, f->size);
		else
			bits_put(msg, f->bit, f->width, member_load(member, f->size));
	}
}
