/* Shared by faults*.c: faults by name, in this process. */
#ifndef FAULTS_H
#define FAULTS_H

#include "conform_cm.h"

extern const struct check fault_checks[], fault_cm_checks[], removal_checks[];

/* Statements; what went wrong, or what "list" found, is in fault_answer. */
int fault(const char *text);
extern char fault_answer[4096];

#define FAULT(text) CHECK(fault(text) == 1)

#endif
