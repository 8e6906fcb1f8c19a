/*
 * Progress: one lock, one function that moves everything, one thread that calls it
 * when no application does.
 *
 * Knows: when to sleep and who must be woken.
 * Does not know: what moves.
 *
 * Two moods of the engine thread.  Listening: every ring is marked "asleep", a peer that
 * sends rings the bell, the engine moves the packet; an idle process costs nothing.
 * Supervising: the application polls so often that it moves everything itself; nobody
 * rings, the engine only looks every millisecond whether that is still so.
 */
#include "fault.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define BUDGET		   64u /* packets of one link per round */
#define SUPERVISE_NS	   1000000u
#define POLLS_TO_SUPERVISE 64u /* since the engine last woke */
#define POLLS_TO_STAY	   16u /* per SUPERVISE_NS */

struct sf_fabric fab = { .lock = PTHREAD_MUTEX_INITIALIZER };

static pthread_mutex_t start_lock = PTHREAD_MUTEX_INITIALIZER;

void fab_lock(void)
{
	if (!pthread_mutex_trylock(&fab.lock))
		return;
	atomic_fetch_add_explicit(&fab.waiters, 1, memory_order_relaxed);
	pthread_mutex_lock(&fab.lock);
	atomic_fetch_sub_explicit(&fab.waiters, 1, memory_order_relaxed);
}

/* The engine takes the lock again and again: let those who wait for it go first. */
static void let_others(void)
{
	for (int i = 0; i < 64 && atomic_load_explicit(&fab.waiters, memory_order_relaxed); i++)
		sched_yield();
}

bool fab_trylock(void)
{
	return !pthread_mutex_trylock(&fab.lock);
}

void fab_unlock(void)
{
	if (fab.dirty)
		wire_doorbells();
	pthread_mutex_unlock(&fab.lock);
}

/* Queue pairs with something to send; those that find their ring full stay. */
static void run_ready(void)
{
	struct sf_list now;

	if (list_empty(&fab.ready))
		return;
	now = fab.ready;
	now.next->prev = &now;
	now.prev->next = &now;
	list_init(&fab.ready);
	while (!list_empty(&now)) {
		struct sf_qp *qp = sf_container(now.next, struct sf_qp, ready);

		list_del(&qp->ready);
		if (!qp_service(qp))
			qp_mark_ready(qp);
	}
}

/* Move packets.  true if there were any; called with the lock held. */
bool fabric_poll(void)
{
	bool any = false;

	list_for_each (pos, &fab.links)
		any |= wire_poll(sf_container(pos, struct sf_link, node), BUDGET);
	run_ready();
	return any;
}

/* Packets and timers: all the progress there is. */
bool fabric_progress(void)
{
	bool any = fabric_poll();

	timers_run();
	run_ready();
	return any;
}

void engine_wake(void)
{
	uint64_t one = 1;
	ssize_t n = write(fab.wake_fd, &one, sizeof(one));

	(void)n;
}

void engine_watch(int fd, void *tag)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = tag };

	epoll_ctl(fab.epfd, EPOLL_CTL_ADD, fd, &ev);
}

/* An application armed a CQ: it will sleep, the engine must listen again. */
void engine_notify_armed(void)
{
	if (!atomic_load_explicit(&fab.supervising, memory_order_relaxed))
		return;
	if (!atomic_exchange(&fab.hurry, true))
		engine_wake();
}

static void set_asleep(uint32_t asleep)
{
	list_for_each (pos, &fab.links) {
		struct sf_link *l = sf_container(pos, struct sf_link, node);

		if (l->ready && !l->dead)
			atomic_store(&l->rx->asleep, asleep);
	}
}

/* Whatever waits for space in a ring tries again. */
static void retry_blocked(void)
{
	list_for_each (pos, &fab.links)
		wire_flush_cm(sf_container(pos, struct sf_link, node), false);
	run_ready();
}

static bool pending(void)
{
	list_for_each (pos, &fab.links) {
		struct sf_link *l = sf_container(pos, struct sf_link, node);

		if (!l->dead && wire_pending(l))
			return true;
	}
	return false;
}

/* Choose the mood, from how often applications polled since the last look. */
static void choose(uint32_t polled)
{
	bool on = atomic_load(&fab.supervising);

	on = polled >= (on ? POLLS_TO_STAY : POLLS_TO_SUPERVISE);
	if (atomic_exchange(&fab.hurry, false))
		on = false;
	atomic_store(&fab.supervising, on);
}

/* How long to sleep, in ns; 0 if there is more to do. */
static uint64_t plan(void)
{
	uint64_t now, sleep_ns = SF_NEVER;

	if (atomic_load(&fab.supervising)) {
		sleep_ns = SUPERVISE_NS;
	} else {
		set_asleep(1);
		/* space given back before we slept was announced to nobody */
		retry_blocked();
		if (pending()) {
			set_asleep(0);
			return 0;
		}
	}
	if (fab.next_deadline != SF_NEVER) {
		now = fab_now();
		if (fab.next_deadline <= now)
			return 0;
		if (fab.next_deadline - now < sleep_ns)
			sleep_ns = fab.next_deadline - now;
		fab.sleep_until = now + sleep_ns;
	} else {
		fab.sleep_until = sleep_ns == SF_NEVER ? SF_NEVER : fab_now() + sleep_ns;
	}
	return sleep_ns;
}

