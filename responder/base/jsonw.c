/*
 * The JSON writer.
 */
#include <endian.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonw.h"
#include "base/utf8.h"
#include "base/xmalloc.h"

/* The byte 1, eight times: multiplied, any byte. */
#define JSONW_EACH UINT64_C(0x0101010101010101)

/* Makes room for n more bytes and returns where they go. */
static char *
jsonw_room(struct jsonw *j, size_t n)
{
	if (j->size - j->length < n) {
		size_t size = j->size == 0 ? 512 : j->size;

		while (size - j->length < n)
			size *= 2;
		j->data = xreallocarray(j->data, size, 1);
		j->size = size;
	}
	return j->data + j->length;
}

static void
jsonw_put(struct jsonw *j, const char *text, size_t n)
{
	memcpy(jsonw_room(j, n), text, n);
	j->length += n;
}

/* Writes the comma that is owed and the key, if any. */
static void
jsonw_begin(struct jsonw *j, const char *key)
{
	size_t n = key != NULL ? strlen(key) : 0;
	char *start = jsonw_room(j, n + 4), *o = start;

	if (j->comma)
		*o++ = ',';
	j->comma = true;
	if (key != NULL) {
		*o++ = '"';
		memcpy(o, key, n);
		o += n;
		*o++ = '"';
		*o++ = ':';
	}
	j->length += (size_t)(o - start);
}

void
jsonw_free(struct jsonw *j)
{
	free(j->data);
	memset(j, 0, sizeof *j);
}

void
jsonw_reset(struct jsonw *j)
{
	j->length = 0;
	j->comma = false;
}

void
jsonw_object(struct jsonw *j, const char *key)
{
	jsonw_begin(j, key);
	jsonw_put(j, "{", 1);
	j->comma = false;
}

void
jsonw_object_end(struct jsonw *j)
{
	jsonw_put(j, "}", 1);
	j->comma = true;
}

void
jsonw_array(struct jsonw *j, const char *key)
{
	jsonw_begin(j, key);
	jsonw_put(j, "[", 1);
	j->comma = false;
}

void
jsonw_array_end(struct jsonw *j)
{
	jsonw_put(j, "]", 1);
	j->comma = true;
}

/* By hand: a session has some thirty numbers, and printf is slow. */
static void
jsonw_digits(struct jsonw *j, uint64_t value, bool minus)
{
	char text[24];
	size_t at = sizeof text;

	do
		text[--at] = (char)('0' + value % 10);
	while ((value /= 10) > 0);
	if (minus)
		text[--at] = '-';
	jsonw_put(j, text + at, sizeof text - at);
}

void
jsonw_int(struct jsonw *j, const char *key, int64_t value)
{
	jsonw_begin(j, key);
	jsonw_digits(j, value < 0 ? -(uint64_t)value : (uint64_t)value,
	    value < 0);
}

void
jsonw_uint(struct jsonw *j, const char *key, uint64_t value)
{
	jsonw_begin(j, key);
	jsonw_digits(j, value, false);
}

void
jsonw_real(struct jsonw *j, const char *key, double value)
{
	char text[40];

	if (!isfinite(value)) {
		jsonw_null(j, key);
		return;
	}
	jsonw_begin(j, key);
	jsonw_put(j, text, (size_t)snprintf(text, sizeof text, "%.9g", value));
}

void
jsonw_seconds(struct jsonw *j, const char *key, int64_t ns)
{
	uint64_t us = ns > 0 ? (uint64_t)ns / 1000 : 0, rest = us % 1000000;
	char text[7] = ".000000";

	jsonw_uint(j, key, us / 1000000);
	for (size_t at = sizeof text - 1; rest > 0; rest /= 10)
		text[at--] = (char)('0' + rest % 10);
	jsonw_put(j, text, sizeof text);
}

void
jsonw_bool(struct jsonw *j, const char *key, bool value)
{
	jsonw_begin(j, key);
	jsonw_put(j, value ? "true" : "false", value ? 4 : 5);
}

void
jsonw_null(struct jsonw *j, const char *key)
{
	jsonw_begin(j, key);
	jsonw_put(j, "null", 4);
}

/*
 * A bit in the top of the lowest byte that is below n (n <= 0x80); bytes above
 * it may have one, too.
 */
static uint64_t
jsonw_below(uint64_t eight, uint8_t n)
{
	return (eight - JSONW_EACH * n) & ~eight & JSONW_EACH * 0x80;
}

