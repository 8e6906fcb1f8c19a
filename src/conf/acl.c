/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Initiator patterns. A pattern is parsed to bytes whenever it has no wildcard, and identities are
 * too, so that every spelling of an address is equal. IPv4 is held as IPv4-mapped IPv6: that is how
 * RoCE GIDs carry it. Nothing is allocated or kept.
 */
#include "conf/acl.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum form { FORM_ANY, FORM_ADDR, FORM_NET, FORM_GUID, FORM_PORT_ID, FORM_PKEY, FORM_GLOB };

struct pattern {
	enum form form;
	struct in6_addr addr; /* ADDR, NET, PORT_ID (its 16 bytes) */
	unsigned int prefix;  /* NET: bits of the mapped form */
	uint64_t guid;
	uint16_t pkey;
	char glob[80]; /* lower case */
};

enum { V4_BITS = 96, SPELLING_LEN = 48 };

static const char forms_text[] = "an IP address, a net, a GID, a port GUID, an initiator port id, "
				 "pkey:XXXX, or one of them with * and ?";

static const char *skip_bang(const char *text)
{
	return *text == '!' ? text + 1 : text;
}

static bool parse_addr(const char *text, struct in6_addr *out)
{
	struct in_addr v4;

	if (inet_pton(AF_INET, text, &v4) == 1) {
		memset(out, 0, sizeof(*out));
		out->s6_addr[10] = out->s6_addr[11] = 0xff;
		memcpy(&out->s6_addr[12], &v4, sizeof(v4));
		return true;
	}
	return inet_pton(AF_INET6, text, out) == 1;
}

/* The first bytes of a hex string, two digits each; false unless all of it is hex and fits. */
static bool parse_hex(const char *text, size_t digits, uint8_t *out)
{
	if (strlen(text) != digits || strspn(text, "0123456789abcdefABCDEF") != digits)
		return false;
	for (size_t i = 0; i < digits / 2; i++) {
		char byte[3] = { text[2 * i], text[2 * i + 1], 0 };

		out[i] = (uint8_t)strtoul(byte, NULL, 16);
	}
	return true;
}

static const char *skip_0x(const char *text)
{
	return text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? text + 2 : text;
}

static bool parse_guid(const char *text, uint64_t *out)
{
	const char *digits = skip_0x(text);
	char joined[17];
	uint8_t bytes[8];

	if (digits == text && strlen(text) == 19 && text[4] == ':' && text[9] == ':' &&
	    text[14] == ':') {
		snprintf(joined, sizeof(joined), "%.4s%.4s%.4s%.4s", text, text + 5, text + 10,
			 text + 15);
		digits = joined;
	}
	if (!parse_hex(digits, 16, bytes))
		return false;
	*out = 0;
	for (size_t i = 0; i < sizeof(bytes); i++)
		*out = *out << 8 | bytes[i];
	return true;
}

static bool is_v4(const struct in6_addr *addr)
{
	return IN6_IS_ADDR_V4MAPPED(addr);
}

static void clear_host_bits(struct in6_addr *addr, unsigned int prefix)
{
	for (unsigned int bit = prefix; bit < 128; bit++)
		addr->s6_addr[bit / 8] &= (uint8_t)~(0x80u >> bit % 8);
}

/* Shortest spelling; IPv4 in dotted form. */
static void addr_text(const struct in6_addr *addr, char out[SPELLING_LEN])
{
	if (is_v4(addr))
		inet_ntop(AF_INET, &addr->s6_addr[12], out, SPELLING_LEN);
	else
		inet_ntop(AF_INET6, addr, out, SPELLING_LEN);
}

static int parse_net(const char *text, const char *slash, struct pattern *out, char *err,
		     size_t err_len)
{
	bool dotted = strchr(text, ':') == NULL;
	unsigned int max = dotted ? 32 : 128;
	struct in6_addr net;
	char base[SPELLING_LEN], *end;
	unsigned long prefix;

	if (slash - text >= (ptrdiff_t)sizeof(base)) {
		snprintf(err, err_len, "%s", forms_text);
		return -EINVAL;
	}
	snprintf(base, sizeof(base), "%.*s", (int)(slash - text), text);
	if (!parse_addr(base, &out->addr)) {
		snprintf(err, err_len, "an IP address before the /");
		return -EINVAL;
	}
	prefix = strtoul(slash + 1, &end, 10);
	if (!isdigit((unsigned char)slash[1]) || *end || prefix > max) {
		snprintf(err, err_len, "a prefix length of 0 … %u", max);
		return -EINVAL;
	}
	out->form = FORM_NET;
	out->prefix = (unsigned int)prefix + (dotted ? V4_BITS : 0);
	net = out->addr;
	clear_host_bits(&net, out->prefix);
	if (memcmp(&net, &out->addr, sizeof(net)) != 0) {
		addr_text(&net, base);
		snprintf(err, err_len, "a net without host bits: \"%s/%lu\"", base, prefix);
		return -EINVAL;
	}
	return 0;
}