static int sleep_for(struct epoll_event *ev, int n, uint64_t ns)
{
	struct timespec ts = { .tv_sec = (time_t)(ns / 1000000000u),
			       .tv_nsec = (long)(ns % 1000000000u) };
	static bool no_pwait2;
	int rc = -1;

	if (!no_pwait2) {
		rc = epoll_pwait2(fab.epfd, ev, n, ns == SF_NEVER ? NULL : &ts, NULL);
		no_pwait2 = rc < 0 && errno == ENOSYS;
	}
	if (no_pwait2)
		rc = epoll_wait(fab.epfd, ev, n,
				ns == SF_NEVER ? -1 : (int)((ns + 999999u) / 1000000u));
	return rc;
}

static void handle(const struct epoll_event *ev)
{
	uint64_t n;

	if (ev->data.ptr == &fab.wake_fd) {
		if (read(fab.wake_fd, &n, sizeof(n)) < 0)
			return;
	} else if (ev->data.ptr == &fab.listen_fd) {
		link_accept(fab.listen_fd);
	} else if (ev->data.ptr == &fab.ctl_fd) {
		fault_ctl_readable();
	} else {
		link_readable(ev->data.ptr);
	}
}

static bool round_of_engine(uint32_t *polls)
{
	struct epoll_event ev[16];
	uint32_t seen;
	uint64_t ns;
	bool stop;
	int n;

	fab_lock();
	links_reap();
	if (!atomic_load(&fab.supervising))
		fabric_progress();
	else
		timers_run();
	run_ready();
	ns = plan();
	stop = fab.stop;
	fab_unlock();
	if (stop)
		return false;
	if (!ns)
		let_others();
	n = ns ? sleep_for(ev, 16, ns) : 0;
	fab_lock();
	fab.sleep_until = 0;
	seen = atomic_load_explicit(&fab.polls, memory_order_relaxed);
	if (ns || seen - *polls >= POLLS_TO_SUPERVISE) {
		choose(seen - *polls);
		*polls = seen;
	}
	set_asleep(0);
	for (int i = 0; i < n; i++)
		handle(&ev[i]);
	fab_unlock();
	return true;
}

static void *engine_main(void *arg)
{
	uint32_t polls = 0;

	(void)arg;
	while (round_of_engine(&polls))
		;
	return NULL;
}

/* ---- life ---- */
static int count_cpus(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) ? 2 : CPU_COUNT(&set);
}

/* A child has neither the engine nor a place in the net; it may start its own. */
static void after_fork(void)
{
	if (!fab.up)
		return;
	link_fini_all();
	node_forget();
	close(fab.epfd);
	close(fab.wake_fd);
	close(fab.listen_fd);
	close(fab.ctl_fd);
	fault_forget();
	memset(fab.qps, 0, sizeof(fab.qps));
	pthread_mutex_init(&fab.lock, NULL);
	pthread_mutex_init(&start_lock, NULL);
	cm_forget();
	fab.up = false;
}

static int spawn(void)
{
	sigset_t all, old;
	int rc;

	if (step_on())
		return 0;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	rc = pthread_create(&fab.thread, NULL, engine_main, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!rc)
		pthread_setname_np(fab.thread, "simfab");
	return rc;
}

static int start(void)
{
	static bool forks_known;

	list_init(&fab.links);
	list_init(&fab.ready);
	list_init(&fab.timers);
	list_init(&fab.contexts);
	fab.next_deadline = SF_NEVER;
	fab.sleep_until = 0;
	fab.stop = fab.dirty = false;
	fab.qp_next = (uint32_t)(fab_now() >> 10) & (SF_QPS - 1);
	fab.cpus = count_cpus();
	fab.epfd = epoll_create1(EPOLL_CLOEXEC);
	fab.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fab.epfd < 0 || fab.wake_fd < 0 || node_init() || fault_ctl_open())
		return -1;
	engine_watch(fab.wake_fd, &fab.wake_fd);
	engine_watch(fab.listen_fd, &fab.listen_fd);
	engine_watch(fab.ctl_fd, &fab.ctl_fd);
	fault_from_environment();
	if (!forks_known)
		pthread_atfork(NULL, NULL, after_fork);
	forks_known = true;
	return spawn() ? -1 : 0;
}

int fab_start(void)
{
	int rc = 0;

	pthread_mutex_lock(&start_lock);
	if (!fab.up) {
		rc = start();
		fab.up = !rc;
		if (rc)
			errno = ENODEV;
	}
	pthread_mutex_unlock(&start_lock);
	return rc;
}

__attribute__((destructor)) static void fini(void)
{
	if (!fab.up)
		return;
	if (!step_on()) {
		fab_lock();
		fab.stop = true;
		fab_unlock();
		engine_wake();
		pthread_join(fab.thread, NULL);
	}
	if (getenv("SIMFAB_COUNTERS"))
		dev_print_counters();
	fault_ctl_close();
	node_fini();
	link_fini_all();
	close(fab.epfd);
	close(fab.wake_fd);
	close(fab.listen_fd);
	node_forget();
	fab.up = false;
}
