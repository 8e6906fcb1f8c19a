/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands into the whole device server, two nexuses on two logical units of different kinds:
 * whatever the CDB, the data and what the store answers, every step keeps the contract of scsi.h,
 * and the command ends. State goes on from command to command of one input.
 *
 * Input: records of CDB_IN_HEAD bytes (see below), the CDB, the data-out; all is cut by what is
 * there.
 */
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "scsi/erase.h"
#include "scsi/pr.h"

enum {
	CDB_IN_BITS,	/* CDB_BIT_… */
	CDB_IN_FAIL,	/* which store request fails, 0 = none */
	CDB_IN_CDB_LEN, /* 16 or 32 are carried */
	CDB_IN_OUT_LEN, /* two bytes */
	CDB_IN_IN_LEN = CDB_IN_OUT_LEN + 2,
	CDB_IN_HEAD = CDB_IN_IN_LEN + 2
};

enum {
	CDB_BIT_SECOND_NEXUS = 1,
	CDB_BIT_LUN1 = 2,
	CDB_BIT_UNMAPPED = 4,
	CDB_BIT_GIVE_UP = 8
};

enum {
	N_BLOCKS = 256,
	MEDIUM = N_BLOCKS * 512,
	MAX_STEPS = 100000,
	MAX_COMMANDS = 16
};

static struct world {
	struct store store[2];
	uint8_t medium[2][MEDIUM];
	struct scsi_lu *lu[2];
	struct scsi_nexus nexus[2];
	struct scsi_pr_keeper keeper;
	int fail_step, n_store;
} world;

/* ---- the store ---- */

static int extent(struct store *store, uint64_t off, uint64_t len, uint64_t *extent_len,
		  bool *mapped)
{
	*mapped = off / 2048 % 2;
	*extent_len = MIN(len, 2048 - off % 2048);
	return 0;
}

static int space(struct store *store, uint64_t *used, uint64_t *available)
{
	*used = 1 << 20;
	*available = UINT64_MAX;
	return 0;
}

static const struct store_ops ops = { .type = "fuzz", .extent = extent, .space = space };

static uint8_t *at(const struct store *store, uint64_t off, uint64_t len)
{
	must(store == &world.store[0] || store == &world.store[1]);
	must(off <= MEDIUM && len <= MEDIUM - off);
	return world.medium[store - world.store] + off;
}

static int apply(const struct store *store, enum store_op op, uint64_t off, uint64_t len,
		 uint8_t *buf)
{
	if (op == STORE_FLUSH)
		return 0;
	switch (op) {
	case STORE_READ:
		memcpy(buf, at(store, off, len), len);
		break;
	case STORE_WRITE:
		memcpy(at(store, off, len), buf, len);
		break;
	case STORE_UNMAP:
	case STORE_ZERO:
		memset(at(store, off, len), 0, len);
		break;
	default:
		return -EOPNOTSUPP;
	}
	return 0;
}

static void *runner_open(void)
{
	return malloc(1);
}

static int runner_run(void *context, const struct store_io *io)
{
	return apply(io->store, io->op, io->off, io->len, io->buf);
}

static const struct scsi_runner runner = { runner_open, runner_run, free };

/* ---- state that is kept ---- */

static int nothing_pr(struct scsi_pr_keeper *k, const struct scsi_lu *lu, struct pr_state *pr,
		      char *err, size_t len)
{
	return -ENOENT;
}

static int nothing_mode(struct scsi_pr_keeper *k, const struct scsi_lu *lu, uint32_t *mode,
			char *err, size_t len)
{
	return -ENOENT;
}

static int nothing_ident(struct scsi_pr_keeper *k, const struct scsi_lu *lu,
			 struct scsi_ident *ident, char *err, size_t len)
{
	return -ENOENT;
}

static int nothing_erase(struct scsi_pr_keeper *k, const struct scsi_lu *lu, struct erase_job *job,
			 char *err, size_t len)
{
	return -ENOENT;
}

/* What is kept has to come back the same. */
static int keep_pr(struct scsi_pr_keeper *k, const struct scsi_lu *lu, const struct pr_state *pr)
{
	static uint8_t image[PR_IMAGE_MAX];
	static struct pr_state back;

	memset(&back, 0, sizeof(back));
	must(pr_decode(image, pr_encode(pr, image), &back));
	must(back.n == pr->n && back.type == pr->type);
	return 0;
}

static int keep_mode(struct scsi_pr_keeper *k, const struct scsi_lu *lu, uint32_t mode)
{
	return 0;
}

static int keep_ident(struct scsi_pr_keeper *k, const struct scsi_lu *lu,
		      const struct scsi_ident *ident)
{
	must(ident->len <= SCSI_IDENT_MAX && ident->text_len <= SCSI_IDENT_TEXT_MAX);
	return 0;
}

