/* SPDX-License-Identifier: BSD-2-Clause */
/* One value of the tree against its key: type, range, spelling. */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "conf/conf.h"
#include "conf/size.h"
#include "conf/walk.h"

static void *at(void *base, size_t offset)
{
	return (char *)base + offset;
}

enum { DESCRIBE_LEN = 64 };

/* A value as one would write it, cut if long; any byte that is no printable ASCII becomes `?'. */
static const char *describe(const config_setting_t *s, char buf[DESCRIBE_LEN])
{
	enum { SHOWN = 40 };
	const char *text;

	switch (config_setting_type(s)) {
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		snprintf(buf, DESCRIBE_LEN, "%lld", config_setting_get_int64(s));
		return buf;
	case CONFIG_TYPE_FLOAT:
		snprintf(buf, DESCRIBE_LEN, "%g", config_setting_get_float(s));
		return buf;
	case CONFIG_TYPE_STRING:
		text = config_setting_get_string(s);
		snprintf(buf, DESCRIBE_LEN, "\"%.*s%s\"", SHOWN, text,
			 strlen(text) > SHOWN ? "..." : "");
		for (char *p = buf; *p; p++)
			if (!isprint((unsigned char)*p))
				*p = '?';
		return buf;
	case CONFIG_TYPE_BOOL:
		return config_setting_get_bool(s) ? "true" : "false";
	case CONFIG_TYPE_GROUP:
		return "a group { }";
	case CONFIG_TYPE_LIST:
		return "a list ( )";
	case CONFIG_TYPE_ARRAY:
		return "an array [ ]";
	default:
		return "nothing";
	}
}

static void bad_value(struct walk *walk, const config_setting_t *s, const char *expected)
{
	char path[WALK_PATH_LEN], what[DESCRIBE_LEN];

	walk_path(s, path);
	msgs_error(walk->msgs, walk->file, (int)config_setting_source_line(s), path,
		   "%s, expected %s", describe(s, what), expected);
}

static void bad_key(struct walk *walk, const struct key *key, const config_setting_t *s)
{
	char text[KEY_EXPECTED_LEN];

	bad_value(walk, s, key_expected(key, text, sizeof(text)));
}

static bool is_integer(const config_setting_t *s)
{
	int type = config_setting_type(s);

	return type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64;
}

static bool is_sequence(const config_setting_t *s)
{
	return config_setting_is_list(s) || config_setting_is_array(s);
}

static bool in_range(const struct key *key, uint64_t value)
{
	return value >= key->min && value <= key->max && (!key->fits || key->fits(value));
}

/* A non-negative integer within the key's range. */
static bool get_uint(const struct key *key, const config_setting_t *s, uint64_t *value)
{
	long long n;

	if (!is_integer(s))
		return false;
	n = config_setting_get_int64(s);
	*value = (uint64_t)n;
	return n >= 0 && in_range(key, *value);
}

static void set_bool(struct walk *walk, const struct key *key, const config_setting_t *s,
		     void *base)
{
	bool *field = at(base, key->offset);
	long long n = is_integer(s) ? config_setting_get_int64(s) : -1;

	if (config_setting_type(s) == CONFIG_TYPE_BOOL)
		*field = config_setting_get_bool(s);
	else if (n == 0 || n == 1)
		*field = n;
	else
		bad_key(walk, key, s);
}

static void set_uint(struct walk *walk, const struct key *key, const config_setting_t *s,
		     void *base)
{
	uint64_t value;

	if (get_uint(key, s, &value))
		key_put(key, base, value);
	else
		bad_key(walk, key, s);
}

/* A bare number: say how it is written. */
static void size_without_quotes(struct walk *walk, const struct key *key, const config_setting_t *s)
{
	char text[SIZE_TEXT_LEN], expected[KEY_EXPECTED_LEN];
	long long n = config_setting_get_int64(s);

	if (n < 0 || !in_range(key, (uint64_t)n)) {
		bad_key(walk, key, s);
		return;
	}
	size_text((uint64_t)n, text);
	snprintf(expected, sizeof(expected), "a size as a string: \"%s\"", text);
	bad_value(walk, s, expected);
}

