/* SPDX-License-Identifier: BSD-2-Clause */
/* Bad configurations and exactly what is said about them; notes on good ones. */
#include "conf_test.h"

#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "conf/ident.h"

#define NAME_TEXT "1 … 63 letters, digits and . _ : + @ -, beginning with a letter or digit"
#define NO_TARGETS "F: note: targets: there are none: nobody can log in\n"

struct row {
	const char *text;
	const char *messages;
};

/* Global keys: nothing else in the file. */
static const struct row top_rows[] = {
	{ "workers = 0;", "F:1: workers: 0, expected 1 … 256\n" },
	{ "workers = 257;", "F:1: workers: 257, expected 1 … 256\n" },
	{ "workers = -1;", "F:1: workers: -1, expected 1 … 256\n" },
	{ "workers = 4294967298;", "F:1: workers: 4294967298, expected 1 … 256\n" },
	{ "workers = 0x100000002;", "F:1: workers: 4294967298, expected 1 … 256\n" },
	{ "workers = 99999999999999999999;",
	  "F:1: workers: 9223372036854775807, expected 1 … 256\n" },
	{ "workers = 18446744073709551617L;",
	  "F:1: workers: 9223372036854775807, expected 1 … 256\n" },
	{ "workers = 0x10000000000000001;",
	  "F:1: workers: 9223372036854775807, expected 1 … 256\n" },
	{ "workers = 1.5;", "F:1: workers: 1.5, expected 1 … 256\n" },
	{ "workers = \"2\";", "F:1: workers: \"2\", expected 1 … 256\n" },
	{ "workers = true;", "F:1: workers: true, expected 1 … 256\n" },
	{ "workers = { };", "F:1: workers: a group { }, expected 1 … 256\n" },
	{ "workers = ( );", "F:1: workers: a list ( ), expected 1 … 256\n" },
	{ "cpus = 3;", "F:1: cpus: 3, expected integers in brackets: [ 0, 1 ]\n" },
	{ "cpus = [ 0,\n 1024 ];", "F:2: cpus[1]: 1024, expected 0 … 1023\n" },
	{ "cpus = [ 0, 3, 3 ];", "F:1: cpus[2]: 3, expected each CPU once\n" },
	{ "cpus = [ \"0\" ];", "F:1: cpus[0]: \"0\", expected 0 … 1023\n" },
	{ "engine = \"aio\";", "F:1: engine: \"aio\", expected \"auto\" or \"io_uring\" or \"libaio\"\n" },
	{ "engine = 1;", "F:1: engine: 1, expected \"auto\" or \"io_uring\" or \"libaio\"\n" },
	{ "pool_size = 107374182400;",
	  "F:1: pool_size: 107374182400, expected a size as a string: \"100G\"\n" },
	{ "pool_size = 67108864L;",
	  "F:1: pool_size: 67108864, expected a size as a string: \"64M\"\n" },
	{ "pool_size = 5;", "F:1: pool_size: 5, expected \"128K\" … \"1T\"\n" },
	{ "pool_size = \"5\";", "F:1: pool_size: \"5\", expected \"128K\" … \"1T\"\n" },
	{ "pool_size = \"1 G\";", "F:1: pool_size: \"1 G\", expected \"128K\" … \"1T\"\n" },
	{ "pool_size = \"16E\";", "F:1: pool_size: \"16E\", expected \"128K\" … \"1T\"\n" },
	{ "pool_size = \"-1G\";", "F:1: pool_size: \"-1G\", expected \"128K\" … \"1T\"\n" },
	{ "pool_size = true;", "F:1: pool_size: true, expected \"128K\" … \"1T\"\n" },
	{ "pool_size = \"256K\";",
	  "F:1: pool_size: \"256K\", expected 2 times segment_size or more: \"512K\"\n" },
	{ "segment_size = \"96K\";",
	  "F:1: segment_size: \"96K\", expected a power of two, \"64K\" … \"16M\"\n" },
	{ "segment_size = \"32K\";",
	  "F:1: segment_size: \"32K\", expected a power of two, \"64K\" … \"16M\"\n" },
	{ "poll_us = \"50us\";", "F:1: poll_us: \"50us\", expected 0 … 1000000\n" },
	{ "srp_max_req_size = 8275;", "F:1: srp_max_req_size: 8275, expected 8276 … 262144 or a "
				      "string such as \"256K\"\n" },
	{ "srp_max_req_size = \"1M\";", "F:1: srp_max_req_size: \"1M\", expected 8276 … 262144 or a "
					"string such as \"256K\"\n" },
	{ "srp_max_rsp_size = 39;", "F:1: srp_max_rsp_size: 39, expected 40 … 1024 or a string "
				    "such as \"1K\"\n" },
	{ "srp_max_rdma_size = 4294967552;", "F:1: srp_max_rdma_size: 4294967552, expected 256 … "
					     "16777216 or a string such as \"16M\"\n" },
	{ "srpt_srq_size = 65536;", "F:1: srpt_srq_size: 65536, expected 4 … 65535\n" },
	{ "srpt_sq_size = 15;", "F:1: srpt_sq_size: 15, expected 16 … 65535\n" },
	{ "max_channels = 0;", "F:1: max_channels: 0, expected 1 … 1024\n" },
	{ "req_lim = 3;", "F:1: req_lim: 3, expected 4 … 16384\n" },
	{ "srpt_srq_size = 100;\nreq_lim = 101;",
	  "F:2: req_lim: 101, expected srpt_srq_size (100) or less\n" },
	{ "rdma_cm_port = 65536;", "F:1: rdma_cm_port: 65536, expected 0 … 65535\n" },
	{ "include_dir = \"\";", "F:1: include_dir: \"\", expected 1 … 4095 characters\n" },
	{ "luns = { name = \"a\"; };",
	  "F:1: luns: a group { }, expected groups in parentheses: ( { … }, { … } )\n" },
	{ "luns = ( 5, \"x\" );", "F:1: luns[0]: 5, expected a group: { … }\n"
				  "F:1: luns[1]: \"x\", expected a group: { … }\n" },
	{ "targets = 1;", "F:1: targets: 1, expected groups in parentheses: ( { … }, { … } )\n" },
	/* unknown keys */
	{ "workrs = 1;", "F:1: workrs: unknown key, did you mean `workers'?\n" },
	{ "wokrers = 1;", "F:1: wokrers: unknown key, did you mean `workers'?\n" },
	{ "Workers = 1;", "F:1: Workers: unknown key, did you mean `workers'?\n" },
	{ "srp_max_rps_size = 1;",
	  "F:1: srp_max_rps_size: unknown key, did you mean `srp_max_rsp_size'?\n" },
	{ "port = 1;", "F:1: port: unknown key, did you mean `rdma_cm_port'?\n" },
	{ "zzz = 1;",
	  "F:1: zzz: unknown key, expected one of workers, cpus, engine, pool_size, segment_size, "
	  "poll_us, srp_max_req_size, srp_max_rsp_size, srp_max_rdma_size, srpt_srq_size, "
	  "srpt_sq_size, max_channels, req_lim, rdma_timeout, rdma_cm_port, ib_service_id, cm, "
	  "device_management, service_record, service_lease, ib_redirect, include_dir, alua_hook, state_dir, "
	  "metrics, control_socket, control_mode, control_group, "
	  "luns, targets\n" },
	/* the most that brackets may nest */
	{ "a=((((((((((((((((((((((((((((((((1))))))))))))))))))))))))))))))));",
	  "F:1: a: unknown key, expected one of workers, cpus, engine, pool_size, segment_size, "
	  "poll_us, srp_max_req_size, srp_max_rsp_size, srp_max_rdma_size, srpt_srq_size, "
	  "srpt_sq_size, max_channels, req_lim, rdma_timeout, rdma_cm_port, ib_service_id, cm, "
	  "device_management, service_record, service_lease, ib_redirect, include_dir, alua_hook, state_dir, "
	  "metrics, control_socket, control_mode, control_group, "
	  "luns, targets\n" },
	{ "metrics = \"127.0.0.1\";",
	  "F:1: metrics: \"127.0.0.1\", expected an address and a port, \"127.0.0.1:9777\" or "
	  "\"[::1]:9777\"\n" },
	{ "metrics = \"localhost:9777\";",
	  "F:1: metrics: \"localhost:9777\", expected an address and a port, \"127.0.0.1:9777\" or "
	  "\"[::1]:9777\"\n" },
	{ "metrics = \"127.0.0.1:0\";",
	  "F:1: metrics: \"127.0.0.1:0\", expected an address and a port, \"127.0.0.1:9777\" or "
	  "\"[::1]:9777\"\n" },
	{ "metrics = \"127.0.0.1:65536\";",
	  "F:1: metrics: \"127.0.0.1:65536\", expected an address and a port, \"127.0.0.1:9777\" or "
	  "\"[::1]:9777\"\n" },
	{ "metrics = \"::1:80\";",
	  "F:1: metrics: \"::1:80\", expected an address and a port, \"127.0.0.1:9777\" or "
	  "\"[::1]:9777\"\n" },
	{ "metrics = \"[::1:80\";",
	  "F:1: metrics: \"[::1:80\", expected an address and a port, \"127.0.0.1:9777\" or "
	  "\"[::1]:9777\"\n" },
	/* a long text is cut, and no byte of it reaches the terminal as it is */
	{ "engine = \"0123456789012345678901234567890123456789abc\";",
	  "F:1: engine: \"0123456789012345678901234567890123456789...\", expected \"auto\" or "
	  "\"io_uring\" or \"libaio\"\n" },
	{ "engine = \"\\x1b[2J\\n\";",
	  "F:1: engine: \"?[2J?\", expected \"auto\" or \"io_uring\" or \"libaio\"\n" },
};

