/* SPDX-License-Identifier: BSD-2-Clause */
/* Every key arrives where it belongs, and so does every default. */
#include "conf_test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/keys.h"

/* Nothing here is a default; tables_are_covered() demands that every key of every table occurs. */
static const char everything[] =
	"workers = 3; cpus = [ 4, 2, 1023 ]; engine = \"io_uring\"; pool_size = \"3G\";\n"
	"segment_size = \"1M\"; poll_us = 7; srp_max_req_size = 8276; srp_max_rsp_size = \"1K\";\n"
	"srp_max_rdma_size = 65536; srpt_srq_size = 1000; srpt_sq_size = 77; max_channels = 5;\n"
	"req_lim = 99; rdma_timeout = 8; rdma_cm_port = 1111; include_dir = \"inc\"; alua_hook = \"/hook\"; state_dir = \"/state\"; control_socket = \"/run/s\"; control_mode = \"0600\"; control_group = \"adm\"; metrics = \"[::1]:9777\"; cm = \"af_ib\"; ib_service_id = \"0x13f0007\";"
	" device_management = false; service_record = false; service_lease = 60; ib_redirect = \"fe80::7\";\n"
	"luns = ( { name = \"a\"; type = \"file\"; path = \"/srv/a.img\"; size = \"1G\";\n"
	"  block_size = 4096; o_direct = true; read_only = true; write_through = true;\n"
	"  rotational = true; removable = 1; thin_provisioned = TRUE; t10_vend_id = \"ACME\";\n"
	"  prod_id = \"Disk\"; prod_rev_lvl = \"0001\"; usn = \"S-1\";\n"
	"  naa_id = \"0x3000000000000001\"; eui64_id = \"0002:c903:00a3:4271\";\n"
	"  lb_per_pb_exp = 3; opt_trans_len = \"64K\"; fault = (\n"
	"  { op = \"write\"; from = \"4K\"; to = \"1M\"; error = \"EIO\"; torn = \"2K\"; rate = 50;\n"
	"    delay_ms = 20; cancel = true; seed = 7; after = 2; count = 3; after_ms = 4; for_ms = 5; },\n"
	"  { kill = true; } );\n"
	"  alua_explicit = true; qos_iops = 5; qos_bandwidth = \"7M\"; qos_burst_ms = 9;\n"
	"  alua = ( { group = 7; state = \"standby\"; preferred = true; }, { group = 8; } ); },\n"
	" { name = \"b\"; type = \"null\"; size = \"512\"; nv_cache = true; read_zero = false; },\n"
	" { name = \"c\"; type = \"memory\"; size = \"1M\"; hugepages = true; } );\n"
	"targets = ( { name = \"t\"; id_ext = \"0x1\"; ioc_guid = \"0000000000000002\";\n"
	"  rel_tgt_id = 9; port_group = 7; rdma_cm_port = 2222; comp_v_mask = 0x4000000000000001L;\n"
	"  aer = true;\n"
	"  listen = ( { address = \"192.0.2.1\"; rdma_cm_port = 3333; }, { address = \"fe80::1%e0\" },\n"
	"             { }, { type = \"ib\" } );\n"
	"  groups = ( { name = \"g\"; initiators = [ \"192.0.2.7\", \"!192.0.2.8\" ]; qos_iops = 6; qos_bandwidth = \"8M\"; qos_burst_ms = 0;\n"
	"    luns = ( { lun = 16383; use = \"b\"; read_only = true; }, { lun = 0; use = \"a\"; } ); },\n"
	"  { name = \"h\"; initiators = ( \"192.0.2.9\" ); luns = ( { lun = 0; use = \"c\" } ); } );\n"
	"} );\n";