static int keep_erase(struct scsi_pr_keeper *k, const struct scsi_lu *lu,
		      const struct erase_job *job)
{
	must(job->pattern_len <= ERASE_PATTERN_MAX && !job->n_passes == !job->pattern_len);
	return 0;
}

/* ---- the world ---- */

static void make_lu(unsigned int i)
{
	const struct scsi_lu_conf conf = {
		.name = i ? "second" : "first",
		.block_size = i ? 4096 : 512,
		.lb_per_pb_exp = 0xff,
		.removable = i,
		.thin = !i,
	};
	char err[128];

	world.store[i] = (struct store){
		.ops = &ops,
		.features =
			STORE_F_UNMAP | STORE_F_UNMAP_ZEROES | STORE_F_WRITE_CACHE | STORE_F_ATOMIC,
		.size = MEDIUM,
		.phys_block = 4096,
		.atomic_min = 512,
		.atomic_max = 4096,
	};
	world.lu[i] = scsi_lu_new(&conf, &world.store[i], err, sizeof(err));
	must(world.lu[i]);
	must(!scsi_lu_add_port(world.lu[i],
			       &(struct scsi_port){ .rel_target_port = 1, .group = 1 }));
	scsi_lu_use_alua(world.lu[i], true, NULL);
	scsi_lu_use_runner(world.lu[i], &runner);
	must(!scsi_lu_keep(world.lu[i], &world.keeper, err, sizeof(err)));
}

static void make_world(void)
{
	struct scsi_lun_mapping map[2];

	memset(&world, 0, sizeof(world));
	world.keeper = (struct scsi_pr_keeper){
		nothing_pr,    keep_pr,	   nothing_mode,  keep_mode,
		nothing_ident, keep_ident, nothing_erase, keep_erase,
	};
	for (unsigned int i = 0; i < 2; i++) {
		make_lu(i);
		map[i] = (struct scsi_lun_mapping){ .lun = (uint16_t)i, .lu = world.lu[i] };
	}
	for (unsigned int i = 0; i < 2; i++) {
		world.nexus[i].rel_target_port = 1;
		world.nexus[i].target_port_group = 1;
		world.nexus[i].initiator_port_id[15] = (uint8_t)(i + 1);
		must(!scsi_nexus_init(&world.nexus[i], map, 2));
		for (unsigned int j = 0; j < 2; j++)
			atomic_store(&world.nexus[i].chunk[0][j]->ua, 0);
	}
}

static void end_world(void)
{
	for (unsigned int i = 0; i < 2; i++)
		scsi_nexus_fini(&world.nexus[i]);
	for (unsigned int i = 0; i < 2; i++)
		scsi_lu_free(world.lu[i]);
}

/* ---- a command ---- */

static bool fails_now(void)
{
	return ++world.n_store == world.fail_step;
}

static void give_buf(struct scsi_cmd *cmd, uint32_t *have)
{
	must(cmd->need && cmd->need <= SCSI_BUF_LEN);
	must(!cmd->buf || cmd->need <= *have);
	if (cmd->buf)
		return;
	*have = cmd->need;
	cmd->buf = malloc(*have);
	must(cmd->buf);
	memset(cmd->buf, 0xcc, *have);
}

static int run_io(const struct scsi_cmd *cmd, uint32_t have)
{
	const uint8_t *buf = cmd->io.buf;

	if (fails_now())
		return -EIO;
	if (cmd->io.op == STORE_READ || cmd->io.op == STORE_WRITE)
		must(buf >= cmd->buf && buf + cmd->io.len <= cmd->buf + have);
	return apply(cmd->io.store, cmd->io.op, cmd->io.off, cmd->io.len, cmd->io.buf);
}

static int run_stream(struct scsi_cmd *cmd)
{
	uint8_t *medium = at(cmd->itl->lu->store, cmd->stream.off, cmd->stream.len);

	must(cmd->stream.len && cmd->stream.len % (1u << cmd->itl->lu->block_shift) == 0);
	must(cmd->stream.len <= (cmd->stream.op == STORE_READ ? cmd->in_len : cmd->out_len));
	cmd->stream.done = 0;
	if (fails_now())
		return -ENOSPC;
	if (cmd->stream.op == STORE_WRITE)
		memset(medium, 0x77, cmd->stream.len);
	return 0;
}

/* Data-out that the input does not have is zero. */
static void bring_data(struct scsi_cmd *cmd, uint32_t *have, const uint8_t *out, size_t out_size)
{
	give_buf(cmd, have);
	must((uint64_t)cmd->data_off + cmd->need <= cmd->out_len);
	memset(cmd->buf, 0, cmd->need);
	if (cmd->data_off < out_size)
		memcpy(cmd->buf, out + cmd->data_off,
		       MIN((size_t)cmd->need, out_size - cmd->data_off));
}

