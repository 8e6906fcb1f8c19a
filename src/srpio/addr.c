/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address parsing. Both notations end in one struct; options of add_target that make no sense in
 * user space are checked for being numbers and otherwise accepted, so that a string can be copied
 * from an initiator's boot script.
 */
#include "srpio/addr.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/be.h"
#include "base/compiler.h"

static const char default_port[] = "5000";
static const char url_scheme[] = "srp://";
static const char ib_scheme[] = "ib://";

enum { DEFAULT_PKEY = 0xffff, DEFAULT_SERVICE_ID = 0x13f1388 };

struct parse {
	struct srpi_addr *addr;
	char *err;
	size_t err_len;
	uint8_t id_ext[8];
	uint8_t ioc_guid[8];
	bool has_dest;
	bool has_dgid;
	bool has_id_ext;
	bool has_ioc_guid;
};

static int printf_like(2, 3) bad(struct parse *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->err, p->err_len, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool srpi_hex_parse(const char *text, uint8_t *out, size_t n)
{
	size_t len, i;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		text += 2;
	len = strlen(text);
	if (len == 0 || len > 2 * n)
		return false;
	memset(out, 0, n);
	for (i = 0; i < len; i++) {
		size_t nibble = 2 * n - len + i;
		int v = hex_digit(text[i]);

		if (v < 0)
			return false;
		out[nibble / 2] |= (uint8_t)(nibble % 2 ? v : v << 4);
	}
	return true;
}

static bool number(const char *text, uint64_t max, uint64_t *out)
{
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return !errno && !*end && *out <= max;
}

void srpi_lun_from_number(uint16_t n, uint8_t lun[8])
{
	memset(lun, 0, 8);
	be16_put(lun, n < 256 ? n : (uint16_t)(0x4000 | n));
}

bool srpi_lun_parse(const char *text, uint8_t lun[8])
{
	uint64_t n;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X') && strlen(text) == 18)
		return srpi_hex_parse(text, lun, 8);
	if (!number(text, 0x3fff, &n))
		return false;
	srpi_lun_from_number((uint16_t)n, lun);
	return true;
}

const char *srpi_lun_text(const uint8_t lun[8], char *buf, size_t buf_len)
{
	uint16_t first = be16_get(lun);
	bool single = !be16_get(lun + 2) && !be32_get(lun + 4);

	if (single && first < 256)
		snprintf(buf, buf_len, "%u", first);
	else if (single && first >= 0x4000 && first < 0x8000)
		snprintf(buf, buf_len, "%u", first & 0x3fff);
	else
		snprintf(buf, buf_len, "0x%016" PRIx64, be64_get(lun));
	return buf;
}

static int set_port(struct parse *p, const char *text)
{
	uint64_t n;

	if (!number(text, 65535, &n) || n == 0)
		return bad(p, "port '%s' is no number from 1 to 65535", text);
	snprintf(p->addr->port, sizeof(p->addr->port), "%u", (unsigned int)(n & 0xffff));
	return 0;
}

static int copy_host(struct parse *p, const char *start, size_t len, char *out, size_t out_len)
{
	if (len == 0)
		return bad(p, "the host is missing");
	if (len >= out_len)
		return bad(p, "the host name is longer than %zu characters", out_len - 1);
	memcpy(out, start, len);
	out[len] = '\0';
	return 0;
}

/* host, host:port, [v6], [v6]:port. Where a bare v6 address is meant, brackets are demanded. */
static int split_host(struct parse *p, const char *text, char *host, size_t host_len,
		      const char **port)
{
	const char *end, *colon;
	int rc;

	*port = NULL;
	if (text[0] == '[') {
		end = strchr(text, ']');
		if (!end)
			return bad(p, "'%s': the closing bracket is missing", text);
		rc = copy_host(p, text + 1, (size_t)(end - text - 1), host, host_len);
		if (rc)
			return rc;
		if (end[1] == ':')
			*port = end + 2;
		else if (end[1])
			return bad(p, "'%s': only :port may follow the bracket", text);
		return 0;
	}
	colon = strchr(text, ':');
	if (colon && strchr(colon + 1, ':'))
		return bad(p, "'%s': an IPv6 address must stand in brackets", text);
	if (colon)
		*port = colon + 1;
	return copy_host(p, text, colon ? (size_t)(colon - text) : strlen(text), host, host_len);
}

static int set_dest(struct parse *p, const char *text)
{
	const char *port;
	int rc = split_host(p, text, p->addr->host, sizeof(p->addr->host), &port);

	p->has_dest = true;
	return rc || !port ? rc : set_port(p, port);
}

static int set_src(struct parse *p, const char *text)
{
	const char *port;

	return split_host(p, text, p->addr->src, sizeof(p->addr->src), &port);
}

static int set_id(struct parse *p, const char *name, const char *text, uint8_t id[8])
{
	return srpi_hex_parse(text, id, 8) ?
		       0 :
		       bad(p, "%s '%s' is no hex number of up to 16 digits", name, text);
}

static int set_id_ext(struct parse *p, const char *text)
{
	p->has_id_ext = true;
	return set_id(p, "id_ext", text, p->id_ext);
}

static int set_ioc_guid(struct parse *p, const char *text)
{
	p->has_ioc_guid = true;
	return set_id(p, "ioc_guid", text, p->ioc_guid);
}

static int set_initiator_ext(struct parse *p, const char *text)
{
	uint8_t ext[8];
	int rc = set_id(p, "initiator_ext", text, ext);

	if (rc)
		return rc;
	p->addr->initiator_ext = be64_get(ext);
	p->addr->has_initiator_ext = true;
	return 0;
}

static int set_io_class(struct parse *p, const char *text)
{
	uint8_t class[2];

	if (!srpi_hex_parse(text, class, 2))
		return bad(p, "io_class '%s' is no hex number", text);
	switch (be16_get(class)) {
	case 0x0100:
		return 0;
	case 0xff00:
		p->addr->rev10 = true;
		return 0;
	}
	return bad(p, "io_class '%s' is neither 0100 nor ff00", text);
}

/* ---- native InfiniBand ---- */

static void name_ib(struct srpi_addr *addr)
{
	inet_ntop(AF_INET6, addr->dgid, addr->host, sizeof(addr->host));
	snprintf(addr->port, sizeof(addr->port), "%016" PRIx64, addr->service_id);
}

static int set_dgid(struct parse *p, const char *text)
{
	if (strlen(text) != 32 || !srpi_hex_parse(text, p->addr->dgid, 16))
		return bad(p, "dgid '%s' is no GID of 32 hex digits", text);
	p->addr->ib = true;
	p->has_dgid = true;
	return 0;
}

static int set_service_id(struct parse *p, const char *text)
{
	uint8_t id[8];
	int rc = set_id(p, "service_id", text, id);

	if (!rc)
		p->addr->service_id = be64_get(id);
	return rc;
}

/* Partition key 0 is invalid (IBA 10.9.1.1). */
static int set_pkey(struct parse *p, const char *text)
{
	uint8_t pkey[2];

	if (!srpi_hex_parse(text, pkey, 2) || !(be16_get(pkey) & 0x7fff))
		return bad(p, "pkey '%s' is no P_Key of up to 4 hex digits", text);
	p->addr->pkey = be16_get(pkey);
	return 0;
}

/* [GID[%pkey]][:service_id] */
static int set_ib_dest(struct parse *p, const char *text)
{
	const char *service_id;
	char *pkey;
	int rc = split_host(p, text, p->addr->host, sizeof(p->addr->host), &service_id);

	if (rc)
		return rc;
	p->addr->ib = true;
	pkey = strchr(p->addr->host, '%');
	if (pkey)
		*pkey++ = '\0';
	if (inet_pton(AF_INET6, p->addr->host, p->addr->dgid) != 1)
		return bad(p, "'%s' is no GID", p->addr->host);
	if (pkey)
		rc = set_pkey(p, pkey);
	if (!rc && service_id)
		rc = set_service_id(p, service_id);
	name_ib(p->addr);
	return rc;
}

/* Numbers of add_target; field -1: accepted, means nothing here. */
static const struct num_option {
	const char *name;
	ptrdiff_t field;
	uint32_t min, max;
} num_options[] = {
	{ "queue_size", offsetof(struct srpi_addr, queue_size), 1, 4096 },
	{ "cmd_sg_entries", offsetof(struct srpi_addr, cmd_sg_entries), 1, 255 },
	{ "ch_count", offsetof(struct srpi_addr, ch_count), 1, 64 },
	{ "max_it_iu_size", offsetof(struct srpi_addr, max_it_iu_size), 64, 1 << 20 },
	{ "tl_retry_count", offsetof(struct srpi_addr, tl_retry_count), 2, 7 },
	{ "max_sect", -1, 0, UINT32_MAX },
	{ "max_cmd_per_lun", -1, 0, UINT32_MAX },
	{ "target_can_queue", -1, 0, UINT32_MAX },
	{ "allow_ext_sg", -1, 0, 1 },
	{ "sg_tablesize", -1, 1, 2048 },
	{ "comp_vector", -1, 0, UINT32_MAX },
};

static const struct text_option {
	const char *name;
	int (*set)(struct parse *p, const char *value);
} text_options[] = {
	{ "id_ext", set_id_ext },
	{ "ioc_guid", set_ioc_guid },
	{ "dest", set_dest },
	{ "src", set_src },
	{ "initiator_ext", set_initiator_ext },
	{ "io_class", set_io_class },
	{ "dgid", set_dgid },
	{ "service_id", set_service_id },
	{ "pkey", set_pkey },
};

static int set_number(struct parse *p, const struct num_option *option, const char *value)
{
	uint64_t n;

	if (!number(value, option->max, &n) || n < option->min)
		return bad(p, "%s '%s' is no number from %u to %u", option->name, value,
			   option->min, option->max);
	if (option->field >= 0)
		*(uint32_t *)((char *)p->addr + option->field) = (uint32_t)n;
	return 0;
}

static int set_option(struct parse *p, const char *name, const char *value)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(text_options); i++)
		if (!strcmp(name, text_options[i].name))
			return text_options[i].set(p, value);
	for (i = 0; i < ARRAY_SIZE(num_options); i++)
		if (!strcmp(name, num_options[i].name))
			return set_number(p, &num_options[i], value);
	return bad(p, "unknown option '%s'", name);
}