static void check_top(const struct conf *conf)
{
	assert_int_equal(conf->workers, 3);
	assert_int_equal(conf->n_cpus, 3);
	assert_int_equal(conf->cpus[0], 4);
	assert_int_equal(conf->cpus[1], 2);
	assert_int_equal(conf->cpus[2], 1023);
	assert_string_equal(conf->engine, "io_uring");
	assert_int_equal(conf->pool_size, 3ull << 30);
	assert_int_equal(conf->segment_size, 1 << 20);
	assert_int_equal(conf->poll_us, 7);
	assert_int_equal(conf->srp_max_req_size, 8276);
	assert_int_equal(conf->srp_max_rsp_size, 1024);
	assert_int_equal(conf->srp_max_rdma_size, 65536);
	assert_int_equal(conf->srpt_srq_size, 1000);
	assert_int_equal(conf->srpt_sq_size, 77);
	assert_int_equal(conf->max_channels, 5);
	assert_int_equal(conf->req_lim, 99);
	assert_int_equal(conf->rdma_timeout, 8);
	assert_int_equal(conf->rdma_cm_port, 1111);
	assert_string_equal(conf->cm, "af_ib");
	assert_false(conf->device_management);
	assert_false(conf->service_record);
	assert_int_equal(conf->service_lease, 60);
	assert_string_equal(conf->ib_redirect, "fe80::7");
	assert_int_equal(conf->ib_service_id, 0x13f0007);
	assert_string_equal(conf->include_dir, "inc");
	assert_string_equal(conf->state_dir, "/state");
	assert_string_equal(conf->alua_hook, "/hook");
	assert_string_equal(conf->control_socket, "/run/s");
	assert_string_equal(conf->control_mode, "0600");
	assert_string_equal(conf->control_group, "adm");
	assert_string_equal(conf->metrics, "[::1]:9777");
	assert_string_equal(conf->file, conf->files[0]);
	assert_int_equal(conf->n_luns, 3);
	assert_int_equal(conf->n_targets, 1);
}

static void check_faults(const struct conf_lun *lun)
{
	const struct conf_fault *f = lun->faults, *g = f + 1;

	assert_int_equal(lun->n_faults, 2);
	assert_string_equal(f->op, "write");
	assert_string_equal(f->error, "EIO");
	assert_int_equal(f->from, 4096);
	assert_int_equal(f->to, 1 << 20);
	assert_int_equal(f->torn, 2048);
	assert_int_equal(f->rate, 50);
	assert_int_equal(f->delay_ms, 20);
	assert_true(f->cancel);
	assert_int_equal(f->seed, 7);
	assert_int_equal(f->after, 2);
	assert_int_equal(f->count, 3);
	assert_int_equal(f->after_ms, 4);
	assert_int_equal(f->for_ms, 5);
	assert_false(f->kill);
	assert_string_equal(g->op, "any");
	assert_null(g->error);
	assert_true(g->kill && !g->from && !g->to && !g->torn && !g->delay_ms && !g->cancel);
	assert_int_equal(g->rate, 100);
	assert_int_equal(g->seed, 1);
	assert_true(!g->after && !g->count && !g->after_ms && !g->for_ms);
}

static void check_access(const struct conf_lun *lun)
{
	assert_true(lun->alua_explicit);
	assert_int_equal(lun->n_alua, 2);
	assert_int_equal(lun->alua[0].group, 7);
	assert_string_equal(lun->alua[0].state, "standby");
	assert_true(lun->alua[0].preferred);
	assert_int_equal(lun->alua[1].group, 8);
	assert_string_equal(lun->alua[1].state, "active");
	assert_false(lun->alua[1].preferred);
}

static void check_luns(const struct conf *conf)
{
	const struct conf_lun *a = &conf->luns[0], *b = &conf->luns[1];

	assert_string_equal(a->name, "a");
	assert_string_equal(a->type, "file");
	assert_string_equal(a->path, "/srv/a.img");
	assert_int_equal(a->size, 1 << 30);
	assert_int_equal(a->block_size, 4096);
	assert_true(a->o_direct && a->read_only && a->write_through && a->rotational);
	assert_true(a->removable && a->thin && a->read_zero && !a->nv_cache);
	assert_string_equal(a->vendor, "ACME");
	assert_string_equal(a->product, "Disk");
	assert_string_equal(a->revision, "0001");
	assert_string_equal(a->serial, "S-1");
	assert_int_equal(a->naa[0], 0x3000000000000001);
	assert_int_equal(a->eui64, 0x0002c90300a34271);
	assert_int_equal(a->lb_per_pb_exp, 3);
	assert_int_equal(a->opt_transfer, 65536);
	check_faults(a);
	check_access(a);
	assert_int_equal(a->line, 5);
	assert_ptr_equal(a->file, conf->files[0]);
	assert_string_equal(b->type, "null");
	assert_int_equal(b->size, 512);
	assert_true(b->nv_cache && !b->read_zero && !b->hugepages);
	assert_string_equal(conf->luns[2].type, "memory");
	assert_true(conf->luns[2].hugepages);
	assert_int_equal(b->line, 16);
}

