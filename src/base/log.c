/* SPDX-License-Identifier: BSD-2-Clause */
/* Log lines to stderr, see log.h. */
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

enum { LOG_LINE_MAX = 2048 };

static const char *const class_names[LOGC_COUNT] = {
	[LOGC_LOGIN] = "login",   [LOGC_CM] = "cm",     [LOGC_IU] = "iu",
	[LOGC_RDMA] = "rdma",     [LOGC_SCSI] = "scsi", [LOGC_STORE] = "store",
	[LOGC_CREDIT] = "credit", [LOGC_TMF] = "tmf",   [LOGC_CONF] = "conf",
};

_Atomic uint32_t log_classes;
static _Atomic int max_level = LOG_LVL_INFO;
static pthread_mutex_t limit_lock = PTHREAD_MUTEX_INITIALIZER;

void log_set_level(enum log_level level)
{
	max_level = (int)level;
}

static const struct {
	const char *name;
	enum log_level level;
} level_names[] = {
	{ "error", LOG_LVL_ERR },
	{ "warning", LOG_LVL_WARN },
	{ "info", LOG_LVL_INFO },
};

int log_level_find(const char *name, enum log_level *level)
{
	for (size_t i = 0; i < ARRAY_SIZE(level_names); i++)
		if (strcmp(level_names[i].name, name) == 0) {
			*level = level_names[i].level;
			return 0;
		}
	return -EINVAL;
}

const char *log_level_name(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(level_names); i++)
		if ((int)level_names[i].level == max_level)
			return level_names[i].name;
	return "debug";
}

static int class_find(const char *name, size_t len)
{
	for (int i = 0; i < LOGC_COUNT; i++)
		if (strlen(class_names[i]) == len && memcmp(class_names[i], name, len) == 0)
			return i;
	return -1;
}

/* The bits of a list; 0, or -EINVAL with the unknown name. */
static int parse_classes(const char *list, uint32_t *bits, char *bad, size_t bad_len)
{
	*bits = 0;
	while (*list) {
		size_t len = strcspn(list, ",");
		int class = class_find(list, len);

		if (class >= 0) {
			*bits |= 1u << class;
		} else if (len == 3 && memcmp(list, "all", 3) == 0) {
			*bits = (1u << LOGC_COUNT) - 1;
		} else if (len > 0) {
			snprintf(bad, bad_len, "%.*s", (int)len, list);
			return -EINVAL;
		}
		list += len + (list[len] == ',');
	}
	return 0;
}

int log_enable(const char *list, char *bad, size_t bad_len)
{
	uint32_t bits;
	int ret = parse_classes(list, &bits, bad, bad_len);

	if (!ret)
		log_classes |= bits;
	return ret;
}

int log_disable(const char *list, char *bad, size_t bad_len)
{
	uint32_t bits;
	int ret = parse_classes(list, &bits, bad, bad_len);

	if (!ret)
		log_classes &= ~bits;
	return ret;
}

const char *log_enabled(char *buf, size_t len)
{
	size_t used = 0;

	buf[0] = '\0';
	for (int i = 0; i < LOGC_COUNT && used < len; i++)
		if (log_on(i))
			used += (size_t)snprintf(buf + used, len - used, "%s%s", used ? "," : "",
						 class_names[i]);
	return buf;
}

const char *log_class_list(void)
{
	static char text[128];

	if (!text[0])
		for (int i = 0; i < LOGC_COUNT; i++) {
			size_t len = strlen(text);

			snprintf(text + len, sizeof(text) - len, "%s%s", i ? "," : "",
				 class_names[i]);
		}
	return text;
}

/* "<6>" when the journal reads us, else "HH:MM:SS.mmm error: ". */
static int line_prefix(char *buf, size_t size, enum log_level level)
{
	static _Atomic int journal = -1;
	const char *word = level == LOG_LVL_ERR ? "error: " : level == LOG_LVL_WARN ? "warning: " : "";
	struct timespec ts;
	struct tm tm;

	if (journal < 0)
		journal = getenv("JOURNAL_STREAM") != NULL;
	if (journal)
		return snprintf(buf, size, "<%d>", (int)level);
	clock_gettime(CLOCK_REALTIME, &ts);
	localtime_r(&ts.tv_sec, &tm);
	return snprintf(buf, size, "%02d:%02d:%02d.%03ld %s", tm.tm_hour, tm.tm_min, tm.tm_sec,
			ts.tv_nsec / 1000000, word);
}

static void printf_like(2, 0) log_va(enum log_level level, const char *fmt, va_list ap)
{
	char line[LOG_LINE_MAX];
	size_t len = (size_t)line_prefix(line, sizeof(line), level);

	len += (size_t)vsnprintf(line + len, sizeof(line) - len - 1, fmt, ap);
	if (len > sizeof(line) - 2)
		len = sizeof(line) - 2;
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) < 0) {
		/* nowhere left to complain */
	}
}

void log_line(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	if ((int)level > max_level && level != LOG_LVL_DEBUG)
		return;
	va_start(ap, fmt);
	log_va(level, fmt, ap);
	va_end(ap);
}

/* True if a line may pass; *dropped = how many were held back before it. */
static bool limit_pass(struct log_limit *limit, uint32_t *dropped)
{
	uint64_t window = clock_now_ns() / NSEC_PER_SEC / LOG_INTERVAL_S + 1;
	bool pass;

	pthread_mutex_lock(&limit_lock);
	*dropped = 0;
	if (limit->window != window) {
		*dropped = limit->dropped;
		*limit = (struct log_limit){ .window = window };
	}
	pass = limit->count < LOG_BURST;
	if (pass)
		limit->count++;
	else
		limit->dropped++;
	pthread_mutex_unlock(&limit_lock);
	return pass;
}

void log_limited(struct log_limit *limit, enum log_level level, const char *fmt, ...)
{
	uint32_t dropped;
	va_list ap;

	if ((int)level > max_level || !limit_pass(limit, &dropped))
		return;
	if (dropped)
		log_line(level, "(%u similar lines dropped)", dropped);
	va_start(ap, fmt);
	log_va(level, fmt, ap);
	va_end(ap);
}
