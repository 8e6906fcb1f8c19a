/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the device server: reservations of one logical unit (SPC-4 5.13), persistent ones and those
 * of RESERVE and RELEASE.
 *
 * Who owns what: `pr` of a logical unit is replaced as a whole, under lu->lock, by PERSISTENT RESERVE
 * OUT, which runs on a thread that may sleep and one at a time per logical unit (lu->pr_update). The
 * check of a command asks two words, lu->conflict and the bits of its itl, which are brought up to
 * date when the state is replaced and when a nexus comes.
 */
#ifndef SRPTD_SCSI_PR_H
#define SRPTD_SCSI_PR_H

#include "scsi/internal.h"

enum pr_type {
	PR_NONE = 0,
	PR_WRITE_EXCLUSIVE = 1,
	PR_EXCLUSIVE_ACCESS = 3,
	PR_WRITE_EXCLUSIVE_RO = 5, /* registrants only */
	PR_EXCLUSIVE_ACCESS_RO = 6,
	PR_WRITE_EXCLUSIVE_AR = 7, /* all registrants */
	PR_EXCLUSIVE_ACCESS_AR = 8,
};

/* REGISTER beyond it ends with INSUFFICIENT REGISTRATION RESOURCES; READ FULL STATUS fits a buffer. */
enum { PR_MAX_REGS = 1024 };

struct pr_reg {
	uint8_t initiator[16];
	uint16_t port;  /* relative target port */
	bool all_ports; /* came with ALL_TG_PT */
	bool holder;    /* of the reservation; with the all registrants types everybody */
	uint64_t key;
};

struct pr_state {
	uint32_t generation; /* PRGENERATION; not kept over a restart */
	bool aptpl;
	enum pr_type type;   /* PR_NONE: nothing is reserved */
	uint32_t n;
	struct pr_reg reg[PR_MAX_REGS];
};

/* Bits of scsi_itl.pr. */
enum { PR_REGISTERED = 1 << 0, PR_HOLDER = 1 << 1 };

static inline bool pr_is_all_registrants(enum pr_type type)
{
	return type == PR_WRITE_EXCLUSIVE_AR || type == PR_EXCLUSIVE_ACCESS_AR;
}

static inline bool pr_is_registrants(enum pr_type type)
{
	return type >= PR_WRITE_EXCLUSIVE_RO;
}

static inline bool pr_is_type(uint8_t type)
{
	return type == PR_WRITE_EXCLUSIVE || type == PR_EXCLUSIVE_ACCESS ||
	       (type >= PR_WRITE_EXCLUSIVE_RO && type <= PR_EXCLUSIVE_ACCESS_AR);
}

/* Registration of an I_T nexus, or NULL. */
struct pr_reg *pr_find(struct pr_state *pr, const uint8_t initiator[16], uint16_t port);
struct pr_reg *pr_find_nexus(struct pr_state *pr, const struct scsi_nexus *nexus);
/* The holder of a reservation that one nexus holds, or NULL. */
struct pr_reg *pr_holder(struct pr_state *pr);
/* Conflict bits of every nexus and of the logical unit, from its state; lu->lock held. */
void pr_refresh(struct scsi_lu *lu);
void pr_refresh_itl(struct scsi_itl *itl);

/* TransportID of SRP (SPC-4 7.6.4.5). */
enum { PR_TRANSPORT_ID_LEN = 24 };

/* pr_file.c: an image of the state as kept in a file; encode returns its length. */
enum { PR_IMAGE_MAX = 28 + PR_MAX_REGS * 28 };
size_t pr_encode(const struct pr_state *pr, uint8_t *image);
bool pr_decode(const uint8_t *image, size_t len, struct pr_state *pr);

#endif