static void check_target(const struct conf_target *t)
{
	assert_string_equal(t->name, "t");
	assert_int_equal(t->id_ext, 1);
	assert_int_equal(t->ioc_guid, 2);
	assert_int_equal(t->rel_target_port, 9);
	assert_int_equal(t->port_group, 7);
	assert_int_equal(t->rdma_cm_port, 2222);
	assert_true(t->comp_v_mask == 0x4000000000000001);
	assert_true(t->aer);
	assert_int_equal(t->line, 18);
	assert_int_equal(t->n_listens, 4);
	assert_string_equal(t->listens[0].address, "192.0.2.1");
	assert_int_equal(t->listens[0].port, 3333);
	assert_int_equal(t->listens[0].line, 21);
	assert_string_equal(t->listens[1].address, "fe80::1%e0");
	assert_int_equal(t->listens[1].port, 2222);
	assert_null(t->listens[2].address);
	assert_int_equal(t->listens[2].port, 2222);
	assert_true(t->listens[3].ib);
	assert_int_equal(t->listens[3].service_id, 0x13f0007);
}

static void check_groups(const struct conf_target *t)
{
	const struct conf_group *g = &t->groups[0], *h = &t->groups[1];

	assert_int_equal(t->n_groups, 2);
	assert_string_equal(g->name, "g");
	assert_int_equal(g->line, 23);
	assert_int_equal(g->n_initiators, 2);
	assert_string_equal(g->initiators[0], "192.0.2.7");
	assert_string_equal(g->initiators[1], "!192.0.2.8");
	assert_int_equal(g->n_maps, 2);
	assert_int_equal(g->maps[0].lun, 16383);
	assert_int_equal(g->maps[0].lun_index, 1);
	assert_string_equal(g->maps[0].use, "b");
	assert_true(g->maps[0].read_only);
	assert_int_equal(g->maps[0].line, 24);
	assert_int_equal(g->maps[1].lun, 0);
	assert_int_equal(g->maps[1].lun_index, 0);
	assert_false(g->maps[1].read_only);
	assert_string_equal(h->name, "h");
	assert_int_equal(h->n_initiators, 1);
	assert_string_equal(h->initiators[0], "192.0.2.9");
}

static char *with_include_dir(const char *text)
{
	const char *at = strstr(text, "\"inc\"");
	char *out = NULL;

	assert_non_null(at);
	assert_true(asprintf(&out, "%.*s\"%s\"%s", (int)(at - text), text, test_path("."), at + 5) > 0);
	return out;
}

static void all_keys(void **state)
{
	char *text = with_include_dir(everything);
	struct conf *conf = test_good(
		text, "F:4: note: ib_redirect: without effect: only cm = \"umad\" can redirect\n");

	free(conf->include_dir);
	conf->include_dir = strdup("inc");
	check_top(conf);
	check_luns(conf);
	check_target(&conf->targets[0]);
	check_groups(&conf->targets[0]);
	conf_free(conf);
	free(text);
}

/* Does "name = " occur in everything[], and not as the end of a longer name? */
static bool is_set(const char *name)
{
	char assignment[64];

	snprintf(assignment, sizeof(assignment), "%s = ", name);
	for (const char *p = everything; (p = strstr(p, assignment)); p++)
		if (p == everything || strchr(" \n{", p[-1]))
			return true;
	return false;
}

static void tables_are_covered(void **state)
{
	for (size_t i = 0; i < conf_n_tables; i++)
		for (size_t k = 0; k < conf_tables[i]->n_keys; k++)
			if (!is_set(conf_tables[i]->keys[k].name))
				fail_msg("no test sets %s", conf_tables[i]->keys[k].name);
}