static int step(struct scsi_cmd *cmd, enum scsi_next next, uint32_t *have, const uint8_t *out,
		size_t out_size)
{
	switch (next) {
	case SCSI_NEED_BUF:
		give_buf(cmd, have);
		return 0;
	case SCSI_NEED_DATA_OUT:
		bring_data(cmd, have, out, out_size);
		return 0;
	case SCSI_SEND_DATA_IN:
		must(cmd->need <= *have && (uint64_t)cmd->data_off + cmd->need <= cmd->in_len);
		return 0;
	case SCSI_LOCK:
		at(cmd->itl->lu->store, cmd->io.off, cmd->io.len);
		return 0;
	case SCSI_CALL:
	case SCSI_CALL_STORE:
		return cmd->call(cmd);
	case SCSI_ABORT:
		free(cmd->abort);
		cmd->abort = NULL;
		return 0;
	case SCSI_STORE:
		return run_io(cmd, *have);
	case SCSI_STREAM:
		return run_stream(cmd);
	case SCSI_COMPLETE:
		break;
	}
	abort();
}

static void check_end(const struct scsi_cmd *cmd, uint32_t have, bool streamed)
{
	char text[256];

	must(cmd->sense_len <= SCSI_SENSE_MAX);
	must((cmd->status == SCSI_CHECK_CONDITION) == (cmd->sense_len > 0));
	if (cmd->dir == SCSI_DIR_IN)
		must(cmd->data_len <= cmd->in_len && (streamed || cmd->data_len <= MAX(have, 1u)));
	scsi_sense_text(cmd->sense, cmd->sense_len, text, sizeof(text));
	scsi_opcode_name(cmd->cdb);
}

/* False: given up. */
static bool drive(struct scsi_cmd *cmd, const uint8_t *out, size_t out_size, bool give_up)
{
	enum scsi_next next = scsi_start(cmd);
	bool streamed = false;
	uint32_t have = 0;

	for (unsigned int n = 0; next != SCSI_COMPLETE; n++) {
		int res;

		must(n < MAX_STEPS);
		streamed |= next == SCSI_STREAM;
		res = step(cmd, next, &have, out, out_size);
		if (give_up && n == 1) {
			if (next == SCSI_CALL)
				free(cmd->abort);
			scsi_give_up(cmd);
			return false;
		}
		next = scsi_resume(cmd, res);
	}
	check_end(cmd, have, streamed);
	return true;
}

/* One record; how many bytes it has taken. */
static size_t run_command(const uint8_t *data, size_t size)
{
	size_t cdb_len = data[CDB_IN_CDB_LEN] & 1 ? SCSI_CDB_LONG : 16;
	size_t n_cdb = MIN(cdb_len, size - CDB_IN_HEAD);
	uint8_t cdb[SCSI_CDB_LONG] = { 0 };
	struct scsi_cmd cmd;
	size_t n_out;

	memset(&cmd, 0xcc, sizeof(cmd));
	memcpy(cdb, data + CDB_IN_HEAD, n_cdb);
	cmd.nexus = &world.nexus[data[CDB_IN_BITS] & CDB_BIT_SECOND_NEXUS];
	memset(cmd.lun, 0, sizeof(cmd.lun));
	cmd.lun[1] =
		data[CDB_IN_BITS] & CDB_BIT_UNMAPPED ? 9 : !!(data[CDB_IN_BITS] & CDB_BIT_LUN1);
	cmd.itl = scsi_nexus_lookup(cmd.nexus, cmd.lun);
	cmd.cdb = cdb;
	cmd.cdb_len = (uint16_t)cdb_len;
	cmd.out_len = be16_get(data + CDB_IN_OUT_LEN);
	cmd.in_len = be16_get(data + CDB_IN_IN_LEN);
	cmd.buf = NULL;
	n_out = MIN((size_t)cmd.out_len, size - CDB_IN_HEAD - n_cdb);
	world.fail_step = data[CDB_IN_FAIL];
	world.n_store = 0;
	drive(&cmd, data + CDB_IN_HEAD + n_cdb, n_out, data[CDB_IN_BITS] & CDB_BIT_GIVE_UP);
	free(cmd.buf);
	return CDB_IN_HEAD + n_cdb + n_out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	make_world();
	for (unsigned int n = 0; n < MAX_COMMANDS && size > CDB_IN_HEAD; n++) {
		size_t taken = run_command(data, size);

		data += taken;
		size -= taken;
	}
	end_world();
	return 0;
}
