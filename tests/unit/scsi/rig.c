/* SPDX-License-Identifier: BSD-2-Clause */
/* The driver: what a target would do with a command, on memory and without waiting. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rig.h"

enum { CANARY = 64, CANARY_BYTE = 0xa5, UNTOUCHED = 0xee };

static int save_pr(struct scsi_pr_keeper *keeper, const struct scsi_lu *lu, const struct pr_state *pr)
{
	return container_of(keeper, struct rig, keeper)->save_res;
}

static int save_mode(struct scsi_pr_keeper *keeper, const struct scsi_lu *lu, uint32_t mode)
{
	return container_of(keeper, struct rig, keeper)->save_res;
}

static int save_ident(struct scsi_pr_keeper *keeper, const struct scsi_lu *lu,
		      const struct scsi_ident *ident)
{
	return container_of(keeper, struct rig, keeper)->save_res;
}

static int load_pr(struct scsi_pr_keeper *keeper, const struct scsi_lu *lu, struct pr_state *pr, char *err,
		   size_t err_len)
{
	return -ENOENT;
}

static int load_mode(struct scsi_pr_keeper *keeper, const struct scsi_lu *lu, uint32_t *mode, char *err,
		     size_t err_len)
{
	return -ENOENT;
}

static int load_ident(struct scsi_pr_keeper *keeper, const struct scsi_lu *lu, struct scsi_ident *ident,
		      char *err, size_t err_len)
{
	return -ENOENT;
}

static int save_erase(struct scsi_pr_keeper *keeper, const struct scsi_lu *lu, const struct erase_job *job)
{
	struct rig *rig = container_of(keeper, struct rig, keeper);

	if (!rig->save_res)
		rig->kept_erase = *job;
	return rig->save_res;
}

static int load_erase(struct scsi_pr_keeper *keeper, const struct scsi_lu *lu, struct erase_job *job,
		      char *err, size_t err_len)
{
	return -ENOENT;
}

static void use_keeper(struct rig *rig)
{
	char err[128];

	rig->keeper = (struct scsi_pr_keeper){
		load_pr, save_pr, load_mode, save_mode, load_ident, save_ident, load_erase, save_erase,
	};
	assert_int_equal(scsi_lu_keep(rig->lu, &rig->keeper, err, sizeof(err)), 0);
}

/* ---- the thread that erases ---- */

static void apply(struct rig *rig, enum store_op op, uint64_t off, uint64_t len, uint8_t *buf);

static void *runner_open(void)
{
	return malloc(1);
}

static int runner_run(void *context, const struct store_io *io)
{
	struct rig *rig = container_of(io->store, struct rig, store);
	int step = ++rig->erase_steps;

	while (step == rig->erase_wait_step && !rig->gate)
		usleep(1000);
	if (step == rig->erase_fail_step)
		return rig->erase_fail_res ? rig->erase_fail_res : -EIO;
	apply(rig, io->op, io->off, io->len, io->buf);
	return 0;
}

static const struct scsi_runner runner = { runner_open, runner_run, free };

