/*
 * The grammar of faults: one statement to one rule.
 *
 *	ACTION [KEY=VALUE]...
 *
 * Knows: actions, their keys, the names of kinds, durations.
 * Does not know: what a rule does, or for which process it is.
 */
#include "fault.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum key {
	KEY_KIND,
	KEY_N,
	KEY_P,
	KEY_AFTER,
	KEY_FOR,
	KEY_BY,
	KEY_QP,
	KEY_DEVICE,
	KEY_ERRNO,
	KEY_OVER,
	KEYS
};

static const char *const key_names[KEYS] = {
	"kind", "n", "p", "after", "for", "by", "qp", "device", "errno", "over",
};

#define OCCASION (1u << KEY_KIND | 1u << KEY_N | 1u << KEY_P | 1u << KEY_AFTER | 1u << KEY_FOR)

struct name {
	const char *name;
	uint32_t value;
};

#define QP_KINDS                                                                       \
	(FK_BIT(FK_SEND) | FK_BIT(FK_WRITE) | FK_BIT(FK_READ) | FK_BIT(FK_READ_RESP) | \
	 FK_BIT(FK_ACK) | FK_BIT(FK_NAK))
#define CM_KINDS                                                                               \
	(FK_BIT(FK_REQ) | FK_BIT(FK_REP) | FK_BIT(FK_RTU) | FK_BIT(FK_REJ) | FK_BIT(FK_DREQ) | \
	 FK_BIT(FK_DREP))

static const struct name packets[] = {
	{ "send", FK_BIT(FK_SEND) },
	{ "write", FK_BIT(FK_WRITE) },
	{ "read", FK_BIT(FK_READ) },
	{ "read-resp", FK_BIT(FK_READ_RESP) },
	{ "ack", FK_BIT(FK_ACK) },
	{ "nak", FK_BIT(FK_NAK) },
	{ "data", QP_KINDS },
	{ "req", FK_BIT(FK_REQ) },
	{ "rep", FK_BIT(FK_REP) },
	{ "rtu", FK_BIT(FK_RTU) },
	{ "rej", FK_BIT(FK_REJ) },
	{ "dreq", FK_BIT(FK_DREQ) },
	{ "drep", FK_BIT(FK_DREP) },
	{ "cm", CM_KINDS },
	{ "completion", FK_BIT(FK_COMPLETION) },
	{ 0 },
};
static const struct name queues[] = {
	{ "send", FK_BIT(FK_SQ) },
	{ "recv", FK_BIT(FK_RQ) },
	{ "srq", FK_BIT(FK_SRQ) },
	{ 0 },
};
static const struct name events[] = {
	{ "last-wqe", FK_BIT(FK_LAST_WQE) },
	{ "comm-est", FK_BIT(FK_COMM_EST) },
	{ "qp-fatal", FK_BIT(FK_QP_FATAL) },
	{ "srq-limit", FK_BIT(FK_SRQ_LIMIT) },
	{ "port", FK_BIT(FK_PORT) },
	{ "device-fatal", FK_BIT(FK_FATAL) },
	{ "established", FK_BIT(FK_ESTABLISHED) },
	{ "disconnected", FK_BIT(FK_DISCONNECTED) },
	{ "timewait-exit", FK_BIT(FK_TIMEWAIT) },
	{ "device-removal", FK_BIT(FK_REMOVAL) },
	{ 0 },
};
static const struct name errnos[] = {
	{ "ENOMEM", ENOMEM }, { "EINVAL", EINVAL }, { "EIO", EIO },
	{ "EAGAIN", EAGAIN }, { "ENODEV", ENODEV }, { 0 },
};

static const struct action {
	const char *name;
	uint32_t keys;
	const struct name *kinds;
	uint32_t all;	 /* kinds if none is named; 0: one must be */
	uint32_t n;	 /* 0: always; else the occasion if none is named */
	uint32_t needed; /* keys that must be there */
} actions[FAULT_ACTIONS] = {
	[FAULT_DROP] = { "drop", OCCASION | 1u << KEY_QP, packets, QP_KINDS | CM_KINDS, 0, 0 },
	[FAULT_DROP_IN] = { "drop-in", OCCASION | 1u << KEY_QP, packets, QP_KINDS | CM_KINDS, 0,
			    0 },
	[FAULT_DELAY] = { "delay", OCCASION | 1u << KEY_QP | 1u << KEY_BY, packets,
			  QP_KINDS | CM_KINDS, 0, 1u << KEY_BY },
	[FAULT_FAIL_POST] = { "fail-post", OCCASION | 1u << KEY_QP | 1u << KEY_ERRNO, queues,
			      FK_BIT(FK_SQ) | FK_BIT(FK_RQ) | FK_BIT(FK_SRQ), 1, 0 },
	[FAULT_KILL_QP] = { "kill-qp", OCCASION | 1u << KEY_QP, queues,
			    FK_BIT(FK_SQ) | FK_BIT(FK_RQ), 0, 0 },
	[FAULT_NO_FLUSH] = { "no-flush", (OCCASION & ~(1u << KEY_KIND)) | 1u << KEY_QP, NULL,
			     FK_BIT(FK_SQ), 0, 0 },
	[FAULT_MUTE] = { "mute", OCCASION, events, 0, 0, 1u << KEY_KIND },
	[FAULT_PORT_DOWN] = { "port-down", 1u << KEY_AFTER | 1u << KEY_FOR | 1u << KEY_DEVICE },
	[FAULT_STALL] = { "stall", 1u << KEY_AFTER | 1u << KEY_FOR },
	[FAULT_DEVICE_FATAL] = { "device-fatal",
				 1u << KEY_AFTER | 1u << KEY_OVER | 1u << KEY_DEVICE },
	[FAULT_REMOVE_DEVICE] = { "remove-device",
				  1u << KEY_AFTER | 1u << KEY_OVER | 1u << KEY_DEVICE },
};

