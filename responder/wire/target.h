/*
 * Finds IPv4 and IPv6 literals in command text, so that a command that names
 * an address outside the lab can be refused. It errs on the side of finding:
 * a literal stuck to letters or in brackets, with a port or a prefix length,
 * still counts, and so do the spellings that only inet_aton(3) reads: parts in
 * octal or hexadecimal, and one number that stands alone. What it can't see
 * are names, and addresses in binary form.
 */
#ifndef WIRE_TARGET_H
#define WIRE_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"

/* A literal; 010.8.8.8 may be read as 10.8.8.8 and, in octal, as 8.8.8.8. */
struct target {
	struct addr readings[2]; /* port 0 */
	unsigned count;
	bool disguised; /* no spelling that a person would use */
	size_t at, length;
};

/*
 * Looks from *offset on for the next literal in n bytes of text (any bytes,
 * no NUL needed). 1: *out has it, *offset is behind it. 0: no more.
 */
int target_next(const char *text, size_t n, size_t *offset,
    struct target *out) A_MUST_USE;

#endif