static void defaults(void **state)
{
	struct conf *conf = test_good(
		"luns = ( { name = \"db0\"; path = \"/a\"; } );\n"
		"targets = ( { name = \"disk1\"; rdma_cm_port = 5555;\n"
		"groups = ( { name = \"g\"; initiators = [ \"192.0.2.7\" ];\n"
		"luns = ( { lun = 0; use = \"db0\"; } ); } ); } );\n",
		"");
	const struct conf_lun *lun = &conf->luns[0];
	const struct conf_target *t = &conf->targets[0];

	assert_in_range(conf->workers, 1, 4);
	assert_int_equal(conf->n_cpus, 0);
	assert_string_equal(conf->engine, "auto");
	assert_int_equal(conf->pool_size, 64 << 20);
	assert_int_equal(conf->segment_size, 256 << 10);
	assert_int_equal(conf->poll_us, 50);
	assert_int_equal(conf->srp_max_req_size, 16384);
	assert_int_equal(conf->srp_max_rsp_size, 512);
	assert_int_equal(conf->srp_max_rdma_size, 1 << 20);
	assert_int_equal(conf->srpt_srq_size, 32768);
	assert_int_equal(conf->srpt_sq_size, 256);
	assert_int_equal(conf->max_channels, 64);
	assert_int_equal(conf->req_lim, 128);
	assert_int_equal(conf->rdma_timeout, 60);
	assert_int_equal(conf->rdma_cm_port, 0);
	assert_null(conf->include_dir);
	assert_string_equal(lun->type, "file");
	assert_int_equal(lun->size, 0);
	assert_int_equal(lun->block_size, 512);
	assert_int_equal(lun->lb_per_pb_exp, 0xff);
	assert_false(lun->o_direct || lun->read_only || lun->write_through || lun->nv_cache);
	assert_false(lun->rotational || lun->removable || lun->thin);
	assert_true(lun->read_zero);
	assert_null(lun->vendor);
	assert_null(lun->product);
	assert_null(lun->revision);
	assert_string_equal(lun->serial, "058a5cff02ffcf14");
	assert_true(lun->naa[0] == 0 && lun->eui64 == 0 && lun->opt_transfer == 0);
	assert_int_equal(t->id_ext, 0x068285d14835fb05);
	assert_int_equal(t->ioc_guid, 0x068285d14835fb05);
	assert_int_equal(t->rel_target_port, 1);
	assert_int_equal(t->n_listens, 2);
	assert_null(t->listens[0].address);
	assert_int_equal(t->listens[0].port, 5555);
	assert_false(t->listens[0].ib);
	assert_true(t->listens[1].ib && t->listens[1].implied);
	assert_null(t->listens[1].address);
	assert_int_equal(t->listens[1].service_id, 0x13f1388);
	assert_string_equal(conf->cm, "auto");
	assert_false(t->groups[0].maps[0].read_only);
	conf_free(conf);
}

/* A target without groups is legal, and short. */
#define TARGET(name, more) "{ name = \"" name "\"; groups = (); " more "}"
#define REFUSES(i, name)                                                                           \
	"F:1: note: targets[" #i "]: target \"" name "\" has no groups: everybody is refused\n"

static void relative_ports(void **state)
{
	struct conf *conf = test_good("rdma_cm_port = 1; targets = ( " TARGET("a", "") ", " TARGET(
					      "b", "rel_tgt_id = 1;") ", " TARGET("c", "") " );",
				      REFUSES(0, "a") REFUSES(1, "b") REFUSES(2, "c"));

	assert_int_equal(conf->targets[0].rel_target_port, 2);
	assert_int_equal(conf->targets[1].rel_target_port, 1);
	assert_int_equal(conf->targets[2].rel_target_port, 3);
	conf_free(conf);
}

static void global_port(void **state)
{
	struct conf *conf = test_good(
		"rdma_cm_port = 1; targets = ( " TARGET("a", "rdma_cm_port = 0;") ", " TARGET(
			"b", "listen = ( { address = \"::1\"; } );") ", " TARGET("c", "rdma_cm_port = 2;") " );",
		REFUSES(0, "a") REFUSES(1, "b") REFUSES(2, "c"));

	assert_int_equal(conf->targets[0].listens[0].port, 1);
	assert_int_equal(conf->targets[1].listens[0].port, 1);
	assert_int_equal(conf->targets[2].listens[0].port, 2);
	conf_free(conf);
}

