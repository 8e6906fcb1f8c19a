/* SPDX-License-Identifier: BSD-2-Clause */
/* srpio discover: SRP targets of the InfiniBand subnets, as strings for whoever logs in. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

#include "srpio/discover.h"
#include "srpio/tool.h"

enum {
	DEFAULT_TIMEOUT_MS = 1000,
	STRING_LEN = 256,
	IO_CLASS_REV16A = 0x0100
};

/* What ib_srp's add_target takes; srp_daemon writes the same. */
static void ib_srp_string(const struct found_target *t, char buf[STRING_LEN])
{
	int n = snprintf(buf, STRING_LEN,
			 "id_ext=%016" PRIx64 ",ioc_guid=%016" PRIx64 ",dgid=", t->id_ext,
			 t->ioc_guid);

	for (size_t i = 0; i < 16; i++)
		n += snprintf(buf + n, STRING_LEN - (size_t)n, "%02x", t->dgid[i]);
	n += snprintf(buf + n, STRING_LEN - (size_t)n, ",pkey=%04x,service_id=%016" PRIx64, t->pkey,
		      t->service_id);
	if (t->io_class != IO_CLASS_REV16A)
		snprintf(buf + n, STRING_LEN - (size_t)n, ",io_class=%04x", t->io_class);
}

static void srpio_string(const struct found_target *t, const char *gid, char buf[STRING_LEN])
{
	snprintf(buf, STRING_LEN, "ib://[%s%%%04x]:%016" PRIx64 "/%016" PRIx64 "/%016" PRIx64 "/0",
		 gid, t->pkey, t->service_id, t->id_ext, t->ioc_guid);
}

static json_t *describe(const struct found_target *t)
{
	char gid[INET6_ADDRSTRLEN], ib_srp[STRING_LEN], rule[STRING_LEN + 2], url[STRING_LEN];
	json_t *obj;

	inet_ntop(AF_INET6, t->dgid, gid, sizeof(gid));
	ib_srp_string(t, ib_srp);
	snprintf(rule, sizeof(rule), "a %s", ib_srp);
	srpio_string(t, gid, url);
	obj = json_pack("{s:s, s:i, s:s, s:s, s:s, s:s}", "device", t->device, "port", t->port,
			"found_by", t->by_record ? "service record" : "device management", "ib_srp",
			ib_srp, "srp_daemon", rule, "srpio", url);
	if (t->name[0])
		json_object_set_new(obj, "name",
				    tool_ascii((const uint8_t *)t->name, strlen(t->name)));
	if (t->lid)
		json_object_set_new(obj, "lid", json_integer(t->lid));
	return obj;
}

static void print_text(const json_t *targets)
{
	static const char *const keys[] = { "ib_srp", "srp_daemon", "srpio" };
	const json_t *t;
	size_t i;

	json_array_foreach(targets, i, t)
	{
		const json_t *name = json_object_get(t, "name");

		printf("%s (%s port %d, by %s)\n", name ? json_string_value(name) : "target",
		       json_string_value(json_object_get(t, "device")),
		       (int)json_integer_value(json_object_get(t, "port")),
		       json_string_value(json_object_get(t, "found_by")));
		for (size_t k = 0; k < ARRAY_SIZE(keys); k++)
			printf("  %-10s  %s\n", keys[k],
			       json_string_value(json_object_get(t, keys[k])));
	}
}

static int report(const struct opts *opts, const struct discovery *d)
{
	json_t *root = json_object(), *list = json_array();

	for (size_t i = 0; i < d->n_targets; i++)
		json_array_append_new(list, describe(&d->targets[i]));
	json_object_set(root, "targets", list);
	if (opts->json) {
		tool_print(opts, root);
	} else {
		print_text(list);
		json_decref(root);
	}
	json_decref(list);
	return EXIT_OK;
}

int verb_discover(const struct opts *opts)
{
	struct discovery d = {
		.device = opts->device,
		.timeout_ms = opts->timeout_ms ? (int)opts->timeout_ms : DEFAULT_TIMEOUT_MS,
		.dm = opts->discover_by != DISCOVER_RECORD,
		.records = opts->discover_by != DISCOVER_DM,
	};
	int rc;

	discover(&d);
	if (!d.n_ports && opts->device)
		rc = tool_fail(opts, EXIT_CONNECT, "%s has no InfiniBand port", opts->device);
	else if (!d.n_ports)
		rc = tool_fail(opts, EXIT_CONNECT,
			       "no InfiniBand port here; over IP (RoCE, iWARP, IPoIB) nothing "
			       "announces SRP targets: their addresses must be known");
	else if (!d.n_targets && d.err[0])
		rc = tool_fail(opts, EXIT_CONNECT, "%s", d.err);
	else
		rc = report(opts, &d);
	if (rc == EXIT_OK && d.err[0])
		fprintf(stderr, "srpio: %s\n", d.err);
	if (rc == EXIT_OK && !d.n_targets && !opts->json)
		fprintf(stderr, "srpio: no SRP target found\n");
	discover_free(&d);
	return rc;
}