/* What cannot be parsed: nothing else is said. */
static const struct row syntax_rows[] = {
	{ "a = (1,\n 2,\n);", "F:3: syntax error: trailing commas are not allowed\n" },
	{ "cpus = [ 1, ];", "F:1: syntax error: trailing commas are not allowed\n" },
	{ "luns = (\n { }\n { }\n);",
	  "F:3: syntax error: a comma is missing between the elements of the list\n" },
	{ "luns = ( {\n", "F:2: syntax error: the file ends too early: a bracket is not closed\n" },
	{ "workers = ;", "F:1: syntax error\n" },
	{ "luns = ( { name \"a\"; } );",
	  "F:1: syntax error: a string is out of place, expected = or a comma before it\n" },
	{ "luns = (\n{ name = \"a\", \"b\"; } );",
	  "F:2: syntax error: a string is out of place, expected = or a comma before it\n" },
	{ "engine = 5 \"a\";",
	  "F:1: syntax error: a string is out of place, expected = or a comma before it\n" },
	{ "workers = ;\nname \"a\";", "F:1: syntax error\n" },
	{ "luns = ( { } { } );\nname \"a\";",
	  "F:1: syntax error: a comma is missing between the elements of the list\n" },
	{ "a=(((((((((((((((((((((((((((((((((1)))))))))))))))))))))))))))))))));",
	  "F:1: brackets in more than 32 levels, expected fewer\n" },
	{ "workers = 1;\nworkers = 2;", "F:2: duplicate setting name\n" },
	{ "cpus = [ 1,\n \"2\" ];", "F:2: mismatched element type in array\n" },
	{ "engine = \"auto;\n", "F:1: string is never closed, expected \"\n" },
	{ "workers = 1;\n/* cpus = [ 1 ];\n", "F:2: comment is never closed, expected */\n" },
	{ "@include \"/etc/passwd\"\n\n@include \"x\"\n",
	  "F:1: @ is not supported, expected include_dir for more files\n"
	  "F:3: @ is not supported, expected include_dir for more files\n" },
};

