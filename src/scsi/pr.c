/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reservations: whether a command conflicts with one (SPC-4 5.13.1, tables 66 and 67; SBC-3 table
 * 12), RESERVE and RELEASE (SPC-2 7.21), and PERSISTENT RESERVE IN (SPC-4 6.15).
 */
#include <stdlib.h>

#include "scsi/pr.h"

/* ---- registrations ---- */

struct pr_reg *pr_find(struct pr_state *pr, const uint8_t initiator[16], uint16_t port)
{
	for (uint32_t i = 0; pr && i < pr->n; i++) {
		struct pr_reg *reg = &pr->reg[i];

		if (reg->port == port && !memcmp(reg->initiator, initiator, sizeof(reg->initiator)))
			return reg;
	}
	return NULL;
}

struct pr_reg *pr_find_nexus(struct pr_state *pr, const struct scsi_nexus *nexus)
{
	return pr_find(pr, nexus->initiator_port_id, nexus->rel_target_port);
}

struct pr_reg *pr_holder(struct pr_state *pr)
{
	for (uint32_t i = 0; pr->type != PR_NONE && i < pr->n; i++)
		if (pr->reg[i].holder)
			return &pr->reg[i];
	return NULL;
}

/* ---- conflicts ---- */

/* Does a command of this class run although another nexus has reserved for itself? */
static bool runs_beside(const struct scsi_cmd *cmd, bool write_exclusive)
{
	switch (cmd->op->resv) {
	case SCSI_RESV_ALLOWED:
		return true;
	case SCSI_RESV_READ:
		return write_exclusive;
	case SCSI_RESV_WRITE:
		return false;
	case SCSI_RESV_START_STOP: /* starting, and no power condition */
		return (cmd->cdb[4] & 0xf1) == 0x01;
	case SCSI_RESV_PREVENT:
		return !(cmd->cdb[4] & 0x03);
	}
	return false;
}

static bool is_write_exclusive(enum pr_type type)
{
	return type == PR_WRITE_EXCLUSIVE || type == PR_WRITE_EXCLUSIVE_RO ||
	       type == PR_WRITE_EXCLUSIVE_AR;
}

static bool persistent_conflict(const struct scsi_cmd *cmd, enum pr_type type)
{
	uint8_t bits = atomic_load(&cmd->itl->pr);

	if (bits & (pr_is_registrants(type) ? PR_REGISTERED | PR_HOLDER : PR_HOLDER))
		return false;
	return !runs_beside(cmd, is_write_exclusive(type));
}

static bool conflict(const struct scsi_cmd *cmd)
{
	struct scsi_lu *lu = cmd->itl->lu;
	enum pr_type type = atomic_load(&lu->pr_type);
	struct scsi_itl *reserved = atomic_load(&lu->reserved);

	if (reserved && reserved != cmd->itl)
		return !(cmd->op->flags & (OP_UA_EXEMPT | OP_RESERVE_EXEMPT)) &&
		       !(cmd->op->resv > SCSI_RESV_WRITE && runs_beside(cmd, false));
	return type != PR_NONE && persistent_conflict(cmd, type);
}

void pr_refresh_itl(struct scsi_itl *itl)
{
	struct pr_reg *reg = pr_find_nexus(itl->lu->pr, itl->nexus);

	atomic_store(&itl->pr, !reg ? 0 : reg->holder ? PR_REGISTERED | PR_HOLDER : PR_REGISTERED);
}

static void refresh_conflict(struct scsi_lu *lu)
{
	bool any = atomic_load(&lu->pr_type) != PR_NONE || atomic_load(&lu->reserved);

	atomic_store(&lu->conflict, any ? conflict : NULL);
}

void pr_refresh(struct scsi_lu *lu)
{
	struct scsi_itl *itl;

	LIST_FOREACH(itl, &lu->itls, lu_link)
		pr_refresh_itl(itl);
	atomic_store(&lu->pr_type, lu->pr ? lu->pr->type : PR_NONE);
	refresh_conflict(lu);
}

/* ---- RESERVE and RELEASE ---- */

static enum scsi_next reservation_conflict(struct scsi_cmd *cmd)
{
	cmd->status = SCSI_RESERVATION_CONFLICT;
	return SCSI_COMPLETE;
}

/* SPC-4 5.13.3 (CRH 1): a registered nexus has what it asks for already. */
enum scsi_next spc_reserve(struct scsi_cmd *cmd)
{
	struct scsi_lu *lu = cmd->itl->lu;
	bool persistent;

