/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reservations: every action and type of PERSISTENT RESERVE with three nexuses, what conflicts with
 * what, who is told.
 */
#include <string.h>

#include "pr_lab.h"

static const uint8_t types[] = { WE, EA, WE_RO, EA_RO, WE_AR, EA_AR };
static const enum scsi_ua none = SCSI_UA_COUNT;

/* ---- REGISTER ---- */

static void register_and_unregister(void **state)
{
	struct lab lab;

	setup(&lab);
	expect_keys(&lab, 0, NULL, 0);
	register_all(&lab);
	expect_keys(&lab, 3, (const uint64_t[]){ KEY_A, KEY_B, KEY_C }, 3);
	assert_int_equal(pr_out(&lab, A, REGISTER, 0, KEY_A, 0x11), SCSI_GOOD);
	expect_keys(&lab, 4, (const uint64_t[]){ 0x11, KEY_B, KEY_C }, 3);
	assert_int_equal(pr_out(&lab, A, REGISTER, 0, KEY_A, 0x12), SCSI_RESERVATION_CONFLICT);
	assert_int_equal(pr_out(&lab, A, REGISTER, 0, 0, 0x12), SCSI_RESERVATION_CONFLICT);
	assert_int_equal(pr_out(&lab, B, REGISTER, 0, KEY_B, 0), SCSI_GOOD);
	expect_keys(&lab, 5, (const uint64_t[]){ 0x11, KEY_C }, 2);
	assert_int_equal(pr_out(&lab, B, REGISTER, 0, KEY_B, 0x22), SCSI_RESERVATION_CONFLICT);
	assert_int_equal(pr_out(&lab, B, REGISTER, 0, 0, 0), SCSI_GOOD); /* nothing to do */
	expect_keys(&lab, 5, (const uint64_t[]){ 0x11, KEY_C }, 2);
	for (unsigned int i = 0; i < N; i++)
		expect_ua(&lab, i, none);
	teardown(&lab);
}

static void register_and_ignore(void **state)
{
	struct lab lab;

	setup(&lab);
	assert_int_equal(pr_out(&lab, A, IGNORE, 0, 0x999, KEY_A), SCSI_GOOD);
	assert_int_equal(pr_out(&lab, A, IGNORE, 0, 0x999, 0x11), SCSI_GOOD);
	expect_keys(&lab, 2, (const uint64_t[]){ 0x11 }, 1);
	assert_int_equal(pr_out(&lab, B, IGNORE, 0, 0x999, 0), SCSI_GOOD);
	assert_int_equal(pr_out(&lab, A, IGNORE, 0, 0x999, 0), SCSI_GOOD);
	expect_keys(&lab, 3, NULL, 0);
	pr_out_flags(&lab, A, IGNORE, 0, 0, KEY_A, 0x08);
	assert_field(&lab.rig, SENSE_INVALID_FIELD_IN_PARAMETERS, 20, 3);
	teardown(&lab);
}

static void unregistered_nexuses_may_do_nothing_else(void **state)
{
	const uint8_t actions[] = { RESERVE, RELEASE, CLEAR, PREEMPT, PREEMPT_AND_ABORT };
	struct lab lab;

	setup(&lab);
	assert_int_equal(pr_out(&lab, A, REGISTER, 0, 0, KEY_A), SCSI_GOOD);
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		assert_int_equal(pr_out(&lab, B, actions[i], WE, 0, KEY_A), SCSI_RESERVATION_CONFLICT);
		assert_int_equal(pr_out(&lab, A, actions[i], WE, 1, KEY_A), SCSI_RESERVATION_CONFLICT);
	}
	expect_keys(&lab, 1, (const uint64_t[]){ KEY_A }, 1);
	teardown(&lab);
}

static void all_target_ports(void **state)
{
	struct lab lab;

	setup(&lab);
	assert_int_equal(pr_out_flags(&lab, A, REGISTER, 0, 0, KEY_A, 0x04), SCSI_GOOD);
	expect_keys(&lab, 1, (const uint64_t[]){ KEY_A, KEY_A, KEY_A }, 3);
	pr_in(&lab, 3);
	for (unsigned int i = 0; i < 3; i++) {
		const uint8_t *d = lab.rig.in + 8 + 48 * i;

		assert_int_equal(d[12], 0x02);
		assert_int_equal(be16_get(d + 18), i + 1);
		assert_memory_equal(d + 32, lab.nexus[A].initiator_port_id, 16);
	}
	teardown(&lab);
}

