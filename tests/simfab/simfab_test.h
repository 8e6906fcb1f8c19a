/*
 * What a test may ask of the simulated fabric beyond the verbs: counters, and events
 * that only hardware or an administrator would cause.  Look the functions up with
 * dlsym(RTLD_DEFAULT, ...): they exist only while libsimfab.so is preloaded.
 */
#ifndef SIMFAB_TEST_H
#define SIMFAB_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <infiniband/verbs.h>

struct simfab_counters {
	uint64_t tx_packets, rx_packets;
	uint64_t tx_bytes, rx_bytes; /* payload */
	uint64_t rnr_nak_sent, rnr_nak_rcvd;
	uint64_t seq_nak_sent, seq_nak_rcvd;
	uint64_t timeouts;	/* acknowledge timers that ran out */
	uint64_t duplicates;	/* requests seen twice */
	uint64_t access_errors; /* requests refused by rkey or QP flags */
	uint64_t dropped;	/* packets for no, or a dead, queue pair */
};

int simfab_qp_counters(struct ibv_qp *qp, struct simfab_counters *out);
int simfab_device_counters(struct ibv_context *ctx, struct simfab_counters *out);

/* Take the device's port down or up: PORT_ERR or PORT_ACTIVE, packets lost meanwhile. */
int simfab_set_port(struct ibv_context *ctx, bool active);
/* The device is gone: DEVICE_FATAL to its users, DEVICE_REMOVAL to its CM ids, in any order. */
int simfab_remove_device(struct ibv_context *ctx);

/*
 * Statements of faults as in SIMFAB_FAULTS (README.md), in this process, from now on.
 * The number of statements that are for this process, or -1 and the reason in @answer,
 * where "list" writes what it finds.
 */
int simfab_fault(const char *text, char *answer, size_t size);

#endif
