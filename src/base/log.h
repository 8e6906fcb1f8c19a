/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Log lines to stderr: for a person in the foreground, with a syslog priority prefix when the
 * journal reads stderr. Thread-safe; a line is one write. Never called on the hot path except
 * behind log_on(), which is one load and test.
 */
#ifndef SRPTD_BASE_LOG_H
#define SRPTD_BASE_LOG_H

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

enum log_level { LOG_LVL_ERR = 3, LOG_LVL_WARN = 4, LOG_LVL_INFO = 6, LOG_LVL_DEBUG = 7 };

/* Debug classes, `-d CLASS,…`. Names in log.c, same order. */
enum log_class {
	LOGC_LOGIN,
	LOGC_CM,
	LOGC_IU,
	LOGC_RDMA,
	LOGC_SCSI,
	LOGC_STORE,
	LOGC_CREDIT,
	LOGC_TMF,
	LOGC_CONF,
	LOGC_COUNT
};

extern _Atomic uint32_t log_classes; /* bit per class; written at start and by control calls only */

#define log_on(class)                                                                              \
	(unlikely(atomic_load_explicit(&log_classes, memory_order_relaxed) & (1u << (class))))

/* Messages up to this level are shown, LOG_LVL_INFO at start; debug messages by their class. */
void log_set_level(enum log_level level);
/* "error", "warning", "info": 0 or -EINVAL. And the present one's name. */
int log_level_find(const char *name, enum log_level *level);
const char *log_level_name(void);

/*
 * Switch on the classes named in a comma-separated list ("login,iu", "all"). Returns 0, or -EINVAL
 * with the unknown name copied to bad (cut to bad_len).
 */
int log_enable(const char *list, char *bad, size_t bad_len);

/* Switch them off; the same. */
int log_disable(const char *list, char *bad, size_t bad_len);
/* Those that are on, comma-separated. Returns buf. */
const char *log_enabled(char *buf, size_t len);

/* All class names, comma-separated, for help texts. */
const char *log_class_list(void);

void log_line(enum log_level level, const char *fmt, ...) printf_like(2, 3);

#define log_err(...)  log_line(LOG_LVL_ERR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_LVL_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_LVL_INFO, __VA_ARGS__)
#define log_dbg(class, ...)                                                                        \
	do {                                                                                       \
		if (log_on(class))                                                                 \
			log_line(LOG_LVL_DEBUG, __VA_ARGS__);                                      \
	} while (0)

/*
 * For lines that a peer can provoke: at most LOG_BURST lines per call site and LOG_INTERVAL_S; what
 * was dropped is counted and said with the next line that passes.
 */
enum { LOG_BURST = 10, LOG_INTERVAL_S = 5 };

struct log_limit {
	uint64_t window; /* start of the present interval, s */
	uint32_t count;
	uint32_t dropped;
};

void log_limited(struct log_limit *limit, enum log_level level, const char *fmt, ...)
	printf_like(3, 4);

#define log_peer(level, ...)                                                                       \
	do {                                                                                       \
		static struct log_limit limit_;                                                    \
		log_limited(&limit_, level, __VA_ARGS__);                                          \
	} while (0)

#endif
