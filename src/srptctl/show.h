/* SPDX-License-Identifier: BSD-2-Clause */
/* Print an answer of srptd on stdout, one function for each method. */
#ifndef SRPTD_SRPTCTL_SHOW_H
#define SRPTD_SRPTCTL_SHOW_H

#include <jansson.h>

void show_status(const json_t *r);
void show_sessions(const json_t *r);
void show_luns(const json_t *r);
void show_stats(const json_t *r);
void show_text(const json_t *r);
void show_done(const json_t *r);
void show_log(const json_t *r);
void show_logout(const json_t *r);
void show_version(const json_t *r);
void show_explain(const json_t *r);
void show_capture(const json_t *r);
void show_doctor(const json_t *r);
void show_drain(const json_t *r);

#endif
