/* SPDX-License-Identifier: BSD-2-Clause */
/* A growing array of messages; formats and sorts, decides nothing. */
#include "conf/msgs.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct msg {
	const char *file;
	int line;
	bool note;
	size_t rank; /* of the file, set when printing */
	size_t seq;
	char *key;
	char *text;
};

static struct msg *msg_slot(struct msgs *msgs)
{
	struct msg *grown;
	size_t cap;

	if (msgs->n == msgs->cap) {
		cap = msgs->cap ? 2 * msgs->cap : 16;
		grown = reallocarray(msgs->items, cap, sizeof(*grown));
		if (!grown)
			return NULL;
		msgs->items = grown;
		msgs->cap = cap;
	}
	return &msgs->items[msgs->n];
}

static void printf_like(4, 0)
	msgs_add(struct msgs *msgs, const struct msg *template, const char *key, const char *fmt,
		 va_list ap)
{
	struct msg *msg = msg_slot(msgs);

	if (!msg) {
		msgs->oom = true;
		return;
	}
	*msg = *template;
	msg->seq = msgs->n;
	msg->key = strdup(key);
	if (vasprintf(&msg->text, fmt, ap) < 0)
		msg->text = NULL;
	if (!msg->key || !msg->text) {
		free(msg->key);
		free(msg->text);
		msgs->oom = true;
		return;
	}
	msgs->n++;
}

/*
 * An error about this key, or (n < whole length) a key that begins like it. Only the latest
 * messages are looked at: enough for one key, and linear for a hopeless file.
 */
static bool said_before(const struct msgs *msgs, const char *file, const char *key, size_t n)
{
	enum { LOOK_BACK = 256 };
	size_t first = msgs->n > LOOK_BACK ? msgs->n - LOOK_BACK : 0;

	for (size_t i = first; i < msgs->n; i++) {
		const struct msg *msg = &msgs->items[i];

		if (!msg->note && msg->file == file && strncmp(msg->key, key, n) == 0)
			return true;
	}
	return false;
}

int msgs_line(const struct msgs *msgs, const char *file, const char *key, int line)
{
	int found = 0;

	if (msgs->find_line && *key)
		found = msgs->find_line(msgs->find_arg, file, key);
	return found ? found : line;
}

void msgs_error(struct msgs *msgs, const char *file, int line, const char *key, const char *fmt,
		...)
{
	struct msg msg = { .file = file, .line = msgs_line(msgs, file, key, line) };
	va_list ap;

	if (*key && said_before(msgs, file, key, strlen(key) + 1))
		return;
	msgs->n_errors++;
	va_start(ap, fmt);
	msgs_add(msgs, &msg, key, fmt, ap);
	va_end(ap);
}

void msgs_note(struct msgs *msgs, const char *file, int line, const char *key, const char *fmt,
	       ...)
{
	struct msg msg = { .file = file,
			   .line = msgs_line(msgs, file, key, line),
			   .note = true };
	va_list ap;

	if (*key && said_before(msgs, file, key, strlen(key)))
		return;
	va_start(ap, fmt);
	msgs_add(msgs, &msg, key, fmt, ap);
	va_end(ap);
}

static int compare(size_t a, size_t b)
{
	return (a > b) - (a < b);
}

static int msg_cmp(const void *pa, const void *pb)
{
	const struct msg *a = pa, *b = pb;

	if (a->rank != b->rank)
		return compare(a->rank, b->rank);
	if (a->line != b->line)
		return compare((size_t)a->line, (size_t)b->line);
	return compare(a->seq, b->seq);
}

void msgs_print(struct msgs *msgs, char *const *files, size_t n_files, FILE *out)
{
	for (size_t i = 0; i < msgs->n; i++) {
		struct msg *msg = &msgs->items[i];

		for (msg->rank = 0; msg->rank < n_files; msg->rank++)
			if (files[msg->rank] == msg->file)
				break;
	}
	if (msgs->n)
		qsort(msgs->items, msgs->n, sizeof(*msgs->items), msg_cmp);
	for (size_t i = 0; i < msgs->n; i++) {
		const struct msg *msg = &msgs->items[i];

		fputs(msg->file, out);
		if (msg->line)
			fprintf(out, ":%d", msg->line);
		fprintf(out, ": %s%s%s%s\n", msg->note ? "note: " : "", msg->key,
			*msg->key ? ": " : "", msg->text);
	}
}

void msgs_fini(struct msgs *msgs)
{
	for (size_t i = 0; i < msgs->n; i++) {
		free(msgs->items[i].key);
		free(msgs->items[i].text);
	}
	free(msgs->items);
	memset(msgs, 0, sizeof(*msgs));
}
