/* SPDX-License-Identifier: BSD-2-Clause */
/* States of access: what runs in them, who is told, REPORT and SET TARGET PORT GROUPS. */
#include <errno.h>
#include <string.h>

#include "rig.h"

enum {
	OWN = 0x0304,
	OTHER = 1
};

static void setup(struct rig *rig)
{
	rig_init(rig, &(struct rig_conf){ .alua = true,
					  .removable = true,
					  .thin = true,
					  .features = STORE_F_UNMAP | STORE_F_ATOMIC,
					  .atomic_min = 512, .atomic_max = 4096 });
	assert_int_equal(scsi_lu_add_port(rig->lu, &(struct scsi_port){ .rel_target_port = 7, .group = OTHER }), 0);
}

static void set(struct rig *rig, uint16_t group, enum scsi_access state)
{
	assert_int_equal(scsi_lu_set_access(rig->lu, group, state, false), 0);
}

static void report(struct rig *rig, uint8_t format)
{
	rig_cdb(rig, 0xa3, format | 0x0a);
	be32_put(rig->cdb + 6, 1024);
	rig_run_in(rig, 1024);
	assert_good(rig);
}

static void groups_are_reported(void **state)
{
	static const uint8_t expected[] = {
		0, 0, 0, 24, 0x82, 0xcf, 0,    OTHER, 0, SCSI_ACCESS_BY_TARGET,
		0, 1, 0, 0,  0,	   7,	 0x00, 0xcf,  3, 4,
		0, 0, 0, 1,  0,	   0,	 1,    2,
	};
	struct rig rig;

	setup(&rig);
	set(&rig, 99, SCSI_STANDBY); /* a group without port: not reported */
	assert_int_equal(scsi_lu_set_access(rig.lu, OTHER, SCSI_STANDBY, true), 0);
	atomic_store(&rig.itl->ua, 0);
	report(&rig, 0);
	assert_int_equal(rig.cmd.data_len, sizeof(expected));
	assert_memory_equal(rig.in, expected, sizeof(expected));
	report(&rig, 0x20);
	assert_int_equal(rig.cmd.data_len, sizeof(expected) + 4);
	assert_int_equal(rig.in[3], 28);
	assert_int_equal(rig.in[4], 0x10);
	assert_memory_equal(rig.in + 8, expected + 4, sizeof(expected) - 4);
	rig_cdb(&rig, 0x12, 0, 0, 0, 96);
	rig_run_in(&rig, 96);
	assert_int_equal(rig.in[5] & 0x30, 0x30);
	rig_fini(&rig);
}

static void without_states(void **state)
{
	struct rig rig;

	rig_init(&rig, NULL);
	rig_cdb(&rig, 0xa3, 0x0a);
	rig_run_in(&rig, 64);
	assert_bad_cdb(&rig, 1, 4);
	rig_cdb(&rig, 0x12, 0, 0, 0, 96);
	rig_run_in(&rig, 96);
	assert_int_equal(rig.in[5] & 0x30, 0);
	scsi_lu_use_alua(rig.lu, false, NULL);
	rig_cdb(&rig, 0xa4, 0x0a);
	rig_run_none(&rig);
	assert_bad_cdb(&rig, 1, 4);
	rig_fini(&rig);
}

