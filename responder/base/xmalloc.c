/*
 * Allocation that can't fail.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/xmalloc.h"

void *
xmalloc(size_t size)
{
	void *p = malloc(size == 0 ? 1 : size);

	if (p == NULL)
		fatal("out of memory: %zu bytes", size);
	return p;
}

void *
xcalloc(size_t count, size_t size)
{
	void *p = calloc(count == 0 ? 1 : count, size == 0 ? 1 : size);

	if (p == NULL)
		fatal("out of memory: %zu x %zu bytes", count, size);
	return p;
}

void *
xreallocarray(void *old, size_t count, size_t size)
{
	void *p = reallocarray(old, count == 0 ? 1 : count,
	    size == 0 ? 1 : size);

	if (p == NULL)
		fatal("out of memory: %zu x %zu bytes", count, size);
	return p;
}

char *
xstrdup(const char *text)
{
	return xmemdup0(text, strlen(text));
}

char *
xmemdup0(const void *bytes, size_t n)
{
	char *p = xmalloc(n + 1);

	if (n != 0)
		memcpy(p, bytes, n);
	p[n] = '\0';
	return p;
}

char *
xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		fatal("out of memory: formatting");
	va_end(ap);
	return text;
}
