/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the keys of a configuration say together, and what follows from them: derived ids, listeners
 * from ports, the LUN behind each mapping. No device or path is looked at.
 */
#ifndef SRPTD_CONF_CHECK_H
#define SRPTD_CONF_CHECK_H

#include "conf/conf.h"
#include "conf/ident.h"
#include "conf/msgs.h"

struct check {
	struct conf *conf;
	struct msgs *msgs;
	struct ident ident;
	int ident_error;       /* 0, or -errno: no ids can be derived */
	bool complete;         /* every file could be read: a name not found does not exist */
	struct claim *by_name; /* LUNs by name, n_by_name of them */
	size_t n_by_name;
	bool *used;            /* per LUN: some group maps it */
};

/* Check and complete conf; what is wrong goes to msgs. */
void conf_check(struct conf *conf, struct msgs *msgs, bool complete);

/* As many as cpus has entries, or the CPUs online up to 4. */
uint32_t check_default_workers(const struct conf *conf);

/* ---- between the files of the check ---- */

/* Something that only one may have: text, numbers, or both. */
struct claim {
	const char *text; /* NULL = "" */
	uint64_t a, b;
	size_t index; /* the caller's */
};

/* Sort and call report for every claim that an earlier one (by index) has taken. */
void claims_check(struct claim *claims, size_t n,
		  void (*report)(void *arg, const struct claim *first, const struct claim *second),
		  void *arg);
int claim_cmp(const void *a, const void *b);

enum { CHECK_PATH_LEN = 128 };

void check_luns(struct check *check);
void check_lun_use(struct check *check);
/* "luns[3]", counted in its own file; likewise "targets[0]". */
void check_lun_path(const struct conf *conf, size_t i, char path[CHECK_PATH_LEN]);
void check_target_path(const struct conf *conf, size_t i, char path[CHECK_PATH_LEN]);
/* Targets after LUNs: mappings refer to them. */
void check_targets(struct check *check);
void check_groups(struct check *check, size_t target);
/* Complete and check the listeners of a target, check_listen.c. */
void check_listens(struct check *check, size_t target);
/* "targets[0].KEY", counted in its own file. */
void check_target_key(const struct conf *conf, size_t i, const char *key,
		      char path[CHECK_PATH_LEN]);
/*
 * The listeners that a target has by itself: IP if port is not 0, and InfiniBand, on one port if
 * gid is not NULL. False = out of memory.
 */
bool check_implied_listens(struct conf_target *target, uint16_t port, uint64_t service_id,
			   const char *gid);

#endif
