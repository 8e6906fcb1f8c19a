/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables themselves, and the checks of single texts. What needs two keys at once is in check.c
 * and check_lun.c. The help texts are the manual: complete sentences in scdoc markup.
 */
#include "conf/keys.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/compiler.h"
#include "conf/acl.h"
#include "conf/conf.h"

#define K           (1ull << 10)
#define M           (1ull << 20)
#define G           (1ull << 30)
#define T           (1ull << 40)
#define LUN_UNSET   0xffff /* no SCSI LUN: check.c passes over it */
#define DERIVE      0xff
#define NAME_MAX_LEN 63

#define FIELD(s, f) .offset = offsetof(struct s, f), .width = sizeof(((struct s *)0)->f)
#define ARRAY(s, f, count)                                                                         \
	.offset = offsetof(struct s, f), .count_offset = offsetof(struct s, count)
#define KEYS(k) .keys = (k), .n_keys = ARRAY_SIZE(k)

static int expected(char *err, size_t err_len, const char *text)
{
	snprintf(err, err_len, "%s", text);
	return -EINVAL;
}

static int check_gid(const char *text, char *err, size_t err_len)
{
	struct in6_addr gid;

	if (inet_pton(AF_INET6, text, &gid) == 1)
		return 0;
	return expected(err, err_len, "the GID of a port, \"fe80::2:c903:a3:4271\"");
}

static int check_name(const char *text, char *err, size_t err_len)
{
	size_t n = strlen(text);

	if (n <= NAME_MAX_LEN && isalnum((unsigned char)text[0])) {
		while (n && (isalnum((unsigned char)text[n - 1]) || strchr("._:+@-", text[n - 1])))
			n--;
		if (!n)
			return 0;
	}
	return expected(err, err_len,
			"1 … 63 letters, digits and . _ : + @ -, beginning with a letter or digit");
}

/* INQUIRY and VPD strings are ASCII 20h to 7Eh (SPC-4 4.3.1). */
static int check_ascii(const char *text, char *err, size_t err_len)
{
	for (; *text; text++)
		if (*text < 0x20 || *text > 0x7e)
			return expected(err, err_len, "printable ASCII");
	return 0;
}

static int check_path(const char *text, char *err, size_t err_len)
{
	return text[0] == '/' ? 0 : expected(err, err_len, "an absolute path");
}

static int check_address(const char *text, char *err, size_t err_len)
{
	size_t n = strcspn(text, "%");
	struct in6_addr addr;
	char copy[INET6_ADDRSTRLEN];

	if (n < sizeof(copy)) {
		snprintf(copy, sizeof(copy), "%.*s", (int)n, text);
		if (!text[n] && inet_pton(AF_INET, copy, &addr) == 1)
			return 0;
		if (inet_pton(AF_INET6, copy, &addr) == 1) {
			if (!text[n])
				return 0;
			/* a scope makes sense for a link-local address only (RFC 4007) */
			if (IN6_IS_ADDR_LINKLOCAL(&addr) && text[n + 1] &&
			    strlen(text + n + 1) < IF_NAMESIZE)
				return 0;
		}
	}
	return expected(err, err_len, "an IPv4 or IPv6 address, link-local ones with %interface");
}

static int check_endpoint(const char *text, char *err, size_t err_len)
{
	struct sockaddr_storage addr;

	if (conf_parse_endpoint(text, &addr) == 0)
		return 0;
	return expected(err, err_len, "an address and a port, \"127.0.0.1:9777\" or \"[::1]:9777\"");
}

static bool is_power_of_two(uint64_t value)
{
	return value && (value & (value - 1)) == 0;
}

#define QOS_KEYS(s, whose)                                                                         \
	{ .name = "qos_iops", .type = KEY_UINT, FIELD(s, qos.iops), .max = 100000000, .def = "0",      \
	  .aka = " iops max_iops ",                                   \
	  .help = "Commands per second that may move blocks of " whose ". The rest waits. 0 = unlimited. A reload, or " \
		  "*srptctl* with *lun set* or *group set*, changes it at once." },               \
	{ .name = "qos_bandwidth", .type = KEY_SIZE, FIELD(s, qos.bandwidth),  \
	  .max = 1 * T, .def = "0", .aka = " bandwidth max_bandwidth mbps ",      \
	  .help = "Bytes per second, in both directions together, as a size: \"200M\"." },         \
	{ .name = "qos_burst_ms", .type = KEY_UINT, FIELD(s, qos.burst_ms), .max = 60000,          \
	  .def = "100",                                                                            \
	  .help = "How much of the rates may be saved up while less is asked for: so many "        \
		  "milliseconds' worth then passes at once." }

