/*
 * Address literals in text.
 */
#include <string.h>

#include "wire/target.h"

/* Numbers below this, 1.0.0.0, are taken for what they are: numbers. */
#define TARGET_NUMBER_MIN (UINT64_C(1) << 24)
/* The longest spelling of an IPv6 address (RFC 4291, 2.2). */
#define TARGET_V6_MAX 45

static int
target_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int
target_hex(char c)
{
	return target_digit(c) || (c >= 'a' && c <= 'f') ||
	    (c >= 'A' && c <= 'F');
}

static int
target_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Length of the dotted quad at text, or 0 if there is none. */
static size_t
target_v4(const char *text, size_t n, struct addr *out)
{
	uint8_t bytes[4];
	size_t at = 0;

	for (int part = 0; part < 4; part++) {
		unsigned value = 0, digits = 0;

		if (part > 0 && (at == n || text[at++] != '.'))
			return 0;
		while (at + 1 < n && text[at] == '0' &&
		    target_digit(text[at + 1]))
			at++;
		while (at < n && target_digit(text[at]) && digits < 4) {
			value = value * 10 + (unsigned)(text[at++] - '0');
			digits++;
		}
		/* Of a last part that is too long the front still counts:
		 * better to find too much. */
		while (part == 3 && digits > 1 && (digits > 3 || value > 255)) {
			value /= 10;
			digits--;
			at--;
		}
		if (digits == 0 || digits > 3 || value > 255)
			return 0;
		bytes[part] = (uint8_t)value;
	}
	memset(out, 0, sizeof *out);
	out->family = AF_INET;
	memcpy(out->bytes, bytes, sizeof bytes);
	return at;
}

/* Length of the number at text in C's spelling, or 0; at most 2^32. */
static size_t
target_number(const char *text, size_t n, uint64_t *value)
{
	unsigned base = 10;
	size_t at = 0;

	*value = 0;
	if (n > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X') &&
	    target_hex(text[2])) {
		base = 16;
		at = 2;
	} else if (n > 1 && text[0] == '0' && target_digit(text[1])) {
		base = 8;
		at = 1;
	}
	for (; at < n && (base == 16 ? target_hex(text[at]) :
	    target_digit(text[at])); at++) {
		unsigned digit = target_digit(text[at]) ?
		    (unsigned)(text[at] - '0') :
		    (unsigned)((text[at] | 0x20) - 'a') + 10;

		if (digit >= base)
			return 0;
		*value = *value * base + digit;
		if (*value > UINT32_MAX)
			*value = UINT64_C(1) << 32;
	}
	return at;
}

/* Can a number between these two stand for an address? A path's part can't. */
static bool
target_stands_alone(const char *text, size_t n, size_t at, size_t length)
{
	size_t end = at + length;

	if (at > 0 && strchr(" \t\r\n=:,;@[(\"'", text[at - 1]) == NULL &&
	    (at < 2 || text[at - 1] != '/' || text[at - 2] != '/'))
		return false;
	return end == n || text[end] == '\0' ||
	    strchr(" \t\r\n:,;/?])\"'", text[end]) != NULL;
}

static void
target_set_v4(struct addr *out, uint32_t value)
{
	memset(out, 0, sizeof *out);
	out->family = AF_INET;
	for (int i = 0; i < 4; i++)
		out->bytes[i] = (uint8_t)(value >> (24 - 8 * i));
}

/*
 * Length of what inet_aton(3) takes for an address at text + at, or 0: four
 * numbers, or one. Two and three are left to versions and dates.
 */
static size_t
target_aton(const char *text, size_t n, size_t at, struct addr *out)
{
	size_t start = at, length;
	uint64_t value, all = 0;

	for (int part = 0; part < 4; part++) {
		if (part > 0 && (at == n || text[at] != '.'))
			break;
		at += part > 0;
		length = target_number(text + at, n - at, &value);
		if (length == 0)
			return 0;
		at += length;
		if (part == 0 && value >= TARGET_NUMBER_MIN &&
		    value <= UINT32_MAX &&
		    target_stands_alone(text, n, start, length)) {
			target_set_v4(out, (uint32_t)value);
			return length;
		}
		if (value > 255)
			return 0;
		all = all << 8 | value;
		if (part == 3) {
			target_set_v4(out, (uint32_t)all);
			return at - start;
		}
	}
	return 0;
}

/* The length of the IPv4 literal at text + at, with all its readings, or 0. */
static size_t
target_v4_readings(const char *text, size_t n, size_t at, struct target *t)
{
	size_t plain = target_v4(text + at, n - at, &t->readings[0]);
	struct addr *next = &t->readings[plain != 0];
	size_t aton = target_aton(text, n, at, next);

	t->count = plain != 0;
	if (aton != 0 && (plain == 0 || !addr_equal(next, t->readings))) {
		t->count++;
		t->disguised = true;
	}
	return aton > plain ? aton : plain;
}

/* Length of the IPv6 address at text, the longest that parses, or 0. */
static size_t
target_v6(const char *text, size_t n, bool after_letter, struct addr *out)
{
	char copy[TARGET_V6_MAX + 1];
	size_t run = 0, colons = 0;

	while (run < n && run < TARGET_V6_MAX &&
	    (target_hex(text[run]) || text[run] == ':' || text[run] == '.')) {
		colons += text[run] == ':';
		run++;
	}
	/* Module::name is no address. */
	bool before_letter = run < n && target_letter(text[run]);
	if (colons < 2 || (colons < 3 && (after_letter || before_letter)))
		return 0;
	memcpy(copy, text, run);
	for (; run > 1; run--) {
		copy[run] = '\0';
		if (addr_parse(out, copy) == 0)
			return run;
	}
	return 0;
}

int
target_next(const char *text, size_t n, size_t *offset, struct target *t)
{
	for (size_t at = *offset; at < n; at++) {
		char before = at > 0 ? text[at - 1] : ' ';
		struct addr *out = &t->readings[0];
		size_t length = 0;

		t->count = 1;
		t->disguised = false;

		if (!target_hex(before) && before != ':' &&
		    (target_hex(text[at]) || text[at] == ':'))
			length = target_v6(text + at, n - at,
			    target_letter(before), out);
		/* addr:2001:db8::1 */
		if (length == 0 && before == ':' && target_hex(text[at]))
			length = target_v6(text + at, n - at, false, out);
		if (length == 0 && target_digit(text[at]) &&
		    !target_digit(before))
			length = target_v4_readings(text, n, at, t);
		if (length != 0) {
			t->at = at;
			t->length = length;
			*offset = at + length;
			return 1;
		}
	}
	*offset = n;
	return 0;
}