static void infiniband_listeners(void **state)
{
	struct conf *conf = test_good(
		"ib_service_id = \"0x13f2222\"; targets = ( " TARGET("a", "") ", " TARGET(
			"b", "ib_service_id = \"0x13f3333\"; listen = ( { type = \"ib\"; }, { type = "
			     "\"ib\"; ib_service_id = \"0x13f4444\"; address = \"fe80::1\"; } );")
			", " TARGET("fe80::2:c903:a3:4271", "rdma_cm_port = 7;") " );",
		"F:1: note: targets[0].rdma_cm_port: unset, which means off: the target listens on "
		"InfiniBand only\n" REFUSES(0, "a") REFUSES(1, "b")
			REFUSES(2, "fe80::2:c903:a3:4271"));
	const struct conf_target *t = conf->targets;

	assert_int_equal(t[0].n_listens, 1);
	assert_int_equal(t[0].listens[0].service_id, 0x13f2222);
	assert_int_equal(t[1].n_listens, 2);
	assert_int_equal(t[1].listens[0].service_id, 0x13f3333);
	assert_false(t[1].listens[0].implied);
	assert_int_equal(t[1].listens[1].service_id, 0x13f4444);
	assert_string_equal(t[1].listens[1].address, "fe80::1");
	/* named by a port's GID: that port alone, and its GUID */
	assert_int_equal(t[2].n_listens, 2);
	assert_true(t[2].listens[1].ib);
	assert_string_equal(t[2].listens[1].address, "fe80::2:c903:a3:4271");
	assert_int_equal(t[2].id_ext, 0x0002c90300a34271);
	assert_int_equal(t[2].ioc_guid, 0x0002c90300a34271);
	conf_free(conf);
}

/* What the kernel targets called themselves. */
static void kernel_names(void **state)
{
	struct conf *conf = test_good("rdma_cm_port = 1; targets = ( " TARGET(
					      "0002:c903:00A3:4270", "id_ext = \"0x1\";") ", " TARGET(
					      "ib_srpt_target_0", "") " );",
				      REFUSES(0, "0002:c903:00A3:4270") REFUSES(1, "ib_srpt_target_0"));

	assert_int_equal(conf->targets[0].id_ext, 1);
	assert_int_equal(conf->targets[0].ioc_guid, 0x0002c90300a34270);
	assert_int_equal(conf->targets[1].ioc_guid >> 56 & 3, 2); /* derived from the name */
	conf_free(conf);
}

/* Any service id, but no RDMA/CM on all addresses. */
static void own_cm(void **state)
{
	struct conf *conf = test_good(
		"cm = \"umad\"; targets = ( " TARGET(
			"a", "ib_service_id = \"0002c90300a34270\"; listen = ( { type = \"ib\"; }, "
			     "{ address = \"192.0.2.1\"; rdma_cm_port = 1; } );") " );",
		REFUSES(0, "a"));

	assert_string_equal(conf->cm, "umad");
	assert_int_equal(conf->targets[0].listens[0].service_id, 0x0002c90300a34270);
	assert_true(conf->device_management && conf->service_record && !conf->ib_redirect);
	conf_free(conf);
	test_bad("cm = \"umad\";\nib_redirect = \"here\";\ntargets = ( " TARGET("a", "") " );",
		 "F:2: ib_redirect: \"here\", expected the GID of a port, "
		 "\"fe80::2:c903:a3:4271\"\n"
		 "F:3: note: targets[0].rdma_cm_port: unset, which means off: the target listens on "
		 "InfiniBand only\n"
		 "F:3: note: targets[0]: target \"a\" has no groups: everybody is refused\n");
	test_bad("cm = \"umad\";\nrdma_cm_port = 1;\ntargets = ( " TARGET("a", "") " );",
		 "F:3: targets[0].rdma_cm_port: RDMA/CM on all addresses together with cm = \"umad\", "
		 "expected none, or one on the address of a RoCE or iWARP device\n");
	test_bad("cm = \"umad\";\ntargets = ( " TARGET(
			 "a", "listen = ( { type = \"ib\"; },\n{ rdma_cm_port = 1; } );") " );",
		 "F:3: targets[0].listen[1]: RDMA/CM on all addresses together with cm = \"umad\", "
		 "expected none, or one on the address of a RoCE or iWARP device\n");
}

static void workers_follow_cpus(void **state)
{
	struct conf *conf = test_good("cpus = [ 9, 8, 7, 6, 5 ];",
				      "F: note: targets: there are none: nobody can log in\n");

	assert_int_equal(conf->workers, 5);
	conf_free(conf);
}

static void same_listener_in_two_targets(void **state)
{
	conf_free(test_good("targets = ( " TARGET("a", "rdma_cm_port = 5;") ", " TARGET(
				    "b", "rdma_cm_port = 5;") " );",
			    REFUSES(0, "a") REFUSES(1, "b")));
}