static void rows_are_bad(const struct row *rows, size_t n, const char *prefix, const char *suffix)
{
	char text[4096], messages[4096];

	for (size_t i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "%s%s", rows[i].text, suffix);
		snprintf(messages, sizeof(messages), "%s%s", prefix, rows[i].messages);
		test_bad(text, messages);
	}
}

/* `targets` with an error gets no note; the two rows about it stand apart. */
static void top(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(top_rows); i++) {
		bool targets = strncmp(top_rows[i].text, "targets", 7) == 0;

		rows_are_bad(&top_rows[i], 1, targets ? "" : NO_TARGETS, "");
	}
}

static void syntax(void **state)
{
	rows_are_bad(syntax_rows, ARRAY_SIZE(syntax_rows), "", "");
}

/* ---- logical units: the keys of luns[0], on line 1 ---- */

#define FILE_LUN "name = \"a\"; path = \"/a\"; "
#define NULL_LUN "name = \"a\"; type = \"null\"; "

static const struct row lun_rows[] = {
	{ "path = \"/a\";", "F:1: luns[0].name: missing, expected " NAME_TEXT "\n" },
	{ "name = \"\"; path = \"/a\";", "F:1: luns[0].name: \"\", expected " NAME_TEXT "\n" },
	{ "name = \"a/b\"; path = \"/a\";", "F:1: luns[0].name: \"a/b\", expected " NAME_TEXT "\n" },
	{ "name = \"../a\"; path = \"/a\";",
	  "F:1: luns[0].name: \"../a\", expected " NAME_TEXT "\n" },
	{ "name = \"a b\"; path = \"/a\";", "F:1: luns[0].name: \"a b\", expected " NAME_TEXT "\n" },
	{ "name = 5; path = \"/a\";", "F:1: luns[0].name: 5, expected a string\n" },
	{ "name = \"a\";", "F:1: luns[0].path: missing, expected an absolute path\n" },
	{ "name = \"a\"; path = \"a.img\";",
	  "F:1: luns[0].path: \"a.img\", expected an absolute path\n" },
	{ FILE_LUN "type = \"blk\";", "F:1: luns[0].type: \"blk\", expected \"file\" or \"null\" or "
	  "\"memory\" or \"passthrough\" or \"cdrom\"\n" },
	{ NULL_LUN, "F:1: luns[0].size: missing, expected a size for type \"null\", such as "
		    "\"10G\"\n" },
	{ "name = \"a\"; type = \"cdrom\"; size = \"1M\"; nv_cache = true; block_size = 4096; ",
	  "F:1: luns[0].size: given, expected none: a disc is only read\n"
	  "F:1: luns[0].nv_cache: given, expected none: a disc is only read\n"
	  "F:1: luns[0].block_size: 4096, expected 2048 for type \"cdrom\"\n" },
	{ "name = \"a\"; type = \"passthrough\"; size = \"1M\"; thin_provisioned = true; prod_id = \"x\"; ",
	  "F:1: luns[0].size: given, expected none: a device passed through has its own\n"
	  "F:1: luns[0].thin_provisioned: given, expected none: a device passed through has its own\n"
	  "F:1: luns[0].prod_id: given, expected none: a device passed through has its own\n"
	  "F:1: luns[0].path: missing, expected an absolute path\n" },
	{ "name = \"a\"; type = \"memory\"; ",
	  "F:1: luns[0].size: missing, expected a size for type \"memory\", such as \"10G\"\n" },
	{ FILE_LUN "hugepages = true;",
	  "F:1: luns[0].hugepages: true, expected false for type \"file\"\n" },
	{ NULL_LUN "size = \"1G\"; path = \"/a\";",
	  "F:1: luns[0].path: \"/a\", expected none for type \"null\"\n" },
	{ NULL_LUN "size = \"0\";", "F:1: luns[0].size: \"0\", expected \"512\" … \"4E\"\n" },
	{ NULL_LUN "size = 107374182400;",
	  "F:1: luns[0].size: 107374182400, expected a size as a string: \"100G\"\n" },
	{ NULL_LUN "size = 1000;", "F:1: luns[0].size: 1000, expected a size as a string: \"1000\"\n" },
	{ NULL_LUN "size = \"1000\";",
	  "F:1: luns[0].size: \"1000\", expected a multiple of block_size (512)\n" },
	{ NULL_LUN "size = \"6K\"; block_size = 4096;",
	  "F:1: luns[0].size: \"6K\", expected a multiple of block_size (4096)\n" },
	{ NULL_LUN "size = \"2K\"; block_size = 4096;",
	  "F:1: luns[0].size: \"2K\", expected a multiple of block_size (4096)\n" },
	{ FILE_LUN "block_size = 520;",
	  "F:1: luns[0].block_size: 520, expected 512, 1024, 2048 or 4096\n" },
	{ FILE_LUN "block_size = \"4K\";",
	  "F:1: luns[0].block_size: \"4K\", expected 512, 1024, 2048 or 4096\n" },
	{ FILE_LUN "o_direct = 2;", "F:1: luns[0].o_direct: 2, expected true or false\n" },
	{ FILE_LUN "read_only = \"yes\";",
	  "F:1: luns[0].read_only: \"yes\", expected true or false\n" },
	{ FILE_LUN "nv_cache = true; write_through = true;",
	  "F:1: luns[0].nv_cache: true, expected false together with write_through\n" },
	{ FILE_LUN "alua = ( { group = 2; }, { group = 1; }, { group = 2; } );",
	  "F:1: luns[0].alua[2].group: 2, expected each group once\n" },
	{ FILE_LUN "alua_explicit = true;",
	  "F:1: luns[0].alua_explicit: true, expected false without alua\n" },
	{ FILE_LUN "fault = ( { } );",
	  "F:1: luns[0].fault[0].error: missing, expected error, kill or delay_ms\n" },
	{ FILE_LUN "fault = ( { kill = true; }, { delay_ms = 1; from = \"4K\"; to = \"4K\"; } );",
	  "F:1: luns[0].fault[1].to: expected more than from\n" },
	{ FILE_LUN "fault = ( { delay_ms = 1; torn = \"4K\"; } );",
	  "F:1: luns[0].fault[0].torn: expected a write with error or kill\n" },
	{ FILE_LUN "fault = ( { op = \"read\"; error = \"EIO\"; torn = \"4K\"; } );",
	  "F:1: luns[0].fault[0].torn: expected a write with error or kill\n" },
	{ FILE_LUN "fault = ( { error = \"EIO\"; cancel = true; } );",
	  "F:1: luns[0].fault[0].cancel: true, expected false without delay_ms\n" },
	{ FILE_LUN "fault = ( { error = \"EIO\"; kill = true; } );",
	  "F:1: luns[0].fault[0].kill: true, expected false together with error\n" },
	{ FILE_LUN "fault = ( { error = \"EPERM\"; } );",
	  "F:1: luns[0].fault[0].error: \"EPERM\", expected \"EIO\" or \"ENOSPC\" or \"EAGAIN\" or "
	  "\"ENOMEM\" or \"EROFS\" or \"ENODATA\" or \"EREMOTEIO\" or \"ETIMEDOUT\"\n" },
	{ FILE_LUN "fault = ( { op = \"verify\"; kill = true; } );",
	  "F:1: luns[0].fault[0].op: \"verify\", expected \"any\" or \"read\" or \"write\" or "
	  "\"flush\" or \"unmap\" or \"zero\"\n" },
	{ FILE_LUN "fault = ( { error = \"EIO\"; rate = 0; } );",
	  "F:1: luns[0].fault[0].rate: 0, expected 1 … 100\n" },
	{ FILE_LUN "t10_vend_id = \"TOO LONG!\";",
	  "F:1: luns[0].t10_vend_id: \"TOO LONG!\", expected 1 … 8 characters\n" },
	{ FILE_LUN "prod_id = \"\";", "F:1: luns[0].prod_id: \"\", expected 1 … 16 characters\n" },
	{ FILE_LUN "prod_id = \"\xc3\xa4\";",
	  "F:1: luns[0].prod_id: \"??\", expected printable ASCII\n" },
	{ FILE_LUN "prod_rev_lvl = \"12345\";",
	  "F:1: luns[0].prod_rev_lvl: \"12345\", expected 1 … 4 characters\n" },
	{ FILE_LUN "usn = 5;", "F:1: luns[0].usn: 5, expected a string\n" },
	{ FILE_LUN "naa_id = 0x3000000000000001;",
	  "F:1: luns[0].naa_id: 3458764513820540929, expected hex digits as a string: "
	  "\"0x3000000000000001\"\n" },
	{ FILE_LUN "naa_id = \"0x6000000000000001\";",
	  "F:1: luns[0].naa_id: \"0x6000000000000001\", expected 16 hex digits beginning with 2, 3 "
	  "or 5, or 32 beginning with 6 (NAA), as a string\n" },
	{ FILE_LUN "naa_id = \"50000000000000010000000000000002\";",
	  "F:1: luns[0].naa_id: \"50000000000000010000000000000002\", expected 16 hex digits "
	  "beginning with 2, 3 or 5, or 32 beginning with 6 (NAA), as a string\n" },
	{ FILE_LUN "eui64_id = 1;",
	  "F:1: luns[0].eui64_id: 1, expected 16 hex digits, not all zero, as a string\n" },
	{ FILE_LUN "eui64_id = \"0x0\";",
	  "F:1: luns[0].eui64_id: \"0x0\", expected 16 hex digits, not all zero, as a string\n" },
	{ FILE_LUN "lb_per_pb_exp = 16;", "F:1: luns[0].lb_per_pb_exp: 16, expected 0 … 15\n" },
	{ FILE_LUN "opt_trans_len = 524288;",
	  "F:1: luns[0].opt_trans_len: 524288, expected a size as a string: \"512K\"\n" },
	{ FILE_LUN "opt_trans_len = \"1000\";",
	  "F:1: luns[0].opt_trans_len: \"1000\", expected a multiple of block_size (512)\n" },
	{ FILE_LUN "readonly = true;", "F:1: luns[0].readonly: unknown key, did you mean "
				       "`read_only'?\n" },
	{ FILE_LUN "serial = \"1\";", "F:1: luns[0].serial: unknown key, did you mean `usn'?\n" },
	{ FILE_LUN "blocksize = 512;",
	  "F:1: luns[0].blocksize: unknown key, did you mean `block_size'?\n" },
};