void rig_init(struct rig *rig, const struct rig_conf *conf)
{
	static const struct rig_conf defaults;
	const struct rig_conf *c = conf ? conf : &defaults;
	uint64_t n = c->n_blocks ? c->n_blocks : RIG_BLOCKS;
	struct scsi_lu_conf lu = {
		.name = "disk",
		.block_size = c->block_size ? c->block_size : c->cdrom ? 2048 : 512,
		.cdrom = c->cdrom,
		.empty = c->empty,
		.lb_per_pb_exp = 0xff,
		.rotational = c->rotational,
		.removable = c->removable,
		.read_only = c->read_only,
		.thin = c->thin,
		.eui64 = c->eui64,
		.buf_len = c->max_transfer,
	};
	char err[128];

	memset(rig, 0, sizeof(*rig));
	rig->bs = lu.block_size;
	rig->cdb_len = sizeof(rig->cdb);
	rig->store.features = c->features;
	rig->store.phys_block = 4096;
	rig->store.unmap_granularity = c->granularity;
	rig->store.atomic_min = c->atomic_min;
	rig->store.atomic_max = c->atomic_max;
	rig->store.ops = c->device;
	rig->store.name = (char[]){ "device" };
	rig->store.max_transfer = c->max_transfer;
	atomic_init(&rig->store.size, n * rig->bs);
	if (n <= RIG_BLOCKS) {
		rig->medium = malloc(n * rig->bs);
		for (size_t i = 0; i < n * rig->bs; i++)
			rig->medium[i] = (uint8_t)(i * 7 + i / rig->bs);
	}
	rig->lu = scsi_lu_new(&lu, &rig->store, err, sizeof(err));
	assert_non_null(rig->lu);
	if (c->erases)
		scsi_lu_use_runner(rig->lu, &runner);
	if (c->keeps)
		use_keeper(rig);
	if (c->all_types)
		rig->lu->lacks &= ~(uint32_t)OP_IF_CDROM;
	if (c->alua) {
		scsi_lu_use_alua(rig->lu, true, NULL);
		assert_int_equal(scsi_lu_set_access(rig->lu, 1, SCSI_ACTIVE_OPTIMIZED, false), 0);
		assert_int_equal(scsi_lu_add_port(rig->lu, &(struct scsi_port){ .rel_target_port = 0x0102,
										 .group = 0x0304 }),
				 0);
	}
	rig->nexus.rel_target_port = 0x0102;
	rig->nexus.target_port_group = 0x0304;
	rig_add_nexus(rig, &rig->nexus, c->lun);
	rig->itl = rig->nexus.chunk[c->lun / SCSI_LUN_CHUNK][c->lun % SCSI_LUN_CHUNK];
	atomic_store(&rig->itl->ua, 0);
}

void rig_fini(struct rig *rig)
{
	scsi_nexus_fini(&rig->nexus);
	assert_true(LIST_EMPTY(&rig->lu->itls));
	scsi_lu_free(rig->lu);
	free(rig->medium);
	free(rig->in);
}

void rig_add_nexus(struct rig *rig, struct scsi_nexus *nexus, uint16_t lun)
{
	const struct scsi_lun_mapping map = { .lun = lun, .lu = rig->lu };

	assert_int_equal(scsi_nexus_init(nexus, &map, 1), 0);
}

void rig_cdb_bytes(struct rig *rig, const uint8_t *bytes, size_t n)
{
	assert_in_range(n, 1, sizeof(rig->cdb));
	memset(rig->cdb, 0, sizeof(rig->cdb));
	memcpy(rig->cdb, bytes, n);
}

void rig_put_field(uint8_t *cdb, struct scsi_field field, uint64_t value)
{
	uint64_t mask = UINT64_MAX << field.right >> field.left;
	uint64_t old = be64_get(cdb + field.load);

	value = value << field.right >> field.left;
	be64_put(cdb + field.load, (old & ~mask) | (value & mask));
}

void rig_cdb_op(struct rig *rig, const struct scsi_op *op, uint64_t lba, uint64_t len)
{
	memset(rig->cdb, 0, sizeof(rig->cdb));
	rig->cdb[0] = op->opcode;
	if (scsi_op_is_long(op)) {
		rig->cdb[7] = SCSI_ADDITIONAL_LEN;
		be16_put(rig->cdb + 8, (uint16_t)op->sa);
	} else if (op->sa != SCSI_NO_SA) {
		rig->cdb[1] = (uint8_t)op->sa;
	}
	if (op->flags & OP_LBA)
		rig_put_field(rig->cdb, op->lba, lba);
	if (op->unit != SCSI_UNIT_NONE)
		rig_put_field(rig->cdb, op->len, len);
}

static void note(struct rig *rig, char step, bool fua)
{
	size_t len = strlen(rig->trace);

	assert_in_range(len, 0, RIG_TRACE - 3);
	rig->trace[len++] = step;
	if (fua)
		rig->trace[len] = '!';
}

