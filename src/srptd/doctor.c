/* SPDX-License-Identifier: BSD-2-Clause */
/* Looks at devices, ports, limits and modules, see doctor.h. */
#include "srptd/doctor.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/compiler.h"
#include "rdma/ports.h"

struct visit {
	const struct conf *conf;
	ctl_finding *say;
	void *to;
};

enum {
	TEXT_LEN = 256,
	GOOD_MTU = 4096
};

static void found(const struct visit *v, const char *level, const char *mend, const char *fmt, ...)
	printf_like(4, 5);

static void found(const struct visit *v, const char *level, const char *mend, const char *fmt, ...)
{
	char text[TEXT_LEN];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	v->say(v->to, level, text, mend);
}

/* ---- ports ---- */

static bool has_full_member(const struct rdma_port *p)
{
	for (size_t i = 0; i < p->n_pkeys; i++)
		if (p->pkeys[i] & 0x8000)
			return true;
	return false;
}

static void look_at_infiniband(const struct visit *v, const struct rdma_port *p)
{
	if (!p->lid)
		found(v, "warning", "start a subnet manager (opensm)", "%s port %u has no LID",
		      p->device, p->port_num);
	if (!has_full_member(p))
		found(v, "warning",
		      "make it a full member of the partition at the subnet manager: limited "
		      "members do "
		      "not reach each other",
		      "%s port %u is a full member of no partition", p->device, p->port_num);
	if (v->conf->device_management && !p->device_management)
		found(v, "note",
		      "give initiators the lines of srptctl login-info, or use packaging/isdm; "
		      "srpio "
		      "discover finds it all the same",
		      "%s port %u lacks IsDeviceManagementSupported: srp_daemon does not ask it",
		      p->device, p->port_num);
}

static void look_at_port(const struct visit *v, const struct rdma_port *p)
{
	if (!p->active) {
		found(v, "warning", "cable, switch, or: ip link set IFACE up", "%s port %u is down",
		      p->device, p->port_num);
		return;
	}
	found(v, "ok", "", "%s port %u is active, %s", p->device, p->port_num,
	      p->infiniband ? "InfiniBand" : "Ethernet");
	if (p->infiniband)
		look_at_infiniband(v, p);
	else if (!p->n_ips)
		found(v, "note", "ip address add ADDRESS/LEN dev IFACE",
		      "%s port %u has no IP address that verbs know (iWARP never says)", p->device,
		      p->port_num);
	if (p->mtu && p->mtu < GOOD_MTU)
		found(v, "note",
		      p->infiniband
			      ? "a larger MTU at the subnet manager"
			      : "ip link set IFACE mtu 4200, or 9000, on all hosts and switches",
		      "%s port %u has an MTU of %u: more packets than need be", p->device,
		      p->port_num, p->mtu);
}

static bool look_at_ports(const struct visit *v)
{
	struct rdma_port *ports;
	bool infiniband = false;
	size_t n;
	int ret = rdma_ports_get(&ports, &n);

	if (ret) {
		found(v, "error", "is rdma-core installed?", "RDMA devices cannot be looked at: %s",
		      strerror(-ret));
		return false;
	}
	if (!n)
		found(v, "error",
		      "load the driver of the adapter; without one: rdma link add rxe0 type rxe "
		      "netdev "
		      "IFACE",
		      "there is no RDMA device");
	for (size_t i = 0; i < n; i++) {
		look_at_port(v, &ports[i]);
		infiniband |= ports[i].infiniband;
	}
	rdma_ports_free(ports, n);
	return infiniband;
}

/* ---- the host ---- */

static void look_at_memlock(const struct visit *v)
{
	uint64_t need = v->conf->pool_size * v->conf->workers;
	struct rlimit rl;

	if (getrlimit(RLIMIT_MEMLOCK, &rl))
		return;
	if (rl.rlim_cur == RLIM_INFINITY || rl.rlim_cur / 2 > need)
		found(v, "ok", "", "enough memory may be locked");
	else
		found(v, geteuid() && rl.rlim_cur < need ? "error" : "warning",
		      "LimitMEMLOCK=infinity in the unit, or /etc/security/limits.conf",
		      "%llu MiB may be locked, the data buffers alone are %llu MiB",
		      (unsigned long long)rl.rlim_cur >> 20, (unsigned long long)need >> 20);
}

static void look_at_modules(const struct visit *v, bool infiniband)
{
	if (access("/sys/module/ib_srpt", F_OK) == 0)
		found(v, infiniband ? "warning" : "note",
		      "modprobe -r ib_srpt, and a line \"blacklist ib_srpt\" in /etc/modprobe.d",
		      "the kernel's own SRP target is loaded: it answers device management "
		      "requests");
	if (access("/dev/infiniband/rdma_cm", F_OK))
		found(v, "warning", "modprobe rdma_ucm",
		      "/dev/infiniband/rdma_cm is missing: no logins by RDMA/CM");
	else if (access("/dev/infiniband/rdma_cm", R_OK | W_OK))
		found(v, "error", "its mode, or DeviceAllow= in the unit",
		      "/dev/infiniband/rdma_cm may not be opened");
	if (infiniband && access("/dev/infiniband/umad0", R_OK | W_OK))
		found(v, "warning", "modprobe ib_umad; the udev rule 60-srptd.rules",
		      "/dev/infiniband/umad0 may not be opened: no discovery by initiators");
}

static void look_at_engine(const struct visit *v)
{
	FILE *f = fopen("/proc/sys/kernel/io_uring_disabled", "re");
	int disabled = 0;

	if (f && fscanf(f, "%d", &disabled) != 1)
		disabled = 0;
	if (f)
		fclose(f);
	if (disabled && strcmp(v->conf->engine, "libaio") != 0)
		found(v, "warning", "sysctl kernel.io_uring_disabled=0",
		      "the kernel refuses io_uring: libaio serves instead, which is slower");
}

static void look_at_conf(const struct visit *v)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (cpus > 0 && v->conf->workers > (unsigned long)cpus)
		found(v, "warning", "workers in srptd.conf", "%u workers share %ld CPUs",
		      v->conf->workers, cpus);
	if (!v->conf->state_dir && !getenv("STATE_DIRECTORY"))
		found(v, "note", "state_dir in srptd.conf",
		      "no directory for state: reservations do not outlive srptd (APTPL)");
	for (size_t i = 0; i < v->conf->n_targets; i++)
		if (!v->conf->targets[i].n_groups)
			found(v, "warning", "groups in srptd.conf, or srptctl group add",
			      "target %s has no group: its logins are refused",
			      v->conf->targets[i].name);
}

void doctor(const struct conf *conf, ctl_finding *say, void *to)
{
	const struct visit v = { .conf = conf, .say = say, .to = to };
	bool infiniband = look_at_ports(&v);

	look_at_memlock(&v);
	look_at_modules(&v, infiniband);
	look_at_engine(&v);
	look_at_conf(&v);
}
