/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Faults on purpose: a layer between the checks that every request gets and the store's own submit.
 * Holds, fails, tears requests, or ends the process, by rules that strike the same requests each
 * time. A held request is with nobody below until its time has come, as with a device that hangs;
 * an abort gets it back only by a rule that says so.
 * Knows nothing of files or engines; a store without rules has no such layer. Allocates for the
 * requests that it strikes.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/log.h"
#include "store/types.h"

struct rule {
	unsigned int ops;	      /* bit per enum store_op */
	int error;		      /* -errno, 0 = none */
	struct store_fault_conf conf; /* op and error: static texts */
	_Atomic uint64_t seen, struck;
};

struct faults {
	struct store_ops ops;	       /* those of the store, but for submit and close */
	const struct store_ops *below; /* the store's own */
	uint64_t opened_ns;
	size_t n;
	struct rule rules[];
};

/* A request that is held, or whose first part is under way. */
struct struck {
	struct timer timer;
	struct store_io part;
	struct store_io *io;
	const struct rule *rule;
};

static const struct {
	const char *name;
	unsigned int ops;
} op_names[] = {
	{ "any", ~0u },
	{ "read", 1u << STORE_READ },
	{ "write", 1u << STORE_WRITE },
	{ "flush", 1u << STORE_FLUSH },
	{ "unmap", 1u << STORE_UNMAP },
	{ "zero", 1u << STORE_ZERO },
};

static const struct {
	const char *name;
	int error;
} error_names[] = {
	{ "EIO", EIO },
	{ "ENOSPC", ENOSPC },
	{ "EAGAIN", EAGAIN },
	{ "ENOMEM", ENOMEM },
	{ "EROFS", EROFS },
	{ "ENODATA", ENODATA },
	{ "EREMOTEIO", EREMOTEIO },
	{ "ETIMEDOUT", ETIMEDOUT },
};

/* ---- does a rule strike? ---- */

static bool touches(const struct rule *rule, const struct store_io *io)
{
	if (!(rule->ops & 1u << io->op))
		return false;
	if (io->op == STORE_FLUSH)
		return true;
	return io->off + io->len > rule->conf.from && (!rule->conf.to || io->off < rule->conf.to);
}

static bool in_window(const struct rule *rule, uint64_t opened_ns)
{
	uint64_t ms;

	if (!rule->conf.after_ms && !rule->conf.for_ms)
		return true;
	ms = (clock_now_ns() - opened_ns) / NSEC_PER_MSEC;
	return ms >= rule->conf.after_ms &&
	       (!rule->conf.for_ms || ms - rule->conf.after_ms < rule->conf.for_ms);
}

/* 0 ... 99, the same for the same request of the same seed (the finalizer of SplitMix64). */
static uint32_t draw(uint64_t seed, uint64_t n)
{
	uint64_t x = (seed << 32) + (n + 1) * 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return (uint32_t)((x ^ x >> 31) % 100);
}

static bool strikes(struct rule *rule, uint64_t opened_ns, const struct store_io *io)
{
	uint64_t n;

	if (!touches(rule, io) || !in_window(rule, opened_ns))
		return false;
	n = atomic_fetch_add(&rule->seen, 1);
	if (n < rule->conf.after || draw(rule->conf.seed, n) >= rule->conf.rate)
		return false;
	return !rule->conf.count || atomic_fetch_add(&rule->struck, 1) < rule->conf.count;
}

static const struct rule *find_rule(struct faults *faults, const struct store_io *io)
{
	for (size_t i = 0; i < faults->n; i++)
		if (strikes(&faults->rules[i], faults->opened_ns, io))
			return &faults->rules[i];
	return NULL;
}

/* ---- what becomes of the request ---- */

static void end(const struct rule *rule, struct store_io *io)
{
	if (rule->conf.kill) {
		log_warn("%s: a fault ends this process", io->store->name);
		kill(getpid(), SIGKILL);
	}
	engine_complete(io->engine, io, rule->error);
}

static void part_done(struct store_io *part)
{
	struct struck *s = container_of(part, struct struck, part);

	end(s->rule, s->io);
	free(s);
}

static struct struck *struck_new(const struct rule *rule, struct store_io *io)
{
	struct struck *s = calloc(1, sizeof(*s));

	if (!s)
		engine_complete(io->engine, io, -ENOMEM);
	else
		*s = (struct struck){ .io = io, .rule = rule };
	return s;
}

/* The first blocks go to stable storage as a request of their own. */
static void tear(const struct rule *rule, struct store_io *io, uint64_t len)
{
	struct store *store = io->store;
	struct struck *s = struck_new(rule, io);

	if (!s)
		return;
	s->part = (struct store_io){
		.store = store,
		.op = STORE_WRITE,
		.flags = STORE_IO_FUA,
		.len = len,
		.off = io->off,
		.buf = io->buf,
		.done = part_done,
		.engine = io->engine,
	};
	io->engine->inflight++;
	store->faults->below->submit(store, io->engine, &s->part);
}