static void join_ids(struct parse *p)
{
	bool swap = p->addr->rev10; /* SRP r10 as used by io_class ff00: GUID first */

	memcpy(p->addr->target_port_id + (swap ? 8 : 0), p->id_ext, 8);
	memcpy(p->addr->target_port_id + (swap ? 0 : 8), p->ioc_guid, 8);
}

static int parse_kernel(struct parse *p, char *text)
{
	char *save, *word;
	int rc;

	for (word = strtok_r(text, ",\n", &save); word; word = strtok_r(NULL, ",\n", &save)) {
		char *value = strchr(word, '=');

		if (!value)
			return bad(p, "'%s' is no name=value", word);
		*value++ = '\0';
		rc = set_option(p, word, value);
		if (rc)
			return rc;
	}
	if (p->has_dest == p->has_dgid)
		return bad(p, p->has_dest ? "dest= and dgid= exclude each other"
					  : "dest=host:port or dgid=GID is missing");
	if (p->has_dgid)
		name_ib(p->addr);
	if (p->has_id_ext != p->has_ioc_guid)
		return bad(p, "%s is missing", p->has_id_ext ? "ioc_guid" : "id_ext");
	join_ids(p);
	return 0;
}

static int set_lun(struct parse *p, const char *text)
{
	if (!*text)
		return 0;
	if (!srpi_lun_parse(text, p->addr->lun))
		return bad(p, "LUN '%s' is no number up to 16383 and not 0x with 16 hex digits",
			   text);
	p->addr->has_lun = true;
	return 0;
}

