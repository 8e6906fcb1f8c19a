/* The checks of conform. */
#include "conform.h"

const char purpose[] = "Check what verbs and RDMA/CM promise";

const struct check *const groups[] = {
	state_checks,  data_checks,  access_checks, queue_checks,   srq_checks,
	notify_checks, retry_checks, cm_checks,	    cm_life_checks, NULL,
};
