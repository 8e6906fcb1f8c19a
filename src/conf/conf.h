/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * srptd.conf as plain structs. Reads the file (libconfig), checks everything that can be checked
 * without touching a device, and says all it found wrong; knows nothing of runtime objects.
 */
#ifndef SRPTD_CONF_CONF_H
#define SRPTD_CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What goes wrong on purpose with requests of a LUN; see store_fault_conf. */
struct conf_fault {
	char *op;    /* "any", "read", "write", "flush", "unmap", "zero" */
	char *error; /* name of an errno, or NULL */
	uint64_t from, to; /* bytes; to 0 = the end */
	uint64_t torn;     /* bytes */
	bool kill;
	uint32_t delay_ms;
	bool cancel;
	uint32_t rate; /* percent */
	uint32_t seed;
	uint32_t after, count;
	uint32_t after_ms, for_ms;
	int line;
};

/* The state of a LUN as seen through a target port group. */
struct conf_access {
	uint16_t group;
	char *state; /* "active", "nonoptimized", "standby", "unavailable", "offline", "transitioning" */
	bool preferred;
	int line;
};

/* Limits of commands and bytes per second; 0 = none. */
struct conf_qos {
	uint32_t iops;
	uint64_t bandwidth;
	uint32_t burst_ms;
};

struct conf_lun {
	char *name;
	char *type; /* "file", "null", "memory" */
	char *path;
	uint64_t size; /* bytes; null, memory, or file to create */
	uint32_t block_size;
	uint8_t lb_per_pb_exp; /* 0xff = derive */
	bool o_direct;
	bool read_only;
	bool write_through;
	bool nv_cache;
	bool rotational;
	bool removable;
	bool thin;
	bool read_zero;
	bool hugepages;
	char *vendor, *product, *revision, *serial;
	uint64_t naa[2]; /* high and low half, the low one of 16-byte designators only; 0 = none */
	uint64_t eui64;  /* 0 = none */
	uint32_t opt_transfer; /* bytes, 0 = default */
	struct conf_access *alua;
	size_t n_alua;
	bool alua_explicit;
	struct conf_qos qos;
	struct conf_fault *faults;
	size_t n_faults;
	int line; /* where it was defined, for later messages */
	const char *file; /* in conf.files */
};

struct conf_mapping {
	uint16_t lun;
	size_t lun_index; /* in conf.luns */
	char *use; /* name of that LUN */
	bool read_only;
	int line;
};

/*
 * Initiators admitted by a group, by pattern: GID, IP address or net (CIDR), 128-bit initiator port
 * id with or without 0x, port GUID; `*` and `?` match, a leading `!` excludes. See acl.h.
 */
struct conf_group {
	char *name;
	char **initiators;
	size_t n_initiators;
	struct conf_mapping *maps;
	size_t n_maps;
	struct conf_qos qos;
	int line;
};

struct conf_listen {
	char *type;          /* "ip" or "ib" */
	bool ib;             /* type is "ib" */
	char *address;       /* IPv4 or IPv6 literal, or GID of a local port; NULL = all */
	uint16_t port;       /* ip: rdma_cm_port */
	uint64_t service_id; /* ib */
	bool implied;        /* nobody asked for it: the target has no listen */
	int line;
};

/* The service id of native InfiniBand logins where none is given: RDMA/CM's for port 5000. */
#define CONF_IB_SERVICE_ID 0x00000000013f1388ull

struct conf_target {
	char *name;
	uint64_t id_ext;
	uint64_t ioc_guid;
	uint16_t rel_target_port; /* 1…, unique; assigned in order of appearance if not given */
	uint16_t port_group; /* 0 = one of its own, with the number of the port */
	uint64_t comp_v_mask; /* 0 = all */
	bool aer;
	struct conf_listen *listens;
	size_t n_listens;
	struct conf_group *groups;
	size_t n_groups;
	uint16_t rdma_cm_port; /* as given for the target; 0 = none. What counts is in listens */
	uint64_t ib_service_id; /* likewise */
	int line;
	const char *file; /* in conf.files */
};

struct conf {
	char *file;
	char **files; /* everything that was read: file, then those of include_dir in their order */
	size_t n_files;
	struct conf_lun *luns;
	size_t n_luns;
	struct conf_target *targets;
	size_t n_targets;

