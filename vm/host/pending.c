/*
 * Bytes of a stream that wait for the rest of their line or page.
 */
#include <stdlib.h>
#include <string.h>

#include "base/xmalloc.h"
#include "pending.h"

void
pending_free(struct pending *p)
{
	free(p->data);
	*p = (struct pending) { 0 };
}

void
pending_append(struct pending *p, const void *data, size_t n)
{
	if (n == 0)
		return;
	if (p->size - p->n < n) {
		p->size = p->n + n + 4096;
		p->data = xreallocarray(p->data, p->size, 1);
	}
	memcpy(p->data + p->n, data, n);
	p->n += n;
}

void
pending_consume(struct pending *p, size_t n)
{
	if (n == 0)
		return;
	memmove(p->data, p->data + n, p->n - n);
	p->n -= n;
}

bool
pending_lines(struct pending *p, size_t max,
    void (*line)(void *arg, const char *, size_t n), void *arg)
{
	size_t at = 0;

	while (p->n > at) {
		const uint8_t *start = p->data + at;
		const uint8_t *end = memchr(start, '\n', p->n - at);

		if (end == NULL)
			break;
		if (!p->skip)
			line(arg, (const char *)start, (size_t)(end - start));
		p->skip = false;
		at = (size_t)(end - p->data) + 1;
	}
	pending_consume(p, at);
	if (p->n <= max)
		return true;
	p->n = 0;
	p->skip = true;
	return false;
}
