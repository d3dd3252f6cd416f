#include "lab/problems.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void
problem(struct problems *p, const char *fmt, ...)
{
	size_t n = strlen(p->text);
	va_list ap;

	if (p->count++ >= 3)
		return;
	if (n > 0 && n + 2 < sizeof p->text) {
		strcpy(p->text + n, "; ");
		n += 2;
	}
	va_start(ap, fmt);
	vsnprintf(p->text + n, sizeof p->text - n, fmt, ap);
	va_end(ap);
}

bool
problems_print(const struct problems *p, const char *check, const char *detail)
{
	if (p->count == 0)
		printf("%s\tok\t%s\n", check, detail);
	else if (p->count <= 3)
		printf("%s\tfail\t%s\n", check, p->text);
	else
		printf("%s\tfail\t%s; and %u more\n", check, p->text,
		    p->count - 3);
	return p->count == 0;
}
