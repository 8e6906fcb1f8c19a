/* SPDX-License-Identifier: BSD-2-Clause */
/* Any packet into a buffer of any size: a block that reads back to the same, or nothing. */
#include <string.h>

#include "base/pcapng.h"
#include "fuzz.h"

enum {
	IN_SIZE,    /* of the buffer, 2 bytes */
	IN_CUT = 2, /* bytes that the packet had more, 1 byte */
	IN_WHICH,
	IN_DATA
};

static uint32_t at32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static size_t write_block(uint8_t which, uint8_t *buf, size_t size, const uint8_t *data, size_t len,
			  uint32_t cut)
{
	char text[300];

	snprintf(text, sizeof(text), "%.*s", (int)len, (const char *)data);
	switch (which % 4) {
	case 0:
		return pcapng_section(buf, size, text);
	case 1:
		return pcapng_interface(buf, size, (uint16_t)len, cut, text);
	case 2:
		return pcapng_statistics(buf, size, len, len, cut);
	default:
		return pcapng_packet(buf, size, len, which & 4, data, (uint32_t)len,
				     (uint32_t)len + cut);
	}
}

/* Options: each within the block, the last one an end. */
static void check_options(const uint8_t *p, const uint8_t *end)
{
	uint16_t code = 1, len;

	while (code) {
		must(end - p >= 4);
		memcpy(&code, p, 2);
		memcpy(&len, p + 2, 2);
		must(end - p >= 4 + (len + 3) / 4 * 4);
		p += 4 + (len + 3) / 4 * 4;
	}
	must(p == end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *buf;
	size_t room, len, n;

	if (size < IN_DATA)
		return 0;
	n = size - IN_DATA;
	room = (size_t)data[IN_SIZE] << 8 | data[IN_SIZE + 1];
	buf = malloc(room ? room : 1);
	len = write_block(data[IN_WHICH], buf, room, data + IN_DATA, n, data[IN_CUT]);
	must(len <= room && len % 4 == 0);
	if (len) {
		must(at32(buf + 4) == len && at32(buf + len - 4) == len);
		if (data[IN_WHICH] % 4 == 3) {
			must(at32(buf + 20) == n && !memcmp(buf + 28, data + IN_DATA, n));
			check_options(buf + 28 + (n + 3) / 4 * 4, buf + len - 4);
		}
	} else if (data[IN_WHICH] % 4 == 3) {
		must(room < n + PCAPNG_PACKET_OVERHEAD);
	}
	free(buf);
	return 0;
}
