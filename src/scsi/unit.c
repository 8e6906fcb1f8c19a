/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state of a logical unit: ready or not, pending sense, started and stopped, medium in or out.
 * Does not know what blocks hold.
 */
#include "scsi/internal.h"

enum { NO_FLUSH = 0x04, LOEJ = 0x02, START = 0x01 }; /* START STOP UNIT byte 4 */
enum { START_VALID = 0, ACTIVE = 1, IDLE = 2, STANDBY = 3, LU_CONTROL = 7 }; /* POWER CONDITION */

enum scsi_sense_code scsi_not_ready(struct scsi_lu *lu)
{
	switch (atomic_load(&lu->stopped)) {
	case SCSI_POWER_ERASING:
		return scsi_erase_sense(lu);
	case SCSI_POWER_STOPPED:
		return atomic_load(&lu->ejected) ? SENSE_NO_MEDIUM : SENSE_NEEDS_START;
	}
	return SENSE_NONE;
}

/* False while the logical unit is being erased: its state is then not to be changed by others. */
static bool set_power(struct scsi_lu *lu, uint8_t power)
{
	uint8_t now = atomic_load(&lu->stopped);

	do
		if (now == SCSI_POWER_ERASING)
			return false;
	while (!atomic_compare_exchange_weak(&lu->stopped, &now, power));
	return true;
}

void scsi_wake(struct scsi_lu *lu)
{
	uint8_t power = atomic_load(&lu->stopped);

	if (power == SCSI_POWER_IDLE || power == SCSI_POWER_STANDBY)
		atomic_compare_exchange_strong(&lu->stopped, &power, SCSI_POWER_ACTIVE);
}

enum scsi_next spc_test_unit_ready(struct scsi_cmd *cmd)
{
	return scsi_good(cmd);
}

/* What there is to say of a logical unit without a unit attention. */
static enum scsi_sense_code condition(struct scsi_lu *lu)
{
	switch (atomic_load(&lu->stopped)) {
	case SCSI_POWER_IDLE:
		return SENSE_IDLE;
	case SCSI_POWER_STANDBY:
		return SENSE_STANDBY_CONDITION;
	}
	return scsi_not_ready(lu);
}

/* What REQUEST SENSE has to tell, SPC-4 6.39: unit attention first, then why not ready. */
static enum scsi_sense_code pending_sense(struct scsi_cmd *cmd)
{
	enum scsi_sense_code code;

	if (!cmd->itl)
		return scsi_lun_is_report_luns(cmd->lun) ? SENSE_NONE : SENSE_LUN_NOT_SUPPORTED;
	code = scsi_ua_take(cmd->itl);
	return code != SENSE_NONE ? code : condition(cmd->itl->lu);
}

enum scsi_next spc_request_sense(struct scsi_cmd *cmd)
{
	struct scsi_sense sense =
		scsi_sense_of(cmd->itl ? cmd->itl->lu : NULL, pending_sense(cmd));

	if (cmd->cdb[1] & 0x01)
		return scsi_data_in(cmd, scsi_sense_desc(&sense, cmd->buf));
	return scsi_data_in(cmd, scsi_sense_fixed(&sense, cmd->buf));
}

bool scsi_removal_prevented(struct scsi_lu *lu)
{
	const struct scsi_itl *itl;
	bool prevented = false;

	pthread_mutex_lock(&lu->lock);
	LIST_FOREACH(itl, &lu->itls, lu_link)
		prevented |= atomic_load(&itl->prevent);
	pthread_mutex_unlock(&lu->lock);
	return prevented;
}

static enum scsi_next change_to(struct scsi_cmd *cmd, uint8_t power)
{
	if (!set_power(cmd->itl->lu, power))
		return scsi_fail(cmd, scsi_not_ready(cmd->itl->lu));
	return scsi_good(cmd);
}

static enum scsi_next stop(struct scsi_cmd *cmd)
{
	enum scsi_next next = change_to(cmd, SCSI_POWER_STOPPED);

	if (cmd->status == SCSI_GOOD && cmd->cdb[4] & LOEJ)
		atomic_store(&cmd->itl->lu->ejected, true);
	return next;
}

static enum scsi_next flushed_for_stop(struct scsi_cmd *cmd, int res)
{
	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_FLUSH, res, SCSI_NO_LBA);
	return stop(cmd);
}

static enum scsi_next start(struct scsi_cmd *cmd)
{
	struct scsi_lu *lu = cmd->itl->lu;

	if (lu->empty)
		return scsi_fail(cmd, SENSE_NO_MEDIUM);
	if (cmd->cdb[4] & LOEJ && atomic_exchange(&lu->ejected, false))
		scsi_ua_set_others(lu, cmd->nexus, SCSI_UA_MEDIUM_CHANGED);
	if (atomic_load(&lu->ejected))
		return scsi_fail(cmd, SENSE_NO_MEDIUM);
	return change_to(cmd, SCSI_POWER_ACTIVE);
}

static enum scsi_next flushed_for_power(struct scsi_cmd *cmd, int res)
{
	uint8_t power = cmd->cdb[4] >> 4 == IDLE ? SCSI_POWER_IDLE : SCSI_POWER_STANDBY;

	if (unlikely(res))
		return scsi_fail_store(cmd, STORE_FLUSH, res, SCSI_NO_LBA);
	return change_to(cmd, power);
}

/*
 * POWER CONDITION (SBC-3 table 61), without timers; START and LOEJ are ignored. Nothing turns slower
 * in a store, so that a low power condition is one to report, no more.
 */
static enum scsi_next change_power(struct scsi_cmd *cmd)
{
	struct scsi_lu *lu = cmd->itl->lu;
	enum scsi_sense_code code = scsi_not_ready(lu);

	if (code == SENSE_NO_MEDIUM)
		return scsi_fail(cmd, code);
	switch (cmd->cdb[4] >> 4) {
	case ACTIVE:
		return change_to(cmd, SCSI_POWER_ACTIVE);
	case LU_CONTROL: /* there are no timers to be given control */
		return scsi_good(cmd);
	case IDLE:
	case STANDBY:
		if (cmd->cdb[4] & NO_FLUSH)
			return flushed_for_power(cmd, 0);
		return scsi_store(cmd, STORE_FLUSH, 0, 0, NULL, flushed_for_power);
	}
	return scsi_bad_cdb(cmd, 4, 7);
}

/* SBC-3 5.19. IMMED changes nothing: starting takes no time, and a stop waits for its flush. */
enum scsi_next sbc_start_stop(struct scsi_cmd *cmd)
{
	struct scsi_lu *lu = cmd->itl->lu;
	uint8_t how = cmd->cdb[4];

	if (atomic_load(&lu->stopped) == SCSI_POWER_ERASING)
		return scsi_fail(cmd, scsi_not_ready(lu));
	if (how >> 4 != START_VALID)
		return change_power(cmd);
	if (how & LOEJ && !lu->removable)
		return scsi_bad_cdb(cmd, 4, 1);
	if (how & LOEJ && scsi_removal_prevented(lu))
		return scsi_fail(cmd, SENSE_REMOVAL_PREVENTED);
	if (how & START)
		return start(cmd);
	if (how & NO_FLUSH)
		return stop(cmd);
	return scsi_store(cmd, STORE_FLUSH, 0, 0, NULL, flushed_for_stop);
}

enum scsi_next sbc_prevent_allow(struct scsi_cmd *cmd)
{
	atomic_store(&cmd->itl->prevent, cmd->cdb[4] & 0x01);
	return scsi_good(cmd);
}