static void put_transport_id(uint8_t *id, unsigned int who)
{
	memset(id, 0, 24);
	id[0] = 0x04;
	id[23] = (uint8_t)(who + 1);
}

static void specified_initiator_ports(void **state)
{
	struct lab lab;

	setup(&lab);
	be64_put(lab.param + 8, KEY_A);
	lab.param[20] = 0x08;
	be32_put(lab.param + 24, 48);
	put_transport_id(lab.param + 28, B);
	put_transport_id(lab.param + 52, C);
	assert_int_equal(pr_out_list(&lab, A, REGISTER, 0, 76), SCSI_GOOD);
	expect_keys(&lab, 1, (const uint64_t[]){ KEY_A, KEY_A, KEY_A }, 3);
	assert_int_equal(pr_out(&lab, B, RESERVE, WE, KEY_A, 0), SCSI_GOOD);
	teardown(&lab);
}

static void bad_specified_ports(void **state)
{
	struct lab lab;

	setup(&lab);
	assert_int_equal(pr_out(&lab, B, REGISTER, 0, 0, KEY_B), SCSI_GOOD);
	be64_put(lab.param, 0);
	be64_put(lab.param + 8, KEY_A);
	lab.param[20] = 0x08;
	be32_put(lab.param + 24, 48);
	put_transport_id(lab.param + 28, C);
	put_transport_id(lab.param + 52, B); /* is registered */
	pr_out_list(&lab, A, REGISTER, 0, 76);
	assert_field(&lab.rig, SENSE_INVALID_FIELD_IN_PARAMETERS, 52, -1);
	put_transport_id(lab.param + 52, C); /* twice */
	pr_out_list(&lab, A, REGISTER, 0, 76);
	assert_field(&lab.rig, SENSE_INVALID_FIELD_IN_PARAMETERS, 52, -1);
	lab.param[52] = 0x06; /* SAS */
	pr_out_list(&lab, A, REGISTER, 0, 76);
	assert_field(&lab.rig, SENSE_INVALID_FIELD_IN_PARAMETERS, 52, -1);
	be32_put(lab.param + 24, 49);
	pr_out_list(&lab, A, REGISTER, 0, 76);
	assert_field(&lab.rig, SENSE_INVALID_FIELD_IN_PARAMETERS, 24, -1);
	pr_out_list(&lab, A, REGISTER, 0, 27);
	assert_sense(&lab.rig, SENSE_PARAMETER_LIST_LENGTH);
	/* who is registered may not register others */
	be64_put(lab.param, KEY_B);
	be32_put(lab.param + 24, 24);
	pr_out_list(&lab, B, REGISTER, 0, 52);
	assert_field(&lab.rig, SENSE_INVALID_FIELD_IN_PARAMETERS, 20, 3);
	expect_keys(&lab, 1, (const uint64_t[]){ KEY_B }, 1);
	teardown(&lab);
}

static void parameter_lists(void **state)
{
	struct lab lab;

	setup(&lab);
	memset(lab.param, 0, sizeof(lab.param));
	for (uint32_t len = 0; len < 24; len++) {
		pr_out_list(&lab, A, REGISTER, 0, len);
		assert_sense(&lab.rig, SENSE_PARAMETER_LIST_LENGTH);
	}
	pr_out_list(&lab, A, REGISTER, 0, 25);
	assert_sense(&lab.rig, SENSE_PARAMETER_LIST_LENGTH);
	rig_cdb(&lab.rig, 0x5f, REGISTER, 0, 0, 0, 0, 0, 0, 24); /* and less data-out */
	run(&lab, A, lab.param, 20);
	assert_sense(&lab.rig, SENSE_PARAMETER_LIST_LENGTH);
	for (unsigned int type = 0; type < 16; type++) {
		pr_out(&lab, A, RESERVE, (uint8_t)type, 0, 0);
		if (memchr(types, (int)type, sizeof(types)))
			assert_int_equal(lab.rig.cmd.status, SCSI_RESERVATION_CONFLICT);
		else
			assert_bad_cdb(&lab.rig, 2, 3);
	}
	pr_out(&lab, A, RESERVE, 0x11, 0, 0);
	assert_bad_cdb(&lab.rig, 2, 7);
	pr_out_flags(&lab, A, REGISTER, 0, 0, KEY_A, 0x01); /* APTPL, and nowhere to keep it */
	assert_field(&lab.rig, SENSE_INVALID_FIELD_IN_PARAMETERS, 20, 0);
	expect_keys(&lab, 0, NULL, 0);
	teardown(&lab);
}

