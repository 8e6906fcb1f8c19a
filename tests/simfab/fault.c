/*
 * The rules of faults at work: when they begin and end, what they count, what they do.
 *
 * Knows: every rule of this process, and a seeded source of chance.
 * Does not know: the grammar (fault_parse.c), where a rule came from.
 */
#include "fault.h"

#include "cm.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
	struct sf_list rules;
	bool up;
	uint32_t next_id;
	uint64_t chance;
} faults;

/* ---- chance: the same seed, the same faults ---- */
static void seed(uint64_t s)
{
	faults.chance = s * 2 + 1;
}

void fault_reseed(uint64_t s)
{
	seed(s);
}

uint32_t fault_random(void)
{
	faults.chance ^= faults.chance >> 12;
	faults.chance ^= faults.chance << 25;
	faults.chance ^= faults.chance >> 27;
	return (uint32_t)((faults.chance * 2685821657736338717u) >> 32);
}

uint64_t fault_between(uint64_t lo, uint64_t hi)
{
	return hi > lo ? lo + (uint64_t)fault_random() % (hi - lo + 1) : lo;
}

/* ---- occasions ---- */
static bool concerns(const struct fault *f, const struct sf_qp *qp)
{
	return !f->qp || (qp && qp->nth == f->qp);
}

/* The rule that acts on this occasion, NULL if none; each that concerns it has counted it. */
struct fault *fault_match(enum fault_action action, enum fault_kind kind, const struct sf_qp *qp)
{
	struct fault *hit = NULL;

	list_for_each (pos, &faults.rules) {
		struct fault *f = sf_container(pos, struct fault, node);

		if (f->action != action || !f->acting || !(f->kinds & FK_BIT(kind)) || !f->first ||
		    !concerns(f, qp))
			continue;
		f->seen++;
		if (hit || f->seen < f->first || f->seen > f->last)
			continue;
		if (f->permille < 1000 && fault_random() % 1000 >= f->permille)
			continue;
		f->hits++;
		hit = f;
	}
	return hit;
}

static enum fault_kind packet_kind(const struct sf_pkt *p)
{
	if (p->type == SF_PKT_CM)
		return FK_REQ + ((const struct cm_msg *)(const void *)(p + 1))->type;
	return FK_SEND + (p->type - SF_PKT_SEND);
}

bool fault_drops(const struct sf_pkt *p, bool in)
{
	enum fault_action action = in ? FAULT_DROP_IN : FAULT_DROP;

	if (!fault_armed(action) || p->type == SF_PKT_PAD)
		return false;
	return fault_match(action, packet_kind(p), qp_find(in ? p->dst_qpn : p->src_qpn));
}

/* How long the ring rests before this packet is taken from it, in ns. */
uint64_t fault_delays(const struct sf_pkt *p)
{
	struct fault *f;

	if (!fault_armed(FAULT_DELAY) || p->type == SF_PKT_PAD)
		return 0;
	f = fault_match(FAULT_DELAY, packet_kind(p), qp_find(p->dst_qpn));
	return f ? fault_between(f->lo, f->hi) : 0;
}

uint64_t fault_delays_completion(const struct sf_qp *qp)
{
	struct fault *f =
		fault_armed(FAULT_DELAY) ? fault_match(FAULT_DELAY, FK_COMPLETION, qp) : NULL;

	return f ? fault_between(f->lo, f->hi) : 0;
}

/* 0, or the errno with which a post fails. */
int fault_fails_post(enum fault_kind queue, const struct sf_qp *qp)
{
	struct fault *f =
		fault_armed(FAULT_FAIL_POST) ? fault_match(FAULT_FAIL_POST, queue, qp) : NULL;

	return f ? f->err : 0;
}

bool fault_keeps_flush(const struct sf_qp *qp)
{
	return fault_armed(FAULT_NO_FLUSH) && fault_match(FAULT_NO_FLUSH, FK_SQ, qp);
}

/* A request completed well.  The QP breaks when this is over: see qp_check_fatal(). */
void fault_completed(struct sf_qp *qp, enum fault_kind queue)
{
	if (!fault_armed(FAULT_KILL_QP) || !fault_match(FAULT_KILL_QP, queue, qp))
		return;
	qp->fatal = true;
	qp_mark_ready(qp);
}

static bool muted(int kind, const struct sf_qp *qp)
{
	return kind >= 0 && fault_match(FAULT_MUTE, (enum fault_kind)kind, qp);
}

