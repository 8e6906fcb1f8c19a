/* SPDX-License-Identifier: BSD-2-Clause */
/* What initiators have to be told to log in, for every listener of a configuration and every port. */
#ifndef SRPTD_SRPTD_LOGIN_INFO_H
#define SRPTD_SRPTD_LOGIN_INFO_H

#include <stdio.h>

#include "conf/conf.h"

/* 0, or -errno if this host's RDMA devices cannot be looked at. */
int login_info(const struct conf *conf, FILE *out);

#endif
