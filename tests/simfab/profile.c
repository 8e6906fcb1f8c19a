/*
 * Device profiles: the limits of the HCA that is imitated, as a table.
 *
 * Knows: numbers and the environment variables that choose among them.
 * Does not know: who enforces them.
 */
#include "simfab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct sf_profile profiles[] = {
	{
		.name = "hca",
		.max_sge = 30,
		.max_sge_rd = 30,
		.max_srq_sge = 31,
		.max_qp_wr = 32768,
		.max_srq = 65536,
		.max_srq_wr = 32767,
		.max_cqe = 4194303,
		.rd_atom = 16,
		.max_inline = 256,
		.srq_resize = true,
	},
	{
		.name = "ib",
		.max_sge = 30,
		.max_sge_rd = 30,
		.max_srq_sge = 31,
		.max_qp_wr = 32768,
		.max_srq = 65536,
		.max_srq_wr = 32767,
		.max_cqe = 4194303,
		.rd_atom = 16,
		.max_inline = 256,
		.ib = true,
		.srq_resize = true,
	},
	{
		.name = "rxe",
		.max_sge = 32,
		.max_sge_rd = 32,
		.max_srq_sge = 27,
		.max_qp_wr = 1048576,
		.max_srq = 917503,
		.max_srq_wr = 1048576,
		.max_cqe = 32767,
		.rd_atom = 128,
		.max_inline = 512,
		.srq_resize = true,
	},
	{
		.name = "siw",
		.max_sge = 6,
		.max_sge_rd = 1,
		.max_srq_sge = 6,
		.max_qp_wr = 32768,
		.max_srq = 65536,
		.max_srq_wr = 327680,
		.max_cqe = 3276800,
		.rd_atom = 128,
		.max_inline = 80,
		.iwarp = true,
		.srq_resize = true,
	},
	{
		.name = "nosrq",
		.max_sge = 13,
		.max_sge_rd = 13,
		.max_qp_wr = 4063,
		.max_cqe = 1048574,
		.rd_atom = 127,
		.max_inline = 101,
	},
	{
		.name = "tiny",
		.max_sge = 2,
		.max_sge_rd = 1,
		.max_srq_sge = 1,
		.max_qp_wr = 1024,
		.max_srq = 4,
		.max_srq_wr = 4,
		.max_cqe = 65536,
		.rd_atom = 1,
		.max_inline = 0,
	},
	{
		.name = "minimal",
		.max_sge = 2,
		.max_sge_rd = 1,
		.max_srq_sge = 1,
		.max_qp_wr = 16,
		.max_srq = 4,
		.max_srq_wr = 16,
		.max_cqe = 64,
		.rd_atom = 1,
		.max_inline = 0,
	},
};

const struct sf_profile *profile_find(const char *name)
{
	for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++)
		if (!strcmp(profiles[i].name, name))
			return &profiles[i];
	return NULL;
}

const struct sf_profile *profile_get(void)
{
	const char *name = getenv("SIMFAB_PROFILE");
	const struct sf_profile *p = profile_find(name && *name ? name : "hca");

	if (p)
		return p;
	fprintf(stderr, "simfab: no profile \"%s\" (hca, ib, rxe, siw, nosrq, minimal, tiny)\n",
		name);
	exit(2);
}

int profile_devices(void)
{
	const char *s = getenv("SIMFAB_DEVICES");
	int n = s && *s ? atoi(s) : 1;

	if (n < 0 || n > SF_MAX_DEVICES) {
		fprintf(stderr, "simfab: SIMFAB_DEVICES=%s: 0 to %d\n", s, SF_MAX_DEVICES);
		exit(2);
	}
	return n;
}
