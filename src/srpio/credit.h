/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The request limit as an initiator keeps it (SRP r16a 5.6): a request costs one, the deltas of
 * responses and target requests add, also below zero. One credit is kept for task management,
 * so that a hanging command can always be aborted, unless the target never granted a second one.
 */
#ifndef SRPTD_SRPIO_CREDIT_H
#define SRPTD_SRPIO_CREDIT_H

#include <stdbool.h>
#include <stdint.h>

struct srpi_credit {
	int32_t limit;
	int32_t reserve;
};

static inline void srpi_credit_init(struct srpi_credit *credit, int32_t granted)
{
	credit->limit = granted;
	credit->reserve = granted > 1 ? 1 : 0;
}

static inline bool srpi_credit_take_cmd(struct srpi_credit *credit)
{
	if (credit->limit <= credit->reserve)
		return false;
	credit->limit--;
	return true;
}

static inline bool srpi_credit_take_tmf(struct srpi_credit *credit)
{
	if (credit->limit <= 0)
		return false;
	credit->limit--;
	return true;
}

/* Saturates: a hostile delta must not wrap the limit. */
static inline void srpi_credit_add(struct srpi_credit *credit, int32_t delta)
{
	int64_t sum = (int64_t)credit->limit + delta;

	if (sum > INT32_MAX)
		sum = INT32_MAX;
	if (sum < INT32_MIN)
		sum = INT32_MIN;
	credit->limit = (int32_t)sum;
	if (credit->limit > 1)
		credit->reserve = 1;
}

#endif
