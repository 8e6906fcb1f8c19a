/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What must hold of the data: which writes a block may show, at the medium and to a reader. Sees
 * the run from both ends, the initiators' and the medium's, in one order of events. Knows nothing
 * of how the target works.
 */
#ifndef SCHEDULE_MODEL_H
#define SCHEDULE_MODEL_H

#include <stdbool.h>
#include <stdint.h>

struct write;

/* Forget everything: all blocks are zero. */
void model_reset(void);

/*
 * A write is about to be sent. Its blocks carry model_stamp() of it. It is *open* until it is
 * closed by the initiator, in one of three ways:
 *
 *   MODEL_GOOD    the response said GOOD: it has landed, and does not land again;
 *   MODEL_ENDED   answered otherwise, or a task management response covers it: it may have landed,
 *                 and does not land any more;
 *   MODEL_GIVEN_UP another login has replaced its session: it may still land, but not over a newer
 *                 write of the same initiator that is acknowledged.
 */
enum model_end { MODEL_GOOD, MODEL_ENDED, MODEL_GIVEN_UP };

struct write *model_write(unsigned int host, unsigned int disk, uint32_t lba, uint32_t n);
uint64_t model_stamp(const struct write *w, uint32_t lba);
void model_close(struct write *w, enum model_end how);

/* A block of the medium has changed. */
void model_landed(unsigned int disk, uint32_t lba);

/*
 * A read that was sent at event `since` has been answered GOOD: the block must be one that the
 * medium has shown since.
 */
void model_read(unsigned int disk, uint32_t lba, const void *block, uint64_t since);

#endif