bool fault_mutes_async(enum ibv_event_type type)
{
	int kind = type == IBV_EVENT_QP_LAST_WQE_REACHED			 ? FK_LAST_WQE
		   : type == IBV_EVENT_COMM_EST					 ? FK_COMM_EST
		   : type == IBV_EVENT_QP_FATAL					 ? FK_QP_FATAL
		   : type == IBV_EVENT_SRQ_LIMIT_REACHED			 ? FK_SRQ_LIMIT
		   : type == IBV_EVENT_DEVICE_FATAL				 ? FK_FATAL
		   : type == IBV_EVENT_PORT_ACTIVE || type == IBV_EVENT_PORT_ERR ? FK_PORT
										 : -1;

	return fault_armed(FAULT_MUTE) && muted(kind, NULL);
}

/* The reply is what an active side hears as ESTABLISHED. */
bool fault_mutes_cm(enum rdma_cm_event_type type)
{
	int kind = type == RDMA_CM_EVENT_ESTABLISHED	    ? FK_ESTABLISHED
		   : type == RDMA_CM_EVENT_CONNECT_RESPONSE ? FK_ESTABLISHED
		   : type == RDMA_CM_EVENT_DISCONNECTED	    ? FK_DISCONNECTED
		   : type == RDMA_CM_EVENT_TIMEWAIT_EXIT    ? FK_TIMEWAIT
		   : type == RDMA_CM_EVENT_DEVICE_REMOVAL   ? FK_REMOVAL
							    : -1;

	return fault_armed(FAULT_MUTE) && muted(kind, NULL);
}

/* ---- moments ---- */
static void each_device(const struct fault *f, void (*fn)(struct sf_dev *, const struct fault *))
{
	for (int i = 0; i < profile_devices(); i++)
		if (f->dev < 0 || f->dev == i)
			fn(dev_get(i), f);
}

static void port_down(struct sf_dev *dev, const struct fault *f)
{
	(void)f;
	dev_set_port(dev, false);
}

static void port_up(struct sf_dev *dev, const struct fault *f)
{
	(void)f;
	dev_set_port(dev, true);
}

static void die(struct sf_dev *dev, const struct fault *f)
{
	dev_die(dev, f->action == FAULT_REMOVE_DEVICE, f->hi);
}

static void kill_all(struct fault *f)
{
	for (uint32_t i = 0; i < SF_QPS; i++) {
		struct sf_qp *qp = fab.qps[i];

		if (!qp || !concerns(f, qp) || qp->v.state < IBV_QPS_RTR)
			continue;
		f->hits++;
		qp->fatal = true;
		qp_check_fatal(qp);
	}
}

static void flush_late(const struct fault *f)
{
	for (uint32_t i = 0; i < SF_QPS; i++)
		if (fab.qps[i] && concerns(f, fab.qps[i]))
			qp_flush_late(fab.qps[i]);
}

static void let_go(void)
{
	wire_let_go();
	cq_let_go();
}

static void rearm(void)
{
	uint32_t armed = 0;

	list_for_each (pos, &faults.rules) {
		struct fault *f = sf_container(pos, struct fault, node);

		if (f->acting)
			armed |= 1u << f->action;
	}
	fab.faults = armed;
}

static void rule_begin(struct fault *f)
{
	f->acting = true;
	rearm();
	f->hits += fault_timed(f) && f->action != FAULT_KILL_QP;
	if (f->action == FAULT_PORT_DOWN)
		each_device(f, port_down);
	else if (f->action == FAULT_STALL)
		wire_stall(true);
	else if (f->action == FAULT_DEVICE_FATAL || f->action == FAULT_REMOVE_DEVICE)
		each_device(f, die);
	else if (f->action == FAULT_KILL_QP && fault_timed(f))
		kill_all(f);
	if (f->lasts != SF_NEVER)
		timer_set(&f->timer, f->lasts);
}

static void rule_end(struct fault *f)
{
	timer_cancel(&f->timer);
	if (!f->acting)
		return;
	f->acting = false;
	rearm();
	if (f->action == FAULT_PORT_DOWN)
		each_device(f, port_up);
	else if (f->action == FAULT_STALL && !fault_armed(FAULT_STALL))
		wire_stall(false);
	else if (f->action == FAULT_NO_FLUSH)
		flush_late(f);
	else if (f->action == FAULT_DELAY)
		let_go();
}

static void on_time(struct sf_timer *t)
{
	struct fault *f = sf_container(t, struct fault, timer);

	if (f->acting)
		rule_end(f);
	else
		rule_begin(f);
}

/* ---- rules come and go ---- */
static void add(struct fault *f, char *text)
{
	f->text = text;
	f->id = ++faults.next_id;
	f->timer.fire = on_time;
	list_init(&f->timer.node);
	list_add_tail(&faults.rules, &f->node);
	if (f->after)
		timer_set(&f->timer, f->after);
	else
		rule_begin(f);
}