static const struct key fault_keys[] = {
	{ .name = "op", .type = KEY_CHOICE, FIELD(conf_fault, op), .def = "any",
	  .choices = { "any", "read", "write", "flush", "unmap", "zero" }, .aka = " operation ",
	  .help = "The requests to the store that are meant. What becomes *unmap* or *zero* is "
		  "decided above: a WRITE SAME of zeroes is a *zero*." },
	{ .name = "from", .type = KEY_SIZE, FIELD(conf_fault, from), .max = 1ull << 62,
	  .def = "0", .help = "First byte of the range: requests that touch it are meant. A flush "
			      "touches everything." },
	{ .name = "to", .type = KEY_SIZE, FIELD(conf_fault, to), .min = 512, .max = 1ull << 62,
	  .default_text = "the end", .help = "First byte behind the range." },
	{ .name = "error", .type = KEY_CHOICE, FIELD(conf_fault, error),
	  .choices = { "EIO", "ENOSPC", "EAGAIN", "ENOMEM", "EROFS", "ENODATA", "EREMOTEIO",
		       "ETIMEDOUT" },
	  .default_text = "none", .aka = " errno ",
	  .help = "The request fails and does nothing, or what *torn* says." },
	{ .name = "torn", .type = KEY_SIZE, FIELD(conf_fault, torn), .max = 1ull << 30, .def = "0",
	  .help = "With *error* or *kill*: this much from the beginning of a write is on the medium "
		  "before. Rounded down to whole blocks." },
	{ .name = "kill", .type = KEY_BOOL, FIELD(conf_fault, kill), .def = "false",
	  .aka = " die crash ",
	  .help = "The daemon dies at this request, as by SIGKILL, with every other request under "
		  "way." },
	{ .name = "delay_ms", .type = KEY_UINT, FIELD(conf_fault, delay_ms), .max = 3600000,
	  .def = "0", .aka = " delay ",
	  .help = "Milliseconds that the request is held, as by a device that hangs: only then "
		  "it fails, or begins. Requests behind it do not wait." },
	{ .name = "cancel", .type = KEY_BOOL, FIELD(conf_fault, cancel), .def = "false",
	  .aka = " recall ",
	  .help = "With *delay_ms*: an abort takes the request back as long as it is held; nothing "
		  "of it is done then. Without, it is held as if the device had it already, and "
		  "whoever aborts it has to wait." },
	{ .name = "rate", .type = KEY_UINT, FIELD(conf_fault, rate), .min = 1, .max = 100,
	  .def = "100", .aka = " percent probability ",
	  .help = "Percent of the requests, chosen by *seed* and their order: the same each time." },
	{ .name = "seed", .type = KEY_UINT, FIELD(conf_fault, seed), .max = UINT32_MAX, .def = "1",
	  .help = "Chooses for *rate*." },
	{ .name = "after", .type = KEY_UINT, FIELD(conf_fault, after), .max = UINT32_MAX,
	  .def = "0", .aka = " skip ", .help = "So many requests that are meant pass first." },
	{ .name = "count", .type = KEY_UINT, FIELD(conf_fault, count), .max = UINT32_MAX,
	  .def = "0", .aka = " times ", .help = "At most so many times; 0 = no limit." },
	{ .name = "after_ms", .type = KEY_UINT, FIELD(conf_fault, after_ms), .max = UINT32_MAX,
	  .def = "0", .help = "Nothing before so many milliseconds after the start." },
	{ .name = "for_ms", .type = KEY_UINT, FIELD(conf_fault, for_ms), .max = UINT32_MAX,
	  .def = "0", .help = "And nothing when it has lasted so long; 0 = no end." },
};

static const struct key_table fault_table = {
	.title = "fault of a lun", KEYS(fault_keys), .size = sizeof(struct conf_fault),
	.line = offsetof(struct conf_fault, line),
	.intro = "Faults on purpose, for tests of initiators and of this daemon; never where data "
		 "matters. The first that strikes a request counts. The log names them at start.",
};

static const struct key access_keys[] = {
	{ .name = "group", .type = KEY_UINT, .required = true, FIELD(conf_access, group), .min = 1,
	  .max = 65535, .aka = " target_port_group port_group tpg id ",
	  .help = "Target port group, once in the list: *port_group* of the targets in it." },
	{ .name = "state", .type = KEY_CHOICE, FIELD(conf_access, state), .def = "active",
	  .choices = { "active", "nonoptimized", "standby", "unavailable", "offline",
		       "transitioning" },
	  .aka = " access ", .help = "State of access (SPC-4 5.15.2.4); *active* is active/optimized." },
	{ .name = "preferred", .type = KEY_BOOL, FIELD(conf_access, preferred), .def = "false",
	  .aka = " pref ", .help = "Initiators are told to prefer the ports of this group." },
};