static void luns(void **state)
{
	char text[1024], messages[1024];

	for (size_t i = 0; i < ARRAY_SIZE(lun_rows); i++) {
		snprintf(text, sizeof(text), "luns = ( { %s } );", lun_rows[i].text);
		snprintf(messages, sizeof(messages), NO_TARGETS "%s", lun_rows[i].messages);
		test_bad(text, messages);
	}
}

#define UNSEEN(line, i, name)                                                                      \
	"F:" #line ": note: luns[" #i "]: \"" name "\" is mapped by no group: nobody will see it\n"

/* Pairs of logical units on lines 1 and 2. */
static const struct row pair_rows[] = {
	{ "{ name = \"a\"; path = \"/a\"; },\n{ name = \"a\"; path = \"/b\"; }",
	  UNSEEN(1, 0, "a") "F:2: luns[1].name: \"a\", expected another than at F:1\n" },
	{ "{ name = \"a\"; path = \"/a\"; },\n{ name = \"b\"; path = \"/a\"; }",
	  UNSEEN(1, 0, "a") "F:2: luns[1].path: \"/a\", expected another than at F:1\n" },
	{ "{ name = \"a\"; path = \"/a\"; usn = \"1\"; },\n{ name = \"b\"; path = \"/b\"; usn = \"1\"; }",
	  UNSEEN(1, 0, "a") "F:2: luns[1].usn: \"1\", expected another than at F:1\n" },
	{ "{ name = \"a\"; path = \"/a\"; naa_id = \"0x3000000000000001\"; },\n"
	  "{ name = \"b\"; path = \"/b\"; naa_id = \"3000:0000:0000:0001\"; }",
	  UNSEEN(1, 0, "a") "F:2: luns[1].naa_id: \"0x3000000000000001\", expected another than at "
			    "F:1\n" },
	{ "{ name = \"a\"; path = \"/a\"; eui64_id = \"0x1\"; },\n"
	  "{ name = \"b\"; path = \"/b\"; eui64_id = \"0x1\"; }",
	  UNSEEN(1, 0, "a") "F:2: luns[1].eui64_id: \"0x0000000000000001\", expected another than at "
			    "F:1\n" },
};