static void registrations_are_bounded(void **state)
{
	struct lab lab;
	struct pr_state *pr;

	setup(&lab);
	assert_int_equal(pr_out(&lab, A, REGISTER, 0, 0, KEY_A), SCSI_GOOD);
	pr = lab.rig.lu->pr;
	for (; pr->n < PR_MAX_REGS; pr->n++) {
		pr->reg[pr->n] = (struct pr_reg){ .port = 7, .key = 1 };
		be32_put(pr->reg[pr->n].initiator, pr->n);
	}
	pr_out(&lab, B, REGISTER, 0, 0, KEY_B);
	assert_sense(&lab.rig, SENSE_REGISTRATION_RESOURCES);
	pr_in(&lab, 3);
	assert_int_equal(be32_get(lab.rig.in + 4), 48 * PR_MAX_REGS);
	teardown(&lab);
}

/* ---- conflicts ---- */

struct verdict {
	struct lab *lab;
	uint8_t type;
};

static bool is_shared_write_exclusive(uint8_t type)
{
	return type == WE || type == WE_RO || type == WE_AR;
}

/* Of the three: A holds, B is registered, C is neither. */
static bool judges(const struct scsi_op *op, void *arg)
{
	struct verdict *v = arg;
	bool conflicts = op->resv == SCSI_RESV_WRITE || op->resv == SCSI_RESV_START_STOP ||
			 (op->resv == SCSI_RESV_READ && !is_shared_write_exclusive(v->type));
	bool registered_only = v->type >= WE_RO;

	if (op->opcode == 0x5e || op->opcode == 0x5f || op->run == spc_reserve || /* on their own */
	    op->resv == SCSI_RESV_PREVENT || !scsi_op_served(op, v->lab->rig.lu))
		return true;
	assert_int_not_equal(try_command(v->lab, A, op), SCSI_RESERVATION_CONFLICT);
	atomic_store(&v->lab->rig.lu->stopped, false);
	assert_int_equal(try_command(v->lab, B, op) == SCSI_RESERVATION_CONFLICT,
			 conflicts && !registered_only);
	assert_int_equal(try_command(v->lab, C, op) == SCSI_RESERVATION_CONFLICT, conflicts);
	atomic_store(&v->lab->rig.lu->stopped, false);
	return true;
}

static void conflicts_of_every_command(void **state)
{
	for (size_t i = 0; i < sizeof(types); i++) {
		struct lab lab;
		struct verdict v = { &lab, types[i] };

		setup(&lab);
		assert_int_equal(pr_out(&lab, A, REGISTER, 0, 0, KEY_A), SCSI_GOOD);
		assert_int_equal(pr_out(&lab, B, REGISTER, 0, 0, KEY_B), SCSI_GOOD);
		assert_null(atomic_load(&lab.rig.lu->conflict));
		assert_int_equal(pr_out(&lab, A, RESERVE, types[i], KEY_A, 0), SCSI_GOOD);
		scsi_op_each(judges, &v);
		assert_int_equal(pr_out(&lab, A, RELEASE, types[i], KEY_A, 0), SCSI_GOOD);
		assert_null(atomic_load(&lab.rig.lu->conflict));
		teardown(&lab);
	}
}

static void starting_and_allowing_run(void **state)
{
	struct lab lab;

	setup(&lab);
	assert_int_equal(pr_out(&lab, A, REGISTER, 0, 0, KEY_A), SCSI_GOOD);
	assert_int_equal(pr_out(&lab, A, RESERVE, EA, KEY_A, 0), SCSI_GOOD);
	rig_cdb(&lab.rig, 0x1b, 0, 0, 0, 0x01);
	assert_int_equal(run(&lab, B, NULL, 0), SCSI_GOOD);
	lab.rig.cdb[4] = 0x00;
	assert_int_equal(run(&lab, B, NULL, 0), SCSI_RESERVATION_CONFLICT);
	rig_cdb(&lab.rig, 0x1e, 0, 0, 0, 0x00);
	assert_int_equal(run(&lab, B, NULL, 0), SCSI_GOOD);
	lab.rig.cdb[4] = 0x01;
	assert_int_equal(run(&lab, B, NULL, 0), SCSI_RESERVATION_CONFLICT);
	teardown(&lab);
}

