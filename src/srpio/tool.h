/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the verbs of the command share: exit codes, output as text or JSON, a connected session.
 * A verb returns an exit code; every failure goes through tool_fail(), so that it is told once and in
 * the form asked for.
 */
#ifndef SRPTD_SRPIO_TOOL_H
#define SRPTD_SRPIO_TOOL_H

#include <jansson.h>
#include <signal.h>

#include "base/compiler.h"
#include "srpio/flow.h"
#include "srpio/opts.h"
#include "srpio/scsi_io.h"

enum tool_exit {
	EXIT_OK = 0,
	EXIT_TARGET = 1,  /* the target or the data said no */
	EXIT_USAGE = 2,
	EXIT_CONNECT = 3, /* nobody there */
};

extern volatile sig_atomic_t tool_stop; /* set by SIGINT and SIGTERM */

int tool_fail(const struct opts *opts, enum tool_exit code, const char *fmt, ...)
	printf_like(3, 4);

/* Print the result, as JSON or as "key: value" lines, and drop the reference. */
void tool_print(const struct opts *opts, json_t *result);
/* The same, but with this line instead of the lines if text is wanted. */
void tool_print_line(const struct opts *opts, json_t *result, const char *fmt, ...)
	printf_like(3, 4);
void tool_hexdump(const uint8_t *data, size_t len);
json_t *tool_hex(const uint8_t *data, size_t len);
/* SCSI strings: trailing blanks off, unprintable characters replaced. */
json_t *tool_ascii(const uint8_t *data, size_t len);
/* The decoded outcome of a command, residuals included. */
json_t *tool_outcome(const struct srpi_request *req);
/* "1.5 GiB". Returns buf. */
const char *tool_bytes(uint64_t bytes, char *buf, size_t buf_len);
void tool_rates(json_t *result, const struct flow *flow);

struct tool_conn {
	struct srpi_session *session;
	struct scsi_io io; /* on the LUN of the command line */
};

/* A session as the options describe it, without channels. */
int tool_session(const struct opts *opts, struct tool_conn *conn, uint32_t add_cdb_max,
		 const struct srpi_hooks *hooks);
/* ... and logged in. The exit code, the failure already told. */
int tool_connect(const struct opts *opts, struct tool_conn *conn);
int tool_login(const struct opts *opts, struct tool_conn *conn);
void tool_close(struct tool_conn *conn);

/* The part of the device that --lba, --count and --bs choose. */
struct tool_range {
	struct scsi_capacity cap;
	uint64_t lba;
	uint64_t count;  /* blocks */
	uint32_t bs;     /* bytes per command, a multiple of the block size */
	uint32_t blocks; /* the same in blocks */
};

/* limit: blocks if --count is not given, 0 = to the end of the device. */
int tool_range(const struct opts *opts, struct tool_conn *conn, uint64_t limit,
	       struct tool_range *range);
/* A flow over the connection, with depth if --depth is not given. */
void tool_flow(const struct opts *opts, struct tool_conn *conn, const struct tool_range *range,
	       uint32_t depth, struct flow *flow);
/* Run it and tell about a failure. */
int tool_run(const struct opts *opts, struct flow *flow);
/* Progress bar on a terminal; total bytes in tool_total. */
void tool_progress_start(const struct opts *opts, struct flow *flow, uint64_t total);

/* vpd.c: a page decoded into result. False: not a page we know. */
void vpd_standard(json_t *result, const uint8_t *data, size_t len);
bool vpd_page(json_t *result, uint8_t page, const uint8_t *data, size_t len);

int verb_discover(const struct opts *opts);
int verb_login(const struct opts *opts);
int verb_inquiry(const struct opts *opts);
int verb_luns(const struct opts *opts);
int verb_read(const struct opts *opts);
int verb_write(const struct opts *opts);
int verb_verify(const struct opts *opts);
int verb_bench(const struct opts *opts);
int verb_raw(const struct opts *opts);
int verb_raw_iu(const struct opts *opts);
int verb_reset(const struct opts *opts);

#endif