static void set_size(struct walk *walk, const struct key *key, const config_setting_t *s,
		     void *base)
{
	const char *text = config_setting_get_string(s);
	uint64_t value;

	if (text && conf_parse_size(text, &value) == 0 && in_range(key, value))
		key_put(key, base, value);
	else if (is_integer(s))
		size_without_quotes(walk, key, s);
	else
		bad_key(walk, key, s);
}

static void set_bytes(struct walk *walk, const struct key *key, const config_setting_t *s,
		      void *base)
{
	uint64_t value;

	if (get_uint(key, s, &value))
		key_put(key, base, value);
	else if (is_integer(s))
		bad_key(walk, key, s);
	else
		set_size(walk, key, s, base);
}

/* libconfig gives the digits of a number no more, only its value: leading zeros are made up. */
static void id_without_quotes(struct walk *walk, const config_setting_t *s)
{
	char expected[KEY_EXPECTED_LEN];

	snprintf(expected, sizeof(expected), "hex digits as a string: \"0x%016llx\"",
		 config_setting_get_int64(s));
	bad_value(walk, s, expected);
}

static void set_id64(struct walk *walk, const struct key *key, const config_setting_t *s,
		     void *base)
{
	const char *text = config_setting_get_string(s);
	uint64_t value;

	if (text && id64_parse(text, &value) == 0 && value && (!key->fits || key->fits(value)))
		key_put(key, base, value);
	else if (is_integer(s) && config_setting_get_format(s) == CONFIG_FORMAT_HEX)
		id_without_quotes(walk, s);
	else
		bad_key(walk, key, s);
}

/*
 * The first digit says the format: IEEE Extended, Locally Assigned and IEEE Registered have 8 bytes, IEEE
 * Registered Extended has 16 (SPC-4 7.8.6.6).
 */
static bool naa_parse(const char *text, uint64_t naa[2])
{
	const char *digits = strncasecmp(text, "0x", 2) == 0 ? text + 2 : text;
	char high[17];

	naa[1] = 0;
	if (strlen(digits) == 32) {
		snprintf(high, sizeof(high), "%.16s", digits);
		return !id64_parse(high, &naa[0]) && !id64_parse(digits + 16, &naa[1]) &&
		       naa[0] >> 60 == 6;
	}
	if (id64_parse(text, &naa[0]))
		return false;
	return naa[0] >> 60 == 2 || naa[0] >> 60 == 3 || naa[0] >> 60 == 5;
}

static void set_naa(struct walk *walk, const struct key *key, const config_setting_t *s, void *base)
{
	const char *text = config_setting_get_string(s);
	uint64_t naa[2];

	if (text && naa_parse(text, naa))
		memcpy(at(base, key->offset), naa, sizeof(naa));
	else if (is_integer(s) && config_setting_get_format(s) == CONFIG_FORMAT_HEX)
		id_without_quotes(walk, s);
	else
		bad_key(walk, key, s);
}

/* Is the string what the key wants? Says so if not. */
static bool text_fits(struct walk *walk, const struct key *key, const config_setting_t *s)
{
	const char *text = config_setting_get_string(s);
	char err[KEY_EXPECTED_LEN];

	if (!text) {
		bad_value(walk, s, "a string");
		return false;
	}
	if (key->type == KEY_TEXT && (strlen(text) < key->min || strlen(text) > key->max)) {
		bad_key(walk, key, s);
		return false;
	}
	if (key->check && key->check(text, err, sizeof(err)) < 0) {
		bad_value(walk, s, err);
		return false;
	}
	return true;
}

static bool replace_text(struct walk *walk, char **field, const char *text)
{
	free(*field);
	*field = text ? strdup(text) : NULL;
	if (text && !*field)
		walk->msgs->oom = true;
	return *field != NULL;
}