/* A nexus that comes back, or comes under a registration made for it, has its rights at once. */
static void rights_of_a_new_nexus(void **state)
{
	struct lab lab;

	setup(&lab);
	register_all(&lab);
	assert_int_equal(pr_out(&lab, A, RESERVE, EA_RO, KEY_A, 0), SCSI_GOOD);
	assert_int_equal(pr_out(&lab, C, REGISTER, 0, KEY_C, 0), SCSI_GOOD);
	scsi_nexus_fini(&lab.nexus[B]);
	scsi_nexus_fini(&lab.nexus[C]);
	join(&lab, B);
	join(&lab, C);
	assert_int_equal(try_command(&lab, B, rig_op(0x2a)), SCSI_GOOD);
	assert_int_equal(try_command(&lab, C, rig_op(0x2a)), SCSI_RESERVATION_CONFLICT);
	teardown(&lab);
}

/* ---- RESERVE, RELEASE, CLEAR ---- */

static void reserve_twice(void **state)
{
	struct lab lab;

	setup(&lab);
	register_all(&lab);
	assert_int_equal(pr_out(&lab, A, RESERVE, WE, KEY_A, 0), SCSI_GOOD);
	assert_int_equal(pr_out(&lab, A, RESERVE, WE, KEY_A, 0), SCSI_GOOD);
	assert_int_equal(pr_out(&lab, A, RESERVE, EA, KEY_A, 0), SCSI_RESERVATION_CONFLICT);
	assert_int_equal(pr_out(&lab, B, RESERVE, WE, KEY_B, 0), SCSI_RESERVATION_CONFLICT);
	expect_reservation(&lab, WE, KEY_A);
	expect_keys(&lab, 3, (const uint64_t[]){ KEY_A, KEY_B, KEY_C }, 3); /* not counted */
	teardown(&lab);
}

static void release_tells_registrants(void **state)
{
	for (size_t i = 0; i < sizeof(types); i++) {
		enum scsi_ua told = types[i] >= WE_RO ? SCSI_UA_RESERVATIONS_RELEASED : none;
		uint8_t other = types[i] == WE ? EA : WE;
		struct lab lab;

		setup(&lab);
		assert_int_equal(pr_out(&lab, A, REGISTER, 0, 0, KEY_A), SCSI_GOOD);
		assert_int_equal(pr_out(&lab, B, REGISTER, 0, 0, KEY_B), SCSI_GOOD);
		assert_int_equal(pr_out(&lab, A, RELEASE, types[i], KEY_A, 0), SCSI_GOOD);
		assert_int_equal(pr_out(&lab, A, RESERVE, types[i], KEY_A, 0), SCSI_GOOD);
		expect_reservation(&lab, types[i], types[i] >= WE_AR ? 0 : KEY_A);
		pr_out(&lab, A, RELEASE, other, KEY_A, 0);
		assert_sense(&lab.rig, SENSE_INVALID_RELEASE);
		if (types[i] < WE_AR) { /* only the holder releases: others do nothing */
			assert_int_equal(pr_out(&lab, B, RELEASE, types[i], KEY_B, 0), SCSI_GOOD);
			expect_reservation(&lab, types[i], KEY_A);
		}
		assert_int_equal(pr_out(&lab, A, RELEASE, types[i], KEY_A, 0), SCSI_GOOD);
		expect_reservation(&lab, 0, 0);
		expect_ua(&lab, A, none);
		expect_ua(&lab, B, told);
		expect_ua(&lab, C, none);
		teardown(&lab);
	}
}

