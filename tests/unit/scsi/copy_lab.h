/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Three logical units for tests of third party copies: 0 and 1 are mapped to the rig's nexus, the
 * third belongs to another nexus only.
 */
#ifndef TESTS_SCSI_COPY_LAB_H
#define TESTS_SCSI_COPY_LAB_H

#include <string.h>

#include "rig.h"
#include "scsi/copy.h"

struct lab {
	struct rig rig, peer, stranger;
	uint8_t list[4096];
	uint32_t len;
};

/* The peer's mapping is read-only if asked for. */
static inline void lab_map(struct lab *lab, bool read_only)
{
	const struct scsi_lun_mapping map[] = {
		{ .lun = 0, .lu = lab->rig.lu },
		{ .lun = 1, .lu = lab->peer.lu, .read_only = read_only },
	};

	scsi_nexus_fini(&lab->rig.nexus);
	assert_int_equal(scsi_nexus_init(&lab->rig.nexus, map, 2), 0);
	lab->rig.itl = lab->rig.nexus.chunk[0][0];
	atomic_store(&lab->rig.itl->ua, 0);
	atomic_store(&lab->rig.nexus.chunk[0][1]->ua, 0);
}

static inline void lab_setup(struct lab *lab, uint32_t peer_bs)
{
	memset(lab, 0, sizeof(*lab));
	rig_init(&lab->rig, &(struct rig_conf){ .thin = true, .features = STORE_F_UNMAP });
	rig_init(&lab->peer, &(struct rig_conf){ .block_size = peer_bs });
	rig_init(&lab->stranger, NULL);
	lab->peer.lu->naa += 1;
	lab->stranger.lu->naa += 2;
	memset(lab->peer.medium, 0x33, RIG_BLOCKS * lab->peer.bs);
	lab->rig.peer = &lab->peer;
	lab_map(lab, false);
}

static inline void lab_fini(struct lab *lab)
{
	rig_fini(&lab->rig);
	rig_fini(&lab->peer);
	rig_fini(&lab->stranger);
}

#endif