static void lun_pairs(void **state)
{
	char text[1024], messages[1024];

	for (size_t i = 0; i < ARRAY_SIZE(pair_rows); i++) {
		snprintf(text, sizeof(text), "luns = ( %s );", pair_rows[i].text);
		snprintf(messages, sizeof(messages), NO_TARGETS "%s", pair_rows[i].messages);
		test_bad(text, messages);
	}
}

/* One writable, or none: not this check's business. */
static void shared_read_only_path(void **state)
{
	conf_free(test_good("luns = ( { name = \"a\"; path = \"/a\"; },\n"
			    "{ name = \"b\"; path = \"/a\"; read_only = true; } );",
			    NO_TARGETS UNSEEN(1, 0, "a") UNSEEN(2, 1, "b")));
}

/* ---- targets: two LUNs "a" and "b" on line 1, the targets from line 2 ---- */

#define HEAD                                                                                       \
	"luns = ( { name = \"a\"; path = \"/a\"; }, { name = \"b\"; path = \"/b\"; } ); targets = (\n"
#define MAPS "luns = ( { lun = 0; use = \"a\"; }, { lun = 1; use = \"b\"; } ); "
#define GROUP "{ name = \"g\"; initiators = [ \"192.0.2.7\" ]; " MAPS "}"
#define GROUPS "groups = ( " GROUP " ); "
#define IDS "16 hex digits, not all zero, as a string\n"