	pthread_mutex_lock(&lu->lock);
	persistent = lu->pr && lu->pr->n;
	if (!persistent && !atomic_load(&lu->reserved))
		atomic_store(&lu->reserved, cmd->itl);
	refresh_conflict(lu);
	pthread_mutex_unlock(&lu->lock);
	if (persistent ? atomic_load(&cmd->itl->pr) : atomic_load(&lu->reserved) == cmd->itl)
		return scsi_good(cmd);
	return reservation_conflict(cmd);
}

void scsi_itl_release(struct scsi_itl *itl)
{
	struct scsi_lu *lu = itl->lu;

	if (atomic_load(&lu->reserved) != itl)
		return;
	atomic_store(&lu->reserved, NULL);
	refresh_conflict(lu);
}

enum scsi_next spc_release(struct scsi_cmd *cmd)
{
	struct scsi_lu *lu = cmd->itl->lu;

	pthread_mutex_lock(&lu->lock);
	scsi_itl_release(cmd->itl);
	pthread_mutex_unlock(&lu->lock);
	return scsi_good(cmd);
}

/* ---- PERSISTENT RESERVE IN ---- */

enum { READ_KEYS, READ_RESERVATION, REPORT_CAPABILITIES, READ_FULL_STATUS };

static uint8_t *put_keys(const struct pr_state *pr, uint8_t *out)
{
	for (uint32_t i = 0; i < pr->n; i++, out += 8)
		be64_put(out, pr->reg[i].key);
	return out;
}

static uint8_t *put_reservation(struct pr_state *pr, uint8_t *out)
{
	const struct pr_reg *holder = pr_holder(pr);

	if (pr->type == PR_NONE)
		return out;
	if (holder && !pr_is_all_registrants(pr->type))
		be64_put(out, holder->key);
	out[13] = (uint8_t)pr->type;
	return out + 16;
}

static uint8_t *put_full_status(const struct pr_state *pr, uint8_t *out)
{
	for (uint32_t i = 0; i < pr->n; i++, out += 24 + PR_TRANSPORT_ID_LEN) {
		const struct pr_reg *reg = &pr->reg[i];

		be64_put(out, reg->key);
		out[12] = (uint8_t)(reg->all_ports << 1 | reg->holder);
		out[13] = reg->holder ? (uint8_t)pr->type : 0;
		be16_put(out + 18, reg->port);
		be32_put(out + 20, PR_TRANSPORT_ID_LEN);
		out[24] = 0x04; /* format 0, SRP */
		memcpy(out + 32, reg->initiator, sizeof(reg->initiator));
	}
	return out;
}

/* CRH, SIP_C, ATP_C, PTPL_C; all types (SPC-4 6.15.4). */
static enum scsi_next report_capabilities(struct scsi_cmd *cmd, const struct pr_state *pr)
{
	uint8_t *buf = cmd->buf;

	be16_put(buf, 8);
	buf[2] = cmd->itl->lu->keeper ? 0x1d : 0x1c;
	buf[3] = 0x80 | (pr && pr->aptpl ? 0x01 : 0); /* TMV, PTPL_A */
	be16_put(buf + 4, 0xea01);
	return scsi_data_in(cmd, 8);
}

static enum scsi_next report(struct scsi_cmd *cmd, struct pr_state *pr)
{
	uint8_t *end = cmd->buf + 8;

	if ((cmd->cdb[1] & 0x1f) == REPORT_CAPABILITIES)
		return report_capabilities(cmd, pr);
	if (pr) {
		be32_put(cmd->buf, pr->generation);
		switch (cmd->cdb[1] & 0x1f) {
		case READ_KEYS:
			end = put_keys(pr, end);
			break;
		case READ_RESERVATION:
			end = put_reservation(pr, end);
			break;
		case READ_FULL_STATUS:
			end = put_full_status(pr, end);
			break;
		}
	}
	be32_put(cmd->buf + 4, (uint32_t)(end - cmd->buf - 8));
	return scsi_data_in(cmd, (uint64_t)(end - cmd->buf));
}

static enum scsi_next got_buf(struct scsi_cmd *cmd, int res)
{
	struct scsi_lu *lu = cmd->itl->lu;
	enum scsi_next next;

	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_READ, res, SCSI_NO_LBA);
	memset(cmd->buf, 0, cmd->need);
	pthread_mutex_lock(&lu->lock);
	next = report(cmd, lu->pr);
	pthread_mutex_unlock(&lu->lock);
	return next;
}

enum scsi_next spc_pr_in(struct scsi_cmd *cmd)
{
	return scsi_need_buf(cmd, 8 + PR_MAX_REGS * (24 + PR_TRANSPORT_ID_LEN), got_buf);
}
