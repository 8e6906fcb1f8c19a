/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The work of FORMAT UNIT and SANITIZE (SBC-3 4.11, 5.2): blocks are filled by a thread, in pieces,
 * however long it takes; a command waits for it or not. Whoever has commands on the logical unit
 * loses them first, so that nothing old is written behind it. Where state is kept, the job is kept
 * before anything is changed, and forgotten when it is done: a restart in between begins it anew.
 * What the CDBs mean, erase_cdb.c knows.
 */
#include "scsi/erase_cdb.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"

enum {
	PIECE = 1 << 20,
	ZERO_PIECE = 64 << 20,
	WAIT_MS = 50
};

enum erase_phase {
	WAITING, /* for the commands that it ends */
	RUNNING,
	CALLED_OFF,
	DONE,
};

struct erase {
	struct scsi_lu *lu;
	struct erase_job job;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t turn; /* phase or stop has changed */
	enum erase_phase phase;
	_Atomic bool stop;
	_Atomic uint64_t done, total; /* bytes */
	_Atomic int refs;	      /* of the logical unit, of the command that has asked */
	int res;
	const struct scsi_runner *runner;
	void *context;
	uint8_t *buf;
};

/* ---- what others see ---- */

enum scsi_sense_code scsi_erase_sense(struct scsi_lu *lu)
{
	bool sanitize = atomic_load(&lu->erase_kind) == ERASE_SANITIZE;

	if (atomic_load(&lu->erase_failed))
		return sanitize ? SENSE_SANITIZE_FAILED : SENSE_FORMAT_CORRUPTED;
	return sanitize ? SENSE_SANITIZING : SENSE_FORMATTING;
}

uint16_t scsi_erase_progress(const struct scsi_lu *lu)
{
	return atomic_load(&lu->erase_progress);
}

static void close_lu(struct scsi_lu *lu, const struct erase_job *job)
{
	atomic_store(&lu->erase_kind, job->kind);
	atomic_store(&lu->erase_failed, job->failed);
	atomic_store(&lu->erase_progress, 0);
	atomic_store(&lu->stopped, SCSI_POWER_ERASING);
}

static void open_lu(struct scsi_lu *lu)
{
	atomic_store(&lu->stopped, SCSI_POWER_ACTIVE);
}

/* ---- the thread ---- */

static int run_one(struct erase *erase, enum store_op op, uint64_t off, uint64_t len)
{
	struct store_io io = {
		.store = erase->lu->store,
		.op = op,
		.off = off,
		.len = len,
		.buf = erase->buf,
	};

	if (op == STORE_ZERO && erase->lu->thin)
		io.flags = STORE_IO_MAY_UNMAP;
	return erase->runner->run(erase->context, &io);
}

static int fill(struct erase *erase, enum store_op op, uint64_t piece)
{
	uint64_t size = scsi_n_blocks(erase->lu) << erase->lu->block_shift;
	uint64_t len;
	int res = 0;

	for (uint64_t off = 0; !res && off < size; off += len) {
		if (atomic_load(&erase->stop))
			return -ECANCELED;
		len = MIN(piece, size - off);
		res = run_one(erase, op, off, len);
		erase->done += len;
		atomic_store(&erase->lu->erase_progress,
			     (uint16_t)(erase->done * UINT64_C(0xffff) / erase->total));
	}
	return res ? res : run_one(erase, STORE_FLUSH, 0, 0);
}

/* The pattern from the first byte of each block on, complemented in every second pass if so asked.
 */
static void put_pattern(struct erase *erase, unsigned int pass)
{
	const struct erase_job *job = &erase->job;
	uint8_t flip = job->invert && pass % 2 ? 0xff : 0;
	uint32_t block = scsi_block_len(erase->lu);

	for (uint32_t i = 0; i < PIECE; i++)
		erase->buf[i] = job->pattern[i % block % job->pattern_len] ^ flip;
}

static int run_job(struct erase *erase)
{
	unsigned int n = erase->job.n_passes;
	int res = 0;

	erase->total = MAX(n, 1u) * (scsi_n_blocks(erase->lu) << erase->lu->block_shift);
	if (!n)
		return fill(erase, STORE_ZERO, ZERO_PIECE);
	for (unsigned int pass = 0; !res && pass < n; pass++) {
		put_pattern(erase, pass);
		res = fill(erase, STORE_WRITE, PIECE);
	}
	return res;
}

