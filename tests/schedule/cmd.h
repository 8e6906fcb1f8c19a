/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of the initiators: the layout of a channel's memory, and commands. */
#ifndef SCHEDULE_CMD_H
#define SCHEDULE_CMD_H

#include <endian.h>

#include "disk.h"
#include "host.h"

enum {
	RX_LEN = 256,
	N_RX = 24,                    /* for a request limit of 21, SRP_CRED_REQ, SRP_T_LOGOUT */
	N_MISC = 8,                   /* small IUs: CRED_RSP, I_LOGOUT */
	N_TX = SLOTS + N_MISC,
	DATA_LEN = MAX_BLOCKS * BLOCK,
	TABLE_LEN = 32 * SRP_DIRECT_DESC_LEN,
	RX_OFF = 0,
	TX_OFF = RX_OFF + N_RX * RX_LEN,
	TABLE_OFF = TX_OFF + N_TX * IU_LEN,
	DATA_OFF = TABLE_OFF + SLOTS * TABLE_LEN,
	MEM_LEN = DATA_OFF + SLOTS * DATA_LEN,
};

#define WR_RECV (1ull << 63)

void chan_add_credits(struct chan *ch, int32_t delta);
void chan_send_small(struct chan *ch, enum srp_opcode opcode, uint64_t tag);
void answers_reset(void);
void cmd_answered(struct chan *ch, const uint8_t *iu, uint32_t len);
/* Its request has arrived. */
void cmd_sent(struct chan *ch, uint64_t wr_id);
/* It can do nothing any more. */
void cmd_end(struct cmd *c);
void cmd_free(struct cmd *c);
/* The channel goes. */
void cmds_orphan(struct chan *ch);

#endif
