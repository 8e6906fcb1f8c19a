/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the store room only: the kinds of stores, and what stores and engines share. */
#ifndef SRPTD_STORE_TYPES_H
#define SRPTD_STORE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "store/store.h"

/* Slots of an engine's table of registered files; stores beyond use their plain descriptor. */
enum { FIXED_FILES = 1024 };

/* Where the worker has put a request. */
enum io_at {
	IO_AT_ENGINE,  /* in engine->queued, in the kernel, or with a foreign library */
	IO_AT_THREADS, /* waiting for a thread of the engine, running there, or back from it */
	IO_AT_HELD,    /* held by a fault, or released and on its way back */
	IO_AT_DELAYED, /* in engine->delayed */
	IO_AT_DONE,    /* its result is known */
};

extern const struct store_ops block_store_ops;
extern const struct store_ops file_store_ops;
extern const struct store_ops memory_store_ops;
extern const struct store_ops null_store_ops;

/* Turn a system call's errno into a sentence in err, and return it negative. */
int store_errno(const char *path, const char *what, char *err, size_t err_len);
/* What a path is, for people: "a block device". */
const char *store_file_kind(unsigned int mode);

/*
 * Claim an open file for as long as its open file description lives (architecture rule 10): shared
 * for a read-only store, exclusive otherwise. 0, or -errno with a sentence naming the holder.
 */
int claim_take(int fd, const char *path, bool read_only, char *err, size_t err_len);
/* The process whose lock on the file is in our way, as far as we may look; 0 = none seen. */
pid_t claim_holder(const struct stat *file, bool read_only);
/* A process that has the block device open under whatever name; 0 = none seen. */
pid_t claim_opener(dev_t device);
/* Say in err that the process uses the path. */
void claim_name_holder(pid_t pid, const char *path, char *err, size_t err_len);

/*
 * Why the kernel may refuse to hand out a block device: mounted, swap, below another device, or
 * so its partitions or the disk that it is a part of. False: none of these.
 */
bool block_user_find(dev_t device, char *what, size_t len);

/* Run the calls of a started request (fdio) to its end, sleeping as it must. Any thread. */
int fdio_run(struct store_io *io);

/*
 * Put faults upon an opened store. 0, or -errno with a sentence in err, the store is then as it was.
 * fault_unwrap() undoes it.
 */
int fault_wrap(struct store *store, const struct store_conf *conf, char *err, size_t err_len);
void fault_unwrap(struct store *store);
/* Take a held request back, or see that it will not run. Worker's thread. */
void fault_forget(struct store_io *io);

/* Keep io until clock_now_ns() has reached the deadline, then call io->resume(io). */
void engine_delay(struct engine *engine, struct store_io *io, uint64_t deadline_ns);
/* From any thread: let the worker call io->resume(io). */
void engine_resume_foreign(struct store_io *io);

#endif