/* Partition key 0 is invalid (IBA 10.9.1.1); bit 15 says full or limited member. */
static int parse_pkey(const char *digits, struct pattern *out, char *err, size_t err_len)
{
	size_t n = strlen(digits);
	unsigned long value = strtoul(digits, NULL, 16);

	if (n < 1 || n > 4 || strspn(digits, "0123456789abcdefABCDEF") != n || !(value & 0x7fff)) {
		snprintf(err, err_len, "pkey: and one to four hex digits, not all zero");
		return -EINVAL;
	}
	out->form = FORM_PKEY;
	out->pkey = (uint16_t)value;
	return 0;
}

static int parse_glob(const char *text, struct pattern *out, char *err, size_t err_len)
{
	const char *rest = skip_0x(text);
	size_t n = strlen(text);

	if (text[strspn(text, "*")] == '\0') {
		out->form = FORM_ANY;
		return 0;
	}
	if (n >= sizeof(out->glob) || rest[strspn(rest, "0123456789abcdefABCDEF:.*?")] != '\0') {
		snprintf(err, err_len, "%s",
			 strchr(text, '/') ? "a net without * and ?" : forms_text);
		return -EINVAL;
	}
	out->form = FORM_GLOB;
	for (size_t i = 0; i <= n; i++)
		out->glob[i] = (char)tolower((unsigned char)text[i]);
	return 0;
}

static int parse_pattern(const char *text, struct pattern *out, char *err, size_t err_len)
{
	const char *slash = strchr(text, '/');

	if (strncasecmp(text, "pkey:", 5) == 0)
		return parse_pkey(skip_0x(text + 5), out, err, err_len);
	if (text[0] && strpbrk(text, "*?"))
		return parse_glob(text, out, err, err_len);
	if (slash)
		return parse_net(text, slash, out, err, err_len);
	if (parse_guid(text, &out->guid)) {
		out->form = FORM_GUID;
		return 0;
	}
	if (parse_hex(skip_0x(text), 32, out->addr.s6_addr)) {
		out->form = FORM_PORT_ID;
		return 0;
	}
	if (parse_addr(text, &out->addr)) {
		out->form = FORM_ADDR;
		return 0;
	}
	snprintf(err, err_len, "%s", forms_text);
	return -EINVAL;
}

/* The last star met is the only one worth going back to. */
static bool glob_match(const char *glob, const char *text)
{
	const char *star = NULL, *resume = NULL;

	while (*text) {
		if (*glob == '*') {
			star = ++glob;
			resume = text;
		} else if (*glob == '?' || *glob == *text) {
			glob++;
			text++;
		} else if (star) {
			glob = star;
			text = ++resume;
		} else {
			return false;
		}
	}
	return glob[strspn(glob, "*")] == '\0';
}

/* An address of the identity: false if it has none. */
static bool identity_addr(const char *text, struct in6_addr *out)
{
	char copy[SPELLING_LEN];

	if (!text || !*text || strcspn(text, "%") >= sizeof(copy))
		return false;
	snprintf(copy, sizeof(copy), "%.*s", (int)strcspn(text, "%"), text);
	return parse_addr(copy, out);
}

static bool glob_match_addr(const char *glob, const char *text)
{
	char spelling[SPELLING_LEN];
	struct in6_addr addr;
	size_t n = 0;

	if (!identity_addr(text, &addr))
		return false;
	addr_text(&addr, spelling);
	if (glob_match(glob, spelling))
		return true;
	if (!strchr(text, ':'))
		return false;
	inet_ntop(AF_INET6, &addr, spelling, sizeof(spelling));
	if (glob_match(glob, spelling))
		return true;
	for (int i = 0; i < 16; i += 2)
		n += (size_t)snprintf(spelling + n, sizeof(spelling) - n, "%s%02x%02x",
				      i ? ":" : "", addr.s6_addr[i], addr.s6_addr[i + 1]);
	return glob_match(glob, spelling);
}

static bool glob_match_guid(const char *glob, uint64_t guid)
{
	char spelling[SPELLING_LEN];

	if (!guid)
		return false;
	snprintf(spelling, sizeof(spelling), "%04x:%04x:%04x:%04x", (unsigned int)(guid >> 48),
		 (unsigned int)(guid >> 32 & 0xffff), (unsigned int)(guid >> 16 & 0xffff),
		 (unsigned int)(guid & 0xffff));
	return glob_match(glob, spelling);
}

static bool has_port_id(const struct acl_identity *id)
{
	static const uint8_t none[16];

	return memcmp(id->initiator_port_id, none, sizeof(none)) != 0;
}

static bool glob_match_port_id(const char *glob, const struct acl_identity *id)
{
	char spelling[SPELLING_LEN] = "0x";

	if (!has_port_id(id))
		return false;
	for (size_t i = 0; i < sizeof(id->initiator_port_id); i++)
		snprintf(spelling + 2 + 2 * i, 3, "%02x", id->initiator_port_id[i]);
	return glob_match(glob, spelling);
}