static void set_text(struct walk *walk, const struct key *key, const config_setting_t *s,
		     void *base)
{
	bool fits = text_fits(walk, key, s);

	replace_text(walk, at(base, key->offset), fits ? config_setting_get_string(s) : NULL);
}

static void set_choice(struct walk *walk, const struct key *key, const config_setting_t *s,
		       void *base)
{
	const char *text = config_setting_get_string(s);
	char **field = at(base, key->offset);

	for (size_t i = 0; text && i < ARRAY_SIZE(key->choices); i++) {
		if (key->choices[i] && strcmp(key->choices[i], text) == 0) {
			replace_text(walk, field, text);
			return;
		}
	}
	replace_text(walk, field, NULL);
	bad_key(walk, key, s);
}

/* Room for the elements of a sequence, in the field and zeroed; the count grows as they are set. */
static void *make_room(struct walk *walk, const struct key *key, const config_setting_t *s,
		       void *base, size_t size)
{
	int n = config_setting_length(s);
	void *room;

	if (n == 0)
		return NULL;
	room = calloc((size_t)n, size);
	if (!room)
		walk->msgs->oom = true;
	memcpy(at(base, key->offset), &room, sizeof(room)); /* whatever its type */
	return room;
}

static void set_uints(struct walk *walk, const struct key *key, const config_setting_t *s,
		      void *base)
{
	size_t *count = at(base, key->count_offset);
	uint64_t value;
	int *room;

	if (!is_sequence(s)) {
		bad_value(walk, s, "integers in brackets: [ 0, 1 ]");
		return;
	}
	room = make_room(walk, key, s, base, sizeof(*room));
	for (int i = 0; room && i < config_setting_length(s); i++) {
		config_setting_t *element = config_setting_get_elem(s, (unsigned int)i);

		if (get_uint(key, element, &value))
			room[(*count)++] = (int)value;
		else
			bad_key(walk, key, element);
	}
}

static void set_texts(struct walk *walk, const struct key *key, const config_setting_t *s,
		      void *base)
{
	size_t *count = at(base, key->count_offset);
	char **room;

	if (!is_sequence(s)) {
		bad_key(walk, key, s);
		return;
	}
	room = make_room(walk, key, s, base, sizeof(*room));
	for (int i = 0; room && i < config_setting_length(s); i++) {
		config_setting_t *element = config_setting_get_elem(s, (unsigned int)i);

		if (text_fits(walk, key, element) &&
		    replace_text(walk, &room[*count], config_setting_get_string(element)))
			(*count)++;
	}
}

/* An element that is no group keeps its place: zeroed, and by its line 0 known as empty. */
static void set_table(struct walk *walk, const struct key *key, const config_setting_t *s,
		      void *base)
{
	size_t *count = at(base, key->count_offset);
	char *room;

	if (!is_sequence(s)) {
		bad_key(walk, key, s);
		return;
	}
	room = make_room(walk, key, s, base, key->table->size);
	for (int i = 0; room && i < config_setting_length(s); i++) {
		config_setting_t *element = config_setting_get_elem(s, (unsigned int)i);
		void *slot = room + *count * key->table->size;

		(*count)++;
		if (config_setting_is_group(element))
			walk_group(walk, key->table, element, slot);
		else
			bad_value(walk, element, "a group: { … }");
	}
}

void value_set(struct walk *walk, const struct key *key, config_setting_t *setting, void *base)
{
	static void (*const setters[])(struct walk *, const struct key *, const config_setting_t *,
				       void *) = {
		[KEY_BOOL] = set_bool,	 [KEY_UINT] = set_uint,	    [KEY_SIZE] = set_size,
		[KEY_BYTES] = set_bytes, [KEY_ID64] = set_id64,	    [KEY_NAA] = set_naa,
		[KEY_TEXT] = set_text,
		[KEY_CHOICE] = set_choice, [KEY_UINTS] = set_uints, [KEY_TEXTS] = set_texts,
		[KEY_TABLE] = set_table,
	};

	setters[key->type](walk, key, setting, base);
}