static const struct row target_rows[] = {
	{ "{ rdma_cm_port = 1; " GROUPS "}",
	  "F:2: targets[0].name: missing, expected " NAME_TEXT "\n" },
	{ "{ name = \"t\"; ib_service_id = \"0002c90300a34270\"; " GROUPS "}",
	  "F:2: note: targets[0].rdma_cm_port: unset, which means off: the target listens on "
	  "InfiniBand only\n"
	  "F:2: targets[0].ib_service_id: 0x0002c90300a34270, expected 00000000013f0001 … "
	  "00000000013fffff, or cm = \"umad\"\n" },
	{ "{ name = \"t\";\n rdma_cm_port = 0; ib_service_id = \"0x13f0000\"; " GROUPS "}",
	  "F:3: note: targets[0].rdma_cm_port: unset, which means off: the target listens on "
	  "InfiniBand only\n"
	  "F:3: targets[0].ib_service_id: 0x00000000013f0000, expected 00000000013f0001 … "
	  "00000000013fffff, or cm = \"umad\"\n" },
	{ "{ name = \"t\"; listen = ( { type = \"ib\"; rdma_cm_port = 1; } ); " GROUPS "}",
	  "F:2: targets[0].listen[0].rdma_cm_port: given, expected type = \"ip\" with it\n" },
	{ "{ name = \"t\"; listen = ( { rdma_cm_port = 1; ib_service_id = \"0x13f1388\"; } ); " GROUPS
	  "}",
	  "F:2: targets[0].listen[0].ib_service_id: given, expected type = \"ib\" with it\n" },
	{ "{ name = \"t\"; listen = ( { type = \"ib\"; address = \"192.0.2.1\"; } ); " GROUPS "}",
	  "F:2: targets[0].listen[0].address: \"192.0.2.1\", expected a GID\n" },
	{ "{ name = \"t\"; listen = ( { type = \"ib\"; ib_service_id = \"0x1063a98\"; } ); " GROUPS "}",
	  "F:2: targets[0].listen[0].ib_service_id: 0x0000000001063a98, expected "
	  "00000000013f0001 … 00000000013fffff, or cm = \"umad\"\n" },
	{ "{ name = \"t\"; listen = ( { type = \"ib\"; },\n { type = \"ib\"; ib_service_id = "
	  "\"0x13f1388\"; } ); " GROUPS "}",
	  "F:3: targets[0].listen[1]: all ports, service id 00000000013f1388, expected another than "
	  "in line 2\n" },
	{ "{ name = \"t\"; listen = ( { type = \"iser\"; rdma_cm_port = 1; } ); " GROUPS "}",
	  "F:2: targets[0].listen[0].type: \"iser\", expected \"ip\" or \"ib\"\n" },
	{ "{ name = \"t\"; listen = ( { address = \"192.0.2.1\"; } ); " GROUPS "}",
	  "F:2: targets[0].listen[0].rdma_cm_port: unset, which means off: the target has no "
	  "listener, expected 1 … 65535\n" },
	{ "{ name = \"t\"; rdma_cm_port = 70000; " GROUPS "}",
	  "F:2: targets[0].rdma_cm_port: 70000, expected 0 … 65535\n" },
	{ "{ name = \"t\"; rdma_cm_port = 1; listen = ( { address = \"localhost\" } ); " GROUPS "}",
	  "F:2: targets[0].listen[0].address: \"localhost\", expected an IPv4 or IPv6 address, "
	  "link-local ones with %interface\n" },
	{ "{ name = \"t\"; rdma_cm_port = 1; listen = ( { address = \"192.0.2.1%e0\" } ); " GROUPS
	  "}",
	  "F:2: targets[0].listen[0].address: \"192.0.2.1%e0\", expected an IPv4 or IPv6 address, "
	  "link-local ones with %interface\n" },
	{ "{ name = \"t\"; rdma_cm_port = 1; listen = ( { address = \"::1\" },\n { rdma_cm_port = 1; "
	  "address = \"::1\" } ); " GROUPS "}",
	  "F:3: targets[0].listen[1]: ::1 port 1, expected another than in line 2\n" },
	{ "{ name = \"t\"; rdma_cm_port = 1; listen = ( { }, { } ); " GROUPS "}",
	  "F:2: targets[0].listen[1]: all addresses, port 1, expected another than in line 2\n" },
	{ "{ name = \"t\"; rdma_cm_port = 1; id_ext = \"0\"; " GROUPS "}",
	  "F:2: targets[0].id_ext: \"0\", expected " IDS },
	{ "{ name = \"t\"; rdma_cm_port = 1; ioc_guid = 12; " GROUPS "}",
	  "F:2: targets[0].ioc_guid: 12, expected " IDS },
	{ "{ name = \"t\"; rdma_cm_port = 1; ioc_guid = \"0005:ad00:0000:0001\"; " GROUPS "}",
	  "F:2: targets[0].ioc_guid: 0x0005ad0000000001, expected one that does not begin with "
	  "0005ad or 001b0d\n" },
	{ "{ name = \"t\"; rdma_cm_port = 1; ioc_guid = \"0x001b0d0000000001\"; " GROUPS "}",
	  "F:2: targets[0].ioc_guid: 0x001b0d0000000001, expected one that does not begin with "
	  "0005ad or 001b0d\n" },
	{ "{ name = \"t\"; rdma_cm_port = 1; rel_tgt_id = 0; " GROUPS "}",
	  "F:2: targets[0].rel_tgt_id: 0, expected 1 … 65535\n" },
	{ "{ name = \"t\"; rdma_cm_port = 1; rel_tgt_id = 4; " GROUPS "},\n"
	  "{ name = \"u\"; rdma_cm_port = 1; rel_tgt_id = 4; " GROUPS "}",
	  "F:3: targets[1].rel_tgt_id: 4, expected another than at F:2\n" },
	{ "{ name = \"t\"; rdma_cm_port = 1; id_ext = \"0x1\"; ioc_guid = \"0x2\"; " GROUPS "},\n"
	  "{ name = \"u\"; rdma_cm_port = 2; id_ext = \"0x1\"; ioc_guid = \"0x2\"; " GROUPS "}",
	  "F:3: targets[1].ioc_guid: id_ext 0x0000000000000001 and ioc_guid 0x0000000000000002, "
	  "expected a pair other than at F:2\n" },
	{ "{ name = \"t\"; rdma_cm_port = 1; id_ext = \"0x1\"; ioc_guid = \"0x2\"; " GROUPS "},\n"
	  "{ name = \"t\"; rdma_cm_port = 2; id_ext = \"0x1\"; ioc_guid = \"0x3\"; " GROUPS "}",
	  "F:3: targets[1].name: \"t\", expected another than at F:2\n" },
	{ "{ name = \"t\"; rdma_cm_port = 1; group = (); " GROUPS "}",
	  "F:2: targets[0].group: unknown key, did you mean `groups'?\n" },
	{ "{ name = \"t\"; rdma_cm_port = 1; groups = ( " GROUP ",\n" GROUP " ); }",
	  "F:3: targets[0].groups[1].name: \"g\", expected a name not used in line 2\n" },
};

