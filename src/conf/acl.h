/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who an initiator is and whether a pattern means it. Knows the written forms of addresses and
 * ids; knows nothing of config files, targets or LUNs.
 *
 * Patterns, letter case being of no account:
 *
 *   192.0.2.7, fd00::7              address (IP), in any valid spelling
 *   fe80::2:c903:a3:4271            GID, likewise
 *   192.0.2.0/24, fd00::/8          net: addresses and GIDs
 *   0002:c903:00a3:4271             port GUID; also 0x0002c90300a34271
 *   0x…32 hex digits…               initiator port id; also without 0x, and with the halves in the
 *                                   order of SRP revision 10 (io_class ff00)
 *   pkey:8001                       partition, full and limited members alike
 *   192.0.2.*, fe80:*, 0002:c903:*  `*` any characters, `?` one character
 *   *                               anyone
 *   !pattern                        excludes: wins over every other pattern of the group
 *
 * A pattern with wildcards is compared with the addresses, GID and port GUID in their full and
 * their shortest lower-case spelling. Initiator port ids are what the initiator says of itself, so
 * only a pattern that begins with 0x or is one is ever compared with them. Old kernel targets could
 * name a session by the GUID of their own port and the second half of the initiator port id, written
 * as a port id: such a name is a pattern, too.
 */
#ifndef SRPTD_CONF_ACL_H
#define SRPTD_CONF_ACL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is known of an initiator. A form that is not known matches only `*`. */
struct acl_identity {
	const char *ip;                /* text, an IPv6 scope (%eth0) is ignored; NULL or "" = none */
	const char *gid;               /* text; NULL or "" = none */
	uint8_t initiator_port_id[16]; /* all zero = none */
	uint64_t port_guid;            /* 0 = none */
	uint64_t target_port_guid;     /* of the port through which it came; 0 = none */
	uint16_t pkey;                 /* 0 = none */
};

enum { ACL_ERR_LEN = 160 };

/*
 * Is the pattern, with or without a leading `!`, well formed? 0, or -EINVAL with what was expected
 * in err ("a prefix length of 0 … 32").
 */
int acl_check(const char *pattern, char *err, size_t err_len);

/* Does the pattern mean this initiator? A leading `!` is not looked at; malformed = false. */
bool acl_match(const char *pattern, const struct acl_identity *id);

/*
 * At least one pattern without `!` matches and none with `!`. A malformed pattern admits nobody, a
 * malformed exclusion excludes everybody.
 */
bool acl_group_match(char *const *patterns, size_t n, const struct acl_identity *id);

/*
 * The same for one of whom not all is known yet, before it has said who it is: false only if it
 * can be told already that the group does not admit it.
 */
bool acl_group_may_match(char *const *patterns, size_t n, const struct acl_identity *id);

/* Is it `*`, the pattern that admits anyone? */
bool acl_is_any(const char *pattern);

#endif
