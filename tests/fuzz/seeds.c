/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes the seeds of the fuzz targets, made of the golden vectors, into DIR/wire and DIR/login. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"
#include "golden.h"

static int write_seed(const char *dir, const char *name, const uint8_t *head, size_t head_len,
		      const struct golden *iu)
{
	char path[4096];
	FILE *file;
	int bad;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "wb");
	if (!file) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	bad = fwrite(head, 1, head_len, file) != head_len ||
	      fwrite(iu->bytes, 1, iu->len, file) != iu->len;
	bad |= fclose(file) != 0;
	return bad ? -1 : 0;
}

static int write_wire(const char *dir)
{
	static const uint8_t head[WIRE_IN_IU] = { [WIRE_IN_IMM_OFFSET] = 68, [WIRE_IN_SIZE] = 128 };

	for (size_t i = 0; i < GOLDEN_COUNT; i++)
		if (write_seed(dir, golden[i].name, head, sizeof(head), &golden[i]))
			return -1;
	return 0;
}

/* Both forms of the login, accepted, and refused for every reason that the facts can give. */
static int write_login(const char *dir)
{
	static const struct {
		const char *name;
		uint8_t bits, channels, free;
		enum golden_id id;
	} rows[] = {
		{ "v01-accepted", 0, 0x08, 255, V1_LOGIN_REQ },
		{ "v02-accepted", LOGIN_BIT_RDMA_FORM, 0x18, 255, V2_LOGIN_REQ_RDMA },
		{ "v01-terminates-others", 0, 0x38, 255, V1_LOGIN_REQ },
		{ "v02-channel-limit", LOGIN_BIT_RDMA_FORM, 0x88, 255, V2_LOGIN_REQ_RDMA },
		{ "v01-unknown-target", LOGIN_BIT_UNKNOWN_TARGET, 0x08, 255, V1_LOGIN_REQ },
		{ "v01-not-admitted", LOGIN_BIT_NOT_ADMITTED, 0x08, 255, V1_LOGIN_REQ },
		{ "v01-no-resources", LOGIN_BIT_NO_RESOURCES, 0x08, 255, V1_LOGIN_REQ },
		{ "v01-no-receives", 0, 0x08, 1, V1_LOGIN_REQ },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const uint8_t head[LOGIN_IN_DATA] = {
			[LOGIN_IN_BITS] = rows[i].bits, [LOGIN_IN_CHANNELS] = rows[i].channels,
			[LOGIN_IN_FREE] = rows[i].free, [LOGIN_IN_REQ_LIM] = 128,
			[LOGIN_IN_MIN_REQ_LIM] = 2,	[LOGIN_IN_MAX_REQ] = 130,
			[LOGIN_IN_MAX_RSP] = 118,
		};

		if (write_seed(dir, rows[i].name, head, sizeof(head), &golden[rows[i].id]))
			return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*write)(const char *dir);
	} targets[] = { { "wire", write_wire }, { "login", write_login } };

	if (argc != 2) {
		fprintf(stderr, "usage: fuzz_seeds DIR\n");
		return 2;
	}
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		char dir[4000];

		snprintf(dir, sizeof(dir), "%s/%s", argv[1], targets[i].name);
		if (mkdir(dir, 0777) && errno != EEXIST) {
			fprintf(stderr, "%s: %s\n", dir, strerror(errno));
			return 1;
		}
		if (targets[i].write(dir))
			return 1;
	}
	return 0;
}
