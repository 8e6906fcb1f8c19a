/* SPDX-License-Identifier: BSD-2-Clause */
/* The io_uring engine; see engine_new(). Inside the store room and its tests only. */
#ifndef SRPTD_STORE_URING_H
#define SRPTD_STORE_URING_H

#include <stdbool.h>
#include <stddef.h>

struct engine;

/*
 * Ways to set up a ring, best first: each needs less of the kernel than the one before. uring_new()
 * takes the first that works.
 */
enum uring_setup {
	URING_DEFER,      /* 6.1: completions run in our own enter only */
	URING_SINGLE,     /* 6.0: one submitter, completions at any system call */
	URING_COOP,       /* 5.19: the same without the single submitter's savings */
	URING_SUBMIT_ALL, /* 5.18: completions interrupt us */
	URING_PLAIN,      /* 5.15 */
	URING_N_SETUPS,
};

int uring_new(unsigned int depth, struct engine **out, char *err, size_t err_len);
/* As uring_new(), but begins with the setup `first`. */
int uring_new_from(enum uring_setup first, unsigned int depth, struct engine **out, char *err,
		   size_t err_len);

/* What a ring got, for tests. */
struct uring_facts {
	enum uring_setup setup;
	unsigned int n_regions;                 /* registered buffers, 0 = none */
	unsigned int n_fixed_buf, n_fixed_file; /* calls that used one */
	bool has_files;                         /* is there a table of registered files? */
};

void uring_facts(const struct engine *engine, struct uring_facts *facts);

#endif
