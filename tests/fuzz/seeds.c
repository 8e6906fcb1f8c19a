/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes the seeds of the fuzz targets, made of golden vectors and of MADs, into DIR/TARGET. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"
#include "golden.h"
#include "wire/cm_mad.h"
#include "wire/dm_mad.h"
#include "wire/sa_mad.h"

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

static int write_bytes(const char *dir, const char *name, const void *bytes, size_t len)
{
	const struct golden all = { .bytes = bytes, .len = len };

	return write_seed(dir, name, bytes, 0, &all);
}

/* One message of each kind, and a table of records. */
static int write_cmmad(const char *dir)
{
	uint8_t mad[MAD_LEN + 2 * SA_SERVICE_RECORD_LEN];

	for (unsigned int attr = CM_REQ; attr <= CM_APR; attr++) {
		struct cm_msg msg = { .tid = attr, .attr = (enum cm_attr)attr };

		memset(&msg.req, 0x5a, sizeof(msg.rtu)); /* every message begins with its ids */
		cm_msg_build(mad, &msg);
		if (write_bytes(dir, cm_attr_name((uint16_t)attr), mad, MAD_LEN))
			return -1;
	}
	for (size_t i = 0; i < 4; i++) {
		static const uint16_t attrs[] = { SA_NODE_RECORD, SA_PORT_INFO_RECORD,
						  SA_SERVICE_RECORD, SA_PATH_RECORD };
		struct sa_request req = { .method = MAD_GET_TABLE | MAD_RESPONSE,
					  .attr = attrs[i] };
		char name[16];

		memset(mad, 0, sizeof(mad));
		sa_request_build(mad, &req);
		mad[45] = SA_SERVICE_RECORD_LEN / 8;
		snprintf(name, sizeof(name), "sa-%04x", attrs[i]);
		if (write_bytes(dir, name, mad, sizeof(mad)))
			return -1;
	}
	return 0;
}

static int write_dmmad(const char *dir)
{
	static const struct {
		const char *name;
		uint16_t attr;
		uint32_t mod;
	} rows[] = {
		{ "class-port-info", MAD_ATTR_CLASS_PORT_INFO, 0 },
		{ "io-unit-info", DM_IO_UNIT_INFO, 0 },
		{ "profile", DM_IOC_PROFILE, 1 },
		{ "profile-hidden", DM_IOC_PROFILE, 2 },
		{ "services", DM_SERVICE_ENTRIES, 0x00010300 },
		{ "services-rest", DM_SERVICE_ENTRIES, 0x00010404 },
	};
	uint8_t mad[MAD_LEN];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		dm_request_build(mad, i, MAD_GET, rows[i].attr, rows[i].mod);
		if (write_bytes(dir, rows[i].name, mad, sizeof(mad)))
			return -1;
	}
	return 0;
}

/* Scripts: a login, its end from either side, one that runs into every timeout. */
static int write_ibcm(const char *dir)
{
#define REQ_                     \
	"\0\0"                   \
	"\0\1\1\2\x14\x14\2\x13" \
	"\0"
#define ACCEPT_ "\2\0\0\0"
#define RTU_     \
	"\0\4"   \
	"\1\x82" \
	"\0"
#define DREQ_    \
	"\0\5"   \
	"\1\x82" \
	"\0\0"
#define DREP_    \
	"\0\6"   \
	"\1\x82" \
	"\0"
#define WAIT_ "\3\0\1\x20"
	static const char login[] = "\1" REQ_ ACCEPT_ RTU_ DREQ_ "\2\0\0\4" WAIT_;
	static const char ours[] = "\1" REQ_ ACCEPT_ RTU_ "\2\0\0\2" DREP_ WAIT_;
	static const char slow[] = "\1" REQ_ WAIT_ WAIT_ REQ_ ACCEPT_ WAIT_ WAIT_ WAIT_ WAIT_ WAIT_;
	static const char reject[] = "\1" REQ_ "\2\0\0\1" REQ_ ACCEPT_ REQ_ RTU_;

	return write_bytes(dir, "login", login, sizeof(login)) ||
	       write_bytes(dir, "disconnect", ours, sizeof(ours)) ||
	       write_bytes(dir, "timeouts", slow, sizeof(slow)) ||
	       write_bytes(dir, "reject", reject, sizeof(reject));
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*write)(const char *dir);
	} targets[] = { { "wire", write_wire },
			{ "login", write_login },
			{ "cmmad", write_cmmad },
			{ "dmmad", write_dmmad },
			{ "ibcm", write_ibcm } };

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
