/* SPDX-License-Identifier: BSD-2-Clause */
/* What on this host is in the way of serving a configuration, and what mends it. */
#ifndef SRPTD_SRPTD_DOCTOR_H
#define SRPTD_SRPTD_DOCTOR_H

#include "conf/conf.h"
#include "ctl/ctl.h"

/* Every finding is said, good ones too. Changes nothing. */
void doctor(const struct conf *conf, ctl_finding *say, void *to);

#endif
