/*
 * UTF-8.
 */
#include <string.h>

#include "base/utf8.h"

/* The first bytes of each form, and the range of the second byte
 * (RFC 3629, section 4). */
static const struct {
	uint8_t first, last, length, low, high;
} utf8_forms[] = {
	{ 0x00, 0x7f, 1, 0, 0 },
	{ 0xc2, 0xdf, 2, 0x80, 0xbf },
	{ 0xe0, 0xe0, 3, 0xa0, 0xbf },
	{ 0xe1, 0xec, 3, 0x80, 0xbf },
	{ 0xed, 0xed, 3, 0x80, 0x9f },
	{ 0xee, 0xef, 3, 0x80, 0xbf },
	{ 0xf0, 0xf0, 4, 0x90, 0xbf },
	{ 0xf1, 0xf3, 4, 0x80, 0xbf },
	{ 0xf4, 0xf4, 4, 0x80, 0x8f },
};

size_t
utf8_length(const uint8_t *p, size_t n)
{
	if (n == 0)
		return 0;
	for (size_t i = 0; i < sizeof utf8_forms / sizeof *utf8_forms; i++) {
		if (p[0] < utf8_forms[i].first || p[0] > utf8_forms[i].last)
			continue;
		size_t length = utf8_forms[i].length;

		if (length > n)
			return 0;
		if (length > 1 && (p[1] < utf8_forms[i].low ||
		    p[1] > utf8_forms[i].high))
			return 0;
		for (size_t k = 2; k < length; k++) {
			if ((p[k] & 0xc0) != 0x80)
				return 0;
		}
		return length;
	}
	return 0;
}

bool
utf8_valid(const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < n;) {
		uint64_t eight;

		/* Most of it is ASCII. */
		if (n - i >= sizeof eight) {
			memcpy(&eight, p + i, sizeof eight);
			if ((eight & UINT64_C(0x8080808080808080)) == 0) {
				i += sizeof eight;
				continue;
			}
		}
		size_t length = p[i] < 0x80 ? 1 : utf8_length(p + i, n - i);

		if (length == 0)
			return false;
		i += length;
	}
	return true;
}
