/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine id is confidential (machine-id(5)): it is the key of SipHash-2-4, a pseudo-random
 * function, and so cannot be had from the ids that go out on the fabric.
 */
#include "conf/ident.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *ident_machine_id_file = "/etc/machine-id";

static int parse_machine_id(const char *text, uint8_t key[16])
{
	static const uint8_t none[16];
	size_t n = strspn(text, "0123456789abcdefABCDEF");

	if (n != 32 || (text[n] != '\0' && text[n] != '\n'))
		return -ENODATA;
	for (size_t i = 0; i < 16; i++)
		sscanf(text + 2 * i, "%2hhx", &key[i]);
	return memcmp(key, none, sizeof(none)) == 0 ? -ENODATA : 0;
}

int ident_init(struct ident *ident)
{
	char text[64] = "";
	int ret = 0;
	FILE *f;

	memset(ident, 0, sizeof(*ident));
	f = fopen(ident_machine_id_file, "re");
	if (!f)
		return -errno;
	if (!fgets(text, sizeof(text), f) && ferror(f))
		ret = -EIO;
	fclose(f);
	return ret ? ret : parse_machine_id(text, ident->key);
}

static uint64_t le64(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return v;
}

static uint64_t rotl(uint64_t v, unsigned int bits)
{
	return v << bits | v >> (64 - bits);
}

static void sip_rounds(uint64_t v[4], int n)
{
	while (n--) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotl(v[1], 13) ^ v[0];
		v[3] = rotl(v[3], 16) ^ v[2];
		v[0] = rotl(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotl(v[1], 17) ^ v[2];
		v[3] = rotl(v[3], 21) ^ v[0];
		v[2] = rotl(v[2], 32);
	}
}

static void sip_word(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_rounds(v, 2);
	v[0] ^= word;
}

uint64_t ident_siphash(const uint8_t key[16], const void *data, size_t len)
{
	uint64_t k0 = le64(key, 8), k1 = le64(key + 8, 8);
	uint64_t v[4] = { k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
			  k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573 };
	const uint8_t *p = data;

	for (size_t i = 0; i < len / 8; i++, p += 8)
		sip_word(v, le64(p, 8));
	sip_word(v, (uint64_t)len << 56 | le64(p, len % 8));
	v[2] ^= 0xff;
	sip_rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static uint64_t hash_name(const struct ident *ident, const char *kind, const char *name)
{
	char text[128];
	int n = snprintf(text, sizeof(text), "%s:%s", kind, name);

	if (n >= (int)sizeof(text))
		n = sizeof(text) - 1;
	return ident_siphash(ident->key, text, (size_t)n);
}

uint64_t ident_target(const struct ident *ident, const char *name)
{
	/* IEEE 802 EUI-64, first octet: bit 1 = locally administered, bit 0 = group */
	uint64_t local = (uint64_t)0x02 << 56, group = (uint64_t)0x01 << 56;

	return (hash_name(ident, "target", name) | local) & ~group;
}

bool ident_from_name(const char *name, uint64_t *id)
{
	unsigned int part[4];
	struct in6_addr gid;
	uint64_t value = 0;

	if (inet_pton(AF_INET6, name, &gid) == 1) {
		for (size_t i = 8; i < 16; i++)
			value = value << 8 | gid.s6_addr[i];
	} else if (strlen(name) == 19 && strspn(name, "0123456789abcdefABCDEF:") == 19 &&
		   sscanf(name, "%4x:%4x:%4x:%4x", &part[0], &part[1], &part[2], &part[3]) == 4 &&
		   name[4] == ':' && name[9] == ':' && name[14] == ':') {
		for (size_t i = 0; i < 4; i++)
			value = value << 16 | part[i];
	}
	if (value)
		*id = value;
	return value != 0;
}

void ident_serial(const struct ident *ident, const char *name, char out[IDENT_SERIAL_LEN])
{
	snprintf(out, IDENT_SERIAL_LEN, "%016" PRIx64, hash_name(ident, "lun", name));
}