/* Of an all registrants reservation the last registrant's going is the end. */
static void unregister_ends_a_reservation(void **state)
{
	for (size_t i = 0; i < sizeof(types); i++) {
		bool all = types[i] >= WE_AR;
		struct lab lab;

		setup(&lab);
		assert_int_equal(pr_out(&lab, A, REGISTER, 0, 0, KEY_A), SCSI_GOOD);
		assert_int_equal(pr_out(&lab, B, REGISTER, 0, 0, KEY_B), SCSI_GOOD);
		assert_int_equal(pr_out(&lab, A, RESERVE, types[i], KEY_A, 0), SCSI_GOOD);
		assert_int_equal(pr_out(&lab, A, REGISTER, 0, KEY_A, 0), SCSI_GOOD);
		expect_reservation(&lab, all ? types[i] : 0, 0);
		expect_ua(&lab, B, types[i] == WE_RO || types[i] == EA_RO ?
					   SCSI_UA_RESERVATIONS_RELEASED :
					   none);
		assert_int_equal(pr_out(&lab, B, REGISTER, 0, KEY_B, 0), SCSI_GOOD);
		expect_reservation(&lab, 0, 0);
		assert_null(atomic_load(&lab.rig.lu->conflict));
		teardown(&lab);
	}
}

static void clear_ends_everything(void **state)
{
	struct lab lab;

	setup(&lab);
	register_all(&lab);
	assert_int_equal(pr_out(&lab, A, RESERVE, EA, KEY_A, 0), SCSI_GOOD);
	assert_int_equal(pr_out(&lab, B, CLEAR, 0, KEY_B, 0), SCSI_GOOD);
	expect_keys(&lab, 4, NULL, 0);
	expect_reservation(&lab, 0, 0);
	expect_ua(&lab, A, SCSI_UA_RESERVATIONS_PREEMPTED);
	expect_ua(&lab, B, none);
	expect_ua(&lab, C, SCSI_UA_RESERVATIONS_PREEMPTED);
	teardown(&lab);
}

/* ---- PREEMPT ---- */

static void preempt_the_holder(void **state)
{
	struct lab lab;

	setup(&lab);
	register_all(&lab);
	assert_int_equal(pr_out(&lab, A, RESERVE, WE_RO, KEY_A, 0), SCSI_GOOD);
	assert_int_equal(pr_out(&lab, B, PREEMPT, EA, KEY_B, KEY_A), SCSI_GOOD);
	expect_keys(&lab, 4, (const uint64_t[]){ KEY_B, KEY_C }, 2);
	expect_reservation(&lab, EA, KEY_B);
	expect_ua(&lab, A, SCSI_UA_REGISTRATIONS_PREEMPTED);
	expect_ua(&lab, B, none);
	expect_ua(&lab, C, SCSI_UA_RESERVATIONS_RELEASED); /* the type is another */
	assert_int_equal(try_command(&lab, A, rig_op(0x2a)), SCSI_RESERVATION_CONFLICT);
	assert_int_equal(try_command(&lab, B, rig_op(0x2a)), SCSI_GOOD);
	teardown(&lab);
}

static void preempt_a_registration(void **state)
{
	struct lab lab;

	setup(&lab);
	register_all(&lab);
	assert_int_equal(pr_out(&lab, A, RESERVE, WE, KEY_A, 0), SCSI_GOOD);
	assert_int_equal(pr_out(&lab, B, PREEMPT, EA, KEY_B, KEY_C), SCSI_GOOD);
	expect_keys(&lab, 4, (const uint64_t[]){ KEY_A, KEY_B }, 2);
	expect_reservation(&lab, WE, KEY_A);
	expect_ua(&lab, A, none);
	expect_ua(&lab, C, SCSI_UA_REGISTRATIONS_PREEMPTED);
	assert_int_equal(pr_out(&lab, B, PREEMPT, EA, KEY_B, KEY_C), SCSI_RESERVATION_CONFLICT);
	pr_out(&lab, B, PREEMPT, EA, KEY_B, 0);
	assert_field(&lab.rig, SENSE_INVALID_FIELD_IN_PARAMETERS, 8, -1);
	assert_int_equal(pr_out(&lab, A, PREEMPT, EA, KEY_A, KEY_A), SCSI_GOOD); /* itself */
	expect_reservation(&lab, EA, KEY_A);
	expect_keys(&lab, 5, (const uint64_t[]){ KEY_A, KEY_B }, 2);
	teardown(&lab);
}