static const struct key_table access_table = {
	.title = "alua of a lun", KEYS(access_keys), .size = sizeof(struct conf_access),
	.line = offsetof(struct conf_access, line),
	.intro = "Asymmetric access (ALUA): what multipath software is told of the paths to a logical "
		 "unit, and what runs on them. With at least one entry the logical unit reports its "
		 "target port groups; those that are not in the list are active. A reload changes the "
		 "states while initiators are logged in, and tells them.",
};

static const struct key lun_keys[] = {
	{ .name = "name", .type = KEY_TEXT, .required = true, FIELD(conf_lun, name),
	  .check = check_name, .max = NAME_MAX_LEN, .aka = " id ",
	  .help = "Name of the logical unit, unique in all files. Groups refer to it with *use*; "
		  "the product identification and, with the machine id, the serial number come "
		  "from it where they are not given." },
	{ .name = "type", .type = KEY_CHOICE, FIELD(conf_lun, type), .def = "file",
	  .choices = { "file", "null", "memory", "passthrough", "cdrom" }, .aka = " handler backend ",
	  .help = "*file* is a regular file or a block device. *null* accepts all writes and keeps "
		  "nothing: it is for measuring everything but the storage. *memory* keeps data until "
		  "the daemon stops, in memory that is taken as it is written. *passthrough* is a SCSI "
		  "device of this machine as it is, see *PASSTHROUGH*. *cdrom* is a drive for discs, with "
		  "the image at _path_ in it or, without a path, empty: removable, read-only, blocks of "
		  "2048 bytes. Another path in a reload is another disc." },
	{ .name = "path", .type = KEY_TEXT, FIELD(conf_lun, path), .check = check_path, .min = 1,
	  .max = 4095, .default_text = "none; required for types *file*, *passthrough*",
	  .aka = " filename file device dev udev_path ",
	  .help = "Absolute path of the file or block device; for type *passthrough* of the SCSI "
		  "device, /dev/sg\\* or /dev/bsg/\\*. Two writable logical units may not "
		  "have the same one. It is claimed: a block device that is mounted or otherwise in "
		  "use, and a file that another process or logical unit has locked, are refused at "
		  "start; I/O of a predecessor that has been killed is waited for, 60 seconds at most. "
		  "A new size of the file or device is seen within seconds, and initiators are told. "
		  "A configuration check does not look at the path." },
	{ .name = "size", .type = KEY_SIZE, FIELD(conf_lun, size), .min = 512, .max = 1ull << 62,
	  .default_text = "that of the file; required for types *null*, *memory*", .aka = " size_mb capacity ",
	  .help = "For types *null* and *memory* the size. For type *file* a file that does not exist is created "
		  "with this size; without it the file has to exist. A multiple of *block_size*." },
	{ .name = "block_size", .type = KEY_UINT, FIELD(conf_lun, block_size), .min = 512,
	  .max = 4096, .fits = is_power_of_two, .def = "512",
	  .expected = "512, 1024, 2048 or 4096", .aka = " blocksize sector_size ",
	  .help = "Bytes of a logical block. Changing it for existing data changes what "
		  "partition tables mean." },
	{ .name = "o_direct", .type = KEY_BOOL, FIELD(conf_lun, o_direct), .def = "false",
	  .aka = " direct ",
	  .help = "Go past the page cache. Best for block devices and for files on fast storage; "
		  "some file systems refuse it." },
	{ .name = "read_only", .type = KEY_BOOL, FIELD(conf_lun, read_only), .def = "false",
	  .aka = " readonly ro ", .help = "No initiator may write; the file is opened for reading." },
	{ .name = "write_through", .type = KEY_BOOL, FIELD(conf_lun, write_through),
	  .def = "false", .aka = " sync ",
	  .help = "Every write is on stable storage before it is answered, and the caching mode "
		  "page says so (WCE 0)." },
	{ .name = "nv_cache", .type = KEY_BOOL, FIELD(conf_lun, nv_cache), .def = "false",
	  .help = "The cache below is non-volatile: flushes and FUA have nothing to do. With an "
		  "ordinary page cache this loses acknowledged data at a power cut. Not together "
		  "with *write_through*." },
	{ .name = "rotational", .type = KEY_BOOL, FIELD(conf_lun, rotational), .def = "false",
	  .help = "Report a rotating medium (VPD page B1h)." },
	{ .name = "removable", .type = KEY_BOOL, FIELD(conf_lun, removable), .def = "false",
	  .help = "Report a removable medium (INQUIRY, RMB)." },
	{ .name = "thin_provisioned", .type = KEY_BOOL, FIELD(conf_lun, thin), .def = "false",
	  .aka = " thin discard unmap ",
	  .help = "Report thin provisioning and let UNMAP and WRITE SAME deallocate blocks: of a file "
		  "they become holes, on a block device they are discarded. That unmapped blocks read "
		  "as zeroes (LBPRZ) is promised for files, for memory, and for block devices of which "
		  "the kernel (6.17 or newer) says so." },
	{ .name = "read_zero", .type = KEY_BOOL, FIELD(conf_lun, read_zero), .def = "true",
	  .help = "Type *null* only: reads give zeroes. With *false* they give whatever is in the "
		  "buffer, perhaps the data of another initiator." },
	{ .name = "hugepages", .type = KEY_BOOL, FIELD(conf_lun, hugepages), .def = "false",
	  .help = "Type *memory* only: in huge pages, all of them taken at start (see "
		  "*vm.nr_hugepages*)." },
	{ .name = "t10_vend_id", .type = KEY_TEXT, FIELD(conf_lun, vendor), .check = check_ascii,
	  .min = 1, .max = 8, .default_text = "the device server's", .aka = " vendor ",
	  .help = "T10 vendor identification in INQUIRY data." },
	{ .name = "prod_id", .type = KEY_TEXT, FIELD(conf_lun, product), .check = check_ascii,
	  .min = 1, .max = 16, .default_text = "from *name*", .aka = " product model ",
	  .help = "Product identification in INQUIRY data." },
	{ .name = "prod_rev_lvl", .type = KEY_TEXT, FIELD(conf_lun, revision),
	  .check = check_ascii, .min = 1, .max = 4, .default_text = "the device server's",
	  .aka = " revision ", .help = "Product revision level in INQUIRY data." },
	{ .name = "usn", .type = KEY_TEXT, FIELD(conf_lun, serial), .check = check_ascii, .min = 1,
	  .max = 36, .default_text = "from *name* and the machine id, see IDENTITY",
	  .aka = " serial unit_serial serial_number ",
	  .help = "Unit serial number (VPD page 80h), unique. Give it when the data may move to "
		  "another machine, or is served by two." },
	{ .name = "naa_id", .type = KEY_NAA, FIELD(conf_lun, naa),
	  .default_text = "a locally assigned one from *usn*", .aka = " naa wwn wwid ",
	  .help = "NAA designator (VPD page 83h), by which multipath software knows the logical "
		  "unit; unique." },
	{ .name = "eui64_id", .type = KEY_ID64, FIELD(conf_lun, eui64), .default_text = "none",
	  .aka = " eui eui64 ", .help = "EUI-64 designator (VPD page 83h); unique." },
	{ .name = "lb_per_pb_exp", .type = KEY_UINT, FIELD(conf_lun, lb_per_pb_exp), .max = 15,
	  .unset = DERIVE, .default_text = "from the file or device",
	  .help = "Logical blocks per physical block, as a power of two: 3 with 512-byte logical "
		  "and 4096-byte physical blocks." },
	{ .name = "opt_trans_len", .type = KEY_SIZE, FIELD(conf_lun, opt_transfer), .min = 512,
	  .max = 1 * G, .default_text = "\"512K\"",
	  .help = "Optimal transfer length (VPD page B0h). A multiple of *block_size*." },
	{ .name = "alua", .type = KEY_TABLE, ARRAY(conf_lun, alua, n_alua), .table = &access_table,
	  .default_text = "none", .aka = " access ",
	  .help = "States of access by target port group, see below." },
	{ .name = "alua_explicit", .type = KEY_BOOL, FIELD(conf_lun, alua_explicit), .def = "false",
	  .aka = " expl_alua ",
	  .help = "With *alua*: initiators may change the states (SET TARGET PORT GROUPS), if "
		  "*alua_hook* agrees. A restart brings back those of the configuration." },
	{ .name = "fault", .type = KEY_TABLE, ARRAY(conf_lun, faults, n_faults),
	  .table = &fault_table, .default_text = "none", .aka = " faults ",
	  .help = "Requests that fail, hang or are torn on purpose, see below." },
	QOS_KEYS(conf_lun, "the logical unit, from all initiators together"),
};

