/* SPDX-License-Identifier: BSD-2-Clause */
/* The control thread from start to the last logout. */
#ifndef SRPTD_SRPTD_SERVE_H
#define SRPTD_SRPTD_SERVE_H

#include <stdbool.h>

#include "conf/conf.h"

/*
 * Serve a configuration, which is taken over, until a signal ends it; control: path of the control
 * socket, NULL = as configured. from_file: it can be loaded again. 0, or -errno after log lines. Does not return if something may still be in use by a
 * device at the end: the process exits then.
 */
int serve(struct conf *conf, bool from_file, const char *control);

#endif
