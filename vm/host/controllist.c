/*
 * Lists of texts for the control port. Whoever builds one frees it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "controllist.h"

void
control_list_add(struct control_list *l, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		fatal("vsnprintf");
	l->data = xreallocarray(l->data, l->n + (size_t)n + 1, 1);
	va_start(ap, fmt);
	vsnprintf(l->data + l->n, (size_t)n + 1, fmt, ap);
	va_end(ap);
	l->n += (size_t)n + 1;
}

void
control_list_free(struct control_list *l)
{
	free(l->data);
	memset(l, 0, sizeof *l);
}