/* Buffers are given once, exactly as large as asked for, with a canary behind them. */
static void give_buf(struct rig *rig, uint32_t *have)
{
	struct scsi_cmd *cmd = &rig->cmd;

	assert_in_range(cmd->need, 1, MAX((uint32_t)SCSI_BUF_LEN, rig->store.max_transfer));
	if (cmd->buf) {
		assert_in_range(cmd->need, 1, *have);
		return;
	}
	*have = cmd->need;
	cmd->buf = malloc(*have + CANARY);
	memset(cmd->buf, CANARY_BYTE, *have + CANARY);
}

static void check_canary(const struct rig *rig, uint32_t have)
{
	if (!rig->cmd.buf)
		return;
	for (uint32_t i = 0; i < CANARY; i++)
		assert_int_equal(rig->cmd.buf[have + i], CANARY_BYTE);
}

static bool has_no_buf(struct rig *rig)
{
	return ++rig->n_buf == rig->buf_step;
}

static int give_data_out(struct rig *rig, uint32_t *have)
{
	struct scsi_cmd *cmd = &rig->cmd;

	give_buf(rig, have);
	note(rig, 'D', false);
	assert_true((uint64_t)cmd->data_off + cmd->need <= rig->out_len);
	if (has_no_buf(rig))
		return -ENOMEM;
	memcpy(cmd->buf, rig->out + cmd->data_off, cmd->need);
	return 0;
}

static void send_data_in(struct rig *rig, uint32_t have)
{
	const struct scsi_cmd *cmd = &rig->cmd;

	note(rig, 'S', false);
	assert_in_range(cmd->need, 1, have);
	assert_true((uint64_t)cmd->data_off + cmd->need <= rig->in_len);
	memcpy(rig->in + cmd->data_off, cmd->buf, cmd->need);
}

static void lock(struct rig *rig)
{
	const struct scsi_cmd *cmd = &rig->cmd;

	note(rig, 'L', false);
	assert_int_equal(rig->lock_len, 0);
	assert_true(cmd->io.len > 0);
	rig->lock_off = cmd->io.off;
	rig->lock_len = cmd->io.len;
}

/* Remembers whose commands were to end. */
static void abort_named(struct rig *rig)
{
	const struct scsi_abort *abort = rig->cmd.abort;

	note(rig, 'A', false);
	rig->n_aborted = abort->n;
	for (size_t i = 0; i < abort->n && i < ARRAY_SIZE(rig->aborted); i++)
		rig->aborted[i] = abort->nexus[i];
	free(rig->cmd.abort);
}

static struct rig *rig_of(struct rig *rig, const struct store *store)
{
	if (rig->peer && store == &rig->peer->store)
		return rig->peer;
	assert_ptr_equal(store, &rig->store);
	return rig;
}

static void check_range(const struct rig *rig, uint64_t off, uint64_t len)
{
	uint64_t size = atomic_load(&rig->store.size);

	assert_int_equal(off % rig->bs, 0);
	assert_int_equal(len % rig->bs, 0);
	assert_true(len > 0 && len <= size && off <= size - len);
}

static bool fails_now(struct rig *rig)
{
	return ++rig->n_store == rig->fail_step;
}

static void apply(struct rig *rig, enum store_op op, uint64_t off, uint64_t len, uint8_t *buf)
{
	if (!rig->medium)
		return;
	switch (op) {
	case STORE_READ:
		memcpy(buf, rig->medium + off, len);
		break;
	case STORE_WRITE:
		memcpy(rig->medium + off, buf, len);
		break;
	case STORE_UNMAP:
	case STORE_ZERO:
		memset(rig->medium + off, 0, len);
		break;
	case STORE_FLUSH:
	case STORE_COPY:
	case STORE_CALL:
	case STORE_SCSI:
		break;
	}
}