static const struct key_table lun_table = {
	.title = "luns", KEYS(lun_keys), .size = sizeof(struct conf_lun),
	.line = offsetof(struct conf_lun, line),
	.intro = "Each group of the list *luns* is a logical unit. It is visible to nobody until a "
		 "group of a target maps it.",
};

static const struct key mapping_keys[] = {
	{ .name = "lun", .type = KEY_UINT, .required = true, FIELD(conf_mapping, lun),
	  .max = 16383, .unset = LUN_UNSET, .aka = " number id ",
	  .help = "The number under which initiators see it; once in a group. Initiators look for "
		  "LUN 0 first: a group without it gets a note." },
	{ .name = "use", .type = KEY_TEXT, .required = true, FIELD(conf_mapping, use),
	  .check = check_name, .max = NAME_MAX_LEN, .aka = " name device ",
	  .help = "Name of one of *luns*." },
	{ .name = "read_only", .type = KEY_BOOL, FIELD(conf_mapping, read_only), .def = "false",
	  .aka = " readonly ro ", .help = "This group may not write." },
};

static const struct key_table mapping_table = {
	.title = "luns of a group", KEYS(mapping_keys), .size = sizeof(struct conf_mapping),
	.line = offsetof(struct conf_mapping, line),
	.intro = "What the initiators of the group see. A logical unit that is not here does not "
		 "exist for them.",
};

