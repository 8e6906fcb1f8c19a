/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages that are tables of fields, as IBA defines its MADs: one table per message gives both
 * directions, so that what is built and what is parsed cannot differ. Knows positions in bits and
 * members of a struct, no message. Bounds are the caller's.
 */
#ifndef SRPTD_WIRE_FIELD_H
#define SRPTD_WIRE_FIELD_H

#include <stddef.h>
#include <stdint.h>

struct field {
	uint16_t bit;	 /* from the message's first bit, the most significant of its byte */
	uint16_t width;	 /* bits; more than 64: bytes that are copied as they are */
	uint16_t member; /* offset in the struct */
	uint16_t size;	 /* of the member: 1, 2, 4 or 8; or width / 8 */
};

#define FIELD(type, name, byte, first, n)                                                \
	{                                                                                \
		(byte) * 8 + (first), n, offsetof(type, name), sizeof(((type *)0)->name) \
	}
/* A field of whole bytes. */
#define FIELD_BYTES(type, name, byte, n) FIELD(type, name, byte, 0, (n)*8)

void fields_get(const struct field *fields, size_t n, const uint8_t *msg, void *out);
/* Only the fields' own bits of msg change; values are cut to their width. */
void fields_put(const struct field *fields, size_t n, uint8_t *msg, const void *in);

#endif