/* What runs requests belongs to the thread that has opened it. */
static int run_with_context(struct erase *erase)
{
	int res;

	erase->context = erase->runner->open();
	if (!erase->context)
		return -errno;
	res = run_job(erase);
	erase->runner->close(erase->context);
	return res;
}

static int keep_job(struct scsi_lu *lu, const struct erase_job *job)
{
	return lu->keeper ? lu->keeper->save_erase(lu->keeper, lu, job) : 0;
}

static const char *kind_name(uint8_t kind)
{
	return kind == ERASE_SANITIZE ? "SANITIZE" : "FORMAT UNIT";
}

/* How it ended; one that was stopped goes on after the restart. */
static void settle(struct erase *erase)
{
	struct scsi_lu *lu = erase->lu;
	struct erase_job none = { 0 };

	if (erase->res == -ECANCELED) {
		log_info("LUN \"%s\": %s interrupted%s", lu->name, kind_name(erase->job.kind),
			 lu->keeper ? "; it begins anew with the next start" : "");
		return;
	}
	erase->job.failed = erase->res != 0;
	if (keep_job(lu, erase->job.failed ? &erase->job : &none))
		log_err("LUN \"%s\": cannot note the end of %s", lu->name,
			kind_name(erase->job.kind));
	if (erase->job.failed) {
		log_warn("LUN \"%s\": %s failed: %s", lu->name, kind_name(erase->job.kind),
			 strerror(-erase->res));
		close_lu(lu, &erase->job);
	} else {
		log_info("LUN \"%s\": %s done", lu->name, kind_name(erase->job.kind));
		open_lu(lu);
	}
}

/* Until the commands have ended; false: it is called off. */
static bool wait_turn(struct erase *erase)
{
	bool go;

	pthread_mutex_lock(&erase->lock);
	while (erase->phase == WAITING && !erase->stop)
		pthread_cond_wait(&erase->turn, &erase->lock);
	go = erase->phase != CALLED_OFF;
	pthread_mutex_unlock(&erase->lock);
	return go;
}

static void call_off(struct erase *erase)
{
	struct erase_job none = { 0 };

	keep_job(erase->lu, &none);
	open_lu(erase->lu);
	erase->res = -ECANCELED;
}

static void *erase_main(void *arg)
{
	struct erase *erase = arg;

	pthread_setname_np(pthread_self(), "srptd-erase");
	if (wait_turn(erase)) {
		erase->res = run_with_context(erase);
		settle(erase);
	} else {
		call_off(erase);
	}
	pthread_mutex_lock(&erase->lock);
	erase->phase = DONE;
	pthread_cond_broadcast(&erase->turn);
	pthread_mutex_unlock(&erase->lock);
	return NULL;
}

/* ---- making and ending one ---- */

static void erase_put(struct erase *erase)
{
	if (atomic_fetch_sub(&erase->refs, 1) > 1)
		return;
	pthread_mutex_destroy(&erase->lock);
	pthread_cond_destroy(&erase->turn);
	free(erase->buf);
	free(erase);
}

static int start_thread(struct erase *erase)
{
	void *buf;

	if (posix_memalign(&buf, STORE_BUF_ALIGN, PIECE))
		return -ENOMEM;
	erase->buf = buf;
	return -pthread_create(&erase->thread, NULL, erase_main, erase);
}

static struct erase *erase_new(struct scsi_lu *lu, const struct erase_job *job,
			       enum erase_phase phase)
{
	struct erase *erase = calloc(1, sizeof(*erase));

	if (!erase)
		return NULL;
	erase->lu = lu;
	erase->job = *job;
	erase->phase = phase;
	erase->runner = lu->runner;
	erase->refs = 1;
	pthread_mutex_init(&erase->lock, NULL);
	pthread_cond_init(&erase->turn, NULL);
	if (start_thread(erase)) {
		erase_put(erase);
		return NULL;
	}
	return erase;
}

static bool is_done(struct erase *erase)
{
	bool done;

	pthread_mutex_lock(&erase->lock);
	done = erase->phase == DONE;
	pthread_mutex_unlock(&erase->lock);
	return done;
}

