/* SPDX-License-Identifier: BSD-2-Clause */
/* What goes on, again and again: sessions --watch and top. */
#ifndef SRPTD_SRPTCTL_TOP_H
#define SRPTD_SRPTCTL_TOP_H

#include <jansson.h>
#include <stdbool.h>

struct watch {
	const char *path; /* of the control socket */
	bool json;	  /* a line for each look */
	double interval;  /* seconds */
	long count;	  /* looks, 0 = until interrupted */
};

/* Show a method's answer at every look. The exit status. */
int watch_run(const struct watch *w, const char *method, void (*show)(const json_t *result));
/* Rates and durations of LUNs and sessions between looks. The exit status. */
int top_run(const struct watch *w);

#endif