/* What runs has to run, whatever comes of it; all the rest is refused with the state's own code. */
static bool runs_as_said(const struct scsi_op *op, void *arg)
{
	static const uint8_t standby[] = { 0x03, 0x12, 0x15, 0x16, 0x17, 0x1a, 0x1c, 0x1d,
					   0x25, 0x3b, 0x3c, 0x4c, 0x4d, 0x55, 0x56, 0x57,
					   0x5a, 0x5e, 0x5f, 0xa0, 0xa3, 0xa4 };
	static const uint8_t others[] = { 0x03, 0x12, 0x25, 0x3b, 0x3c, 0xa0, 0xa3, 0xa4 };
	static const struct {
		enum scsi_access state;
		uint32_t code;
	} cases[] = {
		{ SCSI_STANDBY, SENSE_STANDBY },
		{ SCSI_UNAVAILABLE, SENSE_UNAVAILABLE },
		{ SCSI_OFFLINE, SENSE_UNAVAILABLE },
		{ SCSI_TRANSITIONING, SENSE_ACCESS_TRANSITION },
	};
	struct rig *rig = arg;

	if (!scsi_op_served(op, rig->lu))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool in_standby = cases[i].state == SCSI_STANDBY;
		bool allowed = in_standby ? memchr(standby, op->opcode, sizeof(standby)) != NULL
					  : memchr(others, op->opcode, sizeof(others)) != NULL;

		allowed |= op->opcode == 0x9e && op->sa == 0x10;
		allowed &= !(op->opcode == 0xa4 && cases[i].state == SCSI_TRANSITIONING);
		set(rig, OWN, cases[i].state);
		atomic_store(&rig->itl->ua, 0);
		rig_cdb_op(rig, op, 0, 0);
		rig_run_none(rig);
		if (!allowed)
			assert_sense(rig, cases[i].code);
		else if (rig->cmd.status == SCSI_CHECK_CONDITION)
			assert_int_not_equal(rig_code(rig) >> 8, 0x0204);
		set(rig, OWN, SCSI_ACTIVE_NONOPTIMIZED);
	}
	return true;
}

static void states_filter_commands(void **state)
{
	struct rig rig;

	setup(&rig);
	scsi_op_each(runs_as_said, &rig);
	rig_fini(&rig);
}

/* The state of another group is no business of this path, but it is told of. */
static void other_groups(void **state)
{
	struct rig rig;

	setup(&rig);
	set(&rig, OTHER, SCSI_UNAVAILABLE);
	rig_cdb(&rig, 0x00);
	rig_run_none(&rig);
	assert_sense(&rig, SENSE_UA_ACCESS_STATE_CHANGED);
	assert_int_equal(rig_run_none(&rig), SCSI_GOOD);
	set(&rig, OTHER, SCSI_UNAVAILABLE); /* nothing new */
	assert_int_equal(rig_run_none(&rig), SCSI_GOOD);
	set(&rig, OWN, SCSI_STANDBY);
	rig_run_none(&rig);
	assert_sense(&rig, SENSE_UA_ACCESS_STATE_CHANGED);
	rig_run_none(&rig);
	assert_sense(&rig, SENSE_STANDBY);
	rig_fini(&rig);
}

/* A nexus that comes later finds the state. */
static void later_nexus(void **state)
{
	struct scsi_nexus nexus = { .rel_target_port = 7, .target_port_group = OTHER };
	struct rig rig;

	setup(&rig);
	set(&rig, OTHER, SCSI_STANDBY);
	rig_add_nexus(&rig, &nexus, 0);
	assert_int_equal(atomic_load(&nexus.chunk[0][0]->access), SCSI_STANDBY);
	set(&rig, OTHER, SCSI_ACTIVE_OPTIMIZED);
	assert_int_equal(atomic_load(&nexus.chunk[0][0]->access), 0);
	scsi_nexus_fini(&nexus);
	rig_fini(&rig);
}

/* ---- SET TARGET PORT GROUPS ---- */

static uint8_t set_groups(struct rig *rig, const uint8_t *list, uint32_t len)
{
	rig_cdb(rig, 0xa4, 0x0a);
	be32_put(rig->cdb + 6, len);
	return rig_run_out(rig, list, len);
}

