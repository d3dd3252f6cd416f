/*
 * The last bytes that the sample received.
 */
#include <string.h>
#include <strings.h>

#include "received.h"

void
received_add(struct received *r, const void *data, size_t n)
{
	size_t room = sizeof r->bytes - r->n;

	if (n > sizeof r->bytes)
		n = sizeof r->bytes;
	if (n > room) {
		memmove(r->bytes, r->bytes + (n - room), r->n - (n - room));
		r->n -= n - room;
	}
	memcpy(r->bytes + r->n, data, n);
	r->n += n;
}

bool
received_has(const struct received *r, const char *text, size_t n)
{
	for (size_t i = 0; n >= 2 && n <= r->n && i <= r->n - n; i++)
		if (strncasecmp(r->bytes + i, text, n) == 0)
			return true;
	return false;
}
