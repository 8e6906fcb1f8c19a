/* SPDX-License-Identifier: BSD-2-Clause */
/* Words of the verbs that change LUNs and groups as parameters; NULL with a sentence in err. */
#ifndef SRPTD_SRPTCTL_EDIT_H
#define SRPTD_SRPTCTL_EDIT_H

#include <jansson.h>
#include <stddef.h>

json_t *lun_add_params(int n, char **words, char *err, size_t err_len);
json_t *lun_remove_params(int n, char **words, char *err, size_t err_len);
json_t *lun_map_params(int n, char **words, char *err, size_t err_len);
json_t *lun_unmap_params(int n, char **words, char *err, size_t err_len);
json_t *lun_resize_params(int n, char **words, char *err, size_t err_len);
json_t *lun_set_params(int n, char **words, char *err, size_t err_len);
json_t *group_set_params(int n, char **words, char *err, size_t err_len);
json_t *capture_params(int n, char **words, char *err, size_t err_len);
json_t *group_params(int n, char **words, char *err, size_t err_len);
json_t *group_patterns_params(int n, char **words, char *err, size_t err_len);

#endif