static void clear(void)
{
	list_for_each_safe (pos, tmp, &faults.rules) {
		struct fault *f = sf_container(pos, struct fault, node);

		rule_end(f);
		list_del(pos);
		free(f->text);
		free(f);
	}
	rearm();
}

struct answer {
	char *text;
	size_t size, len;
};

__attribute__((format(printf, 2, 3))) static void say(struct answer *a, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(a->text + a->len, a->size - a->len, fmt, ap);
	va_end(ap);
	a->len += n < 0 ? 0 : (size_t)n;
	if (a->len >= a->size)
		a->len = a->size - 1;
}

static void list(struct answer *a)
{
	list_for_each (pos, &faults.rules) {
		const struct fault *f = sf_container(pos, struct fault, node);

		say(a, "%s[%d] %u: %s: %s, seen %u, hit %u\n", program_invocation_short_name,
		    (int)getpid(), f->id, f->text,
		    f->acting	      ? "acting"
		    : f->timer.active ? "waiting"
				      : "over",
		    f->seen, f->hits);
	}
}

/* ---- statements ---- */
static char *trim(char *s)
{
	char *end;

	s += strspn(s, " 	");
	end = s + strlen(s);
	while (end > s && (end[-1] == ' ' || end[-1] == '	'))
		*--end = 0;
	return s;
}

/* "srptd: …" and "1234: …" are for that program or process only. */
static char *for_us(char *s)
{
	char *colon = strchr(s, ':'), *end;
	long pid;

	if (!colon)
		return s;
	*colon = 0;
	s = trim(s);
	pid = strtol(s, &end, 10);
	if (*s && !*end ? pid == getpid() : !strcmp(s, program_invocation_short_name))
		return trim(colon + 1);
	return NULL;
}

/* false with the reason in @a.  A dry run only looks. */
static bool statement(const char *s, bool dry, struct answer *a)
{
	unsigned long long n;
	struct fault *f;
	char why[512];
	int end = 0;

	if (!strcmp(s, "clear") || !strcmp(s, "list")) {
		if (!dry && *s == 'c')
			clear();
		else if (!dry)
			list(a);
		return true;
	}
	if (sscanf(s, "seed=%llu%n", &n, &end) == 1 && !s[end]) {
		if (!dry)
			seed(n);
		return true;
	}
	f = fault_parse(s, why, sizeof(why));
	if (!f)
		say(a, "fault \"%s\": %s", s, why);
	else if (dry)
		free(f);
	else
		add(f, strdup(s));
	return f != NULL;
}

static int run_line(char *line, bool dry, struct answer *a)
{
	char *save, *s;
	int n = 0;

	line[strcspn(line, "#")] = 0;
	for (s = strtok_r(line, ";", &save); s && n >= 0; s = strtok_r(NULL, ";", &save)) {
		s = trim(s);
		s = *s ? for_us(s) : NULL;
		if (s)
			n = statement(s, dry, a) ? n + 1 : -1;
	}
	return n;
}

static int run(const char *text, bool dry, struct answer *a)
{
	char *copy = strdup(text), *save, *s;
	int n = 0, k;

	if (!copy)
		return -1;
	for (s = strtok_r(copy, "\n", &save); s && n >= 0; s = strtok_r(NULL, "\n", &save)) {
		k = run_line(s, dry, a);
		n = k < 0 ? -1 : n + k;
	}
	free(copy);
	return n;
}

/*
 * Statements, parted by ';' or newlines; all of them or none.  The number of those that
 * are for this process, or -1; @answer tells why, or what "list" found.
 */
int fault_apply(const char *text, char *answer, size_t size)
{
	struct answer a = { answer, size, 0 };
	int n;

	*answer = 0;
	if (!faults.up) {
		list_init(&faults.rules);
		seed(1);
		faults.up = true;
	}
	n = run(text, true, &a);
	if (n > 0)
		n = run(text, false, &a);
	return n;
}

void fault_from_environment(void)
{
	const char *env = getenv("SIMFAB_FAULTS");
	char why[1024];
	int rc = 0;

	if (env && *env) {
		fab_lock();
		rc = fault_apply(env, why, sizeof(why));
		fab_unlock();
	}
	if (rc >= 0)
		return;
	fprintf(stderr, "simfab: SIMFAB_FAULTS: %s\n", why);
	exit(2);
}

/* In the child of a fork, whose fabric begins anew. */
void fault_forget(void)
{
	faults.up = false;
	fab.faults = 0;
}

SF_EXPORT int simfab_fault(const char *text, char *answer, size_t size)
{
	int rc = -1;

	if (!fab_start()) {
		fab_lock();
		rc = fault_apply(text, answer, size);
		fab_unlock();
	}
	return rc;
}