static bool guid_equal(const uint8_t bytes[8], uint64_t guid)
{
	for (size_t i = 0; i < 8; i++)
		if (bytes[i] != (uint8_t)(guid >> (56 - 8 * i)))
			return false;
	return guid != 0;
}

/*
 * The id as the initiator says it; with its halves swapped (SRP r10, A.1); or the kernel targets'
 * session name of old.
 */
static bool match_port_id(const uint8_t pattern[16], const struct acl_identity *id)
{
	const uint8_t *own = id->initiator_port_id;

	if (!has_port_id(id))
		return false;
	if (memcmp(pattern, own, 16) == 0)
		return true;
	if (memcmp(pattern, own + 8, 8) == 0 && memcmp(pattern + 8, own, 8) == 0)
		return true;
	return guid_equal(pattern, id->target_port_guid) && memcmp(pattern + 8, own + 8, 8) == 0;
}

static bool match_glob(const char *glob, const struct acl_identity *id)
{
	if (skip_0x(glob) != glob)
		return glob_match_port_id(glob, id);
	return glob_match_addr(glob, id->ip) || glob_match_addr(glob, id->gid) ||
	       glob_match_guid(glob, id->port_guid);
}

static bool match_net(const struct pattern *p, const char *text)
{
	struct in6_addr addr;

	if (!identity_addr(text, &addr))
		return false;
	/* a net such as ::/0 is of IPv6 and does not take in the mapped IPv4 addresses */
	if (is_v4(&addr) && p->prefix < V4_BITS)
		return false;
	clear_host_bits(&addr, p->prefix);
	return memcmp(&addr, &p->addr, sizeof(addr)) == 0;
}

static bool match_addr(const struct pattern *p, const char *text)
{
	struct in6_addr addr;

	return identity_addr(text, &addr) && memcmp(&addr, &p->addr, sizeof(addr)) == 0;
}

bool acl_match(const char *pattern, const struct acl_identity *id)
{
	struct pattern p;
	char err[ACL_ERR_LEN];

	if (parse_pattern(skip_bang(pattern), &p, err, sizeof(err)) < 0)
		return false;
	switch (p.form) {
	case FORM_ANY:
		return true;
	case FORM_ADDR:
		return match_addr(&p, id->ip) || match_addr(&p, id->gid);
	case FORM_NET:
		return match_net(&p, id->ip) || match_net(&p, id->gid);
	case FORM_GUID:
		return id->port_guid && id->port_guid == p.guid;
	case FORM_PORT_ID:
		return match_port_id(p.addr.s6_addr, id);
	case FORM_PKEY:
		return id->pkey && ((id->pkey ^ p.pkey) & 0x7fff) == 0;
	case FORM_GLOB:
		return match_glob(p.glob, id);
	}
	return false;
}

int acl_check(const char *pattern, char *err, size_t err_len)
{
	struct pattern p;

	return parse_pattern(skip_bang(pattern), &p, err, err_len);
}

bool acl_group_match(char *const *patterns, size_t n, const struct acl_identity *id)
{
	bool admitted = false;
	char err[ACL_ERR_LEN];

	for (size_t i = 0; i < n; i++) {
		/* an exclusion that cannot be read must not let anyone in */
		if (acl_check(patterns[i], err, sizeof(err)) < 0 && patterns[i][0] == '!')
			return false;
		if (!acl_match(patterns[i], id))
			continue;
		if (patterns[i][0] == '!')
			return false;
		admitted = true;
	}
	return admitted;
}

/* Can it not be told yet whether the pattern means the initiator? */
static bool undecided(const struct pattern *p, const struct acl_identity *id)
{
	switch (p->form) {
	case FORM_ANY:
		return false;
	case FORM_PKEY:
		return !id->pkey;
	case FORM_PORT_ID:
		return !has_port_id(id);
	case FORM_GLOB:
		if (skip_0x(p->glob) != p->glob)
			return !has_port_id(id);
		break;
	case FORM_ADDR:
	case FORM_NET:
	case FORM_GUID:
		break;
	}
	return !id->gid && !id->ip;
}

bool acl_group_may_match(char *const *patterns, size_t n, const struct acl_identity *id)
{
	bool may = false;

	for (size_t i = 0; i < n; i++) {
		const char *text = skip_bang(patterns[i]);
		struct pattern p;
		char err[ACL_ERR_LEN];

		if (patterns[i][0] == '!') {
			if (acl_check(patterns[i], err, sizeof(err)) < 0 || acl_match(text, id))
				return false;
		} else if (!parse_pattern(text, &p, err, sizeof(err))) {
			may = may || acl_match(text, id) || undecided(&p, id);
		}
	}
	return may;
}

bool acl_is_any(const char *pattern)
{
	return pattern[0] == '*' && pattern[strspn(pattern, "*")] == '\0';
}
