/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A logical unit with three nexuses for tests of reservations: initiator ports 1, 2, 3 through target
 * port 1; ports 2 and 3 exist. What PERSISTENT RESERVE IN tells is asked through a fourth.
 */
#ifndef TESTS_SCSI_PR_LAB_H
#define TESTS_SCSI_PR_LAB_H

#include "rig.h"
#include "scsi/pr.h"

enum { WE = 1, EA = 3, WE_RO = 5, EA_RO = 6, WE_AR = 7, EA_AR = 8 };
enum { REGISTER, RESERVE, RELEASE, CLEAR, PREEMPT, PREEMPT_AND_ABORT, IGNORE, MOVE };
enum { N = 3, A = 0, B = 1, C = 2, KEY_A = 0xaa, KEY_B = 0xbb, KEY_C = 0xcc };

struct lab {
	struct rig rig;
	struct scsi_nexus nexus[N];
	struct scsi_itl *itl[N];
	uint8_t param[1024];
};

void join(struct lab *lab, unsigned int i);
void setup(struct lab *lab);
void teardown(struct lab *lab);
/* The rig's CDB on behalf of a nexus. */
uint8_t run(struct lab *lab, unsigned int who, const uint8_t *out, uint32_t out_len);
/* PERSISTENT RESERVE OUT with the parameter list in lab->param; with a list made of the arguments. */
uint8_t pr_out_list(struct lab *lab, unsigned int who, uint8_t action, uint8_t type, uint32_t len);
uint8_t pr_out_flags(struct lab *lab, unsigned int who, uint8_t action, uint8_t type, uint64_t key,
		     uint64_t action_key, uint8_t flags);
uint8_t pr_out(struct lab *lab, unsigned int who, uint8_t action, uint8_t type, uint64_t key,
	       uint64_t action_key);
void pr_in(struct lab *lab, uint8_t action);
void register_all(struct lab *lab);
void expect_keys(struct lab *lab, uint32_t generation, const uint64_t *keys, uint32_t n);
/* type 0: nothing is reserved. */
void expect_reservation(struct lab *lab, uint8_t type, uint64_t key);
/* Exactly this unit attention is pending, SCSI_UA_COUNT: none; it is taken. */
void expect_ua(struct lab *lab, unsigned int who, enum scsi_ua ua);
/* A command on block 0 as its table entry says. */
uint8_t try_command(struct lab *lab, unsigned int who, const struct scsi_op *op);

#endif
