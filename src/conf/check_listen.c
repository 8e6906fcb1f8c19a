/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Listeners of a target: what follows from ports, service ids and names, and what cannot be had
 * together. Knows nothing of the devices of this host.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "conf/check.h"
#include "conf/keys.h"

/* ---- where listen is not given ---- */

static struct conf_listen *add_listen(struct conf_target *target, const char *type,
				      const char *address)
{
	struct conf_listen *entry = &target->listens[target->n_listens];

	entry->type = strdup(type);
	entry->address = address ? strdup(address) : NULL;
	entry->implied = true;
	entry->line = target->line;
	if (!entry->type || (address && !entry->address))
		return NULL;
	target->n_listens++;
	return entry;
}

bool check_implied_listens(struct conf_target *target, uint16_t port, uint64_t service_id,
			   const char *gid)
{
	struct conf_listen *entry;

	target->listens = calloc(2, sizeof(*target->listens));
	if (!target->listens)
		return false;
	if (port) {
		entry = add_listen(target, "ip", NULL);
		if (!entry)
			return false;
		entry->port = port;
	}
	entry = add_listen(target, "ib", gid);
	if (!entry)
		return false;
	entry->ib = true;
	entry->service_id = service_id;
	return true;
}

/* A target that is named by a port's GID, as the kernel targets do it, belongs to that port. */
static const char *gid_name(const struct conf_target *target)
{
	struct in6_addr gid;

	return target->name && inet_pton(AF_INET6, target->name, &gid) == 1 ? target->name : NULL;
}

static void imply(struct check *check, size_t i, uint16_t port, uint64_t service_id)
{
	struct conf_target *target = &check->conf->targets[i];
	char path[CHECK_PATH_LEN];

	if (!port) {
		check_target_key(check->conf, i, "rdma_cm_port", path);
		msgs_note(check->msgs, target->file, target->line, path,
			  "unset, which means off: the target listens on InfiniBand only");
	}
	if (!check_implied_listens(target, port, service_id, gid_name(target)))
		check->msgs->oom = true;
}

/* ---- single entries ---- */

static void entry_error(struct check *check, size_t i, size_t j, const char *key, const char *text)
{
	const struct conf_target *target = &check->conf->targets[i];
	char path[CHECK_PATH_LEN], name[64];

	snprintf(name, sizeof(name), "listen[%zu].%s", j, key);
	check_target_key(check->conf, i, name, path);
	msgs_error(check->msgs, target->file, target->listens[j].line, path, "%s", text);
}

static void check_ip(struct check *check, size_t i, size_t j, uint16_t port)
{
	struct conf_listen *entry = &check->conf->targets[i].listens[j];

	if (!entry->port)
		entry->port = port;
	if (!entry->port)
		entry_error(check, i, j, "rdma_cm_port",
			    "unset, which means off: the target has no listener, expected 1 … 65535");
	if (entry->service_id)
		entry_error(check, i, j, "ib_service_id", "given, expected type = \"ib\" with it");
}

/*
 * The kernel's connection manager gives user space one range of service ids (RDMA/CM's for
 * RDMA_PS_IB). The choice auto has to allow the same at every boot.
 */
static bool service_id_ok(const struct check *check, uint64_t id)
{
	bool umad = check->conf->cm && strcmp(check->conf->cm, "umad") == 0;

	return umad || (id >> 16 == 0x013f && (id & 0xffff));
}

static void check_ib(struct check *check, size_t i, size_t j, uint64_t service_id)
{
	struct conf_listen *entry = &check->conf->targets[i].listens[j];
	struct in6_addr gid;
	char text[160];

	if (!entry->service_id)
		entry->service_id = service_id;
	if (entry->port)
		entry_error(check, i, j, "rdma_cm_port", "given, expected type = \"ip\" with it");
	if (entry->address && inet_pton(AF_INET6, entry->address, &gid) != 1) {
		snprintf(text, sizeof(text), "\"%s\", expected a GID", entry->address);
		entry_error(check, i, j, "address", text);
	}
	if (service_id_ok(check, entry->service_id))
		return;
	snprintf(text, sizeof(text),
		 "0x%016" PRIx64 ", expected 00000000013f0001 … 00000000013fffff, or cm = \"umad\"",
		 entry->service_id);
	if (entry->implied) {
		char path[CHECK_PATH_LEN];
		const struct conf_target *target = &check->conf->targets[i];

		check_target_key(check->conf, i, "ib_service_id", path);
		msgs_error(check->msgs, target->file, target->line, path, "%s", text);
	} else {
		entry_error(check, i, j, "ib_service_id", text);
	}
}