static const struct key group_keys[] = {
	{ .name = "name", .type = KEY_TEXT, .required = true, FIELD(conf_group, name),
	  .check = check_name, .max = NAME_MAX_LEN, .help = "Name of the group, unique in its target." },
	{ .name = "initiators", .type = KEY_TEXTS, .required = true,
	  ARRAY(conf_group, initiators, n_initiators), .check = acl_check,
	  .aka = " initiator acl acls hosts allow ",
	  .help = "Patterns of the initiators that are admitted, see INITIATOR PATTERNS." },
	{ .name = "luns", .type = KEY_TABLE, .required = true, ARRAY(conf_group, maps, n_maps),
	  .table = &mapping_table, .help = "What they see, see below." },
	QOS_KEYS(conf_group, "the group's logical units, by all its initiators together"),
};

static const struct key_table group_table = {
	.title = "groups of a target", KEYS(group_keys), .size = sizeof(struct conf_group),
	.line = offsetof(struct conf_group, line),
	.intro = "Who may log in, and what he sees. The groups of a target are tried in their "
		 "order and the first that matches counts. *An initiator that matches none is "
		 "refused.*",
};

static const struct key listen_keys[] = {
	{ .name = "type", .type = KEY_CHOICE, FIELD(conf_listen, type), .def = "ip",
	  .choices = { "ip", "ib" },
	  .help = "*ip* takes logins by RDMA/CM over RoCE, iWARP and IPoIB. *ib* takes native "
		  "InfiniBand logins." },
	{ .name = "address", .type = KEY_TEXT, FIELD(conf_listen, address), .check = check_address,
	  .min = 1, .max = 64, .default_text = "all addresses of both families; all ports",
	  .help = "IPv4 or IPv6 address to listen on; with type *ib* the GID of the one InfiniBand "
		  "port through which the target can be logged in to." },
	{ .name = "rdma_cm_port", .type = KEY_UINT, FIELD(conf_listen, port), .max = 65535,
	  .default_text = "that of the target", .aka = " port ",
	  .help = "Type *ip*: port to listen on." },
	{ .name = "ib_service_id", .type = KEY_ID64, FIELD(conf_listen, service_id),
	  .default_text = "that of the target", .aka = " service_id ",
	  .help = "Type *ib*: service id to listen on." },
};

static const struct key_table listen_table = {
	.title = "listen of a target", KEYS(listen_keys), .size = sizeof(struct conf_listen),
	.line = offsetof(struct conf_listen, line),
	.intro = "Listeners, where those that a target has by itself are not what is wanted: on all "
		 "addresses if there is an *rdma_cm_port*, and on all InfiniBand ports. Several "
		 "targets may have the same one: the initiator names the target by its ids.",
};

