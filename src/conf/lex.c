/* SPDX-License-Identifier: BSD-2-Clause */
/* A scanner of libconfig 1.5's tokens: as exact as its users need, no more. */
#include "conf/lex.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum token_type {
	TOK_END,
	TOK_NAME,
	TOK_INT,   /* without L */
	TOK_INT64, /* with L or LL */
	TOK_FLOAT,
	TOK_STRING,
	TOK_ENDLESS_STRING,
	TOK_ENDLESS_COMMENT,
	TOK_CHAR, /* any other character: punctuation, or an error */
};

struct token {
	enum token_type type;
	const char *start;
	size_t len;
	int line; /* of its first character */
};

struct lex {
	const char *pos;
	int line;
};

static void advance(struct lex *lex, size_t n)
{
	while (n--)
		lex->line += *lex->pos++ == '\n';
}

/* Length of a comment at p, 0 if there is none; *endless if it is never closed. */
static size_t comment_len(const char *p, bool *endless)
{
	const char *end;

	if (p[0] == '#' || (p[0] == '/' && p[1] == '/'))
		return strcspn(p, "\n");
	if (p[0] != '/' || p[1] != '*')
		return 0;
	end = strstr(p + 2, "*/");
	*endless = !end;
	return end ? (size_t)(end + 2 - p) : strlen(p);
}

static size_t string_len(const char *p, bool *endless)
{
	size_t n = 1;

	while (p[n] && p[n] != '"')
		n += p[n] == '\\' && p[n + 1] ? 2 : 1;
	*endless = p[n] == '\0';
	return *endless ? n : n + 1;
}

static size_t digits_len(const char *p)
{
	return strspn(p, "0123456789");
}

/* [eE][-+]?digits */
static size_t exponent_len(const char *p)
{
	size_t sign = p[0] && (p[1] == '-' || p[1] == '+');
	size_t digits;

	if (p[0] != 'e' && p[0] != 'E')
		return 0;
	digits = digits_len(p + 1 + sign);
	return digits ? 1 + sign + digits : 0;
}

static size_t suffix_len(const char *p)
{
	return p[0] != 'L' ? 0 : p[1] == 'L' ? 2 : 1;
}

static size_t integer_len(const char *p, size_t n, enum token_type *type)
{
	size_t suffix = suffix_len(p + n);

	*type = suffix ? TOK_INT64 : TOK_INT;
	return n + suffix;
}

/* Length of a number at p, 0 if there is none. */
static size_t number_len(const char *p, enum token_type *type)
{
	size_t n = p[0] == '-' || p[0] == '+', digits, exponent;

	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X') && isxdigit((unsigned char)p[2]))
		return integer_len(p, 2 + strspn(p + 2, "0123456789abcdefABCDEF"), type);
	digits = digits_len(p + n);
	n += digits;
	if (p[n] == '.') {
		n += 1 + digits_len(p + n + 1);
		*type = TOK_FLOAT;
		return n + exponent_len(p + n);
	}
	if (!digits)
		return 0;
	exponent = exponent_len(p + n);
	if (exponent) {
		*type = TOK_FLOAT;
		return n + exponent;
	}
	return integer_len(p, n, type);
}

static bool is_name_start(char c)
{
	return isalpha((unsigned char)c) || c == '*';
}

static size_t name_len(const char *p)
{
	size_t n = 0;

	while (is_name_start(p[n]) || isdigit((unsigned char)p[n]) || p[n] == '-' || p[n] == '_')
		n++;
	return n;
}

/* Type and length of the token at p, which is no blank. */
static size_t token_at(const char *p, enum token_type *type)
{
	bool endless = false;
	size_t n;

	if (*p == '"') {
		n = string_len(p, &endless);
		*type = endless ? TOK_ENDLESS_STRING : TOK_STRING;
		return n;
	}
	if (is_name_start(*p)) {
		*type = TOK_NAME;
		return name_len(p);
	}
	n = number_len(p, type);
	if (n)
		return n;
	*type = TOK_CHAR;
	return 1;
}

static struct token lex_next(struct lex *lex)
{
	struct token token = { .type = TOK_END };
	bool endless = false;
	size_t n;

	for (;;) {
		advance(lex, strspn(lex->pos, " \t\r\n\f"));
		token.start = lex->pos;
		token.line = lex->line;
		n = comment_len(lex->pos, &endless);
		if (endless || !n)
			break;
		advance(lex, n);
	}
	if (endless) {
		token.type = TOK_ENDLESS_COMMENT;
		token.len = n;
	} else if (*lex->pos) {
		token.len = token_at(lex->pos, &token.type);
	}
	advance(lex, token.len);
	return token;
}

