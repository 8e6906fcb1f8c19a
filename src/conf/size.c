/* SPDX-License-Identifier: BSD-2-Clause */
/* Spelling of sizes and ids; knows nothing of the keys that use them. */
#include "conf/size.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"

static const char suffixes[] = "KMGTPE";

/* What follows the digits: "", "B", or one of suffixes with "", "B" or "iB". */
static bool suffix_shift(const char *text, unsigned int *shift)
{
	const char *found;

	*shift = 0;
	if (*text && (found = strchr(suffixes, toupper((unsigned char)*text)))) {
		*shift = 10 * (unsigned int)(found - suffixes + 1);
		text++;
		if (strcmp(text, "iB") == 0)
			return true;
	}
	return strcmp(text, "") == 0 || strcmp(text, "B") == 0;
}

int conf_parse_size(const char *text, uint64_t *out)
{
	unsigned int shift;
	uint64_t value;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || !suffix_shift(end, &shift) || value > UINT64_MAX >> shift)
		return -EINVAL;
	*out = value << shift;
	return 0;
}

void size_text(uint64_t size, char out[SIZE_TEXT_LEN])
{
	int unit = -1;

	while (size && size % 1024 == 0 && suffixes[unit + 1]) {
		size /= 1024;
		unit++;
	}
	snprintf(out, SIZE_TEXT_LEN, "%" PRIu64 "%.*s", size, unit >= 0, unit >= 0 ? suffixes + unit : "");
}

static bool all_hex(const char *text, size_t n)
{
	return n > 0 && strspn(text, "0123456789abcdefABCDEF") == n && text[n] == '\0';
}

int id64_parse(const char *text, uint64_t *out)
{
	size_t n = strlen(text);
	char joined[17];

	if (n == 19 && text[4] == ':' && text[9] == ':' && text[14] == ':') {
		snprintf(joined, sizeof(joined), "%.4s%.4s%.4s%.4s", text, text + 5, text + 10,
			 text + 15);
		text = joined;
		n = strlen(text);
	}
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		text += 2;
		n -= 2;
		if (n > 16)
			return -EINVAL;
	} else if (n != 16) {
		return -EINVAL;
	}
	if (!all_hex(text, n))
		return -EINVAL;
	*out = strtoull(text, NULL, 16);
	return 0;
}
