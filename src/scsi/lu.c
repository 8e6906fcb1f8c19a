/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Logical units: from what a person set and what the store tells to fixed properties, with
 * defaults. Identifiers that were not given are derived from the name, always alike:
 *
 *   hash(text) = FNV-1a, 64 bits, over its bytes; then h ^= h >> 33, h *= ff51afd7ed558ccdh,
 *                h ^= h >> 33, h *= c4ceb9fe1a85ec53h, h ^= h >> 33
 *   serial     = hash(name) as 16 hexadecimal digits
 *   NAA        = 3h (locally assigned), then the high 60 bits of hash("naa:" serial)
 *
 * Two hosts that give the same name get the same identifiers: configure a serial number there.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "scsi/erase.h"
#include "scsi/pass.h"
#include "scsi/pr.h"

enum { DEFAULT_OPT_TRANSFER = 512 << 10, MAX_PB_EXP = 15, DERIVE_PB_EXP = 0xff, NAA_EXTENDED = 6 };

static uint64_t hash_text(const char *text)
{
	uint64_t h = 0xcbf29ce484222325;

	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * 0x100000001b3;
	h = (h ^ h >> 33) * 0xff51afd7ed558ccd;
	h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53;
	return h ^ h >> 33;
}

static int fail(char *err, size_t err_len, const char *fmt, ...) printf_like(3, 4);