static int run_copy(struct rig *rig)
{
	struct scsi_cmd *cmd = &rig->cmd;
	struct rig *from = rig_of(rig, cmd->io.from), *to = rig_of(rig, cmd->io.store);

	check_range(from, cmd->io.from_off, cmd->io.len);
	if (!rig->can_copy)
		return -EOPNOTSUPP;
	memcpy(to->medium + cmd->io.off, from->medium + cmd->io.from_off, cmd->io.len);
	return 0;
}

/* The fence of a command that changes something has to cover what it names. */
static int run_device(struct rig *rig, uint32_t have)
{
	struct scsi_cmd *cmd = &rig->cmd;

	note(rig, cmd->io.flags & STORE_IO_PURE ? 'x' : 'X', false);
	assert_true(cmd->io.len > 0 && cmd->io.off + cmd->io.len > cmd->io.off);
	assert_true(cmd->io.scsi->len <= rig->store.max_transfer);
	assert_true(!cmd->io.scsi->len || cmd->io.scsi->len <= have);
	if (fails_now(rig))
		return rig->fail_res;
	return rig->store.ops->scsi(&rig->store, cmd->io.scsi, cmd->io.buf);
}

static int run_store(struct rig *rig, uint32_t have)
{
	static const char names[] = { [STORE_READ] = 'R', [STORE_WRITE] = 'W', [STORE_FLUSH] = 'F',
				      [STORE_UNMAP] = 'U', [STORE_ZERO] = 'Z',
				      [STORE_COPY] = 'K' };
	struct scsi_cmd *cmd = &rig->cmd;
	struct rig *on = rig_of(rig, cmd->io.store);
	bool may_unmap = cmd->io.flags & STORE_IO_MAY_UNMAP;

	if (cmd->io.op == STORE_SCSI)
		return run_device(rig, have);

	note(rig, may_unmap ? 'z' : cmd->io.op == STORE_COPY && !rig->can_copy ? 'k' : names[cmd->io.op],
	     cmd->io.flags & STORE_IO_FUA);
	assert_true(!may_unmap || cmd->io.op == STORE_ZERO);
	if (cmd->io.op != STORE_FLUSH)
		check_range(on, cmd->io.off, cmd->io.len);
	if (rig->lock_len) /* all that a command does under its lock is inside of it */
		assert_true(cmd->io.off >= rig->lock_off &&
			    cmd->io.off + cmd->io.len <= rig->lock_off + rig->lock_len);
	if (cmd->io.op == STORE_READ || cmd->io.op == STORE_WRITE) {
		assert_true((uint8_t *)cmd->io.buf >= cmd->buf);
		assert_true((uint8_t *)cmd->io.buf + cmd->io.len <= cmd->buf + have);
	}
	if (fails_now(rig))
		return rig->fail_res;
	if (cmd->io.op == STORE_COPY)
		return run_copy(rig);
	apply(on, cmd->io.op, cmd->io.off, cmd->io.len, cmd->io.buf);
	return 0;
}

static int run_stream(struct rig *rig)
{
	struct scsi_cmd *cmd = &rig->cmd;
	bool is_read = cmd->stream.op == STORE_READ;

	note(rig, is_read ? 'r' : 'w', cmd->stream.flags & STORE_IO_FUA);
	assert_true(is_read || cmd->stream.op == STORE_WRITE);
	check_range(rig, cmd->stream.off, cmd->stream.len);
	assert_true(cmd->stream.len <= (is_read ? rig->in_len : rig->out_len));
	if (fails_now(rig)) {
		cmd->stream.done = rig->fail_done;
		return rig->fail_res;
	}
	if (rig->medium && is_read)
		memcpy(rig->in, rig->medium + cmd->stream.off, cmd->stream.len);
	else if (rig->medium)
		memcpy(rig->medium + cmd->stream.off, rig->out, cmd->stream.len);
	return 0;
}