/* Groups: the keys of targets[0].groups[0], from line 3. */
static const struct row group_rows[] = {
	{ "initiators = [ \"192.0.2.7\" ]; " MAPS,
	  "F:3: targets[0].groups[0].name: missing, expected " NAME_TEXT "\n" },
	{ "name = \"g\"; " MAPS, "F:3: targets[0].groups[0].initiators: missing, expected strings in "
				 "brackets: [ \"…\", \"…\" ]\n" },
	{ "name = \"g\"; initiators = \"*\"; " MAPS,
	  "F:3: targets[0].groups[0].initiators: \"*\", expected strings in brackets: [ \"…\", \"…\" "
	  "]\n" },
	{ "name = \"g\"; initiators = [ 5 ]; " MAPS,
	  "F:3: targets[0].groups[0].initiators[0]: 5, expected a string\n" },
	{ "name = \"g\"; initiators = [ \"192.0.2.1\",\n \"192.0.2.7/24\", \"fd00::/129\" ]; " MAPS,
	  "F:4: targets[0].groups[0].initiators[1]: \"192.0.2.7/24\", expected a net without host "
	  "bits: \"192.0.2.0/24\"\n"
	  "F:4: targets[0].groups[0].initiators[2]: \"fd00::/129\", expected a prefix length of 0 … "
	  "128\n" },
	{ "name = \"g\"; initiator = [ \"*\" ]; initiators = [ \"192.0.2.1\" ]; " MAPS,
	  "F:3: targets[0].groups[0].initiator: unknown key, did you mean `initiators'?\n" },
};

/* Mappings: the elements of targets[0].groups[0].luns, from line 3. */
static const struct row map_rows[] = {
	{ "{ lun = 70000; use = \"a\"; }, { lun = 1; use = \"b\"; }",
	  "F:3: targets[0].groups[0].luns[0].lun: 70000, expected 0 … 16383\n" },
	{ "{ lun = 16384; use = \"a\"; }, { lun = 0; use = \"b\"; }",
	  "F:3: targets[0].groups[0].luns[0].lun: 16384, expected 0 … 16383\n" },
	{ "{ lun = 4294967296; use = \"a\"; }, { lun = 0; use = \"b\"; }",
	  "F:3: targets[0].groups[0].luns[0].lun: 4294967296, expected 0 … 16383\n" },
	{ "{ use = \"a\"; }, { lun = 0; use = \"b\"; }",
	  "F:3: targets[0].groups[0].luns[0].lun: missing, expected 0 … 16383\n" },
	{ "{ lun = 0; use = \"a\"; }, { lun = 1; use = \"b\"; }, { lun = 2; }",
	  "F:3: targets[0].groups[0].luns[2].use: missing, expected " NAME_TEXT "\n" },
	{ "{ lun = 0; use = \"a\"; }, { lun = 1; use = \"b\"; },\n{ lun = 2; use = \"c\"; }",
	  "F:4: targets[0].groups[0].luns[2].use: \"c\", expected the name of one of luns\n" },
	{ "{ lun = 5; use = \"a\"; },\n{ lun = 0; use = \"b\"; },\n{ lun = 5; use = \"b\"; }",
	  "F:5: targets[0].groups[0].luns[2].lun: 5, expected a number not used in line 3\n" },
	{ "{ lun = 0; use = \"a\"; readonly = true; }, { lun = 1; use = \"b\"; }",
	  "F:3: targets[0].groups[0].luns[0].readonly: unknown key, did you mean `read_only'?\n" },
	{ "{ lun = 0; use = \"a\"; }, { lun = 1; use = \"b\"; }, 7",
	  "F:3: targets[0].groups[0].luns[2]: 7, expected a group: { … }\n" },
};

static void in_frame(const struct row *row, const char *before, const char *after)
{
	char text[2048];

	snprintf(text, sizeof(text), HEAD "%s%s%s );", before, row->text, after);
	test_bad(text, row->messages);
}

static void targets(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(target_rows); i++)
		in_frame(&target_rows[i], "", "");
}

static void groups(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(group_rows); i++)
		in_frame(&group_rows[i], "{ name = \"t\"; rdma_cm_port = 1; groups = (\n{ ",
			 " } ); }");
}

static void mappings(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(map_rows); i++)
		in_frame(&map_rows[i],
			 "{ name = \"t\"; rdma_cm_port = 1; groups = ( { name = \"g\"; "
			 "initiators = [ \"192.0.2.7\" ]; luns = (\n",
			 " ); } ); }");
}

/* ---- notes: the groups of targets[0], from line 3 ---- */

