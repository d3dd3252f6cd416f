/*
 * Any bytes as a line of strace's: every piece lies in the line.
 */
#include <stdlib.h>

#include "straceargs.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
inside(struct text t, const char *line, size_t n)
{
	if (t.n > 0 && (t.at < line || t.at + t.n > line + n))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	const char *line = (const char *)bytes;
	struct strace_details d;
	struct strace_line l;
	struct text args[4];
	size_t count;

	strace_parse(&l, line, n);
	inside(l.name, line, n);
	inside(l.args, line, n);
	inside(l.ret, line, n);
	inside(l.error, line, n);
	if (l.kind != STRACE_CALL)
		return 0;
	count = strace_split(l.args, args, 4);
	for (size_t i = 0; i < count && i < 4; i++)
		inside(args[i], line, n);
	strace_details(&l, &d);
	if (d.bytes_n > sizeof d.bytes || d.path_n > sizeof d.path ||
	    d.length < 0)
		abort();
	(void)!strace_translated(l.ret);
	return 0;
}