static void set_by_command(void **state)
{
	static const uint8_t list[] = { 0, 0, 0, 0, 0x02, 0, 3, 4, 0x01, 0, 0, OTHER };
	struct scsi_nexus nexus = { .rel_target_port = 7, .target_port_group = OTHER };
	struct rig rig;

	setup(&rig);
	rig_add_nexus(&rig, &nexus, 0);
	atomic_store(&nexus.chunk[0][0]->ua, 0);
	assert_int_equal(set_groups(&rig, list, sizeof(list)), SCSI_GOOD);
	assert_trace(&rig, "DC");
	assert_int_equal(atomic_load(&rig.itl->access), SCSI_STANDBY);
	assert_int_equal(atomic_load(&rig.itl->ua), 0); /* it knows */
	assert_int_equal(atomic_load(&nexus.chunk[0][0]->ua), 1u << SCSI_UA_ACCESS_STATE_CHANGED);
	report(&rig, 0);
	assert_int_equal(rig.in[4], 0x01);
	assert_int_equal(rig.in[9], SCSI_ACCESS_BY_COMMAND);
	scsi_nexus_fini(&nexus);
	rig_fini(&rig);
}

static void bad_lists(void **state)
{
	static const struct {
		uint8_t list[8];
		unsigned int len;
		bool bad_field;
	} cases[] = {
		{ { 0, 0, 0, 0, 0x0e, 0, 3, 4 }, 8, true },
		{ { 0, 0, 0, 0, 0x0f, 0, 3, 4 }, 8, true },
		{ { 0, 0, 0, 0, 0x04, 0, 3, 4 }, 8, true },
		{ { 0, 0, 0, 0, 0x01, 0, 3, 5 }, 8, true },
		{ { 0, 0, 0, 0, 0x01, 0, 3, 4 }, 7, false },
		{ { 0 }, 3, false },
	};
	struct rig rig;

	setup(&rig);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		set_groups(&rig, cases[i].list, cases[i].len);
		if (cases[i].bad_field)
			assert_field(&rig, SENSE_INVALID_FIELD_IN_PARAMETERS, 4, -1);
		else
			assert_sense(&rig, SENSE_PARAMETER_LIST_LENGTH);
	}
	assert_int_equal(set_groups(&rig, cases[0].list, 4), SCSI_GOOD);
	assert_int_equal(set_groups(&rig, cases[0].list, 0), SCSI_GOOD);
	rig_fini(&rig);
}

struct asker {
	struct scsi_access_hook hook;
	struct rig *rig;
	int res;
	unsigned int n;
};

static int ask(struct scsi_access_hook *hook, const struct scsi_lu *lu, uint16_t group,
	       enum scsi_access from, enum scsi_access to)
{
	struct asker *asker = (struct asker *)hook;

	asker->n++;
	assert_int_equal(group, OWN);
	assert_int_equal(from, SCSI_ACTIVE_OPTIMIZED);
	assert_int_equal(to, SCSI_STANDBY);
	assert_int_equal(atomic_load(&asker->rig->itl->access), SCSI_TRANSITIONING);
	return asker->res;
}

static void the_hook_decides(void **state)
{
	static const uint8_t list[] = { 0, 0, 0, 0, 0x02, 0, 3, 4 };
	struct asker asker = { .hook.run = ask, .res = -EPERM };
	struct rig rig;

	setup(&rig);
	asker.rig = &rig;
	scsi_lu_use_alua(rig.lu, true, &asker.hook);
	set_groups(&rig, list, sizeof(list));
	assert_sense(&rig, SENSE_SET_PORT_GROUPS_FAILED);
	assert_int_equal(atomic_load(&rig.itl->access), 0);
	asker.res = 0;
	assert_int_equal(set_groups(&rig, list, sizeof(list)), SCSI_GOOD);
	assert_int_equal(atomic_load(&rig.itl->access), SCSI_STANDBY);
	assert_int_equal(set_groups(&rig, list, sizeof(list)), SCSI_GOOD); /* nothing to ask */
	assert_int_equal(asker.n, 2);
	rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(groups_are_reported),
		cmocka_unit_test(without_states),
		cmocka_unit_test(states_filter_commands),
		cmocka_unit_test(other_groups),
		cmocka_unit_test(later_nexus),
		cmocka_unit_test(set_by_command),
		cmocka_unit_test(bad_lists),
		cmocka_unit_test(the_hook_decides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