static const struct key target_keys[] = {
	{ .name = "name", .type = KEY_TEXT, .required = true, FIELD(conf_target, name),
	  .check = check_name, .max = NAME_MAX_LEN,
	  .help = "Name of the target, unique in all files. The ids come from it and the machine id "
		  "where they are not given." },
	{ .name = "id_ext", .type = KEY_ID64, FIELD(conf_target, id_ext),
	  .default_text = "see IDENTITY", .aka = " id tid_ext ",
	  .help = "Identifier extension: the first half of the target port identifier." },
	{ .name = "ioc_guid", .type = KEY_ID64, FIELD(conf_target, ioc_guid),
	  .default_text = "see IDENTITY", .aka = " guid srpt_service_guid ",
	  .help = "I/O controller GUID: the second half. The pair of both is unique. The vendor "
		  "prefixes 0005ad and 001b0d are refused: Linux initiators treat them specially." },
	{ .name = "rel_tgt_id", .type = KEY_UINT, FIELD(conf_target, rel_target_port), .min = 1,
	  .max = 65535, .default_text = "the lowest free, in order of appearance",
	  .help = "Relative target port identifier, unique. Give it where targets come and go: "
		  "persistent reservations remember it." },
	{ .name = "port_group", .type = KEY_UINT, FIELD(conf_target, port_group), .max = 65535,
	  .default_text = "one of its own, numbered as *rel_tgt_id*",
	  .aka = " target_port_group tpg ",
	  .help = "Target port group that the target is in, for *alua* of the logical units. Two "
		  "machines that serve the same data need different ones." },
	{ .name = "rdma_cm_port", .type = KEY_UINT, FIELD(conf_target, rdma_cm_port), .max = 65535,
	  .default_text = "the global one", .aka = " port ",
	  .help = "Port on which the target listens on all addresses, or the default for the "
		  "entries of *listen*. 0 is the same as none: no logins over IP." },
	{ .name = "ib_service_id", .type = KEY_ID64, FIELD(conf_target, ib_service_id),
	  .default_text = "the global one", .aka = " service_id ",
	  .help = "Service id of native InfiniBand logins to the target, see NATIVE INFINIBAND." },
	{ .name = "comp_v_mask", .type = KEY_UINT, FIELD(conf_target, comp_v_mask), .max = INT64_MAX,
	  .def = "0", .expected = "a bit mask such as 0x0f", .aka = " comp_vector comp_mask ",
	  .help = "Completion vectors of the RDMA device that the channels of this target use, one "
		  "bit each: where its interrupts go when a worker sleeps. Workers take them in "
		  "turn. 0 means all vectors of the device." },
	{ .name = "aer", .type = KEY_BOOL, FIELD(conf_target, aer), .def = "false",
	  .aka = " async_event_reports ",
	  .help = "Report unit attentions that arise, such as a changed capacity or LUN map, at once "
		  "by SRP_AER_REQ, on one channel of each session. Linux initiators take note of "
		  "them in their log only; the unit attention itself is reported in any case." },
	{ .name = "listen", .type = KEY_TABLE, ARRAY(conf_target, listens, n_listens),
	  .table = &listen_table,
	  .default_text = "all addresses if there is an *rdma_cm_port*, and all InfiniBand ports",
	  .aka = " listens portals portal ", .help = "Listeners, see below." },
	{ .name = "groups", .type = KEY_TABLE, ARRAY(conf_target, groups, n_groups),
	  .table = &group_table, .default_text = "none: everybody is refused",
	  .aka = " ini_groups acls ", .help = "Who may log in, see below." },
};

static const struct key_table target_table = {
	.title = "targets", KEYS(target_keys), .size = sizeof(struct conf_target),
	.line = offsetof(struct conf_target, line),
	.intro = "Each group of the list *targets* is a SCSI target port.",
};