/*
 * Without ib_cm on an InfiniBand device there is no RDMA/CM on it either. Which device an address
 * belongs to shows when srptd starts; all addresses mean InfiniBand's, too.
 */
static void check_umad(struct check *check, size_t i, size_t j)
{
	const struct conf_target *target = &check->conf->targets[i];
	const struct conf_listen *entry = &target->listens[j];
	char path[CHECK_PATH_LEN], name[32] = "rdma_cm_port";

	if (entry->ib || entry->address || !entry->port || !check->conf->cm ||
	    strcmp(check->conf->cm, "umad") != 0)
		return;
	if (!entry->implied)
		snprintf(name, sizeof(name), "listen[%zu]", j);
	check_target_key(check->conf, i, name, path);
	msgs_error(check->msgs, target->file, entry->line, path,
		   "RDMA/CM on all addresses together with cm = \"umad\", expected none, or one on "
		   "the address of a RoCE or iWARP device");
}

/* ---- all entries of a target ---- */

struct listen_claim {
	struct check *check;
	size_t target;
};

static void report_listen(void *arg, const struct claim *first, const struct claim *second)
{
	struct listen_claim *claim = arg;
	struct check *check = claim->check;
	const struct conf_target *target = &check->conf->targets[claim->target];
	const struct conf_listen *entry = &target->listens[second->index];
	char path[CHECK_PATH_LEN], key[32];

	snprintf(key, sizeof(key), "listen[%zu]", second->index);
	check_target_key(check->conf, claim->target, key, path);
	if (entry->ib)
		msgs_error(check->msgs, target->file, entry->line, path,
			   "%s service id %016" PRIx64 ", expected another than in line %d",
			   second->text ? second->text : "all ports,", second->a,
			   target->listens[first->index].line);
	else
		msgs_error(check->msgs, target->file, entry->line, path,
			   "%s port %" PRIu64 ", expected another than in line %d",
			   second->text ? second->text : "all addresses,", second->a,
			   target->listens[first->index].line);
}

static void check_twice(struct check *check, size_t i)
{
	struct listen_claim arg = { .check = check, .target = i };
	const struct conf_target *target = &check->conf->targets[i];
	struct claim *claims = calloc(target->n_listens + 1, sizeof(*claims));
	size_t n = 0;

	if (!claims) {
		check->msgs->oom = true;
		return;
	}
	for (size_t j = 0; j < target->n_listens; j++) {
		const struct conf_listen *entry = &target->listens[j];

		if (entry->line && (entry->ib || entry->port))
			claims[n++] = (struct claim){
				.text = entry->address,
				.a = entry->ib ? entry->service_id : entry->port,
				.b = entry->ib,
				.index = j,
			};
	}
	claims_check(claims, n, report_listen, &arg);
	free(claims);
}

void check_listens(struct check *check, size_t i)
{
	const struct conf *conf = check->conf;
	struct conf_target *target = &conf->targets[i];
	uint16_t port = target->rdma_cm_port ? target->rdma_cm_port : conf->rdma_cm_port;
	uint64_t id = target->ib_service_id ? target->ib_service_id : conf->ib_service_id;
	bool given = target->n_listens > 0;

	if (!given)
		imply(check, i, port, id ? id : CONF_IB_SERVICE_ID);
	for (size_t j = 0; j < target->n_listens; j++) {
		struct conf_listen *entry = &target->listens[j];

		entry->ib = entry->type && strcmp(entry->type, "ib") == 0;
		if (!entry->line)
			continue;
		if (entry->ib)
			check_ib(check, i, j, id ? id : CONF_IB_SERVICE_ID);
		else
			check_ip(check, i, j, port);
		check_umad(check, i, j);
		if (id)
			entry->implied = false;
	}
	if (given)
		check_twice(check, i);
}
