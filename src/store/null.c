/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The null store: writes vanish, reads leave the buffer as it is (or zero it), all without a system
 * call. For measuring everything above the store, never for data.
 */
#include <string.h>

#include "store/types.h"

static int null_open(struct store *store, const struct store_conf *conf, char *err, size_t err_len)
{
	store->size = conf->size;
	store->read_zero = conf->read_zero;
	if (conf->thin) {
		store->features |= STORE_F_UNMAP | STORE_F_THIN;
		store->unmap_granularity = conf->block_size;
	}
	if (conf->thin && conf->read_zero)
		store->features |= STORE_F_UNMAP_ZEROES;
	return 0;
}

static void null_close(struct store *store)
{
}

static void null_submit(struct store *store, struct engine *engine, struct store_io *io)
{
	if (io->op == STORE_READ && store->read_zero)
		memset(io->buf, 0, io->len);
	engine_complete(engine, io, 0);
}

const struct store_ops null_store_ops = {
	.type = "null",
	.open = null_open,
	.close = null_close,
	.submit = null_submit,
};