static void preempt_all_registrants(void **state)
{
	struct lab lab;

	setup(&lab);
	register_all(&lab);
	assert_int_equal(pr_out(&lab, A, RESERVE, WE_AR, KEY_A, 0), SCSI_GOOD);
	assert_int_equal(pr_out(&lab, B, PREEMPT, WE_AR, KEY_B, KEY_C), SCSI_GOOD);
	expect_reservation(&lab, WE_AR, 0);
	expect_keys(&lab, 4, (const uint64_t[]){ KEY_A, KEY_B }, 2);
	assert_int_equal(pr_out(&lab, B, PREEMPT, EA, KEY_B, 0), SCSI_GOOD); /* everybody */
	expect_reservation(&lab, EA, KEY_B);
	expect_keys(&lab, 5, (const uint64_t[]){ KEY_B }, 1);
	expect_ua(&lab, A, SCSI_UA_REGISTRATIONS_PREEMPTED);
	expect_ua(&lab, C, SCSI_UA_REGISTRATIONS_PREEMPTED);
	teardown(&lab);
}

static void preempt_and_abort_ends_tasks(void **state)
{
	struct lab lab;

	setup(&lab);
	register_all(&lab);
	assert_int_equal(pr_out(&lab, A, RESERVE, WE, KEY_A, 0), SCSI_GOOD);
	assert_int_equal(pr_out(&lab, B, PREEMPT_AND_ABORT, WE, KEY_B, KEY_A), SCSI_GOOD);
	assert_trace(&lab.rig, "DCA");
	assert_int_equal(lab.rig.n_aborted, 1);
	assert_ptr_equal(lab.rig.aborted[0], &lab.nexus[A]);
	expect_reservation(&lab, WE, KEY_B);
	expect_ua(&lab, A, SCSI_UA_REGISTRATIONS_PREEMPTED);
	expect_ua(&lab, C, none);
	assert_int_equal(pr_out(&lab, B, PREEMPT, WE, KEY_B, KEY_C), SCSI_GOOD);
	assert_trace(&lab.rig, "DC");
	teardown(&lab);
}

/* ---- REGISTER AND MOVE ---- */

static uint8_t move(struct lab *lab, unsigned int who, uint64_t key, uint64_t action_key,
		    uint8_t flags, unsigned int to)
{
	memset(lab->param, 0, 48);
	be64_put(lab->param, key);
	be64_put(lab->param + 8, action_key);
	lab->param[17] = flags;
	be16_put(lab->param + 18, 1);
	be32_put(lab->param + 20, 24);
	put_transport_id(lab->param + 24, to);
	return pr_out_list(lab, who, MOVE, 0, 48);
}

static void move_a_reservation(void **state)
{
	struct lab lab;

	setup(&lab);
	assert_int_equal(pr_out(&lab, A, REGISTER, 0, 0, KEY_A), SCSI_GOOD);
	assert_int_equal(move(&lab, A, KEY_A, KEY_B, 0, B), SCSI_RESERVATION_CONFLICT);
	assert_int_equal(pr_out(&lab, A, RESERVE, EA, KEY_A, 0), SCSI_GOOD);
	assert_int_equal(move(&lab, A, KEY_A, KEY_B, 0, B), SCSI_GOOD);
	expect_keys(&lab, 2, (const uint64_t[]){ KEY_A, KEY_B }, 2);
	expect_reservation(&lab, EA, KEY_B);
	assert_int_equal(try_command(&lab, A, rig_op(0x2a)), SCSI_RESERVATION_CONFLICT);
	assert_int_equal(move(&lab, A, KEY_A, KEY_C, 0, C), SCSI_RESERVATION_CONFLICT);
	assert_int_equal(move(&lab, B, KEY_B, KEY_A, 0x02, A), SCSI_GOOD); /* UNREG */
	expect_keys(&lab, 3, (const uint64_t[]){ KEY_A }, 1);
	expect_reservation(&lab, EA, KEY_A);
	teardown(&lab);
}

