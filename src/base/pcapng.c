/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocks of a pcapng file, see pcapng.h. */
#include "base/pcapng.h"

#include <string.h>

#include "base/compiler.h"

enum {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_STATISTICS = 5,
	BLOCK_PACKET = 6,
	BYTE_ORDER = 0x1a2b3c4d,
	OPT_END = 0,
	OPT_SHB_USERAPPL = 4,
	OPT_IF_NAME = 2,
	OPT_IF_TSRESOL = 9,
	OPT_EPB_FLAGS = 2,
	OPT_ISB_IFRECV = 4,
	OPT_ISB_IFDROP = 5,
	NANOSECONDS = 9,
	FLAG_INBOUND = 1,
	FLAG_OUTBOUND = 2,
	MAX_TEXT = 255,
};

/* A block in the making; `full` when something did not fit. */
struct block {
	uint8_t *buf;
	size_t size, used;
	bool full;
};

static void put(struct block *b, const void *data, size_t len)
{
	if (b->full || len > b->size - b->used) {
		b->full = true;
		return;
	}
	memcpy(b->buf + b->used, data, len);
	b->used += len;
}

static void put16(struct block *b, uint16_t value)
{
	put(b, &value, sizeof(value));
}

static void put32(struct block *b, uint32_t value)
{
	put(b, &value, sizeof(value));
}

static void put_padded(struct block *b, const void *data, size_t len)
{
	put(b, data, len);
	put(b, "\0\0\0", -len % 4);
}

static void put_option(struct block *b, uint16_t code, const void *data, size_t len)
{
	put16(b, code);
	put16(b, (uint16_t)len);
	put_padded(b, data, len);
}

static void put_text(struct block *b, uint16_t code, const char *text)
{
	put_option(b, code, text, strnlen(text, MAX_TEXT));
}

static void put_time(struct block *b, uint64_t ns)
{
	put32(b, (uint32_t)(ns >> 32));
	put32(b, (uint32_t)ns);
}

static struct block begin(uint8_t *buf, size_t size, uint32_t type)
{
	struct block b = { .buf = buf, .size = size };

	put32(&b, type);
	put32(&b, 0); /* its length: when it is known */
	return b;
}

/* Without options there is no end of options either. */
static size_t end(struct block *b)
{
	uint32_t len = (uint32_t)b->used + 4;

	put32(b, len);
	if (b->full)
		return 0;
	memcpy(b->buf + 4, &len, sizeof(len));
	return len;
}

static size_t end_options(struct block *b)
{
	put_option(b, OPT_END, "", 0);
	return end(b);
}

size_t pcapng_section(uint8_t *buf, size_t size, const char *app)
{
	struct block b = begin(buf, size, BLOCK_SECTION);

	put32(&b, BYTE_ORDER);
	put16(&b, 1); /* version 1.0 */
	put16(&b, 0);
	put32(&b, UINT32_MAX); /* the section's length is not known */
	put32(&b, UINT32_MAX);
	put_text(&b, OPT_SHB_USERAPPL, app);
	return end_options(&b);
}

size_t pcapng_interface(uint8_t *buf, size_t size, uint16_t link_type, uint32_t snap_len,
			const char *name)
{
	const uint8_t resolution = NANOSECONDS;
	struct block b = begin(buf, size, BLOCK_INTERFACE);

	put16(&b, link_type);
	put16(&b, 0);
	put32(&b, snap_len);
	put_text(&b, OPT_IF_NAME, name);
	put_option(&b, OPT_IF_TSRESOL, &resolution, sizeof(resolution));
	return end_options(&b);
}

size_t pcapng_packet(uint8_t *buf, size_t size, uint64_t ns, bool outbound, const void *data,
		     uint32_t len, uint32_t orig_len)
{
	const uint32_t flags = outbound ? FLAG_OUTBOUND : FLAG_INBOUND;
	struct block b = begin(buf, size, BLOCK_PACKET);

	put32(&b, 0); /* interface */
	put_time(&b, ns);
	put32(&b, len);
	put32(&b, MAX(len, orig_len));
	put_padded(&b, data, len);
	put_option(&b, OPT_EPB_FLAGS, &flags, sizeof(flags));
	return end_options(&b);
}

size_t pcapng_statistics(uint8_t *buf, size_t size, uint64_t ns, uint64_t received,
			 uint64_t dropped)
{
	struct block b = begin(buf, size, BLOCK_STATISTICS);

	put32(&b, 0); /* interface */
	put_time(&b, ns);
	put_option(&b, OPT_ISB_IFRECV, &received, sizeof(received));
	put_option(&b, OPT_ISB_IFDROP, &dropped, sizeof(dropped));
	return end_options(&b);
}
