/*
 * Address literals in text.
 */
#include <string.h>

#include "wire/target.h"

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
target_next(const char *text, size_t n, size_t *offset, struct addr *out)
{
	for (size_t at = *offset; at < n; at++) {
		char before = at > 0 ? text[at - 1] : ' ';
		size_t length = 0;

		if (!target_hex(before) && before != ':' &&
		    (target_hex(text[at]) || text[at] == ':'))
			length = target_v6(text + at, n - at,
			    target_letter(before), out);
		/* addr:2001:db8::1 */
		if (length == 0 && before == ':' && target_hex(text[at]))
			length = target_v6(text + at, n - at, false, out);
		if (length == 0 && target_digit(text[at]) &&
		    !target_digit(before))
			length = target_v4(text + at, n - at, out);
		if (length != 0) {
			*offset = at + length;
			return 1;
		}
	}
	*offset = n;
	return 0;
}
