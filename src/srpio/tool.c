/* SPDX-License-Identifier: BSD-2-Clause */
/* Output and the small formatters. */
#include "srpio/tool.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "scsi/scsi.h"

volatile sig_atomic_t tool_stop;

int tool_fail(const struct opts *opts, enum tool_exit code, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(stderr, "srpio: %s\n", text);
	if (opts->json) {
		json_t *root = json_pack("{s:s, s:i}", "error", text, "exit", (int)code);

		json_dumpf(root, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(root);
	}
	return (int)code;
}

static void print_text(json_t *value, int depth);

static void print_key(const char *key, int depth)
{
	printf("%*s", depth * 2, "");
	for (; *key; key++)
		putchar(*key == '_' ? ' ' : *key);
	putchar(':');
}

static void print_scalar(const json_t *v)
{
	if (json_is_string(v))
		printf("%s\n", json_string_value(v));
	else if (json_is_boolean(v))
		printf("%s\n", json_is_true(v) ? "yes" : "no");
	else if (json_is_integer(v))
		printf("%" JSON_INTEGER_FORMAT "\n", json_integer_value(v));
	else if (json_is_real(v))
		printf("%.2f\n", json_real_value(v));
	else
		printf("-\n");
}

static void print_member(const char *key, json_t *v, int depth)
{
	print_key(key, depth);
	if (json_is_object(v) || json_is_array(v)) {
		putchar('\n');
		print_text(v, depth + 1);
		return;
	}
	putchar(' ');
	print_scalar(v);
}

static void print_text(json_t *value, int depth)
{
	const char *key;
	size_t i;
	json_t *v;

	json_object_foreach(value, key, v)
		print_member(key, v, depth);
	json_array_foreach(value, i, v) {
		if (json_is_object(v)) {
			if (i)
				putchar('\n');
			print_text(v, depth);
			continue;
		}
		printf("%*s", depth * 2, "");
		print_scalar(v);
	}
}

static void print_json(json_t *result)
{
	json_dumpf(result, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
	putchar('\n');
}

void tool_print(const struct opts *opts, json_t *result)
{
	if (opts->json)
		print_json(result);
	else
		print_text(result, 0);
	json_decref(result);
}

void tool_print_line(const struct opts *opts, json_t *result, const char *fmt, ...)
{
	va_list ap;

	if (opts->json) {
		print_json(result);
	} else {
		va_start(ap, fmt);
		vprintf(fmt, ap);
		va_end(ap);
		putchar('\n');
	}
	json_decref(result);
}

void tool_hexdump(const uint8_t *data, size_t len)
{
	size_t off, i;

	for (off = 0; off < len; off += 16) {
		printf("%04zx:", off);
		for (i = off; i < off + 16; i++)
			if (i < len)
				printf(" %02x", data[i]);
			else
				printf("   ");
		printf("  ");
		for (i = off; i < len && i < off + 16; i++)
			putchar(isprint(data[i]) ? data[i] : '.');
		putchar('\n');
	}
}

json_t *tool_hex(const uint8_t *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	char *text = malloc(2 * len + 1);
	json_t *value;
	size_t i;

	if (!text)
		return json_null();
	for (i = 0; i < len; i++) {
		text[2 * i] = digits[data[i] >> 4];
		text[2 * i + 1] = digits[data[i] & 15];
	}
	value = json_stringn(text, 2 * len);
	free(text);
	return value;
}

json_t *tool_ascii(const uint8_t *data, size_t len)
{
	char text[256];
	size_t i;

	while (len && (data[len - 1] == ' ' || data[len - 1] == '\0'))
		len--;
	len = MIN(len, sizeof(text));
	for (i = 0; i < len; i++)
		text[i] = data[i] < 0x80 && isprint(data[i]) ? (char)data[i] : '.';
	return json_stringn(text, len);
}

static void add_residual(json_t *obj, const char *key, bool over, bool under, uint32_t count)
{
	char text[32];

	if (!over && !under)
		return;
	snprintf(text, sizeof(text), "%s %" PRIu32, over ? "over" : "under", count);
	json_object_set_new(obj, key, json_string(text));
}

json_t *tool_outcome(const struct srpi_request *req)
{
	json_t *obj = json_object();
	char text[256];

	if (req->error) {
		json_object_set_new(obj, "error",
				    json_string(scsi_io_text(req, text, sizeof(text))));
		return obj;
	}
	json_object_set_new(obj, "status", json_string(scsi_status_name(req->status)));
	json_object_set_new(obj, "status_code", json_integer(req->status));
	if (req->sense_len) {
		scsi_sense_text(req->sense, req->sense_len, text, sizeof(text));
		json_object_set_new(obj, "sense", json_string(text));
		json_object_set_new(obj, "sense_data", tool_hex(req->sense, req->sense_len));
	}
	add_residual(obj, "data_in_residual", req->flags & SRP_DIOVER, req->flags & SRP_DIUNDER,
		     req->in_resid);
	add_residual(obj, "data_out_residual", req->flags & SRP_DOOVER, req->flags & SRP_DOUNDER,
		     req->out_resid);
	return obj;
}

const char *tool_bytes(uint64_t bytes, char *buf, size_t len)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double v = (double)bytes;
	size_t i = 0;

	while (v >= 1024 && i + 1 < ARRAY_SIZE(units)) {
		v /= 1024;
		i++;
	}
	snprintf(buf, len, i && v < 100 ? "%.1f %s" : "%.0f %s", v, units[i]);
	return buf;
}

void tool_rates(json_t *result, const struct flow *flow)
{
	double s = (double)MAX(flow->ns, (uint64_t)1) / 1e9;

	json_object_set_new(result, "seconds", json_real(s));
	json_object_set_new(result, "iops", json_real((double)flow->ios / s));
	json_object_set_new(result, "mb_per_s", json_real((double)flow->bytes / s / 1e6));
}