static const struct row note_rows[] = {
	{ GROUP, "" },
	{ "{ name = \"g\"; initiators = [ \"192.0.2.7\",\n \"*\" ]; " MAPS "}",
	  "F:3: note: targets[0].groups[0].initiators: group \"g\" admits anyone\n" },
	{ "{ name = \"g\"; initiators = [ \"*\", \"!192.0.2.7\" ]; " MAPS "}",
	  "F:3: note: targets[0].groups[0].initiators: group \"g\" admits anyone but those excluded "
	  "with !\n" },
	{ "{ name = \"g\"; initiators = [ \"!192.0.2.7\" ]; " MAPS "}",
	  "F:3: note: targets[0].groups[0].initiators: group \"g\" admits nobody: it only excludes\n" },
	{ "{ name = \"g\"; initiators = [ ]; " MAPS "}",
	  "F:3: note: targets[0].groups[0].initiators: group \"g\" admits nobody: it is empty\n" },
	{ "{ name = \"g\"; initiators = [ \"*\" ]; " MAPS "},\n"
	  "{ name = \"h\"; initiators = [ \"192.0.2.7\" ]; " MAPS "}",
	  "F:3: note: targets[0].groups[0].initiators: group \"g\" admits anyone\n"
	  "F:4: note: targets[0].groups[1].initiators: group \"h\" is never reached: group \"g\" "
	  "before it admits anyone\n" },
	{ "{ name = \"g\"; initiators = [ \"192.0.2.7\" ];\n"
	  " luns = ( { lun = 1; use = \"a\"; }, { lun = 2; use = \"b\"; } ); }",
	  "F:4: note: targets[0].groups[0].luns: initiators of group \"g\" will see no LUN 0, where "
	  "some stop looking\n" },
	{ "{ name = \"g\"; initiators = [ \"192.0.2.7\" ]; luns = ( { lun = 0; use = \"b\"; } ); }",
	  "F:1: note: luns[0]: \"a\" is mapped by no group: nobody will see it\n" },
};

static void notes(void **state)
{
	char text[2048];

	for (size_t i = 0; i < ARRAY_SIZE(note_rows); i++) {
		snprintf(text, sizeof(text),
			 HEAD "{ name = \"t\"; rdma_cm_port = 1; groups = (\n%s ); } );",
			 note_rows[i].text);
		conf_free(test_good(text, note_rows[i].messages));
	}
	conf_free(test_good("workers = 3; cpus = [ 1, 2 ];",
			    NO_TARGETS
			    "F:1: note: workers: 3 on 2 cpus: some will share one\n"));
}

/* ---- all at once ---- */

static void all_at_once(void **state)
{
	test_bad("workers = 0;\n"
		 "pool_size = 5;\n"
		 "luns = (\n"
		 "  { name = \"a\"; path = \"a\"; },\n"
		 "  { name = \"a\"; type = \"null\"; sise = \"1G\"; }\n"
		 ");\n"
		 "targets = (\n"
		 "  { name = \"t\";\n"
		 "    groups = (\n"
		 "      { name = \"g\"; initiators = [ \"*\" ];\n"
		 "        luns = ( { lun = 0; use = \"a\"; },\n"
		 "                 { lun = 0; use = \"z\"; } ); }\n"
		 "    );\n"
		 "  }\n"
		 ");\n",
		 "F:1: workers: 0, expected 1 … 256\n"
		 "F:2: pool_size: 5, expected \"128K\" … \"1T\"\n"
		 "F:4: luns[0].path: \"a\", expected an absolute path\n"
		 "F:5: luns[1].sise: unknown key, did you mean `size'?\n"
		 "F:5: luns[1].size: missing, expected a size for type \"null\", such as \"10G\"\n"
		 "F:5: luns[1].name: \"a\", expected another than at F:4\n"
		 "F:8: note: targets[0].rdma_cm_port: unset, which means off: the target listens on "
		 "InfiniBand only\n"
		 "F:10: note: targets[0].groups[0].initiators: group \"g\" admits anyone\n"
		 "F:12: targets[0].groups[0].luns[1].use: \"z\", expected the name of one of luns\n"
		 "F:12: targets[0].groups[0].luns[1].lun: 0, expected a number not used in line 11\n");
}

static void no_machine_id(void **state)
{
	const char *saved = ident_machine_id_file;

	ident_machine_id_file = "/nothing";
	test_bad(HEAD "{ name = \"t\"; rdma_cm_port = 1; " GROUPS "} );",
		 "F:1: luns[0].usn: missing and not to be derived from /nothing (No such file or "
		 "directory), expected a serial number\n"
		 "F:1: luns[1].usn: missing and not to be derived from /nothing (No such file or "
		 "directory), expected a serial number\n"
		 "F:2: targets[0].id_ext: missing and not to be derived from /nothing (No such file "
		 "or directory), expected 16 hex digits as a string\n"
		 "F:2: targets[0].ioc_guid: missing and not to be derived from /nothing (No such "
		 "file or directory), expected 16 hex digits as a string\n");
	conf_free(test_good("luns = ( { name = \"a\"; path = \"/a\"; usn = \"1\"; } );\n"
			    "targets = ( { name = \"t\"; rdma_cm_port = 1; id_ext = \"0x1\";\n"
			    "ioc_guid = \"0x2\"; groups = ( { name = \"g\";\n"
			    "initiators = [ \"192.0.2.7\" ]; luns = ( { lun = 0; use = \"a\"; } ); "
			    "} ); } );",
			    ""));
	ident_machine_id_file = saved;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(top),		 cmocka_unit_test(syntax),
		cmocka_unit_test(luns),		 cmocka_unit_test(lun_pairs),
		cmocka_unit_test(shared_read_only_path),
		cmocka_unit_test(targets),	 cmocka_unit_test(groups),
		cmocka_unit_test(mappings),	 cmocka_unit_test(notes),
		cmocka_unit_test(all_at_once),	 cmocka_unit_test(no_machine_id),
	};

	return cmocka_run_group_tests(tests, test_setup, test_teardown);
}
