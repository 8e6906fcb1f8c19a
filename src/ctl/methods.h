/* SPDX-License-Identifier: BSD-2-Clause */
/* What can be asked of srptd. */
#ifndef SRPTD_CTL_METHODS_H
#define SRPTD_CTL_METHODS_H

#include "ctl/ctl.h"
#include "ctl/rpc.h"

/* env of their calls is a struct ctl_env. */
extern const struct rpc_method ctl_methods[];
extern const size_t ctl_n_methods;

/* edit.c: changes of what is served. 0 or -errno. */
int ctl_edit_lun_add(struct rpc_call *call);
int ctl_edit_lun_remove(struct rpc_call *call);
int ctl_edit_lun_map(struct rpc_call *call);
int ctl_edit_lun_unmap(struct rpc_call *call);
int ctl_edit_group_add(struct rpc_call *call);
int ctl_edit_group_remove(struct rpc_call *call);
int ctl_edit_group_allow(struct rpc_call *call);
int ctl_edit_group_forbid(struct rpc_call *call);
int ctl_edit_lun_set(struct rpc_call *call);
int ctl_edit_group_set(struct rpc_call *call);
int ctl_lun_resize(struct rpc_call *call);

/* show.c: state as JSON. 0 or -ENOMEM. */
int ctl_status(struct rpc_call *call);
int ctl_sessions(struct rpc_call *call);
int ctl_luns(struct rpc_call *call);

/* stats.c, metrics.c: counters as JSON, and as OpenMetrics text in "text". 0 or -ENOMEM. */
int ctl_stats(struct rpc_call *call);
int ctl_metrics(struct rpc_call *call);
/* The same text, of the latest survey. Errors are the stream's. */
void ctl_write_metrics(const struct ctl_env *env, FILE *out);

/* capture.c: 0, or -errno with a sentence */
int ctl_capture_start(struct rpc_call *call);
int ctl_capture_stop(struct rpc_call *call);
int ctl_capture_status(struct rpc_call *call);

/* explain.c */
int ctl_explain(struct rpc_call *call);

#endif
