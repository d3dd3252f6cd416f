/*
 * Lines of strace's output, as `strace -f -ttt -T -n -o` writes them, taken
 * apart in place: nothing is copied, nothing is allocated.
 *
 *	12269 1795376657.215847 [ 102] send(3<UDP:[…]>, "hi\n", 3, 0) = 3 <0.000080>
 *	pid   time              number name args                        ret duration
 *
 * strace escapes what the sample can choose (strings, paths), so a sample
 * can't write a line of its own; it may own the guest, though, and then any
 * bytes may come: whatever does not fit is STRACE_OTHER.
 */
#ifndef HOST_STRACE_H
#define HOST_STRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrib.h"

/* A piece of somebody else's text; not ended by a NUL. */
struct text {
	const char *at;
	size_t n;
};

enum strace_kind {
	STRACE_OTHER,
	STRACE_CALL,	   /* a whole system call */
	STRACE_UNFINISHED, /* its beginning: args so far */
	STRACE_RESUMED,	   /* its end: name, and rest in args */
	STRACE_SIGNAL,	   /* name is SIGXXX, args what strace says of it */
	STRACE_EXITED,	   /* value is the status */
	STRACE_KILLED	   /* name is SIGXXX */
};

struct strace_line {
	enum strace_kind kind;
	int64_t pid;	 /* as the tracer numbers it */
	int64_t time;	 /* guest's wall clock, nanoseconds */
	int64_t nr;	 /* system call number, -1 if not known */
	struct text name, args;
	struct text ret;   /* all that stands behind "=", without duration */
	bool has_value;	   /* false for "?" */
	int64_t value;	   /* the return value, or the exit status */
	struct text error; /* errno's name, or empty */
	double duration;   /* seconds, -1 if not known */
};

/* Never fails: a line that is none of the above is STRACE_OTHER. */
void strace_parse(struct strace_line *, const char *line, size_t n);

/* Is it this text? */
bool text_is(struct text, const char *);
/* Offset of the first occurrence, or -1. */
int64_t text_find(struct text, const char *);

/*
 * Steps over one argument: from its first byte to the comma or bracket that
 * ends it, over quotes, brackets and annotations. Returns its length.
 */
size_t strace_skip(const char *, size_t n);
/* Splits arguments; returns how many there are, of which max are stored. */
size_t strace_split(struct text args, struct text *out, size_t max);

#endif