static void drive(struct rig *rig, uint32_t *have)
{
	enum scsi_next next = scsi_start(&rig->cmd);
	int res = 0;

	while (next != SCSI_COMPLETE) {
		switch (next) {
		case SCSI_NEED_BUF:
			note(rig, 'B', false);
			give_buf(rig, have);
			res = has_no_buf(rig) ? -ENOMEM : 0;
			break;
		case SCSI_NEED_DATA_OUT:
			res = give_data_out(rig, have);
			break;
		case SCSI_SEND_DATA_IN:
			send_data_in(rig, *have);
			res = 0;
			break;
		case SCSI_CALL:
		case SCSI_CALL_STORE:
			note(rig, 'C', false);
			res = rig->cmd.call(&rig->cmd);
			break;
		case SCSI_ABORT:
			abort_named(rig);
			res = 0;
			break;
		case SCSI_LOCK:
			lock(rig);
			res = has_no_buf(rig) ? -ENOMEM : 0;
			break;
		case SCSI_STORE:
			res = run_store(rig, *have);
			break;
		case SCSI_STREAM:
			res = run_stream(rig);
			break;
		case SCSI_COMPLETE:
			break;
		}
		next = scsi_resume(&rig->cmd, res);
	}
}

/* Data-in that did not go by a stream lies in buf. */
static void receive(struct rig *rig, uint32_t have)
{
	struct scsi_cmd *cmd = &rig->cmd;

	assert_true(cmd->data_len <= (cmd->dir == SCSI_DIR_IN ? rig->in_len : rig->out_len));
	assert_true(cmd->in_data_len <= rig->in_len);
	if (cmd->dir != SCSI_DIR_IN || strchr(rig->trace, 'r') ||
	    (strchr(rig->trace, 'S') && strchr(rig->trace, 'x')) || !cmd->data_len)
		return;
	assert_true(cmd->data_len <= have);
	memcpy(rig->in, cmd->buf, cmd->data_len);
}

uint8_t rig_run(struct rig *rig)
{
	struct scsi_cmd *cmd = &rig->cmd;
	uint32_t have = 0;

	memset(cmd, 0xcc, sizeof(*cmd)); /* nothing relies on zeroed private fields */
	memset(rig->trace, 0, sizeof(rig->trace));
	rig->lock_len = 0;
	rig->n_store = 0;
	rig->n_buf = 0;
	free(rig->in);
	rig->in = malloc(rig->in_len + 1u);
	memset(rig->in, UNTOUCHED, rig->in_len + 1u);
	cmd->nexus = rig->as ? rig->as : &rig->nexus;
	cmd->itl = rig->itl;
	memcpy(cmd->lun, rig->lun, sizeof(cmd->lun));
	if (rig->itl)
		be16_put(cmd->lun, (uint16_t)(rig->itl->lun | (rig->itl->lun > 255 ? 0x4000 : 0)));
	cmd->cdb = rig->cdb;
	cmd->cdb_len = rig->cdb_len;
	cmd->in_len = rig->in_len;
	cmd->out_len = rig->out_len;
	cmd->buf = NULL;
	drive(rig, &have);
	check_canary(rig, have);
	receive(rig, have);
	free(cmd->buf);
	cmd->buf = NULL;
	return cmd->status;
}

static uint8_t run_with(struct rig *rig, uint32_t in_len, const void *out, uint32_t out_len)
{
	rig->in_len = in_len;
	rig->out = out;
	rig->out_len = out_len;
	return rig_run(rig);
}

uint8_t rig_run_in(struct rig *rig, uint32_t len)
{
	return run_with(rig, len, NULL, 0);
}

uint8_t rig_run_out(struct rig *rig, const void *out, uint32_t len)
{
	return run_with(rig, 0, out, len);
}

uint8_t rig_run_none(struct rig *rig)
{
	return run_with(rig, 0, NULL, 0);
}

uint32_t rig_code(const struct rig *rig)
{
	const uint8_t *sense = rig->cmd.sense;

	assert_int_equal(rig->cmd.sense_len, SENSE_FIXED_LEN);
	assert_int_equal(sense[0] & 0x7f, 0x70);
	assert_int_equal(sense[7], SENSE_FIXED_LEN - 8);
	return (uint32_t)sense[2] << 16 | be16_get(sense + 12);
}