void erase_free(struct scsi_lu *lu)
{
	struct erase *erase = lu->erase;

	if (!erase)
		return;
	pthread_mutex_lock(&erase->lock);
	atomic_store(&erase->stop, true);
	pthread_cond_broadcast(&erase->turn);
	pthread_mutex_unlock(&erase->lock);
	pthread_join(erase->thread, NULL);
	erase_put(erase);
	lu->erase = NULL;
}

int erase_restore(struct scsi_lu *lu, const struct erase_job *job)
{
	close_lu(lu, job);
	lu->erase_may_exit = job->may_exit;
	if (job->failed)
		return 0;
	log_info("LUN \"%s\": %s begins anew", lu->name, kind_name(job->kind));
	lu->erase = erase_new(lu, job, RUNNING);
	return lu->erase ? 0 : -ENOMEM;
}

/* ---- for commands: begin, go, wait ---- */

static struct scsi_abort *everybody(struct scsi_lu *lu)
{
	struct scsi_abort *abort;
	struct scsi_itl *itl;
	size_t n = 0;

	pthread_mutex_lock(&lu->lock);
	LIST_FOREACH (itl, &lu->itls, lu_link)
		n++;
	abort = malloc(sizeof(*abort) + n * sizeof(abort->nexus[0]));
	if (abort) {
		abort->n = 0;
		abort->tells = true;
		LIST_FOREACH (itl, &lu->itls, lu_link)
			abort->nexus[abort->n++] = itl->nexus;
	}
	pthread_mutex_unlock(&lu->lock);
	return abort;
}

/*
 * The job is kept, the logical unit closed, the thread waits for its turn. Such calls run one at a
 * time; one that comes second finds the logical unit closed.
 */
int erase_begin(struct scsi_cmd *cmd, const struct erase_job *job)
{
	struct scsi_lu *lu = cmd->itl->lu;
	struct erase_job none = { 0 };
	struct erase *erase;

	if (lu->erase && !is_done(lu->erase))
		return -EBUSY;
	erase_free(lu); /* the last one's */
	if (keep_job(lu, job))
		return -EIO;
	erase = erase_new(lu, job, WAITING);
	if (!erase) {
		keep_job(lu, &none);
		return -ENOMEM;
	}
	lu->erase_may_exit = job->may_exit;
	close_lu(lu, job);
	lu->erase = erase;
	atomic_fetch_add(&erase->refs, 1);
	cmd->erase = erase;
	cmd->abort = everybody(lu);
	if (cmd->abort)
		return 0;
	erase_give_up(cmd);
	return -ENOMEM;
}

static void set_phase(struct erase *erase, enum erase_phase phase)
{
	pthread_mutex_lock(&erase->lock);
	if (erase->phase == WAITING)
		erase->phase = phase;
	pthread_cond_broadcast(&erase->turn);
	pthread_mutex_unlock(&erase->lock);
}

void erase_go(struct scsi_cmd *cmd)
{
	set_phase(cmd->erase, RUNNING);
}

void erase_leave(struct scsi_cmd *cmd)
{
	erase_put(cmd->erase);
	cmd->erase = NULL;
}

void erase_give_up(struct scsi_cmd *cmd)
{
	set_phase(cmd->erase, CALLED_OFF);
	erase_leave(cmd);
}

/* Until it is done, or nobody wants to know any more. */
int erase_wait(struct scsi_cmd *cmd)
{
	struct erase *erase = cmd->erase;
	struct timespec until;

	pthread_mutex_lock(&erase->lock);
	while (erase->phase != DONE && !atomic_load(&cmd->given_up)) {
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += WAIT_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000L;
		until.tv_nsec %= 1000000000L;
		pthread_cond_timedwait(&erase->turn, &erase->lock, &until);
	}
	pthread_mutex_unlock(&erase->lock);
	return erase->phase == DONE ? erase->res : 0;
}

/* The failure is forgotten; blocks are as it has left them. */
int erase_exit_failure(struct scsi_lu *lu)
{
	struct erase_job none = { 0 };

	if (keep_job(lu, &none))
		return -EIO;
	open_lu(lu);
	return 0;
}