static const struct key top_keys[] = {
	{ .name = "workers", .type = KEY_UINT, FIELD(conf, workers), .min = 1, .max = 256,
	  .default_text = "as many as *cpus* has entries, or the CPUs of the machine up to 4",
	  .aka = " threads threads_num ", .help = "Polling threads." },
	{ .name = "cpus", .type = KEY_UINTS, ARRAY(conf, cpus, n_cpus), .max = 1023,
	  .default_text = "not pinned", .aka = " cpu_mask cpu ",
	  .help = "CPUs to which the workers are pinned, in turn." },
	{ .name = "engine", .type = KEY_CHOICE, FIELD(conf, engine), .def = "auto",
	  .choices = { "auto", "io_uring", "libaio" },
	  .help = "How workers do their I/O. *auto* is io_uring, or libaio where the kernel, "
		  "*kernel.io_uring_disabled* or a seccomp filter refuses it; the log says so. "
		  "Under libaio only direct I/O (*o_direct*) is asynchronous in the kernel, and of that "
		  "only what cannot sleep: block devices, and reads of files. Everything else goes "
		  "through a bounded number of threads, 8 requests per logical unit at a time." },
	{ .name = "pool_size", .type = KEY_SIZE, FIELD(conf, pool_size), .min = 128 * K,
	  .max = 1 * T, .def = "64M",
	  .help = "Memory for data buffers, per worker; it is locked and registered with the RDMA "
		  "devices. At least 2 segments. Commands wait in line when it is used up." },
	{ .name = "segment_size", .type = KEY_SIZE, FIELD(conf, segment_size), .min = 64 * K,
	  .max = 16 * M, .fits = is_power_of_two, .def = "256K",
	  .expected = "a power of two, \"64K\" … \"16M\"",
	  .help = "Size of one data buffer. Larger transfers go through several." },
	{ .name = "poll_us", .type = KEY_UINT, FIELD(conf, poll_us), .max = 1000000, .def = "50",
	  .help = "The longest that an idle worker polls before it sleeps, in microseconds; it "
		  "adapts below that. 0 = sleep at once." },
	{ .name = "srp_max_req_size", .type = KEY_BYTES, FIELD(conf, srp_max_req_size),
	  .min = 8276, .max = 256 * K, .def = "16384",
	  .help = "Largest request that is accepted, in bytes. The least is what Linux initiators "
		  "need for 8 KiB of immediate data." },
	{ .name = "srp_max_rsp_size", .type = KEY_BYTES, FIELD(conf, srp_max_rsp_size), .min = 40,
	  .max = 1024, .def = "512",
	  .help = "Largest response that is sent, in bytes; sense data is cut to fit." },
	{ .name = "srp_max_rdma_size", .type = KEY_BYTES, FIELD(conf, srp_max_rdma_size),
	  .min = 256, .max = 16 * M, .def = "1M",
	  .help = "Largest single RDMA transfer, in bytes; larger ones are split. The kernel "
		  "targets only announce theirs, of 64 KiB; here it is kept, and a transfer that "
		  "needs no more than one segment should not be split." },
	{ .name = "srpt_srq_size", .type = KEY_UINT, FIELD(conf, srpt_srq_size), .min = 4,
	  .max = 65535, .def = "32768",
	  .help = "Most receives in the shared receive queue, per worker and device. They are made as "
		  "logins need them, 256 at a time, each as large as *srp_max_req_size*." },
	{ .name = "srpt_sq_size", .type = KEY_UINT, FIELD(conf, srpt_sq_size), .min = 16,
	  .max = 65535, .def = "256", .help = "Entries of the send queue of a channel." },
	{ .name = "max_channels", .type = KEY_UINT, FIELD(conf, max_channels), .min = 1,
	  .max = 1024, .def = "64", .aka = " ch_count ",
	  .help = "Channels that one initiator may have to one target." },
	{ .name = "req_lim", .type = KEY_UINT, FIELD(conf, req_lim), .min = 4, .max = 16384,
	  .def = "128", .aka = " queue_depth request_limit ",
	  .help = "Request limit that a channel is granted: how many commands it may have under "
		  "way. Linux initiators keep what they get at login. At most *srpt_srq_size*." },
	{ .name = "rdma_timeout", .type = KEY_UINT, FIELD(conf, rdma_timeout), .min = 1,
	  .max = 3600, .def = "60",
	  .help = "Seconds after which an RDMA transfer, or a response, that has not completed ends "
		  "its channel. Less than the initiators' transports need to repeat what was lost "
		  "breaks connections that would have recovered." },
	{ .name = "rdma_cm_port", .type = KEY_UINT, FIELD(conf, rdma_cm_port), .max = 65535,
	  .default_text = "none", .aka = " port ",
	  .help = "Port for the targets that name none themselves. 0 is the same as none." },
	{ .name = "ib_service_id", .type = KEY_ID64, FIELD(conf, ib_service_id),
	  .default_text = "\"00000000013f1388\"", .aka = " service_id ",
	  .help = "Service id of native InfiniBand logins for the targets that name none themselves, "
		  "see NATIVE INFINIBAND." },
	{ .name = "cm", .type = KEY_CHOICE, FIELD(conf, cm), .def = "auto",
	  .choices = { "auto", "af_ib", "umad" },
	  .help = "Who takes native InfiniBand logins. *af_ib* is the kernel's connection manager. "
		  "*umad* is srptd's own, on a host without the module ib_cm: it allows any service "
		  "id, and no *ip* listener on all addresses. *auto* is *af_ib* wherever the kernel "
		  "has RDMA/CM." },
	{ .name = "device_management", .type = KEY_BOOL, FIELD(conf, device_management),
	  .def = "true", .aka = " dm_agent discovery ",
	  .help = "Answer device management requests (*srp_daemon*, *ibsrpdm*, *srpio discover*) on "
		  "every InfiniBand port. Who asks is told of the targets that its partition, and "
		  "its GID where that is known, may use." },
	{ .name = "service_record", .type = KEY_BOOL, FIELD(conf, service_record), .def = "true",
	  .aka = " sa_record ",
	  .help = "Register the service id of native logins with the subnet administrator, as "
		  "\"SRP.T10:\" and the *id_ext* of its first target, in every partition of a port, "
		  "and withdraw it at the end." },
	{ .name = "service_lease", .type = KEY_UINT, FIELD(conf, service_lease), .min = 10,
	  .max = 86400, .def = "600",
	  .help = "Seconds after which the subnet administrator forgets a *service_record*; it is "
		  "renewed after half of them." },
	{ .name = "ib_redirect", .type = KEY_TEXT, FIELD(conf, ib_redirect), .min = 1, .max = 63,
	  .check = check_gid, .default_text = "none", .aka = " redirect ",
	  .help = "With *cm* \"umad\": GID of another port to which initiators are sent with new "
		  "logins (CM redirect), to move them away from this one. Logins that stand are not "
		  "touched." },
	{ .name = "include_dir", .type = KEY_TEXT, FIELD(conf, include_dir), .min = 1, .max = 4095,
	  .default_text = "none", .aka = " include ",
	  .help = "Directory with further files: all *\\*.conf* in the order of their names. They may "
		  "hold *luns* and *targets*. A relative path starts from the directory of this file." },
	{ .name = "alua_hook", .type = KEY_TEXT, FIELD(conf, alua_hook), .check = check_path, .min = 1,
	  .max = 4095, .default_text = "none: initiators change states alone",
	  .help = "Program that is asked before an initiator changes a state of access: with the name "
		  "of the logical unit, the number of the target port group, the old and the new "
		  "state as arguments. The change happens if it exits with 0 within 10 seconds. So a "
		  "high-availability manager can move its data first." },
	{ .name = "state_dir", .type = KEY_TEXT, FIELD(conf, state_dir), .check = check_path, .min = 1,
	  .max = 3000, .default_text = "none",
	  .help = "Directory that exists and keeps what outlives a restart: persistent reservations "
		  "with APTPL, and mode pages that MODE SELECT saves. Without one, or one from systemd "
		  "(*StateDirectory=*), neither is supported. Two daemons need two directories." },
	{ .name = "metrics", .type = KEY_TEXT, FIELD(conf, metrics), .check = check_endpoint,
	  .min = 1, .max = 64, .default_text = "none", .aka = " prometheus exporter openmetrics ",
	  .help = "Address and port of a listener for a Prometheus server: counters and durations "
		  "as OpenMetrics text, http://ADDRESS:PORT/metrics. Who reaches it may read them, "
		  "so it should be an address of this host only, \"127.0.0.1:9777\". *srptctl stats "
		  "--openmetrics* prints the same. Needs libmicrohttpd at build time." },
	{ .name = "control_socket", .type = KEY_TEXT, FIELD(conf, control_socket),
	  .check = check_path, .min = 1, .max = 107, .default_text = "none", .aka = " socket ",
	  .help = "Where *srptctl*(8) finds srptd: a Unix socket in a directory that exists. Who may "
		  "open it may change everything. Without this key, and with one from systemd "
		  "(*RuntimeDirectory=*), it is _control.sock_ there." },
	{ .name = "control_mode", .type = KEY_CHOICE, FIELD(conf, control_mode), .def = "0660",
	  .choices = { "0600", "0660", "0666" }, .help = "Permissions of the control socket." },
	{ .name = "control_group", .type = KEY_TEXT, FIELD(conf, control_group), .min = 1, .max = 31,
	  .default_text = "that of the daemon", .help = "Group of the control socket." },
	{ .name = "luns", .type = KEY_TABLE, ARRAY(conf, luns, n_luns), .table = &lun_table,
	  .default_text = "none", .aka = " devices ", .help = "Logical units, see below." },
	{ .name = "targets", .type = KEY_TABLE, ARRAY(conf, targets, n_targets),
	  .table = &target_table, .default_text = "none", .help = "Targets, see below." },
};

enum { N_LISTS = 2 };

const struct key_table conf_table = {
	.title = "global keys", KEYS(top_keys), .size = sizeof(struct conf), .line = -1,
};

/* The lists stand last in top_keys. */
const struct key_table conf_include_table = {
	.title = "included files", .keys = top_keys + ARRAY_SIZE(top_keys) - N_LISTS,
	.n_keys = N_LISTS, .size = sizeof(struct conf), .line = -1,
};

const struct key_table *const conf_tables[] = {
	&conf_table,   &lun_table,   &access_table, &fault_table,	 &target_table,
	&listen_table, &group_table, &mapping_table,
};
const size_t conf_n_tables = ARRAY_SIZE(conf_tables);
