/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The grammar of srptd.conf as tables: every key with its type, range, default, place in struct
 * conf and meaning. The reader, conf_free() and the manual page all work from these tables.
 */
#ifndef SRPTD_CONF_KEYS_H
#define SRPTD_CONF_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum key_type {
	KEY_BOOL,   /* bool: true, false, 1 or 0 */
	KEY_UINT,   /* unsigned of width bytes: an integer */
	KEY_SIZE,   /* unsigned of width bytes: a string such as "10G" */
	KEY_BYTES,  /* the same, or an integer: the parameters that the kernel targets have */
	KEY_ID64,   /* uint64_t: a string of hex digits, not zero */
	KEY_NAA,    /* uint64_t[2]: a string of 16 or 32 hex digits; the second is 0 for 16 */
	KEY_TEXT,   /* char *: a string of min … max bytes that check() allows */
	KEY_CHOICE, /* char *: one of choices */
	KEY_UINTS,  /* int *, count: an array of integers */
	KEY_TEXTS,  /* char **, count: an array of strings that check() allows */
	KEY_TABLE,  /* struct *, count: a list of groups as table says */
};

struct key_table;

struct key {
	const char *name;
	enum key_type type;
	bool required;
	uint8_t width;
	size_t offset;
	size_t count_offset; /* UINTS, TEXTS, TABLE */
	uint64_t min, max;   /* number, size in bytes, or length of a text */
	uint64_t unset;      /* UINT: value when not given and def is NULL */
	const char *def;     /* as one would write it, or NULL */
	const char *choices[8];
	const struct key_table *table;
	/* BYTES, SIZE, UINT: further condition; expected says it */
	bool (*fits)(uint64_t value);
	/* TEXT, TEXTS: 0, or -EINVAL with what was expected in err */
	int (*check)(const char *text, char *err, size_t err_len);
	const char *expected;
	const char *aka;     /* words for which this key is suggested, " a b " */
	const char *default_text; /* in the manual, when def is NULL */
	const char *help;
};

struct key_table {
	const char *title; /* of its section in the manual */
	const char *intro;
	const struct key *keys;
	size_t n_keys;
	size_t size;        /* of the struct that one group fills */
	ptrdiff_t line;     /* offset of its line, -1 = none */
};

/* srptd.conf, and the files of include_dir: both fill struct conf, the second only its lists. */
extern const struct key_table conf_table;
extern const struct key_table conf_include_table;

/* The tables in the order of the manual. */
extern const struct key_table *const conf_tables[];
extern const size_t conf_n_tables;

const struct key *key_find(const struct key_table *table, const char *name);
/* The key that was probably meant, or NULL. */
const struct key *key_guess(const struct key_table *table, const char *name);
/* What a value has to be: "1 … 65535", "\"64K\" … \"16M\"". Returns buf. */
const char *key_expected(const struct key *key, char *buf, size_t len);

enum { KEY_EXPECTED_LEN = 160 };

/* Set everything that has a default; lists and arrays become empty. False = out of memory. */
bool key_defaults(const struct key_table *table, void *base);
/* Free what the strings, arrays and lists of a struct hold. */
void key_free(const struct key_table *table, void *base);

/* Store a number of key->width bytes. */
void key_put(const struct key *key, void *base, uint64_t value);

#endif