struct message {
	char *text;
	size_t size;
};

__attribute__((format(printf, 2, 3))) static bool wrong(struct message *m, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(m->text, m->size, fmt, ap);
	va_end(ap);
	return false;
}

static bool unknown(struct message *m, const char *what, const char *got, const struct name *names)
{
	size_t n;

	wrong(m, "no %s \"%s\", expected", what, got);
	for (; names->name; names++) {
		n = strlen(m->text);
		snprintf(m->text + n, m->size - n, " %s", names->name);
	}
	return false;
}

static const struct name *named(const struct name *names, const char *s)
{
	for (; names->name; names++)
		if (!strcmp(names->name, s))
			return names;
	return NULL;
}

/* ---- values ---- */
static bool number(const char *s, uint64_t max, uint64_t *out, char **end)
{
	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	*out = strtoull(s, end, 10);
	return !errno && *out <= max;
}

/* "250ms"; the unit may not be left out. */
static bool duration(const char *s, uint64_t *ns, char **end)
{
	static const struct name units[] = {
		{ "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 }, { 0 }
	};

	if (!number(s, 1000000, ns, end))
		return false;
	for (const struct name *u = units; u->name; u++) {
		size_t n = strlen(u->name);

		if (!strncmp(*end, u->name, n)) {
			*ns *= u->value;
			*end += n;
			return true;
		}
	}
	return false;
}

static bool set_duration(const char *key, const char *s, uint64_t *ns, struct message *m)
{
	char *end;

	if (duration(s, ns, &end) && !*end)
		return true;
	return wrong(m, "%s=%s: expected a time such as 20us, 250ms or 2s", key, s);
}

static bool set_range(struct fault *f, const char *s, struct message *m)
{
	char *end;
	bool ok = duration(s, &f->lo, &end);

	f->hi = f->lo;
	if (ok && !strncmp(end, "..", 2))
		ok = duration(end + 2, &f->hi, &end) && f->hi >= f->lo;
	return ok && !*end ? true
			   : wrong(m, "by=%s: expected a time (5ms) or a range (1ms..20ms)", s);
}

/* "3", "3-5", "3-" or "all" */
static bool set_n(struct fault *f, const char *s, struct message *m)
{
	uint64_t a, b;
	char *end;

	if (!strcmp(s, "all")) {
		f->first = 1;
		f->last = UINT32_MAX;
		return true;
	}
	if (number(s, UINT32_MAX, &a, &end) && a) {
		b = a;
		if (*end == '-' && !*++end)
			b = UINT32_MAX;
		else if (end[-1] == '-' && !number(end, UINT32_MAX, &b, &end))
			b = 0;
		if (!*end && b >= a) {
			f->first = (uint32_t)a;
			f->last = (uint32_t)b;
			return true;
		}
	}
	return wrong(m, "n=%s: expected the number of an occasion (1 is the first), 3-5, 3- or all",
		     s);
}

static bool set_chance(struct fault *f, const char *s, struct message *m)
{
	char *end;
	double p = strtod(s, &end);

	if (end == s || *end || !(p > 0 && p <= 1))
		return wrong(m, "p=%s: expected a chance above 0, at most 1", s);
	f->permille = (uint32_t)(p * 1000 + 0.5);
	return true;
}

static bool set_number(const char *key, const char *s, uint64_t min, uint64_t max, uint64_t *out,
		       struct message *m)
{
	char *end;

	if (number(s, max, out, &end) && *out >= min && !*end)
		return true;
	return wrong(m, "%s=%s: expected a number from %llu to %llu", key, s,
		     (unsigned long long)min, (unsigned long long)max);
}

static bool set_kinds(struct fault *f, char *s, struct message *m)
{
	const struct name *k;
	char *save;

	f->kinds = 0;
	for (char *w = strtok_r(s, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		k = named(actions[f->action].kinds, w);
		if (!k)
			return unknown(m, "kind", w, actions[f->action].kinds);
		f->kinds |= k->value;
	}
	return f->kinds ? true : wrong(m, "kind= is empty");
}

static bool set_errno(struct fault *f, const char *s, struct message *m)
{
	const struct name *e = named(errnos, s);

	if (!e)
		return unknown(m, "errno", s, errnos);
	f->err = (int)e->value;
	return true;
}

static bool set(struct fault *f, enum key key, char *v, struct message *m)
{
	uint64_t n = 0;
	bool ok = true;

	switch (key) {
	case KEY_KIND:
		return set_kinds(f, v, m);
	case KEY_N:
		return set_n(f, v, m);
	case KEY_P:
		return set_chance(f, v, m);
	case KEY_AFTER:
		return set_duration("after", v, &f->after, m);
	case KEY_FOR:
		return set_duration("for", v, &f->lasts, m);
	case KEY_BY:
		return set_range(f, v, m);
	case KEY_OVER:
		return set_duration("over", v, &f->hi, m);
	case KEY_ERRNO:
		return set_errno(f, v, m);
	case KEY_QP:
		ok = set_number("qp", v, 1, UINT32_MAX, &n, m);
		f->qp = (uint32_t)n;
		break;
	case KEY_DEVICE:
		ok = set_number("device", v, 0, SF_MAX_DEVICES - 1, &n, m);
		f->dev = (int)n;
		break;
	case KEYS:
		break;
	}
	return ok;
}

/* ---- statements ---- */
static bool set_word(struct fault *f, char *word, uint32_t *have, struct message *m)
{
	const struct action *a = &actions[f->action];
	char *eq = strchr(word, '=');

	if (!eq)
		return wrong(m, "\"%s\" is no KEY=VALUE", word);
	*eq = 0;
	for (int k = 0; k < KEYS; k++) {
		if (strcmp(word, key_names[k]))
			continue;
		if (!(a->keys >> k & 1))
			return wrong(m, "%s= does not go with %s", word, a->name);
		*have |= 1u << k;
		return set(f, (enum key)k, eq + 1, m);
	}
	return wrong(m, "no key \"%s\"", word);
}

static bool set_action(struct fault *f, const char *word, struct message *m)
{
	size_t n;

	for (int i = 0; i < FAULT_ACTIONS; i++) {
		if (!strcmp(actions[i].name, word)) {
			f->action = (enum fault_action)i;
			f->kinds = actions[i].all;
			f->first = actions[i].n;
			f->last = actions[i].n;
			return true;
		}
	}
	wrong(m, "no action \"%s\", expected", word);
	for (int i = 0; i < FAULT_ACTIONS; i++) {
		n = strlen(m->text);
		snprintf(m->text + n, m->size - n, " %s", actions[i].name);
	}
	return false;
}

static bool complete(struct fault *f, uint32_t have, struct message *m)
{
	const struct action *a = &actions[f->action];

	for (int k = 0; k < KEYS; k++)
		if ((a->needed & ~have) >> k & 1)
			return wrong(m, "%s needs %s=", a->name, key_names[k]);
	if (f->action <= FAULT_DROP_IN && (f->kinds & FK_BIT(FK_COMPLETION)))
		return wrong(m, "completions cannot be dropped: see no-flush");
	if (f->action == FAULT_KILL_QP && (f->kinds & FK_BIT(FK_SRQ)))
		return wrong(m, "kill-qp: completions of an SRQ count as kind=recv");
	if (f->action == FAULT_KILL_QP && !f->first && (have & (1u << KEY_KIND | 1u << KEY_P)))
		return wrong(m, "kill-qp: kind= and p= are about completions: say n= too");
	if (!f->first && !fault_timed(f)) {
		f->first = 1;
		f->last = UINT32_MAX;
	}
	return true;
}

static bool parse(struct fault *f, char *text, struct message *m)
{
	char *save, *word = strtok_r(text, " \t", &save);
	uint32_t have = 0;

	if (!word)
		return wrong(m, "an action is missing");
	if (!set_action(f, word, m))
		return false;
	while ((word = strtok_r(NULL, " \t", &save)))
		if (!set_word(f, word, &have, m))
			return false;
	return complete(f, have, m);
}

/* About a moment, not about occasions. */
bool fault_timed(const struct fault *f)
{
	return f->action >= FAULT_PORT_DOWN || (f->action == FAULT_KILL_QP && !f->first);
}

struct fault *fault_parse(const char *text, char *err, size_t size)
{
	struct fault *f = calloc(1, sizeof(*f));
	struct message m = { err, size };
	char *copy = strdup(text);
	bool ok = false;

	if (!f || !copy) {
		wrong(&m, "out of memory");
	} else {
		f->permille = 1000;
		f->dev = -1;
		f->err = ENOMEM;
		f->lasts = SF_NEVER;
		ok = parse(f, copy, &m);
	}
	free(copy);
	if (!ok) {
		free(f);
		return NULL;
	}
	return f;
}