static void strike(const struct rule *rule, struct store_io *io)
{
	struct store *store = io->store;
	uint64_t part = io->op == STORE_WRITE ? MIN(rule->conf.torn, io->len) : 0;

	part -= part % store->block_size;
	if (!rule->error && !rule->conf.kill)
		store->faults->below->submit(store, io->engine, io);
	else if (part)
		tear(rule, io, part);
	else
		end(rule, io);
}

static void hold_over(struct timer *timer)
{
	struct struck *s = container_of(timer, struct struck, timer);

	s->io->at = STORE_AT_NONE;
	strike(s->rule, s->io);
	free(s);
}

/* Only held requests have timers in this heap. */
void fault_cancel(struct store_io *io)
{
	struct timer_heap *heap = &io->engine->delayed;
	struct struck *s;

	for (size_t i = 0; i < heap->n; i++) {
		s = container_of(heap->slot[i], struct struck, timer);
		if (s->io != io)
			continue;
		timer_cancel(heap, &s->timer);
		free(s);
		engine_complete(io->engine, io, -ECANCELED);
		return;
	}
}

static void hold(const struct rule *rule, struct store_io *io)
{
	struct struck *s = struck_new(rule, io);

	if (!s)
		return;
	if (rule->conf.cancel)
		io->at = STORE_AT_HELD;
	s->timer.fire = hold_over;
	if (timer_arm(&io->engine->delayed, &s->timer,
		      clock_now_ns() + rule->conf.delay_ms * NSEC_PER_MSEC)) {
		engine_complete(io->engine, io, -ENOMEM);
		free(s);
	}
}

static void fault_submit(struct store *store, struct engine *engine, struct store_io *io)
{
	const struct rule *rule = find_rule(store->faults, io);

	if (!rule)
		store->faults->below->submit(store, engine, io);
	else if (rule->conf.delay_ms)
		hold(rule, io);
	else
		strike(rule, io);
}

/* ---- set-up ---- */

static void fault_close(struct store *store)
{
	struct faults *faults = store->faults;

	faults->below->close(store);
	free(faults);
}

static int take_rule(struct rule *rule, const struct store_fault_conf *conf)
{
	rule->conf = *conf;
	rule->conf.op = rule->conf.error = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(op_names); i++) {
		if (strcmp(conf->op, op_names[i].name))
			continue;
		rule->ops = op_names[i].ops;
		rule->conf.op = op_names[i].name;
	}
	for (size_t i = 0; conf->error && i < ARRAY_SIZE(error_names); i++) {
		if (strcmp(conf->error, error_names[i].name))
			continue;
		rule->error = -error_names[i].error;
		rule->conf.error = error_names[i].name;
	}
	return rule->conf.op && (!conf->error || rule->conf.error) ? 0 : -EINVAL;
}

static void log_rule(const struct store *store, const struct rule *rule)
{
	const struct store_fault_conf *c = &rule->conf;
	char to[32] = "end";

	if (c->to)
		snprintf(to, sizeof(to), "%llu", (unsigned long long)c->to);
	log_warn("%s: fault: %s, bytes %llu to %s, %u %% of requests: after %u ms %s%s",
		 store->name, c->op, (unsigned long long)c->from, to, c->rate, c->delay_ms,
		 c->kill    ? "this process dies"
		 : c->error ? c->error
			    : "it runs",
		 c->torn ? ", torn" : "");
}

int fault_attach(struct store *store, const struct store_conf *conf, char *err, size_t err_len)
{
	size_t n = conf->n_faults;
	struct faults *faults = calloc(1, sizeof(*faults) + n * sizeof(struct rule));

	if (!faults) {
		snprintf(err, err_len, "out of memory");
		return -ENOMEM;
	}
	for (; faults->n < n; faults->n++) {
		if (!take_rule(&faults->rules[faults->n], &conf->faults[faults->n]))
			continue;
		snprintf(err, err_len, "%s: fault %zu: unknown operation or error", store->name,
			 faults->n);
		free(faults);
		return -EINVAL;
	}
	faults->below = store->ops;
	faults->ops = *store->ops;
	faults->ops.submit = fault_submit;
	faults->ops.close = fault_close;
	faults->opened_ns = clock_now_ns();
	store->faults = faults;
	store->ops = &faults->ops;
	log_warn("%s: has %zu fault(s) configured: it fails on purpose", store->name, n);
	for (size_t i = 0; i < n; i++)
		log_rule(store, &faults->rules[i]);
	return 0;
}
