/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An initiator on strings: words on standard input become logins and information units, what the
 * target answers goes to standard output as JSON, one line for each command. It sends whatever it
 * is told, so that tests can log in wrongly and misbehave on a channel. Knows nothing of what the
 * bytes mean.
 */
#include <errno.h>
#include <infiniband/verbs.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "srpio/srpi.h"

enum { HEX_MAX = 1 << 17, MEM_MAX = 8, SEND_WAIT_MS = 100, SEND_TRIES = 100, QUEUE = 1024 };

struct probe {
	struct srpi_session *session;
	struct srpi_mem mem[MEM_MAX];
	unsigned int n_mem;
	json_t *ius; /* received and not yet fetched */
	uint8_t bytes[HEX_MAX / 2];
	size_t n_bytes;
};

static json_t *hex_string(const uint8_t *data, size_t len)
{
	char *text = malloc(2 * len + 1);
	json_t *value;

	if (!text)
		return json_null();
	for (size_t i = 0; i < len; i++)
		snprintf(text + 2 * i, 3, "%02x", data[i]);
	value = json_stringn(text, 2 * len);
	free(text);
	return value;
}

static json_t *refuse(const char *why)
{
	return json_pack("{s:s}", "error", why);
}

static int nibble(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

static bool take_hex(struct probe *p, const char *text)
{
	p->n_bytes = 0;
	for (; text && text[0] && text[1] && p->n_bytes < sizeof(p->bytes); text += 2) {
		int high = nibble(text[0]), low = nibble(text[1]);

		if (high < 0 || low < 0)
			return false;
		p->bytes[p->n_bytes++] = (uint8_t)(high << 4 | low);
	}
	return !text || !*text;
}

static uint64_t take_number(char **words)
{
	char *word = strtok_r(NULL, " \n", words);

	return word ? strtoull(word, NULL, 0) : 0;
}

static void on_iu(void *ctx, struct srpi_channel *ch, const void *iu, size_t len)
{
	struct probe *p = ctx;

	json_array_append_new(p->ius, json_pack("{s:i, s:o}", "channel", srpi_channel_index(ch),
						"iu", hex_string(iu, len)));
}

static json_t *live_list(struct probe *p)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < srpi_channel_count(p->session); i++)
		if (srpi_channel_is_live(srpi_channel_at(p->session, i)))
			json_array_append_new(list, json_integer(i));
	return list;
}

/* login HEX: a connection request with these bytes as private data. */
static json_t *do_login(struct probe *p, char **words)
{
	static const char *const names[] = {
		[SRPI_LOGIN_PENDING] = "pending",
		[SRPI_LOGIN_ACCEPTED] = "accepted",
		[SRPI_LOGIN_REJECTED] = "rejected",
		[SRPI_LOGIN_FAILED] = "failed",
	};
	const struct srpi_login *login;
	struct srpi_channel *ch = NULL;

	if (!take_hex(p, strtok_r(NULL, " \n", words)))
		return refuse("bad hex");
	srpi_login_raw(p->session, p->bytes, p->n_bytes, &ch);
	if (!ch)
		return refuse(srpi_error(p->session));
	login = srpi_channel_login(ch);
	return json_pack("{s:i, s:s, s:o, s:s}", "channel", srpi_channel_index(ch), "outcome",
			 names[login->outcome], "data", hex_string(login->data, login->data_len),
			 "text", login->text);
}

static int send_once(struct probe *p, struct srpi_channel *ch)
{
	int rc = srpi_send_iu(ch, p->bytes, p->n_bytes);

	for (int i = 0; rc == -EAGAIN && i < SEND_TRIES; i++) {
		srpi_poll(p->session, SEND_WAIT_MS);
		rc = srpi_send_iu(ch, p->bytes, p->n_bytes);
	}
	return rc;
}

/*
 * send CHANNEL N HEX: N copies one after the other without looking at answers. The low half of the
 * tag counts from the tag given.
 */
static json_t *do_send(struct probe *p, char **words)
{
	struct srpi_channel *ch = srpi_channel_at(p->session, (uint32_t)take_number(words));
	uint64_t n = take_number(words), sent = 0;
	int rc = 0;

	if (!ch || !take_hex(p, strtok_r(NULL, " \n", words)))
		return refuse("no such channel, or bad hex");
	for (; sent < n && !rc; sent += !rc) {
		rc = send_once(p, ch);
		for (size_t i = 16; p->n_bytes >= 16 && i-- > 12 && ++p->bytes[i] == 0;)
			;
	}
	return json_pack("{s:I, s:i}", "sent", (json_int_t)sent, "error_code", rc);
}

/* recv MS N: what came, at most MS later, as soon as there are N IUs or no channel is left. */
static json_t *do_recv(struct probe *p, char **words)
{
	uint64_t end = clock_now_ns() + take_number(words) * NSEC_PER_MSEC;
	uint64_t wanted = take_number(words);
	json_t *reply;

	while (json_array_size(p->ius) < wanted && clock_now_ns() < end &&
	       srpi_live_count(p->session))
		srpi_poll(p->session, (int)MIN((end - clock_now_ns()) / NSEC_PER_MSEC + 1, 100ull));
	srpi_poll(p->session, 0);
	reply = json_pack("{s:O, s:o, s:s}", "received", p->ius, "live", live_list(p), "text",
			  srpi_error(p->session));
	json_decref(p->ius);
	p->ius = json_array();
	return reply;
}