static int parse_path(struct parse *p, char *path)
{
	char *second = strchr(path, '/');
	char *third;
	int rc;

	if (!second)
		return set_lun(p, path);
	*second++ = '\0';
	third = strchr(second, '/');
	if (!third || strchr(third + 1, '/'))
		return bad(p, "the path must be LUN or id_ext/ioc_guid/LUN");
	*third++ = '\0';
	rc = set_id_ext(p, path);
	if (!rc)
		rc = set_ioc_guid(p, second);
	join_ids(p);
	return rc ? rc : set_lun(p, third);
}

static int parse_url(struct parse *p, char *text, int (*set)(struct parse *p, const char *text))
{
	char *path = strchr(text, '/');
	int rc;

	if (path)
		*path++ = '\0';
	rc = set(p, text);
	return rc || !path ? rc : parse_path(p, path);
}

int srpi_addr_parse(const char *text, struct srpi_addr *out, char *err, size_t err_len)
{
	struct parse p = { .addr = out, .err = err, .err_len = err_len };
	char copy[1024];

	memset(out, 0, sizeof(*out));
	memcpy(out->port, default_port, sizeof(default_port));
	out->pkey = DEFAULT_PKEY;
	out->service_id = DEFAULT_SERVICE_ID;
	if (strlen(text) >= sizeof(copy))
		return bad(&p, "the address is longer than %zu characters", sizeof(copy) - 1);
	strcpy(copy, text);
	if (!strncmp(copy, url_scheme, sizeof(url_scheme) - 1))
		return parse_url(&p, copy + sizeof(url_scheme) - 1, set_dest);
	if (!strncmp(copy, ib_scheme, sizeof(ib_scheme) - 1))
		return parse_url(&p, copy + sizeof(ib_scheme) - 1, set_ib_dest);
	if (strchr(copy, '='))
		return parse_kernel(&p, copy);
	return bad(&p,
		   "'%s' is none of srp://host[:port]/[id_ext/ioc_guid/]LUN, "
		   "ib://[GID[%%pkey]][:service_id]/[id_ext/ioc_guid/]LUN, id_ext=…,dest=… or dgid=…",
		   text);
}
