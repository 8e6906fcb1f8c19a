/* SPDX-License-Identifier: BSD-2-Clause */
/* Verbs that work on files: the exit status. */
#ifndef SRPTD_SRPTCTL_CONFIG_H
#define SRPTD_SRPTCTL_CONFIG_H

int config_check(int n, char **words, const char *socket);
int config_save(int n, char **words, const char *socket);
/* EXIT_USAGE, after saying what is wrong. */
int bad_usage(const char *what, const char *arg);

#endif