/* end MS CHANNEL: wait until the target has ended the channel. */
static json_t *do_end(struct probe *p, char **words)
{
	uint64_t end = clock_now_ns() + take_number(words) * NSEC_PER_MSEC;
	struct srpi_channel *ch = srpi_channel_at(p->session, (uint32_t)take_number(words));

	if (!ch)
		return refuse("no such channel");
	while (srpi_channel_is_live(ch) && clock_now_ns() < end)
		srpi_poll(p->session, 100);
	return json_pack("{s:b, s:s}", "ended", !srpi_channel_is_live(ch), "text",
			 srpi_error(p->session));
}

/* mem LEN: memory that the target may access. */
static json_t *do_mem(struct probe *p, char **words)
{
	uint64_t len = take_number(words);
	struct srpi_mem *mem = &p->mem[p->n_mem];

	if (p->n_mem == MEM_MAX || srpi_mem_alloc(p->session, mem, len))
		return refuse(p->n_mem == MEM_MAX ? "too many" : srpi_error(p->session));
	return json_pack("{s:i, s:I, s:I, s:I}", "mem", p->n_mem++, "va",
			 (json_int_t)(uintptr_t)mem->addr, "rkey", (json_int_t)mem->mr->rkey, "len",
			 (json_int_t)len);
}

static struct srpi_mem *find_mem(struct probe *p, char **words, uint64_t *off)
{
	uint64_t i = take_number(words);

	*off = take_number(words);
	return i < p->n_mem ? &p->mem[i] : NULL;
}

/* poke MEM OFF HEX */
static json_t *do_poke(struct probe *p, char **words)
{
	uint64_t off;
	struct srpi_mem *mem = find_mem(p, words, &off);

	if (!take_hex(p, strtok_r(NULL, " \n", words)) || !mem || off > mem->len ||
	    p->n_bytes > mem->len - off)
		return refuse("bad poke");
	memcpy(mem->addr + off, p->bytes, p->n_bytes);
	return json_object();
}

/* fill MEM BYTE: all of it */
static json_t *do_fill(struct probe *p, char **words)
{
	uint64_t i = take_number(words), byte = take_number(words);

	if (i >= p->n_mem)
		return refuse("bad fill");
	memset(p->mem[i].addr, (int)byte, p->mem[i].len);
	return json_object();
}

/* peek MEM OFF LEN */
static json_t *do_peek(struct probe *p, char **words)
{
	uint64_t off, len;
	struct srpi_mem *mem = find_mem(p, words, &off);

	len = take_number(words);
	if (!mem || off > mem->len || len > mem->len - off)
		return refuse("bad peek");
	return json_pack("{s:o}", "data", hex_string(mem->addr + off, len));
}

/* close CHANNEL */
static json_t *do_close(struct probe *p, char **words)
{
	struct srpi_channel *ch = srpi_channel_at(p->session, (uint32_t)take_number(words));

	if (!ch)
		return refuse("no such channel");
	srpi_channel_close(ch);
	return json_object();
}

static const struct command {
	const char *name;
	json_t *(*run)(struct probe *p, char **words);
} commands[] = {
	{ "login", do_login }, { "send", do_send }, { "recv", do_recv }, { "end", do_end },
	{ "mem", do_mem },     { "poke", do_poke }, { "fill", do_fill }, { "peek", do_peek },
	{ "close", do_close },
};

static json_t *run_line(struct probe *p, char *line)
{
	char *words;
	const char *name = strtok_r(line, " \n", &words);

	for (size_t i = 0; name && i < ARRAY_SIZE(commands); i++)
		if (!strcmp(name, commands[i].name))
			return commands[i].run(p, &words);
	return refuse("unknown command");
}

static void reply(json_t *value)
{
	json_dumpf(value, stdout, JSON_COMPACT);
	putchar('\n');
	fflush(stdout);
	json_decref(value);
}

static void serve(struct probe *p)
{
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, stdin) > 0)
		reply(run_line(p, line));
	free(line);
}

int main(int argc, char **argv)
{
	static struct probe probe;
	struct srpi_params params;
	struct srpi_addr addr;
	char err[256];

	if (argc < 2 || srpi_addr_parse(argv[1], &addr, err, sizeof(err))) {
		fprintf(stderr, "usage: srp-probe srp://HOST:PORT/ [QUEUE]: %s\n",
			argc < 2 ? "" : err);
		return 2;
	}
	srpi_params_init(&params);
	srpi_params_from_addr(&params, &addr);
	params.queue_size = argc > 2 ? (uint32_t)atoi(argv[2]) : QUEUE;
	params.it_iu_len = 16384;
	params.hooks = (struct srpi_hooks){ .iu = on_iu, .ctx = &probe };
	probe.session = srpi_session_new(&params, err, sizeof(err));
	if (!probe.session) {
		fprintf(stderr, "srp-probe: %s\n", err);
		return 3;
	}
	probe.ius = json_array();
	serve(&probe);
	json_decref(probe.ius);
	for (unsigned int i = 0; i < probe.n_mem; i++)
		srpi_mem_free(&probe.mem[i]);
	srpi_session_free(probe.session);
	return 0;
}