static void bad_moves(void **state)
{
	struct lab lab;

	setup(&lab);
	assert_int_equal(pr_out(&lab, A, REGISTER, 0, 0, KEY_A), SCSI_GOOD);
	assert_int_equal(pr_out(&lab, A, RESERVE, EA, KEY_A, 0), SCSI_GOOD);
	move(&lab, A, KEY_A, 0, 0, B);
	assert_field(&lab.rig, SENSE_INVALID_FIELD_IN_PARAMETERS, 8, -1);
	move(&lab, A, KEY_A, KEY_B, 0, A); /* to itself */
	assert_field(&lab.rig, SENSE_INVALID_FIELD_IN_PARAMETERS, 24, -1);
	move(&lab, A, KEY_A, KEY_B, 0x01, B); /* APTPL, nowhere to keep it */
	assert_field(&lab.rig, SENSE_INVALID_FIELD_IN_PARAMETERS, 17, 0);
	move(&lab, A, KEY_A, KEY_B, 0, B);
	lab.param[19] = 9; /* no such port; A holds no more: move back first */
	assert_int_equal(move(&lab, B, KEY_B, KEY_A, 0, A), SCSI_GOOD);
	be64_put(lab.param, KEY_A);
	be16_put(lab.param + 18, 9);
	pr_out_list(&lab, A, MOVE, 0, 48);
	assert_field(&lab.rig, SENSE_INVALID_FIELD_IN_PARAMETERS, 18, -1);
	be16_put(lab.param + 18, 1);
	be32_put(lab.param + 20, 23);
	pr_out_list(&lab, A, MOVE, 0, 48);
	assert_field(&lab.rig, SENSE_INVALID_FIELD_IN_PARAMETERS, 20, -1);
	pr_out_list(&lab, A, MOVE, 0, 47);
	assert_sense(&lab.rig, SENSE_PARAMETER_LIST_LENGTH);
	teardown(&lab);
}

/* ---- PERSISTENT RESERVE IN ---- */

static void capabilities(void **state)
{
	struct lab lab;

	setup(&lab);
	pr_in(&lab, 2);
	assert_int_equal(lab.rig.cmd.data_len, 8);
	assert_memory_equal(lab.rig.in, "\x00\x08\x1c\x80\xea\x01\x00\x00", 8);
	rig_cdb(&lab.rig, 0x5e, 4, 0, 0, 0, 0, 0, 0, 8);
	run(&lab, A, NULL, 0);
	assert_bad_cdb(&lab.rig, 1, 4);
	teardown(&lab);
}

static void full_status(void **state)
{
	struct lab lab;

	setup(&lab);
	register_all(&lab);
	assert_int_equal(pr_out(&lab, B, RESERVE, WE_RO, KEY_B, 0), SCSI_GOOD);
	pr_in(&lab, 3);
	assert_int_equal(be32_get(lab.rig.in + 4), 3 * 48);
	for (unsigned int i = 0; i < 3; i++) {
		const uint8_t *d = lab.rig.in + 8 + 48 * i;

		assert_int_equal(be64_get(d), 0xaa + 0x11 * i);
		assert_int_equal(d[12], i == B);
		assert_int_equal(d[13], i == B ? WE_RO : 0);
		assert_int_equal(be16_get(d + 18), 1);
		assert_int_equal(be32_get(d + 20), 24);
		assert_int_equal(d[24], 0x04);
		assert_int_equal(d[47], i + 1);
	}
	teardown(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(register_and_unregister),
		cmocka_unit_test(register_and_ignore),
		cmocka_unit_test(unregistered_nexuses_may_do_nothing_else),
		cmocka_unit_test(all_target_ports),
		cmocka_unit_test(specified_initiator_ports),
		cmocka_unit_test(bad_specified_ports),
		cmocka_unit_test(parameter_lists),
		cmocka_unit_test(registrations_are_bounded),
		cmocka_unit_test(conflicts_of_every_command),
		cmocka_unit_test(starting_and_allowing_run),
		cmocka_unit_test(rights_of_a_new_nexus),
		cmocka_unit_test(reserve_twice),
		cmocka_unit_test(release_tells_registrants),
		cmocka_unit_test(unregister_ends_a_reservation),
		cmocka_unit_test(clear_ends_everything),
		cmocka_unit_test(preempt_the_holder),
		cmocka_unit_test(preempt_a_registration),
		cmocka_unit_test(preempt_all_registrants),
		cmocka_unit_test(preempt_and_abort_ends_tasks),
		cmocka_unit_test(move_a_reservation),
		cmocka_unit_test(bad_moves),
		cmocka_unit_test(capabilities),
		cmocka_unit_test(full_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