/*
 * Copies the first bytes that stand in a JSON string as they are; how many.
 * There is room for eight more than it says.
 */
static size_t
jsonw_plain(char *to, const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (n - i >= 8) {
		uint64_t eight, odd;

		memcpy(&eight, p + i, 8);
		memcpy(to + i, &eight, 8);
		eight = le64toh(eight);
		odd = (eight & JSONW_EACH * 0x80) | jsonw_below(eight, 0x20) |
		    jsonw_below(eight ^ JSONW_EACH * '"', 1) |
		    jsonw_below(eight ^ JSONW_EACH * '\\', 1) |
		    jsonw_below(eight ^ JSONW_EACH * 0x7f, 1);
		if (odd != 0)
			return i + (size_t)__builtin_ctzll(odd) / 8;
		i += 8;
	}
	for (; i < n && p[i] >= 0x20 && p[i] < 0x7f && p[i] != '"' &&
	    p[i] != '\\'; i++)
		to[i] = (char)p[i];
	return i;
}

/* Writes a JSON string; a byte that starts no UTF-8 sequence is U+FFFD. */
static void
jsonw_quote(struct jsonw *j, const uint8_t *p, size_t n)
{
	static const char hex[] = "0123456789abcdef";
	/* At worst every byte becomes \u00xx. */
	char *start = jsonw_room(j, n * 6 + 2 + 8), *o = start;

	*o++ = '"';
	for (size_t i = 0; i < n;) {
		size_t len = jsonw_plain(o, p + i, n - i);

		o += len;
		i += len;
		if (i == n)
			break;
		uint8_t c = p[i];

		if (c >= 0x80) {
			if ((len = utf8_length(p + i, n - i)) == 0) {
				memcpy(o, "\xef\xbf\xbd", 3);
				o += 3;
				i++;
				continue;
			}
			memcpy(o, p + i, len);
			o += len;
			i += len;
			continue;
		}
		i++;
		if (c == '"' || c == '\\') {
			*o++ = '\\';
			*o++ = (char)c;
		} else if (c == '\n' || c == '\r' || c == '\t') {
			*o++ = '\\';
			*o++ = c == '\n' ? 'n' : c == '\r' ? 'r' : 't';
		} else {
			memcpy(o, "\\u00", 4);
			o[4] = hex[c >> 4];
			o[5] = hex[c & 15];
			o += 6;
		}
	}
	*o++ = '"';
	j->length += (size_t)(o - start);
}

void
jsonw_string(struct jsonw *j, const char *key, const char *text)
{
	jsonw_begin(j, key);
	jsonw_quote(j, (const uint8_t *)text, strlen(text));
}

static void
jsonw_base64(struct jsonw *j, const uint8_t *p, size_t n)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "abcdefghijklmnopqrstuvwxyz0123456789+/";
	char *start = jsonw_room(j, (n + 2) / 3 * 4 + 2), *o = start;

	*o++ = '"';
	for (; n >= 3; p += 3, n -= 3) {
		*o++ = set[p[0] >> 2];
		*o++ = set[(p[0] & 3) << 4 | p[1] >> 4];
		*o++ = set[(p[1] & 15) << 2 | p[2] >> 6];
		*o++ = set[p[2] & 63];
	}
	if (n != 0) {
		uint8_t second = n == 2 ? p[1] : 0;

		*o++ = set[p[0] >> 2];
		*o++ = set[(p[0] & 3) << 4 | second >> 4];
		*o++ = n == 2 ? set[(second & 15) << 2] : '=';
		*o++ = '=';
	}
	*o++ = '"';
	j->length += (size_t)(o - start);
}

void
jsonw_bytes(struct jsonw *j, const char *text_key, const char *base64_key,
    const void *bytes, size_t n)
{
	if (utf8_valid(bytes, n)) {
		jsonw_begin(j, text_key);
		jsonw_quote(j, bytes, n);
	} else {
		jsonw_begin(j, base64_key);
		jsonw_base64(j, bytes, n);
	}
}

void
jsonw_raw(struct jsonw *j, const char *key, const char *text, size_t n)
{
	jsonw_begin(j, key);
	jsonw_put(j, text, n);
}

void
jsonw_line_end(struct jsonw *j)
{
	jsonw_put(j, "\n", 1);
	j->comma = false;
}
