/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a libconfig tree to structs, as the tables say. Says what is wrong with a value or a key by
 * itself; what several keys say together is for check.h.
 */
#ifndef SRPTD_CONF_WALK_H
#define SRPTD_CONF_WALK_H

#include <libconfig.h>

#include "conf/keys.h"
#include "conf/msgs.h"

struct walk {
	struct msgs *msgs; /* out of memory: msgs->oom */
	const char *file;  /* as it is to appear in messages */
};

enum { WALK_PATH_LEN = 256 };

/*
 * Fill base (table->size bytes, its content is overwritten) from a group: defaults first. What is
 * wrong stays at its default, texts become NULL. The caller frees base with key_free() in any case.
 */
void walk_group(struct walk *walk, const struct key_table *table, config_setting_t *group,
		void *base);

/* "targets[0].groups[1].luns[0].lun" */
void walk_path(const config_setting_t *setting, char path[WALK_PATH_LEN]);

/* Set one key of base; the setting has its name. In value.c. */
void value_set(struct walk *walk, const struct key *key, config_setting_t *setting, void *base);

#endif