/* Says why, returns -EINVAL. */
static int fail(char *err, size_t err_len, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, err_len, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* ---- texts ---- */

static bool is_printable(const char *text)
{
	for (; *text; text++)
		if (*text < 0x20 || *text > 0x7e)
			return false;
	return true;
}

struct text {
	const char *what;
	const char *given;
	const char *fallback;
	char *out;
	size_t max; /* characters; out has room for one more */
};

/* Copy what was given or the fallback; a fallback may be cut. */
static int take_text(const struct text *t, const char *name, char *err, size_t err_len)
{
	bool is_given = t->given && *t->given;
	const char *from = is_given ? t->given : t->fallback;
	size_t len = strlen(from);

	if (is_given && len > t->max)
		return fail(err, err_len, "%s: %s \"%s\" has more than %zu characters", name,
			    t->what, from, t->max);
	if (!is_printable(from))
		return fail(err, err_len, "%s: %s has characters that are not printable ASCII",
			    name, t->what);
	len = MIN(len, t->max);
	memcpy(t->out, from, len);
	t->out[len] = 0;
	return 0;
}

static int take_texts(struct scsi_lu *lu, const struct scsi_lu_conf *conf, char *err,
		      size_t err_len)
{
	char serial[17];
	const struct text texts[] = {
		{ "name", conf->name, "", lu->name, sizeof(lu->name) - 1 },
		{ "vendor", conf->vendor, "SRPTD", lu->vendor, 8 },
		{ "product", conf->product, conf->name, lu->product, 16 },
		{ "revision", conf->revision, "0001", lu->revision, 4 },
		{ "serial", conf->serial, serial, lu->serial, 36 },
	};
	int res = 0;

	snprintf(serial, sizeof(serial), "%016" PRIx64, hash_text(conf->name));
	for (size_t i = 0; !res && i < ARRAY_SIZE(texts); i++)
		res = take_text(&texts[i], conf->name, err, err_len);
	return res;
}

/* ---- geometry ---- */

static bool is_block_size(uint32_t size)
{
	return size == 512 || size == 1024 || size == 2048 || size == 4096;
}

static uint8_t derived_pb_exp(const struct store *store, uint32_t block_size)
{
	uint8_t exp = 0;

	while (exp < MAX_PB_EXP && (uint64_t)block_size << (exp + 1) <= store->phys_block)
		exp++;
	return exp;
}

static int take_geometry(struct scsi_lu *lu, const struct scsi_lu_conf *conf, char *err,
			 size_t err_len)
{
	uint32_t bs = conf->block_size;
	uint32_t own = lu->store->opt_io ? lu->store->opt_io : DEFAULT_OPT_TRANSFER;
	uint32_t opt = conf->opt_transfer ? conf->opt_transfer : own;
	uint64_t size = atomic_load(&lu->store->size);

	if (!is_block_size(bs))
		return fail(err, err_len, "%s: block size %u is none of 512, 1024, 2048, 4096",
			    conf->name, bs);
	if (conf->lb_per_pb_exp > MAX_PB_EXP && conf->lb_per_pb_exp != DERIVE_PB_EXP)
		return fail(err, err_len, "%s: physical block exponent %u is above 15", conf->name,
			    conf->lb_per_pb_exp);
	if (size < bs)
		return fail(err, err_len, "%s: %" PRIu64 " bytes are less than one block",
			    conf->name, size);
	lu->block_shift = (uint8_t)__builtin_ctz(bs);
	lu->lb_per_pb_exp = conf->lb_per_pb_exp == DERIVE_PB_EXP ? derived_pb_exp(lu->store, bs) :
								   conf->lb_per_pb_exp;
	lu->max_transfer_blocks = SCSI_MAX_TRANSFER >> lu->block_shift;
	lu->opt_transfer_blocks = MIN(MAX(opt >> lu->block_shift, 1u), lu->max_transfer_blocks);
	atomic_init(&lu->n_blocks, size >> lu->block_shift);
	return 0;
}

/* ---- identifiers and features ---- */

/*
 * NAA designators: IEEE Extended, Locally Assigned, IEEE Registered of 8 bytes, IEEE Registered Extended
 * of 16 (SPC-4 7.8.6.6).
 */
static int take_naa(struct scsi_lu *lu, const struct scsi_lu_conf *conf, char *err, size_t err_len)
{
	char text[4 + sizeof(lu->serial)];
	uint64_t type = conf->naa >> 60;

	if (conf->naa && type != 2 && type != 3 && type != 5 && type != NAA_EXTENDED)
		return fail(err, err_len,
			    "%s: NAA %016" PRIx64 " has to begin with hexadecimal 2, 3, 5 or 6",
			    conf->name, conf->naa);
	snprintf(text, sizeof(text), "naa:%s", lu->serial);
	lu->naa = conf->naa ? conf->naa : UINT64_C(3) << 60 | hash_text(text) >> 4;
	lu->naa_low = type == NAA_EXTENDED ? conf->naa_low : 0;
	lu->eui64 = conf->eui64;
	return 0;
}

size_t scsi_naa_len(const struct scsi_lu *lu)
{
	return lu->naa >> 60 == NAA_EXTENDED ? 16 : 8;
}

size_t scsi_naa_put(const struct scsi_lu *lu, uint8_t *out)
{
	be64_put(out, lu->naa);
	if (scsi_naa_len(lu) == 16)
		be64_put(out + 8, lu->naa_low);
	return scsi_naa_len(lu);
}

static bool has_atomic_writes(const struct scsi_lu *lu)
{
	return scsi_has_feature(lu, STORE_F_ATOMIC) && lu->store->atomic_min <= SCSI_BUF_LEN;
}

static void take_features(struct scsi_lu *lu, const struct scsi_lu_conf *conf)
{
	lu->rotational = conf->rotational || scsi_has_feature(lu, STORE_F_ROTATIONAL);
	lu->removable = conf->removable || conf->cdrom;
	lu->device_type = conf->cdrom ? SCSI_TYPE_CDROM : SCSI_TYPE_DISK;
	lu->cdrom = conf->cdrom;
	lu->empty = conf->empty;
	atomic_init(&lu->ejected, conf->empty);
	atomic_init(&lu->stopped, conf->empty);
	lu->read_only = conf->read_only || conf->cdrom || scsi_has_feature(lu, STORE_F_READ_ONLY);
	lu->thin = conf->thin && scsi_has_feature(lu, STORE_F_UNMAP);
	lu->lacks = (lu->removable ? 0 : OP_IF_REMOVABLE) | (lu->thin ? 0 : OP_IF_THIN) |
		    OP_IF_ALUA | OP_IF_EXPLICIT | OP_IF_KEPT | OP_IF_RUNNER |
		    (conf->cdrom ? OP_WRITES : OP_IF_CDROM) |
		    (has_atomic_writes(lu) ? 0 : OP_IF_ATOMIC);
}

struct scsi_lu *scsi_lu_new(const struct scsi_lu_conf *conf, struct store *store, char *err,
			    size_t err_len)
{
	struct scsi_lu *lu = calloc(1, sizeof(*lu));
	int res;

	if (!lu) {
		snprintf(err, err_len, "%s: out of memory", conf->name ? conf->name : "LUN");
		errno = ENOMEM;
		return NULL;
	}
	lu->store = store;
	LIST_INIT(&lu->itls);
	LIST_INIT(&lu->tokens);
	STAILQ_INIT(&lu->groups);
	pthread_mutex_init(&lu->lock, NULL);
	pthread_mutex_init(&lu->pr_update, NULL);
	res = conf->name && *conf->name ? take_texts(lu, conf, err, err_len) :
					  fail(err, err_len, "a logical unit has no name");
	if (!res)
		res = take_geometry(lu, conf, err, err_len);
	if (!res)
		res = take_naa(lu, conf, err, err_len);
	if (res) {
		scsi_lu_free(lu);
		errno = -res;
		return NULL;
	}
	take_features(lu, conf);
	if (store->max_transfer)
		res = pass_init(lu, conf->buf_len, err, err_len);
	if (res) {
		scsi_lu_free(lu);
		errno = -res;
		return NULL;
	}
	lu->mode_saved = scsi_mode_default(lu);
	scsi_mode_set(lu, UINT32_MAX, lu->mode_saved);
	return lu;
}

void scsi_lu_free(struct scsi_lu *lu)
{
	if (!lu)
		return;
	erase_free(lu);
	pthread_mutex_destroy(&lu->lock);
	pthread_mutex_destroy(&lu->pr_update);
	scsi_tokens_free(lu);
	scsi_lu_free_groups(lu);
	pass_fini(lu);
	free(lu->pr);
	free(lu->ports);
	free(lu->meters);
	free(lu);
}

void scsi_lu_use_runner(struct scsi_lu *lu, const struct scsi_runner *runner)
{
	lu->runner = runner;
	lu->lacks &= ~(uint32_t)OP_IF_RUNNER;
}

static int add_port(struct scsi_lu *lu, const struct scsi_port *port)
{
	struct scsi_port *ports;

	for (unsigned int i = 0; i < lu->n_ports; i++)
		if (lu->ports[i].rel_target_port == port->rel_target_port)
			return 0;
	ports = realloc(lu->ports, (lu->n_ports + 1) * sizeof(*ports));
	if (!ports)
		return -ENOMEM;
	ports[lu->n_ports++] = *port;
	lu->ports = ports;
	return scsi_lu_know_group(lu, port->group);
}

int scsi_lu_add_port(struct scsi_lu *lu, const struct scsi_port *port)
{
	int res;

	pthread_mutex_lock(&lu->lock);
	res = add_port(lu, port);
	pthread_mutex_unlock(&lu->lock);
	return res;
}

unsigned int scsi_lu_n_ports(struct scsi_lu *lu)
{
	unsigned int n;

	pthread_mutex_lock(&lu->lock);
	n = lu->n_ports;
	pthread_mutex_unlock(&lu->lock);
	return n;
}

uint16_t scsi_lu_port(struct scsi_lu *lu, unsigned int i)
{
	uint16_t port;

	pthread_mutex_lock(&lu->lock);
	port = lu->ports[i].rel_target_port;
	pthread_mutex_unlock(&lu->lock);
	return port;
}

void scsi_lu_resize(struct scsi_lu *lu, uint64_t size)
{
	uint64_t n_blocks = size >> lu->block_shift;

	if (atomic_exchange(&lu->n_blocks, n_blocks) != n_blocks)
		scsi_ua_set_others(lu, NULL, SCSI_UA_CAPACITY_CHANGED);
}