static void sample(void **state)
{
	char *text = test_read(CONF_SAMPLE);
	struct conf *conf = test_good(text, "");

	assert_int_equal(conf->n_luns, 4);
	assert_int_equal(conf->n_targets, 2);
	conf_free(conf);
	free(text);
}

static void open_errors(void **state)
{
	static const char text[] = "workers = 1;\0workers = 2;";
	struct conf *conf = NULL;
	char *raw = NULL;
	size_t size = 0;
	FILE *errs = open_memstream(&raw, &size);

	assert_int_equal(conf_load(test_path("nothing"), &conf, errs), -ENOENT);
	assert_int_equal(conf_load(test_path("."), &conf, errs), -EISDIR);
	test_write("F", text, sizeof(text) - 1);
	assert_true(conf_load(test_path("F"), &conf, errs) < 0);
	assert_null(conf);
	fclose(errs);
	assert_non_null(strstr(raw, "/nothing: cannot be read: No such file or directory\n"));
	assert_non_null(strstr(raw, "/.: cannot be read: Is a directory\n"));
	assert_non_null(strstr(raw, "/F: has a NUL byte, expected text\n"));
	free(raw);
}

static void for_path(void **state)
{
	struct conf *conf = conf_for_path("/srv/my disk.img", 1 << 20, 5555);
	const struct conf_target *t = &conf->targets[0];

	assert_int_equal(conf->n_luns, 1);
	assert_string_equal(conf->luns[0].name, "my_disk.img");
	assert_string_equal(conf->luns[0].path, "/srv/my disk.img");
	assert_string_equal(conf->luns[0].type, "file");
	assert_int_equal(conf->luns[0].size, 1 << 20);
	assert_int_equal(conf->luns[0].block_size, 512);
	assert_int_equal(strlen(conf->luns[0].serial), 16);
	assert_int_equal(conf->n_targets, 1);
	assert_string_equal(t->name, "my_disk.img");
	assert_int_equal(t->id_ext, t->ioc_guid);
	assert_int_equal(t->ioc_guid >> 56 & 3, 2);
	assert_int_equal(t->rel_target_port, 1);
	assert_int_equal(t->n_listens, 2);
	assert_null(t->listens[0].address);
	assert_int_equal(t->listens[0].port, 5555);
	assert_false(t->listens[0].ib);
	assert_true(t->listens[1].ib && t->listens[1].implied);
	assert_null(t->listens[1].address);
	assert_int_equal(t->listens[1].service_id, 0x13f1388);
	assert_string_equal(conf->cm, "auto");
	assert_int_equal(t->n_groups, 1);
	assert_int_equal(t->groups[0].n_initiators, 1);
	assert_string_equal(t->groups[0].initiators[0], "*");
	assert_int_equal(t->groups[0].n_maps, 1);
	assert_int_equal(t->groups[0].maps[0].lun, 0);
	assert_int_equal(t->groups[0].maps[0].lun_index, 0);
	assert_in_range(conf->workers, 1, 4);
	assert_int_equal(conf->req_lim, 128);
	conf_free(conf);
	conf_free(NULL);
}

static void for_odd_paths(void **state)
{
	static const char *const rows[][2] = {
		{ "disk.img", "disk.img" }, { "/", "lun0" },	  { "", "lun0" },
		{ "/srv/.hidden", "hidden" }, { "/dev/sda", "sda" }, { "/srv/a\xc3\xa4", "a__" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct conf *conf = conf_for_path(rows[i][0], 0, 1);

		assert_string_equal(conf->luns[0].name, rows[i][1]);
		conf_free(conf);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_keys),	   cmocka_unit_test(tables_are_covered),
		cmocka_unit_test(defaults),	   cmocka_unit_test(relative_ports),
		cmocka_unit_test(global_port),	   cmocka_unit_test(workers_follow_cpus),
		cmocka_unit_test(same_listener_in_two_targets),
		cmocka_unit_test(infiniband_listeners),
		cmocka_unit_test(kernel_names),
		cmocka_unit_test(own_cm),
		cmocka_unit_test(sample),	   cmocka_unit_test(open_errors),
		cmocka_unit_test(for_path),	   cmocka_unit_test(for_odd_paths),
	};

	return cmocka_run_group_tests(tests, test_setup, test_teardown);
}
