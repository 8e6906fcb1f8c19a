/* SPDX-License-Identifier: BSD-2-Clause */
/* The steps of reservation tests, see pr_lab.h. */
#include <string.h>

#include "pr_lab.h"

void join(struct lab *lab, unsigned int i)
{
	memset(&lab->nexus[i], 0, sizeof(lab->nexus[i]));
	lab->nexus[i].initiator_port_id[15] = (uint8_t)(i + 1);
	lab->nexus[i].rel_target_port = 1;
	rig_add_nexus(&lab->rig, &lab->nexus[i], 0);
	lab->itl[i] = lab->nexus[i].chunk[0][0];
	atomic_store(&lab->itl[i]->ua, 0);
}

void setup(struct lab *lab)
{
	memset(lab, 0, sizeof(*lab));
	rig_init(&lab->rig, &(struct rig_conf){ .removable = true, .lun = 1 });
	for (uint16_t port = 1; port <= 3; port++)
		assert_int_equal(scsi_lu_add_port(lab->rig.lu, &(struct scsi_port){ .rel_target_port = port, .group = port }), 0);
	for (unsigned int i = 0; i < N; i++)
		join(lab, i);
}

void teardown(struct lab *lab)
{
	for (unsigned int i = 0; i < N; i++)
		scsi_nexus_fini(&lab->nexus[i]);
	rig_fini(&lab->rig);
}

uint8_t run(struct lab *lab, unsigned int who, const uint8_t *out, uint32_t out_len)
{
	struct rig *rig = &lab->rig;
	struct scsi_itl *own = rig->itl;

	rig->itl = lab->itl[who];
	rig->as = &lab->nexus[who];
	rig->in_len = out ? 0 : 4096;
	rig->out = out;
	rig->out_len = out_len;
	rig_run(rig);
	rig->itl = own;
	rig->as = NULL;
	return rig->cmd.status;
}

/* PERSISTENT RESERVE OUT with the parameter list in lab->param. */
uint8_t pr_out_list(struct lab *lab, unsigned int who, uint8_t action, uint8_t type,
			   uint32_t len)
{
	rig_cdb(&lab->rig, 0x5f, action, type, 0, 0, 0, 0, (uint8_t)(len >> 8), (uint8_t)len);
	return run(lab, who, lab->param, len);
}

uint8_t pr_out_flags(struct lab *lab, unsigned int who, uint8_t action, uint8_t type,
			    uint64_t key, uint64_t action_key, uint8_t flags)
{
	memset(lab->param, 0, 24);
	be64_put(lab->param, key);
	be64_put(lab->param + 8, action_key);
	lab->param[20] = flags;
	return pr_out_list(lab, who, action, type, 24);
}

uint8_t pr_out(struct lab *lab, unsigned int who, uint8_t action, uint8_t type, uint64_t key,
		      uint64_t action_key)
{
	return pr_out_flags(lab, who, action, type, key, action_key, 0);
}

void pr_in(struct lab *lab, uint8_t action)
{
	rig_cdb(&lab->rig, 0x5e, action, 0, 0, 0, 0, 0, 0xff, 0xff);
	assert_int_equal(rig_run_in(&lab->rig, 4096), SCSI_GOOD);
}

void register_all(struct lab *lab)
{
	assert_int_equal(pr_out(lab, A, REGISTER, 0, 0, KEY_A), SCSI_GOOD);
	assert_int_equal(pr_out(lab, B, REGISTER, 0, 0, KEY_B), SCSI_GOOD);
	assert_int_equal(pr_out(lab, C, REGISTER, 0, 0, KEY_C), SCSI_GOOD);
}

void expect_keys(struct lab *lab, uint32_t generation, const uint64_t *keys, uint32_t n)
{
	pr_in(lab, 0);
	assert_int_equal(be32_get(lab->rig.in), generation);
	assert_int_equal(be32_get(lab->rig.in + 4), 8 * n);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(be64_get(lab->rig.in + 8 + 8 * i), keys[i]);
	assert_int_equal(lab->rig.cmd.data_len, 8 + 8 * n);
}

/* type 0: nothing is reserved. */
void expect_reservation(struct lab *lab, uint8_t type, uint64_t key)
{
	pr_in(lab, 1);
	assert_int_equal(be32_get(lab->rig.in + 4), type ? 16 : 0);
	if (!type)
		return;
	assert_int_equal(be64_get(lab->rig.in + 8), key);
	assert_int_equal(lab->rig.in[21], type);
}

void expect_ua(struct lab *lab, unsigned int who, enum scsi_ua ua)
{
	uint32_t wanted = ua == SCSI_UA_COUNT ? 0 : 1u << ua;

	assert_int_equal(atomic_exchange(&lab->itl[who]->ua, 0), wanted);
}

uint8_t try_command(struct lab *lab, unsigned int who, const struct scsi_op *op)
{
	static const uint8_t block[1024];

	rig_cdb_op(&lab->rig, op, 0, op->flags & OP_LBA ? 1 : 0);
	return run(lab, who, op->dir == SCSI_DIR_OUT ? block : NULL,
		   op->dir == SCSI_DIR_OUT ? sizeof(block) : 0);
}