/* An integer beyond 64 bits: libconfig saturates decimals and lets hexadecimals wrap. */
static bool too_long(const struct token *token)
{
	const char *p = token->start;
	bool hex = p[0] == '0' && (p[1] == 'x' || p[1] == 'X');

	errno = 0;
	if (hex)
		return strtoull(p, NULL, 16) > INT64_MAX || errno;
	strtoll(p, NULL, 10);
	return errno != 0;
}

char *lex_promote(const char *text)
{
	static const char max[] = "9223372036854775807L";
	struct lex lex = { .pos = text, .line = 1 };
	size_t size = 0;
	char *out = NULL;
	struct token token;
	const char *copied = text;
	FILE *f = open_memstream(&out, &size);

	if (!f)
		return NULL;
	while ((token = lex_next(&lex)).type != TOK_END) {
		if (token.type != TOK_INT && token.type != TOK_INT64)
			continue;
		fwrite(copied, 1, (size_t)(token.start - copied), f);
		if (too_long(&token)) {
			fputs(max, f);
		} else {
			fwrite(token.start, 1, token.len, f);
			if (token.type == TOK_INT)
				putc('L', f);
		}
		copied = token.start + token.len;
	}
	fputs(copied, f);
	if (fclose(f) != 0) {
		free(out);
		return NULL;
	}
	return out;
}

static bool is_char(const struct token *token, const char *set)
{
	return token->type == TOK_CHAR && strchr(set, *token->start) != NULL;
}

void lex_check(const char *text, const char *file, struct msgs *msgs)
{
	struct lex lex = { .pos = text, .line = 1 };
	struct token token;
	int depth = 0;

	while ((token = lex_next(&lex)).type != TOK_END) {
		depth += is_char(&token, "([{") - is_char(&token, ")]}");
		if (depth > LEX_DEPTH) {
			msgs_error(msgs, file, token.line, "",
				   "brackets in more than %d levels, expected fewer", LEX_DEPTH);
			return;
		}
		if (token.type == TOK_ENDLESS_COMMENT)
			msgs_error(msgs, file, token.line, "", "comment is never closed, expected */");
		else if (token.type == TOK_ENDLESS_STRING)
			msgs_error(msgs, file, token.line, "", "string is never closed, expected \"");
		else if (is_char(&token, "@"))
			msgs_error(msgs, file, token.line, "",
				   "@ is not supported, expected include_dir for more files");
	}
}

/* May a string follow this token? A comma inside { } ends a setting, and a name must follow. */
static bool before_string(const struct token *last, char bracket)
{
	if (is_char(last, ","))
		return bracket == '(' || bracket == '[';
	return last->type == TOK_STRING || is_char(last, "=:([");
}

const char *lex_stray_string(const char *text, int *line)
{
	struct lex lex = { .pos = text, .line = 1 };
	struct token last = { .type = TOK_END }, token;
	char brackets[LEX_DEPTH + 1] = "";
	int depth = 0;

	while ((token = lex_next(&lex)).type != TOK_END) {
		if (token.type == TOK_STRING && !before_string(&last, brackets[depth])) {
			*line = token.line;
			return token.start;
		}
		if (is_char(&token, "([{") && depth < LEX_DEPTH)
			brackets[++depth] = *token.start;
		else if (is_char(&token, ")]}") && depth > 0)
			depth--;
		last = token;
	}
	return NULL;
}

static bool is_value(const struct token *token)
{
	switch (token->type) {
	case TOK_INT:
	case TOK_INT64:
	case TOK_FLOAT:
	case TOK_STRING:
		return true;
	case TOK_CHAR:
		return is_char(token, ")]}");
	case TOK_END:
	case TOK_NAME:
	case TOK_ENDLESS_STRING:
	case TOK_ENDLESS_COMMENT:
		break;
	}
	return false;
}

const char *lex_hint(const char *text, int line)
{
	struct lex lex = { .pos = text, .line = 1 };
	struct token last = { .type = TOK_END }, token;
	int depth = 0;

	while ((token = lex_next(&lex)).type != TOK_END && token.line <= line) {
		if (token.line == line && is_char(&token, ")]") && is_char(&last, ","))
			return "trailing commas are not allowed";
		if (token.line == line && is_char(&token, "{(") && is_value(&last))
			return "a comma is missing between the elements of the list";
		depth += is_char(&token, "([{") - is_char(&token, ")]}");
		last = token;
	}
	if (token.type == TOK_END && depth > 0)
		return "the file ends too early: a bracket is not closed";
	return NULL;
}
