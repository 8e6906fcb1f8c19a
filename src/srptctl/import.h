/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the configuration of another target becomes here: logical units, targets, groups and a few
 * global keys, and the list of what could not be carried over. Readers (import_scst.c,
 * import_lio.c) fill it; import.c prints it. Memory that runs out ends the program.
 */
#ifndef SRPTD_SRPTCTL_IMPORT_H
#define SRPTD_SRPTCTL_IMPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/compiler.h"

/* Text that grows. */
struct imp_text {
	char *buf; /* NULL = "" */
	size_t len;
};

struct imp_lun {
	char *origin; /* as the other target calls it */
	char *name;
	bool used;	      /* by a group */
	struct imp_text keys; /* "path = \"/x\";" … */
	struct imp_text alua; /* elements of its list */
};

struct imp_map {
	unsigned int lun;
	size_t index; /* in imp.luns */
	bool read_only;
};

struct imp_group {
	char *name;
	char **patterns;
	size_t n_patterns;
	struct imp_map *maps;
	size_t n_maps;
};

struct imp_target {
	char *origin;
	char *name;
	unsigned int port_group; /* 0 = none */
	struct imp_text keys;
	struct imp_group *groups;
	size_t n_groups;
};

struct imp {
	const char *file;	/* that is being read */
	const char *first;	/* of them */
	struct imp_text global; /* keys */
	struct imp_text lost;	/* lines */
	uint64_t service_guid;	/* of the kernel target, 0 = not known */
	struct imp_lun *luns;
	size_t n_luns;
	struct imp_target *targets;
	size_t n_targets;
};

/* The verb "import": the exit status. */
int import_run(int n, char **words, const char *socket);

/* ---- readers: false after saying on stderr why the file is unusable ---- */

bool import_scst(struct imp *imp, FILE *f);
bool import_lio(struct imp *imp, FILE *f);

/* ---- for the readers ---- */

/* Not carried over: where (line, or 0), what, and what can be done. */
void imp_lost(struct imp *imp, int line, const char *fmt, ...) printf_like(3, 4);

/* A pointer to a new, zeroed element at the end of a list. */
void *imp_grow(void *list_ptr, size_t *n, size_t size);
char *imp_dup(const char *text);
struct imp_lun *imp_lun_new(struct imp *imp, const char *origin);
struct imp_target *imp_target_new(struct imp *imp, const char *origin, const char *name);
struct imp_group *imp_group_new(struct imp_target *target, const char *name);
void imp_pattern_new(struct imp_group *group, const char *pattern);
struct imp_lun *imp_lun_find(struct imp *imp, const char *origin);
/* Map a LUN by its origin; what is wrong with it is said. */
void imp_map_new(struct imp *imp, struct imp_group *group, int line, uint64_t lun,
		 const char *origin, bool read_only);

/* NAME = "TEXT"; cut to max characters, other than printable ones as '_'. */
void imp_put_text(struct imp_text *keys, const char *name, const char *text, size_t max);
void imp_put(struct imp_text *text, const char *fmt, ...) printf_like(2, 3);
/* The parameters that the kernel targets share with srptd; false = none of them. Takes any number.
 */
bool imp_put_global(struct imp *imp, int line, const char *name, uint64_t value);

#endif