	uint32_t workers;         /* threads, 1… */
	int *cpus;                /* worker i is pinned to cpus[i % n_cpus]; n_cpus 0 = not pinned */
	size_t n_cpus;
	char *engine;             /* "auto", "io_uring", "libaio" */
	uint64_t pool_size;       /* bytes of data buffers per worker */
	uint32_t segment_size;    /* bytes per buffer; a power of two, 64 KiB or more */
	uint32_t srp_max_req_size; /* largest IU accepted, bytes */
	uint32_t srp_max_rsp_size; /* largest IU sent, bytes */
	uint32_t srp_max_rdma_size; /* largest single RDMA transfer, bytes */
	uint32_t srpt_srq_size;   /* most receives per worker and device */
	uint32_t srpt_sq_size;    /* send queue entries per channel */
	uint32_t max_channels;    /* per I_T nexus */
	uint32_t req_lim;         /* request limit granted to a channel */
	uint32_t rdma_timeout;    /* seconds for an RDMA transfer or a response to complete, 1… */
	uint32_t poll_us;         /* longest adaptive spin before sleeping, µs; 0 = never spin */
	uint16_t rdma_cm_port;    /* as given at the top; 0 = none. What counts is in targets */
	char *cm;                 /* who takes native logins: "auto", "af_ib", "umad" */
	uint64_t ib_service_id;   /* as given at the top; 0 = none. What counts is in targets */
	bool device_management;   /* answer who asks InfiniBand ports for their targets */
	bool service_record;      /* keep a service record at the subnet administrator */
	uint32_t service_lease;   /* of it, seconds */
	char *ib_redirect;        /* GID of the port that native logins are sent to, or NULL */
	char *include_dir;        /* as given, or NULL */
	char *state_dir;          /* NULL = none */
	char *alua_hook;          /* program, or NULL */
	char *metrics;            /* ADDRESS:PORT, or NULL */
	char *control_socket;     /* path, or NULL */
	char *control_mode;       /* of it, octal digits */
	char *control_group;      /* of it, or NULL */
};

/*
 * Read and check a file. On success *out is the caller's (conf_free). Otherwise -EINVAL (or -errno of
 * opening it) and *out NULL after writing one line per fault to errs: "file:line: key: what,
 * expected".
 *
 * Things that are legal but worth a look are written too, as "file:line: note: key: …", in both
 * cases. No path of a LUN is touched; beside the config files only /etc/machine-id is read.
 */
int conf_load(const char *file, struct conf **out, FILE *errs);

/* The same of a text that stands in no file; the name is for the messages. */
int conf_load_text(const char *name, const char *text, struct conf **out, FILE *errs);

enum conf_edit_kind {
	CONF_LUN_ADD,      /* name, keys */
	CONF_LUN_REMOVE,   /* name */
	CONF_LUN_MAP,      /* target, group, lun, name, read_only */
	CONF_LUN_UNMAP,    /* target, group, lun */
	CONF_GROUP_ADD,    /* target, group, patterns: the last of the target's groups */
	CONF_GROUP_REMOVE, /* target, group */
	CONF_GROUP_ALLOW,  /* target, group, patterns */
	CONF_GROUP_FORBID, /* the same: not these patterns any more */
	CONF_LUN_SET,      /* name, keys; patterns: the names of the keys */
	CONF_GROUP_SET,    /* target, group, keys of its limits; patterns: their names */
};

struct conf_edit {
	enum conf_edit_kind kind;
	const char *name, *target, *group;
	const char *keys; /* "path = \"/srv/x\"; size = \"1G\";" */
	uint16_t lun;
	bool read_only;
	const char *const *patterns;
	size_t n_patterns;
};

/*
 * Another configuration: a checked one with one thing changed, checked again. 0 with *out the
 * caller's; or -errno, with what is wrong in errs.
 */
int conf_edit(const struct conf *conf, const struct conf_edit *edit, struct conf **out, FILE *errs);

/* Is the value of this key of a LUN written in quotes? Also if there is no such key. */
bool conf_lun_key_is_text(const char *name);

/*
 * No file at all: one LUN 0 on path (created if size is given and it does not exist), one target,
 * any initiator, RDMA/CM port as given. Both are named after the file; ids come from that name and
 * /etc/machine-id, or from the name alone where there is none. NULL = out of memory.
 */
struct conf *conf_for_path(const char *path, uint64_t size, uint16_t port);

void conf_free(struct conf *conf);

enum conf_effect {
	CONF_LIVE,    /* can be changed while the daemon runs */
	CONF_RESTART, /* takes effect when it is started again */
};

/* Say each difference of two configurations, as a person would. */
void conf_diff(const struct conf *old, const struct conf *new,
	       void (*say)(void *arg, enum conf_effect effect, const char *text), void *arg);
/* Every key alike? */
bool conf_lun_equal(const struct conf_lun *a, const struct conf_lun *b);
/* ... but for limits, and states in alua, of which there are some or none in both? */
bool conf_lun_equal_but_live(const struct conf_lun *a, const struct conf_lun *b);

/*
 * The whole configuration as one file that loads to the same: without comments, without keys that
 * have their defaults, with the ids and numbers that were derived. Errors are the stream's.
 */
void conf_write(const struct conf *conf, FILE *out);

/* "10G", "64K", "512" → bytes; "5s" and so on are not sizes. 0 or -EINVAL. */
int conf_parse_size(const char *text, uint64_t *out);

/* "ADDRESS:PORT", IPv6 in brackets, without names. 0 or -EINVAL. */
struct sockaddr_storage;
int conf_parse_endpoint(const char *text, struct sockaddr_storage *out);

/* Every key with its type, range, default and meaning in scdoc markup, as in srptd.conf(5). */
void conf_describe(FILE *out);

#endif
